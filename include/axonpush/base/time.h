// Instants and durations as types of their own, so that a bare number never compiles as a time.
//
// Instant counts nanoseconds on a monotonic clock that goes on during suspend (CLOCK_BOOTTIME on Linux); WallTime
// counts nanoseconds since 1970-01-01T00:00:00Z and may step. The two do not mix. No function of the library reads
// a clock below the layer `net`: `now` is a parameter. Thread rule: none, values only.
#pragma once

#include <compare>
#include <cstdint>

namespace axonpush::inline v0 {

class Duration {
 public:
  constexpr Duration() noexcept = default;
  [[nodiscard]] static constexpr Duration from_nanoseconds(std::int64_t count) noexcept { return Duration{count}; }
  [[nodiscard]] static constexpr Duration max() noexcept { return Duration{INT64_MAX}; }
  [[nodiscard]] static constexpr Duration zero() noexcept { return Duration{}; }

  [[nodiscard]] constexpr std::int64_t nanoseconds() const noexcept { return nanoseconds_; }
  [[nodiscard]] constexpr std::int64_t microseconds() const noexcept { return nanoseconds_ / 1'000; }
  [[nodiscard]] constexpr std::int64_t milliseconds() const noexcept { return nanoseconds_ / 1'000'000; }
  [[nodiscard]] constexpr std::int64_t seconds() const noexcept { return nanoseconds_ / 1'000'000'000; }

  constexpr auto operator<=>(const Duration&) const noexcept = default;
  // Saturating: a clock far in the future must not become one in the past.
  friend constexpr Duration operator+(Duration left, Duration right) noexcept {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(left.nanoseconds_, right.nanoseconds_, &sum)) {
      sum = right.nanoseconds_ > 0 ? INT64_MAX : INT64_MIN;
    }
    return Duration{sum};
  }
  friend constexpr Duration operator-(Duration left, Duration right) noexcept {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(left.nanoseconds_, right.nanoseconds_, &difference)) {
      difference = right.nanoseconds_ < 0 ? INT64_MAX : INT64_MIN;
    }
    return Duration{difference};
  }
  friend constexpr Duration operator*(Duration left, std::int64_t factor) noexcept {
    std::int64_t product = 0;
    if (__builtin_mul_overflow(left.nanoseconds_, factor, &product)) {
      product = (left.nanoseconds_ < 0) == (factor < 0) ? INT64_MAX : INT64_MIN;
    }
    return Duration{product};
  }
  friend constexpr Duration operator/(Duration left, std::int64_t divisor) noexcept {
    return Duration{left.nanoseconds_ / divisor};
  }

 private:
  explicit constexpr Duration(std::int64_t count) noexcept : nanoseconds_(count) {}
  std::int64_t nanoseconds_ = 0;
};

[[nodiscard]] constexpr Duration nanoseconds(std::int64_t count) noexcept { return Duration::from_nanoseconds(count); }
[[nodiscard]] constexpr Duration microseconds(std::int64_t count) noexcept { return nanoseconds(1'000) * count; }
[[nodiscard]] constexpr Duration milliseconds(std::int64_t count) noexcept { return nanoseconds(1'000'000) * count; }
[[nodiscard]] constexpr Duration seconds(std::int64_t count) noexcept { return nanoseconds(1'000'000'000) * count; }
[[nodiscard]] constexpr Duration minutes(std::int64_t count) noexcept { return seconds(60) * count; }
[[nodiscard]] constexpr Duration hours(std::int64_t count) noexcept { return seconds(3'600) * count; }

namespace detail {

// A point on one clock. The tag keeps the clocks apart: subtracting an Instant from a WallTime does not compile.
template <class Clock>
class TimePoint {
 public:
  constexpr TimePoint() noexcept = default;
  [[nodiscard]] static constexpr TimePoint from_nanoseconds(std::int64_t count) noexcept {
    return TimePoint{Duration::from_nanoseconds(count)};
  }
  // Later than every instant: "no deadline".
  [[nodiscard]] static constexpr TimePoint never() noexcept { return TimePoint{Duration::max()}; }
  [[nodiscard]] constexpr std::int64_t nanoseconds() const noexcept { return since_origin_.nanoseconds(); }

  constexpr auto operator<=>(const TimePoint&) const noexcept = default;
  friend constexpr TimePoint operator+(TimePoint point, Duration span) noexcept {
    return TimePoint{point.since_origin_ + span};
  }
  friend constexpr TimePoint operator-(TimePoint point, Duration span) noexcept {
    return TimePoint{point.since_origin_ - span};
  }
  friend constexpr Duration operator-(TimePoint later, TimePoint earlier) noexcept {
    return later.since_origin_ - earlier.since_origin_;
  }

 private:
  explicit constexpr TimePoint(Duration since_origin) noexcept : since_origin_(since_origin) {}
  Duration since_origin_;
};

struct MonotonicClock;
struct CalendarClock;

}  // namespace detail

using Instant = detail::TimePoint<detail::MonotonicClock>;
using WallTime = detail::TimePoint<detail::CalendarClock>;

[[nodiscard]] constexpr Instant earlier_of(Instant left, Instant right) noexcept { return right < left ? right : left; }
[[nodiscard]] constexpr Instant later_of(Instant left, Instant right) noexcept { return left < right ? right : left; }

}  // namespace axonpush::inline v0
