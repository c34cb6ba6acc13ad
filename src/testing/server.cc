#include "testing/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "testing/broker_peer.h"
#include "testing/credentials_peer.h"

namespace axonpush::inline v0::testing {

namespace {

// A packet of the largest size may straddle everything; half of it is what a peer may leave (peer.cc).
constexpr std::size_t kScratchBytes = 128 * 1024;
constexpr int kAcceptsPerTurn = 64;
constexpr int kListenBacklog = 4096;
// Without descriptors a listener stays readable: it rests instead of spinning.
constexpr Duration kAcceptPause = milliseconds(100);

bool prepare_descriptor(int descriptor) {
  const int flags = ::fcntl(descriptor, F_GETFL);
  return flags >= 0 && ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 &&
         ::fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

Error listen_error(int number) {
  const char* what = number == EADDRINUSE ? "the loopback service's port is in use"
                                          : "the loopback service could not listen on 127.0.0.1";
  return Error(Errc::connect_failed, what).with_number(static_cast<std::uint32_t>(number));
}

std::string url_of(const char* scheme, const std::string& host, std::uint16_t port, std::string_view path) {
  std::string url = scheme;
  url.append("://").append(host).append(":").append(std::to_string(port)).append(path);
  return url;
}

}  // namespace

// --- Listener

Status Listener::start(std::uint16_t port) {
  descriptor_ = ::socket(AF_INET, SOCK_STREAM, 0);
  if (descriptor_ < 0 || !prepare_descriptor(descriptor_)) return listen_error(errno);
  const int on = 1;
  static_cast<void>(::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(descriptor_, generic, size) != 0 || ::listen(descriptor_, kListenBacklog) != 0 ||
      ::getsockname(descriptor_, generic, &size) != 0) {
    return listen_error(errno);
  }
  port_ = ntohs(address.sin_port);
  return server_.reactor().add(descriptor_, {.read = true, .write = false}, *this);
}

void Listener::stop() {
  if (descriptor_ < 0) return;
  server_.reactor().disarm(*this);
  server_.reactor().remove(descriptor_, *this);
  ::close(descriptor_);
  descriptor_ = -1;
}

void Listener::on_ready(Interest) noexcept {
  for (int count = 0; count < kAcceptsPerTurn; ++count) {
    const int accepted = ::accept(descriptor_, nullptr, nullptr);
    if (accepted >= 0) {
      server_.accepted(what_, accepted);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      static_cast<void>(server_.reactor().modify(descriptor_, {}, *this));
      server_.reactor().arm(*this, server_.reactor().now() + kAcceptPause);
    }
    return;
  }
}

void Listener::on_timer(Instant) noexcept {
  static_cast<void>(server_.reactor().modify(descriptor_, {.read = true, .write = false}, *this));
}

// --- Server

Server::Server(const LoopbackOptions& options)
    : options_(options),
      credentials_(options_),
      broker_(*this),
      http_listener_(*this, Listening::credentials),
      broker_listener_(*this, Listening::broker),
      scratch_(kScratchBytes) {
  if (options_.topic_prefix.empty()) options_.topic_prefix.append("axonpush/").append(options_.tenant_id);
}

Server::~Server() { stop(); }

Status Server::start() {
  if (!reactor_.status().ok()) return reactor_.status();
  if (!options_.cleartext) {
    if (Status made = tls_.start(); !made.ok()) return made;
  }
  if (Status listening = http_listener_.start(options_.port); !listening.ok()) return listening;
  if (Status listening = broker_listener_.start(options_.broker_port); !listening.ok()) return listening;
  base_url_ = url_of(options_.cleartext ? "http" : "https", options_.host, http_listener_.port(), "");
  broker_url_ = url_of(options_.cleartext ? "ws" : "wss", options_.host, broker_listener_.port(), kBrokerPath);
  return {};
}

void Server::stop() {
  http_listener_.stop();
  broker_listener_.stop();
  delayed_.clear();
  reactor_.disarm(*this);
  std::vector<Peer*> all;
  for (const auto& [id, kept] : peers_) all.push_back(kept.peer.get());
  for (Peer* peer : all) peer->abort();
  peers_.clear();
  buried_.clear();
  dirty_.clear();
  broker_.stop();
  reactor_.cancel(*this);
}

std::uint16_t Server::port(Listening what) const noexcept {
  return what == Listening::credentials ? http_listener_.port() : broker_listener_.port();
}

WallTime Server::wall_now() const noexcept {
  timespec now{};
  static_cast<void>(::clock_gettime(CLOCK_REALTIME, &now));
  const Duration since = seconds(now.tv_sec) + nanoseconds(now.tv_nsec) + options_.clock_skew;
  return WallTime::from_nanoseconds(since.nanoseconds());
}

void Server::accepted(Listening what, int descriptor) {
  touch();
  const int on = 1;
  static_cast<void>(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  SSL* ssl = options_.cleartext ? nullptr : tls_.open(descriptor);
  Stream stream(descriptor, ssl);
  if (!prepare_descriptor(descriptor) || (ssl == nullptr && !options_.cleartext)) return;
  const std::uint64_t id = next_peer_++;
  std::unique_ptr<Peer> peer;
  if (what == Listening::credentials) {
    peer = std::make_unique<CredentialsPeer>(*this, std::move(stream), id);
  } else {
    ++stats_.connections;
    peer = std::make_unique<BrokerPeer>(*this, std::move(stream), id);
  }
  if (!peer->start()) return;
  ++(what == Listening::credentials ? stats_.live_http_connections : stats_.live_connections);
  if (what == Listening::broker && faults_.frozen) peer->freeze(true);
  peers_[id] = {.peer = std::move(peer), .what = what};
}

void Server::mark_dirty(Peer& peer) {
  if (peer.dirty_) return;
  peer.dirty_ = true;
  dirty_.push_back(&peer);
  touch();
}

void Server::bury(Peer& peer) {
  buried_.push_back(peer.id());
  const auto found = peers_.find(peer.id());
  if (found == peers_.end()) return;
  --(found->second.what == Listening::credentials ? stats_.live_http_connections : stats_.live_connections);
  touch();
}

void Server::later(const Peer& peer, Instant at, std::vector<std::uint8_t> bytes, unsigned purpose) {
  delayed_.emplace(at, Delayed{.peer = peer.id(), .bytes = std::move(bytes), .purpose = purpose});
  reactor_.arm(*this, delayed_.begin()->first);
}

std::vector<Peer*> Server::broker_peers() const {
  std::vector<Peer*> found;
  for (const auto& [id, kept] : peers_) {
    if (kept.what == Listening::broker && !kept.peer->gone()) found.push_back(kept.peer.get());
  }
  return found;
}

void Server::on_turn_end(Instant) noexcept {
  // Flushing one peer may make others dirty (a lost connection's will), so the list grows while it is walked.
  for (std::size_t index = 0; index < dirty_.size(); ++index) {
    Peer& peer = *dirty_[index];
    peer.dirty_ = false;
    peer.flush();
  }
  dirty_.clear();
  for (const std::uint64_t id : buried_) peers_.erase(id);
  buried_.clear();
  if (on_change != nullptr) on_change(on_change_context);
}

void Server::on_timer(Instant now) noexcept {
  touch();
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    Delayed due = std::move(delayed_.begin()->second);
    delayed_.erase(delayed_.begin());
    const auto found = peers_.find(due.peer);
    if (found != peers_.end() && !found->second.peer->gone()) {
      found->second.peer->on_later(std::move(due.bytes), due.purpose);
    }
  }
  if (!delayed_.empty()) reactor_.arm(*this, delayed_.begin()->first);
}

}  // namespace axonpush::inline v0::testing
