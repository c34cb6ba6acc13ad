// FAULTS 1.1 and 1.4, the rows about time: suspended machines, callbacks that block, slow servers, calendars that jump.
#include <gtest/gtest.h>

#include <string>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

using sim::ApiRequest;
using sim::ApiResponse;
using sim::BrokerPeer;
using sim::DialPlan;

// The states a live client can be in, reached by holding up one answer.
enum class When {
  live,
  fetch,
  dial,
  restore,
  overlap,
  drain,
  waiting
};
constexpr When kStates[] = {When::live,    When::fetch, When::dial,   When::restore,
                            When::overlap, When::drain, When::waiting};

struct Timed : Scenario {
  std::size_t events = 0;

  explicit Timed(Duration lifetime) {
    api.lifetime = lifetime;
    EXPECT_TRUE(connect());
    EXPECT_TRUE(subscribe({.channel_id = "a"}, [this](const Event&) { ++events; }).ok());
  }

  void reach(When when) {
    if (when == When::live) {
      world.run_for(seconds(20));
    } else if (when == When::fetch) {
      api.next.push_back({.delay = seconds(3)});
      ASSERT_TRUE(run_until([this] { return api.requests.size() == 2; }));
    } else if (when == When::dial) {
      world.plan = [](const Endpoint& endpoint) {
        return DialPlan{.latency = endpoint.port == 8443 ? seconds(1) : milliseconds(1)};
      };
      ASSERT_TRUE(run_until([this] { return api.requests.size() == 2; }));
      world.run_for(milliseconds(500));
      world.plan = [](const Endpoint&) { return DialPlan{}; };
    } else if (when == When::waiting) {
      world.run_for(seconds(31));
      world.plan = [](const Endpoint& endpoint) {
        return endpoint.port == 8443 ? DialPlan{.fate = DialPlan::Fate::refuse} : DialPlan{};
      };
      broker.newest()->cut(sim::Connection::Cut::reset);
      ASSERT_TRUE(run_until([this] { return rt.state() == ConnectionState::waiting; }));
      world.plan = [](const Endpoint&) { return DialPlan{}; };
    } else {
      if (when == When::restore) broker.suback_delay = seconds(3);
      if (when == When::drain) {
        broker.answer_publish = false;
        ASSERT_TRUE(rt.publish({.channel_id = "p", .identifier = "i", .payload = "{}"}).ok());
      }
      ASSERT_TRUE(run_until([this] { return broker.subscribes.size() == 2; }));
      world.run_for(when == When::restore   ? milliseconds(10)
                    : when == When::overlap ? milliseconds(100)
                                            : milliseconds(2'200));
      broker.answer_publish = true;
    }
  }
  void suspend(Duration span) { host.paused_until = world.now() + span; }
  bool settled() const { return rt.state() == ConnectionState::live && broker.live().size() == 1; }
  void expect_events() {
    const std::size_t before = events;
    broker.publish(topic("a"), "{}");
    EXPECT_TRUE(run_until([&] { return events == before + 1; }, seconds(5)));
  }
};

TEST(FaultTime, ASuspendedMachineWakesUpAndDoesEachThingOnce) {  // R-12
  for (const When when : kStates) {
    for (const Duration span : {seconds(10), minutes(10), hours(26)}) {
      Timed scene(seconds(200));
      scene.reach(when);
      if (::testing::Test::HasFatalFailure()) return;
      const Instant wake = scene.world.now() + span;
      scene.suspend(span);
      scene.world.run_for(span);
      const std::size_t fetches = scene.api.requests.size();
      const std::size_t connects = scene.broker.connects.size();
      const std::uint64_t turns = scene.host.turns;
      scene.world.run_for(milliseconds(100));
      if (span > seconds(200)) {
        EXPECT_GT(scene.host.turns, turns) << "what had become due ran within 100 ms";
      }
      scene.broker.suback_delay = {};
      ASSERT_TRUE(scene.run_until([&] { return scene.settled(); }, minutes(3)))
          << static_cast<int>(when) << ", " << span.seconds() << " s";
      // With expired credentials the fetch comes first: what opened a connection is younger than the wake-up.
      if (span > seconds(200) && scene.broker.connects.size() > connects) {
        EXPECT_GT(scene.api.requests.size(), fetches) << static_cast<int>(when) << ", " << span.seconds() << " s";
        EXPECT_GE(scene.api.requests.back().at, wake);
        EXPECT_EQ(scene.broker.connects.back().user_name, scene.api.last_token);
      }
      EXPECT_LE(scene.api.requests.size() - fetches, 1U) << "one refresh: " << static_cast<int>(when);
      scene.expect_events();
      EXPECT_EQ(scene.host.open_connections(), 1U);
    }
  }
}

TEST(FaultTime, AHalfOpenConnectionIsNoticedAfterASleep) {  // R-12, R-25
  Timed scene(hours(24));
  scene.world.run_for(seconds(5));
  scene.broker.newest()->link().frozen = true;
  scene.suspend(minutes(10));
  const Instant wake = scene.world.now() + minutes(10);
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, minutes(20)));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::keepalive_timeout);
  EXPECT_LE(scene.world.now() - wake, limits::kPingrespTimeout + milliseconds(100));
  EXPECT_TRUE(scene.run_until([&] { return scene.settled(); }, minutes(2)));
}

TEST(FaultTime, APeerThatVanishesIsNoticedInEveryState) {  // R-25
  for (const When when : kStates) {
    if (when == When::waiting) continue;  // there is no peer then
    Timed scene(seconds(200));
    scene.reach(when);
    if (::testing::Test::HasFatalFailure()) return;
    for (BrokerPeer* peer : scene.broker.live()) peer->link().frozen = true;
    scene.broker.suback_delay = {};
    const Instant start = scene.world.now();
    // Found at the latest after keep alive and PINGRESP's deadline, replaced within a dial and the ladder's first
    // steps.
    ASSERT_TRUE(scene.run_until(
        [&] {
          return scene.rt.state() == ConnectionState::live && !scene.broker.live().empty() &&
                 !scene.broker.newest()->link().frozen;
        },
        minutes(4)))
        << static_cast<int>(when);
    EXPECT_LE(scene.world.now() - start, seconds(30 + 10 + 60));
    scene.world.run_for(minutes(1));
    scene.expect_events();
    EXPECT_EQ(scene.host.open_connections(), 1U) << static_cast<int>(when);
  }
}

// What the broker sends into a dead path may be missing from the last request on that was answered: not from the moment
// when the silence was found out, and not from the last byte that came through, for what was under way behind that one
// the broker had earlier.
TEST(FaultTime, AGapBeginsWhereTheLostConnectionWasKnownToBeWhole) {  // R-25, I-09
  for (const bool same_client_id : {false, true}) {
    Scenario scene;
    scene.api.same_client_id = same_client_id;
    scene.broker.keep_sessions = false;
    ASSERT_TRUE(scene.connect());
    int events = 0;
    ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
    scene.world.run_for(seconds(5));
    const Instant asked = scene.world.now();
    bool published = false;
    ASSERT_TRUE(scene.rt
                    .publish({.channel_id = "p", .identifier = "i", .payload = "{}"},
                             [&](const Result<Published>& outcome) { published = outcome.ok(); })
                    .ok());
    ASSERT_TRUE(scene.run_until([&] { return published; }, seconds(5)));
    scene.world.run_for(seconds(5));
    // Its path takes a second from here on, and breaks off between the two.
    scene.broker.newest()->link().latency = seconds(1);
    scene.broker.publish(scene.topic("a"), R"({"eventId":"e1"})");
    scene.world.run_for(milliseconds(500));
    scene.broker.publish(scene.topic("a"), R"({"eventId":"e2"})");
    ASSERT_TRUE(scene.run_until([&] { return events == 1; }, seconds(5)));
    const Instant heard = scene.world.now();
    scene.broker.newest()->link().frozen = true;
    ASSERT_TRUE(scene.run_until([&] { return scene.gaps.size() == 1; }, minutes(2)));
    EXPECT_EQ(scene.gaps[0].from.nanoseconds(), asked.nanoseconds());
    EXPECT_GE(scene.gaps[0].to - heard, seconds(30)) << "found out by the keep alive";
    EXPECT_EQ(events, 1);
  }
}

// A swap may leave a connection behind that was dead without a sign: what the broker sent into it nobody has.
TEST(FaultTime, AnOldConnectionThatWasDeadAtItsSwapLeavesAGap) {  // R-25, R-39, I-09
  for (const bool dead : {false, true}) {
    Scenario scene;
    scene.api.lifetime = seconds(100);
    ASSERT_TRUE(scene.connect());
    int events = 0;
    ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
    const std::uint64_t pings = scene.broker.pings;
    ASSERT_TRUE(scene.run_until([&] { return scene.broker.pings == pings + 1; }, minutes(1)));
    const Instant asked = scene.world.now();
    scene.world.run_for(seconds(15));
    scene.broker.publish(scene.topic("a"), R"({"eventId":"e1"})");
    ASSERT_TRUE(scene.run_until([&] { return events == 1; }, seconds(5)));
    const Instant heard = scene.world.now();
    scene.broker.newest()->link().frozen = dead;
    scene.world.run_for(seconds(1));
    scene.broker.publish(scene.topic("a"), R"({"eventId":"e2"})");
    ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(2)));
    scene.world.run_for(seconds(10));
    EXPECT_TRUE(scene.errors.empty());
    EXPECT_EQ(scene.host.open_connections(), 1U);
    EXPECT_EQ(events, dead ? 1 : 2);
    // Idle since the event as the other one was, it answered for itself.
    ASSERT_EQ(scene.gaps.size(), dead ? 1U : 0U);
    if (!dead) continue;
    EXPECT_LE(scene.gaps[0].from, asked);
    EXPECT_LE(asked - scene.gaps[0].from, milliseconds(10)) << "when its PINGREQ was sent";
    EXPECT_GT(scene.gaps[0].to - heard, seconds(1));
    EXPECT_LE(scene.gaps[0].to, scene.world.now() - seconds(10));
  }
}

TEST(FaultTime, AnOldConnectionThatBrokeOffBeforeItsPingrespLeavesAGap) {  // R-33, R-39, I-09
  for (const bool broken : {false, true}) {
    Scenario scene;
    scene.api.lifetime = seconds(100);
    // Every byte on the first connection takes a second, and its path breaks off between two events.
    scene.world.plan = [&](const Endpoint& endpoint) {
      const bool slow = endpoint.port == 8443 && scene.broker.connects.empty();
      return sim::DialPlan{.latency = slow ? seconds(1) : milliseconds(1)};
    };
    ASSERT_TRUE(scene.connect());
    int events = 0;
    ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
    ASSERT_TRUE(scene.run_until([&] { return scene.api.requests.size() == 2; }, minutes(2)));
    sim::BrokerPeer* old = scene.broker.newest();
    scene.broker.publish(scene.topic("a"), R"({"eventId":"e1"})");
    scene.world.run_for(milliseconds(2));
    ASSERT_EQ(scene.broker.connects.size(), 1U) << "both are for the old connection alone";
    scene.broker.publish(scene.topic("a"), R"({"eventId":"e2"})");
    ASSERT_TRUE(scene.run_until([&] { return events == 1; }, seconds(5)));
    ASSERT_EQ(scene.broker.live().size(), 2U) << "the first comes in the overlap";
    old->link().frozen = broken;
    scene.world.run_for(seconds(10));
    EXPECT_EQ(scene.host.open_connections(), 1U);
    EXPECT_EQ(events, broken ? 1 : 2);
    EXPECT_EQ(scene.gaps.size(), broken ? 1U : 0U);
  }
}

TEST(FaultTime, WhoIsToldOfTheGapThatASwapLeftMayDestroyTheClient) {  // R-47
  Scenario scene;
  scene.api.lifetime = seconds(100);
  RealtimeOptions options = scene.realtime_options();
  int gaps = 0;
  options.on_gap = [&](const PossibleGap&) {
    ++gaps;
    scene.rt = Realtime();
    scene.client.reset();
  };
  ASSERT_TRUE(scene.connect(std::move(options)));
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  scene.world.run_for(seconds(45));
  scene.broker.newest()->link().frozen = true;
  scene.world.run_for(minutes(2));
  EXPECT_EQ(gaps, 1);
  EXPECT_EQ(scene.host.open_connections(), 0U);
}

// A server that ends the stream in order has sent what it wished to send, and says nothing about the rest.
TEST(FaultTime, AnOrderlyEndIsNoAnswer) {
  Scenario scene;
  scene.broker.keep_sessions = false;
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  const Instant subscribed = scene.world.now();
  scene.world.run_for(seconds(20));
  scene.broker.newest()->cut(sim::Connection::Cut::orderly);
  ASSERT_TRUE(scene.run_until([&] { return scene.gaps.size() == 1; }, minutes(2)));
  EXPECT_LE(scene.gaps[0].from, subscribed);
  EXPECT_LE(subscribed - scene.gaps[0].from, seconds(1));
}

TEST(FaultTime, ACallbackThatBlocksCostsNoLiveConnection) {  // R-52
  for (const Duration span : {seconds(10), minutes(10)}) {
    for (const bool broker_closes : {false, true}) {
      Scenario scene;
      scene.api.lifetime = hours(20);
      ASSERT_TRUE(scene.connect());
      bool blocked = false;
      ASSERT_TRUE(scene
                      .subscribe({.channel_id = "a"},
                                 [&](const Event&) {
                                   if (!std::exchange(blocked, true))
                                     scene.host.paused_until = scene.world.now() + span;
                                 })
                      .ok());
      scene.world.run_for(seconds(31));
      // The server goes on meanwhile: events come, and wait in the socket.
      for (int n = 0; n < 3; ++n) scene.broker.publish(scene.topic("a"), "{}");
      if (broker_closes) {
        BrokerPeer* peer = scene.broker.newest();
        scene.world.after(seconds(5), [peer] { peer->cut(sim::Connection::Cut::orderly); });
      }
      scene.world.run_for(span + seconds(20));
      EXPECT_TRUE(blocked);
      ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }, minutes(1)));
      EXPECT_GE(scene.rt.stats().events, 3U) << "what waited was delivered";
      EXPECT_EQ(scene.rt.stats().reconnects, broker_closes ? 1U : 0U);
      EXPECT_EQ(scene.errors.size(), broker_closes ? 1U : 0U);
      if (broker_closes) {
        EXPECT_EQ(scene.errors[0].error.code(), Errc::connection_lost) << "a normal loss";
      }
    }
  }
}

TEST(FaultTime, ASlowApiAndASlowBrokerStillSwapBeforeExpiry) {  // R-14
  Timed scene(seconds(600));
  const Instant start = scene.world.now();
  // Two requests time out on their heads, the third takes a while: 10 + 0.25 + 10 + 0.5 + 8 s.
  scene.api.next = {{.silent = true}, {.silent = true}, {.delay = seconds(8)}};
  // Name and TCP 9.8 s, the upgrade 9.8 s, CONNACK 9.4 s.
  scene.world.plan = [](const Endpoint& endpoint) {
    return DialPlan{.latency = endpoint.port == 8443 ? milliseconds(4'900) : milliseconds(1)};
  };
  scene.broker.on_packet = [](BrokerPeer& peer, int type) {
    if (type == 1) peer.link().latency = milliseconds(4'500);
    if (type == 8) peer.link().latency = milliseconds(1);
  };
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().connections == 2; }, seconds(700)));
  EXPECT_LE(scene.world.now() - start, seconds(600)) << "58 s are within the lead of 60 s";
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, seconds(30)));
  EXPECT_EQ(scene.api.requests.size(), 4U);
  EXPECT_TRUE(scene.errors.empty());
  scene.expect_events();
}

TEST(FaultTime, WhatExpiredDuringTheDialIsNotPresented) {  // R-45, I-15
  Timed scene(seconds(100));
  // The refresh brings credentials of 8 s; TCP and TLS take 9 s. The upgrade would leave after their end.
  scene.api.lifetime = seconds(8);
  scene.world.plan = [](const Endpoint& endpoint) {
    return DialPlan{.latency = endpoint.port == 8443 ? milliseconds(4'700) : milliseconds(1)};
  };
  const std::uint64_t upgrades = scene.broker.upgrades;
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::credentials_expired);
  EXPECT_EQ(scene.broker.upgrades, upgrades) << "an expired URL was presented";
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
  // With 20 s the upgrade leaves in time, and then the CONNACK may come after the end.
  scene.api.lifetime = seconds(20);
  scene.broker.connack_reason = [](const sim::SeenConnect&) { return 0; };
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(3)));
  EXPECT_EQ(scene.broker.upgrades, upgrades + 1);
}

TEST(FaultTime, TheInstantOfExpiryIsTooLate) {  // R-45, I-15
  for (const Duration offset : {nanoseconds(-1), Duration::zero()}) {
    Timed scene(seconds(100));
    scene.api.lifetime = seconds(8);
    // The transport opens at the instant at which the credentials expire, or a nanosecond before it.
    scene.world.plan = [&](const Endpoint& endpoint) {
      const Duration way = milliseconds(1);
      if (endpoint.port != 8443) return DialPlan{.latency = way};
      const Instant expiry = scene.api.requests.back().at - way + scene.api.lifetime;
      return DialPlan{.latency = way, .setup = expiry + offset - scene.world.now() - way * 2};
    };
    const std::uint64_t upgrades = scene.broker.upgrades;
    ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty() || scene.broker.upgrades != upgrades; }));
    if (offset < Duration::zero()) {
      EXPECT_EQ(scene.broker.upgrades, upgrades + 1);
    } else {
      EXPECT_EQ(scene.broker.upgrades, upgrades) << "an expired URL was presented";
      ASSERT_EQ(scene.errors.size(), 1U);
      EXPECT_EQ(scene.errors[0].error.code(), Errc::credentials_expired);
    }
  }
}

TEST(FaultTime, CredentialsOfUnderFiveSecondsAreAFailedFetch) {  // I-13, R-09
  Scenario first;
  first.api.lifetime = seconds(3);
  EXPECT_FALSE(first.connect());
  EXPECT_EQ(first.connect_error.code(), Errc::credentials_expired);
  EXPECT_EQ(first.broker.upgrades, 0U);
  Timed scene(seconds(100));
  scene.api.lifetime = seconds(3);
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 2; }));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::credentials_expired);
  EXPECT_EQ(scene.errors[1].next_delay.seconds(), 15) << "the ladder";
  EXPECT_EQ(scene.broker.upgrades, 1U);
  scene.expect_events();
}

TEST(FaultTime, ADayOfUselessCredentialsIsAtMostFifteenHundredRequests) {  // R-09
  const std::string url = R"("presignedWssUrl":"wss://broker.example.com:8443/mqtt")";
  const std::string bodies[] = {
      "{" + url + R"(,"expiresAt":"2001-01-01T00:00:00Z"})",
      "{" + url + "}",
      "{" + url + R"(,"expiresAt":"tomorrow"})",
  };
  for (const std::string& body : bodies) {
    Timed scene(seconds(100));
    scene.api.respond = [&](const ApiRequest&) { return ApiResponse{.body = body}; };
    const std::size_t before = scene.api.requests.size();
    scene.world.run_for(hours(24));
    EXPECT_LE(scene.api.requests.size() - before, 1'500U) << body;
    EXPECT_EQ(scene.rt.state(), ConnectionState::live);
    for (std::size_t at = before + 1; at < scene.api.requests.size(); ++at) {
      EXPECT_GE(scene.api.requests[at].at - scene.api.requests[at - 1].at, milliseconds(4'990)) << at;
    }
  }
  // Usable for six seconds each: the floor of 5 s is the only brake, and it holds.
  Timed scene(seconds(100));
  scene.api.lifetime = seconds(6);
  const std::size_t before = scene.api.requests.size();
  scene.world.run_for(hours(24));
  EXPECT_LE(scene.api.requests.size() - before, 17'280U);
}

// Everything that is told or asked, with its instant.
std::vector<std::int64_t> diary(bool steps, bool same_client_id) {
  Scenario scene;
  scene.api.lifetime = seconds(100);
  scene.api.same_client_id = same_client_id;
  EXPECT_TRUE(scene.connect());
  EXPECT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  const Duration offsets[] = {hours(1), hours(-1), hours(24 * 365), hours(-24 * 365), hours(-24 * 365 * 56)};
  std::size_t next = 0;
  std::function<void()> jump = [&] {
    scene.host.wall_offset = offsets[next++ % 5];
    scene.world.after(milliseconds(700), jump);
  };
  if (steps) jump();
  scene.world.run_for(seconds(120));
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  scene.world.run_for(seconds(400));
  std::vector<std::int64_t> instants;
  for (const ApiRequest& request : scene.api.requests) instants.push_back(request.at.nanoseconds());
  for (const auto& connect : scene.broker.connects) instants.push_back(connect.at.nanoseconds());
  instants.push_back(static_cast<std::int64_t>(scene.broker.pings));
  instants.push_back(static_cast<std::int64_t>(scene.rt.stats().swaps));
  instants.push_back(static_cast<std::int64_t>(scene.errors.size()));
  return instants;
}

TEST(FaultTime, StepsOfTheCalendarInEveryStateMoveNoTimer) {  // R-11
  for (const bool same_client_id : {false, true}) {
    const std::vector<std::int64_t> still = diary(false, same_client_id);
    EXPECT_GT(still.size(), 12U);
    EXPECT_EQ(diary(true, same_client_id), still) << "to the nanosecond";
  }
}

}  // namespace
}  // namespace axonpush::test
