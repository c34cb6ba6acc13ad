// One connection, step by step, each step by itself: the name, TCP, TLS, then bytes. For the doctor, which times them
// and says where it ends; the library's own client does the same in one go.
//
// Blocks: every call turns the reactor until it is done or its deadline has passed. Thread rule: main's thread.
#pragma once

#include <axonpush/base/secret.h>
#include <axonpush/net/reactor.h>
#include <axonpush/net/resolver.h>
#include <axonpush/net/socket.h>
#include <axonpush/net/tls.h>

#include <optional>
#include <string>
#include <vector>

#include "net/peer_name.h"
#include "net/tls_sessions.h"
#include "net/tls_stream.h"

namespace axonpush::tool {

class Wire final : private net::ResolveSink, private net::DialSink, private net::Watcher {
 public:
  Wire(net::Reactor& reactor, net::TlsContext& tls) : reactor_(reactor), tls_(tls), resolver_(reactor) {
    input_.reserve(kInputBytes);  // never moved, so that no copy of a secret is left behind
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { close(); }

  // Every call below ends at the last deadline that was set.
  void deadline(Duration from_now) { deadline_ = net::Reactor::clock() + from_now; }

  // `address` is an IP literal to dial in place of the host's name; empty: look up.
  [[nodiscard]] Status resolve(std::string_view host, std::string_view address);
  [[nodiscard]] Status connect(std::uint16_t port);
  [[nodiscard]] Status secure();
  [[nodiscard]] Status send(Bytes bytes);
  // At least one more byte into input(); `server_closed` at the end of the stream.
  [[nodiscard]] Status receive();
  // What was received and not yet taken.
  [[nodiscard]] std::vector<std::uint8_t>& input() { return input_; }
  void close();

  [[nodiscard]] const net::IpAddresses& addresses() const { return addresses_; }
  [[nodiscard]] const net::TlsFacts& facts() const { return facts_; }

 private:
  static constexpr std::size_t kInputBytes = 512 * 1024;

  void on_resolved(const net::IpAddresses& addresses) noexcept override;
  void on_resolve_failed(const Error& error) noexcept override;
  void on_dialed(net::Socket socket) noexcept override;
  void on_dial_failed(const Error& error) noexcept override;
  void on_ready(Interest ready) noexcept override;
  // Until something has happened; false when the deadline came first.
  [[nodiscard]] bool turn_until_told();
  [[nodiscard]] bool wait_for(Interest interest);
  [[nodiscard]] IoResult recv(MutableBytes into);

  net::Reactor& reactor_;
  net::TlsContext& tls_;
  net::SystemResolver resolver_;
  net::TlsSessions sessions_;
  net::IpAddresses addresses_;
  net::PeerName name_;
  net::Socket socket_;
  BufferPool buffers_;
  std::optional<net::TlsStream> stream_;
  net::TlsFacts facts_;
  std::vector<std::uint8_t> input_;
  Instant deadline_ = Instant::never();
  Status told_status_;
  std::uint16_t port_ = 0;
  bool told_ = false;
  bool watched_ = false;
};

// "203.0.113.7" or an IPv6 address.
[[nodiscard]] std::string address_text(const net::IpAddress& address);

}  // namespace axonpush::tool
