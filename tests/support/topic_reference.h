// Topics read slowly and obviously: levels as a list of strings, segments through UTF-16 as the backend has them, and a
// dispatch table that is a list. It shares nothing with the library.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace axonpush::reference {

inline std::vector<std::string> levels(std::string_view text) {
  std::vector<std::string> all(1);
  for (const char c : text) {
    if (c == '/') {
      all.emplace_back();
    } else {
      all.back() += c;
    }
  }
  return all;
}

// MQTT 5 4.7, level by level.
inline bool levels_match(const std::vector<std::string>& wanted, const std::vector<std::string>& given) {
  if (given[0].starts_with('$') && (wanted[0] == "+" || wanted[0] == "#")) return false;
  for (std::size_t at = 0; at < wanted.size(); ++at) {
    if (wanted[at] == "#") return true;
    if (at == given.size()) return false;
    if (wanted[at] != "+" && wanted[at] != given[at]) return false;
    // The parent level of a trailing "#" matches too.
    if (at + 1 == given.size() && at + 2 == wanted.size() && wanted[at + 1] == "#") return true;
  }
  return wanted.size() == given.size();
}
inline bool topic_matches(std::string_view filter, std::string_view topic) {
  return levels_match(levels(filter), levels(topic));
}

// UTF-8 to UTF-16 code units; nothing where it is ill-formed (RFC 3629 3).
inline std::optional<std::vector<std::uint16_t>> utf16(std::string_view text) {
  std::vector<std::uint16_t> units;
  std::size_t at = 0;
  const auto tail = [&](std::uint32_t& point) {
    if (at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U) return false;
    point = point << 6 | (static_cast<unsigned char>(text[at++]) & 0x3FU);
    return true;
  };
  while (at < text.size()) {
    const unsigned lead = static_cast<unsigned char>(text[at++]);
    std::uint32_t point = lead;
    std::uint32_t least = 0;
    int more = 0;
    if (lead >= 0x80) {
      if (lead < 0xC0 || lead >= 0xF8) return std::nullopt;
      more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
      point = lead & (0x3FU >> more);
      least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
    }
    for (; more != 0; --more) {
      if (!tail(point)) return std::nullopt;
    }
    if (point < least || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return std::nullopt;
    if (point < 0x10000) {
      units.push_back(static_cast<std::uint16_t>(point));
    } else {
      units.push_back(static_cast<std::uint16_t>(0xD800 + ((point - 0x10000) >> 10)));
      units.push_back(static_cast<std::uint16_t>(0xDC00 + ((point - 0x10000) & 0x3FF)));
    }
  }
  return units;
}

// segment.replace(/[^A-Za-z0-9_-]/g, "_") || "_", as JavaScript does it.
inline std::optional<std::string> sanitized(std::string_view segment) {
  const auto units = utf16(segment);
  if (!units) return std::nullopt;
  std::string into;
  for (const std::uint16_t unit : *units) {
    const bool kept = (unit >= 'a' && unit <= 'z') || (unit >= 'A' && unit <= 'Z') || (unit >= '0' && unit <= '9') ||
                      unit == '_' || unit == '-';
    into += kept ? static_cast<char>(unit) : '_';
  }
  return into.empty() ? "_" : into;
}

// The slow dispatch table: every entry is asked.
class Dispatcher {
 public:
  void add(std::string_view filter, std::uint32_t value) {
    rows_.push_back({std::string(filter), reference::levels(filter), value});
  }
  void remove(std::uint32_t value) {
    for (auto& row : rows_) {
      if (row.value == value) row.removed = true;
    }
  }
  // In the order they were added in.
  [[nodiscard]] std::vector<std::uint32_t> match(std::string_view topic) const {
    std::vector<std::uint32_t> values;
    const std::vector<std::string> given = levels(topic);
    for (const auto& row : rows_) {
      if (!row.removed && levels_match(row.levels, given)) values.push_back(row.value);
    }
    return values;
  }
  [[nodiscard]] std::size_t count(std::string_view filter) const {
    std::size_t count = 0;
    for (const auto& row : rows_) count += static_cast<std::size_t>(!row.removed && row.filter == filter);
    return count;
  }
  [[nodiscard]] std::size_t size() const {
    std::size_t count = 0;
    for (const auto& row : rows_) count += static_cast<std::size_t>(!row.removed);
    return count;
  }

 private:
  struct Row {
    std::string filter;
    std::vector<std::string> levels;
    std::uint32_t value = 0;
    bool removed = false;
  };
  std::vector<Row> rows_;
};

}  // namespace axonpush::reference
