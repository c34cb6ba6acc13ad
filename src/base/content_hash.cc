#include "base/content_hash.h"

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0 {

namespace {

__extension__ typedef unsigned __int128 Wide;

inline std::uint64_t load_le64(const std::uint8_t* from) noexcept {
  std::uint64_t value = 0;
  for (unsigned at = 0; at < 8; ++at) value |= std::uint64_t{from[at]} << (8 * at);
  return value;
}

inline void store_le64(std::uint8_t* into, std::uint64_t value) noexcept {
  for (unsigned at = 0; at < 8; ++at) into[at] = static_cast<std::uint8_t>(value >> (8 * at));
}

// One pair of words under two pairs of key words.
inline void add_pair(const std::uint8_t* pair, const std::uint64_t* key, Wide& first, Wide& second) noexcept {
  const std::uint64_t left = load_le64(pair);
  const std::uint64_t right = load_le64(pair + 8);
  first += static_cast<Wide>(left + key[0]) * (right + key[1]);
  second += static_cast<Wide>(left + key[2]) * (right + key[3]);
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
    store_le64(digest, static_cast<std::uint64_t>(first_));
    store_le64(digest + 8, static_cast<std::uint64_t>(first_ >> 64));
    store_le64(digest + 16, static_cast<std::uint64_t>(second_));
    store_le64(digest + 24, static_cast<std::uint64_t>(second_ >> 64));
    into.update(Bytes(digest));
    first_ = second_ = 0;
    size_ = 0;
  }

 private:
  static constexpr std::size_t kPairBytes = 16;
  const std::uint64_t* words_;
  Wide first_ = 0;
  Wide second_ = 0;
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
