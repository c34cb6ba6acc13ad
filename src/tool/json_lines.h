// What the four `decode` commands share: one JSON object a line in, one a line out, hex, and where lines come from.
//
// The reader builds a small tree, accepts any RFC 8259 document of a bounded depth, and keeps the last of two equal
// keys; it is for the tool's own input, not for a peer's. Thread rule: values only.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace axonpush::tool {

struct JsonNode {
  enum class Kind : std::uint8_t {
    null,
    boolean,
    number,
    string,
    array,
    object
  };

  Kind kind = Kind::null;
  bool boolean = false;
  std::string text;                // of a string: decoded to UTF-8; of a number: as it was spelled
  std::vector<JsonNode> items;     // of an array, and the values of an object
  std::vector<std::string> names;  // of an object, one for each item

  // The member of that name, or nullptr; also nullptr when this is no object.
  [[nodiscard]] const JsonNode* find(std::string_view name) const;
  // find() for a string, a whole number, a boolean; `absent` when it is missing or of another kind.
  [[nodiscard]] std::string_view text_of(std::string_view name, std::string_view absent = {}) const;
  [[nodiscard]] std::int64_t integer_of(std::string_view name, std::int64_t absent) const;
  [[nodiscard]] bool boolean_of(std::string_view name, bool absent) const;
  // This number as a whole one (a fraction is cut off), or `absent`; a boolean counts as 0 or 1.
  [[nodiscard]] std::int64_t integer(std::int64_t absent) const;
};

// False when `line` is no JSON document; `error` then says what is wrong and where.
[[nodiscard]] bool parse_json(std::string_view line, JsonNode& root, std::string& error);

// Writes one JSON document into a string. Commas are put where they belong; the caller balances begin and end.
class JsonOut {
 public:
  JsonOut& begin_object() { return open('{'); }
  JsonOut& end_object() { return close('}'); }
  JsonOut& begin_array() { return open('['); }
  JsonOut& end_array() { return close(']'); }
  JsonOut& key(std::string_view name);
  // Escaped; a byte that is no part of well-formed UTF-8 becomes U+FFFD.
  JsonOut& string(std::string_view value);
  JsonOut& number(std::uint64_t value);
  JsonOut& boolean(bool value);
  JsonOut& null();
  JsonOut& raw(std::string_view json);  // a value that is JSON already: an id repeated as it came
  // A copy of a parsed value.
  JsonOut& node(const JsonNode& value);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  JsonOut& open(char bracket);
  JsonOut& close(char bracket);
  void separate();
  void quote(std::string_view value);

  std::string text_;
  bool comma_ = false;
};

// "00ff", also with spaces, colons or 0x in front. False when it is no hex.
[[nodiscard]] bool parse_hex(std::string_view hex, std::vector<std::uint8_t>& bytes);
[[nodiscard]] std::string to_hex(const std::uint8_t* bytes, std::size_t size);
// Bytes as text of one character each, U+0000 to U+00FF, and back; false for a character that is no byte.
[[nodiscard]] std::string widened(std::string_view bytes);
[[nodiscard]] bool narrowed(std::string_view text, std::vector<std::uint8_t>& bytes);
// The bytes a line asks about: its member `raw`, one character each, or else `hex`. False, with the reason in `error`,
// when neither is there or is what it should be.
[[nodiscard]] bool read_input(const JsonNode& line, std::vector<std::uint8_t>& bytes, std::string& error);
// Printable ASCII as it is, everything else as \xNN: for what goes to a terminal.
[[nodiscard]] std::string printable(std::string_view text);

// One line from `from` without its end; false at the end of the file.
[[nodiscard]] bool read_line(std::FILE* from, std::string& line);

}  // namespace axonpush::tool
