// The memories that keep an event from arriving twice: across the two connections of a swap, and after a reconnect.
#include "client/dedup.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <utility>

#include "client/scenario.h"
#include "support/allocations.h"

namespace axonpush::test {
namespace {

using Side = SwapDedup::Side;
using Verdict = SwapDedup::Verdict;

EventKey key_of(std::uint64_t number) {
  return {.low = sim::Random(number).next(), .high = sim::Random(number ^ 0xABCDEF).next()};
}

struct Swap {
  SwapDedup dedup;
  std::uint64_t overflow = 0;
  Swap() { EXPECT_TRUE(dedup.begin()); }
  Verdict see(Side side, std::uint64_t number) { return dedup.see(side, key_of(number), overflow); }
  Verdict meet(Side side, std::uint64_t number) { return dedup.meet(side, key_of(number)); }
};

TEST(SwapDedup, MatchesCopiesOneToOneBetweenTheConnections) {  // R-39, R-40
  Swap swap;
  EXPECT_EQ(swap.see(Side::first, 1), Verdict::deliver);
  EXPECT_EQ(swap.see(Side::first, 1), Verdict::deliver) << "a broker's duplicate on one connection is not swallowed";
  EXPECT_EQ(swap.see(Side::second, 1), Verdict::drop);
  EXPECT_EQ(swap.see(Side::second, 1), Verdict::drop);
  EXPECT_EQ(swap.see(Side::second, 1), Verdict::deliver) << "a third copy has no partner";
  EXPECT_EQ(swap.see(Side::first, 1), Verdict::drop) << "and finds one when it comes";
  EXPECT_EQ(swap.dedup.size(), 0U) << "what has met its partner is forgotten";
}

TEST(SwapDedup, HoldsItsLimitAndThenForgetsTheOldestOnly) {  // FAULTS 3.4: 65,536; CONTRACT 6.4
  constexpr std::uint64_t kLimit = limits::kSwapDedupEntries;
  Swap swap;
  for (std::uint64_t n = 0; n < kLimit; ++n) ASSERT_EQ(swap.see(Side::first, n), Verdict::deliver) << n;
  EXPECT_EQ(swap.dedup.size(), kLimit);
  EXPECT_EQ(swap.overflow, 0U) << "at the limit nothing is lost";
  // One more: number 0 goes.
  EXPECT_EQ(swap.see(Side::first, kLimit), Verdict::deliver);
  EXPECT_EQ(swap.overflow, 1U);
  EXPECT_EQ(swap.dedup.size(), kLimit);
  EXPECT_EQ(swap.see(Side::second, 1), Verdict::drop) << "the second oldest is still there";
  EXPECT_EQ(swap.see(Side::second, kLimit), Verdict::drop);
  EXPECT_EQ(swap.see(Side::second, 0), Verdict::maybe_duplicate) << "its partner was delivered and forgotten";
  EXPECT_EQ(swap.see(Side::first, kLimit + 1), Verdict::maybe_duplicate) << "later copies are marked";
  // The next swap begins with a clean memory.
  EXPECT_TRUE(swap.dedup.begin());
  EXPECT_EQ(swap.see(Side::first, 5), Verdict::deliver);
}

// A swap that begins within the 5 s for which the one before it is remembered.
TEST(SwapDedup, WhatIsCarriedOverMeetsItsPartnerUntilItIsForgotten) {  // CONTRACT 6.4
  Swap swap;
  EXPECT_EQ(swap.see(Side::first, 1), Verdict::deliver);
  EXPECT_EQ(swap.see(Side::first, 2), Verdict::deliver);
  EXPECT_EQ(swap.see(Side::first, 3), Verdict::deliver);
  swap.dedup.carry_over(Side::second);
  EXPECT_EQ(swap.see(Side::first, 100), Verdict::deliver);
  EXPECT_EQ(swap.see(Side::second, 3), Verdict::drop) << "the newest of the old ones, whose place another takes";
  EXPECT_EQ(swap.see(Side::second, 1), Verdict::drop);
  // The table grows, and the boundary with it.
  for (std::uint64_t n = 0; n < 2'000; ++n) ASSERT_EQ(swap.see(Side::first, 1'000 + n), Verdict::deliver);
  swap.dedup.forget_carried();
  EXPECT_EQ(swap.dedup.size(), 2'001U) << "number 2 is gone, and nothing else";
  EXPECT_EQ(swap.see(Side::second, 2), Verdict::deliver);
  EXPECT_EQ(swap.see(Side::second, 100), Verdict::drop);
  swap.dedup.forget_carried();
  EXPECT_EQ(swap.dedup.size(), 2'001U) << "what was forgotten is forgotten once";
  EXPECT_EQ(swap.overflow, 0U);
}

// Nobody is left to bring a copy of it: a later one that is equal is another event.
TEST(SwapDedup, WhatTheSurvivorAloneDeliveredIsNotCarriedOver) {  // R-40
  Swap swap;
  EXPECT_EQ(swap.see(Side::first, 1), Verdict::deliver);
  EXPECT_EQ(swap.see(Side::second, 2), Verdict::deliver);
  EXPECT_EQ(swap.see(Side::second, 3), Verdict::deliver);
  EXPECT_EQ(swap.see(Side::first, 4), Verdict::deliver);
  swap.dedup.carry_over(Side::second);
  EXPECT_EQ(swap.dedup.size(), 2U);
  EXPECT_EQ(swap.see(Side::first, 2), Verdict::deliver);
  EXPECT_EQ(swap.see(Side::first, 3), Verdict::deliver);
  EXPECT_EQ(swap.see(Side::second, 4), Verdict::drop);
  swap.dedup.forget_carried();
  EXPECT_EQ(swap.see(Side::second, 1), Verdict::deliver) << "its time was over";
}

TEST(SwapDedup, WhoOnlyMeetsIsNotRemembered) {  // R-39, R-40
  Swap swap;
  EXPECT_EQ(swap.meet(Side::second, 1), Verdict::deliver);
  EXPECT_EQ(swap.see(Side::first, 1), Verdict::deliver) << "nothing waits for it";
  EXPECT_EQ(swap.see(Side::first, 1), Verdict::deliver);
  EXPECT_EQ(swap.meet(Side::first, 1), Verdict::deliver) << "what one connection delivers twice is two";
  EXPECT_EQ(swap.meet(Side::second, 1), Verdict::drop);
  EXPECT_EQ(swap.meet(Side::second, 1), Verdict::drop);
  EXPECT_EQ(swap.meet(Side::second, 1), Verdict::deliver);
  EXPECT_EQ(swap.dedup.size(), 0U);
}

TEST(SwapDedup, IsBoundedInMemory) {  // I-32
  Swap swap;
  for (std::uint64_t n = 0; n < limits::kSwapDedupEntries + 1; ++n) static_cast<void>(swap.see(Side::first, n));
  const std::uint64_t before = allocation_count();
  for (std::uint64_t n = 0; n < 200'000; ++n) static_cast<void>(swap.see(Side::first, 1'000'000 + n));
  EXPECT_EQ(allocation_count(), before) << "a full memory grows no more";
  EXPECT_EQ(swap.dedup.size(), limits::kSwapDedupEntries);
  EXPECT_EQ(swap.overflow, 200'001U);
}

TEST(SwapDedup, WithoutMemoryEveryCopyIsMarked) {  // R-54
  SwapDedup dedup;
  std::uint64_t overflow = 0;
  {
    FailAllocations fail(1, FailAllocations::Mode::from_then_on);
    EXPECT_FALSE(dedup.begin());
  }
  EXPECT_EQ(dedup.see(Side::first, key_of(1), overflow), Verdict::maybe_duplicate);
  EXPECT_EQ(dedup.see(Side::second, key_of(1), overflow), Verdict::maybe_duplicate);
}

// The slow reference: a list in the order of age.
struct SlowDedup {
  std::deque<std::pair<std::uint64_t, int>> entries;
  std::uint64_t overflow = 0;
  bool lossy = false;

  Verdict see(Side side, std::uint64_t number) {
    const int own = side == Side::first ? 1 : -1;
    const Verdict alone = lossy ? Verdict::maybe_duplicate : Verdict::deliver;
    for (std::size_t at = 0; at < entries.size(); ++at) {
      if (entries[at].first != number) continue;
      const bool partner = entries[at].second * own < 0;
      entries[at].second += own;
      if (entries[at].second == 0) entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(at));
      return partner ? Verdict::drop : alone;
    }
    if (entries.size() == limits::kSwapDedupEntries) {
      entries.pop_front();
      ++overflow;
      lossy = true;
    }
    entries.emplace_back(number, own);
    return alone;
  }
  Verdict meet(Side side, std::uint64_t number) {
    for (const auto& [key, balance] : entries) {
      if (key == number && balance * (side == Side::first ? 1 : -1) < 0) return see(side, number);
    }
    return lossy ? Verdict::maybe_duplicate : Verdict::deliver;
  }
  void carry_over(Side survivor) {
    std::erase_if(entries, [&](const auto& entry) { return entry.second * (survivor == Side::first ? 1 : -1) > 0; });
  }
};

TEST(SwapDedup, AgreesWithTheSlowReference) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    sim::Random random(seed);
    Swap swap;
    SlowDedup slow;
    const std::uint64_t numbers = 1 + random.below(300);
    for (int step = 0; step < 4'000; ++step) {
      const Side side = random.chance(0.5) ? Side::first : Side::second;
      const std::uint64_t number = random.below(numbers);
      if (random.chance(0.3)) {
        ASSERT_EQ(swap.meet(side, number), slow.meet(side, number)) << "seed " << seed << ", step " << step;
      } else {
        ASSERT_EQ(swap.see(side, number), slow.see(side, number)) << "seed " << seed << ", step " << step;
      }
      if (random.chance(0.001)) {
        swap.dedup.carry_over(side);
        slow.carry_over(side);
      }
      ASSERT_EQ(swap.dedup.size(), slow.entries.size());
    }
  }
  // And across the limit.
  sim::Random random(99);
  Swap swap;
  SlowDedup slow;
  for (std::uint64_t n = 0; n < limits::kSwapDedupEntries - 20; ++n) {
    static_cast<void>(swap.see(Side::first, n));
    slow.entries.emplace_back(n, 1);
  }
  for (int step = 0; step < 200; ++step) {
    const Side side = random.chance(0.7) ? Side::first : Side::second;
    const std::uint64_t number = random.below(2) == 0 ? random.below(60) : 100'000 + random.below(100);
    ASSERT_EQ(swap.see(side, number), slow.see(side, number)) << step;
  }
  EXPECT_EQ(swap.overflow, slow.overflow);
  EXPECT_GT(slow.overflow, 0U);
}

TEST(DeliveredRing, RemembersTheLast4096OfEarlierConnections) {  // CONTRACT 6, last paragraph
  constexpr std::uint64_t kLimit = limits::kReconnectDedupEntries;
  DeliveredRing ring;
  EXPECT_FALSE(ring.delivered_before(key_of(0), 1));
  for (std::uint64_t n = 0; n < kLimit; ++n) ASSERT_TRUE(ring.remember(key_of(n), 1));
  EXPECT_FALSE(ring.delivered_before(key_of(0), 1)) << "on the same connection it is another event";
  for (std::uint64_t n = 0; n < kLimit; ++n) ASSERT_TRUE(ring.delivered_before(key_of(n), 2)) << n;
  ASSERT_TRUE(ring.remember(key_of(kLimit), 2));
  EXPECT_FALSE(ring.delivered_before(key_of(0), 2)) << "the oldest has gone";
  EXPECT_TRUE(ring.delivered_before(key_of(1), 2));
  const std::uint64_t before = allocation_count();
  for (std::uint64_t n = 0; n < 3 * kLimit; ++n) ASSERT_TRUE(ring.remember(key_of(50'000 + n), 3));
  EXPECT_EQ(allocation_count(), before);
  EXPECT_FALSE(ring.delivered_before(key_of(kLimit), 4));
  EXPECT_TRUE(ring.delivered_before(key_of(50'000 + 3 * kLimit - 1), 4));
  ring.clear();
  EXPECT_FALSE(ring.delivered_before(key_of(50'000 + 3 * kLimit - 1), 4));
}

// CONTRACT 6, last paragraph; I-06. Who reads an event when it comes first and who reads it when it comes again may
// differ: a reader was taken off, another one added. It is found all the same, by its id or by its bytes.
TEST(ClientDedup, ARepetitionIsFoundWhoeverReadsIt) {
  enum class Reader : std::uint8_t {
    json,
    raw,
    both
  };
  for (const Reader first : {Reader::json, Reader::raw, Reader::both}) {
    for (const Reader second : {Reader::json, Reader::raw, Reader::both}) {
      for (const bool dup : {false, true}) {
        SCOPED_TRACE(testing::Message() << int(first) << " then " << int(second) << ", DUP " << dup);
        Scenario scene;
        scene.api.lifetime = hours(1);
        ASSERT_TRUE(scene.connect());
        int calls = 0;
        int marked = 0;
        std::vector<Subscription> readers;
        const auto read = [&](Reader reader) {
          const auto count = [&](const Event& event) {
            ++calls;
            marked += event.maybe_duplicate();
          };
          if (reader != Reader::raw) readers.push_back(*scene.rt.subscribe({.channel_id = "a"}, count));
          if (reader != Reader::json) readers.push_back(*scene.rt.subscribe_raw({.channel_id = "a"}, count));
        };
        const auto send = [&](std::string_view body, bool again) {
          const std::string topic = scene.topic("a");
          std::string packet(1, '\0');
          packet += static_cast<char>(topic.size()) + topic + std::string("\0\1\0", 3) + std::string(body);
          scene.broker.newest()->send_packet(std::string(1, again ? '\x3A' : '\x32') +
                                             static_cast<char>(packet.size()) + packet);
          scene.world.run_for(milliseconds(10));
        };
        read(first);
        scene.world.run_for(seconds(1));
        send(R"({"id":"e1","identifier":"i","payload":{}})", false);
        EXPECT_EQ(calls, first == Reader::both ? 2 : 1);
        scene.broker.newest()->cut(sim::Connection::Cut::reset);
        const std::vector<Subscription> old = std::exchange(readers, {});
        read(second);
        for (const Subscription& each : old) ASSERT_TRUE(scene.rt.unsubscribe(each).ok());
        ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }));
        scene.world.run_for(milliseconds(10));
        calls = 0;
        send(R"({"id":"e1","identifier":"i","payload":{}})", dup);
        // Where nobody has ever read a body its id is unknown: delivered, and marked.
        const bool never_read = first == Reader::raw && second == Reader::raw;
        EXPECT_EQ(calls, never_read ? 1 : 0);
        EXPECT_EQ(marked, never_read ? 1 : 0);
        EXPECT_EQ(scene.rt.stats().duplicates_dropped, never_read ? 0U : 1U);
        // Another event is another event.
        send(R"({"id":"e2","identifier":"i","payload":{}})", false);
        EXPECT_EQ(calls, (never_read ? 1 : 0) + (second == Reader::both ? 2 : 1));
        EXPECT_EQ(marked, never_read ? 1 : 0);
      }
    }
  }
}

// A swap with more one-sided events than the memory holds: counted and marked, nothing lost.
TEST(ClientDedup, AnOverflowIsCountedAndLaterCopiesAreMarked) {  // CONTRACT 6.4
  Scenario scene;
  scene.api.lifetime = seconds(100);
  RealtimeOptions options = scene.realtime_options();
  options.swap_grace = seconds(30);
  ASSERT_TRUE(scene.connect(std::move(options)));
  std::uint64_t delivered = 0;
  std::uint64_t marked = 0;
  ASSERT_TRUE(scene.rt
                  .subscribe_raw({.channel_id = "a"},
                                 [&](const Event& event) {
                                   ++delivered;
                                   marked += event.maybe_duplicate();
                                 })
                  .ok());
  scene.world.run_for(seconds(1));
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.live().size() == 2; }));
  scene.world.run_for(milliseconds(100));
  // The new connection brings nothing: it is stuck in the network until its deliveries are looked at.
  scene.broker.newest()->link().latency = hours(1);
  constexpr std::uint64_t kEvents = limits::kSwapDedupEntries + 1'000;
  const std::string topic = scene.topic("a");
  for (std::uint64_t n = 0; n < kEvents; ++n) {
    scene.broker.publish(topic, std::to_string(n), 0);
    if (n % 1'000 == 999) scene.world.run_for(milliseconds(100));
  }
  scene.world.run_for(seconds(1));
  EXPECT_EQ(delivered, kEvents);
  EXPECT_EQ(scene.rt.stats().dedup_overflow, 1'000U);
  EXPECT_EQ(marked, 999U) << "all after the first that was forgotten";
}

}  // namespace
}  // namespace axonpush::test
