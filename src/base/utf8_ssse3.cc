// 16 bytes at a time with SSSE3; the idea stands in utf8_kernels.h.
#include "base/utf8_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AXONPUSH_SSSE3 __attribute__((target("ssse3")))

namespace axonpush::inline v0::utf8 {

namespace {

using Vector = __m128i;

struct Tables {
  Vector first_high;
  Vector first_low;
  Vector second_high;
};

AXONPUSH_SSSE3 inline Vector load_table(const Table& table) noexcept {
  return _mm_load_si128(reinterpret_cast<const __m128i*>(table.of));
}

AXONPUSH_SSSE3 inline Vector read(const std::uint8_t* from) noexcept {
  return _mm_loadu_si128(reinterpret_cast<const Vector*>(from));
}

AXONPUSH_SSSE3 inline Vector high_nibbles(Vector bytes) noexcept {
  return _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0F));
}

// Not zero where something is wrong. `back_N` is the text N bytes earlier.
AXONPUSH_SSSE3 inline Vector judge(const Tables& tables, Vector input, Vector back_1, Vector back_2,
                                   Vector back_3) noexcept {
  const Vector low = _mm_and_si128(back_1, _mm_set1_epi8(0x0F));
  const Vector faults = _mm_and_si128(
      _mm_and_si128(_mm_shuffle_epi8(tables.first_high, high_nibbles(back_1)), _mm_shuffle_epi8(tables.first_low, low)),
      _mm_shuffle_epi8(tables.second_high, high_nibbles(input)));
  // The top bit stays where the byte two earlier leads three or four, or the one three earlier leads four.
  const Vector third = _mm_subs_epu8(back_2, _mm_set1_epi8(0xE0 - kTwoTails));
  const Vector fourth = _mm_subs_epu8(back_3, _mm_set1_epi8(0xF0 - kTwoTails));
  const Vector wanted = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8(static_cast<char>(kTwoTails)));
  return _mm_xor_si128(faults, wanted);
}

// A vector of the text that has at least three bytes in front of it.
AXONPUSH_SSSE3 inline Vector judge_inner(const Tables& tables, const std::uint8_t* at, Vector input) noexcept {
  return judge(tables, input, read(at - 1), read(at - 2), read(at - 3));
}

AXONPUSH_SSSE3 inline Vector judge_first(const Tables& tables, Vector input) noexcept {
  // In front of the text stand zeros.
  return judge(tables, input, _mm_slli_si128(input, 1), _mm_slli_si128(input, 2), _mm_slli_si128(input, 3));
}

// ASCII cannot complete what the bytes in front of it have begun.
AXONPUSH_SSSE3 inline Vector left_open(const std::uint8_t* at) noexcept {
  return _mm_subs_epu8(read(at - 16),
                       _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, static_cast<char>(0xEF),
                                     static_cast<char>(0xDF), static_cast<char>(0xBF)));
}

AXONPUSH_SSSE3 bool validate(const std::uint8_t* text, std::size_t size) noexcept {
  const Tables tables = {load_table(kFirstHigh), load_table(kFirstLow), load_table(kSecondHigh)};
  Vector errors = judge_first(tables, read(text));
  const std::uint8_t* at = text + 16;
  const std::uint8_t* const end = text + size;
  for (; end - at >= 32; at += 32) {
    const Vector first = read(at);
    const Vector second = read(at + 16);
    if (_mm_movemask_epi8(_mm_or_si128(first, second)) == 0) {
      errors = _mm_or_si128(errors, left_open(at));
      continue;
    }
    errors = _mm_or_si128(errors, judge_inner(tables, at, first));
    errors = _mm_or_si128(errors, judge_inner(tables, at + 16, second));
  }
  if (end - at >= 16) errors = _mm_or_si128(errors, judge_inner(tables, at, read(at)));
  // The last vector ends with the text; part of it is judged twice.
  errors = _mm_or_si128(errors, judge_inner(tables, end - 16, read(end - 16)));
  return _mm_movemask_epi8(_mm_cmpeq_epi8(errors, _mm_setzero_si128())) == 0xFFFF;
}

}  // namespace

Function ssse3() noexcept { return __builtin_cpu_supports("ssse3") != 0 ? validate : nullptr; }

}  // namespace axonpush::inline v0::utf8

#else

namespace axonpush::inline v0::utf8 {

Function ssse3() noexcept { return nullptr; }

}  // namespace axonpush::inline v0::utf8

#endif
