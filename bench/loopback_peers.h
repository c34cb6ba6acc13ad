// Other clients doing the same work: built with -DAXONPUSH_BENCH_PEERS=ON only.
#pragma once

#include "loopback_work.h"

namespace axonpush::bench {

// The peers that can do this work and are there.
[[nodiscard]] std::vector<std::string> peers_for(const Work& work);
[[nodiscard]] Measured run_peer(const std::string& name, const Work& work, const Target& target);

}  // namespace axonpush::bench
