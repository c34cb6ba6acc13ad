// The mask of RFC 6455 5.3: every byte XOR the byte of the key at its place modulo four.
//
// Explicit vectors, because g++ -O2 does not vectorise the plain loop: masking 4 KiB then costs ten times what it
// could. The last bytes are done by one vector that ends with the data and overlaps what the loop wrote. It is read
// before the loop writes, so that working in place masks nothing twice.
#include "ws/mask.h"

#include <axonpush/ws/frame.h>

#include <atomic>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace axonpush::inline v0::ws {

namespace masking {

namespace {

// The key for bytes that begin `bytes` later.
std::uint32_t advanced(std::uint32_t key, std::size_t bytes) noexcept {
  const unsigned bits = static_cast<unsigned>(bytes & 3) * 8;
  return key >> bits | key << ((32 - bits) & 31);
}

template <class Word>
Word load(const std::uint8_t* from) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}
template <class Word>
void store(std::uint8_t* into, Word word) noexcept {
  std::memcpy(into, &word, sizeof word);
}

// Two words of a size, the second ending with the data: sizeof(Word) to 2 * sizeof(Word) bytes.
template <class Word>
void two_words(std::uint8_t* into, const std::uint8_t* from, std::size_t size, Word key, Word key_of_last) noexcept {
  const std::size_t last = size - sizeof(Word);
  const Word first_word = load<Word>(from) ^ key;
  const Word last_word = load<Word>(from + last) ^ key_of_last;
  store(into, first_word);
  store(into + last, last_word);
}

std::uint64_t twice(std::uint32_t key) noexcept { return static_cast<std::uint64_t>(key) << 32 | key; }

using Vector16 = std::uint32_t __attribute__((vector_size(16)));

void under_16(std::uint8_t* into, const std::uint8_t* from, std::size_t size, std::uint32_t key) noexcept {
  const std::uint32_t key_of_last = advanced(key, size);
  if (size >= 8) return two_words(into, from, size, twice(key), twice(key_of_last));
  if (size >= 4) return two_words(into, from, size, key, key_of_last);
  plain(into, from, size, key);
}

}  // namespace

void plain(std::uint8_t* into, const std::uint8_t* from, std::size_t size, std::uint32_t key) noexcept {
  for (std::size_t at = 0; at < size; ++at) {
    into[at] = static_cast<std::uint8_t>(from[at] ^ (key >> (at & 3) * 8 & 0xFF));
  }
}

void vector16(std::uint8_t* into, const std::uint8_t* from, std::size_t size, std::uint32_t key) noexcept {
  if (size < 16) return under_16(into, from, size, key);
  const std::uint32_t last_key = advanced(key, size);
  const Vector16 keys = {key, key, key, key};
  const Vector16 last_keys = {last_key, last_key, last_key, last_key};
  const std::size_t last = size - 16;
  const Vector16 last_vector = load<Vector16>(from + last) ^ last_keys;
  std::size_t at = 0;
  for (; size - at >= 64; at += 64) {
    const Vector16 a = load<Vector16>(from + at) ^ keys;
    const Vector16 b = load<Vector16>(from + at + 16) ^ keys;
    const Vector16 c = load<Vector16>(from + at + 32) ^ keys;
    const Vector16 d = load<Vector16>(from + at + 48) ^ keys;
    store(into + at, a);
    store(into + at + 16, b);
    store(into + at + 32, c);
    store(into + at + 48, d);
  }
  for (; size - at > 16; at += 16) store(into + at, load<Vector16>(from + at) ^ keys);
  if (at != size) store(into + last, last_vector);
}

#if defined(__x86_64__)

namespace {

#define AXONPUSH_AVX2 __attribute__((target("avx2")))

AXONPUSH_AVX2 inline __m256i read(const std::uint8_t* from) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
AXONPUSH_AVX2 inline void write(std::uint8_t* into, __m256i value) noexcept {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(into), value);
}

AXONPUSH_AVX2 inline void mask_128(std::uint8_t* into, const std::uint8_t* from, __m256i keys) noexcept {
  const __m256i a = _mm256_xor_si256(read(from), keys);
  const __m256i b = _mm256_xor_si256(read(from + 32), keys);
  const __m256i c = _mm256_xor_si256(read(from + 64), keys);
  const __m256i d = _mm256_xor_si256(read(from + 96), keys);
  write(into, a);
  write(into + 32, b);
  write(into + 64, c);
  write(into + 96, d);
}

AXONPUSH_AVX2 void avx2(std::uint8_t* into, const std::uint8_t* from, std::size_t size, std::uint32_t key) noexcept {
  const __m256i keys = _mm256_set1_epi32(static_cast<int>(key));
  __m256i last_vector = keys;
  if (size % 32 != 0) {
    const __m256i last_keys = _mm256_set1_epi32(static_cast<int>(advanced(key, size)));
    last_vector = _mm256_xor_si256(read(from + size - 32), last_keys);
  }
  // The larger blocks come first; what is left is told by the bits of the size.
  std::size_t at = 0;
  for (const std::size_t end = size & ~std::size_t{255}; at != end; at += 256) {
    mask_128(into + at, from + at, keys);
    mask_128(into + at + 128, from + at + 128, keys);
  }
  if (at == size) return;
  if ((size & 128) != 0) {
    mask_128(into + at, from + at, keys);
    at += 128;
  }
  if ((size & 64) != 0) {
    const __m256i a = _mm256_xor_si256(read(from + at), keys);
    const __m256i b = _mm256_xor_si256(read(from + at + 32), keys);
    write(into + at, a);
    write(into + at + 32, b);
    at += 64;
  }
  if ((size & 32) != 0) write(into + at, _mm256_xor_si256(read(from + at), keys));
  if (size % 32 != 0) write(into + size - 32, last_vector);
}

bool has_avx2() noexcept { return __builtin_cpu_supports("avx2") != 0; }

}  // namespace

Function wide() noexcept { return has_avx2() ? avx2 : nullptr; }

#else

Function wide() noexcept { return nullptr; }

#endif

namespace {

void choose(std::uint8_t* into, const std::uint8_t* from, std::size_t size, std::uint32_t key) noexcept;

// Which variant this processor runs, found out at the first use. Every thread that races for it finds the same.
constinit std::atomic<Function> chosen{choose};

void choose(std::uint8_t* into, const std::uint8_t* from, std::size_t size, std::uint32_t key) noexcept {
  const Function found = wide() != nullptr ? wide() : vector16;
  chosen.store(found, std::memory_order_relaxed);
  found(into, from, size, key);
}

void mask(std::uint8_t* into, const std::uint8_t* from, std::size_t size, const std::uint8_t* mask_key,
          unsigned phase) noexcept {
  std::uint32_t key = load<std::uint32_t>(mask_key);
  if ((phase & 3) != 0) key = advanced(key, phase);
  if (size < kWideBytes) return vector16(into, from, size, key);
  chosen.load(std::memory_order_relaxed)(into, from, size, key);
}

}  // namespace

}  // namespace masking

void mask_in_place(MutableBytes data, const std::uint8_t* mask_key, unsigned phase) noexcept {
  masking::mask(data.data(), data.data(), data.size(), mask_key, phase);
}

void mask_copy(std::uint8_t* into, Bytes from, const std::uint8_t* mask_key, unsigned phase) noexcept {
  masking::mask(into, from.data(), from.size(), mask_key, phase);
}

}  // namespace axonpush::inline v0::ws
