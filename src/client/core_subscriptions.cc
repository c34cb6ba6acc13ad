// The wanted set: filters and their listeners, reconciled with what each connection's broker has granted.
#include "client/core.h"

#include <algorithm>
#include <utility>

namespace axonpush::inline v0 {

using refresh::InputKind;
using refresh::Phase;

namespace {

constexpr std::size_t kSubscribeBytes =
    limits::kMqttFixedHeaderBytes + 2 + 1 + limits::kFiltersPerSubscribe * (2 + limits::kTopicOutBytes + 1);
// refused for now, not for good.
constexpr bool retryable(mqtt::ReasonCode reason) noexcept {
  return reason == mqtt::ReasonCode::quota_exceeded || reason == mqtt::ReasonCode::packet_identifier_in_use ||
         reason == mqtt::ReasonCode::implementation_specific_error;
}
constexpr std::uint8_t kRefusalsMax = 3;
constexpr Duration kRefusalWaits[] = {seconds(5), seconds(15), seconds(30)};

Error error_of_refusal(mqtt::ReasonCode reason) noexcept {
  return Error(Errc::suback_failed, "the broker refused the topic filter")
      .with_number(static_cast<std::uint8_t>(reason));
}

}  // namespace

TopicDefaults ClientCore::topic_defaults() const noexcept {
  const std::string_view own = options_.environment.empty() ? std::string_view(config_.options.environment)
                                                            : std::string_view(options_.environment);
  return {.prefix = prefix_.view(),
          .environment = own,
          .env_slug = credentials_.env_slug.view(),
          .app_id = config_.options.app_id,
          .prefix_checked = !prefix_.empty()};  // with the credentials that brought it
}

// --- The calls

std::uint32_t ClientCore::find_filter(std::string_view topic_filter) const noexcept {
  for (std::uint32_t index = filters_.next(0); index != kNoSlot; index = filters_.next(index + 1)) {
    if (filters_[index].topic_filter.view() == topic_filter) return index;
  }
  return kNoSlot;
}

Result<std::uint32_t> ClientCore::filter_of(const SubscribeFilter& filter) noexcept {
  char text[limits::kTopicOutBytes];
  const Result<std::size_t> size = write_subscribe_filter(text, topic_defaults(),
                                                          {.environment = filter.environment,
                                                           .app_id = filter.app_id,
                                                           .channel_id = filter.channel_id,
                                                           .event_type = filter.event_type,
                                                           .agent_id = filter.agent_id});
  if (!size.ok()) return size.error();
  const std::string_view topic_filter(text, *size);
  const std::uint32_t known = find_filter(topic_filter);
  if (known != kNoSlot) return known;
  if (filters_.size() >= options_.subscriptions_max) {
    return Error(Errc::quota, "as many filters are subscribed as the broker allows");
  }
  if (serving_ != kNoConnection && at(serving_).link.up()) {
    const Status allowed = at(serving_).session.check_filter(topic_filter);
    if (!allowed.ok()) return allowed.error();
  }
  const std::uint32_t added = filters_.add();
  if (added == kNoSlot) return Error(Errc::no_memory, "no memory for a subscription");
  static_cast<void>(filters_[added].topic_filter.assign(topic_filter));
  filters_[added].slug_environment = names_no_environment(filter);
  return added;
}

Result<Subscription> ClientCore::subscribe(std::uint64_t session, const SubscribeFilter& filter, EventCallback callback,
                                           Completion done, Body body) noexcept {
  if (!usable(session)) return Error(Errc::closed, "the session has ended");
  if (!callback) return Error(Errc::invalid_argument, "subscribe needs a callback");
  if (filter.trace_id.size() > limits::kHeaderOptionBytes) {
    return Error(Errc::invalid_argument, "the trace id of a filter is over 256 bytes");
  }
  const Result<std::uint32_t> found = filter_of(filter);
  if (!found.ok()) return found.error();
  Filter& wanted = filters_[*found];
  if (wanted.listeners >= limits::kCallbacksPerFilter) {
    return Error(Errc::quota, "1,000 callbacks are registered for this filter already");
  }
  const std::uint32_t index = listeners_.add();
  const Result<DispatchHandle> dispatched =
      index == kNoSlot ? Result<DispatchHandle>(Error(Errc::no_memory, "no memory for a subscription"))
                       : dispatch_.add(wanted.topic_filter.view(), index);
  if (!dispatched.ok()) {
    if (index != kNoSlot) listeners_.release(index);
    want_reconcile();  // which frees the filter, if nobody else wants it
    return dispatched.error();
  }
  Listener& listener = listeners_[index];
  listener.callback = std::move(callback);
  listener.done = std::move(done);
  static_cast<void>(listener.trace_id.assign(filter.trace_id));
  listener.dispatch = *dispatched;
  listener.filter = *found;
  listener.generation = ++listener_generation_;
  listener.body = body;
  listener.waiting = true;
  ++wanted.listeners;
  // A new wish is a new chance for a filter that was refused before.
  if (wanted.lost || wanted.refused_with != mqtt::ReasonCode::success) {
    wanted.lost = false;
    wanted.refusals = 0;
    wanted.refused_with = mqtt::ReasonCode::success;
    wanted.retry_at = Instant::never();
  }
  want_reconcile();
  return Subscription{.slot = index, .generation = listener.generation, .session = session};
}

void ClientCore::want_reconcile() noexcept {
  reconcile_wanted_ = true;
  host_.request_turn(Host::When::later);
}

Status ClientCore::unsubscribe(std::uint64_t session, Subscription subscription, Completion done) noexcept {
  if (!usable(session)) return Error(Errc::closed, "the session has ended");
  if (subscription.session != session) {
    return Error(Errc::invalid_argument, "the subscription belongs to another session");
  }
  std::uint32_t filter = kNoSlot;
  if (listeners_.used(subscription.slot)) {
    const Listener& listener = listeners_[subscription.slot];
    if (listener.generation == subscription.generation && !listener.removed && listener.filter != kNoSlot) {
      filter = listener.filter;
      remove_listener(subscription.slot);
    }
  }
  return await_unsubscribed(filter, std::move(done));
}

Status ClientCore::unsubscribe(std::uint64_t session, const SubscribeFilter& filter, Completion done) noexcept {
  if (!usable(session)) return Error(Errc::closed, "the session has ended");
  char text[limits::kTopicOutBytes];
  const Result<std::size_t> size = write_subscribe_filter(text, topic_defaults(),
                                                          {.environment = filter.environment,
                                                           .app_id = filter.app_id,
                                                           .channel_id = filter.channel_id,
                                                           .event_type = filter.event_type,
                                                           .agent_id = filter.agent_id});
  if (!size.ok()) return size.error();
  const std::string_view topic_filter(text, *size);
  std::uint32_t found = find_filter(topic_filter);
  if (found != kNoSlot) remove_listeners_of(found, filter.trace_id);
  // C-10: the slug may have changed since; a filter without an environment means the one it was created with.
  for (std::uint32_t at = filters_.next(0); names_no_environment(filter) && at != kNoSlot; at = filters_.next(at + 1)) {
    const Filter& other = filters_[at];
    const std::string_view rest = behind_environment(other.topic_filter.view());
    if (at == found || !other.slug_environment || rest != behind_environment(topic_filter)) continue;
    remove_listeners_of(at, filter.trace_id);
    if (found == kNoSlot) found = at;
  }
  return await_unsubscribed(found, std::move(done));
}

void ClientCore::remove_listeners_of(std::uint32_t filter, std::string_view trace_id) noexcept {
  for (std::uint32_t at = listeners_.next(0); at != kNoSlot; at = listeners_.next(at + 1)) {
    const Listener& listener = listeners_[at];
    const bool same_trace = trace_id.empty() || listener.trace_id.view() == trace_id;
    if (listener.filter == filter && !listener.removed && same_trace) remove_listener(at);
  }
}

bool ClientCore::names_no_environment(const SubscribeFilter& filter) const noexcept {
  return filter.environment.empty() && options_.environment.empty() && config_.options.environment.empty();
}

// "/app/channel/type/agent" of a topic filter: what stands behind prefix and environment.
std::string_view ClientCore::behind_environment(std::string_view topic_filter) const noexcept {
  const std::size_t slash = topic_filter.find('/', prefix_.view().size() + 1);
  return topic_filter.substr(std::min(slash, topic_filter.size()));
}

// The completion of an unsubscribe runs in a turn, once the broker has nothing of the filter any more.
Status ClientCore::await_unsubscribed(std::uint32_t filter, Completion done) noexcept {
  want_reconcile();  // the callback is taken off, whether there is memory for the completion or not
  if (!done) return {};
  const std::uint32_t waiter = unsubscribe_waiters_.add();
  if (waiter == kNoSlot) return Error(Errc::no_memory, "no memory for the completion of unsubscribe");
  unsubscribe_waiters_[waiter].done = std::move(done);
  unsubscribe_waiters_[waiter].filter = filter;
  return {};
}

Result<EventHandler> ClientCore::on_event(std::uint64_t session, EventCallback callback) noexcept {
  if (!usable(session)) return Error(Errc::closed, "the session has ended");
  if (!callback) return Error(Errc::invalid_argument, "on_event needs a callback");
  const std::uint32_t index = listeners_.add();
  if (index == kNoSlot) return Error(Errc::no_memory, "no memory for an event handler");
  Listener& listener = listeners_[index];
  listener.callback = std::move(callback);
  listener.generation = ++listener_generation_;
  // Appended, so that handlers run in the order of their registration.
  std::uint32_t* link = &first_handler_;
  while (*link != kNoSlot) link = &listeners_[*link].next_handler;
  *link = index;
  return EventHandler{.slot = index, .generation = listener.generation, .session = session};
}

Status ClientCore::off_event(std::uint64_t session, EventHandler handler) noexcept {
  if (!usable(session)) return Error(Errc::closed, "the session has ended");
  if (handler.session != session) return Error(Errc::invalid_argument, "the handler belongs to another session");
  if (!listeners_.used(handler.slot)) return {};
  const Listener& listener = listeners_[handler.slot];
  if (listener.generation == handler.generation && !listener.removed && listener.filter == kNoSlot) {
    remove_listener(handler.slot);
  }
  return {};
}

// --- Listeners

// From here on its callback does not start. The slot is freed once no dispatch can hold it any more.
void ClientCore::remove_listener(std::uint32_t index) noexcept {
  Listener& listener = listeners_[index];
  listener.removed = true;
  listeners_removed_ = true;
  if (listener.filter != kNoSlot) {
    dispatch_.remove(listener.dispatch);
    --filters_[listener.filter].listeners;
  }
  host_.request_turn(Host::When::later);
}

void ClientCore::free_removed_listeners() noexcept {
  if (!listeners_removed_) return;
  listeners_removed_ = false;
  for (std::uint32_t at = listeners_.next(0); at != kNoSlot; at = listeners_.next(at + 1)) {
    if (!listeners_[at].removed) continue;
    // A subscribe that was undone before the broker answered is still told: undone.
    Completion done = std::move(listeners_[at].done);
    EventCallback callback = std::move(listeners_[at].callback);
    // Only now: what runs below may take off others, which this loop meets as well.
    if (listeners_[at].filter == kNoSlot) unlink_handler(at);
    listeners_.release(at);
    call_last(done, Status(Error(Errc::closed, "the subscription was taken off before the broker granted it")));
    drop(callback);
    if (abandoned_) return;
  }
}

void ClientCore::unlink_handler(std::uint32_t index) noexcept {
  std::uint32_t* link = &first_handler_;
  while (*link != index) link = &listeners_[*link].next_handler;
  *link = listeners_[index].next_handler;
}

// All callbacks of a filter go; whoever still waits for the broker's answer is told `told`.
void ClientCore::drop_listeners_of(std::uint32_t filter, const Error& told) noexcept {
  for (std::uint32_t at = listeners_.next(0); at != kNoSlot; at = listeners_.next(at + 1)) {
    if (listeners_[at].filter != filter || listeners_[at].removed) continue;
    Completion done = std::move(listeners_[at].done);
    listeners_[at].waiting = false;
    remove_listener(at);
    call_last(done, Status(told));
    if (abandoned_) return;
  }
}

void ClientCore::free_filter_if_unused(std::uint32_t index) noexcept {
  const Filter& filter = filters_[index];
  if (filter.listeners != 0) return;
  for (const Grant grant : filter.grants) {
    if (grant == Grant::pending || grant == Grant::granted || grant == Grant::leaving || grant == Grant::unknown)
      return;
  }
  tell_unsubscribed(index, Status{});
  // Whoever was told may have subscribed to it again.
  if (!abandoned_ && filters_[index].listeners == 0) filters_.release(index);
}

void ClientCore::tell_unsubscribed(std::uint32_t filter, const Status& status) noexcept {
  for (std::uint32_t at = unsubscribe_waiters_.next(0); at != kNoSlot; at = unsubscribe_waiters_.next(at + 1)) {
    if (unsubscribe_waiters_[at].filter != filter) continue;
    Completion done = std::move(unsubscribe_waiters_[at].done);
    unsubscribe_waiters_.release(at);
    call_last(done, status);
    if (abandoned_) return;
  }
}

// --- Reconciling

// What is wanted against what each connection has: the difference goes out, at most 8 filters a packet (CONTRACT 7).
// Whatever was undone within a turn never shows: the last intent wins (T-10).
void ClientCore::reconcile() noexcept {
  reconcile_wanted_ = false;
  const Instant now = host_.now();
  retry_filters_at_ = Instant::never();
  for (std::uint32_t index = filters_.next(0); index != kNoSlot; index = filters_.next(index + 1)) {
    Filter& filter = filters_[index];
    // A pause that another connection's refusal began is over when this one has granted it: the next one is to have it.
    const bool stands = serving_ != kNoConnection && filter.grants[serving_] == Grant::granted;
    if (stands || filter.retry_at <= now) filter.retry_at = Instant::never();
    if (!wanted(filter)) {
      filter.missing_since = Instant::never();
      continue;
    }
    retry_filters_at_ = earlier_of(retry_filters_at_, filter.retry_at);
  }
  if (serving_ != kNoConnection) reconcile_connection(serving_);
  if (retiring_ != kNoConnection) reconcile_connection(retiring_);
  const bool restoring = machine_.phase == Phase::live_restore || machine_.phase == Phase::restore;
  if (candidate_ != kNoConnection && restoring) {
    reconcile_connection(candidate_);
    check_restored();
  }
  // A filter kept by somebody else needs no word of the broker for its waiters.
  for (std::uint32_t at = unsubscribe_waiters_.next(0); at != kNoSlot; at = unsubscribe_waiters_.next(at + 1)) {
    const std::uint32_t filter = unsubscribe_waiters_[at].filter;
    if (filter == kNoSlot || !filters_.used(filter) || filters_[filter].listeners != 0) {
      tell_unsubscribed(filter, Status{});
      if (abandoned_) return;
    }
  }
  for (std::uint32_t index = filters_.next(0); index != kNoSlot; index = filters_.next(index + 1)) {
    free_filter_if_unused(index);
    if (abandoned_) return;
  }
  settle_subscriptions();
}

void ClientCore::reconcile_connection(std::uint8_t connection) noexcept {
  if (!at(connection).link.up()) return;
  for (const bool unsubscribing : {false, true}) {
    Batch batch;
    batch.connection = connection;
    batch.unsubscribe = unsubscribing;
    for (std::uint32_t index = filters_.next(0); index != kNoSlot; index = filters_.next(index + 1)) {
      const Filter& filter = filters_[index];
      const Grant grant = filter.grants[connection];
      const bool unknown = grant == Grant::unknown;
      const bool due = unsubscribing
                           ? !wanted(filter) && (grant == Grant::granted || unknown)
                           : wanted(filter) && (grant == Grant::none || unknown) && filter.retry_at == Instant::never();
      if (!due) continue;
      batch.filters[batch.count++] = index;
      if (batch.count < limits::kFiltersPerSubscribe) continue;
      if (!send_batch(connection, batch)) return;
      batch.count = 0;
    }
    if (batch.count != 0 && !send_batch(connection, batch)) return;
  }
}

// False when nothing more can be sent now; the next answer brings the next try.
bool ClientCore::send_batch(std::uint8_t connection, const Batch& batch) noexcept {
  std::uint32_t token = 0;
  while (token < kBatches && batches_[token].count != 0) ++token;
  Connection& target = at(connection);
  if (token == kBatches) return false;
  const Result<std::uint16_t> packet_id =
      batch.unsubscribe ? target.session.begin_unsubscribe(token, batch.count, host_.now())
                        : target.session.begin_subscribe(token, batch.count, options_.qos, host_.now());
  if (!packet_id.ok()) return false;  // as many requests are in flight as may be
  std::uint8_t packet[kSubscribeBytes];
  std::size_t size = 0;
  if (batch.unsubscribe) {
    std::string_view topic_filters[limits::kFiltersPerSubscribe];
    for (std::size_t at = 0; at < batch.count; ++at)
      topic_filters[at] = filters_[batch.filters[at]].topic_filter.view();
    size = mqtt::encode_unsubscribe(packet, *packet_id, {}, std::span(topic_filters, batch.count));
  } else {
    mqtt::SubscriptionRequest requests[limits::kFiltersPerSubscribe];
    for (std::size_t at = 0; at < batch.count; ++at) {
      requests[at].topic_filter = filters_[batch.filters[at]].topic_filter.view();
      requests[at].qos_max = options_.qos;
    }
    size = mqtt::encode_subscribe(packet, *packet_id, {}, std::span(requests, batch.count));
  }
  AXONPUSH_ASSERT(size != 0);  // kSubscribeBytes holds 8 filters of the greatest length
  if (!target.link.append(Bytes(packet).first(size))) return false;
  batches_[token] = batch;
  for (std::size_t at = 0; at < batch.count; ++at) {
    Filter& filter = filters_[batch.filters[at]];
    filter.may_stand[connection] = filter.grants[connection] == Grant::unknown;
    filter.grants[connection] = batch.unsubscribe ? Grant::leaving : Grant::pending;
  }
  return true;
}

void ClientCore::on_link_subscribed(Link& link, std::uint32_t token, Bytes reasons) noexcept {
  const std::uint8_t connection = index_of(link);
  const Batch batch = std::exchange(batches_[token], Batch{});
  AXONPUSH_ASSERT(reasons.size() == batch.count);  // the session has seen to it
  for (std::size_t at = 0; at < batch.count; ++at) {
    const auto reason = static_cast<mqtt::ReasonCode>(reasons[at]);
    Filter& filter = filters_[batch.filters[at]];
    filter.grants[connection] = mqtt::failed(reason) ? Grant::refused : Grant::granted;
    if (!mqtt::failed(reason)) {
      filter.refusals = 0;
      filter.refused_with = mqtt::ReasonCode::success;
    } else {
      on_refused(connection, batch.filters[at], reason);
    }
    if (abandoned_) return;
  }
  reconcile_wanted_ = true;
  settle_subscriptions();
  if (!abandoned_ && connection == candidate_) check_restored();
}

// on the one connection there is, a filter is refused for good, or for now and tried again up to three
// times. On a new connection beside one where it is live, the swap is held up: three times, then the filter is lost.
void ClientCore::on_refused(std::uint8_t connection, std::uint32_t index, mqtt::ReasonCode reason) noexcept {
  // What a connection on its way out refuses nobody needs, unless it has to serve again.
  if (connection == retiring_) return;
  Filter& filter = filters_[index];
  filter.refusals = filter.refused_with == reason ? static_cast<std::uint8_t>(filter.refusals + 1) : std::uint8_t{1};
  filter.refused_with = reason;
  const Error error = error_of_refusal(reason);
  const bool live_elsewhere =
      connection == candidate_ && serving_ != kNoConnection && filter.grants[serving_] == Grant::granted;
  if (live_elsewhere) {
    // check_restored() gives the attempt up once every answer is in, so that each refused filter has counted.
    if (filter.refusals < kRefusalsMax) return;
    filter.lost = true;
    if (filter.may_stand[connection]) filter.grants[connection] = Grant::unknown;
    report(error, filter.topic_filter.view(), filter.refusals, Duration::zero());
    return;
  }
  // MQTT 5 3.8.4 does not say what a refusal does to a subscription that stands: it is asked for or taken off again.
  if (filter.may_stand[connection]) filter.grants[connection] = Grant::unknown;
  if (retryable(reason) && filter.refusals <= kRefusalsMax) {
    filter.grants[connection] = filter.after_refusal(connection);
    filter.retry_at = host_.now() + kRefusalWaits[filter.refusals - 1];
    filter.missing_since = earlier_of(filter.missing_since, host_.now());
    retry_filters_at_ = earlier_of(retry_filters_at_, filter.retry_at);
    return;
  }
  const bool was_live = filter.established;
  drop_listeners_of(index, error);
  // Nobody waits for an answer about a subscription that had been granted once: it is reported, once.
  if (!abandoned_ && was_live) report(error, filters_[index].topic_filter.view(), 0, Duration::zero());
}

void ClientCore::on_link_unsubscribed(Link& link, std::uint32_t token, Bytes reasons) noexcept {
  const std::uint8_t connection = index_of(link);
  const Batch batch = std::exchange(batches_[token], Batch{});
  AXONPUSH_ASSERT(reasons.size() == batch.count);
  for (std::size_t at = 0; at < batch.count; ++at) {
    const auto reason = static_cast<mqtt::ReasonCode>(reasons[at]);
    Filter& filter = filters_[batch.filters[at]];
    filter.grants[connection] = Grant::none;
    if (mqtt::failed(reason)) {
      const Error error = Error(Errc::suback_failed, "the broker refused to unsubscribe the topic filter")
                              .with_number(static_cast<std::uint8_t>(reason));
      tell_unsubscribed(batch.filters[at], Status(error));
      if (abandoned_) return;
    }
  }
  reconcile_wanted_ = true;
}

// The old connection serves again: what it refused while it was on its way out is asked for once more.
void ClientCore::ask_for_refused(std::uint8_t connection) noexcept {
  for (std::uint32_t index = filters_.next(0); index != kNoSlot; index = filters_.next(index + 1)) {
    Filter& filter = filters_[index];
    if (filter.grants[connection] == Grant::refused) filter.grants[connection] = filter.after_refusal(connection);
    // It stood on the other one alone.
    if (filter.established && filter.grants[connection] != Grant::granted) {
      filter.missing_since = earlier_of(filter.missing_since, whole_until_);
    }
  }
  reconcile_wanted_ = true;
}

// What came for a filter while it waited to be asked for again came for nobody.
void ClientCore::tell_missing() noexcept {
  if (serving_ == kNoConnection) return;
  Instant from = Instant::never();
  for (std::uint32_t index = filters_.next(0); index != kNoSlot; index = filters_.next(index + 1)) {
    Filter& filter = filters_[index];
    if (filter.missing_since == Instant::never() || filter.grants[serving_] != Grant::granted) continue;
    if (filter.established) from = earlier_of(from, filter.missing_since);
    filter.missing_since = Instant::never();
  }
  if (from != Instant::never()) report_gap(from, host_.now());
}

// a subscribe is done when the connection that will survive has granted the filter.
void ClientCore::settle_subscriptions() noexcept {
  tell_missing();
  if (abandoned_) return;
  const bool restoring = machine_.phase == Phase::live_restore || machine_.phase == Phase::restore;
  const std::uint8_t surviving = candidate_ != kNoConnection && restoring ? candidate_ : serving_;
  if (surviving == kNoConnection) return;
  for (std::uint32_t at = listeners_.next(0); at != kNoSlot; at = listeners_.next(at + 1)) {
    Listener& listener = listeners_[at];
    if (!listener.waiting || listener.removed) continue;
    Filter& filter = filters_[listener.filter];
    if (filter.grants[surviving] != Grant::granted) continue;
    filter.established = true;
    listener.waiting = false;
    Completion done = std::move(listener.done);
    call_last(done, Status{});
    if (abandoned_) return;
  }
}

bool ClientCore::answers_awaited(std::uint8_t connection) const noexcept {
  for (const Batch& batch : batches_) {
    if (batch.count != 0 && batch.connection == connection && !batch.unsubscribe) return true;
  }
  return false;
}

// Every filter is granted on the candidate, or lost: it may serve. One that is refused there holds up the swap.
void ClientCore::check_restored() noexcept {
  AXONPUSH_ASSERT(machine_.phase == Phase::live_restore || machine_.phase == Phase::restore);
  if (!at(candidate_).link.up() || answers_awaited(candidate_)) return;
  for (std::uint32_t index = filters_.next(0); index != kNoSlot; index = filters_.next(index + 1)) {
    const Filter& filter = filters_[index];
    const bool waits_for_retry = filter.retry_at != Instant::never();
    if (!wanted(filter) || filter.grants[candidate_] == Grant::granted || waits_for_retry) continue;
    if (filter.grants[candidate_] == Grant::refused) {
      feed({.kind = InputKind::restore_failed, .generation = attempt_generation_},
           error_of_refusal(filter.refused_with));
    }
    return;
  }
  feed({.kind = InputKind::restored, .generation = attempt_generation_});
}

void ClientCore::forget_grants(std::uint8_t connection) noexcept {
  for (std::uint32_t index = filters_.next(0); index != kNoSlot; index = filters_.next(index + 1)) {
    filters_[index].grants[connection] = Grant::none;
  }
}

void ClientCore::copy_grants(std::uint8_t from, std::uint8_t to) noexcept {
  for (std::uint32_t index = filters_.next(0); index != kNoSlot; index = filters_.next(index + 1)) {
    Filter& filter = filters_[index];
    const Grant grant = filter.grants[from];
    const bool asked = grant == Grant::pending || grant == Grant::leaving || grant == Grant::unknown;
    filter.grants[to] = grant == Grant::granted ? Grant::granted : asked ? Grant::unknown : Grant::none;
  }
}

void ClientCore::doubt_grants(std::uint8_t connection) noexcept {
  for (std::uint32_t index = filters_.next(0); index != kNoSlot; index = filters_.next(index + 1)) {
    Grant& grant = filters_[index].grants[connection];
    if (grant == Grant::granted) grant = Grant::unknown;
  }
}

// The answers to what was asked on this connection will not come: it is asked again on the next.
void ClientCore::forget_requests(std::uint8_t connection) noexcept {
  for (Batch& batch : batches_) {
    if (batch.count == 0 || batch.connection != connection) continue;
    for (std::size_t at = 0; at < batch.count; ++at) {
      // It may have arrived or not: a session that is resumed may hold what nobody wants any more, or miss what is
      // wanted again.
      filters_[batch.filters[at]].grants[connection] = Grant::unknown;
    }
    batch.count = 0;
  }
  for (std::uint32_t index = filters_.next(0); index != kNoSlot; index = filters_.next(index + 1)) {
    Filter& filter = filters_[index];
    if (filter.grants[connection] == Grant::refused) filter.grants[connection] = filter.after_refusal(connection);
  }
  reconcile_wanted_ = true;
}

// SUBACK did not come in time. A new connection is given up; the old one is as good as dead too.
void ClientCore::on_request_overdue(std::uint8_t connection) noexcept {
  const Error error(Errc::ack_timeout, "SUBACK or UNSUBACK did not come within its time");
  if (connection == candidate_) {
    feed({.kind = InputKind::restore_failed, .generation = attempt_generation_}, error);
  } else {
    at(connection).link.give_up(error);
  }
}

// The session is over: whoever waits is told, and everything is forgotten.
void ClientCore::fail_subscriptions() noexcept {
  const Error closed(Errc::closed, "the session was disconnected");
  for (std::uint32_t at = listeners_.next(0); at != kNoSlot; at = listeners_.next(at + 1)) {
    AXONPUSH_ASSERT(!listeners_[at].removed);  // this entry has freed those, and nobody may call any more
    Completion done = std::move(listeners_[at].done);
    remove_listener(at);
    call_last(done, Status(closed));
    if (abandoned_) return;
  }
  for (std::uint32_t at = unsubscribe_waiters_.next(0); at != kNoSlot; at = unsubscribe_waiters_.next(at + 1)) {
    Completion done = std::move(unsubscribe_waiters_[at].done);
    unsubscribe_waiters_.release(at);
    call_last(done, Status(closed));
    if (abandoned_) return;
  }
  free_removed_listeners();
  if (abandoned_) return;
  for (std::uint32_t index = filters_.next(0); index != kNoSlot; index = filters_.next(index + 1)) {
    filters_.release(index);
  }
}

}  // namespace axonpush::inline v0
