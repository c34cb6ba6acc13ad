// Client and Realtime: AxonPush on the caller's own loop. Nothing here blocks, and no thread is started but the
// resolver's.
//
//   net::Reactor reactor;
//   net::TlsContext tls{{}};
//   Client client(reactor, tls, {.api_key = "ak_...", .tenant_id = "org_..."});
//   client.connect_realtime({}, [](const Result<Realtime>& rt) { ... });
//   reactor.run();
//
// Thread rule: every function on the loop's thread; other threads go through reactor.post(). Callbacks run inside loop
// turns, never inside the call that caused them, and never nested. They may call everything, destruction included.
// Source: the product's realtime page; CONTRACT sections 3 to 6.
#pragma once

#include <axonpush/event.h>
#include <axonpush/options.h>
#include <axonpush/payload.h>
#include <axonpush/stats.h>

namespace axonpush::inline v0 {

namespace net {
class Reactor;
class TlsContext;
}  // namespace net

class Host;
class ClientCore;

// Which events a subscription wants. An empty member matches everything in its place; an empty `environment` means the
// session's, and "+" all of them. `trace_id` is a predicate on the event's own traceId.
struct SubscribeFilter {
  std::string_view channel_id = {};
  std::string_view app_id = {};
  std::string_view environment = {};
  std::string_view event_type = {};
  std::string_view agent_id = {};
  std::string_view trace_id = {};
};

// What is published. The views need to live only until publish returns: the message is serialised in that call.
struct Message {
  std::string_view channel_id = {};  // required
  std::string_view app_id = {};
  std::string_view identifier = {};  // required
  Payload payload = {};              // a JSON object, required
  std::string_view agent_id = {};
  std::string_view trace_id = {};
  std::string_view event_type = {};
  std::string_view environment = {};
};

// Where raw bytes are published: the topic's members as for Message, the body as it is.
struct RawMessage {
  std::string_view channel_id = {};  // required
  std::string_view app_id = {};
  std::string_view agent_id = {};
  std::string_view event_type = {};
  std::string_view environment = {};
  Bytes body = {};
};

struct PublishOptions {
  enum class Delivery : std::uint8_t {
    session_default,
    at_most_once,
    at_least_once,
    exactly_once
  };
  Delivery qos = Delivery::session_default;  // exactly_once is refused with qos_not_supported: AWS IoT Core has none
};

// What became of a publish. QoS 1: PUBACK came. QoS 0: handed to the transport.
struct Published {
  mqtt::ReasonCode reason_code = mqtt::ReasonCode::success;
  // The broker said that nobody was subscribed (0x10); that is success.
  [[nodiscard]] bool no_subscribers() const noexcept {
    return reason_code == mqtt::ReasonCode::no_matching_subscribers;
  }
};

// Small copyable values. Destroying one does nothing; ScopedSubscription is the one that unsubscribes.
struct Subscription {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  // 0: none
  std::uint64_t session = 0;
};
struct EventHandler {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  std::uint64_t session = 0;
};

using EventCallback = Callback<void(const Event&)>;
using Completion = Callback<void(const Status&)>;
using PublishCompletion = Callback<void(const Result<Published>&)>;

// A live session; a small copyable handle. Every call on a session that ended answers `closed`.
class Realtime {
 public:
  Realtime() noexcept = default;
  Realtime(const Realtime& other) noexcept;
  Realtime(Realtime&& other) noexcept;
  Realtime& operator=(Realtime other) noexcept;
  ~Realtime();

  // Registers the callback at once; `done` tells when the broker has granted the filter, or why not. The subscription
  // is kept through swaps and reconnects until it is taken off.
  [[nodiscard]] Result<Subscription> subscribe(const SubscribeFilter& filter, EventCallback callback,
                                               Completion done = {}) noexcept;
  // The same, for bodies that need not be JSON: the callback gets every body unread.
  [[nodiscard]] Result<Subscription> subscribe_raw(const SubscribeFilter& filter, EventCallback callback,
                                                   Completion done = {}) noexcept;
  // Takes off one callback, or all of a filter's. No callback of it starts once this returns. The last one of a filter
  // sends UNSUBSCRIBE; `done` tells when the broker has confirmed. Twice is fine.
  Status unsubscribe(Subscription subscription, Completion done = {}) noexcept;
  Status unsubscribe(const SubscribeFilter& filter, Completion done = {}) noexcept;
  // Every JSON event of every subscription.
  [[nodiscard]] Result<EventHandler> on_event(EventCallback callback) noexcept;
  Status off_event(EventHandler handler) noexcept;

  // What cannot be sent is refused here; `done` then never runs. Otherwise it runs exactly once.
  [[nodiscard]] Status publish(const Message& message, PublishCompletion done = {},
                               PublishOptions options = {}) noexcept;
  [[nodiscard]] Status publish_raw(const RawMessage& message, PublishCompletion done = {},
                                   PublishOptions options = {}) noexcept;

  // Idempotent, in every state. No event callback starts from now on; pending completions run once each; `done` is the
  // last callback of the session.
  Status disconnect(Completion done = {}) noexcept;

  [[nodiscard]] ConnectionState state() const noexcept;
  [[nodiscard]] Stats stats() const noexcept;
  // nullptr when RealtimeOptions::latency_histograms is off. Valid until the loop's next turn.
  [[nodiscard]] const LatencyStats* latency() const noexcept;
  // Tells sessions of one client apart.
  [[nodiscard]] std::uint64_t session() const noexcept { return session_; }
  // Tells on_error of a failure in what the program does with its events, in the next turn, as it tells of a callback
  // that threw: for coroutines and other adapters. Beyond 16 in one turn they are counted only.
  void report(const Error& error) noexcept;
  // Starts a refresh now. Refused with `quota` while a refresh or a reconnect is under way, less than 5 s after the
  // last one began, and while a Retry-After or a conflict over the client id runs: then the error's retry_after() and
  // its sentence say when it may.
  Status refresh_now() noexcept;

 private:
  friend class ClientCore;
  Realtime(ClientCore* core, std::uint64_t session) noexcept;
  ClientCore* core_ = nullptr;
  std::uint64_t session_ = 0;
};

class Client {
 public:
  // Never fails: error() tells what was wrong, every later call answers it, and nothing is sent.
  // `reactor` and `tls` outlive the client.
  Client(net::Reactor& reactor, net::TlsContext& tls, ClientOptions options) noexcept;
  // On a host of one's own: the simulator's, or a loop that is not the Reactor. `host` outlives the client.
  Client(Host& host, ClientOptions options) noexcept;
  // Ends the session at once: connections are closed without ceremony and no callback follows. disconnect() first for a
  // graceful end.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] const Error& error() const noexcept;

  // Done when CONNACK 0x00 has arrived; a failure on the way is the completion's, and nothing is retried behind the
  // caller's back. Calls while one is connecting share it (with other options: invalid_argument). While a session lives
  // the same session is given; after disconnect a new one.
  Status connect_realtime(RealtimeOptions options, Callback<void(const Result<Realtime>&)> done) noexcept;

 private:
  ClientCore* core_ = nullptr;
  Host* owned_host_ = nullptr;
  void (*destroy_host_)(Host*) noexcept = nullptr;
  Error error_;
};

// Unsubscribes when it goes out of scope.
class ScopedSubscription {
 public:
  ScopedSubscription() noexcept = default;
  ScopedSubscription(Realtime session, Subscription subscription) noexcept
      : session_(static_cast<Realtime&&>(session)), subscription_(subscription) {}
  ScopedSubscription(ScopedSubscription&& other) noexcept
      : session_(other.session_), subscription_(std::exchange(other.subscription_, Subscription{})) {}
  ScopedSubscription& operator=(ScopedSubscription&& other) noexcept {
    if (this == &other) return *this;
    reset();
    session_ = other.session_;
    subscription_ = std::exchange(other.subscription_, Subscription{});
    return *this;
  }
  ScopedSubscription(const ScopedSubscription&) = delete;
  ScopedSubscription& operator=(const ScopedSubscription&) = delete;
  ~ScopedSubscription() { reset(); }
  void reset() noexcept {
    if (subscription_.generation != 0) static_cast<void>(session_.unsubscribe(subscription_));
    subscription_ = {};
  }

 private:
  Realtime session_;
  Subscription subscription_;
};

}  // namespace axonpush::inline v0
