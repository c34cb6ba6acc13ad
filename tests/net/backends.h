// A reactor on each backend, with one way to drive them: the system's own, kqueue over the shim (with and without user
// events), and one that is multiplexed into a host's loop, here a bare poll(2).
#pragma once

#include <axonpush/net/reactor.h>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/poller.h"

namespace axonpush::inline v0::net {

// src/net/poller_kqueue.cc, built once more as for a system without user events.
[[nodiscard]] Poller* make_older_kqueue_poller() noexcept;

}  // namespace axonpush::inline v0::net

namespace axonpush::net::test {

inline constexpr Interest kRead{.read = true, .write = false};
inline constexpr Interest kWrite{.read = false, .write = true};
inline constexpr Interest kBoth{.read = true, .write = true};
inline constexpr Interest kNothing{};

// Two ends of a stream, non-blocking.
struct Pair {
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0); }
  ~Pair() {
    close(0);
    close(1);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  void close(int end) {
    if (ends[end] >= 0) ::close(ends[end]);
    ends[end] = -1;
  }
  void write(int end, std::string_view bytes) const {
    EXPECT_EQ(::write(ends[end], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  std::string read(int end, std::size_t size = 64) const {
    std::string bytes(size, '\0');
    const ssize_t got = ::read(ends[end], bytes.data(), size);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }
  int ends[2] = {-1, -1};
};

struct Watching final : Watcher {
  void on_ready(Interest ready) noexcept override {
    ++count;
    last = ready;
    if (then) then();
  }
  int count = 0;
  Interest last;
  std::function<void()> then;
};

struct Alarm final : Timer {
  void on_timer(Instant now) noexcept override {
    ++count;
    last = now;
    if (then) then();
  }
  int count = 0;
  Instant last;
  std::function<void()> then;
};

struct Ending final : TurnEnd {
  void on_turn_end(Instant) noexcept override {
    ++count;
    if (then) then();
  }
  int count = 0;
  std::function<void()> then;
};

// The host's loop of its own: one flat array for poll(2), one timer.
class PollLoop final : public HostLoop {
 public:
  Status add_descriptor(int descriptor, Interest interest) noexcept override {
    entries_.push_back({descriptor, events_of(interest), 0});
    return {};
  }
  Status modify_descriptor(int descriptor, Interest interest) noexcept override {
    for (pollfd& entry : entries_) {
      if (entry.fd == descriptor) entry.events = events_of(interest);
    }
    return {};
  }
  void remove_descriptor(int descriptor) noexcept override {
    std::erase_if(entries_, [descriptor](const pollfd& entry) { return entry.fd == descriptor; });
  }
  void arm_timer(Instant at) noexcept override { timer_ = at; }

  // Waits until something is ready, the timer is due or `until` has come, and hands it to the reactor.
  void turn(Reactor& reactor, Instant until) {
    wait(reactor, until);
    reactor.process();
  }
  bool poll(Reactor& reactor) {
    wait(reactor, Instant::from_nanoseconds(0));
    return reactor.poll();
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  static short events_of(Interest interest) {
    return static_cast<short>((interest.read ? POLLIN : 0) | (interest.write ? POLLOUT : 0));
  }
  void wait(Reactor& reactor, Instant until) {
    // A descriptor without interest is left out: poll() would tell of a hang-up whatever was asked for.
    std::vector<pollfd> asked;
    for (const pollfd& entry : entries_) {
      if (entry.events != 0) asked.push_back(entry);
    }
    const Instant next = earlier_of(timer_, until);
    int timeout = -1;
    if (next != Instant::never()) {
      const std::int64_t left = (next - Reactor::clock()).nanoseconds();
      timeout = left <= 0 ? 0 : static_cast<int>((left + 999'999) / 1'000'000);
    }
    if (::poll(asked.data(), asked.size(), timeout) < 0) return;
    for (const pollfd& entry : asked) {
      const bool ended = (entry.revents & (POLLERR | POLLHUP)) != 0;
      const Interest ready{.read = ended || (entry.revents & POLLIN) != 0,
                           .write = ended || (entry.revents & POLLOUT) != 0};
      if (ready.read || ready.write) reactor.ready(entry.fd, ready);
    }
  }

  std::vector<pollfd> entries_;
  Instant timer_ = Instant::never();
};

enum class Backend {
  system,
  hosted,
  kqueue,
  older_kqueue
};
inline const char* name_of(Backend backend) {
  switch (backend) {
    case Backend::system:
      return "system";
    case Backend::hosted:
      return "hosted";
    case Backend::kqueue:
      return "kqueue";
    case Backend::older_kqueue:
      return "older_kqueue";
  }
  return "?";
}
inline std::vector<Backend> all_backends() {
#if defined(__linux__)
  return {Backend::system, Backend::hosted, Backend::kqueue, Backend::older_kqueue};
#else
  return {Backend::system, Backend::hosted};
#endif
}

// A reactor and how it is driven.
class Loop {
 public:
  explicit Loop(Backend backend) : hosted_(backend == Backend::hosted), reactor_(make(backend)) {
    EXPECT_TRUE(reactor().status().ok());
  }
  [[nodiscard]] Reactor& reactor() { return *reactor_; }
  Reactor* operator->() { return reactor_.get(); }
  // One turn that waits until something happens or `until` has come.
  void turn(Instant until = Instant::never()) {
    if (hosted_) {
      host_.turn(*reactor_, until);
    } else {
      reactor_->run_once(until);
    }
  }
  bool poll() { return hosted_ ? host_.poll(*reactor_) : reactor_->poll(); }
  // Until stop(), as run() does.
  void run(const bool& stopped) {
    while (!stopped) turn();
  }
  void end() { reactor_.reset(); }
  [[nodiscard]] PollLoop& host() { return host_; }

 private:
  std::unique_ptr<Reactor> make(Backend backend) {
    switch (backend) {
      case Backend::hosted:
        return std::make_unique<Reactor>(static_cast<HostLoop&>(host_));
#if defined(__linux__)
      case Backend::kqueue:
        return std::make_unique<Reactor>(make_kqueue_poller());
      case Backend::older_kqueue:
        return std::make_unique<Reactor>(make_older_kqueue_poller());
#endif
      default:
        return std::make_unique<Reactor>();
    }
  }
  bool hosted_;
  PollLoop host_;
  std::unique_ptr<Reactor> reactor_;
};

class OnEveryBackend : public ::testing::TestWithParam<Backend> {
 protected:
  Loop loop{GetParam()};
};

}  // namespace axonpush::net::test
