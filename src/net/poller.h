// What a Reactor asks of the operating system: readiness, one timer, one way to be woken. One file per backend.
//
// Thread rule: the loop's thread, except wake(). Every descriptor is close-on-exec.
#pragma once

#include <axonpush/base/result.h>
#include <axonpush/base/time.h>
#include <axonpush/base/transport.h>
#include <axonpush/net/reactor.h>

namespace axonpush::inline v0::net {

// A descriptor is ready. `generation` is what add() was given: an event that was fetched before its descriptor was
// removed, closed and opened anew must not reach the new owner.
struct Readiness {
  int descriptor = -1;
  std::uint32_t generation = 0;
  Interest ready;
};

enum class WaitMode : std::uint8_t {
  no_wait,
  until_something
};

class Poller {
 public:
  // Events of one turn at most; the rest stays in the kernel, which is fair among descriptors.
  static constexpr std::size_t kBatch = 256;

  virtual ~Poller() = default;
  [[nodiscard]] virtual Status open() noexcept = 0;
  [[nodiscard]] virtual Status add(int descriptor, Interest interest, std::uint32_t generation) noexcept = 0;
  [[nodiscard]] virtual Status modify(int descriptor, Interest from, Interest to,
                                      std::uint32_t generation) noexcept = 0;
  virtual void remove(int descriptor, Interest interest) noexcept = 0;
  // The one timer, moved by each call; a loop with nothing to wait for lets it pass.
  virtual void arm(Instant at) noexcept = 0;
  // Fills `into` and answers how many. The timer and wake() end the wait and are not among them.
  [[nodiscard]] virtual std::size_t wait(std::span<Readiness, kBatch> into, WaitMode mode) noexcept = 0;
  virtual void wake() noexcept = 0;  // any thread
  [[nodiscard]] virtual int fd() const noexcept = 0;
  // This process is the child of a fork(), and only the destructor follows: nothing that is shared with the parent, or
  // that the child never had, may be touched there.
  virtual void disown() noexcept {}
  // A host's loop reports this descriptor: true when it is the backend's own.
  [[nodiscard]] virtual bool take_wake(int descriptor) noexcept {
    static_cast<void>(descriptor);
    return false;
  }

 protected:
  Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
};

// The platform's own backend; nullptr: no_memory.
[[nodiscard]] Poller* make_system_poller() noexcept;
[[nodiscard]] Poller* make_host_poller(HostLoop& loop) noexcept;
// Where there is kqueue, which includes the tests' shim of it.
[[nodiscard]] Poller* make_kqueue_poller() noexcept;
// Ends and frees a poller made by either, or by a test with allocate() and placement new.
void destroy_poller(Poller* poller) noexcept;

}  // namespace axonpush::inline v0::net
