// Known keys to small numbers: a perfect hash over length, first and last character, found at compile time. One look-up
// costs about twenty-five instructions, whatever the number of keys.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0::json {

// At most 64 different ASCII names, none of them empty.
template <std::size_t Count>
class KeyIndex {
 public:
  static constexpr std::size_t kNone = Count;

  // Two names of one length with the same first and last character do not compile.
  consteval explicit KeyIndex(const std::string_view (&names)[Count]) {
    for (std::size_t index = 0; index < Count; ++index) names_[index] = names[index];
    while (!spreads()) multiplier_ = (multiplier_ * 1'664'525 + 1'013'904'223) | 1;
  }

  // The number of the name that equals `key` (escapes undone or none), or kNone.
  [[nodiscard]] std::size_t find(std::string_view key) const noexcept {
    if (key.empty()) return kNone;
    const std::size_t index = slots_[slot_of(key, multiplier_)];
    return index != kNone && equal(names_[index], key) ? index : kNone;
  }
  [[nodiscard]] constexpr std::string_view name(std::size_t index) const noexcept { return names_[index]; }

 private:
  static_assert(Count > 0 && Count <= 64);
  static constexpr unsigned kSlotBits = Count <= 16 ? 6 : Count <= 40 ? 8 : 9;

  static constexpr std::size_t slot_of(std::string_view key, std::uint32_t multiplier) noexcept {
    const auto byte = [key](std::size_t at) { return std::uint32_t{static_cast<std::uint8_t>(key[at])}; };
    const std::uint32_t sample = static_cast<std::uint32_t>(key.size()) ^ byte(0) << 8 ^ byte(key.size() - 1) << 16;
    return static_cast<std::uint32_t>(sample * multiplier) >> (32 - kSlotBits);
  }

  // Fills the slots; false when two names want the same one.
  consteval bool spreads() {
    for (std::uint8_t& slot : slots_) slot = kNone;
    for (std::size_t index = 0; index < Count; ++index) {
      std::uint8_t& slot = slots_[slot_of(names_[index], multiplier_)];
      if (slot != kNone) return false;
      slot = static_cast<std::uint8_t>(index);
    }
    return true;
  }

  // Short texts of one length: two overlapping loads beat a call of memcmp.
  template <class Word>
  static bool ends_equal(const char* left, const char* right, std::size_t size) noexcept {
    Word one = 0, other = 0;
    std::memcpy(&one, left, sizeof one);
    std::memcpy(&other, right, sizeof other);
    if (one != other) return false;
    std::memcpy(&one, left + size - sizeof one, sizeof one);
    std::memcpy(&other, right + size - sizeof other, sizeof other);
    return one == other;
  }
  static bool equal(std::string_view left, std::string_view right) noexcept {
    if (left.size() != right.size()) return false;
    if (left.size() > 16) return std::memcmp(left.data(), right.data(), left.size()) == 0;
    if (left.size() >= 8) return ends_equal<std::uint64_t>(left.data(), right.data(), left.size());
    if (left.size() >= 4) return ends_equal<std::uint32_t>(left.data(), right.data(), left.size());
    // The first and the last byte, and with three the one between them.
    return left.front() == right.front() && left.back() == right.back() &&
           left[left.size() / 2] == right[right.size() / 2];
  }

  std::uint32_t multiplier_ = 0x9E3779B1;
  std::uint8_t slots_[std::size_t{1} << kSlotBits] = {};
  std::string_view names_[Count] = {};
};

}  // namespace axonpush::inline v0::json
