#include "loopback_report.h"

#include <openssl/crypto.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "loopback_counts.h"

namespace axonpush::bench {

namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

const char* verdict(double value, double goal) {
  if (goal == 0) return "";
  return value <= goal ? "met" : "MISSED";
}

double microseconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1'000; }

// The processor's name, as Linux tells it.
std::string processor() {
  std::FILE* file = std::fopen("/proc/cpuinfo", "r");
  if (file == nullptr) return "unknown";
  char line[512];
  std::string name = "unknown";
  while (std::fgets(line, sizeof line, file) != nullptr) {
    const char* colon = std::strchr(line, ':');
    if (std::strncmp(line, "model name", 10) != 0 || colon == nullptr) continue;
    name.assign(colon + 2, std::strcspn(colon + 2, "\n"));
    break;
  }
  std::fclose(file);
  return name;
}

std::string machine() {
  utsname system = {};
  ::uname(&system);
  return processor() + ", " + system.sysname + " " + system.release + ", g++ " __VERSION__ ", " +
         OpenSSL_version(OPENSSL_VERSION);
}

}  // namespace

Measured median_of(const std::vector<Measured>& rounds) {
  const auto of = [&rounds](double Measured::*member) {
    std::vector<double> values;
    for (const Measured& round : rounds) values.push_back(round.*member);
    return median(values);
  };
  Measured all;
  all.cpu_us = of(&Measured::cpu_us);
  all.wall_us = of(&Measured::wall_us);
  all.syscalls = of(&Measured::syscalls);
  all.news = of(&Measured::news);
  all.mallocs = of(&Measured::mallocs);
  all.resident_kb = of(&Measured::resident_kb);
  all.anonymous_kb = of(&Measured::anonymous_kb);
  for (const Measured& round : rounds)
    all.samples.insert(all.samples.end(), round.samples.begin(), round.samples.end());
  std::sort(all.samples.begin(), all.samples.end());
  return all;
}

void print_header() {
  std::printf("%s\n", machine().c_str());
  if (!counts_calls()) std::printf("system calls and allocations are not counted in this build\n");
  std::printf("\n%-18s %-16s %9s %9s %9s %7s %7s %8s %8s  %s\n", "mode", "contestant", "cpu us", "wall us", "syscalls",
              "new", "malloc", "RSS MB", "ratio", "goal");
}

void print_row(const Row& row) {
  std::printf("%-18s %-16s %9.3f %9.3f %9.4f %7.3f %7.3f %8.2f ", row.mode.c_str(), row.contestant.c_str(),
              row.median.cpu_us, row.median.wall_us, row.median.syscalls, row.median.news, row.median.mallocs,
              row.median.resident_kb / 1024);
  if (row.ratio == 0) {
    std::printf("%8s", "-");
  } else {
    std::printf("%8.3f", row.ratio);
  }
  if (row.ratio_goal != 0) std::printf("  <= %.2f %s", row.ratio_goal, verdict(row.ratio, row.ratio_goal));
  if (row.syscalls_goal != 0 && counts_calls()) {
    std::printf("  syscalls <= %.2f %s", row.syscalls_goal, verdict(row.median.syscalls, row.syscalls_goal));
  }
  if (row.above_floor_kb_goal != 0) {
    std::printf("  floor %+.0f KiB, goal <= +%.0f %s", row.above_floor_kb, row.above_floor_kb_goal,
                verdict(row.above_floor_kb, row.above_floor_kb_goal));
  }
  std::printf("\n");
  if (row.latency) {
    std::printf("%-18s %-16s p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n", "", "",
                microseconds(quantile(row.median.samples, 500)), microseconds(quantile(row.median.samples, 990)),
                microseconds(quantile(row.median.samples, 999)), microseconds(quantile(row.median.samples, 1000)));
  }
  std::fflush(stdout);
}

void print_histogram(const std::string& title, const std::vector<std::uint64_t>& sorted) {
  if (sorted.empty()) return;
  // Four steps an octave, from the smallest value to p99.9 or for sixteen lines; what lies beyond is one more.
  const auto step_of = [](std::uint64_t value) {
    return static_cast<int>(std::floor(4 * std::log2(static_cast<double>(value < 1 ? 1 : value))));
  };
  const int first = step_of(sorted.front());
  const int last = std::min(step_of(quantile(sorted, 999)), first + 15);
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(last - first + 2), 0);
  for (const std::uint64_t value : sorted) {
    ++counts[static_cast<std::size_t>(std::min(step_of(value), last + 1) - first)];
  }
  const std::uint64_t most = *std::max_element(counts.begin(), counts.end());
  std::printf("\n%s, %zu samples\n", title.c_str(), sorted.size());
  for (std::size_t at = 0; at < counts.size(); ++at) {
    const double border = std::exp2(static_cast<double>(first + static_cast<int>(at) + 1) / 4) / 1'000;
    const auto width = static_cast<int>((counts[at] * 50 + most - 1) / most);
    if (at + 1 == counts.size()) {
      std::printf("     beyond |");
    } else {
      std::printf("%8.1f us |", border);
    }
    std::printf("%.*s %llu\n", width, "##################################################",
                static_cast<unsigned long long>(counts[at]));
  }
  std::printf("  p50 %.1f us  p99 %.1f us  p99.9 %.1f us  max %.1f us\n", microseconds(quantile(sorted, 500)),
              microseconds(quantile(sorted, 990)), microseconds(quantile(sorted, 999)), microseconds(sorted.back()));
}

void print_json(const std::vector<Row>& rows) {
  std::printf("{\"machine\":\"%s\",\"calls_counted\":%s,\"rows\":[", machine().c_str(),
              counts_calls() ? "true" : "false");
  const char* separator = "";
  for (const Row& row : rows) {
    std::printf(
        "%s\n{\"mode\":\"%s\",\"contestant\":\"%s\",\"rounds\":%u,\"cpu_us\":%.4f,\"wall_us\":%.4f,\"syscalls\":%.5f,"
        "\"news\":%.5f,\"mallocs\":%.5f,\"resident_kb\":%.0f,\"anonymous_kb\":%.0f,\"ratio\":%.4f,\"ratio_goal\":%.2f,"
        "\"syscalls_goal\":%.2f",
        separator, row.mode.c_str(), row.contestant.c_str(), row.rounds, row.median.cpu_us, row.median.wall_us,
        row.median.syscalls, row.median.news, row.median.mallocs, row.median.resident_kb, row.median.anonymous_kb,
        row.ratio, row.ratio_goal, row.syscalls_goal);
    if (row.latency) {
      std::printf(",\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,\"max_us\":%.2f",
                  microseconds(quantile(row.median.samples, 500)), microseconds(quantile(row.median.samples, 990)),
                  microseconds(quantile(row.median.samples, 999)), microseconds(quantile(row.median.samples, 1000)));
    }
    std::printf("}");
    separator = ",";
  }
  std::printf("\n]}\n");
}

}  // namespace axonpush::bench
