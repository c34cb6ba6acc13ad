// What is read from a validated document on request: strings, numbers, members.
//
// A Value made by hand may hold anything, so nothing here trusts the text: a function that meets nonsense answers false
// or the end, and never reads past the view.
#include <axonpush/json/reader.h>

#include <charconv>
#include <system_error>

#include "json/number.h"

namespace axonpush::inline v0::json {

namespace {

// `value` is a string.
[[nodiscard]] std::string_view between_quotes(const Value& value) noexcept {
  if (value.raw.size() < 2) return {};
  return value.raw.substr(1, value.raw.size() - 2);
}

[[nodiscard]] bool has_escape(std::string_view text) noexcept {
  return !text.empty() && std::memchr(text.data(), '\\', text.size()) != nullptr;
}

// Four hexadecimal digits at text[at], at <= text.size(); UINT32_MAX where they are not there.
[[nodiscard]] std::uint32_t code_unit(std::string_view text, std::size_t at) noexcept {
  if (text.size() - at < 4) return UINT32_MAX;
  std::uint32_t unit = 0;
  const auto [stopped, error] = std::from_chars(text.data() + at, text.data() + at + 4, unit, 16);
  return error == std::errc() && stopped == text.data() + at + 4 ? unit : UINT32_MAX;
}

// At most four bytes and fewer than the escape took (six, or twelve for a pair).
[[nodiscard]] std::size_t encode_utf8(std::uint32_t code, char* into) noexcept {
  if (code < 0x80) {
    into[0] = static_cast<char>(code);
    return 1;
  }
  if (code < 0x800) {
    into[0] = static_cast<char>(0xC0 | code >> 6);
    into[1] = static_cast<char>(0x80 | (code & 0x3F));
    return 2;
  }
  if (code < 0x10000) {
    into[0] = static_cast<char>(0xE0 | code >> 12);
    into[1] = static_cast<char>(0x80 | (code >> 6 & 0x3F));
    into[2] = static_cast<char>(0x80 | (code & 0x3F));
    return 3;
  }
  into[0] = static_cast<char>(0xF0 | code >> 18);
  into[1] = static_cast<char>(0x80 | (code >> 12 & 0x3F));
  into[2] = static_cast<char>(0x80 | (code >> 6 & 0x3F));
  into[3] = static_cast<char>(0x80 | (code & 0x3F));
  return 4;
}

// One escape undone: from text[at], its backslash, into at most four bytes. 0 where it is none.
[[nodiscard]] std::size_t undo_escape(std::string_view text, std::size_t& at, char (&into)[4]) noexcept {
  if (text.size() - at < 2) return 0;
  const char letter = text[at + 1];
  if (letter != 'u') {
    static constexpr std::string_view kLetters = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const std::size_t index = kLetters.find(letter);
    if (index == std::string_view::npos) return 0;
    into[0] = kMeanings[index];
    at += 2;
    return 1;
  }
  std::uint32_t code = code_unit(text, at + 2);
  if (code > 0xFFFF || (code >= 0xDC00 && code <= 0xDFFF)) return 0;
  at += 6;
  if (code >= 0xD800 && code <= 0xDBFF) {
    const std::uint32_t low = text.substr(at).starts_with("\\u") ? code_unit(text, at + 2) : UINT32_MAX;
    if (low < 0xDC00 || low > 0xDFFF) return 0;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    at += 6;
  }
  return encode_utf8(code, into);
}

template <class Integer>
[[nodiscard]] bool read_integer(const Value& value, Integer& into) noexcept {
  if (value.kind != Kind::number) return false;
  const char* const end = value.raw.data() + value.raw.size();
  Integer read = 0;
  const auto [stopped, error] = std::from_chars(value.raw.data(), end, read);
  if (error != std::errc() || stopped != end) return false;
  // RFC 8259 6 keeps the sign of -0 and no integer can: it reads as a double only.
  if (read == 0 && value.raw.front() == '-') return false;
  into = read;
  return true;
}

// --- Walking validated text: brackets are known to match, so only their number and the strings matter

[[nodiscard]] bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

[[nodiscard]] std::size_t skip_spaces(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

// Behind the closing quote of the string that begins at text[at], or the end.
[[nodiscard]] std::size_t string_end(std::string_view text, std::size_t at, bool& escapes) noexcept {
  escapes = false;
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1;
    if (text[at] != '\\') continue;
    escapes = true;
    ++at;
  }
  escapes = true;  // no closing quote: what is not JSON is looked through with care
  return text.size();
}

[[nodiscard]] std::size_t container_end(std::string_view text, std::size_t at) noexcept {
  std::size_t depth = 0;
  bool escapes = false;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = string_end(text, at, escapes);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return at;
  }
  return at;
}

[[nodiscard]] std::size_t scalar_end(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && !is_space(text[at]) && text[at] != ',' && text[at] != '}' && text[at] != ']') ++at;
  return at;
}

[[nodiscard]] Value value_at(std::string_view text, std::size_t at) noexcept {
  Value value;
  std::size_t end = at;
  switch (text[at]) {
    case '"':
      value.kind = Kind::string;
      end = string_end(text, at, value.may_have_escapes);
      break;
    case '{':
      value.kind = Kind::object;
      end = container_end(text, at);
      break;
    case '[':
      value.kind = Kind::array;
      end = container_end(text, at);
      break;
    case 't':
    case 'f':
      value.kind = Kind::boolean;
      end = scalar_end(text, at);
      break;
    case 'n':
      value.kind = Kind::null;
      end = scalar_end(text, at);
      break;
    default:
      value.kind = Kind::number;
      end = scalar_end(text, at);
  }
  value.raw = text.substr(at, end - at);
  return value;
}

}  // namespace

bool Value::looked_through(std::string_view& text) const noexcept {
  if (kind != Kind::string) return false;
  const std::string_view inner = between_quotes(*this);
  if (has_escape(inner)) return false;
  text = inner;
  return true;
}

bool Value::unescaped(MutableBytes scratch, std::string_view& text) const noexcept {
  return kind == Kind::string && unescape(between_quotes(*this), scratch, text);
}

bool Value::boolean(bool& value) const noexcept {
  if (kind != Kind::boolean) return false;
  value = raw.starts_with('t');
  return true;
}

bool Value::integer(std::int64_t& value) const noexcept { return read_integer(*this, value); }

bool Value::unsigned_integer(std::uint64_t& value) const noexcept { return read_integer(*this, value); }

bool Value::real(double& value) const noexcept { return kind == Kind::number && !raw.empty() && read_real(raw, value); }

bool unescape(std::string_view escaped, MutableBytes scratch, std::string_view& text) noexcept {
  char* const into = reinterpret_cast<char*>(scratch.data());
  std::size_t size = 0;
  std::size_t at = 0;
  while (at < escaped.size()) {
    // The run up to the next escape as a whole.
    const std::size_t found = escaped.find('\\', at);
    const std::size_t run = (found == std::string_view::npos ? escaped.size() : found) - at;
    if (scratch.size() - size < run) return false;
    if (run != 0) std::memcpy(into + size, escaped.data() + at, run);
    size += run;
    at += run;
    if (at == escaped.size()) break;
    char undone[4];
    const std::size_t count = undo_escape(escaped, at, undone);
    if (count == 0 || scratch.size() - size < count) return false;
    std::memcpy(into + size, undone, count);
    size += count;
  }
  text = std::string_view(into, size);
  return true;
}

Cursor::Cursor(const Value& container) noexcept : object_(container.kind == Kind::object) {
  const bool walks = object_ || container.kind == Kind::array;
  if (walks && container.raw.size() >= 2) left_ = container.raw.substr(1, container.raw.size() - 2);
}

bool Cursor::next(Member& member) noexcept {
  std::size_t at = skip_spaces(left_, 0);
  if (at < left_.size() && left_[at] == ',') at = skip_spaces(left_, at + 1);
  if (at >= left_.size()) return false;
  member = Member();
  if (object_) {
    const std::size_t end = string_end(left_, at, member.key_escaped);
    member.key = left_.substr(at + 1, end - at - 1);
    if (!member.key.empty()) member.key.remove_suffix(1);
    at = skip_spaces(left_, end);
    at = skip_spaces(left_, at + 1);  // the colon
    if (at >= left_.size()) {
      left_ = {};
      return false;
    }
  }
  member.value = value_at(left_, at);
  // Text that is not JSON may not stop the walk from getting on.
  const std::size_t used = at + member.value.raw.size();
  left_.remove_prefix(used > 0 ? used : 1);
  return true;
}

bool key_equals(const Member& member, std::string_view name) noexcept {
  if (!member.key_escaped) return member.key == name;
  // The escapes are undone one by one and compared, so that no key is too long for it.
  std::size_t at = 0, matched = 0;
  while (at < member.key.size()) {
    char undone[4];
    std::size_t count = 1;
    if (member.key[at] == '\\') {
      count = undo_escape(member.key, at, undone);
      if (count == 0) return false;
    } else {
      undone[0] = member.key[at++];
    }
    if (!name.substr(matched).starts_with(std::string_view(undone, count))) return false;
    matched += count;
  }
  return matched == name.size();
}

std::size_t find_member(std::span<const Member> members, std::string_view name, Value& value) noexcept {
  std::size_t times = 0;
  value = Value();
  for (const Member& member : members) {
    if (!key_equals(member, name)) continue;
    value = member.value;
    ++times;
  }
  return times;
}

std::size_t find_member(const Value& object, std::string_view name, Value& value) noexcept {
  std::size_t times = 0;
  value = Value();
  if (object.kind != Kind::object) return times;
  Cursor cursor(object);
  Member member;
  while (cursor.next(member)) {
    if (!key_equals(member, name)) continue;
    value = member.value;
    ++times;
  }
  return times;
}

}  // namespace axonpush::inline v0::json
