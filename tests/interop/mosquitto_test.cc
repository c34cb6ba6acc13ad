// The client against a real broker: Debian's mosquitto behind secure WebSocket, its URL handed out by the loopback
// service's credentials endpoint. Subscribe, publish, receive, a credential swap under traffic, in both modes.
//
// Method: mosquitto 2.0.11 starts a WebSocket listener only beside a plain one, and binds WebSocket to every interface;
// so the test and the broker live in a network namespace of their own. It listens on ports that nobody else can have
// there.
#include <axonpush/axonpush.h>
#include <axonpush/testing/loopback_service.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "interop/private_network.h"
#include "interop/program.h"
#include "support/certificates.h"

namespace {

using namespace axonpush;
using axonpush::test::Certificate;
using axonpush::test::TemporaryFile;
using axonpush::testing::LoopbackOptions;
using axonpush::testing::LoopbackService;

// Counts copies of numbered events, and waits for them.
class Ledger {
 public:
  void arrived(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    if (copies_.size() <= number) copies_.resize(number + 1, 0);
    ++copies_[number];
    ++total_;
    changed_.notify_all();
  }
  bool wait_for(std::uint64_t total) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return total_ >= total; });
  }
  std::vector<int> copies() {
    const std::lock_guard lock(mutex_);
    return copies_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> copies_;
  std::uint64_t total_ = 0;
};

class Mosquitto {
 public:
  Mosquitto()
      : authority_({.common_name = "mosquitto test authority", .authority = true}),
        leaf_({.common_name = "broker", .extensions = {{"subjectAltName", "DNS:localhost,IP:127.0.0.1"}}}, &authority_),
        certificate_(leaf_.pem()),
        key_(leaf_.key_pem()),
        configuration_(
            "user root\nallow_anonymous true\npersistence false\nlog_dest stderr\nlog_type information\nlog_type "
            "notice\n"
            "listener 1883 127.0.0.1\n"
            "listener 8884\nprotocol websockets\ncertfile " +
            certificate_.path() + "\nkeyfile " + key_.path() + "\n"),
        program_({"/usr/sbin/mosquitto", "-c", configuration_.path()}) {}

  // True once it accepts connections.
  bool ready() {
    for (auto line = program_.line(); line.has_value(); line = program_.line()) {
      if (line->find("running") != std::string::npos) return true;
    }
    return false;
  }
  [[nodiscard]] std::string authority() const { return authority_.pem(); }

 private:
  Certificate authority_;
  Certificate leaf_;
  TemporaryFile certificate_;
  TemporaryFile key_;
  TemporaryFile configuration_;
  interop::Program program_;
};

void swap_under_traffic(bool same_client_id) {
  AXONPUSH_NEEDS_PROGRAM("mosquitto", "mosquitto");
  if (!interop::enter_private_network()) {
    const char* required = std::getenv("AXONPUSH_REQUIRE_INTEROP");
    if (required != nullptr && *required == '1') FAIL() << "no network namespace can be made here";
    GTEST_SKIP() << "a network namespace takes root";
  }
  Mosquitto broker;
  ASSERT_TRUE(broker.ready());
  LoopbackOptions service_options;
  service_options.broker_url = "wss://localhost:8884/mqtt?x-amz-customauthorizer-name=axonpush";
  service_options.credentials_lifetime = seconds(10);
  service_options.same_client_id = same_client_id;
  LoopbackService service(service_options);
  ASSERT_TRUE(service.status().ok());

  ClientOptions options;
  options.api_key = service.api_key();
  options.tenant_id = service.tenant_id();
  options.base_url = service.base_url();
  options.tls.ca_pem = service.ca_pem() + broker.authority();
  options.read_environment = false;
  AxonPush client(std::move(options));
  std::mutex mutex;
  std::vector<std::string> errors;
  RealtimeOptions realtime;
  realtime.on_error = [&](const ErrorReport& report) {
    char text[512];
    const std::lock_guard lock(mutex);
    errors.emplace_back(text, report.error.format(text));
  };
  Result<RealtimeClient> session = client.connect_realtime(std::move(realtime));
  char why[512];
  ASSERT_TRUE(session.ok()) << std::string_view(why, session.error().format(why));

  Ledger ledger;
  std::uint64_t elsewhere = 0;
  ASSERT_TRUE(session
                  ->subscribe({.channel_id = "ch_1"},
                              [&](const Event& event) {
                                json::Cursor members(event.payload());
                                json::Member member;
                                std::uint64_t number = 0;
                                if (members.next(member) && member.value.unsigned_integer(number))
                                  ledger.arrived(number);
                              })
                  .ok());
  ASSERT_TRUE(session->subscribe({.channel_id = "ch_2"}, [&](const Event&) { ++elsewhere; }).ok());
  std::uint64_t sent = 0;
  // Through one swap (5 s after the start: half of the credentials' life), and a second behind it.
  std::uint64_t behind = 0;
  while (behind < 100 && sent < 3000) {
    const Result<Published> outcome =
        session->publish({.channel_id = "ch_1", .identifier = "interop", .payload = {{"n", sent}}});
    ASSERT_TRUE(outcome.ok()) << std::string_view(why, outcome.error().format(why));
    ++sent;
    if (session->stats().swaps >= 1) ++behind;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(ledger.wait_for(sent));
  EXPECT_GE(session->stats().swaps, 1U);
  EXPECT_TRUE(session->disconnect().ok());
  const std::vector<int> copies = ledger.copies();
  ASSERT_EQ(copies.size(), sent);
  for (std::size_t number = 0; number < sent; ++number) EXPECT_EQ(copies[number], 1) << "event " << number;
  EXPECT_EQ(elsewhere, 0U);
  for (const std::string& error : errors) ADD_FAILURE() << error;
}

TEST(MosquittoInterop, SwapsWithoutLossWhenTheClientIdsDiffer) { swap_under_traffic(false); }
TEST(MosquittoInterop, SwapsWithoutLossWhenTheSessionIsTakenOver) { swap_under_traffic(true); }

}  // namespace
