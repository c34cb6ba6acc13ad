// Runs a plan: the real client code in the virtual world, its users, what goes wrong, and the judge. Two phases: faults
// with every invariant checked after every event; then everything is healed and the clients must come to rest.
#pragma once

#include <axonpush/client.h>

#include <deque>
#include <memory>
#include <vector>

#include "sim/model_api.h"
#include "sim/model_broker.h"
#include "sim/sim_judge.h"
#include "sim/sim_plan.h"
#include "sim/sim_tls.h"
#include "sim/world.h"

namespace axonpush::sim {

struct Outcome {
  Breach breach;
  std::uint64_t hash = 0;
  Totals totals;
};

// What a sweep does to a run on top of its plan.
struct Sweep {
  Injection* injection = nullptr;
  ByteFault bytes;
};
[[nodiscard]] Outcome run_plan(const Plan& plan, bool talks = false, Sweep* sweep = nullptr);

// What is wrong around one client at the moment.
struct Troubles {
  struct Few {
    std::int64_t value = 0, left = 0, more = 0;
  };
  Instant api_silent, api_slow, api_refused, api_black_hole;
  Instant dial_refused, dial_black_hole, dial_slow;
  Instant upgrade_silent, connack_silent, suback_silent, puback_silent, ping_silent;
  Duration api_slow_by, dial_slow_by, dial_slow_answer;
  std::int64_t refused_how = 0, black_hole_how = 0;  // the dial
  Few api_status, api_odd, upgrade_status, connack_reason, suback_reason, puback_reason;
};

// One client with its user.
struct User final : TraceSink {
  User(World& world, Judge& its_judge, std::size_t at) : api(world), judge(its_judge), index(at), random(0) {}
  void record(const TraceRecord& record) noexcept override { judge.on_trace(index, record); }

  ModelApi api;
  Judge& judge;
  std::size_t index;
  Random random;
  Random throws{0};  // for callbacks whose throws came later than `random`
  Troubles troubles;
  std::vector<std::unique_ptr<VirtualHost>> hosts;  // one for each life
  std::unique_ptr<Client> client;
  Realtime rt;
  Realtime spent;  // of an earlier session
  bool connecting = false;
  std::uint64_t session = 0;
  std::vector<Subscription> subscriptions;  // by slot
  std::vector<EventHandler> handlers;       // by slot
  std::deque<Decision> waiting[kContextCount];
  std::uint64_t thrown = 0;  // and not told yet

  [[nodiscard]] VirtualHost& host() { return *hosts.back(); }
};

class Run final : public BrokerDirector {
 public:
  explicit Run(const Plan& plan);
  ~Run() override;
  [[nodiscard]] Outcome run();
  void sweep(Sweep& with);
  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] Judge& judge() { return judge_; }

 private:
  // --- sim_run.cc
  void make_client(std::size_t index);
  void start();
  void perform(const Decision& decision, std::size_t number);
  void heal();
  [[nodiscard]] bool settle();
  void rest();
  void finish();
  [[nodiscard]] std::string unsettled(User& user);
  bool step_until(Instant end);
  void watch();

  // --- sim_user.cc
  void connect(User& user);
  void connect_later(User& user, Duration wait);
  [[nodiscard]] RealtimeOptions options_of(User& user);
  void throw_perhaps(User& user, Mark mark);
  void call(User& user, const Decision& decision);
  void call_now(User& user, const Decision& decision);
  void run_waiting(User& user, Context context);
  void subscribe(User& user, const Decision& decision);
  void add_handler(User& user);
  void unsubscribe(User& user, const Decision& decision);
  void publish(User& user, std::int64_t channel, std::int64_t size, std::int64_t how);
  void disconnect(User& user, std::int64_t wait_s);
  void destroy(User& user, std::int64_t wait_s);
  void use_spent(User& user);
  void on_event(User& user, std::size_t slot, std::uint64_t session, const Event& event);
  void stream_publishes(const Decision& decision, std::size_t number);
  void stream_events(const Decision& decision, std::size_t number);
  void publish_event(Random& random, std::int64_t channel);

  // --- sim_faults.cc
  void trouble(const Decision& decision, std::size_t number);
  void watch_half_open(Connection& link, std::size_t client);
  void watch_kept(User& user, Duration still);
  void watch_forbidden(Connection& link, std::size_t client);
  void trouble_connection(Connection& link, const Decision& decision, std::size_t number);
  void hold(Connection& link, Duration length);
  void end_connection(Connection& link, const Decision& decision);
  void harm(User& user);
  [[nodiscard]] std::vector<Connection*> links_of(User& user, std::int64_t which);
  void refuse_dial(DialPlan& made, std::int64_t how);
  void swallow_dial(DialPlan& made, std::int64_t how);
  [[nodiscard]] DialPlan plan_dial(VirtualHost& host, const Endpoint& endpoint);
  [[nodiscard]] std::optional<ApiResponse> answer_api(User& user, const ApiRequest& request);
  [[nodiscard]] ApiResponse odd_answer(User& user, std::int64_t which);
  [[nodiscard]] User& user_of(BrokerPeer& peer) { return *users_[judge_.note_of(peer.link()).client]; }
  bool answers(BrokerPeer& peer, Step step) override;
  int upgrade_status(BrokerPeer& peer) override;
  int connack(BrokerPeer& peer, const SeenConnect& seen) override;
  int suback(BrokerPeer& peer, const std::string& filter) override;
  int puback(BrokerPeer& peer, const std::string& topic) override;
  bool keeps_session(BrokerPeer& peer) override;
  void on_upgrade(BrokerPeer& peer, std::string_view head) override { judge_.on_upgrade(peer, head); }
  void on_frame(BrokerPeer& peer, std::uint32_t mask) override { judge_.on_frame(peer, mask); }
  void on_packet(BrokerPeer& peer, int type, std::size_t) override { judge_.on_packet(peer, type); }
  void on_connected(BrokerPeer& peer, const SeenConnect& seen, bool present) override;
  void on_stored(BrokerPeer& peer, const StoredPublish& publish, std::uint16_t packet_id) override {
    judge_.on_stored(peer, publish, packet_id);
  }
  void on_sent(BrokerPeer& peer, const Message& message, bool) override { judge_.on_sent(peer, message); }
  void on_taken(const BrokerSession& session, const Message& message) override { judge_.on_taken(session, message); }
  void on_replaying(BrokerPeer& peer, Instant since) override { judge_.on_replaying(peer, since); }
  void on_pong(BrokerPeer& peer) override { judge_.on_pong(peer); }
  void on_gone(BrokerPeer& peer) override { judge_.on_gone(peer); }
  void on_ousted(BrokerPeer& peer) override { judge_.on_ousted(peer); }

  const Plan& plan_;
  std::unique_ptr<TlsWorld> tls_;  // outlives the world's connections
  World world_;
  ModelApi nobody_;  // the broker asks the users' own
  ModelBroker broker_;
  Judge judge_;
  std::vector<std::unique_ptr<User>> users_;
  bool healed_ = false;
  bool ending_ = false;
  Sweep* sweep_ = nullptr;
  Instant suback_late_until_;
};

}  // namespace axonpush::sim
