#include <axonpush/mqtt/property.h>

#include "mqtt/property_check.h"
#include "mqtt/variable_byte.h"

namespace axonpush::inline v0::mqtt {

namespace {

const PropertyRow* row_of(Property property) noexcept {
  const auto id = static_cast<std::size_t>(property);
  if (id >= kPropertyIdLimit || kPropertyIndex.row[id] == 0) return nullptr;
  return &kPropertyRows[kPropertyIndex.row[id] - 1U];
}

// Takes `size` bytes from the front; false when they are not there, which validated properties never see.
bool take(Bytes& left, std::size_t size, Bytes& taken) noexcept {
  if (left.size() < size) return false;
  taken = left.first(size);
  left = left.subspan(size);
  return true;
}
bool take_prefixed(Bytes& left, Bytes& taken) noexcept {
  Bytes size;
  return take(left, 2, size) && take(left, load_be16(size.data()), taken);
}
bool take_integer(Bytes& left, std::size_t size, std::uint32_t& value) noexcept {
  Bytes bytes;
  if (!take(left, size, bytes)) return false;
  value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return true;
}
bool take_variable(Bytes& left, std::uint32_t& value) noexcept {
  const VariableByte read = read_variable_byte(left.data(), left.data() + left.size());
  if (read.state != VariableByte::State::done) return false;
  value = read.value;
  left = left.subspan(read.size);
  return true;
}

}  // namespace

std::string_view name_of(Property property) noexcept {
  const PropertyRow* row = row_of(property);
  return row == nullptr ? std::string_view("unknown") : std::string_view(row->name);
}
std::string_view key_of(Property property) noexcept {
  const PropertyRow* row = row_of(property);
  return row == nullptr ? std::string_view("unknown") : std::string_view(row->key);
}
PropertyType type_of(Property property) noexcept {
  const PropertyRow* row = row_of(property);
  return row == nullptr ? PropertyType::byte : row->type;
}
bool property_allowed(PacketType type, PropertyHome home, Property property) noexcept {
  const PropertyRow* row = row_of(property);
  if (row == nullptr) return false;
  if (home == PropertyHome::will) return type == PacketType::connect && (row->homes >> kWillHome & 1U) != 0;
  return type != PacketType::reserved && (row->homes >> static_cast<unsigned>(type) & 1U) != 0;
}

bool validate_properties(PacketType type, PropertyHome home, Sender sender, Bytes raw,
                         Properties& properties) noexcept {
  const PropertyWalk walk = walk_properties(raw.data(), raw.data() + raw.size(), property_place(type, home, sender));
  if (walk.rule != Rule::none) return false;
  properties = Properties(raw, walk.present);
  return true;
}

bool Properties::Cursor::next(PropertyValue& value) noexcept {
  Bytes id;
  if (!take(left_, 1, id)) return false;
  value = PropertyValue{};
  value.id = static_cast<Property>(id[0]);
  if (row_of(value.id) == nullptr) return false;
  switch (type_of(value.id)) {
    case PropertyType::byte:
      return take_integer(left_, 1, value.integer);
    case PropertyType::two_byte:
      return take_integer(left_, 2, value.integer);
    case PropertyType::four_byte:
      return take_integer(left_, 4, value.integer);
    case PropertyType::variable_byte:
      return take_variable(left_, value.integer);
    case PropertyType::utf8_string:
    case PropertyType::binary:
      return take_prefixed(left_, value.bytes);
    case PropertyType::utf8_pair:
      return take_prefixed(left_, value.name) && take_prefixed(left_, value.bytes);
  }
  return false;
}

std::uint32_t Properties::integer(Property property, std::uint32_t absent) const noexcept {
  if (!has(property)) return absent;
  PropertyValue value;
  for (Cursor at(*this); at.next(value);) {
    if (value.id == property) return value.integer;
  }
  return absent;
}

Bytes Properties::binary(Property property) const noexcept {
  if (!has(property)) return {};
  PropertyValue value;
  for (Cursor at(*this); at.next(value);) {
    if (value.id == property) return value.bytes;
  }
  return {};
}

std::string_view Properties::text(Property property) const noexcept { return text_of(binary(property)); }

std::uint8_t* PropertyWriter::reserve(Property property, std::size_t size) noexcept {
  if (!ok_ || into_.size() - size_ < 1 + size) {
    ok_ = false;
    return nullptr;
  }
  std::uint8_t* at = into_.data() + size_;
  *at = static_cast<std::uint8_t>(property);
  size_ += 1 + size;
  present_ |= property_bit(property);
  return at + 1;
}

void PropertyWriter::integer(Property property, std::uint32_t value) noexcept {
  switch (type_of(property)) {
    case PropertyType::byte:
      if (value > 0xFF) break;
      if (std::uint8_t* at = reserve(property, 1)) *at = static_cast<std::uint8_t>(value);
      return;
    case PropertyType::two_byte:
      if (value > 0xFFFF) break;
      if (std::uint8_t* at = reserve(property, 2)) store_be16(at, static_cast<std::uint16_t>(value));
      return;
    case PropertyType::four_byte:
      if (std::uint8_t* at = reserve(property, 4)) store_be32(at, value);
      return;
    case PropertyType::variable_byte:
      if (value > limits::kMqttRemainingLength) break;
      if (std::uint8_t* at = reserve(property, variable_byte_size(value))) {
        static_cast<void>(write_variable_byte(at, value));
      }
      return;
    default:
      break;
  }
  ok_ = false;  // too large for its type, or no integer at all
}

void PropertyWriter::text(Property property, std::string_view value) noexcept { binary(property, bytes_of(value)); }

void PropertyWriter::binary(Property property, Bytes value) noexcept {
  const PropertyType type = type_of(property);
  if (value.size() > 0xFFFF || (type != PropertyType::utf8_string && type != PropertyType::binary)) {
    ok_ = false;
    return;
  }
  std::uint8_t* at = reserve(property, 2 + value.size());
  if (at == nullptr) return;
  store_be16(at, static_cast<std::uint16_t>(value.size()));
  if (!value.empty()) std::memcpy(at + 2, value.data(), value.size());
}

void PropertyWriter::pair(std::string_view name, std::string_view value) noexcept {
  if (name.size() > 0xFFFF || value.size() > 0xFFFF) {
    ok_ = false;
    return;
  }
  std::uint8_t* at = reserve(Property::user_property, 4 + name.size() + value.size());
  if (at == nullptr) return;
  store_be16(at, static_cast<std::uint16_t>(name.size()));
  if (!name.empty()) std::memcpy(at + 2, name.data(), name.size());
  at += 2 + name.size();
  store_be16(at, static_cast<std::uint16_t>(value.size()));
  if (!value.empty()) std::memcpy(at + 2, value.data(), value.size());
}

}  // namespace axonpush::inline v0::mqtt
