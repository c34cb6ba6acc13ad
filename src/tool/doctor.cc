// axonpush doctor: where on the way into the service it hurts, and what to do about it.
#include <cstdio>
#include <string>

#include "net/environment.h"
#include "tool/checkup.h"
#include "tool/client_flags.h"
#include "tool/signals.h"

namespace axonpush::tool {

std::string hint_for(std::string_view role, std::string_view step, const Error& error) {
  switch (error.code()) {
    case Errc::dns_failed:
      return "is the host name right, and does this machine's resolver answer (getent hosts NAME)?";
    case Errc::connect_failed:
      return "nobody listens there: is the port right, does the service run, does a firewall refuse?";
    case Errc::connect_timeout:
      return "a firewall that drops packets looks like this; is outgoing traffic to that port allowed?";
    case Errc::tls_verify:
      return "if the certificates above are your own authority's, trust it with --ca-file FILE; if they are a proxy's, "
             "it "
             "opens your TLS. An expired or future certificate may also mean that this machine's clock is wrong";
    case Errc::tls_protocol:
      return "is this port one for TLS, and does nothing between here and there interfere?";
    case Errc::unauthorized:
      return "the service does not know this key: is it complete, not revoked, and for this base URL?";
    case Errc::forbidden:
      return "the key is known but may not do this: does it belong to this tenant (--tenant), may it use realtime?";
    case Errc::not_found:
      return "there is no credentials endpoint at this base URL";
    case Errc::rate_limited:
      return "too many requests; wait, and look for a program that fetches credentials in a loop";
    case Errc::server_error:
      return "the service has a problem of its own; try again, and tell its operators the request id";
    case Errc::redirect_refused:
      return "redirects are never followed, because the key would travel; give the final address as --base-url";
    case Errc::credentials_expired:
      return "the service hands out credentials that are over already: its clock or this one's is wrong";
    case Errc::credentials_invalid:
    case Errc::json_invalid:
      return "what came is not the credentials' document: does a proxy or another service answer at this base URL?";
    case Errc::ws_handshake:
      return "the broker refused the WebSocket: 401 and 403 mean the credentials, other answers mostly a proxy between";
    case Errc::mqtt_refused:
      return "the broker refused the credentials or the client id; 0x87 means not authorised, 0x86 a wrong token, 0x97 "
             "too many connections";
    case Errc::suback_failed:
      return "the credentials do not allow this filter: try --channel, --app and --env that they are for";
    case Errc::publish_refused:
      return "the credentials do not allow publishing here: try --channel, --app and --env that they are for";
    case Errc::server_disconnect:
    case Errc::server_closed:
      if (step == "connack")
        return "brokers that dislike the token end the connection without a word; AWS IoT Core does";
      return "AWS IoT Core ends a connection that does what its policy forbids: are channel, app and env allowed?";
    case Errc::ack_timeout:
      if (step == "event")
        return "was the event delivered to nobody? The policy may allow publishing and not receiving";
      return role == "broker" ? "the broker took the request and was silent; an authorizer may take seconds (--timeout)"
                              : "the service took the request and was silent (--timeout)";
    case Errc::header_invalid:
    case Errc::url_invalid:
    case Errc::cleartext_refused:
    case Errc::invalid_argument:
      return "see axonpush doctor --help for the options and their variables";
    default:
      return {};
  }
}

int doctor(Arguments arguments) {
  ClientFlags client_flags;
  CheckupOptions checkup;
  bool json = false;
  bool trace = false;
  Flags flags("doctor", "goes the way into the service step by step, and says where it ends and why");
  client_flags.declare(flags);
  flags.text(
      checkup.channel,
      {.name = "channel", .value = "ID", .help = "where the test event goes", .environment = "AXONPUSH_CHANNEL_ID"});
  flags.text(checkup.app, {.name = "app", .value = "ID", .help = "the app", .environment = "AXONPUSH_APP_ID"});
  flags.text(checkup.environment,
             {.name = "env", .value = "SLUG", .help = "the environment", .environment = "AXONPUSH_ENVIRONMENT"});
  flags.seconds(checkup.patience, {.name = "timeout", .value = "SECONDS", .help = "of one step"});
  flags.toggle(json, {.name = "json", .help = "one JSON object a line for each step, and one for all"});
  flags.toggle(trace, {.name = "trace", .help = "the protocol's events as JSON lines on stderr, at the end"});
  flags.note(
      "Steps: configuration; name, tcp, tls and credentials of the service; name, tcp, tls, websocket, connack, "
      "suback\n"
      "and event of the broker. The event is one small message of type axonpush.doctor. Where a service hands out one\n"
      "client id for a key, a running program's session is taken over for a moment.");
  flags.note("Exit codes: 0 every step passed; 1 one failed; 2 wrong usage.");
  if (const auto exit_code = flags.parse(arguments)) return *exit_code;

  catch_interrupts();
  Report report(json ? Report::Form::json : Report::Form::text);
  ClientOptions options = client_flags.options();
  static_cast<void>(net::apply_environment(options));  // what it finds wrong, the first step finds again
  Checkup patient(std::move(options), checkup, report);
  const bool passed = patient.run();
  report.finish();
  if (trace) patient.dump(stderr);
  return passed ? 0 : 1;
}

}  // namespace axonpush::tool
