// A document's value as one string that is equal exactly when the values are: objects sorted by their keys' bytes with
// the last of equal keys, strings in hex, numbers as the bits of a double.
#pragma once

#include <axonpush/json/reader.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace axonpush::test {

inline std::string hex_of(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

inline std::string canonical_string(std::string_view text) { return "s" + hex_of(text) + ";"; }
inline std::string canonical_number(double value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  std::string text = "n";
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[bits >> shift & 15];
  return text + ";";
}
inline std::string canonical_object(const std::map<std::string, std::string>& members) {
  std::string text = "{";
  for (const auto& [key, value] : members) text += canonical_string(key) + value;
  return text + "}";
}

// Of a validated value; at most as deep as the reader lets it be.
inline std::string canonical(const json::Value& value) {
  bool boolean = false;
  double real = 0;
  std::string_view text;
  std::vector<std::uint8_t> scratch(value.raw.size());
  switch (value.kind) {
    case json::Kind::boolean:
      return value.boolean(boolean) ? (boolean ? "t" : "f") : "?";
    case json::Kind::number:
      return value.real(real) ? canonical_number(real) : "?";
    case json::Kind::string:
      return value.text(scratch, text) ? canonical_string(text) : "?";
    case json::Kind::array: {
      std::string items = "[";
      json::Cursor cursor(value);
      for (json::Member item; cursor.next(item);) items += canonical(item.value);
      return items + "]";
    }
    case json::Kind::object: {
      std::map<std::string, std::string> members;
      json::Cursor cursor(value);
      for (json::Member member; cursor.next(member);) {
        scratch.resize(member.key.size());
        if (!json::unescape(member.key, scratch, text)) return "?";
        members[std::string(text)] = canonical(member.value);
      }
      return canonical_object(members);
    }
    default:
      return "0";
  }
}

}  // namespace axonpush::test
