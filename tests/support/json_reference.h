// RFC 8259 once more, slowly and obviously: a recursive parser into a tree, written apart from src/json and sharing
// nothing with it. The tests and the fuzzers hold the reader to it.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace axonpush::test {

struct JsonTree {
  enum class Kind {
    null,
    boolean,
    number,
    string,
    array,
    object
  };
  Kind kind = Kind::null;
  bool boolean = false;
  double number = 0;
  std::string text;  // a string's characters; a number as it is spelled
  std::string raw;   // as it stands in the document
  std::vector<JsonTree> items;
  std::vector<std::string> keys;  // of an object, escapes undone
};

class JsonReference {
 public:
  enum class Verdict {
    valid,
    invalid,
    too_deep,
    too_large
  };
  struct Limits {
    std::size_t bytes = 256 * 1024;
    std::size_t depth = 64;
    std::size_t nodes = 50'000;
  };

  static Verdict parse(std::string_view document, JsonTree& tree, Limits limits) {
    if (document.size() > limits.bytes) return Verdict::too_large;
    JsonReference parser(document, limits);
    parser.space();
    parser.value(tree, 0);
    if (parser.verdict_ != Verdict::valid) return parser.verdict_;
    parser.space();
    if (parser.at_ != document.size()) return Verdict::invalid;
    return well_formed_utf8(document) ? Verdict::valid : Verdict::invalid;
  }
  static Verdict parse(std::string_view document, JsonTree& tree) { return parse(document, tree, Limits()); }

  // RFC 3629 4, by decoding each character and asking whether its code point may be spelled with so many bytes.
  static bool well_formed_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const unsigned lead = static_cast<unsigned char>(text[at]);
      std::size_t size = 1;
      std::uint32_t code = lead;
      std::uint32_t smallest = 0;
      if (lead >= 0x80) {
        if (lead >= 0xC0 && lead <= 0xDF) {
          size = 2, code = lead & 0x1F, smallest = 0x80;
        } else if (lead >= 0xE0 && lead <= 0xEF) {
          size = 3, code = lead & 0x0F, smallest = 0x800;
        } else if (lead >= 0xF0 && lead <= 0xF7) {
          size = 4, code = lead & 0x07, smallest = 0x10000;
        } else {
          return false;
        }
      }
      if (text.size() - at < size) return false;
      for (std::size_t next = 1; next < size; ++next) {
        const unsigned tail = static_cast<unsigned char>(text[at + next]);
        if (tail < 0x80 || tail > 0xBF) return false;
        code = code * 64 + (tail - 0x80);
      }
      if (code < smallest || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
      at += size;
    }
    return true;
  }

 private:
  JsonReference(std::string_view document, Limits limits) : document_(document), limits_(limits) {}

  void refuse(Verdict verdict = Verdict::invalid) {
    if (verdict_ == Verdict::valid) verdict_ = verdict;
  }
  // The byte at the cursor; -1 at the end.
  int peek() const { return at_ < document_.size() ? static_cast<unsigned char>(document_[at_]) : -1; }
  void space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

  void value(JsonTree& tree, std::size_t depth) {
    if (nodes_++ == limits_.nodes) return refuse(Verdict::too_large);
    const std::size_t start = at_;
    const int first = peek();
    if (first == '{' || first == '[') {
      if (depth == limits_.depth) return refuse(Verdict::too_deep);
      ++at_;
      if (first == '{') {
        object(tree, depth + 1);
      } else {
        array(tree, depth + 1);
      }
    } else if (first == '"') {
      tree.kind = JsonTree::Kind::string;
      string(tree.text);
    } else if (first == '-' || (first >= '0' && first <= '9')) {
      number(tree);
    } else if (!literal("null", tree, JsonTree::Kind::null, false) &&
               !literal("true", tree, JsonTree::Kind::boolean, true) &&
               !literal("false", tree, JsonTree::Kind::boolean, false)) {
      return refuse();
    }
    tree.raw = std::string(document_.substr(start, at_ - start));
  }

  void array(JsonTree& tree, std::size_t depth) {
    tree.kind = JsonTree::Kind::array;
    space();
    if (peek() == ']') {
      ++at_;
      return;
    }
    while (verdict_ == Verdict::valid) {
      tree.items.emplace_back();
      value(tree.items.back(), depth);
      space();
      const int next = peek();
      ++at_;
      if (next == ']') return;
      if (next != ',') return refuse();
      space();
    }
  }

  void object(JsonTree& tree, std::size_t depth) {
    tree.kind = JsonTree::Kind::object;
    space();
    if (peek() == '}') {
      ++at_;
      return;
    }
    while (verdict_ == Verdict::valid) {
      if (peek() != '"') return refuse();
      tree.keys.emplace_back();
      string(tree.keys.back());
      space();
      if (peek() != ':') return refuse();
      ++at_;
      space();
      tree.items.emplace_back();
      value(tree.items.back(), depth);
      space();
      const int next = peek();
      ++at_;
      if (next == '}') return;
      if (next != ',') return refuse();
      space();
    }
  }

  bool literal(std::string_view name, JsonTree& tree, JsonTree::Kind kind, bool boolean) {
    if (document_.substr(at_, name.size()) != name) return false;
    at_ += name.size();
    tree.kind = kind;
    tree.boolean = boolean;
    return true;
  }

  bool digits() {
    const std::size_t start = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ != start;
  }

  void number(JsonTree& tree) {
    const std::size_t start = at_;
    tree.kind = JsonTree::Kind::number;
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
    } else if (!digits()) {
      return refuse();
    }
    if (peek() == '.') {
      ++at_;
      if (!digits()) return refuse();
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) return refuse();
    }
    tree.text = std::string(document_.substr(start, at_ - start));
    tree.number = std::strtod(tree.text.c_str(), nullptr);
    if (std::isinf(tree.number)) refuse();
  }

  void string(std::string& into) {
    ++at_;
    for (;;) {
      const int byte = peek();
      if (byte < 0x20) return refuse();  // the end is -1
      ++at_;
      if (byte == '"') return;
      if (byte != '\\') {
        into.push_back(static_cast<char>(byte));
        continue;
      }
      escape(into);
      if (verdict_ != Verdict::valid) return;
    }
  }

  void escape(std::string& into) {
    const int letter = peek();
    ++at_;
    switch (letter) {
      case '"':
        return into.push_back('"');
      case '\\':
        return into.push_back('\\');
      case '/':
        return into.push_back('/');
      case 'b':
        return into.push_back('\b');
      case 'f':
        return into.push_back('\f');
      case 'n':
        return into.push_back('\n');
      case 'r':
        return into.push_back('\r');
      case 't':
        return into.push_back('\t');
      case 'u':
        break;
      default:
        return refuse();
    }
    std::uint32_t code = four_digits();
    if (code >= 0xDC00 && code <= 0xDFFF) return refuse();
    if (code >= 0xD800 && code <= 0xDBFF) {
      if (document_.substr(at_, 2) != "\\u") return refuse();
      at_ += 2;
      const std::uint32_t low = four_digits();
      if (low < 0xDC00 || low > 0xDFFF) return refuse();
      code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
    }
    append_utf8(into, code);
  }

  std::uint32_t four_digits() {
    std::uint32_t code = 0;
    for (int digit = 0; digit < 4; ++digit) {
      const int byte = peek();
      ++at_;
      if (byte >= '0' && byte <= '9') {
        code = code * 16 + static_cast<std::uint32_t>(byte - '0');
      } else if (byte >= 'a' && byte <= 'f') {
        code = code * 16 + static_cast<std::uint32_t>(byte - 'a' + 10);
      } else if (byte >= 'A' && byte <= 'F') {
        code = code * 16 + static_cast<std::uint32_t>(byte - 'A' + 10);
      } else {
        refuse();
        return 0;
      }
    }
    return code;
  }

  static void append_utf8(std::string& into, std::uint32_t code) {
    const auto put = [&into](std::uint32_t byte) { into.push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 + code / 64);
      put(0x80 + code % 64);
    } else if (code < 0x10000) {
      put(0xE0 + code / 4096);
      put(0x80 + code / 64 % 64);
      put(0x80 + code % 64);
    } else {
      put(0xF0 + code / 262144);
      put(0x80 + code / 4096 % 64);
      put(0x80 + code / 64 % 64);
      put(0x80 + code % 64);
    }
  }

  std::string_view document_;
  Limits limits_;
  std::size_t at_ = 0;
  std::size_t nodes_ = 0;
  Verdict verdict_ = Verdict::valid;
};

}  // namespace axonpush::test
