// One client in the storm: session after session over the whole public API, publishing, being fed, swapping, and what
// its ledger says of each.
#pragma once

#include <axonpush/client.h>
#include <axonpush/net/reactor.h>
#include <axonpush/net/tls.h>
#include <axonpush/trace.h>

#include <memory>
#include <string>

#include "interop/plain_mqtt.h"
#include "interop/storm_ledger.h"
#include "interop/storm_proxy.h"

namespace interop {

// What all clients have in common, and what they add up to.
struct StormWorld {
  axonpush::net::Reactor& reactor;
  axonpush::net::TlsContext& tls;
  StormProxy& proxy;
  PlainMqtt& feeder;
  std::string api_key = {}, tenant_id = {};
  std::uint16_t service_port = 0;  // the proxy's
  std::uint16_t broker_port = 0;
  std::uint64_t seed = 0;
  std::int64_t rate_per_mille = 1'000;  // of the usual traffic
  bool trace = false;                   // of sessions in which something was broken
  bool stopping = false;                // every session comes to its end, and no other begins

  Totals totals = {};
  axonpush::Stats stats = {};  // sums over all sessions that ended
  std::uint64_t sessions = 0;
  std::uint64_t connects_failed = 0;
  std::uint64_t calm_swaps = 0;
  std::uint64_t calm_gaps = 0;
  std::uint64_t takeover_swaps = 0;
  std::uint64_t publishes_witnessed_late = 0;
  std::vector<std::string> findings = {};
};

class StormClient final : axonpush::net::Timer, axonpush::TraceSink {
 public:
  StormClient(StormWorld& world, std::size_t number, const Terms& terms);
  ~StormClient();

  void begin_at(Instant at) { world_.reactor.arm(*this, at); }
  [[nodiscard]] bool done() const { return stage_ == Stage::done; }
  // Swaps of this client, those of its running session included.
  [[nodiscard]] std::uint64_t swaps() const;
  void witnessed(std::string_view channel, int qos, std::size_t publish);
  [[nodiscard]] std::string describe() const;

 private:
  enum class Stage : std::uint8_t {
    resting,     // next: connecting, done
    connecting,  // CONNACK and SUBACKs are awaited. next: running, leaving, resting
    running,     // next: settling
    settling,    // what is under way comes to its end. next: leaving
    leaving,     // disconnect() was called. next: resting, done
    done,
  };

  void on_timer(Instant now) noexcept override;
  void record(const axonpush::TraceRecord& record) noexcept override;
  void begin(Instant now);
  void connected(const axonpush::Result<axonpush::Realtime>& result);
  void subscribe();
  void traffic(Instant now);
  void publish(Instant now);
  void feed(Instant now);
  void settle(Instant now);
  void leave(Instant now);
  void end(Instant now);
  void told(const axonpush::ErrorReport& report);
  void credentials(axonpush::CredentialsAnswer& answer);
  void received(const axonpush::Event& event);
  [[nodiscard]] axonpush::ClientOptions client_options();
  [[nodiscard]] axonpush::RealtimeOptions realtime_options();
  [[nodiscard]] Duration pause(bool dense);
  void print_trace() const;
  void enter(Stage stage, Instant deadline);

  StormWorld& world_;
  std::size_t number_;
  Terms terms_;
  Random random_;
  Stage stage_ = Stage::resting;
  Instant deadline_ = Instant::never();  // of the stage
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<axonpush::Client> client_;
  axonpush::Realtime session_;
  std::string channel_;
  std::size_t life_ = 0;
  std::size_t filters_ = 0;
  std::size_t granted_ = 0;
  axonpush::Stats last_stats_;
  std::uint64_t swaps_before_ = 0;
  Instant publish_at_, feed_at_, refresh_at_, leave_at_ = Instant::never();
  Instant dense_until_;
  Instant fetched_at_;
  axonpush::FlightRecorder recorder_;
  std::uint64_t active_ = 0;  // the connection, as the trace names it
  bool fetched_ = false;
  bool refused_ = false;  // the first connect was
  bool left_ = false;
};

}  // namespace interop
