#include <axonpush/net/reactor.h>

#include <time.h>

#include <atomic>

#include "base/assert.h"
#include "net/fork_guard.h"
#include "net/heap.h"
#include "net/loop_shared.h"
#include "net/poller.h"
#include "net/posted.h"
#include "net/timer_heap.h"

namespace axonpush::inline v0::net {

namespace {

// A turn-end hook that asks for itself again must not keep the turn from ending.
constexpr unsigned kTurnEndRounds = 4;

// What post(Callback) makes of its argument.
struct PostedCallback : PostedTask {
  explicit PostedCallback(Callback<void()>&& wanted) noexcept : PostedTask(&run), task(std::move(wanted)) {}
  static void run(PostedTask& posted, PostedFate fate) noexcept {
    auto& self = static_cast<PostedCallback&>(posted);
    CallFailure ignored;  // nobody to tell: whoever posts a task that throws has lost its exception
    if (fate == PostedFate::run) static_cast<void>(self.task(ignored));
    destroy(&self);
  }
  Callback<void()> task;
};

// What is watched on one descriptor; the table is indexed by descriptor.
struct Watch {
  Watcher* watcher = nullptr;
  std::uint32_t generation = 0;
  Interest interest;
  Interest ready;       // noted for this turn, not served yet
  bool queued = false;  // in the list of descriptors to serve
  int queue_next = -1;
};

Error closed_by_fork() noexcept { return Error(Errc::closed, "this process is the child of a fork"); }

}  // namespace

void destroy_poller(Poller* poller) noexcept { destroy(poller); }

struct Reactor::Impl {
  explicit Impl(Poller* made) noexcept : poller(made) {}
  ~Impl();

  Poller* poller;
  ForkGuard fork_guard;
  bool hosted = false;
  bool in_turn = false;
  Instant now;
  std::uint64_t turn = 0;

  Watch* watches = nullptr;
  std::size_t watch_capacity = 0;
  int queue_head = -1;
  int queue_tail = -1;
  std::size_t active_count = 0;  // watches with an interest
  int only_active = -1;          // the descriptor of that watch while there is one

  TimerHeap timers;
  Instant armed_at = Instant::never();  // what the backend's timer is set to; a passed one counts as none
  Instant run_until = Instant::never();
  bool foreign = false;          // somebody drives it through process(): the timer must be true between turns
  bool last_turn_woken = false;  // wake(), post() or stop() was called since the turn before

  // Watchers with buffered input: those to serve in this turn, and those that asked since.
  struct AgainList {
    Watcher* head = nullptr;
    Watcher* tail = nullptr;
  };
  AgainList again_next, again_now;
  TurnEnd* end_head = nullptr;
  TurnEnd* end_tail = nullptr;
  std::size_t end_count = 0;

  // Posts come in last first and are reversed by the loop: the only shared writes are one exchange each.
  std::atomic<PostedTask*> posted{nullptr};
  std::atomic<bool> woken{false};
  std::atomic<bool> stopping{false};
  std::atomic<bool> closed{false};

  Readiness batch[Poller::kBatch];
  LoopShared shared;

  [[nodiscard]] bool pending() const noexcept {
    return again_next.head != nullptr || again_now.head != nullptr || end_head != nullptr || queue_head >= 0;
  }
  [[nodiscard]] Watch* watch_of(int descriptor) noexcept {
    if (descriptor < 0 || static_cast<std::size_t>(descriptor) >= watch_capacity) return nullptr;
    Watch& watch = watches[descriptor];
    return watch.watcher == nullptr ? nullptr : &watch;
  }
  [[nodiscard]] bool reserve(int descriptor) noexcept;
  void set_interest(int descriptor, Watch& watch, Interest interest) noexcept;
  [[nodiscard]] bool kernel_knows_nothing() const noexcept;
  void note(int descriptor, Watch& watch, Interest ready) noexcept;
  void unlink_again(Watcher& watcher) noexcept;
  void link_again(Watcher& watcher) noexcept;
  void unlink_end(TurnEnd& hook) noexcept;

  bool run_posted() noexcept;
  bool serve_ready() noexcept;
  bool serve_again() noexcept;
  bool fire_timers() noexcept;
  bool end_turn() noexcept;
  bool one_turn(WaitMode mode) noexcept;
  void push(PostedTask& task) noexcept;
  void wake() noexcept;
  void nudge() noexcept;
  void sync_timer() noexcept;
};

Reactor::Impl::~Impl() {
  closed.store(true);
  // The tasks are destroyed, not run; what their destructors post is refused.
  PostedTask* task = posted.exchange(nullptr);
  while (task != nullptr) {
    PostedTask* const dropped = std::exchange(task, task->next);
    dropped->deliver(*dropped, PostedFate::dropped);
  }
  if (fork_guard.forked()) poller->disown();
  destroy_poller(poller);
  deallocate(watches, watch_capacity * sizeof(Watch));
}

bool Reactor::Impl::reserve(int descriptor) noexcept {
  const auto wanted = static_cast<std::size_t>(descriptor) + 1;
  if (wanted <= watch_capacity) return true;
  std::size_t capacity = watch_capacity == 0 ? 64 : watch_capacity;
  while (capacity < wanted) capacity *= 2;
  auto* grown = static_cast<Watch*>(allocate(capacity * sizeof(Watch)));
  if (grown == nullptr) return false;
  for (std::size_t index = 0; index < capacity; ++index) {
    ::new (static_cast<void*>(grown + index)) Watch(index < watch_capacity ? watches[index] : Watch{});
  }
  deallocate(watches, watch_capacity * sizeof(Watch));
  watches = grown;
  watch_capacity = capacity;
  return true;
}

void Reactor::Impl::set_interest(int descriptor, Watch& watch, Interest interest) noexcept {
  const bool was_active = watch.interest.read || watch.interest.write;
  watch.interest = interest;
  const bool active = interest.read || interest.write;
  if (active == was_active) return;
  active_count += active ? 1 : std::size_t{0} - 1;
  only_active = -1;
  if (active_count != 1) return;
  if (active) only_active = descriptor;
  for (std::size_t at = 0; only_active < 0; ++at) {  // there is one
    if (watches[at].interest.read || watches[at].interest.write) only_active = static_cast<int>(at);
  }
}

// A program with one connection, in the middle of a burst: the only watcher the kernel could tell of is served in this
// turn anyway, timers are judged by the clock, and posts by their list. So it is not asked, which halves the system
// calls of a burst.
bool Reactor::Impl::kernel_knows_nothing() const noexcept {
  if (hosted || active_count != 1) return false;
  const Watch& watch = watches[only_active];
  return !watch.interest.write && watch.watcher->again_ == Watcher::Again::next_turn;
}

void Reactor::Impl::note(int descriptor, Watch& watch, Interest ready) noexcept {
  watch.ready.read = watch.ready.read || (ready.read && watch.interest.read);
  watch.ready.write = watch.ready.write || (ready.write && watch.interest.write);
  if (watch.queued) return;
  watch.queued = true;
  watch.queue_next = -1;
  (queue_tail < 0 ? queue_head : watches[queue_tail].queue_next) = descriptor;
  queue_tail = descriptor;
}

void Reactor::Impl::link_again(Watcher& watcher) noexcept {
  watcher.again_ = Watcher::Again::next_turn;
  watcher.again_next_ = nullptr;
  watcher.again_previous_ = again_next.tail;
  (again_next.tail == nullptr ? again_next.head : again_next.tail->again_next_) = &watcher;
  again_next.tail = &watcher;
}

void Reactor::Impl::unlink_again(Watcher& watcher) noexcept {
  if (watcher.again_ == Watcher::Again::no) return;
  AgainList& list = watcher.again_ == Watcher::Again::next_turn ? again_next : again_now;
  (watcher.again_previous_ == nullptr ? list.head : watcher.again_previous_->again_next_) = watcher.again_next_;
  (watcher.again_next_ == nullptr ? list.tail : watcher.again_next_->again_previous_) = watcher.again_previous_;
  watcher.again_next_ = watcher.again_previous_ = nullptr;
  watcher.again_ = Watcher::Again::no;
}

void Reactor::Impl::unlink_end(TurnEnd& hook) noexcept {
  (hook.previous_ == nullptr ? end_head : hook.previous_->next_) = hook.next_;
  (hook.next_ == nullptr ? end_tail : hook.next_->previous_) = hook.previous_;
  hook.next_ = hook.previous_ = nullptr;
  hook.requested_ = false;
  --end_count;
}

void Reactor::Impl::wake() noexcept {
  if (!woken.exchange(true)) poller->wake();
}

void Reactor::Impl::push(PostedTask& task) noexcept {
  task.next = posted.load(std::memory_order_relaxed);
  while (!posted.compare_exchange_weak(task.next, &task, std::memory_order_release, std::memory_order_relaxed)) {
  }
  wake();
}

// Something became due or nearer outside a turn.
void Reactor::Impl::nudge() noexcept {
  if (!foreign) return;
  now = clock();
  sync_timer();
}

// Moves the backend's timer when something is due before it. A deadline that moved away is left: one wake-up in vain
// costs less than a system call for each message that moves the keep-alive.
void Reactor::Impl::sync_timer() noexcept {
  Instant next = earlier_of(timers.earliest(), run_until);
  if (pending()) next = Instant::from_nanoseconds(1);
  if (armed_at <= now) armed_at = Instant::never();
  if (next >= armed_at) return;
  poller->arm(next);
  armed_at = next;
}

bool Reactor::Impl::run_posted() noexcept {
  // The mark goes before the tasks are taken: who pushes after this wakes again.
  last_turn_woken = woken.exchange(false);
  PostedTask* newest = posted.exchange(nullptr, std::memory_order_acq_rel);
  PostedTask* in_order = nullptr;
  while (newest != nullptr) {
    PostedTask* const next = std::exchange(newest->next, in_order);
    in_order = newest;
    newest = next;
  }
  const bool any = in_order != nullptr;
  while (in_order != nullptr) {
    PostedTask* const task = in_order;
    in_order = task->next;
    task->deliver(*task, PostedFate::run);
  }
  return any;
}

bool Reactor::Impl::serve_ready() noexcept {
  bool any = false;
  while (queue_head >= 0) {
    const int descriptor = queue_head;
    Watch& watch = watches[descriptor];
    queue_head = watch.queue_next;
    if (queue_head < 0) queue_tail = -1;
    watch.queued = false;
    // What was removed or lost its interest since it was noted has nothing left here.
    Interest ready = std::exchange(watch.ready, Interest{});
    ready.read = ready.read && watch.interest.read;
    ready.write = ready.write && watch.interest.write;
    Watcher* const watcher = watch.watcher;
    if (watcher == nullptr || (!ready.read && !ready.write)) continue;
    if (watcher->again_ == Watcher::Again::this_turn) {
      ready.read = true;  // told once a turn, whatever the number of reasons
      unlink_again(*watcher);
    }
    any = true;
    watcher->on_ready(ready);
  }
  return any;
}

bool Reactor::Impl::serve_again() noexcept {
  bool any = false;
  while (again_now.head != nullptr) {
    Watcher& watcher = *again_now.head;
    unlink_again(watcher);
    any = true;
    watcher.on_ready({.read = true, .write = false});
  }
  return any;
}

bool Reactor::Impl::fire_timers() noexcept {
  // Only those that were armed when this began: a timer that arms itself for now waits for the next turn. arm() lets
  // nobody in front of those that are due.
  const std::uint64_t last = timers.last_number();
  bool any = false;
  while (timers.earliest() <= now && timers.earliest_number() <= last) {
    any = true;
    timers.pop().on_timer(now);
  }
  return any;
}

bool Reactor::Impl::end_turn() noexcept {
  bool any = false;
  for (unsigned round = 0; round < kTurnEndRounds && end_head != nullptr; ++round) {
    for (std::size_t left = end_count; left != 0 && end_head != nullptr; --left) {
      TurnEnd& hook = *end_head;
      unlink_end(hook);
      any = true;
      hook.on_turn_end(now);
    }
  }
  return any;
}

bool Reactor::Impl::one_turn(WaitMode mode) noexcept {
  const bool ask = mode == WaitMode::until_something || !kernel_knows_nothing();
  const std::size_t count = ask ? poller->wait(batch, mode) : 0;
  now = clock();
  ++turn;
  in_turn = true;
  again_now = std::exchange(again_next, AgainList{});
  for (Watcher* watcher = again_now.head; watcher != nullptr; watcher = watcher->again_next_) {
    watcher->again_ = Watcher::Again::this_turn;
  }
  for (std::size_t index = 0; index < count; ++index) {
    const Readiness& event = batch[index];
    Watch* const watch = watch_of(event.descriptor);
    if (watch != nullptr && watch->generation == event.generation) note(event.descriptor, *watch, event.ready);
  }
  // Input before timers: after a long pause what has arrived is read before a deadline is judged by it.
  bool any = run_posted();
  any = serve_ready() || any;
  any = serve_again() || any;
  any = fire_timers() || any;
  any = end_turn() || any;
  in_turn = false;
  return any;
}

// --- The interface

Instant Reactor::clock() noexcept {
  timespec time = {};
#if defined(__linux__) || defined(__OpenBSD__)
  ::clock_gettime(CLOCK_BOOTTIME, &time);
#else
  // macOS and FreeBSD: this one goes on during suspend.
  ::clock_gettime(CLOCK_MONOTONIC, &time);
#endif
  return Instant::from_nanoseconds(std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec);
}

Reactor::Reactor() noexcept { start(make_system_poller(), nullptr); }
Reactor::Reactor(HostLoop& loop) noexcept { start(make_host_poller(loop), &loop); }
Reactor::Reactor(Poller* backend) noexcept { start(backend, nullptr); }

void Reactor::start(Poller* backend, HostLoop* host) noexcept {
  if (backend != nullptr) impl_ = make<Impl>(backend);
  if (impl_ == nullptr) {
    destroy_poller(backend);
    status_ = Error(Errc::no_memory, "no memory for an event loop");
    return;
  }
  impl_->hosted = impl_->foreign = host != nullptr;
  status_ = backend->open();
  if (!status_.ok()) destroy(std::exchange(impl_, nullptr));
}

Reactor::~Reactor() { destroy(impl_); }

const Status& Reactor::status() const noexcept { return status_; }
LoopShared* Reactor::shared() const noexcept { return impl_ == nullptr ? nullptr : &impl_->shared; }
bool Reactor::forked() const noexcept { return impl_ != nullptr && impl_->fork_guard.forked(); }

void Reactor::run() noexcept {
  if (impl_ == nullptr) return;
  while (!impl_->stopping.exchange(false) && !forked()) run_once(Instant::never());
}

void Reactor::stop() noexcept {
  if (impl_ == nullptr || forked()) return;
  impl_->stopping.store(true);
  impl_->wake();
}

void Reactor::run_once(Instant deadline) noexcept {
  if (impl_ == nullptr || impl_->in_turn || forked()) return;
  Impl& loop = *impl_;
  for (;;) {
    loop.now = clock();
    loop.run_until = deadline;
    // `woken` is looked at too, because the first wake of a burst is told by the backend once and may be told already.
    const bool wait = !loop.hosted && !loop.pending() && deadline > loop.now && loop.timers.earliest() > loop.now &&
                      !loop.woken.load();
    if (wait) loop.sync_timer();
    const bool any = loop.one_turn(wait ? WaitMode::until_something : WaitMode::no_wait);
    loop.run_until = Instant::never();
    // What ended the wait may have been a timer that moved away meanwhile, or a signal.
    if (any || !wait || loop.last_turn_woken || loop.now >= deadline) break;
  }
  if (loop.foreign) loop.sync_timer();
}

bool Reactor::poll() noexcept {
  if (impl_ == nullptr || impl_->in_turn || forked()) return false;
  const bool any = impl_->one_turn(WaitMode::no_wait);
  if (impl_->foreign) impl_->sync_timer();
  return any;
}

int Reactor::fd() const noexcept {
  if (impl_ == nullptr) return -1;
  impl_->foreign = true;
  impl_->nudge();
  return impl_->poller->fd();
}

Instant Reactor::deadline() const noexcept {
  if (impl_ == nullptr) return Instant::never();
  return impl_->pending() ? Instant::from_nanoseconds(0) : impl_->timers.earliest();
}

void Reactor::process() noexcept {
  if (impl_ == nullptr || impl_->in_turn || forked()) return;
  static_cast<void>(impl_->one_turn(WaitMode::no_wait));
  impl_->sync_timer();
}

void Reactor::ready(int descriptor, Interest ready) noexcept {
  if (impl_ == nullptr || forked() || impl_->poller->take_wake(descriptor)) return;
  if (Watch* const watch = impl_->watch_of(descriptor)) impl_->note(descriptor, *watch, ready);
}

Status Reactor::post(Callback<void()> task) noexcept {
  if (!task) return Error(Errc::no_memory, "an empty task was posted, or there was no memory for it");
  if (impl_ == nullptr || forked() || impl_->closed.load()) return Error(Errc::closed, "the event loop has ended");
  auto* made = make<PostedCallback>(std::move(task));
  if (made == nullptr) return Error(Errc::no_memory, "no memory to post a task");
  impl_->push(*made);
  return {};
}

void Reactor::post(PostedTask& task) noexcept {
  if (impl_ == nullptr) return task.deliver(task, PostedFate::dropped);
  impl_->push(task);
}

void Reactor::wake() noexcept {
  if (impl_ != nullptr && !forked()) impl_->wake();
}

Instant Reactor::now() const noexcept { return in_turn() ? impl_->now : clock(); }
bool Reactor::in_turn() const noexcept { return impl_ != nullptr && impl_->in_turn; }

Status Reactor::add(int descriptor, Interest interest, Watcher& watcher) noexcept {
  if (impl_ == nullptr) return status_;
  if (forked()) return closed_by_fork();
  if (descriptor < 0) return Error(Errc::invalid_argument, "a negative descriptor cannot be watched");
  if (!impl_->reserve(descriptor)) return Error(Errc::no_memory, "no memory to watch a descriptor");
  Watch& watch = impl_->watches[descriptor];
  if (watch.watcher != nullptr) return Error(Errc::invalid_argument, "this descriptor is watched already");
  Status added = impl_->poller->add(descriptor, interest, watch.generation);
  if (!added.ok()) return added;
  watch.watcher = &watcher;
  watch.ready = {};
  impl_->set_interest(descriptor, watch, interest);
  return {};
}

Status Reactor::modify(int descriptor, Interest interest, Watcher& watcher) noexcept {
  if (impl_ == nullptr) return status_;
  if (forked()) return closed_by_fork();
  Watch* const watch = impl_->watch_of(descriptor);
  if (watch == nullptr) return Error(Errc::invalid_argument, "this descriptor is not watched");
  if (watch->interest.read != interest.read || watch->interest.write != interest.write) {
    Status changed = impl_->poller->modify(descriptor, watch->interest, interest, watch->generation);
    if (!changed.ok()) return changed;
    impl_->set_interest(descriptor, *watch, interest);
  }
  watch->watcher = &watcher;
  return {};
}

void Reactor::remove(int descriptor, Watcher& watcher) noexcept {
  if (impl_ == nullptr) return;
  impl_->unlink_again(watcher);
  Watch* const watch = impl_->watch_of(descriptor);
  if (watch == nullptr || watch->watcher != &watcher) return;
  // The child of a fork shares the parent's set: taking something off it would deafen the parent.
  if (!forked()) impl_->poller->remove(descriptor, watch->interest);
  impl_->set_interest(descriptor, *watch, {});
  watch->watcher = nullptr;
  watch->ready = {};
  ++watch->generation;
}

void Reactor::again(Watcher& watcher) noexcept {
  if (impl_ == nullptr || watcher.again_ != Watcher::Again::no || forked()) return;
  impl_->link_again(watcher);
  if (!impl_->in_turn) impl_->nudge();
}

void Reactor::arm(Timer& timer, Instant at) noexcept {
  if (impl_ == nullptr || forked()) return;
  // What is armed for the past in every turn would otherwise come before everybody else in every turn.
  impl_->timers.arm(timer, impl_->in_turn && at < impl_->now ? impl_->now : at);
  // A foreign loop waits on fd() or on its own timer: it has to hear of a deadline that came nearer.
  if (!impl_->in_turn) impl_->nudge();
}

void Reactor::disarm(Timer& timer) noexcept {
  if (impl_ != nullptr) impl_->timers.disarm(timer);
}

void Reactor::at_turn_end(TurnEnd& hook) noexcept {
  if (impl_ == nullptr || hook.requested_ || forked()) return;
  hook.requested_ = true;
  hook.next_ = nullptr;
  hook.previous_ = impl_->end_tail;
  (impl_->end_tail == nullptr ? impl_->end_head : impl_->end_tail->next_) = &hook;
  impl_->end_tail = &hook;
  ++impl_->end_count;
  if (!impl_->in_turn) impl_->nudge();
}

void Reactor::cancel(TurnEnd& hook) noexcept {
  if (impl_ != nullptr && hook.requested_) impl_->unlink_end(hook);
}

}  // namespace axonpush::inline v0::net
