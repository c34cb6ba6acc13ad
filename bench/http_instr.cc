// The head of a 200 as an API behind a load balancer sends it: 427 bytes, 12 fields; framing and field semantics
// checked, views handed out.
#include <axonpush/http/http1.h>

#include <cstdio>
#include <cstdlib>

#include "instr.h"

namespace axonpush::bench {
namespace {

constexpr std::size_t kHeadBytes = 427;
constexpr std::size_t kFieldCount = 12;
constexpr std::size_t kBodyBytes = 812;
char inputs[kInputCount][kHeadBytes + kBodyBytes];

[[noreturn]] void wrong(const char* what) {
  std::fprintf(stderr, "http_head_200: %s\n", what);
  std::abort();
}

// Ids and times differ from input to input; lengths do not.
void prepare() {
  for (std::uint64_t row = 0; row < kInputCount; ++row) {
    const auto id = static_cast<unsigned>(row * 2'654'435'761U);
    const int size = std::snprintf(inputs[row], sizeof inputs[row],
                                   "HTTP/1.1 200 OK\r\n"
                                   "Date: Mon, 23 Nov 2026 18:%02u:07 GMT\r\n"
                                   "Content-Type: application/json; charset=utf-8\r\n"
                                   "Content-Length: %zu\r\n"
                                   "Connection: close\r\n"
                                   "x-amzn-RequestId: %08x-6a0c-11ef-b3a1-0242ac120002\r\n"
                                   "x-amz-apigw-id: %08xGHbQ=\r\n"
                                   "X-Amzn-Trace-Id: Root=1-66d5e1f2-%08x0c3b4d5e6f70\r\n"
                                   "Vary: Origin\r\n"
                                   "Cache-Control: no-store, max-age\r\n"
                                   "X-Request-Id: %08xa17c\r\n"
                                   "Via: 1.1 3f9c2b7e41d0a85c.cloudfront.net (CF)\r\n"
                                   "Server: nginx/1.2\r\n\r\n",
                                   static_cast<unsigned>(row % 60), kBodyBytes, id, id, id, id);
    if (size != static_cast<int>(kHeadBytes)) {
      std::fprintf(stderr, "http_head_200: the head has %d bytes\n", size);
      std::abort();
    }
    std::memset(inputs[row] + kHeadBytes, ' ', kBodyBytes);
    http::ResponseDecoder decoder;
    const http::Step step = decoder.next(bytes_of({inputs[row], sizeof inputs[row]}));
    if (step.kind != http::StepKind::head || step.consumed != kHeadBytes) wrong("the head was not read");
    const http::ResponseHead& head = decoder.head();
    if (head.status != 200 || head.reason != "OK" || head.headers.size() != kFieldCount) wrong("the head is another");
    if (head.find("connection") != "close" || head.headers[11].value != "nginx/1.2") wrong("a field is another");
    if (decoder.next(bytes_of({inputs[row] + kHeadBytes, kBodyBytes})).consumed != kBodyBytes) wrong("no body follows");
  }
}

void read_heads(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    http::ResponseDecoder decoder;
    const http::Step step = decoder.next(bytes_of({inputs[at % kInputCount], sizeof inputs[0]}));
    keep(step.consumed);
    keep(decoder.head());
  }
}

const Operation kHead200{"http_head_200", prepare, read_heads};

}  // namespace
}  // namespace axonpush::bench
