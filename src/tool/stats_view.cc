#include "tool/stats_view.h"

#include <algorithm>

namespace axonpush::tool {

namespace {

struct Counter {
  const char* name;
  std::uint64_t Stats::*value;
};
constexpr Counter kIncoming[] = {
    {"events", &Stats::events},
    {"bytes", &Stats::event_bytes},
    {"callbacks", &Stats::callbacks},
    {"unmatched", &Stats::unmatched},
    {"invalid_json", &Stats::invalid_json},
    {"duplicates_dropped", &Stats::duplicates_dropped},
    {"dedup_overflow", &Stats::dedup_overflow},
    {"callbacks_threw", &Stats::callbacks_threw},
};
constexpr Counter kOutgoing[] = {
    {"publishes", &Stats::publishes},
    {"publish_bytes", &Stats::publish_bytes},
    {"acknowledged", &Stats::acknowledged},
    {"publish_failures", &Stats::publish_failures},
    {"resent", &Stats::resent},
    {"queue_count_max", &Stats::queue_count_max},
    {"queue_bytes_max", &Stats::queue_bytes_max},
};
constexpr Counter kLife[] = {
    {"fetches", &Stats::fetches},
    {"connections", &Stats::connections},
    {"swaps", &Stats::swaps},
    {"refresh_failures", &Stats::refresh_failures},
    {"reconnects", &Stats::reconnects},
    {"gaps", &Stats::gaps},
    {"clock_skewed", &Stats::clock_skewed},
    {"endpoint_differs", &Stats::endpoint_differs},
    {"traces_dropped", &Stats::traces_dropped},
    {"bytes_in", &Stats::bytes_in},
    {"bytes_out", &Stats::bytes_out},
    {"ignored_packets", &Stats::ignored_packets},
};
static_assert((std::size(kIncoming) + std::size(kOutgoing) + std::size(kLife)) * sizeof(std::uint64_t) == sizeof(Stats),
              "a counter is printed nowhere");

template <std::size_t kCount>
void print_counters(std::FILE* into, const Counter (&counters)[kCount], const Stats& stats) {
  const char* separator = "";
  for (const Counter& counter : counters) {
    std::fprintf(into, "%s%s=%llu", separator, counter.name, static_cast<unsigned long long>(stats.*counter.value));
    separator = " ";
  }
  std::fprintf(into, "\n");
}

constexpr std::size_t kBucketsPerBar = LatencyHistogram::kBucketsPerOctave / 2;
constexpr std::size_t kBarCount = LatencyHistogram::kBucketCount / kBucketsPerBar;
constexpr int kBarWidth = 50;

std::uint64_t bar_of(const LatencyHistogram& histogram, std::size_t bar) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < kBucketsPerBar; ++at) sum += histogram.bucket(bar * kBucketsPerBar + at);
  return sum;
}

}  // namespace

void print_stats(std::FILE* into, const Stats& stats) {
  print_counters(into, kIncoming, stats);
  print_counters(into, kOutgoing, stats);
  print_counters(into, kLife, stats);
}

std::string milliseconds_of(Duration span) {
  char text[32];
  const int size = std::snprintf(text, sizeof text, "%.3f", static_cast<double>(span.nanoseconds()) / 1e6);
  return {text, static_cast<std::size_t>(size)};
}

void print_histogram(std::FILE* into, std::string_view title, const LatencyHistogram& histogram) {
  if (histogram.count() == 0) return;
  std::size_t first = kBarCount;
  std::size_t last = 0;
  std::uint64_t most = 1;
  for (std::size_t bar = 0; bar < kBarCount; ++bar) {
    const std::uint64_t count = bar_of(histogram, bar);
    if (count == 0) continue;
    first = std::min(first, bar);
    last = bar;
    most = std::max(most, count);
  }
  std::fprintf(into, "%.*s, %llu\n", static_cast<int>(title.size()), title.data(),
               static_cast<unsigned long long>(histogram.count()));
  for (std::size_t bar = first; bar <= last; ++bar) {
    const std::uint64_t count = bar_of(histogram, bar);
    const auto width = static_cast<int>((count * kBarWidth + most - 1) / most);
    const Duration border = LatencyHistogram::upper_border((bar + 1) * kBucketsPerBar - 1);
    std::fprintf(into, "%12s ms |%-*s %llu\n", milliseconds_of(border).c_str(), kBarWidth,
                 std::string(static_cast<std::size_t>(width), '#').c_str(), static_cast<unsigned long long>(count));
  }
  std::fprintf(into, "p50 %s ms, p99 %s ms, p99.9 %s ms, max %s ms\n", milliseconds_of(histogram.quantile(500)).c_str(),
               milliseconds_of(histogram.quantile(990)).c_str(), milliseconds_of(histogram.quantile(999)).c_str(),
               milliseconds_of(histogram.max()).c_str());
}

}  // namespace axonpush::tool
