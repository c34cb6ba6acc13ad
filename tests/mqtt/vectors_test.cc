// The shared vectors, as far as the packet alone decides. What the vector's state or ctx decides is counted here and
// judged by `axonpush decode mqtt --jsonl`, whose test runs the same file.
#include <set>

#include "mqtt/variable_byte.h"
#include "packets.h"
#include "support/vector_lines.h"

namespace axonpush::test {
namespace {

using Values = VectorLine::Values;

std::string at(const Values& line, const std::string& name) {
  const auto found = line.find(name);
  return found == line.end() ? std::string() : found->second;
}

// "fields.x" without its front.
Fields fields_in(const Values& line) {
  Fields fields;
  for (const auto& [name, value] : line) {
    if (name.starts_with("fields.")) fields[name.substr(7)] = value;
  }
  return fields;
}

// Rules of the vectors that need more than the packet.
bool needs_the_connection(const std::string& rule) {
  for (const char* part : {"[MQTT-3.2.0-1]", "[MQTT-3.2.2-4]", "[MQTT-4.12.0-5]", "Topic Alias Maximum the client sent",
                           "Maximum Packet Size the client sent"}) {
    if (rule.find(part) != std::string::npos) return true;
  }
  return false;
}

// MQTT 5 1.2: what was parsed and is not allowed by the protocol is a Protocol Error (0x82), and so say BAD_INPUTS
// M-46, M-48, M-51, M-59 and M-62; the vectors call these malformed (0x81).
bool reason_decided_otherwise(const std::string& rule) {
  return rule.find("eason code not") != std::string::npos || rule.find("reason code a server") != std::string::npos ||
         rule.find("no reason code") != std::string::npos || rule.find("Reason Code not") != std::string::npos;
}

TEST(MqttVectors, Packets) {
  const std::vector<Values> lines = vectors("mqtt5_vectors.jsonl");
  if (lines.empty()) GTEST_SKIP() << "the shared vectors are not here";
  std::size_t agreed = 0;
  std::size_t of_the_connection = 0;
  std::size_t other_reason = 0;
  for (const Values& line : lines) {
    if (at(line, "kind") != "packet") continue;
    SCOPED_TRACE(at(line, "id") + " " + at(line, "hex") + " " + at(line, "rule"));
    const std::vector<std::uint8_t> bytes = bytes_of_hex(at(line, "hex"));
    mqtt::Packet packet;
    const mqtt::Decoded decoded = decode_everywhere(bytes, {Sender::server}, packet);
    const std::string verdict = at(line, "verdict");
    if (verdict == "incomplete") {
      EXPECT_EQ(decoded.progress, Progress::need_more);
      ++agreed;
      continue;
    }
    if (verdict == "accept" || verdict == "either") {
      ASSERT_EQ(decoded.progress, Progress::done) << mqtt::text_of(decoded.rule);
      EXPECT_EQ(fields_of(packet), fields_in(line));
      ++agreed;
      continue;
    }
    if (decoded.progress == Progress::done && needs_the_connection(at(line, "rule"))) {
      ++of_the_connection;
      continue;
    }
    ASSERT_EQ(decoded.progress, Progress::error);
    char reason[8];
    std::snprintf(reason, sizeof reason, "0x%02x", static_cast<unsigned>(mqtt::reason_of(decoded.rule)));
    std::set<std::string> fine = {at(line, "reason")};
    for (unsigned index = 0; line.count("reasons_ok." + std::to_string(index)) != 0; ++index) {
      fine.insert(at(line, "reasons_ok." + std::to_string(index)));
    }
    if (fine.count(reason) == 0) {
      EXPECT_TRUE(reason_decided_otherwise(at(line, "rule"))) << reason;
      ++other_reason;
    }
    ++agreed;
  }
  RecordProperty("agreed", static_cast<int>(agreed));
  RecordProperty("of_the_connection", static_cast<int>(of_the_connection));
  RecordProperty("other_reason", static_cast<int>(other_reason));
  EXPECT_GT(agreed, 1'000U);
  EXPECT_LT(of_the_connection, 30U);
}

TEST(MqttVectors, Strings) {
  std::size_t seen = 0;
  for (const Values& line : vectors("mqtt5_vectors.jsonl")) {
    if (at(line, "kind") != "utf8_string_field") continue;
    const std::vector<std::uint8_t> field = bytes_of_hex(at(line, "hex"));
    // As the Reason String of a DISCONNECT, which is the field, byte for byte.
    const std::vector<std::uint8_t> bytes =
        packet_of("e0", "80" + hex_of(std::vector<std::uint8_t>{static_cast<std::uint8_t>(field.size() + 1)}) + "1f" +
                            at(line, "hex"));
    ASSERT_LT(field.size(), 126U);
    mqtt::Packet packet;
    const Progress progress = decode_everywhere(bytes, {}, packet).progress;
    EXPECT_EQ(progress, at(line, "verdict") == "reject" ? Progress::error : Progress::done)
        << at(line, "id") << " " << at(line, "hex");
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << "the shared vectors are not here";
}

TEST(MqttVectors, VariableByteIntegers) {
  std::size_t seen = 0;
  for (const Values& line : vectors("mqtt5_vectors.jsonl")) {
    if (at(line, "kind") != "varint") continue;
    const std::vector<std::uint8_t> bytes = bytes_of_hex(at(line, "hex"));
    const mqtt::VariableByte read = mqtt::read_variable_byte(bytes.data(), bytes.data() + bytes.size());
    const bool done = read.state == mqtt::VariableByte::State::done;
    EXPECT_EQ(done, at(line, "verdict") == "accept") << at(line, "hex");
    if (done) {
      EXPECT_EQ(std::to_string(read.value), at(line, "value"));
    }
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << "the shared vectors are not here";
}

}  // namespace
}  // namespace axonpush::test
