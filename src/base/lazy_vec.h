// An InlineVec whose room is on the heap, and only while there is something in it: for lists that are empty nearly
// always, in objects of which there are thousands.
//
// Thread rule: none, a value that neither moves nor copies. Lifetime: pointers into it live until the element is
// removed.
#pragma once

#include <axonpush/base/bytes.h>

#include <new>
#include <utility>

#include "base/alloc.h"

namespace axonpush::inline v0 {

template <class T, std::size_t Capacity>
class LazyVec {
 public:
  LazyVec() noexcept = default;
  LazyVec(const LazyVec&) = delete;
  LazyVec& operator=(const LazyVec&) = delete;
  ~LazyVec() { clear(); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] bool full() const noexcept { return size_ == Capacity; }
  // True when the next push_back cannot fail. False: it is full, or the heap is exhausted.
  [[nodiscard]] bool reserve() noexcept {
    if (full()) return false;
    if (data_ == nullptr) data_ = static_cast<T*>(allocate(sizeof(T) * Capacity));
    return data_ != nullptr;
  }
  // False like reserve(): the element is dropped and the caller decides what that means.
  [[nodiscard]] bool push_back(T element) noexcept {
    if (!reserve()) return false;
    ::new (static_cast<void*>(data_ + size_)) T(std::move(element));
    ++size_;
    return true;
  }
  // Keeps the order of the rest. index < size().
  void erase(std::size_t index) noexcept {
    for (std::size_t at = index; at + 1 < size_; ++at) data_[at] = std::move(data_[at + 1]);
    data_[--size_].~T();
    if (size_ == 0) give_back();
  }
  void clear() noexcept {
    while (size_ != 0) data_[--size_].~T();
    give_back();
  }

  [[nodiscard]] T& operator[](std::size_t index) noexcept { return data_[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const noexcept { return data_[index]; }
  [[nodiscard]] T* begin() noexcept { return data_; }
  [[nodiscard]] T* end() noexcept { return data_ + size_; }

 private:
  void give_back() noexcept { deallocate(std::exchange(data_, nullptr), sizeof(T) * Capacity); }

  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace axonpush::inline v0
