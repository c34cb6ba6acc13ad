// The fixed header, who reads which body, and the short ways for the two packets of the hot path: a PUBLISH and a
// PUBACK of four bytes. A short way only ever says yes: whatever is odd goes to `decode_any`, which finds out what and
// where.
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

bool read_body(Reader& reader, std::uint8_t first, Sender sender, Packet& packet) noexcept {
  const auto type = static_cast<PacketType>(first >> 4);
  switch (type) {
    case PacketType::connect:
      return read_connect(reader, packet);
    case PacketType::connack:
      return read_connack(reader, packet);
    case PacketType::publish:
      return read_publish(reader, first, sender, packet);
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

// Not inlined, so that the short ways keep no registers for it.
[[gnu::noinline]] Decoded decode_any(const std::uint8_t* begin, std::size_t size, const DecodeOptions& options,
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
  Packet read;
  Reader reader(begin + header_size, end);
  if (!read_body(reader, *begin, options.sender, read)) {
    return fail(reader.rule(), static_cast<std::size_t>(reader.fault_at() - begin));
  }
  packet = read;
  packet.type = type;
  packet.flags = *begin & 0x0FU;
  return done(packet_size);
}

// [begin, end) is a whole PUBLISH which was found right.
inline Decoded take_publish(const std::uint8_t* begin, const std::uint8_t* end, Bytes topic, std::uint16_t packet_id,
                            const std::uint8_t* payload, Packet& packet) noexcept {
  const unsigned first = *begin;
  packet.type = PacketType::publish;
  packet.flags = static_cast<std::uint8_t>(first & 0x0FU);
  Publish& publish = *::new (static_cast<void*>(&packet.publish)) Publish;
  publish.topic = text_of(topic);
  publish.payload = {payload, end};
  publish.packet_id = packet_id;
  publish.qos = static_cast<Qos>(first >> 1 & 0x03U);
  publish.retain = (first & 0x01U) != 0;
  publish.dup = (first & 0x08U) != 0;
  return done(static_cast<std::size_t>(end - begin));
}

constexpr PropertyPlace kPublishOfServer = property_place(PacketType::publish, PropertyHome::packet, Sender::server);
constexpr PropertyPlace kPublishOfClient = property_place(PacketType::publish, PropertyHome::packet, Sender::client);

// `at` is the Property Length.
[[gnu::noinline]] Decoded decode_publish_properties(const std::uint8_t* begin, const std::uint8_t* at,
                                                    const std::uint8_t* end, Bytes topic, std::uint16_t packet_id,
                                                    const DecodeOptions& options, Packet& packet) noexcept {
  const std::size_t size = *at++;
  if (size < 0x80 && size <= static_cast<std::size_t>(end - at)) {
    const PropertyWalk walk =
        walk_properties(at, at + size, options.sender == Sender::server ? kPublishOfServer : kPublishOfClient);
    if (walk.rule == Rule::none && (!topic.empty() || walk.topic_alias != 0)) {
      const Decoded decoded = take_publish(begin, end, topic, packet_id, at + size, packet);
      packet.publish.properties = Properties({at, size}, walk.present);
      packet.publish.topic_alias = walk.topic_alias;
      return decoded;
    }
  }
  return decode_any(begin, static_cast<std::size_t>(end - begin), options, packet);
}

// At least four bytes are there, the first of them 0x3?.
[[gnu::noinline]] Decoded decode_publish(const std::uint8_t* begin, std::size_t size, const DecodeOptions& options,
                                         Packet& packet) noexcept {
  const unsigned first = *begin;
  const std::uint8_t* at = begin + 2;
  std::size_t remaining = begin[1];
  if (remaining >= 0x80) {
    std::size_t last = *at++;
    remaining = (remaining & 0x7FU) | (last & 0x7FU) << 7;
    if (last >= 0x80) {
      last = *at++;
      remaining |= last << 14;
    }
    if (last - 1 >= 0x7F) return decode_any(begin, size, options, packet);  // 0, or a fourth byte follows
  }
  const std::size_t packet_size = static_cast<std::size_t>(at - begin) + remaining;
  // The topic's length, a packet id and a Property Length; a shorter one of QoS 0 goes the long way.
  constexpr std::size_t kFixed = 2 + 2 + 1;
  if (packet_size > size || packet_size > options.packet_bytes_max || remaining < kFixed) {
    return decode_any(begin, size, options, packet);
  }
  const std::uint8_t* const end = at + remaining;
  const std::size_t topic_size = load_be16(at);
  if (remaining < topic_size + kFixed || (first & 0x06U) == 0x06U || (first & 0x0EU) == 0x08U ||
      !plain_text<TextKind::topic>(at + 2, topic_size)) {
    return decode_any(begin, size, options, packet);
  }
  const Bytes topic{at + 2, topic_size};
  at += 2 + topic_size;
  std::uint16_t packet_id = 0;
  if ((first & 0x06U) != 0) {
    packet_id = load_be16(at);
    if (packet_id == 0) return decode_any(begin, size, options, packet);  // [MQTT-2.2.1-3]
    at += 2;
  }
  if (*at != 0 || topic_size == 0) return decode_publish_properties(begin, at, end, topic, packet_id, options, packet);
  return take_publish(begin, end, topic, packet_id, at + 1, packet);
}

}  // namespace

Decoded decode(Bytes input, const DecodeOptions& options, Packet& packet) noexcept {
  const std::uint8_t* const begin = input.data();
  if (input.size() >= 4) {
    // MQTT 5 3.4.2.1: a PUBACK that says success has nothing but its packet id, here 1 to 65,535 behind 40 02.
    const std::uint32_t word = load_be32(begin);
    if (word - 0x40020001U < 0xFFFFU && options.packet_bytes_max >= 4) {
      packet.type = PacketType::puback;
      packet.flags = 0;
      ::new (static_cast<void*>(&packet.ack)) Ack{.packet_id = static_cast<std::uint16_t>(word)};
      return done(4);
    }
    if (word >> 28 == 3) return decode_publish(begin, input.size(), options, packet);
  }
  return decode_any(begin, input.size(), options, packet);
}

}  // namespace axonpush::inline v0::mqtt
