#include "tool/mqtt_view.h"

namespace axonpush::tool {

namespace {

using mqtt::Packet;
using mqtt::PacketType;
using mqtt::Properties;
using mqtt::Property;
using mqtt::PropertyType;
using mqtt::PropertyValue;
using mqtt::ReasonCode;

unsigned number(mqtt::Qos qos) { return static_cast<unsigned>(qos); }
unsigned number(ReasonCode code) { return static_cast<unsigned>(code); }
std::string hex_of(Bytes bytes) { return to_hex(bytes.data(), bytes.size()); }

// --- As JSON

bool repeats(Property property) {
  return property == Property::user_property || property == Property::subscription_identifier;
}

void write_value(const PropertyValue& value, JsonOut& out) {
  switch (mqtt::type_of(value.id)) {
    case PropertyType::utf8_string:
      out.string(text_of(value.bytes));
      break;
    case PropertyType::binary:
      out.string(hex_of(value.bytes));
      break;
    case PropertyType::utf8_pair:
      out.begin_array().string(text_of(value.name)).string(text_of(value.bytes)).end_array();
      break;
    default:
      out.number(value.integer);
      break;
  }
}

void write_properties(const Properties& properties, JsonOut& out) {
  out.key("properties").begin_object();
  PropertyValue value;
  for (Properties::Cursor at(properties); at.next(value);) {
    if (repeats(value.id)) continue;
    out.key(mqtt::key_of(value.id));
    write_value(value, out);
  }
  for (const Property property : {Property::subscription_identifier, Property::user_property}) {
    if (!properties.has(property)) continue;
    out.key(mqtt::key_of(property)).begin_array();
    for (Properties::Cursor at(properties); at.next(value);) {
      if (value.id == property) write_value(value, out);
    }
    out.end_array();
  }
  out.end_object();
}

void write_connect(const mqtt::Connect& connect, JsonOut& out) {
  out.key("clean_start").number(connect.clean_start ? 1 : 0);
  out.key("keep_alive").number(connect.keep_alive);
  write_properties(connect.properties, out);
  out.key("client_id").string(connect.client_id);
  if (connect.has_will) {
    out.key("will").begin_object();
    out.key("qos").number(number(connect.will_qos));
    out.key("retain").number(connect.will_retain ? 1 : 0);
    write_properties(connect.will_properties, out);
    out.key("topic").string(connect.will_topic);
    out.key("payload_hex").string(hex_of(connect.will_payload)).end_object();
  }
  if (connect.has_user_name) out.key("user_name").string(connect.user_name);
  if (connect.has_password) out.key("password_hex").string(hex_of(connect.password));
}

void write_publish(const mqtt::Publish& publish, JsonOut& out) {
  out.key("topic").string(publish.topic);
  out.key("qos").number(number(publish.qos));
  out.key("dup").number(publish.dup ? 1 : 0);
  out.key("retain").number(publish.retain ? 1 : 0);
  if (publish.qos != mqtt::Qos::at_most_once) out.key("packet_id").number(publish.packet_id);
  write_properties(publish.properties, out);
  out.key("payload_hex").string(hex_of(publish.payload));
}

void write_filters(const mqtt::FilterList& filters, JsonOut& out) {
  out.key("packet_id").number(filters.packet_id);
  write_properties(filters.properties, out);
  out.key("topic_filters").begin_array();
  mqtt::SubscriptionRequest request;
  for (mqtt::FilterList::Cursor at(filters); at.next(request);) {
    if (!filters.with_options) {
      out.string(request.topic_filter);
      continue;
    }
    out.begin_object();
    out.key("topic_filter").string(request.topic_filter);
    out.key("qos").number(number(request.qos_max));
    out.key("no_local").number(request.no_local ? 1 : 0);
    out.key("retain_as_published").number(request.retain_as_published ? 1 : 0);
    out.key("retain_handling").number(request.retain_handling).end_object();
  }
  out.end_array();
}

void write_reasons(const mqtt::ReasonList& reasons, JsonOut& out) {
  out.key("packet_id").number(reasons.packet_id);
  write_properties(reasons.properties, out);
  out.key("reason_codes").begin_array();
  for (const std::uint8_t code : reasons.reason_codes) out.number(code);
  out.end_array();
}

// --- Readably

class Printer {
 public:
  explicit Printer(std::FILE* into) : into_(into) {}

  void text(const char* name, std::string_view value) {
    std::fprintf(into_, "  %s: \"%s\"\n", name, printable(value).c_str());
  }
  void integer(const char* name, unsigned value) { std::fprintf(into_, "  %s: %u\n", name, value); }
  void flag(const char* name, bool value) { std::fprintf(into_, "  %s: %s\n", name, value ? "yes" : "no"); }
  void bytes(const char* name, Bytes value) {
    std::fprintf(into_, "  %s: %zu bytes", name, value.size());
    if (!value.empty()) std::fprintf(into_, " \"%s\"", printable(text_of(value)).c_str());
    std::fputc('\n', into_);
  }
  void reason(const char* name, ReasonCode code) {
    const std::string_view words = mqtt::name_of(code);
    std::fprintf(into_, "  %s: 0x%02X %.*s\n", name, number(code), static_cast<int>(words.size()), words.data());
  }
  void properties(const Properties& properties, const char* prefix = "") {
    PropertyValue value;
    for (Properties::Cursor at(properties); at.next(value);) {
      const std::string name = std::string(prefix) + std::string(mqtt::name_of(value.id));
      switch (mqtt::type_of(value.id)) {
        case PropertyType::utf8_string:
          text(name.c_str(), text_of(value.bytes));
          break;
        case PropertyType::binary:
          std::fprintf(into_, "  %s: %zu bytes %s\n", name.c_str(), value.bytes.size(), hex_of(value.bytes).c_str());
          break;
        case PropertyType::utf8_pair:
          std::fprintf(into_, "  %s: \"%s\" = \"%s\"\n", name.c_str(), printable(text_of(value.name)).c_str(),
                       printable(text_of(value.bytes)).c_str());
          break;
        default:
          integer(name.c_str(), value.integer);
          break;
      }
    }
  }

  void connect(const mqtt::Connect& connect) {
    flag("Clean Start", connect.clean_start);
    integer("Keep Alive", connect.keep_alive);
    properties(connect.properties);
    text("Client Identifier", connect.client_id);
    if (connect.has_will) {
      integer("Will QoS", number(connect.will_qos));
      flag("Will Retain", connect.will_retain);
      properties(connect.will_properties, "Will ");
      text("Will Topic", connect.will_topic);
      bytes("Will Payload", connect.will_payload);
    }
    if (connect.has_user_name) text("User Name", connect.user_name);
    if (connect.has_password) std::fprintf(into_, "  Password: %zu bytes\n", connect.password.size());
  }
  void publish(const mqtt::Publish& publish) {
    integer("QoS", number(publish.qos));
    flag("DUP", publish.dup);
    flag("RETAIN", publish.retain);
    text("Topic Name", publish.topic);
    if (publish.qos != mqtt::Qos::at_most_once) integer("Packet Identifier", publish.packet_id);
    properties(publish.properties);
    bytes("Payload", publish.payload);
  }
  void filters(const mqtt::FilterList& filters) {
    integer("Packet Identifier", filters.packet_id);
    properties(filters.properties);
    mqtt::SubscriptionRequest request;
    for (mqtt::FilterList::Cursor at(filters); at.next(request);) {
      text("Topic Filter", request.topic_filter);
      if (!filters.with_options) continue;
      std::fprintf(into_, "    Maximum QoS %u, No Local %s, Retain As Published %s, Retain Handling %u\n",
                   number(request.qos_max), request.no_local ? "yes" : "no", request.retain_as_published ? "yes" : "no",
                   static_cast<unsigned>(request.retain_handling));
    }
  }

 private:
  std::FILE* into_;
};

}  // namespace

void write_fields(const Packet& packet, JsonOut& out) {
  out.begin_object();
  switch (packet.type) {
    case PacketType::connect:
      write_connect(packet.connect, out);
      break;
    case PacketType::connack:
      out.key("session_present").number(packet.connack.session_present ? 1 : 0);
      out.key("reason_code").number(number(packet.connack.reason_code));
      write_properties(packet.connack.properties, out);
      break;
    case PacketType::publish:
      write_publish(packet.publish, out);
      break;
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      out.key("packet_id").number(packet.ack.packet_id);
      out.key("reason_code").number(number(packet.ack.reason_code));
      write_properties(packet.ack.properties, out);
      break;
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      write_filters(packet.filters, out);
      break;
    case PacketType::suback:
    case PacketType::unsuback:
      write_reasons(packet.reasons, out);
      break;
    case PacketType::disconnect:
    case PacketType::auth:
      out.key("reason_code").number(number(packet.notice.reason_code));
      write_properties(packet.notice.properties, out);
      break;
    default:
      break;
  }
  out.end_object();
}

void print_packet(const Packet& packet, std::size_t size, std::FILE* into) {
  const std::string_view name = mqtt::name_of(packet.type);
  std::fprintf(into, "%.*s, flags 0x%X, %zu bytes\n", static_cast<int>(name.size()), name.data(),
               static_cast<unsigned>(packet.flags), size);
  Printer printer(into);
  switch (packet.type) {
    case PacketType::connect:
      printer.connect(packet.connect);
      break;
    case PacketType::connack:
      printer.flag("Session Present", packet.connack.session_present);
      printer.reason("Reason Code", packet.connack.reason_code);
      printer.properties(packet.connack.properties);
      break;
    case PacketType::publish:
      printer.publish(packet.publish);
      break;
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      printer.integer("Packet Identifier", packet.ack.packet_id);
      printer.reason("Reason Code", packet.ack.reason_code);
      printer.properties(packet.ack.properties);
      break;
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      printer.filters(packet.filters);
      break;
    case PacketType::suback:
    case PacketType::unsuback:
      printer.integer("Packet Identifier", packet.reasons.packet_id);
      printer.properties(packet.reasons.properties);
      for (const std::uint8_t code : packet.reasons.reason_codes) {
        printer.reason("Reason Code", static_cast<ReasonCode>(code));
      }
      break;
    case PacketType::disconnect:
    case PacketType::auth:
      printer.reason("Reason Code", packet.notice.reason_code);
      printer.properties(packet.notice.properties);
      break;
    default:
      break;
  }
}

}  // namespace axonpush::tool
