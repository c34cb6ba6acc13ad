#include "client/config.h"

#include <axonpush/http/http1.h>

#include <utility>

#include "client/wishes.h"

namespace axonpush::inline v0 {

namespace {

[[nodiscard]] bool equals_ignoring_case(std::string_view left, std::string_view right) noexcept {
  if (left.size() != right.size()) return false;
  for (std::size_t at = 0; at < left.size(); ++at) {
    const auto lower = [](char value) { return value >= 'A' && value <= 'Z' ? static_cast<char>(value + 32) : value; };
    if (lower(left[at]) != lower(right[at])) return false;
  }
  return true;
}

void wipe_string(std::string& text) noexcept {
  wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  text.clear();
}

}  // namespace

bool loopback_host(std::string_view host) noexcept {
  return http::loopback_literal(host) || equals_ignoring_case(host, "localhost");
}

bool host_allowed(std::string_view host, std::string_view suffixes) noexcept {
  while (!suffixes.empty()) {
    const std::size_t comma = suffixes.find(',');
    std::string_view suffix = suffixes.substr(0, comma);
    suffixes = comma == std::string_view::npos ? std::string_view() : suffixes.substr(comma + 1);
    while (!suffix.empty() && suffix.front() == ' ') suffix.remove_prefix(1);
    while (!suffix.empty() && suffix.back() == ' ') suffix.remove_suffix(1);
    if (!suffix.empty() && suffix.front() == '.') suffix.remove_prefix(1);
    if (suffix.empty() || host.size() < suffix.size()) continue;
    const std::size_t start = host.size() - suffix.size();
    if (!equals_ignoring_case(host.substr(start), suffix)) continue;
    if (start == 0 || host[start - 1] == '.') return true;
  }
  return false;
}

Error check_reachable(const http::Url& url, const ClientOptions& options, bool loopback_allowed) noexcept {
  const bool loopback = loopback_host(url.host);
  if (!url.secure() && !(loopback && options.allow_cleartext_loopback)) {
    return Error(Errc::cleartext_refused,
                 "cleartext is accepted only for loopback hosts and with allow_cleartext_loopback");
  }
  if (loopback && !loopback_allowed) {
    return Error(Errc::url_invalid, "a loopback host was handed out by a service that is not on loopback");
  }
  return {};
}

Error Config::take(ClientOptions given) noexcept {
  options = std::move(given);
  if (options.base_url.empty()) options.base_url.assign(kDefaultBaseUrl);
  if (options.timeout == Duration::zero()) options.timeout = limits::kHttpAttemptTimeout;
  if (options.max_retries == UINT32_MAX) options.max_retries = 3;
  if (Error error = check_waits(options)) return error;
  if (options.tls.pins.size() == 1) {
    return Error(Errc::invalid_argument, "one pin cannot be rotated: give none, or at least two");
  }
  if (Error error = take_key()) return error;
  if (Error error = check_headers()) return error;
  return take_base_url();
}

// T-15: refused at construction, so that nothing malformed ever comes near the wire.
Error Config::take_key() noexcept {
  std::string& source = options.api_key.empty() ? options.bearer_token : options.api_key;
  if (source.empty()) {
    if (options.credentials_source) return {};
    return Error(Errc::header_invalid, "api_key is missing: give it as an option or in AXONPUSH_API_KEY");
  }
  if (source.size() > limits::kApiKeyBytes) return Error(Errc::header_invalid, "api_key is over 4 KiB");
  // The field holds the scheme too, and has no more room.
  if (options.api_key.empty() && source.size() > limits::kApiKeyBytes - kBearerScheme.size()) {
    return Error(Errc::header_invalid, "bearer_token is over 4 KiB with its scheme");
  }
  for (const char value : source) {
    if (value <= 0x20 || value >= 0x7F) {
      return Error(Errc::header_invalid, "api_key holds a byte that is not visible ASCII");
    }
  }
  key_kind = options.api_key.empty()              ? KeyKind::bearer
             : options.api_key.starts_with("pt_") ? KeyKind::public_token
                                                  : KeyKind::api_key;
  if (!key.assign(source)) return Error(Errc::no_memory, "the API key could not be kept");
  wipe_string(options.api_key);
  wipe_string(options.bearer_token);
  return {};
}

Error Config::check_headers() const noexcept {
  struct Checked {
    const std::string& value;
    const char* too_long;
    const char* malformed;
  };
  const Checked checked[] = {
      {options.tenant_id, "tenant_id is over 256 bytes", "tenant_id holds a byte that may not stand in a header"},
      {options.environment, "environment is over 256 bytes", "environment holds a byte that may not stand in a header"},
      {options.trace_id, "trace_id is over 256 bytes", "trace_id holds a byte that may not stand in a header"},
      {options.span_id, "span_id is over 256 bytes", "span_id holds a byte that may not stand in a header"},
      {options.traceparent, "traceparent is over 256 bytes", "traceparent holds a byte that may not stand in a header"},
      {options.baggage, "baggage is over 256 bytes", "baggage holds a byte that may not stand in a header"},
  };
  for (const Checked& each : checked) {
    if (each.value.size() > limits::kHeaderOptionBytes) return Error(Errc::header_invalid, each.too_long);
    if (!each.value.empty() && !http::header_value_valid(each.value)) {
      return Error(Errc::header_invalid, each.malformed);
    }
  }
  return {};
}

// U-11: the path is joined once, a query is refused.
Error Config::take_base_url() noexcept {
  while (options.base_url.ends_with('/')) options.base_url.pop_back();
  Result<http::Url> parsed = http::parse_url(options.base_url);
  if (!parsed.ok()) return parsed.error();
  api = *parsed;
  if (api.scheme == http::Scheme::ws || api.scheme == http::Scheme::wss) {
    return Error(Errc::url_invalid, "base_url must be an https URL");
  }
  if (!api.query.empty() || options.base_url.find('?') != std::string::npos) {
    return Error(Errc::url_invalid, "base_url must not have a query");
  }
  if (api.path.find("//") != std::string_view::npos) {
    return Error(Errc::url_invalid, "base_url must not have an empty path segment");
  }
  return check_reachable(api, options, true);
}

}  // namespace axonpush::inline v0
