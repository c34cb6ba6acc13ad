// The session's time, on a clock that only the test moves: keep alive, silence, packets that never end, answers that
// never come. Each deadline is met exactly at the instant that deadline() gave, and not a nanosecond before.
#include <gtest/gtest.h>

#include <string>

#include "mqtt/session_support.h"

namespace axonpush::test {
namespace {

constexpr Duration kTick = nanoseconds(1);

// Nothing is due just before `expected`, which deadline() names; the clock stands at it afterwards.
void go_to_deadline(Conversation& talk, Instant expected) {
  ASSERT_EQ(talk.session.deadline(), expected);
  talk.now = expected - kTick;
  EXPECT_EQ(talk.due(), "");
  talk.now = expected;
}

struct KeepAliveRow {
  std::uint32_t server;  // Server Keep Alive; 99,999: not sent
  Duration interval;
  Duration reply;  // min(interval / 2, 10 s)
};

constexpr KeepAliveRow kKeepAlives[] = {
    {99'999, seconds(30), seconds(10)},  {0, seconds(60), seconds(10)},  {1, seconds(1), milliseconds(500)},
    {5, seconds(5), milliseconds(2500)}, {20, seconds(20), seconds(10)}, {65'535, seconds(65'535), seconds(10)},
};

void accept(Conversation& talk, const KeepAliveRow& row) {
  if (row.server == 99'999) {
    talk.accept();
  } else {
    talk.accept({{Property::server_keep_alive, row.server}});
  }
}

TEST(MqttSessionTime, PingsAfterTheKeepAliveAndFindsAHalfOpenPath) {  // M-41, R-25, [MQTT-3.1.2-22], [MQTT-3.2.2-21]
  for (const KeepAliveRow& row : kKeepAlives) {
    SCOPED_TRACE(row.server);
    Conversation talk;
    accept(talk, row);
    EXPECT_EQ(talk.session.liveness_interval(), row.interval);
    go_to_deadline(talk, kStart + row.interval);
    EXPECT_EQ(talk.due(), "ping");
    talk.session.on_sent(talk.now);
    EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
    go_to_deadline(talk, kStart + row.interval * 2);
    EXPECT_EQ(talk.due(), "ping");
    go_to_deadline(talk, kStart + row.interval * 2 + row.reply);
    EXPECT_EQ(talk.due(), "silent") << "R-25: keep alive + the PINGRESP deadline";
    EXPECT_EQ(talk.session.deadline(), Instant::never());
    talk.now = talk.now + hours(1);
    EXPECT_EQ(talk.due(), "") << "told once";
  }
}

TEST(MqttSessionTime, TakesNoWriteForASignOfLife) {  // R-25
  Conversation talk;
  talk.accept();
  for (int second = 0; second < 30; ++second) {
    talk.now = kStart + seconds(second);
    talk.session.on_sent(talk.now);
    ASSERT_EQ(talk.due(), "");
  }
  go_to_deadline(talk, kStart + seconds(30));
  EXPECT_EQ(talk.due(), "ping");
  for (int second = 30; second < 40; ++second) {
    talk.now = kStart + seconds(second);
    talk.session.on_sent(talk.now);
    ASSERT_EQ(talk.due(), "");
  }
  go_to_deadline(talk, kStart + seconds(40));
  EXPECT_EQ(talk.due(), "silent");
  EXPECT_LE(talk.now - kStart, seconds(30) + seconds(30) / 2) << "R-26: 1.5 x keep alive";
}

TEST(MqttSessionTime, TakesAnyByteForASignOfLife) {  // R-26: PINGRESP missing, and PUBLISH keeps arriving
  Conversation talk;
  talk.accept();
  for (int round = 0; round < 20; ++round) {
    talk.now = talk.now + seconds(30);
    ASSERT_EQ(talk.due(), "ping") << "we still send nothing else";
    talk.now = talk.now + seconds(9);
    ASSERT_EQ(talk.hear(talk.server.publish(Qos::at_most_once, 0)), "publish 0 a/b");
    talk.now = talk.session.deadline() - seconds(30);
  }
  // With neither: found within 1.5 x keep alive of the last byte.
  talk.session.on_received(talk.now);
  const Instant last = talk.now;
  std::string told;
  while (told.find("silent") == std::string::npos) {
    ASSERT_NE(talk.session.deadline(), Instant::never());
    talk.now = talk.session.deadline();
    told += talk.due();
  }
  EXPECT_LE(talk.now - last, seconds(45));
}

TEST(MqttSessionTime, AsksALiveLinkAfterALongBlockInsteadOfDroppingIt) {  // R-52
  Conversation talk;
  talk.accept();
  talk.now = talk.now + minutes(10);
  EXPECT_EQ(talk.due(), "ping") << "nothing was asked yet, so nothing is overdue";
  EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
  // The answer waited in the socket while a callback blocked: judged first, it proves the path.
  talk.now = talk.now + seconds(30);
  EXPECT_EQ(talk.due(), "ping");
  talk.now = talk.now + minutes(10);
  EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
  EXPECT_EQ(talk.due(), "ping");
}

TEST(MqttSessionTime, DoesNotPingWhileItSendsAndHears) {  // [MQTT-3.1.2-22]
  Conversation talk;
  talk.accept();
  for (int second = 0; second < 300; ++second) {
    talk.now = talk.now + seconds(1);
    talk.session.on_sent(talk.now);
    talk.session.on_received(talk.now);
    ASSERT_EQ(talk.due(), "");
  }
}

TEST(MqttSessionTime, AsksOncePerKeepAliveEvenWhenThePingIsSlowToLeave) {  // R-56: it may sit in the queue
  Conversation talk;
  talk.accept();
  talk.now = talk.now + seconds(30);
  EXPECT_EQ(talk.due(), "ping");
  talk.session.on_received(talk.now);
  EXPECT_EQ(talk.due(), "") << "no on_sent yet, and still no second one";
  EXPECT_EQ(talk.session.deadline(), talk.now + seconds(30));
}

TEST(MqttSessionTime, OnlyProbesASilentPathWhenKeepAliveIsOff) {  // M-41
  Conversation talk;
  talk.accept({{Property::server_keep_alive, 0}});
  for (int minute = 0; minute < 10; ++minute) {
    talk.now = talk.now + seconds(59);
    talk.session.on_received(talk.now);
    EXPECT_EQ(talk.due(), "") << "pings are off: nothing sent for minutes, and nothing asked";
  }
  go_to_deadline(talk, talk.now + seconds(60));
  EXPECT_EQ(talk.due(), "ping");
}

TEST(MqttSessionTime, SendsNothingBeforeConnack) {  // CONTRACT 3
  Conversation talk;
  talk.now = talk.now + hours(1);
  EXPECT_EQ(talk.session.deadline(), Instant::never());
  EXPECT_EQ(talk.due(), "");
}

TEST(MqttSessionTime, StartsAnewOnEachConnection) {
  Conversation talk(resuming());
  talk.accept();
  static_cast<void>(talk.publish(1));
  talk.now = talk.now + seconds(30);
  EXPECT_EQ(talk.due(), "puback #1, ping");
  talk.now = talk.now + seconds(10);
  EXPECT_EQ(talk.due(), "silent");
  talk.reconnect(resuming());
  EXPECT_EQ(talk.session.deadline(), Instant::never());
  talk.accept({}, true);
  EXPECT_EQ(talk.session.deadline(), talk.now + seconds(30)) << "a publish that is not out again awaits nothing";
  EXPECT_EQ(talk.resends(), "publish #1 1");
  go_to_deadline(talk, talk.now + seconds(20));
  EXPECT_EQ(talk.due(), "puback #1");
}

TEST(MqttSessionTime, GivesAPacketThirtySeconds) {  // R-27: a byte every 4 s inside one packet
  Conversation talk;
  talk.accept();
  for (int second = 0; second < 30; second += 4) {
    talk.now = kStart + seconds(second);
    talk.session.on_sent(talk.now);
    talk.session.on_received(talk.now);
    talk.session.on_incomplete(talk.now);
    ASSERT_EQ(talk.due(), "");
  }
  go_to_deadline(talk, kStart + seconds(30));
  EXPECT_EQ(talk.due(), "packet");
  EXPECT_GT(talk.session.deadline(), talk.now) << "and waited for no longer";
  EXPECT_EQ(talk.due(), "") << "told once";
}

TEST(MqttSessionTime, CountsAPacketsTimeFromItsOwnFirstByte) {  // R-27
  Conversation talk;
  talk.session.on_incomplete(talk.now);
  EXPECT_EQ(talk.session.deadline(), kStart + seconds(30)) << "of CONNACK too";
  talk.now = kStart + seconds(29);
  talk.accept();
  talk.session.on_sent(talk.now);
  EXPECT_EQ(talk.session.deadline(), talk.now + seconds(30)) << "keep alive";
  talk.session.on_incomplete(talk.now - seconds(1));
  EXPECT_EQ(talk.session.deadline(), talk.now + seconds(29));
}

TEST(MqttSessionTime, ReportsEachMissingAnswerOnceAndInOrder) {  // R-23: 10 s; PUBACK: 20 s
  ClientTerms terms = qos_2_terms();
  terms.keep_alive = 1000;
  Conversation talk(terms);
  talk.accept();
  static_cast<void>(talk.publish(1));
  static_cast<void>(talk.subscribe(2));
  talk.now = kStart + seconds(1);
  static_cast<void>(talk.publish(3));
  static_cast<void>(talk.unsubscribe(4));
  static_cast<void>(talk.publish(5, Qos::exactly_once));
  go_to_deadline(talk, kStart + seconds(10));
  EXPECT_EQ(talk.due(), "suback #2");
  go_to_deadline(talk, kStart + seconds(11));
  EXPECT_EQ(talk.due(), "suback #4");
  talk.now = kStart + seconds(15);
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::pubrec, 5)), "pubrel 5 0x00");
  go_to_deadline(talk, kStart + seconds(20));
  EXPECT_EQ(talk.due(), "puback #1");
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, 1)), "complete 1 #1 0x00") << "late, and it still counts";
  go_to_deadline(talk, kStart + seconds(21));
  EXPECT_EQ(talk.due(), "puback #3");
  go_to_deadline(talk, kStart + seconds(35));
  EXPECT_EQ(talk.due(), "puback #5") << "PUBCOMP has its own 20 s";
  EXPECT_EQ(talk.hear(talk.server.reasons(PacketType::suback, 2, {0})), "subscribed #2");
  talk.now = talk.now + seconds(1);
  static_cast<void>(talk.publish(6));
  static_cast<void>(talk.subscribe(7));
  talk.now = talk.now + seconds(20);
  EXPECT_EQ(talk.due(), "suback #7, puback #6");
}

TEST(MqttSessionTime, ForgetsTheDeadlineOfWhatWasAnswered) {
  for (int answered = 1; answered <= 3; ++answered) {
    SCOPED_TRACE(answered);
    ClientTerms terms;
    terms.keep_alive = 1000;
    Conversation talk(terms);
    talk.accept();
    for (std::uint32_t token = 1; token <= 3; ++token) static_cast<void>(talk.publish(token));
    static_cast<void>(talk.hear(talk.server.ack(PacketType::puback, static_cast<std::uint16_t>(answered))));
    talk.now = talk.now + seconds(20);
    std::string expected;
    for (int token = 1; token <= 3; ++token) {
      if (token != answered) expected += joined({expected.empty() ? "puback #" : ", puback #", std::to_string(token)});
    }
    EXPECT_EQ(talk.due(), expected);
  }
}

TEST(MqttSessionTime, CountsAResendFromTheMomentItWentOut) {  // R-38
  Conversation talk(resuming());
  talk.accept();
  for (std::uint32_t token = 1; token <= 3; ++token) static_cast<void>(talk.publish(token));
  talk.reconnect(resuming());
  talk.accept({{Property::receive_maximum, 1}}, true);
  EXPECT_EQ(talk.resends(), "publish #1 1");
  talk.now = talk.now + seconds(20);
  EXPECT_EQ(talk.due(), "puback #1") << "those behind it have not gone out";
  static_cast<void>(talk.hear(talk.server.ack(PacketType::puback, 1)));
  EXPECT_EQ(talk.resends(), "publish #2 2");
  static_cast<void>(talk.hear(talk.server.ack(PacketType::puback, 2)));
  talk.now = talk.now + seconds(20);
  talk.session.on_sent(talk.now);
  talk.session.on_received(talk.now);
  EXPECT_EQ(talk.due(), "") << "#3 has not gone out, so it is not overdue";
  EXPECT_EQ(talk.session.deadline(), talk.now + seconds(30));
  EXPECT_EQ(talk.resends(), "publish #3 3");
  talk.session.on_sent(talk.now);
  go_to_deadline(talk, talk.now + seconds(20));
  EXPECT_EQ(talk.due(), "puback #3");
}

TEST(MqttSessionTime, NamesAnErrorForEachThingThatEndsALink) {
  using Kind = Session::Due::Kind;
  const auto code = [](Kind kind) { return Session::Due{kind, 0}.error().code(); };
  EXPECT_EQ(code(Kind::nothing), Errc::none);
  EXPECT_EQ(code(Kind::send_pingreq), Errc::none);
  EXPECT_EQ(code(Kind::keepalive_timeout), Errc::keepalive_timeout);
  EXPECT_EQ(code(Kind::packet_timeout), Errc::connection_lost);
  EXPECT_EQ(code(Kind::suback_timeout), Errc::ack_timeout);
  EXPECT_EQ(code(Kind::puback_timeout), Errc::ack_timeout);
}

TEST(MqttSessionTime, StandsTheEndOfTime) {
  Conversation talk;
  talk.now = Instant::never() - seconds(1);
  talk.session.on_connecting({}, talk.now);
  talk.accept();
  static_cast<void>(talk.publish(1));
  EXPECT_EQ(talk.session.deadline(), Instant::never());
  EXPECT_EQ(talk.due(), "");
}

}  // namespace
}  // namespace axonpush::test
