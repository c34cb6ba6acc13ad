// axonpush_fleet: a million refresh machines in virtual time against one credentials endpoint. What does the endpoint
// see over a day, with the jitter of the contract and without, and when it is out for ten minutes?
//
// The machines are the library's own (refresh::step), the shell around them is tests/support/fleet.h. Nothing is timed
// but the run itself; the figures are of virtual time and the same on every machine.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "support/fleet.h"

namespace {

using namespace axonpush;        // NOLINT
using namespace axonpush::test;  // NOLINT

struct Summary {
  double mean = 0;
  std::uint32_t peak = 0;
  [[nodiscard]] double ratio() const { return mean > 0 ? peak / mean : 0; }
};

Summary summary_of(const std::vector<std::uint32_t>& counts, std::size_t from, std::size_t to) {
  Summary made;
  std::uint64_t sum = 0;
  for (std::size_t second = from; second < to; ++second) {
    sum += counts[second];
    if (counts[second] > made.peak) made.peak = counts[second];
  }
  made.mean = to > from ? static_cast<double>(sum) / static_cast<double>(to - from) : 0;
  return made;
}

void bar(std::uint32_t value, std::uint32_t most) {
  constexpr std::uint32_t kWidth = 50;
  const std::uint32_t marks = most == 0 ? 0 : static_cast<std::uint32_t>(std::uint64_t{value} * kWidth / most);
  for (std::uint32_t mark = 0; mark < marks; ++mark) std::putchar('#');
  if (marks == 0 && value != 0) std::putchar('.');
  std::putchar('\n');
}

// Rows of `step` seconds: the mean and the peak of the requests in a second, and a bar of the peak.
void print_timeline(const std::vector<std::uint32_t>& counts, std::size_t from, std::size_t to, std::size_t step) {
  const Summary all = summary_of(counts, from, to);
  std::printf("%8s %10s %10s\n", "from", "mean/s", "peak/s");
  for (std::size_t at = from; at < to; at += step) {
    const Summary row = summary_of(counts, at, at + step < to ? at + step : to);
    std::printf("%02zu:%02zu:%02zu %10.1f %10u ", at / 3600, at / 60 % 60, at % 60, row.mean, row.peak);
    bar(row.peak, all.peak);
  }
}

// How many seconds of the day had how many requests.
void print_histogram(const std::vector<std::uint32_t>& counts, std::size_t from, std::size_t to) {
  std::vector<std::uint32_t> seconds_of(34, 0);
  for (std::size_t second = from; second < to; ++second) {
    std::size_t power = 0;
    while ((std::uint64_t{1} << power) <= counts[second]) ++power;
    ++seconds_of[power];
  }
  std::uint32_t most = 0;
  for (const std::uint32_t count : seconds_of) most = count > most ? count : most;
  std::printf("%22s %8s\n", "requests in a second", "seconds");
  for (std::size_t power = 0; power < seconds_of.size(); ++power) {
    if (seconds_of[power] == 0) continue;
    const unsigned long long low = power == 0 ? 0 : 1ULL << (power - 1);
    const unsigned long long high = power == 0 ? 0 : (1ULL << power) - 1;
    std::printf("%10llu to %8llu %8u ", low, high, seconds_of[power]);
    bar(seconds_of[power], most);
  }
}

struct Flags {
  std::uint32_t clients = 1'000'000;
  std::int64_t hours = 24;
  bool smoke = false;
};

Fleet run(const FleetOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  Fleet fleet(options);
  fleet.run();
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%llu steps in %.1f s of real time, %.0f ns each, everything around them included\n",
              static_cast<unsigned long long>(fleet.steps()), took,
              took * 1e9 / static_cast<double>(fleet.steps() == 0 ? 1 : fleet.steps()));
  return fleet;
}

bool day(const Flags& flags, bool jitter) {
  std::printf("\n== %u clients, %lld h, credentials of 1 h, all started within a second, jitter %s\n", flags.clients,
              static_cast<long long>(flags.hours), jitter ? "on" : "off");
  FleetOptions options;
  options.clients = flags.clients;
  options.span = hours(flags.hours);
  options.jitter = jitter;
  options.started_within = seconds(1);
  const Fleet fleet = run(options);
  const auto seconds_all = static_cast<std::size_t>(flags.hours) * 3600;
  // The start itself is the program's doing, not the machine's.
  constexpr std::size_t kStart = 120;
  print_histogram(fleet.requests(), kStart, seconds_all);
  print_timeline(fleet.requests(), kStart, seconds_all, 3600);
  const Summary whole = summary_of(fleet.requests(), kStart, seconds_all);
  const std::size_t last = seconds_all - 3600;
  const Summary end = summary_of(fleet.requests(), last, seconds_all);
  std::printf(
      "jitter=%s mean=%.1f/s peak=%u/s peak/mean=%.1f, in the last hour peak=%u/s peak/mean=%.1f, "
      "refreshed=%llu, without a connection at the end: %u\n",
      jitter ? "on" : "off", whole.mean, whole.peak, whole.ratio(), end.peak, end.ratio(),
      static_cast<unsigned long long>(fleet.refreshed()), fleet.without_connection());
  return fleet.without_connection() == 0 && fleet.refreshed() > 0;
}

bool outage(const Flags& flags) {
  FleetOptions options;
  options.clients = flags.clients;
  options.span = hours(3);
  options.started_within = hours(1);  // a fleet that has been up for long: its refreshes are spread over the hour
  options.outage_at = hours(2);
  options.outage = minutes(10);
  std::printf("\n== %u clients spread over the hour; the endpoint is out from 02:00:00 to 02:10:00\n", flags.clients);
  const Fleet fleet = run(options);
  print_timeline(fleet.requests(), 7'200 - 300, 7'200 + 1'500, 60);
  const Summary before = summary_of(fleet.requests(), 5'400, 7'200);
  const Summary during = summary_of(fleet.requests(), 7'200, 7'800);
  const Summary after = summary_of(fleet.requests(), 7'800, 7'800 + 300);
  const double recovered =
      static_cast<double>((fleet.last_recovery() - options.outage_at - options.outage).milliseconds());
  std::printf(
      "before: mean=%.1f/s peak=%u/s, during: mean=%.1f/s peak=%u/s, the five minutes after: peak=%u/s, "
      "%.1f x the mean before; the last client had its refresh %.1f s after the end of the outage; "
      "without a connection: %u\n",
      before.mean, before.peak, during.mean, during.peak, after.peak, before.mean > 0 ? after.peak / before.mean : 0,
      recovered / 1000, fleet.without_connection());
  return fleet.without_connection() == 0;
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  for (int at = 1; at < argc; ++at) {
    const std::string word = argv[at];
    if (word == "--smoke") {
      flags.smoke = true;
      flags.clients = 2'000;
      flags.hours = 3;
    } else if (word == "--clients" && at + 1 < argc) {
      flags.clients = static_cast<std::uint32_t>(std::strtoul(argv[++at], nullptr, 10));
    } else if (word == "--hours" && at + 1 < argc) {
      flags.hours = std::strtol(argv[++at], nullptr, 10);
    } else {
      std::fprintf(stderr, "usage: axonpush_fleet [--smoke] [--clients N] [--hours N]\n");
      return 2;
    }
  }
  if (flags.clients == 0 || flags.hours < 2) {
    std::fprintf(stderr, "axonpush_fleet: at least one client and two hours\n");
    return 2;
  }
  const bool with = day(flags, true);
  const bool without = day(flags, false);
  const bool back = outage(flags);
  return with && without && back ? 0 : 1;
}
