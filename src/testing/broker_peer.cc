// Frames in and out, deadlines and the end; the packets themselves are in broker_connect.cc and broker_packets.cc.
#include "testing/broker_peer.h"

#include <algorithm>

#include "testing/server.h"

namespace axonpush::inline v0::testing {

namespace {

using mqtt::PacketType;
using mqtt::ReasonCode;

// From accept to CONNECT; a client that needs longer is stuck.
constexpr Duration kOpenTimeout = seconds(15);

std::uint32_t variable_byte_size(std::size_t value) {
  return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}

// MQTT 5 2.2.2.2
constexpr std::size_t kExpiryPropertyBytes = 5;

}  // namespace

BrokerPeer::BrokerPeer(Server& server, Stream stream, std::uint64_t id)
    : Peer(server, std::move(stream), id),
      upgrade_(std::make_unique<Upgrade>()),
      frames_({.role = ws::Role::server, .message_bytes_max = 0}) {
  set_deadline(server.reactor().now() + kOpenTimeout);
}

std::size_t BrokerPeer::on_input(MutableBytes input) {
  last_heard_ = server_.reactor().now();
  std::size_t used = 0;
  if (phase_ == Phase::upgrade) used = take_upgrade(input);
  // A client that waits for 101, as RFC 6455 4.1 demands, has nothing behind its request.
  if (phase_ == Phase::upgrade || ending()) return used;
  return used + take_frames(input.subspan(used));
}

std::size_t BrokerPeer::take_frames(MutableBytes input) {
  using Kind = ws::FrameDecoder::Kind;
  std::size_t used = 0;
  while (!ending()) {
    const ws::FrameDecoder::Step step = frames_.next(input.subspan(used));
    used += step.consumed;
    switch (step.kind) {
      case Kind::need_more:
        return used;
      case Kind::data:
        take_data(step.payload);
        break;
      case Kind::ping:
        send_frame(ws::Opcode::pong, step.payload);
        break;
      case Kind::pong:
        ++server_.stats().pongs;
        break;
      case Kind::close:
        // RFC 6455 5.5.1: the code is echoed.
        close_with(step.close_code == 1005 ? std::uint16_t{1000} : step.close_code, "");
        break;
      case Kind::error:
        ++server_.stats().protocol_errors;
        close_with(ws::close_code_of(step.rule), ws::text_of(step.rule));
        break;
    }
  }
  return input.size();
}

void BrokerPeer::take_data(Bytes payload) {
  if (phase_ == Phase::leaving) return;
  if (packets_.empty()) {
    const std::size_t used = take_packets(payload);
    if (!ending()) packets_.assign(payload.begin() + static_cast<std::ptrdiff_t>(used), payload.end());
  } else {
    packets_.insert(packets_.end(), payload.begin(), payload.end());
    const std::size_t used = take_packets(packets_);
    packets_.erase(packets_.begin(), packets_.begin() + static_cast<std::ptrdiff_t>(used));
  }
  if (packets_.empty() && packets_.capacity() != 0) std::vector<std::uint8_t>().swap(packets_);
}

std::size_t BrokerPeer::take_packets(Bytes input) {
  const mqtt::DecodeOptions how{.sender = mqtt::Sender::client, .packet_bytes_max = server_.options().packet_bytes_max};
  std::size_t used = 0;
  mqtt::Packet packet;
  while (!ending() && phase_ != Phase::held && phase_ != Phase::leaving && used < input.size()) {
    const mqtt::Decoded decoded = mqtt::decode(input.subspan(used), how, packet);
    if (decoded.progress == Progress::need_more) break;
    if (decoded.progress == Progress::error) {
      refuse_packet(decoded);
      break;
    }
    take_packet(packet, input.subspan(used, decoded.size));
    used += decoded.size;
  }
  return used;
}

void BrokerPeer::refuse_packet(const mqtt::Decoded& decoded) {
  ++server_.stats().protocol_errors;
  const ReasonCode reason = mqtt::reason_of(decoded.rule);
  if (phase_ == Phase::connect) {
    const bool sayable =
        mqtt::reason_code_allowed(PacketType::connack, mqtt::Sender::server, static_cast<std::uint8_t>(reason));
    refuse_connect(sayable ? reason : ReasonCode::protocol_error, mqtt::text_of(decoded.rule));
  } else {
    disconnect(reason, mqtt::text_of(decoded.rule));
  }
}

void BrokerPeer::take_packet(const mqtt::Packet& packet, Bytes raw) {
  if (phase_ == Phase::connect) {
    // [MQTT-3.1.0-1]
    if (packet.type != PacketType::connect)
      return disconnect(ReasonCode::protocol_error, "the first packet is CONNECT");
    const Duration wait = server_.faults().delay_of(LoopbackAnswer::connack);
    if (wait == Duration::zero()) return on_connect(packet.connect);
    phase_ = Phase::held;
    server_.later(*this, server_.reactor().now() + wait, {raw.begin(), raw.end()}, kConnect);
    return;
  }
  switch (packet.type) {
    case PacketType::publish:
      return on_publish(packet.publish);
    case PacketType::puback:
      return server_.broker().acknowledged(*session_, packet.ack.packet_id);
    case PacketType::subscribe:
      return on_subscribe(packet.filters);
    case PacketType::unsubscribe:
      return on_unsubscribe(packet.filters);
    case PacketType::pingreq:
      return on_ping();
    case PacketType::disconnect:
      return on_disconnect(packet.notice);
    default:
      // A second CONNECT ([MQTT-3.1.0-2]), AUTH that nobody asked for, and the packets of QoS 2.
      ++server_.stats().protocol_errors;
      return disconnect(ReasonCode::protocol_error, "this packet is not expected here");
  }
}

void BrokerPeer::on_later(std::vector<std::uint8_t> bytes, unsigned purpose) {
  if (purpose == kRaw) return send(bytes);
  if (purpose == kPacket) {
    if (!bytes.empty() && bytes[0] >> 4 == static_cast<unsigned>(PacketType::puback) && pubacks_held_ != 0) {
      --pubacks_held_;
    }
    return send_packet(bytes);
  }
  mqtt::Packet packet;
  const mqtt::DecodeOptions how{.sender = mqtt::Sender::client, .packet_bytes_max = limits::kMqttRemainingLength};
  if (mqtt::decode(bytes, how, packet).progress != Progress::done) return abort();
  phase_ = Phase::connect;
  on_connect(packet.connect);
  if (ending() || packets_.empty()) return;
  const std::vector<std::uint8_t> waiting = std::exchange(packets_, {});
  take_data(waiting);
}

void BrokerPeer::on_deadline(Instant now) {
  if (phase_ != Phase::live) return phase_ == Phase::leaving ? close_with(1000, "") : abort();
  // [MQTT-3.1.2-22]: one and a half times the keep alive.
  const Instant due = last_heard_ + milliseconds(1'500) * keep_alive_;
  if (now < due) return set_deadline(due);
  ++server_.stats().keep_alive_timeouts;
  disconnect(ReasonCode::keep_alive_timeout, "nothing was heard for one and a half keep alives");
}

void BrokerPeer::on_drained() {
  if (session_ != nullptr) server_.broker().pump(*session_);
}

// --- Output

void BrokerPeer::send_frame(ws::Opcode opcode, Bytes payload) {
  if (ending()) return;
  const MutableBytes frame = append(ws::header_size(payload.size(), false) + payload.size());
  static_cast<void>(ws::encode_frame(frame, opcode, payload, nullptr));
}

void BrokerPeer::send_packet(Bytes packet) {
  const std::size_t frame_bytes = server_.options().frame_bytes;
  if (frame_bytes == 0) return send_frame(ws::Opcode::binary, packet);
  // [MQTT-6.0.0-2]: packets need not be aligned to frames.
  while (!packet.empty()) {
    const std::size_t size = std::min(frame_bytes, packet.size());
    send_frame(ws::Opcode::binary, packet.first(size));
    packet = packet.subspan(size);
  }
}

void BrokerPeer::send_answer(LoopbackAnswer answer, Bytes packet) {
  const Duration wait = server_.faults().delay_of(answer);
  const Instant now = server_.reactor().now();
  if (answer == LoopbackAnswer::delivery) {
    delivery_due_ = std::max(delivery_due_, now + wait);
    if (delivery_due_ <= now) return send_packet(packet);
    return server_.later(*this, delivery_due_, {packet.begin(), packet.end()}, kPacket);
  }
  if (wait == Duration::zero()) return send_packet(packet);
  if (answer == LoopbackAnswer::puback) ++pubacks_held_;
  server_.later(*this, now + wait, {packet.begin(), packet.end()}, kPacket);
}

bool BrokerPeer::send_publish(const Publication& publication, const Delivery& how) {
  std::vector<std::uint8_t> with_expiry;
  Bytes properties = publication.properties;
  if (publication.expires != Instant::never()) {
    const Duration left = publication.expires - server_.reactor().now();
    if (left <= Duration::zero()) return false;
    // [MQTT-3.3.2-6]: the time it waited here is taken off.
    std::uint8_t expiry[kExpiryPropertyBytes];
    mqtt::PropertyWriter writer(expiry);
    writer.integer(mqtt::Property::message_expiry_interval, static_cast<std::uint32_t>(left.seconds()));
    with_expiry.assign(expiry, expiry + writer.written().size());
    with_expiry.insert(with_expiry.end(), properties.begin(), properties.end());
    properties = with_expiry;
  }
  const std::size_t id_bytes = how.qos == mqtt::Qos::at_most_once ? 0 : 2;
  const std::size_t body = 2 + publication.topic.size() + id_bytes + variable_byte_size(properties.size()) +
                           properties.size() + publication.payload.size();
  const std::size_t size = 1 + variable_byte_size(body) + body;
  if (size > packet_bytes_max_) {
    ++server_.stats().deliveries_dropped;
    return false;
  }
  mqtt::Publish packet;
  packet.topic = publication.topic;
  packet.payload = publication.payload;
  packet.properties = mqtt::Properties(properties, 0);
  packet.packet_id = how.packet_id;
  packet.qos = how.qos;
  packet.dup = how.dup;
  const bool plain = server_.options().frame_bytes == 0 && delivery_due_ == Instant() &&
                     server_.faults().delay_of(LoopbackAnswer::delivery) == Duration::zero();
  if (!plain) {
    std::vector<std::uint8_t> whole(size);
    static_cast<void>(mqtt::encode_publish(whole, packet));
    send_answer(LoopbackAnswer::delivery, whole);
    return true;
  }
  std::uint8_t header[limits::kWsHeaderBytes];
  const std::size_t header_bytes = ws::header_backwards(std::end(header), ws::Opcode::binary, size, nullptr);
  const MutableBytes frame = append(header_bytes + size);
  std::memcpy(frame.data(), std::end(header) - header_bytes, header_bytes);
  static_cast<void>(mqtt::encode_publish(frame.subspan(header_bytes), packet));
  return true;
}

// --- Ends

void BrokerPeer::taken_over() {
  session_ = nullptr;
  disconnect(ReasonCode::session_taken_over, "another connection uses this client id");
}

void BrokerPeer::disconnect(ReasonCode reason, std::string_view why) {
  if (ending()) return;
  if (phase_ == Phase::live) {
    std::uint8_t properties[256];
    mqtt::PropertyWriter writer(properties);
    if (!why.empty()) writer.text(mqtt::Property::reason_string, why);
    mqtt::Notice notice;
    notice.reason_code = reason;
    notice.properties = mqtt::Properties(writer.written(), 0);
    std::uint8_t packet[300];
    const std::size_t size = mqtt::encode_notice(packet, PacketType::disconnect, notice);
    send_packet(Bytes(packet).first(size));
    ++server_.stats().disconnects_sent;
  }
  close_with(1000, "");
}

void BrokerPeer::close_with(std::uint16_t close_code, std::string_view why) {
  if (ending()) return;
  if (phase_ != Phase::upgrade) {
    std::uint8_t payload[limits::kWsControlPayloadBytes];
    const std::size_t size = ws::close_payload(payload, close_code, why);
    send_frame(ws::Opcode::close, Bytes(payload).first(size));
  }
  finish();
}

void BrokerPeer::ping() {
  if (live()) send_frame(ws::Opcode::ping, bytes_of("axonpush"));
}

void BrokerPeer::on_end() {
  LoopbackStats& stats = server_.stats();
  if (counted_live_) --stats.live_clients;
  // Gone without DISCONNECT, be it by the client's doing or by ours.
  if (phase_ == Phase::live) ++stats.connections_lost;
  const Session* sender = session_;
  const MessageRef will = std::exchange(will_, MessageRef());
  Session* session = std::exchange(session_, nullptr);
  const bool say_will = will && phase_ == Phase::live;
  phase_ = Phase::leaving;
  if (say_will) {
    // MQTT 5 3.1.2.5; a Will Delay Interval counts as 0 here.
    Publication publication = will.view();
    publication.qos = will_qos_;
    server_.broker().route(publication, sender);
  }
  if (session != nullptr) server_.broker().detach(*session);
}

}  // namespace axonpush::inline v0::testing
