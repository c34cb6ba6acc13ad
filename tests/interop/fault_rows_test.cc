// FAULTS R-01 to R-30 once more, where a peer on loopback can cause them: the client on its reactor, real sockets, real
// TLS, the loopback service as the other side, the wall clock. What each row demands to the millisecond is shown in
// virtual time by tests/client; here it is shown that the real parts are put together the same way.
//
// Not here, because no peer on loopback causes them within seconds: R-11 (the machine's calendar), R-12 (a suspended
// machine), R-13 (an hour), R-14 (58 s), R-27 (30 s inside one packet), R-30 (a thousand losses).
#include <axonpush/client.h>
#include <axonpush/net/reactor.h>
#include <axonpush/net/tls.h>
#include <axonpush/testing/loopback_service.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace axonpush::test {
namespace {

using mqtt::ReasonCode;
using testing::LoopbackAnswer;
using testing::LoopbackOptions;
using testing::LoopbackService;
using testing::LoopbackStats;

// One service and one client of it. Several may share a reactor, so that rows that take seconds take them together.
struct Pair {
  LoopbackService service;
  net::TlsContext tls;
  Client client;
  Realtime rt;
  bool told = false;
  Error connect_error;
  std::vector<ErrorReport> errors;
  int events = 0;
  bool granted = false;

  explicit Pair(net::Reactor& reactor, const LoopbackOptions& options = {}, ClientOptions wishes = {})
      : service(options), tls(trust(service)), client(reactor, tls, client_options(service, std::move(wishes))) {
    EXPECT_TRUE(service.status().ok());
  }
  [[nodiscard]] static TlsOptions trust(const LoopbackService& service) {
    TlsOptions options;
    options.ca_pem = service.ca_pem();
    return options;
  }
  [[nodiscard]] static ClientOptions client_options(const LoopbackService& service, ClientOptions wishes) {
    if (wishes.api_key.empty()) wishes.api_key = service.api_key();
    wishes.tenant_id = service.tenant_id();
    if (wishes.base_url.empty()) wishes.base_url = service.base_url();
    wishes.read_environment = false;
    return wishes;
  }
  void begin(RealtimeOptions options = {}) {
    options.on_error = [this](const ErrorReport& report) { errors.push_back(report); };
    told = false;
    const Status begun = client.connect_realtime(std::move(options), [this](const Result<Realtime>& result) {
      told = true;
      connect_error = result.error();
      if (result.ok()) rt = *result;
    });
    ASSERT_TRUE(begun.ok()) << begun.error().what();
  }
  void subscribe(std::string_view channel = "ch") {
    granted = false;
    ASSERT_TRUE(rt.subscribe(
                      {.channel_id = channel}, [this](const Event&) { ++events; },
                      [this](const Status& status) { granted = status.ok(); })
                    .ok());
  }
  void publish_event() { EXPECT_TRUE(service.publish({.channel_id = "ch"}, "{}").ok()); }
  [[nodiscard]] bool live() const { return rt.state() == ConnectionState::live; }
};

class FaultRows : public ::testing::Test {
 protected:
  // Turns until the condition holds; false after twenty seconds.
  template <class Condition>
  [[nodiscard]] bool until(Condition&& condition) {
    const Instant end = net::Reactor::clock() + seconds(20);
    while (!condition() && net::Reactor::clock() < end) reactor.run_once(net::Reactor::clock() + milliseconds(20));
    return condition();
  }
  void connect(Pair& pair, RealtimeOptions options = {}) {
    pair.begin(std::move(options));
    ASSERT_TRUE(until([&] { return pair.told; }));
    ASSERT_FALSE(pair.connect_error) << pair.connect_error.what();
  }
  Error first_connect(Pair& pair, RealtimeOptions options = {}) {
    pair.begin(std::move(options));
    EXPECT_TRUE(until([&] { return pair.told; }));
    return pair.connect_error;
  }
  void expect_event(Pair& pair) {
    const int before = pair.events;
    pair.publish_event();
    EXPECT_TRUE(until([&] { return pair.events > before; }));
  }

  net::Reactor reactor;
};

TEST_F(FaultRows, StatusesOfTheEndpointOnTheFirstConnect) {  // R-01, R-03, R-05
  struct Row {
    std::uint16_t status;
    std::uint32_t count;
    Errc error;
    std::uint64_t requests;
  };
  const Row rows[] = {{401, 1, Errc::unauthorized, 1},
                      {403, 1, Errc::forbidden, 1},
                      {400, 1, Errc::invalid_request, 1},
                      {422, 1, Errc::invalid_request, 1},
                      {404, 2, Errc::not_found, 2},
                      {404, 1, Errc::none, 2},
                      {503, 1, Errc::none, 2},
                      {500, 2, Errc::none, 3}};
  for (const Row& row : rows) {
    Pair pair(reactor);
    pair.service.refuse_credentials({.status = row.status, .count = row.count});
    EXPECT_EQ(first_connect(pair).code(), row.error) << row.status;
    EXPECT_EQ(pair.service.stats().credentials_requests, row.requests) << row.status;
  }
}

TEST_F(FaultRows, RetryAfterIsWaitedFor) {  // R-04
  Pair pair(reactor);
  pair.service.refuse_credentials({.status = 429, .count = 1, .retry_after = "1"});
  const Instant start = net::Reactor::clock();
  EXPECT_FALSE(first_connect(pair));
  EXPECT_GE(net::Reactor::clock() - start, seconds(1));
  EXPECT_EQ(pair.service.stats().credentials_requests, 2U);
}

TEST_F(FaultRows, AnEndpointThatCannotBeTrustedOrReached) {  // R-06, R-15
  {
    Pair pair(reactor, {}, {.max_retries = 0});
    LoopbackService other;  // with another authority
    ClientOptions options = Pair::client_options(other, {.max_retries = 0});
    Client stranger(reactor, pair.tls, std::move(options));
    Error error;
    bool told = false;
    ASSERT_TRUE(stranger
                    .connect_realtime({},
                                      [&](const Result<Realtime>& result) {
                                        told = true;
                                        error = result.error();
                                      })
                    .ok());
    ASSERT_TRUE(until([&] { return told; }));
    EXPECT_EQ(error.code(), Errc::tls_verify);
    EXPECT_EQ(other.stats().credentials_requests, 0U) << "the key went to a stranger";
  }
  {
    Pair pair(reactor, {}, {.max_retries = 1});
    pair.service.stop();
    EXPECT_EQ(first_connect(pair).code(), Errc::connect_failed);
  }
  Pair nameless(reactor, {}, {.base_url = "https://no-such-host.invalid", .max_retries = 0});
  EXPECT_EQ(first_connect(nameless).code(), Errc::dns_failed);
}

TEST_F(FaultRows, AnEndpointThatIsSlowOrTalksNonsense) {  // R-07, R-08, R-09, R-10
  {
    Pair slow(reactor, {}, {.timeout = seconds(1), .max_retries = 0});
    slow.service.delay(LoopbackAnswer::credentials, seconds(10));
    EXPECT_EQ(first_connect(slow).code(), Errc::http_timeout);
  }
  struct Row {
    const char* body;
    Errc error;
  };
  const Row rows[] = {
      {"<html>", Errc::json_invalid},
      {"{}", Errc::credentials_invalid},
      {R"({"presignedWssUrl":"wss://127.0.0.1/mqtt","expiresAt":"2001-01-01T00:00:00Z"})", Errc::credentials_expired},
      {R"({"presignedWssUrl":"wss://127.0.0.1/mqtt","expiresAt":"soon"})", Errc::credentials_invalid},
  };
  for (const Row& row : rows) {
    Pair pair(reactor, {}, {.max_retries = 0});
    pair.service.replace_credentials(row.body);
    EXPECT_EQ(first_connect(pair).code(), row.error) << row.body;
    EXPECT_EQ(pair.service.stats().upgrades, 0U);
  }
  for (const Duration skew : {hours(3), hours(-3), hours(24 * 3650)}) {
    LoopbackOptions options;
    options.clock_skew = skew;
    Pair pair(reactor, options);
    EXPECT_FALSE(first_connect(pair)) << "the server's clock decides";
  }
}

TEST_F(FaultRows, ABrokerThatSaysNothing) {  // R-16
  for (const LoopbackAnswer silent : {LoopbackAnswer::upgrade, LoopbackAnswer::connack}) {
    Pair pair(reactor);
    pair.service.delay(silent, seconds(15));
    RealtimeOptions options;
    options.connack_timeout = seconds(1);
    options.dial_timeout = seconds(2);
    EXPECT_EQ(first_connect(pair, std::move(options)).code(), Errc::connect_timeout);
    pair.service.delay(Duration::zero());
    EXPECT_TRUE(pair.service.wait_until_at_most(&LoopbackStats::live_connections, 0)) << "a descriptor is left";
  }
}

TEST_F(FaultRows, ARefusedUpgrade) {  // R-17, R-18
  // Fresh credentials may be asked for five seconds after the first: both wait together.
  std::vector<std::unique_ptr<Pair>> refused;
  for (const std::uint16_t status : {std::uint16_t{401}, std::uint16_t{403}}) {
    refused.push_back(std::make_unique<Pair>(reactor));
    connect(*refused.back());
    refused.back()->service.refuse_upgrade(status);
    refused.back()->service.drop_connections();
  }
  for (const auto& pair : refused) {
    ASSERT_TRUE(until([&] { return pair->rt.stats().reconnects == 1; }));
    EXPECT_EQ(pair->service.stats().credentials_issued, 2U) << "fresh ones, after one refusal";
    EXPECT_EQ(pair->service.stats().upgrades_refused, 1U);
  }
  for (const std::uint16_t status : {std::uint16_t{404}, std::uint16_t{426}, std::uint16_t{503}}) {
    Pair pair(reactor);
    pair.service.refuse_upgrade(status);
    const Error error = first_connect(pair);
    EXPECT_EQ(error.code(), Errc::ws_handshake);
    EXPECT_EQ(error.number(), status);
  }
}

TEST_F(FaultRows, EveryRefusalOfConnect) {  // R-19
  Pair pair(reactor);
  for (const int code : {0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A,
                         0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F}) {
    pair.service.fail_next_connack(static_cast<ReasonCode>(code));
    const Error error = first_connect(pair);
    EXPECT_EQ(error.code(), Errc::mqtt_refused) << code;
    EXPECT_EQ(error.number(), static_cast<std::uint32_t>(code));
  }
  EXPECT_EQ(pair.service.stats().connects_refused, 21U) << "none was tried again";
}

TEST_F(FaultRows, SubscriptionsThatAreCutOffOrRefused) {  // R-20, R-21, R-24
  Pair pair(reactor);
  connect(pair);
  pair.service.kill_before_suback();
  pair.subscribe();
  ASSERT_TRUE(until([&] { return pair.granted; })) << "asked again on the next connection";
  pair.service.refuse_filter("/bad/", ReasonCode::not_authorized);
  std::uint32_t refused = 0;
  ASSERT_TRUE(pair.rt
                  .subscribe(
                      {.channel_id = "bad"}, [](const Event&) {},
                      [&](const Status& status) { refused = status.error().number(); })
                  .ok());
  ASSERT_TRUE(until([&] { return refused == 0x87; }));
  expect_event(pair);
  ASSERT_TRUE(pair.service.wait_until(&LoopbackStats::pubacks_received, 1));
  // What came while we were away arrives with the resumed session, before anything is asked for.
  pair.service.drop_connections();
  ASSERT_TRUE(pair.service.wait_until_at_most(&LoopbackStats::live_clients, 0));
  const int before = pair.events;
  pair.publish_event();
  EXPECT_TRUE(until([&] { return pair.events == before + 1; }));
}

TEST_F(FaultRows, APeerThatVanishesAndOneThatOnlyDoesNotAnswerPings) {  // R-25, R-26
  RealtimeOptions options;
  options.keep_alive = seconds(1);
  Pair frozen(reactor);
  connect(frozen, std::move(options));
  frozen.service.freeze(true);
  ASSERT_TRUE(until([&] { return !frozen.errors.empty(); }));
  EXPECT_EQ(frozen.errors[0].error.code(), Errc::keepalive_timeout);
  frozen.service.freeze(false);
  ASSERT_TRUE(until([&] { return frozen.live(); }));
  Pair mute(reactor);
  RealtimeOptions same;
  same.keep_alive = seconds(1);
  connect(mute, std::move(same));
  mute.subscribe();
  ASSERT_TRUE(until([&] { return mute.granted; }));
  mute.service.ignore_pings(true);
  const Instant end = net::Reactor::clock() + seconds(4);
  while (net::Reactor::clock() < end) {
    mute.publish_event();
    reactor.run_once(net::Reactor::clock() + milliseconds(100));
  }
  EXPECT_TRUE(mute.errors.empty()) << "any byte proves the path";
  ASSERT_TRUE(until([&] { return !mute.errors.empty(); }));
  EXPECT_EQ(mute.errors[0].error.code(), Errc::keepalive_timeout);
}

TEST_F(FaultRows, ConnectionsThatAreCut) {  // R-28
  for (const LoopbackService::Drop how : {LoopbackService::Drop::reset, LoopbackService::Drop::end}) {
    Pair pair(reactor);
    connect(pair);
    pair.service.kill_before_puback();
    int acknowledged = 0;
    ASSERT_TRUE(pair.rt
                    .publish({.channel_id = "ch", .identifier = "i", .payload = "{}"},
                             [&](const Result<Published>& outcome) { acknowledged += outcome.ok(); })
                    .ok());
    ASSERT_TRUE(until([&] { return acknowledged == 1; })) << "sent again over the loss";
    EXPECT_EQ(pair.service.stats().publishes_dup, 1U);
    pair.service.drop_connections(how);
    ASSERT_TRUE(until([&] { return pair.rt.stats().reconnects == 2; }));
    EXPECT_EQ(pair.errors.size(), 2U);
  }
}

TEST_F(FaultRows, EveryDisconnectOfTheServer) {  // R-29
  // One pair for each, all at once: a client that loses connection after connection waits longer and longer.
  std::vector<std::unique_ptr<Pair>> pairs;
  const int codes[] = {0x80, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x93, 0x97, 0x98, 0x9C, 0x9D, 0xA0};
  for (std::size_t at = 0; at < std::size(codes); ++at) {
    pairs.push_back(std::make_unique<Pair>(reactor));
    connect(*pairs.back());
  }
  for (std::size_t at = 0; at < std::size(codes); ++at) {
    pairs[at]->service.disconnect_clients(static_cast<ReasonCode>(codes[at]));
  }
  for (std::size_t at = 0; at < std::size(codes); ++at) {
    Pair& pair = *pairs[at];
    ASSERT_TRUE(until([&] { return pair.rt.stats().reconnects == 1; })) << codes[at];
    ASSERT_FALSE(pair.errors.empty());
    EXPECT_EQ(pair.errors[0].error.number(), static_cast<std::uint32_t>(codes[at]));
    const bool fresh = codes[at] == 0x87 || codes[at] == 0x9C || codes[at] == 0x9D || codes[at] == 0xA0;
    EXPECT_EQ(pair.service.stats().credentials_issued, fresh ? 2U : 1U) << codes[at];
  }
}

TEST_F(FaultRows, ARefreshThatFailsLeavesTheOldConnectionAlone) {  // R-02, R-05, R-08, R-18, R-19, R-22, R-23
  // Credentials of ten seconds are refreshed after five; all of these fail together.
  LoopbackOptions options;
  options.credentials_lifetime = seconds(10);
  std::vector<std::unique_ptr<Pair>> pairs;
  const char* const names[] = {"401", "500", "nonsense", "upgrade 503", "CONNACK", "filter", "SUBACK"};
  for (std::size_t at = 0; at < std::size(names); ++at) {
    pairs.push_back(std::make_unique<Pair>(reactor, options, ClientOptions{.max_retries = 0}));
    RealtimeOptions wishes;
    wishes.suback_timeout = seconds(2);
    connect(*pairs.back(), std::move(wishes));
    pairs.back()->subscribe();
    ASSERT_TRUE(until([&] { return pairs.back()->granted; }));
  }
  pairs[0]->service.refuse_credentials({.status = 401});
  pairs[1]->service.refuse_credentials({.status = 500});
  pairs[2]->service.replace_credentials("nonsense");
  pairs[3]->service.refuse_upgrade(503);
  pairs[4]->service.fail_next_connack(ReasonCode::server_busy);
  pairs[5]->service.refuse_filter("/ch/", ReasonCode::not_authorized, 1);
  pairs[6]->service.delay_suback(seconds(10));
  const Errc expected[] = {Errc::unauthorized, Errc::server_error,  Errc::json_invalid, Errc::ws_handshake,
                           Errc::mqtt_refused, Errc::suback_failed, Errc::ack_timeout};
  for (std::size_t at = 0; at < std::size(names); ++at) {
    Pair& pair = *pairs[at];
    ASSERT_TRUE(until([&] { return !pair.errors.empty(); })) << names[at];
    EXPECT_EQ(pair.errors[0].error.code(), expected[at]) << names[at];
    EXPECT_EQ(pair.errors[0].attempt, 1U) << names[at];
    EXPECT_GE(pair.errors[0].next_delay, seconds(5)) << names[at];
    EXPECT_TRUE(pair.rt.stats().reconnects == 0) << names[at];
    expect_event(pair);
  }
  pairs[6]->service.delay_suback(Duration::zero());
  for (std::size_t at = 0; at < std::size(names); ++at) {
    EXPECT_TRUE(until([&] { return pairs[at]->rt.stats().swaps >= 1; })) << names[at] << ": it recovers by itself";
  }
}

}  // namespace
}  // namespace axonpush::test
