// The reactor in a Boost.Asio io_context, in both ways: its one descriptor awaited, and every descriptor of it in the
// host's own loop. Built with AXONPUSH_TEST_PEERS.
#if defined(AXONPUSH_TEST_ASIO)

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>

#include "net/conversation.h"

namespace axonpush::net::test {
namespace {

namespace asio = boost::asio;
using Waits = asio::posix::descriptor_base::wait_type;

// What a host writes to carry a reactor in its io_context: await the one descriptor, process, await again.
class AsioReactor {
 public:
  explicit AsioReactor(asio::io_context& context) : descriptor_(context, reactor_.fd()) { await(); }
  AsioReactor(const AsioReactor&) = delete;
  AsioReactor& operator=(const AsioReactor&) = delete;
  ~AsioReactor() { descriptor_.release(); }  // it is the reactor's
  void stop() {
    stopped_ = true;
    descriptor_.cancel();
  }
  [[nodiscard]] Reactor& reactor() { return reactor_; }

 private:
  void await() {
    descriptor_.async_wait(Waits::wait_read, [this](const boost::system::error_code& failed) {
      if (failed) return;
      reactor_.process();
      if (!stopped_) await();
    });
  }
  Reactor reactor_;
  asio::posix::stream_descriptor descriptor_;
  bool stopped_ = false;
};

TEST(Asio, CarriesTheReactorsDescriptor) {
  asio::io_context context;
  AsioReactor host(context);
  Conversation conversation(host.reactor(), [&] { host.stop(); });
  context.run();
  EXPECT_EQ(conversation.received(), kConversationEvent);
}

// The other way. Asio's waits are one-shot, so each is renewed as long as its interest stands.
class AsioHost final : public HostLoop {
 public:
  explicit AsioHost(asio::io_context& context) : context_(context), timer_(context) {}
  void drive(Reactor& reactor) { reactor_ = &reactor; }

  Status add_descriptor(int descriptor, Interest interest) noexcept override {
    auto entry = std::make_shared<Entry>(context_, descriptor);
    entries_[descriptor] = entry;
    set(entry, interest);
    return {};
  }
  Status modify_descriptor(int descriptor, Interest interest) noexcept override {
    set(entries_.at(descriptor), interest);
    return {};
  }
  void remove_descriptor(int descriptor) noexcept override {
    const auto found = entries_.find(descriptor);
    found->second->interest = {};
    found->second->descriptor.release();  // cancels the waits and leaves the descriptor open
    entries_.erase(found);
  }
  void arm_timer(Instant at) noexcept override {
    timer_.cancel();
    if (at == Instant::never()) return;
    timer_.expires_after(std::chrono::nanoseconds((at - Reactor::clock()).nanoseconds()));
    timer_.async_wait([this](const boost::system::error_code& failed) {
      if (!failed) reactor_->process();
    });
  }

 private:
  struct Entry {
    Entry(asio::io_context& context, int number) : descriptor(context, number) {}
    asio::posix::stream_descriptor descriptor;
    Interest interest;
    bool waits_read = false;
    bool waits_write = false;
  };

  void set(const std::shared_ptr<Entry>& entry, Interest interest) {
    entry->interest = interest;
    if (interest.read && !entry->waits_read) wait(entry, Waits::wait_read);
    if (interest.write && !entry->waits_write) wait(entry, Waits::wait_write);
  }
  void wait(const std::shared_ptr<Entry>& entry, Waits what) {
    const bool read = what == Waits::wait_read;
    (read ? entry->waits_read : entry->waits_write) = true;
    entry->descriptor.async_wait(what, [this, entry, what, read](const boost::system::error_code& failed) {
      (read ? entry->waits_read : entry->waits_write) = false;
      if (failed || !(read ? entry->interest.read : entry->interest.write)) return;
      reactor_->ready(entry->descriptor.native_handle(), {.read = read, .write = !read});
      reactor_->process();
      if (read ? entry->interest.read && !entry->waits_read : entry->interest.write && !entry->waits_write) {
        wait(entry, what);
      }
    });
  }

  asio::io_context& context_;
  asio::steady_timer timer_;
  Reactor* reactor_ = nullptr;
  std::map<int, std::shared_ptr<Entry>> entries_;
};

TEST(Asio, CarriesEveryDescriptorItself) {
  asio::io_context context;
  AsioHost host(context);
  {
    Reactor reactor(host);
    host.drive(reactor);
    bool done = false;
    Conversation conversation(reactor, [&] { done = true; });
    while (!done) context.run_one();
    EXPECT_EQ(conversation.received(), kConversationEvent);
  }
  context.poll();
}

}  // namespace
}  // namespace axonpush::net::test

#endif
