#include "loopback_swap.h"

#include <axonpush/testing/loopback_service.h>

#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "loopback_client.h"
#include "loopback_process.h"
#include "loopback_report.h"

namespace axonpush::bench {

namespace {

constexpr Duration kLifetime = seconds(12);
constexpr std::uint64_t kWarmNs = 2'000'000'000;  // after the connection came up

// True when the other end of our standard input has been closed.
bool asked_to_end() {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return ::poll(&input, 1, 0) != 0;
}

void wait_until(std::uint64_t at) {
  const timespec then{.tv_sec = static_cast<time_t>(at / 1'000'000'000),
                      .tv_nsec = static_cast<long>(at % 1'000'000'000)};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, nullptr) != 0) {
  }
}

// A number behind a name in a JSON text that this program has made.
std::uint64_t number_behind(std::string_view text, std::string_view name) {
  std::uint64_t value = 0;
  const std::size_t at = text.find(name);
  need(at != std::string_view::npos, "an event without its number");
  const char* const from = text.data() + at + name.size();
  static_cast<void>(std::from_chars(from, text.data() + text.size(), value));
  return value;
}

class SwapRun {
 public:
  explicit SwapRun(const SwapOptions& options) : options_(options) {}
  int run();

 private:
  void start(const std::string& line);
  void on_event(const Event& event);
  void on_state(const StateChange& change);
  void note_time(bool swapping);
  void report();

  SwapOptions options_;
  net::Reactor reactor_;
  std::optional<net::TlsContext> tls_;
  std::unique_ptr<Client> client_;
  Realtime session_;
  std::string ca_file_;
  bool swapping_ = false;
  std::uint64_t connected_at_ = 0;
  std::uint64_t expected_ = 0;  // the number of the next event; 0: none has come
  std::uint64_t lost_ = 0, doubled_ = 0;
  std::uint64_t swaps_ = 0;
  Usage last_;
  std::uint64_t cpu_[2] = {};  // between swaps, during them
  std::uint64_t wall_[2] = {};
  std::vector<std::uint64_t> samples_[2];
};

void SwapRun::note_time(bool swapping) {
  const Usage now = Usage::now();
  if (last_.wall_ns != 0) {
    cpu_[swapping ? 1 : 0] += now.cpu_ns - last_.cpu_ns;
    wall_[swapping ? 1 : 0] += now.wall_ns - last_.wall_ns;
  }
  last_ = now;
}

void SwapRun::on_event(const Event& event) {
  const std::uint64_t now = monotonic_ns();
  const std::uint64_t number = number_behind(event.text(), "\"number\":");
  if (expected_ != 0 && number < expected_) {
    ++doubled_;
    return;
  }
  if (expected_ != 0) lost_ += number - expected_;
  expected_ = number + 1;
  if (now - connected_at_ < kWarmNs) return;
  samples_[swapping_ ? 1 : 0].push_back(now - number_behind(event.text(), "\"sentAt\":"));
}

void SwapRun::on_state(const StateChange& change) {
  if (change.from == ConnectionState::refreshing && change.to == ConnectionState::live) {
    note_time(true);
    swapping_ = false;
    if (++swaps_ == options_.swaps) reactor_.stop();
  }
  if (change.to == ConnectionState::refreshing) {
    note_time(false);
    swapping_ = true;
  }
}

// `line`: base URL, API key and tenant, as the service's process prints them.
void SwapRun::start(const std::string& line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = line.find(' ', first + 1);
  need(second != std::string::npos, "the service did not start");
  ClientOptions options;
  options.base_url = line.substr(0, first);
  options.api_key = line.substr(first + 1, second - first - 1);
  options.tenant_id = line.substr(second + 1);
  options.read_environment = false;
  TlsOptions tls;
  tls.ca_file = ca_file_;
  tls_.emplace(tls);
  client_ = std::make_unique<Client>(reactor_, *tls_, std::move(options));
  RealtimeOptions wishes;
  wishes.on_error = [](const ErrorReport& report) { die("the client reported", report.error.what()); };
  wishes.on_state = [this](const StateChange& change) { on_state(change); };
  const Status begun = client_->connect_realtime(std::move(wishes), [this](const Result<Realtime>& result) {
    if (!result.ok()) die("the client could not connect", result.error().what());
    session_ = *result;
    connected_at_ = monotonic_ns();
    const auto subscribed = session_.subscribe({.environment = "+"}, [this](const Event& event) { on_event(event); });
    need(subscribed.ok(), "the client could not subscribe");
  });
  need(begun.ok(), "the client could not begin to connect");
}

void SwapRun::report() {
  for (std::vector<std::uint64_t>& samples : samples_) std::sort(samples.begin(), samples.end());
  const auto us = [this](int which, unsigned per_mille) {
    return static_cast<double>(quantile(samples_[which], per_mille)) / 1'000;
  };
  // What a swap costs by itself: the time used meanwhile, without what the same span takes between swaps.
  const double idle_rate = wall_[0] == 0 ? 0 : static_cast<double>(cpu_[0]) / static_cast<double>(wall_[0]);
  const double swap_cpu_us =
      (static_cast<double>(cpu_[1]) - idle_rate * static_cast<double>(wall_[1])) / 1'000 / static_cast<double>(swaps_);
  if (options_.json) {
    std::printf("{\"swaps\":%llu,\"lost\":%llu,\"doubled\":%llu,\"swap_cpu_us\":%.1f",
                static_cast<unsigned long long>(swaps_), static_cast<unsigned long long>(lost_),
                static_cast<unsigned long long>(doubled_), swap_cpu_us);
    for (int which = 0; which < 2; ++which) {
      std::printf(",\"%s\":{\"events\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}",
                  which == 0 ? "steady" : "swapping", samples_[which].size(), us(which, 500), us(which, 990),
                  us(which, 999), us(which, 1000));
    }
    std::printf("}\n");
    return;
  }
  std::printf(
      "%llu swaps at %u events a second: %llu lost, %llu doubled; a swap takes %.0f us of processor time,\n"
      "its handshakes and the second copies of events included\n",
      static_cast<unsigned long long>(swaps_), options_.events_per_second, static_cast<unsigned long long>(lost_),
      static_cast<unsigned long long>(doubled_), swap_cpu_us);
  std::printf("p99.9 during swaps %.1f us, between them %.1f us (p99 %.1f us)\n", us(1, 999), us(0, 999), us(0, 990));
  print_histogram("between swaps", samples_[0]);
  print_histogram("during swaps", samples_[1]);
}

int SwapRun::run() {
  char ca_file[] = "/tmp/axonpush-loopback-XXXXXX";
  const int made = ::mkstemp(ca_file);
  need(made >= 0, "no temporary file could be made");
  ::close(made);
  ca_file_ = ca_file;
  Process service({"--swap-service", ca_file, std::to_string(options_.events_per_second)});
  start(service.read_line());
  reactor_.run();
  ::unlink(ca_file);
  report();
  return lost_ == 0 && doubled_ == 0 ? 0 : 1;
}

}  // namespace

int run_swaps(const SwapOptions& options) { return SwapRun(options).run(); }

int run_swap_service(const std::string& ca_file, unsigned events_per_second) {
  testing::LoopbackOptions options;
  options.credentials_lifetime = kLifetime;
  testing::LoopbackService service(options);
  if (!service.status().ok()) die("the service could not be started", service.status().error().what());
  std::FILE* file = std::fopen(ca_file.c_str(), "w");
  need(file != nullptr && std::fputs(service.ca_pem().c_str(), file) >= 0 && std::fclose(file) == 0,
       "the service's certificate could not be written");
  std::printf("%s %s %s\n", service.base_url().c_str(), service.api_key().c_str(), service.tenant_id().c_str());
  std::fflush(stdout);
  if (!service.wait_until(&testing::LoopbackStats::filters_granted, 1)) return 1;
  const std::uint64_t step = 1'000'000'000 / events_per_second;
  std::uint64_t at = monotonic_ns();
  for (std::uint64_t number = 1; !asked_to_end(); ++number) {
    wait_until(at += step);
    char body[256];
    std::snprintf(body, sizeof body,
                  R"({"eventId":"evt_%llu","identifier":"swap","payload":{"number":%llu,"sentAt":%llu}})",
                  static_cast<unsigned long long>(number), static_cast<unsigned long long>(number),
                  static_cast<unsigned long long>(monotonic_ns()));
    static_cast<void>(service.publish({.channel_id = "swap"}, body));
  }
  return 0;
}

}  // namespace axonpush::bench
