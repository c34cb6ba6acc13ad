// BAD_INPUTS section 5: every property in every packet, every way to write one wrong.
#include <string>

#include "homes.h"
#include "support/allocations.h"
#include "support/mqtt_compare.h"

namespace axonpush::test {
namespace {

using mqtt::Properties;
using mqtt::Property;
using mqtt::PropertyHome;
using mqtt::PropertyType;
using mqtt::PropertyValue;
using mqtt::PropertyWriter;

constexpr const char* kMethod = "15 0001 6d";

// AUTH wants its method whatever else is there, and CONNECT wants it beside Authentication Data.
std::string with_company(const Home& home, Property property, const char* hex) {
  const bool lonely =
      home.type == PacketType::auth || (home.type == PacketType::connect && home.home == PropertyHome::packet &&
                                        property == Property::authentication_data);
  return std::string(hex) + (lonely && property != Property::authentication_method ? kMethod : "");
}

const Home& home_of(PacketType type) {
  for (const Home& home : kHomes) {
    if (home.type == type && home.home == PropertyHome::packet) return home;
  }
  std::abort();
}

TEST(MqttProperty, CrossProductOfPropertyAndPacket) {  // M-33, M-45
  unsigned allowed = 0;
  unsigned refused = 0;
  for (const Home& home : kHomes) {
    for (const OneProperty& one : kOneOfEach) {
      for (const char* hex : {one.hex, one.other}) {
        SCOPED_TRACE(std::string(home.name) + " with " + hex);
        const std::vector<std::uint8_t> bytes = packet_with(home, with_company(home, one.id, hex));
        EXPECT_EQ(difference(bytes, home.sender, limits::kMqttPacketBytes), "");
        const bool server_expiry = home.type == PacketType::disconnect && home.sender == Sender::server &&
                                   one.id == Property::session_expiry_interval;
        const bool client_id = home.type == PacketType::publish && home.sender == Sender::client &&
                               one.id == Property::subscription_identifier;
        if (server_expiry || client_id) {
          expect_bad({"M-45", hex_of(bytes).c_str(), 0x82, home.sender});
        } else if (mqtt::property_allowed(home.type, home.home, one.id)) {
          expect_good(bytes, {home.sender});
          ++allowed;
        } else {
          expect_bad({"M-33", hex_of(bytes).c_str(), 0x81, home.sender});
          ++refused;
        }
      }
    }
  }
  // MQTT 5 table 2-4 counted by hand, two values each: CONNECT 9, Will 7, CONNACK 17, PUBLISH of a server 8 and of a
  // client 7, PUBACK to PUBCOMP 2 each, SUBSCRIBE 2, SUBACK 2, UNSUBSCRIBE 1, UNSUBACK 2, DISCONNECT of a server 3 and
  // of a client 4, AUTH 4; the two exceptions are counted apart.
  EXPECT_EQ(allowed, 2U * (9 + 7 + 17 + 8 + 7 + 4 * 2 + 2 + 2 + 1 + 2 + 3 + 4 + 4));
  EXPECT_EQ(allowed + refused, 2U * (16 * 27 - 2));
}

TEST(MqttProperty, PingCarriesNone) {  // M-33: the last two of the 15 types
  for (const OneProperty& one : kOneOfEach) {
    const std::string body = variable_hex(bytes_of_hex(one.hex).size()) + one.hex;
    expect_bad({"M-33", hex_of(packet_of("d0", body)).c_str(), 0x81, Sender::server});
    expect_bad({"M-33", hex_of(packet_of("c0", body)).c_str(), 0x81, Sender::client});
    EXPECT_FALSE(mqtt::property_allowed(PacketType::pingreq, PropertyHome::packet, one.id));
    EXPECT_FALSE(mqtt::property_allowed(PacketType::pingresp, PropertyHome::packet, one.id));
    EXPECT_FALSE(mqtt::property_allowed(PacketType::reserved, PropertyHome::packet, one.id));
    EXPECT_FALSE(mqtt::property_allowed(PacketType::publish, PropertyHome::will, one.id));
  }
}

TEST(MqttProperty, LengthPastThePacket) {  // M-30, CVE-2026-8686
  for (const Home& home : kHomes) {
    SCOPED_TRACE(home.name);
    // One byte more than there is, with nothing behind that could be taken for properties.
    const std::size_t behind = bytes_of_hex(home.behind).size();
    for (const std::size_t over : {std::size_t{1}, std::size_t{100}, std::size_t{20'000}, std::size_t{3'000'000}}) {
      const std::vector<std::uint8_t> bytes = packet_with(home, "", variable_hex(behind + over));
      expect_bad({"M-30", hex_of(bytes).c_str(), 0x81, home.sender});
    }
    for (const char* length : {"ffffffff", "80808080", "8000", "ff8000"}) {  // M-05 of the Property Length
      expect_bad({"M-05", hex_of(packet_with(home, "", length)).c_str(), 0x81, home.sender});
    }
  }
}

TEST(MqttProperty, LengthCutsAProperty) {  // M-31, OSV-2026-750
  for (const Home& home : kHomes) {
    for (const OneProperty& one : kOneOfEach) {
      if (!mqtt::property_allowed(home.type, home.home, one.id)) continue;
      const std::size_t whole = bytes_of_hex(one.hex).size();
      for (std::size_t length = 1; length < whole; ++length) {
        const std::vector<std::uint8_t> bytes = packet_with(home, one.hex, variable_hex(length));
        ASSERT_EQ(difference(bytes, home.sender, limits::kMqttPacketBytes), "") << hex_of(bytes);
        mqtt::Packet packet;
        const mqtt::Decoded decoded = decode_everywhere(bytes, {home.sender}, packet);
        // A cut property never passes; where the shorter list is right by itself there is none.
        ASSERT_EQ(decoded.progress, Progress::error) << home.name << " " << hex_of(bytes);
      }
    }
  }
}

TEST(MqttProperty, UnknownIdentifiers) {  // M-32
  for (const Home& home : kHomes) {
    for (unsigned id = 0; id < 256; ++id) {
      bool known = false;
      for (const OneProperty& one : kOneOfEach) known = known || static_cast<unsigned>(one.id) == id;
      if (known) continue;
      const std::uint8_t byte = static_cast<std::uint8_t>(id);
      expect_bad({"M-32", hex_of(packet_with(home, hex_of({&byte, 1}) + "000000")).c_str(), 0x81, home.sender});
    }
    for (const char* hex : {"8001 00", "8100 00", "a600 0000 0000", "ffffff7f", "8080808001", "ff"}) {
      expect_bad({"M-32", hex_of(packet_with(home, hex)).c_str(), 0x81, home.sender});
    }
  }
}

TEST(MqttProperty, Twice) {  // M-34
  unsigned repeated = 0;
  for (const Home& home : kHomes) {
    for (const OneProperty& one : kOneOfEach) {
      if (!mqtt::property_allowed(home.type, home.home, one.id)) continue;
      for (const char* second : {one.hex, one.other}) {
        const std::string twice = with_company(home, one.id, (std::string(one.hex) + second).c_str());
        const std::vector<std::uint8_t> bytes = packet_with(home, twice);
        ASSERT_EQ(difference(bytes, home.sender, limits::kMqttPacketBytes), "") << hex_of(bytes);
        const bool repeatable =
            one.id == Property::user_property || (one.id == Property::subscription_identifier &&
                                                  home.type == PacketType::publish && home.sender == Sender::server);
        if (repeatable) {
          expect_good(bytes, {home.sender});
          ++repeated;
        } else {
          expect_bad({"M-34", hex_of(bytes).c_str(), 0x82, home.sender});
        }
      }
    }
  }
  EXPECT_EQ(repeated, 2U * (16 + 1));
}

TEST(MqttProperty, ValuesNotAllowed) {
  for (const Home& home : kHomes) {
    for (const OneProperty& one : kOneOfEach) {
      if (!mqtt::property_allowed(home.type, home.home, one.id)) continue;
      if (mqtt::type_of(one.id) == PropertyType::byte) {  // M-35
        for (const unsigned value : {2U, 3U, 127U, 128U, 255U}) {
          const std::uint8_t bytes[] = {static_cast<std::uint8_t>(one.id), static_cast<std::uint8_t>(value)};
          expect_bad({"M-35", hex_of(packet_with(home, hex_of(bytes))).c_str(), 0x82, home.sender});
        }
      }
    }
  }
  const Home& connack = home_of(PacketType::connack);
  const Home& publish = home_of(PacketType::publish);
  const Home& connect = home_of(PacketType::connect);
  const Home& subscribe = home_of(PacketType::subscribe);
  for (const Home* home : {&connack, &connect}) {  // M-39
    expect_bad({"M-39", hex_of(packet_with(*home, "210000")).c_str(), 0x82, home->sender});
    expect_bad({"M-39", hex_of(packet_with(*home, "2700000000")).c_str(), 0x82, home->sender});
  }
  for (const Home* home : {&publish, &subscribe}) {  // M-37
    expect_bad({"M-37", hex_of(packet_with(*home, "0b00")).c_str(), 0x82, home->sender});
    expect_bad({"M-37", hex_of(packet_with(*home, "0b8000")).c_str(), 0x81, home->sender});
    expect_bad({"M-37", hex_of(packet_with(*home, "0b80808080 01")).c_str(), 0x81, home->sender});
  }
  EXPECT_EQ(expect_good(packet_with(publish, "0b01 0bffffff7f"), {}).at("properties.subscription_identifier.1"),
            "268435455");
  expect_bad({"M-38 alias 0", hex_of(packet_with(publish, "230000")).c_str(), 0x94});
  expect_bad({"[MQTT-3.3.2-14]", hex_of(packet_with(publish, "080003612f23")).c_str(), 0x82});
  expect_bad({"[MQTT-3.3.2-14]", hex_of(packet_with(publish, "0800012b")).c_str(), 0x82});
  expect_bad({"[MQTT-4.7.3-1]", hex_of(packet_with(publish, "080000")).c_str(), 0x82});
  expect_bad({"Response Topic with U+0000", hex_of(packet_with(publish, "08000100")).c_str(), 0x81});
  expect_bad({"M-45", hex_of(packet_with(home_of(PacketType::disconnect), "11 00000001")).c_str(), 0x82});
}

TEST(MqttProperty, ReadsWhatTheServerSaysOfItself) {  // M-40, M-41, M-42, M-43, M-44: as far as the packet goes
  const Home& connack = home_of(PacketType::connack);
  const std::vector<std::uint8_t> bytes =
      packet_with(connack, "210001 2700000014 2400 2800 2a00 130005 12 0000 1c 0001 78");
  mqtt::Packet packet;
  ASSERT_EQ(mqtt::decode(bytes, {}, packet).progress, Progress::done);
  const Properties& properties = packet.connack.properties;
  EXPECT_EQ(properties.integer(Property::receive_maximum, 65'535), 1U);
  EXPECT_EQ(properties.integer(Property::maximum_packet_size, 0), 20U);
  EXPECT_EQ(properties.integer(Property::maximum_qos, 2), 0U);
  EXPECT_EQ(properties.integer(Property::wildcard_subscription_available, 1), 0U);
  EXPECT_EQ(properties.integer(Property::shared_subscription_available, 1), 0U);
  EXPECT_EQ(properties.integer(Property::server_keep_alive, 30), 5U);
  EXPECT_EQ(properties.integer(Property::topic_alias_maximum, 7), 7U);  // absent
  EXPECT_TRUE(properties.has(Property::assigned_client_identifier));
  EXPECT_EQ(properties.text(Property::assigned_client_identifier), "");
  EXPECT_EQ(properties.text(Property::server_reference), "x");
  EXPECT_EQ(properties.text(Property::reason_string), "");
  EXPECT_FALSE(properties.has(Property::reason_string));
  EXPECT_TRUE(properties.binary(Property::authentication_data).empty());
  // The largest there are: an identifier (M-42) and a Reason String with control characters (M-44).
  std::string large = "12ffff";
  for (int count = 0; count < 65'535; ++count) large += "63";
  large += "1fffff";
  for (int count = 0; count < 65'535; ++count) large += count % 2 == 0 ? "1b" : "0a";
  const std::vector<std::uint8_t> big = packet_with(connack, large);
  mqtt::Packet largest;
  ASSERT_EQ(mqtt::decode(big, {}, largest).progress, Progress::done);
  EXPECT_EQ(largest.connack.properties.text(Property::assigned_client_identifier).size(), 65'535U);
  EXPECT_EQ(largest.connack.properties.text(Property::reason_string).size(), 65'535U);
}

TEST(MqttProperty, ManyUserProperties) {  // M-36: the least ones, one walk, no allocation
  constexpr std::size_t kCount = 10'000;
  std::string properties;
  for (std::size_t count = 0; count < kCount; ++count) properties += "2600000000";
  const std::vector<std::uint8_t> bytes = packet_with(home_of(PacketType::publish), properties);
  mqtt::Packet packet;
  const std::uint64_t before = allocation_count();
  ASSERT_EQ(mqtt::decode(bytes, {}, packet).progress, Progress::done);
  std::size_t seen = 0;
  PropertyValue value;
  for (Properties::Cursor at(packet.publish.properties); at.next(value);) ++seen;
  EXPECT_EQ(allocation_count(), before);
  EXPECT_EQ(seen, kCount);
}

TEST(MqttProperty, StringsAreChecked) {  // M-14, M-15, M-16, M-17, M-18
  struct Row {
    const char* hex;
    bool good;
  };
  constexpr Row kRows[] = {
      {"c3a9", true},         {"e697a5", true},
      {"f09f9880", true},     {"ed9fbf", true},
      {"ee8080", true},       {"f48fbfbf", true},
      {"efbbbf61", true}, /* M-16 */
      {"01", true},           {"1f", true},
      {"7f", true},           {"c280", true},
      {"c29f", true},         {"efbfbe", true},
      {"efbfbf", true},       {"f09fbfbf", true},
      {"efb790", true},                          /* M-17 */
      {"00", false},          {"610062", false}, /* M-15 */
      {"80", false},          {"bf", false},
      {"8080", false},        {"c3", false},
      {"c361", false},        {"e697", false},
      {"e69761", false},      {"f09f98", false},
      {"f09f9861", false},    {"c0af", false},
      {"c1bf", false},        {"e080af", false},
      {"e09fbf", false},      {"f08080af", false},
      {"f08fbfbf", false},    {"eda080", false},
      {"edbfbf", false},      {"eda080edb080", false},
      {"f4908080", false},    {"f5808080", false},
      {"f8888080 80", false}, {"fc8480808080", false},
      {"fe", false},          {"ff", false},
      {"61ff62", false},
  };
  for (const Row& row : kRows) {
    const std::size_t size = bytes_of_hex(row.hex).size();
    const std::string text = std::string("00") + variable_hex(size) + row.hex;
    // Topic, reason string, both halves of a user property, assigned client identifier, content type.
    const std::vector<std::uint8_t> packets[] = {
        packet_of("30", text + "00"),
        packet_with(home_of(PacketType::connack), "1f" + text),
        packet_with(home_of(PacketType::puback), "1f" + text),
        packet_with(home_of(PacketType::suback), "26" + text + "0000"),
        packet_with(home_of(PacketType::unsuback), "260000" + text),
        packet_with(home_of(PacketType::connack), "12" + text),
        packet_with(home_of(PacketType::publish), "03" + text),
        packet_with(home_of(PacketType::disconnect), "1c" + text),
    };
    for (const std::vector<std::uint8_t>& bytes : packets) {
      if (row.good) {
        expect_good(bytes, {});
      } else {
        expect_bad({"M-14", hex_of(bytes).c_str(), 0x81});
      }
    }
  }
  EXPECT_EQ(expect_good("30 07 0004 efbbbf61 00").at("topic"),
            "\xEF\xBB\xBF"
            "a");  // M-16: kept
  const Home& publish = home_of(PacketType::publish);
  for (const char* hex : {"03", "0300", "030001", "03ffff61", "09", "0900", "090001", "260001", "26 0001 6b",
                          "26 0001 6b 00", "26 0001 6b 0001", "26 0001 6b 0002 76"}) {
    expect_bad({"M-18", hex_of(packet_with(publish, hex)).c_str(), 0x81});
  }
}

void write(PropertyWriter& writer, const PropertyValue& value) {
  switch (mqtt::type_of(value.id)) {
    case PropertyType::utf8_string:
      writer.text(value.id, text_of(value.bytes));
      break;
    case PropertyType::binary:
      writer.binary(value.id, value.bytes);
      break;
    case PropertyType::utf8_pair:
      writer.pair(text_of(value.name), text_of(value.bytes));
      break;
    default:
      writer.integer(value.id, value.integer);
      break;
  }
}

TEST(MqttProperty, EveryLegalPairRoundTrips) {
  std::size_t pairs = 0;
  for (const Home& home : kHomes) {
    for (const OneProperty& one : kOneOfEach) {
      for (const OneProperty& two : kOneOfEach) {
        const std::string hex = with_company(home, two.id, (std::string(one.hex) + two.other).c_str());
        const std::vector<std::uint8_t> raw = bytes_of_hex(hex);
        Properties properties;
        if (!mqtt::validate_properties(home.type, home.home, home.sender, raw, properties)) continue;
        // What is read, written anew, is what was read, byte for byte, and says the same of itself.
        std::uint8_t memory[128];
        PropertyWriter writer(memory);
        PropertyValue value;
        for (Properties::Cursor at(properties); at.next(value);) write(writer, value);
        ASSERT_TRUE(writer.ok());
        EXPECT_EQ(hex_of(writer.written()), hex_of(raw));
        EXPECT_TRUE(writer.properties().has(one.id));
        EXPECT_TRUE(writer.properties().has(two.id));
        EXPECT_EQ(difference(packet_with(home, hex), home.sender, limits::kMqttPacketBytes), "");
        ++pairs;
      }
    }
  }
  EXPECT_GT(pairs, 500U);
}

TEST(MqttProperty, TellsWhetherTheyAreValid) {
  const std::vector<std::uint8_t> good = bytes_of_hex("2100 0a");
  const std::vector<std::uint8_t> bad = bytes_of_hex("2100 00");
  Properties properties;
  EXPECT_FALSE(mqtt::validate_properties(PacketType::connack, PropertyHome::packet, Sender::server, bad, properties));
  EXPECT_FALSE(properties.has(Property::receive_maximum));
  EXPECT_TRUE(properties.raw().empty());
  ASSERT_TRUE(mqtt::validate_properties(PacketType::connack, PropertyHome::packet, Sender::server, good, properties));
  EXPECT_TRUE(properties.has(Property::receive_maximum));
  EXPECT_EQ(properties.integer(Property::receive_maximum, 0), 10U);
  EXPECT_FALSE(mqtt::validate_properties(PacketType::puback, PropertyHome::packet, Sender::server, good, properties));
}

TEST(MqttProperty, WriterStopsAtItsEnd) {
  for (const OneProperty& one : kOneOfEach) {
    const std::vector<std::uint8_t> raw = bytes_of_hex(one.hex);
    PropertyValue value;
    Properties::Cursor at(Properties(raw, ~std::uint64_t{0}));
    ASSERT_TRUE(at.next(value));
    GuardedBytes guarded(4096);
    for (std::size_t room = 0; room <= raw.size(); ++room) {
      PropertyWriter writer(guarded.last(room));
      write(writer, value);
      EXPECT_EQ(writer.ok(), room == raw.size()) << one.hex << " in " << room;
      EXPECT_EQ(writer.written().size(), room == raw.size() ? raw.size() : 0);
      write(writer, value);
      EXPECT_FALSE(writer.ok());  // and stays so
    }
  }
}

TEST(MqttProperty, WriterRefusesWhatDoesNotFitItsType) {  // T-18
  std::vector<std::uint8_t> memory(200'000);
  const std::string longest(65'535, 'x');
  const std::string too_long(65'536, 'x');
  const auto ok = [&memory](auto write_it) {
    PropertyWriter writer(memory);
    write_it(writer);
    return writer.ok();
  };
  EXPECT_TRUE(ok([&](PropertyWriter& writer) { writer.text(Property::content_type, longest); }));
  EXPECT_FALSE(ok([&](PropertyWriter& writer) { writer.text(Property::content_type, too_long); }));
  EXPECT_FALSE(ok([&](PropertyWriter& writer) { writer.pair(too_long, ""); }));
  EXPECT_FALSE(ok([&](PropertyWriter& writer) { writer.pair("", too_long); }));
  EXPECT_FALSE(ok([&](PropertyWriter& writer) { writer.integer(Property::maximum_qos, 256); }));
  EXPECT_FALSE(ok([&](PropertyWriter& writer) { writer.integer(Property::receive_maximum, 65'536); }));
  EXPECT_FALSE(ok([&](PropertyWriter& writer) { writer.integer(Property::subscription_identifier, 268'435'456); }));
  EXPECT_FALSE(ok([&](PropertyWriter& writer) { writer.integer(Property::content_type, 1); }));
  EXPECT_FALSE(ok([&](PropertyWriter& writer) { writer.text(Property::maximum_qos, "1"); }));
  EXPECT_FALSE(ok([&](PropertyWriter& writer) { writer.text(Property::user_property, "1"); }));
}

TEST(MqttProperty, NamesAndTypes) {
  for (const OneProperty& one : kOneOfEach) {
    EXPECT_NE(mqtt::name_of(one.id), "unknown");
    EXPECT_NE(mqtt::key_of(one.id), "unknown");
  }
  EXPECT_EQ(mqtt::name_of(Property::session_expiry_interval), "Session Expiry Interval");
  EXPECT_EQ(mqtt::key_of(Property::subscription_identifier_available), "subscription_identifier_available");
  EXPECT_EQ(mqtt::name_of(static_cast<Property>(0)), "unknown");
  EXPECT_EQ(mqtt::key_of(static_cast<Property>(255)), "unknown");
  EXPECT_EQ(mqtt::type_of(Property::user_property), PropertyType::utf8_pair);
  EXPECT_EQ(mqtt::type_of(static_cast<Property>(4)), PropertyType::byte);
  EXPECT_FALSE(mqtt::property_allowed(PacketType::connect, PropertyHome::packet, static_cast<Property>(4)));
  EXPECT_FALSE(mqtt::property_allowed(PacketType::reserved, PropertyHome::packet, Property::user_property));
}

// Properties made by hand may hold anything; walking them ends at what is cut, and reads nothing behind it.
TEST(MqttProperty, MadeByHandAreWalkedWithinTheirBytes) {
  GuardedBytes guarded(64);
  for (const OneProperty& one : kOneOfEach) {
    const std::vector<std::uint8_t> raw = bytes_of_hex(one.hex);
    for (std::size_t size = 0; size < raw.size(); ++size) {
      const Properties cut(guarded.hold(Bytes(raw).first(size)), ~std::uint64_t{0});
      PropertyValue value;
      EXPECT_FALSE(Properties::Cursor(cut).next(value)) << one.hex << " cut at " << size;
      EXPECT_EQ(cut.integer(one.id, 77), 77U);
      EXPECT_TRUE(cut.binary(one.id).empty());
    }
    // Said to be there, and not there.
    const Properties other(raw, ~std::uint64_t{0});
    EXPECT_EQ(other.integer(static_cast<Property>(63), 77), 77U);
    EXPECT_TRUE(other.text(static_cast<Property>(63)).empty());
  }
  // A number that goes on where the properties end.
  const Properties going_on(guarded.hold(bytes_of_hex("0b80")), ~std::uint64_t{0});
  EXPECT_EQ(going_on.integer(Property::subscription_identifier, 77), 77U);
  PropertyValue value;
  const std::vector<std::uint8_t> unknown = bytes_of_hex("0401");
  EXPECT_FALSE(Properties::Cursor(Properties(unknown, 0)).next(value));
}

}  // namespace
}  // namespace axonpush::test
