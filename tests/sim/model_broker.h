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
  std::uint64_t tag = 0;  // of whoever publishes
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
  bool taken = false;       // by another process, which takes what comes
  std::uint64_t owner = 0;  // of whoever directs
};

// Whoever directs the broker and judges what it sees, connection by connection; used beside the settings below.
class BrokerDirector {
 public:
  enum class Step : std::uint8_t {
    upgrade,
    connect,
    subscribe,
    publish,
    ping
  };
  virtual ~BrokerDirector() = default;
  // Does the broker answer?
  virtual bool answers(BrokerPeer&, Step) { return true; }
  // How, where it is not as the settings say: a status, a reason; < 0: no opinion.
  virtual int upgrade_status(BrokerPeer&) { return -1; }
  virtual int connack(BrokerPeer&, const SeenConnect&) { return -1; }
  virtual int suback(BrokerPeer&, const std::string&) { return -1; }
  virtual int puback(BrokerPeer&, const std::string&) { return -1; }
  virtual bool keeps_session(BrokerPeer&) { return true; }
  // What was seen.
  virtual void on_upgrade(BrokerPeer&, std::string_view) {}
  virtual void on_frame(BrokerPeer&, std::uint32_t) {}  // its mask
  virtual void on_packet(BrokerPeer&, int, std::size_t) {}
  virtual void on_connected(BrokerPeer&, const SeenConnect&, bool) {}
  virtual void on_granted(BrokerPeer&, const std::string&) {}
  virtual void on_withdrawn(BrokerPeer&, const std::string&) {}
  virtual void on_stored(BrokerPeer&, const StoredPublish&, std::uint16_t) {}
  virtual void on_sent(BrokerPeer&, const Message&, bool) {}      // an event; again
  virtual void on_taken(const BrokerSession&, const Message&) {}  // an event, by another process with the client id
  virtual void on_replaying(BrokerPeer&, Instant) {}              // since when, what waited in the session
  virtual void on_acknowledged(BrokerPeer&, std::uint16_t) {}
  virtual void on_pong(BrokerPeer&) {}
  virtual void on_leaving(BrokerPeer&) {}  // DISCONNECT came
  virtual void on_gone(BrokerPeer&) {}     // the connection is over, by the client
  virtual void on_ousted(BrokerPeer&) {}   // or by another one with its client id
};

class ModelBroker {
 public:
  ModelBroker(World& world, ModelApi& api) : world_(world), api_(api) {}
  [[nodiscard]] World::PeerMaker maker();

  // An event from elsewhere: to every session with a matching filter. Answers to how many.
  std::size_t publish(const std::string& topic, const std::string& payload, int qos = 1, std::uint64_t tag = 0);

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
  bool answer_close = true;
  bool keep_sessions = true;               // false: Session Present is always 0
  bool takeover_disconnect = true;         // 0x8E before the old connection's end; false: just the end
  std::string connack_properties;          // raw
  std::size_t frame_bytes_max = SIZE_MAX;  // a packet over it goes out in fragments
  Duration suback_delay;
  Duration replay_interval;  // of what waited in a resumed session; zero: as fast as the window lets it
  Duration
      deliver_delay;  // of events on a connection that has just subscribed: "delivery may begin some time after SUBACK"
  std::function<void(BrokerPeer&, int packet_type)> on_packet = [](BrokerPeer&, int) {};

  [[nodiscard]] std::vector<BrokerPeer*> live() const;
  [[nodiscard]] BrokerPeer* peer_of(const std::string& client_id) const;
  [[nodiscard]] BrokerPeer* newest() const;

  // What the CONNACK announces, besides the raw properties; what breaks it is a violation. 0: nothing announced.
  std::uint16_t receive_maximum = 0;
  std::uint32_t maximum_packet_size = 0;
  std::uint16_t server_keep_alive = 0;
  BrokerDirector* director = nullptr;
  bool keeps_history = true;  // of connects, subscribes and publishes

  // What was seen.
  std::vector<SeenConnect> connects;
  std::vector<StoredPublish> stored;
  std::vector<std::string> violations;
  Connection* violator = nullptr;  // on whose connection the last one came; valid within the event only
  std::vector<std::vector<std::string>> subscribes;  // filters of each SUBSCRIBE
  std::vector<std::vector<std::string>> unsubscribes;
  std::uint64_t upgrades = 0, disconnects = 0, pings = 0, pubacks = 0, deliveries = 0;
  std::vector<int> disconnect_reasons;
  std::map<std::string, BrokerSession> sessions;

 private:
  friend class BrokerPeer;
  void forget_expired();
  World& world_;
  ModelApi& api_;
  std::vector<BrokerPeer*> peers_;
  std::uint64_t connect_count_ = 0;
};

// The broker's end of one connection.
class BrokerPeer final : public Peer {
 public:
  explicit BrokerPeer(ModelBroker& broker);
  ~BrokerPeer() override;
  void on_bytes(std::string_view bytes) override;
  void on_end() override;

  // One MQTT packet in one unmasked frame; or raw bytes of MQTT, frames, or the stream itself.
  void send_packet(const std::string& packet);
  void send_frame(int opcode, const std::string& payload, bool fin = true);
  void send_raw(const std::string& bytes) { connection_->send(bytes); }
  void send_disconnect(int reason);
  // Another process connects with this client id, and has the session and what comes to it until the client is back.
  void lose_session();
  void cut(Connection::Cut how) { connection_->end(how); }
  [[nodiscard]] Connection& link() { return *connection_; }
  [[nodiscard]] const std::string& client_id() const { return client_id_; }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] std::uint64_t order() const { return order_; }
  [[nodiscard]] const std::string& user_name() const { return user_name_; }
  [[nodiscard]] bool left() const { return saw_disconnect_; }
  [[nodiscard]] std::uint16_t keep_alive() const { return keep_alive_; }
  [[nodiscard]] Instant connected_at() const { return connected_at_; }
  void violate(const std::string& what);

  std::uint64_t note = 0;  // of whoever directs

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
  void send_message(const Message& message, std::uint16_t id, bool again);
  void pump();
  void replay();
  void resume();
  void on_puback(const std::string& body);
  void on_disconnect(const std::string& body);
  [[nodiscard]] bool takes_over(const SeenConnect& seen);
  [[nodiscard]] std::string announced() const;

  ModelBroker& broker_;
  std::string received_;
  std::string stream_;
  std::string client_id_;
  std::string user_name_;
  std::uint64_t order_ = 0;
  std::uint64_t unanswered_ = 0;  // QoS 1 publishes that got no PUBACK
  std::uint16_t receive_maximum_ = 65'535;
  std::uint16_t keep_alive_ = 0;
  Instant connected_at_;
  bool upgraded_ = false;
  bool connected_ = false;
  bool closed_ = false;
  bool saw_disconnect_ = false;
  bool saw_close_ = false;
  bool replaying_ = false;
  Instant resumed_at_;
};

// MQTT 5 4.7, segment by segment.
[[nodiscard]] bool model_matches(std::string_view filter, std::string_view topic);

}  // namespace axonpush::sim
