// 32 bytes at a time with AVX2; the idea stands in utf8_kernels.h.
#include "base/utf8_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AXONPUSH_AVX2 __attribute__((target("avx2")))

namespace axonpush::inline v0::utf8 {

namespace {

using Vector = __m256i;

struct Tables {
  Vector first_high;
  Vector first_low;
  Vector second_high;
};

AXONPUSH_AVX2 inline Vector load_table(const Table& table) noexcept {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table.of)));
}

AXONPUSH_AVX2 inline Vector read(const std::uint8_t* from) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const Vector*>(from));
}

AXONPUSH_AVX2 inline Vector high_nibbles(Vector bytes) noexcept {
  return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0F));
}

// Not zero where something is wrong. `back_N` is the text N bytes earlier.
AXONPUSH_AVX2 inline Vector judge(const Tables& tables, Vector input, Vector back_1, Vector back_2,
                                  Vector back_3) noexcept {
  const Vector low = _mm256_and_si256(back_1, _mm256_set1_epi8(0x0F));
  const Vector faults = _mm256_and_si256(_mm256_and_si256(_mm256_shuffle_epi8(tables.first_high, high_nibbles(back_1)),
                                                          _mm256_shuffle_epi8(tables.first_low, low)),
                                         _mm256_shuffle_epi8(tables.second_high, high_nibbles(input)));
  // The top bit stays where the byte two earlier leads three or four, or the one three earlier leads four.
  const Vector third = _mm256_subs_epu8(back_2, _mm256_set1_epi8(0xE0 - kTwoTails));
  const Vector fourth = _mm256_subs_epu8(back_3, _mm256_set1_epi8(0xF0 - kTwoTails));
  const Vector wanted =
      _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8(static_cast<char>(kTwoTails)));
  return _mm256_xor_si256(faults, wanted);
}

// A vector of the text that has at least three bytes in front of it.
AXONPUSH_AVX2 inline Vector judge_inner(const Tables& tables, const std::uint8_t* at, Vector input) noexcept {
  return judge(tables, input, read(at - 1), read(at - 2), read(at - 3));
}

AXONPUSH_AVX2 inline Vector judge_first(const Tables& tables, Vector input) noexcept {
  // In front of the text stand zeros.
  const __m256i before = _mm256_permute2x128_si256(input, input, 0x08);
  return judge(tables, input, _mm256_alignr_epi8(input, before, 15), _mm256_alignr_epi8(input, before, 14),
               _mm256_alignr_epi8(input, before, 13));
}

// ASCII cannot complete what the bytes in front of it have begun.
AXONPUSH_AVX2 inline Vector left_open(const std::uint8_t* at) noexcept {
  return _mm256_subs_epu8(
      read(at - 32),
      _mm256_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                       -1, -1, -1, -1, -1, static_cast<char>(0xEF), static_cast<char>(0xDF), static_cast<char>(0xBF)));
}

AXONPUSH_AVX2 bool validate(const std::uint8_t* text, std::size_t size) noexcept {
  const Tables tables = {load_table(kFirstHigh), load_table(kFirstLow), load_table(kSecondHigh)};
  Vector errors = judge_first(tables, read(text));
  const std::uint8_t* at = text + 32;
  const std::uint8_t* const end = text + size;
  for (; end - at >= 64; at += 64) {
    const Vector first = read(at);
    const Vector second = read(at + 32);
    if (_mm256_movemask_epi8(_mm256_or_si256(first, second)) == 0) {
      errors = _mm256_or_si256(errors, left_open(at));
      continue;
    }
    errors = _mm256_or_si256(errors, judge_inner(tables, at, first));
    errors = _mm256_or_si256(errors, judge_inner(tables, at + 32, second));
  }
  if (end - at >= 32) errors = _mm256_or_si256(errors, judge_inner(tables, at, read(at)));
  // The last vector ends with the text; part of it is judged twice.
  errors = _mm256_or_si256(errors, judge_inner(tables, end - 32, read(end - 32)));
  return _mm256_testz_si256(errors, errors) != 0;
}

}  // namespace

Function avx2() noexcept { return __builtin_cpu_supports("avx2") != 0 ? validate : nullptr; }

}  // namespace axonpush::inline v0::utf8

#else

namespace axonpush::inline v0::utf8 {

Function avx2() noexcept { return nullptr; }

}  // namespace axonpush::inline v0::utf8

#endif
