#include "base/utf8.h"

#include <atomic>

#include "base/utf8_kernels.h"

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

namespace utf8 {

bool plain(const std::uint8_t* text, std::size_t size) noexcept {
  std::size_t at = 0;
  while (at < size) {
    while (size - at >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, text + at, sizeof word);
      if ((word & 0x8080808080808080) != 0) break;
      at += 8;
    }
    std::uint8_t state = kBetween;
    // One character, or the last bytes of ASCII.
    do {
      if (at == size) return state == kBetween;
      state = step(state, text[at++]);
      if (state == kIllFormed) return false;
    } while (state != kBetween);
  }
  return true;
}

namespace {

bool choose(const std::uint8_t* text, std::size_t size) noexcept;

// Which variant this processor runs, found out at the first use. Every thread that races for it finds the same.
constinit std::atomic<Function> chosen{choose};

bool choose(const std::uint8_t* text, std::size_t size) noexcept {
  Function found = avx2();
  if (found == nullptr) found = ssse3();
  if (found == nullptr) found = plain;
  chosen.store(found, std::memory_order_relaxed);
  return found(text, size);
}

// No character is open at the end.
bool valid(const std::uint8_t* text, std::size_t size) noexcept {
  if (size < kVectorBytes) return plain(text, size);
  return chosen.load(std::memory_order_relaxed)(text, size);
}

}  // namespace

}  // namespace utf8

bool Utf8Stream::feed(Bytes chunk) noexcept {
  std::size_t at = 0;
  for (; state_ != kBetween && at < chunk.size(); ++at) state_ = step(state_, chunk[at]);
  if (state_ != kBetween) return state_ != kIllFormed;
  const std::uint8_t* text = chunk.data() + at;
  const std::size_t size = chunk.size() - at;
  const std::size_t open = utf8::open_tail(text, size);
  // Only the last character may be open: one that a further lead byte cuts short is ill-formed.
  if (utf8::open_tail(text, size - open) != 0 || !utf8::valid(text, size - open)) {
    state_ = kIllFormed;
    return false;
  }
  for (std::size_t tail = size - open; tail < size && state_ != kIllFormed; ++tail) state_ = step(state_, text[tail]);
  return state_ != kIllFormed;
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
  return utf8::open_tail(text.data(), text.size()) == 0 && utf8::valid(text.data(), text.size());
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
