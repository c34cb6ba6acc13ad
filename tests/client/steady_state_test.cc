// What an event costs once everything is warm: no allocation in either direction (DESIGN 7), and whoever publishes much
// at once fills whole records, not the queue.
#include "client/scenario.h"
#include "support/allocations.h"

namespace axonpush::test {
namespace {

constexpr int kWarm = 200;
constexpr int kEvents = 2'000;
constexpr char kBody[] =
    R"({"eventId":"evt_%d","identifier":"call-1","traceId":"trace-1","payload":{"tool":"search","text":"a\u00e9\n"}})";

struct SteadyState : ::testing::Test {
  Scenario scene;
  std::uint64_t received = 0;
  std::uint64_t completed = 0;
  std::size_t read_bytes = 0;

  void connect() {
    RealtimeOptions options = scene.realtime_options();
    options.latency_histograms = true;
    ASSERT_TRUE(scene.connect(std::move(options)));
    ASSERT_GT(library_allocation_count(), 0U);  // it is counted at all
  }
  void on_event(const Event& event) {
    ++received;
    if (event.valid()) read_bytes += event.event_id().size() + event.trace_id().size() + event.payload().raw.size();
  }
  // Sends so many events and answers what the library allocated for them.
  std::uint64_t receive(int count, int qos) {
    const std::uint64_t before = library_allocation_count();
    const std::uint64_t wanted = received + static_cast<std::uint64_t>(count);
    for (int at = 0; at < count; ++at) {
      char body[256];
      std::snprintf(body, sizeof body, kBody, number_++);
      scene.broker.publish(scene.topic("room"), body, qos);
      if (at % 50 == 49)
        scene.run_until([&] { return received + static_cast<std::uint64_t>(count - at - 1) == wanted; });
    }
    scene.run_until([&] { return received == wanted; });
    EXPECT_EQ(received, wanted);
    return library_allocation_count() - before;
  }
  Status publish_one(PublishOptions::Delivery qos) {
    return scene.rt.publish({.channel_id = "room", .identifier = "x", .payload = R"({"n":1})", .agent_id = "a"},
                            [this](const Result<Published>& done) { completed += done.ok() ? 1U : 0U; }, {.qos = qos});
  }
  std::uint64_t publish(int count, PublishOptions::Delivery qos) {
    const std::uint64_t before = library_allocation_count();
    const std::uint64_t wanted = completed + static_cast<std::uint64_t>(count);
    for (int at = 0; at < count;) {
      scene.host.in_turn([&] {
        for (int burst = 0; burst < 50; ++burst, ++at) EXPECT_TRUE(publish_one(qos).ok());
      });
      scene.run_until([&] { return completed + static_cast<std::uint64_t>(count - at) == wanted; });
    }
    EXPECT_EQ(completed, wanted);
    return library_allocation_count() - before;
  }

 private:
  int number_ = 0;
};

TEST_F(SteadyState, AllocatesNothingForAnIncomingEvent) {
  connect();
  const auto take = [this](const Event& event) { on_event(event); };
  ASSERT_TRUE(scene.subscribe({.channel_id = "room"}, take).ok());
  for (const int qos : {0, 1}) {
    static_cast<void>(receive(kWarm, qos));
    EXPECT_EQ(receive(kEvents, qos), 0U) << "QoS " << qos;
  }
  EXPECT_GT(read_bytes, 0U);
  ASSERT_NE(scene.rt.latency(), nullptr);
  EXPECT_EQ(scene.rt.latency()->receive_to_callback.count(), received);
}

TEST_F(SteadyState, AllocatesNothingForAnEventThatIsNotRead) {
  connect();
  ASSERT_TRUE(scene.rt.subscribe_raw({.channel_id = "room"}, [this](const Event&) { ++received; }).ok());
  scene.world.run_for(seconds(1));
  for (const int qos : {0, 1}) {
    static_cast<void>(receive(kWarm, qos));
    EXPECT_EQ(receive(kEvents, qos), 0U) << "QoS " << qos;
  }
}

TEST_F(SteadyState, AllocatesNothingForAPublish) {
  connect();
  for (const auto qos : {PublishOptions::Delivery::at_most_once, PublishOptions::Delivery::at_least_once}) {
    static_cast<void>(publish(kWarm, qos));
    EXPECT_EQ(publish(kEvents, qos), 0U);
  }
  EXPECT_EQ(scene.rt.latency()->publish_to_puback.count(), static_cast<std::uint64_t>(kWarm + kEvents));
  EXPECT_TRUE(scene.errors.empty());
}

TEST_F(SteadyState, SendsABurstInWholeRecordsAndQueuesNone) {
  connect();
  constexpr int kBurst = 400;
  scene.host.in_turn([&] {
    for (int at = 0; at < kBurst; ++at) EXPECT_TRUE(publish_one(PublishOptions::Delivery::at_most_once).ok());
  });
  scene.run_until([&] { return completed == kBurst; });
  EXPECT_EQ(completed, static_cast<std::uint64_t>(kBurst));
  EXPECT_EQ(scene.rt.stats().queue_count_max, 0U);  // nothing was kept: all of it went through the cork
}

// A transport that takes nothing: what is published meanwhile waits in the queue, and goes in its order.
TEST_F(SteadyState, ABurstIntoAFullTransportKeepsItsOrder) {
  connect();
  constexpr int kBurst = 400;
  scene.broker.newest()->link().stuck = true;
  scene.host.in_turn([&] {
    for (int at = 0; at < kBurst; ++at) {
      const std::string number = std::to_string(at);
      const auto qos = at % 3 == 0 ? PublishOptions::Delivery::at_least_once : PublishOptions::Delivery::at_most_once;
      const std::string payload = R"({"n":)" + number + R"(,"text":")" + std::string(100, 'x') + R"("})";
      const Status sent =
          scene.rt.publish({.channel_id = "room", .identifier = number, .payload = payload},
                           [this](const Result<Published>& done) { completed += done.ok() ? 1U : 0U; }, {.qos = qos});
      EXPECT_TRUE(sent.ok());
    }
  });
  scene.world.run_for(seconds(1));
  EXPECT_EQ(completed, 0U);
  EXPECT_GT(scene.rt.stats().queue_count_max, 100U);
  scene.broker.newest()->link().stuck = false;
  scene.broker.newest()->send_frame(9, "anything");  // the world tells of room when something happens
  scene.run_until([&] { return completed == kBurst; }, seconds(10));
  EXPECT_EQ(completed, static_cast<std::uint64_t>(kBurst));
  ASSERT_EQ(scene.broker.stored.size(), static_cast<std::size_t>(kBurst));
  for (int at = 0; at < kBurst; ++at) {
    const std::string expected = R"("identifier":")" + std::to_string(at) + '"';
    EXPECT_NE(scene.broker.stored[static_cast<std::size_t>(at)].payload.find(expected), std::string::npos) << at;
  }
  EXPECT_TRUE(scene.broker.violations.empty());
}

}  // namespace
}  // namespace axonpush::test
