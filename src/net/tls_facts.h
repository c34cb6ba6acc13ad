// What there is to say about one TLS connection, for people: version, cipher and the chain of certificates. Nothing in
// here is secret; the names are the peer's and printable ASCII. Who calls it: the tool's doctor.
#pragma once

#include <axonpush/base/fixed_text.h>
#include <axonpush/base/inline_vec.h>
#include <axonpush/base/time.h>

#include <openssl/ssl.h>

namespace axonpush::inline v0::net {

struct TlsFacts {
  static constexpr std::size_t kNameBytes = 160;  // of a distinguished name; cut
  static constexpr std::size_t kCertificates = 8;
  struct Certificate {
    FixedText<kNameBytes> subject;
    FixedText<kNameBytes> issuer;
    WallTime not_after;
  };
  FixedText<16> version;
  FixedText<64> cipher;
  // Leaf first. After a refused handshake: as far as it could be built.
  InlineVec<Certificate, kCertificates> chain;
};

void read_facts(const SSL* ssl, TlsFacts& into) noexcept;

}  // namespace axonpush::inline v0::net
