// What the users of the clients do: every call from every context, and callbacks that misbehave.
#include <stdexcept>
#include <utility>

#include "sim/sim_run.h"

namespace axonpush::sim {

namespace {

std::string channel_name(std::int64_t channel) { return "c" + std::to_string(channel); }

// The judge's view of a call: nothing may run inside it, and what it allocates is the client's.
class CallGuard {
 public:
  CallGuard(Judge& judge, std::size_t client, Verb verb)
      : judge_(judge), client_(client), scope_(judge.watched(client).account) {
    judge_.enter_call(client, static_cast<int>(verb));
    judge_.watched(client).account.by_user = true;
  }
  ~CallGuard() {
    judge_.watched(client_).account.by_user = false;
    judge_.leave_call(client_);
  }
  CallGuard(const CallGuard&) = delete;
  CallGuard& operator=(const CallGuard&) = delete;

 private:
  Judge& judge_;
  std::size_t client_;
  heap::Scope scope_;
};

class CallbackGuard {
 public:
  CallbackGuard(Judge& judge, std::size_t client) : judge_(judge), client_(client) { judge_.enter_callback(client); }
  ~CallbackGuard() { judge_.leave_callback(client_); }
  CallbackGuard(const CallbackGuard&) = delete;
  CallbackGuard& operator=(const CallbackGuard&) = delete;

 private:
  Judge& judge_;
  std::size_t client_;
};

}  // namespace

RealtimeOptions Run::options_of(User& user) {
  const auto knob = [this, &user](Knob which) { return plan_.knob(user.index, which); };
  RealtimeOptions options;
  options.environment = "default";
  options.credentials_refresh_lead = seconds(knob(Knob::lead_s));
  options.qos = knob(Knob::qos) != 0 ? Qos::at_least_once : Qos::at_most_once;
  options.receive_maximum = static_cast<std::uint16_t>(knob(Knob::receive_maximum));
  options.keep_alive = seconds(knob(Knob::keep_alive_s));
  options.ordered_swap = knob(Knob::ordered) != 0;
  options.refresh_jitter = knob(Knob::refresh_jitter) != 0;
  options.retry_jitter = knob(Knob::retry_jitter) != 0;
  options.swap_grace = milliseconds(knob(Knob::grace_ms));
  options.publish_queue_count = static_cast<std::uint32_t>(knob(Knob::queue));
  options.on_error = [this, &user](const ErrorReport& report) {
    const CallbackGuard guard(judge_, user.index);
    judge_.on_error(user.index, report);
    if (report.error.code() == Errc::callback_threw) {
      judge_.check(28, user.thrown != 0, [] { return std::string("a throw is told that nobody threw"); });
      if (user.thrown != 0) --user.thrown;
    }
    const bool alive_before = user.client != nullptr;
    run_waiting(user, Context::error);
    if (alive_before) throw_perhaps(user, Mark::on_error_threw);
  };
  options.on_state = [this, &user](const StateChange& change) {
    const CallbackGuard guard(judge_, user.index);
    judge_.on_state(user.index, change);
    run_waiting(user, Context::state);
  };
  options.on_gap = [this, &user](const PossibleGap& gap) {
    const CallbackGuard guard(judge_, user.index);
    judge_.on_gap(user.index, gap);
  };
  return options;
}

// what these throw is told to nobody.
void Run::throw_perhaps(User& user, Mark mark) {
  const std::int64_t throws = plan_.knob(user.index, Knob::throws_permille);
  if (throws == 0 || user.client == nullptr) return;
  if (user.throws.below(1000) >= static_cast<std::uint64_t>(throws)) return;
  judge_.mark(mark);
  throw std::runtime_error("thrown by a callback of the simulation");
}

void Run::connect(User& user) {
  if (user.client == nullptr || user.connecting || judge_.watched(user.index).in_session) return;
  if (world_.now() < user.host().paused_until) {
    connect_later(user, user.host().paused_until - world_.now());
    return;
  }
  if (user.client->error()) {
    // Made while there was no entropy: the constructor never fails, and says so from then on.
    destroy(user, 1);
    return;
  }
  ++user.session;
  user.subscriptions.clear();
  user.handlers.clear();
  user.connecting = true;
  const auto done = [this, &user, session = user.session](const Result<Realtime>& result) {
    const CallbackGuard guard(judge_, user.index);
    judge_.check(1, user.connecting && session == user.session,
                 [] { return std::string("a connect is answered that nobody waits for"); });
    user.connecting = false;
    judge_.hash(static_cast<std::uint64_t>(result.error().code()) | 1ULL << 40);
    if (result.ok()) {
      user.rt = *result;
      return;
    }
    char text[512];
    judge_.scan_text({text, result.error().format(text)});
    judge_.watched(user.index).in_session = false;
    connect_later(user, user.random.duration(seconds(1), seconds(9)));
  };
  RealtimeOptions options = options_of(user);
  judge_.begin_session(user.index);
  Status begun;
  {
    const CallGuard guard(judge_, user.index, Verb::connect);
    begun = user.client->connect_realtime(std::move(options), done);
  }
  if (begun.ok()) return;
  user.connecting = false;
  judge_.watched(user.index).in_session = false;
  connect_later(user, seconds(2));
}

void Run::connect_later(User& user, Duration wait) {
  if (ending_ || (plan_.knob(WorldKnob::manual) != 0 && !healed_)) return;
  world_.after(wait, [this, &user] {
    if (!ending_) connect(user);
  });
}

void Run::call(User& user, const Decision& decision) {
  if (user.client == nullptr) return;
  if (world_.now() < user.host().paused_until) return;  // the loop's thread is busy
  switch (decision.context) {
    case Context::outside:
      call_now(user, decision);
      return;
    case Context::turn:
      user.host().in_turn([&] { call_now(user, decision); });
      return;
    default:
      user.waiting[static_cast<std::size_t>(decision.context)].push_back(decision);
  }
}

void Run::run_waiting(User& user, Context context) {
  std::deque<Decision>& queue = user.waiting[static_cast<std::size_t>(context)];
  if (queue.empty() || user.client == nullptr) return;
  const Decision decision = queue.front();
  queue.pop_front();
  call_now(user, decision);
}

void Run::call_now(User& user, const Decision& decision) {
  if (user.client == nullptr) return;
  ++judge_.totals.calls[static_cast<std::size_t>(decision.verb)];
  std::uint64_t& from =
      judge_.totals.contexts[static_cast<std::size_t>(decision.context)][static_cast<std::size_t>(decision.verb)];
  if (decision.verb == Verb::destroy || decision.verb == Verb::stale) ++from;
  if (decision.verb == Verb::destroy) {
    destroy(user, decision.a);
    return;
  }
  if (decision.verb == Verb::stale) {
    use_spent(user);
    return;
  }
  if (decision.verb == Verb::connect) {
    connect(user);
    return;
  }
  const Watched& watched = judge_.watched(user.index);
  if (user.connecting || !watched.in_session || watched.disconnecting) return;
  ++from;
  switch (decision.verb) {
    case Verb::subscribe:
      subscribe(user, decision);
      return;
    case Verb::on_event:
      add_handler(user);
      return;
    case Verb::unsubscribe:
    case Verb::unsubscribe_filter:
    case Verb::off_event:
      unsubscribe(user, decision);
      return;
    case Verb::publish:
      publish(user, decision.a, decision.b, decision.c);
      return;
    case Verb::refresh: {
      const CallGuard guard(judge_, user.index, decision.verb);
      if (watched.phase == refresh::Phase::live_fetch || watched.phase == refresh::Phase::fetch) {
        judge_.mark(Mark::refresh_merged);
      }
      if (user.rt.refresh_now().ok()) judge_.refresh_asked(user.index);
      return;
    }
    case Verb::disconnect:
      disconnect(user, decision.a);
      return;
    default:
      return;
  }
}

void Run::subscribe(User& user, const Decision& decision) {
  const bool raw = decision.c != 0;
  const auto filter = static_cast<std::uint8_t>(decision.a);
  const std::size_t slot = judge_.add_slot(
      user.index,
      {.kind = raw ? SlotKind::raw : SlotKind::json, .filter = filter, .trace = static_cast<std::uint8_t>(decision.b)});
  if (slot == 64) return;
  user.subscriptions.resize(slot + 1);
  user.handlers.resize(slot + 1);
  const std::int64_t channel = filter / (kTypes + 1);
  const std::int64_t type = filter % (kTypes + 1);
  const std::string channel_text = channel == kChannels ? std::string() : channel_name(channel);
  const std::string type_text = type == kTypes ? std::string() : "t" + std::to_string(type);
  const std::string trace = decision.b == 0 ? std::string() : "trace" + std::to_string(decision.b);
  const SubscribeFilter wanted{.channel_id = channel_text, .event_type = type_text, .trace_id = trace};
  const std::uint64_t session = user.session;
  const auto on_event_here = [this, &user, slot, session](const Event& event) { on_event(user, slot, session, event); };
  const auto done = [this, &user, slot, session](const Status& status) {
    const CallbackGuard guard(judge_, user.index);
    judge_.hash(static_cast<std::uint64_t>(status.error().code()) | slot << 8 | 1ULL << 41);
    if (session != user.session) return;
    if (status.ok()) {
      judge_.granted(user.index, slot);
    } else {
      judge_.refused(user.index, slot);
    }
  };
  Result<Subscription> made = [&] {
    const CallGuard guard(judge_, user.index, decision.verb);
    return raw ? user.rt.subscribe_raw(wanted, on_event_here, done) : user.rt.subscribe(wanted, on_event_here, done);
  }();
  if (made.ok()) {
    const refresh::Phase phase = judge_.watched(user.index).phase;
    if (phase == refresh::Phase::live_restore || phase == refresh::Phase::overlap || phase == refresh::Phase::drain) {
      judge_.mark(Mark::subscribed_in_swap);
    }
    user.subscriptions[slot] = *made;
  } else {
    judge_.drop_slot(user.index, slot);
  }
}

void Run::add_handler(User& user) {
  const std::size_t slot = judge_.add_slot(user.index, {.kind = SlotKind::handler, .told = true});
  if (slot == 64) return;
  user.subscriptions.resize(slot + 1);
  user.handlers.resize(slot + 1);
  const CallGuard guard(judge_, user.index, Verb::on_event);
  const Result<EventHandler> made = user.rt.on_event(
      [this, &user, slot, session = user.session](const Event& event) { on_event(user, slot, session, event); });
  if (made.ok()) {
    user.handlers[slot] = *made;
  } else {
    judge_.drop_slot(user.index, slot);
  }
}

void Run::unsubscribe(User& user, const Decision& decision) {
  const CallGuard guard(judge_, user.index, decision.verb);
  const refresh::Phase phase = judge_.watched(user.index).phase;
  if (decision.verb != Verb::off_event && (phase == refresh::Phase::live_restore || phase == refresh::Phase::overlap)) {
    judge_.mark(Mark::unsubscribed_in_swap);
  }
  const auto done = [this, &user](const Status& status) {
    const CallbackGuard inner(judge_, user.index);
    judge_.hash(static_cast<std::uint64_t>(status.error().code()) | 1ULL << 42);
  };
  if (decision.verb == Verb::unsubscribe_filter) {
    const std::int64_t channel = decision.a / (kTypes + 1);
    const std::int64_t type = decision.a % (kTypes + 1);
    const std::string channel_text = channel == kChannels ? std::string() : channel_name(channel);
    const std::string type_text = type == kTypes ? std::string() : "t" + std::to_string(type);
    const Status taken_off = user.rt.unsubscribe({.channel_id = channel_text, .event_type = type_text}, done);
    if (taken_off.ok() || taken_off.error().code() == Errc::no_memory) {
      judge_.drop_filter(user.index, static_cast<std::uint8_t>(decision.a));
    }
    return;
  }
  const std::size_t count = user.subscriptions.size();
  if (count == 0) return;
  const std::size_t slot = static_cast<std::size_t>(decision.a) % count;
  const bool handler = judge_.watched(user.index).slots[slot].kind == SlotKind::handler;
  const Status status =
      handler ? user.rt.off_event(user.handlers[slot]) : user.rt.unsubscribe(user.subscriptions[slot], done);
  // Without memory for the completion the callback is taken off all the same.
  if (status.ok() || status.error().code() == Errc::no_memory) judge_.drop_slot(user.index, slot);
}

void Run::publish(User& user, std::int64_t channel, std::int64_t size, std::int64_t how) {
  const bool qos0 = (how & 1) == 0;
  const bool raw = (how & 2) != 0;
  const bool completion = (how & 4) == 0;
  const std::uint64_t number = judge_.begin_publish(user.index, channel, qos0, completion);
  const std::string name = channel_name(channel);
  const std::string identifier = "p" + std::to_string(user.index) + '-' + std::to_string(number);
  const std::string filler(static_cast<std::size_t>(size), 'x');
  const PublishOptions options{.qos = qos0 ? PublishOptions::Delivery::at_most_once
                                           : PublishOptions::Delivery::at_least_once};
  PublishCompletion done;
  if (completion) {
    done = [this, &user, number](const Result<Published>& outcome) {
      const CallbackGuard guard(judge_, user.index);
      judge_.completed(user.index, number, outcome);
      run_waiting(user, Context::completion);
    };
  }
  const std::string json = "{\"secret\":\"PAYLOADMARKER\",\"x\":\"" + filler + "\"}";
  const std::string body = identifier + ";PAYLOADMARKER" + filler;
  Status status;
  {
    const CallGuard guard(judge_, user.index, Verb::publish);
    if (raw) {
      status = user.rt.publish_raw({.channel_id = name, .environment = "pub", .body = bytes_of(body)}, std::move(done),
                                   options);
    } else {
      status = user.rt.publish(
          {.channel_id = name, .identifier = identifier, .payload = Payload::borrowed(json), .environment = "pub"},
          std::move(done), options);
    }
  }
  judge_.end_publish(user.index, number, status);
}

void Run::disconnect(User& user, std::int64_t wait_s) {
  if (judge_.in_callback(user.index)) judge_.mark(Mark::disconnected_in_callback);
  judge_.disconnecting(user.index);
  const CallGuard guard(judge_, user.index, Verb::disconnect);
  static_cast<void>(user.rt.disconnect([this, &user, wait_s](const Status&) {
    { const CallbackGuard inner(judge_, user.index); }
    judge_.session_over(user.index);
    user.spent = std::exchange(user.rt, Realtime());
    connect_later(user, seconds(wait_s) + milliseconds(1));
  }));
}

// The client goes without a word, perhaps from inside one of its own callbacks.
void Run::destroy(User& user, std::int64_t wait_s) {
  if (judge_.in_callback(user.index)) judge_.mark(Mark::destroyed_in_callback);
  judge_.disconnecting(user.index);
  user.spent = std::exchange(user.rt, Realtime());
  user.connecting = false;
  user.thrown = 0;
  for (std::deque<Decision>& queue : user.waiting) queue.clear();
  {
    const CallGuard guard(judge_, user.index, Verb::destroy);
    user.client.reset();
  }
  judge_.end_life(user.index);
  if (ending_) return;
  world_.after(seconds(wait_s) + milliseconds(1), [this, &user] {
    if (ending_ || user.client != nullptr) return;
    make_client(user.index);
    connect(user);
  });
}

// handles of a session that is over answer `closed`, whatever is asked of them.
void Run::use_spent(User& user) {
  const CallGuard guard(judge_, user.index, Verb::stale);
  const Status published =
      user.spent.publish({.channel_id = "c0", .identifier = "x", .payload = Payload::borrowed("{}")});
  const Result<Subscription> subscribed = user.spent.subscribe({.channel_id = "c0"}, [](const Event&) {});
  const Status asked = user.spent.refresh_now();
  judge_.check(24,
               published.error().code() == Errc::closed && subscribed.error().code() == Errc::closed &&
                   asked.error().code() == Errc::closed && user.spent.state() == ConnectionState::closed,
               [] { return std::string("a spent handle does not answer that it is closed"); });
}

void Run::on_event(User& user, std::size_t slot, std::uint64_t session, const Event& event) {
  const CallbackGuard guard(judge_, user.index);
  judge_.check(24, session == user.session, [] { return std::string("an event for a session that is over"); });
  judge_.on_event(user.index, slot, event);
  const std::int64_t throws = plan_.knob(user.index, Knob::throws_permille);
  const bool alive_before = user.client != nullptr;
  run_waiting(user, Context::event);
  if (throws == 0 || !alive_before || user.client == nullptr) return;
  if (user.random.below(1000) < static_cast<std::uint64_t>(throws)) {
    ++user.thrown;
    throw std::runtime_error("thrown by a callback of the simulation");
  }
}

// --- Traffic

void Run::stream_publishes(const Decision& decision, std::size_t number) {
  struct Stream {
    Random random;
    Instant end;
    Duration gap;
    User& user;
  };
  auto stream = std::make_shared<Stream>(Stream{Random(stream_seed(plan_.seed, "publishes", number)),
                                                world_.now() + milliseconds(decision.b), seconds(1'000) / decision.a,
                                                *users_[decision.client]});
  struct Tick {
    Run& run;
    std::shared_ptr<Stream> stream;
    std::int64_t channel;
    void operator()() {
      Stream& it = *stream;
      if (run.healed_ || run.world_.now() >= it.end) return;
      const std::int64_t chosen =
          channel == kChannels ? static_cast<std::int64_t>(it.random.below(kChannels)) : channel;
      const auto how = static_cast<std::int64_t>(it.random.below(16));
      const bool inside = it.random.chance(0.2);
      const std::int64_t size = it.random.chance(0.02) ? static_cast<std::int64_t>(it.random.below(3'000)) : 16;
      // Mostly QoS 1, mostly with a completion.
      const std::int64_t mode = (how & 2) | ((how & 12) != 0 ? 1 : 0) | ((how & 13) == 13 ? 4 : 0);
      run.call(it.user, {.at = {},
                         .verb = Verb::publish,
                         .client = 0,
                         .context = inside ? Context::turn : Context::outside,
                         .a = chosen,
                         .b = size,
                         .c = mode});
      run.world_.after(it.random.duration(it.gap / 2, it.gap * 3 / 2), Tick{run, stream, channel});
    }
  };
  Tick{*this, stream, decision.c}();
}

void Run::stream_events(const Decision& decision, std::size_t number) {
  struct Stream {
    Random random;
    Instant end;
    Duration gap;
  };
  auto stream = std::make_shared<Stream>(Stream{Random(stream_seed(plan_.seed, "events", number)),
                                                world_.now() + milliseconds(decision.b), seconds(1'000) / decision.a});
  struct Tick {
    Run& run;
    std::shared_ptr<Stream> stream;
    std::int64_t channel;
    void operator()() {
      Stream& it = *stream;
      if (run.healed_ || run.world_.now() >= it.end) return;
      run.publish_event(it.random,
                        channel == kChannels ? static_cast<std::int64_t>(it.random.below(kChannels)) : channel);
      run.world_.after(it.random.duration(it.gap / 2, it.gap * 3 / 2), Tick{run, stream, channel});
    }
  };
  Tick{*this, stream, decision.c}();
}

void Run::publish_event(Random& random, std::int64_t channel) {
  EventRecord record;
  record.topic = static_cast<std::uint8_t>(channel * kTypes + static_cast<std::int64_t>(random.below(kTypes)));
  record.qos = random.chance(0.8) ? 1 : 0;
  record.has_id = random.chance(0.7);
  record.valid = !random.chance(0.02);
  record.twin = record.valid && random.chance(0.05);
  if (record.twin || !record.valid) record.has_id = false;
  record.trace = static_cast<std::uint8_t>(random.below(kTraces));
  const std::uint32_t number = judge_.new_event(record);
  std::string body = (record.valid ? "{\"n\":" : "broken ") + std::to_string(number);
  if (record.has_id) body += ",\"eventId\":\"e" + std::to_string(number) + '"';
  if (record.trace != 0) body += ",\"traceId\":\"trace" + std::to_string(record.trace) + '"';
  const auto filler = static_cast<std::size_t>(plan_.knob(WorldKnob::payload));
  body += ",\"payload\":{\"secret\":\"PAYLOADMARKER\"";
  if (filler != 0) body += ",\"x\":\"" + std::string(filler, 'x') + '"';
  body += "}}";
  judge_.set_body(number, body);
  judge_.owe(number);
  broker_.publish(Judge::topic(record.topic), body, record.qos, number);
  if (!record.twin) return;
  auto again = [this, record, body, number] {
    judge_.owe_twin(number);
    broker_.publish(Judge::topic(record.topic), body, record.qos, number | kTwinTag);
  };
  // At once, or later, so that a swap may come between; by the number, for no stream may shift by it.
  if (number % 3 == 0) return again();
  world_.after(milliseconds(20) * (1 + number % 25), again);
}

}  // namespace axonpush::sim
