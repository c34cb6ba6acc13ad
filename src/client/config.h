// A client's options, judged once at construction: defaults filled in, header values checked, the base URL split.
//
// Who calls it: ClientCore. Lifetime: the views of `api` point into `options`, which never moves again.
#pragma once

#include <axonpush/base/secret.h>
#include <axonpush/http/url.h>
#include <axonpush/options.h>

namespace axonpush::inline v0 {

inline constexpr std::string_view kDefaultBaseUrl = "https://api.axonpush.xyz";
inline constexpr std::string_view kCredentialsPath = "/auth/iot-credentials";
inline constexpr std::string_view kBearerScheme = "Bearer ";

struct Config {
  ClientOptions options;
  http::Url api;
  SecretString key;  // api_key, or else the bearer token; wiped out of `options`
  enum class KeyKind : std::uint8_t {
    none,
    api_key,
    public_token,
    bearer
  } key_kind = KeyKind::none;

  // Takes the options over. The error names the option at fault and never its value.
  [[nodiscard]] Error take(ClientOptions given) noexcept;

 private:
  [[nodiscard]] Error take_key() noexcept;
  [[nodiscard]] Error check_headers() const noexcept;
  [[nodiscard]] Error take_base_url() noexcept;
};

// U-01, U-09: may `url` be connected to? Cleartext only to loopback literals or `localhost`, and only when allowed.
[[nodiscard]] Error check_reachable(const http::Url& url, const ClientOptions& options, bool loopback_allowed) noexcept;
// True when `host` ends in one of the comma-separated suffixes, at a label's border.
[[nodiscard]] bool host_allowed(std::string_view host, std::string_view suffixes) noexcept;
[[nodiscard]] bool loopback_host(std::string_view host) noexcept;

}  // namespace axonpush::inline v0
