#include "event/dispatch.h"

#include <axonpush/mqtt/packet.h>

#include <bit>
#include <new>
#include <type_traits>

#include "base/alloc.h"
#include "base/assert.h"

namespace axonpush::inline v0 {

namespace {

constexpr std::size_t kBucketsMin = 16;
constexpr std::uint32_t kRoomMin = 8;

inline std::uint64_t load_word(const char* from) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Both halves of the product, so that every bit of the result depends on every bit of both factors.
inline std::uint64_t mix(std::uint64_t left, std::uint64_t right) noexcept {
#if defined(__SIZEOF_INT128__)
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(left) * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
#else
  // A processor of 32 bits: the four products of the halves, carried over.
  const std::uint64_t left_low = left & UINT32_MAX, left_high = left >> 32;
  const std::uint64_t right_low = right & UINT32_MAX, right_high = right >> 32;
  const std::uint64_t low = left_low * right_low;
  const std::uint64_t middle = left_high * right_low + (low >> 32);
  const std::uint64_t other = left_low * right_high + (middle & UINT32_MAX);
  const std::uint64_t high = left_high * right_high + (middle >> 32) + (other >> 32);
  return ((low & UINT32_MAX) | other << 32) ^ high;
#endif
}

inline std::uint64_t difference(const char* left, const char* right, std::size_t at) noexcept {
  return load_word(left + at) ^ load_word(right + at);
}

// Most runs have 4 to 32 bytes, and loads that overlap compare them without a call.
inline bool same_text(const char* left, const char* right, std::size_t size) noexcept {
  if (size >= 8 && size <= 32) {
    std::uint64_t differences = difference(left, right, 0) | difference(left, right, size - 8);
    if (size > 16) differences |= difference(left, right, 8) | difference(left, right, size - 16);
    return differences == 0;
  }
  if (size >= 4 && size < 8) {
    std::uint32_t words[4];
    std::memcpy(&words[0], left, sizeof words[0]);
    std::memcpy(&words[1], right, sizeof words[1]);
    std::memcpy(&words[2], left + size - 4, sizeof words[2]);
    std::memcpy(&words[3], right + size - 4, sizeof words[3]);
    return ((words[0] ^ words[1]) | (words[2] ^ words[3])) == 0;
  }
  return std::memcmp(left, right, size) == 0;
}

// More room for an array of slots; the new ones are made and put in front of the list of free ones.
template <class T>
bool grow(T*& slots, std::uint32_t& room, std::uint32_t& free_first, std::size_t most) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::size_t wanted = room == 0 ? kRoomMin : std::size_t{room} * 2;
  const auto fresh_room = static_cast<std::uint32_t>(wanted < most ? wanted : most);
  auto* fresh = static_cast<T*>(allocate(fresh_room * sizeof(T)));
  if (fresh == nullptr) return false;
  if (room != 0) {
    std::memcpy(static_cast<void*>(fresh), slots, room * sizeof(T));
    deallocate(slots, room * sizeof(T));
  }
  for (std::uint32_t at = fresh_room; at-- != room;) {
    ::new (static_cast<void*>(fresh + at)) T;
    fresh[at].next = free_first;
    free_first = at;
  }
  slots = fresh;
  room = fresh_room;
  return true;
}

constexpr Error kNoMemory(Errc::no_memory, "no memory for a subscription");

}  // namespace

// A segment's hash depends on the key of its place, so that the same text in two places counts as two things. The sum
// of the prefix's and the concrete segments' hashes is the filter's.
template <HashReach kReach>
struct DispatchTable::Hasher {
  const DispatchTable& table;
  const char* text;
  const TopicParts& parts;

  // Hashed with the slash in front of it, so that none is empty.
  [[nodiscard]] std::uint64_t of_segment(std::size_t segment) const noexcept {
    const std::size_t begin = parts.border[segment + 1];
    return of_text(text + begin, parts.border[segment + 2] - begin, table.keys_[segment + 1]);
  }
  [[nodiscard]] std::uint64_t of_prefix() const noexcept {
    return parts.end(0) == 0 ? finish(0, 0, 0, table.keys_[0]) : of_text(text, parts.end(0), table.keys_[0]);
  }
  // All of a filter's; bit i of the mask: segment i counts.
  [[nodiscard]] std::uint64_t of_mask(std::uint32_t mask) const noexcept {
    std::uint64_t sum = of_prefix();
    for (std::uint32_t left = mask; left != 0; left &= left - 1) sum += of_segment(segment_of_lowest(left));
    return sum;
  }

 private:
  // `size` times a secret keeps texts of different sizes apart whose overlapping words are alike.
  [[nodiscard]] std::uint64_t finish(std::uint64_t first, std::uint64_t last, std::size_t size,
                                     std::uint64_t key) const noexcept {
    return mix(first ^ key, last + size * table.multiplier_);
  }
  [[gnu::noinline]] std::uint64_t of_long(const char* from, std::size_t size, std::uint64_t key) const noexcept {
    std::uint64_t state = key;
    for (std::size_t at = 0; at + 16 < size; at += 8) state = mix(state ^ load_word(from + at), table.multiplier_);
    return finish(load_word(from + size - 16), load_word(from + size - 8), size, state);
  }
  [[nodiscard]] std::uint64_t of_text(const char* from, std::size_t size, std::uint64_t key) const noexcept {
    if (size <= 8) {
      std::uint64_t word = 0;
      if constexpr (kReach == HashReach::behind_word) {
        word = load_word(from + size - 8) >> (64 - 8 * size);
      } else {
        std::memcpy(&word, from, size);
      }
      return finish(word, 0, size, key);
    }
    if (size > 16) [[unlikely]]
      return of_long(from, size, key);
    return finish(load_word(from), load_word(from + size - 8), size, key);
  }
};

void DispatchTable::set_key(const HashKey& key) noexcept {
  AXONPUSH_ASSERT(live_filters_ == 0);
  for (std::size_t at = 0; at < kTopicParts; ++at) {
    const auto place = static_cast<std::uint8_t>(at);
    keys_[at] = siphash_64(key, {&place, 1});
  }
  multiplier_ = siphash_64(key, {}) | 1;
}

DispatchTable::~DispatchTable() {
  AXONPUSH_ASSERT(open_ == 0);
  for (std::uint32_t at = 0; at < filter_room_; ++at) {
    if (filters_[at].text != nullptr) deallocate(filters_[at].text, filters_[at].size);
  }
  if (filters_ != nullptr) deallocate(filters_, filter_room_ * sizeof(Filter));
  if (entries_ != nullptr) deallocate(entries_, entry_room_ * sizeof(Entry));
  if (buckets_ != nullptr) deallocate(buckets_, (bucket_mask_ + 1) * kBucketBytes);
}

// --- Matching

inline bool DispatchTable::confirm(const Filter& filter, const char* topic, const TopicParts& parts) noexcept {
  for (std::size_t at = 0; at < filter.run_count; ++at) {
    const Run& run = filter.runs[at];
    const std::uint32_t begin = parts.begin(run.first);
    if (parts.end(run.last) - begin != run.size) return false;
    if (!same_text(topic + begin, filter.text + run.offset, run.size)) return false;
  }
  return true;
}

// The filter of that mask and hash, or kNone.
inline std::uint32_t DispatchTable::find_one(std::uint32_t mask, std::uint64_t hash, const char* topic,
                                             const TopicParts& parts) const noexcept {
  // The table is never full, so an empty bucket ends every search.
  for (std::size_t at = home_of(hash); buckets_[at] != 0; at = (at + 1) & bucket_mask_) {
    if (tag_of(buckets_[at]) != tag_of(hash)) continue;
    const std::uint32_t index = filter_of(buckets_[at]);
    if (filters_[index].mask == mask && confirm(filters_[index], topic, parts)) return index;
  }
  return kNone;
}

template <HashReach kReach>
[[gnu::always_inline]] inline std::uint32_t DispatchTable::find_parts(const char* topic, const TopicParts& parts,
                                                                      std::uint32_t* found) const noexcept {
  const Hasher<kReach> hasher{*this, topic, parts};
  const std::uint64_t pivot = hasher.of_segment(kPivotSegment);
  const std::uint32_t candidates = masks_ & (masks_at(places_of(pivot)) | kMasksWithoutPivot);
  if (candidates == 0) return 0;
  const std::uint64_t prefix = hasher.of_prefix();
  if ((candidates & (candidates - 1)) == 0) [[likely]] {
    const auto mask = static_cast<std::uint32_t>(std::countr_zero(candidates));
    std::uint64_t hash = prefix + ((mask & kPivotBit) != 0 ? pivot : 0);
    for (std::uint32_t left = mask & ~kPivotBit; left != 0; left &= left - 1) {
      hash += hasher.of_segment(segment_of_lowest(left));
    }
    const std::uint32_t only = find_one(mask, hash, topic, parts);
    if (only == kNone) return 0;
    found[0] = only;
    return 1;
  }
  std::uint64_t hashes[kSegments];
  for (std::size_t segment = 0; segment < kSegments; ++segment) hashes[segment] = hasher.of_segment(segment);
  std::uint32_t count = 0;
  for (std::uint32_t left = candidates; left != 0; left &= left - 1) {
    const auto mask = static_cast<std::uint32_t>(std::countr_zero(left));
    std::uint64_t hash = prefix;
    for (std::uint32_t bits = mask; bits != 0; bits &= bits - 1) hash += hashes[segment_of_lowest(bits)];
    found[count] = find_one(mask, hash, topic, parts);
    if (found[count] != kNone) ++count;
  }
  return count;
}

std::uint32_t DispatchTable::find_hashed(std::string_view topic, std::uint32_t* found) const noexcept {
  TopicParts parts;
  if (masks_ == 0 || !split_parts(topic, parts)) return 0;
  if (parts.end(0) >= 8) [[likely]]
    return find_parts<HashReach::behind_word>(topic.data(), parts, found);
  return find_parts<HashReach::within>(topic.data(), parts, found);
}

bool DispatchTable::Matches::refill() noexcept {
  found_at_ = 0;
  found_count_ = 0;
  while (walk_ != kNone && found_count_ < kMasks) {
    const Filter& filter = table_.filters_[walk_];
    if (mqtt::topic_matches({filter.text, filter.size}, topic_)) found_[found_count_++] = walk_;
    walk_ = filter.next;
  }
  return found_count_ != 0;
}

// --- Adding

void DispatchTable::judge_shape(std::string_view topic_filter, Filter& filter) const noexcept {
  filter.size = static_cast<std::uint32_t>(topic_filter.size());
  TopicParts parts;
  if (!split_parts(topic_filter, parts)) return;
  if (parts.of(topic_filter, 0).find_first_of("+#") != std::string_view::npos) return;
  if (parts.of(topic_filter, kSegments) == "#") return;
  bool open = false;  // the last run goes on
  for (std::uint8_t at = 0; at < kTopicParts; ++at) {
    if (parts.of(topic_filter, at) == "+") {
      open = false;
      continue;
    }
    if (at != 0) filter.mask = static_cast<std::uint8_t>(filter.mask | 1U << (at - 1U));
    if (!open) {
      AXONPUSH_ASSERT(filter.run_count < kRunsMax);
      filter.runs[filter.run_count++] = {static_cast<std::uint16_t>(parts.begin(at)), 0, at, at};
      open = true;
    }
    Run& run = filter.runs[filter.run_count - 1];
    run.last = at;
    run.size = static_cast<std::uint16_t>(parts.end(at) - run.offset);
  }
  const Hasher<HashReach::within> hasher{*this, topic_filter.data(), parts};
  filter.hash = hasher.of_mask(filter.mask);
  filter.places = places_of(hasher.of_segment(kPivotSegment));
  filter.hashed = true;
}

std::uint32_t DispatchTable::find_exact(std::string_view topic_filter, const Filter& shape) const noexcept {
  const auto same = [this, topic_filter](std::uint32_t index) {
    return std::string_view(filters_[index].text, filters_[index].size) == topic_filter;
  };
  if (!shape.hashed) {
    for (std::uint32_t at = walked_; at != kNone; at = filters_[at].next) {
      if (same(at)) return at;
    }
    return kNone;
  }
  if (buckets_ == nullptr) return kNone;
  for (std::size_t at = home_of(shape.hash); buckets_[at] != 0; at = (at + 1) & bucket_mask_) {
    if (tag_of(buckets_[at]) == tag_of(shape.hash) && same(filter_of(buckets_[at]))) return filter_of(buckets_[at]);
  }
  return kNone;
}

void DispatchTable::place(std::uint32_t index) noexcept {
  const std::uint64_t hash = filters_[index].hash;
  std::size_t at = home_of(hash);
  while (buckets_[at] != 0) at = (at + 1) & bucket_mask_;
  buckets_[at] = bucket_of(hash, index);
  note_pivot(filters_[index]);
}

// Not said of a filter without the pivot: its mask is looked up for every topic.
void DispatchTable::note_pivot(const Filter& filter) noexcept {
  if ((filter.mask & kPivotBit) == 0) return;
  pivots_[home_of(filter.places)] |= std::uint32_t{1} << filter.mask;
  pivots_[home_of(filter.places >> 32)] |= std::uint32_t{1} << filter.mask;
}

// A bit may stand for several filters, so it stays when one goes: it costs a look-up that finds nothing. When there may
// be many such bits they are all made anew, which happens so rarely that it costs a removal next to nothing.
void DispatchTable::forget_pivot() noexcept {
  if (++pivots_stale_ <= bucket_mask_ / 2) return;
  pivots_stale_ = 0;
  for (std::size_t at = 0; at <= bucket_mask_; ++at) pivots_[at] = 0;
  for (std::size_t at = 0; at <= bucket_mask_; ++at) {
    if (buckets_[at] != 0) note_pivot(filters_[filter_of(buckets_[at])]);
  }
}

// At most half of the buckets are in use, so that a search is short whether it finds or not.
bool DispatchTable::reserve_bucket() noexcept {
  const std::size_t room = buckets_ == nullptr ? 0 : bucket_mask_ + 1;
  if ((std::size_t{hashed_} + 1) * 2 <= room) return true;
  const std::size_t wanted = room == 0 ? kBucketsMin : room * 2;
  // One block: the buckets, and behind them the pivots.
  auto* fresh = static_cast<Bucket*>(allocate(wanted * kBucketBytes));
  if (fresh == nullptr) return false;
  std::memset(fresh, 0, wanted * kBucketBytes);
  Bucket* const old = buckets_;
  buckets_ = fresh;
  pivots_ = reinterpret_cast<std::uint32_t*>(fresh + wanted);
  pivots_stale_ = 0;
  bucket_mask_ = wanted - 1;
  for (std::size_t at = 0; at < room; ++at) {
    if (old[at] != 0) place(filter_of(old[at]));
  }
  if (old != nullptr) deallocate(old, room * kBucketBytes);
  return true;
}

std::uint32_t DispatchTable::add_filter(std::string_view topic_filter, const Filter& shape, Error& error) noexcept {
  if (free_filter_ == kNone && filter_room_ == kFiltersMax) {
    error = Error(Errc::quota, "too many filters");
    return kNone;
  }
  if ((free_filter_ == kNone && !grow(filters_, filter_room_, free_filter_, kFiltersMax)) ||
      (shape.hashed && !reserve_bucket())) {
    error = kNoMemory;
    return kNone;
  }
  auto* text = static_cast<char*>(allocate(topic_filter.size()));
  if (text == nullptr) {
    error = kNoMemory;
    return kNone;
  }
  std::memcpy(text, topic_filter.data(), topic_filter.size());
  const std::uint32_t index = free_filter_;
  Filter& filter = filters_[index];
  free_filter_ = filter.next;
  filter = shape;
  filter.text = text;
  if (filter.hashed) {
    place(index);
    ++hashed_;
    if (mask_filters_[filter.mask]++ == 0) masks_ |= 1U << filter.mask;
  } else {
    filter.next = walked_;
    walked_ = index;
  }
  return index;
}

std::uint32_t DispatchTable::add_entry(std::uint32_t filter_index, std::uint32_t value, Error& error) noexcept {
  Filter& filter = filters_[filter_index];
  if (filter.live >= limits::kCallbacksPerFilter || (free_entry_ == kNone && entry_room_ == kEntriesMax)) {
    error = Error(Errc::quota, "too many callbacks");
    return kNone;
  }
  if (free_entry_ == kNone && !grow(entries_, entry_room_, free_entry_, kEntriesMax)) {
    error = kNoMemory;
    return kNone;
  }
  const std::uint32_t index = free_entry_;
  Entry& entry = entries_[index];
  free_entry_ = entry.next;
  const std::uint32_t generation = entry.generation + 1;
  entry = Entry{};
  entry.birth = ++births_;
  entry.value = value;
  entry.generation = generation == 0 ? 1 : generation;
  entry.filter = filter_index;
  entry.previous = filter.last;
  if (filter.last == kNone) {
    filter.first = index;
  } else {
    entries_[filter.last].next = index;
  }
  filter.last = index;
  if (filter.live++ == 0) ++live_filters_;
  ++live_entries_;
  return index;
}

Result<DispatchHandle> DispatchTable::add(std::string_view topic_filter, std::uint32_t value) noexcept {
  if (!mqtt::topic_filter_valid(topic_filter)) {
    return Error(Errc::topic_invalid, "the topic filter is not valid").by("[MQTT-4.7.1-2]");
  }
  if (topic_filter.starts_with("$share/")) return Error(Errc::topic_invalid, "shared subscriptions are not dispatched");
  Filter shape;
  judge_shape(topic_filter, shape);
  Error error;
  std::uint32_t filter = find_exact(topic_filter, shape);
  const bool fresh = filter == kNone;
  if (fresh) filter = add_filter(topic_filter, shape, error);
  if (filter == kNone) return error;
  const std::uint32_t entry = add_entry(filter, value, error);
  if (entry == kNone) {
    if (fresh) drop_filter(filter);
    return error;
  }
  return DispatchHandle{entry, entries_[entry].generation};
}

// --- Removing

// Linear probing without tombstones: what stands behind the hole and may not stay there moves into it.
void DispatchTable::unplace(std::uint32_t index) noexcept {
  std::size_t hole = home_of(filters_[index].hash);
  while (filter_of(buckets_[hole]) != index) hole = (hole + 1) & bucket_mask_;
  for (std::size_t at = (hole + 1) & bucket_mask_; buckets_[at] != 0; at = (at + 1) & bucket_mask_) {
    const std::size_t home = home_of(filters_[filter_of(buckets_[at])].hash);
    // Its search begins at home; it may move only when the hole lies between home and here.
    if (((at - home) & bucket_mask_) < ((at - hole) & bucket_mask_)) continue;
    buckets_[hole] = buckets_[at];
    hole = at;
  }
  buckets_[hole] = 0;
}

void DispatchTable::drop_filter(std::uint32_t index) noexcept {
  Filter& filter = filters_[index];
  if (filter.hashed) {
    unplace(index);
    forget_pivot();
    --hashed_;
    if (--mask_filters_[filter.mask] == 0) masks_ &= ~(1U << filter.mask);
  } else {
    std::uint32_t* link = &walked_;
    while (*link != index) link = &filters_[*link].next;
    *link = filter.next;
  }
  deallocate(filter.text, filter.size);
  filter = Filter{};
  filter.next = free_filter_;
  free_filter_ = index;
}

void DispatchTable::free_entry(std::uint32_t index) noexcept {
  Entry& entry = entries_[index];
  const std::uint32_t filter_index = entry.filter;
  Filter& filter = filters_[filter_index];
  (entry.previous == kNone ? filter.first : entries_[entry.previous].next) = entry.next;
  (entry.next == kNone ? filter.last : entries_[entry.next].previous) = entry.previous;
  entry.birth = 0;
  entry.removed = false;
  entry.next = free_entry_;
  free_entry_ = index;
  if (filter.first == kNone) drop_filter(filter_index);
}

bool DispatchTable::contains(DispatchHandle handle) const noexcept {
  if (handle.slot >= entry_room_) return false;
  const Entry& entry = entries_[handle.slot];
  return entry.birth != 0 && !entry.removed && entry.generation == handle.generation;
}

bool DispatchTable::remove(DispatchHandle handle) noexcept {
  if (!contains(handle)) return false;
  Entry& entry = entries_[handle.slot];
  if (--filters_[entry.filter].live == 0) --live_filters_;
  --live_entries_;
  if (open_ == 0) {
    free_entry(handle.slot);
    return true;
  }
  entry.removed = true;
  entry.removed_next = removed_;
  removed_ = handle.slot;
  return true;
}

bool DispatchTable::clear() noexcept {
  bool any = false;
  for (std::uint32_t at = 0; at < entry_room_; ++at) any = remove({at, entries_[at].generation}) || any;
  return any;
}

void DispatchTable::sweep() noexcept {
  while (removed_ != kNone) {
    const std::uint32_t index = removed_;
    removed_ = entries_[index].removed_next;
    free_entry(index);
  }
}

std::size_t DispatchTable::count(std::string_view topic_filter) const noexcept {
  if (!mqtt::topic_filter_valid(topic_filter)) return 0;
  Filter shape;
  judge_shape(topic_filter, shape);
  const std::uint32_t index = find_exact(topic_filter, shape);
  return index == kNone ? 0 : filters_[index].live;
}

}  // namespace axonpush::inline v0
