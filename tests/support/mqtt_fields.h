// A packet as a flat list of named texts, the form in which the codec, the reference decoder and the vectors are
// compared. Names are those of the vectors ("properties.receive_maximum"); binary data is lower-case hex, list items
// are numbered.
#pragma once

#include <axonpush/mqtt/packet.h>

#include <map>
#include <string>
#include <vector>

namespace axonpush::test {

using Fields = std::map<std::string, std::string>;

inline std::string hex_of(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const std::uint8_t byte : bytes) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}
inline std::vector<std::uint8_t> bytes_of_hex(std::string_view hex) {
  std::vector<std::uint8_t> bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  int high = -1;
  for (const char c : hex) {
    if (c == ' ') continue;
    if (high < 0) {
      high = digit(c);
    } else {
      bytes.push_back(static_cast<std::uint8_t>(high << 4 | digit(c)));
      high = -1;
    }
  }
  return bytes;
}

inline void add_properties(const mqtt::Properties& properties, const std::string& prefix, Fields& fields) {
  std::size_t user = 0;
  std::size_t subscription = 0;
  mqtt::PropertyValue value;
  for (mqtt::Properties::Cursor at(properties); at.next(value);) {
    std::string name = prefix + "properties." + std::string(mqtt::key_of(value.id));
    switch (mqtt::type_of(value.id)) {
      case mqtt::PropertyType::utf8_string:
        fields[name] = std::string(text_of(value.bytes));
        break;
      case mqtt::PropertyType::binary:
        fields[name] = hex_of(value.bytes);
        break;
      case mqtt::PropertyType::utf8_pair:
        name += "." + std::to_string(user++);
        fields[name + ".0"] = std::string(text_of(value.name));
        fields[name + ".1"] = std::string(text_of(value.bytes));
        break;
      case mqtt::PropertyType::variable_byte:
        fields[name + "." + std::to_string(subscription++)] = std::to_string(value.integer);
        break;
      default:
        fields[name] = std::to_string(value.integer);
        break;
    }
  }
}

inline Fields connect_fields(const mqtt::Connect& connect) {
  Fields fields;
  fields["clean_start"] = connect.clean_start ? "1" : "0";
  fields["keep_alive"] = std::to_string(connect.keep_alive);
  fields["client_id"] = std::string(connect.client_id);
  add_properties(connect.properties, "", fields);
  if (connect.has_will) {
    fields["will.qos"] = std::to_string(static_cast<unsigned>(connect.will_qos));
    fields["will.retain"] = connect.will_retain ? "1" : "0";
    fields["will.topic"] = std::string(connect.will_topic);
    fields["will.payload_hex"] = hex_of(connect.will_payload);
    add_properties(connect.will_properties, "will.", fields);
  }
  if (connect.has_user_name) fields["user_name"] = std::string(connect.user_name);
  if (connect.has_password) fields["password_hex"] = hex_of(connect.password);
  return fields;
}

inline Fields publish_fields(const mqtt::Publish& publish) {
  Fields fields;
  fields["topic"] = std::string(publish.topic);
  fields["qos"] = std::to_string(static_cast<unsigned>(publish.qos));
  fields["dup"] = publish.dup ? "1" : "0";
  fields["retain"] = publish.retain ? "1" : "0";
  if (publish.qos != mqtt::Qos::at_most_once) fields["packet_id"] = std::to_string(publish.packet_id);
  add_properties(publish.properties, "", fields);
  fields["payload_hex"] = hex_of(publish.payload);
  return fields;
}

inline Fields filters_fields(const mqtt::FilterList& filters) {
  Fields fields;
  fields["packet_id"] = std::to_string(filters.packet_id);
  add_properties(filters.properties, "", fields);
  mqtt::SubscriptionRequest request;
  std::size_t count = 0;
  for (mqtt::FilterList::Cursor at(filters); at.next(request); ++count) {
    const std::string name = "topic_filters." + std::to_string(count);
    fields[name] = std::string(request.topic_filter);
    if (!filters.with_options) continue;
    fields[name + ".qos"] = std::to_string(static_cast<unsigned>(request.qos_max));
    fields[name + ".no_local"] = request.no_local ? "1" : "0";
    fields[name + ".retain_as_published"] = request.retain_as_published ? "1" : "0";
    fields[name + ".retain_handling"] = std::to_string(request.retain_handling);
  }
  fields["topic_filters.count"] = std::to_string(filters.count);
  return fields;
}

inline Fields fields_of(const mqtt::Packet& packet) {
  using mqtt::PacketType;
  Fields fields;
  switch (packet.type) {
    case PacketType::connect:
      return connect_fields(packet.connect);
    case PacketType::connack:
      fields["session_present"] = packet.connack.session_present ? "1" : "0";
      fields["reason_code"] = std::to_string(static_cast<unsigned>(packet.connack.reason_code));
      add_properties(packet.connack.properties, "", fields);
      break;
    case PacketType::publish:
      return publish_fields(packet.publish);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      fields["packet_id"] = std::to_string(packet.ack.packet_id);
      fields["reason_code"] = std::to_string(static_cast<unsigned>(packet.ack.reason_code));
      add_properties(packet.ack.properties, "", fields);
      break;
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      return filters_fields(packet.filters);
    case PacketType::suback:
    case PacketType::unsuback: {
      fields["packet_id"] = std::to_string(packet.reasons.packet_id);
      add_properties(packet.reasons.properties, "", fields);
      std::size_t count = 0;
      for (const std::uint8_t code : packet.reasons.reason_codes) {
        fields["reason_codes." + std::to_string(count++)] = std::to_string(static_cast<unsigned>(code));
      }
      break;
    }
    case PacketType::disconnect:
    case PacketType::auth:
      fields["reason_code"] = std::to_string(static_cast<unsigned>(packet.notice.reason_code));
      add_properties(packet.notice.properties, "", fields);
      break;
    default:
      break;
  }
  return fields;
}

}  // namespace axonpush::test
