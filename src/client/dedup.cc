#include "client/dedup.h"

#include <algorithm>
#include <bit>

#include "base/alloc.h"

namespace axonpush::inline v0 {

bool SwapDedup::begin(std::size_t entries_max) noexcept {
  end();
  capacity_max_ = std::bit_floor(std::clamp<std::size_t>(entries_max, 1, limits::kSwapDedupEntries));
  active_ = true;
  lossy_ = !grow();
  return !lossy_;
}

void SwapDedup::carry_over(Side survivor) noexcept {
  for (std::uint32_t at = oldest_; at != kNone;) {
    const std::uint32_t newer = entries_[at].newer;
    if ((entries_[at].balance > 0) == (balance_of(survivor) > 0)) forget(at);
    at = newer;
  }
  carried_ = newest_;
  if (capacity_ == 0) lossy_ = !grow();
}

void SwapDedup::forget_carried() noexcept {
  while (carried_ != kNone) forget(oldest_);
}

void SwapDedup::end() noexcept {
  free_tables();
  capacity_ = used_ = 0;
  free_ = oldest_ = newest_ = carried_ = kNone;
  active_ = lossy_ = false;
}

void SwapDedup::free_tables() noexcept {
  if (entries_ != nullptr) deallocate(entries_, capacity_ * sizeof(Entry));
  if (buckets_ != nullptr) deallocate(buckets_, capacity_ * sizeof(std::uint32_t));
  entries_ = nullptr;
  buckets_ = nullptr;
}

// Twice the room, in the same order of age. False at the limit or on an exhausted heap; nothing has changed then.
bool SwapDedup::grow() noexcept {
  const std::size_t first = kFirstEntries < capacity_max_ ? kFirstEntries : capacity_max_;
  const std::size_t wanted = capacity_ == 0 ? first : capacity_ * 2;
  if (wanted > capacity_max_) return false;
  auto* entries = static_cast<Entry*>(allocate(wanted * sizeof(Entry)));
  auto* buckets = static_cast<std::uint32_t*>(allocate(wanted * sizeof(std::uint32_t)));
  if (entries == nullptr || buckets == nullptr) {
    if (entries != nullptr) deallocate(entries, wanted * sizeof(Entry));
    if (buckets != nullptr) deallocate(buckets, wanted * sizeof(std::uint32_t));
    return false;
  }
  for (std::size_t at = 0; at < wanted; ++at) buckets[at] = kNone;
  std::uint32_t count = 0;
  std::uint32_t carried = kNone;
  for (std::uint32_t at = oldest_; at != kNone; at = entries_[at].newer, ++count) {
    if (at == carried_) carried = count;
    std::uint32_t& bucket = buckets[entries_[at].key.low & (wanted - 1)];
    entries[count] = {.key = entries_[at].key,
                      .balance = entries_[at].balance,
                      .chain = bucket,
                      .older = count == 0 ? kNone : count - 1,
                      .newer = count + 1};
    bucket = count;
  }
  if (count != 0) entries[count - 1].newer = kNone;
  for (std::size_t at = count; at < wanted; ++at) {
    entries[at] = Entry{};
    entries[at].chain = at + 1 < wanted ? static_cast<std::uint32_t>(at + 1) : kNone;
  }
  free_tables();
  entries_ = entries;
  buckets_ = buckets;
  capacity_ = wanted;
  free_ = count;  // what was full has room again
  oldest_ = count == 0 ? kNone : 0;
  newest_ = count == 0 ? kNone : count - 1;
  carried_ = carried;
  return true;
}

std::uint32_t SwapDedup::find(const EventKey& key) noexcept {
  for (std::uint32_t at = *bucket_of(key); at != kNone; at = entries_[at].chain) {
    if (entries_[at].key == key) return at;
  }
  return kNone;
}

void SwapDedup::add(const EventKey& key, std::int32_t balance, std::uint64_t& overflow) noexcept {
  if (free_ == kNone && !grow()) {
    // CONTRACT 6.4: the oldest goes, and is counted. There is one: the table has room for one at least.
    forget(oldest_);
    ++overflow;
    lossy_ = true;
  }
  const std::uint32_t index = free_;
  free_ = entries_[index].chain;
  std::uint32_t* const bucket = bucket_of(key);
  entries_[index] = {.key = key, .balance = balance, .chain = *bucket, .older = newest_, .newer = kNone};
  *bucket = index;
  (newest_ == kNone ? oldest_ : entries_[newest_].newer) = index;
  newest_ = index;
  ++used_;
}

void SwapDedup::forget(std::uint32_t index) noexcept {
  Entry& entry = entries_[index];
  if (index == carried_) carried_ = entry.older;
  std::uint32_t* link = bucket_of(entry.key);
  while (*link != index) link = &entries_[*link].chain;
  *link = entry.chain;
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  entry.chain = free_;
  free_ = index;
  --used_;
}

SwapDedup::Verdict SwapDedup::see(Side side, const EventKey& key, std::uint64_t& overflow) noexcept {
  if (capacity_ == 0) return Verdict::maybe_duplicate;
  // By value: a new entry may drive out the oldest, whose copies count as met no more.
  const Verdict alone = lossy_ ? Verdict::maybe_duplicate : Verdict::deliver;
  const std::uint32_t index = find(key);
  if (index == kNone) {
    add(key, balance_of(side), overflow);
    return alone;
  }
  return count(side, index) ? Verdict::drop : alone;
}

SwapDedup::Verdict SwapDedup::meet(Side side, const EventKey& key) noexcept {
  if (capacity_ == 0) return Verdict::maybe_duplicate;
  const std::uint32_t index = find(key);
  if (index == kNone || (entries_[index].balance > 0) == (balance_of(side) > 0)) {
    return lossy_ ? Verdict::maybe_duplicate : Verdict::deliver;
  }
  static_cast<void>(count(side, index));
  return Verdict::drop;
}

// One copy more of an entry. True when it met its partner.
bool SwapDedup::count(Side side, std::uint32_t index) noexcept {
  const std::int32_t own = balance_of(side);
  Entry& entry = entries_[index];
  const bool has_partner = (entry.balance > 0) != (own > 0);
  entry.balance += own;
  if (entry.balance == 0) forget(index);
  return has_partner;
}

void DeliveredRing::clear() noexcept {
  if (table_ != nullptr) deallocate(table_, sizeof(Table));
  table_ = nullptr;
}

std::uint32_t* DeliveredRing::link_of(const EventKey& key) const noexcept {
  std::uint32_t* link = &table_->buckets[bucket_of(key)];
  while (*link != 0 && !(table_->entries[*link - 1].key == key)) link = &table_->entries[*link - 1].chain;
  return link;
}

// Which delivery an entry stands for: 1 for the first of all.
std::uint64_t DeliveredRing::number_of(std::uint32_t index) const noexcept {
  const std::uint64_t back = (table_->count - index - 1) % limits::kReconnectDedupEntries;
  return table_->count - back;
}

// A key stands in the table once, as its latest delivery: else a body that is published again and again would make the
// look-up walk all of its copies.
bool DeliveredRing::remember(const EventKey& key, std::uint32_t epoch) noexcept {
  if (table_ == nullptr) {
    table_ = static_cast<Table*>(allocate(sizeof(Table)));
    if (table_ == nullptr) return false;
    std::memset(static_cast<void*>(table_), 0, sizeof(Table));
  }
  std::uint32_t earlier = 0;
  std::uint32_t earlier_epoch = 0;
  std::uint32_t* const old = link_of(key);
  if (*old != 0) {
    Entry& entry = table_->entries[*old - 1];
    const bool same = entry.epoch == epoch;
    earlier = same ? entry.earlier : static_cast<std::uint32_t>(number_of(*old - 1));
    earlier_epoch = same ? entry.earlier_epoch : entry.epoch;
    *old = entry.chain;
    entry.chain = kUnlinked;
  }
  const auto index = static_cast<std::uint32_t>(table_->count % limits::kReconnectDedupEntries);
  Entry& entry = table_->entries[index];
  if (table_->count >= limits::kReconnectDedupEntries && entry.chain != kUnlinked) *link_of(entry.key) = entry.chain;
  ++table_->count;
  std::uint32_t& bucket = table_->buckets[bucket_of(key)];
  entry = {.key = key, .earlier = earlier, .earlier_epoch = earlier_epoch, .epoch = epoch, .chain = bucket};
  bucket = index + 1;
  return true;
}

// It has not been driven out of sight since. Numbers of deliveries go round after 2^32, and none is that old.
bool DeliveredRing::has_earlier(const Entry& entry) const noexcept {
  const std::uint32_t ago = static_cast<std::uint32_t>(table_->count) - entry.earlier;
  return entry.earlier_epoch != 0 && ago < limits::kReconnectDedupEntries;
}

bool DeliveredRing::delivered_elsewhere(const EventKey& key, std::uint32_t epoch, std::uint32_t beside) const noexcept {
  if (table_ == nullptr) return false;
  const std::uint32_t at = *link_of(key);
  if (at == 0) return false;
  const Entry& entry = table_->entries[at - 1];
  if (entry.epoch != epoch && entry.epoch != beside) return true;
  return has_earlier(entry) && entry.earlier_epoch != epoch && entry.earlier_epoch != beside;
}

bool DeliveredRing::delivered_before(const EventKey& key, std::uint32_t epoch) const noexcept {
  if (table_ == nullptr) return false;
  const std::uint32_t at = *link_of(key);
  if (at == 0) return false;
  const Entry& entry = table_->entries[at - 1];
  if (entry.epoch != epoch) return true;
  return has_earlier(entry);
}

}  // namespace axonpush::inline v0
