// A user's program of coroutines, with a loop of its own: built with exceptions and run-time type information on and
// off. Exit code 0 when its event came back and its failing callback was told.
#include <axonpush/co_stream.h>
#include <axonpush/net/reactor.h>
#include <axonpush/net/tls.h>
#include <axonpush/testing/loopback_service.h>

#include <cstdio>
#if defined(__cpp_exceptions)
#include <stdexcept>
#endif

namespace {

using namespace axonpush;

struct Seen {
  int streamed = 0;
  int reported = 0;
};

co::Task<Status> fails(OwnedEvent event) {
#if defined(__cpp_exceptions)
  if (!event.identifier().empty()) throw std::runtime_error("this program throws");
#endif
  co_return Error(Errc::payload_invalid, event.identifier().empty() ? "no identifier" : "this program does not throw");
}

co::Task<Status> run(Client& client, Seen& seen) {
  RealtimeOptions options;
  options.on_error = [&seen](const ErrorReport&) { ++seen.reported; };
  Result<Realtime> rt = co_await co::connect_realtime(client, std::move(options));
  if (!rt.ok()) co_return rt.error();
  Result<co::EventStream> stream = co_await co::events(*rt, {.channel_id = "ch"});
  if (!stream.ok()) co_return stream.error();
  const Result<Subscription> failing = co_await co::subscribe(*rt, {.channel_id = "ch"}, co::callback(*rt, fails));
  if (!failing.ok()) co_return failing.error();
  const Payload payload = {{"n", 1}};
  const Message message{.channel_id = "ch", .identifier = "hello", .payload = payload};
  const Result<Published> published = co_await co::publish(*rt, message);
  if (!published.ok()) co_return published.error();
  const std::optional<OwnedEvent> event = co_await stream->next();
  if (event.has_value() && event->identifier() == "hello") ++seen.streamed;
  co_return co_await co::disconnect(*rt);
}

}  // namespace

int main() {
  testing::LoopbackService service;
  net::Reactor reactor;
  net::TlsContext tls({.ca_pem = service.ca_pem()});
  Client client(reactor, tls,
                {.api_key = service.api_key(),
                 .tenant_id = service.tenant_id(),
                 .base_url = service.base_url(),
                 .read_environment = false});
  Seen seen;
  Status outcome = Error(Errc::internal, "the coroutine did not end");
  co::start(run(client, seen), [&](const Status& status) {
    outcome = status;
    reactor.stop();
  });
  reactor.run();
  if (!outcome.ok()) {
    char sentence[1024];
    std::printf("%.*s\n", static_cast<int>(outcome.error().format(sentence)), sentence);
    return 1;
  }
  std::printf("streamed %d, reported %d\n", seen.streamed, seen.reported);
  return seen.streamed == 1 && seen.reported == 1 ? 0 : 1;
}
