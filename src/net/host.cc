// The one file that binds client, reactor, TLS and resolver; and the only place that reads the environment.
#include <axonpush/client.h>

#include <cstdlib>
#include <utility>

#include "client/core.h"
#include "net/environment.h"
#include "net/reactor_host.h"

namespace axonpush::inline v0 {

Client::Client(net::Reactor& reactor, net::TlsContext& tls, ClientOptions options) noexcept {
  if (options.read_environment) error_ = net::apply_environment(options);
  if (error_) return;
  owned_host_ = net::make_reactor_host(reactor, tls);
  if (owned_host_ == nullptr) {
    error_ = Error(Errc::no_memory, "no memory for the client's host");
    return;
  }
  destroy_host_ = &net::destroy_reactor_host;
  if (!reactor.status().ok()) error_ = reactor.status().error();
  if (!error_ && !tls.status().ok()) error_ = tls.status().error();
  if (error_) return;
  core_ = ClientCore::create(*owned_host_, std::move(options));
  if (core_ == nullptr) error_ = Error(Errc::no_memory, "no memory for the client");
}

}  // namespace axonpush::inline v0
