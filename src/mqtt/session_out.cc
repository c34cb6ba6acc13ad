// What the session sends: packet ids, quotas, the server's limits, aliases, and what a lost connection left behind.
#include <axonpush/mqtt/session.h>

#include "base/assert.h"

namespace axonpush::inline v0::mqtt {

using detail::Flight;
using detail::FlightKind;
using detail::FlightList;
using detail::FlightTable;

namespace {

[[nodiscard]] Error not_connected() noexcept { return Error(Errc::closed, "the MQTT session is not connected"); }

[[nodiscard]] Error qos_refused() noexcept {
  return Error(Errc::qos_not_supported, "the QoS is above what this session may send")
      .by("[MQTT-3.2.2-11]")
      .with_number(static_cast<std::uint32_t>(ReasonCode::qos_not_supported));
}

[[nodiscard]] Error filter_refused(ReasonCode reason, const char* what, const char* clause) noexcept {
  return Error(Errc::suback_failed, what).by(clause).with_number(static_cast<std::uint32_t>(reason));
}

}  // namespace

// --- Operations

// [MQTT-4.9.0-1]: the send quota, and no more than AWS lets us have in flight.
std::uint16_t Session::send_window() const noexcept {
  return limits_.receive_maximum < limits::kMqttInflightOut ? limits_.receive_maximum : limits::kMqttInflightOut;
}

std::uint16_t Session::publish_quota() const noexcept {
  if (phase_ != Phase::connected || publishes_given_up_ || resends_pending()) return 0;
  const std::uint16_t window = send_window();
  if (counted_out_ >= window) return 0;
  const auto quota = static_cast<std::uint16_t>(window - counted_out_);
  // PUBRELs of an earlier connection hold an id, though no quota (MQTT 5 4.9).
  const auto room = static_cast<std::uint16_t>(limits::kMqttInflightOut - publishes_in_flight());
  return quota < room ? quota : room;
}

std::uint16_t Session::request_quota() const noexcept {
  if (phase_ != Phase::connected || requests_given_up_) return 0;
  return static_cast<std::uint16_t>(kRequestsMax - requests_in_flight());
}

void Session::mark_sent(Flight& flight, Instant now) noexcept {
  flight.sent_at = now;
  FlightTable::Ends& ends = flights_.ends(flight.list);
  if (ends.due == FlightTable::kEnd) ends.due = flights_.slot_of(flight);
}

Result<std::uint16_t> Session::begin_publish(Qos qos, std::uint32_t token, Instant now) noexcept {
  if (phase_ != Phase::connected) return not_connected();
  if (qos == Qos::at_most_once) return std::uint16_t{0};
  // M-53: the answers to a QoS 2 PUBLISH are errors unless the terms speak QoS 2.
  if (qos > limits_.maximum_qos || (qos == Qos::exactly_once && terms_.qos_max != Qos::exactly_once)) {
    return qos_refused();
  }
  if (publish_quota() == 0) {
    return Error(Errc::quota, "as many PUBLISH packets are unacknowledged as may be").by("[MQTT-3.3.4-7]");
  }
  const std::uint16_t packet_id = flights_.take(FlightKind::publish, FlightList::publishes);
  AXONPUSH_ASSERT(packet_id != 0);
  Flight& flight = *flights_.find(packet_id);
  flight.token = token;
  flight.qos = qos;
  flight.counted = true;
  ++counted_out_;
  mark_sent(flight, now);
  return packet_id;
}

Result<std::uint16_t> Session::begin_request(FlightKind kind, std::uint32_t token, std::uint8_t filter_count,
                                             Qos highest, Instant now) noexcept {
  if (phase_ != Phase::connected) return not_connected();
  // [MQTT-3.8.3-2], [MQTT-3.10.3-2]: at least one topic filter.
  if (filter_count == 0) return Error(Errc::invalid_argument, "a request without a topic filter").by("[MQTT-3.8.3-2]");
  if (request_quota() == 0) return Error(Errc::quota, "as many requests wait for their answer as may");
  const std::uint16_t packet_id = flights_.take(kind, FlightList::requests);
  AXONPUSH_ASSERT(packet_id != 0);
  Flight& flight = *flights_.find(packet_id);
  flight.token = token;
  flight.qos = highest;
  flight.filter_count = filter_count;
  mark_sent(flight, now);
  return packet_id;
}

Result<std::uint16_t> Session::begin_subscribe(std::uint32_t token, std::uint8_t filter_count, Qos highest,
                                               Instant now) noexcept {
  return begin_request(FlightKind::subscribe, token, filter_count, highest, now);
}

Result<std::uint16_t> Session::begin_unsubscribe(std::uint32_t token, std::uint8_t filter_count, Instant now) noexcept {
  return begin_request(FlightKind::unsubscribe, token, filter_count, Qos::at_most_once, now);
}

void Session::cancel(std::uint16_t packet_id) noexcept {
  Flight* flight = flights_.find(packet_id);
  if (flight == nullptr) return;
  if (flight->counted) --counted_out_;
  flights_.remove(*flight);
  settle_given_up();
}

void Session::settle_given_up() noexcept {
  if (publishes_in_flight() == 0) publishes_given_up_ = false;
  if (requests_in_flight() == 0) requests_given_up_ = false;
}

// --- The server's limits

Status Session::check_size(std::size_t packet_bytes) const noexcept {
  // [MQTT-3.2.2-15]
  if (packet_bytes <= limits_.maximum_packet_size) return {};
  return Error(Errc::payload_too_large, "the packet is over the server's Maximum Packet Size")
      .by("[MQTT-3.2.2-15]")
      .with_number(static_cast<std::uint32_t>(ReasonCode::packet_too_large));
}

Status Session::check_publish(std::size_t packet_bytes, Qos qos, bool retain) const noexcept {
  if (packet_bytes > limits_.maximum_packet_size) return check_size(packet_bytes);
  // [MQTT-3.2.2-11]: refused, never silently sent at a lower QoS.
  if (qos > limits_.maximum_qos || (qos == Qos::exactly_once && terms_.qos_max != Qos::exactly_once)) {
    return qos_refused();
  }
  // [MQTT-3.2.2-14]
  if (retain && !limits_.retain_available) {
    return Error(Errc::invalid_argument, "the server keeps no retained messages")
        .by("[MQTT-3.2.2-14]")
        .with_number(static_cast<std::uint32_t>(ReasonCode::retain_not_supported));
  }
  return {};
}

Status Session::check_filter(std::string_view topic_filter, SubscriptionId subscription_id) const noexcept {
  if (!limits_.shared_subscription_available && topic_filter.starts_with("$share/")) {
    return filter_refused(ReasonCode::shared_subscriptions_not_supported, "the server has no shared subscriptions",
                          "MQTT 5 3.2.2.3.13");
  }
  if (!limits_.wildcard_subscription_available && topic_filter.find_first_of("+#") != std::string_view::npos) {
    return filter_refused(ReasonCode::wildcard_subscriptions_not_supported, "the server has no wildcard subscriptions",
                          "MQTT 5 3.2.2.3.11");
  }
  if (!limits_.subscription_identifiers_available && subscription_id == SubscriptionId::present) {
    return filter_refused(ReasonCode::subscription_identifiers_not_supported,
                          "the server has no subscription identifiers", "MQTT 5 3.2.2.3.12");
  }
  return {};
}

Session::Alias Session::assign_alias(std::string_view topic) noexcept {
  // [MQTT-3.2.2-17], [MQTT-3.2.2-18]: never an alias over the server's maximum, none when it named none.
  const std::uint16_t count =
      limits_.topic_alias_maximum < kTopicAliasCeiling ? limits_.topic_alias_maximum : kTopicAliasCeiling;
  if (phase_ != Phase::connected || count == 0 || topic.empty() || topic.size() > detail::kAliasTopicBytes) return {};
  ++alias_clock_;
  std::uint16_t oldest = 0;
  for (std::uint16_t index = 0; index < count; ++index) {
    const detail::AliasedTopic& candidate = aliases_out_[index];
    if (candidate.bound && topic == std::string_view(candidate.text, candidate.size)) {
      alias_used_[index] = alias_clock_;
      return {.alias = static_cast<std::uint16_t>(index + 1), .send_topic = false};
    }
    const detail::AliasedTopic& best = aliases_out_[oldest];
    // Ages are differences, so that the clock may wrap.
    const bool older = alias_clock_ - alias_used_[index] > alias_clock_ - alias_used_[oldest];
    if (best.bound && (!candidate.bound || older)) oldest = index;
  }
  detail::AliasedTopic& alias = aliases_out_[oldest];
  alias.bound = true;
  alias.size = static_cast<std::uint16_t>(topic.size());
  std::memcpy(alias.text, topic.data(), topic.size());
  alias_used_[oldest] = alias_clock_;
  return {.alias = static_cast<std::uint16_t>(oldest + 1), .send_topic = true};
}

// --- What a lost connection left

// Session Present 1: all of it goes out again, PUBRELs and PUBLISHes, under the ids it had.
void Session::resume() noexcept {
  if (publishes_given_up_) return;
  for (const FlightList list : {FlightList::publishes, FlightList::releases}) {
    FlightTable::Ends& ends = flights_.ends(list);
    ends.unsent = ends.first;
    ends.due = FlightTable::kEnd;
  }
  // [MQTT-3.2.2-11]: a server that came back with a lower Maximum QoS cannot be sent the old packets at all.
  for (Flight* flight = flights_.first(FlightList::publishes); flight != nullptr; flight = flights_.after(*flight)) {
    if (flight->qos > limits_.maximum_qos) return forget_publishes();
  }
}

bool Session::resends_pending() const noexcept {
  return phase_ == Phase::connected && (flights_.ends(FlightList::releases).unsent != FlightTable::kEnd ||
                                        flights_.ends(FlightList::publishes).unsent != FlightTable::kEnd);
}

bool Session::next_resend(Resend& resend, Instant now) noexcept {
  if (!resends_pending()) return false;
  // PUBRELs first: they are further on, and cost no quota (MQTT 5 4.9).
  const bool release = flights_.ends(FlightList::releases).unsent != FlightTable::kEnd;
  FlightTable::Ends& ends = flights_.ends(release ? FlightList::releases : FlightList::publishes);
  // [MQTT-3.3.4-7]: the new connection's Receive Maximum may be smaller than what was in flight.
  if (!release && counted_out_ >= send_window()) return false;
  Flight& flight = *flights_.at(ends.unsent);
  if (!release) {
    flight.counted = true;
    ++counted_out_;
  }
  ends.unsent = flight.next;
  mark_sent(flight, now);
  resend.kind = release ? Resend::Kind::pubrel : Resend::Kind::publish;
  resend.qos = flight.qos;
  resend.packet_id = flight.packet_id;
  resend.token = flight.token;
  return true;
}

void Session::forget_publishes() noexcept {
  if (publishes_in_flight() == 0) return;
  publishes_given_up_ = true;
  for (const FlightList list : {FlightList::publishes, FlightList::releases}) {
    flights_.ends(list).unsent = FlightTable::kEnd;
    flights_.ends(list).due = FlightTable::kEnd;
    for (Flight* flight = flights_.first(list); flight != nullptr; flight = flights_.after(*flight)) {
      flight->counted = false;
    }
  }
  counted_out_ = 0;
}

void Session::discard() noexcept {
  forget_publishes();
  inbound_.clear();
  unanswered_in_ = 0;
  if (requests_in_flight() == 0) return;
  requests_given_up_ = true;
  flights_.ends(FlightList::requests).due = FlightTable::kEnd;
}

bool Session::take_unanswered(Unanswered& unanswered) noexcept {
  Flight* flight = nullptr;
  if (publishes_given_up_) {
    flight = flights_.first(FlightList::releases);
    if (flight == nullptr) flight = flights_.first(FlightList::publishes);
  }
  if (flight == nullptr && requests_given_up_) flight = flights_.first(FlightList::requests);
  if (flight == nullptr) return false;
  unanswered.kind = flight->kind == FlightKind::subscribe     ? Unanswered::Kind::subscribe
                    : flight->kind == FlightKind::unsubscribe ? Unanswered::Kind::unsubscribe
                                                              : Unanswered::Kind::publish;
  unanswered.received = flight->list == FlightList::releases;
  unanswered.packet_id = flight->packet_id;
  unanswered.token = flight->token;
  flights_.remove(*flight);
  settle_given_up();
  return true;
}

void Session::adopt(Session& other) noexcept {
  AXONPUSH_ASSERT(&other != this);
  AXONPUSH_ASSERT(phase_ != Phase::connected);
  const bool other_gave_up = other.publishes_given_up_;
  for (const FlightList list : {FlightList::releases, FlightList::publishes}) {
    while (Flight* flight = other.flights_.first(list)) {
      Flight copy = *flight;
      copy.counted = false;
      if (publishes_in_flight() == limits::kMqttInflightOut || !flights_.insert(copy)) break;
      other.cancel(flight->packet_id);
    }
  }
  if (other_gave_up && publishes_in_flight() != 0) publishes_given_up_ = true;
  // Only a slot that is taken here keeps them back, or that as many as may are under way: they are published as new.
  other.forget_publishes();
  inbound_.take_session_state(other.inbound_);
  answered_ = other.whole_until();
  replaying_ = false;
}

}  // namespace axonpush::inline v0::mqtt
