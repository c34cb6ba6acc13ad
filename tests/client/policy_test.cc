// BAD_INPUTS: the rows that are the client's policy on top of the codecs, in virtual time: credentials that mean
// trouble, answers of the credentials endpoint, closes, calls with wrong arguments.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

using sim::ApiRequest;
using sim::ApiResponse;
using sim::BrokerPeer;

ClientOptions without_retries() {
  ClientOptions options = Scenario::client_options();
  options.max_retries = 0;
  return options;
}

// --- C: credentials

TEST(PolicyCredentials, AShortLifeIsUsedAndRefreshedAtItsHalf) {  // C-04
  for (const std::int64_t life : {10, 30, 59}) {
    Scenario scene;
    scene.api.lifetime = seconds(life);
    const Instant start = scene.world.now();
    ASSERT_TRUE(scene.connect()) << life;
    ASSERT_TRUE(scene.run_until([&] { return scene.api.requests.size() == 2; }));
    const Duration after = scene.api.requests[1].at - start;
    EXPECT_GE(after, seconds(std::max<std::int64_t>(5, life / 2)));
    EXPECT_LE(after, milliseconds(std::max<std::int64_t>(5'000, life * 500) + 20));
  }
}

TEST(PolicyCredentials, ALongLifeIsRefreshedWithinADay) {  // C-05
  for (const Duration life : {hours(24 * 365 * 5), hours(24 * 365 * 200)}) {
    Scenario scene;
    scene.api.lifetime = life;
    const Instant start = scene.world.now();
    ASSERT_TRUE(scene.connect());
    ASSERT_TRUE(scene.run_until([&] { return scene.api.requests.size() == 2; }, hours(30)));
    EXPECT_LE(scene.api.requests[1].at - start, hours(24) - seconds(60) + milliseconds(20));
    EXPECT_GE(scene.api.requests[1].at - start, hours(23));
  }
}

TEST(PolicyCredentials, AlreadyExpiredOnesAreNotPresented) {  // C-03
  for (const Duration life : {seconds(-1), hours(-1), hours(-24 * 3650)}) {
    Scenario scene;
    scene.make(without_retries());
    scene.api.lifetime = life;
    EXPECT_FALSE(scene.connect());
    EXPECT_EQ(scene.connect_error.code(), Errc::credentials_expired);
    EXPECT_EQ(scene.broker.upgrades, 0U);
  }
}

struct ClientIdRow {
  std::string id;
  Errc error;
};

TEST(PolicyCredentials, ClientIdsAreHeldToAwsRules) {  // C-07
  const ClientIdRow rows[] = {
      {"c", Errc::none},
      {std::string(23, 'c'), Errc::none},
      {std::string(24, 'c'), Errc::none},
      {std::string(128, 'c'), Errc::none},
      {std::string(129, 'c'), Errc::credentials_invalid},
      {std::string(10'000, 'c'), Errc::credentials_invalid},
      {"$aws", Errc::credentials_invalid},
      {"a\\u0000b", Errc::credentials_invalid},
      {"\xC3\x28", Errc::json_invalid},
  };
  for (const ClientIdRow& row : rows) {
    Scenario scene;
    scene.make(without_retries());
    scene.api.same_client_id = true;
    scene.api.client_id = row.id;
    EXPECT_EQ(scene.connect(), row.error == Errc::none) << row.id.size();
    EXPECT_EQ(scene.connect_error.code(), row.error) << row.id.size();
    if (row.error == Errc::none) {
      EXPECT_EQ(scene.broker.connects[0].client_id, row.id);
    }
  }
}

TEST(PolicyCredentials, AnAbsentClientIdIsARandomOneOfOurs) {  // C-07, CONTRACT 3
  Scenario scene;
  scene.api.lifetime = seconds(100);
  scene.api.client_id.clear();
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }));
  const std::string first = scene.broker.connects[0].client_id;
  EXPECT_EQ(first.size(), std::string("axonpush-").size() + 16);
  EXPECT_EQ(first.rfind("axonpush-", 0), 0U);
  EXPECT_NE(first, scene.broker.connects[1].client_id) << "one for each fetched credentials";
}

TEST(PolicyCredentials, TheTokenBecomesTheUserName) {  // C-08
  for (const std::size_t size : {std::size_t{1}, std::size_t{60'000}}) {
    Scenario scene;
    scene.broker.connack_reason = [](const sim::SeenConnect&) { return 0; };
    const std::string token(size, 't');
    scene.api.respond = [&](const ApiRequest&) {
      return ApiResponse{.body = "{\"presignedWssUrl\":\"" + scene.api.broker_url + "\",\"expiresAt\":\"" +
                                 sim::rfc3339_of(scene.world.wall() + hours(1)) + "\",\"authToken\":\"" + token +
                                 "\"}"};
    };
    ASSERT_TRUE(scene.connect()) << size;
    EXPECT_EQ(scene.broker.connects[0].user_name, token);
    EXPECT_TRUE(scene.broker.connects[0].has_password);
    EXPECT_TRUE(scene.broker.violations.empty());
  }
  // Over what a User Name can be: our source of credentials may say so, no HTTP body of 64 KiB can.
  Scenario scene;
  ClientOptions options = Scenario::client_options();
  options.credentials_source = [&](CredentialsAnswer& answer) {
    answer.body("{\"presignedWssUrl\":\"" + scene.api.broker_url + "\",\"expiresAt\":\"2036-01-01T00:00:00Z\"," +
                "\"authToken\":\"" + std::string(65'536, 't') + "\"}");
  };
  scene.make(std::move(options));
  EXPECT_FALSE(scene.connect());
  EXPECT_TRUE(scene.connect_error.code() == Errc::credentials_invalid ||
              scene.connect_error.code() == Errc::json_too_large)
      << name_of(scene.connect_error.code());
  EXPECT_EQ(scene.broker.upgrades, 0U);
}

TEST(PolicyCredentials, ASlugThatChangesLeavesSubscriptionsAsTheyWereMade) {  // C-10
  Scenario scene;
  scene.api.lifetime = seconds(100);
  scene.api.env_slug = "blue";
  ASSERT_TRUE(scene.connect());
  int implicit = 0;
  int named = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++implicit; }).ok());
  ASSERT_TRUE(scene.subscribe({.channel_id = "a", .environment = "red"}, [&](const Event&) { ++named; }).ok());
  scene.api.env_slug = "green";
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }));
  const auto publish = [&](const std::string& environment) {
    scene.broker.publish("axonpush/org_1/" + environment + "/app/a/_/_", "{}");
    scene.world.run_for(seconds(10));
  };
  for (const char* environment : {"blue", "red", "green"}) publish(environment);
  EXPECT_EQ(implicit, 1) << "the slug of its creation";
  EXPECT_EQ(named, 1);
  // A new one takes the new slug, and so does a publish; unsubscribing without an environment takes off both.
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++implicit; }).ok());
  publish("green");
  EXPECT_EQ(implicit, 2);
  ASSERT_TRUE(scene.rt.publish({.channel_id = "p", .identifier = "i", .payload = "{}"}).ok());
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.broker.stored.back().topic, "axonpush/org_1/green/default/p/_/_");
  bool gone = false;
  ASSERT_TRUE(
      scene.rt.unsubscribe(SubscribeFilter{.channel_id = "a"}, [&](const Status& status) { gone = status.ok(); }).ok());
  ASSERT_TRUE(scene.run_until([&] { return gone; }));
  for (const char* environment : {"blue", "red", "green"}) publish(environment);
  EXPECT_EQ(implicit, 2);
  EXPECT_EQ(named, 2);
}

TEST(PolicyCredentials, TheBrokersHostIsHeldToTheAllowedOnes) {  // U-09
  struct Row {
    const char* url;
    const char* allowed;
    Errc error;
  };
  const Row rows[] = {
      {"wss://broker.example.com:8443/mqtt", "", Errc::none},
      {"wss://broker.example.com:8443/mqtt", "amazonaws.com, example.com", Errc::none},
      {"wss://broker.example.com:8443/mqtt", "amazonaws.com", Errc::url_invalid},
      {"wss://notexample.com:8443/mqtt", "example.com", Errc::url_invalid},
      {"wss://localhost:8443/mqtt", "", Errc::url_invalid},
      {"wss://127.0.0.1:8443/mqtt", "", Errc::url_invalid},
      {"ws://broker.example.com:8443/mqtt", "", Errc::cleartext_refused},
  };
  for (const Row& row : rows) {
    Scenario scene;
    ClientOptions options = without_retries();
    options.allowed_hosts = row.allowed;
    scene.make(std::move(options));
    scene.api.broker_url = row.url;
    EXPECT_EQ(scene.connect(), row.error == Errc::none) << row.url << ", " << row.allowed;
    EXPECT_EQ(scene.connect_error.code(), row.error) << row.url << ", " << row.allowed;
  }
  // Another host than `endpoint` names is only counted.
  Scenario scene;
  scene.api.broker_url = "wss://other.example.com:8443/mqtt";
  ASSERT_TRUE(scene.connect());
  EXPECT_EQ(scene.rt.stats().endpoint_differs, 1U);
}

// --- H: the credentials endpoint

struct RetryAfterRow {
  const char* value;
  std::int64_t milliseconds;  // until the second request; -1: the fetch ends, and says how long to wait
  std::int64_t told_seconds;
};

TEST(PolicyHttp, RetryAfterIsHeededWhereItMakesSense) {  // H-44, R-04
  const RetryAfterRow rows[] = {
      {"Retry-After: 7", 7'000, 0},
      {"Retry-After: 0", 0, 0},
      {"Retry-After: -1", 250, 0},
      {"Retry-After: 1.5", 250, 0},
      {"Retry-After: soon", 250, 0},
      {"Retry-After: 1\r\nRetry-After: 9", 250, 0},
      {"Retry-After: Mon, 01 Jan 2001 00:00:00 GMT", 0, 0},
      {"Retry-After: 120", -1, 120},
      {"Retry-After: 99999999999", -1, 300},
      {"Retry-After: Fri, 31 Dec 2399 23:59:59 GMT", -1, 300},
  };
  for (const RetryAfterRow& row : rows) {
    Scenario scene;
    scene.api.next.push_back({.status = 429, .headers = {row.value}});
    const bool connected = scene.connect();
    if (row.milliseconds < 0) {
      EXPECT_FALSE(connected) << row.value;
      EXPECT_EQ(scene.connect_error.code(), Errc::rate_limited);
      EXPECT_EQ(scene.connect_error.retry_after().seconds(), row.told_seconds) << row.value;
      continue;
    }
    // The first connect has retry jitter: up to a fifth on top.
    ASSERT_TRUE(connected) << row.value;
    const Duration gap = scene.api.requests[1].at - scene.api.requests[0].at;
    EXPECT_GE(gap, milliseconds(row.milliseconds)) << row.value;
    EXPECT_LE(gap, milliseconds(row.milliseconds * 12 / 10 + 10)) << row.value;
  }
}

// At once does not mean for ever: max_retries bounds the fetch, and between fetches the ladder holds.
TEST(PolicyHttp, ARetryAfterOfNothingMakesNoStorm) {  // H-44, R-09, I-14
  Scenario scene;
  scene.api.lifetime = seconds(100);
  ASSERT_TRUE(scene.connect());
  for (int count = 0; count < 400; ++count) {
    scene.api.next.push_back({.status = 503, .headers = {"Retry-After: 0"}});
  }
  scene.world.run_for(hours(1));
  std::size_t first = 1;
  for (std::size_t at = 2; at < scene.api.requests.size(); ++at) {
    const Duration gap = scene.api.requests[at].at - scene.api.requests[at - 1].at;
    if (gap < seconds(1)) continue;
    EXPECT_GE(gap, seconds(4));
    EXPECT_EQ(at - first, 4U) << "one attempt and three more";
    first = at;
  }
  EXPECT_LE(scene.api.requests.size(), 4U * 65U);
  EXPECT_GT(scene.api.requests.size(), 4U * 55U);
}

// The caller's own refresh obeys the same rules, and is told until when (CONTRACT 2, FAULTS I-14, I-18).
TEST(PolicyHttp, ARefreshThatIsAskedForWaitsForWhatWasAskedOfUs) {
  Scenario scene;
  scene.api.lifetime = hours(1);
  ASSERT_TRUE(scene.connect());
  const auto refused = [&](std::string_view why, Duration wait) {
    const Status asked = scene.rt.refresh_now();
    EXPECT_EQ(asked.error().code(), Errc::quota);
    EXPECT_EQ(asked.error().what(), why);
    EXPECT_EQ(asked.error().retry_after(), wait);
    char text[256];
    const std::string sentence(text, asked.error().format(text));
    const std::string until = "; again in " + std::to_string((wait + milliseconds(999)).seconds()) + " s";
    EXPECT_EQ(sentence.find(until) != std::string::npos, wait > Duration::zero()) << sentence;
  };
  const auto refused_until = [&](std::string_view why, Duration wait) {
    refused(why, wait);
    scene.world.run_for(wait - milliseconds(1));
    refused(why, milliseconds(1));
    scene.world.run_for(milliseconds(1));
  };
  // Connecting took 8 ms, and counts as the last start.
  refused_until("the last refresh began less than 5 s ago", seconds(5) - (scene.world.now() - scene.world.start()));
  EXPECT_TRUE(scene.rt.refresh_now().ok());
  scene.world.run_for(milliseconds(1));
  refused("a refresh or a reconnect is under way", Duration::zero());
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }));
  scene.world.run_for(minutes(1));
  // The endpoint's Retry-After.
  scene.api.next.push_back({.status = 429, .headers = {"Retry-After: 100"}});
  EXPECT_TRUE(scene.rt.refresh_now().ok());
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }));
  EXPECT_EQ(scene.errors[0].next_delay, seconds(100));
  const std::size_t requests = scene.api.requests.size();
  refused_until("the credentials endpoint asked for a pause", seconds(100));
  EXPECT_EQ(scene.api.requests.size(), requests) << "not one request before its end";
  EXPECT_EQ(scene.rt.state(), ConnectionState::refreshing) << "and then at once, without being asked";
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 2; }));
  // The broker's.
  scene.world.run_for(minutes(1));
  scene.errors.clear();
  scene.broker.upgrade_head = [](const std::string&) {
    return std::string("HTTP/1.1 503 No\r\nRetry-After: 70\r\nContent-Length: 0\r\n\r\n");
  };
  EXPECT_TRUE(scene.rt.refresh_now().ok());
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }));
  refused_until("the broker asked for a pause, or another process uses the client id", seconds(70));
  EXPECT_EQ(scene.rt.state(), ConnectionState::refreshing);
}

// CONTRACT 6.7: each failure of a refresh is told, with its number and the next delay, though the cause stays the same.
TEST(PolicyHttp, EveryFailedRefreshIsTold) {
  Scenario scene;
  scene.api.lifetime = seconds(100);
  ASSERT_TRUE(scene.connect());
  for (int count = 0; count < 6; ++count) scene.api.next.push_back({.status = 403});
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, hours(1)));
  ASSERT_EQ(scene.errors.size(), 6U);
  constexpr std::int64_t kWaits[] = {5, 15, 30, 60, 60, 60};
  for (std::uint32_t at = 0; at < 6; ++at) {
    EXPECT_EQ(scene.errors[at].error.code(), Errc::forbidden);
    EXPECT_EQ(scene.errors[at].attempt, at + 1);
    EXPECT_EQ(scene.errors[at].next_delay, seconds(kWaits[at]));
  }
}

TEST(PolicyHttp, ADateThatIsNoGoodLeavesTheLocalClock) {  // H-45
  struct Row {
    const char* header;
    std::int64_t refresh_after;
  };
  // The local calendar is 100 s ahead of the server's: without a Date the life looks 100 s shorter.
  const Row rows[] = {
      {"", 440},
      {"Date: yesterday", 440},
      {"Date: Mon, 21 Sep 2026 12:00:00 GMT\r\nDate: Mon, 21 Sep 2026 12:00:01 GMT", 440},
      {"Date: Sat, 31 Sep 2026 12:00:00 GMT", 440},
  };
  for (const Row& row : rows) {
    Scenario scene;
    scene.api.send_date = false;
    scene.api.lifetime = seconds(600);
    scene.host.wall_offset = seconds(100);
    scene.api.respond = [&](const ApiRequest&) {
      ApiResponse response{.body = scene.api.credentials_body()};
      if (*row.header != '\0') response.headers.emplace_back(row.header);
      return response;
    };
    const Instant start = scene.world.now();
    ASSERT_TRUE(scene.connect());
    ASSERT_TRUE(scene.run_until([&] { return scene.api.requests.size() == 2; }, hours(1)));
    EXPECT_EQ((scene.api.requests[1].at - start).seconds(), row.refresh_after) << row.header;
  }
  Scenario scene;
  scene.api.lifetime = seconds(600);
  scene.host.wall_offset = seconds(100);
  const Instant start = scene.world.now();
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.run_until([&] { return scene.api.requests.size() == 2; }, hours(1)));
  EXPECT_EQ((scene.api.requests[1].at - start).seconds(), 540) << "with a Date the server's clock decides";
}

TEST(PolicyHttp, BytesBehindTheAnswerAreNobodysAnswer) {  // H-41
  Scenario scene;
  scene.api.respond = [&](const ApiRequest&) {
    const std::string body = scene.api.credentials_body();
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    return ApiResponse{.raw = head + body + "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"};
  };
  scene.api.lifetime = seconds(100);
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 2; }));
  EXPECT_TRUE(scene.errors.empty());
}

// A server that answers before it has read anything, on a connection that takes nothing.
class HastyPeer final : public sim::Peer {
 public:
  explicit HastyPeer(int status) : status_(status) {}
  void on_open() override {
    connection_->stuck = true;
    connection_->send("HTTP/1.1 " + std::to_string(status_) + " No\r\nContent-Length: 0\r\n\r\n");
    connection_->end(sim::Connection::Cut::orderly);
  }
  void on_bytes(std::string_view) override {}

 private:
  int status_;
};

TEST(PolicyHttp, AnAnswerBeforeTheRequestIsWrittenCounts) {  // H-42
  Scenario scene;
  scene.world.listen(443, [] { return std::make_unique<HastyPeer>(403); });
  EXPECT_FALSE(scene.connect());
  EXPECT_EQ(scene.connect_error.code(), Errc::forbidden);
  EXPECT_EQ(scene.host.open_connections(), 0U);
}

// --- W: closes

// What the client wrote last, on whatever connection.
class LastWritten final : public sim::WorldObserver {
 public:
  explicit LastWritten(sim::World& world) : world_(world) { world_.observer = this; }
  ~LastWritten() override { world_.observer = nullptr; }
  void writing(sim::Connection&, Bytes bytes) override { bytes_.assign(text_of(bytes)); }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  sim::World& world_;
  std::string bytes_;
};

TEST(PolicyClose, EveryCodeIsEchoedAndMetByAReconnect) {  // W-22
  for (const int code : {1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
    Scenario scene;
    ASSERT_TRUE(scene.connect());
    scene.world.run_for(seconds(31));
    const LastWritten last(scene.world);
    scene.broker.newest()->send_frame(8, {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)});
    ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, seconds(5))) << code;
    const std::string& close = last.bytes();
    ASSERT_EQ(close.size(), 8U) << "two of head, four of mask, two of code";
    EXPECT_EQ(close.substr(0, 2), "\x88\x82");
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(close[at]); };
    EXPECT_EQ((byte(6) ^ byte(2)) << 8 | (byte(7) ^ byte(3)), code);
    EXPECT_EQ(scene.errors[0].error.code(), Errc::server_closed);
    EXPECT_EQ(scene.errors[0].error.number(), static_cast<std::uint32_t>(code));
    EXPECT_LE(scene.errors[0].next_delay, seconds(1)) << "full jitter";
    ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }, minutes(1))) << code;
    EXPECT_EQ(scene.errors.size(), 1U) << code;
  }
}

TEST(PolicyClose, ACloseOfOursThatNobodyAnswersEndsAfterTwoSeconds) {  // W-27, RFC 6455 7.1.1
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.newest()->link().latency = hours(1);  // nothing comes back in time
  const Instant start = scene.world.now();
  bool done = false;
  ASSERT_TRUE(scene.rt.disconnect([&](const Status&) { done = true; }).ok());
  ASSERT_TRUE(scene.run_until([&] { return done; }, minutes(1)));
  EXPECT_EQ((scene.world.now() - start).seconds(), 2);
  EXPECT_EQ(scene.host.open_connections(), 0U);
  // After a violation there is nothing to wait for: the Close goes out and the connection is over.
  Scenario broken;
  ASSERT_TRUE(broken.connect());
  broken.world.run_for(seconds(31));
  broken.broker.newest()->link().stuck = true;
  broken.broker.newest()->send_raw(std::string("\xC2\x00", 2));
  const Instant violated = broken.world.now();
  ASSERT_TRUE(broken.run_until([&] { return !broken.errors.empty(); }, minutes(1)));
  EXPECT_EQ(broken.errors[0].error.code(), Errc::ws_protocol);
  EXPECT_LE(broken.world.now() - violated, seconds(2) + milliseconds(10));
}

TEST(PolicyClose, APingInFrontOfConnectIsAnsweredAndHarmsNothing) {  // W-H11
  Scenario scene;
  scene.broker.upgrade_head = [](const std::string& head) { return head + std::string("\x89\x02hi", 4); };
  ASSERT_TRUE(scene.connect());
  EXPECT_TRUE(scene.broker.violations.empty());
}

// --- M: what no codec can judge

TEST(PolicyMqtt, WhatWeNeverAskedForEndsTheConnectionWithItsReason) {  // M-12, M-37, M-53, M-60
  struct Row {
    const char* name;
    std::string packet;
  };
  const std::string topic = std::string("\x00\x01", 2) + "a";
  const Row rows[] = {
      {"PUBLISH at QoS 2", std::string("\x34\x08", 2) + topic + std::string("\x00\x01\x00", 3) + "xx"},
      {"Subscription Identifier 1", std::string("\x30\x08", 2) + topic + std::string("\x02\x0B\x01", 3) + "xx"},
      {"PUBREC", std::string("\x50\x02\x00\x01", 4)},
      {"PUBREL", std::string("\x62\x02\x00\x01", 4)},
      {"PUBCOMP", std::string("\x70\x02\x00\x01", 4)},
      {"AUTH", std::string("\xF0\x02\x18\x00", 4)},
  };
  for (const Row& row : rows) {
    Scenario scene;
    ASSERT_TRUE(scene.connect());
    scene.world.run_for(seconds(31));
    std::size_t events = 0;
    ASSERT_TRUE(scene.rt.on_event([&](const Event&) { ++events; }).ok());
    scene.broker.newest()->send_packet(row.packet);
    ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }, seconds(10))) << row.name;
    EXPECT_EQ(scene.errors[0].error.code(), Errc::mqtt_protocol) << row.name;
    ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }, minutes(1))) << row.name;
    EXPECT_EQ(scene.broker.disconnect_reasons, std::vector<int>{0x82}) << row.name;
    EXPECT_EQ(events, 0U) << row.name;
  }
}

TEST(PolicyMqtt, AnEventThatMatchesNoFilterIsAcknowledgedAndOnlyCounted) {  // M-25, [MQTT-3.3.2-3]
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  std::size_t told = 0;
  std::size_t events = 0;
  ASSERT_TRUE(scene.rt.on_event([&](const Event&) { ++events; }).ok());
  ASSERT_TRUE(scene.subscribe({.channel_id = "kept"}, [&](const Event&) { ++told; }).ok());
  bool gone = false;
  const Result<Subscription> ended = scene.rt.subscribe(
      {.channel_id = "ended"}, [&](const Event&) { ++told; }, [&](const Status&) { gone = true; });
  ASSERT_TRUE(ended.ok() && scene.run_until([&] { return gone; }));
  ASSERT_TRUE(scene.rt.unsubscribe(*ended).ok());
  scene.world.run_for(seconds(1));
  // The broker sends what was never asked for, and what is not asked for any more.
  scene.broker.sessions.begin()->second.filters["axonpush/#"] = 1;
  scene.broker.publish(scene.topic("elsewhere"), "{}");
  scene.broker.publish(scene.topic("ended"), "{}");
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.pubacks == 2; }, seconds(10)));
  EXPECT_EQ(told, 0U);
  EXPECT_EQ(events, 2U) << "on_event sees every event";
  EXPECT_EQ(scene.rt.stats().unmatched, 2U);
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
  EXPECT_TRUE(scene.errors.empty() && scene.broker.violations.empty());
}

// --- T: calls with wrong arguments

TEST(PolicyArguments, KeysAndHeaderValuesAreJudgedAtConstruction) {  // T-15, T-16
  const std::string bad[] = {"a\rb", "a\nb", std::string("a\0b", 3), "\xC3\xBC", " a", "a ", "a\tb"};
  for (const std::string& value : bad) {
    Scenario scene;
    ClientOptions options = Scenario::client_options();
    options.api_key = value;
    scene.make(std::move(options));
    EXPECT_EQ(scene.client->error().code(), Errc::header_invalid) << value;
    EXPECT_FALSE(scene.connect());
    scene.world.run_for(seconds(1));
    EXPECT_TRUE(scene.api.requests.empty()) << "nothing is sent";
  }
  for (const std::size_t size : {std::size_t{4 * 1024}, std::size_t{4 * 1024 + 1}}) {
    Scenario scene;
    ClientOptions options = Scenario::client_options();
    options.api_key = std::string(size, 'k');
    scene.make(std::move(options));
    EXPECT_EQ(scene.client->error().code(), size == 4 * 1024 ? Errc::none : Errc::header_invalid);
  }
  for (const std::string& value :
       {std::string("a\rb"), std::string("a\nb"), std::string("a\0b", 3), std::string(257, 'x')}) {
    for (const int which : {0, 1}) {
      Scenario scene;
      ClientOptions options = Scenario::client_options();
      (which == 0 ? options.tenant_id : options.environment) = value;
      scene.make(std::move(options));
      EXPECT_EQ(scene.client->error().code(), Errc::header_invalid) << which;
    }
  }
}

TEST(PolicyArguments, NoCallbackAndForeignHandlesAreRefused) {  // T-17
  Scenario scene;
  Scenario other(2);
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(other.connect());
  EXPECT_EQ(scene.rt.subscribe({.channel_id = "a"}, EventCallback()).error().code(), Errc::invalid_argument);
  EXPECT_EQ(scene.rt.on_event(EventCallback()).error().code(), Errc::invalid_argument);
  int events = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
  const auto foreign = other.rt.subscribe({.channel_id = "a"}, [](const Event&) {});
  const auto handler = other.rt.on_event([](const Event&) {});
  ASSERT_TRUE(foreign.ok() && handler.ok());
  EXPECT_EQ(scene.rt.unsubscribe(*foreign).error().code(), Errc::invalid_argument);
  EXPECT_EQ(scene.rt.off_event(*handler).error().code(), Errc::invalid_argument);
  EXPECT_TRUE(other.rt.unsubscribe(*foreign).ok());
  EXPECT_TRUE(other.rt.unsubscribe(*foreign).ok()) << "twice is fine";
  EXPECT_TRUE(other.rt.off_event(*handler).ok());
  EXPECT_TRUE(other.rt.off_event(*handler).ok());
  scene.broker.publish(scene.topic("a"), "{}");
  EXPECT_TRUE(scene.run_until([&] { return events == 1; }, seconds(5))) << "ours was not touched";
}

TEST(PolicyArguments, FiltersComeInPacketsOfEightUpToTheCeiling) {  // T-11
  for (const std::size_t count :
       {std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{9}, std::size_t{16}, std::size_t{1'000}}) {
    Scenario scene;
    RealtimeOptions options = scene.realtime_options();
    options.subscriptions_max = 1'000;
    ASSERT_TRUE(scene.connect(std::move(options)));
    std::size_t granted = 0;
    for (std::size_t n = 0; n < count; ++n) {
      const std::string channel = "c" + std::to_string(n);
      ASSERT_TRUE(
          scene.rt
              .subscribe(
                  {.channel_id = channel}, [](const Event&) {}, [&](const Status& status) { granted += status.ok(); })
              .ok());
    }
    ASSERT_TRUE(scene.run_until([&] { return granted == count; }, minutes(1))) << count;
    EXPECT_GE(scene.broker.subscribes.size(), (count + 7) / 8);
    for (const auto& filters : scene.broker.subscribes) EXPECT_LE(filters.size(), 8U);
    if (count == 1'000) {
      EXPECT_EQ(scene.rt.subscribe({.channel_id = "over"}, [](const Event&) {}).error().code(), Errc::quota);
    }
    EXPECT_TRUE(scene.broker.violations.empty());
  }
}

TEST(PolicyArguments, ATopicOfSixtyFiveThousandSlashesIsAcknowledgedAndMatchesNothing) {  // T-12, M-26
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  int events = 0;
  ASSERT_TRUE(scene.subscribe({}, [&](const Event&) { ++events; }).ok());
  const std::string topic(65'000, '/');
  std::string body = std::string(1, static_cast<char>(topic.size() >> 8)) + static_cast<char>(topic.size() & 0xFF);
  body += topic + std::string("\x00\x07\x00", 3) + "{}";
  std::string size;
  for (std::size_t left = body.size(); left != 0; left /= 128) {
    size += static_cast<char>((left % 128) | (left >= 128 ? 0x80U : 0U));
  }
  scene.broker.sessions.begin()->second.in_flight[7] = {};
  scene.broker.newest()->send_packet("\x32" + size + body);
  scene.world.run_for(seconds(1));
  EXPECT_EQ(events, 0);
  EXPECT_EQ(scene.broker.pubacks, 1U);
  EXPECT_EQ(scene.rt.stats().unmatched, 1U);
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
  EXPECT_TRUE(scene.broker.violations.empty()) << scene.broker.violations[0];
}

}  // namespace
}  // namespace axonpush::test
