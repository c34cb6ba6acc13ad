// TCP: what a socket is set to, and the order and the pace of several addresses (RFC 8305), in a clock of the test's
// own and a network of black holes.
#if defined(__linux__)

#include <axonpush/net/socket.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include <cerrno>

#include "net/tls_client.h"
#include "net/wrapped.h"

namespace axonpush::net::test {
namespace {

using axonpush::test::Call;
using axonpush::test::FailCalls;
using axonpush::test::open_descriptors;
using axonpush::test::Route;
using axonpush::test::TestClock;
using axonpush::test::TestRoutes;

class DialEnd final : public DialSink {
 public:
  void on_dialed(Socket dialed) noexcept override {
    socket = std::move(dialed);
    ++count;
  }
  void on_dial_failed(const Error& failure) noexcept override {
    error = failure;
    ++count;
  }
  Socket socket;
  Error error;
  int count = 0;
};

IpAddresses addresses_of(const std::vector<std::string>& texts) {
  IpAddresses made;
  for (const std::string& text : texts) {
    IpAddress address;
    EXPECT_TRUE(IpAddress::parse(text, address));
    EXPECT_TRUE(made.push_back(address));
  }
  return made;
}

class Dialling : public ::testing::Test {
 protected:
  struct Seen {
    std::string address;
    std::int64_t at_milliseconds;
    bool operator==(const Seen&) const = default;
  };
  // Turns the loop and lets a millisecond pass each time, until there is an answer.
  void run(Duration at_most) {
    for (std::int64_t passed = 0; end.count == 0 && passed <= at_most.milliseconds(); ++passed) {
      for (int turns = 0; turns < 8; ++turns) reactor.poll();
      if (end.count == 0) clock.advance(milliseconds(1));
    }
  }
  void start(const std::vector<std::string>& texts, Duration timeout = seconds(10)) {
    begun = Reactor::clock();
    dialer.start(addresses_of(texts), listening.port(), timeout);
  }
  [[nodiscard]] std::int64_t passed() const { return (Reactor::clock() - begun).milliseconds(); }

  TestClock clock;
  Listening listening;
  Reactor reactor;
  DialEnd end;
  Dialer dialer{reactor, end};
  Instant begun;
  std::vector<Seen> seen;
  // What is not named here is a black hole.
  std::map<std::string, Route> routes;
  TestRoutes network{[this](const std::string& address, std::uint16_t) {
    seen.push_back({address, passed()});
    const auto route = routes.find(address);
    return route == routes.end() ? Route{.kind = Route::Kind::black_hole} : route->second;
  }};
  Route here{.kind = Route::Kind::redirect, .port = listening.port()};
};

TEST_F(Dialling, TakesTheFirstThatStands) {
  routes["10.0.0.1"] = here;
  start({"10.0.0.1", "10.0.0.2"});
  EXPECT_EQ(end.count, 0) << "answered from inside start()";
  run(seconds(1));
  ASSERT_TRUE(end.socket);
  EXPECT_EQ(seen, (std::vector<Seen>{{"10.0.0.1", 0}}));
}

TEST_F(Dialling, TriesTheNextAfterAQuarterOfASecondAndKeepsTheEarlierOnes)  // N-04
{
  routes["10.0.0.3"] = here;
  const std::size_t before = open_descriptors();
  start({"2001:db8::1", "10.0.0.2", "10.0.0.3", "10.0.0.4"});
  clock.advance(milliseconds(300));
  reactor.poll();
  const std::size_t meanwhile = open_descriptors();
  EXPECT_GE(meanwhile, before + 2) << "an attempt was given up for the next one";
  run(seconds(2));
  ASSERT_TRUE(end.socket);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0], (Seen{"2001:db8::1", 0}));
  EXPECT_EQ(seen[1].address, "10.0.0.2");
  EXPECT_EQ(seen[2].address, "10.0.0.3");
  EXPECT_EQ(seen[2].at_milliseconds - seen[1].at_milliseconds, 250);
}

TEST_F(Dialling, KeepsItsPaceExactly) {
  start({"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"});
  run(seconds(20));
  EXPECT_EQ(seen, (std::vector<Seen>{{"10.0.0.1", 0}, {"10.0.0.2", 250}, {"10.0.0.3", 500}, {"10.0.0.4", 750}}));
  EXPECT_EQ(end.error.code(), Errc::connect_timeout);
  EXPECT_EQ(end.error.what(), "no address answered in time");
  EXPECT_EQ(passed(), 10'000);
}

TEST_F(Dialling, DoesNotWaitBehindAFailure) {
  const Route refused{.kind = Route::Kind::refuse, .number = ECONNREFUSED};
  const Route unreachable{.kind = Route::Kind::refuse, .number = ENETUNREACH};
  routes = {{"2001:db8::1", unreachable}, {"2001:db8::2", unreachable}, {"10.0.0.1", refused}, {"10.0.0.2", here}};
  start({"2001:db8::1", "10.0.0.1", "2001:db8::2", "10.0.0.2"});
  run(seconds(1));
  ASSERT_TRUE(end.socket);
  EXPECT_EQ(passed(), 0);
  EXPECT_EQ(seen.size(), 4U);
}

TEST_F(Dialling, TellsTheFirstFailureWhenAllFail) {
  const Route refused{.kind = Route::Kind::refuse, .number = ECONNREFUSED};
  routes = {{"10.0.0.1", {.kind = Route::Kind::refuse, .number = EHOSTUNREACH}}, {"10.0.0.2", refused}};
  start({"10.0.0.1", "10.0.0.2"});
  EXPECT_EQ(end.count, 0);
  run(seconds(1));
  EXPECT_EQ(end.count, 1);
  EXPECT_EQ(end.error.code(), Errc::connect_failed);
  EXPECT_EQ(end.error.number(), static_cast<std::uint32_t>(EHOSTUNREACH));
  EXPECT_EQ(passed(), 0);
}

TEST_F(Dialling, TellsARefusalThatComesLater) {
  // A port that was somebody's a moment ago.
  const std::uint16_t closed = Listening().port();
  routes["10.0.0.1"] = {.kind = Route::Kind::redirect, .port = closed};
  start({"10.0.0.1"});
  run(seconds(1));
  EXPECT_EQ(end.error.code(), Errc::connect_failed);
  EXPECT_EQ(end.error.what(), "the connection was refused");
}

TEST_F(Dialling, EndsAfterTenSecondsWhateverTheNumberOfAddressesAndTheTimeout) {
  std::vector<std::string> many;
  for (int index = 1; index <= 16; ++index) many.push_back("10.0.0." + std::to_string(index));
  start(many, seconds(3'600));
  run(seconds(60));
  EXPECT_EQ(seen.size(), 16U);
  EXPECT_EQ(end.error.code(), Errc::connect_timeout);
  EXPECT_EQ(passed(), 10'000);
}

TEST_F(Dialling, EndsWithTheCallersTimeoutWhenThatIsShorter) {
  start({"10.0.0.1", "10.0.0.2"}, milliseconds(200));
  run(seconds(60));
  EXPECT_EQ(seen.size(), 1U);
  EXPECT_EQ(end.error.code(), Errc::connect_timeout);
  EXPECT_EQ(passed(), 200);
}

TEST_F(Dialling, ClosesEverythingWhenItEnds) {
  static_cast<void>(open_descriptors());
  start({"10.9.9.9"});  // makes the black hole
  dialer.cancel();
  const std::size_t before = open_descriptors();
  for (int round = 0; round < 3; ++round) {
    routes.clear();
    start({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
    clock.advance(milliseconds(250));
    reactor.poll();
    EXPECT_GT(open_descriptors(), before);
    if (round == 0) dialer.cancel();
    if (round == 1) run(seconds(60));
    if (round == 2) {
      routes["10.0.0.3"] = here;
      run(seconds(60));
      EXPECT_TRUE(end.socket);
      end.socket.close();
    }
    end.count = 0;
    EXPECT_EQ(open_descriptors(), before) << "round " << round;
    EXPECT_FALSE(reactor.poll());
  }
}

TEST_F(Dialling, HasNothingToDoWithoutAddresses) {
  start({});
  EXPECT_EQ(end.count, 0);
  run(seconds(1));
  EXPECT_EQ(end.error.code(), Errc::dns_failed);
}

// A service that has gone from a port which the kernel then chooses for us: TCP connects the socket with itself, and
// our own words would be taken for the answer.
TEST_F(Dialling, ASocketThatMetItselfHasMetNobody) {
  routes["10.0.0.1"] = {.kind = Route::Kind::itself};
  start({"10.0.0.1"});
  run(seconds(1));
  EXPECT_FALSE(end.socket);
  EXPECT_EQ(end.error.code(), Errc::connect_failed);
  EXPECT_EQ(end.error.number(), static_cast<std::uint32_t>(ECONNREFUSED));
}

// A machine that slept past the deadline: what is known is told.
TEST_F(Dialling, TellsWhatItKnowsWhenItWakesUpTooLate) {
  const Route refused{.kind = Route::Kind::refuse, .number = ECONNREFUSED};
  routes = {{"10.0.0.1", refused}};
  start({"10.0.0.1", "10.0.0.2"});
  clock.advance(seconds(11));
  reactor.poll();
  EXPECT_EQ(end.error.code(), Errc::connect_failed);
  EXPECT_EQ(seen.size(), 1U) << "there is no time for another";
  end = DialEnd();
  start({});
  clock.advance(seconds(11));
  reactor.poll();
  EXPECT_EQ(end.error.code(), Errc::connect_timeout);
}

// RFC 8305 5: while an earlier attempt is under way, the failure of a later one changes nothing of the pace.
TEST_F(Dialling, KeepsItsPaceBehindAFailureWhileAnotherIsUnderWay) {
  const std::uint16_t closed = Listening().port();
  routes = {{"10.0.0.2", {.kind = Route::Kind::redirect, .port = closed}}, {"10.0.0.3", here}};
  start({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  run(seconds(5));
  ASSERT_TRUE(end.socket);
  EXPECT_EQ(seen, (std::vector<Seen>{{"10.0.0.1", 0}, {"10.0.0.2", 250}, {"10.0.0.3", 500}}));
}

// --- Sockets

class Sockets : public ::testing::Test {
 protected:
  // Both ends of a connection.
  void meet() {
    IpAddress address;
    ASSERT_TRUE(IpAddress::parse("127.0.0.1", address));
    Result<Socket> made = Socket::connect(address, listening.port());
    ASSERT_TRUE(made.ok()) << made.error().what();
    socket = std::move(*made);
    for (int tries = 0; tries < 100'000 && peer == nullptr; ++tries) {
      const int accepted = listening.accept();
      if (accepted >= 0) peer = std::make_unique<RawPeer>(accepted);
    }
    ASSERT_NE(peer, nullptr);
  }
  Listening listening;
  Socket socket;
  std::unique_ptr<RawPeer> peer;
};

TEST_F(Sockets, AreSetUpAsTheRulesSay) {
  meet();
  const auto option = [&](int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(socket.descriptor(), level, name, &value, &size), 0);
    return value;
  };
  EXPECT_NE(option(IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_NE(option(SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_NE(::fcntl(socket.descriptor(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(socket.descriptor(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_TRUE(socket.connected().ok());
}

TEST_F(Sockets, MoveAndOwnOneDescriptor) {
  meet();
  const int number = socket.descriptor();
  Socket moved = std::move(socket);
  EXPECT_FALSE(socket);  // NOLINT(bugprone-use-after-move): that is what is asked
  EXPECT_EQ(moved.descriptor(), number);
  Socket& same = moved;
  moved = std::move(same);
  EXPECT_EQ(moved.descriptor(), number);
  moved.close();
  moved.close();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST_F(Sockets, RaiseNoSignal)
{
  meet();
  struct sigaction before = {};
  struct sigaction fatal = {};
  fatal.sa_handler = SIG_DFL;
  ASSERT_EQ(sigaction(SIGPIPE, &fatal, &before), 0);
  peer->reset();
  IoResult result;
  for (int tries = 0; tries < 1'000; ++tries) {
    result = socket.send(bytes_of("into the void"));
    if (result.outcome == IoOutcome::error) break;
  }
  EXPECT_EQ(result.outcome, IoOutcome::error);
  EXPECT_TRUE(socket.error_number() == EPIPE || socket.error_number() == ECONNRESET) << socket.error_number();
  sigaction(SIGPIPE, &before, nullptr);
}

TEST_F(Sockets, TellDataBlockingAndTheEndApart) {
  meet();
  std::uint8_t bytes[16];
  EXPECT_EQ(socket.recv(bytes).outcome, IoOutcome::would_block);
  EXPECT_EQ(socket.recv({}).outcome, IoOutcome::would_block);
  EXPECT_EQ(socket.send({}).outcome, IoOutcome::would_block);
  peer->write("abc");
  const IoResult got = socket.recv(bytes);
  EXPECT_EQ(got.outcome, IoOutcome::ok);
  EXPECT_EQ(got.size, 3U);
  peer->finish();
  EXPECT_EQ(socket.recv(bytes).outcome, IoOutcome::eof);
  socket.shutdown_output();
  while (!peer->at_end()) static_cast<void>(peer->read());
}

TEST_F(Sockets, RepeatInterruptedCalls)
{
  meet();
  std::uint8_t bytes[16];
  peer->write("abc");
  {
    const FailCalls interrupted(Call::recv, 1, EINTR, 3);
    EXPECT_EQ(socket.recv(bytes).size, 3U);
    EXPECT_EQ(interrupted.fired(), 3U);
  }
  const FailCalls interrupted(Call::send, 1, EINTR, 3);
  EXPECT_EQ(socket.send(bytes_of("xyz")).size, 3U);
  EXPECT_EQ(interrupted.fired(), 3U);
}

TEST_F(Sockets, SayWhyTheyCannotBeOpened) {
  IpAddress address;
  ASSERT_TRUE(IpAddress::parse("127.0.0.1", address));
  struct Row {
    Call call;
    int number;
    Errc expected;
  };
  const Row rows[] = {{Call::socket, EMFILE, Errc::no_fds},
                      {Call::socket, ENFILE, Errc::no_fds},
                      {Call::socket, ENOBUFS, Errc::no_memory},
                      {Call::socket, ENOMEM, Errc::no_memory},
                      {Call::socket, EAFNOSUPPORT, Errc::connect_failed},
                      {Call::connect, ECONNREFUSED, Errc::connect_failed},
                      {Call::connect, ENETUNREACH, Errc::connect_failed},
                      {Call::connect, EADDRNOTAVAIL, Errc::connect_failed},
                      {Call::connect, ETIMEDOUT, Errc::connect_timeout},
                      {Call::connect, ENOBUFS, Errc::no_memory},
                      {Call::connect, EINTR, Errc::none},
                      {Call::connect, EINPROGRESS, Errc::none},
                      {Call::connect, EAGAIN, Errc::connect_failed}};
  for (const Row& row : rows) {
    const std::size_t before = open_descriptors();
    const FailCalls fault(row.call, 1, row.number);
    {
      const Result<Socket> made = Socket::connect(address, listening.port());
      EXPECT_EQ(made.ok() ? Errc::none : made.error().code(), row.expected) << row.number;
      if (!made.ok()) {
        EXPECT_EQ(made.error().number(), static_cast<std::uint32_t>(row.number));
      }
    }
    EXPECT_EQ(fault.fired(), 1U);
    EXPECT_EQ(open_descriptors(), before);
  }
  // An option that is refused makes a connection slower, not wrong.
  const FailCalls fault(Call::setsockopt, 1, ENOMEM, 8);
  EXPECT_TRUE(Socket::connect(address, listening.port()).ok());
  EXPECT_GE(fault.fired(), 2U);
}

}  // namespace
}  // namespace axonpush::net::test

#endif
