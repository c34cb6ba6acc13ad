// Input: a time. Same verdict and instant as the reference, and nothing written when there is none.
#include "support/http_reference.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace axonpush;
  WallTime time = WallTime::from_nanoseconds(42);
  std::int64_t expected = 42;
  const std::string_view text = text_of({data, size});
  const bool good = http::parse_rfc3339(text, time);
  if (good != reference::rfc3339(text, expected)) __builtin_trap();
  if (time.nanoseconds() != (good ? expected : 42)) __builtin_trap();
  return 0;
}
