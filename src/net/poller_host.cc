// The backend that has no descriptors of its own but the wake: everything is registered with the host's loop.
#include <cerrno>

#include "net/descriptor.h"
#include "net/heap.h"
#include "net/poller.h"
#include "net/system_error.h"

namespace axonpush::inline v0::net {

namespace {

class HostPoller final : public Poller {
 public:
  explicit HostPoller(HostLoop& loop) noexcept : loop_(loop) {}
  ~HostPoller() override {
    if (registered_) loop_.remove_descriptor(wake_.fd());
  }
  Status open() noexcept override {
    if (!wake_.open()) return system_error(errno, "an event descriptor could not be opened");
    Status added = loop_.add_descriptor(wake_.fd(), {.read = true, .write = false});
    registered_ = added.ok();
    return added;
  }
  Status add(int descriptor, Interest interest, std::uint32_t) noexcept override {
    return loop_.add_descriptor(descriptor, interest);
  }
  Status modify(int descriptor, Interest, Interest to, std::uint32_t) noexcept override {
    return loop_.modify_descriptor(descriptor, to);
  }
  void remove(int descriptor, Interest) noexcept override { loop_.remove_descriptor(descriptor); }
  void arm(Instant at) noexcept override { loop_.arm_timer(at); }
  std::size_t wait(std::span<Readiness, kBatch>, WaitMode) noexcept override {
    // The host's set is level-triggered, so the wake has to be read. Only after one: reading costs a system call.
    if (wake_ready_) wake_.drain();
    wake_ready_ = false;
    return 0;
  }
  void wake() noexcept override { wake_.wake(); }
  int fd() const noexcept override { return -1; }
  // The host's own set may be one that parent and child share, as epoll's is: taking the wake off it would deafen the
  // parent.
  void disown() noexcept override { registered_ = false; }
  bool take_wake(int descriptor) noexcept override {
    if (descriptor != wake_.fd()) return false;
    wake_ready_ = true;
    return true;
  }

 private:
  HostLoop& loop_;
  WakeDescriptor wake_;
  bool registered_ = false;
  bool wake_ready_ = false;
};

}  // namespace

Poller* make_host_poller(HostLoop& loop) noexcept { return make<HostPoller>(loop); }

}  // namespace axonpush::inline v0::net
