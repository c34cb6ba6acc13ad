// TCP sockets and the dialling of several addresses at once (happy eyeballs, RFC 8305).
//
// Thread rule: the loop's thread. Lifetime: a Dialer is cancelled, or has answered, before its Reactor dies.
#pragma once

#include <axonpush/base/transport.h>
#include <axonpush/limits.h>
#include <axonpush/net/reactor.h>
#include <axonpush/net/resolver.h>

namespace axonpush::inline v0::net {

// An owned, non-blocking, close-on-exec TCP socket with TCP_NODELAY and keep-alive. Writing never raises SIGPIPE.
class Socket {
 public:
  Socket() noexcept = default;
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(); }

  // Starts to connect. connect_failed with the errno when it is refused at once, no_fds, no_memory.
  [[nodiscard]] static Result<Socket> connect(const IpAddress& address, std::uint16_t port) noexcept;
  // Once the socket is writable: whether the connection stands.
  [[nodiscard]] Status connected() const noexcept;

  [[nodiscard]] explicit operator bool() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  // Interrupted calls are repeated. `eof` is the peer's FIN.
  [[nodiscard]] IoResult recv(MutableBytes into) noexcept;
  [[nodiscard]] IoResult send(Bytes from) noexcept;
  // The errno of the last recv or send that answered `error`.
  [[nodiscard]] int error_number() const noexcept { return error_number_; }
  void shutdown_output() noexcept;
  void close() noexcept;

 private:
  explicit Socket(int descriptor) noexcept : descriptor_(descriptor) {}
  IoResult failed(int number) noexcept;
  int descriptor_ = -1;
  int error_number_ = 0;
};

// Told the end of a dial, once, never from inside Dialer::start().
class DialSink {
 public:
  virtual void on_dialed(Socket socket) noexcept = 0;
  virtual void on_dial_failed(const Error& error) noexcept = 0;

 protected:
  ~DialSink() = default;
};

// RFC 8305: one attempt after the other, kStagger apart or as soon as one fails; all of them stay open until the first
// that stands wins.
class Dialer final : private Timer {
 public:
  static constexpr Duration kStagger = milliseconds(250);  // RFC 8305 5: Connection Attempt Delay
  static constexpr Duration kTotalMax = limits::kConnectTimeoutMax;

  Dialer(Reactor& reactor, DialSink& sink) noexcept : reactor_(reactor), sink_(sink) {}
  ~Dialer() { cancel(); }
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  void start(const IpAddresses& addresses, std::uint16_t port, Duration timeout) noexcept;
  // Closes every attempt; no call follows.
  void cancel() noexcept;

 private:
  struct Attempt final : Watcher {
    void on_ready(Interest ready) noexcept override;
    Dialer* dialer = nullptr;
    Socket socket;
  };

  void on_timer(Instant now) noexcept override;
  void begin_next() noexcept;
  void schedule() noexcept;
  void remember(const Error& error) noexcept;
  void finished(Attempt& attempt) noexcept;
  [[nodiscard]] bool waiting() const noexcept;
  void fail(const Error& error) noexcept;

  Reactor& reactor_;
  DialSink& sink_;
  IpAddresses addresses_;
  std::uint16_t port_ = 0;
  std::size_t next_ = 0;
  Instant next_at_;
  Instant deadline_;
  Error first_error_;
  Attempt attempts_[limits::kDnsAddresses];
};

}  // namespace axonpush::inline v0::net
