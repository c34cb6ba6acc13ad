// BAD_INPUTS 3, row by row, as far as the codec decides: what it says, at every split and cut off behind every byte.
#include <axonpush/ws/frame.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "support/allocations.h"
#include "support/guarded_bytes.h"
#include "ws/ws_harness.h"

namespace axonpush::ws {
namespace {

using namespace test;
using axonpush::test::GuardedBytes;

constexpr unsigned kContinuation = 0;
constexpr unsigned kText = 1;
constexpr unsigned kBinary = 2;
constexpr unsigned kClose = 8;
constexpr unsigned kPing = 9;
constexpr unsigned kPong = 10;

// The rule an input breaks at its byte `at`, the events in front of that, and the code to close with.
struct BrokenRow {
  const char* name;
  std::string input;
  Rule rule;
  std::uint16_t close_code;
  std::string before = {};
  std::size_t at = 0;
  DecoderOptions options = {};
};

void expect_broken(const std::vector<BrokenRow>& rows) {
  for (const BrokenRow& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(expect_everywhere(row.input, row.options), row.before + error_log(row.rule, row.at));
    EXPECT_EQ(close_code_of(row.rule), row.close_code);
    EXPECT_EQ(error_of(row.rule).number(), row.close_code);
    // RFC 6455 7.1.7: nothing that follows changes anything.
    EXPECT_EQ(run(row.input + frame(kPing) + frame(kBinary, "late"), row.options, {}),
              row.before + error_log(row.rule, row.at));
  }
}

FrameSpec spec_of(unsigned opcode, std::string payload = {}) {
  FrameSpec spec;
  spec.opcode = opcode;
  spec.payload = std::move(payload);
  return spec;
}

TEST(WsFrame, RefusesReservedBits)  // W-01, RFC 6455 5.2
{
  for (unsigned rsv = 1; rsv <= 7; ++rsv) {
    for (const unsigned opcode : {kText, kBinary, kClose, kPing, kPong}) {
      FrameSpec spec = spec_of(opcode);
      spec.rsv = rsv;
      expect_broken({{"alone", write(spec), Rule::reserved_bits, 1002},
                     {"text allowed", write(spec), Rule::reserved_bits, 1002, {}, 0, options_for_text()}});
    }
    FrameSpec spec = spec_of(kContinuation, "b");
    spec.rsv = rsv;
    const std::string begun = frame(kBinary, "a", false);
    expect_broken({{"continuation", begun + write(spec), Rule::reserved_bits, 1002, "binary[a] ", begun.size()}});
  }
}

TEST(WsFrame, RefusesReservedOpcodes)  // W-02, RFC 6455 5.2
{
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    for (const char* payload : {"", "x"}) {
      for (const bool fin : {true, false}) {
        expect_broken({{"reserved", frame(opcode, payload, fin), Rule::reserved_opcode, 1002},
                       {"inside a message", frame(kBinary, "a", false) + frame(opcode, payload, fin),
                        Rule::reserved_opcode, 1002, "binary[a] ", 3}});
      }
    }
  }
}

TEST(WsFrame, ClientRefusesEveryMaskedFrame)  // W-03, RFC 6455 5.1
{
  for (const unsigned opcode : {kBinary, kClose, kPing, kPong}) {
    for (const std::string& mask : {std::string(4, '\0'), std::string("\x01\x02\x03\x04")}) {
      FrameSpec spec = spec_of(opcode, opcode == kClose ? close_of(1000) : "ab");
      spec.masked = true;
      spec.mask = mask;
      expect_broken({{"masked", write(spec), Rule::mask_from_server, 1002}});
    }
  }
  expect_broken({{"text", masked_frame(kText, "ab"), Rule::mask_from_server, 1002, {}, 0, options_for_text()},
                 {"continuation", frame(kBinary, "a", false) + masked_frame(kContinuation, "b"), Rule::mask_from_server,
                  1002, "binary[a] ", 3}});
}

TEST(WsFrame, ServerRefusesEveryUnmaskedFrame)  // RFC 6455 5.1
{
  DecoderOptions options;
  options.role = Role::server;
  for (const unsigned opcode : {kBinary, kClose, kPing, kPong}) {
    expect_broken({{"unmasked", frame(opcode), Rule::mask_missing, 1002, {}, 0, options},
                   {"unmasked, with a payload", frame(opcode, "abcd"), Rule::mask_missing, 1002, {}, 0, options}});
  }
}

TEST(WsFrame, RefusesTextWithoutLookingAtIt)  // W-04, [MQTT-6.0.0-1]
{
  for (const char* payload : {"", "plain", "\xC3\xA9", "\xFF\xFE"}) {
    expect_broken({{"text", frame(kText, payload), Rule::text_refused, 1003}});
  }
}

TEST(WsFrame, RefusesTextInFragments)  // W-05
{
  expect_broken({{"text begun", frame(kText, "a", false), Rule::text_refused, 1003},
                 {"text inside a binary message", frame(kBinary, "a", false) + frame(kText, "b"),
                  Rule::message_interleaved, 1002, "binary[a] ", 3}});
}

TEST(WsFrame, RefusesContinuationOfNothing)  // W-06, RFC 6455 5.4
{
  expect_broken({{"last", frame(kContinuation, "x"), Rule::continuation_alone, 1002},
                 {"not last", frame(kContinuation, "x", false), Rule::continuation_alone, 1002},
                 {"behind a message", frame(kBinary, "a") + frame(kContinuation, "x"), Rule::continuation_alone, 1002,
                  "binary[a] end binary ", 3},
                 {"behind a fragmented message",
                  frame(kBinary, "a", false) + frame(kContinuation, "b") + frame(kContinuation, "x"),
                  Rule::continuation_alone, 1002, "binary[ab] end binary ", 6}});
}

TEST(WsFrame, RefusesAMessageInsideAnother)  // W-07, RFC 6455 5.4
{
  for (const bool fin : {true, false}) {
    expect_broken({{"binary", frame(kBinary, "a", false) + frame(kBinary, "b", fin), Rule::message_interleaved, 1002,
                    "binary[a] ", 3},
                   {"binary in text", frame(kText, "a", false) + frame(kBinary, "b", fin), Rule::message_interleaved,
                    1002, "text[a] ", 3, options_for_text()}});
  }
}

TEST(WsFrame, RefusesLongControlFrames)  // W-08, RFC 6455 5.5
{
  for (const unsigned opcode : {kClose, kPing, kPong}) {
    expect_broken({{"126", frame(opcode, std::string(126, 'x')), Rule::control_too_long, 1002},
                   {"65536", frame(opcode, std::string(65'536, 'x')), Rule::control_too_long, 1002}});
  }
}

TEST(WsFrame, RefusesFragmentedControlFrames)  // W-09, RFC 6455 5.5
{
  for (const unsigned opcode : {kClose, kPing, kPong}) {
    expect_broken({{"fragmented", frame(opcode, {}, false), Rule::control_fragmented, 1002}});
  }
}

TEST(WsFrame, RefusesLengthsThatCouldBeShorter)  // W-10, RFC 6455 5.2
{
  for (const std::size_t size : {0U, 1U, 124U, 125U}) {
    FrameSpec spec = spec_of(kBinary, std::string(size, 'x'));
    spec.form = LengthForm::bits_16;
    expect_broken({{"16 bits", write(spec), Rule::length_not_minimal, 1002}});
  }
  for (const std::size_t size : {0U, 125U, 126U, 65'535U}) {
    FrameSpec spec = spec_of(kBinary, std::string(size, 'x'));
    spec.form = LengthForm::bits_64;
    expect_broken({{"64 bits", write(spec), Rule::length_not_minimal, 1002}});
  }
}

TEST(WsFrame, AcceptsTheSmallestFormOfEachLength)  // W-10, RFC 6455 5.2
{
  for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 255U, 256U, 65'535U, 65'536U}) {
    const std::string payload(size, 'x');
    const std::string input = frame(kBinary, payload);
    const std::string body = size == 0 ? "" : "binary[" + payload + "] ";
    EXPECT_EQ(expect_everywhere(input), body + "end binary @" + std::to_string(input.size()));
  }
}

FrameSpec claiming(std::uint64_t length) {
  FrameSpec spec = spec_of(kBinary);
  spec.claims = true;
  spec.claimed = length;
  spec.form = LengthForm::bits_64;
  return spec;
}

TEST(WsFrame, RefusesTheTopBitOfALength)  // W-11, RFC 6455 5.2
{
  expect_broken({{"2^63", write(claiming(std::uint64_t{1} << 63)), Rule::length_top_bit, 1002},
                 {"2^64 - 1", write(claiming(UINT64_MAX)), Rule::length_top_bit, 1002}});
}

TEST(WsFrame, RefusesATooLongFrameAtItsHeader)  // W-12
{
  const std::uint64_t before = axonpush::test::allocation_count();
  for (const std::uint64_t length :
       {limits::kWsFramePayloadBytes + 1, std::uint64_t{1} << 32, (~std::uint64_t{0}) >> 1}) {
    std::uint8_t header[10] = {0x82, 127};
    store_be64(header + 2, length);
    FrameDecoder decoder;
    EXPECT_EQ(decoder.next(header).rule, Rule::frame_too_big);
  }
  EXPECT_EQ(axonpush::test::allocation_count(), before);
  expect_broken({{"16 MiB + 1", write(claiming(limits::kWsFramePayloadBytes + 1)), Rule::frame_too_big, 1009},
                 {"2^32", write(claiming(std::uint64_t{1} << 32)), Rule::frame_too_big, 1009},
                 {"2^63 - 1", write(claiming((std::uint64_t{1} << 63) - 1)), Rule::frame_too_big, 1009}});
  // At the limit the header passes.
  std::uint8_t header[10] = {0x82, 127};
  store_be64(header + 2, limits::kWsFramePayloadBytes);
  FrameDecoder decoder;
  EXPECT_EQ(decoder.next(header).kind, FrameDecoder::Kind::data);
}

TEST(WsFrame, BoundsTheSumOfFragments)  // W-13, RFC 6455 7.4.1
{
  DecoderOptions options;
  options.message_bytes_max = 10;
  const std::string six = frame(kBinary, "sixsix", false);
  expect_broken({{"6 + 5", six + frame(kContinuation, "fives"), Rule::message_too_big, 1009, "binary[sixsix] ",
                  six.size(), options},
                 {"one frame of 11", frame(kBinary, "eleveneleve"), Rule::message_too_big, 1009, {}, 0, options}});
  EXPECT_EQ(expect_everywhere(six + frame(kContinuation, "four"), options), "binary[sixsixfour] end binary @14");
  EXPECT_EQ(expect_everywhere(frame(kBinary, "sixsixfour") + frame(kBinary, "sixsixfour"), options),
            "binary[sixsixfour] end binary binary[sixsixfour] end binary @24");

  // Nothing overflows: 2^63 - 1 bytes are announced although one has come.
  options.message_bytes_max = UINT64_MAX;
  options.frame_payload_bytes_max = UINT64_MAX;
  FrameDecoder decoder(options);
  std::uint8_t first[11] = {0x02, 127};
  store_be64(first + 2, (std::uint64_t{1} << 63) - 1);
  EXPECT_EQ(decoder.next(first).consumed, 11U);
}

TEST(WsFrame, TheSmallerOfBothLimitsHoldsForAMessageOfOneFrame)  // W-12, W-13
{
  const std::string eleven = frame(kBinary, "eleveneleve");
  DecoderOptions options;
  options.frame_payload_bytes_max = 10;
  options.message_bytes_max = 20;
  expect_broken({{"the frame's", eleven, Rule::frame_too_big, 1009, {}, 0, options}});
  options.message_bytes_max = 0;
  expect_broken({{"the frame's alone", eleven, Rule::frame_too_big, 1009, {}, 0, options}});
  options.frame_payload_bytes_max = 20;
  options.message_bytes_max = 10;
  expect_broken({{"the message's", eleven, Rule::message_too_big, 1009, {}, 0, options}});
}

TEST(WsFrame, WhatIsWellFormedOfIllFormedTextIsNoEndOfItsMessage)  // RFC 6455 8.1
{
  std::string input = frame(kText, "ok\xFF");
  FrameDecoder decoder(axonpush::ws::test::options_for_text());
  const auto step = decoder.next({reinterpret_cast<std::uint8_t*>(input.data()), input.size()});
  EXPECT_EQ(step.kind, FrameDecoder::Kind::data);
  EXPECT_EQ(axonpush::text_of(Bytes(step.payload)), "ok");
  EXPECT_FALSE(step.message_end);
  EXPECT_EQ(decoder.next({}).rule, Rule::text_ill_formed);
}

TEST(WsFrame, ASumThatWouldOverflowIsTooBig)  // W-13
{
  DecoderOptions options;
  options.message_bytes_max = (std::uint64_t{1} << 63) + 5;
  options.frame_payload_bytes_max = UINT64_MAX;
  // A first fragment of 1 byte, then announcements that together exceed any limit: judged by what is left, not by a
  // sum.
  const std::string one = frame(kBinary, "x", false);
  FrameSpec spec = claiming((std::uint64_t{1} << 63) - 1);
  spec.opcode = kContinuation;
  spec.fin = false;
  std::string input = one + write(spec);
  FrameDecoder decoder(options);
  auto step = decoder.next({reinterpret_cast<std::uint8_t*>(input.data()), input.size()});
  EXPECT_EQ(step.kind, FrameDecoder::Kind::data);
  step = decoder.next({reinterpret_cast<std::uint8_t*>(input.data()) + step.consumed, input.size() - step.consumed});
  EXPECT_EQ(step.kind, FrameDecoder::Kind::data);
  options.message_bytes_max = (std::uint64_t{1} << 63) - 1;
  expect_broken({{"one too many", input, Rule::message_too_big, 1009, "binary[x] ", 3, options}});
}

TEST(WsFrame, BoundsTheFragmentsOfAMessage)  // FAULTS limits: 65,536, an option
{
  DecoderOptions options;
  options.fragment_count_max = 3;
  const std::string two = frame(kBinary, "a", false) + frame(kContinuation, "b", false);
  EXPECT_EQ(expect_everywhere(two + frame(kContinuation, "c"), options), "binary[abc] end binary @9");
  expect_broken({{"a fourth", two + frame(kContinuation, "c", false) + frame(kContinuation, "d"),
                  Rule::too_many_fragments, 1009, "binary[abc] ", 9, options}});
  // As a byte stream the message has no end to wait for.
  options.message_bytes_max = 0;
  EXPECT_EQ(expect_everywhere(two + frame(kContinuation, "c", false) + frame(kContinuation, "d"), options),
            "binary[abcd] end binary @12");
}

TEST(WsFrame, EndsOnTheThousandthEmptyFrameInARow)  // W-14
{
  std::string input = frame(kBinary, {}, false);
  for (int at = 0; at < 9'999; ++at) input += frame(kContinuation, {}, false);
  const std::size_t last_good = 2 * (limits::kWsEmptyFramesInARow - 1);
  EXPECT_EQ(run(input, {}, {}), error_log(Rule::too_many_empty_frames, last_good));
  EXPECT_EQ(reference_log(input, {}), error_log(Rule::too_many_empty_frames, last_good));
  EXPECT_EQ(close_code_of(Rule::too_many_empty_frames), 1008);

  DecoderOptions options;
  options.empty_frames_in_a_row_max = 3;
  const std::string two = frame(kBinary, {}, false) + frame(kContinuation, {}, false);
  expect_broken(
      {{"the third", two + frame(kContinuation, {}, false), Rule::too_many_empty_frames, 1008, {}, 4, options},
       {"a ping between is none of them", two + frame(kPing) + frame(kContinuation), Rule::too_many_empty_frames, 1008,
        "ping() ", 6, options},
       {"empty messages count", frame(kBinary) + frame(kBinary) + frame(kBinary), Rule::too_many_empty_frames, 1008,
        "end binary end binary ", 4, options}});
  EXPECT_EQ(
      expect_everywhere(two + frame(kContinuation, "x", false) + two.substr(2) + frame(kContinuation, "y"), options),
      "binary[xy] end binary @12");
  // A whole frame with a payload ends the row as well.
  const std::string mixed = frame(kBinary) + frame(kBinary) + frame(kBinary, "x") + frame(kBinary) + frame(kBinary);
  EXPECT_EQ(expect_everywhere(mixed, options), "end binary end binary binary[x] end binary end binary end binary @11");
}

TEST(WsFrame, StreamsAPacketInFragmentsOfOneByte)  // W-15
{
  DecoderOptions options;
  options.message_bytes_max = 0;
  constexpr std::size_t kPacket = 128 * 1024;
  std::string input;
  std::string packet;
  for (std::size_t at = 0; at < kPacket; ++at) {
    packet.push_back(static_cast<char>(at * 31));
    FrameSpec spec = spec_of(at == 0 ? kBinary : kContinuation, packet.substr(at, 1));
    spec.fin = at + 1 == kPacket;
    input += write(spec);
  }
  const std::uint64_t before = axonpush::test::allocation_count();
  FrameDecoder decoder(options);
  MutableBytes rest{reinterpret_cast<std::uint8_t*>(input.data()), input.size()};
  std::size_t seen = 0;
  bool same = true;
  while (!rest.empty()) {
    const auto step = decoder.next(rest);
    ASSERT_EQ(step.kind, FrameDecoder::Kind::data);
    ASSERT_EQ(step.payload.size(), 1U);
    same = same && static_cast<char>(step.payload[0]) == packet[seen];
    ASSERT_EQ(step.message_end, ++seen == kPacket);
    rest = rest.subspan(step.consumed);
  }
  EXPECT_TRUE(same);
  EXPECT_EQ(seen, kPacket);
  EXPECT_EQ(axonpush::test::allocation_count(), before);
}

TEST(WsFrame, HandsOutControlFramesBetweenFragments)  // W-16, RFC 6455 5.4
{
  EXPECT_EQ(expect_everywhere(frame(kBinary, "ab", false) + frame(kPing, "p1") + frame(kContinuation, "cd", false) +
                              frame(kPong, "p2") + frame(kPing) + frame(kContinuation, "ef") + frame(kPing, "p3")),
            "binary[ab] ping(p1) binary[cd] pong(p2) ping() binary[ef] end binary ping(p3) @26");
  EXPECT_EQ(expect_everywhere(frame(kBinary, "ab", false) + frame(kClose, close_of(1000)) + frame(kContinuation, "x")),
            "binary[ab] close 1000() @11");
}

TEST(WsFrame, HandsOutAPingOf125Bytes)  // W-18: the payload the PONG repeats
{
  const std::string payload(125, 'p');
  EXPECT_EQ(expect_everywhere(frame(kPing, payload)), "ping(" + payload + ") @127");
}

TEST(WsFrame, HandsOutAnUnsolicitedPong)  // W-19, RFC 6455 5.5.3
{
  EXPECT_EQ(expect_everywhere(frame(kPong) + frame(kPong, "x")), "pong() pong(x) @5");
}

TEST(WsFrame, RefusesHalfACloseCode)  // W-20, RFC 6455 5.5.1
{
  expect_broken({{"one byte", frame(kClose, "\x03"), Rule::close_one_byte, 1002}});
}

TEST(WsFrame, JudgesEveryCloseCode)  // W-21, W-22, RFC 6455 7.4
{
  for (unsigned code = 0; code <= 65'535; ++code) {
    const bool named =
        (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
    ASSERT_EQ(close_code_valid(static_cast<std::uint16_t>(code)), named) << code;
  }
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65'535U}) {
    expect_broken({{"alone", frame(kClose, close_of(code)), Rule::close_code_invalid, 1002},
                   {"with a reason", frame(kClose, close_of(code, "why")), Rule::close_code_invalid, 1002}});
  }
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U, 1013U, 1014U, 3000U,
                              3999U, 4000U, 4999U}) {
    const std::string reason(123, 'r');
    EXPECT_EQ(expect_everywhere(frame(kClose, close_of(code))), "close " + std::to_string(code) + "() @4");
    EXPECT_EQ(expect_everywhere(frame(kClose, close_of(code, reason))),
              "close " + std::to_string(code) + "(" + reason + ") @127");
  }
}

TEST(WsFrame, RefusesAnIllFormedCloseReason)  // W-23, RFC 6455 8.1
{
  for (const char* reason : {"\xFF", "ok\xC3", "\xED\xA0\x80", "\xC0\xAF", "\xF4\x90\x80\x80"}) {
    expect_broken({{"reason", frame(kClose, close_of(1000, reason)), Rule::close_reason_ill_formed, 1007}});
  }
  EXPECT_EQ(expect_everywhere(frame(kClose, close_of(1000, "\xC3\xA9"))), "close 1000(\xC3\xA9) @6");
}

TEST(WsFrame, NamesAnEmptyClose1005)  // W-24, RFC 6455 7.1.5
{
  EXPECT_EQ(expect_everywhere(frame(kClose)), "close 1005() @2");
}

TEST(WsFrame, PassesOverWhatFollowsAClose)  // W-25, RFC 6455 5.5.1
{
  const std::string close = frame(kClose, close_of(1001, "bye"));
  for (const std::string& late : {frame(kBinary, "late"), frame(kClose, close_of(1002)), frame(kPing, "x"), frame(15),
                                  std::string("\xFF\xFF\xFF"), frame(kText, "\xFF")}) {
    EXPECT_EQ(expect_everywhere(close + late), "close 1001(bye) @" + std::to_string(close.size() + late.size()));
  }
}

// W-26 (the codec's part), W-28: expect_everywhere cuts each stream behind every byte and splits it inside every
// header.
TEST(WsFrame, SaysTheSameForEverySplitOfEveryHeaderForm)  // W-28
{
  for (const Role role : {Role::client, Role::server}) {
    DecoderOptions options = options_for_text();
    options.role = role;
    for (const std::size_t size : {0U, 5U, 125U, 126U, 300U}) {
      std::string input;
      for (const unsigned opcode : {kBinary, kText}) {
        FrameSpec spec = spec_of(opcode, std::string(size, static_cast<char>('a' + opcode)));
        spec.masked = role == Role::server;
        input += write(spec);
      }
      FrameSpec last = spec_of(kPing, "end");
      last.masked = role == Role::server;
      input += write(last);
      const std::string log = expect_everywhere(input, options);
      EXPECT_TRUE(log.ends_with("end text ping(end) @" + std::to_string(input.size()))) << log;
    }
  }
  const std::string large = frame(kBinary, std::string(70'000, 'L')) + frame(kBinary, "s");
  EXPECT_TRUE(expect_everywhere(large).ends_with("] end binary binary[s] end binary @70013"));
}

TEST(WsFrame, TakesFiveHundredFramesOutOfOneRecord)  // W-29 (all are processed; the turn's budget is the link's)
{
  std::string input;
  for (int at = 0; at < 500; ++at) input += frame(kBinary, "frame " + std::to_string(at));
  FrameDecoder decoder;
  MutableBytes rest{reinterpret_cast<std::uint8_t*>(input.data()), input.size()};
  int frames = 0;
  for (auto step = decoder.next(rest); step.kind == FrameDecoder::Kind::data; step = decoder.next(rest)) {
    EXPECT_EQ(axonpush::text_of(Bytes(step.payload)), "frame " + std::to_string(frames));
    EXPECT_TRUE(step.message_end);
    rest = rest.subspan(step.consumed);
    ++frames;
  }
  EXPECT_EQ(frames, 500);
  EXPECT_TRUE(rest.empty());
}

TEST(WsFrame, IsAByteStreamAcrossFramesAndMessages)  // W-30, W-31, [MQTT-6.0.0-2]: borders are the stream's, not MQTT's
{
  DecoderOptions options;
  options.message_bytes_max = 0;
  EXPECT_EQ(expect_everywhere(frame(kBinary, "threepackets") + frame(kBinary, "ha", false) +
                                  frame(kContinuation, "lf") + frame(kBinary, "rest"),
                              options),
            "binary[threepackets] end binary binary[half] end binary binary[rest] end binary @28");
}

TEST(WsFrame, UnmasksWhatAClientSends)  // RFC 6455 5.3, 5.7
{
  DecoderOptions options = options_for_text();
  options.role = Role::server;
  const std::string hello("\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58");
  EXPECT_EQ(expect_everywhere(hello, options), "text[Hello] end text @11");
  std::string payload(1'000, '\0');
  for (std::size_t at = 0; at < payload.size(); ++at) payload[at] = static_cast<char>(at * 7 % 128);
  EXPECT_EQ(expect_everywhere(masked_frame(kBinary, payload, false) + masked_frame(kPing, "ping") +
                                  masked_frame(kContinuation, payload.substr(0, 333)) +
                                  masked_frame(kClose, close_of(1000, "bye")),
                              options),
            "binary[" + payload + "] ping(ping) binary[" + payload.substr(0, 333) + "] end binary close 1000(bye) @" +
                std::to_string(8 + 1000 + 10 + 8 + 333 + 11));
}

TEST(WsFrame, AgreesWithTheReferenceOnEveryFirstTwoBytes)  // exhaustive heads: 65,536 of them in two states
{
  const std::string tail =
      "\x01\x02 and some bytes that follow the first two, more than 126 of them: "
      "0123456789012345678901234567890123456789012345678901234567890123456789";
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::string head{static_cast<char>(first), static_cast<char>(second)};
      for (const bool inside : {false, true}) {
        const std::string input = (inside ? frame(kBinary, "a", false) : std::string()) + head + tail;
        ASSERT_EQ(run(input, options_for_text(), {}), reference_log(input, options_for_text()))
            << first << ' ' << second;
      }
    }
  }
}

TEST(WsFrame, ReadsNothingBehindTheInput) {
  const std::string input = frame(kBinary, std::string(200, 'x'));
  GuardedBytes guarded(input.size());
  for (std::size_t size = 0; size <= input.size(); ++size) {
    guarded.hold(bytes_of(input).first(size));
    FrameDecoder decoder;
    const auto step = decoder.next(guarded.last(size));
    EXPECT_EQ(step.kind, size < 4 ? FrameDecoder::Kind::need_more : FrameDecoder::Kind::data);
  }
}

TEST(WsFrame, TellsEveryRuleInWords) {
  for (std::size_t index = 1; index < kRuleCount; ++index) {
    const auto rule = static_cast<Rule>(index);
    EXPECT_FALSE(text_of(rule).empty());
    EXPECT_FALSE(clause_of(rule).empty());
    EXPECT_TRUE(close_code_valid(close_code_of(rule)));
    EXPECT_TRUE(error_of(rule));
  }
  EXPECT_FALSE(error_of(Rule::none));
  EXPECT_EQ(close_code_of(Rule::none), 1000);
  EXPECT_EQ(text_of(static_cast<Rule>(255)), text_of(Rule::none));
  EXPECT_EQ(text_of(static_cast<Rule>(kRuleCount)), text_of(Rule::none));
  EXPECT_EQ(error_of(Rule::text_refused).code(), Errc::ws_unsupported);
  EXPECT_EQ(error_of(Rule::reserved_bits).code(), Errc::ws_protocol);
  EXPECT_EQ(error_of(Rule::text_ill_formed).code(), Errc::ws_bad_utf8);
  EXPECT_EQ(error_of(Rule::frame_too_big).code(), Errc::ws_too_big);
}

}  // namespace
}  // namespace axonpush::ws
