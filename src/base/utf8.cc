#include "base/utf8.h"

namespace axonpush::inline v0 {

namespace {

// The plain state machine of RFC 3629 section 4, one row per state. State 0 is "between characters";
// 1, 2 and 3 wait for that many plain continuation bytes; the others wait for a first continuation of a narrower range.
enum State : std::uint8_t {
  kBetween = 0,
  kTail1 = 1,
  kTail2 = 2,
  kTail3 = 3,
  kAfterE0 = 4,  // A0..BF, then one more: no overlong three-byte form
  kAfterEd = 5,  // 80..9F, then one more: no surrogates
  kAfterF0 = 6,  // 90..BF, then two more: no overlong four-byte form
  kAfterF4 = 7,  // 80..8F, then two more: nothing over U+10FFFF
  kIllFormed = 8,
};

State step(std::uint8_t state, std::uint8_t byte) {
  const bool tail = byte >= 0x80 && byte <= 0xBF;
  switch (state) {
    case kBetween:
      if (byte < 0x80) return kBetween;
      if (byte >= 0xC2 && byte <= 0xDF) return kTail1;
      if (byte == 0xE0) return kAfterE0;
      if (byte == 0xED) return kAfterEd;
      if (byte >= 0xE1 && byte <= 0xEF) return kTail2;
      if (byte == 0xF0) return kAfterF0;
      if (byte >= 0xF1 && byte <= 0xF3) return kTail3;
      if (byte == 0xF4) return kAfterF4;
      return kIllFormed;
    case kTail1:
      return tail ? kBetween : kIllFormed;
    case kTail2:
      return tail ? kTail1 : kIllFormed;
    case kTail3:
      return tail ? kTail2 : kIllFormed;
    case kAfterE0:
      return byte >= 0xA0 && byte <= 0xBF ? kTail1 : kIllFormed;
    case kAfterEd:
      return byte >= 0x80 && byte <= 0x9F ? kTail1 : kIllFormed;
    case kAfterF0:
      return byte >= 0x90 && byte <= 0xBF ? kTail2 : kIllFormed;
    case kAfterF4:
      return byte >= 0x80 && byte <= 0x8F ? kTail2 : kIllFormed;
    default:
      return kIllFormed;
  }
}

}  // namespace

bool Utf8Stream::feed(Bytes chunk) noexcept {
  std::uint8_t state = state_;
  for (const std::uint8_t byte : chunk) {
    state = step(state, byte);
    if (state == kIllFormed) break;
  }
  state_ = state;
  return state != kIllFormed;
}

std::size_t Utf8Stream::feed_prefix(Bytes chunk) noexcept {
  for (std::size_t at = 0; at < chunk.size(); ++at) {
    const State next = step(state_, chunk[at]);
    if (next == kIllFormed) return at;
    state_ = next;
  }
  return chunk.size();
}

bool utf8_valid(Bytes text) noexcept {
  Utf8Stream stream;
  return stream.feed(text) && stream.complete();
}

std::size_t utf8_prefix(Bytes text) noexcept {
  std::uint8_t state = kBetween;
  std::size_t border = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    state = step(state, text[at]);
    if (state == kIllFormed) break;
    if (state == kBetween) border = at + 1;
  }
  return border;
}

}  // namespace axonpush::inline v0
