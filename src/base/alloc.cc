#include "base/alloc.h"

#include <new>

namespace axonpush::inline v0 {

void* allocate(std::size_t size) noexcept { return ::operator new(size, std::nothrow); }
void deallocate(void* memory, std::size_t size) noexcept {
  static_cast<void>(size);
  ::operator delete(memory, std::nothrow);
}

}  // namespace axonpush::inline v0
