#include "facade/facade_core.h"

#include <chrono>
#include <new>
#include <utility>

#include "base/alloc.h"

namespace axonpush::inline v0 {

FacadeCore* FacadeCore::create(ClientOptions options, Error& error) noexcept {
  void* memory = allocate(sizeof(FacadeCore));
  if (memory == nullptr) {
    error = Error(Errc::no_memory, "no memory for the client");
    return nullptr;
  }
  auto* core = ::new (memory) FacadeCore(options.tls);
  core->client_ =
      ::new (static_cast<void*>(core->client_storage_)) Client(core->reactor_, core->tls_, std::move(options));
  error = core->client_->error();
  if (!error) {
    core->retain();  // the thread's
    const Status started = core->thread_.start(&FacadeCore::thread_main, core);
    if (started.ok()) return core;
    error = started.error();
    core->references_ = 1;
  }
  core->client_->~Client();
  core->release();
  return nullptr;
}

void FacadeCore::release() noexcept {
  if (__atomic_sub_fetch(&references_, 1, __ATOMIC_ACQ_REL) != 0) return;
  this->~FacadeCore();
  deallocate(this, sizeof(FacadeCore));
}

void FacadeCore::thread_main(void* self) noexcept {
  auto* core = static_cast<FacadeCore*>(self);
  core->run();
  core->release();
}

void FacadeCore::run() noexcept {
  reactor_.run();
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  // What was posted until then goes on this thread and with the client, not with the last handle: it may hold one.
  reactor_.run_once(net::Reactor::clock());
  session_ = Realtime();
  client_->~Client();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

Status FacadeCore::post(Callback<void()> task) noexcept {
  // The child of a fork has no such thread, and somebody may have held the mutex at that moment.
  if (reactor_.forked()) return Error(Errc::closed, "this process is the child of a fork");
  const std::lock_guard lock(mutex_);
  if (closing_) return Error(Errc::closed, "the client has ended");
  return reactor_.post(std::move(task));
}

void FacadeCore::shut_down() noexcept {
  // The thread is the parent's: it cannot be waited for, and what it holds is left as it is.
  if (reactor_.forked()) return;
  reactor_.stop();
  if (on_loop()) {
    // Inside a callback of its own: the thread ends by itself once the callback has returned.
    thread_.detach();
  } else {
    thread_.join();
  }
}

void FacadeCore::finish(FacadeWait& wait) noexcept {
  const std::lock_guard lock(mutex_);
  wait.done = true;
  changed_.notify_all();
}

Status FacadeCore::connect(RealtimeOptions options, Callback<void(const Result<Realtime>&)> done) noexcept {
  // The user's on_state is called from ours, which also learns of the end for wait().
  const bool first = session_.state() == ConnectionState::closed && !connecting_;
  if (first) {
    on_state_ = std::move(options.on_state);
    options.on_state = [this](CallFailure& failure, const StateChange& change) {
      const CallOutcome outcome = on_state_(failure, change);
      if (change.to == ConnectionState::closed) {
        const std::lock_guard lock(mutex_);
        live_session_ = 0;
        changed_.notify_all();
      }
      return outcome;
    };
    connecting_ = true;
  }
  Status started = client_->connect_realtime(std::move(options),
                                             [this, done = std::move(done)](const Result<Realtime>& connected) mutable {
                                               connecting_ = false;
                                               if (connected.ok()) {
                                                 session_ = *connected;
                                                 const std::lock_guard lock(mutex_);
                                                 live_session_ = session_.session();
                                               }
                                               CallFailure failure;
                                               static_cast<void>(done(failure, connected));
                                             });
  // One that is refused beside a session or an attempt changes nothing of theirs, nor of those that follow.
  if (first && !started.ok()) connecting_ = false;
  return started;
}

FacadeCore::Waited FacadeCore::wait_for_end(std::uint64_t session, Duration timeout) noexcept {
  if (reactor_.forked()) return Waited::ended;
  std::unique_lock lock(mutex_);
  const auto over = [&] { return live_session_ != session || ended_; };
  if (timeout == Duration::max()) {
    changed_.wait(lock, over);
    return Waited::done;
  }
  return changed_.wait_for(lock, std::chrono::nanoseconds(timeout.nanoseconds()), over) ? Waited::done
                                                                                        : Waited::timed_out;
}

bool FacadeCore::wait_for(FacadeWait& wait) noexcept {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return wait.done || ended_; });
  return wait.done;
}

}  // namespace axonpush::inline v0
