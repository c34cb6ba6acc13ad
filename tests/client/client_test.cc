// The client against the model servers, end to end in virtual time: connect, subscribe, publish, receive, swap,
// disconnect.
#include <axonpush/client.h>
#include <gtest/gtest.h>

#include "client/scenario.h"
#include "support/allocations.h"

namespace axonpush::test {
namespace {

TEST(ClientConnect, FetchesCredentialsAndConnects) {  // CONTRACT 2, 3
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  ASSERT_EQ(scene.api.requests.size(), 1U);
  const sim::ApiRequest& request = scene.api.requests[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/auth/iot-credentials");
  EXPECT_EQ(request.headers.at("x-api-key"), "ak_APIKEYMARKER");
  EXPECT_EQ(request.headers.at("x-tenant-id"), "org_1");
  EXPECT_EQ(request.headers.at("content-length"), "0");
  EXPECT_EQ(request.headers.at("accept"), "application/json");
  EXPECT_EQ(request.headers.at("accept-encoding"), "identity");
  EXPECT_EQ(request.headers.at("connection"), "close");  // H-47
  EXPECT_EQ(request.headers.at("host"), "api.example.com");
  EXPECT_EQ(request.headers.count("content-type"), 0U);
  ASSERT_EQ(scene.broker.connects.size(), 1U);
  const sim::SeenConnect& connect = scene.broker.connects[0];
  EXPECT_EQ(connect.client_id, "client-1");
  EXPECT_EQ(connect.user_name, scene.api.last_token);
  EXPECT_TRUE(connect.has_password);
  EXPECT_TRUE(connect.clean_start);
  EXPECT_EQ(connect.session_expiry, 300U);
  EXPECT_EQ(connect.keep_alive, 30U);
  EXPECT_EQ(scene.states, (std::vector<ConnectionState>{ConnectionState::connecting, ConnectionState::live}));
  EXPECT_TRUE(scene.broker.violations.empty());
  EXPECT_TRUE(scene.errors.empty());
}

TEST(ClientConnect, ReportsARefusedConnackToTheCallAndDoesNotRetry) {  // R-19
  Scenario scene;
  scene.broker.connack_reason = [](const sim::SeenConnect&) { return 0x87; };
  EXPECT_FALSE(scene.connect());
  ASSERT_EQ(scene.connect_results.size(), 1U);
  EXPECT_EQ(scene.connect_results[0], Errc::mqtt_refused);
  EXPECT_EQ(scene.connect_error.number(), 0x87U);
  scene.world.run_for(hours(1));
  EXPECT_EQ(scene.broker.connects.size(), 1U);
  EXPECT_EQ(scene.host.open_connections(), 0U);
}

TEST(ClientConnect, AHandleOnNoSessionSaysSo) {
  Realtime none;
  const auto never = [](const auto&) { ADD_FAILURE(); };
  EXPECT_EQ(none.subscribe({.channel_id = "a"}, never, never).error().code(), Errc::closed);
  EXPECT_EQ(none.subscribe_raw({.channel_id = "a"}, never, never).error().code(), Errc::closed);
  EXPECT_EQ(none.unsubscribe(Subscription{}, never).error().code(), Errc::closed);
  EXPECT_EQ(none.unsubscribe(SubscribeFilter{.channel_id = "a"}, never).error().code(), Errc::closed);
  EXPECT_EQ(none.on_event(never).error().code(), Errc::closed);
  EXPECT_EQ(none.off_event({}).error().code(), Errc::closed);
  EXPECT_EQ(none.publish({.channel_id = "a"}, never).error().code(), Errc::closed);
  EXPECT_EQ(none.publish_raw({.channel_id = "a"}, never).error().code(), Errc::closed);
  EXPECT_EQ(none.disconnect(never).error().code(), Errc::closed);
  EXPECT_EQ(none.refresh_now().error().code(), Errc::closed);
  EXPECT_EQ(none.state(), ConnectionState::closed);
  EXPECT_EQ(none.stats().connections, 0U);
  EXPECT_EQ(none.latency(), nullptr);
  none.report(Error(Errc::internal));
}

TEST(ClientConnect, WithoutMemoryForItTheClientSaysSo) {
  Scenario scene;
  const FailAllocations fault(1, FailAllocations::Mode::once);
  Client client(scene.host, Scenario::client_options());
  EXPECT_TRUE(fault.fired());
  EXPECT_EQ(client.error().code(), Errc::no_memory);
  EXPECT_EQ(client.connect_realtime({}, [](const Result<Realtime>&) { ADD_FAILURE(); }).error().code(),
            Errc::no_memory);
}

TEST(ClientEvents, AScopedSubscriptionEndsWithItsScope) {
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::size_t told = 0;
  int ids = 0;
  const auto wait = [&] { scene.run_until([] { return false; }, seconds(1)); };
  const auto subscribe = [&] {
    const Result<Subscription> made = scene.rt.subscribe({.channel_id = "room"}, [&](const Event&) { ++told; });
    EXPECT_TRUE(made.ok());
    return ScopedSubscription(scene.rt, *made);
  };
  const auto deliver = [&] {
    told = 0;
    scene.broker.publish(scene.topic("room"), R"({"eventId":")" + std::to_string(++ids) + R"("})", 1);
    wait();
    return told;
  };
  ScopedSubscription outer = subscribe();
  wait();
  {
    ScopedSubscription inner = subscribe();
    wait();
    EXPECT_EQ(deliver(), 2U);
    ScopedSubscription& itself = inner;
    inner = std::move(itself);
    EXPECT_EQ(deliver(), 2U);
    outer = std::move(inner);  // what it held goes
    EXPECT_EQ(deliver(), 1U);
  }
  EXPECT_EQ(deliver(), 1U);
  outer.reset();
  EXPECT_EQ(deliver(), 0U);
}

TEST(ClientConnect, CanBeTriedAgainAfterAFailure) {
  Scenario scene;
  scene.api.next.push_back(
      {.status = 401, .body = R"({"code":"bad_key","message":"no such key","hint":"look it up"})"});
  EXPECT_FALSE(scene.connect());
  EXPECT_EQ(scene.connect_error.code(), Errc::unauthorized);
  EXPECT_EQ(scene.connect_error.server_words().message, "no such key");
  EXPECT_EQ(scene.connect_error.server_words().code, "bad_key");
  EXPECT_TRUE(scene.connect());
}

TEST(ClientEvents, ReachTheMatchingCallbacksOnly) {  // CONTRACT 5, I-07, I-08
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::vector<std::string> a;
  std::vector<std::string> b;
  std::size_t all = 0;
  ASSERT_TRUE(scene.rt.on_event([&](const Event&) { ++all; }).ok());
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event& event) { a.emplace_back(event.text()); }).ok());
  ASSERT_TRUE(scene.subscribe({.channel_id = "b"}, [&](const Event& event) { b.emplace_back(event.text()); }).ok());
  scene.broker.publish(scene.topic("a"), R"({"identifier":"x","payload":{}})");
  scene.broker.publish(scene.topic("b"), R"({"n":1})");
  scene.broker.publish(scene.topic("b"), R"({"n":2})", 0);
  scene.run_until([&] { return all == 3; });
  EXPECT_EQ(a, (std::vector<std::string>{R"({"identifier":"x","payload":{}})"}));
  EXPECT_EQ(b, (std::vector<std::string>{R"({"n":1})", R"({"n":2})"}));
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.broker.pubacks, 2U);
  EXPECT_TRUE(scene.broker.violations.empty());
}

TEST(ClientPublish, IsAcknowledgedAtQos1AndStoredOnce) {
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::vector<Errc> outcomes;
  for (int n = 0; n < 300; ++n) {
    const Status accepted =
        scene.rt.publish({.channel_id = "a", .identifier = "id", .payload = {{"n", n}}},
                         [&](const Result<Published>& done) { outcomes.push_back(done.error().code()); });
    ASSERT_TRUE(accepted.ok());
  }
  ASSERT_TRUE(scene.run_until([&] { return outcomes.size() == 300; }));
  ASSERT_EQ(scene.broker.stored.size(), 300U);
  for (std::size_t n = 0; n < 300; ++n) {
    EXPECT_EQ(outcomes[n], Errc::none);
    EXPECT_EQ(scene.broker.stored[n].payload,
              "{\"channelId\":\"a\",\"identifier\":\"id\",\"payload\":{\"n\":" + std::to_string(n) + "}}");
    EXPECT_EQ(scene.broker.stored[n].topic, scene.topic("a"));
  }
  EXPECT_TRUE(scene.broker.violations.empty());
}

TEST(ClientPublish, Qos0CompletesWhenItHasBeenHandedOver) {
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::size_t done = 0;
  const Status accepted = scene.rt.publish({.channel_id = "a", .identifier = "id", .payload = "{}"},
                                           [&](const Result<Published>& outcome) { done += outcome.ok(); },
                                           {.qos = PublishOptions::Delivery::at_most_once});
  ASSERT_TRUE(accepted.ok());
  EXPECT_EQ(done, 0U) << "no callback inside the call that caused it";
  scene.run_until([&] { return done == 1; });
  scene.world.run_for(seconds(1));
  ASSERT_EQ(scene.broker.stored.size(), 1U);
  EXPECT_EQ(scene.broker.stored[0].qos, 0);
}

// A swap under traffic, in both modes: nothing lost, nothing doubled, the old connection ended only afterwards.
class ClientSwap : public ::testing::TestWithParam<bool> {};

TEST_P(ClientSwap, LosesNothingAndDoublesNothing) {  // I-06, I-09, R-31, R-39
  Scenario scene;
  scene.api.lifetime = seconds(100);
  scene.api.same_client_id = GetParam();
  ASSERT_TRUE(scene.connect());
  std::vector<int> copies(4000, 0);
  ASSERT_TRUE(scene
                  .subscribe({.channel_id = "a"},
                             [&](const Event& event) {
                               std::int64_t n = -1;
                               ASSERT_TRUE(event.member("n").integer(n));
                               ++copies[static_cast<std::size_t>(n)];
                             })
                  .ok());
  std::size_t sent = 0;
  std::size_t acknowledged = 0;
  while (scene.rt.stats().swaps < 3 && sent < copies.size()) {
    scene.broker.publish(scene.topic("a"),
                         "{\"n\":" + std::to_string(sent) + ",\"eventId\":\"e" + std::to_string(sent) + "\"}");
    ++sent;
    ASSERT_TRUE(scene.rt
                    .publish({.channel_id = "other", .identifier = "i", .payload = "{}"},
                             [&](const Result<Published>& outcome) { acknowledged += outcome.ok(); })
                    .ok());
    scene.world.run_for(milliseconds(100));
  }
  scene.world.run_for(seconds(20));
  EXPECT_EQ(scene.rt.stats().swaps, 3U);
  for (std::size_t n = 0; n < sent; ++n) EXPECT_EQ(copies[n], 1) << n;
  EXPECT_EQ(acknowledged, sent);
  EXPECT_EQ(scene.broker.live().size(), 1U);
  EXPECT_EQ(scene.host.open_connections(), 1U);
  EXPECT_TRUE(scene.errors.empty()) << scene.errors[0].error.what();
  EXPECT_TRUE(scene.gaps.empty());
  for (const std::string& violation : scene.broker.violations) ADD_FAILURE() << violation;
}
INSTANTIATE_TEST_SUITE_P(Modes, ClientSwap, ::testing::Values(false, true),
                         [](const auto& mode) { return mode.param ? "Takeover" : "Overlap"; });

TEST(ClientReconnect, RestoresSubscriptionsAndResendsPublishes) {  // R-20, R-38
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::size_t events = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
  scene.broker.answer_publish = false;
  std::size_t acknowledged = 0;
  ASSERT_TRUE(scene.rt
                  .publish({.channel_id = "b", .identifier = "i", .payload = "{}"},
                           [&](const Result<Published>& outcome) { acknowledged += outcome.ok(); })
                  .ok());
  scene.world.run_for(milliseconds(50));
  scene.broker.answer_publish = true;
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::waiting; }));
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }));
  scene.world.run_for(seconds(1));
  EXPECT_EQ(acknowledged, 1U);
  ASSERT_EQ(scene.broker.stored.size(), 2U);
  EXPECT_TRUE(scene.broker.stored[1].dup) << "the session was resumed";
  EXPECT_FALSE(scene.broker.connects[1].clean_start);
  EXPECT_EQ(scene.api.requests.size(), 1U) << "the credentials at hand were still good";
  EXPECT_EQ(scene.broker.subscribes.size(), 1U) << "the session brought the subscription along";
  scene.broker.publish(scene.topic("a"), R"({"n":1})");
  EXPECT_TRUE(scene.run_until([&] { return events == 1; }));
  EXPECT_EQ(scene.errors.size(), 1U);
}

TEST(ClientDisconnect, DrainsSaysGoodbyeAndLeavesNothingBehind) {  // CONTRACT 3, I-24
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::vector<std::string> order;
  for (int n = 0; n < 3; ++n) {
    ASSERT_TRUE(scene.rt
                    .publish({.channel_id = "a", .identifier = "i", .payload = "{}"},
                             [&](const Result<Published>& outcome) {
                               order.push_back(outcome.ok() ? "acknowledged" : "failed");
                             })
                    .ok());
  }
  ASSERT_TRUE(scene.rt.disconnect([&](const Status&) { order.push_back("disconnected"); }).ok());
  EXPECT_EQ(scene.rt.publish({.channel_id = "a", .identifier = "i", .payload = "{}"}).error().code(), Errc::closed);
  ASSERT_TRUE(scene.run_until([&] { return order.size() == 4; }));
  EXPECT_EQ(order, (std::vector<std::string>{"acknowledged", "acknowledged", "acknowledged", "disconnected"}));
  EXPECT_EQ(scene.broker.disconnect_reasons, std::vector<int>{0});
  EXPECT_EQ(scene.host.open_connections(), 0U);
  EXPECT_EQ(scene.rt.state(), ConnectionState::closed);
  EXPECT_EQ(scene.states.back(), ConnectionState::closed);
  EXPECT_EQ(scene.host.armed(), Instant::never()) << "no timer is left";
  scene.world.run_for(hours(2));
  EXPECT_EQ(scene.broker.upgrades, 1U);
  EXPECT_TRUE(scene.broker.violations.empty());
}

}  // namespace
}  // namespace axonpush::test
