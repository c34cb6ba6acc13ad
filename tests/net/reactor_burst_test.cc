// When the kernel need not be asked: the only descriptor of a program is served again anyway. Over a backend that
// counts.
#include <axonpush/net/reactor.h>
#include <gtest/gtest.h>

#include <new>

#include "base/alloc.h"
#include "net/poller.h"

namespace axonpush::net::test {
namespace {

// Knows of nothing, and counts how often it is asked.
class CountingPoller final : public Poller {
 public:
  static CountingPoller* make() { return ::new (allocate(sizeof(CountingPoller))) CountingPoller; }
  Status open() noexcept override { return {}; }
  Status add(int, Interest, std::uint32_t) noexcept override { return {}; }
  Status modify(int, Interest, Interest, std::uint32_t) noexcept override { return {}; }
  void remove(int, Interest) noexcept override {}
  void arm(Instant) noexcept override {}
  std::size_t wait(std::span<Readiness, kBatch>, WaitMode) noexcept override {
    ++waits;
    return 0;
  }
  void wake() noexcept override {}
  int fd() const noexcept override { return -1; }
  int waits = 0;
};

// In the middle of a burst: asks for itself again each time it is served.
struct Greedy final : Watcher {
  explicit Greedy(Reactor& its_loop) : loop(its_loop) {}
  void on_ready(Interest) noexcept override {
    ++count;
    if (left-- > 0) loop.again(*this);
  }
  Reactor& loop;
  int count = 0;
  int left = 0;
};

struct Once final : Timer {
  void on_timer(Instant) noexcept override { fired = true; }
  bool fired = false;
};

constexpr Interest kRead{.read = true, .write = false};

struct Burst : ::testing::Test {
  CountingPoller* poller = CountingPoller::make();
  Reactor loop{poller};
  Greedy watcher{loop};

  // Asks of the kernel in so many turns of a burst.
  int asked_in(int turns) {
    watcher.left = turns;
    loop.again(watcher);
    const int before = poller->waits;
    for (int turn = 0; turn < turns; ++turn) loop.run_once(Instant::never());
    return poller->waits - before;
  }
};

TEST_F(Burst, OfTheOnlyDescriptorAsksTheKernelNothing) {
  ASSERT_TRUE(loop.add(5, kRead, watcher).ok());
  EXPECT_EQ(asked_in(10), 0);
  EXPECT_EQ(watcher.count, 10);
  loop.remove(5, watcher);
}

TEST_F(Burst, AsksEachTurnWhileOthersAreWatched) {  // other descriptors are served each turn
  Greedy other{loop};
  ASSERT_TRUE(loop.add(5, kRead, watcher).ok());
  ASSERT_TRUE(loop.add(9, kRead, other).ok());
  EXPECT_EQ(asked_in(10), 10);
  loop.remove(9, other);
  EXPECT_EQ(asked_in(10), 0);
  ASSERT_TRUE(loop.add(3, {}, other).ok());  // nobody is told of a descriptor without interest
  EXPECT_EQ(asked_in(10), 0);
  ASSERT_TRUE(loop.modify(3, kRead, other).ok());
  EXPECT_EQ(asked_in(10), 10);
  ASSERT_TRUE(loop.modify(3, {}, other).ok());
  EXPECT_EQ(asked_in(10), 0);
  loop.remove(3, other);
  loop.remove(5, watcher);
  EXPECT_EQ(asked_in(10), 10);  // a watcher without a descriptor
}

TEST_F(Burst, AsksForTheChanceToWrite) {
  ASSERT_TRUE(loop.add(5, {.read = true, .write = true}, watcher).ok());
  EXPECT_EQ(asked_in(10), 10);
  ASSERT_TRUE(loop.modify(5, kRead, watcher).ok());
  EXPECT_EQ(asked_in(10), 0);
  loop.remove(5, watcher);
}

TEST_F(Burst, RunsPostsAndTimersMeanwhile) {
  ASSERT_TRUE(loop.add(5, kRead, watcher).ok());
  Once timer;
  bool ran = false;
  loop.arm(timer, Instant::from_nanoseconds(1));
  ASSERT_TRUE(loop.post([&ran] { ran = true; }).ok());
  EXPECT_EQ(asked_in(1), 0);
  EXPECT_TRUE(timer.fired);
  EXPECT_TRUE(ran);
  loop.remove(5, watcher);
}

}  // namespace
}  // namespace axonpush::net::test
