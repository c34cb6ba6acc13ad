// The two scans a head is made of, each as a table loop and, where the processor has SSE2, sixteen bytes at a time.
// Both read [from, end) and not one byte more.
#pragma once

#include <axonpush/base/bytes.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace axonpush::inline v0::http {

struct ByteClasses {
  static constexpr std::uint8_t kToken = 1;   // RFC 9110 5.6.2: tchar
  static constexpr std::uint8_t kField = 2;   // RFC 9110 5.5: VCHAR, obs-text, SP, HTAB
  static constexpr std::uint8_t kTarget = 4;  // VCHAR: what a request target may consist of
  std::uint8_t of[256] = {};

  constexpr ByteClasses() noexcept {
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool alphanumeric =
          (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
      bool token = alphanumeric;
      for (const char other : std::string_view("!#$%&'*+-.^_`|~"))
        token = token || byte == static_cast<unsigned char>(other);
      const bool visible = byte > 0x20 && byte < 0x7F;
      const bool field = visible || byte >= 0x80 || byte == ' ' || byte == '\t';
      of[byte] = static_cast<std::uint8_t>((token ? kToken : 0) | (field ? kField : 0) | (visible ? kTarget : 0));
    }
  }
  [[nodiscard]] constexpr bool has(std::uint8_t byte, std::uint8_t classes) const noexcept {
    return (of[byte] & classes) != 0;
  }
};
inline constexpr ByteClasses kByteClasses;

// The first byte that is not of the class, or end.
[[nodiscard]] inline const std::uint8_t* class_end(const std::uint8_t* from, const std::uint8_t* end,
                                                   std::uint8_t classes) noexcept {
  while (from != end && kByteClasses.has(*from, classes)) ++from;
  return from;
}

// The end of a run of field bytes (a value with its white space, a reason phrase).
[[nodiscard]] inline const std::uint8_t* field_end(const std::uint8_t* from, const std::uint8_t* end) noexcept {
#if defined(__SSE2__)
  while (end - from >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
    const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F));
    const int stops = _mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del));
    if (stops != 0) return from + __builtin_ctz(static_cast<unsigned>(stops));
    from += 16;
  }
#endif
  return class_end(from, end, ByteClasses::kField);
}

// The end of a token. The vector loop knows letters, digits and '-', of which nearly every field name consists; the
// table decides about the rest.
[[nodiscard]] inline const std::uint8_t* token_end(const std::uint8_t* from, const std::uint8_t* end) noexcept {
#if defined(__SSE2__)
  while (end - from >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    // x is in a range when x minus its first is no more than its width, unsigned; min tells that without a compare.
    const __m128i letter_offset = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    const __m128i letter = _mm_cmpeq_epi8(_mm_min_epu8(letter_offset, _mm_set1_epi8('z' - 'a')), letter_offset);
    const __m128i digit_offset = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
    const __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(digit_offset, _mm_set1_epi8('9' - '0')), digit_offset);
    const __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
    const int common = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), dash));
    if (common == 0xFFFF) {
      from += 16;
      continue;
    }
    from += __builtin_ctz(~static_cast<unsigned>(common));
    if (!kByteClasses.has(*from, ByteClasses::kToken)) return from;
    ++from;
  }
#endif
  return class_end(from, end, ByteClasses::kToken);
}

[[nodiscard]] constexpr char lower_case(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter | 0x20) : letter;
}
// `lower` is in lower case already.
[[nodiscard]] inline bool equals_ignoring_case(std::string_view text, std::string_view lower) noexcept {
  if (text.size() != lower.size()) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (lower_case(text[at]) != lower[at]) return false;
  }
  return true;
}

}  // namespace axonpush::inline v0::http
