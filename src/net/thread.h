// A thread that reports when it cannot be started: std::thread would throw.
#pragma once

#include <axonpush/base/result.h>

#include <pthread.h>

namespace axonpush::inline v0::net {

class Thread {
 public:
  using Main = void (*)(void* argument) noexcept;

  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // Every signal is blocked in it: the host's handlers run on the host's threads.
  [[nodiscard]] Status start(Main main, void* argument) noexcept;
  // Exactly one of these after a start that succeeded.
  void join() noexcept;
  void detach() noexcept;
  [[nodiscard]] bool current() const noexcept { return started_ && pthread_equal(handle_, pthread_self()) != 0; }
  [[nodiscard]] bool started() const noexcept { return started_; }

 private:
  static void* run(void* self) noexcept;
  pthread_t handle_{};
  bool started_ = false;
};

}  // namespace axonpush::inline v0::net
