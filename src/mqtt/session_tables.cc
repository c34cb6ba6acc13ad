#include <axonpush/mqtt/session_tables.h>

#include "base/assert.h"

namespace axonpush::inline v0::mqtt::detail {

std::uint16_t FlightTable::take(FlightKind kind, FlightList list) noexcept {
  const std::uint64_t free[2] = {~used_[0], ~used_[1]};
  std::uint16_t packet_id = next_id_;
  // Two rounds at most: the second one only when the free slot is slot 0 and the id for it would be 0.
  for (int round = 0;; ++round) {
    const std::size_t word = std::size_t{packet_id} % kSlotCount / 64;
    const unsigned bit = packet_id % 64;
    const std::uint64_t ahead = free[word] >> bit;
    const std::uint64_t other = free[word ^ 1];
    unsigned steps = 0;
    if (ahead != 0) {
      steps = static_cast<unsigned>(__builtin_ctzll(ahead));
    } else if (other != 0) {
      steps = 64 - bit + static_cast<unsigned>(__builtin_ctzll(other));
    } else if (free[word] != 0) {
      steps = 128 - bit + static_cast<unsigned>(__builtin_ctzll(free[word]));
    } else {
      return 0;
    }
    // kSlotCount divides 65,536, so an id that wraps keeps its slot.
    packet_id = static_cast<std::uint16_t>(packet_id + steps);
    // [MQTT-2.2.1-3]: never 0.
    if (packet_id != 0) break;
    AXONPUSH_ASSERT(round == 0);
    packet_id = 1;
  }
  next_id_ = packet_id == 0xFFFF ? std::uint16_t{1} : static_cast<std::uint16_t>(packet_id + 1);
  Flight& flight = slots_[packet_id % kSlotCount];
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

Inbound* InboundTable::find(std::uint16_t packet_id) noexcept {
  std::size_t slot = packet_id % kSlotCount;
  for (std::size_t steps = 0;; ++steps, slot = (slot + 1) % kSlotCount) {
    Inbound& entry = slots_[slot];
    if (entry.packet_id == packet_id) return entry.packet_id == 0 ? nullptr : &entry;
    // kCapacity < kSlotCount: an empty slot always ends the search.
    if (entry.packet_id == 0 || distance(slot, entry.packet_id) < steps) return nullptr;
  }
}

bool InboundTable::insert(const Inbound& entry) noexcept {
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
