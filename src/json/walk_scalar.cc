// The walk without vector instructions: for processors without a variant of their own, and what the others are held to.
#include "json/number.h"
#include "json/walk.h"

#define AXONPUSH_JSON_TARGET

namespace axonpush::inline v0::json::scalar {

struct Blocks {
  std::uint64_t seen = 0;

  static constexpr std::uint64_t kOnes = 0x0101010101010101;
  static constexpr std::uint64_t kHighs = 0x8080808080808080;

  // The high bit of each byte that is not zero; exact, no carry leaves its byte.
  static std::uint64_t nonzero(std::uint64_t bytes) noexcept {
    return (((bytes & ~kHighs) + ~kHighs) | bytes) & kHighs;
  }

  // Eight bytes in a word at once; the product gathers their high bits in its top byte.
  std::uint64_t eight(const std::uint8_t* at) noexcept {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, at, sizeof bytes);
    seen |= bytes;
    const std::uint64_t plain =
        nonzero(bytes ^ (kOnes * '"')) & nonzero(bytes ^ (kOnes * '\\')) & nonzero(bytes & (kOnes * 0xE0));
    return ((~plain & kHighs) >> 7) * 0x0102040810204080 >> 56;
  }
  std::uint64_t specials(const std::uint8_t* at) noexcept {
    std::uint64_t mask = 0;
    for (std::size_t index = 0; index < kBlock; index += 8) mask |= eight(at + index) << index;
    return mask;
  }
  [[nodiscard]] bool high() const noexcept { return (seen & kHighs) != 0; }
};

#include "json/walk_variant.h"

}  // namespace axonpush::inline v0::json::scalar
