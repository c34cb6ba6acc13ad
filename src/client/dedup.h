// Which events arrived twice: across the two connections of a swap (matched one to one), and after a reconnect (by what
// was delivered before it). Keys are 128-bit keyed hashes, so a peer cannot make two events collide on purpose.
//
// Who calls it: ClientCore, for each incoming event. Bounded: kSwapDedupEntries and kReconnectDedupEntries.
// Source: CONTRACT section 6.4 and its last paragraph.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/limits.h>

#include "base/siphash.h"

namespace axonpush::inline v0 {

using EventKey = Hash128;

// While two connections deliver, each event's balance of copies between them is kept: a copy that has an unmatched
// partner on the other connection is the second one. So two equal events, published twice, still arrive twice.
class SwapDedup {
 public:
  enum class Side : std::uint8_t {
    first,
    second
  };
  enum class Verdict : std::uint8_t {
    deliver,
    drop,             // its partner was delivered
    maybe_duplicate,  // memory overflowed: its partner may have been delivered
  };

  SwapDedup() noexcept = default;
  SwapDedup(const SwapDedup&) = delete;
  SwapDedup& operator=(const SwapDedup&) = delete;
  ~SwapDedup() { end(); }

  // Allocates the table; false on an exhausted heap, and then every event is `maybe_duplicate`.
  bool begin() noexcept;
  void end() noexcept;
  [[nodiscard]] bool active() const noexcept { return active_; }
  [[nodiscard]] Verdict see(Side side, const EventKey& key) noexcept;
  [[nodiscard]] std::uint64_t overflows() const noexcept { return overflows_; }

 private:
  struct Entry {
    EventKey key;
    std::int32_t balance = 0;  // copies of `first` less copies of `second`
    bool used = false;
  };
  // Twice the entries, so that a probe stays short; a power of two.
  static constexpr std::size_t kSlots = 2 * limits::kSwapDedupEntries;
  // The table grows with what it holds: most swaps see a few dozen events.
  static constexpr std::size_t kFirstSlots = 1024;

  [[nodiscard]] Entry* find_or_add(const EventKey& key) noexcept;
  bool grow() noexcept;

  Entry* slots_ = nullptr;
  std::size_t slot_count_ = 0;
  std::size_t used_ = 0;
  std::uint64_t overflows_ = 0;
  bool active_ = false;
  bool lossy_ = false;
};

// The last kReconnectDedupEntries QoS 1 events that were delivered. `epoch` is the connection's: an event is a
// repetition only when it was delivered on an earlier connection.
class DeliveredRing {
 public:
  DeliveredRing() noexcept = default;
  DeliveredRing(const DeliveredRing&) = delete;
  DeliveredRing& operator=(const DeliveredRing&) = delete;
  ~DeliveredRing() { clear(); }

  // False on an exhausted heap: nothing is remembered.
  bool remember(const EventKey& key, std::uint32_t epoch) noexcept;
  [[nodiscard]] bool delivered_before(const EventKey& key, std::uint32_t epoch) const noexcept;
  void clear() noexcept;

 private:
  struct Entry {
    EventKey key;
    std::uint32_t epoch = 0;
    std::uint32_t chain = 0;  // the next entry of the same bucket, plus one
  };
  static constexpr std::size_t kBuckets = limits::kReconnectDedupEntries;
  struct Table {
    Entry entries[limits::kReconnectDedupEntries];
    std::uint32_t buckets[kBuckets];
    std::uint32_t next;
    std::uint32_t count;
  };
  [[nodiscard]] static std::size_t bucket_of(const EventKey& key) noexcept { return key.low % kBuckets; }
  void forget(std::uint32_t index) noexcept;

  Table* table_ = nullptr;
};

}  // namespace axonpush::inline v0
