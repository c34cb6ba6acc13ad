#include <axonpush/net/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "net/descriptor.h"
#include "net/system_error.h"

namespace axonpush::inline v0::net {

namespace {

#if defined(MSG_NOSIGNAL)
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;  // SO_NOSIGPIPE does it there
#endif

int open_socket(int family) noexcept {
#if defined(SOCK_CLOEXEC) && defined(SOCK_NONBLOCK)
  return ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
#else
  Descriptor made(::socket(family, SOCK_STREAM, IPPROTO_TCP));
  return made && make_private(made.get()) ? made.release() : -1;
#endif
}

void set_options(int descriptor) noexcept {
  // A refused option makes the connection slower, not wrong.
  const int on = 1;
  static_cast<void>(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  static_cast<void>(::setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on));
#if defined(SO_NOSIGPIPE)
  static_cast<void>(::setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on));
#endif
}

socklen_t fill(sockaddr_storage& into, const IpAddress& address, std::uint16_t port) noexcept {
  into = {};
  if (address.is_v6()) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&into);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    v6->sin6_scope_id = address.scope();
    std::memcpy(&v6->sin6_addr, address.bytes().data(), 16);
    return sizeof *v6;
  }
  auto* v4 = reinterpret_cast<sockaddr_in*>(&into);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(port);
  std::memcpy(&v4->sin_addr, address.bytes().data(), 4);
  return sizeof *v4;
}

Error connect_error(int number) noexcept {
  const Error system = system_error(number, "the connection could not be opened");
  if (system.culprit() == Culprit::limit) return system;
  const char* what = "the connection could not be opened";
  if (number == ECONNREFUSED) what = "the connection was refused";
  if (number == ENETUNREACH || number == EHOSTUNREACH) what = "the address cannot be reached";
  if (number == ETIMEDOUT) {
    return Error(Errc::connect_timeout, "the address did not answer").with_number(static_cast<std::uint32_t>(number));
  }
  return Error(Errc::connect_failed, what).with_number(static_cast<std::uint32_t>(number));
}

// Dialling a free local port can, by TCP's simultaneous open, connect a socket to itself.
bool connected_to_itself(int descriptor) noexcept {
  sockaddr_storage local = {};
  sockaddr_storage peer = {};
  socklen_t local_size = sizeof local;
  socklen_t peer_size = sizeof peer;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&local), &local_size) != 0) return false;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) return false;
  return local_size == peer_size && std::memcmp(&local, &peer, local_size) == 0;
}

}  // namespace

Socket::Socket(Socket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), error_number_(other.error_number_) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this == &other) return *this;
  close();
  descriptor_ = std::exchange(other.descriptor_, -1);
  error_number_ = other.error_number_;
  return *this;
}

void Socket::close() noexcept { Descriptor(std::exchange(descriptor_, -1)).reset(); }

Result<Socket> Socket::connect(const IpAddress& address, std::uint16_t port) noexcept {
  Socket made(open_socket(address.is_v6() ? AF_INET6 : AF_INET));
  if (!made) return connect_error(errno);
  set_options(made.descriptor_);
  sockaddr_storage target;
  const socklen_t size = fill(target, address, port);
  if (::connect(made.descriptor_, reinterpret_cast<sockaddr*>(&target), size) == 0) return made;
  // An interrupted connect goes on in the background like any non-blocking one. EAGAIN does not: for TCP it says that
  // there is no room for the connection.
  if (errno == EINPROGRESS || errno == EINTR) return made;
  return connect_error(errno);
}

Status Socket::connected() const noexcept {
  int number = 0;
  socklen_t size = sizeof number;
  if (::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &number, &size) != 0) number = errno;
  if (number != 0) return connect_error(number);
  if (connected_to_itself(descriptor_)) return connect_error(ECONNREFUSED);
  return {};
}

IoResult Socket::failed(int number) noexcept {
  if (number == EAGAIN || number == EWOULDBLOCK) return {IoOutcome::would_block, 0};
  error_number_ = number;
  return {IoOutcome::error, 0};
}

IoResult Socket::recv(MutableBytes into) noexcept {
  if (into.empty()) return {};
  for (;;) {
    const ssize_t got = ::recv(descriptor_, into.data(), into.size(), 0);
    if (got > 0) return {IoOutcome::ok, static_cast<std::size_t>(got)};
    if (got == 0) return {IoOutcome::eof, 0};
    if (errno != EINTR) return failed(errno);
  }
}

IoResult Socket::send(Bytes from) noexcept {
  if (from.empty()) return {};
  for (;;) {
    const ssize_t put = ::send(descriptor_, from.data(), from.size(), kSendFlags);
    if (put > 0) return {IoOutcome::ok, static_cast<std::size_t>(put)};
    if (put == 0) return {IoOutcome::would_block, 0};
    if (errno != EINTR) return failed(errno);
  }
}

void Socket::shutdown_output() noexcept { static_cast<void>(::shutdown(descriptor_, SHUT_WR)); }

// --- Dialling

void Dialer::start(const IpAddresses& addresses, std::uint16_t port, Duration timeout) noexcept {
  cancel();
  addresses_ = addresses;
  port_ = port;
  next_ = 0;
  first_error_ = Error();
  const Instant now = reactor_.now();
  deadline_ = now + (timeout < kTotalMax ? timeout : kTotalMax);
  // The first attempt begins here and now; whatever it says at once is told in the next turn.
  begin_next();
  next_at_ = waiting() ? now + kStagger : now;
  schedule();
}

void Dialer::cancel() noexcept {
  reactor_.disarm(*this);
  for (Attempt& attempt : attempts_) finished(attempt);
}

bool Dialer::waiting() const noexcept {
  for (const Attempt& attempt : attempts_) {
    if (attempt.socket) return true;
  }
  return false;
}

void Dialer::finished(Attempt& attempt) noexcept {
  if (!attempt.socket) return;
  reactor_.remove(attempt.socket.descriptor(), attempt);
  attempt.socket.close();
}

void Dialer::remember(const Error& error) noexcept {
  if (!first_error_) first_error_ = error;
}

void Dialer::begin_next() noexcept {
  if (next_ == addresses_.size()) return;
  Attempt& attempt = attempts_[next_];
  attempt.dialer = this;
  Result<Socket> socket = Socket::connect(addresses_[next_++], port_);
  if (!socket.ok()) return remember(socket.error());
  const int descriptor = socket->descriptor();
  const Status added = reactor_.add(descriptor, {.read = false, .write = true}, attempt);
  if (!added.ok()) return remember(added.error());
  attempt.socket = std::move(*socket);
}

void Dialer::schedule() noexcept {
  reactor_.arm(*this, next_ < addresses_.size() ? earlier_of(next_at_, deadline_) : waiting() ? deadline_ : next_at_);
}

void Dialer::fail(const Error& error) noexcept {
  cancel();
  sink_.on_dial_failed(error);
}

void Dialer::on_timer(Instant now) noexcept {
  if (now >= deadline_) {
    return fail(waiting() || !first_error_ ? Error(Errc::connect_timeout, "no address answered in time")
                                           : first_error_);
  }
  if (next_ < addresses_.size()) {
    begin_next();
    // RFC 8305 5: a failed attempt does not make the next one wait.
    next_at_ = waiting() ? now + kStagger : now;
  }
  if (!waiting() && next_ == addresses_.size()) {
    return fail(first_error_ ? first_error_ : Error(Errc::dns_failed, "there is no address to connect to"));
  }
  schedule();
}

void Dialer::Attempt::on_ready(Interest) noexcept {
  Dialer& owner = *dialer;
  const Status stands = socket.connected();
  if (stands.ok()) {
    owner.reactor_.remove(socket.descriptor(), *this);
    Socket winner = std::move(socket);
    owner.cancel();
    return owner.sink_.on_dialed(std::move(winner));
  }
  owner.remember(stands.error());
  owner.finished(*this);
  if (!owner.waiting()) owner.next_at_ = owner.reactor_.now();
  owner.schedule();
}

}  // namespace axonpush::inline v0::net
