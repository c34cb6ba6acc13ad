// The event loop: epoll on Linux, kqueue on macOS and the BSDs, one interface. The caller drives it, or embeds it in a
// loop of its own through fd(), deadline() and process().
//
// Thread rule: everything happens on the thread that drives it, except post(), wake() and stop(), which any thread may
// call. Lifetime: watchers, timers and turn-end hooks are owned by their user and taken off before they die.
#pragma once

#include <axonpush/base/callback.h>
#include <axonpush/base/result.h>
#include <axonpush/base/time.h>
#include <axonpush/base/transport.h>

namespace axonpush::inline v0::net {

// Called when a watched descriptor is ready. May add, modify and remove any descriptor, its own included.
class Watcher {
 public:
  virtual void on_ready(Interest ready) noexcept = 0;

 protected:
  ~Watcher() = default;
  Watcher() = default;
  Watcher(const Watcher&) = default;
  Watcher& operator=(const Watcher&) = default;

 private:
  friend class Reactor;
  Watcher* next_again_ = nullptr;  // the ready-again list
  bool in_again_ = false;
};

// A deadline that calls. Armed through Reactor::arm; disarmed when it fires.
class Timer {
 public:
  virtual void on_timer(Instant now) noexcept = 0;
  [[nodiscard]] bool armed() const noexcept { return heap_index_ != kDisarmed; }

 protected:
  ~Timer() = default;
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  friend class Reactor;
  static constexpr std::size_t kDisarmed = SIZE_MAX;
  Instant at_ = Instant::never();
  std::size_t heap_index_ = kDisarmed;
};

// Called once at the end of the loop turn in which it was requested: where queued output is flushed.
class TurnEnd {
 public:
  virtual void on_turn_end(Instant now) noexcept = 0;

 protected:
  ~TurnEnd() = default;
  TurnEnd() = default;
  TurnEnd(const TurnEnd&) = default;
  TurnEnd& operator=(const TurnEnd&) = default;

 private:
  friend class Reactor;
  TurnEnd* next_ = nullptr;
  bool requested_ = false;
};

class Reactor {
 public:
  Reactor() noexcept;
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // no_fds or no_memory when construction failed; every later call then does nothing.
  [[nodiscard]] const Status& status() const noexcept;

  // Turns until stop().
  void run() noexcept;
  void stop() noexcept;  // any thread
  // One turn: waits for readiness, a timer, a post or `deadline`, whichever is first, and runs what is due.
  void run_once(Instant deadline) noexcept;
  // One turn that does not wait. Answers true when anything was done.
  bool poll() noexcept;

  // For a foreign loop: watch fd() for reading and call process() when it is readable or deadline() has passed.
  [[nodiscard]] int fd() const noexcept;
  [[nodiscard]] Instant deadline() const noexcept;
  void process() noexcept;

  // From any thread; runs on the loop's thread in the next turn, in order. no_memory, or closed after the end.
  [[nodiscard]] Status post(Callback<void()> task) noexcept;
  void wake() noexcept;  // any thread

  // The instant of this turn; outside a turn, the clock's.
  [[nodiscard]] Instant now() const noexcept;
  [[nodiscard]] bool in_turn() const noexcept;

  // Descriptors. One watcher a descriptor.
  [[nodiscard]] Status add(int descriptor, Interest interest, Watcher& watcher) noexcept;
  [[nodiscard]] Status modify(int descriptor, Interest interest, Watcher& watcher) noexcept;
  void remove(int descriptor, Watcher& watcher) noexcept;
  // on_ready(read) again in the next turn although the kernel may be silent: there is buffered input.
  void again(Watcher& watcher) noexcept;

  void arm(Timer& timer, Instant at) noexcept;  // moves it when it is armed
  void disarm(Timer& timer) noexcept;
  void at_turn_end(TurnEnd& hook) noexcept;  // outside a turn: at the end of the next
  void cancel(TurnEnd& hook) noexcept;

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace axonpush::inline v0::net
