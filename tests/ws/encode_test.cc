#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "support/guarded_bytes.h"
#include "ws/ws_harness.h"

namespace axonpush::ws {
namespace {

using namespace test;

constexpr std::uint8_t kKey[4] = {0x37, 0xFA, 0x21, 0x3D};
constexpr std::size_t kSizes[] = {0,  1,  2,  3,  4,   5,   7,   8,   15,  16,   17,     31,     32,
                                  33, 63, 64, 65, 125, 126, 127, 255, 256, 4096, 65'535, 65'536, 70'000};

std::string payload_of(std::size_t size) {
  std::string payload;
  for (std::size_t at = 0; at < size; ++at) payload.push_back(static_cast<char>(at * 131 + size));
  return payload;
}

TEST(WsEncode, WritesTheSmallestFormAndTheMask)  // W-33, W-18, RFC 6455 5.2, 5.3
{
  for (const std::size_t size : kSizes) {
    for (const Opcode opcode : {Opcode::text, Opcode::binary, Opcode::ping, Opcode::pong, Opcode::close}) {
      if (opcode >= Opcode::close && size > limits::kWsControlPayloadBytes) continue;
      for (const bool masks : {false, true}) {
        FrameSpec spec;
        spec.opcode = static_cast<unsigned>(opcode);
        spec.payload = payload_of(size);
        spec.masked = masks;
        const std::string expected = write(spec);
        std::vector<std::uint8_t> into(header_size(size, masks) + size);
        const std::uint8_t* key = masks ? kKey : nullptr;
        ASSERT_EQ(encode_frame(into, opcode, bytes_of(spec.payload), key), expected.size());
        ASSERT_EQ(axonpush::text_of(Bytes(into)), expected) << size;

        std::uint8_t backwards[limits::kWsHeaderBytes];
        std::uint8_t* const end = backwards + sizeof backwards;
        const std::size_t header = header_backwards(end, opcode, size, key);
        ASSERT_EQ(header, header_size(size, masks));
        ASSERT_EQ(axonpush::text_of(Bytes(end - header, header)), expected.substr(0, header)) << size;
      }
    }
  }
}

TEST(WsEncode, SaysNothingWhereTheFrameDoesNotFit) {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65'536U}) {
    for (const std::uint8_t* key : {static_cast<const std::uint8_t*>(nullptr), kKey}) {
      const std::string payload = payload_of(size);
      const std::size_t whole = header_size(size, key != nullptr) + size;
      axonpush::test::GuardedBytes room(whole);
      EXPECT_EQ(encode_frame(room.last(whole), Opcode::binary, bytes_of(payload), key), whole);
      for (std::size_t less = 1; less <= whole && less < 40; ++less) {
        EXPECT_EQ(encode_frame(room.last(whole - less), Opcode::binary, bytes_of(payload), key), 0U);
      }
    }
  }
}

TEST(WsEncode, IsUnderstoodByTheDecoderOfTheOtherSide)  // RFC 6455 5.1
{
  for (const std::size_t size : kSizes) {
    for (const Role reader : {Role::client, Role::server}) {
      const std::string payload = payload_of(size);
      std::vector<std::uint8_t> bytes(header_size(size, true) + size);
      const std::uint8_t* key = reader == Role::server ? kKey : nullptr;
      const std::size_t written = encode_frame(bytes, Opcode::binary, bytes_of(payload), key);
      DecoderOptions options;
      options.role = reader;
      FrameDecoder decoder(options);
      const auto step = decoder.next(MutableBytes(bytes).first(written));
      ASSERT_EQ(step.kind, FrameDecoder::Kind::data);
      ASSERT_EQ(step.consumed, written);
      ASSERT_TRUE(step.message_end);
      ASSERT_EQ(axonpush::text_of(Bytes(step.payload)), payload);
    }
  }
}

struct CloseRow {
  const char* name;
  std::uint16_t code;
  std::string reason;
  std::string expected;
};

TEST(WsEncode, WritesWhatACloseFrameMaySay)  // W-22, W-24, RFC 6455 5.5.1
{
  const std::string r122(122, 'r');
  const std::string r123(123, 'r');
  const CloseRow rows[] = {
      {"a code alone", 1000, "", close_of(1000)},
      {"with a reason", 1002, "no", close_of(1002, "no")},
      {"the longest", 1002, r123, close_of(1002, r123)},
      {"cut", 1002, r123 + "x", close_of(1002, r123)},
      {"cut, and long", 1002, std::string(200, 'r'), close_of(1002, r123)},
      {"cut in front of a character that does not fit", 1002, r122 + "\xC3\xA9", close_of(1002, r122)},
      {"cut in front of four bytes", 1002, r123.substr(3) + "\xF0\x9F\x98\x80", close_of(1002, r123.substr(3))},
      {"cut in front of what is ill-formed", 1002, "ok\xFF no", close_of(1002, "ok")},
      {"1005 stands for no code", 1005, "", ""},
      {"1006 is never sent", 1006, "lost", ""},
      {"999 does not exist", 999, "x", ""},
      {"4999", 4999, "", close_of(4999)},
  };
  for (const CloseRow& row : rows) {
    std::uint8_t into[limits::kWsControlPayloadBytes];
    const std::size_t size = close_payload(into, row.code, row.reason);
    EXPECT_EQ(axonpush::text_of(Bytes(into, size)), row.expected) << row.name;
  }
  std::uint8_t small[4];
  EXPECT_EQ(close_payload(small, 1000, "reason"), 4U);
  std::uint8_t large[200];  // no room makes a Close frame longer than a control frame may be
  EXPECT_EQ(close_payload(large, 1000, std::string(200, 'r')), limits::kWsControlPayloadBytes);
  EXPECT_EQ(close_payload(MutableBytes(small).first(1), 1000, ""), 0U);
}

}  // namespace
}  // namespace axonpush::ws
