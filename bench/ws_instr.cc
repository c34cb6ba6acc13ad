// WebSocket: a server's frame taken apart, a client's payload masked, both ways.
#include <axonpush/ws/frame.h>

#include <cstdlib>
#include <cstring>

#include "instr.h"
#include "ws/mask.h"

namespace axonpush::bench {
namespace {

constexpr std::size_t kFramePayload = 256;
constexpr std::size_t kFrameBytes = 4 + kFramePayload;
constexpr std::size_t kLargest = 4096;

std::uint8_t frames[kInputCount][kFrameBytes];
std::uint8_t payloads[kInputCount][kLargest];
std::uint8_t keys[kInputCount][4];
std::uint8_t target[kLargest];

void demand(bool condition) {
  if (!condition) std::abort();
}

void prepare_frames() {
  for (std::uint64_t row = 0; row < kInputCount; ++row) {
    for (std::size_t at = 0; at < kFrameBytes; ++at) frames[row][at] = static_cast<std::uint8_t>(row * 29 + at * 11);
    demand(ws::header_backwards(frames[row] + 4, ws::Opcode::binary, kFramePayload, nullptr) == 4);
    ws::FrameDecoder decoder;
    const auto step = decoder.next(frames[row]);
    demand(step.kind == ws::FrameDecoder::Kind::data && step.message_end && step.consumed == kFrameBytes);
    demand(step.payload.data() == frames[row] + 4 && step.payload.size() == kFramePayload);
  }
}
void parse(std::uint64_t count) {
  ws::FrameDecoder decoder;
  for (std::uint64_t at = 0; at < count; ++at) {
    const auto step = decoder.next(frames[at % kInputCount]);
    keep(step.payload.data());
    keep(step.payload.size());
    keep(step.consumed);
    keep(step.kind);
  }
}

void prepare_masks() {
  for (std::uint64_t row = 0; row < kInputCount; ++row) {
    for (std::size_t at = 0; at < kLargest; ++at) payloads[row][at] = static_cast<std::uint8_t>(row * 31 + at * 7);
    for (std::size_t at = 0; at < 4; ++at) keys[row][at] = static_cast<std::uint8_t>(row * 67 + at * 59 + 1);
    ws::mask_copy(target, payloads[row], keys[row]);
    for (std::size_t at = 0; at < kLargest; ++at) demand(target[at] == (payloads[row][at] ^ keys[row][at % 4]));
    ws::mask_in_place(target, keys[row]);
    demand(std::memcmp(target, payloads[row], kLargest) == 0);
  }
}
template <std::size_t Size>
void mask(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    ws::mask_in_place({payloads[at % kInputCount], Size}, keys[at % kInputCount]);
    keep(payloads);
  }
}
template <std::size_t Size>
void copy(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    ws::mask_copy(target, {payloads[at % kInputCount], Size}, keys[at % kInputCount]);
    keep(target);
  }
}

// What a processor without AVX2 runs.
template <std::size_t Size>
void mask_by_16(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    std::uint8_t* const payload = payloads[at % kInputCount];
    ws::masking::vector16(payload, payload, Size, load_be32(keys[at % kInputCount]));
    keep(payloads);
  }
}

const Operation kParse256{"ws_parse_256", prepare_frames, parse};
const Operation kMask256{"ws_mask_256", prepare_masks, mask<256>};
const Operation kMask4096{"ws_mask_4096", prepare_masks, mask<4096>};
const Operation kMask256Sse2{"ws_mask_256_sse2", prepare_masks, mask_by_16<256>};
const Operation kMask4096Sse2{"ws_mask_4096_sse2", prepare_masks, mask_by_16<4096>};
const Operation kMaskCopy256{"ws_mask_copy_256", prepare_masks, copy<256>};
const Operation kMaskCopy4096{"ws_mask_copy_4096", prepare_masks, copy<4096>};

}  // namespace
}  // namespace axonpush::bench
