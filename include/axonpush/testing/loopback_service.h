// An AxonPush on 127.0.0.1, in this process: for demos and tests, this project's and its users'. Not for production: it
// keeps everything in memory, knows one tenant and one key, and obeys whoever asks it to misbehave.
//
// It is the HTTPS credentials endpoint (POST and GET /auth/iot-credentials) and an MQTT 5 broker over secure WebSocket
// with the AxonPush topic rules, behind a certificate authority made up at start. A test tells it to misbehave: expire
// the credentials, drop connections, refuse a filter, answer late.
//
//   axonpush::testing::LoopbackService service;
//   axonpush::AxonPush client{{.api_key = service.api_key(), .tenant_id = service.tenant_id(),
//                              .base_url = service.base_url(), .tls = {.ca_pem = service.ca_pem()}}};
//
// It also serves other MQTT 5 clients: connect to broker_url(), trust write_ca_file(), offer the subprotocol `mqtt`,
// and give a credential's authToken, or simply the API key, as user name (any password, any client id).
// Topics are topic_prefix() and five segments; filters the same with `+`, or a trailing `#`.
//
// Thread rule: it runs on a thread of its own; every function may be called from any other thread and is done when it
// returns (a fault is in force for everything that arrives later). Lifetime: the destructor closes every connection and
// ends the thread. Memory: an exhausted heap ends the program.
#pragma once

#include <axonpush/base/result.h>
#include <axonpush/base/time.h>
#include <axonpush/mqtt/reason.h>

#include <string>

namespace axonpush::inline v0::testing {

struct LoopbackOptions {
  std::uint16_t port = 0;          // of the credentials endpoint; 0: any free one
  std::uint16_t broker_port = 0;   // of the broker; 0: any free one
  std::string host = "127.0.0.1";  // what the URLs call it: 127.0.0.1 or localhost, both are in the certificate
  bool cleartext = false;          // http and ws in place of https and wss

  std::string api_key = "ak_loopback_0123456789abcdef";  // "pt_..." is looked for in X-Public-Token instead
  std::string bearer_token = {};                         // accepted in place of the key when not empty
  std::string tenant_id = "org_loopback";
  Duration credentials_lifetime = seconds(3600);
  bool same_client_id = false;     // every fetch gets the same clientId: a swap becomes a takeover
  bool hand_out_client_id = true;  // false: credentials without clientId
  std::string env_slug = {};       // handed out when not empty
  std::string topic_prefix = {};   // empty: "axonpush/" and the tenant
  std::string broker_url = {};     // handed out in place of the own broker's, e.g. mosquitto's
  enum class Methods : std::uint8_t {
    post_and_get,
    post,
    get
  };
  Methods methods = Methods::post_and_get;  // what else is asked gets 405
  Duration clock_skew = {};                 // of the service's wall clock: Date and expiresAt are off by it

  bool topic_rules = true;  // false: any topic of at most eight segments
  // What CONNACK announces and the broker holds its clients to; the defaults are AWS IoT Core's.
  std::uint16_t receive_maximum = 100;
  std::uint32_t packet_bytes_max = 149'504;
  std::uint32_t payload_bytes_max = 128 * 1024;
  std::uint16_t topic_alias_maximum = 8;
  std::uint16_t server_keep_alive = 0;      // seconds; 0: the client's own counts
  std::uint32_t session_expiry_max = 3600;  // seconds
  std::uint32_t filters_per_subscribe_max = 8;
  std::uint32_t subscriptions_max = 50;
  std::uint32_t session_queue_count_max = 100'000;    // messages that wait in one session; more are dropped and counted
  std::uint32_t output_bytes_max = 64 * 1024 * 1024;  // QoS 0 waiting for one slow reader; more is dropped and counted
  std::uint32_t frame_bytes = 0;  // 0: one WebSocket frame for each packet; else frames of this size, cutting packets
};

// What has happened since the start. Those named live_ are how many there are now.
struct LoopbackStats {
  std::uint64_t credentials_requests = 0;
  std::uint64_t credentials_posts = 0;
  std::uint64_t credentials_gets = 0;
  std::uint64_t credentials_issued = 0;
  std::uint64_t credentials_refused = 0;
  std::uint64_t live_http_connections = 0;

  std::uint64_t connections = 0;  // TCP connections to the broker
  std::uint64_t live_connections = 0;
  std::uint64_t upgrades = 0;
  std::uint64_t upgrades_refused = 0;
  std::uint64_t connects = 0;  // CONNECT packets
  std::uint64_t connects_refused = 0;
  std::uint64_t live_clients = 0;  // connections after CONNACK 0x00
  std::uint64_t takeovers = 0;
  std::uint64_t sessions_resumed = 0;
  std::uint64_t live_sessions = 0;
  std::uint64_t disconnects_received = 0;  // DISCONNECT packets
  std::uint64_t disconnects_sent = 0;
  std::uint64_t connections_lost = 0;  // clients that went without DISCONNECT
  std::uint64_t keep_alive_timeouts = 0;
  std::uint64_t protocol_errors = 0;

  std::uint64_t subscribes = 0;  // SUBSCRIBE packets
  std::uint64_t filters_granted = 0;
  std::uint64_t filters_refused = 0;
  std::uint64_t unsubscribes = 0;
  std::uint64_t live_subscriptions = 0;

  std::uint64_t publishes = 0;  // accepted, injected ones included
  std::uint64_t publishes_refused = 0;
  std::uint64_t publishes_dup = 0;  // came with DUP
  std::uint64_t deliveries = 0;     // PUBLISH packets sent, first time
  std::uint64_t redeliveries = 0;   // sent again after a resume
  std::uint64_t deliveries_dropped = 0;
  std::uint64_t pubacks_received = 0;
  std::uint64_t live_unacknowledged = 0;
  std::uint64_t pings = 0;  // PINGREQ packets
  std::uint64_t pongs = 0;  // WebSocket PONG frames
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

// The answers that can be made to wait.
enum class LoopbackAnswer : std::uint8_t {
  credentials,
  upgrade,
  connack,
  suback,
  unsuback,
  puback,
  pingresp,
  delivery
};
inline constexpr std::size_t kLoopbackAnswerCount = 8;

// The segments of a topic behind the prefix, used as they are.
struct LoopbackTopic {
  std::string_view environment = "default";
  std::string_view app_id = "default";
  std::string_view channel_id = {};  // required
  std::string_view event_type = "_";
  std::string_view agent_id = "_";
};

struct LoopbackPublish {
  mqtt::Qos qos = mqtt::Qos::at_least_once;
  std::uint32_t count = 1;  // the same event this many times
};

class LoopbackService {
 public:
  explicit LoopbackService(const LoopbackOptions& options = {});
  ~LoopbackService();
  LoopbackService(const LoopbackService&) = delete;
  LoopbackService& operator=(const LoopbackService&) = delete;

  // Why it could not be started (a port in use, no thread); then nothing else does anything.
  [[nodiscard]] const Status& status() const noexcept;

  // Constant from the start to the end.
  [[nodiscard]] const std::string& base_url() const noexcept;    // "https://127.0.0.1:PORT"
  [[nodiscard]] const std::string& broker_url() const noexcept;  // "wss://127.0.0.1:PORT/mqtt", always the own broker's
  [[nodiscard]] const std::string& ca_pem() const noexcept;      // empty with `cleartext`
  [[nodiscard]] const std::string& api_key() const noexcept;
  [[nodiscard]] const std::string& tenant_id() const noexcept;
  [[nodiscard]] const std::string& topic_prefix() const noexcept;
  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] std::uint16_t broker_port() const noexcept;
  // Writes ca_pem() into a new file in the directory for temporary files, once, and answers its path. stop() removes
  // it.
  [[nodiscard]] Result<std::string> write_ca_file();

  [[nodiscard]] LoopbackStats stats() const;
  // Waits until that counter is `at_least` so much; false when `timeout` came first.
  //   service.wait_until(&LoopbackStats::filters_granted, 1)
  [[nodiscard]] bool wait_until(std::uint64_t LoopbackStats::*counter, std::uint64_t at_least,
                                Duration timeout = seconds(10)) const;
  // The same for a counter that must come down, e.g. live_connections to 0.
  [[nodiscard]] bool wait_until_at_most(std::uint64_t LoopbackStats::*counter, std::uint64_t at_most,
                                        Duration timeout = seconds(10)) const;

  // An event from elsewhere. Answers how many sessions it went to, or topic_invalid, payload_too_large, closed.
  Result<std::uint64_t> publish(std::string_view topic, std::string_view body, const LoopbackPublish& how = {});
  Result<std::uint64_t> publish(const LoopbackTopic& topic, std::string_view body, const LoopbackPublish& how = {});

  // --- Faults
  // --------------------------------------------------------------------------------------------------------- Those
  // with a count are spent one by one, UINT32_MAX never.

  // Every credential handed out so far may not open a connection any more. Open connections live on.
  void expire_now();
  // The next `count` credentials requests are answered with this status and the error envelope that goes with it.
  struct Refusal {
    std::uint16_t status = 503;
    std::uint32_t count = 1;
    std::string retry_after = {};  // the header's value; none when empty
  };
  void refuse_credentials(const Refusal& refusal);
  // The next `count` answers are 200 with this body, whatever it is.
  void replace_credentials(std::string body, std::uint32_t count = 1);
  void credentials_lifetime(Duration lifetime);

  enum class Drop : std::uint8_t {
    reset,  // TCP RST
    end,    // TLS close_notify and FIN, no word before
  };
  void drop_connections(Drop how = Drop::reset);
  // DISCONNECT with this reason to every client, then the close handshake.
  void disconnect_clients(mqtt::ReasonCode reason);
  // A WebSocket Close frame with this code to every client.
  void close_clients(std::uint16_t close_code);
  // A WebSocket PING to every client; the answers are counted in `pongs`.
  void ping_clients();
  // While on, nothing is read from or written to broker connections, as if the cable were out.
  void freeze(bool frozen);
  // Forgets the sessions of clients that are not connected: their next CONNECT finds Session Present 0.
  void forget_sessions();

  // The next `count` upgrades are answered with this HTTP status.
  void refuse_upgrade(std::uint16_t status, std::uint32_t count = 1);
  // The next `count` CONNECTs are answered with this reason.
  void fail_next_connack(mqtt::ReasonCode reason, std::uint32_t count = 1);
  // Filters that contain `part` are refused with this reason, `count` times. An empty part is in every filter.
  void refuse_filter(std::string part, mqtt::ReasonCode reason, std::uint32_t count = UINT32_MAX);
  void allow_filters();  // takes all refuse_filter back
  // The next `count` QoS 1 publishes are answered with this reason and go nowhere.
  void refuse_publish(mqtt::ReasonCode reason, std::uint32_t count = 1);
  // The connection of the next `count` SUBSCRIBEs is reset before anything is granted.
  void kill_before_suback(std::uint32_t count = 1);
  // The connection of the next `count` QoS 1 publishes is reset after the event went out, before its PUBACK.
  void kill_before_puback(std::uint32_t count = 1);
  // The next `count` deliveries are sent twice, or not at all.
  void duplicate_deliveries(std::uint32_t count);
  void lose_deliveries(std::uint32_t count);
  // PINGREQ is not answered any more, or again.
  void ignore_pings(bool ignored);

  // Answers wait this long before they are sent: all of them, or one kind. Zero: at once again.
  void delay(Duration wait);
  void delay(LoopbackAnswer answer, Duration wait);
  void delay_suback(Duration wait) { delay(LoopbackAnswer::suback, wait); }

  // Closes every connection, ends the thread, removes the file. Idempotent.
  void stop();

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace axonpush::inline v0::testing
