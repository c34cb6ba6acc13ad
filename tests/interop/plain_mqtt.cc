#include "interop/plain_mqtt.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace interop {

namespace {

using axonpush::Interest;

// MQTT 3.1.1, 2.2.1
constexpr std::uint8_t kConnect = 0x10;
constexpr std::uint8_t kConnack = 0x20;
constexpr std::uint8_t kPublish = 0x30;
constexpr std::uint8_t kPuback = 0x40;
constexpr std::uint8_t kSubscribe = 0x82;
constexpr std::uint8_t kSuback = 0x90;

void put_number(std::string& into, std::size_t number) {
  into += static_cast<char>(number >> 8 & 0xFF);
  into += static_cast<char>(number & 0xFF);
}
void put_text(std::string& into, std::string_view text) {
  put_number(into, text.size());
  into += text;
}
std::uint16_t number_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<std::uint8_t>(text[at]) << 8 | static_cast<std::uint8_t>(text[at + 1]));
}

}  // namespace

PlainMqtt::~PlainMqtt() { fail(); }

void PlainMqtt::fail() {
  broken_ = true;
  if (descriptor_ < 0) return;
  reactor_.remove(descriptor_, *this);
  ::close(descriptor_);
  descriptor_ = -1;
}

bool PlainMqtt::connect(std::uint16_t port, std::string_view client_id) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(descriptor);
    return false;
  }
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!reactor_.add(descriptor, Interest{.read = true}, *this).ok()) {
    ::close(descriptor);
    return false;
  }
  descriptor_ = descriptor;
  std::string body;
  put_text(body, "MQTT");
  body += '\x04';       // the protocol's level
  body += '\x02';       // clean session
  put_number(body, 0);  // no keep alive
  put_text(body, client_id);
  send_packet(kConnect, body);
  return true;
}

void PlainMqtt::subscribe(std::string_view filter) {
  std::string body;
  put_number(body, 1);
  put_text(body, filter);
  body += '\x01';  // QoS 1
  send_packet(kSubscribe, body);
}

void PlainMqtt::publish(std::string_view topic, std::string_view text, std::function<void()> acknowledged) {
  std::string body;
  put_text(body, topic);
  const bool at_least_once = static_cast<bool>(acknowledged);
  if (at_least_once) {
    do {
      ++next_id_;
    } while (next_id_ == 0 || waiting_.count(next_id_) != 0);
    put_number(body, next_id_);
    waiting_.emplace(next_id_, std::move(acknowledged));
  }
  body += text;
  send_packet(static_cast<std::uint8_t>(kPublish | (at_least_once ? 0x02 : 0)), body);
}

void PlainMqtt::send_packet(std::uint8_t head, std::string_view body) {
  out_ += static_cast<char>(head);
  std::size_t left = body.size();
  do {
    out_ += static_cast<char>((left & 0x7F) | (left > 0x7F ? 0x80 : 0));
    left >>= 7;
  } while (left != 0);
  out_ += body;
  if (!writing_) flush();
}

void PlainMqtt::flush() {
  if (descriptor_ < 0) return;
  const ssize_t sent = send(descriptor_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return fail();
  if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
  const bool writing = !out_.empty();
  if (writing == writing_) return;
  writing_ = writing;
  if (!reactor_.modify(descriptor_, Interest{.read = true, .write = writing}, *this).ok()) fail();
}

void PlainMqtt::on_ready(Interest) noexcept {
  if (writing_) flush();
  char room[64 * 1024];
  while (descriptor_ >= 0) {
    const ssize_t size = recv(descriptor_, room, sizeof room, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (size <= 0) return fail();
    in_.append(room, static_cast<std::size_t>(size));
  }
  std::size_t used = 0;
  while (descriptor_ >= 0) {
    std::string_view left = std::string_view(in_).substr(used);
    std::size_t length = 0;
    std::size_t at = 1;
    bool whole = false;
    while (at < left.size() && at <= 4) {
      const auto byte = static_cast<std::uint8_t>(left[at]);
      length |= static_cast<std::size_t>(byte & 0x7F) << (7 * (at - 1));
      ++at;
      if (byte <= 0x7F) {
        whole = true;
        break;
      }
    }
    if (!whole || left.size() - at < length) break;
    packet(static_cast<std::uint8_t>(left[0]), left.substr(at, length));
    used += at + length;
  }
  in_.erase(0, used);
}

void PlainMqtt::packet(std::uint8_t head, std::string_view body) {
  if ((head & 0xF0) == kPublish) return incoming_publish(head, body);
  if (head == kConnack && body.size() == 2 && body[1] == 0) {
    connected_ = true;
  } else if (head == kSuback && body.size() == 3 && body[2] == 1) {
    subscribed_ = true;
  } else if (head == kPuback && body.size() == 2 && waiting_.count(number_at(body, 0)) != 0) {
    const auto found = waiting_.find(number_at(body, 0));
    const std::function<void()> acknowledged = std::move(found->second);
    waiting_.erase(found);
    acknowledged();
  } else {
    fail();
  }
}

void PlainMqtt::incoming_publish(std::uint8_t head, std::string_view body) {
  const bool at_least_once = (head & 0x06) == 0x02;
  const std::size_t topic_size = body.size() < 2 ? 0 : number_at(body, 0);
  const std::size_t body_at = 2 + topic_size + (at_least_once ? 2 : 0);
  if (body.size() < body_at) return fail();
  if (on_publish) on_publish(body.substr(2, topic_size), body.substr(body_at));
  if (at_least_once) send_packet(kPuback, body.substr(2 + topic_size, 2));
}

}  // namespace interop
