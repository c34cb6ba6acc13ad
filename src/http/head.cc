#include "http/head.h"

#include "base/assert.h"
#include "http/scan.h"

namespace axonpush::inline v0::http::detail {

namespace {

constexpr const char* kListClause = "RFC 9112 6.3";

[[nodiscard]] constexpr bool is_blank(char byte) noexcept { return byte == ' ' || byte == '\t'; }

// RFC 9110 5.5: white space around a field value is not part of it.
[[nodiscard]] std::string_view trim(const std::uint8_t* from, const std::uint8_t* end) noexcept {
  while (from != end && is_blank(static_cast<char>(*from))) ++from;
  while (from != end && is_blank(static_cast<char>(end[-1]))) --end;
  return text_of({from, end});
}

// Compares a field name with one in lower case of at least 8 bytes, both of the same size, eight bytes at a time.
// Setting bit 5 makes capital letters small; of the other bytes a token may have it merges none with a letter or a '-'.
[[nodiscard]] bool is_named(std::string_view name, std::string_view lower) noexcept {
  constexpr std::uint64_t kCaseBits = 0x2020202020202020;
  const auto load = [](const char* from) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, sizeof word);
    return word;
  };
  AXONPUSH_ASSERT(name.size() == lower.size());
  AXONPUSH_ASSERT(lower.size() >= 8);
  for (std::size_t at = 0; at + 8 < lower.size(); at += 8) {
    if ((load(name.data() + at) | kCaseBits) != load(lower.data() + at)) return false;
  }
  const std::size_t last = lower.size() - 8;
  return (load(name.data() + last) | kCaseBits) == load(lower.data() + last);
}

// One decimal of a Content-Length list.
Progress read_length(std::string_view& rest, std::uint64_t& value) noexcept {
  std::size_t at = 0;
  bool overflow = false;
  value = 0;
  for (; at < rest.size() && rest[at] >= '0' && rest[at] <= '9'; ++at) {
    const auto digit = static_cast<std::uint64_t>(rest[at] - '0');
    overflow = overflow || __builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
               __builtin_add_overflow(value, digit, &value);
  }
  if (at == 0) return Progress::error;
  rest.remove_prefix(at);
  return overflow ? Progress::need_more : Progress::done;
}

// RFC 9110 8.6: 1*DIGIT, and a list of equal ones is one.
bool note_content_length(std::string_view value, Framing& framing, Fault& fault) noexcept {
  std::string_view rest = value;
  for (;;) {
    std::uint64_t length = 0;
    const Progress progress = read_length(rest, length);
    if (progress == Progress::error) {
      fault = malformed("Content-Length is not a number", "RFC 9110 8.6", 0);
      return false;
    }
    if (progress == Progress::need_more) {
      fault = too_large("Content-Length is beyond all bounds", 0);
      return false;
    }
    // RFC 9112 6.3: differing lengths make the framing invalid.
    if (framing.has_length && framing.content_length != length) {
      fault = malformed("two Content-Lengths differ", kListClause, 0);
      return false;
    }
    framing.has_length = true;
    framing.content_length = length;
    while (!rest.empty() && is_blank(rest[0])) rest.remove_prefix(1);
    if (rest.empty()) return true;
    if (rest[0] != ',') {
      fault = malformed("Content-Length is not a number", "RFC 9110 8.6", 0);
      return false;
    }
    rest.remove_prefix(1);
    while (!rest.empty() && is_blank(rest[0])) rest.remove_prefix(1);
  }
}

bool note_transfer_encoding(std::string_view value, Framing& framing, Fault& fault) noexcept {
  // Stricter than RFC 9112 6.1: nothing but one `chunked` is understood, so everything else is refused.
  if (framing.chunked || !equals_ignoring_case(value, "chunked")) {
    fault = malformed("a transfer coding other than one chunked", "RFC 9112 6.1", 0);
    return false;
  }
  // RFC 9112 6.1: a Transfer-Encoding in HTTP/1.0 means that the framing is faulty.
  if (framing.version_minor == 0) {
    fault = malformed("Transfer-Encoding in HTTP/1.0", "RFC 9112 6.1", 0);
    return false;
  }
  framing.chunked = true;
  return true;
}

// The fields on which the reading of the rest depends.
bool note_field(std::string_view name, std::string_view value, Framing& framing, Fault& fault) noexcept {
  switch (name.size()) {
    case 14:
      if (!is_named(name, "content-length")) return true;
      if (!note_content_length(value, framing, fault)) return false;
      break;
    case 17:
      if (!is_named(name, "transfer-encoding")) return true;
      if (!note_transfer_encoding(value, framing, fault)) return false;
      break;
    case 16:
      // RFC 9110 8.4: we ask for identity and inflate nothing, so a coded body is one we cannot read.
      if (is_named(name, "content-encoding") && !value.empty() && !equals_ignoring_case(value, "identity")) {
        fault = malformed("a content coding nobody asked for", "RFC 9110 8.4", 0);
        return false;
      }
      return true;
    default:
      return true;
  }
  // RFC 9112 6.3: both at once is how requests and responses are smuggled.
  if (framing.has_length && framing.chunked) {
    fault = malformed("Content-Length beside Transfer-Encoding", "RFC 9112 6.3", 0);
    return false;
  }
  return true;
}

Fault name_fault(std::uint8_t byte, std::size_t offset, bool first) noexcept {
  if (byte == ' ' || byte == '\t') {
    // Stricter than RFC 9112 5.2: a folded line is refused, not joined. RFC 9112 2.2: nor is white space skipped.
    if (first) return malformed("a line begins with white space", "RFC 9112 5.2", offset);
    return malformed("white space in front of the colon", "RFC 9112 5.1", offset);
  }
  if (first && byte == ':') return malformed("a field has no name", "RFC 9112 5.1", offset);
  if (byte == '\r' || byte == '\n') return malformed("a field has no colon", "RFC 9112 5", offset);
  return malformed("a byte that no field name may have", "RFC 9110 5.6.2", offset);
}

// What stands where a line should go on or end in CRLF. [at, end) is not empty.
Progress line_break(const std::uint8_t* at, const std::uint8_t* end, std::size_t offset, Fault& fault) noexcept {
  if (*at == '\n') {
    // Stricter than RFC 9112 2.2: a bare LF ends no line; two readings of one head are a way to smuggle.
    fault = malformed("a line ends in a bare LF", "RFC 9112 2.2", offset);
    return Progress::error;
  }
  if (*at != '\r') {
    fault = malformed("a control character in a line", "RFC 9110 5.5", offset);
    return Progress::error;
  }
  if (at + 1 == end) return Progress::need_more;
  if (at[1] == '\n') return Progress::done;
  fault = malformed("a CR that no LF follows", "RFC 9112 2.2", offset + 1);
  return Progress::error;
}

}  // namespace

Progress skip_empty_lines(Bytes input, std::size_t& size, Fault& fault) noexcept {
  size = 0;
  while (size < input.size() && input[size] == '\r') {
    if (size + 1 == input.size()) return Progress::need_more;
    if (input[size + 1] != '\n') {
      fault = malformed("a CR that no LF follows", "RFC 9112 2.2", size + 1);
      return Progress::error;
    }
    size += 2;
  }
  return Progress::done;
}

void rebase(HeadState& state, HeaderTable& table, const std::uint8_t* base) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(base);
  if (state.base == address) return;
  const auto moved = [&](std::string_view view) {
    const std::size_t offset = reinterpret_cast<std::uintptr_t>(view.data()) - state.base;
    return std::string_view(reinterpret_cast<const char*>(base) + offset, view.size());
  };
  for (std::size_t row = 0; row < state.count; ++row) {
    table.rows[row] = {moved(table.rows[row].name), moved(table.rows[row].value)};
  }
  state.base = address;
}

Progress read_line_end(Bytes head, HeadState& state, Fault& fault) noexcept {
  const std::uint8_t* const base = head.data();
  const std::uint8_t* const end = base + head.size();
  const std::uint8_t* const at = field_end(base + state.scanned, end);
  const auto offset = static_cast<std::size_t>(at - base);
  state.scanned = offset;
  if (offset > limits::kHttpStatusLineBytes) {
    fault = too_large("the first line is too long", limits::kHttpStatusLineBytes);
    return Progress::error;
  }
  return at == end ? Progress::need_more : line_break(at, end, offset, fault);
}

Progress read_fields(Bytes head, HeadState& state, HeaderTable& table, Framing& framing, Fault& fault) noexcept {
  const std::uint8_t* const base = head.data();
  const std::uint8_t* const end = base + head.size();
  rebase(state, table, base);
  const std::uint8_t* line = base + state.line_at;
  const std::uint8_t* at = base + state.scanned;
  const std::uint8_t* colon = state.mark == 0 ? nullptr : base + state.mark;
  std::size_t count = state.count;
  const auto offset_of = [base](const std::uint8_t* where) { return static_cast<std::size_t>(where - base); };
  constexpr auto kLineBytes = static_cast<std::ptrdiff_t>(limits::kHttpHeaderLineBytes);

  Progress progress = Progress::done;
  for (;;) {
    if (colon == nullptr) {
      if (at == line && at != end && *at == '\r') {
        progress = line_break(at, end, offset_of(at), fault);
        if (progress == Progress::done) line += 2;
        break;
      }
      at = token_end(at, end);
      if (at - line > kLineBytes) {
        fault = too_large("a field line is too long", offset_of(line) + limits::kHttpHeaderLineBytes);
        progress = Progress::error;
        break;
      }
      if (at == end) {
        progress = Progress::need_more;
        break;
      }
      if (*at != ':' || at == line) {
        fault = name_fault(*at, offset_of(at), at == line);
        progress = Progress::error;
        break;
      }
      if (count == limits::kHttpHeaderCount) {
        fault = too_large("too many fields", offset_of(line));
        progress = Progress::error;
        break;
      }
      colon = at++;
    }
    at = field_end(at, end);
    if (at - line > kLineBytes) {
      fault = too_large("a field line is too long", offset_of(line) + limits::kHttpHeaderLineBytes);
      progress = Progress::error;
      break;
    }
    progress = at == end ? Progress::need_more : line_break(at, end, offset_of(at), fault);
    if (progress != Progress::done) break;
    Header& header = table.rows[count++];
    header = {text_of({line, colon}), trim(colon + 1, at)};
    if (!note_field(header.name, header.value, framing, fault)) {
      fault.offset = offset_of(line);
      progress = Progress::error;
      break;
    }
    at += 2;
    line = at;
    colon = nullptr;
  }
  state.line_at = offset_of(line);
  state.scanned = offset_of(at);
  state.mark = colon == nullptr ? 0 : offset_of(colon);
  state.count = count;
  return progress;
}

std::string_view find_header(std::span<const Header> headers, std::string_view name) noexcept {
  for (const Header& header : headers) {
    if (header.name.size() != name.size()) continue;
    std::size_t at = 0;
    while (at < name.size() && lower_case(header.name[at]) == lower_case(name[at])) ++at;
    if (at == name.size()) return header.value;
  }
  return {};
}

std::size_t count_headers(std::span<const Header> headers, std::string_view name) noexcept {
  std::size_t found = 0;
  for (const Header& header : headers) {
    std::size_t at = 0;
    if (header.name.size() != name.size()) continue;
    while (at < name.size() && lower_case(header.name[at]) == lower_case(name[at])) ++at;
    if (at == name.size()) ++found;
  }
  return found;
}

}  // namespace axonpush::inline v0::http::detail
