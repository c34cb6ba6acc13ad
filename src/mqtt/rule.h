// The rules a packet can break. text_of, clause_of and reason_of (packet.h) read the table in rule.cc.
#pragma once

#include <axonpush/mqtt/packet.h>

namespace axonpush::inline v0::mqtt {

enum class Rule : std::uint8_t {
  none,
  // Fixed header.
  packet_type_reserved,
  flags_reserved,
  qos_3,
  dup_at_qos_0,
  remaining_length_too_long,
  remaining_length_not_minimal,
  sender_wrong,
  packet_too_large,
  // Fields and strings.
  field_cut,
  bytes_left_over,
  string_cut,
  utf8_ill_formed,
  utf8_null,
  packet_id_zero,
  // Topics.
  topic_wildcard,
  topic_missing,
  topic_empty,
  filter_empty,
  filter_wildcard,
  share_name,
  // Properties.
  property_length_cut,
  property_length_too_long,
  property_length_not_minimal,
  property_cut,
  property_id_too_long,
  property_id_not_minimal,
  property_unknown,
  property_not_allowed,
  property_twice,
  property_byte_over_one,
  receive_maximum_zero,
  maximum_packet_size_zero,
  topic_alias_zero,
  subscription_id_zero,
  subscription_id_too_long,
  subscription_id_not_minimal,
  subscription_id_from_client,
  session_expiry_from_server,
  response_topic_wildcard,
  response_topic_empty,
  authentication_data_alone,
  authentication_method_missing,
  // Single packets.
  protocol_name,
  protocol_version,
  connect_flag_reserved,
  will_qos_3,
  will_bits_without_will,
  connack_flags,
  session_present_with_failure,
  reason_code_not_allowed,
  reason_codes_missing,
  filters_missing,
  subscription_options_reserved,
  subscription_qos_3,
  retain_handling_3,
  no_local_shared,
};
inline constexpr std::size_t kRuleCount = static_cast<std::size_t>(Rule::no_local_shared) + 1;

}  // namespace axonpush::inline v0::mqtt
