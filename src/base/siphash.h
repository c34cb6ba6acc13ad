// SipHash-2-4 (Aumasson and Bernstein, 2012), a keyed hash of 64 or 128 bits: whoever does not know the key cannot
// choose inputs that collide. The 128-bit form is for where equal hashes stand for equal inputs.
//
// The key comes from Entropy, one per client. Thread rule: none, values.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0 {

struct HashKey {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) noexcept = default;
};

[[nodiscard]] std::uint64_t siphash_64(const HashKey& key, Bytes input) noexcept;
[[nodiscard]] Hash128 siphash_128(const HashKey& key, Bytes input) noexcept;

// The 128-bit hash of several pieces, as though they were one input. Where ("ab", "c") and ("a", "bc") must differ, the
// caller puts the first one's size in between.
class SipHash128 {
 public:
  explicit SipHash128(const HashKey& key) noexcept;
  void update(Bytes piece) noexcept;
  // A number as eight bytes, the lowest first.
  void update(std::uint64_t number) noexcept;
  [[nodiscard]] Hash128 finish() noexcept;

 private:
  std::uint64_t state_[4];
  std::uint64_t size_ = 0;
  std::uint64_t partial_ = 0;  // the bytes of size_ % 8, the first one lowest
};

}  // namespace axonpush::inline v0
