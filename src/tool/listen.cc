// axonpush listen: each event's body on a line of its own.
#include <cstdio>
#include <mutex>
#include <string>

#include "tool/client_flags.h"
#include "tool/json_lines.h"
#include "tool/signals.h"
#include "tool/stats_view.h"
#include "tool/trace_dump.h"

namespace axonpush::tool {

namespace {

// Prints on the client's thread, stops on the main one.
class Printer {
 public:
  Printer(bool verbose, std::uint64_t wanted) : verbose_(verbose), wanted_(wanted) {}

  void print(const Event& event) {
    const std::lock_guard lock(mutex_);
    if (wanted_ != 0 && printed_ >= wanted_) return;
    // A line end within valid JSON is white space between tokens; a string cannot hold one.
    line_.assign(event.text());
    for (char& value : line_) {
      if (value == '\n' || value == '\r') value = ' ';
    }
    if (verbose_) {
      JsonOut out;
      out.begin_object().key("topic").string(event.topic());
      out.key("qos").number(static_cast<std::uint64_t>(event.qos())).key("event").raw(line_).end_object();
      line_ = out.text();
    }
    line_ += '\n';
    if (std::fwrite(line_.data(), 1, line_.size(), stdout) != line_.size() || std::fflush(stdout) != 0) broken_ = true;
    ++printed_;
  }
  [[nodiscard]] bool done() {
    const std::lock_guard lock(mutex_);
    return broken_ || (wanted_ != 0 && printed_ >= wanted_);
  }
  [[nodiscard]] std::uint64_t printed() {
    const std::lock_guard lock(mutex_);
    return printed_;
  }

 private:
  std::mutex mutex_;
  std::string line_;
  bool verbose_;
  bool broken_ = false;
  std::uint64_t wanted_;
  std::uint64_t printed_ = 0;
};

// The counters, and where the time went.
void print_session(const RealtimeClient& session) {
  print_stats(stderr, session.stats());
  LatencyStats latency;
  if (session.latency(latency)) print_histogram(stderr, "from receipt to callback", latency.receive_to_callback);
}

}  // namespace

int listen(Arguments arguments) {
  ClientFlags client_flags;
  FilterFlags filter_flags;
  std::uint64_t count = 0;
  Duration timeout = Duration::zero();
  bool verbose = false;
  bool stats = false;
  TraceDump trace;
  Flags flags("listen", "prints each event's body on a line of its own, as received");
  client_flags.declare(flags);
  filter_flags.declare(flags);
  flags.number(count, 0, UINT64_MAX, {.name = "count", .value = "N", .help = "stop after so many events (0: never)"});
  flags.seconds(timeout, {.name = "timeout", .value = "SECONDS", .help = "stop after so long (0: never)"});
  flags.toggle(verbose, {.name = "verbose", .help = "wrap each event as {\"topic\",\"qos\",\"event\"}"});
  flags.toggle(
      trace.wanted,
      {.name = "trace", .help = "the last protocol events as JSON lines on stderr, at each error and at the end"});
  flags.toggle(stats, {.name = "stats", .help = "print the counters and the latencies at the end, on stderr"});
  flags.note("Exit codes: 0 done or interrupted; 1 failed, or --timeout came before --count events; 2 wrong usage.");
  if (const auto exit_code = flags.parse(arguments)) return *exit_code;

  catch_interrupts();
  Printer printer(verbose, count);
  ClientOptions client_options = client_flags.options();
  client_options.trace = trace.sink();
  AxonPush client(std::move(client_options));
  if (client.error()) return fail("listen", client.error());
  RealtimeOptions options;
  options.on_error = [&trace](const ErrorReport& report) {
    fail("listen", report.error, report.subject);
    trace.tell();
  };
  options.latency_histograms = stats;
  Result<RealtimeClient> session = client.connect_realtime(std::move(options));
  if (!session.ok()) return fail("listen", session.error());
  const Result<Subscription> subscription =
      session->subscribe(filter_flags.filter(), [&printer](const Event& event) { printer.print(event); });
  if (!subscription.ok()) return fail("listen", subscription.error());

  constexpr Duration kLook = milliseconds(20);
  bool ended = false;
  for (Duration waited; !printer.done() && !interrupted() && !ended; waited = waited + kLook) {
    if (timeout > Duration::zero() && waited >= timeout) break;
    ended = session->wait(kLook).ok();
  }
  if (stats) print_session(*session);
  static_cast<void>(session->disconnect());
  if (interrupted() || printer.done()) return 0;
  if (count != 0 && printer.printed() < count) {
    std::fprintf(stderr, "axonpush listen: %llu of %llu events came in time\n",
                 static_cast<unsigned long long>(printer.printed()), static_cast<unsigned long long>(count));
    return 1;
  }
  return ended ? 1 : 0;
}

}  // namespace axonpush::tool
