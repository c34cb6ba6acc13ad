// The TLS sessions of one host object, for resumption: keyed by host and port, and by the context, because each host
// has one context only. Few, and gone with their owner.
#pragma once

#include <axonpush/limits.h>

#include <openssl/ssl.h>

#include "net/peer_name.h"

namespace axonpush::inline v0::net {

class TlsSessions {
 public:
  TlsSessions() noexcept = default;
  TlsSessions(const TlsSessions&) = delete;
  TlsSessions& operator=(const TlsSessions&) = delete;
  ~TlsSessions();

  // Takes over the reference. The one used least recently makes room.
  void put(std::string_view host, std::uint16_t port, SSL_SESSION* session) noexcept;
  // A reference for the caller, or nullptr. A TLS 1.3 ticket is given out once (RFC 8446 C.4).
  [[nodiscard]] SSL_SESSION* take(std::string_view host, std::uint16_t port) noexcept;
  [[nodiscard]] std::size_t size() const noexcept;

 private:
  struct Entry {
    FixedText<limits::kHostBytes> host;
    std::uint16_t port = 0;
    std::uint64_t used = 0;
    SSL_SESSION* session = nullptr;
  };
  [[nodiscard]] Entry* find(std::string_view host, std::uint16_t port) noexcept;
  [[nodiscard]] std::span<Entry> entries() const noexcept {
    return {entries_, entries_ == nullptr ? 0 : limits::kTlsSessions};
  }
  Entry* entries_ = nullptr;  // from the first session on: the low-memory mode keeps none
  std::uint64_t clock_ = 0;
};

}  // namespace axonpush::inline v0::net
