// What the server sends when it does right, and what it is owed for it. What it does wrong: session_test.cc.
#include <gtest/gtest.h>

#include <string>

#include "mqtt/session_support.h"
#include "support/allocations.h"

namespace axonpush::test {
namespace {

// --- CONNACK

TEST(MqttSession, TakesTheDefaultsWhenConnackNamesNothing) {  // MQTT 5 3.2.2.3
  ClientTerms terms;
  terms.session_expiry_interval = 300;
  Conversation talk(terms);
  EXPECT_FALSE(talk.session.connected());
  EXPECT_EQ(talk.hear(talk.server.connack()), "connack 0x00");
  EXPECT_TRUE(talk.session.connected());
  const ServerLimits& server = talk.session.limits();
  EXPECT_EQ(server.session_expiry_interval, 300U);
  EXPECT_EQ(server.maximum_packet_size, 268'435'460U);
  EXPECT_EQ(server.receive_maximum, 65'535);
  EXPECT_EQ(server.topic_alias_maximum, 0);
  EXPECT_EQ(server.keep_alive, 30);
  EXPECT_EQ(server.maximum_qos, Qos::exactly_once);
  EXPECT_TRUE(server.retain_available);
  EXPECT_TRUE(server.wildcard_subscription_available);
  EXPECT_TRUE(server.subscription_identifiers_available);
  EXPECT_TRUE(server.shared_subscription_available);
  EXPECT_EQ(talk.session.assigned_client_id(), "");
  EXPECT_FALSE(talk.session.session_resumed());
}

TEST(MqttSession, TakesEveryLimitOfConnack) {  // M-40, [MQTT-3.2.2-21]
  Conversation talk;
  talk.accept({{Property::session_expiry_interval, 17},
               {Property::maximum_packet_size, 20},
               {Property::receive_maximum, 1},
               {Property::topic_alias_maximum, 3},
               {Property::server_keep_alive, 5},
               {Property::maximum_qos, 0},
               {Property::retain_available, 0},
               {Property::wildcard_subscription_available, 0},
               {Property::subscription_identifier_available, 0},
               {Property::shared_subscription_available, 0},
               {Property::assigned_client_identifier, 0, "auto-1"}});
  const ServerLimits& server = talk.session.limits();
  EXPECT_EQ(server.session_expiry_interval, 17U);
  EXPECT_EQ(server.maximum_packet_size, 20U);
  EXPECT_EQ(server.receive_maximum, 1);
  EXPECT_EQ(server.topic_alias_maximum, 3);
  EXPECT_EQ(server.keep_alive, 5);
  EXPECT_EQ(server.maximum_qos, Qos::at_most_once);
  EXPECT_FALSE(server.retain_available);
  EXPECT_FALSE(server.wildcard_subscription_available);
  EXPECT_FALSE(server.subscription_identifiers_available);
  EXPECT_FALSE(server.shared_subscription_available);
  EXPECT_EQ(talk.session.assigned_client_id(), "auto-1");
}

TEST(MqttSession, KeepsAnAssignedClientIdUpToItsLimit) {  // M-42
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, Session::kAssignedClientIdBytes}) {
    Conversation talk;
    const std::string id(size, 'c');
    EXPECT_EQ(
        talk.hear(talk.server.connack(ReasonCode::success, false, {{Property::assigned_client_identifier, 0, id}})),
        "connack 0x00");
    EXPECT_EQ(talk.session.assigned_client_id(), id);
  }
}

TEST(MqttSession, TellsARefusedConnackWithTheServersWords) {  // M-43, M-44, M-59
  Conversation talk;
  const std::string reason = joined({"go\naway", std::string(65'000, 'y')});
  EXPECT_EQ(talk.hear(talk.server.connack(
                ReasonCode::use_another_server, false,
                {{Property::reason_string, 0, reason}, {Property::server_reference, 0, "evil.example:1883"}})),
            "connack 0x9c");
  EXPECT_FALSE(talk.session.connected());
  EXPECT_EQ(talk.last.error.code(), Errc::mqtt_refused);
  EXPECT_EQ(talk.last.error.number(), 0x9CU);
  const ServerWords words = talk.last.error.server_words();
  EXPECT_LE(words.message.size(), limits::kServerTextBytes);
  EXPECT_EQ(words.message.find('\n'), std::string_view::npos);
  EXPECT_EQ(words.message.substr(0, 2), "go");
  EXPECT_EQ(words.hint, "evil.example:1883");
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_most_once, 0)), "ignored");
}

TEST(MqttSession, LetsARefusalStandWithoutWordsWhenTheHeapIsExhausted) {
  Conversation talk;
  const Packet& packet = talk.server.connack(ReasonCode::banned, false, {{Property::reason_string, 0, "no"}});
  const FailAllocations fail(1, FailAllocations::Mode::from_then_on);
  const Verdict verdict = talk.session.on_packet(packet, talk.now);
  EXPECT_EQ(verdict.error.code(), Errc::mqtt_refused);
  EXPECT_EQ(verdict.error.number(), 0x8AU);
  EXPECT_TRUE(verdict.error.server_words().message.empty());
}

TEST(MqttSession, LowersTermsItCannotHold) {
  ClientTerms terms;
  terms.receive_maximum = 65'535;
  terms.topic_alias_maximum = 65'535;
  EXPECT_EQ(Session(terms).terms().receive_maximum, Session::kReceiveMaximumCeiling);
  EXPECT_EQ(Session(terms).terms().topic_alias_maximum, Session::kTopicAliasCeiling);
  terms.receive_maximum = 0;
  EXPECT_EQ(Session(terms).terms().receive_maximum, 1);
}

TEST(MqttSession, HandsAuthOnWhereAMethodWasNamed) {  // [MQTT-4.12.0-2]
  ClientTerms terms;
  terms.authentication_method = true;
  Conversation talk(terms);
  EXPECT_EQ(talk.hear(talk.server.notice(PacketType::auth, ReasonCode::continue_authentication)), "auth 0x18");
  EXPECT_EQ(talk.hear(talk.server.connack(ReasonCode::success, false, {{Property::authentication_method, 0, "X"}})),
            "connack 0x00");
  EXPECT_EQ(talk.hear(talk.server.notice(PacketType::auth, ReasonCode::success)), "auth 0x00");
}

// --- DISCONNECT, PINGRESP

TEST(MqttSession, TellsEveryDisconnectAndIgnoresWhatFollows) {  // M-62, M-63, R-29
  for (const int code : {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
                         0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2}) {
    SCOPED_TRACE(code);
    Conversation talk;
    talk.accept();
    static_cast<void>(talk.hear(talk.server.notice(PacketType::disconnect, static_cast<ReasonCode>(code),
                                                   {{Property::reason_string, 0, "bye"}})));
    EXPECT_EQ(talk.last.kind, Verdict::Kind::disconnect);
    EXPECT_EQ(static_cast<int>(talk.last.reason), code);
    EXPECT_EQ(talk.last.error.code(), code == 0x8E ? Errc::session_taken_over : Errc::server_disconnect);
    EXPECT_EQ(talk.last.error.number(), static_cast<std::uint32_t>(code));
    EXPECT_EQ(talk.last.error.server_words().message, "bye");
    EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, 1)), "ignored");
    EXPECT_EQ(talk.hear(talk.server.notice(PacketType::disconnect)), "ignored");
    EXPECT_EQ(talk.session.counters().packets_after_end, 2U);
    EXPECT_EQ(talk.session.publish_quota(), 0);
    EXPECT_EQ(talk.session.deadline(), Instant::never());
  }
}

TEST(MqttSession, CountsAPongNobodyAskedFor) {  // M-61
  Conversation talk;
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "ignored");
  EXPECT_EQ(talk.session.counters().pongs_unasked, 1U);
  talk.now = talk.now + seconds(30);
  EXPECT_EQ(talk.due(), "ping");
  EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
  EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "ignored");
  EXPECT_EQ(talk.session.counters().pongs_unasked, 2U);
}

// --- PUBLISH in

TEST(MqttSession, OwesOnePubackForEachQos1Publish) {
  Conversation talk;
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_most_once, 0, "t/0")), "publish 0 t/0");
  EXPECT_EQ(talk.session.acknowledge(0), Session::Answer::none);
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, 7, "t/1")), "publish 7 t/1");
  EXPECT_EQ(talk.session.acknowledge(8), Session::Answer::none);
  EXPECT_EQ(talk.session.acknowledge(7, ReasonCode::payload_format_invalid), Session::Answer::puback);  // M-28
  EXPECT_EQ(talk.session.acknowledge(7), Session::Answer::none);
}

TEST(MqttSession, TakesAnAnsweredIdForANewMessage) {  // [MQTT-4.3.2-5]
  Conversation talk(receive_maximum(1));
  talk.accept();
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, 7)), "publish 7 a/b");
    EXPECT_EQ(talk.session.acknowledge(7), Session::Answer::puback);
  }
  EXPECT_EQ(talk.session.counters().ids_reused, 0U);
}

TEST(MqttSession, DeliversAReusedIdAgainAndOwesTwoPubacks) {  // M-65
  Conversation talk;
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, 7, "first")), "publish 7 first");
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, 7, "second")), "publish 7 second again");
  EXPECT_EQ(talk.session.counters().ids_reused, 1U);
  EXPECT_EQ(talk.session.acknowledge(7), Session::Answer::puback);
  EXPECT_EQ(talk.session.acknowledge(7), Session::Answer::puback);
  EXPECT_EQ(talk.session.acknowledge(7), Session::Answer::none);
}

TEST(MqttSession, DeliversADupOfAnIdNeverSeen) {  // M-66
  Conversation talk;
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.publish_again(Qos::at_least_once, 7)), "publish 7 a/b again");
  EXPECT_EQ(talk.session.counters().redeliveries, 1U);
  EXPECT_EQ(talk.session.acknowledge(7), Session::Answer::puback);
}

TEST(MqttSession,
     HoldsExactlyTheReceiveMaximum) {  // M-64: at the limit and over it, for every size a session announces
  for (std::uint16_t maximum = 1; maximum <= Session::kReceiveMaximumCeiling; ++maximum) {
    Conversation talk(receive_maximum(maximum));
    talk.accept();
    for (std::uint16_t id = 1; id <= maximum; ++id) {
      // Ids far apart that share a home slot: the worst case of the table.
      const auto packet_id = static_cast<std::uint16_t>(id * 256U);
      ASSERT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, packet_id)).substr(0, 7), "publish");
    }
    ASSERT_EQ(talk.session.acknowledge(256), Session::Answer::puback);
    ASSERT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, 1)), "publish 1 a/b");
    ASSERT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, 2)), "error mqtt_receive_max 0x93");
  }
}

TEST(MqttSession, BindsAndRebindsTopicAliases) {  // M-38
  Conversation talk(aliases_in(2));
  talk.accept();
  const auto publish = [&](std::string_view topic, std::uint32_t alias) {
    return talk.hear(talk.server.publish(Qos::at_most_once, 0, topic, {{Property::topic_alias, alias}}));
  };
  EXPECT_EQ(publish("one", 1), "publish 0 one");
  EXPECT_EQ(publish("two", 2), "publish 0 two");
  EXPECT_EQ(publish("", 1), "publish 0 one");
  EXPECT_EQ(publish("uno", 1), "publish 0 uno");
  EXPECT_EQ(publish("", 1), "publish 0 uno");
  EXPECT_EQ(publish("", 2), "publish 0 two");
  const std::string longest(limits::kTopicOutBytes, 't');
  EXPECT_EQ(publish(longest, 2), joined({"publish 0 ", longest}));
  EXPECT_EQ(publish("", 2), joined({"publish 0 ", longest}));
  // A topic too long to keep loses its alias, and the next topic gets it back.
  const std::string over(limits::kTopicOutBytes + 1, 't');
  EXPECT_EQ(publish(over, 2), joined({"publish 0 ", over}));
  EXPECT_EQ(publish("dos", 2), "publish 0 dos");
  EXPECT_EQ(publish("", 2), "publish 0 dos");
}

TEST(MqttSession, EachConnectionHasTopicAliasesOfItsOwn) {  // [MQTT-3.3.2-7]
  Conversation talks[] = {Conversation(aliases_in(2)), Conversation(aliases_in(2))};
  const auto publish = [](Conversation& talk, std::string_view topic, std::uint32_t alias) {
    return talk.hear(talk.server.publish(Qos::at_most_once, 0, topic, {{Property::topic_alias, alias}}));
  };
  for (Conversation& talk : talks) talk.accept({{Property::topic_alias_maximum, 2}});
  EXPECT_EQ(publish(talks[0], "old", 1), "publish 0 old");
  EXPECT_EQ(publish(talks[1], "new", 1), "publish 0 new");
  EXPECT_EQ(publish(talks[0], "", 1), "publish 0 old");
  EXPECT_EQ(publish(talks[1], "", 1), "publish 0 new");
  EXPECT_EQ(publish(talks[0], "other", 2), "publish 0 other");
  EXPECT_EQ(publish(talks[1], "", 2).substr(0, 19), "error mqtt_protocol") << "bound on the other one only";
  // The same the other way round.
  EXPECT_TRUE(talks[0].session.assign_alias("ours").send_topic);
  Conversation third;
  third.accept({{Property::topic_alias_maximum, 2}});
  const Session::Alias alias = third.session.assign_alias("ours");
  EXPECT_TRUE(alias.send_topic) << "the server of this connection has never heard the topic";
  EXPECT_EQ(alias.alias, 1);
}

TEST(MqttSession, LetsSubscriptionIdentifiersThroughWhereTheyWereAskedFor) {  // M-37
  ClientTerms terms;
  terms.accepts_subscription_ids = true;
  Conversation talk(terms);
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_most_once, 0, "a", {{Property::subscription_identifier, 1}})),
            "publish 0 a");
}

TEST(MqttSession, RefusesQos1WhereOnlyQos0WasEverAskedFor) {  // M-12
  ClientTerms terms;
  terms.qos_max = Qos::at_most_once;
  Conversation talk(terms);
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_most_once, 0)), "publish 0 a/b");
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, 1)), "error mqtt_protocol 0x82");
}

// --- QoS 2 in

TEST(MqttSession, DeliversQos2ExactlyOnce) {  // [MQTT-4.3.3-8] to [MQTT-4.3.3-12]
  Conversation talk(qos_2_terms());
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, 7)), "publish 7 a/b");
  // A second copy while the callbacks run is answered by the one PUBREC that is owed.
  EXPECT_EQ(talk.hear(talk.server.publish_again(Qos::exactly_once, 7)), "ignored");
  EXPECT_EQ(talk.session.acknowledge(7), Session::Answer::pubrec);
  EXPECT_EQ(talk.session.acknowledge(7), Session::Answer::none);
  EXPECT_EQ(talk.hear(talk.server.publish_again(Qos::exactly_once, 7)), "pubrec 7 0x00");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrel, 7)), "pubcomp 7 0x00");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrel, 7)), "pubcomp 7 0x92");
  EXPECT_EQ(talk.session.counters().releases_unknown, 1U);
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, 7)), "publish 7 a/b");
}

TEST(MqttSession, EndsAQos2MessageWithARefusingPubrec) {  // [MQTT-4.3.3-9]
  ClientTerms terms = qos_2_terms();
  terms.receive_maximum = 1;
  Conversation talk(terms);
  talk.accept();
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, 7)), "publish 7 a/b");
    EXPECT_EQ(talk.session.acknowledge(7, ReasonCode::payload_format_invalid), Session::Answer::pubrec);
  }
}

TEST(MqttSession, CountsQos2AgainstTheReceiveMaximumUntilPubcomp) {  // M-64, MQTT 5 4.9
  ClientTerms terms = qos_2_terms();
  terms.receive_maximum = 2;
  Conversation talk(terms);
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, 1)), "publish 1 a/b");
  EXPECT_EQ(talk.session.acknowledge(1), Session::Answer::pubrec);
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, 2)), "publish 2 a/b");
  // A copy of one that counts already does not count again.
  EXPECT_EQ(talk.hear(talk.server.publish_again(Qos::exactly_once, 1)), "pubrec 1 0x00");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrel, 1)), "pubcomp 1 0x00");
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, 3)), "publish 3 a/b");
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, 4)), "error mqtt_receive_max 0x93");
}

TEST(MqttSession, RemembersQos2IdsAcrossAResumedConnectionOnly) {  // MQTT 5 4.1
  for (const bool resumed : {true, false}) {
    SCOPED_TRACE(resumed);
    ClientTerms terms = resuming(qos_2_terms());
    terms.receive_maximum = 2;
    Conversation talk(terms);
    talk.accept();
    EXPECT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, 1)), "publish 1 a/b");
    EXPECT_EQ(talk.session.acknowledge(1), Session::Answer::pubrec);
    EXPECT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, 2)), "publish 2 a/b");
    talk.reconnect(terms);
    // An id of the connection before is owed nothing on this one.
    EXPECT_EQ(talk.session.acknowledge(2), Session::Answer::none);
    talk.accept({}, resumed);
    EXPECT_EQ(talk.session.session_resumed(), resumed);
    const std::string second = talk.hear(talk.server.publish_again(Qos::exactly_once, 2));
    EXPECT_EQ(second, resumed ? "pubrec 2 0x00" : "publish 2 a/b again");
    EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrel, 1)), resumed ? "pubcomp 1 0x00" : "pubcomp 1 0x92");
    // Receive Maximum counts what this connection brought: id 2 and one more.
    EXPECT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, 3)), "publish 3 a/b");
    EXPECT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, 4)), "error mqtt_receive_max 0x93");
  }
}

TEST(MqttSession, RefusesMoreUnreleasedQos2MessagesThanItHolds) {
  ClientTerms terms = resuming(qos_2_terms());
  terms.receive_maximum = Session::kReceiveMaximumCeiling;
  Conversation talk(terms);
  talk.accept();
  for (std::uint16_t id = 1; id <= Session::kReceiveMaximumCeiling; ++id) {
    ASSERT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, id)).substr(0, 7), "publish");
    ASSERT_EQ(talk.session.acknowledge(id), Session::Answer::pubrec);
  }
  talk.reconnect(terms);
  talk.accept({}, true);
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, 1000)), "error quota 0x97");
}

// --- Answers to ours

TEST(MqttSession, CompletesAPublishWithEachPubackReason) {  // M-51
  for (const int code : {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}) {
    SCOPED_TRACE(code);
    Conversation talk;
    talk.accept();
    const std::uint16_t id = talk.publish(41);
    ASSERT_NE(id, 0);
    EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, id, static_cast<ReasonCode>(code))).substr(0, 8),
              "complete");
    EXPECT_EQ(talk.last.token, 41U);
    EXPECT_EQ(talk.last.packet_id, id);
    EXPECT_EQ(static_cast<int>(talk.last.reason), code);
    EXPECT_EQ(talk.session.publishes_in_flight(), 0);
  }
}

TEST(MqttSession, IgnoresPubacksTooMany) {  // M-52
  Conversation talk;
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, 1)), "ignored");  // before the PUBLISH was written
  const std::uint16_t id = talk.publish(5);
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, static_cast<std::uint16_t>(id + 128U))), "ignored");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, id)), "complete 1 #5 0x00");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, id)), "ignored");
  EXPECT_EQ(talk.session.counters().acks_unknown, 3U);
  EXPECT_TRUE(talk.session.connected());
}

TEST(MqttSession, CompletesSubscribeWithEveryMixOfReasons) {  // M-49, M-50
  Conversation talk;
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.reasons(PacketType::suback, talk.subscribe(3, 11),
                                          {0, 1, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2})),
            "subscribed #3");
  EXPECT_EQ(talk.hear(talk.server.reasons(PacketType::unsuback, talk.unsubscribe(4, 4), {0, 0x11, 0x80, 0x87})),
            "unsubscribed #4");
  EXPECT_EQ(talk.session.requests_in_flight(), 0);
}

TEST(MqttSession, SpeaksQos2Outwards) {  // MQTT 5 4.3.3
  Conversation talk(qos_2_terms());
  talk.accept({{Property::receive_maximum, 2}});
  const std::uint16_t first = talk.publish(1, Qos::exactly_once);
  const std::uint16_t second = talk.publish(2, Qos::exactly_once);
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrec, first)), "pubrel 1 0x00");
  EXPECT_EQ(talk.session.publish_quota(), 0) << "a unit of the quota is held until PUBCOMP";
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrec, first)), "pubrel 1 0x00");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrec, second, ReasonCode::quota_exceeded)), "complete 2 #2 0x97");
  EXPECT_EQ(talk.session.publish_quota(), 1);
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubcomp, first)), "complete 1 #1 0x00");
  EXPECT_EQ(talk.session.publish_quota(), 2);
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubcomp, first)), "ignored");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrec, 9)), "pubrel 9 0x92");
  EXPECT_EQ(talk.session.counters().acks_unknown, 2U);
}

TEST(MqttSession, OnlyReadsAfterOurDisconnect) {  // [MQTT-3.14.4-1], CONTRACT 6.4
  Conversation talk(qos_2_terms());
  talk.accept();
  const std::uint16_t id = talk.publish(1);
  const std::uint16_t second = talk.publish(2, Qos::exactly_once);
  const std::uint16_t request = talk.subscribe(3);
  static_cast<void>(talk.hear(talk.server.publish(Qos::exactly_once, 1)));
  EXPECT_EQ(talk.session.acknowledge(1), Session::Answer::pubrec);
  talk.session.on_disconnecting();
  EXPECT_TRUE(talk.session.connected());
  EXPECT_EQ(talk.session.deadline(), Instant::never());
  EXPECT_EQ(talk.session.publish_quota(), 0);
  EXPECT_EQ(talk.session.begin_publish(Qos::at_most_once, 1, talk.now).error().code(), Errc::closed);
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, 2)), "publish 2 a/b");
  EXPECT_EQ(talk.session.acknowledge(2), Session::Answer::none);
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, id)), "complete 1 #1 0x00");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrec, second)), "ignored");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrel, 1)), "ignored");
  EXPECT_EQ(talk.hear(talk.server.reasons(PacketType::suback, request, {1})), "subscribed #3");
  // What is given up on the way out may still be answered.
  talk.session.discard();
  EXPECT_EQ(talk.hear(talk.server.reasons(PacketType::suback, 99, {1})), "ignored");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubcomp, second)), "ignored");
  EXPECT_EQ(talk.unanswered(), "received #2 2");
  EXPECT_EQ(talk.hear(talk.server.notice(PacketType::disconnect)), "disconnect 0x00");
}

TEST(MqttSession, AllocatesNothingOnItsWay) {
  Conversation talk;
  talk.accept();
  const Packet publish = talk.server.publish(Qos::at_least_once, 7);
  const std::uint64_t before = allocation_count();
  for (int round = 0; round < 1000; ++round) {
    ASSERT_EQ(talk.session.on_packet(publish, talk.now).kind, Verdict::Kind::publish);
    ASSERT_EQ(talk.session.acknowledge(7), Session::Answer::puback);
    const Result<std::uint16_t> id = talk.session.begin_publish(Qos::at_least_once, 1, talk.now);
    ASSERT_TRUE(id.ok());
    Packet puback;
    puback.type = PacketType::puback;
    puback.ack = Ack{};
    puback.ack.packet_id = id.value();
    ASSERT_EQ(talk.session.on_packet(puback, talk.now).kind, Verdict::Kind::publish_complete);
  }
  EXPECT_EQ(allocation_count(), before);
  EXPECT_LE(sizeof(Session), 10'240U);
}

}  // namespace
}  // namespace axonpush::test
