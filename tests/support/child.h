// The end of a child that a test forked.
#pragma once

#include <unistd.h>

#if defined(__linux__)
// There in a coverage build only.
extern "C" int __llvm_profile_write_file(void) __attribute__((weak));
#endif

namespace axonpush::test {

// Without the parent's exit handlers; what ran here still counts in the coverage.
[[noreturn]] inline void end_child(int status) {
#if defined(__linux__)
  if (__llvm_profile_write_file != nullptr) static_cast<void>(__llvm_profile_write_file());
#endif
  ::_exit(status);
}

}  // namespace axonpush::test
