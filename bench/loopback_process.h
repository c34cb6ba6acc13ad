// Processes that axonpush_loopback starts of itself.
#pragma once

#include <string>
#include <vector>

namespace axonpush::bench {

// A child process whose output is read; what it prints on stderr goes where ours goes.
class Process {
 public:
  // Runs this program with these words behind its name, or another one when `program` is not empty.
  explicit Process(const std::vector<std::string>& words, const std::string& program = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  // Up to and without a line end.
  [[nodiscard]] std::string read_line();
  [[nodiscard]] std::string read_all();
  // Waits for the end; true when it ended with 0.
  [[nodiscard]] bool succeeded();

 private:
  int process_ = -1;
  int input_ = -1;  // its standard input: closing it asks a sender to end
  int output_ = -1;
};

}  // namespace axonpush::bench
