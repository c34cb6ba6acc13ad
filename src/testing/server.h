// What runs on the loopback service's thread: listeners, connections, the credentials that were handed out, the broker,
// the faults in force and the counters.
//
// Thread rule: everything but reactor().post() and wake() on the service's thread.
#pragma once

#include <axonpush/net/reactor.h>
#include <axonpush/testing/loopback_service.h>

#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "testing/broker.h"
#include "testing/credentials.h"
#include "testing/peer.h"
#include "testing/tls_server.h"

namespace axonpush::inline v0::testing {

enum class Listening : std::uint8_t {
  credentials,
  broker
};

// One listening socket.
class Listener final : public net::Watcher, public net::Timer {
 public:
  Listener(Server& server, Listening what) : server_(server), what_(what) {}
  ~Listener() { stop(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] Status start(std::uint16_t port);
  void stop();
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  void on_ready(Interest ready) noexcept override;
  void on_timer(Instant now) noexcept override;

 private:
  Server& server_;
  Listening what_;
  int descriptor_ = -1;
  std::uint16_t port_ = 0;
};

struct FilterFault {
  std::string part;
  mqtt::ReasonCode reason = mqtt::ReasonCode::not_authorized;
  std::uint32_t count = 0;
};

// A fault that is spent one by one.
template <class Value>
struct Spent {
  Value value{};
  std::uint32_t count = 0;

  // True when the fault strikes now; UINT32_MAX never runs out.
  [[nodiscard]] bool take() {
    if (count == 0) return false;
    if (count != UINT32_MAX) --count;
    return true;
  }
};

struct Faults {
  Spent<LoopbackService::Refusal> refuse_credentials;
  Spent<std::string> replace_credentials;
  Spent<std::uint16_t> refuse_upgrade;
  Spent<mqtt::ReasonCode> fail_connack;
  Spent<mqtt::ReasonCode> refuse_publish;
  Spent<bool> kill_before_suback;
  Spent<bool> kill_before_puback;
  Spent<bool> duplicate;
  Spent<bool> lose;
  std::vector<FilterFault> filters;
  Duration delays[kLoopbackAnswerCount];
  bool ignore_pings = false;
  bool frozen = false;

  [[nodiscard]] Duration delay_of(LoopbackAnswer answer) const { return delays[static_cast<std::size_t>(answer)]; }
};

class Server final : private net::TurnEnd, private net::Timer {
 public:
  explicit Server(const LoopbackOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] Status start();
  void stop();

  [[nodiscard]] net::Reactor& reactor() noexcept { return reactor_; }
  [[nodiscard]] const LoopbackOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::string& base_url() const noexcept { return base_url_; }
  [[nodiscard]] const std::string& broker_url() const noexcept { return broker_url_; }
  [[nodiscard]] const std::string& ca_pem() const noexcept { return tls_.ca_pem(); }
  [[nodiscard]] std::uint16_t port(Listening what) const noexcept;
  [[nodiscard]] LoopbackStats& stats() noexcept { return stats_; }
  [[nodiscard]] Faults& faults() noexcept { return faults_; }
  [[nodiscard]] CredentialStore& credentials() noexcept { return credentials_; }
  [[nodiscard]] Broker& broker() noexcept { return broker_; }
  [[nodiscard]] WallTime wall_now() const noexcept;

  // Where peers read into; its content lives until the next read of any peer.
  [[nodiscard]] MutableBytes scratch() noexcept { return scratch_; }
  // A descriptor that a listener accepted; owned from here on.
  void accepted(Listening what, int descriptor);
  void mark_dirty(Peer& peer);
  // Something happened: whoever waits for counters is told at the turn's end.
  void touch() noexcept { reactor_.at_turn_end(*this); }
  void bury(Peer& peer);
  // Peer::on_later(bytes, purpose) after `wait`, when the peer still lives. In order for equal instants.
  void later(const Peer& peer, Instant at, std::vector<std::uint8_t> bytes, unsigned purpose);
  // Every peer of the broker, as it was when the call started.
  [[nodiscard]] std::vector<Peer*> broker_peers() const;

  // Called at the end of each turn in which something happened; set once before start().
  void (*on_change)(void*) = nullptr;
  void* on_change_context = nullptr;

 private:
  struct Delayed {
    std::uint64_t peer = 0;
    std::vector<std::uint8_t> bytes;
    unsigned purpose = 0;
  };
  struct Kept {
    std::unique_ptr<Peer> peer;
    Listening what = Listening::broker;
  };

  void on_turn_end(Instant now) noexcept override;
  void on_timer(Instant now) noexcept override;

  LoopbackOptions options_;
  net::Reactor reactor_;
  TlsServer tls_;
  LoopbackStats stats_;
  Faults faults_;
  CredentialStore credentials_;
  Broker broker_;
  Listener http_listener_;
  Listener broker_listener_;
  std::string base_url_;
  std::string broker_url_;
  std::vector<std::uint8_t> scratch_;
  std::unordered_map<std::uint64_t, Kept> peers_;
  std::vector<Peer*> dirty_;
  std::vector<std::uint64_t> buried_;
  std::multimap<Instant, Delayed> delayed_;
  std::uint64_t next_peer_ = 1;
};

}  // namespace axonpush::inline v0::testing
