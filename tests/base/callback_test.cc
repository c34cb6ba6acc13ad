// Callbacks, and the list that is kept in place.
#include <axonpush/base/callback.h>
#include <axonpush/base/inline_vec.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

#include "support/allocations.h"

namespace axonpush {
namespace {

using axonpush::test::FailAllocations;
using axonpush::test::library_allocation_count;

using Told = Callback<void(int)>;

std::string failure_of(Told& callback) {
  CallFailure failure;
  return callback(failure, 0) == CallOutcome::threw ? "threw " + std::string(failure.view()) : "returned";
}

TEST(Callback, CallsWhatItHoldsInPlaceOrOnTheHeap) {
  const auto token = std::make_shared<int>(0);
  int sum = 0;
  const std::array<char, Told::kInlineBytes> bulk = {};
  const std::uint64_t before = library_allocation_count();
  Told small([token, &sum](int number) { sum += number; });
  EXPECT_EQ(library_allocation_count(), before);
  Told large([token, &sum, bulk](int number) { sum += 10 * number + bulk[0]; });
  EXPECT_EQ(library_allocation_count(), before + 1);
  EXPECT_EQ(token.use_count(), 3);
  CallFailure failure;
  EXPECT_EQ(small(failure, 1), CallOutcome::returned);
  EXPECT_EQ(large(failure, 2), CallOutcome::returned);
  EXPECT_EQ(sum, 21);
  // Moved, both live on in the new place and nowhere else.
  Told moved_small(std::move(small));
  Told moved_large(std::move(large));
  EXPECT_EQ(token.use_count(), 3);
  EXPECT_FALSE(small);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(moved_small(failure, 1), CallOutcome::returned);
  EXPECT_EQ(moved_large(failure, 1), CallOutcome::returned);
  EXPECT_EQ(sum, 32);
  Told& itself = moved_small;
  moved_small = std::move(itself);
  EXPECT_TRUE(moved_small);
  moved_small = std::move(moved_large);
  EXPECT_EQ(token.use_count(), 2) << "what it held before is gone";
  moved_small.reset();
  moved_small.reset();
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Callback, IsEmptyOfNothing) {
  Told none;
  Told null(nullptr);
  Told pointer(static_cast<void (*)(int)>(nullptr));
  for (Told* callback : {&none, &null, &pointer}) {
    EXPECT_FALSE(*callback);
    EXPECT_EQ(failure_of(*callback), "returned");
    Told moved(std::move(*callback));
    EXPECT_FALSE(moved);
  }
  Told function(+[](int) {});
  EXPECT_TRUE(function);
}

TEST(Callback, IsEmptyWhereThereIsNoMemoryForIt) {
  const auto token = std::make_shared<int>(0);
  const std::array<char, Told::kInlineBytes> bulk = {};
  const FailAllocations fault(1, FailAllocations::Mode::once);
  const Told large([token, bulk](int number) { static_cast<void>(bulk[static_cast<std::size_t>(number)]); });
  EXPECT_TRUE(fault.fired());
  EXPECT_FALSE(large);
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Callback, LetsNothingThrough) {
  Told standard([](int) { throw std::runtime_error("on purpose"); });
  Told other([](int) { throw 3; });
  Told silent([](int) { throw std::runtime_error(""); });
  Told endless([](int) { throw std::runtime_error(std::string(2 * CallFailure::kTextBytes, 'x')); });
  EXPECT_EQ(failure_of(standard), "threw on purpose");
  EXPECT_EQ(failure_of(other), "threw unknown exception");
  EXPECT_EQ(failure_of(silent), "threw ");
  EXPECT_EQ(failure_of(endless), "threw " + std::string(CallFailure::kTextBytes, 'x'));
  // One that calls another hands its outcome on.
  Told outer([&standard](CallFailure& failure, int number) { return standard(failure, number); });
  EXPECT_EQ(failure_of(outer), "threw on purpose");
}

TEST(InlineVec, KeepsTheOrderOfWhatIsLeft) {
  InlineVec<std::string, 4> list;
  for (const char* word : {"a", "b", "c", "d"}) EXPECT_TRUE(list.push_back(word));
  EXPECT_TRUE(list.full());
  EXPECT_FALSE(list.push_back("e"));
  list.erase(1);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0] + list[1] + list[2], "acd");
  list.erase(2);
  EXPECT_EQ(list[0] + list[1], "ac");
  const InlineVec<std::string, 4> copy = list;
  InlineVec<std::string, 4> moved = std::move(list);
  EXPECT_TRUE(list.empty());  // NOLINT(bugprone-use-after-move)
  moved = copy;
  EXPECT_EQ(moved[0] + moved[1], "ac");
  moved.clear();
  EXPECT_EQ(moved.begin(), moved.end());
}

}  // namespace
}  // namespace axonpush
