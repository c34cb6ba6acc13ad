// The seams between the client, which is pure, and the world, which is not: bytes, names, time and turns.
//
// `net` implements them over sockets and OpenSSL; the simulator implements them in memory. The client never sees a
// socket, a resolver or TLS. Thread rule: everything here happens on the loop's thread.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/base/entropy.h>
#include <axonpush/base/error.h>
#include <axonpush/base/result.h>
#include <axonpush/base/time.h>
#include <axonpush/limits.h>

namespace axonpush::inline v0 {

class BufferPool;

enum class IoOutcome : std::uint8_t {
  ok,           // `size` bytes went; size >= 1
  would_block,  // nothing now; the host calls ready() when that changes
  eof,          // the peer ended the stream in order (TLS close_notify; FIN on cleartext)
  error,        // the stream is dead; Transport::error() says why
};
struct IoResult {
  IoOutcome outcome = IoOutcome::would_block;
  std::size_t size = 0;
};

// What a transport should be watched for. A transport that nobody watches costs no wake-up.
struct Interest {
  bool read = false;
  bool write = false;
};

// An open byte stream whose peer has been verified. None of its functions blocks.
class Transport {
 public:
  virtual ~Transport() = default;
  [[nodiscard]] virtual IoResult recv(MutableBytes into) noexcept = 0;
  // May take fewer bytes than given. The rest may move in memory before the next call.
  [[nodiscard]] virtual IoResult send(Bytes from) noexcept = 0;
  virtual void interest(Interest wanted) noexcept = 0;
  // Ends our direction in order (TLS close_notify, then FIN). would_block: call again on ready.
  [[nodiscard]] virtual IoOutcome shutdown() noexcept = 0;
  // Why the last call answered `error`.
  [[nodiscard]] virtual const Error& error() const noexcept = 0;

 protected:
  Transport() = default;
  Transport(const Transport&) = default;
  Transport& operator=(const Transport&) = default;
};

// Proof that the peer's name was verified on this very connection (or that it is loopback cleartext the caller
// allowed). Only a Connector can make one, and no writer of secrets can be called without it: a check that cannot be
// forgotten on the second connection.
class TlsVerified {
 public:
  TlsVerified(TlsVerified&& other) noexcept = default;
  TlsVerified& operator=(TlsVerified&& other) noexcept = default;
  TlsVerified(const TlsVerified&) = delete;
  TlsVerified& operator=(const TlsVerified&) = delete;

 private:
  friend class TlsVerifiedIssuer;  // src/base/verified.h: `net` and the simulated world include it, nobody else may
  TlsVerified() = default;
};

enum class ConnectionId : std::uint64_t {
};

enum class Security : std::uint8_t {
  tls,
  cleartext_loopback
};

// Where to connect. The views are copied by Connector::open.
struct Endpoint {
  Security security = Security::tls;
  std::string_view host;             // verified and sent as SNI; an IPv6 literal stands without brackets
  std::uint16_t port = 443;          // 1 to 65535
  std::string_view connect_address;  // an IP literal to dial in place of looking up `host`; empty: look up
  bool allow_loopback = false;       // loopback and link-local answers are acceptable for this name
  Duration resolve_timeout = seconds(5);
  Duration connect_timeout = seconds(5);
  Duration handshake_timeout = seconds(10);
};

// How far an attempt got, for traces and for the words of an error.
enum class DialStep : std::uint8_t {
  resolve,
  connect,
  handshake,
  established
};

// What a Connector tells whoever opened through it.
class ConnectionSink {
 public:
  // The transport is open and verified. It lives until Connector::close(id).
  virtual void on_open(ConnectionId id, Transport& transport, TlsVerified verified) noexcept = 0;
  // The attempt failed; the id is spent.
  virtual void on_open_failed(ConnectionId id, const Error& error) noexcept = 0;
  // recv or send may get on now. Called once a turn for each connection that has something, budgets included.
  virtual void on_ready(ConnectionId id, Interest ready) noexcept = 0;

 protected:
  ~ConnectionSink() = default;
};

class Connector {
 public:
  virtual ~Connector() = default;
  // Starts an attempt; the answer comes later through the sink, never from inside this call.
  [[nodiscard]] virtual Status open(const Endpoint& endpoint, ConnectionId id, ConnectionSink& sink) noexcept = 0;
  // Ends an attempt or a connection in any state, at once and without ceremony. No call for this id follows.
  virtual void close(ConnectionId id) noexcept = 0;
  // The link stopped reading with input left (its budget ran out): on_ready again in the next turn, although the
  // kernel may have nothing to say, because TLS may hold decrypted or buffered records.
  virtual void again(ConnectionId id) noexcept = 0;

 protected:
  Connector() = default;
  Connector(const Connector&) = default;
  Connector& operator=(const Connector&) = default;
};

// What a Host drives: one deadline, one turn.
class Driven {
 public:
  // The next instant at which turn() must be called; Instant::never() for none.
  [[nodiscard]] virtual Instant deadline() const noexcept = 0;
  // Runs what is due at `now` and flushes what was queued. Callbacks run in here.
  virtual void turn(Instant now) noexcept = 0;

 protected:
  ~Driven() = default;
};

// Memory that the clients of one loop share, because each needs it only within a call: made by the first of them, in a
// form only they know, and destroyed by the host.
struct Workspace {
  void* memory = nullptr;
  void (*destroy)(void* memory) noexcept = nullptr;
};

// Everything a client needs from outside.
class Host {
 public:
  virtual ~Host() = default;
  // The loop's instant: the same for the whole of one turn.
  [[nodiscard]] virtual Instant now() const noexcept = 0;
  // The clock itself, for measuring within a turn.
  [[nodiscard]] virtual Instant fresh_now() const noexcept = 0;
  [[nodiscard]] virtual WallTime wall_now() const noexcept = 0;
  [[nodiscard]] virtual Entropy& entropy() noexcept = 0;
  [[nodiscard]] virtual Connector& connector() noexcept = 0;
  [[nodiscard]] virtual BufferPool& buffers() noexcept = 0;
  // False in the child of a fork: there nothing may be used, and only destroying is allowed.
  [[nodiscard]] virtual bool alive() const noexcept { return true; }
  // How many events a swap remembers at most. A host with little memory may say less, at least 1: the oldest is
  // forgotten then, and later copies are marked as possible duplicates.
  [[nodiscard]] virtual std::size_t swap_events_max() const noexcept { return limits::kSwapDedupEntries; }
  // nullptr: each client has its own.
  [[nodiscard]] virtual Workspace* workspace() noexcept { return nullptr; }
  // Registers the one thing to drive; called once, before anything else. nullptr takes it off: no call follows.
  virtual void attach(Driven* driven) noexcept = 0;
  // The deadline may have changed, or there is output to flush. Inside a loop turn: turn() is called before the turn
  // ends. Outside: turn() is called at once by `flush`, in the next loop turn by `later`.
  enum class When : std::uint8_t {
    flush,
    later
  };
  virtual void request_turn(When when) noexcept = 0;

 protected:
  Host() = default;
  Host(const Host&) = default;
  Host& operator=(const Host&) = default;
};

}  // namespace axonpush::inline v0
