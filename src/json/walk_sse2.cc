// The walk with what every x86-64 processor has.
#include "json/number.h"
#include "json/walk.h"

#if defined(__x86_64__)

#include <emmintrin.h>

#define AXONPUSH_JSON_TARGET

namespace axonpush::inline v0::json::sse2 {

struct Blocks {
  __m128i seen = _mm_setzero_si128();

  std::uint64_t sixteen(const std::uint8_t* at) noexcept {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    seen = _mm_or_si128(seen, bytes);
    // With bit 1 flipped the quote (0x22) becomes 0x20 and stands next to the control characters, which stay among
    // themselves: one comparison finds both.
    const __m128i flipped = _mm_xor_si128(bytes, _mm_set1_epi8(2));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(flipped, _mm_set1_epi8(0x20)), flipped);
    const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_or_si128(low, backslash)));
  }
  std::uint64_t specials(const std::uint8_t* at) noexcept {
    return sixteen(at) | sixteen(at + 16) << 16 | sixteen(at + 32) << 32 | sixteen(at + 48) << 48;
  }
  [[nodiscard]] bool high() const noexcept { return _mm_movemask_epi8(seen) != 0; }
};

#include "json/walk_variant.h"

}  // namespace axonpush::inline v0::json::sse2

#endif
