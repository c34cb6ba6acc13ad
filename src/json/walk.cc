#include "json/walk.h"

#include <charconv>
#include <cstdlib>
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

#if defined(__cpp_lib_to_chars)
bool read_real(std::string_view text, double& value) noexcept {
  const char* const end = text.data() + text.size();
  double read = 0;
  const auto [stopped, error] = std::from_chars(text.data(), end, read);
  if (stopped != end) return false;
  if (error == std::errc()) {
    value = read;
    return read - read == 0;
  }
  if (error != std::errc::result_out_of_range || decimal_order(text) > 0) return false;
  // Too small to be told from zero: zero is the double nearest to it.
  value = text.front() == '-' ? -0.0 : 0.0;
  return true;
}
#else
bool read_real(std::string_view text, double& value) noexcept { return read_real_portably(text, value); }
#endif

// The digits as a whole number and an exponent: without a point there is nothing for a locale to spell its own way. Two
// doubles next to each other and what lies half-way between them have at most 767 significant digits, so of those
// behind it counts only whether one is not zero.
bool read_real_portably(std::string_view text, double& value) noexcept {
  constexpr std::size_t kDigitsMax = 768;
  char number[kDigitsMax + 32];
  std::size_t size = 0;
  if (text.front() == '-') number[size++] = '-';
  const std::size_t first = size;
  bool dropped = false;
  for (const char c : text) {
    if ((c | 0x20) == 'e') break;
    if (!is_digit(static_cast<std::uint8_t>(c)) || (size == first && c == '0')) continue;
    if (size - first < kDigitsMax) {
      number[size++] = c;
    } else {
      dropped = dropped || c != '0';
    }
  }
  if (size == first) number[size++] = '0';
  if (dropped) number[size++] = '1';
  // Far beyond what any double holds an exponent is as good as the next one.
  constexpr int kFar = 100'000;
  int exponent = decimal_order(text) - static_cast<int>(size - first);
  exponent = exponent < -kFar ? -kFar : exponent > kFar ? kFar : exponent;
  number[size++] = 'e';
  const auto [end, error] = std::to_chars(number + size, number + sizeof number - 1, exponent);
  if (error != std::errc()) return false;
  *end = '\0';
  const double read = std::strtod(number, nullptr);
  if (read - read != 0) return false;
  value = read;
  return true;
}

// Where the decimal point stands in front of the first digit that is not zero, were the exponent worked in: 1 for 1.5,
// 3 for 150, -1 for 0.015. Clamped, since an exponent may have any number of digits.
int decimal_order(std::string_view text) noexcept {
  constexpr int kClamp = 1'000'000;
  int before = 0, after = 0;  // digits before the point, zeros between the point and the first other digit
  bool point = false, significant = false;
  std::size_t at = text.front() == '-' ? 1 : 0;
  for (; at < text.size() && (text[at] | 0x20) != 'e'; ++at) {
    if (text[at] == '.') {
      point = true;
    } else if (significant || text[at] != '0') {
      significant = true;
      if (!point && before < kClamp) ++before;
    } else if (point && after < kClamp) {
      ++after;
    }
    if (point && significant) break;
  }
  if (!significant) return -kClamp;
  while (at < text.size() && (text[at] | 0x20) != 'e') ++at;
  if (at == text.size()) return before - after;
  ++at;
  const bool negative = text[at] == '-';
  if (text[at] == '-' || text[at] == '+') ++at;
  int exponent = 0;
  for (; at < text.size(); ++at) {
    if (exponent < 10 * kClamp) exponent = exponent * 10 + (text[at] - '0');
  }
  return before - after + (negative ? -exponent : exponent);
}

}  // namespace axonpush::inline v0::json
