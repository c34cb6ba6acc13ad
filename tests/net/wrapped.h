// The system calls of the library, wrapped by the linker (--wrap) in net_test: they can be made to fail, to move a few
// bytes only, and the clock that goes on during suspend can be moved. Everything here is about the calling thread only,
// but for names. Linux only: other linkers do not know --wrap.
#pragma once

#include <axonpush/base/time.h>

#include <netdb.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace axonpush::test {

enum class Call : std::uint8_t {
  socket,
  connect,
  recv,
  send,
  getsockopt,
  setsockopt,
  getsockname,
  getpeername,
  read,
  write,
  open,
  epoll_create,
  epoll_ctl,
  epoll_wait,
  timerfd_create,
  timerfd_settime,
  eventfd,
  poll,
  pthread_create,
  madvise,
};
inline constexpr std::size_t kCallCount = static_cast<std::size_t>(Call::madvise) + 1;
[[nodiscard]] const char* name_of(Call call);

// Of this thread, since its start; a call that was made to fail counts.
[[nodiscard]] std::uint64_t calls(Call call);

// While one lives, the `from`-th to the (`from` + `count` - 1)-th call (1 is the next) answers -1 with this errno and
// is not made.
class FailCalls {
 public:
  FailCalls(Call call, std::uint64_t from, int number, std::uint64_t count = 1);
  ~FailCalls();
  FailCalls(const FailCalls&) = delete;
  FailCalls& operator=(const FailCalls&) = delete;
  [[nodiscard]] std::uint64_t fired() const;
};

// While one lives, of every `period` calls all but the last fail so.
class FailMost {
 public:
  FailMost(Call call, int number, std::uint64_t period);
  ~FailMost();
  FailMost(const FailMost&) = delete;
  FailMost& operator=(const FailMost&) = delete;
  [[nodiscard]] std::uint64_t fired() const;
};

// How often this thread has paused in poll(2) without a descriptor, or in nanosleep(2) while calls were to fail; the
// pauses take no time.
[[nodiscard]] std::uint64_t pauses();

// What this thread's last epoll_wait() was asked to wait at most, in milliseconds; -1: for ever.
[[nodiscard]] int last_wait_timeout();

// While one lives, recv and send move at most so many bytes at once; 0: as many as there are.
class ShortCalls {
 public:
  ShortCalls(std::size_t recv_bytes, std::size_t send_bytes);
  ~ShortCalls();
  ShortCalls(const ShortCalls&) = delete;
  ShortCalls& operator=(const ShortCalls&) = delete;
};

// While one lives, Reactor::clock() stands still but for advance(). The kernel's timers know nothing of it: loops are
// turned with poll().
class TestClock {
 public:
  TestClock();
  ~TestClock();
  TestClock(const TestClock&) = delete;
  TestClock& operator=(const TestClock&) = delete;
  void advance(Duration by);
};

// While one lives, getaddrinfo() is this function, called on the resolver's threads. It answers an EAI_ code, after it
// has put numeric addresses into the list.
class TestNames {
 public:
  using Answer = std::function<int(const std::string& name, std::vector<std::string>& addresses)>;
  explicit TestNames(Answer answer);
  ~TestNames();
  TestNames(const TestNames&) = delete;
  TestNames& operator=(const TestNames&) = delete;
};

// Where a connect() of this thread leads. A black hole answers nothing, ever.
struct Route {
  enum class Kind : std::uint8_t {
    real,
    black_hole,
    redirect,  // to this port of 127.0.0.1
    itself,    // to the port that the socket has itself, as when the kernel chooses the one that is dialled
    refuse     // with this errno, at once
  } kind = Kind::real;
  std::uint16_t port = 0;
  int number = 0;
};
// While one lives, it is asked about every connect() of this thread.
class TestRoutes {
 public:
  using Answer = std::function<Route(const std::string& address, std::uint16_t port)>;
  explicit TestRoutes(Answer answer);
  ~TestRoutes();
  TestRoutes(const TestRoutes&) = delete;
  TestRoutes& operator=(const TestRoutes&) = delete;
};

// The descriptors this process has open now.
[[nodiscard]] std::size_t open_descriptors();

}  // namespace axonpush::test
