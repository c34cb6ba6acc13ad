// What a connected client sends: PUBLISH, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT.
#include <algorithm>
#include <utility>

#include "testing/broker_peer.h"
#include "testing/server.h"

namespace axonpush::inline v0::testing {

namespace {

using mqtt::PacketType;
using mqtt::Property;
using mqtt::Qos;
using mqtt::ReasonCode;

// How long a client that said DISCONNECT may take to close the WebSocket.
constexpr Duration kLeaveTimeout = seconds(1);

// [MQTT-3.3.2-4] and its like: everything but the alias, which is between two neighbours, and the expiry, which
// shrinks.
std::vector<std::uint8_t> forwarded_properties(const mqtt::Properties& properties) {
  std::vector<std::uint8_t> kept;
  if (properties.empty()) return kept;
  kept.resize(properties.raw().size());
  mqtt::PropertyWriter writer(kept);
  mqtt::PropertyValue value;
  for (mqtt::Properties::Cursor at(properties); at.next(value);) {
    if (value.id == Property::topic_alias || value.id == Property::message_expiry_interval) continue;
    switch (mqtt::type_of(value.id)) {
      case mqtt::PropertyType::utf8_pair:
        writer.pair(text_of(value.name), text_of(value.bytes));
        break;
      case mqtt::PropertyType::utf8_string:
        writer.text(value.id, text_of(value.bytes));
        break;
      case mqtt::PropertyType::binary:
        writer.binary(value.id, value.bytes);
        break;
      default:
        writer.integer(value.id, value.integer);
        break;
    }
  }
  kept.resize(writer.written().size());
  return kept;
}

}  // namespace

// --- PUBLISH

bool BrokerPeer::publish_acceptable(const mqtt::Publish& publish) {
  const LoopbackOptions& options = server_.options();
  if (publish.qos == Qos::exactly_once) {
    disconnect(ReasonCode::qos_not_supported, "CONNACK said Maximum QoS 1");
  } else if (publish.retain) {
    disconnect(ReasonCode::retain_not_supported, "CONNACK said Retain Available 0");
  } else if (publish.payload.size() > options.payload_bytes_max) {
    disconnect(ReasonCode::packet_too_large, "the payload is larger than allowed");
  } else if (publish.topic_alias > options.topic_alias_maximum) {
    disconnect(ReasonCode::topic_alias_invalid, "the alias is larger than CONNACK allowed");
  } else if (publish.qos == Qos::at_least_once && pubacks_held_ >= options.receive_maximum) {
    disconnect(ReasonCode::receive_maximum_exceeded, "more QoS 1 than CONNACK's Receive Maximum");
  } else {
    return true;
  }
  ++server_.stats().protocol_errors;
  return false;
}

bool BrokerPeer::resolve_alias(const mqtt::Publish& publish, std::string& topic) {
  if (publish.topic_alias == 0) {
    topic = publish.topic;
    return true;
  }
  if (aliases_.size() < publish.topic_alias) aliases_.resize(publish.topic_alias);
  std::string& alias = aliases_[publish.topic_alias - 1U];
  if (!publish.topic.empty()) alias = publish.topic;
  topic = alias;
  return !topic.empty();
}

ReasonCode BrokerPeer::store(const mqtt::Publish& publish, std::string_view topic) {
  Faults& faults = server_.faults();
  if (publish.qos == Qos::at_least_once && faults.refuse_publish.take()) return faults.refuse_publish.value;
  const ReasonCode judged = server_.broker().judge_topic(topic);
  if (mqtt::failed(judged)) return judged;
  const std::vector<std::uint8_t> properties = forwarded_properties(publish.properties);
  Instant expires = Instant::never();
  if (publish.properties.has(Property::message_expiry_interval)) {
    expires = server_.reactor().now() + seconds(publish.properties.integer(Property::message_expiry_interval, 0));
  }
  const std::size_t count = server_.broker().route(
      {.topic = topic, .payload = publish.payload, .properties = properties, .expires = expires, .qos = publish.qos},
      session_);
  return count == 0 ? ReasonCode::no_matching_subscribers : ReasonCode::success;
}

void BrokerPeer::on_publish(const mqtt::Publish& publish) {
  if (!publish_acceptable(publish)) return;
  ReasonCode reason = ReasonCode::success;
  if (publish.topic_alias == 0) {
    reason = store(publish, publish.topic);
  } else {
    std::string topic;
    if (!resolve_alias(publish, topic)) {
      ++server_.stats().protocol_errors;
      return disconnect(ReasonCode::protocol_error, "this alias has no topic yet");  // MQTT 5 3.3.2.3.4
    }
    reason = store(publish, topic);
  }
  LoopbackStats& stats = server_.stats();
  ++(mqtt::failed(reason) ? stats.publishes_refused : stats.publishes);
  if (publish.dup) ++stats.publishes_dup;
  if (publish.qos == Qos::at_most_once) return;
  if (server_.faults().kill_before_puback.take()) return abort();
  mqtt::Ack ack;
  ack.packet_id = publish.packet_id;
  ack.reason_code = reason;
  std::uint8_t packet[16];
  send_answer(LoopbackAnswer::puback, Bytes(packet).first(mqtt::encode_ack(packet, PacketType::puback, ack)));
}

// --- SUBSCRIBE and UNSUBSCRIBE

void BrokerPeer::on_subscribe(const mqtt::FilterList& filters) {
  LoopbackStats& stats = server_.stats();
  ++stats.subscribes;
  if (server_.faults().kill_before_suback.take()) return abort();
  if (filters.properties.has(Property::subscription_identifier)) {
    ++stats.protocol_errors;
    return disconnect(ReasonCode::subscription_identifiers_not_supported, "CONNACK said there are none");
  }
  // AWS IoT Core closes the connection.
  if (filters.count > server_.options().filters_per_subscribe_max) {
    ++stats.protocol_errors;
    return disconnect(ReasonCode::quota_exceeded, "more filters in one SUBSCRIBE than allowed");
  }
  std::vector<std::uint8_t> reasons;
  mqtt::SubscriptionRequest request;
  for (mqtt::FilterList::Cursor at(filters); at.next(request);) {
    const ReasonCode reason = server_.broker().subscribe(*session_, request);
    ++(mqtt::failed(reason) ? stats.filters_refused : stats.filters_granted);
    reasons.push_back(static_cast<std::uint8_t>(reason));
  }
  mqtt::ReasonList list;
  list.packet_id = filters.packet_id;
  list.reason_codes = reasons;
  std::vector<std::uint8_t> packet(reasons.size() + 16);
  const std::size_t size = mqtt::encode_reasons(packet, PacketType::suback, list);
  send_answer(LoopbackAnswer::suback, Bytes(packet).first(size));
}

void BrokerPeer::on_unsubscribe(const mqtt::FilterList& filters) {
  ++server_.stats().unsubscribes;
  std::vector<std::uint8_t> reasons;
  mqtt::SubscriptionRequest request;
  for (mqtt::FilterList::Cursor at(filters); at.next(request);) {
    reasons.push_back(static_cast<std::uint8_t>(server_.broker().unsubscribe(*session_, request.topic_filter)));
  }
  mqtt::ReasonList list;
  list.packet_id = filters.packet_id;
  list.reason_codes = reasons;
  std::vector<std::uint8_t> packet(reasons.size() + 16);
  const std::size_t size = mqtt::encode_reasons(packet, PacketType::unsuback, list);
  send_answer(LoopbackAnswer::unsuback, Bytes(packet).first(size));
}

// --- The rest

void BrokerPeer::on_ping() {
  ++server_.stats().pings;
  if (server_.faults().ignore_pings) return;
  std::uint8_t packet[2];
  send_answer(LoopbackAnswer::pingresp, Bytes(packet).first(mqtt::encode_ping(packet, PacketType::pingresp)));
}

void BrokerPeer::on_disconnect(const mqtt::Notice& notice) {
  ++server_.stats().disconnects_received;
  if (notice.properties.has(Property::session_expiry_interval)) {
    const std::uint32_t asked = notice.properties.integer(Property::session_expiry_interval, 0);
    // MQTT 5 3.14.2.2.2: a session without expiry cannot get one when it ends.
    if (session_->expiry_interval == 0 && asked != 0) {
      ++server_.stats().protocol_errors;
      return disconnect(ReasonCode::protocol_error, "CONNECT said Session Expiry Interval 0");
    }
    session_->expiry_interval = std::min(asked, server_.options().session_expiry_max);
  }
  // [MQTT-3.14.4-3]: a normal disconnection takes the will back.
  if (notice.reason_code == ReasonCode::disconnect_with_will_message) {
    // Ends as a lost connection would, with the will.
    return close_with(1000, "");
  }
  will_ = MessageRef();
  phase_ = Phase::leaving;
  if (counted_live_) --server_.stats().live_clients;
  counted_live_ = false;
  server_.broker().detach(*std::exchange(session_, nullptr));
  set_deadline(server_.reactor().now() + kLeaveTimeout);
}

}  // namespace axonpush::inline v0::testing
