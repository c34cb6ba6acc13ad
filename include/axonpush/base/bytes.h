// Bytes and text as views, and the big-endian integers every protocol here is written in.
//
// Who calls it: every layer. Thread rule: none, values only. Lifetime: a view never outlives the call that
// gave it unless the function that returns it says until when.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace axonpush::inline v0 {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

// char and std::uint8_t are both byte types that may alias, so these two casts are the only ones needed.
[[nodiscard]] inline Bytes bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view text_of(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Big-endian (network order) loads and stores: RFC 6455 5.2 and MQTT 5 1.5.2, 1.5.3. The compiler turns the
// memcpy and the swap into one instruction. The caller has checked that the bytes are there.
[[nodiscard]] inline std::uint16_t load_be16(const std::uint8_t* from) noexcept {
  std::uint16_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return __builtin_bswap16(value);
}
[[nodiscard]] inline std::uint32_t load_be32(const std::uint8_t* from) noexcept {
  std::uint32_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return __builtin_bswap32(value);
}
[[nodiscard]] inline std::uint64_t load_be64(const std::uint8_t* from) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return __builtin_bswap64(value);
}
inline void store_be16(std::uint8_t* into, std::uint16_t value) noexcept {
  value = __builtin_bswap16(value);
  std::memcpy(into, &value, sizeof value);
}
inline void store_be32(std::uint8_t* into, std::uint32_t value) noexcept {
  value = __builtin_bswap32(value);
  std::memcpy(into, &value, sizeof value);
}
inline void store_be64(std::uint8_t* into, std::uint64_t value) noexcept {
  value = __builtin_bswap64(value);
  std::memcpy(into, &value, sizeof value);
}

// The swaps above are right on little-endian machines only, and nothing else has been tried.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "axonpush has not been ported to big-endian machines");

// What a decoder can say. `need_more` is never an error by itself: only the end of the stream makes it one.
enum class Progress : std::uint8_t {
  done,
  need_more,
  error
};

}  // namespace axonpush::inline v0
