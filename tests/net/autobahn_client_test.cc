// The program autobahn_client against a scripted server: a second, tiny WebSocket written without the library (its
// SHA-1 and base64 are OpenSSL's), so that a mistake shared by our encoder and decoder would show.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "support/paths.h"

extern char** environ;

namespace {

constexpr int kPatienceMilliseconds = 20'000;

struct Frame {
  bool there = false;  // false: the stream ended
  bool fin = false;
  bool masked = false;
  unsigned opcode = 0;
  std::string mask;
  std::string payload;
};

// One accepted connection, blocking, with a deadline on each wait.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  ~Peer() { ::close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void send(const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t sent = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += static_cast<std::size_t>(sent);
    }
  }
  // Exactly `size` bytes, or fewer when the stream ends.
  std::string receive(std::size_t size) {
    while (buffer_.size() < size && more()) {
    }
    std::string bytes = buffer_.substr(0, size);
    buffer_.erase(0, bytes.size());
    return bytes;
  }
  std::string receive_head() {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos && more()) {
    }
    return end == std::string::npos ? std::string() : receive(end + 4);
  }
  Frame receive_frame() {
    Frame frame;
    const std::string head = receive(2);
    if (head.size() != 2) return frame;
    const auto byte = [](const std::string& text, std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    frame.fin = (byte(head, 0) & 0x80) != 0;
    frame.opcode = byte(head, 0) & 0x7F;  // with the reserved bits, so that one that is set is seen
    frame.masked = (byte(head, 1) & 0x80) != 0;
    std::uint64_t length = byte(head, 1) & 0x7F;
    if (length >= 126) {
      const std::string extended = receive(length == 126 ? 2 : 8);
      length = 0;
      for (std::size_t at = 0; at < extended.size(); ++at) length = length << 8 | byte(extended, at);
    }
    frame.mask = frame.masked ? receive(4) : std::string(4, '\0');
    frame.payload = receive(length);
    frame.there = frame.payload.size() == length && frame.mask.size() == 4;
    for (std::size_t at = 0; frame.there && at < length; ++at) {
      frame.payload[at] = static_cast<char>(frame.payload[at] ^ frame.mask[at % 4]);
    }
    return frame;
  }
  bool at_end() { return buffer_.empty() && !more(); }

 private:
  bool more() {
    pollfd entry{fd_, POLLIN, 0};
    if (::poll(&entry, 1, kPatienceMilliseconds) != 1) return false;
    char block[65'536];
    const ssize_t got = ::recv(fd_, block, sizeof block, 0);
    if (got <= 0) return false;
    buffer_.append(block, static_cast<std::size_t>(got));
    return true;
  }
  int fd_;
  std::string buffer_;
};

std::string frame_of(unsigned first, const std::string& payload) {
  std::string bytes{static_cast<char>(first)};
  const std::size_t size = payload.size();
  if (size < 126) {
    bytes += static_cast<char>(size);
  } else if (size < 65'536) {
    bytes += static_cast<char>(126);
    bytes += static_cast<char>(size >> 8);
    bytes += static_cast<char>(size);
  } else {
    bytes += static_cast<char>(127);
    for (int byte = 7; byte >= 0; --byte) bytes += static_cast<char>(std::uint64_t{size} >> (8 * byte));
  }
  return bytes + payload;
}
std::string close_of(unsigned code) { return frame_of(0x88, {static_cast<char>(code >> 8), static_cast<char>(code)}); }

std::string accept_for(const std::string& key) {
  const std::string joined = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(joined.data()), joined.size(), digest);
  unsigned char text[64];
  const int size = EVP_EncodeBlock(text, digest, sizeof digest);
  return std::string(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
}

class ScriptedServer {
 public:
  ScriptedServer() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 16) != 0 || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::string url() const { return "ws://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::vector<std::string> paths() const {
    const std::lock_guard lock(mutex_);
    return paths_;
  }
  [[nodiscard]] std::vector<std::string> complaints() const {
    const std::lock_guard lock(mutex_);
    return complaints_;
  }

  using Script = void (ScriptedServer::*)(Peer&, const std::string& key);
  static const std::vector<Script>& scripts();

 private:
  void serve() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      Peer peer(fd);
      const std::string head = peer.receive_head();
      const std::size_t end = head.find(" HTTP/1.1\r\n");
      if (!head.starts_with("GET ") || end == std::string::npos) {
        complain("no GET: " + head);
        continue;
      }
      const std::string path = head.substr(4, end - 4);
      const std::string key = field(head, "Sec-WebSocket-Key: ");
      if (field(head, "Host: ") != "127.0.0.1:" + std::to_string(port_)) complain("Host in " + head);
      if (field(head, "Sec-WebSocket-Version: ") != "13" || key.size() != 24) complain("handshake in " + head);
      {
        const std::lock_guard lock(mutex_);
        paths_.push_back(path);
        for (const std::string& earlier : keys_) {
          if (earlier == key) complaints_.push_back("a key was used twice");
        }
        keys_.push_back(key);
      }
      answer(peer, path, key);
    }
  }
  void answer(Peer& peer, const std::string& path, const std::string& key) {
    constexpr std::string_view kRun = "/runCase?case=";
    if (path == "/getCaseCount") {
      upgrade(peer, key, frame_of(0x81, std::to_string(scripts().size())));
      return finish(peer);
    }
    if (path.starts_with("/updateReports?")) {
      upgrade(peer, key, {});
      return finish(peer);
    }
    if (!path.starts_with(kRun)) return complain("path " + path);
    const auto number = static_cast<std::size_t>(std::stoul(path.substr(kRun.size())));
    if (number < 1 || number > scripts().size()) return complain("case " + path);
    (this->*scripts()[number - 1])(peer, key);
  }

  static std::string field(const std::string& head, const std::string& name) {
    const std::size_t at = head.find("\r\n" + name);
    if (at == std::string::npos) return {};
    const std::size_t begin = at + 2 + name.size();
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  void complain(const std::string& what) {
    const std::lock_guard lock(mutex_);
    complaints_.push_back(what);
  }
  // `glued` comes in the same segment as the 101.
  void upgrade(Peer& peer, const std::string& key, const std::string& glued) {
    peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n" +
              ("Sec-WebSocket-Accept: " + accept_for(key)) + "\r\n\r\n" + glued);
  }
  void expect(Peer& peer, const char* where, unsigned opcode, const std::string& payload) {
    const Frame frame = peer.receive_frame();
    if (!frame.there) return complain(std::string(where) + ": the stream ended");
    if (!frame.fin || !frame.masked || frame.opcode != opcode || frame.payload != payload) {
      complain(std::string(where) + ": opcode " + std::to_string(frame.opcode) + ", " +
               std::to_string(frame.payload.size()) + " bytes");
    }
    for (const std::string& earlier : masks_) {
      if (earlier == frame.mask) complain(std::string(where) + ": the mask of the frame before");
    }
    masks_.assign(1, frame.mask);
  }
  void expect_close(Peer& peer, const char* where, unsigned code) {
    expect(peer, where, 8, {static_cast<char>(code >> 8), static_cast<char>(code)});
  }
  // The server closes first, and TCP is the server's to end (RFC 6455 7.1.1).
  void finish(Peer& peer) {
    peer.send(close_of(1000));
    expect_close(peer, "closing", 1000);
  }

  void text_is_echoed(Peer& peer, const std::string& key) {
    upgrade(peer, key, {});
    peer.send(frame_of(0x81, "Hello-\xC2\xB5"));
    expect(peer, "text", 1, "Hello-\xC2\xB5");
    peer.send(frame_of(0x82, std::string("\x00\xFF", 2)));
    expect(peer, "binary", 2, std::string("\x00\xFF", 2));
    finish(peer);
  }
  void frames_glued_to_the_head_are_read(Peer& peer, const std::string& key) {
    upgrade(peer, key, frame_of(0x89, "early") + frame_of(0x01, "frag"));
    expect(peer, "early ping", 10, "early");
    peer.send(frame_of(0x89, "between") + frame_of(0x80, "ment"));
    expect(peer, "ping between fragments", 10, "between");
    expect(peer, "fragmented text", 1, "fragment");
    finish(peer);
  }
  void every_ping_is_answered(Peer& peer, const std::string& key) {
    upgrade(peer, key, {});
    std::string pings;
    for (char at = '0'; at <= '9'; ++at) pings += frame_of(0x89, std::string(125, at));
    peer.send(pings);
    for (char at = '0'; at <= '9'; ++at) expect(peer, "ten pings", 10, std::string(125, at));
    finish(peer);
  }
  void ill_formed_text_fails_within_its_frame(Peer& peer, const std::string& key) {
    upgrade(peer, key, {});
    // 1,000 bytes are announced; the Close comes although only these do.
    peer.send(frame_of(0x81, std::string(1'000, 'a')).substr(0, 50) + "\xED");
    peer.send("\xA0");
    expect_close(peer, "ill-formed text", 1007);
  }
  void reserved_bits_fail(Peer& peer, const std::string& key) {
    upgrade(peer, key, frame_of(0xC1, "compressed?"));
    expect_close(peer, "reserved bits", 1002);
  }
  void an_empty_close_is_answered_with_one(Peer& peer, const std::string& key) {
    upgrade(peer, key, frame_of(0x88, ""));
    expect(peer, "empty close", 8, "");
  }
  void a_bad_close_code_fails(Peer& peer, const std::string& key) {
    upgrade(peer, key, close_of(1005));
    expect_close(peer, "close code 1005", 1002);
  }
  void a_large_message_comes_back_whole(Peer& peer, const std::string& key) {
    upgrade(peer, key, {});
    const std::string part(1'024, '\xFE');
    std::string whole;
    std::string frames;
    for (int at = 0; at < 1'024; ++at) {
      frames += frame_of(at == 0 ? 0x02 : at == 1'023 ? 0x80 : 0x00, part);
      whole += part;
    }
    peer.send(frames);
    expect(peer, "1 MiB in 1,024 fragments", 2, whole);
    finish(peer);
  }
  void a_cut_connection_is_survived(Peer& peer, const std::string& key) {
    upgrade(peer, key, frame_of(0x82, "half").substr(0, 4));
  }
  void a_refused_upgrade_is_survived(Peer& peer, const std::string&) {
    peer.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    if (!peer.at_end()) complain("something was sent behind a refused upgrade");
  }
  void a_wrong_accept_is_not_talked_to(Peer& peer, const std::string&) {
    upgrade(peer, "AAAAAAAAAAAAAAAAAAAAAA==", frame_of(0x89, "x"));
    if (!peer.at_end()) complain("something was sent behind a wrong Sec-WebSocket-Accept");
  }

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::vector<std::string> masks_;
  mutable std::mutex mutex_;
  std::vector<std::string> paths_;
  std::vector<std::string> keys_;
  std::vector<std::string> complaints_;
};

const std::vector<ScriptedServer::Script>& ScriptedServer::scripts() {
  static const std::vector<Script> all = {&ScriptedServer::text_is_echoed,
                                          &ScriptedServer::frames_glued_to_the_head_are_read,
                                          &ScriptedServer::every_ping_is_answered,
                                          &ScriptedServer::ill_formed_text_fails_within_its_frame,
                                          &ScriptedServer::reserved_bits_fail,
                                          &ScriptedServer::an_empty_close_is_answered_with_one,
                                          &ScriptedServer::a_bad_close_code_fails,
                                          &ScriptedServer::a_large_message_comes_back_whole,
                                          &ScriptedServer::a_cut_connection_is_survived,
                                          &ScriptedServer::a_refused_upgrade_is_survived,
                                          &ScriptedServer::a_wrong_accept_is_not_talked_to};
  return all;
}

// Runs the program to its end; its exit code, or -1.
int run_client(const std::string& url, const std::string& agent) {
  const std::string program = axonpush::test::binary_dir() + "/tests/autobahn_client";
  std::vector<std::string> words = {program, url, agent};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ) != 0) return -1;
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

TEST(AutobahnClient, RunsEveryCaseAndAsksForTheReport)  // 1 to 7 of the suite in small; W-16, W-18, W-20 to W-26
{
  ScriptedServer server;
  EXPECT_EQ(run_client(server.url(), "axonpush 0.1"), 0);
  std::vector<std::string> expected = {"/getCaseCount"};
  for (std::size_t number = 1; number <= ScriptedServer::scripts().size(); ++number) {
    expected.push_back("/runCase?case=" + std::to_string(number) + "&agent=axonpush%200.1");
  }
  expected.push_back("/updateReports?agent=axonpush%200.1");
  EXPECT_EQ(server.paths(), expected);
  for (const std::string& complaint : server.complaints()) ADD_FAILURE() << complaint;
}

TEST(AutobahnClient, SaysWhenItIsMisused) {
  EXPECT_EQ(run_client("wss://127.0.0.1:1", "agent"), 2);
  EXPECT_EQ(run_client("nonsense", "agent"), 2);
}

TEST(AutobahnClient, SaysWhenNobodyAnswers) {
  // A port that was free a moment ago and that nobody listens on.
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  EXPECT_EQ(run_client("ws://127.0.0.1:" + std::to_string(ntohs(address.sin_port)), "agent"), 1);
  ::close(fd);
}

}  // namespace
