// Where mask keys come from: OpenSSL's CSPRNG, in blocks.
#include "net/entropy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace axonpush::net {
namespace {

TEST(SystemEntropy, AMillionMasksAreUnpredictable) {  // W-32, RFC 6455 5.3, 10.3, CVE-2025-10148
  constexpr std::size_t kMasks = 1'000'000;
  SystemEntropy entropy;
  std::vector<std::uint32_t> bytes(256);
  std::uint32_t before = 0;
  std::size_t repeated = 0;
  for (std::size_t count = 0; count < kMasks; ++count) {
    std::uint8_t mask[4] = {};
    ASSERT_TRUE(entropy.fill(mask));
    std::uint32_t now = 0;
    std::memcpy(&now, mask, sizeof now);
    repeated += count != 0 && now == before ? 1 : 0;
    before = now;
    for (const std::uint8_t byte : mask) ++bytes[byte];
  }
  // A true source repeats its predecessor once in 2^32: two of a million pairs would be one run in 40 million.
  EXPECT_LE(repeated, 1U);
  double chi_squared = 0;
  constexpr double kExpected = 4.0 * kMasks / 256;
  for (const std::uint32_t seen : bytes) chi_squared += (seen - kExpected) * (seen - kExpected) / kExpected;
  // 255 degrees of freedom: mean 255, deviation 22.6; eight deviations on either side.
  EXPECT_GT(chi_squared, 75.0);
  EXPECT_LT(chi_squared, 436.0);
}

TEST(SystemEntropy, TwoSourcesAndTwoBlocksDiffer) {
  SystemEntropy first;
  SystemEntropy second;
  std::uint8_t of_first[16] = {};
  std::uint8_t of_second[16] = {};
  ASSERT_TRUE(first.fill(of_first) && second.fill(of_second));
  EXPECT_NE(std::memcmp(of_first, of_second, sizeof of_first), 0);
  // Larger than a block, and across the border of two.
  std::vector<std::uint8_t> large(10'000);
  std::vector<std::uint8_t> again(10'000);
  ASSERT_TRUE(first.fill(large) && first.fill(again));
  EXPECT_NE(large, again);
  for (int count = 0; count < 1'000; ++count) {
    std::uint8_t seven[7] = {};
    ASSERT_TRUE(first.fill(seven));
    EXPECT_NE(std::memcmp(seven, of_first, sizeof seven), 0);
    std::memcpy(of_first, seven, sizeof seven);
  }
  EXPECT_TRUE(first.fill({}));
}

}  // namespace
}  // namespace axonpush::net
