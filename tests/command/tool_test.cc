// The commands as a user meets them: help, exit codes, JSON, the flight recorder, completion.
#include "command/tool.h"

#include <axonpush/json/reader.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace axonpush::test {
namespace {

using testing::LoopbackService;

std::vector<std::string> commands() {
  std::vector<std::string> names;
  for (const std::string& line : lines_of(run_tool({"--help"}).out)) {
    if (line.rfind("  ", 0) == 0) names.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  return names;
}

bool is_json_object(const std::string& line) {
  json::Value root;
  return !json::validate(bytes_of(line), {}, root) && root.kind == json::Kind::object;
}

TEST(Tool, HasHelpForEachCommandThatTellsItsExitCodes) {
  const std::vector<std::string> names = commands();
  EXPECT_GE(names.size(), 8U);
  for (const std::string& name : names) {
    std::vector<std::vector<std::string>> forms = {{name}};
    if (name == "topic") forms = {{name, "publish"}, {name, "subscribe"}};
    if (name == "decode") forms = {{name, "mqtt"}, {name, "ws"}, {name, "http"}, {name, "json"}};
    for (std::vector<std::string> words : forms) {
      words.emplace_back("--help");
      const ToolRun run = run_tool(words);
      EXPECT_EQ(run.code, 0) << name;
      EXPECT_TRUE(contains(run.out, "usage: axonpush " + name)) << name;
      EXPECT_TRUE(run.err.empty()) << name << ": " << run.err;
      if (name != "decode") {
        EXPECT_TRUE(contains(run.out, "Exit code")) << name;
      }
    }
  }
}

TEST(Tool, AMistakeIsOneSentenceOnStderrAndExitCodeTwo) {
  const std::vector<std::vector<std::string>> mistakes = {
      {"no-such-command"}, {"listen", "--no-such-flag"}, {"publish", "--channel", "c"}, {"doctor", "--timeout", "soon"},
      {"serve", "word"},   {"completion", "fish"},       {"topic", "elsewhere"},        {"demo", "--rate", "0"}};
  for (const std::vector<std::string>& words : mistakes) {
    const ToolRun run = run_tool(words);
    EXPECT_EQ(run.code, 2) << words[0];
    EXPECT_TRUE(run.out.empty()) << words[0];
    EXPECT_FALSE(run.err.empty()) << words[0];
  }
  EXPECT_EQ(run_tool({}).code, 2);
}

TEST(Tool, AFailureIsOneSentenceOnStderrAndExitCodeOne) {
  for (const char* command : {"listen", "publish"}) {
    std::vector<std::string> words = {command, "--base-url", "https://127.0.0.1:1", "--api-key", "ak_KEYMARKER"};
    if (std::string(command) == "publish") {
      words.insert(words.end(), {"--channel", "c", "--identifier", "i", "--payload", "{}"});
    }
    const ToolRun run = run_tool(words);
    EXPECT_EQ(run.code, 1) << command;
    EXPECT_EQ(lines_of(run.err).size(), 1U) << run.err;
    EXPECT_TRUE(contains(run.err, "axonpush " + std::string(command) + ": connect_failed")) << run.err;
    EXPECT_FALSE(contains(run.err, "KEYMARKER"));
  }
}

TEST(ToolPublish, TellsEachOutcomeAsJson) {
  LoopbackService service;
  const ToolRun run =
      run_tool(against(service, "publish", {"--channel", "c", "--identifier", "i", "--stdin", "--json"}),
               "{\"n\":1}\nno json\n\n{\"n\":2}\n");
  EXPECT_EQ(run.code, 1) << "one of them failed";
  const std::vector<std::string> lines = lines_of(run.out);
  ASSERT_EQ(lines.size(), 3U) << run.out;
  EXPECT_EQ(lines[0], R"({"n":1,"outcome":"acknowledged","reason":16})") << "nobody is subscribed: 0x10";
  EXPECT_EQ(lines[1], R"({"n":2,"outcome":"failed","error":"payload_invalid"})");
  EXPECT_EQ(lines[2], R"({"n":3,"outcome":"acknowledged","reason":16})");
  EXPECT_EQ(service.stats().publishes, 2U);
}

TEST(ToolTopic, PrintsTheTopicPlainAndAsJson) {
  const std::vector<std::string> words = {"topic",        "publish",     "--org",   "org_1",     "--env",
                                          "prod",         "--app",       "app_1",   "--channel", "chan_1",
                                          "--event-type", "agent.start", "--agent", "agent_1"};
  EXPECT_EQ(run_tool(words).out, "axonpush/org_1/prod/app_1/chan_1/agent_start/agent_1\n");
  std::vector<std::string> as_json = words;
  as_json.emplace_back("--json");
  EXPECT_EQ(run_tool(as_json).out, "{\"topic\":\"axonpush/org_1/prod/app_1/chan_1/agent_start/agent_1\"}\n");
}

TEST(ToolListen, PrintsEventsAndDumpsItsFlightRecorder) {
  LoopbackService service;
  std::thread publishing([&service] {
    if (!service.wait_until(&testing::LoopbackStats::filters_granted, 1, seconds(20))) return;
    static_cast<void>(service.publish({.channel_id = "c"}, R"({"n":1})", {.count = 2}));
  });
  const ToolRun listened =
      run_tool(against(service, "listen", {"--channel", "c", "--count", "2", "--trace", "--timeout", "20"}));
  publishing.join();
  EXPECT_EQ(listened.code, 0) << listened.err;
  EXPECT_EQ(lines_of(listened.out).size(), 2U);
  for (const std::string& line : lines_of(listened.out)) EXPECT_TRUE(is_json_object(line)) << line;
  ASSERT_FALSE(listened.err.empty());
  for (const std::string& line : lines_of(listened.err)) EXPECT_TRUE(is_json_object(line)) << line;
  for (const char* part :
       {"\"fetch_done\"", "\"CONNACK\"", "\"SUBACK\"", "\"what\":\"PUBLISH\"", "\"what\":\"closed\""}) {
    EXPECT_TRUE(contains(listened.err, part)) << part;
  }
}

TEST(ToolListen, DumpsItsFlightRecorderWhenConnectingFails) {
  LoopbackService service;
  service.fail_next_connack(mqtt::ReasonCode::banned);
  const ToolRun run = run_tool(against(service, "listen", {"--trace"}));
  EXPECT_EQ(run.code, 1);
  EXPECT_TRUE(contains(run.err, "axonpush listen: mqtt_refused(0x8A)")) << run.err;
  EXPECT_TRUE(contains(run.err, "\"CONNACK\""));
}

TEST(ToolDemo, EndsInACountThatMachinesCanRead) {
  const ToolRun run = run_tool({"demo", "--json", "--rate", "200"});
  EXPECT_EQ(run.code, 0) << run.err;
  const std::vector<std::string> lines = lines_of(run.out);
  ASSERT_GE(lines.size(), 5U);
  for (const std::string& line : lines) EXPECT_TRUE(is_json_object(line)) << line;
  EXPECT_TRUE(contains(lines.back(), R"("kind":"result")"));
  EXPECT_TRUE(contains(lines.back(), R"("swaps":1)"));
  EXPECT_TRUE(contains(lines.back(), R"("lost":0,"doubled":0)"));
}

// The completion script in a real bash: COMP_WORDS in, COMPREPLY out.
std::vector<std::string> complete(const std::vector<std::string>& words) {
  std::string script = "eval \"$(" + quoted_for_shell(AXONPUSH_TOOL) + " completion bash)\"; COMP_WORDS=(" +
                       quoted_for_shell(AXONPUSH_TOOL);
  for (const std::string& word : words) script += " " + quoted_for_shell(word);
  script += "); COMP_CWORD=" + std::to_string(words.size()) + "; _axonpush; printf '%s\\n' \"${COMPREPLY[@]}\"";
  std::string out;
  FILE* pipe = ::popen(("bash -c " + quoted_for_shell(script)).c_str(), "r");
  if (pipe == nullptr) return {};
  char block[4096];
  for (std::size_t got = 0; (got = std::fread(block, 1, sizeof block, pipe)) > 0;) out.append(block, got);
  ::pclose(pipe);
  return lines_of(out);
}

TEST(ToolCompletion, KnowsCommandsFlagsAndWords) {
  const std::vector<std::string> all = complete({""});
  for (const std::string& command : commands()) {
    EXPECT_NE(std::find(all.begin(), all.end(), command), all.end()) << command;
  }
  EXPECT_EQ(complete({"lis"}), std::vector<std::string>{"listen"});
  EXPECT_EQ(complete({"decode", "m"}), std::vector<std::string>{"mqtt"});
  EXPECT_EQ(complete({"topic", ""}), (std::vector<std::string>{"publish", "subscribe"}));
  EXPECT_EQ(complete({"listen", "--cou"}), std::vector<std::string>{"--count"});
  EXPECT_EQ(complete({"topic", "publish", "--env-"}), std::vector<std::string>{"--env-slug"});
  EXPECT_EQ(complete({"doctor", "--channel", "c", "--js"}), std::vector<std::string>{"--json"});
}

}  // namespace
}  // namespace axonpush::test
