// axonpush serve: the loopback service until SIGINT or SIGTERM.
#include <axonpush/testing/loopback_service.h>

#include <signal.h>
#include <sys/resource.h>

#include <cstdio>

#include "tool/command.h"
#include "tool/flags.h"
#include "tool/json_lines.h"

namespace axonpush::tool {

namespace {

using testing::LoopbackOptions;
using testing::LoopbackService;

// Each connection is a descriptor; the soft limit is often 1,024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

std::string first_line(const LoopbackService& service, const std::string& ca_file) {
  JsonOut line;
  line.begin_object();
  line.key("base_url").string(service.base_url());
  line.key("broker_url").string(service.broker_url());
  line.key("ca_file").string(ca_file);
  line.key("api_key").string(service.api_key());
  line.key("tenant_id").string(service.tenant_id());
  line.end_object();
  return line.text();
}

int fail(const Error& error) {
  char sentence[512];
  const std::size_t size = error.format(sentence);
  std::fprintf(stderr, "axonpush serve: %.*s\n", static_cast<int>(size), sentence);
  return 1;
}

}  // namespace

int serve(Arguments arguments) {
  LoopbackOptions options;
  Flags flags("serve", "An AxonPush on 127.0.0.1 until SIGINT or SIGTERM, for demos and tests.");
  flags.port(options.port, {.name = "port", .value = "PORT", .help = "of the credentials endpoint"});
  flags.port(options.broker_port, {.name = "broker-port", .value = "PORT", .help = "of the MQTT broker"});
  flags.seconds(options.credentials_lifetime,
                {.name = "lifetime", .value = "SECONDS", .help = "for which credentials may open connections"});
  flags.toggle(options.same_client_id,
               {.name = "same-client-id", .help = "every fetch gets the same clientId, so a swap becomes a takeover"});
  flags.text(options.api_key, {.name = "api-key", .value = "KEY", .help = "that clients must present"});
  flags.text(options.tenant_id, {.name = "tenant-id", .value = "ID", .help = "that clients must present"});
  flags.text(options.env_slug, {.name = "env-slug", .value = "SLUG", .help = "handed out with the credentials"});
  flags.text(options.broker_url,
             {.name = "hand-out-broker", .value = "URL", .help = "another broker's URL to put into credentials"});
  flags.toggle(options.cleartext, {.name = "cleartext", .help = "http and ws in place of https and wss"});
  bool json = true;
  flags.toggle(json, {.name = "json", .help = "for scripts that say it everywhere: the output is JSON in any case"});
  flags.note(
      "The first line of output is a JSON object with base_url, broker_url, ca_file, api_key and tenant_id. Any MQTT "
      "5\n"
      "client may use broker_url: user name the API key or a credential's authToken, subprotocol mqtt, CA file "
      "ca_file.\n"
      "The file is removed at the end. Exit code: 0 after a signal, 1 when it cannot start, 2 for wrong usage.");
  if (const auto exit_code = flags.parse(arguments)) return *exit_code;
  if (options.host.empty() || options.api_key.empty() || options.tenant_id.empty()) {
    return flags.misuse("--api-key and --tenant-id must not be empty");
  }

  // Blocked here and so in every thread that starts later: only sigwait below takes them.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  raise_descriptor_limit();

  LoopbackService service(options);
  if (!service.status().ok()) return fail(service.status().error());
  std::string ca_file;
  if (!options.cleartext) {
    const Result<std::string> written = service.write_ca_file();
    if (!written.ok()) return fail(written.error());
    ca_file = *written;
  }
  std::printf("%s\n", first_line(service, ca_file).c_str());
  std::fflush(stdout);
  int signal_number = 0;
  while (sigwait(&ends, &signal_number) != 0) {
  }
  service.stop();
  return 0;
}

}  // namespace axonpush::tool
