#include <axonpush/mqtt/reason.h>

namespace axonpush::inline v0::mqtt {

namespace {

constexpr std::string_view kTypeNames[] = {"reserved", "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
                                           "PUBREL",   "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
                                           "PINGREQ",  "PINGRESP", "DISCONNECT", "AUTH"};

// Which packet of whom: one column of MQTT 5 table 2-6 each, and the senders of chapter 3's tables.
using Columns = std::uint16_t;
enum Column : Columns {
  kConnack = 1U << 0,
  kServerPuback = 1U << 1,  // PUBACK and PUBREC
  kClientPuback = 1U << 2,
  kPubrel = 1U << 3,  // PUBREL and PUBCOMP
  kSuback = 1U << 4,
  kUnsuback = 1U << 5,
  kServerDisconnect = 1U << 6,
  kClientDisconnect = 1U << 7,
  kServerAuth = 1U << 8,
  kClientAuth = 1U << 9,
};
constexpr Columns kPuback = kServerPuback | kClientPuback;
constexpr Columns kDisconnect = kServerDisconnect | kClientDisconnect;

struct ReasonRow {
  ReasonCode code;
  std::uint16_t columns;
  const char* name;
};

// MQTT 5 table 2-6, and the tables 3.2.2.2, 3.4.2.1, 3.5.2.1, 3.6.2.1, 3.7.2.1, 3.9.3, 3.11.3, 3.14.2.1, 3.15.2.1.
constexpr ReasonRow kReasons[] = {
    {ReasonCode::success, kConnack | kPuback | kPubrel | kSuback | kUnsuback | kDisconnect | kServerAuth, "Success"},
    {ReasonCode::granted_qos_1, kSuback, "Granted QoS 1"},
    {ReasonCode::granted_qos_2, kSuback, "Granted QoS 2"},
    {ReasonCode::disconnect_with_will_message, kClientDisconnect, "Disconnect with Will Message"},
    {ReasonCode::no_matching_subscribers, kServerPuback, "No matching subscribers"},
    {ReasonCode::no_subscription_existed, kUnsuback, "No subscription existed"},
    {ReasonCode::continue_authentication, kServerAuth | kClientAuth, "Continue authentication"},
    {ReasonCode::reauthenticate, kClientAuth, "Re-authenticate"},
    {ReasonCode::unspecified_error, kConnack | kPuback | kSuback | kUnsuback | kDisconnect, "Unspecified error"},
    {ReasonCode::malformed_packet, kConnack | kDisconnect, "Malformed Packet"},
    {ReasonCode::protocol_error, kConnack | kDisconnect, "Protocol Error"},
    {ReasonCode::implementation_specific_error, kConnack | kPuback | kSuback | kUnsuback | kDisconnect,
     "Implementation specific error"},
    {ReasonCode::unsupported_protocol_version, kConnack, "Unsupported Protocol Version"},
    {ReasonCode::client_identifier_not_valid, kConnack, "Client Identifier not valid"},
    {ReasonCode::bad_user_name_or_password, kConnack, "Bad User Name or Password"},
    {ReasonCode::not_authorized, kConnack | kPuback | kSuback | kUnsuback | kServerDisconnect, "Not authorized"},
    {ReasonCode::server_unavailable, kConnack, "Server unavailable"},
    {ReasonCode::server_busy, kConnack | kServerDisconnect, "Server busy"},
    {ReasonCode::banned, kConnack, "Banned"},
    {ReasonCode::server_shutting_down, kServerDisconnect, "Server shutting down"},
    // Table 2-6 gives it to DISCONNECT, table 3-10 does not list it: taken, as nothing hangs on it.
    {ReasonCode::bad_authentication_method, kConnack | kServerDisconnect, "Bad authentication method"},
    {ReasonCode::keep_alive_timeout, kServerDisconnect, "Keep Alive timeout"},
    {ReasonCode::session_taken_over, kServerDisconnect, "Session taken over"},
    {ReasonCode::topic_filter_invalid, kSuback | kUnsuback | kServerDisconnect, "Topic Filter invalid"},
    {ReasonCode::topic_name_invalid, kConnack | kPuback | kDisconnect, "Topic Name invalid"},
    {ReasonCode::packet_identifier_in_use, kPuback | kSuback | kUnsuback, "Packet Identifier in use"},
    {ReasonCode::packet_identifier_not_found, kPubrel, "Packet Identifier not found"},
    {ReasonCode::receive_maximum_exceeded, kDisconnect, "Receive Maximum exceeded"},
    {ReasonCode::topic_alias_invalid, kDisconnect, "Topic Alias invalid"},
    {ReasonCode::packet_too_large, kConnack | kDisconnect, "Packet too large"},
    {ReasonCode::message_rate_too_high, kDisconnect, "Message rate too high"},
    {ReasonCode::quota_exceeded, kConnack | kPuback | kSuback | kDisconnect, "Quota exceeded"},
    {ReasonCode::administrative_action, kDisconnect, "Administrative action"},
    {ReasonCode::payload_format_invalid, kConnack | kPuback | kDisconnect, "Payload format invalid"},
    {ReasonCode::retain_not_supported, kConnack | kServerDisconnect, "Retain not supported"},
    {ReasonCode::qos_not_supported, kConnack | kServerDisconnect, "QoS not supported"},
    {ReasonCode::use_another_server, kConnack | kServerDisconnect, "Use another server"},
    {ReasonCode::server_moved, kConnack | kServerDisconnect, "Server moved"},
    {ReasonCode::shared_subscriptions_not_supported, kSuback | kServerDisconnect, "Shared Subscriptions not supported"},
    {ReasonCode::connection_rate_exceeded, kConnack | kServerDisconnect, "Connection rate exceeded"},
    {ReasonCode::maximum_connect_time, kServerDisconnect, "Maximum connect time"},
    {ReasonCode::subscription_identifiers_not_supported, kSuback | kServerDisconnect,
     "Subscription Identifiers not supported"},
    {ReasonCode::wildcard_subscriptions_not_supported, kSuback | kServerDisconnect,
     "Wildcard Subscriptions not supported"},
};

struct ColumnIndex {
  std::uint16_t columns[256] = {};
};
constexpr ColumnIndex kColumns = [] {
  ColumnIndex index;
  for (const ReasonRow& row : kReasons) index.columns[static_cast<std::size_t>(row.code)] = row.columns;
  return index;
}();

constexpr Columns column_of(PacketType type, Sender sender) noexcept {
  const bool server = sender == Sender::server;
  switch (type) {
    case PacketType::connack:
      return server ? Columns{kConnack} : Columns{0};
    case PacketType::puback:
    case PacketType::pubrec:
      return server ? kServerPuback : kClientPuback;
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return kPubrel;
    case PacketType::suback:
      return server ? Columns{kSuback} : Columns{0};
    case PacketType::unsuback:
      return server ? Columns{kUnsuback} : Columns{0};
    case PacketType::disconnect:
      return server ? kServerDisconnect : kClientDisconnect;
    case PacketType::auth:
      return server ? kServerAuth : kClientAuth;
    default:
      return 0;
  }
}

}  // namespace

std::string_view name_of(PacketType type) noexcept {
  const auto at = static_cast<std::size_t>(type);
  return at < sizeof kTypeNames / sizeof kTypeNames[0] ? kTypeNames[at] : std::string_view("unknown");
}

std::string_view name_of(ReasonCode code) noexcept {
  for (const ReasonRow& row : kReasons) {
    if (row.code == code) return row.name;
  }
  return "unknown";
}

bool reason_code_allowed(PacketType type, Sender sender, std::uint8_t code) noexcept {
  return (kColumns.columns[code] & column_of(type, sender)) != 0;
}

}  // namespace axonpush::inline v0::mqtt
