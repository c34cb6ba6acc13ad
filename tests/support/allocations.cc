#include "support/allocations.h"

#include <cstdlib>
#include <new>
#include <unordered_map>
#include <utility>

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
  return memory;
}

}  // namespace

// Not inlined: the compiler would see malloc and free on one side and new and delete on the other, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++count;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
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
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
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
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

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

}  // namespace axonpush::test
