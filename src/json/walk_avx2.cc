// The walk with AVX2 and the bit instructions that come with it, chosen at run time.
#include "json/number.h"
#include "json/walk.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AXONPUSH_JSON_TARGET __attribute__((target("avx2,bmi,bmi2")))

namespace axonpush::inline v0::json::avx2 {

struct Blocks {
  __m256i seen;
  __m256i flip, space, backslash;

  AXONPUSH_JSON_TARGET Blocks() noexcept
      : seen(_mm256_setzero_si256()),
        flip(_mm256_set1_epi8(2)),
        space(_mm256_set1_epi8(0x20)),
        backslash(_mm256_set1_epi8('\\')) {
    // The compiler would rather make these constants anew for each block, with twelve instructions.
    __asm__("" : "+x"(flip), "+x"(space), "+x"(backslash));
  }

  // See walk_sse2.cc for the flipped bit.
  AXONPUSH_JSON_TARGET __attribute__((always_inline)) std::uint64_t half(__m256i bytes) const noexcept {
    const __m256i flipped = _mm256_xor_si256(bytes, flip);
    const __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(flipped, space), flipped);
    const __m256i escape = _mm256_cmpeq_epi8(bytes, backslash);
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_or_si256(low, escape)));
  }
  AXONPUSH_JSON_TARGET __attribute__((always_inline)) std::uint64_t specials(const std::uint8_t* at) noexcept {
    const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32));
    seen = _mm256_or_si256(seen, _mm256_or_si256(first, second));
    return half(first) | half(second) << 32;
  }
  [[nodiscard]] AXONPUSH_JSON_TARGET bool high() const noexcept { return _mm256_movemask_epi8(seen) != 0; }
};

#include "json/walk_variant.h"

bool available() noexcept {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&
         __builtin_cpu_supports("bmi2") != 0;
}

}  // namespace axonpush::inline v0::json::avx2

#endif
