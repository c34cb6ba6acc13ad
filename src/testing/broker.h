// The broker without its connections: sessions, subscriptions, routing, QoS 1 in flight.
//
// Sessions outlive connections by their expiry interval; a session belongs to at most one connection. Thread rule: the
// service's thread.
#pragma once

#include <axonpush/mqtt/packet.h>
#include <axonpush/net/reactor.h>

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "testing/topic_tree.h"

namespace axonpush::inline v0::testing {

class Server;
class BrokerPeer;

// An event on its way, as views; `properties` are raw, without Topic Alias and Message Expiry Interval.
struct Publication {
  std::string_view topic;
  Bytes payload;
  Bytes properties;
  Instant expires = Instant::never();
  mqtt::Qos qos = mqtt::Qos::at_most_once;
};

// An event that waits for something, shared by all sessions it waits in.
class MessageRef {
 public:
  MessageRef() = default;
  explicit MessageRef(const Publication& publication);
  MessageRef(const MessageRef& other) : message_(other.message_) {
    if (message_ != nullptr) ++message_->references;
  }
  MessageRef(MessageRef&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  MessageRef& operator=(MessageRef other) noexcept {
    std::swap(message_, other.message_);
    return *this;
  }
  ~MessageRef();
  [[nodiscard]] explicit operator bool() const { return message_ != nullptr; }
  [[nodiscard]] Publication view() const;

 private:
  struct Message {
    std::string topic;
    std::vector<std::uint8_t> payload;
    std::vector<std::uint8_t> properties;
    Instant expires;
    std::size_t references = 1;
  };
  Message* message_ = nullptr;
};

struct InFlight {
  MessageRef message;
  std::uint16_t packet_id = 0;
  bool acknowledged = false;
};

struct Session {
  std::string client_id;
  BrokerPeer* peer = nullptr;  // nullptr: nobody is connected
  std::uint32_t expiry_interval = 0;
  Instant expires = Instant::never();  // counts only without a peer
  std::unordered_map<std::string, Subscriber> subscriptions;
  std::deque<MessageRef> queue;  // QoS 1, not sent yet
  // In the order of sending, packet ids consecutive (without 0). The front is never acknowledged.
  // [0, resent) has been sent on this connection, the rest waits to be sent again.
  std::deque<InFlight> in_flight;
  std::size_t resent = 0;
  std::size_t outstanding = 0;  // of [0, resent), not acknowledged
  std::uint16_t next_packet_id = 1;
  // Of the routing under way: one copy for each session, however many of its filters match.
  std::uint64_t route_number = 0;
  std::size_t route_index = 0;
};

class Broker final : private net::Timer {
 public:
  explicit Broker(Server& server) : server_(server) {}
  void stop();

  struct Opening {
    std::string_view client_id;
    bool clean_start = true;
    std::uint32_t expiry_interval = 0;
  };
  struct Opened {
    Session* session = nullptr;
    bool present = false;
  };
  // [MQTT-3.1.4-3]: a connection that has this client id is taken over first.
  [[nodiscard]] Opened open(const Opening& opening, BrokerPeer& peer);
  // Sends what the session held back: called when CONNACK is on its way.
  void resume(Session& session);
  // The connection is gone.
  void detach(Session& session);
  void forget_offline();

  // MQTT 5 3.9.3 and 3.11.3: the reason codes for one filter.
  [[nodiscard]] mqtt::ReasonCode subscribe(Session& session, const mqtt::SubscriptionRequest& request);
  [[nodiscard]] mqtt::ReasonCode unsubscribe(Session& session, std::string_view topic_filter);
  // Whether this may be published to: success, topic_name_invalid or not_authorized.
  [[nodiscard]] mqtt::ReasonCode judge_topic(std::string_view topic) const;

  // Answers how many sessions it went to. `from` is nullptr for injected events.
  std::size_t route(const Publication& publication, const Session* from);
  void acknowledged(Session& session, std::uint16_t packet_id);
  // Sends from the queue what the client's limits allow now.
  void pump(Session& session);

 private:
  void on_timer(Instant now) noexcept override;
  [[nodiscard]] mqtt::ReasonCode judge_filter(std::string_view topic_filter) const;
  void deliver(Session& session, const Publication& publication, mqtt::Qos qos, MessageRef& kept);
  [[nodiscard]] bool may_send(const Session& session) const;
  void send_first(Session& session, const Publication& publication, MessageRef message);
  void remove(Session& session);
  void check_at(Instant at);
  void settle(InFlight& entry);
  static void trim(Session& session);

  Server& server_;
  std::unordered_map<std::string, std::unique_ptr<Session>> sessions_;
  TopicTree tree_;
  std::vector<Subscriber> matches_;  // scratch of route()
  std::uint64_t route_number_ = 0;
  std::uint64_t assigned_ids_ = 0;
  Instant next_check_ = Instant::never();  // of expired sessions; counts while the timer is armed
};

}  // namespace axonpush::inline v0::testing
