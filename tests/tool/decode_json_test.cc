// `axonpush decode json`, run inside this program.
#include "tool/run_decode.h"

namespace axonpush::tool {
namespace {

Outcome decode(const std::vector<std::string_view>& words, const std::string& input = {}) {
  return run_decode(decode_json, words, input);
}
std::string answer(const std::string& line) { return decode({"--jsonl"}, line + "\n").text; }

TEST(DecodeJson, PrintsMembersAndElements) {
  const Outcome object = decode({R"({"a":1,"b\n":[true],"":"x"})"});
  EXPECT_EQ(object.exit_code, 0);
  EXPECT_EQ(object.text, "object, 27 bytes\n  a number: 1\n  b\\x5cn array: [true]\n  string: \"x\"\n");
  EXPECT_EQ(decode({"[null,{}]"}).text, "array, 9 bytes\n  null: null\n  object: {}\n");
  EXPECT_EQ(decode({"-0.5"}).text, "number, 4 bytes\n");
  EXPECT_EQ(decode({"[\"\xC3\xA9\x7F\"]"}).text, "array, 7 bytes\n  string: \"\\xc3\\xa9\\x7f\"\n");
}

TEST(DecodeJson, SaysWhatIsWrongAndWhere) {
  const Outcome bad = decode({"{\"a\":1,}", "{}", "[1"});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_EQ(bad.text,
            "error: a byte that the grammar has no place for, at byte 7, RFC 8259 2\n"
            "object, 2 bytes\n"
            "error: the document is cut off, at byte 2, RFC 8259 2\n");
  EXPECT_EQ(decode({""}).text, "error: the document is empty, at byte 0, RFC 8259 2\n");
  EXPECT_EQ(decode({std::string(65, '[')}).text, "error: nested deeper than the limit, at byte 64, RFC 8259 9\n");
}

TEST(DecodeJson, ReadsStdinAsOneDocumentOrByLines) {
  const Outcome whole = decode({}, "{\n  \"a\": 1\n}\n");
  EXPECT_EQ(whole.exit_code, 0);
  EXPECT_EQ(whole.text, "object, 12 bytes\n  a number: 1\n");
  EXPECT_EQ(decode({}, "{}\n{}\n").text, "error: something stands behind the document, at byte 3, RFC 8259 2\n");
  EXPECT_EQ(decode({}, std::string(10'000, ' ') + "1").text, "number, 1 bytes\n");
  EXPECT_EQ(decode({}, "").exit_code, 1);
  const Outcome lines = decode({"--lines"}, "{}\n\n[1]\nx\n");
  EXPECT_EQ(lines.exit_code, 1);
  EXPECT_EQ(lines.text,
            "object, 2 bytes\narray, 3 bytes\n  number: 1\n"
            "error: a byte that the grammar has no place for, at byte 0, RFC 8259 2\n");
  EXPECT_EQ(decode({"--lines"}, "1\n2\n").exit_code, 0);
}

TEST(DecodeJson, AnswersJsonLines) {
  EXPECT_EQ(answer(R"({"id":"a","text":"{\"k\\u0041\":[1, 2],\"é\":\"x\\n\"}"})"),
            R"({"id":"a","verdict":"accept","kind":"object","members":[["kA","[1, 2]"],["é","\"x\\n\""]]})"
            "\n");
  EXPECT_EQ(answer(R"({"id":1,"hex":"5b 74727565 5d"})"),
            R"({"id":1,"verdict":"accept","kind":"array","members":[["","true"]]})"
            "\n");
  EXPECT_EQ(answer(R"({"raw":"\"a\u00c3\u00a9\""})"), R"({"verdict":"accept","kind":"string","value":"\"aé\""})"
                                                      "\n");
  EXPECT_EQ(answer(R"({"id":null,"text":"[1,]"})"),
            R"({"id":null,"verdict":"reject","offset":3,"error":"a byte that the grammar has no place for",)"
            R"("code":"json_invalid","clause":"RFC 8259 2"})"
            "\n");
}

TEST(DecodeJson, JudgesByWhatTheLineSays) {
  struct Row {
    const char* line;
    const char* expected;  // part of the answer
    int exit_code;
  };
  const Row rows[] = {
      {R"({"text":"1e999"})", R"("verdict":"reject")", 0},
      {R"({"raw":"[\"\u00ff\"]"})", R"("error":"ill-formed UTF-8","code":"json_invalid","clause":"RFC 8259 8.1")", 0},
      {R"({"hex":"efbbbf7b7d"})", R"("verdict":"reject","offset":0)", 0},
      {R"({"text":""})", R"("verdict":"reject","offset":0)", 0},
      {R"({"raw":"Ā"})", R"("verdict":"unreadable")", 1},
      {R"({"hex":"4"})", R"("verdict":"unreadable")", 1},
      {R"([])", R"("verdict":"unreadable")", 1},
      {R"({)", R"("verdict":"unreadable")", 1},
  };
  for (const Row& row : rows) {
    const Outcome outcome = decode({"--jsonl"}, std::string(row.line) + "\n");
    EXPECT_NE(outcome.text.find(row.expected), std::string::npos) << row.line << '\n' << outcome.text;
    EXPECT_EQ(outcome.exit_code, row.exit_code) << row.line;
    EXPECT_EQ(parse_lines(outcome.text).size(), 1U);
  }
}

TEST(DecodeJson, Usage) {
  EXPECT_EQ(decode({"--help"}).exit_code, 0);
  EXPECT_NE(decode({"--help"}).text.find("--lines"), std::string::npos);
  EXPECT_EQ(decode({"--nonsense"}).exit_code, 2);
}

}  // namespace
}  // namespace axonpush::tool
