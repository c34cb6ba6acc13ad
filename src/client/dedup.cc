#include "client/dedup.h"

#include "base/alloc.h"

namespace axonpush::inline v0 {

bool SwapDedup::begin() noexcept {
  end();
  active_ = true;
  if (!grow()) lossy_ = true;
  return slots_ != nullptr;
}

void SwapDedup::end() noexcept {
  if (slots_ != nullptr) deallocate(slots_, slot_count_ * sizeof(Entry));
  slots_ = nullptr;
  slot_count_ = 0;
  used_ = 0;
  active_ = false;
  lossy_ = false;
}

bool SwapDedup::grow() noexcept {
  const std::size_t wanted = slot_count_ == 0 ? kFirstSlots : slot_count_ * 2;
  if (wanted > kSlots) return false;
  auto* fresh = static_cast<Entry*>(allocate(wanted * sizeof(Entry)));
  if (fresh == nullptr) return false;
  for (std::size_t at = 0; at < wanted; ++at) fresh[at] = Entry{};
  for (std::size_t at = 0; at < slot_count_; ++at) {
    if (!slots_[at].used) continue;
    std::size_t into = slots_[at].key.low & (wanted - 1);
    while (fresh[into].used) into = (into + 1) & (wanted - 1);
    fresh[into] = slots_[at];
  }
  if (slots_ != nullptr) deallocate(slots_, slot_count_ * sizeof(Entry));
  slots_ = fresh;
  slot_count_ = wanted;
  return true;
}

SwapDedup::Entry* SwapDedup::find_or_add(const EventKey& key) noexcept {
  if (slots_ == nullptr) return nullptr;
  if (used_ * 2 >= slot_count_ && !grow()) {
    // Overflow: forgetting everything is the oldest-first rule taken at once; from here on a copy may be a second one.
    for (std::size_t at = 0; at < slot_count_; ++at) slots_[at] = Entry{};
    overflows_ += used_;
    used_ = 0;
    lossy_ = true;
  }
  std::size_t at = key.low & (slot_count_ - 1);
  while (slots_[at].used && !(slots_[at].key == key)) at = (at + 1) & (slot_count_ - 1);
  if (!slots_[at].used) {
    slots_[at].key = key;
    slots_[at].used = true;
    ++used_;
  }
  return &slots_[at];
}

SwapDedup::Verdict SwapDedup::see(Side side, const EventKey& key) noexcept {
  Entry* entry = find_or_add(key);
  if (entry == nullptr) return Verdict::maybe_duplicate;
  const std::int32_t own = side == Side::first ? 1 : -1;
  const bool has_partner = side == Side::first ? entry->balance < 0 : entry->balance > 0;
  entry->balance += own;
  if (has_partner) return Verdict::drop;
  return lossy_ ? Verdict::maybe_duplicate : Verdict::deliver;
}

void DeliveredRing::clear() noexcept {
  if (table_ != nullptr) deallocate(table_, sizeof(Table));
  table_ = nullptr;
}

void DeliveredRing::forget(std::uint32_t index) noexcept {
  std::uint32_t* link = &table_->buckets[bucket_of(table_->entries[index].key)];
  while (*link != index + 1) link = &table_->entries[*link - 1].chain;
  *link = table_->entries[index].chain;
}

bool DeliveredRing::remember(const EventKey& key, std::uint32_t epoch) noexcept {
  if (table_ == nullptr) {
    table_ = static_cast<Table*>(allocate(sizeof(Table)));
    if (table_ == nullptr) return false;
    std::memset(static_cast<void*>(table_), 0, sizeof(Table));
  }
  const std::uint32_t index = table_->next;
  if (table_->count == limits::kReconnectDedupEntries) {
    forget(index);
  } else {
    ++table_->count;
  }
  table_->next = (index + 1) % limits::kReconnectDedupEntries;
  std::uint32_t& bucket = table_->buckets[bucket_of(key)];
  table_->entries[index] = Entry{key, epoch, bucket};
  bucket = index + 1;
  return true;
}

bool DeliveredRing::delivered_before(const EventKey& key, std::uint32_t epoch) const noexcept {
  if (table_ == nullptr) return false;
  for (std::uint32_t at = table_->buckets[bucket_of(key)]; at != 0; at = table_->entries[at - 1].chain) {
    const Entry& entry = table_->entries[at - 1];
    if (entry.key == key && entry.epoch != epoch) return true;
  }
  return false;
}

}  // namespace axonpush::inline v0
