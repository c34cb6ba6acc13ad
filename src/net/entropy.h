// Entropy from OpenSSL's CSPRNG, taken in blocks and wiped as it is handed out.
#pragma once

#include <axonpush/base/entropy.h>

namespace axonpush::inline v0::net {

class SystemEntropy final : public Entropy {
 public:
  SystemEntropy() = default;
  SystemEntropy(const SystemEntropy&) = delete;
  SystemEntropy& operator=(const SystemEntropy&) = delete;
  ~SystemEntropy() override;
  [[nodiscard]] bool fill(MutableBytes into) noexcept override;

 private:
  // RAND_bytes costs about a microsecond a call whatever the size, and a mask needs four bytes.
  static constexpr std::size_t kBlockBytes = 4096;
  std::uint8_t block_[kBlockBytes] = {};
  std::size_t left_ = 0;
};

}  // namespace axonpush::inline v0::net
