// R-54: the canonical scenario, once for each of its allocations, with that one failing, and with that one and all that
// follow. Nothing crashes, nothing is told twice or never, nothing leaks; and when there is memory again the client
// comes back by itself, or by the next call where the first connect had failed.
#include <gtest/gtest.h>

#include <map>

#include "client/scenario.h"
#include "support/allocations.h"

namespace axonpush::test {
namespace {

constexpr int kMessages = 20;
constexpr const char* kChannels[] = {"a", "b", "c"};

class Canonical {
 public:
  explicit Canonical(std::size_t kept_buffer_bytes) : scene(1, kept_buffer_bytes) { scene.api.lifetime = seconds(100); }

  // connect, 3 subscribe, 20 publish, 20 receive, swap, 20 + 20, unsubscribe. Whatever a call refuses is left out.
  void run() {
    scene.make();
    RealtimeOptions options = scene.realtime_options();
    options.latency_histograms = true;
    if (!scene.connect(std::move(options))) return;
    subscribe();
    traffic(0);
    scene.run_until([&] { return scene.rt.stats().swaps == 1; }, seconds(150));
    traffic(1);
    static_cast<void>(scene.rt.unsubscribe(SubscribeFilter{.channel_id = kChannels[0]}, [](const Status&) {}));
    scene.world.run_for(seconds(1));
  }

  // With memory again: live, every call works, and disconnect leaves nothing.
  void recover() {
    if (scene.client->error()) return;  // the configuration could not be kept: the caller makes another client
    if (scene.rt.state() == ConnectionState::closed) {
      ASSERT_TRUE(scene.connect()) << scene.connect_error.what();
    }
    ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }, minutes(5)));
    ASSERT_TRUE(scene.subscribe({.channel_id = "late"}, [&](const Event&) { ++late; }).ok());
    scene.broker.publish(scene.topic("late"), R"({"eventId":"late","payload":{}})");
    ASSERT_TRUE(scene.run_until([&] { return late == 1; }, seconds(10)));
    bool gone = false;
    ASSERT_TRUE(scene.rt.disconnect([&](const Status&) { gone = true; }).ok());
    ASSERT_TRUE(scene.run_until([&] { return gone; }, seconds(30)));
    for (const auto& [number, times] : told) EXPECT_EQ(times, 1) << "publish " << number;
    EXPECT_EQ(scene.host.open_connections(), 0U);
    EXPECT_EQ(scene.host.armed(), Instant::never());
    for (const std::string& violation : scene.broker.violations) ADD_FAILURE() << violation;
  }

  // Only of a run in which nothing failed.
  void expect_everything() const {
    EXPECT_EQ(events, static_cast<unsigned>(2 * kMessages));
    EXPECT_EQ(told.size(), static_cast<std::size_t>(2 * kMessages));
    EXPECT_EQ(scene.broker.stored.size(), static_cast<std::size_t>(2 * kMessages));
  }

  Scenario scene;
  std::map<int, int> told;
  unsigned events = 0;
  unsigned late = 0;

 private:
  void subscribe() {
    static_cast<void>(scene.rt.on_event([](const Event&) {}));
    for (const char* channel : kChannels) {
      static_cast<void>(scene.rt.subscribe(
          {.channel_id = channel}, [this](const Event& event) { events += event.identifier() == "i" ? 1U : 0U; }));
    }
    scene.world.run_for(seconds(1));
  }
  void traffic(int round) {
    for (int n = 0; n < kMessages; ++n) {
      const int number = round * kMessages + n;
      // At both QoS: one is written in place, the other is kept until its PUBACK.
      const auto delivery =
          n % 4 == 3 ? PublishOptions::Delivery::at_most_once : PublishOptions::Delivery::at_least_once;
      const Status accepted =
          scene.rt.publish({.channel_id = "out", .identifier = "i", .payload = {{"n", n}}},
                           [this, number](const Result<Published>&) { ++told[number]; }, {.qos = delivery});
      if (accepted.ok()) told.try_emplace(number, 0);
      scene.broker.publish(scene.topic(kChannels[n % 3]), R"({"identifier":"i","payload":{}})");
      scene.world.run_for(milliseconds(20));
    }
  }
};

// One run with the k-th allocation failing; false when there is no k-th. What the library took it has given back.
bool fail_kth(std::uint64_t kth, FailAllocations::Mode mode, std::size_t kept_buffer_bytes) {
  WatchBlocks blocks(nullptr, nullptr);
  bool fired = false;
  {
    Canonical canonical(kept_buffer_bytes);
    {
      const FailAllocations fail(kth, mode);
      canonical.run();
      fired = fail.fired();
    }
    canonical.recover();
    if (!fired) canonical.expect_everything();
  }
  EXPECT_EQ(blocks.outstanding(), 0U) << "a leak";
  return fired;
}

// With buffers kept in the pool, as they are in a program, and with each of them an allocation of its own.
struct Sweep {
  const char* name;
  FailAllocations::Mode mode;
  std::size_t kept_buffer_bytes;
  std::uint64_t allocations_min;  // fewer would mean that the scenario does not get far
};
constexpr Sweep kSweeps[] = {
    {"Once", FailAllocations::Mode::once, std::size_t{1024} * 1024, 25},
    {"FromThenOn", FailAllocations::Mode::from_then_on, std::size_t{1024} * 1024, 25},
    {"OnceWithoutPool", FailAllocations::Mode::once, 0, 200},
    {"FromThenOnWithoutPool", FailAllocations::Mode::from_then_on, 0, 200},
};

class AllocationSweep : public ::testing::TestWithParam<Sweep> {};

TEST_P(AllocationSweep, EveryAllocationOfTheCanonicalScenarioMayFail) {  // R-54
  const Sweep& sweep = GetParam();
  std::uint64_t kth = 1;
  for (; fail_kth(kth, sweep.mode, sweep.kept_buffer_bytes); ++kth) {
    if (HasFailure()) FAIL() << "allocation " << kth;
  }
  EXPECT_GT(kth, sweep.allocations_min);
  RecordProperty("allocations", static_cast<int>(kth - 1));
}

TEST(AllocationPairs, AnyTwoAllocationsMayFail) {  // R-54, FAULTS 2.3
  sim::Random random(54);
  for (int pair = 0; pair < 10'000; ++pair) {
    const std::uint64_t first = 1 + random.below(300);
    const std::uint64_t distance = 1 + random.below(100);
    WatchBlocks blocks(nullptr, nullptr);
    {
      Canonical canonical(0);
      {
        const FailAllocations fail(first, FailAllocations::Mode::once, distance);
        canonical.run();
      }
      canonical.recover();
    }
    EXPECT_EQ(blocks.outstanding(), 0U) << "a leak";
    if (HasFailure()) FAIL() << "allocations " << first << " and " << first + distance;
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, AllocationSweep, ::testing::ValuesIn(kSweeps),
                         [](const auto& named) { return std::string(named.param.name); });

}  // namespace
}  // namespace axonpush::test
