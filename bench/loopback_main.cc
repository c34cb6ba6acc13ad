// axonpush_loopback MODE: what the library costs end to end, against a bare OpenSSL loop that does the same work in the
// same run. MQTT 5 over secure WebSocket, TLS 1.3, 127.0.0.1, events of 503 bytes.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "loopback_peers.h"
#include "loopback_process.h"
#include "loopback_report.h"
#include "loopback_swap.h"

namespace axonpush::bench {

namespace {

struct Mode {
  const char* name;
  const char* what;
  Work work;
  double ratio_goal = 0;
  double syscalls_goal = 0;
  bool latency = false;
  bool memory = false;
};

// The goals are the last column of PEERS.md's second table.
const Mode kModes[] = {
    {"in-qos0-16k", "receives QoS 0, records of 16 KiB", {.warm = 20'000, .count = 400'000}, 1.3, 0.02},
    {"in-qos0-16k-json", "the same, eight members of each read", {.json = true, .warm = 20'000, .count = 400'000}, 1.8},
    {"in-qos0-record",
     "receives QoS 0, a record and a write for each event, as brokers do",
     {.record_each = true, .warm = 10'000, .count = 100'000},
     1.15},
    {"in-qos1",
     "receives QoS 1 and acknowledges; a record and a write for each event, as brokers do",
     {.qos = 1, .record_each = true, .warm = 10'000, .count = 100'000},
     1.3,
     0.25},
    {"in-qos1-16k",
     "the same in records of 16 KiB, as much at once as Receive Maximum 64 allows",
     {.qos = 1, .warm = 10'000, .count = 200'000}},
    {"out-qos0", "publishes QoS 0", {.traffic = Traffic::out, .warm = 20'000, .count = 300'000}, 1.4},
    {"out-qos0-json",
     "the same, each serialised from a Message",
     {.traffic = Traffic::out, .json = true, .warm = 20'000, .count = 300'000}},
    {"out-qos1",
     "publishes QoS 1, 20 under way",
     {.traffic = Traffic::out, .qos = 1, .warm = 10'000, .count = 100'000},
     1.3,
     0.15},
    {"rtt",
     "publishes, waits for the echo, publishes again",
     {.traffic = Traffic::echo, .warm = 1'000, .count = 10'000},
     1.05,
     3,
     true},
    {"memory", "resident memory after 20,000 events", {.warm = 1, .count = 20'000}, 0, 0, false, true},
};
constexpr double kMemoryGoalKb = 512;
constexpr char kFloorInEpoll[] = "floor, epoll";

struct Options {
  std::string mode;
  unsigned rounds = 7;
  std::uint64_t count = 0;  // 0: the mode's own
  unsigned packets = 1;
  bool json = false;
  bool smoke = false;
};

int usage(FILE* into) {
  std::fprintf(into,
               "usage: axonpush_loopback MODE [--rounds N] [--count N] [--packets 1|8] [--json] [--smoke]\n\n"
               "Each round runs every contestant once, one after the other, each in a process of its own; with swap\n"
               "a round is a swap.\n"
               "  --packets 8   eight MQTT packets in a frame\n"
               "  --json        one JSON object in place of the table\n"
               "  --smoke       a few messages, one round: does it run at all?\n\n");
  for (const Mode& mode : kModes) std::fprintf(into, "  %-17s %s\n", mode.name, mode.what);
  std::fprintf(into,
               "  %-17s round trips published from a callback, the loop, a busy loop, another thread\n"
               "  %-17s latency of events while credentials are swapped, against that between swaps\n"
               "  %-17s all of the above but swap, which takes its time\n",
               "latency", "swap", "all");
  return into == stdout ? 0 : 2;
}

// Each contestant's name, the floor first: it is what the others are measured by.
std::vector<std::string> contestants_of(const Mode& mode) {
  std::vector<std::string> names = {"floor", "ours"};
  // Where the socket is waited for, and not only read.
  if (mode.latency || mode.work.record_each) names.push_back(kFloorInEpoll);
  for (const std::string& peer : peers_for(mode.work)) names.push_back(peer);
  return names;
}

Measured run_contestant(const std::string& name, const Work& work, const Target& target) {
  const std::vector<std::string> words = {"--client", name,
                                          "--work",   client_id_of(work),
                                          "--warm",   std::to_string(work.warm),
                                          "--port",   std::to_string(target.port),
                                          "--ca",     target.ca_file,
                                          "--reads",  work.json ? "json" : "raw"};
  Process process(words);
  const std::string output = process.read_all();
  Measured measured;
  if (!process.succeeded() || !parse_measured(output, measured)) die("a contestant failed", name);
  return measured;
}

Work work_of(const Mode& mode, const Options& options) {
  Work work = mode.work;
  if (options.count != 0) work.count = options.count;
  if (options.smoke) {
    work.warm = 50;
    work.count = 500;
  }
  // Nothing but the library sends one packet a frame in the other direction.
  if (work.traffic == Traffic::in) work.packets = options.packets;
  // The sender sends whole frames: the numbers of messages have to come out even.
  work.warm = (work.warm + 7) / 8 * 8;
  work.count = (work.count + 7) / 8 * 8;
  return work;
}

void run_mode(const Mode& mode, const std::vector<std::string>& names, const Options& options, const Target& target,
              std::vector<Row>& rows) {
  const Work work = work_of(mode, options);
  std::vector<std::vector<Measured>> measured(names.size());
  const unsigned rounds = options.smoke ? 1 : options.rounds;
  for (unsigned round = 0; round < rounds; ++round) {
    for (std::size_t at = 0; at < names.size(); ++at) {
      measured[at].push_back(run_contestant(names[at], work, target));
    }
  }
  Measured floor;
  for (std::size_t at = 0; at < names.size(); ++at) {
    Row row{.mode = mode.name, .contestant = names[at], .rounds = rounds, .median = median_of(measured[at])};
    row.latency = mode.latency;
    if (at == 0) floor = row.median;
    if (at != 0) {
      row.ratio = mode.latency ? static_cast<double>(quantile(row.median.samples, 500)) /
                                     static_cast<double>(quantile(floor.samples, 500))
                               : row.median.cpu_us / floor.cpu_us;
    }
    if (mode.memory) row.ratio = 0;
    if (names[at] == "ours") {
      row.ratio_goal = mode.ratio_goal;
      row.syscalls_goal = mode.syscalls_goal;
      if (mode.memory) {
        row.above_floor_kb = row.median.resident_kb - floor.resident_kb;
        row.above_floor_kb_goal = kMemoryGoalKb;
      }
    }
    if (!options.json) print_row(row);
    rows.push_back(std::move(row));
  }
}

void print_histograms(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    if (row.latency) print_histogram(row.mode + ", " + row.contestant, row.median.samples);
  }
}

int run_modes(const Options& options) {
  char ca_file[] = "/tmp/axonpush-loopback-XXXXXX";
  const int made = ::mkstemp(ca_file);
  need(made >= 0, "no temporary file could be made");
  ::close(made);
  Process sender({"--sender", ca_file});
  const Target target{.port = static_cast<std::uint16_t>(std::atoi(sender.read_line().c_str())), .ca_file = ca_file};
  need(target.port != 0, "the sender did not start");
  std::vector<Row> rows;
  bool known = false;
  if (!options.json) print_header();
  const bool all = options.mode == "all";
  for (const Mode& mode : kModes) {
    if (!all && options.mode != mode.name) continue;
    known = true;
    run_mode(mode, contestants_of(mode), options, target, rows);
  }
  if (all || options.mode == "latency") {
    known = true;
    const Mode latency{"latency", "", {.traffic = Traffic::echo, .warm = 1'000, .count = 10'000}, 0, 0, true};
    run_mode(latency, {"floor", "callback", "loop", "busy", "thread", "facade"}, options, target, rows);
  }
  if (!options.json) print_histograms(rows);
  if (options.json) print_json(rows);
  ::unlink(ca_file);
  return known ? 0 : usage(stderr);
}

// The process of one contestant.
int run_client(const std::string& name, Work work, const Target& target) {
  if (name == "floor") {
    print_measured(run_floor(work, target, Waits::in_read));
  } else if (name == kFloorInEpoll) {
    print_measured(run_floor(work, target, Waits::in_epoll));
  } else if (name == "ours") {
    print_measured(run_ours(work, target));
  } else if (name == "callback") {
    print_measured(run_latency(From::callback, work, target));
  } else if (name == "loop") {
    print_measured(run_latency(From::loop, work, target));
  } else if (name == "busy") {
    print_measured(run_latency(From::busy, work, target));
  } else if (name == "thread") {
    print_measured(run_latency(From::thread, work, target));
  } else if (name == "facade") {
    print_measured(run_latency(From::facade, work, target));
  } else {
    print_measured(run_peer(name, work, target));
  }
  return 0;
}

// The words of a process started by ours: --client NAME --work W --warm N --port P --ca FILE --reads json|raw.
int client_main(int argc, char** argv) {
  need(argc == 13, "--client is for the program itself");
  Work work;
  need(parse_client_id(argv[4], work), "the work could not be read");
  work.warm = std::strtoull(argv[6], nullptr, 10);
  work.count -= work.warm;
  work.json = std::string_view(argv[12]) == "json";
  const Target target{.port = static_cast<std::uint16_t>(std::atoi(argv[8])), .ca_file = argv[10]};
  return run_client(argv[2], work, target);
}

bool parse_options(int argc, char** argv, Options& options) {
  for (int at = 1; at < argc; ++at) {
    const std::string_view word = argv[at];
    const auto number = [&]() -> std::uint64_t { return at + 1 < argc ? std::strtoull(argv[++at], nullptr, 10) : 0; };
    if (word == "--json") {
      options.json = true;
    } else if (word == "--smoke") {
      options.smoke = true;
    } else if (word == "--rounds") {
      options.rounds = static_cast<unsigned>(number());
    } else if (word == "--count") {
      options.count = number();
    } else if (word == "--packets") {
      options.packets = static_cast<unsigned>(number());
    } else if (!word.starts_with("-") && options.mode.empty()) {
      options.mode = word;
    } else {
      return false;
    }
  }
  if (options.mode.empty() && options.smoke) options.mode = "all";
  return !options.mode.empty() && options.rounds != 0 && (options.packets == 1 || options.packets == 8);
}

}  // namespace

int loopback_main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--help") return usage(stdout);
  if (first == "--sender" && argc == 3) return run_sender(argv[2]);
  if (first == "--swap-service" && argc == 4) {
    return run_swap_service(argv[2], static_cast<unsigned>(std::atoi(argv[3])));
  }
  if (first == "--client") return client_main(argc, argv);
  Options options;
  if (!parse_options(argc, argv, options)) return usage(stderr);
  if (options.mode == "swap") return run_swaps({.swaps = options.smoke ? 1 : options.rounds, .json = options.json});
  return run_modes(options);
}

}  // namespace axonpush::bench

int main(int argc, char** argv) { return axonpush::bench::loopback_main(argc, argv); }
