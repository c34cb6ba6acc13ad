// The shared vectors' lines: each a JSON object, flattened to named texts ("fields.properties.user_property.0.1"). It
// trusts its input, which is not a peer's: strings, whole numbers, true, false, null, arrays and objects.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "support/paths.h"

namespace axonpush::test {

class VectorLine {
 public:
  using Values = std::map<std::string, std::string>;
  static Values read(const std::string& line) {
    VectorLine reader(line);
    reader.value("");
    return reader.values_;
  }

 private:
  explicit VectorLine(const std::string& line) : line_(line) {}

  char peek() {
    while (line_[at_] == ' ' || line_[at_] == ',' || line_[at_] == ':') ++at_;
    return line_[at_];
  }
  static std::string below(const std::string& name, const std::string& member) {
    return name.empty() ? member : name + "." + member;
  }
  void value(const std::string& name) {
    switch (peek()) {
      case '{':
        for (++at_; peek() != '}';) {
          const std::string member = string();
          value(below(name, member));
        }
        ++at_;
        break;
      case '[': {
        std::size_t count = 0;
        for (++at_; peek() != ']';) value(below(name, std::to_string(count++)));
        ++at_;
        break;
      }
      case '"':
        values_[name] = string();
        break;
      default: {
        const std::size_t begin = at_;
        while (line_.find_first_of(",]} ", at_) != at_) ++at_;
        values_[name] = line_.substr(begin, at_ - begin);
        break;
      }
    }
  }
  std::string string() {
    std::string text;
    peek();
    for (++at_; line_[at_] != '"'; ++at_) {
      if (line_[at_] != '\\') {
        text.push_back(line_[at_]);
        continue;
      }
      ++at_;
      switch (line_[at_]) {
        case 'u':
          escaped(code_at(at_ + 1), text);
          at_ += 4;
          break;
        case 'n':
          text.push_back('\n');
          break;
        case 'r':
          text.push_back('\r');
          break;
        case 't':
          text.push_back('\t');
          break;
        default:
          text.push_back(line_[at_]);
          break;
      }
    }
    ++at_;
    return text;
  }
  unsigned code_at(std::size_t at) const { return static_cast<unsigned>(std::stoul(line_.substr(at, 4), nullptr, 16)); }
  // A pair of surrogates is one character; the second half stands right behind.
  void escaped(unsigned code, std::string& text) {
    if (code >= 0xD800 && code < 0xDC00) {
      code = 0x10000 + ((code - 0xD800) << 10) + (code_at(at_ + 7) - 0xDC00);
      at_ += 6;
    }
    const auto put = [&text](unsigned byte) { text.push_back(static_cast<char>(byte)); };
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

  const std::string& line_;
  std::size_t at_ = 0;
  Values values_;
};

// The lines of shared/vectors/NAME beside the source tree; none when the file is not there.
inline std::vector<VectorLine::Values> vectors(const std::string& name) {
  std::vector<VectorLine::Values> lines;
  std::ifstream file(source_dir() + "/../shared/vectors/" + name);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(VectorLine::read(line));
  }
  return lines;
}

}  // namespace axonpush::test
