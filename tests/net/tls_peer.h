// The server's end of TLS connections, in the test's own thread: OpenSSL over memory, so that the test decides which
// bytes reach the socket and when. It shares no code with src/net, and its system calls are not among the wrapped ones.
#pragma once

#include <axonpush/net/tls.h>

#include <openssl/ssl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/certificates.h"

namespace axonpush::net::test {

using axonpush::test::Certificate;
using axonpush::test::CertificateSpec;
using axonpush::test::FreeWith;
using ContextPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;

// How a server presents itself. Everything weak is allowed here: it is the client that has to refuse.
struct ServerSpec {
  std::vector<const Certificate*> chain = {};  // the leaf first
  int version_min = TLS1_2_VERSION;
  int version_max = TLS1_3_VERSION;
  const char* ciphers12 = "ALL:COMPLEMENTOFALL";
  const char* groups = nullptr;
  const char* alpn = nullptr;  // chosen whatever was offered
  const char* client_ca = nullptr;
  std::vector<unsigned char> staple = {};
};
[[nodiscard]] ContextPtr make_server_context(const ServerSpec& spec);

// A listening socket on 127.0.0.1, non-blocking.
class Listening {
 public:
  Listening();
  ~Listening();
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int accept() const;  // -1: nobody is there

 private:
  int descriptor_ = -1;
  std::uint16_t port_ = 0;
};

// Bytes to and from an accepted socket.
class RawPeer {
 public:
  explicit RawPeer(int descriptor) : descriptor_(descriptor) {}
  ~RawPeer() { close(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;
  // What has arrived since the last call.
  std::string read();
  // How many bytes the socket took.
  std::size_t write(std::string_view bytes);
  void finish();  // FIN
  void reset();   // RST
  void close();
  [[nodiscard]] bool at_end() const { return at_end_; }  // the client's FIN or RST has been read

 private:
  int descriptor_;
  bool at_end_ = false;
};

class TlsPeer {
 public:
  TlsPeer(int descriptor, SSL_CTX* context);
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;
  ~TlsPeer();

  // Takes what has arrived, lets OpenSSL work on it, and delivers what it wants to send. True when anything moved.
  bool step();
  void send(std::string_view plain);  // goes out with the next step
  void close_notify();
  void finish() { finish_ = true; }  // FIN behind everything queued
  void reset() { raw_.reset(); }

  [[nodiscard]] SSL* ssl() { return ssl_; }
  [[nodiscard]] RawPeer& raw() { return raw_; }
  [[nodiscard]] bool established() const { return SSL_is_init_finished(ssl_) == 1; }
  [[nodiscard]] bool failed() const { return failed_; }  // OpenSSL gave up on the client
  [[nodiscard]] unsigned long first_error() const { return first_error_; }
  [[nodiscard]] bool got_close_notify() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }

  std::string received;  // plain
  std::string outgoing;  // records that have not been delivered yet
  bool deaf = false;     // nothing is read from the socket
  bool held = false;     // nothing is delivered by step()
  // How many bytes of the rest are delivered at once; 0 is all.
  std::size_t delivery = 0;
  // Changes records on their way out.
  std::function<void(std::string& records)> tamper = {};

 private:
  RawPeer raw_;
  SSL* ssl_;
  BIO* in_;
  BIO* out_;
  std::string unsent_;  // plain
  bool failed_ = false;
  unsigned long first_error_ = 0;
  bool finish_ = false;
};

}  // namespace axonpush::net::test
