#include "mqtt/property_check.h"

#include "mqtt/variable_byte.h"

namespace axonpush::inline v0::mqtt {

namespace {

// Why an identifier is refused here; off the fast path, which only asks whether.
Rule refusal_of(const std::uint8_t* at, const std::uint8_t* end, const PropertyPlace& place) noexcept {
  const VariableByte id = read_variable_byte(at, end);
  switch (id.state) {
    case VariableByte::State::cut:
      return Rule::property_cut;
    case VariableByte::State::too_long:
      return Rule::property_id_too_long;
    case VariableByte::State::not_minimal:
      return Rule::property_id_not_minimal;
    case VariableByte::State::done:
      break;
  }
  if (id.value >= kPropertyIdLimit || kPropertyIndex.row[id.value] == 0) return Rule::property_unknown;
  const auto property = static_cast<Property>(id.value);
  if (place.type == PacketType::disconnect && property == Property::session_expiry_interval) {
    return Rule::session_expiry_from_server;
  }
  if (place.type == PacketType::publish && property == Property::subscription_identifier) {
    return Rule::subscription_id_from_client;
  }
  return Rule::property_not_allowed;
}

// Integers with a value of their own that is not allowed.
Rule integer_rule(Property property, std::uint32_t value) noexcept {
  if (value != 0) return Rule::none;
  switch (property) {
    case Property::receive_maximum:
      return Rule::receive_maximum_zero;
    case Property::maximum_packet_size:
      return Rule::maximum_packet_size_zero;
    case Property::topic_alias:
      return Rule::topic_alias_zero;
    default:
      return Rule::none;
  }
}

Rule subscription_id_rule(const VariableByte& read) noexcept {
  switch (read.state) {
    case VariableByte::State::cut:
      return Rule::property_cut;
    case VariableByte::State::too_long:
      return Rule::subscription_id_too_long;
    case VariableByte::State::not_minimal:
      return Rule::subscription_id_not_minimal;
    case VariableByte::State::done:
      break;
  }
  return read.value == 0 ? Rule::subscription_id_zero : Rule::none;
}

Rule response_topic_rule(const std::uint8_t* text, std::size_t size) noexcept {
  if (size == 0) return Rule::response_topic_empty;
  const TextFault fault = check_text<TextKind::topic>(text, size);
  return fault == TextFault::wildcard ? Rule::response_topic_wildcard : rule_of(fault);
}

}  // namespace

PropertyWalk walk_properties(const std::uint8_t* at, const std::uint8_t* end, const PropertyPlace& place) noexcept {
  PropertyWalk walk;
  const auto stop = [&walk](Rule rule, const std::uint8_t* where) {
    walk.rule = rule;
    walk.at = where;
    return walk;
  };
  while (at != end) {
    const std::uint8_t* const start = at;
    const unsigned id = *at++;
    if (id >= kPropertyIdLimit || (place.allowed >> id & 1U) == 0) return stop(refusal_of(start, end, place), start);
    const std::uint64_t bit = std::uint64_t{1} << id;
    if ((walk.present & ~place.repeatable & bit) != 0) return stop(Rule::property_twice, start);
    walk.present |= bit;
    const auto left = static_cast<std::size_t>(end - at);
    switch (kPropertyIndex.type[id]) {
      case PropertyType::byte:
        if (left < 1) return stop(Rule::property_cut, start);
        if (*at > 1) return stop(Rule::property_byte_over_one, at);
        ++at;
        break;
      case PropertyType::two_byte: {
        if (left < 2) return stop(Rule::property_cut, start);
        const std::uint16_t value = load_be16(at);
        if (const Rule rule = integer_rule(static_cast<Property>(id), value); rule != Rule::none) return stop(rule, at);
        if (id == static_cast<unsigned>(Property::topic_alias)) walk.topic_alias = value;
        at += 2;
        break;
      }
      case PropertyType::four_byte:
        if (left < 4) return stop(Rule::property_cut, start);
        if (const Rule rule = integer_rule(static_cast<Property>(id), load_be32(at)); rule != Rule::none) {
          return stop(rule, at);
        }
        at += 4;
        break;
      case PropertyType::variable_byte: {
        const VariableByte value = read_variable_byte(at, end);
        if (const Rule rule = subscription_id_rule(value); rule != Rule::none) return stop(rule, at);
        at += value.size;
        break;
      }
      case PropertyType::utf8_pair: {
        if (left < 2) return stop(Rule::string_cut, at);
        const std::size_t size = load_be16(at);
        if (size > left - 2) return stop(Rule::string_cut, at);
        if (!plain_text<TextKind::string>(at + 2, size)) [[unlikely]] {
          const TextFault fault = judge_text(at + 2, size, TextKind::string);
          if (fault != TextFault::none) return stop(rule_of(fault), at + 2);
        }
        at += 2 + size;
        [[fallthrough]];  // the pair's value is a string like any other
      }
      case PropertyType::utf8_string: {
        const auto rest = static_cast<std::size_t>(end - at);
        if (rest < 2) return stop(Rule::string_cut, at);
        const std::size_t size = load_be16(at);
        if (size > rest - 2) return stop(Rule::string_cut, at);
        if (id == static_cast<unsigned>(Property::response_topic)) {
          if (const Rule rule = response_topic_rule(at + 2, size); rule != Rule::none) return stop(rule, at + 2);
        } else if (!plain_text<TextKind::string>(at + 2, size)) [[unlikely]] {
          const TextFault fault = judge_text(at + 2, size, TextKind::string);
          if (fault != TextFault::none) return stop(rule_of(fault), at + 2);
        }
        at += 2 + size;
        break;
      }
      case PropertyType::binary: {
        if (left < 2) return stop(Rule::string_cut, at);
        const std::size_t size = load_be16(at);
        if (size > left - 2) return stop(Rule::string_cut, at);
        at += 2 + size;
        break;
      }
    }
  }
  walk.at = at;
  return walk;
}

}  // namespace axonpush::inline v0::mqtt
