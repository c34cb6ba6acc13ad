#include "net/tls_sessions.h"

#include <new>
#include <utility>

#include "base/alloc.h"

namespace axonpush::inline v0::net {

TlsSessions::~TlsSessions() {
  for (Entry& entry : entries()) {
    SSL_SESSION_free(entry.session);
    entry.~Entry();
  }
  deallocate(entries_, sizeof(Entry) * limits::kTlsSessions);
}

TlsSessions::Entry* TlsSessions::find(std::string_view host, std::uint16_t port) noexcept {
  for (Entry& entry : entries()) {
    if (entry.session != nullptr && entry.port == port && entry.host.view() == host) return &entry;
  }
  return nullptr;
}

void TlsSessions::put(std::string_view host, std::uint16_t port, SSL_SESSION* session) noexcept {
  if (entries_ == nullptr) {
    entries_ = static_cast<Entry*>(allocate(sizeof(Entry) * limits::kTlsSessions));
    if (entries_ == nullptr) return SSL_SESSION_free(session);  // the next handshake is a full one
    for (Entry& entry : entries()) ::new (static_cast<void*>(&entry)) Entry;
  }
  Entry* target = find(host, port);
  if (target == nullptr) {
    target = &entries_[0];
    for (Entry& entry : entries()) {
      if (entry.session == nullptr) {
        target = &entry;
        break;
      }
      if (entry.used < target->used) target = &entry;
    }
  }
  SSL_SESSION_free(target->session);
  target->session = nullptr;
  if (!target->host.assign(host)) return SSL_SESSION_free(session);
  target->port = port;
  target->used = ++clock_;
  target->session = session;
}

SSL_SESSION* TlsSessions::take(std::string_view host, std::uint16_t port) noexcept {
  Entry* const entry = find(host, port);
  if (entry == nullptr) return nullptr;
  entry->used = ++clock_;
  if (SSL_SESSION_get_protocol_version(entry->session) >= TLS1_3_VERSION) return std::exchange(entry->session, nullptr);
  return SSL_SESSION_up_ref(entry->session) == 1 ? entry->session : nullptr;
}

std::size_t TlsSessions::size() const noexcept {
  std::size_t count = 0;
  for (const Entry& entry : entries()) count += entry.session != nullptr ? 1U : 0U;
  return count;
}

}  // namespace axonpush::inline v0::net
