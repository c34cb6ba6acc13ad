// The client's end for tests of TLS: a reactor, a context and the host that a Client runs on, turned by hand together
// with the servers of the test. No thread, no wait.
#pragma once

#include <axonpush/net/reactor.h>
#include <axonpush/net/tls.h>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "net/connection.h"
#include "net/host_impl.h"
#include "net/tls_peer.h"

namespace axonpush::net::test {

// One connection as its user sees it. Reads everything it is told of, unless `reads` is off.
class ClientSide final : public ConnectionSink {
 public:
  void on_open(ConnectionId, Transport& opened, TlsVerified) noexcept override {
    transport = &opened;
    resumed = static_cast<Connection&>(opened).resumed();
    opened.interest({.read = reads, .write = false});
    if (on_opened) on_opened();
  }
  void on_open_failed(ConnectionId, const Error& failure) noexcept override {
    error = failure;
    failed = true;
  }
  void on_ready(ConnectionId, Interest ready) noexcept override {
    ++ready_count;
    if (ready.write && !unsent.empty()) flush();
    if (ready.read && reads) read();
  }
  void send(std::string_view bytes) {
    unsent.append(bytes);
    flush();
  }
  void flush() {
    while (!unsent.empty()) {
      const IoResult put = transport->send(Bytes(reinterpret_cast<const std::uint8_t*>(unsent.data()), unsent.size()));
      if (put.outcome == IoOutcome::error) {
        error = transport->error();
        failed = true;
      }
      if (put.outcome != IoOutcome::ok) break;
      // The rest moves in memory: a library that kept a pointer would notice.
      unsent = std::string(unsent.substr(put.size));
    }
    if (!failed) transport->interest({.read = reads, .write = !unsent.empty()});
  }
  void read() {
    std::uint8_t block[4096];
    for (unsigned times = 0; times < reads_per_turn; ++times) {
      const IoResult got = transport->recv(block);
      if (got.outcome == IoOutcome::would_block) return;
      if (got.outcome == IoOutcome::eof) {
        ended = true;
        transport->interest({});
        return;
      }
      if (got.outcome == IoOutcome::error) {
        error = transport->error();
        failed = true;
        transport->interest({});
        return;
      }
      received.append(reinterpret_cast<const char*>(block), got.size);
    }
    if (host != nullptr) host->connector().again(id);
  }
  // Open, or failed for good.
  [[nodiscard]] bool settled() const { return transport != nullptr || failed; }

  Host* host = nullptr;
  ConnectionId id{};
  Transport* transport = nullptr;
  std::function<void()> on_opened;
  std::string received;
  std::string unsent;
  Error error;
  unsigned ready_count = 0;
  unsigned reads_per_turn = 64;
  bool reads = true;
  bool failed = false;
  bool ended = false;
  bool resumed = false;
};

// The client's part of a test: everything that outlives its connections.
class ClientEnd {
 public:
  explicit ClientEnd(const TlsOptions& options) : tls(options), host(make_reactor_host(reactor, tls)) {}
  ClientEnd(const TlsOptions& options, Resolver& resolver)
      : tls(options), host(make_reactor_host(reactor, tls, resolver)) {}
  ~ClientEnd() { destroy_reactor_host(host); }
  ClientEnd(const ClientEnd&) = delete;
  ClientEnd& operator=(const ClientEnd&) = delete;

  Status open(ClientSide& side, std::string_view name, std::uint16_t port, std::string_view address = "127.0.0.1") {
    return open(side, {.host = name, .port = port, .connect_address = address});
  }
  Status open(ClientSide& side, const Endpoint& endpoint) {
    side.host = host;
    side.id = ConnectionId{++last_id_};
    return host->connector().open(endpoint, side.id, side);
  }
  void close(ClientSide& side) {
    host->connector().close(side.id);
    side.transport = nullptr;
  }
  [[nodiscard]] TlsSessions& sessions() { return static_cast<ReactorHost*>(host)->sessions(); }

  Reactor reactor;
  TlsContext tls;
  Host* host;

 private:
  std::uint64_t last_id_ = 0;
};

inline constexpr int kTurnsMax = 200'000;

// Turns both ends until `done`. False when that takes too many turns.
template <class Step>
[[nodiscard]] bool turn_until(Reactor& reactor, Step step, const std::function<bool()>& done) {
  for (int turn = 0; turn < kTurnsMax; ++turn) {
    if (done()) return true;
    reactor.poll();
    step();
  }
  return done();
}

// One authority that both ends know, and one server of it.
class TlsTest : public ::testing::Test {
 protected:
  // A server with this context takes the next connection.
  void serve(const ServerSpec& spec) { context = make_server_context(spec); }
  void serve_good() { serve({.chain = {&leaf}}); }
  void step() {
    const int accepted = listening.accept();
    if (accepted >= 0) {
      peer = std::make_unique<TlsPeer>(accepted, context.get());
      if (on_accept) on_accept();
    }
    if (peer != nullptr) peer->step();
  }
  [[nodiscard]] bool turn(ClientEnd& end, const std::function<bool()>& done) {
    return turn_until(
        end.reactor, [this] { step(); }, done);
  }
  // Connects and answers when that is decided.
  void connect(ClientEnd& end, ClientSide& side, std::string_view name = "localhost") {
    const Status opened = end.open(side, name, listening.port());
    ASSERT_TRUE(opened.ok()) << opened.error().what();
    ASSERT_TRUE(turn(end, [&] { return side.settled(); })) << "neither accepted nor refused";
  }
  // Established on both ends, and the server's tickets are with the client.
  void connect_well(ClientEnd& end, ClientSide& side, std::string_view name = "localhost") {
    connect(end, side, name);
    ASSERT_FALSE(side.failed) << side.error.what();
    side.send("hello");
    ASSERT_TRUE(turn(end, [&] { return peer->received == "hello"; }));
    peer->send("welcome");
    ASSERT_TRUE(turn(end, [&] { return side.received == "welcome"; }));
    peer->received.clear();
    side.received.clear();
  }
  [[nodiscard]] TlsOptions trusting() const {
    TlsOptions options;
    options.ca_pem = root.pem();
    return options;
  }

  Certificate root{{.common_name = "test root", .authority = true}};
  Certificate leaf{{.common_name = "leaf"}, &root};
  Listening listening;
  ContextPtr context;
  std::unique_ptr<TlsPeer> peer;
  std::function<void()> on_accept;
};

}  // namespace axonpush::net::test
