// What a swap of credentials does to the events that flow meanwhile.
#pragma once

#include "loopback_work.h"

namespace axonpush::bench {

struct SwapOptions {
  unsigned swaps = 5;
  unsigned events_per_second = 1'000;
  bool json = false;
};

// Over a loopback service in a process of its own, whose credentials live for twelve seconds: every six seconds they
// are fetched anew and the connections swapped. Latencies from the publishing process to the callback, of events during
// a swap and of those between swaps.
int run_swaps(const SwapOptions& options);

// The process with the service: publishes until its standard input ends.
int run_swap_service(const std::string& ca_file, unsigned events_per_second);

}  // namespace axonpush::bench
