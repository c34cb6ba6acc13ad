// Corners of subscribe, unsubscribe and publish: what is refused, and by whom; what waits, and for what. In virtual
// time.
#include <gtest/gtest.h>

#include <axonpush/trace.h>

#include <memory>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

// --- subscribe and unsubscribe

TEST(SubscribeCall, IsHeldToItsLimits) {  // FAULTS 3.4
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  const std::string id(limits::kHeaderOptionBytes, 't');
  EXPECT_TRUE(scene.rt.subscribe({.channel_id = "a", .trace_id = id}, [](const Event&) {}).ok());
  EXPECT_EQ(scene.rt.subscribe({.channel_id = "a", .trace_id = id + "t"}, [](const Event&) {}).error().code(),
            Errc::invalid_argument);
  for (std::size_t n = 1; n < limits::kCallbacksPerFilter; ++n) {
    ASSERT_TRUE(scene.rt.subscribe({.channel_id = "a"}, [](const Event&) {}).ok()) << n;
  }
  EXPECT_EQ(scene.rt.subscribe({.channel_id = "a"}, [](const Event&) {}).error().code(), Errc::quota);
  EXPECT_TRUE(scene.rt.subscribe({.channel_id = "b"}, [](const Event&) {}).ok());
}

TEST(SubscribeCall, AWildcardIsRefusedHereWhereTheBrokerHasNone) {  // M-40, [MQTT-3.2.2.3.11]
  Scenario scene;
  scene.broker.connack_properties = std::string("\x28\x00", 2);
  ASSERT_TRUE(scene.connect());
  const Error refused = scene.rt.subscribe({.channel_id = "a"}, [](const Event&) {}).error();
  EXPECT_EQ(refused.code(), Errc::suback_failed);
  EXPECT_EQ(refused.number(), 0xA2U);
  scene.world.run_for(seconds(1));
  EXPECT_TRUE(scene.broker.subscribes.empty());
}

TEST(UnsubscribeCall, AFilterThatIsNoneIsRefused) {  // T-03
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  EXPECT_EQ(scene.rt.unsubscribe(SubscribeFilter{.channel_id = "\xC3\x28"}).error().code(), Errc::topic_invalid);
}

TEST(UnsubscribeCall, NumbersOfAnotherKindOfHandleTakeNothingOff) {  // T-17
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  int events = 0;
  int handled = 0;
  const auto made = scene.rt.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; });
  const auto handler = scene.rt.on_event([&](const Event&) { ++handled; });
  ASSERT_TRUE(made.ok() && handler.ok());
  scene.world.run_for(seconds(1));
  EXPECT_TRUE(scene.rt
                  .unsubscribe(Subscription{
                      .slot = handler->slot, .generation = handler->generation, .session = handler->session})
                  .ok());
  EXPECT_TRUE(
      scene.rt.off_event(EventHandler{.slot = made->slot, .generation = made->generation, .session = made->session})
          .ok());
  scene.broker.publish(scene.topic("a"), "{}");
  scene.world.run_for(seconds(1));
  EXPECT_EQ(events, 1);
  EXPECT_EQ(handled, 1);
}

TEST(UnsubscribeCall, TwiceInOneTurnIsOnce) {  // T-17
  Scenario scene;
  ClientOptions options = Scenario::client_options();
  options.environment = "prod";
  scene.make(std::move(options));
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  int told = 0;
  scene.host.in_turn([&] {
    for (int times = 0; times < 2; ++times) {
      EXPECT_TRUE(
          scene.rt.unsubscribe(SubscribeFilter{.channel_id = "a"}, [&](const Status& status) { told += status.ok(); })
              .ok());
    }
  });
  ASSERT_TRUE(scene.run_until([&] { return told == 2; }, seconds(5)));
  ASSERT_EQ(scene.broker.unsubscribes.size(), 1U);
  EXPECT_NE(scene.broker.unsubscribes[0][0].find("/prod/"), std::string::npos);
}

TEST(UnsubscribeCall, FindsAFilterThatWasMadeUnderAnotherSlug) {  // C-10
  Scenario scene;
  scene.api.lifetime = seconds(100);
  scene.api.env_slug = "blue";
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  scene.api.env_slug = "green";
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }));
  scene.world.run_for(seconds(5));
  bool gone = false;
  ASSERT_TRUE(
      scene.rt.unsubscribe(SubscribeFilter{.channel_id = "a"}, [&](const Status& status) { gone = status.ok(); }).ok());
  scene.world.run_for(Duration::zero());
  EXPECT_FALSE(gone) << "the broker has not answered yet";
  ASSERT_TRUE(scene.run_until([&] { return gone; }, seconds(5)));
  ASSERT_EQ(scene.broker.unsubscribes.size(), 1U);
  EXPECT_NE(scene.broker.unsubscribes[0][0].find("/blue/"), std::string::npos);
}

TEST(UnsubscribeCall, IsToldTheBrokersRefusal) {  // MQTT 5 3.11.3, CONTRACT 5
  for (const bool destroys : {false, true}) {
    Scenario scene;
    ASSERT_TRUE(scene.connect());
    ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
    scene.broker.newest()->link().garble = [](std::string& bytes) {
      const auto unsuback = static_cast<char>(0xB0);
      if (bytes.size() > 2 && bytes[2] == unsuback) bytes.back() = static_cast<char>(0x87);
    };
    std::vector<Error> told;
    ASSERT_TRUE(scene.rt
                    .unsubscribe(SubscribeFilter{.channel_id = "a"},
                                 [&](const Status& status) {
                                   told.push_back(status.error());
                                   if (destroys) scene.client.reset();
                                 })
                    .ok());
    scene.world.run_for(seconds(5));
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].code(), Errc::suback_failed);
    EXPECT_EQ(told[0].number(), 0x87U);
    EXPECT_EQ(scene.host.open_connections(), destroys ? 0U : 1U);
  }
}

TEST(SubscribeCall, MoreThanMayBeInFlightWaitForTheAnswers) {  // I-21: 28 requests a connection, 32 in all
  Scenario scene;
  scene.api.lifetime = seconds(100);
  RealtimeOptions options = scene.realtime_options();
  options.subscriptions_max = 1'000;
  ASSERT_TRUE(scene.connect(std::move(options)));
  std::size_t granted = 0;
  const auto subscribe = [&](int from, int to) {
    for (int n = from; n < to; ++n) {
      const std::string channel = "c" + std::to_string(n);
      ASSERT_TRUE(
          scene.rt
              .subscribe(
                  {.channel_id = channel}, [](const Event&) {}, [&](const Status& status) { granted += status.ok(); })
              .ok());
    }
  };
  scene.broker.suback_delay = seconds(1);
  subscribe(0, 300);
  scene.world.run_for(milliseconds(500));
  EXPECT_EQ(scene.broker.subscribes.size(), 28U) << "38 packets are to go";
  ASSERT_TRUE(scene.run_until([&] { return granted == 300; }, seconds(10)));
  // In a restore the new connection has its own in flight, and what is wished for meanwhile goes to both.
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.live().size() == 2; }));
  scene.world.run_for(milliseconds(10));
  subscribe(300, 500);
  ASSERT_TRUE(scene.run_until([&] { return granted == 500; }, minutes(2)));
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(5)));
  scene.world.run_for(seconds(10));
  EXPECT_EQ(scene.broker.sessions[scene.broker.newest()->client_id()].filters.size(), 500U);
  for (const std::string& violation : scene.broker.violations) ADD_FAILURE() << violation;
}

TEST(SubscribeCall, ARefusalFindsOnlyTheCallbacksThatAreLeft) {  // R-21, CONTRACT 5
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::vector<std::string> told;
  Result<Subscription> first = Error(Errc::internal);
  ASSERT_TRUE(
      scene.subscribe({.channel_id = "a"}, [&](const Event&) { EXPECT_TRUE(scene.rt.unsubscribe(*first).ok()); }).ok());
  scene.broker.suback_reason = [](const std::string&) { return 0x87; };
  // The event and the refusal come in one piece: one of two callbacks is taken off between them.
  scene.broker.on_packet = [&](sim::BrokerPeer&, int type) {
    if (type == 8) scene.broker.publish(scene.topic("a"), "{}");
  };
  first = scene.rt.subscribe(
      {.channel_id = "b"}, [](const Event&) {},
      [&](const Status& status) { told.push_back("first " + std::string(name_of(status.error().code()))); });
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(
      scene.rt
          .subscribe(
              {.channel_id = "b"}, [](const Event&) {},
              [&](const Status& status) { told.push_back("second " + std::string(name_of(status.error().code()))); })
          .ok());
  scene.world.run_for(seconds(1));
  EXPECT_EQ(told, (std::vector<std::string>{"second suback_failed", "first closed"}));
}

TEST(SubscribeCall, WhatACallbackOwnsMayBeTheClient) {
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  int after = 0;
  {
    const std::shared_ptr<void> owner(nullptr, [&scene](void*) { scene.client.reset(); });
    ASSERT_TRUE(scene.rt.subscribe({.channel_id = "a"}, [owner](const Event&) {}).ok());
    ASSERT_TRUE(scene.rt.subscribe({.channel_id = "b"}, [](const Event&) {}).ok());
  }
  scene.world.run_for(seconds(1));
  ASSERT_TRUE(scene.rt.disconnect([&](const Status&) { ++after; }).ok());
  scene.world.run_for(seconds(10));
  EXPECT_EQ(scene.client, nullptr);
  EXPECT_EQ(after, 0) << "no callback of a client that is gone";
  EXPECT_EQ(scene.host.open_connections(), 0U);
}

// --- publish

TEST(PublishCall, WhatIsSentAgainAndNotAnsweredIsNoReasonToWaitForEver) {  // R-38, MQTT 5 4.9
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.world.run_for(seconds(31));
  scene.broker.answer_publish = false;
  int told = 0;
  for (int n = 0; n < 5; ++n) {
    ASSERT_TRUE(scene.rt
                    .publish({.channel_id = "p", .identifier = "i", .payload = "{}"},
                             [&told](const Result<Published>&) { ++told; })
                    .ok());
  }
  scene.world.run_for(seconds(1));
  scene.broker.receive_maximum = 2;  // of the connection that resumes the session: three wait for their turn
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }));
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 2; }, seconds(30)));
  EXPECT_EQ(scene.errors.back().error.code(), Errc::ack_timeout);
  scene.broker.answer_publish = true;
  ASSERT_TRUE(scene.run_until([&] { return told == 5; }, minutes(2)));
  for (const std::string& violation : scene.broker.violations) ADD_FAILURE() << violation;
}

TEST(PublishCall, WhatCannotBeSerialisedIsRefusedAtBothQos) {  // J-19, T-14, FAULTS 3.4
  for (const auto delivery : {PublishOptions::Delivery::at_most_once, PublishOptions::Delivery::at_least_once}) {
    Scenario scene;
    RealtimeOptions options = scene.realtime_options();
    options.publish_payload_bytes = 300;
    ASSERT_TRUE(scene.connect(std::move(options)));
    const std::string long_text(400, 'x');
    int told = 0;
    const auto count = [&told](const Result<Published>&) { ++told; };
    const PublishOptions how{.qos = delivery};
    EXPECT_EQ(
        scene.rt.publish({.channel_id = "c", .identifier = "\xC3\x28", .payload = "{}"}, count, how).error().code(),
        Errc::payload_invalid);
    EXPECT_EQ(
        scene.rt.publish({.channel_id = "c", .identifier = long_text, .payload = "{}"}, count, how).error().code(),
        Errc::payload_too_large)
        << "the object around the payload counts";
    EXPECT_EQ(scene.rt.publish_raw({.channel_id = "c", .body = bytes_of(long_text)}, count, how).error().code(),
              Errc::payload_too_large);
    EXPECT_TRUE(scene.rt.publish_raw({.channel_id = "c", .body = {}}, count, how).ok()) << "empty is a body";
    scene.world.run_for(seconds(1));
    EXPECT_EQ(told, 1);
    ASSERT_EQ(scene.broker.stored.size(), 1U);
    EXPECT_EQ(scene.broker.stored[0].payload, "");
  }
}

TEST(PublishCall, AtQos0TheBrokersPacketSizeIsObeyedToo) {  // M-40, [MQTT-3.2.2-15]
  Scenario scene;
  scene.broker.maximum_packet_size = 200;
  ASSERT_TRUE(scene.connect());
  const std::string large(300, 'x');
  EXPECT_EQ(scene.rt
                .publish_raw({.channel_id = "c", .body = bytes_of(large)}, {},
                             {.qos = PublishOptions::Delivery::at_most_once})
                .error()
                .code(),
            Errc::payload_too_large);
  scene.world.run_for(seconds(1));
  EXPECT_TRUE(scene.broker.stored.empty());
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
}

TEST(PublishCall, AtQos0TheQueueIsBoundedToo) {
  Scenario scene;
  RealtimeOptions options = scene.realtime_options();
  options.publish_queue_count = 2;
  ASSERT_TRUE(scene.connect(std::move(options)));
  scene.broker.newest()->link().stuck = true;
  Errc refused = Errc::none;
  int accepted = 0;
  while (accepted < 10 && refused == Errc::none) {
    refused = scene.rt
                  .publish({.channel_id = "c", .identifier = "i", .payload = "{}"}, [](const Result<Published>&) {},
                           {.qos = PublishOptions::Delivery::at_most_once})
                  .error()
                  .code();
    accepted += refused == Errc::none;
  }
  EXPECT_EQ(refused, Errc::queue_full);
  EXPECT_EQ(accepted, 2) << "those whose completion is still to be told";
}

TEST(PublishCall, OneWhoseTurnComesWithoutEntropyWaitsForTheNextConnection) {  // FAULTS 3.2
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.world.run_for(seconds(31));
  sim::Connection& link = scene.broker.newest()->link();
  link.stuck = true;
  const std::string body = "{\"x\":\"" + std::string(20'000, 'x') + "\"}";
  int done = 0;
  const auto count = [&done](const Result<Published>& outcome) { done += outcome.ok(); };
  ASSERT_TRUE(scene.rt.publish({.channel_id = "c", .identifier = "i", .payload = Payload::borrowed(body)}, count).ok());
  // The cork is full: it waits in the queue.
  ASSERT_TRUE(scene.rt
                  .publish({.channel_id = "c", .identifier = "i", .payload = "{}"}, count,
                           {.qos = PublishOptions::Delivery::at_most_once})
                  .ok());
  scene.world.run_for(milliseconds(100));
  scene.host.random().failing = true;
  link.stuck = false;
  link.thaw();
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, seconds(5)));
  scene.host.random().failing = false;
  ASSERT_TRUE(scene.run_until([&] { return done == 2; }, minutes(1)));
  EXPECT_EQ(scene.rt.stats().reconnects, 1U);
  for (const std::string& violation : scene.broker.violations) ADD_FAILURE() << violation;
}

// --- What is told

TEST(ReportCall, NothingIsNoReportAndAnotherSessionsIsNone) {  // CONTRACT 5
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  Realtime old = scene.rt;
  scene.rt.report(Error());
  scene.world.run_for(seconds(1));
  EXPECT_TRUE(scene.errors.empty());
  ASSERT_TRUE(scene.rt.disconnect().ok());
  scene.world.run_for(seconds(10));
  ASSERT_TRUE(scene.connect());
  scene.errors.clear();
  old.report(Error(Errc::internal, "of the session before"));
  scene.world.run_for(seconds(1));
  EXPECT_TRUE(scene.errors.empty());
}

TEST(ReportCall, OneMadeInsideOnErrorIsToldInTheNextTurn) {  // I-27
  Scenario scene;
  RealtimeOptions options = scene.realtime_options();
  std::vector<Errc> told;
  int inside = 0;
  options.on_error = [&](const ErrorReport& report) {
    EXPECT_EQ(++inside, 1);
    told.push_back(report.error.code());
    if (told.size() < 3) scene.rt.report(Error(Errc::quota, "once more"));
    --inside;
  };
  ASSERT_TRUE(scene.connect(std::move(options)));
  scene.rt.report(Error(Errc::internal, "the first"));
  scene.world.run_for(seconds(1));
  EXPECT_EQ(told, (std::vector<Errc>{Errc::internal, Errc::quota, Errc::quota}));
}

class ConnectingSink final : public TraceSink {
 public:
  void record(const TraceRecord&) noexcept override {
    if (client == nullptr) return;
    ++calls;
    refused += client->connect_realtime({}, {}).error().code() == Errc::closed;
  }
  Client* client = nullptr;
  int calls = 0;
  int refused = 0;
};

TEST(TraceHook, ASinkThatConnectsIsRefused) {
  ConnectingSink sink;
  Scenario scene;
  ClientOptions options = Scenario::client_options();
  options.trace = &sink;
  scene.make(std::move(options));
  sink.client = scene.client.get();
  ASSERT_TRUE(scene.connect());
  sink.client = nullptr;
  EXPECT_GE(sink.calls, 5);
  EXPECT_EQ(sink.refused, sink.calls);
}

TEST(TraceHook, MoreRecordsThanOneEntryKeepsAreCounted) {  // FAULTS 3.4
  Scenario scene;
  ClientOptions client_options = Scenario::client_options();
  std::uint64_t records = 0;
  client_options.on_trace = [&](const TraceRecord&) { ++records; };
  scene.make(std::move(client_options));
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  const std::uint64_t before = records;
  for (int n = 0; n < 50; ++n) scene.broker.publish(scene.topic("a"), "no json");  // each is an error, and its record
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.errors.size(), 50U);
  EXPECT_GT(scene.rt.stats().traces_dropped, 0U);
  EXPECT_EQ(records - before + scene.rt.stats().traces_dropped, 50U);
}

}  // namespace
}  // namespace axonpush::test
