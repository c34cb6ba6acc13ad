// axonpush demo: the whole of it in one process, a credential swap included, and nothing lost.
#include <axonpush/testing/loopback_service.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tool/client_flags.h"
#include "tool/json_lines.h"
#include "tool/progress.h"
#include "tool/signals.h"

namespace axonpush::tool {

namespace {

constexpr std::string_view kChannel = "ch_demo";

// What came in, by number: each must come exactly once.
class Ledger {
 public:
  void arrived(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    if (copies_.size() <= number) copies_.resize(number + 1, 0);
    ++copies_[number];
    ++arrived_;
  }
  [[nodiscard]] std::uint64_t arrived() {
    const std::lock_guard lock(mutex_);
    return arrived_;
  }
  void settle(std::uint64_t published, std::uint64_t& lost, std::uint64_t& doubled) {
    const std::lock_guard lock(mutex_);
    copies_.resize(published, 0);
    for (const std::uint32_t copies : copies_) {
      if (copies == 0) ++lost;
      if (copies > 1) doubled += copies - 1;
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::uint32_t> copies_;
  std::uint64_t arrived_ = 0;
};

struct DemoFlags {
  std::uint64_t rate = 100;
  std::uint64_t swaps = 1;
  bool same_client_id = false;
  bool json = false;
};

// What the connection does: a dim line, or with --json an object. Colour only where somebody looks.
class Voice {
 public:
  explicit Voice(bool json) : json_(json), terminal_(!json && isatty(STDOUT_FILENO) != 0) {}
  void say(const char* what, std::string_view detail) const {
    if (json_) {
      JsonOut out;
      out.begin_object().key("kind").string(what).key("detail").string(detail).end_object();
      std::printf("%s\n", out.text().c_str());
    } else {
      std::printf("%s%s%-12s%s %.*s\n", terminal_ ? kClearLine : "", terminal_ ? "\033[2m" : "", what,
                  terminal_ ? "\033[0m" : "", static_cast<int>(detail.size()), detail.data());
    }
    std::fflush(stdout);
  }
  // Rewritten in place; the next line takes its place.
  void progress(std::uint64_t published, std::uint64_t swaps, std::uint64_t wanted) const {
    if (!terminal_) return;
    std::printf("%s\033[2m%-12s %llu published, swap %llu of %llu\033[0m", kClearLine, "...",
                static_cast<unsigned long long>(published), static_cast<unsigned long long>(swaps),
                static_cast<unsigned long long>(wanted));
    std::fflush(stdout);
  }
  void end() const {
    if (terminal_) std::fputs(kClearLine, stdout);
  }
  [[nodiscard]] bool json() const { return json_; }

 private:
  bool json_;
  bool terminal_;
};

// What became of the publishes. Completions run on the client's own thread.
struct Outcomes {
  std::atomic<std::uint64_t> acknowledged = 0;
  std::atomic<std::uint64_t> failed = 0;
  std::uint64_t published = 0;  // accepted
  std::chrono::nanoseconds took{};
};

// One event, without waiting for its PUBACK; a full queue is waited for. False when it was refused for good.
bool publish_one(RealtimeClient& session, std::uint64_t number, Outcomes& outcomes) {
  char payload[64];
  std::snprintf(payload, sizeof payload, "{\"n\":%llu}", static_cast<unsigned long long>(number));
  for (;;) {
    const Status accepted = session.publish_async({.channel_id = kChannel,
                                                   .identifier = "demo",
                                                   .payload = payload,
                                                   .agent_id = "agent_1",
                                                   .event_type = "demo.tick"},
                                                  [&outcomes](const Result<Published>& outcome) {
                                                    ++(outcome.ok() ? outcomes.acknowledged : outcomes.failed);
                                                    if (!outcome.ok()) fail("demo", outcome.error());
                                                  });
    if (accepted.ok()) return true;
    if (accepted.error().code() != Errc::queue_full || interrupted()) {
      fail("demo", accepted.error());
      return false;
    }
    sleep_for(milliseconds(1));
  }
}

// Publishes at the rate, by the clock and not by pauses, until the swaps are done and one more second is over.
void publish_through_swaps(RealtimeClient& session, const DemoFlags& flags, const Voice& voice, Outcomes& outcomes) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  std::uint64_t swaps_seen = 0;
  std::uint64_t after_last_swap = 0;
  while (!interrupted() && after_last_swap < flags.rate) {
    const std::chrono::nanoseconds since = Clock::now() - start;
    const std::uint64_t due = static_cast<std::uint64_t>(since.count()) / 1'000 * flags.rate / 1'000'000;
    if (outcomes.published > due) {
      sleep_for(milliseconds(1));
      continue;
    }
    if (!publish_one(session, outcomes.published, outcomes)) break;
    ++outcomes.published;
    if (outcomes.published % (flags.rate / 10 + 1) == 0) {
      const std::uint64_t swaps = session.stats().swaps;
      if (swaps != swaps_seen) voice.say("swap", std::to_string(swaps) + " complete, publishing went on");
      swaps_seen = swaps;
      voice.progress(outcomes.published, swaps_seen, flags.swaps);
    }
    if (swaps_seen >= flags.swaps) ++after_last_swap;
  }
  voice.end();
  outcomes.took = Clock::now() - start;
}

// The last line: what scripts look for.
void print_result(const Voice& voice, const Outcomes& outcomes, std::uint64_t received, const Stats& stats,
                  std::uint64_t lost, std::uint64_t doubled) {
  const double took = std::chrono::duration<double>(outcomes.took).count();
  const auto per_second =
      static_cast<std::uint64_t>(took > 0 ? static_cast<double>(outcomes.published) / took + 0.5 : 0.0);
  const std::pair<const char*, std::uint64_t> numbers[] = {{"published", outcomes.published},
                                                           {"received", received},
                                                           {"per_second", per_second},
                                                           {"swaps", stats.swaps},
                                                           {"copies_dropped", stats.duplicates_dropped},
                                                           {"resent", stats.resent},
                                                           {"lost", lost},
                                                           {"doubled", doubled}};
  JsonOut out;
  std::string line;
  out.begin_object().key("kind").string("result");
  for (const auto& [name, number] : numbers) {
    out.key(name).number(number);
    if (!line.empty()) line += ' ';
    line.append(name).append("=").append(std::to_string(number));
  }
  std::printf("%s\n", voice.json() ? out.end_object().text().c_str() : line.c_str());
}

int run(const DemoFlags& flags) {
  const Voice voice(flags.json);
  testing::LoopbackOptions service_options;
  // Half a life of 10 s after the start comes the refresh: the shortest the floor of 5 s allows.
  service_options.credentials_lifetime = seconds(10);
  service_options.same_client_id = flags.same_client_id;
  testing::LoopbackService service(service_options);
  if (!service.status().ok()) return fail("demo", service.status().error());
  voice.say("service", service.base_url() + " and " + service.broker_url());

  ClientOptions options;
  options.api_key = service.api_key();
  options.tenant_id = service.tenant_id();
  options.base_url = service.base_url();
  options.tls.ca_pem = service.ca_pem();
  options.read_environment = false;
  AxonPush client(std::move(options));
  if (client.error()) return fail("demo", client.error());
  RealtimeOptions realtime;
  realtime.on_error = [](const ErrorReport& report) { fail("demo", report.error, report.subject); };
  realtime.on_state = [&voice](const StateChange& change) { voice.say("state", name_of(change.to)); };
  Result<RealtimeClient> session = client.connect_realtime(std::move(realtime));
  if (!session.ok()) return fail("demo", session.error());

  Ledger ledger;
  const Result<Subscription> subscription =
      session->subscribe({.channel_id = kChannel}, [&ledger, &voice](const Event& event) {
        std::uint64_t number = 0;
        json::Cursor members(event.payload());
        json::Member member;
        while (members.next(member)) {
          if (json::key_equals(member, "n")) static_cast<void>(member.value.unsigned_integer(number));
        }
        if (number < 3) voice.say("event", event.text());
        if (number == 3) voice.say("event", "... and so on");
        ledger.arrived(number);
      });
  if (!subscription.ok()) return fail("demo", subscription.error());
  voice.say("subscribed", kChannel);

  Outcomes outcomes;
  publish_through_swaps(*session, flags, voice, outcomes);
  // Everything acknowledged is on its way: five seconds are plenty.
  const auto settled = [&] {
    return outcomes.acknowledged + outcomes.failed >= outcomes.published && ledger.arrived() >= outcomes.published;
  };
  for (int looks = 0; looks < 250 && !settled(); ++looks) sleep_for(milliseconds(20));
  const Stats stats = session->stats();
  const Status ended = session->disconnect();
  if (!ended.ok()) return fail("demo", ended.error());
  std::uint64_t lost = 0;
  std::uint64_t doubled = 0;
  ledger.settle(outcomes.published, lost, doubled);
  print_result(voice, outcomes, ledger.arrived(), stats, lost, doubled);
  if (!interrupted() && stats.swaps < flags.swaps) {
    std::fprintf(stderr, "axonpush demo: the swap did not come about\n");
    return 1;
  }
  const bool whole = lost == 0 && doubled == 0 && outcomes.failed == 0 && outcomes.acknowledged == outcomes.published;
  return whole ? 0 : 1;
}

}  // namespace

int demo(Arguments arguments) {
  DemoFlags demo_flags;
  Flags flags("demo", "a loopback service, a subscriber, a publisher and a credential swap in one process");
  flags.number(demo_flags.rate, 1, 5'000, {.name = "rate", .value = "N", .help = "events a second"});
  flags.number(demo_flags.swaps, 1, 10'000, {.name = "swaps", .value = "N", .help = "stop after so many swaps"});
  flags.toggle(demo_flags.same_client_id,
               {.name = "same-client-id", .help = "the service hands out one client id: each swap is a takeover"});
  flags.toggle(demo_flags.json, {.name = "json", .help = "one JSON object a line; the last has the counts"});
  flags.note("Exit codes: 0 nothing lost, nothing doubled; 1 otherwise; 2 wrong usage.");
  if (const auto exit_code = flags.parse(arguments)) return *exit_code;
  catch_interrupts();
  return run(demo_flags);
}

}  // namespace axonpush::tool
