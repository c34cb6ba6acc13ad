// Doubles to text and back, against the standard library's conversions, which are right and too large to be linked.
#include <gtest/gtest.h>

#include <bit>
#include <cerrno>
#include <charconv>
#include <clocale>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "json/number.h"

namespace axonpush::test {
namespace {

std::string written(double value) {
  char text[json::kRealBytes];
  return {text, json::write_real(value, text)};
}

std::string expected_text(double value) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  EXPECT_EQ(error, std::errc());
  return {text, static_cast<std::size_t>(end - text)};
}

void expect_both_ways(double value) {
  const std::string text = written(value);
  ASSERT_EQ(text, expected_text(value)) << std::bit_cast<std::uint64_t>(value);
  double read = 0;
  ASSERT_TRUE(json::read_real(text, read)) << text;
  ASSERT_EQ(std::bit_cast<std::uint64_t>(read), std::bit_cast<std::uint64_t>(value)) << text;
}

void expect_read(const std::string& text) {
  double expected = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), expected);
  ASSERT_EQ(end, text.data() + text.size()) << text;
  double read = 0;
  if (error == std::errc::result_out_of_range) {
    // Too large is refused, too small is the zero nearest to it.
    const bool stands = json::read_real(text, read);
    ASSERT_TRUE(!stands || read == 0) << text;
    return;
  }
  ASSERT_TRUE(json::read_real(text, read)) << text;
  ASSERT_EQ(std::bit_cast<std::uint64_t>(read), std::bit_cast<std::uint64_t>(expected)) << text;
}

struct Random {
  std::uint64_t state = 42;
  std::uint64_t next() {
    state += 0x9E3779B97F4A7C15ULL;
    std::uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31U);
  }
};

TEST(JsonReal, WritesTheShortestTextThatReadsBackTheSame) {
  for (const double value : {0.0,
                             -0.0,
                             1.0,
                             -1.0,
                             0.1,
                             0.5,
                             1.5,
                             0.1 + 0.2,
                             1.0 / 3,
                             2.0 / 3,
                             100.0,
                             1e5,
                             1e15,
                             1e16,
                             123456.789,
                             1e-5,
                             1e-4,
                             0.00012,
                             1e21,
                             1e22,
                             1e23,
                             5e-324,
                             2.2250738585072014e-308,
                             2.2250738585072009e-308,
                             1.7976931348623157e308,
                             9007199254740991.0,
                             9007199254740992.0,
                             9007199254740994.0,
                             4503599627370497.5,
                             1e100,
                             1.23e-250,
                             3.14159265358979,
                             299792458.0,
                             0.3,
                             72057594037927936.0,
                             1152921504606846976.0}) {
    expect_both_ways(value);
    expect_both_ways(-value);
  }
}

TEST(JsonReal, AgreesWithTheStandardLibraryOnAnyBits) {
  Random random;
  for (int at = 0; at < 100'000; ++at) {
    const auto value = std::bit_cast<double>(random.next());
    if (!std::isfinite(value)) continue;
    expect_both_ways(value);
    if (HasFatalFailure()) return;
  }
}

TEST(JsonReal, AgreesOnNumbersAsPeopleWriteThem) {
  Random random;
  for (int at = 0; at < 200'000; ++at) {
    const auto digits = static_cast<double>(random.next() % (std::uint64_t{1} << (1 + random.next() % 54)));
    const double scale = std::pow(10.0, static_cast<double>(random.next() % 25));
    expect_both_ways(random.next() % 2 == 0 ? digits / scale : digits * scale);
    if (HasFatalFailure()) return;
  }
}

TEST(JsonReal, AgreesOnTheNeighboursOfPowers) {
  for (int exponent = -1074; exponent < 1024; ++exponent) {
    const double power = std::ldexp(1.0, exponent);
    expect_both_ways(power);
    expect_both_ways(std::nextafter(power, 0.0));
    if (exponent < 1023) expect_both_ways(std::nextafter(power, std::numeric_limits<double>::max()));
    if (HasFatalFailure()) return;
  }
}

TEST(JsonReal, ReadsEverySpelling) {
  for (const char* text : {"0",
                           "-0",
                           "0.0",
                           "0e0",
                           "1E5",
                           "1e+5",
                           "1e-5",
                           "1.0e22",
                           "1e400",
                           "-1e400",
                           "1e-400",
                           "123e-2147483648",
                           "1e99999999999999999999",
                           "1e-99999999999999999999",
                           "0e99999999999999999999",
                           "9007199254740993",
                           "9007199254740992.5",
                           "179769313486231580793728971405301e276",
                           "2.4703282292062327e-324",
                           "2.4703282292062328e-324",
                           "1.00000000000000011102230246251565404236316680908203125"}) {
    expect_read(text);
  }
  Random random;
  for (int at = 0; at < 20'000; ++at) {
    std::string text;
    for (std::uint64_t left = 1 + random.next() % 40; left != 0; --left)
      text += static_cast<char>('0' + random.next() % 10);
    if (text.size() > 1 && text[0] == '0') text[0] = '1';
    if (random.next() % 2 == 0) text.insert(1, ".");
    if (text.back() == '.') text += '5';
    if (random.next() % 2 == 0) text += "e" + std::to_string(static_cast<int>(random.next() % 640) - 330);
    expect_read(text);
    if (HasFatalFailure()) return;
  }
}

// The decimal expansion of a point exactly between two doubles takes up to 767 digits; what lies behind it decides.
TEST(JsonReal, IsDecidedByTheLastOfAThousandDigits) {
  char half[1'200];
  const int size = std::snprintf(half, sizeof half, "%.1074f", std::ldexp(3.0, -1074));
  ASSERT_GT(size, 1'000);
  for (const char* tail : {"", "0", "0000000001", "5"}) {
    expect_read(std::string(half) + tail);
    expect_read("1.5" + std::string(900, '0') + tail);
    expect_read("1.00000000000000011102230246251565404236316680908203125" + std::string(800, '0') + tail);
    expect_read("1.00000000000000033306690738754696212708950042724609375" + std::string(800, '0') + tail);
  }
}

TEST(JsonReal, RefusesWhatIsNoNumber) {
  double value = 7;
  for (const char* text :
       {"", "-", ".", "1.", ".5", "1e", "1e+", "e5", "1.5.5", "0x10", "inf", "nan", "1 ", " 1", "1e5x"}) {
    EXPECT_FALSE(json::read_real(text, value)) << text;
  }
  EXPECT_FALSE(json::read_real("1e309", value));
  EXPECT_FALSE(json::read_real("-1e309", value));
}

TEST(JsonReal, LeavesErrnoAlone) {
  errno = 77;
  double value = 0;
  EXPECT_FALSE(json::read_real("1e400", value));
  EXPECT_TRUE(json::read_real("1e-400", value));
  static_cast<void>(written(0.1 + 0.2));
  EXPECT_EQ(errno, 77);
}

TEST(JsonReal, DoesNotDependOnTheLocale) {
  const char* const before = std::setlocale(LC_NUMERIC, nullptr);
  const std::string kept = before == nullptr ? "C" : before;
  bool found = false;
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ps_AF.UTF-8"}) {
    found = found || std::setlocale(LC_NUMERIC, name) != nullptr;
  }
  for (const double value : {0.1 + 0.2, 1.5, 1e300 / 3, 5e-324}) {
    const std::string text = written(value);
    double read = 0;
    EXPECT_TRUE(json::read_real(text, read)) << text;
    EXPECT_EQ(read, value);
    EXPECT_EQ(text.find(','), std::string::npos) << text;
  }
  std::setlocale(LC_NUMERIC, kept.c_str());
  if (!found) GTEST_SKIP() << "no locale with a decimal comma is installed; the rest was tried";
}

}  // namespace
}  // namespace axonpush::test
