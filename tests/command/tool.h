// Runs the tool as a user does and keeps what it printed.
#pragma once

#include <axonpush/testing/loopback_service.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace axonpush::test {

struct ToolRun {
  int code = -1;  // the exit code, or minus the signal
  std::string out;
  std::string err;
};

inline std::string quoted_for_shell(const std::string& word) {
  std::string quoted = "'";
  for (const char letter : word) quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return quoted + "'";
}

// Without any AXONPUSH_ variable, whatever the machine has set. `input` comes on stdin.
inline ToolRun run_tool(const std::vector<std::string>& words, const std::string& input = {}) {
  static int runs = 0;
  const char* folder = std::getenv("TMPDIR");
  const std::string base = std::string(folder == nullptr ? "/tmp" : folder) + "/axonpush-command-" +
                           std::to_string(::getpid()) + "-" + std::to_string(++runs);
  std::ofstream(base + ".in") << input;
  std::string command = "for name in $(env | sed -n 's/^\\(AXONPUSH_[A-Z_]*\\)=.*/\\1/p'); do unset $name; done; ";
  command += quoted_for_shell(AXONPUSH_TOOL);
  for (const std::string& word : words) command += " " + quoted_for_shell(word);
  command += " < " + base + ".in 2> " + base + ".err";
  ToolRun run;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return run;
  char block[4096];
  for (std::size_t got = 0; (got = std::fread(block, 1, sizeof block, pipe)) > 0;) run.out.append(block, got);
  const int status = ::pclose(pipe);
  run.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  std::ifstream errors(base + ".err");
  run.err.assign(std::istreambuf_iterator<char>(errors), {});
  std::remove((base + ".in").c_str());
  std::remove((base + ".err").c_str());
  return run;
}

// COMMAND and the flags that lead to `service`.
inline std::vector<std::string> against(testing::LoopbackService& service, const std::string& command,
                                        const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {command,           "--base-url", service.base_url(), "--api-key",
                                    service.api_key(), "--tenant",   service.tenant_id()};
  if (!service.ca_pem().empty()) words.insert(words.end(), {"--ca-file", service.write_ca_file().value()});
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace axonpush::test
