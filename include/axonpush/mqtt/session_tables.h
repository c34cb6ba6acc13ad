// The tables of an MQTT session: what is in flight out, what came in and is not answered, the topic aliases. All of a
// fixed size and in place; every look-up is O(1) or bounded by a handful of steps, whatever the peer sends.
//
// Only mqtt/session.h uses them. Thread rule: the session's thread.
#pragma once

#include <axonpush/base/time.h>
#include <axonpush/limits.h>
#include <axonpush/mqtt/reason.h>

namespace axonpush::inline v0::mqtt::detail {

struct Violation;  // a broken rule; src/mqtt/session_violations.h has them all

// What waits for an answer of the server. A packet id lives in slot id mod kSlotCount and nowhere else: so an id is
// found by one index, and two operations in flight can never share one ([MQTT-2.2.1-3], [MQTT-2.2.1-6]).
enum class FlightKind : std::uint8_t {
  none,
  publish,
  subscribe,
  unsubscribe
};
enum class FlightList : std::uint8_t {
  publishes,
  releases,
  requests
};  // the index into FlightTable::lists_
inline constexpr std::size_t kFlightListCount = 3;

struct Flight {
  Instant sent_at;  // on this connection: the answer's deadline counts from here
  std::uint32_t token = 0;
  std::uint16_t packet_id = 0;
  FlightKind kind = FlightKind::none;
  FlightList list = FlightList::publishes;
  Qos qos = Qos::at_most_once;  // of a PUBLISH, or the highest one a SUBSCRIBE asked for
  std::uint8_t filter_count = 0;
  bool counted = false;       // a PUBLISH of this connection: it holds one unit of the send quota (MQTT 5 4.9)
  std::uint8_t previous = 0;  // neighbours in the list; FlightTable::kEnd at its ends
  std::uint8_t next = 0;
};

class FlightTable {
 public:
  static constexpr std::uint8_t kSlotCount = 128;
  static constexpr std::uint8_t kEnd = 0xFF;
  static_assert((kSlotCount & (kSlotCount - 1)) == 0 && kSlotCount > limits::kMqttInflightOut);

  // The flight with that id, or nullptr.
  [[nodiscard]] Flight* find(std::uint16_t packet_id) noexcept {
    Flight& flight = slots_[packet_id % kSlotCount];
    return flight.kind != FlightKind::none && flight.packet_id == packet_id ? &flight : nullptr;
  }
  // The next id that is free, its slot taken and put at its list's tail; 0 when no slot is free.
  [[nodiscard]] std::uint16_t take(FlightKind kind, FlightList list) noexcept;
  // A copy of `flight` under its own id, at the tail of its list. False when its slot holds another.
  [[nodiscard]] bool insert(const Flight& flight) noexcept;
  void remove(Flight& flight) noexcept;
  // To the tail of another list.
  void move(Flight& flight, FlightList list) noexcept;

  [[nodiscard]] Flight* first(FlightList list) noexcept { return at(ends(list).first); }
  [[nodiscard]] Flight* after(const Flight& flight) noexcept { return at(flight.next); }
  [[nodiscard]] std::uint8_t count(FlightList list) const noexcept { return ends(list).count; }
  [[nodiscard]] Flight* at(std::uint8_t slot) noexcept { return slot == kEnd ? nullptr : &slots_[slot]; }
  [[nodiscard]] const Flight& operator[](std::uint8_t slot) const noexcept { return slots_[slot]; }
  [[nodiscard]] std::uint8_t slot_of(const Flight& flight) const noexcept {
    return static_cast<std::uint8_t>(flight.packet_id % kSlotCount);
  }

  // Two cursors for each list that removals keep valid. `unsent`: the first flight that has yet to go out again on this
  // connection. `due`: the first sent one whose deadline has not been reported. kEnd: none.
  struct Ends {
    std::uint8_t first = kEnd;
    std::uint8_t last = kEnd;
    std::uint8_t unsent = kEnd;
    std::uint8_t due = kEnd;
    std::uint8_t count = 0;
  };
  [[nodiscard]] Ends& ends(FlightList list) noexcept { return lists_[static_cast<std::size_t>(list)]; }
  [[nodiscard]] const Ends& ends(FlightList list) const noexcept { return lists_[static_cast<std::size_t>(list)]; }

 private:
  [[nodiscard]] unsigned steps_to_free(std::uint16_t packet_id) const noexcept;
  void link(Flight& flight, FlightList list) noexcept;
  void unlink(const Flight& flight) noexcept;

  Flight slots_[kSlotCount];
  std::uint64_t used_[kSlotCount / 64] = {};  // bit n: slot n holds a flight
  Ends lists_[kFlightListCount];
  std::uint16_t next_id_ = 1;
};

// Incoming PUBLISH packets at QoS 1 and 2 that are not finished, by packet id: open addressing with Robin Hood order,
// so that a look-up stops at the first richer neighbour and a removal leaves no tombstone. Ids count upwards in
// practice, hence the identity as hash; ids chosen to collide cost kInboundMax steps, no more.
enum class InboundState : std::uint8_t {
  delivered,  // handed out; acknowledge() is awaited
  received,   // QoS 2: PUBREC is out, PUBREL is awaited. Session state: outlives the connection
};

struct Inbound {
  std::uint16_t packet_id = 0;  // 0: the slot is empty
  Qos qos = Qos::at_most_once;
  InboundState state = InboundState::delivered;
  std::uint8_t deliveries = 0;  // QoS 1: how many acknowledgements are owed under this id
  bool counted = false;         // QoS 2: holds one unit of our Receive Maximum on this connection
};

class InboundTable {
 public:
  static constexpr std::size_t kCapacity = 128;  // entries; the largest Receive Maximum a session announces
  static constexpr std::size_t kSlotCount = 256;
  static_assert(kCapacity * 2 <= kSlotCount && kCapacity < 0xFF);

  [[nodiscard]] Inbound* find(std::uint16_t packet_id) noexcept {
    Inbound& home = slots_[packet_id % kSlotCount];
    if (home.packet_id == 0) return nullptr;
    return home.packet_id == packet_id ? &home : find_further(packet_id);
  }
  // Not in the table yet; false when the table is full.
  [[nodiscard]] bool insert(const Inbound& entry) noexcept {
    Inbound& home = slots_[entry.packet_id % kSlotCount];
    if (home.packet_id != 0 || size_ == kCapacity) return insert_further(entry);
    home = entry;
    ++size_;
    return true;
  }
  void remove(const Inbound& entry) noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  void clear() noexcept;
  // What survives a connection: QoS 2 ids, all of them `received` and none counted.
  void keep_session_state() noexcept;
  // The session state of `other` moves here, as far as there is room; `other` is empty of it afterwards.
  void take_session_state(InboundTable& other) noexcept;

 private:
  [[nodiscard]] static std::size_t distance(std::size_t slot, std::uint16_t packet_id) noexcept {
    return (slot - packet_id) % kSlotCount;
  }
  [[nodiscard]] Inbound* find_further(std::uint16_t packet_id) noexcept;
  [[nodiscard]] bool insert_further(const Inbound& entry) noexcept;
  Inbound slots_[kSlotCount];
  std::size_t size_ = 0;
};

// Topic aliases of one connection and one direction. Topics are kept whole, because an alias mixed up would deliver an
// event under another's name; one that is longer than kTopicBytes is not kept.
inline constexpr std::size_t kAliasTopicBytes = limits::kTopicOutBytes;

struct AliasedTopic {
  std::uint16_t size = 0;
  bool bound = false;
  bool oversize = false;  // bound by the server to a topic we cannot keep
  char text[kAliasTopicBytes];
};

}  // namespace axonpush::inline v0::mqtt::detail
