// The shared vectors, collected from other parsers' tests, where they are at hand beside the checkout.
#include <fstream>
#include <set>

#include "http_harness.h"
#include "support/paths.h"
#include "tool/json_lines.h"

namespace axonpush::http::test {
namespace {

using tool::JsonNode;

// Where a row of BAD_INPUTS 1 is stricter than the vector's verdict or preference, the row wins.
struct Stricter {
  std::string_view id;
  std::string_view row;
};
constexpr Stricter kStricter[] = {
    {"h1-0041", "H-20: chunked, deflate"}, {"h1-0042", "H-20: chunked, then identity"},
    {"h1-0043", "H-20: chunkedchunked"},   {"h1-0095", "H-12: obs-fold"},
    {"h1-0101", "H-12: obs-fold"},         {"h1-0157", "H-06: bare LF"},
};

// The vectors' strings have one character per byte, U+0000 to U+00FF.
std::string narrowed(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto first = static_cast<unsigned char>(text[at]);
    if (first < 0x80) {
      bytes += text[at];
    } else {
      bytes += static_cast<char>(first << 6 | (static_cast<unsigned char>(text[++at]) & 0x3F));
    }
  }
  return bytes;
}

std::string head_of(const JsonNode& message) {
  std::string log = "head " + std::to_string(message.integer_of("status", 0)) + " " +
                    std::string(message.text_of("version")) + " [" + narrowed(message.text_of("reason_phrase")) + "]\n";
  for (const JsonNode& pair : message.find("headers")->items) {
    log += narrowed(pair.items[0].text) + "=" + narrowed(pair.items[1].text) + "\n";
  }
  return log;
}

// The first message that is no interim response: what one decoder answers.
const JsonNode* final_message(const JsonNode& vector) {
  const JsonNode* const messages = vector.find("messages");
  if (messages == nullptr) return nullptr;
  for (const JsonNode& message : messages->items) {
    const std::int64_t status = message.integer_of("status", 0);
    if (status >= 200 || status == 101) return &message;
  }
  return nullptr;
}

std::string expected_verdict(const JsonNode& vector) {
  for (const Stricter& stricter : kStricter) {
    if (vector.text_of("id") == stricter.id) return "reject";
  }
  std::string verdict(vector.text_of("verdict"));
  if (verdict == "either") verdict = vector.text_of("preferred");
  const JsonNode* const message = final_message(vector);
  // "accept" also stands at messages whose body goes on behind the vector's end.
  if (verdict == "accept" && message != nullptr && message->text_of("body_ends") == "incomplete") return "incomplete";
  return verdict;
}

std::string verdict_of(const EventLog& log) {
  return log.error == Errc::none ? "accept" : log.error == Errc::http_truncated ? "incomplete" : "reject";
}

void check_response(const JsonNode& vector) {
  ResponseContext context;
  context.upgrade_requested = true;  // a message alone cannot tell; H-37 has a test of its own
  context.head_request = vector.text_of("request_method") == "HEAD";
  context.connect_request = vector.text_of("request_method") == "CONNECT";
  const std::string input = narrowed(vector.text_of("raw"));
  const EventLog log = check_everywhere<ResponseDecoder>(input, context);
  const std::string verdict = expected_verdict(vector);
  EXPECT_EQ(verdict_of(log), verdict) << log.text();
  const JsonNode* const message = final_message(vector);
  if (verdict == "reject" || message == nullptr) return;
  EXPECT_EQ(log.head, head_of(*message));
  EXPECT_EQ(log.body, narrowed(message->text_of("body")));
}

void check_request(const JsonNode& vector) {
  RequestContext context;
  context.require_host = false;
  const EventLog log = check_everywhere<RequestDecoder>(narrowed(vector.text_of("raw")), context);
  EXPECT_EQ(verdict_of(log), expected_verdict(vector)) << log.text();
}

TEST(HttpVectors, Agree) {
  std::ifstream file(axonpush::test::source_dir() + "/../shared/vectors/http1_vectors.jsonl");
  if (!file) GTEST_SKIP() << "the shared vectors are not at hand";
  std::size_t count = 0;
  std::set<std::string> ids;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    JsonNode vector;
    std::string error;
    ASSERT_TRUE(tool::parse_json(line, vector, error)) << error;
    SCOPED_TRACE(std::string(vector.text_of("id")) + " " + std::string(vector.text_of("name")));
    if (vector.text_of("part") == "request") {
      check_request(vector);
    } else {
      check_response(vector);
    }
    ids.emplace(vector.text_of("id"));
    ++count;
  }
  EXPECT_GE(count, 100U);
  for (const Stricter& stricter : kStricter) EXPECT_TRUE(ids.contains(std::string(stricter.id))) << stricter.id;
}

}  // namespace
}  // namespace axonpush::http::test
