// The MQTT rows of PEERS.md.
#include "mqtt_inputs.h"

namespace axonpush::bench {
namespace {

PublishInput inputs[kInputCount];
std::uint8_t pubacks[kInputCount][4];
std::uint8_t target[kPacketBytesMax];
std::string_view topics[kInputCount];

template <bool with_properties, std::size_t payload_size = 256>
void prepare_publish() {
  for (std::uint64_t row = 0; row < kInputCount; ++row) make_publish(inputs[row], row, payload_size, with_properties);
}
void decode_publish(std::uint64_t count) {
  const mqtt::DecodeOptions options;
  mqtt::Packet packet;
  for (std::uint64_t at = 0; at < count; ++at) {
    keep(mqtt::decode(inputs[at % kInputCount].bytes(), options, packet));
    keep(&packet);
  }
}
void encode_publish(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    keep(mqtt::encode_publish(target, inputs[at % kInputCount].publish));
    keep(&target);
  }
}

// The packet in place, as events leave: everything but the payload, which its writer puts there itself.
void encode_around(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    const mqtt::Publish& publish = inputs[at % kInputCount].publish;
    std::uint8_t* const body = target + limits::kMqttFixedHeaderBytes;
    const std::size_t prologue =
        mqtt::publish_prologue({body, kPacketBytesMax - limits::kMqttFixedHeaderBytes}, publish.topic, publish.qos,
                               publish.packet_id, publish.properties.raw());
    keep(mqtt::fixed_header_backwards(body, mqtt::publish_first_byte(publish.qos, false, false),
                                      static_cast<std::uint32_t>(prologue + publish.payload.size())));
    keep(&target);
  }
}
template <bool with_properties>
void prepare_around() {
  prepare_publish<with_properties, 65'536>();
  for (std::uint64_t row = 0; row < kInputCount; ++row) {
    std::uint8_t* const body = target + limits::kMqttFixedHeaderBytes;
    const mqtt::Publish& publish = inputs[row].publish;
    const std::size_t prologue =
        mqtt::publish_prologue({body, kPacketBytesMax - limits::kMqttFixedHeaderBytes}, publish.topic, publish.qos,
                               publish.packet_id, publish.properties.raw());
    const std::size_t header =
        mqtt::fixed_header_backwards(body, mqtt::publish_first_byte(publish.qos, false, false),
                                     static_cast<std::uint32_t>(prologue + publish.payload.size()));
    demand(std::memcmp(body - header, inputs[row].packet, header + prologue) == 0);
    demand(header + prologue + publish.payload.size() == inputs[row].packet_size);
  }
}

void prepare_puback() {
  for (std::uint64_t row = 0; row < kInputCount; ++row) {
    const mqtt::Ack ack{.packet_id = static_cast<std::uint16_t>(row * 1000 + 1)};
    demand(mqtt::encode_ack(pubacks[row], mqtt::PacketType::puback, ack) == 4);
    demand(mqtt::encode_puback(target, ack.packet_id) == 4 && std::memcmp(target, pubacks[row], 4) == 0);
    mqtt::Packet packet;
    demand(mqtt::decode(pubacks[row], {}, packet).size == 4 && packet.type == mqtt::PacketType::puback);
    demand(packet.ack.packet_id == ack.packet_id && packet.ack.reason_code == mqtt::ReasonCode::success);
  }
}
void decode_puback(std::uint64_t count) {
  const mqtt::DecodeOptions options;
  mqtt::Packet packet;
  for (std::uint64_t at = 0; at < count; ++at) {
    keep(mqtt::decode(pubacks[at % kInputCount], options, packet));
    keep(&packet);
  }
}
void encode_puback(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    keep(mqtt::encode_puback(target, static_cast<std::uint16_t>(at % kInputCount + 1)));
    keep(&target);
  }
}

void check_topics(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) keep(mqtt::topic_name_valid(topics[at % kInputCount]));
}
void prepare_topics() {
  prepare_publish<false>();
  for (std::uint64_t row = 0; row < kInputCount; ++row) {
    topics[row] = inputs[row].publish.topic;
    demand(topics[row].size() == kTopicBytes && mqtt::topic_name_valid(topics[row]));
  }
  demand(!mqtt::topic_name_valid("axonpush/org_00/prod/app_00/chan_00/agent_start/agent+"));
}

const Operation kDecode0{"mqtt_decode_publish_256_p0", prepare_publish<false>, decode_publish};
const Operation kDecode3{"mqtt_decode_publish_256_p3", prepare_publish<true>, decode_publish};
const Operation kDecodeLarge0{"mqtt_decode_publish_65536_p0", prepare_publish<false, 65'536>, decode_publish};
const Operation kDecodeLarge3{"mqtt_decode_publish_65536_p3", prepare_publish<true, 65'536>, decode_publish};
const Operation kEncodeAround0{"mqtt_encode_around_65536_p0", prepare_around<false>, encode_around};
const Operation kEncodeAround3{"mqtt_encode_around_65536_p3", prepare_around<true>, encode_around};
const Operation kEncode0{"mqtt_encode_publish_256_p0", prepare_publish<false>, encode_publish};
const Operation kEncode3{"mqtt_encode_publish_256_p3", prepare_publish<true>, encode_publish};
const Operation kPubackEncode{"mqtt_puback_encode", prepare_puback, encode_puback};
const Operation kPubackDecode{"mqtt_puback_decode", prepare_puback, decode_puback};
const Operation kTopic{"utf8_topic_54", prepare_topics, check_topics};

}  // namespace
}  // namespace axonpush::bench
