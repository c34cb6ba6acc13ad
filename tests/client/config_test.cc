// CONTRACT 1 and 2: options as they are judged at construction, and what the service's answers mean.
#include "client/config.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "client/envelope.h"

namespace axonpush::test {
namespace {

ClientOptions with_key() {
  ClientOptions options;
  options.api_key = "ak_1";
  return options;
}

Error error_of(ClientOptions options) {
  Config config;
  return config.take(std::move(options));
}

Error error_of_base_url(std::string url) {
  ClientOptions options = with_key();
  options.base_url = std::move(url);
  options.allow_cleartext_loopback = true;
  return error_of(std::move(options));
}

// --- Config
// -------------------------------------------------------------------------------------------------------------

TEST(Config, FillsInItsDefaults) {
  Config config;
  ASSERT_FALSE(config.take(with_key()));
  EXPECT_EQ(config.options.base_url, kDefaultBaseUrl);
  EXPECT_EQ(config.options.timeout, limits::kHttpAttemptTimeout);
  EXPECT_EQ(config.options.max_retries, 3U);
  EXPECT_EQ(config.api.host, "api.axonpush.xyz");
}

TEST(Config, KnowsTheKindOfAKeyAndLeavesNoneInTheOptions) {
  struct Row {
    std::string api_key, bearer_token;
    Config::KeyKind kind;
    const char* line;
  };
  const Row rows[] = {{"ak_1", "", Config::KeyKind::api_key, "X-API-Key: ak_1\r\n"},
                      {"other", "", Config::KeyKind::api_key, "X-API-Key: other\r\n"},
                      {"pt_1", "", Config::KeyKind::public_token, "X-Public-Token: pt_1\r\n"},
                      {"", "token", Config::KeyKind::bearer, "Authorization: Bearer token\r\n"},
                      {"ak_1", "token", Config::KeyKind::api_key, "X-API-Key: ak_1\r\n"}};
  for (const Row& row : rows) {
    ClientOptions options;
    options.api_key = row.api_key;
    options.bearer_token = row.bearer_token;
    Config config;
    ASSERT_FALSE(config.take(std::move(options)));
    EXPECT_EQ(config.key_kind, row.kind);
    EXPECT_TRUE(config.options.api_key.empty());
    EXPECT_TRUE(config.options.bearer_token.empty());
    std::uint8_t head[1'024];
    http::RequestWriter writer(head);
    writer.start("POST", kCredentialsPath);
    writer.header("Host", "a");
    write_credentials_headers(writer, config, "POST");
    writer.finish();
    ASSERT_TRUE(writer.ok());
    EXPECT_NE(text_of(writer.written()).find(row.line), std::string_view::npos) << row.line;
    EXPECT_NE(text_of(writer.written()).find("\r\nContent-Length: 0\r\n"), std::string_view::npos);
  }
}

// A bearer token shares its field's 4 KiB with the scheme; one of exactly 4 KiB was once taken and could not be sent.
TEST(Config, AKeyAtItsLimitCanBeSentAndOneBehindItIsRefused) {
  constexpr std::size_t kBearerMax = limits::kApiKeyBytes - 7;
  for (const bool bearer : {false, true}) {
    const std::size_t most = bearer ? kBearerMax : limits::kApiKeyBytes;
    for (const std::size_t size : {most, most + 1}) {
      ClientOptions options;
      (bearer ? options.bearer_token : options.api_key).assign(size, 'k');
      Config config;
      const Error error = config.take(std::move(options));
      EXPECT_EQ(error.code(), size == most ? Errc::none : Errc::header_invalid) << size;
      if (error) continue;
      std::vector<std::uint8_t> head(8'192);
      http::RequestWriter writer(head);
      writer.start("GET", kCredentialsPath);
      writer.header("Host", "a");
      write_credentials_headers(writer, config, "GET");
      writer.finish();
      EXPECT_TRUE(writer.ok()) << size;
      EXPECT_EQ(text_of(writer.written()).find("Content-Length"), std::string_view::npos);
    }
  }
}

TEST(Config, NeedsAKeyUnlessCredentialsComeFromElsewhere) {
  EXPECT_EQ(error_of({}).code(), Errc::header_invalid);
  ClientOptions sourced;
  sourced.credentials_source = [](CredentialsAnswer&) {};
  Config config;
  ASSERT_FALSE(config.take(std::move(sourced)));
  EXPECT_EQ(config.key_kind, Config::KeyKind::none);
  std::uint8_t head[1'024];
  http::RequestWriter writer(head);
  writer.start("GET", "/");
  writer.header("Host", "a");
  write_credentials_headers(writer, config, "GET");
  writer.finish();
  EXPECT_TRUE(writer.ok());
  EXPECT_EQ(text_of(writer.written()).find("Authorization"), std::string_view::npos);
}

TEST(Config, RefusesAKeyThatIsNotVisibleAscii) {  // T-15
  for (const char* key : {"a b", "a\r\nb", "a\x7F", "\xC3\xA4", "\x01"}) {
    ClientOptions options;
    options.api_key = key;
    EXPECT_EQ(error_of(std::move(options)).code(), Errc::header_invalid);
  }
}

TEST(Config, JudgesEveryOptionThatGoesIntoAHeader) {  // T-15
  std::string ClientOptions::*const members[] = {&ClientOptions::tenant_id,   &ClientOptions::environment,
                                                 &ClientOptions::trace_id,    &ClientOptions::span_id,
                                                 &ClientOptions::traceparent, &ClientOptions::baggage};
  for (std::string ClientOptions::*const member : members) {
    for (const std::string& good : {std::string("a"), std::string(limits::kHeaderOptionBytes, 'x')}) {
      ClientOptions options = with_key();
      options.*member = good;
      EXPECT_FALSE(error_of(std::move(options)));
    }
    for (const std::string& bad : {std::string("a\nb"), std::string(limits::kHeaderOptionBytes + 1, 'x')}) {
      ClientOptions options = with_key();
      options.*member = bad;
      EXPECT_EQ(error_of(std::move(options)).code(), Errc::header_invalid);
    }
  }
}

TEST(Config, RefusesASinglePin) {  // RFC 7469 2.5: a backup pin
  ClientOptions options = with_key();
  ASSERT_TRUE(options.tls.pins.push_back({}));
  EXPECT_EQ(error_of(std::move(options)).code(), Errc::invalid_argument);
}

TEST(Config, JudgesTheBaseUrl) {  // U-01, U-09, U-11
  const std::pair<const char*, Errc> rows[] = {{"https://api.example.com", Errc::none},
                                               {"https://api.example.com///", Errc::none},
                                               {"https://api.example.com/v1/", Errc::none},
                                               {"http://localhost:8080", Errc::none},
                                               {"http://LOCALHOST", Errc::none},
                                               {"http://127.0.0.1", Errc::none},
                                               {"http://[::1]:1", Errc::none},
                                               {"http://api.example.com", Errc::cleartext_refused},
                                               {"http://localhosts", Errc::cleartext_refused},
                                               {"ws://localhost", Errc::url_invalid},
                                               {"wss://api.example.com", Errc::url_invalid},
                                               {"https://api.example.com?a=b", Errc::url_invalid},
                                               {"https://api.example.com/v1?a=b", Errc::url_invalid},
                                               {"https://api.example.com/?", Errc::url_invalid},
                                               {"https://api.example.com/a//b", Errc::url_invalid},
                                               {"api.example.com", Errc::url_invalid}};
  for (const auto& [url, code] : rows) EXPECT_EQ(error_of_base_url(url).code(), code) << url;
  ClientOptions options = with_key();
  options.base_url = "http://localhost";
  EXPECT_EQ(error_of(std::move(options)).code(), Errc::cleartext_refused) << "not asked for";
}

TEST(Config, ABrokerOnLoopbackIsOnlyHandedOutFromLoopback) {  // U-09
  const Result<http::Url> broker = http::parse_url("wss://127.0.0.1/mqtt");
  ASSERT_TRUE(broker.ok());
  EXPECT_EQ(check_reachable(*broker, {}, false).code(), Errc::url_invalid);
  EXPECT_FALSE(check_reachable(*broker, {}, true));
}

TEST(Config, AllowsHostsByTheirSuffix) {  // CONTRACT 2: at a label's border
  struct Row {
    const char* host;
    const char* suffixes;
    bool allowed;
  };
  const Row rows[] = {{"a.amazonaws.com", "amazonaws.com", true},
                      {"a.AmazonAWS.com", "amazonaws.COM", true},
                      {"amazonaws.com", "amazonaws.com", true},
                      {"a.amazonaws.com", ".amazonaws.com", true},
                      {"evilamazonaws.com", "amazonaws.com", false},
                      {"amazonaws.com.evil.example", "amazonaws.com", false},
                      {"aws.com", "amazonaws.com", false},
                      {"a.example.org", "amazonaws.com, example.org ,x", true},
                      {"a.x", "amazonaws.com,example.org,  .x  ", true},
                      {"a.example.net", "amazonaws.com,example.org", false},
                      {"a", "", false},
                      {"a", " , ,.,", false}};
  for (const Row& row : rows) EXPECT_EQ(host_allowed(row.host, row.suffixes), row.allowed) << row.host << row.suffixes;
}

// --- What the service answers
// -------------------------------------------------------------------------------------------

TEST(Envelope, EveryStatusIsAnErrorOfItsKind) {  // CONTRACT 2
  const std::pair<std::uint16_t, Errc> rows[] = {
      {300, Errc::redirect_refused}, {399, Errc::redirect_refused}, {400, Errc::invalid_request},
      {401, Errc::unauthorized},     {402, Errc::http_status},      {403, Errc::forbidden},
      {404, Errc::not_found},        {408, Errc::http_timeout},     {422, Errc::invalid_request},
      {429, Errc::rate_limited},     {499, Errc::http_status},      {500, Errc::server_error},
      {599, Errc::server_error},     {600, Errc::http_status},      {204, Errc::http_status}};
  for (const auto& [status, code] : rows) {
    EXPECT_EQ(error_of_http_status(status).code(), code) << status;
    EXPECT_EQ(error_of_http_status(status).number(), status);
  }
}

std::string words_of(std::string_view body) {
  const Error error = with_envelope(Error(Errc::server_error), bytes_of(body));
  const ServerWords words = error.server_words();
  std::string all;
  for (const std::string_view word : {words.message, words.code, words.hint, words.request_id}) {
    all += std::string(word) + "|";
  }
  return all;
}

TEST(Envelope, IsTheServersWords) {
  const std::pair<const char*, const char*> rows[] = {
      {R"({"message":"no","code":"E1","hint":"try","requestId":"r1"})", "no|E1|try|r1|"},
      {R"({"error":"no","request_id":"r2"})", "no|||r2|"},
      {R"({"error":"Bad Request","message":"no","request_id":"r2","requestId":"r1"})", "no|||r1|"},
      {R"({"message":["a is wrong","b is \"missing\"",3,null]})", R"(a is wrong, b is "missing"||||)"},
      {R"({"message":[],"code":17,"hint":{"a":1},"requestId":null})", "||||"},
      {R"({"message":"a\u0041\n"})", R"(aA\x0a||||)"},
      {R"(["message"])", "||||"},
      {"<html>", "||||"},
      {"", "||||"}};
  for (const auto& [body, expected] : rows) EXPECT_EQ(words_of(body), expected) << body;
}

TEST(Envelope, IsReadWithinItsLimits) {
  std::string many = "{";
  for (int number = 0; number < 40; ++number) many += "\"m" + std::to_string(number) + "\":0,";
  EXPECT_EQ(words_of(many + R"("message":"behind the 32nd member"})"), "||||");
  // An escaped text that is longer than its scratch, alone and in a list.
  std::string escaped;
  for (std::size_t at = 0; at <= 2 * limits::kServerTextBytes; ++at) escaped += "\\n";
  EXPECT_EQ(words_of("{\"message\":\"" + escaped + "\",\"code\":\"E\"}"), "|E|||");
  EXPECT_EQ(words_of("{\"message\":[\"" + escaped + "\",\"short\"]}"), "short||||");
}

TEST(Envelope, WritesTheAuthorityAsHostWantsIt) {  // RFC 9110 7.2
  const std::pair<const char*, const char*> rows[] = {
      {"https://a.example", "a.example"},           {"https://a.example:443", "a.example"},
      {"https://a.example:8443", "a.example:8443"}, {"http://127.0.0.1:80", "127.0.0.1"},
      {"https://[2001:db8::1]", "[2001:db8::1]"},   {"https://[2001:db8::1]:1", "[2001:db8::1]:1"}};
  for (const auto& [url, expected] : rows) {
    const Result<http::Url> parsed = http::parse_url(url);
    ASSERT_TRUE(parsed.ok());
    FixedText<limits::kHostBytes + 16> authority;
    EXPECT_TRUE(write_authority(*parsed, authority));
    EXPECT_EQ(authority.view(), expected);
  }
  http::Url by_hand;  // one that no parser gives
  const std::string endless(limits::kHostBytes + 1, 'a');
  by_hand.host = endless;
  FixedText<limits::kHostBytes + 16> authority;
  EXPECT_FALSE(write_authority(by_hand, authority));
}

}  // namespace
}  // namespace axonpush::test
