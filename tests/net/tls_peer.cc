#include "net/tls_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace axonpush::net::test {

namespace {

void demand(bool fine) {
  if (!fine) std::abort();
}

int give_staple(SSL* ssl, void* staple) {
  const auto& bytes = *static_cast<const std::vector<unsigned char>*>(staple);
  // OpenSSL frees what it is given.
  auto* copy = static_cast<unsigned char*>(OPENSSL_memdup(bytes.data(), bytes.size()));
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(bytes.size()));
  return SSL_TLSEXT_ERR_OK;
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* size, const unsigned char*, unsigned, void* wanted) {
  const auto* name = static_cast<const char*>(wanted);
  *out = reinterpret_cast<const unsigned char*>(name);
  *size = static_cast<unsigned char>(std::strlen(name));
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

ContextPtr make_server_context(const ServerSpec& spec) {
  ContextPtr made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made.get();
  SSL_CTX_set_security_level(context, 0);
  demand(SSL_CTX_set_min_proto_version(context, spec.version_min) == 1);
  demand(SSL_CTX_set_max_proto_version(context, spec.version_max) == 1);
  demand(SSL_CTX_set_cipher_list(context, (std::string(spec.ciphers12) + ":@SECLEVEL=0").c_str()) == 1);
  if (spec.groups != nullptr) demand(SSL_CTX_set1_groups_list(context, spec.groups) == 1);
  if (!spec.chain.empty()) {
    demand(SSL_CTX_use_certificate(context, spec.chain[0]->x509()) == 1);
    demand(SSL_CTX_use_PrivateKey(context, spec.chain[0]->key()) == 1);
    for (std::size_t index = 1; index < spec.chain.size(); ++index) {
      demand(SSL_CTX_add1_chain_cert(context, spec.chain[index]->x509()) == 1);
    }
  }
  // Only what is listed goes out: OpenSSL would otherwise complete the chain from its store.
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  static constexpr unsigned char kSessionContext[] = "test";
  demand(SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext) == 1);
  if (spec.alpn != nullptr) SSL_CTX_set_alpn_select_cb(context, choose_alpn, const_cast<char*>(spec.alpn));
  if (!spec.staple.empty()) {
    // The context lives longer than the spec: kept for the rest of the program.
    static std::vector<std::unique_ptr<std::vector<unsigned char>>> kept;
    kept.push_back(std::make_unique<std::vector<unsigned char>>(spec.staple));
    SSL_CTX_set_tlsext_status_cb(context, give_staple);
    SSL_CTX_set_tlsext_status_arg(context, kept.back().get());
  }
  if (spec.client_ca != nullptr) {
    demand(SSL_CTX_load_verify_locations(context, spec.client_ca, nullptr) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return made;
}

// --- Sockets

Listening::Listening() {
  descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  demand(descriptor_ >= 0 && ::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
         ::listen(descriptor_, 64) == 0 &&
         ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
}
Listening::~Listening() { ::close(descriptor_); }
int Listening::accept() const {
  const int accepted = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  const int on = 1;
  if (accepted >= 0) ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return accepted;
}

std::string RawPeer::read() {
  std::string bytes;
  char block[16 * 1024];
  while (descriptor_ >= 0 && !at_end_) {
    const ssize_t got = ::recvfrom(descriptor_, block, sizeof block, 0, nullptr, nullptr);
    if (got > 0) {
      bytes.append(block, static_cast<std::size_t>(got));
      continue;
    }
    at_end_ = got == 0 || (errno != EAGAIN && errno != EINTR);
    break;
  }
  return bytes;
}
std::size_t RawPeer::write(std::string_view bytes) {
  if (descriptor_ < 0) return bytes.size();  // it falls into the void
  const ssize_t put = ::sendto(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0);
  return put > 0 ? static_cast<std::size_t>(put) : errno == EAGAIN ? 0 : bytes.size();
}
void RawPeer::finish() {
  if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_WR);
}
void RawPeer::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  if (descriptor_ >= 0) ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}
void RawPeer::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

// --- TLS

TlsPeer::TlsPeer(int descriptor, SSL_CTX* context)
    : raw_(descriptor), ssl_(SSL_new(context)), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
  demand(ssl_ != nullptr);
  BIO_set_mem_eof_return(in_, -1);
  SSL_set_bio(ssl_, in_, out_);
  SSL_set_accept_state(ssl_);
}
TlsPeer::~TlsPeer() { SSL_free(ssl_); }

void TlsPeer::send(std::string_view plain) { unsent_.append(plain); }

void TlsPeer::close_notify() {
  step();
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

bool TlsPeer::step() {
  bool moved = false;
  if (!deaf) {
    const std::string arrived = raw_.read();
    moved = !arrived.empty();
    if (!arrived.empty()) BIO_write(in_, arrived.data(), static_cast<int>(arrived.size()));
  }
  ERR_clear_error();
  if (!failed_) {
    char block[16 * 1024];
    std::size_t got = 0;
    while (SSL_read_ex(ssl_, block, sizeof block, &got) == 1) {
      received.append(block, got);
      moved = true;
    }
    const int reason = SSL_get_error(ssl_, 0);
    failed_ = reason == SSL_ERROR_SSL || reason == SSL_ERROR_SYSCALL;
    if (failed_) first_error_ = ERR_peek_error();
    if (!failed_ && established() && !unsent_.empty()) {
      std::size_t put = 0;
      if (SSL_write_ex(ssl_, unsent_.data(), unsent_.size(), &put) == 1) unsent_.clear();
    }
  }
  ERR_clear_error();
  char* records = nullptr;
  const long size = BIO_get_mem_data(out_, &records);
  if (size > 0) {
    std::string made(records, static_cast<std::size_t>(size));
    static_cast<void>(BIO_reset(out_));
    if (tamper) tamper(made);
    outgoing += made;
  }
  if (held) return moved;
  if (!outgoing.empty()) {
    const std::size_t part = delivery == 0 ? outgoing.size() : std::min(delivery, outgoing.size());
    const std::size_t put = raw_.write(std::string_view(outgoing).substr(0, part));
    outgoing.erase(0, put);
    moved = moved || put != 0;
  }
  if (finish_ && outgoing.empty()) {
    raw_.finish();
    finish_ = false;
    moved = true;
  }
  return moved;
}

}  // namespace axonpush::net::test
