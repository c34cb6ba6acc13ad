// A task on its way to the loop, owned by whoever posts it: for those that must not fail when the heap is exhausted.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0::net {

enum class PostedFate : std::uint8_t {
  run,
  dropped
};

struct PostedTask {
  using Deliver = void (*)(PostedTask& task, PostedFate fate) noexcept;
  explicit PostedTask(Deliver wanted) noexcept : deliver(wanted) {}
  PostedTask* next = nullptr;
  // Called once, on the loop's thread: run, or dropped because the loop has ended. The task is the callee's from then
  // on.
  Deliver deliver;
};

}  // namespace axonpush::inline v0::net
