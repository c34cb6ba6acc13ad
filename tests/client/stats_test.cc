// Every counter of stats.h, each moved by what it counts and by nothing else; and the two histograms.
#include <axonpush/stats.h>

#include <algorithm>
#include <stdexcept>

#include "client/scenario.h"
#include "support/allocations.h"

namespace axonpush::test {
namespace {

constexpr char kBody[] = R"({"eventId":"evt_1","identifier":"x","payload":{}})";

struct Counting : Scenario {
  std::size_t told = 0;

  [[nodiscard]] Stats stats() { return rt.stats(); }
  Status listen(const std::string& channel = "room") {
    return subscribe({.channel_id = channel}, [this](const Event&) { ++told; });
  }
  void deliver(const std::string& channel, const std::string& body, int qos = 1) {
    const std::uint64_t before = stats().events;
    broker.publish(topic(channel), body, qos);
    run_until([&] { return stats().events > before; }, seconds(10));
  }
  // Publishes and waits for the completion.
  Errc publish(PublishOptions::Delivery qos, const char* channel = "out") {
    bool done = false;
    Errc outcome = Errc::none;
    const Status sent = rt.publish({.channel_id = channel, .identifier = "x", .payload = R"({"n":1})"},
                                   [&](const Result<Published>& result) {
                                     done = true;
                                     outcome = result.error().code();
                                   },
                                   {.qos = qos});
    if (!sent.ok()) return sent.error().code();
    run_until([&] { return done; }, minutes(2));
    return outcome;
  }
};
constexpr auto kQos0 = PublishOptions::Delivery::at_most_once;
constexpr auto kQos1 = PublishOptions::Delivery::at_least_once;

TEST(Stats, CountEventsTheirBytesAndTheirCallbacks) {
  Counting scene;
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.listen().ok());
  ASSERT_TRUE(scene.listen().ok());  // the same filter once more: two callbacks
  scene.deliver("room", kBody);
  scene.deliver("room", kBody, 0);
  EXPECT_EQ(scene.stats().events, 2U);
  EXPECT_EQ(scene.stats().callbacks, 4U);
  EXPECT_EQ(scene.stats().event_bytes, 2 * (sizeof kBody - 1));
  EXPECT_EQ(scene.stats().unmatched, 0U);
  EXPECT_EQ(scene.told, 4U);
}

TEST(Stats, CountWhatNobodyWantedAndWhatIsNoJson) {
  Counting scene;
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.listen().ok());
  scene.deliver("room", "{not json");
  EXPECT_EQ(scene.stats().invalid_json, 1U);
  EXPECT_EQ(scene.stats().callbacks, 0U);
  // The broker goes on for a moment after UNSUBSCRIBE.
  ASSERT_TRUE(scene.rt.unsubscribe(SubscribeFilter{.channel_id = "room"}).ok());
  scene.deliver("room", kBody);
  EXPECT_EQ(scene.stats().unmatched, 1U);
  EXPECT_EQ(scene.stats().events, 2U);
}

TEST(Stats, CountPublishesByWhatBecameOfThem) {
  Counting scene;
  ASSERT_TRUE(scene.connect());
  EXPECT_EQ(scene.publish(kQos0), Errc::none);
  EXPECT_EQ(scene.stats().publishes, 1U);
  EXPECT_EQ(scene.stats().acknowledged, 0U) << "nobody acknowledges QoS 0";
  EXPECT_EQ(scene.publish(kQos1), Errc::none);
  EXPECT_EQ(scene.stats().acknowledged, 1U);
  EXPECT_EQ(scene.stats().publish_bytes, scene.broker.stored[0].payload.size() + scene.broker.stored[1].payload.size());
  scene.broker.puback_reason = [](const std::string&) { return 0x97; };
  EXPECT_EQ(scene.publish(kQos1), Errc::publish_refused);
  EXPECT_EQ(scene.stats().publishes, 3U);
  EXPECT_EQ(scene.stats().acknowledged, 1U);
  EXPECT_EQ(scene.stats().publish_failures, 1U);
  // What was refused in the call was never accepted.
  EXPECT_EQ(scene.publish(PublishOptions::Delivery::exactly_once), Errc::qos_not_supported);
  EXPECT_EQ(scene.stats().publishes, 3U);
  EXPECT_EQ(scene.stats().publish_failures, 1U);
}

TEST(Stats, RememberTheQueuesHighWater) {
  Counting scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.answer_publish = false;
  for (int at = 0; at < 7; ++at) {
    ASSERT_TRUE(
        scene.rt.publish({.channel_id = "out", .identifier = "x", .payload = R"({"n":1})"}, {}, {.qos = kQos1}).ok());
  }
  const std::uint64_t bytes = scene.stats().queue_bytes_max;
  EXPECT_EQ(scene.stats().queue_count_max, 7U);
  EXPECT_GT(bytes, 7 * 30U);
  scene.world.run_for(seconds(1));
  scene.broker.answer_publish = true;
  EXPECT_EQ(scene.publish(kQos0), Errc::none);
  EXPECT_EQ(scene.stats().queue_count_max, 7U) << "a mark, not a level";
  EXPECT_EQ(scene.stats().queue_bytes_max, bytes);
}

TEST(Stats, CountFetchesConnectionsAndSwaps) {
  Counting scene;
  scene.api.lifetime = seconds(100);
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.listen().ok());
  EXPECT_EQ(scene.stats().fetches, 1U);
  EXPECT_EQ(scene.stats().connections, 1U);
  ASSERT_TRUE(scene.run_until([&] { return scene.stats().swaps == 1; }, minutes(3)));
  EXPECT_EQ(scene.stats().fetches, 2U);
  EXPECT_EQ(scene.stats().connections, 2U);
  EXPECT_EQ(scene.stats().reconnects, 0U);
  EXPECT_EQ(scene.stats().refresh_failures, 0U);
  EXPECT_EQ(scene.stats().gaps, 0U);
}

TEST(Stats, CountTheSecondCopiesOfASwap) {
  Counting scene;
  scene.api.lifetime = seconds(100);
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.listen().ok());
  std::uint64_t published = 0;
  ASSERT_TRUE(scene.run_until([&] { return scene.broker.live().size() == 2; }, minutes(3)));
  while (scene.stats().swaps == 0) {
    scene.broker.publish(scene.topic("room"),
                         R"({"identifier":"x","payload":{"n":)" + std::to_string(published++) + "}}");
    scene.world.run_for(milliseconds(100));
    ASSERT_LT(published, 1'000U);
  }
  scene.world.run_for(seconds(10));
  EXPECT_EQ(scene.told, published);
  EXPECT_GT(scene.stats().duplicates_dropped, 0U);
  EXPECT_EQ(scene.stats().events, published + scene.stats().duplicates_dropped);
}

TEST(Stats, CountFailedRefreshes) {
  Counting scene;
  scene.api.lifetime = seconds(200);
  ASSERT_TRUE(scene.connect());
  scene.api.respond = [](const sim::ApiRequest&) { return sim::ApiResponse{.status = 401, .body = "{}"}; };
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 2; }, minutes(4)));
  EXPECT_EQ(scene.stats().refresh_failures, 2U);
  EXPECT_EQ(scene.stats().fetches, 3U);
  EXPECT_EQ(scene.stats().swaps, 0U);
}

TEST(Stats, CountReconnectsGapsAndWhatIsSentAgain) {
  Counting scene;
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.listen().ok());
  scene.broker.answer_publish = false;
  scene.broker.keep_sessions = false;
  ASSERT_TRUE(
      scene.rt.publish({.channel_id = "out", .identifier = "x", .payload = R"({"n":1})"}, {}, {.qos = kQos1}).ok());
  scene.world.run_for(seconds(1));
  scene.broker.answer_publish = true;
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.stats().acknowledged == 1; }, minutes(2)));
  EXPECT_EQ(scene.stats().reconnects, 1U);
  EXPECT_EQ(scene.stats().connections, 2U);
  EXPECT_EQ(scene.stats().resent, 1U);
  EXPECT_EQ(scene.stats().publishes, 1U);
  ASSERT_TRUE(scene.run_until([&] { return scene.gaps.size() == 1; }, minutes(1)));
  EXPECT_EQ(scene.stats().gaps, 1U);
}

TEST(Stats, CountCallbacksThatThrew) {
  Counting scene;
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.subscribe({.channel_id = "room"}, [](const Event&) { throw std::runtime_error("oops"); }).ok());
  scene.deliver("room", kBody);
  EXPECT_EQ(scene.stats().callbacks_threw, 1U);
  EXPECT_EQ(scene.stats().callbacks, 1U);
}

TEST(Stats, CountBytesAndIgnoredPackets) {
  Counting scene;
  ASSERT_TRUE(scene.connect());
  const Stats before = scene.stats();
  scene.broker.newest()->send_frame(10, "nobody asked");  // a pong
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.stats().ignored_packets, before.ignored_packets + 1);
  EXPECT_EQ(scene.stats().bytes_in, before.bytes_in + 2 + 12);
  scene.broker.newest()->send_frame(9, "ping");
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.stats().bytes_in, before.bytes_in + 2 + 12 + 2 + 4);
  EXPECT_EQ(scene.stats().bytes_out, before.bytes_out + 2 + 4 + 4);  // the pong, masked
}

TEST(Stats, BelongToOneSession) {
  Counting scene;
  RealtimeOptions options = scene.realtime_options();
  options.latency_histograms = true;
  ASSERT_TRUE(scene.connect(std::move(options)));
  ASSERT_TRUE(scene.listen().ok());
  scene.deliver("room", kBody);
  ASSERT_NE(scene.rt.latency(), nullptr);
  EXPECT_EQ(scene.rt.latency()->receive_to_callback.count(), 1U);
  bool over = false;
  ASSERT_TRUE(scene.rt.disconnect([&](const Status&) { over = true; }).ok());
  ASSERT_TRUE(scene.run_until([&] { return over; }, minutes(1)));
  ASSERT_TRUE(scene.connect());  // this one without histograms
  EXPECT_EQ(scene.stats().events, 0U);
  EXPECT_EQ(scene.stats().connections, 1U);
  EXPECT_EQ(scene.rt.latency(), nullptr);
}

TEST(Stats, MeasureFromPublishToPuback) {
  Counting scene;
  RealtimeOptions options = scene.realtime_options();
  options.latency_histograms = true;
  ASSERT_TRUE(scene.connect(std::move(options)));
  EXPECT_EQ(scene.publish(kQos0), Errc::none);
  EXPECT_EQ(scene.rt.latency()->publish_to_puback.count(), 0U);
  EXPECT_EQ(scene.publish(kQos1), Errc::none);
  const LatencyHistogram& histogram = scene.rt.latency()->publish_to_puback;
  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.max(), milliseconds(2));  // a millisecond there and one back, in this world
  EXPECT_EQ(histogram.quantile(500), milliseconds(2));
}

TEST(LatencyHistogram, IsOffByASixteenthAtMost) {
  for (std::int64_t value = 0; value < 5'000'000'000; value = value * 17 / 16 + 1) {
    LatencyHistogram histogram;
    histogram.record(nanoseconds(value));
    histogram.record(seconds(100));  // or the quantile would be the largest value itself
    EXPECT_EQ(histogram.quantile(0), histogram.quantile(1)) << "the least there is";
    const std::int64_t told = histogram.quantile(500).nanoseconds();
    EXPECT_GE(told, value);
    EXPECT_LE(told, value + value / 16) << value;
  }
}

TEST(LatencyHistogram, ClampsWhatIsOutOfItsRange) {
  LatencyHistogram histogram;
  histogram.record(nanoseconds(-5));
  histogram.record(hours(10));
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.bucket(0), 1U);
  EXPECT_EQ(histogram.bucket(LatencyHistogram::kBucketCount - 1), 1U);
  EXPECT_EQ(histogram.max(), hours(10));
}

TEST(LatencyHistogram, AgreesWithSortedValuesAndMerges) {
  sim::Random random(7);
  LatencyHistogram whole;
  LatencyHistogram halves[2];
  std::vector<std::int64_t> values;
  const std::uint64_t before = allocation_count();
  std::uint64_t allocated = 0;
  for (int at = 0; at < 10'000; ++at) {
    const auto value = static_cast<std::int64_t>(random.below(std::uint64_t{1} << (4 + random.below(30))));
    const std::uint64_t now = allocation_count();
    whole.record(nanoseconds(value));
    halves[at % 2].record(nanoseconds(value));
    allocated += allocation_count() - now;
    values.push_back(value);
  }
  EXPECT_EQ(allocated, 0U);
  EXPECT_GT(allocation_count(), before);
  halves[0].merge(halves[1]);
  std::sort(values.begin(), values.end());
  for (const std::uint32_t per_mille : {1U, 250U, 500U, 900U, 990U, 999U, 1000U}) {
    const std::int64_t exact = values[(values.size() * per_mille + 999) / 1000 - 1];
    const std::int64_t told = whole.quantile(per_mille).nanoseconds();
    EXPECT_GE(told, exact) << per_mille;
    EXPECT_LE(told, exact + exact / 16) << per_mille;
    EXPECT_EQ(halves[0].quantile(per_mille), whole.quantile(per_mille));
  }
  EXPECT_EQ(halves[0].count(), whole.count());
  EXPECT_EQ(halves[0].max(), whole.max());
  EXPECT_EQ(LatencyHistogram().quantile(500), Duration::zero());
  // Outside 1 to 1000: the least there is, and the most.
  EXPECT_GE(whole.quantile(0).nanoseconds(), values.front());
  EXPECT_LE(whole.quantile(0).nanoseconds(), values.front() + values.front() / 16);
  EXPECT_EQ(whole.quantile(2'000), whole.max());
  LatencyHistogram larger;
  larger.record(whole.max() + seconds(1));
  const Duration most = larger.max();
  larger.merge(whole);
  EXPECT_EQ(larger.max(), most);
  whole.merge(larger);
  EXPECT_EQ(whole.max(), most);
}

}  // namespace
}  // namespace axonpush::test
