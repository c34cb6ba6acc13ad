#include "client/envelope.h"

#include <axonpush/json/reader.h>

#include <utility>

#include "base/text_writer.h"

namespace axonpush::inline v0 {

namespace {

constexpr std::size_t kEnvelopeMembers = 32;

// The text of a string, or of an array of strings joined with ", ". Views into `scratch` or the document.
std::string_view joined_text(const json::Value& value, std::span<char> scratch) noexcept {
  const MutableBytes bytes(reinterpret_cast<std::uint8_t*>(scratch.data()), scratch.size());
  std::string_view text;
  if (value.kind == json::Kind::string) return value.text(bytes, text) ? text : std::string_view();
  if (value.kind != json::Kind::array) return {};
  TextWriter writer(scratch);
  char element[limits::kServerTextBytes];
  json::Cursor cursor(value);
  json::Member member;
  bool first = true;
  while (cursor.next(member)) {
    const MutableBytes own(reinterpret_cast<std::uint8_t*>(element), sizeof element);
    if (member.value.kind != json::Kind::string || !member.value.text(own, text)) continue;
    if (!first) writer.text(", ");
    first = false;
    writer.text(text);
  }
  return writer.view();
}

}  // namespace

Error error_of_http_status(std::uint16_t status) noexcept {
  const auto error = [status](Errc code, const char* what) { return Error(code, what).with_number(status); };
  if (status >= 300 && status < 400) {
    return error(Errc::redirect_refused,
                 "the service answered with a redirect, which is never followed: the key would travel");
  }
  switch (status) {
    case 400:
    case 422:
      return error(Errc::invalid_request, "the service refused the request as invalid");
    case 401:
      return error(Errc::unauthorized, "the service does not accept the API key");
    case 403:
      return error(Errc::forbidden, "the API key may not do this");
    case 404:
      return error(Errc::not_found, "the service knows no such resource");
    case 408:
      return error(Errc::http_timeout, "the service gave up waiting for the request");
    case 429:
      return error(Errc::rate_limited, "the service is asked too often");
    default:
      break;
  }
  if (status >= 500 && status < 600) return error(Errc::server_error, "the service failed");
  return error(Errc::http_status, "the service answered with an unexpected status");
}

Error with_envelope(Error error, Bytes body) noexcept {
  json::Member members[kEnvelopeMembers];
  std::size_t count = 0;
  const json::Limits limits{.bytes = limits::kHttpErrorBodyBytes, .depth = 16, .nodes = 512};
  if (json::read_object(body, limits, members, count)) return error;
  if (count > kEnvelopeMembers) count = kEnvelopeMembers;
  json::Value code, message, plain, hint, request_id, request_id_snake;
  for (const json::Member& member : std::span(members, count)) {
    if (json::key_equals(member, "code")) code = member.value;
    if (json::key_equals(member, "message")) message = member.value;
    if (json::key_equals(member, "error")) plain = member.value;
    if (json::key_equals(member, "hint")) hint = member.value;
    if (json::key_equals(member, "requestId")) request_id = member.value;
    if (json::key_equals(member, "request_id")) request_id_snake = member.value;
  }
  char scratch[4][2 * limits::kServerTextBytes];
  const ServerWords words{
      .message = joined_text(message ? message : plain, scratch[0]),
      .code = joined_text(code, scratch[1]),
      .hint = joined_text(hint, scratch[2]),
      .request_id = joined_text(request_id ? request_id : request_id_snake, scratch[3]),
  };
  return std::move(error).with_words(words);
}

bool write_authority(const http::Url& url, FixedText<limits::kHostBytes + 16>& into) noexcept {
  char text[limits::kHostBytes + 16];
  TextWriter writer(text);
  const bool bracketed = url.host_kind == http::HostKind::ipv6;
  if (bracketed) writer.character('[');
  writer.text(url.host);
  if (bracketed) writer.character(']');
  if (!url.default_port()) {
    writer.character(':');
    writer.number(url.port);
  }
  return url.host.size() <= limits::kHostBytes && into.assign(writer.view());
}

namespace {

void write_bearer(http::RequestWriter& writer, const SecretString& token) noexcept {
  char value[limits::kApiKeyBytes];
  std::memcpy(value, kBearerScheme.data(), kBearerScheme.size());
  const std::string_view secret = token.reveal();
  std::memcpy(value + kBearerScheme.size(), secret.data(), secret.size());
  writer.header("Authorization", {value, kBearerScheme.size() + secret.size()});
  wipe({reinterpret_cast<std::uint8_t*>(value), sizeof value});
}

}  // namespace

void write_credentials_headers(http::RequestWriter& writer, const Config& config, std::string_view method) noexcept {
  const ClientOptions& options = config.options;
  switch (config.key_kind) {
    case Config::KeyKind::api_key:
      writer.header("X-API-Key", config.key.reveal());
      break;
    case Config::KeyKind::public_token:
      writer.header("X-Public-Token", config.key.reveal());
      break;
    case Config::KeyKind::bearer:
      write_bearer(writer, config.key);
      break;
    case Config::KeyKind::none:
      break;
  }
  const std::pair<std::string_view, std::string_view> optional[] = {
      {"x-tenant-id", options.tenant_id},        {"X-Axonpush-Environment", options.environment},
      {"X-Axonpush-Trace-Id", options.trace_id}, {"X-Axonpush-Span-Id", options.span_id},
      {"traceparent", options.traceparent},      {"baggage", options.baggage},
  };
  for (const auto& [name, value] : optional) {
    if (!value.empty()) writer.header(name, value);
  }
  writer.header("Accept", "application/json");
  writer.header("Accept-Encoding", "identity");
  writer.header("User-Agent", "axonpush-cpp/0.1");
  writer.header("Connection", "close");
  if (method == "POST") writer.header("Content-Length", "0");
}

}  // namespace axonpush::inline v0
