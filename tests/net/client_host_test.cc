// A client on a Reactor: what keeps it from being made, and the parts of the system below it.
#include <axonpush/client.h>
#include <axonpush/net/reactor.h>
#include <axonpush/net/tls.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <cerrno>
#include <memory>

#include "net/system_error.h"
#include "net/thread.h"
#include "support/allocations.h"
#include "support/certificates.h"

namespace axonpush::net::test {
namespace {

using axonpush::test::Certificate;
using axonpush::test::FailAllocations;

ClientOptions with_key() {
  ClientOptions options;
  options.api_key = "ak_1";
  options.read_environment = false;
  return options;
}

struct ClientOnAReactor : public ::testing::Test {
  static TlsOptions trusting(const Certificate& root) {
    TlsOptions options;
    options.ca_pem = root.pem();
    return options;
  }
  Certificate root{{.common_name = "root", .authority = true}};
  TlsContext tls{trusting(root)};

  // Every call answers what the constructor found.
  static void expect(Client& client, Errc code) {
    EXPECT_EQ(client.error().code(), code);
    const Status refused = client.connect_realtime({}, [](const Result<Realtime>&) { ADD_FAILURE(); });
    EXPECT_EQ(refused.error().code(), code);
  }
};

TEST_F(ClientOnAReactor, IsMade) {
  Reactor reactor;
  Client client(reactor, tls, with_key());
  EXPECT_FALSE(client.error());
}

TEST_F(ClientOnAReactor, TellsAVariableThatCannotBeRead) {
  Reactor reactor;
  ::setenv("AXONPUSH_TIMEOUT", "soon", 1);
  ClientOptions options = with_key();
  options.read_environment = true;
  Client client(reactor, tls, std::move(options));
  ::unsetenv("AXONPUSH_TIMEOUT");
  expect(client, Errc::invalid_argument);
}

TEST_F(ClientOnAReactor, TellsAnOptionThatIsWrong) {
  Reactor reactor;
  ClientOptions options = with_key();
  options.base_url = "nonsense";
  Client client(reactor, tls, std::move(options));
  expect(client, Errc::url_invalid);
}

TEST_F(ClientOnAReactor, TellsALoopThatIsNone) {
  Reactor reactor(static_cast<Poller*>(nullptr));
  Client client(reactor, tls, with_key());
  expect(client, Errc::no_memory);
}

TEST_F(ClientOnAReactor, TellsAContextThatIsNone) {
  Reactor reactor;
  TlsOptions wrong;
  wrong.ca_pem = "no certificate";
  TlsContext none(wrong);
  Client client(reactor, none, with_key());
  EXPECT_FALSE(none.status().ok());
  expect(client, none.status().error().code());
}

TEST_F(ClientOnAReactor, TellsThatThereIsNoMemory) {
  Reactor reactor;
  for (std::uint64_t kth = 1;; ++kth) {
    std::unique_ptr<Client> client;
    bool fired = false;
    {
      ClientOptions options = with_key();
      const FailAllocations fault(kth, FailAllocations::Mode::once);
      client = std::make_unique<Client>(reactor, tls, std::move(options));
      fired = fault.fired();
    }
    if (!fired) {
      EXPECT_FALSE(client->error());
      EXPECT_GT(kth, 2U) << "the host and the client at least";
      break;
    }
    if (client->error()) expect(*client, Errc::no_memory);
  }
}

// --- The system

TEST(SystemErrors, AreOfTheKindThatHelps) {
  const std::pair<int, Errc> rows[] = {
      {EMFILE, Errc::no_fds},          {ENFILE, Errc::no_fds},           {ENOMEM, Errc::no_memory},
      {ENOBUFS, Errc::no_memory},      {ENOSPC, Errc::no_memory},        {EBADF, Errc::invalid_argument},
      {EPERM, Errc::invalid_argument}, {EEXIST, Errc::invalid_argument}, {EINVAL, Errc::internal}};
  for (const auto& [number, code] : rows) {
    EXPECT_EQ(system_error(number, "why").code(), code) << number;
    EXPECT_EQ(system_error(number, "why").number(), static_cast<unsigned>(number));
  }
}

TEST(Threads, RunOnceAndAreWaitedForOnce) {
  std::atomic<int> runs{0};
  const auto count = [](void* counted) noexcept { ++*static_cast<std::atomic<int>*>(counted); };
  Thread thread;
  thread.join();
  thread.detach();
  ASSERT_TRUE(thread.start(count, &runs).ok());
  EXPECT_FALSE(thread.current());
  thread.join();
  thread.join();
  EXPECT_EQ(runs, 1);
  const FailAllocations fault(1, FailAllocations::Mode::once);
  EXPECT_EQ(thread.start(count, &runs).error().code(), Errc::no_memory);
  EXPECT_TRUE(fault.fired());
}

TEST(Reactor, RefusesAnEmptyTask) {
  Reactor reactor;
  EXPECT_EQ(reactor.post(Callback<void()>()).error().code(), Errc::no_memory);
}

}  // namespace
}  // namespace axonpush::net::test
