// The loopback service serves a client that is not ours: Eclipse Paho's MQTT 5 over secure WebSocket.
#include <gtest/gtest.h>

#include "interop/program.h"
#include "testing/raw_client.h"

namespace {

using axonpush::testing::LoopbackService;
using axonpush::testing::LoopbackStats;
using interop::Program;

constexpr char kPackage[] = "paho.mqtt.c-examples";
constexpr char kTopic[] = "axonpush/org_loopback/prod/app_1/ch_1/agent_start/agent_1";

// What both programs of Paho need to reach the service.
std::vector<std::string> paho(const std::string& program, LoopbackService& service, const std::string& user_name) {
  const auto ca_file = service.write_ca_file();
  EXPECT_TRUE(ca_file.ok());
  return {program,
          "-c",
          service.broker_url(),
          "--cafile",
          ca_file.ok() ? *ca_file : "",
          "-V",
          "5",
          "-q",
          "1",
          "-u",
          user_name,
          "-i",
          program};
}

std::vector<std::string> with(std::vector<std::string> words, std::initializer_list<std::string> more) {
  words.insert(words.end(), more);
  return words;
}

// The body of the next event: Paho writes topic and body on a line, and tells what it does on others.
std::string next_event(Program& subscriber) {
  for (auto line = subscriber.line(); line.has_value(); line = subscriber.line()) {
    const std::size_t body = line->find('{');
    if (body != std::string::npos) return line->substr(body);
  }
  return "(none)";
}

TEST(PahoInterop, SubscribesPublishesAndReceives) {
  AXONPUSH_NEEDS_PROGRAM("paho_c_sub", kPackage);
  AXONPUSH_NEEDS_PROGRAM("paho_c_pub", kPackage);
  LoopbackService service;
  ASSERT_TRUE(service.status().ok());

  // The subscriber with a credential's token, the publisher with the API key.
  const std::string token = raw::fetch(service).member("authToken");
  Program subscriber(with(paho("paho_c_sub", service, token), {"-t", "axonpush/org_loopback/#"}));
  ASSERT_TRUE(subscriber.started());
  ASSERT_TRUE(service.wait_until(&LoopbackStats::filters_granted, 1)) << subscriber.rest();

  Program publisher(
      with(paho("paho_c_pub", service, service.api_key()), {"-t", kTopic, "-m", R"({"identifier":"from paho"})"}));
  EXPECT_EQ(publisher.wait(), 0) << publisher.rest();
  ASSERT_TRUE(service.publish(kTopic, R"({"identifier":"injected"})").ok());
  EXPECT_TRUE(service.wait_until(&LoopbackStats::pubacks_received, 2)) << "QoS 1 both ways";

  // Its output comes when it ends: stdout is a pipe.
  subscriber.interrupt();
  EXPECT_EQ(next_event(subscriber), R"({"identifier":"from paho"})");
  EXPECT_EQ(next_event(subscriber), R"({"identifier":"injected"})");
  EXPECT_EQ(subscriber.wait(), 0);
  EXPECT_TRUE(service.wait_until_at_most(&LoopbackStats::live_connections, 0));
  EXPECT_EQ(service.stats().protocol_errors, 0U);
}

TEST(PahoInterop, WrongTokenIsRefused) {
  AXONPUSH_NEEDS_PROGRAM("paho_c_pub", kPackage);
  LoopbackService service;
  Program publisher(with(paho("paho_c_pub", service, "wrong"), {"-t", kTopic, "-m", "x"}));
  // It tries again for ever; the destructor ends it.
  EXPECT_TRUE(service.wait_until(&LoopbackStats::connects_refused, 1));
  EXPECT_EQ(service.stats().publishes, 0U);
}

}  // namespace
