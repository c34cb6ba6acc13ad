// What the session lets out: packet ids, quotas, the server's limits, aliases, and what happens to it all when a
// connection is lost. The goal throughout: every operation begun ends exactly once.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "mqtt/session_support.h"

namespace axonpush::test {
namespace {

// --- Packet ids

TEST(MqttSessionIds, CountFromOneAndWrapPastZero) {  // M-67, [MQTT-2.2.1-3]
  Conversation talk;
  talk.accept();
  for (std::uint32_t round = 0; round < 2 * 65'535U + 10; ++round) {
    const std::uint16_t id = talk.publish(round);
    ASSERT_EQ(id, round % 65'535U + 1);
    ASSERT_EQ(talk.hear(talk.server.ack(PacketType::puback, id)).substr(0, 8), "complete");
    ASSERT_EQ(talk.last.token, round);
  }
}

TEST(MqttSessionIds, AreNeverReusedInFlight) {  // M-67: 65,536 and more publishes around ids that stay in flight
  Conversation talk;
  talk.accept();
  std::set<std::uint16_t> held;
  for (std::uint32_t token = 0; token < 60; ++token) held.insert(talk.publish(token));
  for (std::uint32_t token = 0; token < 10; ++token) held.insert(talk.subscribe(token));
  ASSERT_EQ(held.size(), 70U);
  ASSERT_EQ(held.count(0), 0U);
  std::set<std::uint16_t> seen;
  for (std::uint32_t round = 0; round < 140'000; ++round) {
    const std::uint16_t id = talk.publish(round);
    ASSERT_NE(id, 0);
    ASSERT_EQ(held.count(id), 0U);
    seen.insert(id);
    ASSERT_EQ(talk.hear(talk.server.ack(PacketType::puback, id)).substr(0, 8), "complete");
  }
  // Holes only where a slot is held: ids over all of the range are in use.
  EXPECT_GT(seen.size(), 29'000U);
  EXPECT_GT(*seen.rbegin(), 65'400);
}

TEST(MqttSessionIds, FillEverySlotTogether) {  // M-67: all that may be in flight, in every alignment of the next id
  for (int shift = 0; shift < 260; ++shift) {
    Conversation talk;
    talk.accept();
    for (int skip = 0; skip < shift; ++skip) {
      static_cast<void>(talk.hear(talk.server.ack(PacketType::puback, talk.publish(0))));
    }
    std::set<std::uint16_t> ids;
    for (std::uint32_t token = 0; token < limits::kMqttInflightOut; ++token) ids.insert(talk.publish(token));
    for (std::uint32_t token = 0; token < Session::kRequestsMax; ++token) {
      ids.insert(token % 2 == 0 ? talk.subscribe(token) : talk.unsubscribe(token));
    }
    ASSERT_EQ(ids.size(), 128U) << shift;
    ASSERT_EQ(ids.count(0), 0U) << shift;
    EXPECT_EQ(talk.session.publish_quota(), 0);
    EXPECT_EQ(talk.session.request_quota(), 0);
    EXPECT_EQ(talk.session.begin_publish(Qos::at_least_once, 1, talk.now).error().code(), Errc::quota);
    EXPECT_EQ(talk.session.begin_subscribe(1, 1, Qos::at_least_once, talk.now).error().code(), Errc::quota);
    EXPECT_EQ(talk.session.begin_unsubscribe(1, 1, talk.now).error().code(), Errc::quota);
  }
}

TEST(MqttSessionIds, NeedNoneAtQos0) {  // [MQTT-2.2.1-2]
  Conversation talk;
  EXPECT_EQ(talk.session.begin_publish(Qos::at_most_once, 1, talk.now).error().code(), Errc::closed);
  talk.accept();
  const Result<std::uint16_t> id = talk.session.begin_publish(Qos::at_most_once, 1, talk.now);
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id.value(), 0);
  EXPECT_EQ(talk.session.publishes_in_flight(), 0);
  EXPECT_EQ(talk.unanswered(), "");
}

TEST(MqttSessionIds, AreFreeAgainWhenCancelled) {
  Conversation talk;
  talk.accept({{Property::receive_maximum, 1}});
  const std::uint16_t id = talk.publish(1);
  EXPECT_EQ(talk.session.publish_quota(), 0);
  talk.session.cancel(id);
  talk.session.cancel(id);
  talk.session.cancel(999);
  EXPECT_EQ(talk.session.publish_quota(), 1);
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, id)), "ignored");
  EXPECT_EQ(talk.session.deadline(), talk.now + seconds(30)) << "no PUBACK is awaited any more";
}

// --- Quotas and limits

TEST(MqttSessionLimits, HonoursReceiveMaximum) {  // M-40, [MQTT-3.3.4-7], [MQTT-4.9.0-2]
  struct Row {
    std::uint32_t server;
    std::uint16_t quota;
  };
  for (const Row& row : {Row{1, 1}, Row{2, 2}, Row{99, 99}, Row{100, 100}, Row{101, 100}, Row{65'535, 100}}) {
    SCOPED_TRACE(row.server);
    Conversation talk;
    EXPECT_EQ(talk.session.publish_quota(), 0);
    talk.accept({{Property::receive_maximum, row.server}});
    std::vector<std::uint16_t> ids;
    for (std::uint16_t left = row.quota; left != 0; --left) {
      ASSERT_EQ(talk.session.publish_quota(), left);
      ids.push_back(talk.publish(left));
    }
    EXPECT_EQ(talk.session.publish_quota(), 0);
    EXPECT_EQ(talk.publish(0), 0);
    // [MQTT-3.3.4-8]: nothing else waits for the quota.
    EXPECT_NE(talk.subscribe(1), 0);
    EXPECT_TRUE(talk.session.begin_publish(Qos::at_most_once, 0, talk.now).ok());
    static_cast<void>(talk.hear(talk.server.ack(PacketType::puback, ids.front(), ReasonCode::not_authorized)));
    EXPECT_EQ(talk.session.publish_quota(), 1);
  }
}

TEST(MqttSessionLimits, RefusesHereWhatTheServerWould) {  // M-40
  Conversation talk;
  talk.accept({{Property::maximum_packet_size, 20},
               {Property::maximum_qos, 0},
               {Property::retain_available, 0},
               {Property::wildcard_subscription_available, 0},
               {Property::subscription_identifier_available, 0},
               {Property::shared_subscription_available, 0}});
  const Session& session = talk.session;
  EXPECT_TRUE(session.check_publish(20, Qos::at_most_once, false).ok());
  EXPECT_EQ(session.check_publish(21, Qos::at_most_once, false).error().code(), Errc::payload_too_large);
  EXPECT_TRUE(session.check_size(20).ok());
  EXPECT_EQ(session.check_size(21).error().code(), Errc::payload_too_large);
  EXPECT_EQ(session.check_size(21).error().number(), 0x95U);
  EXPECT_EQ(session.check_publish(1, Qos::at_least_once, false).error().code(), Errc::qos_not_supported);
  EXPECT_EQ(talk.session.begin_publish(Qos::at_least_once, 1, talk.now).error().code(), Errc::qos_not_supported);
  EXPECT_EQ(session.check_publish(1, Qos::at_most_once, true).error().number(), 0x9AU);
  const auto refused = [&](std::string_view filter, Session::SubscriptionId id) {
    const Status status = session.check_filter(filter, id);
    EXPECT_TRUE(status.ok() || status.error().code() == Errc::suback_failed);
    return status.ok() ? 0U : status.error().number();
  };
  EXPECT_EQ(refused("a/b", Session::SubscriptionId::absent), 0U);
  EXPECT_EQ(refused("a/+", Session::SubscriptionId::absent), 0xA2U);
  EXPECT_EQ(refused("#", Session::SubscriptionId::absent), 0xA2U);
  EXPECT_EQ(refused("$share/group/a", Session::SubscriptionId::absent), 0x9EU);
  EXPECT_EQ(refused("$shared/a", Session::SubscriptionId::absent), 0U);
  EXPECT_EQ(refused("a/b", Session::SubscriptionId::present), 0xA1U);
}

TEST(MqttSessionLimits, LetsAllOfItPassByDefault) {
  Conversation talk(qos_2_terms());
  talk.accept();
  EXPECT_TRUE(talk.session.check_publish(268'435'460, Qos::exactly_once, true).ok());
  EXPECT_TRUE(talk.session.check_filter("$share/g/+/#", Session::SubscriptionId::present).ok());
}

TEST(MqttSessionLimits, RefusesQos2WhereTheTermsDoNotSpeakIt) {  // CONTRACT 7
  Conversation talk;
  talk.accept();
  EXPECT_EQ(talk.session.check_publish(1, Qos::exactly_once, false).error().code(), Errc::qos_not_supported);
  EXPECT_EQ(talk.session.begin_publish(Qos::exactly_once, 1, talk.now).error().code(), Errc::qos_not_supported);
  EXPECT_TRUE(talk.session.check_publish(1, Qos::at_least_once, false).ok());
}

TEST(MqttSessionLimits, NeedsAFilterInARequest) {  // [MQTT-3.8.3-2]
  Conversation talk;
  talk.accept();
  EXPECT_EQ(talk.session.begin_subscribe(1, 0, Qos::at_most_once, talk.now).error().code(), Errc::invalid_argument);
  EXPECT_EQ(talk.session.begin_unsubscribe(1, 0, talk.now).error().code(), Errc::invalid_argument);
}

TEST(MqttSessionLimits, NamesTopicsByAliasUpToTheServersMaximum) {  // [MQTT-3.2.2-17], [MQTT-3.2.2-18]
  Conversation talk;
  const auto assign = [&](std::string_view topic) {
    const Session::Alias alias = talk.session.assign_alias(topic);
    return joined({std::to_string(alias.alias), alias.send_topic ? " with topic" : ""});
  };
  EXPECT_EQ(assign("a"), "0 with topic") << "not connected";
  talk.accept();
  EXPECT_EQ(assign("a"), "0 with topic") << "the server takes none";
  talk.reconnect({});
  talk.accept({{Property::topic_alias_maximum, 2}});
  EXPECT_EQ(assign("a"), "1 with topic");
  EXPECT_EQ(assign("a"), "1");
  EXPECT_EQ(assign("b"), "2 with topic");
  EXPECT_EQ(assign("a"), "1");
  EXPECT_EQ(assign("c"), "2 with topic") << "the one not used for longest is bound anew";
  EXPECT_EQ(assign("b"), "1 with topic");
  EXPECT_EQ(assign("c"), "2");
  EXPECT_EQ(assign(std::string(limits::kTopicOutBytes, 't')), "1 with topic");
  EXPECT_EQ(assign(std::string(limits::kTopicOutBytes, 't')), "1");
  EXPECT_EQ(assign(std::string(limits::kTopicOutBytes + 1, 't')), "0 with topic");
  EXPECT_EQ(assign(""), "0 with topic");
  talk.reconnect({});
  talk.accept({{Property::topic_alias_maximum, 65'535}});
  for (int topic = 1; topic <= Session::kTopicAliasCeiling; ++topic) {
    EXPECT_EQ(assign(joined({"t", std::to_string(topic)})), joined({std::to_string(topic), " with topic"}))
        << "anew, [MQTT-3.3.2-7]";
  }
  EXPECT_EQ(assign("one more"), "1 with topic");
}

// --- Lost connections

// Three publishes and a subscribe in flight, the second publish acknowledged, an unsubscribe behind them.
void fill(Conversation& talk) {
  for (std::uint32_t token = 1; token <= 3; ++token) static_cast<void>(talk.publish(token));  // ids 1, 2, 3
  static_cast<void>(talk.subscribe(4));                                                       // id 4
  static_cast<void>(talk.unsubscribe(5));                                                     // id 5
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, 2)), "complete 2 #2 0x00");
}

TEST(MqttSessionResume, SendsAgainInTheOriginalOrderOnAResumedSession) {  // R-38, [MQTT-4.4.0-1], [MQTT-4.6.0-1]
  Conversation talk(resuming());
  talk.accept();
  EXPECT_EQ(talk.resends(), "");
  fill(talk);
  EXPECT_EQ(talk.resends(), "") << "never again on the same connection";
  EXPECT_EQ(talk.unanswered(), "");
  talk.reconnect(resuming());
  EXPECT_EQ(talk.unanswered(), "subscribe #4 4, unsubscribe #5 5") << "requests die with their connection (R-20)";
  EXPECT_EQ(talk.resends(), "") << "nothing before CONNACK";
  talk.accept({}, true);
  EXPECT_TRUE(talk.session.session_resumed());
  EXPECT_TRUE(talk.session.resends_pending());
  EXPECT_EQ(talk.session.publish_quota(), 0) << "old ones go first";
  EXPECT_EQ(talk.resends(), "publish #1 1, publish #3 3");
  EXPECT_FALSE(talk.session.resends_pending());
  EXPECT_EQ(talk.session.publish_quota(), 98);
  EXPECT_EQ(talk.unanswered(), "");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, 3)), "complete 3 #3 0x00");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, 1)), "complete 1 #1 0x00");
}

TEST(MqttSessionResume, HandsBackEverythingOfASessionThatIsGone) {  // R-36, R-38, [MQTT-3.2.2-5]
  Conversation talk(resuming());
  talk.accept();
  fill(talk);
  talk.reconnect(resuming());
  talk.accept({}, false);
  EXPECT_FALSE(talk.session.session_resumed());
  EXPECT_EQ(talk.session.publish_quota(), 0) << "until they are taken";
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, 1)), "ignored") << "an id of a session that is gone";
  EXPECT_EQ(talk.resends(), "");
  EXPECT_EQ(talk.unanswered(), "publish #1 1, publish #3 3, subscribe #4 4, unsubscribe #5 5");
  EXPECT_EQ(talk.session.publish_quota(), 100);
  EXPECT_EQ(talk.session.request_quota(), Session::kRequestsMax);
  EXPECT_EQ(talk.unanswered(), "");
}

TEST(MqttSessionResume, GivesUpAtCleanStart) {  // [MQTT-3.1.2-4]
  Conversation talk(resuming());
  talk.accept();
  fill(talk);
  talk.reconnect({});
  EXPECT_EQ(talk.unanswered(), "publish #1 1, publish #3 3, subscribe #4 4, unsubscribe #5 5");
}

TEST(MqttSessionResume, EndsWithTheConnectionWhenItsExpiryIsZero) {  // MQTT 5 3.1.2.11.2
  Conversation talk;                                                 // Session Expiry Interval 0
  talk.accept();
  fill(talk);
  talk.session.on_closed(talk.now);
  EXPECT_EQ(talk.session.session_expiry(), talk.now);
  EXPECT_EQ(talk.unanswered(), "publish #1 1, publish #3 3, subscribe #4 4, unsubscribe #5 5");
}

TEST(MqttSessionResume, TellsUntilWhenTheServerKeepsTheSession) {  // MQTT 5 3.1.2.11.2, 3.2.2.3.2
  struct Row {
    std::uint32_t ours;
    std::uint32_t servers;
    Instant expiry;
  };
  for (const Row& row : {Row{300, 300, kStart + seconds(300)}, Row{300, 20, kStart + seconds(20)},
                         Row{300, 0xFFFF'FFFF, Instant::never()}}) {
    ClientTerms terms = resuming();
    terms.session_expiry_interval = row.ours;
    Conversation talk(terms);
    talk.accept({{Property::session_expiry_interval, row.servers}});
    EXPECT_EQ(talk.session.session_expiry(), Instant::never());
    talk.session.on_closed(talk.now);
    EXPECT_EQ(talk.session.session_expiry(), row.expiry);
    // A CONNECT that is refused changes nothing about what the server holds.
    talk.now = talk.now + seconds(5);
    talk.session.on_connecting(terms, talk.now);
    static_cast<void>(talk.hear(talk.server.connack(ReasonCode::server_busy)));
    talk.session.on_closed(talk.now);
    EXPECT_EQ(talk.session.session_expiry(), row.expiry);
  }
}

TEST(MqttSessionResume, KeepsPublishesThroughConnectionsThatFail) {  // R-38
  Conversation talk(resuming());
  talk.accept();
  fill(talk);
  talk.reconnect(resuming());
  static_cast<void>(talk.hear(talk.server.connack(ReasonCode::server_busy)));
  talk.reconnect(resuming());
  talk.reconnect(resuming());
  EXPECT_EQ(talk.unanswered(), "subscribe #4 4, unsubscribe #5 5");
  talk.accept({}, true);
  EXPECT_EQ(talk.resends(), "publish #1 1, publish #3 3");
  talk.reconnect(resuming());
  talk.accept({}, true);
  EXPECT_EQ(talk.resends(), "publish #1 1, publish #3 3") << "once more on each resumed connection";
}

TEST(MqttSessionResume, KeepsToASmallerReceiveMaximum) {  // [MQTT-3.3.4-7]
  Conversation talk(resuming());
  talk.accept();
  for (std::uint32_t token = 1; token <= 5; ++token) static_cast<void>(talk.publish(token));
  talk.reconnect(resuming());
  talk.accept({{Property::receive_maximum, 2}}, true);
  EXPECT_EQ(talk.resends(), "publish #1 1, publish #2 2");
  EXPECT_TRUE(talk.session.resends_pending());
  EXPECT_EQ(talk.session.publish_quota(), 0);
  // An answer to one that has not gone out again yet ends it just as well.
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, 3)), "complete 3 #3 0x00");
  EXPECT_EQ(talk.resends(), "");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, 1)), "complete 1 #1 0x00");
  EXPECT_EQ(talk.resends(), "publish #4 4");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, 2)), "complete 2 #2 0x00");
  EXPECT_EQ(talk.resends(), "publish #5 5");
  EXPECT_FALSE(talk.session.resends_pending());
  EXPECT_EQ(talk.session.publish_quota(), 0);
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, 5)), "complete 5 #5 0x00");
  EXPECT_EQ(talk.session.publish_quota(), 1);
}

TEST(MqttSessionResume, HandsBackWhatALowerMaximumQosForbids) {  // [MQTT-3.2.2-11]
  Conversation talk(resuming());
  talk.accept();
  static_cast<void>(talk.publish(1));
  talk.reconnect(resuming());
  talk.accept({{Property::maximum_qos, 0}}, true);
  EXPECT_EQ(talk.resends(), "");
  EXPECT_EQ(talk.unanswered(), "publish #1 1");
}

TEST(MqttSessionResume, SendsPubrelsAgainInTheOrderOfTheirPubrecs) {  // [MQTT-4.6.0-4], [MQTT-4.3.3-6]
  const ClientTerms terms = resuming(qos_2_terms());
  Conversation talk(terms);
  talk.accept();
  for (std::uint32_t token = 1; token <= 4; ++token) static_cast<void>(talk.publish(token, Qos::exactly_once));
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrec, 3)), "pubrel 3 0x00");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrec, 1)), "pubrel 1 0x00");
  talk.reconnect(terms);
  talk.accept({{Property::receive_maximum, 1}}, true);
  // A PUBREC that comes before the PUBRELs have gone out again waits its turn.
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrec, 4)), "ignored");
  EXPECT_EQ(talk.resends(), "pubrel #3 3, pubrel #1 1, pubrel #4 4, publish #2 2");
  EXPECT_EQ(talk.session.publish_quota(), 0);
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubcomp, 3)), "complete 3 #3 0x00");
  EXPECT_EQ(talk.session.publish_quota(), 0) << "a PUBREL sent again held no quota (MQTT 5 4.9)";
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrec, 2)), "pubrel 2 0x00");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubcomp, 2, ReasonCode::packet_identifier_not_found)),
            "complete 2 #2 0x92");
  EXPECT_EQ(talk.session.publish_quota(), 1);
  talk.reconnect(terms);
  talk.accept({}, false);
  EXPECT_EQ(talk.unanswered(), "received #1 1, received #4 4");
}

TEST(MqttSessionResume, DiscardsForADrain) {  // R-36: PUBACK did not come in the drain's time
  Conversation talk(resuming());
  talk.accept();
  fill(talk);
  talk.session.on_disconnecting();
  talk.session.discard();
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, 1)), "ignored") << "it is being published again elsewhere";
  EXPECT_EQ(talk.unanswered(), "publish #1 1, publish #3 3, subscribe #4 4, unsubscribe #5 5");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, 3)), "ignored");
  EXPECT_TRUE(talk.session.connected());
}

TEST(MqttSessionResume, NeverSendsAgainWhatWasGivenUp) {  // R-36
  Conversation talk(resuming());
  talk.accept();
  fill(talk);
  talk.session.discard();
  talk.reconnect(resuming());
  talk.accept({}, true);
  EXPECT_EQ(talk.resends(), "");
  EXPECT_FALSE(talk.session.resends_pending());
  EXPECT_EQ(talk.unanswered(), "publish #1 1, publish #3 3, subscribe #4 4, unsubscribe #5 5");
}

TEST(MqttSessionResume, FreesTheQuotaOfWhatWasGivenUp) {
  Conversation talk;
  talk.accept({{Property::receive_maximum, 3}});
  fill(talk);
  talk.session.discard();
  EXPECT_EQ(talk.session.publish_quota(), 0);
  EXPECT_EQ(talk.session.request_quota(), 0);
  EXPECT_NE(talk.unanswered(), "");
  EXPECT_EQ(talk.session.publish_quota(), 3);
  EXPECT_EQ(talk.session.request_quota(), Session::kRequestsMax);
}

TEST(MqttSessionResume, CountsNoAdoptedPublishThatIsAnsweredBeforeItGoesOutAgain) {  // R-38
  Conversation before(resuming());
  before.accept();
  fill(before);
  Conversation after(resuming());
  after.session.adopt(before.session);
  after.accept({{Property::receive_maximum, 2}}, true);
  EXPECT_EQ(after.hear(after.server.ack(PacketType::puback, 3)), "complete 3 #3 0x00");
  EXPECT_EQ(after.resends(), "publish #1 1");
  EXPECT_EQ(after.session.publish_quota(), 1);
}

TEST(MqttSessionResume, ContinuesOnAnotherConnectionAfterATakeOver) {  // R-38
  const ClientTerms terms = resuming(qos_2_terms());
  Conversation before(terms);
  before.accept();
  fill(before);
  const std::uint16_t fourth = before.publish(6, Qos::exactly_once);
  EXPECT_EQ(before.hear(before.server.ack(PacketType::pubrec, fourth)), "pubrel 6 0x00");
  EXPECT_EQ(before.hear(before.server.publish(Qos::exactly_once, 9)), "publish 9 a/b");
  EXPECT_EQ(before.session.acknowledge(9), Session::Answer::pubrec);

  Conversation after(terms);
  after.session.adopt(before.session);
  EXPECT_EQ(before.session.publishes_in_flight(), 0);
  EXPECT_EQ(before.hear(before.server.ack(PacketType::puback, 1)), "ignored");
  before.session.on_closed(before.now);
  EXPECT_EQ(before.unanswered(), "subscribe #4 4, unsubscribe #5 5") << "requests stay with their connection";
  after.accept({}, true);
  EXPECT_EQ(after.resends(), "pubrel #6 6, publish #1 1, publish #3 3");
  EXPECT_EQ(after.hear(after.server.publish_again(Qos::exactly_once, 9)), "pubrec 9 0x00");
  // New ids keep clear of the adopted ones.
  EXPECT_EQ(after.publish(7), 2);
  EXPECT_EQ(after.publish(8), 4);
  EXPECT_EQ(after.hear(after.server.ack(PacketType::puback, 1)), "complete 1 #1 0x00");
}

TEST(MqttSessionResume, AdoptsBehindWhatItHolds) {  // R-38: twice, and onto publishes of its own
  Conversation before(resuming());
  before.accept();
  fill(before);  // publishes 1 and 3
  Conversation after(resuming());
  after.accept();
  EXPECT_EQ(after.publish(11), 1);
  EXPECT_EQ(after.publish(12), 2);
  EXPECT_EQ(after.hear(after.server.ack(PacketType::puback, 1)), "complete 1 #11 0x00");
  after.reconnect(resuming());
  after.session.adopt(before.session);
  after.session.adopt(before.session);
  after.accept({}, true);
  EXPECT_EQ(after.resends(), "publish #12 2, publish #1 1, publish #3 3");

  // An id that is taken here: the rest is handed back where it was.
  Conversation other(resuming());
  other.accept();
  EXPECT_EQ(other.publish(21), 1);
  other.reconnect(resuming());
  after.reconnect(resuming());
  after.session.adopt(other.session);
  EXPECT_EQ(other.unanswered(), "publish #21 1");
  after.accept({}, true);
  EXPECT_EQ(after.resends(), "publish #12 2, publish #1 1, publish #3 3");
}

TEST(MqttSessionResume, AdoptsNoMoreThanMayBeUnderWay) {  // R-38
  Conversation before(resuming());
  before.accept();
  for (std::uint16_t id = 1; id <= 60; ++id) {
    EXPECT_EQ(before.publish(id), id);
    EXPECT_NE(before.hear(before.server.ack(PacketType::puback, id)), "");
  }
  for (std::uint16_t n = 0; n < limits::kMqttInflightOut; ++n) EXPECT_EQ(before.publish(100U + n), 61 + n);
  Conversation after(resuming());
  after.accept();
  for (std::uint16_t id = 1; id <= 60; ++id) EXPECT_EQ(after.publish(id), id);
  after.reconnect(resuming());
  after.session.adopt(before.session);
  after.accept({}, true);
  EXPECT_EQ(after.session.publishes_in_flight(), limits::kMqttInflightOut);
  EXPECT_EQ(after.session.publish_quota(), 0);
  std::size_t handed_back = 0;
  for (Session::Unanswered unanswered; before.session.take_unanswered(unanswered);) ++handed_back;
  EXPECT_EQ(handed_back, 60U);
  // The slots of the requests are free.
  for (std::uint32_t n = 0; n < Session::kRequestsMax; ++n) {
    EXPECT_TRUE(after.session.begin_subscribe(n, 1, Qos::at_least_once, after.now).ok());
  }
}

TEST(MqttSessionResume, HandsAdoptedPublishesBackWhenTheSessionIsGone) {  // R-38, CONTRACT 6.6
  Conversation before(resuming());
  before.accept();
  fill(before);
  Conversation after(resuming());
  after.session.adopt(before.session);
  after.accept({}, false);
  EXPECT_EQ(after.unanswered(), "publish #1 1, publish #3 3");
}

TEST(MqttSessionResume, EndsEachOperationExactlyOnceWhereverTheConnectionIsLost) {
  // Goal: no operation is lost or told twice. Method: a scripted conversation of eight steps is cut before each step,
  // on both kinds of reconnect, and everything that ends an operation is counted.
  for (int cut = 0; cut <= 8; ++cut) {
    for (const bool resumed : {true, false}) {
      SCOPED_TRACE(::testing::Message() << "cut " << cut << " resumed " << resumed);
      Conversation talk(resuming());
      talk.accept();
      std::vector<int> ended(7, 0);
      const auto count = [&](const std::string& heard) {
        if (heard.starts_with("complete") || heard.find("subscribed") != std::string::npos) ++ended[talk.last.token];
      };
      int begun = 0;
      for (int step = 0; step < cut; ++step) {
        switch (step) {
          case 0:
            static_cast<void>(talk.publish(1));
            begun = 1;
            break;
          case 1:
            static_cast<void>(talk.publish(2));
            begun = 2;
            break;
          case 2:
            static_cast<void>(talk.subscribe(3));
            begun = 3;
            break;
          case 3:
            count(talk.hear(talk.server.ack(PacketType::puback, 1)));
            break;
          case 4:
            static_cast<void>(talk.unsubscribe(4));
            begun = 4;
            break;
          case 5:
            count(talk.hear(talk.server.reasons(PacketType::suback, 3, {1})));
            break;
          case 6:
            count(talk.hear(talk.server.ack(PacketType::puback, 2)));
            break;
          default:
            count(talk.hear(talk.server.reasons(PacketType::unsuback, 4, {0})));
            break;
        }
      }
      talk.reconnect(resuming());
      talk.accept({}, resumed);
      Session::Unanswered one;
      while (talk.session.take_unanswered(one)) ++ended[one.token];
      Session::Resend again;
      std::vector<std::uint16_t> ids;
      while (talk.session.next_resend(again, talk.now)) ids.push_back(again.packet_id);
      for (const std::uint16_t id : ids) count(talk.hear(talk.server.ack(PacketType::puback, id)));
      for (int token = 1; token <= 4; ++token)
        EXPECT_EQ(ended[static_cast<std::size_t>(token)], token <= begun ? 1 : 0);
      EXPECT_EQ(talk.session.publishes_in_flight() + talk.session.requests_in_flight(), 0);
      EXPECT_EQ(talk.session.publish_quota(), 100);
    }
  }
}

}  // namespace
}  // namespace axonpush::test
