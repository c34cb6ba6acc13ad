// The reactor in a libuv loop, in both ways: its one descriptor watched by a uv_poll_t, and every descriptor of it in
// the host's own loop. Built with AXONPUSH_TEST_PEERS.
#if defined(AXONPUSH_TEST_LIBUV)

#include <uv.h>

#include <map>

#include "net/conversation.h"

namespace axonpush::net::test {
namespace {

// What a host writes to carry a reactor in its uv_loop_t: one watcher on the reactor's one descriptor. The reactor's
// timer is behind that descriptor, too.
class UvReactor {
 public:
  explicit UvReactor(uv_loop_t* loop) {
    EXPECT_EQ(uv_poll_init(loop, &poll_, reactor_.fd()), 0);
    poll_.data = this;
    EXPECT_EQ(uv_poll_start(&poll_, UV_READABLE,
                            [](uv_poll_t* poll, int, int) { static_cast<UvReactor*>(poll->data)->reactor_.process(); }),
              0);
  }
  void close() { uv_close(reinterpret_cast<uv_handle_t*>(&poll_), nullptr); }
  [[nodiscard]] Reactor& reactor() { return reactor_; }

 private:
  Reactor reactor_;
  uv_poll_t poll_ = {};
};

TEST(Libuv, CarriesTheReactorsDescriptor) {
  uv_loop_t loop;
  ASSERT_EQ(uv_loop_init(&loop), 0);
  {
    UvReactor host(&loop);
    Conversation conversation(host.reactor(), [&] { host.close(); });
    uv_run(&loop, UV_RUN_DEFAULT);
    EXPECT_EQ(conversation.received(), kConversationEvent);
  }
  EXPECT_EQ(uv_loop_close(&loop), 0);
}

// The other way: each descriptor is a handle of the host's, and so is the timer.
class UvHost final : public HostLoop {
 public:
  explicit UvHost(uv_loop_t* loop) : loop_(loop) {
    uv_timer_init(loop_, &timer_);
    timer_.data = this;
  }
  void drive(Reactor& reactor) { reactor_ = &reactor; }
  void close() { uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr); }

  Status add_descriptor(int descriptor, Interest interest) noexcept override {
    auto* handle = new uv_poll_t{};
    handle->data = this;
    if (uv_poll_init(loop_, handle, descriptor) != 0) {
      delete handle;
      return Error(Errc::internal, "libuv refused a descriptor");
    }
    handles_[descriptor] = handle;
    return modify_descriptor(descriptor, interest);
  }
  Status modify_descriptor(int descriptor, Interest interest) noexcept override {
    const int events = (interest.read ? UV_READABLE : 0) | (interest.write ? UV_WRITABLE : 0);
    uv_poll_t* handle = handles_.at(descriptor);
    if (events == 0) {
      uv_poll_stop(handle);
    } else {
      uv_poll_start(handle, events, &UvHost::on_poll);
    }
    return {};
  }
  void remove_descriptor(int descriptor) noexcept override {
    const auto found = handles_.find(descriptor);
    uv_poll_stop(found->second);
    uv_close(reinterpret_cast<uv_handle_t*>(found->second),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
    handles_.erase(found);
  }
  void arm_timer(Instant at) noexcept override {
    uv_timer_stop(&timer_);
    if (at == Instant::never()) return;
    const std::int64_t left = (at - Reactor::clock()).nanoseconds();
    const auto milliseconds = left <= 0 ? 0U : static_cast<std::uint64_t>((left + 999'999) / 1'000'000);
    uv_timer_start(
        &timer_, [](uv_timer_t* timer) { static_cast<UvHost*>(timer->data)->reactor_->process(); }, milliseconds, 0);
  }

 private:
  static void on_poll(uv_poll_t* handle, int status, int events) {
    auto* host = static_cast<UvHost*>(handle->data);
    int descriptor = -1;
    uv_fileno(reinterpret_cast<uv_handle_t*>(handle), &descriptor);
    // libuv stops a handle whose descriptor failed; both directions find out why.
    const Interest ready = status != 0
                               ? Interest{.read = true, .write = true}
                               : Interest{.read = (events & UV_READABLE) != 0, .write = (events & UV_WRITABLE) != 0};
    host->reactor_->ready(descriptor, ready);
    host->reactor_->process();
  }

  uv_loop_t* loop_;
  uv_timer_t timer_ = {};
  Reactor* reactor_ = nullptr;
  std::map<int, uv_poll_t*> handles_;
};

TEST(Libuv, CarriesEveryDescriptorItself) {
  uv_loop_t loop;
  ASSERT_EQ(uv_loop_init(&loop), 0);
  UvHost host(&loop);
  {
    Reactor reactor(host);
    host.drive(reactor);
    bool done = false;
    Conversation conversation(reactor, [&] { done = true; });
    while (!done) uv_run(&loop, UV_RUN_ONCE);
    EXPECT_EQ(conversation.received(), kConversationEvent);
  }
  host.close();
  uv_run(&loop, UV_RUN_DEFAULT);
  EXPECT_EQ(uv_loop_close(&loop), 0);
}

}  // namespace
}  // namespace axonpush::net::test

#endif
