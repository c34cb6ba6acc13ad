#include <axonpush/base/buffer.h>
#include <axonpush/base/secret.h>

#include <utility>

#include "base/alloc.h"

namespace axonpush::inline v0 {

Buffer::Buffer(Buffer&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      begin_(std::exchange(other.begin_, nullptr)),
      head_(std::exchange(other.head_, nullptr)),
      tail_(std::exchange(other.tail_, nullptr)),
      end_(std::exchange(other.end_, nullptr)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  reset();
  pool_ = std::exchange(other.pool_, nullptr);
  begin_ = std::exchange(other.begin_, nullptr);
  head_ = std::exchange(other.head_, nullptr);
  tail_ = std::exchange(other.tail_, nullptr);
  end_ = std::exchange(other.end_, nullptr);
  return *this;
}

void Buffer::reset() noexcept {
  if (begin_ == nullptr) return;
  pool_->give_back(begin_, capacity());
  pool_ = nullptr;
  begin_ = head_ = tail_ = end_ = nullptr;
}

void Buffer::compact() noexcept {
  const std::size_t kept = size();
  if (kept != 0 && head_ != begin_) std::memmove(begin_, head_, kept);
  head_ = begin_;
  tail_ = begin_ + kept;
}

void Buffer::wipe() noexcept {
  if (begin_ != nullptr) axonpush::wipe({begin_, capacity()});
}

void Buffer::wipe_filled() noexcept {
  if (begin_ != nullptr) axonpush::wipe({begin_, tail_});
}

BufferPool::~BufferPool() { trim(); }

Buffer BufferPool::take(std::size_t size, std::size_t headroom) noexcept {
  Buffer buffer;
  if (headroom > size) size = headroom;
  std::size_t capacity = size;
  std::uint8_t* memory = nullptr;
  for (std::size_t index = 0; index < kClassCount; ++index) {
    if (size > kClassBytes[index]) continue;
    capacity = kClassBytes[index];
    if (free_[index] != nullptr) {
      Free* first = free_[index];
      free_[index] = first->next;
      kept_bytes_ -= capacity;
      memory = reinterpret_cast<std::uint8_t*>(first);
    }
    break;
  }
  if (memory == nullptr) {
    if (capacity > SIZE_MAX - kReadSlackBytes) return buffer;
    memory = static_cast<std::uint8_t*>(allocate(capacity + kReadSlackBytes));
    if (memory == nullptr) return buffer;
    std::memset(memory + capacity, 0, kReadSlackBytes);
  }
  lent_bytes_ += capacity;
  buffer.pool_ = this;
  buffer.begin_ = memory;
  buffer.head_ = buffer.tail_ = memory + headroom;
  buffer.end_ = memory + capacity;
  return buffer;
}

void BufferPool::give_back(std::uint8_t* begin, std::size_t capacity) noexcept {
  lent_bytes_ -= capacity;
  for (std::size_t index = 0; index < kClassCount; ++index) {
    if (capacity != kClassBytes[index]) continue;
    if (kept_bytes_ + capacity > kept_bytes_max_) break;
    auto* freed = reinterpret_cast<Free*>(begin);
    freed->next = free_[index];
    free_[index] = freed;
    kept_bytes_ += capacity;
    return;
  }
  deallocate(begin, capacity + kReadSlackBytes);
}

void BufferPool::trim() noexcept {
  for (std::size_t index = 0; index < kClassCount; ++index) {
    while (free_[index] != nullptr) {
      Free* first = free_[index];
      free_[index] = first->next;
      deallocate(first, kClassBytes[index] + kReadSlackBytes);
    }
  }
  kept_bytes_ = 0;
}

}  // namespace axonpush::inline v0
