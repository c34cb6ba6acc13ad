// A long life of a client in which every callback there is runs at least once, and in one of them, the k-th for every
// k, the program does the worst it may: destroys the client, destroys it and throws, disconnects, or disconnects and
// connects anew. for every place a callback is called from, and not only for the usual ones.
#include <gtest/gtest.h>

#include <stdexcept>

#include "client/scenario.h"
#include "support/allocations.h"

namespace axonpush::test {
namespace {

enum class Act {
  nothing,
  destroy,
  destroy_and_throw,
  disconnect,
  begin_anew
};

constexpr const char* name_of(Act act) {
  constexpr const char* kNames[] = {"Nothing", "Destroy", "DestroyAndThrow", "Disconnect", "BeginAnew"};
  return kNames[static_cast<std::size_t>(act)];
}

class Life {
 public:
  Life(Act act, int kth) : act_(act), kth_(kth) {
    scene_.api.lifetime = seconds(100);
    scene_.broker.suback_reason = [this](const std::string& filter) {
      if (filter.find("/never/") != std::string::npos) return 0x87;
      if (filter.find("/once/") != std::string::npos && subscribed_once_) return 0x87;
      return 1;
    };
    scene_.broker.puback_reason = [](const std::string& topic) {
      return topic.find("/no/") != std::string::npos ? 0x87 : 0;
    };
  }

  void run() {
    first_attempts();
    subscriptions();
    publishes();
    events();
    swaps();
    losses();
    end_without_a_connection();
    end_in_a_drain();
    // What was begun anew at the very end lives still.
    static_cast<void>(scene_.rt.disconnect());
    run_for(seconds(20));
  }

  [[nodiscard]] int callbacks() const { return callbacks_; }
  [[nodiscard]] int callbacks_after_the_end() const { return after_; }
  [[nodiscard]] bool acted() const { return acted_; }
  Scenario& scene() { return scene_; }

 private:
  // What every callback of the program does.
  void tick() {
    ++callbacks_;
    if (ended_) ++after_;
    if (callbacks_ != kth_) return;
    acted_ = true;
    switch (act_) {
      case Act::nothing:
        return;
      case Act::destroy:
      case Act::destroy_and_throw:
        ended_ = true;
        scene_.client.reset();
        if (act_ == Act::destroy_and_throw) throw std::runtime_error("after the end");
        return;
      case Act::begin_anew:
      case Act::disconnect:
        static_cast<void>(scene_.rt.disconnect([this](const Status&) { tick(); }));
        if (act_ == Act::begin_anew) connect();
        return;
    }
  }
  [[nodiscard]] Completion completion() {
    return [this](const Status&) { tick(); };
  }
  [[nodiscard]] PublishCompletion published() {
    return [this](const Result<Published>&) { tick(); };
  }
  [[nodiscard]] RealtimeOptions options(bool with_callbacks) {
    RealtimeOptions made;
    made.refresh_jitter = made.retry_jitter = false;
    if (!with_callbacks) return made;
    made.on_error = [this](const ErrorReport&) { tick(); };
    made.on_state = [this](const StateChange&) { tick(); };
    made.on_gap = [this](const PossibleGap&) { tick(); };
    return made;
  }
  void connect() {
    for (const bool first : {true, false}) {
      if (scene_.client == nullptr) return;
      static_cast<void>(scene_.client->connect_realtime(options(first), [this](const Result<Realtime>& result) {
        if (result.ok()) scene_.rt = *result;
        tick();
      }));
    }
  }
  void subscribe(const char* channel) {
    static_cast<void>(scene_.rt.subscribe(
        {.channel_id = channel}, [this](const Event&) { tick(); }, completion()));
  }
  void publish(const char* channel, PublishOptions how = {}) {
    static_cast<void>(scene_.rt.publish({.channel_id = channel, .identifier = "i", .payload = "{}"}, published(), how));
  }
  void run_for(Duration span) { scene_.world.run_for(span); }
  void cut() {
    if (!scene_.broker.live().empty()) scene_.broker.newest()->cut(sim::Connection::Cut::reset);
  }
  void refuse_dials(bool refuse) {
    scene_.world.plan = [refuse](const Endpoint& endpoint) {
      return refuse && endpoint.port == 8443 ? sim::DialPlan{.fate = sim::DialPlan::Fate::refuse} : sim::DialPlan{};
    };
  }

  void first_attempts() {
    ClientOptions made = Scenario::client_options();
    made.on_trace = [this](const TraceRecord&) { tick(); };
    scene_.make(std::move(made));
    scene_.api.next.push_back({.status = 403});
    connect();
    run_for(seconds(1));
    connect();
    run_for(seconds(1));
  }
  void subscriptions() {
    static_cast<void>(scene_.rt.on_event([this](const Event&) { tick(); }));
    for (const char* channel : {"a", "never", "once", "c"}) subscribe(channel);
    run_for(seconds(1));
    subscribed_once_ = true;
    scene_.host.in_turn([this] {  // undone before anybody saw it
      subscribe("undone");
      subscribe("undone");
      static_cast<void>(scene_.rt.unsubscribe(SubscribeFilter{.channel_id = "undone"}, completion()));
    });
    subscribe("c");  // there already
    run_for(seconds(1));
    // One callback of two, then the last; and a filter that nobody has.
    for (const char* channel : {"c", "c", "nobody"}) {
      static_cast<void>(scene_.rt.unsubscribe(SubscribeFilter{.channel_id = channel}, completion()));
    }
    run_for(seconds(1));
  }
  void publishes() {
    for (const char* channel : {"p", "no"}) publish(channel);
    publish("p", {.qos = PublishOptions::Delivery::at_most_once});
    publish("p", {.qos = PublishOptions::Delivery::at_most_once});
    run_for(seconds(1));
    scene_.broker.answer_publish = false;
    publish("late");
    publish("late");
    run_for(seconds(21));
    scene_.broker.answer_publish = true;
    scene_.rt.report(Error(Errc::internal, "from the program"));
    scene_.rt.report(Error(Errc::internal, "and another"));
    run_for(seconds(1));
  }
  void events() {
    static_cast<void>(scene_.rt.subscribe({.channel_id = "a"}, [](const Event&) { throw 7; }));
    run_for(seconds(1));
    for (const char* body : {"{}", "no json"}) scene_.broker.publish(scene_.topic("a"), body);
    run_for(seconds(1));
  }
  // "once" is refused on each new connection: three times it holds up the swap, then it is lost.
  void swaps() { run_for(minutes(5)); }
  void losses() {
    scene_.broker.keep_sessions = false;
    subscribe("d");
    run_for(seconds(1));
    scene_.broker.suback_reason = [](const std::string&) { return 0x87; };  // what stood is refused when it is restored
    subscribe("never");
    cut();
    run_for(seconds(10));
    scene_.broker.suback_reason = [](const std::string&) { return 1; };
    if (!scene_.broker.live().empty()) scene_.broker.newest()->link().stuck = true;
    for (int n = 0; n < 3; ++n) publish("p", {.qos = PublishOptions::Delivery::at_most_once});
    run_for(seconds(1));
    cut();
    run_for(seconds(30));
    subscribe("a");
    run_for(seconds(1));
    if (!scene_.broker.live().empty()) scene_.broker.newest()->link().frozen = true;
    run_for(minutes(2));
  }
  void end_without_a_connection() {
    refuse_dials(true);
    cut();
    run_for(seconds(2));
    publish("p");
    publish("p");
    subscribe("e");
    subscribe("e");
    static_cast<void>(scene_.rt.unsubscribe(SubscribeFilter{.channel_id = "a"}, completion()));
    static_cast<void>(scene_.rt.unsubscribe(SubscribeFilter{.channel_id = "nobody"}, completion()));
    static_cast<void>(scene_.rt.disconnect(completion()));
    static_cast<void>(scene_.rt.disconnect(completion()));
    run_for(seconds(10));
    refuse_dials(false);
  }
  void end_in_a_drain() {
    connect();
    run_for(seconds(1));
    subscribe("a");
    run_for(seconds(1));
    scene_.broker.answer_publish = scene_.broker.answer_subscribe = false;
    publish("p");
    publish("p");
    subscribe("f");
    subscribe("f");
    run_for(seconds(1));
    static_cast<void>(scene_.rt.unsubscribe(SubscribeFilter{.channel_id = "f"}, completion()));
    static_cast<void>(scene_.rt.unsubscribe(SubscribeFilter{.channel_id = "f"}, completion()));
    static_cast<void>(scene_.rt.disconnect(completion()));
    static_cast<void>(scene_.rt.disconnect(completion()));
    run_for(seconds(20));
  }

  Scenario scene_;
  Act act_;
  int kth_;
  int callbacks_ = 0;
  int after_ = 0;
  bool acted_ = false;
  bool ended_ = false;
  bool subscribed_once_ = false;
};

class ReentrySweep : public ::testing::TestWithParam<Act> {};

TEST_P(ReentrySweep, EveryCallbackMayDoIt) {
  int kth = 1;
  for (bool acted = true; acted; ++kth) {
    WatchBlocks blocks(nullptr, nullptr);
    {
      Life life(GetParam(), kth);
      life.run();
      acted = life.acted();
      if (acted && life.scene().client == nullptr) {
        EXPECT_EQ(life.callbacks_after_the_end(), 0);
      } else {
        ASSERT_NE(life.scene().client, nullptr);
        EXPECT_EQ(life.scene().rt.state(), ConnectionState::closed);
      }
      EXPECT_EQ(life.scene().host.open_connections(), 0U);
      EXPECT_EQ(life.scene().host.armed(), Instant::never());
      for (const std::string& violation : life.scene().broker.violations) ADD_FAILURE() << violation;
    }
    EXPECT_EQ(blocks.outstanding(), 0U) << "a leak";
    if (HasFailure()) FAIL() << "callback " << kth;
  }
  EXPECT_GT(kth, 100) << "the life is too short";
}

INSTANTIATE_TEST_SUITE_P(Acts, ReentrySweep,
                         ::testing::Values(Act::destroy, Act::destroy_and_throw, Act::disconnect, Act::begin_anew),
                         [](const auto& named) { return std::string(name_of(named.param)); });

}  // namespace
}  // namespace axonpush::test
