// Connections without TLS and their host: what cannot be dialled, what passes, who may call what from where.
#if defined(__linux__)

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>

#include "net/tls_client.h"
#include "net/wrapped.h"

namespace axonpush::net::test {
namespace {

using axonpush::test::Call;
using axonpush::test::FailCalls;
using axonpush::test::TestClock;

class Cleartext : public ::testing::Test {
 protected:
  [[nodiscard]] Endpoint endpoint(std::string_view host = "127.0.0.1") const {
    Endpoint made;
    made.security = Security::cleartext_loopback;
    made.host = host;
    made.port = listening.port();
    return made;
  }
  [[nodiscard]] bool turn(const std::function<bool()>& done) {
    return turn_until(
        end.reactor,
        [&] {
          const int accepted = listening.accept();
          if (accepted >= 0) peer.emplace(accepted);
        },
        done);
  }
  void connect() {
    ASSERT_TRUE(end.open(side, endpoint()).ok());
    ASSERT_TRUE(turn([&] { return side.settled() && peer.has_value(); }));
    ASSERT_FALSE(side.failed) << side.error.what();
  }

  Listening listening;
  ClientEnd end{TlsOptions{}};
  ClientSide side;
  std::optional<RawPeer> peer;
};

TEST_F(Cleartext, CarriesBytesBothWaysAndEndsInOrder) {
  connect();
  side.send("ping");
  std::string received;
  ASSERT_TRUE(turn([&] {
    received += peer->read();
    return received == "ping";
  }));
  peer->write("pong");
  ASSERT_TRUE(turn([&] { return side.received == "pong"; }));
  EXPECT_EQ(side.transport->shutdown(), IoOutcome::ok);
  ASSERT_TRUE(turn([&] {
    static_cast<void>(peer->read());
    return peer->at_end();
  }));
  // What the peer still says is read; then its own end comes.
  peer->write("bye");
  peer->finish();
  ASSERT_TRUE(turn([&] { return side.ended; }));
  EXPECT_EQ(side.received, "pongbye");
}

TEST_F(Cleartext, AClosingWithUnreadInputSendsNoReset) {
  connect();
  side.transport->interest({});
  peer->write(std::string(100'000, 'x'));
  EXPECT_EQ(side.transport->shutdown(), IoOutcome::ok);
  end.close(side);
  ASSERT_TRUE(turn([&] {
    static_cast<void>(peer->read());
    return peer->at_end();
  }));
}

TEST_F(Cleartext, TellsALostConnection) {
  connect();
  peer->reset();
  ASSERT_TRUE(turn([&] { return side.failed; }));
  EXPECT_EQ(side.error.code(), Errc::connection_lost);
  EXPECT_EQ(side.error.number(), static_cast<unsigned>(ECONNRESET));
}

TEST_F(Cleartext, WaitsWhileTheKernelHasNoMemory) {
  TestClock clock;
  connect();
  for (const int number : {ENOBUFS, ENOMEM}) {
    side.received.clear();
    {
      const FailCalls starved(Call::recv, 1, number, 1'000'000);
      peer->write("patience");
      for (int turn_count = 0; turn_count < 1'000; ++turn_count) {
        end.reactor.poll();
        clock.advance(milliseconds(1));
      }
      EXPECT_LE(starved.fired(), 11U);
      EXPECT_FALSE(side.failed);
    }
    clock.advance(milliseconds(100));
    ASSERT_TRUE(turn([&] { return side.received == "patience"; }));
    {
      const FailCalls starved(Call::send, 1, number, 1);
      side.send("answer");
      EXPECT_EQ(side.unsent, "answer");
    }
    std::string received;
    ASSERT_TRUE(turn([&] {
      clock.advance(milliseconds(1));
      received += peer->read();
      return received == "answer";
    }));
  }
}

TEST_F(Cleartext, RefusesAtOnceWhatCannotBeDialled) {
  Endpoint portless = endpoint();
  portless.port = 0;
  Endpoint misdirected = endpoint("localhost");
  misdirected.connect_address = "localhost";
  for (const Endpoint& wrong : {portless, misdirected, endpoint(""), endpoint("a b")}) {
    EXPECT_EQ(end.open(side, wrong).error().code(), Errc::invalid_argument);
  }
  EXPECT_FALSE(side.settled());
}

TEST_F(Cleartext, TellsWhatMayNotBeDialledInTheNextTurn) {  // CONTRACT 1
  struct Row {
    Endpoint endpoint;
    Errc code;
  };
  const Row rows[] = {{endpoint("192.0.2.1"), Errc::cleartext_refused}, {endpoint("0.0.0.0"), Errc::dns_failed}};
  for (const Row& row : rows) {
    ClientSide refused;
    ASSERT_TRUE(end.open(refused, row.endpoint).ok());
    EXPECT_FALSE(refused.failed) << "never inside the call";
    ASSERT_TRUE(turn([&] { return refused.failed; }));
    EXPECT_EQ(refused.error.code(), row.code) << refused.error.what();
  }
}

// A transport lives until the callback in which it was closed has returned, and says that it is over.
TEST_F(Cleartext, AClosedTransportAnswersErrors) {
  bool checked = false;
  side.on_opened = [&] {
    Transport* const transport = side.transport;
    end.close(side);
    std::uint8_t byte = 0;
    EXPECT_EQ(transport->recv({&byte, 1}).outcome, IoOutcome::error);
    EXPECT_EQ(transport->send({&byte, 1}).outcome, IoOutcome::error);
    EXPECT_EQ(transport->shutdown(), IoOutcome::error);
    transport->interest({.read = true, .write = true});
    end.host->connector().again(side.id);
    checked = true;
  };
  // on_open asks for interest behind it, on a transport that is no more its own; so the sink is one that does not.
  struct Sink final : ConnectionSink {
    ClientSide* side = nullptr;
    void on_open(ConnectionId, Transport& opened, TlsVerified) noexcept override {
      side->transport = &opened;
      side->on_opened();
    }
    void on_open_failed(ConnectionId, const Error&) noexcept override { ADD_FAILURE(); }
    void on_ready(ConnectionId, Interest) noexcept override { ADD_FAILURE(); }
  } sink;
  sink.side = &side;
  side.id = ConnectionId{77};
  ASSERT_TRUE(end.host->connector().open(endpoint(), side.id, sink).ok());
  ASSERT_TRUE(turn([&] { return checked; }));
  for (int count = 0; count < 5; ++count) end.reactor.poll();
}

TEST_F(Cleartext, AHostDestroyedInACallbackOpensNothingMore) {
  struct Sink final : ConnectionSink {
    Host* host = nullptr;
    Endpoint again;
    Errc refused = Errc::none;
    void on_open(ConnectionId, Transport&, TlsVerified) noexcept override {
      destroy_reactor_host(host);
      refused = host->connector().open(again, ConnectionId{2}, *this).error().code();
    }
    void on_open_failed(ConnectionId, const Error&) noexcept override { ADD_FAILURE(); }
    void on_ready(ConnectionId, Interest) noexcept override { ADD_FAILURE(); }
  } sink;
  TlsContext tls(TlsOptions{});
  sink.host = make_reactor_host(end.reactor, tls);
  sink.again = endpoint();
  ASSERT_TRUE(sink.host->connector().open(endpoint(), ConnectionId{1}, sink).ok());
  ASSERT_TRUE(turn([&] { return sink.refused != Errc::none; }));
  EXPECT_EQ(sink.refused, Errc::closed);
  destroy_reactor_host(nullptr);
}

// --- Turns

struct Turns final : Driven {
  Host* host = nullptr;
  unsigned count = 0;
  unsigned wanted = 0;  // how many turns ask for another
  std::vector<Instant> at;
  Instant deadline() const noexcept override { return Instant::never(); }
  void turn(Instant now) noexcept override {
    ++count;
    at.push_back(now);
    EXPECT_EQ(host->now(), now) << "one instant for the whole turn";
    if (count <= wanted) host->request_turn(Host::When::flush);
  }
};

TEST_F(Cleartext, ATurnAskedForOutsideTheLoopRunsAtOnce) {
  Turns turns;
  turns.host = end.host;
  end.host->request_turn(Host::When::flush);  // nobody is there
  end.host->attach(&turns);
  end.host->request_turn(Host::When::flush);
  EXPECT_EQ(turns.count, 1U);
  end.host->request_turn(Host::When::later);
  EXPECT_EQ(turns.count, 1U);
  end.reactor.poll();
  EXPECT_EQ(turns.count, 2U);
  // One that asks for another in every turn gets eight at once, and the rest in the loop's turns.
  turns.count = 0;
  turns.wanted = 20;
  end.host->request_turn(Host::When::flush);
  EXPECT_EQ(turns.count, 8U);
  end.reactor.poll();
  EXPECT_GT(turns.count, 8U);
  EXPECT_LT(turns.count, 21U) << "the loop serves others in between";
  for (int count = 0; count < 40; ++count) end.reactor.poll();
  EXPECT_EQ(turns.count, 21U);
  end.host->request_turn(Host::When::later);
  end.host->attach(nullptr);
  end.reactor.poll();
  EXPECT_EQ(turns.count, 21U) << "the one that was asked for went with it";
}

TEST(HostWithoutALoop, SaysSoAndGivesNothing) {
  Reactor reactor(static_cast<Poller*>(nullptr));
  TlsContext tls(TlsOptions{});
  Host* const host = make_reactor_host(reactor, tls);
  ASSERT_NE(host, nullptr);
  std::uint8_t byte = 0;
  EXPECT_FALSE(host->entropy().fill({&byte, 1}));
  EXPECT_EQ(host->workspace(), nullptr);
  EXPECT_EQ(host->buffers().lent_bytes(), 0U);
  ClientSide side;
  Endpoint endpoint;
  endpoint.host = "localhost";
  EXPECT_EQ(host->connector().open(endpoint, ConnectionId{1}, side).error().code(), Errc::no_memory);
  EXPECT_GT(host->wall_now(), WallTime::from_nanoseconds(0));
  destroy_reactor_host(host);
}

}  // namespace
}  // namespace axonpush::net::test

#endif
