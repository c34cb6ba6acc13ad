#include "base/base64.h"

namespace axonpush::inline v0 {

namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t kNoDigit = 64;

std::uint32_t digit_of(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a' + 26);
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0' + 52);
  if (c == '+') return 62;
  if (c == '/') return 63;
  return kNoDigit;
}

}  // namespace

std::size_t base64_encode(Bytes from, char* into) noexcept {
  char* out = into;
  std::size_t at = 0;
  for (; from.size() - at >= 3; at += 3) {
    const std::uint32_t group = static_cast<std::uint32_t>(from[at]) << 16 |
                                static_cast<std::uint32_t>(from[at + 1]) << 8 |
                                static_cast<std::uint32_t>(from[at + 2]);
    *out++ = kAlphabet[group >> 18];
    *out++ = kAlphabet[group >> 12 & 63];
    *out++ = kAlphabet[group >> 6 & 63];
    *out++ = kAlphabet[group & 63];
  }
  const std::size_t left = from.size() - at;
  if (left != 0) {
    const std::uint32_t group =
        static_cast<std::uint32_t>(from[at]) << 16 | (left == 2 ? static_cast<std::uint32_t>(from[at + 1]) << 8 : 0);
    *out++ = kAlphabet[group >> 18];
    *out++ = kAlphabet[group >> 12 & 63];
    *out++ = left == 2 ? kAlphabet[group >> 6 & 63] : '=';
    *out++ = '=';
  }
  return static_cast<std::size_t>(out - into);
}

bool base64_decode(std::string_view text, MutableBytes into, std::size_t& size) noexcept {
  size = 0;
  if (text.size() % 4 != 0) return false;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  if (text.size() / 4 * 3 - padding > into.size()) return false;
  for (std::size_t at = 0; at < text.size(); at += 4) {
    const std::size_t bytes = at + 4 == text.size() ? 3 - padding : 3;
    std::uint32_t group = 0;
    for (std::size_t digit = 0; digit < 4; ++digit) {
      const std::uint32_t value = digit <= bytes ? digit_of(text[at + digit]) : 0;
      if (value == kNoDigit) return false;
      group = group << 6 | value;
    }
    // RFC 4648 3.5: bits behind the last byte are 0.
    if ((bytes == 1 && (group & 0xFFFF) != 0) || (bytes == 2 && (group & 0xFF) != 0)) return false;
    for (std::size_t byte = 0; byte < bytes; ++byte) into[size++] = static_cast<std::uint8_t>(group >> (16 - 8 * byte));
  }
  return true;
}

}  // namespace axonpush::inline v0
