// UTF-8 of 4 KiB of mixed text: ASCII, accents, Cyrillic, Chinese, emoji, in runs of words.
#include <cstdlib>

#include "base/utf8.h"
#include "base/utf8_kernels.h"
#include "instr.h"
#include "support/mixed_text.h"

namespace axonpush::bench {
namespace {

constexpr std::size_t kSize = 4096;
std::uint8_t texts[kInputCount][kSize];

void prepare() {
  for (std::uint64_t row = 0; row < kInputCount; ++row) {
    fill_mixed_text(texts[row], row);
    if (!utf8_valid(texts[row])) std::abort();
    // A tail byte too many, one too few.
    const std::uint8_t kept = texts[row][kSize / 2];
    texts[row][kSize / 2] = 0xFF;
    if (utf8_valid(texts[row])) std::abort();
    texts[row][kSize / 2] = kept;
  }
}
void whole(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) keep(utf8_valid(texts[at % kInputCount]));
}
void by_16(std::uint64_t count) {
  const utf8::Function ssse3 = utf8::ssse3();
  if (ssse3 == nullptr) return;
  for (std::uint64_t at = 0; at < count; ++at) keep(ssse3(texts[at % kInputCount], kSize));
}
void streamed(std::uint64_t count) {
  Utf8Stream stream;
  for (std::uint64_t at = 0; at < count; ++at) keep(stream.feed(texts[at % kInputCount]));
}

const Operation kWhole{"utf8_mixed_4096", prepare, whole};
const Operation kSsse3{"utf8_mixed_4096_ssse3", prepare, by_16};
const Operation kStreamed{"utf8_stream_mixed_4096", prepare, streamed};

}  // namespace
}  // namespace axonpush::bench
