#include "support/allocations.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <unordered_map>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define AXONPUSH_TEST_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AXONPUSH_TEST_ASAN
#endif
#endif
#ifdef AXONPUSH_TEST_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace {

thread_local std::uint64_t count = 0;
thread_local std::uint64_t nothrow_count = 0;
thread_local std::uint64_t nothrow_left = 0;  // 0: nothing is refused
thread_local std::uint64_t nothrow_next = 0;  // nothrow_left after the first refusal
thread_local bool refuse_rest = false;
thread_local bool refusing = false;
thread_local bool refused = false;

struct Watch {
  axonpush::test::WatchBlocks::Show show = nullptr;
  void* context = nullptr;
  std::size_t largest = 0;
  std::unordered_map<const void*, std::size_t> blocks;
};
thread_local Watch* watch = nullptr;

void* watched(void* memory, std::size_t size) {
  if (watch == nullptr || memory == nullptr) return memory;
  if (size > watch->largest) watch->largest = size;
  watch->blocks[memory] = size;
  if (watch->show != nullptr) std::memset(memory, 0xA5, size);
  return memory;
}

// The arena's memory, made once: blocks with 16 poisoned bytes and more between them, in which stand the place and the
// size of the next one.
constexpr std::size_t kArenaBytes = std::size_t{16} * 1024 * 1024;
struct ArenaNote {
  const char* block;
  std::size_t size;
};
constexpr std::size_t kArenaGap = 16;
static_assert(sizeof(ArenaNote) <= kArenaGap && alignof(std::max_align_t) <= kArenaGap);
char* arena_begin = nullptr;
char* arena_end = nullptr;
thread_local char* arena_next = nullptr;  // nullptr: none lives
thread_local std::size_t arena_blocks = 0;

void poison([[maybe_unused]] char* memory, [[maybe_unused]] std::size_t size) {
#ifdef AXONPUSH_TEST_ASAN
  __asan_poison_memory_region(memory, size);
#endif
}

// What stands there is poisoned for everyone else.
__attribute__((no_sanitize("address"))) void* from_arena(std::size_t size) {
  if (arena_next == nullptr || size > kArenaBytes ||
      static_cast<std::size_t>(arena_end - arena_next) < size + 2 * kArenaGap) {
    return nullptr;
  }
  char* const block = arena_next + kArenaGap;
  *reinterpret_cast<ArenaNote*>(arena_next) = {block, size};
  arena_next = block + (size + kArenaGap - 1) / kArenaGap * kArenaGap;
  ++arena_blocks;
#ifdef AXONPUSH_TEST_ASAN
  __asan_unpoison_memory_region(block, size);
#endif
  return block;
}

__attribute__((no_sanitize("address"))) bool back_to_arena(void* memory) {
  char* const block = static_cast<char*>(memory);
  if (block < arena_begin || block >= arena_end) return false;
  auto* const note = reinterpret_cast<ArenaNote*>(block - kArenaGap);
  if (note->block != block) {
    std::fputs("given back twice, or never taken\n", stderr);
    std::abort();
  }
  note->block = nullptr;
  poison(block, note->size);
  --arena_blocks;
  return true;
}

}  // namespace

// Not inlined: the compiler would see malloc and free on one side and new and delete on the other, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++count;
  if (size == 0) size = 1;
  if (void* memory = from_arena(size)) return memory;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++count;
  ++nothrow_count;
  if (refusing) {
    refused = true;
    return nullptr;
  }
  if (nothrow_left != 0 && --nothrow_left == 0) {
    refused = true;
    refusing = refuse_rest;
    nothrow_left = std::exchange(nothrow_next, 0);
    return nullptr;
  }
  return watched(std::malloc(size == 0 ? 1 : size), size);
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept { return ::operator new(size, tag); }
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  if (!back_to_arena(memory)) std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  if (!back_to_arena(memory)) std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  if (watch != nullptr) {
    const auto found = watch->blocks.find(memory);
    if (found != watch->blocks.end()) {
      if (watch->show != nullptr) watch->show(watch->context, memory, found->second);
      watch->blocks.erase(found);
    }
  }
  std::free(memory);
}
void operator delete[](void* memory) noexcept { ::operator delete(memory); }
void operator delete[](void* memory, std::size_t) noexcept { ::operator delete(memory); }

namespace axonpush::test {

std::uint64_t allocation_count() { return count; }
std::uint64_t library_allocation_count() { return nothrow_count; }

FailAllocations::FailAllocations(std::uint64_t kth, Mode mode, std::uint64_t again_after) {
  nothrow_left = kth;
  nothrow_next = again_after;
  refuse_rest = mode == Mode::from_then_on;
  refused = false;
}
FailAllocations::~FailAllocations() {
  nothrow_left = nothrow_next = 0;
  refusing = false;
}
bool FailAllocations::fired() const { return refused; }

WatchBlocks::WatchBlocks(Show show, void* context) {
  watch = new Watch;
  watch->show = show;
  watch->context = context;
}
WatchBlocks::~WatchBlocks() {
  Watch* const ended = watch;
  watch = nullptr;
  delete ended;
}
std::size_t WatchBlocks::largest() const { return watch->largest; }
std::size_t WatchBlocks::outstanding() const { return watch->blocks.size(); }

Arena::Arena() {
  if (arena_begin == nullptr) {
    arena_begin = static_cast<char*>(std::aligned_alloc(4096, kArenaBytes));
    if (arena_begin == nullptr) std::abort();
    arena_end = arena_begin + kArenaBytes;
    poison(arena_begin, kArenaBytes);
  }
  arena_next = arena_begin;
}
Arena::~Arena() {
  arena_next = nullptr;
  if (arena_blocks == 0) return;
  std::fprintf(stderr, "the fuzz target or its world left %zu blocks behind\n", arena_blocks);
  std::abort();
}

}  // namespace axonpush::test
