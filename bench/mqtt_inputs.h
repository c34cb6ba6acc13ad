// The packets both MQTT benches work on: 54-byte topics of the product's shape, 256-byte payloads, 64 of each.
#pragma once

#include <axonpush/mqtt/packet.h>

#include <cstdlib>

#include "instr.h"

namespace axonpush::bench {

inline constexpr std::size_t kTopicBytes = 54;
inline constexpr std::size_t kPacketBytesMax = 1024;

inline void demand(bool condition) {
  if (!condition) std::abort();
}

struct PublishInput {
  char topic[kTopicBytes + 1];
  std::uint8_t payload[64 * 1024];
  std::uint8_t property_memory[128];
  mqtt::Publish publish;
  std::uint8_t packet[66 * 1024];
  std::size_t packet_size;

  [[nodiscard]] Bytes bytes() const { return {packet, packet_size}; }
};

// Content Type, Correlation Data and one User Property: what a request with tracing carries.
inline mqtt::Properties three_properties(PublishInput& input, std::uint64_t row) {
  mqtt::PropertyWriter writer(input.property_memory);
  std::uint8_t correlation[16];
  for (std::size_t at = 0; at < sizeof correlation; ++at)
    correlation[at] = static_cast<std::uint8_t>(row * 7 + at * 13);
  writer.text(mqtt::Property::content_type, "application/json");
  writer.binary(mqtt::Property::correlation_data, correlation);
  writer.pair("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  demand(writer.ok());
  return writer.properties();
}

inline void make_publish(PublishInput& input, std::uint64_t row, std::size_t payload_size, bool with_properties) {
  constexpr char kTopic[] = "axonpush/org_00/prod/app_00/chan_00/agent_start/agent_";
  static_assert(sizeof kTopic == kTopicBytes + 1);
  std::memcpy(input.topic, kTopic, sizeof kTopic);
  input.topic[13] = input.topic[25] = input.topic[33] = static_cast<char>('0' + row / 10);
  input.topic[14] = input.topic[26] = input.topic[34] = static_cast<char>('0' + row % 10);
  for (std::size_t at = 0; at < payload_size; ++at)
    input.payload[at] = static_cast<std::uint8_t>('a' + (row + at) % 26);
  input.publish = mqtt::Publish{};
  input.publish.topic = {input.topic, kTopicBytes};
  input.publish.payload = {input.payload, payload_size};
  input.publish.qos = mqtt::Qos::at_least_once;
  input.publish.packet_id = static_cast<std::uint16_t>(row + 1);
  if (with_properties) input.publish.properties = three_properties(input, row);
  input.packet_size = mqtt::encode_publish(input.packet, input.publish);
  demand(input.packet_size != 0 && input.packet_size == mqtt::encoded_size(input.publish));
  mqtt::Packet packet;
  const mqtt::Decoded decoded = mqtt::decode(input.bytes(), {}, packet);
  demand(decoded.progress == Progress::done && decoded.size == input.packet_size);
  demand(packet.publish.topic == input.publish.topic && packet.publish.payload.size() == payload_size);
  demand(packet.publish.properties.empty() != with_properties && packet.publish.packet_id == row + 1);
  if (with_properties) demand(packet.publish.properties.text(mqtt::Property::content_type) == "application/json");
}

}  // namespace axonpush::bench
