// Base64 with padding (RFC 4648 section 4), for short values.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0 {

[[nodiscard]] constexpr std::size_t base64_size(std::size_t bytes) noexcept { return (bytes + 2) / 3 * 4; }

// `into` has room for base64_size(from.size()). Answers how much was written.
std::size_t base64_encode(Bytes from, char* into) noexcept;

// Strict: padded, no white space, and the bits that padding leaves over are 0, so that each value has one spelling
// (RFC 4648 3.5). False when `text` is no such base64 or does not fit; `size` is what was written.
[[nodiscard]] bool base64_decode(std::string_view text, MutableBytes into, std::size_t& size) noexcept;

}  // namespace axonpush::inline v0
