// Corners of swaps and of what is remembered across connections: each is a state in which two things go wrong, or
// right, at once. In virtual time.
#include <axonpush/refresh.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "client/dedup.h"
#include "client/scenario.h"
#include "support/allocations.h"

namespace axonpush::test {
namespace {

using sim::BrokerPeer;
using sim::DialPlan;

struct Corner : Scenario {
  explicit Corner(bool same_client_id = false, RealtimeOptions options = {}) {
    api.lifetime = seconds(100);
    api.same_client_id = same_client_id;
    RealtimeOptions usual = realtime_options();
    options.refresh_jitter = options.retry_jitter = false;
    options.on_error = std::move(usual.on_error);
    options.on_state = std::move(usual.on_state);
    options.on_gap = std::move(usual.on_gap);
    EXPECT_TRUE(connect(std::move(options)));
  }
  [[nodiscard]] Status publish(PublishCompletion done = {}, PublishOptions how = {}) {
    return rt.publish({.channel_id = "p", .identifier = "i", .payload = "{}"}, std::move(done), how);
  }
  bool until_upgrades(std::uint64_t count) {
    return run_until([&] { return broker.upgrades == count; });
  }
  bool until_connects(std::size_t count) {
    return run_until([&] { return broker.connects.size() == count; });
  }
  bool until_swaps(std::uint64_t count) {
    return run_until([&] { return rt.stats().swaps == count; });
  }
  void expect_no_violation() {
    for (const std::string& violation : broker.violations) ADD_FAILURE() << violation;
  }
};
constexpr PublishOptions kQos0{.qos = PublishOptions::Delivery::at_most_once};

// --- A takeover: the new connection's CONNECT ends the old one

TEST(TakeoverCorner, AConnectThatIsNeverAnsweredLeavesTheSubscriptionsInDoubt) {  // R-31, R-34
  Corner scene(true);
  int events = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
  // The broker never says a word to the second CONNECT; whether it began a session with it nobody knows.
  scene.broker.answer_connect = false;
  ASSERT_TRUE(scene.until_connects(2));
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 1; }));
  EXPECT_EQ(scene.broker.subscribes.size(), 1U);
  scene.broker.answer_connect = true;
  ASSERT_TRUE(scene.until_swaps(1));
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.broker.subscribes.size(), 2U) << "asked for anew, although the session is there";
  EXPECT_EQ(scene.gaps.size(), 1U);
  scene.broker.publish(scene.topic("a"), "{}");
  EXPECT_TRUE(scene.run_until([&] { return events == 1; }, seconds(5)));
  scene.expect_no_violation();
}

TEST(TakeoverCorner, ConnectWaitsForWhatIsInTheCorkToo) {  // R-37, CONTRACT 6.6
  Corner scene(true);
  scene.world.run_for(seconds(45));
  sim::Connection& old = scene.broker.newest()->link();
  old.stuck = true;
  int handed = 0;
  ASSERT_TRUE(scene.publish([&](const Result<Published>& outcome) { handed += outcome.ok(); }, kQos0).ok());
  ASSERT_TRUE(scene.until_upgrades(2));
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.broker.connects.size(), 1U) << "a publish at QoS 0 is still to be handed over";
  old.stuck = false;
  old.thaw();
  ASSERT_TRUE(scene.until_swaps(1));
  EXPECT_EQ(handed, 1);
  EXPECT_EQ(scene.broker.stored.size(), 1U);
  scene.expect_no_violation();
}

struct HeldConnect : Corner {
  explicit HeldConnect(RealtimeOptions options = {}) : Corner(true, std::move(options)) {
    broker.answer_publish = false;
    world.run_for(seconds(45));
    EXPECT_TRUE(publish().ok());
    EXPECT_TRUE(until_upgrades(2));
    world.run_for(milliseconds(10));
    EXPECT_EQ(broker.connects.size(), 1U) << "CONNECT is held back for the PUBACK";
  }
  [[nodiscard]] BrokerPeer* candidate() { return dynamic_cast<BrokerPeer*>(host.connection(1)->peer()); }
};

TEST(TakeoverCorner, AServingConnectionThatBreaksTheProtocolHoldsConnectNoLonger) {  // R-33
  HeldConnect scene;
  scene.broker.live().front()->link().stuck = true;  // so that its end takes time
  scene.broker.live().front()->send_packet("\xFF\xFF\xFF\xFF\xFF\xFF");
  const Instant broken = scene.world.now();
  ASSERT_TRUE(scene.until_connects(2));
  EXPECT_LE(scene.world.now() - broken, milliseconds(100));
  scene.broker.answer_publish = true;
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }, minutes(1)));
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.stored.size() >= 2; }, minutes(1))) << "published again";
}

TEST(TakeoverCorner, AnEmptyFrameInFrontOfConnectIsNobodysData) {  // W-34
  HeldConnect scene;
  scene.candidate()->send_frame(2, "");
  ASSERT_TRUE(scene.until_swaps(1));
  EXPECT_TRUE(scene.errors.empty());
}

TEST(TakeoverCorner, HeldForLongerThanADialMayLastTheAttemptIsGivenUp) {  // R-16, R-36
  for (const bool asleep : {false, true}) {
    RealtimeOptions options;
    options.drain_timeout = seconds(60);
    options.puback_timeout = minutes(10);
    HeldConnect scene(std::move(options));
    if (asleep) scene.host.paused_until = scene.world.now() + seconds(90);  // over both deadlines
    ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 1; }, minutes(2)));
    EXPECT_EQ(scene.errors[0].error.code(), Errc::connect_timeout);
    EXPECT_EQ(scene.broker.connects.size(), 1U);
    EXPECT_EQ(scene.rt.state(), ConnectionState::live) << "the old one serves on";
  }
}

TEST(TakeoverCorner, TheOldConnectionMayDieLongBeforeTheNewOneIsThere) {  // R-33, CONTRACT 6.4
  Corner scene(true);
  std::map<std::string, int> copies;
  ASSERT_TRUE(
      scene.subscribe({.channel_id = "a"}, [&](const Event& event) { ++copies[std::string(event.text())]; }).ok());
  scene.world.plan = [](const Endpoint& endpoint) {
    return endpoint.port == 8443 ? DialPlan{.latency = seconds(4)} : DialPlan{};
  };
  ASSERT_TRUE(scene.run_until([&] { return scene.host.open_connections() == 2 && scene.api.requests.size() == 2; }));
  scene.world.run_for(seconds(1));
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }, minutes(1)));
  EXPECT_EQ(scene.broker.connects.size(), 2U) << "the attempt under way was promoted";
  for (int n = 0; n < 3; ++n) scene.broker.publish(scene.topic("a"), "{\"n\":" + std::to_string(n) + "}");
  scene.world.run_for(seconds(10));
  EXPECT_EQ(copies.size(), 3U);
  for (const auto& [text, times] : copies) EXPECT_EQ(times, 1) << text;
}

TEST(TakeoverCorner, AnUnsubscribeUnderWayIsSentAgainOnTheNewConnection) {  // R-42
  Corner scene(true);
  int events = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
  ASSERT_TRUE(scene.subscribe({.channel_id = "b"}, [](const Event&) {}).ok());
  bool gone = false;
  // UNSUBSCRIBE reaches the broker when the session has moved on, and the old connection's end comes late as well.
  scene.broker.on_packet = [&](BrokerPeer& peer, int type) {
    if (type == 1) peer.link().latency = milliseconds(1);
  };
  BrokerPeer* const old = scene.broker.newest();
  ASSERT_TRUE(scene.until_upgrades(2));
  old->link().latency = seconds(1);
  ASSERT_TRUE(
      scene.rt.unsubscribe(SubscribeFilter{.channel_id = "a"}, [&](const Status& status) { gone = status.ok(); }).ok());
  ASSERT_TRUE(scene.run_until([&] { return gone; }, minutes(1)));
  scene.world.run_for(seconds(10));
  EXPECT_EQ(scene.broker.sessions[scene.broker.newest()->client_id()].filters.size(), 1U);
  scene.broker.publish(scene.topic("a"), "{}");
  scene.world.run_for(seconds(1));
  EXPECT_EQ(events, 0);
}

// --- An overlap: two connections with a session each

TEST(OverlapCorner, ADialThatFailsWhileTheOldConnectionIsStillReadHarmsNothing) {  // R-34, R-35
  Corner scene;
  std::map<std::string, int> copies;
  ASSERT_TRUE(
      scene.subscribe({.channel_id = "a"}, [&](const Event& event) { ++copies[std::string(event.text())]; }).ok());
  scene.broker.answer_close = false;
  const std::uint64_t before = scene.broker.disconnects;
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.disconnects == before + 1; }));
  // The old one has got its DISCONNECT and is read to its end; the new one dies, and the next cannot be dialled.
  scene.world.plan = [](const Endpoint& endpoint) {
    return endpoint.port == 8443 ? DialPlan{.fate = DialPlan::Fate::refuse, .latency = milliseconds(1)} : DialPlan{};
  };
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() >= 2; }, seconds(10)));
  scene.world.plan = [](const Endpoint&) { return DialPlan{}; };
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }, minutes(2)));
  scene.broker.publish(scene.topic("a"), "{\"n\":1}");
  scene.world.run_for(seconds(1));
  EXPECT_EQ(copies["{\"n\":1}"], 1);
}

// Refused on the old connection and granted on the new one, which serves: no pause keeps it from the one after that.
TEST(OverlapCorner, WhatTheOldConnectionRefusedIsAskedForAtOnceInTheNextSwap) {  // R-21, I-19
  Corner scene;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  BrokerPeer* const old = scene.broker.newest();
  scene.broker.on_packet = [&](BrokerPeer& peer, int type) {
    if (type != 8) return;
    // The first on the new connection, for "a", is answered below.
    scene.broker.answer_subscribe = &peer == old || scene.broker.subscribes.size() > 3;
    scene.broker.suback_reason = [refused = &peer == old](const std::string&) { return refused ? 0x97 : 1; };
  };
  scene.world.plan = [](const Endpoint& endpoint) {
    return endpoint.port == 8443 ? DialPlan{.latency = milliseconds(1), .setup = seconds(3)} : DialPlan{};
  };
  ASSERT_TRUE(scene.run_until([&] { return scene.host.open_connections() == 2; }));
  int events = 0;
  ASSERT_TRUE(scene.rt.subscribe({.channel_id = "b"}, [&](const Event&) { ++events; }).ok());
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() == 5; }, seconds(10)));
  scene.world.run_for(milliseconds(100));
  scene.broker.newest()->send_packet(std::string("\x90\x04\x00\x01\x00\x01", 6));
  ASSERT_TRUE(scene.until_swaps(1));
  scene.broker.on_packet = [](BrokerPeer&, int) {};
  scene.broker.suback_reason = [](const std::string&) { return 1; };
  scene.world.plan = [](const Endpoint&) { return DialPlan{}; };
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.refresh_now().ok(); }, seconds(10)));
  ASSERT_TRUE(scene.until_swaps(2));
  EXPECT_EQ(scene.broker.subscribes.back().size(), 2U);
  scene.broker.publish(scene.topic("b"), R"({"eventId":"e1"})");
  scene.world.run_for(milliseconds(100));
  EXPECT_EQ(events, 1);
  scene.expect_no_violation();
}

TEST(OverlapCorner, WhatIsInTheCorkOfOneConnectionIsNotTheOthers) {  // R-33, CONTRACT 5
  Corner scene;
  std::vector<std::string> told;
  const auto completion = [&](const char* name) {
    return [&told, name](const Result<Published>& outcome) {
      told.push_back(std::string(name) + (outcome.ok() ? " ok" : " failed"));
    };
  };
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.live().size() == 2; }));
  BrokerPeer* const old = scene.broker.live()[0];
  old->link().stuck = true;
  ASSERT_TRUE(scene.publish(completion("old"), kQos0).ok());
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() == 2; }));
  scene.world.run_for(milliseconds(10));
  BrokerPeer* const fresh = scene.broker.newest();
  fresh->link().stuck = true;
  ASSERT_TRUE(scene.publish(completion("new"), kQos0).ok());
  scene.world.run_for(milliseconds(100));
  EXPECT_TRUE(told.empty());
  old->cut(sim::Connection::Cut::reset);
  scene.world.run_for(milliseconds(100));
  EXPECT_EQ(told, std::vector<std::string>{"old failed"});
  fresh->link().stuck = false;
  fresh->link().thaw();
  scene.world.run_for(milliseconds(100));
  EXPECT_EQ(told, (std::vector<std::string>{"old failed", "new ok"}));
}

TEST(OverlapCorner, WhatWasHandedOverInTheTurnOfALossHasGone) {  // CONTRACT 5: done when handed to the transport
  Corner scene;
  std::vector<std::string> told;
  BrokerPeer* const peer = scene.broker.newest();
  // In the instant in which the client will learn that the server has ended the connection.
  peer->cut(sim::Connection::Cut::orderly);
  scene.world.after(peer->link().latency, [&] {
    ASSERT_TRUE(
        scene
            .publish(
                [&](const Result<Published>& outcome) { told.push_back(outcome.ok() ? "first ok" : "first failed"); },
                kQos0)
            .ok());
    peer->link().stuck = true;
    ASSERT_TRUE(
        scene
            .publish(
                [&](const Result<Published>& outcome) { told.push_back(outcome.ok() ? "second ok" : "second failed"); },
                kQos0)
            .ok());
  });
  scene.world.run_for(seconds(1));
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, (std::vector<std::string>{"first ok", "second failed"}));
  EXPECT_EQ(scene.broker.stored.size(), 1U);
}

TEST(OverlapCorner, ARefreshWaitsUntilTheLastOldConnectionIsRead) {  // I-12: never a third one
  Corner scene;
  scene.broker.answer_close = false;
  const std::uint64_t before = scene.broker.disconnects;
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.disconnects == before + 1; }));
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }, seconds(2)));
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
  EXPECT_EQ(scene.host.open_connections(), 2U) << "the old one is still read to its end";
  EXPECT_EQ(scene.rt.refresh_now().error().code(), Errc::quota);
}

TEST(OverlapCorner, AFilterMadeMeanwhileAndRefusedByBothIsTheCallersToHear) {  // R-21, R-43
  Corner scene;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  scene.broker.suback_delay = seconds(1);
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() == 2; }));
  scene.broker.suback_delay = Duration::zero();
  scene.broker.suback_reason = [](const std::string& filter) {
    return filter.find("/never/") != std::string::npos ? 0x87 : 1;
  };
  scene.broker.live()[0]->link().latency = milliseconds(500);  // the old one's refusal comes later
  std::vector<Errc> told;
  ASSERT_TRUE(scene.rt
                  .subscribe(
                      {.channel_id = "never"}, [](const Event&) {},
                      [&](const Status& status) { told.push_back(status.error().code()); })
                  .ok());
  ASSERT_TRUE(scene.until_swaps(1));
  scene.world.run_for(seconds(5));
  EXPECT_EQ(told, std::vector<Errc>{Errc::suback_failed});
  EXPECT_TRUE(scene.errors.empty()) << "it held nothing up";
  scene.expect_no_violation();
}

TEST(OverlapCorner, WhatTheOldConnectionRefusedIsAskedForAgainWhenItServesAgain) {  // R-21, R-34
  Corner scene;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() == 2; }));
  scene.world.run_for(milliseconds(20));
  ASSERT_EQ(scene.broker.live().size(), 2U);
  scene.broker.newest()->link().latency = milliseconds(100);  // the old one is asked first
  int asked = 0;
  scene.broker.suback_reason = [&](const std::string&) { return ++asked == 1 ? 0x83 : 1; };
  int events = 0;
  ASSERT_TRUE(scene.rt
                  .subscribe(
                      {.channel_id = "late"}, [&](const Event&) { ++events; }, [](const Status&) {})
                  .ok());
  scene.world.run_for(milliseconds(300));
  ASSERT_EQ(asked, 2);
  ASSERT_EQ(scene.broker.live().size(), 2U) << "still in the overlap";
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  scene.world.run_for(seconds(1));
  EXPECT_EQ(asked, 3);
  ASSERT_EQ(scene.broker.live().size(), 1U);
  scene.broker.publish(scene.topic("late"), R"({"payload":{}})");
  scene.world.run_for(milliseconds(100));
  EXPECT_EQ(events, 1);
  scene.expect_no_violation();
}

// --- What is remembered

TEST(RememberedCorner, AMemoryThatCouldNotBeginBeginsWithTheNextSwap) {  // R-54, CONTRACT 6.4
  SwapDedup dedup;
  std::uint64_t overflow = 0;
  {
    const FailAllocations fail(1, FailAllocations::Mode::from_then_on);
    EXPECT_FALSE(dedup.begin());
  }
  const EventKey key{1, 2};
  EXPECT_EQ(dedup.see(SwapDedup::Side::first, key, overflow), SwapDedup::Verdict::maybe_duplicate);
  EXPECT_EQ(dedup.meet(SwapDedup::Side::first, key), SwapDedup::Verdict::maybe_duplicate);
  dedup.carry_over(SwapDedup::Side::second);
  EXPECT_EQ(dedup.see(SwapDedup::Side::first, key, overflow), SwapDedup::Verdict::deliver);
  EXPECT_EQ(dedup.see(SwapDedup::Side::second, key, overflow), SwapDedup::Verdict::drop);
}

TEST(RefreshCorner, ATickChangesNothingWhereNoDeadlineRuns) {  // FAULTS 1.0
  using refresh::Phase;
  for (const Phase phase : {Phase::idle, Phase::first_fetch, Phase::first_dial, Phase::live_fetch, Phase::live_dial,
                            Phase::live_restore, Phase::fetch, Phase::dial, Phase::restore, Phase::closed}) {
    refresh::State state;
    state.phase = phase;
    for (const Instant deadline : {Instant::never(), Instant::from_nanoseconds(5)}) {
      state.deadline = deadline;
      const refresh::Step step = refresh::step(state, {}, {}, Instant::from_nanoseconds(10));
      EXPECT_EQ(step.state.phase, phase) << name_of(phase);
      EXPECT_EQ(step.actions, refresh::kNone) << name_of(phase);
    }
  }
}

TEST(RememberedCorner, WhatThereWasNoMemoryToRememberIsMarkedWhenItComesAgain) {  // R-54, CONTRACT 6
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.world.run_for(seconds(31));
  int calls = 0;
  int marked = 0;
  ASSERT_TRUE(scene.rt
                  .subscribe({.channel_id = "a"},
                             [&](const Event& event) {
                               ++calls;
                               marked += event.maybe_duplicate() ? 1 : 0;
                             })
                  .ok());
  scene.world.run_for(seconds(1));
  scene.broker.publish(scene.topic("a"), R"({"eventId":"e0","payload":{}})", 0);
  scene.world.run_for(milliseconds(100));
  scene.broker.newest()->link().stuck = true;  // its PUBACK does not arrive, so it comes again
  {
    const FailAllocations fail(1, FailAllocations::Mode::once);  // the memory of what was delivered at QoS 1
    scene.broker.publish(scene.topic("a"), R"({"eventId":"e1","payload":{}})");
    scene.world.run_for(milliseconds(100));
  }
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(marked, 0);
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }));
  scene.world.run_for(seconds(2));
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(marked, 1);
}

TEST(RememberedCorner, AnEventNobodyReadIsFoundAgainByItsBytes) {  // CONTRACT 6, last paragraph
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.world.run_for(seconds(31));
  int raw = 0;
  int json = 0;
  ASSERT_TRUE(scene.rt.subscribe_raw({.channel_id = "a"}, [&](const Event&) { ++raw; }).ok());
  scene.world.run_for(seconds(1));
  scene.broker.newest()->link().stuck = true;  // its PUBACK does not arrive, so it comes again
  scene.broker.publish(scene.topic("a"), R"({"eventId":"e1","payload":{}})");
  scene.world.run_for(milliseconds(100));
  EXPECT_EQ(raw, 1);
  ASSERT_TRUE(scene.rt.subscribe({.channel_id = "a"}, [&](const Event&) { ++json; }).ok());
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }));
  scene.world.run_for(seconds(2));
  EXPECT_EQ(raw, 1);
  EXPECT_EQ(json, 0);
  EXPECT_EQ(scene.rt.stats().duplicates_dropped, 1U);
}

}  // namespace
}  // namespace axonpush::test
