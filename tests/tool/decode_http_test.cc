// `axonpush decode http`, run inside this program with stdin from a file.
#include <algorithm>

#include "tool/run_decode.h"

namespace axonpush::tool {
namespace {

Outcome decode(const std::vector<std::string_view>& words, const std::string& input = {}) {
  return run_decode(decode_http, words, input);
}

std::string answer(const std::string& line) { return decode({"--jsonl"}, line + "\n").text; }

TEST(DecodeHttp, AnswersJsonLines) {
  EXPECT_EQ(answer(R"({"id":"a","raw":"HTTP/1.1 200 OK\r\nA: é\r\nContent-Length: 2\r\n\r\n)"
                   "\u00ff"
                   R"(krest"})"),
            R"({"id":"a","verdict":"accept","status":200,"reason_phrase":"OK","version":"1.1",)"
            R"("headers":[["A","é"],["Content-Length","2"]],"body":")"
            "\u00ff"
            R"(k","complete":true,"consumed":46,"error":null})"
            "\n");
  EXPECT_EQ(answer(R"({"id":7,"raw":"HTTP/1.0 404\r\n\r\nno"})"),
            R"({"id":7,"verdict":"accept","status":404,"reason_phrase":"","version":"1.0","headers":[],"body":"no",)"
            R"("complete":false,"body_ends":"at_eof","consumed":18,"error":null})"
            "\n");
}

TEST(DecodeHttp, JudgesByWhatTheLineSays) {
  struct Row {
    const char* line;
    const char* expected;  // part of the answer
  };
  const Row rows[] = {
      {R"({"raw":"HTTP/1.1 200 OK\nA: b\r\n\r\n"})", R"("verdict":"reject","consumed":0,"error":"http_malformed")"},
      {R"({"raw":"HTTP/1.1 200"})", R"("verdict":"incomplete","consumed":0,"error":"http_truncated")"},
      {R"({"raw":"HTTP/1.1 200 OK\r\n\r\nhi","end":"cut"})", R"("verdict":"incomplete")"},
      {R"({"raw":"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi"})",
       R"("body":"hi","complete":false,"body_ends":"incomplete")"},
      {R"({"raw":"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n","request_method":"HEAD"})", R"("verdict":"accept")"},
      {R"({"raw":"HTTP/1.1 200 OK\r\n\r\ntunnel","request_method":"CONNECT"})",
       R"("body":"","complete":true,"consumed":19)"},
      {R"({"raw":"HTTP/1.1 101 S\r\n\r\n"})", R"("verdict":"accept","status":101)"},
      {R"({"raw":"HTTP/1.1 101 S\r\n\r\n","upgrade":false})", R"("verdict":"reject")"},
      {R"({"hex":"48545450 2f312e31 20323034 0d0a0d0a"})", R"("verdict":"accept","status":204)"},
      {R"({"raw":"GET /a HTTP/1.1\r\n\r\n","part":"request"})", R"("verdict":"accept","method":"GET","target":"/a")"},
      {R"({"raw":"GET /a\r\n\r\n","part":"request"})", R"("verdict":"reject")"},
      {R"({"raw":"Ā"})", R"("verdict":"unreadable")"},
      {R"({"hex":"4"})", R"("verdict":"unreadable")"},
      {R"({"id":1})", R"("verdict":"unreadable")"},
      {R"([])", R"("verdict":"unreadable")"},
      {R"({)", R"("verdict":"unreadable")"},
  };
  for (const Row& row : rows) {
    const std::string text = answer(row.line);
    EXPECT_NE(text.find(row.expected), std::string::npos) << row.line << '\n' << text;
    JsonNode root;
    std::string error;
    EXPECT_TRUE(parse_json(std::string_view(text).substr(0, text.size() - 1), root, error)) << text;
  }
  EXPECT_EQ(decode({"--jsonl"}, "{\"hex\":\"4\"}\n").exit_code, 1);
  EXPECT_EQ(decode({"--jsonl"}, "\n{\"raw\":\"HTTP/1.1 2x\"}\n").exit_code, 0);
}

TEST(DecodeHttp, PrintsReadably) {
  const Outcome good = decode({}, "HTTP/1.1 200 OK\r\nA: \xff\r\nContent-Length: 2\r\n\r\nhi\x1b");
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_EQ(good.text,
            "HTTP/1.1 200 OK\n  A: \\xff\n  Content-Length: 2\n  body of 2 bytes\n    hi\n"
            "  1 bytes follow that are not part of it\n");
  const Outcome bad = decode({"--request", "474554202f0d0a"});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_EQ(bad.text, "error: the request target is malformed, at byte 5, http_malformed, RFC 9112 3\n");
  EXPECT_EQ(decode({"--cut"}, "HTTP/1.1 200 OK\r\n\r\nhi").exit_code, 1);
  EXPECT_EQ(decode({"--method", "HEAD"}, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").exit_code, 0);
  EXPECT_EQ(decode({"xyz"}).exit_code, 1);
  EXPECT_EQ(decode({"--help"}).exit_code, 0);
  EXPECT_EQ(decode({"--nonsense"}).exit_code, 2);
}

// Vectors whose verdict is laxer than a row of BAD_INPUTS 1; http_vectors_test.cc names the rows.
constexpr std::string_view kStricter[] = {"h1-0041", "h1-0042", "h1-0043", "h1-0095", "h1-0101", "h1-0157"};

// The head and the body are of the first message that is no interim response.
const JsonNode* final_message(const JsonNode& vector) {
  const JsonNode* const messages = vector.find("messages");
  if (messages == nullptr) return nullptr;
  for (const JsonNode& message : messages->items) {
    const std::int64_t status = message.integer_of("status", 0);
    if (status >= 200 || status == 101) return &message;
  }
  return nullptr;
}

TEST(DecodeHttp, AgreesWithTheSharedVectors) {
  const std::string lines = shared_vectors("http1_vectors.jsonl");
  if (lines.empty()) GTEST_SKIP() << "the shared vectors are not here";
  const std::vector<JsonNode> vectors = parse_lines(lines);
  const std::vector<JsonNode> answers = parse_lines(decode({"--jsonl"}, lines).text);
  ASSERT_EQ(vectors.size(), answers.size());
  std::size_t agreed = 0;
  for (std::size_t at = 0; at < vectors.size(); ++at) {
    const JsonNode& vector = vectors[at];
    const JsonNode& answer = answers[at];
    const std::string_view id = vector.text_of("id");
    SCOPED_TRACE(id);
    ASSERT_EQ(answer.text_of("id"), id);
    if (std::find(std::begin(kStricter), std::end(kStricter), id) != std::end(kStricter)) {
      EXPECT_EQ(answer.text_of("verdict"), "reject");
      continue;
    }
    std::string_view wanted = vector.text_of("verdict");
    if (wanted == "either") wanted = vector.text_of("preferred");
    const JsonNode* const message = final_message(vector);
    // "accept" also stands at a message whose body goes on behind the vector's end: RFC 9112 8 calls that incomplete.
    const bool goes_on = message != nullptr && message->text_of("body_ends") == "incomplete";
    if (wanted == "accept" && goes_on && answer.find("status")->integer(0) == message->integer_of("status", 0)) {
      wanted = "incomplete";
    }
    EXPECT_EQ(answer.text_of("verdict"), wanted);
    if (wanted != "reject" && message != nullptr) {
      for (const char* member : {"status", "version", "reason_phrase", "headers", "body", "complete"}) {
        EXPECT_TRUE(same(*message->find(member), *answer.find(member))) << member;
      }
      EXPECT_EQ(answer.text_of("body_ends"), message->text_of("body_ends"));
    }
    ++agreed;
  }
  EXPECT_EQ(agreed + std::size(kStricter), vectors.size());
  EXPECT_GT(agreed, 150U);
}

}  // namespace
}  // namespace axonpush::tool
