// Two equal events without an id are two: told from one event that comes twice by the session and the packet identifier
// they came with, or, over two sessions, one to one. In virtual time.
#include <gtest/gtest.h>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

using sim::BrokerPeer;
using sim::DialPlan;
using Cut = sim::Connection::Cut;

constexpr const char* kSame = R"({"same":1})";

// One callback, and a broker that is a second away for whoever dials after the first.
struct Equal : Scenario {
  int plain = 0;
  int marked = 0;

  explicit Equal(bool same_client_id, std::uint16_t receive_maximum = limits::kMqttReceiveMaximum) {
    api.lifetime = seconds(100);
    api.same_client_id = same_client_id;
    RealtimeOptions options = realtime_options();
    options.receive_maximum = receive_maximum;
    EXPECT_TRUE(connect(std::move(options)));
    EXPECT_TRUE(subscribe({.channel_id = "a"}, [this](const Event& event) {
                  ++(event.maybe_duplicate() ? marked : plain);
                }).ok());
    world.plan = [](const Endpoint& endpoint) {
      return endpoint.port == 8443 ? DialPlan{.latency = milliseconds(5), .setup = seconds(1)} : DialPlan{};
    };
  }
  void event(int qos = 1, const char* body = kSame) {
    broker.publish(topic("a"), body, qos);
    world.run_for(milliseconds(100));
  }
  // Until the refresh has its credentials and dials.
  void until_dial() {
    const std::size_t before = api.requests.size();
    EXPECT_TRUE(run_until([&] { return api.requests.size() > before; }));
    world.run_for(milliseconds(100));
    EXPECT_EQ(host.open_connections(), 2U);
  }
  void until_connects(std::size_t count) {
    EXPECT_TRUE(run_until([&] { return broker.connects.size() == count; }));
    world.run_for(milliseconds(100));
  }
  void expect_told(int plain_wanted, int marked_wanted) const {
    EXPECT_EQ(plain, plain_wanted);
    EXPECT_EQ(marked, marked_wanted);
  }
};

// --- A takeover: one session

TEST(EqualEvents, OneBeforeATakeoverAndOneBehindIt) {  // R-40, I-09
  for (const int qos : {0, 1}) {
    SCOPED_TRACE(qos);
    Equal scene(true);
    scene.until_dial();
    scene.event(qos);
    scene.expect_told(1, 0);
    scene.until_connects(2);
    scene.event(qos);
    // At QoS 1 an equal one was delivered on another connection, and AWS may repeat it under another identifier.
    scene.expect_told(qos == 1 ? 1 : 2, qos == 1 ? 1 : 0);
    EXPECT_EQ(scene.rt.stats().duplicates_dropped, 0U);
    EXPECT_TRUE(scene.gaps.empty());
  }
}

TEST(EqualEvents, TheFirstAcknowledgedAndTheSecondLostWithTheOldConnection) {  // R-38, R-40, I-09
  Equal scene(true);
  scene.until_dial();
  scene.event();
  scene.broker.newest()->link().frozen = true;
  scene.event();
  scene.expect_told(1, 0);
  scene.until_connects(2);
  scene.world.run_for(seconds(1));
  scene.expect_told(1, 1);
  EXPECT_EQ(scene.rt.stats().duplicates_dropped, 0U);
}

TEST(EqualEvents, OneWhosePubackWasLostIsOne) {  // R-38, CONTRACT 6.4
  Equal scene(true);
  scene.until_dial();
  scene.event();
  BrokerPeer* const old = scene.broker.newest();
  old->link().stuck = true;
  scene.event();
  scene.expect_told(2, 0);
  old->cut(Cut::reset);
  scene.until_connects(2);
  scene.world.run_for(seconds(1));
  scene.expect_told(2, 0);
  EXPECT_EQ(scene.rt.stats().duplicates_dropped, 1U) << "the second came again, with its packet identifier";
}

// A broker may use an identifier again as soon as it has our PUBACK. What it sends under it without DUP is new.
TEST(EqualEvents, OneBehindATakeoverUnderTheIdentifierOfTheFirst) {  // R-40, [MQTT-3.3.1-1]
  Equal scene(true);
  scene.until_dial();
  sim::BrokerSession& session = scene.broker.sessions[scene.broker.newest()->client_id()];
  const std::uint16_t id = session.next_id;
  scene.event();
  session.next_id = id;
  scene.until_connects(2);
  scene.event();
  scene.expect_told(1, 1);
  EXPECT_EQ(scene.rt.stats().duplicates_dropped, 0U);
}

// Packet identifiers begin anew with the session: that they are the same says nothing.
TEST(EqualEvents, OneBeforeATakeoverThatBroughtNoSessionAlong) {  // R-31, R-40
  Equal scene(true);
  scene.broker.keep_sessions = false;
  scene.until_dial();
  scene.event(1, R"({"other":1})");
  scene.event();
  scene.until_connects(2);
  scene.event(1, R"({"other":2})");
  scene.event();
  scene.expect_told(3, 1);
  EXPECT_EQ(scene.rt.stats().duplicates_dropped, 0U);
  EXPECT_EQ(scene.gaps.size(), 1U);
}

// --- An overlap: two sessions

// A connection that was alone delivers nothing that another could bring a second time.
TEST(EqualEvents, OneWhileAGivenUpCandidateIsRememberedAndOneOnTheNextConnection) {  // R-34, R-40, I-09
  Equal scene(false);
  scene.broker.answer_subscribe = false;
  scene.until_connects(2);
  ASSERT_EQ(scene.broker.live().size(), 2U);
  scene.broker.newest()->cut(Cut::reset);
  scene.world.run_for(milliseconds(100));
  scene.broker.answer_subscribe = true;
  ASSERT_EQ(scene.broker.live().size(), 1U);
  scene.event();
  scene.expect_told(1, 0);
  scene.broker.newest()->cut(Cut::reset);
  scene.until_connects(3);
  scene.world.run_for(seconds(1));
  scene.expect_told(1, 1);  // the candidate's session is resumed, and had the first as well
  scene.event();
  scene.expect_told(1, 2);
  EXPECT_EQ(scene.rt.stats().duplicates_dropped, 0U);
}

// The same of one that came before the candidate had subscribed, and was remembered for it.
TEST(EqualEvents, OneWhileTheCandidateSubscribesAndOneOnTheNextConnection) {  // R-34, R-40, I-09
  Equal scene(false);
  scene.world.plan = [](const Endpoint& endpoint) {
    return endpoint.port == 8443 ? DialPlan{.latency = milliseconds(200)} : DialPlan{};
  };
  scene.until_connects(2);
  scene.world.run_for(milliseconds(130));  // CONNACK has come, SUBSCRIBE is on its way
  scene.event();
  scene.expect_told(1, 0);
  ASSERT_EQ(scene.broker.live().size(), 2U);
  scene.broker.newest()->cut(Cut::reset);
  scene.world.run_for(seconds(2));
  ASSERT_EQ(scene.broker.live().size(), 1U);
  scene.broker.newest()->cut(Cut::reset);
  scene.until_connects(3);
  scene.world.run_for(seconds(1));
  scene.event();
  scene.world.run_for(milliseconds(200));
  scene.expect_told(1, 1);
  EXPECT_EQ(scene.rt.stats().duplicates_dropped, 0U);
}

// With room for one event only a second copy may be taken for a first, and its own second for what it is not.
TEST(EqualEvents, WhereSomethingWasForgottenNoneIsDropped) {  // CONTRACT 6.4
  Equal scene(false);
  scene.host.swap_events = 1;
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() == 2; }));
  scene.world.run_for(milliseconds(100));
  ASSERT_EQ(scene.broker.live().size(), 2U);
  BrokerPeer* const old = scene.broker.live().front();
  old->link().latency = milliseconds(50);
  scene.broker.publish(scene.topic("a"), kSame, 1);
  scene.broker.publish(scene.topic("a"), R"({"other":1})", 1);  // the first is forgotten
  scene.world.run_for(milliseconds(200));
  const int before = scene.plain + scene.marked;
  scene.event();
  EXPECT_GT(scene.plain + scene.marked, before);
  EXPECT_EQ(scene.plain, 2);
  EXPECT_EQ(scene.rt.stats().duplicates_dropped, 0U);
}

// While the memory is held it keeps what waits, however little it has room for.
TEST(EqualEvents, WhatComesMeanwhileDrivesNoLateCopyOut) {  // CONTRACT 6.4
  Equal scene(false, 1);
  scene.host.swap_events = 1;
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() == 2; }));
  scene.world.run_for(milliseconds(100));
  ASSERT_EQ(scene.broker.live().size(), 2U);
  BrokerPeer* const serving = scene.broker.newest();
  serving->link().stuck = true;
  scene.event(1, R"({"first":1})");
  scene.event();  // behind the PUBACK of the first on the new connection
  scene.expect_told(2, 0);
  ASSERT_TRUE(scene.run_until([&] { return scene.host.open_connections() == 1; }, seconds(10)));
  scene.event(0, R"({"meanwhile":1})");
  scene.expect_told(3, 0);
  serving->link().stuck = false;
  serving->link().thaw();
  scene.world.run_for(milliseconds(100));
  scene.expect_told(3, 0);
  EXPECT_EQ(scene.rt.stats().duplicates_dropped, 2U);
}

// A swap that begins while the one before it is remembered: only what the connection that is gone delivered goes on.
TEST(EqualEvents, TheLateCopyOfTheSwapBeforeIsOneInATakeoverToo) {  // CONTRACT 6.4
  Equal scene(false);
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() == 2; }));
  scene.world.run_for(milliseconds(100));
  ASSERT_EQ(scene.broker.live().size(), 2U);
  BrokerPeer* const serving = scene.broker.newest();
  serving->link().frozen = true;
  scene.event();
  scene.expect_told(1, 0);
  ASSERT_TRUE(scene.run_until([&] { return scene.host.open_connections() == 1; }, seconds(10)));
  // The same client id from here on.
  scene.api.client_id = serving->client_id();
  scene.api.same_client_id = true;
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.refresh_now().ok(); }, seconds(3)));
  scene.until_dial();
  serving->link().frozen = false;
  serving->link().thaw();
  scene.world.run_for(milliseconds(100));
  scene.expect_told(1, 0);
  EXPECT_EQ(scene.rt.stats().duplicates_dropped, 1U);
}

}  // namespace
}  // namespace axonpush::test
