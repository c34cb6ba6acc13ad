// The events that axonpush_loopback sends: 64 different ones of a shape, encoded before anything is measured.
#pragma once

#include <axonpush/mqtt/packet.h>
#include <axonpush/ws/frame.h>

#include "instr.h"
#include "json_inputs.h"
#include "loopback_work.h"

namespace axonpush::bench {

inline constexpr std::string_view kTopicPrefix = "axonpush/org_1";
inline constexpr std::size_t kTopicSize = 54;

// A topic of 54 bytes, as in PEERS.md.
inline std::string event_topic(std::uint64_t row) {
  char text[kTopicSize + 8];
  const int size = std::snprintf(text, sizeof text, "%s/prod/app_%02u/chan_%02u/agent_start/agent_%u",
                                 std::string(kTopicPrefix).c_str(), static_cast<unsigned>(row % 64),
                                 static_cast<unsigned>(row % 64), 10 + static_cast<unsigned>(row % 64));
  std::string topic(text, static_cast<std::size_t>(size));
  topic.resize(kTopicSize, 'x');
  return topic;
}

// One MQTT PUBLISH. The packet id of event i is i % 64 + 1, so a window of 64 never uses one twice.
inline std::string event_packet(std::uint64_t row, unsigned qos) {
  const std::string topic = event_topic(row);
  const std::string body = event_document(row % kInputCount);
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = bytes_of(body);
  publish.qos = static_cast<mqtt::Qos>(qos);
  publish.packet_id = qos == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(row % kInputCount + 1);
  std::string packet(mqtt::encoded_size(publish), '\0');
  need(mqtt::encode_publish({reinterpret_cast<std::uint8_t*>(packet.data()), packet.size()}, publish) == packet.size(),
       "an event could not be encoded");
  return packet;
}

inline std::string frame_of(std::string_view payload, const std::uint8_t* mask_key = nullptr) {
  std::string frame(ws::header_size(payload.size(), mask_key != nullptr) + payload.size(), '\0');
  need(ws::encode_frame({reinterpret_cast<std::uint8_t*>(frame.data()), frame.size()}, ws::Opcode::binary,
                        bytes_of(payload), mask_key) == frame.size(),
       "a frame could not be encoded");
  return frame;
}

}  // namespace axonpush::bench
