// What axonpush_loopback prints: a table and histograms for people, one JSON object for machines.
#pragma once

#include "loopback_work.h"

namespace axonpush::bench {

// One contestant's runs of one mode, medians over the rounds.
struct Row {
  std::string mode;
  std::string contestant;
  unsigned rounds = 0;
  Measured median;
  bool latency = false;   // the samples of all rounds together are what counts
  double ratio = 0;       // to the floor: processor time, or p50 of a latency; 0 without a floor
  double ratio_goal = 0;  // 0: there is none
  double syscalls_goal = 0;
  double above_floor_kb = 0;  // memory only
  double above_floor_kb_goal = 0;
};

// The median over the rounds of every figure; the samples of all rounds, sorted.
[[nodiscard]] Measured median_of(const std::vector<Measured>& rounds);

void print_header();
void print_row(const Row& row);
// A bar for each step of a quarter of an octave, and the quantiles below.
void print_histogram(const std::string& title, const std::vector<std::uint64_t>& sorted);
void print_json(const std::vector<Row>& rows);

}  // namespace axonpush::bench
