#include "servers.h"

#include <axonpush/ws/handshake.h>

#include <cstring>
#include <utility>

#include "sim/model_api.h"

namespace axonpush::fuzz {

namespace {

// An integer of two bytes, on its way into a text.
void append_word(std::string& to, std::size_t value) {
  to += static_cast<char>(value >> 8 & 0xFF);
  to += static_cast<char>(value & 0xFF);
}

std::size_t at(std::string_view text, std::size_t index) {
  require(index < text.size(), "a packet is cut short");
  return static_cast<unsigned char>(text[index]);
}
std::size_t word(std::string_view text, std::size_t& index) {
  const std::size_t value = at(text, index) << 8 | at(text, index + 1);
  index += 2;
  return value;
}
std::string_view string(std::string_view text, std::size_t& index) {
  const std::size_t size = word(text, index);
  require(index + size <= text.size(), "a string is cut short");
  index += size;
  return text.substr(index - size, size);
}
std::size_t variable(std::string_view text, std::size_t& index) {
  std::size_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    require(shift < 28, "a variable byte integer of five bytes");
    const std::size_t byte = at(text, index++);
    value |= (byte & 127) << shift;
    if (byte < 128) {
      require(shift == 0 || byte != 0, "a variable byte integer that is not minimal");
      return value;
    }
  }
}

// RFC 6455 5.3, in place.
void unmask(char* payload, std::size_t size, const char (&key)[4]) {
  for (std::size_t at = 0; at < size; ++at) payload[at] = static_cast<char>(payload[at] ^ key[at % 4]);
}

}  // namespace

Secrets::Secrets(const std::uint8_t* data, std::size_t size) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (std::size_t at = 0; at < size; ++at) hash = (hash ^ data[at]) * 0x100000001B3ULL;
  sim::Random random(hash);
  for (std::string* secret : {&key, &token, &query, &payload}) {
    secret->resize(33);
    for (char& letter : *secret) letter = static_cast<char>('a' + random.below(26));
  }
}

// --- Both

Servers::Servers(sim::World& of, const Secrets& with)
    : world(of), secrets(with), key_line("\r\nX-API-Key: " + with.key + "\r\n") {
  world.listen(443, [this] { return std::make_unique<ApiEnd>(*this); });
  world.listen(8443, [this] { return std::make_unique<BrokerEnd>(*this); });
}
Servers::~Servers() = default;

std::string Servers::credentials() {
  ++issued;
  std::string body;
  body.reserve(320);
  body.append(R"({"endpoint":"broker.example.com","presignedWssUrl":"wss://broker.example.com:8443/mqtt?q=)");
  body.append(secrets.query).append(R"(","expiresAt":")").append(sim::rfc3339_of(world.wall() + lifetime));
  body.append(R"(","authToken":")").append(secrets.token);
  body.append(R"(","topicPrefix":"axonpush/org_1","clientId":"c)");
  if (!same_client_id) body.append(std::to_string(issued));
  return body.append("\"}");
}

std::string Servers::answer(int status, std::string_view headers, std::string_view body) const {
  std::string made;
  made.reserve(96 + headers.size() + body.size());
  made.append("HTTP/1.1 ").append(std::to_string(status)).append(" X\r\nDate: ");
  made.append(sim::http_date_of(world.wall())).append("\r\n").append(headers);
  made.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
  return made.append(body);
}

// --- The credentials endpoint

ApiEnd::ApiEnd(Servers& servers) : servers_(servers) { servers_.apis.push_back(this); }
ApiEnd::~ApiEnd() { std::erase(servers_.apis, this); }

void ApiEnd::on_open() {
  if (!asked()) return;
  std::size_t alive = 0;
  for (const ApiEnd* each : servers_.apis) alive += each->asked() && each->connection_->client_alive() ? 1U : 0U;
  require(alive == 1, "one request of credentials at a time (I-12)");
}
void ApiEnd::on_end() { std::erase(servers_.apis, this); }

void ApiEnd::on_bytes(std::string_view bytes) {
  received_ += bytes;
  if (!asked())
    return require(received_.find(servers_.secrets.key) == std::string::npos, "the key goes to the API only");
  const std::size_t end = received_.find("\r\n\r\n");
  if (end == std::string::npos) return;
  require(end + 4 == received_.size(), "nothing follows the request");
  require(received_.starts_with("POST /auth/iot-credentials HTTP/1.1\r\n") ||
              received_.starts_with("GET /auth/iot-credentials HTTP/1.1\r\n"),
          "the request line");
  require(received_.find(servers_.key_line) != std::string::npos, "the key is sent");
  ++servers_.requests;
  if (servers_.answers_api) say(servers_.answer(201, "", servers_.credentials()));
}

// --- The broker

BrokerEnd::BrokerEnd(Servers& servers) : servers_(servers) { servers_.brokers.push_back(this); }
BrokerEnd::~BrokerEnd() { std::erase(servers_.brokers, this); }

void BrokerEnd::on_open() {
  std::size_t alive = 0;
  for (const BrokerEnd* each : servers_.brokers) alive += each->connection_->client_alive() ? 1U : 0U;
  require(alive <= 2, "two connections at most (I-12)");
}
void BrokerEnd::on_end() { std::erase(servers_.brokers, this); }

void BrokerEnd::on_bytes(std::string_view bytes) {
  received_ += bytes;
  if (key_.empty()) read_upgrade();
  if (!key_.empty()) read_frames();
}

void BrokerEnd::say_frame(int first, std::string_view payload) {
  std::string frame;
  frame.reserve(4 + payload.size());
  frame += static_cast<char>(first);
  if (payload.size() < 126) {
    frame += static_cast<char>(payload.size());
  } else {
    frame += '\x7E';
    append_word(frame, payload.size());
  }
  connection_->send(frame.append(payload));
}

void BrokerEnd::say_packet(int first, std::string_view body) {
  std::string packet;
  packet.reserve(5 + body.size());
  packet += static_cast<char>(first);
  std::size_t size = body.size();
  do {
    packet += static_cast<char>((size % 128) | (size >= 128 ? 0x80 : 0));
    size /= 128;
  } while (size != 0);
  say_frame(0x82, packet.append(body));
}

void BrokerEnd::accept_upgrade() {
  if (key_.empty()) return;
  std::string head;
  head.reserve(160);
  head.append(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
  head.append(ws::accept_of(key_).view()).append("\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n");
  say_raw(head);
}

void BrokerEnd::accept_connect() {
  // [MQTT-3.1.4-3]: whoever has this client id already is sent away.
  for (BrokerEnd* const other : std::vector<BrokerEnd*>(servers_.brokers)) {
    if (other == this || other->client_id != client_id || !connected) continue;
    other->say_packet(0xE0, std::string_view("\x8E\0", 2));
    other->cut(sim::Connection::Cut::orderly);
  }
  std::string body(1, servers_.session_present && !clean_start ? '\1' : '\0');
  body += '\0';
  body += static_cast<char>(servers_.connack_properties.size());
  say_packet(0x20, body.append(servers_.connack_properties));
}

void BrokerEnd::answer_subscribe(std::uint8_t refusal) {
  if (subscribes.empty()) return;
  const Request request = std::move(subscribes.front());
  subscribes.erase(subscribes.begin());
  std::string body;
  append_word(body, request.id);
  body += '\0';
  body += refusal >= 0x80 ? static_cast<char>(refusal) : request.granted.front();
  say_packet(request.unsubscribe ? 0xB0 : 0x90, body.append(request.granted, 1));
}

void BrokerEnd::answer_publish(std::uint8_t reason) {
  if (publishes.empty()) return;
  std::string body;
  append_word(body, publishes.front());
  publishes.erase(publishes.begin());
  if (reason != 0) {
    body += static_cast<char>(reason);
    body += '\0';
  }
  say_packet(0x40, body);
}

void BrokerEnd::deliver(std::string_view topic, std::string_view body, int qos, std::uint16_t id) {
  std::string packet;
  packet.reserve(5 + topic.size() + body.size());
  append_word(packet, topic.size());
  packet += topic;
  if (qos != 0) append_word(packet, id);
  packet += '\0';
  say_packet(0x30 | qos << 1, packet.append(body));
}

void BrokerEnd::cut(sim::Connection::Cut how) {
  ended = true;
  connection_->end(how);
}

void BrokerEnd::read_upgrade() {
  const std::size_t end = received_.find("\r\n\r\n");
  if (end == std::string::npos) return;
  require(received_.starts_with("GET /") && received_.find("\r\nHost: ") < end, "the upgrade's head");
  constexpr std::string_view kName = "\r\nSec-WebSocket-Key: ";
  const std::size_t found = received_.find(kName);
  require(found < end && received_.compare(found + kName.size() + 24, 2, "\r\n") == 0, "the WebSocket key");
  key_ = received_.substr(found + kName.size(), 24);
  received_.erase(0, end + 4);
  if (servers_.answers_upgrade) accept_upgrade();
}

void BrokerEnd::read_frames() {
  std::size_t read = 0;
  while (read_frame(read)) {
  }
  received_.erase(0, read);
}

// The frame that begins at `begin`, which then is where it ends; false: more has to come.
bool BrokerEnd::read_frame(std::size_t& begin) {
  const std::string_view waiting = std::string_view(received_).substr(begin);
  if (waiting.size() < 2) return false;
  const std::size_t first = at(waiting, 0);
  const std::size_t second = at(waiting, 1);
  require((first & 0xF0) == 0x80, "one frame a message, no reserved bits");
  require((second & 0x80) != 0, "masked");
  std::size_t size = second & 127;
  std::size_t index = 2;
  const std::size_t length_bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
  if (waiting.size() < index + length_bytes + 4) return false;
  if (length_bytes != 0) size = 0;
  for (std::size_t count = 0; count < length_bytes; ++count) size = size << 8 | at(waiting, index++);
  require(length_bytes == 0 || size >= (length_bytes == 2 ? 126U : 65'536U), "a length that is not minimal");
  if (waiting.size() - index - 4 < size) return false;
  const char key[4] = {waiting[index], waiting[index + 1], waiting[index + 2], waiting[index + 3]};
  index += 4;
  unmask(received_.data() + begin + index, size, key);
  const std::string_view payload = waiting.substr(index, size);
  begin += index + size;
  require(!closed_, "nothing follows a Close frame");
  switch (first & 15) {
    case 2:
      read_packet(payload);
      break;
    case 8:
      require(size == 0 || (size >= 2 && size < 126), "the body of a Close frame");
      closed_ = true;
      break;
    case 10:
      require(size < 126, "the size of a pong");
      break;
    default:
      require(false, "an opcode a client may send");
  }
  return true;
}

void BrokerEnd::read_packet(std::string_view packet) {
  require(!left, "nothing follows DISCONNECT");
  std::size_t index = 1;
  const std::size_t size = variable(packet, index);
  require(size == packet.size() - index, "one packet a frame");
  const std::size_t first = at(packet, 0);
  const std::string_view body = packet.substr(index);
  require(connected || first == 0x10, "CONNECT comes first");
  switch (first >> 4) {
    case 1:
      return read_connect(body, first);
    case 3:
      return read_publish(body, first);
    case 4:
      require(first == 0x40 && body.size() >= 2, "PUBACK");
      index = 0;
      acknowledged.push_back(static_cast<std::uint16_t>(word(body, index)));
      return;
    case 5:
    case 6:
    case 7:
      require((first & 15) == (first >> 4 == 6 ? 2U : 0U) && body.size() >= 2, "an acknowledgement of QoS 2");
      return;
    case 8:
    case 10:
      return read_subscribe(body, first);
    case 12:
      require(first == 0xC0 && body.empty(), "PINGREQ");
      if (servers_.answers_ping) say_packet(0xD0, "");
      return;
    case 14:
      require(first == 0xE0, "DISCONNECT");
      left = true;
      return;
    default:
      require(false, "a packet a client may send");
  }
}

void BrokerEnd::read_connect(std::string_view body, std::size_t first) {
  require(!connected && first == 0x10 && body.substr(0, 7) == std::string_view("\0\4MQTT\5", 7), "CONNECT");
  const std::size_t flags = at(body, 7);
  require((flags & 0x3D) == 0, "CONNECT without will, and reserved bits");
  clean_start = (flags & 2) != 0;
  std::size_t index = 10;
  const std::size_t properties = variable(body, index);
  index += properties;
  client_id = string(body, index);
  if ((flags & 0x80) != 0) static_cast<void>(string(body, index));
  if ((flags & 0x40) != 0) require(string(body, index).empty(), "the password is empty");
  require(index == body.size(), "CONNECT ends with its last field");
  connected = true;
  if (servers_.answers_connect) accept_connect();
}

void BrokerEnd::read_publish(std::string_view body, std::size_t first) {
  const std::size_t qos = first >> 1 & 3;
  require(qos <= 1 && (qos == 1 || (first & 8) == 0) && (first & 1) == 0, "the flags of PUBLISH");
  std::size_t index = 0;
  const std::string_view topic = string(body, index);
  require(!topic.empty() && topic.find_first_of("+#") == std::string::npos, "a topic name");
  const std::size_t id = qos == 0 ? 1 : word(body, index);
  require(id != 0, "packet id 0");
  const std::size_t properties = variable(body, index);
  require(index + properties <= body.size(), "the properties of PUBLISH");
  if (servers_.on_publish) servers_.on_publish(*this, std::string(body.substr(index + properties)));
  if (qos == 0) return;
  for (const std::uint16_t waiting : publishes) require(waiting != id, "a packet id that is in use");
  publishes.push_back(static_cast<std::uint16_t>(id));
  if (servers_.answers_publish) answer_publish();
}

void BrokerEnd::read_subscribe(std::string_view body, std::size_t first) {
  const bool unsubscribe = first >> 4 == 10;
  require((first & 15) == 2, "the flags of SUBSCRIBE and UNSUBSCRIBE");
  std::size_t index = 0;
  Request request{static_cast<std::uint16_t>(word(body, index)), unsubscribe, ""};
  require(request.id != 0, "packet id 0");
  index += variable(body, index);
  while (index < body.size()) {
    const std::string filter(string(body, index));
    require(!filter.empty(), "a topic filter");
    if (unsubscribe) {
      filters.erase(filter);
      request.granted += '\0';
    } else {
      filters.insert(filter);
      require((at(body, index) & 0xC2) == 0, "subscription options");
      request.granted += static_cast<char>(at(body, index++) & 1);
    }
  }
  require(!request.granted.empty() && request.granted.size() <= 8, "one to eight filters (I-21)");
  subscribes.push_back(std::move(request));
  if (servers_.answers_subscribe) answer_subscribe();
}

}  // namespace axonpush::fuzz
