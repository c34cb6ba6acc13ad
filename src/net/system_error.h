// The errors of system calls.
#pragma once

#include <axonpush/base/error.h>

namespace axonpush::inline v0::net {

// What a failed system call means, by its errno.
[[nodiscard]] Error system_error(int number, const char* what) noexcept;

}  // namespace axonpush::inline v0::net
