// The vector variants behind utf8_valid and Utf8Stream, named so that tests and benches can hold each against the plain
// one. Each judges a text that leaves no character open at its end; see utf8_open_tail.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0::utf8 {

using Function = bool (*)(const std::uint8_t* text, std::size_t size) noexcept;

// Eight bytes at a time while they are ASCII, else one character at a time.
[[nodiscard]] bool plain(const std::uint8_t* text, std::size_t size) noexcept;

// nullptr where the processor has not got it.
[[nodiscard]] Function ssse3() noexcept;
[[nodiscard]] Function avx2() noexcept;

// The vector variants take at least this much.
inline constexpr std::size_t kVectorBytes = 64;

// How many bytes at the end (0 to 3) belong to a character that more bytes could complete.
[[nodiscard]] inline std::size_t open_tail(const std::uint8_t* text, std::size_t size) noexcept {
  if (size >= 1 && text[size - 1] >= 0xC0) return 1;
  if (size >= 2 && text[size - 2] >= 0xE0) return 2;
  if (size >= 3 && text[size - 3] >= 0xF0) return 3;
  return 0;
}

// --- The tables of the vector variants
// --------------------------------------------------------------------------------- After the idea of Keiser and Lemire
// (Validating UTF-8 In Less Than One Instruction Per Byte, 2021): whether two bytes may stand next to each other
// depends on three of their four nibbles, and for each of the three a table of 16 tells which faults it does not rule
// out. A fault that all three leave possible is there.

// Sets of nibbles as bits.
[[nodiscard]] constexpr std::uint16_t nibbles(unsigned first, unsigned last) noexcept {
  std::uint16_t set = 0;
  for (unsigned nibble = first; nibble <= last; ++nibble) set = static_cast<std::uint16_t>(set | 1U << nibble);
  return set;
}

// RFC 3629 4, read as what may not follow what. Two faults share a row where their sets do not mix.
struct Fault {
  std::uint16_t first_high;
  std::uint16_t first_low;
  std::uint16_t second_high;
};
inline constexpr std::uint16_t kAny = 0xFFFF;
inline constexpr std::uint16_t kTail = nibbles(0x8, 0xB);
inline constexpr Fault kFaults[8] = {
    {nibbles(0xC, 0xF), kAny, static_cast<std::uint16_t>(~kTail)},  // a lead byte without its tail
    {nibbles(0x0, 0x7), kAny, kTail},                               // a tail behind ASCII
    {nibbles(0xE, 0xE), nibbles(0x0, 0x0), nibbles(0x8, 0x9)},      // E0 80..9F: overlong
    {nibbles(0xE, 0xE), nibbles(0xD, 0xD), nibbles(0xA, 0xB)},      // ED A0..BF: surrogates
    {nibbles(0xF, 0xF), nibbles(0x4, 0xF), nibbles(0x9, 0xB)},      // F4 90.., F5.. and above: over U+10FFFF
    {nibbles(0xF, 0xF), static_cast<std::uint16_t>(nibbles(0x0, 0x0) | nibbles(0x5, 0xF)),
     nibbles(0x8, 0x8)},                            // F0 80..8F: overlong; F5.. 80..8F: too large
    {nibbles(0xC, 0xC), nibbles(0x0, 0x1), kTail},  // C0, C1: overlong
    {kTail, kAny, kTail},                           // two tails: right only as the third or fourth byte of a character
};
// The bit of the last row, which is compared with where a third or fourth byte has to be.
inline constexpr std::uint8_t kTwoTails = 0x80;

struct Table {
  alignas(16) std::uint8_t of[16] = {};
};
[[nodiscard]] constexpr Table table_of(std::uint16_t Fault::*nibble_set) noexcept {
  Table table;
  for (unsigned nibble = 0; nibble < 16; ++nibble) {
    for (unsigned row = 0; row < 8; ++row) {
      if ((kFaults[row].*nibble_set >> nibble & 1) != 0) {
        table.of[nibble] = static_cast<std::uint8_t>(table.of[nibble] | 1U << row);
      }
    }
  }
  return table;
}
inline constexpr Table kFirstHigh = table_of(&Fault::first_high);
inline constexpr Table kFirstLow = table_of(&Fault::first_low);
inline constexpr Table kSecondHigh = table_of(&Fault::second_high);

}  // namespace axonpush::inline v0::utf8
