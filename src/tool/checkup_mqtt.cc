// The doctor's last steps: CONNACK with its limits, SUBACK, one event there and back.
#include <axonpush/mqtt/session.h>
#include <axonpush/topic.h>

#include "client/envelope.h"
#include "tool/checkup.h"
#include "tool/json_lines.h"

namespace axonpush::tool {

namespace {

constexpr std::uint16_t kSubscribeId = 1;
constexpr std::uint16_t kPublishId = 2;
constexpr std::uint16_t kKeepAliveSeconds = 30;

std::vector<std::string> limits_of(const mqtt::Connack& connack) {
  using mqtt::Property;
  const mqtt::Properties& told = connack.properties;
  const auto number = [&](Property property, std::uint32_t absent) {
    return std::to_string(told.integer(property, absent));
  };
  std::vector<std::string> lines;
  lines.push_back("receive maximum " + number(Property::receive_maximum, 65'535) + ", maximum packet size " +
                  (told.has(Property::maximum_packet_size) ? number(Property::maximum_packet_size, 0) : "unlimited") +
                  ", topic aliases " + number(Property::topic_alias_maximum, 0) + ", maximum QoS " +
                  number(Property::maximum_qos, 2));
  lines.push_back("keep alive " + number(Property::server_keep_alive, kKeepAliveSeconds) + " s, session expiry " +
                  number(Property::session_expiry_interval, 0) + " s, wildcards " +
                  (told.integer(Property::wildcard_subscription_available, 1) != 0 ? "yes" : "no") + ", retain " +
                  (told.integer(Property::retain_available, 1) != 0 ? "yes" : "no"));
  return lines;
}

std::string nonce_from(Entropy& entropy) {
  std::uint8_t bytes[8] = {};
  static_cast<void>(entropy.fill(bytes));  // the nonce tells two doctors apart and protects nothing
  return to_hex(bytes, sizeof bytes);
}

}  // namespace

// --- Packets over frames

Status Checkup::send_packet(Bytes packet) {
  std::vector<std::uint8_t> frame(packet.size() + limits::kWsHeaderBytes);
  std::uint8_t key[4];
  if (!entropy_.fill(key)) return Error(Errc::internal, "the source of entropy failed");
  const std::size_t size = ws::encode_frame(frame, ws::Opcode::binary, packet, key);
  Status sent = wire_.send(Bytes(frame).first(size));
  if (sent.ok()) record(TraceKind::packet_out, static_cast<std::uint32_t>(packet[0] >> 4), packet.size());
  return sent;
}

Status Checkup::next_frame() {
  using Kind = ws::FrameDecoder::Kind;
  std::vector<std::uint8_t>& input = wire_.input();
  const ws::FrameDecoder::Step step = frames_.next(input);
  switch (step.kind) {
    case Kind::data:
      stream_.insert(stream_.end(), step.payload.begin(), step.payload.end());
      break;
    case Kind::ping: {
      // RFC 6455 5.5.3: the answer has the same payload.
      std::uint8_t frame[limits::kWsControlPayloadBytes + limits::kWsHeaderBytes];
      std::uint8_t key[4];
      if (!entropy_.fill(key)) return Error(Errc::internal, "the source of entropy failed");
      const std::size_t size = ws::encode_frame(frame, ws::Opcode::pong, step.payload, key);
      if (Status sent = wire_.send(Bytes(frame).first(size)); !sent.ok()) return sent;
      break;
    }
    case Kind::pong:
      break;
    case Kind::close:
      return Error(Errc::server_closed, "the server closed the WebSocket").with_number(step.close_code);
    case Kind::error:
      return ws::error_of(step.rule);
    case Kind::need_more:
      return wire_.receive();
  }
  input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(step.consumed));
  return {};
}

Status Checkup::next_packet(mqtt::Packet& packet) {
  stream_.erase(stream_.begin(), stream_.begin() + static_cast<std::ptrdiff_t>(std::exchange(taken_, 0)));
  for (;;) {
    if (!stream_.empty()) {
      const mqtt::Decoded decoded = mqtt::decode(stream_, {.sender = mqtt::Sender::server}, packet);
      if (decoded.progress == Progress::error) return mqtt::error_of(decoded);
      if (decoded.progress == Progress::done) {
        taken_ = decoded.size;
        record(TraceKind::packet_in, static_cast<std::uint32_t>(packet.type), decoded.size);
        if (packet.type != mqtt::PacketType::disconnect) return {};
        return Error(Errc::server_disconnect, "the broker ended the session")
            .with_number(static_cast<std::uint8_t>(packet.notice.reason_code));
      }
    }
    if (Status more = next_frame(); !more.ok()) return more;
  }
}

// --- The steps

bool Checkup::connect() {
  begin("broker", "connack");
  nonce_ = nonce_from(entropy_);
  const std::string random_id = "axonpush-doctor-" + nonce_;
  std::uint8_t property_bytes[16];
  mqtt::PropertyWriter properties(property_bytes);
  properties.integer(mqtt::Property::receive_maximum, limits::kMqttReceiveMaximum);
  properties.integer(mqtt::Property::maximum_packet_size, limits::kMqttPacketBytes);
  mqtt::Connect packet;
  packet.client_id = credentials_.client_id.empty() ? std::string_view(random_id) : credentials_.client_id.view();
  packet.user_name = credentials_.auth_token.reveal();
  packet.has_user_name = packet.has_password = !packet.user_name.empty();
  packet.properties = properties.properties();
  packet.keep_alive = kKeepAliveSeconds;
  std::vector<std::uint8_t> bytes(mqtt::encoded_size(packet));
  bytes.resize(mqtt::encode_connect(bytes, packet));
  Status done = bytes.empty() ? Status(Error(Errc::internal, "CONNECT could not be written")) : send_packet(bytes);
  wipe(MutableBytes(bytes));
  mqtt::Packet answer;
  if (done.ok()) done = next_packet(answer);
  if (!done.ok()) return failed(done.error());
  if (answer.type != mqtt::PacketType::connack) {
    return failed(Error(Errc::mqtt_protocol, "the broker answered CONNECT with another packet"));
  }
  const std::vector<std::string> told = limits_of(answer.connack);
  if (mqtt::failed(answer.connack.reason_code)) return failed(mqtt::error_of(answer.connack));
  report_.pass("accepted, a new session", told);
  return true;
}

bool Checkup::subscribe() {
  begin("broker", "suback");
  const TopicPrefix prefix =
      credentials_.topic_prefix.empty() ? fallback_prefix(credentials_.client_id.view()) : credentials_.topic_prefix;
  const TopicDefaults defaults{.prefix = prefix.view(),
                               .environment = config_.options.environment,
                               .env_slug = credentials_.env_slug.view(),
                               .app_id = config_.options.app_id};
  const TopicMembers members{.environment = options_.environment,
                             .app_id = options_.app,
                             .channel_id = options_.channel,
                             .event_type = "axonpush.doctor",
                             .agent_id = nonce_};
  char text[limits::kTopicOutBytes];
  Result<std::size_t> size = write_publish_topic(text, defaults, members);
  if (!size.ok()) return failed(size.error());
  topic_.assign(text, *size);
  size = write_subscribe_filter(text, defaults, members);
  if (!size.ok()) return failed(size.error());
  filter_.assign(text, *size);

  const mqtt::SubscriptionRequest request{.topic_filter = filter_, .qos_max = mqtt::Qos::at_least_once};
  std::vector<std::uint8_t> bytes(mqtt::encoded_size(Bytes(), std::span(&request, 1)));
  bytes.resize(mqtt::encode_subscribe(bytes, kSubscribeId, {}, std::span(&request, 1)));
  Status done = send_packet(bytes);
  mqtt::Packet answer;
  while (done.ok()) {
    done = next_packet(answer);
    if (done.ok() && answer.type == mqtt::PacketType::suback) break;
  }
  if (!done.ok()) return failed(done.error(), {"filter " + printable(filter_)});
  const auto reason = static_cast<mqtt::ReasonCode>(answer.reasons.reason_codes[0]);
  if (mqtt::failed(reason)) {
    return failed(Error(Errc::suback_failed, "the broker refused the topic filter")
                      .with_number(static_cast<std::uint8_t>(reason)),
                  {"filter " + printable(filter_)});
  }
  report_.pass("granted at QoS " + std::to_string(static_cast<unsigned>(reason)), {"filter " + printable(filter_)});
  return true;
}

bool Checkup::round_trip() {
  begin("broker", "event");
  JsonOut body;
  body.begin_object().key("channelId").string(options_.channel).key("identifier").string("axonpush-doctor");
  body.key("payload").begin_object().key("nonce").string(nonce_).end_object();
  body.key("agentId").string(nonce_).key("eventType").string("axonpush.doctor").end_object();
  mqtt::Publish publish;
  publish.topic = topic_;
  publish.payload = bytes_of(body.text());
  publish.qos = mqtt::Qos::at_least_once;
  publish.packet_id = kPublishId;
  std::vector<std::uint8_t> bytes(mqtt::encoded_size(publish));
  bytes.resize(mqtt::encode_publish(bytes, publish));
  Status done = send_packet(bytes);
  bool acknowledged = false;
  bool received = false;
  mqtt::Packet packet;
  while (done.ok() && !(acknowledged && received)) {
    done = next_packet(packet);
    if (!done.ok()) break;
    if (packet.type == mqtt::PacketType::puback && packet.ack.packet_id == kPublishId) {
      acknowledged = true;
      if (mqtt::failed(packet.ack.reason_code)) {
        done = Error(Errc::publish_refused, "the broker refused the publish")
                   .with_number(static_cast<std::uint8_t>(packet.ack.reason_code));
      }
    } else if (packet.type == mqtt::PacketType::publish) {
      received = received || (packet.publish.topic == topic_ && text_of(packet.publish.payload) == body.text());
      if (packet.publish.qos == mqtt::Qos::at_most_once) continue;
      std::uint8_t puback[4];
      done = send_packet(Bytes(puback).first(mqtt::encode_puback(puback, packet.publish.packet_id)));
    }
  }
  const std::vector<std::string> notes = {"topic " + printable(topic_)};
  if (!done.ok()) return failed(done.error(), notes);
  report_.pass("published, acknowledged and received", notes);
  leave();
  return true;
}

void Checkup::leave() {
  std::uint8_t packet[8];
  std::uint8_t frame[limits::kWsHeaderBytes + 2];
  std::uint8_t payload[2];
  std::uint8_t key[4];
  const std::size_t size = mqtt::encode_notice(packet, mqtt::PacketType::disconnect, {});
  // Whether they get through changes nothing any more.
  static_cast<void>(send_packet(Bytes(packet).first(size)));
  if (entropy_.fill(key) && ws::close_payload(payload, 1000, {}) == sizeof payload) {
    static_cast<void>(wire_.send(Bytes(frame).first(ws::encode_frame(frame, ws::Opcode::close, payload, key))));
  }
  wire_.close();
  record(TraceKind::closed);
}

}  // namespace axonpush::tool
