// The credentials call in HTTP: the request's header fields; what an answer's status means as an Error, and the body's
// envelope as the server's words.
#pragma once

#include <axonpush/base/fixed_text.h>
#include <axonpush/base/secret.h>
#include <axonpush/http/http1.h>
#include <axonpush/http/url.h>

#include "client/config.h"

namespace axonpush::inline v0 {

// CONTRACT 2: 401 authentication, 403 forbidden, 404 not found, 400 and 422 validation, 429 rate limit, 5xx server, 408
// connection, 3xx refused; any other a plain HTTP error.
[[nodiscard]] Error error_of_http_status(std::uint16_t status) noexcept;
// Adds `{ code, message | error, hint, requestId | request_id }` where the body is such an object.
[[nodiscard]] Error with_envelope(Error error, Bytes body) noexcept;

// "host" or "host:port" (RFC 9110 7.2), an IPv6 literal in brackets. False when it does not fit.
[[nodiscard]] bool write_authority(const http::Url& url, FixedText<limits::kHostBytes + 16>& into) noexcept;
// CONTRACT 2: every header field but Host of a credentials request by `method`, the key among them.
void write_credentials_headers(http::RequestWriter& writer, const Config& config, std::string_view method) noexcept;

}  // namespace axonpush::inline v0
