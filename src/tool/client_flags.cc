#include "tool/client_flags.h"

#include <cstdio>

namespace axonpush::tool {

void ClientFlags::declare(Flags& flags) {
  flags.text(api_key, {.name = "api-key",
                       .value = "KEY",
                       .help = "the API key (ak_...) or public token (pt_...)",
                       .environment = "AXONPUSH_API_KEY",
                       .secret = true});
  flags.text(bearer_token,
             {.name = "bearer-token", .value = "JWT", .help = "used when there is no API key", .secret = true});
  flags.text(tenant_id, {.name = "tenant",
                         .value = "ID",
                         .help = "the tenant (organisation)",
                         .environment = "AXONPUSH_TENANT_ID",
                         .environment_alias = "AXONPUSH_ORG_ID"});
  flags.text(base_url, {.name = "base-url",
                        .value = "URL",
                        .help = "the service (default: https://api.axonpush.xyz)",
                        .environment = "AXONPUSH_BASE_URL"});
  flags.text(ca_file, {.name = "ca-file", .value = "FILE", .help = "trust these certificates only (PEM)"});
  flags.text(connect_address,
             {.name = "connect-address", .value = "IP", .help = "dial this in place of the service's name"});
  flags.text(broker_connect_address,
             {.name = "broker-connect-address", .value = "IP", .help = "dial this in place of the broker's name"});
  flags.seconds(
      timeout,
      {.name = "http-timeout", .value = "SECONDS", .help = "of one HTTP attempt", .environment = "AXONPUSH_TIMEOUT"});
}

ClientOptions ClientFlags::options() const {
  ClientOptions options;
  options.api_key = api_key;
  options.bearer_token = bearer_token;
  options.tenant_id = tenant_id;
  options.app_id = app_id;
  options.base_url = base_url;
  options.environment = environment;
  options.timeout = timeout;
  options.connect_address = connect_address;
  options.broker_connect_address = broker_connect_address;
  options.tls.ca_file = ca_file;
  options.allow_cleartext_loopback = true;
  options.allow_loopback = true;
  return options;
}

void FilterFlags::declare(Flags& flags) {
  flags.text(channel, {.name = "channel", .value = "ID", .help = "one channel", .environment = "AXONPUSH_CHANNEL_ID"});
  flags.text(app, {.name = "app", .value = "ID", .help = "one app"});
  flags.text(environment, {.name = "env",
                           .value = "SLUG",
                           .help = "one environment, or + for all of them",
                           .environment = "AXONPUSH_ENVIRONMENT"});
  flags.text(event_type, {.name = "event-type", .value = "TYPE", .help = "one type of event"});
  flags.text(agent, {.name = "agent", .value = "ID", .help = "one agent"});
  flags.text(trace, {.name = "trace-id", .value = "ID", .help = "events of one trace"});
}

SubscribeFilter FilterFlags::filter() const {
  return {.channel_id = channel,
          .app_id = app,
          .environment = environment,
          .event_type = event_type,
          .agent_id = agent,
          .trace_id = trace};
}

std::string sentence_of(const Error& error) {
  char text[2048];
  return std::string(text, error.format(text));
}

int fail(std::string_view command, const Error& error, std::string_view subject) {
  std::string sentence = sentence_of(error);
  if (!subject.empty()) sentence += " (" + std::string(subject) + ")";
  std::fprintf(stderr, "axonpush %.*s: %s\n", static_cast<int>(command.size()), command.data(), sentence.c_str());
  return 1;
}

}  // namespace axonpush::tool
