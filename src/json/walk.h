// The one pass over a document, as the variants of it for different processors see it.
//
// A walk validates everything but the UTF-8 of strings: it tells whether a byte over 0x7F was seen in one, and its
// caller then has the whole document checked. Every variant gives the same answer to the byte; the tests hold them to
// it.
#pragma once

#include <axonpush/json/reader.h>

namespace axonpush::inline v0::json {

// What is wrong, in the words of fault_text().
enum class Fault : std::uint8_t {
  none,
  empty,
  cut_off,
  unexpected,
  not_object,
  trailing,
  control,
  escape,
  surrogate,
  number,
  overflow,
  literal,
  utf8,
  too_deep,
  too_many,
  too_large,
};

struct Task {
  const std::uint8_t* begin = nullptr;
  const std::uint8_t* end = nullptr;
  std::size_t depth = 0;  // 1 to kDepthMax
  std::size_t nodes = 0;
  bool object_only = false;
  Member* members = nullptr;  // the root's members go here, in their order
  std::size_t capacity = 0;
};

struct Findings {
  Value root;
  std::size_t count = 0;  // of the root's members, also of those that found no room; only with object_only
  const std::uint8_t* fault_at = nullptr;
  Fault fault = Fault::none;
  bool high_bytes = false;  // some string may hold a byte over 0x7F
};

// One bit a level in one word.
inline constexpr std::size_t kDepthMax = 64;
// The bytes whose specials make up one word.
inline constexpr std::size_t kBlock = 64;

using Walk = void (*)(const Task& task, Findings& findings) noexcept;

namespace scalar {
void walk(const Task& task, Findings& findings) noexcept;
}
#if defined(__x86_64__)
namespace sse2 {
void walk(const Task& task, Findings& findings) noexcept;
}
namespace avx2 {
[[nodiscard]] bool available() noexcept;
void walk(const Task& task, Findings& findings) noexcept;
}  // namespace avx2
#endif

// --- The parts that are the same for all, away from the fast path

[[nodiscard]] constexpr bool is_digit(std::uint8_t byte) noexcept { return byte >= '0' && byte <= '9'; }

// RFC 8259 2: ws.
[[nodiscard]] constexpr bool is_space(std::uint8_t byte) noexcept {
  constexpr std::uint64_t kSpaces = 1ULL << ' ' | 1ULL << '\t' | 1ULL << '\n' | 1ULL << '\r';
  return byte <= ' ' && (kSpaces >> byte & 1) != 0;
}

[[nodiscard]] inline std::uint32_t load_word(const std::uint8_t* at) noexcept {
  std::uint32_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}
inline constexpr std::uint32_t kTrue = 0x65757274, kNull = 0x6C6C756E, kAlse = 0x65736C61;  // as load_word reads them

// Each gets the first byte of what it judges and answers the byte behind it, or nullptr with the fault told.
[[nodiscard]] const std::uint8_t* escape_end(const std::uint8_t* at, const std::uint8_t* end,
                                             Findings& findings) noexcept;
[[nodiscard]] const std::uint8_t* number_end(const std::uint8_t* at, const std::uint8_t* end,
                                             Findings& findings) noexcept;
// A number, true, false or null; anything else is unexpected.
[[nodiscard]] const std::uint8_t* scalar_end(const std::uint8_t* at, const std::uint8_t* end,
                                             Findings& findings) noexcept;

}  // namespace axonpush::inline v0::json
