#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "net/heap.h"
#include "net/pem.h"
#include "net/tls_error.h"

namespace axonpush::inline v0::net {

namespace {

// TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has nothing else (RFC 9325 4.2).
constexpr char kCiphers12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-"
    "SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kCiphers13[] = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
#if OPENSSL_VERSION_NUMBER >= 0x30500000L
constexpr char kGroups[] = "X25519MLKEM768:X25519:P-256:P-384";
#else
constexpr char kGroups[] = "X25519:P-256:P-384";
#endif
constexpr unsigned char kAlpnHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

// Every one is set, and set after OpenSSL has read its configuration file: that file may not lower them.
Status set_policy(SSL_CTX* context) noexcept {
  SSL_CTX_set_security_level(context, 2);
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 || SSL_CTX_set_max_proto_version(context, 0) != 1) {
    return take_setup_error("TLS 1.2 and later could not be demanded");
  }
  if (SSL_CTX_set_cipher_list(context, kCiphers12) != 1 || SSL_CTX_set_ciphersuites(context, kCiphers13) != 1) {
    return take_setup_error("the ciphers could not be set");
  }
  if (SSL_CTX_set1_groups_list(context, kGroups) != 1) return take_setup_error("the groups could not be set");
  SSL_CTX_clear_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_LEGACY_SERVER_CONNECT |
                                     SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION | SSL_OP_NO_TLSv1_3 | SSL_OP_NO_TLSv1_2);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_max_cert_list(context, static_cast<long>(kTlsHandshakeBytes));
  // No callback: one that answers 1 is how verification gets lost.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_verify_depth(context, kTlsChainDepth);
  if (SSL_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER) != 1) {
    return take_setup_error("the purpose of certificates could not be set");
  }
  return {};
}

void set_modes(SSL_CTX* context, const TlsOptions& options) noexcept {
  // Without AUTO_RETRY a read that met a message without data answers, so that a flood of them cannot hold the loop.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (options.low_memory) {
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  } else {
    SSL_CTX_clear_mode(context, SSL_MODE_RELEASE_BUFFERS);
  }
  // The stream does.
  SSL_CTX_set_read_ahead(context, 0);
  // A session holds the server's certificate, parsed: 6 KiB for each connection that may never be made.
  if (options.low_memory) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return;
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &keep_session);
}

Status set_trust(SSL_CTX* context, const TlsOptions& options) noexcept {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  if (options.ca_file.empty() && options.ca_pem.empty()) return add_trusted_system(store);
  if (!options.ca_file.empty()) {
    if (Status added = add_trusted_file(store, options.ca_file.c_str()); !added.ok()) return added;
  }
  if (!options.ca_pem.empty()) {
    if (options.ca_pem.size() > INT32_MAX) return Error(Errc::invalid_argument, "ca_pem is too large");
    if (Status added = add_trusted_pem(store, options.ca_pem); !added.ok()) return added;
  }
  return {};
}

Status set_up(TlsContext::Impl& impl, const TlsOptions& options) noexcept {
  if (options.pins.size() == 1) {
    return Error(Errc::invalid_argument, "a single pin cannot be rotated: give two or none");
  }
  if (options.client_certificate_file.empty() != options.client_key_file.empty()) {
    return Error(Errc::invalid_argument, "a client certificate needs its key, and a key its certificate");
  }
  ERR_clear_error();
  impl.bio_method = make_stream_bio_method();
  impl.context = SSL_CTX_new(TLS_client_method());
  if (impl.bio_method == nullptr || impl.context == nullptr) return take_setup_error("OpenSSL gave no TLS context");
  if (Status set = set_policy(impl.context); !set.ok()) return set;
  set_modes(impl.context, options);
  if (Status set = set_trust(impl.context, options); !set.ok()) return set;
  if (!options.client_key_file.empty()) {
    Status used =
        use_client_certificate(impl.context, options.client_certificate_file.c_str(), options.client_key_file.c_str());
    if (!used.ok()) return used;
  }
  if (options.offer_alpn_http11 && SSL_CTX_set_alpn_protos(impl.context, kAlpnHttp11, sizeof kAlpnHttp11) != 0) {
    return take_setup_error("the application protocol could not be offered");
  }
  impl.pins = options.pins;
  impl.require_ocsp_staple = options.require_ocsp_staple;
  if (options.require_ocsp_staple && SSL_CTX_set_tlsext_status_type(impl.context, TLSEXT_STATUSTYPE_ocsp) != 1) {
    return take_setup_error("OCSP staples could not be asked for");
  }
  return {};
}

}  // namespace

TlsContext::Impl::~Impl() {
  SSL_CTX_free(context);
  BIO_meth_free(bio_method);
}

TlsContext::TlsContext(const TlsOptions& options) noexcept : impl_(make<Impl>()) {
  status_ = impl_ == nullptr ? Status(Error(Errc::no_memory, "no memory for a TLS context")) : set_up(*impl_, options);
  ERR_clear_error();
}

TlsContext::~TlsContext() { destroy(impl_); }

}  // namespace axonpush::inline v0::net
