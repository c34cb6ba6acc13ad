// axonpush doctor against a sound service, and against one that is broken at each step.
#include <axonpush/json/reader.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#if defined(__linux__)
#include <pty.h>
#else
#include <util.h>
#endif

#include "command/tool.h"

namespace axonpush::test {
namespace {

using testing::LoopbackOptions;
using testing::LoopbackService;

const std::vector<std::string> kSteps = {"configuration",       "service name",   "service tcp",   "service tls",
                                         "service credentials", "broker name",    "broker tcp",    "broker tls",
                                         "broker websocket",    "broker connack", "broker suback", "broker event"};

// "✓ service tls  12.34 ms  ...": the steps with their marks, in order.
std::vector<std::string> steps_of(const std::string& out, const std::string& mark) {
  std::vector<std::string> steps;
  for (const std::string& line : lines_of(out)) {
    if (line.rfind(mark + " ", 0) != 0) continue;
    const std::string rest = line.substr(mark.size() + 1, 20);
    steps.push_back(rest.substr(0, rest.find_last_not_of(' ') + 1));
  }
  return steps;
}

// Fails at `step`, and there only, with these words in its reason and its hint; exit code 1.
void expect_failure(const ToolRun& run, const std::string& step, const std::string& reason, const std::string& hint) {
  EXPECT_EQ(run.code, 1) << run.out << run.err;
  EXPECT_EQ(steps_of(run.out, "✗"), std::vector<std::string>{step}) << run.out;
  EXPECT_EQ(steps_of(run.out, "✓").size(),
            static_cast<std::size_t>(std::find(kSteps.begin(), kSteps.end(), step) - kSteps.begin()))
      << run.out;
  EXPECT_TRUE(contains(run.out, reason)) << run.out;
  EXPECT_TRUE(contains(run.out, "hint: ")) << run.out;
  EXPECT_TRUE(contains(run.out, hint)) << run.out;
}

TEST(Doctor, TicksEveryStepOfASoundService) {
  LoopbackService service;
  const ToolRun run = run_tool(against(service, "doctor"));
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_EQ(steps_of(run.out, "✓"), kSteps);
  EXPECT_TRUE(contains(run.out, "CN=localhost, issued by CN=axonpush loopback throw-away CA")) << "the chain";
  EXPECT_TRUE(contains(run.out, "receive maximum 100, maximum packet size 149504, topic aliases 8, maximum QoS 1"));
  EXPECT_TRUE(contains(run.out, "all 12 steps passed"));
  EXPECT_EQ(run.out.find('\033'), std::string::npos) << "colour only on a terminal";
  EXPECT_TRUE(service.wait_until(&testing::LoopbackStats::disconnects_received, 1)) << "it leaves in order";
  EXPECT_EQ(service.stats().protocol_errors, 0U);
}

// The same on a terminal: a pseudo-terminal is one.
std::string run_on_terminal(std::vector<std::string> words) {
  words.insert(words.begin(), AXONPUSH_TOOL);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  std::string shown;
  char block[4096];
  // Linux answers EIO when the last writer has gone.
  for (ssize_t got = 0; (got = ::read(terminal, block, sizeof block)) > 0;) {
    shown.append(block, static_cast<std::size_t>(got));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << shown;
  return shown;
}

TEST(Doctor, ColoursAndShowsWhatIsUnderWayOnATerminal) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0) GTEST_SKIP() << "no pseudo-terminal here";
  ::close(terminal);
  LoopbackService service;
  const std::string shown = run_on_terminal(against(service, "doctor"));
  EXPECT_TRUE(contains(shown, "\033[32m✓\033[0m broker event")) << shown;
  EXPECT_TRUE(contains(shown, "\033[2m… broker connack\033[0m\r")) << "the step that is under way";
}

TEST(Doctor, TellsNoSecret) {
  LoopbackService service;
  const ToolRun run = run_tool(against(service, "doctor", {"--trace"}));
  EXPECT_EQ(run.code, 0);
  for (const std::string& text : {run.out, run.err}) {
    EXPECT_FALSE(contains(text, service.api_key()));
    EXPECT_FALSE(contains(text, "x-amz-customauthorizer-name"));
    EXPECT_FALSE(contains(text, "?"));
  }
  EXPECT_GE(lines_of(run.err).size(), 15U) << "the flight recorder's lines";
  for (const char* part : {"\"upgraded\"", "\"CONNACK\"", "\"SUBACK\"", "\"PUBACK\"", "\"DISCONNECT\""}) {
    EXPECT_TRUE(contains(run.err, part)) << part;
  }
}

TEST(Doctor, SpeaksJson) {
  LoopbackService service;
  service.refuse_filter("", mqtt::ReasonCode::not_authorized);
  const ToolRun run = run_tool(against(service, "doctor", {"--json"}));
  EXPECT_EQ(run.code, 1);
  const std::vector<std::string> lines = lines_of(run.out);
  ASSERT_EQ(lines.size(), 12U) << run.out;
  for (const std::string& line : lines) {
    json::Value root;
    EXPECT_FALSE(json::validate(bytes_of(line), {}, root)) << line;
  }
  EXPECT_TRUE(contains(lines[10], R"("step":"broker suback","ok":false)")) << lines[10];
  EXPECT_TRUE(contains(lines[10], R"("error":"suback_failed")"));
  EXPECT_TRUE(contains(lines[11], R"("step":"all","ok":false,"passed":10)"));
}

TEST(Doctor, CleartextOnLoopbackHasNoTlsSteps) {
  LoopbackService service({.cleartext = true});
  const ToolRun run = run_tool(against(service, "doctor"));
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_EQ(steps_of(run.out, "-"), (std::vector<std::string>{"service tls", "broker tls"}));
}

TEST(Doctor, AsksByGetWhereThereIsNoPost) {
  LoopbackService service({.methods = LoopbackOptions::Methods::get});
  const ToolRun run = run_tool(against(service, "doctor"));
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_TRUE(contains(run.out, "GET 200"));
}

// --- Broken ones

TEST(Doctor, NamesAMissingKey) {
  const ToolRun run = run_tool({"doctor", "--base-url", "https://127.0.0.1:1"});
  expect_failure(run, "configuration", "api_key is missing", "--help");
}

TEST(Doctor, NamesAHostThatDoesNotExist) {
  // RFC 2606 2: .invalid never resolves; where there is no resolver at all the sentence is another.
  const ToolRun run = run_tool({"doctor", "--api-key", "ak_1", "--base-url", "https://nowhere.invalid"});
  expect_failure(run, "service name", "dns_failed", "resolver");
}

TEST(Doctor, NamesARefusedPort) {
  std::string url;
  {
    LoopbackService service;
    url = service.base_url();
  }  // and now nobody listens there
  const ToolRun run = run_tool({"doctor", "--api-key", "ak_1", "--base-url", url});
  expect_failure(run, "service tcp", "the connection was refused", "nobody listens there");
}

TEST(Doctor, NamesACertificateThatIsNotTrusted) {
  LoopbackService service;
  LoopbackService other;
  const Result<std::string> wrong = other.write_ca_file();
  ASSERT_TRUE(wrong.ok());
  const ToolRun run = run_tool({"doctor", "--base-url", service.base_url(), "--api-key", service.api_key(), "--tenant",
                                service.tenant_id(), "--ca-file", *wrong});
  expect_failure(run, "service tls", "tls_verify", "--ca-file");
  EXPECT_TRUE(contains(run.out, "CN=localhost, issued by")) << "the chain as it was shown";
}

TEST(Doctor, NamesACertificateFileThatIsNotThere) {
  LoopbackService service;
  const ToolRun run =
      run_tool({"doctor", "--base-url", service.base_url(), "--api-key", "ak_1", "--ca-file", "/no/such/file.pem"});
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(steps_of(run.out, "✗"), std::vector<std::string>{"configuration"}) << run.out;
}

TEST(Doctor, NamesAnUnknownKeyAndItsRequest) {
  LoopbackService service;
  const ToolRun run = run_tool({"doctor", "--base-url", service.base_url(), "--ca-file", *service.write_ca_file(),
                                "--api-key", "ak_wrong_WRONGMARKER", "--tenant", service.tenant_id()});
  expect_failure(run, "service credentials", "unauthorized(401)", "does not know this key");
  EXPECT_FALSE(contains(run.out + run.err, "WRONGMARKER"));
}

TEST(Doctor, NamesAServiceInTrouble) {
  LoopbackService service;
  service.refuse_credentials({.status = 503});
  expect_failure(run_tool(against(service, "doctor")), "service credentials", "server_error(503)", "of its own");
  service.refuse_credentials({.status = 429, .count = 1, .retry_after = "7"});
  expect_failure(run_tool(against(service, "doctor")), "service credentials", "rate_limited(429)", "too many requests");
}

TEST(Doctor, NamesCredentialsThatAreOver) {
  LoopbackService service({.credentials_lifetime = seconds(-5)});
  expect_failure(run_tool(against(service, "doctor")), "service credentials", "credentials_expired", "clock");
}

TEST(Doctor, NamesAnswersThatAreNoCredentials) {
  LoopbackService service;
  service.replace_credentials("<html>a proxy's page</html>");
  expect_failure(run_tool(against(service, "doctor")), "service credentials", "json_invalid", "proxy");
}

TEST(Doctor, NamesARefusedUpgrade) {
  LoopbackService service;
  service.refuse_upgrade(403);
  expect_failure(run_tool(against(service, "doctor")), "broker websocket", "ws_handshake(403)", "the credentials");
}

TEST(Doctor, NamesARefusedConnect) {
  LoopbackService service;
  service.fail_next_connack(mqtt::ReasonCode::not_authorized);
  expect_failure(run_tool(against(service, "doctor")), "broker connack", "mqtt_refused(0x87)", "not authorised");
}

TEST(Doctor, NamesARefusedFilterAndTheFilter) {
  LoopbackService service;
  service.refuse_filter("ch_forbidden", mqtt::ReasonCode::not_authorized);
  const ToolRun run = run_tool(against(service, "doctor", {"--channel", "ch_forbidden"}));
  expect_failure(run, "broker suback", "suback_failed(0x87)", "--channel");
  EXPECT_TRUE(contains(run.out, "filter axonpush/org_loopback/+/+/ch_forbidden/axonpush_doctor/"));
}

TEST(Doctor, NamesAConnectionThatEndsBeforeSuback) {
  LoopbackService service;
  service.kill_before_suback();
  const ToolRun run = run_tool(against(service, "doctor"));
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(steps_of(run.out, "✗"), std::vector<std::string>{"broker suback"}) << run.out;
}

TEST(Doctor, NamesARefusedPublishAndASilentDelivery) {
  LoopbackService service;
  service.refuse_publish(mqtt::ReasonCode::quota_exceeded);
  expect_failure(run_tool(against(service, "doctor")), "broker event", "publish_refused(0x97)", "--channel");
  service.lose_deliveries(1);
  expect_failure(run_tool(against(service, "doctor", {"--timeout", "0.3"})), "broker event", "ack_timeout",
                 "delivered to nobody");
}

TEST(Doctor, ASilentBrokerEndsAtTheStepsDeadline) {
  LoopbackService service;
  service.delay(testing::LoopbackAnswer::connack, seconds(30));
  expect_failure(run_tool(against(service, "doctor", {"--timeout", "0.3"})), "broker connack", "ack_timeout",
                 "an authorizer may take seconds");
}

}  // namespace
}  // namespace axonpush::test
