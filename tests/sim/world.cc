#include "sim/world.h"

#include <algorithm>
#include <utility>

#include "base/verified.h"

namespace axonpush::sim {

std::uint64_t stream_seed(std::uint64_t seed, std::string_view subsystem, std::uint64_t entity) {
  // Each input is mixed on its own: seeds next to each other, or a seed and an entity that differ by the same amount,
  // must not share streams.
  std::uint64_t hash = Random(seed).next();
  for (const char value : subsystem) hash = (hash ^ static_cast<unsigned char>(value)) * 0x100000001B3ULL;
  return Random(hash ^ Random(entity + 0x5851F42D4C957F2DULL).next()).next();
}

bool SeededEntropy::fill(MutableBytes into) noexcept {
  failed = failing || (injection != nullptr && injection->hit());
  if (failed) return false;
  std::size_t at = 0;
  while (at < into.size()) {
    std::uint64_t value = random_.next();
    for (std::size_t end = std::min(into.size(), at + 8); at < end; ++at, value >>= 8) {
      into[at] = static_cast<std::uint8_t>(value);
    }
  }
  if (into.size() == 4) draws.add(load_be32(into.data()));
  return true;
}

// --- World

bool World::step(Instant limit) {
  Work work;
  Instant at;
  if (!queue_.take(limit, at, work)) return false;
  now_ = at;
  ++events;
  work();
  if (observer != nullptr) observer->after_event();
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
    Connection& link = connection_;
    Channel* const channel = link.channel_.get();
    const IoResult got = channel != nullptr ? channel->recv(into) : link.take_wire(into);
    if (channel != nullptr && channel->wants_again()) link.host_->again(link.id());
    if (got.outcome == IoOutcome::ok) {
      link.read_total_ += got.size;
      if (link.world_.observer != nullptr) link.world_.observer->reading(link, got.size);
    }
    return got;
  }

  IoResult send(Bytes from) noexcept override {
    Connection& link = connection_;
    const IoResult put = link.channel_ != nullptr ? link.channel_->send(from) : link.put_wire(from);
    if (put.outcome == IoOutcome::ok && link.world_.observer != nullptr) {
      link.world_.observer->writing(link, from.first(put.size));
    }
    return put;
  }

  void interest(Interest wanted) noexcept override {
    Connection& link = connection_;
    // What TLS has read ahead is unknown to the wire: who begins to read is asked to once.
    if (link.channel_ != nullptr && wanted.read && !link.interest_.read) link.host_->again(link.id());
    link.interest_ = wanted;
    if ((wanted.read && (link.arrived_ != 0 || link.ended_)) || wanted.write) link.host_->wake(link.id());
  }
  IoOutcome shutdown() noexcept override {
    if (connection_.close_blocks != 0) {
      --connection_.close_blocks;
      return IoOutcome::would_block;
    }
    if (connection_.channel_ != nullptr) {
      const IoOutcome outcome = connection_.channel_->shutdown();
      if (outcome != IoOutcome::ok) return outcome;
    }
    connection_.client_open_ = false;
    return IoOutcome::ok;
  }
  const Error& error() const noexcept override {
    return connection_.channel_ != nullptr ? connection_.channel_->error() : error_;
  }

 private:
  Connection& connection_;
  Error error_ = Error(Errc::connection_lost, "the connection was reset by the peer");
};

// --- Connection

IoResult Connection::take_wire(MutableBytes into) {
  if (world_.injection != nullptr && world_.injection->hit()) return die();
  if (frozen) return {};
  if (arrived_ != 0) {
    std::size_t size = std::min({arrived_, into.size(), chunk});
    if (drip != Duration::zero()) {
      if (dripped_at_ != Instant() && world_.now() - dripped_at_ < drip) return {};
      dripped_at_ = world_.now();
      world_.after(drip, [kept = shared_from_this()] { kept->thaw(); });
      size = 1;
    }
    if (host_->whims.short_reads && host_->whim_.chance(0.25)) size = 1 + host_->whim_.below(size);
    std::memcpy(into.data(), to_client_.bytes.data() + to_client_.begin, size);
    to_client_.drop(size);
    arrived_ -= size;
    // TLS takes a short read for the wire's last word, which a narrow one's is not.
    if (channel_ != nullptr && size < into.size() && arrived_ != 0) host_->wake(id_);
    return {.outcome = IoOutcome::ok, .size = size};
  }
  if (!ended_) return {};
  if (cut_ == Cut::orderly) return {.outcome = IoOutcome::eof};
  return {.outcome = IoOutcome::error};
}

IoResult Connection::put_wire(Bytes from) {
  if (ended_ && cut_ == Cut::reset) return {.outcome = IoOutcome::error};
  if (world_.injection != nullptr && world_.injection->hit()) return die();
  if (stuck || frozen) return {};
  const std::size_t size = std::min(from.size(), chunk);
  // What was written arrives, whether or not the client has closed since; only a reset undoes it.
  if (to_server_.add(text_of(from.first(size)), world_.now() + latency)) {
    world_.at(to_server_.last, [kept = shared_from_this()] { kept->deliver_to_server(); });
  }
  return {.outcome = IoOutcome::ok, .size = size};
}

bool Connection::Pipe::add(std::string_view more, Instant when) {
  if (when < last) when = last;
  bytes += more;
  if (!portions.empty() && portions.back().at == when) {
    portions.back().size += more.size();
    return false;
  }
  last = when;
  portions.push_back({when, more.size()});
  return true;
}

void Connection::Pipe::drop(std::size_t size) {
  begin += size;
  if (begin == bytes.size()) {
    bytes.clear();
    begin = 0;
  } else if (begin > 65'536) {
    bytes.erase(0, begin);
    begin = 0;
  }
}

void Connection::deliver_to_server() {
  const std::size_t size = to_server_.portions.front().size;
  to_server_.portions.pop_front();
  if (!ended_ || cut_ == Cut::orderly) {
    const std::string_view bytes = std::string_view(to_server_.bytes).substr(to_server_.begin, size);
    if (channel_ == nullptr) {
      peer_->on_bytes(bytes);
    } else {
      std::string answer;
      const std::string text = channel_->unseal(bytes, answer);
      if (!answer.empty() && !closed_) put_on_wire(answer);
      if (!text.empty()) peer_->on_bytes(text);
    }
  }
  to_server_.drop(size);
}

void Connection::deliver_to_client() {
  const std::size_t size = to_client_.portions.front().size;
  to_client_.portions.pop_front();
  if (ended_ || closed_) {
    // A reset has thrown the bytes away already.
    return;
  }
  arrived_ += size;
  host_->wake(id_);
}

void Connection::garble_some(std::string_view& bytes, std::string& changed) {
  if (!garble || bytes.empty()) return;
  changed = bytes;
  garble(changed);
  bytes = changed;
}

void Connection::send(std::string_view bytes) {
  if (bytes.empty() || closed_) return;
  std::string changed;
  if (!garbles_wire || channel_ == nullptr) garble_some(bytes, changed);
  if (bytes.empty()) return;
  if (channel_ == nullptr) {
    put_on_wire(bytes);
    return;
  }
  const std::string sealed = channel_->seal(bytes);
  bytes = sealed;
  if (garbles_wire) garble_some(bytes, changed);
  put_on_wire(bytes);
}

void Connection::put_on_wire(std::string_view bytes) {
  if (bytes.empty()) return;
  if (world_.byte_fault.kind != ByteFault::Kind::none && !apply_byte_fault(bytes)) return;
  sent_total_ += bytes.size();
  if (to_client_.add(bytes, world_.now() + latency)) {
    world_.at(to_client_.last, [kept = shared_from_this()] { kept->deliver_to_client(); });
  }
}

IoResult Connection::die() {
  ended_ = true;
  cut_ = Cut::reset;
  arrived_ = 0;
  harmed = true;
  host_->again(id_);
  return {.outcome = IoOutcome::error};
}

bool Connection::apply_byte_fault(std::string_view& bytes) {
  ByteFault& fault = world_.byte_fault;
  if (port_ != fault.port) return true;
  const std::uint64_t before = fault.sent;
  fault.sent += bytes.size();
  if (before + bytes.size() <= fault.after) return true;
  const ByteFault::Kind kind = std::exchange(fault.kind, ByteFault::Kind::none);
  harmed = true;
  put_on_wire(bytes.substr(0, static_cast<std::size_t>(fault.after - before)));
  if (kind == ByteFault::Kind::stall) {
    stuck = true;
    garble = [](std::string& swallowed) { swallowed.clear(); };
  } else {
    end(kind == ByteFault::Kind::cut ? Cut::orderly : Cut::reset);
  }
  return false;
}

void Connection::end(Cut how) {
  if (closed_) return;
  // Not every server takes leave of TLS as well: every other one just ends the stream.
  if (channel_ != nullptr && how == Cut::orderly && static_cast<std::uint64_t>(id_) % 2 == 0) {
    put_on_wire(channel_->farewell());
  }
  const Instant when = std::max(world_.now() + latency, to_client_.last);
  to_client_.last = when;
  world_.at(when, [kept = shared_from_this(), how] {
    if (kept->closed_ || kept->ended_) return;
    kept->ended_ = true;
    kept->cut_ = how;
    if (how == Cut::reset) kept->arrived_ = 0;
    kept->host_->wake(kept->id_);
  });
}

void Connection::thaw() {
  if (!closed_) host_->wake(id_);
}

// --- Host

VirtualHost::VirtualHost(World& world, std::uint64_t entity, std::size_t kept_bytes_max)
    : world_(world),
      entity_(entity),
      entropy_(stream_seed(world.seed(), "entropy", entity)),
      pool_(kept_bytes_max),
      whim_(stream_seed(world.seed(), "whims", entity)) {}

VirtualHost::~VirtualHost() = default;

Instant VirtualHost::now() const noexcept { return world_.now(); }
WallTime VirtualHost::wall_now() const noexcept { return world_.wall() + wall_offset; }
bool VirtualHost::paused() const { return world_.now() < paused_until; }

void VirtualHost::attach(Driven* driven) noexcept {
  driven_ = driven;
  if (driven != nullptr) return;
  while (!connections_.empty()) close(connections_.back()->id_);
  armed_ = Instant::never();
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
  world_.after(Duration::zero(), [this] { on_posted(); });
}

void VirtualHost::on_posted() {
  if (paused()) {
    world_.at(paused_until, [this] { on_posted(); });
    return;
  }
  turn_posted_ = false;
  in_turn([this] { turn(); });
}

void VirtualHost::turn() {
  if (driven_ != nullptr) driven_->turn(now());
}

void VirtualHost::begin_turn() {
  ++turns;
  if (world_.observer != nullptr) world_.observer->entering(*this);
  in_turn_ = true;
  turn_wanted_ = false;
}

void VirtualHost::end_turn() {
  if (turn_wanted_) turn();
  in_turn_ = false;
  if (turn_wanted_) {
    turn_wanted_ = false;
    request_turn(When::later);
  }
  rearm();
  if (world_.observer != nullptr) world_.observer->left(*this);
}

void VirtualHost::rearm() {
  armed_ = driven_ == nullptr ? Instant::never() : driven_->deadline();
  if (armed_ < timer_) arm(armed_);
}

void VirtualHost::arm(Instant wanted) {
  timer_ = std::max(wanted, world_.now());
  early_ = whims.early_timers && timer_ > world_.now() && whim_.chance(0.25);
  if (early_) timer_ = world_.now() + whim_.duration(Duration::zero(), timer_ - world_.now());
  world_.at(timer_, [this, scheduled = timer_] { on_timer(scheduled); });
}

// A later deadline than the one an event was made for costs one idle event, not one for each change.
void VirtualHost::on_timer(Instant scheduled) {
  if (scheduled != timer_) return;
  timer_ = Instant::never();
  if (armed_ == Instant::never()) return;
  if (armed_ > world_.now() && !early_) {
    arm(armed_);
    return;
  }
  if (paused()) {
    arm(paused_until);
    return;
  }
  if (!early_) ++timer_turns;
  armed_ = Instant::never();
  in_turn([this] { turn(); });
}

std::shared_ptr<Connection> VirtualHost::find(ConnectionId id) const {
  for (const std::shared_ptr<Connection>& connection : connections_) {
    if (connection->id_ == id) return connection;
  }
  return nullptr;
}

// Events know a connection by its number in the world: a host's next client begins with the same ids again.
std::shared_ptr<Connection> VirtualHost::numbered(std::uint64_t number) const {
  for (const std::shared_ptr<Connection>& connection : connections_) {
    if (connection->number_ == number) return connection;
  }
  return nullptr;
}

Status VirtualHost::open(const Endpoint& endpoint, ConnectionId id, ConnectionSink& sink) noexcept {
  if (world_.observer != nullptr) world_.observer->opening(*this, endpoint, id);
  if (open_error) return open_error;
  if (world_.injection != nullptr && world_.injection->hit()) return Error(Errc::no_fds, "no descriptor is left");
  const DialPlan plan = world_.plan_for ? world_.plan_for(*this, endpoint) : world_.plan(endpoint);
  auto made = std::shared_ptr<Connection>(new Connection(world_, id, endpoint.port));
  made->sink_ = &sink;
  made->host_ = this;
  made->latency = plan.latency;
  made->server_name_ = endpoint.host;
  made->handshake_timeout_ = endpoint.handshake_timeout;
  const std::uint64_t number = made->number_ = ++world_.connections_;
  connections_.push_back(std::move(made));
  // The connector's own deadlines are what ends these.
  if (plan.fate == DialPlan::Fate::black_hole) {
    world_.after(endpoint.connect_timeout, [this, number] {
      opened(number, true, Error(Errc::connect_timeout, "the peer did not answer in time"), 0);
    });
    return {};
  }
  if (plan.fate == DialPlan::Fate::no_name) {
    world_.after(endpoint.resolve_timeout, [this, number] {
      opened(number, true, Error(Errc::dns_failed, "the name was not looked up in time"), 0);
    });
    return {};
  }
  if (plan.fate == DialPlan::Fate::no_tls) {
    world_.after(plan.latency * 2 + endpoint.handshake_timeout, [this, number] {
      opened(number, true, Error(Errc::connect_timeout, "the TLS handshake was not finished in time"), 0);
    });
    return {};
  }
  const bool refused =
      plan.fate == DialPlan::Fate::refuse || world_.listeners_.find(endpoint.port) == world_.listeners_.end();
  world_.after(plan.latency * 2 + plan.setup, [this, number, refused, error = refused ? plan.error : Error(),
                                               port = endpoint.port] { opened(number, refused, error, port); });
  return {};
}

void VirtualHost::opened(std::uint64_t number, bool refused, const Error& error, std::uint16_t port) {
  if (paused()) {
    world_.at(paused_until, [this, number, refused, error, port] { opened(number, refused, error, port); });
    return;
  }
  const std::shared_ptr<Connection> connection = numbered(number);
  if (connection == nullptr) return;
  if (refused) {
    open_failed(*connection, error);
    return;
  }
  connection->open_ = true;
  connection->peer_ = world_.listeners_[port]();
  connection->peer_->connection_ = connection.get();
  connection->transport_ = std::make_unique<SimTransport>(*connection);
  connection->peer_->on_open();
  if (!world_.channel) {
    in_turn([&] { connection->sink_->on_open(connection->id_, *connection->transport_, TlsVerifiedIssuer::issue()); });
    return;
  }
  connection->channel_ = world_.channel(*connection);
  connection->handshaking_ = true;
  world_.after(connection->handshake_timeout_, [this, kept = connection] {
    if (!kept->handshaking_ || kept->closed_) return;
    open_failed(*kept, Error(Errc::connect_timeout, "the TLS handshake was not finished in time"));
  });
  step_handshake(connection);
}

void VirtualHost::open_failed(Connection& connection, const Error& error) {
  ConnectionSink* const told = connection.sink_;
  const ConnectionId id = connection.id_;
  connection.handshaking_ = false;
  in_turn([&] {
    close(id);
    told->on_open_failed(id, error);
  });
}

void VirtualHost::step_handshake(const std::shared_ptr<Connection>& connection) {
  const IoOutcome outcome = connection->channel_->handshake();
  if (outcome == IoOutcome::would_block) return;
  if (outcome != IoOutcome::ok) {
    open_failed(*connection, connection->channel_->error());
    return;
  }
  connection->handshaking_ = false;
  in_turn([&] {
    connection->sink_->on_open(connection->id_, *connection->transport_, connection->channel_->take_proof());
  });
}

void VirtualHost::close(ConnectionId id) noexcept {
  const std::shared_ptr<Connection> connection = find(id);
  if (connection == nullptr) return;
  if (world_.observer != nullptr) world_.observer->closing(*connection);
  connection->client_open_ = false;
  connection->closed_ = true;
  // The server hears of it after the latency, behind everything that was written. The memory lives on until the events
  // that know it are over, so a call that is on the stack right now finds its connection whole.
  const Instant when = std::max(world_.now() + connection->latency, connection->to_server_.last);
  connection->to_server_.last = when;
  world_.at(when, [kept = connection] {
    if (kept->peer_ != nullptr) kept->peer_->on_end();
  });
  connections_.erase(std::find(connections_.begin(), connections_.end(), connection));
}

// The client stopped with input left that it has taken already: it is called again, whatever has arrived meanwhile.
void VirtualHost::again(ConnectionId id) noexcept {
  const std::shared_ptr<Connection> connection = find(id);
  if (connection == nullptr) return;
  connection->asked_again_ = true;
  wake(id);
}

void VirtualHost::wake(ConnectionId id) noexcept {
  const std::shared_ptr<Connection> connection = find(id);
  if (connection == nullptr || !connection->open_ || connection->ready_posted_) return;
  connection->ready_posted_ = true;
  world_.after(Duration::zero(), [this, number = connection->number_] { on_again(number); });
}

void VirtualHost::on_again(std::uint64_t number) {
  if (paused()) {
    world_.at(paused_until, [this, number] { on_again(number); });
    return;
  }
  const std::shared_ptr<Connection> connection = numbered(number);
  if (connection == nullptr) return;
  connection->ready_posted_ = false;
  if (connection->frozen) return;
  const bool asked = std::exchange(connection->asked_again_, false);
  const bool readable = asked || connection->arrived_ != 0 || connection->ended_;
  Channel* const channel = connection->channel_.get();
  if (channel != nullptr && readable) channel->readable();
  if (connection->handshaking_) {
    step_handshake(connection);
    return;
  }
  const bool writable = !connection->stuck;
  const bool can_read = readable || (channel != nullptr && writable && channel->recv_wants_write());
  const bool can_write = writable || (channel != nullptr && readable && channel->send_wants_read());
  const Interest ready{.read = connection->interest_.read && can_read,
                       .write = connection->interest_.write && can_write};
  if (!ready.read && !ready.write) return;
  in_turn([&] {
    reading_ = connection.get();
    connection->sink_->on_ready(connection->id_, ready);
    reading_ = nullptr;
  });
  if (whims.idle_wakes && whim_.chance(0.25)) {
    world_.after(whim_.duration(Duration::zero(), milliseconds(20)), [this, number] { on_idle_wake(number); });
  }
}

void VirtualHost::on_idle_wake(std::uint64_t number) {
  const std::shared_ptr<Connection> connection = numbered(number);
  if (connection == nullptr || paused() || connection->frozen || connection->handshaking_) return;
  in_turn([&] {
    reading_ = connection.get();
    connection->sink_->on_ready(connection->id_, connection->interest_);
    reading_ = nullptr;
  });
}

}  // namespace axonpush::sim
