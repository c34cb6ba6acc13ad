// Host and Connector over a Reactor, a TlsContext and a Resolver: what the client runs on in production.
#pragma once

#include <axonpush/base/buffer.h>
#include <axonpush/base/transport.h>
#include <axonpush/net/reactor.h>
#include <axonpush/net/resolver.h>
#include <axonpush/net/tls.h>

namespace axonpush::inline v0::net {

// One per Client. Never null: construction failures show as failures of open().
[[nodiscard]] Host* make_reactor_host(Reactor& reactor, TlsContext& tls) noexcept;  // nullptr: no_memory
// With a resolver that outlives it, in place of getaddrinfo.
[[nodiscard]] Host* make_reactor_host(Reactor& reactor, TlsContext& tls, Resolver& resolver) noexcept;
// Detaches, closes every connection and frees it; safe from inside a call into the driven client.
void destroy_reactor_host(Host* host) noexcept;

}  // namespace axonpush::inline v0::net
