// What it costs to publish from here or there: the same round trip, begun in five ways.
#include <axonpush/axonpush.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "loopback_client.h"

namespace axonpush::bench {

namespace {

RawMessage message_of(const std::string& body) {
  return {.channel_id = "chan_00", .agent_id = "agent_00", .event_type = "agent_start", .body = bytes_of(body)};
}
constexpr PublishOptions kAtMostOnce{.qos = PublishOptions::Delivery::at_most_once};

// Round trips one after the other: measures those behind the warm-up.
class Trips {
 public:
  explicit Trips(const Work& work) : work_(work) { samples_.reserve(work.count); }
  [[nodiscard]] bool begin() {
    if (done_ == work_.warm) before_ = Usage::now();
    if (done_ == work_.warm + work_.count) return false;
    started_at_ = monotonic_ns();
    return true;
  }
  void end() {
    if (done_++ >= work_.warm) samples_.push_back(monotonic_ns() - started_at_);
  }
  [[nodiscard]] Measured measured() {
    Measured all = per_message(before_, Usage::now(), work_.count);
    std::sort(samples_.begin(), samples_.end());
    all.samples = std::move(samples_);
    return all;
  }

 private:
  Work work_;
  Usage before_;
  std::uint64_t started_at_ = 0;
  std::uint64_t done_ = 0;
  std::vector<std::uint64_t> samples_;
};

Measured run_on_loop(From from, const Work& work, const Target& target) {
  LoopClient client(work, target, {});
  client.connect();
  bool got = false;
  client.subscribe([&got](const Event&) { got = true; });
  const std::string body = event_document(0);
  Trips trips(work);
  while (trips.begin()) {
    got = false;
    need(client.session().publish_raw(message_of(body), {}, kAtMostOnce).ok(), "a publish was refused");
    while (!got) {
      if (from == From::busy) {
        static_cast<void>(client.reactor().poll());
      } else {
        client.reactor().run_once(Instant::never());
      }
    }
    trips.end();
  }
  return trips.measured();
}

Measured run_from_thread(const Work& work, const Target& target) {
  LoopClient client(work, target, {});
  client.connect();
  std::atomic<std::uint64_t> received{0};
  client.subscribe([&received](const Event&) {
    received.fetch_add(1);
    received.notify_one();
  });
  const std::string body = event_document(0);
  Trips trips(work);
  std::thread publisher([&] {
    for (std::uint64_t trip = 0; trips.begin(); ++trip) {
      const Status posted = client.reactor().post([&client, &body] {
        need(client.session().publish_raw(message_of(body), {}, kAtMostOnce).ok(), "a publish was refused");
      });
      need(posted.ok(), "a task could not be posted");
      received.wait(trip);
      trips.end();
    }
    client.reactor().stop();
  });
  client.reactor().run();
  publisher.join();
  return trips.measured();
}

Measured run_facade(const Work& work, const Target& target) {
  AxonPush client(client_options(work, target));
  if (client.error()) die("the facade could not be made", client.error().what());
  RealtimeOptions options;
  options.qos = Qos::at_most_once;
  Result<RealtimeClient> session = client.connect_realtime(std::move(options));
  if (!session.ok()) die("the facade could not connect", session.error().what());
  std::atomic<std::uint64_t> received{0};
  const auto subscribed = session->subscribe_raw({.environment = "+"}, [&received](const Event&) {
    received.fetch_add(1);
    received.notify_one();
  });
  need(subscribed.ok(), "the facade could not subscribe");
  const Message message{.channel_id = "chan_00",
                        .identifier = "call-10000",
                        .payload = std::string_view(event_document(0)),
                        .agent_id = "agent_00",
                        .event_type = "agent_start"};
  Trips trips(work);
  for (std::uint64_t trip = 0; trips.begin(); ++trip) {
    need(session->publish_async(message, {}, kAtMostOnce).ok(), "a publish was refused");
    received.wait(trip);
    trips.end();
  }
  Measured measured = trips.measured();
  static_cast<void>(session->disconnect());
  return measured;
}

}  // namespace

Measured run_latency(From from, const Work& work, const Target& target) {
  if (from == From::callback) return run_ours(work, target);
  if (from == From::thread) return run_from_thread(work, target);
  if (from == From::facade) return run_facade(work, target);
  return run_on_loop(from, work, target);
}

}  // namespace axonpush::bench
