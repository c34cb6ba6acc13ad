// What the handles of the facade share: the loop with its thread, the client on it, and whoever waits for an answer.
//
// Counted: the AxonPush, each RealtimeClient and the thread hold one. The thread alone touches the client; other
// threads post and wait. Thread rule: everything public from any thread unless it says "loop".
#pragma once

#include <axonpush/axonpush.h>
#include <axonpush/net/reactor.h>
#include <axonpush/net/tls.h>

#include <condition_variable>
#include <mutex>

#include "net/thread.h"

namespace axonpush::inline v0 {

// One blocked call, on its caller's stack. The caller goes when it was answered or when the client has gone, and what
// has gone answers nobody.
class FacadeWait {
 public:
  bool done = false;  // under the core's mutex
};

class FacadeCore {
 public:
  [[nodiscard]] static FacadeCore* create(ClientOptions options, Error& error) noexcept;
  void retain() noexcept { __atomic_add_fetch(&references_, 1, __ATOMIC_RELAXED); }
  void release() noexcept;
  // The AxonPush is going: the loop ends, the client with it, everybody who waits is told `closed`.
  void shut_down() noexcept;

  [[nodiscard]] bool on_loop() const noexcept { return thread_.current(); }
  [[nodiscard]] Client& client() noexcept { return *client_; }     // loop
  [[nodiscard]] Realtime& session() noexcept { return session_; }  // loop
  // The session of a handle, or a dead one that answers `closed`. Loop.
  [[nodiscard]] Realtime session_of(std::uint64_t number) noexcept {
    return session_.session() == number ? session_ : Realtime();
  }
  // Connects, and keeps the session and the news of its end. Loop.
  [[nodiscard]] Status connect(RealtimeOptions options, Callback<void(const Result<Realtime>&)> done) noexcept;
  // Once this has answered ok the task runs, the end of the loop or not.
  [[nodiscard]] Status post(Callback<void()> task) noexcept;

  // Runs `task(finish)` on the loop and waits until finish() was called: true; false when the loop ended first. Misuse
  // on the loop's own thread, where the callers never get to it.
  template <class Task>
  [[nodiscard]] bool run_and_wait(Task&& task) noexcept;
  // Loop, or whoever answers.
  void finish(FacadeWait& wait) noexcept;
  enum class Waited : std::uint8_t {
    done,
    ended,
    timed_out
  };
  // Until the session of this number has ended.
  [[nodiscard]] Waited wait_for_end(std::uint64_t session, Duration timeout) noexcept;

 private:
  explicit FacadeCore(const TlsOptions& tls) noexcept : tls_(tls) {}
  ~FacadeCore() = default;
  static void thread_main(void* self) noexcept;
  void run() noexcept;
  // True when it was answered.
  [[nodiscard]] bool wait_for(FacadeWait& wait) noexcept;

  net::Reactor reactor_;
  net::TlsContext tls_;
  net::Thread thread_;
  alignas(Client) unsigned char client_storage_[sizeof(Client)];
  Client* client_ = nullptr;
  Realtime session_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Callback<void(const StateChange&)> on_state_;  // the user's, behind ours
  std::uint64_t live_session_ = 0;               // 0: none; under mutex_
  bool closing_ = false;                         // nothing is posted any more; under mutex_
  bool ended_ = false;                           // the client is gone; under mutex_
  bool connecting_ = false;                      // loop
  int references_ = 1;
};

template <class Task>
bool FacadeCore::run_and_wait(Task&& task) noexcept {
  // The child of a fork has no such thread, and somebody may have held the mutex at that moment.
  if (reactor_.forked()) return false;
  FacadeWait wait;
  auto* job = &task;
  const Status posted = post([job, &wait] { (*job)(wait); });
  return posted.ok() && wait_for(wait);
}

}  // namespace axonpush::inline v0
