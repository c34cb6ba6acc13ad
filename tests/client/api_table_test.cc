// FAULTS R-46: every call of the API × every state × every context, as a generated table.
//
// Goal: each cell has one defined answer, no call crashes or recurses, and the client goes on afterwards as the call
// asks. Method: a client is brought into each state, one callback of the context is made to run there, and makes the
// call. The table is printed; what each cell must answer is `expected`.
#include <axonpush/trace.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <stdexcept>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

using sim::DialPlan;

enum class Call {
  connect,
  subscribe,
  unsubscribe,
  publish,
  disconnect,
  destroy
};
constexpr Call kCalls[] = {Call::connect, Call::subscribe,  Call::unsubscribe,
                           Call::publish, Call::disconnect, Call::destroy};
constexpr const char* kCallNames[] = {"connect", "subscribe", "unsubscribe", "publish", "disconnect", "destroy"};

enum class Place {
  fresh,
  first_fetch,
  first_dial,
  live,
  live_fetch,
  live_dial,
  live_restore,
  overlap,
  drain,
  reconnect_wait,
  fetch,
  dial,
  restore,
  closing,
  closed
};
constexpr int kPlaces = static_cast<int>(Place::closed) + 1;
const char* name_of_place(int place) {
  const char* const names[] = {"fresh",     "first_fetch",  "first_dial", "live",    "live_fetch",
                               "live_dial", "live_restore", "overlap",    "drain",   "reconnect_wait",
                               "fetch",     "dial",         "restore",    "closing", "closed"};
  return names[place];
}

// Brings a client into the state, with a subscription and an error callback in place.
void bring(Scenario& scene, Place place, RealtimeOptions options, const std::function<void()>& before_end = {}) {
  scene.api.lifetime = seconds(100);
  if (place == Place::fresh) return;
  if (place == Place::first_fetch || place == Place::first_dial) {
    if (place == Place::first_fetch) scene.api.next.push_back({.delay = seconds(20)});
    if (place == Place::first_dial) scene.broker.answer_connect = false;
    ASSERT_TRUE(scene.begin(std::move(options)).ok());
    scene.world.run_for(milliseconds(100));
    return;
  }
  ASSERT_TRUE(scene.connect(std::move(options)));
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  const auto refuse = [](const Endpoint& endpoint) {
    return endpoint.port == 8443 ? DialPlan{.fate = DialPlan::Fate::refuse} : DialPlan{};
  };
  const auto slow = [](const Endpoint& endpoint) {
    return endpoint.port == 8443 ? DialPlan{.latency = seconds(2)} : DialPlan{};
  };
  switch (place) {
    case Place::live_fetch:
      scene.api.next.push_back({.delay = seconds(20)});
      ASSERT_TRUE(scene.run_until([&] { return scene.api.requests.size() == 2; }));
      return;
    case Place::live_dial:
      scene.world.plan = slow;
      ASSERT_TRUE(scene.run_until([&] { return scene.api.requests.size() == 2; }));
      scene.world.run_for(seconds(1));
      return;
    case Place::live_restore:
      scene.broker.suback_delay = seconds(5);
      ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() == 2; }));
      scene.world.run_for(milliseconds(10));
      return;
    case Place::overlap:
    case Place::drain:
      if (place == Place::drain) {
        scene.broker.answer_publish = false;
        ASSERT_TRUE(scene.rt.publish({.channel_id = "p", .identifier = "i", .payload = "{}"}).ok());
      }
      ASSERT_TRUE(scene.run_until([&] { return scene.broker.subscribes.size() == 2; }));
      scene.world.run_for(place == Place::overlap ? milliseconds(100) : milliseconds(2'200));
      return;
    case Place::reconnect_wait:
    case Place::dial:
    case Place::restore:
      scene.world.run_for(seconds(31));
      if (place == Place::reconnect_wait) scene.world.plan = refuse;
      if (place == Place::dial) scene.world.plan = slow;
      if (place == Place::restore) {
        scene.broker.keep_sessions = false;
        scene.broker.suback_delay = seconds(5);
      }
      scene.broker.newest()->cut(sim::Connection::Cut::reset);
      scene.run_until([&] {
        return place == Place::reconnect_wait ? scene.rt.state() == ConnectionState::waiting
               : place == Place::dial         ? scene.rt.state() == ConnectionState::reconnecting
                                              : scene.broker.subscribes.size() == 2;
      });
      scene.world.run_for(milliseconds(10));
      return;
    case Place::fetch:
      scene.api.next.push_back({.delay = seconds(20)});
      ASSERT_TRUE(scene.run_until([&] { return scene.api.requests.size() == 2; }));
      scene.broker.newest()->cut(sim::Connection::Cut::reset);
      scene.world.run_for(milliseconds(100));
      return;
    case Place::closing:
      scene.broker.answer_publish = false;
      ASSERT_TRUE(scene.rt.publish({.channel_id = "p", .identifier = "i", .payload = "{}"}).ok());
      scene.world.run_for(milliseconds(10));
      scene.broker.answer_publish = true;
      // The context's own publish is acknowledged while the first one still holds the end up.
      if (before_end) before_end();
      ASSERT_TRUE(scene.rt.disconnect().ok());
      if (!before_end) scene.world.run_for(milliseconds(10));
      return;
    case Place::closed:
      ASSERT_TRUE(scene.rt.disconnect().ok());
      scene.world.run_for(seconds(10));
      return;
    default:
      return;
  }
}

enum class Context {
  outside,     // the user's own code, between two turns of the loop
  turn,        // the user's own code, inside a turn
  event,       // an event callback
  error,       // on_error
  completion,  // a completion of publish, or of unsubscribe where nothing can be published
  trace,       // on_trace
};
constexpr Context kContexts[] = {Context::outside, Context::turn,       Context::event,
                                 Context::error,   Context::completion, Context::trace};
constexpr char kContextLetters[] = "otexch";

// One cell: a client in the state, and what the call answered from the context.
class Cell {
 public:
  Cell(Place place, Call call, Context context) : place_(place), call_(call), context_(context) {
    ClientOptions options = Scenario::client_options();
    options.on_trace = [this](const TraceRecord&) {
      const Depth depth(*this);
      if (context_ == Context::trace && armed_) act();
    };
    scene_.make(std::move(options));
    RealtimeOptions realtime = scene_.realtime_options();
    realtime.on_error = [this](const ErrorReport&) {
      const Depth depth(*this);
      if (context_ == Context::error && armed_) act();
    };
    if (place == Place::closing && context == Context::completion) {
      bring(scene_, place, std::move(realtime), [this] { cause(); });
    } else {
      bring(scene_, place, std::move(realtime));
    }
  }

  // False when the context cannot occur in the state: no callback of that kind runs there.
  [[nodiscard]] bool run() {
    armed_ = true;
    if (!answered_) cause();
    if (!answered_) scene_.run_until([this] { return answered_; }, milliseconds(300));
    armed_ = false;
    return answered_;
  }
  [[nodiscard]] Errc answer() const { return answer_; }

  // What must hold afterwards, whatever the cell.
  void settle() {
    const std::size_t callbacks = callbacks_;
    scene_.world.plan = [](const Endpoint&) { return DialPlan{}; };
    scene_.broker.answer_connect = scene_.broker.answer_publish = true;
    scene_.broker.suback_delay = {};
    scene_.world.run_for(minutes(3));
    for (const std::string& violation : scene_.broker.violations) ADD_FAILURE() << violation;
    EXPECT_EQ(deepest_, context_ == Context::outside || context_ == Context::turn ? deepest_ : 1);
    EXPECT_LE(deepest_, 1) << "a callback ran inside a callback";
    if (call_ == Call::destroy) {
      EXPECT_EQ(callbacks_, callbacks) << "a callback ran after the client was gone";
      EXPECT_EQ(scene_.host.open_connections(), 0U);
    } else if (call_ == Call::disconnect && answer_ == Errc::none) {
      EXPECT_EQ(scene_.rt.state(), ConnectionState::closed);
      EXPECT_EQ(scene_.host.open_connections(), 0U);
      EXPECT_EQ(scene_.host.armed(), Instant::never()) << "a timer is left";
    } else if (place_ == Place::first_dial) {
      EXPECT_EQ(scene_.connect_results.size(), 1U) << "its CONNACK never came: told once, not tried again";
    } else if (place_ != Place::closing && place_ != Place::closed && place_ != Place::fresh) {
      EXPECT_TRUE(scene_.run_until([this] { return scene_.broker.live().size() == 1; }, minutes(2)));
    }
  }

 private:
  struct Depth {
    explicit Depth(Cell& of) : cell(of) {
      ++cell.callbacks_;
      if (++cell.depth_ > cell.deepest_) cell.deepest_ = cell.depth_;
    }
    ~Depth() { --cell.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    Cell& cell;
  };

  void act() {
    if (answered_) return;
    answered_ = true;
    answer_ = make_call();
  }

  // Makes the context's callback run in the state the client is in.
  void cause() {
    switch (context_) {
      case Context::outside:
        act();
        return;
      case Context::turn:
        scene_.host.in_turn([this] { act(); });
        return;
      case Context::event:
        static_cast<void>(scene_.rt.on_event([this](const Event&) {
          const Depth depth(*this);
          act();
        }));
        scene_.broker.publish(scene_.topic("a"), "{}", 0);
        return;
      case Context::error:
      case Context::trace:
        // What throws is reported, and what is reported is traced.
        static_cast<void>(scene_.rt.unsubscribe(SubscribeFilter{.channel_id = "nobody"},
                                                [](const Status&) { throw std::runtime_error("on purpose"); }));
        return;
      case Context::completion: {
        const auto done = [this] {
          const Depth depth(*this);
          act();
        };
        if (place_ == Place::closing) {
          static_cast<void>(scene_.rt.publish({.channel_id = "q", .identifier = "i", .payload = "{}"},
                                              [done](const Result<Published>&) { done(); }));
          return;
        }
        static_cast<void>(scene_.rt.publish({.channel_id = "c", .identifier = "i", .payload = "{}"},
                                            [done](const Result<Published>&) { done(); },
                                            {.qos = PublishOptions::Delivery::at_most_once}));
        static_cast<void>(
            scene_.rt.unsubscribe(SubscribeFilter{.channel_id = "nobody"}, [done](const Status&) { done(); }));
        return;
      }
    }
  }

  Errc make_call() {
    switch (call_) {
      case Call::connect: {
        RealtimeOptions same;
        same.refresh_jitter = same.retry_jitter = false;
        return scene_.client
            ->connect_realtime(std::move(same), [this](const Result<Realtime>&) { const Depth depth(*this); })
            .error()
            .code();
      }
      case Call::subscribe:
        return scene_.rt
            .subscribe(
                {.channel_id = "x"}, [](const Event&) {}, [this](const Status&) { const Depth depth(*this); })
            .error()
            .code();
      case Call::unsubscribe:
        return scene_.rt
            .unsubscribe(SubscribeFilter{.channel_id = "a"}, [this](const Status&) { const Depth depth(*this); })
            .error()
            .code();
      case Call::publish:
        return scene_.rt
            .publish({.channel_id = "x", .identifier = "i", .payload = "{}"},
                     [this](const Result<Published>&) { const Depth depth(*this); })
            .error()
            .code();
      case Call::disconnect:
        return scene_.rt.disconnect([this](const Status&) { const Depth depth(*this); }).error().code();
      case Call::destroy:
        scene_.client.reset();
        return Errc::none;
    }
    return Errc::internal;
  }

  Place place_;
  Call call_;
  Context context_;
  Errc answer_ = Errc::internal;
  bool armed_ = false;
  bool answered_ = false;
  int depth_ = 0;
  int deepest_ = 0;
  std::size_t callbacks_ = 0;
  Scenario scene_;
};

// A handle exists once a session has been live; without one there is nothing to end.
Errc expected(Place place, Call call) {
  const bool no_session = place == Place::fresh || place == Place::first_fetch || place == Place::first_dial;
  const bool over = place == Place::closing || place == Place::closed;
  switch (call) {
    case Call::destroy:
      return Errc::none;
    case Call::connect:
      return place == Place::closing ? Errc::closed : Errc::none;
    case Call::disconnect:
      return no_session ? Errc::closed : Errc::none;
    default:
      return no_session || over ? Errc::closed : Errc::none;
  }
}

// Which contexts there are in a state. An event needs a connection that has had its CONNACK; the callbacks of a session
// need a session.
bool occurs(Place place, Context context) {
  switch (context) {
    case Context::outside:
    case Context::turn:
      return true;
    case Context::event:
      return (place >= Place::live && place <= Place::drain) || place == Place::restore;
    case Context::error:
    case Context::trace:
      return place >= Place::live && place <= Place::restore;
    case Context::completion:
      return place >= Place::live && place <= Place::closing;
  }
  return false;
}

TEST(ApiTable, EveryCallInEveryStateFromEveryContextIsDefined) {  // R-46, I-27
  std::printf("Contexts in each cell: outside, turn, event, x on_error, completion, hook.\n");
  std::printf("The letter: the call is accepted. C: closed. -: no such callback runs in the state.\n%-15s", "");
  for (const char* name : kCallNames) std::printf(" %-11s", name);
  std::printf("\n");
  int cells = 0;
  for (int place = 0; place < kPlaces; ++place) {
    std::printf("%-15s", name_of_place(place));
    for (const Call call : kCalls) {
      std::string shown;
      for (const Context context : kContexts) {
        const auto index = static_cast<std::size_t>(context);
        Cell cell(static_cast<Place>(place), call, context);
        if (::testing::Test::HasFatalFailure()) return;
        const bool ran = cell.run();
        EXPECT_EQ(ran, occurs(static_cast<Place>(place), context))
            << name_of_place(place) << ", context " << kContextLetters[index];
        if (ran) {
          ++cells;
          EXPECT_EQ(cell.answer(), expected(static_cast<Place>(place), call))
              << name_of_place(place) << ", " << kCallNames[static_cast<int>(call)] << ", context "
              << kContextLetters[index] << ": " << name_of(cell.answer());
          cell.settle();
        }
        shown += !ran ? '-' : cell.answer() == Errc::none ? kContextLetters[index] : 'C';
      }
      std::printf(" %-11s", shown.c_str());
    }
    std::printf("\n");
  }
  std::printf("%d cells\n", cells);
  EXPECT_EQ(cells, 6 * (15 * 2 + 7 + 10 * 2 + 11));
}

// The raw sink is called in the middle of things: it is refused, and harms nothing.
class CallingSink final : public TraceSink {
 public:
  void record(const TraceRecord&) noexcept override {
    if (session == nullptr) return;
    ++calls;
    refused += session->publish({.channel_id = "x", .identifier = "i", .payload = "{}"}).error().code() == Errc::closed;
    refused += session->subscribe({.channel_id = "x"}, [](const Event&) {}).error().code() == Errc::closed;
    refused += session->disconnect().error().code() == Errc::closed;
  }
  Realtime* session = nullptr;
  int calls = 0;
  int refused = 0;
};

TEST(ApiTable, ATraceSinkThatCallsTheClientIsRefused) {
  CallingSink sink;
  Scenario scene;
  ClientOptions options = Scenario::client_options();
  options.trace = &sink;
  scene.make(std::move(options));
  ASSERT_TRUE(scene.connect());
  sink.session = &scene.rt;
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }));
  sink.session = nullptr;
  EXPECT_GE(sink.calls, 5);
  EXPECT_EQ(sink.refused, 3 * sink.calls);
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
}

TEST(ApiTable, ATraceHookThatThrowsIsCountedAndNothingElse) {
  Scenario scene;
  ClientOptions options = Scenario::client_options();
  std::uint64_t told = 0;
  options.on_trace = [&](const TraceRecord&) {
    ++told;
    throw std::runtime_error("on purpose");
  };
  scene.make(std::move(options));
  ASSERT_TRUE(scene.connect());
  scene.world.run_for(seconds(31));
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }));
  EXPECT_GE(told, 10U);
  EXPECT_EQ(scene.rt.stats().callbacks_threw, told);
  EXPECT_EQ(scene.rt.stats().traces_dropped, 0U);
  EXPECT_EQ(scene.errors.size(), 1U) << "the loss, and no word about the hook";
}

}  // namespace
}  // namespace axonpush::test
