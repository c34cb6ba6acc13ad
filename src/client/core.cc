// The life of a session: connect, the machine's actions, disconnect, destruction.
#include "client/core.h"

#include <new>
#include <utility>

#include "base/alloc.h"
#include "base/text_writer.h"

namespace axonpush::inline v0 {

using refresh::Input;
using refresh::InputKind;
using refresh::Phase;

ClientCore::Connection::Connection(ClientCore& core, const mqtt::ClientTerms& terms) noexcept
    : session(terms), link(core.host_, core.config_, core.options_, core.stats_, core, core) {}

ClientCore* ClientCore::create(Host& host, ClientOptions options) noexcept {
  void* memory = allocate(sizeof(ClientCore));
  if (memory == nullptr) return nullptr;
  auto* core = ::new (memory) ClientCore(host);
  core->config_error_ = core->config_.take(std::move(options));
  std::uint8_t key[sizeof core->hash_key_] = {};
  if (!core->config_error_ && !host.entropy().fill(key)) {
    core->config_error_ = Error(Errc::internal, "the source of entropy failed");
  }
  std::memcpy(&core->hash_key_, key, sizeof key);
  core->dispatch_.set_key(core->hash_key_);
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
}

// --- Entry and turn
// -------------------------------------------------------------------------------------------------------

void ClientCore::enter() noexcept { ++entries_; }

void ClientCore::leave() noexcept {
  if (entries_ == 1 && !abandoned_) after_entry(host_.now());
  --entries_;
  free_if_unused();
}

Instant ClientCore::deadline() const noexcept {
  Instant at = earlier_of(machine_.deadline, fetch_.deadline());
  for (const Connection* connection : connections_) {
    if (connection != nullptr) at = earlier_of(at, connection->link.deadline());
  }
  at = earlier_of(at, dedup_until_);
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
  if (now >= dedup_until_) {
    swap_dedup_.end();
    dedup_until_ = Instant::never();
  }
  if (now >= retry_filters_at_) reconcile_wanted_ = true;
}

// What the calls of this entry put off: inputs from inside callbacks, reconciling, the queue of publishes, the flush.
void ClientCore::after_entry(Instant now) noexcept {
  if (connect_wanted_) {
    connect_wanted_ = false;
    if (machine_.phase == Phase::idle) {
      feed({.kind = InputKind::connect});
    } else if (refresh::has_serving(machine_.phase)) {
      complete_connect(Error{});
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
  pump_publishes();
  for (Connection* connection : connections_) {
    if (connection != nullptr) connection->link.flush(now);
  }
  complete_written();
  if (abandoned_) return;
  drain_inputs();
  free_removed_listeners();
  finish_if_quiet();
  if (abandoned_) return;
  if (connect_wanted_ || reconcile_wanted_ || written_pending_ || (disconnecting_ && !disconnect_told_) ||
      publishes_ready()) {
    host_.request_turn(Host::When::later);
  }
}

bool ClientCore::usable(std::uint64_t session) const noexcept {
  return !abandoned_ && !disconnecting_ && session == session_ && machine_.phase != Phase::idle &&
         machine_.phase != Phase::closed;
}

// --- The caller's connect and disconnect
// ------------------------------------------------------------------------------------

namespace {

// CONTRACT 3: calls while one is connecting share it; with other options they are refused. Callbacks cannot be
// compared, so a second call may not bring any.
bool same_wishes(const RealtimeOptions& left, const RealtimeOptions& right) noexcept {
  return !right.on_error && !right.on_state && !right.on_gap && left.environment == right.environment &&
         left.credentials_refresh_lead == right.credentials_refresh_lead && left.qos == right.qos &&
         left.subprotocols == right.subprotocols && left.keep_alive == right.keep_alive &&
         left.swap_grace == right.swap_grace && left.ordered_swap == right.ordered_swap;
}

}  // namespace

Status ClientCore::connect(RealtimeOptions options, Callback<void(const Result<Realtime>&)> done) noexcept {
  if (config_error_) return config_error_;
  if (abandoned_) return Error(Errc::closed, "the client is gone");
  if (disconnecting_ && machine_.phase != Phase::idle) {
    return Error(Errc::closed, "the last session is still being disconnected");
  }
  if (connect_waiters_.full()) return Error(Errc::quota, "too many calls of connect_realtime wait for one connection");
  const bool sharing = connect_wanted_ || machine_.phase != Phase::idle;
  if (sharing && !same_wishes(options_, options)) {
    return Error(Errc::invalid_argument,
                 "a session exists with other options; callbacks can be given to the first call only");
  }
  if (!sharing) {
    if (options.credentials_refresh_lead < seconds(1) || options.qos == Qos::exactly_once ||
        options.subscriptions_max > limits::kSubscriptionsCeiling || options.keep_alive < Duration::zero() ||
        options.keep_alive > seconds(65'535)) {
      return Error(Errc::invalid_argument, "an option of connect_realtime is out of its range");
    }
    options_ = std::move(options);
    settings_ = {.lead = options_.credentials_refresh_lead,
                 .grace = options_.swap_grace,
                 .drain = options_.drain_timeout,
                 .refresh_jitter = options_.refresh_jitter,
                 .retry_jitter = options_.retry_jitter};
    publishes_.set_limits(options_.publish_queue_count, options_.publish_queue_bytes);
    if (options_.latency_histograms && latency_ == nullptr) {
      void* memory = allocate(sizeof(LatencyStats));
      if (memory == nullptr) return Error(Errc::no_memory, "no memory for the histograms");
      latency_ = ::new (memory) LatencyStats;
    }
    machine_ = refresh::State{};
    stats_ = Stats{};
    told_state_ = ConnectionState::idle;
    disconnecting_ = disconnect_told_ = finishing_ = false;
    ++session_;
  }
  static_cast<void>(connect_waiters_.push_back(std::move(done)));
  connect_wanted_ = true;
  host_.request_turn(Host::When::later);
  return {};
}

void ClientCore::complete_connect(const Error& error) noexcept {
  while (!connect_waiters_.empty() && !abandoned_) {
    Callback<void(const Result<Realtime>&)> done = std::move(connect_waiters_[0]);
    connect_waiters_.erase(0);
    if (error) {
      call(done, Result<Realtime>(error));
    } else {
      call(done, Result<Realtime>(Realtime(this, session_)));
    }
  }
}

Status ClientCore::disconnect(std::uint64_t session, Completion done) noexcept {
  if (abandoned_ || session != session_ || machine_.phase == Phase::idle) {
    // Spent already: the completion still runs once, in a turn.
    if (!abandoned_ && done && disconnect_waiters_.push_back(std::move(done))) {
      disconnect_over_ = true;
      host_.request_turn(Host::When::later);
    }
    return {};
  }
  if (done && !disconnect_waiters_.push_back(std::move(done))) {
    return Error(Errc::quota, "too many calls of disconnect wait for the end");
  }
  disconnecting_ = true;
  host_.request_turn(Host::When::later);
  return {};
}

Status ClientCore::refresh_now(std::uint64_t session) noexcept {
  if (!usable(session)) return Error(Errc::closed, "the session has ended");
  if (machine_.phase != Phase::live || host_.now() - machine_.refresh_started_at < limits::kRefreshFloor) {
    return Error(Errc::quota, "a refresh runs, or the last one began less than 5 s ago");
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
      return session_ended_ ? ConnectionState::closed : ConnectionState::idle;
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

// --- The machine
// ------------------------------------------------------------------------------------------------------------

std::uint32_t ClientCore::draw() noexcept {
  std::uint8_t bytes[4];
  // Without entropy the middle is as good as anything: the draw spreads load, it protects nothing.
  return host_.entropy().fill(bytes) ? load_be32(bytes) : 0x80000000U;
}

void ClientCore::feed(const Input& input, const Error& error) noexcept {
  if (!inputs_.push_back({input, error})) AXONPUSH_ASSERT(false);
  if (!in_callback_) drain_inputs();
}

void ClientCore::drain_inputs() noexcept {
  if (draining_inputs_) return;
  draining_inputs_ = true;
  while (!inputs_.empty() && !abandoned_) {
    QueuedInput queued = inputs_[0];
    inputs_.erase(0);
    queued.input.random = draw();
    const refresh::State before = machine_;
    const refresh::Step step = refresh::step(before, queued.input, settings_, host_.now());
    machine_ = step.state;
    if (before.phase != machine_.phase) {
      trace(TraceKind::swap_step, 0, static_cast<std::uint32_t>(machine_.phase), queued.error.code());
    }
    run_actions(before, step.actions, queued.error);
    if (!abandoned_) note_state(queued.error);
  }
  draining_inputs_ = false;
}

void ClientCore::run_actions(const refresh::State& before, std::uint32_t actions, const Error& error) noexcept {
  const auto has = [actions](refresh::Action action) { return (actions & action) != 0; };
  const Instant now = host_.now();
  if (has(refresh::kReportLost)) {
    lost_at_ = now;
    trace(TraceKind::lost, 0, 0, error.code());
  }
  if (has(refresh::kDropCandidate)) drop_candidate();
  if (has(refresh::kStartFetch)) start_fetch();
  if (has(refresh::kStartDial)) start_dial();
  if (has(refresh::kStartRestore)) start_restore();
  if (has(refresh::kActivate)) activate();
  if (has(refresh::kPromoteRetiring)) {
    serving_ = retiring_;
    retiring_ = kNoConnection;
  }
  if (has(refresh::kBeginDrain)) begin_drain();
  if (has(refresh::kEndRetiring)) end_retiring();
  if (has(refresh::kSwapped)) ++stats_.swaps;
  if (has(refresh::kConnected)) {
    if (before.phase == Phase::first_dial) {
      complete_connect(Error{});
    } else {
      ++stats_.reconnects;
    }
  }
  if (abandoned_) return;
  if (has(refresh::kConnectFailed)) {
    complete_connect(error ? error : Error(Errc::closed, "the session was disconnected while it was connecting"));
    if (abandoned_) return;
    if (!has(refresh::kBeginClose)) finish();
  }
  if (has(refresh::kReportFailure) || has(refresh::kReportLost)) {
    const bool serving = refresh::has_serving(machine_.phase);
    if (serving) ++stats_.refresh_failures;
    const std::uint32_t attempt = !has(refresh::kReportFailure) ? 0
                                  : serving                     ? machine_.refresh_failures
                                                                : machine_.reconnect_failures;
    const Duration next = machine_.deadline == Instant::never() ? Duration::zero() : machine_.deadline - now;
    if (has(refresh::kReportConflict) && machine_.conflicts >= 3) {
      report(Error(Errc::session_conflict, "another process keeps connecting with this client id"), {}, attempt, next);
    } else if (error) {
      report(error, {}, attempt, next);
    }
  }
  if (abandoned_) return;
  if (has(refresh::kBeginClose)) begin_close();
  if (has(refresh::kFinish)) finish();
}

void ClientCore::start_fetch() noexcept {
  attempt_generation_ = machine_.generation;
  ++stats_.fetches;
  trace(TraceKind::fetch_started, 0, 0, Errc::none);
  const Instant now = host_.now();
  if (!config_.options.credentials_source) {
    fetch_.start(now);
    return;
  }
  fetch_.await_source(now);
  call(config_.options.credentials_source, static_cast<CredentialsAnswer&>(*this));
}

void ClientCore::body(std::string_view json) noexcept {
  if (abandoned_ || !fetch_.awaiting_source()) return;
  const EntryGuard guard(*this);
  fetch_.judge_source(bytes_of(json));
}

void ClientCore::failed(const Error& error) noexcept {
  if (abandoned_ || !fetch_.awaiting_source()) return;
  const EntryGuard guard(*this);
  fetch_.cancel();
  on_fetch_failed(error ? error : Error(Errc::internal, "the credentials source failed without an error"));
}

void ClientCore::on_credentials(Credentials credentials, Duration life_left, Instant sent_at) noexcept {
  trace(TraceKind::fetch_done, 0, 200, Errc::none);
  if (Error error = check_broker(credentials)) {
    on_fetch_failed(error);
    return;
  }
  if (!take_identity(credentials)) {
    on_fetch_failed(Error(Errc::internal, "the source of entropy failed"));
    return;
  }
  credentials_ = std::move(credentials);
  const bool same = serving_ != kNoConnection && at(serving_).client_id == client_id_;
  feed({.kind = InputKind::fetched,
        .same_client_id = same,
        .generation = attempt_generation_,
        .life_left = life_left,
        .sent_at = sent_at});
}

void ClientCore::on_fetch_failed(const Error& error) noexcept {
  trace(TraceKind::fetch_failed, 0, error.number(), error.code());
  feed({.kind = InputKind::fetch_failed, .generation = attempt_generation_, .retry_after = error.retry_after()}, error);
}

// What the credentials name must be reachable by the rules, and must not move a live session to another prefix (C-09).
Error ClientCore::check_broker(const Credentials& credentials) const noexcept {
  const Result<http::Url> url = http::parse_url(credentials.url.reveal());
  if (!url.ok()) return Error(Errc::credentials_invalid, "presignedWssUrl is not a URL");
  if (url->scheme != http::Scheme::wss && url->scheme != http::Scheme::ws) {
    return Error(Errc::credentials_invalid, "presignedWssUrl is not a WebSocket URL");
  }
  const bool local = loopback_host(config_.api.host) || config_.options.allow_loopback ||
                     !config_.options.broker_connect_address.empty();
  if (Error error = check_reachable(*url, config_.options, local)) return error;
  if (!config_.options.allowed_hosts.empty() && !host_allowed(url->host, config_.options.allowed_hosts)) {
    return Error(Errc::url_invalid, "the broker's host is not among allowed_hosts");
  }
  if (!prefix_.empty() && !credentials.topic_prefix.empty() && credentials.topic_prefix.view() != prefix_.view()) {
    return Error(Errc::credentials_invalid, "topicPrefix has changed under a live session");
  }
  return {};
}

// The client id and the topic prefix in force. An absent client id is a random one of ours for these credentials.
bool ClientCore::take_identity(const Credentials& credentials) noexcept {
  if (!credentials.client_id.empty()) {
    static_cast<void>(client_id_.assign(credentials.client_id.view()));
  } else {
    std::uint8_t bytes[8];
    if (!host_.entropy().fill(bytes)) return false;
    char text[32];
    TextWriter writer(text);
    writer.text("axonpush-");
    for (const std::uint8_t byte : bytes) writer.hex(byte);
    static_cast<void>(client_id_.assign(writer.view()));
  }
  if (prefix_.empty()) {
    if (!credentials.topic_prefix.empty()) {
      static_cast<void>(prefix_.assign(credentials.topic_prefix.view()));
    } else {
      prefix_ = fallback_prefix(credentials.client_id.view());
    }
  }
  return true;
}

ConnectionId ClientCore::next_connection_id() noexcept { return static_cast<ConnectionId>(++connection_ids_); }

mqtt::ClientTerms ClientCore::terms() const noexcept {
  mqtt::ClientTerms terms;
  terms.session_expiry_interval = static_cast<std::uint32_t>(limits::kSessionExpiry.seconds());
  terms.maximum_packet_size = options_.packet_bytes_max;
  terms.receive_maximum = options_.receive_maximum;
  terms.keep_alive = static_cast<std::uint16_t>(options_.keep_alive.seconds());
  return terms;
}

// The slot of the next connection: the one that holds this client id's session, else a free one.
std::uint8_t ClientCore::choose_connection() noexcept {
  std::uint8_t chosen = kNoConnection;
  for (std::uint8_t index = 0; index < kConnections; ++index) {
    if (index == serving_ || index == retiring_) continue;
    const Connection* connection = connections_[index];
    if (chosen == kNoConnection) chosen = index;
    if (connection != nullptr && connection->has_session && connection->client_id == client_id_) return index;
  }
  return chosen;
}

void ClientCore::start_dial() noexcept {
  attempt_generation_ = machine_.generation;
  candidate_ = choose_connection();
  AXONPUSH_ASSERT(candidate_ != kNoConnection);
  mqtt::ClientTerms wanted = terms();
  if (connections_[candidate_] == nullptr) {
    void* memory = allocate(sizeof(Connection));
    if (memory == nullptr) {
      candidate_ = kNoConnection;
      feed({.kind = InputKind::dial_failed, .generation = attempt_generation_},
           Error(Errc::no_memory, "no memory for a connection"));
      return;
    }
    connections_[candidate_] = ::new (memory) Connection(*this, wanted);
  }
  Connection& connection = at(candidate_);
  const bool resumes = connection.has_session && connection.client_id == client_id_;
  const bool takes_over = serving_ != kNoConnection && at(serving_).client_id == client_id_;
  if (!resumes) {
    // Another session begins here: what the old one left is published anew.
    connection.session.discard();
    take_back(candidate_);
    forget_grants(candidate_);
    connection.client_id = client_id_;
  }
  // CONTRACT 3: Clean Start 0 for a client id this client has had a session for.
  wanted.had_session = resumes || takes_over;
  wanted.clean_start = !wanted.had_session;
  trace(TraceKind::dial_started, connection_ids_ + 1, 0, Errc::none);
  connection.link.dial(credentials_, client_id_.view(), connection.session, wanted, host_.now());
}

void ClientCore::before_connack(Link& link) noexcept {
  const std::uint8_t index = index_of(link);
  if (index != candidate_) return;
  if (taken_over_ == kNoConnection && serving_ != kNoConnection && at(serving_).client_id == client_id_) {
    taken_over_ = serving_;
  }
  // FAULTS R-38: the broker moved the session to this connection; what is in flight moves along.
  if (taken_over_ == kNoConnection || taken_over_ == index) return;
  at(index).session.adopt(at(taken_over_).session);
  at(taken_over_).has_session = false;
}

void ClientCore::on_link_up(Link& link) noexcept {
  const std::uint8_t index = index_of(link);
  Connection& connection = at(index);
  connection.has_session = true;
  // What the lost connection left unanswered is asked anew; until it is taken, the session lends no quota.
  take_back(index);
  if (!connection.session.session_resumed()) {
    forget_grants(index);
  } else if (taken_over_ != kNoConnection && taken_over_ != index) {
    copy_grants(taken_over_, index);
  }
  trace(TraceKind::upgraded, static_cast<std::uint64_t>(link.id()), 0, Errc::none);
  feed({.kind = InputKind::dialed,
        .session_present = connection.session.session_resumed(),
        .generation = attempt_generation_});
}

void ClientCore::start_restore() noexcept {
  if (serving_ != kNoConnection || machine_.takeover) {
    swap_dedup_.begin();
    dedup_until_ = Instant::never();
  }
  reconcile_connection(candidate_);
  check_restored();
}

void ClientCore::activate() noexcept {
  const Instant now = host_.now();
  if (serving_ != kNoConnection) retiring_ = serving_;
  serving_ = candidate_;
  candidate_ = kNoConnection;
  Connection& connection = at(serving_);
  connection.epoch = ++epoch_;
  trace(TraceKind::active, static_cast<std::uint64_t>(connection.link.id()), 0, Errc::none);
  if (taken_over_ != kNoConnection && taken_over_ != serving_ && taken_over_ != retiring_) {
    // The broker ended the old connection already: its copies may still be repeated here for a while.
    if (swap_dedup_.active()) dedup_until_ = now + limits::kDedupHold;
    at(taken_over_).session.discard();
    take_back(taken_over_);
    at(taken_over_).has_session = false;
    forget_grants(taken_over_);
  }
  take_back(serving_);
  resend(serving_);
  if (lost_at_ != Instant::never() && !connection.session.session_resumed()) report_gap(lost_at_, now);
  lost_at_ = Instant::never();
  taken_over_ = kNoConnection;
  settle_subscriptions();
}

void ClientCore::drop_candidate() noexcept {
  fetch_.cancel();
  if (candidate_ == kNoConnection) return;
  const std::uint8_t dropped = std::exchange(candidate_, kNoConnection);
  at(dropped).link.abort();
  forget_requests(dropped);
  if (!machine_.takeover && at(dropped).client_id != client_id_) at(dropped).has_session = false;
  if (retiring_ == kNoConnection) swap_dedup_.end();
  settle_subscriptions();
}

void ClientCore::begin_drain() noexcept {
  if (retiring_ != kNoConnection && at(retiring_).session.publishes_in_flight() != 0) return;
  feed({.kind = InputKind::drained});
}

void ClientCore::end_retiring() noexcept {
  if (retiring_ == kNoConnection) return;
  Connection& connection = at(retiring_);
  trace(TraceKind::retired, static_cast<std::uint64_t>(connection.link.id()), 0, Errc::none);
  // what was not acknowledged in time is published on the new connection, as new.
  connection.session.discard();
  take_back(retiring_);
  connection.has_session = false;
  if (connection.link.up()) connection.link.leave(host_.now());
}

// --- A connection ended
// -----------------------------------------------------------------------------------------------------

void ClientCore::on_link_ended(Link& link, const Link::End& end) noexcept {
  const std::uint8_t index = index_of(link);
  trace(TraceKind::closed, static_cast<std::uint64_t>(link.id()), end.error.number(), end.error.code());
  forget_requests(index);
  if (finishing_) {
    if (index == serving_) serving_ = kNoConnection;
    if (index == retiring_) retiring_ = kNoConnection;
    return;
  }
  if (index == retiring_) {
    retiring_ = kNoConnection;
    at(index).session.discard();
    take_back(index);
    at(index).has_session = false;
    forget_grants(index);
    if (swap_dedup_.active()) dedup_until_ = host_.now() + limits::kDedupHold;
    feed({.kind = InputKind::retiring_ended});
    return;
  }
  if (index == candidate_) {
    const InputKind kind = end.stage >= Link::Stage::up ? InputKind::candidate_lost : InputKind::dial_failed;
    feed({.kind = kind,
          .failure = end.failure,
          .generation = attempt_generation_,
          .retry_after = end.error.retry_after()},
         end.error);
    return;
  }
  if (index != serving_) return;
  serving_ = kNoConnection;
  refresh::Failure failure = end.failure;
  const bool expected = machine_.takeover && candidate_ != kNoConnection && at(candidate_).link.sent_connect();
  if (candidate_ != kNoConnection && at(index).client_id == client_id_) taken_over_ = index;
  if (expected) lost_at_ = host_.now();
  // 0x8E that our own new connection caused is no conflict.
  if (expected && failure == refresh::Failure::session_conflict) failure = refresh::Failure::transient;
  if (machine_.phase == Phase::overlap) {
    at(index).session.discard();
    take_back(index);
    at(index).has_session = false;
    forget_grants(index);
  }
  feed({.kind = InputKind::serving_lost,
        .failure = failure,
        .expected = expected,
        .retry_after = end.error.retry_after()},
       end.error);
}

std::uint8_t ClientCore::index_of(const Link& link) const noexcept {
  return connections_[0] != nullptr && &connections_[0]->link == &link ? 0 : 1;
}

// --- The end
// ------------------------------------------------------------------------------------------------------------------

void ClientCore::begin_close() noexcept {
  fetch_.cancel();
  if (candidate_ != kNoConnection) {
    at(candidate_).link.abort();
    candidate_ = kNoConnection;
  }
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
    session_ended_ = true;
    disconnect_over_ = true;
    note_state(Error{});
    if (abandoned_) return;
  }
  if (!disconnect_over_) return;
  disconnect_over_ = false;
  while (!disconnect_waiters_.empty() && !abandoned_) {
    Completion done = std::move(disconnect_waiters_[0]);
    disconnect_waiters_.erase(0);
    call(done, Status{});
  }
}

void ClientCore::forget_session() noexcept {
  machine_ = refresh::State{};
  swap_dedup_.end();
  delivered_.clear();
  dedup_until_ = lost_at_ = retry_filters_at_ = Instant::never();
  prefix_.clear();
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
// ------------------------------------------------------------------------------------------------------------------

void ClientCore::note_state(const Error& reason) noexcept {
  const ConnectionState now_in = mapped_state();
  if (now_in == told_state_) return;
  const StateChange change{.from = std::exchange(told_state_, now_in),
                           .to = now_in,
                           .reason = reason,
                           .next_attempt = now_in == ConnectionState::waiting ? machine_.deadline : Instant::never()};
  trace(TraceKind::state, 0, static_cast<std::uint32_t>(now_in), reason.code());
  call(options_.on_state, change);
}

void ClientCore::report(const Error& error, std::string_view subject, std::uint32_t attempt,
                        Duration next_delay) noexcept {
  trace(TraceKind::error, 0, error.number(), error.code());
  if (abandoned_) return;
  const ErrorReport told{.error = error, .subject = subject, .attempt = attempt, .next_delay = next_delay};
  call(options_.on_error, told);
}

void ClientCore::on_thrown(const CallFailure& failure, const void* callback) noexcept {
  ++stats_.callbacks_threw;
  if (callback == &options_.on_error) return;
  report(Error(Errc::callback_threw, "a callback threw").with_words({.message = failure.view()}), {}, 0,
         Duration::zero());
}

void ClientCore::report_gap(Instant from, Instant to) noexcept {
  ++stats_.gaps;
  call(options_.on_gap, PossibleGap{.from = from, .to = to});
}

void ClientCore::trace(TraceKind kind, std::uint64_t connection, std::uint32_t number, Errc error) noexcept {
  if (config_.options.trace == nullptr || abandoned_) return;
  config_.options.trace->record(
      {.at = host_.now(), .connection = connection, .number = number, .size = 0, .kind = kind, .error = error});
}

}  // namespace axonpush::inline v0
