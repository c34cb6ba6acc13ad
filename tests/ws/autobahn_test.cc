// The cases 1 to 7, 9 and 10 of the Autobahn suite, group by group, written from RFC 6455 and RFC 3629: what a client
// that echoes every message must send when a server behaves and when it does not. The client is EchoPeer, which the
// program autobahn_client puts behind a socket.
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "support/ws_echo.h"
#include "support/ws_reference.h"

namespace axonpush::ws {
namespace {

using namespace test;

constexpr unsigned kContinuation = 0;
constexpr unsigned kText = 1;
constexpr unsigned kBinary = 2;
constexpr unsigned kClose = 8;
constexpr unsigned kPing = 9;
constexpr unsigned kPong = 10;

class SeededEntropy final : public Entropy {
 public:
  [[nodiscard]] bool fill(MutableBytes into) noexcept override {
    for (auto& byte : into) byte = static_cast<std::uint8_t>(random_());
    return true;
  }

 private:
  std::mt19937_64 random_{42};
};

// What the peer sent, as a server reads it.
std::string sent_log(const std::string& output) {
  DecoderOptions options;
  options.role = Role::server;
  options.accept_text = true;
  const std::string log = reference_log(output, options);
  return log.substr(0, log.rfind('@'));
}
std::string echo_log(unsigned opcode, const std::string& payload) {
  EventLog log;
  log.data(opcode == kText, payload, true);
  const std::string text = log.done(0);
  return text.substr(0, text.rfind('@'));
}

enum class Pieces : std::uint8_t {
  whole,
  bytes
};

std::string play(const std::string& input, Pieces pieces) {
  SeededEntropy entropy;
  EchoPeer peer(entropy);
  if (pieces == Pieces::whole) {
    peer.feed(input);
  } else {
    for (const char byte : input) peer.feed({&byte, 1});
  }
  return sent_log(peer.output);
}

// The server sends `input` and a Close at the end; the peer must have sent `expected` and then answered the Close.
void expect_served(const char* id, const std::string& input, const std::string& expected) {
  const std::string closing = input + frame(kClose, close_of(1000));
  for (const Pieces pieces : {Pieces::whole, Pieces::bytes}) {
    EXPECT_EQ(play(closing, pieces), expected + "close 1000() ") << id;
  }
}
// The peer must have sent `expected` and then failed the connection with `code`.
void expect_failed(const char* id, const std::string& input, std::uint16_t code, const std::string& expected = {}) {
  const std::string more = input + frame(kText, "B") + frame(kPing) + frame(kClose, close_of(1000));
  for (const Pieces pieces : {Pieces::whole, Pieces::bytes}) {
    EXPECT_EQ(play(more, pieces), expected + "close " + std::to_string(code) + "() ") << id;
  }
}

TEST(Autobahn1, EchoesMessagesOfEverySize)  // 1.1.1 to 1.2.8
{
  for (const unsigned opcode : {kText, kBinary}) {
    for (const std::size_t size : {0U, 125U, 126U, 127U, 128U, 65'535U, 65'536U}) {
      const std::string payload(size, opcode == kText ? '*' : '\xFE');
      expect_served("1.x", frame(opcode, payload), echo_log(opcode, payload));
    }
  }
}

TEST(Autobahn1, EchoesAMessageThatComesInChops)  // 1.1.8, 1.2.8: 65,536 bytes in chops of 997
{
  for (const unsigned opcode : {kText, kBinary}) {
    const std::string payload(65'536, '*');
    const std::string input = frame(opcode, payload);
    SeededEntropy entropy;
    EchoPeer peer(entropy);
    for (std::size_t at = 0; at < input.size(); at += 997) peer.feed(std::string_view(input).substr(at, 997));
    EXPECT_EQ(sent_log(peer.output), echo_log(opcode, payload));
  }
}

TEST(Autobahn2, AnswersPings)  // 2.1 to 2.6
{
  expect_served("2.1", frame(kPing), "pong() ");
  expect_served("2.2", frame(kPing, "Hello, world!"), "pong(Hello, world!) ");
  const std::string binary("\x00\xFF\xFE\xFD\xFC\xFB\x00\xFF", 8);
  expect_served("2.3", frame(kPing, binary), "pong(" + binary + ") ");
  const std::string longest(125, '\xFE');
  expect_served("2.4, 2.6", frame(kPing, longest), "pong(" + longest + ") ");
  expect_failed("2.5", frame(kPing, std::string(126, '\xFE')), 1002);
}

TEST(Autobahn2, LetsPongsPass)  // 2.7 to 2.9
{
  expect_served("2.7", frame(kPong), "");
  expect_served("2.8", frame(kPong, "unsolicited"), "");
  expect_served("2.9", frame(kPong, "unsolicited") + frame(kPing, "ping"), "pong(ping) ");
}

TEST(Autobahn2, AnswersTenPingsInOrder)  // 2.10, 2.11
{
  std::string input;
  std::string expected;
  for (int at = 0; at < 10; ++at) {
    input += frame(kPing, "payload-" + std::to_string(at));
    expected += "pong(payload-" + std::to_string(at) + ") ";
  }
  expect_served("2.10, 2.11", input, expected);
}

TEST(Autobahn3, FailsOnReservedBits)  // 3.1 to 3.7
{
  const std::string hello = frame(kText, "Hello, world!");
  const std::string echo = echo_log(kText, "Hello, world!");
  for (unsigned rsv = 1; rsv <= 7; ++rsv) {
    for (const unsigned opcode : {kText, kBinary, kPing, kPong, kClose}) {
      FrameSpec spec;
      spec.opcode = opcode;
      spec.rsv = rsv;
      spec.payload = opcode == kClose ? close_of(1000) : "Hello, world!";
      expect_failed("3.x, at once", write(spec), 1002);
      expect_failed("3.x, behind a message", hello + write(spec), 1002, echo);
    }
  }
}

TEST(Autobahn4, FailsOnReservedOpcodes)  // 4.1.1 to 4.2.5
{
  const std::string echo = echo_log(kText, "Hello, world!");
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    expect_failed("4.x.1", frame(opcode), 1002);
    expect_failed("4.x.2", frame(opcode, "reserved"), 1002);
    expect_failed("4.x.3", frame(kText, "Hello, world!") + frame(opcode) + frame(kPing), 1002, echo);
  }
}

TEST(Autobahn5, FailsOnFragmentedControlFrames)  // 5.1, 5.2
{
  for (const unsigned opcode : {kPing, kPong}) {
    expect_failed("5.1, 5.2", frame(opcode, "fragment1", false) + frame(kContinuation, "fragment2"), 1002);
  }
}

TEST(Autobahn5, PutsFragmentsTogether)  // 5.3 to 5.8, 5.19, 5.20
{
  const std::string echo = echo_log(kText, "fragment1fragment2");
  expect_served("5.3", frame(kText, "fragment1", false) + frame(kContinuation, "fragment2"), echo);
  expect_served("5.6", frame(kText, "fragment1", false) + frame(kPing, "ping") + frame(kContinuation, "fragment2"),
                "pong(ping) " + echo);
  const std::string five = frame(kText, "fragment1", false) + frame(kContinuation, "fragment2", false) +
                           frame(kPing, "1") + frame(kContinuation, "fragment3", false) +
                           frame(kContinuation, "fragment4", false) + frame(kPing, "2") +
                           frame(kContinuation, "fragment5");
  expect_served("5.19", five, "pong(1) pong(2) " + echo_log(kText, "fragment1fragment2fragment3fragment4fragment5"));
}

TEST(Autobahn5, FailsOnContinuationsOfNothing)  // 5.9 to 5.14
{
  for (const bool fin : {true, false}) {
    expect_failed("5.9, 5.12", frame(kContinuation, "non-continuation", fin) + frame(kText, "Hello"), 1002);
  }
}

TEST(Autobahn5, FailsOnAContinuationBehindAWholeMessage)  // 5.15 to 5.17
{
  expect_failed("5.15",
                frame(kText, "fragment1", false) + frame(kContinuation, "fragment2") +
                    frame(kContinuation, "fragment3", false) + frame(kText, "fragment4"),
                1002, echo_log(kText, "fragment1fragment2"));
  expect_failed("5.16", frame(kContinuation, "fragment1", false) + frame(kText, "fragment2", false), 1002);
  expect_failed("5.17", frame(kContinuation, "fragment1") + frame(kText, "fragment2", false), 1002);
}

TEST(Autobahn5, FailsOnAMessageInsideAnother)  // 5.18
{
  expect_failed("5.18", frame(kText, "fragment1", false) + frame(kText, "fragment2"), 1002);
}

std::string valid_text() { return "Hello-\xC2\xB5@\xC3\x9F\xC3\xB6\xC3\xA4\xC3\xBC\xC3\xA0\xC3\xA1-UTF-8!!"; }

TEST(Autobahn6, EchoesWellFormedTextInAnyFragments)  // 6.1.1 to 6.2.4
{
  expect_served("6.1.1", frame(kText), echo_log(kText, ""));
  expect_served("6.1.2", frame(kText, {}, false) + frame(kContinuation, {}, false) + frame(kContinuation),
                echo_log(kText, ""));
  expect_served("6.1.3", frame(kText, {}, false) + frame(kContinuation, "middle", false) + frame(kContinuation),
                echo_log(kText, "middle"));
  const std::string text = valid_text();
  for (std::size_t at = 0; at <= text.size(); ++at) {
    expect_served("6.2.2", frame(kText, text.substr(0, at), false) + frame(kContinuation, text.substr(at)),
                  echo_log(kText, text));
  }
  std::string single;
  for (std::size_t at = 0; at < text.size(); ++at) {
    single += frame(at == 0 ? kText : kContinuation, text.substr(at, 1), at + 1 == text.size());
  }
  expect_served("6.2.3", single, echo_log(kText, text));
}

const std::string kIllFormed = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80\x65\x64\x69\x74\x65\x64";

TEST(Autobahn6, FailsOnIllFormedText)  // 6.3.1, 6.3.2
{
  expect_failed("6.3.1", frame(kText, kIllFormed), 1007);
  std::string single;
  for (std::size_t at = 0; at < kIllFormed.size(); ++at) {
    single += frame(at == 0 ? kText : kContinuation, kIllFormed.substr(at, 1), at + 1 == kIllFormed.size());
  }
  expect_failed("6.3.2", single, 1007);
}

// The peer has sent nothing while `good` is all that came, and has failed with 1007 once `bad` came, although the
// message, or even its frame, has not ended.
void expect_fails_fast(const char* id, const std::string& good, const std::string& bad) {
  SeededEntropy entropy;
  EchoPeer peer(entropy);
  peer.feed(good);
  EXPECT_EQ(peer.output, "") << id;
  peer.feed(bad);
  EXPECT_EQ(sent_log(peer.output), "close 1007() ") << id;
  EXPECT_TRUE(peer.done() && peer.failed());
}

TEST(Autobahn6, FailsAtTheByteAtFaultAndNotAtTheEnd)  // 6.4.1 to 6.4.4
{
  const std::string good = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5";
  const std::string too_large = "\xF4\x90\x80\x80";
  const std::string rest = "\x65\x64\x69\x74\x65\x64";
  expect_fails_fast("6.4.1", frame(kText, good, false), frame(kContinuation, too_large, false));
  // The second of its bytes is the one that no character has.
  expect_fails_fast("6.4.2", frame(kText, good + "\xF4", false), frame(kContinuation, "\x90", false));
  const std::string whole = frame(kText, good + too_large + rest);
  const std::size_t header = whole.size() - good.size() - too_large.size() - rest.size();
  const std::size_t fault = header + good.size() + 1;
  expect_fails_fast("6.4.3", whole.substr(0, header + good.size()), whole.substr(header + good.size(), 4));
  expect_fails_fast("6.4.4", whole.substr(0, fault), whole.substr(fault, 1));
}

// 6.5 to 6.23. What is well-formed is echoed; what is not fails. Each also byte by byte.
struct TextRow {
  const char* id;
  std::string text;
  bool well_formed;
};

std::string bytes_in(unsigned first, unsigned last, std::string_view behind = {}) {
  std::string text;
  for (unsigned byte = first; byte <= last; ++byte) {
    text.push_back(static_cast<char>(byte));
    text += behind;
  }
  return text;
}
std::string utf8(std::uint32_t scalar) { return axonpush::test::utf8_encode(scalar); }

std::vector<TextRow> text_rows() {
  std::vector<TextRow> rows;
  const std::string kosme = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5";
  // 6.6: every front of a word; whole characters only are well-formed.
  for (std::size_t size = 1; size <= kosme.size(); ++size) {
    const bool border = size == 2 || size == 5 || size == 7 || size == 9 || size == 11;
    rows.push_back({"6.6", kosme.substr(0, size), border});
  }
  // 6.7, 6.9: the first and last character of each length.
  for (const std::uint32_t scalar : {0U, 0x7FU, 0x80U, 0x7FFU, 0x800U, 0xFFFFU, 0x10000U, 0x10FFFFU}) {
    rows.push_back({"6.7, 6.9", utf8(scalar), true});
  }
  // 6.8, 6.10: five and six bytes, and the four that are too large.
  for (const char* text : {"\xF8\x88\x80\x80\x80", "\xFC\x84\x80\x80\x80\x80", "\xF7\xBF\xBF\xBF",
                           "\xFB\xBF\xBF\xBF\xBF", "\xFD\xBF\xBF\xBF\xBF\xBF", "\xF4\x90\x80\x80"}) {
    rows.push_back({"6.8, 6.10", text, false});
  }
  // 6.11: around the surrogates and at the end.
  for (const std::uint32_t scalar : {0xD7FFU, 0xE000U, 0xFFFDU, 0x10FFFFU}) {
    rows.push_back({"6.11", utf8(scalar), true});
  }
  // 6.12: tails alone.
  for (std::size_t count = 1; count <= 7; ++count) {
    std::string tails;
    for (std::size_t at = 0; at < count; ++at) tails += at % 2 == 0 ? '\x80' : '\xBF';
    rows.push_back({"6.12", tails, false});
  }
  rows.push_back({"6.12.8", bytes_in(0x80, 0xBF), false});
  // 6.13: lead bytes alone, each with a space behind it.
  for (const auto& [first, last] :
       {std::pair{0xC0U, 0xDFU}, {0xE0U, 0xEFU}, {0xF0U, 0xF7U}, {0xF8U, 0xFBU}, {0xFCU, 0xFDU}}) {
    rows.push_back({"6.13", bytes_in(first, last, " "), false});
    rows.push_back({"6.13", std::string(1, static_cast<char>(first)) + " ", false});
  }
  // 6.14, 6.15: characters whose last byte is missing, at the end and one behind the other.
  std::string all;
  for (const char* text : {"\xDF", "\xE0\xA0", "\xEF\xBF", "\xF0\x90\x80", "\xF4\x8F\xBF", "\xC2", "\xF0\x90"}) {
    rows.push_back({"6.14", text, false});
    rows.push_back({"6.14", std::string(text) + "x", false});
    all += text;
  }
  rows.push_back({"6.15", all, false});
  // 6.16: bytes that stand in no UTF-8.
  for (const char* text : {"\xFE", "\xFF", "\xFE\xFE\xFF\xFF"}) rows.push_back({"6.16", text, false});
  // 6.17 to 6.19: longer than needed: a slash, the largest of each length, NUL.
  for (const char* text :
       {"\xC0\xAF", "\xE0\x80\xAF", "\xF0\x80\x80\xAF", "\xF8\x80\x80\x80\xAF", "\xFC\x80\x80\x80\x80\xAF", "\xC1\xBF",
        "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xC0\x80", "\xE0\x80\x80", "\xF0\x80\x80\x80"}) {
    rows.push_back({"6.17 to 6.19", text, false});
  }
  // 6.20, 6.21: surrogates, alone and in pairs.
  const auto surrogate = [](unsigned number) {
    return std::string{'\xED', static_cast<char>(0x80 | (number >> 6 & 0x3F)),
                       static_cast<char>(0x80 | (number & 0x3F))};
  };
  for (const unsigned high : {0xD800U, 0xDB7FU, 0xDB80U, 0xDBFFU}) {
    rows.push_back({"6.20", surrogate(high), false});
    for (const unsigned low : {0xDC00U, 0xDF80U, 0xDFFFU}) {
      rows.push_back({"6.20", surrogate(low), false});
      rows.push_back({"6.21", surrogate(high) + surrogate(low), false});
    }
  }
  // 6.22, 6.23: what Unicode calls non-characters is well-formed all the same, and so is what stands for a fault.
  for (std::uint32_t plane = 0; plane <= 0x10; ++plane) {
    rows.push_back({"6.22", utf8(plane << 16 | 0xFFFE), true});
    rows.push_back({"6.22", utf8(plane << 16 | 0xFFFF), true});
  }
  for (const std::uint32_t scalar : {0xFDD0U, 0xFDEFU, 0xFFF9U, 0xFFFDU}) rows.push_back({"6.23", utf8(scalar), true});
  return rows;
}

TEST(Autobahn6, JudgesTheSequencesOfTheUtf8StressTest)  // 6.5.1 to 6.23.7
{
  for (const TextRow& row : text_rows()) {
    for (const std::string& text : {row.text, "front " + row.text, row.text + " back"}) {
      // A character that is open at the end of the row is cut by what stands behind it.
      if (row.well_formed) {
        expect_served(row.id, frame(kText, text), echo_log(kText, text));
        expect_served(row.id, frame(kText, text.substr(0, 1), false) + frame(kContinuation, text.substr(1)),
                      echo_log(kText, text));
      } else {
        expect_failed(row.id, frame(kText, text), 1007);
        expect_failed(row.id, frame(kText, text.substr(0, 1), false) + frame(kContinuation, text.substr(1)), 1007);
      }
    }
  }
}

std::string closed_log(const std::string& input) {
  const std::string log = play(input, Pieces::whole);
  EXPECT_EQ(play(input, Pieces::bytes), log);
  return log;
}

TEST(Autobahn7, SaysNothingBehindItsClose)  // 7.1.1 to 7.1.6
{
  const std::string close = frame(kClose, close_of(1000));
  EXPECT_EQ(closed_log(frame(kText, "Hello World!") + close), echo_log(kText, "Hello World!") + "close 1000() ");
  EXPECT_EQ(closed_log(close + close), "close 1000() ");
  EXPECT_EQ(closed_log(close + frame(kPing)), "close 1000() ");
  EXPECT_EQ(closed_log(close + frame(kText, "Hello World!")), "close 1000() ");
  EXPECT_EQ(closed_log(frame(kText, "fragment1", false) + close + frame(kContinuation, "fragment2")), "close 1000() ");
  const std::string large(256 * 1024, 'B');
  EXPECT_EQ(play(frame(kText, large) + close + frame(kPing), Pieces::whole), echo_log(kText, large) + "close 1000() ");
}

TEST(Autobahn7, AnswersWellFormedCloses)  // 7.3.1 to 7.3.5
{
  EXPECT_EQ(closed_log(frame(kClose)), "close 1005() ");
  EXPECT_EQ(closed_log(frame(kClose, close_of(1000))), "close 1000() ");
  EXPECT_EQ(closed_log(frame(kClose, close_of(1000, "Hello World!"))), "close 1000() ");
  EXPECT_EQ(closed_log(frame(kClose, close_of(1000, std::string(123, '*')))), "close 1000() ");
}

TEST(Autobahn7, FailsOnIllFormedCloses)  // 7.3.2, 7.3.6, 7.5.1
{
  EXPECT_EQ(closed_log(frame(kClose, "a")), "close 1002() ");
  EXPECT_EQ(closed_log(frame(kClose, close_of(1000, std::string(124, '*')))), "close 1002() ");
  EXPECT_EQ(closed_log(frame(kClose, close_of(1000, kIllFormed))), "close 1007() ");
}

TEST(Autobahn7, EchoesTheCodesThatMayBeSent)  // 7.7.1 to 7.7.13
{
  for (const unsigned code :
       {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 3000U, 3999U, 4000U, 4999U}) {
    EXPECT_EQ(closed_log(frame(kClose, close_of(code))), "close " + std::to_string(code) + "() ");
  }
}

TEST(Autobahn7, FailsOnTheCodesThatMayNot)  // 7.9.1 to 7.9.13, 7.13.1, 7.13.2
{
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65'535U}) {
    EXPECT_EQ(closed_log(frame(kClose, close_of(code))), "close 1002() ");
  }
}

// The peer's echo of a large message, compared without printing it.
bool echoes(const std::string& input, unsigned opcode, const std::string& payload, std::size_t piece) {
  SeededEntropy entropy;
  EchoPeer peer(entropy);
  for (std::size_t at = 0; at < input.size(); at += piece) peer.feed(std::string_view(input).substr(at, piece));
  DecoderOptions options;
  options.role = Role::server;
  options.accept_text = true;
  FrameDecoder decoder(options);
  MutableBytes output(reinterpret_cast<std::uint8_t*>(peer.output.data()), peer.output.size());
  const auto step = decoder.next(output);
  return step.kind == FrameDecoder::Kind::data && step.message_end && step.text == (opcode == kText) &&
         step.consumed == output.size() && axonpush::text_of(Bytes(step.payload)) == payload;
}

std::string large_text(std::size_t size) {
  std::string text;
  while (text.size() + 12 <= size) text += "BAsd7&jh23\xC2\xB5";
  return text.append(size - text.size(), '*');
}

TEST(Autobahn9, EchoesMessagesUpTo16MiB)  // 9.1.1 to 9.2.6
{
  for (const std::size_t size :
       {64U * 1024U, 256U * 1024U, 1024U * 1024U, 4096U * 1024U, 8192U * 1024U, 16384U * 1024U}) {
    for (const unsigned opcode : {kText, kBinary}) {
      const std::string payload = opcode == kText ? large_text(size) : std::string(size, '\xFE');
      EXPECT_TRUE(echoes(frame(opcode, payload), opcode, payload, 64 * 1024)) << size;
    }
  }
}

TEST(Autobahn9, EchoesFourMiBInFragmentsOfEverySize)  // 9.3.1 to 9.4.9: 65,536 of 64 bytes at most
{
  constexpr std::size_t kSize = 4 * 1024 * 1024;
  for (const unsigned opcode : {kText, kBinary}) {
    const std::string payload = opcode == kText ? large_text(kSize) : std::string(kSize, '\xFE');
    for (const std::size_t fragment :
         {std::size_t{64}, std::size_t{256}, std::size_t{1024}, std::size_t{65'536}, kSize}) {
      std::string input;
      for (std::size_t at = 0; at < kSize; at += fragment) {
        input += frame(at == 0 ? opcode : kContinuation, std::string_view(payload).substr(at, fragment),
                       at + fragment >= kSize);
      }
      EXPECT_TRUE(echoes(input, opcode, payload, 64 * 1024)) << fragment;
    }
  }
}

TEST(Autobahn9, EchoesAMiBInChopsOfEverySize)  // 9.5.1 to 9.6.6
{
  constexpr std::size_t kSize = 1024 * 1024;
  for (const unsigned opcode : {kText, kBinary}) {
    const std::string payload = opcode == kText ? large_text(kSize) : std::string(kSize, '\xFE');
    for (const std::size_t chop : {64U, 128U, 256U, 512U, 1024U, 2048U}) {
      EXPECT_TRUE(echoes(frame(opcode, payload), opcode, payload, chop)) << chop;
    }
  }
}

TEST(Autobahn9, EchoesAThousandMessages)  // 9.7.1 to 9.8.6
{
  for (const unsigned opcode : {kText, kBinary}) {
    for (const std::size_t size : {0U, 16U, 64U, 256U, 1024U, 4096U}) {
      const std::string payload(size, '*');
      SeededEntropy entropy;
      EchoPeer peer(entropy);
      std::string expected;
      for (int round = 0; round < 999; ++round) {
        peer.feed(frame(opcode, payload));
        ASSERT_FALSE(peer.done());
        if (round < 20) expected += echo_log(opcode, payload);
        if (round == 19) {
          ASSERT_EQ(sent_log(peer.output), expected);
        }
      }
      EXPECT_EQ(peer.output.size(), 999 * (header_size(size, true) + size));
    }
  }
}

TEST(Autobahn10, EchoesAMessageInFragmentsOf1300)  // 10.1.1
{
  const std::string payload(65'536, '*');
  std::string input;
  for (std::size_t at = 0; at < payload.size(); at += 1'300) {
    input += frame(at == 0 ? kText : kContinuation, std::string_view(payload).substr(at, 1'300),
                   at + 1'300 >= payload.size());
  }
  EXPECT_TRUE(echoes(input, kText, payload, input.size()));
  EXPECT_TRUE(echoes(input, kText, payload, 1));
}

}  // namespace
}  // namespace axonpush::ws
