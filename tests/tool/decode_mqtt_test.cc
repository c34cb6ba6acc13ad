// `axonpush decode mqtt`, run inside this program.
#include <cstring>

#include "tool/run_decode.h"

namespace axonpush::tool {
namespace {

Outcome decode(const std::vector<std::string_view>& words, const std::string& input = {}) {
  return run_decode(decode_mqtt, words, input);
}
std::string answer(const std::string& line) { return decode({"--jsonl"}, line + "\n").text; }

TEST(DecodeMqtt, PrintsEveryFieldAndPropertyByName) {
  const Outcome connack = decode({"20 06 00 00 03 21 00 0a"});
  EXPECT_EQ(connack.exit_code, 0);
  EXPECT_EQ(connack.text,
            "CONNACK, flags 0x0, 8 bytes\n  Session Present: no\n  Reason Code: 0x00 Success\n  Receive Maximum: 10\n");
  const Outcome publish =
      decode({"3a 22 0003 612f62 ffff 14 0101 020000003c 0b05 0b8001 26 0001 6b 0002 c3a9 68691b0aff00"});
  EXPECT_EQ(publish.exit_code, 0);
  EXPECT_EQ(publish.text.substr(0, publish.text.find('\n')), "PUBLISH, flags 0xA, 36 bytes");
  for (const char* part :
       {"  QoS: 1\n", "  DUP: yes\n", "  RETAIN: no\n", "  Topic Name: \"a/b\"\n", "  Packet Identifier: 65535\n",
        "  Payload Format Indicator: 1\n", "  Message Expiry Interval: 60\n", "  Subscription Identifier: 5\n",
        "  Subscription Identifier: 128\n",
        "  User Property: \"k\" = ", "  Payload: 6 bytes \"hi\\x1b\\x0a\\xff\\x00\""}) {
    EXPECT_NE(publish.text.find(part), std::string::npos) << part << publish.text;
  }
}

TEST(DecodeMqtt, TellsWhatIsWrongWhereAndByWhichClause) {
  struct Row {
    std::vector<std::string_view> words;
    const char* expected;
  };
  const Row rows[] = {
      {{"3000"},
       "error: a field runs past the end of the packet, at byte 2, reason 0x81 Malformed Packet, MQTT 5 1.2\n"},
      {{"9003000100"}, "error: there is no reason code, at byte 5, reason 0x82 Protocol Error, MQTT 5 3.9.3\n"},
      {{"d0"}, "incomplete: 1 bytes of at least 2\n"},
      {{"xyz"}, "error: not hex: xyz\n"},
      // The offset counts from the first packet.
      {{"d000 3000"},
       "PINGRESP, flags 0x0, 2 bytes\n"
       "error: a field runs past the end of the packet, at byte 4, reason 0x81 Malformed Packet, MQTT 5 1.2\n"},
  };
  for (const Row& row : rows) {
    const Outcome outcome = decode(row.words);
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_EQ(outcome.text, row.expected);
  }
}

TEST(DecodeMqtt, ReadsOnePacketALineAndWhoSentIt) {
  const Outcome lines = decode({}, "d000\n\nd000\nc000\n");
  EXPECT_EQ(lines.exit_code, 1);  // PINGREQ is a client's
  EXPECT_EQ(lines.text.find("PINGRESP, flags 0x0, 2 bytes\nPINGRESP, flags 0x0, 2 bytes\nerror: "), 0U) << lines.text;
  EXPECT_EQ(decode({"--from", "client", "c000"}).text, "PINGREQ, flags 0x0, 2 bytes\n");
  EXPECT_EQ(decode({"--from", "client", "d000"}).exit_code, 1);
  EXPECT_EQ(decode({"--from", "nobody"}).exit_code, 2);
  EXPECT_EQ(decode({"--nonsense"}).exit_code, 2);
  EXPECT_EQ(decode({"--help"}).exit_code, 0);
}

TEST(DecodeMqtt, AnswersJsonLines) {
  EXPECT_EQ(answer(R"({"id":"a","hex":"200600000321000a"})"),
            R"({"id":"a","verdict":"accept","consumed":8,)"
            R"("fields":{"session_present":0,"reason_code":0,"properties":{"receive_maximum":10}}})"
            "\n");
  EXPECT_EQ(answer(R"({"id":7,"hex":"3000"})"),
            R"({"id":7,"verdict":"reject","reason":"0x81","consumed":0,)"
            R"("error":"a field runs past the end of the packet","offset":2,"clause":"MQTT 5 1.2"})"
            "\n");
  EXPECT_EQ(answer(R"({"hex":"30"})"), R"({"id":null,"verdict":"incomplete","consumed":0,"needed":2})"
                                       "\n");
  // What follows the packet is left alone, and said to be.
  EXPECT_EQ(parse_lines(answer(R"({"hex":"d000d0"})"))[0].integer_of("consumed", -1), 2);
  for (const char* line : {R"({"id":1})", R"({"id":1,"hex":"2"})", "[]", "{", R"({"hex":5})"}) {
    EXPECT_NE(answer(line).find(R"("verdict":"unreadable")"), std::string::npos) << line;
    EXPECT_EQ(decode({"--jsonl"}, line).exit_code, 1);
  }
  EXPECT_EQ(decode({"--jsonl"}, "\n{\"hex\":\"3000\"}\n").exit_code, 0);  // the question was answered
}

TEST(DecodeMqtt, JudgesByWhatTheLineSaysOfTheConnection) {
  struct Row {
    const char* line;
    const char* reason;  // empty: accepted
    const char* clause = "";
  };
  const Row rows[] = {
      {R"({"hex":"d000","state":"await_connack"})", "0x82", "[MQTT-3.2.0-1]"},
      {R"({"hex":"2003000000","state":"await_connack"})", ""},
      {R"({"hex":"2003000000","state":"connected"})", "0x82", "[MQTT-3.2.0-2]"},
      {R"({"hex":"2003010000","ctx":{"clean_start":true}})", "0x82", "[MQTT-3.2.2-2]"},
      {R"({"hex":"2003010000","ctx":{"clean_start":false}})", ""},
      {R"({"hex":"d000","from":"client"})", "0x82"},
      {R"({"hex":"c000","from":"client"})", ""},
      {R"({"hex":"3007 0001 61 03 23 0005","ctx":{"topic_alias_maximum":4}})", "0x94", "MQTT 5 3.3.2.3.4"},
      {R"({"hex":"3007 0001 61 03 23 0005","ctx":{"topic_alias_maximum":5}})", ""},
      {R"({"hex":"3006 0000 03 23 0005","ctx":{"topic_alias_maximum":5,"known_aliases":[4]}})", "0x82"},
      {R"({"hex":"3006 0000 03 23 0005","ctx":{"topic_alias_maximum":5,"known_aliases":[5]}})", ""},
      {R"({"hex":"3004 0001 61 00","ctx":{"maximum_packet_size":5}})", "0x95"},
      {R"({"hex":"3004 0001 61 00","ctx":{"maximum_packet_size":6}})", ""},
      {R"({"hex":"f00618 04 15 0001 6d","ctx":{"auth_method":null}})", "0x82", "[MQTT-4.12.0-6]"},
      {R"({"hex":"f00618 04 15 0001 6d","ctx":{"auth_method":"n"}})", "0x82", "[MQTT-4.12.0-5]"},
      {R"({"hex":"f00618 04 15 0001 6d","ctx":{"auth_method":"m"}})", ""},
      {R"({"hex":"9004 0001 00 00","ctx":{"topic_filters":2}})", "0x82", "MQTT 5 3.9.3"},
      {R"({"hex":"9005 0001 00 00 01","ctx":{"topic_filters":2}})", ""},
      {R"({"hex":"4002 0001","ctx":{"outstanding":"client SUBSCRIBE id 1"}})", "0x82", "[MQTT-2.2.1-6]"},
      {R"({"hex":"4002 0001","ctx":{"outstanding":"client SUBSCRIBE id 12"}})", ""},
      {R"({"hex":"4002 0001","ctx":{"outstanding":"client PUBLISH QoS 1 id 1"}})", ""},
      {R"({"hex":"9004 0001 00 00","ctx":{"outstanding":"client UNSUBSCRIBE id 1"}})", "0x82", "[MQTT-2.2.1-6]"},
  };
  for (const Row& row : rows) {
    const JsonNode told = parse_lines(answer(row.line))[0];
    EXPECT_EQ(told.text_of("verdict"), std::strlen(row.reason) == 0 ? "accept" : "reject") << row.line;
    EXPECT_EQ(told.text_of("reason"), row.reason) << row.line;
    if (std::strlen(row.clause) != 0) {
      EXPECT_EQ(told.text_of("clause"), row.clause) << row.line;
    }
  }
}

// MQTT 5 1.2: what was parsed and is not allowed by the protocol is a Protocol Error (0x82), and so say BAD_INPUTS
// M-46, M-48, M-50, M-51, M-59 and M-62; of such a reason code, or of none, the vectors say malformed (0x81).
bool about_a_reason_code(std::string_view rule) {
  return rule.find("eason code") != std::string_view::npos || rule.find("Reason Code") != std::string_view::npos;
}

TEST(DecodeMqtt, AgreesWithTheSharedVectors) {
  const std::string lines = shared_vectors("mqtt5_vectors.jsonl");
  if (lines.empty()) GTEST_SKIP() << "the shared vectors are not here";
  const std::vector<JsonNode> vectors = parse_lines(lines);
  const Outcome outcome = decode({"--jsonl"}, lines);
  EXPECT_EQ(outcome.exit_code, 0);
  const std::vector<JsonNode> answers = parse_lines(outcome.text);
  ASSERT_EQ(vectors.size(), answers.size());
  std::size_t other_reason = 0;
  for (std::size_t at = 0; at < vectors.size(); ++at) {
    const JsonNode& vector = vectors[at];
    const JsonNode& told = answers[at];
    SCOPED_TRACE(std::string(vector.text_of("id")) + " " + std::string(vector.text_of("rule")));
    ASSERT_EQ(told.text_of("id"), vector.text_of("id"));
    const std::string_view verdict = told.text_of("verdict");
    if (vector.text_of("verdict") == "either") {
      EXPECT_TRUE(verdict == "accept" || verdict == "reject");
    } else {
      EXPECT_EQ(verdict, vector.text_of("verdict"));
    }
    const JsonNode* const fields = vector.find("fields");
    if (verdict == "accept" && fields != nullptr) {
      EXPECT_TRUE(same(*fields, *told.find("fields")));
    }
    if (verdict == "accept" && vector.find("value") != nullptr) {
      EXPECT_TRUE(same(*vector.find("value"), *told.find("value")));
    }
    if (verdict != "reject" || vector.find("reason") == nullptr) continue;
    bool agrees = told.text_of("reason") == vector.text_of("reason");
    if (const JsonNode* const others = vector.find("reasons_ok")) {
      for (const JsonNode& other : others->items) agrees = agrees || other.text == told.text_of("reason");
    }
    if (agrees) continue;
    ++other_reason;
    EXPECT_TRUE(about_a_reason_code(vector.text_of("rule")));
    EXPECT_EQ(told.text_of("reason"), "0x82");
    EXPECT_EQ(vector.text_of("reason"), "0x81");
  }
  EXPECT_GT(vectors.size(), 1'300U);
  EXPECT_LE(other_reason, 31U);
}

}  // namespace
}  // namespace axonpush::tool
