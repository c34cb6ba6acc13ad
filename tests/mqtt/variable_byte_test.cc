// MQTT 5 1.5.5, exhaustively: every string of one to three bytes, every value there is, and the four-byte strings by a
// stride that shares no factor with any power of two.
#include "mqtt/variable_byte.h"

#include <gtest/gtest.h>

#include "support/mqtt_fields.h"

namespace axonpush::test {
namespace {

using mqtt::read_variable_byte;
using mqtt::variable_byte_size;
using mqtt::VariableByte;
using mqtt::write_variable_byte;
using State = VariableByte::State;

// The clause's own pseudo code, and its rule that no fewer bytes would do.
struct Expected {
  State state;
  std::uint64_t value;
  unsigned size;
};
Expected expected_of(const std::uint8_t* bytes, unsigned count) {
  std::uint64_t value = 0;
  std::uint64_t multiplier = 1;
  for (unsigned at = 0; at < count; ++at) {
    value += (bytes[at] & 127U) * multiplier;
    if (at == 3 && (bytes[at] & 128U) != 0) return {State::too_long, 0, 4};
    multiplier *= 128;
    if ((bytes[at] & 128U) == 0) {
      const unsigned least = value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
      return {least == at + 1 ? State::done : State::not_minimal, value, at + 1};
    }
  }
  return {State::cut, 0, count};
}

bool right(std::uint32_t word, unsigned count) {
  const std::uint8_t bytes[4] = {static_cast<std::uint8_t>(word), static_cast<std::uint8_t>(word >> 8),
                                 static_cast<std::uint8_t>(word >> 16), static_cast<std::uint8_t>(word >> 24)};
  const VariableByte read = read_variable_byte(bytes, bytes + count);
  const Expected expected = expected_of(bytes, count);
  if (read.state != expected.state || read.size != expected.size) return false;
  return read.state != State::done || read.value == expected.value;
}

TEST(MqttVariableByte, EveryStringOfUpToThreeBytes) {
  EXPECT_EQ(read_variable_byte(nullptr, nullptr).state, State::cut);
  for (unsigned count = 1; count <= 3; ++count) {
    for (std::uint32_t word = 0; word < 1U << 8 * count; ++word) ASSERT_TRUE(right(word, count)) << std::hex << word;
  }
}

TEST(MqttVariableByte, StringsOfFourBytes) {
  constexpr std::uint64_t kStride = 211;
  for (std::uint64_t word = 0; word < std::uint64_t{1} << 32; word += kStride) {
    ASSERT_TRUE(right(static_cast<std::uint32_t>(word), 4)) << std::hex << word;
  }
}

TEST(MqttVariableByte, EveryValueRoundTrips) {
  const auto round_trips = [](std::uint32_t value) {
    std::uint8_t bytes[4];
    const auto size = static_cast<std::size_t>(write_variable_byte(bytes, value) - bytes);
    const VariableByte read = read_variable_byte(bytes, bytes + size);
    return read.state == State::done && read.value == value && read.size == size && variable_byte_size(value) == size;
  };
  constexpr std::uint32_t kDense = 1U << 22;  // all of one, two and three bytes, and the first of four
  for (std::uint32_t value = 0; value < kDense; ++value) ASSERT_TRUE(round_trips(value)) << value;
  for (std::uint32_t value = kDense; value <= limits::kMqttRemainingLength; value += 61) {
    ASSERT_TRUE(round_trips(value)) << value;
  }
  EXPECT_TRUE(round_trips(limits::kMqttRemainingLength));
}

TEST(MqttVariableByte, Borders) {  // MQTT 5 table 1-1
  struct Row {
    std::uint32_t value;
    const char* hex;
  };
  constexpr Row kRows[] = {
      {0, "00"},          {127, "7f"},           {128, "8001"},           {16'383, "ff7f"},
      {16'384, "808001"}, {2'097'151, "ffff7f"}, {2'097'152, "80808001"}, {268'435'455, "ffffff7f"}};
  for (const Row& row : kRows) {
    std::uint8_t bytes[4];
    const auto size = static_cast<std::size_t>(write_variable_byte(bytes, row.value) - bytes);
    EXPECT_EQ(hex_of({bytes, size}), row.hex);
  }
}

}  // namespace
}  // namespace axonpush::test
