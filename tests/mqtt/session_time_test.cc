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

TEST(MqttSessionTime, DoesNotPingWhileItSendsAndHearsAndIsAnswered) {  // [MQTT-3.1.2-22]
  for (const bool answered : {true, false}) {
    Conversation talk;
    talk.accept();
    int pings = 0;
    for (int second = 1; second <= 300; ++second) {
      talk.now = talk.now + seconds(1);
      talk.session.on_sent(talk.now);
      talk.session.on_received(talk.now);
      if (answered && second % 20 == 0) {
        EXPECT_NE(talk.hear(talk.server.ack(PacketType::puback, talk.publish(1))), "");
      }
      const std::string due = talk.due();
      ASSERT_EQ(due, !answered && second % 30 == 0 ? "ping" : "") << second;
      if (due == "ping" && ++pings % 2 == 0) {
        EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
      }
    }
    EXPECT_EQ(pings, answered ? 0 : 10) << "events alone do not say that all has come";
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
  EXPECT_EQ(talk.due(), "packet, ping");
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
  EXPECT_EQ(talk.session.deadline(), kStart + seconds(30)) << "keep alive, since CONNECT";
  EXPECT_EQ(talk.hear(talk.server.ack(PacketType::puback, talk.publish(1))), "complete 1 #1 0x00");
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
  EXPECT_EQ(talk.session.deadline(), talk.now + seconds(10)) << "a keep alive after #2, the last that was answered";
  EXPECT_EQ(talk.resends(), "publish #3 3");
  talk.session.on_sent(talk.now);
  go_to_deadline(talk, talk.now + seconds(10));
  EXPECT_EQ(talk.due(), "ping");
  EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
  go_to_deadline(talk, talk.now + seconds(10));
  EXPECT_EQ(talk.due(), "puback #3");
}

// --- Until when nothing is missing (I-09)

TEST(MqttSessionWhole, EachAnswerReachesBackToItsRequest) {
  Conversation talk;
  talk.now = kStart + seconds(1);
  talk.accept();
  EXPECT_EQ(talk.session.whole_until(), kStart) << "CONNECT";
  static_cast<void>(talk.subscribe(1));
  const Instant subscribed = talk.now;
  talk.now = talk.now + seconds(2);
  EXPECT_EQ(talk.session.whole_until(), kStart);
  EXPECT_EQ(talk.hear(talk.server.reasons(PacketType::suback, 1, {1})), "subscribed #1");
  EXPECT_EQ(talk.session.whole_until(), subscribed);
  static_cast<void>(talk.publish(2));
  const Instant published = talk.now;
  talk.session.on_pinging(talk.now + seconds(1));
  talk.now = talk.now + seconds(3);
  static_cast<void>(talk.hear(talk.server.publish(Qos::at_most_once, 0)));
  EXPECT_EQ(talk.session.whole_until(), subscribed) << "an event is no answer";
  static_cast<void>(talk.hear(talk.server.ack(PacketType::puback, 2)));
  EXPECT_EQ(talk.session.whole_until(), published);
  EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
  EXPECT_EQ(talk.session.whole_until(), published + seconds(1));
  talk.session.on_closed(talk.now);
  EXPECT_EQ(talk.session.whole_until(), published + seconds(1)) << "it outlives the connection";
}

TEST(MqttSessionWhole, OfSeveralPingsTheLastAnswerCountsForTheLast) {
  Conversation talk;
  talk.accept();
  for (int second = 1; second <= 3; ++second) talk.session.on_pinging(kStart + seconds(second));
  talk.now = kStart + seconds(5);
  for (const int reach : {1, 1, 3}) {
    EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
    EXPECT_EQ(talk.session.whole_until(), kStart + seconds(reach));
  }
  // One before them all says nothing new.
  talk.session.on_pinging(kStart + seconds(2));
  EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
  EXPECT_EQ(talk.session.whole_until(), kStart + seconds(3));
}

// MQTT 5 4.9: behind a Receive Maximum that is used up the server's queue waits, and PINGRESP overtakes it.
TEST(MqttSessionWhole, AnAnswerThatMayHaveOvertakenAWholeWindowDoesNotCount) {
  for (const std::uint16_t maximum : std::initializer_list<std::uint16_t>{1, 2, 5, 8}) {
    for (int events = 0; events <= 12; ++events) {
      ClientTerms terms;
      terms.receive_maximum = maximum;
      Conversation talk(terms);
      talk.accept();
      // The counting in halves of a window may stand anywhere when the request goes out.
      for (int offset = 0; offset < 4; ++offset) {
        talk.now = talk.now + seconds(1);
        const Instant before = talk.session.whole_until();
        const Instant asked = talk.now;
        talk.session.on_pinging(asked);
        for (int event = 0; event < events; ++event) {
          talk.now = talk.now + milliseconds(10);
          static_cast<void>(talk.hear(talk.server.publish(Qos::at_least_once, 7)));
          static_cast<void>(talk.session.acknowledge(7));
        }
        EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
        const Instant whole = talk.session.whole_until();
        EXPECT_TRUE(whole == before || whole == asked);
        EXPECT_TRUE(events < maximum || whole == before) << maximum << " " << events;
        EXPECT_TRUE(2 * events >= maximum || whole == asked) << maximum << " " << events;
      }
      // When they pause it counts again.
      talk.now = talk.now + seconds(1);
      talk.session.on_pinging(talk.now);
      EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
      EXPECT_EQ(talk.session.whole_until(), talk.now);
    }
  }
}

// What a session kept while there was no connection comes at the server's own pace, and answers overtake it.
TEST(MqttSessionWhole, AResumedSessionIsWholeWhenItsReplayHasPaused) {
  for (const bool pauses : {true, false}) {
    Conversation talk(resuming());
    talk.accept();
    talk.session.on_pinging(talk.now);
    static_cast<void>(talk.hear(talk.server.bare(PacketType::pingresp)));
    const Instant before = talk.session.whole_until();
    talk.now = talk.now + seconds(100);
    talk.reconnect(resuming());
    talk.accept({}, true);
    EXPECT_EQ(talk.session.whole_until(), before);
    const Instant resumed = talk.now;
    for (int tenth = 1; tenth < 600; ++tenth) {
      talk.now = talk.now + milliseconds(100);
      if (!pauses || tenth < 50) {
        static_cast<void>(talk.hear(talk.server.publish(Qos::at_least_once, 7)));
        static_cast<void>(talk.session.acknowledge(7));
      }
      talk.session.on_pinging(talk.now);
      static_cast<void>(talk.hear(talk.server.bare(PacketType::pingresp)));
      const bool whole = pauses && tenth >= 59;  // a second after the last of them
      EXPECT_EQ(talk.session.whole_until(), whole ? talk.now : before) << tenth;
    }
    talk.now = resumed + seconds(60);
    talk.session.on_pinging(talk.now);
    static_cast<void>(talk.hear(talk.server.bare(PacketType::pingresp)));
    EXPECT_EQ(talk.session.whole_until(), talk.now) << "an end to it, for live events may never pause";
  }
}

TEST(MqttSessionWhole, APathThatStandsStillIsNoPauseOfTheReplay) {
  Conversation talk(resuming());
  talk.accept();
  talk.now = talk.now + seconds(10);
  talk.reconnect(resuming());
  talk.accept({}, true);
  talk.now = talk.now + milliseconds(100);
  static_cast<void>(talk.hear(talk.server.publish(Qos::at_least_once, 7)));
  static_cast<void>(talk.session.acknowledge(7));
  // Its PUBACK is under way for 20 s, and the server waits for it. Two requests come right behind it, at once.
  talk.session.on_pinging(talk.now + seconds(10));
  talk.session.on_pinging(talk.now + seconds(19));
  talk.now = talk.now + seconds(20);
  EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
  EXPECT_EQ(talk.hear(talk.server.bare(PacketType::pingresp)), "pong");
  EXPECT_EQ(talk.session.whole_until(), kStart);
  static_cast<void>(talk.hear(talk.server.publish(Qos::at_least_once, 8)));
  static_cast<void>(talk.session.acknowledge(8));
  EXPECT_EQ(talk.session.whole_until(), kStart);
}

TEST(MqttSessionWhole, ALossInTheReplayReachesBackToTheFirst) {
  Conversation talk(resuming());
  talk.accept();
  for (int loss = 0; loss < 3; ++loss) {
    talk.now = talk.now + seconds(10);
    talk.reconnect(resuming());
    talk.accept({}, true);
    EXPECT_EQ(talk.session.whole_until(), kStart);
  }
  // Another connection takes the session over, in the midst of it.
  Conversation other(resuming());
  other.now = talk.now + seconds(5);
  other.session.adopt(talk.session);
  other.accept({}, true);
  EXPECT_EQ(other.session.whole_until(), kStart);
  // What has been told is told.
  other.session.forgo_until(other.now);
  const Instant told = other.now;
  EXPECT_EQ(other.session.whole_until(), told);
  // What has come since waits behind the replay, which goes on; a PINGRESP does not.
  for (int tenth = 1; tenth <= 30; ++tenth) {
    other.now = other.now + milliseconds(100);
    if (tenth < 20) {
      static_cast<void>(other.hear(other.server.publish(Qos::at_least_once, 7)));
      static_cast<void>(other.session.acknowledge(7));
    }
    other.session.on_pinging(other.now);
    static_cast<void>(other.hear(other.server.bare(PacketType::pingresp)));
    EXPECT_EQ(other.session.whole_until(), tenth < 29 ? told : other.now) << tenth;
  }
  // A session begins anew: of that nothing is missing.
  other.now = other.now + seconds(5);
  other.reconnect(resuming());
  const Instant asked = other.now;
  other.now = other.now + seconds(1);
  other.accept();
  EXPECT_EQ(other.session.whole_until(), asked);
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
