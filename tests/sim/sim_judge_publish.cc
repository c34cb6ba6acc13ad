// Publishes: invariants 1 to 4.
#include <algorithm>
#include <cstdlib>

#include "sim/sim_judge.h"

namespace axonpush::sim {

namespace {

// How long a publish may wait while a connection serves and the broker answers: for its PUBACK 20 s, behind a drain 5
// s, for the old connection's last words 2 s, before a takeover 5 s; with room for the distance.
constexpr Duration kWaits = seconds(60);

}  // namespace

std::uint64_t Judge::begin_publish(std::size_t client, std::int64_t channel, bool qos0, bool has_completion) {
  Watched& it = watched(client);
  PublishRecord record;
  record.qos0 = qos0;
  record.has_completion = has_completion;
  record.channel = channel;
  record.losses_before = it.losses;
  record.at = world_.now();
  it.publishes.push_back(record);
  while (it.publishes.size() > 40'000) {
    it.publishes.pop_front();
    ++it.publishes_base;
  }
  return it.publishes_base + it.publishes.size() - 1;
}

void Judge::end_publish(std::size_t client, std::uint64_t number, const Status& status) {
  Watched& it = watched(client);
  hash(number << 8 | static_cast<std::uint64_t>(status.error().code()));
  if (!status.ok()) {
    char text[512];
    scan_text({text, status.error().format(text)});
    if (status.error().code() == Errc::queue_full) mark(Mark::queue_full);
    return;
  }
  ++totals.published;
  if (number < it.publishes_base) return;
  PublishRecord& record = it.publishes[number - it.publishes_base];
  record.accepted = true;
  if (it.phase == refresh::Phase::overlap || it.phase == refresh::Phase::drain) mark(Mark::published_in_swap);
  if (record.has_completion && record.completions == 0 && ++it.outstanding == 1) it.completed_at = world_.now();
  check(32, it.outstanding <= static_cast<std::size_t>(plan_.knob(client, Knob::queue)),
        [] { return std::string("more publishes wait than the queue may hold (R-56)"); });
}

void Judge::completed(std::size_t client, std::uint64_t number, const Result<Published>& outcome) {
  Watched& it = watched(client);
  hash(number << 8 | static_cast<std::uint64_t>(outcome.error().code()) | 1ULL << 63);
  ++(outcome.ok() ? totals.acknowledged : totals.failed);
  if (number < it.publishes_base) return;
  PublishRecord& record = it.publishes[number - it.publishes_base];
  check(1, ++record.completions == 1 && !record.excused,
        [&] { return "publish " + std::to_string(number) + " was completed twice"; });
  check(1, record.accepted, [&] { return "publish " + std::to_string(number) + " was refused, and completed"; });
  if (it.outstanding != 0) --it.outstanding;
  it.completed_at = world_.now();
  if (outcome.ok()) {
    if (!record.qos0) note_overtaken(it, number);
    check(2, record.qos0 || record.copies >= 1 || it.garbled,
          [&] { return "publish " + std::to_string(number) + " is acknowledged, and the broker never had it"; });
    return;
  }
  char text[512];
  scan_text({text, outcome.error().format(text)});
  if (outcome.error().code() == Errc::publish_refused) mark(Mark::publish_refused);
  if (outcome.error().code() == Errc::ack_timeout) mark(Mark::publish_overdue);
}

// The oldest one that is open still, when a later one has been acknowledged.
void Judge::note_overtaken(Watched& client, std::uint64_t number) {
  const auto open = [](const PublishRecord& record) {
    return record.accepted && !record.qos0 && record.has_completion && record.completions == 0 && !record.excused;
  };
  client.oldest_open = std::max(client.oldest_open, client.publishes_base);
  while (client.oldest_open < number && !open(client.publishes[client.oldest_open - client.publishes_base])) {
    ++client.oldest_open;
  }
  if (client.oldest_open >= number) return;
  PublishRecord& record = client.publishes[client.oldest_open - client.publishes_base];
  if (record.overtaken == Instant()) record.overtaken = world_.now();
}

// I-01: "completes" means within a time. On a connection that serves, somebody's publish is completed all the while
// that any waits; and one that later ones have overtaken is sent again or given up.
void Judge::check_waiting(Watched& client) {
  if (client.outstanding == 0 || client.disconnecting || !refresh::has_serving(client.phase)) return;
  // The connection may have ended a moment ago, and the machine not know it yet.
  bool serves = false;
  for (std::size_t at = 0; at < client.host->open_connections(); ++at) {
    if (client.host->connection(at)->port() != 8443) continue;
    if (note_of(*client.host->connection(at)).harmed) return;
    serves = true;
  }
  if (!serves) return;
  const Instant since =
      std::max({client.connected_since, client.unanswered_at, client.harmed_until, client.host->paused_until});
  if (since > world_.now()) return;
  check(1, world_.now() - std::max(since, client.completed_at) <= kWaits, [&] {
    return std::to_string(client.outstanding) + " publishes wait, and none was completed for " +
           std::to_string((world_.now() - client.completed_at).seconds()) + " s";
  });
  if (client.oldest_open < client.publishes_base ||
      client.oldest_open - client.publishes_base >= client.publishes.size()) {
    return;
  }
  const PublishRecord& oldest = client.publishes[client.oldest_open - client.publishes_base];
  const bool waits = oldest.overtaken != Instant() && oldest.completions == 0 && !oldest.excused;
  check(1, !waits || world_.now() - std::max(since, oldest.overtaken) <= kWaits, [&] {
    return "publish " + std::to_string(client.oldest_open) + " waits since " +
           std::to_string((oldest.at - world_.start()).seconds()) + " s, and later ones were acknowledged";
  });
}

void Judge::unanswered(BrokerPeer& peer) {
  LinkNote& note = note_of(peer.link());
  note.unanswered = true;
  watched(note.client).unanswered_at = world_.now();
}

std::size_t Judge::outstanding(std::size_t client) const { return watched_[client]->outstanding; }

void Judge::count_loss(Watched& client) { ++client.losses; }

void Judge::on_stored(BrokerPeer& peer, const StoredPublish& publish, std::uint16_t packet_id) {
  ++totals.stored;
  LinkNote& note = note_of(peer.link());
  Watched& it = watched(note.client);
  if (packet_id != 0) {
    if (it.last_packet_id > 60'000 && packet_id < 5'000) mark(Mark::packet_ids_wrapped);
    it.last_packet_id = packet_id;
  }
  std::size_t at = publish.payload.starts_with('p') ? 1 : publish.payload.find("\"identifier\":\"p");
  if (at == std::string::npos) {
    fail(5, "the broker was given a body that nobody published");
    return;
  }
  if (at != 1) at += 15;
  char* end = nullptr;
  const unsigned long long owner = std::strtoull(publish.payload.c_str() + at, &end, 10);
  const unsigned long long number = std::strtoull(end + 1, nullptr, 10);
  check(5, owner == note.client, [] { return std::string("a publish of another client"); });
  hash(number);
  if (number < it.publishes_base || number - it.publishes_base >= it.publishes.size()) return;
  PublishRecord& record = it.publishes[number - it.publishes_base];
  ++record.copies;
  check(2, record.accepted,
        [&] { return "publish " + std::to_string(number) + " was refused, and sent all the same"; });
  const std::uint64_t losses = it.losses - record.losses_before;
  if (record.copies > 1) mark(publish.dup ? Mark::resent : Mark::republished);
  check(3, record.copies <= 1 + losses, [&] {
    return "publish " + std::to_string(number) + " is stored " + std::to_string(record.copies) + " times, with " +
           std::to_string(losses) + " connections lost meanwhile";
  });
  check(3, note.stored.insert(number).second,
        [&] { return "publish " + std::to_string(number) + " came twice on one connection"; });
  // I-04: what was published on this connection alone comes in the order of the calls.
  if (losses != 0 || record.copies > 1) return;
  std::uint64_t& last = note.last_stored[record.channel];
  check(4, number >= last,
        [&] { return "publish " + std::to_string(number) + " came after " + std::to_string(last) + " on one topic"; });
  last = number;
}

}  // namespace axonpush::sim
