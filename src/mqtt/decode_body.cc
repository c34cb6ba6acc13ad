// The bodies of all packets.
#include <new>

#include "mqtt/reader.h"

namespace axonpush::inline v0::mqtt {

namespace {

// MQTT 5 3.1.2.3
constexpr unsigned kReservedFlag = 0x01;
constexpr unsigned kCleanStart = 0x02;
constexpr unsigned kWill = 0x04;
constexpr unsigned kWillQos = 0x18;
constexpr unsigned kWillRetain = 0x20;
constexpr unsigned kPassword = 0x40;
constexpr unsigned kUserName = 0x80;

bool read_protocol(Reader& reader) noexcept {
  const std::uint8_t* const name_at = reader.at();
  Bytes name;
  if (!reader.binary(name)) return false;
  if (text_of(name) != "MQTT") return reader.fail(Rule::protocol_name, name_at);
  std::uint8_t version = 0;
  if (!reader.byte(version)) return false;
  return version == 5 || reader.fail(Rule::protocol_version, reader.at() - 1);
}

bool read_connect_flags(Reader& reader, Connect& connect) noexcept {
  std::uint8_t flags = 0;
  if (!reader.byte(flags)) return false;
  const std::uint8_t* const where = reader.at() - 1;
  if ((flags & kReservedFlag) != 0) return reader.fail(Rule::connect_flag_reserved, where);
  connect.clean_start = (flags & kCleanStart) != 0;
  connect.has_will = (flags & kWill) != 0;
  connect.has_password = (flags & kPassword) != 0;
  connect.has_user_name = (flags & kUserName) != 0;
  // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
  if (!connect.has_will && (flags & (kWillQos | kWillRetain)) != 0) {
    return reader.fail(Rule::will_bits_without_will, where);
  }
  if ((flags & kWillQos) == kWillQos) return reader.fail(Rule::will_qos_3, where);
  connect.will_qos = static_cast<Qos>((flags & kWillQos) >> 3);
  connect.will_retain = (flags & kWillRetain) != 0;
  return true;
}

bool read_will(Reader& reader, Connect& connect) noexcept {
  if (!reader.properties(PacketType::connect, PropertyHome::will, Sender::client, connect.will_properties)) {
    return false;
  }
  Bytes topic;
  if (!reader.binary(topic)) return false;
  connect.will_topic = text_of(topic);
  if (topic.empty()) return reader.fail(Rule::topic_empty, reader.at());
  const TextFault fault = check_text<TextKind::topic>(topic.data(), topic.size());
  if (fault != TextFault::none) return reader.fail(rule_of(fault), topic.data());
  return reader.binary(connect.will_payload);
}

Rule filter_rule(Bytes filter) noexcept {
  if (filter.empty()) return Rule::filter_empty;
  const TextFault fault = check_text<TextKind::string>(filter.data(), filter.size());
  if (fault != TextFault::none) return rule_of(fault);
  if (topic_filter_valid(text_of(filter))) return Rule::none;
  // Only a shared subscription can be wrong in two ways; its own filter tells which.
  constexpr std::string_view kShare = "$share/";
  const std::string_view text = text_of(filter);
  if (!text.starts_with(kShare)) return Rule::filter_wildcard;
  const std::size_t slash = text.find('/', kShare.size());
  const bool named = slash != std::string_view::npos && slash != kShare.size() && slash + 1 != text.size() &&
                     text.substr(kShare.size(), slash - kShare.size()).find_first_of("+#") == std::string_view::npos;
  return named ? Rule::filter_wildcard : Rule::share_name;
}

Rule options_rule(std::uint8_t options, std::string_view filter) noexcept {
  if ((options & 0xC0U) != 0) return Rule::subscription_options_reserved;
  if ((options & 0x03U) == 0x03U) return Rule::subscription_qos_3;
  if ((options & 0x30U) == 0x30U) return Rule::retain_handling_3;
  if ((options & 0x04U) != 0 && filter.starts_with("$share/")) return Rule::no_local_shared;
  return Rule::none;
}

}  // namespace

bool read_connect(Reader& reader, Packet& packet) noexcept {
  Connect& connect = *::new (static_cast<void*>(&packet.connect)) Connect;
  if (!read_protocol(reader) || !read_connect_flags(reader, connect) || !reader.two_bytes(connect.keep_alive)) {
    return false;
  }
  const std::uint8_t* const properties_at = reader.at();
  if (!reader.properties(PacketType::connect, PropertyHome::packet, Sender::client, connect.properties)) return false;
  if (connect.properties.has(Property::authentication_data) &&
      !connect.properties.has(Property::authentication_method)) {
    return reader.fail(Rule::authentication_data_alone, properties_at);
  }
  if (!reader.string(connect.client_id)) return false;
  if (connect.has_will && !read_will(reader, connect)) return false;
  if (connect.has_user_name && !reader.string(connect.user_name)) return false;
  if (connect.has_password && !reader.binary(connect.password)) return false;
  return reader.end();
}

bool read_connack(Reader& reader, Packet& packet) noexcept {
  Connack& connack = *::new (static_cast<void*>(&packet.connack)) Connack;
  std::uint8_t flags = 0;
  if (!reader.byte(flags)) return false;
  const std::uint8_t* const flags_at = reader.at() - 1;
  if (flags > 1) return reader.fail(Rule::connack_flags, flags_at);  // [MQTT-3.2.2-1]
  connack.session_present = flags == 1;
  if (!reader.reason_code(PacketType::connack, Sender::server, connack.reason_code)) return false;
  // [MQTT-3.2.2-6]
  if (connack.session_present && connack.reason_code != ReasonCode::success) {
    return reader.fail(Rule::session_present_with_failure, flags_at);
  }
  return reader.properties(PacketType::connack, PropertyHome::packet, Sender::server, connack.properties) &&
         reader.end();
}

bool read_publish(Reader& reader, std::uint8_t first, Sender sender, Packet& packet) noexcept {
  Publish& publish = *::new (static_cast<void*>(&packet.publish)) Publish;
  publish.qos = static_cast<Qos>(first >> 1 & 0x03U);
  publish.retain = (first & 0x01U) != 0;
  publish.dup = (first & 0x08U) != 0;
  const std::uint8_t* const topic_at = reader.at();
  Bytes topic;
  if (!reader.binary(topic)) return false;
  const TextFault fault = check_text<TextKind::topic>(topic.data(), topic.size());
  if (fault != TextFault::none) return reader.fail(rule_of(fault), topic.data());
  publish.topic = text_of(topic);
  if (publish.qos != Qos::at_most_once && !reader.packet_id(publish.packet_id)) return false;
  if (!reader.properties(PacketType::publish, PropertyHome::packet, sender, publish.properties)) return false;
  publish.topic_alias = reader.topic_alias();
  if (topic.empty() && publish.topic_alias == 0) return reader.fail(Rule::topic_missing, topic_at);
  publish.payload = reader.rest();
  return true;
}

bool read_ack(Reader& reader, PacketType type, Sender sender, Packet& packet) noexcept {
  Ack& ack = *::new (static_cast<void*>(&packet.ack)) Ack;
  if (!reader.packet_id(ack.packet_id)) return false;
  if (reader.at_end()) return true;  // MQTT 5 3.4.2.1: no reason code is success
  if (!reader.reason_code(type, sender, ack.reason_code)) return false;
  if (reader.at_end()) return true;  // MQTT 5 3.4.2.2.1: no Property Length is no properties
  return reader.properties(type, PropertyHome::packet, sender, ack.properties) && reader.end();
}

bool read_filters(Reader& reader, PacketType type, Packet& packet) noexcept {
  FilterList& list = *::new (static_cast<void*>(&packet.filters)) FilterList;
  list.with_options = type == PacketType::subscribe;
  if (!reader.packet_id(list.packet_id)) return false;
  if (!reader.properties(type, PropertyHome::packet, Sender::client, list.properties)) return false;
  if (reader.at_end()) return reader.fail(Rule::filters_missing, reader.at());  // [MQTT-3.8.3-2], [MQTT-3.10.3-2]
  Reader walker = reader;
  list.raw = reader.rest();
  while (!walker.at_end()) {
    Bytes filter;
    if (!walker.binary(filter)) return reader.fail(walker.rule(), walker.fault_at());
    if (const Rule rule = filter_rule(filter); rule != Rule::none) return reader.fail(rule, filter.data());
    if (list.with_options) {
      std::uint8_t options = 0;
      if (!walker.byte(options)) return reader.fail(walker.rule(), walker.fault_at());
      if (const Rule rule = options_rule(options, text_of(filter)); rule != Rule::none) {
        return reader.fail(rule, walker.at() - 1);
      }
    }
    ++list.count;
  }
  return true;
}

bool read_reasons(Reader& reader, PacketType type, Packet& packet) noexcept {
  ReasonList& list = *::new (static_cast<void*>(&packet.reasons)) ReasonList;
  if (!reader.packet_id(list.packet_id)) return false;
  if (!reader.properties(type, PropertyHome::packet, Sender::server, list.properties)) return false;
  if (reader.at_end()) return reader.fail(Rule::reason_codes_missing, reader.at());
  list.reason_codes = reader.rest();
  for (const std::uint8_t& code : list.reason_codes) {
    if (!reason_code_allowed(type, Sender::server, code)) return reader.fail(Rule::reason_code_not_allowed, &code);
  }
  return true;
}

bool read_notice(Reader& reader, PacketType type, Sender sender, Packet& packet) noexcept {
  Notice& notice = *::new (static_cast<void*>(&packet.notice)) Notice;
  // MQTT 5 3.14.2.1, 3.15.2.1: nothing at all is success without properties. 3.14.2.2.1: with a Remaining Length under
  // 2 there are no properties.
  if (!reader.at_end() && !reader.reason_code(type, sender, notice.reason_code)) return false;
  const std::uint8_t* const properties_at = reader.at();
  if (!reader.at_end() && !reader.properties(type, PropertyHome::packet, sender, notice.properties)) return false;
  if (type == PacketType::auth && !notice.properties.has(Property::authentication_method)) {
    return reader.fail(Rule::authentication_method_missing, properties_at);
  }
  return reader.end();
}

bool FilterList::Cursor::next(SubscriptionRequest& request) noexcept {
  Reader reader(left_.data(), left_.data() + left_.size());
  Bytes filter;
  if (reader.at_end() || !reader.binary(filter)) return false;
  request = SubscriptionRequest{};
  request.topic_filter = text_of(filter);
  if (with_options_) {
    std::uint8_t options = 0;
    if (!reader.byte(options)) return false;
    request.qos_max = static_cast<Qos>(options & 0x03U);
    request.no_local = (options & 0x04U) != 0;
    request.retain_as_published = (options & 0x08U) != 0;
    request.retain_handling = static_cast<std::uint8_t>(options >> 4 & 0x03U);
  }
  left_ = reader.rest();
  return true;
}

}  // namespace axonpush::inline v0::mqtt
