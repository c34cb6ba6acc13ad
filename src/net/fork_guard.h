// Tells the child of a fork() from its parent: a page that the kernel wipes in the child (Linux), or the process id.
#pragma once

#include <axonpush/base/bytes.h>

#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

namespace axonpush::inline v0::net {

class ForkGuard {
 public:
  ForkGuard() noexcept : owner_(::getpid()) {
#if defined(MADV_WIPEONFORK)
    const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* page = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    if (::madvise(page, bytes, MADV_WIPEONFORK) != 0) {
      ::munmap(page, bytes);
      return;
    }
    mark_ = static_cast<std::uint32_t*>(page);
    page_bytes_ = bytes;
    *mark_ = kMark;
#endif
  }
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;
  ~ForkGuard() {
    if (mark_ != nullptr) ::munmap(mark_, page_bytes_);
  }

  // One load where the kernel helps, one system call elsewhere.
  [[nodiscard]] bool forked() const noexcept {
    return mark_ != nullptr ? *static_cast<const volatile std::uint32_t*>(mark_) != kMark : ::getpid() != owner_;
  }

 private:
  static constexpr std::uint32_t kMark = 0x61786f6e;
  std::uint32_t* mark_ = nullptr;
  std::size_t page_bytes_ = 0;
  pid_t owner_;
};

}  // namespace axonpush::inline v0::net
