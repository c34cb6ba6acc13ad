// UTF-8 well-formedness (RFC 3629 section 3), whole and as a stream.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0 {

// True when `text` is well-formed: no surrogates, no overlong forms, nothing over U+10FFFF, nothing cut.
[[nodiscard]] bool utf8_valid(Bytes text) noexcept;

// How many bytes in front of `text` are well-formed and end at a character's border.
[[nodiscard]] std::size_t utf8_prefix(Bytes text) noexcept;

// The same over chunks. A fault is noticed at the first byte that makes the text ill-formed, not at the end.
class Utf8Stream {
 public:
  Utf8Stream() noexcept = default;
  // Goes on where a stream of that state() stopped.
  explicit Utf8Stream(std::uint8_t state) noexcept : state_(state) {}

  // False from the first ill-formed byte on.
  [[nodiscard]] bool feed(Bytes chunk) noexcept;
  // How many bytes of `chunk` could be fed before one makes the text ill-formed; the stream stands behind them.
  [[nodiscard]] std::size_t feed_prefix(Bytes chunk) noexcept;
  // True when no sequence is open.
  [[nodiscard]] bool complete() const noexcept { return state_ == 0; }
  [[nodiscard]] std::uint8_t state() const noexcept { return state_; }
  void reset() noexcept { state_ = 0; }

 private:
  std::uint8_t state_ = 0;
};

}  // namespace axonpush::inline v0
