// The program around the runs: what the command line asks for, sums and their printing, shrinking, sweeps, mutants.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/sim_run.h"

namespace axonpush::sim {

struct Options {
  std::uint64_t seeds = 1;
  std::uint64_t first = 1;
  std::int64_t days = 0;  // so many to each seed
  std::string replay;     // a file, or a seed
  std::string mutant;
  std::string sweep;  // calls, bytes, sequences
  std::string regress;
  std::uint64_t stride = 1;
  std::uint64_t jobs = 1;  // processes; 0: as many as there are processors
  bool list_mutants = false;
  bool json = false;
  bool tls = false;  // all seeds over real TLS
  bool twice = false;
  bool nightly = false;
  bool coverage = false;
  bool talk = false;
  bool shrink = true;
  bool day = false;
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

// --- sim_jobs.cc
// One worker's part of what has numbers: every count-th one.
struct Share {
  std::uint64_t index = 0, count = 1;
  [[nodiscard]] bool has(std::uint64_t number) const { return number % count == index; }
};
// What a worker hands back. The hash is a sum over what ran, so that it is the same however the work was shared.
struct Tally {
  Totals totals;
  std::uint64_t hash = 0;
  bool good = true;
  void add_hash(std::uint64_t number, std::uint64_t outcome) { hash += Random(outcome ^ Random(number).next()).next(); }
};
// Runs the work in so many processes, each with its share, and adds up what they hand back. One that dies makes it bad.
[[nodiscard]] Tally in_parallel(std::uint64_t jobs, const std::function<void(Share, Tally&)>& work);
[[nodiscard]] std::uint64_t processors();

// --- sim_sweep.cc
void sweep_calls(std::uint64_t stride, Share share, Tally& tally);
void sweep_bytes(std::uint64_t stride, Share share, Tally& tally);
void sweep_sequences(std::uint64_t longest, Share share, Tally& tally);

}  // namespace axonpush::sim
