#include "net/tls_facts.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <ctime>

namespace axonpush::inline v0::net {

namespace {

// RFC 4514's form; control characters and everything beyond ASCII are escaped by it.
FixedText<TlsFacts::kNameBytes> text_of_name(const X509_NAME* name) noexcept {
  FixedText<TlsFacts::kNameBytes> text;
  BIO* memory = BIO_new(BIO_s_mem());
  if (memory == nullptr) return text;
  char* written = nullptr;
  if (X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253) >= 0) {
    const long size = BIO_get_mem_data(memory, &written);
    const std::size_t kept = size < 0 ? 0 : static_cast<std::size_t>(size);
    if (kept != 0) static_cast<void>(text.assign({written, kept < text.capacity() ? kept : text.capacity()}));
  }
  BIO_free(memory);
  return text;
}

WallTime time_of(const ASN1_TIME* time) noexcept {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return WallTime::from_nanoseconds(static_cast<std::int64_t>(timegm(&parts)) * 1'000'000'000);
}

}  // namespace

void read_facts(const SSL* ssl, TlsFacts& into) noexcept {
  into = TlsFacts{};
  if (ssl == nullptr) return;
  static_cast<void>(into.version.assign(SSL_get_version(ssl)));
  if (const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl)) {
    static_cast<void>(into.cipher.assign(SSL_CIPHER_get_name(cipher)));
  }
  STACK_OF(X509)* chain = SSL_get0_verified_chain(ssl);
  if (chain == nullptr) chain = SSL_get_peer_cert_chain(ssl);
  for (int at = 0; chain != nullptr && at < sk_X509_num(chain) && !into.chain.full(); ++at) {
    const X509* certificate = sk_X509_value(chain, at);
    static_cast<void>(into.chain.push_back({.subject = text_of_name(X509_get_subject_name(certificate)),
                                            .issuer = text_of_name(X509_get_issuer_name(certificate)),
                                            .not_after = time_of(X509_get0_notAfter(certificate))}));
  }
  ERR_clear_error();
}

}  // namespace axonpush::inline v0::net
