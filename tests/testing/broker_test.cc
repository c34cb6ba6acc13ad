// The broker of the loopback service: upgrade, CONNECT, topics, subscriptions, QoS 0 and 1, sessions.
#include <gtest/gtest.h>

#include <algorithm>

#include "testing/raw_client.h"

namespace {

using axonpush::mqtt::PacketType;
using axonpush::mqtt::Property;
using axonpush::mqtt::Qos;
using axonpush::mqtt::ReasonCode;
using raw::Client;
using raw::fetch;
using raw::LoopbackOptions;
using raw::LoopbackService;
using raw::LoopbackStats;
using raw::Received;
using raw::Wire;

constexpr char kTopic[] = "axonpush/org_loopback/prod/app_1/ch_1/agent_start/agent_1";
constexpr char kOther[] = "axonpush/org_loopback/prod/app_1/ch_2/agent_start/agent_1";
constexpr char kChannelOne[] = "axonpush/org_loopback/+/+/ch_1/+/+";
constexpr char kEverything[] = "axonpush/org_loopback/+/+/+/+/+";

// Connected with the API key.
struct Connected : Client {
  explicit Connected(const LoopbackService& service, raw::ConnectOptions options = {}) : Client(service) {
    if (options.client_id.empty()) options.client_id = "client-" + std::to_string(++number);
    if (options.user_name.empty()) options.user_name = service.api_key();
    EXPECT_EQ(connect(options), ReasonCode::success);
  }
  static inline int number = 0;
};

// The reason of the DISCONNECT that comes next, and the Close frame behind it.
ReasonCode disconnect_reason(Client& client) {
  const auto received = client.next_of(PacketType::disconnect);
  EXPECT_TRUE(received.has_value());
  if (!received) return ReasonCode::success;
  EXPECT_FALSE(client.next().has_value());
  EXPECT_EQ(client.close_code, 1000);
  return received->packet.notice.reason_code;
}

// --- Upgrade

TEST(LoopbackUpgrade, AnswersMqttToEveryListThatHoldsIt) {
  const LoopbackService service;
  struct Row {
    const char* offered;
    int status;
    bool named;
  };
  const Row rows[] = {
      {"mqtt", 101, true},      {"mqtt, mqttv5.0", 101, true}, {"mqttv5.0,mqtt", 101, true},
      {"mqttv5.0", 400, false}, {"mqttv3.1", 400, false},      {"", 101, false},
  };
  for (const Row& row : rows) {
    Client client(service, row.offered);
    EXPECT_EQ(client.status(), row.status) << row.offered;
    EXPECT_EQ(client.upgrade_head().find("Sec-WebSocket-Protocol: mqtt\r\n") != std::string::npos, row.named)
        << row.offered;
  }
}

TEST(LoopbackUpgrade, JudgesPathAndQuery) {
  const LoopbackService service;
  EXPECT_EQ(Client(service, "mqtt", "/mqtt").status(), 101);
  EXPECT_EQ(Client(service, "mqtt", "/mqtt?x-amz-customauthorizer-name=axonpush-loopback").status(), 101);
  EXPECT_EQ(Client(service, "mqtt", "/mqtt?x-amz-customauthorizer-name=other").status(), 403);
  EXPECT_EQ(Client(service, "mqtt", "/").status(), 404);
}

TEST(LoopbackUpgrade, RefusesWhatIsNoUpgrade) {
  const LoopbackService service;
  Wire wire(service.broker_port(), service.ca_pem());
  ASSERT_TRUE(wire.send("GET /mqtt HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(wire.receive_all().substr(0, 12), "HTTP/1.1 400");
}

// --- CONNECT

TEST(LoopbackConnect, TokenOfTheEndpointOpensAndWrongOnesDoNot) {
  const LoopbackService service;
  const std::string token = fetch(service).member("authToken");
  EXPECT_EQ(Client(service).connect({.client_id = "a", .user_name = token}), ReasonCode::success);
  EXPECT_EQ(Client(service).connect({.client_id = "b", .user_name = service.api_key()}), ReasonCode::success);
  EXPECT_EQ(Client(service).connect({.client_id = "c", .user_name = token + "x"}),
            ReasonCode::bad_user_name_or_password);
  EXPECT_EQ(Client(service).connect({.client_id = "d"}), ReasonCode::bad_user_name_or_password);
  EXPECT_EQ(service.stats().connects_refused, 2U);
}

TEST(LoopbackConnect, ExpiredCredentialsOpenNothingAndTheOpenConnectionLivesOn) {
  LoopbackService service;
  const std::string token = fetch(service).member("authToken");
  Client client(service);
  ASSERT_EQ(client.connect({.client_id = "a", .user_name = token}), ReasonCode::success);
  service.expire_now();
  EXPECT_EQ(Client(service).connect({.client_id = "b", .user_name = token}), ReasonCode::not_authorized);
  EXPECT_EQ(client.subscribe(kChannelOne), ReasonCode::granted_qos_1);
  const std::string fresh = fetch(service).member("authToken");
  EXPECT_EQ(Client(service).connect({.client_id = "c", .user_name = fresh}), ReasonCode::success);
}

TEST(LoopbackConnect, LifetimeOfZeroIsExpiredAtOnce) {
  const LoopbackService service({.credentials_lifetime = axonpush::Duration::zero()});
  const std::string token = fetch(service).member("authToken");
  EXPECT_EQ(Client(service).connect({.client_id = "a", .user_name = token}), ReasonCode::not_authorized);
}

TEST(LoopbackConnect, ConnackAnnouncesTheLimits) {
  const LoopbackService service({.server_keep_alive = 77, .session_expiry_max = 100});
  Client client(service);
  ASSERT_EQ(client.connect({.user_name = service.api_key(), .session_expiry = 5000}), ReasonCode::success);
  const auto& properties = client.last->packet.connack.properties;
  EXPECT_EQ(properties.integer(Property::receive_maximum, 0), 100U);
  EXPECT_EQ(properties.integer(Property::maximum_packet_size, 0), 149'504U);
  EXPECT_EQ(properties.integer(Property::maximum_qos, 9), 1U);
  EXPECT_EQ(properties.integer(Property::topic_alias_maximum, 0), 8U);
  EXPECT_EQ(properties.integer(Property::server_keep_alive, 0), 77U);
  EXPECT_EQ(properties.integer(Property::session_expiry_interval, 0), 100U);
  EXPECT_EQ(properties.integer(Property::subscription_identifier_available, 9), 0U);
  EXPECT_FALSE(properties.text(Property::assigned_client_identifier).empty()) << "the client id was empty";
}

TEST(LoopbackConnect, RefusesBadClientIds) {
  const LoopbackService service;
  for (const std::string& id : {std::string("$id"), std::string(129, 'a')}) {
    EXPECT_EQ(Client(service).connect({.client_id = id, .user_name = service.api_key()}),
              ReasonCode::client_identifier_not_valid);
  }
  EXPECT_EQ(Client(service).connect({.client_id = std::string(128, 'a'), .user_name = service.api_key()}),
            ReasonCode::success);
}

TEST(LoopbackConnect, AnythingElseFirstIsTheEnd) {
  const LoopbackService service;
  Client client(service);
  const std::uint8_t ping[] = {0xC0, 0x00};
  client.send_packet(ping);
  EXPECT_FALSE(client.next().has_value());
  EXPECT_EQ(client.close_code, 1000);
}

TEST(LoopbackConnect, UnmaskedFrameIsRefused) {
  const LoopbackService service;
  Client client(service);
  const std::uint8_t frame[] = {0x82, 0x02, 0xC0, 0x00};
  ASSERT_TRUE(client.wire().send(frame));
  EXPECT_FALSE(client.next().has_value());
  EXPECT_EQ(client.close_code, 1002);
}

// --- Topics and subscriptions

TEST(LoopbackSubscribe, JudgesFiltersByTheTopicRules) {
  const LoopbackService service;
  Connected client(service);
  struct Row {
    const char* filter;
    ReasonCode reason;
  };
  const Row rows[] = {
      {kEverything, ReasonCode::granted_qos_1},
      {kTopic, ReasonCode::granted_qos_1},
      {"axonpush/org_loopback/#", ReasonCode::granted_qos_1},
      {"axonpush/org_loopback/prod/app_1/#", ReasonCode::granted_qos_1},
      {"axonpush/org_loopback/a/b/c/d/e/#", ReasonCode::granted_qos_1},
      {"axonpush/org_other/+/+/+/+/+", ReasonCode::not_authorized},
      {"axonpush/+/+/+/+/+/+", ReasonCode::not_authorized},
      {"axonpush/org_loopback2/+/+/+/+/+", ReasonCode::not_authorized},
      {"#", ReasonCode::not_authorized},
      {"axonpush/org_loopback", ReasonCode::not_authorized},
      {"axonpush/org_loopback/+/+/+/+", ReasonCode::topic_filter_invalid},
      {"axonpush/org_loopback/+/+/+/+/+/+", ReasonCode::topic_filter_invalid},
      {"axonpush/org_loopback/+/+/a.b/+/+", ReasonCode::topic_filter_invalid},
      {"axonpush/org_loopback/+//+/+/+", ReasonCode::topic_filter_invalid},
      {"$share/g/axonpush/org_loopback/#", ReasonCode::shared_subscriptions_not_supported},
  };
  for (const Row& row : rows) EXPECT_EQ(client.subscribe(row.filter), row.reason) << row.filter;
  EXPECT_EQ(client.subscribe(kTopic, Qos::at_most_once), ReasonCode::success) << "granted QoS 0";
}

TEST(LoopbackSubscribe, NineFiltersCloseTheConnection) {
  const LoopbackService service;
  Connected client(service);
  std::vector<std::string> filters;
  for (int index = 0; index < 8; ++index) {
    filters.push_back("axonpush/org_loopback/+/+/ch_" + std::to_string(index) + "/+/+");
  }
  EXPECT_EQ(client.subscribe_all(filters), std::vector<std::uint8_t>(8, 1));
  filters.push_back(kEverything);
  EXPECT_TRUE(client.subscribe_all(filters).empty());
  EXPECT_EQ(client.close_code, 1000);
  EXPECT_EQ(service.stats().filters_granted, 8U);
}

TEST(LoopbackSubscribe, FiftyFirstSubscriptionIsOverTheQuota) {
  const LoopbackService service;
  Connected client(service);
  const auto filter = [](int index) { return "axonpush/org_loopback/+/+/ch_" + std::to_string(index) + "/+/+"; };
  for (int index = 0; index < 50; ++index) EXPECT_EQ(client.subscribe(filter(index)), ReasonCode::granted_qos_1);
  EXPECT_EQ(client.subscribe(filter(50)), ReasonCode::quota_exceeded);
  EXPECT_EQ(client.subscribe(filter(49)), ReasonCode::granted_qos_1) << "known already";
  EXPECT_EQ(client.unsubscribe(filter(0)), ReasonCode::success);
  EXPECT_EQ(client.subscribe(filter(50)), ReasonCode::granted_qos_1);
  EXPECT_EQ(service.stats().live_subscriptions, 50U);
}

TEST(LoopbackSubscribe, UnsubscribeTellsWhatWasThere) {
  const LoopbackService service;
  Connected client(service);
  ASSERT_EQ(client.subscribe(kChannelOne), ReasonCode::granted_qos_1);
  EXPECT_EQ(client.unsubscribe(kChannelOne), ReasonCode::success);
  EXPECT_EQ(client.unsubscribe(kChannelOne), ReasonCode::no_subscription_existed);
  EXPECT_EQ(client.publish(kTopic, "{}"), ReasonCode::no_matching_subscribers);
}

TEST(LoopbackPublish, JudgesTopics) {
  const LoopbackService service;
  Connected client(service);
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
  struct Row {
    const char* topic;
    ReasonCode reason;
  };
  const Row rows[] = {
      {kTopic, ReasonCode::success},
      {"axonpush/org_other/prod/a/c/e/g", ReasonCode::not_authorized},
      {"axonpush/org_loopback/prod/a/c/e", ReasonCode::topic_name_invalid},
      {"axonpush/org_loopback/prod/a/c/e/g/h", ReasonCode::topic_name_invalid},
      {"axonpush/org_loopback/prod/a/c/e.x/g", ReasonCode::topic_name_invalid},
  };
  for (const Row& row : rows) EXPECT_EQ(client.publish(row.topic, "{}"), row.reason) << row.topic;
  EXPECT_EQ(service.stats().publishes, 1U);
  EXPECT_EQ(service.stats().publishes_refused, 4U);
}

TEST(LoopbackPublish, TopicRulesCanBeSwitchedOff) {
  const LoopbackService service({.topic_rules = false});
  Connected client(service);
  EXPECT_EQ(client.subscribe("sport/#"), ReasonCode::granted_qos_1);
  EXPECT_EQ(client.publish("sport", "level"), ReasonCode::success) << "MQTT 5 4.7.1.2: # matches its parent";
  EXPECT_EQ(client.next_payload(), "level");
  EXPECT_EQ(client.publish("a/b/c/d/e/f/g/h/i", "deep"), ReasonCode::topic_name_invalid) << "AWS: seven slashes";
}

TEST(LoopbackPublish, ReachesMatchingSubscribersAtTheLowerQos) {
  const LoopbackService service;
  Connected first(service);
  Connected second(service);
  Connected publisher(service);
  ASSERT_EQ(first.subscribe(kChannelOne), ReasonCode::granted_qos_1);
  ASSERT_EQ(second.subscribe(kEverything, Qos::at_most_once), ReasonCode::success);
  EXPECT_EQ(publisher.publish(kTopic, "one"), ReasonCode::success);
  EXPECT_EQ(publisher.publish(kOther, "two"), ReasonCode::success);
  EXPECT_EQ(publisher.publish(kTopic, "three", Qos::at_most_once), ReasonCode::success);
  const auto one = first.next_publish();
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->packet.publish.topic, kTopic);
  EXPECT_EQ(one->packet.publish.qos, Qos::at_least_once);
  EXPECT_FALSE(one->packet.publish.dup);
  const auto three = first.next_publish();
  ASSERT_TRUE(three.has_value());
  EXPECT_EQ(axonpush::text_of(three->packet.publish.payload), "three");
  EXPECT_EQ(three->packet.publish.qos, Qos::at_most_once);
  for (const char* expected : {"one", "two", "three"}) {
    const auto received = second.next_publish();
    ASSERT_TRUE(received.has_value());
    EXPECT_EQ(axonpush::text_of(received->packet.publish.payload), expected);
    EXPECT_EQ(received->packet.publish.qos, Qos::at_most_once);
  }
}

TEST(LoopbackPublish, OverlappingFiltersBringOneCopyAtTheHighestQos) {
  const LoopbackService service;
  Connected client(service);
  ASSERT_EQ(client.subscribe(kEverything, Qos::at_most_once), ReasonCode::success);
  ASSERT_EQ(client.subscribe(kChannelOne), ReasonCode::granted_qos_1);
  ASSERT_EQ(client.subscribe(kTopic, Qos::at_most_once), ReasonCode::success);
  EXPECT_EQ(client.publish(kTopic, "once"), ReasonCode::success);
  EXPECT_EQ(client.publish(kOther, "next"), ReasonCode::success);
  const auto once = client.next_publish();
  ASSERT_TRUE(once.has_value());
  EXPECT_EQ(axonpush::text_of(once->packet.publish.payload), "once");
  EXPECT_EQ(once->packet.publish.qos, Qos::at_least_once);
  EXPECT_EQ(client.next_payload(), "next");
}

TEST(LoopbackPublish, InjectedEventsArrive) {
  LoopbackService service;
  Connected client(service);
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
  EXPECT_EQ(service.publish(kTopic, "a").value(), 1U);
  EXPECT_EQ(service.publish({.channel_id = "ch_9"}, "b", {.count = 2}).value(), 1U);
  EXPECT_EQ(client.next_payload(), "a");
  const auto b = client.next_publish();
  ASSERT_TRUE(b.has_value());
  EXPECT_EQ(b->packet.publish.topic, "axonpush/org_loopback/default/default/ch_9/_/_");
  EXPECT_EQ(client.next_payload(), "b");
  EXPECT_EQ(service.publish("axonpush/org_loopback/x", "c").error().code(), axonpush::Errc::topic_invalid);
  EXPECT_EQ(service.publish(kTopic, std::string(128 * 1024 + 1, 'x')).error().code(),
            axonpush::Errc::payload_too_large);
  EXPECT_TRUE(service.publish(kTopic, std::string(128 * 1024, 'x')).ok());
  EXPECT_EQ(client.next_payload().size(), 128U * 1024U);
}

TEST(LoopbackPublish, PropertiesAreForwardedWithoutTheAlias) {
  const LoopbackService service;
  Connected client(service);
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
  std::uint8_t room[128];
  axonpush::mqtt::PropertyWriter writer(room);
  writer.integer(Property::topic_alias, 8);
  writer.integer(Property::message_expiry_interval, 100);
  writer.text(Property::content_type, "application/json");
  writer.pair("key", "value");
  axonpush::mqtt::Publish publish;
  publish.topic = kTopic;
  publish.payload = axonpush::bytes_of("x");
  publish.properties = axonpush::mqtt::Properties(writer.written(), 0);
  std::uint8_t packet[512];
  client.send_packet(axonpush::Bytes(packet).first(axonpush::mqtt::encode_publish(packet, publish)));
  publish.topic = "";  // by the alias alone
  client.send_packet(axonpush::Bytes(packet).first(axonpush::mqtt::encode_publish(packet, publish)));
  for (int copy = 0; copy < 2; ++copy) {
    const auto received = client.next_publish();
    ASSERT_TRUE(received.has_value());
    EXPECT_EQ(received->packet.publish.topic, kTopic);
    EXPECT_EQ(received->packet.publish.topic_alias, 0);
    const auto& properties = received->packet.publish.properties;
    EXPECT_EQ(properties.text(Property::content_type), "application/json");
    EXPECT_LE(properties.integer(Property::message_expiry_interval, 999), 100U);
    EXPECT_TRUE(properties.has(Property::user_property));
  }
}

TEST(LoopbackPublish, BreachesOfWhatConnackSaidEndTheConnection) {
  const LoopbackService service;
  struct Row {
    const char* name;
    void (*change)(axonpush::mqtt::Publish&);
    ReasonCode reason;
  };
  static const std::string large(128 * 1024 + 1, 'x');
  const Row rows[] = {
      {"QoS 2",
       [](axonpush::mqtt::Publish& publish) {
         publish.qos = Qos::exactly_once;
         publish.packet_id = 1;
       },
       ReasonCode::qos_not_supported},
      {"retain", [](axonpush::mqtt::Publish& publish) { publish.retain = true; }, ReasonCode::retain_not_supported},
      {"payload", [](axonpush::mqtt::Publish& publish) { publish.payload = axonpush::bytes_of(large); },
       ReasonCode::packet_too_large},
      {"unknown alias",
       [](axonpush::mqtt::Publish& publish) {
         static const std::uint8_t kAlias[] = {0x23, 0x00, 0x03};
         publish.topic = "";
         publish.properties = axonpush::mqtt::Properties(kAlias, 0);
       },
       ReasonCode::protocol_error},
      {"alias over the maximum",
       [](axonpush::mqtt::Publish& publish) {
         static const std::uint8_t kAlias[] = {0x23, 0x00, 0x09};
         publish.properties = axonpush::mqtt::Properties(kAlias, 0);
       },
       ReasonCode::topic_alias_invalid},
  };
  for (const Row& row : rows) {
    Connected client(service);
    axonpush::mqtt::Publish publish;
    publish.topic = kTopic;
    row.change(publish);
    std::vector<std::uint8_t> packet(256 * 1024);
    packet.resize(axonpush::mqtt::encode_publish(packet, publish));
    client.send_packet(packet);
    EXPECT_EQ(disconnect_reason(client), row.reason) << row.name;
  }
}

TEST(LoopbackPublish, PacketsMayStraddleFramesBothWays) {
  const LoopbackService service({.frame_bytes = 7});
  Connected client(service);
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
  axonpush::mqtt::Publish publish;
  publish.topic = kTopic;
  publish.payload = axonpush::bytes_of("straddling");
  std::uint8_t packet[512];
  const std::size_t size = axonpush::mqtt::encode_publish(packet, publish);
  for (std::size_t at = 0; at < size; ++at) {
    client.send_frame(axonpush::ws::Opcode::binary, axonpush::Bytes(packet).subspan(at, 1));
  }
  EXPECT_EQ(client.next_payload(), "straddling");
}

// --- Flow control

TEST(LoopbackFlow, ReceiveMaximumHoldsBackTheRest) {
  LoopbackService service;
  Connected client(service, {.receive_maximum = 2});
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
  client.acknowledging = false;
  ASSERT_TRUE(service.publish(kTopic, "x", {.count = 5}).ok());
  EXPECT_EQ(service.stats().deliveries, 2U);
  std::vector<std::uint16_t> ids;
  for (int index = 0; index < 2; ++index) ids.push_back(client.next_publish()->packet.publish.packet_id);
  // The second first: the order of acknowledging is the client's business.
  client.acknowledge(ids[1]);
  EXPECT_TRUE(service.wait_until(&LoopbackStats::deliveries, 3));
  client.acknowledge(ids[0]);
  EXPECT_TRUE(service.wait_until(&LoopbackStats::deliveries, 4));
  EXPECT_EQ(service.stats().live_unacknowledged, 2U);
  client.acknowledge(ids[0]);  // not in flight any more: ignored
  client.acknowledge(777);
  for (int index = 0; index < 2; ++index) client.acknowledge(client.next_publish()->packet.publish.packet_id);
  EXPECT_TRUE(service.wait_until(&LoopbackStats::deliveries, 5));
}

TEST(LoopbackFlow, PacketLargerThanTheClientTakesIsNotSent) {
  // [MQTT-3.1.2-24], [MQTT-3.1.2-25]
  LoopbackService service;
  Connected client(service, {.maximum_packet_size = 200});
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
  ASSERT_TRUE(service.publish(kTopic, std::string(300, 'x')).ok());
  ASSERT_TRUE(service.publish(kTopic, "small").ok());
  EXPECT_EQ(client.next_payload(), "small");
  EXPECT_EQ(service.stats().deliveries_dropped, 1U);
  EXPECT_TRUE(service.wait_until_at_most(&LoopbackStats::live_unacknowledged, 0));
}

TEST(LoopbackFlow, TenThousandEventsInOrder) {
  LoopbackService service;
  Connected client(service, {.receive_maximum = 50});
  ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
  for (int index = 0; index < 100; ++index) {
    ASSERT_TRUE(service.publish(kTopic, std::to_string(index), {.count = 100}).ok());
  }
  for (int index = 0; index < 10'000; ++index) ASSERT_EQ(client.next_payload(), std::to_string(index / 100));
  EXPECT_TRUE(service.wait_until(&LoopbackStats::pubacks_received, 10'000));
  EXPECT_EQ(service.stats().deliveries, 10'000U);
  EXPECT_EQ(service.stats().live_unacknowledged, 0U);
}

TEST(LoopbackFlow, KeepAliveIsEnforced) {
  const LoopbackService service;
  Connected client(service, {.keep_alive = 1});
  EXPECT_EQ(disconnect_reason(client), ReasonCode::keep_alive_timeout);
  EXPECT_EQ(service.stats().keep_alive_timeouts, 1U);
}

TEST(LoopbackFlow, PingIsAnswered) {
  const LoopbackService service;
  Connected client(service);
  const std::uint8_t ping[] = {0xC0, 0x00};
  client.send_packet(ping);
  EXPECT_TRUE(client.next_of(PacketType::pingresp).has_value());
}

// --- Sessions

TEST(LoopbackSession, TakeoverEndsTheOldConnectionWith8E) {
  const LoopbackService service;
  Connected old(service, {.client_id = "same"});
  Connected young(service, {.client_id = "same"});
  EXPECT_EQ(disconnect_reason(old), ReasonCode::session_taken_over);
  EXPECT_EQ(young.subscribe(kChannelOne), ReasonCode::granted_qos_1);
  EXPECT_EQ(service.stats().takeovers, 1U);
  EXPECT_TRUE(service.wait_until_at_most(&LoopbackStats::live_clients, 1));
}

TEST(LoopbackSession, TakeoverWithCleanStart0CarriesSubscriptionsAndUndeliveredEvents) {
  LoopbackService service;
  Connected old(service, {.client_id = "same", .session_expiry = 300});
  ASSERT_EQ(old.subscribe(kEverything), ReasonCode::granted_qos_1);
  old.acknowledging = false;
  ASSERT_TRUE(service.publish(kTopic, "first").ok());
  ASSERT_EQ(old.next_payload(), "first");
  Connected young(service, {.client_id = "same", .clean_start = false, .session_expiry = 300});
  EXPECT_TRUE(young.last->packet.connack.session_present);
  const auto again = young.next_publish();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(axonpush::text_of(again->packet.publish.payload), "first");
  EXPECT_TRUE(again->packet.publish.dup);
  ASSERT_TRUE(service.publish(kTopic, "second").ok());
  EXPECT_EQ(young.next_payload(), "second");
  EXPECT_EQ(service.stats().redeliveries, 1U);
}

TEST(LoopbackSession, ResumeBringsWhatCameMeanwhile) {
  LoopbackService service;
  {
    Connected client(service, {.client_id = "sleeper", .session_expiry = 300, .receive_maximum = 2});
    ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
    client.acknowledging = false;
    ASSERT_TRUE(service.publish(kTopic, "a", {.count = 3}).ok());
    ASSERT_EQ(client.next_payload(), "a");
    client.wire().reset();
  }
  ASSERT_TRUE(service.wait_until_at_most(&LoopbackStats::live_clients, 0));
  EXPECT_EQ(service.publish(kTopic, "b").value(), 1U);
  EXPECT_EQ(service.publish(kTopic, "never", {.qos = Qos::at_most_once}).value(), 1U);
  // With a smaller Receive Maximum than before, so that even the resends have to wait.
  Connected client(service,
                   {.client_id = "sleeper", .clean_start = false, .session_expiry = 300, .receive_maximum = 1});
  EXPECT_TRUE(client.last->packet.connack.session_present);
  for (const char* expected : {"a", "a", "a", "b"}) EXPECT_EQ(client.next_payload(), expected);
  ASSERT_TRUE(service.publish(kTopic, "c").ok());
  EXPECT_EQ(client.next_payload(), "c");
  EXPECT_EQ(service.stats().sessions_resumed, 1U);
}

TEST(LoopbackSession, CleanStart1AndExpiry0BeginAnew) {
  LoopbackService service;
  struct Row {
    std::uint32_t expiry;
    bool clean_start;
    std::int64_t expiry_at_disconnect;
    bool present;
  };
  const Row rows[] = {
      {300, false, -1, true}, {300, true, -1, false}, {0, false, -1, false},
      {300, false, 0, false}, {300, false, 60, true},
  };
  for (const Row& row : rows) {
    Connected client(service, {.client_id = "again", .session_expiry = row.expiry});
    ASSERT_EQ(client.subscribe(kEverything), ReasonCode::granted_qos_1);
    client.disconnect(ReasonCode::success, row.expiry_at_disconnect);
    ASSERT_TRUE(service.wait_until_at_most(&LoopbackStats::live_clients, 0));
    Connected next(service, {.client_id = "again", .clean_start = row.clean_start, .session_expiry = 0});
    EXPECT_EQ(next.last->packet.connack.session_present, row.present);
    EXPECT_EQ(service.publish(kTopic, "x").value(), row.present ? 1U : 0U);
    next.disconnect();
    ASSERT_TRUE(service.wait_until_at_most(&LoopbackStats::live_clients, 0));
  }
}

TEST(LoopbackSession, SessionsExpire) {
  LoopbackService service;
  Connected client(service, {.client_id = "brief", .session_expiry = 1});
  client.disconnect();
  EXPECT_TRUE(service.wait_until_at_most(&LoopbackStats::live_clients, 0));
  EXPECT_EQ(service.stats().live_sessions, 1U);
  EXPECT_TRUE(service.wait_until_at_most(&LoopbackStats::live_sessions, 0));
}

TEST(LoopbackSession, WillIsPublishedUnlessDisconnected) {
  LoopbackService service;
  Connected watcher(service);
  ASSERT_EQ(watcher.subscribe(kEverything), ReasonCode::granted_qos_1);
  Connected polite(service, {.will_topic = kTopic, .will_payload = "polite"});
  polite.disconnect();
  ASSERT_TRUE(service.wait_until(&LoopbackStats::disconnects_received, 1));
  Connected rude(service, {.will_topic = kOther, .will_payload = "rude"});
  rude.wire().reset();
  EXPECT_EQ(watcher.next_payload(), "rude");
}

TEST(LoopbackSession, DisconnectIsFollowedByACloseFrame) {
  LoopbackService service;
  Connected client(service);
  client.disconnect();
  const std::uint8_t normal[] = {0x03, 0xE8};
  client.send_frame(axonpush::ws::Opcode::close, normal);
  EXPECT_FALSE(client.next().has_value());
  EXPECT_EQ(client.close_code, 1000);
  EXPECT_EQ(client.wire().receive(), "");
  EXPECT_TRUE(client.wire().ended_in_order());
  EXPECT_EQ(service.stats().connections_lost, 0U);
}

TEST(LoopbackSession, StopEndsEverything) {
  LoopbackService service;
  Connected client(service);
  service.stop();
  EXPECT_FALSE(client.next().has_value());
  EXPECT_FALSE(client.wire().timed_out());
  service.stop();
  EXPECT_FALSE(Wire(service.broker_port(), service.ca_pem()).ok());
}

}  // namespace
