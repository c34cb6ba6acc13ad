// CONNECT and CONNACK.
#include <algorithm>

#include "testing/broker_peer.h"
#include "testing/server.h"

namespace axonpush::inline v0::testing {

namespace {

using mqtt::Property;
using mqtt::PropertyWriter;
using mqtt::ReasonCode;

constexpr std::uint16_t kReceiveMaximumAbsent = 65'535;  // MQTT 5 3.1.2.11.3

}  // namespace

void BrokerPeer::on_connect(const mqtt::Connect& connect) {
  ++server_.stats().connects;
  std::string_view why;
  const ReasonCode judged = judge_connect(connect, why);
  if (mqtt::failed(judged)) return refuse_connect(judged, why);
  const std::uint32_t asked = connect.properties.integer(Property::session_expiry_interval, 0);
  const Broker::Opened opened =
      server_.broker().open({.client_id = connect.client_id,
                             .clean_start = connect.clean_start,
                             .expiry_interval = std::min(asked, server_.options().session_expiry_max)},
                            *this);
  session_ = opened.session;
  accept_connect(connect, opened);
}

ReasonCode BrokerPeer::judge_connect(const mqtt::Connect& connect, std::string_view& why) {
  Faults& faults = server_.faults();
  if (faults.fail_connack.take()) {
    why = "the loopback service was told to refuse";
    return faults.fail_connack.value;
  }
  // AWS IoT Core: at most 128 bytes, no leading '$'.
  if (connect.client_id.size() > limits::kMqttClientIdBytes || connect.client_id.starts_with('$')) {
    why = "a client id has at most 128 bytes and does not start with $";
    return ReasonCode::client_identifier_not_valid;
  }
  if (connect.properties.has(Property::authentication_method)) {
    why = "there is no enhanced authentication";
    return ReasonCode::bad_authentication_method;
  }
  const auto verdict = connect.has_user_name ? server_.credentials().check(connect.user_name, server_.reactor().now())
                                             : CredentialStore::Verdict::unknown;
  if (verdict == CredentialStore::Verdict::unknown) {
    why = "the user name is neither a token of the credentials endpoint nor the API key";
    return ReasonCode::bad_user_name_or_password;
  }
  if (verdict == CredentialStore::Verdict::expired) {
    why = "the credentials have expired";
    return ReasonCode::not_authorized;
  }
  if (!connect.has_will) return ReasonCode::success;
  why = "the will is not acceptable";
  return judge_will(connect);
}

ReasonCode BrokerPeer::judge_will(const mqtt::Connect& connect) const {
  if (connect.will_qos == mqtt::Qos::exactly_once) return ReasonCode::qos_not_supported;
  if (connect.will_retain) return ReasonCode::retain_not_supported;
  if (connect.will_payload.size() > server_.options().payload_bytes_max) return ReasonCode::packet_too_large;
  return server_.broker().judge_topic(connect.will_topic);
}

void BrokerPeer::refuse_connect(ReasonCode reason, std::string_view why) {
  ++server_.stats().connects_refused;
  std::uint8_t properties[256];
  PropertyWriter writer(properties);
  if (!why.empty()) writer.text(Property::reason_string, why);
  mqtt::Connack connack;
  connack.reason_code = reason;
  connack.properties = mqtt::Properties(writer.written(), 0);
  std::uint8_t packet[300];
  send_packet(Bytes(packet).first(mqtt::encode_connack(packet, connack)));
  // Not live, so that no DISCONNECT follows: CONNACK has said it.
  close_with(1000, "");
}

void BrokerPeer::accept_connect(const mqtt::Connect& connect, const Broker::Opened& opened) {
  const LoopbackOptions& options = server_.options();
  receive_maximum_ =
      static_cast<std::uint16_t>(connect.properties.integer(Property::receive_maximum, kReceiveMaximumAbsent));
  packet_bytes_max_ = connect.properties.integer(Property::maximum_packet_size,
                                                 limits::kMqttRemainingLength + limits::kMqttFixedHeaderBytes);
  keep_alive_ = options.server_keep_alive != 0 ? options.server_keep_alive : connect.keep_alive;
  if (connect.has_will) {
    will_ = MessageRef({.topic = connect.will_topic, .payload = connect.will_payload, .properties = {}});
    will_qos_ = connect.will_qos;
  }

  std::uint8_t properties[512];
  PropertyWriter writer(properties);
  const std::uint32_t asked = connect.properties.integer(Property::session_expiry_interval, 0);
  if (asked > options.session_expiry_max) {
    writer.integer(Property::session_expiry_interval, options.session_expiry_max);
  }
  writer.integer(Property::receive_maximum, options.receive_maximum);
  writer.integer(Property::maximum_qos, 1);
  writer.integer(Property::retain_available, 0);
  writer.integer(Property::maximum_packet_size, options.packet_bytes_max);
  // [MQTT-3.1.3-7]
  if (connect.client_id.empty()) writer.text(Property::assigned_client_identifier, opened.session->client_id);
  if (options.topic_alias_maximum != 0) writer.integer(Property::topic_alias_maximum, options.topic_alias_maximum);
  writer.integer(Property::subscription_identifier_available, 0);
  writer.integer(Property::shared_subscription_available, 0);
  if (options.server_keep_alive != 0) writer.integer(Property::server_keep_alive, options.server_keep_alive);
  mqtt::Connack connack;
  connack.session_present = opened.present;
  connack.properties = mqtt::Properties(writer.written(), 0);
  std::uint8_t packet[600];
  const std::size_t size = mqtt::encode_connack(packet, connack);
  if (!writer.ok() || size == 0) return abort();
  send_packet(Bytes(packet).first(size));

  phase_ = Phase::live;
  counted_live_ = true;
  ++server_.stats().live_clients;
  if (keep_alive_ != 0) {
    set_deadline(server_.reactor().now() + milliseconds(1'500) * keep_alive_);
  } else {
    server_.reactor().disarm(*this);
  }
  server_.broker().resume(*opened.session);
}

}  // namespace axonpush::inline v0::testing
