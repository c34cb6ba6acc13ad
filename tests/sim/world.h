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
#include <queue>
#include <string>
#include <vector>

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

class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : random_(seed) {}
  bool fill(MutableBytes into) noexcept override;
  bool failing = false;

 private:
  Random random_;
};

class World;
class Connection;
class SimTransport;
class VirtualHost;

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
    black_hole
  } fate = Fate::open;
  Duration latency = milliseconds(1);  // until the answer; for `open` also of every byte afterwards
  Error error = Error(Errc::connect_failed, "the connection was refused");
};

// One virtual connection: two byte streams with latency, in the world's order.
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
  World& world() { return world_; }

  // Faults. A frozen connection moves nothing; a stuck one takes no output of the client; chunk bounds one recv.
  bool frozen = false;
  bool stuck = false;
  std::size_t chunk = SIZE_MAX;
  Duration latency = milliseconds(1);

 private:
  friend class World;
  friend class SimTransport;
  friend class VirtualHost;
  Connection(World& world, ConnectionId id, std::uint16_t port) : world_(world), id_(id), port_(port) {}

  World& world_;
  ConnectionId id_;
  std::uint16_t port_;
  std::unique_ptr<Peer> peer_;
  std::unique_ptr<Transport> transport_;
  ConnectionSink* sink_ = nullptr;
  VirtualHost* host_ = nullptr;
  std::string arrived_;  // at the client, not read yet
  bool ended_ = false;
  Cut cut_ = Cut::orderly;
  bool open_ = false;
  bool client_open_ = true;
  bool ready_posted_ = false;
  Interest interest_;
};

// One client's host.
class VirtualHost final : public Host, public Connector {
 public:
  VirtualHost(World& world, std::uint64_t entity);
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

  // Runs something as the host's own code would: on the loop's thread, inside a turn or outside of one.
  void in_turn(const std::function<void()>& work);
  [[nodiscard]] std::size_t open_connections() const;
  // When the client wants its next turn; never: it has nothing left to do.
  [[nodiscard]] Instant armed() const { return armed_; }
  SeededEntropy& random() { return entropy_; }
  Duration wall_offset;  // the client's calendar against the world's

 private:
  friend class World;
  friend class Connection;
  friend class SimTransport;
  void turn();
  void rearm();

  World& world_;
  std::uint64_t entity_;
  SeededEntropy entropy_;
  BufferPool pool_;
  Driven* driven_ = nullptr;
  Instant armed_ = Instant::never();
  bool turn_posted_ = false;
  bool in_turn_ = false;
  bool turn_wanted_ = false;
  std::map<ConnectionId, std::shared_ptr<Connection>> connections_;
};

class World {
 public:
  using Work = std::function<void()>;
  using PeerMaker = std::function<std::unique_ptr<Peer>()>;

  explicit World(std::uint64_t seed) : seed_(seed) {}

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] WallTime wall() const { return wall_ + (now_ - start_); }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  void at(Instant when, Work work);
  void after(Duration wait, Work work) { at(now_ + wait, std::move(work)); }

  // A server on a port, and how dials to it go.
  void listen(std::uint16_t port, PeerMaker make);
  std::function<DialPlan(const Endpoint&)> plan = [](const Endpoint&) { return DialPlan{}; };

  // Runs events until the condition holds; false when `limit` of virtual time passed first, or nothing is left to
  // happen.
  bool run_until(const std::function<bool()>& condition, Duration limit = minutes(10));
  void run_for(Duration span);

  // Forgets what has not happened yet: events hold connections, and those their servers.
  void clear() { queue_ = {}; }

  std::uint64_t events = 0;

 private:
  friend class VirtualHost;
  friend class Connection;
  struct Event {
    Instant at;
    std::uint64_t sequence;
    std::shared_ptr<Work> work;
    bool operator<(const Event& other) const { return at == other.at ? sequence > other.sequence : at > other.at; }
  };
  bool step(Instant limit);

  std::uint64_t seed_;
  Instant start_ = Instant::from_nanoseconds(1'000'000'000'000);
  Instant now_ = start_;
  WallTime wall_ = WallTime::from_nanoseconds(1'790'000'000'000'000'000);  // some day in 2026
  std::uint64_t sequence_ = 0;
  std::priority_queue<Event> queue_;
  std::map<std::uint16_t, PeerMaker> listeners_;
};

}  // namespace axonpush::sim
