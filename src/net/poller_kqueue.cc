// The backend for macOS and the BSDs: kqueue, with its own timer and, where it has them, user events for waking.
//
// The tests build it on Linux too, against a shim of kevent() over epoll.
#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__) || \
    defined(__DragonFly__) || defined(AXONPUSH_KQUEUE_SHIM)

#include <sys/event.h>
#include <sys/time.h>
#include <time.h>

#include <cerrno>

#include "net/descriptor.h"
#include "net/heap.h"
#include "net/poller.h"
#include "net/system_error.h"

namespace axonpush::inline v0::net {

namespace {

using KernelEvent = struct kevent;

constexpr std::uintptr_t kTimerIdent = 1;
#if defined(EVFILT_USER)
constexpr std::uintptr_t kWakeIdent = 2;
#endif

#if defined(NOTE_NSECONDS)
constexpr std::int64_t kTimerUnit = 1;
#if defined(NOTE_MACH_CONTINUOUS_TIME)
// macOS: an interval otherwise stands still during suspend.
constexpr unsigned kTimerFlags = NOTE_NSECONDS | NOTE_MACH_CONTINUOUS_TIME;
#else
constexpr unsigned kTimerFlags = NOTE_NSECONDS;
#endif
#else
constexpr std::int64_t kTimerUnit = 1'000'000;  // milliseconds are what every kqueue knows
constexpr unsigned kTimerFlags = 0;
#endif
// Longer ones are cut and armed anew: older systems refuse or overflow them.
constexpr Duration kTimerMax = hours(24);

class KqueuePoller final : public Poller {
 public:
  Status open() noexcept override {
    kqueue_ = Descriptor(::kqueue());
    if (!kqueue_) return system_error(errno, "kqueue could not be opened");
    if (::fcntl(kqueue_.get(), F_SETFD, FD_CLOEXEC) != 0)
      return system_error(errno, "kqueue could not be made private");
#if defined(EVFILT_USER)
    if (change(kWakeIdent, EVFILT_USER, EV_ADD | EV_CLEAR) != 0) {
      return system_error(errno, "kqueue could not watch for wake-ups");
    }
#else
    if (!wake_.open()) return system_error(errno, "a pipe could not be opened");
    if (change(static_cast<std::uintptr_t>(wake_.fd()), EVFILT_READ, EV_ADD) != 0) {
      return system_error(errno, "kqueue could not watch for wake-ups");
    }
#endif
    return {};
  }

  Status add(int descriptor, Interest interest, std::uint32_t generation) noexcept override {
    return modify(descriptor, {}, interest, generation);
  }
  // What is new first: when the kernel refuses it, nothing has been taken off yet.
  Status modify(int descriptor, Interest from, Interest to, std::uint32_t generation) noexcept override {
    const auto ident = static_cast<std::uintptr_t>(descriptor);
    const bool add_read = to.read && !from.read;
    if (add_read && change(ident, EVFILT_READ, EV_ADD, generation) != 0) {
      return system_error(errno, "a descriptor could not be watched for reading");
    }
    if (to.write && !from.write && change(ident, EVFILT_WRITE, EV_ADD, generation) != 0) {
      const int number = errno;
      if (add_read) static_cast<void>(change(ident, EVFILT_READ, EV_DELETE));
      return system_error(number, "a descriptor could not be watched for writing");
    }
    remove(descriptor, {.read = from.read && !to.read, .write = from.write && !to.write});
    return {};
  }
  void remove(int descriptor, Interest interest) noexcept override {
    const auto ident = static_cast<std::uintptr_t>(descriptor);
    if (interest.read) static_cast<void>(change(ident, EVFILT_READ, EV_DELETE));
    if (interest.write) static_cast<void>(change(ident, EVFILT_WRITE, EV_DELETE));
  }

  void arm(Instant at) noexcept override {
    // Taken off first: not every system lets a second EV_ADD move a timer.
    if (timer_at_ != Instant::never()) static_cast<void>(change(kTimerIdent, EVFILT_TIMER, EV_DELETE));
    timer_at_ = at;
    const Duration left = left_until(at);
    const std::int64_t units = (left.nanoseconds() + kTimerUnit - 1) / kTimerUnit;
    // Where the kernel refuses the timer, the wait itself carries the deadline.
    timer_refused_ = change(kTimerIdent, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, kTimerFlags, units) != 0;
  }

  std::size_t wait(std::span<Readiness, kBatch> into, WaitMode mode) noexcept override {
    timespec timeout = {};
    const timespec* limit = &timeout;
    if (mode == WaitMode::until_something) {
      limit = nullptr;
      if (timer_refused_) {
        const std::int64_t left = left_until(timer_at_).nanoseconds();
        timer_refused_ = left > 1;  // one that has passed ends one more wait, and none behind it
        timeout.tv_sec = static_cast<time_t>(left / 1'000'000'000);
        timeout.tv_nsec = static_cast<decltype(timeout.tv_nsec)>(left % 1'000'000'000);
        limit = &timeout;
      }
    }
    const int got = ::kevent(kqueue_.get(), nullptr, 0, events_, static_cast<int>(kBatch), limit);
    if (got < 0) {
      // Anything but a signal would come back at once and for ever: ten tries a second are enough to see it end.
      constexpr timespec kPause = {0, 100'000'000};
      if (errno != EINTR && mode == WaitMode::until_something) ::nanosleep(&kPause, nullptr);
      return 0;
    }
    std::size_t count = 0;
    for (int index = 0; index < got; ++index) {
      const KernelEvent& event = events_[index];
      if ((event.flags & EV_ERROR) != 0) continue;
      if (event.filter == EVFILT_TIMER) {
        fired();
      } else if (!is_wake(event)) {
        into[count++] = {.descriptor = static_cast<int>(event.ident),
                         .generation = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(event.udata)),
                         .ready = {.read = event.filter == EVFILT_READ, .write = event.filter == EVFILT_WRITE}};
      }
    }
    return count;
  }

  void wake() noexcept override {
#if defined(EVFILT_USER)
    // No EV_ADD: any thread may do this while the loop waits.
    static_cast<void>(change(kWakeIdent, EVFILT_USER, 0, 0, NOTE_TRIGGER));
#else
    wake_.wake();
#endif
  }
  int fd() const noexcept override { return kqueue_.get(); }
  // A kqueue is not inherited: in the child its number is free, or somebody else's.
  void disown() noexcept override { static_cast<void>(kqueue_.release()); }

 private:
  static Duration left_until(Instant at) noexcept {
    const Duration left = at - Reactor::clock();
    if (left > kTimerMax) return kTimerMax;
    return left > Duration::zero() ? left : nanoseconds(1);
  }
  // 0, or -1 with errno. Changes are made one by one, without room for events: that is the one form of kevent() whose
  // errors look the same everywhere.
  int change(std::uintptr_t ident, int filter, unsigned flags, std::uint32_t generation = 0, unsigned fflags = 0,
             std::int64_t data = 0) noexcept {
    KernelEvent event = {};
    event.ident = static_cast<decltype(event.ident)>(ident);
    event.filter = static_cast<decltype(event.filter)>(filter);
    event.flags = static_cast<decltype(event.flags)>(flags);
    event.fflags = static_cast<decltype(event.fflags)>(fflags);
    event.data = static_cast<decltype(event.data)>(data);
    event.udata = reinterpret_cast<decltype(event.udata)>(std::uintptr_t{generation});
    return ::kevent(kqueue_.get(), &event, 1, nullptr, 0, nullptr);
  }
  // The loop counts on the timer until the instant it asked for: one that was cut, or rounded down, goes on.
  void fired() noexcept {
    const Instant at = std::exchange(timer_at_, Instant::never());
    if (at > Reactor::clock()) arm(at);
  }
  bool is_wake(const KernelEvent& event) noexcept {
#if defined(EVFILT_USER)
    return event.filter == EVFILT_USER;
#else
    if (event.ident != static_cast<decltype(event.ident)>(wake_.fd())) return false;
    wake_.drain();
    return true;
#endif
  }

  Descriptor kqueue_;
#if !defined(EVFILT_USER)
  WakeDescriptor wake_;
#endif
  Instant timer_at_ = Instant::never();
  bool timer_refused_ = false;
  KernelEvent events_[kBatch] = {};
};

}  // namespace

Poller* make_kqueue_poller() noexcept { return make<KqueuePoller>(); }
#if !defined(AXONPUSH_KQUEUE_SHIM)
Poller* make_system_poller() noexcept { return make_kqueue_poller(); }
#endif

}  // namespace axonpush::inline v0::net

#endif
