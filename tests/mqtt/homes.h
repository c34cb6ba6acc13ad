// Packets with a given list of properties, for every place where properties stand.
#pragma once

#include "packets.h"

namespace axonpush::test {

struct Home {
  const char* name;
  PacketType type;
  mqtt::PropertyHome home;
  Sender sender;
  const char* first;
  const char* before;  // hex of what stands in front of the Property Length
  const char* behind;
};

inline constexpr Home kHomes[] = {
    {"CONNECT", PacketType::connect, mqtt::PropertyHome::packet, Sender::client, "10", "00044d515454 05 02 0000",
     "0003616263"},
    {"Will", PacketType::connect, mqtt::PropertyHome::will, Sender::client, "10",
     "00044d515454 05 06 0000 00 0003616263", "000161 0000"},
    {"CONNACK", PacketType::connack, mqtt::PropertyHome::packet, Sender::server, "20", "0000", ""},
    {"PUBLISH", PacketType::publish, mqtt::PropertyHome::packet, Sender::server, "32", "000161 0001", "6869"},
    {"PUBLISH", PacketType::publish, mqtt::PropertyHome::packet, Sender::client, "32", "000161 0001", "6869"},
    {"PUBACK", PacketType::puback, mqtt::PropertyHome::packet, Sender::server, "40", "0001 00", ""},
    {"PUBREC", PacketType::pubrec, mqtt::PropertyHome::packet, Sender::server, "50", "0001 00", ""},
    {"PUBREL", PacketType::pubrel, mqtt::PropertyHome::packet, Sender::server, "62", "0001 00", ""},
    {"PUBCOMP", PacketType::pubcomp, mqtt::PropertyHome::packet, Sender::server, "70", "0001 00", ""},
    {"SUBSCRIBE", PacketType::subscribe, mqtt::PropertyHome::packet, Sender::client, "82", "0001", "00016101"},
    {"SUBACK", PacketType::suback, mqtt::PropertyHome::packet, Sender::server, "90", "0001", "00"},
    {"UNSUBSCRIBE", PacketType::unsubscribe, mqtt::PropertyHome::packet, Sender::client, "a2", "0001", "000161"},
    {"UNSUBACK", PacketType::unsuback, mqtt::PropertyHome::packet, Sender::server, "b0", "0001", "00"},
    {"DISCONNECT", PacketType::disconnect, mqtt::PropertyHome::packet, Sender::server, "e0", "80", ""},
    {"DISCONNECT", PacketType::disconnect, mqtt::PropertyHome::packet, Sender::client, "e0", "80", ""},
    {"AUTH", PacketType::auth, mqtt::PropertyHome::packet, Sender::server, "f0", "18", ""},
};

inline std::string variable_hex(std::size_t value) {
  std::vector<std::uint8_t> bytes;
  do {
    bytes.push_back(static_cast<std::uint8_t>(value % 128 + (value >= 128 ? 128 : 0)));
    value /= 128;
  } while (value != 0);
  return hex_of(bytes);
}

// `length` in place of the true Property Length when it is not empty.
inline std::vector<std::uint8_t> packet_with(const Home& home, std::string_view properties, std::string length = "") {
  if (length.empty()) length = variable_hex(bytes_of_hex(properties).size());
  std::string body(home.before);
  body += length;
  body += properties;
  body += home.behind;
  return packet_of(home.first, body);
}

struct OneProperty {
  mqtt::Property id;
  const char* hex;    // identifier and a right value
  const char* other;  // the same with another value
};

inline constexpr OneProperty kOneOfEach[] = {
    {mqtt::Property::payload_format_indicator, "0101", "0100"},
    {mqtt::Property::message_expiry_interval, "02 0000003c", "02 ffffffff"},
    {mqtt::Property::content_type, "03 0004 74657874", "03 0000"},
    {mqtt::Property::response_topic, "08 0003 612f62", "08 0001 72"},
    {mqtt::Property::correlation_data, "09 0003 0001ff", "09 0000"},
    {mqtt::Property::subscription_identifier, "0b 01", "0b ffffff7f"},
    {mqtt::Property::session_expiry_interval, "11 0000012c", "11 ffffffff"},
    {mqtt::Property::assigned_client_identifier, "12 0003 636964", "12 0000"},
    {mqtt::Property::server_keep_alive, "13 003c", "13 0000"},
    {mqtt::Property::authentication_method, "15 0001 6d", "15 0000"},
    {mqtt::Property::authentication_data, "16 0002 00ff", "16 0000"},
    {mqtt::Property::request_problem_information, "1700", "1701"},
    {mqtt::Property::will_delay_interval, "18 00000005", "18 00000000"},
    {mqtt::Property::request_response_information, "1901", "1900"},
    {mqtt::Property::response_information, "1a 0001 69", "1a 0000"},
    {mqtt::Property::server_reference, "1c 0011 6576696c2e6578616d706c653a31383833", "1c 0000"},
    {mqtt::Property::reason_string, "1f 0002 6e6f", "1f 0000"},
    {mqtt::Property::receive_maximum, "21 0001", "21 ffff"},
    {mqtt::Property::topic_alias_maximum, "22 0000", "22 ffff"},
    {mqtt::Property::topic_alias, "23 0001", "23 ffff"},
    {mqtt::Property::maximum_qos, "2400", "2401"},
    {mqtt::Property::retain_available, "2500", "2501"},
    {mqtt::Property::user_property, "26 0001 6b 0001 76", "26 0000 0000"},
    {mqtt::Property::maximum_packet_size, "27 00000001", "27 ffffffff"},
    {mqtt::Property::wildcard_subscription_available, "2800", "2801"},
    {mqtt::Property::subscription_identifier_available, "2900", "2901"},
    {mqtt::Property::shared_subscription_available, "2a00", "2a01"},
};
static_assert(sizeof kOneOfEach / sizeof kOneOfEach[0] == 27);

}  // namespace axonpush::test
