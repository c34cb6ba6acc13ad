// `axonpush topic publish|subscribe`, run inside this program: CONTRACT section 4's table, defaults, and mistakes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tool/command.h"

namespace axonpush::tool {
namespace {

struct Outcome {
  int exit_code = 0;
  std::string out;
  std::string err;
};

Outcome run(const std::vector<std::string_view>& words) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.exit_code = topic(words);
  std::fflush(stdout);
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.err = testing::internal::GetCapturedStderr();
  return outcome;
}

// The machine's own settings have no say in these tests.
class ToolTopic : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"AXONPUSH_TENANT_ID", "AXONPUSH_ORG_ID"}) ::unsetenv(name);
  }
};

TEST_F(ToolTopic, TableOfTheContract) {
  struct Row {
    std::vector<std::string_view> words;
    std::string_view topic;
  };
  const Row rows[] = {
      {{"publish", "--org", "org_1", "--env", "prod", "--app", "app_1", "--channel", "chan_1", "--event-type",
        "agent.start", "--agent", "agent_1"},
       "axonpush/org_1/prod/app_1/chan_1/agent_start/agent_1"},
      {{"publish", "--org", "org_1", "--app", "app_1", "--channel", "chan_1", "--event-type", "agent.tool_call.end"},
       "axonpush/org_1/default/app_1/chan_1/agent_tool_call_end/_"},
      {{"publish", "--org=org_1", "--env=stag ing", "--app=app#1", "--channel=chan+1", "--event-type=a b",
        "--agent=x/y"},
       "axonpush/org_1/stag_ing/app_1/chan_1/a_b/x_y"},
      {{"publish", "--org=org_1", "--env=prod", "--app=app_1", "--channel=chan_1", "--event-type=!!!",
        "--agent=\xC3\xBCn\xC3\xAF"
        "code"},
       "axonpush/org_1/prod/app_1/chan_1/___/_n_code"},
      {{"subscribe", "--org", "org_1"}, "axonpush/org_1/+/+/+/+/+"},
      {{"subscribe", "--org", "org_1", "--env", "prod", "--app", "app_1", "--channel", "chan_1", "--event-type",
        "agent.start"},
       "axonpush/org_1/prod/app_1/chan_1/agent_start/+"},
      {{"subscribe", "--org", "org_1", "--env", "+", "--env-slug", "prod"}, "axonpush/org_1/+/+/+/+/+"},
      {{"subscribe", "--org", "org_1", "--env-slug", "prod"}, "axonpush/org_1/prod/+/+/+/+"},
      {{"publish", "--channel", "c"}, "axonpush/default/default/default/c/_/_"},
      {{"publish", "--prefix", "a/b/c", "--org", "ignored", "--channel", "\xF0\x9F\x98\x80"},
       "a/b/c/default/default/__/_/_"},
  };
  for (const Row& row : rows) {
    const Outcome outcome = run(row.words);
    EXPECT_EQ(outcome.out, std::string(row.topic) + "\n");
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.err, "");
  }
}

TEST_F(ToolTopic, TheOrganisationAlsoComesFromTheEnvironment) {
  ::setenv("AXONPUSH_ORG_ID", "org_2", 1);
  EXPECT_EQ(run({"subscribe"}).out, "axonpush/org_2/+/+/+/+/+\n");
  ::setenv("AXONPUSH_TENANT_ID", "org_3", 1);
  EXPECT_EQ(run({"subscribe"}).out, "axonpush/org_3/+/+/+/+/+\n");
  EXPECT_EQ(run({"subscribe", "--org", "org_1"}).out, "axonpush/org_1/+/+/+/+/+\n");
  ::unsetenv("AXONPUSH_TENANT_ID");
  ::unsetenv("AXONPUSH_ORG_ID");
}

TEST_F(ToolTopic, SaysWhatIsWrong) {
  struct Row {
    std::vector<std::string_view> words;
    int exit_code;
    std::string_view said;
  };
  const std::string wide(300, 'x');
  const Row rows[] = {
      {{"publish", "--org", "org_1"}, 1, "a publish needs a channel_id"},
      {{"publish", "--channel", "\xFF"}, 1, "not well-formed UTF-8"},
      {{"publish", "--channel", wide}, 1, "longer than 256 bytes"},
      {{"subscribe", "--org", "+"}, 1, "the topic prefix has a wildcard"},
      {{"subscribe", "--prefix", "a//b"}, 1, "empty level"},
      {{"publish", "--chanel", "c"}, 2, "--channel"},
      {{"publish", "--channel"}, 2, "--channel"},
      {{"nonsense"}, 2, "usage: axonpush topic"},
      {{}, 2, "usage: axonpush topic"},
  };
  for (const Row& row : rows) {
    const Outcome outcome = run(row.words);
    EXPECT_EQ(outcome.exit_code, row.exit_code) << row.said;
    EXPECT_NE(outcome.err.find(row.said), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
}

TEST_F(ToolTopic, Help) {
  EXPECT_EQ(run({"--help"}).exit_code, 0);
  const Outcome help = run({"publish", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* flag : {"--org", "--env", "--app", "--channel", "--event-type", "--agent"}) {
    EXPECT_NE(help.out.find(flag), std::string::npos) << flag;
  }
}

}  // namespace
}  // namespace axonpush::tool
