// The way of an event: is it a second copy, who wants it, and the callbacks.
#include "client/core.h"

namespace axonpush::inline v0 {

// CONTRACT 6.4: matched by eventId or id, else by topic and body.
EventKey ClientCore::key_of(const Event& event, WithId with_id, bool& has_id) const noexcept {
  if (with_id == WithId::yes && event.valid() && !event.bare()) {
    std::string_view id = event.event_id();
    if (id.empty()) id = event.id();
    if (!id.empty()) {
      has_id = true;
      return siphash_128(hash_key_, bytes_of(id));
    }
  }
  has_id = false;
  return content_hash_.of(event.topic(), event.body());
}

// Does another connection deliver beside this one, with a session of its own?
bool ClientCore::overlaps(std::uint8_t connection) const noexcept {
  const std::uint8_t other = connection == 0 ? 1 : 0;
  if (other != serving_ && other != candidate_ && other != retiring_) return false;
  const Connection& beside = *connections_[other];
  return (beside.link.up() || beside.link.stage() == Link::Stage::leaving) &&
         beside.client_id != connections_[connection]->client_id;
}

// Was it delivered on another connection than this one? In an overlap the one beside it has a session of its own: what
// that delivered is the swap's business.
bool ClientCore::delivered_earlier(std::uint8_t connection, const EventKey& key) const noexcept {
  const std::uint32_t epoch = connections_[connection]->epoch;
  if (!overlaps(connection)) return delivered_.delivered_before(key, epoch);
  return delivered_.delivered_elsewhere(key, epoch, connections_[connection == 0 ? 1 : 0]->epoch);
}

// Nobody reads this body, but somebody who is not there any more may have when it came first.
bool ClientCore::delivered_earlier_as_read(std::uint8_t connection, const Event& event) const noexcept {
  if (!remembers_read_ || connections_[connection]->epoch == 1) return false;
  bool has_id = false;
  const EventKey key = key_of(event, WithId::yes, has_id);
  return has_id && delivered_earlier(connection, key);
}

// Events of QoS 0 are never sent twice; outside of a swap each of them is the first.
bool ClientCore::judges_copies(const Event& event) const noexcept {
  return event.qos() != Qos::at_most_once || swap_dedup_.active();
}

// CONTRACT 6.4, 6.6, R-40. Without an id: over two sessions by topic and body, one to one. In a takeover one session
// goes on, and what the broker has no PUBACK of is sent again with DUP and the packet identifier it had
// ([MQTT-3.3.1-1], [MQTT-4.4.0-1]), at QoS 0 nothing. Whatever comes otherwise is another event, be it equal; where a
// broker does not keep to that, as AWS may not, what it repeats comes twice and is marked.
SwapDedup::Verdict ClientCore::match_copy(std::uint8_t connection, const mqtt::Publish& publish, EventKey key,
                                          bool has_id) noexcept {
  const SwapDedup::Side side = side_of(connection);
  SwapDedup::Verdict verdict = SwapDedup::Verdict::deliver;
  bool has_copies = true;
  if (!has_id && twins_ == Twins::by_packet_id) {
    // The session that is handed over may bring late what the swap before this one brought on another.
    verdict = swap_dedup_.meet(side_of(handed_over_), key);
    has_copies = publish.dup || (connection == handed_over_ && publish.qos != Qos::at_most_once);
    key.high ^= publish.packet_id;
  }
  if (has_copies && verdict != SwapDedup::Verdict::drop) {
    // While the memory is only held, one connection is left, as a rule. It may bring what the other had delivered; what
    // it brings itself has no copy, and drives nothing out.
    const bool both = dedup_until_ == Instant::never() || overlaps(connection);
    verdict = both ? swap_dedup_.see(side, key, stats_.dedup_overflow) : swap_dedup_.meet(side, key);
  }
  // What waits for a copy may be a second one itself, whose first has been forgotten: without an id nobody can tell.
  if (verdict == SwapDedup::Verdict::drop && !has_id && swap_dedup_.lossy()) return SwapDedup::Verdict::maybe_duplicate;
  return verdict;
}

// A second copy across a swap is dropped, one to one; a repetition after a reconnect is dropped when it has an id, and
// marked when it has none.
ClientCore::Copy ClientCore::judge_copy(std::uint8_t connection, const Event& event, const mqtt::Publish& publish,
                                        bool redelivered, WithId with_id) noexcept {
  const bool remembers = event.qos() != Qos::at_most_once;
  bool has_id = false;
  EventKey key = key_of(event, swap_dedup_.active() ? WithId::yes : with_id, has_id);
  Copy copy = Copy::first;
  if (swap_dedup_.active()) {
    const SwapDedup::Verdict verdict = match_copy(connection, publish, key, has_id);
    if (verdict == SwapDedup::Verdict::drop) return Copy::repeated;
    if (verdict == SwapDedup::Verdict::maybe_duplicate) copy = Copy::maybe_repeated;
  }
  if (!remembers) return copy;
  // A body that nobody but the swap reads is remembered by its bytes: after the swap its repetition is not read either.
  bool unused = false;
  if (has_id && with_id == WithId::no) key = key_of(event, WithId::no, unused);
  // What the broker sends again on a session that it resumed or handed over.
  if (with_id == WithId::no && delivered_earlier_as_read(connection, event)) return Copy::repeated;
  if (delivered_earlier(connection, key)) {
    if (has_id) return Copy::repeated;
    copy = Copy::maybe_repeated;
  } else if (redelivered && (!has_id || remembers_in_part_)) {
    copy = Copy::maybe_repeated;
  } else if (has_id && remembers_unread_) {
    // When it came first nobody may have read its body: it is remembered by its bytes then. Without DUP too: the
    // session may be one that a dropped candidate left.
    if (delivered_earlier(connection, key_of(event, WithId::no, unused))) return Copy::repeated;
  }
  if (!delivered_.remember(key, at(connection).epoch)) remembers_in_part_ = true;
  if (with_id == WithId::no) {
    remembers_unread_ = true;
  } else if (has_id) {
    remembers_read_ = true;
  }
  return copy;
}

void ClientCore::on_link_event(Link& link, const mqtt::Publish& publish, std::string_view topic,
                               bool redelivered) noexcept {
  ++stats_.events;
  stats_.event_bytes += publish.payload.size();
  if (disconnecting_) return;
  Event event({.topic = topic,
               .prefix = prefix_.view(),
               .body = publish.payload,
               .qos = publish.qos,
               .retain = publish.retain,
               .dup = publish.dup},
              *scratch_);
  DispatchTable::Matches matches(dispatch_, topic);
  std::uint32_t listener = 0;
  bool matched = matches.next(listener);
  if (judges_copies(event)) {
    // Whoever wants the body read brings its id to light; where nobody does it stays unread.
    bool reads_json = first_handler_ != kNoSlot || (matched && listeners_[listener].body == Body::json);
    if (matched && !reads_json) {
      DispatchTable::Matches others(matches);
      for (std::uint32_t other = 0; !reads_json && others.next(other);) {
        reads_json = listeners_[other].body == Body::json;
      }
    }
    switch (judge_copy(index_of(link), event, publish, redelivered, reads_json ? WithId::yes : WithId::no)) {
      case Copy::first:
        break;
      case Copy::maybe_repeated:
        event.mark_maybe_duplicate();
        break;
      case Copy::repeated:
        ++stats_.duplicates_dropped;
        return;
    }
  }
  if (!matched) ++stats_.unmatched;
  bool told_invalid = false;
  // A handler added by a callback of this event is not given it: handlers stand in the order of their generations.
  const std::uint32_t generation_last = listener_generation_;
  for (std::uint32_t at = first_handler_; at != kNoSlot; at = listeners_[at].next_handler) {
    if (listeners_[at].generation <= generation_last) deliver(event, at, told_invalid);
    if (disconnecting_) return;
  }
  while (matched) {
    deliver(event, listener, told_invalid);
    if (disconnecting_) return;
    matched = matches.next(listener);
  }
}

void ClientCore::deliver(const Event& event, std::uint32_t index, bool& told_invalid) noexcept {
  Listener& listener = listeners_[index];
  if (listener.removed) return;
  if (listener.body == Body::json && !event.valid()) {
    if (told_invalid) return;
    told_invalid = true;
    ++stats_.invalid_json;
    report(event.error(), event.topic(), 0, Duration::zero());
    return;
  }
  // CONTRACT 4: traceId is no part of the topic but a predicate on the event's own.
  if (!listener.trace_id.empty() && (!event.valid() || event.trace_id() != listener.trace_id.view())) return;
  ++stats_.callbacks;
  if (latency_ != nullptr) latency_->receive_to_callback.record(host_.fresh_now() - host_.now());
  call(listener.callback, event);
}

}  // namespace axonpush::inline v0
