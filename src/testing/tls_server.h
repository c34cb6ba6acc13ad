// The server's half of TLS: a throw-away certificate authority with one leaf, and an SSL for each accepted socket.
//
// Thread rule: one thread. The keys live in memory only and die with the object.
#pragma once

#include <axonpush/base/result.h>

#include <openssl/ssl.h>

#include <string>

namespace axonpush::inline v0::testing {

class TlsServer {
 public:
  TlsServer() = default;
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  // Makes keys, certificates and the context. The leaf is good for localhost, 127.0.0.1 and ::1.
  [[nodiscard]] Status start();
  [[nodiscard]] const std::string& ca_pem() const noexcept { return ca_pem_; }
  // An SSL in accepting state on this descriptor, which stays the caller's. nullptr: the heap is exhausted.
  [[nodiscard]] SSL* open(int descriptor) const;

 private:
  SSL_CTX* context_ = nullptr;
  BIO_METHOD* method_ = nullptr;
  std::string ca_pem_;
};

}  // namespace axonpush::inline v0::testing
