#include "base/content_hash.h"

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0 {

namespace {

// A sum of products modulo 2^128.
#if defined(__SIZEOF_INT128__)
class Sum {
 public:
  void add_product(std::uint64_t left, std::uint64_t right) noexcept { sum_ += static_cast<Wide>(left) * right; }
  [[nodiscard]] std::uint64_t low() const noexcept { return static_cast<std::uint64_t>(sum_); }
  [[nodiscard]] std::uint64_t high() const noexcept { return static_cast<std::uint64_t>(sum_ >> 64); }

 private:
  __extension__ using Wide = unsigned __int128;
  Wide sum_ = 0;
};
#else
class Sum {
 public:
  void add_product(std::uint64_t left, std::uint64_t right) noexcept {
    const std::uint64_t left_low = left & kHalf, left_high = left >> 32;
    const std::uint64_t right_low = right & kHalf, right_high = right >> 32;
    const std::uint64_t lowest = left_low * right_low;
    const std::uint64_t middle = left_high * right_low + (lowest >> 32);
    const std::uint64_t other = left_low * right_high + (middle & kHalf);
    const std::uint64_t low = (lowest & kHalf) | other << 32;
    low_ += low;
    high_ += left_high * right_high + (middle >> 32) + (other >> 32) + (low_ < low ? 1 : 0);
  }
  [[nodiscard]] std::uint64_t low() const noexcept { return low_; }
  [[nodiscard]] std::uint64_t high() const noexcept { return high_; }

 private:
  static constexpr std::uint64_t kHalf = 0xFFFF'FFFF;
  std::uint64_t low_ = 0;
  std::uint64_t high_ = 0;
};
#endif

inline std::uint64_t load_le64(const std::uint8_t* from) noexcept {
  std::uint64_t value = 0;
  for (unsigned at = 0; at < 8; ++at) value |= std::uint64_t{from[at]} << (8 * at);
  return value;
}

inline void store_le64(std::uint8_t* into, std::uint64_t value) noexcept {
  for (unsigned at = 0; at < 8; ++at) into[at] = static_cast<std::uint8_t>(value >> (8 * at));
}

// One pair of words under two pairs of key words.
inline void add_pair(const std::uint8_t* pair, const std::uint64_t* key, Sum& first, Sum& second) noexcept {
  const std::uint64_t left = load_le64(pair);
  const std::uint64_t right = load_le64(pair + 8);
  first.add_product(left + key[0], right + key[1]);
  second.add_product(left + key[2], right + key[3]);
}

}  // namespace

void ContentHash::set_key(const HashKey& key) noexcept {
  key_ = key;
  // SipHash as a generator: a word for each number.
  for (std::size_t at = 0; at < std::size(words_); ++at) {
    const std::uint8_t number[2] = {static_cast<std::uint8_t>(at), 0x4E};  // apart from whatever else has this key
    words_[at] = siphash_64(key, number);
  }
}

// What is being compressed.
class ContentHash::Block {
 public:
  explicit Block(const ContentHash& hash) noexcept : words_(hash.words_) {}
  [[nodiscard]] std::size_t room() const noexcept { return kBlockBytes - size_; }
  // piece.size() <= room().
  void add(Bytes piece) noexcept {
    const std::uint64_t* key = words_ + size_ / sizeof(std::uint64_t);
    const std::uint8_t* from = piece.data();
    for (std::size_t left = piece.size() / kPairBytes; left != 0; --left, from += kPairBytes, key += 2) {
      add_pair(from, key, first_, second_);
    }
    size_ += (piece.size() + kPairBytes - 1) / kPairBytes * kPairBytes;
    const std::size_t rest = piece.size() % kPairBytes;
    if (rest == 0) return;
    std::uint8_t last[kPairBytes] = {};
    std::memcpy(last, from, rest);
    add_pair(last, key, first_, second_);
  }
  // Hands the 32 bytes on and begins anew.
  void end(SipHash128& into) noexcept {
    std::uint8_t digest[32];
    store_le64(digest, first_.low());
    store_le64(digest + 8, first_.high());
    store_le64(digest + 16, second_.low());
    store_le64(digest + 24, second_.high());
    into.update(Bytes(digest));
    first_ = second_ = Sum();
    size_ = 0;
  }

 private:
  static constexpr std::size_t kPairBytes = 16;
  const std::uint64_t* words_;
  Sum first_;
  Sum second_;
  std::size_t size_ = 0;
};

Hash128 ContentHash::of(std::string_view topic, Bytes body) const noexcept {
  SipHash128 hash(key_);
  std::uint8_t sizes[16];
  store_le64(sizes, topic.size());
  store_le64(sizes + 8, body.size());
  hash.update(Bytes(sizes));
  Block block(*this);
  for (Bytes piece : {bytes_of(topic), body}) {
    while (!piece.empty()) {
      if (block.room() == 0) block.end(hash);
      const Bytes part = piece.first(piece.size() < block.room() ? piece.size() : block.room());
      block.add(part);
      piece = piece.subspan(part.size());
    }
  }
  block.end(hash);
  return hash.finish();
}

}  // namespace axonpush::inline v0
