// MQTT 5 properties (MQTT 5 2.2.2): validated in one walk when the packet is decoded, read on demand afterwards.
//
// Lifetime: a Properties is a view into the decoded packet and lives as long as its bytes. Thread rule: none, values.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/mqtt/reason.h>

namespace axonpush::inline v0::mqtt {

// The identifiers of MQTT 5 table 2-4, which are one byte each.
enum class Property : std::uint8_t {
  payload_format_indicator = 0x01,
  message_expiry_interval = 0x02,
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  subscription_identifier = 0x0B,
  session_expiry_interval = 0x11,
  assigned_client_identifier = 0x12,
  server_keep_alive = 0x13,
  authentication_method = 0x15,
  authentication_data = 0x16,
  request_problem_information = 0x17,
  will_delay_interval = 0x18,
  request_response_information = 0x19,
  response_information = 0x1A,
  server_reference = 0x1C,
  reason_string = 0x1F,
  receive_maximum = 0x21,
  topic_alias_maximum = 0x22,
  topic_alias = 0x23,
  maximum_qos = 0x24,
  retain_available = 0x25,
  user_property = 0x26,
  maximum_packet_size = 0x27,
  wildcard_subscription_available = 0x28,
  subscription_identifier_available = 0x29,
  shared_subscription_available = 0x2A,
};

enum class PropertyType : std::uint8_t {
  byte,
  two_byte,
  four_byte,
  variable_byte,
  utf8_string,
  utf8_pair,
  binary
};

// "Session Expiry Interval": the specification's spelling; "session_expiry_interval": the snake-case key of tools.
[[nodiscard]] std::string_view name_of(Property property) noexcept;
[[nodiscard]] std::string_view key_of(Property property) noexcept;
[[nodiscard]] PropertyType type_of(Property property) noexcept;
// MQTT 5 table 2-4. `will` asks about the Will Properties of CONNECT.
enum class PropertyHome : std::uint8_t {
  packet,
  will
};
[[nodiscard]] bool property_allowed(PacketType type, PropertyHome home, Property property) noexcept;

// One property as it stands in the packet. Which member counts is told by type_of(id).
struct PropertyValue {
  Property id{};
  std::uint32_t integer = 0;  // byte, two_byte, four_byte, variable_byte
  Bytes bytes = {};           // utf8_string, binary, and the value of a utf8_pair
  Bytes name = {};            // the name of a utf8_pair
};

class Properties {
 public:
  constexpr Properties() noexcept = default;
  // `raw` has been validated by the decoder (or by `validate_properties`); present has bit (identifier) set.
  constexpr Properties(Bytes raw, std::uint64_t present) noexcept : raw_(raw), present_(present) {}

  [[nodiscard]] bool empty() const noexcept { return raw_.empty(); }
  [[nodiscard]] bool has(Property property) const noexcept {
    return (present_ >> static_cast<unsigned>(property) & 1U) != 0;
  }
  // The integer of the first such property, or `absent`.
  [[nodiscard]] std::uint32_t integer(Property property, std::uint32_t absent) const noexcept;
  // The text or binary of the first such property; empty when absent.
  [[nodiscard]] std::string_view text(Property property) const noexcept;
  [[nodiscard]] Bytes binary(Property property) const noexcept;
  [[nodiscard]] Bytes raw() const noexcept { return raw_; }

  // In the order of the wire: `for (PropertyCursor at(properties); at.next(value);)`.
  class Cursor {
   public:
    explicit Cursor(const Properties& properties) noexcept : left_(properties.raw_) {}
    [[nodiscard]] bool next(PropertyValue& value) noexcept;

   private:
    Bytes left_;
  };

 private:
  Bytes raw_ = {};
  std::uint64_t present_ = 0;
};

// The decoder's check by itself, for raw properties of another origin: may `sender` put all of `raw` there? On true,
// `properties` is a view into `raw`.
[[nodiscard]] bool validate_properties(PacketType type, PropertyHome home, Sender sender, Bytes raw,
                                       Properties& properties) noexcept;

// Appends properties to a caller's buffer; the length in front is written by the packet's encoder. Once something did
// not fit, ok() stays false.
class PropertyWriter {
 public:
  explicit PropertyWriter(MutableBytes into) noexcept : into_(into) {}
  void integer(Property property, std::uint32_t value) noexcept;  // width from type_of(property)
  void text(Property property, std::string_view value) noexcept;
  void binary(Property property, Bytes value) noexcept;
  void pair(std::string_view name, std::string_view value) noexcept;  // User Property
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] Bytes written() const noexcept { return into_.first(size_); }
  // The same with the index that Properties wants, for a packet's `properties` member.
  [[nodiscard]] Properties properties() const noexcept { return Properties(written(), present_); }

 private:
  // Room for the identifier, which is written, and `size` bytes behind it; nullptr when it does not fit.
  [[nodiscard]] std::uint8_t* reserve(Property property, std::size_t size) noexcept;

  MutableBytes into_;
  std::size_t size_ = 0;
  std::uint64_t present_ = 0;
  bool ok_ = true;
};

}  // namespace axonpush::inline v0::mqtt
