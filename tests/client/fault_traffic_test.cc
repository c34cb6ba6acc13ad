// FAULTS rows about traffic: resends, copies that lag, slow consumers, narrow transports, floods; and of two clients
// with one id. In virtual time.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

using sim::ApiRequest;
using sim::ApiResponse;
using sim::BrokerPeer;
using sim::DialPlan;

// --- R-38: what is sent again, and how

struct Published5 : Scenario {
  std::vector<int> acknowledged;
  void publish(int n) {
    ASSERT_TRUE(rt.publish({.channel_id = "p", .identifier = "i", .payload = {{"n", n}}},
                           [this, n](const Result<Published>& outcome) {
                             if (outcome.ok()) acknowledged.push_back(n);
                           })
                    .ok());
  }
  [[nodiscard]] static std::string number(int n) { return "{\"n\":" + std::to_string(n) + "}"; }
};

TEST(FaultResend, AResumedSessionGetsTheSamePublishesInTheirOrderWithDup) {  // R-38, [MQTT-4.4.0-1], [MQTT-4.6.0-1]
  Published5 scene;
  ASSERT_TRUE(scene.connect());
  scene.world.run_for(seconds(31));
  scene.broker.answer_publish = false;
  for (int n = 0; n < 5; ++n) scene.publish(n);
  scene.world.run_for(seconds(3));
  ASSERT_EQ(scene.broker.stored.size(), 5U) << "never sent again on the same connection";
  scene.broker.answer_publish = true;
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.acknowledged.size() == 5; }));
  ASSERT_EQ(scene.broker.stored.size(), 10U);
  for (int n = 0; n < 5; ++n) {
    const sim::StoredPublish& again = scene.broker.stored[static_cast<std::size_t>(5 + n)];
    EXPECT_TRUE(again.dup);
    EXPECT_NE(again.payload.find(Published5::number(n)), std::string::npos) << n;
  }
  EXPECT_EQ(scene.acknowledged, (std::vector<int>{0, 1, 2, 3, 4}));
  for (const std::string& violation : scene.broker.violations) ADD_FAILURE() << violation;
}

TEST(FaultResend, ANewSessionGetsThemAsNewInTheirOrder) {  // R-38
  Published5 scene;
  ASSERT_TRUE(scene.connect());
  scene.world.run_for(seconds(31));
  scene.broker.answer_publish = false;
  for (int n = 0; n < 5; ++n) scene.publish(n);
  scene.world.run_for(milliseconds(100));
  scene.broker.answer_publish = true;
  scene.broker.keep_sessions = false;
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  scene.world.run_for(milliseconds(2));
  for (int n = 5; n < 8; ++n) scene.publish(n);  // made meanwhile: they wait behind the others
  ASSERT_TRUE(scene.run_until([&] { return scene.acknowledged.size() == 8; }));
  ASSERT_EQ(scene.broker.stored.size(), 13U);
  for (int n = 0; n < 8; ++n) {
    const sim::StoredPublish& stored = scene.broker.stored[static_cast<std::size_t>(5 + n)];
    EXPECT_FALSE(stored.dup);
    EXPECT_NE(stored.payload.find(Published5::number(n)), std::string::npos) << n;
  }
  EXPECT_EQ(scene.acknowledged, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(FaultResend, AQos0PublishInTheCorkOfALostConnectionFails) {  // CONTRACT 5: nothing succeeds in silence
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.newest()->link().stuck = true;
  std::vector<Errc> outcomes;
  for (int n = 0; n < 3; ++n) {
    ASSERT_TRUE(scene.rt
                    .publish({.channel_id = "p", .identifier = "i", .payload = "{}"},
                             [&](const Result<Published>& outcome) { outcomes.push_back(outcome.error().code()); },
                             {.qos = PublishOptions::Delivery::at_most_once})
                    .ok());
  }
  scene.world.run_for(seconds(1));
  EXPECT_TRUE(outcomes.empty()) << "not handed over yet";
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return outcomes.size() == 3; }, seconds(5)));
  EXPECT_EQ(outcomes, std::vector<Errc>(3, Errc::connection_lost));
  EXPECT_EQ(scene.broker.stored.size(), 0U);
}

TEST(FaultResend, AnOptionSetsHowLongAPubackIsAwaited) {  // FAULTS 1.0: options with a unit
  Scenario scene;
  RealtimeOptions options = scene.realtime_options();
  options.puback_timeout = seconds(3);
  options.suback_timeout = seconds(2);
  ASSERT_TRUE(scene.connect(std::move(options)));
  scene.broker.answer_publish = scene.broker.answer_subscribe = false;
  Errc told = Errc::none;
  const Instant start = scene.world.now();
  ASSERT_TRUE(scene.rt
                  .publish({.channel_id = "p", .identifier = "i", .payload = "{}"},
                           [&](const Result<Published>& outcome) { told = outcome.error().code(); })
                  .ok());
  ASSERT_TRUE(scene.run_until([&] { return told != Errc::none; }, minutes(1)));
  EXPECT_EQ(told, Errc::ack_timeout);
  EXPECT_EQ((scene.world.now() - start).seconds(), 3);
  const Instant asked = scene.world.now();
  ASSERT_TRUE(scene.rt.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, minutes(1)));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::ack_timeout);
  EXPECT_EQ((scene.world.now() - asked).seconds(), 2);
}

// What waits behind a window of publishes that nobody answers waits for a bounded time.
TEST(FaultResend, ABrokerThatAnswersNoneOfAFullWindowIsLeft) {  // CONTRACT 5: nothing waits in silence
  Published5 scene;
  scene.broker.receive_maximum = 3;
  ASSERT_TRUE(scene.connect());
  scene.world.run_for(seconds(31));
  scene.broker.answer_publish = false;
  for (int n = 0; n < 3; ++n) scene.publish(n);
  scene.world.run_for(seconds(21));
  EXPECT_EQ(scene.broker.connects.size(), 1U) << "three are told overdue, and nobody waits behind them";
  for (int n = 3; n < 5; ++n) scene.publish(n);
  scene.broker.answer_publish = true;
  ASSERT_TRUE(scene.run_until([&] { return scene.acknowledged.size() == 2; }, seconds(10)));
  EXPECT_EQ(scene.acknowledged, (std::vector<int>{3, 4}));
  EXPECT_EQ(scene.broker.connects.size(), 2U);
  ASSERT_EQ(scene.errors.size(), 1U);
  EXPECT_EQ(scene.errors[0].error.code(), Errc::ack_timeout);
  EXPECT_EQ(scene.broker.stored.size(), 8U) << "three, and the same again with DUP, and two";
  for (const std::string& violation : scene.broker.violations) ADD_FAILURE() << violation;
}

TEST(FaultResend, ABrokerThatAnswersLateIsLeftOnlyWhenAllAreOverdue) {
  Published5 scene;
  scene.broker.receive_maximum = 3;
  ASSERT_TRUE(scene.connect());
  scene.world.run_for(seconds(31));
  scene.broker.answer_publish = false;
  scene.publish(0);
  scene.publish(1);
  scene.world.run_for(seconds(15));
  scene.publish(2);
  scene.publish(3);  // waits
  scene.world.run_for(seconds(15));
  EXPECT_EQ(scene.broker.connects.size(), 1U) << "one has time left";
  scene.world.run_for(seconds(10));
  EXPECT_EQ(scene.broker.connects.size(), 2U);
  ASSERT_EQ(scene.errors.size(), 1U);
  EXPECT_EQ(scene.errors[0].error.code(), Errc::ack_timeout);
}

// --- R-39: copies that lag

TEST(FaultCopies, ALagOfUpToTheHoldIsMatchedAndSilenceIsNoLoss) {  // R-39, CONTRACT 6.4
  struct Row {
    Duration old_lag;
    Duration new_lag;
    bool new_delivers;
    bool with_id;
  };
  const Row rows[] = {
      {milliseconds(1), milliseconds(1), true, false},    {milliseconds(1), milliseconds(1'900), true, true},
      {milliseconds(1), seconds(4), true, true},          {milliseconds(1), seconds(4), true, false},
      {milliseconds(1'900), milliseconds(1), true, true}, {milliseconds(1), milliseconds(1), false, true},
  };
  for (const Row& row : rows) {
    Scenario scene;
    scene.api.lifetime = seconds(100);
    ASSERT_TRUE(scene.connect());
    std::map<std::string, int> copies;
    ASSERT_TRUE(
        scene.subscribe({.channel_id = "a"}, [&](const Event& event) { ++copies[std::string(event.text())]; }).ok());
    ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() == 2; }));
    scene.world.run_for(milliseconds(5));
    const auto all = scene.broker.live();
    ASSERT_EQ(all.size(), 2U);
    all[0]->link().latency = row.old_lag;
    all[1]->link().latency = row.new_lag;
    if (!row.new_delivers) scene.broker.sessions[all[1]->client_id()].filters.clear();
    for (int n = 0; n < 20; ++n) {
      const std::string text = std::to_string(n);
      scene.broker.publish(scene.topic("a"), row.with_id ? "{\"eventId\":\"" + text + "\"}" : "{\"n\":" + text + "}",
                           1);
      scene.world.run_for(milliseconds(3));
    }
    scene.world.run_for(seconds(20));
    EXPECT_EQ(copies.size(), 20U) << row.new_lag.milliseconds();
    for (const auto& [text, times] : copies) EXPECT_EQ(times, 1) << text << ", " << row.new_lag.milliseconds();
    EXPECT_EQ(scene.rt.stats().swaps, 1U);
  }
}

// --- R-02: refused for good during a refresh, and then the old connection dies

TEST(FaultRefused, WithoutTheOldConnectionTheCredentialsServeWhileTheyLiveAndThenOnlyFetchesFollow) {  // R-02
  Scenario scene;
  scene.api.lifetime = seconds(300);
  ASSERT_TRUE(scene.connect());
  const Instant start = scene.world.now();
  scene.api.respond = [](const ApiRequest&) { return ApiResponse{.status = 401}; };
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 2; }));
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }, seconds(5)))
      << "the credentials at hand are still good";
  // The broker goes for good now; once the credentials are over nothing is dialled any more.
  std::vector<Instant> dials;
  scene.world.plan = [&](const Endpoint& endpoint) {
    if (endpoint.port == 8443) dials.push_back(scene.world.now());
    return endpoint.port == 8443 ? DialPlan{.fate = DialPlan::Fate::refuse} : DialPlan{};
  };
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  scene.world.run_for(hours(1));
  ASSERT_FALSE(dials.empty());
  for (const Instant dial : dials) EXPECT_LE(dial - start, seconds(295)) << "I-13";
  const std::size_t requests = scene.api.requests.size();
  scene.world.run_for(minutes(10));
  EXPECT_GT(scene.api.requests.size(), requests) << "it never gives up";
  EXPECT_LE(scene.api.requests.size(), requests + 120);
  // A key that works again is all it needs.
  scene.api.respond = nullptr;
  scene.world.plan = [](const Endpoint&) { return DialPlan{}; };
  EXPECT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }, minutes(3)));
}

TEST(FaultRefused, ThreeRefusedCredentialsInARowSlowDownToOnceAMinute) {  // R-19, R-17
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.world.run_for(seconds(31));
  scene.broker.connack_reason = [](const sim::SeenConnect&) { return 0x87; };
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.connects.size() == 12; }, hours(2)));
  std::set<std::string> tokens;
  for (const sim::SeenConnect& connect : scene.broker.connects) tokens.insert(connect.user_name);
  // The first reconnect presents what was at hand, and after that nothing twice.
  EXPECT_EQ(tokens.size(), scene.broker.connects.size() - 1) << "refused credentials were presented again";
  for (std::size_t at = 5; at < 12; ++at) {
    EXPECT_GE(scene.broker.connects[at].at - scene.broker.connects[at - 1].at, seconds(60)) << at;
  }
  scene.broker.connack_reason = nullptr;
  EXPECT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }, minutes(2)));
}

// --- R-32: two processes with one client id

TEST(FaultConflict, TwoClientsWithOneIdSettleToTwoConnectsAMinute) {  // R-32, I-23
  sim::World world(5);
  sim::ModelApi api(world);
  sim::ModelBroker broker(world, api);
  api.same_client_id = true;
  api.broker_url = "wss://broker.example.com:8443/mqtt?x=y";
  world.listen(443, api.maker());
  world.listen(8443, broker.maker());
  {
    sim::VirtualHost hosts[] = {{world, 1}, {world, 2}};
    Client clients[] = {{hosts[0], Scenario::client_options()}, {hosts[1], Scenario::client_options()}};
    int conflicts[2] = {};
    for (int at = 0; at < 2; ++at) {
      RealtimeOptions options;
      options.on_error = [&conflicts, at](const ErrorReport& report) {
        conflicts[at] +=
            report.error.code() == Errc::session_taken_over || report.error.code() == Errc::session_conflict;
      };
      ASSERT_TRUE(clients[at].connect_realtime(std::move(options), [](const Result<Realtime>&) {}).ok());
    }
    world.run_for(minutes(5));
    const std::size_t before = broker.connects.size();
    world.run_for(minutes(20));
    EXPECT_LE(broker.connects.size() - before, 2U * 20U + 2U);
    EXPECT_GE(broker.connects.size() - before, 10U) << "neither gives up";
    EXPECT_GT(conflicts[0] + conflicts[1], 10) << "and both say so loudly";
  }
  world.clear();
}

TEST(FaultConflict, InTheMiddleOfARefreshItIsAConflictToo) {  // R-32, I-23
  Scenario scene;
  scene.api.lifetime = seconds(100);
  scene.api.same_client_id = true;
  ASSERT_TRUE(scene.connect());
  scene.api.next.push_back({.delay = seconds(2)});
  ASSERT_TRUE(scene.run_until([&] { return scene.api.requests.size() == 2; }));
  const Instant taken = scene.world.now();
  scene.broker.newest()->send_disconnect(0x8E);
  scene.broker.newest()->cut(sim::Connection::Cut::orderly);
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.connects.size() == 2; }));
  EXPECT_GE(scene.broker.connects[1].at - taken, seconds(5));
  ASSERT_FALSE(scene.errors.empty());
  EXPECT_EQ(scene.errors[0].error.code(), Errc::session_taken_over);
}

// --- R-48, R-53, R-55, R-56, R-59

TEST(FaultFlow, DisconnectFromInsideACallbackReturnsAtOnce) {  // R-48 (the facade's test has the other thread)
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::vector<std::string> order;
  ASSERT_TRUE(scene
                  .subscribe({.channel_id = "a"},
                             [&](const Event&) {
                               order.emplace_back("event");
                               EXPECT_TRUE(
                                   scene.rt.disconnect([&](const Status&) { order.emplace_back("done"); }).ok());
                               order.emplace_back("returned");
                             })
                  .ok());
  for (int n = 0; n < 3; ++n) scene.broker.publish(scene.topic("a"), "{}");
  scene.world.run_for(seconds(10));
  EXPECT_EQ(order, (std::vector<std::string>{"event", "returned", "done"})) << "no event callback starts after it";
}

TEST(FaultFlow, ASlowConsumerCostsNoMemoryOfOurs) {  // R-53: an hour at 1,000 events a second, ten times what it takes
  Scenario scene;
  scene.api.lifetime = hours(2);
  ASSERT_TRUE(scene.connect());
  std::uint64_t events = 0;
  ASSERT_TRUE(scene
                  .subscribe({.channel_id = "a"},
                             [&](const Event&) {
                               ++events;
                               // Each event keeps the thread busy for 10 ms.
                               const Instant from = std::max(scene.host.paused_until, scene.world.now());
                               scene.host.paused_until = from + milliseconds(10);
                             })
                  .ok());
  scene.world.run_for(seconds(1));
  const auto buffers = [&] { return scene.host.buffers().lent_bytes() + scene.host.buffers().kept_bytes(); };
  const std::size_t before = buffers();
  std::size_t most = 0;
  for (int second = 0; second < 3'600; ++second) {
    for (int n = 0; n < 1'000; ++n) {
      // The network holds 64 KiB for the client, and the server drops what does not fit (QoS 0).
      if (scene.broker.live().empty() || scene.broker.newest()->link().waiting_bytes() > 64 * 1024) break;
      scene.broker.publish(scene.topic("a"), R"({"identifier":"i","payload":{"text":"hello"}})", 0);
    }
    scene.world.run_for(seconds(1));
    most = std::max(most, buffers());
    if (second == 1'800 && !scene.broker.live().empty()) scene.broker.newest()->cut(sim::Connection::Cut::reset);
  }
  EXPECT_LE(most - before, 8U * 1024U * 1024U);
  EXPECT_GE(events, 300'000U);
  scene.world.run_for(minutes(2));
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
  EXPECT_EQ(scene.rt.stats().reconnects, 1U) << "dropped once by the server, and nothing worse";
}

TEST(FaultFlow, AnExhaustedTableOfDescriptorsSpinsNothing) {  // R-55
  Scenario scene;
  scene.api.lifetime = seconds(200);
  ASSERT_TRUE(scene.connect());
  std::size_t events = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
  scene.host.open_error = Error(Errc::no_fds, "no descriptor is left");
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::no_fds);
  const std::uint64_t turns = scene.host.turns;
  scene.world.run_for(minutes(10));
  EXPECT_LE(scene.host.turns - turns, 10U * 600U) << "at most ten wake-ups a second";
  EXPECT_LE(scene.host.turns - turns, 600U) << "and in fact hardly any";
  scene.broker.publish(scene.topic("a"), "{}");
  EXPECT_TRUE(scene.run_until([&] { return events == 1; }, seconds(5))) << "the old connection is kept";
  scene.host.open_error = Error{};
  EXPECT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(2)));
}

TEST(FaultFlow, ATransportOfOneByteATimeIsSlowAndWhole) {  // R-56
  Scenario scene;
  scene.api.lifetime = seconds(100);
  ASSERT_TRUE(scene.connect());
  std::size_t events = 0;
  std::size_t acknowledged = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
  scene.broker.on_packet = [](BrokerPeer& peer, int) { peer.link().chunk = 1; };
  scene.broker.newest()->link().chunk = 1;
  for (int n = 0; n < 20; ++n) {
    scene.broker.publish(scene.topic("a"), "{\"n\":" + std::to_string(n) + "}");
    ASSERT_TRUE(scene.rt
                    .publish({.channel_id = "p", .identifier = "i", .payload = {{"n", n}}},
                             [&](const Result<Published>& outcome) { acknowledged += outcome.ok(); })
                    .ok());
  }
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 2; }, minutes(5)));
  EXPECT_EQ(events, 20U);
  EXPECT_EQ(acknowledged, 20U);
  EXPECT_TRUE(scene.errors.empty());
  for (const std::string& violation : scene.broker.violations) ADD_FAILURE() << violation;
}

TEST(FaultFlow, PingsAndPubacksPassTheQueueOfPublishes) {  // R-56
  Scenario scene;
  scene.broker.connack_properties = std::string("\x21\x00\x01", 3);  // Receive Maximum 1
  RealtimeOptions options = scene.realtime_options();
  options.puback_timeout = minutes(5);  // else a broker that answers nothing is left
  ASSERT_TRUE(scene.connect(std::move(options)));
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  scene.broker.answer_publish = false;
  for (int n = 0; n < 1'000; ++n) {
    ASSERT_TRUE(scene.rt.publish({.channel_id = "p", .identifier = "i", .payload = "{}"}).ok());
  }
  const std::uint64_t pings = scene.broker.pings;
  scene.broker.publish(scene.topic("a"), "{}");
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.broker.pubacks, 1U);
  scene.world.run_for(seconds(60));
  EXPECT_GE(scene.broker.pings - pings, 1U);
  EXPECT_TRUE(scene.errors.empty());
}

TEST(FaultFlow, AFloodOfSmallPacketsLeavesTimeForEverythingElse) {  // R-59, W-29: 64 packets or 256 KiB a turn
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::map<std::uint64_t, int> per_turn;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++per_turn[scene.host.turns]; }).ok());
  const std::string topic = scene.topic("a");
  std::string packet = std::string(1, '\0') + static_cast<char>(topic.size()) + topic + std::string(1, '\0') + "{}";
  packet = std::string(1, '\x30') + static_cast<char>(packet.size()) + packet;
  // 10,000 in one go, each in a frame of its own.
  std::string stream;
  for (int n = 0; n < 10'000; ++n) {
    stream += std::string("\x82", 1) + static_cast<char>(packet.size()) + packet;
  }
  scene.broker.newest()->send_raw(stream);
  scene.world.run_for(seconds(1));
  int events = 0;
  for (const auto& [turn, count] : per_turn) {
    EXPECT_LE(count, 64) << turn;
    events += count;
  }
  EXPECT_EQ(events, 10'000);
  EXPECT_GE(per_turn.size(), 10'000U / 64U);
}

}  // namespace
}  // namespace axonpush::test
