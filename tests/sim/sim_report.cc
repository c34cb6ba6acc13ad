#include <cstdio>

#include "sim/sim_program.h"

namespace axonpush::sim {

namespace {

using Unsigned = unsigned long long;

// Checked where the number stands in the code; what cannot be seen from outside is said here.
constexpr const char* elsewhere(std::size_t invariant) {
  switch (invariant) {
    case 11:
      return "by the model broker too: PUBACKs in the order of the PUBLISHes, none for what was not sent";
    case 34:
      return "by the tests of allocations in tests/client and the benchmarks: a callback of the simulation allocates "
             "itself";
    case 38:
      return "by the model broker, which reads strictly, and by the check of each request's head";
    case 40:
      return "by the types, the world gives no transport without its proof, and in the seeds over TLS by impostors";
    default:
      return nullptr;
  }
}

// Pairs of a phase and an input that a run cannot meet, each for the reason that stands with it.
bool reachable(refresh::Phase phase, refresh::InputKind kind) {
  using P = refresh::Phase;
  using K = refresh::InputKind;
  const bool fetching = phase == P::first_fetch || phase == P::live_fetch || phase == P::fetch;
  const bool dialing = phase == P::first_dial || phase == P::live_dial || phase == P::dial;
  const bool restoring = phase == P::live_restore || phase == P::restore;
  const bool serving = refresh::has_serving(phase);
  switch (kind) {
    case K::connect:
      return phase == P::idle;
    case K::refresh:
      return phase == P::live;
    case K::fetched:
    case K::fetch_failed:
      return fetching;
    case K::dialed:
    case K::dial_failed:
      return dialing;
    case K::restored:
    case K::restore_failed:
    case K::candidate_lost:
      return restoring;
    case K::serving_lost:
      return serving;
    case K::retiring_ended:
      return phase == P::overlap || phase == P::drain;
    case K::drained:
      return phase == P::drain || phase == P::closing;
    case K::disconnect:
      return phase != P::idle && phase != P::closing && phase != P::closed && phase != P::first_fetch &&
             phase != P::first_dial;  // there is no handle before connect is done
    case K::tick:
      return phase == P::live || phase == P::overlap || phase == P::drain || phase == P::reconnect_wait ||
             phase == P::closing;
  }
  return false;
}

// There is no handle before connect is done, nor after disconnect.
bool callable(refresh::Phase phase, Verb call) {
  using P = refresh::Phase;
  const bool outside = phase == P::idle || phase == P::closed || phase == P::closing;
  const bool first = phase == P::first_fetch || phase == P::first_dial;
  switch (call) {
    case Verb::connect:
      return outside && phase != P::closing;
    case Verb::destroy:
    case Verb::stale:
      return true;
    default:
      return !outside && !first;
  }
}

void print_counts(const char* title, std::size_t count, std::string_view (*name)(std::size_t),
                  const std::uint64_t* values) {
  std::printf("%s:", title);
  for (std::size_t at = 0; at < count; ++at) {
    if (values[at] != 0) {
      const std::string_view text = name(at);
      std::printf(" %.*s %llu,", static_cast<int>(text.size()), text.data(), static_cast<Unsigned>(values[at]));
    }
  }
  std::printf("\n");
}

constexpr Verb kCalls[] = {Verb::subscribe, Verb::on_event, Verb::unsubscribe, Verb::unsubscribe_filter,
                           Verb::off_event, Verb::publish,  Verb::refresh,     Verb::disconnect,
                           Verb::destroy,   Verb::stale,    Verb::connect};

// FAULTS R-46: every call in every phase. Calls on a session need one; `connect` is `connect_realtime`, `destroy` the
// client's end, `stale` a spent handle.
std::size_t print_calls(const Totals& totals) {
  std::size_t missing = 0;
  std::printf("phase x call, times made (-: there is no session):\n%-15s", "");
  for (const Verb call : kCalls) std::printf(" %-14.14s", std::string(name_of(call)).c_str());
  std::printf("\n");
  for (std::size_t phase = 0; phase < refresh::kPhaseCount; ++phase) {
    std::printf("%-15s", std::string(refresh::name_of(static_cast<refresh::Phase>(phase))).c_str());
    for (const Verb call : kCalls) {
      const std::uint64_t count = totals.api_cells[phase][static_cast<std::size_t>(call)];
      const bool can = callable(static_cast<refresh::Phase>(phase), call);
      if (count == 0 && !can) {
        std::printf(" %-14s", "-");
      } else {
        std::printf(" %-14llu", static_cast<Unsigned>(count));
      }
      if (count == 0 && can) ++missing;
    }
    std::printf("\n");
  }
  return missing;
}

// from outside of a turn, from the host's own code in one, and from inside each kind of callback. The simulated
// user connects from timers of his own.
std::size_t print_contexts(const Totals& totals) {
  std::size_t missing = 0;
  std::printf("R-46 call x context, times made:\n%-15s", "");
  for (std::size_t context = 0; context < kContextCount; ++context) {
    std::printf(" %-11s", std::string(name_of(static_cast<Context>(context))).c_str());
  }
  std::printf("\n");
  for (const Verb call : kCalls) {
    if (call == Verb::connect) continue;
    std::printf("%-15.15s", std::string(name_of(call)).c_str());
    for (const auto& from : totals.contexts) {
      const std::uint64_t count = from[static_cast<std::size_t>(call)];
      std::printf(" %-11llu", static_cast<Unsigned>(count));
      missing += count == 0 ? 1 : 0;
    }
    std::printf("\n");
  }
  return missing;
}

// Rows that hold "in every state". A peer can vanish where there is a connection to the broker.
std::size_t print_struck(const Totals& totals) {
  using P = refresh::Phase;
  struct Row {
    Verb fault;
    const char* name;
  };
  constexpr Row kRows[] = {
      {Verb::wall_step, "R-11 wall_step"}, {Verb::paused, "R-12 paused"}, {Verb::vanish, "R-25 vanish"}};
  std::size_t missing = 0;
  std::printf("phase x fault, times struck (-: cannot happen):\n%-15s", "");
  for (const Row& row : kRows) std::printf(" %-15s", row.name);
  std::printf("\n");
  for (std::size_t phase = 0; phase < refresh::kPhaseCount; ++phase) {
    const auto in = static_cast<P>(phase);
    std::printf("%-15s", std::string(refresh::name_of(in)).c_str());
    for (const Row& row : kRows) {
      const std::uint64_t count = totals.struck[phase][static_cast<std::size_t>(row.fault)];
      const bool linked = in != P::first_fetch && in != P::fetch && in != P::reconnect_wait;
      const bool can = in != P::idle && in != P::closed && (row.fault != Verb::vanish || linked);
      if (count == 0 && !can) {
        std::printf(" %-15s", "-");
      } else {
        std::printf(" %-15llu", static_cast<Unsigned>(count));
      }
      if (count == 0 && can) ++missing;
    }
    std::printf("\n");
  }
  return missing;
}

}  // namespace

void print_totals(const Totals& totals, std::uint64_t hash, double seconds, bool json) {
  const double simulated = static_cast<double>(totals.simulated_ns) * 1e-9;
  std::uint64_t checks = 0;
  for (const std::uint64_t count : totals.checks) checks += count;
  std::uint64_t faults = 0;
  for (const std::uint64_t count : totals.faults) faults += count;
  if (json) {
    std::printf(
        "{\"seeds\":%llu,\"failures\":%llu,\"simulated_seconds\":%.0f,\"events\":%llu,\"swaps\":%llu,\"reconnects\":%"
        "llu,"
        "\"faults\":%llu,\"checks\":%llu,\"sent\":%llu,\"delivered\":%llu,\"lost\":%llu,\"doubled\":%llu,\"published\":"
        "%llu,"
        "\"acknowledged\":%llu,\"stored\":%llu,\"tls_handshakes\":%llu,\"hash\":\"%016llx\",\"seconds\":%.3f}\n",
        static_cast<Unsigned>(totals.seeds), static_cast<Unsigned>(totals.failures), simulated,
        static_cast<Unsigned>(totals.events), static_cast<Unsigned>(totals.swaps),
        static_cast<Unsigned>(totals.reconnects), static_cast<Unsigned>(faults), static_cast<Unsigned>(checks),
        static_cast<Unsigned>(totals.sent), static_cast<Unsigned>(totals.delivered), static_cast<Unsigned>(totals.lost),
        static_cast<Unsigned>(totals.doubled), static_cast<Unsigned>(totals.published),
        static_cast<Unsigned>(totals.acknowledged), static_cast<Unsigned>(totals.stored),
        static_cast<Unsigned>(totals.tls_handshakes), static_cast<Unsigned>(hash), seconds);
    return;
  }
  std::printf("seeds %llu, failures %llu, hash %016llx\n", static_cast<Unsigned>(totals.seeds),
              static_cast<Unsigned>(totals.failures), static_cast<Unsigned>(hash));
  std::printf("simulated %.0f s in %.1f s (x %.0f), %llu events (%.0f/s)\n", simulated, seconds, simulated / seconds,
              static_cast<Unsigned>(totals.events), static_cast<double>(totals.events) / seconds);
  std::printf("swaps %llu, reconnects %llu, dials %llu, fetches %llu\n", static_cast<Unsigned>(totals.swaps),
              static_cast<Unsigned>(totals.reconnects), static_cast<Unsigned>(totals.connects),
              static_cast<Unsigned>(totals.fetches));
  std::printf("events sent %llu, callbacks %llu, lost %llu, doubled %llu\n", static_cast<Unsigned>(totals.sent),
              static_cast<Unsigned>(totals.delivered), static_cast<Unsigned>(totals.lost),
              static_cast<Unsigned>(totals.doubled));
  std::printf(
      "events owed %llu, lost in a told gap %llu of %llu; %llu swaps without any trouble, none with a gap; excused:",
      static_cast<Unsigned>(totals.owed), static_cast<Unsigned>(totals.in_gap), static_cast<Unsigned>(totals.gaps),
      static_cast<Unsigned>(totals.calm_swaps));
  for (std::size_t at = 0; at < kExcuseCount; ++at) {
    const std::string_view name = name_of(static_cast<Excuse>(at));
    std::printf(" %.*s %llu%s", static_cast<int>(name.size()), name.data(), static_cast<Unsigned>(totals.excused[at]),
                at + 1 == kExcuseCount ? "\n" : ",");
  }
  std::printf("published %llu, acknowledged %llu, failed %llu, stored %llu\n", static_cast<Unsigned>(totals.published),
              static_cast<Unsigned>(totals.acknowledged), static_cast<Unsigned>(totals.failed),
              static_cast<Unsigned>(totals.stored));
  std::printf("TLS handshakes %llu, resumed %llu, impostors refused %llu\n",
              static_cast<Unsigned>(totals.tls_handshakes), static_cast<Unsigned>(totals.tls_resumed),
              static_cast<Unsigned>(totals.impostors));
  print_counts(
      "calls", kVerbCount, [](std::size_t at) { return name_of(static_cast<Verb>(at)); }, totals.calls);
  print_counts(
      "faults", kVerbCount, [](std::size_t at) { return name_of(static_cast<Verb>(at)); }, totals.faults);
  std::printf("checks %llu:", static_cast<Unsigned>(checks));
  for (std::size_t at = 1; at <= 40; ++at) {
    if (totals.checks[at] != 0) std::printf(" I-%02zu %llu,", at, static_cast<Unsigned>(totals.checks[at]));
  }
  std::printf("\n");
  for (std::size_t at = 1; at <= 40; ++at) {
    if (const char* where = elsewhere(at)) std::printf("I-%02zu is checked %s\n", at, where);
  }
}

std::size_t print_coverage(const Totals& totals) {
  std::size_t missing = print_calls(totals);
  std::printf("phase x input, times met (-: cannot happen):\n%-15s", "");
  for (std::size_t kind = 0; kind < refresh::kInputKindCount; ++kind) {
    std::printf(" %-14.14s", std::string(refresh::name_of(static_cast<refresh::InputKind>(kind))).c_str());
  }
  std::printf("\n");
  for (std::size_t phase = 0; phase < refresh::kPhaseCount; ++phase) {
    std::printf("%-15s", std::string(refresh::name_of(static_cast<refresh::Phase>(phase))).c_str());
    for (std::size_t kind = 0; kind < refresh::kInputKindCount; ++kind) {
      const std::uint64_t count = totals.cells[phase][kind];
      const bool can = reachable(static_cast<refresh::Phase>(phase), static_cast<refresh::InputKind>(kind));
      if (count == 0 && !can) {
        std::printf(" %-14s", "-");
      } else {
        std::printf(" %-14llu", static_cast<Unsigned>(count));
      }
      if (count == 0 && can) ++missing;
    }
    std::printf("\n");
  }
  missing += print_contexts(totals);
  missing += print_struck(totals);
  missing += print_marks(totals);
  for (std::size_t verb = 0; verb < kVerbCount; ++verb) {
    const bool asked = static_cast<Verb>(verb) >= kFirstFault;
    if (!asked || totals.faults[verb] != 0) continue;
    ++missing;
    std::printf("never happened: %s\n", std::string(name_of(static_cast<Verb>(verb))).c_str());
  }
  std::printf("%zu cells and marks were never met\n", missing);
  return missing;
}

void print_breach(std::uint64_t seed, const Outcome& outcome, const std::string& replay) {
  std::printf("seed %llu broke I-%02d after %.3f s: %s\n  again: %s\n", static_cast<Unsigned>(seed),
              outcome.breach.invariant, static_cast<double>(outcome.breach.at.nanoseconds()) * 1e-9,
              outcome.breach.what.c_str(), replay.c_str());
  std::fflush(stdout);
}

}  // namespace axonpush::sim
