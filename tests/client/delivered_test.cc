// What was delivered before: the ring of the last 4,096 against a list that is searched from end to end.
#include "client/dedup.h"

#include <gtest/gtest.h>

#include <deque>

#include "sim/world.h"

namespace axonpush::test {
namespace {

EventKey key_of(std::uint64_t number) { return {.low = number * 0x9E3779B97F4A7C15ULL, .high = number}; }

// The same, slow and obvious.
class DeliveredList {
 public:
  void remember(std::uint64_t number, std::uint32_t epoch) {
    delivered_.push_back({number, epoch});
    if (delivered_.size() > limits::kReconnectDedupEntries) delivered_.pop_front();
  }
  [[nodiscard]] bool delivered_before(std::uint64_t number, std::uint32_t epoch) const {
    for (const Delivered& one : delivered_) {
      if (one.number == number && one.epoch != epoch) return true;
    }
    return false;
  }
  // The last two epochs in which it was delivered.
  [[nodiscard]] bool delivered_elsewhere(std::uint64_t number, std::uint32_t epoch, std::uint32_t beside) const {
    std::uint32_t last = 0;
    for (auto one = delivered_.rbegin(); one != delivered_.rend(); ++one) {
      if (one->number != number || one->epoch == last) continue;
      if (one->epoch != epoch && one->epoch != beside) return true;
      if (last != 0) return false;
      last = one->epoch;
    }
    return false;
  }

 private:
  struct Delivered {
    std::uint64_t number;
    std::uint32_t epoch;
  };
  std::deque<Delivered> delivered_;
};

TEST(DeliveredList, KnowsTheLastTwoConnectionsOfAnEvent) {
  DeliveredRing ring;
  for (const std::uint32_t epoch : {1U, 2U}) ASSERT_TRUE(ring.remember(key_of(7), epoch));
  EXPECT_FALSE(ring.delivered_elsewhere(key_of(7), 1, 2));
  EXPECT_FALSE(ring.delivered_elsewhere(key_of(7), 2, 1));
  EXPECT_TRUE(ring.delivered_elsewhere(key_of(7), 2, 3));
  EXPECT_TRUE(ring.delivered_elsewhere(key_of(7), 3, 4));
}

TEST(DeliveredList, AgreesWithAListOfTheLast4096) {  // CONTRACT 6, last paragraph
  for (std::uint64_t kinds : {1U, 3U, 100U, 5'000U}) {
    sim::Random random(kinds);
    DeliveredRing ring;
    DeliveredList list;
    std::uint32_t epoch = 1;
    for (int round = 0; round < 12'000; ++round) {
      if (random.below(3'000) == 0) ++epoch;
      const std::uint64_t number = random.below(kinds);
      ASSERT_EQ(ring.delivered_before(key_of(number), epoch), list.delivered_before(number, epoch))
          << "kinds " << kinds << " round " << round;
      for (const std::uint32_t beside : {epoch - 1, epoch, epoch + 1}) {
        ASSERT_EQ(ring.delivered_elsewhere(key_of(number), epoch, beside),
                  list.delivered_elsewhere(number, epoch, beside))
            << "kinds " << kinds << " round " << round;
      }
      ASSERT_TRUE(ring.remember(key_of(number), epoch));
      list.remember(number, epoch);
    }
  }
}

TEST(DeliveredList, ForgetsAnEarlierEpochAfter4096Deliveries) {
  DeliveredRing ring;
  ASSERT_TRUE(ring.remember(key_of(7), 1));
  // The same body again and again after a reconnect: a copy, until the one before it is out of sight.
  for (std::size_t copy = 1; copy < limits::kReconnectDedupEntries; ++copy) {
    ASSERT_TRUE(ring.remember(key_of(7), 2));
    EXPECT_TRUE(ring.delivered_before(key_of(7), 2)) << copy;
  }
  ASSERT_TRUE(ring.remember(key_of(7), 2));
  EXPECT_FALSE(ring.delivered_before(key_of(7), 2));
  EXPECT_TRUE(ring.delivered_before(key_of(7), 3));
}

}  // namespace
}  // namespace axonpush::test
