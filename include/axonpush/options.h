// What a program may say about a client and its realtime session: aggregates whose every member has a default, so that
// a program names only what it wants: `{.api_key = "...", .tenant_id = "..."}`.
//
// Lifetime: strings are owned; callbacks live as long as the session. Thread rule: values; the callbacks run on the
// loop's thread (the facade's own thread for AxonPush). Sources: the product's configuration and realtime pages.
#pragma once

#include <axonpush/base/callback.h>
#include <axonpush/base/error.h>
#include <axonpush/base/time.h>
#include <axonpush/base/tls_options.h>
#include <axonpush/limits.h>
#include <axonpush/mqtt/reason.h>

#include <string>

namespace axonpush::inline v0 {

class TraceSink;
struct TraceRecord;

using mqtt::Qos;

// How credentials are asked for. The product's SDKs send POST, its published description says GET.
enum class CredentialsMethod : std::uint8_t {
  post_then_get,
  post,
  get
};

// The answer of a credentials source: the JSON body of the credentials endpoint, or an error. `retry_after` of the
// error is honoured. Call it once, on the loop's thread; a late call after the session ended does nothing.
class CredentialsAnswer {
 public:
  virtual void body(std::string_view json) noexcept = 0;
  virtual void failed(const Error& error) noexcept = 0;

 protected:
  ~CredentialsAnswer() = default;
};

struct ClientOptions {
  std::string api_key = {};             // AXONPUSH_API_KEY; "ak_..." goes out as X-API-Key, "pt_..." as X-Public-Token
  std::string bearer_token = {};        // a JWT, used when there is no api_key
  std::string tenant_id = {};           // AXONPUSH_TENANT_ID or AXONPUSH_ORG_ID; x-tenant-id
  std::string app_id = {};              // AXONPUSH_APP_ID; the default app of publish
  std::string channel_id = {};          // AXONPUSH_CHANNEL_ID; the default channel of the tool
  std::string base_url = {};            // AXONPUSH_BASE_URL; https://api.axonpush.xyz
  std::string environment = {};         // AXONPUSH_ENVIRONMENT; X-Axonpush-Environment and the realtime default
  Duration timeout = Duration::zero();  // AXONPUSH_TIMEOUT, in seconds there; zero: 30 s. One HTTP attempt
  std::uint32_t max_retries = UINT32_MAX;  // AXONPUSH_MAX_RETRIES; UINT32_MAX: 3. Retries after the first attempt
  // The other waits of the credentials' request, each from 1 ms to 1 h. Those of one attempt end with `timeout` too.
  Duration fetch_timeout = limits::kFetchTimeout;          // all attempts of one fetch and the waits between them
  Duration resolve_timeout = limits::kResolveTimeout;      // the look-up of the name
  Duration connect_timeout = limits::kConnectTimeout;      // TCP, over all addresses of the name; 10 s at most
  Duration handshake_timeout = limits::kHandshakeTimeout;  // TLS
  Duration head_timeout = limits::kHttpHeadTimeout;        // from the request to the end of the answer's head
  bool read_environment = true;                            // false: no environment variable is looked at
  bool allow_cleartext_loopback = false;                   // http and ws, for loopback hosts only
  bool allow_loopback = false;                             // a public name may resolve to loopback (tests)
  std::string connect_address = {};         // an IP literal to dial in place of the API host's name (tests)
  std::string broker_connect_address = {};  // the same for the broker's name
  std::string allowed_hosts = {};  // comma-separated suffixes the broker's host must end in; empty: any public name
  CredentialsMethod credentials_method = CredentialsMethod::post_then_get;
  // Asked before every fetch in place of HTTPS. Runs on the loop's thread.
  Callback<void(CredentialsAnswer&)> credentials_source = {};
  // Tracing headers of the credentials request, sent when not empty.
  std::string trace_id = {}, span_id = {}, traceparent = {}, baggage = {};
  TlsOptions tls = {};         // used by AxonPush; a Client takes a TlsContext instead
  TraceSink* trace = nullptr;  // trace.h; outlives the client
  // The same records as a callback, those of single packets apart: told in turns like every other, so it may call
  // everything. What it throws is counted. For flight recorders `trace` is the cheaper one.
  Callback<void(const TraceRecord&)> on_trace = {};
};

// What on_error is told. The views live until the callback returns.
struct ErrorReport {
  Error error = {};
  std::string_view subject = {};  // the filter, topic or host at fault; never a secret
  std::uint32_t attempt = 0;      // of a refresh or reconnect: 1 for the first; 0: not an attempt
  Duration next_delay = {};       // until the next attempt; zero when there is none
};

enum class ConnectionState : std::uint8_t {
  idle,          // next: connecting, closed
  connecting,    // the first attempt. next: live, closed
  live,          // one connection delivers and publishes. next: refreshing, waiting, draining
  refreshing,    // the same, while a second one is being made ready. next: live, waiting, draining
  waiting,       // no connection; the next attempt is at StateChange::next_attempt. next: reconnecting, draining
  reconnecting,  // no connection; an attempt is under way. next: live, waiting, draining
  draining,      // disconnect was called. next: closed
  closed,        // the end
};
[[nodiscard]] std::string_view name_of(ConnectionState state) noexcept;

struct StateChange {
  ConnectionState from = ConnectionState::idle;
  ConnectionState to = ConnectionState::idle;
  Error reason = {};  // why, when something failed
  Instant next_attempt = Instant::never();
};

// The session could not be resumed over a reconnect or a takeover, or another process had it meanwhile, or a swap left
// a connection behind from which not even PINGRESP came any more, or the broker refused for a while a filter that had
// stood: events that the broker took between the two instants may be missing. It begins where the last request that was
// answered went out: up to a keep alive before the last byte, and earlier where keep alive is off, a Receive Maximum is
// always used up, or a resumed session is still being replayed. It ends where every subscription stood again. A broker
// of many nodes needs a moment from one to the other: whoever fetches the missing ones from elsewhere adds it on both
// sides.
struct PossibleGap {
  Instant from = {};
  Instant to = {};
};

struct RealtimeOptions {
  std::string environment =
      {};  // default environment of topics; else ClientOptions::environment, else the credentials' slug
  Duration credentials_refresh_lead = limits::kRefreshLead;  // 1 s to 24 h
  Callback<void(const ErrorReport&)> on_error = {};
  Callback<void(const StateChange&)> on_state = {};
  Callback<void(const PossibleGap&)> on_gap = {};

  Qos qos = Qos::at_least_once;  // default of publish and subscribe
  std::string subprotocols = "mqtt, mqttv5.0";
  Duration keep_alive = limits::kKeepAlive;  // 0 (off), or 1 to 65,535 s
  // Every wait has a deadline, counted from where the wait begins: from 1 ms to 1 h, the first two from 0.
  Duration swap_grace = limits::kOverlapGrace;             // both connections of a swap deliver
  Duration drain_timeout = limits::kDrainTimeout;          // for the PUBACKs of what is under way
  Duration dial_timeout = limits::kDialTimeout;            // the whole of an attempt: name to CONNACK
  Duration resolve_timeout = limits::kResolveTimeout;      // of that, the look-up of the broker's name
  Duration connect_timeout = limits::kConnectTimeout;      // TCP, over all addresses of the name; 10 s at most
  Duration handshake_timeout = limits::kHandshakeTimeout;  // TLS
  Duration upgrade_timeout = limits::kUpgradeTimeout;      // the WebSocket's handshake
  Duration connack_timeout = limits::kConnackTimeout;      // CONNECT to CONNACK
  Duration suback_timeout = limits::kSubackTimeout;        // SUBSCRIBE to SUBACK, UNSUBSCRIBE to UNSUBACK
  Duration puback_timeout = limits::kPubackTimeout;        // PUBLISH to PUBACK
  Duration pingresp_timeout = limits::kPingrespTimeout;    // PINGREQ to anything; never over half the keep alive
  Duration packet_timeout = limits::kPacketTimeout;        // the rest of a packet or frame that has begun to come
  Duration close_timeout = limits::kCloseTimeout;          // our last bytes after a broken protocol or their Close
  Duration old_read_timeout = limits::kOldReadTimeout;     // the peer's last words and Close after our DISCONNECT
  bool refresh_jitter = true;                              // false: the refresh starts exactly `lead` before expiry
  bool retry_jitter = true;         // false: the refresh ladder is exactly 5, 15, 30, 60, 60, ... s
  bool ordered_swap = false;        // the new connection publishes only after the old one's PUBACKs
  bool latency_histograms = false;  // stats.h
  std::uint16_t receive_maximum = limits::kMqttReceiveMaximum;
  std::uint32_t packet_bytes_max = limits::kMqttPacketBytes;
  std::uint32_t publish_queue_count = limits::kPublishQueueCount;
  std::uint32_t publish_queue_bytes = limits::kPublishQueueBytes;
  std::uint32_t publish_payload_bytes = limits::kPublishPayloadBytes;
  std::uint16_t subscriptions_max = limits::kSubscriptionsMax;
};

}  // namespace axonpush::inline v0
