// FAULTS 1.1: what goes wrong at the credentials endpoint, on the first connect and during a refresh, in virtual time.
#include <gtest/gtest.h>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

using sim::ApiRequest;
using sim::ApiResponse;

// A scenario that is live with credentials of 200 s: the first refresh is due 140 s after the start.
struct Live : Scenario {
  explicit Live(Duration lifetime = seconds(200)) {
    api.lifetime = lifetime;
    EXPECT_TRUE(connect());
  }
  void answer_always(const ApiResponse& response) {
    api.respond = [response](const ApiRequest&) { return std::optional<ApiResponse>(response); };
  }
  [[nodiscard]] std::size_t requests() const { return api.requests.size(); }
  // The old connection is whole: an event still arrives.
  void expect_alive() {
    EXPECT_EQ(broker.live().size(), 1U);
    std::size_t events = 0;
    const auto handler = rt.on_event([&](const Event&) { ++events; });
    ASSERT_TRUE(handler.ok());
    ASSERT_TRUE(subscribe({.channel_id = "probe"}, [](const Event&) {}).ok());
    broker.publish(topic("probe"), "{}");
    EXPECT_TRUE(run_until([&] { return events == 1; }, seconds(5)));
    EXPECT_TRUE(rt.off_event(*handler).ok());
  }
};

struct StatusRow {
  int status;
  Errc error;
  std::size_t requests;  // of one fetch
};
constexpr StatusRow kStatusRows[] = {
    {400, Errc::invalid_request, 1},  {401, Errc::unauthorized, 1},     {403, Errc::forbidden, 1},
    {404, Errc::not_found, 2},        {405, Errc::http_status, 2},      {409, Errc::http_status, 1},
    {418, Errc::http_status, 1},      {422, Errc::invalid_request, 1},  {408, Errc::http_timeout, 4},
    {429, Errc::rate_limited, 4},     {500, Errc::server_error, 4},     {502, Errc::server_error, 4},
    {503, Errc::server_error, 4},     {504, Errc::server_error, 4},     {599, Errc::server_error, 1},
    {301, Errc::redirect_refused, 1}, {302, Errc::redirect_refused, 1}, {307, Errc::redirect_refused, 1},
    {308, Errc::redirect_refused, 1},
};

TEST(FaultHttp, EachStatusIsItsErrorAndItsNumberOfRequests) {  // R-01, R-03, R-05, H-38, H-39, H-40
  for (const StatusRow& row : kStatusRows) {
    Scenario scene;
    scene.api.respond = [&](const ApiRequest&) {
      return ApiResponse{.status = row.status,
                         .body = R"({"code":"x","error":"why"})",
                         .headers = {"Location: https://evil.example.com/", "WWW-Authenticate: Negotiate"}};
    };
    EXPECT_FALSE(scene.connect()) << row.status;
    ASSERT_EQ(scene.connect_results.size(), 1U) << row.status;
    EXPECT_EQ(scene.connect_error.code(), row.error) << row.status;
    EXPECT_EQ(scene.connect_error.number(), static_cast<std::uint32_t>(row.status));
    EXPECT_EQ(scene.connect_error.server_words().message, "why");
    EXPECT_EQ(scene.api.requests.size(), row.requests) << row.status;
    for (const ApiRequest& request : scene.api.requests) {
      EXPECT_EQ(request.headers.at("host"), "api.example.com") << "the key travelled";
    }
    scene.world.run_for(hours(1));
    EXPECT_EQ(scene.api.requests.size(), row.requests) << "retried behind the caller's back";
  }
}

TEST(FaultHttp, GetIsTriedOnceAndRemembered) {  // R-03, CONTRACT 2
  Scenario scene;
  scene.api.lifetime = seconds(100);
  scene.api.respond = [](const ApiRequest& request) -> std::optional<ApiResponse> {
    if (request.method == "POST") return ApiResponse{.status = 405};
    return std::nullopt;
  };
  ASSERT_TRUE(scene.connect());
  scene.run_until([&] { return scene.rt.stats().swaps == 2; });
  std::vector<std::string> methods;
  for (const ApiRequest& request : scene.api.requests) methods.push_back(request.method);
  EXPECT_EQ(methods, (std::vector<std::string>{"POST", "GET", "GET", "GET"}));
}

TEST(FaultHttp, RetriesWithinAFetchFollowTheLadder) {  // R-05, R-06
  Scenario scene;
  scene.api.respond = [](const ApiRequest&) { return ApiResponse{.status = 503}; };
  EXPECT_FALSE(scene.connect());
  ASSERT_EQ(scene.api.requests.size(), 4U);
  const std::int64_t expected[] = {250, 500, 1000};
  for (std::size_t at = 0; at < 3; ++at) {
    const Duration gap = scene.api.requests[at + 1].at - scene.api.requests[at].at;
    // The round trips of the virtual network lie in between.
    EXPECT_GE(gap.milliseconds(), expected[at]);
    EXPECT_LE(gap.milliseconds(), expected[at] + 10);
  }
}

TEST(FaultHttp, ConnectionErrorsAreRetriedAndToldToTheCall) {  // R-06
  Scenario scene;
  std::size_t dials = 0;
  scene.world.plan = [&](const Endpoint&) {
    ++dials;
    return sim::DialPlan{.fate = sim::DialPlan::Fate::refuse};
  };
  EXPECT_FALSE(scene.connect());
  EXPECT_EQ(scene.connect_error.code(), Errc::connect_failed);
  EXPECT_EQ(dials, 4U);
}

TEST(FaultHttp, ARefusedRefreshLeavesTheOldConnectionAlone) {  // R-02, CONTRACT 6.7
  for (const int status : {400, 401, 403, 404, 500}) {
    Live scene;
    scene.answer_always({.status = status});
    ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() >= 5; }, hours(1))) << status;
    const std::int64_t delays[] = {5, 15, 30, 60, 60};
    for (std::size_t at = 0; at < 5; ++at) {
      EXPECT_EQ(scene.errors[at].attempt, at + 1);
      EXPECT_EQ(scene.errors[at].next_delay.seconds(), delays[at]) << status << " attempt " << at;
    }
    EXPECT_EQ(scene.rt.state(), ConnectionState::live);
    scene.expect_alive();
    scene.api.respond = nullptr;
    EXPECT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(2))) << "it recovers by itself";
    EXPECT_EQ(scene.broker.violations.size(), 0U);
  }
}

TEST(FaultHttp, RetryAfterReplacesTheStep) {  // R-04, I-18
  Scenario scene;
  scene.api.next.push_back({.status = 429, .headers = {"Retry-After: 7"}});
  ASSERT_TRUE(scene.connect());
  ASSERT_EQ(scene.api.requests.size(), 2U);
  const Duration gap = scene.api.requests[1].at - scene.api.requests[0].at;
  EXPECT_GE(gap, seconds(7));
  EXPECT_LE(gap, seconds(7) + milliseconds(1400));
}

TEST(FaultHttp, ALongRetryAfterEndsTheFetchAndIsClamped) {  // R-04, CONTRACT 2
  Live scene;
  const std::size_t before = scene.requests();
  scene.answer_always({.status = 429, .headers = {"Retry-After: 100000"}});
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 1; }, hours(1)));
  EXPECT_EQ(scene.requests(), before + 1);
  EXPECT_EQ(scene.errors[0].error.code(), Errc::rate_limited);
  EXPECT_EQ(scene.errors[0].error.retry_after().seconds(), 300);
  EXPECT_EQ(scene.errors[0].next_delay.seconds(), 300);
  scene.world.run_for(seconds(299));
  EXPECT_EQ(scene.requests(), before + 1);
  scene.expect_alive();
}

TEST(FaultHttp, ASlowAnswerIsCutAtAbsoluteDeadlines) {  // R-07, H-43
  for (const Duration per_byte : {seconds(9), milliseconds(400)}) {
    Scenario scene;
    ClientOptions options = Scenario::client_options();
    options.max_retries = 0;
    scene.make(std::move(options));
    ApiResponse slow{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, ' '),
                     .per_byte = per_byte};
    if (per_byte < seconds(1)) slow.raw = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, ' ');
    scene.api.next.push_back(slow);
    const Instant start = scene.world.now();
    EXPECT_FALSE(scene.connect());
    EXPECT_EQ(scene.connect_error.code(), Errc::http_timeout);
    EXPECT_LE(scene.world.now() - start, seconds(31));
    scene.world.run_for(seconds(1));
    EXPECT_EQ(scene.host.open_connections(), 0U);
  }
}

TEST(FaultHttp, AnAnswerThatNeverComesEndsAfterTheTimeoutOption) {
  Scenario scene;
  ClientOptions options = Scenario::client_options();
  options.max_retries = 0;
  options.timeout = seconds(3);
  scene.make(std::move(options));
  scene.api.next.push_back({.silent = true});
  const Instant start = scene.world.now();
  EXPECT_FALSE(scene.connect());
  EXPECT_EQ(scene.connect_error.code(), Errc::http_timeout);
  EXPECT_EQ((scene.world.now() - start).seconds(), 3);
}

TEST(FaultHttp, WholeFetchHasSixtySeconds) {  // CONTRACT 2
  Scenario scene;
  scene.api.respond = [](const ApiRequest&) { return ApiResponse{.silent = true}; };
  const Instant start = scene.world.now();
  EXPECT_FALSE(scene.connect());
  EXPECT_LE(scene.world.now() - start, seconds(60) + milliseconds(10));
}

struct BadBodyRow {
  const char* name;
  ApiResponse response;
  Errc error;
};

TEST(FaultHttp, AUselessAnswerIsAFailedAttempt) {  // R-08, C-01, C-03, C-11, H-29, H-30, H-34, H-35
  const BadBodyRow rows[] = {
      {"truncated", {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":"}, Errc::http_truncated},
      {"html",
       {.raw = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"},
       Errc::json_invalid},
      {"garbage", {.raw = "SSH-2.0-OpenSSH\r\n\r\n"}, Errc::http_malformed},
      {"empty object", {.body = "{}"}, Errc::credentials_invalid},
      {"gzip",
       {.raw = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"},
       Errc::http_malformed},
      {"expired",
       {.body = R"({"presignedWssUrl":"wss://b.example.com/mqtt","expiresAt":"2001-01-01T00:00:00Z"})"},
       Errc::credentials_expired},
      {"no expiry", {.body = R"({"presignedWssUrl":"wss://b.example.com/mqtt"})"}, Errc::credentials_invalid},
      {"cleartext broker",
       {.body = R"({"presignedWssUrl":"ws://b.example.com/mqtt","expiresAt":"2036-01-01T00:00:00Z"})"},
       Errc::cleartext_refused},
      {"loopback broker",
       {.body = R"({"presignedWssUrl":"wss://127.0.0.1/mqtt","expiresAt":"2036-01-01T00:00:00Z"})"},
       Errc::url_invalid},
  };
  for (const BadBodyRow& row : rows) {
    Scenario scene;
    ClientOptions options = Scenario::client_options();
    options.max_retries = 0;
    scene.make(std::move(options));
    scene.api.next.push_back(row.response);
    EXPECT_FALSE(scene.connect()) << row.name;
    EXPECT_EQ(scene.connect_error.code(), row.error) << row.name << ": " << scene.connect_error.what();
    // And during a refresh: the old connection does not notice.
    Live live;
    live.answer_always(row.response);
    ASSERT_TRUE(live.run_until([&] { return !live.errors.empty(); }, hours(1))) << row.name;
    EXPECT_EQ(live.errors[0].error.code(), row.error) << row.name;
    live.expect_alive();
  }
}

TEST(FaultHttp, NoServerCanMakeTheClientHammerIt) {  // R-09, I-14: the vendor's SDK loops at 170 fetches a second
  for (const Duration lifetime : {milliseconds(1500), seconds(6), seconds(9)}) {
    Scenario scene;
    scene.api.lifetime = seconds(100);
    ASSERT_TRUE(scene.connect());
    scene.api.lifetime = lifetime;
    const std::size_t before = scene.api.requests.size();
    scene.world.run_for(hours(2));
    const std::size_t requests = scene.api.requests.size() - before;
    EXPECT_LE(requests, 1'440U) << "at most one in five seconds";
    for (std::size_t at = before + 1; at < scene.api.requests.size(); ++at) {
      EXPECT_GE(scene.api.requests[at].at - scene.api.requests[at - 1].at, milliseconds(4'990)) << at;
    }
  }
}

TEST(FaultHttp, TheServersClockDecidesNotOurs) {  // R-10, I-16, C-06, H-45
  for (const Duration skew : {hours(3), hours(-3), hours(24 * 3650)}) {
    Scenario scene;
    scene.api.clock_skew = skew;
    scene.api.lifetime = seconds(600);
    const Instant start = scene.world.now();
    ASSERT_TRUE(scene.connect());
    ASSERT_TRUE(scene.run_until([&] { return scene.api.requests.size() == 2; }, hours(1)));
    const Duration refresh = scene.api.requests[1].at - start;
    EXPECT_GE(refresh, seconds(539)) << skew.seconds();
    EXPECT_LE(refresh, seconds(541)) << skew.seconds();
    EXPECT_EQ(scene.rt.stats().clock_skewed, skew > hours(24) ? 1U : 0U);
  }
}

TEST(FaultHttp, StepsOfTheLocalCalendarMoveNothing) {  // R-11
  for (const Duration stepped : {hours(1), hours(-1), hours(24 * 365), hours(24 * -365)}) {
    Scenario scene;
    scene.api.lifetime = seconds(600);
    const Instant start = scene.world.now();
    ASSERT_TRUE(scene.connect());
    scene.world.after(seconds(100), [&] { scene.host.wall_offset = stepped; });
    ASSERT_TRUE(scene.run_until([&] { return scene.api.requests.size() == 2; }, hours(1)));
    const Duration refresh = scene.api.requests[1].at - start;
    EXPECT_GE(refresh, seconds(539));
    EXPECT_LE(refresh, seconds(541));
    EXPECT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(1)));
  }
}

TEST(FaultHttp, AnHourWithoutTheApiCostsNothingWhileTheBrokerIsUp) {  // R-13
  Live scene;
  std::size_t events = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
  const std::size_t before = scene.requests();
  scene.world.plan = [](const Endpoint& endpoint) {
    return endpoint.port == 443 ? sim::DialPlan{.fate = sim::DialPlan::Fate::refuse} : sim::DialPlan{};
  };
  std::size_t dials = 0;
  const auto inner = scene.world.plan;
  scene.world.plan = [&dials, inner](const Endpoint& endpoint) {
    ++dials;
    return inner(endpoint);
  };
  for (int minute = 0; minute < 60; ++minute) {
    scene.broker.publish(scene.topic("a"), "{\"n\":" + std::to_string(minute) + "}");
    scene.world.run_for(minutes(1));
  }
  EXPECT_EQ(events, 60U);
  EXPECT_EQ(scene.requests(), before);
  EXPECT_LE(dials, 70U * 4U) << "at most 70 fetches of at most four attempts";
  EXPECT_EQ(scene.rt.stats().reconnects, 0U);
  scene.world.plan = [](const Endpoint&) { return sim::DialPlan{}; };
  EXPECT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, seconds(102)));
}

TEST(FaultHttp, ASlowApiStillMakesTheSwapBeforeExpiry) {  // R-14
  Live scene(seconds(600));
  scene.api.respond = [&](const ApiRequest&) {
    return ApiResponse{.body = scene.api.credentials_body(), .delay = seconds(9)};
  };
  scene.broker.answer_connect = true;
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, seconds(600)));
  EXPECT_TRUE(scene.errors.empty());
}

TEST(FaultHttp, SecretsStayOutOfEveryErrorText) {  // I-35
  Scenario scene;
  std::string texts;
  scene.api.respond = [](const ApiRequest& request) {
    // A server that repeats what it was given.
    return ApiResponse{.status = 401, .body = "{\"message\":\"bad key\",\"hint\":\"" + request.target + "\"}"};
  };
  EXPECT_FALSE(scene.connect());
  char text[2048];
  texts.append(text, scene.connect_error.format(text));
  for (const char* secret : {"APIKEYMARKER", "TOKENMARKER", "SECRETQUERYMARKER"}) {
    EXPECT_EQ(texts.find(secret), std::string::npos) << texts;
  }
}

}  // namespace
}  // namespace axonpush::test
