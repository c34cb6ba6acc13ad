// The session's connections, and its judgement of what the server sends.
// Outgoing operations: session_out.cc; time: session_time.cc.
#include <axonpush/mqtt/session.h>

#include "base/assert.h"
#include "mqtt/session_violations.h"

namespace axonpush::inline v0::mqtt {

using detail::Flight;
using detail::FlightKind;
using detail::FlightList;
using detail::Inbound;
using detail::InboundState;
using detail::Violation;

namespace {

// What a resumed session brings is over when the server has sent nothing for this long, for AWS replays ten messages a
// second; and after the second of them in any case, for live events may never pause.
constexpr Duration kReplayPause = seconds(1);
constexpr Duration kReplayTime = seconds(60);

[[nodiscard]] std::uint16_t property16(const Properties& properties, Property property, std::uint16_t absent) noexcept {
  return static_cast<std::uint16_t>(properties.integer(property, absent));
}

[[nodiscard]] bool available(const Properties& properties, Property property) noexcept {
  return properties.integer(property, 1) != 0;
}

[[nodiscard]] Error with_peer_words(Error error, const Properties& properties) noexcept {
  const std::string_view reason = properties.text(Property::reason_string);
  // M-43: where the server would send us is told as text and never followed (MQTT 5 4.11).
  const std::string_view reference = properties.text(Property::server_reference);
  if (reason.empty() && reference.empty()) return error;
  ServerWords words;
  words.message = reason;
  words.hint = reference;
  return static_cast<Error&&>(error).with_words(words);
}

}  // namespace

Error error_of(const Connack& connack) noexcept {
  return with_peer_words(Error(Errc::mqtt_refused, "the server refused CONNECT")
                             .by("MQTT 5 3.2.2.2")
                             .with_number(static_cast<std::uint32_t>(connack.reason_code)),
                         connack.properties);
}

Error error_of_disconnect(const Notice& notice) noexcept {
  const bool taken_over = notice.reason_code == ReasonCode::session_taken_over;
  return with_peer_words(Error(taken_over ? Errc::session_taken_over : Errc::server_disconnect,
                               taken_over ? "another connection took the session over" : "the server sent DISCONNECT")
                             .by("MQTT 5 3.14.2.1")
                             .with_number(static_cast<std::uint32_t>(notice.reason_code)),
                         notice.properties);
}

// --- The connection

Session::Session(const ClientTerms& terms) noexcept { set_terms(terms); }

void Session::set_terms(const ClientTerms& terms) noexcept {
  terms_ = terms;
  if (terms_.receive_maximum > kReceiveMaximumCeiling) terms_.receive_maximum = kReceiveMaximumCeiling;
  // MQTT 5 3.1.2.11.3: 0 is no legal Receive Maximum.
  if (terms_.receive_maximum == 0) terms_.receive_maximum = 1;
  if (terms_.topic_alias_maximum > kTopicAliasCeiling) terms_.topic_alias_maximum = kTopicAliasCeiling;
}

void Session::on_connecting(const ClientTerms& terms, Instant now) noexcept {
  if (phase_ != Phase::idle) on_closed(now);
  set_terms(terms);
  limits_ = ServerLimits{};
  limits_.keep_alive = terms_.keep_alive;
  session_resumed_ = false;
  // [MQTT-3.1.2-4]: Clean Start gives the old session up on both sides.
  if (terms_.clean_start) {
    forget_publishes();
    inbound_.clear();
  }
  last_sent_ = now;
  last_received_ = now;
  last_pinged_ = now;  // CONNECT asks as well
  window_part_ = 0;
  window_full_since_ = Instant::never();
  phase_ = Phase::connecting;
}

void Session::on_closed(Instant now) noexcept {
  if (phase_ == Phase::idle) return;
  const bool was_connected = connected_;
  end_connection();
  if (!was_connected) return;  // what the server holds of the session is what it held before
  // [MQTT-4.1.0-1]: not before the connection is closed; MQTT 5 3.1.2.11.2: 0 ends the session with it.
  if (session_expiry_seconds_ == 0) {
    forget_publishes();
    inbound_.clear();
    session_expiry_ = now;
  } else if (session_expiry_seconds_ != UINT32_MAX) {
    session_expiry_ = now + seconds(session_expiry_seconds_);
  }
}

// All that belongs to a network connection and not to the session.
void Session::end_connection() noexcept {
  phase_ = Phase::idle;
  connected_ = false;
  reply_awaited_ = false;
  liveness_told_ = false;
  packet_told_ = false;
  pings_unanswered_ = 0;
  counted_out_ = 0;
  unanswered_in_ = 0;
  incomplete_since_ = Instant::never();
  // A request is answered on its own connection or not at all; MQTT 5 4.4 resends PUBLISH and PUBREL only.
  if (flights_.count(FlightList::requests) != 0) requests_given_up_ = true;
  for (const FlightList list : {FlightList::publishes, FlightList::releases, FlightList::requests}) {
    flights_.ends(list).due = detail::FlightTable::kEnd;
    flights_.ends(list).unsent = detail::FlightTable::kEnd;
    for (Flight* flight = flights_.first(list); flight != nullptr; flight = flights_.after(*flight)) {
      flight->counted = false;
    }
  }
  inbound_.keep_session_state();
  // [MQTT-3.3.2-7]: no alias outlives its connection.
  for (detail::AliasedTopic& alias : aliases_in_) alias.bound = false;
  for (detail::AliasedTopic& alias : aliases_out_) alias.bound = false;
}

void Session::on_disconnecting() noexcept {
  if (phase_ == Phase::connected) phase_ = Phase::leaving;
}

// --- What the server sends

Verdict Session::fail(const Violation& violation) noexcept {
  phase_ = Phase::over;
  Verdict verdict;
  verdict.kind = Verdict::Kind::error;
  verdict.close_with = violation.close_with;
  verdict.error = Error(violation.code, violation.what)
                      .by(violation.clause)
                      .with_number(static_cast<std::uint32_t>(violation.close_with));
  return verdict;
}

Verdict Session::on_packet(const Packet& packet, Instant now) noexcept {
  incomplete_since_ = Instant::never();
  packet_told_ = false;
  if (phase_ == Phase::connected) [[likely]] {
    if (packet.type == PacketType::publish) [[likely]]
      return on_publish(packet.publish);
    return dispatch(packet, now);
  }
  if (phase_ == Phase::leaving) return dispatch(packet, now);
  if (phase_ == Phase::connecting) {
    if (packet.type == PacketType::connack) return on_connack(packet.connack, now);
    // [MQTT-3.2.0-1]: nothing but AUTH comes before CONNACK.
    if (packet.type != PacketType::auth) return fail(detail::kBeforeConnack);
    return dispatch(packet, now);
  }
  // M-63, and whatever follows what has already been reported as wrong.
  ++counters_.packets_after_end;
  return {};
}

Verdict Session::dispatch(const Packet& packet, Instant now) noexcept {
  switch (packet.type) {
    case PacketType::publish:
      return on_publish(packet.publish);
    case PacketType::puback:
      return on_puback(packet.ack);
    case PacketType::pubrec:
      return on_pubrec(packet.ack, now);
    case PacketType::pubrel:
      return on_pubrel(packet.ack);
    case PacketType::pubcomp:
      return on_pubcomp(packet.ack);
    case PacketType::suback:
      return on_reasons(packet.reasons, FlightKind::subscribe);
    case PacketType::unsuback:
      return on_reasons(packet.reasons, FlightKind::unsubscribe);
    case PacketType::pingresp:
      return on_pingresp();
    case PacketType::disconnect:
      return on_disconnect(packet.notice);
    case PacketType::connack:
      return fail(detail::kSecondConnack);
    case PacketType::auth: {
      if (!terms_.authentication_method) return fail(detail::kAuthUnasked);
      Verdict verdict;
      verdict.kind = Verdict::Kind::auth;
      verdict.reason = packet.notice.reason_code;
      return verdict;
    }
    case PacketType::reserved:
    case PacketType::connect:
    case PacketType::subscribe:
    case PacketType::unsubscribe:
    case PacketType::pingreq:
      break;
  }
  return fail(detail::kWrongSender);
}

// --- CONNACK, DISCONNECT, PINGRESP

const Violation* Session::wrong_connack(const Connack& connack) const noexcept {
  if (failed(connack.reason_code)) return connack.session_present ? &detail::kPresentWhenRefused : nullptr;
  if (connack.reason_code != ReasonCode::success) return &detail::kConnackReason;
  if (connack.session_present && terms_.clean_start) return &detail::kPresentAfterCleanStart;
  if (connack.session_present && !terms_.had_session) return &detail::kPresentWithoutSession;
  const Properties& properties = connack.properties;
  if (properties.integer(Property::receive_maximum, 1) == 0) return &detail::kReceiveMaximumZero;
  if (properties.integer(Property::maximum_packet_size, 1) == 0) return &detail::kPacketSizeZero;
  if (properties.text(Property::assigned_client_identifier).size() > kAssignedClientIdBytes) {
    return &detail::kAssignedIdTooLong;
  }
  if (properties.has(Property::authentication_method) && !terms_.authentication_method) return &detail::kAuthUnasked;
  return nullptr;
}

void Session::read_limits(const Properties& properties) noexcept {
  limits_ = ServerLimits{};
  limits_.session_expiry_interval =
      properties.integer(Property::session_expiry_interval, terms_.session_expiry_interval);
  limits_.maximum_packet_size = properties.integer(Property::maximum_packet_size, limits_.maximum_packet_size);
  limits_.receive_maximum = property16(properties, Property::receive_maximum, limits_.receive_maximum);
  limits_.topic_alias_maximum = property16(properties, Property::topic_alias_maximum, 0);
  // [MQTT-3.2.2-21]: the server's Keep Alive wins, in both directions and at 0 too.
  limits_.keep_alive = property16(properties, Property::server_keep_alive, terms_.keep_alive);
  limits_.maximum_qos = static_cast<Qos>(properties.integer(Property::maximum_qos, 2));
  limits_.retain_available = available(properties, Property::retain_available);
  limits_.wildcard_subscription_available = available(properties, Property::wildcard_subscription_available);
  limits_.subscription_identifiers_available = available(properties, Property::subscription_identifier_available);
  limits_.shared_subscription_available = available(properties, Property::shared_subscription_available);
}

Verdict Session::on_connack(const Connack& connack, Instant now) noexcept {
  if (const Violation* violation = wrong_connack(connack)) return fail(*violation);
  Verdict verdict;
  verdict.kind = Verdict::Kind::connack;
  verdict.reason = connack.reason_code;
  if (failed(connack.reason_code)) {
    phase_ = Phase::over;
    verdict.error = error_of(connack);
    return verdict;
  }
  read_limits(connack.properties);
  const std::string_view assigned = connack.properties.text(Property::assigned_client_identifier);
  client_id_size_ = assigned.size();
  if (!assigned.empty()) std::memcpy(client_id_, assigned.data(), assigned.size());
  session_expiry_seconds_ = limits_.session_expiry_interval;
  session_expiry_ = Instant::never();
  session_resumed_ = connack.session_present;
  phase_ = Phase::connected;
  connected_ = true;
  last_received_ = now;
  whole_before_ = whole_until();
  resumed_at_ = quiet_since_ = now;
  replaying_ = session_resumed_;
  answered_ = last_pinged_;
  if (session_resumed_) {
    resume();
  } else {
    // [MQTT-3.2.2-5]: the server has no session any more, and so neither have we.
    forget_publishes();
    inbound_.clear();
  }
  return verdict;
}

Verdict Session::on_disconnect(const Notice& notice) noexcept {
  if (notice.properties.has(Property::session_expiry_interval)) return fail(detail::kDisconnectExpiry);
  phase_ = Phase::over;
  Verdict verdict;
  verdict.kind = Verdict::Kind::disconnect;
  verdict.reason = notice.reason_code;
  verdict.error = error_of_disconnect(notice);
  return verdict;
}

Verdict Session::on_pingresp() noexcept {
  Verdict verdict;
  if (pings_unanswered_ == 0) {
    ++counters_.pongs_unasked;
    return verdict;
  }
  --pings_unanswered_;
  answered(pings_unanswered_ == 0 ? last_pinged_ : first_pinged_);
  verdict.kind = Verdict::Kind::pong;
  return verdict;
}

// --- PUBLISH

// One named result on every path, so that it is built in place: this runs for each event.
Verdict Session::on_publish(const Publish& publish) noexcept {
  Verdict verdict;
  const Violation* violation = nullptr;
  if (publish.qos > terms_.qos_max) [[unlikely]] {
    violation = &detail::kPublishQos;
  } else if (publish.properties.has(Property::subscription_identifier) && !terms_.accepts_subscription_ids)
      [[unlikely]] {
    violation = &detail::kSubscriptionIdentifier;
  } else {
    verdict.kind = Verdict::Kind::publish;
    verdict.topic = publish.topic;
    verdict.packet_id = publish.packet_id;
    if (publish.topic_alias != 0 || publish.topic.empty()) [[unlikely]]
      violation = resolve_alias(publish, verdict.topic);
    if (violation == nullptr && publish.qos == Qos::at_least_once) {
      verdict.kind = admit_qos_1(publish, verdict.redelivered, violation);
    } else if (violation == nullptr && publish.qos == Qos::exactly_once) {
      verdict.kind = admit_qos_2(publish, verdict.redelivered, violation);
    }
    if (publish.dup && violation == nullptr) {
      verdict.redelivered = true;
      ++counters_.redeliveries;
    }
  }
  if (violation != nullptr) [[unlikely]]
    verdict = fail(*violation);
  return verdict;
}

Verdict::Kind Session::admit_qos_1(const Publish& publish, bool& redelivered, const Violation*& violation) noexcept {
  if (unanswered_in_ >= terms_.receive_maximum) {
    violation = &detail::kReceiveMaximum;
    return Verdict::Kind::error;
  }
  if (Inbound* known = inbound_.find(publish.packet_id)) {
    if (known->qos != Qos::at_least_once) {
      violation = &detail::kIdAtAnotherQos;
      return Verdict::Kind::error;
    }
    // M-65: the id is used again before our PUBACK left. Delivered again and owed a second PUBACK: nothing may be lost.
    ++known->deliveries;
    ++counters_.ids_reused;
    redelivered = true;
  } else if (!inbound_.insert({.packet_id = publish.packet_id, .qos = Qos::at_least_once, .deliveries = 1})) {
    violation = &detail::kInboundFull;
    return Verdict::Kind::error;
  }
  ++unanswered_in_;
  count_window();
  return Verdict::Kind::publish;
}

// Of any `receive_maximum` PUBLISH packets in a row one whole half is counted out here.
inline void Session::count_window() noexcept {
  quiet_since_ = Instant::never();
  if (window_part_ == 0) window_began_ = last_received_;
  if (2U * ++window_part_ < terms_.receive_maximum) return;
  window_full_since_ = window_began_;
  window_part_ = 0;
}

Verdict::Kind Session::admit_qos_2(const Publish& publish, bool& redelivered, const Violation*& violation) noexcept {
  Inbound* known = inbound_.find(publish.packet_id);
  if (known != nullptr && known->qos != Qos::exactly_once) {
    violation = &detail::kIdAtAnotherQos;
    return Verdict::Kind::error;
  }
  const bool counted = known != nullptr && known->counted;
  if (!counted && unanswered_in_ >= terms_.receive_maximum) {
    violation = &detail::kReceiveMaximum;
    return Verdict::Kind::error;
  }
  if (!counted) {
    ++unanswered_in_;
    count_window();
  }
  if (known == nullptr) {
    if (inbound_.insert({.packet_id = publish.packet_id, .qos = Qos::exactly_once, .counted = true})) {
      return Verdict::Kind::publish;
    }
    violation = &detail::kInboundFull;
    return Verdict::Kind::error;
  }
  // [MQTT-4.3.3-10]: until its PUBREL, the same id is answered and not delivered.
  known->counted = true;
  redelivered = true;
  ++counters_.ids_reused;
  // Still with the callbacks: the PUBREC of acknowledge() answers both. Leaving: nothing may be written any more.
  if (known->state == InboundState::delivered || phase_ == Phase::leaving) return Verdict::Kind::ignored;
  return Verdict::Kind::send_pubrec;
}

const Violation* Session::resolve_alias(const Publish& publish, std::string_view& topic) noexcept {
  if (publish.topic_alias > terms_.topic_alias_maximum) return &detail::kAliasOverMaximum;
  if (publish.topic_alias == 0) return &detail::kAliasUnbound;
  detail::AliasedTopic& alias = aliases_in_[publish.topic_alias - 1];
  if (!publish.topic.empty()) {
    // MQTT 5 3.3.2.3.4: a topic with an alias binds it, anew if need be.
    alias.bound = true;
    alias.oversize = publish.topic.size() > detail::kAliasTopicBytes;
    alias.size = alias.oversize ? std::uint16_t{0} : static_cast<std::uint16_t>(publish.topic.size());
    std::memcpy(alias.text, publish.topic.data(), alias.size);
    return nullptr;
  }
  if (!alias.bound) return &detail::kAliasUnbound;
  if (alias.oversize) return &detail::kAliasTopicLost;
  topic = {alias.text, alias.size};
  return nullptr;
}

Session::Answer Session::acknowledge(std::uint16_t packet_id, ReasonCode reason) noexcept {
  // [MQTT-3.14.4-1]: nothing after our DISCONNECT. QoS 0 has id 0.
  if (phase_ != Phase::connected || packet_id == 0) return Answer::none;
  Inbound* known = inbound_.find(packet_id);
  if (known == nullptr || known->state != InboundState::delivered) return Answer::none;
  if (known->qos == Qos::at_least_once) {
    AXONPUSH_ASSERT(unanswered_in_ != 0);
    --unanswered_in_;
    if (--known->deliveries == 0) inbound_.remove(*known);
    return Answer::puback;
  }
  if (failed(reason)) {
    // [MQTT-4.3.3-9]: a refusing PUBREC ends it; the id is a new message from here on.
    --unanswered_in_;
    inbound_.remove(*known);
  } else {
    known->state = InboundState::received;
  }
  return Answer::pubrec;
}

// --- Answers to what we sent

// The answer to what went out at `sent_at` has come, and behind it nothing that the server had before is left: but what
// waited there behind a Receive Maximum that was used up (MQTT 5 4.9), and what it replays at its own pace.
void Session::answered(Instant sent_at) noexcept {
  if (sent_at <= answered_) return;
  if (window_full_since_ != Instant::never() && window_full_since_ >= sent_at) return;
  answered_ = sent_at;
  if (!replaying_) return;
  // A path that stands still looks like a pause. So the server's own time counts, between two answers with nothing in
  // front of the second: it gave the first before that came here, and the second after its request went out.
  const bool paused = quiet_since_ != Instant::never() && sent_at >= quiet_since_ + kReplayPause;
  if (paused || sent_at >= resumed_at_ + kReplayTime) {
    replaying_ = false;
  } else if (quiet_since_ == Instant::never()) {
    quiet_since_ = last_received_;
  }
}

void Session::complete(Flight& flight, Verdict::Kind kind, ReasonCode reason, Verdict& verdict) noexcept {
  verdict.kind = kind;
  verdict.reason = reason;
  verdict.packet_id = flight.packet_id;
  verdict.token = flight.token;
  if (flight.counted) {
    AXONPUSH_ASSERT(counted_out_ != 0);
    --counted_out_;
  }
  answered(flight.sent_at);
  flights_.remove(flight);
}

Verdict Session::answer(Verdict::Kind kind, std::uint16_t packet_id, ReasonCode reason) const noexcept {
  Verdict verdict;
  if (phase_ == Phase::leaving) return verdict;  // [MQTT-3.14.4-1]
  verdict.kind = kind;
  verdict.packet_id = packet_id;
  verdict.reason = reason;
  return verdict;
}

Verdict Session::on_puback(const Ack& ack) noexcept {
  Verdict verdict;
  Flight* flight = find_publish(ack.packet_id);
  if (flight == nullptr) {
    // M-52: a PUBACK too many harms nobody.
    ++counters_.acks_unknown;
  } else if (flight->kind != FlightKind::publish || flight->qos != Qos::at_least_once) [[unlikely]] {
    verdict = fail(detail::kAnswerKind);
  } else {
    complete(*flight, Verdict::Kind::publish_complete, ack.reason_code, verdict);
  }
  return verdict;
}

Verdict Session::on_pubrec(const Ack& ack, Instant now) noexcept {
  if (terms_.qos_max != Qos::exactly_once) return fail(detail::kQos2Unused);
  Flight* flight = find_publish(ack.packet_id);
  if (flight == nullptr) {
    ++counters_.acks_unknown;
    // MQTT 5 3.6.2.1: the id is not known here; so said, the server can forget it too.
    return answer(Verdict::Kind::send_pubrel, ack.packet_id, ReasonCode::packet_identifier_not_found);
  }
  if (flight->kind != FlightKind::publish || flight->qos != Qos::exactly_once) return fail(detail::kAnswerKind);
  // [MQTT-4.4.0-2]: a refusal ends the exchange.
  if (failed(ack.reason_code)) {
    Verdict verdict;
    complete(*flight, Verdict::Kind::publish_complete, ack.reason_code, verdict);
    return verdict;
  }
  if (flight->list == FlightList::publishes) {
    flights_.move(*flight, FlightList::releases);
    // [MQTT-4.6.0-4]: PUBRELs leave in the order of their PUBRECs, so this one waits behind those to be sent again.
    detail::FlightTable::Ends& releases = flights_.ends(FlightList::releases);
    if (releases.unsent != detail::FlightTable::kEnd) return {};
    mark_sent(*flight, now);
  }
  return answer(Verdict::Kind::send_pubrel, ack.packet_id, ReasonCode::success);
}

Verdict Session::on_pubcomp(const Ack& ack) noexcept {
  if (terms_.qos_max != Qos::exactly_once) return fail(detail::kQos2Unused);
  Flight* flight = find_publish(ack.packet_id);
  if (flight == nullptr) {
    ++counters_.acks_unknown;
    return {};
  }
  if (flight->list != FlightList::releases) return fail(detail::kAnswerKind);
  Verdict verdict;
  complete(*flight, Verdict::Kind::publish_complete, ack.reason_code, verdict);
  return verdict;
}

Verdict Session::on_pubrel(const Ack& ack) noexcept {
  if (terms_.qos_max != Qos::exactly_once) return fail(detail::kQos2Unused);
  const Inbound* known = inbound_.find(ack.packet_id);
  if (known == nullptr) {
    ++counters_.releases_unknown;
    // [MQTT-4.3.3-11]: answered all the same.
    return answer(Verdict::Kind::send_pubcomp, ack.packet_id, ReasonCode::packet_identifier_not_found);
  }
  if (known->qos != Qos::exactly_once) return fail(detail::kAnswerKind);
  if (known->state != InboundState::received) {
    if (phase_ == Phase::leaving) return {};
    return fail(detail::kReleaseEarly);
  }
  if (known->counted) --unanswered_in_;
  inbound_.remove(*known);
  return answer(Verdict::Kind::send_pubcomp, ack.packet_id, ReasonCode::success);
}

Verdict Session::on_reasons(const ReasonList& reasons, FlightKind kind) noexcept {
  Flight* flight = requests_given_up_ ? nullptr : flights_.find(reasons.packet_id);
  if (flight == nullptr || flight->kind != kind) {
    // After discard() on a connection that is ending, an answer may still be under way.
    if (flight == nullptr && phase_ == Phase::leaving) return {};
    return fail(detail::kRequestUnknown);
  }
  if (reasons.reason_codes.size() != flight->filter_count) return fail(detail::kReasonCount);
  if (kind == FlightKind::subscribe) {
    for (const std::uint8_t code : reasons.reason_codes) {
      if (!failed(ReasonCode{code}) && code > static_cast<std::uint8_t>(flight->qos)) return fail(detail::kGrantedQos);
    }
  }
  const Verdict::Kind done = kind == FlightKind::subscribe ? Verdict::Kind::subscribed : Verdict::Kind::unsubscribed;
  Verdict verdict;
  complete(*flight, done, ReasonCode::success, verdict);
  return verdict;
}

}  // namespace axonpush::inline v0::mqtt
