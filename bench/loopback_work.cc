#include "loopback_work.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace axonpush::bench {

namespace {

constexpr std::string_view kTraffic[] = {"in", "out", "echo"};

// Cuts the part before the next colon off the front.
std::string_view next_part(std::string_view& text) {
  const std::size_t at = text.find(':');
  const std::string_view part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return part;
}

bool parse_number(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string client_id_of(const Work& work) {
  std::string text(kTraffic[static_cast<std::size_t>(work.traffic)]);
  text += ':' + std::to_string(work.qos) + (work.record_each ? ":each:" : ":16k:") + std::to_string(work.packets);
  return text + ':' + std::to_string(work.warm + work.count);
}

bool parse_client_id(std::string_view text, Work& work) {
  const std::string_view traffic = next_part(text);
  std::uint64_t qos = 0;
  std::uint64_t packets = 0;
  bool known = false;
  for (std::size_t at = 0; at < std::size(kTraffic); ++at) {
    if (traffic != kTraffic[at]) continue;
    work.traffic = static_cast<Traffic>(at);
    known = true;
  }
  if (!known || !parse_number(next_part(text), qos) || qos > 1) return false;
  work.record_each = next_part(text) == "each";
  if (!parse_number(next_part(text), packets) || packets == 0 || packets > 8) return false;
  work.qos = static_cast<unsigned>(qos);
  work.packets = static_cast<unsigned>(packets);
  work.warm = 0;
  return parse_number(next_part(text), work.count);
}

void print_measured(const Measured& measured) {
  std::printf("measured %.6f %.6f %.6f %.6f %.6f %.0f %.0f\n", measured.cpu_us, measured.wall_us, measured.syscalls,
              measured.news, measured.mallocs, measured.resident_kb, measured.anonymous_kb);
  for (const std::uint64_t sample : measured.samples) std::printf("%llu\n", static_cast<unsigned long long>(sample));
  std::fflush(stdout);
}

bool parse_measured(std::string_view text, Measured& measured) {
  const std::size_t at = text.find("measured ");
  if (at == std::string_view::npos) return false;
  const std::string rest(text.substr(at));
  int used = 0;
  if (std::sscanf(rest.c_str(), "measured %lf %lf %lf %lf %lf %lf %lf%n", &measured.cpu_us, &measured.wall_us,
                  &measured.syscalls, &measured.news, &measured.mallocs, &measured.resident_kb, &measured.anonymous_kb,
                  &used) != 7) {
    return false;
  }
  const char* cursor = rest.c_str() + used;
  for (;;) {
    char* end = nullptr;
    const unsigned long long sample = std::strtoull(cursor, &end, 10);
    if (end == cursor) break;
    measured.samples.push_back(sample);
    cursor = end;
  }
  return true;
}

std::uint64_t quantile(const std::vector<std::uint64_t>& sorted, unsigned per_mille) {
  if (sorted.empty()) return 0;
  const std::size_t wanted = (sorted.size() * per_mille + 999) / 1000;
  return sorted[wanted == 0 ? 0 : wanted - 1];
}

void die(const char* what, std::string_view detail) {
  std::fprintf(stderr, "axonpush_loopback: %s%s%.*s\n", what, detail.empty() ? "" : ": ",
               static_cast<int>(detail.size()), detail.data());
  std::fflush(stderr);
  std::_Exit(1);
}

}  // namespace axonpush::bench
