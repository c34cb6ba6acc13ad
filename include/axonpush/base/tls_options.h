// What a program may say about TLS. Plain data; net/tls.h makes a TlsContext of it. There is no option that turns the
// verification of the peer off.
#pragma once

#include <axonpush/base/inline_vec.h>

#include <string>

namespace axonpush::inline v0 {

// SHA-256 of a SubjectPublicKeyInfo (RFC 7469 2.4 names the form).
struct SpkiPin {
  std::uint8_t sha256[32] = {};
};

struct TlsOptions {
  std::string ca_file = {};                  // PEM; empty together with ca_pem: the system's trust store
  std::string ca_pem = {};                   // PEM text itself
  std::string client_certificate_file = {};  // PEM chain, leaf first
  std::string client_key_file = {};          // PEM
  // In addition to the chain's checks, never instead of them: one key of the chain must match. None, or at least two
  // (a single pin cannot be rotated).
  InlineVec<SpkiPin, 8> pins = {};
  bool offer_alpn_http11 = false;    // "http/1.1" and nothing else; off, because ALPN breaks AWS's custom authorizer
  bool require_ocsp_staple = false;  // refuse a must-staple certificate without its staple
  // Small read buffer, SSL_MODE_RELEASE_BUFFERS, no session kept for resumption: a quarter of the memory, an allocation
  // per record and a full handshake per connection.
  bool low_memory = false;
};

}  // namespace axonpush::inline v0
