// URLs of the four schemes this library speaks (RFC 3986, with the strictness its comments name), as views.
//
// Lifetime: the views point into the text given to `parse_url`. Thread rule: none, pure functions.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/base/result.h>

namespace axonpush::inline v0::http {

enum class Scheme : std::uint8_t {
  https,
  wss,
  http,
  ws
};

enum class HostKind : std::uint8_t {
  name,
  ipv4,
  ipv6
};

struct Url {
  Scheme scheme = Scheme::https;
  HostKind host_kind = HostKind::name;
  std::uint16_t port = 0;       // the scheme's default when the text names none
  std::string_view host;        // without brackets; case as given; a trailing dot is kept
  std::string_view path_query;  // byte for byte as given; "/" when the text has none
  std::string_view path;        // the path alone
  std::string_view query;       // without '?'; empty when there is none
  [[nodiscard]] bool secure() const noexcept { return scheme == Scheme::https || scheme == Scheme::wss; }
  // The port does not go into the Host header when it is the scheme's own (RFC 9110 7.2).
  [[nodiscard]] bool default_port() const noexcept { return port == (secure() ? 443 : 80); }
};

// url_invalid with the offset, or the parts. Whether cleartext is acceptable is the client's decision.
[[nodiscard]] Result<Url> parse_url(std::string_view text) noexcept;

// True for 127/8, ::1 and nothing else: an IP literal, not a name.
[[nodiscard]] bool loopback_literal(std::string_view host) noexcept;

// "wss://host/path?...(n bytes)": what may be shown of a presigned URL. Answers the bytes written.
std::size_t redact_url(const Url& url, std::span<char> into) noexcept;

}  // namespace axonpush::inline v0::http
