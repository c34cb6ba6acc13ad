// The way of a publish: judged and serialised in the call, written in place or kept, completed exactly once.
#include <axonpush/json/writer.h>

#include <utility>

#include "client/core.h"

namespace axonpush::inline v0 {

using refresh::InputKind;
using refresh::Phase;

namespace {

// Names, quotes, colons, commas and braces of the published body.
constexpr std::size_t kEnvelopeBytes = 160;
// Topic length, packet id, property length.
constexpr std::size_t kPrologueBytes = 2 + 2 + 1;

}  // namespace

// One publish, as the call gave it.
struct ClientCore::Outgoing {
  const Message* message = nullptr;  // else `body` goes out as it is
  Bytes body;
  std::string_view topic;
  Qos qos = Qos::at_least_once;

  // What the variable header and the payload take at most: escaping makes a byte into six.
  [[nodiscard]] std::size_t bytes_max() const noexcept {
    if (message == nullptr) return kPrologueBytes + topic.size() + body.size();
    const std::size_t texts = message->channel_id.size() + message->app_id.size() + message->identifier.size() +
                              message->agent_id.size() + message->trace_id.size() + message->event_type.size() +
                              message->environment.size();
    return kPrologueBytes + topic.size() + kEnvelopeBytes + 6 * texts + message->payload.json().size();
  }

  // Writes the payload; 0 with `failure` set when it cannot be written.
  [[nodiscard]] std::size_t write_payload(MutableBytes into, Error& failure) const noexcept;
};

// CONTRACT 4: one object of what was published, only members that were given.
std::size_t ClientCore::Outgoing::write_payload(MutableBytes into, Error& failure) const noexcept {
  if (message == nullptr) {
    if (!body.empty()) std::memcpy(into.data(), body.data(), body.size());
    return body.size();
  }
  json::Writer writer(into);
  writer.begin_object();
  writer.optional_string("channelId", message->channel_id);
  writer.optional_string("appId", message->app_id);
  writer.optional_string("identifier", message->identifier);
  writer.key("payload");
  writer.raw(message->payload.json());
  writer.optional_string("agentId", message->agent_id);
  writer.optional_string("traceId", message->trace_id);
  writer.optional_string("eventType", message->event_type);
  writer.optional_string("environment", message->environment);
  writer.end_object();
  if (writer.ok()) return writer.size();
  failure = Error(Errc::payload_invalid, "a member of the message is not well-formed UTF-8").by("RFC 8259 8.1");
  return 0;
}

Status ClientCore::publish(std::uint64_t session, const Message& message, PublishCompletion done,
                           PublishOptions options) noexcept {
  if (!usable(session)) return Error(Errc::closed, "the session has ended");
  if (message.identifier.empty()) return Error(Errc::invalid_argument, "publish needs an identifier");
  if (message.payload.error()) return message.payload.error();
  const Result<std::string_view> topic = topic_memo_.of(topic_defaults(), {.environment = message.environment,
                                                                           .app_id = message.app_id,
                                                                           .channel_id = message.channel_id,
                                                                           .event_type = message.event_type,
                                                                           .agent_id = message.agent_id});
  if (!topic.ok()) return topic.error();
  Outgoing outgoing;
  outgoing.message = &message;
  outgoing.topic = *topic;
  return send(outgoing, std::move(done), options);
}

Status ClientCore::publish_raw(std::uint64_t session, const RawMessage& message, PublishCompletion done,
                               PublishOptions options) noexcept {
  if (!usable(session)) return Error(Errc::closed, "the session has ended");
  const Result<std::string_view> topic = topic_memo_.of(topic_defaults(), {.environment = message.environment,
                                                                           .app_id = message.app_id,
                                                                           .channel_id = message.channel_id,
                                                                           .event_type = message.event_type,
                                                                           .agent_id = message.agent_id});
  if (!topic.ok()) return topic.error();
  if (message.body.size() > options_.publish_payload_bytes) {
    return Error(Errc::payload_too_large, "the body is over the largest payload");
  }
  Outgoing outgoing;
  outgoing.body = message.body;
  outgoing.topic = *topic;
  return send(outgoing, std::move(done), options);
}

Status ClientCore::send(Outgoing& outgoing, PublishCompletion done, PublishOptions options) noexcept {
  switch (options.qos) {
    case PublishOptions::Delivery::session_default:
      outgoing.qos = options_.qos;
      break;
    case PublishOptions::Delivery::at_most_once:
      outgoing.qos = Qos::at_most_once;
      break;
    case PublishOptions::Delivery::at_least_once:
      outgoing.qos = Qos::at_least_once;
      break;
    case PublishOptions::Delivery::exactly_once:
      return Error(Errc::qos_not_supported, "QoS 2 is not supported: AWS IoT Core has none");
  }
  // A payload this large cannot become smaller by serialising: refused before anything is written.
  if (outgoing.message != nullptr && outgoing.message->payload.json().size() > options_.publish_payload_bytes) {
    return Error(Errc::payload_too_large, "the payload is over the largest payload");
  }
  const bool up = serving_ != kNoConnection && at(serving_).link.up();
  // Whole records go at once, so that whoever publishes much in one turn fills the cork and not the queue.
  if (up && !at(serving_).link.room_to_publish()) at(serving_).link.flush_records();
  const bool open = up && publishes_.waiting() == 0 && !publishing_held() && at(serving_).link.room_to_publish();
  Status sent = open && outgoing.qos == Qos::at_most_once ? send_in_place(outgoing, done) : send_kept(outgoing, done);
  if (!sent.ok()) return sent;
  ++stats_.publishes;
  request_flush();
  return {};
}

// QoS 0 on an open connection: serialised once, into the cork itself.
Status ClientCore::send_in_place(Outgoing& outgoing, PublishCompletion& done) noexcept {
  Connection& target = at(serving_);
  const MutableBytes into = target.link.begin_in_place(outgoing.bytes_max());
  if (into.empty()) return Error(Errc::no_memory, "no memory for a publish");
  const std::size_t prologue = mqtt::publish_prologue(into, outgoing.topic, Qos::at_most_once, 0, {});
  AXONPUSH_ASSERT(prologue != 0);  // bytes_max() counts it
  Error failure(Errc::internal, "a publish could not be written");
  const std::size_t payload = outgoing.write_payload(into.subspan(prologue), failure);
  if (payload == 0 && outgoing.message != nullptr) return failure;
  if (payload > options_.publish_payload_bytes) {
    return Error(Errc::payload_too_large, "the payload is over the largest payload");
  }
  const Status allowed =
      target.session.check_publish(limits::kMqttFixedHeaderBytes + prologue + payload, Qos::at_most_once, false);
  if (!allowed.ok()) return allowed;
  std::uint32_t token = kNoSlot;
  if (done) {
    const Status room = publishes_.check_room(0);
    if (!room.ok()) return room;
    token = publishes_.add({}, std::move(done));
    if (token == kNoSlot) return Error(Errc::no_memory, "no memory for the completion of a publish");
    note_written(token, serving_);
  }
  if (!target.link.end_in_place(mqtt::publish_first_byte(Qos::at_most_once, false, false), prologue + payload)) {
    if (token != kNoSlot) {
      --written_count_;
      --target.written;
      done = std::move(publishes_[token].done);
      publishes_.release(token);
    }
    return Error(Errc::internal, "the source of entropy failed");
  }
  target.publishes_in_cork = true;
  stats_.publish_bytes += payload;
  return {};
}

// QoS 1, or no connection, or others wait already: serialised once into a buffer that is kept.
Status ClientCore::send_kept(Outgoing& outgoing, PublishCompletion& done) noexcept {
  const std::size_t bound = limits::kMqttFixedHeaderBytes + outgoing.bytes_max();
  Status room = publishes_.check_room(0);
  if (!room.ok()) return room;
  Buffer packet = host_.buffers().take(bound, limits::kMqttFixedHeaderBytes);
  if (!packet) return Error(Errc::no_memory, "no memory for a publish");
  // The packet id is written when the packet is: 1 stands in for it.
  const std::size_t prologue = mqtt::publish_prologue(packet.writable(), outgoing.topic, outgoing.qos,
                                                      outgoing.qos == Qos::at_most_once ? 0 : 1, {});
  AXONPUSH_ASSERT(prologue != 0);
  Error failure(Errc::internal, "a publish could not be written");
  const std::size_t payload = outgoing.write_payload(packet.writable().subspan(prologue), failure);
  if (payload == 0 && outgoing.message != nullptr) return failure;
  if (payload > options_.publish_payload_bytes) {
    return Error(Errc::payload_too_large, "the payload is over the largest payload");
  }
  packet.commit(prologue + payload);
  const std::size_t fixed =
      mqtt::fixed_header_backwards(packet.readable().data(), mqtt::publish_first_byte(outgoing.qos, false, false),
                                   static_cast<std::uint32_t>(prologue + payload));
  static_cast<void>(packet.prepend(fixed));
  const std::size_t size = packet.size();
  if (serving_ != kNoConnection && at(serving_).link.up()) {
    const Status allowed = at(serving_).session.check_publish(size, outgoing.qos, false);
    if (!allowed.ok()) return allowed;
  }
  room = publishes_.check_room(size);
  if (!room.ok()) return room;
  const std::uint32_t token = publishes_.add(std::move(packet), std::move(done));
  if (token == kNoSlot) return Error(Errc::no_memory, "no memory for a publish");
  Publishes::Entry& entry = publishes_[token];
  entry.qos = outgoing.qos;
  entry.id_offset =
      outgoing.qos == Qos::at_most_once ? 0 : static_cast<std::uint32_t>(fixed + 2 + outgoing.topic.size());
  entry.accepted_at = host_.now();
  publishes_.enqueue_back(token);
  stats_.publish_bytes += payload;
  if (publishes_.pending() > stats_.queue_count_max) stats_.queue_count_max = publishes_.pending();
  if (publishes_.pending_bytes() > stats_.queue_bytes_max) stats_.queue_bytes_max = publishes_.pending_bytes();
  pump_publishes();
  return {};
}

// Inside a turn the turn's end flushes; outside one this call does, and callbacks wait for a turn.
void ClientCore::request_flush() noexcept {
  ++api_calls_;
  host_.request_turn(Host::When::flush);
  --api_calls_;
}

// --- The queue

// CONTRACT 6.5: the old connection's publishes are written before the new one's first; with ordered_swap the new one
// waits for the old one's PUBACKs. And a connection whose session the candidate is taking over is as good as gone.
bool ClientCore::publishing_held() noexcept {
  if (retiring_ != kNoConnection && at(retiring_).link.up()) {
    if (at(retiring_).publishes_in_cork) return true;
    if (options_.ordered_swap && at(retiring_).session.publishes_in_flight() != 0) return true;
  }
  return about_to_take_over();
}

bool ClientCore::publishes_ready() noexcept {
  if (publishes_.waiting() == 0 || serving_ == kNoConnection || publishing_held()) return false;
  Connection& target = at(serving_);
  if (!target.link.up() || !target.link.room_to_publish()) return false;
  return publishes_[publishes_.front()].qos == Qos::at_most_once || target.session.publish_quota() != 0;
}

void ClientCore::pump_publishes() noexcept {
  // [MQTT-3.3.4-7]: of what a resumed session is owed, as much at a time as this connection's Receive Maximum allows.
  if (serving_ != kNoConnection && at(serving_).link.up() && at(serving_).session.resends_pending()) resend(serving_);
  while (publishes_ready()) {
    const std::uint32_t token = publishes_.front();
    publishes_.dequeue_front();
    if (!write_publish(token)) return;
    // A full cork goes out within the turn; what the transport does not take stays, and the rest waits in the queue.
    if (!at(serving_).link.room_to_publish()) at(serving_).link.flush_records();
  }
}

// Every publish that is out is overdue, and others wait for their place: an answer on this connection would come out of
// the blue, and without one they would wait until the next swap. A new connection asks for it again.
void ClientCore::leave_silent_broker() noexcept {
  if (disconnecting_ || serving_ == kNoConnection || candidate_ != kNoConnection || retiring_ != kNoConnection) return;
  Connection& target = at(serving_);
  if (!target.link.up() || (publishes_.waiting() == 0 && !target.session.resends_pending())) return;
  if (target.session.publish_quota() != 0 || !target.session.publishes_overdue()) return;
  target.link.give_up(
      Error(Errc::ack_timeout, "the broker answers no publish, and there is room for no more").by("MQTT 5 4.9"));
}

// Writes the kept packet on the serving connection. False when the link has ended over it; the publish is queued again
// then.
bool ClientCore::write_publish(std::uint32_t token) noexcept {
  Publishes::Entry& entry = publishes_[token];
  Connection& target = at(serving_);
  const Status allowed = target.session.check_publish(entry.packet.size(), entry.qos, false);
  if (!allowed.ok()) {
    defer_failure(token, allowed.error());
    return true;
  }
  if (entry.qos != Qos::at_most_once) {
    const Result<std::uint16_t> packet_id = target.session.begin_publish(entry.qos, token, host_.now());
    if (!packet_id.ok()) {
      publishes_.enqueue_front(token);
      return false;
    }
    std::uint8_t* const bytes = entry.packet.readable().data();
    bytes[0] = mqtt::publish_first_byte(entry.qos, false, false);
    store_be16(bytes + entry.id_offset, *packet_id);
    entry.place = Publishes::Place::in_flight;
    target.publishes_in_cork = true;
    return target.link.append(entry.packet.readable());
  }
  if (!target.link.append(entry.packet.readable())) {
    publishes_.enqueue_front(token);
    return false;
  }
  target.publishes_in_cork = true;
  if (entry.done) {
    note_written(token, serving_);
  } else {
    publishes_.release(token);
  }
  return true;
}

void ClientCore::note_written(std::uint32_t token, std::uint8_t connection) noexcept {
  Publishes::Entry& entry = publishes_[token];
  entry.place = Publishes::Place::written;
  entry.connection = connection;
  entry.written_number = ++at(connection).written;
  ++written_count_;
}

// What the broker has not acknowledged on the resumed session: the same packet id, DUP 1, in the original order
// ([MQTT-4.4.0-1], [MQTT-4.6.0-1]).
void ClientCore::resend(std::uint8_t connection) noexcept {
  Connection& target = at(connection);
  mqtt::Session::Resend again;
  while (target.session.next_resend(again, host_.now())) {
    AXONPUSH_ASSERT(again.kind == mqtt::Session::Resend::Kind::publish);  // PUBREL is QoS 2's
    Publishes::Entry& entry = publishes_[again.token];
    std::uint8_t* const bytes = entry.packet.readable().data();
    bytes[0] = mqtt::publish_first_byte(entry.qos, false, true);
    store_be16(bytes + entry.id_offset, again.packet_id);
    if (!target.link.append(entry.packet.readable())) return;
    ++stats_.resent;
  }
}

// What a session that is gone left unanswered goes back to the front of the queue, in its order, to be published as
// new.
void ClientCore::take_back(std::uint8_t connection) noexcept {
  InlineVec<std::uint32_t, limits::kMqttInflightOut> tokens;
  mqtt::Session::Unanswered unanswered;
  while (at(connection).session.take_unanswered(unanswered)) {
    if (unanswered.kind != mqtt::Session::Unanswered::Kind::publish) continue;
    if (publishes_[unanswered.token].place == Publishes::Place::abandoned) {
      publishes_.release(unanswered.token);
    } else {
      [[maybe_unused]] const bool kept = tokens.push_back(unanswered.token);
      AXONPUSH_ASSERT(kept);
    }
  }
  for (std::size_t at = tokens.size(); at != 0; --at) {
    publishes_.enqueue_front(tokens[at - 1]);
    ++stats_.resent;
  }
}

// --- Completions

void ClientCore::complete(std::uint32_t token, const Result<Published>& outcome) noexcept {
  if (!outcome.ok()) ++stats_.publish_failures;
  PublishCompletion done = std::move(publishes_[token].done);
  publishes_.release(token);
  call_last(done, outcome);
}

void ClientCore::on_link_published(Link& link, std::uint32_t token, mqtt::ReasonCode reason) noexcept {
  const std::uint8_t connection = index_of(link);
  Publishes::Entry& entry = publishes_[token];
  if (latency_ != nullptr) latency_->publish_to_puback.record(host_.now() - entry.accepted_at);
  if (entry.place == Publishes::Place::abandoned) {
    publishes_.release(token);
  } else if (mqtt::failed(reason)) {
    complete(
        token,
        Error(Errc::publish_refused, "the broker refused the publish").with_number(static_cast<std::uint8_t>(reason)));
  } else {
    ++stats_.acknowledged;
    complete(token, Published{.reason_code = reason});
  }
  if (abandoned_) return;
  if (connection == retiring_ && machine_.phase == Phase::drain && at(connection).session.publishes_in_flight() == 0) {
    feed({.kind = InputKind::drained});
  }
  check_drained();
}

void ClientCore::on_link_overdue(Link& link, const mqtt::Session::Due& due) noexcept {
  if (due.kind == mqtt::Session::Due::Kind::suback_timeout) {
    on_request_overdue(index_of(link));
    return;
  }
  // R-36's rule at 20 s: the caller is told once; the packet id stays taken until the broker or the session lets it go.
  Publishes::Entry& entry = publishes_[due.token];
  if (entry.place == Publishes::Place::abandoned) return;
  entry.place = Publishes::Place::abandoned;
  PublishCompletion done = std::move(entry.done);
  ++stats_.publish_failures;
  call_last(done, Result<Published>(due.error()));
}

void ClientCore::on_link_flushed(Link& link) noexcept {
  Connection& connection = at(index_of(link));
  connection.publishes_in_cork = false;
  if (connection.handed == connection.written) return;
  connection.handed = connection.written;
  written_pending_ = true;
}

// What was in the cork of a connection that has ended was never handed over: nothing succeeds in silence.
void ClientCore::fail_unwritten(std::uint8_t connection, const Error& reason) noexcept {
  Connection& target = at(connection);
  target.publishes_in_cork = false;
  if (target.handed == target.written) return;
  for (std::uint32_t token = publishes_.next(0); token != kNoSlot; token = publishes_.next(token + 1)) {
    Publishes::Entry& entry = publishes_[token];
    if (entry.place != Publishes::Place::written || entry.connection != connection) continue;
    if (entry.written_number <= target.handed) continue;
    entry.place = Publishes::Place::nowhere;
    --written_count_;
    defer_failure(token, reason);
  }
  target.written = target.handed;
}

// QoS 0 publishes are done when their bytes have been handed to the transport.
void ClientCore::complete_written() noexcept {
  for (std::uint32_t token = failures_; token != kNoSlot && !abandoned_; token = failures_) {
    failures_ = publishes_[token].next;
    complete(token, Result<Published>(publishes_[token].failure));
  }
  if (abandoned_) return;
  check_drained();
  if (!written_pending_) return;
  written_pending_ = false;
  for (std::uint32_t token = publishes_.next(0); token != kNoSlot; token = publishes_.next(token + 1)) {
    const Publishes::Entry& entry = publishes_[token];
    if (entry.place != Publishes::Place::written || entry.written_number > at(entry.connection).handed) continue;
    --written_count_;
    complete(token, Published{});
    if (abandoned_) return;
  }
  check_drained();
}

// A publish that turned out impossible when its turn came: its completion runs in a turn.
void ClientCore::defer_failure(std::uint32_t token, const Error& error) noexcept {
  publishes_[token].failure = error;
  publishes_[token].next = failures_;
  failures_ = token;
  host_.request_turn(Host::When::later);
}

void ClientCore::fail_all_publishes() noexcept {
  for (Connection* connection : connections_) {
    if (connection == nullptr) continue;
    connection->session.discard();
    mqtt::Session::Unanswered unanswered;
    while (connection->session.take_unanswered(unanswered)) {
    }
  }
  while (publishes_.front() != kNoSlot) publishes_.dequeue_front();
  failures_ = kNoSlot;
  written_count_ = 0;
  written_pending_ = false;
  const Error closed(Errc::closed, "the session was disconnected before the publish was acknowledged");
  for (std::uint32_t token = publishes_.next(0); token != kNoSlot; token = publishes_.next(token + 1)) {
    complete(token, closed);
    if (abandoned_) return;
  }
}

}  // namespace axonpush::inline v0
