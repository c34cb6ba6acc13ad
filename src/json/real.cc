// Doubles as JSON has them, and back. The C library's strtod and printf do the rare hard ones, given texts without a
// decimal point, which is the only thing a locale could change: std::from_chars and std::to_chars would bring 210 KB of
// tables into every program that is linked statically, and some standard libraries have none for doubles.
#include <cerrno>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "json/number.h"

namespace axonpush::inline v0::json {

namespace {

// The powers of ten that a double holds exactly.
constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int kPowerMax = 22;
// Whole numbers of so many digits are exact in a double.
constexpr int kExactDigits = 15;
// No digit behind these but whether there is another one at all can change which double is nearest.
constexpr int kDigitsKept = 800;
constexpr int kExponentClamp = 1'000'000;

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// A decimal number: digits (no zero in front), and the power of ten that they count in.
struct Decimal {
  char digits[kDigitsKept + 32] = {};
  int count = 0;
  int exponent = 0;
  bool negative = false;

  void take(char digit, bool fraction) noexcept {
    if (fraction) --exponent;
    if (digit == '0' && count == 0) return;
    if (count < kDigitsKept) {
      digits[count++] = digit;
    } else {
      ++exponent;
      if (digit != '0') digits[kDigitsKept - 1] |= 1;  // an odd last digit is on the same side of every half
    }
  }
};

// False for what RFC 8259 6 does not spell.
bool split(std::string_view text, Decimal& into) noexcept {
  std::size_t at = 0;
  into.negative = text.starts_with('-');
  if (into.negative) ++at;
  const std::size_t first = at;
  for (; at < text.size() && is_digit(text[at]); ++at) into.take(text[at], false);
  if (at == first) return false;
  if (at < text.size() && text[at] == '.') {
    const std::size_t point = at++;
    for (; at < text.size() && is_digit(text[at]); ++at) into.take(text[at], true);
    if (at == point + 1) return false;
  }
  if (at == text.size()) return true;
  if ((text[at] | 0x20) != 'e') return false;
  ++at;
  const bool negative = at < text.size() && text[at] == '-';
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  int exponent = 0;
  const std::size_t digits = at;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    if (exponent < kExponentClamp) exponent = exponent * 10 + (text[at] - '0');
  }
  into.exponent += negative ? -exponent : exponent;  // both are far from what an int holds
  return at == text.size() && at != digits;
}

// Clinger's fast way: both numbers are exact, and one rounding is left.
bool read_exact(const Decimal& decimal, double& value) noexcept {
  if constexpr (FLT_EVAL_METHOD != 0) return false;
  if (decimal.count > kExactDigits || decimal.exponent > kPowerMax || decimal.exponent < -kPowerMax) return false;
  std::uint64_t digits = 0;
  for (int at = 0; at < decimal.count; ++at)
    digits = digits * 10 + static_cast<std::uint64_t>(decimal.digits[at] - '0');
  const auto whole = static_cast<double>(digits);
  value = decimal.exponent < 0 ? whole / kPowers[-decimal.exponent] : whole * kPowers[decimal.exponent];
  return true;
}

// What errno was is nobody's business here.
class KeptErrno {
 public:
  KeptErrno() noexcept : kept_(errno) {}
  KeptErrno(const KeptErrno&) = delete;
  KeptErrno& operator=(const KeptErrno&) = delete;
  ~KeptErrno() { errno = kept_; }

 private:
  int kept_;
};

// The digits that printf gives for `precision` of them behind the first; true when they read back as `value`.
bool print_digits(double value, int precision, Decimal& into) noexcept {
  char text[48];
  static_cast<void>(std::snprintf(text, sizeof text, "%.*e", precision, value));
  const bool same = std::strtod(text, nullptr) == value;
  into.count = 0;
  const char* at = text;
  for (; *at != 'e'; ++at) {
    if (is_digit(*at)) into.digits[into.count++] = *at;  // between them stands the locale's decimal point
  }
  into.exponent = std::atoi(at + 1) - precision;
  return same;
}

double nearest(Decimal& decimal) noexcept {
  static_cast<void>(std::snprintf(decimal.digits + decimal.count, 32, "e%d", decimal.exponent));
  return std::strtod(decimal.digits, nullptr);
}

// Below a power of two the doubles lie twice as dense: there the nearest text may read back as the one below, and the
// next one up as the power itself.
bool next_up(double value, Decimal& decimal) noexcept {
  int exponent = 0;
  if (std::frexp(value, &exponent) != 0.5 || value < DBL_MIN) return false;
  Decimal up = decimal;
  int at = up.count - 1;
  for (; up.digits[at] == '9'; --at) up.digits[at] = '0';  // no power of two begins with fifteen nines
  ++up.digits[at];
  if (nearest(up) != value) return false;
  decimal = up;
  return true;
}

// value > 0. Of at most 15 digits behind a short fraction: tried from the shortest on, and then there is no other.
bool shortest_exact(double value, Decimal& into) noexcept {
  if constexpr (FLT_EVAL_METHOD != 0) return false;
  for (int places = 0; places <= kPowerMax; ++places) {
    const double scaled = value * kPowers[places];
    if (scaled >= kPowers[kExactDigits]) return false;
    const auto whole = static_cast<std::uint64_t>(scaled + 0.5);
    if (static_cast<double>(whole) / kPowers[places] != value) continue;
    char backwards[24];
    int count = 0;
    for (std::uint64_t left = whole; left != 0; left /= 10) backwards[count++] = static_cast<char>('0' + left % 10);
    for (into.count = 0; count != 0;) into.digits[into.count++] = backwards[--count];
    into.exponent = -places;
    return true;
  }
  return false;
}

void shortest(double value, Decimal& into) noexcept {
  if (!shortest_exact(value, into)) {
    const KeptErrno kept;
    // Fifteen digits are right for every number of no more; a subnormal one has fewer to begin with.
    int precision = value < DBL_MIN ? 0 : kExactDigits - 1;
    while (!print_digits(value, precision, into) && !next_up(value, into) && precision < 17) ++precision;
  }
  while (into.count > 1 && into.digits[into.count - 1] == '0') {
    --into.count;
    ++into.exponent;
  }
}

std::size_t put(char* into, const char* from, int size) noexcept {
  std::memcpy(into, from, static_cast<std::size_t>(size));
  return static_cast<std::size_t>(size);
}

// d.ddde+XX
std::size_t put_scientific(const Decimal& decimal, char* into) noexcept {
  std::size_t size = put(into, decimal.digits, 1);
  if (decimal.count > 1) {
    into[size++] = '.';
    size += put(into + size, decimal.digits + 1, decimal.count - 1);
  }
  const int exponent = decimal.exponent + decimal.count - 1;
  const int shown = exponent < 0 ? -exponent : exponent;
  into[size++] = 'e';
  into[size++] = exponent < 0 ? '-' : '+';
  if (shown >= 100) into[size++] = static_cast<char>('0' + shown / 100);
  into[size++] = static_cast<char>('0' + shown / 10 % 10);
  into[size++] = static_cast<char>('0' + shown % 10);
  return size;
}

std::size_t put_fixed(double value, const Decimal& decimal, char* into) noexcept {
  const int before = decimal.count + decimal.exponent;  // digits in front of the point
  if (decimal.exponent >= 0) {
    if (before <= kExactDigits) {
      const std::size_t size = put(into, decimal.digits, decimal.count);
      std::memset(into + size, '0', static_cast<std::size_t>(decimal.exponent));
      return static_cast<std::size_t>(before);
    }
    // A large whole number is written as the one it is, to the last digit.
    return static_cast<std::size_t>(std::snprintf(into, kRealBytes - 1, "%.0f", value));
  }
  if (before > 0) {
    std::size_t size = put(into, decimal.digits, before);
    into[size++] = '.';
    return size + put(into + size, decimal.digits + before, decimal.count - before);
  }
  std::size_t size = put(into, "0.", 2);
  std::memset(into + size, '0', static_cast<std::size_t>(-before));
  size += static_cast<std::size_t>(-before);
  return size + put(into + size, decimal.digits, decimal.count);
}

std::size_t fixed_size(const Decimal& decimal) noexcept {
  const int before = decimal.count + decimal.exponent;
  if (decimal.exponent >= 0) return static_cast<std::size_t>(before);
  return static_cast<std::size_t>(before > 0 ? decimal.count + 1 : decimal.count - before + 2);
}

}  // namespace

bool read_real(std::string_view text, double& value) noexcept {
  Decimal decimal;
  if (!split(text, decimal)) return false;
  double read = 0;
  if (decimal.count != 0 && !read_exact(decimal, read)) {
    const KeptErrno kept;
    read = nearest(decimal);
    if (std::isinf(read)) return false;
  }
  value = decimal.negative ? -read : read;
  return true;
}

std::size_t write_real(double value, char (&into)[kRealBytes]) noexcept {
  std::size_t size = 0;
  if (std::signbit(value)) {
    into[size++] = '-';
    value = -value;
  }
  if (value == 0) {
    into[size++] = '0';
    return size;
  }
  Decimal decimal;
  shortest(value, decimal);
  char scientific[kRealBytes];
  const std::size_t scientific_size = put_scientific(decimal, scientific);
  if (fixed_size(decimal) <= scientific_size) return size + put_fixed(value, decimal, into + size);
  std::memcpy(into + size, scientific, scientific_size);
  return size + scientific_size;
}

}  // namespace axonpush::inline v0::json
