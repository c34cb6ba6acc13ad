// SIGINT and SIGTERM as a question: has the user asked us to stop?
#pragma once

#include <axonpush/base/time.h>

namespace axonpush::tool {

// Installs the handlers; once, at the start of a command that runs until interrupted.
void catch_interrupts();
[[nodiscard]] bool interrupted();
// Sleeps, but not beyond an interrupt.
void sleep_for(Duration span);

}  // namespace axonpush::tool
