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

// A block that is no multiple of 16 bytes is filled up with zeros; its size is hashed elsewhere.
void ContentHash::compress(Bytes block, std::uint64_t (&digest)[4]) const noexcept {
  Wide first = 0;
  Wide second = 0;
  const std::uint8_t* from = block.data();
  const std::uint64_t* key = words_;
  for (std::size_t left = block.size() / 16; left != 0; --left, from += 16, key += 2) {
    add_pair(from, key, first, second);
  }
  if (const std::size_t rest = block.size() % 16; rest != 0) {
    std::uint8_t last[16] = {};
    std::memcpy(last, from, rest);
    add_pair(last, key, first, second);
  }
  digest[0] = static_cast<std::uint64_t>(first);
  digest[1] = static_cast<std::uint64_t>(first >> 64);
  digest[2] = static_cast<std::uint64_t>(second);
  digest[3] = static_cast<std::uint64_t>(second >> 64);
}

Hash128 ContentHash::of(std::string_view topic, Bytes body) const noexcept {
  SipHash128 hash(key_);
  hash.update(topic.size());
  hash.update(body.size());
  if (body.size() <= kShortBytes) {
    hash.update(body);
  } else {
    for (Bytes left = body; !left.empty();) {
      const Bytes block = left.first(left.size() < kBlockBytes ? left.size() : kBlockBytes);
      std::uint64_t digest[4];
      compress(block, digest);
      for (const std::uint64_t word : digest) hash.update(word);
      left = left.subspan(block.size());
    }
  }
  hash.update(bytes_of(topic));
  return hash.finish();
}

}  // namespace axonpush::inline v0
