// What other threads, other processes and signals may do to a Reactor, on every backend: post, wake and stop, a fork,
// a storm of SIGALRM.
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "net/backends.h"
#include "net/posted.h"
#include "support/child.h"

namespace axonpush::net::test {
namespace {

using ReactorThreads = OnEveryBackend;
INSTANTIATE_TEST_SUITE_P(Net, ReactorThreads, ::testing::ValuesIn(all_backends()),
                         [](const auto& row) { return name_of(row.param); });

// --- Threads

TEST_P(ReactorThreads, RunPostsInTheOrderOfEachThread) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 2'000;
  std::vector<int> seen[kThreads];
  int finished = 0;
  bool all = false;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int post = 0; post < kPosts; ++post) {
        EXPECT_TRUE(loop->post([&seen, thread, post] { seen[thread].push_back(post); }).ok());
      }
      EXPECT_TRUE(loop->post([&] { all = ++finished == kThreads; }).ok());
    });
  }
  loop.run(all);
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<int>& order : seen) {
    ASSERT_EQ(order.size(), std::size_t{kPosts});
    for (int post = 0; post < kPosts; ++post) ASSERT_EQ(order[static_cast<std::size_t>(post)], post);
  }
}

// Each wait below ends by a wake or never: a lost one hangs here and ctest's limit ends it.
TEST_P(ReactorThreads, NeverLoseAWake) {
  constexpr int kRounds = 2'000;
  std::atomic<int> turns{0};
  std::thread other([&] {
    for (int round = 0; round < kRounds; ++round) {
      loop->wake();
      while (turns.load() <= round) std::this_thread::yield();
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    loop.turn();
    ++turns;
  }
  other.join();
  EXPECT_EQ(turns.load(), kRounds);
}

TEST_P(ReactorThreads, StopFromAnotherThread) {
  if (GetParam() == Backend::hosted) GTEST_SKIP() << "there the host's loop runs";
  Alarm alarm;
  std::thread other([&] { loop->stop(); });
  loop->run();
  other.join();
  loop->arm(alarm, Reactor::clock());
  alarm.then = [&] { loop->stop(); };
  loop->run();  // a stop counts once
  EXPECT_EQ(alarm.count, 1);
}

TEST_P(ReactorThreads, LetATaskPostAnotherForTheNextTurn) {
  int depth = 0;
  std::function<void()> task = [&] {
    if (++depth == 3) return;
    ASSERT_TRUE(loop->post([&] { task(); }).ok());
  };
  ASSERT_TRUE(loop->post([&] { task(); }).ok());
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(depth, 1);
  loop.turn();
  loop.turn();
  EXPECT_EQ(depth, 3);
  EXPECT_FALSE(loop.poll());
}

TEST_P(ReactorThreads, DestroyWhatWasPostedAndNeverRan) {
  struct Told {
    explicit Told(int& wanted) : count(&wanted) {}
    Told(Told&& other) noexcept : count(std::exchange(other.count, nullptr)) {}
    Told(const Told&) = delete;
    Told& operator=(const Told&) = delete;
    Told& operator=(Told&&) = delete;
    ~Told() {
      if (count != nullptr) ++*count;
    }
    int* count;
  };
  int destroyed = 0;
  bool ran = false;
  ASSERT_TRUE(loop->post([told = Told(destroyed), &ran] { ran = true; }).ok());
  struct Task : PostedTask {
    Task() : PostedTask(&take) {}
    static void take(PostedTask& task, PostedFate fate) noexcept {
      static_cast<Task&>(task).fate = fate;
      ++static_cast<Task&>(task).count;
    }
    int count = 0;
    PostedFate fate = PostedFate::run;
  } task;
  loop->post(task);
  loop.end();
  EXPECT_EQ(destroyed, 1);
  EXPECT_FALSE(ran);
  EXPECT_EQ(task.count, 1);
  EXPECT_EQ(task.fate, PostedFate::dropped);
}

// --- fork

// The exit code of a child that runs `body`.
int in_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) axonpush::test::end_child(body() ? 0 : 1);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_P(ReactorThreads, AreClosedInTheChildOfAForkAndDisturbTheParentInNothing) {
  Pair pair;
  Watching watching;
  Watching other;
  Alarm alarm;
  ASSERT_TRUE(loop->add(pair.ends[0], kRead, watching).ok());
  loop->arm(alarm, Reactor::clock() + hours(1));
  const int code = in_child([&] {
    bool fine = loop->forked();
    fine = loop->post([] {}).error().code() == Errc::closed && fine;
    fine = loop->add(pair.ends[1], kRead, other).error().code() == Errc::closed && fine;
    fine = loop->modify(pair.ends[0], kBoth, watching).error().code() == Errc::closed && fine;
    fine = !loop->poll() && fine;
    loop->arm(alarm, Reactor::clock());
    loop->again(watching);
    loop->wake();
    loop->process();
    loop->run_once(Instant::never());
    if (GetParam() != Backend::hosted) loop->run();
    fine = watching.count == 0 && alarm.count == 0 && fine;
    // The only legal act: take everything off and destroy.
    loop->disarm(alarm);
    loop->remove(pair.ends[0], watching);
    loop.end();
    return fine;
  });
  EXPECT_EQ(code, 0);
  EXPECT_FALSE(loop->forked());
  EXPECT_FALSE(loop.poll());  // the child's wake() woke nobody here
  pair.write(1, "x");
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(watching.count, 1);
  std::thread waker([&] { loop->wake(); });
  static_cast<void>(pair.read(0));
  loop.turn();  // the wake-up has survived the child's end
  waker.join();
  loop->disarm(alarm);
  loop->remove(pair.ends[0], watching);
}

// A kqueue does not exist in the child: closing its number there would close somebody else's descriptor.
TEST(ReactorFork, TheChildClosesNoNumberThatItNeverHad) {
#if defined(__linux__)
  auto reactor = std::make_unique<Reactor>(make_kqueue_poller());
  ASSERT_TRUE(reactor->status().ok());
  const int number = reactor->fd();
  EXPECT_EQ(in_child([&] {
              // As after the fork of a BSD: the number has become another file's.
              if (::dup2(STDERR_FILENO, number) != number) return false;
              reactor.reset();
              return ::fcntl(number, F_GETFD) >= 0;
            }),
            0);
#endif
}

// --- Signals

std::atomic<int> alarms_seen{0};

class SignalStorm {
 public:
  SignalStorm() {
    struct sigaction action = {};
    action.sa_handler = [](int) { ++alarms_seen; };
    sigaction(SIGALRM, &action, &before_);  // no SA_RESTART: every blocking call is interrupted
    const itimerval often = {.it_interval = {.tv_sec = 0, .tv_usec = 50}, .it_value = {.tv_sec = 0, .tv_usec = 50}};
    setitimer(ITIMER_REAL, &often, nullptr);
  }
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;
  ~SignalStorm() {
    const itimerval never = {};
    setitimer(ITIMER_REAL, &never, nullptr);
    sigaction(SIGALRM, &before_, nullptr);
  }

 private:
  struct sigaction before_ = {};
};

TEST_P(ReactorThreads, HoldOutInAStormOfSignals) {
  constexpr int kRounds = 200;
  Pair pair;
  Watching watching;
  int answered = 0;
  watching.then = [&] { answered += static_cast<int>(pair.read(0).size()); };
  ASSERT_TRUE(loop->add(pair.ends[0], kRead, watching).ok());
  alarms_seen = 0;
  const SignalStorm storm;
  for (int round = 0; round < kRounds; ++round) {
    Alarm alarm;
    alarm.then = [&] { pair.write(1, "x"); };
    loop->arm(alarm, Reactor::clock() + microseconds(200));
    while (answered <= round) loop.turn();
  }
  EXPECT_EQ(answered, kRounds);
  EXPECT_GT(alarms_seen.load(), 0);
  // An interrupted wait is no reason to come back before its time.
  if (GetParam() != Backend::hosted) {
    const Instant until = Reactor::clock() + milliseconds(2);
    loop.turn(until);
    EXPECT_TRUE(Reactor::clock() >= until);
  }
  loop->remove(pair.ends[0], watching);
}

}  // namespace
}  // namespace axonpush::net::test
