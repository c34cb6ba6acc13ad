#include "net/thread.h"

#include <signal.h>

#include <new>

#include "base/alloc.h"

namespace axonpush::inline v0::net {

namespace {

// Handed to the new thread and freed there, so that the Thread may move on before it runs.
struct Launch {
  Thread::Main main;
  void* argument;
};

}  // namespace

void* Thread::run(void* launch) noexcept {
  const Launch taken = *static_cast<Launch*>(launch);
  deallocate(launch, sizeof(Launch));
  taken.main(taken.argument);
  return nullptr;
}

Status Thread::start(Main main, void* argument) noexcept {
  void* memory = allocate(sizeof(Launch));
  if (memory == nullptr) return Error(Errc::no_memory, "no memory for a thread");
  auto* launch = ::new (memory) Launch{main, argument};
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int failed = pthread_create(&handle_, nullptr, &Thread::run, launch);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failed != 0) {
    deallocate(memory, sizeof(Launch));
    return Error(Errc::no_memory, "a thread could not be started").with_number(static_cast<std::uint32_t>(failed));
  }
  started_ = true;
  return {};
}

void Thread::join() noexcept {
  if (!started_) return;
  pthread_join(handle_, nullptr);
  started_ = false;
}

void Thread::detach() noexcept {
  if (!started_) return;
  pthread_detach(handle_);
  started_ = false;
}

}  // namespace axonpush::inline v0::net
