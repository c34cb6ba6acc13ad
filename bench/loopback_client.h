// The library's client as axonpush_loopback uses it: through its public API, with credentials made up in the process,
// so that no HTTPS is measured.
#pragma once

#include <axonpush/client.h>
#include <axonpush/net/reactor.h>
#include <axonpush/net/tls.h>

#include <memory>

#include "loopback_counts.h"
#include "loopback_events.h"

namespace axonpush::bench {

// Options of a client of the sender at `target`, whose credentials tell it the work.
[[nodiscard]] ClientOptions client_options(const Work& work, const Target& target);
[[nodiscard]] std::string read_file(const std::string& path);

// A connected session on a loop of its own.
class LoopClient {
 public:
  LoopClient(const Work& work, const Target& target, RealtimeOptions options);
  // Turns the loop until the session is live; `subscribe` is called then, before anything else happens.
  void connect();
  void subscribe(EventCallback callback);
  [[nodiscard]] net::Reactor& reactor() { return reactor_; }
  [[nodiscard]] Realtime& session() { return session_; }

 private:
  Work work_;
  net::Reactor reactor_;
  net::TlsContext tls_;
  RealtimeOptions options_;
  std::unique_ptr<Client> client_;
  Realtime session_;
};

[[nodiscard]] inline TlsOptions tls_options(const Target& target) {
  TlsOptions options;
  options.ca_file = target.ca_file;
  return options;
}

}  // namespace axonpush::bench
