#include "sim/world.h"

#include <algorithm>
#include <utility>

#include "base/verified.h"

namespace axonpush::sim {

std::uint64_t stream_seed(std::uint64_t seed, std::string_view subsystem, std::uint64_t entity) {
  std::uint64_t hash = 0xCBF29CE484222325ULL ^ seed;
  for (const char value : subsystem) hash = (hash ^ static_cast<unsigned char>(value)) * 0x100000001B3ULL;
  Random mixed(hash ^ (entity * 0x9E3779B97F4A7C15ULL));
  return mixed.next();
}

bool SeededEntropy::fill(MutableBytes into) noexcept {
  if (failing) return false;
  for (std::uint8_t& byte : into) byte = static_cast<std::uint8_t>(random_.next() >> 32);
  return true;
}

// --- World

void World::at(Instant when, Work work) {
  queue_.push({when < now_ ? now_ : when, ++sequence_, std::make_shared<Work>(std::move(work))});
}

void World::listen(std::uint16_t port, PeerMaker make) { listeners_[port] = std::move(make); }

bool World::step(Instant limit) {
  if (queue_.empty() || queue_.top().at > limit) return false;
  const Event event = queue_.top();
  queue_.pop();
  now_ = event.at;
  ++events;
  (*event.work)();
  return true;
}

bool World::run_until(const std::function<bool()>& condition, Duration limit) {
  const Instant end = now_ + limit;
  while (!condition()) {
    if (!step(end)) return condition();
  }
  return true;
}

void World::run_for(Duration span) {
  const Instant end = now_ + span;
  while (step(end)) {
  }
  now_ = end;
}

// --- Transport

class SimTransport final : public Transport {
 public:
  explicit SimTransport(Connection& connection) : connection_(connection) {}

  IoResult recv(MutableBytes into) noexcept override {
    std::string& arrived = connection_.arrived_;
    if (connection_.frozen) return {};
    if (!arrived.empty()) {
      const std::size_t size = std::min({arrived.size(), into.size(), connection_.chunk});
      std::memcpy(into.data(), arrived.data(), size);
      arrived.erase(0, size);
      return {.outcome = IoOutcome::ok, .size = size};
    }
    if (!connection_.ended_) return {};
    if (connection_.cut_ == Connection::Cut::orderly) return {.outcome = IoOutcome::eof};
    return {.outcome = IoOutcome::error};
  }

  IoResult send(Bytes from) noexcept override {
    if (connection_.ended_ && connection_.cut_ == Connection::Cut::reset) return {.outcome = IoOutcome::error};
    if (connection_.stuck || connection_.frozen) return {};
    const std::size_t size = std::min(from.size(), connection_.chunk);
    // What was written arrives, whether or not the client has closed since; only a reset undoes it.
    connection_.world().after(connection_.latency,
                              [kept = connection_.shared_from_this(), bytes = std::string(text_of(from.first(size)))] {
                                if (!kept->ended_ || kept->cut_ == Connection::Cut::orderly)
                                  kept->peer_->on_bytes(bytes);
                              });
    return {.outcome = IoOutcome::ok, .size = size};
  }

  void interest(Interest wanted) noexcept override;
  IoOutcome shutdown() noexcept override {
    connection_.client_open_ = false;
    return IoOutcome::ok;
  }
  const Error& error() const noexcept override { return error_; }

 private:
  Connection& connection_;
  Error error_ = Error(Errc::connection_lost, "the connection was reset by the peer");
};

void SimTransport::interest(Interest wanted) noexcept {
  connection_.interest_ = wanted;
  if ((wanted.read && (!connection_.arrived_.empty() || connection_.ended_)) || wanted.write) {
    connection_.host_->again(connection_.id());
  }
}

// --- Connection

void Connection::send(std::string_view bytes) {
  if (bytes.empty()) return;
  VirtualHost* host = host_;
  world_.after(latency, [host, id = id_, text = std::string(bytes)] {
    const auto found = host->connections_.find(id);
    if (found == host->connections_.end() || found->second->ended_) return;
    found->second->arrived_ += text;
    host->again(id);
  });
}

void Connection::end(Cut how) {
  VirtualHost* host = host_;
  world_.after(latency, [host, id = id_, how] {
    const auto found = host->connections_.find(id);
    if (found == host->connections_.end() || found->second->ended_) return;
    found->second->ended_ = true;
    found->second->cut_ = how;
    if (how == Cut::reset) found->second->arrived_.clear();
    host->again(id);
  });
}

// --- Host

VirtualHost::VirtualHost(World& world, std::uint64_t entity)
    : world_(world), entity_(entity), entropy_(stream_seed(world.seed(), "entropy", entity)) {}

VirtualHost::~VirtualHost() = default;

Instant VirtualHost::now() const noexcept { return world_.now(); }
WallTime VirtualHost::wall_now() const noexcept { return world_.wall() + wall_offset; }

void VirtualHost::attach(Driven* driven) noexcept {
  driven_ = driven;
  if (driven == nullptr) connections_.clear();
}

void VirtualHost::request_turn(When when) noexcept {
  if (in_turn_) {
    turn_wanted_ = true;
    return;
  }
  if (when == When::flush) {
    if (driven_ != nullptr) driven_->turn(now());
    rearm();
    return;
  }
  if (turn_posted_) return;
  turn_posted_ = true;
  world_.after(Duration::zero(), [this] {
    turn_posted_ = false;
    in_turn([this] { turn(); });
  });
}

void VirtualHost::turn() {
  if (driven_ != nullptr) driven_->turn(now());
}

void VirtualHost::in_turn(const std::function<void()>& work) {
  in_turn_ = true;
  turn_wanted_ = false;
  work();
  if (turn_wanted_) turn();
  in_turn_ = false;
  if (turn_wanted_) {
    turn_wanted_ = false;
    request_turn(When::later);
  }
  rearm();
}

void VirtualHost::rearm() {
  const Instant wanted = driven_ == nullptr ? Instant::never() : driven_->deadline();
  if (wanted == armed_ || wanted == Instant::never()) {
    armed_ = wanted;
    return;
  }
  armed_ = wanted;
  world_.at(wanted, [this, wanted] {
    if (armed_ != wanted) return;
    armed_ = Instant::never();
    in_turn([this] { turn(); });
  });
}

Status VirtualHost::open(const Endpoint& endpoint, ConnectionId id, ConnectionSink& sink) noexcept {
  const DialPlan plan = world_.plan(endpoint);
  const auto listener = world_.listeners_.find(endpoint.port);
  auto made = std::shared_ptr<Connection>(new Connection(world_, id, endpoint.port));
  made->sink_ = &sink;
  made->host_ = this;
  made->latency = plan.latency;
  connections_[id] = std::move(made);
  if (plan.fate == DialPlan::Fate::black_hole) {
    // The connector's own deadlines are what ends this.
    world_.after(endpoint.connect_timeout, [this, id] {
      if (connections_.count(id) == 0) return;
      ConnectionSink* told = connections_[id]->sink_;
      in_turn([&] {
        close(id);
        told->on_open_failed(id, Error(Errc::connect_timeout, "the peer did not answer in time"));
      });
    });
    return {};
  }
  const bool refused = plan.fate == DialPlan::Fate::refuse || listener == world_.listeners_.end();
  world_.after(plan.latency * 2,
               [this, id, refused, error = plan.error, make = refused ? World::PeerMaker() : listener->second] {
                 const auto found = connections_.find(id);
                 if (found == connections_.end()) return;
                 Connection& connection = *found->second;
                 ConnectionSink* told = connection.sink_;
                 if (refused) {
                   in_turn([&] {
                     close(id);
                     told->on_open_failed(id, error);
                   });
                   return;
                 }
                 connection.open_ = true;
                 connection.peer_ = make();
                 connection.peer_->connection_ = &connection;
                 connection.transport_ = std::make_unique<SimTransport>(connection);
                 connection.peer_->on_open();
                 in_turn([&] { told->on_open(id, *connection.transport_, TlsVerifiedIssuer::issue()); });
               });
  return {};
}

void VirtualHost::close(ConnectionId id) noexcept {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  connection.client_open_ = false;
  // The server hears of it after the latency. The memory lives on until the events that know it are over, so a call
  // that is on the stack right now finds its connection whole.
  world_.after(connection.latency, [kept = found->second] {
    if (kept->peer_ != nullptr) kept->peer_->on_end();
  });
  connections_.erase(found);
}

void VirtualHost::again(ConnectionId id) noexcept {
  const auto found = connections_.find(id);
  if (found == connections_.end() || !found->second->open_ || found->second->ready_posted_) return;
  found->second->ready_posted_ = true;
  world_.after(Duration::zero(), [this, id] {
    const auto still = connections_.find(id);
    if (still == connections_.end()) return;
    Connection& connection = *still->second;
    connection.ready_posted_ = false;
    const Interest ready{.read = connection.interest_.read && (!connection.arrived_.empty() || connection.ended_),
                         .write = connection.interest_.write && !connection.stuck};
    if (!ready.read && !ready.write) return;
    in_turn([&] { connection.sink_->on_ready(id, ready); });
  });
}

std::size_t VirtualHost::open_connections() const { return connections_.size(); }

}  // namespace axonpush::sim
