#if defined(__linux__)

#include "net/wrapped.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>

namespace axonpush::test {

namespace {

struct Fault {
  bool active = false;
  std::uint64_t left_before = 0;
  std::uint64_t left = 0;
  std::uint64_t period = 0;  // 0: once in a row
  std::uint64_t fired = 0;
  int number = 0;
};

struct ThreadState {
  std::uint64_t counts[kCallCount] = {};
  Call failing = Call::socket;
  Fault fault;
  std::uint64_t pauses = 0;
  int wait_timeout = 0;
  std::size_t recv_bytes = 0;
  std::size_t send_bytes = 0;
  bool clock_stands = false;
  std::int64_t clock = 0;
  const TestRoutes::Answer* routes = nullptr;
};
thread_local ThreadState state;

std::mutex names_guard;
const TestNames::Answer* names = nullptr;

// True: the call is to fail, errno is set.
bool refused(Call call) {
  ++state.counts[static_cast<std::size_t>(call)];
  Fault& fault = state.fault;
  if (!fault.active || state.failing != call) return false;
  if (fault.period != 0) {
    if (++fault.left_before % fault.period == 0) return false;
    ++fault.fired;
    errno = fault.number;
    return true;
  }
  if (fault.left_before != 0) {
    --fault.left_before;
    return false;
  }
  if (fault.left == 0) return false;
  --fault.left;
  ++fault.fired;
  errno = fault.number;
  return true;
}

std::size_t at_most(std::size_t size, std::size_t limit) { return limit == 0 ? size : std::min(size, limit); }

std::int64_t boot_time();

// A listener nobody accepts from, with a full queue: Linux drops what else asks for a connection.
class BlackHole {
 public:
  BlackHole();
  ~BlackHole() {
    for (const int descriptor : descriptors_) ::close(descriptor);
  }
  BlackHole(const BlackHole&) = delete;
  BlackHole& operator=(const BlackHole&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  std::vector<int> descriptors_;
  std::uint16_t port_ = 0;
};
std::unique_ptr<BlackHole> black_hole;

Route route_of(const sockaddr* address) {
  if (state.routes == nullptr) return {};
  char text[INET6_ADDRSTRLEN] = {};
  std::uint16_t port = 0;
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    port = ntohs(v4->sin_port);
  } else if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    port = ntohs(v6->sin6_port);
  }
  return (*state.routes)(text, port);
}

// connect() to a port of 127.0.0.1, from a socket of either family.
int connect_here(int descriptor, int family, std::uint16_t port);
int connect_to_itself(int descriptor);

int numeric_addrinfo(const std::vector<std::string>& addresses, addrinfo** found) {
  *found = nullptr;
  addrinfo** tail = found;
  for (const std::string& text : addresses) {
    auto* storage = static_cast<sockaddr_storage*>(std::calloc(1, sizeof(sockaddr_storage)));
    auto* info = static_cast<addrinfo*>(std::calloc(1, sizeof(addrinfo)));
    auto* v4 = reinterpret_cast<sockaddr_in*>(storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(storage);
    const std::size_t percent = text.find('%');
    const std::string bare = text.substr(0, percent);
    if (::inet_pton(AF_INET, bare.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      info->ai_addrlen = sizeof *v4;
    } else if (::inet_pton(AF_INET6, bare.c_str(), &v6->sin6_addr) == 1) {
      v6->sin6_family = AF_INET6;
      if (percent != std::string::npos)
        v6->sin6_scope_id = static_cast<std::uint32_t>(std::stoul(text.substr(percent + 1)));
      info->ai_addrlen = sizeof *v6;
    } else {
      storage->ss_family = AF_UNIX;  // what a resolver may add and nobody can dial
    }
    info->ai_family = storage->ss_family;
    info->ai_addr = reinterpret_cast<sockaddr*>(storage);
    *tail = info;
    tail = &info->ai_next;
  }
  return 0;
}

}  // namespace

const char* name_of(Call call) {
  static constexpr const char* kNames[kCallCount] = {"socket",     "connect",    "recv",           "send",
                                                     "getsockopt", "setsockopt", "getsockname",    "getpeername",
                                                     "read",       "write",      "open",           "epoll_create1",
                                                     "epoll_ctl",  "epoll_wait", "timerfd_create", "timerfd_settime",
                                                     "eventfd",    "poll",       "pthread_create", "madvise"};
  return kNames[static_cast<std::size_t>(call)];
}

std::uint64_t calls(Call call) { return state.counts[static_cast<std::size_t>(call)]; }

FailCalls::FailCalls(Call call, std::uint64_t from, int number, std::uint64_t count) {
  state.failing = call;
  state.fault = {.active = true, .left_before = from - 1, .left = count, .period = 0, .fired = 0, .number = number};
}
FailCalls::~FailCalls() { state.fault.active = false; }
std::uint64_t FailCalls::fired() const { return state.fault.fired; }

FailMost::FailMost(Call call, int number, std::uint64_t period) {
  state.failing = call;
  state.fault = {.active = true, .left_before = 0, .left = 0, .period = period, .fired = 0, .number = number};
}
FailMost::~FailMost() { state.fault.active = false; }
std::uint64_t FailMost::fired() const { return state.fault.fired; }

std::uint64_t pauses() { return state.pauses; }
int last_wait_timeout() { return state.wait_timeout; }

ShortCalls::ShortCalls(std::size_t recv_bytes, std::size_t send_bytes) {
  state.recv_bytes = recv_bytes;
  state.send_bytes = send_bytes;
}
ShortCalls::~ShortCalls() { state.recv_bytes = state.send_bytes = 0; }

TestClock::TestClock() {
  state.clock = boot_time();
  state.clock_stands = true;
}
TestClock::~TestClock() { state.clock_stands = false; }
void TestClock::advance(Duration by) { state.clock += by.nanoseconds(); }

TestNames::TestNames(Answer answer) {
  const std::lock_guard lock(names_guard);
  names = new Answer(std::move(answer));
}
TestNames::~TestNames() {
  const std::lock_guard lock(names_guard);
  delete std::exchange(names, nullptr);
}

TestRoutes::TestRoutes(Answer answer) { state.routes = new Answer(std::move(answer)); }
TestRoutes::~TestRoutes() {
  delete std::exchange(state.routes, nullptr);
  black_hole.reset();
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count - 1;  // the directory's own
}

}  // namespace axonpush::test

using axonpush::test::Call;
using axonpush::test::refused;
using axonpush::test::state;

extern "C" {

int __real_socket(int domain, int type, int protocol);
int __real_connect(int descriptor, const sockaddr* address, socklen_t size);
ssize_t __real_recv(int descriptor, void* into, std::size_t size, int flags);
ssize_t __real_send(int descriptor, const void* from, std::size_t size, int flags);
int __real_getsockopt(int descriptor, int level, int name, void* value, socklen_t* size);
int __real_setsockopt(int descriptor, int level, int name, const void* value, socklen_t size);
int __real_getsockname(int descriptor, sockaddr* address, socklen_t* size);
int __real_getpeername(int descriptor, sockaddr* address, socklen_t* size);
ssize_t __real_read(int descriptor, void* into, std::size_t size);
ssize_t __real_write(int descriptor, const void* from, std::size_t size);
int __real_open(const char* path, int flags, ...);
int __real_epoll_create1(int flags);
int __real_epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event);
int __real_epoll_wait(int epoll, epoll_event* events, int count, int timeout);
int __real_timerfd_create(int clock, int flags);
int __real_timerfd_settime(int timer, int flags, const itimerspec* value, itimerspec* old);
int __real_eventfd(unsigned value, int flags);
int __real_poll(pollfd* entries, nfds_t count, int timeout);
int __real_nanosleep(const timespec* wanted, timespec* left);
int __real_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*main)(void*), void* argument);
int __real_madvise(void* memory, std::size_t size, int advice);
int __real_clock_gettime(clockid_t clock, timespec* into);
int __real_getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found);
void __real_freeaddrinfo(addrinfo* found);

int __wrap_socket(int domain, int type, int protocol) {
  return refused(Call::socket) ? -1 : __real_socket(domain, type, protocol);
}
int __wrap_connect(int descriptor, const sockaddr* address, socklen_t size) {
  if (refused(Call::connect)) {
    const int number = errno;
    if (number == EINTR || number == EINPROGRESS) __real_connect(descriptor, address, size);
    errno = number;
    return -1;
  }
  using axonpush::test::Route;
  const Route route = axonpush::test::route_of(address);
  switch (route.kind) {
    case Route::Kind::real:
      break;
    case Route::Kind::refuse:
      errno = route.number;
      return -1;
    case Route::Kind::redirect:
      return axonpush::test::connect_here(descriptor, address->sa_family, route.port);
    case Route::Kind::itself:
      return axonpush::test::connect_to_itself(descriptor);
    case Route::Kind::black_hole: {
      auto& hole = axonpush::test::black_hole;
      if (hole == nullptr) hole = std::make_unique<axonpush::test::BlackHole>();
      return axonpush::test::connect_here(descriptor, address->sa_family, hole->port());
    }
  }
  return __real_connect(descriptor, address, size);
}
ssize_t __wrap_recv(int descriptor, void* into, std::size_t size, int flags) {
  if (refused(Call::recv)) return -1;
  return __real_recv(descriptor, into, axonpush::test::at_most(size, state.recv_bytes), flags);
}
ssize_t __wrap_send(int descriptor, const void* from, std::size_t size, int flags) {
  if (refused(Call::send)) return -1;
  return __real_send(descriptor, from, axonpush::test::at_most(size, state.send_bytes), flags);
}
int __wrap_getsockopt(int descriptor, int level, int name, void* value, socklen_t* size) {
  return refused(Call::getsockopt) ? -1 : __real_getsockopt(descriptor, level, name, value, size);
}
int __wrap_setsockopt(int descriptor, int level, int name, const void* value, socklen_t size) {
  return refused(Call::setsockopt) ? -1 : __real_setsockopt(descriptor, level, name, value, size);
}
int __wrap_getsockname(int descriptor, sockaddr* address, socklen_t* size) {
  return refused(Call::getsockname) ? -1 : __real_getsockname(descriptor, address, size);
}
int __wrap_getpeername(int descriptor, sockaddr* address, socklen_t* size) {
  return refused(Call::getpeername) ? -1 : __real_getpeername(descriptor, address, size);
}
ssize_t __wrap_read(int descriptor, void* into, std::size_t size) {
  return refused(Call::read) ? -1 : __real_read(descriptor, into, size);
}
ssize_t __wrap_write(int descriptor, const void* from, std::size_t size) {
  return refused(Call::write) ? -1 : __real_write(descriptor, from, size);
}
int __wrap_open(const char* path, int flags, ...) {
  if (refused(Call::open)) return -1;
  va_list rest;
  va_start(rest, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(rest, int) : 0;
  va_end(rest);
  return __real_open(path, flags, mode);
}
int __wrap_epoll_create1(int flags) { return refused(Call::epoll_create) ? -1 : __real_epoll_create1(flags); }
int __wrap_epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event) {
  return refused(Call::epoll_ctl) ? -1 : __real_epoll_ctl(epoll, operation, descriptor, event);
}
int __wrap_epoll_wait(int epoll, epoll_event* events, int count, int timeout) {
  state.wait_timeout = timeout;
  return refused(Call::epoll_wait) ? -1 : __real_epoll_wait(epoll, events, count, timeout);
}
int __wrap_timerfd_create(int clock, int flags) {
  return refused(Call::timerfd_create) ? -1 : __real_timerfd_create(clock, flags);
}
int __wrap_timerfd_settime(int timer, int flags, const itimerspec* value, itimerspec* old) {
  return refused(Call::timerfd_settime) ? -1 : __real_timerfd_settime(timer, flags, value, old);
}
int __wrap_eventfd(unsigned value, int flags) { return refused(Call::eventfd) ? -1 : __real_eventfd(value, flags); }
int __wrap_poll(pollfd* entries, nfds_t count, int timeout) {
  if (refused(Call::poll)) return -1;
  if (entries == nullptr) {
    ++state.pauses;
    return 0;
  }
  return __real_poll(entries, count, timeout);
}
int __wrap_nanosleep(const timespec* wanted, timespec* left) {
  if (!state.fault.active) return __real_nanosleep(wanted, left);
  ++state.pauses;
  return 0;
}
int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*main)(void*), void* argument) {
  // This one answers the errno.
  return refused(Call::pthread_create) ? errno : __real_pthread_create(thread, attributes, main, argument);
}
int __wrap_madvise(void* memory, std::size_t size, int advice) {
  return refused(Call::madvise) ? -1 : __real_madvise(memory, size, advice);
}

int __wrap_clock_gettime(clockid_t clock, timespec* into) {
  if (clock != CLOCK_BOOTTIME || !state.clock_stands) return __real_clock_gettime(clock, into);
  into->tv_sec = state.clock / 1'000'000'000;
  into->tv_nsec = state.clock % 1'000'000'000;
  return 0;
}

int __wrap_getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  axonpush::test::TestNames::Answer answer;
  {
    const std::lock_guard lock(axonpush::test::names_guard);
    if (axonpush::test::names != nullptr) answer = *axonpush::test::names;
  }
  if (!answer) return __real_getaddrinfo(node, service, hints, found);
  std::vector<std::string> addresses;
  const int code = answer(node, addresses);
  return code != 0 ? code : axonpush::test::numeric_addrinfo(addresses, found);
}

// Those of numeric_addrinfo() have no canonical name and come in pieces; the C library's do not.
void __wrap_freeaddrinfo(addrinfo* found) {
  bool ours = false;
  {
    const std::lock_guard lock(axonpush::test::names_guard);
    ours = axonpush::test::names != nullptr;
  }
  if (!ours) return __real_freeaddrinfo(found);
  while (found != nullptr) {
    addrinfo* const next = found->ai_next;
    std::free(found->ai_addr);
    std::free(found);
    found = next;
  }
}

}  // extern "C"

namespace axonpush::test {
namespace {

int connect_here(int descriptor, int family, std::uint16_t port) {
  if (family == AF_INET) {
    sockaddr_in v4 = {};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return __real_connect(descriptor, reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6 = {};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  ::inet_pton(AF_INET6, "::ffff:127.0.0.1", &v6.sin6_addr);
  return __real_connect(descriptor, reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

int connect_to_itself(int descriptor) {
  sockaddr_in own = {};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof own;
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&own), size) != 0 ||
      __real_getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &size) != 0) {
    return -1;
  }
  return connect_here(descriptor, AF_INET, ntohs(own.sin_port));
}

BlackHole::BlackHole() {
  const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  descriptors_.push_back(__real_socket(AF_INET, type, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(descriptors_[0], reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(descriptors_[0], 0) != 0 ||
      __real_getsockname(descriptors_[0], reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  // Until one of them is left standing at the door.
  for (int filled = 0; filled < 16; ++filled) {
    const int filler = __real_socket(AF_INET, type, 0);
    descriptors_.push_back(filler);
    connect_here(filler, AF_INET, port_);
    pollfd entry = {filler, POLLOUT, 0};
    if (__real_poll(&entry, 1, 0) == 0) return;
  }
  std::abort();
}

std::int64_t boot_time() {
  timespec time = {};
  __real_clock_gettime(CLOCK_BOOTTIME, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace
}  // namespace axonpush::test

#endif
