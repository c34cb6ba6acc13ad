#include "json/walk.h"

#include <system_error>

#include "json/number.h"

namespace axonpush::inline v0::json {

namespace {

const std::uint8_t* refuse(Findings& findings, Fault fault, const std::uint8_t* at) noexcept {
  findings.fault = fault;
  findings.fault_at = at;
  return nullptr;
}

int hex_value(std::uint8_t byte) noexcept {
  if (is_digit(byte)) return byte - '0';
  const int lower = byte | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The four digits of \uXXXX from `at`, or -1 where they are not there.
int code_unit(const std::uint8_t* at, const std::uint8_t* end) noexcept {
  if (end - at < 4) return -1;
  int unit = 0;
  for (int digit = 0; digit < 4; ++digit) {
    const int value = hex_value(at[digit]);
    if (value < 0) return -1;
    unit = unit << 4 | value;
  }
  return unit;
}

const std::uint8_t* literal_end(const std::uint8_t* at, const std::uint8_t* end, std::string_view name,
                                Findings& findings) noexcept {
  if (static_cast<std::size_t>(end - at) < name.size() || std::memcmp(at, name.data(), name.size()) != 0) {
    return refuse(findings, Fault::literal, at);
  }
  return at + name.size();
}

const std::uint8_t* digits_end(const std::uint8_t* at, const std::uint8_t* end) noexcept {
  while (at != end && is_digit(*at)) ++at;
  return at;
}

}  // namespace

const std::uint8_t* escape_end(const std::uint8_t* at, const std::uint8_t* end, Findings& findings) noexcept {
  if (end - at < 2) return refuse(findings, Fault::cut_off, end);
  switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return at + 2;
    case 'u':
      break;
    default:
      return refuse(findings, Fault::escape, at);  // RFC 8259 7: no other escapes
  }
  const int unit = code_unit(at + 2, end);
  if (unit < 0) return refuse(findings, Fault::escape, at);
  if (unit < 0xD800 || unit > 0xDFFF) return at + 6;
  // Stricter than RFC 8259 8.2: an unpaired surrogate has no UTF-8 form, so a reader could only invent one.
  if (unit > 0xDBFF || end - at < 8 || at[6] != '\\' || at[7] != 'u') return refuse(findings, Fault::surrogate, at);
  const int low = code_unit(at + 8, end);
  if (low < 0xDC00 || low > 0xDFFF) return refuse(findings, Fault::surrogate, at);
  return at + 12;
}

// RFC 8259 6: [ "-" ] int [ frac ] [ exp ]. A leading zero ends the number, and the digit behind it is unexpected.
const std::uint8_t* number_end(const std::uint8_t* at, const std::uint8_t* end, Findings& findings) noexcept {
  const std::uint8_t* const start = at;
  if (*at == '-') ++at;
  if (at == end || !is_digit(*at)) return refuse(findings, Fault::number, at);
  at = *at == '0' ? at + 1 : digits_end(at + 1, end);
  bool may_overflow = at - start > kFiniteDigits;
  if (at != end && *at == '.') {
    const std::uint8_t* const fraction = at + 1;
    at = digits_end(fraction, end);
    if (at == fraction) return refuse(findings, Fault::number, at);
  }
  if (at != end && (*at | 0x20) == 'e') {
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    const std::uint8_t* const exponent = at;
    at = digits_end(exponent, end);
    if (at == exponent) return refuse(findings, Fault::number, at);
    may_overflow = true;
  }
  // RFC 8259 6: a range may be limited; ours is that of a double, and infinity is not in it.
  double value = 0;
  if (may_overflow && !read_real(text_of({start, at}), value)) return refuse(findings, Fault::overflow, start);
  return at;
}

const std::uint8_t* scalar_end(const std::uint8_t* at, const std::uint8_t* end, Findings& findings) noexcept {
  if (at == end) return refuse(findings, Fault::cut_off, end);
  if (is_digit(*at) || *at == '-') return number_end(at, end, findings);
  // RFC 8259 3: the literal names must be lowercase.
  if (*at == 't') return literal_end(at, end, "true", findings);
  if (*at == 'f') return literal_end(at, end, "false", findings);
  if (*at == 'n') return literal_end(at, end, "null", findings);
  return refuse(findings, Fault::unexpected, at);
}

}  // namespace axonpush::inline v0::json
