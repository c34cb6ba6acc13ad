// The Variable Byte Integer (MQTT 5 1.5.5).
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/limits.h>

namespace axonpush::inline v0::mqtt {

struct VariableByte {
  enum class State : std::uint8_t {
    done,
    cut,
    too_long,
    not_minimal
  };
  std::uint32_t value = 0;
  std::uint8_t size = 0;  // bytes read; too_long and not_minimal: up to and with the byte at fault
  State state = State::cut;
};

// Reads one from the bytes [at, end).
[[nodiscard]] inline VariableByte read_variable_byte(const std::uint8_t* at, const std::uint8_t* end) noexcept {
  VariableByte read;
  for (unsigned shift = 0; at != end; shift += 7) {
    const std::uint8_t byte = *at++;
    ++read.size;
    read.value |= static_cast<std::uint32_t>(byte & 0x7FU) << shift;
    if (byte < 0x80) {
      // [MQTT-1.5.5-1]: the least number of bytes, so the last of several is never zero.
      read.state = byte == 0 && read.size > 1 ? VariableByte::State::not_minimal : VariableByte::State::done;
      return read;
    }
    if (read.size == 4) {
      // MQTT 5 1.5.5: a fourth continuation bit cannot be, so a fifth byte is never waited for.
      read.state = VariableByte::State::too_long;
      return read;
    }
  }
  return read;
}

[[nodiscard]] constexpr std::size_t variable_byte_size(std::size_t value) noexcept {
  if (value < 128) return 1;
  if (value < 16'384) return 2;
  return value < 2'097'152 ? 3 : 4;
}

// Writes `value` (at most 268,435,455) and answers the byte after it; room has been checked.
[[nodiscard]] inline std::uint8_t* write_variable_byte(std::uint8_t* into, std::uint32_t value) noexcept {
  while (value >= 128) {
    *into++ = static_cast<std::uint8_t>(value | 0x80U);
    value >>= 7;
  }
  *into++ = static_cast<std::uint8_t>(value);
  return into;
}

}  // namespace axonpush::inline v0::mqtt
