// tls_probe HOST PORT CAFILE [ADDRESS]: one TLS connection by the library's own code, and one `GET /`.
//
// Trusts CAFILE and nothing else. Dials ADDRESS (an IP literal) when given, but sends and verifies HOST. Exits 0
// exactly when the handshake was accepted and an HTTP answer came, 1 when not (the reason goes to stderr), 2 when
// misused.
#include <axonpush/http/http1.h>
#include <axonpush/net/reactor.h>
#include <axonpush/net/resolver.h>
#include <axonpush/net/tls.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "net/connection.h"
#include "net/reactor_host.h"
#include "net/tls_context.h"
#include "support/key_log.h"

namespace {

using namespace axonpush;

constexpr ConnectionId kOnly{1};
constexpr Duration kPatience = seconds(30);  // for everything together

class Probe final : public ConnectionSink, private net::Timer {
 public:
  Probe(net::Reactor& reactor, Host& host) : reactor_(reactor), host_(host) {
    reactor_.arm(*this, net::Reactor::clock() + kPatience);
  }
  ~Probe() { reactor_.disarm(*this); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  void start(const Endpoint& endpoint, const std::string& authority) {
    http::RequestWriter writer(request_);
    writer.start("GET", "/");
    writer.header("Host", authority);
    writer.header("Connection", "close");
    writer.finish();
    if (!writer.ok()) return fail(writer.error());
    unsent_ = writer.written();
    const Status opened = host_.connector().open(endpoint, kOnly, *this);
    if (!opened.ok()) fail(opened.error());
  }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] bool answered() const { return answered_; }

 private:
  void on_open(ConnectionId, Transport& transport, TlsVerified) noexcept override {
    transport_ = &transport;
    std::printf("handshake accepted\n");
    proceed();
  }
  void on_open_failed(ConnectionId, const Error& error) noexcept override { fail(error); }
  void on_ready(ConnectionId, Interest) noexcept override { proceed(); }
  void on_timer(Instant) noexcept override { fail(Error(Errc::http_timeout, "there was no answer in time")); }

  void proceed() noexcept {
    if (done_) return;
    while (!unsent_.empty()) {
      const IoResult sent = transport_->send(unsent_);
      if (sent.outcome == IoOutcome::would_block) break;
      if (sent.outcome != IoOutcome::ok) return fail(transport_->error());
      unsent_ = unsent_.subspan(sent.size);
    }
    transport_->interest({.read = true, .write = !unsent_.empty()});
    while (!done_) {
      const IoResult got = transport_->recv(MutableBytes(input_).subspan(size_));
      if (got.outcome == IoOutcome::would_block) return;
      if (got.outcome == IoOutcome::error) return fail(transport_->error());
      if (got.outcome == IoOutcome::eof) {
        return fail(Error(Errc::http_truncated, "the server ended the connection without an answer"));
      }
      size_ += got.size;
      judge();
    }
  }
  void judge() noexcept {
    const http::Step step = decoder_.next(Bytes(input_).first(size_));
    if (step.kind == http::StepKind::error) return fail(decoder_.error());
    if (step.kind == http::StepKind::need_more) {
      std::memmove(input_, input_ + step.consumed, size_ - step.consumed);
      size_ -= step.consumed;
      if (size_ == sizeof input_) fail(Error(Errc::http_too_large, "the head of the answer is too large"));
      return;
    }
    std::printf("answer %u\n", static_cast<unsigned>(decoder_.head().status));
    answered_ = done_ = true;
  }
  void fail(const Error& error) noexcept {
    char text[512];
    const std::size_t size = error.format(text);
    std::fprintf(stderr, "tls_probe: %.*s\n", static_cast<int>(size), text);
    done_ = true;
  }

  net::Reactor& reactor_;
  Host& host_;
  Transport* transport_ = nullptr;
  http::ResponseDecoder decoder_;
  std::uint8_t request_[1024] = {};
  std::uint8_t input_[64 * 1024] = {};
  std::size_t size_ = 0;
  Bytes unsent_;
  bool done_ = false;
  bool answered_ = false;
};

// 1 to 65535, digits only; 0 for anything else.
std::uint16_t port_of(std::string_view text) {
  unsigned port = 0;
  if (text.empty() || text.size() > 5) return 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return 0;
    port = port * 10 + static_cast<unsigned>(digit - '0');
  }
  return port > 65'535 ? std::uint16_t{0} : static_cast<std::uint16_t>(port);
}

int misused(const char* why) {
  std::fprintf(stderr, "tls_probe: %s\nusage: tls_probe HOST PORT CAFILE [ADDRESS]\n", why);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return misused("three or four arguments are wanted");
  const std::string name = argv[1];
  const std::uint16_t port = port_of(argv[2]);
  const std::string address = argc == 5 ? argv[4] : "";
  if (name.empty()) return misused("HOST is empty");
  if (port == 0) return misused("PORT is no number from 1 to 65535");
  // An empty name would mean the system's store to the library.
  if (argv[3][0] == '\0') return misused("CAFILE is empty");
  net::IpAddress literal;
  if (argc == 5 && !net::IpAddress::parse(address, literal)) return misused("ADDRESS is no IP address");

  net::Reactor reactor;
  net::TlsContext tls({.ca_file = argv[3]});
  for (const Status& status : {reactor.status(), tls.status()}) {
    if (status.ok()) continue;
    const std::string why(status.error().what());
    std::fprintf(stderr, "tls_probe: %s\n", why.c_str());
    return 1;
  }
  static_cast<void>(test::log_keys(tls.impl()->context));
  Host* host = net::make_reactor_host(reactor, tls);
  if (host == nullptr) return 1;
  bool answered = false;
  {
    Probe probe(reactor, *host);
    const bool v6 = net::IpAddress::parse(name, literal) && literal.is_v6();
    std::string authority;
    if (v6) authority += '[';
    authority += name;
    if (v6) authority += ']';
    if (port != 443) authority.append(":").append(std::to_string(port));
    probe.start({.host = name, .port = port, .connect_address = address, .allow_loopback = true}, authority);
    while (!probe.done()) reactor.run_once(Instant::never());
    answered = probe.answered();
    host->connector().close(kOnly);
  }
  net::destroy_reactor_host(host);
  return answered ? 0 : 1;
}
