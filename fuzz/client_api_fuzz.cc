// The API from bytes: every call of Client and Realtime, from outside, from inside a turn and from inside every kind of
// callback, while model servers grant, refuse, drop and delay. Traps when
//   - a callback runs inside a callback, or after its client is gone, or an event callback after disconnect (I-27,
//   R-47);
//   - an accepted publish, subscribe, unsubscribe, connect or disconnect is told twice, or never (I-01);
//   - on_state tells a step that does not follow from the last one (I-25);
//   - something is left after disconnect: a connection, a timer (I-24);
//   - the client writes what the model broker judges malformed (I-38).
#include <axonpush/client.h>
#include <axonpush/trace.h>

#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "choices.h"
#include "sim/model_api.h"
#include "sim/model_broker.h"
#include "sim/world.h"
#include "support/allocations.h"
#include "whole_client.h"

namespace {

using namespace axonpush;        // NOLINT
using namespace axonpush::fuzz;  // NOLINT

constexpr unsigned kStepsMax = 100;
constexpr unsigned kInsideMax = 150;
constexpr std::array<std::string_view, 4> kChannels = {"a", "b", "c", "d"};

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  __builtin_trap();
}

// What is owed to the caller: each completion once.
class Debts {
 public:
  std::size_t owe(int what) {
    what_.push_back(what);
    told_.push_back(0);
    return told_.size() - 1;
  }
  void refuse(std::size_t index) { told_[index] = 1; }
  void tell(std::size_t index) { require(++told_[index] == 1, "a completion ran twice"); }
  void forgive() {
    for (int& told : told_) told = 1;
  }
  [[nodiscard]] bool settled() const {
    for (std::size_t at = 0; at < told_.size(); ++at) {
      if (told_[at] != 0) continue;
      std::fprintf(stderr, "still owed: call %d\n", what_[at]);
      return false;
    }
    return true;
  }

 private:
  std::vector<int> what_;  // the call
  std::vector<int> told_;
};

class Harness {
 public:
  explicit Harness(Bytes bytes)
      : choices_(bytes), world_(choices_.byte()), api_(world_), broker_(world_, api_), host_(world_, 1) {
    world_.listen(443, api_.maker());
    world_.listen(8443, broker_.maker());
    api_.broker_url = "wss://broker.example.com:8443/mqtt?x=y";
    const std::uint8_t bits = choices_.byte();
    api_.lifetime = (bits & 1) != 0 ? seconds(20) : seconds(100);
    api_.same_client_id = (bits & 2) != 0;
    broker_.keep_sessions = (bits & 4) != 0;
    broker_.keeps_history = api_.keeps_history = false;
    make_client();
  }

  void run() {
    for (unsigned steps = 0; steps < kStepsMax && !choices_.empty(); ++steps) step();
    finish();
  }

 private:
  // --- The client, and what it tells
  // A callback of the client that was current when it was given.
  class Inside {
   public:
    Inside(Harness& harness, unsigned client) : harness_(harness) {
      require(client == harness_.client_number_ && harness_.client_ != nullptr, "a callback of a client that is gone");
      require(++harness_.depth_ == 1, "a callback inside a callback");
    }
    ~Inside() { --harness_.depth_; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Harness& harness_;
  };

  // In a callback: sometimes a call, sometimes an exception.
  void act_inside() {
    if (inside_left_ == 0 || choices_.empty()) return;
    const std::uint8_t choice = choices_.byte();
    if (choice >= 128) return;
    --inside_left_;
    call(choice);
    if (choice % 16 == 15) throw 7;
  }

  void make_client() {
    ++client_number_;
    const std::uint8_t bits = choices_.byte();
    ClientOptions options{.api_key = "ak_key",
                          .tenant_id = "org_1",
                          .base_url = (bits & 128) != 0 ? "http://nowhere" : "https://api.example.com",
                          .read_environment = false};
    if ((bits & 1) != 0) {
      options.on_trace = [this, client = client_number_](const TraceRecord&) {
        const Inside inside(*this, client);
        act_inside();
      };
    }
    if ((bits & 6) == 6) {
      options.credentials_source = [this, client = client_number_](CredentialsAnswer& answer) {
        const Inside inside(*this, client);
        answer_source(answer);
        act_inside();
      };
    }
    state_ = ConnectionState::idle;
    client_ = std::make_unique<Client>(host_, std::move(options));
  }

  // At once, twice, with nonsense, as a failure, or never.
  void answer_source(CredentialsAnswer& answer) {
    const std::uint8_t choice = choices_.byte();
    if (choice < 160) answer.body(api_.credentials_body());
    if (choice % 8 == 0) answer.body("{}");
    if (choice % 8 == 1) answer.failed(Error(Errc::rate_limited, "on purpose").with_retry_after(seconds(7)));
  }

  RealtimeOptions realtime_options() {
    const std::uint8_t bits = choices_.byte();
    RealtimeOptions options;
    options.ordered_swap = (bits & 1) != 0;
    options.swap_grace = (bits & 2) != 0 ? Duration::zero() : seconds(2);
    options.publish_queue_count = (bits & 4) != 0 ? 3 : limits::kPublishQueueCount;
    options.qos = (bits & 8) != 0 ? Qos::at_most_once : Qos::at_least_once;
    options.subscriptions_max = (bits & 16) != 0 ? 2 : 50;
    if ((bits & 32) != 0) return options;  // no callbacks: may share a connect
    const unsigned client = client_number_;
    options.on_error = [this, client](const ErrorReport&) {
      const Inside inside(*this, client);
      act_inside();
    };
    options.on_gap = [this, client](const PossibleGap& gap) {
      const Inside inside(*this, client);
      require(gap.from <= gap.to, "a gap that ends before it begins");
      act_inside();
    };
    options.on_state = [this, client](const StateChange& change) {
      const Inside inside(*this, client);
      require(change.from == state_ && change.to != change.from, "a step of on_state that does not follow");
      state_ = change.to;
      if (change.to == ConnectionState::closed) state_ = ConnectionState::idle;  // a new session begins there
      act_inside();
    };
    return options;
  }

  Callback<void(const Status&)> completion(std::size_t debt) {
    return [this, client = client_number_, debt](const Status&) {
      const Inside inside(*this, client);
      debts_.tell(debt);
      act_inside();
    };
  }
  PublishCompletion publish_completion(std::size_t debt) {
    return [this, client = client_number_, debt](const Result<Published>&) {
      const Inside inside(*this, client);
      debts_.tell(debt);
      act_inside();
    };
  }
  EventCallback on_event() {
    return [this, client = client_number_, session = rt_.session()](const Event& event) {
      const Inside inside(*this, client);
      require(session != ended_session_, "an event after disconnect");
      static_cast<void>(event.identifier());
      act_inside();
    };
  }

  // --- Calls
  void call(std::uint8_t choice) {
    const SubscribeFilter filter{.channel_id = kChannels[choice % kChannels.size()],
                                 .trace_id = (choice & 16) != 0 ? std::string_view("t") : std::string_view()};
    const std::size_t debt = debts_.owe(choice % 15);
    bool accepted = false;
    switch (choice % 15) {
      case 0:
        accepted = connect(debt);
        break;
      case 1:
      case 2: {
        const auto made = choice % 15 == 1 ? rt_.subscribe(filter, on_event(), completion(debt))
                                           : rt_.subscribe_raw(filter, on_event(), completion(debt));
        if (made.ok()) subscriptions_.push_back(*made);
        accepted = made.ok();
        break;
      }
      case 3:
        accepted = rt_.unsubscribe(some_subscription(), completion(debt)).ok();
        break;
      case 4:
        accepted = rt_.unsubscribe(filter, completion(debt)).ok();
        break;
      case 5: {
        const auto made = rt_.on_event(on_event());
        if (made.ok()) handlers_.push_back(*made);
        break;
      }
      case 6:
        if (!handlers_.empty()) static_cast<void>(rt_.off_event(handlers_[choices_.below(handlers_.size())]));
        break;
      case 7:
      case 8:
      case 9:
        accepted = publish(choice, debt);
        break;
      case 10:
        accepted = rt_.publish_raw({.channel_id = "raw", .body = bytes_of("body")}, publish_completion(debt)).ok();
        break;
      case 11:
        static_cast<void>(rt_.refresh_now());
        break;
      case 12:
        static_cast<void>(rt_.state());
        static_cast<void>(rt_.stats());
        rt_ = Realtime(rt_);
        break;
      case 13:
        if (choice < 64) break;
        accepted = rt_.disconnect(completion(debt)).ok() && handle_client_ == client_number_ && client_ != nullptr;
        if (rt_.session() != 0) ended_session_ = rt_.session();
        break;
      case 14:
        if ((choice & 64) != 0) destroy();
        break;
    }
    if (!accepted) debts_.refuse(debt);
  }

  bool connect(std::size_t debt) {
    if (client_ == nullptr) return false;
    return client_
        ->connect_realtime(realtime_options(),
                           [this, client = client_number_, debt](const Result<Realtime>& result) {
                             const Inside inside(*this, client);
                             debts_.tell(debt);
                             if (result.ok()) {
                               rt_ = *result;
                               handle_client_ = client;
                             }
                             act_inside();
                           })
        .ok();
  }

  bool publish(std::uint8_t choice, std::size_t debt) {
    const auto qos = choice % 15 == 7   ? PublishOptions::Delivery::session_default
                     : choice % 15 == 8 ? PublishOptions::Delivery::at_most_once
                                        : PublishOptions::Delivery::exactly_once;
    return rt_
        .publish({.channel_id = kChannels[choice % 4], .identifier = "i", .payload = "{}"}, publish_completion(debt),
                 {.qos = qos})
        .ok();
  }

  Subscription some_subscription() {
    return subscriptions_.empty() ? Subscription{} : subscriptions_[choices_.below(subscriptions_.size())];
  }

  void destroy() {
    client_.reset();
    debts_.forgive();
    require(host_.open_connections() == 0, "a destroyed client left a connection");
    require(rt_.state() == ConnectionState::closed, "a session outlived its client");
  }

  // --- The world
  void step() {
    constexpr std::array<Duration, 8> kWaits = {Duration::zero(), milliseconds(1), milliseconds(5), milliseconds(100),
                                                seconds(1),       seconds(3),      seconds(9),      seconds(35)};
    const std::uint8_t choice = choices_.byte();
    if (client_ == nullptr && depth_ == 0 && choice % 4 == 0) make_client();
    if (choice < 96) {
      guarded_call(choice, false);
    } else if (choice < 144) {
      guarded_call(choice, true);
    } else {
      disturb(choice);
    }
    pass(kWaits[choices_.byte() & 7]);
  }

  void guarded_call(std::uint8_t choice, bool in_turn) {
    if (in_turn) {
      host_.in_turn([&] { call(choice); });
    } else {
      call(choice);
    }
  }

  void disturb(std::uint8_t choice) {
    sim::BrokerPeer* const peer = broker_.newest();
    switch (choice % 14) {
      case 0:
      case 1:
      case 2:
        broker_.publish("axonpush/org_1/default/default/" + std::string(kChannels[choices_.below(4)]) + "/_/_",
                        (choice & 16) != 0 ? R"({"identifier":"i","payload":{},"traceId":"t"})" : "no json",
                        choice & 1);
        return;
      case 3:
        if (peer != nullptr) peer->cut(sim::Connection::Cut::reset);
        return;
      case 4:
        if (peer != nullptr) peer->send_disconnect(choices_.byte());
        if (peer != nullptr) peer->cut(sim::Connection::Cut::orderly);
        return;
      case 5:
        broker_.suback_reason = [reason = choices_.below(3)](const std::string&) {
          return reason == 0 ? 1 : reason == 1 ? 0x87 : 0x97;
        };
        return;
      case 6:
        broker_.answer_subscribe = !broker_.answer_subscribe;
        return;
      case 7:
        broker_.answer_publish = !broker_.answer_publish;
        return;
      case 8:
        broker_.answer_connect = !broker_.answer_connect;
        return;
      case 9:
        api_.next.push_back({.status = (choice & 16) != 0 ? 401 : 503});
        return;
      case 10:
        api_.next.push_back({.delay = seconds(choices_.byte() % 16)});
        return;
      case 11:
        world_.plan = [refuse = choices_.byte() % 4](const Endpoint& endpoint) {
          const bool broken = refuse == 1 || (refuse == 2 && endpoint.port == 8443);
          return broken ? sim::DialPlan{.fate = sim::DialPlan::Fate::refuse} : sim::DialPlan{};
        };
        return;
      case 12:
        if (peer != nullptr) peer->link().stuck = !peer->link().stuck;
        if (peer != nullptr) peer->link().thaw();
        return;
      case 13:
        if (peer != nullptr) peer->send_frame(9, "ping");
        return;
    }
  }

  void pass(Duration span) {
    world_.run_for(span);
    require(broker_.violations.empty(), broker_.violations.empty() ? "" : broker_.violations[0].c_str());
    require(host_.open_connections() <= 3, "more than two connections and one fetch");
  }

  // Everything heals; what was accepted is told, and disconnect leaves nothing.
  void finish() {
    inside_left_ = 0;
    broker_.answer_subscribe = broker_.answer_publish = broker_.answer_connect = true;
    broker_.suback_reason = [](const std::string&) { return 1; };
    world_.plan = [](const Endpoint&) { return sim::DialPlan{}; };
    api_.next.clear();
    api_.lifetime = hours(1);
    for (sim::BrokerPeer* peer : broker_.live()) {
      peer->link().stuck = false;
      peer->link().thaw();
    }
    pass(minutes(3));
    if (client_ != nullptr && rt_.session() != 0) {
      const std::size_t debt = debts_.owe(13);
      ended_session_ = rt_.session();
      if (!rt_.disconnect(completion(debt)).ok() || handle_client_ != client_number_) debts_.refuse(debt);
      pass(seconds(20));
      if (rt_.state() == ConnectionState::closed) {
        const bool another = host_.armed() != Instant::never();  // a session begun later, whose handle was not kept
        require(another || host_.open_connections() == 0, "a disconnected session left a connection");
      }
      require(debts_.settled(), "a completion never ran");
    }
    rt_ = Realtime();
    client_.reset();
    require(host_.open_connections() == 0, "the end left a connection");
    world_.clear();
  }

  Choices choices_;
  sim::World world_;
  sim::ModelApi api_;
  sim::ModelBroker broker_;
  sim::VirtualHost host_;
  std::unique_ptr<Client> client_;
  Realtime rt_;
  Debts debts_;
  std::vector<Subscription> subscriptions_;
  std::vector<EventHandler> handlers_;
  ConnectionState state_ = ConnectionState::idle;
  std::uint64_t ended_session_ = 0;
  unsigned client_number_ = 0;
  unsigned handle_client_ = 0;  // whose handle rt_ is
  unsigned inside_left_ = kInsideMax;
  int depth_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4 || size > 2'048) return 0;
  const test::Arena arena;
  const auto harness = std::make_unique<Harness>(Bytes(data, size));
  harness->run();
  return 0;
}
