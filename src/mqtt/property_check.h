// The one walk over a packet's properties: every identifier, place, count, length and value is checked here, so that
// reading them afterwards needs no check.
#pragma once

#include <axonpush/mqtt/property.h>

#include "mqtt/property_table.h"
#include "mqtt/rule.h"
#include "mqtt/text.h"

namespace axonpush::inline v0::mqtt {

struct PropertyWalk {
  std::uint64_t present = 0;         // bit (identifier)
  const std::uint8_t* at = nullptr;  // where the walk stopped: the end, or the fault
  std::uint16_t topic_alias = 0;     // 0: there is none
  Rule rule = Rule::none;
};

// Where the properties stand, which decides what may be among them.
struct PropertyPlace {
  std::uint64_t allowed = 0;
  std::uint64_t repeatable = 0;
  PacketType type = PacketType::reserved;
  Sender sender = Sender::server;
};
[[nodiscard]] constexpr PropertyPlace property_place(PacketType type, PropertyHome home, Sender sender) noexcept {
  PropertyPlace place;
  place.type = type;
  place.sender = sender;
  place.allowed = kPropertyIndex.allowed[home == PropertyHome::will ? kWillHome : static_cast<unsigned>(type)];
  place.repeatable = property_bit(Property::user_property);
  if (type == PacketType::publish) {
    if (sender == Sender::server) {
      place.repeatable |= property_bit(Property::subscription_identifier);
    } else {
      place.allowed &= ~property_bit(Property::subscription_identifier);  // [MQTT-3.3.4-6]
    }
  }
  if (type == PacketType::disconnect && sender == Sender::server) {
    place.allowed &= ~property_bit(Property::session_expiry_interval);  // [MQTT-3.14.2-2]
  }
  return place;
}

[[nodiscard]] PropertyWalk walk_properties(const std::uint8_t* at, const std::uint8_t* end,
                                           const PropertyPlace& place) noexcept;

[[nodiscard]] constexpr Rule rule_of(TextFault fault) noexcept {
  switch (fault) {
    case TextFault::none:
      return Rule::none;
    case TextFault::ill_formed:
      return Rule::utf8_ill_formed;
    case TextFault::null:
      return Rule::utf8_null;
    case TextFault::wildcard:
      return Rule::topic_wildcard;
  }
  return Rule::none;
}

}  // namespace axonpush::inline v0::mqtt
