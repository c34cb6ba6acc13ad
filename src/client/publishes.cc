#include "client/publishes.h"

#include <utility>

namespace axonpush::inline v0 {

Status Publishes::check_room(std::size_t bytes) const noexcept {
  if (entries_.size() >= count_max_) {
    return Error(Errc::queue_full, "the publish queue holds as many messages as it may");
  }
  if (bytes_ + bytes > bytes_max_) return Error(Errc::queue_full, "the publish queue holds as many bytes as it may");
  return {};
}

std::uint32_t Publishes::add(Buffer packet, PublishCompletion done) noexcept {
  const std::uint32_t token = entries_.add();
  if (token == kNoSlot) return token;
  bytes_ += packet.size();
  entries_[token].packet = std::move(packet);
  entries_[token].done = std::move(done);
  return token;
}

void Publishes::release(std::uint32_t token) noexcept {
  AXONPUSH_ASSERT(entries_[token].place != Place::waiting);
  bytes_ -= entries_[token].packet.size();
  entries_.release(token);
}

void Publishes::enqueue_back(std::uint32_t token) noexcept {
  Entry& entry = entries_[token];
  entry.place = Place::waiting;
  entry.previous = tail_;
  entry.next = kNoSlot;
  (tail_ == kNoSlot ? head_ : entries_[tail_].next) = token;
  tail_ = token;
  ++waiting_;
}

void Publishes::enqueue_front(std::uint32_t token) noexcept {
  Entry& entry = entries_[token];
  entry.place = Place::waiting;
  entry.previous = kNoSlot;
  entry.next = head_;
  (head_ == kNoSlot ? tail_ : entries_[head_].previous) = token;
  head_ = token;
  ++waiting_;
}

void Publishes::dequeue_front() noexcept {
  Entry& entry = entries_[head_];
  AXONPUSH_ASSERT(entry.place == Place::waiting);
  head_ = entry.next;
  (head_ == kNoSlot ? tail_ : entries_[head_].previous) = kNoSlot;
  entry.next = entry.previous = kNoSlot;
  entry.place = Place::nowhere;
  --waiting_;
}

}  // namespace axonpush::inline v0
