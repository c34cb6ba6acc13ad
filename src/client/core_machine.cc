// The refresh machine's actions, and what it is fed: fetches, dials, the swap, the ends of connections.
#include <new>
#include <utility>

#include "base/alloc.h"
#include "base/text_writer.h"
#include "client/core.h"

namespace axonpush::inline v0 {

using refresh::Input;
using refresh::InputKind;
using refresh::Phase;

std::uint32_t ClientCore::draw() noexcept {
  std::uint8_t bytes[4];
  // Without entropy the middle is as good as anything: the draw spreads load, it protects nothing.
  return host_.entropy().fill(bytes) ? load_be32(bytes) : 0x80000000U;
}

void ClientCore::feed(const Input& input, const Error& error) noexcept {
  [[maybe_unused]] const bool queued = inputs_.push_back({input, error});
  AXONPUSH_ASSERT(queued);
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
    trace(TraceKind::input, 0, static_cast<std::uint32_t>(queued.input.kind), queued.error.code(),
          static_cast<std::uint32_t>(before.phase));
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
    // What was lost before and never made good counts from there. A path may have been dead long before that showed.
    if (lost_at_ == Instant::never()) lost_at_ = whole_until_;
    trace(TraceKind::lost, 0, 0, error.code());
  }
  if (has(refresh::kDropCandidate)) drop_candidate();
  if (has(refresh::kStartFetch)) start_fetch();
  if (has(refresh::kStartDial)) start_dial(before.phase == Phase::reconnect_wait ? Credit::at_hand : Credit::fresh);
  if (has(refresh::kStartRestore)) start_restore();
  if (has(refresh::kActivate)) activate();
  if (has(refresh::kPromoteRetiring)) {
    serving_ = std::exchange(retiring_, kNoConnection);
    overlap_began_at_ = Instant::never();
    ask_for_refused(serving_);
  }
  if (has(refresh::kBeginDrain)) begin_drain();
  if (has(refresh::kEndRetiring)) end_retiring();
  if (has(refresh::kSwapped)) ++stats_.swaps;
  if (has(refresh::kConnected)) {
    if (before.phase == Phase::first_dial) {
      complete_connect(Error{}, connect_waiters_.size());
    } else {
      ++stats_.reconnects;
    }
  }
  if (abandoned_) return;
  if (has(refresh::kConnectFailed)) {
    // Nobody has a handle to disconnect with before the first connection, so it has failed by itself.
    AXONPUSH_ASSERT(!has(refresh::kBeginClose) && error);
    connect_error_ = error;
    finish();
  }
  // CONTRACT 6.7: every failed attempt is told, with its number and the next delay. FAULTS R-02 would have it once for
  // each cause; where they disagree CONTRACT wins, and who listens can tell by the attempt's number.
  if (has(refresh::kReportFailure) || has(refresh::kReportLost)) {
    const bool serving = refresh::has_serving(machine_.phase);
    if (serving) ++stats_.refresh_failures;
    const std::uint32_t attempt = !has(refresh::kReportFailure) ? 0
                                  : serving                     ? machine_.refresh_failures
                                                                : machine_.reconnect_failures;
    const Duration next = machine_.deadline == Instant::never() ? Duration::zero() : machine_.deadline - now;
    if (has(refresh::kReportConflict) && machine_.conflicts >= 3) {
      report(Error(Errc::session_conflict, "another process keeps connecting with this client id"), {}, attempt, next);
    } else {
      AXONPUSH_ASSERT(error);
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
  if (Error error = check_broker(credentials)) {
    on_fetch_failed(error);
    return;
  }
  if (!take_identity(credentials)) {
    on_fetch_failed(Error(Errc::internal, "the source of entropy failed"));
    return;
  }
  trace(TraceKind::fetch_done, 0, 200, Errc::none);
  // U-09: the two names should be one. The URL is what counts; whoever watches the counter sees the difference.
  const Result<http::Url> url = http::parse_url(credentials.url.reveal());
  if (!credentials.endpoint.empty() && url->host != credentials.endpoint.view()) ++stats_.endpoint_differs;
  credentials_ = std::move(credentials);
  topic_memo_.forget();  // their envSlug is a default of topics
  expires_at_ = sent_at + life_left;
  const bool same = serving_ != kNoConnection && at(serving_).client_id == client_id_;
  const bool too_short = expires_at_ - host_.now() < refresh::detail::kDialLifeMin;
  feed({.kind = InputKind::fetched,
        .same_client_id = same,
        .generation = attempt_generation_,
        .life_left = life_left,
        .sent_at = sent_at},
       too_short ? Error(Errc::credentials_expired, "the credentials have less than 5 s to live") : Error{});
}

void ClientCore::on_fetch_failed(const Error& error) noexcept {
  trace(TraceKind::fetch_failed, 0, error.number(), error.code());
  feed({.kind = InputKind::fetch_failed, .generation = attempt_generation_, .retry_after = error.retry_after()}, error);
}

// What the credentials name must be reachable by the rules, and must not move a live session to another prefix (C-09).
Error ClientCore::check_broker(const Credentials& credentials) const noexcept {
  const Result<http::Url> url = http::parse_url(credentials.url.reveal());
  AXONPUSH_ASSERT(url.ok());  // parse_credentials() takes nothing but ws and wss URLs
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
    topic_memo_.forget();
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
  terms.suback_timeout = options_.suback_timeout;
  terms.puback_timeout = options_.puback_timeout;
  terms.pingresp_timeout = options_.pingresp_timeout;
  terms.packet_timeout = options_.packet_timeout;
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

void ClientCore::start_dial(Credit credit) noexcept {
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
    connection.has_session = connection.in_doubt = false;  // until a CONNACK says otherwise
    connection.stood = true;
  }
  if (takes_over) {
    // What the broker has not seen our PUBACK of comes again on the new connection, with an id or without.
    begin_dedup(Twins::by_packet_id);
  }
  // CONTRACT 3: Clean Start 0 for a client id this client has had a session for.
  wanted.had_session = resumes || takes_over;
  wanted.clean_start = !wanted.had_session;
  trace(TraceKind::dial_started, connection_ids_ + 1, 0, Errc::none);
  // R-45, I-15: the upgrade leaves before the credentials expire, and with some life left when they are not fresh.
  const Instant usable_until = credit == Credit::fresh ? expires_at_ : expires_at_ - refresh::detail::kDialLifeMin;
  connection.link.dial(credentials_, client_id_.view(), connection.session, wanted, usable_until, host_.now());
}

void ClientCore::before_connack(Link& link) noexcept {
  const std::uint8_t index = index_of(link);
  AXONPUSH_ASSERT(index == candidate_);
  if (taken_over_ == kNoConnection && serving_ != kNoConnection && at(serving_).client_id == client_id_) {
    taken_over_ = serving_;
    whole_until_ = at(serving_).session.whole_until();
  }
  // FAULTS R-38: the broker moved the session to this connection; what is in flight moves along.
  if (taken_over_ == kNoConnection || taken_over_ == index) return;
  at(index).session.adopt(at(taken_over_).session);
  at(taken_over_).has_session = false;
  at(index).in_doubt = at(index).in_doubt || at(taken_over_).in_doubt;
  at(index).stood = at(taken_over_).stood;
}

void ClientCore::on_link_up(Link& link) noexcept {
  const std::uint8_t index = index_of(link);
  Connection& connection = at(index);
  connection.has_session = true;
  connection.epoch = ++epoch_;
  // A takeover that did not bring the session along: the old connection is over from here on (CONTRACT 6.6).
  if (taken_over_ != kNoConnection && !connection.session.session_resumed() && lost_at_ == Instant::never()) {
    lost_at_ = whole_until_;
  }
  // What the lost connection left unanswered is asked anew; until it is taken, the session lends no quota.
  take_back(index);
  if (!connection.session.session_resumed()) {
    connection.stood = false;
    forget_grants(index);
  } else if (taken_over_ != kNoConnection && taken_over_ != index) {
    copy_grants(taken_over_, index);
  }
  if (connection.in_doubt) doubt_grants(index);
  trace(TraceKind::upgraded, static_cast<std::uint64_t>(link.id()), 0, Errc::none);
  feed({.kind = InputKind::dialed,
        .session_present = connection.session.session_resumed(),
        .generation = attempt_generation_});
}

// The new connection's CONNECT will end the serving one.
bool ClientCore::about_to_take_over() noexcept {
  return machine_.takeover && candidate_ != kNoConnection && at(candidate_).link.stage() >= Link::Stage::upgraded;
}

// A takeover cuts off the PUBACKs that are on their way, and what is published again arrives twice. So CONNECT waits,
// for a bounded time, until the serving connection's publishes are acknowledged; new ones wait in the queue.
void ClientCore::connect_candidate(Instant now) noexcept {
  if (candidate_ == kNoConnection || at(candidate_).link.stage() != Link::Stage::upgraded) return;
  if (machine_.takeover && serving_ != kNoConnection && at(serving_).link.up() &&
      (at(serving_).session.publishes_in_flight() != 0 || at(serving_).publishes_in_cork)) {
    return;
  }
  at(candidate_).link.connect(now);
}

// CONTRACT 6.4: what the last connection before the serving one delivered is remembered for 5 s after its end, even
// when the next swap begins within them: the serving one may bring its copy late.
void ClientCore::begin_dedup(Twins twins) noexcept {
  twins_ = twins;
  handed_over_ = serving_;
  if (swap_dedup_.active() && dedup_until_ != Instant::never()) {
    swap_dedup_.carry_over(side_of(serving_));
    dedup_carried_until_ = dedup_until_;
  } else {
    swap_dedup_.begin(host_.swap_events_max());
    dedup_carried_until_ = Instant::never();
  }
  dedup_until_ = Instant::never();
}

void ClientCore::end_dedup() noexcept {
  swap_dedup_.end();
  dedup_until_ = dedup_carried_until_ = Instant::never();
}

void ClientCore::start_restore() noexcept {
  if (serving_ != kNoConnection && !machine_.takeover) begin_dedup(Twins::by_content);
  reconcile_connection(candidate_);
  check_restored();
}

void ClientCore::activate() noexcept {
  const Instant now = host_.now();
  // One that was retired before may still be read; what is asked of it stands.
  const bool overlaps = serving_ != kNoConnection;
  if (overlaps) {
    retiring_ = serving_;
    overlap_began_at_ = Instant::never();
  }
  serving_ = candidate_;
  candidate_ = kNoConnection;
  Connection& connection = at(serving_);
  // what was published on the old one is written before the new one's first.
  if (retiring_ != kNoConnection) at(retiring_).link.flush(now);
  // The old one is asked for a sign of life: its PINGRESP comes behind everything that was meant for it alone. Where it
  // does not come, some of that may be missing, and its path may have been dead for long.
  if (overlaps && taken_over_ != retiring_) {
    overlap_began_at_ = now;
    at(retiring_).link.ping(now);
  }
  trace(TraceKind::active, static_cast<std::uint64_t>(connection.link.id()), 0, Errc::none);
  // The broker ended the old connection already: its copies may still be repeated here for a while.
  const bool took_over = taken_over_ != kNoConnection && taken_over_ != serving_ && taken_over_ != retiring_;
  if (took_over && swap_dedup_.active()) dedup_until_ = now + limits::kDedupHold;
  // A session that was taken over, or one lost with credentials that named another client id: nobody resumes it now,
  // and what it left is published here.
  for (std::uint8_t index = 0; index < kConnections; ++index) {
    if (index == serving_ || index == retiring_ || connections_[index] == nullptr) continue;
    at(index).session.discard();
    take_back(index);
    at(index).has_session = false;
    forget_grants(index);
  }
  take_back(serving_);
  resend(serving_);
  taken_over_ = kNoConnection;
  // What was published since the loss waited in the session, if that held every subscription and was ours alone.
  const bool waited = connection.session.session_resumed() && connection.stood && !connection.in_doubt;
  connection.in_doubt = false;
  connection.stood = true;
  const Instant lost = std::exchange(lost_at_, Instant::never());
  if (lost != Instant::never() && !waited) {
    connection.session.forgo_until(now);
    report_gap(lost, now);
    if (abandoned_) return;  // by the callback that was told of the gap
  }
  settle_subscriptions();
}

// CONNECT went out and its answer will not come. The broker may have had nothing to resume and begun a session with it:
// the next CONNACK then tells of Session Present, and the session holds no subscription. So they are asked for anew,
// and a gap is possible.
void ClientCore::doubt_session(std::uint8_t connection) noexcept {
  for (Connection* other : connections_) {
    if (other != nullptr && other->has_session && other->client_id == at(connection).client_id) other->in_doubt = true;
  }
}

void ClientCore::drop_candidate() noexcept {
  fetch_.cancel();
  if (candidate_ == kNoConnection) return;
  const std::uint8_t dropped = std::exchange(candidate_, kNoConnection);
  if (at(dropped).link.stage() == Link::Stage::connecting) doubt_session(dropped);
  at(dropped).link.abort();
  forget_requests(dropped);
  // Once it had its CONNACK it had the other's session too: what follows resumes its own.
  if (taken_over_ != kNoConnection && !at(taken_over_).has_session) taken_over_ = kNoConnection;
  AXONPUSH_ASSERT(at(dropped).client_id == client_id_);  // nothing is fetched while it is being made ready
  // What the candidate delivered may still be on its way on the connection that serves.
  if (retiring_ == kNoConnection && swap_dedup_.active()) dedup_until_ = host_.now() + limits::kDedupHold;
  settle_subscriptions();
}

void ClientCore::begin_drain() noexcept {
  AXONPUSH_ASSERT(retiring_ != kNoConnection);
  Connection& connection = at(retiring_);
  // The answer that counts is still missing, be it because so many events were under way.
  if (overlap_began_at_ != Instant::never() && connection.session.whole_until() < overlap_began_at_) {
    connection.link.ping(host_.now());
  }
  if (connection.session.publishes_in_flight() != 0) return;
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

void ClientCore::on_link_ended(Link& link, const Link::End& end) noexcept {
  const std::uint8_t index = index_of(link);
  trace(TraceKind::closed, static_cast<std::uint64_t>(link.id()), end.error.number(), end.error.code());
  forget_requests(index);
  fail_unwritten(index, end.error);
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
    dedup_until_ = host_.now() + limits::kDedupHold;
    const Instant began = std::exchange(overlap_began_at_, Instant::never());
    const Instant whole_until = at(index).session.whole_until();
    if (began != Instant::never() && whole_until < began) report_gap(whole_until, began);
    if (abandoned_) return;
    feed({.kind = InputKind::retiring_ended});
    return;
  }
  if (index == candidate_) {
    if (end.stage == Link::Stage::connecting || end.failure == refresh::Failure::session_conflict) doubt_session(index);
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
  whole_until_ = at(index).session.whole_until();
  refresh::Failure failure = end.failure;
  const bool expected = machine_.takeover && candidate_ != kNoConnection && at(candidate_).link.sent_connect();
  if (candidate_ != kNoConnection && at(index).client_id == client_id_) taken_over_ = index;
  if (expected && lost_at_ == Instant::never()) lost_at_ = whole_until_;
  // What is left of a swap is one connection: its copies may come for a while, and not for ever. Where it was the last,
  // nobody is left to bring one; what the broker sends again on a session is not the swap's business.
  if (!expected && swap_dedup_.active()) {
    if (dedup_until_ == Instant::never()) {
      dedup_until_ = host_.now() + limits::kDedupHold;
    } else {
      end_dedup();
    }
  }
  if (failure == refresh::Failure::session_conflict) {
    // 0x8E that our own new connection caused is no conflict, be it that this one was given up since. Otherwise another
    // process had the session, and what came to it meanwhile we have not.
    const bool ours = expected || !at(index).has_session;
    if (ours) failure = refresh::Failure::transient;
    at(index).in_doubt = at(index).in_doubt || !ours;
  }
  if (machine_.phase == Phase::overlap || machine_.phase == Phase::drain) {
    // The old one serves again, as far as it is still whole, and its session has its own publishes only. Where it is
    // not, a session that is resumed beside it would repeat what it delivered.
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
  return &connections_[0]->link == &link ? 0 : 1;  // the first is made before the second, and goes with it
}

}  // namespace axonpush::inline v0
