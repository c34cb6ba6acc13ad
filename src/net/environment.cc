#include "net/environment.h"

#include <cstdlib>

namespace axonpush::inline v0::net {

namespace {

[[nodiscard]] std::string_view variable(const char* name) noexcept {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

void take_text(const char* name, std::string& option) noexcept {
  if (option.empty()) option.assign(variable(name));
}

// Digits, with up to three decimals when `thousandths` is asked for. False for anything else, and over a million.
[[nodiscard]] bool parse_number(std::string_view text, std::int64_t unit, std::int64_t& value) noexcept {
  constexpr std::int64_t kWholeMax = 1'000'000;
  std::int64_t whole = 0;
  std::size_t at = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    whole = whole * 10 + (text[at] - '0');
    if (whole > kWholeMax) return false;
  }
  if (at == 0) return false;
  value = whole * unit;
  if (at == text.size()) return true;
  if (unit == 1 || text[at] != '.' || at + 1 == text.size()) return false;
  for (++at; at < text.size(); ++at) {
    if (text[at] < '0' || text[at] > '9') return false;
    unit /= 10;
    value += (text[at] - '0') * unit;
  }
  return true;
}

}  // namespace

Error apply_environment(ClientOptions& options) noexcept {
  if (options.bearer_token.empty()) take_text("AXONPUSH_API_KEY", options.api_key);
  take_text("AXONPUSH_TENANT_ID", options.tenant_id);
  take_text("AXONPUSH_ORG_ID", options.tenant_id);
  take_text("AXONPUSH_APP_ID", options.app_id);
  take_text("AXONPUSH_CHANNEL_ID", options.channel_id);
  take_text("AXONPUSH_BASE_URL", options.base_url);
  take_text("AXONPUSH_ENVIRONMENT", options.environment);
  std::int64_t number = 0;
  const std::string_view timeout = variable("AXONPUSH_TIMEOUT");
  if (options.timeout == Duration::zero() && !timeout.empty()) {
    if (!parse_number(timeout, 1'000'000'000, number) || number == 0) {
      return Error(Errc::invalid_argument, "AXONPUSH_TIMEOUT is not a number of seconds");
    }
    options.timeout = nanoseconds(number);
  }
  const std::string_view retries = variable("AXONPUSH_MAX_RETRIES");
  if (options.max_retries == UINT32_MAX && !retries.empty()) {
    if (!parse_number(retries, 1, number) || number > 1'000) {
      return Error(Errc::invalid_argument, "AXONPUSH_MAX_RETRIES is not a number from 0 to 1000");
    }
    options.max_retries = static_cast<std::uint32_t>(number);
  }
  return {};
}

}  // namespace axonpush::inline v0::net
