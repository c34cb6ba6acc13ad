// Another program as a child: its output line by line, and its exit code.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

extern "C" char** environ;

namespace interop {

inline constexpr int kPatienceMilliseconds = 15'000;

// True when PATH has it.
inline bool installed(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::string left = path == nullptr ? "" : path;
  left += ":/usr/sbin:/sbin";  // where Debian keeps daemons
  while (!left.empty()) {
    const std::size_t colon = left.find(':');
    const std::string candidate = left.substr(0, colon) + "/" + program;
    if (::access(candidate.c_str(), X_OK) == 0) return true;
    if (colon == std::string::npos) break;
    left.erase(0, colon + 1);
  }
  return false;
}

// A running child with its output (stdout and stderr in one).
class Program {
 public:
  explicit Program(std::vector<std::string> words) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      static_cast<void>(wait());
    }
    if (output_ >= 0) ::close(output_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] bool started() const { return pid_ > 0; }
  void interrupt() const { ::kill(pid_, SIGINT); }

  // The next line without its end; nothing at the end of the output or after kPatience.
  std::optional<std::string> line() {
    for (;;) {
      const std::size_t end = pending_.find('\n');
      if (end != std::string::npos) {
        std::string found = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        return found;
      }
      if (!read_more()) return std::nullopt;
    }
  }
  // Everything to the end of the output, which is the end of the program. Killed when it says nothing for kPatience.
  std::string rest() {
    while (read_more()) {
    }
    return std::exchange(pending_, {});
  }
  // The exit code, or minus the signal. Waits for the end of the output first, as rest() does.
  [[nodiscard]] int wait() {
    while (read_more()) {
    }
    int status = 0;
    if (pid_ <= 0) return -1;
    if (!ended_) ::kill(pid_, SIGKILL);
    if (::waitpid(pid_, &status, 0) != pid_) return -1;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  bool read_more() {
    pollfd ready{.fd = output_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, kPatienceMilliseconds) <= 0) return false;
    char room[4096];
    const ssize_t size = ::read(output_, room, sizeof room);
    ended_ = size <= 0;
    if (size > 0) pending_.append(room, static_cast<std::size_t>(size));
    return size > 0;
  }

  pid_t pid_ = -1;
  int output_ = -1;
  bool ended_ = false;
  std::string pending_;
};

}  // namespace interop
