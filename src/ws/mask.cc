// The mask of RFC 6455 5.3: every byte XOR the byte of the key at its place modulo four.
#include <axonpush/ws/frame.h>

namespace axonpush::inline v0::ws {

namespace {

void mask(std::uint8_t* into, const std::uint8_t* from, std::size_t size, const std::uint8_t* mask_key,
          unsigned phase) noexcept {
  for (std::size_t at = 0; at < size; ++at) {
    into[at] = static_cast<std::uint8_t>(from[at] ^ mask_key[(at + phase) & 3]);
  }
}

}  // namespace

void mask_in_place(MutableBytes data, const std::uint8_t* mask_key, unsigned phase) noexcept {
  mask(data.data(), data.data(), data.size(), mask_key, phase);
}

void mask_copy(std::uint8_t* into, Bytes from, const std::uint8_t* mask_key, unsigned phase) noexcept {
  mask(into, from.data(), from.size(), mask_key, phase);
}

}  // namespace axonpush::inline v0::ws
