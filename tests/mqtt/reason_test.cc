// MQTT 5 2.4 and the tables of chapter 3, written out a second time as lists.
#include <axonpush/mqtt/packet.h>
#include <gtest/gtest.h>

#include <set>

#include "mqtt/rule.h"

namespace axonpush::test {
namespace {

using mqtt::PacketType;
using mqtt::ReasonCode;
using mqtt::Rule;
using mqtt::Sender;

using Codes = std::set<unsigned>;

void expect_codes(PacketType type, Sender sender, const Codes& codes) {
  for (unsigned code = 0; code < 256; ++code) {
    EXPECT_EQ(mqtt::reason_code_allowed(type, sender, static_cast<std::uint8_t>(code)), codes.count(code) != 0)
        << mqtt::name_of(type) << " " << std::hex << code;
  }
}

TEST(MqttReason, CodesOfEachPacket) {
  const Codes puback = {0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99};
  Codes server_puback = puback;
  server_puback.insert(0x10);  // MQTT 5 3.4.2.1: sent only by the server
  expect_codes(PacketType::connack, Sender::server, {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
                                                     0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F});
  expect_codes(PacketType::puback, Sender::server, server_puback);
  expect_codes(PacketType::pubrec, Sender::server, server_puback);
  expect_codes(PacketType::puback, Sender::client, puback);
  expect_codes(PacketType::pubrec, Sender::client, puback);
  for (const Sender sender : {Sender::server, Sender::client}) {
    expect_codes(PacketType::pubrel, sender, {0x00, 0x92});
    expect_codes(PacketType::pubcomp, sender, {0x00, 0x92});
  }
  expect_codes(PacketType::suback, Sender::server,
               {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2});          // M-49
  expect_codes(PacketType::unsuback, Sender::server, {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91});  // M-50
  expect_codes(PacketType::disconnect, Sender::server,
               {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
                0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2});
  // BAD_INPUTS section 0: what a client may send.
  expect_codes(PacketType::disconnect, Sender::client,
               {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99});
  expect_codes(PacketType::auth, Sender::server, {0x00, 0x18});
  expect_codes(PacketType::auth, Sender::client, {0x18, 0x19});
  for (const PacketType type : {PacketType::reserved, PacketType::connect, PacketType::publish, PacketType::subscribe,
                                PacketType::unsubscribe, PacketType::pingreq, PacketType::pingresp}) {
    expect_codes(type, Sender::server, {});
    expect_codes(type, Sender::client, {});
  }
  for (const PacketType type : {PacketType::connack, PacketType::suback, PacketType::unsuback}) {
    expect_codes(type, Sender::client, {});
  }
}

TEST(MqttReason, EveryCodeHasAName) {
  std::set<std::string_view> names;
  for (unsigned code = 0; code < 256; ++code) {
    bool used = false;
    for (unsigned type = 0; type < 16; ++type) {
      for (const Sender sender : {Sender::server, Sender::client}) {
        used =
            used || mqtt::reason_code_allowed(static_cast<PacketType>(type), sender, static_cast<std::uint8_t>(code));
      }
    }
    const std::string_view name = mqtt::name_of(static_cast<ReasonCode>(code));
    EXPECT_EQ(name != "unknown", used) << code;
    if (used) {
      EXPECT_TRUE(names.insert(name).second) << name;
    }
  }
  EXPECT_EQ(names.size(), 43U);
  EXPECT_EQ(mqtt::name_of(ReasonCode::session_taken_over), "Session taken over");
  EXPECT_FALSE(mqtt::failed(ReasonCode::no_subscription_existed));
  EXPECT_TRUE(mqtt::failed(ReasonCode::unspecified_error));
  EXPECT_EQ(mqtt::name_of(PacketType::unsuback), "UNSUBACK");
  EXPECT_EQ(mqtt::name_of(static_cast<PacketType>(200)), "unknown");
}

TEST(MqttReason, EveryRuleSaysWhatAndWhy) {
  std::set<std::string_view> texts;
  for (std::size_t at = 1; at < mqtt::kRuleCount; ++at) {
    const auto rule = static_cast<Rule>(at);
    EXPECT_TRUE(texts.insert(mqtt::text_of(rule)).second) << mqtt::text_of(rule);
    EXPECT_FALSE(mqtt::clause_of(rule).empty());
    EXPECT_GE(static_cast<unsigned>(mqtt::reason_of(rule)), 0x81U);
    // A client answers a server's mistake with one of these (BAD_INPUTS section 0); 0x84 is for CONNACK, a server's.
    const bool may_close_with = mqtt::reason_code_allowed(PacketType::disconnect, Sender::client,
                                                          static_cast<std::uint8_t>(mqtt::reason_of(rule)));
    EXPECT_TRUE(may_close_with || mqtt::reason_of(rule) == ReasonCode::unsupported_protocol_version);
  }
  EXPECT_EQ(mqtt::text_of(static_cast<Rule>(255)), mqtt::text_of(Rule::none));
  EXPECT_EQ(mqtt::text_of(static_cast<Rule>(mqtt::kRuleCount)), mqtt::text_of(Rule::none));
  mqtt::Decoded nameless;  // one that no decoder makes
  nameless.progress = Progress::error;
  EXPECT_EQ(mqtt::error_of(nameless).code(), Errc::mqtt_protocol);
  mqtt::Decoded fine;
  fine.progress = Progress::done;
  EXPECT_FALSE(mqtt::error_of(fine));
}

}  // namespace
}  // namespace axonpush::test
