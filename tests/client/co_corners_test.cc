// Coroutines where nothing is granted, no memory is left, nobody fails, or the frame dies while it waits.
#include <stdexcept>

#include "client/co_scenario.h"
#include "support/allocations.h"

namespace axonpush::test {
namespace {

// A coroutine that is destroyed by whoever holds it.
class Killable {
 public:
  struct promise_type {
    [[nodiscard]] Killable get_return_object() noexcept {
      return Killable(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    [[nodiscard]] std::suspend_never initial_suspend() const noexcept { return {}; }
    [[nodiscard]] std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { __builtin_trap(); }
  };
  explicit Killable(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Killable(Killable&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Killable& operator=(Killable&&) = delete;
  Killable(const Killable&) = delete;
  Killable& operator=(const Killable&) = delete;
  ~Killable() {
    if (handle_) handle_.destroy();
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

// --- Subscriptions

TEST(CoSubscribe, GivesRawBodiesUnread) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto work = [](CoScenario& world) -> Task<Status> {
    const auto callback = [&world](const Event& event) { world.log.emplace_back(event.text()); };
    const Result<Subscription> made = co_await co::subscribe_raw(world.rt, {.channel_id = "a"}, callback);
    co_return made.ok() ? Status() : Status(made.error());
  };
  ASSERT_TRUE(scene.run_to_end(work(scene)));
  EXPECT_TRUE(scene.outcome.ok());
  scene.event("no json");
  ASSERT_TRUE(scene.run_until([&] { return !scene.log.empty(); }));
  EXPECT_EQ(scene.log[0], "no json");
}

TEST(CoSubscribe, GivesTheRefusalOfTheLibraryAndOfTheBroker) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  scene.broker.suback_reason = [](const std::string&) { return 0x87; };
  const auto work = [](CoScenario& world) -> Task<Status> {
    const auto callback = [](const Event&) {};
    const std::string long_name(300, 'c');
    const SubscribeFilter impossible{.channel_id = long_name};
    const Result<Subscription> at_once = co_await co::subscribe(world.rt, impossible, callback);
    EXPECT_EQ(at_once.error().code(), Errc::topic_invalid);
    const Result<co::EventStream> stream = co_await co::events(world.rt, impossible);
    EXPECT_EQ(stream.error().code(), Errc::topic_invalid);
    const Result<Subscription> later = co_await co::subscribe(world.rt, {.channel_id = "a"}, callback);
    co_return later.error();
  };
  ASSERT_TRUE(scene.run_to_end(work(scene)));
  EXPECT_EQ(scene.outcome.error().code(), Errc::suback_failed);
}

// --- Tasks and callbacks

TEST(CoTask, ThatEndsWellIsNothingToReport) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto work = [](CoScenario& world) -> Task<Status> {
    world.log.emplace_back("ran");
    co_return Status();
  };
  co::start(work(scene), scene.rt);
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.log, std::vector<std::string>{"ran"});
  EXPECT_TRUE(scene.errors.empty());
}

// The callable need not be a coroutine: what it throws before there is a Task is told like what a Task throws.
TEST(CoCallback, ThatThrowsBeforeItsTaskBeginsIsReported) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto make = [](OwnedEvent) -> Task<Status> { throw std::runtime_error("no task today"); };
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, co::callback(scene.rt, make)).ok());
  scene.event("{}");
  ASSERT_TRUE(scene.run_until([&] { return !scene.errors.empty(); }));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::callback_threw);
  EXPECT_EQ(scene.errors[0].error.server_words().message, "no task today");
}

TEST(CoCallback, ThatFindsNoMemoryForItsEventIsReported) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto make = [&scene](OwnedEvent event) -> Task<Status> {
    scene.log.emplace_back(event.text());
    co_return Status();
  };
  auto callback = co::callback(scene.rt, make);
  bool starved = true;
  const auto deliver = [&](const Event& event) {
    if (!std::exchange(starved, false)) return callback(event);
    const FailAllocations fault(1, FailAllocations::Mode::once);
    callback(event);
    EXPECT_TRUE(fault.fired());
  };
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, deliver).ok());
  scene.event(R"({"n":1})");
  scene.event(R"({"n":2})");
  ASSERT_TRUE(scene.run_until([&] { return !scene.log.empty() && !scene.errors.empty(); }));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::no_memory);
  EXPECT_EQ(scene.log, std::vector<std::string>{R"({"n":2})"});
}

// --- Streams

TEST(CoStream, SaysWhenThereIsNoMemoryForIt) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto work = [](CoScenario& world) -> Task<Status> {
    for (const std::uint64_t kth : {1U, 2U}) {  // the ring, what holds it
      std::optional<FailAllocations> fault;
      fault.emplace(kth, FailAllocations::Mode::once);
      auto wanted = co::events(world.rt, {.channel_id = "a"});
      EXPECT_TRUE(fault->fired()) << kth;
      fault.reset();
      const Result<co::EventStream> stream = co_await wanted;
      EXPECT_EQ(stream.error().code(), Errc::no_memory) << kth;
    }
    co_return Status();
  };
  ASSERT_TRUE(scene.run_to_end(work(scene)));
  EXPECT_TRUE(scene.outcome.ok());
}

TEST(CoStream, CountsAnEventThatItHasNoMemoryFor) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  co::detail::StreamReference state(co::detail::StreamState::create({}));
  auto sink = std::make_shared<co::detail::StreamSink>(state);
  const auto starved = [sink](const Event& event) {
    const FailAllocations fault(1, FailAllocations::Mode::once);
    (*sink)(event);
    EXPECT_TRUE(fault.fired());
  };
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, starved).ok());
  scene.event("{}");
  ASSERT_TRUE(scene.run_until([&] { return state->dropped() == 1; }));
  EXPECT_EQ(state->size(), 0U);
  const co::detail::StreamReference none;
  const co::detail::StreamReference copy(none);  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_FALSE(static_cast<bool>(copy));
}

TEST(CoStream, ThatHasEndedStaysSo) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  const auto work = [](CoScenario& world) -> Task<Status> {
    Result<co::EventStream> stream = co_await co::events(world.rt, {.channel_id = "a"});
    if (!stream.ok()) co_return stream.error();
    const Status over = co_await co::disconnect(world.rt);
    for (int times = 0; times < 3; ++times) EXPECT_FALSE((co_await stream->next()).has_value());
    co_return over;
  };
  ASSERT_TRUE(scene.run_to_end(work(scene)));
  EXPECT_TRUE(scene.outcome.ok());
}

TEST(CoStream, ForgetsAFrameThatDiesWhileItWaits) {
  CoScenario scene;
  ASSERT_TRUE(scene.connect());
  std::optional<co::EventStream> kept;
  const auto work = [](CoScenario& world, std::optional<co::EventStream>& into) -> Task<Status> {
    Result<co::EventStream> stream = co_await co::events(world.rt, {.channel_id = "a"});
    if (!stream.ok()) co_return stream.error();
    into.emplace(std::move(*stream));
    co_return Status();
  };
  ASSERT_TRUE(scene.run_to_end(work(scene, kept)));
  ASSERT_TRUE(kept.has_value());
  const auto wait = [](CoScenario& world, co::EventStream& from, std::string name) -> Killable {
    std::optional<OwnedEvent> event = co_await from.next();
    world.log.push_back(name + (event.has_value() ? std::string(event->text()) : "nothing"));
  };
  { const Killable dead = wait(scene, *kept, "dead: "); }
  const Killable alive = wait(scene, *kept, "alive: ");
  scene.event(R"({"n":1})");
  ASSERT_TRUE(scene.run_until([&] { return !scene.log.empty(); }));
  EXPECT_EQ(scene.log, std::vector<std::string>{R"(alive: {"n":1})"});
}

}  // namespace
}  // namespace axonpush::test
