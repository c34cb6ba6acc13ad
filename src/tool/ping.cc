// axonpush ping: a message to oneself through the service, again and again, and how long each took to come back.
#include <axonpush/net/reactor.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "tool/client_flags.h"
#include "tool/json_lines.h"
#include "tool/signals.h"
#include "tool/stats_view.h"

namespace axonpush::tool {

namespace {

constexpr std::string_view kEventType = "ping";

struct PingFlags {
  std::string channel, app, environment, qos = "1";
  std::uint64_t count = 0;
  Duration interval = seconds(1);
  Duration timeout = seconds(5);
  bool json = false;

  void declare(Flags& flags) {
    flags.text(channel, {.name = "channel",
                         .value = "ID",
                         .help = "the channel to go through; required",
                         .environment = "AXONPUSH_CHANNEL_ID"});
    flags.text(app, {.name = "app", .value = "ID", .help = "the app", .environment = "AXONPUSH_APP_ID"});
    flags.text(environment,
               {.name = "env", .value = "SLUG", .help = "the environment", .environment = "AXONPUSH_ENVIRONMENT"});
    flags.text(qos, {.name = "qos", .value = "0|1", .help = "of the message and of its way back"});
    flags.number(count, 0, UINT32_MAX,
                 {.name = "count", .value = "N", .help = "stop after so many (0: when interrupted)"});
    flags.seconds(interval, {.name = "interval", .value = "SECONDS", .help = "from one to the next; 0: at once"});
    flags.seconds(timeout, {.name = "timeout", .value = "SECONDS", .help = "what is not back by then is lost"});
    flags.toggle(json, {.name = "json", .help = "one JSON object for each, and one at the end"});
  }
};

// What was sent and what came back: one at a time, so that a trip is never measured while another one is under way.
class Trips {
 public:
  // The number of the one that is under way from now on.
  std::uint64_t begin() {
    const std::lock_guard lock(mutex_);
    back_ = false;
    began_at_ = net::Reactor::clock();
    return ++number_;
  }
  // On the client's thread.
  void arrived(std::uint64_t number, std::size_t bytes) {
    const Instant now = net::Reactor::clock();
    const std::lock_guard lock(mutex_);
    if (number != number_ || back_) return;  // late: it counts as lost already
    back_ = true;
    took_ = now - began_at_;
    bytes_ = bytes;
    changed_.notify_one();
  }
  // True when it is back before `timeout`.
  bool wait(Duration timeout, Duration& took, std::size_t& bytes) {
    std::unique_lock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(timeout.nanoseconds());
    while (!back_ && !interrupted() && std::chrono::steady_clock::now() < until) {
      changed_.wait_for(lock, std::chrono::milliseconds(20));
    }
    took = took_;
    bytes = bytes_;
    return back_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t number_ = 0;
  Instant began_at_;
  Duration took_;
  std::size_t bytes_ = 0;
  bool back_ = false;
};

struct Tally {
  std::uint64_t sent = 0;
  std::uint64_t back = 0;
  LatencyHistogram trips;
  Duration sum;
  Duration least = Duration::max();
};

void print_trip(const PingFlags& flags, std::uint64_t number, Duration took, std::size_t bytes) {
  if (flags.json) {
    JsonOut out;
    out.begin_object().key("seq").number(number).key("bytes").number(bytes).key("ms").raw(milliseconds_of(took));
    std::printf("%s\n", out.end_object().text().c_str());
  } else {
    std::printf("%zu bytes: seq=%llu time=%s ms\n", bytes, static_cast<unsigned long long>(number),
                milliseconds_of(took).c_str());
  }
  std::fflush(stdout);
}

void print_loss(const PingFlags& flags, std::uint64_t number) {
  if (flags.json) {
    JsonOut out;
    out.begin_object().key("seq").number(number).key("lost").boolean(true).end_object();
    std::printf("%s\n", out.text().c_str());
  } else {
    std::printf("seq=%llu did not come back\n", static_cast<unsigned long long>(number));
  }
  std::fflush(stdout);
}

void print_tally(const PingFlags& flags, const Tally& tally) {
  const std::uint64_t lost = tally.sent - tally.back;
  const Duration mean =
      tally.back == 0 ? Duration::zero() : nanoseconds(tally.sum.nanoseconds() / static_cast<std::int64_t>(tally.back));
  if (flags.json) {
    JsonOut out;
    out.begin_object().key("sent").number(tally.sent).key("back").number(tally.back).key("lost").number(lost);
    if (tally.back != 0) {
      out.key("min_ms").raw(milliseconds_of(tally.least)).key("mean_ms").raw(milliseconds_of(mean));
      out.key("p50_ms").raw(milliseconds_of(tally.trips.quantile(500)));
      out.key("p99_ms").raw(milliseconds_of(tally.trips.quantile(990)));
      out.key("p999_ms").raw(milliseconds_of(tally.trips.quantile(999)));
      out.key("max_ms").raw(milliseconds_of(tally.trips.max()));
    }
    std::printf("%s\n", out.end_object().text().c_str());
    return;
  }
  std::printf("--- %s ping ---\n%llu sent, %llu came back, %llu lost\n", flags.channel.c_str(),
              static_cast<unsigned long long>(tally.sent), static_cast<unsigned long long>(tally.back),
              static_cast<unsigned long long>(lost));
  if (tally.back == 0) return;
  std::printf("min %s ms, mean %s ms\n", milliseconds_of(tally.least).c_str(), milliseconds_of(mean).c_str());
  print_histogram(stdout, "round trips", tally.trips);
}

// One round trip. False when the publish itself was refused, which has been said.
bool ping_once(RealtimeClient& session, const PingFlags& flags, std::string_view agent, Trips& trips, Tally& tally) {
  const PublishOptions options{.qos = flags.qos == "0" ? PublishOptions::Delivery::at_most_once
                                                       : PublishOptions::Delivery::at_least_once};
  const std::uint64_t number = trips.begin();
  const std::string identifier = std::to_string(number);
  const Status sent = session.publish_async({.channel_id = flags.channel,
                                             .app_id = flags.app,
                                             .identifier = identifier,
                                             .payload = {{"seq", number}},
                                             .agent_id = agent,
                                             .event_type = kEventType,
                                             .environment = flags.environment},
                                            {}, options);
  if (!sent.ok()) {
    fail("ping", sent.error());
    return false;
  }
  ++tally.sent;
  Duration took;
  std::size_t bytes = 0;
  if (trips.wait(flags.timeout, took, bytes)) {
    ++tally.back;
    tally.trips.record(took);
    tally.sum = tally.sum + took;
    if (took < tally.least) tally.least = took;
    print_trip(flags, number, took, bytes);
  } else if (interrupted()) {
    --tally.sent;  // it had no time
  } else {
    print_loss(flags, number);
  }
  return true;
}

// Another ping through the same channel at the same time is not ours.
std::string own_agent() {
  return "ping-" + std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
}

}  // namespace

int ping(Arguments arguments) {
  ClientFlags client_flags;
  PingFlags ping_flags;
  Flags flags("ping", "publishes messages to itself through the service and measures how long they take to come back");
  client_flags.declare(flags);
  ping_flags.declare(flags);
  flags.note("Exit codes: 0 all came back; 1 one was lost, or failed; 2 wrong usage.");
  if (const auto exit_code = flags.parse(arguments)) return *exit_code;
  if (ping_flags.channel.empty()) return flags.misuse("--channel is required");
  if (ping_flags.qos != "0" && ping_flags.qos != "1") return flags.misuse("--qos takes 0 or 1");

  catch_interrupts();
  Trips trips;  // outlives the client, whose callbacks tell it
  AxonPush client(client_flags.options());
  if (client.error()) return fail("ping", client.error());
  RealtimeOptions options;
  options.qos = ping_flags.qos == "0" ? Qos::at_most_once : Qos::at_least_once;
  options.on_error = [](const ErrorReport& report) { fail("ping", report.error, report.subject); };
  Result<RealtimeClient> session = client.connect_realtime(std::move(options));
  if (!session.ok()) return fail("ping", session.error());
  const std::string agent = own_agent();
  const SubscribeFilter filter{.channel_id = ping_flags.channel,
                               .app_id = ping_flags.app,
                               .environment = ping_flags.environment,
                               .event_type = kEventType,
                               .agent_id = agent};
  const Result<Subscription> subscription = session->subscribe(filter, [&trips](const Event& event) {
    trips.arrived(std::strtoull(std::string(event.identifier()).c_str(), nullptr, 10), event.body().size());
  });
  if (!subscription.ok()) return fail("ping", subscription.error());

  Tally tally;
  bool refused = false;
  Instant next = net::Reactor::clock();
  while (!interrupted() && !refused && (ping_flags.count == 0 || tally.sent < ping_flags.count)) {
    refused = !ping_once(*session, ping_flags, agent, trips, tally);
    next = next + ping_flags.interval;
    const Duration left = next - net::Reactor::clock();
    const bool last = ping_flags.count != 0 && tally.sent == ping_flags.count;
    if (left > Duration::zero() && !last && !refused) sleep_for(left);
  }
  print_tally(ping_flags, tally);
  const Status ended = session->disconnect();
  if (!ended.ok()) return fail("ping", ended.error());
  return refused || tally.back != tally.sent ? 1 : 0;
}

}  // namespace axonpush::tool
