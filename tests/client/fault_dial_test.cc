// FAULTS 1.2: what goes wrong between the name and the CONNACK, and on a connection that is up, in virtual time.
#include <gtest/gtest.h>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

using sim::BrokerPeer;
using sim::DialPlan;
using sim::SeenConnect;

struct Live : Scenario {
  explicit Live(Duration lifetime = hours(1)) {
    api.lifetime = lifetime;
    EXPECT_TRUE(connect());
  }
  // Cuts the only connection.
  void lose(sim::Connection::Cut how = sim::Connection::Cut::reset) { broker.newest()->cut(how); }
  // Waits for one more reconnect than there has been.
  bool live_again(Duration limit = minutes(5)) {
    const bool back = run_until(
        [&] {
          return rt.stats().reconnects > reconnects_ && rt.state() == ConnectionState::live &&
                 broker.live().size() == 1;
        },
        limit);
    reconnects_ = rt.stats().reconnects;
    return back;
  }

 private:
  std::uint64_t reconnects_ = 0;
};

// Breaks dials to the broker only.
void break_broker(Scenario& scene, DialPlan plan) {
  scene.world.plan = [plan](const Endpoint& endpoint) { return endpoint.port == 8443 ? plan : DialPlan{}; };
}
void heal(Scenario& scene) {
  scene.world.plan = [](const Endpoint&) { return DialPlan{}; };
}

TEST(FaultDial, FailuresOfNameAndTransportAreToldOnTheFirstConnect) {  // R-15, R-16, N-01, N-08
  const Errc codes[] = {Errc::dns_failed,   Errc::connect_failed, Errc::tls_verify,
                        Errc::tls_protocol, Errc::no_fds,         Errc::no_memory};
  for (const Errc code : codes) {
    Scenario scene;
    break_broker(scene, {.fate = DialPlan::Fate::refuse, .error = Error(code, "on purpose")});
    EXPECT_FALSE(scene.connect());
    EXPECT_EQ(scene.connect_error.code(), code);
    scene.world.run_for(hours(1));
    EXPECT_EQ(scene.host.open_connections(), 0U);
    EXPECT_EQ(scene.connect_results.size(), 1U);
  }
}

TEST(FaultDial, TheyBackOffDuringARefreshAndLeaveTheOldConnectionAlone) {  // R-15, R-16, R-34, R-55
  const Errc codes[] = {Errc::dns_failed, Errc::connect_failed, Errc::tls_verify, Errc::no_fds};
  for (const Errc code : codes) {
    Live scene(seconds(200));
    break_broker(scene, {.fate = DialPlan::Fate::refuse, .error = Error(code, "on purpose")});
    ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 3; }, minutes(10)));
    for (const ErrorReport& report : scene.errors) EXPECT_EQ(report.error.code(), code);
    EXPECT_EQ(scene.errors[2].next_delay.seconds(), 30);
    EXPECT_EQ(scene.rt.state(), ConnectionState::live);
    EXPECT_EQ(scene.broker.live().size(), 1U);
    EXPECT_EQ(scene.host.open_connections(), 1U) << "the attempt left something behind";
    heal(scene);
    EXPECT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(3)));
  }
}

struct SilenceRow {
  const char* where;
  void (*silence)(Scenario&);
  std::int64_t seconds;
};
const SilenceRow kSilences[] = {
    {"SYN", [](Scenario& scene) { break_broker(scene, {.fate = DialPlan::Fate::black_hole}); }, 5},
    {"upgrade", [](Scenario& scene) { scene.broker.answer_upgrade = false; }, 10},
    {"CONNACK", [](Scenario& scene) { scene.broker.answer_connect = false; }, 10},
};

TEST(FaultDial, EveryWaitHasAnAbsoluteDeadline) {  // R-16, W-H16
  for (const SilenceRow& row : kSilences) {
    Scenario scene;
    row.silence(scene);
    const Instant start = scene.world.now();
    EXPECT_FALSE(scene.connect());
    EXPECT_EQ(scene.connect_error.code(), Errc::connect_timeout) << row.where;
    EXPECT_LE(scene.world.now() - start, seconds(row.seconds) + milliseconds(50)) << row.where;
    EXPECT_GE(scene.world.now() - start, seconds(row.seconds)) << row.where;
    scene.world.run_for(seconds(1));
    EXPECT_EQ(scene.host.open_connections(), 0U) << row.where;
  }
}

TEST(FaultDial, TenThousandFailedDialsLeaveNothingBehind) {  // R-16
  Live scene(hours(20));
  scene.lose();
  break_broker(scene, {.fate = DialPlan::Fate::refuse});
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() > 10'000; }, hours(24 * 30)));
  EXPECT_LE(scene.host.open_connections(), 1U);
  heal(scene);
  EXPECT_TRUE(scene.live_again());
}

TEST(FaultDial, ARefusedUpgradeMeansFreshCredentials) {  // R-17, W-H01, W-H02
  for (const int status : {401, 403, 302}) {
    Live scene;
    int upgrades = 0;
    scene.broker.upgrade_status = [&] { return upgrades++ == 0 ? status : 101; };
    const std::size_t fetches = scene.api.requests.size();
    scene.world.run_for(seconds(40));
    scene.lose();
    ASSERT_TRUE(scene.live_again()) << status;
    EXPECT_EQ(upgrades, 2);
    EXPECT_EQ(scene.api.requests.size(), fetches + 1) << "the refused URL was presented again";
    EXPECT_EQ(scene.broker.connects.back().user_name, scene.api.last_token);
  }
}

struct HeadRow {
  const char* name;
  std::string (*make)(std::string);
  Errc error;
};
std::string replaced(std::string head, const std::string& from, const std::string& to) {
  const std::size_t at = head.find(from);
  return at == std::string::npos ? head : head.replace(at, from.size(), to);
}
const HeadRow kHeads[] = {
    {"wrong accept",
     [](std::string head) { return replaced(std::move(head), "Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: A"); },
     Errc::ws_handshake},
    {"wrong subprotocol",
     [](std::string head) { return replaced(std::move(head), "Protocol: mqtt", "Protocol: MQTT"); },
     Errc::ws_handshake},
    {"no upgrade", [](std::string head) { return replaced(std::move(head), "Upgrade: websocket\r\n", ""); },
     Errc::ws_handshake},
    {"an extension",
     [](std::string head) {
       return replaced(std::move(head), "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
     },
     Errc::ws_handshake},
    {"bare LF", [](std::string head) { return replaced(std::move(head), "\r\nUpgrade", "\nUpgrade"); },
     Errc::http_malformed},
    {"HTTP/1.0", [](std::string head) { return replaced(std::move(head), "HTTP/1.1", "HTTP/1.0"); },
     Errc::ws_handshake},
};

TEST(FaultDial, AWrongUpgradeAnswerFailsTheAttempt) {  // R-18, W-H03 to W-H08, W-H12, W-H13, W-H20
  for (const HeadRow& row : kHeads) {
    Scenario scene;
    scene.broker.upgrade_head = row.make;
    EXPECT_FALSE(scene.connect()) << row.name;
    EXPECT_EQ(scene.connect_error.code(), row.error) << row.name << ": " << scene.connect_error.what();
    EXPECT_TRUE(scene.broker.connects.empty()) << row.name << ": CONNECT was sent all the same";
  }
}

TEST(FaultDial, ARefusedUpgradeDuringARefreshIsBackedOffFrom) {  // R-18, W-H01
  for (const int status : {404, 426, 429, 500, 503}) {
    Live scene(seconds(200));
    scene.broker.upgrade_status = [&] { return status; };
    ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 3; }, minutes(10))) << status;
    for (std::size_t at = 0; at < 3; ++at) {
      EXPECT_EQ(scene.errors[at].error.code(), Errc::ws_handshake) << status;
      EXPECT_EQ(scene.errors[at].error.number(), static_cast<std::uint32_t>(status));
      EXPECT_EQ(scene.errors[at].attempt, at + 1);
    }
    EXPECT_EQ(scene.errors[2].next_delay.seconds(), 30);
    EXPECT_EQ(scene.rt.state(), ConnectionState::live);
    EXPECT_EQ(scene.host.open_connections(), 1U);
    scene.broker.upgrade_status = [] { return 101; };
    EXPECT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(2))) << status;
  }
  for (const HeadRow& row : kHeads) {
    Live scene(seconds(200));
    scene.broker.upgrade_head = row.make;
    ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 2; }, minutes(10))) << row.name;
    EXPECT_EQ(scene.errors[1].error.code(), row.error) << row.name;
    EXPECT_EQ(scene.errors[1].next_delay.seconds(), 15) << row.name;
    EXPECT_EQ(scene.broker.live().size(), 1U) << row.name;
  }
}

TEST(FaultDial, FramesBehindTheHeadAreNotLostAndNotBelieved) {  // W-H11, W-34, M-55
  Scenario scene;
  // A CONNACK before CONNECT, glued to the head.
  scene.broker.upgrade_head = [](const std::string& head) {
    return head + std::string("\x82\x05\x20\x03\x00\x00\x00", 7);
  };
  EXPECT_FALSE(scene.connect());
  EXPECT_EQ(scene.connect_error.code(), Errc::mqtt_protocol);
}

struct ConnackRow {
  int reason;
  std::size_t fetches;        // for the reconnect that follows the refusal
  std::int64_t wait_seconds;  // at least, until the next attempt
};
const ConnackRow kConnackRows[] = {
    {0x80, 0, 0},  {0x83, 0, 0},  {0x88, 0, 0},  {0x89, 0, 0},  {0x97, 0, 0},  {0x9F, 0, 0},  {0x86, 1, 0},
    {0x87, 1, 0},  {0x8C, 1, 0},  {0x84, 0, 60}, {0x85, 0, 60}, {0x81, 0, 60}, {0x82, 0, 60}, {0x8A, 0, 60},
    {0x90, 0, 60}, {0x95, 0, 60}, {0x99, 0, 60}, {0x9A, 0, 60}, {0x9B, 0, 60}, {0x9C, 1, 0},  {0x9D, 1, 0},
};

TEST(FaultDial, EachConnackRefusalIsMetByItsRule) {  // R-19
  for (const ConnackRow& row : kConnackRows) {
    Scenario first;
    first.broker.connack_reason = [&](const SeenConnect&) { return row.reason; };
    EXPECT_FALSE(first.connect());
    EXPECT_EQ(first.connect_error.code(), Errc::mqtt_refused);
    EXPECT_EQ(first.connect_error.number(), static_cast<std::uint32_t>(row.reason));
    first.world.run_for(hours(1));
    EXPECT_EQ(first.broker.connects.size(), 1U) << "a refused first CONNECT is not retried";

    Live scene;
    scene.world.run_for(seconds(40));
    bool refused = false;
    scene.broker.connack_reason = [&](const SeenConnect&) { return std::exchange(refused, true) ? 0 : row.reason; };
    const std::size_t fetches = scene.api.requests.size();
    scene.lose();
    ASSERT_TRUE(scene.live_again()) << row.reason;
    ASSERT_EQ(scene.broker.connects.size(), 3U) << row.reason;
    EXPECT_EQ(scene.api.requests.size() - fetches, row.fetches) << row.reason;
    EXPECT_GE(scene.broker.connects[2].at - scene.broker.connects[1].at, seconds(row.wait_seconds)) << row.reason;
  }
}

TEST(FaultSubscribe, IntentSurvivesALossBeforeSuback) {  // R-20, mqtt.js #555
  Live scene;
  scene.broker.answer_subscribe = false;
  std::vector<Errc> told;
  ASSERT_TRUE(scene.rt
                  .subscribe(
                      {.channel_id = "a"}, [](const Event&) {},
                      [&](const Status& status) { told.push_back(status.error().code()); })
                  .ok());
  scene.world.run_for(seconds(1));
  scene.broker.keep_sessions = false;
  scene.broker.answer_subscribe = true;
  scene.lose();
  ASSERT_TRUE(scene.live_again());
  EXPECT_TRUE(scene.run_until([&] { return !told.empty(); }, seconds(10)));
  EXPECT_EQ(told, std::vector<Errc>{Errc::none});
  EXPECT_EQ(scene.broker.sessions.begin()->second.filters.size(), 1U);
}

TEST(FaultSubscribe, ARefusedFilterFailsAloneAndIsNotAskedAgain) {  // R-21, M-49
  Live scene;
  scene.broker.suback_reason = [](const std::string& filter) {
    return filter.find("/bad/") != std::string::npos ? 0x87 : 1;
  };
  std::map<std::string, std::pair<Errc, std::uint32_t>> told;
  std::size_t events = 0;
  for (const char* channel : {"one", "bad", "two"}) {
    ASSERT_TRUE(scene.rt
                    .subscribe(
                        {.channel_id = channel}, [&](const Event&) { ++events; },
                        [&told, channel](const Status& status) {
                          told[channel] = {status.error().code(), status.error().number()};
                        })
                    .ok());
  }
  ASSERT_TRUE(scene.run_until([&] { return told.size() == 3; }));
  EXPECT_EQ(told["one"].first, Errc::none);
  EXPECT_EQ(told["two"].first, Errc::none);
  EXPECT_EQ(told["bad"], (std::pair{Errc::suback_failed, 0x87U}));
  const std::size_t packets = scene.broker.subscribes.size();
  scene.world.run_for(minutes(30));
  EXPECT_EQ(scene.broker.subscribes.size(), packets);
  scene.broker.publish(scene.topic("two"), "{}");
  EXPECT_TRUE(scene.run_until([&] { return events == 1; }));
}

TEST(FaultSubscribe, AQuotaRefusalIsTriedThreeTimesMore) {  // R-21
  Live scene;
  int asked = 0;
  scene.broker.suback_reason = [&](const std::string&) {
    ++asked;
    return 0x97;
  };
  Errc told = Errc::none;
  ASSERT_TRUE(
      scene.rt
          .subscribe(
              {.channel_id = "a"}, [](const Event&) {}, [&](const Status& status) { told = status.error().code(); })
          .ok());
  ASSERT_TRUE(scene.run_until([&] { return told != Errc::none; }, minutes(5)));
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(told, Errc::suback_failed);
}

// It waits to be asked for again, on whichever connection serves by then: what came meanwhile came for nobody.
TEST(FaultSubscribe, WhatCameForAFilterThatWasRefusedForNowLiesInAGap) {  // R-21, I-09
  for (const bool swapped : {false, true}) {
    Live scene;
    scene.broker.keep_sessions = false;
    std::size_t events = 0;
    ASSERT_TRUE(scene.subscribe({.channel_id = "keep"}, [](const Event&) {}).ok());
    ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
    int refusals = swapped ? 2 : 1;
    scene.broker.suback_reason = [&refusals](const std::string& filter) {
      return filter.find("/a/") != std::string::npos && refusals-- > 0 ? 0x97 : 1;
    };
    scene.lose();
    ASSERT_TRUE(scene.live_again());
    ASSERT_EQ(scene.gaps.size(), 1U) << "of the session";
    if (swapped) {
      scene.world.run_for(seconds(5) + milliseconds(10));
      ASSERT_EQ(refusals, 0) << "and 15 s to wait for";
      ASSERT_TRUE(scene.rt.refresh_now().ok());
      ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, seconds(10)));
    }
    const Instant taken = scene.world.now();
    scene.broker.publish(scene.topic("a"), "{}");
    ASSERT_TRUE(scene.run_until([&] { return scene.gaps.size() == 2; }, seconds(20)));
    EXPECT_EQ(events, 0U);
    EXPECT_LE(scene.gaps[1].from, scene.gaps[0].to) << "where that of the session ends";
    EXPECT_GE(scene.gaps[1].from, scene.gaps[0].from);
    EXPECT_GE(scene.gaps[1].to, taken);
    EXPECT_EQ(scene.gaps[1].to, scene.world.now());
    EXPECT_TRUE(scene.errors.empty() || scene.errors.back().error.code() != Errc::suback_failed);
    scene.broker.publish(scene.topic("a"), "{}");
    EXPECT_TRUE(scene.run_until([&] { return events == 1; }, seconds(1)));
    scene.world.run_for(minutes(1));
    EXPECT_EQ(scene.gaps.size(), 2U);
  }
}

TEST(FaultSubscribe, AFilterThatNobodyWasToldOfLeavesNoGap) {  // R-21
  for (const bool wanted : {true, false}) {
    Live scene;
    int refusals = 1;
    scene.broker.suback_reason = [&refusals](const std::string&) { return refusals-- > 0 ? 0x97 : 1; };
    if (wanted) {
      EXPECT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
    } else {
      // It stood, and is taken off while it waits to be asked for again.
      refusals = 0;
      ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
      scene.broker.keep_sessions = false;
      refusals = 1;
      scene.lose();
      ASSERT_TRUE(scene.live_again());
      ASSERT_EQ(scene.gaps.size(), 1U);
      scene.gaps.clear();
      ASSERT_TRUE(scene.rt.unsubscribe(SubscribeFilter{.channel_id = "a"}).ok());
      scene.world.run_for(seconds(1));
      EXPECT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
    }
    scene.world.run_for(minutes(1));
    EXPECT_TRUE(scene.gaps.empty());
  }
}

TEST(FaultSubscribe, AFilterRefusedOnTheNewConnectionHoldsUpTheSwapThreeTimes) {  // R-22
  Live scene(seconds(200));
  std::size_t events = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "keep"}, [&](const Event&) { ++events; }).ok());
  ASSERT_TRUE(scene.subscribe({.channel_id = "bad"}, [](const Event&) {}).ok());
  scene.broker.suback_reason = [](const std::string& filter) {
    return filter.find("/bad/") != std::string::npos ? 0x87 : 1;
  };
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 2; }, minutes(10)));
  EXPECT_EQ(scene.rt.stats().swaps, 0U) << "twice the old connection is kept";
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(10)));
  std::size_t lost = 0;
  for (const ErrorReport& report : scene.errors)
    lost += report.error.code() == Errc::suback_failed && report.attempt == 3 && report.next_delay == Duration::zero();
  EXPECT_EQ(lost, 1U) << "reported lost exactly once";
  scene.broker.publish(scene.topic("keep"), "{}");
  EXPECT_TRUE(scene.run_until([&] { return events == 1; }));
  const std::size_t errors = scene.errors.size();
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 3; }, minutes(20)));
  EXPECT_EQ(scene.errors.size(), errors) << "it holds up no later swap";
}

TEST(FaultSubscribe, SeveralRefusedFiltersHoldUpTheSwapNoLongerThanOne) {  // R-22
  Live scene(seconds(200));
  for (int n = 0; n < 20; ++n) {
    const std::string channel = "c" + std::to_string(n);
    ASSERT_TRUE(scene.subscribe({.channel_id = channel}, [](const Event&) {}).ok());
  }
  // One in each of the three packets, and two in the last.
  scene.broker.suback_reason = [](const std::string& filter) {
    for (const char* bad : {"/c1/", "/c9/", "/c17/", "/c18/"}) {
      if (filter.find(bad) != std::string::npos) return 0x87;
    }
    return 1;
  };
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(10)));
  std::size_t lost = 0;
  for (const ErrorReport& report : scene.errors) lost += report.attempt == 3 && report.next_delay == Duration::zero();
  EXPECT_EQ(lost, 4U) << "each reported lost once";
  EXPECT_EQ(scene.errors.size(), 6U) << "two attempts held up, and the four";
}

TEST(FaultSubscribe, ASubackThatNeverComesOnTheNewConnectionKeepsTheOldOne) {  // R-23
  Live scene(seconds(200));
  std::size_t events = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
  scene.broker.answer_subscribe = false;
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 1; }, minutes(10)));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::ack_timeout);
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
  scene.broker.publish(scene.topic("a"), "{}");
  EXPECT_TRUE(scene.run_until([&] { return events == 1; }));
  scene.broker.answer_subscribe = true;
  EXPECT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(2)));
}

TEST(FaultSubscribe, EventsBetweenConnackAndSubackAreDelivered) {  // R-24, hivemq #254
  Live scene;
  std::vector<std::string> events;
  ASSERT_TRUE(
      scene.subscribe({.channel_id = "a"}, [&](const Event& event) { events.emplace_back(event.text()); }).ok());
  const std::string id = scene.broker.newest()->client_id();
  scene.lose();
  scene.run_until([&] { return scene.broker.sessions[id].peer == nullptr; });
  scene.broker.publish(scene.topic("a"), R"({"n":1})");
  ASSERT_TRUE(scene.live_again());
  EXPECT_TRUE(scene.run_until([&] { return events.size() == 1; }, seconds(5)));
}

TEST(FaultLink, APeerThatVanishesIsNoticed) {  // R-25, R-12
  for (const bool publishing : {false, true}) {
    Live scene;
    scene.broker.newest()->link().frozen = true;
    const Instant start = scene.world.now();
    std::function<void()> publish = [&] {
      static_cast<void>(scene.rt.publish({.channel_id = "a", .identifier = "i", .payload = "{}"}));
      scene.world.after(seconds(1), publish);
    };
    if (publishing) publish();
    ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, minutes(5)));
    EXPECT_EQ(scene.errors[0].error.code(), Errc::keepalive_timeout) << publishing;
    EXPECT_LE(scene.world.now() - start, seconds(46)) << "keep alive and the deadline of PINGRESP";
    EXPECT_TRUE(scene.live_again());
  }
}

TEST(FaultLink, AnyByteProvesThePath) {  // R-26
  Live scene;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  scene.broker.answer_ping = false;
  for (int second = 0; second < 600; second += 5) {
    scene.broker.publish(scene.topic("a"), "{}");
    scene.world.run_for(seconds(5));
  }
  EXPECT_TRUE(scene.errors.empty());
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, seconds(50)));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::keepalive_timeout);
}

TEST(FaultLink, ABrokerThatDripsAPacketIsCut) {  // R-27
  Live scene;
  BrokerPeer* peer = scene.broker.newest();
  const std::string publish = std::string("\x82\x14\x30\x12\x00\x03") + "a/b" + std::string(1, '\0') + "0123456789ab";
  for (std::size_t at = 0; at < publish.size() - 1; ++at) {
    scene.world.after(seconds(static_cast<std::int64_t>(at) * 4), [&scene, peer, byte = publish.substr(at, 1)] {
      if (!scene.broker.live().empty() && scene.broker.newest() == peer) peer->send_raw(byte);
    });
  }
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, minutes(2)));
  EXPECT_TRUE(scene.live_again());
}

struct DisconnectRow {
  int reason;
  Errc error;
  std::size_t fetches;
};
const DisconnectRow kDisconnectRows[] = {
    {0x00, Errc::server_disconnect, 0}, {0x80, Errc::server_disconnect, 0}, {0x81, Errc::server_disconnect, 0},
    {0x82, Errc::server_disconnect, 0}, {0x83, Errc::server_disconnect, 0}, {0x87, Errc::server_disconnect, 1},
    {0x89, Errc::server_disconnect, 0}, {0x8B, Errc::server_disconnect, 0}, {0x8D, Errc::server_disconnect, 0},
    {0x8F, Errc::server_disconnect, 0}, {0x90, Errc::server_disconnect, 0}, {0x93, Errc::server_disconnect, 0},
    {0x94, Errc::server_disconnect, 0}, {0x95, Errc::server_disconnect, 0}, {0x96, Errc::server_disconnect, 0},
    {0x97, Errc::server_disconnect, 0}, {0x98, Errc::server_disconnect, 0}, {0x99, Errc::server_disconnect, 0},
    {0x9A, Errc::server_disconnect, 0}, {0x9B, Errc::server_disconnect, 0}, {0x9C, Errc::server_disconnect, 1},
    {0x9D, Errc::server_disconnect, 1}, {0x9E, Errc::server_disconnect, 0}, {0x9F, Errc::server_disconnect, 0},
    {0xA0, Errc::server_disconnect, 1}, {0xA1, Errc::server_disconnect, 0}, {0xA2, Errc::server_disconnect, 0},
};

TEST(FaultLink, EachServerDisconnectIsMetByItsRule) {  // R-29, M-62
  for (const DisconnectRow& row : kDisconnectRows) {
    Live scene;
    scene.world.run_for(seconds(40));
    const std::size_t fetches = scene.api.requests.size();
    scene.broker.newest()->send_disconnect(row.reason);
    ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, seconds(10))) << row.reason;
    EXPECT_EQ(scene.errors[0].error.code(), row.error) << row.reason;
    EXPECT_EQ(scene.errors[0].error.number(), static_cast<std::uint32_t>(row.reason));
    ASSERT_TRUE(scene.live_again()) << row.reason;
    EXPECT_EQ(scene.api.requests.size() - fetches, row.fetches) << row.reason;
  }
}

TEST(FaultLink, CutsOfEveryKindAreALossAndNothingMore) {  // R-28, W-22, W-26
  const std::string half = std::string("\x82\x14\x30\x12\x00\x03") + "a/b";
  for (const bool partial : {false, true}) {
    for (const auto cut : {sim::Connection::Cut::orderly, sim::Connection::Cut::reset}) {
      Live scene;
      std::size_t events = 0;
      ASSERT_TRUE(scene.rt.on_event([&](const Event&) { ++events; }).ok());
      scene.world.run_for(seconds(40));
      if (partial) scene.broker.newest()->send_raw(half);
      scene.lose(cut);
      ASSERT_TRUE(scene.live_again());
      EXPECT_EQ(events, 0U) << "half a packet was delivered";
      EXPECT_EQ(scene.errors.size(), 1U);
      EXPECT_EQ(scene.errors[0].error.code(), Errc::connection_lost);
    }
  }
  for (const int code : {1000, 1001, 1011, 1012, 1013, 4000}) {
    Live scene;
    scene.world.run_for(seconds(40));
    scene.broker.newest()->send_frame(8, {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)});
    ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, seconds(10)));
    EXPECT_EQ(scene.errors[0].error.code(), Errc::server_closed);
    EXPECT_EQ(scene.errors[0].error.number(), static_cast<std::uint32_t>(code));
    EXPECT_TRUE(scene.live_again());
  }
}

TEST(FaultLink, FlappingIsSlowedDown) {  // R-30
  Live scene(hours(24));
  std::function<void()> flap = [&] {
    if (BrokerPeer* peer = scene.broker.newest()) peer->cut(sim::Connection::Cut::reset);
    scene.world.after(seconds(1), flap);
  };
  scene.world.after(seconds(1), flap);
  scene.world.run_for(hours(10));
  const std::size_t connects = scene.broker.connects.size();
  EXPECT_LE(connects, 1'250U) << "a mean of about 30 s between connects";
  EXPECT_GE(connects, 600U);
}

struct FrameRow {
  const char* name;
  std::string bytes;  // raw, after CONNACK
  Errc error;
  int close_code;
};

TEST(FaultLink,
     ViolationsOfTheFramingFailTheConnectionWithTheirCode) {  // W-01 to W-14, C(n), the client's side of them
  const FrameRow rows[] = {
      {"reserved bit", std::string("\xC2\x00", 2), Errc::ws_protocol, 1002},
      {"masked", std::string("\x82\x80\x00\x00\x00\x00", 6), Errc::ws_protocol, 1002},
      {"text",
       std::string("\x81\x01"
                   "a"),
       Errc::ws_unsupported, 1003},
      {"too big", std::string("\x82\x7F\x00\x00\x00\x01\x00\x00\x00\x00", 10), Errc::ws_too_big, 1009},
      {"malformed packet", std::string("\x82\x02\x00\x00", 4), Errc::mqtt_malformed, 1000},
      {"second CONNACK", std::string("\x82\x05\x20\x03\x00\x00\x00", 7), Errc::mqtt_protocol, 1000},
      {"QoS 2",
       std::string("\x82\x0A\x34\x08\x00\x01"
                   "a"
                   "\x00\x01\x00"
                   "xx",
                   12),
       Errc::mqtt_protocol, 1000},
      {"AUTH", std::string("\x82\x02\xF0\x00", 4), Errc::mqtt_protocol, 1000},
  };
  for (const FrameRow& row : rows) {  // M-01, M-12, M-53, M-54, M-60
    Live scene;
    scene.broker.newest()->send_raw(row.bytes);
    ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, seconds(10))) << row.name;
    EXPECT_EQ(scene.errors[0].error.code(), row.error) << row.name << ": " << scene.errors[0].error.what();
    EXPECT_TRUE(scene.live_again()) << row.name;
  }
}

}  // namespace
}  // namespace axonpush::test
