// axonpush_instr NAME COUNT: runs one named operation COUNT times and nothing else, and prints `ops=COUNT allocs=N`, so
// that callgrind gives exact instructions per operation as the difference of two runs. `axonpush_instr list` prints the
// names.
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string_view>

#include "instr.h"

namespace {

std::uint64_t allocation_count = 0;

}  // namespace

// Counts what the program allocates while an operation runs. The library's own allocations come through here too.
void* operator new(std::size_t size) {
  ++allocation_count;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  std::abort();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocation_count;
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

int main(int argc, char** argv) {
  using axonpush::bench::Operation;
  if (argc == 2 && std::string_view(argv[1]) == "list") {
    for (const Operation* at = Operation::first(); at != nullptr; at = at->next()) std::printf("%s\n", at->name());
    return 0;
  }
  if (argc != 3) {
    std::fprintf(stderr, "usage: axonpush_instr NAME COUNT, or axonpush_instr list\n");
    return 2;
  }
  char* end = nullptr;
  const unsigned long long count = std::strtoull(argv[2], &end, 10);
  if (end == argv[2] || *end != '\0') {
    std::fprintf(stderr, "axonpush_instr: COUNT must be a number, not '%s'\n", argv[2]);
    return 2;
  }
  for (const Operation* at = Operation::first(); at != nullptr; at = at->next()) {
    if (std::string_view(at->name()) != argv[1]) continue;
    at->prepare();
    const std::uint64_t before = allocation_count;
    at->run(count);
    std::printf("ops=%llu allocs=%llu\n", count, static_cast<unsigned long long>(allocation_count - before));
    return 0;
  }
  std::fprintf(stderr, "axonpush_instr: no operation is named '%s'; see axonpush_instr list\n", argv[1]);
  return 2;
}
