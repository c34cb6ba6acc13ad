// axonpush completion bash: a script for `source <(axonpush completion bash)`.
//
// It asks the tool itself for its commands and flags, so it cannot fall behind them.
#include <cstdio>

#include "tool/command.h"

namespace axonpush::tool {

namespace {

constexpr char kBash[] = R"bash(_axonpush() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} tool=${COMP_WORDS[0]}
  local words=() index choices
  for ((index = 1; index < COMP_CWORD; ++index)); do
    [[ ${COMP_WORDS[index]} == -* ]] && break
    words+=("${COMP_WORDS[index]}")
  done
  COMPREPLY=()
  if [[ ${#words[@]} -eq 0 ]]; then
    choices=$("$tool" --help 2>/dev/null | sed -n 's/^  \([a-z]*\)  *.*/\1/p')
  elif [[ ${#words[@]} -eq 1 && ${words[0]} == decode ]]; then
    choices="mqtt ws http json"
  elif [[ ${#words[@]} -eq 1 && ${words[0]} == topic ]]; then
    choices="publish subscribe"
  elif [[ ${#words[@]} -eq 1 && ${words[0]} == completion ]]; then
    choices="bash"
  elif [[ $previous == --ca-file ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    return
  fi
  if [[ $current == -* ]]; then
    choices=$("$tool" "${words[@]}" --help 2>/dev/null | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p')
  fi
  mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current")
}
complete -F _axonpush axonpush
)bash";

constexpr char kUsage[] =
    "usage: axonpush completion bash\n"
    "  Prints a script that completes commands and flags: source <(axonpush completion bash)\n"
    "  Exit codes: 0 printed; 2 wrong usage.\n";

}  // namespace

int completion(Arguments arguments) {
  const bool help = !arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h");
  if (arguments.size() != 1 || (arguments[0] != "bash" && !help)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::fputs(help ? kUsage : kBash, stdout);
  return 0;
}

}  // namespace axonpush::tool
