// The fixed header, PUBLISH, and who reads the rest. The two packets of the hot path, PUBLISH and the four-byte PUBACK,
// are read without a detour; everything else goes through Reader.
#include <new>

#include "mqtt/reader.h"

namespace axonpush::inline v0::mqtt {

namespace {

Decoded fail(Rule rule, std::size_t offset) noexcept {
  Decoded decoded;
  decoded.progress = Progress::error;
  decoded.rule = rule;
  decoded.offset = static_cast<std::uint32_t>(offset);
  return decoded;
}
Decoded need(std::size_t size) noexcept {
  Decoded decoded;
  decoded.size = size;
  return decoded;
}
Decoded done(std::size_t size) noexcept {
  Decoded decoded;
  decoded.progress = Progress::done;
  decoded.size = size;
  return decoded;
}

// [MQTT-2.1.3-1]: what the low nibble must be, by type.
constexpr std::uint8_t flags_of(PacketType type) noexcept {
  return type == PacketType::pubrel || type == PacketType::subscribe || type == PacketType::unsubscribe ? 2 : 0;
}

Rule first_byte_rule(std::uint8_t first) noexcept {
  const auto type = static_cast<PacketType>(first >> 4);
  if (type == PacketType::reserved) return Rule::packet_type_reserved;
  if (type != PacketType::publish) {
    return (first & 0x0FU) == flags_of(type) ? Rule::none : Rule::flags_reserved;
  }
  if ((first & 0x06U) == 0x06U) return Rule::qos_3;         // [MQTT-3.3.1-4]
  if ((first & 0x0EU) == 0x08U) return Rule::dup_at_qos_0;  // [MQTT-3.3.1-2]
  return Rule::none;
}

// MQTT 5 2.1.2, the direction of flow: bit (type).
bool may_send(Sender sender, PacketType type) noexcept {
  constexpr unsigned kBoth = 1U << unsigned(PacketType::publish) | 1U << unsigned(PacketType::puback) |
                             1U << unsigned(PacketType::pubrec) | 1U << unsigned(PacketType::pubrel) |
                             1U << unsigned(PacketType::pubcomp) | 1U << unsigned(PacketType::disconnect) |
                             1U << unsigned(PacketType::auth);
  constexpr unsigned kServer = kBoth | 1U << unsigned(PacketType::connack) | 1U << unsigned(PacketType::suback) |
                               1U << unsigned(PacketType::unsuback) | 1U << unsigned(PacketType::pingresp);
  constexpr unsigned kClient = kBoth | 1U << unsigned(PacketType::connect) | 1U << unsigned(PacketType::subscribe) |
                               1U << unsigned(PacketType::unsubscribe) | 1U << unsigned(PacketType::pingreq);
  return ((sender == Sender::server ? kServer : kClient) >> unsigned(type) & 1U) != 0;
}

// MQTT 5 3.3. The whole packet [begin, end) is there; `at` is behind the fixed header.
Decoded decode_publish(const std::uint8_t* const begin, const std::uint8_t* at, const std::uint8_t* const end,
                       Sender sender, Packet& packet) noexcept {
  const auto fail_at = [begin](Rule rule, const std::uint8_t* where) {
    return fail(rule, static_cast<std::size_t>(where - begin));
  };
  const std::uint8_t first = *begin;
  if (end - at < 2) return fail_at(Rule::field_cut, at);
  const std::size_t topic_size = load_be16(at);
  if (topic_size > static_cast<std::size_t>(end - at) - 2) return fail_at(Rule::string_cut, at);
  const std::uint8_t* const topic = at + 2;
  if (!plain_text<TextKind::topic>(topic, topic_size)) [[unlikely]] {
    const TextFault fault = judge_text(topic, topic_size, TextKind::topic);
    if (fault != TextFault::none) return fail_at(rule_of(fault), topic);
  }
  at = topic + topic_size;
  std::uint16_t packet_id = 0;
  if ((first & 0x06U) != 0) {
    if (end - at < 2) return fail_at(Rule::field_cut, at);
    packet_id = load_be16(at);
    if (packet_id == 0) return fail_at(Rule::packet_id_zero, at);  // [MQTT-2.2.1-3]
    at += 2;
  }
  Properties properties;
  std::uint16_t topic_alias = 0;
  if (at != end && *at == 0) [[likely]] {
    ++at;
  } else {
    Reader reader(at, end);
    if (!reader.properties(PacketType::publish, PropertyHome::packet, sender, properties)) {
      return fail_at(reader.rule(), reader.fault_at());
    }
    at = reader.at();
    topic_alias = reader.topic_alias();
  }
  if (topic_size == 0 && topic_alias == 0) return fail_at(Rule::topic_missing, topic - 2);

  packet.type = PacketType::publish;
  packet.flags = first & 0x0FU;
  Publish& publish = *::new (static_cast<void*>(&packet.publish)) Publish;
  publish.topic = {reinterpret_cast<const char*>(topic), topic_size};
  publish.payload = {at, end};
  publish.properties = properties;
  publish.packet_id = packet_id;
  publish.topic_alias = topic_alias;
  publish.qos = static_cast<Qos>(first >> 1 & 0x03U);
  publish.retain = (first & 0x01U) != 0;
  publish.dup = (first & 0x08U) != 0;
  return done(static_cast<std::size_t>(end - begin));
}

bool read_body(Reader& reader, PacketType type, Sender sender, Packet& packet) noexcept {
  switch (type) {
    case PacketType::connect:
      return read_connect(reader, packet);
    case PacketType::connack:
      return read_connack(reader, packet);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return read_ack(reader, type, sender, packet);
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      return read_filters(reader, type, packet);
    case PacketType::suback:
    case PacketType::unsuback:
      return read_reasons(reader, type, packet);
    case PacketType::disconnect:
    case PacketType::auth:
      return read_notice(reader, type, sender, packet);
    default:
      return reader.end();  // PINGREQ and PINGRESP have no body
  }
}

Decoded decode_any(const std::uint8_t* const begin, std::size_t size, const DecodeOptions& options,
                   Packet& packet) noexcept {
  if (size == 0) return need(2);
  if (const Rule rule = first_byte_rule(*begin); rule != Rule::none) return fail(rule, 0);
  const VariableByte remaining = read_variable_byte(begin + 1, begin + size);
  switch (remaining.state) {
    case VariableByte::State::cut:
      return need(size + 1);
    case VariableByte::State::too_long:
      return fail(Rule::remaining_length_too_long, remaining.size);
    case VariableByte::State::not_minimal:
      return fail(Rule::remaining_length_not_minimal, remaining.size);
    case VariableByte::State::done:
      break;
  }
  const auto type = static_cast<PacketType>(*begin >> 4);
  if (!may_send(options.sender, type)) return fail(Rule::sender_wrong, 0);
  const std::size_t header_size = 1U + remaining.size;
  const std::size_t packet_size = header_size + remaining.value;
  // Judged on the header: nothing is kept or waited for.
  if (packet_size > options.packet_bytes_max) return fail(Rule::packet_too_large, 0);
  if (packet_size > size) return need(packet_size);
  const std::uint8_t* const end = begin + packet_size;
  if (type == PacketType::publish) return decode_publish(begin, begin + header_size, end, options.sender, packet);

  Packet read;
  Reader reader(begin + header_size, end);
  if (!read_body(reader, type, options.sender, read)) {
    return fail(reader.rule(), static_cast<std::size_t>(reader.fault_at() - begin));
  }
  packet = read;
  packet.type = type;
  packet.flags = *begin & 0x0FU;
  return done(packet_size);
}

}  // namespace

Decoded decode(Bytes input, const DecodeOptions& options, Packet& packet) noexcept {
  return decode_any(input.data(), input.size(), options, packet);
}

}  // namespace axonpush::inline v0::mqtt
