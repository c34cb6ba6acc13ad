// One topic against 1, 100 and 10,000 filters in six wildcard masks: which callbacks want it.
#include "event_inputs.h"

namespace axonpush::bench {
namespace {

DispatchTable table;
std::string topics[kInputCount];

template <std::size_t Filters>
void prepare() {
  fill(table, Filters);
  for (std::size_t row = 0; row < kInputCount; ++row) {
    const std::size_t wanted = row * 157 % Filters;
    topics[row] = topic_of(wanted);
    std::size_t calls = 0;
    table.match(topics[row], [&](std::uint32_t value) {
      demand(value == wanted, "another filter matched");
      ++calls;
    });
    demand(calls == 1, "the topic was not matched once");
  }
}

void match(std::uint64_t count) {
  std::uint64_t sum = 0;
  for (std::uint64_t at = 0; at < count; ++at) {
    table.match(topics[at % kInputCount], [&sum](std::uint32_t value) { sum += value; });
  }
  keep(sum);
}

const Operation kMatch1{"topic_match_1", prepare<1>, match};
const Operation kMatch100{"topic_match_100", prepare<100>, match};
const Operation kMatch10000{"topic_match_10000", prepare<10'000>, match};

}  // namespace
}  // namespace axonpush::bench
