// autobahn_client URL AGENT: the client that the Autobahn suite's fuzzing server tests.
//
// Asks /getCaseCount, runs every /runCase?case=N&agent=AGENT, sending each message back with its type until the
// connection ends however it ends, then asks for /updateReports?agent=AGENT. Exit code 0 when all of that could be
// asked. Plain ws:// only, meant for loopback. The codecs are the library's; the socket is this program's own.
#include <axonpush/http/http1.h>
#include <axonpush/http/url.h>
#include <axonpush/ws/handshake.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <string>
#include <vector>

#include "net/entropy.h"
#include "support/ws_echo.h"

namespace {

using namespace axonpush;

// How long a silent server is waited for; its own cases wait for a second or two.
constexpr int kIdleMilliseconds = 60'000;
// RFC 6455 7.1.1: it is the server that closes TCP; this long it may take.
constexpr int kCloseMilliseconds = 2'000;
// Past this much unsent output nothing more is read.
constexpr std::size_t kOutboxBytes = 64 * 1024 * 1024;

struct Target {
  std::string host;
  std::string port;
  std::string authority;  // what goes into Host
  std::string base;       // the path in front of /getCaseCount
};

class Socket {
 public:
  Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool connect(const Target& target) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found) != 0) return false;
    for (const addrinfo* at = found; at != nullptr && fd_ < 0; at = at->ai_next) {
      fd_ = ::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
      if (fd_ >= 0 && ::connect(fd_, at->ai_addr, at->ai_addrlen) != 0) {
        ::close(fd_);
        fd_ = -1;
      }
    }
    ::freeaddrinfo(found);
    if (fd_ < 0) return false;
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK) == 0;
  }

  // Sends what it can of `outbox` and reads what is there into `input`. False when the stream has ended or stays
  // silent.
  bool turn(std::string& outbox, std::string& input, int milliseconds) {
    input.clear();
    pollfd entry{fd_, 0, 0};
    if (!outbox.empty()) entry.events |= POLLOUT;
    if (outbox.size() < kOutboxBytes) entry.events |= POLLIN;
    int ready = 0;
    do {
      ready = ::poll(&entry, 1, milliseconds);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) return false;
    if ((entry.revents & POLLOUT) != 0) {
      const ssize_t sent = ::send(fd_, outbox.data(), outbox.size(), MSG_NOSIGNAL);
      if (sent > 0) outbox.erase(0, static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    }
    if ((entry.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      char block[64 * 1024];
      const ssize_t got = ::recv(fd_, block, sizeof block, 0);
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
      if (got > 0) input.assign(block, static_cast<std::size_t>(got));
    }
    return true;
  }

 private:
  int fd_ = -1;
};

bool write_upgrade(const Target& target, const std::string& path_query, const ws::Key& key, std::string& outbox) {
  std::vector<std::uint8_t> room(limits::kHttpRequestHeadBytes);
  http::RequestWriter writer(room);
  writer.start("GET", path_query);
  writer.header("Host", target.authority);
  writer.header("Upgrade", "websocket");
  writer.header("Connection", "Upgrade");
  writer.header("Sec-WebSocket-Key", key.view());
  writer.header("Sec-WebSocket-Version", "13");
  writer.finish();
  outbox.append(text_of(writer.written()));
  return writer.ok();
}

// The opening handshake. `rest` is what has come of the frames already.
bool upgrade(Socket& socket, const Target& target, const std::string& path_query, Entropy& entropy, std::string& rest) {
  ws::Key key;
  std::string outbox;
  if (!ws::make_key(entropy, key) || !write_upgrade(target, path_query, key, outbox)) return false;
  http::ResponseContext context;
  context.upgrade_requested = true;
  http::ResponseDecoder decoder(context);
  std::string received;
  std::string input;
  for (;;) {
    if (!socket.turn(outbox, input, kIdleMilliseconds)) return false;
    received += input;
    for (;;) {
      const http::Step step = decoder.next(bytes_of(received));
      if (step.kind == http::StepKind::need_more) {
        received.erase(0, step.consumed);
        break;
      }
      if (step.kind != http::StepKind::head) return false;
      std::vector<ws::HeaderView> headers;
      for (const http::Header& header : decoder.head().headers) headers.push_back({header.name, header.value});
      const Error error =
          ws::check_response({decoder.head().status, decoder.head().version_minor, headers}, key.view(), {});
      if (error) {
        std::fprintf(stderr, "autobahn_client: %s: %.*s\n", path_query.c_str(), static_cast<int>(error.what().size()),
                     error.what().data());
        return false;
      }
      rest = received.substr(step.consumed);
      return true;
    }
  }
}

// Talks to the end. What the server says is sent back, or gathered when `heard` is given. False when there was no
// WebSocket connection at all.
bool converse(const Target& target, const std::string& path_query, Entropy& entropy, std::string* heard) {
  Socket socket;
  if (!socket.connect(target)) {
    std::fprintf(stderr, "autobahn_client: cannot connect to %s\n", target.authority.c_str());
    return false;
  }
  std::string input;
  if (!upgrade(socket, target, path_query, entropy, input)) return false;
  ws::test::EchoPeer peer(entropy, heard);
  do {
    peer.feed(input);
  } while (
      socket.turn(peer.output, input, peer.done() && peer.output.empty() ? kCloseMilliseconds : kIdleMilliseconds));
  return true;
}

// For a query: everything but RFC 3986's unreserved characters becomes %XX.
std::string percent_encoded(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[static_cast<std::uint8_t>(c) >> 4];
      out += kDigits[static_cast<std::uint8_t>(c) & 15];
    }
  }
  return out;
}

bool read_target(const char* text, Target& target) {
  const Result<http::Url> url = http::parse_url(text);
  if (!url.ok() || url->scheme != http::Scheme::ws || !url->query.empty()) return false;
  target.host = url->host;
  target.port = std::to_string(url->port);
  target.authority = url->host_kind == http::HostKind::ipv6 ? "[" + target.host + "]" : target.host;
  if (!url->default_port()) target.authority += ":" + target.port;
  target.base = url->path;
  while (target.base.ends_with('/')) target.base.pop_back();
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Target target;
  if (argc != 3 || !read_target(argv[1], target)) {
    std::fprintf(stderr, "usage: autobahn_client ws://HOST:PORT AGENT\n");
    return 2;
  }
  const std::string agent = "agent=" + percent_encoded(argv[2]);
  net::SystemEntropy entropy;
  std::string heard;
  if (!converse(target, target.base + "/getCaseCount", entropy, &heard)) return 1;
  unsigned count = 0;
  const auto [end, error] = std::from_chars(heard.data(), heard.data() + heard.size(), count);
  if (error != std::errc{} || end != heard.data() + heard.size()) {
    std::fprintf(stderr, "autobahn_client: /getCaseCount did not answer with a number\n");
    return 1;
  }
  for (unsigned number = 1; number <= count; ++number) {
    // However it ends, the next one is run: the server keeps the score.
    static_cast<void>(
        converse(target, target.base + "/runCase?case=" + std::to_string(number) + "&" + agent, entropy, nullptr));
  }
  if (!converse(target, target.base + "/updateReports?" + agent, entropy, nullptr)) return 1;
  std::printf("autobahn_client: %u cases were run\n", count);
  return 0;
}
