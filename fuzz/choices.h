// Turns a fuzz target's bytes into choices; zeros when they have run out.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::fuzz {

inline void demand(bool condition) {
  if (!condition) __builtin_trap();
}

class Choices {
 public:
  explicit Choices(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const std::uint8_t first = bytes_[0];
    bytes_ = bytes_.subspan(1);
    return first;
  }
  // One of `count`, at most 256.
  std::size_t below(std::size_t count) { return byte() % count; }
  std::uint64_t word() {
    std::uint64_t value = 0;
    for (int at = 0; at < 8; ++at) value = value << 8 | byte();
    return value;
  }
  // A byte tells how many follow.
  std::string_view text() { return text_of(take(byte())); }
  Bytes take(std::size_t wanted) {
    const Bytes taken = bytes_.first(wanted < bytes_.size() ? wanted : bytes_.size());
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }
  Bytes rest() { return take(bytes_.size()); }

 private:
  Bytes bytes_;
};

}  // namespace axonpush::fuzz
