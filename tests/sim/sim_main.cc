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
    "sim [--seeds N] [--first S] [--day | --days D | --year] [--tls] [--twice] [--talk] [--json]\n"
    "    runs N seeds from S on: ten simulated minutes each, or a day of 26 h, D days, or a year; --tls runs all over\n"
    "    real TLS, not one of a hundred; --twice compares the hashes of two runs\n"
    "sim --replay FILE|SEED [--day | --days D | --year] [--tls] [--talk]\n"
    "    runs a trace file or one seed again\n"
    "sim --regress DIR            replays every .trace in DIR: none may break anything\n"
    "sim --sweep calls|bytes|sequences [--stride N]\n"
    "    fails every N-th call of a seam; cuts, resets and stalls after every N-th byte; all sequences of up to N "
    "calls\n"
    "sim --nightly [--seeds N]    short, day and year seeds, the sweeps, and the coverage that must have been met\n"
    "    --jobs N shares seeds and sweeps out to N processes, 0: to all processors; --coverage asks any run for what a "
    "nightly one must have met\n"
    "sim --list-mutants           the planted bugs, and who looks for each\n"
    "sim --mutant NAME [--seeds N] [--jobs N]\n"
    "    builds one into a copy and looks for it, in the first N seeds (1000)\n"
    "Exit status: 0 nothing broke; 1 something did; 2 the command line or a file is wrong.\n";

std::string read_options(int argc, char** argv, Options& options) {
  for (int at = 1; at < argc; ++at) {
    const std::string name = argv[at];
    const auto flag = [&](const char* wanted, bool& value) {
      if (name != wanted) return false;
      value = true;
      return true;
    };
    if (flag("--twice", options.twice) || flag("--tls", options.tls) || flag("--json", options.json) ||
        flag("--nightly", options.nightly) || flag("--talk", options.talk) || flag("--day", options.day) ||
        flag("--coverage", options.coverage) || flag("--year", options.year) ||
        flag("--list-mutants", options.list_mutants) || flag("--help", options.help)) {
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
    } else if (name == "--jobs" || name == "-j") {
      wrong = number(options.jobs);
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
  explicit Program(const Options& options)
      : options_(options),
        jobs_(options.jobs == 0 ? processors() : options.jobs),
        begun_(std::chrono::steady_clock::now()) {}

  int run() {
    if (options_.list_mutants) return list_mutants();
    if (!options_.mutant.empty()) return run_mutant();
    if (!options_.regress.empty()) {
      replay_all();
    } else if (!options_.replay.empty()) {
      const int status = replay();
      if (status != 0) return status;
    } else if (!options_.sweep.empty()) {
      if (!sweep(options_.sweep, options_.stride)) return 2;
    } else if (options_.nightly) {
      nightly();
    } else {
      seeds(options_.first, options_.seeds, kind_asked());
    }
    print_totals(sum_.totals, sum_.hash, passed(), options_.json);
    const bool asked = options_.nightly || options_.coverage;
    if (asked && print_coverage(sum_.totals) != 0) sum_.good = false;
    return sum_.good && sum_.totals.failures == 0 ? 0 : 1;
  }

 private:
  [[nodiscard]] double passed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  }
  [[nodiscard]] Kind kind_asked() const {
    return options_.year ? Kind::year : options_.day || options_.days != 0 ? Kind::day : Kind::quick;
  }
  [[nodiscard]] Plan plan_of(std::uint64_t seed, Kind kind) const {
    Plan plan = draw_plan(seed, kind, options_.days == 0 ? hours(26) : hours(24 * options_.days));
    if (options_.tls) plan.world[static_cast<std::size_t>(WorldKnob::tls)] = 1;
    return plan;
  }
  [[nodiscard]] std::string command(std::uint64_t seed, Kind kind) const {
    std::string text = "sim --replay " + std::to_string(seed);
    if (kind == Kind::year) text += " --year";
    if (kind == Kind::day) text += options_.days == 0 ? " --day" : " --days " + std::to_string(options_.days);
    if (options_.tls) text += " --tls";
    return text;
  }

  void spread(const std::function<void(Share, Tally&)>& work) {
    const Tally made = in_parallel(jobs_, work);
    sum_.totals.add(made.totals);
    sum_.hash += made.hash;
    sum_.good = sum_.good && made.good;
  }

  void seeds(std::uint64_t first, std::uint64_t count, Kind kind) {
    spread([this, first, count, kind](Share share, Tally& tally) {
      for (std::uint64_t seed = first; seed < first + count; ++seed) {
        if (share.has(seed)) one_seed(seed, kind, tally);
      }
    });
  }

  void one_seed(std::uint64_t seed, Kind kind, Tally& tally) {
    const std::string again = command(seed, kind);
    std::snprintf(running, sizeof running, "%s", again.c_str());
    const Plan plan = plan_of(seed, kind);
    const Outcome outcome = run_plan(plan);
    tally.totals.add(outcome.totals);
    tally.add_hash(seed, outcome.hash);
    if (outcome.breach.invariant != 0) {
      failed(seed, plan, outcome, again);
    } else if (options_.twice && run_plan(plan).hash != outcome.hash) {
      std::printf("seed %llu gave two different runs\n  again: %s --twice\n", static_cast<unsigned long long>(seed),
                  again.c_str());
      ++tally.totals.failures;
    }
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
      plan = plan_of(seed, kind_asked());
    } else {
      const std::string wrong = read_file(options_.replay, plan);
      if (!wrong.empty()) {
        std::fprintf(stderr, "%s: %s\n", options_.replay.c_str(), wrong.c_str());
        return 2;
      }
    }
    std::snprintf(running, sizeof running, "sim --replay %s", options_.replay.c_str());
    const Outcome outcome = run_plan(plan, options_.talk);
    sum_.totals.add(outcome.totals);
    sum_.hash = outcome.hash;
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
  void replay_all() {
    std::vector<fs::path> files;
    std::error_code none;
    for (const fs::directory_entry& entry : fs::directory_iterator(options_.regress, none)) {
      if (entry.path().extension() == ".trace") files.push_back(entry.path());
    }
    if (files.empty()) {
      std::fprintf(stderr, "%s: no .trace there\n", options_.regress.c_str());
      sum_.good = false;
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& path : files) {
      Plan plan;
      const std::string wrong = read_file(path, plan);
      if (!wrong.empty()) {
        std::fprintf(stderr, "%s: %s\n", path.c_str(), wrong.c_str());
        sum_.good = false;
        continue;
      }
      std::snprintf(running, sizeof running, "sim --replay %s", path.c_str());
      const Outcome outcome = run_plan(plan);
      sum_.totals.add(outcome.totals);
      sum_.add_hash(plan.seed, outcome.hash);
      if (outcome.breach.invariant != 0) print_breach(plan.seed, outcome, running);
      if (run_plan(plan).hash != outcome.hash) {
        std::printf("%s gave two different runs\n", path.c_str());
        sum_.good = false;
      }
    }
  }

  // False: there is none of this name.
  bool sweep(const std::string& which, std::uint64_t stride) {
    std::snprintf(running, sizeof running, "sim --sweep %s", which.c_str());
    const std::uint64_t step = std::max<std::uint64_t>(stride, 1);
    if (which == "calls") {
      spread([step](Share share, Tally& tally) { sweep_calls(step, share, tally); });
    } else if (which == "bytes") {
      spread([step](Share share, Tally& tally) { sweep_bytes(step, share, tally); });
    } else if (which == "sequences") {
      spread([step](Share share, Tally& tally) { sweep_sequences(step, share, tally); });
    } else {
      std::fprintf(stderr, "no sweep is called %s\n", which.c_str());
      return false;
    }
    return true;
  }

  // FAULTS 2.4: of 100,000 seeds 2,000 are days and 100 are years.
  void nightly() {
    const std::uint64_t count = options_.seeds == 1 ? 100'000 : options_.seeds;
    const auto after = [this](const char* what) {
      std::printf("%s: %llu seeds, %llu failures after %.0f s\n", what,
                  static_cast<unsigned long long>(sum_.totals.seeds),
                  static_cast<unsigned long long>(sum_.totals.failures), passed());
      std::fflush(stdout);
    };
    // The longest first: at the end no worker waits long for another.
    seeds(options_.first, count / 1000, Kind::year);
    after("years");
    seeds(options_.first, count / 50, Kind::day);
    after("days");
    seeds(options_.first, count - count / 50 - count / 1000, Kind::quick);
    after("short ones");
    sweep("calls", 1);
    sweep("bytes", 1);
    sweep("sequences", 5);
    after("sweeps");
  }

  // A patch begins with what it breaks, and may say who looks for it: "# Hunt: arguments of sim", "# Hunter: a test".
  static std::string about_mutant(const fs::path& path) {
    std::ifstream file(path);
    std::string what;
    std::string hunter = "sim";
    for (std::string line; std::getline(file, line) && line.starts_with("# ");) {
      if (line.starts_with("# Hunter: ")) {
        hunter = line.substr(10);
      } else if (line.starts_with("# Hunt: ")) {
        hunter = "sim " + line.substr(8);
      } else {
        what = line.substr(2);
      }
    }
    return what + " [" + hunter + "]";
  }

  static int list_mutants() {
    std::vector<fs::path> files;
    std::error_code none;
    for (const fs::directory_entry& entry : fs::directory_iterator(AXONPUSH_SOURCE_DIR "/tests/sim/mutants", none)) {
      if (entry.path().extension() == ".patch") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& path : files) {
      std::printf("%-44s %s\n", path.stem().c_str(), about_mutant(path).c_str());
    }
    if (files.empty()) std::fprintf(stderr, "there is no patch in tests/sim/mutants\n");
    return files.empty() ? 2 : 0;
  }

  int run_mutant() const {
    const char* const script = AXONPUSH_SOURCE_DIR "/tests/sim/run_mutants.sh";
    const std::string seeds = std::to_string(options_.seeds == 1 ? 1000 : options_.seeds);
    const std::string jobs = std::to_string(jobs_);
    execl("/bin/sh", "sh", script, "-s", seeds.c_str(), "-j", jobs.c_str(), options_.mutant.c_str(),
          static_cast<char*>(nullptr));
    std::perror(script);
    return 2;
  }

  const Options& options_;
  std::uint64_t jobs_;
  std::chrono::steady_clock::time_point begun_;
  Tally sum_;
  int told_ = 0;  // in this process
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
