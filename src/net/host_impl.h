// The Host and Connector over a reactor. See reactor_host.h for who makes one.
#pragma once

#include "net/connection.h"
#include "net/loop_shared.h"
#include "net/reactor_host.h"
#include "net/tls_sessions.h"

namespace axonpush::inline v0::net {

class ReactorHost final : public Host, private Connector, private Timer, private TurnEnd {
 public:
  // `resolver` is nullptr for getaddrinfo.
  ReactorHost(Reactor& reactor, TlsContext& tls, Resolver* resolver) noexcept;
  ReactorHost(const ReactorHost&) = delete;
  ReactorHost& operator=(const ReactorHost&) = delete;
  ~ReactorHost() override;

  // Stands on the stack of every call that may reach the client. When the last one goes, what was closed meanwhile is
  // freed, the host itself when it was destroyed inside, and the timer follows the client's deadline.
  class Entry {
   public:
    explicit Entry(ReactorHost& host) noexcept : host_(host) { ++host_.depth_; }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() { host_.leave(); }

   private:
    ReactorHost& host_;
  };

  Instant now() const noexcept override;
  Instant fresh_now() const noexcept override { return Reactor::clock(); }
  WallTime wall_now() const noexcept override;
  Entropy& entropy() noexcept override;
  Connector& connector() noexcept override { return *this; }
  BufferPool& buffers() noexcept override;
  bool alive() const noexcept override { return !reactor_.forked(); }
  Workspace* workspace() noexcept override;
  void attach(Driven* driven) noexcept override;
  void request_turn(When when) noexcept override;

  void destroy_soon() noexcept;
  // Takes an ended connection off the list; it is freed when nobody stands in it any more.
  void bury(Connection& connection) noexcept;
  [[nodiscard]] Reactor& reactor() noexcept { return reactor_; }
  [[nodiscard]] TlsContext& tls() noexcept { return tls_; }
  [[nodiscard]] Resolver& resolver() noexcept { return resolver_ != nullptr ? *resolver_ : system_resolver_; }
  [[nodiscard]] TlsSessions& sessions() noexcept { return sessions_; }

 private:
  Status open(const Endpoint& endpoint, ConnectionId id, ConnectionSink& sink) noexcept override;
  void close(ConnectionId id) noexcept override;
  void again(ConnectionId id) noexcept override;
  void on_timer(Instant now) noexcept override;
  void on_turn_end(Instant now) noexcept override;

  void leave() noexcept;
  void run_turn(Instant now) noexcept;
  void follow_deadline() noexcept;
  void close_all() noexcept;
  [[nodiscard]] Connection* find(ConnectionId id) noexcept;

  Reactor& reactor_;
  TlsContext& tls_;
  Resolver* resolver_;
  SystemResolver system_resolver_;
  // For a loop that could not be made: nothing is sent or received there.
  struct NoEntropy final : Entropy {
    bool fill(MutableBytes) noexcept override { return false; }
  } no_entropy_;
  BufferPool no_buffers_;
  TlsSessions sessions_;
  Driven* driven_ = nullptr;
  Connection* connections_ = nullptr;
  Connection* buried_ = nullptr;
  unsigned depth_ = 0;
  bool destroyed_ = false;
  bool turning_ = false;  // inside Driven::turn(), outside a turn of the loop
  bool turn_requested_ = false;
  Instant turn_now_;  // the instant of that turn
  Instant armed_at_ = Instant::never();
};

}  // namespace axonpush::inline v0::net
