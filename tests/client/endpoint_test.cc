// What the client asks its host to open, for the endpoint of credentials and for the broker: security and whether
// loopback is an acceptable answer to the name.
#include <gtest/gtest.h>

#include "client/scenario.h"

namespace {

using namespace axonpush;
using axonpush::test::Scenario;

TEST(Endpoints, AreOpenedAsTheirUrlsAndTheOptionsSay) {  // CONTRACT 1, FAULTS 3
  struct Row {
    const char* base_url;
    const char* broker_url;
    bool allow_loopback;
    Security api_security, broker_security;
    bool loopback_for_api, loopback_for_broker;
  };
  constexpr Security kTls = Security::tls;
  constexpr Security kClear = Security::cleartext_loopback;
  const Row rows[] = {
      {"https://api.example.com", "wss://broker.example.com:8443/mqtt", false, kTls, kTls, false, false},
      {"https://api.example.com", "wss://broker.example.com:8443/mqtt", true, kTls, kTls, true, true},
      {"https://api.example.com", "wss://localhost:8443/mqtt", true, kTls, kTls, true, true},
      {"https://localhost", "wss://broker.example.com:8443/mqtt", false, kTls, kTls, true, true},
      {"http://localhost:443", "wss://broker.example.com:8443/mqtt", false, kClear, kTls, true, true},
      {"http://127.0.0.1:443", "ws://127.0.0.1:8443/mqtt", false, kClear, kClear, true, true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.base_url) + " and " + row.broker_url +
                 (row.allow_loopback ? ", loopback allowed" : ""));
    Scenario scene;
    scene.api.broker_url = row.broker_url;
    int api_dials = 0, broker_dials = 0;
    scene.world.plan = [&](const Endpoint& endpoint) {
      const bool broker = endpoint.port == 8443;
      ++(broker ? broker_dials : api_dials);
      EXPECT_EQ(endpoint.security, broker ? row.broker_security : row.api_security);
      EXPECT_EQ(endpoint.allow_loopback, broker ? row.loopback_for_broker : row.loopback_for_api);
      return sim::DialPlan{};
    };
    ClientOptions options = Scenario::client_options();
    options.base_url = row.base_url;
    options.allow_loopback = row.allow_loopback;
    options.allow_cleartext_loopback = row.api_security == kClear;
    scene.make(std::move(options));
    EXPECT_TRUE(scene.connect());
    EXPECT_EQ(api_dials, 1);
    EXPECT_EQ(broker_dials, 1);
  }
}

}  // namespace
