// Coroutines over Client and Realtime, for whoever prefers co_await to callbacks; co_stream.h has event streams.
// Nothing of the library uses this header, and who does not include it pays nothing for it.
//
//   co::Task<Status> run(Client& client) {
//     Result<Realtime> rt = co_await co::connect_realtime(client);
//     if (!rt.ok()) co_return rt.error();
//     auto ack = co_await co::publish(*rt, {.channel_id = "ch_1", .identifier = "hello", .payload = R"({"n":1})"});
//     if (!ack.ok()) co_return ack.error();
//     co_return co_await co::disconnect(*rt);
//   }
//   co::start(run(client), [&reactor](const Status& outcome) { reactor.stop(); });
//
// An operation (publish, subscribe, ...) starts when it is made, not when it is awaited: its arguments need to live for
// that call only, several can be under way at once, and one that nobody awaits still happens. Its object may not be
// moved and may die early; then nobody is told. Every operation that is awaited comes back exactly once: with the
// library's answer, or with `closed` when the client is destroyed meanwhile; coroutines are then resumed from within
// that destruction.
//
// Where coroutines run: on the loop's thread, inside the loop turn that brought what they waited for, like callbacks,
// and with the same freedoms. Exceptions may be on or off. A coroutine frame comes from operator new: where that fails
// it throws std::bad_alloc, or ends the program where exceptions are off.
// What owns something and is given to an operation has a name: see SafeTemporary below.
#pragma once

#include <axonpush/client.h>

#include <concepts>
#include <coroutine>
#include <new>
#include <optional>
#include <utility>
#if defined(__cpp_exceptions)
#include <exception>
#endif

namespace axonpush::inline v0::co {

// Told apart as in base/callback.h, so that a program mixed of both modes keeps the one-definition rule.
#if defined(__cpp_exceptions)
inline namespace exceptions_on {
#else
inline namespace exceptions_off {
#endif

// --- Operations

namespace detail {

template <class Told>
class Waker;

// g++ 12 copies a temporary that is made in a co_await expression by a list in braces or as a closure byte by byte into
// the coroutine's frame, and then destroys both. Where nothing is owned, that does no harm; where something is, it has
// to have a name before the expression begins (an EventCallback, or the callable itself). The rule holds with every
// compiler, so that what builds with one works with all.
template <class Callable>
concept SafeTemporary = std::is_lvalue_reference_v<Callable> || std::same_as<Callable, EventCallback> ||
    std::is_trivially_destructible_v<Callable> || requires {
  typename Callable::MadeByFunction;
};

// The waiting half of an operation; the Waker in the library's hands is the other. Each knows where the other is, so
// either may die first.
template <class Told>
class Pending {
 public:
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  [[nodiscard]] bool await_ready() const noexcept { return told_.has_value(); }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }

 protected:
  Pending() noexcept = default;
  // `start` is given the Waker and answers a Status: what is refused at once is the outcome.
  template <class Start>
  void begin(Start&& start) {
    const Status started = start(Waker<Told>(*this));
    if (!started.ok()) {
      told_.emplace(started.error());
    } else if constexpr (std::is_same_v<Told, Status>) {
      // Accepted, and let go within the call: disconnect on what has been over for long. That is done, not failed.
      if (told_.has_value()) told_.emplace();
    }
  }
  ~Pending() {
    if (waker_ != nullptr) waker_->pending_ = nullptr;
  }
  [[nodiscard]] Told& told() noexcept { return *told_; }

 private:
  friend class Waker<Told>;
  void settle(Told told) {
    waker_ = nullptr;
    told_.emplace(std::move(told));
    if (const auto waiting = std::exchange(waiting_, nullptr)) waiting.resume();
  }

  Waker<Told>* waker_ = nullptr;
  std::coroutine_handle<> waiting_;
  std::optional<Told> told_;
};

// The completion that the library holds.
template <class Told>
class Waker {
 public:
  explicit Waker(Pending<Told>& pending) noexcept : pending_(&pending) { pending.waker_ = this; }
  Waker(Waker&& other) noexcept : pending_(std::exchange(other.pending_, nullptr)) {
    if (pending_ != nullptr) pending_->waker_ = this;
  }
  Waker& operator=(Waker&&) = delete;
  // Let go without a word: the client has been destroyed, or the call was refused.
  ~Waker() {
    if (pending_ != nullptr) {
      std::exchange(pending_, nullptr)->settle(Error(Errc::closed, "the client was destroyed"));
    }
  }
  void operator()(const Told& told) {
    if (pending_ != nullptr) std::exchange(pending_, nullptr)->settle(told);
  }

 private:
  friend class Pending<Told>;
  Pending<Told>* pending_;
};

}  // namespace detail

// What publish, unsubscribe, connect_realtime and disconnect give: `T outcome = co_await operation`.
template <class T>
class [[nodiscard]] Operation : public detail::Pending<T> {
 public:
  template <class Start>
  explicit Operation(Start&& start) {
    this->begin(std::forward<Start>(start));
  }
  [[nodiscard]] T await_resume() noexcept { return std::move(this->told()); }
};

[[nodiscard]] inline Operation<Result<Realtime>> connect_realtime(Client& client) {
  return Operation<Result<Realtime>>([&](detail::Waker<Result<Realtime>> waker) {
    return client.connect_realtime(RealtimeOptions{}, std::move(waker));
  });
}
// `co_await connect_realtime(client, std::move(options))`.
template <std::same_as<RealtimeOptions> Options>
[[nodiscard]] Operation<Result<Realtime>> connect_realtime(Client& client, Options&& options) {
  return Operation<Result<Realtime>>([&](detail::Waker<Result<Realtime>> waker) {
    return client.connect_realtime(std::move(options), std::move(waker));
  });
}

// Message, with the payload as JSON text: it owns nothing, so a list in braces may stand in a co_await expression.
struct TextMessage {
  std::string_view channel_id = {};  // required
  std::string_view app_id = {};
  std::string_view identifier = {};  // required
  std::string_view payload = {};     // the text of a JSON object, required
  std::string_view agent_id = {};
  std::string_view trace_id = {};
  std::string_view event_type = {};
  std::string_view environment = {};
};

// As Realtime::publish: comes back with PUBACK at QoS 1, when handed to the transport at QoS 0. A Message has to have a
// name.
template <class Named>
requires std::same_as<std::remove_const_t<Named>, Message>
[[nodiscard]] Operation<Result<Published>> publish(Realtime& session, Named& message, PublishOptions options = {}) {
  return Operation<Result<Published>>(
      [&](detail::Waker<Result<Published>> waker) { return session.publish(message, std::move(waker), options); });
}
[[nodiscard]] inline Operation<Result<Published>> publish(Realtime& session, const TextMessage& text,
                                                          PublishOptions options = {}) {
  const Message message{.channel_id = text.channel_id,
                        .app_id = text.app_id,
                        .identifier = text.identifier,
                        .payload = Payload::borrowed(text.payload),
                        .agent_id = text.agent_id,
                        .trace_id = text.trace_id,
                        .event_type = text.event_type,
                        .environment = text.environment};
  return publish(session, message, options);
}
[[nodiscard]] inline Operation<Result<Published>> publish_raw(Realtime& session, const RawMessage& message,
                                                              PublishOptions options = {}) {
  return Operation<Result<Published>>(
      [&](detail::Waker<Result<Published>> waker) { return session.publish_raw(message, std::move(waker), options); });
}

// Comes back when the broker has confirmed.
[[nodiscard]] inline Operation<Status> unsubscribe(Realtime& session, Subscription subscription) {
  return Operation<Status>(
      [&](detail::Waker<Status> waker) { return session.unsubscribe(subscription, std::move(waker)); });
}
[[nodiscard]] inline Operation<Status> unsubscribe(Realtime& session, const SubscribeFilter& filter) {
  return Operation<Status>([&](detail::Waker<Status> waker) { return session.unsubscribe(filter, std::move(waker)); });
}

// Comes back when everything has been drained and closed.
[[nodiscard]] inline Operation<Status> disconnect(Realtime& session) {
  return Operation<Status>([&](detail::Waker<Status> waker) { return session.disconnect(std::move(waker)); });
}

enum class Body : std::uint8_t {
  json,
  raw
};

// `Result<Subscription> outcome = co_await subscribe(...)`: comes back when the broker has granted the filter, or not.
class [[nodiscard]] SubscribeOperation : public detail::Pending<Status> {
 public:
  SubscribeOperation(Realtime& session, const SubscribeFilter& filter, EventCallback callback, Body body) {
    begin([&](detail::Waker<Status> waker) -> Status {
      const Result<Subscription> made = body == Body::json
                                            ? session.subscribe(filter, std::move(callback), std::move(waker))
                                            : session.subscribe_raw(filter, std::move(callback), std::move(waker));
      if (!made.ok()) return made.error();
      subscription_ = *made;
      return {};
    });
  }
  [[nodiscard]] Result<Subscription> await_resume() noexcept {
    if (!told().ok()) return told().error();
    return subscription_;
  }
  // At once, whatever the broker says later.
  [[nodiscard]] Subscription subscription() const noexcept { return subscription_; }

 private:
  Subscription subscription_;
};

template <detail::SafeTemporary Callable>
[[nodiscard]] SubscribeOperation subscribe(Realtime& session, const SubscribeFilter& filter, Callable&& callback) {
  return SubscribeOperation(session, filter, EventCallback(std::forward<Callable>(callback)), Body::json);
}
template <detail::SafeTemporary Callable>
[[nodiscard]] SubscribeOperation subscribe_raw(Realtime& session, const SubscribeFilter& filter, Callable&& callback) {
  return SubscribeOperation(session, filter, EventCallback(std::forward<Callable>(callback)), Body::raw);
}

// --- Tasks

template <class T = void>
class Task;

namespace detail {

// Does a T say by itself that it failed?
template <class T>
inline constexpr bool kTellsFailure = false;
template <class T>
inline constexpr bool kTellsFailure<Result<T>> = true;

#if defined(__cpp_exceptions)
[[nodiscard]] inline Error failure_of(const std::exception_ptr& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& exception) {
    return Error(Errc::callback_threw, "a coroutine threw").with_words({.message = exception.what()});
  } catch (...) {
    return Error(Errc::callback_threw, "a coroutine threw").with_words({.message = "unknown exception"});
  }
}
#endif

class PromiseBase {
 public:
  struct Final {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> done) noexcept {
      return done.promise().continuation_;
    }
    void await_resume() const noexcept {}
  };
  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
  [[nodiscard]] Final final_suspend() const noexcept { return {}; }
  void continue_with(std::coroutine_handle<> continuation) noexcept { continuation_ = continuation; }
#if defined(__cpp_exceptions)
  void unhandled_exception() noexcept { thrown_ = std::current_exception(); }
  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }
  [[nodiscard]] Status thrown() const noexcept { return thrown_ ? Status(failure_of(thrown_)) : Status(); }

 private:
  std::exception_ptr thrown_;
#else
  [[noreturn]] void unhandled_exception() const noexcept { __builtin_trap(); }
  void rethrow() const noexcept {}
  [[nodiscard]] Status thrown() const noexcept { return {}; }
#endif
  std::coroutine_handle<> continuation_ = std::noop_coroutine();
};

template <class T>
class Promise : public PromiseBase {
 public:
  [[nodiscard]] Task<T> get_return_object() noexcept;
  template <class Value>
  requires(std::is_convertible_v<Value&&, T>) void return_value(Value&& value) {
    value_.emplace(std::forward<Value>(value));
  }
  [[nodiscard]] T take() {
    rethrow();
    return std::move(*value_);
  }
  [[nodiscard]] Status outcome() const noexcept {
    Status outcome = thrown();
    if constexpr (kTellsFailure<T>) {
      if (outcome.ok() && !value_->ok()) outcome = value_->error();
    }
    return outcome;
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseBase {
 public:
  [[nodiscard]] Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const { rethrow(); }
  [[nodiscard]] Status outcome() const noexcept { return thrown(); }
};

}  // namespace detail

// What a coroutine of the user's returns. It begins when it is awaited (or given to start), runs to its end once, and
// is destroyed with its Task. It failed when an exception left it, or when its Status or Result says so.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // The task's value, or what it threw.
  [[nodiscard]] auto operator co_await() && noexcept {
    struct Awaiter : Wait {
      [[nodiscard]] T await_resume() { return this->handle.promise().take(); }
    };
    return Awaiter{{handle_}};
  }
  // `Status outcome = co_await std::move(task).outcome()`: never throws.
  [[nodiscard]] auto outcome() && noexcept {
    struct Awaiter : Wait {
      [[nodiscard]] Status await_resume() noexcept { return this->handle.promise().outcome(); }
    };
    return Awaiter{{handle_}};
  }

 private:
  struct Wait {
    std::coroutine_handle<promise_type> handle;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) noexcept {
      handle.promise().continue_with(waiting);
      return handle;
    }
  };
  std::coroutine_handle<promise_type> handle_;
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

// A coroutine that owns itself: it begins at once and its frame goes when it ends.
struct Detached {
  struct promise_type {
    [[nodiscard]] Detached get_return_object() const noexcept { return {}; }
    [[nodiscard]] std::suspend_never initial_suspend() const noexcept { return {}; }
    [[nodiscard]] std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    // Nothing in the coroutines below throws once their frame exists.
    [[noreturn]] void unhandled_exception() const noexcept { __builtin_trap(); }
  };
};

template <class T>
Detached run_detached(Task<T> task, Completion done) {
  const Status outcome = co_await std::move(task).outcome();
  CallFailure failure;
  static_cast<void>(done(failure, outcome));
}

}  // namespace detail

// Runs a task by itself, from now on. `done` is told how it ended; what `done` itself throws is lost.
template <class T>
void start(Task<T> task, Completion done = {}) {
  static_cast<void>(detail::run_detached(std::move(task), std::move(done)));
}
// The same; a failure is reported through the session's on_error.
template <class T>
void start(Task<T> task, Realtime session) {
  start(std::move(task), [session = std::move(session)](const Status& outcome) mutable {
    if (!outcome.ok()) session.report(outcome.error());
  });
}

// --- Coroutines as event callbacks

namespace detail {

// The callable lives in this frame, so that what it captured outlives the subscription for as long as the coroutine
// runs.
template <class Make>
Detached run_callback(Realtime session, Make make, OwnedEvent event) {
  Status outcome;
#if defined(__cpp_exceptions)
  std::optional<std::invoke_result_t<Make&, OwnedEvent>> task;
  try {
    task.emplace(make(std::move(event)));
  } catch (...) {
    outcome = failure_of(std::current_exception());
  }
  if (task.has_value()) outcome = co_await std::move(*task).outcome();
#else
  outcome = co_await make(std::move(event)).outcome();
#endif
  if (!outcome.ok()) session.report(outcome.error());
}

template <class Make>
class CoroutineCallback {
 public:
  using MadeByFunction = void;
  CoroutineCallback(Realtime session, Make make) : session_(std::move(session)), make_(std::move(make)) {}
  void operator()(const Event& event) {
    Result<OwnedEvent> owned = event.own();
    if (!owned.ok()) return session_.report(owned.error());
    static_cast<void>(run_callback(session_, make_, std::move(*owned)));
  }

 private:
  Realtime session_;
  Make make_;
};

}  // namespace detail

// An event callback made of a coroutine: `make(OwnedEvent)` answers a Task, one for each event; several of them may be
// under way at once. A task that fails is reported through the session's on_error. `make` is copied for each event.
//
//   rt.subscribe({.channel_id = "ch_1"}, co::callback(rt, [](OwnedEvent event) -> co::Task<Status> { ... }));
template <detail::SafeTemporary Make>
[[nodiscard]] auto callback(const Realtime& session, Make&& make) {
  return detail::CoroutineCallback<std::decay_t<Make>>(session, std::forward<Make>(make));
}

}  // inline namespace of the exception mode

}  // namespace axonpush::inline v0::co
