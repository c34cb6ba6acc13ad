// A network namespace of the process's own, in which every port and every address of 127/8 is free.
#pragma once

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace interop {

// A network of our own with nothing but a loopback device. False without the right to make one.
inline bool enter_private_network() {
  if (unshare(CLONE_NEWNET) != 0) return false;
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  ifreq request = {};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  bool up = ioctl(descriptor, SIOCGIFFLAGS, &request) == 0;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
  up = up && ioctl(descriptor, SIOCSIFFLAGS, &request) == 0;
  close(descriptor);
  return up;
}

}  // namespace interop
