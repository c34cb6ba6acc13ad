// A fleet of refresh machines in virtual time against one credentials endpoint: what the endpoint sees of many clients.
//
// Only the machine is real (refresh::step); the shell around it is reduced to what decides when a request goes out: the
// retries within a fetch, the answer after a latency, the dial, the overlap. Who calls it: the fleet's benchmark and
// the test of FAULTS R-41. Thread rule: one thread.
#pragma once

#include <axonpush/refresh.h>

#include <algorithm>
#include <cstdint>
#include <queue>
#include <vector>

namespace axonpush::test {

struct FleetOptions {
  std::uint32_t clients = 1'000;
  Duration span = hours(24);
  Duration started_within = seconds(60);  // the first connects are spread evenly over this
  Duration lifetime = hours(1);
  Duration latency = milliseconds(50);  // of one request
  Duration dial = milliseconds(150);    // name to SUBACK
  bool jitter = true;                   // of the refresh's instant and of every wait
  Duration outage_at = Duration::max();
  Duration outage = {};                   // the endpoint answers nothing useful
  Duration restart_at = Duration::max();  // of the broker: every connection is lost at this instant
  Duration restart = {};                  // and dials fail for so long
  std::uint64_t seed = 1;
};

class Fleet {
 public:
  explicit Fleet(const FleetOptions& options) : options_(options), clients_(options.clients), seed_(options.seed) {
    settings_.refresh_jitter = settings_.retry_jitter = options.jitter;
    requests_.resize(static_cast<std::size_t>(options.span.seconds()) + 1);
    fetches_.resize(requests_.size());
  }

  void run() {
    for (std::uint32_t index = 0; index < options_.clients; ++index) {
      const auto nanoseconds_each = options_.started_within.nanoseconds() / options_.clients;
      expect(index, Instant::from_nanoseconds(nanoseconds_each * index), Due::connect);
    }
    bool restarted = false;
    while (!queue_.empty() && queue_.top().at - kStart <= options_.span) {
      const Event event = queue_.top();
      if (!restarted && event.at - kStart >= options_.restart_at) {
        restarted = true;
        now_ = kStart + options_.restart_at;
        for (std::uint32_t index = 0; index < options_.clients; ++index) lose(index);
        continue;
      }
      queue_.pop();
      if (event.version != clients_[event.client].version) continue;
      now_ = event.at;
      happen(event.client);
    }
  }

  // HTTP requests, and fetches begun, in each second.
  [[nodiscard]] const std::vector<std::uint32_t>& requests() const { return requests_; }
  [[nodiscard]] const std::vector<std::uint32_t>& fetches() const { return fetches_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] std::uint64_t refreshed() const { return refreshed_; }
  // Clients without a connection, and with credentials that have expired, at the end.
  [[nodiscard]] std::uint32_t without_connection() const {
    std::uint32_t count = 0;
    for (const Client& client : clients_) count += !refresh::has_serving(client.state.phase);
    return count;
  }
  // When the last client that was without a connection, or in the ladder, had what it wanted again.
  [[nodiscard]] Duration last_recovery() const { return last_recovery_ - kStart; }

 private:
  static constexpr Instant kStart = Instant::from_nanoseconds(0);
  // What the client waits for next.
  enum class Due : std::uint8_t {
    connect,
    tick,
    answer,  // of an HTTP request
    retry,   // the wait within a fetch
    dialed,
  };
  struct Client {
    refresh::State state;
    std::uint32_t version = 0;  // of its event: an older one in the queue is void
    Due due = Due::connect;
    std::uint8_t attempt = 0;
    bool troubled = false;
    Instant sent_at;
  };
  struct Event {
    Instant at;
    std::uint32_t client;
    std::uint32_t version;
    friend bool operator<(const Event& left, const Event& right) {
      return left.at != right.at ? left.at > right.at : left.client > right.client;
    }
  };

  [[nodiscard]] std::uint32_t random() {
    seed_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t mixed = seed_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    return static_cast<std::uint32_t>(mixed >> 32);
  }
  [[nodiscard]] static bool within(Duration at, Duration begin, Duration span) {
    return begin != Duration::max() && at >= begin && at < begin + span;
  }
  [[nodiscard]] bool endpoint_down() const { return within(now_ - kStart, options_.outage_at, options_.outage); }
  [[nodiscard]] bool broker_down() const { return within(now_ - kStart, options_.restart_at, options_.restart); }

  void expect(std::uint32_t index, Instant at, Due due) {
    Client& client = clients_[index];
    client.due = due;
    ++client.version;
    if (at != Instant::never()) queue_.push({at, index, client.version});
  }

  void happen(std::uint32_t index) {
    Client& client = clients_[index];
    switch (client.due) {
      case Due::connect:
        feed(index, {.kind = refresh::InputKind::connect});
        return;
      case Due::tick:
        feed(index, {.kind = refresh::InputKind::tick});
        return;
      case Due::retry:
        request(index);
        return;
      case Due::answer:
        answered(index);
        return;
      case Due::dialed:
        if (broker_down()) {
          feed(index, {.kind = refresh::InputKind::dial_failed});
        } else {
          feed(index, {.kind = refresh::InputKind::dialed});
          if (clients_[index].state.phase == refresh::Phase::live_restore ||
              clients_[index].state.phase == refresh::Phase::restore) {
            feed(index, {.kind = refresh::InputKind::restored});
          }
        }
        return;
    }
  }

  void request(std::uint32_t index) {
    Client& client = clients_[index];
    ++client.attempt;
    client.sent_at = now_;
    const auto second = static_cast<std::size_t>((now_ - kStart).seconds());
    if (second < requests_.size()) ++requests_[second];
    expect(index, now_ + options_.latency, Due::answer);
  }

  // CONTRACT 2: 250, 500, 1000 ms, three retries.
  void answered(std::uint32_t index) {
    Client& client = clients_[index];
    if (!endpoint_down()) {
      feed(index, {.kind = refresh::InputKind::fetched, .life_left = options_.lifetime, .sent_at = client.sent_at});
      return;
    }
    if (client.attempt > 3) {
      feed(index, {.kind = refresh::InputKind::fetch_failed});
      return;
    }
    const Duration least = milliseconds(std::int64_t{125} << client.attempt);
    const Duration most = options_.jitter ? refresh::detail::scaled(least / 5, random()) : Duration::zero();
    expect(index, now_ + least + most, Due::retry);
  }

  void lose(std::uint32_t index) {
    if (refresh::has_serving(clients_[index].state.phase)) {
      feed(index, {.kind = refresh::InputKind::serving_lost});
      // In an overlap the other one is lost as well.
      if (refresh::has_serving(clients_[index].state.phase)) {
        feed(index, {.kind = refresh::InputKind::serving_lost});
      }
    }
  }

  void feed(std::uint32_t index, refresh::Input input) {
    Client& client = clients_[index];
    input.generation = client.state.generation;
    input.random = random();
    const refresh::Step made = refresh::step(client.state, input, settings_, now_);
    client.state = made.state;
    ++steps_;
    const auto did = [&made](std::uint32_t action) { return (made.actions & action) != 0; };
    if (did(refresh::kReportFailure | refresh::kReportLost)) client.troubled = true;
    if (did(refresh::kActivate) && client.troubled) {
      client.troubled = false;
      last_recovery_ = now_;
    }
    if (did(refresh::kSwapped)) ++refreshed_;
    if (did(refresh::kStartFetch)) {
      const auto second = static_cast<std::size_t>((now_ - kStart).seconds());
      if (second < fetches_.size()) ++fetches_[second];
      client.attempt = 0;
      request(index);
    } else if (did(refresh::kStartDial)) {
      expect(index, now_ + options_.dial, Due::dialed);
    } else if (did(refresh::kBeginDrain)) {
      feed(index, {.kind = refresh::InputKind::drained});
      feed(index, {.kind = refresh::InputKind::retiring_ended});
    } else if (client.state.deadline != Instant::never()) {
      expect(index, client.state.deadline, Due::tick);
    }
  }

  FleetOptions options_;
  refresh::Settings settings_;
  std::vector<Client> clients_;
  std::priority_queue<Event> queue_;
  std::vector<std::uint32_t> requests_;
  std::vector<std::uint32_t> fetches_;
  Instant now_ = kStart;
  Instant last_recovery_ = kStart;
  std::uint64_t seed_;
  std::uint64_t steps_ = 0;
  std::uint64_t refreshed_ = 0;
};

}  // namespace axonpush::test
