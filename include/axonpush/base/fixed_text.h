// A string of at most `Capacity` bytes, kept in place: identifiers that live in tables and must not cost an allocation.
//
// Thread rule: none, a value. Lifetime: view() lives until the next assign.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0 {

template <std::size_t Capacity>
class FixedText {
 public:
  static_assert(Capacity <= UINT16_MAX);
  [[nodiscard]] static constexpr std::size_t capacity() noexcept { return Capacity; }
  // False when `text` does not fit; the content is then unchanged.
  [[nodiscard]] bool assign(std::string_view text) noexcept {
    if (text.size() > Capacity) return false;
    if (!text.empty()) std::memmove(bytes_, text.data(), text.size());
    size_ = static_cast<std::uint16_t>(text.size());
    return true;
  }
  void clear() noexcept { size_ = 0; }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_, size_}; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  friend bool operator==(const FixedText& left, const FixedText& right) noexcept { return left.view() == right.view(); }

 private:
  std::uint16_t size_ = 0;
  char bytes_[Capacity] = {};
};

}  // namespace axonpush::inline v0
