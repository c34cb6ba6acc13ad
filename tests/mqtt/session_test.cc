// What the server sends, row by row of BAD_INPUTS 6: goal is the exact verdict, error, reason code and clause, that an
// error is told once, and that nothing is left to do after it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mqtt/session_support.h"

namespace axonpush::test {
namespace {

struct WrongRow {
  const char* name;
  ClientTerms terms;
  bool connected;                            // CONNACK has been accepted before
  std::string (*speak)(Conversation& talk);  // the last thing heard is the wrong one
  Errc code;
  ReasonCode close_with;
  const char* clause;
};

ClientTerms fresh_without_clean_start() {
  ClientTerms terms;
  terms.clean_start = false;
  return terms;
}

constexpr ReasonCode k82 = ReasonCode::protocol_error;
constexpr Errc kProtocol = Errc::mqtt_protocol;

std::vector<WrongRow> wrong_connections() {
  return {
      {"M-54 second CONNACK",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.connack()); },
       kProtocol,
       k82,
       "[MQTT-3.2.0-2]"},
      {"M-55 PUBLISH before CONNACK",
       {},
       false,
       [](Conversation& t) { return t.hear(t.server.publish(Qos::at_most_once, 0)); },
       kProtocol,
       k82,
       "[MQTT-3.2.0-1]"},
      {"M-55 SUBACK before CONNACK",
       {},
       false,
       [](Conversation& t) { return t.hear(t.server.reasons(PacketType::suback, 1, {0})); },
       kProtocol,
       k82,
       "[MQTT-3.2.0-1]"},
      {"M-55 PINGRESP before CONNACK",
       {},
       false,
       [](Conversation& t) { return t.hear(t.server.bare(PacketType::pingresp)); },
       kProtocol,
       k82,
       "[MQTT-3.2.0-1]"},
      {"M-55 DISCONNECT before CONNACK",
       {},
       false,
       [](Conversation& t) { return t.hear(t.server.notice(PacketType::disconnect)); },
       kProtocol,
       k82,
       "[MQTT-3.2.0-1]"},
      {"M-57 Session Present after Clean Start",
       {},
       false,
       [](Conversation& t) { return t.hear(t.server.connack(ReasonCode::success, true)); },
       kProtocol,
       k82,
       "[MQTT-3.2.2-2]"},
      {"M-57 Session Present without a session", fresh_without_clean_start(), false,
       [](Conversation& t) { return t.hear(t.server.connack(ReasonCode::success, true)); }, kProtocol, k82,
       "[MQTT-3.2.2-4]"},
      {"M-58 refused with Session Present", resuming(), false,
       [](Conversation& t) { return t.hear(t.server.connack(ReasonCode::not_authorized, true)); }, kProtocol, k82,
       "[MQTT-3.2.2-6]"},
      {"M-59 CONNACK reason 0x01",
       {},
       false,
       [](Conversation& t) { return t.hear(t.server.connack(ReasonCode::granted_qos_1)); },
       kProtocol,
       k82,
       "[MQTT-3.2.2-8]"},
      {"M-39 Receive Maximum 0",
       {},
       false,
       [](Conversation& t) {
         return t.hear(t.server.connack(ReasonCode::success, false, {{Property::receive_maximum, 0}}));
       },
       kProtocol,
       k82,
       "MQTT 5 3.2.2.3.3"},
      {"M-39 Maximum Packet Size 0",
       {},
       false,
       [](Conversation& t) {
         return t.hear(t.server.connack(ReasonCode::success, false, {{Property::maximum_packet_size, 0}}));
       },
       kProtocol,
       k82,
       "MQTT 5 3.2.2.3.6"},
      {"M-42 Assigned Client Identifier of 257 bytes",
       {},
       false,
       [](Conversation& t) {
         const std::string id(257, 'x');
         return t.hear(t.server.connack(ReasonCode::success, false, {{Property::assigned_client_identifier, 0, id}}));
       },
       kProtocol,
       k82,
       "MQTT 5 3.2.2.3.7"},
      {"M-42 Assigned Client Identifier of 65,535 bytes",
       {},
       false,
       [](Conversation& t) {
         const std::string id(65'535, 'x');
         return t.hear(t.server.connack(ReasonCode::success, false, {{Property::assigned_client_identifier, 0, id}}));
       },
       kProtocol,
       k82,
       "MQTT 5 3.2.2.3.7"},
      {"M-60 AUTH before CONNACK",
       {},
       false,
       [](Conversation& t) { return t.hear(t.server.notice(PacketType::auth, ReasonCode::continue_authentication)); },
       kProtocol,
       k82,
       "[MQTT-4.12.0-6]"},
      {"M-60 AUTH without a method",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.notice(PacketType::auth, ReasonCode::continue_authentication)); },
       kProtocol,
       k82,
       "[MQTT-4.12.0-6]"},
      {"M-60 Authentication Method in CONNACK",
       {},
       false,
       [](Conversation& t) {
         return t.hear(t.server.connack(ReasonCode::success, false, {{Property::authentication_method, 0, "SCRAM"}}));
       },
       kProtocol,
       k82,
       "[MQTT-4.12.0-6]"},
      {"M-45 Session Expiry Interval in DISCONNECT",
       {},
       true,
       [](Conversation& t) {
         return t.hear(t.server.notice(PacketType::disconnect, ReasonCode::server_busy,
                                       {{Property::session_expiry_interval, 1}}));
       },
       kProtocol,
       k82,
       "[MQTT-3.14.2-2]"},
      {"M-02 CONNECT",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.bare(PacketType::connect)); },
       kProtocol,
       k82,
       "MQTT 5 2.1.2"},
      {"M-02 SUBSCRIBE",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.bare(PacketType::subscribe)); },
       kProtocol,
       k82,
       "MQTT 5 2.1.2"},
      {"M-02 UNSUBSCRIBE",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.bare(PacketType::unsubscribe)); },
       kProtocol,
       k82,
       "MQTT 5 2.1.2"},
      {"M-02 PINGREQ",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.bare(PacketType::pingreq)); },
       kProtocol,
       k82,
       "MQTT 5 2.1.2"},
  };
}

std::vector<WrongRow> wrong_publishes() {
  return {
      {"M-12 PUBLISH at QoS 2",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.publish(Qos::exactly_once, 1)); },
       kProtocol,
       k82,
       "MQTT 5 3.8.4"},
      {"M-37 Subscription Identifier 1",
       {},
       true,
       [](Conversation& t) {
         return t.hear(t.server.publish(Qos::at_most_once, 0, "a", {{Property::subscription_identifier, 1}}));
       },
       kProtocol,
       k82,
       "MQTT 5 3.3.2.3.8"},
      {"M-37 Subscription Identifier 268,435,455",
       {},
       true,
       [](Conversation& t) {
         return t.hear(
             t.server.publish(Qos::at_least_once, 1, "a", {{Property::subscription_identifier, 268'435'455}}));
       },
       kProtocol,
       k82,
       "MQTT 5 3.3.2.3.8"},
      {"M-37 Subscription Identifiers, two",
       {},
       true,
       [](Conversation& t) {
         return t.hear(
             t.server.publish(Qos::at_most_once, 0, "a",
                              {{Property::subscription_identifier, 1}, {Property::subscription_identifier, 2}}));
       },
       kProtocol,
       k82,
       "MQTT 5 3.3.2.3.8"},
      {"M-38 alias where none was announced",
       {},
       true,
       [](Conversation& t) {
         return t.hear(t.server.publish(Qos::at_most_once, 0, "a", {{Property::topic_alias, 1}}));
       },
       Errc::mqtt_topic_alias,
       ReasonCode::topic_alias_invalid,
       "[MQTT-3.3.2-11]"},
      {"M-38 alias over the maximum", aliases_in(4), true,
       [](Conversation& t) {
         return t.hear(t.server.publish(Qos::at_most_once, 0, "a", {{Property::topic_alias, 5}}));
       },
       Errc::mqtt_topic_alias, ReasonCode::topic_alias_invalid, "[MQTT-3.3.2-11]"},
      {"M-38 empty topic, unbound alias", aliases_in(4), true,
       [](Conversation& t) {
         return t.hear(t.server.publish(Qos::at_most_once, 0, "", {{Property::topic_alias, 4}}));
       },
       kProtocol, k82, "MQTT 5 3.3.2.3.4"},
      {"M-38 empty topic, alias bound before the reconnect", aliases_in(4), true,
       [](Conversation& t) {
         static_cast<void>(t.hear(t.server.publish(Qos::at_most_once, 0, "a", {{Property::topic_alias, 4}})));
         t.reconnect(t.session.terms());
         t.accept();
         return t.hear(t.server.publish(Qos::at_most_once, 0, "", {{Property::topic_alias, 4}}));
       },
       kProtocol, k82, "MQTT 5 3.3.2.3.4"},
      {"M-38 empty topic, alias bound on the other connection of a swap", aliases_in(4), true,
       [](Conversation& t) {
         Conversation other(t.session.terms());
         other.accept();
         static_cast<void>(other.hear(other.server.publish(Qos::at_most_once, 0, "a", {{Property::topic_alias, 4}})));
         return t.hear(t.server.publish(Qos::at_most_once, 0, "", {{Property::topic_alias, 4}}));
       },
       kProtocol, k82, "MQTT 5 3.3.2.3.4"},
      {"empty topic without an alias", aliases_in(4), true,
       [](Conversation& t) { return t.hear(t.server.publish(Qos::at_most_once, 0, "")); }, kProtocol, k82,
       "MQTT 5 3.3.2.3.4"},
      {"an alias whose topic was too long to keep", aliases_in(4), true,
       [](Conversation& t) {
         const std::string topic(limits::kTopicOutBytes + 1, 't');
         EXPECT_EQ(t.hear(t.server.publish(Qos::at_most_once, 0, topic, {{Property::topic_alias, 4}})),
                   joined({"publish 0 ", topic}));
         return t.hear(t.server.publish(Qos::at_most_once, 0, "", {{Property::topic_alias, 4}}));
       },
       Errc::quota, ReasonCode::quota_exceeded, "MQTT 5 3.3.2.3.4"},
      {"M-64 one PUBLISH over the Receive Maximum", receive_maximum(2), true,
       [](Conversation& t) {
         EXPECT_EQ(t.hear(t.server.publish(Qos::at_least_once, 1)), "publish 1 a/b");
         EXPECT_EQ(t.hear(t.server.publish(Qos::at_least_once, 2)), "publish 2 a/b");
         EXPECT_EQ(t.hear(t.server.publish(Qos::at_most_once, 0)), "publish 0 a/b");
         return t.hear(t.server.publish(Qos::at_least_once, 3));
       },
       Errc::mqtt_receive_max, ReasonCode::receive_maximum_exceeded, "[MQTT-3.3.4-9]"},
      {"M-64 the same id over and over", receive_maximum(2), true,
       [](Conversation& t) {
         EXPECT_EQ(t.hear(t.server.publish(Qos::at_least_once, 9)), "publish 9 a/b");
         EXPECT_EQ(t.hear(t.server.publish(Qos::at_least_once, 9)), "publish 9 a/b again");
         return t.hear(t.server.publish(Qos::at_least_once, 9));
       },
       Errc::mqtt_receive_max, ReasonCode::receive_maximum_exceeded, "[MQTT-3.3.4-9]"},
  };
}

std::vector<WrongRow> wrong_answers() {
  return {
      {"M-46 SUBACK without a code",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.reasons(PacketType::suback, t.subscribe(1, 2), {})); },
       kProtocol,
       k82,
       "[MQTT-3.8.4-6]"},
      {"M-46 SUBACK with one code too few",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.reasons(PacketType::suback, t.subscribe(1, 2), {0})); },
       kProtocol,
       k82,
       "[MQTT-3.8.4-6]"},
      {"M-46 SUBACK with one code too many",
       {},
       true,
       [](Conversation& t) {
         return t.hear(t.server.reasons(PacketType::suback, t.subscribe(1, 2), {0, 0, 0}));
       },
       kProtocol,
       k82,
       "[MQTT-3.8.4-6]"},
      {"M-47 SUBACK with an unknown id",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.reasons(PacketType::suback, 77, {0})); },
       kProtocol,
       k82,
       "[MQTT-2.2.1-6]"},
      {"M-47 SUBACK with the id of a PUBLISH",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.reasons(PacketType::suback, t.publish(1), {0})); },
       kProtocol,
       k82,
       "[MQTT-2.2.1-6]"},
      {"M-47 SUBACK with the id of an UNSUBSCRIBE",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.reasons(PacketType::suback, t.unsubscribe(1), {0})); },
       kProtocol,
       k82,
       "[MQTT-2.2.1-6]"},
      {"M-47 a second SUBACK",
       {},
       true,
       [](Conversation& t) {
         const std::uint16_t id = t.subscribe(1);
         EXPECT_EQ(t.hear(t.server.reasons(PacketType::suback, id, {0})), "subscribed #1");
         return t.hear(t.server.reasons(PacketType::suback, id, {0}));
       },
       kProtocol,
       k82,
       "[MQTT-2.2.1-6]"},
      {"M-47 SUBACK of an earlier connection", resuming(), true,
       [](Conversation& t) {
         const std::uint16_t id = t.subscribe(1);
         t.reconnect(resuming());
         t.accept({}, true);
         return t.hear(t.server.reasons(PacketType::suback, id, {0}));
       },
       kProtocol, k82, "[MQTT-2.2.1-6]"},
      {"M-48 granted QoS 2 for our 1",
       {},
       true,
       [](Conversation& t) {
         return t.hear(t.server.reasons(PacketType::suback, t.subscribe(1, 2), {1, 2}));
       },
       kProtocol,
       k82,
       "[MQTT-3.8.4-7]"},
      {"M-48 granted QoS 1 for our 0",
       {},
       true,
       [](Conversation& t) {
         return t.hear(t.server.reasons(PacketType::suback, t.subscribe(1, 1, Qos::at_most_once), {1}));
       },
       kProtocol,
       k82,
       "[MQTT-3.8.4-7]"},
      {"M-48 code 0x03",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.reasons(PacketType::suback, t.subscribe(1), {3})); },
       kProtocol,
       k82,
       "[MQTT-3.8.4-7]"},
      {"M-48 code 0x7F",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.reasons(PacketType::suback, t.subscribe(1), {0x7F})); },
       kProtocol,
       k82,
       "[MQTT-3.8.4-7]"},
      {"M-50 UNSUBACK with one code too few",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.reasons(PacketType::unsuback, t.unsubscribe(1, 2), {0})); },
       kProtocol,
       k82,
       "[MQTT-3.8.4-6]"},
      {"M-50 UNSUBACK with one code too many",
       {},
       true,
       [](Conversation& t) {
         return t.hear(t.server.reasons(PacketType::unsuback, t.unsubscribe(1, 2), {0, 0, 0}));
       },
       kProtocol,
       k82,
       "[MQTT-3.8.4-6]"},
      {"M-50 UNSUBACK with the id of a SUBSCRIBE",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.reasons(PacketType::unsuback, t.subscribe(1), {0})); },
       kProtocol,
       k82,
       "[MQTT-2.2.1-6]"},
      {"M-52 PUBACK for a SUBSCRIBE",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.ack(PacketType::puback, t.subscribe(1))); },
       kProtocol,
       k82,
       "[MQTT-2.2.1-5]"},
      {"M-52 PUBACK for an UNSUBSCRIBE",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.ack(PacketType::puback, t.unsubscribe(1))); },
       kProtocol,
       k82,
       "[MQTT-2.2.1-5]"},
      {"M-53 PUBREC",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.ack(PacketType::pubrec, t.publish(1))); },
       kProtocol,
       k82,
       "MQTT 5 4.3.3"},
      {"M-53 PUBREL",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.ack(PacketType::pubrel, 1)); },
       kProtocol,
       k82,
       "MQTT 5 4.3.3"},
      {"M-53 PUBCOMP",
       {},
       true,
       [](Conversation& t) { return t.hear(t.server.ack(PacketType::pubcomp, 1)); },
       kProtocol,
       k82,
       "MQTT 5 4.3.3"},
      {"PUBACK for a PUBLISH at QoS 2", qos_2_terms(), true,
       [](Conversation& t) { return t.hear(t.server.ack(PacketType::puback, t.publish(1, Qos::exactly_once))); },
       kProtocol, k82, "[MQTT-2.2.1-5]"},
      {"PUBREC for a PUBLISH at QoS 1", qos_2_terms(), true,
       [](Conversation& t) { return t.hear(t.server.ack(PacketType::pubrec, t.publish(1))); }, kProtocol, k82,
       "[MQTT-2.2.1-5]"},
      {"PUBCOMP before PUBREC", qos_2_terms(), true,
       [](Conversation& t) { return t.hear(t.server.ack(PacketType::pubcomp, t.publish(1, Qos::exactly_once))); },
       kProtocol, k82, "[MQTT-2.2.1-5]"},
      {"PUBREL before our PUBREC", qos_2_terms(), true,
       [](Conversation& t) {
         static_cast<void>(t.hear(t.server.publish(Qos::exactly_once, 5)));
         return t.hear(t.server.ack(PacketType::pubrel, 5));
       },
       kProtocol, k82, "MQTT 5 4.3.3"},
      {"PUBREL for a PUBLISH at QoS 1", qos_2_terms(), true,
       [](Conversation& t) {
         static_cast<void>(t.hear(t.server.publish(Qos::at_least_once, 5)));
         return t.hear(t.server.ack(PacketType::pubrel, 5));
       },
       kProtocol, k82, "[MQTT-2.2.1-5]"},
      {"an id at QoS 1 that is in use at QoS 2", qos_2_terms(), true,
       [](Conversation& t) {
         static_cast<void>(t.hear(t.server.publish(Qos::exactly_once, 5)));
         return t.hear(t.server.publish(Qos::at_least_once, 5));
       },
       kProtocol, k82, "[MQTT-2.2.1-4]"},
      {"an id at QoS 2 that is in use at QoS 1", qos_2_terms(), true,
       [](Conversation& t) {
         static_cast<void>(t.hear(t.server.publish(Qos::at_least_once, 5)));
         return t.hear(t.server.publish(Qos::exactly_once, 5));
       },
       kProtocol, k82, "[MQTT-2.2.1-4]"},
  };
}

void expect_wrong(const WrongRow& row) {
  SCOPED_TRACE(row.name);
  Conversation talk(row.terms);
  if (row.connected) talk.accept();
  ASSERT_EQ(talk.session.connected(), row.connected);
  static_cast<void>(row.speak(talk));
  EXPECT_EQ(talk.last.kind, Verdict::Kind::error);
  EXPECT_EQ(talk.last.error.code(), row.code);
  EXPECT_EQ(talk.last.close_with, row.close_with);
  EXPECT_EQ(talk.last.error.number(), static_cast<std::uint32_t>(row.close_with));
  EXPECT_EQ(talk.last.error.clause(), row.clause);
  EXPECT_NE(talk.last.error.what(), "");
  // BAD_INPUTS 0: a DISCONNECT goes out only where CONNACK had been accepted.
  EXPECT_EQ(talk.session.connected(), row.connected);
  // Told once: the same again, and anything else, is ignored. Nothing is begun, acknowledged or awaited any more.
  EXPECT_EQ(talk.hear(talk.server.connack()), "ignored");
  EXPECT_EQ(talk.hear(talk.server.publish(Qos::at_least_once, 3)), "ignored");
  EXPECT_EQ(talk.session.counters().packets_after_end, 2U);
  EXPECT_EQ(talk.session.acknowledge(1), Session::Answer::none);
  EXPECT_EQ(talk.session.begin_publish(Qos::at_least_once, 1, talk.now).error().code(), Errc::closed);
  EXPECT_EQ(talk.session.begin_subscribe(1, 1, Qos::at_least_once, talk.now).error().code(), Errc::closed);
  EXPECT_EQ(talk.session.deadline(), Instant::never());
}

TEST(MqttSession, RefusesWhatIsWrongAboutTheConnection) {  // M-02, M-39, M-42, M-45, M-54, M-55, M-57..M-60
  for (const WrongRow& row : wrong_connections()) expect_wrong(row);
}
TEST(MqttSession, RefusesWrongPublishes) {  // M-12, M-37, M-38, M-64
  for (const WrongRow& row : wrong_publishes()) expect_wrong(row);
}
TEST(MqttSession, RefusesWrongAnswers) {  // M-46, M-47, M-48, M-50, M-52, M-53
  for (const WrongRow& row : wrong_answers()) expect_wrong(row);
}
TEST(MqttSession, ClosesOnlyWithCodesThatAClientMaySend) {  // MQTT 5 3.14.2.1
  for (const auto& rows : {wrong_connections(), wrong_publishes(), wrong_answers()}) {
    for (const WrongRow& row : rows) {
      EXPECT_TRUE(
          reason_code_allowed(PacketType::disconnect, Sender::client, static_cast<std::uint8_t>(row.close_with)))
          << row.name;
    }
  }
}

}  // namespace
}  // namespace axonpush::test
