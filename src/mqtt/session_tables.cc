#include <axonpush/mqtt/session_tables.h>

#include "base/assert.h"

namespace axonpush::inline v0::mqtt::detail {

// How many ids on from `packet_id` the first one with a free slot is; kSlotCount when none is free. kSlotCount divides
// 65,536, so an id that wraps keeps its slot.
unsigned FlightTable::steps_to_free(std::uint16_t packet_id) const noexcept {
  const std::size_t word = std::size_t{packet_id} % kSlotCount / 64;
  const unsigned bit = packet_id % 64U;
  const std::uint64_t ahead = ~used_[word] >> bit;
  if (ahead != 0) return static_cast<unsigned>(__builtin_ctzll(ahead));
  const std::uint64_t other = ~used_[word ^ 1U];
  if (other != 0) return 64 - bit + static_cast<unsigned>(__builtin_ctzll(other));
  const std::uint64_t behind = ~used_[word];
  return behind == 0 ? kSlotCount : 128 - bit + static_cast<unsigned>(__builtin_ctzll(behind));
}

std::uint16_t FlightTable::take(FlightKind kind, FlightList list) noexcept {
  unsigned steps = steps_to_free(next_id_);
  if (steps == kSlotCount) return 0;
  auto packet_id = static_cast<std::uint16_t>(next_id_ + steps);
  if (packet_id == 0) [[unlikely]] {
    // [MQTT-2.2.1-3]: never 0. Should slot 0 be the only free one, its next id is kSlotCount.
    steps = steps_to_free(1);
    packet_id = static_cast<std::uint16_t>(1 + steps);
  }
  next_id_ = packet_id == 0xFFFF ? std::uint16_t{1} : static_cast<std::uint16_t>(packet_id + 1);
  Flight& flight = slots_[packet_id % kSlotCount];
  AXONPUSH_ASSERT(packet_id != 0);
  AXONPUSH_ASSERT(flight.kind == FlightKind::none);
  flight = Flight{};
  flight.packet_id = packet_id;
  flight.kind = kind;
  link(flight, list);
  return packet_id;
}

bool FlightTable::insert(const Flight& flight) noexcept {
  Flight& into = slots_[slot_of(flight)];
  if (into.kind != FlightKind::none) return false;
  into = flight;
  link(into, flight.list);
  return true;
}

void FlightTable::remove(Flight& flight) noexcept {
  AXONPUSH_ASSERT(flight.kind != FlightKind::none);
  unlink(flight);
  const std::uint8_t slot = slot_of(flight);
  used_[slot / 64] &= ~(std::uint64_t{1} << slot % 64);
  flight.kind = FlightKind::none;
}

void FlightTable::move(Flight& flight, FlightList list) noexcept {
  unlink(flight);
  link(flight, list);
}

void FlightTable::link(Flight& flight, FlightList list) noexcept {
  Ends& ends_of_list = ends(list);
  const std::uint8_t slot = slot_of(flight);
  used_[slot / 64] |= std::uint64_t{1} << slot % 64;
  flight.list = list;
  flight.previous = ends_of_list.last;
  flight.next = kEnd;
  (ends_of_list.last == kEnd ? ends_of_list.first : slots_[ends_of_list.last].next) = slot;
  ends_of_list.last = slot;
  ++ends_of_list.count;
}

void FlightTable::unlink(const Flight& flight) noexcept {
  Ends& ends_of_list = ends(flight.list);
  const std::uint8_t slot = slot_of(flight);
  if (ends_of_list.unsent == slot) ends_of_list.unsent = flight.next;
  if (ends_of_list.due == slot) ends_of_list.due = flight.next == ends_of_list.unsent ? kEnd : flight.next;
  (flight.previous == kEnd ? ends_of_list.first : slots_[flight.previous].next) = flight.next;
  (flight.next == kEnd ? ends_of_list.last : slots_[flight.next].previous) = flight.previous;
  AXONPUSH_ASSERT(ends_of_list.count != 0);
  --ends_of_list.count;
}

Inbound* InboundTable::find_further(std::uint16_t packet_id) noexcept {
  std::size_t slot = packet_id % kSlotCount;
  for (std::size_t steps = 0;; ++steps, slot = (slot + 1) % kSlotCount) {
    Inbound& entry = slots_[slot];
    // kCapacity < kSlotCount: an empty slot always ends the search.
    if (entry.packet_id == 0 || distance(slot, entry.packet_id) < steps) return nullptr;
    if (entry.packet_id == packet_id) return &entry;
  }
}

bool InboundTable::insert_further(const Inbound& entry) noexcept {
  AXONPUSH_ASSERT(entry.packet_id != 0);
  if (size_ == kCapacity) return false;
  ++size_;
  Inbound carried = entry;
  std::size_t slot = carried.packet_id % kSlotCount;
  for (std::size_t steps = 0;; ++steps, slot = (slot + 1) % kSlotCount) {
    Inbound& here = slots_[slot];
    if (here.packet_id == 0) {
      here = carried;
      return true;
    }
    const std::size_t steps_here = distance(slot, here.packet_id);
    if (steps_here < steps) {
      const Inbound displaced = here;
      here = carried;
      carried = displaced;
      steps = steps_here;
    }
  }
}

void InboundTable::remove(const Inbound& entry) noexcept {
  auto slot = static_cast<std::size_t>(&entry - slots_);
  for (;;) {
    const std::size_t next = (slot + 1) % kSlotCount;
    // Whoever is empty or at home ends the run.
    if (slots_[next].packet_id == 0 || distance(next, slots_[next].packet_id) == 0) break;
    slots_[slot] = slots_[next];
    slot = next;
  }
  slots_[slot] = Inbound{};
  --size_;
}

void InboundTable::clear() noexcept {
  if (size_ == 0) return;
  for (Inbound& entry : slots_) entry = Inbound{};
  size_ = 0;
}

void InboundTable::keep_session_state() noexcept {
  if (size_ == 0) return;
  InboundTable kept;
  kept.take_session_state(*this);
  *this = kept;
}

void InboundTable::take_session_state(InboundTable& other) noexcept {
  for (Inbound& entry : other.slots_) {
    if (entry.packet_id == 0 || entry.qos != Qos::exactly_once || find(entry.packet_id) != nullptr) continue;
    static_cast<void>(
        insert({.packet_id = entry.packet_id, .qos = Qos::exactly_once, .state = InboundState::received}));
  }
  other.clear();
}

}  // namespace axonpush::inline v0::mqtt::detail
