// FAULTS 1.4: callbacks that misbehave, queues, limits, resources that run out, in virtual time. R-46, the table of
// every call in every state and context, is api_table_test.cc.
#include <gtest/gtest.h>

#include <map>
#include <stdexcept>

#include "client/scenario.h"
#include "support/allocations.h"

namespace axonpush::test {
namespace {

// --- Callbacks

TEST(FaultApi, DestroyInsideEachCallbackEndsAllCallbacks) {  // R-47, mosquitto #2778
  for (const char* where : {"event", "state", "error", "published", "subscribed", "connected"}) {
    Scenario scene;
    int after = 0;
    bool destroyed = false;
    const std::string place = where;
    const auto destroy = [&] {
      if (destroyed) ++after;
      destroyed = true;
      scene.client.reset();
    };
    RealtimeOptions options;
    options.refresh_jitter = false;
    options.on_state = [&](const StateChange& change) {
      if (destroyed) ++after;
      if (place == "state" && change.to == ConnectionState::live) destroy();
    };
    options.on_error = [&](const ErrorReport&) {
      if (destroyed) ++after;
      if (place == "error") destroy();
    };
    scene.make();
    ASSERT_TRUE(scene.client
                    ->connect_realtime(std::move(options),
                                       [&](const Result<Realtime>& result) {
                                         if (destroyed) ++after;
                                         if (result.ok()) scene.rt = *result;
                                         if (place == "connected") destroy();
                                       })
                    .ok());
    scene.world.run_for(seconds(1));
    static_cast<void>(scene.rt.subscribe(
        {.channel_id = "a"},
        [&](const Event&) {
          if (destroyed) ++after;
          if (place == "event") destroy();
        },
        [&](const Status&) {
          if (place == "subscribed") destroy();
        }));
    scene.world.run_for(seconds(1));
    static_cast<void>(
        scene.rt.publish({.channel_id = "a", .identifier = "i", .payload = "{}"}, [&](const Result<Published>&) {
          if (destroyed) ++after;
          if (place == "published") destroy();
        }));
    scene.world.run_for(seconds(1));
    if (!scene.broker.live().empty()) scene.broker.newest()->cut(sim::Connection::Cut::reset);
    scene.world.run_for(minutes(1));
    EXPECT_TRUE(destroyed) << where;
    EXPECT_EQ(after, 0) << where << ": a callback ran after the client was destroyed";
    EXPECT_EQ(scene.host.open_connections(), 0U) << where;
    EXPECT_EQ(scene.rt.publish({.channel_id = "a", .identifier = "i", .payload = "{}"}).error().code(), Errc::closed);
  }
}

TEST(FaultApi, AThrowingCallbackHarmsNothing) {  // R-50, R-51, I-28
  Scenario scene;
  RealtimeOptions options = scene.realtime_options();
  std::vector<std::string> texts;
  options.on_error = [&](const ErrorReport& report) {
    texts.emplace_back(report.error.server_words().message);
    throw std::runtime_error("on_error throws too");
  };
  ASSERT_TRUE(scene.connect(std::move(options)));
  int second = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) { throw std::runtime_error("first"); }).ok());
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) { throw 7; }).ok());
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++second; }).ok());
  scene.broker.publish(scene.topic("a"), "{}");
  scene.broker.publish(scene.topic("a"), "{}");
  ASSERT_TRUE(scene.run_until([&] { return second == 2; }));
  EXPECT_EQ(texts, (std::vector<std::string>{"first", "unknown exception", "first", "unknown exception"}));
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
  EXPECT_EQ(scene.rt.stats().callbacks_threw, 8U) << "those of on_error are counted";
}

TEST(FaultApi, ListenersMayChangeWhileAnEventIsDispatched) {  // CONTRACT 5
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  int added = 0;
  int removed = 0;
  Result<Subscription> victim = Error(Errc::internal);
  ASSERT_TRUE(scene
                  .subscribe({.channel_id = "a"},
                             [&](const Event&) {
                               static_cast<void>(scene.rt.unsubscribe(*victim));
                               static_cast<void>(
                                   scene.rt.subscribe({.channel_id = "a"}, [&](const Event&) { ++added; }));
                             })
                  .ok());
  victim = scene.rt.subscribe({.channel_id = "a"}, [&](const Event&) { ++removed; });
  ASSERT_TRUE(victim.ok());
  scene.world.run_for(seconds(1));
  scene.broker.publish(scene.topic("a"), "{}");
  scene.world.run_for(seconds(1));
  EXPECT_EQ(removed, 0) << "taken off by an earlier callback of the same event";
  EXPECT_EQ(added, 0) << "put on by an earlier callback of the same event";
  scene.broker.publish(scene.topic("a"), "{}");
  scene.world.run_for(seconds(1));
  EXPECT_EQ(added, 1);
}

TEST(FaultApi, AHandlerTakenOffInsideACompletionIsTakenOffWhole) {  // found by client_api_fuzz: the list became a ring
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  int events = 0;
  const auto undone = scene.rt.subscribe(
      {.channel_id = "b"}, [](const Event&) {},
      [&](const Status&) {
        for (int times = 0; times < 2; ++times) {
          const auto handler = scene.rt.on_event([](const Event&) {});
          ASSERT_TRUE(handler.ok());
          EXPECT_TRUE(scene.rt.off_event(*handler).ok());
        }
      });
  const auto early = scene.rt.on_event([](const Event&) {});
  ASSERT_TRUE(undone.ok() && early.ok());
  ASSERT_TRUE(scene.rt.unsubscribe(*undone).ok());
  ASSERT_TRUE(scene.rt.off_event(*early).ok());
  scene.world.run_for(seconds(1));
  ASSERT_TRUE(scene.rt.on_event([&](const Event&) { ++events; }).ok());
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  scene.broker.publish(scene.topic("a"), "{}");
  scene.world.run_for(seconds(1));
  EXPECT_EQ(events, 1);
}

TEST(FaultApi, AFilterSubscribedAgainInsideItsUnsubscribedCompletionLives) {  // its slot was freed under it
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  int events = 0;
  bool granted = false;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  ASSERT_TRUE(scene.rt
                  .unsubscribe(SubscribeFilter{.channel_id = "a"},
                               [&](const Status&) {
                                 ASSERT_TRUE(scene.rt
                                                 .subscribe(
                                                     {.channel_id = "a"}, [&](const Event&) { ++events; },
                                                     [&](const Status& status) { granted = status.ok(); })
                                                 .ok());
                               })
                  .ok());
  ASSERT_TRUE(scene.run_until([&] { return granted; }, seconds(10)));
  ASSERT_TRUE(scene.subscribe({.channel_id = "b"}, [](const Event&) {}).ok());
  scene.broker.publish(scene.topic("a"), "{}");
  EXPECT_TRUE(scene.run_until([&] { return events == 1; }, seconds(5)));
}

// --- disconnect

TEST(FaultApi, DisconnectOnASpentHandleTellsItsOwnCallerOnly) {  // R-49
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  Realtime old = scene.rt;
  ASSERT_TRUE(scene.rt.disconnect().ok());
  scene.world.run_for(seconds(5));
  ASSERT_TRUE(scene.connect());
  scene.broker.answer_publish = false;
  ASSERT_TRUE(scene.rt.publish({.channel_id = "a", .identifier = "i", .payload = "{}"}).ok());
  std::vector<std::string> told;
  ASSERT_TRUE(scene.rt.disconnect([&](const Status&) { told.emplace_back("live"); }).ok());
  ASSERT_TRUE(old.disconnect([&](const Status&) { told.emplace_back("spent"); }).ok());
  scene.world.run_for(seconds(1));
  EXPECT_EQ(told, std::vector<std::string>{"spent"}) << "the other is still draining";
  scene.world.run_for(seconds(10));
  EXPECT_EQ(told, (std::vector<std::string>{"spent", "live"}));
  // Sixteen may wait; who comes after them is told so at once.
  std::size_t accepted = 0;
  while (old.disconnect([](const Status&) {}).ok()) ++accepted;
  EXPECT_EQ(accepted, 16U);
  scene.world.run_for(seconds(1));
  scene.client.reset();
  EXPECT_TRUE(old.disconnect([](const Status&) { FAIL() << "a callback of a client that is gone"; }).ok());
  scene.world.run_for(seconds(1));
}

TEST(FaultApi, DisconnectIsIdempotentAndConnectStartsAnew) {  // R-49
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  int told = 0;
  for (int times = 0; times < 3; ++times) {
    ASSERT_TRUE(scene.rt.disconnect([&](const Status& status) { told += status.ok(); }).ok());
  }
  scene.world.run_for(seconds(10));
  EXPECT_EQ(told, 3);
  EXPECT_EQ(scene.broker.disconnects, 1U);
  ASSERT_TRUE(scene.rt.disconnect([&](const Status& status) { told += status.ok(); }).ok());
  scene.world.run_for(seconds(1));
  EXPECT_EQ(told, 4);
  const Realtime old = scene.rt;
  ASSERT_TRUE(scene.connect());
  EXPECT_EQ(Realtime(old).publish({.channel_id = "a", .identifier = "i", .payload = "{}"}).error().code(), Errc::closed)
      << "a handle of the spent session";
  EXPECT_TRUE(scene.rt.publish({.channel_id = "a", .identifier = "i", .payload = "{}"}).ok());
}

TEST(FaultApi, ConnectsShareOneAttempt) {  // R-49, CONTRACT 3
  Scenario scene;
  scene.make();
  int connected = 0;
  for (int times = 0; times < 3; ++times) {
    ASSERT_TRUE(
        scene.client->connect_realtime({}, [&](const Result<Realtime>& result) { connected += result.ok(); }).ok());
  }
  EXPECT_EQ(scene.client->connect_realtime({.environment = "other"}, {}).error().code(), Errc::invalid_argument);
  scene.world.run_for(seconds(1));
  EXPECT_EQ(connected, 3);
  EXPECT_EQ(scene.broker.connects.size(), 1U);
}

TEST(FaultApi, ConnectWhileTheSessionReconnectsIsGivenTheSession) {  // CONTRACT 3
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.world.plan = [](const Endpoint& endpoint) {
    return endpoint.port == 8443 ? sim::DialPlan{.fate = sim::DialPlan::Fate::refuse} : sim::DialPlan{};
  };
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::waiting; }));
  int told = 0;
  ASSERT_TRUE(scene.client
                  ->connect_realtime({.refresh_jitter = false, .retry_jitter = false},
                                     [&](const Result<Realtime>& result) {
                                       ++told;
                                       ASSERT_TRUE(result.ok());
                                       EXPECT_EQ(result->session(), scene.rt.session());
                                     })
                  .ok());
  scene.world.run_for(seconds(1));
  EXPECT_EQ(told, 1);
}

TEST(FaultApi, ConnectFromTheCompletionOfAFailedOneBeginsAnew) {  // CONTRACT 3
  Scenario scene;
  scene.make();
  scene.api.next.push_back({.status = 403});
  std::vector<Errc> told;
  Realtime given;
  ASSERT_TRUE(scene.client
                  ->connect_realtime({},
                                     [&](const Result<Realtime>& first) {
                                       told.push_back(first.error().code());
                                       const Status again =
                                           scene.client->connect_realtime({}, [&](const Result<Realtime>& second) {
                                             told.push_back(second.error().code());
                                             if (second.ok()) given = *second;
                                           });
                                       EXPECT_TRUE(again.ok());
                                     })
                  .ok());
  scene.world.run_for(minutes(1));
  EXPECT_EQ(told, (std::vector<Errc>{Errc::forbidden, Errc::none}));
  EXPECT_EQ(given.state(), ConnectionState::live);
  EXPECT_EQ(scene.api.requests.size(), 2U);
}

TEST(FaultApi, ConnectFromTheStateCallbackOfAFailedOneIsToldItsOwnOutcome) {  // CONTRACT 3
  Scenario scene;
  scene.make();
  scene.api.next.push_back({.status = 403});
  std::vector<Errc> told;
  RealtimeOptions options;
  bool again = false;
  // The callback is replaced while it runs: what it captured is still there afterwards (ASan watches).
  auto owned = std::make_unique<int>(0);
  options.on_state = [&, kept = std::move(owned)](const StateChange& change) {
    ++*kept;
    if (change.to != ConnectionState::closed || std::exchange(again, true)) return;
    EXPECT_TRUE(
        scene.client
            ->connect_realtime({}, [&](const Result<Realtime>& result) { told.push_back(result.error().code()); })
            .ok());
  };
  ASSERT_TRUE(scene.client
                  ->connect_realtime(std::move(options),
                                     [&](const Result<Realtime>& result) { told.push_back(result.error().code()); })
                  .ok());
  scene.world.run_for(minutes(1));
  EXPECT_EQ(told, (std::vector<Errc>{Errc::forbidden, Errc::none}));
}

TEST(FaultApi, DisconnectDrainsForABoundedTimeAndFailsTheRest) {  // CONTRACT 3
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.answer_publish = false;
  std::vector<Errc> outcomes;
  for (int n = 0; n < 3; ++n) {
    ASSERT_TRUE(scene.rt
                    .publish({.channel_id = "a", .identifier = "i", .payload = "{}"},
                             [&](const Result<Published>& outcome) { outcomes.push_back(outcome.error().code()); })
                    .ok());
  }
  const Instant start = scene.world.now();
  bool done = false;
  ASSERT_TRUE(scene.rt.disconnect([&](const Status&) { done = true; }).ok());
  ASSERT_TRUE(scene.run_until([&] { return done; }));
  EXPECT_EQ(outcomes, std::vector<Errc>(3, Errc::closed));
  EXPECT_GE(scene.world.now() - start, seconds(5));
  EXPECT_LE(scene.world.now() - start, seconds(10));
}

// --- Queues, limits, resources

TEST(FaultApi, ThePublishQueueIsBoundedAndSaysSoAtOnce) {  // R-56, limits at and over
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.newest()->link().stuck = true;
  std::size_t accepted = 0;
  Errc refusal = Errc::none;
  while (refusal == Errc::none && accepted < 5'000) {
    const Status status = scene.rt.publish({.channel_id = "a", .identifier = "i", .payload = "{}"});
    refusal = status.error().code();
    accepted += status.ok();
  }
  EXPECT_EQ(refusal, Errc::queue_full);
  EXPECT_EQ(accepted, limits::kPublishQueueCount);
  // The same by bytes.
  Scenario large;
  ASSERT_TRUE(large.connect());
  large.broker.newest()->link().stuck = true;
  const std::string body = "{\"x\":\"" + std::string(100'000, 'x') + "\"}";
  std::size_t bytes = 0;
  while (large.rt.publish({.channel_id = "a", .identifier = "i", .payload = Payload::borrowed(body)}).ok())
    bytes += body.size();
  EXPECT_LE(bytes, limits::kPublishQueueBytes);
  EXPECT_GE(bytes, limits::kPublishQueueBytes - 2 * body.size());
  // Waiting on a dead transport ends the connection, and everything goes out on the next.
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }, minutes(5)));
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.stored.size() == accepted; }, minutes(1)));
}

struct PublishRow {
  const char* name;
  Message message;
  PublishOptions options;
  Errc error;
};

TEST(FaultApi, WhatCannotBePublishedIsRefusedAtOnce) {  // T-01, T-03, T-13, T-14, T-18, J-19
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  const std::string long_text(300, 'x');
  const std::string at_limit = "{\"x\":\"" + std::string(limits::kPublishPayloadBytes - 100, 'x') + "\"}";
  const std::string over_limit = "{\"x\":\"" + std::string(limits::kPublishPayloadBytes, 'x') + "\"}";
  const std::string broken = "\xC3\x28";
  const PublishRow rows[] = {
      {"no channel", {.identifier = "i", .payload = "{}"}, {}, Errc::topic_invalid},
      {"no identifier", {.channel_id = "c", .payload = "{}"}, {}, Errc::invalid_argument},
      {"no payload", {.channel_id = "c", .identifier = "i"}, {}, Errc::payload_invalid},
      {"an array", {.channel_id = "c", .identifier = "i", .payload = "[]"}, {}, Errc::payload_invalid},
      {"garbage", {.channel_id = "c", .identifier = "i", .payload = "{x}"}, {}, Errc::payload_invalid},
      {"long topic", {.channel_id = long_text, .identifier = "i", .payload = "{}"}, {}, Errc::topic_invalid},
      {"ill-formed channel", {.channel_id = broken, .identifier = "i", .payload = "{}"}, {}, Errc::topic_invalid},
      {"ill-formed identifier", {.channel_id = "c", .identifier = broken, .payload = "{}"}, {}, Errc::payload_invalid},
      {"QoS 2",
       {.channel_id = "c", .identifier = "i", .payload = "{}"},
       {.qos = PublishOptions::Delivery::exactly_once},
       Errc::qos_not_supported},
      {"at the limit", {.channel_id = "c", .identifier = "i", .payload = Payload::borrowed(at_limit)}, {}, Errc::none},
      {"over the limit",
       {.channel_id = "c", .identifier = "i", .payload = Payload::borrowed(over_limit)},
       {},
       Errc::payload_too_large},
  };
  for (const PublishRow& row : rows) {
    bool told = false;
    const Status status = scene.rt.publish(
        row.message, [&](const Result<Published>&) { told = true; }, row.options);
    EXPECT_EQ(status.error().code(), row.error) << row.name << ": " << status.error().what();
    scene.world.run_for(seconds(1));
    EXPECT_EQ(told, row.error == Errc::none) << row.name;
  }
  EXPECT_EQ(scene.broker.stored.size(), 1U);
}

TEST(FaultApi, TheBrokersLimitsAreObeyed) {  // M-40, I-21
  Scenario scene;
  // Receive Maximum 2, Maximum Packet Size 200, Server Keep Alive 7.
  scene.broker.connack_properties = std::string("\x21\x00\x02\x27\x00\x00\x00\xC8\x13\x00\x07", 11);
  ASSERT_TRUE(scene.connect());
  const std::string large = "{\"x\":\"" + std::string(200, 'x') + "\"}";
  EXPECT_EQ(scene.rt.publish({.channel_id = "c", .identifier = "i", .payload = Payload(large)}).error().code(),
            Errc::payload_too_large);
  scene.broker.answer_publish = false;
  for (int n = 0; n < 10; ++n)
    ASSERT_TRUE(scene.rt.publish({.channel_id = "c", .identifier = "i", .payload = "{}"}).ok());
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.broker.stored.size(), 2U) << "two in flight, the others wait";
  const std::uint64_t before = scene.broker.pings;
  scene.world.run_for(seconds(15));
  EXPECT_GE(scene.broker.pings - before, 2U) << "the server's keep alive of 7 s";
}

TEST(FaultApi, SubscriptionsComeInPacketsOfEightAndEndAtTheLimit) {  // T-11, I-21
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::size_t granted = 0;
  for (int n = 0; n < 50; ++n) {
    const std::string channel = "c" + std::to_string(n);
    ASSERT_TRUE(
        scene.rt
            .subscribe(
                {.channel_id = channel}, [](const Event&) {}, [&](const Status& status) { granted += status.ok(); })
            .ok());
  }
  EXPECT_EQ(scene.rt.subscribe({.channel_id = "one more"}, [](const Event&) {}).error().code(), Errc::quota);
  EXPECT_TRUE(scene.rt.subscribe({.channel_id = "c0"}, [](const Event&) {}).ok()) << "a filter that is there already";
  ASSERT_TRUE(scene.run_until([&] { return granted == 50; }));
  EXPECT_EQ(scene.broker.subscribes.size(), 7U);
  EXPECT_TRUE(scene.broker.violations.empty());
}

TEST(FaultApi, TheLastIntentOfATurnWins) {  // T-07, T-10
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.host.in_turn([&] {
    for (int times = 0; times < 3; ++times) {
      const auto made = scene.rt.subscribe({.channel_id = "a"}, [](const Event&) {});
      ASSERT_TRUE(made.ok());
      ASSERT_TRUE(scene.rt.unsubscribe(*made).ok());
    }
  });
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.broker.subscribes.size() + scene.broker.unsubscribes.size(), 0U) << "what was undone never showed";
  const auto first = scene.rt.subscribe({.channel_id = "a"}, [](const Event&) {});
  const auto second = scene.rt.subscribe({.channel_id = "a", .trace_id = "t"}, [](const Event&) {});
  ASSERT_TRUE(first.ok() && second.ok());
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.broker.subscribes.size(), 1U);
  bool gone = false;
  ASSERT_TRUE(scene.rt.unsubscribe(*first).ok());
  scene.world.run_for(seconds(1));
  EXPECT_TRUE(scene.broker.unsubscribes.empty()) << "another callback still wants it";
  ASSERT_TRUE(scene.rt.unsubscribe(*second, [&](const Status& status) { gone = status.ok(); }).ok());
  EXPECT_TRUE(scene.run_until([&] { return gone; }));
  EXPECT_EQ(scene.broker.unsubscribes.size(), 1U);
  EXPECT_TRUE(scene.rt.unsubscribe(*second).ok()) << "twice is fine (T-17)";
}

TEST(FaultApi, TraceIdsArePredicatesPerCallback) {  // T-09
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  int one = 0;
  int any = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a", .trace_id = "t1"}, [&](const Event&) { ++one; }).ok());
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++any; }).ok());
  scene.broker.publish(scene.topic("a"), R"({"identifier":"i","payload":{},"traceId":"t1"})");
  scene.broker.publish(scene.topic("a"), R"({"identifier":"i","payload":{},"traceId":"t2"})");
  scene.world.run_for(seconds(1));
  EXPECT_EQ(one, 1);
  EXPECT_EQ(any, 2);
}

TEST(FaultApi, ABodyThatIsNoJsonIsReportedAndAcknowledged) {  // J-01, CONTRACT 4
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  int json = 0;
  int raw = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++json; }).ok());
  ASSERT_TRUE(
      scene.rt.subscribe_raw({.channel_id = "a"}, [&](const Event& event) { raw += event.text() == "no json"; }).ok());
  scene.world.run_for(seconds(1));
  scene.broker.publish(scene.topic("a"), "no json");
  scene.world.run_for(seconds(1));
  EXPECT_EQ(json, 0);
  EXPECT_EQ(raw, 1);
  ASSERT_EQ(scene.errors.size(), 1U);
  EXPECT_EQ(scene.errors[0].error.code(), Errc::json_invalid);
  EXPECT_EQ(scene.broker.pubacks, 1U);
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
}

TEST(FaultApi, AnEventWithAnIdIsNotRepeatedAfterAReconnect) {  // CONTRACT 6, last paragraph
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::map<std::string, int> copies;
  std::map<std::string, bool> marked;
  ASSERT_TRUE(scene
                  .subscribe({.channel_id = "a"},
                             [&](const Event& event) {
                               ++copies[std::string(event.text())];
                               marked[std::string(event.text())] |= event.maybe_duplicate();
                             })
                  .ok());
  scene.world.run_for(seconds(31));
  // The PUBACKs get stuck: the broker will send both again.
  sim::BrokerPeer* peer = scene.broker.newest();
  peer->link().stuck = true;
  scene.broker.publish(scene.topic("a"), R"({"eventId":"e1","payload":{}})");
  scene.broker.publish(scene.topic("a"), R"({"plain":1})");
  scene.world.run_for(milliseconds(100));
  peer->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }));
  scene.world.run_for(seconds(2));
  EXPECT_EQ(copies[R"({"eventId":"e1","payload":{}})"], 1);
  EXPECT_EQ(copies[R"({"plain":1})"], 2);
  EXPECT_TRUE(marked[R"({"plain":1})"]);
  EXPECT_EQ(scene.rt.stats().duplicates_dropped, 1U);
}

TEST(FaultApi, PingsAreAnsweredOnceHoweverMany) {  // W-17, W-18, W-19
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  for (int n = 0; n < 500; ++n) scene.broker.newest()->send_frame(9, "ping" + std::to_string(n));
  scene.broker.newest()->send_frame(10, "unasked");
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
  EXPECT_TRUE(scene.errors.empty());
}

TEST(FaultApi, NothingFollowsOurCloseFrame) {  // RFC 6455 5.5.1
  struct Row {
    const char* name;
    std::function<void(sim::BrokerPeer&)> said;
  };
  const Row rows[] = {
      {"its own Close", [](sim::BrokerPeer& peer) { peer.send_frame(8, "\x03\xE8"); }},
      {"a ping", [](sim::BrokerPeer& peer) { peer.send_frame(9, "ping"); }},
      {"a packet that is malformed", [](sim::BrokerPeer& peer) { peer.send_packet("\xFF\xFF\xFF\xFF\xFF\xFF"); }},
      {"a frame that is malformed", [](sim::BrokerPeer& peer) { peer.send_frame(3, "reserved"); }},
      {"a publish", [](sim::BrokerPeer& peer) { peer.send_packet(std::string("\x32\x06\0\x01x\0\x07\0", 8)); }},
  };
  for (const Row& row : rows) {
    Scenario scene;
    ASSERT_TRUE(scene.connect());
    sim::BrokerPeer* const peer = scene.broker.newest();
    scene.broker.answer_close = false;
    ASSERT_TRUE(scene.rt.disconnect().ok());
    scene.world.run_for(microseconds(10));
    row.said(*peer);
    scene.world.run_for(seconds(5));
    for (const std::string& violation : scene.broker.violations) ADD_FAILURE() << row.name << ": " << violation;
    EXPECT_EQ(scene.host.open_connections(), 0U) << row.name;
  }
}

TEST(FaultApi, AnExhaustedHeapIsAnErrorAndThenForgotten) {  // R-54
  for (std::uint64_t kth = 1; kth < 400; ++kth) {
    Scenario scene;
    scene.api.lifetime = seconds(100);
    bool fired = false;
    {
      scene.make();
      FailAllocations fail(kth, FailAllocations::Mode::once);
      const bool connected = scene.connect();
      if (connected) {
        static_cast<void>(scene.subscribe({.channel_id = "a"}, [](const Event&) {}));
        for (int n = 0; n < 5; ++n) {
          static_cast<void>(scene.rt.publish({.channel_id = "a", .identifier = "i", .payload = {{"n", n}}}));
          scene.world.run_for(milliseconds(20));
        }
        scene.run_until([&] { return scene.rt.stats().swaps == 1; }, seconds(90));
      }
      fired = fail.fired();
    }
    // With memory again, everything works by itself or with the next call.
    if (scene.rt.state() == ConnectionState::closed) {
      ASSERT_TRUE(scene.client->error() || scene.connect()) << kth;
    }
    if (!scene.client->error()) {
      ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }, minutes(5))) << kth;
      ASSERT_TRUE(scene.subscribe({.channel_id = "z"}, [](const Event&) {}).ok()) << kth;
    }
    for (const std::string& violation : scene.broker.violations) ADD_FAILURE() << kth << ": " << violation;
    if (!fired && kth > 20) return;
  }
}

TEST(FaultApi, EntropyThatFailsEndsTheConnectionAndNothingGoesOutUnmasked) {  // FAULTS 3.2
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.host.random().failing = true;
  EXPECT_FALSE(scene.rt
                   .publish({.channel_id = "a", .identifier = "i", .payload = "{}"}, {},
                            {.qos = PublishOptions::Delivery::at_most_once})
                   .ok());
  scene.world.run_for(seconds(5));
  scene.host.random().failing = false;
  EXPECT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }, minutes(5)));
  EXPECT_TRUE(scene.broker.violations.empty());
}

TEST(FaultApi, SteadyTrafficAllocatesNothing) {  // I-34, DESIGN 7
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::uint64_t inside = 0;
  std::uint64_t events = 0;
  ASSERT_TRUE(
      scene.subscribe({.channel_id = "a"}, [&](const Event& event) { events += event.identifier() == "i"; }).ok());
  const auto publish = [&] {
    const std::uint64_t before = allocation_count();
    const Status status = scene.rt.publish({.channel_id = "a", .identifier = "i", .payload = R"({"text":"hello"})"});
    inside += allocation_count() - before;
    EXPECT_TRUE(status.ok());
    scene.world.run_for(milliseconds(10));
  };
  for (int warm = 0; warm < 50; ++warm) publish();
  inside = 0;
  for (int n = 0; n < 100; ++n) publish();
  EXPECT_EQ(events, 150U);
  // The world's own transport and queue allocate; the call itself sends through them once.
  EXPECT_LE(inside, 100U * 4U);
}

TEST(FaultApi, WithoutEntropyADrainedConnectionEndsWithoutItsLastWords) {  // FAULTS 3.2
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.rt.publish({.channel_id = "p", .identifier = "i", .payload = "{}"}).ok());
  bool disconnected = false;
  ASSERT_TRUE(scene.rt.disconnect([&](const Status&) { disconnected = true; }).ok());
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::draining; }));
  // The PUBACK it waits for is on its way.
  scene.host.random().failing = true;
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::closed; }));
  EXPECT_TRUE(disconnected);
  EXPECT_EQ(scene.host.open_connections(), 0U);
}

}  // namespace
}  // namespace axonpush::test
