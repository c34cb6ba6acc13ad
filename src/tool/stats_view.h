// Counters and histograms for people: what `listen --stats` and `ping` print.
#pragma once

#include <axonpush/stats.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace axonpush::tool {

// "events=3 callbacks=3 ...": three lines, incoming, outgoing and life.
void print_stats(std::FILE* into, const Stats& stats);
// A bar for each half octave that holds something, and the quantiles below; nothing for an empty one.
void print_histogram(std::FILE* into, std::string_view title, const LatencyHistogram& histogram);
// "1.234" milliseconds.
[[nodiscard]] std::string milliseconds_of(Duration span);

}  // namespace axonpush::tool
