// A TCP relay that is bad weather: it delays, cuts the stream into small segments, stalls, and, where the weather is a
// storm, cuts connections by RST, by FIN or by silence, in either direction, at moments drawn from a seed.
//
// Who is who: each client dials an address of its own, 127.1.x.y, and x.y is its number; so the relay knows whose
// connection it has without reading a byte of it. Thread rule: a thread of its own; every function from any other.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace interop {

// Splitmix64: what is drawn from one seed is the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15;
    std::uint64_t value = state_;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
    return value ^ (value >> 31);
  }
  std::uint64_t below(std::uint64_t limit) { return limit == 0 ? 0 : next() % limit; }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool once_in(std::uint64_t many) { return below(many) == 0; }

 private:
  std::uint64_t state_;
};

enum class Weather : std::uint8_t {
  calm,   // delays, small segments and stalls: nothing that TCP does not heal
  storm,  // cuts too
};

struct StormCounters {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> live{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> segments{0};
  std::atomic<std::uint64_t> stalls{0};
  std::atomic<std::uint64_t> resets{0};
  std::atomic<std::uint64_t> fins{0};
  std::atomic<std::uint64_t> silences{0};
};

class StormProxy {
 public:
  enum class Kind : std::uint8_t {
    service,  // one short request
    broker,   // a connection that lasts
  };

  StormProxy(std::uint64_t seed, std::size_t clients);
  ~StormProxy();
  StormProxy(const StormProxy&) = delete;
  StormProxy& operator=(const StormProxy&) = delete;

  // Before start(): relays what comes in to 127.0.0.1:`target`. Answers the port, 0 when there is none.
  std::uint16_t route(Kind kind, std::uint16_t target);
  void start();
  void stop();

  // From now on; cuts that were planned for a client whose weather has cleared do not come.
  void weather(std::size_t client, Weather weather) { weather_[client].store(weather); }
  [[nodiscard]] const StormCounters& counters() const { return counters_; }

 private:
  struct Loop;
  std::uint64_t seed_;
  std::vector<std::atomic<Weather>> weather_;
  StormCounters counters_;
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace interop
