// What the parts of axonpush_loopback share: the work that is measured, how it is told from process to process, and
// what a client process answers.
//
// One program, several processes: the orchestrator starts a sender (`--sender`) and, for every round and contestant, a
// client process (`--client NAME`), so that processor time, memory and allocations are a client's own. The work is told
// to the sender in the MQTT client id, because every contestant has one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace axonpush::bench {

enum class Traffic : std::uint8_t {
  in,    // the sender publishes, the client receives
  out,   // the client publishes, the sender acknowledges
  echo,  // the client publishes, the sender sends it back
};

// One line of PEERS.md's second table, or a variant of it.
struct Work {
  Traffic traffic = Traffic::in;
  unsigned qos = 0;
  bool record_each = false;  // one TLS record and one write per frame, as brokers do; else full records of 16 KiB
  unsigned packets = 1;      // MQTT packets in a frame: 1 or 8
  bool json = false;         // in: eight members are read; out: published from a Message
  std::uint64_t warm = 0;    // messages before the measurement
  std::uint64_t count = 0;   // measured ones
};

// "in:1:16k:1:1000": what stands in the client id.
[[nodiscard]] std::string client_id_of(const Work& work);
[[nodiscard]] bool parse_client_id(std::string_view text, Work& work);

inline constexpr unsigned kWindow = 20;               // of outgoing QoS 1
inline constexpr std::uint16_t kReceiveMaximum = 64;  // what every client announces
inline constexpr std::size_t kRecordBytes = 16 * 1024;

// Where the sender is and how its name is proved.
struct Target {
  std::uint16_t port = 0;
  std::string ca_file;
};

// What a client process measured. Values of a name may repeat (the samples of a histogram do not: they are sorted and
// cut down to quantiles by the client).
struct Measured {
  double cpu_us = 0;       // user and system time of the whole process, per message
  double wall_us = 0;      // per message
  double syscalls = 0;     // per message
  double news = 0;         // operator new, per message: the library's allocations, and the benchmark's own
  double mallocs = 0;      // malloc, calloc and realloc, per message: the above and OpenSSL's
  double resident_kb = 0;  // of the process, at the end, still connected
  double anonymous_kb = 0;
  std::vector<std::uint64_t> samples;  // nanoseconds, sorted; latencies only
};

void print_measured(const Measured& measured);
[[nodiscard]] bool parse_measured(std::string_view text, Measured& measured);

// A quantile of sorted samples; per_mille 500 is the median.
[[nodiscard]] std::uint64_t quantile(const std::vector<std::uint64_t>& sorted, unsigned per_mille);

// Ends the process with a message: a benchmark that goes wrong measures nothing.
[[noreturn]] void die(const char* what, std::string_view detail = {});
inline void need(bool condition, const char* what) {
  if (!condition) die(what);
}

// --- The contestants: each runs the work against the sender and answers what it took.
enum class Waits : std::uint8_t {
  in_read,
  in_epoll,  // and reads when told
};
[[nodiscard]] Measured run_floor(const Work& work, const Target& target, Waits waits);
[[nodiscard]] Measured run_ours(const Work& work, const Target& target);
// How a message is published when its latency is measured.
enum class From : std::uint8_t {
  callback,  // of the event before it
  loop,      // the loop's thread, between turns
  busy,      // the same, on a loop that polls and never sleeps
  thread,    // another thread, through Reactor::post
  facade,    // another thread, through RealtimeClient::publish_async
};
[[nodiscard]] Measured run_latency(From from, const Work& work, const Target& target);

// The sender: prints its port, serves until its standard input ends.
int run_sender(const std::string& ca_file);

}  // namespace axonpush::bench
