// One line that says how far long work has come, rewritten in place; only where somebody looks.
#pragma once

#include <axonpush/net/reactor.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace axonpush::tool {

// Goes in front of whatever else is printed on a terminal that may show a progress line.
inline constexpr const char* kClearLine = "\r\033[2K";

class Progress {
 public:
  // On stderr where that is a terminal and stdout is none: on one terminal the output itself is the progress.
  Progress() : shown_at_(net::Reactor::clock()), wanted_(isatty(STDERR_FILENO) != 0 && isatty(STDOUT_FILENO) == 0) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  // At most ten times a second; `text` is asked for only then.
  template <class Text>
  void show(Text&& text) {
    if (!wanted_) return;
    const Instant now = net::Reactor::clock();
    if (now - shown_at_ < milliseconds(100)) return;
    shown_at_ = now;
    std::fprintf(stderr, "%s%s", kClearLine, std::string(text()).c_str());
    std::fflush(stderr);
    dirty_ = true;
  }
  // Before anything else is printed there.
  void clear() {
    if (dirty_) std::fputs(kClearLine, stderr);
    dirty_ = false;
  }

 private:
  Instant shown_at_;
  bool wanted_;
  bool dirty_ = false;
};

}  // namespace axonpush::tool
