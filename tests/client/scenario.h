// A client in the virtual world with its two model servers, and a log of all it told: what most tests of the client
// start from.
#pragma once

#include <axonpush/client.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "sim/model_api.h"
#include "sim/model_broker.h"
#include "sim/world.h"

namespace axonpush::test {

struct Scenario {
  sim::World world;
  sim::ModelApi api;
  sim::ModelBroker broker;
  sim::VirtualHost host;
  std::unique_ptr<Client> client;
  Realtime rt;

  // What was told, in order.
  std::vector<ErrorReport> errors;
  std::vector<ConnectionState> states;
  std::vector<StateChange> changes;
  std::vector<PossibleGap> gaps;
  std::vector<Errc> connect_results;
  Error connect_error;

  explicit Scenario(std::uint64_t seed = 1, std::size_t kept_buffer_bytes = std::size_t{1024} * 1024)
      : world(seed), api(world), broker(world, api), host(world, 1, kept_buffer_bytes) {
    world.listen(443, api.maker());
    world.listen(8443, broker.maker());
    api.broker_url = "wss://broker.example.com:8443/mqtt?x-amz-customauthorizer-name=SECRETQUERYMARKER";
  }
  ~Scenario() {
    rt = Realtime();
    client.reset();
    world.clear();
  }

  [[nodiscard]] static ClientOptions client_options() {
    return {.api_key = "ak_APIKEYMARKER",
            .tenant_id = "org_1",
            .base_url = "https://api.example.com",
            .read_environment = false};
  }
  [[nodiscard]] RealtimeOptions realtime_options() {
    RealtimeOptions options;
    options.refresh_jitter = false;
    options.retry_jitter = false;
    options.on_error = [this](const ErrorReport& report) { errors.push_back(report); };
    options.on_state = [this](const StateChange& change) {
      states.push_back(change.to);
      changes.push_back(change);
    };
    options.on_gap = [this](const PossibleGap& gap) { gaps.push_back(gap); };
    return options;
  }

  void make(ClientOptions options = client_options()) { client = std::make_unique<Client>(host, std::move(options)); }

  // Starts connecting; the result comes into connect_results.
  Status begin(RealtimeOptions options) {
    if (client == nullptr) make();
    return client->connect_realtime(std::move(options), [this](const Result<Realtime>& result) {
      connect_results.push_back(result.error().code());
      connect_error = result.error();
      if (result.ok()) rt = *result;
    });
  }
  // Connects; true when the session is live.
  bool connect() { return connect(realtime_options()); }
  bool connect(RealtimeOptions options) {
    const Status begun = begin(std::move(options));
    if (!begun.ok()) return false;
    const std::size_t before = connect_results.size();
    world.run_until([&] { return connect_results.size() > before; });
    return rt.state() == ConnectionState::live;
  }
  // Subscribes and waits for the broker's word.
  Status subscribe(const SubscribeFilter& filter, EventCallback callback) {
    bool told = false;
    Status outcome;
    const Result<Subscription> made = rt.subscribe(filter, std::move(callback), [&](const Status& status) {
      told = true;
      outcome = status;
    });
    if (!made.ok()) return made.error();
    world.run_until([&] { return told; });
    return told ? outcome : Status(Error(Errc::internal, "nobody told the outcome of subscribe"));
  }
  [[nodiscard]] std::string topic(const std::string& channel, const std::string& rest = "_/_") const {
    return "axonpush/org_1/default/default/" + channel + "/" + rest;
  }
  bool run_until(const std::function<bool()>& condition, Duration limit = minutes(10)) {
    return world.run_until(condition, limit);
  }
};

}  // namespace axonpush::test
