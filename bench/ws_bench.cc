// WebSocket frames and masks, with memcpy beside them as the floor. Names: ws/operation/size.
#include <axonpush/ws/frame.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "allocations.h"
#include "ws/mask.h"

namespace axonpush::bench {
namespace {

std::vector<std::uint8_t> some_bytes(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t at = 0; at < size; ++at) bytes[at] = static_cast<std::uint8_t>(at * 131 + 17);
  return bytes;
}

constexpr std::uint8_t kKey[4] = {0x9A, 0x01, 0xF3, 0x5C};

// Sixteen buffers take turns, so that no round waits for what the last one has just written.
constexpr std::size_t kBuffers = 16;

struct Buffers {
  explicit Buffers(std::size_t size) : from(kBuffers, some_bytes(size)), into(kBuffers, some_bytes(size)) {}
  std::vector<std::vector<std::uint8_t>> from;
  std::vector<std::vector<std::uint8_t>> into;
};

void ws_memcpy(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  Buffers buffers(size);
  std::size_t turn = 0;
  Measure measure(state);
  for (auto _ : state) {
    turn = (turn + 1) % kBuffers;
    std::memcpy(buffers.into[turn].data(), buffers.from[turn].data(), size);
    benchmark::ClobberMemory();
  }
  measure.tell(size);
}

void ws_mask_in_place(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  Buffers buffers(size);
  std::size_t turn = 0;
  Measure measure(state);
  for (auto _ : state) {
    turn = (turn + 1) % kBuffers;
    ws::mask_in_place(buffers.into[turn], kKey);
    benchmark::ClobberMemory();
  }
  measure.tell(size);
}

void ws_mask_copy(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  Buffers buffers(size);
  ws::mask_copy(buffers.into[0].data(), buffers.from[0], kKey);
  for (std::size_t at = 0; at < size; ++at) {
    if (buffers.into[0][at] != (buffers.from[0][at] ^ kKey[at % 4])) std::abort();
  }
  std::size_t turn = 0;
  Measure measure(state);
  for (auto _ : state) {
    turn = (turn + 1) % kBuffers;
    ws::mask_copy(buffers.into[turn].data(), buffers.from[turn], kKey);
    benchmark::ClobberMemory();
  }
  measure.tell(size);
}

// What a processor without AVX2 runs.
void ws_mask_16_bytes_at_a_time(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  Buffers buffers(size);
  std::size_t turn = 0;
  Measure measure(state);
  for (auto _ : state) {
    turn = (turn + 1) % kBuffers;
    ws::masking::vector16(buffers.into[turn].data(), buffers.from[turn].data(), size, load_be32(kKey));
    benchmark::ClobberMemory();
  }
  measure.tell(size);
}

// A receive buffer of 64 KiB full of frames of one payload size, as a broker sends them.
void ws_parse(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const auto payload = some_bytes(size);
  std::vector<std::uint8_t> buffer(std::max<std::size_t>(64 * 1024, size + 16));
  std::size_t filled = 0;
  std::size_t frames = 0;
  for (;;) {
    const std::size_t taken =
        ws::encode_frame(MutableBytes(buffer).subspan(filled), ws::Opcode::binary, payload, nullptr);
    if (taken == 0) break;
    filled += taken;
    ++frames;
  }
  Measure measure(state);
  for (auto _ : state) {
    ws::FrameDecoder decoder;
    MutableBytes rest = MutableBytes(buffer).first(filled);
    std::size_t seen = 0;
    for (;;) {
      const auto step = decoder.next(rest);
      if (step.kind != ws::FrameDecoder::Kind::data) break;
      benchmark::DoNotOptimize(step.payload.data());
      rest = rest.subspan(step.consumed);
      ++seen;
    }
    if (seen != frames) std::abort();
  }
  measure.tell(filled);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(frames));
}

BENCHMARK(ws_memcpy)->Name("ws/memcpy")->Arg(64)->Arg(256)->Arg(300)->Arg(1024)->Arg(4096)->Arg(65536);
BENCHMARK(ws_mask_in_place)->Name("ws/mask_in_place")->Arg(64)->Arg(256)->Arg(300)->Arg(1024)->Arg(4096)->Arg(65536);
BENCHMARK(ws_mask_copy)->Name("ws/mask_copy")->Arg(64)->Arg(256)->Arg(300)->Arg(1024)->Arg(4096)->Arg(65536);
BENCHMARK(ws_mask_16_bytes_at_a_time)->Name("ws/mask_copy_sse2")->Arg(64)->Arg(256)->Arg(1024)->Arg(4096)->Arg(65536);
BENCHMARK(ws_parse)->Name("ws/parse")->Arg(16)->Arg(125)->Arg(256)->Arg(4096);

}  // namespace
}  // namespace axonpush::bench
