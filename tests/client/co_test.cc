// Coroutines over the client, in virtual time: each operation comes back once, whatever happens, and what fails is
// told.
#include <stdexcept>

#include "client/co_scenario.h"

namespace axonpush::test {
namespace {

Task<Status> whole_life(CoScenario& scene) {
  const Alive alive(scene.alive);
  Result<Realtime> rt = co_await co::connect_realtime(*scene.client, scene.realtime_options());
  if (!rt.ok()) co_return rt.error();
  const Result<Subscription> subscription = co_await co::subscribe(
      *rt, {.channel_id = "a"}, [&scene](const Event& event) { scene.log.emplace_back(event.text()); });
  if (!subscription.ok()) co_return subscription.error();
  scene.log.emplace_back("granted");
  const Result<Published> published =
      co_await co::publish(*rt, {.channel_id = "a", .identifier = "x", .payload = R"({"n":1})"});
  if (!published.ok()) co_return published.error();
  scene.log.emplace_back("acknowledged");
  const Status off = co_await co::unsubscribe(*rt, *subscription);
  if (!off.ok()) co_return off.error();
  const Status ended = co_await co::disconnect(*rt);
  scene.log.emplace_back("disconnected");
  co_return ended;
}

TEST(Co, AwaitsAWholeLife) {
  CoScenario scene;
  scene.make();
  ASSERT_TRUE(scene.run_to_end(whole_life(scene)));
  EXPECT_TRUE(scene.outcome.ok());
  ASSERT_EQ(scene.log.size(), 4U);
  EXPECT_EQ(scene.log[0], "granted");
  EXPECT_EQ(scene.log[3], "disconnected");
  EXPECT_EQ(scene.alive, 0);
  EXPECT_EQ(scene.host.open_connections(), 0U);
  EXPECT_TRUE(scene.broker.violations.empty());
}

TEST(Co, GivesTheErrorOfWhatIsRefusedAtOnceWithoutSuspending) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto work = [](CoScenario& world) -> Task<Status> {
    const Result<Published> published = co_await co::publish(world.rt, {.identifier = "no channel", .payload = "{}"});
    co_return published.error();
  };
  scene.run(work(scene));
  EXPECT_TRUE(scene.ended) << "a refusal needs no loop turn";
  EXPECT_EQ(scene.outcome.error().culprit(), Culprit::caller);
}

TEST(Co, GivesTheBrokersRefusal) {
  CoScenario scene;
  scene.make();
  scene.broker.connack_reason = [](const sim::SeenConnect&) { return 0x87; };
  ASSERT_TRUE(scene.run_to_end(whole_life(scene)));
  EXPECT_EQ(scene.outcome.error().code(), Errc::mqtt_refused);
  EXPECT_EQ(scene.outcome.error().number(), 0x87U);
  EXPECT_EQ(scene.alive, 0);
}

TEST(Co, OperationsBeginWhenTheyAreMadeAndRunSideBySide) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto work = [](CoScenario& world) -> Task<Status> {
    auto first = co::publish(world.rt, {.channel_id = "a", .identifier = "1", .payload = "{}"});
    auto second = co::publish(world.rt, {.channel_id = "a", .identifier = "2", .payload = "{}"});
    { auto unawaited = co::publish(world.rt, {.channel_id = "a", .identifier = "3", .payload = "{}"}); }
    // In the other order: the one that is done already does not suspend.
    const Result<Published> two = co_await second;
    const Result<Published> one = co_await first;
    if (!one.ok()) co_return one.error();
    co_return two.ok() ? Status() : Status(two.error());
  };
  ASSERT_TRUE(scene.run_to_end(work(scene)));
  EXPECT_TRUE(scene.outcome.ok());
  EXPECT_TRUE(scene.run_until([&] { return scene.rt.stats().acknowledged == 3; })) << "unawaited is not undone";
}

TEST(Co, TheEndOfTheClientIsTheEndOfEveryWait) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.answer_publish = false;
  const auto publishes = [](CoScenario& world) -> Task<Status> {
    const Alive alive(world.alive);
    Realtime rt = world.rt;  // a handle in the frame, which the core refers to: no cycle may keep either
    const Result<Published> published =
        co_await co::publish(rt, {.channel_id = "a", .identifier = "x", .payload = "{}"});
    world.log.emplace_back(name_of(published.error().code()));
    // And what is begun in here is refused, not lost.
    const Status again = co_await co::disconnect(rt);
    world.log.emplace_back(again.ok() ? "over" : "not over");
    co_return published.error();
  };
  scene.run(publishes(scene));
  ASSERT_TRUE(scene.sleeping());
  EXPECT_EQ(scene.alive, 1);
  scene.client.reset();
  EXPECT_TRUE(scene.ended);
  EXPECT_EQ(scene.log, (std::vector<std::string>{"closed", "over"}));
  EXPECT_EQ(scene.alive, 0);
}

TEST(Co, AFrameMayDieWhileItsOperationIsUnderWay) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  {
    auto subscription = co::subscribe(scene.rt, {.channel_id = "a"}, [](const Event&) {});
    EXPECT_FALSE(subscription.await_ready());
    EXPECT_NE(subscription.subscription().generation, 0U);
  }
  scene.world.run_for(seconds(2));
  EXPECT_EQ(scene.broker.violations.size(), 0U);
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
}

TEST(Co, ACoroutineMayDestroyTheClient) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto work = [](CoScenario& world) -> Task<Status> {
    const Alive alive(world.alive);
    static_cast<void>(co_await co::publish(world.rt, {.channel_id = "a", .identifier = "x", .payload = "{}"}));
    world.client.reset();
    const Result<Published> late =
        co_await co::publish(world.rt, {.channel_id = "a", .identifier = "y", .payload = "{}"});
    co_return late.error();
  };
  ASSERT_TRUE(scene.run_to_end(work(scene)));
  EXPECT_EQ(scene.outcome.error().code(), Errc::closed);
  EXPECT_EQ(scene.alive, 0);
}

// g++ 12 destroys such a temporary of a co_await expression twice: it must not compile there.
TEST(Co, TakesNoTemporaryThatOwnsSomething) {
  const std::string text = "captured";
  const auto owning = [text](const Event&) { static_cast<void>(text); };
  const auto borrowing = [&text](const Event&) { static_cast<void>(text); };
  static_assert(!co::detail::SafeTemporary<std::remove_const_t<decltype(owning)>>);
  static_assert(co::detail::SafeTemporary<decltype(owning)&>, "with a name it is welcome");
  static_assert(co::detail::SafeTemporary<std::remove_const_t<decltype(borrowing)>>);
  static_assert(co::detail::SafeTemporary<EventCallback>);
  static_assert(std::is_trivially_destructible_v<co::TextMessage> && std::is_trivially_destructible_v<RawMessage> &&
                std::is_trivially_destructible_v<SubscribeFilter> &&
                std::is_trivially_destructible_v<co::StreamOptions>);
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto work = [](CoScenario& world) -> Task<Status> {
    const std::string large = R"({"text":")" + std::string(5'000, 'x') + R"("})";
    const std::string captured(100, 'c');
    const auto callback = [&world, captured](const Event& event) {
      world.log.push_back(captured + std::to_string(event.text().size()));
    };
    const Result<Subscription> made = co_await co::subscribe(world.rt, {.channel_id = "a"}, callback);
    if (!made.ok()) co_return made.error();
    const Message message{.channel_id = "a", .identifier = "x", .payload = large};
    const Result<Published> named = co_await co::publish(world.rt, message);
    if (!named.ok()) co_return named.error();
    const Result<Published> text_only =
        co_await co::publish(world.rt, {.channel_id = "a", .identifier = "x", .payload = large});
    while (world.log.size() < 2) {
      static_cast<void>(co_await co::publish(world.rt, {.channel_id = "b", .identifier = "x", .payload = "{}"}));
    }
    co_return text_only.ok() ? Status() : Status(text_only.error());
  };
  ASSERT_TRUE(scene.run_to_end(work(scene)));
  EXPECT_TRUE(scene.outcome.ok());
  EXPECT_EQ(scene.log[0], scene.log[1]);
  EXPECT_EQ(scene.log[0].substr(0, 100), std::string(100, 'c'));
}

// --- Tasks

TEST(CoTask, GivesValuesAndExceptionsToWhoAwaitsIt) {
  const auto seven = []() -> Task<int> { co_return 7; };
  const auto throws = []() -> Task<int> {
    throw std::runtime_error("seven is out");
    co_return 0;
  };
  std::string seen;
  const auto work = [&]() -> Task<> {
    seen += std::to_string(co_await seven());
    try {
      seen += std::to_string(co_await throws());
    } catch (const std::runtime_error& thrown) {
      seen += thrown.what();
    }
    throw 3;
  };
  Status outcome;
  co::start(work(), [&outcome](const Status& status) { outcome = status; });
  EXPECT_EQ(seen, "7seven is out");
  EXPECT_EQ(outcome.error().code(), Errc::callback_threw);
  EXPECT_EQ(outcome.error().server_words().message, "unknown exception");
}

TEST(CoTask, OneThatIsNeverAwaitedNeverRuns) {
  bool ran = false;
  const auto work = [&ran]() -> Task<> {
    ran = true;
    co_return;
  };
  { const Task<> task = work(); }
  EXPECT_FALSE(ran);
}

TEST(CoTask, AFailureGoesToOnErrorWhereStartIsGivenTheSession) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto work = []() -> Task<> {
    throw std::runtime_error("out of cheese");
    co_return;
  };
  co::start(work(), scene.rt);
  EXPECT_TRUE(scene.errors.empty()) << "callbacks run inside loop turns only";
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::callback_threw);
  EXPECT_EQ(scene.errors[0].error.server_words().message, "out of cheese");
  EXPECT_EQ(scene.rt.stats().callbacks_threw, 1U);
}

TEST(CoTask, MoreFailuresThanATurnTellsAreCounted) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto work = []() -> Task<> {
    throw std::runtime_error("again");
    co_return;
  };
  for (int n = 0; n < 40; ++n) co::start(work(), scene.rt);
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.errors.size(), 16U);
  EXPECT_EQ(scene.rt.stats().callbacks_threw, 40U);
  // And of a session that is over nothing is told.
  static_cast<void>(scene.rt.disconnect());
  scene.world.run_for(seconds(10));
  co::start(work(), scene.rt);
  scene.client.reset();
  co::start(work(), scene.rt);
  EXPECT_EQ(scene.errors.size(), 16U);
}

// --- Callbacks

TEST(CoCallback, WhatFailsLaterStillReachesOnError) {  // CONTRACT 5
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto on_event = [&scene](OwnedEvent event) -> Task<Status> {
    const Alive alive(scene.alive);
    const std::string text(event.text());
    if (text == R"({"n":0})") throw std::runtime_error("at once");
    const Result<Published> published =
        co_await co::publish(scene.rt, {.channel_id = "b", .identifier = "echo", .payload = text});
    scene.log.push_back(text);
    if (text == R"({"n":1})") throw std::runtime_error("later");
    if (text == R"({"n":2})") co_return Error(Errc::payload_invalid, "the program did not like it");
    co_return published.ok() ? Status() : Status(published.error());
  };
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, co::callback(scene.rt, on_event)).ok());
  for (int n = 0; n < 4; ++n) scene.event(R"({"n":)" + std::to_string(n) + "}");
  ASSERT_TRUE(scene.run_until([&] { return scene.log.size() == 3 && scene.errors.size() == 3; }));
  EXPECT_EQ(scene.errors[0].error.server_words().message, "at once");
  EXPECT_EQ(scene.errors[1].error.server_words().message, "later");
  EXPECT_EQ(scene.errors[2].error.code(), Errc::payload_invalid);
  EXPECT_EQ(scene.rt.stats().callbacks_threw, 2U);
  EXPECT_EQ(scene.log.back(), R"({"n":3})");
  EXPECT_EQ(scene.alive, 0);
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
}

TEST(CoCallback, WhatItCapturedOutlivesItsSubscription) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.answer_publish = false;
  const auto kept = std::make_shared<std::string>("captured");
  Subscription subscription;
  {
    const auto coroutine = [&scene, kept](OwnedEvent) -> Task<> {
      static_cast<void>(co_await co::publish(scene.rt, {.channel_id = "b", .identifier = "x", .payload = "{}"}));
      scene.log.push_back(*kept);
    };
    const Result<Subscription> made = scene.rt.subscribe({.channel_id = "a"}, co::callback(scene.rt, coroutine));
    ASSERT_TRUE(made.ok());
    subscription = *made;
  }
  scene.world.run_for(seconds(1));
  scene.event("{}");
  scene.world.run_for(seconds(1));
  ASSERT_TRUE(scene.rt.unsubscribe(subscription).ok());
  scene.world.run_for(seconds(1));
  EXPECT_EQ(kept.use_count(), 2) << "the callback is gone, the coroutine is not";
  ASSERT_TRUE(scene.run_until([&] { return !scene.log.empty(); })) << "PUBACK's own deadline ends the wait";
  EXPECT_EQ(kept.use_count(), 1);
}

// What a callback captured may do in its destructor whatever a callback may do.
TEST(CoCallback, ACapturedSubscriptionMayEndAnotherWhenItIsLetGo) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const Result<Subscription> inner = scene.rt.subscribe({.channel_id = "b"}, [](const Event&) {});
  ASSERT_TRUE(inner.ok());
  auto scoped = std::make_unique<ScopedSubscription>(scene.rt, *inner);
  const Result<Subscription> outer =
      scene.rt.subscribe({.channel_id = "a"}, [scoped = std::move(scoped)](const Event&) {});
  ASSERT_TRUE(outer.ok());
  scene.world.run_for(seconds(1));
  ASSERT_TRUE(scene.rt.unsubscribe(*outer).ok());
  scene.world.run_for(seconds(2));
  EXPECT_EQ(scene.broker.sessions.begin()->second.filters.size(), 0U);
}

// --- Streams

Task<Status> collect(CoScenario& scene, co::StreamOptions options = {}) {
  const Alive alive(scene.alive);
  Result<co::EventStream> stream = co_await co::events(scene.rt, {.channel_id = "a"}, options);
  if (!stream.ok()) co_return stream.error();
  scene.log.emplace_back("granted");
  while (std::optional<OwnedEvent> event = co_await stream->next()) scene.log.emplace_back(event->text());
  scene.log.emplace_back("end");
  co_return Status();
}

TEST(CoStream, GivesEveryEventInOrderUntilTheSessionEnds) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  scene.run(collect(scene));
  ASSERT_TRUE(scene.run_until([&] { return scene.log.size() == 1; }));
  for (int n = 0; n < 3; ++n)
    scene.event(std::to_string(n) == "0" ? R"({"n":0})" : R"({"n":)" + std::to_string(n) + "}");
  ASSERT_TRUE(scene.run_until([&] { return scene.log.size() == 4; }));
  EXPECT_FALSE(scene.ended);
  static_cast<void>(scene.rt.disconnect([&scene](const Status&) { scene.log.emplace_back("disconnected"); }));
  ASSERT_TRUE(scene.run_until([&] { return scene.log.size() == 6; }));
  EXPECT_EQ(scene.log,
            (std::vector<std::string>{"granted", R"({"n":0})", R"({"n":1})", R"({"n":2})", "end", "disconnected"}));
  EXPECT_TRUE(scene.ended);
  EXPECT_EQ(scene.alive, 0);
}

TEST(CoStream, LivesThroughASwap) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  scene.run(collect(scene));
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1 && scene.log.size() == 1; }, hours(2)));
  scene.event(R"({"after":"swap"})");
  ASSERT_TRUE(scene.run_until([&] { return scene.log.size() == 2; }));
  EXPECT_EQ(scene.log[1], R"({"after":"swap"})");
}

TEST(CoStream, TheBufferIsBoundedAndWhatGoesIsCounted) {
  for (const auto overflow : {co::StreamOptions::Overflow::drop_oldest, co::StreamOptions::Overflow::drop_newest}) {
    CoScenario scene;
    ASSERT_TRUE(scene.connect());
    const auto work = [overflow](CoScenario& world) -> Task<Status> {
      Result<co::EventStream> stream =
          co_await co::events(world.rt, {.channel_id = "a"}, {.capacity = 2, .overflow = overflow});
      if (!stream.ok()) co_return stream.error();
      for (const char* body : {R"({"n":1})", R"({"n":2})", R"({"n":3})", R"({"n":4})"}) world.event(body);
      while (world.rt.stats().events < 4)
        static_cast<void>(co_await co::publish(world.rt, {.channel_id = "b", .identifier = "x", .payload = "{}"}));
      EXPECT_EQ(stream->size(), 2U);
      EXPECT_EQ(stream->dropped(), 2U);
      // What is in the buffer can be taken after the stream was closed.
      stream->close();
      while (std::optional<OwnedEvent> event = co_await stream->next()) world.log.emplace_back(event->text());
      co_return Status();
    };
    ASSERT_TRUE(scene.run_to_end(work(scene)));
    EXPECT_TRUE(scene.outcome.ok());
    if (overflow == co::StreamOptions::Overflow::drop_oldest) {
      EXPECT_EQ(scene.log, (std::vector<std::string>{R"({"n":3})", R"({"n":4})"}));
    } else {
      EXPECT_EQ(scene.log, (std::vector<std::string>{R"({"n":1})", R"({"n":2})"}));
    }
  }
}

TEST(CoStream, EndsWithTheClientAndLeavesNothingBehind) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  scene.run(collect(scene));
  ASSERT_TRUE(scene.run_until([&] { return scene.log.size() == 1; }));
  scene.client.reset();
  EXPECT_EQ(scene.log.back(), "end");
  EXPECT_EQ(scene.alive, 0);
}

TEST(CoStream, ARefusedFilterIsTheOutcome) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.suback_reason = [](const std::string&) { return 0x87; };
  ASSERT_TRUE(scene.run_to_end(collect(scene)));
  EXPECT_EQ(scene.outcome.error().code(), Errc::suback_failed);
  EXPECT_TRUE(scene.log.empty());
}

TEST(CoStream, ACapacityOutOfRangeIsRefused) {
  for (const std::size_t capacity : {std::size_t{0}, co::kStreamCapacityMax + 1}) {
    CoScenario scene;
    ASSERT_TRUE(scene.connect());
    ASSERT_TRUE(scene.run_to_end(collect(scene, {.capacity = capacity})));
    EXPECT_EQ(scene.outcome.error().code(), Errc::invalid_argument);
  }
}

TEST(CoStream, ASecondWaiterGetsNothingAndTheFirstWaitsOn) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto work = [](CoScenario& world) -> Task<Status> {
    Result<co::EventStream> stream = co_await co::events(world.rt, {.channel_id = "a"}, {.body = co::Body::raw});
    if (!stream.ok()) co_return stream.error();
    const auto wait = [](CoScenario& told, co::EventStream& from, std::string name) -> Task<> {
      std::optional<OwnedEvent> event = co_await from.next();
      told.log.push_back(name + (event.has_value() ? ":" + std::string(event->text()) : ":nothing"));
    };
    co::start(wait(world, *stream, "first"));
    co::start(wait(world, *stream, "second"));
    world.event("no json");
    while (world.log.size() < 2) {
      static_cast<void>(co_await co::publish(world.rt, {.channel_id = "b", .identifier = "x", .payload = "{}"}));
    }
    co_return Status();
  };
  ASSERT_TRUE(scene.run_to_end(work(scene)));
  EXPECT_EQ(scene.log, (std::vector<std::string>{"second:nothing", "first:no json"}));
}

}  // namespace
}  // namespace axonpush::test
