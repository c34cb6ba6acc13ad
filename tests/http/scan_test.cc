// The vector scans against the table, at every length, offset and byte.
#include "http/scan.h"

#include <memory>
#include <random>

#include "gtest/gtest.h"

namespace axonpush::http {
namespace {

TEST(HttpScan, ClassesAreThoseOfTheGrammar) {  // RFC 9110 5.6.2, 5.5
  const std::string_view others = "!#$%&'*+-.^_`|~";
  for (int byte = 0; byte < 256; ++byte) {
    const bool alphanumeric = byte < 0x80 && std::isalnum(byte) != 0;
    const bool token =
        alphanumeric || (byte != 0 && byte < 0x80 && others.find(static_cast<char>(byte)) != others.npos);
    const bool field = byte == '\t' || byte == ' ' || (byte > 0x20 && byte != 0x7F);
    const auto value = static_cast<std::uint8_t>(byte);
    EXPECT_EQ(kByteClasses.has(value, ByteClasses::kToken), token) << byte;
    EXPECT_EQ(kByteClasses.has(value, ByteClasses::kField), field) << byte;
    EXPECT_EQ(kByteClasses.has(value, ByteClasses::kTarget), byte > 0x20 && byte < 0x7F) << byte;
  }
}

TEST(HttpScan, VectorsAgreeWithTheTable) {
  for (std::size_t size = 0; size <= 50; ++size) {
    const auto memory = std::make_unique<std::uint8_t[]>(size);
    const std::uint8_t* const from = memory.get();
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::memset(memory.get(), 'x', size);
        memory[at] = static_cast<std::uint8_t>(byte);
        ASSERT_EQ(field_end(from, from + size), class_end(from, from + size, ByteClasses::kField));
        ASSERT_EQ(token_end(from, from + size), class_end(from, from + size, ByteClasses::kToken));
      }
    }
  }
  std::minstd_rand random(7);
  std::uint8_t bytes[96];
  for (int round = 0; round < 20'000; ++round) {
    for (std::uint8_t& byte : bytes)
      byte = static_cast<std::uint8_t>(random() % 4 == 0 ? random() : 'a' + random() % 26);
    const std::size_t size = random() % sizeof bytes;
    ASSERT_EQ(field_end(bytes, bytes + size), class_end(bytes, bytes + size, ByteClasses::kField));
    ASSERT_EQ(token_end(bytes, bytes + size), class_end(bytes, bytes + size, ByteClasses::kToken));
  }
}

}  // namespace
}  // namespace axonpush::http
