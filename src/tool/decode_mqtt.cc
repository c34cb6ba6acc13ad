// axonpush decode mqtt: see the usage below.
#include <axonpush/mqtt/packet.h>

#include <cstdio>
#include <optional>

#include "mqtt/text.h"
#include "mqtt/variable_byte.h"
#include "tool/command.h"
#include "tool/json_lines.h"
#include "tool/mqtt_view.h"

namespace axonpush::tool {

namespace {

using mqtt::Decoded;
using mqtt::DecodeOptions;
using mqtt::Packet;
using mqtt::PacketType;
using mqtt::ReasonCode;

constexpr char kUsage[] =
    "usage: axonpush decode mqtt [--from server|client] [HEX ...]\n"
    "       axonpush decode mqtt --jsonl < LINES\n"
    "  Judges MQTT 5 packets and prints them. HEX is an argument each, or a line of stdin each.\n"
    "  --jsonl: each line of stdin is an object {\"id\",\"hex\",\"state\",\"from\",\"ctx\"}. state (await_connack or "
    "connected),\n"
    "  from (server or client) and ctx may be missing; ctx tells what else is known of the connection: clean_start,\n"
    "  topic_alias_maximum, known_aliases, maximum_packet_size, auth_method, topic_filters, outstanding.\n"
    "  Answers {\"id\",\"verdict\",\"reason\",\"consumed\",\"error\",\"fields\"}, verdict being accept, reject or "
    "incomplete.\n";

// No announced Maximum Packet Size: the largest packet there can be.
constexpr std::uint32_t kAnySize = limits::kMqttRemainingLength + limits::kMqttFixedHeaderBytes;

// Why a packet that is right by itself is wrong on its connection.
struct Refusal {
  ReasonCode reason;
  const char* text;
  const char* clause;
};
using Judgement = std::optional<Refusal>;

Judgement judge_state(const Packet& packet, std::string_view state, bool from_server) {
  if (state == "await_connack" && from_server && packet.type != PacketType::connack &&
      packet.type != PacketType::auth) {
    return Refusal{ReasonCode::protocol_error, "the server's first packet is neither CONNACK nor AUTH",
                   "[MQTT-3.2.0-1]"};
  }
  if (state == "connected" && packet.type == PacketType::connack) {
    return Refusal{ReasonCode::protocol_error, "there is a second CONNACK", "[MQTT-3.2.0-2]"};
  }
  if (state == "connected" && packet.type == PacketType::connect) {
    return Refusal{ReasonCode::protocol_error, "there is a second CONNECT", "[MQTT-3.1.0-2]"};
  }
  return std::nullopt;
}

bool alias_known(const JsonNode& known, std::uint16_t alias) {
  for (std::size_t at = 0; at < known.items.size(); ++at) {
    const JsonNode& item = known.items[at];
    if (known.kind == JsonNode::Kind::object && known.names[at] == std::to_string(alias)) return true;
    if (item.integer(-1) == alias || item.integer_of("alias", -1) == alias) return true;
  }
  return false;
}

Judgement judge_publish(const mqtt::Publish& publish, const JsonNode& context) {
  if (publish.topic_alias == 0) return std::nullopt;
  const JsonNode* maximum = context.find("topic_alias_maximum");
  if (maximum != nullptr && publish.topic_alias > maximum->integer(0)) {
    return Refusal{ReasonCode::topic_alias_invalid, "the Topic Alias is over the Topic Alias Maximum",
                   "MQTT 5 3.3.2.3.4"};
  }
  const JsonNode* known = context.find("known_aliases");
  if (publish.topic.empty() && known != nullptr && !alias_known(*known, publish.topic_alias)) {
    return Refusal{ReasonCode::protocol_error, "the Topic Name is empty and the Topic Alias is not known",
                   "MQTT 5 3.3.2.3.4"};
  }
  return std::nullopt;
}

Judgement judge_auth(const Packet& packet, const JsonNode& context) {
  const JsonNode* method = context.find("auth_method");
  if (method == nullptr || packet.type != PacketType::auth) return std::nullopt;
  if (method->kind != JsonNode::Kind::string) {
    return Refusal{ReasonCode::protocol_error, "extended authentication was not asked for", "[MQTT-4.12.0-6]"};
  }
  if (packet.notice.properties.text(mqtt::Property::authentication_method) != method->text) {
    return Refusal{ReasonCode::protocol_error, "the Authentication Method is not the one in CONNECT",
                   "[MQTT-4.12.0-5]"};
  }
  return std::nullopt;
}

// "client PUBLISH QoS 1 id 1": what waits for an answer under this packet's identifier, when it is of another kind.
bool other_kind_waits(const Packet& packet, std::string_view outstanding) {
  std::string_view wanted;
  std::uint16_t id = 0;
  switch (packet.type) {
    case PacketType::puback:
      wanted = "PUBLISH QoS 1";
      id = packet.ack.packet_id;
      break;
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      wanted = "PUBLISH QoS 2";
      id = packet.ack.packet_id;
      break;
    case PacketType::suback:
      wanted = "client SUBSCRIBE";
      id = packet.reasons.packet_id;
      break;
    case PacketType::unsuback:
      wanted = "client UNSUBSCRIBE";
      id = packet.reasons.packet_id;
      break;
    default:
      return false;
  }
  const std::string mark = " id " + std::to_string(id);
  const std::size_t at = outstanding.find(mark);
  if (at == std::string_view::npos) return false;
  const std::size_t behind = at + mark.size();
  if (behind < outstanding.size() && outstanding[behind] >= '0' && outstanding[behind] <= '9') return false;
  // A PUBREC answers a PUBLISH of QoS 2 and later stages of it may be written out, so only the kind is compared.
  return outstanding.find(wanted) == std::string_view::npos;
}

Judgement judge_acknowledgement(const Packet& packet, const JsonNode& context) {
  if (packet.type == PacketType::suback || packet.type == PacketType::unsuback) {
    const std::int64_t filters = context.integer_of("topic_filters", -1);
    if (filters >= 0 && static_cast<std::uint64_t>(filters) != packet.reasons.reason_codes.size()) {
      return Refusal{ReasonCode::protocol_error, "there is not one reason code for each Topic Filter", "MQTT 5 3.9.3"};
    }
  }
  if (other_kind_waits(packet, context.text_of("outstanding"))) {
    return Refusal{ReasonCode::protocol_error, "the Packet Identifier belongs to a packet of another kind",
                   "[MQTT-2.2.1-6]"};
  }
  return std::nullopt;
}

Judgement judge_context(const Packet& packet, const JsonNode& context) {
  if (packet.type == PacketType::connack && packet.connack.session_present &&
      context.boolean_of("clean_start", false)) {
    return Refusal{ReasonCode::protocol_error, "Session Present is set after a Clean Start", "[MQTT-3.2.2-2]"};
  }
  if (packet.type == PacketType::publish) return judge_publish(packet.publish, context);
  if (packet.type == PacketType::auth) return judge_auth(packet, context);
  return judge_acknowledgement(packet, context);
}

// --- JSON lines

void write_reason(ReasonCode reason, JsonOut& out) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%02x", static_cast<unsigned>(reason));
  out.key("reason").string(text);
}

void write_refusal(const Refusal& refusal, std::size_t consumed, std::uint32_t offset, JsonOut& out) {
  out.key("verdict").string("reject");
  write_reason(refusal.reason, out);
  out.key("consumed").number(consumed);
  out.key("error").string(refusal.text);
  out.key("offset").number(offset);
  out.key("clause").string(refusal.clause);
}

void judge_packet(Bytes input, const JsonNode& line, JsonOut& out) {
  static const JsonNode kNothing;
  const JsonNode* context = line.find("ctx");
  if (context == nullptr) context = &kNothing;
  const bool from_server = line.text_of("from", "server") != "client";
  DecodeOptions options;
  options.sender = from_server ? mqtt::Sender::server : mqtt::Sender::client;
  const std::int64_t limit = context->integer_of("maximum_packet_size", 0);
  options.packet_bytes_max = limit > 0 && limit < kAnySize ? static_cast<std::uint32_t>(limit) : kAnySize;
  Packet packet;
  const Decoded decoded = mqtt::decode(input, options, packet);
  if (decoded.progress == Progress::need_more) {
    out.key("verdict").string("incomplete").key("consumed").number(0).key("needed").number(decoded.size);
    return;
  }
  if (decoded.progress == Progress::error) {
    const Refusal refusal{mqtt::reason_of(decoded.rule), mqtt::text_of(decoded.rule).data(),
                          mqtt::clause_of(decoded.rule).data()};
    write_refusal(refusal, 0, decoded.offset, out);
    return;
  }
  Judgement judgement = judge_state(packet, line.text_of("state"), from_server);
  if (!judgement) judgement = judge_context(packet, *context);
  if (judgement) {
    write_refusal(*judgement, 0, 0, out);
    return;
  }
  out.key("verdict").string("accept").key("consumed").number(decoded.size);
  out.key("fields");
  write_fields(packet, out);
}

// The two basic types by themselves ("kind" in a line): an encoded string, and a Variable Byte Integer.
void judge_string_field(Bytes input, JsonOut& out) {
  const std::size_t size = input.size() < 2 ? 0 : load_be16(input.data());
  Refusal refusal{ReasonCode::malformed_packet, "a string or binary data runs past the end", "MQTT 5 1.5.4"};
  if (input.size() >= 2 && size <= input.size() - 2) {
    const Bytes text = input.subspan(2, size);
    if (mqtt::utf8_string_valid(text)) {
      out.key("verdict").string("accept").key("consumed").number(2 + size);
      out.key("fields").begin_object().key("text").string(text_of(text)).end_object();
      return;
    }
    refusal.text = "the string is ill-formed UTF-8 or holds U+0000";
    refusal.clause = "[MQTT-1.5.4-1]";
  }
  write_refusal(refusal, 0, 0, out);
}
void judge_variable_byte(Bytes input, JsonOut& out) {
  const mqtt::VariableByte read = mqtt::read_variable_byte(input.data(), input.data() + input.size());
  if (read.state != mqtt::VariableByte::State::done) {
    write_refusal({ReasonCode::malformed_packet, "this is no Variable Byte Integer", "MQTT 5 1.5.5"}, 0, 0, out);
    return;
  }
  out.key("verdict").string("accept").key("consumed").number(read.size).key("value").number(read.value);
}

bool judge_line(const std::string& text, std::vector<std::uint8_t>& bytes, JsonOut& out) {
  JsonNode line;
  std::string error;
  out.begin_object();
  bool fine = parse_json(text, line, error);
  out.key("id");
  if (const JsonNode* id = line.find("id"); fine && id != nullptr) {
    out.node(*id);
  } else {
    out.null();
  }
  fine = fine && read_input(line, bytes, error);
  if (!fine) {
    out.key("verdict").string("unreadable").key("error").string(error);
  } else if (line.text_of("kind") == "utf8_string_field") {
    judge_string_field(bytes, out);
  } else if (line.text_of("kind") == "varint") {
    judge_variable_byte(bytes, out);
  } else {
    judge_packet(bytes, line, out);
  }
  out.end_object();
  return fine;
}

int run_lines() {
  bool fine = true;
  std::vector<std::uint8_t> bytes;
  for (std::string line; read_line(stdin, line);) {
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    JsonOut out;
    fine = judge_line(line, bytes, out) && fine;
    std::printf("%s\n", out.text().c_str());
  }
  return fine ? 0 : 1;
}

// --- Readably

void print_error(const Decoded& decoded, std::size_t begin) {
  const Error error = mqtt::error_of(decoded);
  const std::string_view reason = mqtt::name_of(mqtt::reason_of(decoded.rule));
  std::printf("error: %.*s, at byte %zu, reason 0x%02X %.*s, %.*s\n", static_cast<int>(error.what().size()),
              error.what().data(), begin + error.offset(), static_cast<unsigned>(error.number()),
              static_cast<int>(reason.size()), reason.data(), static_cast<int>(error.clause().size()),
              error.clause().data());
}

bool show(std::string_view hex, mqtt::Sender sender, std::vector<std::uint8_t>& bytes) {
  if (!parse_hex(hex, bytes)) {
    std::printf("error: not hex: %s\n", printable(hex.substr(0, 80)).c_str());
    return false;
  }
  const Bytes input(bytes);
  std::size_t begin = 0;
  do {
    Packet packet;
    const Decoded decoded = mqtt::decode(input.subspan(begin), {sender, kAnySize}, packet);
    if (decoded.progress == Progress::error) {
      print_error(decoded, begin);
      return false;
    }
    if (decoded.progress == Progress::need_more) {
      std::printf("incomplete: %zu bytes of at least %zu\n", input.size() - begin, decoded.size);
      return false;
    }
    print_packet(packet, decoded.size, stdout);
    begin += decoded.size;
  } while (begin < input.size());
  return true;
}

}  // namespace

int decode_mqtt(Arguments arguments) {
  mqtt::Sender sender = mqtt::Sender::server;
  bool lines = false;
  while (!arguments.empty() && arguments[0].starts_with('-')) {
    const std::string_view option = arguments[0];
    arguments = arguments.subspan(1);
    if (option == "--help" || option == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (option == "--jsonl") {
      lines = true;
    } else if (option == "--from" && !arguments.empty() && (arguments[0] == "server" || arguments[0] == "client")) {
      sender = arguments[0] == "client" ? mqtt::Sender::client : mqtt::Sender::server;
      arguments = arguments.subspan(1);
    } else {
      std::fputs(kUsage, stderr);
      return 2;
    }
  }
  if (lines) return run_lines();
  bool fine = true;
  std::vector<std::uint8_t> bytes;
  for (const std::string_view hex : arguments) fine = show(hex, sender, bytes) && fine;
  if (arguments.empty()) {
    for (std::string line; read_line(stdin, line);) {
      if (!line.empty()) fine = show(line, sender, bytes) && fine;
    }
  }
  return fine ? 0 : 1;
}

}  // namespace axonpush::tool
