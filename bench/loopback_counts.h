// What a process has used so far: processor time, system calls, allocations, memory.
#pragma once

#include "loopback_work.h"

namespace axonpush::bench {

struct Usage {
  std::uint64_t cpu_ns = 0;  // user and system, all threads
  std::uint64_t wall_ns = 0;
  std::uint64_t syscalls = 0;  // those that move bytes, wait, arm and ask for entropy; 0 where they cannot be counted
  std::uint64_t news = 0;      // operator new
  std::uint64_t mallocs = 0;   // malloc, calloc and realloc; 0 where they cannot be counted

  [[nodiscard]] static Usage now();
};

[[nodiscard]] std::uint64_t monotonic_ns();
// False under a sanitizer or without glibc: the counters stand still then.
[[nodiscard]] bool counts_calls();

[[nodiscard]] Measured per_message(const Usage& before, const Usage& after, std::uint64_t messages);

}  // namespace axonpush::bench
