// The MQTT 5 packet codec: all 15 packet types, both directions, as views into the caller's bytes. No allocation, no
// state: what depends on earlier packets is judged by mqtt/session.h.
//
// Lifetime: every view in a Packet points into the bytes given to `decode`. Thread rule: none, pure functions.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/base/error.h>
#include <axonpush/limits.h>
#include <axonpush/mqtt/property.h>
#include <axonpush/mqtt/reason.h>

namespace axonpush::inline v0::mqtt {

// Which rule a packet broke. Each has a row in a table: text, clause, and the reason code to close with.
enum class Rule : std::uint8_t;

struct Publish {
  std::string_view topic = {};  // empty when only a Topic Alias names it
  Bytes payload = {};
  Properties properties = {};
  std::uint16_t packet_id = 0;    // 0 at QoS 0
  std::uint16_t topic_alias = 0;  // 0: none (an alias of 0 is malformed and never gets here)
  Qos qos = Qos::at_most_once;
  bool retain = false;
  bool dup = false;
};

struct Connect {
  std::string_view client_id = {};
  std::string_view user_name = {};
  Bytes password = {};
  std::string_view will_topic = {};
  Bytes will_payload = {};
  Properties properties = {};
  Properties will_properties = {};
  std::uint16_t keep_alive = 0;  // seconds
  Qos will_qos = Qos::at_most_once;
  bool clean_start = true;
  bool has_user_name = false;
  bool has_password = false;
  bool has_will = false;
  bool will_retain = false;
};

struct Connack {
  Properties properties = {};
  ReasonCode reason_code = ReasonCode::success;
  bool session_present = false;
};

// PUBACK, PUBREC, PUBREL, PUBCOMP.
struct Ack {
  Properties properties = {};
  std::uint16_t packet_id = 0;
  ReasonCode reason_code = ReasonCode::success;
};

struct SubscriptionRequest {
  std::string_view topic_filter = {};
  Qos qos_max = Qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;
  std::uint8_t retain_handling = 0;  // 0, 1 or 2
};

// SUBSCRIBE and UNSUBSCRIBE. The filters are validated and read one by one.
struct FilterList {
  Properties properties = {};
  Bytes raw = {};  // the payload: topic filters, in SUBSCRIBE each followed by its options
  std::uint32_t count = 0;
  std::uint16_t packet_id = 0;
  bool with_options = false;  // SUBSCRIBE

  class Cursor {
   public:
    explicit Cursor(const FilterList& list) noexcept : left_(list.raw), with_options_(list.with_options) {}
    [[nodiscard]] bool next(SubscriptionRequest& request) noexcept;

   private:
    Bytes left_;
    bool with_options_;
  };
};

// SUBACK and UNSUBACK.
struct ReasonList {
  Properties properties = {};
  Bytes reason_codes = {};  // one per filter, in order, each legal for the packet
  std::uint16_t packet_id = 0;
};

// DISCONNECT and AUTH.
struct Notice {
  Properties properties = {};
  ReasonCode reason_code = ReasonCode::success;
};

// One decoded packet: `type` tells which member counts; PINGREQ and PINGRESP have none.
struct Packet {
  PacketType type = PacketType::reserved;
  std::uint8_t flags = 0;  // the low nibble of the first byte
  union {
    Publish publish;
    Connect connect;
    Connack connack;
    Ack ack;
    FilterList filters;
    ReasonList reasons;
    Notice notice;
  };
  Packet() noexcept : publish() {}
};

struct DecodeOptions {
  Sender sender = Sender::server;
  std::uint32_t packet_bytes_max = limits::kMqttPacketBytes;  // the Maximum Packet Size the reader announced
};

struct Decoded {
  Progress progress = Progress::need_more;
  Rule rule{};               // progress == error
  std::uint32_t offset = 0;  // progress == error: where in the packet
  std::size_t size = 0;      // done: bytes consumed; need_more: bytes the packet needs in all, at least
};

// Reads one packet from the front of `input`. Never reads past it. `packet` is written only on done.
[[nodiscard]] Decoded decode(Bytes input, const DecodeOptions& options, Packet& packet) noexcept;

using axonpush::text_of;  // of bytes, which the next one would hide
// What a broken rule means: static text, the clause, the reason code a DISCONNECT would carry (0x81, 0x82, 0x95 ...).
[[nodiscard]] std::string_view text_of(Rule rule) noexcept;
[[nodiscard]] std::string_view clause_of(Rule rule) noexcept;
[[nodiscard]] ReasonCode reason_of(Rule rule) noexcept;
// The same as an Error (mqtt_malformed, mqtt_protocol, mqtt_packet_too_large, ... by its reason code).
[[nodiscard]] Error error_of(const Decoded& decoded) noexcept;

// --- Encoding
// Each writes one whole packet to the front of `into` and answers its size, or 0 when it does not fit (sizes are told
// beforehand by the `encoded_size` functions), when a string is over 65,535 bytes (MQTT 5 1.5.4) or the packet over
// 268,435,455. Properties are the raw bytes a PropertyWriter wrote; a Topic Alias goes there, the member topic_alias is
// for reading. What is written is what was given: whether a packet with such values is legal is the caller's to know.
[[nodiscard]] std::size_t encoded_size(const Connect& connect) noexcept;
[[nodiscard]] std::size_t encoded_size(const Connack& connack) noexcept;
[[nodiscard]] std::size_t encoded_size(const Publish& publish) noexcept;
[[nodiscard]] std::size_t encoded_size(const Ack& ack) noexcept;
[[nodiscard]] std::size_t encoded_size(const ReasonList& reasons) noexcept;
[[nodiscard]] std::size_t encoded_size(const Notice& notice) noexcept;
[[nodiscard]] std::size_t encoded_size(Bytes properties, std::span<const SubscriptionRequest> requests) noexcept;
[[nodiscard]] std::size_t encoded_size(Bytes properties, std::span<const std::string_view> topic_filters) noexcept;
[[nodiscard]] std::size_t encode_connect(MutableBytes into, const Connect& connect) noexcept;
[[nodiscard]] std::size_t encode_connack(MutableBytes into, const Connack& connack) noexcept;
[[nodiscard]] std::size_t encode_publish(MutableBytes into, const Publish& publish) noexcept;
// PUBACK, PUBREC, PUBREL, PUBCOMP. Success without properties takes four bytes (MQTT 5 3.4.2.1).
[[nodiscard]] std::size_t encode_ack(MutableBytes into, PacketType type, const Ack& ack) noexcept;
// The answer to nearly every event: a PUBACK that says success, four bytes.
[[nodiscard]] std::size_t encode_puback(MutableBytes into, std::uint16_t packet_id) noexcept;
[[nodiscard]] std::size_t encode_subscribe(MutableBytes into, std::uint16_t packet_id, Bytes properties,
                                           std::span<const SubscriptionRequest> requests) noexcept;
[[nodiscard]] std::size_t encode_unsubscribe(MutableBytes into, std::uint16_t packet_id, Bytes properties,
                                             std::span<const std::string_view> topic_filters) noexcept;
[[nodiscard]] std::size_t encode_reasons(MutableBytes into, PacketType type, const ReasonList& reasons) noexcept;
[[nodiscard]] std::size_t encode_notice(MutableBytes into, PacketType type, const Notice& notice) noexcept;
[[nodiscard]] std::size_t encode_ping(MutableBytes into, PacketType type) noexcept;  // PINGREQ, PINGRESP

// A PUBLISH in place: topic and properties forwards, then the payload by the caller, then the fixed header backwards
// into headroom. `prologue` writes topic, packet id (at QoS > 0) and properties to the front of `into` and answers the
// size, 0 when it does not fit. `fixed_header_backwards` writes the first byte and the Remaining Length into the bytes
// that end at `end` (kMqttFixedHeaderBytes are there) and answers how many it took.
[[nodiscard]] std::size_t publish_prologue(MutableBytes into, std::string_view topic, Qos qos, std::uint16_t packet_id,
                                           Bytes properties) noexcept;
[[nodiscard]] std::size_t fixed_header_backwards(std::uint8_t* end, std::uint8_t first_byte,
                                                 std::uint32_t remaining_length) noexcept;
[[nodiscard]] constexpr std::uint8_t publish_first_byte(Qos qos, bool retain, bool dup) noexcept {
  return static_cast<std::uint8_t>(0x30U | (dup ? 8U : 0U) | static_cast<unsigned>(qos) << 1U | (retain ? 1U : 0U));
}

// --- Strings
// [MQTT-1.5.4-1], [MQTT-1.5.4-2]: well-formed UTF-8 without U+0000.
[[nodiscard]] bool utf8_string_valid(Bytes text) noexcept;
// A topic name: the above, not empty, no wildcard ([MQTT-3.3.2-2], [MQTT-4.7.3-1]).
[[nodiscard]] bool topic_name_valid(std::string_view topic) noexcept;
// A topic filter: wildcards only where MQTT 5 4.7.1 allows them.
[[nodiscard]] bool topic_filter_valid(std::string_view topic_filter) noexcept;
// MQTT 5 4.7: does `topic` match `topic_filter`? Both are valid. Iterative, one pass.
[[nodiscard]] bool topic_matches(std::string_view topic_filter, std::string_view topic) noexcept;

}  // namespace axonpush::inline v0::mqtt
