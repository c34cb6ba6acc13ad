// The blocking facade where sessions follow each other, two threads want the same, and the machine has nothing left.
#include <axonpush/axonpush.h>
#include <axonpush/testing/loopback_service.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "support/allocations.h"

namespace axonpush::test {
namespace {

using testing::LoopbackService;
using testing::LoopbackStats;

struct FacadeCorners : public ::testing::Test {
  LoopbackService service;

  [[nodiscard]] std::unique_ptr<AxonPush> make() {
    ClientOptions options;
    options.api_key = service.api_key();
    options.tenant_id = service.tenant_id();
    options.base_url = service.base_url();
    options.tls.ca_pem = service.ca_pem();
    options.read_environment = false;
    return std::make_unique<AxonPush>(std::move(options));
  }
  [[nodiscard]] static Message message() { return {.channel_id = "ch", .identifier = "id", .payload = "{}"}; }
};

TEST_F(FacadeCorners, AHandleOfAnEarlierSessionSpeaksForNoLaterOne) {
  const std::unique_ptr<AxonPush> client = make();
  Result<RealtimeClient> earlier = client->connect_realtime();
  ASSERT_TRUE(earlier.ok());
  ASSERT_TRUE(earlier->disconnect().ok());
  Result<RealtimeClient> later = client->connect_realtime();
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(earlier->publish(message()).error().code(), Errc::closed);
  EXPECT_EQ(earlier->state(), ConnectionState::closed);
  EXPECT_TRUE(earlier->disconnect().ok()) << "it is over already";
  Errc inside = Errc::internal;
  RealtimeClient handle = *earlier;
  ASSERT_TRUE(
      later->publish_async(message(), [&](const Result<Published>&) { inside = handle.disconnect().error().code(); })
          .ok());
  EXPECT_TRUE(later->publish(message()).ok());
  EXPECT_EQ(inside, Errc::none) << "nor does it disturb anybody in a callback";
  EXPECT_TRUE(earlier->wait().ok());
  EXPECT_EQ(later->state(), ConnectionState::live) << "the earlier one's end was taken for the later one's";
  EXPECT_TRUE(later->publish(message()).ok());
}

TEST_F(FacadeCorners, AnEmptyHandleCanBeCopied) {
  const RealtimeClient none;
  const RealtimeClient copy(none);  // NOLINT(performance-unnecessary-copy-initialization): that is what is tried
  EXPECT_EQ(copy.state(), ConnectionState::closed);
}

TEST_F(FacadeCorners, WithoutHistogramsThereIsNoLatency) {
  const std::unique_ptr<AxonPush> client = make();
  Result<RealtimeClient> session = client->connect_realtime();
  ASSERT_TRUE(session.ok());
  LatencyStats latency;
  EXPECT_FALSE(session->latency(latency));
}

// Two threads connect at once: one of them gets the session, the other is told that there is one; and the user's
// callbacks of the first stay where they are.
TEST_F(FacadeCorners, OfTwoThreadsThatConnectAtOnceOneDoes) {
  service.delay(testing::LoopbackAnswer::credentials, milliseconds(200));
  Errc outcomes[2] = {};
  std::atomic<unsigned> changes[2] = {};
  const std::unique_ptr<AxonPush> client = make();
  std::thread threads[2];
  for (std::size_t index = 0; index < 2; ++index) {
    threads[index] = std::thread([&, index] {
      RealtimeOptions options;
      options.on_state = [&, index](const StateChange&) { ++changes[index]; };
      outcomes[index] = client->connect_realtime(std::move(options)).error().code();
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::size_t winner = outcomes[0] == Errc::none ? 0 : 1;
  EXPECT_EQ(outcomes[winner], Errc::none);
  EXPECT_EQ(outcomes[1 - winner], Errc::invalid_argument);
  EXPECT_GT(changes[winner], 0U);
  EXPECT_EQ(changes[1 - winner], 0U);
}

// A connect that was refused beside a live session was taken for an attempt under way ever after: the end of the
// sessions that followed reached no wait().
TEST_F(FacadeCorners, ARefusedConnectLeavesTheSessionsThatFollowAlone) {
  const std::unique_ptr<AxonPush> client = make();
  Result<RealtimeClient> session = client->connect_realtime();
  ASSERT_TRUE(session.ok());
  RealtimeOptions others;
  others.keep_alive = seconds(77);
  EXPECT_EQ(client->connect_realtime(std::move(others)).error().code(), Errc::invalid_argument);
  EXPECT_TRUE(session->disconnect().ok());
  EXPECT_TRUE(session->wait(seconds(20)).ok());
  session = client->connect_realtime();
  ASSERT_TRUE(session.ok());
  EXPECT_TRUE(session->disconnect().ok());
  EXPECT_TRUE(session->wait(seconds(20)).ok());
}

// The same behind one that is refused although nobody is connected.
TEST_F(FacadeCorners, AConnectWithOptionsThatCannotBeLeavesTheNextOneAlone) {
  const std::unique_ptr<AxonPush> client = make();
  RealtimeOptions wrong;
  wrong.keep_alive = milliseconds(1);
  EXPECT_EQ(client->connect_realtime(std::move(wrong)).error().culprit(), Culprit::caller);
  Result<RealtimeClient> session = client->connect_realtime();
  ASSERT_TRUE(session.ok());
  EXPECT_TRUE(session->disconnect().ok());
  EXPECT_TRUE(session->wait(seconds(20)).ok());
}

// The caller's thread makes the client: whatever it allocates on the way may be missing.
TEST_F(FacadeCorners, EveryAllocationOfTheConstructorMayFail) {
  std::uint64_t kth = 1;
  for (bool fired = true; fired; ++kth) {
    ASSERT_LT(kth, 100U);
    std::unique_ptr<AxonPush> client;
    {
      const FailAllocations fault(kth, FailAllocations::Mode::once);
      client = make();
      fired = fault.fired();
    }
    const Errc code = client->error().code();
    EXPECT_TRUE(code == Errc::none || code == Errc::no_memory) << kth;
    // What could be done without is missed later, or never.
    const Errc later = client->connect_realtime().error().code();
    EXPECT_TRUE(later == Errc::no_memory || (later == Errc::none && code == Errc::none)) << kth;
  }
  EXPECT_GT(kth, 4U);
}

}  // namespace
}  // namespace axonpush::test
