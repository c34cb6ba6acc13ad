#include "support/allocations.h"

#include <cstdlib>
#include <new>

namespace {

thread_local std::uint64_t count = 0;
thread_local std::uint64_t nothrow_count = 0;
thread_local std::uint64_t nothrow_left = 0;  // 0: nothing is refused
thread_local bool refuse_rest = false;
thread_local bool refusing = false;
thread_local bool refused = false;

}  // namespace

void* operator new(std::size_t size) {
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
    return nullptr;
  }
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept { return ::operator new(size, tag); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace axonpush::test {

std::uint64_t allocation_count() { return count; }
std::uint64_t library_allocation_count() { return nothrow_count; }

FailAllocations::FailAllocations(std::uint64_t kth, Mode mode) {
  nothrow_left = kth;
  refuse_rest = mode == Mode::from_then_on;
  refused = false;
}
FailAllocations::~FailAllocations() {
  nothrow_left = 0;
  refusing = false;
}
bool FailAllocations::fired() const { return refused; }

}  // namespace axonpush::test
