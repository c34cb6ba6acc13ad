// A copy of some bytes whose end lies flush against a page that may not be touched: one byte read past it ends the
// program, with or without a sanitizer.
#pragma once

#include <axonpush/base/bytes.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

namespace axonpush::test {

class GuardedBytes {
 public:
  explicit GuardedBytes(std::size_t size_max)
      : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))), room_((size_max / page_ + 1) * page_) {
    void* memory = mmap(nullptr, room_ + page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    begin_ = static_cast<std::uint8_t*>(memory);
    if (mprotect(begin_ + room_, page_, PROT_NONE) != 0) std::abort();
  }
  ~GuardedBytes() { munmap(begin_, room_ + page_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  // The last size bytes in front of the guard page, filled with `from`.
  Bytes hold(Bytes from) {
    if (from.size() > room_) std::abort();
    std::uint8_t* at = begin_ + room_ - from.size();
    if (!from.empty()) std::memcpy(at, from.data(), from.size());
    return {at, from.size()};
  }
  // The same bytes to be written to.
  MutableBytes last(std::size_t size) {
    if (size > room_) std::abort();
    return {begin_ + room_ - size, size};
  }

 private:
  std::size_t page_;
  std::size_t room_;
  std::uint8_t* begin_ = nullptr;
};

}  // namespace axonpush::test
