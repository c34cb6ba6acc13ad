// What OpenSSL's numbers mean, in sentences of ours: nothing of the peer's and no secret gets into an error.
#pragma once

#include <axonpush/base/error.h>

#include <openssl/ssl.h>

namespace axonpush::inline v0::net {

// The peer's certificate was refused; `code` is an X509_V_ERR number. `ssl` tells which certificate of the chain it
// was, where that matters; it may be nullptr.
[[nodiscard]] Error verify_error(long code, const SSL* ssl) noexcept;
// Takes the first error off this thread's OpenSSL queue, empties the queue, and says what it means for a connection.
[[nodiscard]] Error take_tls_error(const SSL* ssl) noexcept;
// For setup: the same queue, but the culprit is the configuration (or the heap).
[[nodiscard]] Error take_setup_error(const char* what) noexcept;

}  // namespace axonpush::inline v0::net
