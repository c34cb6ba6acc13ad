#include "sim/sim_marks.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "sim/sim_judge.h"

namespace axonpush::sim {

namespace {

struct Named {
  Mark mark;
  std::string_view name;
};
constexpr Named kMarks[] = {
    {Mark::first_refused, "R-01 401 or 403 on the first connect"},
    {Mark::refresh_refused, "R-02 401 or 403 during a refresh, the old connection serves on"},
    {Mark::request_refused, "R-03 400 or 422"},
    {Mark::method_refused, "R-03 404 or 405"},
    {Mark::retry_after_kept, "R-04 Retry-After was waited for"},
    {Mark::retry_after_over_life, "R-04 Retry-After beyond the credentials' life"},
    {Mark::api_errors, "R-05 500, 502, 503 or 504 until a refresh failed"},
    {Mark::api_unreachable, "R-06 the API was refused, lost or without TLS until a fetch failed"},
    {Mark::api_dripped, "R-07 an answer byte by byte, given up at its deadline"},
    {Mark::answer_spoilt, "R-08 a body cut short, broken or no JSON"},
    {Mark::expiry_odd, "R-09 expiresAt missing, past or a moment ahead"},
    {Mark::clock_skewed, "R-10 a refresh by the calendar of a server that is off"},
    {Mark::wall_stepped, "R-11 the client's calendar stepped"},
    {Mark::suspended_10_s, "R-12 suspended for 10 s"},
    {Mark::suspended_10_min, "R-12 suspended for 10 min"},
    {Mark::suspended_26_h, "R-12 suspended for 26 h"},
    {Mark::api_down_1_h, "R-13 the API was down for an hour, the connection served on"},
    {Mark::attempt_slow, "R-14 fetch and dial took over 30 s, and the swap came about"},
    {Mark::name_failed, "R-15 the broker's name was not resolved"},
    {Mark::name_failed_in_refresh, "R-15 the same in Live+Dial"},
    {Mark::dial_refused, "R-16 TCP refused"},
    {Mark::dial_unreachable, "R-16 no route"},
    {Mark::dial_black_hole, "R-16 TCP unanswered"},
    {Mark::tls_silent, "R-16 TLS unanswered"},
    {Mark::upgrade_silent, "R-16 the WebSocket handshake unanswered"},
    {Mark::connack_silent, "R-16 CONNECT unanswered"},
    {Mark::upgrade_refused, "R-17 WebSocket 401 or 403"},
    {Mark::upgrade_odd, "R-18 WebSocket answered 3xx, 404, 426, 5xx or 200"},
    {Mark::connack_refused, "R-19 CONNACK refused"},
    {Mark::subscribe_interrupted, "R-20 lost after SUBSCRIBE, before its SUBACK"},
    {Mark::filter_refused, "R-21 SUBACK failed for a first subscribe"},
    {Mark::filter_lost, "R-21 a filter was given up and told as lost"},
    {Mark::candidate_refused, "R-22 SUBACK failed on the new connection for a filter of the old one"},
    {Mark::swapped_without_filter, "R-22 the third time: swapped, the filter told as lost"},
    {Mark::restore_overdue, "R-23 SUBACK did not come on the new connection"},
    {Mark::event_before_suback, "R-24 PUBLISH between CONNACK and SUBACK"},
    {Mark::vanished, "R-25 a peer that vanished was missed in time"},
    {Mark::pingresp_missing, "R-26 PINGRESP missing, PUBLISH kept the connection"},
    {Mark::keepalive_timeout, "R-26 neither came: keepalive_timeout"},
    {Mark::packet_overdue, "R-27 a byte every few seconds inside a packet, given up"},
    {Mark::cut_mid_packet, "R-28 ended in the middle of a packet"},
    {Mark::server_disconnected, "R-29 DISCONNECT by the server"},
    {Mark::maximum_connect_time, "R-29 0xA0, and fetched at once"},
    {Mark::over_24h, "R-29 0xA0 after 24 h"},
    {Mark::flapped, "R-30 lost again within 30 s of being live, and waited for longer"},
    {Mark::swapped_by_takeover, "R-31 the broker ended the old connection for the new one"},
    {Mark::session_resumed, "R-31 Session Present 1"},
    {Mark::gap_told, "R-31 a possible gap was told"},
    {Mark::lost_in_gap, "R-31 an event was lost, in a gap that was told"},
    {Mark::outage_resumed, "R-31 an event of an outage came with the resumed session"},
    {Mark::replayed_slowly, "R-31 the resumed session was replayed one event at a time"},
    {Mark::taken_over, "R-32 taken over by another process"},
    {Mark::taken_in_gap, "R-32 an event that the other process had lies in a gap that was told"},
    {Mark::conflict, "R-32 for the third time in 5 min"},
    {Mark::attempt_promoted, "R-33 the old one died while an attempt was under way"},
    {Mark::candidate_dropped, "R-34 the new one died, the old one went on"},
    {Mark::old_served_again, "R-34 the new one died in the overlap"},
    {Mark::both_lost, "R-35 both died at the same instant"},
    {Mark::drained_late, "R-36 PUBACK missing at the end of the drain"},
    {Mark::published_in_swap, "R-37 published in the overlap or the drain"},
    {Mark::republished, "R-38 published again after a loss"},
    {Mark::resent, "R-38 the same in a resumed session, with DUP"},
    {Mark::duplicate_dropped, "R-39 an event came on both connections, delivered once"},
    {Mark::duplicate_told, "R-39 one that may be a duplicate was told as such"},
    {Mark::duplicate_without_id, "R-40 the same of one without an id"},
    {Mark::twin_kept, "R-40 two equal events, both delivered"},
    {Mark::twin_behind_a_takeover, "R-40 two equal events, one on each connection of a takeover, both delivered"},
    {Mark::unsubscribed_in_swap, "R-42 unsubscribed in Live+Restore or the overlap"},
    {Mark::subscribed_in_swap, "R-43 subscribed in Live+Restore, the overlap or the drain"},
    {Mark::refresh_merged, "R-44 a refresh asked for while a fetch was under way"},
    {Mark::expired_in_dial, "R-45 the credentials expired before the WebSocket request"},
    {Mark::dialed_past_expiry, "R-45 the credentials expired after it, and CONNECT went out"},
    {Mark::called_inside, "R-46 a call from inside a callback"},
    {Mark::destroyed_in_callback, "R-47 destroyed inside a callback"},
    {Mark::disconnected_in_callback, "R-48 disconnected inside a callback"},
    {Mark::connected_again, "R-49 connect after disconnect"},
    {Mark::thrown, "R-50 a callback threw"},
    {Mark::on_error_threw, "R-51 on_error threw"},
    {Mark::blocked_and_kept, "R-52 stood still for 10 s or more, and a live connection was kept"},
    {Mark::no_memory, "R-54 an allocation failed"},
    {Mark::no_fds, "R-55 no descriptor left"},
    {Mark::queue_full, "R-56 the publish queue was full"},
    {Mark::output_stuck, "R-56 the transport took nothing for a keep alive"},
    {Mark::pings_in_turns, "R-59 a flood of pings was read in several turns"},
    {Mark::hook_threw, "R-60 the trace hook threw"},
    {Mark::swapped, "swapped"},
    {Mark::swapped_with_traffic, "swapped_with_traffic"},
    {Mark::publish_refused, "publish_refused"},
    {Mark::publish_overdue, "publish_overdue"},
    {Mark::rate_limited, "rate_limited"},
    {Mark::credentials_refused, "credentials_refused"},
    {Mark::disconnect_in_flight, "disconnect_in_flight"},
    {Mark::no_entropy, "no_entropy"},
    {Mark::short_reads, "short_reads"},
    {Mark::early_timers, "early_timers"},
    {Mark::idle_wakes, "idle_wakes"},
    {Mark::fragments, "fragments"},
    {Mark::forgotten_in_swap, "forgotten_in_swap"},
    {Mark::packet_ids_wrapped, "packet_ids_wrapped"},
    {Mark::past_2_31_ms, "past_2_31_ms"},
    {Mark::past_2_32_ms, "past_2_32_ms"},
};
static_assert(std::size(kMarks) == kMarkCount);
static_assert(
    [] {
      for (std::size_t at = 0; at < kMarkCount; ++at) {
        if (kMarks[at].mark != static_cast<Mark>(at)) return false;
      }
      return true;
    }(),
    "in the order of the enumeration");

// Rows, or parts of rows, that need more than a client, a network and a calendar.
constexpr std::string_view kElsewhere[] = {
    "R-41 ten thousand clients at once: tests/client/fleet_test.cc; a world has eight",
    "R-46 from the trace hook: tests/client/reentry_sweep_test.cc; other contexts in the table of calls",
    "R-48 disconnect from another thread: tests/facade/facade_test.cc; a world has one thread",
    "R-53 a slow consumer at 1,000 events a second for an hour: tests/client/fault_traffic_test.cc",
    "R-55 errors of single system calls: tests/net/fault_test.cc; a world has no kernel",
    "R-57 fork: tests/net/fork_test.cc, tests/net/reactor_threads_test.cc",
    "R-58 signals: tests/net/reactor_threads_test.cc, tests/net/dialer_test.cc",
    "R-59 other descriptors beside a flood: tests/net/reactor_burst_test.cc",
};

}  // namespace

std::string_view name_of(Mark mark) { return kMarks[static_cast<std::size_t>(mark)].name; }

namespace {

void print_line(std::uint64_t count, std::string_view name) {
  std::printf("%10llu  %.*s\n", static_cast<unsigned long long>(count), static_cast<int>(name.size()), name.data());
}

template <std::size_t Count>
std::size_t print_reasons(const char* what, const std::uint8_t (&reasons)[Count], const std::uint64_t (&counts)[256]) {
  std::size_t missing = 0;
  std::printf("%s:", what);
  for (const std::uint8_t reason : reasons) {
    std::printf(" %02X %llu,", reason, static_cast<unsigned long long>(counts[reason]));
    missing += counts[reason] == 0 ? 1 : 0;
  }
  std::printf("\n");
  return missing;
}

}  // namespace

std::size_t print_marks(const Totals& totals) {
  std::size_t missing = 0;
  std::printf("marks, times met:\n");
  for (std::size_t mark = 0; mark < kMarkCount; ++mark) {
    print_line(totals.marks[mark], kMarks[mark].name);
    missing += totals.marks[mark] == 0 ? 1 : 0;
  }
  missing += print_reasons("R-19 CONNACK", kConnackReasons, totals.connacks);
  missing += print_reasons("R-29 DISCONNECT", kDisconnectReasons, totals.disconnects);
  std::printf("rows shown elsewhere:\n");
  for (const std::string_view row : kElsewhere) {
    std::printf("  %.*s\n", static_cast<int>(row.size()), row.data());
  }
  return missing;
}

}  // namespace axonpush::sim
