// FAULTS 1.3: what goes wrong around a swap, in virtual time, in the modes overlap, takeover and gap.
#include <axonpush/refresh.h>
#include <gtest/gtest.h>

#include <map>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

using sim::BrokerPeer;
using sim::DialPlan;
using sim::SeenConnect;

struct Swap : Scenario {
  std::map<std::string, int> copies;

  explicit Swap(bool same_client_id = false, Duration lifetime = seconds(100), std::uint64_t seed = 1)
      : Scenario(seed) {
    api.lifetime = lifetime;
    api.same_client_id = same_client_id;
    EXPECT_TRUE(connect());
  }
  void listen() {
    EXPECT_TRUE(
        subscribe({.channel_id = "a"}, [this](const Event& event) { ++copies[std::string(event.text())]; }).ok());
  }
  void event(int n, int qos = 1) {
    broker.publish(topic("a"), "{\"n\":" + std::to_string(n) + ",\"eventId\":\"e" + std::to_string(n) + "\"}", qos);
  }
  void expect_each_once(int count) {
    EXPECT_EQ(copies.size(), static_cast<std::size_t>(count));
    for (const auto& [text, times] : copies) EXPECT_EQ(times, 1) << text;
  }
  // Until the refresh has come this far.
  bool until_fetch() {
    const std::size_t before = api.requests.size();
    return run_until([&] { return api.requests.size() > before; });
  }
  bool until_second_connect() {
    const std::size_t before = broker.connects.size();
    return run_until([&] { return broker.connects.size() > before; });
  }
  bool until_restore() {
    const std::size_t before = broker.subscribes.size();
    return run_until([&] { return broker.subscribes.size() > before; });
  }
  bool until_two() {
    return run_until([&] { return broker.live().size() == 2; });
  }
  bool until_swaps(std::uint64_t count) {
    return run_until([&] { return rt.stats().swaps >= count; });
  }
  [[nodiscard]] BrokerPeer* oldest() const { return broker.live().front(); }
  [[nodiscard]] std::size_t times_in(ConnectionState state) const {
    std::size_t times = 0;
    for (const ConnectionState each : states) times += each == state;
    return times;
  }
};

TEST(FaultTakeover, TheOldConnectionsEndIsExpected) {  // R-31, CONTRACT 6.6
  for (const bool with_word : {true, false}) {
    Swap scene(true);
    scene.broker.takeover_disconnect = with_word;
    scene.listen();
    int n = 0;
    while (scene.rt.stats().swaps < 2) {
      scene.event(n++);
      scene.world.run_for(milliseconds(50));
      ASSERT_LT(n, 10'000);
    }
    scene.world.run_for(seconds(10));
    scene.expect_each_once(n);
    EXPECT_TRUE(scene.errors.empty()) << scene.errors[0].error.what();
    EXPECT_TRUE(scene.gaps.empty());
    EXPECT_EQ(scene.rt.stats().reconnects, 0U);
    EXPECT_EQ(scene.times_in(ConnectionState::waiting) + scene.times_in(ConnectionState::reconnecting), 0U);
    for (const SeenConnect& connect : scene.broker.connects) EXPECT_GE(connect.session_expiry, 60U);
    EXPECT_FALSE(scene.broker.connects[1].clean_start);
    EXPECT_EQ(scene.broker.subscribes.size(), 1U) << "the broker handed the subscription over";
  }
}

TEST(FaultTakeover, WithoutASessionSubscriptionsAreRestoredAndTheGapIsTold) {  // R-31
  Swap scene(true);
  scene.listen();
  scene.broker.keep_sessions = false;
  ASSERT_TRUE(scene.until_swaps(1));
  ASSERT_EQ(scene.gaps.size(), 1U);
  EXPECT_LE(scene.gaps[0].from, scene.gaps[0].to);
  EXPECT_LE(scene.gaps[0].to - scene.gaps[0].from, seconds(31)) << "since the last PINGREQ that was answered";
  scene.event(1);
  EXPECT_TRUE(scene.run_until([&] { return scene.copies.size() == 1; }, seconds(5)));
  EXPECT_TRUE(scene.errors.empty());
}

// A takeover cuts the old connection in the middle of its PUBACKs, in both directions.
TEST(FaultTakeover, NothingIsPublishedOrDeliveredTwiceEvenWithoutIds) {  // R-31, R-38, I-03, I-06
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Swap scene(true, seconds(100), seed);
    scene.listen();
    sim::Random random(seed);
    int sent = 0;
    std::size_t acknowledged = 0;
    while (scene.rt.stats().swaps < 3 && sent < 30'000) {
      for (BrokerPeer* peer : scene.broker.live()) {
        peer->link().latency = random.duration(milliseconds(1), milliseconds(40));
      }
      scene.broker.publish(scene.topic("a"), "{\"n\":" + std::to_string(sent) + "}");
      ASSERT_TRUE(scene.rt
                      .publish({.channel_id = "p", .identifier = "i", .payload = {{"n", sent}}},
                               [&](const Result<Published>& outcome) { acknowledged += outcome.ok(); })
                      .ok());
      ++sent;
      scene.world.run_for(milliseconds(7));
    }
    scene.world.run_for(seconds(10));
    EXPECT_EQ(scene.rt.stats().swaps, 3U);
    EXPECT_EQ(acknowledged, static_cast<std::size_t>(sent));
    EXPECT_EQ(scene.broker.stored.size(), static_cast<std::size_t>(sent)) << "seed " << seed << ": published twice";
    scene.expect_each_once(sent);
    EXPECT_TRUE(scene.errors.empty());
  }
}

TEST(FaultTakeover, APubackThatNeverComesHoldsConnectForABoundedTime) {  // R-36, R-38
  Swap scene(true);
  scene.broker.answer_publish = false;
  scene.world.run_for(seconds(45));
  std::size_t acknowledged = 0;
  ASSERT_TRUE(scene.rt
                  .publish({.channel_id = "p", .identifier = "i", .payload = "{}"},
                           [&](const Result<Published>& outcome) { acknowledged += outcome.ok(); })
                  .ok());
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.upgrades == 2; }));
  const Instant upgraded = scene.world.now();
  scene.world.run_for(seconds(4));
  EXPECT_EQ(scene.broker.connects.size(), 1U) << "CONNECT waits for the PUBACK";
  scene.broker.answer_publish = true;
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.connects.size() == 2; }, seconds(5)));
  EXPECT_LE(scene.world.now() - upgraded, limits::kDrainTimeout + milliseconds(10));
  ASSERT_TRUE(scene.run_until([&] { return acknowledged == 1; }, seconds(5)));
  ASSERT_EQ(scene.broker.stored.size(), 2U);
  EXPECT_TRUE(scene.broker.stored[1].dup) << "the session was handed over: the same publish, marked";
}

TEST(FaultTakeover, AnotherProcessWithOurIdIsAConflictAndNoRace) {  // R-32, I-23
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::vector<Instant> lost;
  std::function<void()> fight = [&] {
    if (BrokerPeer* peer = scene.broker.newest()) {
      peer->send_disconnect(0x8E);
      peer->cut(sim::Connection::Cut::orderly);
    }
    scene.world.after(seconds(1), fight);
  };
  fight();
  scene.world.run_for(minutes(10));
  EXPECT_LE(scene.broker.connects.size(), 20U) << "two clients with one id settle to at most two connects a minute";
  ASSERT_GE(scene.errors.size(), 3U);
  EXPECT_EQ(scene.errors[0].error.code(), Errc::session_taken_over);
  EXPECT_EQ(scene.errors[2].error.code(), Errc::session_conflict);
  for (std::size_t at = 1; at < scene.broker.connects.size(); ++at) {
    EXPECT_GE(scene.broker.connects[at].at - scene.broker.connects[at - 1].at, seconds(5));
  }
}

// What came to the session while the other process had it we have not, though it is resumed.
TEST(FaultTakeover, AfterAnotherProcessHadTheSessionAGapIsTold) {  // R-32, I-09
  for (const bool taken : {true, false}) {
    Swap scene(true, hours(1));
    scene.listen();
    scene.world.run_for(seconds(10));
    BrokerPeer* const peer = scene.broker.newest();
    const Instant lost = scene.world.now();
    if (taken) peer->send_disconnect(0x8E);
    peer->cut(sim::Connection::Cut::orderly);
    ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }, minutes(5)));
    EXPECT_FALSE(scene.broker.connects[1].clean_start);
    ASSERT_EQ(scene.gaps.size(), taken ? 1U : 0U) << "else the session was ours alone, and kept what came";
    if (!taken) continue;
    EXPECT_LE(scene.gaps[0].from, lost);
    EXPECT_EQ(scene.gaps[0].to, scene.world.now());
    EXPECT_EQ(scene.broker.subscribes.size(), 2U) << "and the other one may have taken a subscription off";
  }
}

// In which state the connections die, and which of them.
enum class When {
  fetch,
  dial,
  restore,
  overlap,
  drain
};
constexpr When kAllStates[] = {When::fetch, When::dial, When::restore, When::overlap, When::drain};

void reach(Swap& scene, When when) {
  if (when == When::fetch) {
    scene.api.next.push_back({.delay = seconds(3)});
    ASSERT_TRUE(scene.until_fetch());
  } else if (when == When::dial) {
    scene.broker.answer_connect = false;
    ASSERT_TRUE(scene.until_second_connect());
    scene.broker.answer_connect = true;
  } else if (when == When::restore) {
    scene.broker.suback_delay = seconds(2);
    ASSERT_TRUE(scene.until_restore());
  } else if (when == When::overlap) {
    ASSERT_TRUE(scene.until_restore());
    scene.world.run_for(milliseconds(100));
    ASSERT_EQ(scene.broker.live().size(), 2U);
  } else {
    // A publish whose PUBACK does not come keeps the drain open.
    scene.broker.answer_publish = false;
    ASSERT_TRUE(scene.rt.publish({.channel_id = "p", .identifier = "i", .payload = "{}"}).ok());
    ASSERT_TRUE(scene.until_restore());
    scene.world.run_for(milliseconds(2'500));
    scene.broker.answer_publish = true;
    ASSERT_EQ(scene.broker.live().size(), 2U);
  }
}

TEST(FaultSwap, TheOldConnectionDiesInEachState) {  // R-33
  for (const When when : kAllStates) {
    if (when == When::dial) continue;  // its own test below: the model's CONNACK must still come
    Swap scene;
    scene.listen();
    reach(scene, when);
    const std::size_t fetches = scene.api.requests.size();
    scene.oldest()->cut(sim::Connection::Cut::reset);
    scene.broker.suback_delay = {};
    ASSERT_TRUE(scene.run_until(
        [&] { return scene.rt.state() == ConnectionState::live && scene.broker.live().size() == 1; }, minutes(2)))
        << static_cast<int>(when);
    EXPECT_EQ(scene.api.requests.size(), fetches)
        << "the attempt under way is promoted, not begun again: " << static_cast<int>(when);
    EXPECT_LE(scene.times_in(ConnectionState::reconnecting), 1U);
    if (when == When::overlap || when == When::drain) {
      EXPECT_EQ(scene.times_in(ConnectionState::reconnecting), 0U) << "there was always a live connection";
    }
    scene.event(1);
    EXPECT_TRUE(scene.run_until([&] { return scene.copies.size() == 1; }, seconds(10))) << static_cast<int>(when);
    EXPECT_EQ(scene.host.open_connections(), 1U);
  }
}

TEST(FaultSwap, TheOldConnectionDiesWhileTheNewOneDials) {  // R-33
  Swap scene;
  scene.listen();
  scene.world.plan = [](const Endpoint& endpoint) {
    return DialPlan{.latency = endpoint.port == 8443 ? seconds(1) : milliseconds(1)};
  };
  ASSERT_TRUE(scene.until_fetch());
  scene.world.run_for(milliseconds(500));
  const std::size_t fetches = scene.api.requests.size();
  scene.oldest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until(
      [&] { return scene.broker.connects.size() == 2 && scene.rt.state() == ConnectionState::live; }, minutes(1)));
  EXPECT_EQ(scene.api.requests.size(), fetches);
  EXPECT_EQ(scene.broker.connects.size(), 2U);
  EXPECT_EQ(scene.errors.size(), 1U);
}

TEST(FaultSwap, TheNewConnectionDiesInEachState) {  // R-34
  for (const When when : kAllStates) {
    if (when == When::fetch) continue;  // there is no new connection yet
    Swap scene;
    scene.listen();
    reach(scene, when);
    // Before its CONNACK it dies of silence.
    if (when != When::dial) scene.broker.newest()->cut(sim::Connection::Cut::reset);
    scene.broker.suback_delay = {};
    ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, seconds(15))) << static_cast<int>(when);
    // In the drain too: until its DISCONNECT the old one is whole.
    EXPECT_EQ(scene.rt.state(), ConnectionState::live) << "the old connection goes on: " << static_cast<int>(when);
    EXPECT_EQ(scene.host.open_connections(), 1U);
    scene.event(1);
    EXPECT_TRUE(scene.run_until([&] { return scene.copies.size() == 1; }, seconds(5))) << static_cast<int>(when);
    const std::uint64_t swaps = scene.rt.stats().swaps;
    EXPECT_TRUE(
        scene.run_until([&] { return scene.rt.stats().swaps > swaps || scene.rt.stats().reconnects > 0; }, minutes(5)));
    EXPECT_TRUE(scene.run_until([&] { return scene.host.open_connections() == 1; }, minutes(1)));
  }
}

TEST(FaultSwap, BothDieInTheSameTickInEitherOrder) {  // R-35
  for (const bool old_first : {true, false}) {
    for (const When when : {When::restore, When::overlap}) {
      Swap scene;
      scene.listen();
      reach(scene, when);
      const auto all = scene.broker.live();
      ASSERT_EQ(all.size(), 2U);
      (old_first ? all.front() : all.back())->cut(sim::Connection::Cut::reset);
      (old_first ? all.back() : all.front())->cut(sim::Connection::Cut::reset);
      scene.broker.suback_delay = {};
      ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }, minutes(2)));
      EXPECT_EQ(scene.times_in(ConnectionState::waiting), 1U) << "one way back, not two";
      EXPECT_EQ(scene.host.open_connections(), 1U);
    }
  }
}

// A session begun while the one before it was already lost, and lost itself before its subscriptions stood: the broker
// resumes it, and yet it never held what was published meanwhile.
TEST(FaultSwap, AResumedSessionThatNeverHeldTheSubscriptionsLeavesAGap) {  // R-33, R-34, I-09
  Swap scene;
  scene.listen();
  scene.world.plan = [](const Endpoint& endpoint) {
    return DialPlan{.latency = endpoint.port == 8443 ? seconds(1) : milliseconds(1)};
  };
  ASSERT_TRUE(scene.until_second_connect());
  scene.world.plan = [](const Endpoint&) { return DialPlan{}; };
  const Instant lost = scene.world.now();
  scene.oldest()->cut(sim::Connection::Cut::reset);
  scene.world.run_for(milliseconds(1'500));
  ASSERT_EQ(scene.rt.stats().connections, 2U) << "its CONNACK came, and SUBSCRIBE is under way";
  scene.event(1);
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }, minutes(2)));
  ASSERT_EQ(scene.broker.connects.size(), 3U);
  EXPECT_EQ(scene.broker.connects[2].client_id, scene.broker.connects[1].client_id);
  EXPECT_FALSE(scene.broker.connects[2].clean_start);
  scene.world.run_for(seconds(5));
  EXPECT_TRUE(scene.copies.empty());
  ASSERT_EQ(scene.gaps.size(), 1U);
  EXPECT_LE(scene.gaps[0].from, lost);
  EXPECT_GE(scene.gaps[0].to, lost + milliseconds(1'500));
}

// A filter that stood on the new connection alone: until the old one, which serves again, has it too, what comes for it
// is missing.
TEST(FaultSwap, AFilterThatTheOldConnectionRefusedLeavesAGapWhenThatServesAgain) {  // R-34, R-43, I-09
  Swap scene;
  scene.listen();
  ASSERT_TRUE(scene.until_restore());
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().connections == 2 && scene.broker.live().size() == 2; }));
  scene.world.run_for(milliseconds(100));
  int asked = 0;
  scene.broker.suback_reason = [&asked](const std::string&) { return ++asked == 1 ? 0x87 : 1; };
  std::size_t events = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "b"}, [&](const Event&) { ++events; }).ok());
  scene.world.run_for(milliseconds(100));
  ASSERT_EQ(asked, 2) << "refused on the old one, granted on the new one";
  const Instant lost = scene.world.now();
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  scene.broker.publish(scene.topic("b"), "{}");
  ASSERT_TRUE(scene.run_until([&] { return asked == 3; }, seconds(1)));
  scene.world.run_for(milliseconds(100));
  EXPECT_EQ(events, 0U);
  ASSERT_EQ(scene.gaps.size(), 1U);
  EXPECT_LE(scene.gaps[0].from, lost);
  EXPECT_GE(scene.gaps[0].to, lost);
  scene.broker.publish(scene.topic("b"), "{}");
  EXPECT_TRUE(scene.run_until([&] { return events == 1; }, seconds(1)));
}

// A takeover in doubt asks for what the session may hold already. That it is refused, and that the swap is given up for
// it, does not take it off the session, which is resumed.
TEST(FaultTakeover, WhatARefusalLeftOnTheSessionIsTakenOffWhenNobodyWantsIt) {  // R-22, R-38, I-20
  Swap scene(true);
  scene.listen();
  scene.broker.answer_connect = false;
  ASSERT_TRUE(scene.until_second_connect());
  scene.broker.connack_reason = [](const SeenConnect&) { return 0; };
  // CONNECT is never answered, so nobody knows what became of the session.
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, minutes(1)));
  scene.broker.answer_connect = true;
  // Its end takes long to come through, so that the old one is still thought to serve when the new one is refused.
  ASSERT_EQ(scene.broker.live().size(), 1U);
  scene.oldest()->link().latency = seconds(3);
  int refusals = 1;
  scene.broker.suback_reason = [&refusals](const std::string&) { return refusals-- > 0 ? 0x83 : 1; };
  ASSERT_TRUE(scene.run_until([&] { return refusals == 0; }, minutes(5)));
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::waiting; }, seconds(10)));
  ASSERT_TRUE(scene.rt.unsubscribe(SubscribeFilter{.channel_id = "a"}).ok());
  // We took the session over ourselves: no other process is to be waited for.
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }, seconds(2)));
  scene.world.run_for(seconds(5));
  ASSERT_EQ(scene.broker.sessions.size(), 1U);
  EXPECT_TRUE(scene.broker.sessions.begin()->second.filters.empty()) << "nobody wants it";
}

// The new connection is lost while the old one, which was dead, is still being read: a third one is there before that
// is over, and what the old one took with it is told all the same.
TEST(FaultSwap, AThirdConnectionDoesNotHideWhatTheFirstTookWithIt) {  // R-35, I-09
  for (const bool dead : {true, false}) {
    Swap scene;
    scene.listen();
    ASSERT_TRUE(scene.until_fetch());
    BrokerPeer* const old = scene.oldest();
    const Instant lost = scene.world.now();
    // Alive, it only never says that it has ended.
    old->link().frozen = dead;
    scene.broker.answer_close = false;
    ASSERT_TRUE(scene.until_restore());
    scene.world.run_for(seconds(2) + milliseconds(50));
    ASSERT_EQ(scene.host.open_connections(), 2U) << "DISCONNECT is out, and its answer awaited";
    scene.broker.newest()->cut(sim::Connection::Cut::reset);
    ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }, seconds(2)));
    ASSERT_EQ(scene.host.open_connections(), 2U);
    scene.world.run_for(seconds(10));
    EXPECT_EQ(scene.host.open_connections(), 1U);
    // The second's session is given up, and that is told in any case.
    ASSERT_EQ(scene.gaps.size(), dead ? 2U : 1U);
    EXPECT_TRUE(!dead || scene.gaps[1].from <= lost);
  }
}

TEST(FaultSwap, APendingPublishIsAwaitedThenPublishedAnew) {  // R-36
  Swap scene;
  scene.broker.answer_publish = false;
  std::vector<Errc> outcomes;
  scene.world.run_for(seconds(39));
  ASSERT_TRUE(scene.rt
                  .publish({.channel_id = "p", .identifier = "i", .payload = "{}"},
                           [&](const Result<Published>& outcome) { outcomes.push_back(outcome.error().code()); })
                  .ok());
  ASSERT_TRUE(scene.until_two());
  const Instant overlap = scene.world.now();
  scene.world.run_for(seconds(3));
  EXPECT_EQ(scene.broker.live().size(), 2U) << "the old one stays until the PUBACK or 5 s";
  scene.broker.answer_publish = true;
  ASSERT_TRUE(scene.run_until([&] { return !outcomes.empty(); }, seconds(10)));
  EXPECT_LE(scene.world.now() - overlap, seconds(8));
  EXPECT_EQ(outcomes, std::vector<Errc>{Errc::none});
  ASSERT_EQ(scene.broker.stored.size(), 2U);
  EXPECT_FALSE(scene.broker.stored[1].dup) << "another session: a new publish";
  EXPECT_NE(scene.broker.stored[0].client_id, scene.broker.stored[1].client_id);
}

TEST(FaultSwap, EachPublishGoesToOneConnectionInOrder) {  // R-37, I-04
  Swap scene;
  std::size_t acknowledged = 0;
  int n = 0;
  while (scene.rt.stats().swaps < 2 && n < 20'000) {
    ASSERT_TRUE(scene.rt
                    .publish({.channel_id = "p", .identifier = "i", .payload = {{"n", n++}}},
                             [&](const Result<Published>& outcome) { acknowledged += outcome.ok(); })
                    .ok());
    scene.world.run_for(milliseconds(10));
  }
  scene.world.run_for(seconds(10));
  EXPECT_EQ(acknowledged, static_cast<std::size_t>(n));
  ASSERT_EQ(scene.broker.stored.size(), static_cast<std::size_t>(n)) << "none twice";
  for (std::size_t at = 0; at < scene.broker.stored.size(); ++at) {
    EXPECT_NE(scene.broker.stored[at].payload.find("{\"n\":" + std::to_string(at) + "}"), std::string::npos) << at;
  }
}

TEST(FaultSwap, CopiesAreMatchedOneToOneWhateverTheOrder) {  // R-39, I-06
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Swap scene(false, seconds(100), seed);
    scene.listen();
    ASSERT_TRUE(scene.until_restore());
    scene.world.run_for(milliseconds(10));
    const auto all = scene.broker.live();
    ASSERT_EQ(all.size(), 2U);
    sim::Random random(seed);
    // Each connection lags as it likes, up to the grace.
    int n = 0;
    for (; n < 50; ++n) {
      for (BrokerPeer* peer : all) peer->link().latency = random.duration(milliseconds(1), milliseconds(30));
      scene.event(n, static_cast<int>(random.below(2)));
      scene.world.run_for(milliseconds(35));
    }
    ASSERT_TRUE(scene.until_swaps(1));
    scene.world.run_for(seconds(10));
    scene.expect_each_once(n);
    EXPECT_EQ(scene.rt.stats().duplicates_dropped, static_cast<std::uint64_t>(n));
  }
}

TEST(FaultSwap, EqualEventsPublishedTwiceArriveTwice) {  // R-40, CONTRACT 6.4
  Swap scene;
  scene.listen();
  ASSERT_TRUE(scene.until_restore());
  scene.world.run_for(milliseconds(10));
  ASSERT_EQ(scene.broker.live().size(), 2U);
  for (int copy = 0; copy < 2; ++copy) {
    scene.broker.publish(scene.topic("a"), R"({"same":1})", 0);
    scene.world.run_for(milliseconds(20));
  }
  ASSERT_TRUE(scene.until_swaps(1));
  EXPECT_EQ(scene.copies[R"({"same":1})"], 2);
}

TEST(FaultSwap, ABrokersDuplicateOnOneConnectionIsNotSwallowed) {  // R-39, T-08
  Swap scene;
  scene.listen();
  for (int copy = 0; copy < 2; ++copy) scene.broker.publish(scene.topic("a"), R"({"same":1})", 0);
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.copies[R"({"same":1})"], 2);
}

TEST(FaultSwap, TheRetiredConnectionIsReadToItsEnd) {  // I-09, CONTRACT 6.4
  Swap scene;
  scene.listen();
  const std::string topic = scene.topic("a");
  // The server had this on its way, on the old connection only, when our DISCONNECT came.
  scene.broker.on_packet = [&](BrokerPeer& peer, int type) {
    if (type != 14) return;
    const std::string body =
        std::string(1, '\0') + static_cast<char>(topic.size()) + topic + std::string(1, '\0') + R"({"z":1})";
    peer.send_packet(std::string(1, '\x30') + static_cast<char>(body.size()) + body);
  };
  ASSERT_TRUE(scene.until_swaps(1));
  EXPECT_EQ(scene.copies[R"({"z":1})"], 1);
}

TEST(FaultSwap, UnsubscribeDuringTheSwapGoesToBoth) {  // R-42
  for (const When when : kAllStates) {
    Swap scene;
    scene.listen();
    const auto subscription = scene.rt.subscribe({.channel_id = "b"}, [&](const Event&) { ++scene.copies["b"]; });
    ASSERT_TRUE(subscription.ok());
    scene.world.run_for(seconds(1));
    reach(scene, when);
    EXPECT_TRUE(scene.rt.unsubscribe(*subscription).ok());
    scene.broker.publish(scene.topic("b"), "{}");
    ASSERT_TRUE(scene.until_swaps(1));
    scene.world.run_for(seconds(5));
    scene.broker.publish(scene.topic("b"), "{}");
    scene.world.run_for(seconds(1));
    EXPECT_EQ(scene.copies["b"], 0) << "a callback ran after unsubscribe returned";
    EXPECT_EQ(scene.broker.sessions[scene.broker.newest()->client_id()].filters.size(), 1U);
  }
}

TEST(FaultSwap, SubscribeDuringTheSwapIsDoneWhenTheSurvivorHasGranted) {  // R-43
  for (const When when : kAllStates) {
    Swap scene;
    scene.listen();
    reach(scene, when);
    bool done = false;
    std::size_t events = 0;
    ASSERT_TRUE(
        scene.rt
            .subscribe(
                {.channel_id = "b"}, [&](const Event&) { ++events; }, [&](const Status& status) { done = status.ok(); })
            .ok());
    ASSERT_TRUE(scene.run_until([&] { return done; }, seconds(10))) << static_cast<int>(when);
    ASSERT_TRUE(scene.until_swaps(1));
    scene.world.run_for(seconds(5));
    scene.broker.publish(scene.topic("b"), "{}");
    EXPECT_TRUE(scene.run_until([&] { return events == 1; }, seconds(5))) << static_cast<int>(when);
  }
}

TEST(FaultSwap, ARefreshDueDuringAReconnectIsMerged) {  // R-44, I-12
  Swap scene;
  scene.api.respond = [](const sim::ApiRequest&) { return std::nullopt; };
  scene.world.run_for(seconds(39));
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  scene.world.plan = [](const Endpoint& endpoint) {
    return endpoint.port == 8443 ? DialPlan{.fate = DialPlan::Fate::refuse} : DialPlan{.latency = milliseconds(300)};
  };
  scene.world.run_for(seconds(90));
  scene.world.plan = [](const Endpoint&) { return DialPlan{}; };
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }, minutes(3)));
  for (std::size_t at = 1; at < scene.api.requests.size(); ++at) {
    EXPECT_GE(scene.api.requests[at].at - scene.api.requests[at - 1].at, milliseconds(4'990));
  }
  EXPECT_EQ(scene.broker.live().size(), 1U);
}

TEST(FaultSwap, AFleetSpreadsItsRefreshes) {  // R-41: a life of 1 h and a lead of 60 s give a jitter of 30 s
  std::map<std::int64_t, int> buckets;
  constexpr int kClients = 2'000;
  sim::Random random(7);
  const Instant start = Instant::from_nanoseconds(0);
  for (int client = 0; client < kClients; ++client) {
    const Instant at = refresh::detail::refresh_instant({}, start, hours(1), start, start - hours(1),
                                                        static_cast<std::uint32_t>(random.next()));
    ++buckets[at.nanoseconds() / 1'000'000'000];
  }
  for (const auto& [second, count] : buckets) EXPECT_LE(count, kClients / 20) << second;
  EXPECT_GE(buckets.size(), 29U);
}

TEST(FaultSwap, AChangedPrefixIsRefusedAndTheOldConnectionKept) {  // C-09
  Swap scene;
  scene.listen();
  scene.api.topic_prefix = "axonpush/org_2";
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::credentials_invalid);
  scene.event(1);
  EXPECT_TRUE(scene.run_until([&] { return scene.copies.size() == 1; }, seconds(5)));
}

TEST(FaultSwap, ExpiredMeansMayNotOpenNotMustClose) {  // CONTRACT 6.9
  Swap scene;
  scene.listen();
  scene.api.respond = [](const sim::ApiRequest&) { return sim::ApiResponse{.status = 500}; };
  scene.world.run_for(hours(3));
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
  scene.event(1);
  EXPECT_TRUE(scene.run_until([&] { return scene.copies.size() == 1; }, seconds(5)));
}

TEST(FaultSwap, OrderedSwapHoldsTheNewConnectionForTheOldOnesPubacks) {  // CONTRACT 6.5
  Scenario scene;
  scene.api.lifetime = seconds(100);
  RealtimeOptions options = scene.realtime_options();
  options.ordered_swap = true;
  ASSERT_TRUE(scene.connect(std::move(options)));
  scene.world.run_for(seconds(39));
  scene.broker.answer_publish = false;
  ASSERT_TRUE(scene.rt.publish({.channel_id = "p", .identifier = "i", .payload = R"({"n":1})"}).ok());
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.live().size() == 2; }));
  scene.world.run_for(milliseconds(100));
  scene.broker.answer_publish = true;
  ASSERT_TRUE(scene.rt.publish({.channel_id = "p", .identifier = "i", .payload = R"({"n":2})"}).ok());
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.broker.stored.size(), 1U) << "the second waits for the first one's PUBACK";
  EXPECT_TRUE(scene.run_until([&] { return scene.broker.stored.size() == 3; }, seconds(20)));
  EXPECT_NE(scene.broker.stored[1].payload.find("{\"n\":1}"), std::string::npos);
  EXPECT_NE(scene.broker.stored[2].payload.find("{\"n\":2}"), std::string::npos);
}

TEST(FaultSwap, WhatALostSessionLeftIsPublishedOnTheNextWhateverItsClientId) {  // R-36, I-01
  Scenario scene;
  scene.api.lifetime = seconds(100);
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }));
  scene.broker.answer_publish = false;
  Errc told = Errc::internal;
  ASSERT_TRUE(scene.rt
                  .publish({.channel_id = "p", .identifier = "i", .payload = "{}"},
                           [&](const Result<Published>& outcome) { told = outcome.error().code(); })
                  .ok());
  scene.world.run_for(milliseconds(10));
  // The credentials expire while there is no connection, and the next ones name another client id.
  scene.world.plan = [](const Endpoint&) { return sim::DialPlan{.fate = sim::DialPlan::Fate::refuse}; };
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  scene.world.run_for(minutes(3));
  scene.world.plan = [](const Endpoint&) { return sim::DialPlan{}; };
  scene.broker.answer_publish = true;
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }));
  scene.world.run_for(seconds(1));
  EXPECT_EQ(told, Errc::none);
  EXPECT_EQ(scene.broker.stored.size(), 2U);
}

}  // namespace
}  // namespace axonpush::test
