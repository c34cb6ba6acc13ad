// Writes text into a caller's buffer and cuts at its end; for error sentences and traces, never on a hot path.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0 {

class TextWriter {
 public:
  explicit TextWriter(std::span<char> into) noexcept : into_(into) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::string_view view() const noexcept { return {into_.data(), size_}; }

  void character(char value) noexcept {
    if (size_ < into_.size()) into_[size_++] = value;
  }
  void text(std::string_view from) noexcept {
    for (const char value : from) character(value);
  }
  void number(std::uint64_t value) noexcept {
    char digits[20];
    std::size_t count = 0;
    do {
      digits[count++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    while (count != 0) character(digits[--count]);
  }
  void hex_byte(std::uint8_t value) noexcept {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    text("0x");
    character(kDigits[value >> 4]);
    character(kDigits[value & 15]);
  }
  void hex(std::uint8_t value) noexcept {
    static constexpr char kLower[] = "0123456789abcdef";
    character(kLower[value >> 4]);
    character(kLower[value & 15]);
  }
  // Printable ASCII as it is; every other byte as \xNN, so that a peer's text can neither move a terminal's cursor nor
  // start a new line in a log.
  void escaped(std::string_view from) noexcept {
    static constexpr char kDigits[] = "0123456789abcdef";
    for (const char value : from) {
      const auto byte = static_cast<std::uint8_t>(value);
      if (byte >= 0x20 && byte < 0x7F && byte != '\\') {
        character(value);
      } else {
        if (into_.size() - size_ < 4) return;
        text("\\x");
        character(kDigits[byte >> 4]);
        character(kDigits[byte & 15]);
      }
    }
  }

 private:
  std::span<char> into_;
  std::size_t size_ = 0;
};

}  // namespace axonpush::inline v0
