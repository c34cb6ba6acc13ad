// The program around the runs: what the command line asks for, sums and their printing, shrinking, sweeps, mutants.
#pragma once

#include <string>
#include <vector>

#include "sim/sim_run.h"

namespace axonpush::sim {

struct Options {
  std::uint64_t seeds = 1;
  std::uint64_t first = 1;
  std::int64_t days = 0;  // 0: ten minutes; else so many days to each seed
  std::string replay;     // a file, or a seed
  std::string mutant;
  std::string sweep;  // calls, bytes, sequences
  std::string regress;
  std::uint64_t stride = 1;
  bool list_mutants = false;
  bool json = false;
  bool twice = false;
  bool nightly = false;
  bool talk = false;
  bool shrink = true;
  bool year = false;
  bool help = false;
};
// Empty, or what is wrong.
[[nodiscard]] std::string read_options(int argc, char** argv, Options& options);
extern const char* const kUsage;

// --- sim_report.cc
void print_totals(const Totals& totals, std::uint64_t hash, double seconds, bool json);
// Cells and marks that a long run must have met: prints what is missing; answers to how many.
std::size_t print_coverage(const Totals& totals);
void print_breach(std::uint64_t seed, const Outcome& outcome, const std::string& replay);

// --- sim_shrink.cc: the smallest plan found that breaks the same invariant.
[[nodiscard]] Plan shrink(const Plan& plan, int invariant, double seconds);

// --- sim_sweep.cc: each answers whether all went well.
[[nodiscard]] bool sweep_calls(std::uint64_t stride, Totals& totals);
[[nodiscard]] bool sweep_bytes(std::uint64_t stride, Totals& totals);
[[nodiscard]] bool sweep_sequences(std::uint64_t longest, Totals& totals);

}  // namespace axonpush::sim
