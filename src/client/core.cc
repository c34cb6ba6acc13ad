// The life of a session: connect, the machine's actions, disconnect, destruction.
#include "client/core.h"

#include <new>
#include <utility>

#include "base/alloc.h"
#include "base/text_writer.h"
#include "client/wishes.h"

namespace axonpush::inline v0 {

using refresh::InputKind;
using refresh::Phase;

namespace {

void free_scratch(void* memory) noexcept {
  static_cast<EventScratch*>(memory)->~EventScratch();
  deallocate(memory, sizeof(EventScratch));
}

}  // namespace

ClientCore::Connection::Connection(ClientCore& core, const mqtt::ClientTerms& terms) noexcept
    : session(terms), link(core.host_, core.config_, core.options_, core.stats_, core, core) {}

ClientCore* ClientCore::create(Host& host, ClientOptions options) noexcept {
  void* memory = allocate(sizeof(ClientCore));
  if (memory == nullptr) return nullptr;
  auto* core = ::new (memory) ClientCore(host);
  if (!core->take_scratch()) {
    core->~ClientCore();
    deallocate(core, sizeof(ClientCore));
    return nullptr;
  }
  core->config_error_ = core->config_.take(std::move(options));
  std::uint8_t key[sizeof core->hash_key_] = {};
  if (!core->config_error_ && !host.entropy().fill(key)) {
    core->config_error_ = Error(Errc::internal, "the source of entropy failed");
  }
  std::memcpy(&core->hash_key_, key, sizeof key);
  core->dispatch_.set_key(core->hash_key_);
  core->content_hash_.set_key(core->hash_key_);
  // T-17: a handle of another client is told from one of this one.
  core->session_ = siphash_64(core->hash_key_, {});
  host.attach(core);
  return core;
}

ClientCore::ClientCore(Host& host) noexcept : host_(host), fetch_(host, config_, *this, *this) {}

ClientCore::~ClientCore() {
  for (Connection* connection : connections_) {
    if (connection == nullptr) continue;
    connection->~Connection();
    deallocate(connection, sizeof(Connection));
  }
  if (latency_ != nullptr) deallocate(latency_, sizeof(LatencyStats));
  if (scratch_is_own_) free_scratch(scratch_);
}

bool ClientCore::take_scratch() noexcept {
  Workspace* const workspace = host_.workspace();
  if (workspace != nullptr && workspace->memory != nullptr) {
    scratch_ = static_cast<EventScratch*>(workspace->memory);
    return true;
  }
  void* memory = allocate(sizeof(EventScratch));
  if (memory == nullptr) return false;
  scratch_ = ::new (memory) EventScratch;
  scratch_is_own_ = workspace == nullptr;
  if (workspace != nullptr) *workspace = {.memory = scratch_, .destroy = free_scratch};
  return true;
}

void ClientCore::release() noexcept {
  --references_;
  free_if_unused();
}

void ClientCore::free_if_unused() noexcept {
  if (references_ != 0 || entries_ != 0) return;
  this->~ClientCore();
  deallocate(this, sizeof(ClientCore));
}

void ClientCore::abandon() noexcept {
  AXONPUSH_ASSERT(!in_sink_);
  abandoned_ = true;
  disconnecting_ = true;
  ++session_;
  fetch_.cancel();
  for (Connection* connection : connections_) {
    if (connection != nullptr) connection->link.abort();
  }
  for (std::uint32_t token = publishes_.next(0); token != kNoSlot; token = publishes_.next(token + 1)) {
    publishes_[token].packet.reset();  // the host's pool may not outlive this call
  }
  host_.attach(nullptr);
  if (!in_entry()) drop_callbacks();
}

// Nothing runs any more, and what the callbacks captured may hold handles on this very core: they go now, not with the
// last handle, which would be never. Not from inside one of them: then when it has returned.
void ClientCore::drop_callbacks() noexcept {
  retain();
  for (std::uint32_t at = publishes_.next(0); at != kNoSlot; at = publishes_.next(at + 1)) drop(publishes_[at].done);
  for (std::uint32_t at = listeners_.next(0); at != kNoSlot; at = listeners_.next(at + 1)) {
    drop(listeners_[at].done);
    drop(listeners_[at].callback);
  }
  for (std::uint32_t at = unsubscribe_waiters_.next(0); at != kNoSlot; at = unsubscribe_waiters_.next(at + 1)) {
    drop(unsubscribe_waiters_[at].done);
  }
  for (auto& waiter : connect_waiters_) drop(waiter);
  for (DisconnectWaiter& waiter : disconnect_waiters_) drop(waiter.done);
  drop(options_.on_error);
  drop(options_.on_state);
  drop(options_.on_gap);
  drop(config_.options.on_trace);
  drop(config_.options.credentials_source);
  release();
}

// --- Entry and turn

void ClientCore::enter() noexcept { ++entries_; }

void ClientCore::leave() noexcept {
  if (entries_ == 1 && !abandoned_) after_entry(host_.now());
  if (entries_ == 1 && abandoned_) drop_callbacks();
  --entries_;
  free_if_unused();
}

Instant ClientCore::deadline() const noexcept {
  Instant at = earlier_of(machine_.deadline, fetch_.deadline());
  for (const Connection* connection : connections_) {
    if (connection != nullptr) at = earlier_of(at, connection->link.deadline());
  }
  at = earlier_of(at, earlier_of(dedup_until_, dedup_carried_until_));
  return earlier_of(at, retry_filters_at_);
}

void ClientCore::turn(Instant now) noexcept {
  if (api_calls_ != 0) {
    // A publish outside a loop turn flushes at once; callbacks wait for a turn of their own.
    if (serving_ != kNoConnection) at(serving_).link.flush(now);
    if (written_pending_) host_.request_turn(Host::When::later);
    return;
  }
  const EntryGuard guard(*this);
  run_deadlines(now);
}

void ClientCore::run_deadlines(Instant now) noexcept {
  fetch_.on_deadline(now);
  for (Connection* connection : connections_) {
    if (connection != nullptr && now >= connection->link.deadline()) connection->link.on_deadline(now);
    if (abandoned_) return;
  }
  if (now >= machine_.deadline) feed({.kind = InputKind::tick});
  if (now >= dedup_carried_until_) {
    swap_dedup_.forget_carried();
    dedup_carried_until_ = Instant::never();
  }
  if (now >= dedup_until_) end_dedup();
  if (now >= retry_filters_at_) reconcile_wanted_ = true;
}

// What the calls of this entry put off: inputs from inside callbacks, reconciling, the queue of publishes, the flush.
void ClientCore::after_entry(Instant now) noexcept {
  if (connect_wanted_) {
    connect_wanted_ = false;
    if (machine_.phase == Phase::idle) {
      feed({.kind = InputKind::connect});
    } else if (machine_.phase != Phase::first_fetch && machine_.phase != Phase::first_dial) {
      // A session lives, connected at this moment or not: it is the one that is given.
      complete_connect(Error{}, connect_waiters_.size());
    }
  }
  if (disconnecting_ && !disconnect_told_) {
    disconnect_told_ = true;
    feed({.kind = InputKind::disconnect});
  }
  if (refresh_wanted_) {
    refresh_wanted_ = false;
    feed({.kind = InputKind::refresh});
  }
  drain_inputs();
  if (abandoned_) return;
  if (reconcile_wanted_) reconcile();
  connect_candidate(now);
  leave_silent_broker();
  pump_publishes();
  for (Connection* connection : connections_) {
    if (connection != nullptr) connection->link.flush(now);
  }
  complete_written();
  if (abandoned_) return;
  drain_inputs();
  free_removed_listeners();
  if (abandoned_) return;
  tell_reports();
  if (abandoned_) return;
  tell_traces();
  if (abandoned_) return;
  finish_if_quiet();
  if (abandoned_) return;
  if (connect_wanted_ || reconcile_wanted_ || !reports_.empty() || written_pending_ ||
      (disconnecting_ && !disconnect_told_) || publishes_ready()) {
    host_.request_turn(Host::When::later);
  }
}

bool ClientCore::usable(std::uint64_t session) const noexcept {
  return !abandoned_ && !disconnecting_ && !in_sink_ && session == session_ && machine_.phase != Phase::idle &&
         machine_.phase != Phase::closed && host_.alive();
}

// --- The caller's connect and disconnect

Status ClientCore::connect(RealtimeOptions options, Callback<void(const Result<Realtime>&)> done) noexcept {
  if (config_error_) return config_error_;
  if (abandoned_) return Error(Errc::closed, "the client is gone");
  if (!host_.alive()) return Error(Errc::closed, "this process is the child of a fork");
  if (in_sink_) return Error(Errc::closed, "a trace sink must not call the client");
  if (disconnecting_ && machine_.phase != Phase::idle) {
    return Error(Errc::closed, "the last session is still being disconnected");
  }
  if (connect_waiters_.full()) return Error(Errc::quota, "too many calls of connect_realtime wait for one connection");
  if (!connect_waiters_.reserve()) return Error(Errc::no_memory, "no memory to connect");
  const bool sharing = connect_wanted_ || machine_.phase != Phase::idle;
  if (sharing && !same_wishes(options_, options)) {
    return Error(Errc::invalid_argument,
                 "a session exists with other options; callbacks can be given to the first call only");
  }
  if (!sharing) {
    if (Error error = check_wishes(options)) return error;
    options_ = std::move(options);
    topic_memo_.forget();
    settings_ = {.lead = options_.credentials_refresh_lead,
                 .grace = options_.swap_grace,
                 .drain = options_.drain_timeout,
                 .old_read = options_.old_read_timeout,
                 .refresh_jitter = options_.refresh_jitter,
                 .retry_jitter = options_.retry_jitter};
    fetch_.set_retry_jitter(options_.retry_jitter);
    publishes_.set_limits(options_.publish_queue_count, options_.publish_queue_bytes);
    if (Status counting = start_histograms(); !counting.ok()) return counting;
    machine_ = refresh::State{};
    stats_ = Stats{};
    told_state_ = ConnectionState::idle;
    disconnecting_ = disconnect_told_ = finishing_ = false;
    ++session_;
  }
  static_cast<void>(connect_waiters_.push_back(std::move(done)));  // reserved above
  // An attempt that has failed already and is not told of yet: this call shares its failure.
  if (machine_.phase != Phase::closed) connect_wanted_ = true;
  host_.request_turn(Host::When::later);
  return {};
}

// The first `count` of those who wait: a callback that connects again waits for its own answer.
// Those of this session alone; none where they are not wanted.
Status ClientCore::start_histograms() noexcept {
  if (latency_ != nullptr) deallocate(std::exchange(latency_, nullptr), sizeof(LatencyStats));
  if (!options_.latency_histograms) return {};
  void* memory = allocate(sizeof(LatencyStats));
  if (memory == nullptr) return Error(Errc::no_memory, "no memory for the histograms");
  latency_ = ::new (memory) LatencyStats;
  return {};
}

void ClientCore::complete_connect(const Error& error, std::size_t count) noexcept {
  for (; count != 0 && !abandoned_; --count) {
    Callback<void(const Result<Realtime>&)> done = std::move(connect_waiters_[0]);
    connect_waiters_.erase(0);
    if (error) {
      call_last(done, Result<Realtime>(error));
    } else {
      call_last(done, Result<Realtime>(Realtime(this, session_)));
    }
  }
}

Status ClientCore::disconnect(std::uint64_t session, Completion done) noexcept {
  if (abandoned_) return {};  // done already; with the client its completions are gone too
  if (!host_.alive()) return Error(Errc::closed, "this process is the child of a fork");
  if (in_sink_) return Error(Errc::closed, "a trace sink must not call the client");
  // Spent already: the completion still runs once, in a turn.
  const bool spent = session != session_ || machine_.phase == Phase::idle;
  if (done && !disconnect_waiters_.push_back({std::move(done), spent})) {
    return Error(Errc::quota, "too many calls of disconnect wait for the end");
  }
  (spent ? disconnect_over_ : disconnecting_) = true;
  host_.request_turn(Host::When::later);
  return {};
}

Status ClientCore::refresh_now(std::uint64_t session) noexcept {
  if (!usable(session)) return Error(Errc::closed, "the session has ended");
  if (machine_.phase != Phase::live || machine_.retiring) {
    return Error(Errc::quota, "a refresh or a reconnect is under way");
  }
  // FAULTS I-18: no request before the end of a Retry-After, whoever asks for it.
  const Instant asked = earliest_fetch(machine_);
  const Instant from = later_of(asked, machine_.dial_not_before);
  if (const Instant now = host_.now(); now < from) {
    const char* const why = from == machine_.dial_not_before
                                ? "the broker asked for a pause, or another process uses the client id"
                            : from == machine_.fetch_not_before ? "the credentials endpoint asked for a pause"
                                                                : "the last refresh began less than 5 s ago";
    return Error(Errc::quota, why).with_retry_after(from - now);
  }
  refresh_wanted_ = true;
  host_.request_turn(Host::When::later);
  return {};
}

ConnectionState ClientCore::state(std::uint64_t session) const noexcept {
  if (abandoned_ || session != session_) return ConnectionState::closed;
  return mapped_state();
}

ConnectionState ClientCore::mapped_state() const noexcept {
  switch (machine_.phase) {
    case Phase::idle:
      return ConnectionState::closed;  // a handle, and whoever is told, knows of a session that is over only
    case Phase::first_fetch:
    case Phase::first_dial:
      return ConnectionState::connecting;
    case Phase::live:
      return ConnectionState::live;
    case Phase::live_fetch:
    case Phase::live_dial:
    case Phase::live_restore:
    case Phase::overlap:
    case Phase::drain:
      return ConnectionState::refreshing;
    case Phase::reconnect_wait:
      return ConnectionState::waiting;
    case Phase::fetch:
    case Phase::dial:
    case Phase::restore:
      return machine_.takeover ? ConnectionState::refreshing : ConnectionState::reconnecting;
    case Phase::closing:
      return ConnectionState::draining;
    case Phase::closed:
      return finishing_ ? ConnectionState::draining : ConnectionState::closed;
  }
  return ConnectionState::closed;
}

// --- The end

void ClientCore::begin_close() noexcept {
  AXONPUSH_ASSERT(candidate_ == kNoConnection && !fetch_.running());  // the machine dropped both
  const bool can_send = serving_ != kNoConnection && at(serving_).link.up();
  if (!can_send) fail_all_publishes();
  if (abandoned_) return;
  check_drained();
}

// Everything that was accepted is answered: the connections may go.
void ClientCore::check_drained() noexcept {
  if (machine_.phase == Phase::closing && publishes_.pending() == 0) feed({.kind = InputKind::drained});
}

void ClientCore::finish() noexcept {
  finishing_ = true;
  fail_all_publishes();
  if (abandoned_) return;
  fetch_.cancel();
  const Instant now = host_.now();
  for (Connection* connection : connections_) {
    if (connection == nullptr) continue;
    if (connection->link.up()) {
      connection->link.leave(now);
    } else if (connection->link.stage() < Link::Stage::up) {
      connection->link.abort();
    }
  }
  candidate_ = kNoConnection;
}

void ClientCore::finish_if_quiet() noexcept {
  if (finishing_) {
    for (const Connection* connection : connections_) {
      if (connection != nullptr && connection->link.stage() != Link::Stage::closed) return;
    }
    finishing_ = false;
    serving_ = candidate_ = retiring_ = taken_over_ = kNoConnection;
    fail_subscriptions();
    if (abandoned_) return;
    forget_session();
    disconnect_over_ = true;
    for (DisconnectWaiter& waiter : disconnect_waiters_) waiter.spent = true;
    // Who waited for this session, and who shared it in the very turn that ended it, is told so: nothing begins by
    // itself.
    const std::size_t failed = connect_waiters_.size();
    const Error failure = connect_error_ ? connect_error_ : Error(Errc::closed, "the session was disconnected");
    connect_error_ = Error{};
    connect_wanted_ = false;
    note_state(Error{});
    if (abandoned_) return;
    // Told last: whoever tries again from inside these callbacks begins with nothing left of the failed attempt.
    complete_connect(failure, failed);
    if (abandoned_) return;
    tell_traces();
    if (abandoned_) return;
  }
  if (!disconnect_over_) return;
  disconnect_over_ = false;
  for (std::size_t at = 0; at < disconnect_waiters_.size() && !abandoned_;) {
    // Another session's end is still on its way.
    if (!disconnect_waiters_[at].spent) {
      ++at;
      continue;
    }
    Completion done = std::move(disconnect_waiters_[at].done);
    disconnect_waiters_.erase(at);
    call_last(done, Status{});
  }
}

void ClientCore::forget_session() noexcept {
  machine_ = refresh::State{};
  end_dedup();
  delivered_.clear();
  remembers_in_part_ = remembers_read_ = remembers_unread_ = false;
  lost_at_ = overlap_began_at_ = retry_filters_at_ = Instant::never();
  prefix_.clear();
  topic_memo_.forget();
  credentials_ = Credentials{};
  for (Connection*& connection : connections_) {
    if (connection == nullptr) continue;
    connection->~Connection();
    deallocate(connection, sizeof(Connection));
    connection = nullptr;
  }
  for (Batch& batch : batches_) batch.count = 0;
}

// --- Telling

void ClientCore::note_state(const Error& reason) noexcept {
  const ConnectionState now_in = mapped_state();
  if (now_in == told_state_) return;
  const StateChange change{.from = std::exchange(told_state_, now_in),
                           .to = now_in,
                           .reason = reason,
                           .next_attempt = now_in == ConnectionState::waiting ? machine_.deadline : Instant::never()};
  trace(TraceKind::state, 0, static_cast<std::uint32_t>(now_in), reason.code());
  call_option(options_.on_state, change);
}

void ClientCore::report(const Error& error, std::string_view subject, std::uint32_t attempt,
                        Duration next_delay) noexcept {
  trace(TraceKind::error, 0, error.number(), error.code());
  if (abandoned_) return;
  const ErrorReport told{.error = error, .subject = subject, .attempt = attempt, .next_delay = next_delay};
  in_on_error_ = true;
  call_option(options_.on_error, told);
  in_on_error_ = false;
}

void ClientCore::on_thrown(const CallFailure& failure, const void* callback) noexcept {
  ++stats_.callbacks_threw;
  if (in_on_error_ || callback == &config_.options.on_trace) return;
  report(Error(Errc::callback_threw, "a callback threw").with_words({.message = failure.view()}), {}, 0,
         Duration::zero());
}

void ClientCore::report_later(std::uint64_t session, const Error& error) noexcept {
  if (abandoned_ || session != session_ || !error) return;
  if (error.code() == Errc::callback_threw) ++stats_.callbacks_threw;
  static_cast<void>(reports_.push_back(error));
  host_.request_turn(Host::When::later);
}

void ClientCore::tell_reports() noexcept {
  // What on_error itself brings waits for the next turn.
  for (std::size_t left = reports_.size(); left != 0 && !abandoned_; --left) {
    const Error error = reports_[0];
    reports_.erase(0);
    report(error, {}, 0, Duration::zero());
  }
}

void ClientCore::report_gap(Instant from, Instant to) noexcept {
  ++stats_.gaps;
  call_option(options_.on_gap, PossibleGap{.from = from, .to = to});
}

void ClientCore::trace(TraceKind kind, std::uint64_t connection, std::uint32_t number, Errc error,
                       std::uint32_t size) noexcept {
  if (abandoned_ || (config_.options.trace == nullptr && !config_.options.on_trace)) return;
  const TraceRecord record{
      .at = host_.now(), .connection = connection, .number = number, .size = size, .kind = kind, .error = error};
  if (config_.options.trace != nullptr) {
    const bool nested = std::exchange(in_sink_, true);
    config_.options.trace->record(record);
    in_sink_ = nested;
  }
  // Packets are the sink's alone: a callback is told of what is rare.
  if (kind == TraceKind::packet_in || kind == TraceKind::packet_out) return;
  if (config_.options.on_trace && !traces_.push_back(record)) ++stats_.traces_dropped;
}

void ClientCore::on_link_traced(Link& link, TraceKind kind, std::uint32_t number, std::size_t size) noexcept {
  // MQTT 5 1.5.5: no packet has as many as 2^28 bytes and 5.
  trace(kind, static_cast<std::uint64_t>(link.id()), number, Errc::none, static_cast<std::uint32_t>(size));
}

// the hook is a callback like any other: in a turn, never nested, free to call everything.
void ClientCore::tell_traces() noexcept {
  while (!traces_.empty() && !abandoned_) {
    const TraceRecord record = traces_[0];
    traces_.erase(0);
    call(config_.options.on_trace, record);
  }
}

}  // namespace axonpush::inline v0
