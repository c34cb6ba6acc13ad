// Counts allocations of the whole program and can make the k-th one fail: the standard's replaceable operator new is
// the seam, so the library needs no hook.
#pragma once

#include <cstddef>
#include <cstdint>

namespace axonpush::test {

// Allocations made so far by this thread through operator new, all forms.
[[nodiscard]] std::uint64_t allocation_count();
// Those of the nothrow form: the library's own, among all that a test and its model servers allocate.
[[nodiscard]] std::uint64_t library_allocation_count();

// While one lives, the nothrow operator new of this thread answers nullptr: for the k-th call (1 is the next), or from
// the k-th on.
class FailAllocations {
 public:
  enum class Mode {
    once,
    from_then_on
  };
  // With `again_after`, once happens twice: the second time that many allocations later.
  FailAllocations(std::uint64_t kth, Mode mode, std::uint64_t again_after = 0);
  ~FailAllocations();
  FailAllocations(const FailAllocations&) = delete;
  FailAllocations& operator=(const FailAllocations&) = delete;
  // True when at least one allocation was refused.
  [[nodiscard]] bool fired() const;
};

// While one lives, every block that the library gives back on this thread is shown before it goes (what base/alloc
// takes and returns goes through the nothrow forms, which nobody else uses), and the largest that it took is known.
// Where blocks are shown they are filled when they are taken: what stands in one then, the library has written.
class WatchBlocks {
 public:
  using Show = void (*)(void* context, const void* memory, std::size_t size);
  WatchBlocks(Show show, void* context);
  ~WatchBlocks();
  WatchBlocks(const WatchBlocks&) = delete;
  WatchBlocks& operator=(const WatchBlocks&) = delete;
  [[nodiscard]] std::size_t largest() const;
  // Taken under this watch and not given back.
  [[nodiscard]] std::size_t outstanding() const;
};

// While one lives, what a fuzz target and its virtual world take with plain new on this thread lies one behind the
// other in a piece of memory that begins anew with the next one: the sanitizer's heap costs more than most executions.
// The library's own blocks stay on that heap. Under ASan nothing gets weaker: between blocks lie poisoned bytes, a
// block that was given back stays poisoned to the end of the execution, and one that was not given back by then ends
// the program.
class Arena {
 public:
  Arena();
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
};

}  // namespace axonpush::test
