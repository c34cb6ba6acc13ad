// axonpush publish: one message, or a line of JSON each from stdin, and what became of it.
#include <cstdio>
#include <iostream>
#include <string>

#include "tool/client_flags.h"
#include "tool/json_lines.h"
#include "tool/progress.h"
#include "tool/signals.h"

namespace axonpush::tool {

namespace {

struct PublishFlags {
  std::string channel, app, environment, event_type, agent, trace, identifier, payload, qos = "1";
  bool from_stdin = false;
  bool json = false;

  void declare(Flags& flags) {
    flags.text(channel,
               {.name = "channel", .value = "ID", .help = "where to; required", .environment = "AXONPUSH_CHANNEL_ID"});
    flags.text(identifier, {.name = "identifier", .value = "TEXT", .help = "what it is about; required"});
    flags.text(payload, {.name = "payload", .value = "JSON", .help = "a JSON object"});
    flags.toggle(from_stdin, {.name = "stdin", .help = "read a JSON object a line, and publish each"});
    flags.text(app, {.name = "app", .value = "ID", .help = "the app", .environment = "AXONPUSH_APP_ID"});
    flags.text(environment,
               {.name = "env", .value = "SLUG", .help = "the environment", .environment = "AXONPUSH_ENVIRONMENT"});
    flags.text(event_type, {.name = "event-type", .value = "TYPE", .help = "the type of event"});
    flags.text(agent, {.name = "agent", .value = "ID", .help = "the agent"});
    flags.text(trace, {.name = "trace-id", .value = "ID", .help = "the trace"});
    flags.text(qos,
               {.name = "qos", .value = "0|1", .help = "0: handed to the transport; 1: acknowledged by the broker"});
    flags.toggle(json, {.name = "json", .help = "each outcome as {\"n\",\"outcome\",\"reason\",\"error\"}"});
  }
  [[nodiscard]] Message message(std::string_view body) const {
    return {.channel_id = channel,
            .app_id = app,
            .identifier = identifier,
            .payload = Payload(body),
            .agent_id = agent,
            .trace_id = trace,
            .event_type = event_type,
            .environment = environment};
  }
};

// Publishes one and prints a line of its outcome. False when it failed.
bool publish_one(RealtimeClient& session, const PublishFlags& flags, std::string_view body, std::uint64_t number) {
  const PublishOptions options{.qos = flags.qos == "0" ? PublishOptions::Delivery::at_most_once
                                                       : PublishOptions::Delivery::at_least_once};
  const Result<Published> outcome = session.publish(flags.message(body), options);
  const char* const done = flags.qos == "0" ? "sent" : "acknowledged";
  if (flags.json) {
    JsonOut out;
    out.begin_object().key("n").number(number).key("outcome").string(outcome.ok() ? done : "failed");
    if (outcome.ok()) {
      out.key("reason").number(static_cast<std::uint64_t>(outcome->reason_code));
    } else {
      out.key("error").string(name_of(outcome.error().code()));
    }
    std::printf("%s\n", out.end_object().text().c_str());
  } else if (outcome.ok()) {
    std::printf("%llu %s 0x%02X%s\n", static_cast<unsigned long long>(number), done,
                static_cast<unsigned>(outcome->reason_code), outcome->no_subscribers() ? " no subscribers" : "");
  } else {
    std::printf("%llu failed\n", static_cast<unsigned long long>(number));
  }
  std::fflush(stdout);
  if (!outcome.ok()) fail("publish", outcome.error());
  return outcome.ok();
}

}  // namespace

int publish(Arguments arguments) {
  ClientFlags client_flags;
  PublishFlags publish_flags;
  Flags flags("publish", "publishes a message, or one for each line of stdin, and prints what the broker answered");
  client_flags.declare(flags);
  publish_flags.declare(flags);
  flags.note("Exit codes: 0 every publish succeeded; 1 one failed; 2 wrong usage.");
  if (const auto exit_code = flags.parse(arguments)) return *exit_code;
  if (publish_flags.channel.empty()) return flags.misuse("--channel is required");
  if (publish_flags.identifier.empty()) return flags.misuse("--identifier is required");
  if (publish_flags.from_stdin == flags.given("payload")) return flags.misuse("give either --payload or --stdin");
  if (publish_flags.qos != "0" && publish_flags.qos != "1") return flags.misuse("--qos takes 0 or 1");

  catch_interrupts();
  AxonPush client(client_flags.options());
  if (client.error()) return fail("publish", client.error());
  Result<RealtimeClient> session = client.connect_realtime();
  if (!session.ok()) return fail("publish", session.error());
  std::uint64_t number = 0;
  std::uint64_t failures = 0;
  if (!publish_flags.from_stdin) {
    if (!publish_one(*session, publish_flags, publish_flags.payload, ++number)) ++failures;
  } else {
    std::string line;
    Progress progress;
    while (!interrupted() && std::getline(std::cin, line)) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      progress.clear();
      if (!publish_one(*session, publish_flags, line, ++number)) ++failures;
      progress.show([&] { return std::to_string(number) + " published, " + std::to_string(failures) + " failed"; });
    }
  }
  const Status ended = session->disconnect();
  if (!ended.ok()) return fail("publish", ended.error());
  return failures == 0 ? 0 : 1;
}

}  // namespace axonpush::tool
