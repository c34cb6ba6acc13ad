// HTTP/1.1 read slowly and obviously: one byte after the other, into strings, with exceptions for everything that ends
// the reading early. The decoders must agree with it on every input; it shares nothing with them but the limits.
#pragma once

#include <arpa/inet.h>
#include <axonpush/http/http1.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
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

// A time as RFC 3339 or an IMF-fixdate writes it: a template in which '0' stands for a digit and '?' for anything.
[[nodiscard]] inline bool matches(std::string_view text, std::string_view form) {
  if (text.size() != form.size()) return false;
  for (std::size_t at = 0; at < form.size(); ++at) {
    const bool digit = text[at] >= '0' && text[at] <= '9';
    if (form[at] == '0' ? !digit : form[at] != '?' && form[at] != text[at]) return false;
  }
  return true;
}
[[nodiscard]] inline int number_at(std::string_view text, std::size_t at, std::size_t size) {
  return std::stoi(std::string(text.substr(at, size)));
}
// Nanoseconds since the epoch, at the nearest end when there are too many. False for a date or time that is none.
[[nodiscard]] inline bool to_nanoseconds(int year, int month, int day, int hour, int minute, int second,
                                         long long fraction, long long offset_seconds, std::int64_t& into) {
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  const int months[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1 || day > months[month - 1] || hour > 23 || minute > 59 || second > 60)
    return false;
  if (second == 60) {
    second = 59;
    fraction = 999'000'000;
  }
  // In whole numbers: not every long double holds 64 bits. Both parts get the sign of the sum, so only a sum out of
  // range overflows.
  std::int64_t seconds = seconds_since_epoch(year, month, day, hour, minute, second) - offset_seconds;
  std::int64_t rest = fraction;
  const bool before = seconds < 0;
  if (before) {
    seconds += 1;
    rest -= 1'000'000'000;
  }
  std::int64_t count = 0;
  if (__builtin_mul_overflow(seconds, std::int64_t{1'000'000'000}, &count) ||
      __builtin_add_overflow(count, rest, &count)) {
    count = before ? INT64_MIN : INT64_MAX;
  }
  into = count;
  return true;
}

[[nodiscard]] inline bool rfc3339(std::string_view text, std::int64_t& into) {
  if (text.size() < 19 || text.size() > 64 || !matches(text.substr(0, 19), "0000-00-00?00:00:00")) return false;
  if (text[10] != 'T' && text[10] != 't') return false;
  std::string_view rest = text.substr(19);
  long long fraction = 0;
  if (!rest.empty() && rest[0] == '.') {
    std::size_t size = rest.find_first_not_of("0123456789", 1);
    if (size == std::string_view::npos) size = rest.size();
    if (size == 1 || size > 10) return false;
    std::string digits(rest.substr(1, size - 1));
    digits.resize(9, '0');
    fraction = std::stoll(digits);
    rest.remove_prefix(size);
  }
  long long offset = 0;
  if (matches(rest, "+00:00") || matches(rest, "-00:00")) {
    const int hours = number_at(rest, 1, 2);
    const int minutes = number_at(rest, 4, 2);
    if (hours > 23 || minutes > 59) return false;
    offset = (rest[0] == '-' ? -60LL : 60LL) * (hours * 60 + minutes);
  } else if (!rest.empty() && rest != "Z" && rest != "z") {
    return false;
  }
  return to_nanoseconds(number_at(text, 0, 4), number_at(text, 5, 2), number_at(text, 8, 2), number_at(text, 11, 2),
                        number_at(text, 14, 2), number_at(text, 17, 2), fraction, offset, into);
}

[[nodiscard]] inline bool http_date(std::string_view text, std::int64_t& into) {
  if (!matches(text, "???, 00 ??? 0000 00:00:00 GMT")) return false;
  const std::string_view names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::string_view days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
  int month = 0;
  for (int at = 0; at < 12; ++at) month = text.substr(8, 3) == names[at] ? at + 1 : month;
  const int year = number_at(text, 12, 4);
  const int day = number_at(text, 5, 2);
  if (!to_nanoseconds(year, month, day, number_at(text, 17, 2), number_at(text, 20, 2), number_at(text, 23, 2), 0, 0,
                      into)) {
    return false;
  }
  const long long since = seconds_since_epoch(year, month, day, 0, 0, 0) / 86'400;
  return text.substr(0, 3) == days[((since % 7) + 7) % 7];
}

// A URL by cutting strings; addresses as the system's own parser takes them.
struct UrlParts {
  std::string scheme;
  std::string host;
  int family = 0;  // AF_INET, AF_INET6, or 0 for a name
  int port = 0;
  std::string path;
  std::string query;
};

[[nodiscard]] inline bool host_name(std::string host) {
  if (!host.empty() && host.back() == '.') host.pop_back();
  if (host.empty() || host.size() > 253) return false;
  std::vector<std::string> labels(1);
  for (const char c : host) {
    if (c == '.') {
      labels.emplace_back();
    } else {
      labels.back() += c;
    }
  }
  const std::string digits = "0123456789";
  const std::string letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (const std::string& label : labels) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (label.find_first_not_of(digits + letters + "-") != std::string::npos) return false;
  }
  const std::string& last = labels.back();
  if (last.find_first_not_of(digits) == std::string::npos) return false;
  const bool prefixed = last.size() >= 2 && last[0] == '0' && (last[1] == 'x' || last[1] == 'X');
  return !prefixed || last.find_first_not_of(digits + "abcdefABCDEF", 2) != std::string::npos;
}

[[nodiscard]] inline bool url(std::string_view text, UrlParts& parts) {
  if (text.size() > 8'192) return false;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return false;
  for (const char c : text.substr(0, colon))
    parts.scheme += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const bool secure = parts.scheme == "https" || parts.scheme == "wss";
  if (!secure && parts.scheme != "http" && parts.scheme != "ws") return false;
  std::string rest(text.substr(colon + 3));
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string authority = rest.substr(0, end);
  rest.erase(0, end);
  if (rest.empty()) rest = "/";
  if (authority.find('\0') != std::string::npos) return false;

  std::string port;
  std::size_t host_end = authority.find(':');
  if (!authority.empty() && authority[0] == '[')
    host_end = authority.find(']') == std::string::npos ? 0 : authority.find(']') + 1;
  if (host_end != std::string::npos) {
    port = authority.substr(host_end);
    authority.erase(host_end);
    if (!port.empty() && port[0] != ':') return false;
    if (!port.empty()) port.erase(0, 1);
  }
  unsigned char address[16];
  if (authority.size() >= 2 && authority[0] == '[') {
    parts.host = authority.substr(1, authority.size() - 2);
    parts.family = AF_INET6;
    if (inet_pton(AF_INET6, parts.host.c_str(), address) != 1) return false;
  } else {
    parts.host = authority;
    parts.family = inet_pton(AF_INET, authority.c_str(), address) == 1 ? AF_INET : 0;
    if (parts.family == 0 && !host_name(authority)) return false;
  }
  parts.port = secure ? 443 : 80;
  if (!port.empty()) {
    if (port.find_first_not_of("0123456789") != std::string::npos) return false;
    while (port.size() > 1 && port[0] == '0') port.erase(0, 1);
    if (port.size() > 5) return false;
    parts.port = std::stoi(port);
    if (parts.port < 1 || parts.port > 65'535) return false;
  }
  if (rest[0] != '/') return false;
  for (std::size_t at = 0; at < rest.size(); ++at) {
    const std::string allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/?%";
    if (allowed.find(rest[at]) == std::string::npos) return false;
    if (rest[at] == '%' && (at + 2 >= rest.size() || std::isxdigit(static_cast<unsigned char>(rest[at + 1])) == 0 ||
                            std::isxdigit(static_cast<unsigned char>(rest[at + 2])) == 0)) {
      return false;
    }
  }
  const std::size_t mark = rest.find('?');
  parts.path = rest.substr(0, mark);
  if (mark != std::string::npos) parts.query = rest.substr(mark + 1);
  return true;
}

}  // namespace axonpush::reference
