// The one way to the heap for the layers from base to client.
//
// It goes through the nothrow operator new of the standard, which a program may replace: that is how the tests count
// allocations and make the k-th one fail, without a hook or a global of ours.
#pragma once

#include <cstddef>

namespace axonpush::inline v0 {

// nullptr when the heap is exhausted. Aligned for every fundamental type.
[[nodiscard]] void* allocate(std::size_t size) noexcept;
void deallocate(void* memory, std::size_t size) noexcept;

}  // namespace axonpush::inline v0
