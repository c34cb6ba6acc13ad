// Slow, obvious UTF-8: what is well-formed is what an encoder of every Unicode scalar value writes, and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

namespace axonpush::test {

// RFC 3629 3, the other way round: from the number to the bytes.
inline std::string utf8_encode(std::uint32_t scalar) {
  const auto tail = [](std::uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3F)); };
  if (scalar < 0x80) return {static_cast<char>(scalar)};
  if (scalar < 0x800) return {static_cast<char>(0xC0 | scalar >> 6), tail(scalar)};
  if (scalar < 0x10000) return {static_cast<char>(0xE0 | scalar >> 12), tail(scalar >> 6), tail(scalar)};
  return {static_cast<char>(0xF0 | scalar >> 18), tail(scalar >> 12), tail(scalar >> 6), tail(scalar)};
}

class Utf8Reference {
 public:
  // How many bytes can stand in front of one that no continuation of the text could make well-formed.
  static std::size_t fed(std::string_view text) {
    std::string open;
    for (std::size_t at = 0; at < text.size(); ++at) {
      open.push_back(text[at]);
      if (!begins_a_character(open)) return at;
      if (is_a_character(open)) open.clear();
    }
    return text.size();
  }
  // The bytes up to the end of the last whole character in front of the first fault.
  static std::size_t whole(std::string_view text) {
    std::string open;
    std::size_t border = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
      open.push_back(text[at]);
      if (!begins_a_character(open)) break;
      if (is_a_character(open)) {
        open.clear();
        border = at + 1;
      }
    }
    return border;
  }
  static bool valid(std::string_view text) { return whole(text) == text.size(); }

  static bool is_a_character(const std::string& bytes) { return tables().characters.contains(number_of(bytes)); }
  static bool begins_a_character(const std::string& bytes) {
    return is_a_character(bytes) || tables().beginnings.contains(number_of(bytes));
  }

 private:
  struct Tables {
    std::unordered_set<std::uint64_t> characters;
    std::unordered_set<std::uint64_t> beginnings;
    Tables() {
      characters.reserve(1'200'000);
      for (std::uint32_t scalar = 0; scalar <= 0x10FFFF; ++scalar) {
        if (scalar >= 0xD800 && scalar <= 0xDFFF) continue;  // surrogates are no scalar values
        const std::string bytes = utf8_encode(scalar);
        characters.insert(number_of(bytes));
        for (std::size_t size = 1; size < bytes.size(); ++size) beginnings.insert(number_of(bytes.substr(0, size)));
      }
    }
  };
  static const Tables& tables() {
    static const Tables built;
    return built;
  }
  static std::uint64_t number_of(const std::string& bytes) {
    std::uint64_t number = bytes.size();
    for (const char byte : bytes) number = number << 8 | static_cast<std::uint8_t>(byte);
    return number;
  }
};

}  // namespace axonpush::test
