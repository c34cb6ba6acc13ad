// What one session of one client published and was fed, what became of it, and the rules by which that is judged.
//
// The rules, from CONTRACT sections 3 and 6 and FAULTS 2.2. A QoS 1 publish completes exactly once; one that was
// acknowledged is at the broker (I-01, I-02), once, and once more at most for each connection that ended, or was
// drained, while it was unacknowledged (I-03); one that was refused is not there. A QoS 0 publish is never there twice.
// Of what the broker took for a filter it had granted everything arrives, but for what lies in a gap that was told
// (I-09). An event with an id arrives once (I-06); one without may be repeated, and is marked then.
// Where no connection was cut nothing is lost, nothing is doubled and nothing is reported.
#pragma once

#include <axonpush/base/time.h>
#include <axonpush/event.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace interop {

using axonpush::Duration;
using axonpush::Instant;

// What kind of session it is, as far as the rules differ.
struct Terms {
  bool calm = false;      // nothing is cut
  bool takeover = false;  // swaps keep the client id
  bool ordered = false;   // RealtimeOptions::ordered_swap
};

struct Totals {
  std::uint64_t published = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t failed = 0;
  std::uint64_t witnessed = 0;  // copies at the broker
  std::uint64_t fed = 0;
  std::uint64_t delivered = 0;
  std::uint64_t up_lost = 0;     // acknowledged, and not there: never allowed
  std::uint64_t up_doubled = 0;  // copies beyond the first
  std::uint64_t down_in_gaps = 0;
  std::uint64_t down_lost = 0;  // in no gap: never allowed
  std::uint64_t down_marked = 0;
  std::uint64_t down_doubled = 0;  // unmarked second copies: never allowed
  void add(const Totals& other);
};

class Ledger {
 public:
  explicit Ledger(const Terms& terms) : terms_(terms) {}

  // --- What the client publishes, from a number up for each QoS.
  std::size_t publishing(int qos, Instant now);
  void refused(int qos, std::size_t number, std::string_view why);
  void completed(int qos, std::size_t number, bool acknowledged, std::string_view why);
  void witnessed(int qos, std::size_t number);
  // A connection on which publishes may have been unacknowledged ended, or was left with them.
  void connection_ended(std::uint64_t connection);

  // --- What it is fed.
  // `copies` equal events, with a number of its own.
  std::size_t feeding(bool with_id, int qos, int copies, Instant now);
  void accepted(std::size_t number, Instant now);  // by the broker, one copy
  void delivered(std::size_t number, const axonpush::Event& event);
  void gap(Instant from, Instant to) { gaps_.push_back({from, to}); }

  // Anything that is wrong at once.
  void wrong(std::string text);

  // Is there anything that may still come?
  [[nodiscard]] bool settled() const;
  // At the end, once.
  void judge();
  [[nodiscard]] const std::vector<std::string>& findings() const { return findings_; }
  [[nodiscard]] const Totals& totals() const { return totals_; }
  [[nodiscard]] std::size_t gaps() const { return gaps_.size(); }

 private:
  enum class Outcome : std::uint8_t {
    pending,
    acknowledged,
    failed,
    refused
  };
  struct Publish {
    Instant asked = {};
    std::uint32_t ends_before = 0;
    std::uint32_t ends_after = 0;
    std::uint32_t copies = 0;
    Outcome outcome = Outcome::pending;
  };
  struct Feed {
    Instant sent;
    Instant accepted = Instant::never();
    int copies = 0;
    int accepted_copies = 0;
    int qos = 1;
    int plain = 0;
    int marked = 0;
    bool with_id = false;
  };
  struct Gap {
    Instant from;
    Instant to;
  };

  void judge_publish(int qos, std::size_t number, const Publish& publish);
  void judge_feed(std::size_t number, const Feed& feed);
  [[nodiscard]] bool in_gap(const Feed& feed) const;
  [[nodiscard]] bool all_there(const Feed& feed) const { return feed.plain + feed.marked >= feed.copies; }

  Terms terms_;
  std::vector<Publish> publishes_[2];
  std::size_t pending_ = 0;
  std::size_t unwitnessed_ = 0;  // acknowledged, and not seen yet
  std::size_t witnessed_max_ = 0;
  bool witnessed_any_ = false;
  std::uint32_t ends_ = 0;
  std::set<std::uint64_t> ended_;
  std::vector<Feed> feeds_;
  std::vector<Gap> gaps_;
  std::vector<std::string> findings_;
  Totals totals_;
};

}  // namespace interop
