// Filters, topics and events of the shapes that the event layer is measured with.
#pragma once

#include <axonpush/base/bytes.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "event/dispatch.h"
#include "instr.h"

namespace axonpush::bench {

inline void demand(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "axonpush_instr: wrong answer: %s\n", what);
  std::abort();
}

inline constexpr std::string_view kPrefix = "axonpush/org_1";

// The six masks of DESIGN section 7's topic workloads: environment, app, channel, type, agent; bit i set: concrete.
inline constexpr std::uint32_t kWorkloadMasks[] = {0b00100, 0b00111, 0b01110, 0b11111, 0b10110, 0b01100};

// A topic of about 54 bytes. Two rows share no channel.
inline std::string topic_of(std::size_t row) {
  std::string topic(kPrefix);
  topic += "/prod/app_";
  topic += std::to_string(row % 7);
  topic += "/chan_";
  topic += std::to_string(100'000 + row);
  topic += "/agent_start/agent_";
  topic += std::to_string(row % 10);
  return topic;
}

// The filter that wants row's topic, with `+` in the places that `mask` leaves open.
inline std::string filter_of(std::size_t row, std::uint32_t mask) {
  const std::string topic = topic_of(row);
  std::string filter(kPrefix);
  std::size_t at = kPrefix.size();
  for (std::uint32_t segment = 0; segment < DispatchTable::kSegments; ++segment) {
    const std::size_t end = topic.find('/', at + 1);
    filter += (mask >> segment & 1U) != 0 ? topic.substr(at, end - at) : "/+";
    at = end;
  }
  return filter;
}

// `count` filters spread over the six masks, the value of each its number: topic_of(row) is wanted by filter `row`
// alone.
inline void fill(DispatchTable& table, std::size_t count) {
  table.set_key({0x243F6A8885A308D3, 0x13198A2E03707344});
  for (std::size_t row = 0; row < count; ++row) {
    const auto added =
        table.add(filter_of(row, kWorkloadMasks[row % std::size(kWorkloadMasks)]), static_cast<std::uint32_t>(row));
    demand(added.ok(), "a filter was refused");
  }
}

}  // namespace axonpush::bench
