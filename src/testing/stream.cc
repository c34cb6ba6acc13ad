#include "testing/stream.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace axonpush::inline v0::testing {

namespace {

IoResult judge_plain(ssize_t returned) noexcept {
  if (returned > 0) return {IoOutcome::ok, static_cast<std::size_t>(returned)};
  if (returned == 0) return {IoOutcome::eof, 0};
  const bool passing = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {passing ? IoOutcome::would_block : IoOutcome::error, 0};
}

int clamp_size(std::size_t size) noexcept { return static_cast<int>(std::min<std::size_t>(size, INT_MAX)); }

}  // namespace

Stream::~Stream() {
  SSL_free(ssl_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

IoResult Stream::judge(int returned) noexcept {
  if (returned > 0) return {IoOutcome::ok, static_cast<std::size_t>(returned)};
  const int reason = SSL_get_error(ssl_, returned);
  if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
    read_wants_write_ = reason == SSL_ERROR_WANT_WRITE;
    return {IoOutcome::would_block, 0};
  }
  if (reason == SSL_ERROR_ZERO_RETURN) return {IoOutcome::eof, 0};
  broken_ = true;
  ERR_clear_error();
  return {IoOutcome::error, 0};
}

IoResult Stream::read(MutableBytes into) noexcept {
  if (into.empty()) return {};
  if (ssl_ == nullptr) return judge_plain(::recv(descriptor_, into.data(), into.size(), 0));
  read_wants_write_ = false;
  // The queue is the thread's: what another connection left in it would be taken for this one's failure.
  ERR_clear_error();
  return judge(SSL_read(ssl_, into.data(), clamp_size(into.size())));
}

IoResult Stream::write(Bytes from) noexcept {
  if (from.empty()) return {};
  if (ssl_ == nullptr) return judge_plain(::send(descriptor_, from.data(), from.size(), MSG_NOSIGNAL));
  ERR_clear_error();
  return judge(SSL_write(ssl_, from.data(), clamp_size(from.size())));
}

void Stream::end_output() noexcept {
  if (ssl_ != nullptr && !broken_ && SSL_is_init_finished(ssl_) == 1) {
    ERR_clear_error();
    static_cast<void>(SSL_shutdown(ssl_));
    ERR_clear_error();
  }
  static_cast<void>(::shutdown(descriptor_, SHUT_WR));
}

void Stream::reset_on_close() noexcept {
  const ::linger at_once{.l_onoff = 1, .l_linger = 0};
  static_cast<void>(::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
  broken_ = true;
}

}  // namespace axonpush::inline v0::testing
