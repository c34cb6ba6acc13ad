// What all clients on one loop have together: only one of them reads at a time, so that thousands that are idle need
// one receive buffer, one block of random bytes and one reserve of small buffers, not one each.
//
// Thread rule: the loop's thread. Lifetime: the reactor's; clients die before it.
#pragma once

#include <axonpush/base/buffer.h>
#include <axonpush/base/transport.h>

#include "net/entropy.h"

namespace axonpush::inline v0::net {

struct LoopShared {
  LoopShared() = default;
  LoopShared(const LoopShared&) = delete;
  LoopShared& operator=(const LoopShared&) = delete;
  ~LoopShared() {
    if (workspace.memory != nullptr) workspace.destroy(workspace.memory);
  }

  BufferPool buffers;
  SystemEntropy entropy;
  Workspace workspace;
};

}  // namespace axonpush::inline v0::net
