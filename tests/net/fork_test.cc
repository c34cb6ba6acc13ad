// the child of a fork may destroy what it has inherited, and nothing else: every call answers `closed`, none
// hangs, and the parent notices nothing.
#include <axonpush/axonpush.h>
#include <axonpush/testing/loopback_service.h>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>

#include "net/backends.h"
#include "net/mini_service.h"
#include "net/tls_client.h"
#include "support/child.h"

namespace axonpush::net::test {
namespace {

// The exit code of a child that runs `body`; one that hangs is ended by a signal.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30);
    axonpush::test::end_child(body());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool closed(const Error& error) { return error.code() == Errc::closed; }

TEST(Fork, AClientIsClosedInTheChildAndLivesOnInTheParent) {
  const Certificate root({.common_name = "root", .authority = true});
  const Certificate leaf({.common_name = "leaf"}, &root);
  const ContextPtr context = make_server_context({.chain = {&leaf}});
  MiniService service;
  service.api_context = service.broker_context = context.get();
  Reactor reactor;
  TlsOptions tls_options;
  tls_options.ca_pem = root.pem();
  TlsContext tls(tls_options);
  ClientOptions options;
  options.api_key = "ak_0123456789";
  options.tenant_id = "org";
  options.base_url = "https://localhost:" + std::to_string(service.api_port());
  options.connect_address = options.broker_connect_address = "127.0.0.1";
  options.read_environment = false;
  auto client = std::make_unique<Client>(reactor, tls, std::move(options));
  Realtime session;
  ASSERT_TRUE(client
                  ->connect_realtime({},
                                     [&](const Result<Realtime>& made) {
                                       if (made.ok()) session = *made;
                                     })
                  .ok());
  const auto turn = [&](const std::function<bool()>& done) {
    return turn_until(
        reactor, [&] { service.step(); }, done);
  };
  ASSERT_TRUE(turn([&] { return session.state() == ConnectionState::live; }));
  EXPECT_EQ(in_child([&] {
              int wrong = 0;
              const Message message{.channel_id = "c", .identifier = "i", .payload = Payload("{}")};
              wrong += closed(session.publish(message).error()) ? 0 : 1;
              wrong += closed(session.subscribe({.channel_id = "c"}, [](const Event&) {}).error()) ? 0 : 2;
              wrong += closed(session.refresh_now().error()) ? 0 : 4;
              wrong += closed(session.disconnect().error()) ? 0 : 8;
              wrong += closed(client->connect_realtime({}, [](const Result<Realtime>&) {}).error()) ? 0 : 16;
              client.reset();  // the only legal act
              return wrong;
            }),
            0);
  // The child has said nothing on the connection that both processes hold.
  for (int steps = 0; steps < 20; ++steps) {
    reactor.poll();
    service.step();
  }
  EXPECT_EQ(session.state(), ConnectionState::live);
  EXPECT_EQ(service.closes, 0U);
  bool ended = false;
  ASSERT_TRUE(session.disconnect([&](const Status&) { ended = true; }).ok());
  ASSERT_TRUE(turn([&] { return ended; }));
  EXPECT_EQ(service.closes, 1U);
}

TEST(Fork, TheBlockingFacadeIsClosedInTheChildAndLivesOnInTheParent) {
  testing::LoopbackService service;
  ASSERT_TRUE(service.status().ok());
  ClientOptions options;
  options.api_key = service.api_key();
  options.tenant_id = service.tenant_id();
  options.base_url = service.base_url();
  options.tls.ca_pem = service.ca_pem();
  options.read_environment = false;
  auto client = std::make_unique<AxonPush>(std::move(options));
  Result<RealtimeClient> connected = client->connect_realtime({});
  ASSERT_TRUE(connected.ok()) << connected.error().what();
  RealtimeClient session = *connected;
  const Message message{.channel_id = "c", .identifier = "i", .payload = Payload("{}")};
  EXPECT_EQ(in_child([&] {
              int wrong = 0;
              wrong += closed(session.publish(message).error()) ? 0 : 1;
              wrong += closed(session.subscribe({.channel_id = "c"}, [](const Event&) {}).error()) ? 0 : 2;
              wrong += closed(client->connect_realtime({}).error()) ? 0 : 4;
              wrong += closed(session.disconnect().error()) ? 0 : 8;
              wrong += closed(session.publish_async(message).error()) ? 0 : 32;
              wrong += session.wait(Duration::max()).ok() ? 0 : 16;  // here the session is over
              client.reset();
              return wrong;
            }),
            0);
  EXPECT_TRUE(session.publish(message).ok());
  EXPECT_TRUE(session.disconnect().ok());
}

TEST(Fork, AReactorDoesNothingInTheChild) {
  Reactor reactor;
  Pair pair;
  Watching watching;
  Alarm alarm;
  Ending ending;
  ASSERT_TRUE(reactor.add(pair.ends[0], kRead, watching).ok());
  EXPECT_EQ(in_child([&] {
              int wrong = 0;
              reactor.stop();
              reactor.wake();
              reactor.ready(pair.ends[0], kRead);
              reactor.again(watching);
              reactor.arm(alarm, Instant::from_nanoseconds(0));
              reactor.at_turn_end(ending);
              reactor.run();
              reactor.run_once(Instant::never());
              reactor.process();
              wrong += reactor.poll() ? 1 : 0;
              wrong += reactor.deadline() == Instant::never() ? 0 : 2;
              wrong += watching.count + alarm.count + ending.count == 0 ? 0 : 4;
              wrong += closed(reactor.modify(pair.ends[0], kBoth, watching).error()) ? 0 : 8;
              wrong += closed(reactor.add(pair.ends[1], kRead, watching).error()) ? 0 : 16;
              wrong += closed(reactor.post([] {}).error()) ? 0 : 32;
              return wrong;
            }),
            0);
  pair.write(1, "x");
  EXPECT_TRUE(reactor.poll());
  EXPECT_EQ(watching.count, 1);
  reactor.remove(pair.ends[0], watching);
}

TEST(Fork, AHostOpensAndTurnsNothingInTheChild) {
  struct Counting final : Driven {
    Instant deadline() const noexcept override { return Instant::never(); }
    void turn(Instant) noexcept override { ++count; }
    int count = 0;
  } driven;
  ClientEnd end{TlsOptions{}};
  end.host->attach(&driven);
  const Listening listening;
  EXPECT_EQ(in_child([&] {
              int wrong = 0;
              end.host->request_turn(Host::When::flush);
              end.host->request_turn(Host::When::later);
              wrong += driven.count == 0 ? 0 : 1;
              wrong += end.host->alive() ? 2 : 0;
              ClientSide side;
              wrong += closed(end.open(side, "127.0.0.1", listening.port()).error()) ? 0 : 4;
              return wrong;
            }),
            0);
  end.host->request_turn(Host::When::flush);
  EXPECT_EQ(driven.count, 1);
  end.host->attach(nullptr);
}

}  // namespace
}  // namespace axonpush::net::test
