// Numbers of RFC 8259 6 as doubles.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0::json {

// A whole number of so many digits is below 1.8e308, the largest double, whatever the digits.
inline constexpr std::ptrdiff_t kFiniteDigits = 308;

// The double nearest to a number that is spelled as RFC 8259 6 has it. False when it is beyond the largest double.
[[nodiscard]] bool read_real(std::string_view text, double& value) noexcept;
// The same without std::from_chars for doubles, which some standard libraries still lack: slower, by strtod, whatever
// the locale.
[[nodiscard]] bool read_real_portably(std::string_view text, double& value) noexcept;

// About the decimal logarithm of such a number: only its sign is exact.
[[nodiscard]] int decimal_order(std::string_view text) noexcept;

}  // namespace axonpush::inline v0::json
