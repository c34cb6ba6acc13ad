// axonpush publish: one message, or a line of JSON each from stdin, and what became of it.
#include <cstdio>
#include <iostream>
#include <string>

#include "tool/client_flags.h"
#include "tool/signals.h"

namespace axonpush::tool {

namespace {

struct PublishFlags {
  std::string channel, app, environment, event_type, agent, trace, identifier, payload, qos = "1";
  bool from_stdin = false;

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
  }
  [[nodiscard]] Message message(std::string_view json) const {
    return {.channel_id = channel,
            .app_id = app,
            .identifier = identifier,
            .payload = Payload(json),
            .agent_id = agent,
            .trace_id = trace,
            .event_type = event_type,
            .environment = environment};
  }
};

// Publishes one and prints a line of its outcome. False when it failed.
bool publish_one(RealtimeClient& session, const PublishFlags& flags, std::string_view json, std::uint64_t number) {
  const PublishOptions options{.qos = flags.qos == "0" ? PublishOptions::Delivery::at_most_once
                                                       : PublishOptions::Delivery::at_least_once};
  const Result<Published> outcome = session.publish(flags.message(json), options);
  if (!outcome.ok()) {
    std::printf("%llu failed\n", static_cast<unsigned long long>(number));
    std::fflush(stdout);
    fail("publish", outcome.error());
    return false;
  }
  std::printf("%llu %s 0x%02X%s\n", static_cast<unsigned long long>(number), flags.qos == "0" ? "sent" : "acknowledged",
              static_cast<unsigned>(outcome->reason_code), outcome->no_subscribers() ? " no subscribers" : "");
  std::fflush(stdout);
  return true;
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
    while (!interrupted() && std::getline(std::cin, line)) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      if (!publish_one(*session, publish_flags, line, ++number)) ++failures;
    }
  }
  const Status ended = session->disconnect();
  if (!ended.ok()) return fail("publish", ended.error());
  return failures == 0 ? 0 : 1;
}

}  // namespace axonpush::tool
