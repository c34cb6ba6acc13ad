// What was lost was told: invariant 9 over the whole of a session, whatever was done to its connections. Each event the
// broker took while a callback stood for it has come, or lies in a gap that on_gap told; and where nothing was done, no
// gap is told.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "sim/sim_judge.h"

namespace axonpush::sim {

namespace {

constexpr Duration kArrived = seconds(15);  // on a connection that moves an event has come by then, and a SUBACK too
constexpr std::int64_t kWideWindow = 64;    // never full of ten events a second, however far the client is
constexpr Duration kLongReplay = seconds(60);
constexpr std::size_t kDueKept = 50'000;  // fewer than the judge keeps of events

// By filter, the topics it matches as bits.
const std::vector<std::uint32_t>& topics_of() {
  static const std::vector<std::uint32_t> all = [] {
    std::vector<std::uint32_t> made(static_cast<std::size_t>(kFilters));
    for (std::size_t filter = 0; filter < made.size(); ++filter) {
      for (std::size_t topic = 0; topic < static_cast<std::size_t>(kChannels * kTypes); ++topic) {
        if (Judge::matches(filter, topic)) made[filter] |= std::uint32_t{1} << topic;
      }
    }
    return made;
  }();
  return all;
}

}  // namespace

std::string_view name_of(Excuse excuse) {
  constexpr std::string_view kNames[] = {
      "QoS 0 over a resumption",          "garbled",          "no memory",       "session over", "taken unseen",
      "behind a replay of over a minute", "too many to keep", "one of two alike"};
  return kNames[static_cast<std::size_t>(excuse)];
}

std::uint64_t Judge::owed_slots(const Watched& client, const EventRecord& record) {
  std::uint64_t slots = 0;
  for (std::size_t slot = 0; slot < client.slots.size(); ++slot) {
    const Slot& wanted = client.slots[slot];
    if (!wanted.active || !wanted.told || wanted.lost || wanted.kind == SlotKind::handler) continue;
    if ((topics_of()[wanted.filter] >> record.topic & 1) == 0) continue;
    if (!record.valid && (wanted.kind != SlotKind::raw || wanted.trace != 0)) continue;
    if (wanted.trace != 0 && wanted.trace != record.trace) continue;
    slots |= std::uint64_t{1} << slot;
  }
  return slots;
}

// A handler of all events is owed what the filters are; it is judged where an event was sent (settle_events).
void Judge::owe(std::uint32_t number) {
  const EventRecord& record = events_[number - events_base_];
  for (const std::unique_ptr<Watched>& each : watched_) {
    Watched& it = *each;
    if (!it.in_session || it.disconnecting) continue;
    Due due;
    due.first.at = world_.now();
    due.first.slots = due.owed = owed_slots(it, record);
    due.first.outage = !refresh::has_serving(it.phase);
    due.twin_to_come = record.twin;
    if (it.due.empty()) it.due_base = number;
    it.due.push_back(due);
    if (due.owed != 0) ++totals.owed;
    if (it.due.size() <= kDueKept) continue;
    if ((it.due.front().missing() & it.active) != 0) ++totals.excused[static_cast<std::size_t>(Excuse::forgotten)];
    it.due.pop_front();
    ++it.due_base;
  }
}

void Judge::owe_twin(std::uint32_t number) {
  for (const std::unique_ptr<Watched>& each : watched_) {
    Watched& it = *each;
    if (number < it.due_base || number - it.due_base >= it.due.size()) continue;
    Due& due = it.due[number - it.due_base];
    due.twin_to_come = false;
    due.twin.at = world_.now();
    if (!it.in_session || it.disconnecting) continue;
    due.twin.slots = due.owed & owed_slots(it, events_[number - events_base_]);
    due.twin.outage = !refresh::has_serving(it.phase);
    if (due.twin.slots != 0) ++totals.owed;
  }
}

// The filters that stood, and that the connection that serves now has not.
void Judge::note_lacking(Watched& client) {
  client.lacking = 0;
  for (std::size_t at = 0; at < client.host->open_connections(); ++at) {
    Connection* link = client.host->connection(at);
    if (static_cast<std::uint64_t>(link->id()) != client.active_link || link->peer() == nullptr) continue;
    const auto session = broker_.sessions.find(static_cast<const BrokerPeer*>(link->peer())->client_id());
    if (session == broker_.sessions.end()) continue;
    for (std::size_t index = 0; index < static_cast<std::size_t>(kFilters); ++index) {
      if (session->second.filters.count(filter(index)) == 0) client.lacking |= std::uint32_t{1} << index;
    }
  }
}

void Judge::note_wrong_id(Watched& client, std::string_view body) const {
  constexpr std::string_view kId = "\"eventId\":\"e";
  const std::size_t begin = body.find(kId);
  if (begin == std::string_view::npos) return;
  std::uint32_t id = 0;
  std::size_t at = begin + kId.size();
  for (; at < body.size() && body[at] >= '0' && body[at] <= '9'; ++at) {
    id = id * 10 + static_cast<std::uint32_t>(body[at] - '0');
  }
  const bool known = id >= events_base_ && id - events_base_ < events_.size();
  if (!known || body != events_[id - events_base_].body) client.wrong_ids.insert(id);
}

void Judge::arrived(Watched& client, std::size_t slot, std::uint32_t number, std::string_view body) {
  if (client.garbled) note_wrong_id(client, body);
  if (number < client.due_base || number - client.due_base >= client.due.size()) return;
  // Who is sent wrong bytes may read any number in them.
  if (client.garbled && (number < events_base_ || body != events_[number - events_base_].body)) return;
  Due& due = client.due[number - client.due_base];
  Due::Copy& copy = (due.first.slots >> slot & 1) != 0 ? due.first : due.twin;
  copy.slots &= ~(std::uint64_t{1} << slot);
  if (due.came == Instant()) due.came = world_.now();
  const LinkNote* const before = due.first.on;
  const LinkNote* const behind = due.twin.on;
  if (&copy == &due.twin && behind != before && behind != nullptr && before != nullptr && before->ousted &&
      before->client_id == behind->client_id) {
    mark(Mark::twin_behind_a_takeover);
  }
  if (copy.outage && copy.sent > copy.at) mark(Mark::outage_resumed);
}

// Nothing is done to anybody. But a broker that forgets sessions makes a gap of each takeover; and behind a window of a
// few, which may be full at any time, something may have been left.
bool Judge::no_gap_allowed(const Watched& client) const {
  return calm_ && !lenient && plan_.knob(client.index, Knob::mode) != 2 &&
         plan_.knob(client.index, Knob::receive_maximum) >= kWideWindow;
}

void Judge::on_gap(std::size_t client, const PossibleGap& gap) {
  Watched& it = watched(client);
  mark(Mark::gap_told);
  ++totals.gaps;
  if (talks) {
    std::printf("%.6f client %zu gap [%.6f, %.6f]\n",
                static_cast<double>((world_.now() - world_.start()).nanoseconds()) * 1e-9, client,
                static_cast<double>((gap.from - world_.start()).nanoseconds()) * 1e-9,
                static_cast<double>((gap.to - world_.start()).nanoseconds()) * 1e-9);
  }
  check(25, gap.from <= gap.to && gap.to <= world_.now(),
        [] { return std::string("a gap that ends before it began"); });
  check(25, !no_gap_allowed(it), [] { return std::string("a gap is told, and nothing was done to anybody"); });
  it.gaps.push_back(gap);
}

// After a minute answers count again, for live events may never pause (mqtt::Session::whole_until()).
void Judge::on_replaying(BrokerPeer& peer, Instant since) {
  mark(Mark::replayed_slowly);
  if (world_.now() - since < kLongReplay) return;
  Watched& it = watched(note_of(peer.link()).client);
  for (const Message& message : broker_.sessions[peer.client_id()].queue) {
    if (Due::Copy* due = it.due_of(message.tag)) due->waited = true;
  }
}

void Judge::taken(BrokerPeer& peer) {
  const LinkNote& note = note_of(peer.link());
  Watched& it = watched(note.client);
  if (note.session == it.sessions)
    it.thefts.push_back({peer.client_id(), note.id, world_.now(), Instant::never(), false});
}

void Judge::on_taken(const BrokerSession& session, const Message& message) {
  Watched& it = watched(session.owner);
  if (Due::Copy* due = it.due_of(message.tag)) due->taken = world_.now();
}

// What is given up unjudged.
void Judge::forgive_owed(Watched& client, Excuse why) {
  for (const Due& due : client.due) {
    if ((due.missing() & client.active) != 0) ++totals.excused[static_cast<std::size_t>(why)];
  }
  client.due.clear();
}

// The broker's session of a client that is at rest: one connection, which serves, which the broker takes for the
// session's own, and on which nothing that was done to it holds anything back. nullptr: it is not at rest.
const BrokerSession* Judge::resting_session(Watched& client) {
  if (client.phase != refresh::Phase::live || !client.in_session || client.disconnecting || client.garbled) {
    return nullptr;
  }
  const BrokerSession* found = nullptr;
  for (std::size_t at = 0; at < client.host->open_connections(); ++at) {
    Connection* link = client.host->connection(at);
    if (link->port() != 8443) continue;
    if (static_cast<std::uint64_t>(link->id()) != client.active_link || link->peer() == nullptr) return nullptr;
    if (link->harmed && (link->waiting_bytes() != 0 || link->garble)) return nullptr;
    const auto session = broker_.sessions.find(static_cast<const BrokerPeer*>(link->peer())->client_id());
    if (session == broker_.sessions.end() || session->second.peer != link->peer()) return nullptr;
    found = &session->second;
  }
  return found;
}

// Whatever the broker took a while ago, and does not hold back for a resting client, has come by now or never will.
void Judge::settle_gaps(Watched& client) {
  const BrokerSession* session = nullptr;
  bool asked = false;
  while (!client.due.empty() && !broken()) {
    const Due& due = client.due.front();
    const std::uint32_t number = client.due_base;
    if (due.twin_to_come) return;
    std::uint64_t missing = due.missing() & client.active;
    if (missing != 0) {
      const Instant last = std::max({due.first.at, due.first.sent, due.twin.at, due.twin.sent});
      if (world_.now() - std::max({last, client.host->paused_until, client.stands_since}) < kArrived) return;
      if (!std::exchange(asked, true)) session = resting_session(client);
      if (session == nullptr) return;
      // Behind a full window of QoS 1; in the order in which they came, but for twins, which came later.
      const auto waits = [number](const Message& message) { return static_cast<std::uint32_t>(message.tag) <= number; };
      if (std::any_of(session->queue.begin(), session->queue.end(), waits)) return;
      for (std::size_t slot = 0; slot < client.slots.size(); ++slot) {
        const std::uint64_t its_bit = std::uint64_t{1} << slot;
        if (client.slots[slot].lost) missing &= ~its_bit;
        // what was refused is asked for again 5, 15 and 30 s later, and then its gap ends, or it is lost.
        const bool asked_again = ((client.lacking & client.refused_anywhere) >> client.slots[slot].filter & 1) != 0;
        if ((missing & its_bit) != 0 && asked_again) return;
      }
    }
    if (missing != 0) judge_missing(client, number, missing);
    client.due.pop_front();
    ++client.due_base;
  }
}

// Why it need not have come: it lies in a gap, or something excuses it. False: nothing does.
bool Judge::forgiven(const Watched& client, std::uint32_t number, const Due::Copy& copy) {
  const auto covers = [&copy](const PossibleGap& gap) { return gap.from <= copy.at && copy.at <= gap.to; };
  if (std::any_of(client.gaps.begin(), client.gaps.end(), covers)) {
    ++totals.in_gap;
    mark(copy.taken != Instant() ? Mark::taken_in_gap : Mark::lost_in_gap);
    return true;
  }
  const auto excuse = [this](Excuse why) {
    ++totals.excused[static_cast<std::size_t>(why)];
    return true;
  };
  // what memory was refused to may have been an event.
  if (client.memory_until > copy.at) return excuse(Excuse::no_memory);
  if (client.wrong_ids.count(number) != 0) return excuse(Excuse::garbled);
  if (lost_at_most_once(client, number, copy)) return excuse(Excuse::at_most_once);
  // another process had it, and the word that it was there never reached the client.
  const bool unseen = copy.taken != Instant() &&
                      std::any_of(client.thefts.begin(), client.thefts.end(), [&copy](const Watched::Theft& theft) {
                        return !theft.seen && theft.from <= copy.taken && copy.taken <= theft.to;
                      });
  if (unseen) return excuse(Excuse::taken_unseen);
  return copy.waited && excuse(Excuse::long_replay);
}

void Judge::judge_missing(Watched& client, std::uint32_t number, std::uint64_t missing) {
  const Due& due = client.due.front();
  const bool both = (missing & due.first.slots & due.twin.slots) != 0;
  // Where one of two equal events came, nobody can tell which.
  const bool first = ((missing & due.first.slots) != 0 || due.has_twin()) && forgiven(client, number, due.first);
  if (first && !both) return;
  const bool twin = due.has_twin() && forgiven(client, number, due.twin);
  if (twin && (first || !both)) return;
  // one was sent on one connection of a swap and one on the other, each with a session of its own: so it would
  // look if the first had come on both.
  const LinkNote* const other = due.twin.on;
  if (due.has_twin() && !both && due.first.on != nullptr && other != nullptr &&
      due.first.on->client_id != other->client_id && other->connected_at <= due.came) {
    ++totals.excused[static_cast<std::size_t>(Excuse::alike)];
    return;
  }
  totals.lost += static_cast<std::uint64_t>(__builtin_popcountll(missing));
  const EventRecord& record = events_[number - events_base_];
  const auto ms = [this](Instant at) { return std::to_string((at - world_.start()).milliseconds()); };
  const auto told_of = [&ms](const Due::Copy& copy) {
    return "taken by the broker at " + ms(copy.at) + " ms, " +
           (copy.on == nullptr
                ? std::string("sent on no connection")
                : "sent last on connection " + std::to_string(copy.on->id) + " at " + ms(copy.sent) + " ms");
  };
  std::string gaps;
  for (const PossibleGap& gap : client.gaps) gaps += " [" + ms(gap.from) + ", " + ms(gap.to) + "]";
  fail(9, "event " + std::to_string(number) + " on " + topic(record.topic) + " (QoS " + std::to_string(record.qos) +
              ") was " + told_of(due.first) + ", " +
              (due.has_twin() ? "and an equal one " + told_of(due.twin) + "; " + (both ? "neither" : "not both") +
                                    " of them reached"
                              : "did not reach") +
              " client " + std::to_string(client.index) + "'s callback " + std::to_string(__builtin_ctzll(missing)) +
              ", and lies in no gap that was told:" + (gaps.empty() ? " there was none" : gaps));
}

// At most once: an event that the broker did not keep for a session it then resumed. One behind which others came on
// the same connection was not on its way any more, and one of a session that was not resumed is a matter of gaps.
bool Judge::lost_at_most_once(const Watched& client, std::uint32_t number, const Due::Copy& copy) const {
  if (events_[number - events_base_].qos != 0 && plan_.knob(client.index, Knob::qos) != 0) return false;
  const auto next = std::find_if(client.connacks.begin(), client.connacks.end(),
                                 [&copy](const Watched::Connack& connack) { return connack.at >= copy.at; });
  if (next == client.connacks.end() || !next->present) return false;
  if (copy.on == nullptr) return true;
  const bool twin = &copy == &client.due.front().twin;
  const std::vector<LinkNote::Sent>& sent = copy.on->sent;
  const auto found = std::find_if(sent.begin(), sent.end(), [number, twin](const LinkNote::Sent& each) {
    return each.event == number && each.twin == twin;
  });
  const auto index = static_cast<std::size_t>(found - sent.begin());
  return copy.on->closed && (index > copy.on->cursor || copy.on->called == 0);
}

}  // namespace axonpush::sim
