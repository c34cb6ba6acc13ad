// Owners of descriptors, and the few calls that differ between systems. Everything opened here is close-on-exec and
// non-blocking.
#pragma once

#include <axonpush/base/result.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#if defined(__linux__)
#include <sys/eventfd.h>
#endif

namespace axonpush::inline v0::net {

class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
  // close() is not repeated after EINTR: the number is free by then on every system here, and may be somebody else's.
  void reset() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_ = -1;
};

// For systems without SOCK_CLOEXEC and its kin. A fork between open and this call leaks the descriptor to the child;
// those systems have nothing better.
inline bool make_private(int descriptor) noexcept {
  const int flags = ::fcntl(descriptor, F_GETFL);
  return flags >= 0 && ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 &&
         ::fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

// Something another thread can make readable: an eventfd, or a pipe where there is none.
class WakeDescriptor {
 public:
  // errno tells why not.
  [[nodiscard]] bool open() noexcept {
#if defined(__linux__)
    read_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return static_cast<bool>(read_);
#else
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) return false;
    read_ = Descriptor(ends[0]);
    write_ = Descriptor(ends[1]);
    return make_private(ends[0]) && make_private(ends[1]);
#endif
  }
  [[nodiscard]] int fd() const noexcept { return read_.get(); }
  // A full pipe or counter is readable already, so that EAGAIN needs no handling.
  void wake() noexcept {
    const std::uint64_t one = 1;
#if defined(__linux__)
    const int target = read_.get();
#else
    const int target = write_.get();
#endif
    while (::write(target, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }
  void drain() noexcept {
    std::uint8_t bytes[512];
    for (;;) {
      const ssize_t got = ::read(read_.get(), bytes, sizeof bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got < static_cast<ssize_t>(sizeof bytes)) return;
    }
  }

 private:
  Descriptor read_;
#if !defined(__linux__)
  Descriptor write_;
#endif
};

}  // namespace axonpush::inline v0::net
