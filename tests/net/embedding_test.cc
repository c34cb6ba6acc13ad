// The reactor inside somebody else's loop: its one descriptor and deadline in a bare poll(2), and the whole of it
// multiplexed into a host's set. tests/net/libuv_test.cc and asio_test.cc do the same with real loops.
#include <memory>

#include "net/backends.h"

namespace axonpush::net::test {
namespace {

std::vector<Backend> with_a_descriptor() {
  std::vector<Backend> chosen = all_backends();
  std::erase(chosen, Backend::hosted);
  return chosen;
}

class Embedding : public OnEveryBackend {
 protected:
  // What a host does: waits on fd() until deadline(), then calls process().
  void host_turn(Instant until = Instant::never()) {
    pollfd entry = {loop->fd(), POLLIN, 0};
    const Instant next = earlier_of(loop->deadline(), until);
    int timeout = -1;
    if (next != Instant::never()) {
      const std::int64_t left = (next - Reactor::clock()).nanoseconds();
      timeout = left <= 0 ? 0 : static_cast<int>((left + 999'999) / 1'000'000);
    }
    ASSERT_GE(::poll(&entry, 1, timeout), 0);
    loop->process();
  }
  // The descriptor alone must tell: hosts that cannot wait until a deadline watch nothing else.
  [[nodiscard]] bool readable(int timeout) {
    pollfd entry = {loop->fd(), POLLIN, 0};
    return ::poll(&entry, 1, timeout) == 1;
  }
};
INSTANTIATE_TEST_SUITE_P(Net, Embedding, ::testing::ValuesIn(with_a_descriptor()),
                         [](const auto& row) { return name_of(row.param); });

constexpr int kLong = 20'000;

TEST_P(Embedding, ReadinessTimersPostsAndAgainReachAForeignLoop) {
  Pair pair;
  Watching watching;
  Alarm alarm;
  int posts = 0;
  watching.then = [&] {
    if (!pair.read(0).empty()) loop->again(watching);
  };
  ASSERT_TRUE(loop->add(pair.ends[0], kRead, watching).ok());
  pair.write(1, "x");
  host_turn();
  EXPECT_EQ(watching.count, 1);
  EXPECT_EQ(loop->deadline(), Instant::from_nanoseconds(0));  // there is an `again`
  host_turn();
  EXPECT_EQ(watching.count, 2);
  const Instant start = Reactor::clock();
  loop->arm(alarm, start + milliseconds(1));
  EXPECT_EQ(loop->deadline(), start + milliseconds(1));
  while (alarm.count == 0) host_turn();
  ASSERT_TRUE(loop->post([&] { ++posts; }).ok());
  host_turn();
  EXPECT_EQ(posts, 1);
  loop->remove(pair.ends[0], watching);
}

TEST_P(Embedding, TheDescriptorAloneTellsEverything) {
  Pair pair;
  Watching watching;
  Alarm alarm;
  Ending ending;
  watching.then = [&] { static_cast<void>(pair.read(0)); };
  ASSERT_TRUE(loop->add(pair.ends[0], kRead, watching).ok());
  EXPECT_FALSE(readable(0));
  pair.write(1, "x");
  EXPECT_TRUE(readable(kLong));
  loop->process();
  EXPECT_EQ(watching.count, 1);
  EXPECT_FALSE(readable(0));
  loop->arm(alarm, Reactor::clock() + milliseconds(1));
  EXPECT_TRUE(readable(kLong));
  loop->process();
  while (alarm.count == 0) loop->process();
  loop->wake();
  EXPECT_TRUE(readable(kLong));
  loop->process();
  EXPECT_FALSE(readable(0));
  // What is due outside a turn makes it readable, too.
  loop->again(watching);
  EXPECT_TRUE(readable(kLong));
  loop->process();
  EXPECT_EQ(watching.count, 2);
  loop->at_turn_end(ending);
  EXPECT_TRUE(readable(kLong));
  loop->process();
  EXPECT_EQ(ending.count, 1);
  EXPECT_FALSE(readable(0));
  loop->remove(pair.ends[0], watching);
}

TEST(EmbeddingInAHost, TakesEverythingOffWhenItEnds) {
  PollLoop host;
  {
    Reactor reactor(host);
    ASSERT_TRUE(reactor.status().ok());
    EXPECT_EQ(reactor.fd(), -1);
    Pair pair;
    Watching watching;
    ASSERT_TRUE(reactor.add(pair.ends[0], kRead, watching).ok());
    EXPECT_EQ(host.size(), 2U);
    reactor.remove(pair.ends[0], watching);
    EXPECT_EQ(host.size(), 1U);
  }
  EXPECT_EQ(host.size(), 0U);
}

// A host whose set is full or broken says so, and the reactor passes it on.
TEST(EmbeddingInAHost, PassesOnWhatTheHostRefuses) {
  struct Refusing final : HostLoop {
    Status add_descriptor(int, Interest) noexcept override {
      return refuse_add ? Status(Error(Errc::no_memory, "full")) : Status();
    }
    Status modify_descriptor(int, Interest) noexcept override { return Error(Errc::no_fds, "broken"); }
    void remove_descriptor(int) noexcept override { ++removed; }
    void arm_timer(Instant) noexcept override {}
    bool refuse_add = true;
    int removed = 0;
  } host;
  {
    Reactor reactor(host);
    EXPECT_EQ(reactor.status().error().code(), Errc::no_memory);
  }
  EXPECT_EQ(host.removed, 0);
  host.refuse_add = false;
  Reactor reactor(host);
  ASSERT_TRUE(reactor.status().ok());
  Pair pair;
  Watching watching;
  ASSERT_TRUE(reactor.add(pair.ends[0], kRead, watching).ok());
  EXPECT_EQ(reactor.modify(pair.ends[0], kBoth, watching).error().code(), Errc::no_fds);
  host.refuse_add = true;
  EXPECT_EQ(reactor.add(pair.ends[1], kRead, watching).error().code(), Errc::no_memory);
  reactor.remove(pair.ends[0], watching);
}

}  // namespace
}  // namespace axonpush::net::test
