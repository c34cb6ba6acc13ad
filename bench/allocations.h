// Allocations of axonpush_bench, so that a benchmark can tell how many one operation takes.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

namespace axonpush::bench {

// Calls of operator new so far.
[[nodiscard]] std::uint64_t allocation_count();

// Made before the loop; tell() behind it sets the counters every benchmark of a layer has: bytes/s and allocations per
// operation.
class Measure {
 public:
  explicit Measure(benchmark::State& state) : state_(state), before_(allocation_count()) {}
  void tell(std::size_t bytes_each) {
    const auto iterations = static_cast<std::int64_t>(state_.iterations());
    state_.counters["allocs"] =
        static_cast<double>(allocation_count() - before_) / static_cast<double>(iterations == 0 ? 1 : iterations);
    state_.SetItemsProcessed(iterations);
    if (bytes_each != 0) state_.SetBytesProcessed(iterations * static_cast<std::int64_t>(bytes_each));
  }

 private:
  benchmark::State& state_;
  std::uint64_t before_;
};

}  // namespace axonpush::bench
