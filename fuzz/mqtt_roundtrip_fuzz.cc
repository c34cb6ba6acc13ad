// Bytes choose a packet: its type, fields, filters and properties, all legal. Asserted: it is encoded into exactly the
// room that was told and into no byte less; the decoder takes it and reads the same; encoded again it is the same
// bytes.
#include <axonpush/mqtt/packet.h>

#include <memory>

#include "support/mqtt_fields.h"

using namespace axonpush;
using namespace axonpush::mqtt;

namespace {

void demand(bool condition) {
  if (!condition) __builtin_trap();
}

// Turns bytes into choices; zeros when they have run out.
class Choices {
 public:
  explicit Choices(Bytes bytes) : bytes_(bytes) {}
  std::uint32_t number(std::uint32_t limit) {
    std::uint32_t value = 0;
    for (std::uint32_t reach = limit; reach > 1; reach /= 256) value = value << 8 | next();
    return limit == 0 ? 0 : value % limit;
  }
  bool flag() { return (next() & 1U) != 0; }
  Bytes binary() {
    const std::size_t wanted = number(4) == 0 ? number(1000) : number(40);
    const std::size_t size = wanted < bytes_.size() ? wanted : bytes_.size();
    const Bytes taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }
  std::string_view text() {
    const Bytes taken = binary();
    return utf8_string_valid(taken) ? axonpush::text_of(taken) : std::string_view("r\xC3\xA9sum\xC3\xA9");
  }
  std::string_view topic() {
    const std::string_view taken = text();
    return topic_name_valid(taken) ? taken : std::string_view("a/b");
  }
  std::string_view filter() {
    const std::string_view taken = text();
    return topic_filter_valid(taken) ? taken : std::string_view("a/+/#");
  }
  std::uint16_t packet_id() { return static_cast<std::uint16_t>(1 + number(65'535)); }

 private:
  std::uint32_t next() {
    if (bytes_.empty()) return 0;
    const std::uint8_t byte = bytes_[0];
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  Bytes bytes_;
};

void write_property(Choices& choices, Property property, PropertyWriter& writer) {
  switch (type_of(property)) {
    case PropertyType::byte:
      writer.integer(property, choices.number(2));
      break;
    case PropertyType::two_byte:
      writer.integer(property, 1 + choices.number(65'535));
      break;
    case PropertyType::four_byte:
      writer.integer(property, 1 + choices.number(0xFFFF'FFFE));
      break;
    case PropertyType::variable_byte:
      writer.integer(property, 1 + choices.number(limits::kMqttRemainingLength));
      break;
    case PropertyType::utf8_string:
      writer.text(property, property == Property::response_topic ? choices.topic() : choices.text());
      break;
    case PropertyType::binary:
      writer.binary(property, choices.binary());
      break;
    case PropertyType::utf8_pair: {
      const std::string_view name = choices.text();
      writer.pair(name, choices.text());
      break;
    }
  }
}

struct Room {
  std::uint8_t properties[16'384];
  std::uint8_t will_properties[16'384];
};

Properties choose_properties(Choices& choices, PacketType type, PropertyHome home, Sender sender, MutableBytes room) {
  PropertyWriter writer(room);
  if (type == PacketType::auth) writer.text(Property::authentication_method, "m");
  for (std::uint32_t count = choices.number(7); count != 0; --count) {
    const auto property = static_cast<Property>(choices.number(0x2B));
    if (!property_allowed(type, home, property)) continue;
    if (property == Property::session_expiry_interval && type == PacketType::disconnect && sender == Sender::server)
      continue;
    const bool id_from_client = property == Property::subscription_identifier && sender == Sender::client;
    if (id_from_client && type == PacketType::publish) continue;
    const bool repeatable = property == Property::user_property ||
                            (property == Property::subscription_identifier && type == PacketType::publish);
    if (writer.properties().has(property) && !repeatable) continue;
    // MQTT 5 3.1.2.11.10: not without a method.
    if (property == Property::authentication_data && type == PacketType::connect &&
        !writer.properties().has(Property::authentication_method)) {
      continue;
    }
    write_property(choices, property, writer);
  }
  demand(writer.ok());
  Properties checked;
  demand(validate_properties(type, home, sender, writer.written(), checked));
  return writer.properties();
}

ReasonCode choose_reason(Choices& choices, PacketType type, Sender sender) {
  auto code = static_cast<std::uint8_t>(choices.number(256));
  while (!reason_code_allowed(type, sender, code)) ++code;
  return static_cast<ReasonCode>(code);
}

// A packet of the caller's making, in the members of Packet where it is views, beside it where it is a list.
struct Made {
  Packet packet;
  std::vector<SubscriptionRequest> requests;
  std::vector<std::string_view> filters;
  std::vector<std::uint8_t> reason_codes;
};

void make_connect(Choices& choices, Room& room, Connect& connect) {
  connect.clean_start = choices.flag();
  connect.keep_alive = static_cast<std::uint16_t>(choices.number(65'536));
  connect.client_id = choices.text();
  connect.properties =
      choose_properties(choices, PacketType::connect, PropertyHome::packet, Sender::client, room.properties);
  connect.has_will = choices.flag();
  if (connect.has_will) {
    connect.will_topic = choices.topic();
    connect.will_payload = choices.binary();
    connect.will_qos = static_cast<Qos>(choices.number(3));
    connect.will_retain = choices.flag();
    connect.will_properties =
        choose_properties(choices, PacketType::connect, PropertyHome::will, Sender::client, room.will_properties);
  }
  connect.has_user_name = choices.flag();
  if (connect.has_user_name) connect.user_name = choices.text();
  connect.has_password = choices.flag();
  if (connect.has_password) connect.password = choices.binary();
}

void make_publish(Choices& choices, const Properties& properties, Publish& publish) {
  publish.properties = properties;
  publish.topic_alias = static_cast<std::uint16_t>(properties.integer(Property::topic_alias, 0));
  publish.topic = publish.topic_alias != 0 && choices.flag() ? std::string_view() : choices.topic();
  publish.qos = static_cast<Qos>(choices.number(3));
  publish.retain = choices.flag();
  if (publish.qos != Qos::at_most_once) {
    publish.packet_id = choices.packet_id();
    publish.dup = choices.flag();
  }
  publish.payload = choices.binary();
}

void make_lists(Choices& choices, PacketType type, Made& made) {
  for (std::uint32_t count = 1 + choices.number(9); count != 0; --count) {
    SubscriptionRequest request;
    request.topic_filter = choices.filter();
    request.qos_max = static_cast<Qos>(choices.number(3));
    request.retain_handling = static_cast<std::uint8_t>(choices.number(3));
    request.retain_as_published = choices.flag();
    request.no_local = choices.flag() && !request.topic_filter.starts_with("$share/");
    made.requests.push_back(request);
    made.filters.push_back(request.topic_filter);
    if (type == PacketType::suback || type == PacketType::unsuback) {
      made.reason_codes.push_back(static_cast<std::uint8_t>(choose_reason(choices, type, Sender::server)));
    }
  }
}

void make(Choices& choices, PacketType type, Sender sender, Room& room, Made& made) {
  Packet& packet = made.packet;
  packet.type = type;
  if (type == PacketType::connect) {
    packet.connect = Connect{};
    return make_connect(choices, room, packet.connect);
  }
  if (type == PacketType::pingreq || type == PacketType::pingresp) return;
  const Properties properties = choose_properties(choices, type, PropertyHome::packet, sender, room.properties);
  switch (type) {
    case PacketType::connack:
      packet.connack = Connack{.properties = properties, .reason_code = choose_reason(choices, type, sender)};
      packet.connack.session_present = packet.connack.reason_code == ReasonCode::success && choices.flag();
      break;
    case PacketType::publish:
      packet.publish = Publish{};
      make_publish(choices, properties, packet.publish);
      break;
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      make_lists(choices, type, made);
      packet.filters = FilterList{.properties = properties, .packet_id = choices.packet_id()};
      break;
    case PacketType::suback:
    case PacketType::unsuback:
      make_lists(choices, type, made);
      packet.reasons =
          ReasonList{.properties = properties, .reason_codes = made.reason_codes, .packet_id = choices.packet_id()};
      break;
    case PacketType::disconnect:
    case PacketType::auth:
      packet.notice = Notice{.properties = properties, .reason_code = choose_reason(choices, type, sender)};
      break;
    default:
      packet.ack = Ack{.properties = properties,
                       .packet_id = choices.packet_id(),
                       .reason_code = choose_reason(choices, type, sender)};
      break;
  }
}

std::size_t encode(const Made& made, MutableBytes into) {
  const Packet& packet = made.packet;
  switch (packet.type) {
    case PacketType::connect:
      return encode_connect(into, packet.connect);
    case PacketType::connack:
      return encode_connack(into, packet.connack);
    case PacketType::publish:
      return encode_publish(into, packet.publish);
    case PacketType::subscribe:
      return encode_subscribe(into, packet.filters.packet_id, packet.filters.properties.raw(), made.requests);
    case PacketType::unsubscribe:
      return encode_unsubscribe(into, packet.filters.packet_id, packet.filters.properties.raw(), made.filters);
    case PacketType::suback:
    case PacketType::unsuback:
      return encode_reasons(into, packet.type, packet.reasons);
    case PacketType::disconnect:
    case PacketType::auth:
      return encode_notice(into, packet.type, packet.notice);
    case PacketType::pingreq:
    case PacketType::pingresp:
      return encode_ping(into, packet.type);
    default:
      return encode_ack(into, packet.type, packet.ack);
  }
}

// The lists of a decoded packet, in the form they are encoded from.
Made made_of(const Packet& packet) {
  Made made;
  made.packet = packet;
  if (packet.type == PacketType::subscribe || packet.type == PacketType::unsubscribe) {
    SubscriptionRequest request;
    for (FilterList::Cursor at(packet.filters); at.next(request);) {
      made.requests.push_back(request);
      made.filters.push_back(request.topic_filter);
    }
  }
  return made;
}

void demand_same(const Made& made, const Packet& read) {
  if (made.packet.type != PacketType::subscribe && made.packet.type != PacketType::unsubscribe) {
    demand(test::fields_of(made.packet) == test::fields_of(read));
    return;
  }
  const Made again = made_of(read);
  demand(again.filters == made.filters && read.filters.count == made.filters.size());
  demand(read.filters.packet_id == made.packet.filters.packet_id);
  if (made.packet.type == PacketType::unsubscribe) return;
  for (std::size_t at = 0; at < made.requests.size(); ++at) {
    const SubscriptionRequest& left = made.requests[at];
    const SubscriptionRequest& right = again.requests[at];
    demand(left.qos_max == right.qos_max && left.no_local == right.no_local &&
           left.retain_as_published == right.retain_as_published && left.retain_handling == right.retain_handling);
  }
}

Sender sender_of(PacketType type, bool client) {
  switch (type) {
    case PacketType::connect:
    case PacketType::subscribe:
    case PacketType::unsubscribe:
    case PacketType::pingreq:
      return Sender::client;
    case PacketType::connack:
    case PacketType::suback:
    case PacketType::unsuback:
    case PacketType::pingresp:
      return Sender::server;
    default:
      return client ? Sender::client : Sender::server;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto type = static_cast<PacketType>(1 + (data[0] & 0x0FU) % 15);
  const Sender sender = sender_of(type, (data[0] & 0x10U) != 0);
  Choices choices({data + 1, size - 1});
  const std::unique_ptr<Room> room(new Room);  // not cleared: 32 KiB a run would be most of the work
  Made made;
  make(choices, type, sender, *room, made);

  constexpr std::size_t kEnough = 64 * 1024;
  const std::unique_ptr<std::uint8_t[]> memory(new std::uint8_t[kEnough]);
  const std::size_t packet_size = encode(made, {memory.get(), kEnough});
  demand(packet_size >= 2);
  const auto exact = std::make_unique<std::uint8_t[]>(packet_size);
  demand(encode(made, {exact.get(), packet_size - 1}) == 0);
  demand(encode(made, {exact.get(), packet_size}) == packet_size);
  demand(std::memcmp(exact.get(), memory.get(), packet_size) == 0);

  Packet read;
  const Decoded decoded = decode({exact.get(), packet_size}, {sender, limits::kMqttPacketBytes}, read);
  demand(decoded.progress == Progress::done && decoded.size == packet_size && read.type == type);
  demand_same(made, read);
  const auto again = std::make_unique<std::uint8_t[]>(packet_size);
  demand(encode(made_of(read), {again.get(), packet_size}) == packet_size);
  demand(std::memcmp(again.get(), exact.get(), packet_size) == 0);
  return 0;
}
