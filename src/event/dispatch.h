// Which callbacks want a topic: a table whose cost does not grow with the number of filters.
//
// A filter of the AxonPush shape is a prefix without wildcards and five segments, each concrete or `+`. So it is one of
// 32 wildcard masks and the hash of what is concrete; for each mask in question a topic costs one look-up in one flat
// open-addressing table. Which masks are in question is told by the channel, the pivot: a word for each bucket says
// which masks occur together with channels that fall there, and each channel has two. A hit is confirmed on the
// filter's text: the hash decides nothing by itself, and it is keyed, so that names chosen by strangers cannot be made
// to collide. Filters of any other shape (a wildcard in the prefix,
// `#`, fewer segments) stand in a list that is walked.
//
// Entries may be added and removed while a Matches is open, which is what callbacks do: one added meanwhile is not
// given to that Matches, one removed is not given any more, and its slot is freed when the last Matches has gone.
// Handles are an index and a generation and survive every reallocation. Who calls it: ClientCore. Thread rule: the
// loop's thread. Bounded by kFiltersMax and kEntriesMax.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/base/result.h>
#include <axonpush/limits.h>

#include <bit>

#include "base/siphash.h"
#include "event/topic_parts.h"

namespace axonpush::inline v0 {

// Names one entry. Generation 0: none.
struct DispatchHandle {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  [[nodiscard]] explicit operator bool() const noexcept { return generation != 0; }
  friend bool operator==(const DispatchHandle&, const DispatchHandle&) noexcept = default;
};

// What may be read of a topic to hash a part of it.
enum class HashReach : std::uint8_t {
  within,       // the part itself
  behind_word,  // eight bytes in front of its end, whether they belong to it or not
};

class DispatchTable {
 public:
  static constexpr std::size_t kFiltersMax = 65'536;
  static constexpr std::size_t kEntriesMax = 1'048'576;
  static constexpr std::size_t kSegments = kTopicParts - 1;  // behind the prefix
  static constexpr std::size_t kMasks = std::size_t{1} << kSegments;

  class Matches;

  // A table without a key of its own works, and is open to chosen collisions.
  DispatchTable() noexcept { set_key({}); }
  explicit DispatchTable(const HashKey& key) noexcept { set_key(key); }
  DispatchTable(const DispatchTable&) = delete;
  DispatchTable& operator=(const DispatchTable&) = delete;
  ~DispatchTable();

  // Only while the table is empty.
  void set_key(const HashKey& key) noexcept;

  // Registers `value` (the caller's index of a callback) for a filter. topic_invalid: no filter by MQTT 5 4.7, or a
  // shared one; quota: kCallbacksPerFilter, kFiltersMax or kEntriesMax; no_memory. Entries of one filter are matched in
  // the order they were added in.
  [[nodiscard]] Result<DispatchHandle> add(std::string_view topic_filter, std::uint32_t value) noexcept;
  // False for a handle that names nothing (any more).
  bool remove(DispatchHandle handle) noexcept;
  // Removes every entry; false when there was none. The memory stays.
  bool clear() noexcept;

  [[nodiscard]] bool contains(DispatchHandle handle) const noexcept;
  // Entries, filters with at least one, and entries of one filter.
  [[nodiscard]] std::size_t size() const noexcept { return live_entries_; }
  [[nodiscard]] std::size_t filter_count() const noexcept { return live_filters_; }
  [[nodiscard]] std::size_t count(std::string_view topic_filter) const noexcept;

  // Runs `visit(value)` for every entry whose filter matches. `topic` need not be valid; it must stay where it is until
  // this returns.
  template <class Visit>
  void match(std::string_view topic, Visit&& visit);

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // A piece of a filter without wildcards, compared in one go: from segment `first` (0: the prefix) to segment `last`.
  struct Run {
    std::uint16_t offset = 0;
    std::uint16_t size = 0;
    std::uint8_t first = 0;
    std::uint8_t last = 0;
  };
  static constexpr std::size_t kRunsMax = 3;  // c+c+c, the prefix being part of the first

  struct Filter {
    char* text = nullptr;  // nullptr: the slot is free
    std::uint64_t hash = 0;
    std::uint64_t places = 0;  // of its pivot
    std::uint32_t size = 0;
    std::uint32_t first = kNone;  // of its entries
    std::uint32_t last = kNone;
    std::uint32_t live = 0;      // entries that were not removed
    std::uint32_t next = kNone;  // in the list of free slots, or in the list of filters of another shape
    Run runs[kRunsMax];
    std::uint8_t run_count = 0;
    std::uint8_t mask = 0;  // bit i: segment i is concrete
    bool hashed = false;
  };
  struct Entry {
    std::uint64_t birth = 0;  // counts up; 0: the slot is free
    std::uint32_t value = 0;
    std::uint32_t generation = 0;
    std::uint32_t filter = kNone;
    std::uint32_t next = kNone;  // of the same filter, or of the list of free slots
    std::uint32_t previous = kNone;
    std::uint32_t removed_next = kNone;
    bool removed = false;  // waits in the list of removed_ for the last Matches to go
  };
  // The upper half of the hash, and the filter's index plus one; 0: empty.
  using Bucket = std::uint64_t;
  [[nodiscard]] static constexpr std::uint32_t tag_of(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 32);
  }
  [[nodiscard]] static constexpr std::uint32_t filter_of(Bucket bucket) noexcept {
    return static_cast<std::uint32_t>(bucket) - 1;
  }
  [[nodiscard]] static constexpr Bucket bucket_of(std::uint64_t hash, std::uint32_t filter) noexcept {
    return std::uint64_t{tag_of(hash)} << 32 | (filter + 1);
  }
  // Nearly every filter names a channel, and a channel has few filters.
  static constexpr std::size_t kPivotSegment = 2;
  static constexpr std::uint32_t kPivotBit = 1U << kPivotSegment;
  static constexpr std::uint32_t kMasksWithoutPivot = 0x0F0F0F0F;  // bit m: mask m lacks kPivotBit
  static constexpr std::size_t kBucketBytes = sizeof(Bucket) + sizeof(std::uint32_t);
  // The bucket where the search for a hash begins.
  [[nodiscard]] std::size_t home_of(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(hash) & bucket_mask_;
  }
  // Where a pivot has its two places. Names that differ in a few digits have hashes that differ by a few sums, which
  // the second multiplication tears apart: both places of one are hardly ever those of others.
  [[nodiscard]] std::uint64_t places_of(std::uint64_t pivot_hash) const noexcept {
    return (pivot_hash ^ pivot_hash >> 32) * multiplier_;
  }
  // What both places know: the masks the pivot occurs with, and by chance others.
  [[nodiscard]] std::uint32_t masks_at(std::uint64_t places) const noexcept {
    return pivots_[home_of(places)] & pivots_[home_of(places >> 32)];
  }
  [[nodiscard]] static std::size_t segment_of_lowest(std::uint32_t mask) noexcept {
    return static_cast<std::size_t>(std::countr_zero(std::uint64_t{mask}));
  }
  template <HashReach kReach>
  struct Hasher;

  [[nodiscard]] std::uint32_t find_hashed(std::string_view topic, std::uint32_t* found) const noexcept;
  template <HashReach kReach>
  [[nodiscard]] std::uint32_t find_parts(const char* topic, const TopicParts& parts,
                                         std::uint32_t* found) const noexcept;
  [[nodiscard]] std::uint32_t find_one(std::uint32_t mask, std::uint64_t hash, const char* topic,
                                       const TopicParts& parts) const noexcept;
  [[nodiscard]] static bool confirm(const Filter& filter, const char* topic, const TopicParts& parts) noexcept;
  [[nodiscard]] std::uint32_t find_exact(std::string_view topic_filter, const Filter& shape) const noexcept;
  // Fills in everything of `filter` that follows from its text.
  void judge_shape(std::string_view topic_filter, Filter& filter) const noexcept;

  [[nodiscard]] std::uint32_t add_filter(std::string_view topic_filter, const Filter& shape, Error& error) noexcept;
  [[nodiscard]] std::uint32_t add_entry(std::uint32_t filter, std::uint32_t value, Error& error) noexcept;
  void drop_filter(std::uint32_t index) noexcept;
  void free_entry(std::uint32_t index) noexcept;
  void sweep() noexcept;
  [[nodiscard]] bool reserve_bucket() noexcept;
  void place(std::uint32_t index) noexcept;
  void unplace(std::uint32_t index) noexcept;
  void note_pivot(const Filter& filter) noexcept;
  void forget_pivot() noexcept;

  Bucket* buckets_ = nullptr;
  std::uint32_t* pivots_ = nullptr;  // one for each bucket. Bit m: a filter of mask m has its pivot here, or had
  std::size_t pivots_stale_ = 0;     // filters that went since the pivots were made
  std::size_t bucket_mask_ = 0;      // buckets less one
  std::uint32_t masks_ = 0;          // bit m: at least one filter of mask m
  std::uint32_t hashed_ = 0;         // filters in buckets_
  std::uint64_t keys_[kSegments + 1] = {};
  std::uint64_t multiplier_ = 1;
  Filter* filters_ = nullptr;
  Entry* entries_ = nullptr;
  std::uint32_t filter_room_ = 0;
  std::uint32_t entry_room_ = 0;
  std::uint32_t free_filter_ = kNone;
  std::uint32_t free_entry_ = kNone;
  std::uint32_t walked_ = kNone;  // the first filter of another shape
  std::uint32_t live_entries_ = 0;
  std::uint32_t live_filters_ = 0;
  std::uint32_t open_ = 0;         // Matches
  std::uint32_t removed_ = kNone;  // the first entry that waits for sweep()
  std::uint64_t births_ = 0;
  std::uint32_t mask_filters_[kMasks] = {};

  friend class Matches;
};

// The entries that want one topic, one after the other. The table outlives it.
class DispatchTable::Matches {
 public:
  Matches(DispatchTable& table, std::string_view topic) noexcept
      : table_(table),
        birth_last_(table.births_),
        found_count_(table.find_hashed(topic, found_)),
        walk_(table.walked_),
        topic_(topic) {
    ++table.open_;
  }
  // What is left of `other`, which goes on by itself.
  Matches(const Matches& other) noexcept
      : table_(other.table_),
        birth_last_(other.birth_last_),
        entry_(other.entry_),
        found_at_(other.found_at_),
        found_count_(other.found_count_),
        walk_(other.walk_),
        topic_(other.topic_) {
    std::memcpy(found_, other.found_, found_count_ * sizeof found_[0]);
    ++table_.open_;
  }
  Matches& operator=(const Matches&) = delete;
  ~Matches() {
    if (--table_.open_ == 0 && table_.removed_ != kNone) table_.sweep();
  }

  // False at the end.
  [[nodiscard]] bool next(std::uint32_t& value) noexcept {
    for (;;) {
      while (entry_ != kNone) {
        const Entry& entry = table_.entries_[entry_];
        // The entries of a filter stand in the order of their births.
        entry_ = entry.birth <= birth_last_ ? entry.next : kNone;
        if (entry.birth > birth_last_ || entry.removed) continue;
        value = entry.value;
        return true;
      }
      if (found_at_ == found_count_ && (walk_ == kNone || !refill())) return false;
      entry_ = table_.filters_[found_[found_at_++]].first;
    }
  }

 private:
  // More of the filters of another shape.
  [[nodiscard]] bool refill() noexcept;

  DispatchTable& table_;
  std::uint64_t birth_last_;
  std::uint32_t entry_ = kNone;
  std::uint32_t found_at_ = 0;
  std::uint32_t found_count_ = 0;
  std::uint32_t walk_ = kNone;  // the next filter of another shape to be judged
  std::string_view topic_;
  std::uint32_t found_[kMasks];
};

template <class Visit>
void DispatchTable::match(std::string_view topic, Visit&& visit) {
  Matches matches(*this, topic);
  std::uint32_t value = 0;
  while (matches.next(value)) visit(value);
}

}  // namespace axonpush::inline v0
