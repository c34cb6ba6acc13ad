// The backend for Linux: epoll, a timerfd on the clock that goes on during suspend, an eventfd.
#if defined(__linux__)

#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <climits>

#include "net/descriptor.h"
#include "net/heap.h"
#include "net/poller.h"
#include "net/system_error.h"

namespace axonpush::inline v0::net {

namespace {

// Marks that cannot be descriptors.
constexpr std::uint64_t kTimerMark = UINT64_MAX;
constexpr std::uint64_t kWakeMark = UINT64_MAX - 1;

std::uint32_t events_of(Interest interest) noexcept {
  return (interest.read ? std::uint32_t{EPOLLIN} : 0U) | (interest.write ? std::uint32_t{EPOLLOUT} : 0U);
}
bool any(Interest interest) noexcept { return interest.read || interest.write; }

class EpollPoller final : public Poller {
 public:
  Status open() noexcept override {
    epoll_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) return system_error(errno, "epoll could not be opened");
    timer_ = Descriptor(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer_) return system_error(errno, "a timer descriptor could not be opened");
    if (!wake_.open()) return system_error(errno, "an event descriptor could not be opened");
    // Edge-triggered: an expiry and a wake are told once each, and neither descriptor ever has to be read.
    if (!control(EPOLL_CTL_ADD, timer_.get(), EPOLLIN | EPOLLET, kTimerMark) ||
        !control(EPOLL_CTL_ADD, wake_.fd(), EPOLLIN | EPOLLET, kWakeMark)) {
      return system_error(errno, "epoll could not watch the loop's own descriptors");
    }
    return {};
  }

  Status add(int descriptor, Interest interest, std::uint32_t generation) noexcept override {
    // Without interest it is left out of the set: epoll would tell of a hang-up whatever was asked for, every time.
    if (!any(interest)) return {};
    if (control(EPOLL_CTL_ADD, descriptor, events_of(interest), mark(descriptor, generation))) return {};
    return system_error(errno, "a descriptor could not be watched");
  }
  Status modify(int descriptor, Interest from, Interest to, std::uint32_t generation) noexcept override {
    if (!any(from)) return add(descriptor, to, generation);
    if (!any(to)) {
      remove(descriptor, from);
      return {};
    }
    if (control(EPOLL_CTL_MOD, descriptor, events_of(to), mark(descriptor, generation))) return {};
    return system_error(errno, "the watch of a descriptor could not be changed");
  }
  void remove(int descriptor, Interest interest) noexcept override {
    if (any(interest)) static_cast<void>(control(EPOLL_CTL_DEL, descriptor, 0, 0));
  }

  void arm(Instant at) noexcept override {
    // Zero would disarm; an instant in the past fires at once.
    const std::int64_t nanoseconds = at.nanoseconds() > 0 ? at.nanoseconds() : 1;
    itimerspec spec = {};
    spec.it_value.tv_sec = nanoseconds / 1'000'000'000;
    spec.it_value.tv_nsec = nanoseconds % 1'000'000'000;
    // Where the kernel refuses the timer, the wait itself carries the deadline: late after a suspend, but never lost.
    fallback_ = ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr) == 0 ? Instant::never() : at;
  }

  std::size_t wait(std::span<Readiness, kBatch> into, WaitMode mode) noexcept override {
    const int timeout = mode == WaitMode::no_wait ? 0 : timeout_of_fallback();
    const int got = ::epoll_wait(epoll_.get(), events_, static_cast<int>(kBatch), timeout);
    if (got < 0) {
      // Anything but a signal would come back at once and for ever: ten tries a second are enough to see it end.
      if (errno != EINTR && mode == WaitMode::until_something) ::poll(nullptr, 0, 100);
      return 0;
    }
    std::size_t count = 0;
    for (int index = 0; index < got; ++index) {
      const epoll_event& event = events_[index];
      if (event.data.u64 >= kWakeMark) continue;
      const bool ended = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
      into[count++] = {
          .descriptor = static_cast<int>(event.data.u64 & 0xFFFF'FFFFU),
          .generation = static_cast<std::uint32_t>(event.data.u64 >> 32),
          .ready = {.read = ended || (event.events & EPOLLIN) != 0, .write = ended || (event.events & EPOLLOUT) != 0}};
    }
    return count;
  }

  void wake() noexcept override { wake_.wake(); }
  int fd() const noexcept override { return epoll_.get(); }

 private:
  static std::uint64_t mark(int descriptor, std::uint32_t generation) noexcept {
    return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(descriptor);
  }
  bool control(int operation, int descriptor, std::uint32_t events, std::uint64_t data) noexcept {
    epoll_event event = {};
    event.events = events;
    event.data.u64 = data;
    return ::epoll_ctl(epoll_.get(), operation, descriptor, &event) == 0;
  }
  // A deadline that has passed ends one more wait, and none behind it: the loop arms no timer when there is nothing
  // left to wait for.
  int timeout_of_fallback() noexcept {
    if (fallback_ == Instant::never()) return -1;
    const Duration left = fallback_ - Reactor::clock();
    if (left <= Duration::zero()) {
      fallback_ = Instant::never();
      return 0;
    }
    return left.milliseconds() < INT_MAX ? static_cast<int>(left.milliseconds()) + 1 : INT_MAX;
  }

  Descriptor epoll_;
  Descriptor timer_;
  WakeDescriptor wake_;
  Instant fallback_ = Instant::never();
  epoll_event events_[kBatch] = {};
};

}  // namespace

Poller* make_system_poller() noexcept { return make<EpollPoller>(); }

}  // namespace axonpush::inline v0::net

#endif
