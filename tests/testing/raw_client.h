// A blocking client for tests: a socket, OpenSSL, and the library's codecs, every byte under the test's control.
//
// Each wait ends after kPatience; what does not come fails the test that waits for it.
#pragma once

#include <axonpush/json/reader.h>
#include <axonpush/mqtt/packet.h>
#include <axonpush/testing/loopback_service.h>
#include <axonpush/ws/frame.h>
#include <axonpush/ws/handshake.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace raw {

using axonpush::Bytes;
using axonpush::MutableBytes;
namespace mqtt = axonpush::mqtt;
namespace ws = axonpush::ws;
using axonpush::testing::LoopbackOptions;
using axonpush::testing::LoopbackService;
using axonpush::testing::LoopbackStats;

inline constexpr int kPatienceSeconds = 10;

// A connected byte stream to 127.0.0.1, verified against the service's CA unless it is cleartext.
class Wire {
 public:
  Wire(std::uint16_t port, const std::string& ca_pem);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  [[nodiscard]] bool ok() const { return ok_; }
  bool send(Bytes bytes);
  bool send(std::string_view text) { return send(axonpush::bytes_of(text)); }
  // Some bytes; empty at the end of the stream or after kPatience.
  std::string receive();
  // Everything up to the end.
  std::string receive_all();
  // After receive() came back empty: the stream ended in order (close_notify, or FIN on cleartext).
  [[nodiscard]] bool ended_in_order() const { return ended_in_order_; }
  [[nodiscard]] bool timed_out() const { return timed_out_; }
  // Ends abruptly: RST.
  void reset();

 private:
  int descriptor_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  bool ok_ = false;
  bool ended_in_order_ = false;
  bool timed_out_ = false;
};

struct Response {
  int status = 0;
  std::string head;
  std::string body;
  [[nodiscard]] std::string member(std::string_view name) const;  // of the JSON body; "" when absent
  [[nodiscard]] std::string header(std::string_view name) const;
};
// Sends `request` as it is and reads to the end.
Response ask(const LoopbackService& service, std::string_view request);
// The request a client makes; `extra` are further header lines with their CRLF.
Response fetch(const LoopbackService& service, std::string_view method = "POST", std::string_view extra = {});

// A packet that owns its bytes.
struct Received {
  std::vector<std::uint8_t> bytes;
  mqtt::Packet packet;
  [[nodiscard]] mqtt::PacketType type() const { return packet.type; }
};

struct ConnectOptions {
  std::string client_id = {};
  std::string user_name = {};
  bool clean_start = true;
  std::uint32_t session_expiry = 0;
  std::uint16_t keep_alive = 30;
  std::uint16_t receive_maximum = 0;      // 0: not said
  std::uint32_t maximum_packet_size = 0;  // 0: not said
  std::string will_topic = {};
  std::string will_payload = {};
};

// An MQTT client over WebSocket.
class Client {
 public:
  // Connects and upgrades; `protocols` is the Sec-WebSocket-Protocol line.
  explicit Client(const LoopbackService& service, std::string_view protocols = "mqtt",
                  std::string_view target = "/mqtt");

  [[nodiscard]] bool upgraded() const { return status_ == 101; }
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& upgrade_head() const { return head_; }

  // Sends CONNECT and answers CONNACK's reason; `last` holds the packet.
  mqtt::ReasonCode connect(const ConnectOptions& options);
  // SUBSCRIBE and the first reason of SUBACK.
  mqtt::ReasonCode subscribe(std::string_view topic_filter, mqtt::Qos qos = mqtt::Qos::at_least_once);
  std::vector<std::uint8_t> subscribe_all(const std::vector<std::string>& topic_filters);
  mqtt::ReasonCode unsubscribe(std::string_view topic_filter);
  // At QoS 1 waits for PUBACK and answers its reason; success at QoS 0.
  mqtt::ReasonCode publish(std::string_view topic, std::string_view payload, mqtt::Qos qos = mqtt::Qos::at_least_once);
  void acknowledge(std::uint16_t packet_id);
  void disconnect(mqtt::ReasonCode reason = mqtt::ReasonCode::success, std::int64_t session_expiry = -1);

  void send_packet(Bytes packet);
  void send_frame(ws::Opcode opcode, Bytes payload);
  // The next packet; nothing at the end of the connection or after kPatience. PUBLISH packets that come while another
  // kind is awaited by the functions above are kept for `next_publish`.
  std::optional<Received> next();
  std::optional<Received> next_of(mqtt::PacketType type);
  // The payload of the next PUBLISH, acknowledged when it is QoS 1 and `acknowledging`; nothing when none comes.
  std::optional<Received> next_publish();
  std::string next_payload();

  bool acknowledging = true;
  std::optional<Received> last;
  std::uint16_t close_code = 0;  // of the Close frame that came
  std::size_t pings = 0;         // PING frames that came
  [[nodiscard]] Wire& wire() { return *wire_; }

 private:
  bool read_more();
  bool take_frames();

  std::unique_ptr<Wire> wire_;
  int status_ = 0;
  std::string head_;
  ws::FrameDecoder frames_;
  std::vector<std::uint8_t> input_;
  std::vector<std::uint8_t> packets_;
  std::deque<Received> publishes_;
  std::uint16_t packet_id_ = 0;
};

// --- Wire

inline Wire::Wire(std::uint16_t port, const std::string& ca_pem) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write()
  descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
  if (ca_pem.empty()) {
    ok_ = true;
    return;
  }
  context_ = SSL_CTX_new(TLS_client_method());
  BIO* pem = BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size()));
  X509* authority = PEM_read_bio_X509(pem, nullptr, nullptr, nullptr);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), authority);
  X509_free(authority);
  BIO_free(pem);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  ssl_ = SSL_new(context_);
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), "127.0.0.1");
  SSL_set_fd(ssl_, descriptor_);
  ok_ = SSL_connect(ssl_) == 1;
}

inline Wire::~Wire() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

inline bool Wire::send(Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                                         : ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

inline std::string Wire::receive() {
  char room[16 * 1024];
  errno = 0;
  if (ssl_ == nullptr) {
    const ssize_t size = ::recv(descriptor_, room, sizeof room, 0);
    ended_in_order_ = size == 0;
    timed_out_ = size < 0 && errno == EAGAIN;
    return size > 0 ? std::string(room, static_cast<std::size_t>(size)) : std::string();
  }
  const int size = SSL_read(ssl_, room, sizeof room);
  if (size > 0) return {room, static_cast<std::size_t>(size)};
  const int reason = SSL_get_error(ssl_, size);
  ended_in_order_ = reason == SSL_ERROR_ZERO_RETURN;
  timed_out_ = reason == SSL_ERROR_WANT_READ;
  return {};
}

inline std::string Wire::receive_all() {
  std::string all;
  for (std::string part = receive(); !part.empty(); part = receive()) all += part;
  return all;
}

inline void Wire::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(std::exchange(descriptor_, -1));
}

// --- HTTP

inline std::string Response::member(std::string_view name) const {
  axonpush::json::Member members[32];
  std::size_t count = 0;
  if (axonpush::json::read_object(axonpush::bytes_of(body), {}, members, count)) return {};
  for (std::size_t index = 0; index < count && index < 32; ++index) {
    std::vector<std::uint8_t> scratch(members[index].value.raw.size());
    std::string_view text;
    if (axonpush::json::key_equals(members[index], name) && members[index].value.text(scratch, text)) {
      return std::string(text);
    }
  }
  return {};
}

inline std::string Response::header(std::string_view name) const {
  const std::string mark = "\r\n" + std::string(name) + ": ";
  const std::size_t at = head.find(mark);
  if (at == std::string::npos) return {};
  const std::size_t from = at + mark.size();
  return head.substr(from, head.find("\r\n", from) - from);
}

inline Response ask(const LoopbackService& service, std::string_view request) {
  Wire wire(service.port(), service.ca_pem());
  if (!wire.ok() || !wire.send(request)) return {};
  const std::string all = wire.receive_all();
  const std::size_t end = all.find("\r\n\r\n");
  if (end == std::string::npos || all.size() < 12) return {};
  return {.status = std::atoi(all.c_str() + 9), .head = all.substr(0, end + 2), .body = all.substr(end + 4)};
}

inline Response fetch(const LoopbackService& service, std::string_view method, std::string_view extra) {
  std::string request(method);
  request += " /auth/iot-credentials HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: " + service.api_key() +
             "\r\nx-tenant-id: " + service.tenant_id() + "\r\nAccept: application/json\r\nConnection: close\r\n";
  if (method == "POST") request += "Content-Length: 0\r\n";
  request.append(extra).append("\r\n");
  return ask(service, request);
}

// --- Client

inline Client::Client(const LoopbackService& service, std::string_view protocols, std::string_view target)
    : wire_(std::make_unique<Wire>(service.broker_port(), service.ca_pem())),
      frames_({.role = ws::Role::client, .message_bytes_max = 0}) {
  std::string request = "GET ";
  request.append(target).append(
      " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n");
  if (!protocols.empty()) request.append("Sec-WebSocket-Protocol: ").append(protocols).append("\r\n");
  request += "\r\n";
  if (!wire_->ok() || !wire_->send(request)) return;
  std::string all;
  std::size_t end = std::string::npos;
  while (end == std::string::npos) {
    const std::string part = wire_->receive();
    if (part.empty()) return;
    all += part;
    end = all.find("\r\n\r\n");
  }
  head_ = all.substr(0, end + 2);
  status_ = std::atoi(head_.c_str() + 9);
  input_.assign(all.begin() + static_cast<std::ptrdiff_t>(end + 4), all.end());
}

inline void Client::send_frame(ws::Opcode opcode, Bytes payload) {
  static constexpr std::uint8_t kKey[4] = {0x12, 0x34, 0x56, 0x78};
  std::vector<std::uint8_t> frame(ws::header_size(payload.size(), true) + payload.size());
  frame.resize(ws::encode_frame(frame, opcode, payload, kKey));
  wire_->send(frame);
}

inline void Client::send_packet(Bytes packet) { send_frame(ws::Opcode::binary, packet); }

inline bool Client::take_frames() {
  using Kind = ws::FrameDecoder::Kind;
  for (;;) {
    const auto step = frames_.next(input_);
    if (step.kind == Kind::data) packets_.insert(packets_.end(), step.payload.begin(), step.payload.end());
    if (step.kind == Kind::ping) {
      ++pings;
      send_frame(ws::Opcode::pong, step.payload);
    }
    if (step.kind == Kind::close) close_code = step.close_code;
    input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(step.consumed));
    if (step.kind == Kind::need_more) return true;
    if (step.kind == Kind::error || step.kind == Kind::close) return false;
  }
}

inline bool Client::read_more() {
  const std::string part = wire_->receive();
  if (part.empty()) return false;
  input_.insert(input_.end(), part.begin(), part.end());
  return take_frames() || !packets_.empty();
}

inline std::optional<Received> Client::next() {
  if (!input_.empty()) static_cast<void>(take_frames());
  for (;;) {
    Received received;
    const auto decoded = mqtt::decode(packets_, {.sender = mqtt::Sender::server}, received.packet);
    if (decoded.progress == axonpush::Progress::error) return std::nullopt;
    if (decoded.progress == axonpush::Progress::done) {
      const auto end = packets_.begin() + static_cast<std::ptrdiff_t>(decoded.size);
      received.bytes.assign(packets_.begin(), end);
      packets_.erase(packets_.begin(), end);
      // Decoded again so that the views point into what is kept.
      static_cast<void>(mqtt::decode(received.bytes, {.sender = mqtt::Sender::server}, received.packet));
      return received;
    }
    if (close_code != 0 || !read_more()) return std::nullopt;
  }
}

inline std::optional<Received> Client::next_of(mqtt::PacketType type) {
  for (;;) {
    std::optional<Received> received = next();
    if (!received || received->type() == type) return received;
    if (received->type() != mqtt::PacketType::publish) return std::nullopt;
    publishes_.push_back(std::move(*received));
  }
}

inline std::optional<Received> Client::next_publish() {
  std::optional<Received> received;
  if (!publishes_.empty()) {
    received = std::move(publishes_.front());
    publishes_.pop_front();
  } else {
    received = next_of(mqtt::PacketType::publish);
    // next_of hands the kind it waits for straight on.
  }
  if (received && acknowledging && received->packet.publish.qos == mqtt::Qos::at_least_once) {
    acknowledge(received->packet.publish.packet_id);
  }
  return received;
}

inline std::string Client::next_payload() {
  const std::optional<Received> received = next_publish();
  return received ? std::string(axonpush::text_of(received->packet.publish.payload)) : std::string("(none)");
}

inline mqtt::ReasonCode Client::connect(const ConnectOptions& options) {
  std::uint8_t properties[64];
  mqtt::PropertyWriter writer(properties);
  if (options.session_expiry != 0) writer.integer(mqtt::Property::session_expiry_interval, options.session_expiry);
  if (options.receive_maximum != 0) writer.integer(mqtt::Property::receive_maximum, options.receive_maximum);
  if (options.maximum_packet_size != 0) {
    writer.integer(mqtt::Property::maximum_packet_size, options.maximum_packet_size);
  }
  mqtt::Connect connect;
  connect.client_id = options.client_id;
  connect.user_name = options.user_name;
  connect.has_user_name = !options.user_name.empty();
  connect.has_password = connect.has_user_name;
  connect.clean_start = options.clean_start;
  connect.keep_alive = options.keep_alive;
  connect.properties = mqtt::Properties(writer.written(), 0);
  connect.has_will = !options.will_topic.empty();
  connect.will_topic = options.will_topic;
  connect.will_payload = axonpush::bytes_of(options.will_payload);
  std::vector<std::uint8_t> packet(1024 + options.user_name.size() + options.client_id.size());
  packet.resize(mqtt::encode_connect(packet, connect));
  send_packet(packet);
  last = next_of(mqtt::PacketType::connack);
  return last ? last->packet.connack.reason_code : mqtt::ReasonCode::unspecified_error;
}

inline std::vector<std::uint8_t> Client::subscribe_all(const std::vector<std::string>& topic_filters) {
  std::vector<mqtt::SubscriptionRequest> requests(topic_filters.size());
  std::size_t size = 64;
  for (std::size_t index = 0; index < topic_filters.size(); ++index) {
    requests[index].topic_filter = topic_filters[index];
    requests[index].qos_max = mqtt::Qos::at_least_once;
    size += topic_filters[index].size() + 3;
  }
  std::vector<std::uint8_t> packet(size);
  packet.resize(mqtt::encode_subscribe(packet, ++packet_id_, {}, requests));
  send_packet(packet);
  last = next_of(mqtt::PacketType::suback);
  if (!last) return {};
  const Bytes reasons = last->packet.reasons.reason_codes;
  return {reasons.begin(), reasons.end()};
}

inline mqtt::ReasonCode Client::subscribe(std::string_view topic_filter, mqtt::Qos qos) {
  mqtt::SubscriptionRequest request;
  request.topic_filter = topic_filter;
  request.qos_max = qos;
  std::vector<std::uint8_t> packet(topic_filter.size() + 64);
  packet.resize(mqtt::encode_subscribe(packet, ++packet_id_, {}, {&request, 1}));
  send_packet(packet);
  last = next_of(mqtt::PacketType::suback);
  if (!last) return mqtt::ReasonCode::unspecified_error;
  return static_cast<mqtt::ReasonCode>(last->packet.reasons.reason_codes[0]);
}

inline mqtt::ReasonCode Client::unsubscribe(std::string_view topic_filter) {
  std::vector<std::uint8_t> packet(topic_filter.size() + 64);
  packet.resize(mqtt::encode_unsubscribe(packet, ++packet_id_, {}, {&topic_filter, 1}));
  send_packet(packet);
  last = next_of(mqtt::PacketType::unsuback);
  if (!last) return mqtt::ReasonCode::unspecified_error;
  return static_cast<mqtt::ReasonCode>(last->packet.reasons.reason_codes[0]);
}

inline mqtt::ReasonCode Client::publish(std::string_view topic, std::string_view payload, mqtt::Qos qos) {
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = axonpush::bytes_of(payload);
  publish.qos = qos;
  publish.packet_id = qos == mqtt::Qos::at_most_once ? std::uint16_t{0} : ++packet_id_;
  std::vector<std::uint8_t> packet(topic.size() + payload.size() + 64);
  packet.resize(mqtt::encode_publish(packet, publish));
  send_packet(packet);
  if (qos == mqtt::Qos::at_most_once) return mqtt::ReasonCode::success;
  last = next_of(mqtt::PacketType::puback);
  if (!last || last->packet.ack.packet_id != publish.packet_id) return mqtt::ReasonCode::unspecified_error;
  return last->packet.ack.reason_code;
}

inline void Client::acknowledge(std::uint16_t packet_id) {
  mqtt::Ack ack;
  ack.packet_id = packet_id;
  std::uint8_t packet[8];
  send_packet(Bytes(packet).first(mqtt::encode_ack(packet, mqtt::PacketType::puback, ack)));
}

inline void Client::disconnect(mqtt::ReasonCode reason, std::int64_t session_expiry) {
  std::uint8_t properties[16];
  mqtt::PropertyWriter writer(properties);
  if (session_expiry >= 0) {
    writer.integer(mqtt::Property::session_expiry_interval, static_cast<std::uint32_t>(session_expiry));
  }
  mqtt::Notice notice;
  notice.reason_code = reason;
  notice.properties = mqtt::Properties(writer.written(), 0);
  std::uint8_t packet[32];
  send_packet(Bytes(packet).first(mqtt::encode_notice(packet, mqtt::PacketType::disconnect, notice)));
}

}  // namespace raw
