// What a Reactor promises, on every backend: readiness, timers, the ends of turns, the ready-again list, deferred
// closing, and what a turn may cost.
#include <fcntl.h>

#include <algorithm>
#include <map>
#include <random>

#include "net/backends.h"
#include "net/timer_heap.h"
#include "support/allocations.h"

namespace axonpush::net::test {
namespace {

using Reactors = OnEveryBackend;
INSTANTIATE_TEST_SUITE_P(Net, Reactors, ::testing::ValuesIn(all_backends()),
                         [](const auto& row) { return name_of(row.param); });

// --- Descriptors

TEST_P(Reactors, TellReadinessUntilItIsConsumed) {
  Pair pair;
  Watching watching;
  ASSERT_TRUE(loop->add(pair.ends[0], kRead, watching).ok());
  EXPECT_FALSE(loop.poll());
  pair.write(1, "x");
  loop.turn();
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(watching.count, 2);
  EXPECT_EQ(pair.read(0), "x");
  EXPECT_FALSE(loop.poll());
  loop->remove(pair.ends[0], watching);
  pair.write(1, "y");
  EXPECT_FALSE(loop.poll());
  EXPECT_EQ(watching.count, 2);
}

TEST_P(Reactors, TellWhatWasAskedForAndNothingElse) {
  Pair pair;
  Watching watching;
  ASSERT_TRUE(loop->add(pair.ends[0], kNothing, watching).ok());
  pair.write(1, "x");
  EXPECT_FALSE(loop.poll());
  ASSERT_TRUE(loop->modify(pair.ends[0], kWrite, watching).ok());
  EXPECT_TRUE(loop.poll());
  EXPECT_TRUE(watching.last.write && !watching.last.read);
  ASSERT_TRUE(loop->modify(pair.ends[0], kBoth, watching).ok());
  EXPECT_TRUE(loop.poll());
  EXPECT_TRUE(watching.last.write && watching.last.read);
  ASSERT_TRUE(loop->modify(pair.ends[0], kRead, watching).ok());
  EXPECT_TRUE(loop.poll());
  EXPECT_TRUE(!watching.last.write && watching.last.read);
  ASSERT_TRUE(loop->modify(pair.ends[0], kNothing, watching).ok());
  EXPECT_FALSE(loop.poll());
  EXPECT_EQ(watching.count, 3);
  loop->remove(pair.ends[0], watching);
}

TEST_P(Reactors, TellAHangUpOnlyToWhoAsks) {
  Pair pair;
  Watching watching;
  ASSERT_TRUE(loop->add(pair.ends[0], kNothing, watching).ok());
  pair.close(1);
  EXPECT_FALSE(loop.poll());
  ASSERT_TRUE(loop->modify(pair.ends[0], kRead, watching).ok());
  EXPECT_TRUE(loop.poll());
  EXPECT_TRUE(watching.last.read);
  EXPECT_EQ(pair.read(0), "");
  ASSERT_TRUE(loop->modify(pair.ends[0], kWrite, watching).ok());
  EXPECT_TRUE(loop.poll());
  EXPECT_TRUE(watching.last.write && !watching.last.read);
  loop->remove(pair.ends[0], watching);
  EXPECT_FALSE(loop.poll());
}

TEST_P(Reactors, RefuseWhatCannotBeWatched) {
  Pair pair;
  Watching one;
  Watching other;
  EXPECT_EQ(loop->add(-1, kRead, one).error().code(), Errc::invalid_argument);
  ASSERT_TRUE(loop->add(pair.ends[0], kRead, one).ok());
  EXPECT_EQ(loop->add(pair.ends[0], kRead, other).error().code(), Errc::invalid_argument);
  EXPECT_EQ(loop->modify(pair.ends[1], kRead, one).error().code(), Errc::invalid_argument);
  loop->remove(pair.ends[0], other);  // not its: nothing happens
  pair.write(1, "x");
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(one.count, 1);
  loop->remove(pair.ends[0], one);
  loop->remove(pair.ends[0], one);
}

TEST_P(Reactors, HandADescriptorToAnotherWatcher) {
  Pair pair;
  Watching first;
  Watching second;
  ASSERT_TRUE(loop->add(pair.ends[0], kRead, first).ok());
  ASSERT_TRUE(loop->modify(pair.ends[0], kRead, second).ok());
  pair.write(1, "x");
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(first.count, 0);
  EXPECT_EQ(second.count, 1);
  loop->remove(pair.ends[0], second);
}

// Deferred closing: what a callback takes away in the same turn is not called any more, whoever is served first.
TEST_P(Reactors, ForgetWhatACallbackTakesAway) {
  Pair pairs[2];
  Watching watchings[2];
  for (int index = 0; index < 2; ++index) {
    watchings[index].then = [&, index] {
      loop->remove(pairs[1 - index].ends[0], watchings[1 - index]);
      loop->remove(pairs[index].ends[0], watchings[index]);
    };
    ASSERT_TRUE(loop->add(pairs[index].ends[0], kRead, watchings[index]).ok());
    pairs[index].write(1, "x");
  }
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(watchings[0].count + watchings[1].count, 1);
  EXPECT_FALSE(loop.poll());
}

// The kernel gives a closed number out again at once: an event of its past must not reach the new owner.
TEST_P(Reactors, TellTheNewOwnerOfANumberNothingOfTheOldOne) {
  Pair pairs[2];
  Pair replacement;
  Watching watchings[2];
  Watching renewed;
  for (int index = 0; index < 2; ++index) {
    watchings[index].then = [&, index] {
      // Whichever of the two is served first replaces the other one under the same number.
      const int other = 1 - index;
      const int number = pairs[other].ends[0];
      loop->remove(number, watchings[other]);
      ASSERT_EQ(::dup2(replacement.ends[0], number), number);
      ASSERT_TRUE(loop->add(number, kRead, renewed).ok());
      loop->remove(pairs[index].ends[0], watchings[index]);
    };
    ASSERT_TRUE(loop->add(pairs[index].ends[0], kRead, watchings[index]).ok());
    pairs[index].write(1, "x");
  }
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(watchings[0].count + watchings[1].count, 1);
  EXPECT_EQ(renewed.count, 0);
  EXPECT_FALSE(loop.poll());
  replacement.write(1, "y");
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(renewed.count, 1);
  for (const Pair& pair : pairs) loop->remove(pair.ends[0], renewed);
}

TEST_P(Reactors, ServeWhatACallbackAddsInTheNextTurn) {
  Pair pairs[2];
  Watching watchings[2];
  pairs[1].write(1, "x");
  watchings[0].then = [&] {
    static_cast<void>(pairs[0].read(0));
    ASSERT_TRUE(loop->add(pairs[1].ends[0], kRead, watchings[1]).ok());
  };
  ASSERT_TRUE(loop->add(pairs[0].ends[0], kRead, watchings[0]).ok());
  pairs[0].write(1, "x");
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(watchings[1].count, 0);
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(watchings[1].count, 1);
  for (int index = 0; index < 2; ++index) loop->remove(pairs[index].ends[0], watchings[index]);
}

TEST_P(Reactors, ServeManyDescriptorsWithinAFewTurns) {
  constexpr std::size_t kCount = 300;  // more than one batch of the kernel's
  std::vector<Pair> pairs(kCount);
  std::vector<Watching> watchings(kCount);
  for (std::size_t index = 0; index < kCount; ++index) {
    watchings[index].then = [&pairs, index] { static_cast<void>(pairs[index].read(0)); };
    ASSERT_TRUE(loop->add(pairs[index].ends[0], kRead, watchings[index]).ok());
    pairs[index].write(1, "x");
  }
  for (int turns = 0; turns < 8; ++turns) loop.poll();
  EXPECT_TRUE(std::ranges::all_of(watchings, [](const Watching& watching) { return watching.count == 1; }));
  for (std::size_t index = 0; index < kCount; ++index) loop->remove(pairs[index].ends[0], watchings[index]);
}

// --- Timers

TEST_P(Reactors, FireTimersInTheOrderOfTheirInstants) {
  std::vector<int> order;
  Alarm alarms[4];
  for (int index = 0; index < 4; ++index) alarms[index].then = [&order, index] { order.push_back(index); };
  const Instant start = Reactor::clock();
  loop->arm(alarms[0], start + milliseconds(3));
  loop->arm(alarms[1], start + milliseconds(1));
  loop->arm(alarms[2], start + milliseconds(3));
  loop->arm(alarms[3], start + hours(1));
  while (order.size() < 3) loop.turn();
  EXPECT_EQ(order, (std::vector<int>{1, 0, 2}));
  EXPECT_FALSE(alarms[0].armed());
  EXPECT_TRUE(alarms[0].last >= start + milliseconds(3));
  EXPECT_EQ(loop->deadline(), start + hours(1));
  loop->disarm(alarms[3]);
  EXPECT_EQ(loop->deadline(), Instant::never());
}

TEST_P(Reactors, HearOfATimerThatCameNearerWhileTheyWait) {
  Alarm far;
  Alarm near;
  const Instant start = Reactor::clock();
  loop->arm(far, start + hours(1));
  loop.turn(start);  // the backend's timer stands at the hour
  loop->arm(near, start + milliseconds(1));
  while (near.count == 0) loop.turn();
  EXPECT_EQ(far.count, 0);
  loop->arm(far, start);  // moved, not armed twice
  while (far.count == 0) loop.turn();
  EXPECT_FALSE(loop.poll());
  EXPECT_EQ(far.count, 1);
}

TEST_P(Reactors, LetATimerTakeAnotherOffAndArmItselfAnew) {
  Alarm first;
  Alarm second;
  const Instant now = Reactor::clock();
  first.then = [&] {
    loop->disarm(second);
    if (first.count < 3) loop->arm(first, now);  // due at once, yet not again in this turn
  };
  loop->arm(first, now);
  loop->arm(second, now);
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(first.count, 1);
  EXPECT_TRUE(loop.poll());
  EXPECT_TRUE(loop.poll());
  EXPECT_FALSE(loop.poll());
  EXPECT_EQ(first.count, 3);
  EXPECT_EQ(second.count, 0);
}

TEST_P(Reactors, FireEveryTimerAlthoughOneArmsItselfForThePastForEver) {
  Alarm eager;
  Alarm patient;
  eager.then = [&] { loop->arm(eager, Instant::from_nanoseconds(1)); };
  const Instant now = Reactor::clock();
  loop->arm(eager, Instant::from_nanoseconds(1));
  loop->arm(patient, now);
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(eager.count, 1);
  EXPECT_EQ(patient.count, 1);
  loop->disarm(eager);
}

TEST_P(Reactors, EndTheirWaitAtTheDeadline) {
  Alarm far;
  const Instant until = Reactor::clock() + milliseconds(2);
  loop->arm(far, until + hours(1));
  loop.turn(until);
  EXPECT_TRUE(Reactor::clock() >= until);
  EXPECT_EQ(far.count, 0);
  loop->disarm(far);
  loop.turn(until);  // it has passed: no wait at all
}

// After a long pause input is read before a deadline is judged by it.
TEST_P(Reactors, ServeInputBeforeTimers) {
  Pair pair;
  std::vector<char> order;
  Watching watching;
  watching.then = [&] {
    order.push_back('i');
    static_cast<void>(pair.read(0));
  };
  Alarm alarm;
  alarm.then = [&] { order.push_back('t'); };
  ASSERT_TRUE(loop->add(pair.ends[0], kRead, watching).ok());
  loop->arm(alarm, Reactor::clock());
  pair.write(1, "x");
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(order, (std::vector<char>{'i', 't'}));
  loop->remove(pair.ends[0], watching);
}

TEST(TimerHeap, GivesWhatASortedMapGives) {
  std::mt19937 random(20'261);
  std::vector<Alarm> alarms(200);
  TimerHeap heap;
  std::map<std::pair<std::int64_t, std::uint64_t>, Alarm*> sorted;  // by instant, then by age
  std::map<Alarm*, std::pair<std::int64_t, std::uint64_t>> keys;
  std::uint64_t age = 0;
  const auto forget = [&](Alarm* alarm) {
    if (const auto key = keys.find(alarm); key != keys.end()) {
      sorted.erase(key->second);
      keys.erase(key);
    }
  };
  for (int step = 0; step < 20'000; ++step) {
    Alarm* const alarm = &alarms[random() % alarms.size()];
    const auto what = random() % 8;
    if (what < 5) {
      const auto at = static_cast<std::int64_t>(random() % 64);
      heap.arm(*alarm, Instant::from_nanoseconds(at));
      forget(alarm);
      sorted.emplace(keys[alarm] = {at, ++age}, alarm);
    } else if (what < 6) {
      heap.disarm(*alarm);
      forget(alarm);
    } else if (!sorted.empty()) {
      ASSERT_EQ(&heap.pop(), sorted.begin()->second) << "step " << step;
      forget(sorted.begin()->second);
    }
    ASSERT_EQ(heap.size(), sorted.size());
    const Instant earliest = sorted.empty() ? Instant::never() : Instant::from_nanoseconds(sorted.begin()->first.first);
    ASSERT_EQ(heap.earliest(), earliest);
  }
  while (!heap.empty()) static_cast<void>(heap.pop());
  EXPECT_TRUE(std::ranges::none_of(alarms, [](const Alarm& alarm) { return alarm.armed(); }));
}

// --- Again, and the end of a turn

TEST_P(Reactors, ServeAgainOnceATurn) {
  Watching watching;
  loop->again(watching);
  loop->again(watching);
  EXPECT_EQ(loop->deadline(), Instant::from_nanoseconds(0));
  loop.turn();  // does not wait
  EXPECT_EQ(watching.count, 1);
  EXPECT_TRUE(watching.last.read && !watching.last.write);
  EXPECT_FALSE(loop.poll());
  loop->again(watching);
  loop->remove(-1, watching);  // takes it off that list, too
  EXPECT_FALSE(loop.poll());
  EXPECT_EQ(watching.count, 1);
}

TEST_P(Reactors, TellOfBothReasonsAtOnce) {
  Pair pair;
  Watching watching;
  ASSERT_TRUE(loop->add(pair.ends[0], kBoth, watching).ok());
  loop->again(watching);
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(watching.count, 1);
  EXPECT_TRUE(watching.last.read && watching.last.write);
  loop->remove(pair.ends[0], watching);
}

TEST_P(Reactors, LetOneOfTheAgainListTakeAnotherOff) {
  Watching watchings[3];
  watchings[0].then = [&] { loop->remove(-1, watchings[1]); };
  watchings[2].then = [&] { loop->again(watchings[2]); };
  for (Watching& watching : watchings) loop->again(watching);
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(watchings[0].count, 1);
  EXPECT_EQ(watchings[1].count, 0);
  EXPECT_EQ(watchings[2].count, 1);
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(watchings[2].count, 2);
  loop->remove(-1, watchings[2]);
}

// one that always has more reads its budget and asks to be called again; everybody else has every turn.
TEST_P(Reactors, StarveNobodyForABusyConnection) {
  constexpr int kTurns = 50;
  constexpr std::size_t kBudget = 64;
  Pair busy;
  Pair other;
  std::size_t flood = 0;
  Watching greedy;
  greedy.then = [&] {
    flood += busy.read(0, kBudget).size();
    loop->again(greedy);
  };
  Watching modest;
  modest.then = [&] {
    static_cast<void>(other.read(0));
    other.write(1, "x");
  };
  Alarm alarm;
  alarm.then = [&] { loop->arm(alarm, loop->now()); };
  int posts = 0;
  std::function<void()> poster = [&] {
    ++posts;
    ASSERT_TRUE(loop->post([&] { poster(); }).ok());
  };
  ASSERT_TRUE(loop->post([&] { poster(); }).ok());
  ASSERT_TRUE(loop->add(busy.ends[0], kRead, greedy).ok());
  ASSERT_TRUE(loop->add(other.ends[0], kRead, modest).ok());
  loop->arm(alarm, Reactor::clock());
  other.write(1, "x");
  const std::string block(kBudget, 'x');
  for (int turn = 0; turn < kTurns; ++turn) {
    for (int times = 0; times < 2; ++times) busy.write(1, block);
    EXPECT_TRUE(loop.poll());
  }
  EXPECT_EQ(greedy.count, kTurns);
  EXPECT_EQ(flood, kTurns * kBudget);
  EXPECT_EQ(modest.count, kTurns);
  EXPECT_EQ(alarm.count, kTurns);
  EXPECT_EQ(posts, kTurns);
  loop->remove(busy.ends[0], greedy);
  loop->remove(other.ends[0], modest);
  loop->disarm(alarm);
}

TEST_P(Reactors, EndATurnWithItsHooksInOrder) {
  std::vector<int> order;
  Ending hooks[3];
  Alarm alarm;
  for (int index = 0; index < 3; ++index) hooks[index].then = [&order, index] { order.push_back(index); };
  alarm.then = [&] {
    order.push_back(-1);
    loop->at_turn_end(hooks[1]);
    loop->at_turn_end(hooks[0]);
    loop->at_turn_end(hooks[1]);
    loop->at_turn_end(hooks[2]);
    loop->cancel(hooks[2]);
  };
  loop->arm(alarm, Reactor::clock());
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(order, (std::vector<int>{-1, 1, 0}));
  EXPECT_FALSE(loop.poll());
  loop->at_turn_end(hooks[2]);  // outside a turn: at the end of the next, which comes at once
  loop.turn();
  EXPECT_EQ(hooks[2].count, 1);
}

TEST_P(Reactors, EndATurnAlthoughAHookAsksForItselfForEver) {
  Ending hook;
  hook.then = [&] { loop->at_turn_end(hook); };
  loop->at_turn_end(hook);
  EXPECT_TRUE(loop.poll());
  const int rounds = hook.count;
  EXPECT_GE(rounds, 1);
  EXPECT_LE(rounds, 8);
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(hook.count, 2 * rounds);
  loop->cancel(hook);
  EXPECT_FALSE(loop.poll());
}

TEST_P(Reactors, HaveOneInstantForAWholeTurn) {
  std::vector<Instant> seen;
  Alarm alarms[2];
  for (Alarm& alarm : alarms) {
    alarm.then = [&] {
      EXPECT_TRUE(loop->in_turn());
      seen.push_back(loop->now());
    };
    loop->arm(alarm, Reactor::clock());
  }
  EXPECT_TRUE(loop.poll());
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(alarms[0].last, seen[0]);
  EXPECT_FALSE(loop->in_turn());
  EXPECT_TRUE(loop->now() >= seen[0]);
}

TEST_P(Reactors, RefuseToBeTurnedFromWithin) {
  Alarm alarm;
  alarm.then = [&] {
    EXPECT_FALSE(loop->poll());
    loop->run_once(Instant::never());
    loop->process();
  };
  loop->arm(alarm, Reactor::clock());
  EXPECT_TRUE(loop.poll());
  EXPECT_EQ(alarm.count, 1);
}

// --- What a turn costs

TEST_P(Reactors, AllocateNothingInATurn) {
  // The shim keeps what is watched in a map, which allocates when that changes.
  const bool over_shim = GetParam() == Backend::kqueue || GetParam() == Backend::older_kqueue;
  constexpr int kTurns = 1'000;
  Pair pairs[4];
  Watching watchings[4];
  Alarm alarm;
  Ending ending;
  alarm.then = [&] { loop->arm(alarm, loop->now()); };
  for (int index = 0; index < 4; ++index) {
    watchings[index].then = [&, index] {
      char byte = 0;
      ASSERT_EQ(::read(pairs[index].ends[0], &byte, 1), 1);
      ASSERT_EQ(::write(pairs[index].ends[1], &byte, 1), 1);
      loop->again(watchings[index]);
      loop->at_turn_end(ending);
      const Interest wanted = watchings[index].count % 2 == 0 || over_shim ? kRead : kBoth;
      ASSERT_TRUE(loop->modify(pairs[index].ends[0], wanted, watchings[index]).ok());
    };
    ASSERT_TRUE(loop->add(pairs[index].ends[0], kRead, watchings[index]).ok());
    pairs[index].write(1, "x");
  }
  loop->arm(alarm, Reactor::clock());
  // The host's loop is the test's and allocates; what is counted is the reactor's own part.
  std::uint64_t allocations = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    if (GetParam() == Backend::hosted) {
      for (const Pair& pair : pairs) loop->ready(pair.ends[0], kRead);
    }
    const std::uint64_t before = axonpush::test::allocation_count();
    loop->poll();
    if (turn > 1) allocations += axonpush::test::allocation_count() - before;
  }
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(alarm.count, kTurns);
  EXPECT_EQ(ending.count, kTurns);
  for (int index = 0; index < 4; ++index) {
    EXPECT_EQ(watchings[index].count, kTurns);
    loop->remove(pairs[index].ends[0], watchings[index]);
  }
  loop->disarm(alarm);
}

TEST_P(Reactors, OpenEveryDescriptorCloseOnExec) {
  for (int descriptor = 3; descriptor < 64; ++descriptor) {
    const int flags = ::fcntl(descriptor, F_GETFD);
    if (flags >= 0 && descriptor != STDERR_FILENO) {
      char target[256] = {};
      const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
      const ssize_t size = ::readlink(link.c_str(), target, sizeof target - 1);
      if (size < 0 || std::string_view(target).find("anon_inode") == std::string_view::npos) continue;
      EXPECT_NE(flags & FD_CLOEXEC, 0) << target;
    }
  }
}

TEST(Reactor, WithoutABackendIsAnErrorAndDoesNothing) {
  Reactor reactor(static_cast<Poller*>(nullptr));
  EXPECT_EQ(reactor.status().error().code(), Errc::no_memory);
  Watching watching;
  Alarm alarm;
  EXPECT_FALSE(reactor.add(0, kRead, watching).ok());
  EXPECT_FALSE(reactor.modify(0, kRead, watching).ok());
  reactor.remove(0, watching);
  reactor.again(watching);
  reactor.arm(alarm, Instant::from_nanoseconds(0));
  reactor.disarm(alarm);
  EXPECT_EQ(reactor.post([] {}).error().code(), Errc::closed);
  reactor.wake();
  reactor.stop();
  reactor.run();
  EXPECT_FALSE(reactor.poll());
  EXPECT_EQ(reactor.fd(), -1);
  EXPECT_EQ(reactor.deadline(), Instant::never());
}

}  // namespace
}  // namespace axonpush::net::test
