// One TLS connection over a Socket that stays its owner's: the handshake, records in and out, close_notify.
//
// What the socket has is read into a buffer that is lent while there is something in it, and OpenSSL takes from there
// what it needs. Its own reading ahead costs more: in front of each record it moves all that lies behind it in the
// buffer.
//
// Lifetime: neither moved nor copied; the socket, the pool and the context outlive it.
#pragma once

#include <axonpush/base/buffer.h>
#include <axonpush/net/socket.h>

#include "net/tls_facts.h"
#include "net/tls_sessions.h"
#include "net/tls_verify.h"

namespace axonpush::inline v0::net {

class TlsStream {
 public:
  TlsStream(Socket& socket, BufferPool& buffers) noexcept : socket_(socket), buffers_(buffers) {}
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  ~TlsStream();

  // Before anything else, once.
  [[nodiscard]] Status open(const TlsContext::Impl& context, const PeerName& name, std::uint16_t port,
                            TlsSessions& sessions) noexcept;
  // ok: done and verified. would_block: again when ready for what handshake_interest() says.
  [[nodiscard]] IoOutcome handshake() noexcept;
  [[nodiscard]] Interest handshake_interest() const noexcept { return {.read = !wants_write_, .write = wants_write_}; }
  // The proof; only after handshake() answered ok.
  [[nodiscard]] TlsVerified take_proof() noexcept;

  [[nodiscard]] IoResult recv(MutableBytes into) noexcept;
  [[nodiscard]] IoResult send(Bytes from) noexcept;
  [[nodiscard]] IoOutcome shutdown() noexcept;
  [[nodiscard]] const Error& error() const noexcept { return error_; }

  // The last recv has to write first; the last send has to read first.
  [[nodiscard]] bool recv_wants_write() const noexcept { return recv_wants_write_; }
  [[nodiscard]] bool send_wants_read() const noexcept { return send_wants_read_; }
  // The last recv stopped although there may be more: readiness will not tell.
  [[nodiscard]] bool wants_again() const noexcept { return wants_again_; }
  // The kernel was out of memory: readiness would spin; try again after a while.
  [[nodiscard]] bool starved() const noexcept { return starved_; }
  // The kernel says the socket is readable. Without it a recv after a short read answers would_block by itself.
  void readable() noexcept { drained_ = starved_ = false; }
  [[nodiscard]] bool resumed() const noexcept;
  void facts(TlsFacts& into) const noexcept { read_facts(ssl_, into); }

 private:
  friend BIO_METHOD* make_stream_bio_method() noexcept;
  friend int keep_session(SSL* ssl, SSL_SESSION* session) noexcept;

  // A read that brought no data goes on at once this often, then lets others have their turn.
  static constexpr unsigned kSilentReadsPerCall = 16;
  // So many tickets, key updates and the like without a byte of data between them are an attack. OpenSSL works through
  // a whole read buffer of them in one call: what is over the limit is found out behind it.
  static constexpr unsigned kSilentMessagesInARow = 128;

  static int bio_read(BIO* bio, char* into, int size) noexcept;
  static int bio_write(BIO* bio, const char* from, int size) noexcept;
  static void on_message(int written, int version, int type, const void* message, std::size_t size, SSL* ssl,
                         void* self) noexcept;
  int pull(char* into, int size, BIO* bio) noexcept;
  [[nodiscard]] IoResult read_socket(MutableBytes room) noexcept;
  int push(const char* from, int size, BIO* bio) noexcept;
  IoOutcome judge(int returned) noexcept;
  IoOutcome fail(Error error) noexcept;
  // The socket was empty, and nothing that came before is left: neither here nor in OpenSSL.
  [[nodiscard]] bool exhausted() const noexcept { return drained_ && ahead_.size() == 0 && SSL_has_pending(ssl_) == 0; }
  void offer(SSL_SESSION* session) noexcept;
  [[nodiscard]] IoOutcome finish_handshake() noexcept;

  Socket& socket_;
  BufferPool& buffers_;
  Buffer ahead_;  // records as they came
  SSL* ssl_ = nullptr;
  const TlsContext::Impl* context_ = nullptr;
  TlsSessions* sessions_ = nullptr;
  SSL_SESSION* early_session_ = nullptr;  // made before the peer was verified: kept back until it is
  PeerName name_;
  std::uint16_t port_ = 0;
  std::uint32_t handshake_bytes_ = 0;
  unsigned silent_messages_ = 0;
  IoOutcome ended_ = IoOutcome::ok;  // eof or error, from then on
  int socket_error_ = 0;
  bool verified_ = false;
  InlineVec<TlsVerified, 1> proof_;
  bool drained_ = false;  // the last read of the socket came back short: it is empty until it says otherwise
  bool blocked_ = false;  // the socket had nothing to give, or took nothing, in this call
  bool too_large_ = false;
  bool wants_write_ = false;
  bool recv_wants_write_ = false;
  bool send_wants_read_ = false;
  bool wants_again_ = false;
  bool starved_ = false;
  Error error_;
};

}  // namespace axonpush::inline v0::net
