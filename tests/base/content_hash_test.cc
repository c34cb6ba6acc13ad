// The hash of topics and bodies: against a slow reference with numbers of its own, and what it must tell apart.
#include "base/content_hash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "support/guarded_bytes.h"

namespace axonpush::test {
namespace {

constexpr HashKey kKey{0x0706050403020100, 0x0F0E0D0C0B0A0908};

std::string body_of(std::size_t size, unsigned seed = 1) {
  std::string body(size, '\0');
  std::uint32_t state = seed;
  for (char& byte : body) {
    state = state * 1'664'525 + 1'013'904'223;
    byte = static_cast<char>(state >> 24U);
  }
  return body;
}

// A number of 128 bits in four digits of 32, multiplied as at school.
struct Digits {
  std::uint32_t digit[4] = {};
  void add_product(std::uint64_t left, std::uint64_t right) {
    const std::uint32_t a[2] = {static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(left >> 32U)};
    const std::uint32_t b[2] = {static_cast<std::uint32_t>(right), static_cast<std::uint32_t>(right >> 32U)};
    for (unsigned i = 0; i < 2; ++i) {
      for (unsigned j = 0; j < 2; ++j) {
        const std::uint64_t product = std::uint64_t{a[i]} * b[j];
        add(i + j, static_cast<std::uint32_t>(product));
        if (i + j < 3) add(i + j + 1, static_cast<std::uint32_t>(product >> 32U));
      }
    }
  }
  void add(unsigned at, std::uint64_t value) {
    for (; at < 4 && value != 0; ++at) {
      value += digit[at];
      digit[at] = static_cast<std::uint32_t>(value);
      value >>= 32U;
    }
  }
};

void append(std::vector<std::uint8_t>& into, std::uint64_t value, unsigned bytes) {
  for (unsigned at = 0; at < bytes; ++at) into.push_back(static_cast<std::uint8_t>(value >> (8 * at)));
}

// The definition, written out: the input that SipHash-128 is given, byte by byte.
Hash128 reference(const HashKey& key, const std::string& topic, const std::string& body) {
  std::vector<std::uint64_t> words;
  for (unsigned at = 0; at < 130; ++at) {
    const std::uint8_t number[2] = {static_cast<std::uint8_t>(at), 0x4E};
    words.push_back(siphash_64(key, number));
  }
  std::string stream = topic + std::string((16 - topic.size() % 16) % 16, '\0');
  stream += body + std::string((16 - body.size() % 16) % 16, '\0');
  std::vector<std::uint8_t> input;
  append(input, topic.size(), 8);
  append(input, body.size(), 8);
  std::size_t block = 0;
  do {
    Digits pass[2];
    for (std::size_t at = block; at < stream.size() && at < block + 1'024; at += 16) {
      std::uint64_t pair[2] = {};
      for (std::size_t byte = 0; byte < 16; ++byte) {
        pair[byte / 8] |= std::uint64_t{static_cast<std::uint8_t>(stream[at + byte])} << (8 * (byte % 8));
      }
      const std::size_t word = (at - block) / 8;
      pass[0].add_product(pair[0] + words[word], pair[1] + words[word + 1]);
      pass[1].add_product(pair[0] + words[word + 2], pair[1] + words[word + 3]);
    }
    for (const Digits& number : pass) {
      for (const std::uint32_t digit : number.digit) append(input, digit, 4);
    }
    block += 1'024;
  } while (block < stream.size());
  return siphash_128(key, input);
}

Hash128 hash_of(const std::string& topic, const std::string& body, const HashKey& key = kKey) {
  ContentHash hash;
  hash.set_key(key);
  return hash.of(topic, bytes_of(body));
}

TEST(ContentHash, AgreesWithItsDefinitionAtEveryLength) {
  ContentHash hash;
  hash.set_key(kKey);
  for (std::size_t size = 0; size < 2'200; ++size) {
    const std::string body = body_of(size);
    ASSERT_EQ(hash.of("a/topic", bytes_of(body)), reference(kKey, "a/topic", body)) << size;
  }
  const std::string large = body_of(100'001);
  EXPECT_EQ(hash.of("", bytes_of(large)), reference(kKey, "", large));
  const std::string long_topic = body_of(1'500);
  EXPECT_EQ(hash.of(long_topic, bytes_of(large)), reference(kKey, long_topic, large));
}

TEST(ContentHash, DiffersWithEveryBit) {
  for (const std::size_t size : {1U, 96U, 512U, 1'008U, 1'100U}) {
    const std::string body = body_of(size);
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
    const auto note = [&seen](const Hash128& hash) { return seen.insert({hash.low, hash.high}).second; };
    EXPECT_TRUE(note(hash_of("t", body)));
    for (std::size_t bit = 0; bit < size * 8; ++bit) {
      std::string changed = body;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      ASSERT_TRUE(note(hash_of("t", changed))) << size << " bit " << bit;
    }
  }
}

TEST(ContentHash, TellsSizesTopicsAndKeysApart) {
  const std::string body = body_of(300);
  EXPECT_NE(hash_of("t", body), hash_of("t", body + std::string(1, '\0'))) << "what a block is filled up with";
  EXPECT_NE(hash_of("t", body), hash_of("u", body));
  EXPECT_NE(hash_of("ab", "c"), hash_of("a", "bc"));
  EXPECT_NE(hash_of("ab", "c"), hash_of("b", "ca"));
  EXPECT_NE(hash_of("t", body), hash_of("t", body, {1, 2}));
  // Two blocks that change places.
  const std::string first = body_of(1'008, 7);
  const std::string second = body_of(1'008, 8);
  EXPECT_NE(hash_of("t", first + second), hash_of("t", second + first));
  EXPECT_NE(hash_of("", first + second), hash_of("", second + first));
}

TEST(ContentHash, ReadsNothingBehindTheBody) {
  ContentHash hash;
  hash.set_key(kKey);
  GuardedBytes guarded(600);
  for (std::size_t size = 0; size < 600; size += 7) {
    const std::string body = body_of(size);
    EXPECT_EQ(hash.of("t", guarded.hold(bytes_of(body))), hash_of("t", body)) << size;
  }
}

}  // namespace
}  // namespace axonpush::test
