// One connection of a ReactorHost from its name to its end: look-up, dialling, TLS, and then the Transport.
//
// States: created -> resolving -> connecting -> handshaking -> established; from any of them -> ended. `refused` is an
// attempt that failed inside open(): it tells in the next turn.
#pragma once

#include <axonpush/net/socket.h>

#include "net/peer_name.h"
#include "net/tls_stream.h"

namespace axonpush::inline v0::net {

class ReactorHost;

class Connection final : public Transport, private Watcher, private Timer, private ResolveSink, private DialSink {
 public:
  Connection(ReactorHost& host, ConnectionId id, ConnectionSink& sink) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  [[nodiscard]] Status open(const Endpoint& endpoint) noexcept;
  // Everything is closed and nothing is called any more; only the memory is left.
  void end() noexcept;
  void again() noexcept;
  [[nodiscard]] ConnectionId id() const noexcept { return id_; }
  [[nodiscard]] bool resumed() const noexcept { return stream_.resumed(); }

  IoResult recv(MutableBytes into) noexcept override;
  IoResult send(Bytes from) noexcept override;
  void interest(Interest wanted) noexcept override;
  IoOutcome shutdown() noexcept override;
  const Error& error() const noexcept override { return error_; }

  Connection* next = nullptr;  // the host's list
  Connection* previous = nullptr;

 private:
  enum class State : std::uint8_t {
    created,
    refused,
    resolving,
    connecting,
    handshaking,
    established,
    ended
  };

  void on_ready(Interest ready) noexcept override;
  void on_timer(Instant now) noexcept override;
  void on_resolved(const IpAddresses& addresses) noexcept override;
  void on_resolve_failed(const Error& error) noexcept override;
  void on_dialed(Socket socket) noexcept override;
  void on_dial_failed(const Error& error) noexcept override;

  [[nodiscard]] Status dial_literal(const Endpoint& endpoint) noexcept;
  void dial(const IpAddresses& addresses) noexcept;
  void fail_later(const Error& error) noexcept;
  void fail(const Error& error) noexcept;
  void step_handshake() noexcept;
  void established(TlsVerified proof) noexcept;
  [[nodiscard]] IoResult judge_cleartext(IoResult result) noexcept;
  void after_io(bool starved) noexcept;
  void apply_interest() noexcept;
  [[nodiscard]] Interest kernel_interest() const noexcept;

  ReactorHost& host_;
  ConnectionSink& sink_;
  ConnectionId id_;
  State state_ = State::created;
  Security security_ = Security::tls;
  bool allow_loopback_ = false;
  bool starved_ = false;  // the kernel had no memory: nobody is watched until the timer says so
  bool watched_ = false;
  bool shut_down_ = false;
  bool explicit_address_ = false;
  std::uint16_t port_ = 0;
  Interest wanted_;
  Interest watched_for_;
  Duration connect_timeout_;
  Duration handshake_timeout_;
  Instant handshake_deadline_;
  Resolver::Query* query_ = nullptr;
  Dialer* dialer_ = nullptr;
  Socket socket_;
  TlsStream stream_;
  PeerName name_;
  Error error_;
};

}  // namespace axonpush::inline v0::net
