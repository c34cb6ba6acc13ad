// UTF-8 validation: whole and as a stream, mixed text and ASCII. Names: base/operation/size.

#include <cstdlib>
#include <vector>

#include "allocations.h"
#include "base/utf8.h"
#include "base/utf8_kernels.h"
#include "support/mixed_text.h"

namespace axonpush::bench {
namespace {

std::vector<std::uint8_t> mixed(std::size_t size) {
  std::vector<std::uint8_t> text(size);
  fill_mixed_text(text, 7);
  if (!utf8_valid(text)) std::abort();
  return text;
}

void run(benchmark::State& state, utf8::Function function, const std::vector<std::uint8_t>& text) {
  if (function == nullptr) return state.SkipWithError("this processor has not got it");
  Measure measure(state);
  for (auto _ : state) benchmark::DoNotOptimize(function(text.data(), text.size()));
  measure.tell(text.size());
}

void utf8_mixed(benchmark::State& state) {
  run(
      state,
      [](const std::uint8_t* text, std::size_t size) noexcept {
        return utf8_valid({text, size});
      },
      mixed(static_cast<std::size_t>(state.range(0))));
}
void utf8_mixed_plain(benchmark::State& state) {
  run(state, utf8::plain, mixed(static_cast<std::size_t>(state.range(0))));
}
void utf8_mixed_ssse3(benchmark::State& state) {
  run(state, utf8::ssse3(), mixed(static_cast<std::size_t>(state.range(0))));
}
void utf8_ascii(benchmark::State& state) {
  run(
      state,
      [](const std::uint8_t* text, std::size_t size) noexcept {
        return utf8_valid({text, size});
      },
      std::vector<std::uint8_t>(static_cast<std::size_t>(state.range(0)), 'a'));
}
void utf8_stream(benchmark::State& state) {
  const auto text = mixed(static_cast<std::size_t>(state.range(0)));
  Utf8Stream stream;
  Measure measure(state);
  for (auto _ : state) benchmark::DoNotOptimize(stream.feed(text));
  measure.tell(text.size());
}

BENCHMARK(utf8_mixed)->Name("base/utf8_mixed")->Arg(64)->Arg(256)->Arg(4096)->Arg(65536);
BENCHMARK(utf8_mixed_plain)->Name("base/utf8_mixed_plain")->Arg(4096);
BENCHMARK(utf8_mixed_ssse3)->Name("base/utf8_mixed_ssse3")->Arg(4096);
BENCHMARK(utf8_stream)->Name("base/utf8_stream")->Arg(256)->Arg(4096);
BENCHMARK(utf8_ascii)->Name("base/utf8_ascii")->Arg(64)->Arg(4096);

}  // namespace
}  // namespace axonpush::bench
