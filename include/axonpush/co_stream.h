// Event streams: a subscription that is awaited, event by event, with a buffer of bounded size between.
//
//   Result<co::EventStream> stream = co_await co::events(rt, {.channel_id = "ch_1"});
//   if (!stream.ok()) co_return stream.error();
//   while (std::optional<OwnedEvent> event = co_await stream->next()) { ... }
//
// PUBACK goes out when an event is in the buffer, not when it was taken: a consumer that is too slow loses events,
// which are counted. Thread rule: the loop's thread. Lifetime: as of co.h; a stream may die in any state.
#pragma once

#include <axonpush/co.h>

namespace axonpush::inline v0::co {

#if defined(__cpp_exceptions)
inline namespace exceptions_on {
#else
inline namespace exceptions_off {
#endif

inline constexpr std::size_t kStreamCapacity = 256;  // about 5 KiB an event, and its body
inline constexpr std::size_t kStreamCapacityMax = 65'536;

struct StreamOptions {
  enum class Overflow : std::uint8_t {
    drop_oldest,
    drop_newest
  };
  std::size_t capacity = kStreamCapacity;     // events that wait to be taken; 1 to kStreamCapacityMax
  Overflow overflow = Overflow::drop_oldest;  // what goes when one more comes; counted in EventStream::dropped()
  Body body = Body::json;                     // raw: every body, unread
};

namespace detail {

// The ring between the library's callback and whoever awaits. Kept alive by both, counted; one thread.
class StreamState {
 public:
  [[nodiscard]] static StreamState* create(const StreamOptions& options) noexcept {
    auto* ring = new (std::nothrow) std::optional<OwnedEvent>[options.capacity];
    if (ring == nullptr) return nullptr;
    auto* state = new (std::nothrow) StreamState(options, ring);
    if (state == nullptr) delete[] ring;
    return state;
  }
  void retain() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }

  void push(const Event& event) {
    Result<OwnedEvent> owned = event.own();
    const bool full = size_ == options_.capacity;
    if (full || !owned.ok()) ++dropped_;
    if (!owned.ok() || (full && options_.overflow == StreamOptions::Overflow::drop_newest)) return;
    if (full) static_cast<void>(take());
    ring_[(first_ + size_) % options_.capacity].emplace(std::move(*owned));
    ++size_;
    wake();
  }
  void end() {
    ended_ = true;
    wake();
  }
  [[nodiscard]] std::optional<OwnedEvent> take() noexcept {
    if (size_ == 0) return std::nullopt;
    std::optional<OwnedEvent> event = std::move(ring_[first_]);
    ring_[first_].reset();
    first_ = (first_ + 1) % options_.capacity;
    --size_;
    return event;
  }
  [[nodiscard]] bool ready() const noexcept { return size_ != 0 || ended_; }
  // False when somebody waits already.
  [[nodiscard]] bool wait(std::coroutine_handle<> waiting) noexcept {
    if (waiting_) return false;
    waiting_ = waiting;
    return true;
  }
  void give_up(std::coroutine_handle<> waiting) noexcept {
    if (waiting_ == waiting) waiting_ = nullptr;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  StreamState(const StreamOptions& options, std::optional<OwnedEvent>* ring) noexcept
      : options_(options), ring_(ring) {}
  ~StreamState() { delete[] ring_; }
  void wake() {
    if (const auto waiting = std::exchange(waiting_, nullptr)) waiting.resume();
  }

  StreamOptions options_;
  std::optional<OwnedEvent>* ring_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint32_t references_ = 1;
  bool ended_ = false;
  std::coroutine_handle<> waiting_;
};

// A counted reference.
class StreamReference {
 public:
  StreamReference() noexcept = default;
  explicit StreamReference(StreamState* adopted) noexcept : state_(adopted) {}
  StreamReference(const StreamReference& other) noexcept : state_(other.state_) {
    if (state_ != nullptr) state_->retain();
  }
  StreamReference(StreamReference&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  StreamReference& operator=(StreamReference other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~StreamReference() {
    if (state_ != nullptr) state_->release();
  }
  [[nodiscard]] StreamState* operator->() const noexcept { return state_; }
  [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  StreamState* state_ = nullptr;
};

// The event callback that the library holds. The library lets go of it when the subscription is over, whatever ended
// it, and that ends the stream.
class StreamSink {
 public:
  explicit StreamSink(StreamReference state) noexcept : state_(std::move(state)) {}
  StreamSink(StreamSink&&) noexcept = default;
  StreamSink& operator=(StreamSink&&) = delete;
  ~StreamSink() {
    if (state_) state_->end();
  }
  void operator()(const Event& event) { state_->push(event); }

 private:
  StreamReference state_;
};

}  // namespace detail

// The events of one filter, in order, in a buffer of bounded size. Taken off when it is destroyed.
class EventStream {
 public:
  // `std::optional<OwnedEvent> event = co_await stream.next()`: nothing when the stream has ended (closed, the session
  // disconnected, the filter lost, the client destroyed) and its buffer is empty. One coroutine at a time may wait; a
  // second one gets nothing at once.
  [[nodiscard]] auto next() noexcept {
    class Next {
     public:
      explicit Next(detail::StreamReference state) noexcept : state_(std::move(state)) {}
      Next(const Next&) = delete;
      Next& operator=(const Next&) = delete;
      ~Next() {
        if (waiting_) state_->give_up(waiting_);
      }
      [[nodiscard]] bool await_ready() const noexcept { return state_->ready(); }
      [[nodiscard]] bool await_suspend(std::coroutine_handle<> waiting) noexcept {
        if (!state_->wait(waiting)) return false;
        waiting_ = waiting;
        return true;
      }
      [[nodiscard]] std::optional<OwnedEvent> await_resume() noexcept { return state_->take(); }

     private:
      detail::StreamReference state_;
      std::coroutine_handle<> waiting_;
    };
    return Next(state_);
  }
  // Unsubscribes. What waits in the buffer can still be taken.
  void close() noexcept { subscription_.reset(); }
  [[nodiscard]] std::size_t size() const noexcept { return state_->size(); }
  [[nodiscard]] std::uint64_t dropped() const noexcept { return state_->dropped(); }

 private:
  friend class StreamOperation;
  EventStream(detail::StreamReference state, ScopedSubscription subscription) noexcept
      : state_(std::move(state)), subscription_(std::move(subscription)) {}
  detail::StreamReference state_;
  ScopedSubscription subscription_;
};

// `Result<EventStream> stream = co_await events(...)`: comes back when the broker has granted the filter, or not.
class [[nodiscard]] StreamOperation : public detail::Pending<Status> {
 public:
  StreamOperation(Realtime& session, const SubscribeFilter& filter, const StreamOptions& options) {
    begin([&](detail::Waker<Status> waker) -> Status {
      if (options.capacity == 0 || options.capacity > kStreamCapacityMax) {
        return Error(Errc::invalid_argument, "the capacity of an event stream is 1 to 65,536");
      }
      state_ = detail::StreamReference(detail::StreamState::create(options));
      if (!state_) return Error(Errc::no_memory, "no memory for an event stream");
      const Result<Subscription> made =
          options.body == Body::json ? session.subscribe(filter, detail::StreamSink(state_), std::move(waker))
                                     : session.subscribe_raw(filter, detail::StreamSink(state_), std::move(waker));
      if (!made.ok()) return made.error();
      subscription_ = ScopedSubscription(session, *made);
      return {};
    });
  }
  [[nodiscard]] Result<EventStream> await_resume() noexcept {
    if (!told().ok()) return told().error();
    return EventStream(std::move(state_), std::move(subscription_));
  }

 private:
  detail::StreamReference state_;
  ScopedSubscription subscription_;
};

[[nodiscard]] inline StreamOperation events(Realtime& session, const SubscribeFilter& filter,
                                            const StreamOptions& options = {}) {
  return StreamOperation(session, filter, options);
}

}  // inline namespace of the exception mode

}  // namespace axonpush::inline v0::co
