// Numbers of RFC 8259 6 as doubles.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0::json {

// A whole number of so many digits is below 1.8e308, the largest double, whatever the digits.
inline constexpr std::ptrdiff_t kFiniteDigits = 308;

// The double nearest to a number that is spelled as RFC 8259 6 has it. False when it is beyond the largest double.
[[nodiscard]] bool read_real(std::string_view text, double& value) noexcept;

// The shortest text that reads back as the same double, of those the one nearest to it; a power of ten is split off
// where that makes it shorter. `value` is finite. Answers the size.
inline constexpr std::size_t kRealBytes = 32;
[[nodiscard]] std::size_t write_real(double value, char (&into)[kRealBytes]) noexcept;

}  // namespace axonpush::inline v0::json
