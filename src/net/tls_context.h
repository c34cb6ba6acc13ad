// What a TlsContext holds, for the rest of `net`.
#pragma once

#include <axonpush/net/tls.h>

#include <openssl/ssl.h>

namespace axonpush::inline v0::net {

struct TlsContext::Impl {
  ~Impl();
  SSL_CTX* context = nullptr;
  BIO_METHOD* bio_method = nullptr;
  InlineVec<SpkiPin, 8> pins;
  bool require_ocsp_staple = false;
};

// Four of the largest records and what TLS 1.3 puts around them: a burst of small ones costs one system call.
inline constexpr std::size_t kTlsReadBufferBytes = 4 * (16 * 1024 + 22);
// Everything the peer may send before the handshake is done.
inline constexpr std::size_t kTlsHandshakeBytes = 64 * 1024;
inline constexpr int kTlsChainDepth = 10;

// Made by the stream, which knows what the BIO's data is.
[[nodiscard]] BIO_METHOD* make_stream_bio_method() noexcept;
// SSL_CTX_sess_set_new_cb's callback; the stream is the SSL's app data.
int keep_session(SSL* ssl, SSL_SESSION* session) noexcept;

}  // namespace axonpush::inline v0::net
