#include <axonpush/http/url.h>
#include <axonpush/limits.h>

#include "base/text_writer.h"

namespace axonpush::inline v0::http {

namespace {

constexpr std::string_view kSchemes[] = {"https", "wss", "http", "ws"};  // in the order of Scheme

constexpr bool is_digit(char value) noexcept { return value >= '0' && value <= '9'; }
constexpr char lower(char value) noexcept {
  return value >= 'A' && value <= 'Z' ? static_cast<char>(value | 0x20) : value;
}
constexpr bool is_alphanumeric(char value) noexcept {
  return is_digit(value) || (lower(value) >= 'a' && lower(value) <= 'z');
}
constexpr bool is_hex(char value) noexcept { return is_digit(value) || (lower(value) >= 'a' && lower(value) <= 'f'); }

Error url_error(const char* what, const char* clause, std::size_t offset) noexcept {
  return Error(Errc::url_invalid, what).by(clause).at(offset);
}

// RFC 3986 3.2.2: dec-octet, without a leading zero, which some readers take for octal.
bool read_octet(std::string_view& rest, std::uint8_t& octet) noexcept {
  std::size_t size = 0;
  unsigned value = 0;
  for (; size < rest.size() && size < 3 && is_digit(rest[size]); ++size) {
    value = value * 10 + static_cast<unsigned>(rest[size] - '0');
  }
  if (size == 0 || value > 255 || (size > 1 && rest[0] == '0')) return false;
  rest.remove_prefix(size);
  octet = static_cast<std::uint8_t>(value);
  return true;
}

bool read_ipv4(std::string_view text, std::span<std::uint8_t, 4> octets) noexcept {
  for (std::size_t at = 0; at < 4; ++at) {
    if (at != 0) {
      if (text.empty() || text[0] != '.') return false;
      text.remove_prefix(1);
    }
    if (!read_octet(text, octets[at])) return false;
  }
  return text.empty();
}

// One group of up to four hexadecimal digits.
bool read_group(std::string_view& rest, std::uint8_t* into) noexcept {
  std::size_t size = 0;
  unsigned value = 0;
  for (; size < rest.size() && size < 4 && is_hex(rest[size]); ++size) {
    const char digit = lower(rest[size]);
    value = value * 16 + static_cast<unsigned>(is_digit(digit) ? digit - '0' : digit - 'a' + 10);
  }
  rest.remove_prefix(size);
  store_be16(into, static_cast<std::uint16_t>(value));
  return size != 0;
}

// RFC 3986 3.2.2: IPv6address. Groups up to an optional "::", groups behind it, perhaps a dotted quad at the end. Zone
// identifiers mean nothing outside this host and are refused.
bool read_ipv6(std::string_view text, std::span<std::uint8_t, 16> address) noexcept {
  std::uint8_t found[16] = {};
  std::size_t size = 0;
  std::size_t gap = 17;  // where "::" stood; 17: nowhere
  if (text.size() >= 2 && text[0] == ':' && text[1] == ':') {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    std::uint8_t octets[4];
    if (size <= 12 && read_ipv4(text, octets)) {
      std::memcpy(found + size, octets, 4);
      size += 4;
      break;
    }
    if (size == 16 || !read_group(text, found + size)) return false;
    size += 2;
    if (text.empty()) break;
    if (text[0] != ':') return false;
    text.remove_prefix(1);
    if (text.empty()) return false;
    if (text[0] != ':') continue;
    if (gap != 17) return false;
    gap = size;
    text.remove_prefix(1);
  }
  if (gap == 17 ? size != 16 : size > 14) return false;
  std::memset(address.data(), 0, 16);
  const std::size_t front = gap == 17 ? size : gap;
  if (front != 0) std::memcpy(address.data(), found, front);
  if (size != front) std::memcpy(address.data() + 16 - (size - front), found + front, size - front);
  return true;
}

// RFC 1123 2.1, RFC 1035 2.3.4: letters, digits and inner hyphens, 1 to 63 bytes. Stricter than RFC 3986 3.2.2, which
// allows percent-encoding and much else in a reg-name: nothing of that is a host name.
bool is_label(std::string_view label) noexcept {
  if (label.empty() || label.size() > limits::kHostLabelBytes || label.front() == '-' || label.back() == '-') {
    return false;
  }
  for (const char value : label) {
    if (!is_alphanumeric(value) && value != '-') return false;
  }
  return true;
}

// "127.1", "0x7f.1", "2130706433": what some resolvers take for an address although no name ends so.
bool looks_numeric(std::string_view label) noexcept {
  if (label.size() >= 2 && label[0] == '0' && lower(label[1]) == 'x') {
    label.remove_prefix(2);
    for (const char value : label) {
      if (!is_hex(value)) return false;
    }
    return true;
  }
  for (const char value : label) {
    if (!is_digit(value)) return false;
  }
  return true;
}

const char* judge_name(std::string_view host) noexcept {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (host.empty()) return "the host is empty";
  if (host.size() > limits::kHostBytes) return "the host is too long";
  for (std::string_view rest = host;;) {
    const std::size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (!is_label(label)) return "the host is not a name of letters, digits and hyphens";
    if (dot == std::string_view::npos) {
      return looks_numeric(label) ? "the host is a shorthand of an address" : nullptr;
    }
    rest.remove_prefix(dot + 1);
  }
}

// Answers what is wrong, or nullptr.
const char* read_port(std::string_view digits, std::uint16_t& port) noexcept {
  if (digits.empty()) return nullptr;  // RFC 3986 3.2.3: an empty port is the default one
  std::uint32_t value = 0;
  for (const char digit : digits) {
    if (!is_digit(digit)) return "the port is not a number";
    value = value * 10 + static_cast<std::uint32_t>(digit - '0');
    if (value > 65'535) return "the port is beyond 65535";
  }
  if (value == 0) return "the port is 0";
  port = static_cast<std::uint16_t>(value);
  return nullptr;
}

// RFC 3986 3.2: userinfo, host and port.
const char* read_authority(std::string_view authority, Url& url) noexcept {
  // RFC 3986 3.2.1: whoever sends a password in a URL shows it to every log on the way.
  if (authority.find('@') != std::string_view::npos) return "user information is not accepted";
  std::string_view port;
  if (!authority.empty() && authority[0] == '[') {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return "the IPv6 address has no end";
    url.host = authority.substr(1, close - 1);
    url.host_kind = HostKind::ipv6;
    std::uint8_t address[16];
    if (!read_ipv6(url.host, address)) return "the IPv6 address is malformed";
    port = authority.substr(close + 1);
    if (!port.empty() && port[0] != ':') return "the host is followed by something else than a port";
    if (!port.empty()) port.remove_prefix(1);
  } else {
    const std::size_t colon = authority.find(':');
    url.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon + 1);
    std::uint8_t octets[4];
    url.host_kind = read_ipv4(url.host, octets) ? HostKind::ipv4 : HostKind::name;
    if (url.host_kind == HostKind::name) {
      if (const char* what = judge_name(url.host)) return what;
    }
  }
  return read_port(port, url.port);
}

// RFC 3986 3.3, 3.4: pchar, "/" and, from the query on, "?". Answers the offset of what does not fit, or npos.
std::size_t find_bad_byte(std::string_view text) noexcept {
  constexpr std::string_view kOthers = "-._~!$&'()*+,;=:@/?";
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%') {
      // RFC 3986 2.1: two digits follow. What they mean is the server's business: they pass as they are.
      if (text.size() - at < 3 || !is_hex(text[at + 1]) || !is_hex(text[at + 2])) return at;
      at += 2;
    } else if (!is_alphanumeric(text[at]) && kOthers.find(text[at]) == std::string_view::npos) {
      return at;
    }
  }
  return std::string_view::npos;
}

bool read_scheme(std::string_view text, Scheme& scheme, std::size_t& size) noexcept {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.substr(colon, 3) != "://") return false;
  for (std::size_t row = 0; row < std::size(kSchemes); ++row) {
    const std::string_view name = kSchemes[row];
    if (name.size() != colon) continue;
    std::size_t at = 0;
    while (at < colon && lower(text[at]) == name[at]) ++at;  // RFC 3986 3.1: without regard to case
    if (at != colon) continue;
    scheme = static_cast<Scheme>(row);
    size = colon + 3;
    return true;
  }
  return false;
}

}  // namespace

Result<Url> parse_url(std::string_view text) noexcept {
  if (text.size() > limits::kUrlBytes) return url_error("the URL is too long", "", limits::kUrlBytes);
  Url url;
  std::size_t authority_at = 0;
  if (!read_scheme(text, url.scheme, authority_at)) {
    return url_error("the URL does not begin with https://, wss://, http:// or ws://", "RFC 3986 3.1", 0);
  }
  url.port = url.secure() ? 443 : 80;
  const std::string_view rest = text.substr(authority_at);
  const std::size_t authority_size = rest.find_first_of("/?#");
  if (const char* what = read_authority(rest.substr(0, authority_size), url)) {
    return url_error(what, "RFC 3986 3.2", authority_at);
  }
  if (authority_size == std::string_view::npos) {
    // RFC 9112 3.2.1: an empty path is sent as "/".
    url.path_query = url.path = "/";
    return url;
  }
  url.path_query = rest.substr(authority_size);
  const std::size_t offset = authority_at + authority_size;
  if (url.path_query[0] == '?') {
    // Stricter than RFC 3986 3.3: sending it would need a "/" that the text does not have.
    return url_error("a query without a path in front", "RFC 3986 3.3", offset);
  }
  const std::size_t bad = find_bad_byte(url.path_query);
  if (bad != std::string_view::npos) {
    // RFC 6455 3: no fragment; a request never carries one.
    const bool fragment = url.path_query[bad] == '#';
    return url_error(fragment ? "a fragment is not accepted" : "a byte that must be percent-encoded, or a bad '%'",
                     fragment ? "RFC 6455 3" : "RFC 3986 2", offset + bad);
  }
  const std::size_t mark = url.path_query.find('?');
  url.path = url.path_query.substr(0, mark);
  if (mark != std::string_view::npos) url.query = url.path_query.substr(mark + 1);
  return url;
}

bool loopback_literal(std::string_view host) noexcept {
  std::uint8_t octets[4];
  if (read_ipv4(host, octets)) return octets[0] == 127;
  std::uint8_t address[16];
  if (!read_ipv6(host, address)) return false;
  for (std::size_t at = 0; at < 15; ++at) {
    if (address[at] != 0) return false;
  }
  return address[15] == 1;
}

std::size_t redact_url(const Url& url, std::span<char> into) noexcept {
  TextWriter writer(into);
  writer.text(kSchemes[static_cast<std::size_t>(url.scheme)]);
  writer.text(url.host_kind == HostKind::ipv6 ? "://[" : "://");
  writer.escaped(url.host);
  if (url.host_kind == HostKind::ipv6) writer.character(']');
  if (!url.default_port()) {
    writer.character(':');
    writer.number(url.port);
  }
  writer.escaped(url.path);
  if (url.path_query.size() > url.path.size()) {
    writer.text("?...(");
    writer.number(url.query.size());
    writer.text(" bytes)");
  }
  return writer.size();
}

}  // namespace axonpush::inline v0::http
