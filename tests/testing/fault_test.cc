// What the loopback service can be told to do wrong, as its users' tests will use it.
#include <gtest/gtest.h>

#include "testing/raw_client.h"

namespace {

using axonpush::milliseconds;
using axonpush::mqtt::PacketType;
using axonpush::mqtt::Qos;
using axonpush::mqtt::ReasonCode;
using axonpush::testing::LoopbackAnswer;
using raw::Client;
using raw::LoopbackService;
using raw::LoopbackStats;
using raw::Wire;

constexpr char kTopic[] = "axonpush/org_loopback/prod/app_1/ch_1/agent_start/agent_1";
constexpr char kEverything[] = "axonpush/org_loopback/+/+/+/+/+";
constexpr char kChannelOne[] = "axonpush/org_loopback/+/+/ch_1/+/+";
constexpr char kChannelTwo[] = "axonpush/org_loopback/+/+/ch_2/+/+";

class LoopbackFault : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(service.status().ok()); }
  [[nodiscard]] ReasonCode open(Client& client, const char* id = "client") const {
    return client.connect({.client_id = id, .user_name = service.api_key()});
  }
  LoopbackService service;
};

TEST_F(LoopbackFault, ConnackIsRefusedAsOftenAsTold) {
  service.fail_next_connack(ReasonCode::server_busy, 2);
  for (const ReasonCode expected : {ReasonCode::server_busy, ReasonCode::server_busy, ReasonCode::success}) {
    Client client(service);
    EXPECT_EQ(open(client), expected);
  }
}

TEST_F(LoopbackFault, UpgradeIsRefusedAsOftenAsTold) {
  service.refuse_upgrade(403);
  EXPECT_EQ(Client(service).status(), 403);
  EXPECT_EQ(Client(service).status(), 101);
}

TEST_F(LoopbackFault, FilterIsRefusedByPart) {
  Client client(service);
  ASSERT_EQ(open(client), ReasonCode::success);
  service.refuse_filter("/ch_1/", ReasonCode::quota_exceeded, 1);
  EXPECT_EQ(client.subscribe_all({kChannelOne, kChannelTwo}), (std::vector<std::uint8_t>{0x97, 0x01}));
  EXPECT_EQ(client.subscribe(kChannelOne), ReasonCode::granted_qos_1);
  service.refuse_filter("", ReasonCode::not_authorized);
  EXPECT_EQ(client.subscribe(kChannelTwo), ReasonCode::not_authorized);
  EXPECT_EQ(client.subscribe(kChannelTwo), ReasonCode::not_authorized);
  service.allow_filters();
  EXPECT_EQ(client.subscribe(kChannelTwo), ReasonCode::granted_qos_1);
}

TEST_F(LoopbackFault, PublishIsRefused) {
  Client client(service);
  ASSERT_EQ(open(client), ReasonCode::success);
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
  service.refuse_publish(ReasonCode::quota_exceeded);
  EXPECT_EQ(client.publish(kTopic, "lost"), ReasonCode::quota_exceeded);
  EXPECT_EQ(client.publish(kTopic, "kept"), ReasonCode::success);
  EXPECT_EQ(client.next_payload(), "kept");
}

TEST_F(LoopbackFault, ConnectionDiesBeforeSuback) {
  service.kill_before_suback();
  Client client(service);
  ASSERT_EQ(open(client), ReasonCode::success);
  EXPECT_TRUE(client.subscribe_all({kEverything}).empty());
  EXPECT_FALSE(client.wire().ended_in_order());
  EXPECT_FALSE(client.wire().timed_out());
  EXPECT_EQ(service.stats().filters_granted, 0U);
  Client next(service);
  ASSERT_EQ(open(next), ReasonCode::success);
  EXPECT_EQ(next.subscribe(kEverything), ReasonCode::granted_qos_1);
}

TEST_F(LoopbackFault, ConnectionDiesBeforePubackAndTheEventWentOut) {
  Client watcher(service);
  ASSERT_EQ(open(watcher, "watcher"), ReasonCode::success);
  ASSERT_EQ(watcher.subscribe(kEverything), ReasonCode::granted_qos_1);
  service.kill_before_puback();
  Client client(service);
  ASSERT_EQ(open(client), ReasonCode::success);
  EXPECT_EQ(client.publish(kTopic, "x"), ReasonCode::unspecified_error) << "no PUBACK came";
  EXPECT_EQ(watcher.next_payload(), "x");
}

TEST_F(LoopbackFault, DeliveriesAreDoubledAndLost) {
  Client client(service);
  ASSERT_EQ(open(client), ReasonCode::success);
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
  service.duplicate_deliveries(1);
  ASSERT_TRUE(service.publish(kTopic, "twice").ok());
  service.lose_deliveries(2);
  ASSERT_TRUE(service.publish(kTopic, "never", {.count = 2}).ok());
  ASSERT_TRUE(service.publish(kTopic, "once").ok());
  for (const char* expected : {"twice", "twice", "once"}) EXPECT_EQ(client.next_payload(), expected);
}

TEST_F(LoopbackFault, ConnectionsAreDroppedInThreeWays) {
  Client reset(service);
  ASSERT_EQ(open(reset), ReasonCode::success);
  service.drop_connections();
  EXPECT_FALSE(reset.next().has_value());
  EXPECT_FALSE(reset.wire().ended_in_order());

  Client ended(service);
  ASSERT_EQ(open(ended), ReasonCode::success);
  service.drop_connections(LoopbackService::Drop::end);
  EXPECT_FALSE(ended.next().has_value());
  EXPECT_TRUE(ended.wire().ended_in_order());
  EXPECT_EQ(ended.close_code, 0);

  Client told(service);
  ASSERT_EQ(open(told), ReasonCode::success);
  service.disconnect_clients(ReasonCode::server_shutting_down);
  const auto notice = told.next();
  ASSERT_TRUE(notice.has_value());
  EXPECT_EQ(notice->packet.notice.reason_code, ReasonCode::server_shutting_down);

  Client closed(service);
  ASSERT_EQ(open(closed), ReasonCode::success);
  service.close_clients(1012);
  EXPECT_FALSE(closed.next().has_value());
  EXPECT_EQ(closed.close_code, 1012);
}

TEST_F(LoopbackFault, WebSocketPingIsAnswered) {
  Client client(service);
  ASSERT_EQ(open(client), ReasonCode::success);
  service.ping_clients();
  ASSERT_TRUE(service.publish(kTopic, "x").ok());
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);  // reads past the PING
  EXPECT_EQ(client.pings, 1U);
  EXPECT_TRUE(service.wait_until(&LoopbackStats::pongs, 1));
}

TEST_F(LoopbackFault, PingRequestsAreIgnored) {
  service.ignore_pings(true);
  Client client(service);
  ASSERT_EQ(open(client), ReasonCode::success);
  const std::uint8_t ping[] = {0xC0, 0x00};
  client.send_packet(ping);
  ASSERT_TRUE(service.wait_until(&LoopbackStats::pings, 1));
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1) << "SUBACK comes first: no PINGRESP was sent";
}

TEST_F(LoopbackFault, ForgottenSessionIsNotPresent) {
  {
    Client client(service);
    ASSERT_EQ(client.connect({.client_id = "a", .user_name = service.api_key(), .session_expiry = 300}),
              ReasonCode::success);
    client.disconnect();
    ASSERT_TRUE(service.wait_until_at_most(&LoopbackStats::live_clients, 0));
  }
  service.forget_sessions();
  Client client(service);
  ASSERT_EQ(client.connect({.client_id = "a", .user_name = service.api_key(), .clean_start = false}),
            ReasonCode::success);
  EXPECT_FALSE(client.last->packet.connack.session_present);
}

TEST_F(LoopbackFault, EveryAnswerCanBeLateAndTheOrderIsKept) {
  service.delay(milliseconds(15));
  Client client(service);
  // SUBSCRIBE right behind CONNECT: it waits for the late CONNACK.
  ASSERT_EQ(open(client), ReasonCode::success);
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
  ASSERT_EQ(client.publish(kTopic, "1"), ReasonCode::success);
  ASSERT_TRUE(service.publish(kTopic, "2", {.count = 10}).ok());
  service.delay(milliseconds(0));
  ASSERT_TRUE(service.publish(kTopic, "3").ok());
  EXPECT_EQ(client.next_payload(), "1");
  for (int index = 0; index < 10; ++index) EXPECT_EQ(client.next_payload(), "2");
  EXPECT_EQ(client.next_payload(), "3");
  EXPECT_EQ(client.unsubscribe(kEverything), ReasonCode::success);
}

TEST_F(LoopbackFault, EventMayComeBeforeALateSuback) {
  service.delay_suback(milliseconds(50));
  Client client(service);
  ASSERT_EQ(open(client), ReasonCode::success);
  axonpush::mqtt::SubscriptionRequest request;
  request.topic_filter = kEverything;
  request.qos_max = Qos::at_least_once;
  std::uint8_t packet[128];
  client.send_packet(axonpush::Bytes(packet).first(axonpush::mqtt::encode_subscribe(packet, 1, {}, {&request, 1})));
  ASSERT_TRUE(service.wait_until(&LoopbackStats::filters_granted, 1));
  ASSERT_TRUE(service.publish(kTopic, "early").ok());
  const auto first = client.next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->type(), PacketType::publish);
  const auto second = client.next();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->type(), PacketType::suback);
}

TEST_F(LoopbackFault, LatePubacksCountAgainstReceiveMaximum) {
  service.delay(LoopbackAnswer::puback, axonpush::seconds(5));
  Client client(service);
  ASSERT_EQ(open(client), ReasonCode::success);
  axonpush::mqtt::Publish publish;
  publish.topic = kTopic;
  publish.qos = Qos::at_least_once;
  std::uint8_t packet[128];
  for (std::uint16_t id = 1; id <= 101; ++id) {
    publish.packet_id = id;
    client.send_packet(axonpush::Bytes(packet).first(axonpush::mqtt::encode_publish(packet, publish)));
  }
  const auto notice = client.next();
  ASSERT_TRUE(notice.has_value());
  ASSERT_EQ(notice->type(), PacketType::disconnect);
  EXPECT_EQ(notice->packet.notice.reason_code, ReasonCode::receive_maximum_exceeded);
  EXPECT_EQ(service.stats().publishes, 100U);
}

TEST_F(LoopbackFault, FrozenServiceSaysNothingUntilItThaws) {
  Client client(service);
  ASSERT_EQ(open(client), ReasonCode::success);
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
  service.freeze(true);
  ASSERT_TRUE(service.publish(kTopic, "late").ok());
  const auto sent_before = service.stats().bytes_out;
  const std::uint8_t ping[] = {0xC0, 0x00};
  client.send_packet(ping);
  // TCP takes a new connection, nobody answers on it.
  service.freeze(true);
  EXPECT_EQ(service.stats().bytes_out, sent_before);
  EXPECT_EQ(service.stats().pings, 0U);
  service.freeze(false);
  EXPECT_EQ(client.next_payload(), "late");
  EXPECT_TRUE(client.next_of(PacketType::pingresp).has_value());
}

TEST_F(LoopbackFault, LifetimeCanChangeWhileRunning) {
  service.credentials_lifetime(axonpush::Duration::zero());
  Client client(service);
  EXPECT_EQ(client.connect({.client_id = "a", .user_name = raw::fetch(service).member("authToken")}),
            ReasonCode::not_authorized);
}

TEST_F(LoopbackFault, WaitingEndsWhenNothingHappens) {
  EXPECT_FALSE(service.wait_until(&LoopbackStats::connects, 1, milliseconds(20)));
  EXPECT_TRUE(service.wait_until_at_most(&LoopbackStats::connects, 0, milliseconds(0)));
}

}  // namespace
