// A table of slots in chunks: an element keeps its index and its address until it is released, whatever else is added.
//
// Bounded by ChunkEntries * ChunksMax; an exhausted heap or a full table is kNoSlot. Thread rule: none.
#pragma once

#include <cstdint>
#include <new>

#include "base/alloc.h"
#include "base/assert.h"

namespace axonpush::inline v0 {

inline constexpr std::uint32_t kNoSlot = UINT32_MAX;

template <class T, std::uint32_t ChunkEntries, std::uint32_t ChunksMax>
class Slots {
 public:
  Slots() noexcept = default;
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;
  ~Slots() {
    for (std::uint32_t chunk = 0; chunk < chunk_count_; ++chunk) {
      for (std::uint32_t at = 0; at < ChunkEntries; ++at) chunks_[chunk][at].~Slot();
      deallocate(chunks_[chunk], sizeof(Slot) * ChunkEntries);
    }
    deallocate(chunks_, sizeof(Slot*) * chunks_room_);
  }

  [[nodiscard]] std::uint32_t add() noexcept {
    if (free_ == kNoSlot && !grow()) return kNoSlot;
    const std::uint32_t index = free_;
    Slot& slot = at(index);
    free_ = slot.next_free;
    slot.used = true;
    ++size_;
    return index;
  }
  // The element becomes a fresh one; what it held is destroyed.
  void release(std::uint32_t index) noexcept {
    Slot& slot = at(index);
    AXONPUSH_ASSERT(slot.used);
    slot.value.~T();
    ::new (static_cast<void*>(&slot.value)) T;
    slot.used = false;
    slot.next_free = free_;
    free_ = index;
    --size_;
  }
  [[nodiscard]] bool used(std::uint32_t index) const noexcept {
    return index < chunk_count_ * ChunkEntries && chunks_[index / ChunkEntries][index % ChunkEntries].used;
  }
  [[nodiscard]] T& operator[](std::uint32_t index) noexcept { return at(index).value; }
  [[nodiscard]] const T& operator[](std::uint32_t index) const noexcept {
    return chunks_[index / ChunkEntries][index % ChunkEntries].value;
  }
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  // The first slot in use at or after `index`; kNoSlot at the end: `for (i = next(0); i != kNoSlot; i = next(i + 1))`.
  [[nodiscard]] std::uint32_t next(std::uint32_t index) const noexcept {
    for (; index < chunk_count_ * ChunkEntries; ++index) {
      if (used(index)) return index;
    }
    return kNoSlot;
  }

 private:
  struct Slot {
    T value;
    std::uint32_t next_free = kNoSlot;
    bool used = false;
  };

  [[nodiscard]] Slot& at(std::uint32_t index) noexcept { return chunks_[index / ChunkEntries][index % ChunkEntries]; }
  bool grow() noexcept {
    if (chunk_count_ == ChunksMax || (chunk_count_ == chunks_room_ && !grow_table())) return false;
    auto* chunk = static_cast<Slot*>(allocate(sizeof(Slot) * ChunkEntries));
    if (chunk == nullptr) return false;
    const std::uint32_t first = chunk_count_ * ChunkEntries;
    for (std::uint32_t index = 0; index < ChunkEntries; ++index) {
      auto* slot = ::new (static_cast<void*>(chunk + index)) Slot;
      slot->next_free = index + 1 < ChunkEntries ? first + index + 1 : free_;
    }
    free_ = first;
    chunks_[chunk_count_++] = chunk;
    return true;
  }

  // The table of chunks grows by doubling: an owner with a handful of elements does not pay for thousands.
  bool grow_table() noexcept {
    std::uint32_t room = chunks_room_ == 0 ? 4 : 2 * chunks_room_;
    if (room > ChunksMax) room = ChunksMax;
    auto** table = static_cast<Slot**>(allocate(sizeof(Slot*) * room));
    if (table == nullptr) return false;
    for (std::uint32_t chunk = 0; chunk < chunk_count_; ++chunk) table[chunk] = chunks_[chunk];
    deallocate(chunks_, sizeof(Slot*) * chunks_room_);
    chunks_ = table;
    chunks_room_ = room;
    return true;
  }

  Slot** chunks_ = nullptr;
  std::uint32_t chunks_room_ = 0;
  std::uint32_t chunk_count_ = 0;
  std::uint32_t free_ = kNoSlot;
  std::uint32_t size_ = 0;
};

}  // namespace axonpush::inline v0
