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
    for (std::size_t index = 0; index < Count; ++index) {
      texts_[index] = names[index].data();
      sizes_[index] = names[index].size();
    }
    sizes_[kNone] = SIZE_MAX;
    while (!spreads()) multiplier_ = (multiplier_ * 1'664'525 + 1'013'904'223) | 1;
  }

  // The number of the name that equals `key` (escapes undone or none), or kNone.
  [[nodiscard]] std::size_t find(std::string_view key) const noexcept { return key.empty() ? kNone : find_quoted(key); }
  // The same for a key as it stands in a document, where the quotes around it can be read.
  [[nodiscard]] std::size_t find_quoted(std::string_view key) const noexcept {
    const std::size_t index = slots_[slot_of(key.data(), key.size(), multiplier_)];
    // kNone has a size that no name and no key has.
    if (sizes_[index] != key.size()) return kNone;
    return equal(texts_[index], key.data(), key.size()) ? index : kNone;
  }
  [[nodiscard]] constexpr std::string_view name(std::size_t index) const noexcept {
    return {texts_[index], sizes_[index]};
  }

 private:
  static_assert(Count > 0 && Count <= 64);
  static constexpr unsigned kSlotBits = Count <= 16 ? 6 : Count <= 40 ? 8 : 9;

  static constexpr std::size_t slot_of(const char* key, std::size_t size, std::uint32_t multiplier) noexcept {
    const std::uint32_t first = static_cast<std::uint8_t>(key[0]);
    const std::uint32_t last = static_cast<std::uint8_t>(key[static_cast<std::ptrdiff_t>(size) - 1]);
    const std::uint32_t sample = static_cast<std::uint32_t>(size) ^ first << 8 ^ last << 16;
    return static_cast<std::uint32_t>(sample * multiplier) >> (32 - kSlotBits);
  }

  // Fills the slots; false when two names want the same one.
  consteval bool spreads() {
    for (std::uint8_t& slot : slots_) slot = kNone;
    for (std::size_t index = 0; index < Count; ++index) {
      std::uint8_t& slot = slots_[slot_of(texts_[index], sizes_[index], multiplier_)];
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
  static bool equal(const char* left, const char* right, std::size_t size) noexcept {
    if (size >= 8) {
      if (size > 16) [[unlikely]]
        return std::memcmp(left, right, size) == 0;
      return ends_equal<std::uint64_t>(left, right, size);
    }
    if (size >= 4) return ends_equal<std::uint32_t>(left, right, size);
    // The first and the last byte, and with three the one between them.
    return left[0] == right[0] && left[size / 2] == right[size / 2] && left[size - 1] == right[size - 1];
  }

  std::uint32_t multiplier_ = 0x9E3779B1;
  std::uint8_t slots_[std::size_t{1} << kSlotBits] = {};
  const char* texts_[Count] = {};
  std::size_t sizes_[Count + 1] = {};
};

}  // namespace axonpush::inline v0::json
