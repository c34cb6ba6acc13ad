// sim: runs seeds, replays failures, sweeps, and the mutants. See kUsage.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <unistd.h>

#include "sim/sim_program.h"

namespace axonpush::sim {

const char* const kUsage =
    "sim [--seeds N] [--first S] [--days D | --year] [--twice] [--talk] [--json]\n"
    "    runs N seeds from S on: ten simulated minutes each, or D days, or a year; --twice compares the hashes of two "
    "runs\n"
    "sim --replay FILE|SEED [--days D | --year] [--talk]\n"
    "    runs a trace file or one seed again\n"
    "sim --regress DIR            replays every .trace in DIR: none may break anything\n"
    "sim --sweep calls|bytes|sequences [--stride N]\n"
    "    fails every N-th call of a seam; cuts, resets and stalls after every N-th byte; all sequences of up to N "
    "calls\n"
    "sim --nightly [--seeds N]    short, day and year seeds, the sweeps, and the coverage that must have been met\n"
    "sim --list-mutants           the planted bugs; --mutant NAME builds one into a copy and looks for it\n"
    "Exit status: 0 nothing broke; 1 something did; 2 the command line or a file is wrong.\n";

std::string read_options(int argc, char** argv, Options& options) {
  for (int at = 1; at < argc; ++at) {
    const std::string name = argv[at];
    const auto flag = [&](const char* wanted, bool& value) {
      if (name != wanted) return false;
      value = true;
      return true;
    };
    if (flag("--twice", options.twice) || flag("--json", options.json) || flag("--nightly", options.nightly) ||
        flag("--talk", options.talk) || flag("--year", options.year) || flag("--list-mutants", options.list_mutants) ||
        flag("--help", options.help)) {
      continue;
    }
    if (name == "--no-shrink") {
      options.shrink = false;
      continue;
    }
    if (at + 1 == argc) return name + " needs a value, or is not known";
    const std::string value = argv[++at];
    const auto number = [&](auto& into) {
      char* end = nullptr;
      const long long read = std::strtoll(value.c_str(), &end, 10);
      if (*end != '\0' || value.empty() || read < 0) return name + " needs a number, not " + value;
      into = static_cast<std::remove_reference_t<decltype(into)>>(read);
      return std::string();
    };
    std::string wrong;
    if (name == "--seeds") {
      wrong = number(options.seeds);
    } else if (name == "--first") {
      wrong = number(options.first);
    } else if (name == "--days") {
      wrong = number(options.days);
    } else if (name == "--stride") {
      wrong = number(options.stride);
    } else if (name == "--replay") {
      options.replay = value;
    } else if (name == "--mutant") {
      options.mutant = value;
    } else if (name == "--sweep") {
      options.sweep = value;
    } else if (name == "--regress") {
      options.regress = value;
    } else {
      wrong = name + " is not known";
    }
    if (!wrong.empty()) return wrong;
  }
  return "";
}

namespace {

namespace fs = std::filesystem;

// What runs at the moment, for the words of a crash.
char running[256] = "nothing";

void on_crash(int signal) {
  const char* const parts[] = {"\nthe program crashed while it ran ", running, "\n"};
  for (const char* part : parts) {
    if (write(2, part, std::strlen(part)) < 0) break;
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class Program {
 public:
  explicit Program(const Options& options) : options_(options), begun_(std::chrono::steady_clock::now()) {}

  int run() {
    if (options_.list_mutants) return list_mutants();
    if (!options_.mutant.empty()) return run_mutant();
    bool good = true;
    if (!options_.regress.empty()) {
      good = replay_all();
    } else if (!options_.replay.empty()) {
      const int status = replay();
      if (status != 0) return status;
    } else if (!options_.sweep.empty()) {
      good = sweep(options_.sweep, options_.stride);
    } else if (options_.nightly) {
      good = nightly();
    } else {
      const Kind kind = options_.year ? Kind::year : options_.days != 0 ? Kind::day : Kind::quick;
      good = seeds(options_.first, options_.seeds, kind);
    }
    print_totals(totals_, hash_, passed(), options_.json);
    if (options_.nightly && print_coverage(totals_) != 0) good = false;
    return good && totals_.failures == 0 ? 0 : 1;
  }

 private:
  [[nodiscard]] double passed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  }
  [[nodiscard]] Plan plan_of(std::uint64_t seed, Kind kind) const {
    return draw_plan(seed, kind, options_.days == 0 ? hours(26) : hours(24 * options_.days));
  }
  [[nodiscard]] std::string command(std::uint64_t seed, Kind kind) const {
    std::string text = "sim --replay " + std::to_string(seed);
    if (kind == Kind::year) text += " --year";
    if (kind == Kind::day) text += " --days " + std::to_string(options_.days);
    return text;
  }

  bool seeds(std::uint64_t first, std::uint64_t count, Kind kind) {
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
      const std::string again = command(seed, kind);
      std::snprintf(running, sizeof running, "%s", again.c_str());
      const Plan plan = plan_of(seed, kind);
      const Outcome outcome = run_plan(plan);
      totals_.add(outcome.totals);
      hash_ = (hash_ ^ outcome.hash) * 0x100000001B3ULL;
      if (outcome.breach.invariant != 0) {
        failed(seed, plan, outcome, again);
      } else if (options_.twice && run_plan(plan).hash != outcome.hash) {
        std::printf("seed %llu gave two different runs\n  again: %s --twice\n", static_cast<unsigned long long>(seed),
                    again.c_str());
        ++totals_.failures;
      }
    }
    return totals_.failures == 0;
  }

  void failed(std::uint64_t seed, const Plan& plan, const Outcome& outcome, const std::string& again) {
    if (++told_ > 10) return;
    print_breach(seed, outcome, again);
    if (!options_.shrink || told_ > 3) return;
    const Plan small = shrink(plan, outcome.breach.invariant, 60);
    const std::string name = "fail-" + std::to_string(seed) + ".trace";
    std::ofstream(name) << to_text(small);
    std::printf("  shrunk from %zu decisions to %zu: sim --replay %s\n", plan.decisions.size(), small.decisions.size(),
                name.c_str());
  }

  int replay() {
    Plan plan;
    const bool is_number = options_.replay.find_first_not_of("0123456789") == std::string::npos;
    if (is_number) {
      const std::uint64_t seed = std::strtoull(options_.replay.c_str(), nullptr, 10);
      plan = plan_of(seed, options_.year ? Kind::year : options_.days != 0 ? Kind::day : Kind::quick);
    } else {
      const std::string wrong = read_file(options_.replay, plan);
      if (!wrong.empty()) {
        std::fprintf(stderr, "%s: %s\n", options_.replay.c_str(), wrong.c_str());
        return 2;
      }
    }
    std::snprintf(running, sizeof running, "sim --replay %s", options_.replay.c_str());
    const Outcome outcome = run_plan(plan, options_.talk);
    totals_.add(outcome.totals);
    hash_ = outcome.hash;
    if (outcome.breach.invariant != 0) print_breach(plan.seed, outcome, running);
    return 0;
  }

  static std::string read_file(const fs::path& path, Plan& plan) {
    std::ifstream file(path);
    if (!file) return "cannot be opened";
    std::stringstream text;
    text << file.rdbuf();
    return from_text(text.str(), plan);
  }

  // Failures that were met once and must not come back.
  bool replay_all() {
    bool good = true;
    std::vector<fs::path> files;
    std::error_code none;
    for (const fs::directory_entry& entry : fs::directory_iterator(options_.regress, none)) {
      if (entry.path().extension() == ".trace") files.push_back(entry.path());
    }
    if (files.empty()) {
      std::fprintf(stderr, "%s: no .trace there\n", options_.regress.c_str());
      return false;
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& path : files) {
      Plan plan;
      const std::string wrong = read_file(path, plan);
      if (!wrong.empty()) {
        std::fprintf(stderr, "%s: %s\n", path.c_str(), wrong.c_str());
        good = false;
        continue;
      }
      std::snprintf(running, sizeof running, "sim --replay %s", path.c_str());
      const Outcome outcome = run_plan(plan);
      totals_.add(outcome.totals);
      hash_ = (hash_ ^ outcome.hash) * 0x100000001B3ULL;
      if (outcome.breach.invariant != 0) print_breach(plan.seed, outcome, running);
      if (run_plan(plan).hash != outcome.hash) {
        std::printf("%s gave two different runs\n", path.c_str());
        good = false;
      }
    }
    return good;
  }

  bool sweep(const std::string& which, std::uint64_t stride) {
    std::snprintf(running, sizeof running, "sim --sweep %s", which.c_str());
    const std::uint64_t step = std::max<std::uint64_t>(stride, 1);
    if (which == "calls") return sweep_calls(step, totals_);
    if (which == "bytes") return sweep_bytes(step, totals_);
    if (which == "sequences") return sweep_sequences(step, totals_);
    std::fprintf(stderr, "no sweep is called %s\n", which.c_str());
    return false;
  }

  // FAULTS 2.4: of 100,000 seeds 2,000 are days and 100 are years.
  bool nightly() {
    const std::uint64_t count = options_.seeds == 1 ? 100'000 : options_.seeds;
    seeds(options_.first, count - count / 50 - count / 1000, Kind::quick);
    seeds(options_.first, count / 50, Kind::day);
    seeds(options_.first, count / 1000, Kind::year);
    bool good = sweep("calls", 1);
    good = sweep("bytes", 1) && good;
    return sweep("sequences", 4) && good && totals_.failures == 0;
  }

  static int list_mutants() {
    std::vector<std::string> names;
    std::error_code none;
    for (const fs::directory_entry& entry : fs::directory_iterator(AXONPUSH_SOURCE_DIR "/tests/sim/mutants", none)) {
      if (entry.path().extension() == ".patch") names.push_back(entry.path().stem().string());
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) std::printf("%s\n", name.c_str());
    if (names.empty()) std::fprintf(stderr, "there is no patch in tests/sim/mutants\n");
    return names.empty() ? 2 : 0;
  }

  int run_mutant() const {
    const char* const script = AXONPUSH_SOURCE_DIR "/tests/sim/run_mutants.sh";
    execl("/bin/sh", "sh", script, options_.mutant.c_str(), static_cast<char*>(nullptr));
    std::perror(script);
    return 2;
  }

  const Options& options_;
  std::chrono::steady_clock::time_point begun_;
  Totals totals_;
  std::uint64_t hash_ = 0xCBF29CE484222325ULL;
  int told_ = 0;
};

}  // namespace
}  // namespace axonpush::sim

int main(int argc, char** argv) {
  axonpush::sim::Options options;
  const std::string wrong = axonpush::sim::read_options(argc, argv, options);
  if (!wrong.empty() || options.help) {
    std::fprintf(options.help ? stdout : stderr, "%s%s%s", wrong.c_str(), wrong.empty() ? "" : "\n",
                 axonpush::sim::kUsage);
    return options.help ? 0 : 2;
  }
  for (const int signal : {SIGSEGV, SIGABRT, SIGILL, SIGFPE, SIGBUS}) std::signal(signal, axonpush::sim::on_crash);
  return axonpush::sim::Program(options).run();
}
