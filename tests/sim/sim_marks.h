// What a long run must have met at least once: the rows of FAULTS part 1, R-01 to R-60, and rare branches. Each is
// counted where it has happened, not where it was asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace axonpush::sim {

// In the order of the rows; kMarks in sim_marks.cc says what each is.
enum class Mark : std::uint8_t {
  first_refused,
  refresh_refused,
  request_refused,
  method_refused,
  retry_after_kept,
  retry_after_over_life,
  api_errors,
  api_unreachable,
  api_dripped,
  answer_spoilt,
  expiry_odd,
  clock_skewed,
  wall_stepped,
  suspended_10_s,
  suspended_10_min,
  suspended_26_h,
  api_down_1_h,
  attempt_slow,
  name_failed,
  name_failed_in_refresh,
  dial_refused,
  dial_unreachable,
  dial_black_hole,
  tls_silent,
  upgrade_silent,
  connack_silent,
  upgrade_refused,
  upgrade_odd,
  connack_refused,
  subscribe_interrupted,
  filter_refused,
  filter_lost,
  candidate_refused,
  swapped_without_filter,
  restore_overdue,
  event_before_suback,
  vanished,
  pingresp_missing,
  keepalive_timeout,
  packet_overdue,
  cut_mid_packet,
  server_disconnected,
  maximum_connect_time,
  over_24h,
  flapped,
  swapped_by_takeover,
  session_resumed,
  gap_told,
  lost_in_gap,
  outage_resumed,
  replayed_slowly,
  taken_over,
  taken_in_gap,
  conflict,
  attempt_promoted,
  candidate_dropped,
  old_served_again,
  both_lost,
  drained_late,
  published_in_swap,
  republished,
  resent,
  duplicate_dropped,
  duplicate_told,
  duplicate_without_id,
  twin_kept,
  twin_behind_a_takeover,
  unsubscribed_in_swap,
  subscribed_in_swap,
  refresh_merged,
  expired_in_dial,
  dialed_past_expiry,
  called_inside,
  destroyed_in_callback,
  disconnected_in_callback,
  connected_again,
  thrown,
  on_error_threw,
  blocked_and_kept,
  no_memory,
  no_fds,
  queue_full,
  output_stuck,
  pings_in_turns,
  hook_threw,
  // Rare branches besides
  swapped,
  swapped_with_traffic,
  publish_refused,
  publish_overdue,
  rate_limited,
  credentials_refused,
  disconnect_in_flight,  // while publishes waited
  no_entropy,
  short_reads,
  early_timers,
  idle_wakes,
  fragments,
  forgotten_in_swap,
  packet_ids_wrapped,
  past_2_31_ms,  // of one life of a world
  past_2_32_ms,
  count
};
inline constexpr std::size_t kMarkCount = static_cast<std::size_t>(Mark::count);
// "R-17 WebSocket 401 or 403"
[[nodiscard]] std::string_view name_of(Mark mark);

// The reasons a server may give in CONNACK, or in DISCONNECT: each is a mark of its own.
inline constexpr std::uint8_t kConnackReasons[] = {0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A,
                                                   0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F};
inline constexpr std::uint8_t kDisconnectReasons[] = {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E,
                                                      0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A,
                                                      0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2};

struct Totals;
// Prints the marks with their counts, row by row, and the rows that a simulated world cannot show with whoever shows
// them. Answers to how many were never met.
std::size_t print_marks(const Totals& totals);

}  // namespace axonpush::sim
