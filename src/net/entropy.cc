#include "net/entropy.h"

#include <axonpush/base/secret.h>
#include <openssl/rand.h>

namespace axonpush::inline v0::net {

SystemEntropy::~SystemEntropy() { wipe(block_); }

bool SystemEntropy::fill(MutableBytes into) noexcept {
  if (into.size() > kBlockBytes) {
    return into.size() <= INT32_MAX && RAND_bytes(into.data(), static_cast<int>(into.size())) == 1;
  }
  if (left_ < into.size()) {
    if (RAND_bytes(block_, kBlockBytes) != 1) {
      left_ = 0;
      return false;
    }
    left_ = kBlockBytes;
  }
  std::uint8_t* const from = block_ + kBlockBytes - left_;
  if (!into.empty()) std::memcpy(into.data(), from, into.size());
  wipe({from, into.size()});
  left_ -= into.size();
  return true;
}

}  // namespace axonpush::inline v0::net
