// Where unpredictable bytes come from: injected, so that the simulator can predict them and production cannot.
//
// Thread rule: called on the loop's thread only. In production `net` answers with RAND_bytes of OpenSSL.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0 {

class Entropy {
 public:
  virtual ~Entropy() = default;
  // Fills all of `into` with bytes of a CSPRNG, or answers false and the connection that asked fails: there is no
  // fall-back to a weaker source (RFC 6455 10.3: the mask must be unpredictable).
  [[nodiscard]] virtual bool fill(MutableBytes into) noexcept = 0;

 protected:
  Entropy() = default;
  Entropy(const Entropy&) = default;
  Entropy& operator=(const Entropy&) = default;
};

}  // namespace axonpush::inline v0
