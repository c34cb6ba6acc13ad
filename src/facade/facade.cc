// AxonPush and RealtimeClient: each call is done on the loop's thread and waited for.
#include <axonpush/axonpush.h>

#include <new>
#include <utility>

#include "base/alloc.h"
#include "facade/facade_core.h"

namespace axonpush::inline v0 {

namespace {

Error ended() noexcept { return Error(Errc::closed, "the client has ended"); }
Error gone() noexcept { return Error(Errc::closed, "there is no session"); }
Error deadlock() noexcept {
  return Error(Errc::would_deadlock, "this call waits for the loop's thread and was made on it, inside a callback");
}

// A message whose texts are its own, and its completion: publish_async hands both to the loop's thread.
struct AsyncPublish {
  Message message;
  PublishCompletion done;
  std::size_t size = 0;
  unsigned holders = 0;

  [[nodiscard]] static AsyncPublish* make(const Message& from, PublishCompletion done) noexcept {
    const std::string_view texts[] = {from.channel_id, from.app_id,   from.identifier, from.payload.json(),
                                      from.agent_id,   from.trace_id, from.event_type, from.environment};
    std::size_t size = sizeof(AsyncPublish);
    for (const std::string_view text : texts) size += text.size();
    void* memory = allocate(size);
    if (memory == nullptr) return nullptr;
    auto* made = ::new (memory) AsyncPublish;
    made->size = size;
    made->done = std::move(done);
    char* into = static_cast<char*>(memory) + sizeof(AsyncPublish);
    const auto keep = [&into](std::string_view text) {
      const std::string_view kept(into, text.size());
      if (!text.empty()) std::memcpy(into, text.data(), text.size());
      into += text.size();
      return kept;
    };
    made->message.channel_id = keep(from.channel_id);
    made->message.app_id = keep(from.app_id);
    made->message.identifier = keep(from.identifier);
    made->message.payload = Payload::borrowed(keep(from.payload.json()));
    made->message.agent_id = keep(from.agent_id);
    made->message.trace_id = keep(from.trace_id);
    made->message.event_type = keep(from.event_type);
    made->message.environment = keep(from.environment);
    return made;
  }
};

// A share in one, of the task that carries it and of the completion that the session keeps: it goes with the last of
// them, called or dropped. One thread at a time has them.
class AsyncHold {
 public:
  explicit AsyncHold(AsyncPublish* job) noexcept : job_(job) {
    if (job_ != nullptr) ++job_->holders;
  }
  AsyncHold(AsyncHold&& other) noexcept : job_(std::exchange(other.job_, nullptr)) {}
  AsyncHold& operator=(AsyncHold&&) = delete;
  AsyncHold(const AsyncHold&) = delete;
  AsyncHold& operator=(const AsyncHold&) = delete;
  ~AsyncHold() {
    if (job_ == nullptr || --job_->holders != 0) return;
    const std::size_t size = job_->size;
    job_->~AsyncPublish();
    deallocate(job_, size);
  }
  [[nodiscard]] explicit operator bool() const noexcept { return job_ != nullptr; }
  [[nodiscard]] AsyncHold another() const noexcept { return AsyncHold(job_); }
  [[nodiscard]] const Message& message() const noexcept { return job_->message; }
  void finish(const Result<Published>& outcome) noexcept {
    CallFailure failure;
    static_cast<void>(job_->done(failure, outcome));
  }

 private:
  AsyncPublish* job_;
};

// Calls the function on the loop's thread and gives its answer back; on the loop's thread itself, at once. `start` gets
// the session and a completion that ends the wait.
template <class Start>
Status run_status(FacadeCore* core, std::uint64_t session, Start&& start) noexcept {
  if (core == nullptr) return gone();
  if (core->on_loop()) {
    Realtime live = core->session_of(session);
    return start(live, Completion{});
  }
  Status outcome;
  const auto task = [&](FacadeWait& wait) {
    Realtime live = core->session_of(session);
    const Status started = start(live, [core, &wait, &outcome](const Status& status) {
      outcome = status;
      core->finish(wait);
    });
    if (started.ok()) return;
    outcome = started;
    core->finish(wait);
  };
  return core->run_and_wait(task) ? outcome : Status(ended());
}

// The same for calls that answer at once.
template <class T, class Ask>
Result<T> run_ask(FacadeCore* core, std::uint64_t session, Ask&& ask) noexcept {
  if (core == nullptr) return gone();
  if (core->on_loop()) {
    Realtime live = core->session_of(session);
    return ask(live);
  }
  Result<T> outcome = ended();
  const auto task = [&](FacadeWait& wait) {
    Realtime live = core->session_of(session);
    outcome = ask(live);
    core->finish(wait);
  };
  if (!core->run_and_wait(task)) return ended();
  return outcome;
}

template <class Start>
Result<Published> run_publish(FacadeCore* core, std::uint64_t session, Start&& start) noexcept {
  if (core == nullptr) return gone();
  if (core->on_loop()) {
    Realtime live = core->session_of(session);
    const Status started = start(live, PublishCompletion{});
    return started.ok() ? Result<Published>(Published{}) : Result<Published>(started.error());
  }
  Result<Published> outcome = ended();
  const auto task = [&](FacadeWait& wait) {
    Realtime live = core->session_of(session);
    const Status started = start(live, [core, &wait, &outcome](const Result<Published>& published) {
      outcome = published;
      core->finish(wait);
    });
    if (started.ok()) return;
    outcome = started.error();
    core->finish(wait);
  };
  if (!core->run_and_wait(task)) return ended();
  return outcome;
}

enum class Body : std::uint8_t {
  json,
  raw
};

Result<Subscription> subscribe_on(FacadeCore* core, std::uint64_t session, const SubscribeFilter& filter,
                                  EventCallback callback, Body body) noexcept {
  Result<Subscription> made = gone();
  const Status status = run_status(core, session, [&](Realtime& live, Completion done) -> Status {
    made = body == Body::json ? live.subscribe(filter, std::move(callback), std::move(done))
                              : live.subscribe_raw(filter, std::move(callback), std::move(done));
    return made.ok() ? Status{} : Status(made.error());
  });
  if (!status.ok()) return status.error();
  return made;
}

}  // namespace

// --- RealtimeClient

RealtimeClient::RealtimeClient(FacadeCore* core, std::uint64_t session) noexcept : core_(core), session_(session) {
  if (core_ != nullptr) core_->retain();
}
RealtimeClient::RealtimeClient(const RealtimeClient& other) noexcept : RealtimeClient(other.core_, other.session_) {}
RealtimeClient::RealtimeClient(RealtimeClient&& other) noexcept
    : core_(std::exchange(other.core_, nullptr)), session_(std::exchange(other.session_, 0)) {}
RealtimeClient& RealtimeClient::operator=(RealtimeClient other) noexcept {
  std::swap(core_, other.core_);
  std::swap(session_, other.session_);
  return *this;
}
RealtimeClient::~RealtimeClient() {
  if (core_ != nullptr) core_->release();
}

Result<Subscription> RealtimeClient::subscribe(const SubscribeFilter& filter, EventCallback callback) noexcept {
  return subscribe_on(core_, session_, filter, std::move(callback), Body::json);
}

Result<Subscription> RealtimeClient::subscribe_raw(const SubscribeFilter& filter, EventCallback callback) noexcept {
  return subscribe_on(core_, session_, filter, std::move(callback), Body::raw);
}

Status RealtimeClient::unsubscribe(Subscription subscription) noexcept {
  return run_status(core_, session_, [subscription](Realtime& live, Completion done) {
    return live.unsubscribe(subscription, std::move(done));
  });
}

Status RealtimeClient::unsubscribe(const SubscribeFilter& filter) noexcept {
  return run_status(core_, session_,
                    [&filter](Realtime& live, Completion done) { return live.unsubscribe(filter, std::move(done)); });
}

Result<EventHandler> RealtimeClient::on_event(EventCallback callback) noexcept {
  return run_ask<EventHandler>(core_, session_,
                               [&callback](Realtime& live) { return live.on_event(std::move(callback)); });
}

Status RealtimeClient::off_event(EventHandler handler) noexcept {
  const Result<bool> off = run_ask<bool>(core_, session_, [handler](Realtime& live) -> Result<bool> {
    const Status status = live.off_event(handler);
    return status.ok() ? Result<bool>(true) : Result<bool>(status.error());
  });
  return off.ok() ? Status{} : Status(off.error());
}

Result<Published> RealtimeClient::publish(const Message& message, PublishOptions options) noexcept {
  return run_publish(core_, session_, [&message, options](Realtime& live, PublishCompletion done) {
    return live.publish(message, std::move(done), options);
  });
}

Result<Published> RealtimeClient::publish_raw(const RawMessage& message, PublishOptions options) noexcept {
  return run_publish(core_, session_, [&message, options](Realtime& live, PublishCompletion done) {
    return live.publish_raw(message, std::move(done), options);
  });
}

Status RealtimeClient::publish_async(const Message& message, PublishCompletion done, PublishOptions options) noexcept {
  if (core_ == nullptr) return gone();
  if (core_->on_loop()) return core_->session_of(session_).publish(message, std::move(done), options);
  if (message.payload.error()) return message.payload.error();
  AsyncHold job(AsyncPublish::make(message, std::move(done)));
  if (!job) return Error(Errc::no_memory, "no memory for a publish");
  return core_->post([core = core_, session = session_, job = std::move(job), options]() mutable {
    Realtime live = core->session_of(session);
    const Status accepted = live.publish(
        job.message(), [mine = job.another()](const Result<Published>& outcome) mutable { mine.finish(outcome); },
        options);
    if (!accepted.ok()) job.finish(accepted.error());
  });
}

Status RealtimeClient::disconnect() noexcept {
  return run_status(core_, session_, [this](Realtime& live, Completion done) -> Status {
    if (live.session() == session_) return live.disconnect(std::move(done));
    // CONTRACT 3: idempotent; a session that another has followed is over.
    CallFailure failure;
    if (done) static_cast<void>(done(failure, Status()));
    return {};
  });
}

Status RealtimeClient::wait(Duration timeout) noexcept {
  if (core_ == nullptr) return gone();
  if (core_->on_loop()) return deadlock();
  switch (core_->wait_for_end(session_, timeout)) {
    case FacadeCore::Waited::timed_out:
      return Error(Errc::ack_timeout, "the session was still alive when the time to wait was over");
    case FacadeCore::Waited::done:
    case FacadeCore::Waited::ended:
      break;
  }
  return {};
}

ConnectionState RealtimeClient::state() const noexcept {
  const Result<ConnectionState> answer =
      run_ask<ConnectionState>(core_, session_, [](Realtime& live) { return Result<ConnectionState>(live.state()); });
  return answer.ok() ? *answer : ConnectionState::closed;
}

Stats RealtimeClient::stats() const noexcept {
  const Result<Stats> answer =
      run_ask<Stats>(core_, session_, [](Realtime& live) { return Result<Stats>(live.stats()); });
  return answer.ok() ? *answer : Stats{};
}

bool RealtimeClient::latency(LatencyStats& into) const noexcept {
  const Result<bool> answer = run_ask<bool>(core_, session_, [&into](Realtime& live) {
    const LatencyStats* histograms = live.latency();
    if (histograms != nullptr) into = *histograms;
    return Result<bool>(histograms != nullptr);
  });
  return answer.ok() && *answer;
}

// --- AxonPush

AxonPush::AxonPush(ClientOptions options) noexcept { core_ = FacadeCore::create(std::move(options), error_); }

AxonPush::~AxonPush() {
  if (core_ == nullptr) return;
  core_->shut_down();
  core_->release();
}

const Error& AxonPush::error() const noexcept { return error_; }

Result<RealtimeClient> AxonPush::connect_realtime(RealtimeOptions options) noexcept {
  if (error_) return error_;
  if (core_->on_loop()) return deadlock();
  Result<RealtimeClient> outcome = ended();
  const auto task = [&](FacadeWait& wait) {
    const Status started = core_->connect(std::move(options), [&, this](const Result<Realtime>& connected) {
      outcome = connected.ok() ? Result<RealtimeClient>(RealtimeClient(core_, connected->session()))
                               : Result<RealtimeClient>(connected.error());
      core_->finish(wait);
    });
    if (started.ok()) return;
    outcome = started.error();
    core_->finish(wait);
  };
  if (!core_->run_and_wait(task)) return ended();
  return outcome;
}

}  // namespace axonpush::inline v0
