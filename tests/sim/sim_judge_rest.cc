// What must be so whenever nothing changes: invariants 20, 12 and 1.
#include <algorithm>

#include "sim/sim_judge.h"

namespace axonpush::sim {

namespace {

constexpr Duration kReconciled = seconds(20);  // an answer and the time until it
constexpr Duration kAskedAgain = seconds(65);  // after 5, 15 and 30 s

}  // namespace

// I-20 in the midst of a run: what the user has wanted for a while is what the broker has granted on the connection
// that serves, as long as nothing was done to that one.
void Judge::check_reconciled(Watched& client) {
  if (client.phase != refresh::Phase::live || !client.in_session || client.disconnecting || client.garbled) return;
  const Instant since =
      std::max({client.phase_since, client.slots_changed, client.host->paused_until, client.harmed_until});
  if (world_.now() - since < kReconciled) return;
  const Missing missing = world_.now() - since < kAskedAgain ? Missing::excused : Missing::judged;
  for (std::size_t at = 0; at < client.host->open_connections(); ++at) {
    Connection* link = client.host->connection(at);
    if (static_cast<std::uint64_t>(link->id()) != client.active_link || link->peer() == nullptr || link->harmed)
      continue;
    const auto session = broker_.sessions.find(static_cast<const BrokerPeer*>(link->peer())->client_id());
    if (session != broker_.sessions.end()) check_granted(client, session->second, missing);
  }
}

// I-20: what is wanted is granted, and nothing else; a filter that was lost may be.
void Judge::check_granted(const Watched& client, const BrokerSession& session, Missing missing) {
  std::uint32_t wanted = 0;
  std::uint32_t lost = 0;
  for (const Slot& slot : client.slots) {
    if (slot.kind == SlotKind::handler || !(slot.active || slot.lost)) continue;
    (slot.lost ? lost : wanted) |= std::uint32_t{1} << slot.filter;
  }
  for (std::size_t index = 0; index < static_cast<std::size_t>(kFilters); ++index) {
    const bool granted = session.filters.count(filter(index)) != 0;
    const bool is_wanted = (wanted >> index & 1) != 0;
    const bool excused = granted ? (lost >> index & 1) != 0 : missing == Missing::excused;
    check(20, granted == is_wanted || excused, [&] {
      return "client " + std::to_string(client.index) + (granted ? " has " : " wants ") + filter(index) +
             (granted ? " of the broker, and nobody wants it" : ", and the broker has not granted it");
    });
  }
}

// Empty: the client does what its user wants. Else what is missing.
std::string Judge::unsettled(std::size_t client) {
  Watched& it = watched(client);
  if (!it.in_session) return "there is no session";
  if (it.outstanding != 0) return std::to_string(it.outstanding) + " publishes wait";
  for (const Slot& slot : it.slots) {
    if (slot.active && !slot.told && !slot.lost) return "a subscription waits: " + filter(slot.filter);
  }
  const BrokerPeer* peer = nullptr;
  for (std::size_t at = 0; at < it.host->open_connections(); ++at) {
    Connection* link = it.host->connection(at);
    if (static_cast<std::uint64_t>(link->id()) == it.active_link) peer = static_cast<const BrokerPeer*>(link->peer());
  }
  if (peer == nullptr) return "no connection serves";
  const auto session = broker_.sessions.find(peer->client_id());
  if (session == broker_.sessions.end()) return "the broker knows no session";
  for (const Slot& slot : it.slots) {
    const bool wanted = slot.active && !slot.lost && slot.kind != SlotKind::handler;
    if (wanted && session->second.filters.count(filter(slot.filter)) == 0) {
      return "the broker has not granted " + filter(slot.filter);
    }
  }
  return "";
}

// I-20, and one connection to the broker, not two.
void Judge::check_quiet(std::size_t client) {
  Watched& it = watched(client);
  if (it.phase != refresh::Phase::live) return;
  std::size_t open = 0;
  for (std::size_t at = 0; at < it.host->open_connections(); ++at) {
    Connection* link = it.host->connection(at);
    if (link->port() != 8443) continue;
    ++open;
    const auto* peer = static_cast<const BrokerPeer*>(link->peer());
    if (peer == nullptr) continue;
    const auto session = broker_.sessions.find(peer->client_id());
    if (session != broker_.sessions.end()) check_granted(it, session->second, Missing::judged);
  }
  check(12, open == 1, [&] { return std::to_string(open) + " connections of a client at rest"; });
}

void Judge::check_end() {
  for (const std::unique_ptr<Watched>& it : watched_) {
    for (const PublishRecord& record : it->publishes) {
      if (!record.accepted || !record.has_completion) continue;
      check(1, record.completions == 1 || (record.excused && record.completions == 0), [&] {
        return "a publish of client " + std::to_string(it->index) + " was completed " +
               std::to_string(record.completions) + " times";
      });
    }
  }
}

}  // namespace axonpush::sim
