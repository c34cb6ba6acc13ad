// SipHash-2-4 against values of another implementation (OpenSSL's MAC of that name), at every border of its eight-byte
// words, and its streaming form against the whole.
#include "base/siphash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace axonpush {
namespace {

// Key 00 01 ... 0f, input 00 01 ... of the given size.
const HashKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::vector<std::uint8_t> counting(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t at = 0; at < size; ++at) bytes[at] = static_cast<std::uint8_t>(at);
  return bytes;
}

TEST(SipHash, AgreesWithAnotherImplementation) {
  struct Row {
    std::size_t size;
    std::uint64_t whole;  // as printed byte by byte, so the first byte is the highest
    std::uint64_t first;  // of the 128-bit form
    std::uint64_t second;
  };
  const Row rows[] = {
      {0, 0x310E0EDD47DB6F72, 0xA3817F04BA25A8E6, 0x6DF67214C7550293},
      {1, 0xFD67DC93C539F874, 0xDA87C1D86B99AF44, 0x347659119B22FC45},
      {7, 0x37D1018BF50002AB, 0xA1F1EBBED8DBC153, 0xC0B84AA61FF08239},
      {8, 0x6224939A79F5F593, 0x3B62A9BA6258F561, 0x0F83E264F31497B4},
      {15, 0xE545BE4961CA29A1, 0x5493E99933B0A811, 0x7E08EC0F97CFC3D9},
      {63, 0x724506EB4C328A95, 0x5150D1772F50834A, 0x503E069A973FBD7C},
  };
  for (const Row& row : rows) {
    const std::vector<std::uint8_t> input = counting(row.size);
    EXPECT_EQ(__builtin_bswap64(siphash_64(kKey, input)), row.whole) << row.size;
    const Hash128 wide = siphash_128(kKey, input);
    EXPECT_EQ(__builtin_bswap64(wide.low), row.first) << row.size;
    EXPECT_EQ(__builtin_bswap64(wide.high), row.second) << row.size;
  }
}

TEST(SipHash, PiecesAreTheWhole) {
  const std::vector<std::uint8_t> input = counting(40);
  for (std::size_t size = 0; size <= input.size(); ++size) {
    const Hash128 whole = siphash_128(kKey, Bytes(input).first(size));
    for (std::size_t first = 0; first <= size; ++first) {
      for (std::size_t second = first; second <= size; ++second) {
        SipHash128 hash(kKey);
        hash.update(Bytes(input).first(first));
        hash.update(Bytes(input).subspan(first, second - first));
        hash.update(Bytes(input).subspan(second, size - second));
        EXPECT_EQ(hash.finish(), whole) << first << " " << second << " " << size;
      }
    }
  }
  SipHash128 number(kKey);
  number.update(std::uint64_t{0x0706050403020100});
  EXPECT_EQ(number.finish(), siphash_128(kKey, Bytes(input).first(8)));
}

TEST(SipHash, BothHalvesMakeAHash) {
  EXPECT_EQ((Hash128{1, 2}), (Hash128{1, 2}));
  EXPECT_NE((Hash128{1, 2}), (Hash128{1, 3}));
  EXPECT_NE((Hash128{1, 2}), (Hash128{3, 2}));
}

TEST(SipHash, EveryBitOfKeyAndInputCounts) {
  const std::vector<std::uint8_t> input = counting(20);
  std::set<std::uint64_t> seen = {siphash_64(kKey, input)};
  std::size_t count = 1;
  for (std::size_t bit = 0; bit < 8 * input.size(); ++bit) {
    std::vector<std::uint8_t> other = input;
    other[bit / 8] = static_cast<std::uint8_t>(other[bit / 8] ^ 1U << bit % 8);
    seen.insert(siphash_64(kKey, other));
    ++count;
  }
  for (std::size_t bit = 0; bit < 64; ++bit) {
    seen.insert(siphash_64({kKey.first ^ std::uint64_t{1} << bit, kKey.second}, input));
    seen.insert(siphash_64({kKey.first, kKey.second ^ std::uint64_t{1} << bit}, input));
    count += 2;
  }
  EXPECT_EQ(seen.size(), count);
}

}  // namespace
}  // namespace axonpush
