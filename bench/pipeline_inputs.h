// The whole inbound path on plaintext bytes, as a link and the client walk it: WebSocket frame, MQTT packet, session,
// topic against 100 filters in six masks, callback. Shared by the instruction counts and the benchmark.
#pragma once

#include <axonpush/base/callback.h>
#include <axonpush/event.h>
#include <axonpush/mqtt/packet.h>
#include <axonpush/mqtt/session.h>
#include <axonpush/ws/frame.h>

#include "event_inputs.h"
#include "json_inputs.h"

namespace axonpush::bench {

class InboundPath {
 public:
  static constexpr std::size_t kFilterCount = 100;
  static constexpr std::size_t kFrameBytesMax = 640;
  using EventCallback = Callback<void(const Event&)>;

  // Whether the callbacks read the event's JSON, eight members and the payload, or the body's size alone.
  enum class Reads : std::uint8_t {
    members,
    body
  };

  explicit InboundPath(Reads reads) : reads_(reads), session_(mqtt::ClientTerms{}) {
    fill(table_, kFilterCount);
    for (EventCallback& callback : callbacks_) {
      callback = [this](const Event& event) { reads_ == Reads::members ? read_members(event) : read_body(event); };
    }
    session_.on_connecting({}, kNow);
    mqtt::Packet connack;
    connack.type = mqtt::PacketType::connack;
    connack.connack = mqtt::Connack{};
    demand(session_.on_packet(connack, kNow).kind == mqtt::Verdict::Kind::connack, "no CONNACK");
    for (std::size_t row = 0; row < kInputCount; ++row) make_frame(row);
  }
  InboundPath(const InboundPath&) = delete;
  InboundPath& operator=(const InboundPath&) = delete;

  // Takes the frame of a row; answers how many callbacks ran.
  std::size_t receive(std::size_t row) {
    const ws::FrameDecoder::Step step = frames_.next(MutableBytes(frame_[row], frame_size_[row]));
    if (step.kind != ws::FrameDecoder::Kind::data) return 0;
    mqtt::Packet packet;
    if (mqtt::decode(step.payload, {}, packet).progress != Progress::done) return 0;
    const mqtt::Verdict verdict = session_.on_packet(packet, kNow);
    if (verdict.kind != mqtt::Verdict::Kind::publish) return 0;
    Event event({.topic = verdict.topic,
                 .prefix = kPrefix,
                 .body = packet.publish.payload,
                 .qos = packet.publish.qos,
                 .retain = packet.publish.retain,
                 .dup = packet.publish.dup},
                scratch_);
    std::size_t calls = 0;
    DispatchTable::Matches matches(table_, verdict.topic);
    for (std::uint32_t listener = 0; matches.next(listener);) {
      if (reads_ == Reads::members && !event.valid()) break;
      CallFailure& failure = failure_;
      if (callbacks_[listener](failure, event) == CallOutcome::returned) ++calls;
    }
    return calls;
  }
  // What the callbacks read, so that a test can tell that they read it.
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  [[nodiscard]] std::size_t frame_size(std::size_t row) const { return frame_size_[row]; }

 private:
  static constexpr Instant kNow = Instant::from_nanoseconds(1'000'000'000);

  void make_frame(std::size_t row) {
    const std::string topic = topic_of(row * 157 % kFilterCount);
    const std::string body = event_document(row);
    mqtt::Publish publish;
    publish.topic = topic;
    publish.payload = bytes_of(body);
    constexpr std::size_t kHeader = 4;
    const std::size_t size = mqtt::encode_publish(MutableBytes(frame_[row]).subspan(kHeader), publish);
    demand(size != 0, "the packet does not fit");
    demand(ws::header_backwards(frame_[row] + kHeader, ws::Opcode::binary, size, nullptr) == kHeader, "frame header");
    frame_size_[row] = kHeader + size;
    const std::uint64_t before = bytes_read_;
    demand(receive(row) == 1, "the event did not reach its one callback");
    const std::size_t wanted = reads_ == Reads::members ? kMembersBytes : kEventBytes;
    demand(bytes_read_ - before == wanted, "another event was read");
  }

  void read_members(const Event& event) {
    bytes_read_ += event.id().size() + event.event_id().size() + event.org_id().size() + event.app_id().size() +
                   event.channel_id().size() + event.agent_id().size() + event.trace_id().size() +
                   event.event_type().size() + event.payload().raw.size();
  }
  void read_body(const Event& event) { bytes_read_ += event.body().size(); }

  // "evt_01HZX7K3Q9" and eight digits, a UUID of 36, three ids of 11 and 12, the agent, the trace, the type, the
  // payload.
  static constexpr std::size_t kMembersBytes = 22 + 36 + 11 + 12 + 12 + 16 + 32 + 9 + 101;

  Reads reads_;
  DispatchTable table_;
  EventScratch scratch_;
  mqtt::Session session_;
  ws::FrameDecoder frames_;
  EventCallback callbacks_[kFilterCount];
  CallFailure failure_;
  std::uint64_t bytes_read_ = 0;
  std::uint8_t frame_[kInputCount][kFrameBytesMax];
  std::size_t frame_size_[kInputCount];
};

}  // namespace axonpush::bench
