// The floor: a bare blocking OpenSSL loop that does the same work with the least there can be: read_ahead on, one read
// for as many records as fit, a parse that finds payloads and nothing else, events encoded (and masked) beforehand,
// writes batched. What a client costs on top of this is the library. Once more with epoll_wait in front of each read of
// the socket: what any client costs that waits for more than one thing.
#include <axonpush/ws/handshake.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "loopback_counts.h"
#include "loopback_events.h"
#include "loopback_wire.h"

namespace axonpush::bench {

namespace {

constexpr std::uint8_t kMaskKey[4] = {0x37, 0xFA, 0x21, 0x3D};

int connect_to(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  need(descriptor >= 0 && ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
       "the floor could not connect");
  const int on = 1;
  static_cast<void>(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  return descriptor;
}

SSL* handshake(int descriptor, const std::string& ca_file) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  need(context != nullptr && SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr) == 1,
       "the floor could not load the sender's certificate");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, 64 * 1024);
  SSL* ssl = SSL_new(context);
  SSL_CTX_free(context);
  need(ssl != nullptr && SSL_set_fd(ssl, descriptor) == 1 && SSL_connect(ssl) == 1, "the floor's handshake failed");
  return ssl;
}

class Floor {
 public:
  Floor(const Work& work, const Target& target, Waits waits)
      : work_(work), pipe_(make_pipe(target)), in_(new std::uint8_t[kBytes]) {
    if (waits == Waits::in_epoll) watch();
    connect();
  }
  ~Floor() {
    if (epoll_ >= 0) ::close(epoll_);
  }
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;
  Measured run();

 private:
  static constexpr std::size_t kBytes = 128 * 1024;

  static std::unique_ptr<TlsPipe> make_pipe(const Target& target) {
    const int descriptor = connect_to(target.port);
    return std::make_unique<TlsPipe>(descriptor, handshake(descriptor, target.ca_file));
  }
  void watch();
  void connect();
  // Reads once and walks what is there; answers how many PUBLISH or PUBACK packets it found.
  std::uint64_t read_packets();
  void acknowledge(const std::uint8_t* packet_id);
  void receive();
  void publish_qos0();
  void publish_qos1();
  void echo();
  void note(std::uint64_t done);

  Work work_;
  std::unique_ptr<TlsPipe> pipe_;
  std::unique_ptr<std::uint8_t[]> in_;
  std::size_t size_ = 0;
  int epoll_ = -1;
  std::string out_;
  Usage before_, after_;
  std::uint64_t bytes_ = 0;
  std::vector<std::uint64_t> samples_;
};

void Floor::watch() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {};
  event.events = EPOLLIN;
  need(epoll_ >= 0 && ::epoll_ctl(epoll_, EPOLL_CTL_ADD, pipe_->descriptor(), &event) == 0, "the floor has no epoll");
}

void Floor::connect() {
  need(pipe_->write("GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Protocol: mqtt\r\n\r\n"),
       "the floor could not write");
  std::string head;
  while (head.find("\r\n\r\n") == std::string::npos) {
    const std::size_t got = pipe_->read(in_.get(), kBytes);
    need(got != 0, "the floor was not upgraded");
    head.append(reinterpret_cast<const char*>(in_.get()), got);
  }
  std::uint8_t packet[256];
  std::uint8_t property_bytes[16];
  mqtt::PropertyWriter properties(property_bytes);
  properties.integer(mqtt::Property::receive_maximum, kReceiveMaximum);
  const std::string id = client_id_of(work_);
  mqtt::Connect connect;
  connect.client_id = id;
  connect.keep_alive = 0;
  connect.properties = mqtt::Properties(properties.written(), 0);
  std::size_t size = mqtt::encode_connect(packet, connect);
  need(pipe_->write(frame_of(text_of(Bytes(packet).first(size)), kMaskKey)), "the floor could not write");
  need(pipe_->read(in_.get(), kBytes) == 7 && in_[2] == 0x20, "the floor was refused");
  if (work_.traffic == Traffic::out) return;
  const mqtt::SubscriptionRequest request{.topic_filter = "axonpush/org_1/+/+/+/+/+",
                                          .qos_max = static_cast<mqtt::Qos>(work_.qos)};
  size = mqtt::encode_subscribe(packet, 1, {}, std::span(&request, 1));
  need(pipe_->write(frame_of(text_of(Bytes(packet).first(size)), kMaskKey)), "the floor could not write");
  // SUBACK; what has come right behind it is kept.
  size_ = pipe_->read(in_.get(), kBytes);
  need(size_ >= 8 && in_[2] == 0x90, "the floor's subscription was refused");
  size_ -= 8;
  std::memmove(in_.get(), in_.get() + 8, size_);
}

void Floor::acknowledge(const std::uint8_t* packet_id) {
  std::uint8_t frame[10] = {0x82, 0x84, kMaskKey[0], kMaskKey[1], kMaskKey[2], kMaskKey[3], 0x40, 0x02, 0, 0};
  frame[8] = packet_id[0];
  frame[9] = packet_id[1];
  for (unsigned at = 0; at < 4; ++at) frame[6 + at] = static_cast<std::uint8_t>(frame[6 + at] ^ kMaskKey[at]);
  out_.append(reinterpret_cast<const char*>(frame), sizeof frame);
}

std::uint64_t Floor::read_packets() {
  if (epoll_ >= 0 && !pipe_->pending()) {
    epoll_event event = {};
    static_cast<void>(::epoll_wait(epoll_, &event, 1, -1));
  }
  const std::size_t got = pipe_->read(in_.get() + size_, kBytes - size_);
  need(got != 0, "the sender ended the floor's stream");
  size_ += got;
  std::uint64_t found = 0;
  std::size_t at = 0;
  while (size_ - at >= 4) {
    const std::uint8_t* const frame = in_.get() + at;
    std::size_t payload = frame[1];
    std::size_t header = 2;
    if (payload == 126) {
      payload = load_be16(frame + 2);
      header = 4;
    }
    if (size_ - at < header + payload) break;
    for (std::size_t packet = header; packet < header + payload;) {
      const std::uint8_t* const start = frame + packet;
      std::size_t rest = 0;
      const std::size_t length = remaining_length(start, 5, rest);
      if (start[0] >> 4U == 3) {
        const std::size_t topic = load_be16(start + 1 + length);
        const bool acknowledged = (start[0] & 6U) != 0;
        const std::size_t body = 1 + length + 2 + topic + (acknowledged ? 2 : 0) + 1;
        if (acknowledged) acknowledge(start + 1 + length + 2 + topic);
        bytes_ += 1 + length + rest - body;
        keep(start + body);
      }
      ++found;
      packet += 1 + length + rest;
    }
    at += header + payload;
  }
  size_ -= at;
  std::memmove(in_.get(), in_.get() + at, size_);
  return found;
}

// The measurement begins behind the warm-up and ends with the last message.
void Floor::note(std::uint64_t done) {
  if (before_.wall_ns == 0 && done >= work_.warm) before_ = Usage::now();
  if (after_.wall_ns == 0 && done >= work_.warm + work_.count) after_ = Usage::now();
}

void Floor::receive() {
  std::uint64_t done = 0;
  while (done < work_.warm + work_.count) {
    done += read_packets();
    if (!out_.empty() && !pipe_->pending()) {
      need(pipe_->write(out_), "the floor could not write");
      out_.clear();
    }
    note(done);
  }
  if (!out_.empty()) need(pipe_->write(out_), "the floor could not write");
}

void Floor::publish_qos0() {
  std::vector<std::string> frames;
  for (std::uint64_t row = 0; row < kInputCount; ++row) frames.push_back(frame_of(event_packet(row, 0), kMaskKey));
  std::uint64_t done = 0;
  note(0);
  while (done < work_.warm + work_.count) {
    out_ += frames[done % kInputCount];
    ++done;
    if (out_.size() + frames[0].size() > kRecordBytes) {
      need(pipe_->write(out_), "the floor could not write");
      out_.clear();
    }
    note(done);
  }
  need(pipe_->write(out_), "the floor could not write");
}

void Floor::publish_qos1() {
  std::vector<std::string> frames;
  for (std::uint64_t row = 0; row < kInputCount; ++row) frames.push_back(frame_of(event_packet(row, 1), kMaskKey));
  std::uint64_t sent = 0;
  std::uint64_t done = 0;
  note(0);
  while (done < work_.warm + work_.count) {
    while (sent < work_.warm + work_.count && sent - done < kWindow) out_ += frames[sent++ % kInputCount];
    if (!out_.empty()) need(pipe_->write(out_), "the floor could not write");
    out_.clear();
    done += read_packets();
    note(done);
  }
}

void Floor::echo() {
  const std::string frame = frame_of(event_packet(0, 0), kMaskKey);
  samples_.reserve(work_.count);
  for (std::uint64_t done = 0; done < work_.warm + work_.count;) {
    note(done);
    const std::uint64_t start = monotonic_ns();
    need(pipe_->write(frame), "the floor could not write");
    while (read_packets() == 0) {
    }
    if (done++ >= work_.warm) samples_.push_back(monotonic_ns() - start);
  }
  note(work_.warm + work_.count);
  std::sort(samples_.begin(), samples_.end());
}

Measured Floor::run() {
  if (work_.traffic == Traffic::in) receive();
  if (work_.traffic == Traffic::out) (work_.qos == 0 ? publish_qos0() : publish_qos1());
  if (work_.traffic == Traffic::echo) echo();
  keep(bytes_);
  Measured measured = per_message(before_, after_, work_.count);
  measured.samples = std::move(samples_);
  return measured;
}

}  // namespace

Measured run_floor(const Work& work, const Target& target, Waits waits) { return Floor(work, target, waits).run(); }

}  // namespace axonpush::bench
