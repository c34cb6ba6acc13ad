// A host that does not keep what transport.h promises: a connector that answers for connections that are gone, a
// wake-up nobody asked for, and a process that has become the child of a fork.
#include <gtest/gtest.h>

#include <vector>

#include "base/verified.h"
#include "client/scenario.h"

namespace axonpush::test {
namespace {

// The virtual host with a hand on its connector.
class HeldHost final : public Host, public Connector {
 public:
  explicit HeldHost(sim::VirtualHost& inner) : inner_(inner) {}

  struct Opened {
    ConnectionId id;
    ConnectionSink* sink;
    std::uint16_t port;
  };
  std::vector<Opened> opened;
  bool lives = true;
  Workspace shared;
  bool shares = false;

  Instant now() const noexcept override { return inner_.now(); }
  Instant fresh_now() const noexcept override { return inner_.now(); }
  WallTime wall_now() const noexcept override { return inner_.wall_now(); }
  Entropy& entropy() noexcept override { return inner_.entropy(); }
  Connector& connector() noexcept override { return *this; }
  BufferPool& buffers() noexcept override { return inner_.buffers(); }
  bool alive() const noexcept override { return lives; }
  Workspace* workspace() noexcept override { return shares ? &shared : nullptr; }
  void attach(Driven* driven) noexcept override { inner_.attach(driven); }
  void request_turn(When when) noexcept override { inner_.request_turn(when); }
  Status open(const Endpoint& endpoint, ConnectionId id, ConnectionSink& sink) noexcept override {
    opened.push_back({id, &sink, endpoint.port});
    return inner_.open(endpoint, id, sink);
  }
  void close(ConnectionId id) noexcept override { inner_.close(id); }
  void again(ConnectionId id) noexcept override { inner_.again(id); }

 private:
  sim::VirtualHost& inner_;
};

// Nobody may read or write it.
class UntouchedTransport final : public Transport {
 public:
  IoResult recv(MutableBytes) noexcept override { return touched(); }
  IoResult send(Bytes) noexcept override { return touched(); }
  void interest(Interest) noexcept override { ++touches; }
  IoOutcome shutdown() noexcept override { return touched().outcome; }
  const Error& error() const noexcept override { return error_; }
  int touches = 0;

 private:
  IoResult touched() noexcept {
    ++touches;
    return {};
  }
  Error error_;
};

struct Held : Scenario {
  HeldHost held{host};
  UntouchedTransport untouched;

  Held() { client = std::make_unique<Client>(held, client_options()); }
  ~Held() {
    rt = Realtime();
    client.reset();
    if (held.shared.memory != nullptr) held.shared.destroy(held.shared.memory);
  }
  // Whatever was opened so far is answered again, for its own number and for one that never was.
  void answer_everything_again(bool ready_too) {
    const std::vector<HeldHost::Opened> all = held.opened;
    for (const HeldHost::Opened& each : all) {
      for (const ConnectionId id : {each.id, ConnectionId{999}}) {
        host.in_turn([&] { each.sink->on_open(id, untouched, TlsVerifiedIssuer::issue()); });
        host.in_turn([&] { each.sink->on_open_failed(id, Error(Errc::connect_failed)); });
        if (!ready_too && id == each.id) continue;
        host.in_turn([&] { each.sink->on_ready(id, {.read = true, .write = true}); });
      }
    }
  }
  // The same for a connection under way, for other numbers than its own.
  void answer_for_others(const HeldHost::Opened& each) {
    host.in_turn([&] { each.sink->on_open(ConnectionId{999}, untouched, TlsVerifiedIssuer::issue()); });
    host.in_turn([&] { each.sink->on_open_failed(ConnectionId{999}, Error(Errc::connect_failed)); });
    host.in_turn([&] { each.sink->on_ready(ConnectionId{999}, {.read = true, .write = true}); });
  }
};

TEST(HostContract, AnAnswerForAConnectionThatIsGoneIsNotBelieved) {
  Held scene;
  scene.world.plan = [](const Endpoint&) { return sim::DialPlan{.latency = seconds(1)}; };
  ASSERT_TRUE(scene.begin(scene.realtime_options()).ok());
  scene.world.run_for(milliseconds(10));
  ASSERT_EQ(scene.held.opened.size(), 1U);
  scene.answer_for_others(scene.held.opened[0]);  // while it opens
  scene.world.run_for(milliseconds(2'500));
  scene.answer_for_others(scene.held.opened[0]);  // while the request is out
  ASSERT_TRUE(scene.run_until([&] { return scene.held.opened.size() == 2; }));
  const HeldHost::Opened broker = scene.held.opened[1];
  EXPECT_EQ(broker.port, 8443);
  scene.answer_for_others(broker);
  // Ready before it is open: there is nothing to read from.
  scene.host.in_turn([&] { broker.sink->on_ready(broker.id, {.read = true, .write = true}); });
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }));
  scene.answer_everything_again(true);
  scene.world.run_for(seconds(5));
  EXPECT_EQ(scene.untouched.touches, 0);
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
  EXPECT_EQ(scene.held.opened.size(), 2U);
  EXPECT_TRUE(scene.errors.empty());
  for (const std::string& violation : scene.broker.violations) ADD_FAILURE() << violation;
}

TEST(HostContract, AWakeUpForInputThatNobodyReadsAnyMoreReadsNothing) {  // RFC 6455 7.1.1
  Held scene;
  ASSERT_TRUE(scene.connect());
  scene.world.run_for(seconds(31));
  sim::BrokerPeer* const peer = scene.broker.newest();
  peer->link().stuck = true;
  ASSERT_TRUE(scene.rt.publish({.channel_id = "c", .identifier = "i", .payload = "{}"}).ok());
  peer->send_packet("\xFF\xFF\xFF\xFF\xFF\xFF");
  scene.world.run_for(milliseconds(10));
  peer->send_frame(9, "ping");
  scene.world.run_for(milliseconds(10));
  const std::uint64_t read = peer->link().read_total();
  const HeldHost::Opened broker = scene.held.opened.back();
  scene.host.in_turn([&] { broker.sink->on_ready(broker.id, {.read = true, .write = true}); });
  EXPECT_EQ(peer->link().read_total(), read) << "its last words wait to be sent; nothing is read any more";
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }));
}

TEST(HostContract, InTheChildOfAForkEveryCallAnswersClosed) {
  Held scene;
  ASSERT_TRUE(scene.connect());
  scene.held.lives = false;
  EXPECT_EQ(scene.client->connect_realtime({}, {}).error().code(), Errc::closed);
  EXPECT_EQ(scene.rt.publish({.channel_id = "c", .identifier = "i", .payload = "{}"}).error().code(), Errc::closed);
  EXPECT_EQ(scene.rt.subscribe({.channel_id = "c"}, [](const Event&) {}).error().code(), Errc::closed);
  EXPECT_EQ(scene.rt.refresh_now().error().code(), Errc::closed);
  EXPECT_EQ(scene.rt.disconnect().error().code(), Errc::closed);
  scene.held.lives = true;
  EXPECT_TRUE(scene.rt.publish({.channel_id = "c", .identifier = "i", .payload = "{}"}).ok()) << "the parent lives on";
}

TEST(HostContract, ClientsOfOneLoopShareTheirScratchMemory) {  // DESIGN 7: memory per idle connection
  Held scene;
  scene.held.shares = true;
  scene.client = std::make_unique<Client>(scene.held, Scenario::client_options());
  EXPECT_NE(scene.held.shared.memory, nullptr);
  void* const first = scene.held.shared.memory;
  Client second(scene.held, Scenario::client_options());
  EXPECT_EQ(scene.held.shared.memory, first);
}

}  // namespace
}  // namespace axonpush::test
