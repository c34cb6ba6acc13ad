#include "net/reactor_host.h"

#include <time.h>

#include "net/heap.h"
#include "net/host_impl.h"

namespace axonpush::inline v0::net {

namespace {

// A client that asks for a turn in every turn outside the loop gets so many at once, then those of the loop.
constexpr unsigned kTurnsAtOnce = 8;

}  // namespace

ReactorHost::ReactorHost(Reactor& reactor, TlsContext& tls, Resolver* resolver) noexcept
    : reactor_(reactor), tls_(tls), resolver_(resolver), system_resolver_(reactor) {}

ReactorHost::~ReactorHost() {
  close_all();
  while (buried_ != nullptr) destroy(std::exchange(buried_, buried_->next));
  reactor_.disarm(*this);
  reactor_.cancel(*this);
}

Entropy& ReactorHost::entropy() noexcept {
  LoopShared* const shared = reactor_.shared();
  if (shared != nullptr) return shared->entropy;
  return no_entropy_;
}

BufferPool& ReactorHost::buffers() noexcept {
  LoopShared* const shared = reactor_.shared();
  return shared != nullptr ? shared->buffers : no_buffers_;
}

Workspace* ReactorHost::workspace() noexcept {
  LoopShared* const shared = reactor_.shared();
  return shared != nullptr ? &shared->workspace : nullptr;
}

Instant ReactorHost::now() const noexcept { return turning_ ? turn_now_ : reactor_.now(); }

WallTime ReactorHost::wall_now() const noexcept {
  timespec time = {};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return WallTime::from_nanoseconds(std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec);
}

// --- Turns

void ReactorHost::attach(Driven* driven) noexcept {
  driven_ = driven;
  if (driven_ == nullptr) reactor_.cancel(*this);
  follow_deadline();
}

void ReactorHost::request_turn(When when) noexcept {
  if (driven_ == nullptr || reactor_.forked()) return;
  if (reactor_.in_turn() || when == When::later) return reactor_.at_turn_end(*this);
  turn_requested_ = true;
  if (turning_) return;  // the turn that is running runs once more
  const Entry entry(*this);
  turning_ = true;
  for (unsigned turns = 0; turns < kTurnsAtOnce && turn_requested_ && driven_ != nullptr; ++turns) {
    turn_requested_ = false;
    turn_now_ = Reactor::clock();
    driven_->turn(turn_now_);
  }
  turning_ = false;
  if (std::exchange(turn_requested_, false) && driven_ != nullptr) reactor_.at_turn_end(*this);
}

void ReactorHost::on_timer(Instant now) noexcept {
  armed_at_ = Instant::never();
  run_turn(now);
}

void ReactorHost::on_turn_end(Instant now) noexcept { run_turn(now); }

void ReactorHost::run_turn(Instant now) noexcept {
  const Entry entry(*this);
  driven_->turn(now);  // somebody is attached: whoever goes takes the timer and the hook along
}

void ReactorHost::leave() noexcept {
  if (--depth_ != 0) return;
  while (buried_ != nullptr) destroy(std::exchange(buried_, buried_->next));
  if (destroyed_) return destroy(this);
  follow_deadline();
}

void ReactorHost::follow_deadline() noexcept {
  const Instant at = driven_ == nullptr ? Instant::never() : driven_->deadline();
  if (at == armed_at_) return;
  armed_at_ = at;
  if (at == Instant::never()) {
    reactor_.disarm(*this);
  } else {
    reactor_.arm(*this, at);
  }
}

void ReactorHost::destroy_soon() noexcept {
  driven_ = nullptr;
  close_all();
  reactor_.disarm(*this);
  reactor_.cancel(*this);
  if (depth_ == 0) return destroy(this);
  destroyed_ = true;
}

// --- Connections

Connection* ReactorHost::find(ConnectionId id) noexcept {
  // Two or three of them live at a time: one, its successor, and a fetch.
  for (Connection* connection = connections_; connection != nullptr; connection = connection->next) {
    if (connection->id() == id) return connection;
  }
  return nullptr;
}

Status ReactorHost::open(const Endpoint& endpoint, ConnectionId id, ConnectionSink& sink) noexcept {
  if (reactor_.forked()) return Error(Errc::closed, "this process is the child of a fork");
  if (!reactor_.status().ok()) return reactor_.status();
  if (destroyed_) return Error(Errc::closed, "the client is being destroyed");
  auto* connection = make<Connection>(*this, id, sink);
  if (connection == nullptr) return Error(Errc::no_memory, "no memory for a connection");
  Status opened = connection->open(endpoint);
  if (!opened.ok()) {
    destroy(connection);
    return opened;
  }
  connection->next = connections_;
  if (connections_ != nullptr) connections_->previous = connection;
  connections_ = connection;
  return {};
}

void ReactorHost::bury(Connection& connection) noexcept {
  (connection.previous == nullptr ? connections_ : connection.previous->next) = connection.next;
  if (connection.next != nullptr) connection.next->previous = connection.previous;
  connection.previous = nullptr;
  connection.next = buried_;
  buried_ = &connection;
}

void ReactorHost::close(ConnectionId id) noexcept {
  Connection* const connection = find(id);
  if (connection == nullptr) return;
  connection->end();
  bury(*connection);
  // Outside every call into the client nobody can stand in it: Transport functions have returned by then.
  if (depth_ != 0) return;
  while (buried_ != nullptr) destroy(std::exchange(buried_, buried_->next));
}

void ReactorHost::close_all() noexcept {
  while (connections_ != nullptr) {
    connections_->end();
    bury(*connections_);
  }
}

void ReactorHost::again(ConnectionId id) noexcept {
  if (Connection* const connection = find(id)) connection->again();
}

Host* make_reactor_host(Reactor& reactor, TlsContext& tls) noexcept { return make<ReactorHost>(reactor, tls, nullptr); }
Host* make_reactor_host(Reactor& reactor, TlsContext& tls, Resolver& resolver) noexcept {
  return make<ReactorHost>(reactor, tls, &resolver);
}

void destroy_reactor_host(Host* host) noexcept {
  if (host != nullptr) static_cast<ReactorHost*>(host)->destroy_soon();
}

}  // namespace axonpush::inline v0::net
