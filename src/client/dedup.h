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

  // False on an exhausted heap: then every event is `maybe_duplicate`. At most `entries_max` events are remembered,
  // which is rounded down to a power of two.
  bool begin(std::size_t entries_max = limits::kSwapDedupEntries) noexcept;
  // Another swap begins while this one's memory is still held. What the connection that is gone delivered goes on, and
  // is forgotten by forget_carried(); nobody brings a copy of what the `survivor` alone delivered any more.
  void carry_over(Side survivor) noexcept;
  void forget_carried() noexcept;
  void end() noexcept;
  [[nodiscard]] bool active() const noexcept { return active_; }
  [[nodiscard]] bool lossy() const noexcept { return lossy_; }
  // `overflow` counts the entries that were forgotten before they met their partner.
  [[nodiscard]] Verdict see(Side side, const EventKey& key, std::uint64_t& overflow) noexcept;
  // The same, and what is no second copy is not remembered.
  [[nodiscard]] Verdict meet(Side side, const EventKey& key) noexcept;
  // Events that wait for their partner. One that met it says nothing any more and is forgotten at once.
  [[nodiscard]] std::size_t size() const noexcept { return used_; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Entry {
    EventKey key;
    std::int32_t balance = 0;     // copies of `first` less copies of `second`; never 0 in an entry that is used
    std::uint32_t chain = kNone;  // the next of the same bucket; of a free entry: the next free one
    std::uint32_t older = kNone;
    std::uint32_t newer = kNone;
  };
  // As many buckets as entries. The table grows with what it holds: most swaps see a few dozen events.
  static constexpr std::size_t kFirstEntries = 512;
  static_assert((limits::kSwapDedupEntries & (limits::kSwapDedupEntries - 1)) == 0 &&
                limits::kSwapDedupEntries >= kFirstEntries);

  static std::int32_t balance_of(Side side) noexcept { return side == Side::first ? 1 : -1; }
  [[nodiscard]] std::uint32_t* bucket_of(const EventKey& key) noexcept { return &buckets_[key.low & (capacity_ - 1)]; }
  [[nodiscard]] std::uint32_t find(const EventKey& key) noexcept;
  void add(const EventKey& key, std::int32_t balance, std::uint64_t& overflow) noexcept;
  bool count(Side side, std::uint32_t index) noexcept;
  void forget(std::uint32_t index) noexcept;
  bool grow() noexcept;
  void free_tables() noexcept;

  Entry* entries_ = nullptr;
  std::uint32_t* buckets_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t capacity_max_ = limits::kSwapDedupEntries;
  std::size_t used_ = 0;
  std::uint32_t free_ = kNone;
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
  std::uint32_t carried_ = kNone;  // the newest of what was carried over
  bool active_ = false;
  bool lossy_ = false;  // something was forgotten: from here on a copy may be a second one
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
  // Was it delivered in neither of these epochs, as far as the last two are known? For the two connections of a swap,
  // of which neither repeats what the other delivered.
  [[nodiscard]] bool delivered_elsewhere(const EventKey& key, std::uint32_t epoch, std::uint32_t beside) const noexcept;
  void clear() noexcept;

 private:
  static constexpr std::uint32_t kUnlinked = UINT32_MAX;
  struct Entry {
    EventKey key;
    std::uint32_t earlier = 0;        // its last delivery in another epoch before this one: number_of(), in 32 bits
    std::uint32_t earlier_epoch = 0;  // of that; 0: there was none
    std::uint32_t epoch = 0;
    std::uint32_t chain = 0;  // the next entry of the same bucket, plus one; kUnlinked: delivered again since
  };
  static constexpr std::size_t kBuckets = limits::kReconnectDedupEntries;
  struct Table {
    Entry entries[limits::kReconnectDedupEntries];
    std::uint32_t buckets[kBuckets];
    std::uint64_t count;  // of all deliveries; the next one stands at count % kReconnectDedupEntries
  };
  [[nodiscard]] static std::size_t bucket_of(const EventKey& key) noexcept { return key.low % kBuckets; }
  // What leads to the entry of `key`: its bucket or the entry before it; *link_of() is 0 when there is none.
  [[nodiscard]] std::uint32_t* link_of(const EventKey& key) const noexcept;
  [[nodiscard]] std::uint64_t number_of(std::uint32_t index) const noexcept;
  [[nodiscard]] bool has_earlier(const Entry& entry) const noexcept;

  Table* table_ = nullptr;
};

}  // namespace axonpush::inline v0
