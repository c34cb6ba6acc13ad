// HTTP dates, Retry-After and RFC 3339.
#include <axonpush/http/http1.h>

#include <string>

#include "gtest/gtest.h"
#include "support/http_reference.h"

namespace axonpush::http {
namespace {

constexpr long long kSecond = 1'000'000'000;

struct TimeRow {
  std::string text;
  bool good;
  long long nanoseconds = 0;
};

TEST(Rfc3339, ExpiresAt) {  // C-02, RFC 3339 5.6
  const long long noon = reference::seconds_since_epoch(2026, 11, 23, 18, 0, 0) * kSecond;
  const TimeRow rows[] = {
      {"2026-11-23T18:00:00Z", true, noon},
      {"2026-11-23T18:00:00.1Z", true, noon + 100'000'000},
      {"2026-11-23T18:00:00.123456789Z", true, noon + 123'456'789},
      {"2026-11-23T18:00:00.000000001+00:00", true, noon + 1},
      {"2026-11-23T18:00:00+00:00", true, noon},
      {"2026-11-23T18:00:00-00:00", true, noon},
      {"2026-11-23T10:00:00-08:00", true, noon},
      {"2026-11-24T00:30:00+06:30", true, noon},
      {"2026-11-24T17:59:00+23:59", true, noon},
      {"2026-11-23t18:00:00z", true, noon},  // RFC 3339 5.6: the letters may be in lower case
      {"2026-11-23T18:00:00", true, noon},   // no zone: UTC
      {"2026-11-23T18:00:00.5", true, noon + kSecond / 2},
      {"2016-12-31T23:59:60Z", true, reference::seconds_since_epoch(2016, 12, 31, 23, 59, 59) * kSecond + 999'000'000},
      {"2016-12-31T23:59:60.5Z", true,
       reference::seconds_since_epoch(2016, 12, 31, 23, 59, 59) * kSecond + 999'000'000},
      {"2024-02-29T00:00:00Z", true, reference::seconds_since_epoch(2024, 2, 29, 0, 0, 0) * kSecond},
      {"2000-02-29T00:00:00Z", true, reference::seconds_since_epoch(2000, 2, 29, 0, 0, 0) * kSecond},
      {"1970-01-01T00:00:00Z", true, 0},
      // The last nanosecond that a WallTime holds, and the one behind it.
      {"2262-04-11T23:47:16.854775807Z", true, INT64_MAX},
      {"2262-04-11T23:47:16.854775808Z", true, INT64_MAX},
      {"1969-12-31T23:59:59.5Z", true, -kSecond / 2},
      {"0000-01-01T00:00:00Z", true, INT64_MIN},
      {"9999-12-31T23:59:59Z", true, INT64_MAX},
      {"2262-04-11T23:47:16.854775807Z", true, INT64_MAX},
      {"2262-04-11T23:47:17Z", true, INT64_MAX},
      {"1677-09-21T00:12:43Z", true, INT64_MIN},
      {"1677-09-21T00:12:43.145224192Z", true, INT64_MIN},
      {"1677-09-21T00:12:43.145224193Z", true, INT64_MIN + 1},  // the product alone would overflow
      {"2026-11-23T18:00:00+0000", false},
      {"2026-11-23T18:00:00+00", false},
      {"2026-11-23T18:00:00+24:00", false},
      {"2026-11-23T18:00:00+00:60", false},
      {"2026-11-23 18:00:00Z", false},
      {"2026-11-23T18:00:00.Z", false},
      {"2026-11-23T18:00:00.1234567890Z", false},
      {"2026-11-23T18:00:00,5Z", false},
      {"2026-11-23T18:00Z", false},
      {"2026-11-23", false},
      {"20261123T180000Z", false},
      {"1763920800", false},
      {"1763920800000", false},
      {"2026-11-23T18:00:61Z", false},
      {"2026-11-23T24:00:00Z", false},
      {"2026-11-23T18:60:00Z", false},
      {"2026-02-30T00:00:00Z", false},
      {"2026-02-29T00:00:00Z", false},
      {"1900-02-29T00:00:00Z", false},
      {"2026-04-31T00:00:00Z", false},
      {"2026-00-10T00:00:00Z", false},
      {"2026-13-10T00:00:00Z", false},
      {"2026-11-00T00:00:00Z", false},
      {"10000-01-01T00:00:00Z", false},
      {"-2026-11-23T18:00:00Z", false},
      {"+2026-11-23T18:00:00Z", false},
      {" 2026-11-23T18:00:00Z", false},
      {"2026-11-23T18:00:00Z ", false},
      {"2026-11-23T18:00:00ZZ", false},
      {std::string("2026-11-23T18:00:00Z\0", 21), false},
      {"2026-1-23T18:00:00Z", false},
      {"", false},
      {std::string(200, '1'), false},
  };
  for (const TimeRow& row : rows) {
    SCOPED_TRACE(row.text);
    WallTime time = WallTime::from_nanoseconds(42);
    EXPECT_EQ(parse_rfc3339(row.text, time), row.good);
    EXPECT_EQ(time.nanoseconds(), row.good ? row.nanoseconds : 42);
    // Each prefix of a good one is judged without reading past it; only dropping the zone or digits leaves one good.
    for (std::size_t size = 0; size < row.text.size() && size < 19; ++size) {
      EXPECT_FALSE(parse_rfc3339(std::string_view(row.text).substr(0, size), time));
    }
  }
}

TEST(HttpDate, ImfFixdate) {  // H-45, RFC 9110 5.6.7
  const TimeRow rows[] = {
      {"Sun, 06 Nov 1994 08:49:37 GMT", true, 784'111'777 * kSecond},
      {"Thu, 01 Jan 1970 00:00:00 GMT", true, 0},
      {"Wed, 31 Dec 1969 23:59:59 GMT", true, -kSecond},
      {"Tue, 29 Feb 2000 00:00:00 GMT", true, reference::seconds_since_epoch(2000, 2, 29, 0, 0, 0) * kSecond},
      {"Sat, 31 Dec 2016 23:59:60 GMT", true,
       reference::seconds_since_epoch(2016, 12, 31, 23, 59, 59) * kSecond + 999'000'000},
      {"Fri, 31 Dec 9999 23:59:59 GMT", true, INT64_MAX},
      {"Mon, 06 Nov 1994 08:49:37 GMT", false},  // a Sunday
      {"Sunday, 06-Nov-94 08:49:37 GMT", false},
      {"Sun Nov  6 08:49:37 1994", false},
      {"Sun, 6 Nov 1994 08:49:37 GMT", false},
      {"Sun, 06 Nov 1994 08:49:37 UTC", false},
      {"Sun, 06 Nov 1994 08:49:37 +0000", false},
      {"Sun, 06 Nov 1994 08:49:37", false},
      {"sun, 06 nov 1994 08:49:37 gmt", false},
      {"Sun, 06 Nov 1994 24:00:00 GMT", false},
      {"Sun, 06 Nov 1994 08:60:00 GMT", false},
      {"Sun, 06 Nov 1994 08:49:61 GMT", false},
      {"Wed, 30 Feb 2000 00:00:00 GMT", false},
      {"Sun, 00 Nov 1994 08:49:37 GMT", false},
      {"Sun, 06 Foo 1994 08:49:37 GMT", false},
      {"Sun, 06 Nov 94 08:49:37 GMT", false},
      {"Sun, 06 Nov 1994 08:49:37 GMT ", false},
      {" Sun, 06 Nov 1994 08:49:37 GMT", false},
      {"", false},
      {"0", false},
  };
  for (const TimeRow& row : rows) {
    SCOPED_TRACE(row.text);
    WallTime time = WallTime::from_nanoseconds(42);
    EXPECT_EQ(parse_http_date(row.text, time), row.good);
    EXPECT_EQ(time.nanoseconds(), row.good ? row.nanoseconds : 42);
    for (std::size_t size = 0; size < row.text.size() && size < 29; ++size) {
      EXPECT_FALSE(parse_http_date(std::string_view(row.text).substr(0, size), time));
    }
  }
}

TEST(HttpDate, WritesWhatItReads) {
  std::uint64_t state = 1;
  for (int round = 0; round < 20'000; ++round) {
    state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    const auto nanoseconds = static_cast<std::int64_t>(state);
    char text[29];
    write_http_date(WallTime::from_nanoseconds(nanoseconds), text);
    WallTime time;
    ASSERT_TRUE(parse_http_date({text, 29}, time)) << std::string_view(text, 29);
    const std::int64_t behind = nanoseconds < time.nanoseconds() ? -1 : nanoseconds - time.nanoseconds();
    ASSERT_TRUE(time.nanoseconds() == INT64_MIN || (behind >= 0 && behind < kSecond)) << std::string_view(text, 29);
  }
  for (int year = 1678; year <= 2261; ++year) {
    for (int month = 1; month <= 12; ++month) {
      const long long seconds = reference::seconds_since_epoch(year, month, 1, 0, 0, 0);
      char text[29];
      write_http_date(WallTime::from_nanoseconds(seconds * kSecond), text);
      EXPECT_EQ(std::string_view(text + 5, 3), "01 ");
      EXPECT_EQ(std::string_view(text + 12, 4), std::to_string(year));
      WallTime time;
      ASSERT_TRUE(parse_http_date({text, 29}, time));
      ASSERT_EQ(time.nanoseconds(), seconds * kSecond);
    }
  }
}

TEST(RetryAfter, SecondsOrDate) {  // H-44, RFC 9110 10.2.3
  WallTime now;
  ASSERT_TRUE(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", now));
  struct Row {
    std::string text;
    bool good;
    Duration wait;
  };
  const Row rows[] = {
      {"120", true, seconds(120)},
      {"0", true, seconds(0)},
      {"000000000000000007", true, seconds(7)},
      {"300", true, seconds(300)},
      {"301", true, seconds(300)},
      {"99999999999", true, seconds(300)},
      {std::string(100, '9'), true, seconds(300)},
      {"Sun, 06 Nov 1994 08:49:57 GMT", true, seconds(20)},
      {"Sun, 06 Nov 1994 08:49:17 GMT", true, seconds(0)},
      {"Mon, 07 Nov 1994 08:49:37 GMT", true, seconds(300)},
      {"Fri, 31 Dec 9999 23:59:59 GMT", true, seconds(300)},
      {"Sat, 01 Jan 0000 00:00:00 GMT", true, seconds(0)},
      {"-1", false, {}},
      {"+1", false, {}},
      {"1.5", false, {}},
      {"1 ", false, {}},
      {"1, 2", false, {}},
      {"soon", false, {}},
      {"", false, {}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    Duration wait = seconds(-7);
    EXPECT_EQ(parse_retry_after(row.text, now, wait), row.good);
    EXPECT_EQ(wait.nanoseconds(), row.good ? row.wait.nanoseconds() : seconds(-7).nanoseconds());
  }
}

}  // namespace
}  // namespace axonpush::http
