// The flags of every command that connects, and the client they make.
#pragma once

#include <axonpush/axonpush.h>

#include <string>

#include "tool/flags.h"

namespace axonpush::tool {

struct ClientFlags {
  std::string api_key, bearer_token, tenant_id, app_id, base_url, environment, ca_file;
  std::string connect_address, broker_connect_address;
  Duration timeout = limits::kHttpAttemptTimeout;

  void declare(Flags& flags);
  // The tool takes loopback cleartext and loopback brokers without being asked.
  [[nodiscard]] ClientOptions options() const;
};

// What a subscription of the tool wants.
struct FilterFlags {
  std::string channel, app, environment, event_type, agent, trace;
  void declare(Flags& flags);
  [[nodiscard]] SubscribeFilter filter() const;
};

// "axonpush COMMAND: SENTENCE" on stderr; answers 1.
int fail(std::string_view command, const Error& error, std::string_view subject = {});
// The error as one sentence.
[[nodiscard]] std::string sentence_of(const Error& error);

}  // namespace axonpush::tool
