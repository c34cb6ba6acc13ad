// One connection to the broker: transport, WebSocket, MQTT. It dials, upgrades, sends CONNECT, and then moves packets
// both ways; what they mean to the session is mqtt::Session's, what they mean to the user is the owner's.
//
// The way of a byte in: recv into `in_`, frame headers admit payload by moving cursors, packets are decoded in place,
// the owner's callback sees views into `in_`. Out: everything of one loop turn is appended to `cork_`, and flushed
// once.
//
// Who calls it: ClientCore. Thread rule: the loop's thread. A callback may close the link it runs in: views then stay
// valid until the pump returns, and nothing more is delivered.
#pragma once

#include <axonpush/base/buffer.h>
#include <axonpush/base/transport.h>
#include <axonpush/credentials.h>
#include <axonpush/http/http1.h>
#include <axonpush/mqtt/session.h>
#include <axonpush/options.h>
#include <axonpush/refresh.h>
#include <axonpush/stats.h>
#include <axonpush/trace.h>
#include <axonpush/ws/frame.h>
#include <axonpush/ws/handshake.h>

#include "client/config.h"
#include "client/entry.h"

namespace axonpush::inline v0 {

class Link final : public ConnectionSink {
 public:
  enum class Stage : std::uint8_t {
    closed,      // no connection. next: opening
    opening,     // name, TCP, TLS. next: upgrading, closed
    upgrading,   // the WebSocket handshake is out. next: upgraded, closed
    upgraded,    // CONNECT is held back until connect(), or for the drain's time. next: connecting, closing, closed
    connecting,  // CONNECT is out. next: up, closed
    up,          // CONNACK 0x00 came. next: leaving, closing, closed
    leaving,     // DISCONNECT and Close are out, the rest is read and delivered. next: closing, closed
    closing,     // nothing is read any more; the last bytes and close_notify go out. next: closed
  };

  // How a connection ended.
  struct End {
    Error error;
    refresh::Failure failure = refresh::Failure::transient;
    Stage stage = Stage::closed;  // where it was
  };

  class Owner {
   public:
    // CONNACK is here and not judged yet: the moment to adopt another connection's session.
    virtual void before_connack(Link& link) noexcept = 0;
    virtual void on_link_up(Link& link) noexcept = 0;
    virtual void on_link_event(Link& link, const mqtt::Publish& publish, std::string_view topic,
                               bool redelivered) noexcept = 0;
    virtual void on_link_published(Link& link, std::uint32_t token, mqtt::ReasonCode reason) noexcept = 0;
    virtual void on_link_subscribed(Link& link, std::uint32_t token, Bytes reasons) noexcept = 0;
    virtual void on_link_unsubscribed(Link& link, std::uint32_t token, Bytes reasons) noexcept = 0;
    virtual void on_link_overdue(Link& link, const mqtt::Session::Due& due) noexcept = 0;
    // The cork has gone to the transport.
    virtual void on_link_flushed(Link& link) noexcept = 0;
    // Once for every dial(), from inside a turn; never after abort().
    virtual void on_link_ended(Link& link, const End& end) noexcept = 0;
    // For the flight recorder: the transport is open, a packet came or went. Of packets only where there is a sink.
    virtual void on_link_traced(Link& link, TraceKind kind, std::uint32_t number, std::size_t size) noexcept = 0;
    [[nodiscard]] virtual ConnectionId next_connection_id() noexcept = 0;

   protected:
    ~Owner() = default;
  };

  Link(Host& host, const Config& config, const RealtimeOptions& options, Stats& stats, Owner& owner,
       Entry& entry) noexcept
      : host_(host), config_(config), options_(options), stats_(stats), owner_(owner), entry_(entry) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { abort(); }

  // Opens a connection with `credentials` for `session`; both outlive it. The upgrade is not sent after `usable_until`.
  void dial(const Credentials& credentials, std::string_view client_id, mqtt::Session& session,
            const mqtt::ClientTerms& terms, Instant usable_until, Instant now) noexcept;
  // Sends CONNECT; only while upgraded.
  void connect(Instant now) noexcept;
  // PINGREQ before it is due; only while up.
  void ping(Instant now) noexcept;
  // Says DISCONNECT (with Session Expiry Interval 0: the connection is retired for good) and Close, reads to the end.
  void leave(Instant now) noexcept;
  // Closes at once and tells the end with this error, in the next turn.
  void give_up(const Error& error) noexcept { end(error, refresh::Failure::transient); }
  // Closes at once and without a word; nothing is told.
  void abort() noexcept;

  [[nodiscard]] Stage stage() const noexcept { return stage_; }
  [[nodiscard]] bool up() const noexcept { return stage_ == Stage::up; }
  [[nodiscard]] ConnectionId id() const noexcept { return id_; }
  [[nodiscard]] mqtt::Session& session() noexcept { return *session_; }
  [[nodiscard]] bool sent_connect() const noexcept { return stage_ >= Stage::connecting; }

  // --- Sending, only while up
  // ------------------------------------------------------------------------------------------ False: the cork holds
  // enough for now; what is to be published waits in its queue.
  [[nodiscard]] bool room_to_publish() const noexcept { return cork_.size() < kCorkBytes; }
  // A whole packet: copied and masked in one pass. False on an exhausted heap or without entropy; the link then ends.
  bool append(Bytes packet) noexcept;
  // A PUBLISH in place: up to `bytes_max` bytes of variable header and payload are written where `begin_in_place` says,
  // then `end_in_place` puts the headers in front and masks. Empty on an exhausted heap.
  [[nodiscard]] MutableBytes begin_in_place(std::size_t bytes_max) noexcept;
  bool end_in_place(std::uint8_t first_byte, std::size_t size) noexcept;
  void flush(Instant now) noexcept;
  // Of a cork that is full: what makes whole TLS records, so that the rest is filled up to one. Not while the transport
  // takes nothing.
  void flush_records() noexcept;
  [[nodiscard]] bool cork_empty() const noexcept { return cork_.size() == 0; }

  [[nodiscard]] Instant deadline() const noexcept;
  void on_deadline(Instant now) noexcept;

  void on_open(ConnectionId id, Transport& transport, TlsVerified verified) noexcept override;
  void on_open_failed(ConnectionId id, const Error& error) noexcept override;
  void on_ready(ConnectionId id, Interest ready) noexcept override;

 private:
  // What one turn may take from one connection before the others get theirs (FAULTS R-59, BAD_INPUTS W-29).
  static constexpr std::uint32_t kPacketsPerTurn = 64;
  static constexpr std::size_t kBytesPerTurn = 256 * 1024;
  // A TLS record holds 16 KiB; past this the cork is flushed within the turn.
  static constexpr std::size_t kCorkBytes = 16 * 1024;
  static constexpr std::size_t kReceiveBytes = 64 * 1024;
  // RFC 6455 7.4.1: stands for a Close frame without a code, and never goes out.
  static constexpr std::uint16_t kNoCloseCode = 1005;
  // WebSocket and MQTT headers in front of a publish of ordinary size (126 bytes to 16 KiB), the guess of
  // begin_in_place.
  static constexpr std::size_t kUsualHeaderBytes = 8 + 3;

  [[nodiscard]] bool reading() const noexcept { return stage_ >= Stage::upgrading && stage_ <= Stage::leaving; }
  [[nodiscard]] bool write_upgrade(const TlsVerified& verified) noexcept;
  [[nodiscard]] bool write_connect() noexcept;
  [[nodiscard]] bool reserve(std::size_t bytes) noexcept;
  // Without a sink a packet costs one test. The number is the packet's type.
  void trace_packet(TraceKind kind, std::uint8_t first_byte, std::size_t size) noexcept {
    if (config_.options.trace == nullptr) return;
    owner_.on_link_traced(*this, kind, static_cast<std::uint32_t>(first_byte >> 4), size);
  }

  void pump(Instant now) noexcept;
  [[nodiscard]] bool make_room() noexcept;
  void process_upgrade(Instant now) noexcept;
  void judge_upgrade(Instant now) noexcept;
  void process_frames(Instant now) noexcept;
  void admit(const ws::FrameDecoder::Step& step) noexcept;
  void process_packets(Instant now) noexcept;
  void process_packet(const mqtt::Packet& packet, Instant now) noexcept;
  void on_publish(const mqtt::Publish& publish, const mqtt::Verdict& verdict) noexcept;
  void on_connack(const mqtt::Verdict& verdict) noexcept;
  void on_close_frame(const ws::FrameDecoder::Step& step, Instant now) noexcept;
  void on_stream_end(IoOutcome outcome) noexcept;
  void append_puback(std::uint16_t packet_id, mqtt::ReasonCode reason) noexcept;
  void append_frame(ws::Opcode opcode, Bytes payload) noexcept;
  void append_close(std::uint16_t code) noexcept;
  void append_disconnect(mqtt::ReasonCode reason, bool end_session) noexcept;

  // The peer broke MQTT: DISCONNECT with the reason (after CONNACK only), Close 1000, close_notify.
  void fail_mqtt(const Error& error, mqtt::ReasonCode reason, Instant now) noexcept;
  // The peer broke RFC 6455: Close with the code (7.1.7).
  void fail_ws(const Error& error, std::uint16_t close_code, Instant now) noexcept;
  void write_ping(Instant now) noexcept;
  void start_closing(Instant now) noexcept;
  void shut_down() noexcept;
  void end(const Error& error, refresh::Failure failure) noexcept;
  void release() noexcept;
  void tell_end() noexcept;
  void update_interest() noexcept;

  Host& host_;
  const Config& config_;
  const RealtimeOptions& options_;
  Stats& stats_;
  Owner& owner_;
  Entry& entry_;
  const Credentials* credentials_ = nullptr;
  mqtt::Session* session_ = nullptr;
  Transport* transport_ = nullptr;
  http::ResponseDecoder* upgrade_ = nullptr;  // 5 KiB, held only while the handshake runs
  Buffer in_;
  std::size_t packet_bytes_ = 0;  // from in_'s head: MQTT bytes without a gap
  std::size_t raw_begin_ = 0;     // from in_'s head: where WebSocket bytes begin
  std::size_t wanted_bytes_ = 0;  // what an incomplete packet or frame needs in all
  Buffer cork_;
  MutableBytes in_place_;
  ws::FrameDecoder frames_;
  ws::Key key_;
  mqtt::ClientTerms terms_;
  FixedText<limits::kMqttClientIdBytes> client_id_;
  std::uint8_t pong_[limits::kWsControlPayloadBytes] = {};
  ConnectionId id_{};
  Instant usable_until_ = Instant::never();
  Instant dial_deadline_ = Instant::never();
  Instant stage_deadline_ = Instant::never();
  Instant stalled_since_ = Instant::never();  // output waits and the transport takes none
  End end_;
  std::uint32_t packets_left_ = 0;  // of this turn's budget
  Stage stage_ = Stage::closed;
  std::uint8_t pong_size_ = 0;
  bool pong_pending_ = false;
  bool in_pump_ = false;
  bool end_pending_ = false;  // end_ is to be told when the pump returns
  bool cork_secret_ = false;  // the cork carried CONNECT or the upgrade: wipe before it goes back
  Interest interest_;
};

[[nodiscard]] refresh::Failure failure_of_connack(mqtt::ReasonCode reason) noexcept;
[[nodiscard]] refresh::Failure failure_of_disconnect(mqtt::ReasonCode reason) noexcept;

}  // namespace axonpush::inline v0
