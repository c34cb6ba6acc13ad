#include "ws/mask.h"

#include <axonpush/ws/frame.h>

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "support/guarded_bytes.h"

namespace axonpush::ws {
namespace {

using axonpush::test::GuardedBytes;

struct Variant {
  const char* name;
  masking::Function function;
  std::size_t size_min;
};
std::vector<Variant> variants() {
  return {{"vector16", masking::vector16, 0}, {"wide", masking::wide(), masking::kWideBytes}};
}

constexpr std::uint32_t kKey = 0x5CF3019A;
constexpr std::size_t kLargest = 700;

std::vector<std::uint8_t> some_bytes(std::size_t size) {
  std::mt19937_64 random(size);
  std::vector<std::uint8_t> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

// RFC 6455 5.3, as it stands there.
std::vector<std::uint8_t> masked(Bytes data, const std::uint8_t* key, unsigned phase) {
  std::vector<std::uint8_t> out(data.begin(), data.end());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(out[i] ^ key[(i + phase) % 4]);
  return out;
}

TEST(WsMask, EveryVariantAgreesWithThePlainOneAtEverySizeAndAlignment)  // W-33
{
  for (std::size_t size = 0; size <= kLargest; ++size) {
    const auto data = some_bytes(size);
    std::vector<std::uint8_t> expected(size);
    masking::plain(expected.data(), data.data(), size, kKey);
    for (const Variant& variant : variants()) {
      if (variant.function == nullptr || size < variant.size_min) continue;
      for (std::size_t shift = 0; shift < 4; ++shift) {
        // In place, with bytes around it that must not change.
        std::vector<std::uint8_t> room(shift + size + 1, 0xEE);
        std::copy(data.begin(), data.end(), room.begin() + static_cast<std::ptrdiff_t>(shift));
        variant.function(room.data() + shift, room.data() + shift, size, kKey);
        ASSERT_TRUE(std::equal(expected.begin(), expected.end(), room.begin() + static_cast<std::ptrdiff_t>(shift)))
            << variant.name << ' ' << size << ' ' << shift;
        for (std::size_t at = 0; at < shift; ++at) ASSERT_EQ(room[at], 0xEE);
        ASSERT_EQ(room.back(), 0xEE) << variant.name << ' ' << size;
        // As a copy.
        std::vector<std::uint8_t> into(shift + size + 1, 0xEE);
        variant.function(into.data() + shift, data.data(), size, kKey);
        ASSERT_EQ(into, room) << variant.name << ' ' << size << ' ' << shift;
      }
    }
  }
}

TEST(WsMask, MasksByThePhaseOfTheKey)  // W-33, RFC 6455 5.3
{
  const std::uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};
  for (const std::size_t size :
       {0U,  1U,  2U,  3U,   4U,   5U,   7U,   8U,   15U,  16U,  17U,  31U,   32U,     33U,
        63U, 64U, 65U, 125U, 126U, 127U, 255U, 256U, 511U, 512U, 513U, 4096U, 65'535U, 65'536U}) {
    const auto data = some_bytes(size);
    for (unsigned phase = 0; phase < 8; ++phase) {
      const auto expected = masked(data, key, phase);
      auto in_place = data;
      mask_in_place(in_place, key, phase);
      ASSERT_EQ(in_place, expected) << size << ' ' << phase;
      std::vector<std::uint8_t> copy(size);
      mask_copy(copy.data(), data, key, phase);
      ASSERT_EQ(copy, expected) << size << ' ' << phase;
    }
  }
}

TEST(WsMask, MasksAStreamInPieces) {
  const std::uint8_t key[4] = {1, 2, 4, 8};
  const auto data = some_bytes(300);
  const auto expected = masked(data, key, 0);
  for (std::size_t split = 0; split <= data.size(); ++split) {
    auto pieces = data;
    mask_in_place(MutableBytes(pieces).first(split), key);
    mask_in_place(MutableBytes(pieces).subspan(split), key, static_cast<unsigned>(split % 4));
    ASSERT_EQ(pieces, expected) << split;
  }
}

TEST(WsMask, TouchesNothingBehindTheData) {
  GuardedBytes from(kLargest);
  GuardedBytes into(kLargest);
  for (std::size_t size = 0; size <= kLargest; ++size) {
    const auto data = some_bytes(size);
    const Bytes source = from.hold(data);
    const std::uint8_t key[4] = {9, 8, 7, 6};
    mask_copy(into.last(size).data(), source, key);
    mask_in_place(from.last(size), key);
    ASSERT_TRUE(std::equal(source.begin(), source.end(), into.last(size).begin()));
  }
}

}  // namespace
}  // namespace axonpush::ws
