// Each option of connect_realtime by itself: what is out of its range is refused with nothing begun, and a second call
// that wishes for anything else than the first is refused too.
#include <gtest/gtest.h>

#include <cstdint>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

struct OptionRow {
  const char* name;
  void (*set)(RealtimeOptions&);
};

TEST(ConnectOptions, EachOneOutOfItsRangeIsRefused) {  // CONTRACT 7, FAULTS 1.0
  const OptionRow rows[] = {
      {"lead", [](RealtimeOptions& options) { options.credentials_refresh_lead = milliseconds(999); }},
      {"qos", [](RealtimeOptions& options) { options.qos = Qos::exactly_once; }},
      {"subscriptions_max",
       [](RealtimeOptions& options) { options.subscriptions_max = limits::kSubscriptionsCeiling + 1; }},
      {"keep_alive below", [](RealtimeOptions& options) { options.keep_alive = seconds(-1); }},
      {"keep_alive above", [](RealtimeOptions& options) { options.keep_alive = seconds(65'536); }},
      {"dial_timeout", [](RealtimeOptions& options) { options.dial_timeout = Duration::zero(); }},
      {"connack_timeout", [](RealtimeOptions& options) { options.connack_timeout = Duration::zero(); }},
      {"suback_timeout", [](RealtimeOptions& options) { options.suback_timeout = Duration::zero(); }},
      {"puback_timeout", [](RealtimeOptions& options) { options.puback_timeout = Duration::zero(); }},
      {"swap_grace", [](RealtimeOptions& options) { options.swap_grace = milliseconds(-1); }},
      {"drain_timeout", [](RealtimeOptions& options) { options.drain_timeout = milliseconds(-1); }},
  };
  Scenario scene;
  scene.make();
  for (const OptionRow& row : rows) {
    RealtimeOptions options;
    row.set(options);
    EXPECT_EQ(scene.client->connect_realtime(std::move(options), {}).error().code(), Errc::invalid_argument)
        << row.name;
  }
  scene.world.run_for(seconds(1));
  EXPECT_TRUE(scene.api.requests.empty());
  // The last values that are allowed, all at once.
  RealtimeOptions edge = scene.realtime_options();
  edge.credentials_refresh_lead = seconds(1);
  edge.subscriptions_max = limits::kSubscriptionsCeiling;
  edge.keep_alive = seconds(65'535);
  edge.swap_grace = edge.drain_timeout = Duration::zero();
  EXPECT_TRUE(scene.connect(std::move(edge)));
  EXPECT_EQ(scene.broker.connects.at(0).keep_alive, 65'535);
}

TEST(ConnectOptions, ASecondCallThatWishesForAnythingElseIsRefused) {  // CONTRACT 3
  const OptionRow rows[] = {
      {"on_error", [](RealtimeOptions& options) { options.on_error = [](const ErrorReport&) {}; }},
      {"on_state", [](RealtimeOptions& options) { options.on_state = [](const StateChange&) {}; }},
      {"on_gap", [](RealtimeOptions& options) { options.on_gap = [](const PossibleGap&) {}; }},
      {"environment", [](RealtimeOptions& options) { options.environment = "other"; }},
      {"lead", [](RealtimeOptions& options) { options.credentials_refresh_lead = seconds(30); }},
      {"qos", [](RealtimeOptions& options) { options.qos = Qos::at_most_once; }},
      {"subprotocols", [](RealtimeOptions& options) { options.subprotocols = "mqtt"; }},
      {"keep_alive", [](RealtimeOptions& options) { options.keep_alive = seconds(31); }},
      {"swap_grace", [](RealtimeOptions& options) { options.swap_grace = seconds(1); }},
      {"drain_timeout", [](RealtimeOptions& options) { options.drain_timeout = seconds(1); }},
      {"dial_timeout", [](RealtimeOptions& options) { options.dial_timeout = seconds(1); }},
      {"resolve_timeout", [](RealtimeOptions& options) { options.resolve_timeout = seconds(1); }},
      {"connect_timeout", [](RealtimeOptions& options) { options.connect_timeout = seconds(1); }},
      {"handshake_timeout", [](RealtimeOptions& options) { options.handshake_timeout = seconds(1); }},
      {"upgrade_timeout", [](RealtimeOptions& options) { options.upgrade_timeout = seconds(1); }},
      {"connack_timeout", [](RealtimeOptions& options) { options.connack_timeout = seconds(1); }},
      {"suback_timeout", [](RealtimeOptions& options) { options.suback_timeout = seconds(1); }},
      {"puback_timeout", [](RealtimeOptions& options) { options.puback_timeout = seconds(1); }},
      {"pingresp_timeout", [](RealtimeOptions& options) { options.pingresp_timeout = seconds(1); }},
      {"packet_timeout", [](RealtimeOptions& options) { options.packet_timeout = seconds(1); }},
      {"close_timeout", [](RealtimeOptions& options) { options.close_timeout = seconds(1); }},
      {"old_read_timeout", [](RealtimeOptions& options) { options.old_read_timeout = seconds(1); }},
      {"refresh_jitter", [](RealtimeOptions& options) { options.refresh_jitter = false; }},
      {"retry_jitter", [](RealtimeOptions& options) { options.retry_jitter = false; }},
      {"ordered_swap", [](RealtimeOptions& options) { options.ordered_swap = true; }},
      {"latency_histograms", [](RealtimeOptions& options) { options.latency_histograms = true; }},
      {"receive_maximum", [](RealtimeOptions& options) { options.receive_maximum = 1; }},
      {"packet_bytes_max", [](RealtimeOptions& options) { options.packet_bytes_max = 1024; }},
      {"publish_queue_count", [](RealtimeOptions& options) { options.publish_queue_count = 1; }},
      {"publish_queue_bytes", [](RealtimeOptions& options) { options.publish_queue_bytes = 1; }},
      {"publish_payload_bytes", [](RealtimeOptions& options) { options.publish_payload_bytes = 1; }},
      {"subscriptions_max", [](RealtimeOptions& options) { options.subscriptions_max = 1; }},
  };
  Scenario scene;
  scene.make();
  int told = 0;
  const auto count = [&told](const Result<Realtime>& result) { told += result.ok(); };
  ASSERT_TRUE(scene.client->connect_realtime({}, count).ok());
  for (const bool live : {false, true}) {
    if (live) scene.world.run_for(seconds(1));
    for (const OptionRow& row : rows) {
      RealtimeOptions options;
      row.set(options);
      EXPECT_EQ(scene.client->connect_realtime(std::move(options), {}).error().code(), Errc::invalid_argument)
          << row.name << (live ? ", live" : ", connecting");
    }
  }
  ASSERT_TRUE(scene.client->connect_realtime({}, count).ok());
  scene.world.run_for(seconds(1));
  EXPECT_EQ(told, 2);
  EXPECT_EQ(scene.broker.connects.size(), 1U);
}

TEST(ConnectOptions, SixteenCallsMayWaitForOneConnection) {  // FAULTS 3.4: a limit on everything
  Scenario scene;
  scene.make();
  int told = 0;
  const auto count = [&told](const Result<Realtime>& result) { told += result.ok(); };
  for (int n = 0; n < 16; ++n) ASSERT_TRUE(scene.client->connect_realtime({}, count).ok()) << n;
  EXPECT_EQ(scene.client->connect_realtime({}, count).error().code(), Errc::quota);
  scene.world.run_for(seconds(1));
  EXPECT_EQ(told, 16);
  EXPECT_TRUE(scene.client->connect_realtime({}, count).ok()) << "there is room again";
}

TEST(ConnectOptions, WhileTheLastSessionIsBeingDisconnectedThereIsNoNewOne) {
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.answer_publish = false;
  ASSERT_TRUE(scene.rt.publish({.channel_id = "a", .identifier = "i", .payload = "{}"}).ok());
  ASSERT_TRUE(scene.rt.disconnect().ok());
  EXPECT_EQ(scene.client->connect_realtime({}, {}).error().code(), Errc::closed);
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.client->connect_realtime({}, {}).error().code(), Errc::closed) << "it drains still";
  scene.world.run_for(seconds(10));
  EXPECT_TRUE(scene.connect());
}

}  // namespace
}  // namespace axonpush::test
