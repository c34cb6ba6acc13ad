// The refresh machine by its trace, its requests and the instants it tells: invariants 12 to 23, 30, 37 to 39. The
// waits are computed here a second time, from the specification and the draws of the client's entropy.
#include <algorithm>
#include <cstdio>

#include "sim/sim_judge.h"

namespace axonpush::sim {

using refresh::InputKind;
using refresh::Phase;

namespace {

__extension__ using Wide = unsigned __int128;

// span * random / 2^32
Duration part_of(Duration span, std::uint32_t random) {
  return nanoseconds(static_cast<std::int64_t>(static_cast<Wide>(span.nanoseconds()) * random >> 32));
}

bool configuration_reason(std::uint32_t reason) {
  constexpr std::uint32_t kAll[] = {0x81, 0x82, 0x84, 0x85, 0x8A, 0x90, 0x95, 0x99, 0x9A, 0x9B};
  return std::find(std::begin(kAll), std::end(kAll), reason) != std::end(kAll);
}

}  // namespace

// I-30: how long each phase may last. A Retry-After is at most 300 s, an absolute wait is lengthened by at most 20 %.
Duration Judge::limit_of(const Watched& client, Phase phase) const {
  switch (phase) {
    case Phase::first_fetch:
    case Phase::live_fetch:
    case Phase::fetch:
      return seconds(65);
    case Phase::first_dial:
    case Phase::live_dial:
    case Phase::dial:
      return seconds(35);
    case Phase::live_restore:
    case Phase::restore:
      return seconds(80);  // refused filters are asked for again after 5, 15 and 30 s, each with 10 s for its answer
    case Phase::overlap:
      return milliseconds(plan_.knob(client.index, Knob::grace_ms)) + seconds(1);
    case Phase::drain:
    case Phase::closing:
      return seconds(10);
    case Phase::reconnect_wait:
      return std::max({seconds(72), client.longest_wait,
                       std::max(client.not_before, client.asked_until) - client.phase_since + seconds(1)});
    case Phase::live:
      return hours(24) + seconds(1);
    case Phase::idle:
    case Phase::closed:
      break;
  }
  return Duration::max();
}

void Judge::count_swap(Watched& client) {
  ++client.swaps;
  ++totals.swaps;
  if (no_gap_allowed(client)) ++totals.calm_swaps;
}

void Judge::enter_phase(Watched& client, Phase phase) {
  const Duration lasted = world_.now() - client.phase_since;
  const bool excused = client.host->paused_until > client.phase_since || client.harmed_until > client.phase_since;
  check(30, excused || lasted <= limit_of(client, client.phase), [&] {
    return "phase " + std::string(refresh::name_of(client.phase)) + " lasted " + std::to_string(lasted.seconds()) +
           " s";
  });
  const Phase before = client.phase;
  client.phase = phase;
  client.phase_since = world_.now();
  const bool between = before == Phase::overlap || before == Phase::drain;
  if (between && phase == Phase::live && client.last_input == InputKind::serving_lost) {
    // The old one serves again, as if it had never stopped.
    client.live_since = client.live_before;
    client.active_link = client.active_before;
    note_lacking(client);
  } else if (between && phase == Phase::live) {
    count_swap(client);
    mark(Mark::swapped);
    if (client.outstanding != 0) mark(Mark::swapped_with_traffic);
  }
  if ((before == Phase::live_dial && phase == Phase::dial) || (before == Phase::live_fetch && phase == Phase::fetch)) {
    mark(Mark::attempt_promoted);
  }
  if ((before == Phase::live_dial || before == Phase::live_restore) && phase == Phase::live) {
    mark(Mark::candidate_dropped);
  }
  // the server's word that a connection may not last longer is answered by a fetch, not by a wait.
  if (before == Phase::live && phase == Phase::fetch) mark(Mark::maximum_connect_time);
  if (phase == Phase::live) client.live_entered = world_.now();
  if (phase == Phase::reconnect_wait) client.longest_wait = seconds(72);
  if (phase == Phase::live && before == Phase::restore) {
    // Nothing was told as lost: the broker ended the old connection for the new one.
    if (client.lost) {
      ++totals.reconnects;
    } else {
      count_swap(client);
      mark(Mark::swapped_by_takeover);
    }
  }
  if (phase == Phase::live) client.lost = false;
}

void Judge::on_trace(std::size_t client, const TraceRecord& record) {
  Watched& it = watched(client);
  hash(static_cast<std::uint64_t>(record.at.nanoseconds()));
  if (talks) {
    char line[256];
    const std::size_t size = FlightRecorder::format_json(record, line);
    std::printf("%.6f client %zu %.*s\n", static_cast<double>((world_.now() - world_.start()).nanoseconds()) * 1e-9,
                client, static_cast<int>(size), line);
  }
  hash(static_cast<std::uint64_t>(record.kind) | static_cast<std::uint64_t>(record.number) << 8 |
       record.connection << 32 | static_cast<std::uint64_t>(record.error) << 56);
  char text[512];
  if (record.kind == TraceKind::error) scan_text({text, FlightRecorder::format_json(record, text)});
  switch (record.kind) {
    case TraceKind::input: {
      const SeededEntropy& entropy = it.host->random();
      it.draw = entropy.failed || entropy.draws.count == 0
                    ? 0x80000000U
                    : entropy.draws.values[(entropy.draws.count - 1) % Draws::kKept];
      ++totals.cells[record.size][record.number];
      check(29, record.size == static_cast<std::uint32_t>(it.phase) || it.phase == Phase::idle || record.size == 0,
            [] { return std::string("the phase moved without a word"); });
      const auto kind = static_cast<InputKind>(record.number);
      it.last_input = kind;
      mark_input(it, record);
      if (kind == InputKind::serving_lost && it.phase == Phase::overlap) mark(Mark::old_served_again);
      if (kind == InputKind::tick && it.phase == Phase::drain && it.outstanding != 0 &&
          world_.now() - it.phase_since >= limits::kDrainTimeout) {
        mark(Mark::drained_late);
      }
      return;
    }
    case TraceKind::swap_step:
      enter_phase(it, static_cast<Phase>(record.number));
      return;
    case TraceKind::fetch_started:
      ++totals.fetches;
      // I-14. A session of its own begins anew.
      check(14, it.fetch_started == Instant() || world_.now() - it.fetch_started >= seconds(5), [&] {
        return "two fetches within " + std::to_string((world_.now() - it.fetch_started).milliseconds()) + " ms";
      });
      // I-16: within [t - J, t], unless the ladder or the user said otherwise.
      if (it.phase == Phase::live_fetch && it.refresh_planned && !it.refresh_forced &&
          it.harmed_until < it.refresh_from) {
        const Instant latest = std::max(
            {it.refresh_to, it.live_since, it.live_entered, it.host->paused_until, it.fetch_started + seconds(5)});
        check(16, world_.now() >= it.refresh_from && world_.now() <= latest + milliseconds(1), [&] {
          return "the refresh began " + std::to_string((world_.now() - it.refresh_to).milliseconds()) +
                 " ms after its latest instant, " + std::to_string((it.refresh_from - world_.now()).milliseconds()) +
                 " ms before its earliest";
        });
        if (it.skewed) mark(Mark::clock_skewed);
      }
      it.refresh_planned = false;
      it.refresh_forced = false;
      it.fetch_started = world_.now();
      if (it.account.refused != it.refused_before_fetch) it.not_before = Instant();
      it.refused_before_fetch = it.account.refused;
      it.requests = 0;
      it.final_status = 0;
      it.get_tried = false;
      return;
    case TraceKind::fetch_done: {
      it.api_failing_since = Instant();
      it.credentials = it.expiries.size();
      const Duration life = it.lives.empty() ? hours(24) : std::min(it.lives.back(), hours(24));
      const Duration lead = seconds(plan_.knob(client, Knob::lead_s));
      const Duration before = life <= lead * 2 ? life / 2 : life - lead;
      Duration jitter = std::min({seconds(30), lead / 2, life / 20});
      if (plan_.knob(client, Knob::refresh_jitter) == 0) jitter = Duration::zero();
      it.refresh_to = std::min(it.fetch_sent + before, world_.now() + hours(24) - seconds(60));
      it.refresh_from = std::min(it.fetch_sent + before - jitter, it.refresh_to);
      it.refresh_planned = true;
      return;
    }
    case TraceKind::fetch_failed:
      mark_fetch_failed(it, record);
      // A host that stood still for longer than the whole fetch may take has not read what the endpoint answered.
      if (record.error == Errc::http_timeout && it.host->paused_until > it.fetch_started) it.not_before = Instant();
      return;
    case TraceKind::lost:
      it.lost = true;
      it.api_failing_since = Instant();
      it.connected_since = Instant::never();
      return;
    case TraceKind::packet_in:
      it.packet_link = record.connection;
      it.packet_acknowledged = false;
      mark_packet(it, record);
      return;
    case TraceKind::packet_out:
      if (record.number == 4 && record.connection == it.packet_link) it.packet_acknowledged = true;
      if (record.number == 14 && record.connection == it.active_link) check_leaving(it);
      mark_packet(it, record);
      return;
    case TraceKind::active:
      check_activation(it, record.connection);
      return;
    case TraceKind::retired:
      count_loss(it);
      for (const std::unique_ptr<LinkNote>& note : notes_) {
        if (note->client == client && note->life == it.life && note->id == record.connection) note->retired = true;
      }
      return;
    case TraceKind::closed:
      count_loss(it);
      mark_closed(it, record);
      for (Watched::Theft& theft : it.thefts) {
        if (theft.link == record.connection) theft.seen = record.error == Errc::session_taken_over;
      }
      return;
    default:
      return;
  }
}

// Before the first byte of a request for credentials.
void Judge::check_fetch(Watched& client) {
  ++client.requests;
  // I-14: four requests in a fetch, and one more for the other method.
  check(14, client.requests <= 5, [] { return std::string("more than five requests in one fetch"); });
  // I-22, I-18. Without memory the answer was perhaps not read, and a machine that was suspended gave up waiting for
  // it.
  const bool unread =
      client.account.refused != client.refused_before_fetch || client.host->paused_until > client.fetch_started;
  if (unread) client.not_before = Instant();
  check(22, client.final_status == 0 || unread,
        [&] { return "a request after the answer " + std::to_string(client.final_status) + " in the same fetch"; });
  if (std::exchange(client.retry_after_set, false) && !client.refresh_forced) mark(Mark::retry_after_kept);
  check(18, world_.now() >= client.not_before || client.refresh_forced, [&] {
    return "a request " + std::to_string((client.not_before - world_.now()).milliseconds()) + " ms before Retry-After";
  });
}

// Before a connection to the broker is opened.
void Judge::check_dial(Watched& client) {
  ++totals.connects;
  // I-13
  if (client.credentials != 0 && client.credentials <= client.expiries.size()) {
    check(13, client.expiries[client.credentials - 1] - world_.now() >= seconds(5),
          [] { return std::string("a dial with less than 5 s left to the credentials"); });
  }
  // I-23
  check(23, client.conflict_at == Instant() || world_.now() - client.conflict_at >= seconds(5),
        [] { return std::string("a connection within 5 s of being taken over by another process"); });
}

// I-19: a connection serves only when the broker has granted on it whatever it had granted before.
void Judge::check_activation(Watched& client, std::uint64_t connection) {
  client.active_before = client.active_link;
  note_stay(client);
  client.refusals = 0;
  client.live_since_failure = true;
  client.active_link = connection;
  note_lacking(client);
  client.live_before = std::exchange(client.live_since, world_.now());
  if (client.connected_since == Instant() || client.connected_since == Instant::never()) {
    client.connected_since = world_.now();
  }
  if (client.phase == Phase::overlap && world_.now() - client.fetch_started >= seconds(30)) mark(Mark::attempt_slow);
  if (client.phase != Phase::overlap || client.garbled || client.disconnecting) return;
  const BrokerSession* before = nullptr;
  const BrokerSession* after = nullptr;
  for (std::size_t at = 0; at < client.host->open_connections(); ++at) {
    Connection* link = client.host->connection(at);
    const auto id = static_cast<std::uint64_t>(link->id());
    // What was done to the new one, a refusal for one thing, is no reason; what was done to the old one may have kept
    // from the client what its broker had granted.
    if (id != connection && (id != client.active_before || link->harmed)) continue;
    if (link->peer() == nullptr) continue;
    const auto session = broker_.sessions.find(static_cast<const BrokerPeer*>(link->peer())->client_id());
    if (session != broker_.sessions.end()) (id == connection ? after : before) = &session->second;
  }
  if (before == nullptr || after == nullptr) return;
  for (const Slot& slot : client.slots) {
    if (slot.kind == SlotKind::handler || !slot.active || !slot.told || slot.lost) continue;
    // Refused on the old connection where it stood nevertheless: it is asked for again when its time has come.
    if ((client.refused_last >> slot.filter & 1) != 0) continue;
    check(19, before->filters.count(filter(slot.filter)) == 0 || after->filters.count(filter(slot.filter)) != 0, [&] {
      return "the new connection of client " + std::to_string(client.index) +
             " serves, and the broker has not granted " + filter(slot.filter) + " on it";
    });
  }
}

// What may have spoilt any connection of the client's. A host that stood still has a minute to see what of
// its connections is left.
bool Judge::excused_leaving(const Watched& client) const {
  const bool paused = client.host->paused_until != Instant() && world_.now() - client.host->paused_until < seconds(60);
  return client.disconnecting || client.garbled || paused || world_.now() < client.harmed_until ||
         client.account.refused != client.refusals_seen;
}

// I-19: DISCONNECT goes out on the connection that serves when the session ends, or when something is wrong with it.
void Judge::check_leaving(Watched& client) {
  bool excused = excused_leaving(client);
  for (const std::unique_ptr<LinkNote>& note : notes_) {
    if (note->client != client.index || note->life != client.life || note->id != client.active_link) continue;
    excused = excused || note->harmed || note->garbled || note->unanswered || note->ousted;
    note->left = true;
  }
  check(19, excused, [] { return std::string("the connection that serves is left, and nothing was wrong with it"); });
}

// Has a connection served for 30 s since the last failure?
void Judge::note_stay(Watched& client) {
  if (client.live_since == Instant::never()) return;
  // The one that retires serves again when the new one dies.
  const Instant since = std::min(client.live_since, client.live_before);
  if (world_.now() - since >= seconds(30)) client.stayed[0] = client.stayed[1] = true;
}

// I-17: the wait that is told is the one the specification gives for this draw.
void Judge::check_ladder(Watched& client, const ErrorReport& report) {
  const bool serving = client.phase == Phase::live;
  if (!serving && client.phase != Phase::reconnect_wait) return;
  const std::uint32_t index = report.attempt - 1;
  Duration wait;
  if (serving) {
    constexpr std::int64_t kSteps[] = {5, 15, 30, 60};
    wait = seconds(kSteps[std::min<std::uint32_t>(index, 3)]);
    if (plan_.knob(client.index, Knob::retry_jitter) != 0) wait = wait + part_of(wait / 5, client.draw);
  } else {
    const std::int64_t span = index >= 6 ? 60 : std::int64_t{1} << index;
    wait = part_of(seconds(span), client.draw);
    if (index >= 3) wait = std::max(wait, seconds(5));
  }
  const bool conflict =
      report.error.code() == Errc::session_taken_over || report.error.code() == Errc::session_conflict;
  // CONTRACT 6: after 0x8E that no CONNECT of ours explains 5 to 60 s, at the third in five minutes 60 s. The ladder of
  // a refresh does not cut that short: the next attempt may present the same client id.
  if (conflict && serving) {
    const bool third = report.error.code() == Errc::session_conflict;
    wait = std::max(wait, third ? seconds(60) : seconds(5) + part_of(seconds(55), client.draw));
    client.conflict_at = world_.now();
  }
  Duration longer = wait;
  // a refusal for the configuration's sake, and the third of the credentials in a row, wait 60 s.
  const std::uint32_t number = report.error.number();
  const bool refused = number == 0x86 || number == 0x87 || number == 0x8C || number == 0x9C || number == 0x9D ||
                       number == 401 || number == 403 || report.error.code() == Errc::redirect_refused;
  if (refused) ++client.refusals;
  if (configuration_reason(number) || (refused && client.refusals >= 3)) longer = std::max(longer, seconds(60));
  // A CONNECT of its own that was answered explains it, though that connection was given up since.
  const bool own = client.closed_note != nullptr && client.closed_note->ousted && report.next_delay < seconds(5);
  if (conflict && !serving && !own) {
    // 5 to 60 s, at the third in five minutes 60 s.
    check(17, report.next_delay >= seconds(5) && report.next_delay <= seconds(60),
          [] { return std::string("the wait after a conflict is not 5 to 60 s"); });
    client.conflict_at = world_.now();
  } else {
    const Duration asked = std::min(report.error.retry_after(), seconds(300));
    const Duration floor = serving ? client.fetch_started + seconds(5) - world_.now() : Duration::zero();
    const Duration due = std::max({wait, asked, floor, client.not_before - world_.now()});
    const Duration due_longer = std::max({longer, asked, floor, client.not_before - world_.now()});
    check(17,
          report.next_delay == due || report.next_delay == due_longer ||
              report.next_delay == std::max({wait, asked, floor}) ||
              report.next_delay == std::max({longer, asked, floor}),
          [&] {
            return "attempt " + std::to_string(report.attempt) + " after " +
                   std::string(axonpush::name_of(report.error.code())) + " " + std::to_string(report.error.number()) +
                   " waits " + std::to_string(report.next_delay.milliseconds()) + " ms, due are " +
                   std::to_string(due.milliseconds()) + (serving ? " (refresh)" : " (reconnect)");
          });
  }
  client.longest_wait = std::max(client.longest_wait, report.next_delay + seconds(6));
  client.asked_until = std::max(client.asked_until, world_.now() + std::min(report.error.retry_after(), seconds(300)));
  // The index goes on by one, and falls back only after 30 s of being live.
  std::uint32_t& last = client.last_attempt[serving ? 1 : 0];
  note_stay(client);
  const bool stayed = std::exchange(client.stayed[serving ? 1 : 0], false);
  check(17, report.attempt > last || stayed, [&] {
    return "attempt " + std::to_string(report.attempt) + " follows attempt " + std::to_string(last) +
           ", and no connection lived for 30 s between them";
  });
  last = report.attempt == 255 ? 254 : report.attempt;
  if (!serving && std::exchange(client.live_since_failure, false) && report.attempt > 1) mark(Mark::flapped);
  if (serving) client.refresh_planned = false;
}

void Judge::on_issued(std::size_t client, Instant expires, bool skewed) {
  watched(client).expiries.push_back(expires);
  watched(client).lives.push_back(expires - world_.now());
  watched(client).skewed = skewed;
}

void Judge::on_api_answer(std::size_t client, int status, std::int64_t retry_after_s) {
  Watched& it = watched(client);
  // The fetch may have ended before the endpoint had its request: then nobody reads what it says.
  if (it.phase != Phase::first_fetch && it.phase != Phase::live_fetch && it.phase != Phase::fetch) return;
  if (status == 400 || status == 401 || status == 403 || status == 422) it.final_status = status;
  if (status == 401 || status == 403) mark(Mark::credentials_refused);
  if (retry_after_s > 0 && (status == 429 || status == 503)) {
    it.not_before = std::max(it.not_before, world_.now() + seconds(std::min<std::int64_t>(retry_after_s, 300)));
    it.retry_after_set = true;
  }
}

void Judge::refresh_asked(std::size_t client) { watched(client).refresh_forced = true; }

// I-38, I-39: the request is one a strict server takes, and the key is in it.
void Judge::on_request(std::size_t client, const std::string& head) {
  static_cast<void>(client);
  bool strict = head.find("\r\n") != std::string::npos;
  for (std::size_t at = 0; at < head.size(); ++at) {
    const auto byte = static_cast<unsigned char>(head[at]);
    if (byte == '\r' && (at + 1 == head.size() || head[at + 1] != '\n')) strict = false;
    if (byte == '\n' && (at == 0 || head[at - 1] != '\r')) strict = false;
    if (byte != '\r' && byte != '\n' && (byte < 0x20 || byte > 0x7E)) strict = false;
  }
  check(38, strict && head.find(" HTTP/1.1\r\nHost: ") != std::string::npos,
        [] { return std::string("a request for credentials is no strict HTTP"); });
  check(39, head.find(std::string("X-API-Key: ") + std::string(kApiKey) + "\r\n") != std::string::npos,
        [] { return std::string("a request for credentials without its key"); });
}

void Judge::on_upgrade(BrokerPeer& peer, std::string_view head) {
  LinkNote& note = note_of(peer.link());
  check(39, head.find("APIKEYMARKER") == std::string_view::npos && head.find("TOKENMARKER") == std::string_view::npos,
        [] { return std::string("the key or the token is in the WebSocket request"); });
  const std::size_t at = head.find("Sec-WebSocket-Key: ");
  const std::string key(at == std::string_view::npos ? std::string_view() : head.substr(at + 19, 24));
  check(37, key.size() == 24 && keys_.insert(key).second, [] { return std::string("a Sec-WebSocket-Key came twice"); });
  static_cast<void>(note);
}

// I-37: each mask is a draw of its own from the client's source of entropy.
void Judge::on_frame(BrokerPeer& peer, std::uint32_t mask) {
  LinkNote& note = note_of(peer.link());
  const Draws& draws = peer.link().host().random().draws;
  if (draws.count - note.draw_cursor > Draws::kKept) note.draw_cursor = draws.count - Draws::kKept;
  std::uint64_t at = note.draw_cursor;
  while (at < draws.count && draws.values[at % Draws::kKept] != mask) ++at;
  const bool old = draws.count >= Draws::kKept && at == draws.count;  // written long ago on a link that was stuck
  check(37, at < draws.count || old,
        [] { return std::string("a mask that nobody drew, or one that was used before"); });
  if (at < draws.count) note.draw_cursor = at + 1;
}

// I-21: whatever else there is to say, something is said within the keep alive.
void Judge::on_packet(BrokerPeer& peer, int type) {
  LinkNote& note = note_of(peer.link());
  static_cast<void>(type);
  const Duration silent = world_.now() - note.last_heard;
  note.last_heard = world_.now();
  const bool excused = peer.link().harmed || peer.link().host().paused_until > Instant();
  if (peer.keep_alive() == 0 || !note.connected || excused) return;
  check(21, silent <= seconds(peer.keep_alive()) * 3 / 2 + seconds(10),
        [&] { return "the client was silent for " + std::to_string(silent.seconds()) + " s"; });
}

void Judge::on_connected(BrokerPeer& peer, const SeenConnect& seen, bool present) {
  LinkNote& note = note_of(peer.link());
  Watched& it = watched(note.client);
  note.connected = true;
  note.connected_at = world_.now();
  note.client_id = seen.client_id;
  note.last_heard = world_.now();
  if (!present) it.last_packet_id = 0;
  // The words of a session that is over may still have been on their way.
  if (note.session != it.sessions) return;
  if (present) mark(Mark::session_resumed);
  it.connacks.push_back({world_.now(), present});
  for (Watched::Theft& theft : it.thefts) {
    if (theft.client_id == seen.client_id && theft.to == Instant::never()) theft.to = world_.now();
  }
  if (talks) {
    std::printf("%.6f client %zu: the broker's CONNACK on connection %llu, Session Present %d\n",
                static_cast<double>((world_.now() - world_.start()).nanoseconds()) * 1e-9, note.client,
                static_cast<unsigned long long>(note.id), present ? 1 : 0);
  }
  // CONTRACT 3: Clean Start 1 for a new client id, 0 for one whose session the broker may have.
  if (!it.session_seen) it.client_ids.clear();
  const bool first = it.client_ids.insert(seen.client_id).second;
  check(15, it.session_seen || seen.clean_start,
        [] { return std::string("the first CONNECT did not ask for a clean start"); });
  check(15, !first || seen.clean_start || it.garbled,
        [] { return std::string("CONNECT asks for the session of a client id that never had one"); });
  it.session_seen = true;
  const std::string tag = "TOKENMARKER-" + std::to_string(note.client) + "x";
  check(39, seen.user_name.starts_with(tag), [] { return std::string("CONNECT brings the token of somebody else"); });
}

// one PONG waits at most. A burst of pings is read in turns of 64 packets, of which the first and the last
// may have others beside them; what comes through a narrow wire comes one by one.
void Judge::pinged(Connection& connection, std::uint64_t pings) {
  // TLS asks to be called again after a short read.
  const bool short_reads = plan_.knob(WorldKnob::tls) != 0 && (plan_.knob(WorldKnob::whims) & 1) != 0;
  LinkNote& note = note_of(connection);
  const bool whole = connection.chunk == SIZE_MAX && connection.drip == Duration::zero() && !short_reads;
  note.pongs_allowed += whole ? pings / 64 + 2 : pings;
  if (whole && pings > 64) note.flood_from = note.pongs;
}

void Judge::dripped(Connection& connection) {
  constexpr std::size_t kPingBytes = 2;
  note_of(connection).pongs_allowed += connection.waiting_bytes() / kPingBytes + 1;
}

void Judge::on_pong(BrokerPeer& peer) {
  LinkNote& note = note_of(peer.link());
  ++note.pongs;
  if (note.pongs >= note.flood_from + 2) {
    mark(Mark::pings_in_turns);
    note.flood_from = LinkNote::kNoFlood;
  }
  check(32, note.garbled || note.pongs <= note.pongs_allowed,
        [&] { return std::to_string(note.pongs) + " PONGs, where " + std::to_string(note.pongs_allowed) + " do"; });
}

void Judge::on_gone(BrokerPeer& peer) {
  const LinkNote& note = note_of(peer.link());
  if (note.connected) count_loss(watched(note.client));
}

void Judge::on_ousted(BrokerPeer& peer) {
  note_of(peer.link()).ousted = true;
  on_gone(peer);
}

}  // namespace axonpush::sim
