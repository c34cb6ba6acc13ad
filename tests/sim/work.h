// What the virtual world has to do, and when: closures kept in place, and a queue in the order of (instant, sequence
// number). Made for millions of events a second: no allocation for a closure of the usual size, none per event.
#pragma once

#include <axonpush/base/time.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace axonpush::sim {

// A move-only closure without arguments.
class Work {
 public:
  static constexpr std::size_t kInlineBytes = 56;

  Work() = default;
  template <class Callable>
  requires(!std::is_same_v<std::remove_cvref_t<Callable>, Work>) Work(Callable&& callable) {
    using Stored = std::remove_cvref_t<Callable>;
    if constexpr (sizeof(Stored) <= kInlineBytes && std::is_nothrow_move_constructible_v<Stored>) {
      ::new (static_cast<void*>(storage_)) Stored(std::forward<Callable>(callable));
      call_ = [](void* object) { (*static_cast<Stored*>(object))(); };
      if constexpr (!std::is_trivially_copyable_v<Stored>) {
        manage_ = [](void* from, void* to) {
          auto* object = static_cast<Stored*>(from);
          if (to != nullptr) ::new (to) Stored(std::move(*object));
          object->~Stored();
        };
      }
    } else {
      auto* made = new Stored(std::forward<Callable>(callable));
      std::memcpy(storage_, &made, sizeof made);
      call_ = [](void* object) { (**static_cast<Stored**>(object))(); };
      manage_ = [](void* from, void* to) {
        auto** object = static_cast<Stored**>(from);
        if (to != nullptr) {
          std::memcpy(to, object, sizeof *object);
        } else {
          delete *object;
        }
      };
    }
  }
  Work(Work&& other) noexcept { take(other); }
  Work& operator=(Work&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() { reset(); }

  void operator()() { call_(storage_); }

 private:
  void reset() {
    if (manage_ != nullptr) manage_(storage_, nullptr);
    manage_ = nullptr;
    call_ = nullptr;
  }
  void take(Work& other) noexcept {
    call_ = other.call_;
    manage_ = other.manage_;
    if (manage_ != nullptr) {
      manage_(other.storage_, storage_);
    } else {
      std::memcpy(storage_, other.storage_, kInlineBytes);
    }
    other.call_ = nullptr;
    other.manage_ = nullptr;
  }

  alignas(std::max_align_t) unsigned char storage_[kInlineBytes];  // means something when call_ does
  void (*call_)(void*) = nullptr;
  void (*manage_)(void* from, void* to) = nullptr;  // to == nullptr: destroys; absent: plain bytes
};

// Ordered by instant, then by the order of adding. What is due at the present instant waits in a ring of its own, since
// most events are: they need no place in the heap.
class EventQueue {
 public:
  void add(Instant at, Work&& work) {
    const std::uint64_t sequence = ++sequence_;
    const std::uint32_t slot = keep(std::move(work));
    if (at == present_) {
      ring_.emplace_back(at, sequence, slot);
      return;
    }
    heap_.emplace_back(at, sequence, slot);
    std::push_heap(heap_.begin(), heap_.end());
  }

  // Takes the next event that is due up to `limit`; false when there is none.
  bool take(Instant limit, Instant& at, Work& work) {
    const bool from_ring = ring_begin_ < ring_.size();
    if (!from_ring && heap_.empty()) return false;
    const bool heap_first = !from_ring || (!heap_.empty() && heap_.front().at == present_ &&
                                           heap_.front().sequence < ring_[ring_begin_].sequence);
    Key key;
    if (heap_first) {
      key = heap_.front();
      if (key.at > limit) return false;
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.pop_back();
      present_ = key.at;
    } else {
      key = ring_[ring_begin_];
      if (key.at > limit) return false;
      if (++ring_begin_ == ring_.size()) {
        ring_.clear();
        ring_begin_ = 0;
      }
    }
    at = key.at;
    work = std::move(slots_[key.slot]);
    free_.push_back(key.slot);
    return true;
  }

  void clear() {
    // What an event owned may add events as it goes.
    std::vector<Work> dying = std::move(slots_);
    slots_.clear();
    heap_.clear();
    ring_.clear();
    free_.clear();
    ring_begin_ = 0;
  }
  [[nodiscard]] std::size_t size() const { return heap_.size() + ring_.size() - ring_begin_; }

 private:
  // Copied member by member: as a block, which under a sanitizer is a call for each of the heap's steps, it costs more
  // than the heap.
  struct Key {
    Key() = default;
    Key(Instant when, std::uint64_t number, std::uint32_t of) : at(when), sequence(number), slot(of) {}
    Key(const Key& other) : at(other.at), sequence(other.sequence), slot(other.slot) {}
    Key& operator=(const Key& other) {
      at = other.at;
      sequence = other.sequence;
      slot = other.slot;
      return *this;
    }
    ~Key() = default;
    Instant at;
    std::uint64_t sequence = 0;
    std::uint32_t slot = 0;
    bool operator<(const Key& other) const { return at == other.at ? sequence > other.sequence : at > other.at; }
  };
  std::uint32_t keep(Work&& work) {
    if (free_.empty()) {
      slots_.push_back(std::move(work));
      return static_cast<std::uint32_t>(slots_.size() - 1);
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    slots_[slot] = std::move(work);
    return slot;
  }

  Instant present_;
  std::uint64_t sequence_ = 0;
  std::vector<Key> heap_;
  std::vector<Key> ring_;
  std::size_t ring_begin_ = 0;
  std::vector<Work> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace axonpush::sim
