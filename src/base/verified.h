// The only maker of TlsVerified. Included by src/net (after the checks of the handshake), src/testing and the simulated
// world of the tests; the tidy test refuses it anywhere else.
#pragma once

#include <axonpush/base/transport.h>

namespace axonpush::inline v0 {

class TlsVerifiedIssuer {
 public:
  [[nodiscard]] static TlsVerified issue() noexcept { return TlsVerified{}; }
};

}  // namespace axonpush::inline v0
