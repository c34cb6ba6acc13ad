// Input: one byte of context, four that choose the cuts, then the stream. Responses, and the same bytes as a request.
#include "http_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace axonpush;
  using namespace axonpush::http;
  if (size < 5) return 0;
  const std::uint8_t flags = data[0];
  const Bytes choices(data + 1, 4);
  const std::string_view input = text_of({data + 5, size - 5});
  const StreamEnd end = (flags & 8) != 0 ? StreamEnd::cut : StreamEnd::orderly;
  ResponseContext context;
  context.head_request = (flags & 1) != 0;
  context.upgrade_requested = (flags & 2) != 0;
  context.connect_request = (flags & 4) != 0;
  if ((flags & 16) != 0) context.limits = {.head_bytes = 64, .body_bytes = 16};
  test::check<ResponseDecoder>(input, context, end, choices);
  RequestContext server;
  server.limits = context.limits;
  server.require_host = (flags & 32) != 0;
  test::check<RequestDecoder>(input, server, end, choices);
  return 0;
}
