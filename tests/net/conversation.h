// A whole talk of a Client with the loopback service, on whatever loop turns its reactor: connect, subscribe, publish,
// receive, disconnect. For the tests that embed the reactor into other people's loops.
#pragma once

#include <axonpush/client.h>
#include <axonpush/net/reactor.h>
#include <axonpush/net/tls.h>
#include <axonpush/testing/loopback_service.h>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace axonpush::net::test {

class Conversation {
 public:
  // `finished` is called on the loop's thread when all is said, well or not.
  Conversation(Reactor& reactor, std::function<void()> finished)
      : finished_(std::move(finished)), tls_({.ca_pem = service_.ca_pem()}) {
    EXPECT_TRUE(service_.status().ok());
    EXPECT_TRUE(tls_.status().ok());
    ClientOptions options;
    options.api_key = service_.api_key();
    options.tenant_id = service_.tenant_id();
    options.base_url = service_.base_url();
    options.read_environment = false;
    client_ = std::make_unique<Client>(reactor, tls_, std::move(options));
    const Status started =
        client_->connect_realtime({}, [this](const Result<Realtime>& session) { connected(session); });
    EXPECT_TRUE(started.ok());
  }

  [[nodiscard]] const std::string& received() const { return received_; }

 private:
  void connected(const Result<Realtime>& session) {
    if (!session.ok()) return stop(std::string(session.error().what()));
    session_ = *session;
    const auto subscribed = session_.subscribe(
        {.channel_id = "room"},
        [this](const Event& event) {
          received_ = std::string(event.text());
          static_cast<void>(session_.disconnect([this](const Status&) { finished_(); }));
        },
        [this](const Status& granted) {
          if (!granted.ok()) return stop(std::string(granted.error().what()));
          const Status sent = session_.publish(
              {.channel_id = "room", .identifier = "greeting", .payload = Payload(R"({"hello":"loop"})")});
          if (!sent.ok()) stop(std::string(sent.error().what()));
        });
    if (!subscribed.ok()) stop(std::string(subscribed.error().what()));
  }
  void stop(const std::string& why) {
    ADD_FAILURE() << why;
    finished_();
  }

  testing::LoopbackService service_;
  std::function<void()> finished_;
  TlsContext tls_;
  std::unique_ptr<Client> client_;
  Realtime session_;
  std::string received_;
};

inline constexpr const char* kConversationEvent =
    R"({"channelId":"room","identifier":"greeting","payload":{"hello":"loop"}})";

}  // namespace axonpush::net::test
