// axonpush COMMAND ...: finds the command and runs it.
#include <cstdio>
#include <string_view>
#include <vector>

#include "tool/command.h"

namespace {

using axonpush::tool::Arguments;

struct Command {
  std::string_view name;
  const char* summary;
  int (*run)(Arguments);
};

constexpr Command kCommands[] = {
    {"demo", "everything in one process: service, subscriber, publisher, a credential swap", axonpush::tool::demo},
    {"listen", "print each event on a line of its own", axonpush::tool::listen},
    {"publish", "publish a message, or a line each from stdin", axonpush::tool::publish},
    {"doctor", "every step into the service by itself, timed, with the reason where one fails", axonpush::tool::doctor},
    {"ping", "round trips of a message to itself, and a histogram of them", axonpush::tool::ping},
    {"topic", "topic publish | subscribe: the topic for the given members", axonpush::tool::topic},
    {"decode", "decode mqtt | ws | http | json: judge and print what was on the wire", axonpush::tool::decode},
    {"serve", "an AxonPush on 127.0.0.1 until interrupted, for demos and tests", axonpush::tool::serve},
    {"completion", "completion bash: a script that completes commands and flags", axonpush::tool::completion},
};

void print_usage(FILE* into) {
  std::fprintf(into, "usage: axonpush COMMAND [options]   (axonpush COMMAND --help tells more)\n\n");
  for (const Command& command : kCommands) {
    std::fprintf(into, "  %-10.*s  %s\n", static_cast<int>(command.name.size()), command.name.data(), command.summary);
  }
  std::fprintf(
      into, "\nExit codes of every command: 0 done; 1 failed, and one sentence on stderr says why; 2 wrong usage.\n");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (words.empty()) {
    print_usage(stderr);
    return 2;
  }
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print_usage(stdout);
    return 0;
  }
  for (const Command& command : kCommands) {
    if (command.name == words[0]) return command.run(Arguments(words).subspan(1));
  }
  std::fprintf(stderr, "axonpush: there is no command '%.*s'; see axonpush --help\n", static_cast<int>(words[0].size()),
               words[0].data());
  return 2;
}
