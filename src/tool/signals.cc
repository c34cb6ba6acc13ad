#include "tool/signals.h"

#include <signal.h>
#include <time.h>

namespace axonpush::tool {

namespace {

volatile sig_atomic_t asked_to_stop = 0;

void on_signal(int) { asked_to_stop = 1; }

}  // namespace

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A closed pipe is an error of write, not the end of the program.
  signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return asked_to_stop != 0; }

void sleep_for(Duration span) {
  timespec wait = {};
  wait.tv_sec = static_cast<time_t>(span.seconds());
  wait.tv_nsec = static_cast<long>(span.nanoseconds() % 1'000'000'000);
  nanosleep(&wait, nullptr);
}

}  // namespace axonpush::tool
