#include "interop/storm_ledger.h"

namespace interop {

namespace {

constexpr std::size_t kFindingsMax = 20;

}  // namespace

void Totals::add(const Totals& other) {
  published += other.published;
  acknowledged += other.acknowledged;
  failed += other.failed;
  witnessed += other.witnessed;
  fed += other.fed;
  delivered += other.delivered;
  up_lost += other.up_lost;
  up_doubled += other.up_doubled;
  down_in_gaps += other.down_in_gaps;
  down_lost += other.down_lost;
  down_marked += other.down_marked;
  down_doubled += other.down_doubled;
}

void Ledger::wrong(std::string text) {
  if (findings_.size() < kFindingsMax) findings_.push_back(std::move(text));
}

// --- What the client publishes

std::size_t Ledger::publishing(int qos, Instant now) {
  publishes_[qos].push_back({.asked = now, .ends_before = ends_, .ends_after = 0});
  ++pending_;
  ++totals_.published;
  return publishes_[qos].size() - 1;
}

void Ledger::refused(int qos, std::size_t number, std::string_view why) {
  completed(qos, number, false, why);
  publishes_[qos][number].outcome = Outcome::refused;
}

void Ledger::completed(int qos, std::size_t number, bool acknowledged, std::string_view why) {
  Publish& publish = publishes_[qos][number];
  if (publish.outcome != Outcome::pending) {
    return wrong("publish " + std::to_string(number) + " completed twice (I-01)");
  }
  --pending_;
  publish.outcome = acknowledged ? Outcome::acknowledged : Outcome::failed;
  publish.ends_after = ends_;
  ++(acknowledged ? totals_.acknowledged : totals_.failed);
  if (acknowledged && qos == 1 && publish.copies == 0) ++unwitnessed_;
  if (!acknowledged && terms_.calm) {
    wrong("publish " + std::to_string(number) + " failed though nothing was cut: " + std::string(why));
  }
}

void Ledger::witnessed(int qos, std::size_t number) {
  if (number >= publishes_[qos].size()) {
    return wrong("the witness saw publish " + std::to_string(number) + ", which was never made");
  }
  Publish& publish = publishes_[qos][number];
  ++totals_.witnessed;
  if (++publish.copies != 1) return;
  if (publish.outcome == Outcome::acknowledged && qos == 1) --unwitnessed_;
  if (qos == 0) return;
  // I-04; in a takeover the old connection is at its end before the new one publishes.
  const bool in_order = !witnessed_any_ || number > witnessed_max_;
  if (!in_order && (terms_.ordered || terms_.takeover)) {
    wrong("publish " + std::to_string(number) + " reached the broker behind " + std::to_string(witnessed_max_) +
          " (I-04)");
  }
  if (in_order) witnessed_max_ = number;
  witnessed_any_ = true;
}

void Ledger::connection_ended(std::uint64_t connection) {
  if (ended_.insert(connection).second) ++ends_;
}

void Ledger::judge_publish(int qos, std::size_t number, const Publish& publish) {
  const std::string name = "QoS " + std::to_string(qos) + " publish " + std::to_string(number);
  if (publish.copies > 1) totals_.up_doubled += publish.copies - 1;
  if (publish.outcome == Outcome::pending) return wrong(name + " never completed (I-01)");
  if (publish.outcome == Outcome::refused) {
    if (publish.copies != 0) wrong(name + " was refused, and is at the broker (I-02)");
    return;
  }
  const bool must_be_there =
      publish.outcome == Outcome::acknowledged && (qos == 1 || (terms_.calm && !terms_.takeover));
  if (must_be_there && publish.copies == 0) {
    ++totals_.up_lost;
    wrong(name + " was acknowledged, and is not at the broker (I-02)");
  }
  // Where an overlap is undisturbed every publish is acknowledged on the connection that it was written on.
  const bool may_repeat = qos == 1 && (!terms_.calm || terms_.takeover);
  // One that failed because its PUBACK did not come is unacknowledged still, and moves along with the session.
  const std::uint32_t ends = publish.outcome == Outcome::failed ? ends_ : publish.ends_after;
  const std::uint32_t most = may_repeat ? 1 + ends - publish.ends_before : 1;
  if (publish.copies > most) {
    wrong(name + " is at the broker " + std::to_string(publish.copies) + " times, " + std::to_string(most) +
          " would be allowed (I-03)");
  }
}

// --- What it is fed

std::size_t Ledger::feeding(bool with_id, int qos, int copies, Instant now) {
  Feed feed;
  feed.sent = now;
  feed.copies = copies;
  feed.qos = qos;
  feed.with_id = with_id;
  if (qos == 0) feed.accepted = now;
  feeds_.push_back(feed);
  totals_.fed += static_cast<std::uint64_t>(copies);
  return feeds_.size() - 1;
}

void Ledger::accepted(std::size_t number, Instant now) {
  feeds_[number].accepted = now;
  ++feeds_[number].accepted_copies;
}

void Ledger::delivered(std::size_t number, const axonpush::Event& event) {
  if (number >= feeds_.size()) return wrong("event " + std::to_string(number) + " came, which was never fed (I-05)");
  Feed& feed = feeds_[number];
  ++totals_.delivered;
  ++(event.maybe_duplicate() ? feed.marked : feed.plain);
  if (feed.with_id == event.event_id().empty()) wrong("event " + std::to_string(number) + " changed its shape (I-05)");
}

// May it have been lost in one? The broker took it between `sent` and `accepted`, on one clock with the client.
bool Ledger::in_gap(const Feed& feed) const {
  for (const Gap& gap : gaps_) {
    if (feed.accepted >= gap.from && feed.sent <= gap.to) return true;
  }
  return false;
}

void Ledger::judge_feed(std::size_t number, const Feed& feed) {
  const std::string name = "event " + std::to_string(number) + (feed.with_id ? " (with an id)" : " (without an id)");
  totals_.down_marked += static_cast<std::uint64_t>(feed.marked);
  if (!all_there(feed)) {
    if (!terms_.calm && in_gap(feed)) {
      ++totals_.down_in_gaps;
    } else {
      ++totals_.down_lost;
      std::string text = name + " came " + std::to_string(feed.plain + feed.marked) + " of " +
                         std::to_string(feed.copies) + " times, and no gap was told of it (I-09)";
      for (const Gap& gap : gaps_) {
        const Duration before = gap.from - feed.accepted;
        text += "; a gap began " + std::to_string(before.milliseconds()) + " ms after the broker took it and lasted " +
                std::to_string((gap.to - gap.from).milliseconds()) + " ms";
      }
      wrong(std::move(text));
    }
  }
  const int all = feed.plain + feed.marked;
  const bool once = feed.with_id || (terms_.calm && !terms_.takeover);
  if (feed.plain > feed.copies || (once && all > feed.copies)) {
    ++totals_.down_doubled;
    wrong(name + " came " + std::to_string(all) + " times, " + std::to_string(feed.marked) +
          " of them marked as maybe repeated, and was fed " + std::to_string(feed.copies) + " times (I-06)");
  }
  if (terms_.calm && !terms_.takeover && feed.marked != 0) wrong(name + " is marked though nothing was cut");
}

bool Ledger::settled() const {
  if (pending_ != 0 || unwitnessed_ != 0) return false;
  for (const Feed& feed : feeds_) {
    if (feed.qos == 1 && feed.accepted_copies < feed.copies) return false;
    if (!all_there(feed) && !in_gap(feed)) return false;
  }
  return true;
}

void Ledger::judge() {
  for (int qos = 0; qos < 2; ++qos) {
    for (std::size_t number = 0; number < publishes_[qos].size(); ++number) {
      judge_publish(qos, number, publishes_[qos][number]);
    }
  }
  for (std::size_t number = 0; number < feeds_.size(); ++number) judge_feed(number, feeds_[number]);
  // A PINGRESP that is held up for longer than an old connection is read is no cut, but a gap is possible then.
  if (terms_.calm && gaps_.size() > 1) wrong("gaps were told again and again though nothing was cut");
}

}  // namespace interop
