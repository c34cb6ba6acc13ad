// A 128-bit keyed hash of an event's topic and body, for telling copies from different events: what SipHash is, at a
// third of the cost for bodies of ordinary size.
//
// Topic and body, each filled up to a multiple of 16 bytes, are first compressed, up to 1,024 bytes into 32, by two
// passes of NH (RFC 4418 5.2, here with words of 64 bits; the second pass has the key moved on by one pair);
// SipHash-128 takes both sizes and what comes out. NH is a universal hash: for whoever does not know the key two
// different blocks collide with a probability of 2^-64 a pass, however they are chosen. That is all that is asked here,
// because no hash is ever shown to anybody; NH is not for authenticating messages.
//
// Thread rule: none of its own; of() is const.
#pragma once

#include "base/siphash.h"

namespace axonpush::inline v0 {

class ContentHash {
 public:
  void set_key(const HashKey& key) noexcept;
  [[nodiscard]] Hash128 of(std::string_view topic, Bytes body) const noexcept;

  static constexpr std::size_t kBlockBytes = 1024;

 private:
  class Block;
  static constexpr std::size_t kBlockWords = kBlockBytes / sizeof(std::uint64_t);

  HashKey key_{};
  std::uint64_t words_[kBlockWords + 2] = {};
};

}  // namespace axonpush::inline v0
