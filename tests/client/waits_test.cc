// FAULTS 1.0: every wait is an option with an absolute deadline. In virtual time each ends at its very instant, at the
// default and at another value, with the error that names it; nothing happens a moment before. And each option has
// bounds: at them all is well, a nanosecond beyond is refused with the option's name.
#include <axonpush/refresh.h>
#include <gtest/gtest.h>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

namespace lim = axonpush::limits;
using sim::DialPlan;

// Until a connection stands: the world's latency, there and back.
constexpr Duration kOpening = milliseconds(2);
// The credentials' exchange: as long once more for the request and its answer.
constexpr Duration kFetched = kOpening * 2;

struct Ended {
  Duration after;
  Errc told = Errc::none;
};

struct Try {
  Scenario scene;
  ClientOptions client = Scenario::client_options();
  RealtimeOptions realtime = scene.realtime_options();

  // The first connect fails, and is tried once.
  Ended connect() {
    if (client.max_retries == UINT32_MAX) client.max_retries = 0;
    scene.make(std::move(client));
    const Instant begun = scene.world.now();
    EXPECT_TRUE(scene.begin(std::move(realtime)).ok());
    EXPECT_TRUE(scene.run_until([&] { return !scene.connect_results.empty(); }, hours(2)));
    return {scene.world.now() - begun, scene.connect_results.empty() ? Errc::none : scene.connect_results[0]};
  }
  void live() {
    scene.make(std::move(client));
    EXPECT_TRUE(scene.connect(std::move(realtime)));
  }
  Ended until(Instant from, const std::function<bool()>& condition) {
    EXPECT_TRUE(scene.run_until(condition, hours(2)));
    return {scene.world.now() - from, scene.errors.empty() ? Errc::none : scene.errors.back().error.code()};
  }
  void dials_to(std::uint16_t port, DialPlan::Fate fate) {
    scene.world.plan = [port, fate](const Endpoint& endpoint) {
      return endpoint.port == port ? DialPlan{.fate = fate} : DialPlan{};
    };
  }
};

constexpr std::uint16_t kApi = 443, kBroker = 8443;

template <class Options>
struct Row {
  const char* name;
  Duration Options::*member;
  Duration standard;
  Duration other;
  Duration before;  // from where the clock of the test begins to where the wait does, and back again
  Errc told;
  Ended (*run)(Try&);
};

template <class Options>
void check(const Row<Options>& row, Options Try::*options) {
  EXPECT_EQ(Options{}.*row.member == Duration::zero() ? row.standard : Options{}.*row.member, row.standard) << row.name;
  for (const Duration wanted : {row.standard, row.other}) {
    Try one;
    if (wanted == row.other) (one.*options).*row.member = wanted;
    const Ended ended = row.run(one);
    EXPECT_EQ(ended.after, row.before + wanted) << row.name;
    EXPECT_EQ(ended.told, row.told) << row.name;
  }
}

TEST(Waits, OfTheCredentialsRequest) {
  const Row<ClientOptions> rows[] = {
      {"timeout", &ClientOptions::timeout, lim::kHttpAttemptTimeout, seconds(3), Duration::zero(), Errc::http_timeout,
       [](Try& one) {
         // A head at once, and of the body a byte now and then.
         one.scene.api.next.push_back({.raw = "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + std::string(999, ' '),
                                       .per_byte = milliseconds(200)});
         return one.connect();
       }},
      {"fetch_timeout", &ClientOptions::fetch_timeout, lim::kFetchTimeout, seconds(17), Duration::zero(),
       Errc::http_timeout,
       [](Try& one) {
         for (int count = 0; count < 20; ++count) one.scene.api.next.push_back({.silent = true});
         one.client.max_retries = 50;
         return one.connect();
       }},
      {"resolve_timeout", &ClientOptions::resolve_timeout, lim::kResolveTimeout, seconds(9), Duration::zero(),
       Errc::dns_failed,
       [](Try& one) {
         one.dials_to(kApi, DialPlan::Fate::no_name);
         return one.connect();
       }},
      {"connect_timeout", &ClientOptions::connect_timeout, lim::kConnectTimeout, milliseconds(1'500), Duration::zero(),
       Errc::connect_timeout,
       [](Try& one) {
         one.dials_to(kApi, DialPlan::Fate::black_hole);
         return one.connect();
       }},
      {"handshake_timeout", &ClientOptions::handshake_timeout, lim::kHandshakeTimeout, seconds(2), kOpening,
       Errc::connect_timeout,
       [](Try& one) {
         one.dials_to(kApi, DialPlan::Fate::no_tls);
         return one.connect();
       }},
      {"head_timeout", &ClientOptions::head_timeout, lim::kHttpHeadTimeout, seconds(21), kOpening, Errc::http_timeout,
       [](Try& one) {
         one.scene.api.next.push_back({.silent = true});
         return one.connect();
       }},
  };
  for (const auto& row : rows) check(row, &Try::client);
}

TEST(Waits, OfADial) {
  const Row<RealtimeOptions> rows[] = {
      {"dial_timeout", &RealtimeOptions::dial_timeout, lim::kDialTimeout, seconds(7), kFetched, Errc::connect_timeout,
       [](Try& one) {
         one.realtime.resolve_timeout = minutes(5);
         one.dials_to(kBroker, DialPlan::Fate::no_name);
         return one.connect();
       }},
      {"resolve_timeout", &RealtimeOptions::resolve_timeout, lim::kResolveTimeout, seconds(9), kFetched,
       Errc::dns_failed,
       [](Try& one) {
         one.dials_to(kBroker, DialPlan::Fate::no_name);
         return one.connect();
       }},
      {"connect_timeout", &RealtimeOptions::connect_timeout, lim::kConnectTimeout, seconds(1), kFetched,
       Errc::connect_timeout,
       [](Try& one) {
         one.dials_to(kBroker, DialPlan::Fate::black_hole);
         return one.connect();
       }},
      {"handshake_timeout", &RealtimeOptions::handshake_timeout, lim::kHandshakeTimeout, seconds(20),
       kFetched + kOpening, Errc::connect_timeout,
       [](Try& one) {
         one.dials_to(kBroker, DialPlan::Fate::no_tls);
         return one.connect();
       }},
      {"upgrade_timeout", &RealtimeOptions::upgrade_timeout, lim::kUpgradeTimeout, milliseconds(250),
       kFetched + kOpening, Errc::connect_timeout,
       [](Try& one) {
         one.scene.broker.answer_upgrade = false;
         return one.connect();
       }},
      {"connack_timeout", &RealtimeOptions::connack_timeout, lim::kConnackTimeout, seconds(4), kFetched + kOpening * 2,
       Errc::connect_timeout,
       [](Try& one) {
         one.scene.broker.answer_connect = false;
         return one.connect();
       }},
  };
  for (const auto& row : rows) check(row, &Try::realtime);
}

TEST(Waits, OfASession) {
  const Row<RealtimeOptions> rows[] = {
      {"suback_timeout", &RealtimeOptions::suback_timeout, lim::kSubackTimeout, seconds(3), Duration::zero(),
       Errc::ack_timeout,
       [](Try& one) {
         one.live();
         one.scene.broker.answer_subscribe = false;
         const Instant asked = one.scene.world.now();
         EXPECT_TRUE(one.scene.rt.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
         return one.until(asked, [&] { return !one.scene.errors.empty(); });
       }},
      {"puback_timeout", &RealtimeOptions::puback_timeout, lim::kPubackTimeout, seconds(3), Duration::zero(),
       Errc::ack_timeout,
       [](Try& one) {
         one.live();
         one.scene.broker.answer_publish = false;
         const Instant asked = one.scene.world.now();
         Errc told = Errc::none;
         EXPECT_TRUE(one.scene.rt
                         .publish({.channel_id = "p", .identifier = "i", .payload = "{}"},
                                  [&told](const Result<Published>& outcome) { told = outcome.error().code(); })
                         .ok());
         return Ended{one.until(asked, [&] { return told != Errc::none; }).after, told};
       }},
      // The clock begins when the broker sees PINGREQ, a latency after it was sent.
      {"pingresp_timeout", &RealtimeOptions::pingresp_timeout, lim::kPingrespTimeout, seconds(4),
       Duration::zero() - kOpening / 2, Errc::keepalive_timeout,
       [](Try& one) {
         one.live();
         one.scene.broker.answer_ping = false;
         EXPECT_TRUE(one.scene.run_until([&] { return one.scene.broker.pings == 1; }));
         return one.until(one.scene.world.now(), [&] { return !one.scene.errors.empty(); });
       }},
      {"packet_timeout", &RealtimeOptions::packet_timeout, lim::kPacketTimeout, seconds(2), Duration::zero(),
       Errc::connection_lost,
       [](Try& one) {
         one.live();
         one.scene.broker.newest()->send_frame(2, "\x30\x20");
         one.scene.world.run_for(kOpening / 2);
         return one.until(one.scene.world.now(), [&] { return !one.scene.errors.empty(); });
       }},
  };
  for (const auto& row : rows) check(row, &Try::realtime);
}

TEST(Waits, OfAConnectionsEnd) {
  const Row<RealtimeOptions> rows[] = {
      {"close_timeout", &RealtimeOptions::close_timeout, lim::kCloseTimeout, seconds(6), Duration::zero(), Errc::none,
       [](Try& one) {
         one.live();
         one.scene.broker.newest()->link().stuck = true;
         one.scene.broker.newest()->send_frame(3, "reserved");
         one.scene.world.run_for(kOpening / 2);
         const Ended ended = one.until(one.scene.world.now(), [&] { return one.scene.host.open_connections() == 0; });
         return Ended{ended.after, Errc::none};
       }},
      {"swap_grace", &RealtimeOptions::swap_grace, lim::kOverlapGrace, seconds(11), kOpening / 2, Errc::none,
       [](Try& one) {
         one.scene.api.lifetime = minutes(10);
         one.live();
         EXPECT_TRUE(one.scene.run_until([&] { return one.scene.rt.stats().connections == 2; }));
         return one.until(one.scene.world.now(), [&] { return one.scene.broker.disconnects == 1; });
       }},
      {"old_read_timeout", &RealtimeOptions::old_read_timeout, lim::kOldReadTimeout, seconds(5),
       Duration::zero() - kOpening / 2, Errc::none,
       [](Try& one) {
         one.scene.api.lifetime = minutes(10);
         one.scene.broker.answer_close = false;
         one.live();
         EXPECT_TRUE(one.scene.run_until([&] { return one.scene.broker.disconnects == 1; }));
         return one.until(one.scene.world.now(), [&] { return one.scene.host.open_connections() == 1; });
       }},
      {"drain_timeout", &RealtimeOptions::drain_timeout, lim::kDrainTimeout, seconds(1), Duration::zero(), Errc::closed,
       [](Try& one) {
         one.live();
         one.scene.broker.answer_publish = false;
         Errc told = Errc::none;
         EXPECT_TRUE(one.scene.rt
                         .publish({.channel_id = "p", .identifier = "i", .payload = "{}"},
                                  [&told](const Result<Published>& outcome) { told = outcome.error().code(); })
                         .ok());
         const Instant asked = one.scene.world.now();
         EXPECT_TRUE(one.scene.rt.disconnect().ok());
         return Ended{one.until(asked, [&] { return told != Errc::none; }).after, told};
       }},
  };
  for (const auto& row : rows) check(row, &Try::realtime);
}

// A lost swap that left an old connection: the next refresh waits for its end, as long as that may take.
TEST(Waits, OfARefreshForTheOldConnection) {
  for (const Duration wanted : {lim::kOldReadTimeout, seconds(5)}) {
    refresh::State state;
    state.phase = refresh::Phase::live;
    state.retiring = true;
    state.deadline = Instant::from_nanoseconds(7);
    const refresh::Step step = refresh::step(state, {}, {.old_read = wanted}, state.deadline);
    EXPECT_EQ(step.state.deadline, state.deadline + wanted);
  }
}

// --- Bounds
template <class Options>
struct Bounds {
  const char* name;
  Duration Options::*member;
  Duration least;
  Duration most;
};

Error refusal(ClientOptions options) {
  Scenario scene;
  scene.make(std::move(options));
  return scene.client->error();
}
Error refusal(RealtimeOptions options) {
  Scenario scene;
  return scene.begin(std::move(options)).error();
}

template <class Options>
void check_bounds(const Bounds<Options>& row, const std::function<Options()>& make) {
  const auto with = [&](Duration value) {
    Options options = make();
    options.*row.member = value;
    return refusal(std::move(options));
  };
  EXPECT_FALSE(with(row.least)) << row.name;
  EXPECT_FALSE(with(row.most)) << row.name;
  for (const Duration beyond :
       {row.least - nanoseconds(1), row.most + nanoseconds(1), Duration::max(), nanoseconds(INT64_MIN)}) {
    const Error error = with(beyond);
    EXPECT_EQ(error.code(), Errc::invalid_argument) << row.name << ' ' << beyond.nanoseconds();
    EXPECT_EQ(error.what().substr(0, error.what().find(' ')), row.name);
  }
}

TEST(Waits, HaveBoundsAndTheErrorNamesTheOption) {
  const Bounds<ClientOptions> client[] = {
      {"timeout", &ClientOptions::timeout, lim::kWaitMin, lim::kWaitMax},
      {"fetch_timeout", &ClientOptions::fetch_timeout, lim::kWaitMin, lim::kWaitMax},
      {"resolve_timeout", &ClientOptions::resolve_timeout, lim::kWaitMin, lim::kWaitMax},
      {"connect_timeout", &ClientOptions::connect_timeout, lim::kWaitMin, lim::kConnectTimeoutMax},
      {"handshake_timeout", &ClientOptions::handshake_timeout, lim::kWaitMin, lim::kWaitMax},
      {"head_timeout", &ClientOptions::head_timeout, lim::kWaitMin, lim::kWaitMax},
  };
  for (const auto& row : client) check_bounds<ClientOptions>(row, [] { return Scenario::client_options(); });
  const Bounds<RealtimeOptions> realtime[] = {
      {"credentials_refresh_lead", &RealtimeOptions::credentials_refresh_lead, lim::kRefreshLeadMin,
       lim::kRefreshLeadMax},
      {"swap_grace", &RealtimeOptions::swap_grace, Duration::zero(), lim::kWaitMax},
      {"drain_timeout", &RealtimeOptions::drain_timeout, Duration::zero(), lim::kWaitMax},
      {"dial_timeout", &RealtimeOptions::dial_timeout, lim::kWaitMin, lim::kWaitMax},
      {"resolve_timeout", &RealtimeOptions::resolve_timeout, lim::kWaitMin, lim::kWaitMax},
      {"connect_timeout", &RealtimeOptions::connect_timeout, lim::kWaitMin, lim::kConnectTimeoutMax},
      {"handshake_timeout", &RealtimeOptions::handshake_timeout, lim::kWaitMin, lim::kWaitMax},
      {"upgrade_timeout", &RealtimeOptions::upgrade_timeout, lim::kWaitMin, lim::kWaitMax},
      {"connack_timeout", &RealtimeOptions::connack_timeout, lim::kWaitMin, lim::kWaitMax},
      {"suback_timeout", &RealtimeOptions::suback_timeout, lim::kWaitMin, lim::kWaitMax},
      {"puback_timeout", &RealtimeOptions::puback_timeout, lim::kWaitMin, lim::kWaitMax},
      {"pingresp_timeout", &RealtimeOptions::pingresp_timeout, lim::kWaitMin, lim::kWaitMax},
      {"packet_timeout", &RealtimeOptions::packet_timeout, lim::kWaitMin, lim::kWaitMax},
      {"close_timeout", &RealtimeOptions::close_timeout, lim::kWaitMin, lim::kWaitMax},
      {"old_read_timeout", &RealtimeOptions::old_read_timeout, lim::kWaitMin, lim::kWaitMax},
      {"keep_alive", &RealtimeOptions::keep_alive, seconds(1), seconds(65'535)},
  };
  for (const auto& row : realtime) {
    // 0 is keep_alive's own: off.
    check_bounds<RealtimeOptions>(row, [] { return RealtimeOptions{}; });
  }
  RealtimeOptions off;
  off.keep_alive = Duration::zero();
  EXPECT_FALSE(refusal(std::move(off)));
}

TEST(Waits, TheCountsBesideThemNameThemselvesToo) {
  const auto what = [](const std::function<void(RealtimeOptions&)>& change) {
    RealtimeOptions options;
    change(options);
    return std::string(refusal(std::move(options)).what());
  };
  EXPECT_EQ(what([](RealtimeOptions& options) { options.packet_bytes_max = 1; }), "");
  EXPECT_EQ(what([](RealtimeOptions& options) { options.packet_bytes_max = 268'435'460; }), "");
  for (const std::uint32_t beyond : {0U, 268'435'461U, UINT32_MAX}) {
    EXPECT_EQ(what([beyond](RealtimeOptions& options) { options.packet_bytes_max = beyond; }),
              "packet_bytes_max must be from 1 to 268,435,460");
  }
  EXPECT_EQ(what([](RealtimeOptions& options) { options.qos = Qos::exactly_once; }),
            "qos must be 0 or 1: AWS IoT Core has no QoS 2");
  EXPECT_EQ(what([](RealtimeOptions& options) { options.subscriptions_max = 1'001; }),
            "subscriptions_max must not be over 1,000");
}

// A call that shares a connect must wish for the same: each wait counts.
TEST(Waits, AreWhatASharedConnectMustAgreeOn) {
  Duration RealtimeOptions::*const members[] = {
      &RealtimeOptions::swap_grace,       &RealtimeOptions::drain_timeout,
      &RealtimeOptions::dial_timeout,     &RealtimeOptions::resolve_timeout,
      &RealtimeOptions::connect_timeout,  &RealtimeOptions::handshake_timeout,
      &RealtimeOptions::upgrade_timeout,  &RealtimeOptions::connack_timeout,
      &RealtimeOptions::suback_timeout,   &RealtimeOptions::puback_timeout,
      &RealtimeOptions::pingresp_timeout, &RealtimeOptions::packet_timeout,
      &RealtimeOptions::close_timeout,    &RealtimeOptions::old_read_timeout,
      &RealtimeOptions::keep_alive,       &RealtimeOptions::credentials_refresh_lead};
  Scenario scene;
  ASSERT_TRUE(scene.begin({}).ok());
  EXPECT_TRUE(scene.begin({}).ok());
  for (const auto member : members) {
    RealtimeOptions other;
    other.*member = other.*member + milliseconds(1);
    EXPECT_EQ(scene.begin(std::move(other)).error().code(), Errc::invalid_argument);
  }
}

}  // namespace
}  // namespace axonpush::test
