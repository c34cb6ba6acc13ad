// The publishes a session has accepted and not yet completed: a bounded table, a queue of those that wait for a
// connection or for quota, and the kept packets of those in flight.
//
// A token is an index of the table; it is what mqtt::Session carries for us. Every accepted publish is completed
// exactly once (FAULTS I-01). Who calls it: ClientCore. Thread rule: the loop's thread.
#pragma once

#include <axonpush/base/buffer.h>
#include <axonpush/client.h>

#include "base/slots.h"

namespace axonpush::inline v0 {

class Publishes {
 public:
  enum class Place : std::uint8_t {
    nowhere,    // being written. next: waiting, in_flight, written
    waiting,    // in the queue. next: in_flight, written
    in_flight,  // QoS 1, written; its PUBACK is awaited. next: waiting (the session is gone), abandoned
    written,    // QoS 0, in the cork; completes when the cork has gone
    abandoned,  // completed with ack_timeout; the token is released when the session lets go of it
  };

  struct Entry {
    Buffer packet;  // the whole MQTT packet, unmasked
    PublishCompletion done;
    Error failure;  // to be told in the next turn
    Instant accepted_at;
    std::uint64_t written_number = 0;  // written: the how-many-eth of its connection
    std::uint32_t next = kNoSlot;
    std::uint32_t previous = kNoSlot;
    std::uint32_t id_offset = 0;  // where the packet id stands in `packet`; 0 at QoS 0
    Place place = Place::nowhere;
    Qos qos = Qos::at_most_once;
    std::uint8_t connection = 0;  // written: in which connection's cork
  };

  void set_limits(std::uint32_t count_max, std::uint32_t bytes_max) noexcept {
    count_max_ = count_max;
    bytes_max_ = bytes_max;
  }

  // queue_full, by count or by bytes.
  [[nodiscard]] Status check_room(std::size_t bytes) const noexcept;
  // Takes the packet (which may be empty) and the completion over. kNoSlot: the heap is exhausted or the table full.
  [[nodiscard]] std::uint32_t add(Buffer packet, PublishCompletion done) noexcept;
  [[nodiscard]] Entry& operator[](std::uint32_t token) noexcept { return entries_[token]; }
  void release(std::uint32_t token) noexcept;

  // The queue. What a lost connection left goes to the front, because it was accepted first.
  void enqueue_back(std::uint32_t token) noexcept;
  void enqueue_front(std::uint32_t token) noexcept;
  [[nodiscard]] std::uint32_t front() const noexcept { return head_; }
  void dequeue_front() noexcept;

  [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_; }
  [[nodiscard]] std::uint32_t pending() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t pending_bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint32_t next(std::uint32_t token) const noexcept { return entries_.next(token); }

 private:
  // 4,096 in all: the ceiling of publish_queue_count and of what is in flight together.
  Slots<Entry, 64, 64> entries_;
  std::uint32_t head_ = kNoSlot;
  std::uint32_t tail_ = kNoSlot;
  std::uint32_t waiting_ = 0;
  std::size_t bytes_ = 0;
  std::uint32_t count_max_ = limits::kPublishQueueCount;
  std::uint32_t bytes_max_ = limits::kPublishQueueBytes;
};

}  // namespace axonpush::inline v0
