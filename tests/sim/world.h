// A world to run the client in: virtual time, virtual network, seeded randomness. One thread, no clock, no socket.
//
// The client's four seams (Host, Connector, Transport, Entropy) are implemented here; servers are Peers written by the
// tests and by model_api / model_broker. Time moves only when nothing is left to do at the present instant, and then
// straight to the next event, so a year takes seconds. Everything that happens is in the order of (instant, sequence
// number), so the same seed gives the same run.
#pragma once

#include <axonpush/base/buffer.h>
#include <axonpush/base/transport.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/work.h"

namespace axonpush::sim {

// SplitMix64: small, and every stream is its own.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31);
  }
  // Uniform in [0, bound).
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  bool chance(double probability) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability; }
  Duration duration(Duration least, Duration most) {
    const auto span = static_cast<std::uint64_t>((most - least).nanoseconds()) + 1;
    return least + nanoseconds(static_cast<std::int64_t>(below(span)));
  }

 private:
  std::uint64_t state_;
};

// One stream per subsystem and entity: taking one away does not shift the others.
[[nodiscard]] std::uint64_t stream_seed(std::uint64_t seed, std::string_view subsystem, std::uint64_t entity = 0);

// Makes the k-th call of a seam fail, or all from the k-th on: open, recv, send, entropy and allocation count together.
struct Injection {
  std::uint64_t calls = 0;
  std::uint64_t first = 0;   // 0: none
  std::uint64_t second = 0;  // one more
  bool onward = false;
  bool lifted = false;
  std::uint64_t hits = 0;

  bool hit() {
    if (lifted) return false;
    ++calls;
    const bool failing = (first != 0 && (onward ? calls >= first : calls == first)) || (second != 0 && calls == second);
    if (failing) ++hits;
    return failing;
  }
};

// Ends or stops what the servers of one port send after so many bytes, over all connections.
struct ByteFault {
  enum class Kind : std::uint8_t {
    none,
    cut,
    reset,
    stall
  } kind = Kind::none;
  std::uint16_t port = 0;
  std::uint64_t after = 0;
  std::uint64_t sent = 0;
};

// The last four-byte draws of an entropy stream, in order: masks and jitter are drawn four bytes at a time, so who
// judges a run can tell where they came from.
struct Draws {
  static constexpr std::size_t kKept = 4096;
  std::uint32_t values[kKept] = {};
  std::uint64_t count = 0;
  void add(std::uint32_t value) { values[count++ % kKept] = value; }
};

class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : random_(seed) {}
  bool fill(MutableBytes into) noexcept override;
  bool failing = false;
  bool failed = false;  // the last time it was asked
  Draws draws;
  Injection* injection = nullptr;

 private:
  Random random_;
};

class World;
class Connection;
class SimTransport;
class VirtualHost;

// What stands between a connection's bytes and its two ends: TLS, in a world that has it (sim_tls.h). It moves bytes by
// Connection::take_wire() and put_wire().
class Channel {
 public:
  virtual ~Channel() = default;
  // The client's end, as net::TlsStream has it.
  [[nodiscard]] virtual IoOutcome handshake() = 0;
  [[nodiscard]] virtual TlsVerified take_proof() = 0;
  [[nodiscard]] virtual IoResult recv(MutableBytes into) = 0;
  [[nodiscard]] virtual IoResult send(Bytes from) = 0;
  [[nodiscard]] virtual IoOutcome shutdown() = 0;
  [[nodiscard]] virtual const Error& error() const = 0;
  virtual void readable() = 0;  // the wire has something, or has ended
  // What the wire has to be ready for before the client's next recv, or send, can get on.
  [[nodiscard]] virtual bool recv_wants_write() const = 0;
  [[nodiscard]] virtual bool send_wants_read() const = 0;
  [[nodiscard]] virtual bool wants_again() const = 0;  // the last recv stopped with input left

  // The server's end: what goes on the wire for a text, what arrived decrypted (and what TLS itself answers to it), and
  // the last word of an orderly end.
  [[nodiscard]] virtual std::string seal(std::string_view text) = 0;
  [[nodiscard]] virtual std::string unseal(std::string_view wire, std::string& answer) = 0;
  [[nodiscard]] virtual std::string farewell() = 0;
};

// The server's end of a connection.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void on_open() {}
  virtual void on_bytes(std::string_view bytes) = 0;
  // The client ended its direction (close_notify) or is gone altogether.
  virtual void on_end() {}

 protected:
  friend class World;
  friend class VirtualHost;
  Connection* connection_ = nullptr;
};

// How an attempt to connect goes.
struct DialPlan {
  enum class Fate : std::uint8_t {
    open,
    refuse,
    black_hole,  // TCP is not answered
    no_name,     // nor the look-up of the name
    no_tls       // TCP stands, and TLS is not answered
  } fate = Fate::open;
  Duration latency = milliseconds(1);  // until the answer; for `open` also of every byte afterwards
  Error error = Error(Errc::connect_failed, "the connection was refused");
  Duration setup = {};  // name, TCP and TLS on top of the latency
};

// Told what happens at the seams, for whoever judges a run. Every function is optional.
class WorldObserver {
 public:
  virtual ~WorldObserver() = default;
  virtual void after_event() {}
  virtual void entering(VirtualHost&) {}  // the client's code begins to run
  virtual void left(VirtualHost&) {}
  virtual void opening(VirtualHost&, const Endpoint&, ConnectionId) {}
  virtual void closing(Connection&) {}               // by the client
  virtual void writing(Connection&, Bytes) {}        // what the transport took of the client's output
  virtual void reading(Connection&, std::size_t) {}  // what the client took of its input
};

// One virtual connection: two byte streams with latency, in the world's order. TCP keeps the order within each.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  enum class Cut : std::uint8_t {
    orderly,
    reset
  };

  // The server's side.
  void send(std::string_view bytes);
  void end(Cut how);  // after everything sent so far
  [[nodiscard]] bool client_alive() const { return client_open_; }
  [[nodiscard]] ConnectionId id() const { return id_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& server_name() const { return server_name_; }
  [[nodiscard]] VirtualHost& host() { return *host_; }
  [[nodiscard]] Peer* peer() { return peer_.get(); }
  // Bytes of the server that were handed to the client, and all it has sent.
  [[nodiscard]] std::uint64_t read_total() const { return read_total_; }
  [[nodiscard]] std::uint64_t sent_total() const { return sent_total_; }
  // Bytes of the server that the client has not taken yet.
  [[nodiscard]] std::size_t waiting_bytes() const { return to_client_.bytes.size() - to_client_.begin; }
  World& world() { return world_; }
  // After `frozen`, `stuck` or `chunk` were lifted: what could not move moves.
  void thaw();
  // The client's end of the wire, below a channel.
  [[nodiscard]] IoResult take_wire(MutableBytes into);
  [[nodiscard]] IoResult put_wire(Bytes from);

  // Faults. A frozen connection moves nothing; a stuck one takes no output of the client; chunk bounds one recv and one
  // send. `garble` may change what the server sends. `harmed` is for whoever judges: something was done to it.
  bool frozen = false;
  bool vanished = false;  // frozen for good: no end of a stall wakes it
  bool stuck = false;
  bool harmed = false;
  std::size_t chunk = SIZE_MAX;
  Duration drip;              // not zero: the client is given a byte each time this has passed
  unsigned close_blocks = 0;  // so many times the end of our direction has to wait
  Duration latency = milliseconds(1);
  std::function<void(std::string&)> garble;
  bool garbles_wire = false;  // what a channel made of it in place of the server's text
  void* note = nullptr;       // of whoever judges

 private:
  friend class World;
  friend class SimTransport;
  friend class VirtualHost;
  Connection(World& world, ConnectionId id, std::uint16_t port) : world_(world), id_(id), port_(port) {}

  // One direction: bytes in the order they were sent, each portion with its instant of arrival.
  struct Pipe {
    struct Portion {
      Instant at;
      std::size_t size = 0;
    };
    std::string bytes;
    std::size_t begin = 0;  // what lies before it is gone
    std::deque<Portion> portions;
    Instant last;  // nothing overtakes

    // True when an event is needed for it.
    bool add(std::string_view more, Instant when);
    void drop(std::size_t size);
  };
  // False: nothing more goes out.
  [[nodiscard]] bool apply_byte_fault(std::string_view& bytes);
  void put_on_wire(std::string_view bytes);
  void garble_some(std::string_view& bytes, std::string& changed);
  // A seam failed: the stream is dead for good, both ways.
  [[nodiscard]] IoResult die();
  void deliver_to_server();
  void deliver_to_client();
  [[nodiscard]] std::size_t arrived() const { return arrived_; }

  World& world_;
  ConnectionId id_;
  std::uint64_t number_ = 0;  // in the world; ids are each client's own
  std::uint16_t port_;
  std::string server_name_;
  std::unique_ptr<Peer> peer_;
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<Transport> transport_;
  ConnectionSink* sink_ = nullptr;
  VirtualHost* host_ = nullptr;
  Pipe to_server_;
  Pipe to_client_;
  std::size_t arrived_ = 0;  // bytes of to_client_ that are at the client, not read yet
  std::uint64_t read_total_ = 0;
  std::uint64_t sent_total_ = 0;
  bool ended_ = false;
  Cut cut_ = Cut::orderly;
  bool open_ = false;
  bool handshaking_ = false;
  bool client_open_ = true;
  bool closed_ = false;  // by the client: nothing it is sent arrives any more
  bool ready_posted_ = false;
  Instant dripped_at_;
  bool asked_again_ = false;  // by the client, whose turn's budget ran out
  Duration handshake_timeout_;
  Interest interest_;
};

// One client's host.
class VirtualHost final : public Host, public Connector {
 public:
  // `kept_bytes_max` of free buffers are kept; with 0 each buffer is an allocation of its own.
  VirtualHost(World& world, std::uint64_t entity, std::size_t kept_bytes_max = std::size_t{1024} * 1024);
  ~VirtualHost() override;

  [[nodiscard]] Instant now() const noexcept override;
  [[nodiscard]] Instant fresh_now() const noexcept override { return now(); }
  [[nodiscard]] WallTime wall_now() const noexcept override;
  [[nodiscard]] Entropy& entropy() noexcept override { return entropy_; }
  [[nodiscard]] Connector& connector() noexcept override { return *this; }
  [[nodiscard]] BufferPool& buffers() noexcept override { return pool_; }
  void attach(Driven* driven) noexcept override;
  void request_turn(When when) noexcept override;
  [[nodiscard]] Status open(const Endpoint& endpoint, ConnectionId id, ConnectionSink& sink) noexcept override;
  void close(ConnectionId id) noexcept override;
  void again(ConnectionId id) noexcept override;

  // Runs something as the host's own code would: on the loop's thread, inside a turn.
  template <class Function>
  void in_turn(Function&& work) {
    begin_turn();
    work();
    end_turn();
  }
  [[nodiscard]] bool inside() const { return in_turn_; }
  [[nodiscard]] std::size_t open_connections() const { return connections_.size(); }
  [[nodiscard]] Connection* connection(std::size_t index) { return connections_[index].get(); }
  // When the client wants its next turn; never: it has nothing left to do.
  [[nodiscard]] Instant armed() const { return armed_; }
  [[nodiscard]] std::uint64_t entity() const { return entity_; }
  SeededEntropy& random() { return entropy_; }
  // Whose input is being read right now; nullptr outside of on_ready.
  [[nodiscard]] Connection* reading() const { return reading_; }

  Duration wall_offset;  // the client's calendar against the world's
  // What a kernel may do at any time, here one time in four (FAULTS 2.3.5).
  struct Whims {
    bool short_reads = false;   // a read brings less than has arrived
    bool early_timers = false;  // a turn before the deadline
    bool idle_wakes = false;    // told ready, and is not
  } whims;
  std::size_t swap_events = limits::kSwapDedupEntries;
  [[nodiscard]] std::size_t swap_events_max() const noexcept override { return swap_events; }
  Instant paused_until;           // a suspended machine, or a callback that blocks: no turn before it
  Error open_error;               // what open() answers while it is set: no descriptor is left
  std::uint64_t turns = 0;        // all of them
  std::uint64_t timer_turns = 0;  // those nothing but the clock caused

 private:
  friend class World;
  friend class Connection;
  friend class SimTransport;
  void begin_turn();
  void end_turn();
  void turn();
  void rearm();
  void arm(Instant wanted);
  void on_timer(Instant scheduled);
  void on_posted();
  void wake(ConnectionId id) noexcept;
  void on_again(std::uint64_t number);
  void on_idle_wake(std::uint64_t number);
  void opened(std::uint64_t number, bool refused, const Error& error, std::uint16_t port);
  void open_failed(Connection& connection, const Error& error);
  void step_handshake(const std::shared_ptr<Connection>& connection);
  [[nodiscard]] bool paused() const;
  [[nodiscard]] std::shared_ptr<Connection> find(ConnectionId id) const;
  [[nodiscard]] std::shared_ptr<Connection> numbered(std::uint64_t number) const;

  World& world_;
  std::uint64_t entity_;
  SeededEntropy entropy_;
  BufferPool pool_;
  Driven* driven_ = nullptr;
  Instant armed_ = Instant::never();
  Instant timer_ = Instant::never();  // of the earliest event that looks after armed_
  Random whim_;
  bool early_ = false;  // timer_ is before what was asked for
  bool turn_posted_ = false;
  bool in_turn_ = false;
  bool turn_wanted_ = false;
  Connection* reading_ = nullptr;
  std::vector<std::shared_ptr<Connection>> connections_;
};

class World {
 public:
  using PeerMaker = std::function<std::unique_ptr<Peer>()>;

  explicit World(std::uint64_t seed) : seed_(seed) {}

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] Instant start() const { return start_; }
  [[nodiscard]] WallTime wall() const { return wall_ + (now_ - start_); }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  void at(Instant when, Work&& work) { queue_.add(when < now_ ? now_ : when, std::move(work)); }
  void after(Duration wait, Work&& work) { at(now_ + wait, std::move(work)); }

  // A server on a port, and how dials to it go.
  void listen(std::uint16_t port, PeerMaker make) { listeners_[port] = std::move(make); }
  std::function<DialPlan(const Endpoint&)> plan = [](const Endpoint&) { return DialPlan{}; };
  // The same with the host that dials; used in place of `plan` where it is set.
  std::function<DialPlan(VirtualHost&, const Endpoint&)> plan_for;
  // Makes what stands between the bytes and the ends of each connection; not set: nothing.
  std::function<std::unique_ptr<Channel>(Connection&)> channel;

  // Runs events until the condition holds; false when `limit` of virtual time passed first, or nothing is left to
  // happen.
  bool run_until(const std::function<bool()>& condition, Duration limit = minutes(10));
  void run_for(Duration span);
  // One event, if there is one up to `limit`.
  bool step(Instant limit);

  // Forgets what has not happened yet: events hold connections, and those their servers.
  void clear() { queue_.clear(); }

  std::uint64_t events = 0;
  WorldObserver* observer = nullptr;
  Injection* injection = nullptr;
  ByteFault byte_fault;

 private:
  friend class VirtualHost;
  friend class Connection;
  friend class SimTransport;

  std::uint64_t seed_;
  Instant start_ = Instant::from_nanoseconds(1'000'000'000'000);
  Instant now_ = start_;
  WallTime wall_ = WallTime::from_nanoseconds(1'790'000'000'000'000'000);  // some day in 2026
  EventQueue queue_;
  std::uint64_t connections_ = 0;  // made so far
  std::map<std::uint16_t, PeerMaker> listeners_;
};

}  // namespace axonpush::sim
