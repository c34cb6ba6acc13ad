// axonpush topic publish|subscribe: the topic for the given members, as the client would write it.
#include <axonpush/topic.h>

#include <cstdio>
#include <string>

#include "tool/client_flags.h"
#include "tool/json_lines.h"

namespace axonpush::tool {

int topic(Arguments arguments) {
  const bool publishing = !arguments.empty() && arguments[0] == "publish";
  if (!publishing && (arguments.empty() || arguments[0] != "subscribe")) {
    const bool help = !arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h");
    std::fputs("usage: axonpush topic publish|subscribe [flags]   (axonpush topic publish --help tells more)\n",
               help ? stdout : stderr);
    return help ? 0 : 2;
  }
  std::string org, prefix, environment, app, channel, event_type, agent, env_slug;
  Flags flags(publishing ? "topic publish" : "topic subscribe",
              publishing ? "prints the topic a message goes to" : "prints the topic filter of a subscription");
  flags.text(org, {.name = "org",
                   .value = "ID",
                   .help = "the organisation; the prefix is then axonpush/ID",
                   .environment = "AXONPUSH_TENANT_ID",
                   .environment_alias = "AXONPUSH_ORG_ID"});
  flags.text(prefix, {.name = "prefix", .value = "TOPIC", .help = "the credentials' topicPrefix, used as it is"});
  flags.text(environment, {.name = "env", .value = "SLUG", .help = "the environment (subscribe: + for all of them)"});
  flags.text(env_slug, {.name = "env-slug", .value = "SLUG", .help = "the credentials' envSlug"});
  flags.text(app, {.name = "app", .value = "ID", .help = "the app"});
  flags.text(channel, {.name = "channel", .value = "ID", .help = "the channel"});
  flags.text(event_type, {.name = "event-type", .value = "TYPE", .help = "the type of event"});
  flags.text(agent, {.name = "agent", .value = "ID", .help = "the agent"});
  bool json = false;
  flags.toggle(json, {.name = "json", .help = "as {\"topic\"}"});
  flags.note("Exit codes: 0 printed; 1 there is no such topic; 2 wrong usage.");
  if (const auto exit_code = flags.parse(arguments.subspan(1))) return *exit_code;
  if (prefix.empty()) prefix = org.empty() ? "axonpush/default" : "axonpush/" + org;

  const TopicDefaults defaults{.prefix = prefix, .env_slug = env_slug};
  const TopicMembers members{
      .environment = environment, .app_id = app, .channel_id = channel, .event_type = event_type, .agent_id = agent};
  char text[limits::kTopicOutBytes];
  const Result<std::size_t> size =
      publishing ? write_publish_topic(text, defaults, members) : write_subscribe_filter(text, defaults, members);
  if (!size.ok()) return fail("topic", size.error());
  if (json) {
    JsonOut out;
    out.begin_object().key("topic").string({text, *size}).end_object();
    std::printf("%s\n", out.text().c_str());
  } else {
    std::printf("%.*s\n", static_cast<int>(*size), text);
  }
  return 0;
}

}  // namespace axonpush::tool
