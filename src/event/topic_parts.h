// Where the parts of a topic stand: everything in front of the last five segments (part 0, the prefix), and those
// (parts 1 to 5). Found from the end, so that a long prefix costs nothing.
#pragma once

#include <axonpush/base/bytes.h>

#include <bit>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace axonpush::inline v0 {

inline constexpr std::size_t kTopicParts = 6;

// border[i] is where the slash in front of part i stands; the prefix has one in front of the topic, and the last part
// ends at one behind it. So part i is what lies between border[i] and border[i + 1].
struct TopicParts {
  std::uint32_t border[kTopicParts + 1];

  // The first border is UINT32_MAX, and the sum wraps to 0.
  [[nodiscard]] std::uint32_t begin(std::size_t part) const noexcept { return border[part] + 1; }
  [[nodiscard]] std::uint32_t end(std::size_t part) const noexcept { return border[part + 1]; }
  [[nodiscard]] std::string_view of(std::string_view topic, std::size_t part) const noexcept {
    return topic.substr(begin(part), end(part) - begin(part));
  }
};

// False for a text of fewer than five slashes, or one whose offsets do not fit; `parts` is then not to be read.
[[nodiscard]] inline bool split_parts_scalar(std::string_view topic, TopicParts& parts) noexcept {
  if (topic.size() >= UINT32_MAX) return false;
  std::size_t end = topic.size();
  parts.border[0] = UINT32_MAX;
  parts.border[kTopicParts] = static_cast<std::uint32_t>(end);
  for (std::size_t part = kTopicParts - 1; part != 0; --part) {
    while (end != 0 && topic[end - 1] != '/') --end;
    if (end == 0) return false;
    parts.border[part] = static_cast<std::uint32_t>(--end);
  }
  return true;
}

#if defined(__SSE2__)

namespace detail {

// One bit for each of the last 64 bytes, the last byte's the highest. No byte outside the topic is read.
inline std::uint64_t slashes_at_end(std::string_view topic) noexcept {
  const __m128i slash = _mm_set1_epi8('/');
  const auto block = [slash](const char* from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, slash)))};
  };
  const std::size_t size = topic.size();
  if (size < 16) {
    char copy[16] = {};
    if (size == 0) return 0;
    std::memcpy(copy, topic.data(), size);
    return block(copy) << (64 - size);
  }
  const char* const end = topic.data() + size;
  std::uint64_t bits = block(end - 16) << 48;
  // Where fewer than 16 bytes are left the first 16 are taken: the bits that overlap are the same.
  if (size < 32) return bits | block(topic.data()) << (64 - size);
  bits |= block(end - 32) << 32;
  if (size < 48) return bits | block(topic.data()) << (64 - size);
  bits |= block(end - 48) << 16;
  if (size < 64) return bits | block(topic.data()) << (64 - size);
  return bits | block(end - 64);
}

}  // namespace detail

[[nodiscard]] inline bool split_parts(std::string_view topic, TopicParts& parts) noexcept {
  if (topic.size() >= UINT32_MAX) return false;
  std::uint64_t bits = detail::slashes_at_end(topic);
  parts.border[0] = UINT32_MAX;
  parts.border[kTopicParts] = static_cast<std::uint32_t>(topic.size());
  const std::uint32_t beyond =
      parts.border[kTopicParts] - 64;  // of bit 0; wraps for a short topic, and the sums wrap back
  for (std::size_t part = kTopicParts - 1; part != 0; --part) {
    if (bits == 0) [[unlikely]] {
      return topic.size() > 64 && split_parts_scalar(topic, parts);
    }
    const auto bit = static_cast<std::uint32_t>(std::countl_zero(bits)) ^ 63U;
    bits &= ~(std::uint64_t{1} << bit);
    parts.border[part] = beyond + bit;
  }
  return true;
}

#else

[[nodiscard]] inline bool split_parts(std::string_view topic, TopicParts& parts) noexcept {
  return split_parts_scalar(topic, parts);
}

#endif

}  // namespace axonpush::inline v0
