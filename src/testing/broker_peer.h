// One connection to the broker: the WebSocket upgrade, frames, and the MQTT packets in them.
//
// Thread rule: the service's thread.
#pragma once

#include <axonpush/http/http1.h>
#include <axonpush/mqtt/packet.h>
#include <axonpush/testing/loopback_service.h>
#include <axonpush/ws/frame.h>
#include <axonpush/ws/handshake.h>

#include <memory>
#include <string>
#include <vector>

#include "testing/broker.h"
#include "testing/peer.h"

namespace axonpush::inline v0::testing {

class BrokerPeer final : public Peer {
 public:
  BrokerPeer(Server& server, Stream stream, std::uint64_t id);

  // After CONNACK 0x00 and before the end.
  [[nodiscard]] bool live() const noexcept { return phase_ == Phase::live && !ending(); }
  [[nodiscard]] std::uint16_t receive_maximum() const noexcept { return receive_maximum_; }
  [[nodiscard]] std::size_t waiting_bytes() const noexcept { return backlog(); }

  struct Delivery {
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    std::uint16_t packet_id = 0;
    bool dup = false;
  };
  // False when it is not sent: expired, or larger than the client takes ([MQTT-3.1.2-25]: then as if it had been).
  [[nodiscard]] bool send_publish(const Publication& publication, const Delivery& how);
  // Another connection has this client id now; the session is no longer this one's.
  void taken_over();
  // DISCONNECT (when the client is connected), Close frame, end.
  void disconnect(mqtt::ReasonCode reason, std::string_view why);
  // A Close frame and the end, without DISCONNECT.
  void close_with(std::uint16_t close_code, std::string_view why);
  void ping();

  void on_later(std::vector<std::uint8_t> bytes, unsigned purpose) override;

 private:
  // upgrade => connect => live => leaving; each may also end at once.
  enum class Phase : std::uint8_t {
    upgrade,  // reads the HTTP request
    connect,  // waits for CONNECT
    held,     // a delayed CONNACK: what comes meanwhile waits
    live,
    leaving,  // DISCONNECT came: the client's Close frame is awaited
  };
  enum Purpose : unsigned {
    kRaw,
    kPacket,
    kConnect
  };

  // What the upgrade needs and nobody afterwards: 3 KiB that an idle connection does not keep.
  struct Upgrade {
    http::RequestDecoder decoder;
    std::uint16_t refused = 0;  // the HTTP status
    ws::Accept accept;
    bool has_protocol = false;
  };

  std::size_t on_input(MutableBytes input) override;
  void on_deadline(Instant now) override;
  void on_end() override;
  void on_drained() override;

  // --- broker_upgrade.cc
  std::size_t take_upgrade(MutableBytes input);
  void judge_upgrade(const http::RequestHead& head);
  [[nodiscard]] std::uint16_t refusal_of(const http::RequestHead& head);
  void answer_upgrade();

  std::size_t take_frames(MutableBytes input);
  void take_data(Bytes payload);
  [[nodiscard]] std::size_t take_packets(Bytes input);
  void take_packet(const mqtt::Packet& packet, Bytes raw);
  void refuse_packet(const mqtt::Decoded& decoded);

  // --- broker_connect.cc
  void on_connect(const mqtt::Connect& connect);
  [[nodiscard]] mqtt::ReasonCode judge_connect(const mqtt::Connect& connect, std::string_view& why);
  [[nodiscard]] mqtt::ReasonCode judge_will(const mqtt::Connect& connect) const;
  void accept_connect(const mqtt::Connect& connect, const Broker::Opened& opened);
  void refuse_connect(mqtt::ReasonCode reason, std::string_view why);

  // --- broker_packets.cc
  void on_publish(const mqtt::Publish& publish);
  [[nodiscard]] bool publish_acceptable(const mqtt::Publish& publish);
  [[nodiscard]] bool resolve_alias(const mqtt::Publish& publish, std::string& topic);
  [[nodiscard]] mqtt::ReasonCode store(const mqtt::Publish& publish, std::string_view topic);
  void on_subscribe(const mqtt::FilterList& filters);
  void on_unsubscribe(const mqtt::FilterList& filters);
  void on_ping();
  void on_disconnect(const mqtt::Notice& notice);

  // Puts a packet into frames now.
  void send_packet(Bytes packet);
  void send_frame(ws::Opcode opcode, Bytes payload);
  // Now, or after the fault's delay for this kind of answer.
  void send_answer(LoopbackAnswer answer, Bytes packet);

  Phase phase_ = Phase::upgrade;
  std::unique_ptr<Upgrade> upgrade_;
  ws::FrameDecoder frames_;
  std::vector<std::uint8_t> packets_;  // the front of a packet that has not come whole
  Session* session_ = nullptr;
  std::vector<std::string> aliases_;  // by number - 1
  MessageRef will_;
  mqtt::Qos will_qos_ = mqtt::Qos::at_most_once;
  Instant last_heard_;
  Instant delivery_due_;                // of the last delayed delivery: a later one does not overtake it
  std::uint32_t packet_bytes_max_ = 0;  // the client's
  std::uint16_t receive_maximum_ = 65'535;
  std::uint16_t keep_alive_ = 0;  // seconds
  std::uint32_t pubacks_held_ = 0;
  bool counted_live_ = false;
};

}  // namespace axonpush::inline v0::testing
