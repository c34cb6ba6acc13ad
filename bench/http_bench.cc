// HTTP: heads, chunked bodies and URLs. Each workload checks its answer once before it is timed.
#include <axonpush/http/http1.h>
#include <axonpush/http/url.h>

#include <string>

#include "allocations.h"

namespace axonpush::bench {
namespace {

std::string head_of(std::size_t field_count) {
  std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: Mon, 23 Nov 2026 18:00:07 GMT\r\n";
  for (std::size_t field = 2; field < field_count; ++field) {
    head += "X-Amzn-Field-" + std::to_string(10 + field) + ": 5f3c9d21-6a0c-11ef\r\n";
  }
  return head + "\r\n";
}

void head(benchmark::State& state) {
  const auto field_count = static_cast<std::size_t>(state.range(0));
  const std::string input = head_of(field_count);
  http::ResponseDecoder first;
  if (first.next(bytes_of(input)).kind != http::StepKind::head || first.head().headers.size() != field_count) {
    return state.SkipWithError("the head was not read");
  }
  Measure measure(state);
  for (auto _ : state) {
    http::ResponseDecoder decoder;
    benchmark::DoNotOptimize(decoder.next(bytes_of(input)));
    benchmark::DoNotOptimize(decoder.head());
  }
  measure.tell(input.size());
}
BENCHMARK(head)->Name("http/decode_head_of_fields")->Arg(4)->Arg(12)->Arg(50)->Arg(100);

// A head that comes in segments must not cost more the longer it takes.
void dribbled_head(benchmark::State& state) {
  const std::string input = head_of(100);
  const auto piece = static_cast<std::size_t>(state.range(0));
  const auto run = [&] {
    http::ResponseDecoder decoder;
    http::Step step;
    for (std::size_t size = piece; step.kind == http::StepKind::need_more; size += piece) {
      step = decoder.next(bytes_of(input).first(size < input.size() ? size : input.size()));
    }
    return step.kind;
  };
  if (run() != http::StepKind::head) return state.SkipWithError("the head was not read");
  Measure measure(state);
  for (auto _ : state) benchmark::DoNotOptimize(run());
  measure.tell(input.size());
}
BENCHMARK(dribbled_head)->Name("http/decode_head_in_pieces_of")->Arg(1)->Arg(64)->Arg(1460);

void chunked(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  char line[32];
  std::string input = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::size_t head_bytes = input.size();
  for (std::size_t done = 0; done < 32 * 1024; done += size) {
    std::snprintf(line, sizeof line, "%zx\r\n", size);
    input += line + std::string(size, 'x') + "\r\n";
  }
  input += "0\r\n\r\n";
  http::ResponseDecoder start;
  static_cast<void>(start.next(bytes_of(input)));
  const Bytes body = bytes_of(input).subspan(head_bytes);
  const auto run = [&] {
    http::ResponseDecoder decoder = start;
    std::size_t total = 0;
    Bytes rest = body;
    for (http::Step step = decoder.next(rest); step.kind == http::StepKind::body; step = decoder.next(rest)) {
      total += step.data.size();
      rest = rest.subspan(step.consumed);
    }
    return total;
  };
  if (run() < 32 * 1024) return state.SkipWithError("the body was not read");
  Measure measure(state);
  for (auto _ : state) benchmark::DoNotOptimize(run());
  measure.tell(body.size());
}
BENCHMARK(chunked)->Name("http/decode_32768_in_chunks_of")->Arg(16)->Arg(256)->Arg(4096);

void url(benchmark::State& state) {
  std::string text = "wss://a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com/mqtt?x-amz-customauthorizer-name=axonpush";
  text.resize(static_cast<std::size_t>(state.range(0)), 'x');
  if (!http::parse_url(text).ok()) return state.SkipWithError("the URL was refused");
  Measure measure(state);
  for (auto _ : state) benchmark::DoNotOptimize(http::parse_url(text));
  measure.tell(text.size());
}
BENCHMARK(url)->Name("http/parse_url")->Arg(96)->Arg(2096);

}  // namespace
}  // namespace axonpush::bench
