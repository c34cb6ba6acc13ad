// MQTT 5 table 2-4 as data: the type of every property and the packets it belongs to.
#pragma once

#include <axonpush/mqtt/property.h>

namespace axonpush::inline v0::mqtt {

// One bit for each packet type, and bit 0, which no packet has, for the Will Properties of CONNECT.
inline constexpr unsigned kWillHome = 0;

struct PropertyRow {
  Property id;
  PropertyType type;
  std::uint16_t homes;  // bit (packet type), bit kWillHome
  const char* name;
  const char* key;
};

namespace homes {
constexpr std::uint16_t bit(PacketType type) noexcept { return static_cast<std::uint16_t>(1U << unsigned(type)); }
inline constexpr std::uint16_t kWill = 1U << kWillHome;
inline constexpr std::uint16_t kConnect = bit(PacketType::connect);
inline constexpr std::uint16_t kConnack = bit(PacketType::connack);
inline constexpr std::uint16_t kPublish = bit(PacketType::publish);
inline constexpr std::uint16_t kSubscribe = bit(PacketType::subscribe);
inline constexpr std::uint16_t kUnsubscribe = bit(PacketType::unsubscribe);
inline constexpr std::uint16_t kDisconnect = bit(PacketType::disconnect);
inline constexpr std::uint16_t kAuth = bit(PacketType::auth);
inline constexpr std::uint16_t kAcks = bit(PacketType::puback) | bit(PacketType::pubrec) | bit(PacketType::pubrel) |
                                       bit(PacketType::pubcomp) | bit(PacketType::suback) | bit(PacketType::unsuback);
}  // namespace homes

inline constexpr PropertyRow kPropertyRows[] = {
    {Property::payload_format_indicator, PropertyType::byte, homes::kPublish | homes::kWill, "Payload Format Indicator",
     "payload_format_indicator"},
    {Property::message_expiry_interval, PropertyType::four_byte, homes::kPublish | homes::kWill,
     "Message Expiry Interval", "message_expiry_interval"},
    {Property::content_type, PropertyType::utf8_string, homes::kPublish | homes::kWill, "Content Type", "content_type"},
    {Property::response_topic, PropertyType::utf8_string, homes::kPublish | homes::kWill, "Response Topic",
     "response_topic"},
    {Property::correlation_data, PropertyType::binary, homes::kPublish | homes::kWill, "Correlation Data",
     "correlation_data"},
    {Property::subscription_identifier, PropertyType::variable_byte, homes::kPublish | homes::kSubscribe,
     "Subscription Identifier", "subscription_identifier"},
    {Property::session_expiry_interval, PropertyType::four_byte, homes::kConnect | homes::kConnack | homes::kDisconnect,
     "Session Expiry Interval", "session_expiry_interval"},
    {Property::assigned_client_identifier, PropertyType::utf8_string, homes::kConnack, "Assigned Client Identifier",
     "assigned_client_identifier"},
    {Property::server_keep_alive, PropertyType::two_byte, homes::kConnack, "Server Keep Alive", "server_keep_alive"},
    {Property::authentication_method, PropertyType::utf8_string, homes::kConnect | homes::kConnack | homes::kAuth,
     "Authentication Method", "authentication_method"},
    {Property::authentication_data, PropertyType::binary, homes::kConnect | homes::kConnack | homes::kAuth,
     "Authentication Data", "authentication_data"},
    {Property::request_problem_information, PropertyType::byte, homes::kConnect, "Request Problem Information",
     "request_problem_information"},
    {Property::will_delay_interval, PropertyType::four_byte, homes::kWill, "Will Delay Interval",
     "will_delay_interval"},
    {Property::request_response_information, PropertyType::byte, homes::kConnect, "Request Response Information",
     "request_response_information"},
    {Property::response_information, PropertyType::utf8_string, homes::kConnack, "Response Information",
     "response_information"},
    {Property::server_reference, PropertyType::utf8_string, homes::kConnack | homes::kDisconnect, "Server Reference",
     "server_reference"},
    {Property::reason_string, PropertyType::utf8_string,
     homes::kConnack | homes::kAcks | homes::kDisconnect | homes::kAuth, "Reason String", "reason_string"},
    {Property::receive_maximum, PropertyType::two_byte, homes::kConnect | homes::kConnack, "Receive Maximum",
     "receive_maximum"},
    {Property::topic_alias_maximum, PropertyType::two_byte, homes::kConnect | homes::kConnack, "Topic Alias Maximum",
     "topic_alias_maximum"},
    {Property::topic_alias, PropertyType::two_byte, homes::kPublish, "Topic Alias", "topic_alias"},
    {Property::maximum_qos, PropertyType::byte, homes::kConnack, "Maximum QoS", "maximum_qos"},
    {Property::retain_available, PropertyType::byte, homes::kConnack, "Retain Available", "retain_available"},
    {Property::user_property, PropertyType::utf8_pair,
     homes::kConnect | homes::kConnack | homes::kPublish | homes::kWill | homes::kAcks | homes::kSubscribe |
         homes::kUnsubscribe | homes::kDisconnect | homes::kAuth,
     "User Property", "user_property"},
    {Property::maximum_packet_size, PropertyType::four_byte, homes::kConnect | homes::kConnack, "Maximum Packet Size",
     "maximum_packet_size"},
    {Property::wildcard_subscription_available, PropertyType::byte, homes::kConnack, "Wildcard Subscription Available",
     "wildcard_subscription_available"},
    {Property::subscription_identifier_available, PropertyType::byte, homes::kConnack,
     "Subscription Identifiers Available", "subscription_identifier_available"},
    {Property::shared_subscription_available, PropertyType::byte, homes::kConnack, "Shared Subscription Available",
     "shared_subscription_available"},
};
inline constexpr std::size_t kPropertyCount = sizeof kPropertyRows / sizeof kPropertyRows[0];
static_assert(kPropertyCount == 27);

[[nodiscard]] constexpr std::uint64_t property_bit(Property property) noexcept {
  return std::uint64_t{1} << static_cast<unsigned>(property);
}

// The bits (identifier) of all properties that may stand in `home`: a packet type's number, or kWillHome.
[[nodiscard]] constexpr std::uint64_t properties_of_home(unsigned home) noexcept {
  std::uint64_t bits = 0;
  for (const PropertyRow& row : kPropertyRows) {
    if ((row.homes >> home & 1U) != 0) bits |= property_bit(row.id);
  }
  return bits;
}

// All identifiers fit into one 64-bit set, which is what makes the checks of a walk three bit tests.
inline constexpr unsigned kPropertyIdLimit = 64;

struct PropertyIndex {
  std::uint64_t allowed[16] = {};  // by home
  PropertyType type[kPropertyIdLimit] = {};
  std::uint8_t row[kPropertyIdLimit] = {};  // 1 + index in kPropertyRows; 0: no such property
};
[[nodiscard]] constexpr PropertyIndex make_property_index() noexcept {
  PropertyIndex index;
  for (unsigned home = 0; home < 16; ++home) index.allowed[home] = properties_of_home(home);
  for (std::size_t at = 0; at < kPropertyCount; ++at) {
    index.type[static_cast<std::size_t>(kPropertyRows[at].id)] = kPropertyRows[at].type;
    index.row[static_cast<std::size_t>(kPropertyRows[at].id)] = static_cast<std::uint8_t>(at + 1);
  }
  return index;
}
inline constexpr PropertyIndex kPropertyIndex = make_property_index();

}  // namespace axonpush::inline v0::mqtt
