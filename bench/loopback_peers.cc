#include "loopback_peers.h"

namespace axonpush::bench {

std::vector<std::string> peers_for(const Work&) { return {}; }

Measured run_peer(const std::string& name, const Work&, const Target&) {
  die("there is no contestant of this name", name);
}

}  // namespace axonpush::bench
