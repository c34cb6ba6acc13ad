// A reactor where the order of things in one turn is unusual, where the kernel refuses, and where it was never made.
#include <cerrno>
#include <climits>
#include <memory>
#include <thread>

#include "net/backends.h"
#include "net/descriptor.h"
#include "net/posted.h"
#if defined(__linux__)
#include <sys/event.h>

#include "net/wrapped.h"
#endif

namespace axonpush::net::test {
namespace {

using ReactorCorners = OnEveryBackend;
INSTANTIATE_TEST_SUITE_P(Net, ReactorCorners, ::testing::ValuesIn(all_backends()),
                         [](const auto& row) { return name_of(row.param); });

// --- One turn

TEST_P(ReactorCorners, TellNothingToWhoLostInterestEarlierInTheTurn) {
  for (const Interest lost : {kRead, kWrite}) {
    Pair pairs[2];
    Watching watchings[2];
    for (int index = 0; index < 2; ++index) {
      ASSERT_TRUE(loop->add(pairs[index].ends[0], lost, watchings[index]).ok());
      watchings[index].then = [&, index] {
        EXPECT_TRUE(loop->modify(pairs[1 - index].ends[0], kNothing, watchings[1 - index]).ok());
      };
      pairs[index].write(1, "x");
    }
    EXPECT_TRUE(loop.poll());
    EXPECT_EQ(watchings[0].count + watchings[1].count, 1) << "whoever came first took it from the other";
    EXPECT_TRUE(loop->now() > Instant::from_nanoseconds(0));
    for (int index = 0; index < 2; ++index) loop->remove(pairs[index].ends[0], watchings[index]);
  }
}

TEST_P(ReactorCorners, SayInsideATurnThatThereIsMoreToServe) {
  Watching watchings[2];
  Instant deadline = Instant::never();
  watchings[0].then = [&] { deadline = loop->deadline(); };
  for (Watching& watching : watchings) loop->again(watching);
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(deadline, Instant::from_nanoseconds(0)) << "the second one still waits for its call";
  EXPECT_EQ(loop->deadline(), Instant::never());
}

TEST_P(ReactorCorners, LetTheLastOfTheAgainListGo) {
  Watching watchings[3];
  for (Watching& watching : watchings) loop->again(watching);
  loop->remove(-1, watchings[2]);
  loop->remove(-1, watchings[1]);
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(watchings[0].count, 1);
  EXPECT_EQ(watchings[1].count + watchings[2].count, 0);
}

TEST_P(ReactorCorners, LetAHookTakeTheNextOneOff) {
  Ending hooks[2];
  hooks[0].then = [&] { loop->cancel(hooks[1]); };
  for (Ending& hook : hooks) loop->at_turn_end(hook);
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(hooks[0].count, 1);
  EXPECT_EQ(hooks[1].count, 0);
  EXPECT_FALSE(loop.poll());
}

// What the destructor of a task posts comes to nobody any more.
TEST_P(ReactorCorners, RefuseWhatIsPostedWhileTheyEnd) {
  struct Poster {
    Poster(Reactor& to, Errc& told) : reactor(&to), outcome(&told) {}
    Poster(Poster&& other) noexcept : reactor(std::exchange(other.reactor, nullptr)), outcome(other.outcome) {}
    Poster(const Poster&) = delete;
    Poster& operator=(const Poster&) = delete;
    Poster& operator=(Poster&&) = delete;
    ~Poster() {
      if (reactor != nullptr) *outcome = reactor->post([] {}).error().code();
    }
    Reactor* reactor;
    Errc* outcome;
  };
  Errc outcome = Errc::none;
  ASSERT_TRUE(loop->post([poster = Poster(loop.reactor(), outcome)] {}).ok());
  loop.end();
  EXPECT_EQ(outcome, Errc::closed);
}

// Threads that post in the same instant: one of them has to try again, and none is lost.
TEST_P(ReactorCorners, LoseNothingOfWhatManyThreadsPostAtOnce) {
  struct Task : PostedTask {
    Task() : PostedTask(&take) {}
    static void take(PostedTask& task, PostedFate) noexcept { ++*static_cast<Task&>(task).delivered; }
    std::size_t* delivered = nullptr;
  };
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kTasks = 20'000;
  std::size_t delivered = 0;
  std::vector<Task> tasks(kThreads * kTasks);
  for (Task& task : tasks) task.delivered = &delivered;
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t at = 0; at < kTasks; ++at) loop->post(tasks[thread * kTasks + at]);
    });
  }
  while (delivered < tasks.size()) loop.turn();
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(loop.poll());
}

// --- Without a backend

TEST(ReactorWithoutABackend, AnswersEveryOtherCall) {
  Reactor reactor(static_cast<Poller*>(nullptr));
  Ending hook;
  reactor.run_once(Instant::never());
  reactor.process();
  reactor.ready(0, kRead);
  reactor.at_turn_end(hook);
  reactor.cancel(hook);
  EXPECT_FALSE(reactor.in_turn());
  EXPECT_FALSE(reactor.forked());
  EXPECT_EQ(reactor.shared(), nullptr);
  EXPECT_TRUE(reactor.now() > Instant::from_nanoseconds(0)) << "the clock needs no loop";
  struct Task : PostedTask {
    Task() : PostedTask(&take) {}
    static void take(PostedTask& task, PostedFate told) noexcept { static_cast<Task&>(task).fate = told; }
    PostedFate fate = PostedFate::run;
  } task;
  reactor.post(task);
  EXPECT_EQ(task.fate, PostedFate::dropped);
  EXPECT_EQ(hook.count, 0);
}

// --- Descriptors

TEST(Descriptors, MoveIntoThemselvesUnharmed) {
  Pair pair;
  Descriptor descriptor(std::exchange(pair.ends[0], -1));
  Descriptor& same = descriptor;
  descriptor = std::move(same);
  pair.write(1, "x");
  char byte = 0;
  EXPECT_EQ(::read(descriptor.get(), &byte, 1), 1);
  Descriptor next;
  next = std::move(descriptor);
  EXPECT_FALSE(static_cast<bool>(descriptor));  // NOLINT(bugprone-use-after-move): that is what is asked
}

// --- In a host's loop

TEST(ReactorInAHost, DoesNotWaitInRunOnce) {
  PollLoop host;
  Reactor reactor(host);
  Alarm alarm;
  reactor.arm(alarm, Reactor::clock() + hours(1));
  reactor.run_once(Instant::never());  // or the test hangs here
  EXPECT_EQ(alarm.count, 0);
  Ending hook;
  reactor.at_turn_end(hook);
  reactor.run_once(Instant::never());
  EXPECT_EQ(hook.count, 1);
  reactor.disarm(alarm);
}

TEST(ReactorInAHost, TakesNoteOfReadinessUntilItIsTurned) {
  PollLoop host;
  Reactor reactor(host);
  Pair pair;
  Watching watching;
  ASSERT_TRUE(reactor.add(pair.ends[0], kBoth, watching).ok());
  reactor.ready(pair.ends[1], kRead);  // nobody watches that one
  EXPECT_EQ(reactor.deadline(), Instant::never());
  for (const Interest told : {kWrite, kWrite, kRead, kRead}) reactor.ready(pair.ends[0], told);
  EXPECT_EQ(reactor.deadline(), Instant::from_nanoseconds(0));
  reactor.process();
  EXPECT_EQ(watching.count, 1);
  EXPECT_TRUE(watching.last.read && watching.last.write);
  reactor.remove(pair.ends[0], watching);
}

// An instant before the clock began is in the past like any other.
TEST(ReactorInAForeignLoop, TellsOfATimerForBeforeTheBeginningOfTime) {
  for (const Backend backend : all_backends()) {
    if (backend == Backend::hosted) continue;
    Loop loop(backend);
    Alarm alarm;
    pollfd entry = {loop->fd(), POLLIN, 0};
    loop->arm(alarm, Instant::from_nanoseconds(0));
    EXPECT_EQ(::poll(&entry, 1, 20'000), 1) << name_of(backend);
    loop->process();
    EXPECT_EQ(alarm.count, 1);
  }
}

#if defined(__linux__)

// --- The kernel refuses

using axonpush::test::Call;
using axonpush::test::FailCalls;
using axonpush::test::last_wait_timeout;

TEST(LoopFaults, AHostsReactorSaysWhenThereIsNoDescriptorForItsWake) {
  PollLoop host;
  const FailCalls exhausted(Call::eventfd, 1, EMFILE);
  Reactor reactor(host);
  EXPECT_EQ(reactor.status().error().code(), Errc::no_fds);
  EXPECT_EQ(host.size(), 0U);
}

TEST(LoopFaults, AWakeThatIsInterruptedOrNoneDisturbsNoHost) {
  struct OneDescriptor final : HostLoop {
    Status add_descriptor(int descriptor, Interest) noexcept override {
      wake = descriptor;
      return {};
    }
    Status modify_descriptor(int, Interest) noexcept override { return {}; }
    void remove_descriptor(int) noexcept override {}
    void arm_timer(Instant) noexcept override {}
    int wake = -1;
  } host;
  Reactor reactor(host);
  reactor.ready(host.wake, kRead);  // there was none
  EXPECT_FALSE(reactor.poll());
  int posts = 0;
  ASSERT_TRUE(reactor.post([&] { ++posts; }).ok());
  reactor.ready(host.wake, kRead);
  const FailCalls interrupted(Call::read, 1, EINTR, 2);
  EXPECT_TRUE(reactor.poll());
  EXPECT_EQ(interrupted.fired(), 2U);
  EXPECT_EQ(posts, 1);
  pollfd entry = {host.wake, POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 0), 0) << "it was not read to its end";
}

TEST(LoopFaults, AWatchThatTheKernelDoesNotChangeStaysAsItWas) {
  Reactor reactor;
  Pair pair;
  Watching watching;
  ASSERT_TRUE(reactor.add(pair.ends[0], kRead, watching).ok());
  {
    const FailCalls starved(Call::epoll_ctl, 1, ENOMEM);
    EXPECT_EQ(reactor.modify(pair.ends[0], kBoth, watching).error().code(), Errc::no_memory);
    EXPECT_EQ(starved.fired(), 1U);
  }
  EXPECT_FALSE(reactor.poll()) << "it is told of writing, which it is not watched for";
  pair.write(1, "x");
  EXPECT_TRUE(reactor.poll());
  EXPECT_TRUE(watching.last.read && !watching.last.write);
  reactor.remove(pair.ends[0], watching);
}

// A deadline that the kernel's timer had refused stayed with the wait for ever: once it had passed, a loop with no
// other timer turned without a pause.
TEST(LoopFaults, ATimerThatWasRefusedAndHasPassedEndsNoWait) {
  Reactor reactor;
  Pair pair;
  Watching watching;
  watching.then = [&] { static_cast<void>(pair.read(0)); };
  ASSERT_TRUE(reactor.add(pair.ends[0], kRead, watching).ok());
  Alarm alarm;
  {
    const FailCalls refused(Call::timerfd_settime, 1, ENOMEM, 100);
    reactor.arm(alarm, Reactor::clock() + milliseconds(2));
    while (alarm.count == 0) reactor.run_once(Instant::never());
    EXPECT_GE(refused.fired(), 1U);
  }
  for (int turn = 0; turn < 3; ++turn) {
    pair.write(1, "x");
    reactor.run_once(Instant::never());
  }
  EXPECT_EQ(watching.count, 3);
  EXPECT_EQ(last_wait_timeout(), -1);
  reactor.remove(pair.ends[0], watching);
}

TEST(LoopFaults, AKqueueTimerThatWasRefusedAndHasPassedEndsNoWait) {
  Reactor reactor(make_kqueue_poller());
  Pair pair;
  Watching watching;
  watching.then = [&] { static_cast<void>(pair.read(0)); };
  ASSERT_TRUE(reactor.add(pair.ends[0], kRead, watching).ok());
  Alarm alarm;
  axonpush::test::refuse_kevent(EVFILT_TIMER, ENOMEM, 100);
  reactor.arm(alarm, Reactor::clock() + milliseconds(2));
  while (alarm.count == 0) reactor.run_once(Instant::never());
  axonpush::test::refuse_kevent(0, 0, 0);
  for (int turn = 0; turn < 3; ++turn) {
    pair.write(1, "x");
    reactor.run_once(Instant::never());
  }
  EXPECT_EQ(watching.count, 3);
  EXPECT_EQ(last_wait_timeout(), -1);
  reactor.remove(pair.ends[0], watching);
}

// epoll counts milliseconds in an int; the wait is cut and begun anew.
TEST(LoopFaults, ARefusedTimerOfManyYearsIsCutToWhatAWaitCanBe) {
  Reactor reactor;
  Pair pair;
  Watching watching;
  watching.then = [&] { static_cast<void>(pair.read(0)); };
  ASSERT_TRUE(reactor.add(pair.ends[0], kRead, watching).ok());
  Alarm alarm;
  const FailCalls refused(Call::timerfd_settime, 1, ENOMEM, 100);
  reactor.arm(alarm, Reactor::clock() + hours(24 * 365));
  pair.write(1, "x");
  reactor.run_once(Instant::never());
  EXPECT_EQ(last_wait_timeout(), INT_MAX);
  EXPECT_EQ(alarm.count, 0);
  reactor.disarm(alarm);
  reactor.remove(pair.ends[0], watching);
}

// --- kqueue's own

TEST(KqueueFaults, AQueueOrItsWakeThatCannotBeMadeIsNamed) {
  {
    const FailCalls exhausted(Call::epoll_create, 1, ENFILE);  // what the shim makes it of
    EXPECT_EQ(Reactor(make_kqueue_poller()).status().error().code(), Errc::no_fds);
    EXPECT_EQ(exhausted.fired(), 1U);
  }
  axonpush::test::refuse_kevent(EVFILT_USER, ENOMEM, 1);
  EXPECT_EQ(Reactor(make_kqueue_poller()).status().error().code(), Errc::no_memory);
  EXPECT_TRUE(Reactor(make_kqueue_poller()).status().ok());
}

TEST(KqueueFaults, AWaitThatFailsPausesAndIsTriedAgain) {
  Reactor reactor(make_kqueue_poller());
  Pair pair;
  Watching watching;
  ASSERT_TRUE(reactor.add(pair.ends[0], kRead, watching).ok());
  pair.write(1, "x");
  const std::uint64_t before = axonpush::test::pauses();
  {
    const FailCalls broken(Call::epoll_wait, 1, EBADF, 4);
    EXPECT_FALSE(reactor.poll());
    EXPECT_EQ(axonpush::test::pauses(), before) << "who does not want to wait does not pause";
    reactor.run_once(Instant::never());
    EXPECT_EQ(broken.fired(), 4U);
  }
  EXPECT_EQ(axonpush::test::pauses(), before + 3);
  EXPECT_EQ(watching.count, 1);
  reactor.remove(pair.ends[0], watching);
}

// A system that rounds down, or a timer that was cut to a day: what fires too early goes on.
TEST(KqueueFaults, ATimerThatFiresBeforeItsTimeGoesOn) {
  axonpush::test::TestClock clock;  // the kernel's goes on
  Reactor reactor(make_kqueue_poller());
  Alarm alarm;
  pollfd entry = {reactor.fd(), POLLIN, 0};
  for (const Duration wait : {milliseconds(2), milliseconds(1)}) {
    reactor.arm(alarm, Reactor::clock() + wait);
    EXPECT_EQ(::poll(&entry, 1, 20'000), 1);
    reactor.process();
    EXPECT_EQ(alarm.count, 0) << "its time has not come";
    EXPECT_EQ(::poll(&entry, 1, 20'000), 1) << "and it was forgotten";
    clock.advance(wait);
    reactor.process();
    EXPECT_EQ(alarm.count, 1);
    alarm.count = 0;
  }
  reactor.arm(alarm, Reactor::clock() + hours(48));
  EXPECT_FALSE(reactor.poll());
  reactor.disarm(alarm);
}

#endif

}  // namespace
}  // namespace axonpush::net::test
