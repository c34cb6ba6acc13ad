// The command-line flags of the tool's commands: `--name value`, `--name=value`, switches, environment fall-back,
// --help.
//
// A command declares its flags over variables that hold the defaults, then parses once:
//   Flags flags("listen", "prints each event on a line of its own");
//   flags.text(channel, {.name = "channel", .value = "ID", .help = "...", .environment = "AXONPUSH_CHANNEL_ID"});
//   if (const auto exit_code = flags.parse(arguments)) return *exit_code;
// Explicit flags beat the environment, and an empty variable counts as unset (CONTRACT: configuration). A flag that
// names no variable has AXONPUSH_NAME, or AXONPUSH_COMMAND_NAME when another flag of the command has that. What is
// wrong is one sentence on stderr and exit code 2; --help goes to stdout and is exit code 0. A value never appears in a
// message when its flag is `secret`. Lifetime: the variables and texts outlive the Flags. Thread rule: main's thread.
#pragma once

#include <axonpush/base/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tool/command.h"

namespace axonpush::tool {

// What help and the environment need to know of a flag.
struct FlagInfo {
  std::string_view name;        // without the dashes
  std::string_view value = {};  // what stands for the value in the help, e.g. "SECONDS"; a switch has none
  std::string_view help = {};
  std::string_view environment = {};        // a variable that is asked when the flag is not given
  std::string_view environment_alias = {};  // asked when that one is unset or empty
  bool secret = false;                      // neither the default nor what was given is ever printed
};

class Flags {
 public:
  // "COMMAND" as typed behind `axonpush`, and one sentence of what it does.
  Flags(std::string_view command, std::string_view summary) : command_(command), summary_(summary) {}

  void text(std::string& into, const FlagInfo& info);
  // May be given more than once; each value is appended. Never from the environment.
  void texts(std::vector<std::string>& into, const FlagInfo& info);
  // A whole number of [least, most].
  void number(std::uint64_t& into, std::uint64_t least, std::uint64_t most, const FlagInfo& info);
  // A TCP port, 0 for "any".
  void port(std::uint16_t& into, const FlagInfo& info);
  // Seconds, with up to nine digits behind a point: "30", "0.25".
  void seconds(Duration& into, const FlagInfo& info);
  // `--name` alone is true; `--name=false` and `--name=true` also work (and 0, 1, no, yes).
  void toggle(bool& into, const FlagInfo& info);
  // Words that are no flags, in their order; everything behind a bare `--` is one. Without this they are refused.
  void words(std::vector<std::string>& into, std::string_view value, std::string_view help);
  // A paragraph behind the flags in --help: exit codes, an example.
  void note(std::string_view text) { notes_.push_back(text); }

  // The exit code to leave with (0 after --help, 2 after a mistake, which has been printed), or nothing: go on.
  [[nodiscard]] std::optional<int> parse(Arguments arguments);
  // Was it given on the command line or by a variable?
  [[nodiscard]] bool given(std::string_view name) const;
  // Prints "axonpush COMMAND: SENTENCE; see axonpush COMMAND --help" on stderr and answers 2: for what only the command
  // can judge (two flags that exclude each other).
  [[nodiscard]] int misuse(std::string_view sentence) const;

 private:
  enum class Kind : std::uint8_t {
    text,
    texts,
    number,
    port,
    seconds,
    toggle
  };
  struct Flag {
    FlagInfo info = {};
    std::string own_variable = {};  // of a flag that names none
    bool variable_has_command = false;
    Kind kind = Kind::text;
    void* into = nullptr;
    std::uint64_t least = 0;
    std::uint64_t most = 0;
    std::string shown_default = {};
    bool given = false;
  };

  void add(Flag flag);
  void name_variables();
  [[nodiscard]] Flag* find(std::string_view name);
  [[nodiscard]] bool assign(Flag& flag, std::string_view value) const;
  [[nodiscard]] std::optional<int> assign_or_say(Flag& flag, std::string_view value, std::string_view source) const;
  [[nodiscard]] std::optional<int> take_flag(Arguments arguments, std::size_t& index);
  [[nodiscard]] std::optional<int> read_environment();
  [[nodiscard]] std::string wanted_by(const Flag& flag) const;
  [[nodiscard]] std::string unknown(std::string_view name) const;
  void print_help() const;

  std::string_view command_;
  std::string_view summary_;
  std::vector<Flag> flags_;
  std::vector<std::string_view> notes_;
  std::vector<std::string>* words_ = nullptr;
  std::string_view words_value_;
  std::string_view words_help_;
};

}  // namespace axonpush::tool
