// What the fuzz targets of the whole client share: the two servers of the virtual world, which answer properly until
// the input makes them do otherwise. What the client writes is read strictly and without the library's codecs: a byte
// that no specification allows traps.
//
// Their bodies stand in servers.cc, which is built as part of the world: without the sanitizers' checks.
#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/world.h"

namespace axonpush::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  __builtin_trap();
}

// Texts that no input can hold, because they depend on all of it.
struct Secrets {
  Secrets(const std::uint8_t* data, std::size_t size);
  std::string key, token, query, payload;
};

class BrokerEnd;
class ApiEnd;

// What both servers do of themselves, and which of their connections there are.
struct Servers {
  Servers(sim::World& of, const Secrets& with);
  ~Servers();
  Servers(const Servers&) = delete;
  Servers& operator=(const Servers&) = delete;
  [[nodiscard]] std::string credentials();
  [[nodiscard]] std::string answer(int status, std::string_view headers, std::string_view body) const;

  sim::World& world;
  const Secrets& secrets;
  const std::string key_line;  // of the request's head
  Duration lifetime = seconds(100);
  bool same_client_id = false;
  bool answers_api = true, answers_upgrade = true, answers_connect = true, answers_subscribe = true,
       answers_publish = true, answers_ping = true;
  bool session_present = false;
  std::string connack_properties;
  unsigned issued = 0;
  unsigned requests = 0;
  std::function<void(const BrokerEnd&, const std::string& body)> on_publish;
  std::vector<BrokerEnd*> brokers;  // the client's end is open, oldest first
  std::vector<ApiEnd*> apis;
};

// The credentials endpoint's end of one connection.
class ApiEnd final : public sim::Peer {
 public:
  explicit ApiEnd(Servers& servers);
  ~ApiEnd() override;
  void on_open() override;
  void on_end() override;
  void on_bytes(std::string_view bytes) override;
  void say(std::string_view bytes) { connection_->send(bytes); }
  [[nodiscard]] sim::Connection& link() { return *connection_; }
  // The world knows servers by their port: credentials of the input's may name a broker on this one.
  [[nodiscard]] bool asked() const { return connection_->server_name() == "api.example.com"; }

 private:
  Servers& servers_;
  std::string received_;
};

// The broker's end of one connection.
class BrokerEnd final : public sim::Peer {
 public:
  explicit BrokerEnd(Servers& servers);
  ~BrokerEnd() override;
  void on_open() override;
  void on_end() override;
  void on_bytes(std::string_view bytes) override;

  void say_raw(std::string_view bytes) { connection_->send(bytes); }
  void say_frame(int first, std::string_view payload);
  void say_packet(int first, std::string_view body);
  void accept_upgrade();
  void accept_connect();
  // Answers to the oldest request that has none.
  void answer_subscribe(std::uint8_t refusal = 0);
  void answer_publish(std::uint8_t reason = 0);
  void deliver(std::string_view topic, std::string_view body, int qos, std::uint16_t id);
  void cut(sim::Connection::Cut how);
  [[nodiscard]] sim::Connection& link() { return *connection_; }

  struct Request {
    std::uint16_t id;
    bool unsubscribe;
    std::string granted;  // a reason code for each filter
  };
  std::vector<Request> subscribes;       // not answered, oldest first
  std::vector<std::uint16_t> publishes;  // QoS 1, not answered, oldest first
  std::set<std::string> filters;         // asked for and not taken back
  std::vector<std::uint16_t> acknowledged;
  std::string client_id;
  bool clean_start = false;
  bool connected = false;  // CONNECT came
  bool left = false;       // DISCONNECT came
  bool ended = false;      // by us

 private:
  void read_upgrade();
  void read_frames();
  bool read_frame(std::size_t& begin);
  void read_packet(std::string_view packet);
  void read_connect(std::string_view body, std::size_t first);
  void read_publish(std::string_view body, std::size_t first);
  void read_subscribe(std::string_view body, std::size_t first);

  Servers& servers_;
  std::string received_;
  std::string key_;
  bool closed_ = false;
};

}  // namespace axonpush::fuzz
