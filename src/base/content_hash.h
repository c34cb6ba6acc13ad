// A 128-bit keyed hash of an event's topic and body, for telling copies from different events: what SipHash is, at a
// quarter of the cost for bodies of ordinary size.
//
// The body is first compressed, 512 bytes into 32, by two passes of NH (RFC 4418 5.2, here with words of 64 bits; the
// second pass has the key moved on by one pair); SipHash-128 takes what comes out, the topic and both sizes. NH is a
// universal hash: for whoever does not know the key two different blocks collide with a probability of 2^-64 a pass,
// however they are chosen. That is all that is asked here, because no hash is ever shown to anybody; NH is not for
// authenticating messages.
//
// Thread rule: none of its own; of() is const.
#pragma once

#include "base/siphash.h"

namespace axonpush::inline v0 {

class ContentHash {
 public:
  void set_key(const HashKey& key) noexcept;
  [[nodiscard]] Hash128 of(std::string_view topic, Bytes body) const noexcept;

  static constexpr std::size_t kBlockBytes = 512;

 private:
  static constexpr std::size_t kBlockWords = kBlockBytes / sizeof(std::uint64_t);
  // What SipHash costs for less than this NH does not save.
  static constexpr std::size_t kShortBytes = 96;

  void compress(Bytes block, std::uint64_t (&digest)[4]) const noexcept;

  HashKey key_{};
  std::uint64_t words_[kBlockWords + 2] = {};
};

}  // namespace axonpush::inline v0
