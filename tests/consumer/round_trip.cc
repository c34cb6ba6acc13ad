// A user's program: an event published and received over a service on loopback, and a credential swap's worth of state
// torn down in order. Prints what it saw; exit code 0 when all of it came about.
#include <axonpush/axonpush.h>
#include <axonpush/testing/loopback_service.h>

#include <atomic>
#include <cstdio>

namespace {

int fail(const char* what, const axonpush::Error& error) {
  char sentence[1024];
  std::printf("%s: %.*s\n", what, static_cast<int>(error.format(sentence)), sentence);
  return 1;
}

}  // namespace

int main() {
  axonpush::testing::LoopbackService service;
  if (!service.status().ok()) return fail("service", service.status().error());
  axonpush::AxonPush client{{.api_key = service.api_key(),
                             .tenant_id = service.tenant_id(),
                             .base_url = service.base_url(),
                             .read_environment = false,
                             .tls = {.ca_pem = service.ca_pem()}}};
  auto session = client.connect_realtime();
  if (!session.ok()) return fail("connect", session.error());
  std::atomic<int> received{0};
  const auto subscription = session->subscribe({.channel_id = "ch"}, [&received](const axonpush::Event& event) {
    if (event.identifier() == "hello") ++received;
  });
  if (!subscription.ok()) return fail("subscribe", subscription.error());
  const auto published = session->publish({.channel_id = "ch", .identifier = "hello", .payload = {{"n", 1}}});
  if (!published.ok()) return fail("publish", published.error());
  if (!service.wait_until(&axonpush::testing::LoopbackStats::pubacks_received, 1)) return 1;
  const auto ended = session->disconnect();
  if (!ended.ok()) return fail("disconnect", ended.error());
  std::printf("received %d\n", received.load());
  return received == 1 ? 0 : 1;
}
