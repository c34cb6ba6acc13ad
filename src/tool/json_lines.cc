#include "tool/json_lines.h"

#include <axonpush/base/bytes.h>

#include <charconv>
#include <utility>

#include "base/utf8.h"

namespace axonpush::tool {

namespace {

constexpr std::size_t kDepthMax = 64;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& into, std::uint32_t code) {
  const auto put = [&into](std::uint32_t byte) { into.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

// Iterative: the open containers are a stack of pointers, so that no input can use up the machine's own.
class Parser {
 public:
  Parser(std::string_view text, std::string& error) : text_(text), error_(error) {}

  bool run(JsonNode& root) {
    JsonNode* target = &root;
    while (true) {
      skip_space();
      if (!value(*target)) return false;
      // A container that was just opened wants its first member; everything else closes what it can.
      if (opened_) {
        opened_ = false;
        if (!first_in_container(target)) return false;
      } else {
        target = nullptr;
      }
      while (target == nullptr) {
        if (open_.empty()) return at_end();
        if (!next_in_container(target)) return false;
      }
    }
  }

 private:
  bool fail(const char* what) {
    error_ = std::string(what) + " at byte " + std::to_string(at_);
    return false;
  }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  bool at_end() {
    skip_space();
    return at_ == text_.size() ? true : fail("text after the document");
  }
  bool take(char wanted) {
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  bool value(JsonNode& node) {
    if (at_ == text_.size()) return fail("the document is cut off");
    switch (text_[at_]) {
      case '{':
        return open_container(node, JsonNode::Kind::object);
      case '[':
        return open_container(node, JsonNode::Kind::array);
      case '"':
        node.kind = JsonNode::Kind::string;
        return string(node.text);
      case 't':
        node.kind = JsonNode::Kind::boolean;
        node.boolean = true;
        return word("true");
      case 'f':
        node.kind = JsonNode::Kind::boolean;
        return word("false");
      case 'n':
        return word("null");
      default:
        return number(node);
    }
  }
  bool open_container(JsonNode& node, JsonNode::Kind kind) {
    if (open_.size() == kDepthMax) return fail("nested too deep");
    ++at_;
    node.kind = kind;
    open_.push_back(&node);
    opened_ = true;
    return true;
  }
  bool first_in_container(JsonNode*& target) {
    skip_space();
    JsonNode& container = *open_.back();
    target = nullptr;
    if (take(container.kind == JsonNode::Kind::object ? '}' : ']')) {
      open_.pop_back();
      return true;
    }
    return add(container, target);
  }
  bool next_in_container(JsonNode*& target) {
    skip_space();
    JsonNode& container = *open_.back();
    if (take(container.kind == JsonNode::Kind::object ? '}' : ']')) {
      open_.pop_back();
      return true;
    }
    if (!take(',')) return fail("a comma or the end of the container was expected");
    skip_space();
    return add(container, target);
  }
  bool add(JsonNode& container, JsonNode*& target) {
    if (container.kind == JsonNode::Kind::array) {
      target = &container.items.emplace_back();
      return true;
    }
    if (at_ == text_.size() || text_[at_] != '"') return fail("a key was expected");
    std::string name;
    if (!string(name)) return false;
    skip_space();
    if (!take(':')) return fail("a colon was expected");
    container.names.push_back(std::move(name));
    target = &container.items.emplace_back();
    return true;
  }

  bool word(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) return fail("an unknown word");
    at_ += wanted.size();
    return true;
  }
  bool number(JsonNode& node) {
    const std::size_t begin = at_;
    take('-');
    const std::size_t digits = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    if (at_ == digits || (text_[digits] == '0' && at_ - digits > 1)) return fail("no value");
    if (take('.')) {
      const std::size_t fraction = at_;
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
      if (at_ == fraction) return fail("a digit was expected");
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (!take('+')) take('-');
      const std::size_t exponent = at_;
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
      if (at_ == exponent) return fail("a digit was expected");
    }
    node.kind = JsonNode::Kind::number;
    node.text = text_.substr(begin, at_ - begin);
    return true;
  }

  bool hex4(std::uint32_t& code) {
    code = 0;
    for (int count = 0; count < 4; ++count, ++at_) {
      const int digit = at_ < text_.size() ? hex_digit(text_[at_]) : -1;
      if (digit < 0) return fail("four hex digits were expected");
      code = code << 4 | static_cast<std::uint32_t>(digit);
    }
    return true;
  }
  bool escape(std::string& into) {
    if (at_ == text_.size()) return fail("the string is cut off");
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    const char name = text_[at_++];
    if (const std::size_t index = kNames.find(name); index != std::string_view::npos) {
      into.push_back(kMeant[index]);
      return true;
    }
    if (name != 'u') return fail("an unknown escape");
    std::uint32_t code = 0;
    if (!hex4(code)) return false;
    if (code >= 0xD800 && code <= 0xDBFF && text_.substr(at_, 2) == "\\u") {
      at_ += 2;
      std::uint32_t low = 0;
      if (!hex4(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return fail("half a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xD800 && code <= 0xDFFF) {
      return fail("half a surrogate pair");
    }
    append_utf8(into, code);
    return true;
  }
  bool string(std::string& into) {
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return utf8_valid(bytes_of(into)) ? true : fail("ill-formed UTF-8");
      if (static_cast<unsigned char>(c) < 0x20) return fail("a control character in a string");
      if (c != '\\') {
        into.push_back(c);
      } else if (!escape(into)) {
        return false;
      }
    }
    return fail("the string is cut off");
  }

  std::string_view text_;
  std::string& error_;
  std::size_t at_ = 0;
  std::vector<JsonNode*> open_;
  bool opened_ = false;
};

}  // namespace

const JsonNode* JsonNode::find(std::string_view name) const {
  if (kind != Kind::object) return nullptr;
  for (std::size_t at = items.size(); at != 0; --at) {
    if (names[at - 1] == name) return &items[at - 1];
  }
  return nullptr;
}

std::string_view JsonNode::text_of(std::string_view name, std::string_view absent) const {
  const JsonNode* found = find(name);
  return found != nullptr && found->kind == Kind::string ? std::string_view(found->text) : absent;
}

std::int64_t JsonNode::integer_of(std::string_view name, std::int64_t absent) const {
  const JsonNode* found = find(name);
  return found == nullptr ? absent : found->integer(absent);
}

bool JsonNode::boolean_of(std::string_view name, bool absent) const {
  const JsonNode* found = find(name);
  return found != nullptr && found->kind == Kind::boolean ? found->boolean : absent;
}

std::int64_t JsonNode::integer(std::int64_t absent) const {
  if (kind == Kind::boolean) return boolean ? 1 : 0;
  if (kind != Kind::number) return absent;
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  static_cast<void>(end);
  return failure == std::errc() ? value : absent;
}

bool parse_json(std::string_view line, JsonNode& root, std::string& error) {
  root = JsonNode{};
  return Parser(line, error).run(root);
}

JsonOut& JsonOut::open(char bracket) {
  separate();
  text_.push_back(bracket);
  comma_ = false;
  return *this;
}
JsonOut& JsonOut::close(char bracket) {
  text_.push_back(bracket);
  comma_ = true;
  return *this;
}
void JsonOut::separate() {
  if (comma_) text_.push_back(',');
  comma_ = true;
}
JsonOut& JsonOut::key(std::string_view name) {
  separate();
  quote(name);
  text_.push_back(':');
  comma_ = false;
  return *this;
}
JsonOut& JsonOut::string(std::string_view value) {
  separate();
  quote(value);
  return *this;
}
JsonOut& JsonOut::number(std::uint64_t value) { return raw(std::to_string(value)); }
JsonOut& JsonOut::boolean(bool value) { return raw(value ? "true" : "false"); }
JsonOut& JsonOut::null() { return raw("null"); }
JsonOut& JsonOut::raw(std::string_view json) {
  separate();
  text_.append(json);
  return *this;
}

JsonOut& JsonOut::node(const JsonNode& value) {
  switch (value.kind) {
    case JsonNode::Kind::null:
      return null();
    case JsonNode::Kind::boolean:
      return boolean(value.boolean);
    case JsonNode::Kind::number:
      return raw(value.text);
    case JsonNode::Kind::string:
      return string(value.text);
    case JsonNode::Kind::array:
      begin_array();
      for (const JsonNode& item : value.items) node(item);  // bounded by the reader's depth
      return end_array();
    case JsonNode::Kind::object:
      break;
  }
  begin_object();
  for (std::size_t at = 0; at < value.items.size(); ++at) key(value.names[at]).node(value.items[at]);
  return end_object();
}

void JsonOut::quote(std::string_view value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  text_.push_back('"');
  for (std::size_t at = 0; at < value.size();) {
    const auto byte = static_cast<unsigned char>(value[at]);
    if (byte >= 0x80) {
      const std::size_t size = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
      const std::string_view sequence = value.substr(at, size);
      if (sequence.size() == size && utf8_valid(bytes_of(sequence))) {
        text_.append(sequence);
        at += size;
      } else {
        text_.append("\\ufffd");
        ++at;
      }
      continue;
    }
    if (byte == '"' || byte == '\\') {
      text_.push_back('\\');
      text_.push_back(value[at]);
    } else if (byte < 0x20 || byte == 0x7F) {
      text_.append("\\u00");
      text_.push_back(kDigits[byte >> 4]);
      text_.push_back(kDigits[byte & 15]);
    } else {
      text_.push_back(value[at]);
    }
    ++at;
  }
  text_.push_back('"');
}

bool parse_hex(std::string_view hex, std::vector<std::uint8_t>& bytes) {
  bytes.clear();
  if (hex.starts_with("0x") || hex.starts_with("0X")) hex.remove_prefix(2);
  int high = -1;
  for (const char c : hex) {
    if (high < 0 && (is_space(c) || c == ':')) continue;
    const int digit = hex_digit(c);
    if (digit < 0) return false;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::uint8_t>(high << 4 | digit));
      high = -1;
    }
  }
  return high < 0;
}

std::string to_hex(const std::uint8_t* bytes, std::size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(size * 2);
  for (std::size_t at = 0; at < size; ++at) {
    hex.push_back(kDigits[bytes[at] >> 4]);
    hex.push_back(kDigits[bytes[at] & 15]);
  }
  return hex;
}

std::string printable(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && byte != '\\') {
      shown.push_back(c);
    } else {
      shown.append("\\x");
      shown.push_back(kDigits[byte >> 4]);
      shown.push_back(kDigits[byte & 15]);
    }
  }
  return shown;
}

bool read_line(std::FILE* from, std::string& line) {
  line.clear();
  int c = 0;
  while ((c = std::getc(from)) != EOF && c != '\n') line.push_back(static_cast<char>(c));
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return c != EOF || !line.empty();
}

std::string widened(std::string_view bytes) {
  std::string text;
  for (const char value : bytes) {
    const auto byte = static_cast<unsigned char>(value);
    if (byte < 0x80) {
      text += value;
    } else {
      text += static_cast<char>(0xC0 | byte >> 6);
      text += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return text;
}

bool narrowed(std::string_view text, std::vector<std::uint8_t>& bytes) {
  bytes.clear();
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto first = static_cast<std::uint8_t>(text[at]);
    if (first < 0x80) {
      bytes.push_back(first);
      continue;
    }
    if (first > 0xC3 || at + 1 == text.size()) return false;
    ++at;
    bytes.push_back(static_cast<std::uint8_t>(first << 6 | (static_cast<std::uint8_t>(text[at]) & 0x3F)));
  }
  return true;
}

bool read_input(const JsonNode& line, std::vector<std::uint8_t>& bytes, std::string& error) {
  const JsonNode* const raw = line.find("raw");
  if (raw != nullptr && raw->kind == JsonNode::Kind::string) {
    error = "raw has a character that is no byte";
    return narrowed(raw->text, bytes);
  }
  const JsonNode* const hex = line.find("hex");
  error = "neither raw nor hex is there as a string";
  if (hex == nullptr || hex->kind != JsonNode::Kind::string) return false;
  error = "the member hex is no hex";
  return parse_hex(hex->text, bytes);
}

}  // namespace axonpush::tool
