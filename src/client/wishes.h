// What the waits and counts of the options may be. The error names the option and its bounds.
//
// Who calls it: Config for ClientOptions, ClientCore for RealtimeOptions. Thread rule: none, values.
#pragma once

#include <axonpush/options.h>

namespace axonpush::inline v0 {

// FAULTS 1.0: every wait is an option, and every one has an end.
[[nodiscard]] Error check_waits(const ClientOptions& options) noexcept;
[[nodiscard]] Error check_wishes(const RealtimeOptions& options) noexcept;

// CONTRACT 3: calls while one is connecting share it; with other options they are refused. Callbacks cannot be
// compared, so a second call may not bring any.
[[nodiscard]] bool same_wishes(const RealtimeOptions& left, const RealtimeOptions& right) noexcept;

}  // namespace axonpush::inline v0
