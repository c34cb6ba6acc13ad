// The refresh machine by time: refresh/step/N is one transition, over N that a client takes in turn; the fleet's
// benchmark has the same machine a million times.
#include <benchmark/benchmark.h>

#include "allocations.h"
#include "refresh_inputs.h"

namespace axonpush::bench {
namespace {

void step(benchmark::State& state) {
  const RefreshSteps steps;
  const refresh::Settings settings;
  std::size_t turn = 0;
  Measure measure(state);
  for (auto _ : state) {
    const RefreshStep& one = steps[turn];
    benchmark::DoNotOptimize(refresh::step(one.state, one.input, settings, one.now));
    turn = (turn + 1) % RefreshSteps::kCount;
  }
  measure.tell(0);
}
BENCHMARK(step)->Name("refresh/step/64");

}  // namespace
}  // namespace axonpush::bench
