// What the fuzz targets of the whole client share: the two servers of the virtual world, which answer properly until
// the input makes them do otherwise. What the client writes is read strictly and without the library's codecs: a byte
// that no specification allows traps.
#pragma once

#include <axonpush/ws/handshake.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/model_api.h"
#include "sim/world.h"

namespace axonpush::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  __builtin_trap();
}

// Texts that no input can hold, because they depend on all of it.
struct Secrets {
  Secrets(const std::uint8_t* data, std::size_t size) {
    std::uint64_t hash = 0xCBF29CE484222325ULL;
    for (std::size_t at = 0; at < size; ++at) hash = (hash ^ data[at]) * 0x100000001B3ULL;
    sim::Random random(hash);
    for (std::string* secret : {&key, &token, &query, &payload}) {
      secret->reserve(33);
      for (int count = 0; count < 33; ++count) *secret += static_cast<char>('a' + random.below(26));
    }
  }
  std::string key, token, query, payload;
};

inline std::string two_bytes(std::size_t value) {
  return {static_cast<char>(value >> 8 & 0xFF), static_cast<char>(value & 0xFF)};
}
inline std::string mqtt_packet(int first, const std::string& body) {
  std::string made(1, static_cast<char>(first));
  std::size_t size = body.size();
  do {
    made += static_cast<char>((size % 128) | (size >= 128 ? 0x80 : 0));
    size /= 128;
  } while (size != 0);
  return made + body;
}

class BrokerEnd;
class ApiEnd;

// What both servers do of themselves, and which of their connections there are.
struct Servers {
  explicit Servers(sim::World& of, const Secrets& with) : world(of), secrets(with) {
    world.listen(443, [this] { return make_api(); });
    world.listen(8443, [this] { return make_broker(); });
  }
  std::unique_ptr<sim::Peer> make_api();
  std::unique_ptr<sim::Peer> make_broker();
  [[nodiscard]] std::string credentials();
  [[nodiscard]] std::string answer(int status, const std::string& headers, const std::string& body) const {
    std::string made;
    made.reserve(96 + headers.size() + body.size());
    made.append("HTTP/1.1 ").append(std::to_string(status)).append(" X\r\nDate: ");
    made.append(sim::http_date_of(world.wall())).append("\r\n").append(headers);
    made.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
    return made.append(body);
  }

  sim::World& world;
  const Secrets& secrets;
  Duration lifetime = seconds(100);
  bool same_client_id = false;
  bool answers_api = true, answers_upgrade = true, answers_connect = true, answers_subscribe = true,
       answers_publish = true, answers_ping = true;
  bool session_present = false;
  std::string connack_properties;
  unsigned issued = 0;
  unsigned requests = 0;
  std::function<void(const BrokerEnd&, const std::string& body)> on_publish;
  std::vector<BrokerEnd*> brokers;  // the client's end is open, oldest first
  std::vector<ApiEnd*> apis;
};

// The credentials endpoint's end of one connection.
class ApiEnd final : public sim::Peer {
 public:
  explicit ApiEnd(Servers& servers) : servers_(servers) { servers_.apis.push_back(this); }
  ~ApiEnd() override { std::erase(servers_.apis, this); }
  void on_open() override {
    if (!asked()) return;
    std::size_t alive = 0;
    for (const ApiEnd* each : servers_.apis) alive += each->asked() && each->connection_->client_alive() ? 1U : 0U;
    require(alive == 1, "one request of credentials at a time (I-12)");
  }
  void on_end() override { std::erase(servers_.apis, this); }
  void on_bytes(std::string_view bytes) override {
    received_ += bytes;
    if (!asked())
      return require(received_.find(servers_.secrets.key) == std::string::npos, "the key goes to the API only");
    const std::size_t end = received_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    require(end + 4 == received_.size(), "nothing follows the request");
    require(received_.starts_with("POST /auth/iot-credentials HTTP/1.1\r\n") ||
                received_.starts_with("GET /auth/iot-credentials HTTP/1.1\r\n"),
            "the request line");
    require(received_.find("X-API-Key: " + servers_.secrets.key + "\r\n") != std::string::npos, "the key is sent");
    ++servers_.requests;
    if (servers_.answers_api) say(servers_.answer(201, "", servers_.credentials()));
  }
  void say(const std::string& bytes) { connection_->send(bytes); }
  [[nodiscard]] sim::Connection& link() { return *connection_; }
  // The world knows servers by their port: credentials of the input's may name a broker on this one.
  [[nodiscard]] bool asked() const { return connection_->server_name() == "api.example.com"; }

 private:
  Servers& servers_;
  std::string received_;
};

// The broker's end of one connection.
class BrokerEnd final : public sim::Peer {
 public:
  explicit BrokerEnd(Servers& servers) : servers_(servers) { servers_.brokers.push_back(this); }
  ~BrokerEnd() override { std::erase(servers_.brokers, this); }
  void on_open() override {
    std::size_t alive = 0;
    for (const BrokerEnd* each : servers_.brokers) alive += each->connection_->client_alive() ? 1U : 0U;
    require(alive <= 2, "two connections at most (I-12)");
  }
  void on_end() override { std::erase(servers_.brokers, this); }
  void on_bytes(std::string_view bytes) override {
    received_ += bytes;
    if (key_.empty()) read_upgrade();
    if (!key_.empty()) read_frames();
  }

  void say_raw(std::string_view bytes) { connection_->send(bytes); }
  void say_frame(int first, std::string_view payload) {
    std::string frame(1, static_cast<char>(first));
    if (payload.size() < 126) {
      frame += static_cast<char>(payload.size());
    } else {
      frame += '\x7E' + two_bytes(payload.size());
    }
    connection_->send(frame.append(payload));
  }
  void say_packet(int first, const std::string& body) { say_frame(0x82, mqtt_packet(first, body)); }
  void accept_upgrade() {
    if (key_.empty()) return;
    say_raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
            std::string(ws::accept_of(key_).view()) + "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n");
  }
  void accept_connect() {
    // [MQTT-3.1.4-3]: whoever has this client id already is sent away.
    for (BrokerEnd* const other : std::vector<BrokerEnd*>(servers_.brokers)) {
      if (other == this || other->client_id != client_id || !connected) continue;
      other->say_packet(0xE0, std::string("\x8E\0", 2));
      other->cut(sim::Connection::Cut::orderly);
    }
    say_packet(0x20, std::string(1, servers_.session_present && !clean_start ? '\1' : '\0') + '\0' +
                         static_cast<char>(servers_.connack_properties.size()) + servers_.connack_properties);
  }
  // Answers to the oldest request that has none.
  void answer_subscribe(std::uint8_t refusal = 0) {
    if (subscribes.empty()) return;
    const Request request = subscribes.front();
    subscribes.pop_front();
    std::string reasons = request.granted;
    if (refusal >= 0x80) reasons.front() = static_cast<char>(refusal);
    say_packet(request.unsubscribe ? 0xB0 : 0x90, two_bytes(request.id) + '\0' + reasons);
  }
  void answer_publish(std::uint8_t reason = 0) {
    if (publishes.empty()) return;
    const std::uint16_t id = publishes.front();
    publishes.pop_front();
    say_packet(0x40, two_bytes(id) + (reason == 0 ? std::string() : std::string(1, static_cast<char>(reason)) + '\0'));
  }
  void deliver(std::string_view topic, std::string_view body, int qos, std::uint16_t id) {
    say_packet(0x30 | qos << 1, two_bytes(topic.size()) + std::string(topic) + (qos == 0 ? "" : two_bytes(id)) + '\0' +
                                    std::string(body));
  }
  void cut(sim::Connection::Cut how) {
    ended = true;
    connection_->end(how);
  }
  [[nodiscard]] sim::Connection& link() { return *connection_; }

  struct Request {
    std::uint16_t id;
    bool unsubscribe;
    std::string granted;  // a reason code for each filter
  };
  std::deque<Request> subscribes;       // not answered
  std::deque<std::uint16_t> publishes;  // QoS 1, not answered
  std::set<std::string> filters;        // asked for and not taken back
  std::vector<std::uint16_t> acknowledged;
  std::string client_id;
  bool clean_start = false;
  bool connected = false;  // CONNECT came
  bool left = false;       // DISCONNECT came
  bool ended = false;      // by us

 private:
  [[nodiscard]] static std::size_t at(std::string_view text, std::size_t index) {
    require(index < text.size(), "a packet is cut short");
    return static_cast<unsigned char>(text[index]);
  }
  static std::size_t word(std::string_view text, std::size_t& index) {
    const std::size_t value = at(text, index) << 8 | at(text, index + 1);
    index += 2;
    return value;
  }
  static std::string string(std::string_view text, std::size_t& index) {
    const std::size_t size = word(text, index);
    require(index + size <= text.size(), "a string is cut short");
    index += size;
    return std::string(text.substr(index - size, size));
  }
  static std::size_t variable(std::string_view text, std::size_t& index) {
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

  // RFC 6455 5.3, four bytes at a time: byte by byte it is a checked access for each of them.
  static void unmask(std::string& payload, const char (&key)[4]) {
    std::uint32_t mask = 0;
    std::memcpy(&mask, key, 4);
    std::size_t at = 0;
    for (std::uint32_t word = 0; payload.size() - at >= 4; at += 4) {
      std::memcpy(&word, payload.data() + at, 4);
      word ^= mask;
      std::memcpy(payload.data() + at, &word, 4);
    }
    for (; at < payload.size(); ++at) payload[at] = static_cast<char>(payload[at] ^ key[at % 4]);
  }

  void read_upgrade() {
    const std::size_t end = received_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    require(received_.starts_with("GET /") && received_.find("\r\nHost: ") < end, "the upgrade's head");
    const std::string name = "\r\nSec-WebSocket-Key: ";
    const std::size_t found = received_.find(name);
    require(found < end && received_.compare(found + name.size() + 24, 2, "\r\n") == 0, "the WebSocket key");
    key_ = received_.substr(found + name.size(), 24);
    received_.erase(0, end + 4);
    if (servers_.answers_upgrade) accept_upgrade();
  }

  void read_frames() {
    while (received_.size() >= 2) {
      const std::size_t first = at(received_, 0);
      const std::size_t second = at(received_, 1);
      require((first & 0xF0) == 0x80, "one frame a message, no reserved bits");
      require((second & 0x80) != 0, "masked");
      std::size_t size = second & 127;
      std::size_t index = 2;
      const std::size_t length_bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
      if (received_.size() < index + length_bytes + 4) return;
      if (length_bytes != 0) size = 0;
      for (std::size_t count = 0; count < length_bytes; ++count) size = size << 8 | at(received_, index++);
      require(length_bytes == 0 || size >= (length_bytes == 2 ? 126U : 65'536U), "a length that is not minimal");
      if (received_.size() < index + 4 + size) return;
      const char key[4] = {received_[index], received_[index + 1], received_[index + 2], received_[index + 3]};
      std::string payload = received_.substr(index + 4, size);
      unmask(payload, key);
      received_.erase(0, index + 4 + size);
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
    }
  }

  void read_packet(std::string_view packet) {
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

  void read_connect(std::string_view body, std::size_t first) {
    require(!connected && first == 0x10 && body.substr(0, 7) == std::string_view("\0\4MQTT\5", 7), "CONNECT");
    const std::size_t flags = at(body, 7);
    require((flags & 0x3D) == 0, "CONNECT without will, and reserved bits");
    clean_start = (flags & 2) != 0;
    std::size_t index = 10;
    const std::size_t properties = variable(body, index);
    index += properties;
    client_id = string(body, index);
    if ((flags & 0x80) != 0) string(body, index);
    if ((flags & 0x40) != 0) require(string(body, index).empty(), "the password is empty");
    require(index == body.size(), "CONNECT ends with its last field");
    connected = true;
    if (servers_.answers_connect) accept_connect();
  }

  void read_publish(std::string_view body, std::size_t first) {
    const std::size_t qos = first >> 1 & 3;
    require(qos <= 1 && (qos == 1 || (first & 8) == 0) && (first & 1) == 0, "the flags of PUBLISH");
    std::size_t index = 0;
    const std::string topic = string(body, index);
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

  void read_subscribe(std::string_view body, std::size_t first) {
    const bool unsubscribe = first >> 4 == 10;
    require((first & 15) == 2, "the flags of SUBSCRIBE and UNSUBSCRIBE");
    std::size_t index = 0;
    Request request{static_cast<std::uint16_t>(word(body, index)), unsubscribe, ""};
    require(request.id != 0, "packet id 0");
    index += variable(body, index);
    while (index < body.size()) {
      const std::string filter = string(body, index);
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
    subscribes.push_back(request);
    if (servers_.answers_subscribe) answer_subscribe();
  }

  Servers& servers_;
  std::string received_;
  std::string key_;
  bool closed_ = false;
};

inline std::unique_ptr<sim::Peer> Servers::make_api() { return std::make_unique<ApiEnd>(*this); }
inline std::unique_ptr<sim::Peer> Servers::make_broker() { return std::make_unique<BrokerEnd>(*this); }

inline std::string Servers::credentials() {
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

}  // namespace axonpush::fuzz
