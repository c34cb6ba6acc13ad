// Certificates made to order, in memory: authorities, leaves and everything that can be wrong with them.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace axonpush::test {

template <auto free_function>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    free_function(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;

enum class KeyKind {
  p256,
  p192,
  rsa2048,
  rsa1024
};

struct CertificateSpec {
  std::string common_name = "axonpush test";
  // As in openssl.cnf, e.g. {"subjectAltName", "DNS:localhost"}; an extension named here replaces the default one.
  std::vector<std::pair<std::string, std::string>> extensions = {};
  std::vector<std::string> raw_dns_names = {};  // subjectAltName with these bytes as they are, NUL and all
  std::vector<std::string> dropped = {};        // default extensions that are left out
  KeyKind key = KeyKind::p256;
  long not_before_days = -1;
  long not_after_days = 30;
  bool sha1 = false;
  bool authority = false;
};

// A certificate with its key and those that issued it.
class Certificate {
 public:
  // `issuer` nullptr: signs itself. Certificates are valid for "localhost" unless the extensions say otherwise.
  explicit Certificate(const CertificateSpec& spec, const Certificate* issuer = nullptr);

  [[nodiscard]] X509* x509() const { return certificate_.get(); }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }
  [[nodiscard]] std::string pem() const;
  [[nodiscard]] std::string key_pem() const;
  // SHA-256 of the SubjectPublicKeyInfo.
  [[nodiscard]] std::string spki_sha256() const;

 private:
  KeyPtr key_;
  X509Ptr certificate_;
};

// A file that goes with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace axonpush::test
