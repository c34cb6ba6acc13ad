// The counting layer: this program defines the functions of the C library that make system calls on a hot path, and
// malloc. The dynamic linker finds a program's own definitions first, for OpenSSL and the peers too, so everything is
// counted without a tracer that would slow it down.
#include "loopback_counts.h"

#include <dlfcn.h>
#include <sys/resource.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__linux__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define AXONPUSH_COUNT_CALLS 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#undef AXONPUSH_COUNT_CALLS
#endif
#endif
#endif

namespace {

std::uint64_t syscall_count = 0;
std::uint64_t new_count = 0;
std::uint64_t malloc_count = 0;

}  // namespace

#if defined(AXONPUSH_COUNT_CALLS)

#include <poll.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

void count(std::uint64_t& counter) { __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED); }

// The C library's own function of that name.
template <class Function>
Function* next(Function*& found, const char* name) {
  if (found == nullptr) found = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
  count(syscall_count);
  return found;
}

}  // namespace

#define AXONPUSH_COUNTED(result, name, parameters, arguments, except) \
  extern "C" result name parameters except {                          \
    static result(*found) parameters = nullptr;                       \
    return next(found, #name) arguments;                              \
  }

AXONPUSH_COUNTED(ssize_t, read, (int fd, void* into, size_t size), (fd, into, size), )
AXONPUSH_COUNTED(ssize_t, write, (int fd, const void* from, size_t size), (fd, from, size), )
AXONPUSH_COUNTED(ssize_t, readv, (int fd, const iovec* into, int size), (fd, into, size), )
AXONPUSH_COUNTED(ssize_t, writev, (int fd, const iovec* from, int size), (fd, from, size), )
AXONPUSH_COUNTED(ssize_t, recv, (int fd, void* into, size_t size, int flags), (fd, into, size, flags), )
AXONPUSH_COUNTED(ssize_t, send, (int fd, const void* from, size_t size, int flags), (fd, from, size, flags), )
AXONPUSH_COUNTED(ssize_t, recvmsg, (int fd, msghdr* into, int flags), (fd, into, flags), )
AXONPUSH_COUNTED(ssize_t, sendmsg, (int fd, const msghdr* from, int flags), (fd, from, flags), )
AXONPUSH_COUNTED(int, epoll_wait, (int fd, epoll_event* into, int size, int timeout), (fd, into, size, timeout), )
AXONPUSH_COUNTED(int, epoll_pwait, (int fd, epoll_event* into, int size, int timeout, const sigset_t* mask),
                 (fd, into, size, timeout, mask), )
AXONPUSH_COUNTED(int, epoll_ctl, (int fd, int operation, int of, epoll_event* event), (fd, operation, of, event),
                 noexcept)
AXONPUSH_COUNTED(int, timerfd_settime, (int fd, int flags, const itimerspec* at, itimerspec* before),
                 (fd, flags, at, before), noexcept)
AXONPUSH_COUNTED(int, poll, (pollfd * fds, nfds_t size, int timeout), (fds, size, timeout), )
AXONPUSH_COUNTED(int, ppoll, (pollfd * fds, nfds_t size, const timespec* timeout, const sigset_t* mask),
                 (fds, size, timeout, mask), )
AXONPUSH_COUNTED(int, select, (int size, fd_set* in, fd_set* out, fd_set* except, timeval* timeout),
                 (size, in, out, except, timeout), )
AXONPUSH_COUNTED(int, pselect,
                 (int size, fd_set* in, fd_set* out, fd_set* except, const timespec* timeout, const sigset_t* mask),
                 (size, in, out, except, timeout, mask), )
AXONPUSH_COUNTED(ssize_t, getrandom, (void* into, size_t size, unsigned flags), (into, size, flags), )

// The library allocates through the nothrow form, the benchmark through the others.
void* operator new(std::size_t size) {
  count(new_count);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  std::abort();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  count(new_count);
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

extern "C" void* __libc_malloc(size_t size);
extern "C" void* __libc_calloc(size_t count, size_t size);
extern "C" void* __libc_realloc(void* memory, size_t size);
extern "C" void* malloc(size_t size) noexcept {
  count(malloc_count);
  return __libc_malloc(size);
}
extern "C" void* calloc(size_t count_of, size_t size) noexcept {
  count(malloc_count);
  return __libc_calloc(count_of, size);
}
extern "C" void* realloc(void* memory, size_t size) noexcept {
  count(malloc_count);
  return __libc_realloc(memory, size);
}

#endif

namespace axonpush::bench {

bool counts_calls() {
#if defined(AXONPUSH_COUNT_CALLS)
  return true;
#else
  return false;
#endif
}

std::uint64_t monotonic_ns() {
  timespec time = {};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

Usage Usage::now() {
  rusage used = {};
  ::getrusage(RUSAGE_SELF, &used);
  const auto nanoseconds = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_usec) * 1'000;
  };
  return {.cpu_ns = nanoseconds(used.ru_utime) + nanoseconds(used.ru_stime),
          .wall_ns = monotonic_ns(),
          .syscalls = __atomic_load_n(&syscall_count, __ATOMIC_RELAXED),
          .news = __atomic_load_n(&new_count, __ATOMIC_RELAXED),
          .mallocs = __atomic_load_n(&malloc_count, __ATOMIC_RELAXED)};
}

namespace {

// VmRSS and RssAnon of /proc/self/status, in KiB; 0 where there is none.
double status_kb(const char* name) {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return 0;
  char line[256];
  unsigned long value = 0;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, name, std::strlen(name)) == 0) std::sscanf(line + std::strlen(name), " %lu", &value);
  }
  std::fclose(file);
  return static_cast<double>(value);
}

}  // namespace

Measured per_message(const Usage& before, const Usage& after, std::uint64_t messages) {
  const auto each = [messages](std::uint64_t from, std::uint64_t to) {
    return static_cast<double>(to - from) / static_cast<double>(messages);
  };
  Measured measured;
  measured.cpu_us = each(before.cpu_ns, after.cpu_ns) / 1'000;
  measured.wall_us = each(before.wall_ns, after.wall_ns) / 1'000;
  measured.syscalls = each(before.syscalls, after.syscalls);
  measured.news = each(before.news, after.news);
  measured.mallocs = each(before.mallocs, after.mallocs);
  measured.resident_kb = status_kb("VmRSS:");
  measured.anonymous_kb = status_kb("RssAnon:");
  return measured;
}

}  // namespace axonpush::bench
