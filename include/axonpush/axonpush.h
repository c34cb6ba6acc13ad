// AxonPush and RealtimeClient: the blocking facade, with a thread of its own that drives the loop, for programs that
// just want it to work.
//
//   axonpush::AxonPush client{{.api_key = "ak_...", .tenant_id = "org_..."}};
//   auto rt = client.connect_realtime();
//   if (!rt.ok()) return 1;
//   auto sub = rt->subscribe({.channel_id = "ch_1"}, [](const axonpush::Event& event) { ... });
//   auto ack = rt->publish({.channel_id = "ch_1", .identifier = "hello", .payload = {{"text", "hi"}}});
//   rt->disconnect();
//
// Thread rule: every function from any thread. Callbacks run on the facade's own thread. Inside a callback publish,
// subscribe, unsubscribe and disconnect start the work and answer at once (ok means accepted); wait and
// connect_realtime there answer would_deadlock.
#pragma once

#include <axonpush/client.h>

namespace axonpush::inline v0 {

class FacadeCore;

// A small copyable handle on the session, like Realtime.
class RealtimeClient {
 public:
  RealtimeClient() noexcept = default;
  RealtimeClient(const RealtimeClient& other) noexcept;
  RealtimeClient(RealtimeClient&& other) noexcept;
  RealtimeClient& operator=(RealtimeClient other) noexcept;
  ~RealtimeClient();

  // Answers when the broker has granted the filter.
  [[nodiscard]] Result<Subscription> subscribe(const SubscribeFilter& filter, EventCallback callback) noexcept;
  [[nodiscard]] Result<Subscription> subscribe_raw(const SubscribeFilter& filter, EventCallback callback) noexcept;
  // Once this has returned no callback of the subscription runs or starts.
  Status unsubscribe(Subscription subscription) noexcept;
  Status unsubscribe(const SubscribeFilter& filter) noexcept;
  [[nodiscard]] Result<EventHandler> on_event(EventCallback callback) noexcept;
  Status off_event(EventHandler handler) noexcept;

  // Answers with PUBACK at QoS 1, when handed to the transport at QoS 0.
  Result<Published> publish(const Message& message, PublishOptions options = {}) noexcept;
  Result<Published> publish_raw(const RawMessage& message, PublishOptions options = {}) noexcept;
  // Does not wait; `done` runs on the facade's thread.
  [[nodiscard]] Status publish_async(const Message& message, PublishCompletion done = {},
                                     PublishOptions options = {}) noexcept;

  // Answers when everything has been drained and closed; the last callback has returned by then.
  Status disconnect() noexcept;
  // Answers when the session has ended, or after `timeout` (connect_timeout is not an error of the session:
  // ack_timeout).
  Status wait(Duration timeout = Duration::max()) noexcept;

  [[nodiscard]] ConnectionState state() const noexcept;
  [[nodiscard]] Stats stats() const noexcept;
  // A copy of the histograms; false when they are off.
  [[nodiscard]] bool latency(LatencyStats& into) const noexcept;

 private:
  friend class AxonPush;
  friend class FacadeCore;
  RealtimeClient(FacadeCore* core, std::uint64_t session) noexcept;
  FacadeCore* core_ = nullptr;
  std::uint64_t session_ = 0;
};

class AxonPush {
 public:
  // Never fails: error() tells what was wrong, every later call answers it, and nothing is sent.
  explicit AxonPush(ClientOptions options = {}) noexcept;
  // Ends the session as Client's destructor does, and the thread. Inside a callback of its own the thread ends by
  // itself when the callback has returned.
  ~AxonPush();
  AxonPush(const AxonPush&) = delete;
  AxonPush& operator=(const AxonPush&) = delete;

  [[nodiscard]] const Error& error() const noexcept;
  [[nodiscard]] Result<RealtimeClient> connect_realtime(RealtimeOptions options = {}) noexcept;

 private:
  FacadeCore* core_ = nullptr;
  Error error_;
};

}  // namespace axonpush::inline v0
