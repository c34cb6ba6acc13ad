// Which rows of FAULTS part 1 a run has met: told by the client's trace, once the client has met them.
#include <algorithm>

#include "sim/sim_judge.h"

namespace axonpush::sim {

using refresh::InputKind;
using refresh::Phase;

namespace {

// MQTT 5 2.1.2
constexpr std::uint32_t kConnect = 1;
constexpr std::uint32_t kPublish = 3;
constexpr std::uint32_t kSubscribe = 8;
constexpr std::uint32_t kSuback = 9;
constexpr std::uint32_t kPingreq = 12;
constexpr std::uint32_t kPingresp = 13;

bool is_one_of(std::uint32_t number, std::initializer_list<std::uint32_t> all) {
  return std::find(all.begin(), all.end(), number) != all.end();
}
bool is_one_of(Errc code, std::initializer_list<Errc> all) {
  return std::find(all.begin(), all.end(), code) != all.end();
}

}  // namespace

void Judge::count_fault(std::size_t client, Verb fault) {
  const Watched& it = watched(client);
  if (it.in_session) ++totals.struck[static_cast<std::size_t>(it.phase)][static_cast<std::size_t>(fault)];
}

void Judge::slow_answer(std::size_t client) { watched(client).dripping_since = world_.now(); }

// Of a connection to the broker that is open, or was closed last.
LinkNote* Judge::link_noted(Watched& client, std::uint64_t id) {
  for (std::size_t at = 0; at < client.host->open_connections(); ++at) {
    Connection* link = client.host->connection(at);
    if (static_cast<std::uint64_t>(link->id()) == id) return &note_of(*link);
  }
  return client.closed_note != nullptr && client.closed_note->id == id ? client.closed_note : nullptr;
}

void Judge::mark_packet(Watched& client, const TraceRecord& record) {
  const bool in = record.kind == TraceKind::packet_in;
  if (!in && record.number == kConnect && client.credentials != 0 && client.credentials <= client.expiries.size() &&
      client.expiries[client.credentials - 1] < world_.now()) {
    mark(Mark::dialed_past_expiry);
  }
  if (!in && record.number == kPingreq) {
    client.ping_link = record.connection;
    client.ping_at = world_.now();
  } else if (in && record.number == kPingresp && record.connection == client.ping_link) {
    client.ping_link = 0;
  } else if (in && record.number == kPublish && record.connection == client.ping_link &&
             world_.now() - client.ping_at > seconds(10)) {
    mark(Mark::pingresp_missing);  // its deadline is 10 s at most
    client.ping_link = 0;
  } else if ((!in && record.number == kSubscribe) || (in && record.number == kSuback)) {
    LinkNote* const note = link_noted(client, record.connection);
    if (note != nullptr) ++(in ? note->subacks : note->subscribes);
  }
}

void Judge::mark_fetch_failed(Watched& client, const TraceRecord& record) {
  const bool refresh = client.phase == Phase::live_fetch;
  const std::uint32_t status = record.number;
  if (status == 401 || status == 403) {
    if (client.phase == Phase::first_fetch) mark(Mark::first_refused);
    if (refresh) mark(Mark::refresh_refused);
  }
  if (status == 400 || status == 422) mark(Mark::request_refused);
  if (status == 404 || status == 405) mark(Mark::method_refused);
  if (refresh && is_one_of(status, {500, 502, 503, 504})) mark(Mark::api_errors);
  if (is_one_of(record.error, {Errc::connect_failed, Errc::connect_timeout, Errc::connection_lost, Errc::tls_verify,
                               Errc::tls_protocol})) {
    mark(Mark::api_unreachable);
  }
  if (is_one_of(record.error, {Errc::http_truncated, Errc::http_malformed, Errc::json_invalid})) {
    mark(Mark::answer_spoilt);
  }
  if (record.error == Errc::credentials_invalid) mark(Mark::expiry_odd);
  if (!refresh) return;
  if (client.api_failing_since == Instant()) client.api_failing_since = client.fetch_started;
  if (world_.now() - client.api_failing_since < hours(1)) return;
  mark(Mark::api_down_1_h);
  client.api_failing_since = world_.now();
}

void Judge::mark_closed(Watched& client, const TraceRecord& record) {
  const LinkNote* const note = link_noted(client, record.connection);
  const bool refresh = client.phase == Phase::live_dial;
  switch (record.error) {
    case Errc::dns_failed:
      mark(refresh ? Mark::name_failed_in_refresh : Mark::name_failed);
      break;
    case Errc::ws_handshake:
    case Errc::redirect_refused:
      mark(record.number == 401 || record.number == 403 ? Mark::upgrade_refused : Mark::upgrade_odd);
      break;
    case Errc::mqtt_refused:
      mark(Mark::connack_refused);
      ++totals.connacks[record.number & 0xFF];
      break;
    case Errc::server_disconnect:
    case Errc::session_taken_over:
      mark(Mark::server_disconnected);
      ++totals.disconnects[record.number & 0xFF];
      break;
    case Errc::credentials_expired:
      mark(Mark::expired_in_dial);
      break;
    case Errc::keepalive_timeout:
      if (note != nullptr && note->stuck) mark(Mark::output_stuck);
      break;
    case Errc::connection_lost:
      // A narrow connection ends by the deadline of a packet, and by nothing else.
      if (note != nullptr && note->dripped && record.number == 0) mark(Mark::packet_overdue);
      break;
    default:
      break;
  }
  if (note == nullptr || !note->connected) return;
  if (note->cut_mid_packet) mark(Mark::cut_mid_packet);
  if (note->subscribes > note->subacks && !client.disconnecting) mark(Mark::subscribe_interrupted);
  const bool both = client.closed_link != 0 && client.closed_link != record.connection &&
                    client.closed_at == world_.now() && !client.disconnecting;
  if (both) mark(Mark::both_lost);
  client.closed_link = record.connection;
  client.closed_at = world_.now();
}

void Judge::mark_input(Watched& client, const TraceRecord& record) {
  switch (static_cast<InputKind>(record.number)) {
    case InputKind::fetched:
      if (record.error == Errc::credentials_expired) mark(Mark::expiry_odd);
      return;
    case InputKind::restore_failed:
      if (record.error == Errc::ack_timeout && client.phase == Phase::live_restore) mark(Mark::restore_overdue);
      return;
    default:
      return;
  }
}

}  // namespace axonpush::sim
