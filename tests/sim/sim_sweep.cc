// The same short life over and over, with one thing failing at every place it can: every call of a seam, every byte of
// the servers, and all short sequences of calls.
#include <algorithm>
#include <cstdio>

#include "sim/sim_program.h"

namespace axonpush::sim {

namespace {

using Unsigned = unsigned long long;

Plan plain_plan(std::uint64_t seed, Duration span) {
  Plan plan = draw_plan(seed, Kind::quick);
  plan.decisions.clear();
  plan.world = {};
  plan.world[static_cast<std::size_t>(WorldKnob::takeover_word)] = 1;
  plan.span = span;
  plan.clients.resize(1);
  Knobs& knobs = plan.clients[0];
  const auto set = [&knobs](Knob which, std::int64_t value) { knobs[static_cast<std::size_t>(which)] = value; };
  knobs = {};
  set(Knob::life_s, 120);
  set(Knob::lead_s, 60);
  set(Knob::qos, 1);
  set(Knob::receive_maximum, 64);
  set(Knob::keep_alive_s, 30);
  set(Knob::grace_ms, 2000);
  set(Knob::queue, 1024);
  set(Knob::latency_us, 1000);
  return plan;
}

// FAULTS 2.3.2: connect, 3 subscribe, 20 publish, 20 receive, swap, 20 and 20, disconnect (the end of every run).
Plan canonical_plan(std::int64_t mode) {
  Plan plan = plain_plan(1, seconds(20));
  plan.clients[0][static_cast<std::size_t>(Knob::mode)] = mode;
  const auto at = [&plan](std::int64_t ms, Verb verb, std::int64_t a, std::int64_t b, std::int64_t c) {
    plan.decisions.push_back({milliseconds(ms), verb, 0, Context::outside, a, b, c});
  };
  for (std::int64_t filter = 0; filter < 3; ++filter) at(1000, Verb::subscribe, filter * 4 + 3, 0, filter == 2);
  at(2000, Verb::events, 20'000, 1000, kChannels);
  at(2000, Verb::publishes, 20'000, 1000, kChannels);
  at(7000, Verb::refresh, 0, 0, 0);
  at(7005, Verb::events, 20'000, 1000, kChannels);
  at(7005, Verb::publishes, 20'000, 1000, kChannels);
  return plan;
}

// Once in each sweep, however many share in it.
bool report(const char* what, std::uint64_t number, const Outcome& outcome, Tally& tally) {
  tally.totals.add(outcome.totals);
  tally.add_hash(number, outcome.hash);
  if (outcome.breach.invariant == 0) return true;
  tally.good = false;
  std::printf("%s %llu broke I-%02d after %.3f s: %s\n", what, static_cast<Unsigned>(number), outcome.breach.invariant,
              static_cast<double>(outcome.breach.at.nanoseconds()) * 1e-9, outcome.breach.what.c_str());
  return false;
}

}  // namespace

void sweep_calls(std::uint64_t stride, Share share, Tally& tally) {
  std::uint64_t number = 0;  // over all runs of the sweep
  const auto mine = [&] { return share.has(number++); };
  for (const std::int64_t mode : {0, 1}) {
    const Plan plan = canonical_plan(mode);
    Injection counting;
    Sweep first{.injection = &counting, .bytes = {}};
    const Outcome whole = run_plan(plan, false, &first);
    if (mine()) {
      report("the canonical life", 0, whole, tally);
      std::printf("sweep: %llu calls that can fail, mode %lld\n", static_cast<Unsigned>(counting.calls),
                  static_cast<long long>(mode));
    }
    for (const bool onward : {false, true}) {
      for (std::uint64_t k = 1; k <= counting.calls; k += onward ? stride * 4 : stride) {
        if (!mine()) continue;
        Injection injection;
        injection.first = k;
        injection.onward = onward;
        Sweep sweep{.injection = &injection, .bytes = {}};
        report(onward ? "from call" : "call", k, run_plan(plan, false, &sweep), tally);
      }
    }
    Random random(stream_seed(1, "pairs", static_cast<std::uint64_t>(mode)));
    for (std::uint64_t pair = 0; pair < 5'000 / stride; ++pair) {
      Injection injection;
      injection.first = 1 + random.below(counting.calls);
      injection.second = 1 + random.below(counting.calls);
      if (!mine()) continue;
      Sweep sweep{.injection = &injection, .bytes = {}};
      report("pair", pair, run_plan(plan, false, &sweep), tally);
    }
  }
}

void sweep_bytes(std::uint64_t stride, Share share, Tally& tally) {
  std::uint64_t number = 0;
  const auto mine = [&] { return share.has(number++); };
  for (const std::int64_t mode : {0, 1}) {
    const Plan plan = canonical_plan(mode);
    for (const std::uint16_t port : {std::uint16_t{8443}, std::uint16_t{2000}}) {
      // Counted with a fault that lies behind everything.
      Sweep counting{.injection = nullptr, .bytes = {}};
      counting.bytes = {ByteFault::Kind::cut, port, UINT64_MAX, 0};
      const Outcome whole = run_plan(plan, false, &counting);
      const std::uint64_t bytes = counting.bytes.sent;
      if (mine()) {
        report("the canonical life", 0, whole, tally);
        std::printf("sweep: %llu bytes of port %d, mode %lld\n", static_cast<Unsigned>(bytes), port,
                    static_cast<long long>(mode));
      }
      for (const ByteFault::Kind kind : {ByteFault::Kind::cut, ByteFault::Kind::reset, ByteFault::Kind::stall}) {
        for (std::uint64_t after = 0; after < bytes; after += stride) {
          if (!mine()) continue;
          Sweep sweep{.injection = nullptr, .bytes = {}};
          sweep.bytes = {kind, port, after, 0};
          report("byte", after, run_plan(plan, false, &sweep), tally);
        }
      }
    }
  }
}

namespace {

constexpr std::uint64_t kOperations = 10;

// The number-th run: the sequence's digits are its operations, the first one the lowest.
Plan sequence_plan(std::uint64_t length, std::uint64_t sequence, std::uint64_t number, bool fault) {
  Plan plan = plain_plan(number, seconds(static_cast<std::int64_t>(length) + 3));
  plan.world[static_cast<std::size_t>(WorldKnob::manual)] = 1;
  plan.clients[0][static_cast<std::size_t>(Knob::mode)] = static_cast<std::int64_t>(Random(sequence).below(3));
  const auto add = [&plan](std::int64_t ms, Verb verb, std::int64_t a, std::int64_t b, std::int64_t c) {
    plan.decisions.push_back({milliseconds(ms), verb, 0, static_cast<Context>(plan.decisions.size() % 2), a, b, c});
  };
  std::uint64_t rest = sequence;
  // Half of them quicker than an answer takes.
  std::int64_t ms = 1;
  for (std::uint64_t at = 0; at < length; ++at, rest /= kOperations, ms += number % 3 == 0 ? 1 : 700) {
    switch (rest % kOperations) {
      case 0:
        add(ms, Verb::connect, 0, 0, 0);
        break;
      case 1:
        add(ms, Verb::subscribe, 3, 0, 0);
        break;
      case 2:
        add(ms, Verb::subscribe, 7, 0, 1);
        break;
      case 3:
        add(ms, Verb::unsubscribe_filter, 3, 0, 0);
        break;
      case 4:
        add(ms, Verb::publish, 0, 10, 1);
        break;
      case 5:
        add(ms, Verb::disconnect, 0, 0, 0);
        break;
      case 6:
        ms += 6'000;
        break;  // tick
      case 7:
        add(ms, Verb::reset, 0, 0, 0);
        break;
      case 8:
        add(ms, Verb::suback_reason, 0x87, 1, 0);
        break;
      default:
        add(ms, Verb::refresh, 0, 0, 0);
        break;
    }
  }
  if (fault) {
    constexpr Verb kFaults[] = {Verb::api_refused, Verb::dial_refused, Verb::cut, Verb::suback_silent};
    plan.decisions.insert(plan.decisions.begin(),
                          {milliseconds(1), kFaults[number / 2 % 4], 0, Context::outside, 2, 800, 0});
  }
  plan.span = milliseconds(ms) + seconds(2);
  return plan;
}

}  // namespace

// FAULTS 2.3.4: all sequences over ten operations, each without a fault and with one.
void sweep_sequences(std::uint64_t longest, Share share, Tally& tally) {
  std::uint64_t number = 0;
  for (std::uint64_t length = 1; length <= longest; ++length) {
    std::uint64_t count = 1;
    for (std::uint64_t at = 0; at < length; ++at) count *= kOperations;
    for (std::uint64_t sequence = 0; sequence < count; ++sequence) {
      for (const bool fault : {false, true}) {
        const std::uint64_t mine = number++;
        if (!share.has(mine)) continue;
        const Plan plan = sequence_plan(length, sequence, mine, fault);
        if (!report("sequence", mine, run_plan(plan), tally)) std::printf("%s", to_text(plan).c_str());
      }
    }
  }
  if (share.index == 0) std::printf("sweep: %llu sequences\n", static_cast<Unsigned>(number));
}

}  // namespace axonpush::sim
