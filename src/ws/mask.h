// The variants behind mask_in_place and mask_copy, named so that tests and benches can hold each against the plain one.
//
// `key` is the four bytes of the mask as they stand in memory, the first to be used lowest. `into` and `from` are equal
// or do not overlap.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0::ws::masking {

using Function = void (*)(std::uint8_t* into, const std::uint8_t* from, std::size_t size, std::uint32_t key) noexcept;

// A byte at a time: what the others are measured against.
void plain(std::uint8_t* into, const std::uint8_t* from, std::size_t size, std::uint32_t key) noexcept;

// 16 bytes at a time: SSE2 or NEON, which every processor of their kind has.
void vector16(std::uint8_t* into, const std::uint8_t* from, std::size_t size, std::uint32_t key) noexcept;

// 32 bytes at a time, for at least kWideBytes; nullptr where the processor has no AVX2.
inline constexpr std::size_t kWideBytes = 32;
[[nodiscard]] Function wide() noexcept;

}  // namespace axonpush::inline v0::ws::masking
