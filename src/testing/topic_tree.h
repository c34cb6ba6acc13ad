// Which sessions a topic goes to: filters in a tree of levels, so that the cost does not grow with their number.
//
// Filters and topics are valid and of at most kLevelsMax levels; the caller has judged them. Thread rule: one thread.
#pragma once

#include <axonpush/mqtt/packet.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace axonpush::inline v0::testing {

struct Session;

struct Subscriber {
  Session* session = nullptr;
  mqtt::Qos qos_max = mqtt::Qos::at_most_once;
  bool no_local = false;
};

class TopicTree {
 public:
  static constexpr std::size_t kLevelsMax = 8;  // AWS IoT Core: at most seven slashes

  // The session has no subscription to this filter yet.
  void add(std::string_view topic_filter, const Subscriber& subscriber);
  // It has one: its options are replaced.
  void replace(std::string_view topic_filter, const Subscriber& subscriber);
  void remove(std::string_view topic_filter, const Session& session);
  // Appends one entry for each matching subscription; a session with overlapping filters comes more than once.
  void match(std::string_view topic, std::vector<Subscriber>& into);

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  struct Node {
    std::unordered_map<std::string, std::unique_ptr<Node>, TextHash, std::equal_to<>> children;
    std::vector<Subscriber> here;   // the filter ends at this level
    std::vector<Subscriber> below;  // it goes on with '#', which also matches this level itself (MQTT 5 4.7.1.2)
    [[nodiscard]] bool empty() const { return children.empty() && here.empty() && below.empty(); }
  };

  [[nodiscard]] std::vector<Subscriber>& list_of(std::string_view topic_filter);

  Node root_;
  std::vector<Node*> front_, next_;  // scratch of match()
};

}  // namespace axonpush::inline v0::testing
