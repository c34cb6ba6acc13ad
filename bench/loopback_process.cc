#include "loopback_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loopback_work.h"

namespace axonpush::bench {

Process::Process(const std::vector<std::string>& words, const std::string& program) {
  int input[2];
  int output[2];
  need(::pipe2(input, O_CLOEXEC) == 0 && ::pipe2(output, O_CLOEXEC) == 0, "no pipes for a process");
  const std::string name = program.empty() ? "/proc/self/exe" : program;
  std::vector<std::string> kept = words;
  std::vector<char*> arguments;
  std::string shown = program.empty() ? "axonpush_loopback" : program;
  arguments.push_back(shown.data());
  for (std::string& word : kept) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  process_ = ::fork();
  need(process_ >= 0, "no process could be started");
  if (process_ == 0) {
    ::dup2(input[0], STDIN_FILENO);
    ::dup2(output[1], STDOUT_FILENO);
    ::execvp(name.c_str(), arguments.data());
    ::_exit(127);
  }
  ::close(input[0]);
  ::close(output[1]);
  input_ = input[1];
  output_ = output[0];
}

Process::~Process() {
  ::close(input_);
  ::close(output_);
  if (process_ > 0) ::waitpid(process_, nullptr, 0);
}

std::string Process::read_line() {
  std::string line;
  char c = 0;
  while (::read(output_, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

std::string Process::read_all() {
  std::string text;
  char part[64 * 1024];
  for (ssize_t got = 0; (got = ::read(output_, part, sizeof part)) > 0;) {
    text.append(part, static_cast<std::size_t>(got));
  }
  return text;
}

bool Process::succeeded() {
  int status = 0;
  const bool ended = ::waitpid(process_, &status, 0) == process_;
  process_ = -1;
  return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace axonpush::bench
