// every system call of the library's fails once, at every call, with everything the kernel may say; and
// reads and writes move one byte at a time. What is passing must not be seen, what is not must be an error with a
// name, and nothing may be left open, spin, or fall silent.
#if defined(__linux__)

#include <gtest/gtest.h>

#include <sys/event.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "net/backends.h"
#include "net/tls_client.h"
#include "net/wrapped.h"
#include "support/allocations.h"

namespace axonpush::net::test {
namespace {

using axonpush::test::Call;
using axonpush::test::calls;
using axonpush::test::FailAllocations;
using axonpush::test::FailCalls;
using axonpush::test::FailMost;
using axonpush::test::kCallCount;
using axonpush::test::name_of;
using axonpush::test::open_descriptors;
using axonpush::test::pauses;
using axonpush::test::ShortCalls;
using axonpush::test::TemporaryFile;
using axonpush::test::TestClock;

// Everything a connection does in its life, from the loop's construction to its end.
class Lives : public TlsTest {
 protected:
  struct Told {
    Error error;
    std::string stage;
  };

  Told live(std::size_t size = 20'000) {
    TestClock clock;
    peer.reset();
    serve_good();
    Told told;
    {
      Reactor reactor;
      if (!reactor.status().ok()) return {reactor.status().error(), "loop"};
      TlsOptions options;
      options.ca_file = ca.path();
      TlsContext tls(options);
      if (!tls.status().ok()) return {tls.status().error(), "context"};
      Host* host = make_reactor_host(reactor, tls);
      if (host == nullptr) return {Error(Errc::no_memory), "host"};
      told = talk(reactor, *host, clock, size);
      destroy_reactor_host(host);
    }
    return told;
  }

  TemporaryFile ca{root.pem()};
  int turns = 0;

 private:
  Told talk(Reactor& reactor, Host& host, TestClock& clock, std::size_t size) {
    ClientSide side;
    side.host = &host;
    side.id = ConnectionId{1};
    const Status opened = host.connector().open(
        {.host = "localhost", .port = listening.port(), .connect_address = "127.0.0.1"}, side.id, side);
    if (!opened.ok()) return {opened.error(), "open"};
    reactor.wake();
    // Ten milliseconds a turn: whatever waits for its deadline reaches it.
    const auto run = [&](const std::function<bool()>& done) {
      for (turns = 0; turns < 3'000 && !side.failed && !done(); ++turns) {
        reactor.poll();
        step();
        clock.advance(milliseconds(10));
      }
      return !side.failed && done();
    };
    run([&] { return side.settled(); });
    if (!side.settled()) return {Error(Errc::internal, "silence"), "handshake"};
    const std::string plain(size, 'p');
    if (!side.failed) side.send(plain);
    if (run([&] { return peer->received.size() == size; })) peer->send(plain);
    run([&] { return side.received.size() == size; });
    if (!side.failed && side.received != plain) return {Error(Errc::internal, "silence"), "data"};
    const Error error = side.error;
    if (side.transport != nullptr) static_cast<void>(side.transport->shutdown());
    host.connector().close(side.id);
    return {error, "talk"};
  }
};

enum class Outcome {
  invisible,
  no_fds,
  no_memory,
  connect_failed,
  connection_lost,
  either  // invisible, or an error by name: the k-th call may be one that does not matter
};
struct Row {
  Call call;
  int number;
  Outcome outcome;
};
constexpr Row kRows[] = {
    {Call::recv, EINTR, Outcome::invisible},
    {Call::recv, EAGAIN, Outcome::invisible},
    {Call::recv, ENOBUFS, Outcome::invisible},
    {Call::recv, ENOMEM, Outcome::invisible},
    {Call::recv, ECONNRESET, Outcome::connection_lost},
    {Call::recv, ETIMEDOUT, Outcome::connection_lost},
    {Call::send, EINTR, Outcome::invisible},
    {Call::send, EAGAIN, Outcome::invisible},
    {Call::send, ENOBUFS, Outcome::invisible},
    {Call::send, ENOMEM, Outcome::invisible},
    {Call::send, EPIPE, Outcome::connection_lost},
    {Call::send, EHOSTUNREACH, Outcome::connection_lost},
    {Call::socket, EMFILE, Outcome::no_fds},
    {Call::socket, ENFILE, Outcome::no_fds},
    {Call::socket, ENOBUFS, Outcome::no_memory},
    {Call::socket, ENOMEM, Outcome::no_memory},
    {Call::connect, EINTR, Outcome::invisible},
    {Call::connect, EINPROGRESS, Outcome::invisible},
    {Call::connect, EAGAIN, Outcome::connect_failed},
    {Call::connect, ECONNREFUSED, Outcome::connect_failed},
    {Call::connect, ENOBUFS, Outcome::no_memory},
    {Call::setsockopt, ENOMEM, Outcome::invisible},
    {Call::setsockopt, EINTR, Outcome::invisible},
    {Call::getsockopt, ENOBUFS, Outcome::no_memory},
    {Call::getsockname, ENOBUFS, Outcome::invisible},
    {Call::getpeername, ENOBUFS, Outcome::invisible},
    {Call::epoll_create, EMFILE, Outcome::no_fds},
    {Call::epoll_create, ENFILE, Outcome::no_fds},
    {Call::epoll_create, ENOMEM, Outcome::no_memory},
    {Call::epoll_ctl, ENOMEM, Outcome::either},
    {Call::epoll_ctl, ENOSPC, Outcome::either},
    {Call::epoll_wait, EINTR, Outcome::invisible},
    {Call::epoll_wait, EBADF, Outcome::invisible},
    {Call::timerfd_create, EMFILE, Outcome::no_fds},
    {Call::timerfd_create, ENOMEM, Outcome::no_memory},
    {Call::eventfd, ENFILE, Outcome::no_fds},
    {Call::eventfd, ENOMEM, Outcome::no_memory},
    {Call::open, EINTR, Outcome::invisible},
    {Call::open, EMFILE, Outcome::no_fds},
    {Call::open, ENOMEM, Outcome::no_memory},
    {Call::read, EINTR, Outcome::invisible},
    {Call::read, ENOMEM, Outcome::no_memory},
    {Call::write, EINTR, Outcome::invisible},
    {Call::write, EAGAIN, Outcome::invisible},
    {Call::madvise, EINVAL, Outcome::invisible},
};

void expect(Outcome outcome, const Error& error, const std::string& where) {
  switch (outcome) {
    case Outcome::invisible:
      EXPECT_EQ(error.code(), Errc::none) << where << ": " << error.what();
      return;
    case Outcome::no_fds:
      EXPECT_EQ(error.code(), Errc::no_fds) << where << ": " << error.what();
      return;
    case Outcome::no_memory:
      EXPECT_EQ(error.code(), Errc::no_memory) << where << ": " << error.what();
      return;
    case Outcome::connect_failed:
      EXPECT_EQ(error.code(), Errc::connect_failed) << where << ": " << error.what();
      return;
    case Outcome::connection_lost:
      EXPECT_EQ(error.code(), Errc::connection_lost) << where << ": " << error.what();
      return;
    case Outcome::either:
      EXPECT_TRUE(error.code() == Errc::none || error.code() == Errc::no_memory) << where << ": " << error.what();
      return;
  }
}

TEST_F(Lives, SurviveOrNameEveryFaultAtEveryCall)
{
  ASSERT_EQ(live().error.code(), Errc::none);
  peer.reset();
  const std::size_t descriptors = open_descriptors();
  std::size_t cases = 0;
  for (const Row& row : kRows) {
    std::uint64_t before = calls(row.call);
    ASSERT_EQ(live().error.code(), Errc::none);
    const std::uint64_t count = calls(row.call) - before;
    EXPECT_GE(count, 1U) << name_of(row.call) << " is not called at all";
    for (std::uint64_t kth = 1; kth <= count; ++kth) {
      const std::string where = std::string(name_of(row.call)) + " " + std::to_string(kth) + " of " +
                                std::to_string(count) + ": " + std::strerror(row.number);
      const FailCalls fault(row.call, kth, row.number);
      const Told told = live();
      // A run may need fewer calls than another; what did not happen cannot be judged.
      if (fault.fired() == 0) continue;
      ++cases;
      // The last words of a connection may fall on deaf ears; its first may not.
      const bool farewell = row.outcome == Outcome::connection_lost && !told.error && kth >= 3;
      if (!farewell) expect(row.outcome, told.error, where + ", " + told.stage);
      peer.reset();
      ASSERT_EQ(open_descriptors(), descriptors) << where;
    }
  }
  EXPECT_GT(cases, 100U);
}

TEST_F(Lives, GoOnInAStorm)  // nine of ten calls fail
{
  for (const auto& [call, number] :
       {std::pair(Call::recv, EINTR), std::pair(Call::recv, EAGAIN), std::pair(Call::send, EINTR),
        std::pair(Call::send, EAGAIN), std::pair(Call::epoll_wait, EINTR), std::pair(Call::connect, EINTR)}) {
    const FailMost storm(call, number, 10);
    const Told told = live();
    EXPECT_EQ(told.error.code(), Errc::none) << name_of(call) << std::strerror(number) << told.error.what();
    EXPECT_GT(storm.fired(), 0U);
  }
  // Three of four, each of which costs a tenth of a second until the next try.
  for (const int number : {ENOBUFS, ENOMEM}) {
    const FailMost storm(Call::recv, number, 4);
    EXPECT_EQ(live().error.code(), Errc::none);
  }
}

TEST_F(Lives, GoOnByteByByte)
{
  for (const auto& [in, out] : {std::pair(1, 0), std::pair(0, 1), std::pair(1, 1), std::pair(3, 7)}) {
    const ShortCalls narrow(static_cast<std::size_t>(in), static_cast<std::size_t>(out));
    const Told told = live(2'000);
    EXPECT_EQ(told.error.code(), Errc::none) << in << " " << out << " " << told.stage << told.error.what();
  }
}

TEST_F(Lives, SurviveOrNameEveryAllocationThatFails) {
  ASSERT_EQ(live().error.code(), Errc::none);
  peer.reset();
  const std::size_t descriptors = open_descriptors();
  for (const auto mode : {FailAllocations::Mode::once, FailAllocations::Mode::from_then_on}) {
    std::uint64_t kth = 1;
    for (bool fired = true; fired; ++kth) {
      ASSERT_LT(kth, 1'000U);
      const FailAllocations fault(kth, mode);
      const Told told = live();
      fired = fault.fired();
      // A watch that could not be set up is tried again, and then nothing was lost.
      const bool named = fired && told.error.code() == Errc::no_memory;
      EXPECT_TRUE(named || !told.error) << kth << " " << told.stage << ": " << told.error.what();
      peer.reset();
      ASSERT_EQ(open_descriptors(), descriptors) << kth;
    }
    EXPECT_GT(kth, 5U);
  }
}

// --- No descriptor is left

TEST_F(Lives, KeepTheOldConnectionWhenThereIsNoDescriptorForANewOne)
{
  serve_good();
  ClientEnd end(trusting());
  ClientSide old;
  connect_well(end, old);
  TlsPeer& old_peer = *peer;
  for (const int number : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    const FailCalls exhausted(Call::socket, 1, number, 1'000);
    ClientSide fresh;
    ASSERT_TRUE(end.open(fresh, "localhost", listening.port()).ok());
    ASSERT_TRUE(turn(end, [&] { return fresh.settled(); }));
    EXPECT_EQ(fresh.error.culprit(), Culprit::limit);
    EXPECT_EQ(exhausted.fired(), 1U) << "it tried again by itself";
    for (int turns_left = 0; turns_left < 20; ++turns_left) EXPECT_FALSE(end.reactor.poll()) << "it spins";
    old.received.clear();
    old_peer.send("still here");
    ASSERT_TRUE(turn(end, [&] { return old.received == "still here"; }));
  }
}

// Ten tries a second are enough to see an end of it.
TEST_F(Lives, DoNotSpinWhileTheKernelHasNoMemory) {
  TestClock clock;
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  for (const int number : {ENOBUFS, ENOMEM}) {
    {
      const FailCalls starved(Call::recv, 1, number, 1'000'000);
      peer->send("patience");
      peer->step();
      for (int turn_count = 0; turn_count < 1'000; ++turn_count) {
        end.reactor.poll();
        clock.advance(milliseconds(1));
      }
      EXPECT_LE(starved.fired(), 11U);
      EXPECT_GE(starved.fired(), 9U);
      EXPECT_FALSE(side.failed);
    }
    clock.advance(milliseconds(100));
    ASSERT_TRUE(turn(end, [&] { return side.received == "patience"; }));
    side.received.clear();
  }
}

// --- The loop's own calls

TEST(LoopFaults, AWaitThatFailsPausesAndIsTriedAgain) {
  Reactor reactor;
  Pair pair;
  Watching watching;
  ASSERT_TRUE(reactor.add(pair.ends[0], kRead, watching).ok());
  pair.write(1, "x");
  const std::uint64_t before = pauses();
  {
    const FailCalls broken(Call::epoll_wait, 1, EBADF, 3);
    reactor.run_once(Instant::never());
    EXPECT_EQ(broken.fired(), 3U);
  }
  EXPECT_EQ(pauses() - before, 3U);
  EXPECT_EQ(watching.count, 1);
  {
    const FailCalls interrupted(Call::epoll_wait, 1, EINTR, 3);
    reactor.run_once(Instant::never());
    EXPECT_EQ(interrupted.fired(), 3U);
  }
  EXPECT_EQ(pauses() - before, 3U) << "a signal is no reason to pause";
  EXPECT_EQ(watching.count, 2);
  reactor.remove(pair.ends[0], watching);
}

TEST(LoopFaults, ATimerThatTheKernelRefusesIsKeptByTheWait) {
  Reactor reactor;
  Alarm alarm;
  const FailCalls refused(Call::timerfd_settime, 1, ENOMEM, 100);
  reactor.arm(alarm, Reactor::clock() + milliseconds(2));
  while (alarm.count == 0) reactor.run_once(Instant::never());
  EXPECT_GE(refused.fired(), 1U);
}

TEST(LoopFaults, AKqueueTimerThatTheKernelRefusesIsKeptByTheWait) {
  Reactor reactor(make_kqueue_poller());
  Alarm alarm;
  axonpush::test::refuse_kevent(EVFILT_TIMER, ENOMEM, 100);
  reactor.arm(alarm, Reactor::clock() + milliseconds(2));
  while (alarm.count == 0) reactor.run_once(Instant::never());
  axonpush::test::refuse_kevent(0, 0, 0);
}

TEST(LoopFaults, AWatchThatKqueueRefusesLeavesNothingBehind) {
  Reactor reactor(make_kqueue_poller());
  Pair pair;
  Watching watching;
  for (const int filter : {EVFILT_READ, EVFILT_WRITE}) {
    axonpush::test::refuse_kevent(filter, ENOMEM, 1);
    EXPECT_EQ(reactor.add(pair.ends[0], kBoth, watching).error().code(), Errc::no_memory);
    pair.write(1, "x");
    EXPECT_FALSE(reactor.poll());
    static_cast<void>(pair.read(0));
  }
  ASSERT_TRUE(reactor.add(pair.ends[0], kRead, watching).ok());
  axonpush::test::refuse_kevent(EVFILT_WRITE, ENOMEM, 1);
  EXPECT_EQ(reactor.modify(pair.ends[0], kWrite, watching).error().code(), Errc::no_memory);
  pair.write(1, "x");
  EXPECT_TRUE(reactor.poll()) << "the watch that stood before is gone";
  EXPECT_TRUE(watching.last.read);
  reactor.remove(pair.ends[0], watching);
  EXPECT_FALSE(reactor.poll());
}

TEST(LoopFaults, APostIsRefusedWhenThereIsNoMemoryForIt) {
  Reactor reactor;
  bool ran = false;
  {
    const FailAllocations fault(1, FailAllocations::Mode::once);
    EXPECT_EQ(reactor.post([&] { ran = true; }).error().code(), Errc::no_memory);
    EXPECT_TRUE(fault.fired());
  }
  EXPECT_TRUE(reactor.post([&] { ran = true; }).ok());
  EXPECT_TRUE(reactor.poll());
  EXPECT_TRUE(ran);
}

// The table of descriptors grows; what it held before is still served when it cannot.
TEST(LoopFaults, ADescriptorIsRefusedWhenThereIsNoMemoryToWatchIt) {
  Reactor reactor;
  std::vector<Pair> pairs(80);  // more than the first table holds
  std::vector<Watching> watchings(80);
  int refused = 0;
  for (std::size_t index = 0; index < pairs.size(); ++index) {
    {
      const FailAllocations fault(1, FailAllocations::Mode::once);
      const Status added = reactor.add(pairs[index].ends[0], kRead, watchings[index]);
      EXPECT_EQ(added.ok(), !fault.fired());
      if (added.ok()) continue;
      EXPECT_EQ(added.error().code(), Errc::no_memory);
      ++refused;
    }
    ASSERT_TRUE(reactor.add(pairs[index].ends[0], kRead, watchings[index]).ok());
  }
  EXPECT_GE(refused, 2);
  for (const Pair& pair : pairs) pair.write(1, "x");
  EXPECT_TRUE(reactor.poll());
  for (std::size_t index = 0; index < pairs.size(); ++index) {
    EXPECT_EQ(watchings[index].count, 1) << index;
    reactor.remove(pairs[index].ends[0], watchings[index]);
  }
}

}  // namespace
}  // namespace axonpush::net::test

#endif
