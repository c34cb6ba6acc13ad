// Objects on the heap by way of base/alloc: nullptr when it is exhausted, never a throw.
#pragma once

#include <new>
#include <utility>

#include "base/alloc.h"

namespace axonpush::inline v0::net {

template <class T, class... Args>
[[nodiscard]] T* make(Args&&... args) noexcept {
  void* memory = allocate(sizeof(T));
  return memory == nullptr ? nullptr : ::new (memory) T{std::forward<Args>(args)...};
}

template <class T>
void destroy(T* object) noexcept {
  if (object == nullptr) return;
  object->~T();
  deallocate(object, sizeof(T));
}

}  // namespace axonpush::inline v0::net
