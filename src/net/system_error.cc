#include "net/system_error.h"

#include <cerrno>

namespace axonpush::inline v0::net {

Error system_error(int number, const char* what) noexcept {
  Errc code = Errc::internal;
  if (number == EMFILE || number == ENFILE) code = Errc::no_fds;
  if (number == ENOMEM || number == ENOBUFS || number == ENOSPC) code = Errc::no_memory;
  if (number == EBADF || number == EPERM || number == EEXIST) code = Errc::invalid_argument;
  return Error(code, what).with_number(static_cast<std::uint32_t>(number));
}

}  // namespace axonpush::inline v0::net
