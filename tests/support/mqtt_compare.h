// Is the codec's answer the reference's, and is it the same for every amount of bytes at hand?
#pragma once

#include "support/mqtt_fields.h"
#include "support/mqtt_reference.h"

namespace axonpush::test {

// Empty when both agree, else what differs.
inline std::string difference(Bytes input, mqtt::Sender sender, std::uint32_t packet_bytes_max) {
  mqtt::Packet packet;
  const mqtt::Decoded decoded = mqtt::decode(input, {sender, packet_bytes_max}, packet);
  const reference::Judged judged =
      reference::decode({input.begin(), input.end()}, sender == mqtt::Sender::server, packet_bytes_max);
  std::string verdict = "incomplete";
  if (decoded.progress == Progress::done) verdict = "accept";
  if (decoded.progress == Progress::error) verdict = "reject";
  if (verdict != judged.verdict) {
    return "codec says " + verdict + " (" + std::string(mqtt::text_of(decoded.rule)) + "), reference " +
           judged.verdict + " " + std::to_string(judged.reason);
  }
  if (verdict == "reject") {
    const auto reason = static_cast<unsigned>(mqtt::reason_of(decoded.rule));
    if (reason == judged.reason) return {};
    return "codec says " + std::to_string(reason) + " (" + std::string(mqtt::text_of(decoded.rule)) + "), reference " +
           std::to_string(judged.reason);
  }
  if (verdict == "incomplete") return {};
  if (decoded.size != judged.size) return "the sizes differ";
  if (mqtt::name_of(packet.type) != judged.type) return "the types differ";
  const Fields fields = fields_of(packet);
  if (fields == judged.fields) return {};
  for (const auto& [name, value] : fields) {
    const auto found = judged.fields.find(name);
    if (found == judged.fields.end() || found->second != value) return "the field " + name + " differs: " + value;
  }
  return "the reference has a field more";
}

}  // namespace axonpush::test
