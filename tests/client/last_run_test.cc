// A completion that owns the client: what it captured goes with its one run, and when that is the client itself nothing
// more is told, although others were owed in the same loop.
#include <gtest/gtest.h>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

struct Owner {
  Scenario scene;
  bool gone = false;
  int told = 0;        // before the end
  int told_after = 0;  // and after it

  // The client's end hangs on this value.
  std::shared_ptr<void> end() {
    return {this, [this](void*) {
              gone = true;
              scene.client.reset();
            }};
  }
  // The first completion of all ends the client when it has run.
  auto completion() {
    return [this, kept = gone || made_++ != 0 ? nullptr : end()](const auto&) { ++(gone ? told_after : told); };
  }
  void expect_one_told() {
    scene.world.run_for(minutes(2));
    EXPECT_TRUE(gone);
    EXPECT_EQ(told, 1);
    EXPECT_EQ(told_after, 0);
  }

 private:
  int made_ = 0;
};

TEST(LastRun, OfConnect) {
  Owner owner;
  owner.scene.make();
  for (int count = 0; count < 3; ++count) {
    ASSERT_TRUE(owner.scene.client->connect_realtime({}, owner.completion()).ok());
  }
  owner.expect_one_told();
}

TEST(LastRun, OfAConnectThatFails) {
  Owner owner;
  owner.scene.make();
  owner.scene.api.next.push_back({.status = 401});
  for (int count = 0; count < 3; ++count) {
    ASSERT_TRUE(owner.scene.client->connect_realtime({}, owner.completion()).ok());
  }
  owner.expect_one_told();
}

TEST(LastRun, OfSubscribe) {
  Owner owner;
  ASSERT_TRUE(owner.scene.connect());
  for (const char* channel : {"a", "b", "b", "c"}) {
    ASSERT_TRUE(owner.scene.rt
                    .subscribe(
                        {.channel_id = channel}, [](const Event&) {}, owner.completion())
                    .ok());
  }
  owner.expect_one_told();
}

TEST(LastRun, OfASubscribeThatIsRefused) {
  Owner owner;
  owner.scene.broker.suback_reason = [](const std::string&) { return 0x87; };
  ASSERT_TRUE(owner.scene.connect());
  for (int count = 0; count < 3; ++count) {
    ASSERT_TRUE(owner.scene.rt
                    .subscribe(
                        {.channel_id = "a"}, [](const Event&) {}, owner.completion())
                    .ok());
  }
  owner.expect_one_told();
}

TEST(LastRun, OfASubscribeThatIsUndone) {
  Owner owner;
  ASSERT_TRUE(owner.scene.connect());
  std::vector<Subscription> made;
  for (int count = 0; count < 3; ++count) {
    const auto one = owner.scene.rt.subscribe(
        {.channel_id = "a"}, [](const Event&) {}, owner.completion());
    ASSERT_TRUE(one.ok());
    made.push_back(*one);
  }
  for (const Subscription& one : made) ASSERT_TRUE(owner.scene.rt.unsubscribe(one).ok());
  owner.expect_one_told();
}

TEST(LastRun, OfUnsubscribe) {
  Owner owner;
  ASSERT_TRUE(owner.scene.connect());
  ASSERT_TRUE(owner.scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  for (int count = 0; count < 3; ++count) {
    ASSERT_TRUE(owner.scene.rt.unsubscribe({.channel_id = "a"}, owner.completion()).ok());
  }
  owner.expect_one_told();
}

TEST(LastRun, OfPublish) {
  for (const auto qos : {PublishOptions::Delivery::at_most_once, PublishOptions::Delivery::at_least_once}) {
    for (const bool acknowledged : {true, false}) {
      Owner owner;
      owner.scene.broker.answer_publish = acknowledged;
      ASSERT_TRUE(owner.scene.connect());
      for (int count = 0; count < 3; ++count) {
        ASSERT_TRUE(
            owner.scene.rt
                .publish({.channel_id = "p", .identifier = "i", .payload = "{}"}, owner.completion(), {.qos = qos})
                .ok());
      }
      owner.expect_one_told();
    }
  }
}

TEST(LastRun, OfAPublishThatDisconnectGivesUp) {
  Owner owner;
  owner.scene.broker.answer_publish = false;
  ASSERT_TRUE(owner.scene.connect());
  for (int count = 0; count < 3; ++count) {
    ASSERT_TRUE(
        owner.scene.rt.publish({.channel_id = "p", .identifier = "i", .payload = "{}"}, owner.completion()).ok());
  }
  ASSERT_TRUE(owner.scene.rt.disconnect([&owner](const Status&) { ++owner.told_after; }).ok());
  owner.expect_one_told();
}

TEST(LastRun, OfWhatDisconnectEnds) {
  Owner owner;
  owner.scene.broker.answer_subscribe = false;
  ASSERT_TRUE(owner.scene.connect());
  for (const char* channel : {"a", "b", "c"}) {
    ASSERT_TRUE(owner.scene.rt
                    .subscribe(
                        {.channel_id = channel}, [](const Event&) {}, owner.completion())
                    .ok());
  }
  ASSERT_TRUE(owner.scene.rt.disconnect([&owner](const Status&) { ++owner.told_after; }).ok());
  owner.expect_one_told();
}

TEST(LastRun, OfDisconnect) {
  Owner owner;
  ASSERT_TRUE(owner.scene.connect());
  for (int count = 0; count < 3; ++count) ASSERT_TRUE(owner.scene.rt.disconnect(owner.completion()).ok());
  owner.expect_one_told();
}

// Found by session_fuzz: a connect that shared a session in the turn of its disconnect began another one by itself when
// that had ended, and nobody could disconnect it.
TEST(LastRun, OfAConnectThatSharesASessionInTheTurnOfItsDisconnect) {  // CONTRACT 3, R-49, I-24
  Scenario scene;
  ASSERT_TRUE(scene.connect());
  const auto the_same_wishes = [] {
    RealtimeOptions options;
    options.refresh_jitter = options.retry_jitter = false;
    return options;
  };
  std::vector<Errc> shared;
  int disconnected = 0;
  const auto done = [&](const Status&) { ++disconnected; };
  const auto inside = [&](const Result<Realtime>& given) {
    EXPECT_TRUE(given.ok());
    const auto told = [&](const Result<Realtime>& result) { shared.push_back(result.error().code()); };
    EXPECT_TRUE(scene.client->connect_realtime(the_same_wishes(), told).ok());
    EXPECT_TRUE(scene.rt.disconnect(done).ok());
  };
  // Between two connections there is nothing to say good-bye to: the session ends within the turn.
  scene.world.plan = [](const Endpoint&) { return sim::DialPlan{.fate = sim::DialPlan::Fate::refuse}; };
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::waiting; }));
  ASSERT_TRUE(scene.client->connect_realtime(the_same_wishes(), inside).ok());
  scene.world.run_for(milliseconds(1));
  scene.world.plan = [](const Endpoint&) { return sim::DialPlan{}; };
  scene.world.run_for(minutes(5));
  EXPECT_EQ(shared, std::vector<Errc>{Errc::closed});
  EXPECT_EQ(disconnected, 1);
  EXPECT_EQ(scene.host.open_connections(), 0U);
  EXPECT_EQ(scene.host.armed(), Instant::never());
  EXPECT_EQ(scene.api.requests.size(), 1U);
  // A new one is whole: it delivers, and it can be disconnected.
  ASSERT_TRUE(scene.connect());
  int events = 0;
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [&](const Event&) { ++events; }).ok());
  scene.broker.publish(scene.topic("a"), "{}");
  scene.world.run_for(seconds(1));
  EXPECT_EQ(events, 1);
  ASSERT_TRUE(scene.rt.disconnect(done).ok());
  scene.world.run_for(minutes(1));
  EXPECT_EQ(disconnected, 2);
}

}  // namespace
}  // namespace axonpush::test
