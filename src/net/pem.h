// Certificates and keys out of PEM files and text. Files are opened close-on-exec and read whole.
#pragma once

#include <axonpush/base/result.h>

#include <openssl/ssl.h>

namespace axonpush::inline v0::net {

// Adds every certificate of the text to the store. At least one has to be there, and nothing broken beside it.
[[nodiscard]] Status add_trusted_pem(X509_STORE* store, std::string_view pem) noexcept;
// `path` is terminated with NUL.
[[nodiscard]] Status add_trusted_file(X509_STORE* store, const char* path) noexcept;
// The system's: the bundle and the directory OpenSSL was built with, or SSL_CERT_FILE and SSL_CERT_DIR. Read here and
// now, so that no handshake ever waits for a disk.
[[nodiscard]] Status add_trusted_system(X509_STORE* store) noexcept;
// A client's chain, leaf first, and its key, which must not be encrypted.
[[nodiscard]] Status use_client_certificate(SSL_CTX* context, const char* chain_path, const char* key_path) noexcept;

}  // namespace axonpush::inline v0::net
