// axonpush decode http: see the usage below.
#include <cstdio>

#include "tool/command.h"

namespace axonpush::tool {

int decode_http(Arguments arguments) {
  static_cast<void>(arguments);
  std::fputs("axonpush: decode http stands in a later change\n", stderr);
  return 1;
}

}  // namespace axonpush::tool
