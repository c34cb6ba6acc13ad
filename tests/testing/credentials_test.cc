// The credentials endpoint of the loopback service.
#include <axonpush/http/http1.h>

#include <gtest/gtest.h>

#include "testing/raw_client.h"

namespace {

using axonpush::seconds;
using axonpush::WallTime;
using raw::fetch;
using raw::LoopbackOptions;
using raw::LoopbackService;
using raw::LoopbackStats;
using raw::Response;

WallTime time_of(const Response& response, const char* member) {
  WallTime time;
  EXPECT_TRUE(axonpush::http::parse_rfc3339(response.member(member), time)) << response.body;
  return time;
}

TEST(LoopbackCredentials, PostAnswersEverythingTheClientNeeds) {
  const LoopbackService service({.tenant_id = "org_9", .env_slug = "prod"});
  ASSERT_TRUE(service.status().ok());
  const Response response = fetch(service, "POST");
  ASSERT_EQ(response.status, 200) << response.head;
  EXPECT_EQ(response.member("presignedWssUrl"),
            service.broker_url() + "?x-amz-customauthorizer-name=axonpush-loopback");
  EXPECT_EQ(response.member("endpoint"), "127.0.0.1:" + std::to_string(service.broker_port()));
  EXPECT_EQ(response.member("topicPrefix"), "axonpush/org_9");
  EXPECT_EQ(response.member("envSlug"), "prod");
  EXPECT_EQ(response.member("authorizerName"), "axonpush-loopback");
  EXPECT_FALSE(response.member("clientId").empty());
  EXPECT_FALSE(response.member("authToken").empty());
  WallTime date;
  ASSERT_TRUE(axonpush::http::parse_http_date(response.header("Date"), date));
  const auto lifetime = time_of(response, "expiresAt") - date;
  // Date has whole seconds.
  EXPECT_GE(lifetime, seconds(3600));
  EXPECT_LE(lifetime, seconds(3601));
}

TEST(LoopbackCredentials, GetAnswersTheSame) {
  const LoopbackService service;
  EXPECT_EQ(fetch(service, "GET").status, 200);
  EXPECT_EQ(service.stats().credentials_gets, 1U);
  EXPECT_EQ(service.stats().credentials_posts, 0U);
}

TEST(LoopbackCredentials, EachFetchHasItsOwnTokenAndClientId) {
  const LoopbackService service;
  const Response first = fetch(service);
  const Response second = fetch(service);
  EXPECT_NE(first.member("authToken"), second.member("authToken"));
  EXPECT_NE(first.member("clientId"), second.member("clientId"));
}

TEST(LoopbackCredentials, SameClientIdIsAnOption) {
  const LoopbackService service({.same_client_id = true});
  const Response first = fetch(service);
  const Response second = fetch(service);
  EXPECT_NE(first.member("authToken"), second.member("authToken"));
  EXPECT_EQ(first.member("clientId"), second.member("clientId"));
  const LoopbackService without({.hand_out_client_id = false});
  EXPECT_EQ(fetch(without).member("clientId"), "");
}

TEST(LoopbackCredentials, HandsOutAnotherBroker) {
  const LoopbackService service({.broker_url = "wss://broker.example:8443/ws?x=1"});
  const Response response = fetch(service);
  EXPECT_EQ(response.member("presignedWssUrl"), "wss://broker.example:8443/ws?x=1");
  EXPECT_EQ(response.member("endpoint"), "broker.example:8443");
}

TEST(LoopbackCredentials, RefusesWithTheBackendsEnvelope) {
  const LoopbackService service;
  const std::string key = "X-API-Key: " + service.api_key() + "\r\n";
  const std::string tenant = "x-tenant-id: " + service.tenant_id() + "\r\n";
  const std::string close = "Host: h\r\nConnection: close\r\n";
  const std::string path = "/auth/iot-credentials HTTP/1.1\r\n";
  struct Row {
    const char* name;
    std::string request;
    int status;
    const char* code;
  };
  const Row rows[] = {
      {"no key", "POST " + path + close + tenant + "Content-Length: 0\r\n\r\n", 401, "unauthorized"},
      {"wrong key", "POST " + path + close + tenant + "X-API-Key: ak_wrong\r\nContent-Length: 0\r\n\r\n", 401,
       "unauthorized"},
      {"no tenant", "GET " + path + close + key + "\r\n", 403, "forbidden"},
      {"wrong tenant", "GET " + path + close + key + "x-tenant-id: other\r\n\r\n", 403, "forbidden"},
      {"Content-Type without body",
       "POST " + path + close + key + tenant + "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n", 400,
       "bad_request"},
      {"wrong path", "GET /auth HTTP/1.1\r\n" + close + key + tenant + "\r\n", 404, "not_found"},
      {"wrong method", "PUT " + path + close + key + tenant + "Content-Length: 0\r\n\r\n", 405, "method_not_allowed"},
      {"not HTTP", "hello\r\n\r\n", 400, "bad_request"},
  };
  for (const Row& row : rows) {
    const Response response = raw::ask(service, row.request);
    EXPECT_EQ(response.status, row.status) << row.name;
    EXPECT_EQ(response.member("code"), row.code) << row.name << " " << response.body;
    EXPECT_FALSE(response.member("message").empty()) << row.name;
    EXPECT_FALSE(response.member("requestId").empty()) << row.name;
  }
  EXPECT_EQ(service.stats().credentials_issued, 0U);
}

TEST(LoopbackCredentials, PublicTokenAndBearerTokenAreKeysToo) {
  const LoopbackService service({.api_key = "pt_public", .bearer_token = "jwt.x.y"});
  const std::string front =
      "GET /auth/iot-credentials HTTP/1.1\r\nHost: h\r\nConnection: close\r\nx-tenant-id: " + service.tenant_id() +
      "\r\n";
  EXPECT_EQ(raw::ask(service, front + "X-Public-Token: pt_public\r\n\r\n").status, 200);
  EXPECT_EQ(raw::ask(service, front + "Authorization: Bearer jwt.x.y\r\n\r\n").status, 200);
  EXPECT_EQ(raw::ask(service, front + "Authorization: Bearer jwt.x.z\r\n\r\n").status, 401);
  EXPECT_EQ(raw::ask(service, front + "X-API-Key: pt_public\r\n\r\n").status, 401);
}

TEST(LoopbackCredentials, OneMethodCanBeSwitchedOff) {
  const LoopbackService get({.methods = LoopbackOptions::Methods::get});
  EXPECT_EQ(fetch(get, "POST").status, 405);
  EXPECT_EQ(fetch(get, "GET").status, 200);
  const LoopbackService post({.methods = LoopbackOptions::Methods::post});
  EXPECT_EQ(fetch(post, "GET").status, 405);
  EXPECT_EQ(fetch(post, "POST").status, 200);
}

TEST(LoopbackCredentials, KeepsTheConnectionForTheNextRequest) {
  const LoopbackService service;
  const std::string request = "GET /auth/iot-credentials HTTP/1.1\r\nHost: h\r\nX-API-Key: " + service.api_key() +
                              "\r\nx-tenant-id: " + service.tenant_id() + "\r\n";
  const Response last = raw::ask(service, request + "\r\n" + request + "Connection: close\r\n\r\n");
  EXPECT_EQ(last.status, 200);
  EXPECT_NE(last.body.find("HTTP/1.1 200 OK"), std::string::npos) << "the second response stands behind the first";
  EXPECT_EQ(service.stats().credentials_issued, 2U);
}

TEST(LoopbackCredentials, FaultsAreSpentOneByOne) {
  LoopbackService service;
  service.refuse_credentials({.status = 429, .count = 2, .retry_after = "7"});
  const Response refused = fetch(service);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("Retry-After"), "7");
  EXPECT_EQ(refused.member("code"), "rate_limited");
  EXPECT_EQ(fetch(service).status, 429);
  EXPECT_EQ(fetch(service).status, 200);
  service.replace_credentials("{\"presignedWssUrl\":", 1);
  EXPECT_EQ(fetch(service).body, "{\"presignedWssUrl\":");
  EXPECT_FALSE(fetch(service).member("authToken").empty());
}

TEST(LoopbackCredentials, ClockSkewMovesDateAndExpiryTogether) {
  const LoopbackService service({.clock_skew = axonpush::hours(3)});
  const LoopbackService right;
  const Response skewed = fetch(service);
  const Response straight = fetch(right);
  EXPECT_GT(time_of(skewed, "expiresAt") - time_of(straight, "expiresAt"), axonpush::minutes(179));
  WallTime date;
  ASSERT_TRUE(axonpush::http::parse_http_date(skewed.header("Date"), date));
  EXPECT_LE(time_of(skewed, "expiresAt") - date, seconds(3601));
}

TEST(LoopbackCredentials, DelayedAnswerComes) {
  LoopbackService service;
  service.delay(axonpush::testing::LoopbackAnswer::credentials, axonpush::milliseconds(20));
  EXPECT_EQ(fetch(service).status, 200);
}

TEST(LoopbackCredentials, CleartextWorksAndHasNoCertificate) {
  const LoopbackService service({.cleartext = true});
  EXPECT_EQ(service.base_url(), "http://127.0.0.1:" + std::to_string(service.port()));
  EXPECT_EQ(service.ca_pem(), "");
  EXPECT_EQ(fetch(service).status, 200);
}

TEST(LoopbackService, TakenPortIsReported) {
  const LoopbackService first;
  const LoopbackService second({.port = first.port()});
  ASSERT_FALSE(second.status().ok());
  EXPECT_EQ(second.status().error().code(), axonpush::Errc::connect_failed);
  EXPECT_EQ(second.stats().connections, 0U);
}

TEST(LoopbackService, CaFileIsRemovedAtTheEnd) {
  LoopbackService service;
  const auto path = service.write_ca_file();
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(::access(path->c_str(), R_OK), 0);
  EXPECT_EQ(*service.write_ca_file(), *path) << "written once";
  service.stop();
  EXPECT_NE(::access(path->c_str(), F_OK), 0);
  EXPECT_FALSE(service.write_ca_file().ok());
  EXPECT_EQ(service.publish("axonpush/org_loopback/a/b/c/d/e", "{}").error().code(), axonpush::Errc::closed);
}

}  // namespace
