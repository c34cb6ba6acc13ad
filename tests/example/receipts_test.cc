// How a program that uses axonpush is tested: the whole program against an AxonPush in the same process, which is told
// to misbehave. No network, no key, no mock, and no sleep: the service is asked to wait for what it has seen.
//
// To try it in a project of one's own: link axonpush::testing and GoogleTest, copy this file, replace the application.
#include "example/receipts.h"

#include <axonpush/testing/loopback_service.h>
#include <gtest/gtest.h>

namespace example {
namespace {

using axonpush::Errc;
using axonpush::milliseconds;
using axonpush::seconds;
using axonpush::testing::LoopbackAnswer;
using axonpush::testing::LoopbackService;
using axonpush::testing::LoopbackStats;

class ReceiptsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(service.status().ok()); }

  // What leads a client to the service of the test, and nowhere else.
  [[nodiscard]] axonpush::ClientOptions options() const {
    return {.api_key = service.api_key(),
            .tenant_id = service.tenant_id(),
            .base_url = service.base_url(),
            .read_environment = false,
            .tls = {.ca_pem = service.ca_pem()}};
  }
  // Orders from elsewhere.
  void order(const std::string& id, std::uint32_t count = 1) {
    const std::string body = R"({"eventId":")" + id + R"(","id":")" + id + R"(","payload":{}})";
    ASSERT_TRUE(service.publish({.channel_id = "orders"}, body, {.count = count}).ok());
    orders += count;
  }
  // The broker has seen every order and a receipt for each.
  [[nodiscard]] bool receipts_are_in() const { return service.wait_until(&LoopbackStats::publishes, 2 * orders); }

  LoopbackService service;
  Receipts application{options()};
  std::uint64_t orders = 0;
};

TEST_F(ReceiptsTest, WritesOneForEachOrder) {
  ASSERT_TRUE(application.start().ok());
  order("o-1");
  order("o-2");
  EXPECT_TRUE(receipts_are_in());
  EXPECT_TRUE(application.stop().ok());
  EXPECT_EQ(application.written(), 2U);
  EXPECT_TRUE(application.problems().empty());
  EXPECT_TRUE(service.wait_until_at_most(&LoopbackStats::live_connections, 0)) << "nothing stays connected";
}

TEST_F(ReceiptsTest, GoesOnAfterADroppedConnection) {
  ASSERT_TRUE(application.start().ok());
  order("o-1");
  ASSERT_TRUE(receipts_are_in());
  service.drop_connections();
  // The broker keeps what comes while nobody is there.
  order("o-2");
  EXPECT_TRUE(receipts_are_in());
  EXPECT_EQ(service.stats().sessions_resumed, 1U);
  EXPECT_TRUE(application.stop().ok());
  EXPECT_EQ(application.written(), 2U);
}

TEST_F(ReceiptsTest, FetchesNewCredentialsWhenTheOldOnesAreOver) {
  ASSERT_TRUE(application.start().ok());
  service.expire_now();  // what was handed out opens no connection any more
  order("o-1");
  ASSERT_TRUE(receipts_are_in()) << "an open connection lives on";
  service.drop_connections();
  // New credentials bring a new client id here, and with it a new session: what comes before it has subscribed is
  // missed, and the application is told.
  ASSERT_TRUE(service.wait_until(&LoopbackStats::filters_granted, 2));
  order("o-2");
  EXPECT_TRUE(receipts_are_in());
  EXPECT_EQ(service.stats().credentials_issued, 2U);
  EXPECT_TRUE(application.stop().ok());
  EXPECT_EQ(application.gaps(), 1U);
}

TEST_F(ReceiptsTest, SaysSoWhenItMayNotListen) {
  service.refuse_filter("orders", axonpush::mqtt::ReasonCode::not_authorized);
  const axonpush::Status started = application.start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code(), Errc::suback_failed);
  EXPECT_EQ(started.error().number(), 0x87U);
}

TEST_F(ReceiptsTest, SaysSoWhenItMayNotConnect) {
  service.refuse_credentials({.status = 403});
  EXPECT_EQ(application.start().error().code(), Errc::forbidden);
}

TEST_F(ReceiptsTest, StopWaitsForReceiptsThatAreUnderWay) {
  ASSERT_TRUE(application.start().ok());
  service.delay(LoopbackAnswer::puback, milliseconds(300));
  order("o-1", 5);
  ASSERT_TRUE(receipts_are_in());
  EXPECT_TRUE(application.stop().ok());
  EXPECT_EQ(application.written(), 5U) << "none was given up because its PUBACK was slow";
}

TEST_F(ReceiptsTest, KnowsARefusedReceipt) {
  ASSERT_TRUE(application.start().ok());
  service.refuse_publish(axonpush::mqtt::ReasonCode::quota_exceeded);
  order("o-1");
  ASSERT_TRUE(service.wait_until(&LoopbackStats::publishes_refused, 1));
  EXPECT_TRUE(application.stop().ok());
  EXPECT_EQ(application.written(), 0U);
  EXPECT_EQ(application.problems(), std::vector<Errc>{Errc::publish_refused});
}

}  // namespace
}  // namespace example
