// BAD_INPUTS section 4 and the packets of section 6 as far as one packet tells; what depends on earlier packets is
// tested with the session. Every row runs at every length, flush against a guard page.
#include <string>

#include "mqtt/rule.h"
#include "packets.h"
#include "support/allocations.h"
#include "support/mqtt_compare.h"

namespace axonpush::test {
namespace {

// The 15 wrong nibbles of each packet whose flags are fixed.
void expect_flags_refused(std::string_view first, std::string_view body, Sender sender) {
  const std::vector<std::uint8_t> right = packet_of(first, body);
  for (unsigned flags = 0; flags < 16; ++flags) {
    std::vector<std::uint8_t> wrong = right;
    wrong[0] = static_cast<std::uint8_t>((right[0] & 0xF0U) | flags);
    if (wrong[0] == right[0]) {
      expect_good(wrong, {sender});
    } else {
      expect_bad({"M-08", hex_of(wrong).c_str(), 0x81, sender});
    }
  }
}

TEST(MqttDecode, ReadsEverySample) {
  for (const Sample& sample : kSamples) {
    SCOPED_TRACE(sample.name);
    const std::vector<std::uint8_t> bytes = packet_of(sample);
    expect_good(bytes, {sample.sender});
    mqtt::Packet packet;
    ASSERT_EQ(mqtt::decode(bytes, {sample.sender}, packet).progress, Progress::done);
    EXPECT_EQ(packet.flags, bytes[0] & 0x0F);
    EXPECT_EQ(difference(bytes, sample.sender, limits::kMqttPacketBytes), "");
  }
}

TEST(MqttDecode, SamplesCoverEveryType) {
  unsigned seen = 0;
  for (const Sample& sample : kSamples) seen |= 1U << (packet_of(sample)[0] >> 4);
  EXPECT_EQ(seen, 0xFFFEU);
}

TEST(MqttDecode, LeavesWhatFollowsAlone) {
  for (const Sample& sample : kSamples) {
    std::vector<std::uint8_t> bytes = packet_of(sample);
    const std::size_t size = bytes.size();
    bytes.insert(bytes.end(), {0x00, 0xFF, 0x13});
    mqtt::Packet packet;
    const mqtt::Decoded decoded = decode_everywhere(bytes, {sample.sender}, packet);
    ASSERT_EQ(decoded.progress, Progress::done) << sample.name;
    EXPECT_EQ(decoded.size, size) << sample.name;
  }
}

TEST(MqttDecode, AllocatesNothing) {
  for (const Sample& sample : kSamples) {
    const std::vector<std::uint8_t> bytes = packet_of(sample);
    mqtt::Packet packet;
    const std::uint64_t before = allocation_count();
    const mqtt::Decoded decoded = mqtt::decode(bytes, {sample.sender}, packet);
    EXPECT_EQ(allocation_count(), before);
    EXPECT_EQ(decoded.progress, Progress::done);
  }
}

TEST(MqttDecode, FixedHeader) {
  constexpr Bad kRows[] = {
      {"M-01 type 0", "00", 0x81},
      {"M-01 type 0", "0000", 0x81},
      {"M-01 type 0 with flags", "0f00", 0x81},
      {"M-02 CONNECT from a server", "100f00044d51545405020000000003616263", 0x82},
      {"M-02 SUBSCRIBE from a server", "8209000100 0003612f6201", 0x82},
      {"M-02 UNSUBSCRIBE from a server", "a2080001000003612f62", 0x82},
      {"M-02 PINGREQ from a server", "c000", 0x82},
      {"M-02 PINGREQ from a server, with a body", "c00100", 0x82},
      {"M-02 the other way: CONNACK from a client", "2003000000", 0x82, Sender::client},
      {"M-02 the other way: SUBACK from a client", "900400010000", 0x82, Sender::client},
      {"M-02 the other way: UNSUBACK from a client", "b00400010000", 0x82, Sender::client},
      {"M-02 the other way: PINGRESP from a client", "d000", 0x82, Sender::client},
      {"M-03 a fifth byte of length", "308080808001", 0x81},
      {"M-03 without waiting for it", "3080808080", 0x81},
      {"M-03 all ones", "30ffffffff", 0x81},
      {"M-04 the largest length there is", "30ffffff7f", 0x95},
      {"M-05 not minimal", "d08000", 0x81},
      {"M-05 not minimal", "30ff8000", 0x81},
      {"M-05 not minimal", "30ffffff00", 0x81},
      {"M-05 not minimal, and all is there", "308600 000161007878", 0x81},
      {"M-05 not minimal, and all is there", "30868000 000161007878", 0x81},
      {"M-10 QoS 3", "36110005746f70696304d2007061796c6f6164", 0x81},
      {"M-10 QoS 3", "3e00", 0x81},
      {"M-11 DUP at QoS 0", "380f0005746f706963007061796c6f6164", 0x81},
      {"M-11 DUP at QoS 0", "390f0005746f706963007061796c6f6164", 0x81},
  };
  for (const Bad& row : kRows) expect_bad(row);
}

TEST(MqttDecode, ErrorsSayAtWhichByte) {
  struct Place {
    const char* hex;
    std::uint32_t offset;
    Sender sender = Sender::server;
  };
  constexpr Place kPlaces[] = {
      {"0000", 0},                                                    // the type
      {"4100", 0},                                                    // the flags
      {"c000", 0},                                                    // who sends it
      {"30ffffff7f", 0},                                              // too large
      {"d08000", 2},                                                  // the length's last byte
      {"3080808080", 4},                                              // its fourth
      {"36110005746f70696304d2007061796c6f6164", 0},                  // QoS 3
      {"3004 0001 23 00", 4},                                         // a wildcard in the topic
      {"3205 0001 61 0000", 5},                                       // packet id 0
      {"3003 0000 00", 2},                                            // no topic and no alias
      {"20 03 02 00 00", 2},                                          // flags of CONNACK
      {"20 03 01 87 00", 2},                                          // a session behind a refusal
      {"20 03 00 04 00", 3},                                          // its reason code
      {"20 06 00 00 03 210000", 6},                                   // Receive Maximum 0
      {"d0 01 00", 2},                                                // a byte too many
      {"30 0b 0001 61 07 26 0001 ff 0001 62", 9},                     // a user property's name
      {"30 0b 0001 61 07 26 0001 62 0001 ff", 12},                    // its value
      {"30 09 0001 61 05 03 0002 6200", 9},                           // NUL in a Content Type
      {"30 08 0001 61 04 08 0001 23", 9},                             // a wildcard in a Response Topic
      {"82 07 0001 00 0001 61 03", 8, Sender::client},                // QoS 3 of a subscription
      {"82 08 0001 00 0002 6123 00", 7, Sender::client},              // a filter
      {"10 0d 0004 4d515454 04 02 0000 00 0000", 8, Sender::client},  // protocol version 4
  };
  for (const Place& place : kPlaces) {
    mqtt::Packet packet;
    const std::vector<std::uint8_t> bytes = bytes_of_hex(place.hex);
    const mqtt::Decoded decoded = mqtt::decode(bytes, {place.sender}, packet);
    ASSERT_EQ(decoded.progress, Progress::error) << place.hex;
    EXPECT_EQ(decoded.offset, place.offset) << place.hex << ": " << mqtt::text_of(decoded.rule);
  }
}

// Taken for one byte of length, 0x80 would be that of a PUBLISH which begins one byte early.
TEST(MqttDecode, ALengthThatIsNotMinimalIsNoneOfOneByte) {  // M-05
  std::vector<std::uint8_t> bytes = bytes_of_hex("30 80 00 01 61 00");
  bytes.resize(2 + 128, 'x');
  mqtt::Packet packet;
  EXPECT_EQ(mqtt::decode(bytes, {}, packet).rule, mqtt::Rule::remaining_length_not_minimal);
}

TEST(MqttDecode, ReservedFlags) {  // M-08, M-09, [MQTT-2.1.3-1]
  expect_flags_refused("10", kSamples[0].body, Sender::client);
  expect_flags_refused("20", "000000", Sender::server);
  expect_flags_refused("40", "0001", Sender::server);
  expect_flags_refused("50", "0001", Sender::server);
  expect_flags_refused("62", "0001", Sender::server);  // M-09
  expect_flags_refused("70", "0001", Sender::server);
  expect_flags_refused("82", "000100 0001 61 00", Sender::client);
  expect_flags_refused("90", "00010000", Sender::server);
  expect_flags_refused("a2", "000100 0001 61", Sender::client);
  expect_flags_refused("b0", "00010000", Sender::server);
  expect_flags_refused("c0", "", Sender::client);
  expect_flags_refused("d0", "", Sender::server);
  expect_flags_refused("e0", "", Sender::server);
  expect_flags_refused("f0", "0004 15 0001 6d", Sender::server);
}

TEST(MqttDecode, WaitsInsideTheRemainingLength) {  // M-06
  mqtt::Packet packet;
  for (const char* hex : {"30", "3080", "308080", "30808080"}) {
    const std::vector<std::uint8_t> bytes = bytes_of_hex(hex);
    const mqtt::Decoded decoded = mqtt::decode(bytes, {}, packet);
    EXPECT_EQ(decoded.progress, Progress::need_more) << hex;
    EXPECT_EQ(decoded.size, bytes.size() + 1) << hex;
  }
  EXPECT_EQ(mqtt::decode({}, {}, packet).size, 2U);
}

TEST(MqttDecode, PacketSizeAtItsLimit) {  // M-07, M-04, [MQTT-3.1.2-24]
  constexpr std::uint32_t kLimit = 200;
  // 3 bytes of fixed header, 5 of topic and properties, the rest is payload.
  for (const std::uint32_t size : {kLimit, kLimit + 1}) {
    std::string body = "0002 6162 00";
    for (std::uint32_t count = 3 + 5; count < size; ++count) body += "78";
    const std::vector<std::uint8_t> bytes = packet_of("30", body);
    ASSERT_EQ(bytes.size(), size);
    mqtt::Packet packet;
    const mqtt::Decoded decoded = decode_everywhere(bytes, {Sender::server, kLimit}, packet);
    if (size == kLimit) {
      EXPECT_EQ(decoded.progress, Progress::done);
    } else {
      EXPECT_EQ(decoded.progress, Progress::error);
      EXPECT_EQ(mqtt::reason_of(decoded.rule), mqtt::ReasonCode::packet_too_large);
      // On the header alone.
      EXPECT_EQ(mqtt::decode(Bytes(bytes).first(3), {Sender::server, kLimit}, packet).progress, Progress::error);
    }
  }
  // The shortcut for a PUBACK keeps to the limit as well.
  const std::vector<std::uint8_t> puback = bytes_of_hex("40020001");
  mqtt::Packet packet;
  EXPECT_EQ(mqtt::decode(puback, {Sender::server, 3}, packet).progress, Progress::error);
  EXPECT_EQ(mqtt::decode(puback, {Sender::server, 4}, packet).progress, Progress::done);
}

TEST(MqttDecode, RetainGoesWithEverything) {  // M-13, M-12 (QoS 2 is legal to the codec), M-66
  for (const unsigned first : {0x30U, 0x31U, 0x32U, 0x33U, 0x34U, 0x35U, 0x3AU, 0x3BU, 0x3CU, 0x3DU}) {
    const std::uint8_t byte = static_cast<std::uint8_t>(first);
    const Fields fields =
        expect_good(packet_of(hex_of({&byte, 1}), (first & 6U) == 0 ? "0001 61 00 62" : "0001 61 0005 00 62"), {});
    EXPECT_EQ(fields.at("retain"), (first & 1U) != 0 ? "1" : "0");
    EXPECT_EQ(fields.at("dup"), (first & 8U) != 0 ? "1" : "0");
    EXPECT_EQ(fields.at("qos"), std::to_string(first >> 1 & 3U));
    EXPECT_EQ(fields.at("payload_hex"), "62");
  }
}

TEST(MqttDecode, Publish) {
  constexpr Bad kRows[] = {
      {"M-20 topic length over the rest", "30020001", 0x81},
      {"M-20 topic length over the rest", "3003000261", 0x81},
      {"M-20 topic length over the rest, largest", "3003ffff61", 0x81},
      {"M-20 nothing at all", "3000", 0x81},
      {"M-20 one byte", "300100", 0x81},
      {"M-20 topic fills the packet, no properties", "3003000161", 0x81},
      {"M-20 topic fills the packet, no packet id", "3203000161", 0x81},
      {"M-21 no packet id", "32050003612f62", 0x81},
      {"M-21 half a packet id", "32060003612f6200", 0x81},
      {"M-21 no Property Length", "32070003612f620001", 0x81},
      {"M-22 packet id 0", "32080003612f62000000", 0x82},
      {"M-22 packet id 0 at QoS 2", "34080003612f62000000", 0x82},
      {"M-23 no topic, no alias", "300500000061 62", 0x82},
      {"M-24 topic with #", "30080003612f23006869", 0x81},
      {"M-24 topic with +", "30080003612b62006869", 0x81},
      {"M-24 topic is #", "3004000123 00", 0x81},
      {"M-15 U+0000 in a topic", "30080003610062006869", 0x81},
  };
  for (const Bad& row : kRows) expect_bad(row);
}

// Properties of 128 bytes and more go the long way, which knows of aliases too.
TEST(MqttDecode, AliasInPlaceOfATopicBesideManyProperties) {            // M-23, [MQTT-3.3.2-8]
  const std::string pair = "26 0001 6b 0078 " + std::string(240, '6');  // 126 bytes
  mqtt::Packet packet;
  const std::vector<std::uint8_t> named = packet_of("30", "0000 8101 230007 " + pair + " 6869");
  ASSERT_EQ(decode_everywhere(named, {}, packet).progress, Progress::done);
  EXPECT_EQ(packet.publish.topic_alias, 7U);
  EXPECT_EQ(text_of(packet.publish.payload), "hi");
  const std::vector<std::uint8_t> nameless =
      packet_of("30", "0000 8101 020000003c 26 0001 6b 0076 " + std::string(236, '6') + " 6869");
  expect_bad({"M-23", hex_of(nameless).c_str(), 0x82});
}

TEST(MqttDecode, TopicOfAnySize) {  // M-26, M-24 at every place
  GuardedBytes guarded(1 << 17);
  for (const std::size_t size : {1U,  2U,  3U,  4U,  7U,  8U,  9U,   15U,  16U,  17U,  31U,
                                 32U, 33U, 54U, 63U, 64U, 65U, 127U, 128U, 129U, 200U, 65'535U}) {
    std::vector<std::uint8_t> body = {static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
    body.resize(2 + size, 'x');
    body.push_back(0);
    std::vector<std::uint8_t> bytes = packet_of("30", hex_of(body));
    const std::size_t topic_at = bytes.size() - 1 - size;
    mqtt::Packet packet;
    const Bytes whole = guarded.hold(bytes);
    ASSERT_EQ(mqtt::decode(whole, {}, packet).progress, Progress::done) << size;
    EXPECT_EQ(packet.publish.topic.size(), size);
    // A view, not a copy.
    EXPECT_EQ(bytes_of(packet.publish.topic).data(), whole.data() + topic_at);
    if (size > 200) continue;
    for (std::size_t at = 0; at < size; ++at) {
      for (const std::uint8_t wrong : {std::uint8_t{0}, std::uint8_t{'+'}, std::uint8_t{'#'}, std::uint8_t{0xFF}}) {
        bytes[topic_at + at] = wrong;
        EXPECT_EQ(mqtt::decode(guarded.hold(bytes), {}, packet).progress, Progress::error)
            << size << " " << at << " " << unsigned(wrong);
      }
      bytes[topic_at + at] = 'x';
    }
  }
}

TEST(MqttDecode, PayloadOfAnySize) {  // M-27
  EXPECT_EQ(expect_good("3004 0001 61 00").at("payload_hex"), "");
  std::vector<std::uint8_t> body = {0, 1, 'a', 0};
  body.resize(4 + 128 * 1024, 0x7B);
  expect_good(packet_of("30", hex_of(body)), {});
  std::vector<std::uint8_t> large = {0, 1, 'a', 0};
  large.resize(limits::kMqttPacketBytes, 0);
  const std::vector<std::uint8_t> bytes = packet_of("30", hex_of(large));
  mqtt::Packet packet;
  EXPECT_EQ(mqtt::reason_of(mqtt::decode(bytes, {}, packet).rule), mqtt::ReasonCode::packet_too_large);
}

TEST(MqttDecode, RemainingLengthOfEverySize) {  // MQTT 5 1.5.5: the first and the last of each number of bytes
  for (const std::size_t size : {127U, 128U, 16'383U, 16'384U, 2'097'151U, 2'097'152U}) {
    std::vector<std::uint8_t> bytes = {0x30};
    for (std::size_t left = size; left != 0; left /= 128) {
      bytes.push_back(static_cast<std::uint8_t>(left % 128 + (left >= 128 ? 128 : 0)));
    }
    const std::size_t header = bytes.size();
    bytes.insert(bytes.end(), {0, 1, 'a', 0});
    bytes.resize(header + size + 1, 'x');  // and a byte of what follows
    mqtt::Packet packet;
    const mqtt::Decoded decoded = mqtt::decode(bytes, {Sender::server, 268'435'455}, packet);
    ASSERT_EQ(decoded.progress, Progress::done) << size;
    EXPECT_EQ(decoded.size, header + size);
    EXPECT_EQ(packet.publish.topic, "a");
    EXPECT_EQ(packet.publish.payload.size(), size - 4);
  }
}

// Taken for three bytes of length, the fourth would begin the length of a topic, behind which stands Payload Format
// Indicator; the topic there is has those bytes in it.
TEST(MqttDecode, ALengthOfFourBytesIsNoneOfThree) {  // MQTT 5 1.5.5
  constexpr std::size_t kHeader = 5;
  std::vector<std::uint8_t> bytes = bytes_of_hex("30 80 80 80 01 01 30");
  const std::size_t topic_at = bytes.size();
  bytes.resize(topic_at + 0x100, 'a');
  bytes.insert(bytes.end(), {2, 1, 1});
  bytes.resize(topic_at + 0x130, 'a');
  bytes.push_back(0);
  bytes.resize(kHeader + 2'097'152, 'x');
  mqtt::Packet packet;
  const mqtt::Decoded decoded = mqtt::decode(bytes, {Sender::server, 268'435'455}, packet);
  ASSERT_EQ(decoded.progress, Progress::done);
  EXPECT_EQ(decoded.size, bytes.size());
  EXPECT_EQ(packet.publish.topic, text_of(Bytes(bytes).subspan(topic_at, 0x130)));
  EXPECT_TRUE(packet.publish.properties.empty());
}

TEST(MqttDecode, PacketIdZero) {  // M-22, [MQTT-2.2.1-3]
  for (const char* hex :
       {"40020000", "4003000000", "50020000", "62020000", "70020000", "900400000000", "b00400000000"}) {
    expect_bad({"M-22", hex, 0x82});
  }
  expect_bad({"M-22", "82 07 0000 00 0001 61 00", 0x82, Sender::client});
  expect_bad({"M-22", "a2 06 0000 00 0001 61", 0x82, Sender::client});
}

TEST(MqttDecode, Acknowledgements) {
  for (const char* hex : {"40020001", "4003000100", "400400010000", "400b0001000726000170000171"}) {  // M-51
    EXPECT_EQ(expect_good(hex).at("reason_code"), "0") << hex;
  }
  EXPECT_EQ(expect_good("4003000110").at("reason_code"), "16");  // M-51, success without subscribers
  for (const char* hex :
       {"4003000105", "40040001ff00", "4003000192", "5003000192", "6203000180", "7003000110", "62040001ff00"}) {
    expect_bad({"M-51 reserved reason code", hex, 0x82});
  }
  expect_bad({"M-51 0x10 is a server's", "4003000110", 0x82, Sender::client});
  for (const char* hex : {"4000", "400100", "5000", "6200", "7000", "700100"}) expect_bad({"M-51 cut", hex, 0x81});
  for (const char* hex : {"40050001000000", "400500010000ff", "62050001000000"}) {
    expect_bad({"M-51 bytes left over", hex, 0x81});
  }
  for (const char* hex : {"50020001", "62020001", "70020001"}) expect_good(hex);  // M-53 is the client's to refuse
}

TEST(MqttDecode, SubackAndUnsuback) {
  expect_bad({"M-46 no reason code", "9003000100", 0x82});
  expect_bad({"M-46 no reason code", "90080001051f00026e6f", 0x82});
  expect_bad({"M-50 no reason code", "b003000100", 0x82});
  for (unsigned code = 0; code < 256; ++code) {  // M-48, M-49, M-50: every code there is
    const std::uint8_t byte = static_cast<std::uint8_t>(code);
    for (const bool suback : {true, false}) {
      const std::string hex = (suback ? "9004000100" : "b004000100") + hex_of({&byte, 1});
      if (mqtt::reason_code_allowed(suback ? PacketType::suback : PacketType::unsuback, Sender::server, byte)) {
        EXPECT_EQ(expect_good(hex).at("reason_codes.0"), std::to_string(code));
      } else {
        expect_bad({"M-48", hex.c_str(), 0x82});
      }
    }
  }
  const Fields fields = expect_good("900e00010001028083878f91979ea1a2");
  EXPECT_EQ(fields.at("reason_codes.0"), "1");
  EXPECT_EQ(fields.at("reason_codes.10"), "162");
  expect_bad({"M-48 the last of several", "900e00010001028083878f91979ea1a4", 0x82});
  expect_bad({"cut", "900100", 0x81});
  expect_bad({"cut", "90020001", 0x81});
}

TEST(MqttDecode, Connack) {
  for (unsigned flags = 2; flags < 256; ++flags) {  // M-56, [MQTT-3.2.2-1]
    const std::uint8_t byte = static_cast<std::uint8_t>(flags);
    expect_bad({"M-56", ("2003" + hex_of({&byte, 1}) + "0000").c_str(), 0x81});
  }
  expect_bad({"M-58 a failure beside Session Present", "2003018700", 0x82});
  for (unsigned code = 0; code < 256; ++code) {  // M-59
    const std::uint8_t byte = static_cast<std::uint8_t>(code);
    const std::string hex = "200300" + hex_of({&byte, 1}) + "00";
    if (mqtt::reason_code_allowed(PacketType::connack, Sender::server, byte)) {
      EXPECT_EQ(expect_good(hex).at("reason_code"), std::to_string(code));
    } else {
      expect_bad({"M-59", hex.c_str(), 0x82});
    }
  }
  for (const char* hex : {"2000", "200100", "20020000"}) expect_bad({"M-59 too short", hex, 0x81});
  expect_bad({"M-59 too long", "200400000000", 0x81});
  EXPECT_EQ(expect_good("2003010000").at("session_present"), "1");  // M-57 is the session's
}

TEST(MqttDecode, PingHasNoBody) {
  expect_bad({"M-61", "d00100", 0x81});
  expect_bad({"M-61", "c00100", 0x81, Sender::client});
}

TEST(MqttDecode, Disconnect) {  // M-62
  EXPECT_EQ(expect_good("e000").at("reason_code"), "0");
  EXPECT_EQ(expect_good("e0018b").at("reason_code"), "139");
  for (unsigned code = 0; code < 256; ++code) {
    const std::uint8_t byte = static_cast<std::uint8_t>(code);
    for (const Sender sender : {Sender::server, Sender::client}) {
      const std::string hex = "e002" + hex_of({&byte, 1}) + "00";
      if (mqtt::reason_code_allowed(PacketType::disconnect, sender, byte)) {
        const std::vector<std::uint8_t> bytes = bytes_of_hex(hex);
        EXPECT_EQ(expect_good(bytes, {sender}).at("reason_code"), std::to_string(code));
      } else {
        expect_bad({"M-62", hex.c_str(), 0x82, sender});
      }
    }
  }
  expect_bad({"M-62 bytes left over", "e003000000", 0x81});
}

TEST(MqttDecode, Auth) {  // what M-60 refuses is legal to the codec
  constexpr Bad kRows[] = {
      {"no method", "f000", 0x82},
      {"no method", "f00100", 0x82},
      {"no method", "f0021800", 0x82},
      {"data but no method", "f00618 04 16 0001 6d", 0x82},
      {"re-authenticate is a client's", "f00619 04 15 0001 6d", 0x82},
      {"success is a server's", "f00600 04 15 0001 6d", 0x82, Sender::client},
      {"a reserved code", "f00698 04 15 0001 6d", 0x82},
  };
  for (const Bad& row : kRows) expect_bad(row);
}

TEST(MqttDecode, Connect) {
  constexpr Bad kRows[] = {
      {"name missing", "10 01 00", 0x81, Sender::client},
      {"version missing", "10 06 0004 4d515454", 0x81, Sender::client},
      {"flags missing", "10 07 0004 4d515454 05", 0x81, Sender::client},
      {"half a keep alive", "10 09 0004 4d515454 05 02 00", 0x81, Sender::client},
      {"another name", "10 0d 0004 4d515455 05 02 0000 00 0000", 0x84, Sender::client},
      {"version 3's name", "10 0f 0006 4d5149736470 03 02 0000 00 0000", 0x84, Sender::client},
      {"version 4", "10 0d 0004 4d515454 04 02 0000 00 0000", 0x84, Sender::client},
      {"[MQTT-3.1.2-3]", "10 0d 0004 4d515454 05 03 0000 00 0000", 0x81, Sender::client},
      {"[MQTT-3.1.2-11]", "10 0d 0004 4d515454 05 0a 0000 00 0000", 0x81, Sender::client},
      {"[MQTT-3.1.2-13]", "10 0d 0004 4d515454 05 22 0000 00 0000", 0x81, Sender::client},
      {"[MQTT-3.1.2-12]", "10 13 0004 4d515454 05 1e 0000 00 0000 00 0001 61 0000", 0x81, Sender::client},
      {"will topic empty", "10 12 0004 4d515454 05 06 0000 00 0000 00 0000 0000", 0x82, Sender::client},
      {"will topic with #", "10 13 0004 4d515454 05 06 0000 00 0000 00 0001 23 0000", 0x81, Sender::client},
      {"will payload cut", "10 13 0004 4d515454 05 06 0000 00 0000 00 0001 61 0001", 0x81, Sender::client},
      {"user name missing", "10 0d 0004 4d515454 05 82 0000 00 0000", 0x81, Sender::client},
      {"password missing", "10 0f 0004 4d515454 05 c2 0000 00 0000 0000", 0x81, Sender::client},
      {"client id cut", "10 0d 0004 4d515454 05 02 0000 00 0001", 0x81, Sender::client},
      {"client id ill-formed", "10 0e 0004 4d515454 05 02 0000 00 0001 ff", 0x81, Sender::client},
      {"bytes left over", "10 0e 0004 4d515454 05 02 0000 00 0000 00", 0x81, Sender::client},
      {"authentication data alone", "10 11 0004 4d515454 05 02 0000 04 16 0001 61 0000", 0x82, Sender::client},
  };
  for (Bad row : kRows) {
    const std::vector<std::uint8_t> bytes = bytes_of_hex(row.hex);
    ASSERT_EQ(bytes.size(), bytes[1] + 2U) << row.row;
    expect_bad(row);
  }
}

TEST(MqttDecode, Filters) {
  constexpr Bad kRows[] = {
      {"[MQTT-3.8.3-2]", "82 03 0001 00", 0x82, Sender::client},
      {"[MQTT-3.10.3-2]", "a2 03 0001 00", 0x82, Sender::client},
      {"no options", "82 06 0001 00 0001 61", 0x81, Sender::client},
      {"filter cut", "a2 06 0001 00 0002 61", 0x81, Sender::client},
      {"filter's length cut", "a2 04 0001 00 00", 0x81, Sender::client},
      {"filter empty", "82 06 0001 00 0000 00", 0x82, Sender::client},
      {"filter a#", "82 08 0001 00 0002 6123 00", 0x81, Sender::client},
      {"filter #/a", "82 09 0001 00 0003 232f61 00", 0x81, Sender::client},
      {"share without a name", "82 0e 0001 00 0008 24736861 72652f2f 00", 0x81, Sender::client},
      {"share without a filter", "82 0e 0001 00 0008 24736861 72652f61 00", 0x81, Sender::client},
      {"[MQTT-4.8.2-1] share with nothing behind its slash", "82 0f 0001 00 0009 24736861 72652f612f 00", 0x81,
       Sender::client},
      {"[MQTT-3.8.3-5] bit 6", "82 07 0001 00 0001 61 40", 0x81, Sender::client},
      {"[MQTT-3.8.3-5] bit 7", "82 07 0001 00 0001 61 80", 0x81, Sender::client},
      {"QoS 3", "82 07 0001 00 0001 61 03", 0x82, Sender::client},
      {"Retain Handling 3", "82 07 0001 00 0001 61 30", 0x82, Sender::client},
      {"[MQTT-3.8.3-4]", "82 10 0001 00 000a 24736861 72652f6e2f61 04", 0x82, Sender::client},
      {"the second one", "82 0b 0001 00 0001 61 00 0001 62 03", 0x82, Sender::client},
  };
  for (const Bad& row : kRows) {
    const std::vector<std::uint8_t> bytes = bytes_of_hex(row.hex);
    ASSERT_EQ(bytes.size(), bytes[1] + 2U) << row.row;
    expect_bad(row);
  }
}

TEST(MqttDecode, TellsAShareNameFromAFilterThatIsWrong) {  // [MQTT-4.8.2-1], [MQTT-4.8.2-2], MQTT 5 4.7.1
  const std::pair<std::string_view, mqtt::Rule> rows[] = {
      {"a+", mqtt::Rule::filter_wildcard},
      {"$share", mqtt::Rule::none},
      {"$share/", mqtt::Rule::share_name},
      {"$share/n", mqtt::Rule::share_name},
      {"$share/n/", mqtt::Rule::share_name},
      {"$share//a", mqtt::Rule::share_name},
      {"$share/n+/a", mqtt::Rule::share_name},
      {"$share/#/a", mqtt::Rule::share_name},
      {"$share/n/a", mqtt::Rule::none},
      {"$share/n/a+", mqtt::Rule::filter_wildcard},
      {"$share/n/#/a", mqtt::Rule::filter_wildcard},
  };
  for (const auto& [filter, rule] : rows) {
    std::vector<std::uint8_t> bytes = bytes_of_hex("a200 0001 00 0000");
    bytes[6] = static_cast<std::uint8_t>(filter.size());
    bytes.insert(bytes.end(), filter.begin(), filter.end());
    bytes[1] = static_cast<std::uint8_t>(bytes.size() - 2);
    mqtt::Packet packet;
    EXPECT_EQ(mqtt::decode(bytes, {Sender::client}, packet).rule, rule) << filter;
  }
}

// A list made by hand may hold anything; walking it ends at what is cut, and reads nothing behind it.
TEST(MqttDecode, FiltersMadeByHandAreWalkedWithinTheirBytes) {
  GuardedBytes guarded(64);
  const std::vector<std::uint8_t> whole = bytes_of_hex("0001 61 01 0002 6162 02");
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    mqtt::FilterList list;
    list.raw = guarded.hold(Bytes(whole).first(size));
    list.with_options = true;
    mqtt::FilterList::Cursor at(list);
    mqtt::SubscriptionRequest request;
    std::size_t count = 0;
    while (at.next(request)) ++count;
    EXPECT_EQ(count, size < 4 ? 0U : size < 9 ? 1U : 2U) << size;
  }
}

TEST(MqttDecode, EverySingleBitFlippedAgreesWithTheReference) {  // M-68
  std::size_t rejected = 0;
  std::size_t accepted = 0;
  for (const Sample& sample : kSamples) {
    std::vector<std::uint8_t> bytes = packet_of(sample);
    ASSERT_LE(bytes.size(), 64U) << sample.name;
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ 1U << bit % 8);
      for (const Sender sender : {Sender::server, Sender::client}) {
        ASSERT_EQ(difference(bytes, sender, limits::kMqttPacketBytes), "")
            << sample.name << " bit " << bit << " " << hex_of(bytes);
        mqtt::Packet packet;
        const Progress progress = mqtt::decode(bytes, {sender}, packet).progress;
        rejected += progress == Progress::error ? 1 : 0;
        accepted += progress == Progress::done ? 1 : 0;
      }
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ 1U << bit % 8);
    }
  }
  // Neither side of the comparison may be empty.
  EXPECT_GT(rejected, 1'000U);
  EXPECT_GT(accepted, 1'000U);
}

TEST(MqttDecode, EveryByteReplacedAgreesWithTheReference) {  // M-68, wider
  for (const Sample& sample : kSamples) {
    std::vector<std::uint8_t> bytes = packet_of(sample);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      const std::uint8_t kept = bytes[at];
      for (const unsigned value :
           {0x00U, 0x01U, 0x02U, 0x23U, 0x26U, 0x2BU, 0x7FU, 0x80U, 0x92U, 0xC0U, 0xEDU, 0xFFU}) {
        bytes[at] = static_cast<std::uint8_t>(value);
        ASSERT_EQ(difference(bytes, sample.sender, limits::kMqttPacketBytes), "")
            << sample.name << " " << hex_of(bytes);
      }
      bytes[at] = kept;
    }
  }
}

}  // namespace
}  // namespace axonpush::test
