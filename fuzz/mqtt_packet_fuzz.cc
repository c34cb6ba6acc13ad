// Bytes as a stream of packets. The first byte chooses whose they are (bit 0) and how large a packet may be (bit 1).
//
// Asserted of each packet: a shorter piece of it never gives another verdict than "more" or the final error; what a
// piece says it needs is true; nothing outside the packet is in a view; every property and filter can be read to its
// end; a packet is written only when one is done; an error has a place, a text, a clause and a reason code.
#include <axonpush/mqtt/packet.h>

#include <memory>

using namespace axonpush;
using namespace axonpush::mqtt;

namespace {

void demand(bool condition) {
  if (!condition) __builtin_trap();
}

void demand_inside(Bytes packet, const void* begin, std::size_t size) {
  if (size == 0) return;
  const auto* at = static_cast<const std::uint8_t*>(begin);
  demand(at >= packet.data() && size <= packet.size() &&
         static_cast<std::size_t>(at - packet.data()) <= packet.size() - size);
}

void read_properties(Bytes packet, const Properties& properties) {
  std::uint64_t seen = 0;
  std::size_t size = 0;
  PropertyValue value;
  for (Properties::Cursor at(properties); at.next(value);) {
    demand(properties.has(value.id));
    demand(name_of(value.id) != "unknown");
    seen |= std::uint64_t{1} << static_cast<unsigned>(value.id);
    demand_inside(packet, value.bytes.data(), value.bytes.size());
    demand_inside(packet, value.name.data(), value.name.size());
    switch (type_of(value.id)) {
      case PropertyType::utf8_pair:
        demand(utf8_string_valid(value.name));
        size += 2 + value.name.size();
        [[fallthrough]];
      case PropertyType::utf8_string:
        demand(utf8_string_valid(value.bytes));
        [[fallthrough]];
      case PropertyType::binary:
        size += 2 + value.bytes.size();
        break;
      case PropertyType::byte:
        size += 1;
        break;
      case PropertyType::two_byte:
        size += 2;
        break;
      case PropertyType::four_byte:
        size += 4;
        break;
      case PropertyType::variable_byte:
        size += value.integer < 128 ? 1 : value.integer < 16'384 ? 2 : value.integer < 2'097'152 ? 3 : 4;
        break;
    }
    ++size;
  }
  demand(size == properties.raw().size());  // to the very end
  for (unsigned id = 0; id < 64; ++id) demand(properties.has(static_cast<Property>(id)) == ((seen >> id & 1U) != 0));
}

void read_publish(Bytes bytes, const Publish& publish) {
  read_properties(bytes, publish.properties);
  demand(publish.topic.empty() ? publish.topic_alias != 0 : topic_name_valid(publish.topic));
  demand(publish.topic_alias == publish.properties.integer(Property::topic_alias, 0));
  demand((publish.qos == Qos::at_most_once) == (publish.packet_id == 0));
  demand(publish.qos != Qos::at_most_once || !publish.dup);
  demand_inside(bytes, publish.topic.data(), publish.topic.size());
  demand_inside(bytes, publish.payload.data(), publish.payload.size());
  demand(publish.payload.data() + publish.payload.size() == bytes.data() + bytes.size());
}

void read_filters(Bytes bytes, const FilterList& filters) {
  read_properties(bytes, filters.properties);
  std::uint32_t count = 0;
  SubscriptionRequest request;
  for (FilterList::Cursor at(filters); at.next(request); ++count) {
    demand(topic_filter_valid(request.topic_filter));
    demand(request.qos_max <= Qos::exactly_once && request.retain_handling <= 2);
    demand_inside(bytes, request.topic_filter.data(), request.topic_filter.size());
  }
  demand(count == filters.count && count != 0 && filters.packet_id != 0);
}

void read_whole(Bytes bytes, Sender sender, const Packet& packet) {
  demand(static_cast<std::uint8_t>(packet.type) == bytes[0] >> 4 && packet.flags == (bytes[0] & 0x0F));
  switch (packet.type) {
    case PacketType::connect:
      read_properties(bytes, packet.connect.properties);
      read_properties(bytes, packet.connect.will_properties);
      demand(!packet.connect.has_will || topic_name_valid(packet.connect.will_topic));
      demand_inside(bytes, packet.connect.password.data(), packet.connect.password.size());
      demand_inside(bytes, packet.connect.client_id.data(), packet.connect.client_id.size());
      break;
    case PacketType::connack:
      read_properties(bytes, packet.connack.properties);
      demand(!packet.connack.session_present || packet.connack.reason_code == ReasonCode::success);
      break;
    case PacketType::publish:
      read_publish(bytes, packet.publish);
      break;
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      read_properties(bytes, packet.ack.properties);
      demand(packet.ack.packet_id != 0);
      demand(reason_code_allowed(packet.type, sender, static_cast<std::uint8_t>(packet.ack.reason_code)));
      break;
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      read_filters(bytes, packet.filters);
      break;
    case PacketType::suback:
    case PacketType::unsuback:
      read_properties(bytes, packet.reasons.properties);
      demand(!packet.reasons.reason_codes.empty());
      for (const std::uint8_t code : packet.reasons.reason_codes)
        demand(reason_code_allowed(packet.type, sender, code));
      break;
    case PacketType::disconnect:
    case PacketType::auth:
      read_properties(bytes, packet.notice.properties);
      break;
    default:
      demand(bytes.size() == 2);
      break;
  }
}

// The same input in a piece of its own size, so that a sanitizer sees the first byte read past it.
Decoded decode_exact(Bytes input, const DecodeOptions& options, Packet& packet) {
  const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[input.size()]);
  if (!input.empty()) std::memcpy(exact.get(), input.data(), input.size());
  return decode({exact.get(), input.size()}, options, packet);
}

void check_piece(Bytes input, std::size_t size, const DecodeOptions& options, const Decoded& whole) {
  Packet packet;
  packet.flags = 0xEE;
  const Decoded piece = decode_exact(input.first(size), options, packet);
  if (piece.progress == Progress::need_more) {
    demand(piece.size > size);
    demand(whole.progress != Progress::done || piece.size <= whole.size);
  } else {
    demand(piece.progress == whole.progress && piece.rule == whole.rule && piece.offset == whole.offset &&
           piece.size == whole.size);
  }
  demand(piece.progress == Progress::done || packet.flags == 0xEE);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const DecodeOptions options{(data[0] & 1U) != 0 ? Sender::client : Sender::server,
                              (data[0] & 2U) != 0 ? 64U : limits::kMqttPacketBytes};
  Bytes input(data + 1, size - 1);
  for (int count = 0; count < 16; ++count) {
    Packet packet;
    const Decoded decoded = decode(input, options, packet);
    const std::size_t known = decoded.progress == Progress::done ? decoded.size : input.size();
    for (std::size_t piece = 0; piece < known && piece < 24; ++piece) check_piece(input, piece, options, decoded);
    for (const std::size_t left : {std::size_t{1}, std::size_t{2}, known / 2}) {
      if (left < known) check_piece(input, known - left, options, decoded);
    }
    if (decoded.progress == Progress::need_more) {
      demand(decoded.size > input.size());
      return 0;
    }
    if (decoded.progress == Progress::error) {
      const Error error = error_of(decoded);
      demand(decoded.offset <= input.size() && error && !error.what().empty() && !error.clause().empty());
      demand(failed(reason_of(decoded.rule)));
      return 0;
    }
    demand(decoded.size >= 2 && decoded.size <= input.size() && decoded.size <= options.packet_bytes_max);
    read_whole(input.first(decoded.size), options.sender, packet);
    input = input.subspan(decoded.size);
  }
  return 0;
}
