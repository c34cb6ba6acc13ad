// The credentials' body: every member in every state, times, prefixes, and the time that is left. Each body is also
// held to the slow reference.
#include <axonpush/credentials.h>
#include <axonpush/http/http1.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "support/allocations.h"
#include "support/credentials_reference.h"
#include "support/guarded_bytes.h"

namespace axonpush::test {
namespace {

// Members by name, as they are spelled in JSON.
using Members = std::map<std::string, std::string>;

constexpr std::string_view kUrl =
    "wss://a1-ats.iot.eu-west-1.amazonaws.com/mqtt?x-amz-customauthorizer-name=SecretName";

Members good() {
  return {{"endpoint", "\"a1-ats.iot.eu-west-1.amazonaws.com\""},
          {"presignedWssUrl", "\"" + std::string(kUrl) + "\""},
          {"expiresAt", "\"2026-11-23T18:00:00Z\""},
          {"topicPrefix", "\"axonpush/org_1\""},
          {"envSlug", "\"prod\""},
          {"topicTemplate", "\"{topicPrefix}/{envSlug}/{appId}\""},
          {"clientId", "\"client-1\""},
          {"region", "\"eu-west-1\""},
          {"authorizerName", "\"SecretName\""},
          {"authToken", "\"SecretToken\""}};
}
std::string body_of(const Members& members) {
  std::string body = "{";
  for (const auto& [name, value] : members) body += (body.size() == 1 ? "\"" : ",\"") + name + "\":" + value;
  return body + "}";
}
std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

// The library's verdict, the same as the reference's, from bytes flush against a page that may not be touched.
Result<Credentials> parsed(std::string_view body) {
  GuardedBytes guarded(body.size());
  Result<Credentials> credentials = parse_credentials(guarded.hold(bytes_of(body)));
  const CredentialsReference reference(body);
  EXPECT_EQ(credentials.ok() ? Errc::none : credentials.error().code(), reference.code()) << body.substr(0, 300);
  if (credentials.ok()) {
    EXPECT_EQ(reference.difference(*credentials), "") << body.substr(0, 300);
  } else {
    // Nothing of the body gets into the text of an error.
    char text[512];
    const std::string_view words(text, credentials.error().format(text));
    EXPECT_FALSE(credentials.error().what().empty());
    EXPECT_EQ(words.find("Secret"), std::string_view::npos) << words;
  }
  return credentials;
}
Errc code_of(std::string_view body) {
  const Result<Credentials> credentials = parsed(body);
  return credentials.ok() ? Errc::none : credentials.error().code();
}
Errc code_with(const std::string& name, const std::string& value) {
  Members members = good();
  members[name] = value;
  return code_of(body_of(members));
}

TEST(Credentials, ValuesAsTheyCame) {
  const Result<Credentials> credentials = parsed(body_of(good()));
  ASSERT_TRUE(credentials.ok());
  EXPECT_EQ(credentials->url.reveal(), kUrl);
  EXPECT_EQ(credentials->auth_token.reveal(), "SecretToken");
  EXPECT_EQ(credentials->client_id.view(), "client-1");
  EXPECT_EQ(credentials->topic_prefix.view(), "axonpush/org_1");
  EXPECT_EQ(credentials->env_slug.view(), "prod");
  EXPECT_EQ(credentials->expires_at.nanoseconds(), 1'795'456'800'000'000'000);
  EXPECT_EQ(credentials->endpoint.view(), "a1-ats.iot.eu-west-1.amazonaws.com");
  EXPECT_EQ(credentials->region.view(), "eu-west-1");
  EXPECT_EQ(credentials->authorizer_name.view(), "SecretName");
  EXPECT_EQ(credentials->topic_template.view(), "{topicPrefix}/{envSlug}/{appId}");
}

TEST(Credentials, EachMemberMissingNullNumberEmptyObject) {  // C-01
  for (const auto& [name, value] : good()) {
    const bool required = name == "presignedWssUrl" || name == "expiresAt";
    const Errc absent = required ? Errc::credentials_invalid : Errc::none;
    Members members = good();
    members.erase(name);
    EXPECT_EQ(code_of(body_of(members)), absent) << name;
    EXPECT_EQ(code_with(name, "null"), absent) << name;
    EXPECT_EQ(code_with(name, "\"\""), absent) << name;
    for (const char* wrong : {"1", "{}", "[]", "true", "1.5", "[\"x\"]"}) {
      EXPECT_EQ(code_with(name, wrong), Errc::credentials_invalid) << name;
    }
  }
  // What is absent is empty; what the fallbacks make of it is the client's business.
  const Result<Credentials> least = parsed(R"({"presignedWssUrl":"wss://h/","expiresAt":"2026-11-23T18:00:00Z"})");
  ASSERT_TRUE(least.ok());
  EXPECT_TRUE(least->client_id.empty() && least->topic_prefix.empty() && least->env_slug.empty());
  EXPECT_TRUE(least->auth_token.empty() && least->endpoint.empty());
}

TEST(Credentials, Times) {  // C-02, C-05
  struct Row {
    std::string_view text;
    Errc code;
    std::int64_t nanoseconds;  // since 1970
  };
  constexpr std::int64_t kSix = 1'795'456'800'000'000'000;  // 2026-11-23T18:00:00Z
  constexpr std::int64_t kHour = 3'600'000'000'000;
  const Row rows[] = {
      {"2026-11-23T18:00:00Z", Errc::none, kSix},
      {"2026-11-23T18:00:00.1Z", Errc::none, kSix + 100'000'000},
      {"2026-11-23T18:00:00.123456789Z", Errc::none, kSix + 123'456'789},
      {"2026-11-23T18:00:00+00:00", Errc::none, kSix},
      {"2026-11-23T18:00:00-08:00", Errc::none, kSix + 8 * kHour},
      {"2026-11-23T18:00:00", Errc::none, kSix},
      {"2026-06-30T23:59:60Z", Errc::none, 1'782'863'999'999'000'000},
      {"2026-11-23T18:00:00.1234567890Z", Errc::credentials_invalid, 0},
      {"2026-11-23T18:00:00.Z", Errc::credentials_invalid, 0},
      {"2026-11-23T18:00:00+0000", Errc::credentials_invalid, 0},
      {"2026-11-23", Errc::credentials_invalid, 0},
      {"1795456800", Errc::credentials_invalid, 0},
      {"1795456800000", Errc::credentials_invalid, 0},
      {"2026-11-23T24:00:00Z", Errc::credentials_invalid, 0},
      {"2026-02-30T00:00:00Z", Errc::credentials_invalid, 0},
      {"2026-13-01T00:00:00Z", Errc::credentials_invalid, 0},
      {"10000-01-01T00:00:00Z", Errc::credentials_invalid, 0},
      {"9999-12-31T23:59:59Z", Errc::none, INT64_MAX},
      {" 2026-11-23T18:00:00Z", Errc::credentials_invalid, 0},
      {"tomorrow", Errc::credentials_invalid, 0},
  };
  for (const Row& row : rows) {
    Members members = good();
    members["expiresAt"] = in_quotes(row.text);
    const Result<Credentials> credentials = parsed(body_of(members));
    ASSERT_EQ(credentials.ok() ? Errc::none : credentials.error().code(), row.code) << row.text;
    if (row.code == Errc::none && row.text.find(":60Z") == std::string_view::npos) {
      EXPECT_EQ(credentials->expires_at.nanoseconds(), row.nanoseconds) << row.text;
    }
  }
  EXPECT_EQ(code_with("expiresAt", in_quotes(std::string(200, '0'))), Errc::credentials_invalid);
  // In other spellings of the separator and the zone, the reference decides (RFC 3339 5.6).
  for (const char* text : {"2026-11-23t18:00:00z", "2026-11-23 18:00:00Z", "0000-01-01T00:00:00Z"}) {
    static_cast<void>(code_with("expiresAt", in_quotes(text)));
  }
}

TEST(Credentials, ClientIds) {  // C-07
  EXPECT_EQ(code_with("clientId", in_quotes(std::string(23, 'c'))), Errc::none);
  EXPECT_EQ(code_with("clientId", in_quotes(std::string(128, 'c'))), Errc::none);
  EXPECT_EQ(code_with("clientId", in_quotes(std::string(129, 'c'))), Errc::credentials_invalid);
  EXPECT_EQ(code_with("clientId", in_quotes(std::string(60'000, 'c'))), Errc::credentials_invalid);
  EXPECT_EQ(code_with("clientId", in_quotes("$x")), Errc::credentials_invalid);
  EXPECT_EQ(code_with("clientId", in_quotes("x$")), Errc::none);
  EXPECT_EQ(code_with("clientId", in_quotes("c\\u0000d")), Errc::credentials_invalid);
  EXPECT_EQ(code_with("clientId", in_quotes("c\xFF")), Errc::json_invalid);
  EXPECT_EQ(code_with("clientId", in_quotes("\xC3\xA9")), Errc::none);
}

TEST(Credentials, Tokens) {  // C-08
  for (const std::size_t size : {std::size_t{1}, std::size_t{4'096}, std::size_t{64'000}}) {
    EXPECT_EQ(code_with("authToken", in_quotes(std::string(size, 't'))), Errc::none) << size;
  }
  // The body's own limit of 64 KiB comes before the 65,535 bytes of a User Name, unless escapes make it shorter.
  const std::string long_token(65'400, 't');
  EXPECT_EQ(
      code_of(R"({"presignedWssUrl":"wss://h/","expiresAt":"2026-11-23T18:00:00Z","authToken":")" + long_token + "\"}"),
      Errc::none);
  EXPECT_EQ(code_with("authToken", in_quotes(std::string(65'536, 't'))), Errc::json_too_large);
}

TEST(Credentials, NulInAnyKnownMember) {  // J-08
  for (const auto& [name, value] : good()) {
    std::string with_nul = value;
    with_nul.insert(with_nul.size() - 1, "\\u0000");
    EXPECT_EQ(code_with(name, with_nul), Errc::credentials_invalid) << name;
  }
  EXPECT_EQ(code_with("unknown", "\"a\\u0000b\""), Errc::none);
}

TEST(Credentials, AKnownMemberStandsOnce) {  // J-11, J-17
  for (const auto& [name, value] : good()) {
    const std::string body = body_of(good());
    const std::string begin = body.substr(0, body.size() - 1);
    EXPECT_EQ(code_of(begin + ",\"" + name + "\":" + value + "}"), Errc::credentials_invalid) << name;
    EXPECT_EQ(code_of(begin + ",\"" + name + "\":null}"), Errc::credentials_invalid) << name;
    // Spelled with an escape it is the same name; with a NUL behind it, another.
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(name[0]));
    EXPECT_EQ(code_of(begin + ",\"" + escaped + name.substr(1) + "\":" + value + "}"), Errc::credentials_invalid);
    EXPECT_EQ(code_of(begin + ",\"" + name + "\\u0000\":" + value + "}"), Errc::none);
  }
}

TEST(Credentials, TopicPrefixes) {  // T-04
  for (const char* prefix : {"axonpush", "axonpush/org_1", "a/b/c", "a$/b", "\xC3\xBC/x"}) {
    EXPECT_EQ(code_with("topicPrefix", in_quotes(prefix)), Errc::none) << prefix;
  }
  for (const char* prefix : {"axonpush/", "/axonpush/x", "/", "axonpush//x", "axonpush/+", "axonpush/#", "+", "#",
                             "a+b", "$aws/x", "a\\u0000b", "a/b/c/d"}) {
    EXPECT_EQ(code_with("topicPrefix", in_quotes(prefix)), Errc::credentials_invalid) << prefix;
  }
  EXPECT_EQ(code_with("topicPrefix", in_quotes(std::string(246, 'x'))), Errc::none);
  EXPECT_EQ(code_with("topicPrefix", in_quotes(std::string(247, 'x'))), Errc::credentials_invalid);
  EXPECT_EQ(code_with("envSlug", in_quotes(std::string(256, 'x'))), Errc::none);
  EXPECT_EQ(code_with("envSlug", in_quotes(std::string(257, 'x'))), Errc::credentials_invalid);
}

TEST(Credentials, Urls) {
  struct Row {
    std::string_view url;
    Errc code;
  };
  const Row rows[] = {
      {"ws://127.0.0.1:8080/mqtt", Errc::none},  // whether it may be used is for the client to say
      {"WSS://Host.example/mqtt?a=b", Errc::none},
      {"https://h/", Errc::url_invalid},
      {"wss:h", Errc::url_invalid},
      {"wss:///p", Errc::url_invalid},
      {"wss://u:p@h/", Errc::url_invalid},
      {"wss://h/#f", Errc::url_invalid},
      {"//h/", Errc::url_invalid},
      {" wss://h/", Errc::url_invalid},
      {"wss://h/a\\u0020b", Errc::url_invalid},
      {"wss://h/a\\r\\nb", Errc::url_invalid},
  };
  for (const Row& row : rows) EXPECT_EQ(code_with("presignedWssUrl", in_quotes(row.url)), row.code) << row.url;
  // The bytes of a URL that JSON escapes are the URL's own.
  Members members = good();
  members["presignedWssUrl"] = R"("wss:\/\/h\/mqtt?\u0061=%0d%0a")";
  const Result<Credentials> credentials = parsed(body_of(members));
  ASSERT_TRUE(credentials.ok());
  EXPECT_EQ(credentials->url.reveal(), "wss://h/mqtt?a=%0d%0a");
}

TEST(Credentials, WhatNeedsNobodyMayBeTooLong) {
  for (const char* name : {"endpoint", "region", "authorizerName", "topicTemplate"}) {
    EXPECT_EQ(code_with(name, in_quotes(std::string(1'000, 'x'))), Errc::none) << name;
  }
}

TEST(Credentials, OtherAnswers) {  // C-11, C-12, J-01, J-12, J-13, J-14
  EXPECT_EQ(code_of("{}"), Errc::credentials_invalid);
  EXPECT_EQ(code_of(R"({"error":"nope"})"), Errc::credentials_invalid);
  for (const char* body : {"", " ", "null", "[]", "\"x\"", "1", "{", "{}x"})
    EXPECT_EQ(code_of(body), Errc::json_invalid);
  const Result<Credentials> page = parsed("\n <!DOCTYPE html><html><title>Sign in to Secret</title></html>");
  EXPECT_EQ(page.error().code(), Errc::json_invalid);
  EXPECT_NE(page.error().what().find("HTML"), std::string_view::npos);
  EXPECT_NE(parsed("\r\n\t<html>").error().what().find("HTML"), std::string_view::npos);
  // Two of them share the block in which escapes are undone.
  Members escaped = good();
  escaped["region"] = R"("eu\u002dwest-1")";
  escaped["envSlug"] = R"("pr\u006fd")";
  const Result<Credentials> both = parsed(body_of(escaped));
  ASSERT_TRUE(both.ok());

  EXPECT_EQ(code_with("extra", "{\"deep\":[1,{\"a\":null}]}"), Errc::none);
  EXPECT_EQ(code_with("extra", in_quotes(std::string(60 * 1024, 'x'))), Errc::none);
  EXPECT_EQ(code_with("extra", std::string(63, '[') + std::string(63, ']')), Errc::none);
  EXPECT_EQ(code_with("extra", std::string(64, '[') + std::string(64, ']')), Errc::json_too_deep);

  std::string body = body_of(good());
  body.append(limits::kCredentialsBytes - body.size(), ' ');
  EXPECT_EQ(code_of(body), Errc::none);
  EXPECT_EQ(code_of(body + " "), Errc::json_too_large);

  // Ten members, the root and the array are twelve values.
  const auto array_of = [](std::size_t count) {
    std::string array = "[0";
    for (std::size_t at = 1; at < count; ++at) array += ",0";
    return array + "]";
  };
  EXPECT_EQ(code_with("extra", array_of(limits::kCredentialsNodes - 12)), Errc::none);
  EXPECT_EQ(code_with("extra", array_of(limits::kCredentialsNodes - 11)), Errc::json_too_large);
}

TEST(Credentials, CutAnywhere) {  // J-03
  const std::string body = body_of(good());
  for (std::size_t size = 0; size < body.size(); ++size) {
    ASSERT_EQ(code_of(std::string_view(body).substr(0, size)), Errc::json_invalid) << size;
  }
}

TEST(Credentials, EveryFailedAllocationIsAnError) {
  Members members = good();
  members["authToken"] = "\"a\\nb\"";  // needs the scratch
  const std::string body = body_of(members);
  std::uint64_t kth = 1;
  for (;; ++kth) {
    const FailAllocations failing(kth, FailAllocations::Mode::once);
    const Result<Credentials> credentials = parse_credentials(bytes_of(body));
    if (!failing.fired()) {
      EXPECT_TRUE(credentials.ok());
      break;
    }
    ASSERT_FALSE(credentials.ok());
    EXPECT_EQ(credentials.error().code(), Errc::no_memory);
  }
  EXPECT_GE(kth, 4U);  // the scratch, the URL, the token
}

// --- How long they may be used

constexpr WallTime kNow = WallTime::from_nanoseconds(1'795'456'800'000'000'000);  // 2026-11-23T18:00:00Z

struct Left {
  Errc code = Errc::none;
  Duration left;
  bool skewed = false;
};
Left left_of(Duration life, std::string_view date = {}, std::size_t date_count = 0, WallTime wall_now = kNow) {
  Left answer;
  const Result<Duration> left = life_left(kNow + life, date, date_count, wall_now, answer.skewed);
  if (left.ok()) {
    answer.left = *left;
  } else {
    answer.code = left.error().code();
    EXPECT_FALSE(left.error().what().empty());
  }
  return answer;
}

TEST(LifeLeft, ExpiredOrNot) {  // C-03, C-04
  for (const Duration past : {Duration::zero(), nanoseconds(1), seconds(1), hours(1), hours(24 * 365 * 10)}) {
    EXPECT_EQ(left_of(Duration::zero() - past).code, Errc::credentials_expired);
  }
  for (const Duration life : {nanoseconds(1), seconds(10), seconds(30), seconds(59), hours(1), hours(24)}) {
    EXPECT_EQ(left_of(life).left, life);
  }
}

TEST(LifeLeft, AtMostADay) {  // C-05
  EXPECT_EQ(left_of(hours(24) + nanoseconds(1)).left, hours(24));
  EXPECT_EQ(left_of(hours(24 * 365 * 5)).left, hours(24));
  bool skewed = false;
  const Result<Duration> never = life_left(WallTime::never(), {}, 0, WallTime::from_nanoseconds(INT64_MIN), skewed);
  ASSERT_TRUE(never.ok());
  EXPECT_EQ(*never, hours(24));
}

TEST(LifeLeft, CountsFromTheServersDateWhenThereIsOneGoodOne) {  // C-06
  const std::string_view plus_three = "Mon, 23 Nov 2026 21:00:00 GMT", sunday = "Sun, 22 Nov 2026 18:00:00 GMT",
                         before = "Sun, 22 Nov 2026 17:59:59 GMT", later = "Tue, 24 Nov 2026 18:00:01 GMT";
  EXPECT_EQ(left_of(hours(4), plus_three, 1).left, hours(1));
  EXPECT_FALSE(left_of(hours(4), plus_three, 1).skewed);
  EXPECT_EQ(left_of(hours(2), plus_three, 1).code, Errc::credentials_expired);
  // None, two, or one that is no date: the local clock.
  EXPECT_EQ(left_of(hours(4), plus_three, 0).left, hours(4));
  EXPECT_EQ(left_of(hours(4), plus_three, 2).left, hours(4));
  EXPECT_EQ(left_of(hours(4), "yesterday", 1).left, hours(4));
  EXPECT_EQ(left_of(hours(4), "", 1).left, hours(4));
  // More than a day between the clocks is told, either way, and changes nothing else.
  EXPECT_FALSE(left_of(hours(1), sunday, 1).skewed);
  EXPECT_TRUE(left_of(hours(1), before, 1).skewed);
  EXPECT_EQ(left_of(hours(1), before, 1).left, hours(24));
  EXPECT_TRUE(left_of(hours(30), later, 1).skewed);
  EXPECT_EQ(left_of(hours(30), later, 1).left, hours(6) - seconds(1));
  EXPECT_TRUE(left_of(hours(1), sunday, 1, WallTime::from_nanoseconds(0)).skewed);
}

}  // namespace
}  // namespace axonpush::test
