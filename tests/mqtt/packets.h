// One or more right packets of every type and from both sides, as first byte and body, and the ways tests feed them.
#pragma once

#include <gtest/gtest.h>

#include "support/guarded_bytes.h"
#include "support/mqtt_fields.h"

namespace axonpush::test {

using mqtt::PacketType;
using mqtt::Sender;

struct Sample {
  const char* name;
  Sender sender;
  const char* first;  // one byte of hex
  const char* body;   // hex; the Remaining Length is put in between
};

inline constexpr Sample kSamples[] = {
    {"CONNECT, least", Sender::client, "10", "0004 4d515454 05 02 001e 00 0003 616263"},
    {"CONNECT, properties", Sender::client, "10",
     "0004 4d515454 05 02 003c 1b 1100000078 21000a 2700000400 22000a 1901 1700 26 0001 6b 0001 76 0003 616263"},
    {"CONNECT, user name, empty password", Sender::client, "10",
     "0004 4d515454 05 c2 001e 05 110000012c 0003 616263 0005 746f6b656e 0000"},
    {"CONNECT, will", Sender::client, "10",
     "0004 4d515454 05 2e 003c 00 0003 616263 0b 1800000005 0101 030001 74 0004 77696c6c 0002 6869"},
    {"CONNECT, authentication", Sender::client, "10", "0004 4d515454 05 00 0000 08 15 0001 6d 16 0001 64 0000"},
    {"CONNACK, no properties", Sender::server, "20", "00 00 00"},
    {"CONNACK, session present", Sender::server, "20", "01 00 00"},
    {"CONNACK, refused", Sender::server, "20", "00 87 05 1f 0002 6e6f"},
    {"CONNACK, limits", Sender::server, "20", "00 00 18 21000a 2401 2500 2700000100 220008 130005 2801 2900 2a01"},
    {"PUBLISH QoS 0", Sender::server, "30", "0003 612f62 00 6869"},
    {"PUBLISH QoS 0, retained, empty payload", Sender::client, "31", "0003 612f62 00"},
    {"PUBLISH QoS 1", Sender::server, "32", "0003 612f62 0001 00 6869"},
    {"PUBLISH QoS 1, DUP", Sender::client, "3a", "0003 612f62 ffff 00 6869"},
    {"PUBLISH QoS 2, DUP, retained", Sender::server, "3d", "0003 612f62 0007 00 6869"},
    {"PUBLISH, properties", Sender::server, "32",
     "0003 612f62 0001 19 0101 020000003c 0b 05 0b 8001 030001 74 080001 72 090002 0102 6869"},
    {"PUBLISH, alias and user properties", Sender::client, "32",
     "0000 0001 11 230001 26 0001 6b 0001 76 26 0001 6b 0001 77 21"},
    {"PUBLISH, UTF-8 topic", Sender::server, "30", "0009 c3a9e697a5f09f9880 00"},
    {"PUBACK, two bytes", Sender::server, "40", "0001"},
    {"PUBACK, reason code", Sender::server, "40", "0001 10"},
    {"PUBACK, no properties", Sender::client, "40", "0001 00 00"},
    {"PUBACK, properties", Sender::server, "40", "0001 97 0c 1f 0002 6e6f 26 0001 6b 0001 76"},
    {"PUBREC", Sender::client, "50", "0001"},
    {"PUBREC, properties", Sender::server, "50", "0001 91 05 1f 0002 6e6f"},
    {"PUBREL", Sender::server, "62", "0001"},
    {"PUBREL, reason code", Sender::client, "62", "0001 92 00"},
    {"PUBCOMP", Sender::server, "70", "0001"},
    {"PUBCOMP, properties", Sender::client, "70", "0001 92 07 26 0001 6b 0001 76"},
    {"SUBSCRIBE", Sender::client, "82", "0001 00 0003 612f62 01"},
    {"SUBSCRIBE, several", Sender::client, "82",
     "0001 02 0b 7f 0003 612f2b 2e 0001 23 11 000c 24736861 72652f 6e2f612f23 0a"},
    {"SUBACK", Sender::server, "90", "0001 00 00"},
    {"SUBACK, several", Sender::server, "90", "0001 05 1f 0002 6e6f 00 01 02 80 83 87 8f 91 97 9e a1 a2"},
    {"UNSUBSCRIBE", Sender::client, "a2", "0001 00 0003 612f62 0001 23"},
    {"UNSUBACK", Sender::server, "b0", "0001 00 00 11 80 83 87 8f 91"},
    {"UNSUBACK, properties", Sender::server, "b0", "0001 07 26 0001 6b 0001 76 00"},
    {"PINGREQ", Sender::client, "c0", ""},
    {"PINGRESP", Sender::server, "d0", ""},
    {"DISCONNECT, nothing", Sender::server, "e0", ""},
    {"DISCONNECT, reason code", Sender::server, "e0", "8e"},
    {"DISCONNECT, properties", Sender::server, "e0", "9c 0c 1c 0001 73 1f 0005 6d6f766564"},
    {"DISCONNECT, session expiry", Sender::client, "e0", "04 05 1100000000"},
    {"AUTH, continue", Sender::server, "f0", "18 08 15 0001 6d 16 0001 64"},
    {"AUTH, again", Sender::client, "f0", "19 04 15 0001 6d"},
    {"AUTH, success", Sender::server, "f0", "00 04 15 0001 6d"},
};

// First byte, Remaining Length, body.
inline std::vector<std::uint8_t> packet_of(std::string_view first, std::string_view body) {
  std::vector<std::uint8_t> packet = bytes_of_hex(first);
  const std::vector<std::uint8_t> rest = bytes_of_hex(body);
  std::size_t size = rest.size();
  do {
    packet.push_back(static_cast<std::uint8_t>(size % 128 + (size >= 128 ? 128 : 0)));
    size /= 128;
  } while (size != 0);
  packet.insert(packet.end(), rest.begin(), rest.end());
  return packet;
}
inline std::vector<std::uint8_t> packet_of(const Sample& sample) { return packet_of(sample.first, sample.body); }

// 0x81 with its row, by which tests are found.
struct Bad {
  const char* row;
  const char* hex;  // the whole packet
  unsigned reason;
  Sender sender = Sender::server;
};

// Decodes `bytes` whole and at every shorter length, each flush against a guard page: a prefix is either not enough yet
// (and says how many bytes it needs, truthfully), or the same error already, from some length on for good.
inline mqtt::Decoded decode_everywhere(Bytes bytes, const mqtt::DecodeOptions& options, mqtt::Packet& packet) {
  static GuardedBytes guarded(1 << 19);
  mqtt::Decoded whole = mqtt::decode(guarded.hold(bytes), options, packet);
  bool failed = false;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    if (size > 512 && size + 512 < bytes.size() && size % 257 != 0) continue;
    mqtt::Packet part;
    part.type = PacketType::reserved;
    part.flags = 0xEE;
    const mqtt::Decoded decoded = mqtt::decode(guarded.hold(bytes.first(size)), options, part);
    if (decoded.progress == Progress::need_more) {
      EXPECT_FALSE(failed) << "an error was taken back at " << size;
      EXPECT_GT(decoded.size, size);
      if (whole.progress == Progress::done) {
        EXPECT_LE(decoded.size, whole.size) << "at " << size;
      }
    } else if (decoded.progress == Progress::error) {
      failed = true;
      EXPECT_EQ(whole.progress, Progress::error) << "at " << size;
      EXPECT_EQ(decoded.rule, whole.rule) << "at " << size;
      EXPECT_EQ(decoded.offset, whole.offset) << "at " << size;
    } else {
      EXPECT_EQ(whole.progress, Progress::done) << "at " << size;
      EXPECT_EQ(decoded.size, whole.size);
      EXPECT_LE(decoded.size, size);
      continue;
    }
    // Written only on done.
    EXPECT_EQ(part.type, PacketType::reserved);
    EXPECT_EQ(part.flags, 0xEE);
  }
  if (whole.progress == Progress::error) {
    EXPECT_LE(whole.offset, bytes.size());
  }
  // The views point into the guarded copy, which is filled anew here and stays until the next call.
  if (whole.progress == Progress::done) whole = mqtt::decode(guarded.hold(bytes), options, packet);
  return whole;
}

inline void expect_bad(const Bad& bad) {
  SCOPED_TRACE(std::string(bad.row) + ": " + bad.hex);
  mqtt::Packet packet;
  const std::vector<std::uint8_t> bytes = bytes_of_hex(bad.hex);
  const mqtt::Decoded decoded = decode_everywhere(bytes, {bad.sender}, packet);
  ASSERT_EQ(decoded.progress, Progress::error);
  EXPECT_EQ(static_cast<unsigned>(mqtt::reason_of(decoded.rule)), bad.reason) << mqtt::text_of(decoded.rule);
  EXPECT_FALSE(mqtt::text_of(decoded.rule).empty());
  EXPECT_FALSE(mqtt::clause_of(decoded.rule).empty());
  const Error error = mqtt::error_of(decoded);
  EXPECT_EQ(error.number(), bad.reason);
  EXPECT_EQ(error.offset(), decoded.offset);
  EXPECT_EQ(error.clause(), mqtt::clause_of(decoded.rule));
  const Errc expected = bad.reason == 0x81   ? Errc::mqtt_malformed
                        : bad.reason == 0x95 ? Errc::mqtt_packet_too_large
                        : bad.reason == 0x94 ? Errc::mqtt_topic_alias
                                             : Errc::mqtt_protocol;
  EXPECT_EQ(error.code(), expected);
}

// The whole packet is right; its fields.
inline Fields expect_good(Bytes bytes, const mqtt::DecodeOptions& options) {
  mqtt::Packet packet;
  const mqtt::Decoded decoded = decode_everywhere(bytes, options, packet);
  EXPECT_EQ(decoded.progress, Progress::done)
      << hex_of(bytes.first(bytes.size() < 80 ? bytes.size() : 80)) << ": " << mqtt::text_of(decoded.rule);
  if (decoded.progress != Progress::done) return {};
  EXPECT_EQ(decoded.size, bytes.size());
  return fields_of(packet);
}
inline Fields expect_good(std::string_view hex, Sender sender = Sender::server) {
  const std::vector<std::uint8_t> bytes = bytes_of_hex(hex);
  return expect_good(bytes, {sender});
}

}  // namespace axonpush::test
