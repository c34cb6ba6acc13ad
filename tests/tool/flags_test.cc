// The flag parser of the tool: values, switches, environment, and the one sentence for each mistake.
#include "tool/flags.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace {

using axonpush::Duration;
using axonpush::tool::Flags;

struct Values {
  std::string text = "default";
  std::vector<std::string> texts;
  std::uint64_t number = 7;
  std::uint16_t port = 0;
  Duration seconds = axonpush::seconds(30);
  bool toggle = false;
  std::vector<std::string> words;
};

struct Outcome {
  std::optional<int> code;
  std::string out;
  std::string err;
  Values values;
  bool text_given = false;
};

enum class Words : std::uint8_t {
  taken,
  refused
};

Outcome parse(std::vector<std::string_view> arguments, Words words = Words::refused) {
  Outcome outcome;
  Values& values = outcome.values;
  Flags flags("try", "a command of the tests");
  flags.text(values.text, {.name = "text",
                           .value = "TEXT",
                           .help = "some text",
                           .environment = "AXONPUSH_FLAGS_TEST_TEXT",
                           .environment_alias = "AXONPUSH_FLAGS_TEST_ALIAS"});
  flags.texts(values.texts, {.name = "filter", .value = "FILTER", .help = "filters"});
  flags.number(values.number, 1, 10,
               {.name = "number", .value = "N", .help = "a number", .environment = "AXONPUSH_FLAGS_TEST_NUMBER"});
  flags.port(values.port, {.name = "port", .value = "PORT", .help = "a port"});
  flags.seconds(values.seconds, {.name = "timeout", .value = "SECONDS", .help = "a time"});
  flags.toggle(values.toggle, {.name = "verbose", .value = {}, .help = "a switch"});
  if (words == Words::taken) flags.words(values.words, "INPUT", "inputs");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  outcome.code = flags.parse(arguments);
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.err = testing::internal::GetCapturedStderr();
  outcome.text_given = flags.given("text");
  return outcome;
}

// Sets a variable for one test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(Flags, KeepsDefaultsWhenNothingIsGiven) {
  const Outcome outcome = parse({});
  EXPECT_FALSE(outcome.code.has_value());
  EXPECT_EQ(outcome.values.text, "default");
  EXPECT_EQ(outcome.values.number, 7U);
  EXPECT_EQ(outcome.values.seconds, axonpush::seconds(30));
  EXPECT_FALSE(outcome.values.toggle);
  EXPECT_FALSE(outcome.text_given);
}

TEST(Flags, TakesBothSpellingsOfAValue) {
  const Outcome outcome = parse({"--text", "a b", "--number=3", "--port", "65535", "--timeout=0.25", "--verbose",
                                 "--filter", "one", "--filter=two"});
  EXPECT_FALSE(outcome.code.has_value()) << outcome.err;
  EXPECT_EQ(outcome.values.text, "a b");
  EXPECT_EQ(outcome.values.number, 3U);
  EXPECT_EQ(outcome.values.port, 65'535);
  EXPECT_EQ(outcome.values.seconds, axonpush::milliseconds(250));
  EXPECT_TRUE(outcome.values.toggle);
  EXPECT_EQ(outcome.values.texts, (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(outcome.text_given);
}

TEST(Flags, TakesAnEmptyValueAndOneWithDashesBehindTheEqualsSign) {
  const Outcome outcome = parse({"--text=", "--filter=--x=y"});
  EXPECT_FALSE(outcome.code.has_value());
  EXPECT_EQ(outcome.values.text, "");
  EXPECT_EQ(outcome.values.texts, std::vector<std::string>{"--x=y"});
}

TEST(Flags, FlagBeatsVariableAndEmptyVariableIsUnset) {
  const Variable text("AXONPUSH_FLAGS_TEST_TEXT", "from the variable");
  EXPECT_EQ(parse({}).values.text, "from the variable");
  EXPECT_TRUE(parse({}).text_given);
  EXPECT_EQ(parse({"--text", "from the flag"}).values.text, "from the flag");
  const Variable empty("AXONPUSH_FLAGS_TEST_TEXT", "");
  EXPECT_EQ(parse({}).values.text, "default");
  const Variable alias("AXONPUSH_FLAGS_TEST_ALIAS", "from the alias");
  EXPECT_EQ(parse({}).values.text, "from the alias");
}

TEST(Flags, MalformedVariableIsNamed) {
  const Variable number("AXONPUSH_FLAGS_TEST_NUMBER", "many");
  const Outcome outcome = parse({});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err,
            "axonpush try: the variable AXONPUSH_FLAGS_TEST_NUMBER takes a whole number from 1 to 10, not 'many'; see "
            "axonpush try --help\n");
}

TEST(Flags, EachMistakeIsOneSentenceAndExitCodeTwo) {
  struct Row {
    std::vector<std::string_view> arguments;
    std::string_view says;
  };
  const Row rows[] = {
      {{"--nope"}, "there is no flag '--nope'"},
      {{"--txt", "x"}, "there is no flag '--txt' (did you mean --text?)"},
      {{"-v"}, "there is no flag '-v': flags are written --name"},
      {{"--text"}, "--text needs a value (text)"},
      {{"--text", "--verbose"}, "--text needs a value (text)"},
      {{"--number", "0"}, "--number takes a whole number from 1 to 10, not '0'"},
      {{"--number", "11"}, "--number takes a whole number from 1 to 10, not '11'"},
      {{"--number", "3x"}, "--number takes a whole number from 1 to 10, not '3x'"},
      {{"--number", ""}, "--number takes a whole number from 1 to 10, not ''"},
      {{"--number", "99999999999999999999"}, "--number takes a whole number from 1 to 10"},
      {{"--port", "65536"}, "--port takes a whole number from 0 to 65535, not '65536'"},
      {{"--timeout", "-1"}, "--timeout takes seconds, such as 30 or 0.25, not '-1'"},
      {{"--timeout", "1."}, "--timeout takes seconds, such as 30 or 0.25, not '1.'"},
      {{"--timeout", "1.0000000001"}, "--timeout takes seconds"},
      {{"--verbose=maybe"}, "--verbose takes true or false, not 'maybe'"},
      {{"--text", "a", "--text", "b"}, "--text is given twice"},
      {{"word"}, "the word 'word' is not expected here"},
      {{"\x1b[2J"}, "the word '\\x1b[2J' is not expected here"},
  };
  for (const Row& row : rows) {
    const Outcome outcome = parse(row.arguments);
    EXPECT_EQ(outcome.code, 2) << row.says;
    EXPECT_EQ(outcome.err.find("axonpush try: " + std::string(row.says)), 0U) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(Flags, WordsAreTakenInOrderAndBehindTwoDashesEverythingIsOne) {
  const Outcome outcome = parse({"a", "--verbose", "-", "--", "--text", "-h"}, Words::taken);
  EXPECT_FALSE(outcome.code.has_value()) << outcome.err;
  EXPECT_TRUE(outcome.values.toggle);
  EXPECT_EQ(outcome.values.words, (std::vector<std::string>{"a", "-", "--text", "-h"}));
}

TEST(Flags, HelpGoesToStdoutAndNamesEverything) {
  const Outcome outcome = parse({"--help"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  for (const std::string_view part :
       {"usage: axonpush try [flags]", "a command of the tests", "--text TEXT", "--verbose", "default 30",
        "AXONPUSH_FLAGS_TEST_TEXT", "any free one", "--help"}) {
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part << "\n" << outcome.out;
  }
}

TEST(Flags, SecretValueIsNeverShown) {
  std::uint64_t number = 1;
  std::string key = "ak_default";
  Flags flags("try", "a command of the tests");
  flags.number(number, 1, 2, {.name = "pin", .value = "N", .help = "secret number", .secret = true});
  flags.text(key, {.name = "api-key", .value = "KEY", .help = "the key", .secret = true});
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  const std::vector<std::string_view> wrong = {"--pin", "4711"};
  EXPECT_EQ(flags.parse(wrong), 2);
  const std::vector<std::string_view> help = {"--help"};
  EXPECT_EQ(flags.parse(help), 0);
  const std::string err = testing::internal::GetCapturedStderr();
  const std::string out = testing::internal::GetCapturedStdout();
  EXPECT_EQ(err.find("4711"), std::string::npos) << err;
  EXPECT_EQ(out.find("ak_default"), std::string::npos) << out;
}

TEST(Flags, EveryFlagHasAVariable) {
  const Variable port("AXONPUSH_PORT", "8080");
  const Variable verbose("AXONPUSH_VERBOSE", "1");
  const Variable seconds("AXONPUSH_TIMEOUT", "2.5");
  const Outcome outcome = parse({});
  EXPECT_FALSE(outcome.code.has_value()) << outcome.err;
  EXPECT_EQ(outcome.values.port, 8080);
  EXPECT_TRUE(outcome.values.toggle);
  EXPECT_EQ(outcome.values.seconds, axonpush::milliseconds(2'500));
  EXPECT_EQ(parse({"--port", "1"}).values.port, 1);
}

TEST(Flags, AMalformedVariableIsNamed) {
  const Variable port("AXONPUSH_PORT", "eighty");
  const Outcome outcome = parse({});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("AXONPUSH_PORT"), std::string::npos) << outcome.err;
}

// `listen --timeout` beside `--http-timeout`, which is what CONTRACT's AXONPUSH_TIMEOUT means.
TEST(Flags, AVariableThatAnotherFlagNamesIsLeftToIt) {
  const Variable theirs("AXONPUSH_TIMEOUT", "2");
  const Variable ours("AXONPUSH_TRY_TIMEOUT", "3");
  Duration http_timeout = axonpush::seconds(30);
  Duration timeout = axonpush::seconds(0);
  Flags flags("try", "a command of the tests");
  flags.seconds(timeout, {.name = "timeout", .value = "SECONDS", .help = "in all"});
  flags.seconds(http_timeout,
                {.name = "http-timeout", .value = "SECONDS", .help = "a time", .environment = "AXONPUSH_TIMEOUT"});
  EXPECT_FALSE(flags.parse({}).has_value());
  EXPECT_EQ(http_timeout, axonpush::seconds(2));
  EXPECT_EQ(timeout, axonpush::seconds(3));
}

}  // namespace
