// Buffers, the pool they come from, and secrets, which are buffers that nobody may find again.
#include <axonpush/base/buffer.h>
#include <axonpush/base/secret.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "support/allocations.h"

namespace axonpush {
namespace {

using axonpush::test::FailAllocations;
using axonpush::test::library_allocation_count;
using axonpush::test::WatchBlocks;

void fill(Buffer& buffer, std::string_view text) {
  ASSERT_GE(buffer.room(), text.size());
  std::copy(text.begin(), text.end(), buffer.writable().begin());
  buffer.commit(text.size());
}

TEST(Buffer, GrowsAtBothEnds) {
  BufferPool pool;
  Buffer buffer = pool.take(100, 10);
  ASSERT_TRUE(buffer);
  EXPECT_EQ(buffer.headroom(), 10U);
  fill(buffer, "world");
  std::uint8_t* const front = buffer.prepend(6);
  std::copy_n("hello ", 6, front);
  EXPECT_EQ(text_of(buffer.readable()), "hello world");
  buffer.consume(6);
  buffer.truncate(3);
  EXPECT_EQ(text_of(std::as_const(buffer).readable()), "wor");
  buffer.compact();
  EXPECT_EQ(text_of(buffer.readable()), "wor");
  EXPECT_EQ(buffer.headroom(), 0U);
  buffer.compact();  // it lies at the front already
  EXPECT_EQ(text_of(buffer.readable()), "wor");
  buffer.consume(3);
  buffer.compact();  // nothing to move
  EXPECT_EQ(buffer.room(), buffer.capacity());
  buffer.clear(8);
  EXPECT_EQ(buffer.headroom(), 8U);
}

TEST(Buffer, MovesItsMemoryAlong) {
  BufferPool pool;
  Buffer first = pool.take(1);
  Buffer second = pool.take(5'000);
  fill(second, "second");
  first = std::move(second);
  EXPECT_FALSE(second);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(pool.kept_bytes(), 1'024U) << "what it held before went back";
  Buffer& itself = first;
  first = std::move(itself);
  EXPECT_EQ(text_of(first.readable()), "second");
  first.reset();
  first.reset();
  EXPECT_FALSE(first);
  EXPECT_EQ(pool.lent_bytes(), 0U);
  first.wipe();  // there is nothing
}

TEST(Buffer, IsOverwrittenToItsLastByte) {
  BufferPool pool;
  Buffer buffer = pool.take(1'024, 4);
  fill(buffer, std::string(1'020, 's'));
  std::copy_n("head", 4, buffer.prepend(4));
  buffer.wipe();
  const Bytes all = std::as_const(buffer).readable();
  EXPECT_TRUE(std::all_of(all.begin(), all.end(), [](std::uint8_t byte) { return byte == 0; }));
}

TEST(Buffer, IsOverwrittenAsFarAsItWasFilled) {
  BufferPool pool;
  Buffer buffer = pool.take(1'024, 4);
  fill(buffer, std::string(1'020, 's'));
  std::copy_n("head", 4, buffer.prepend(4));
  buffer.truncate(600);
  buffer.consume(500);
  buffer.wipe_filled();
  buffer.prepend(500);
  buffer.commit(424);
  const Bytes all = std::as_const(buffer).readable();
  EXPECT_TRUE(std::all_of(all.begin(), all.begin() + 600, [](std::uint8_t byte) { return byte == 0; }));
  EXPECT_TRUE(std::all_of(all.begin() + 600, all.end(), [](std::uint8_t byte) { return byte == 's'; }));
  buffer.reset();
  buffer.wipe_filled();  // there is nothing
}

TEST(BufferPool, GivesTheSmallestClassThatFits) {
  BufferPool pool;
  std::size_t below = 0;
  for (const std::size_t size : BufferPool::kClassBytes) {
    EXPECT_EQ(pool.take(below + 1).capacity(), size);
    EXPECT_EQ(pool.take(size).capacity(), size);
    below = size;
  }
  EXPECT_EQ(pool.take(below + 1).capacity(), below + 1) << "over the largest class: as it is";
  EXPECT_EQ(pool.take(0, 2'000).capacity(), 4'096U) << "headroom counts into the size";
}

TEST(BufferPool, LendsAgainWhatCameBackUpToItsLimit) {
  const WatchBlocks watch(nullptr, nullptr);
  BufferPool pool(3'000);
  {
    const Buffer first = pool.take(1'000);
    const Buffer second = pool.take(1'000);
    const Buffer third = pool.take(1'000);
    const Buffer large = pool.take(300'000);
    EXPECT_EQ(pool.lent_bytes(), 3 * 1'024U + 300'000U);
  }
  EXPECT_EQ(pool.lent_bytes(), 0U);
  EXPECT_EQ(pool.kept_bytes(), 2 * 1'024U) << "the third is over the limit, the large one is of no class";
  EXPECT_EQ(watch.outstanding(), 2U) << "what is not kept went back to the heap";
  const std::uint64_t before = library_allocation_count();
  {
    const Buffer first = pool.take(1'000);
    const Buffer second = pool.take(1'000);
    EXPECT_EQ(library_allocation_count(), before);
    const Buffer third = pool.take(1'000);
    EXPECT_EQ(library_allocation_count(), before + 1);
  }
  pool.trim();
  EXPECT_EQ(pool.kept_bytes(), 0U);
  EXPECT_EQ(watch.outstanding(), 0U);
}

TEST(BufferPool, GivesAnEmptyBufferWhereThereIsNoMemory) {
  BufferPool pool;
  const FailAllocations fault(1, FailAllocations::Mode::from_then_on);
  EXPECT_FALSE(pool.take(1));
  EXPECT_TRUE(fault.fired());
  EXPECT_EQ(pool.lent_bytes(), 0U);
}

TEST(BufferPool, RefusesASizeThatItsSlackWouldWrapRound) {
  BufferPool pool;
  EXPECT_FALSE(pool.take(SIZE_MAX));
  EXPECT_FALSE(pool.take(SIZE_MAX - kReadSlackBytes + 1));
  EXPECT_EQ(pool.lent_bytes(), 0U);
}

// --- Secrets
// ------------------------------------------------------------------------------------------------------------

TEST(SecretString, ComparesWithoutTellingWhereTheyDiffer) {
  SecretString secret;
  ASSERT_TRUE(secret.assign("open sesame"));
  EXPECT_TRUE(secret.equals("open sesame"));
  EXPECT_FALSE(secret.equals("open sesamE"));
  EXPECT_FALSE(secret.equals("Open sesame"));
  EXPECT_FALSE(secret.equals("open"));
  EXPECT_FALSE(secret.equals(""));
  EXPECT_TRUE(SecretString().equals(""));
}

TEST(SecretString, LeavesNothingInTheMemoryThatItGivesBack) {
  struct Seen {
    int blocks = 0;
    bool clean = true;
  } seen;
  const WatchBlocks watch(
      [](void* context, const void* memory, std::size_t size) {
        auto& of = *static_cast<Seen*>(context);
        const auto* const bytes = static_cast<const std::uint8_t*>(memory);
        ++of.blocks;
        of.clean = of.clean && std::all_of(bytes, bytes + size, [](std::uint8_t byte) { return byte == 0; });
      },
      &seen);
  {
    SecretString secret;
    ASSERT_TRUE(secret.assign("first"));
    ASSERT_TRUE(secret.assign("second"));
    SecretString other;
    ASSERT_TRUE(other.assign("third"));
    other = std::move(secret);
    EXPECT_EQ(other.reveal(), "second");
    SecretString& itself = other;
    other = std::move(itself);
    EXPECT_EQ(other.reveal(), "second");
    ASSERT_TRUE(other.assign(""));
    EXPECT_TRUE(other.empty());
  }
  EXPECT_EQ(seen.blocks, 3);
  EXPECT_TRUE(seen.clean);
  EXPECT_EQ(watch.outstanding(), 0U);
  wipe({});
}

TEST(SecretString, IsEmptyWhereThereIsNoMemory) {
  SecretString secret;
  ASSERT_TRUE(secret.assign("old"));
  const FailAllocations fault(1, FailAllocations::Mode::once);
  EXPECT_FALSE(secret.assign("new"));
  EXPECT_TRUE(secret.empty());
}

}  // namespace
}  // namespace axonpush
