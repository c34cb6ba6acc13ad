// Corners of the session: answers to the wrong question, a table that is full of what an earlier connection left, ids
// held on both sides of a takeover, and the end of time.
#include <gtest/gtest.h>

#include "mqtt/session_support.h"

namespace axonpush::test {
namespace {

TEST(MqttSessionCorner, KeepsAServerReferenceThatComesWithoutAReason) {  // M-43, MQTT 5 4.11
  Conversation talk;
  EXPECT_EQ(talk.hear(talk.server.connack(ReasonCode::use_another_server, false,
                                          {{Property::server_reference, 0, "other.example.com"}})),
            "connack 0x9c");
  EXPECT_EQ(talk.last.error.server_words().message, "");
  EXPECT_EQ(talk.last.error.server_words().hint, "other.example.com");
}

TEST(MqttSessionCorner, RefusesATypeThatIsNone) {  // M-02
  Conversation talk;
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.bare(PacketType::reserved)), "error mqtt_protocol 0x82");
}

TEST(MqttSessionCorner, CountsNoRedeliveryThatIsRefused) {  // M-66, [MQTT-3.3.4-9]
  Conversation talk(receive_maximum(1));
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, 1)), "publish 1 a/b");
  EXPECT_EQ(talk.hear(talk.server.publish_again(Qos::at_least_once, 2)), "error mqtt_receive_max 0x93");
  EXPECT_EQ(talk.session.counters().redeliveries, 0U);
}

TEST(MqttSessionCorner, ATableFullOfWhatEarlierConnectionsLeftTakesNoQos1Either) {  // FAULTS 3.4: 128 entries
  ClientTerms terms = resuming(qos_2_terms());
  Conversation talk(terms);
  std::uint16_t packet_id = 0;
  for (int connection = 0; connection < 2; ++connection) {
    talk.accept({}, connection != 0);
    for (int n = 0; n < 64; ++n) {
      static_cast<void>(talk.hear(talk.server.publish(Qos::exactly_once, ++packet_id)));
      EXPECT_EQ(talk.session.acknowledge(packet_id), Session::Answer::pubrec);
    }
    talk.reconnect(terms);
  }
  talk.accept({}, true);
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, ++packet_id)).substr(0, 5), "error");
}

TEST(MqttSessionCorner, APubrecForASubscribeIsAnAnswerOfTheWrongKind) {  // M-53
  Conversation talk(qos_2_terms());
  talk.accept();
  const std::uint16_t packet_id = talk.subscribe(1);
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrec, packet_id)), "error mqtt_protocol 0x82");
}

TEST(MqttSessionCorner, APubrelTooEarlyIsIgnoredByWhoLeaves) {  // [MQTT-3.14.4-1]
  Conversation talk(qos_2_terms());
  talk.accept();
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::exactly_once, 5)), "publish 5 a/b");
  talk.session.on_disconnecting();
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrel, 5)), "ignored");
}

TEST(MqttSessionCorner, AnIdHeldOnBothSidesOfATakeoverIsHeldOnce) {  // R-38, [MQTT-4.3.3-10]
  const ClientTerms terms = resuming(qos_2_terms());
  Conversation before(terms);
  Conversation after(terms);
  for (Conversation* talk : {&before, &after}) {
    talk->accept();
    EXPECT_EQ(talk->hear(talk->server.publish(Qos::exactly_once, 9)), "publish 9 a/b");
    EXPECT_EQ(talk->session.acknowledge(9), Session::Answer::pubrec);
  }
  after.reconnect(terms);
  after.session.adopt(before.session);
  after.accept({}, true);
  EXPECT_EQ(after.hear(after.server.ack(PacketType::pubrel, 9)), "pubcomp 9 0x00");
  EXPECT_EQ(after.hear(after.server.ack(PacketType::pubrel, 9)), "pubcomp 9 0x92");
}

TEST(MqttSessionCorner, AdoptsNoOthersGivingUpWhereItTakesNothing) {
  Conversation after(resuming());
  after.accept();
  EXPECT_EQ(after.subscribe(1), 1);
  after.reconnect(resuming());  // its answer will not come; nobody has asked for it back yet
  Conversation before(resuming());
  before.accept();
  EXPECT_EQ(before.publish(2), 1);
  before.session.discard();
  after.session.adopt(before.session);  // the id is taken here
  EXPECT_EQ(before.unanswered(), "publish #2 1");
  after.accept({}, true);
  EXPECT_EQ(after.unanswered(), "subscribe #1 1");
  EXPECT_EQ(after.publish(3), 2) << "nothing of this session's was given up";
}

TEST(MqttSessionCorner, AdoptsTheGivingUpWithTheOnePublishThatItTakes) {
  Conversation before(resuming());
  before.accept();
  EXPECT_EQ(before.publish(1), 1);
  before.session.discard();
  Conversation after(resuming());
  after.session.adopt(before.session);
  EXPECT_EQ(before.unanswered(), "");
  after.accept({}, true);
  EXPECT_EQ(after.resends(), "");
  EXPECT_EQ(after.unanswered(), "publish #1 1");
}

TEST(MqttSessionCorner, NothingGoesOutAndNothingIsWaitedForOnceItIsClosed) {  // MQTT 5 4.1
  Conversation talk(resuming(qos_2_terms()));
  talk.accept();
  EXPECT_GT(talk.session.publish_quota(), 0);
  EXPECT_NE(talk.session.deadline(), Instant::never());
  talk.session.on_closed(talk.now);
  EXPECT_FALSE(talk.session.connected());
  EXPECT_EQ(talk.session.publish_quota(), 0);
  EXPECT_EQ(talk.session.request_quota(), 0);
  EXPECT_EQ(talk.session.deadline(), Instant::never());
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_most_once, 0)), "ignored");
}

TEST(MqttSessionCorner, PublishesAreOverdueOnlyWhereAllThatIsOutIs) {  // MQTT 5 4.9
  Conversation talk(resuming(qos_2_terms()));
  EXPECT_FALSE(talk.session.publishes_overdue()) << "not connected";
  talk.accept();
  EXPECT_FALSE(talk.session.publishes_overdue()) << "nothing is out";
  EXPECT_EQ(talk.publish(1), 1);
  EXPECT_EQ(talk.publish(2, Qos::exactly_once), 2);
  talk.now = talk.now + seconds(15);
  talk.session.on_received(talk.now);
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrec, 2)), "pubrel 2 0x00");
  talk.now = talk.now + seconds(6);
  EXPECT_EQ(talk.due(), "puback #1");
  EXPECT_FALSE(talk.session.publishes_overdue()) << "the PUBCOMP has time still";
  talk.session.on_sent(talk.now);
  talk.session.on_received(talk.now);
  talk.now = talk.now + seconds(15);
  EXPECT_EQ(talk.due(), "puback #2, ping");
  EXPECT_TRUE(talk.session.publishes_overdue());
  talk.session.discard();
  EXPECT_FALSE(talk.session.publishes_overdue()) << "given up";
}

TEST(MqttSessionCorner, AtTheEndOfTimeEverythingIsDueOnceAndNothingTwice) {
  Conversation talk;
  talk.accept();
  talk.now = Instant::never();
  EXPECT_EQ(talk.due(), "ping, silent");
  EXPECT_EQ(talk.due(), "");
}

TEST(MqttSessionCorner, PingsThatAreNeverAnsweredAreCountedAsFarAsACounterGoes) {
  Conversation talk;
  talk.accept();
  for (int n = 0; n < 65'540; ++n) {
    talk.now = talk.now + seconds(30);
    ASSERT_EQ(talk.due(), "ping") << n;
    talk.session.on_received(talk.now);  // another packet's first byte: the path is alive
  }
  EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
}

}  // namespace
}  // namespace axonpush::test
