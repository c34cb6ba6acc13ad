// Conversions between the library's times and std::chrono's. Apart from the other headers, because <chrono> costs every
// includer what it costs.
//
// Instant has none: it counts on a clock that goes on during suspend, and steady_clock does not on Linux, so a pair of
// them would drift. Differences of instants are Durations, and those convert. Everything saturates: hours::max() is
// Duration::max(), not some moment in the past. Thread rule: none, values only.
#pragma once

#include <axonpush/base/time.h>

#include <chrono>
#include <concepts>
#include <ratio>
#include <type_traits>

namespace axonpush::inline v0 {

namespace detail {

template <class Count>
[[nodiscard]] constexpr std::int64_t saturated(Count count) noexcept {
  if constexpr (std::is_unsigned_v<Count>) {
    return count > static_cast<Count>(INT64_MAX) ? INT64_MAX : static_cast<std::int64_t>(count);
  } else {
    return static_cast<std::int64_t>(count);
  }
}

}  // namespace detail

// A fraction of a nanosecond is cut off towards zero; a floating-point NaN is zero.
template <class Rep, class Period>
[[nodiscard]] constexpr Duration from_chrono(std::chrono::duration<Rep, Period> span) noexcept {
  using Nanoseconds = std::ratio_divide<Period, std::nano>;  // in one tick
  if constexpr (std::integral<Rep> && sizeof(Rep) <= sizeof(std::int64_t) && Nanoseconds::den == 1) {
    return Duration::from_nanoseconds(Nanoseconds::num) * detail::saturated(span.count());
  } else {
    const auto count = static_cast<long double>(span.count()) * static_cast<long double>(Nanoseconds::num) /
                       static_cast<long double>(Nanoseconds::den);
    if (count != count) return Duration::zero();
    // 2^63 is the first value that does not fit, and exact in every floating-point type.
    if (count >= 0x1p63L) return Duration::max();
    if (count <= -0x1p63L) return Duration::from_nanoseconds(INT64_MIN);
    return Duration::from_nanoseconds(static_cast<std::int64_t>(count));
  }
}

[[nodiscard]] constexpr std::chrono::nanoseconds to_chrono(Duration span) noexcept {
  return std::chrono::nanoseconds(span.nanoseconds());
}

// WallTime::never() and system_clock's own maximum become each other's extremes.
template <class Span>
[[nodiscard]] constexpr WallTime from_chrono(std::chrono::sys_time<Span> point) noexcept {
  return WallTime::from_nanoseconds(from_chrono(point.time_since_epoch()).nanoseconds());
}

[[nodiscard]] constexpr std::chrono::sys_time<std::chrono::nanoseconds> to_chrono(WallTime point) noexcept {
  return std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(point.nanoseconds()));
}

}  // namespace axonpush::inline v0
