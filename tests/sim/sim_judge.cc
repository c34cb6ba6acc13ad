// The life of clients, their callbacks, memory and secrets: invariants 24 to 36, and the seams.
#include "sim/sim_judge.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace axonpush::sim {

namespace {

constexpr std::int64_t kBytesWorst = 12 * 1024 * 1024;  // I-32
constexpr std::int64_t kBytesIdleOverlap = 1024 * 1024;
constexpr std::size_t kLargestAllocation = 4 * 1024 * 1024;  // the memory of a swap when it is full
// I-33: an answer of the API is at most 64 KiB, a packet 256 KiB and the header of its frame; each as the pool rounds
// it.
constexpr std::size_t kApiAllocation = BufferPool::kClassBytes[3] + kReadSlackBytes;
constexpr std::size_t kBrokerAllocation = BufferPool::kClassBytes[4] + kReadSlackBytes;
static_assert(limits::kHttpBodyBytes + limits::kHttpErrorBodyBytes <= BufferPool::kClassBytes[3]);
static_assert(limits::kMqttPacketBytes + limits::kWsHeaderBytes <= BufferPool::kClassBytes[4]);

// The secrets in the forms in which they might leak: as they are, percent-encoded, hexadecimal, base64 at each
// alignment.
const std::vector<std::string>& taints() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> made;
    for (const std::string plain : {"APIKEYMARKER", "TOKENMARKER", "QUERYMARKER", "PAYLOADMARKER"}) {
      made.push_back(plain);
      std::string hex;
      std::string percent;
      for (const char value : plain) {
        constexpr char kDigits[] = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(value);
        hex += kDigits[byte >> 4];
        hex += kDigits[byte & 15];
        percent += '%';
        percent += kDigits[byte >> 4];
        percent += kDigits[byte & 15];
      }
      made.push_back(hex);
      made.push_back(percent);
      for (std::size_t shift = 0; shift < 3; ++shift) {
        constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        std::string encoded;
        for (std::size_t at = shift; at + 3 <= plain.size(); at += 3) {
          const auto byte = [&](std::size_t index) {
            return static_cast<unsigned>(static_cast<unsigned char>(plain[index]));
          };
          const unsigned group = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
          for (const unsigned bits : {group >> 18 & 63U, group >> 12 & 63U, group >> 6 & 63U, group & 63U}) {
            encoded += kAlphabet[bits];
          }
        }
        made.push_back(encoded);
      }
    }
    return made;
  }();
  return all;
}

bool same_letter(char left, char right) {
  const auto lower = [](char value) { return value >= 'A' && value <= 'Z' ? static_cast<char>(value + 32) : value; };
  return lower(left) == lower(right);
}

// What may follow what, as the enumeration's comments say.
bool may_follow(ConnectionState from, ConnectionState to) {
  using S = ConnectionState;
  switch (from) {
    case S::idle:
      return to == S::connecting || to == S::closed || to == S::draining;
    case S::connecting:
      return to == S::live || to == S::closed || to == S::draining;
    case S::live:
      return to == S::refreshing || to == S::waiting || to == S::reconnecting || to == S::draining;
    case S::refreshing:
      return to == S::live || to == S::waiting || to == S::reconnecting || to == S::draining;
    case S::waiting:
      return to == S::reconnecting || to == S::draining;
    case S::reconnecting:
      return to == S::live || to == S::waiting || to == S::draining;
    case S::draining:
      return to == S::closed;
    case S::closed:
      return to == S::connecting;
  }
  return false;
}

}  // namespace

void Totals::add(const Totals& other) {
  const auto sum = [](auto& into, const auto& from) {
    for (std::size_t at = 0; at < sizeof into / sizeof into[0]; ++at) into[at] += from[at];
  };
  seeds += other.seeds;
  failures += other.failures;
  events += other.events;
  simulated_ns += other.simulated_ns;
  swaps += other.swaps;
  reconnects += other.reconnects;
  connects += other.connects;
  fetches += other.fetches;
  sent += other.sent;
  delivered += other.delivered;
  lost += other.lost;
  doubled += other.doubled;
  dropped_copies += other.dropped_copies;
  published += other.published;
  acknowledged += other.acknowledged;
  failed += other.failed;
  stored += other.stored;
  tls_handshakes += other.tls_handshakes;
  tls_resumed += other.tls_resumed;
  impostors += other.impostors;
  owed += other.owed;
  in_gap += other.in_gap;
  gaps += other.gaps;
  calm_swaps += other.calm_swaps;
  sum(excused, other.excused);
  sum(checks, other.checks);
  sum(marks, other.marks);
  sum(connacks, other.connacks);
  sum(disconnects, other.disconnects);
  sum(faults, other.faults);
  sum(calls, other.calls);
  for (std::size_t at = 0; at < refresh::kPhaseCount; ++at) {
    sum(cells[at], other.cells[at]);
    sum(api_cells[at], other.api_cells[at]);
    sum(struck[at], other.struck[at]);
  }
  for (std::size_t at = 0; at < kContextCount; ++at) sum(contexts[at], other.contexts[at]);
}

Judge::Judge(World& world, ModelBroker& broker, const Plan& plan) : world_(world), broker_(broker), plan_(plan) {
  for (std::size_t index = 0; index < plan.clients.size(); ++index) {
    watched_.push_back(std::make_unique<Watched>());
    watched_.back()->index = index;
  }
  calm_ = std::none_of(plan.decisions.begin(), plan.decisions.end(),
                       [](const Decision& decision) { return decision.verb >= kFirstFault; });
}
Judge::~Judge() = default;

void Judge::fail(int invariant, const std::string& what) {
  if (broken()) return;
  breach_.invariant = invariant;
  breach_.what = what;
  breach_.at = world_.now() - world_.start();
}

// --- Lives

void Judge::begin_life(std::size_t client, VirtualHost& host) {
  Watched& it = watched(client);
  it.host = &host;
  ++it.life;
  it.alive = true;
  it.over = true;
  it.state = ConnectionState::idle;
  it.phase = refresh::Phase::idle;
  it.phase_since = world_.now();
  it.refresh_planned = false;
  it.not_before = it.asked_until = Instant();
  it.closed_note = nullptr;
  it.ping_link = it.closed_link = 0;
  it.dripping_since = it.api_failing_since = Instant();
  it.disconnected_before = false;
}

void Judge::end_life(std::size_t client) {
  Watched& it = watched(client);
  forgive_owed(it, Excuse::session_over);
  it.alive = false;
  it.in_session = false;
  it.over = true;
  it.active = 0;
  it.slots.clear();
  it.owed.clear();
  it.phase = refresh::Phase::idle;
  for (PublishRecord& record : it.publishes) {
    if (record.accepted && record.completions == 0) record.excused = true;
  }
  it.outstanding = 0;
  check(24, it.host->open_connections() == 0 && it.host->armed() == Instant::never(),
        [] { return std::string("a destroyed client left a connection or a timer behind"); });
}

void Judge::begin_session(std::size_t client) {
  Watched& it = watched(client);
  ++it.sessions;
  if (it.disconnected_before) mark(Mark::connected_again);
  it.api_failing_since = Instant();
  it.live_since_failure = false;
  it.refused_last = 0;
  it.in_session = true;
  it.over = false;
  it.disconnecting = false;
  it.slots.clear();
  it.active = 0;
  it.owed.clear();
  it.due.clear();
  it.wrong_ids.clear();
  it.gaps.clear();
  it.connacks.clear();
  it.thefts.clear();
  it.seen.clear();
  it.seen_base = events_base_ + static_cast<std::uint32_t>(events_.size());
  it.refresh_planned = false;
  it.last_attempt[0] = it.last_attempt[1] = 0;
  it.stayed[0] = it.stayed[1] = false;
  it.refusals = 0;
  it.active_link = it.active_before = 0;
  it.lacking = it.refused_anywhere = 0;
  it.connected_since = it.completed_at = it.unanswered_at = Instant();
  it.fetch_started = Instant();
  it.not_before = it.asked_until = Instant();
  it.conflict_at = Instant();
  it.baseline = -1;
  it.live_since = Instant::never();
  it.session_seen = false;
  it.swaps = 0;
  it.state = ConnectionState::idle;
}

void Judge::disconnecting(std::size_t client) {
  Watched& it = watched(client);
  if (it.disconnecting) return;
  if (it.outstanding != 0) mark(Mark::disconnect_in_flight);
  forgive_owed(it, Excuse::session_over);
  it.disconnecting = true;
  it.owed.clear();
  it.active = 0;
  it.refresh_planned = false;
}

void Judge::session_over(std::size_t client) {
  Watched& it = watched(client);
  check(1, it.outstanding == 0,
        [&] { return "disconnect is over and " + std::to_string(it.outstanding) + " publishes were never completed"; });
  it.disconnected_before = true;
  it.in_session = false;
  it.over = true;
  it.check_idle = true;  // when this turn has ended
}

void Judge::enter_callback(std::size_t client) {
  Watched& it = watched(client);
  check(27, it.callbacks == 0, [] { return std::string("a callback runs inside another one"); });
  check(27, it.calls == 0, [] { return std::string("a callback runs inside a call"); });
  check(24, it.alive, [] { return std::string("a callback of a destroyed client"); });
  check(24, !it.over, [] { return std::string("a callback after the completion of disconnect"); });
  ++it.callbacks;
}
void Judge::enter_hook(std::size_t client) {
  Watched& it = watched(client);
  check(27, it.callbacks == 0, [] { return std::string("the trace hook runs inside a callback"); });
  check(27, it.calls == 0, [] { return std::string("the trace hook runs inside a call"); });
  check(24, it.alive, [] { return std::string("the trace hook of a destroyed client"); });
  ++it.callbacks;
}
void Judge::leave_callback(std::size_t client) { --watched(client).callbacks; }
bool Judge::in_callback(std::size_t client) const { return watched_[client]->callbacks != 0; }

void Judge::enter_call(std::size_t client, int call) {
  Watched& it = watched(client);
  ++totals.api_cells[static_cast<std::size_t>(it.phase)][call];
  if (it.callbacks != 0) mark(Mark::called_inside);
  // A call from inside a callback is no entry of its own.
  if (it.callbacks == 0) ++it.calls;
}
void Judge::leave_call(std::size_t client) {
  Watched& it = watched(client);
  if (it.calls != 0) --it.calls;
}

void Judge::scan_text(std::string_view text) {
  ++totals.checks[35];
  for (const std::string& taint : taints()) {
    if (std::search(text.begin(), text.end(), taint.begin(), taint.end(), same_letter) != text.end()) {
      fail(35, "a secret is in a text: " + std::string(text));
      return;
    }
  }
}

void Judge::on_error(std::size_t client, const ErrorReport& report) {
  Watched& it = watched(client);
  char text[1024];
  const std::string_view told(text, report.error.format(text));
  scan_text(told);
  if (talks) {
    std::printf("%.6f client %zu on_error: %.*s (attempt %u, next in %lld ms)\n",
                static_cast<double>((world_.now() - world_.start()).nanoseconds()) * 1e-9, client,
                static_cast<int>(told.size()), told.data(), report.attempt,
                static_cast<long long>(report.next_delay.milliseconds()));
  }
  scan_text(report.subject);
  const ServerWords words = report.error.server_words();
  for (const std::string_view word : {words.message, words.code, words.hint, words.request_id}) scan_text(word);
  // I-25: each error once. The same words twice at one instant, about the same, are one error.
  std::string whole = std::string(told) + '|' + std::string(report.subject) + '|' + std::to_string(report.attempt) +
                      '|' + std::to_string(report.next_delay.nanoseconds());
  check(25,
        it.error_at != world_.now() || it.error_text != whole || report.error.code() == Errc::callback_threw ||
            report.error.code() == Errc::json_invalid || report.error.code() == Errc::no_memory,
        [&] { return "an error is told twice: " + whole; });
  it.error_at = world_.now();
  it.error_text = std::move(whole);
  for (const char value : told) hash(static_cast<unsigned char>(value));
  hash(report.attempt);
  hash(static_cast<std::uint64_t>(report.next_delay.nanoseconds()));
  switch (report.error.code()) {
    case Errc::rate_limited:
      mark(Mark::rate_limited);
      if (it.credentials != 0 && it.credentials <= it.expiries.size() &&
          it.expiries[it.credentials - 1] < world_.now() + report.error.retry_after()) {
        mark(Mark::retry_after_over_life);
      }
      break;
    case Errc::session_taken_over:
      mark(Mark::taken_over);
      break;
    case Errc::session_conflict:
      mark(Mark::conflict);
      break;
    case Errc::keepalive_timeout:
      mark(Mark::keepalive_timeout);
      break;
    case Errc::callback_threw:
      mark(Mark::thrown);
      break;
    case Errc::no_memory:
      mark(Mark::no_memory);
      break;
    case Errc::no_fds:
      mark(Mark::no_fds);
      break;
    case Errc::suback_failed: {
      mark(Mark::filter_lost);
      if (it.phase == refresh::Phase::live_restore || it.phase == refresh::Phase::overlap) {
        mark(Mark::swapped_without_filter);
      }
      for (std::size_t index = 0; index < static_cast<std::size_t>(kFilters); ++index) {
        if (filter(index) != report.subject) continue;
        for (Slot& slot : it.slots) {
          if (slot.kind != SlotKind::handler && slot.filter == index) slot.lost = true;
        }
      }
      break;
    }
    default:
      break;
  }
  if (report.attempt != 0) check_ladder(it, report);
}

void Judge::on_state(std::size_t client, const StateChange& change) {
  Watched& it = watched(client);
  check(25, change.from == it.state && may_follow(change.from, change.to), [&] {
    return "the state went from " + std::string(axonpush::name_of(change.from)) + " to " +
           std::string(axonpush::name_of(change.to)) + ", and was " + std::string(axonpush::name_of(it.state));
  });
  it.state = change.to;
  // A connect that failed: there is no disconnect whose completion would be the last word.
  if (change.to == ConnectionState::closed && !it.in_session) it.over = true;
  hash(static_cast<std::uint64_t>(change.to) << 8 | static_cast<std::uint64_t>(change.reason.code()));
  char text[1024];
  scan_text({text, change.reason.format(text)});
}

// --- Now and then

void Judge::watch() {
  for (const std::unique_ptr<Watched>& each : watched_) {
    Watched& it = *each;
    if (!it.alive) continue;
    // Memory that was refused somewhere may have cost anything but the client's life.
    if (it.account.refused != it.refusals_seen) {
      it.refusals_seen = it.account.refused;
      it.harmed_until = world_.now() + seconds(60);
      it.memory_until = it.harmed_until;
      it.baseline = -1;
      mark(Mark::no_memory);
    }
    settle_events(it.index, false);
    settle_gaps(it);
    if (world_.now() < it.host->paused_until || world_.now() < it.harmed_until) continue;
    const Duration lasted = world_.now() - std::max(it.phase_since, it.host->paused_until);
    check(30, lasted <= limit_of(it, it.phase), [&] {
      return "phase " + std::string(refresh::name_of(it.phase)) + " has lasted " + std::to_string(lasted.seconds()) +
             " s";
    });
    check_memory(it);
    check_waiting(it);
    check_reconciled(it);
  }
}

// I-32: the memory of a client that rests is what it was after its first swap.
void Judge::check_memory(Watched& client) {
  check(32, client.account.live <= kBytesWorst,
        [&] { return "a client holds " + std::to_string(client.account.live) + " bytes"; });
  check(33, client.account.largest <= kLargestAllocation,
        [&] { return "one allocation of " + std::to_string(client.account.largest) + " bytes"; });
  check(36, client.account.dirty == 0, [] { return std::string("memory was given back with a secret in it"); });
}

// I-33: whatever a peer sends makes no buffer larger than its limit. What a swap remembers grows by doubling: at most
// 64 bytes for each event that was sent, which in a run of the simulation is far below its own limit.
void Judge::check_allocations(Watched& client) {
  const std::uint16_t port = std::exchange(client.read_from, std::uint16_t{0});
  if (port == 0) return;
  const std::size_t most =
      port != 8443 ? kApiAllocation : std::max<std::size_t>(kBrokerAllocation, 64 * client.events_sent);
  check(33, client.account.largest_here <= most, [&] {
    return "one allocation of " + std::to_string(client.account.largest_here) + " bytes in a turn that read from " +
           (port != 8443 ? "the API" : "the broker");
  });
}

// I-32: a swap leaves nothing behind.
void Judge::check_baseline(std::size_t client) {
  Watched& it = watched(client);
  // The second connection's memory is taken when the first swap begins, and kept.
  const bool rests = it.swaps != 0 && it.phase == refresh::Phase::live && it.in_session && !it.disconnecting &&
                     it.outstanding == 0 && world_.now() - it.live_entered > limits::kDedupHold;
  it.host->buffers().trim();
  check(32, !rests || it.account.live <= kBytesIdleOverlap,
        [&] { return "a client at rest holds " + std::to_string(it.account.live) + " bytes"; });
  if (!rests || it.baseline < 0) {
    it.baseline = rests ? it.account.live : -1;
    return;
  }
  check(32, it.account.live <= it.baseline + 1024, [&] {
    return "after another swap a client at rest holds " + std::to_string(it.account.live) + " bytes, before it were " +
           std::to_string(it.baseline);
  });
}

void Judge::harm(Connection& connection) {
  connection.harmed = true;
  note_of(connection).harmed = true;
}

void Judge::garbled(Connection& connection) {
  LinkNote& note = note_of(connection);
  note.garbled = true;
  watched(note.client).garbled = true;
}

// --- The seams

void Judge::after_event() {
  if (world_.now() != last_instant_) {
    last_instant_ = world_.now();
    for (const std::unique_ptr<Watched>& it : watched_) it->turns_here = 0;
  }
  if (broker_.violations.size() == violations_seen_) return;
  violations_seen_ = broker_.violations.size();
  const std::string& what = broker_.violations.back();
  const auto says = [&what](const char* word) { return what.find(word) != std::string::npos; };
  // Whoever is told nonsense by a garbled connection acknowledges nonsense, and keeps to limits that nobody announced;
  // that may arrive after the client closed it.
  const bool excused = (says("PUBACK") || says("Maximum")) &&
                       ((broker_.violator != nullptr && note_of(*broker_.violator).garbled) ||
                        std::any_of(watched_.begin(), watched_.end(), [](const auto& it) { return it->garbled; }));
  if (!excused) fail(says("Maximum") || says("filters") ? 21 : says("PUBACK") ? 11 : 38, what);
}

void Judge::entering(VirtualHost& host) {
  Watched& it = of(host);
  hash(static_cast<std::uint64_t>(world_.now().nanoseconds()) ^ host.entity() << 56);
  it.scope_before = heap::exchange(&it.account);
  it.account.largest_here = 0;
  // I-31: a loop that spins.
  check(31, ++it.turns_here <= 1000, [] { return std::string("1,000 turns, and neither time nor a byte moved"); });
}

void Judge::left(VirtualHost& host) {
  Watched& it = of(host);
  heap::exchange(it.scope_before);
  check_allocations(it);
  if (it.host != &host) return;
  if (std::exchange(it.check_idle, false) && it.over && it.alive) {
    check(24, host.armed() == Instant::never() && host.open_connections() == 0,
          [] { return std::string("a disconnected session left a connection or a timer behind"); });
  }
  // I-26: one deadline for a client; with nothing connected, nothing waited for and nobody asked, none.
  if (it.phase == refresh::Phase::idle && it.over && it.alive && it.state == ConnectionState::closed) {
    check(26, host.armed() == Instant::never(), [] { return std::string("a timer without an owner"); });
  }
}

void Judge::opening(VirtualHost& host, const Endpoint& endpoint, ConnectionId id) {
  Watched& it = of(host);
  hash(static_cast<std::uint64_t>(id) << 16 | endpoint.port);
  std::size_t to_api = 0;
  std::size_t to_broker = 0;
  for (std::size_t at = 0; at < host.open_connections(); ++at) {
    ++(host.connection(at)->port() == 8443 ? to_broker : to_api);
  }
  ++(endpoint.port == 8443 ? to_broker : to_api);
  check(12, to_api <= 1, [] { return std::string("two credentials requests at once"); });
  check(12, to_broker <= 2, [] { return std::string("three connections to the broker"); });
  if (endpoint.port != 8443) {
    check_fetch(it);
  } else {
    check_dial(it);
  }
}

LinkNote& Judge::note_of(Connection& connection) {
  if (connection.note == nullptr) {
    auto made = std::make_unique<LinkNote>();
    Watched& it = of(connection.host());
    made->client = it.index;
    made->life = it.life;
    made->session = it.sessions;
    made->id = static_cast<std::uint64_t>(connection.id());
    made->to_broker = connection.port() == 8443;
    made->harmed = lenient;
    made->draw_cursor = connection.host().random().draws.count;
    made->credentials = it.credentials;
    made->last_heard = world_.now();
    connection.note = made.get();
    notes_.push_back(std::move(made));
  }
  return *static_cast<LinkNote*>(connection.note);
}

void Judge::closing(Connection& connection) {
  LinkNote& note = note_of(connection);
  note.closed = true;
  note.stuck = connection.stuck;
  note.dripped = connection.drip != Duration::zero();
  note.harmed = note.harmed || connection.harmed;
  // A broker that answers no publish may be left: what was on its way is gone with the connection.
  if (note.unanswered && static_cast<std::uint64_t>(connection.id()) == watched(note.client).active_link) {
    note.harmed = true;
  }
  note.read = connection.read_total();
  Watched& it = of(connection.host());
  if (note.to_broker) {
    it.closed_note = &note;
  } else if (it.dripping_since != Instant() && world_.now() - it.dripping_since >= seconds(8)) {
    mark(Mark::api_dripped);
    it.dripping_since = Instant();
  }
  if (note.connected) {
    count_loss(it);
    it.last_end = world_.now();
  }
  if (note.garbled) {
    // What it brought is forgotten: events from here on are judged again, unless another is as bad.
    it.garbled = std::any_of(notes_.begin(), notes_.end(), [&it](const auto& other) {
      return other->client == it.index && other->garbled && !other->closed;
    });
    it.owed.clear();
    forgive_owed(it, Excuse::garbled);
    it.seen.clear();
    it.seen_base = events_base_ + static_cast<std::uint32_t>(events_.size());
  }
  hash(static_cast<std::uint64_t>(connection.id()) | 1ULL << 60);
  // I-19: the connection that serves is ended by us only for a reason.
  if (!it.alive || !note.connected || note.harmed || excused_leaving(it)) return;
  const bool serves = static_cast<std::uint64_t>(connection.id()) == it.active_link;
  check(19, !serves || note.retired || note.left || note.ousted || note.unanswered,
        [] { return std::string("the connection that serves was closed, and nothing was wrong with it"); });
}

void Judge::writing(Connection& connection, Bytes bytes) {
  LinkNote& note = note_of(connection);
  Watched& it = of(connection.host());
  it.turns_here = 0;
  hash(bytes.size() ^ static_cast<std::uint64_t>(connection.id()) << 32);
  if (note.writes++ != 0) return;
  // I-40: the world hands a transport out together with the proof of its verification; there is no other way to write.
  ++totals.checks[40];
  if (!note.to_broker) {
    it.fetch_sent = world_.now();
    // I-39: the token and the query go nowhere but to the broker.
    const std::string_view text = text_of(bytes);
    check(39, text.find("TOKENMARKER") == std::string_view::npos && text.find(kQueryMarker) == std::string_view::npos,
          [] { return std::string("a token went to the API"); });
    return;
  }
  // I-15: the request for the WebSocket leaves while the credentials live.
  if (it.credentials != 0 && it.credentials <= it.expiries.size()) {
    check(15, world_.now() <= it.expiries[it.credentials - 1],
          [] { return std::string("the WebSocket request left after the credentials had expired"); });
  }
}

void Judge::reading(Connection& connection, std::size_t size) {
  LinkNote& note = note_of(connection);
  note.read = connection.read_total();
  Watched& it = of(connection.host());
  it.turns_here = 0;
  it.read_from = connection.port();
  hash(size);
}

}  // namespace axonpush::sim
