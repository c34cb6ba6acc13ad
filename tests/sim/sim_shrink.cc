// Cuts a failing plan down: what comes after the failure, then faults and calls by halves (Zeller's ddmin), then
// clients, then the numbers. Every step is kept only when the same invariant still breaks.
#include <algorithm>
#include <chrono>

#include "sim/sim_program.h"

namespace axonpush::sim {

namespace {

class Shrinker {
 public:
  Shrinker(Plan plan, int invariant, double seconds)
      : best_(std::move(plan)),
        invariant_(invariant),
        end_(Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds))) {}

  Plan run() {
    cut_time();
    for (bool smaller = true; smaller && in_time();) {
      const std::size_t before = best_.decisions.size();
      remove_decisions();
      remove_clients();
      smaller = best_.decisions.size() < before;
    }
    round_numbers();
    return best_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] bool in_time() const { return Clock::now() < end_; }

  bool take(const Plan& candidate) {
    if (!in_time()) return false;
    const Outcome outcome = run_plan(candidate);
    if (outcome.breach.invariant != invariant_) return false;
    best_ = candidate;
    return true;
  }

  void cut_time() {
    const Outcome outcome = run_plan(best_);
    if (outcome.breach.at >= best_.span) return;
    Plan candidate = best_;
    candidate.span = outcome.breach.at + seconds(1);
    std::erase_if(candidate.decisions, [&](const Decision& decision) { return decision.at > outcome.breach.at; });
    take(candidate);
  }

  void remove_decisions() {
    for (std::size_t chunk = (best_.decisions.size() + 1) / 2; chunk != 0 && in_time(); chunk /= 2) {
      for (std::size_t at = 0; at < best_.decisions.size() && in_time();) {
        Plan candidate = best_;
        const auto begin = candidate.decisions.begin() + static_cast<std::ptrdiff_t>(at);
        const std::size_t count = std::min(chunk, candidate.decisions.size() - at);
        candidate.decisions.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
        if (!take(candidate)) at += chunk;
      }
    }
  }

  void remove_clients() {
    while (best_.clients.size() > 1 && in_time()) {
      Plan candidate = best_;
      candidate.clients.pop_back();
      std::erase_if(candidate.decisions,
                    [&](const Decision& decision) { return decision.client >= candidate.clients.size(); });
      if (!take(candidate)) return;
    }
  }

  // Instants to whole seconds, else milliseconds; lengths and counts halved as far as they go.
  void round_numbers() {
    for (std::size_t at = 0; at < best_.decisions.size() && in_time(); ++at) {
      for (const Duration unit : {seconds(1), milliseconds(1)}) {
        Plan candidate = best_;
        Decision& decision = candidate.decisions[at];
        decision.at = unit * (decision.at.nanoseconds() / unit.nanoseconds());
        if (decision.at == best_.decisions[at].at || take(candidate)) break;
      }
      for (int member = 0; member < 2; ++member) {
        for (;;) {
          Plan candidate = best_;
          std::int64_t& value = member == 0 ? candidate.decisions[at].b : candidate.decisions[at].c;
          if (value < 2) break;
          value /= 2;
          if (!take(candidate)) break;
        }
      }
    }
  }

  Plan best_;
  int invariant_;
  Clock::time_point end_;
};

}  // namespace

Plan shrink(const Plan& plan, int invariant, double seconds) { return Shrinker(plan, invariant, seconds).run(); }

}  // namespace axonpush::sim
