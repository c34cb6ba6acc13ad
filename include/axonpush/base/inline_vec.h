// A vector of at most `Capacity` elements, kept in place. Full is a defined outcome, never a reallocation.
//
// Thread rule: none, a value. Lifetime: pointers into it live until the element is removed.
#pragma once

#include <axonpush/base/bytes.h>

#include <new>
#include <type_traits>
#include <utility>

namespace axonpush::inline v0 {

template <class T, std::size_t Capacity>
class InlineVec {
 public:
  InlineVec() noexcept = default;
  InlineVec(InlineVec&& other) noexcept { take(other); }
  InlineVec(const InlineVec& other) noexcept requires std::is_copy_constructible_v<T> {
    for (const T& element : other) static_cast<void>(push_back(element));
  }
  InlineVec& operator=(InlineVec other) noexcept {
    clear();
    take(other);
    return *this;
  }
  ~InlineVec() { clear(); }

  [[nodiscard]] static constexpr std::size_t capacity() noexcept { return Capacity; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] bool full() const noexcept { return size_ == Capacity; }

  // False when full: the element is dropped and the caller decides what that means.
  [[nodiscard]] bool push_back(T element) noexcept {
    if (full()) return false;
    ::new (static_cast<void*>(slot(size_))) T(std::move(element));
    ++size_;
    return true;
  }
  // Keeps the order of the rest. index < size().
  void erase(std::size_t index) noexcept {
    for (std::size_t at = index; at + 1 < size_; ++at) (*this)[at] = std::move((*this)[at + 1]);
    --size_;
    slot(size_)->~T();
  }
  void clear() noexcept {
    while (size_ != 0) slot(--size_)->~T();
  }

  [[nodiscard]] T& operator[](std::size_t index) noexcept { return *slot(index); }
  [[nodiscard]] const T& operator[](std::size_t index) const noexcept { return *slot(index); }
  [[nodiscard]] T* begin() noexcept { return slot(0); }
  [[nodiscard]] T* end() noexcept { return slot(0) + size_; }
  [[nodiscard]] const T* begin() const noexcept { return slot(0); }
  [[nodiscard]] const T* end() const noexcept { return slot(0) + size_; }

 private:
  [[nodiscard]] T* slot(std::size_t index) noexcept { return reinterpret_cast<T*>(storage_) + index; }
  [[nodiscard]] const T* slot(std::size_t index) const noexcept { return reinterpret_cast<const T*>(storage_) + index; }
  void take(InlineVec& other) noexcept {
    for (T& element : other) {
      ::new (static_cast<void*>(slot(size_))) T(std::move(element));
      ++size_;
    }
    other.clear();
  }

  std::size_t size_ = 0;
  alignas(T) unsigned char storage_[sizeof(T) * Capacity];
};

}  // namespace axonpush::inline v0
