// What the encoders write is what the decoder reads, to the byte; sizes told beforehand are true; nothing is written
// past the room; nothing too long is cut.
#include <functional>
#include <string>

#include "packets.h"
#include "support/allocations.h"

namespace axonpush::test {
namespace {

using mqtt::Packet;
using mqtt::Qos;
using mqtt::SubscriptionRequest;

// Encodes a decoded packet again.
std::size_t encode(const Packet& packet, MutableBytes into) {
  switch (packet.type) {
    case PacketType::connect:
      return mqtt::encode_connect(into, packet.connect);
    case PacketType::connack:
      return mqtt::encode_connack(into, packet.connack);
    case PacketType::publish:
      return mqtt::encode_publish(into, packet.publish);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return mqtt::encode_ack(into, packet.type, packet.ack);
    case PacketType::subscribe:
    case PacketType::unsubscribe: {
      std::vector<SubscriptionRequest> requests;
      std::vector<std::string_view> filters;
      SubscriptionRequest request;
      for (mqtt::FilterList::Cursor at(packet.filters); at.next(request);) {
        requests.push_back(request);
        filters.push_back(request.topic_filter);
      }
      const Bytes properties = packet.filters.properties.raw();
      if (packet.type == PacketType::unsubscribe) {
        return mqtt::encode_unsubscribe(into, packet.filters.packet_id, properties, filters);
      }
      return mqtt::encode_subscribe(into, packet.filters.packet_id, properties, requests);
    }
    case PacketType::suback:
    case PacketType::unsuback:
      return mqtt::encode_reasons(into, packet.type, packet.reasons);
    case PacketType::disconnect:
    case PacketType::auth:
      return mqtt::encode_notice(into, packet.type, packet.notice);
    default:
      return mqtt::encode_ping(into, packet.type);
  }
}

TEST(MqttEncode, WritesEverySampleAgain) {
  GuardedBytes guarded(4096);
  for (const Sample& sample : kSamples) {
    SCOPED_TRACE(sample.name);
    const std::vector<std::uint8_t> bytes = packet_of(sample);
    Packet packet;
    ASSERT_EQ(mqtt::decode(bytes, {sample.sender}, packet).progress, Progress::done);
    // Encoded with exactly the room it takes, and with less.
    std::uint8_t memory[256];
    const std::size_t size = encode(packet, memory);
    ASSERT_GT(size, 0U);
    for (std::size_t room = 0; room < size; ++room) EXPECT_EQ(encode(packet, guarded.last(room)), 0U) << room;
    const MutableBytes exact = guarded.last(size);
    ASSERT_EQ(encode(packet, exact), size);
    Packet again;
    const mqtt::Decoded decoded = mqtt::decode(exact, {sample.sender}, again);
    ASSERT_EQ(decoded.progress, Progress::done);
    EXPECT_EQ(decoded.size, size);
    EXPECT_EQ(fields_of(again), fields_of(packet));
    // Longer forms of "success, no properties" become the least one; all else is the same to the byte.
    const bool shortened = size < bytes.size();
    if (!shortened) {
      EXPECT_EQ(hex_of(exact), hex_of(bytes));
    }
    EXPECT_LE(size, bytes.size());
    EXPECT_TRUE(!shortened || packet.type == PacketType::puback || packet.type == PacketType::pubrel);
  }
}

TEST(MqttEncode, TellsTheSizeBeforehand) {
  std::uint8_t memory[256];
  for (const Sample& sample : kSamples) {
    const std::vector<std::uint8_t> bytes = packet_of(sample);
    Packet packet;
    ASSERT_EQ(mqtt::decode(bytes, {sample.sender}, packet).progress, Progress::done);
    const std::size_t size = encode(packet, memory);
    switch (packet.type) {
      case PacketType::connect:
        EXPECT_EQ(mqtt::encoded_size(packet.connect), size);
        break;
      case PacketType::connack:
        EXPECT_EQ(mqtt::encoded_size(packet.connack), size);
        break;
      case PacketType::publish:
        EXPECT_EQ(mqtt::encoded_size(packet.publish), size);
        break;
      case PacketType::puback:
      case PacketType::pubrec:
      case PacketType::pubrel:
      case PacketType::pubcomp:
        EXPECT_EQ(mqtt::encoded_size(packet.ack), size);
        break;
      case PacketType::suback:
      case PacketType::unsuback:
        EXPECT_EQ(mqtt::encoded_size(packet.reasons), size);
        break;
      case PacketType::disconnect:
      case PacketType::auth:
        EXPECT_EQ(mqtt::encoded_size(packet.notice), size);
        break;
      default:
        break;
    }
  }
  const SubscriptionRequest requests[] = {{.topic_filter = "a/b"}, {.topic_filter = "#"}};
  EXPECT_EQ(mqtt::encoded_size({}, requests), mqtt::encode_subscribe(memory, 1, {}, requests));
  const std::string_view filters[] = {"a/b", "#"};
  EXPECT_EQ(mqtt::encoded_size({}, filters), mqtt::encode_unsubscribe(memory, 1, {}, filters));
}

TEST(MqttEncode, LeastForms) {  // MQTT 5 3.4.2.1, 3.14.2.1
  std::uint8_t memory[64];
  const auto hex = [&memory](std::size_t size) { return hex_of({memory, size}); };
  EXPECT_EQ(hex(mqtt::encode_ack(memory, PacketType::puback, {.packet_id = 0x1234})), "40021234");
  EXPECT_EQ(hex(mqtt::encode_puback(memory, 0x1234)), "40021234");
  EXPECT_EQ(mqtt::encode_puback({memory, 3}, 1), 0U);
  EXPECT_EQ(hex(mqtt::encode_ack(memory, PacketType::pubrec, {.packet_id = 1})), "50020001");
  EXPECT_EQ(hex(mqtt::encode_ack(memory, PacketType::pubrel, {.packet_id = 1})), "62020001");
  EXPECT_EQ(hex(mqtt::encode_ack(memory, PacketType::pubcomp, {.packet_id = 1})), "70020001");
  EXPECT_EQ(hex(mqtt::encode_ack(memory, PacketType::puback,
                                 {.packet_id = 1, .reason_code = mqtt::ReasonCode::payload_format_invalid})),
            "4003000199");
  // MQTT 5 3.4.2.2.1: in front of properties the reason code has to stand, success or not.
  const std::vector<std::uint8_t> pair = bytes_of_hex("26 0001 6b 0001 76");
  EXPECT_EQ(hex(mqtt::encode_ack(memory, PacketType::puback,
                                 {.properties = mqtt::Properties(pair, std::uint64_t{1} << 0x26U), .packet_id = 1})),
            "400b0001000726"
            "00016b000176");
  EXPECT_EQ(hex(mqtt::encode_notice(memory, PacketType::disconnect, {})), "e000");
  EXPECT_EQ(hex(mqtt::encode_ping(memory, PacketType::pingreq)), "c000");
  EXPECT_EQ(hex(mqtt::encode_ping(memory, PacketType::pingresp)), "d000");
  EXPECT_EQ(hex(mqtt::encode_connack(memory, {})), "2003000000");
  EXPECT_EQ(hex(mqtt::encode_connect(memory, {.client_id = "ab"})),
            "100f00044d51545405020000000002"
            "6162");
}

TEST(MqttEncode, NothingTooLongIsCut) {  // T-18, CVE-2025-10543, C-08
  const std::string longest(65'535, 'x');
  const std::string too_long(65'536, 'x');
  std::vector<std::uint8_t> memory(400'000);
  const auto size_of_publish = [&](std::string_view topic) { return mqtt::encode_publish(memory, {.topic = topic}); };
  EXPECT_GT(size_of_publish(longest), longest.size());
  EXPECT_EQ(size_of_publish(too_long), 0U);
  EXPECT_EQ(mqtt::publish_prologue(memory, too_long, Qos::at_most_once, 0, {}), 0U);
  EXPECT_EQ(mqtt::encode_connect(memory, {.client_id = too_long}), 0U);
  EXPECT_EQ(mqtt::encode_connect(memory, {.user_name = too_long, .has_user_name = true}), 0U);
  EXPECT_GT(mqtt::encode_connect(memory, {.user_name = longest, .has_user_name = true}), 0U);
  EXPECT_GT(mqtt::encode_connect(memory, {.user_name = too_long}), 0U);  // not sent at all
  EXPECT_EQ(mqtt::encode_connect(memory, {.password = bytes_of(too_long), .has_password = true}), 0U);
  EXPECT_EQ(mqtt::encode_connect(memory, {.will_topic = too_long, .has_will = true}), 0U);
  EXPECT_EQ(mqtt::encode_connect(memory, {.will_topic = "a", .will_payload = bytes_of(too_long), .has_will = true}),
            0U);
  const SubscriptionRequest requests[] = {{.topic_filter = "a"}, {.topic_filter = too_long}};
  EXPECT_EQ(mqtt::encode_subscribe(memory, 1, {}, requests), 0U);
  const std::string_view filters[] = {too_long};
  EXPECT_EQ(mqtt::encode_unsubscribe(memory, 1, {}, filters), 0U);
  EXPECT_EQ(mqtt::encoded_size(mqtt::Publish{.topic = too_long}), 0U);
  // The largest Remaining Length; the payload is only counted, never touched.
  const Bytes huge(memory.data(), limits::kMqttRemainingLength - 3);
  EXPECT_EQ(mqtt::encoded_size(mqtt::Publish{.payload = huge}), limits::kMqttRemainingLength + 5U);
  const Bytes larger(memory.data(), limits::kMqttRemainingLength - 2);
  EXPECT_EQ(mqtt::encoded_size(mqtt::Publish{.payload = larger}), 0U);
  EXPECT_EQ(mqtt::encode_publish(memory, {.payload = larger}), 0U);
  // So many properties that not even their length can be written.
  const mqtt::Properties endless({memory.data(), limits::kMqttRemainingLength + 1}, 0);
  EXPECT_EQ(mqtt::encoded_size(mqtt::Publish{.properties = endless}), 0U);
  EXPECT_EQ(mqtt::encode_publish(memory, {.topic = "a", .properties = endless}), 0U);
  EXPECT_EQ(mqtt::encode_subscribe(memory, 1, endless.raw(), {requests, 1}), 0U);
}

TEST(MqttEncode, EveryFlagOfConnectHasItsBit) {  // MQTT 5 3.1.2.3
  struct Row {
    mqtt::Connect connect;
    std::uint8_t flags;
  };
  const Row rows[] = {
      {{.clean_start = false}, 0x00},
      {{.clean_start = true}, 0x02},
      {{.will_topic = "a", .clean_start = false, .has_will = true}, 0x04},
      {{.will_topic = "a", .will_qos = Qos::exactly_once, .clean_start = false, .has_will = true}, 0x14},
      {{.will_topic = "a", .clean_start = false, .has_will = true, .will_retain = true}, 0x24},
      {{.clean_start = false, .has_password = true}, 0x40},
      {{.clean_start = false, .has_user_name = true}, 0x80},
  };
  std::uint8_t memory[64];
  for (const Row& row : rows) {
    ASSERT_GT(mqtt::encode_connect(memory, row.connect), 10U);
    EXPECT_EQ(memory[9], row.flags);
  }
}

TEST(MqttEncode, PublishInPlaceIsTheSamePublish) {
  const std::string payload(300, 'p');
  for (const Qos qos : {Qos::at_most_once, Qos::at_least_once, Qos::exactly_once}) {
    for (const std::size_t payload_size : {std::size_t{0}, std::size_t{1}, std::size_t{120}, std::size_t{300}}) {
      std::uint8_t property_memory[64];
      mqtt::PropertyWriter writer(property_memory);
      writer.text(mqtt::Property::content_type, "application/json");
      mqtt::Publish publish{.topic = "a/b/c", .payload = bytes_of(payload).first(payload_size)};
      publish.properties = writer.properties();
      publish.packet_id = 7;
      publish.qos = qos;
      publish.retain = true;
      std::uint8_t whole[512];
      const std::size_t size = mqtt::encode_publish(whole, publish);
      ASSERT_GT(size, 0U);
      std::uint8_t placed[512];
      std::uint8_t* const body = placed + limits::kMqttFixedHeaderBytes;
      const std::size_t prologue =
          mqtt::publish_prologue({body, 400}, publish.topic, qos, publish.packet_id, publish.properties.raw());
      ASSERT_GT(prologue, 0U);
      EXPECT_EQ(mqtt::publish_prologue({body, prologue - 1}, publish.topic, qos, 7, publish.properties.raw()), 0U);
      std::memcpy(body + prologue, payload.data(), payload_size);
      const std::size_t header = mqtt::fixed_header_backwards(body, mqtt::publish_first_byte(qos, true, false),
                                                              static_cast<std::uint32_t>(prologue + payload_size));
      EXPECT_EQ(hex_of({body - header, header + prologue + payload_size}), hex_of({whole, size}));
    }
  }
}

TEST(MqttEncode, PropertiesOfEverySizeOfTheirLength) {  // MQTT 5 1.5.5: one byte, two and three
  std::vector<std::uint8_t> memory(40'000);
  std::vector<std::uint8_t> property_memory(20'000);
  for (const std::size_t size : {126U, 127U, 128U, 129U, 200U, 256U, 16'382U, 16'383U, 16'384U, 16'385U}) {
    const std::string value(size - 6, 'v');  // behind the identifier and two lengths with a name of one byte
    mqtt::PropertyWriter writer(property_memory);
    writer.pair("k", value);
    ASSERT_EQ(writer.written().size(), size);
    mqtt::Publish publish{.topic = "a/b", .payload = bytes_of("{}")};
    publish.properties = writer.properties();
    const std::size_t written = mqtt::encode_publish(memory, publish);
    EXPECT_EQ(written, mqtt::encoded_size(publish));
    Packet packet;
    const mqtt::Decoded decoded = mqtt::decode(Bytes(memory).first(written), {}, packet);
    ASSERT_EQ(decoded.progress, Progress::done) << size;
    EXPECT_EQ(packet.publish.properties.raw().size(), size);
    EXPECT_EQ(text_of(packet.publish.payload), "{}") << size;
  }
}

TEST(MqttEncode, AllocatesNothing) {
  std::uint8_t memory[256];
  const std::uint64_t before = allocation_count();
  const std::size_t size = mqtt::encode_publish(memory, {.topic = "a/b", .payload = bytes_of("{}")});
  const std::size_t ack = mqtt::encode_ack(memory, PacketType::puback, {.packet_id = 1});
  EXPECT_EQ(allocation_count(), before);
  EXPECT_GT(size, 0U);
  EXPECT_GT(ack, 0U);
}

}  // namespace
}  // namespace axonpush::test
