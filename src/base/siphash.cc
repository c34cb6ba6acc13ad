#include "base/siphash.h"

namespace axonpush::inline v0 {

namespace {

// "somepseudorandomlygeneratedbytes", the paper's initial state (section 2.1).
constexpr std::uint64_t kInitial[4] = {0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261, 0x7465646279746573};

constexpr std::uint64_t rotate(std::uint64_t value, int by) noexcept { return value << by | value >> (64 - by); }

inline std::uint64_t load_le64(const std::uint8_t* from) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Section 2.1, figure 2.1.
inline void round(std::uint64_t (&v)[4]) noexcept {
  v[0] += v[1];
  v[2] += v[3];
  v[1] = rotate(v[1], 13) ^ v[0];
  v[3] = rotate(v[3], 16) ^ v[2];
  v[0] = rotate(v[0], 32);
  v[2] += v[1];
  v[0] += v[3];
  v[1] = rotate(v[1], 17) ^ v[2];
  v[3] = rotate(v[3], 21) ^ v[0];
  v[2] = rotate(v[2], 32);
}

inline void rounds(std::uint64_t (&v)[4], int count) noexcept {
  for (int at = 0; at < count; ++at) round(v);
}

constexpr int kCompression = 2;
constexpr int kFinalization = 4;

inline void absorb(std::uint64_t (&v)[4], std::uint64_t word) noexcept {
  v[3] ^= word;
  rounds(v, kCompression);
  v[0] ^= word;
}

inline void start(std::uint64_t (&v)[4], const HashKey& key) noexcept {
  v[0] = kInitial[0] ^ key.first;
  v[1] = kInitial[1] ^ key.second;
  v[2] = kInitial[2] ^ key.first;
  v[3] = kInitial[3] ^ key.second;
}

inline std::uint64_t folded(const std::uint64_t (&v)[4]) noexcept { return v[0] ^ v[1] ^ v[2] ^ v[3]; }

// The bytes that fill no word, the first one lowest.
inline std::uint64_t tail(const std::uint8_t* from, std::size_t size) noexcept {
  std::uint64_t word = 0;
  for (std::size_t at = 0; at < size; ++at) word |= std::uint64_t{from[at]} << (8 * at);
  return word;
}

}  // namespace

std::uint64_t siphash_64(const HashKey& key, Bytes input) noexcept {
  std::uint64_t v[4];
  start(v, key);
  const std::size_t whole = input.size() & ~std::size_t{7};
  for (std::size_t at = 0; at < whole; at += 8) absorb(v, load_le64(input.data() + at));
  absorb(v, std::uint64_t{input.size()} << 56 | tail(input.data() + whole, input.size() - whole));
  v[2] ^= 0xFF;
  rounds(v, kFinalization);
  return folded(v);
}

Hash128 siphash_128(const HashKey& key, Bytes input) noexcept {
  SipHash128 hash(key);
  hash.update(input);
  return hash.finish();
}

SipHash128::SipHash128(const HashKey& key) noexcept {
  start(state_, key);
  state_[1] ^= 0xEE;  // the 128-bit form starts and ends elsewhere than the 64-bit one
}

void SipHash128::update(Bytes piece) noexcept {
  const std::size_t held = size_ & 7;
  size_ += piece.size();
  if (held != 0) {
    const std::size_t missing = 8 - held;
    if (piece.size() < missing) {
      partial_ |= tail(piece.data(), piece.size()) << (8 * held);
      return;
    }
    absorb(state_, partial_ | tail(piece.data(), missing) << (8 * held));
    partial_ = 0;
    piece = piece.subspan(missing);
  }
  const std::size_t whole = piece.size() & ~std::size_t{7};
  for (std::size_t at = 0; at < whole; at += 8) absorb(state_, load_le64(piece.data() + at));
  partial_ = tail(piece.data() + whole, piece.size() - whole);
}

void SipHash128::update(std::uint64_t number) noexcept {
  std::uint8_t bytes[8];
  std::memcpy(bytes, &number, sizeof bytes);
  update(Bytes(bytes));
}

Hash128 SipHash128::finish() noexcept {
  absorb(state_, size_ << 56 | partial_);
  state_[2] ^= 0xEE;
  rounds(state_, kFinalization);
  const std::uint64_t low = folded(state_);
  state_[1] ^= 0xDD;
  rounds(state_, kFinalization);
  return {low, folded(state_)};
}

}  // namespace axonpush::inline v0
