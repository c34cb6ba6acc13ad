// HTTP/1.1 read slowly and obviously: one byte after the other, into strings, with exceptions for everything that ends
// the reading early. The decoders must agree with it on every input; it shares nothing with them but the limits.
#pragma once

#include <axonpush/http/http1.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace axonpush::reference {

struct HttpMessage {
  Errc error = Errc::none;  // http_truncated: the stream ended first
  bool has_head = false;
  int status = 0;
  int version_minor = 1;
  std::string reason;  // requests: "METHOD target"
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::size_t size = 0;  // bytes of the input that belong to the message, when there is no error
};

class HttpReader {
 public:
  HttpReader(std::string_view input, http::StreamEnd end) : input_(input), end_(end) {}

  HttpMessage response(const http::ResponseContext& context) {
    return guarded([&] { read_response(context); });
  }
  HttpMessage request(const http::RequestContext& context) {
    return guarded([&] { read_request(context); });
  }

 private:
  struct Refused {
    Errc code;
  };

  template <class Read>
  HttpMessage guarded(Read read) {
    try {
      read();
      message_.size = at_;
    } catch (const Refused& refused) {
      message_.error = refused.code;
    }
    return std::move(message_);
  }
  [[noreturn]] static void malformed() { throw Refused{Errc::http_malformed}; }
  [[noreturn]] static void too_large() { throw Refused{Errc::http_too_large}; }

  char get() {
    if (at_ == input_.size()) throw Refused{Errc::http_truncated};
    if (in_head_ && head_left_-- == 0) too_large();
    return input_[at_++];
  }
  void expect(char wanted) {
    if (get() != wanted) malformed();
  }
  void expect(std::string_view wanted) {
    for (const char letter : wanted) expect(letter);
  }

  static bool digit(char c) { return c >= '0' && c <= '9'; }
  static bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
  static bool token(char c) {
    return digit(c) || letter(c) ||
           (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
  }
  static bool visible(char c) { return c > ' ' && c < 0x7F; }
  static bool text(char c) { return visible(c) || c == ' ' || c == '\t' || static_cast<unsigned char>(c) >= 0x80; }
  static bool blank(char c) { return c == ' ' || c == '\t'; }
  static std::string lowered(std::string_view from) {
    std::string into;
    for (const char c : from) into += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return into;
  }
  static std::string trimmed(std::string from) {
    while (!from.empty() && blank(from.back())) from.pop_back();
    while (!from.empty() && blank(from.front())) from.erase(0, 1);
    return from;
  }

  // The rest of a line whose first bytes are in `line` already, up to its CRLF, which is read too.
  void rest_of_line(std::string& line, std::size_t size_max) {
    for (;;) {
      const char c = get();
      if (c == '\r') break;
      if (!text(c)) malformed();
      line += c;
      if (line.size() > size_max) too_large();
    }
    expect('\n');
  }

  void start_head() {
    in_head_ = true;
    message_.headers.clear();
    has_length_ = chunked_ = false;
    hosts_ = 0;
  }
  char first_of_head() {
    char c = get();
    while (c == '\r') {
      expect('\n');
      c = get();
    }
    return c;
  }
  void read_minor() {
    const char minor = get();
    if (!digit(minor)) malformed();
    message_.version_minor = minor == '0' ? 0 : 1;
  }

  void read_fields() {
    for (;;) {
      char c = get();
      if (c == '\r') {
        expect('\n');
        return;
      }
      std::string name;
      while (token(c)) {
        name += c;
        if (name.size() > limits::kHttpHeaderLineBytes) too_large();
        c = get();
      }
      if (c != ':' || name.empty()) {
        // A colon that makes the line too long is too long before it is anything else.
        malformed();
      }
      if (message_.headers.size() == limits::kHttpHeaderCount) too_large();
      std::string line = name + ':';
      if (line.size() > limits::kHttpHeaderLineBytes) too_large();
      rest_of_line(line, limits::kHttpHeaderLineBytes);
      const std::string value = trimmed(line.substr(name.size() + 1));
      message_.headers.emplace_back(name, value);
      read_meaning(lowered(name), value);
    }
  }

  void read_meaning(const std::string& name, const std::string& value) {
    if (name == "content-length") read_length(value);
    if (name == "transfer-encoding") {
      if (chunked_ || lowered(value) != "chunked" || message_.version_minor == 0) malformed();
      chunked_ = true;
    }
    if (name == "content-encoding" && !value.empty() && lowered(value) != "identity") malformed();
    if (name == "host") ++hosts_;
    if (has_length_ && chunked_) malformed();
  }

  void read_length(const std::string& value) {
    std::vector<std::string> parts(1);
    for (const char c : value) {
      if (c == ',') {
        parts.emplace_back();
      } else {
        parts.back() += c;
      }
    }
    for (const std::string& part : parts) {
      const std::string digits = trimmed(part);
      std::string significant;
      for (const char c : digits) {
        if (!digit(c)) {
          // Digits in front of it may have been too many already.
          if (significant.size() > 20 || (significant.size() == 20 && significant > "18446744073709551615"))
            too_large();
          malformed();
        }
        if (c != '0' || !significant.empty()) significant += c;
      }
      if (digits.empty()) malformed();
      if (significant.size() > 20 || (significant.size() == 20 && significant > "18446744073709551615")) too_large();
      const std::uint64_t length = significant.empty() ? 0 : std::stoull(significant);
      if (has_length_ && length != length_) malformed();
      has_length_ = true;
      length_ = length;
    }
  }

  void read_response(const http::ResponseContext& context) {
    head_left_ = context.limits.head_bytes;
    for (std::size_t interim = 0;; ++interim) {
      start_head();
      read_status_line();
      read_fields();
      in_head_ = false;
      const int status = message_.status;
      if (status >= 200) break;
      if (status == 101) {
        if (!context.upgrade_requested) malformed();
        message_.has_head = true;
        return;
      }
      if (interim == limits::kHttpInterimCount) malformed();
    }
    const int status = message_.status;
    const bool bodiless =
        status == 204 || status == 304 || context.head_request || (context.connect_request && status < 300);
    if (!bodiless && has_length_ && length_ > context.limits.body_bytes) too_large();
    message_.has_head = true;
    if (!bodiless) read_body(context.limits.body_bytes, true);
  }

  void read_status_line() {
    if (first_of_head() != 'H') malformed();
    expect("TTP/1.");
    read_minor();
    expect(' ');
    std::string digits;
    for (int at = 0; at < 3; ++at) {
      digits += get();
      if (!digit(digits.back()) || digits.front() == '0') malformed();
    }
    message_.status = std::stoi(digits);
    message_.reason.clear();
    const char c = get();
    if (c == '\r') {
      expect('\n');
      return;
    }
    if (c != ' ') malformed();
    std::string line(13, 'x');
    rest_of_line(line, limits::kHttpStatusLineBytes);
    message_.reason = line.substr(13);
  }

  void read_request(const http::RequestContext& context) {
    head_left_ = context.limits.head_bytes;
    start_head();
    std::string line;
    for (char c = first_of_head(); c != ' '; c = get()) {
      if (!token(c)) malformed();
      line += c;
      if (line.size() > limits::kHttpStatusLineBytes) too_large();
    }
    if (line.empty()) malformed();
    line += ' ';
    std::size_t target = 0;
    for (char c = get(); c != ' ' || target == 0; c = get()) {
      if (line.size() >= limits::kHttpStatusLineBytes && visible(c)) too_large();
      if (!visible(c)) {
        if (line.size() > limits::kHttpStatusLineBytes) too_large();
        malformed();
      }
      line += c;
      ++target;
    }
    message_.reason = line;
    expect("HTTP/1.");
    read_minor();
    expect("\r\n");
    read_fields();
    in_head_ = false;
    if (context.require_host && (hosts_ > 1 || (hosts_ == 0 && message_.version_minor != 0))) malformed();
    if (has_length_ && length_ > context.limits.body_bytes) too_large();
    message_.has_head = true;
    read_body(context.limits.body_bytes, false);
  }

  void read_body(std::size_t size_max, bool to_eof) {
    if (chunked_) return read_chunks(size_max);
    if (has_length_) {
      for (std::uint64_t at = 0; at < length_; ++at) message_.body += get();
      return;
    }
    if (!to_eof) return;
    while (at_ < input_.size()) {
      if (message_.body.size() == size_max) too_large();
      message_.body += get();
    }
    if (end_ == http::StreamEnd::cut) throw Refused{Errc::http_truncated};
  }

  char framing() {
    const char c = get();
    if (framing_left_-- == 0) too_large();
    return c;
  }
  char chunk_line() {
    const char c = framing();
    if (c != '\r' && ++chunk_line_bytes_ > limits::kHttpChunkLineBytes) too_large();
    return c;
  }

  static int hex(char c) {
    const std::size_t at = std::string_view("0123456789abcdefABCDEF").find(c);
    if (at == std::string_view::npos) return -1;
    return static_cast<int>(at < 16 ? at : at - 6);
  }

  void read_chunks(std::size_t size_max) {
    framing_left_ = limits::kHttpChunkOverheadFactor * size_max;
    for (;;) {
      chunk_line_bytes_ = 0;
      std::uint64_t size = 0;
      char c = chunk_line();
      if (hex(c) < 0) malformed();
      while (hex(c) >= 0) {
        size = size * 16 + static_cast<std::uint64_t>(hex(c));
        if (size > size_max - message_.body.size()) too_large();
        c = chunk_line();
      }
      read_extensions(c);
      if (framing() != '\n') malformed();
      if (size == 0) break;
      for (std::uint64_t at = 0; at < size; ++at) message_.body += get();
      if (framing() != '\r') malformed();
      if (framing() != '\n') malformed();
    }
    read_trailers();
  }

  // From `c`, the first byte behind the size, to the CR that ends the line.
  void read_extensions(char c) {
    while (c != '\r') {
      while (blank(c)) c = chunk_line();
      if (c != ';') malformed();
      do c = chunk_line();
      while (blank(c));
      if (!token(c)) malformed();
      while (token(c)) c = chunk_line();
      bool white = false;
      while (blank(c)) {
        c = chunk_line();
        white = true;
      }
      if (c == '=') {
        do c = chunk_line();
        while (blank(c));
        white = false;
        if (c == '"') {
          read_quoted();
          c = chunk_line();
        } else {
          if (!token(c)) malformed();
          while (token(c)) c = chunk_line();
        }
        while (blank(c)) {
          c = chunk_line();
          white = true;
        }
      }
      if (c != ';' && (c != '\r' || white)) malformed();
    }
  }
  void read_quoted() {
    for (;;) {
      char c = chunk_line();
      if (c == '"') return;
      if (!text(c)) malformed();
      if (c == '\\' && !text(chunk_line())) malformed();
    }
  }

  char trailer_byte() {
    const char c = get();
    if (++trailer_bytes_ > limits::kHttpTrailerBytes) too_large();
    return c;
  }
  void read_trailers() {
    for (;;) {
      char c = get();
      if (c == '\r') {
        expect('\n');
        return;
      }
      if (++trailer_bytes_ > limits::kHttpTrailerBytes) too_large();
      if (!token(c)) malformed();
      while (token(c)) c = trailer_byte();
      if (c != ':') malformed();
      do c = trailer_byte();
      while (text(c));
      if (c != '\r') malformed();
      if (trailer_byte() != '\n') malformed();
    }
  }

  std::string_view input_;
  http::StreamEnd end_;
  std::size_t at_ = 0;
  std::size_t head_left_ = 0;
  bool in_head_ = false;
  bool has_length_ = false;
  bool chunked_ = false;
  int hosts_ = 0;
  std::uint64_t length_ = 0;
  std::size_t framing_left_ = 0;
  std::size_t chunk_line_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  HttpMessage message_;
};

// Days and seconds the slow way: by counting.
[[nodiscard]] inline long long seconds_since_epoch(int year, int month, int day, int hour, int minute, int second) {
  const auto leap = [](int of) { return (of % 4 == 0 && of % 100 != 0) || of % 400 == 0; };
  const int months[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  long long days = day - 1;
  for (int at = 1; at < month; ++at) days += months[at - 1] + (at == 2 && leap(year) ? 1 : 0);
  for (int at = 1970; at < year; ++at) days += leap(at) ? 366 : 365;
  for (int at = year; at < 1970; ++at) days -= leap(at) ? 366 : 365;
  return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

}  // namespace axonpush::reference
