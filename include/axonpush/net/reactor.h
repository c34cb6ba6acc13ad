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

class Poller;       // a backend; internal
struct LoopShared;  // internal
struct PostedTask;  // internal

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
  enum class Again : std::uint8_t {
    no,
    next_turn,
    this_turn
  };
  Watcher* again_next_ = nullptr;  // the ready-again lists
  Watcher* again_previous_ = nullptr;
  Again again_ = Again::no;
};

// A deadline that calls. Armed through Reactor::arm; disarmed when it fires.
class Timer {
 public:
  virtual void on_timer(Instant now) noexcept = 0;
  [[nodiscard]] bool armed() const noexcept { return armed_; }

 protected:
  ~Timer() = default;
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  friend class TimerHeap;
  // A pairing heap threads through the timers themselves, so that arming never allocates and never fails.
  Instant at_ = Instant::never();
  std::uint64_t sequence_ = 0;  // the earlier armed of two with one instant goes first
  Timer* child_ = nullptr;
  Timer* sibling_ = nullptr;
  Timer* previous_ = nullptr;  // the left sibling, or the parent of a first child
  bool armed_ = false;
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
  TurnEnd* previous_ = nullptr;
  bool requested_ = false;
};

// A loop of the host's own that carries the reactor's descriptors, as an alternative to fd(): for hosts that must keep
// one flat set of descriptors. The host answers a ready descriptor with Reactor::ready(), the timer with nothing, and
// calls Reactor::process() after either.
class HostLoop {
 public:
  // Watch for these until told otherwise, level-triggered: what is still ready is reported again.
  [[nodiscard]] virtual Status add_descriptor(int descriptor, Interest interest) noexcept = 0;
  [[nodiscard]] virtual Status modify_descriptor(int descriptor, Interest interest) noexcept = 0;
  virtual void remove_descriptor(int descriptor) noexcept = 0;
  // One timer, moved by each call: process() is wanted at `at`. Instant::never(): none. Instants count on the clock of
  // Reactor::clock(). A call too early or too often does no harm.
  virtual void arm_timer(Instant at) noexcept = 0;

 protected:
  ~HostLoop() = default;
  HostLoop() = default;
  HostLoop(const HostLoop&) = default;
  HostLoop& operator=(const HostLoop&) = default;
};

class Reactor {
 public:
  Reactor() noexcept;
  // Multiplexes into `loop`, which outlives it: run, run_once and poll do not wait there, and fd() is -1.
  explicit Reactor(HostLoop& loop) noexcept;
  // With a backend of one's own, which it takes over; for the tests of the backends.
  explicit Reactor(Poller* backend) noexcept;
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
  // For a HostLoop: this descriptor is ready. Takes note only; process() does the work.
  void ready(int descriptor, Interest ready) noexcept;

  // From any thread; runs on the loop's thread in the next turn, in order. no_memory, or closed after the end.
  [[nodiscard]] Status post(Callback<void()> task) noexcept;
  // Internal: a task that brings its own memory, and therefore cannot be refused. Not in the child of a fork.
  void post(PostedTask& task) noexcept;
  void wake() noexcept;  // any thread

  // The instant of this turn; outside a turn, the clock's.
  [[nodiscard]] Instant now() const noexcept;
  [[nodiscard]] bool in_turn() const noexcept;
  // The clock itself: monotonic, suspended time included.
  [[nodiscard]] static Instant clock() noexcept;
  // True in the child of a fork(): there every call does nothing or answers closed, and only destroying is allowed.
  [[nodiscard]] bool forked() const noexcept;

  // Descriptors. One watcher a descriptor; modify() may hand it to another. Without any interest even a hang-up is not
  // told.
  [[nodiscard]] Status add(int descriptor, Interest interest, Watcher& watcher) noexcept;
  [[nodiscard]] Status modify(int descriptor, Interest interest, Watcher& watcher) noexcept;
  void remove(int descriptor, Watcher& watcher) noexcept;
  // on_ready(read) again in the next turn although the kernel may be silent: there is buffered input.
  void again(Watcher& watcher) noexcept;

  void arm(Timer& timer, Instant at) noexcept;  // moves it when it is armed
  void disarm(Timer& timer) noexcept;
  void at_turn_end(TurnEnd& hook) noexcept;  // outside a turn: at the end of the next
  void cancel(TurnEnd& hook) noexcept;

  // Internal: what everybody on this loop has together. nullptr when status() failed.
  [[nodiscard]] LoopShared* shared() const noexcept;

 private:
  struct Impl;
  void start(Poller* backend, HostLoop* host) noexcept;
  Impl* impl_ = nullptr;
  Status status_;
};

}  // namespace axonpush::inline v0::net
