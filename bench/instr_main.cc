// axonpush_instr NAME COUNT: runs one named operation COUNT times and nothing else, and prints `ops=COUNT allocs=N`, so
// that callgrind gives exact instructions per operation as the difference of two runs. `axonpush_instr list` prints the
// names; `axonpush_instr all COUNT` runs one after the other, with their names in front, to see that each still works.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <string_view>

#include "instr.h"

namespace {

std::uint64_t allocation_count = 0;

void run(const axonpush::bench::Operation& operation, unsigned long long count) {
  operation.prepare();
  const std::uint64_t before = allocation_count;
  operation.run(count);
  std::printf("ops=%llu allocs=%llu\n", count, static_cast<unsigned long long>(allocation_count - before));
}

// In a process of its own: operations share inputs that can be prepared once only.
bool run_apart(const axonpush::bench::Operation& operation, unsigned long long count) {
  std::printf("%s ", operation.name());
  std::fflush(stdout);
  const pid_t process = ::fork();
  if (process == 0) {
    run(operation, count);
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = 0;
  return process > 0 && ::waitpid(process, &status, 0) == process && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

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
    std::fprintf(stderr, "usage: axonpush_instr NAME COUNT, axonpush_instr all COUNT, or axonpush_instr list\n");
    return 2;
  }
  char* end = nullptr;
  const unsigned long long count = std::strtoull(argv[2], &end, 10);
  if (end == argv[2] || *end != '\0') {
    std::fprintf(stderr, "axonpush_instr: COUNT must be a number, not '%s'\n", argv[2]);
    return 2;
  }
  const bool all = std::string_view(argv[1]) == "all";
  for (const Operation* at = Operation::first(); at != nullptr; at = at->next()) {
    if (!all && std::string_view(at->name()) != argv[1]) continue;
    if (!all) {
      run(*at, count);
      return 0;
    }
    if (!run_apart(*at, count)) return 1;
  }
  if (all) return 0;
  std::fprintf(stderr, "axonpush_instr: no operation is named '%s'; see axonpush_instr list\n", argv[1]);
  return 2;
}
