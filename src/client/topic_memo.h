// The last topic that was published to. Whoever publishes much does it to few topics, and to compare five members costs
// a fifth of writing them.
//
// Who calls it: ClientCore. Thread rule: the loop's thread. A view it gives lives until the next call.
#pragma once

#include <axonpush/topic.h>

namespace axonpush::inline v0 {

class TopicMemo {
 public:
  // As write_publish_topic().
  [[nodiscard]] Result<std::string_view> of(const TopicDefaults& defaults, const TopicMembers& members) noexcept {
    if (matches(members)) return std::string_view(text_, size_);
    size_ = 0;
    const Result<std::size_t> written = write_publish_topic(text_, defaults, members);
    if (!written.ok()) return written.error();
    remember(members, *written);
    return std::string_view(text_, *written);
  }
  // The defaults have changed.
  void forget() noexcept { size_ = 0; }

 private:
  static constexpr std::size_t kMembers = 5;
  struct Views {
    std::string_view view[kMembers];
  };
  [[nodiscard]] static Views views_of(const TopicMembers& members) noexcept {
    return {{members.environment, members.app_id, members.channel_id, members.event_type, members.agent_id}};
  }
  [[nodiscard]] bool matches(const TopicMembers& members) const noexcept {
    if (size_ == 0) return false;
    const char* at = members_;
    const Views views = views_of(members);
    for (std::size_t index = 0; index < kMembers; ++index) {
      const std::string_view view = views.view[index];
      if (view.size() != sizes_[index] || std::string_view(at, view.size()) != view) return false;
      at += view.size();
    }
    return true;
  }
  // Members that are longer than a topic are not remembered: escaping makes some of them shorter.
  void remember(const TopicMembers& members, std::size_t size) noexcept {
    std::size_t used = 0;
    const Views views = views_of(members);
    for (std::size_t index = 0; index < kMembers; ++index) {
      const std::string_view view = views.view[index];
      if (view.size() > sizeof members_ - used) return;
      sizes_[index] = static_cast<std::uint16_t>(view.size());
      if (!view.empty()) std::memcpy(members_ + used, view.data(), view.size());
      used += view.size();
    }
    size_ = size;
  }

  char text_[limits::kTopicOutBytes];
  char members_[limits::kTopicOutBytes];
  std::uint16_t sizes_[kMembers] = {};
  std::size_t size_ = 0;  // of the topic; 0: nothing is remembered
};

}  // namespace axonpush::inline v0
