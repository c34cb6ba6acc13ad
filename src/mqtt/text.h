// The fast path of every string check: is this text plain ASCII without U+0000 (and, for a topic, without wildcards)?
// 16 bytes at a time with overlapping loads, so that nothing outside the string is read whatever its size.
//
// The vectors are the compiler's own, which makes one source of SSE2 and NEON; 256-bit vectors would save about ten
// instructions on a 54-byte topic and cost a dispatch of the same size. What is not plain goes to `judge_text`.
#pragma once

#include <axonpush/base/bytes.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace axonpush::inline v0::mqtt {

enum class TextKind : std::uint8_t {
  string,
  topic
};
enum class TextFault : std::uint8_t {
  none,
  ill_formed,
  null,
  wildcard
};

// The slow and exact answer, byte by byte where it has to be.
[[nodiscard]] TextFault judge_text(const std::uint8_t* text, std::size_t size, TextKind kind) noexcept;

namespace plain {

using Vector = std::uint8_t __attribute__((vector_size(16)));
using Halves = std::uint64_t __attribute__((vector_size(16)));

inline Vector load(const std::uint8_t* from) noexcept {
  Vector vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}
// Bytes that are '#' (0x23) or '+' (0x2B), which differ in one bit only, as 0xFF.
inline Vector wildcards(Vector vector) noexcept {
  constexpr std::uint8_t kEither = 0xF7;
  static_assert(('#' & kEither) == ('+' & kEither));
  return Vector((vector & kEither) == std::uint8_t('#'));
}
inline Vector smaller(Vector left, Vector right) noexcept {
#if defined(__SSE2__)
  return Vector(_mm_min_epu8(reinterpret_cast<__m128i>(left), reinterpret_cast<__m128i>(right)));
#else
  return left < right ? left : right;
#endif
}
inline bool any_high_bit(Vector vector) noexcept {
#if defined(__SSE2__)
  return _mm_movemask_epi8(reinterpret_cast<__m128i>(vector)) != 0;
#else
  const auto halves = reinterpret_cast<Halves>(vector);
  return ((halves[0] | halves[1]) & 0x8080808080808080U) != 0;
#endif
}
// `least` holds the least byte of each column, `most` the or of all, `wild` what `wildcards` found.
inline bool good(Vector least, Vector most, Vector wild) noexcept {
  return !any_high_bit(most | wild | Vector(least == 0));
}

template <TextKind kind>
inline Vector wild_of(Vector vector) noexcept {
  if constexpr (kind == TextKind::topic) {
    return wildcards(vector);
  } else {
    static_cast<void>(vector);
    return Vector{};
  }
}

template <TextKind kind>
inline bool check_one(Vector vector) noexcept {
  return good(vector, vector, wild_of<kind>(vector));
}
template <TextKind kind>
inline bool check_two(const std::uint8_t* first, const std::uint8_t* second) noexcept {
  const Vector a = load(first);
  const Vector b = load(second);
  return good(smaller(a, b), a | b, wild_of<kind>(a) | wild_of<kind>(b));
}
template <TextKind kind>
inline bool check_four(const std::uint8_t* first, const std::uint8_t* last) noexcept {
  const Vector a = load(first);
  const Vector b = load(first + 16);
  const Vector c = load(last - 32);
  const Vector d = load(last - 16);
  return good(smaller(smaller(a, b), smaller(c, d)), (a | b) | (c | d),
              (wild_of<kind>(a) | wild_of<kind>(b)) | (wild_of<kind>(c) | wild_of<kind>(d)));
}

// Under 16 bytes: two overlapping words fill one vector.
template <TextKind kind>
inline bool check_short(const std::uint8_t* text, std::size_t size) noexcept {
  if (size >= 8) {
    Halves words;
    std::uint64_t word = 0;
    std::memcpy(&word, text, 8);
    words[0] = word;
    std::memcpy(&word, text + size - 8, 8);
    words[1] = word;
    return check_one<kind>(reinterpret_cast<Vector>(words));
  }
  if (size >= 4) {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::memcpy(&first, text, 4);
    std::memcpy(&last, text + size - 4, 4);
    const std::uint64_t both = std::uint64_t{first} | std::uint64_t{last} << 32;
    return check_one<kind>(reinterpret_cast<Vector>(Halves{both, both}));
  }
  for (std::size_t at = 0; at < size; ++at) {
    const std::uint8_t byte = text[at];
    if (byte == 0 || byte >= 0x80) return false;
    if (kind == TextKind::topic && (byte == '#' || byte == '+')) return false;
  }
  return true;
}

template <TextKind kind>
[[nodiscard]] inline bool check_long(const std::uint8_t* text, std::size_t size) noexcept {
  const std::uint8_t* const end = text + size;
  for (; end - text > 64; text += 64) {
    if (!check_four<kind>(text, text + 64)) return false;
  }
  return check_four<kind>(end - 64, end);
}

}  // namespace plain

// True when the fast path is sure that all is well.
template <TextKind kind>
[[nodiscard]] inline bool plain_text(const std::uint8_t* text, std::size_t size) noexcept {
  if (size > 32) return size <= 64 ? plain::check_four<kind>(text, text + size) : plain::check_long<kind>(text, size);
  if (size >= 16) return plain::check_two<kind>(text, text + size - 16);
  return plain::check_short<kind>(text, size);
}

template <TextKind kind>
[[nodiscard]] inline TextFault check_text(const std::uint8_t* text, std::size_t size) noexcept {
  if (plain_text<kind>(text, size)) [[likely]]
    return TextFault::none;
  return judge_text(text, size, kind);
}

}  // namespace axonpush::inline v0::mqtt
