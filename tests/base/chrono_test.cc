// std::chrono in and out: exact where it fits, saturated where it does not.
#include <axonpush/chrono.h>
#include <gtest/gtest.h>

#include <limits>

namespace axonpush::test {
namespace {

using namespace std::chrono_literals;

TEST(Chrono, ConvertsEveryUnitExactly) {
  EXPECT_EQ(from_chrono(3ns), nanoseconds(3));
  EXPECT_EQ(from_chrono(4us), microseconds(4));
  EXPECT_EQ(from_chrono(5ms), milliseconds(5));
  EXPECT_EQ(from_chrono(-6s), seconds(-6));
  EXPECT_EQ(from_chrono(7min), minutes(7));
  EXPECT_EQ(from_chrono(8h), hours(8));
  EXPECT_EQ(from_chrono(std::chrono::days(2)), hours(48));
  EXPECT_EQ(from_chrono(std::chrono::duration<std::uint64_t, std::milli>(9)), milliseconds(9));
  static_assert(from_chrono(1s) == seconds(1));
}

TEST(Chrono, CutsFractionsTowardsZero) {
  EXPECT_EQ(from_chrono(std::chrono::duration<double>(0.25)), milliseconds(250));
  EXPECT_EQ(from_chrono(std::chrono::duration<std::int64_t, std::pico>(1'999)), nanoseconds(1));
  EXPECT_EQ(from_chrono(std::chrono::duration<std::int64_t, std::pico>(-1'999)), nanoseconds(-1));
  EXPECT_EQ(from_chrono(std::chrono::duration<int, std::ratio<1, 3>>(1)), nanoseconds(333'333'333));
}

TEST(Chrono, SaturatesInPlaceOfWrappingRound) {
  EXPECT_EQ(from_chrono(std::chrono::hours::max()), Duration::max());
  EXPECT_EQ(from_chrono(std::chrono::hours::min()), Duration::from_nanoseconds(INT64_MIN));
  EXPECT_EQ(from_chrono(std::chrono::nanoseconds::max()), Duration::max());
  EXPECT_EQ(from_chrono(std::chrono::duration<std::uint64_t, std::nano>(UINT64_MAX)), Duration::max());
  EXPECT_EQ(from_chrono(std::chrono::duration<double>(1e300)), Duration::max());
  EXPECT_EQ(from_chrono(std::chrono::duration<double>(-std::numeric_limits<double>::infinity())),
            Duration::from_nanoseconds(INT64_MIN));
  EXPECT_EQ(from_chrono(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())), Duration::zero());
}

TEST(Chrono, GoesBackAndForth) {
  EXPECT_EQ(to_chrono(seconds(3)), 3s);
  EXPECT_EQ(to_chrono(Duration::max()), std::chrono::nanoseconds::max());
  const WallTime noon = WallTime::from_nanoseconds(1'790'000'000'123'456'789);
  EXPECT_EQ(from_chrono(to_chrono(noon)), noon);
  EXPECT_EQ(from_chrono(std::chrono::sys_seconds(1'790'000'000s)).nanoseconds(), 1'790'000'000'000'000'000);
  EXPECT_EQ(from_chrono(std::chrono::system_clock::time_point::max()), WallTime::never());
}

}  // namespace
}  // namespace axonpush::test
