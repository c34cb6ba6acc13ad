// What a connection and its host meet seldom: several at a time, a resolver of the program's own, a look-up that cannot
// begin, readiness that comes too late, a kernel without memory at the wrong moment.
#if defined(__linux__)

#include <axonpush/axonpush.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>

#include "net/tls_client.h"
#include "net/wrapped.h"
#include "support/allocations.h"

namespace axonpush::net::test {
namespace {

using axonpush::test::Call;
using axonpush::test::FailAllocations;
using axonpush::test::FailCalls;
using axonpush::test::TestClock;
using axonpush::test::TestNames;

// --- Connections side by side, without TLS

class Cleartexts : public ::testing::Test {
 protected:
  [[nodiscard]] bool turn(const std::function<bool()>& done) {
    return turn_until(
        end.reactor,
        [&] {
          const int accepted = listening.accept();
          if (accepted >= 0) peers.push_back(std::make_unique<RawPeer>(accepted));
        },
        done);
  }
  void connect(ClientSide& side) {
    Endpoint to;
    to.security = Security::cleartext_loopback;
    to.host = "127.0.0.1";
    to.port = listening.port();
    const std::size_t before = peers.size();
    ASSERT_TRUE(end.open(side, to).ok());
    ASSERT_TRUE(turn([&] { return side.settled() && peers.size() > before; }));
    ASSERT_FALSE(side.failed) << side.error.what();
  }
  [[nodiscard]] bool heard(RawPeer& peer, std::string_view words) {
    std::string received;
    return turn([&] {
      received += peer.read();
      return received == words;
    });
  }

  Listening listening;
  ClientEnd end{TlsOptions{}};
  std::vector<std::unique_ptr<RawPeer>> peers;
};

TEST_F(Cleartexts, AreClosedInAnyOrder) {
  ClientSide sides[3];
  for (ClientSide& side : sides) connect(side);
  end.close(sides[1]);
  ASSERT_TRUE(turn([&] {
    static_cast<void>(peers[1]->read());
    return peers[1]->at_end();
  }));
  sides[0].send("first");
  sides[2].send("third");
  EXPECT_TRUE(heard(*peers[0], "first"));
  EXPECT_TRUE(heard(*peers[2], "third"));
  end.close(sides[0]);
  end.close(sides[1]);  // twice is once
  peers[2]->write("still here");
  ASSERT_TRUE(turn([&] { return sides[2].received == "still here"; }));
  end.close(sides[2]);
}

// A turn that the client asked for outside the loop may turn the loop: what is closed in there is freed when nobody
// stands in it any more.
TEST_F(Cleartexts, LiveUntilTheOutermostCallHasReturned) {
  struct Turning final : Driven {
    Instant deadline() const noexcept override { return Instant::never(); }
    void turn(Instant) noexcept override { then(); }
    std::function<void()> then;
  } turning;
  ClientSide side;
  connect(side);
  Transport* const transport = side.transport;
  IoOutcome outcome = IoOutcome::ok;
  turning.then = [&] {
    peers[0]->write("news");
    for (int turns = 0; turns < 10'000 && side.received.empty(); ++turns) end.reactor.poll();
    end.close(side);
    std::uint8_t byte = 0;
    outcome = transport->recv({&byte, 1}).outcome;
  };
  end.host->attach(&turning);
  end.host->request_turn(Host::When::flush);
  EXPECT_EQ(side.received, "news");
  EXPECT_EQ(outcome, IoOutcome::error) << "closed, and not freed yet";
  end.host->attach(nullptr);
}

TEST_F(Cleartexts, TellNothingToWhoWantsNothingAnyMore) {
  ClientSide side;
  connect(side);
  ASSERT_TRUE(turn([&] { return !end.reactor.poll(); }));
  const unsigned before = side.ready_count;
  end.host->connector().again(side.id);
  side.transport->interest({});
  EXPECT_TRUE(end.reactor.poll());
  EXPECT_EQ(side.ready_count, before);
  side.transport->interest({.read = true, .write = false});
  EXPECT_TRUE(end.reactor.poll());
  EXPECT_EQ(side.ready_count, before + 1);
}

TEST_F(Cleartexts, EndOnceHoweverOftenTheyAreShutDown) {
  ClientSide side;
  connect(side);
  for (int times = 0; times < 3; ++times) EXPECT_EQ(side.transport->shutdown(), IoOutcome::ok);
  ASSERT_TRUE(turn([&] {
    static_cast<void>(peers[0]->read());
    return peers[0]->at_end();
  }));
}

// When the pause is over, only who still waits for something is told.
TEST_F(Cleartexts, AreToldAfterAPauseWhatTheyWaitFor) {
  TestClock clock;
  ClientSide side;
  connect(side);
  const Interest rows[] = {{.read = false, .write = false}, {.read = false, .write = true}};
  for (const Interest wanted : rows) {
    std::uint8_t byte = 0;
    {
      const FailCalls starved(Call::recv, 1, ENOMEM);
      EXPECT_EQ(side.transport->recv({&byte, 1}).outcome, IoOutcome::would_block);
      EXPECT_EQ(starved.fired(), 1U);
    }
    side.transport->interest(wanted);
    const unsigned before = side.ready_count;
    end.reactor.poll();
    EXPECT_EQ(side.ready_count, before) << "nobody is watched during the pause";
    clock.advance(milliseconds(100));
    end.reactor.poll();
    EXPECT_EQ(side.ready_count, before + (wanted.write ? 1 : 0));
    side.transport->interest({});
  }
}

// --- The host's turns

struct Leaving final : Driven {
  Host* host = nullptr;
  unsigned count = 0;
  Instant deadline() const noexcept override { return Instant::never(); }
  void turn(Instant) noexcept override {
    ++count;
    host->request_turn(Host::When::flush);
    host->attach(nullptr);
  }
};

TEST_F(Cleartexts, ATurnThatTakesItselfOffIsTheLast) {
  Leaving leaving;
  leaving.host = end.host;
  end.host->attach(&leaving);
  end.host->request_turn(Host::When::flush);
  for (int turns = 0; turns < 3; ++turns) end.reactor.poll();
  EXPECT_EQ(leaving.count, 1U);
}

// --- Names

class OwnResolver final : public Resolver {
 public:
  Query* start(std::string_view host, ResolveSink& sink, Error& error) noexcept override {
    asked.emplace_back(host);
    if (refusal) {
      error = refusal;
      return nullptr;
    }
    waiting = &sink;
    return reinterpret_cast<Query*>(this);
  }
  void cancel(Query* query) noexcept override {
    EXPECT_EQ(query, reinterpret_cast<Query*>(this));
    waiting = nullptr;
  }
  void answer(const std::vector<std::string>& texts) {
    IpAddresses addresses;
    for (const std::string& text : texts) {
      IpAddress address;
      EXPECT_TRUE(IpAddress::parse(text, address));
      EXPECT_TRUE(addresses.push_back(address));
    }
    std::exchange(waiting, nullptr)->on_resolved(addresses);
  }
  std::vector<std::string> asked;
  Error refusal;
  ResolveSink* waiting = nullptr;
};

class OwnResolvers : public TlsTest {
 protected:
  [[nodiscard]] Endpoint endpoint() const {
    Endpoint to;
    to.host = "localhost";
    to.port = listening.port();
    to.allow_loopback = true;
    return to;
  }
  OwnResolver resolver;
};

TEST_F(OwnResolvers, AreAskedInPlaceOfTheSystem) {
  serve_good();
  ClientEnd end(trusting(), resolver);
  ClientSide side;
  ASSERT_TRUE(end.open(side, endpoint()).ok());
  for (int turns = 0; turns < 3; ++turns) end.reactor.poll();
  ASSERT_EQ(resolver.asked, std::vector<std::string>{"localhost"});
  resolver.answer({"0.0.0.0", "127.0.0.1", "127.0.0.1"});
  ASSERT_TRUE(turn(end, [&] { return side.settled(); }));
  EXPECT_FALSE(side.failed) << side.error.what();
  // One that is closed meanwhile is not answered.
  ClientSide other;
  ASSERT_TRUE(end.open(other, endpoint()).ok());
  EXPECT_NE(resolver.waiting, nullptr);
  end.close(other);
  EXPECT_EQ(resolver.waiting, nullptr);
}

TEST_F(OwnResolvers, RefuseALookUpInTheNextTurn) {
  ClientEnd end(trusting(), resolver);
  resolver.refusal = Error(Errc::dns_failed, "no look-ups on Sundays");
  ClientSide side;
  ASSERT_TRUE(end.open(side, endpoint()).ok());
  EXPECT_FALSE(side.failed) << "never inside the call";
  end.reactor.poll();
  ASSERT_TRUE(side.failed);
  EXPECT_EQ(side.error.what(), "no look-ups on Sundays");
}

TEST(SystemResolvers, SayWhenThereIsNoMemoryAtAnyPoint) {
  const TestNames names([](const std::string&, std::vector<std::string>&) { return 0; });
  struct Told final : ResolveSink {
    void on_resolved(const IpAddresses&) noexcept override { ++count; }
    void on_resolve_failed(const Error&) noexcept override { ++count; }
    int count = 0;
  };
  int refused = 0;
  for (std::uint64_t kth = 1;; ++kth) {
    ASSERT_LT(kth, 10U);
    Reactor reactor;
    Told told;
    Error error;
    std::optional<FailAllocations> fault;
    fault.emplace(kth, FailAllocations::Mode::once);
    SystemResolver resolver(reactor);
    Resolver::Query* const query = resolver.start("name.test", told, error);
    const bool fired = fault->fired();
    fault.reset();
    EXPECT_EQ(query == nullptr, fired) << kth;
    if (query == nullptr) {
      ++refused;
      EXPECT_EQ(error.code(), Errc::no_memory);
      resolver.cancel(nullptr);
      continue;
    }
    while (told.count == 0) reactor.run_once(Instant::never());
    break;
  }
  EXPECT_GE(refused, 3) << "what is shared, the query, the work";
}

TEST(FacadeFaults, AClientWithoutAThreadSaysSo) {
  ClientOptions options;
  options.api_key = "ak_0123456789";
  options.tenant_id = "org";
  options.read_environment = false;
  const FailCalls no_threads(Call::pthread_create, 1, EAGAIN);
  AxonPush client(std::move(options));
  EXPECT_EQ(no_threads.fired(), 1U);
  EXPECT_EQ(client.error().code(), Errc::no_memory);
  EXPECT_EQ(client.connect_realtime({}).error().code(), Errc::no_memory);
}

// --- A handshake in a kernel without memory

TEST_F(OwnResolvers, AHandshakeThatHasNoMemoryUntilItsTimeIsOverHasRunOutOfTime) {
  TestClock clock;
  serve_good();
  ClientEnd end(trusting(), resolver);
  ClientSide side;
  on_accept = [this] { peer->held = true; };
  Endpoint to = endpoint();
  to.connect_address = "127.0.0.1";
  to.handshake_timeout = seconds(3);
  ASSERT_TRUE(end.open(side, to).ok());
  ASSERT_TRUE(turn(end, [&] { return peer != nullptr && !peer->outgoing.empty(); }));
  const FailCalls starved(Call::recv, 1, ENOMEM, 1'000'000);
  peer->held = false;
  ASSERT_TRUE(turn(end, [&] { return starved.fired() != 0; }));
  EXPECT_FALSE(side.failed);
  clock.advance(seconds(4));  // nothing turned the loop meanwhile, as while a machine is asleep
  end.reactor.poll();
  ASSERT_TRUE(side.failed);
  EXPECT_EQ(side.error.code(), Errc::connect_timeout);
}

}  // namespace
}  // namespace axonpush::net::test

#endif
