#include "tool/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

namespace axonpush::tool {

namespace {

volatile sig_atomic_t asked_to_stop = 0;

// The handler writes into it, sleep_for waits on it: so a signal is noticed that comes just before the sleep, and one
// that another thread of the process was picked for. It stays readable for good.
int wake[2] = {-1, -1};

void on_signal(int) {
  asked_to_stop = 1;
  const int saved = errno;
  static_cast<void>(!write(wake[1], "", 1));
  errno = saved;
}

}  // namespace

void catch_interrupts() {
  if (wake[0] < 0 && pipe(wake) == 0) {
    for (const int end : wake) {
      fcntl(end, F_SETFD, FD_CLOEXEC);
      fcntl(end, F_SETFL, O_NONBLOCK);
    }
  }
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
  fd_set ends;
  FD_ZERO(&ends);
  if (wake[0] >= 0) FD_SET(wake[0], &ends);  // opened at the start: far below FD_SETSIZE
  pselect(wake[0] + 1, &ends, nullptr, nullptr, &wait, nullptr);
}

}  // namespace axonpush::tool
