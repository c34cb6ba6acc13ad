#include "mqtt/rule.h"

namespace axonpush::inline v0::mqtt {

namespace {

struct RuleRow {
  Rule rule;
  ReasonCode reason;
  const char* text;
  const char* clause;
};

constexpr ReasonCode kMalformed = ReasonCode::malformed_packet;
constexpr ReasonCode kProtocol = ReasonCode::protocol_error;

// In the order of the enumeration; a static_assert below holds it. What cannot be parsed, or what a clause calls so, is
// a Malformed Packet; what was parsed and is not allowed there is a Protocol Error (MQTT 5 1.2).
constexpr RuleRow kRules[] = {
    {Rule::none, ReasonCode::success, "no rule was broken", ""},
    {Rule::packet_type_reserved, kMalformed, "packet type 0 is reserved", "MQTT 5 2.1.2"},
    {Rule::flags_reserved, kMalformed, "the fixed header's flags are not those of this packet", "[MQTT-2.1.3-1]"},
    {Rule::qos_3, kMalformed, "QoS 3 does not exist", "[MQTT-3.3.1-4]"},
    {Rule::dup_at_qos_0, kMalformed, "DUP is set at QoS 0", "[MQTT-3.3.1-2]"},
    {Rule::remaining_length_too_long, kMalformed, "the Remaining Length is longer than four bytes", "MQTT 5 1.5.5"},
    {Rule::remaining_length_not_minimal, kMalformed, "the Remaining Length takes more bytes than it needs",
     "[MQTT-1.5.5-1]"},
    {Rule::sender_wrong, kProtocol, "this packet is sent only in the other direction", "MQTT 5 2.1.2"},
    {Rule::packet_too_large, ReasonCode::packet_too_large, "the packet exceeds the Maximum Packet Size",
     "[MQTT-3.1.2-24]"},
    {Rule::field_cut, kMalformed, "a field runs past the end of the packet", "MQTT 5 1.2"},
    {Rule::bytes_left_over, kMalformed, "bytes are left over inside the packet", "MQTT 5 1.2"},
    {Rule::string_cut, kMalformed, "a string or binary data runs past the end", "MQTT 5 1.5.4"},
    {Rule::utf8_ill_formed, kMalformed, "a string is ill-formed UTF-8", "[MQTT-1.5.4-1]"},
    {Rule::utf8_null, kMalformed, "a string holds U+0000", "[MQTT-1.5.4-2]"},
    {Rule::packet_id_zero, kProtocol, "the Packet Identifier is 0", "[MQTT-2.2.1-3]"},
    {Rule::topic_wildcard, kMalformed, "a Topic Name holds a wildcard", "[MQTT-3.3.2-2]"},
    {Rule::topic_missing, kProtocol, "the Topic Name is empty and there is no Topic Alias", "MQTT 5 3.3.2.1"},
    {Rule::topic_empty, kProtocol, "the Will Topic is empty", "[MQTT-4.7.3-1]"},
    {Rule::filter_empty, kProtocol, "a Topic Filter is empty", "[MQTT-4.7.3-1]"},
    {Rule::filter_wildcard, kMalformed, "a wildcard stands where none may", "[MQTT-4.7.1-1]"},
    {Rule::share_name, kMalformed, "a shared subscription lacks its name or its filter", "[MQTT-4.8.2-1]"},
    {Rule::property_length_cut, kMalformed, "the Property Length runs past the end of the packet", "MQTT 5 2.2.2.1"},
    {Rule::property_length_too_long, kMalformed, "the Property Length is longer than four bytes", "MQTT 5 1.5.5"},
    {Rule::property_length_not_minimal, kMalformed, "the Property Length takes more bytes than it needs",
     "[MQTT-1.5.5-1]"},
    {Rule::property_cut, kMalformed, "a property runs past the end of the properties", "MQTT 5 2.2.2.1"},
    {Rule::property_id_too_long, kMalformed, "a property identifier is longer than four bytes", "MQTT 5 1.5.5"},
    {Rule::property_id_not_minimal, kMalformed, "a property identifier takes more bytes than it needs",
     "[MQTT-1.5.5-1]"},
    {Rule::property_unknown, kMalformed, "there is no property with this identifier", "MQTT 5 2.2.2.2"},
    {Rule::property_not_allowed, kMalformed, "this property does not belong to this packet", "MQTT 5 2.2.2.2"},
    {Rule::property_twice, kProtocol, "a property is there more than once", "MQTT 5 2.2.2.2"},
    {Rule::property_byte_over_one, kProtocol, "a property of the values 0 and 1 has another one", "MQTT 5 2.2.2.2"},
    {Rule::receive_maximum_zero, kProtocol, "the Receive Maximum is 0", "MQTT 5 3.2.2.3.3"},
    {Rule::maximum_packet_size_zero, kProtocol, "the Maximum Packet Size is 0", "MQTT 5 3.2.2.3.6"},
    {Rule::topic_alias_zero, ReasonCode::topic_alias_invalid, "the Topic Alias is 0", "[MQTT-3.3.2-8]"},
    {Rule::subscription_id_zero, kProtocol, "the Subscription Identifier is 0", "MQTT 5 3.3.2.3.8"},
    {Rule::subscription_id_too_long, kMalformed, "the Subscription Identifier is longer than four bytes",
     "MQTT 5 1.5.5"},
    {Rule::subscription_id_not_minimal, kMalformed, "the Subscription Identifier takes more bytes than it needs",
     "[MQTT-1.5.5-1]"},
    {Rule::subscription_id_from_client, kProtocol, "a client's PUBLISH holds a Subscription Identifier",
     "[MQTT-3.3.4-6]"},
    {Rule::session_expiry_from_server, kProtocol, "a server's DISCONNECT holds a Session Expiry Interval",
     "[MQTT-3.14.2-2]"},
    {Rule::response_topic_wildcard, kProtocol, "the Response Topic holds a wildcard", "[MQTT-3.3.2-14]"},
    {Rule::response_topic_empty, kProtocol, "the Response Topic is empty", "[MQTT-4.7.3-1]"},
    {Rule::authentication_data_alone, kProtocol, "there is Authentication Data without an Authentication Method",
     "MQTT 5 3.1.2.11.10"},
    {Rule::authentication_method_missing, kProtocol, "AUTH has no Authentication Method", "MQTT 5 3.15.2.2.2"},
    {Rule::protocol_name, ReasonCode::unsupported_protocol_version, "the protocol's name is not MQTT",
     "[MQTT-3.1.2-1]"},
    {Rule::protocol_version, ReasonCode::unsupported_protocol_version, "the protocol's version is not 5",
     "[MQTT-3.1.2-2]"},
    {Rule::connect_flag_reserved, kMalformed, "the reserved bit of the Connect Flags is set", "[MQTT-3.1.2-3]"},
    {Rule::will_qos_3, kMalformed, "the Will QoS is 3", "[MQTT-3.1.2-12]"},
    {Rule::will_bits_without_will, kMalformed, "Will QoS or Will Retain is set without a Will", "[MQTT-3.1.2-11]"},
    {Rule::connack_flags, kMalformed, "bits 7 to 1 of the Connect Acknowledge Flags are not 0", "[MQTT-3.2.2-1]"},
    {Rule::session_present_with_failure, kProtocol, "Session Present is set beside a reason code that is not success",
     "[MQTT-3.2.2-6]"},
    {Rule::reason_code_not_allowed, kProtocol, "this packet does not carry this reason code", "MQTT 5 2.4"},
    {Rule::reason_codes_missing, kProtocol, "there is no reason code", "MQTT 5 3.9.3"},
    {Rule::filters_missing, kProtocol, "there is no Topic Filter", "[MQTT-3.8.3-2]"},
    {Rule::subscription_options_reserved, kMalformed, "reserved bits of the Subscription Options are set",
     "[MQTT-3.8.3-5]"},
    {Rule::subscription_qos_3, kProtocol, "the Maximum QoS of a subscription is 3", "MQTT 5 3.8.3.1"},
    {Rule::retain_handling_3, kProtocol, "the Retain Handling of a subscription is 3", "MQTT 5 3.8.3.1"},
    {Rule::no_local_shared, kProtocol, "No Local is set on a shared subscription", "[MQTT-3.8.3-4]"},
};
static_assert(sizeof kRules / sizeof kRules[0] == kRuleCount);
static_assert([] {
  for (std::size_t at = 0; at < kRuleCount; ++at) {
    if (static_cast<std::size_t>(kRules[at].rule) != at) return false;
  }
  return true;
}());

const RuleRow& row_of(Rule rule) noexcept {
  const auto at = static_cast<std::size_t>(rule);
  return kRules[at < kRuleCount ? at : 0];
}

Errc errc_of(ReasonCode reason) noexcept {
  switch (reason) {
    case ReasonCode::malformed_packet:
      return Errc::mqtt_malformed;
    case ReasonCode::packet_too_large:
      return Errc::mqtt_packet_too_large;
    case ReasonCode::topic_alias_invalid:
      return Errc::mqtt_topic_alias;
    default:
      return Errc::mqtt_protocol;
  }
}

}  // namespace

std::string_view text_of(Rule rule) noexcept { return row_of(rule).text; }
std::string_view clause_of(Rule rule) noexcept { return row_of(rule).clause; }
ReasonCode reason_of(Rule rule) noexcept { return row_of(rule).reason; }

Error error_of(const Decoded& decoded) noexcept {
  if (decoded.progress != Progress::error) return Error();
  const RuleRow& row = row_of(decoded.rule);
  return Error(errc_of(row.reason), row.text)
      .at(decoded.offset)
      .by(row.clause)
      .with_number(static_cast<std::uint32_t>(row.reason));
}

}  // namespace axonpush::inline v0::mqtt
