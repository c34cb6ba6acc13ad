// Lists and tables that take memory when they are needed.
#include "base/lazy_vec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/slots.h"
#include "support/allocations.h"

namespace axonpush {
namespace {

using axonpush::test::allocation_count;
using axonpush::test::FailAllocations;
using axonpush::test::WatchBlocks;

TEST(LazyVec, TakesMemoryWithTheFirstElementAndGivesItBackWithTheLast) {
  LazyVec<std::string, 3> list;
  const std::uint64_t before = allocation_count();
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.begin(), list.end());
  EXPECT_EQ(allocation_count(), before);
  for (const char* word : {"a", "b", "c"}) EXPECT_TRUE(list.push_back(word));
  EXPECT_EQ(allocation_count(), before + 1);
  EXPECT_TRUE(list.full());
  EXPECT_FALSE(list.reserve());
  EXPECT_FALSE(list.push_back("d"));
  list.erase(1);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0], "a");
  EXPECT_EQ(list[1], "c");
  list.clear();
  list.clear();
  EXPECT_TRUE(list.empty());
  EXPECT_TRUE(list.push_back("again"));
  EXPECT_EQ(allocation_count(), before + 2);
  list.erase(0);
  EXPECT_EQ(list.begin(), nullptr);
}

TEST(LazyVec, DropsWhatThereIsNoMemoryFor) {
  LazyVec<std::string, 3> list;
  {
    const FailAllocations fault(1, FailAllocations::Mode::once);
    EXPECT_FALSE(list.reserve());
    EXPECT_TRUE(fault.fired());
  }
  {
    const FailAllocations fault(1, FailAllocations::Mode::once);
    EXPECT_FALSE(list.push_back("lost"));
  }
  EXPECT_TRUE(list.empty());
  EXPECT_TRUE(list.reserve());
  const FailAllocations fault(1, FailAllocations::Mode::from_then_on);
  EXPECT_TRUE(list.push_back("kept"));  // that is what reserve() promised
}

TEST(Slots, KeepAddressesWhileTheTableGrows) {
  Slots<std::uint32_t, 2, 50> slots;
  EXPECT_LE(sizeof slots, 48U);
  std::vector<std::uint32_t*> addresses;
  for (std::uint32_t number = 0; number < 100; ++number) {
    const std::uint32_t index = slots.add();
    ASSERT_NE(index, kNoSlot);
    slots[index] = index;
    addresses.push_back(&slots[index]);
  }
  EXPECT_EQ(slots.add(), kNoSlot) << "over its limit";
  EXPECT_EQ(slots.size(), 100U);
  for (std::uint32_t index = 0; index < 100; ++index) {
    EXPECT_EQ(&slots[index], addresses[index]);
    EXPECT_EQ(slots[index], index);
  }
  slots.release(7);
  EXPECT_FALSE(slots.used(7));
  EXPECT_TRUE(slots.used(8));
  EXPECT_FALSE(slots.used(100));
  EXPECT_EQ(slots.next(7), 8U);
  EXPECT_EQ(slots.next(100), kNoSlot);
  EXPECT_EQ(slots.add(), 7U);
}

TEST(Slots, DestroyEveryElementOnce) {
  static int alive = 0;
  struct Element {
    Element() { ++alive; }
    ~Element() { --alive; }
    Element(const Element&) = delete;
    Element& operator=(const Element&) = delete;
  };
  {
    Slots<Element, 4, 3> slots;
    for (std::uint32_t count = 0; count < 5; ++count) ASSERT_NE(slots.add(), kNoSlot);
    slots.release(1);
    EXPECT_EQ(alive, 8) << "two chunks, free or not";
  }
  EXPECT_EQ(alive, 0);
}

TEST(Slots, TheTableOfChunksGrowsNoFurtherThanItsLimitAndGoesBackWhole) {
  const WatchBlocks watch(nullptr, nullptr);
  {
    Slots<std::uint8_t, 1, 5> slots;
    for (std::uint32_t count = 0; count < 5; ++count) ASSERT_NE(slots.add(), kNoSlot);
    EXPECT_EQ(watch.largest(), 5 * sizeof(void*)) << "four, and then not eight";
    EXPECT_EQ(watch.outstanding(), 5U + 1U) << "the smaller table went back";
  }
  EXPECT_EQ(watch.outstanding(), 0U);
}

TEST(Slots, StayWholeWhenThereIsNoMemoryToGrow) {
  Slots<std::uint32_t, 1, 64> slots;
  for (std::uint32_t index = 0; index < 4; ++index) slots[slots.add()] = index;
  for (std::uint64_t kth = 1; kth <= 2; ++kth) {  // the table, then the chunk
    const FailAllocations fault(kth, FailAllocations::Mode::once);
    EXPECT_EQ(slots.add(), kNoSlot) << kth;
    EXPECT_TRUE(fault.fired());
  }
  EXPECT_EQ(slots.add(), 4U);
  for (std::uint32_t index = 0; index < 4; ++index) EXPECT_EQ(slots[index], index);
}

}  // namespace
}  // namespace axonpush
