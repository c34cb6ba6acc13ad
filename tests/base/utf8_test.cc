#include "base/utf8.h"

#include <random>
#include <string>
#include <vector>

#include "base/utf8_kernels.h"
#include "gtest/gtest.h"
#include "support/guarded_bytes.h"
#include "support/utf8_reference.h"

namespace axonpush {
namespace {

using test::GuardedBytes;
using test::Utf8Reference;

struct Kernel {
  const char* name;
  utf8::Function function;
};
std::vector<Kernel> kernels() { return {{"plain", utf8::plain}, {"ssse3", utf8::ssse3()}, {"avx2", utf8::avx2()}}; }

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += kDigits[static_cast<std::uint8_t>(byte) >> 4];
    text += kDigits[static_cast<std::uint8_t>(byte) & 15];
    text += ' ';
  }
  return text;
}

// Every way in: the whole, the prefix, the stream at a split, and each kernel where its precondition holds.
void expect_as_reference(const std::string& text) {
  const bool valid = Utf8Reference::valid(text);
  const std::size_t fed = Utf8Reference::fed(text);
  ASSERT_EQ(utf8_valid(bytes_of(text)), valid) << hex(text);
  ASSERT_EQ(utf8_prefix(bytes_of(text)), Utf8Reference::whole(text)) << hex(text);
  Utf8Stream prefix;
  ASSERT_EQ(prefix.feed_prefix(bytes_of(text)), fed) << hex(text);
  Utf8Stream whole;
  ASSERT_EQ(whole.feed(bytes_of(text)), fed == text.size()) << hex(text);
  if (fed == text.size()) {
    ASSERT_EQ(whole.complete(), valid) << hex(text);
    ASSERT_EQ(whole.state(), prefix.state()) << hex(text);
  }
  if (utf8::open_tail(bytes_of(text).data(), text.size()) != 0) return;
  for (const Kernel& kernel : kernels()) {
    if (kernel.function == nullptr || (kernel.function != utf8::plain && text.size() < utf8::kVectorBytes)) continue;
    ASSERT_EQ(kernel.function(bytes_of(text).data(), text.size()), valid) << kernel.name << ' ' << hex(text);
  }
}

TEST(Utf8, AcceptsEveryScalarValueAlone) {
  for (std::uint32_t scalar = 0; scalar <= 0x10FFFF; ++scalar) {
    const bool surrogate = scalar >= 0xD800 && scalar <= 0xDFFF;
    const std::string text = test::utf8_encode(scalar);
    ASSERT_EQ(utf8_valid(bytes_of(text)), !surrogate) << scalar;
    Utf8Stream stream;
    bool fed = true;
    for (const char byte : text) fed = fed && stream.feed(bytes_of(std::string_view(&byte, 1)));
    ASSERT_EQ(fed && stream.complete(), !surrogate) << scalar;
  }
}

TEST(Utf8, AgreesWithTheReferenceOnEveryPairOfBytes) {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      expect_as_reference({static_cast<char>(first), static_cast<char>(second)});
    }
  }
}

// The borders of RFC 3629 4 and their neighbours.
constexpr std::uint8_t kBorders[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
                                     0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};

TEST(Utf8, AgreesWithTheReferenceOnEveryFourBorderBytes) {
  for (const std::uint8_t a : kBorders) {
    for (const std::uint8_t b : kBorders) {
      for (const std::uint8_t c : kBorders) {
        for (const std::uint8_t d : kBorders) {
          expect_as_reference({static_cast<char>(a), static_cast<char>(b), static_cast<char>(c), static_cast<char>(d)});
        }
      }
    }
  }
}

// The same four bytes at every place of a text that matters to the vectors: its front, the borders of 16, 32 and 64
// bytes, its end; in ASCII and in characters of two bytes.
TEST(Utf8Kernels, AgreeWithTheReferenceAcrossTheBordersOfVectors) {
  constexpr std::size_t kSize = 131;
  const std::size_t places[] = {0, 13, 14, 29, 30, 31, 61, 62, 93, 94, 95, 96, 97, 125, 126, 127};
  GuardedBytes guarded(kSize);
  for (const bool ascii : {true, false}) {
    std::string filler;
    while (filler.size() < kSize - 1) filler += ascii ? "ab" : "\xC3\xA9";
    filler += '.';
    for (const std::size_t place : places) {
      for (const std::uint8_t a : kBorders) {
        for (const std::uint8_t b : kBorders) {
          for (const std::uint8_t c : kBorders) {
            std::string text = filler;
            // A three-byte window, so that 24 cubed times everything stays quick; the fourth byte is the filler's.
            text[place] = static_cast<char>(a);
            text[place + 1] = static_cast<char>(b);
            text[place + 2] = static_cast<char>(c);
            const Bytes bytes = guarded.hold(bytes_of(text));
            if (utf8::open_tail(bytes.data(), bytes.size()) != 0) continue;
            const bool expected = utf8::plain(bytes.data(), bytes.size());
            for (const Kernel& kernel : kernels()) {
              if (kernel.function == nullptr) continue;
              ASSERT_EQ(kernel.function(bytes.data(), bytes.size()), expected) << kernel.name << ' ' << hex(text);
            }
          }
        }
      }
    }
  }
}

std::string random_text(std::mt19937_64& random, std::size_t size_min) {
  std::string text;
  while (text.size() < size_min) {
    const std::uint32_t kind = static_cast<std::uint32_t>(random() % 5);
    std::uint32_t scalar = static_cast<std::uint32_t>(random());
    if (kind == 0) scalar %= 0x80;
    if (kind == 1) scalar = 0x80 + scalar % 0x780;
    if (kind == 2) scalar = 0xE000 + scalar % 0x2000;
    if (kind == 3) scalar = 0x800 + scalar % 0xD000;
    if (kind == 4) scalar = 0x10000 + scalar % 0x100000;
    const std::size_t run = static_cast<std::size_t>(random() % 20);
    for (std::size_t at = 0; at <= run; ++at) text += test::utf8_encode(scalar);
  }
  return text;
}

TEST(Utf8, AgreesWithTheReferenceOnRandomTextsAndTheirMutants) {
  constexpr std::uint64_t kSeed = 20261123;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 2'000; ++round) {
    std::string text = random_text(random, static_cast<std::size_t>(random() % 400));
    expect_as_reference(text);
    if (text.empty()) continue;
    for (int mutant = 0; mutant < 4; ++mutant) {
      std::string broken = text;
      const auto at = static_cast<std::size_t>(random() % broken.size());
      if (mutant == 0) broken[at] = static_cast<char>(random());
      if (mutant == 1) broken[at] = static_cast<char>(broken[at] ^ 1 << random() % 8);
      if (mutant == 2) broken.erase(at, 1 + static_cast<std::size_t>(random() % 3));
      if (mutant == 3) broken.resize(at);
      expect_as_reference(broken);
    }
  }
}

TEST(Utf8Stream, SaysTheSameForEverySplit) {
  constexpr std::uint64_t kSeed = 7;
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 60; ++round) {
    std::string text = random_text(random, 90);
    if (round % 2 == 1) text[static_cast<std::size_t>(random() % text.size())] = static_cast<char>(random());
    const std::size_t fed = Utf8Reference::fed(text);
    for (std::size_t split = 0; split <= text.size(); ++split) {
      Utf8Stream stream;
      const std::string front = text.substr(0, split);
      const std::string back = text.substr(split);
      const bool first = stream.feed(bytes_of(front));
      // A fault is told by the chunk that holds it, not by a later one.
      ASSERT_EQ(first, fed >= split);
      if (!first) continue;
      ASSERT_EQ(stream.feed(bytes_of(back)), fed == text.size());
    }
  }
}

TEST(Utf8Stream, StaysIllFormed) {
  Utf8Stream stream;
  EXPECT_FALSE(stream.feed(bytes_of("\xC0")));
  EXPECT_FALSE(stream.feed(bytes_of("plain")));
  EXPECT_FALSE(stream.complete());
  stream.reset();
  EXPECT_TRUE(stream.feed(bytes_of("plain")));
  EXPECT_TRUE(stream.complete());
}

TEST(Utf8, ReadsNothingBehindTheText) {
  GuardedBytes guarded(300);
  std::mt19937_64 random(3);
  for (std::size_t size = 0; size <= 300; ++size) {
    std::string text = random_text(random, size);
    text.resize(size);
    const Bytes bytes = guarded.hold(bytes_of(text));
    ASSERT_EQ(utf8_valid(bytes), Utf8Reference::valid(text));
    Utf8Stream stream;
    ASSERT_TRUE(stream.feed(bytes));
    const std::size_t prefix = utf8_prefix(bytes);
    ASSERT_LE(prefix, size);
    ASSERT_TRUE(utf8_valid(bytes.first(prefix)));
  }
}

}  // namespace
}  // namespace axonpush
