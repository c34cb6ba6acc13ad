#include "net/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <cerrno>

#include "net/tls_error.h"

namespace axonpush::inline v0::net {

namespace {

long bio_control(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int bio_create(BIO* bio) noexcept {
  BIO_set_init(bio, 1);
  return 1;
}

bool is_passing(int number) noexcept { return number == ENOBUFS || number == ENOMEM; }

// The queue is the thread's: what another connection left there would be taken for this one's failure. To look is a
// third of what clearing costs, and there is hardly ever anything.
void clear_errors() noexcept {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

Error socket_failed(int number) noexcept {
  return Error(Errc::connection_lost, "the connection was lost").with_number(static_cast<std::uint32_t>(number));
}

}  // namespace

// --- The BIO

BIO_METHOD* make_stream_bio_method() noexcept {
  // Without an index of its own: OpenSSL has 127 of them for the whole process, and a context is no reason to take one.
  BIO_METHOD* method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "axonpush");
  if (method == nullptr) return nullptr;
  if (BIO_meth_set_write(method, &TlsStream::bio_write) == 1 && BIO_meth_set_read(method, &TlsStream::bio_read) == 1 &&
      BIO_meth_set_ctrl(method, bio_control) == 1 && BIO_meth_set_create(method, bio_create) == 1) {
    return method;
  }
  BIO_meth_free(method);
  return nullptr;
}

int TlsStream::bio_read(BIO* bio, char* into, int size) noexcept {
  BIO_clear_retry_flags(bio);
  return static_cast<TlsStream*>(BIO_get_data(bio))->pull(into, size, bio);
}

int TlsStream::bio_write(BIO* bio, const char* from, int size) noexcept {
  BIO_clear_retry_flags(bio);
  return static_cast<TlsStream*>(BIO_get_data(bio))->push(from, size, bio);
}

int TlsStream::pull(char* into, int size, BIO* bio) noexcept {
  if (size <= 0) return 0;
  const MutableBytes wanted{reinterpret_cast<std::uint8_t*>(into), static_cast<std::size_t>(size)};
  if (ahead_.size() == 0) {
    ahead_ = buffers_.take(kTlsReadBufferBytes);
    // Without memory for a buffer OpenSSL is given what it asks for.
    const IoResult got = read_socket(ahead_ ? ahead_.writable() : wanted);
    if (got.outcome != IoOutcome::ok) {
      ahead_.reset();
      if (got.outcome == IoOutcome::error) return -1;
      if (got.outcome == IoOutcome::eof) {
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
        return 0;
      }
      blocked_ = true;
      BIO_set_retry_read(bio);
      return -1;
    }
    if (!ahead_) return static_cast<int>(got.size);
    ahead_.commit(got.size);
  }
  const std::size_t taken = ahead_.size() < wanted.size() ? ahead_.size() : wanted.size();
  std::memcpy(into, ahead_.readable().data(), taken);
  ahead_.consume(taken);
  if (ahead_.size() == 0) ahead_.reset();
  return static_cast<int>(taken);
}

IoResult TlsStream::read_socket(MutableBytes room) noexcept {
  if (!verified_) {
    // Until the peer has proved who it is, it gets no more of our attention than this.
    if (handshake_bytes_ >= kTlsHandshakeBytes) {
      too_large_ = true;
      return {IoOutcome::error, 0};
    }
    if (room.size() > kTlsHandshakeBytes - handshake_bytes_) room = room.first(kTlsHandshakeBytes - handshake_bytes_);
  }
  if (drained_) return {};
  const IoResult got = socket_.recv(room);
  if (got.outcome == IoOutcome::ok) {
    // A short read has emptied the socket: the next one would be a system call to be told so.
    drained_ = got.size < room.size();
    if (!verified_) handshake_bytes_ += static_cast<std::uint32_t>(got.size);
  }
  if (got.outcome != IoOutcome::error) return got;
  if (is_passing(socket_.error_number())) {
    starved_ = true;
    return {};
  }
  socket_error_ = socket_.error_number();
  return got;
}

int TlsStream::push(const char* from, int size, BIO* bio) noexcept {
  if (size <= 0) return 0;
  const IoResult put = socket_.send({reinterpret_cast<const std::uint8_t*>(from), static_cast<std::size_t>(size)});
  if (put.outcome == IoOutcome::ok) return static_cast<int>(put.size);
  if (put.outcome == IoOutcome::error) {
    if (!is_passing(socket_.error_number())) {
      socket_error_ = socket_.error_number();
      return -1;
    }
    starved_ = true;
  }
  blocked_ = true;
  BIO_set_retry_write(bio);
  return -1;
}

// --- Setting up, handshake

TlsStream::~TlsStream() {
  // A connection that ends without ceremony stays resumable: OpenSSL would spoil its session unless it believes that
  // both directions were closed. After a fatal error of TLS it is spoilt already, as RFC 5246 7.2.2 demands.
  if (ssl_ != nullptr && verified_) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
  SSL_SESSION_free(early_session_);
}

Status TlsStream::open(const TlsContext::Impl& context, const PeerName& name, std::uint16_t port,
                       TlsSessions& sessions) noexcept {
  context_ = &context;
  name_ = name;
  port_ = port;
  sessions_ = &sessions;
  ERR_clear_error();
  ssl_ = SSL_new(context.context);
  BIO* bio = ssl_ == nullptr ? nullptr : BIO_new(context.bio_method);
  if (bio == nullptr) return take_setup_error("TLS could not be set up");
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_app_data(ssl_, this);
  SSL_set_msg_callback(ssl_, &TlsStream::on_message);
  SSL_set_msg_callback_arg(ssl_, this);
  SSL_set_connect_state(ssl_);
  if (Status demanded = demand_name(ssl_, name_); !demanded.ok()) return demanded;
  // A staple comes with a full handshake only.
  if (context.require_ocsp_staple) return {};
  SSL_SESSION* session = sessions.take(name_.view(), port_);
  if (session == nullptr) return {};
  const bool resuming = SSL_set_session(ssl_, session) == 1;
  SSL_SESSION_free(session);
  ERR_clear_error();
  static_cast<void>(resuming);  // if not, the handshake is a full one
  return {};
}

IoOutcome TlsStream::fail(Error error) noexcept {
  ended_ = IoOutcome::error;
  error_ = std::move(error);
  return IoOutcome::error;
}

// What a call that did not succeed means.
IoOutcome TlsStream::judge(int returned) noexcept {
  const int reason = SSL_get_error(ssl_, returned);
  wants_write_ = reason == SSL_ERROR_WANT_WRITE;
  if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) return IoOutcome::would_block;
  if (reason == SSL_ERROR_ZERO_RETURN) return ended_ = IoOutcome::eof;
  if (too_large_) return fail(Error(Errc::tls_protocol, "the server's side of the handshake is larger than 64 KiB"));
  if (reason == SSL_ERROR_SYSCALL) {
    ERR_clear_error();
    if (socket_error_ != 0) return fail(socket_failed(socket_error_));
    return fail(Error(Errc::tls_truncated, "the stream ended without TLS close_notify"));
  }
  return fail(take_tls_error(ssl_));
}

IoOutcome TlsStream::handshake() noexcept {
  if (ended_ != IoOutcome::ok) return ended_;
  if (verified_) return IoOutcome::ok;
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_);
  if (returned == 1) return finish_handshake();
  const IoOutcome outcome = judge(returned);
  if (outcome == IoOutcome::eof) {
    return fail(Error(Errc::tls_truncated, "the server closed TLS in the middle of the handshake"));
  }
  if (outcome == IoOutcome::error && error_.code() == Errc::tls_truncated) {
    return fail(Error(Errc::tls_truncated, "the server ended the stream in the middle of the TLS handshake"));
  }
  return outcome;
}

IoOutcome TlsStream::finish_handshake() noexcept {
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &protocol, &size);
  if (size != 0 && text_of({protocol, size}) != "http/1.1") {
    return fail(Error(Errc::tls_protocol, "the server chose an application protocol that was not offered"));
  }
  Result<TlsVerified> proof = verify_peer(ssl_, name_, *context_);
  if (!proof.ok()) return fail(proof.error());
  verified_ = proof_.push_back(std::move(*proof));
  silent_messages_ = 0;
  if (early_session_ != nullptr) offer(std::exchange(early_session_, nullptr));
  return IoOutcome::ok;
}

TlsVerified TlsStream::take_proof() noexcept {
  if (proof_.empty()) __builtin_trap();  // stays on in release: without the proof no secret may ever be written
  TlsVerified proof = std::move(proof_[0]);
  proof_.clear();
  return proof;
}

bool TlsStream::resumed() const noexcept { return ssl_ != nullptr && SSL_session_reused(ssl_) == 1; }

void TlsStream::offer(SSL_SESSION* session) noexcept {
  if (SSL_SESSION_is_resumable(session) == 1) {
    sessions_->put(name_.view(), port_, session);
  } else {
    SSL_SESSION_free(session);
  }
}

int keep_session(SSL* ssl, SSL_SESSION* session) noexcept {
  auto* stream = static_cast<TlsStream*>(SSL_get_app_data(ssl));
  if (stream == nullptr || stream->context_->require_ocsp_staple) return 0;
  if (stream->verified_) {
    stream->offer(session);
  } else {
    SSL_SESSION_free(stream->early_session_);
    stream->early_session_ = session;
  }
  return 1;
}

// --- Data

// Counts what the peer says behind the handshake without giving data.
void TlsStream::on_message(int written, int, int type, const void*, std::size_t, SSL*, void* self) noexcept {
  if (written == 0 && type == SSL3_RT_HANDSHAKE) ++static_cast<TlsStream*>(self)->silent_messages_;
}

IoResult TlsStream::recv(MutableBytes into) noexcept {
  const bool unwritten = std::exchange(recv_wants_write_, false);
  wants_again_ = false;
  if (into.empty()) return {};
  // OpenSSL would only say the same.
  if (ended_ == IoOutcome::ok && !unwritten && exhausted()) return {};
  std::size_t total = 0;
  unsigned silent = 0;
  IoOutcome outcome = ended_;
  while (outcome == IoOutcome::ok && total < into.size()) {
    clear_errors();
    blocked_ = false;
    std::size_t got = 0;
    const int returned = SSL_read_ex(ssl_, into.data() + total, into.size() - total, &got);
    if (returned == 1) {
      total += got;
      silent_messages_ = 0;
      if (exhausted()) break;
      continue;
    }
    outcome = judge(returned);
    if (outcome != IoOutcome::error && silent_messages_ > kSilentMessagesInARow) {
      outcome = fail(Error(Errc::tls_protocol, "too many TLS messages without data"));
    }
    if (outcome != IoOutcome::would_block || blocked_) break;
    // A message without data: OpenSSL may hold more, of which the kernel knows nothing.
    outcome = IoOutcome::ok;
    if (++silent == kSilentReadsPerCall) {
      wants_again_ = true;
      outcome = IoOutcome::would_block;
    }
  }
  recv_wants_write_ = outcome == IoOutcome::would_block && wants_write_;
  // An end that came behind data is told by the next call.
  if (total != 0) return {IoOutcome::ok, total};
  return {outcome, 0};
}

IoResult TlsStream::send(Bytes from) noexcept {
  send_wants_read_ = false;
  if (ended_ == IoOutcome::error) return {IoOutcome::error, 0};
  if (from.empty()) return {};
  std::size_t total = 0;
  while (total < from.size()) {
    clear_errors();
    std::size_t put = 0;
    const int returned = SSL_write_ex(ssl_, from.data() + total, from.size() - total, &put);
    if (returned == 1) {
      total += put;
      continue;
    }
    IoOutcome outcome = judge(returned);
    // The peer's close_notify ends its direction, not ours, but behind it OpenSSL takes every failure for that: what
    // the socket says is the reason.
    if (outcome == IoOutcome::eof) outcome = fail(socket_failed(socket_error_));
    if (outcome == IoOutcome::would_block) {
      send_wants_read_ = !wants_write_;
      break;
    }
    if (total != 0) break;
    return {outcome, 0};
  }
  return total != 0 ? IoResult{IoOutcome::ok, total} : IoResult{IoOutcome::would_block, 0};
}

IoOutcome TlsStream::shutdown() noexcept {
  if (ended_ == IoOutcome::error) return IoOutcome::error;
  ERR_clear_error();
  // RFC 8446 6.1: close_notify ends our direction; the peer's answer is not awaited here but read like data.
  const int returned = SSL_shutdown(ssl_);
  if (returned < 0) {
    const int reason = SSL_get_error(ssl_, returned);
    if (reason == SSL_ERROR_WANT_WRITE) return IoOutcome::would_block;
    ERR_clear_error();
  }
  socket_.shutdown_output();
  return IoOutcome::ok;
}

}  // namespace axonpush::inline v0::net
