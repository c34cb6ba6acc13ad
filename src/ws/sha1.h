// SHA-1 (FIPS 180-4), for Sec-WebSocket-Accept and nothing else: there it proves that the answer was made for this
// question, and no secret depends on it (RFC 6455 10.8). Ours, so that the codecs need no OpenSSL.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0::ws {

inline constexpr std::size_t kSha1Bytes = 20;

void sha1(Bytes message, std::uint8_t (&digest)[kSha1Bytes]) noexcept;

}  // namespace axonpush::inline v0::ws
