#include "testing/credentials.h"

#include <axonpush/json/writer.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <vector>

namespace axonpush::inline v0::testing {

namespace {

// Known tokens are kept to tell an expired one from one that never was; past this many all old ones are forgotten.
constexpr std::size_t kKnownMax = 65'536;

std::string random_hex(std::size_t byte_count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::array<std::uint8_t, 32> random{};
  if (byte_count > random.size() || RAND_bytes(random.data(), static_cast<int>(byte_count)) != 1) return {};
  std::string text;
  for (const std::uint8_t byte : std::span(random).first(byte_count)) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

bool same_secret(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string_view host_and_port(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return url.substr(0, url.find('/'));
}

std::string_view code_of(std::uint16_t status) {
  switch (status) {
    case 400:
      return "bad_request";
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return "not_found";
    case 405:
      return "method_not_allowed";
    case 422:
      return "validation_failed";
    case 429:
      return "rate_limited";
    default:
      return status >= 500 ? "internal_error" : "error";
  }
}

}  // namespace

Issued CredentialStore::issue(Instant now, WallTime wall_now) {
  if (known_.size() >= kKnownMax) {
    std::erase_if(known_, [&](const auto& entry) { return entry.second.expires <= now; });
  }
  const std::uint64_t number = next_number_++;
  Issued issued{.token = "lbt_" + random_hex(24), .client_id = "axonpush-loopback", .expires_at = wall_now + lifetime_};
  if (!options_.same_client_id) {
    issued.client_id += '-';
    issued.client_id += std::to_string(number);
    issued.client_id += '-';
    issued.client_id += random_hex(4);
  }
  known_[issued.token] = {.number = number, .expires = now + lifetime_};
  return issued;
}

CredentialStore::Verdict CredentialStore::check(std::string_view user_name, Instant now) const {
  if (same_secret(user_name, options_.api_key)) return Verdict::valid;
  const auto found = known_.find(std::string(user_name));
  if (found == known_.end()) return Verdict::unknown;
  const bool live = found->second.number >= expired_below_ && now < found->second.expires;
  return live ? Verdict::valid : Verdict::expired;
}

std::string rfc3339_of(WallTime time) {
  const std::int64_t milliseconds = time.nanoseconds() / 1'000'000;
  const auto seconds_part = static_cast<std::time_t>(milliseconds / 1'000);
  std::tm parts{};
  if (::gmtime_r(&seconds_part, &parts) == nullptr) return {};
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ".%03dZ", static_cast<int>(milliseconds % 1'000));
  return text;
}

std::string credentials_json(const LoopbackOptions& options, const Issued& issued, std::string_view broker_url) {
  std::string url = options.broker_url;
  if (url.empty()) {
    url.append(broker_url).append("?").append(kAuthorizerQuery);
  }
  std::string prefix = options.topic_prefix;
  if (prefix.empty()) prefix.append("axonpush/").append(options.tenant_id);
  const std::string expires_at = rfc3339_of(issued.expires_at);
  std::vector<std::uint8_t> room(4096 + 6 * (url.size() + prefix.size() + options.env_slug.size()));
  json::Writer writer(room);
  writer.begin_object();
  writer.key("endpoint");
  writer.string(host_and_port(url));
  writer.key("presignedWssUrl");
  writer.string(url);
  writer.key("expiresAt");
  writer.string(expires_at);
  writer.key("topicPrefix");
  writer.string(prefix);
  writer.optional_string("envSlug", options.env_slug);
  writer.key("topicTemplate");
  writer.string("{topicPrefix}/{envSlug}/{appId}/{channelId}/{eventType}/{agentId}");
  if (options.hand_out_client_id) writer.optional_string("clientId", issued.client_id);
  writer.key("region");
  writer.string("loopback-1");
  writer.key("authorizerName");
  writer.string(kAuthorizerName);
  writer.key("authToken");
  writer.string(issued.token);
  writer.end_object();
  return writer.ok() ? std::string(writer.view()) : std::string();
}

std::string envelope_json(std::uint16_t status, std::string_view message, std::string_view hint,
                          std::string_view request_id) {
  std::vector<std::uint8_t> room(1024);
  json::Writer writer(room);
  writer.begin_object();
  writer.key("code");
  writer.string(code_of(status));
  writer.key("message");
  writer.string(message);
  writer.optional_string("hint", hint);
  writer.key("requestId");
  writer.string(request_id);
  writer.end_object();
  return writer.ok() ? std::string(writer.view()) : std::string();
}

}  // namespace axonpush::inline v0::testing
