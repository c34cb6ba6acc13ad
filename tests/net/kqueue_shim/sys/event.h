// A stand-in for the BSDs' <sys/event.h>, with what src/net/poller_kqueue.cc uses and nothing else, so that the tests
// can build and run that file on Linux. The numbers are FreeBSD's.
//
// With AXONPUSH_KQUEUE_SHIM_OLDER it is a kqueue without user events and without timers in nanoseconds.
#pragma once

#include <time.h>

#include <cstdint>

struct kevent {
  std::uintptr_t ident;
  short filter;
  unsigned short flags;
  unsigned fflags;
  std::int64_t data;
  void* udata;
};

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_TIMER (-7)
#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ONESHOT 0x0010
#define EV_CLEAR 0x0020
#define EV_ERROR 0x4000
#define EV_EOF 0x8000
#if !defined(AXONPUSH_KQUEUE_SHIM_OLDER)
#define EVFILT_USER (-11)
#define NOTE_TRIGGER 0x01000000U
#define NOTE_NSECONDS 0x00000008U
#endif

extern "C" {
int kqueue(void);
int kevent(int queue, const struct kevent* changes, int change_count, struct kevent* events, int event_count,
           const struct timespec* timeout);
}

namespace axonpush::test {

// Makes the next `count` calls of kevent() for this filter with EV_ADD fail with this errno.
void refuse_kevent(int filter, int number, int count);

}  // namespace axonpush::test
