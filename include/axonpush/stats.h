// Counters and histograms of one realtime session: plain numbers, copied out whole.
//
// Thread rule: Realtime::stats() on the loop's thread; RealtimeClient::stats() from any. No allocation.
#pragma once

#include <axonpush/base/time.h>

#include <cstddef>

namespace axonpush::inline v0 {

// Log-linear: 16 buckets for each power of two nanoseconds, so a value is off by at most 1/16.
class LatencyHistogram {
 public:
  static constexpr std::size_t kBucketsPerOctave = 16;
  static constexpr std::size_t kOctaves = 40;  // up to about 18 minutes
  static constexpr std::size_t kBucketCount = kBucketsPerOctave * kOctaves;

  void record(Duration value) noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  // The upper border of the bucket that holds the quantile; per_mille 500 is the median, 999 is p99.9.
  [[nodiscard]] Duration quantile(std::uint32_t per_mille) const noexcept;
  [[nodiscard]] Duration max() const noexcept { return max_; }
  [[nodiscard]] std::uint32_t bucket(std::size_t index) const noexcept { return buckets_[index]; }
  [[nodiscard]] static Duration upper_border(std::size_t index) noexcept;
  void merge(const LatencyHistogram& other) noexcept;

 private:
  [[nodiscard]] static std::size_t index_of(std::uint64_t nanoseconds) noexcept;
  std::uint64_t count_ = 0;
  Duration max_;
  std::uint32_t buckets_[kBucketCount] = {};
};

struct Stats {
  // Incoming.
  std::uint64_t events = 0;              // PUBLISH packets dispatched
  std::uint64_t callbacks = 0;           // callbacks run for them
  std::uint64_t event_bytes = 0;         // their payloads
  std::uint64_t unmatched = 0;           // events no subscription wanted
  std::uint64_t invalid_json = 0;        // bodies not delivered to JSON callbacks
  std::uint64_t duplicates_dropped = 0;  // second copies during a swap or after a reconnect
  std::uint64_t dedup_overflow = 0;
  // Outgoing.
  std::uint64_t publishes = 0;  // accepted
  std::uint64_t publish_bytes = 0;
  std::uint64_t acknowledged = 0;  // PUBACK with success
  std::uint64_t publish_failures = 0;
  std::uint64_t resent = 0;
  std::uint64_t queue_count_max = 0;  // high-water marks
  std::uint64_t queue_bytes_max = 0;
  // Life.
  std::uint64_t fetches = 0;
  std::uint64_t connections = 0;  // CONNACK 0x00
  std::uint64_t swaps = 0;
  std::uint64_t refresh_failures = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t gaps = 0;
  std::uint64_t callbacks_threw = 0;
  std::uint64_t traces_dropped = 0;    // records that on_trace was not told
  std::uint64_t clock_skewed = 0;      // Date and the local clock differ by more than 24 h
  std::uint64_t endpoint_differs = 0;  // presignedWssUrl names another host than `endpoint`
  std::uint64_t bytes_in = 0;          // decrypted
  std::uint64_t bytes_out = 0;         // before encryption
  std::uint64_t ignored_packets = 0;   // legal and meaningless: an unknown PUBACK, an unasked pong
};

// Only when RealtimeOptions::latency_histograms is on.
struct LatencyStats {
  LatencyHistogram receive_to_callback;  // from the loop turn's instant to the callback's start
  LatencyHistogram publish_to_puback;
};

}  // namespace axonpush::inline v0
