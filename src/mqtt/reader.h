// Walks the fields of one packet whose bytes are all there, and keeps the first fault.
#pragma once

#include "mqtt/property_check.h"
#include "mqtt/variable_byte.h"

namespace axonpush::inline v0::mqtt {

class Reader {
 public:
  Reader(const std::uint8_t* at, const std::uint8_t* end) noexcept : at_(at), end_(end) {}

  [[nodiscard]] Rule rule() const noexcept { return rule_; }
  [[nodiscard]] const std::uint8_t* fault_at() const noexcept { return fault_at_; }
  [[nodiscard]] const std::uint8_t* at() const noexcept { return at_; }
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] Bytes rest() noexcept {
    const Bytes all{at_, left()};
    at_ = end_;
    return all;
  }

  // Each answers false from the first fault on.
  [[nodiscard]] bool fail(Rule rule, const std::uint8_t* at) noexcept {
    rule_ = rule;
    fault_at_ = at;
    return false;
  }
  [[nodiscard]] bool byte(std::uint8_t& value) noexcept {
    if (at_ == end_) return fail(Rule::field_cut, at_);
    value = *at_++;
    return true;
  }
  [[nodiscard]] bool two_bytes(std::uint16_t& value) noexcept {
    if (left() < 2) return fail(Rule::field_cut, at_);
    value = load_be16(at_);
    at_ += 2;
    return true;
  }
  [[nodiscard]] bool packet_id(std::uint16_t& value) noexcept {
    const std::uint8_t* const where = at_;
    if (!two_bytes(value)) return false;
    // [MQTT-2.2.1-3], [MQTT-2.2.1-4]
    return value != 0 || fail(Rule::packet_id_zero, where);
  }
  [[nodiscard]] bool binary(Bytes& value) noexcept {
    if (left() < 2) return fail(Rule::field_cut, at_);
    const std::size_t size = load_be16(at_);
    if (size > left() - 2) return fail(Rule::string_cut, at_);
    value = {at_ + 2, size};
    at_ += 2 + size;
    return true;
  }
  [[nodiscard]] bool string(std::string_view& value) noexcept {
    Bytes bytes;
    if (!binary(bytes)) return false;
    value = text_of(bytes);
    const TextFault fault = check_text<TextKind::string>(bytes.data(), bytes.size());
    return fault == TextFault::none || fail(rule_of(fault), bytes.data());
  }
  [[nodiscard]] bool reason_code(PacketType type, Sender sender, ReasonCode& code) noexcept {
    std::uint8_t value = 0;
    if (!byte(value)) return false;
    code = static_cast<ReasonCode>(value);
    return reason_code_allowed(type, sender, value) || fail(Rule::reason_code_not_allowed, at_ - 1);
  }
  [[nodiscard]] bool properties(PacketType type, PropertyHome home, Sender sender, Properties& value) noexcept {
    const std::uint8_t* const where = at_;
    const VariableByte size = read_variable_byte(at_, end_);
    switch (size.state) {
      case VariableByte::State::cut:
        return fail(Rule::property_length_cut, where);
      case VariableByte::State::too_long:
        return fail(Rule::property_length_too_long, where);
      case VariableByte::State::not_minimal:
        return fail(Rule::property_length_not_minimal, where);
      case VariableByte::State::done:
        break;
    }
    at_ += size.size;
    if (size.value > left()) return fail(Rule::property_length_cut, where);
    const PropertyWalk walk = walk_properties(at_, at_ + size.value, property_place(type, home, sender));
    if (walk.rule != Rule::none) return fail(walk.rule, walk.at);
    value = Properties({at_, size.value}, walk.present);
    topic_alias_ = walk.topic_alias;
    at_ += size.value;
    return true;
  }
  // Of the properties read last.
  [[nodiscard]] std::uint16_t topic_alias() const noexcept { return topic_alias_; }
  [[nodiscard]] bool end() noexcept { return at_ == end_ || fail(Rule::bytes_left_over, at_); }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  const std::uint8_t* fault_at_ = nullptr;
  Rule rule_ = Rule::none;
  std::uint16_t topic_alias_ = 0;
};

// The bodies, in decode_body.cc. Each reads to the end of the packet and fills `packet` but for type and
// flags.
[[nodiscard]] bool read_publish(Reader& reader, std::uint8_t first, Sender sender, Packet& packet) noexcept;
[[nodiscard]] bool read_connect(Reader& reader, Packet& packet) noexcept;
[[nodiscard]] bool read_connack(Reader& reader, Packet& packet) noexcept;
[[nodiscard]] bool read_ack(Reader& reader, PacketType type, Sender sender, Packet& packet) noexcept;
[[nodiscard]] bool read_filters(Reader& reader, PacketType type, Packet& packet) noexcept;
[[nodiscard]] bool read_reasons(Reader& reader, PacketType type, Packet& packet) noexcept;
[[nodiscard]] bool read_notice(Reader& reader, PacketType type, Sender sender, Packet& packet) noexcept;

}  // namespace axonpush::inline v0::mqtt
