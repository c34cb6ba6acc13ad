// The environment variables of CONTRACT section 1, for options that were not given.
#pragma once

#include <axonpush/options.h>

namespace axonpush::inline v0::net {

// An explicit option wins; an empty variable counts as unset; a malformed number is an error that names the variable.
[[nodiscard]] Error apply_environment(ClientOptions& options) noexcept;

}  // namespace axonpush::inline v0::net
