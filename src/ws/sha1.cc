#include "ws/sha1.h"

namespace axonpush::inline v0::ws {

namespace {

constexpr std::size_t kBlockBytes = 64;

std::uint32_t rotate_left(std::uint32_t value, unsigned bits) noexcept { return value << bits | value >> (32 - bits); }

// FIPS 180-4 6.1.2.
void take_block(std::uint32_t (&hash)[5], const std::uint8_t* block) noexcept {
  std::uint32_t word[80];
  for (std::size_t t = 0; t < 16; ++t) word[t] = load_be32(block + 4 * t);
  for (std::size_t t = 16; t < 80; ++t) {
    word[t] = rotate_left(word[t - 3] ^ word[t - 8] ^ word[t - 14] ^ word[t - 16], 1);
  }
  std::uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];
  for (std::size_t t = 0; t < 80; ++t) {
    std::uint32_t mixed = 0;
    if (t < 20) {
      mixed = ((b & c) | (~b & d)) + 0x5A827999;
    } else if (t < 40) {
      mixed = (b ^ c ^ d) + 0x6ED9EBA1;
    } else if (t < 60) {
      mixed = ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC;
    } else {
      mixed = (b ^ c ^ d) + 0xCA62C1D6;
    }
    const std::uint32_t next = rotate_left(a, 5) + mixed + e + word[t];
    e = d;
    d = c;
    c = rotate_left(b, 30);
    b = a;
    a = next;
  }
  hash[0] += a;
  hash[1] += b;
  hash[2] += c;
  hash[3] += d;
  hash[4] += e;
}

}  // namespace

void sha1(Bytes message, std::uint8_t (&digest)[kSha1Bytes]) noexcept {
  std::uint32_t hash[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  std::size_t at = 0;
  for (; message.size() - at >= kBlockBytes; at += kBlockBytes) take_block(hash, message.data() + at);

  // FIPS 180-4 5.1.1: a one bit, zeros, and the length in bits, in one block or two.
  std::uint8_t last[2 * kBlockBytes] = {};
  const std::size_t left = message.size() - at;
  if (left != 0) std::memcpy(last, message.data() + at, left);
  last[left] = 0x80;
  const std::size_t last_bytes = left + 1 + 8 <= kBlockBytes ? kBlockBytes : 2 * kBlockBytes;
  store_be64(last + last_bytes - 8, static_cast<std::uint64_t>(message.size()) * 8);
  for (std::size_t block = 0; block < last_bytes; block += kBlockBytes) take_block(hash, last + block);

  for (std::size_t index = 0; index < 5; ++index) store_be32(digest + 4 * index, hash[index]);
}

}  // namespace axonpush::inline v0::ws
