// A byte buffer with headroom, and the pool of fixed size classes it comes from.
//
// Invariant: begin <= head <= tail <= end. [head, tail) is what is in it, [tail, end) is free for reading into,
// [begin, head) is the headroom in which headers are written backwards in front of what was serialised forwards.
// kReadSlackBytes behind `end` are readable (their content means nothing), for decoders that load whole vectors.
//
// Thread rule: a pool and its buffers belong to one thread. Lifetime: buffers are given back before the pool dies.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0 {

inline constexpr std::size_t kReadSlackBytes = 64;

class BufferPool;

class Buffer {
 public:
  Buffer() noexcept = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { reset(); }

  // False for a buffer that holds no memory: the heap was exhausted, or it was reset.
  [[nodiscard]] explicit operator bool() const noexcept { return begin_ != nullptr; }
  // Gives the memory back to its pool.
  void reset() noexcept;

  [[nodiscard]] MutableBytes readable() noexcept { return {head_, tail_}; }
  [[nodiscard]] Bytes readable() const noexcept { return {head_, tail_}; }
  [[nodiscard]] MutableBytes writable() noexcept { return {tail_, end_}; }
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(tail_ - head_); }
  [[nodiscard]] std::size_t headroom() const noexcept { return static_cast<std::size_t>(head_ - begin_); }
  [[nodiscard]] std::size_t room() const noexcept { return static_cast<std::size_t>(end_ - tail_); }
  [[nodiscard]] std::size_t capacity() const noexcept { return static_cast<std::size_t>(end_ - begin_); }

  // size <= size(): bytes leave at the front.
  void consume(std::size_t size) noexcept { head_ += size; }
  // size <= room(): bytes written into writable() become content.
  void commit(std::size_t size) noexcept { tail_ += size; }
  // size <= headroom(): the content grows at the front; the caller fills [head, head + size).
  std::uint8_t* prepend(std::size_t size) noexcept {
    head_ -= size;
    return head_;
  }
  // size <= size(): drops bytes at the back.
  void truncate(std::size_t size) noexcept { tail_ = head_ + size; }
  // Empties it, leaving `headroom` bytes in front. headroom <= capacity().
  void clear(std::size_t headroom = 0) noexcept {
    head_ = begin_ + headroom;
    tail_ = head_;
  }
  // Moves the content down to begin, so that all free room lies behind it.
  void compact() noexcept;
  // Overwrites the whole memory; for buffers that carried secrets.
  void wipe() noexcept;
  // The same of what lies before the tail. Nothing else was ever written when each byte written was committed and the
  // content was not moved, truncated or cleared since: a large buffer of which little was used stays untouched.
  void wipe_filled() noexcept;

 private:
  friend class BufferPool;
  BufferPool* pool_ = nullptr;
  std::uint8_t* begin_ = nullptr;
  std::uint8_t* head_ = nullptr;
  std::uint8_t* tail_ = nullptr;
  std::uint8_t* end_ = nullptr;
};

// Buffers of fixed size classes. What comes back is kept for the next taker, up to kept_bytes_max in all; past that it
// goes back to the heap.
class BufferPool {
 public:
  static constexpr std::size_t kClassCount = 5;
  // 1 KiB: a small publish. 4 KiB: control traffic. 20 KiB: a TLS record and its overhead. 68 KiB: the receive buffer.
  // 272 KiB: Maximum Packet Size announced (256 KiB) and its headers.
  static constexpr std::size_t kClassBytes[kClassCount] = {1024, 4096, 20 * 1024, 68 * 1024, 272 * 1024};

  explicit BufferPool(std::size_t kept_bytes_max = 1024 * 1024) noexcept : kept_bytes_max_(kept_bytes_max) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  // A buffer of at least `size` bytes with head = tail = begin + headroom (headroom counts into size). Sizes over
  // the largest class come from the heap as they are. Empty when the heap is exhausted.
  [[nodiscard]] Buffer take(std::size_t size, std::size_t headroom = 0) noexcept;
  // Gives everything kept back to the heap.
  void trim() noexcept;
  [[nodiscard]] std::size_t kept_bytes() const noexcept { return kept_bytes_; }
  [[nodiscard]] std::size_t lent_bytes() const noexcept { return lent_bytes_; }

 private:
  friend class Buffer;
  struct Free {
    Free* next;
  };
  void give_back(std::uint8_t* begin, std::size_t capacity) noexcept;

  std::size_t kept_bytes_max_;
  std::size_t kept_bytes_ = 0;
  std::size_t lent_bytes_ = 0;
  Free* free_[kClassCount] = {};
};

}  // namespace axonpush::inline v0
