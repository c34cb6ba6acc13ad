#include "net/connection.h"

#include <cerrno>

#include "base/verified.h"
#include "net/heap.h"
#include "net/host_impl.h"

namespace axonpush::inline v0::net {

namespace {

// After the kernel had no memory for us: long enough not to spin, short enough not to be noticed.
constexpr Duration kStarvedRetry = milliseconds(100);

void discard_input(Socket& socket) noexcept {
  std::uint8_t discarded[4096];
  for (unsigned reads = 0; reads < 16; ++reads) {
    if (socket.recv(discarded).outcome != IoOutcome::ok) return;
  }
}

bool is_passing(int number) noexcept { return number == ENOBUFS || number == ENOMEM; }

}  // namespace

Connection::Connection(ReactorHost& host, ConnectionId id, ConnectionSink& sink) noexcept
    : host_(host), sink_(sink), id_(id), stream_(socket_, host.buffers()) {}

Connection::~Connection() { end(); }

// --- Opening

Status Connection::open(const Endpoint& endpoint) noexcept {
  security_ = endpoint.security;
  port_ = endpoint.port;
  allow_loopback_ = endpoint.allow_loopback;
  connect_timeout_ = endpoint.connect_timeout;
  handshake_timeout_ = endpoint.handshake_timeout;
  if (port_ == 0) return Error(Errc::invalid_argument, "port 0 cannot be dialled");
  if (Status named = name_.assign(endpoint.host); !named.ok()) return named;
  if (security_ == Security::tls && !host_.tls().status().ok()) return host_.tls().status();
  if (!endpoint.connect_address.empty() || name_.is_address()) return dial_literal(endpoint);
  Error error;
  query_ = host_.resolver().start(endpoint.host, *this, error);
  if (query_ == nullptr) {
    fail_later(error);
    return {};
  }
  state_ = State::resolving;
  host_.reactor().arm(*this, host_.now() + endpoint.resolve_timeout);
  return {};
}

// The host is an address itself, or the caller says where to dial: no look-up.
Status Connection::dial_literal(const Endpoint& endpoint) noexcept {
  explicit_address_ = !endpoint.connect_address.empty();
  IpAddress address;
  if (!IpAddress::parse(explicit_address_ ? endpoint.connect_address : endpoint.host, address)) {
    return Error(Errc::invalid_argument, "connect_address is no IP address");
  }
  IpAddresses one;
  if (!address.is_unusable()) static_cast<void>(one.push_back(address));
  dial(one);
  return {};
}

void Connection::dial(const IpAddresses& addresses) noexcept {
  IpAddresses usable;
  bool local_refused = false;
  for (const IpAddress& address : addresses) {
    // CONTRACT 1: a cleartext name is a loopback name only when all of its addresses are.
    if (security_ == Security::cleartext_loopback) {
      if (!address.is_loopback()) {
        return fail_later(Error(Errc::cleartext_refused, "without TLS only loopback addresses are dialled"));
      }
    } else if (!allow_loopback_ && !explicit_address_ && (address.is_loopback() || address.is_link_local())) {
      local_refused = true;  // a public name that leads into this machine is an attack on what listens here
      continue;
    }
    static_cast<void>(usable.push_back(address));
  }
  if (usable.empty()) {
    return fail_later(Error(Errc::dns_failed, local_refused ? "the name leads to loopback or link-local addresses only"
                                                            : "the name has no usable addresses"));
  }
  dialer_ = make<Dialer>(host_.reactor(), static_cast<DialSink&>(*this));
  if (dialer_ == nullptr) return fail_later(Error(Errc::no_memory, "no memory to connect"));
  state_ = State::connecting;
  dialer_->start(usable, port_, connect_timeout_);
}

void Connection::fail_later(const Error& error) noexcept {
  state_ = State::refused;
  error_ = error;
  host_.reactor().arm(*this, host_.now());
}

void Connection::on_resolved(const IpAddresses& addresses) noexcept {
  const ReactorHost::Entry entry(host_);
  query_ = nullptr;
  host_.reactor().disarm(*this);
  AddressCollector collector;  // a resolver of the program's own is vetted like ours
  for (const IpAddress& address : addresses) collector.add(address);
  dial(collector.interleaved());
}

void Connection::on_resolve_failed(const Error& error) noexcept {
  const ReactorHost::Entry entry(host_);
  query_ = nullptr;
  fail(error);
}

void Connection::on_dial_failed(const Error& error) noexcept {
  const ReactorHost::Entry entry(host_);
  fail(error);
}

void Connection::on_dialed(Socket socket) noexcept {
  const ReactorHost::Entry entry(host_);
  socket_ = std::move(socket);
  destroy(std::exchange(dialer_, nullptr));
  if (security_ == Security::cleartext_loopback) return established(TlsVerifiedIssuer::issue());
  state_ = State::handshaking;
  if (Status opened = stream_.open(*host_.tls().impl(), name_, port_, host_.sessions()); !opened.ok()) {
    return fail(opened.error());
  }
  handshake_deadline_ = host_.now() + handshake_timeout_;
  host_.reactor().arm(*this, handshake_deadline_);
  step_handshake();
}

void Connection::step_handshake() noexcept {
  const IoOutcome outcome = stream_.handshake();
  if (outcome == IoOutcome::error) return fail(stream_.error());
  if (outcome == IoOutcome::ok) {
    host_.reactor().disarm(*this);
    return established(stream_.take_proof());
  }
  after_io(stream_.starved());
}

void Connection::established(TlsVerified proof) noexcept {
  state_ = State::established;
  apply_interest();
  sink_.on_open(id_, *this, std::move(proof));
}

void Connection::fail(const Error& error) noexcept {
  const Error kept = error;  // it may live in what ends now
  end();
  host_.bury(*this);
  sink_.on_open_failed(id_, kept);
}

void Connection::end() noexcept {
  if (state_ == State::ended) return;
  state_ = State::ended;
  if (query_ != nullptr) host_.resolver().cancel(std::exchange(query_, nullptr));
  destroy(std::exchange(dialer_, nullptr));
  host_.reactor().disarm(*this);
  host_.reactor().remove(socket_.descriptor(), *this);
  // Closing with unread input sends RST, which can overtake the farewell that has just been written.
  if (shut_down_) discard_input(socket_);
  socket_.close();
}

// --- Turning

void Connection::on_timer(Instant now) noexcept {
  const ReactorHost::Entry entry(host_);
  switch (state_) {
    case State::refused:
      return fail(error_);
    case State::resolving:
      return fail(Error(Errc::dns_failed, "the name was not looked up in time"));
    case State::handshaking:
      if (starved_) {
        starved_ = false;
        stream_.readable();
        host_.reactor().arm(*this, handshake_deadline_);
        if (now < handshake_deadline_) return step_handshake();
      }
      return fail(Error(Errc::connect_timeout, "the TLS handshake was not finished in time"));
    case State::established:
      starved_ = false;
      stream_.readable();
      apply_interest();
      if (wanted_.read || wanted_.write) sink_.on_ready(id_, wanted_);
      return;
    case State::created:
    case State::connecting:
    case State::ended:
      return;
  }
}

void Connection::on_ready(Interest ready) noexcept {
  const ReactorHost::Entry entry(host_);
  if (ready.read) stream_.readable();
  if (state_ == State::handshaking) return step_handshake();
  // Established, for nobody else is watched; and what is not ready for the one is for the other.
  const Interest told{.read = wanted_.read && (ready.read || stream_.recv_wants_write()),
                      .write = wanted_.write && (ready.write || stream_.send_wants_read())};
  if (told.read || told.write) sink_.on_ready(id_, told);
}

void Connection::again() noexcept {
  if (state_ == State::established) host_.reactor().again(*this);
}

// What the kernel is asked for: TLS may have to write before it can read, and the other way round.
Interest Connection::kernel_interest() const noexcept {
  if (starved_) return {};
  if (state_ == State::handshaking) return stream_.handshake_interest();
  const bool swap_read = stream_.recv_wants_write();
  const bool swap_write = stream_.send_wants_read();
  return {.read = (wanted_.read && !swap_read) || (wanted_.write && swap_write),
          .write = (wanted_.write && !swap_write) || (wanted_.read && swap_read)};
}

void Connection::apply_interest() noexcept {
  if (!socket_) return;
  const Interest asked = kernel_interest();
  Reactor& reactor = host_.reactor();
  if (watched_ && asked.read == watched_for_.read && asked.write == watched_for_.write) return;
  const Status done =
      watched_ ? reactor.modify(socket_.descriptor(), asked, *this) : reactor.add(socket_.descriptor(), asked, *this);
  if (done.ok()) {
    watched_ = true;
    watched_for_ = asked;
    return;
  }
  // Without a watch nothing would ever move again: tried anew until the kernel has memory, or a deadline ends it.
  starved_ = true;
  reactor.arm(*this, host_.now() + kStarvedRetry);
}

// --- The Transport

void Connection::after_io(bool starved) noexcept {
  if (starved && !starved_) {
    starved_ = true;
    host_.reactor().arm(*this, host_.now() + kStarvedRetry);
  }
  apply_interest();
}

IoResult Connection::recv(MutableBytes into) noexcept {
  if (state_ != State::established) return {IoOutcome::error, 0};
  if (security_ == Security::tls) {
    const IoResult result = stream_.recv(into);
    if (result.outcome == IoOutcome::error) error_ = stream_.error();
    if (stream_.wants_again()) again();
    after_io(stream_.starved());
    return result;
  }
  return judge_cleartext(socket_.recv(into));
}

IoResult Connection::send(Bytes from) noexcept {
  if (state_ != State::established) return {IoOutcome::error, 0};
  if (security_ == Security::tls) {
    const IoResult result = stream_.send(from);
    if (result.outcome == IoOutcome::error) error_ = stream_.error();
    after_io(stream_.starved());
    return result;
  }
  return judge_cleartext(socket_.send(from));
}

IoResult Connection::judge_cleartext(IoResult result) noexcept {
  if (result.outcome != IoOutcome::error) return result;
  const int number = socket_.error_number();
  if (is_passing(number)) {
    after_io(true);
    return {};
  }
  error_ = Error(Errc::connection_lost, "the connection was lost").with_number(static_cast<std::uint32_t>(number));
  return result;
}

void Connection::interest(Interest wanted) noexcept {
  // What OpenSSL has read ahead is unknown to the kernel: who begins to read is asked to once.
  if (wanted.read && !wanted_.read) again();
  wanted_ = wanted;
  apply_interest();
}

IoOutcome Connection::shutdown() noexcept {
  if (state_ != State::established) return IoOutcome::error;
  if (shut_down_) return IoOutcome::ok;
  if (security_ == Security::tls) {
    const IoOutcome outcome = stream_.shutdown();
    if (outcome == IoOutcome::error) error_ = stream_.error();
    shut_down_ = outcome == IoOutcome::ok;
    return outcome;
  }
  socket_.shutdown_output();
  shut_down_ = true;
  return IoOutcome::ok;
}

}  // namespace axonpush::inline v0::net
