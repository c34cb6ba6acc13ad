// One transition of the refresh machine, over 64 that a client takes.
#include "instr.h"
#include "refresh_inputs.h"

namespace axonpush::bench {
namespace {

const RefreshSteps* steps = nullptr;

void prepare() {
  static const RefreshSteps all;
  steps = &all;
}

void run(std::uint64_t count) {
  const refresh::Settings settings;
  for (std::uint64_t at = 0; at < count; ++at) {
    const RefreshStep& one = (*steps)[at];
    const refresh::Step made = refresh::step(one.state, one.input, settings, one.now);
    keep(made);
  }
}

const Operation kRefreshStep{"refresh_step", prepare, run};

}  // namespace
}  // namespace axonpush::bench
