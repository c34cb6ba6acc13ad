// kqueue() and kevent() over epoll: the meaning the manual pages of FreeBSD and macOS give them, as far as
// src/net/poller_kqueue.cc uses it. Whatever else is asked for is refused with EINVAL, so that a use which was never
// thought of here is seen.
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace {

// Defined here although the older shim's header hides them.
constexpr int kUserFilter = -11;
constexpr unsigned kTrigger = 0x01000000U;
constexpr unsigned kNanoseconds = 0x00000008U;

using Key = std::pair<std::uintptr_t, int>;  // ident, filter

struct Knote {
  struct kevent registered = {};
  int helper = -1;  // a timer's or a user event's own descriptor
};

class Queue {
 public:
  explicit Queue(int epoll) : epoll_(epoll) {}
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  ~Queue() {
    for (auto& [key, note] : notes_) {
      if (note.helper >= 0) ::close(note.helper);
    }
  }

  // 0 or an errno.
  int apply(const struct kevent& change) {
    const Key key{change.ident, change.filter};
    if (change.filter == EVFILT_READ || change.filter == EVFILT_WRITE) return apply_descriptor(key, change);
    if (change.filter == EVFILT_TIMER) return apply_timer(key, change);
    if (change.filter == kUserFilter) return apply_user(key, change);
    return EINVAL;
  }

  // What one event of epoll means; appends nothing when it is about something that went meanwhile.
  void translate(const epoll_event& event, std::vector<struct kevent>& into) {
    const auto helper = helpers_.find(event.data.fd);
    if (helper != helpers_.end()) return translate_helper(helper->second, into);
    const auto ident = static_cast<std::uintptr_t>(event.data.fd);
    const bool ended = (event.events & (EPOLLHUP | EPOLLERR)) != 0;
    const bool reader = (event.events & EPOLLIN) != 0;
    const bool peer_finished = ended || (event.events & EPOLLRDHUP) != 0;
    if (const auto note = notes_.find({ident, EVFILT_READ}); note != notes_.end() && (reader || peer_finished)) {
      into.push_back(told(note->second, peer_finished));
    }
    if (const auto note = notes_.find({ident, EVFILT_WRITE});
        note != notes_.end() && (ended || (event.events & EPOLLOUT) != 0)) {
      into.push_back(told(note->second, ended));
    }
  }

 private:
  static struct kevent told(const Knote& note, bool ended) {
    struct kevent event = note.registered;
    event.flags = ended ? EV_EOF : 0;
    return event;
  }

  int apply_descriptor(const Key& key, const struct kevent& change) {
    if (change.flags == EV_DELETE) {
      if (notes_.erase(key) == 0) return ENOENT;
      return update(change.ident);
    }
    if (change.flags != EV_ADD || change.fflags != 0) return EINVAL;
    notes_[key].registered = change;
    const int failed = update(change.ident);
    if (failed != 0) notes_.erase(key);
    return failed;
  }

  // Both filters of a descriptor share one registration with epoll.
  int update(std::uintptr_t ident) {
    epoll_event event = {};
    event.data.fd = static_cast<int>(ident);
    if (notes_.count({ident, EVFILT_READ}) != 0) event.events |= EPOLLIN | EPOLLRDHUP;
    if (notes_.count({ident, EVFILT_WRITE}) != 0) event.events |= EPOLLOUT;
    const int descriptor = static_cast<int>(ident);
    if (event.events == 0) return ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr) == 0 ? 0 : errno;
    if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event) == 0) return 0;
    if (errno != ENOENT) return errno;
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : errno;
  }

  int apply_timer(const Key& key, const struct kevent& change) {
    if (change.flags == EV_DELETE) return drop(key) ? 0 : ENOENT;
    if (change.flags != (EV_ADD | EV_ONESHOT) || (change.fflags & ~kNanoseconds) != 0 || change.data <= 0) {
      return EINVAL;
    }
    if (notes_.count(key) != 0) return EEXIST;  // stricter than any system: ours takes it off first
    itimerspec spec = {};
    const std::int64_t unit = change.fflags == kNanoseconds ? 1 : 1'000'000;
    spec.it_value.tv_sec = change.data / (1'000'000'000 / unit);
    spec.it_value.tv_nsec = change.data % (1'000'000'000 / unit) * unit;
    const int helper = ::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (helper < 0) return errno;
    ::timerfd_settime(helper, 0, &spec, nullptr);
    return keep(key, change, helper);
  }

  int apply_user(const Key& key, const struct kevent& change) {
    if (change.flags == 0 && change.fflags == kTrigger) {
      const auto note = notes_.find(key);
      if (note == notes_.end()) return ENOENT;
      const std::uint64_t one = 1;
      return ::write(note->second.helper, &one, sizeof one) == sizeof one ? 0 : errno;
    }
    if (change.flags != (EV_ADD | EV_CLEAR) || change.fflags != 0) return EINVAL;
    const int helper = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (helper < 0) return errno;
    return keep(key, change, helper);
  }

  int keep(const Key& key, const struct kevent& change, int helper) {
    notes_[key] = {.registered = change, .helper = helper};
    helpers_[helper] = key;
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = helper;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, helper, &event) == 0) return 0;
    const int number = errno;
    drop(key);
    return number;
  }

  bool drop(const Key& key) {
    const auto note = notes_.find(key);
    if (note == notes_.end()) return false;
    helpers_.erase(note->second.helper);
    ::close(note->second.helper);
    notes_.erase(note);
    return true;
  }

  void translate_helper(const Key& key, std::vector<struct kevent>& into) {
    const Knote note = notes_.at(key);
    std::uint64_t count = 0;
    if (::read(note.helper, &count, sizeof count) != sizeof count) return;
    into.push_back(told(note, false));
    if (key.second == EVFILT_TIMER) drop(key);  // EV_ONESHOT
  }

  int epoll_;
  std::map<Key, Knote> notes_;
  std::map<int, Key> helpers_;
};

std::mutex guard;
std::map<int, Queue>& queues() {
  static std::map<int, Queue> all;
  return all;
}
struct Refusal {
  int filter = 0;
  int number = 0;
  int count = 0;
};
Refusal refusal;

int milliseconds_of(const timespec* timeout) {
  if (timeout == nullptr) return -1;
  const std::int64_t whole = std::int64_t{timeout->tv_sec} * 1'000 + (timeout->tv_nsec + 999'999) / 1'000'000;
  return static_cast<int>(std::min<std::int64_t>(whole, INT_MAX));
}

int fail(int number) {
  errno = number;
  return -1;
}

}  // namespace

namespace axonpush::test {

void refuse_kevent(int filter, int number, int count) {
  const std::lock_guard lock(guard);
  refusal = {.filter = filter, .number = number, .count = count};
}

}  // namespace axonpush::test

extern "C" int kqueue(void) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return -1;
  const std::lock_guard lock(guard);
  queues().erase(epoll);  // of one that was closed; close() cannot tell
  queues().try_emplace(epoll, epoll);
  return epoll;
}

extern "C" int kevent(int descriptor, const struct kevent* changes, int change_count, struct kevent* events,
                      int event_count, const struct timespec* timeout) {
  {
    const std::lock_guard lock(guard);
    const auto found = queues().find(descriptor);
    if (found == queues().end()) return fail(EBADF);
    // The manual: without room for events an error of a change is the call's own.
    if (change_count != 0 && event_count != 0) return fail(EINVAL);
    for (int index = 0; index < change_count; ++index) {
      const struct kevent& change = changes[index];
      if ((change.flags & EV_ADD) != 0 && refusal.count > 0 && refusal.filter == change.filter) {
        --refusal.count;
        return fail(refusal.number);
      }
      if (const int failed = found->second.apply(change); failed != 0) return fail(failed);
    }
  }
  if (event_count == 0) return 0;
  // One descriptor may give two events.
  // Kept, so that a test can count what the reactor's turns allocate.
  static thread_local std::vector<epoll_event> told;
  static thread_local std::vector<struct kevent> made;
  told.resize(static_cast<std::size_t>(std::max(1, event_count / 2)));
  made.clear();
  const int got = ::epoll_wait(descriptor, told.data(), static_cast<int>(told.size()), milliseconds_of(timeout));
  if (got < 0) return -1;
  const std::lock_guard lock(guard);
  const auto found = queues().find(descriptor);
  if (found == queues().end()) return fail(EBADF);
  for (int index = 0; index < got; ++index) found->second.translate(told[static_cast<std::size_t>(index)], made);
  std::copy(made.begin(), made.end(), events);
  return static_cast<int>(made.size());
}
