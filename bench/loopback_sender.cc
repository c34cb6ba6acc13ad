// The sender: what a contestant talks to. It does its own work (encoding, encryption) before it lets go of a burst, so
// that a client always finds as much as the kernel can hold and never measures how fast the sender is.
#include <axonpush/ws/handshake.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "loopback_events.h"
#include "loopback_wire.h"
#include "testing/tls_server.h"

namespace axonpush::bench {

namespace {

// Encrypted before it goes: some hundred times what a client reads at once.
constexpr std::size_t kBurstBytes = 8 * 1024 * 1024;

// TLS 1.3 puts a header, the inner type and a tag around each record.
constexpr std::size_t kRecordOverhead = 5 + 1 + 16;

class SenderConnection {
 public:
  SenderConnection(int descriptor, SSL* ssl) : pipe_(descriptor, ssl), reader_(pipe_) {}
  void serve();

 private:
  [[nodiscard]] bool start();
  [[nodiscard]] bool upgrade(std::string& head);
  [[nodiscard]] bool answer(std::string_view packet);
  void serve_in();
  void serve_in_window();
  void serve_out();
  void swallow();
  [[nodiscard]] bool answer_publish(std::string_view packet, std::string& out) const;
  void rest();

  [[nodiscard]] std::string framed(std::string_view packet) const {
    return ws_ ? frame_of(packet) : std::string(packet);
  }
  // Frames of work_.packets events each, 64 events in all, one after the other.
  [[nodiscard]] std::string events() const;
  // Encrypts into memory; let_go() puts it on the wire.
  void hold(std::string_view bytes);
  bool let_go(std::size_t slice);

  TlsPipe pipe_;
  PacketReader reader_;
  BIO* held_ = nullptr;  // the SSL's
  Work work_;
  bool ws_ = true;
};

bool send_all(int descriptor, const char* bytes, std::size_t size) {
  while (size != 0) {
    const ssize_t put = ::send(descriptor, bytes, size, MSG_NOSIGNAL);
    if (put <= 0) return false;
    bytes += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

void SenderConnection::hold(std::string_view bytes) {
  if (!pipe_.write(bytes)) die("the sender could not encrypt");
}

bool SenderConnection::let_go(std::size_t slice) {
  char* bytes = nullptr;
  const long held = BIO_get_mem_data(held_, &bytes);
  bool sent = true;
  for (std::size_t left = static_cast<std::size_t>(held); left != 0 && sent;) {
    const std::size_t size = left < slice ? left : slice;
    sent = send_all(pipe_.descriptor(), bytes, size);
    bytes += size;
    left -= size;
  }
  static_cast<void>(BIO_reset(held_));
  return sent;
}

// RFC 6455 4.2.2, for clients that are known to be well behaved.
bool SenderConnection::upgrade(std::string& head) {
  std::size_t end = 0;
  while ((end = head.find("\r\n\r\n")) == std::string::npos) {
    char more[4096];
    const std::size_t got = pipe_.read(more, sizeof more);
    if (got == 0 || head.size() > 64 * 1024) return false;
    head.append(more, got);
  }
  std::string lower = head.substr(0, end);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const std::size_t at = lower.find("sec-websocket-key:");
  if (at == std::string::npos) return false;
  std::size_t from = at + 18;
  while (head[from] == ' ') ++from;
  const ws::Accept accept = ws::accept_of(std::string_view(head).substr(from, 24));
  std::string response =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: ";
  response.append(accept.view());
  response += "\r\n\r\n";
  head.erase(0, end + 4);
  return pipe_.write(response);
}

bool SenderConnection::start() {
  if (SSL_accept(pipe_.ssl()) != 1) return false;
  char first[4096];
  const std::size_t got = pipe_.read(first, sizeof first);
  if (got == 0) return false;
  std::string head(first, got);
  ws_ = head.starts_with("GET ");
  if (ws_ && !upgrade(head)) return false;
  reader_.start(ws_, head);
  held_ = BIO_new(BIO_s_mem());
  if (held_ == nullptr) return false;
  SSL_set0_wbio(pipe_.ssl(), held_);
  std::string_view packet;
  if (!reader_.wait(packet)) return false;
  mqtt::Packet connect;
  const mqtt::Decoded decoded = mqtt::decode(bytes_of(packet), {.sender = mqtt::Sender::client}, connect);
  if (decoded.progress != Progress::done || connect.type != mqtt::PacketType::connect) return false;
  if (!parse_client_id(connect.connect.client_id, work_)) die("unknown work", connect.connect.client_id);
  hold(framed(std::string_view("\x20\x03\x00\x00\x00", 5)));
  return let_go(SIZE_MAX);
}

// SUBSCRIBE, PINGREQ. False for the end.
bool SenderConnection::answer(std::string_view packet) {
  const unsigned type = static_cast<std::uint8_t>(packet[0]) >> 4U;
  if (type == 12) hold(framed(std::string_view("\xD0\x00", 2)));
  if (type == 8) {
    mqtt::Packet subscribe;
    const mqtt::Decoded decoded = mqtt::decode(bytes_of(packet), {.sender = mqtt::Sender::client}, subscribe);
    need(decoded.progress == Progress::done, "a SUBSCRIBE could not be read");
    const std::uint8_t id_high = static_cast<std::uint8_t>(subscribe.filters.packet_id >> 8U);
    const std::uint8_t id_low = static_cast<std::uint8_t>(subscribe.filters.packet_id & 0xFFU);
    std::string suback{'\x90', static_cast<char>(3 + subscribe.filters.count), static_cast<char>(id_high),
                       static_cast<char>(id_low), '\0'};
    suback.append(subscribe.filters.count, static_cast<char>(work_.qos));
    hold(framed(suback));
  }
  return type != 14;
}

std::string SenderConnection::events() const {
  std::string all;
  for (std::uint64_t row = 0; row < kInputCount; row += work_.packets) {
    std::string payload;
    for (unsigned at = 0; at < work_.packets; ++at) payload += event_packet(row + at, work_.qos);
    all += framed(payload);
  }
  return all;
}

void SenderConnection::serve_in() {
  const std::string block = events();
  const std::size_t frames = kInputCount / work_.packets;
  const std::size_t frame_size = block.size() / frames;
  std::uint64_t left = (work_.count + work_.packets - 1) / work_.packets;
  std::size_t row = 0;
  std::string stream;
  while (left != 0) {
    std::size_t burst = 0;
    stream.clear();
    while (left != 0 && burst + stream.size() < kBurstBytes) {
      const std::string_view frame = std::string_view(block).substr(row * frame_size, frame_size);
      row = (row + 1) % frames;
      --left;
      if (work_.record_each) {
        hold(frame);
        burst += frame.size();
        continue;
      }
      stream += frame;
      if (stream.size() < kRecordBytes) continue;
      hold(std::string_view(stream).substr(0, kRecordBytes));
      stream.erase(0, kRecordBytes);
      burst += kRecordBytes;
    }
    if (!stream.empty()) hold(stream);
    // One write a record, as brokers do.
    if (!let_go(work_.record_each ? frame_size + kRecordOverhead : SIZE_MAX)) return;
  }
}

// QoS 1: never more than kReceiveMaximum without PUBACK, and as many as that allows at a time.
void SenderConnection::serve_in_window() {
  const std::string block = events();
  const std::size_t frames = kInputCount / work_.packets;
  const std::size_t frame_size = block.size() / frames;
  std::uint64_t sent = 0;
  std::uint64_t acknowledged = 0;
  while (acknowledged < work_.count) {
    std::string batch;
    while (sent < work_.count && sent - acknowledged + work_.packets <= kReceiveMaximum) {
      const std::string_view frame =
          std::string_view(block).substr(sent / work_.packets % frames * frame_size, frame_size);
      if (work_.record_each) hold(frame);
      if (!work_.record_each) batch += frame;
      sent += work_.packets;
    }
    if (!batch.empty()) hold(batch);
    if (!let_go(work_.record_each ? frame_size + kRecordOverhead : SIZE_MAX)) return;
    std::string_view packet;
    if (!reader_.wait(packet)) return;
    do {
      if (static_cast<std::uint8_t>(packet[0]) >> 4U == 4) ++acknowledged;
    } while (reader_.next(packet));
  }
}

// What a PUBLISH of the client is answered with: PUBACK, or itself.
bool SenderConnection::answer_publish(std::string_view packet, std::string& out) const {
  std::size_t rest = 0;
  const std::size_t bytes = remaining_length(reinterpret_cast<const std::uint8_t*>(packet.data()), packet.size(), rest);
  const std::size_t topic = static_cast<std::size_t>(static_cast<std::uint8_t>(packet[1 + bytes]) << 8U |
                                                     static_cast<std::uint8_t>(packet[2 + bytes]));
  if (work_.traffic == Traffic::echo) {
    out += framed(packet);
    return true;
  }
  if (work_.qos == 0) return true;
  const std::string_view id = packet.substr(1 + bytes + 2 + topic, 2);
  std::string puback("\x40\x02", 2);
  puback += id;
  out += framed(puback);
  return true;
}

void SenderConnection::serve_out() {
  std::string out;
  for (;;) {
    std::string_view packet;
    if (!reader_.wait(packet)) return;
    out.clear();
    do {
      if (static_cast<std::uint8_t>(packet[0]) >> 4U == 3) {
        static_cast<void>(answer_publish(packet, out));
      } else if (!answer(packet)) {
        return;
      }
    } while (reader_.next(packet));
    if (!out.empty()) hold(out);
    if (!let_go(SIZE_MAX)) return;
  }
}

// Nobody waits for an answer: read as fast as the kernel gives, and not even decrypted, so that no publisher ever waits
// for the sender.
void SenderConnection::swallow() {
  std::string room(256 * 1024, '\0');
  while (::recv(pipe_.descriptor(), room.data(), room.size(), 0) > 0) {
  }
}

// Nothing more to send: until the client goes.
void SenderConnection::rest() {
  std::string_view packet;
  while (reader_.wait(packet) && answer(packet) && let_go(SIZE_MAX)) {
  }
}

void SenderConnection::serve() {
  if (!start()) return;
  if (work_.traffic == Traffic::out && work_.qos == 0) return swallow();
  if (work_.traffic != Traffic::in) return serve_out();
  std::string_view packet;
  do {
    if (!reader_.wait(packet) || !answer(packet) || !let_go(SIZE_MAX)) return;
  } while (static_cast<std::uint8_t>(packet[0]) >> 4U != 8);
  if (work_.qos == 0) {
    serve_in();
  } else {
    serve_in_window();
  }
  rest();
}

int listen_on_loopback(std::uint16_t& port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener < 0 || ::bind(listener, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 16) != 0 || ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    die("the sender could not listen on 127.0.0.1");
  }
  port = ntohs(address.sin_port);
  return listener;
}

}  // namespace

int run_sender(const std::string& ca_file) {
  static testing::TlsServer tls;
  need(tls.start().ok(), "the sender could not make its certificate");
  std::FILE* file = std::fopen(ca_file.c_str(), "w");
  need(file != nullptr && std::fwrite(tls.ca_pem().data(), 1, tls.ca_pem().size(), file) == tls.ca_pem().size() &&
           std::fclose(file) == 0,
       "the sender's certificate could not be written");
  std::uint16_t port = 0;
  const int listener = listen_on_loopback(port);
  std::printf("%u\n", static_cast<unsigned>(port));
  std::fflush(stdout);
  // Whoever started it holds the other end of its standard input.
  std::thread([] {
    char ignored = 0;
    while (::read(STDIN_FILENO, &ignored, 1) > 0) {
    }
    std::_Exit(0);
  }).detach();
  for (;;) {
    const int descriptor = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) continue;
    const int on = 1;
    static_cast<void>(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    SSL* ssl = tls.open(descriptor);
    need(ssl != nullptr, "no memory for a connection");
    std::thread([descriptor, ssl] { SenderConnection(descriptor, ssl).serve(); }).detach();
  }
}

}  // namespace axonpush::bench
