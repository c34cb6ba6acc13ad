// What comes in on a link: frames admit payload, packets are decoded in place, the session judges them.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/utf8.h"
#include "client/link.h"

namespace axonpush::inline v0 {

void Link::on_ready(ConnectionId id, Interest ready) noexcept {
  const EntryGuard guard(entry_);
  if (id != id_ || transport_ == nullptr) return;
  const Instant now = host_.now();
  if (ready.write) flush(now);
  if (ready.read && reading()) pump(now);
  if (stage_ == Stage::closing) shut_down();
  if (transport_ != nullptr) {
    flush(now);
    update_interest();
  }
  tell_end();
}

void Link::pump(Instant now) noexcept {
  in_pump_ = true;
  packets_left_ = kPacketsPerTurn;
  std::size_t bytes_left = kBytesPerTurn;
  while (reading()) {
    // Left over from a turn whose budget ran out.
    if (stage_ >= Stage::upgraded && in_ && (raw_begin_ < in_.size() || packet_bytes_ != 0)) {
      process_packets(now);
      if (reading()) process_frames(now);
      if (!reading()) break;
    }
    if (packets_left_ == 0 || bytes_left == 0) {
      host_.connector().again(id_);
      break;
    }
    if (!make_room()) break;
    MutableBytes into = in_.writable();
    const IoResult got = transport_->recv(into);
    if (got.outcome == IoOutcome::would_block) break;
    if (got.outcome != IoOutcome::ok) {
      on_stream_end(got.outcome);
      break;
    }
    in_.commit(got.size);
    bytes_left -= std::min(got.size, bytes_left);
    stats_.bytes_in += got.size;
    if (stage_ == Stage::upgrading) {
      process_upgrade(now);
    } else if (stage_ >= Stage::connecting) {
      session_->on_received(now);
    }
  }
  in_pump_ = false;
  if (stage_ == Stage::closed || stage_ == Stage::closing || (in_ && in_.size() == 0)) {
    in_.reset();
    packet_bytes_ = raw_begin_ = 0;
  } else if (stage_ >= Stage::connecting && (packet_bytes_ != 0 || raw_begin_ < in_.size())) {
    session_->on_incomplete(now);
  }
}

// Room behind the content for the next recv: at the end, by moving the content down, or in a larger buffer.
bool Link::make_room() noexcept {
  if (!in_) {
    in_ = host_.buffers().take(kReceiveBytes);
    packet_bytes_ = raw_begin_ = 0;
    if (!in_) {
      end(Error(Errc::no_memory, "no memory for the receive buffer"), refresh::Failure::transient);
      return false;
    }
  }
  const std::size_t missing = wanted_bytes_ > in_.size() ? wanted_bytes_ - in_.size() : 1;
  if (in_.room() >= missing && in_.room() >= 4096) return true;
  in_.compact();
  if (in_.room() >= missing) return true;
  Buffer larger = host_.buffers().take(in_.size() + missing + limits::kWsHeaderBytes);
  if (!larger) {
    end(Error(Errc::no_memory, "no memory for a large packet"), refresh::Failure::transient);
    return false;
  }
  std::memcpy(larger.writable().data(), in_.readable().data(), in_.size());
  larger.commit(in_.size());
  in_ = std::move(larger);
  return true;
}

void Link::process_frames(Instant now) noexcept {
  using Kind = ws::FrameDecoder::Kind;
  while (reading() && packets_left_ != 0) {
    const MutableBytes raw = in_.readable().subspan(raw_begin_);
    const ws::FrameDecoder::Step step = frames_.next(raw);
    switch (step.kind) {
      case Kind::need_more:
        wanted_bytes_ = raw_begin_ + step.need;
        if (raw_begin_ == in_.size() && packet_bytes_ == 0) {
          in_.clear();
          raw_begin_ = 0;
          wanted_bytes_ = 0;
        }
        return;
      case Kind::data:
        // W-34: nobody may speak MQTT before we have.
        if (stage_ == Stage::upgraded && !step.payload.empty()) {
          fail_ws(Error(Errc::mqtt_protocol, "the server sent data before CONNECT").by("[MQTT-3.2.0-1]"), 1002, now);
          return;
        }
        admit(step);
        process_packets(now);
        break;
      case Kind::ping:
        // RFC 6455 5.5.3: only the most recent ping need be answered, so one PONG at most ever waits.
        pong_size_ = static_cast<std::uint8_t>(step.payload.size());
        if (pong_size_ != 0) std::memcpy(pong_, step.payload.data(), pong_size_);
        pong_pending_ = true;
        raw_begin_ += step.consumed;
        --packets_left_;
        break;
      case Kind::pong:
        ++stats_.ignored_packets;
        raw_begin_ += step.consumed;
        --packets_left_;
        break;
      case Kind::close:
        on_close_frame(step, now);
        return;
      case Kind::error:
        fail_ws(ws::error_of(step.rule), ws::close_code_of(step.rule), now);
        return;
    }
    if (packet_bytes_ == 0) {
      in_.consume(raw_begin_);
      raw_begin_ = 0;
    }
  }
}

// The payload joins the MQTT bytes in front of it. Where a frame header stands between, the smaller side moves.
void Link::admit(const ws::FrameDecoder::Step& step) noexcept {
  const std::size_t payload_at = static_cast<std::size_t>(step.payload.data() - in_.readable().data());
  const std::size_t payload_size = step.payload.size();
  const std::size_t raw_after = raw_begin_ + step.consumed;
  if (payload_size == 0) {
    raw_begin_ = raw_after;
    return;
  }
  if (packet_bytes_ == 0) {
    in_.consume(payload_at);
    raw_begin_ = raw_after - payload_at;
    packet_bytes_ = payload_size;
    return;
  }
  const std::size_t gap = payload_at - packet_bytes_;
  std::uint8_t* const base = in_.readable().data();
  if (gap == 0) {
    raw_begin_ = raw_after;
  } else if (packet_bytes_ <= payload_size) {
    std::memmove(base + gap, base, packet_bytes_);
    in_.consume(gap);
    raw_begin_ = raw_after - gap;
  } else {
    std::memmove(base + packet_bytes_, base + payload_at, payload_size);
    raw_begin_ = raw_after;
  }
  packet_bytes_ += payload_size;
}

void Link::process_packets(Instant now) noexcept {
  const mqtt::DecodeOptions options{.sender = mqtt::Sender::server,
                                    .packet_bytes_max = session_->terms().maximum_packet_size};
  while (reading() && packet_bytes_ != 0 && packets_left_ != 0) {
    mqtt::Packet packet;
    const Bytes bytes = Bytes(in_.readable()).first(packet_bytes_);
    const mqtt::Decoded decoded = mqtt::decode(bytes, options, packet);
    if (decoded.progress == Progress::need_more) {
      wanted_bytes_ = decoded.size + (raw_begin_ - packet_bytes_) + limits::kWsHeaderBytes;
      return;
    }
    if (decoded.progress == Progress::error) {
      fail_mqtt(mqtt::error_of(decoded), mqtt::reason_of(decoded.rule), now);
      return;
    }
    --packets_left_;
    trace_packet(TraceKind::packet_in, bytes[0], decoded.size);
    process_packet(packet, now);
    if (stage_ == Stage::closed) return;
    in_.consume(decoded.size);
    packet_bytes_ -= decoded.size;
    raw_begin_ -= decoded.size;
  }
  if (packet_bytes_ == 0) wanted_bytes_ = 0;
}

void Link::process_packet(const mqtt::Packet& packet, Instant now) noexcept {
  using Kind = mqtt::Verdict::Kind;
  if (stage_ == Stage::connecting && packet.type == mqtt::PacketType::connack &&
      packet.connack.reason_code == mqtt::ReasonCode::success) {
    owner_.before_connack(*this);
  }
  const mqtt::Verdict verdict = session_->on_packet(packet, now);
  switch (verdict.kind) {
    case Kind::publish:
      on_publish(packet.publish, verdict);
      return;
    case Kind::publish_complete:
      owner_.on_link_published(*this, verdict.token, verdict.reason);
      return;
    case Kind::connack:
      on_connack(verdict);
      return;
    case Kind::subscribed:
      owner_.on_link_subscribed(*this, verdict.token, packet.reasons.reason_codes);
      return;
    case Kind::unsubscribed:
      owner_.on_link_unsubscribed(*this, verdict.token, packet.reasons.reason_codes);
      return;
    case Kind::disconnect:
      end(verdict.error, failure_of_disconnect(verdict.reason));
      return;
    case Kind::error:
      fail_mqtt(verdict.error, verdict.close_with, now);
      return;
    case Kind::ignored:
      ++stats_.ignored_packets;
      return;
    case Kind::pong:
      return;
    default:
      // QoS 2 and AUTH: the terms of our CONNECT speak neither, and the session refuses both.
      AXONPUSH_ASSERT(false);
  }
}

void Link::on_publish(const mqtt::Publish& publish, const mqtt::Verdict& verdict) noexcept {
  // M-28: a payload that says it is text and is not is refused, and harms nothing else.
  const bool well_formed = publish.properties.empty() ||
                           publish.properties.integer(mqtt::Property::payload_format_indicator, 0) == 0 ||
                           utf8_valid(publish.payload);
  if (well_formed) owner_.on_link_event(*this, publish, verdict.topic, verdict.redelivered);
  if (stage_ != Stage::up && stage_ != Stage::leaving) return;
  if (publish.qos == Qos::at_most_once) return;
  const auto reason = well_formed ? mqtt::ReasonCode::success : mqtt::ReasonCode::payload_format_invalid;
  const mqtt::Session::Answer answer = session_->acknowledge(verdict.packet_id, reason);
  if (answer == mqtt::Session::Answer::puback) append_puback(verdict.packet_id, reason);
}

void Link::on_connack(const mqtt::Verdict& verdict) noexcept {
  if (verdict.reason != mqtt::ReasonCode::success) {
    end(verdict.error, failure_of_connack(verdict.reason));
    return;
  }
  stage_ = Stage::up;
  dial_deadline_ = Instant::never();
  stage_deadline_ = Instant::never();
  ++stats_.connections;
  owner_.on_link_up(*this);
}

void Link::on_close_frame(const ws::FrameDecoder::Step& step, Instant now) noexcept {
  // RFC 6455 5.5.1: answered with the same code, or without one.
  append_close(step.close_code);
  end_.stage = stage_;
  end_.error = Error(Errc::server_closed, "the server closed the WebSocket").with_number(step.close_code);
  end_.failure = refresh::Failure::transient;
  start_closing(now);
}

void Link::on_stream_end(IoOutcome outcome) noexcept {
  if (stage_ == Stage::leaving) {
    end(Error(Errc::closed, "the connection was retired"), refresh::Failure::transient);
    return;
  }
  if (outcome == IoOutcome::error) {
    end(transport_->error(), refresh::Failure::transient);
    return;
  }
  // RFC 6455 7.1.5: without a Close frame the code is 1006.
  end(Error(Errc::connection_lost, "the server ended the connection without a word").with_number(1006),
      refresh::Failure::transient);
}

}  // namespace axonpush::inline v0
