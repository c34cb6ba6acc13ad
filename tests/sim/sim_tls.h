// TLS in the virtual world: the library's own net::TlsStream on the client's side, OpenSSL on the server's, and the
// wire between them virtual. What is random in OpenSSL is drawn from the seed, so a run repeats (FAULTS 2.1, build b).
#pragma once

#include <memory>

#include "sim/world.h"

namespace axonpush::sim {

class TlsWorld {
 public:
  // Every connection of the world is TLS from now on; the TlsWorld outlives all of them.
  explicit TlsWorld(World& world);
  ~TlsWorld();
  TlsWorld(const TlsWorld&) = delete;
  TlsWorld& operator=(const TlsWorld&) = delete;

  // Some servers are impostors: their certificates are of nobody the client trusts, or have another's name.
  double impostors = 0;
  std::uint64_t refused = 0;      // handshakes with impostors that did not come about
  std::uint64_t handshakes = 0;   // that did
  std::uint64_t resumed = 0;      // of those
  bool impostor_trusted = false;  // one came about: the end of I-40

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace axonpush::sim
