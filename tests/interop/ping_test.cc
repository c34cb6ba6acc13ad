// `axonpush ping` and `axonpush listen --stats` as a user runs them, against the loopback service.
#include <axonpush/testing/loopback_service.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "interop/program.h"
#include "support/paths.h"

namespace axonpush::test {
namespace {

struct Tool : ::testing::Test {
  testing::LoopbackService service;

  [[nodiscard]] std::vector<std::string> command(const std::string& name, std::vector<std::string> more) {
    std::vector<std::string> words = {binary_dir() + "/axonpush",
                                      name,
                                      "--api-key=" + service.api_key(),
                                      "--tenant=" + service.tenant_id(),
                                      "--base-url=" + service.base_url(),
                                      "--ca-file=" + service.write_ca_file().value(),
                                      "--channel=room"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void SetUp() override {
    if (::access((binary_dir() + "/axonpush").c_str(), X_OK) != 0) GTEST_SKIP() << "the tool is not built";
    ASSERT_TRUE(service.status().ok());
  }
};

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(Tool, PingMeasuresEachRoundTripAndDrawsThem) {
  interop::Program ping(command("ping", {"--count=5", "--interval=0"}));
  const std::string output = ping.rest();
  EXPECT_EQ(ping.wait(), 0) << output;
  EXPECT_EQ(count_of(output, " bytes: seq="), 5U) << output;
  EXPECT_NE(output.find("5 sent, 5 came back, 0 lost"), std::string::npos) << output;
  EXPECT_NE(output.find("round trips, 5"), std::string::npos) << output;
  EXPECT_NE(output.find(" |#"), std::string::npos) << output;
  EXPECT_EQ(service.stats().publishes, 5U);
}

TEST_F(Tool, PingSaysWhatWasLost) {
  service.lose_deliveries(1);
  interop::Program ping(command("ping", {"--count=3", "--interval=0", "--timeout=0.5", "--qos=0"}));
  const std::string output = ping.rest();
  EXPECT_EQ(ping.wait(), 1) << output;
  EXPECT_NE(output.find("seq=1 did not come back"), std::string::npos) << output;
  EXPECT_NE(output.find("3 sent, 2 came back, 1 lost"), std::string::npos) << output;
}

TEST_F(Tool, PingTellsMachinesInJson) {
  interop::Program ping(command("ping", {"--count=2", "--interval=0", "--json"}));
  const std::string output = ping.rest();
  EXPECT_EQ(ping.wait(), 0) << output;
  EXPECT_EQ(std::count(output.begin(), output.end(), '\n'), 3) << output;
  EXPECT_EQ(output.find(R"({"seq":1,"bytes":)"), 0U) << output;
  EXPECT_NE(output.find(R"({"sent":2,"back":2,"lost":0,"min_ms":)"), std::string::npos) << output;
}

TEST_F(Tool, PingEndsWithItsTallyWhenInterrupted) {
  interop::Program ping(command("ping", {"--interval=60"}));
  ASSERT_TRUE(service.wait_until(&testing::LoopbackStats::deliveries, 1));
  const std::optional<std::string> first = ping.line();
  ASSERT_TRUE(first.has_value());
  EXPECT_NE(first->find("seq=1 time="), std::string::npos) << *first;
  ping.interrupt();
  const std::string output = ping.rest();
  EXPECT_EQ(ping.wait(), 0) << output;
  EXPECT_NE(output.find("1 sent, 1 came back, 0 lost"), std::string::npos) << output;
}

TEST_F(Tool, PingRefusesWrongUsage) {
  EXPECT_EQ(interop::Program(command("ping", {"--qos=2"})).wait(), 2);
  EXPECT_EQ(interop::Program({binary_dir() + "/axonpush", "ping", "--channel="}).wait(), 2);
}

TEST_F(Tool, ListenPrintsItsCountersAndLatencies) {
  interop::Program listen(command("listen", {"--count=3", "--stats"}));
  ASSERT_TRUE(service.wait_until(&testing::LoopbackStats::filters_granted, 1));
  const std::string body = R"({"identifier":"x","payload":{}})";
  ASSERT_TRUE(service.publish({.channel_id = "room"}, body, {.count = 3}).ok());
  const std::string output = listen.rest();
  EXPECT_EQ(listen.wait(), 0) << output;
  EXPECT_EQ(count_of(output, body), 3U) << output;
  EXPECT_NE(output.find("events=3 bytes=" + std::to_string(3 * body.size()) + " callbacks=3 unmatched=0"),
            std::string::npos)
      << output;
  EXPECT_NE(output.find("connections=1 swaps=0"), std::string::npos) << output;
  EXPECT_NE(output.find("from receipt to callback, 3"), std::string::npos) << output;
}

}  // namespace
}  // namespace axonpush::test
