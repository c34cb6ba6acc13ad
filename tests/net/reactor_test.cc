// The reactor on every backend: the platform's, kqueue over a shim, and a host's own loop.
#include <axonpush/net/reactor.h>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>
#include <vector>

namespace axonpush::net {
namespace {

// Two ends of a stream, non-blocking.
struct Pair {
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0); }
  ~Pair() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  int ends[2] = {-1, -1};
};

struct Watching final : Watcher {
  void on_ready(Interest ready) noexcept override {
    log.push_back(ready);
    if (then) then();
  }
  std::vector<Interest> log;
  std::function<void()> then;
};

struct Alarm final : Timer {
  void on_timer(Instant now) noexcept override {
    ++count;
    last = now;
    if (then) then();
  }
  int count = 0;
  Instant last;
  std::function<void()> then;
};

constexpr Interest kRead{.read = true, .write = false};

TEST(Reactor, TellsReadinessUntilItIsConsumed) {
  Reactor reactor;
  ASSERT_TRUE(reactor.status().ok());
  Pair pair;
  Watching watching;
  ASSERT_TRUE(reactor.add(pair.ends[0], kRead, watching).ok());
  EXPECT_FALSE(reactor.poll());
  ASSERT_EQ(::write(pair.ends[1], "x", 1), 1);
  reactor.run_once(Instant::never());
  EXPECT_TRUE(reactor.poll());
  EXPECT_EQ(watching.log.size(), 2U);
  char byte = 0;
  ASSERT_EQ(::read(pair.ends[0], &byte, 1), 1);
  EXPECT_FALSE(reactor.poll());
  reactor.remove(pair.ends[0], watching);
}

TEST(Reactor, TimersFireInOrderOfTheirInstants) {
  Reactor reactor;
  std::vector<int> order;
  Alarm alarms[3];
  for (int index = 0; index < 3; ++index) alarms[index].then = [&order, index] { order.push_back(index); };
  const Instant start = Reactor::clock();
  reactor.arm(alarms[0], start + milliseconds(3));
  reactor.arm(alarms[1], start + milliseconds(1));
  reactor.arm(alarms[2], start + milliseconds(3));
  while (order.size() < 3) reactor.run_once(Instant::never());
  EXPECT_EQ(order, (std::vector<int>{1, 0, 2}));
  EXPECT_FALSE(alarms[0].armed());
}

TEST(Reactor, PostsRunInOrderOnTheLoop) {
  Reactor reactor;
  std::vector<int> order;
  std::thread other([&] {
    for (int index = 0; index < 100; ++index)
      EXPECT_TRUE(reactor.post([&order, index] { order.push_back(index); }).ok());
    EXPECT_TRUE(reactor.post([&] { reactor.stop(); }).ok());
  });
  reactor.run();
  other.join();
  ASSERT_EQ(order.size(), 100U);
  for (int index = 0; index < 100; ++index) EXPECT_EQ(order[static_cast<std::size_t>(index)], index);
}

}  // namespace
}  // namespace axonpush::net
