// Input: one byte of context, four that choose the cuts, then a chunked body behind a fixed head.
#include "http_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace axonpush;
  using namespace axonpush::http;
  if (size < 5) return 0;
  const std::string input =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(text_of({data + 5, size - 5}));
  ResponseContext context;
  if ((data[0] & 1) != 0) context.limits.body_bytes = 32;
  test::check<ResponseDecoder>(input, context, (data[0] & 2) != 0 ? StreamEnd::cut : StreamEnd::orderly, {data + 1, 4});
  return 0;
}
