// The walk without vector instructions: for processors without a variant of their own, and what the others are held to.
#include "json/walk.h"

#define AXONPUSH_JSON_TARGET

namespace axonpush::inline v0::json::scalar {

struct Blocks {
  std::uint8_t seen = 0;

  std::uint64_t specials(const std::uint8_t* at) noexcept {
    std::uint64_t mask = 0;
    for (std::size_t index = 0; index < kBlock; ++index) {
      const std::uint8_t byte = at[index];
      seen |= byte;
      const bool special = byte < ' ' || byte == '"' || byte == '\\';
      mask |= static_cast<std::uint64_t>(special) << index;
    }
    return mask;
  }
  [[nodiscard]] bool high() const noexcept { return seen > 0x7F; }
};

#include "json/walk_variant.h"

}  // namespace axonpush::inline v0::json::scalar
