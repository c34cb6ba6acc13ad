// Times as HTTP and JSON write them. The calendar is the proleptic Gregorian one, in integers.
#include <axonpush/http/http1.h>

namespace axonpush::inline v0::http {

namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::string_view kWeekdays = "ThuFriSatSunMonTueWed";  // 1970-01-01 was a Thursday

struct Moment {
  std::int64_t year = 0;
  std::int64_t month = 1;  // 1 to 12
  std::int64_t day = 1;
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;  // 60: a leap second
  std::int64_t nanosecond = 0;
};

constexpr bool is_leap(std::int64_t year) noexcept { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

constexpr std::int64_t days_in_month(std::int64_t year, std::int64_t month) noexcept {
  constexpr std::int8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[month - 1];
}

constexpr std::int64_t floor_divide(std::int64_t value, std::int64_t divisor) noexcept {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

// Days of all years before `year`, counted from year 0; year >= 0.
constexpr std::int64_t days_before_year(std::int64_t year) noexcept {
  if (year == 0) return 0;
  const std::int64_t last = year - 1;
  return year * 365 + last / 4 - last / 100 + last / 400 + 1;  // year 0 is a leap year
}

constexpr std::int64_t days_since_epoch(std::int64_t year, std::int64_t month, std::int64_t day) noexcept {
  std::int64_t days = days_before_year(year) - days_before_year(1970) + day - 1;
  for (std::int64_t before = 1; before < month; ++before) days += days_in_month(year, before);
  return days;
}
static_assert(days_since_epoch(1970, 1, 1) == 0);
static_assert(days_since_epoch(2000, 3, 1) == 11'017);
static_assert(days_since_epoch(1969, 12, 31) == -1);

constexpr bool is_valid(const Moment& moment) noexcept {
  return moment.month >= 1 && moment.month <= 12 && moment.day >= 1 &&
         moment.day <= days_in_month(moment.year, moment.month) && moment.hour <= 23 && moment.minute <= 59 &&
         moment.second <= 60;
}

// offset_seconds: what local time is ahead of UTC. Years out of WallTime's range give its nearest end.
WallTime to_wall(Moment moment, std::int64_t offset_seconds) noexcept {
  if (moment.second == 60) {
    // RFC 3339 5.7: a leap second; no clock here knows one, so it is the last moment in front of it.
    moment.second = 59;
    moment.nanosecond = 999'000'000;
  }
  std::int64_t seconds = days_since_epoch(moment.year, moment.month, moment.day) * kSecondsPerDay +
                         moment.hour * 3'600 + moment.minute * 60 + moment.second - offset_seconds;
  if (seconds < 0 && moment.nanosecond != 0) {
    // Both of one sign, so that the product does not overflow where the sum would fit.
    ++seconds;
    moment.nanosecond -= kNanosecondsPerSecond;
  }
  std::int64_t count = 0;
  if (__builtin_mul_overflow(seconds, kNanosecondsPerSecond, &count) ||
      __builtin_add_overflow(count, moment.nanosecond, &count)) {
    count = seconds > 0 ? INT64_MAX : INT64_MIN;
  }
  return WallTime::from_nanoseconds(count);
}

// Takes text apart from the front; once something did not fit, nothing fits any more.
class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : rest_(text) {}
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool done() const noexcept { return ok_ && rest_.empty(); }
  [[nodiscard]] char peek() const noexcept { return rest_.empty() ? '\0' : rest_[0]; }

  void literal(std::string_view expected) noexcept {
    ok_ = ok_ && rest_.substr(0, expected.size()) == expected;
    if (ok_) rest_.remove_prefix(expected.size());
  }
  bool either(char upper, char lower) noexcept {
    if (!ok_ || (peek() != upper && peek() != lower)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Exactly `count` digits.
  std::int64_t digits(std::size_t count) noexcept {
    std::int64_t value = 0;
    for (std::size_t at = 0; at < count; ++at) {
      const char digit = at < rest_.size() ? rest_[at] : '\0';
      ok_ = ok_ && digit >= '0' && digit <= '9';
      if (!ok_) return 0;
      value = value * 10 + (digit - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }
  // The index of one of the three-letter names in `names`.
  std::int64_t name(std::string_view names) noexcept {
    for (std::size_t at = 0; ok_ && at < names.size(); at += 3) {
      if (rest_.substr(0, 3) != names.substr(at, 3)) continue;
      rest_.remove_prefix(3);
      return static_cast<std::int64_t>(at / 3);
    }
    ok_ = false;
    return 0;
  }
  [[nodiscard]] std::size_t digits_ahead() const noexcept {
    std::size_t count = 0;
    while (count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9') ++count;
    return count;
  }
  void fail() noexcept { ok_ = false; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// RFC 3339 5.6: [ "." 1*DIGIT ], here up to nine.
void read_fraction(Reader& reader, Moment& moment) noexcept {
  if (reader.peek() != '.') return;
  reader.literal(".");
  const std::size_t count = reader.digits_ahead();
  if (count == 0 || count > 9) return reader.fail();
  moment.nanosecond = reader.digits(count);
  for (std::size_t at = count; at < 9; ++at) moment.nanosecond *= 10;
}

// RFC 3339 5.6: "Z" or a numeric offset. Laxer than that: none at all is UTC, as the vendor's own client reads it.
std::int64_t read_offset(Reader& reader) noexcept {
  if (reader.done() || reader.either('Z', 'z')) return 0;
  const bool west = reader.peek() == '-';
  reader.literal(west ? "-" : "+");
  const std::int64_t hours = reader.digits(2);
  reader.literal(":");
  const std::int64_t minutes = reader.digits(2);
  if (hours > 23 || minutes > 59) reader.fail();
  return (west ? -1 : 1) * (hours * 3'600 + minutes * 60);
}

void write_digits(char* into, std::size_t count, std::int64_t value) noexcept {
  while (count-- != 0) {
    into[count] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

bool parse_rfc3339(std::string_view text, WallTime& time) noexcept {
  Reader reader(text);
  Moment moment;
  moment.year = reader.digits(4);
  reader.literal("-");
  moment.month = reader.digits(2);
  reader.literal("-");
  moment.day = reader.digits(2);
  // RFC 3339 5.6: "T" and "Z" may be in lower case. A space instead of the "T" is no part of the grammar.
  if (!reader.either('T', 't')) return false;
  moment.hour = reader.digits(2);
  reader.literal(":");
  moment.minute = reader.digits(2);
  reader.literal(":");
  moment.second = reader.digits(2);
  read_fraction(reader, moment);
  const std::int64_t offset = read_offset(reader);
  if (!reader.done() || !is_valid(moment)) return false;
  time = to_wall(moment, offset);
  return true;
}

// RFC 9110 5.6.7: day-name "," SP date1 SP time-of-day SP GMT. The obsolete forms and other zones are refused.
bool parse_http_date(std::string_view text, WallTime& time) noexcept {
  Reader reader(text);
  Moment moment;
  const std::int64_t weekday = reader.name(kWeekdays);
  reader.literal(", ");
  moment.day = reader.digits(2);
  reader.literal(" ");
  moment.month = reader.name(kMonths) + 1;
  reader.literal(" ");
  moment.year = reader.digits(4);
  reader.literal(" ");
  moment.hour = reader.digits(2);
  reader.literal(":");
  moment.minute = reader.digits(2);
  reader.literal(":");
  moment.second = reader.digits(2);
  reader.literal(" GMT");
  if (!reader.done() || !is_valid(moment)) return false;
  // Stricter than RFC 9110 5.6.7: a day's name that is not that day's shows that one of the two is wrong.
  const std::int64_t days = days_since_epoch(moment.year, moment.month, moment.day);
  if (days - floor_divide(days, 7) * 7 != weekday) return false;
  time = to_wall(moment, 0);
  return true;
}

bool parse_retry_after(std::string_view value, WallTime now, Duration& wait) noexcept {
  WallTime date;
  if (parse_http_date(value, date)) {
    const Duration until = date - now;
    wait = until < Duration::zero() ? Duration::zero() : until;
  } else {
    // RFC 9110 10.2.3: delay-seconds is 1*DIGIT; however many there are, the clamp below is the answer.
    if (value.empty()) return false;
    std::int64_t count = 0;
    for (const char digit : value) {
      if (digit < '0' || digit > '9') return false;
      if (count < 1'000'000) count = count * 10 + (digit - '0');
    }
    wait = seconds(count);
  }
  if (wait > limits::kRetryAfterMax) wait = limits::kRetryAfterMax;
  return true;
}

void write_http_date(WallTime time, std::span<char, 29> into) noexcept {
  const std::int64_t seconds = floor_divide(time.nanoseconds(), kNanosecondsPerSecond);
  const std::int64_t days = floor_divide(seconds, kSecondsPerDay);
  const std::int64_t second_of_day = seconds - days * kSecondsPerDay;
  // An estimate of the year that is at most one off, then the months; WallTime reaches from 1677 to 2262.
  std::int64_t year = 1970 + floor_divide(days * 400, 146'097);
  while (days_since_epoch(year, 1, 1) > days) --year;
  while (days_since_epoch(year + 1, 1, 1) <= days) ++year;
  std::int64_t month = 12;
  while (days_since_epoch(year, month, 1) > days) --month;

  char* const at = into.data();
  std::memcpy(at, "Thu, 00 Jan 0000 00:00:00 GMT", 29);
  std::memcpy(at, kWeekdays.data() + (days - floor_divide(days, 7) * 7) * 3, 3);
  write_digits(at + 5, 2, days - days_since_epoch(year, month, 1) + 1);
  std::memcpy(at + 8, kMonths.data() + (month - 1) * 3, 3);
  write_digits(at + 12, 4, year);
  write_digits(at + 17, 2, second_of_day / 3'600);
  write_digits(at + 20, 2, second_of_day / 60 % 60);
  write_digits(at + 23, 2, second_of_day % 60);
}

}  // namespace axonpush::inline v0::http
