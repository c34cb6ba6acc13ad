// swap_storm [--swaps N] [--clients N] [--seed S] [--rate PERCENT] [--storm PERCENT] [--minutes M] [--trace 1]
//
// The network emulator: real clients, real OpenSSL, a real broker (Debian's mosquitto behind secure WebSocket) and
// between them a relay that delays, chops, stalls and cuts; `tc netem` under all of it where the kernel has it. Clients
// in every mode of swapping publish and are fed until N swaps are done; a witness and a feeder stand at the broker
// itself, and ledgers hold every event to the rules of storm_ledger.h. At the end no descriptor, thread, timer or
// connection is left. Exits 1 with the seed when anything is broken.
//
// Method: everything runs in a network namespace of its own, which takes root. A seed says what is planned for which
// connection; the clock and the kernel have their part in it, so a seed repeats the weather and not the run.
#include <axonpush/testing/loopback_service.h>

#include <dirent.h>
#include <sys/resource.h>
#include <time.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "interop/private_network.h"
#include "interop/process.h"
#include "interop/storm_client.h"
#include "support/certificates.h"

namespace interop {
namespace {

using axonpush::milliseconds;
using axonpush::seconds;
using axonpush::net::Reactor;
using axonpush::test::Certificate;
using axonpush::test::TemporaryFile;
using axonpush::testing::LoopbackOptions;
using axonpush::testing::LoopbackService;

struct Options {
  std::uint64_t swaps = 10'000;
  std::uint64_t clients = 200;
  std::uint64_t seed = 0;
  std::uint64_t rate = 100;
  std::uint64_t storm = 30;
  std::uint64_t minutes = 30;
  std::uint64_t trace = 0;
};

constexpr std::uint16_t kPlainPort = 1883;
constexpr std::uint16_t kSecurePort = 8884;

bool parse(int count, char** words, Options& options) {
  const std::pair<const char*, std::uint64_t*> known[] = {{"--swaps", &options.swaps}, {"--clients", &options.clients},
                                                          {"--seed", &options.seed},   {"--rate", &options.rate},
                                                          {"--storm", &options.storm}, {"--minutes", &options.minutes},
                                                          {"--trace", &options.trace}};
  for (int at = 1; at + 1 < count; at += 2) {
    bool found = false;
    for (const auto& [name, value] : known) {
      if (std::strcmp(words[at], name) != 0) continue;
      char* end = nullptr;
      *value = std::strtoull(words[at + 1], &end, 10);
      found = *end == '\0' && end != words[at + 1];
    }
    if (!found) return false;
  }
  const bool sane = options.clients >= 1 && options.clients <= 10'000 && options.rate >= 1 && options.storm <= 100;
  return count % 2 == 1 && sane;
}

std::size_t entries_of(const char* directory) {
  std::size_t count = 0;
  if (DIR* open = opendir(directory)) {
    while (const dirent* entry = readdir(open)) count += entry->d_name[0] != '.' ? 1 : 0;
    closedir(open);
  }
  return count;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}
double processor_seconds(int who) {
  rusage usage = {};
  getrusage(who, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

// Loss, delay and reordering under everything, the witness included.
void try_netem() {
  if (!installed("tc")) return void(std::printf("netem: no `tc` here; the relay alone is the weather\n"));
  Program tc({"tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "2ms", "1ms", "loss", "0.5%", "reorder",
              "2%", "limit", "20000"});
  std::string said = tc.rest();
  while (!said.empty() && said.back() == '\n') said.pop_back();
  if (tc.wait() == 0) {
    std::printf("netem: 2 ms +- 1 ms, 0.5 %% loss, 2 %% reordered on the whole loopback\n");
  } else {
    std::printf("netem: not in this kernel (%s); the relay alone is the weather\n", said.c_str());
  }
}

class Broker {
 public:
  Broker()
      : authority_({.common_name = "storm authority", .authority = true}),
        leaf_({.common_name = "broker", .extensions = {{"subjectAltName", "DNS:localhost"}}}, &authority_),
        certificate_(leaf_.pem()),
        key_(leaf_.key_pem()),
        log_(""),
        configuration_(
            "user root\nallow_anonymous true\npersistence false\nsys_interval 0\nset_tcp_nodelay true\n"
            "max_inflight_messages 100\nmax_queued_messages 100000\n"
            "log_type error\nlog_type warning\nlog_dest file " +
            log_.path() + "\nlistener " + std::to_string(kPlainPort) + " 127.0.0.1\nlistener " +
            std::to_string(kSecurePort) + "\nprotocol websockets\ncertfile " + certificate_.path() + "\nkeyfile " +
            key_.path() + "\n"),
        program_({"/usr/sbin/mosquitto", "-c", configuration_.path()}) {}
  [[nodiscard]] std::string authority() const { return authority_.pem(); }

 private:
  Certificate authority_;
  Certificate leaf_;
  TemporaryFile certificate_;
  TemporaryFile key_;
  TemporaryFile log_;
  TemporaryFile configuration_;
  Program program_;
};

class Storm {
 public:
  Storm(const Options& options, std::vector<std::string>& findings)
      : options_(options),
        findings_(findings),
        proxy_(options.seed, options.clients),
        service_(service_options(proxy_, world_broker_port_)),
        tls_({.ca_pem = service_.ca_pem() + broker_.authority()}),
        feeder_(reactor_),
        witness_(reactor_) {}

  void run();

 private:
  static LoopbackOptions service_options(StormProxy& proxy, std::uint16_t& broker_port) {
    broker_port = proxy.route(StormProxy::Kind::broker, kSecurePort);
    LoopbackOptions options;
    options.broker_url =
        "wss://localhost:" + std::to_string(broker_port) + "/mqtt?x-amz-customauthorizer-name=axonpush";
    options.credentials_lifetime = seconds(12);
    return options;
  }

  template <class Done>
  bool turn_until(Duration patience, const Done& done) {
    const Instant deadline = Reactor::clock() + patience;
    while (!done()) {
      if (Reactor::clock() >= deadline) return false;
      reactor_.run_once(axonpush::earlier_of(deadline, Reactor::clock() + milliseconds(100)));
    }
    return true;
  }
  bool open_broker();
  void begin_clients(StormWorld& world);
  void witnessed(std::string_view topic, std::string_view body);
  void run_clients(StormWorld& world);
  void look_for_left_overs();
  void report(const StormWorld& world);
  void wrong(std::string text) { findings_.push_back(std::move(text)); }

  const Options& options_;
  std::vector<std::string>& findings_;
  std::uint16_t world_broker_port_ = 0;
  Broker broker_;
  StormProxy proxy_;
  LoopbackService service_;
  Reactor reactor_;
  axonpush::net::TlsContext tls_;
  PlainMqtt feeder_;
  PlainMqtt witness_;
  std::vector<std::unique_ptr<StormClient>> clients_;
  std::size_t descriptors_ = 0;
  Instant began_;
};

bool Storm::open_broker() {
  const bool up = turn_until(seconds(15), [this] {
    if (feeder_.connect(kPlainPort, "storm-feeder")) return true;
    reactor_.run_once(Reactor::clock() + milliseconds(50));
    return false;
  });
  if (!up || !witness_.connect(kPlainPort, "storm-witness")) return false;
  witness_.on_publish = [this](std::string_view topic, std::string_view body) { witnessed(topic, body); };
  witness_.subscribe("axonpush/" + service_.tenant_id() + "/+/up/+/+/+");
  return turn_until(seconds(15), [this] { return feeder_.connected() && witness_.subscribed(); });
}

// axonpush/TENANT/ENVIRONMENT/up/CHANNEL/q1/_ and {..."n":NUMBER...
void Storm::witnessed(std::string_view topic, std::string_view body) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= topic.size();) {
    const std::size_t end = std::min(topic.find('/', at), topic.size());
    parts.push_back(topic.substr(at, end - at));
    at = end + 1;
  }
  const std::size_t number_at = body.find("\"n\":");
  if (parts.size() != 7 || parts[4].size() < 2 || number_at == std::string_view::npos) {
    return wrong("the witness saw something strange at " + std::string(topic));
  }
  const std::uint64_t number = std::strtoull(std::string(body.substr(number_at + 4, 12)).c_str(), nullptr, 10);
  const std::uint64_t client = std::strtoull(std::string(parts[4].substr(1)).c_str(), nullptr, 10);
  if (client >= clients_.size()) return wrong("the witness saw a client that is none");
  clients_[client]->witnessed(parts[4], parts[5] == "q0" ? 0 : 1, number);
}

void Storm::begin_clients(StormWorld& world) {
  const Instant now = Reactor::clock();
  Random random(options_.seed);
  for (std::uint64_t number = 0; number < options_.clients; ++number) {
    const Terms terms = {
        .calm = random.below(100) >= options_.storm, .takeover = number / 2 % 2 == 1, .ordered = number / 4 % 2 == 1};
    clients_.push_back(std::make_unique<StormClient>(world, number, terms));
    // Not all at once: 50 in a second.
    clients_.back()->begin_at(now + milliseconds(20) * static_cast<std::int64_t>(number));
  }
}

void Storm::run_clients(StormWorld& world) {
  const Instant deadline = began_ + axonpush::minutes(static_cast<std::int64_t>(options_.minutes));
  Instant told_at = began_;
  std::uint64_t swaps = 0;
  bool all_done = false;
  while (!all_done) {
    const Instant now = Reactor::clock();
    swaps = 0;
    all_done = true;
    for (const auto& client : clients_) {
      swaps += client->swaps();
      all_done = all_done && client->done();
    }
    if (feeder_.broken() || witness_.broken()) return wrong("the broker ended, or left the witness");
    if (!world.stopping && (swaps >= options_.swaps || now >= deadline)) world.stopping = true;
    if (now >= deadline + axonpush::minutes(5)) {
      for (const auto& client : clients_) {
        if (!client->done()) wrong("a client does not come to its end: " + client->describe());
      }
      return;
    }
    if (now - told_at >= seconds(15)) {
      told_at = now;
      std::printf("%4" PRId64 " s: %" PRIu64 " swaps, %" PRIu64 " sessions ended, %" PRIu64 " findings\n",
                  (now - began_).seconds(), swaps, world.sessions,
                  static_cast<std::uint64_t>(findings_.size() + world.findings.size()));
      std::fflush(stdout);
    }
    static_cast<void>(turn_until(milliseconds(250), [] { return false; }));
  }
  if (swaps < options_.swaps) {
    wrong("only " + std::to_string(swaps) + " swaps of " + std::to_string(options_.swaps) + " were done in time");
  }
}

// Everybody has disconnected: what is still there is too much (I-24). Both ends of every connection are in this
// process, but for the broker's.
void Storm::look_for_left_overs() {
  if (reactor_.deadline() != Instant::never()) wrong("a timer is left after disconnect()");
  const auto& counters = proxy_.counters();
  if (!turn_until(seconds(30), [&] { return counters.live.load() == 0; })) {
    wrong(std::to_string(counters.live.load()) + " connections are left");
  }
  if (service_.stats().live_http_connections != 0) wrong("a request for credentials is left");
  const std::size_t descriptors = entries_of("/proc/self/fd");
  if (descriptors != descriptors_) {
    wrong(std::to_string(descriptors) + " descriptors are open after disconnect(), and before there were " +
          std::to_string(descriptors_));
  }
  clients_.clear();
}

void Storm::report(const StormWorld& world) {
  const auto& stats = world.stats;
  const auto& totals = world.totals;
  const auto& relay = proxy_.counters();
  std::printf("swaps %" PRIu64 " (undisturbed clients %" PRIu64 ", same client id %" PRIu64 "), sessions %" PRIu64
              ", first connects that failed %" PRIu64 "\n",
              stats.swaps, world.calm_swaps, world.takeover_swaps, world.sessions, world.connects_failed);
  std::printf("connections %" PRIu64 ", fetches %" PRIu64 ", reconnects %" PRIu64 ", failed refreshes %" PRIu64
              ", gaps told %" PRIu64 " (undisturbed clients %" PRIu64 ")\n",
              stats.connections, stats.fetches, stats.reconnects, stats.refresh_failures, stats.gaps, world.calm_gaps);
  std::printf("relay: connections %" PRIu64 ", resets %" PRIu64 ", FINs %" PRIu64 ", silences %" PRIu64
              ", stalls %" PRIu64 ", segments %" PRIu64 ", bytes %" PRIu64 "\n",
              relay.connections.load(), relay.resets.load(), relay.fins.load(), relay.silences.load(),
              relay.stalls.load(), relay.segments.load(), relay.bytes.load());
  std::printf("up: published %" PRIu64 ", acknowledged %" PRIu64 ", failed %" PRIu64 ", at the broker %" PRIu64
              ", sent again %" PRIu64 ", lost %" PRIu64 ", repeated %" PRIu64 "\n",
              totals.published, totals.acknowledged, totals.failed, totals.witnessed, stats.resent, totals.up_lost,
              totals.up_doubled);
  std::printf("down: fed %" PRIu64 ", received %" PRIu64 ", second copies dropped %" PRIu64 ", delivered %" PRIu64
              ", marked %" PRIu64 ", missing in a gap that was told %" PRIu64 ", lost %" PRIu64 ", doubled %" PRIu64
              "\n",
              totals.fed, stats.events, stats.duplicates_dropped, totals.delivered, totals.down_marked,
              totals.down_in_gaps, totals.down_lost, totals.down_doubled);
  std::printf("wall %.1f s, processor %.1f s here, of that relay and witness too\n",
              static_cast<double>((Reactor::clock() - began_).milliseconds()) / 1e3, processor_seconds(RUSAGE_SELF));
}

void Storm::run() {
  began_ = Reactor::clock();
  const std::uint16_t service_port = proxy_.route(StormProxy::Kind::service, service_.port());
  if (!service_.status().ok() || !tls_.status().ok() || !reactor_.status().ok() || service_port == 0) {
    return wrong("the service could not be started");
  }
  if (!open_broker()) return wrong("mosquitto could not be started");
  proxy_.start();
  StormWorld world{.reactor = reactor_, .tls = tls_, .proxy = proxy_, .feeder = feeder_};
  world.api_key = service_.api_key();
  world.tenant_id = service_.tenant_id();
  world.service_port = service_port;
  world.broker_port = world_broker_port_;
  world.seed = options_.seed;
  world.trace = options_.trace != 0;
  world.rate_per_mille = static_cast<std::int64_t>(options_.rate * 10);
  descriptors_ = entries_of("/proc/self/fd");
  begin_clients(world);
  run_clients(world);
  report(world);
  if (world.calm_gaps > 1 + world.calm_swaps / 100) wrong("more than one undisturbed swap in a hundred told of a gap");
  look_for_left_overs();
  for (std::string& finding : world.findings) wrong(std::move(finding));
}

int refuse(const char* why) {
  const char* required = std::getenv("AXONPUSH_REQUIRE_INTEROP");
  const bool failure = required != nullptr && *required == '1';
  std::printf("%s: %s\n", failure ? "FAILED" : "SKIPPED", why);
  return failure ? 1 : 0;
}

int run(Options& options) {
  if (!installed("mosquitto")) return refuse("mosquitto is missing: install mosquitto");
  if (options.seed == 0) options.seed = static_cast<std::uint64_t>(time(nullptr));
  if (!enter_private_network()) return refuse("a network namespace takes root");
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 16 * 1024);  // libwebsockets takes memory for each that is allowed
  setrlimit(RLIMIT_NOFILE, &limit);
  std::printf("seed %" PRIu64 ": %" PRIu64 " clients, until %" PRIu64 " swaps\n", options.seed, options.clients,
              options.swaps);
  try_netem();
  std::fflush(stdout);
  const std::size_t descriptors = entries_of("/proc/self/fd");
  const std::size_t threads = entries_of("/proc/self/task");
  std::vector<std::string> findings;
  {
    Storm storm(options, findings);
    storm.run();
  }
  std::printf("processor of the broker %.1f s\n", processor_seconds(RUSAGE_CHILDREN));
  if (entries_of("/proc/self/fd") != descriptors) findings.push_back("a descriptor is left");
  if (entries_of("/proc/self/task") != threads) findings.push_back("a thread is left");
  for (const std::string& finding : findings) std::printf("BROKEN: %s\n", finding.c_str());
  std::printf("seed %" PRIu64 ": %s\n", options.seed, findings.empty() ? "nothing is broken" : "FAILED");
  return findings.empty() ? 0 : 1;
}

}  // namespace
}  // namespace interop

int main(int count, char** words) {
  interop::Options options;
  if (!interop::parse(count, words, options)) {
    std::fprintf(stderr,
                 "swap_storm [--swaps N] [--clients N] [--seed S] [--rate PERCENT] [--storm PERCENT] "
                 "[--minutes M] [--trace 1]\n");
    return 2;
  }
  return interop::run(options);
}
