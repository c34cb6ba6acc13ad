// Whole conversations as bytes, through the codec: the same verdicts in whatever pieces the bytes come, and for every
// truncation a prefix of them. The packets are encoded by the codec in the server's voice.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "mqtt/session_support.h"

namespace axonpush::test {
namespace {

class Stream {
 public:
  void connack(std::initializer_list<PropertyRow> rows = {}) {
    add(packets_.connack(ReasonCode::success, false, rows));
  }
  void publish(Qos qos, std::uint16_t id, std::string_view topic, std::initializer_list<PropertyRow> rows = {}) {
    add(packets_.publish(qos, id, topic, rows));
  }
  void ack(PacketType type, std::uint16_t id) { add(packets_.ack(type, id)); }
  void reasons(PacketType type, std::uint16_t id, std::initializer_list<std::uint8_t> codes) {
    add(packets_.reasons(type, id, codes));
  }
  void bare(PacketType type) { add(packets_.bare(type)); }
  void disconnect(ReasonCode reason) { add(packets_.notice(PacketType::disconnect, reason)); }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  void add(const Packet& packet) {
    std::array<std::uint8_t, 1'024> into{};
    const std::size_t size = encode(into, packet);
    ASSERT_NE(size, 0U);
    bytes_.insert(bytes_.end(), into.begin(), into.begin() + static_cast<std::ptrdiff_t>(size));
  }
  static std::size_t encode(MutableBytes into, const Packet& packet) {
    switch (packet.type) {
      case PacketType::connack:
        return encode_connack(into, packet.connack);
      case PacketType::publish:
        return encode_publish(into, packet.publish);
      case PacketType::suback:
      case PacketType::unsuback:
        return encode_reasons(into, packet.type, packet.reasons);
      case PacketType::disconnect:
        return encode_notice(into, packet.type, packet.notice);
      case PacketType::pingresp:
        return encode_ping(into, packet.type);
      default:
        return encode_ack(into, packet.type, packet.ack);
    }
  }
  ServerPackets packets_;
  std::vector<std::uint8_t> bytes_;
};

// Reads what has arrived so far, packet by packet; what is left over waits for more.
class Reader {
 public:
  explicit Reader(const ClientTerms& terms) : talk_(terms) {}
  void feed(Bytes more) {
    waiting_.insert(waiting_.end(), more.begin(), more.end());
    while (!waiting_.empty()) {
      Packet packet;
      // A copy of exactly the size, so that a sanitizer sees one byte too many.
      const std::vector<std::uint8_t> exact(waiting_);
      const Decoded decoded = decode(exact, {}, packet);
      ASSERT_NE(decoded.progress, Progress::error);
      if (decoded.progress == Progress::need_more) return talk_.session.on_incomplete(talk_.now);
      log_ += talk_.hear(packet) + "\n";
      after(talk_.last);
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(decoded.size));
    }
  }
  [[nodiscard]] const std::string& log() const { return log_; }

 private:
  // The client's side: after CONNACK one of each operation; every event is acknowledged.
  void after(const Verdict& verdict) {
    if (verdict.kind == Verdict::Kind::connack) {
      static_cast<void>(talk_.publish(1));
      static_cast<void>(talk_.subscribe(2, 2));
      static_cast<void>(talk_.unsubscribe(3));
      if (talk_.session.terms().qos_max == Qos::exactly_once) static_cast<void>(talk_.publish(4, Qos::exactly_once));
    }
    if (verdict.kind == Verdict::Kind::publish) static_cast<void>(talk_.session.acknowledge(verdict.packet_id));
  }
  Conversation talk_;
  std::vector<std::uint8_t> waiting_;
  std::string log_;
};

std::string log_of(const ClientTerms& terms, std::initializer_list<Bytes> pieces) {
  Reader reader(terms);
  for (const Bytes piece : pieces) reader.feed(piece);
  return reader.log();
}

void expect_same_in_any_pieces(const ClientTerms& terms, const Stream& stream, const std::string& expected) {
  const Bytes whole = stream.bytes();
  EXPECT_EQ(log_of(terms, {whole}), expected);
  Reader bytewise(terms);
  for (std::size_t at = 0; at < whole.size(); ++at) bytewise.feed(whole.subspan(at, 1));
  EXPECT_EQ(bytewise.log(), expected);
  for (std::size_t split = 0; split <= whole.size(); ++split) {
    ASSERT_EQ(log_of(terms, {whole.first(split), whole.subspan(split)}), expected) << "split at " << split;
    const std::string cut = log_of(terms, {whole.first(split)});
    ASSERT_TRUE(expected.starts_with(cut)) << "cut at " << split;
    ASSERT_TRUE(cut.empty() || cut.back() == '\n');
  }
}

TEST(MqttSessionStream, SaysTheSameInWhateverPiecesItComes) {
  Stream stream;
  stream.connack({{Property::receive_maximum, 10}, {Property::server_keep_alive, 20}});
  stream.publish(Qos::at_most_once, 0, "a", {{Property::topic_alias, 1}});
  stream.publish(Qos::at_least_once, 9, "", {{Property::topic_alias, 1}});
  stream.ack(PacketType::puback, 1);
  stream.reasons(PacketType::suback, 2, {1, 0x87});
  stream.reasons(PacketType::unsuback, 3, {0x11});
  stream.ack(PacketType::puback, 77);
  stream.bare(PacketType::pingresp);
  stream.disconnect(ReasonCode::server_busy);
  stream.publish(Qos::at_most_once, 0, "late");
  expect_same_in_any_pieces(aliases_in(2), stream,
                            "connack 0x00\npublish 0 a\npublish 9 a\ncomplete 1 #1 0x00\nsubscribed #2\n"
                            "unsubscribed #3\nignored\nignored\ndisconnect 0x89\nignored\n");
}

TEST(MqttSessionStream, SpeaksQos2InWhateverPiecesItComes) {
  Stream stream;
  stream.connack();
  stream.publish(Qos::exactly_once, 9, "a/b");
  stream.publish(Qos::exactly_once, 9, "a/b");
  stream.ack(PacketType::pubrel, 9);
  stream.ack(PacketType::pubrec, 4);
  stream.ack(PacketType::pubcomp, 4);
  expect_same_in_any_pieces(qos_2_terms(), stream,
                            "connack 0x00\npublish 9 a/b\npubrec 9 0x00\npubcomp 9 0x00\npubrel 4 0x00\n"
                            "complete 4 #4 0x00\n");
}

TEST(MqttSessionStream, FindsTheSameFaultInWhateverPiecesItComes) {  // M-46, M-47, M-53, M-54, M-64
  struct Row {
    const char* expected;
    void (*speak)(Stream& stream);
  };
  const Row rows[] = {
      {"error mqtt_protocol 0x82", [](Stream& s) { s.connack(); }},
      {"error mqtt_protocol 0x82", [](Stream& s) { s.reasons(PacketType::suback, 2, {1}); }},
      {"error mqtt_protocol 0x82", [](Stream& s) { s.reasons(PacketType::suback, 1, {1}); }},
      {"error mqtt_protocol 0x82", [](Stream& s) { s.ack(PacketType::pubrec, 1); }},
      {"error mqtt_protocol 0x82", [](Stream& s) { s.publish(Qos::exactly_once, 1, "a"); }},
      {"error mqtt_topic_alias 0x94",
       [](Stream& s) {
         s.publish(Qos::at_most_once, 0, "a", {{Property::topic_alias, 1}});
       }},
  };
  for (const Row& row : rows) {
    Stream stream;
    stream.connack();
    row.speak(stream);
    stream.publish(Qos::at_least_once, 5, "after");
    expect_same_in_any_pieces({}, stream, joined({"connack 0x00\n", row.expected, "\nignored\n"}));
  }
}

}  // namespace
}  // namespace axonpush::test
