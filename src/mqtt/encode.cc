// Every encoder first adds up the Remaining Length, checks it and the room once, and then writes without further
// checks.
#include <axonpush/mqtt/packet.h>

#include "mqtt/variable_byte.h"

namespace axonpush::inline v0::mqtt {

namespace {

// Sums have 64 bits whatever the machine's size_t has, so that no packet of the caller's making can overflow one.
using Sum = std::uint64_t;
constexpr Sum kTooLong = Sum{1} << 40;  // added to a sum it makes every packet too large

constexpr std::uint8_t first_byte(PacketType type) noexcept {
  const bool marked = type == PacketType::pubrel || type == PacketType::subscribe || type == PacketType::unsubscribe;
  return static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4 | (marked ? 2U : 0U));
}

// MQTT 5 1.5.4, 1.5.6: two bytes of length, so 65,535 bytes at most; a longer one must never be cut to 16 bits.
constexpr Sum prefixed_size(std::size_t size) noexcept { return size > 0xFFFF ? kTooLong : Sum{2} + size; }
Sum prefixed_size(std::string_view text) noexcept { return prefixed_size(text.size()); }
Sum prefixed_size(Bytes bytes) noexcept { return prefixed_size(bytes.size()); }
constexpr Sum properties_size(Bytes raw) noexcept {
  return raw.size() > limits::kMqttRemainingLength ? kTooLong : Sum{variable_byte_size(raw.size())} + raw.size();
}

// The whole packet's size, or 0 when there is no such packet.
constexpr std::size_t packet_size(Sum remaining_length) noexcept {
  if (remaining_length > limits::kMqttRemainingLength) return 0;
  const auto size = static_cast<std::size_t>(remaining_length);
  return 1 + variable_byte_size(size) + size;
}

// Writes forwards; the room was checked when it was made.
class Writer {
 public:
  explicit Writer(std::uint8_t* at) noexcept : at_(at) {}
  void byte(std::uint8_t value) noexcept { *at_++ = value; }
  void two_bytes(std::uint16_t value) noexcept {
    store_be16(at_, value);
    at_ += 2;
  }
  void variable(std::size_t value) noexcept {
    // One byte and two are nearly all there is.
    if (value < 128) {
      *at_++ = static_cast<std::uint8_t>(value);
    } else if (value < 16'384) {
      at_[0] = static_cast<std::uint8_t>(value | 0x80U);
      at_[1] = static_cast<std::uint8_t>(value >> 7);
      at_ += 2;
    } else {
      at_ = write_variable_byte(at_, static_cast<std::uint32_t>(value));
    }
  }
  void raw(const void* from, std::size_t size) noexcept {
    if (size != 0) std::memcpy(at_, from, size);
    at_ += size;
  }
  void raw(Bytes bytes) noexcept { raw(bytes.data(), bytes.size()); }
  void prefixed(Bytes bytes) noexcept {
    two_bytes(static_cast<std::uint16_t>(bytes.size()));
    raw(bytes);
  }
  void prefixed(std::string_view text) noexcept { prefixed(bytes_of(text)); }
  void properties(Bytes bytes) noexcept {
    variable(bytes.size());
    raw(bytes);
  }

 private:
  std::uint8_t* at_;
};

// The fixed header into `into`, when the packet fits; answers the packet's size or 0, and where to go on.
struct Start {
  std::size_t size;
  Writer writer;
};
Start start(MutableBytes into, std::uint8_t first, Sum remaining_length) noexcept {
  Start started{packet_size(remaining_length), Writer(into.data())};
  if (started.size > into.size()) started.size = 0;
  if (started.size == 0) return started;
  started.writer.byte(first);
  started.writer.variable(static_cast<std::size_t>(remaining_length));
  return started;
}

Sum remaining_of(const Connect& connect) noexcept {
  constexpr std::size_t kProtocolName = 2 + 4;
  constexpr std::size_t kVersionFlagsKeepAlive = 1 + 1 + 2;
  Sum size = kProtocolName + kVersionFlagsKeepAlive + properties_size(connect.properties.raw()) +
             prefixed_size(connect.client_id);
  if (connect.has_will) {
    size += properties_size(connect.will_properties.raw()) + prefixed_size(connect.will_topic) +
            prefixed_size(connect.will_payload);
  }
  if (connect.has_user_name) size += prefixed_size(connect.user_name);
  if (connect.has_password) size += prefixed_size(connect.password);
  return size;
}
Sum remaining_of(const Connack& connack) noexcept { return 2 + properties_size(connack.properties.raw()); }
Sum remaining_of(const Publish& publish) noexcept {
  return prefixed_size(publish.topic) + (publish.qos == Qos::at_most_once ? 0U : 2U) +
         properties_size(publish.properties.raw()) + publish.payload.size();
}
Sum remaining_of(const Ack& ack) noexcept {
  if (!ack.properties.empty()) return 3 + properties_size(ack.properties.raw());
  // MQTT 5 3.4.2.1, 3.4.2.2.1: what would be success, and no properties, may be left out.
  return ack.reason_code == ReasonCode::success ? 2 : 3;
}
Sum remaining_of(const ReasonList& reasons) noexcept {
  return 2 + properties_size(reasons.properties.raw()) + reasons.reason_codes.size();
}
Sum remaining_of(const Notice& notice) noexcept {
  if (!notice.properties.empty()) return 1 + properties_size(notice.properties.raw());
  return notice.reason_code == ReasonCode::success ? 0 : 1;
}
Sum remaining_of(Bytes properties, std::span<const SubscriptionRequest> requests) noexcept {
  Sum size = 2 + properties_size(properties);
  for (const SubscriptionRequest& request : requests) size += prefixed_size(request.topic_filter) + 1;
  return size;
}
Sum remaining_of(Bytes properties, std::span<const std::string_view> topic_filters) noexcept {
  Sum size = 2 + properties_size(properties);
  for (const std::string_view filter : topic_filters) size += prefixed_size(filter);
  return size;
}

std::uint8_t connect_flags(const Connect& connect) noexcept {
  unsigned flags = connect.clean_start ? 0x02U : 0U;
  if (connect.has_will) {
    flags |= 0x04U | static_cast<unsigned>(connect.will_qos) << 3 | (connect.will_retain ? 0x20U : 0U);
  }
  if (connect.has_password) flags |= 0x40U;
  if (connect.has_user_name) flags |= 0x80U;
  return static_cast<std::uint8_t>(flags);
}

}  // namespace

std::size_t encoded_size(const Connect& connect) noexcept { return packet_size(remaining_of(connect)); }
std::size_t encoded_size(const Connack& connack) noexcept { return packet_size(remaining_of(connack)); }
std::size_t encoded_size(const Publish& publish) noexcept { return packet_size(remaining_of(publish)); }
std::size_t encoded_size(const Ack& ack) noexcept { return packet_size(remaining_of(ack)); }
std::size_t encoded_size(const ReasonList& reasons) noexcept { return packet_size(remaining_of(reasons)); }
std::size_t encoded_size(const Notice& notice) noexcept { return packet_size(remaining_of(notice)); }
std::size_t encoded_size(Bytes properties, std::span<const SubscriptionRequest> requests) noexcept {
  return packet_size(remaining_of(properties, requests));
}
std::size_t encoded_size(Bytes properties, std::span<const std::string_view> topic_filters) noexcept {
  return packet_size(remaining_of(properties, topic_filters));
}

std::size_t encode_connect(MutableBytes into, const Connect& connect) noexcept {
  auto [size, writer] = start(into, first_byte(PacketType::connect), remaining_of(connect));
  if (size == 0) return 0;
  writer.prefixed(std::string_view("MQTT"));
  writer.byte(5);
  writer.byte(connect_flags(connect));
  writer.two_bytes(connect.keep_alive);
  writer.properties(connect.properties.raw());
  writer.prefixed(connect.client_id);
  if (connect.has_will) {
    writer.properties(connect.will_properties.raw());
    writer.prefixed(connect.will_topic);
    writer.prefixed(connect.will_payload);
  }
  if (connect.has_user_name) writer.prefixed(connect.user_name);
  if (connect.has_password) writer.prefixed(connect.password);
  return size;
}

std::size_t encode_connack(MutableBytes into, const Connack& connack) noexcept {
  auto [size, writer] = start(into, first_byte(PacketType::connack), remaining_of(connack));
  if (size == 0) return 0;
  writer.byte(connack.session_present ? 1 : 0);
  writer.byte(static_cast<std::uint8_t>(connack.reason_code));
  writer.properties(connack.properties.raw());
  return size;
}

std::size_t encode_publish(MutableBytes into, const Publish& publish) noexcept {
  auto [size, writer] =
      start(into, publish_first_byte(publish.qos, publish.retain, publish.dup), remaining_of(publish));
  if (size == 0) return 0;
  writer.prefixed(publish.topic);
  if (publish.qos != Qos::at_most_once) writer.two_bytes(publish.packet_id);
  writer.properties(publish.properties.raw());
  writer.raw(publish.payload);
  return size;
}

std::size_t encode_ack(MutableBytes into, PacketType type, const Ack& ack) noexcept {
  auto [size, writer] = start(into, first_byte(type), remaining_of(ack));
  if (size == 0) return 0;
  writer.two_bytes(ack.packet_id);
  if (ack.reason_code == ReasonCode::success && ack.properties.empty()) return size;
  writer.byte(static_cast<std::uint8_t>(ack.reason_code));
  if (!ack.properties.empty()) writer.properties(ack.properties.raw());
  return size;
}

std::size_t encode_puback(MutableBytes into, std::uint16_t packet_id) noexcept {
  if (into.size() < 4) return 0;
  store_be32(into.data(), 0x4002'0000U | packet_id);
  return 4;
}

std::size_t encode_subscribe(MutableBytes into, std::uint16_t packet_id, Bytes properties,
                             std::span<const SubscriptionRequest> requests) noexcept {
  auto [size, writer] = start(into, first_byte(PacketType::subscribe), remaining_of(properties, requests));
  if (size == 0) return 0;
  writer.two_bytes(packet_id);
  writer.properties(properties);
  for (const SubscriptionRequest& request : requests) {
    writer.prefixed(request.topic_filter);
    writer.byte(static_cast<std::uint8_t>(static_cast<unsigned>(request.qos_max) | (request.no_local ? 0x04U : 0U) |
                                          (request.retain_as_published ? 0x08U : 0U) |
                                          (request.retain_handling & 0x03U) << 4));
  }
  return size;
}

std::size_t encode_unsubscribe(MutableBytes into, std::uint16_t packet_id, Bytes properties,
                               std::span<const std::string_view> topic_filters) noexcept {
  auto [size, writer] = start(into, first_byte(PacketType::unsubscribe), remaining_of(properties, topic_filters));
  if (size == 0) return 0;
  writer.two_bytes(packet_id);
  writer.properties(properties);
  for (const std::string_view filter : topic_filters) writer.prefixed(filter);
  return size;
}

std::size_t encode_reasons(MutableBytes into, PacketType type, const ReasonList& reasons) noexcept {
  auto [size, writer] = start(into, first_byte(type), remaining_of(reasons));
  if (size == 0) return 0;
  writer.two_bytes(reasons.packet_id);
  writer.properties(reasons.properties.raw());
  writer.raw(reasons.reason_codes);
  return size;
}

std::size_t encode_notice(MutableBytes into, PacketType type, const Notice& notice) noexcept {
  auto [size, writer] = start(into, first_byte(type), remaining_of(notice));
  if (size == 0) return 0;
  if (notice.reason_code == ReasonCode::success && notice.properties.empty()) return size;
  writer.byte(static_cast<std::uint8_t>(notice.reason_code));
  if (!notice.properties.empty()) writer.properties(notice.properties.raw());
  return size;
}

std::size_t encode_ping(MutableBytes into, PacketType type) noexcept { return start(into, first_byte(type), 0).size; }

std::size_t publish_prologue(MutableBytes into, std::string_view topic, Qos qos, std::uint16_t packet_id,
                             Bytes properties) noexcept {
  const Sum size = prefixed_size(topic) + (qos == Qos::at_most_once ? 0U : 2U) + properties_size(properties);
  if (size > into.size()) return 0;
  Writer writer(into.data());
  writer.prefixed(topic);
  if (qos != Qos::at_most_once) writer.two_bytes(packet_id);
  writer.properties(properties);
  return static_cast<std::size_t>(size);
}

std::size_t fixed_header_backwards(std::uint8_t* end, std::uint8_t first_byte,
                                   std::uint32_t remaining_length) noexcept {
  const std::size_t size = 1 + variable_byte_size(remaining_length);
  std::uint8_t* const begin = end - size;
  *begin = first_byte;
  static_cast<void>(write_variable_byte(begin + 1, remaining_length));
  return size;
}

}  // namespace axonpush::inline v0::mqtt
