#include "testing/tls_server.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

namespace axonpush::inline v0::testing {

namespace {

template <auto free_function>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free_function(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Free<X509_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Free<BN_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using BioPtr = std::unique_ptr<BIO, Free<BIO_free_all>>;

// A year: `axonpush serve` may stand for long, and the key never leaves the process.
constexpr long kLifetimeSeconds = 365L * 24 * 3600;
// Clocks of containers and their hosts differ a little.
constexpr long kBackdatedSeconds = 3600;

struct Extension {
  int id;
  const char* value;
};
constexpr Extension kAuthorityExtensions[] = {
    {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
    {NID_key_usage, "critical,keyCertSign,cRLSign"},
    {NID_subject_key_identifier, "hash"},
};
constexpr Extension kLeafExtensions[] = {
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "serverAuth"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid"},
    {NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1"},
};

struct Signer {
  X509* certificate = nullptr;  // nullptr: signs itself
  EVP_PKEY* key = nullptr;
};

bool set_serial(X509* certificate) {
  std::uint8_t random[16];
  if (RAND_bytes(random, sizeof random) != 1) return false;
  random[0] = static_cast<std::uint8_t>((random[0] & 0x7FU) | 0x40U);  // RFC 5280 4.1.2.2: positive, at most 20 octets
  const NumberPtr number(BN_bin2bn(random, sizeof random, nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

CertificatePtr make_certificate(EVP_PKEY* key, const char* name, const Signer& signer,
                                std::span<const Extension> extensions) {
  CertificatePtr made(X509_new());
  if (!made || X509_set_version(made.get(), 2) != 1 || !set_serial(made.get())) return nullptr;
  X509_NAME* subject = X509_get_subject_name(made.get());
  const auto* text = reinterpret_cast<const unsigned char*>(name);
  if (X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, text, -1, -1, 0) != 1) return nullptr;
  X509* issuer = signer.certificate == nullptr ? made.get() : signer.certificate;
  if (X509_set_issuer_name(made.get(), X509_get_subject_name(issuer)) != 1) return nullptr;
  if (X509_gmtime_adj(X509_getm_notBefore(made.get()), -kBackdatedSeconds) == nullptr) return nullptr;
  if (X509_gmtime_adj(X509_getm_notAfter(made.get()), kLifetimeSeconds) == nullptr) return nullptr;
  if (X509_set_pubkey(made.get(), key) != 1) return nullptr;
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, made.get(), nullptr, nullptr, 0);
  for (const Extension& wanted : extensions) {
    const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, wanted.id, wanted.value));
    if (!extension || X509_add_ext(made.get(), extension.get(), -1) != 1) return nullptr;
  }
  if (X509_sign(made.get(), signer.key, EVP_sha256()) == 0) return nullptr;
  return made;
}

std::string pem_of(X509* certificate) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  if (!memory || PEM_write_bio_X509(memory.get(), certificate) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

// --- A socket BIO that cannot raise SIGPIPE, which OpenSSL's own can

int descriptor_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

bool passing(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

int bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t written = ::send(descriptor_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (written < 0 && passing(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(written);
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t read = ::recv(descriptor_of(bio), into, static_cast<std::size_t>(size), 0);
  if (read < 0 && passing(errno)) BIO_set_retry_read(bio);
  return static_cast<int>(read);
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int bio_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

BIO_METHOD* make_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "loopback socket");
  if (method == nullptr) return nullptr;
  if (BIO_meth_set_write(method, bio_write) == 1 && BIO_meth_set_read(method, bio_read) == 1 &&
      BIO_meth_set_ctrl(method, bio_control) == 1 && BIO_meth_set_create(method, bio_create) == 1) {
    return method;
  }
  BIO_meth_free(method);
  return nullptr;
}

SSL_CTX* make_context(X509* leaf, EVP_PKEY* key) {
  static constexpr unsigned char kSessionContext[] = "axonpush loopback";
  // Larger than a TLS record, so that a burst of small records is one read (as on the client's side).
  static constexpr std::size_t kReadBufferBytes = 32 * 1024;
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) return nullptr;
  // Ten thousand idle connections: buffers are given back whenever they are empty.
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, kReadBufferBytes);
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 && SSL_CTX_use_certificate(context, leaf) == 1 &&
      SSL_CTX_use_PrivateKey(context, key) == 1 &&
      SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1) == 1) {
    return context;
  }
  SSL_CTX_free(context);
  return nullptr;
}

}  // namespace

TlsServer::~TlsServer() {
  SSL_CTX_free(context_);
  BIO_meth_free(method_);
}

Status TlsServer::start() {
  const auto failed = [] {
    ERR_clear_error();
    return Error(Errc::internal, "OpenSSL could not make a certificate for the loopback service");
  };
  const KeyPtr authority_key(EVP_EC_gen("P-256"));
  const KeyPtr leaf_key(EVP_EC_gen("P-256"));
  if (!authority_key || !leaf_key) return failed();
  const CertificatePtr authority = make_certificate(authority_key.get(), "axonpush loopback throw-away CA",
                                                    {.key = authority_key.get()}, kAuthorityExtensions);
  if (!authority) return failed();
  const CertificatePtr leaf = make_certificate(
      leaf_key.get(), "localhost", {.certificate = authority.get(), .key = authority_key.get()}, kLeafExtensions);
  if (!leaf) return failed();
  ca_pem_ = pem_of(authority.get());
  context_ = make_context(leaf.get(), leaf_key.get());
  method_ = make_method();
  if (ca_pem_.empty() || context_ == nullptr || method_ == nullptr) return failed();
  return {};
}

SSL* TlsServer::open(int descriptor) const {
  SSL* ssl = SSL_new(context_);
  BIO* bio = BIO_new(method_);
  if (ssl == nullptr || bio == nullptr) {
    SSL_free(ssl);
    BIO_free(bio);
    ERR_clear_error();
    return nullptr;
  }
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
  SSL_set_bio(ssl, bio, bio);
  SSL_set_accept_state(ssl);
  return ssl;
}

}  // namespace axonpush::inline v0::testing
