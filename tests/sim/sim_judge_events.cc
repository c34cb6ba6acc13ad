// Delivery: invariants 5 to 11, and the sums of what was lost and doubled.
#include <algorithm>
#include <cstdio>

#include "sim/sim_judge.h"

namespace axonpush::sim {

namespace {

constexpr Duration kSettled = seconds(45);  // an event on a whole connection has arrived by then, however it lags
constexpr Duration kOnItsWay = seconds(2);
constexpr std::size_t kEventsKept = 60'000;

const std::vector<std::string>& all_topics() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> made;
    for (std::int64_t channel = 0; channel < kChannels; ++channel) {
      for (std::int64_t type = 0; type < kTypes; ++type) {
        made.push_back("axonpush/org_1/default/app/c" + std::to_string(channel) + "/t" + std::to_string(type) + "/a0");
      }
    }
    return made;
  }();
  return all;
}

const std::vector<std::string>& all_filters() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> made;
    for (std::int64_t channel = 0; channel <= kChannels; ++channel) {
      for (std::int64_t type = 0; type <= kTypes; ++type) {
        made.push_back("axonpush/org_1/default/+/" +
                       (channel == kChannels ? std::string("+") : "c" + std::to_string(channel)) + "/" +
                       (type == kTypes ? std::string("+") : "t" + std::to_string(type)) + "/+");
      }
    }
    return made;
  }();
  return all;
}

std::uint64_t bit(std::size_t slot) { return std::uint64_t{1} << slot; }

}  // namespace

const std::string& Judge::topic(std::size_t index) { return all_topics()[index]; }
const std::string& Judge::filter(std::size_t index) { return all_filters()[index]; }
bool Judge::matches(std::size_t filter, std::size_t topic) {
  const std::size_t channel = filter / static_cast<std::size_t>(kTypes + 1);
  const std::size_t type = filter % static_cast<std::size_t>(kTypes + 1);
  const bool channel_fits =
      channel == static_cast<std::size_t>(kChannels) || channel == topic / static_cast<std::size_t>(kTypes);
  return channel_fits && (type == static_cast<std::size_t>(kTypes) || type == topic % static_cast<std::size_t>(kTypes));
}

std::uint32_t Judge::new_event(EventRecord record) {
  events_.push_back(std::move(record));
  while (events_.size() > kEventsKept) {
    events_.pop_front();
    ++events_base_;
  }
  return events_base_ + static_cast<std::uint32_t>(events_.size() - 1);
}

std::size_t Judge::add_slot(std::size_t client, Slot slot) {
  Watched& it = watched(client);
  if (it.slots.size() >= 64) return 64;
  slot.active = true;
  it.slots_changed = world_.now();
  slot.since = world_.now();
  it.slots.push_back(slot);
  it.active |= bit(it.slots.size() - 1);
  return it.slots.size() - 1;
}
void Judge::drop_slot(std::size_t client, std::size_t slot) {
  Watched& it = watched(client);
  if (slot >= it.slots.size()) return;
  it.slots[slot].active = false;
  it.slots_changed = world_.now();
  it.active &= ~bit(slot);
}
void Judge::drop_filter(std::size_t client, std::uint8_t filter) {
  Watched& it = watched(client);
  for (std::size_t slot = 0; slot < it.slots.size(); ++slot) {
    if (it.slots[slot].kind != SlotKind::handler && it.slots[slot].filter == filter) drop_slot(client, slot);
  }
}
void Judge::granted(std::size_t client, std::size_t slot) {
  Watched& it = watched(client);
  if (slot < it.slots.size()) it.slots[slot].told = true;
}
void Judge::refused(std::size_t client, std::size_t slot) {
  mark(Mark::filter_refused);
  drop_slot(client, slot);
}

void Judge::answered(BrokerPeer& peer, const std::string& topic_filter, bool refused) {
  LinkNote& note = note_of(peer.link());
  Watched& it = watched(note.client);
  std::uint32_t its_bit = 0;
  for (std::size_t index = 0; index < static_cast<std::size_t>(kFilters); ++index) {
    if (filter(index) == topic_filter) its_bit = std::uint32_t{1} << index;
  }
  // What an old connection on its way out still grants does not make it stand on the one that serves.
  if (refused) {
    it.refused_anywhere |= its_bit;
  } else if (note.id == it.active_link) {
    it.refused_anywhere &= ~its_bit;
    if ((it.lacking & its_bit) != 0) it.stands_since = world_.now();
    it.lacking &= ~its_bit;
  }
  if (talks) {
    std::printf("%.6f client %zu: the broker %s %s on connection %llu\n",
                static_cast<double>((world_.now() - world_.start()).nanoseconds()) * 1e-9, note.client,
                refused ? "refuses" : "grants", topic_filter.c_str(), static_cast<unsigned long long>(note.id));
  }
  // What a new connection refuses while the old one serves holds it up: that is no excuse.
  if (refused && note.id != it.active_link && refresh::has_serving(it.phase)) {
    const bool stood = std::any_of(it.slots.begin(), it.slots.end(), [&](const Slot& slot) {
      return slot.active && slot.told && slot.kind != SlotKind::handler && filter(slot.filter) == topic_filter;
    });
    if (stood && it.phase == refresh::Phase::live_restore) mark(Mark::candidate_refused);
    return;
  }
  std::uint32_t& last = it.refused_last;
  last = refused ? last | its_bit : last & ~its_bit;
}

void Judge::on_sent(BrokerPeer& peer, const Message& message) {
  LinkNote& note = note_of(peer.link());
  const auto number = static_cast<std::uint32_t>(message.tag);
  const bool again = !note.sent.empty() && note.sent.back().event == number;
  note.sent.push_back({number, static_cast<std::uint8_t>(again ? 2 : 1), world_.now(), (message.tag & kTwinTag) != 0});
  ++totals.sent;
  Watched& it = watched(note.client);
  ++it.events_sent;
  if (Due::Copy* due = it.due_of(message.tag)) {
    due->sent = world_.now();
    due->on = &note;
  }
  if (!it.in_session || it.disconnecting || number < events_base_ || number < it.seen_base) return;
  const EventRecord& record = events_[number - events_base_];
  std::uint64_t slots = 0;
  for (std::size_t slot = 0; slot < it.slots.size(); ++slot) {
    const Slot& wanted = it.slots[slot];
    if (!wanted.active || wanted.lost) continue;
    // Who came between two equal events sees one of them.
    if (again && wanted.since >= note.sent[note.sent.size() - 2].at) continue;
    if (wanted.kind != SlotKind::raw && !record.valid) continue;
    if (wanted.kind != SlotKind::handler && (!wanted.told || !matches(wanted.filter, record.topic) ||
                                             (wanted.trace != 0 && (wanted.trace != record.trace || !record.valid)))) {
      continue;
    }
    slots |= bit(slot);
  }
  while (it.seen.size() <= number - it.seen_base) it.seen.emplace_back();
  Watched::Seen& seen = it.seen[number - it.seen_base];
  const bool repeats = seen.sent != Instant() && seen.sent_on != &note;
  if (seen.sent == Instant()) {
    seen.sent = world_.now();
    seen.sent_on = &note;
  }
  if (slots != 0) it.owed.push_back({world_.now(), &note, number, note.sent.back().copy, repeats, slots});
}

// I-05 to I-08, I-10: what a callback is given, against what the broker put on the connection that is being read.
void Judge::on_event(std::size_t client, std::size_t slot, const Event& event) {
  Watched& it = watched(client);
  ++totals.delivered;
  const std::string_view body = event.text();
  std::uint32_t number = 0;
  for (std::size_t at = body.starts_with('{') ? 5 : 7; at < body.size() && body[at] >= '0' && body[at] <= '9'; ++at) {
    number = number * 10 + static_cast<std::uint32_t>(body[at] - '0');
  }
  hash(static_cast<std::uint64_t>(number) << 8 | slot);
  arrived(it, slot, number, body);
  if (talks) {
    std::printf("%.6f client %zu callback %zu: event %u on connection %llu%s\n",
                static_cast<double>((world_.now() - world_.start()).nanoseconds()) * 1e-9, client, slot, number,
                static_cast<unsigned long long>(it.packet_link), event.maybe_duplicate() ? ", perhaps again" : "");
  }
  Connection* link = nullptr;
  for (std::size_t at = 0; at < it.host->open_connections(); ++at) {
    if (static_cast<std::uint64_t>(it.host->connection(at)->id()) == it.packet_link) link = it.host->connection(at);
  }
  // A callback of this event may have ended it: whoever else waits for the event gets it all the same.
  Connection* const reading = it.host->reading();
  if (link == nullptr && reading != nullptr && static_cast<std::uint64_t>(reading->id()) == it.packet_link) {
    link = reading;
  }
  check(27, link != nullptr, [] { return std::string("an event outside of the reading of a connection"); });
  if (link == nullptr || it.garbled) return;
  LinkNote& note = note_of(*link);
  if (note.subacks == 0 && note.id != it.active_link) mark(Mark::event_before_suback);
  const Slot& wanted = it.slots[slot];
  check(8, wanted.active, [] { return std::string("an event for a callback that was taken off"); });
  check(24, !it.disconnecting, [] { return std::string("an event callback after disconnect was called"); });
  check(11, !it.packet_acknowledged, [] { return std::string("an event was acknowledged before it was delivered"); });
  // The next copy on this connection that this callback has not seen.
  std::size_t at = note.cursor;
  const auto fits = [&] {
    return note.sent[at].event == number && !(at == note.cursor && (note.called & bit(slot)) != 0);
  };
  while (at < note.sent.size() && !fits()) ++at;
  if (at == note.sent.size()) {
    const auto before = std::find_if(note.sent.begin(), note.sent.end(),
                                     [number](const LinkNote::Sent& sent) { return sent.event == number; });
    const bool sent = before != note.sent.end();
    const bool now = sent && note.cursor < note.sent.size() && note.sent[note.cursor].event == number;
    fail(!sent ? 5
         : now ? 7
               : 10,
         "event " + std::to_string(number) +
             (!sent ? " was not sent on this connection"
              : now ? " was given twice for one copy"
                    : " is out of order"));
    return;
  }
  ++totals.checks[7];
  ++totals.checks[10];
  if (at != note.cursor) {
    note.cursor = at;
    note.called = 0;
  }
  note.called |= bit(slot);
  if (number < events_base_ || number < it.seen_base) return;
  const EventRecord& record = events_[number - events_base_];
  check(5, body == record.body && event.topic() == topic(record.topic),
        [&] { return "event " + std::to_string(number) + " is not what the broker was given"; });
  const bool fit = wanted.kind == SlotKind::handler ||
                   (matches(wanted.filter, record.topic) && (wanted.trace == 0 || wanted.trace == record.trace));
  check(8, fit && (wanted.kind == SlotKind::raw || record.valid),
        [&] { return "event " + std::to_string(number) + " does not match the callback's filter"; });
  while (it.seen.size() <= number - it.seen_base) it.seen.emplace_back();
  Watched::Seen& seen = it.seen[number - it.seen_base];
  if (event.maybe_duplicate()) {
    mark(Mark::duplicate_told);
    if (it.host->swap_events == 1 && record.has_id && (seen.once & bit(slot)) != 0) mark(Mark::forgotten_in_swap);
  }
  if (seen.once == 0) seen.first = world_.now();
  if ((seen.once & bit(slot)) == 0) {
    seen.once |= bit(slot);
  } else if (record.twin && (seen.twice & bit(slot)) == 0) {
    seen.twice |= bit(slot);
    mark(Mark::twin_kept);
  } else if (world_.now() - note.sent[at].at > seconds(5)) {
    // CONTRACT 6.4: the memory of a swap lasts for 5 s after the old connection's end.
  } else if (!record.has_id && seen.first < it.last_end && world_.now() - it.last_end > limits::kDedupHold) {
    // The same where it was the new connection that ended, and the old one, which serves again, was held up for longer.
  } else if (!event.maybe_duplicate() ||
             (record.has_id && it.account.refused == 0 && it.host->swap_events != 1 && wanted.kind != SlotKind::raw)) {
    // CONTRACT 6: one without an id, or whose body nobody reads, comes again only when it says so; one with an id only
    // where there was no memory, or one of one event that has forgotten it.
    ++totals.doubled;
    fail(6, "event " + std::to_string(number) + (record.has_id ? "" : " (without an id)") +
                " was delivered twice to one callback");
  }
  ++totals.checks[6];
}

// I-09: what was sent on a whole connection has reached every callback that was there for it.
void Judge::settle_events(std::size_t client, bool all) {
  Watched& it = watched(client);
  while (!it.owed.empty() && (all || world_.now() - std::max(it.owed.front().at, it.host->paused_until) > kSettled)) {
    const Watched::Owed owed = it.owed.front();
    it.owed.pop_front();
    const LinkNote& note = *owed.note;
    // A full queue behind a small Receive Maximum is still being sent when the run ends: this one is on its way.
    if (all && world_.now() - owed.at < kOnItsWay) continue;
    ++totals.checks[9];
    if (note.harmed || note.garbled || it.garbled || note.life != it.life || owed.event < it.seen_base ||
        owed.event < events_base_ || it.harmed_until > owed.at || it.wrong_ids.count(owed.event) != 0) {
      continue;
    }
    const EventRecord& record = events_[owed.event - events_base_];
    std::uint64_t missing = owed.slots & it.active;
    std::uint64_t reached = 0;
    for (std::size_t slot = 0; slot < it.slots.size(); ++slot) {
      if (it.slots[slot].lost) missing &= ~bit(slot);
    }
    if (owed.event - it.seen_base < it.seen.size()) {
      const Watched::Seen& seen = it.seen[owed.event - it.seen_base];
      reached = owed.copy == 1 ? seen.once : seen.twice;
      missing &= ~reached;
      // A copy that comes again is not given to callbacks that came between.
      for (std::size_t slot = 0; slot < it.slots.size(); ++slot) {
        if (seen.once != 0 && it.slots[slot].since >= seen.first) missing &= ~bit(slot);
        if (owed.at > seen.sent && it.slots[slot].since >= seen.sent) missing &= ~bit(slot);
      }
    }
    if (missing == 0) {
      if (owed.repeats && owed.copy == 1 && (owed.slots & reached) != 0) {
        ++totals.dropped_copies;
        mark(Mark::duplicate_dropped);
        if (!record.has_id) mark(Mark::duplicate_without_id);
      }
      continue;
    }
    totals.lost += static_cast<std::uint64_t>(__builtin_popcountll(missing));
    fail(9, "event " + std::to_string(owed.event) + " on " + topic(record.topic) + " (QoS " +
                std::to_string(record.qos) + (record.has_id ? "" : ", without an id") +
                (record.twin ? ", a twin" : "") + ") went out on connection " + std::to_string(note.id) + " at " +
                std::to_string((owed.at - world_.start()).milliseconds()) +
                " ms, which nothing harmed, and did not reach client " + std::to_string(client) + "'s callback " +
                std::to_string(__builtin_ctzll(missing)));
  }
  while (it.seen.size() > 20'000) {
    it.seen.pop_front();
    ++it.seen_base;
  }
}

}  // namespace axonpush::sim
