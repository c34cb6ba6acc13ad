// FAULTS 3.4 and 1.0, what has a duration: in virtual time each limit is reached at its very instant, so that one test
// shows both that it holds and that nothing happens before.
#include <axonpush/refresh.h>
#include <gtest/gtest.h>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

namespace lim = axonpush::limits;

// How long after `from` the condition became true; never() when it did not.
Duration until(Scenario& scene, Instant from, const std::function<bool()>& condition) {
  EXPECT_TRUE(scene.run_until(condition, hours(30)));
  return scene.world.now() - from;
}

// The first connect of a client that tries each thing once; how long its failure took.
Duration failing_connect(Scenario& scene, std::uint32_t max_retries = 0) {
  ClientOptions options = Scenario::client_options();
  options.max_retries = max_retries;
  scene.make(std::move(options));
  EXPECT_TRUE(scene.begin(scene.realtime_options()).ok());
  return until(scene, scene.world.now(), [&] { return !scene.connect_results.empty(); });
}

// Until the connection stands: the world's latency, there and back.
constexpr Duration kOpening = milliseconds(2);

TEST(LimitsHttpTime, HeadAttemptAndFetch) {
  Scenario head;
  head.api.next.push_back({.silent = true});
  EXPECT_EQ(failing_connect(head), kOpening + lim::kHttpHeadTimeout);
  Scenario attempt;
  // A head at once, and of the body a byte now and then.
  attempt.api.next.push_back(
      {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + std::string(999, ' '), .per_byte = milliseconds(200)});
  EXPECT_EQ(failing_connect(attempt), lim::kHttpAttemptTimeout);
  Scenario fetch;
  for (int count = 0; count < 20; ++count) fetch.api.next.push_back({.silent = true});
  EXPECT_EQ(failing_connect(fetch, 50), lim::kFetchTimeout);
}

TEST(LimitsHttpTime, RetryAfterWithinAFetch) {
  const auto requests = [](Duration wait) {
    Scenario scene;
    scene.api.next.push_back({.status = 429, .headers = {"Retry-After: " + std::to_string(wait.seconds())}});
    static_cast<void>(scene.connect());
    return scene.api.requests.size();
  };
  EXPECT_EQ(requests(lim::kRetryAfterInFetch), 2U);
  EXPECT_EQ(requests(lim::kRetryAfterInFetch + seconds(1)), 1U) << "that ends the fetch";
}

TEST(LimitsHttpTime, RetryAfterDuringARefreshIsClamped) {
  const auto waits = [](Duration asked) {
    Scenario scene;
    scene.api.lifetime = seconds(100);
    EXPECT_TRUE(scene.connect());
    scene.api.next.push_back({.status = 429, .headers = {"Retry-After: " + std::to_string(asked.seconds())}});
    EXPECT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }));
    const Instant failed = scene.world.now();
    return until(scene, failed, [&] { return scene.rt.stats().fetches == 3; });
  };
  EXPECT_EQ(waits(lim::kRetryAfterMax - seconds(1)), lim::kRetryAfterMax - seconds(1));
  EXPECT_EQ(waits(lim::kRetryAfterMax), lim::kRetryAfterMax);
  EXPECT_EQ(waits(lim::kRetryAfterMax + seconds(1)), lim::kRetryAfterMax);
}

TEST(LimitsDialTime, NameTransportUpgradeConnackAndAll) {
  Scenario scene;
  unsigned dials = 0;
  scene.world.plan = [&](const Endpoint& endpoint) {
    ++dials;
    EXPECT_EQ(endpoint.resolve_timeout, lim::kResolveTimeout);
    EXPECT_EQ(endpoint.connect_timeout, lim::kConnectTimeout);
    EXPECT_EQ(endpoint.handshake_timeout, lim::kHandshakeTimeout);
    return sim::DialPlan{.fate = sim::DialPlan::Fate::black_hole};
  };
  EXPECT_EQ(failing_connect(scene), lim::kConnectTimeout);
  EXPECT_EQ(dials, 1U);

  // The fetch's exchange takes two latencies to open, one there and one back.
  const Duration fetched = kOpening * 2;
  Scenario upgrade;
  upgrade.broker.answer_upgrade = false;
  EXPECT_EQ(failing_connect(upgrade), fetched + kOpening + lim::kUpgradeTimeout);
  Scenario connack;
  connack.broker.answer_connect = false;
  EXPECT_EQ(failing_connect(connack), fetched + kOpening * 2 + lim::kConnackTimeout);
  Scenario dial;
  dial.broker.answer_upgrade = false;
  dial.world.plan = [](const Endpoint& endpoint) {
    return endpoint.port == 8443 ? sim::DialPlan{.latency = seconds(12)} : sim::DialPlan{};
  };
  EXPECT_EQ(failing_connect(dial), fetched + lim::kDialTimeout) << "before the upgrade's own time is over";
}

TEST(LimitsSessionTime, SubackPubackAndPingresp) {
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.answer_subscribe = scene.broker.answer_publish = false;
  Instant begun = scene.world.now();
  Errc told = Errc::none;
  ASSERT_TRUE(scene.rt
                  .publish({.channel_id = "p", .identifier = "i", .payload = "{}"},
                           [&](const Result<Published>& outcome) { told = outcome.error().code(); })
                  .ok());
  EXPECT_EQ(until(scene, begun, [&] { return told != Errc::none; }), lim::kPubackTimeout);
  EXPECT_EQ(told, Errc::ack_timeout);
  begun = scene.world.now();
  ASSERT_TRUE(scene.rt.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  EXPECT_EQ(until(scene, begun, [&] { return !scene.errors.empty() || scene.rt.state() != ConnectionState::live; }),
            lim::kSubackTimeout);
}

TEST(LimitsSessionTime, KeepAliveAndTheAnswerToAPing) {
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  EXPECT_EQ(scene.broker.connects.front().keep_alive, lim::kKeepAlive.seconds());
  EXPECT_EQ(scene.broker.connects.front().session_expiry, lim::kSessionExpiry.seconds());
  // CONNECT was the last thing sent; its CONNACK came two latencies later.
  const Instant sent = scene.world.now() - kOpening;
  scene.broker.answer_ping = false;
  EXPECT_EQ(until(scene, sent, [&] { return scene.broker.pings == 1; }), lim::kKeepAlive + milliseconds(1));
  const Instant ping = scene.world.now() - milliseconds(1);
  EXPECT_EQ(until(scene, ping, [&] { return scene.rt.state() != ConnectionState::live; }), lim::kPingrespTimeout);
}

TEST(LimitsSessionTime, OnePacket) {
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.newest()->send_frame(2, "\x30\x20");
  scene.world.run_for(milliseconds(1));
  const Instant begun = scene.world.now();
  EXPECT_EQ(until(scene, begun, [&] { return scene.rt.state() != ConnectionState::live; }), lim::kPacketTimeout);
}

TEST(LimitsSessionTime, OurCloseFrame) {
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.newest()->link().stuck = true;
  scene.broker.newest()->send_frame(3, "reserved");
  scene.world.run_for(milliseconds(1));
  const Instant begun = scene.world.now();
  EXPECT_EQ(until(scene, begun, [&] { return scene.host.open_connections() == 0; }), lim::kCloseTimeout);
}

TEST(LimitsSwapTime, LeadGraceAndTheRestOfTheOldConnection) {
  Scenario scene;
  scene.api.lifetime = minutes(10);
  const Instant asked = scene.world.now();
  ASSERT_TRUE(scene.connect());
  // Counted from when the first request was sent; the second one is there a connection and a latency after its start.
  EXPECT_EQ(until(scene, asked, [&] { return scene.api.requests.size() == 2; }),
            scene.api.lifetime - lim::kRefreshLead + kOpening + (kOpening + kOpening / 2));
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().connections == 2; }));
  const Instant swapped = scene.world.now();
  scene.broker.answer_close = false;
  EXPECT_EQ(until(scene, swapped, [&] { return scene.broker.disconnects == 1; }), lim::kOverlapGrace + milliseconds(1));
  const Instant left = scene.world.now() - milliseconds(1);
  EXPECT_EQ(until(scene, left, [&] { return scene.host.open_connections() == 1; }), lim::kOldReadTimeout);
}

TEST(LimitsSwapTime, TheMemoryOfASwap) {
  for (const bool within : {true, false}) {
    Scenario scene;
    scene.api.lifetime = minutes(10);
    ASSERT_TRUE(scene.connect());
    int delivered = 0;
    ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++delivered; }).ok());
    ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().connections == 2; }));
    scene.world.run_for(milliseconds(100));
    const std::string topic = scene.topic("a");
    const std::string event = std::string(1, '\0') + static_cast<char>(topic.size()) + topic + '\0' + R"({"n":1})";
    const std::string packet = std::string("\x30") + static_cast<char>(event.size()) + event;
    scene.broker.live().front()->send_packet(packet);
    ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }));
    scene.world.run_for(lim::kDedupHold - milliseconds(2));
    if (!within) scene.world.run_for(milliseconds(2));
    scene.broker.newest()->send_packet(packet);
    scene.world.run_for(seconds(1));
    EXPECT_EQ(delivered, within ? 1 : 2);
  }
}

TEST(LimitsRefreshTime, TheFloorBetweenTwoStarts) {
  Scenario scene;
  scene.api.lifetime = seconds(12);
  ASSERT_TRUE(scene.connect());
  scene.world.run_for(minutes(3));
  for (std::size_t at = 1; at < scene.api.requests.size(); ++at) {
    EXPECT_GE(scene.api.requests[at].at - scene.api.requests[at - 1].at, lim::kRefreshFloor);
  }
  EXPECT_GT(scene.api.requests.size(), 20U);
}

TEST(LimitsRefreshTime, AConnectionsLife) {
  Scenario scene;
  scene.api.lifetime = hours(100);
  ASSERT_TRUE(scene.connect());
  const Instant connected = scene.world.now();
  const Duration life = until(scene, connected, [&] { return scene.api.requests.size() == 2; });
  EXPECT_LE(life, lim::kConnectionLifetimeMax - seconds(60));
  EXPECT_GE(life, lim::kConnectionLifetimeMax - seconds(61));
}

TEST(LimitsRefreshTime, TheWaitsBeforeAReconnect) {
  constexpr std::uint32_t kMost = UINT32_MAX;
  EXPECT_LE(refresh::detail::reconnect_wait(0, kMost), lim::kReconnectBase);
  EXPECT_GT(refresh::detail::reconnect_wait(0, kMost), lim::kReconnectBase - milliseconds(1));
  for (const std::uint8_t failures : {std::uint8_t{6}, std::uint8_t{60}, std::uint8_t{255}}) {
    EXPECT_LE(refresh::detail::reconnect_wait(failures, kMost), lim::kReconnectMax);
    EXPECT_GT(refresh::detail::reconnect_wait(failures, kMost), lim::kReconnectMax - milliseconds(1));
  }
}

TEST(LimitsRefreshTime, WhenTheBackOffBeginsAnew) {
  for (const Duration lived : {lim::kBackoffResetAfter - nanoseconds(1), lim::kBackoffResetAfter}) {
    refresh::State state;
    state.phase = refresh::Phase::live;
    state.reconnect_failures = 4;
    state.live_since = Instant::from_nanoseconds(1'000);
    const refresh::Step step =
        refresh::step(state, {.kind = refresh::InputKind::serving_lost}, {}, state.live_since + lived);
    EXPECT_EQ(step.state.reconnect_failures, lived < lim::kBackoffResetAfter ? 5 : 1);
  }
}

}  // namespace
}  // namespace axonpush::test
