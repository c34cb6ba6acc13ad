// Corners of what is missing and told: sessions in doubt, filters refused on them, connections that are closing
// already.
#include <gtest/gtest.h>

#include <algorithm>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

// Connected under one client id; every later connection asks with another one, always the same.
struct TwoIds : Scenario {
  TwoIds() {
    api.lifetime = seconds(100);
    EXPECT_TRUE(connect());
    api.same_client_id = true;
    api.client_id = "other";
  }
};

TEST(FaultGap, AFilterThatIsLostOnASessionThatMayHoldItIsTakenOff) {  // R-22, I-20
  TwoIds scene;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  // Granted at the broker, and SUBACK never comes: the session of the new connection may hold it.
  scene.broker.answer_subscribe = false;
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 1; }, minutes(2)));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::ack_timeout);
  scene.broker.answer_subscribe = true;
  scene.broker.suback_reason = [](const std::string&) { return 0x97; };
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(5)));
  scene.world.run_for(seconds(5));
  const auto lost = std::count_if(scene.errors.begin(), scene.errors.end(), [](const ErrorReport& report) {
    return report.error.code() == Errc::suback_failed && report.next_delay == Duration::zero();
  });
  EXPECT_EQ(lost, 1) << "after three refusals it is reported lost";
  ASSERT_EQ(scene.broker.sessions.count("other"), 1U);
  EXPECT_TRUE(scene.broker.sessions["other"].filters.empty()) << "and nobody wants it there";
}

TEST(FaultGap, ASessionThatAnotherProcessHadWhileItWasRestoredIsAskedForAnew) {  // R-32, R-35
  TwoIds scene;
  for (int channel = 0; channel < 9; ++channel) {  // two SUBSCRIBE packets
    ASSERT_TRUE(scene.subscribe({.channel_id = std::to_string(channel)}, [](const Event&) {}).ok());
  }
  const std::size_t before = scene.broker.subscribes.size();
  scene.broker.on_packet = [&](sim::BrokerPeer&, int type) {
    if (type == 8) scene.broker.answer_subscribe = scene.broker.subscribes.size() == before;
  };
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() == before + 2; }, minutes(2)));
  scene.world.run_for(milliseconds(100));
  sim::BrokerPeer* const taken = scene.broker.newest();
  ASSERT_EQ(scene.broker.live().size(), 2U);
  scene.broker.live().front()->cut(sim::Connection::Cut::reset);
  scene.world.run_for(milliseconds(10));
  taken->send_disconnect(0x8E);
  taken->cut(sim::Connection::Cut::orderly);
  scene.broker.on_packet = [](sim::BrokerPeer&, int) {};
  scene.broker.answer_subscribe = true;
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }, minutes(2)));
  ASSERT_EQ(scene.broker.subscribes.size(), before + 4);
  EXPECT_EQ(scene.broker.subscribes[before + 2].size() + scene.broker.subscribes[before + 3].size(), 9U)
      << "those too that it had been granted: the other process may have taken them off";
  EXPECT_EQ(scene.gaps.size(), 1U);
}

TEST(FaultGap, AnOldConnectionThatIsClosingWhenTheNewOneServesIsNotAsked) {  // R-33, I-09
  Scenario scene;
  scene.api.lifetime = seconds(100);
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  scene.broker.suback_delay = seconds(1);
  const std::size_t before = scene.broker.subscribes.size();
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() > before; }, minutes(2)));
  scene.world.run_for(milliseconds(500));
  const std::uint64_t pings = scene.broker.pings;
  sim::BrokerPeer* const old = scene.broker.live().front();
  old->link().stuck = true;  // so that its own Close does not get out
  old->send_frame(8, "\x03\xE9");
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.live().size() == 2 && scene.rt.stats().connections == 2; }));
  scene.world.run_for(seconds(10));
  EXPECT_EQ(scene.rt.stats().swaps, 1U);
  EXPECT_EQ(scene.broker.pings, pings);
  EXPECT_EQ(scene.gaps.size(), 1U) << "nothing says that all had come";
  EXPECT_EQ(scene.host.open_connections(), 1U);
}

// The new connection's PUBACK does not come through, and it is lost while the old one is still read. Its session is
// given up: resumed, it would bring again what the old one has delivered.
TEST(FaultGap, WhatTheOldConnectionDeliveredDoesNotComeAgainWithTheNewOnesSession) {  // R-35, R-39, I-06
  Scenario scene;
  scene.api.lifetime = seconds(100);
  ASSERT_TRUE(scene.connect());
  int events = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
  scene.broker.answer_close = false;
  const std::size_t before = scene.broker.subscribes.size();
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() > before; }, minutes(2)));
  scene.world.run_for(milliseconds(100));
  ASSERT_EQ(scene.broker.live().size(), 2U);
  scene.broker.newest()->link().stuck = true;
  scene.broker.publish(scene.topic("a"), R"({"eventId":"e1"})");
  scene.world.run_for(seconds(2));
  EXPECT_EQ(events, 1);
  ASSERT_EQ(scene.host.open_connections(), 2U) << "DISCONNECT is out on the old one, and its end awaited";
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }, seconds(2)));
  ASSERT_EQ(scene.host.open_connections(), 2U) << "the old one is waited for still";
  scene.world.run_for(seconds(30));
  EXPECT_EQ(events, 1);
  EXPECT_EQ(scene.host.open_connections(), 1U);
  for (const StateChange& change : scene.changes) EXPECT_NE(change.from, change.to) << "its end changes no state";
}

TEST(FaultGap, WhoIsToldOfTheGapOfARefusedFilterMayDestroyTheClient) {  // R-21, R-47
  Scenario scene;
  scene.broker.keep_sessions = false;
  RealtimeOptions options = scene.realtime_options();
  int gaps = 0;
  options.on_gap = [&](const PossibleGap&) {
    if (++gaps != 2) return;
    scene.rt = Realtime();
    scene.client.reset();
  };
  ASSERT_TRUE(scene.connect(std::move(options)));
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  int refusals = 1;
  scene.broker.suback_reason = [&refusals](const std::string&) { return refusals-- > 0 ? 0x97 : 1; };
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  scene.world.run_for(minutes(1));
  EXPECT_EQ(gaps, 2) << "of the session, and of the filter";
  EXPECT_EQ(scene.host.open_connections(), 0U);
}

}  // namespace
}  // namespace axonpush::test
