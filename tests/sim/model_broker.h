// The broker as a model: WebSocket and MQTT 5 read byte by byte from the specifications, sessions, takeover, QoS 0
// and 1. Shares no codec with the library, judges what the client sends strictly (`violations`), and misbehaves as it
// is told.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/model_api.h"
#include "sim/world.h"

namespace axonpush::sim {

class BrokerPeer;

struct StoredPublish {
  std::string client_id;
  std::string topic;
  std::string payload;
  int qos = 0;
  bool dup = false;
  Instant at;
};

struct SeenConnect {
  std::string client_id;
  std::string user_name;
  bool has_password = false;
  bool clean_start = false;
  std::uint32_t session_expiry = 0;
  std::uint16_t keep_alive = 0;
  Instant at;
};

struct Message {
  std::string topic;
  std::string payload;
  int qos = 0;
  bool retain = false;
};

struct BrokerSession {
  std::string client_id;
  std::map<std::string, int> filters;
  std::deque<Message> queue;                   // QoS 1, not sent yet
  std::map<std::uint16_t, Message> in_flight;  // QoS 1, sent, PUBACK awaited
  std::vector<std::uint16_t> in_flight_order;
  std::uint16_t next_id = 1;
  BrokerPeer* peer = nullptr;
  std::uint32_t expiry = 0;
  Instant ended_at;
};

class ModelBroker {
 public:
  ModelBroker(World& world, ModelApi& api) : world_(world), api_(api) {}
  [[nodiscard]] World::PeerMaker maker();

  // An event from elsewhere: to every session with a matching filter. Answers to how many.
  std::size_t publish(const std::string& topic, const std::string& payload, int qos = 1);

  // Faults and settings. Each function is asked when its moment has come.
  std::function<int()> upgrade_status = [] { return 101; };
  std::function<std::string(std::string)> upgrade_head = [](std::string head) { return head; };
  std::function<int(const SeenConnect&)> connack_reason;  // default: 0x87 for a token that is not valid
  std::function<int(const std::string& filter)> suback_reason = [](const std::string&) { return 1; };
  std::function<int(const std::string& topic)> puback_reason = [](const std::string&) { return 0; };
  bool answer_upgrade = true;
  bool answer_connect = true;
  bool answer_subscribe = true;
  bool answer_publish = true;
  bool answer_ping = true;
  bool keep_sessions = true;        // false: Session Present is always 0
  bool takeover_disconnect = true;  // 0x8E before the old connection's end; false: just the end
  std::string connack_properties;   // raw
  Duration suback_delay;
  Duration
      deliver_delay;  // of events on a connection that has just subscribed: "delivery may begin some time after SUBACK"
  std::function<void(BrokerPeer&, int packet_type)> on_packet = [](BrokerPeer&, int) {};

  [[nodiscard]] std::vector<BrokerPeer*> live() const;
  [[nodiscard]] BrokerPeer* peer_of(const std::string& client_id) const;
  [[nodiscard]] BrokerPeer* newest() const;

  // What was seen.
  std::vector<SeenConnect> connects;
  std::vector<StoredPublish> stored;
  std::vector<std::string> violations;
  std::vector<std::vector<std::string>> subscribes;  // filters of each SUBSCRIBE
  std::vector<std::vector<std::string>> unsubscribes;
  std::uint64_t upgrades = 0, disconnects = 0, pings = 0, pubacks = 0, deliveries = 0;
  std::vector<int> disconnect_reasons;
  std::map<std::string, BrokerSession> sessions;

 private:
  friend class BrokerPeer;
  World& world_;
  ModelApi& api_;
  std::vector<BrokerPeer*> peers_;
};

// The broker's end of one connection.
class BrokerPeer final : public Peer {
 public:
  explicit BrokerPeer(ModelBroker& broker);
  ~BrokerPeer() override;
  void on_bytes(std::string_view bytes) override;
  void on_end() override;

  // One MQTT packet in one unmasked frame; or raw bytes of MQTT, frames, or the stream itself.
  void send_packet(const std::string& packet) { send_frame(2, packet); }
  void send_frame(int opcode, const std::string& payload, bool fin = true);
  void send_raw(const std::string& bytes) { connection_->send(bytes); }
  void send_disconnect(int reason);
  void cut(Connection::Cut how) { connection_->end(how); }
  [[nodiscard]] Connection& link() { return *connection_; }
  [[nodiscard]] const std::string& client_id() const { return client_id_; }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] std::uint64_t order() const { return order_; }

 private:
  friend class ModelBroker;
  void read_upgrade();
  void read_frames();
  void read_packets();
  void on_mqtt(int type, int flags, const std::string& body);
  void on_connect(const std::string& body);
  void on_publish(int flags, const std::string& body);
  void on_subscribe(const std::string& body);
  void on_unsubscribe(const std::string& body);
  void deliver(const Message& message);
  void pump();
  void violate(const std::string& what);
  void resume();

  ModelBroker& broker_;
  std::string received_;
  std::string stream_;
  std::string client_id_;
  std::uint64_t order_ = 0;
  std::uint16_t receive_maximum_ = 65'535;
  bool upgraded_ = false;
  bool connected_ = false;
  bool closed_ = false;
  bool saw_disconnect_ = false;
  Instant subscribed_at_;
};

// MQTT 5 4.7, segment by segment.
[[nodiscard]] bool model_matches(const std::string& filter, const std::string& topic);

}  // namespace axonpush::sim
