// The opening handshake of RFC 6455, both sides. The codecs never include each other, so the head of the HTTP response
// is judged here over name/value pairs that the caller took from http/http1.h.
//
// Lifetime: views live as long as the bytes they were taken from. Thread rule: none, pure functions.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/base/entropy.h>
#include <axonpush/base/error.h>

namespace axonpush::inline v0::ws {

// RFC 6455 4.1: 16 random bytes in base64, for one connection only.
struct Key {
  char text[24] = {};
  [[nodiscard]] std::string_view view() const noexcept { return {text, sizeof text}; }
};
// RFC 6455 4.2.2: base64 of the SHA-1 of key and GUID.
struct Accept {
  char text[28] = {};
  [[nodiscard]] std::string_view view() const noexcept { return {text, sizeof text}; }
};

// False when the entropy failed, and then no handshake may be sent.
[[nodiscard]] bool make_key(Entropy& entropy, Key& key) noexcept;
[[nodiscard]] Accept accept_of(std::string_view key) noexcept;

struct HeaderView {
  std::string_view name;
  std::string_view value;
};

// The client's judgement of a response (RFC 6455 4.1). `offered` is the Sec-WebSocket-Protocol line that was sent
// ("mqtt, mqttv5.0"). Status 101 passes when Upgrade, Connection, Accept, Protocol and Extensions do.
// Any other status is ws_handshake(status), or redirect_refused for 3xx.
struct ResponseView {
  std::uint16_t status = 0;
  std::uint8_t version_minor = 1;  // HTTP/1.x
  std::span<const HeaderView> headers;
};
[[nodiscard]] Error check_response(const ResponseView& response, std::string_view key,
                                   std::string_view offered) noexcept;

// The server's side, for the loopback service and tests: what was asked, or why not.
struct RequestView {
  std::string_view key;
  std::string_view protocols;  // the whole Sec-WebSocket-Protocol list
};
[[nodiscard]] Error check_request(std::string_view method, std::span<const HeaderView> headers,
                                  RequestView& request) noexcept;

}  // namespace axonpush::inline v0::ws
