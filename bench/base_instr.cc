// The floor every copy is measured against.
#include <cstring>

#include "instr.h"

namespace axonpush::bench {
namespace {

constexpr std::size_t kLargest = 4096;
unsigned char source[kInputCount][kLargest];
unsigned char target[kLargest];

void prepare() {
  for (std::uint64_t row = 0; row < kInputCount; ++row) {
    for (std::size_t at = 0; at < kLargest; ++at) source[row][at] = static_cast<unsigned char>(row * 31 + at * 7);
  }
}
template <std::size_t Size>
void copy(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    std::memcpy(target, source[at % kInputCount], Size);
    keep(target);
  }
}

const Operation kMemcpy256{"memcpy_256", prepare, copy<256>};
const Operation kMemcpy4096{"memcpy_4096", prepare, copy<4096>};

}  // namespace
}  // namespace axonpush::bench
