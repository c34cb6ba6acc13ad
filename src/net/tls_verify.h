// The last word on a server's identity, after every handshake, full or resumed; the only place in `net` that proves a
// TLS connection verified.
#pragma once

#include <axonpush/base/transport.h>

#include "net/peer_name.h"
#include "net/tls_context.h"

namespace axonpush::inline v0::net {

// Sets up an SSL so that the handshake itself refuses a wrong chain or name.
[[nodiscard]] Status demand_name(SSL* ssl, const PeerName& name) noexcept;
// Everything once more, from the certificate itself: OpenSSL checks neither name nor dates nor chain of a resumed
// session.
[[nodiscard]] Result<TlsVerified> verify_peer(SSL* ssl, const PeerName& name, const TlsContext::Impl& context) noexcept;

}  // namespace axonpush::inline v0::net
