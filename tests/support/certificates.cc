#include "support/certificates.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace axonpush::test {

namespace {

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;

// A test that cannot make its certificates has nothing to say.
void demand(bool fine, const char* what) {
  if (fine) return;
  std::fprintf(stderr, "certificates: %s failed\n", what);
  std::abort();
}

EVP_PKEY* make_key(KeyKind kind) {
  switch (kind) {
    case KeyKind::p256:
      return EVP_EC_gen("P-256");
    case KeyKind::p192:
      return EVP_EC_gen("P-192");
    case KeyKind::rsa2048:
      return EVP_RSA_gen(2048);
    case KeyKind::rsa1024:
      return EVP_RSA_gen(1024);
  }
  return nullptr;
}

void add_extension(X509* certificate, X509* issuer, const std::string& name, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  X509_EXTENSION* extension = X509V3_EXT_conf(nullptr, &context, name.c_str(), value.c_str());
  demand(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, name.c_str());
  X509_EXTENSION_free(extension);
}

void add_raw_names(X509* certificate, const std::vector<std::string>& names) {
  GENERAL_NAMES* all = sk_GENERAL_NAME_new_null();
  for (const std::string& name : names) {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    demand(ASN1_STRING_set(text, name.data(), static_cast<int>(name.size())) == 1, "a raw name");
    GENERAL_NAME* made = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(made, GEN_DNS, text);
    sk_GENERAL_NAME_push(all, made);
  }
  demand(X509_add1_ext_i2d(certificate, NID_subject_alt_name, all, 0, X509V3_ADD_APPEND) == 1, "raw names");
  GENERAL_NAMES_free(all);
}

std::string content_of(BIO* memory) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

Certificate::Certificate(const CertificateSpec& spec, const Certificate* issuer)
    : key_(make_key(spec.key)), certificate_(X509_new()) {
  demand(key_ != nullptr, "a key");
  X509* made = certificate_.get();
  X509_set_version(made, 2);
  unsigned char random[16];
  RAND_bytes(random, sizeof random);
  random[0] = static_cast<unsigned char>((random[0] & 0x7FU) | 0x40U);
  BIGNUM* number = BN_bin2bn(random, sizeof random, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(made));
  BN_free(number);
  const auto* name = reinterpret_cast<const unsigned char*>(spec.common_name.c_str());
  demand(X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8, name, -1, -1, 0) == 1, "a name");
  X509* signer = issuer == nullptr ? made : issuer->x509();
  X509_set_issuer_name(made, X509_get_subject_name(signer));
  constexpr long kDay = 24L * 3600;
  X509_gmtime_adj(X509_getm_notBefore(made), spec.not_before_days * kDay);
  X509_gmtime_adj(X509_getm_notAfter(made), spec.not_after_days * kDay);
  X509_set_pubkey(made, key_.get());
  std::vector<std::pair<std::string, std::string>> extensions = spec.extensions;
  const auto by_default = [&](const char* extension, const char* value) {
    const auto named = [&](const auto& other) { return other.first == extension; };
    if (std::ranges::any_of(spec.extensions, named)) return;
    if (std::ranges::find(spec.dropped, extension) != spec.dropped.end()) return;
    extensions.emplace_back(extension, value);
  };
  by_default("subjectKeyIdentifier", "hash");
  if (issuer != nullptr) by_default("authorityKeyIdentifier", "keyid");
  if (spec.authority) {
    by_default("basicConstraints", "critical,CA:TRUE");
    by_default("keyUsage", "critical,keyCertSign,cRLSign");
  } else {
    by_default("basicConstraints", "critical,CA:FALSE");
    by_default("keyUsage", "critical,digitalSignature");
    by_default("extendedKeyUsage", "serverAuth");
    if (spec.raw_dns_names.empty()) by_default("subjectAltName", "DNS:localhost");
  }
  for (const auto& [extension, value] : extensions) add_extension(made, signer, extension, value);
  if (!spec.raw_dns_names.empty()) add_raw_names(made, spec.raw_dns_names);
  EVP_PKEY* signing_key = issuer == nullptr ? key_.get() : issuer->key();
  demand(X509_sign(made, signing_key, spec.sha1 ? EVP_sha1() : EVP_sha256()) != 0, "signing");
}

std::string Certificate::pem() const {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  demand(PEM_write_bio_X509(memory.get(), certificate_.get()) == 1, "PEM");
  return content_of(memory.get());
}

std::string Certificate::key_pem() const {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  demand(PEM_write_bio_PrivateKey(memory.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1, "PEM");
  return content_of(memory.get());
}

std::string Certificate::spki_sha256() const {
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate_.get()), &encoded);
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(encoded, static_cast<std::size_t>(size), reinterpret_cast<unsigned char*>(digest.data()));
  OPENSSL_free(encoded);
  return digest;
}

TemporaryFile::TemporaryFile(std::string_view content) {
  const char* directory = std::getenv("TMPDIR");
  path_ = std::string(directory == nullptr ? "/tmp" : directory) + "/axonpush_test_XXXXXX";
  const int descriptor = ::mkstemp(path_.data());
  demand(descriptor >= 0, "a temporary file");
  demand(::write(descriptor, content.data(), content.size()) == static_cast<ssize_t>(content.size()), "writing a file");
  ::close(descriptor);
}

TemporaryFile::~TemporaryFile() { ::unlink(path_.c_str()); }

}  // namespace axonpush::test
