// `axonpush decode ws`, run inside this program.
#include "tool/run_decode.h"

namespace axonpush::tool {
namespace {

Outcome decode(const std::vector<std::string_view>& words, const std::string& input = {}) {
  return run_decode(decode_ws, words, input);
}
std::string answer(const std::string& line) { return decode({"--jsonl"}, line + "\n").text; }

TEST(DecodeWs, PrintsEachFrameAndWhatIsWrong) {
  const Outcome good = decode({"02 02 6162", "8205 68691b0aff 8900 8a01 70 8805 03e8 627965 8201 78"});
  EXPECT_EQ(good.exit_code, 1);  // the first message goes on
  EXPECT_EQ(good.text,
            "data, 2 bytes\n  ab\nincomplete: 4 bytes are done with\n"
            "data, end of the message, 5 bytes\n  hi\\x1b\\x0a\\xff\n"
            "ping, 0 bytes\npong, 1 bytes\n  p\nclose, 3 bytes, code 1000\n  bye\n");
  const Outcome text = decode({"8103 e697a5"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_EQ(text.text, "data (text), end of the message, 3 bytes\n  \\xe6\\x97\\xa5\n");
  const Outcome bad = decode({"8201 78 c201 78"});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_EQ(
      bad.text,
      "data, end of the message, 1 bytes\n  x\n"
      "error: a reserved bit is set without an extension, in the frame at byte 3, close code 1002, RFC 6455 5.2\n");
  EXPECT_EQ(decode({"82"}).text, "incomplete: 0 bytes are done with\n");
  EXPECT_EQ(decode({"zz"}).text, "error: not hex: zz\n");
}

TEST(DecodeWs, KnowsWhoSentTheFrames) {
  const std::string_view masked = "8185 37fa213d 7f9f4d5158";
  EXPECT_EQ(decode({"--from", "client", masked}).text, "data (text), end of the message, 5 bytes\n  Hello\n");
  EXPECT_EQ(decode({masked}).exit_code, 1);
  EXPECT_EQ(decode({"--from", "server", "8100"}).exit_code, 0);
  EXPECT_EQ(decode({"--from", "client", "8100"}).exit_code, 1);
  EXPECT_EQ(decode({"--binary-only", "8100"}).text,
            "error: a text frame where only binary ones are accepted, in the frame at byte 0, close code 1003, "
            "[MQTT-6.0.0-1]\n");
  EXPECT_EQ(decode({}, "8200\n\n8100\n").exit_code, 0);
  EXPECT_EQ(decode({"--from", "nobody"}).exit_code, 2);
  EXPECT_EQ(decode({"--nonsense"}).exit_code, 2);
  EXPECT_EQ(decode({"--help"}).exit_code, 0);
}

TEST(DecodeWs, AnswersJsonLines) {
  EXPECT_EQ(answer(R"({"id":"a","hex":"0101 61 8900 8001 62 8802 03e9"})"),
            R"({"id":"a","verdict":"accept","consumed":12,"events":[)"
            R"({"kind":"data","text":true,"message_end":false,"payload_hex":"61"},{"kind":"ping","payload_hex":""},)"
            R"({"kind":"data","text":true,"message_end":true,"payload_hex":"62"},)"
            R"({"kind":"close","code":1001,"payload_hex":""}]})"
            "\n");
  EXPECT_EQ(answer("{\"raw\":\"\u0082\\u0001\u00ff\"}"),
            R"({"verdict":"accept","consumed":3,"events":[)"
            R"({"kind":"data","text":false,"message_end":true,"payload_hex":"ff"}]})"
            "\n");
  EXPECT_EQ(answer(R"({"id":3,"hex":"8201 78 88 01"})"),
            R"({"id":3,"verdict":"reject","consumed":3,"close_code":1002,)"
            R"("error":"a Close frame has one byte where a code takes two","clause":"RFC 6455 5.5.1","events":[)"
            R"({"kind":"data","text":false,"message_end":true,"payload_hex":"78"}]})"
            "\n");
}

TEST(DecodeWs, JudgesByWhatTheLineSays) {
  struct Row {
    const char* line;
    const char* verdict;
  };
  const Row rows[] = {
      {R"({"hex":"8100"})", "accept"},
      {R"({"hex":"8100","binary_only":true})", "reject"},
      {R"({"hex":"8100","from":"client"})", "reject"},
      {R"({"hex":"8280 01020304","from":"client"})", "accept"},
      {R"({"hex":"8280 01020304"})", "reject"},
      {R"({"hex":"8202 61"})", "incomplete"},
      {R"({"hex":"0201 61"})", "incomplete"},
      {R"({"hex":"0201 61 8900"})", "incomplete"},
      {R"({"hex":"82"})", "incomplete"},
      {R"({"hex":""})", "incomplete"},
      {R"({"hex":"8800 ffff"})", "accept"},  // RFC 6455 5.5.1: nothing counts behind a Close
      {R"({"hex":"8"})", "unreadable"},
      {R"({"raw":"Ā"})", "unreadable"},
      {R"({"id":1})", "unreadable"},
      {R"({"hex":5})", "unreadable"},
      {R"([])", "unreadable"},
      {R"({)", "unreadable"},
  };
  for (const Row& row : rows) {
    const std::vector<JsonNode> told = parse_lines(answer(row.line));
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].text_of("verdict"), row.verdict) << row.line;
    EXPECT_EQ(decode({"--jsonl"}, row.line).exit_code, std::string_view(row.verdict) == "unreadable" ? 1 : 0)
        << row.line;
  }
}

}  // namespace
}  // namespace axonpush::tool
