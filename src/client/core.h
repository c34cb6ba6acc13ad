// The shell around the refresh machine: it owns the two connections, the fetch, the wanted subscriptions, the accepted
// publishes and the callbacks, runs the machine's actions and feeds it what happened.
//
// One ClientCore per Client; it outlives the Client while handles on it exist or while one of its functions is on the
// stack. Callbacks run inside turns only (entered through EntryGuard or turn()), never from an API call, never nested.
// Parts: core.cc (life, machine), core_subscriptions.cc, core_publish.cc, core_events.cc. Thread rule: the loop's
// thread.
#pragma once

#include <axonpush/client.h>
#include <axonpush/credentials.h>
#include <axonpush/mqtt/session.h>
#include <axonpush/refresh.h>
#include <axonpush/trace.h>

#include "base/content_hash.h"
#include "base/lazy_vec.h"
#include "base/slots.h"
#include "client/config.h"
#include "client/dedup.h"
#include "client/fetch.h"
#include "client/link.h"
#include "client/publishes.h"
#include "client/topic_memo.h"
#include "event/dispatch.h"

namespace axonpush::inline v0 {

class ClientCore final : public Driven,
                         private Entry,
                         private Link::Owner,
                         private Fetch::Owner,
                         private CredentialsAnswer {
 public:
  // nullptr: no memory. The caller holds one reference.
  [[nodiscard]] static ClientCore* create(Host& host, ClientOptions options) noexcept;
  void retain() noexcept { ++references_; }
  void release() noexcept;
  // The Client is going: everything is closed without ceremony, no callback follows.
  void abandon() noexcept;

  [[nodiscard]] const Error& error() const noexcept { return config_error_; }
  Status connect(RealtimeOptions options, Callback<void(const Result<Realtime>&)> done) noexcept;

  // The calls of Realtime. `session` is the generation of the handle: another one answers `closed`.
  enum class Body : std::uint8_t {
    json,
    raw
  };
  [[nodiscard]] Result<Subscription> subscribe(std::uint64_t session, const SubscribeFilter& filter,
                                               EventCallback callback, Completion done, Body body) noexcept;
  Status unsubscribe(std::uint64_t session, Subscription subscription, Completion done) noexcept;
  Status unsubscribe(std::uint64_t session, const SubscribeFilter& filter, Completion done) noexcept;
  [[nodiscard]] Result<EventHandler> on_event(std::uint64_t session, EventCallback callback) noexcept;
  Status off_event(std::uint64_t session, EventHandler handler) noexcept;
  [[nodiscard]] Status publish(std::uint64_t session, const Message& message, PublishCompletion done,
                               PublishOptions options) noexcept;
  [[nodiscard]] Status publish_raw(std::uint64_t session, const RawMessage& message, PublishCompletion done,
                                   PublishOptions options) noexcept;
  Status disconnect(std::uint64_t session, Completion done) noexcept;
  Status refresh_now(std::uint64_t session) noexcept;
  void report_later(std::uint64_t session, const Error& error) noexcept;
  [[nodiscard]] ConnectionState state(std::uint64_t session) const noexcept;
  [[nodiscard]] const Stats& stats() const noexcept { return stats_; }
  [[nodiscard]] const LatencyStats* latency() const noexcept { return latency_; }

  [[nodiscard]] Instant deadline() const noexcept override;
  void turn(Instant now) noexcept override;

 private:
  static constexpr std::uint8_t kNoConnection = 2;
  static constexpr std::size_t kConnections = 2;  // FAULTS I-12
  static constexpr std::size_t kBatches = 32;     // SUBSCRIBE and UNSUBSCRIBE packets in flight
  static constexpr std::size_t kConnectWaiters = 16;
  static constexpr std::size_t kDisconnectWaiters = 16;
  static constexpr std::size_t kReports = 16;

  // One of the two connections, with the MQTT session that lives on it. The session outlives a lost connection.
  struct Connection {
    Connection(ClientCore& core, const mqtt::ClientTerms& terms) noexcept;
    mqtt::Session session;
    Link link;
    FixedText<limits::kMqttClientIdBytes> client_id;
    std::uint32_t epoch = 0;    // counts CONNACKs; for the memory of delivered events
    std::uint64_t written = 0;  // QoS 0 publishes with a completion that went into the cork, ever
    std::uint64_t handed = 0;   // of those, how many have been handed to the transport
    bool publishes_in_cork = false;
    bool has_session = false;  // the broker has had a session for client_id
    bool in_doubt = false;     // and may have begun another one since, or somebody else had it meanwhile
    bool stood = true;         // since the session began, all its subscriptions have stood once
  };

  // What the broker has said of a filter, per connection.
  enum class Grant : std::uint8_t {
    none,
    pending,
    granted,
    refused,
    leaving,
    unknown  // asked for or taken off, and the connection ended before the answer
  };

  struct Filter {
    FixedText<limits::kTopicOutBytes> topic_filter;
    std::uint32_t listeners = 0;
    Grant grants[kConnections] = {Grant::none, Grant::none};
    // Asked for anew on a session that may hold it already: a refusal of that leaves it in doubt.
    bool may_stand[kConnections] = {false, false};
    mqtt::ReasonCode refused_with = mqtt::ReasonCode::success;
    std::uint8_t refusals = 0;      // in a row with the same reason, on new connections
    bool slug_environment = false;  // nobody named an environment: the credentials' slug of its creation stands in it
    bool lost = false;              // refused three times while it was live elsewhere: no longer asked for
    bool established = false;       // somebody has been told that it is granted
    Instant retry_at = Instant::never();
    // The connection that serves has it not, although it stood, or will have been told to: what is missing of it since
    // then is told when it stands again.
    Instant missing_since = Instant::never();
    [[nodiscard]] Grant after_refusal(std::uint8_t connection) const noexcept {
      return may_stand[connection] ? Grant::unknown : Grant::none;
    }
  };

  // One callback of one filter, or (filter == kNoSlot) an on_event handler.
  struct Listener {
    EventCallback callback;
    Completion done;  // until the broker has granted the filter
    FixedText<limits::kHeaderOptionBytes> trace_id;
    DispatchHandle dispatch;
    std::uint32_t filter = kNoSlot;
    std::uint32_t generation = 0;
    std::uint32_t next_handler = kNoSlot;
    Body body = Body::json;
    bool waiting = false;  // the broker has not granted the filter yet
    bool removed = false;  // taken off; the slot is freed when no dispatch runs
  };

  // An UNSUBSCRIBE somebody waits for.
  struct Waiter {
    Completion done;
    std::uint32_t filter = kNoSlot;
  };

  // A SUBSCRIBE or UNSUBSCRIBE in flight; its index is the token.
  struct Batch {
    std::uint32_t filters[limits::kFiltersPerSubscribe] = {};
    std::uint8_t count = 0;  // 0: free
    std::uint8_t connection = 0;
    bool unsubscribe = false;
  };

  ClientCore(Host& host) noexcept;
  ~ClientCore();

  // --- core.cc
  void enter() noexcept override;
  void leave() noexcept override;
  [[nodiscard]] bool in_entry() const noexcept { return entries_ != 0; }
  [[nodiscard]] bool usable(std::uint64_t session) const noexcept;
  void after_entry(Instant now) noexcept;
  void free_if_unused() noexcept;
  void run_deadlines(Instant now) noexcept;

  // From inside a callback an input waits until the callback has returned.
  void feed(const refresh::Input& input, const Error& error = Error{}) noexcept;
  void drain_inputs() noexcept;
  void run_actions(const refresh::State& before, std::uint32_t actions, const Error& error) noexcept;
  void start_fetch() noexcept;
  enum class Credit : std::uint8_t {
    fresh,    // fetched for this dial
    at_hand,  // from before
  };
  void start_dial(Credit credit) noexcept;
  [[nodiscard]] bool about_to_take_over() noexcept;
  void connect_candidate(Instant now) noexcept;
  // How a second copy of an event without an id is told from another event that is equal to it.
  enum class Twins : std::uint8_t {
    by_content,    // two sessions: by topic and body, one to one between the connections
    by_packet_id,  // one session, handed over: what is sent again has DUP, and its packet identifier still
  };
  void begin_dedup(Twins twins) noexcept;
  void end_dedup() noexcept;
  void start_restore() noexcept;
  void activate() noexcept;
  void drop_candidate() noexcept;
  void doubt_session(std::uint8_t connection) noexcept;
  void begin_drain() noexcept;
  void end_retiring() noexcept;
  void begin_close() noexcept;
  void check_drained() noexcept;
  void finish() noexcept;
  void finish_if_quiet() noexcept;
  [[nodiscard]] Status start_histograms() noexcept;
  void complete_connect(const Error& error, std::size_t count) noexcept;
  void note_state(const Error& reason) noexcept;
  void report(const Error& error, std::string_view subject, std::uint32_t attempt, Duration next_delay) noexcept;
  void report_gap(Instant from, Instant to) noexcept;
  void forget_session() noexcept;
  void trace(TraceKind kind, std::uint64_t connection, std::uint32_t number, Errc error,
             std::uint32_t size = 0) noexcept;
  void tell_traces() noexcept;
  [[nodiscard]] std::uint32_t draw() noexcept;
  [[nodiscard]] mqtt::ClientTerms terms() const noexcept;
  [[nodiscard]] Connection& at(std::uint8_t index) noexcept { return *connections_[index]; }
  [[nodiscard]] std::uint8_t index_of(const Link& link) const noexcept;
  [[nodiscard]] ConnectionState mapped_state() const noexcept;

  void on_credentials(Credentials credentials, Duration life_left, Instant sent_at) noexcept override;
  void on_fetch_failed(const Error& error) noexcept override;
  void on_clock_skew() noexcept override { ++stats_.clock_skewed; }
  void on_link_traced(Link& link, TraceKind kind, std::uint32_t number, std::size_t size) noexcept override;
  [[nodiscard]] ConnectionId next_connection_id() noexcept override;
  void body(std::string_view json) noexcept override;
  void failed(const Error& error) noexcept override;
  [[nodiscard]] Error check_broker(const Credentials& credentials) const noexcept;
  [[nodiscard]] bool take_identity(const Credentials& credentials) noexcept;
  [[nodiscard]] std::uint8_t choose_connection() noexcept;

  void before_connack(Link& link) noexcept override;
  void on_link_up(Link& link) noexcept override;
  void on_link_ended(Link& link, const Link::End& end) noexcept override;

  // --- core_subscriptions.cc
  void on_link_subscribed(Link& link, std::uint32_t token, Bytes reasons) noexcept override;
  void on_link_unsubscribed(Link& link, std::uint32_t token, Bytes reasons) noexcept override;
  [[nodiscard]] Result<std::uint32_t> filter_of(const SubscribeFilter& filter) noexcept;
  [[nodiscard]] std::uint32_t find_filter(std::string_view topic_filter) const noexcept;
  void remove_listener(std::uint32_t listener) noexcept;
  void remove_listeners_of(std::uint32_t filter, std::string_view trace_id) noexcept;
  [[nodiscard]] bool names_no_environment(const SubscribeFilter& filter) const noexcept;
  [[nodiscard]] std::string_view behind_environment(std::string_view topic_filter) const noexcept;
  void unlink_handler(std::uint32_t listener) noexcept;
  void drop_listeners_of(std::uint32_t filter, const Error& told) noexcept;
  [[nodiscard]] Status await_unsubscribed(std::uint32_t filter, Completion done) noexcept;
  void want_reconcile() noexcept;
  void free_removed_listeners() noexcept;
  void reconcile() noexcept;
  void reconcile_connection(std::uint8_t connection) noexcept;
  [[nodiscard]] bool send_batch(std::uint8_t connection, const Batch& batch) noexcept;
  [[nodiscard]] bool answers_awaited(std::uint8_t connection) const noexcept;
  void on_refused(std::uint8_t connection, std::uint32_t filter, mqtt::ReasonCode reason) noexcept;
  void settle_subscriptions() noexcept;
  void tell_missing() noexcept;
  void ask_for_refused(std::uint8_t connection) noexcept;
  void check_restored() noexcept;
  void forget_grants(std::uint8_t connection) noexcept;
  void copy_grants(std::uint8_t from, std::uint8_t to) noexcept;
  void doubt_grants(std::uint8_t connection) noexcept;
  void forget_requests(std::uint8_t connection) noexcept;
  void fail_subscriptions() noexcept;
  void on_request_overdue(std::uint8_t connection) noexcept;
  void free_filter_if_unused(std::uint32_t filter) noexcept;
  [[nodiscard]] bool wanted(const Filter& filter) const noexcept { return filter.listeners != 0 && !filter.lost; }
  [[nodiscard]] TopicDefaults topic_defaults() const noexcept;
  void tell_unsubscribed(std::uint32_t filter, const Status& status) noexcept;

  // --- core_publish.cc
  void on_link_published(Link& link, std::uint32_t token, mqtt::ReasonCode reason) noexcept override;
  void on_link_overdue(Link& link, const mqtt::Session::Due& due) noexcept override;
  void on_link_flushed(Link& link) noexcept override;
  struct Outgoing;
  [[nodiscard]] Status send(Outgoing& outgoing, PublishCompletion done, PublishOptions options) noexcept;
  [[nodiscard]] Status send_in_place(Outgoing& outgoing, PublishCompletion& done) noexcept;
  [[nodiscard]] Status send_kept(Outgoing& outgoing, PublishCompletion& done) noexcept;
  void defer_failure(std::uint32_t token, const Error& error) noexcept;
  void pump_publishes() noexcept;
  void leave_silent_broker() noexcept;
  [[nodiscard]] bool write_publish(std::uint32_t token) noexcept;
  void resend(std::uint8_t connection) noexcept;
  void take_back(std::uint8_t connection) noexcept;
  void complete(std::uint32_t token, const Result<Published>& outcome) noexcept;
  void complete_written() noexcept;
  void note_written(std::uint32_t token, std::uint8_t connection) noexcept;
  void fail_unwritten(std::uint8_t connection, const Error& reason) noexcept;
  void fail_all_publishes() noexcept;
  void request_flush() noexcept;
  [[nodiscard]] bool publishing_held() noexcept;
  [[nodiscard]] bool publishes_ready() noexcept;

  // --- core_events.cc
  void on_link_event(Link& link, const mqtt::Publish& publish, std::string_view topic,
                     bool redelivered) noexcept override;
  enum class Copy : std::uint8_t {
    first,
    repeated,
    maybe_repeated
  };
  enum class WithId : std::uint8_t {
    no,
    yes
  };
  [[nodiscard]] bool judges_copies(const Event& event) const noexcept;
  [[nodiscard]] Copy judge_copy(std::uint8_t connection, const Event& event, const mqtt::Publish& publish,
                                bool redelivered, WithId with_id) noexcept;
  [[nodiscard]] static SwapDedup::Side side_of(std::uint8_t connection) noexcept {
    return connection == 0 ? SwapDedup::Side::first : SwapDedup::Side::second;
  }
  [[nodiscard]] SwapDedup::Verdict match_copy(std::uint8_t connection, const mqtt::Publish& publish, EventKey key,
                                              bool has_id) noexcept;
  [[nodiscard]] bool overlaps(std::uint8_t connection) const noexcept;
  [[nodiscard]] bool delivered_earlier(std::uint8_t connection, const EventKey& key) const noexcept;
  [[nodiscard]] bool delivered_earlier_as_read(std::uint8_t connection, const Event& event) const noexcept;
  [[nodiscard]] EventKey key_of(const Event& event, WithId with_id, bool& has_id) const noexcept;
  void deliver(const Event& event, std::uint32_t listener, bool& told_invalid) noexcept;
  // Runs a callback of the user's. What it throws is reported through on_error; what on_error throws is counted.
  template <class... Args>
  void call(Callback<void(Args...)>& callback, std::type_identity_t<Args>... args) noexcept {
    CallFailure failure;
    const bool nested = std::exchange(in_callback_, true);
    AXONPUSH_ASSERT(!nested);
    const CallOutcome outcome = callback(failure, std::forward<Args>(args)...);
    in_callback_ = nested;
    if (outcome == CallOutcome::threw) on_thrown(failure, static_cast<const void*>(&callback));
  }
  // The same for a callback of options_. One that connects anew replaces the options, and with them itself.
  template <class... Args>
  void call_option(Callback<void(Args...)>& slot, std::type_identity_t<Args>... args) noexcept {
    const std::uint64_t session = session_;
    Callback<void(Args...)> running = std::move(slot);
    call(running, std::forward<Args>(args)...);
    if (session == session_) {
      slot = std::move(running);
    } else {
      drop(running);
    }
  }
  // The one run of a completion. What it captured goes before anything is judged again: its destructor is the user's,
  // and may destroy the client.
  template <class... Args>
  void call_last(Callback<void(Args...)>& done, std::type_identity_t<Args>... args) noexcept {
    if (done) call(done, std::forward<Args>(args)...);
    drop(done);
  }
  void on_thrown(const CallFailure& failure, const void* callback) noexcept;
  // Lets go of a callback. What it captured is the user's, and its destructor may do whatever a callback may (a
  // coroutine that waited goes on), so the slot it lived in is settled before.
  template <class Signature>
  void drop(Callback<Signature>& callback) noexcept {
    Callback<Signature> dropped = std::move(callback);
    const bool nested = std::exchange(in_callback_, true);
    dropped.reset();
    in_callback_ = nested;
  }
  void drop_callbacks() noexcept;
  [[nodiscard]] bool take_scratch() noexcept;
  void tell_reports() noexcept;

  Host& host_;
  Config config_;
  Error config_error_;
  Stats stats_;
  LatencyStats* latency_ = nullptr;
  Fetch fetch_;
  Credentials credentials_;
  RealtimeOptions options_;
  refresh::Settings settings_;
  refresh::State machine_;
  Connection* connections_[kConnections] = {};
  std::uint8_t serving_ = kNoConnection;
  std::uint8_t candidate_ = kNoConnection;
  std::uint8_t retiring_ = kNoConnection;
  std::uint32_t attempt_generation_ = 0;

  Slots<Filter, 16, (limits::kSubscriptionsCeiling + 15) / 16> filters_;
  Slots<Listener, 64, 1024> listeners_;
  Slots<Waiter, 16, 64> unsubscribe_waiters_;
  DispatchTable dispatch_;
  Batch batches_[kBatches];
  std::uint32_t first_handler_ = kNoSlot;
  std::uint32_t listener_generation_ = 0;
  // The loop's, shared by its clients, because only one event is being delivered at a time; or this client's own.
  EventScratch* scratch_ = nullptr;
  bool scratch_is_own_ = false;

  Publishes publishes_;
  TopicMemo topic_memo_;
  std::uint32_t written_count_ = 0;   // QoS 0 publishes with a completion, in a cork
  std::uint32_t failures_ = kNoSlot;  // publishes whose failure is to be told
  SwapDedup swap_dedup_;
  Twins twins_ = Twins::by_content;
  std::uint8_t handed_over_ = kNoConnection;  // by_packet_id: the connection whose session it is
  DeliveredRing delivered_;
  bool remembers_in_part_ = false;  // for want of memory
  bool remembers_read_ = false;     // something by its id: somebody read the body
  bool remembers_unread_ = false;   // some of it by its bytes: nobody read the body
  Instant dedup_until_ = Instant::never();
  Instant dedup_carried_until_ = Instant::never();  // of the swap before, where another began meanwhile
  HashKey hash_key_{};
  ContentHash content_hash_;
  std::uint32_t epoch_ = 0;

  LazyVec<Callback<void(const Result<Realtime>&)>, kConnectWaiters> connect_waiters_;
  struct DisconnectWaiter {
    Completion done;
    bool spent = false;  // its session had ended before the call
  };
  InlineVec<DisconnectWaiter, kDisconnectWaiters> disconnect_waiters_;
  Error connect_error_;  // why the first attempt failed; told when nothing of it is left
  struct QueuedInput {
    refresh::Input input;
    Error error;
  };
  InlineVec<QueuedInput, 16> inputs_;
  LazyVec<TraceRecord, 32> traces_;                  // for on_trace; more within one entry are counted and left out
  LazyVec<Error, kReports> reports_;                 // from the program, to be told in the next turn
  FixedText<limits::kMqttClientIdBytes> client_id_;  // of the credentials at hand
  FixedText<limits::kTopicOutBytes> prefix_;         // of the session; it may not change while it lives
  std::uint8_t taken_over_ = kNoConnection;          // whose session the candidate has taken over
  Instant retry_filters_at_ = Instant::never();
  Instant lost_at_ = Instant::never();           // since when events may be missing
  Instant overlap_began_at_ = Instant::never();  // unless the old connection was taken over
  Instant whole_until_ = Instant::never();       // of the connection that served last: nothing before that is missing
  Instant expires_at_ = Instant::never();        // of the credentials at hand
  ConnectionState told_state_ = ConnectionState::idle;
  std::uint64_t session_ = 0;  // generation of the handles
  std::uint64_t connection_ids_ = 0;
  std::uint32_t references_ = 1;
  std::uint32_t entries_ = 0;
  std::uint32_t api_calls_ = 0;
  bool draining_inputs_ = false;
  bool disconnecting_ = false;  // no event callback starts any more
  bool finishing_ = false;      // DISCONNECT is out, the links are going
  bool abandoned_ = false;
  bool reconcile_wanted_ = false;
  bool connect_wanted_ = false;
  bool refresh_wanted_ = false;
  bool disconnect_told_ = false;
  bool written_pending_ = false;  // QoS 0 publishes have gone and wait for their completion
  bool listeners_removed_ = false;
  bool in_callback_ = false;
  bool in_sink_ = false;  // TraceSink::record is on the stack
  bool in_on_error_ = false;
  bool disconnect_over_ = false;  // whoever waits for disconnect is to be told
};

}  // namespace axonpush::inline v0
