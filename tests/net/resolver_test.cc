// Names and addresses: what of an answer is used (BAD_INPUTS 11), and what an answer that never comes may cost.
#if defined(__linux__)

#include <axonpush/net/resolver.h>

#include <gtest/gtest.h>
#include <netdb.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "net/tls_client.h"
#include "net/wrapped.h"

namespace axonpush::net::test {
namespace {

using axonpush::test::FailCalls;
using axonpush::test::Route;
using axonpush::test::TestClock;
using axonpush::test::TestNames;
using axonpush::test::TestRoutes;

IpAddress address(std::string_view text) {
  IpAddress made;
  EXPECT_TRUE(IpAddress::parse(text, made)) << text;
  return made;
}

// --- Addresses

TEST(IpAddresses, AreReadStrictly) {
  IpAddress made;
  for (const char* text : {"127.1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "0x7f.0.0.1", "1.2.3.4 ", " 1.2.3.4",
                           "", "localhost", "[::1]", "fe80::1%1", "::1%lo", "1::2::3", "12345::", ":::"}) {
    EXPECT_FALSE(IpAddress::parse(text, made)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("127.0.0.1\0x", 11), made));
  EXPECT_FALSE(address("192.0.2.7").is_v6());
  EXPECT_TRUE(address("2001:db8::7").is_v6());
}

TEST(IpAddresses, AreVetted)  // N-05
{
  for (const char* text : {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(address(text).is_loopback()) << text;
  }
  for (const char* text : {"126.0.0.1", "128.0.0.1", "::2", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(address(text).is_loopback()) << text;
  }
  for (const char* text : {"169.254.0.1", "fe80::1", "febf::1", "::ffff:169.254.1.1"}) {
    EXPECT_TRUE(address(text).is_link_local()) << text;
  }
  for (const char* text : {"169.253.0.1", "fec0::1", "fe7f::1"}) EXPECT_FALSE(address(text).is_link_local()) << text;
  for (const char* text : {"0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
                           "ff02::1", "::ffff:0.0.0.0", "::ffff:224.0.0.1"}) {
    EXPECT_TRUE(address(text).is_unusable()) << text;
  }
  // Private ones are somebody's PrivateLink.
  for (const char* text : {"10.0.0.1", "172.16.0.1", "192.168.0.1", "fd00::1", "1.1.1.1", "2001:db8::1"}) {
    EXPECT_FALSE(address(text).is_unusable() || address(text).is_loopback() || address(text).is_link_local()) << text;
  }
  EXPECT_FALSE(address("::ffff:10.0.0.1").is_v6()) << "IPv4 in IPv6 clothes";
  EXPECT_TRUE(address("::ffff:10.0.0.1") == address("10.0.0.1"));
}

std::vector<std::string> collected(const std::vector<std::string>& answers) {
  AddressCollector collector;
  for (const std::string& text : answers) collector.add(address(text));
  const IpAddresses kept = collector.interleaved();
  std::vector<std::string> names;
  for (const IpAddress& one : kept) {
    for (const std::string& text : answers) {
      if (address(text) == one) {
        names.push_back(text);
        break;
      }
    }
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(IpAddresses, AreCappedInterleavedAndOnce)  // N-03, N-05
{
  EXPECT_EQ(collected({}), Names());
  EXPECT_EQ(collected({"10.0.0.1", "10.0.0.1", "::ffff:10.0.0.1"}), Names({"10.0.0.1"}));
  // RFC 8305 4: the family of the first answer first, then in turn; the order within one is kept.
  EXPECT_EQ(collected({"2001:db8::1", "2001:db8::2", "10.0.0.1", "2001:db8::3", "10.0.0.2"}),
            Names({"2001:db8::1", "10.0.0.1", "2001:db8::2", "10.0.0.2", "2001:db8::3"}));
  EXPECT_EQ(collected({"2001:db8::1", "10.0.0.1", "10.0.0.2"}), Names({"2001:db8::1", "10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(collected({"0.0.0.0", "10.0.0.1", "2001:db8::1"}), Names({"10.0.0.1", "2001:db8::1"}));
  Names many;
  for (int index = 0; index < 5'000; ++index) {
    many.push_back("10.1." + std::to_string(index / 250) + "." + std::to_string(index % 250));
  }
  EXPECT_EQ(collected(many), Names(many.begin(), many.begin() + 16));
  EXPECT_EQ(collected(Names(many.begin(), many.begin() + 16)).size(), 16U);
  // One family cannot crowd out the other.
  many.push_back("2001:db8::1");
  const Names both = collected(many);
  EXPECT_EQ(both.size(), 16U);
  EXPECT_EQ(std::count(both.begin(), both.end(), "2001:db8::1"), 1);
}

// --- getaddrinfo on threads

class Told final : public ResolveSink {
 public:
  void on_resolved(const IpAddresses& found) noexcept override {
    addresses = found;
    ++count;
  }
  void on_resolve_failed(const Error& failure) noexcept override {
    error = failure;
    ++count;
  }
  IpAddresses addresses;
  Error error;
  int count = 0;
};

// A door that look-ups wait at.
class Door {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
    changed_.notify_all();
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void await(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ == count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

std::ptrdiff_t thread_count() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}
#if defined(__SANITIZE_THREAD__)
constexpr std::ptrdiff_t kThreadsAtStart = 2;  // the sanitizer has one of its own
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr std::ptrdiff_t kThreadsAtStart = 2;
#else
constexpr std::ptrdiff_t kThreadsAtStart = 1;
#endif
#else
constexpr std::ptrdiff_t kThreadsAtStart = 1;
#endif

// Nobody waits for the resolver's threads but a test that looks for what they leave behind.
void await_threads() {
  while (thread_count() > kThreadsAtStart) std::this_thread::yield();
}

class Resolvers : public ::testing::Test {
 protected:
  ~Resolvers() override { await_threads(); }
  Told ask(const TestNames::Answer& answer, std::string_view name = "name.test") {
    const TestNames names(answer);
    Reactor reactor;
    SystemResolver resolver(reactor);
    Told told;
    Error error;
    EXPECT_NE(resolver.start(name, told, error), nullptr) << error.what();
    EXPECT_EQ(told.count, 0);
    while (told.count == 0) reactor.run_once(Instant::never());
    await_threads();
    return told;
  }
};

TEST_F(Resolvers, GiveWhatTheSystemKnows) {
  const Told told = ask(
      [](const std::string& name, std::vector<std::string>& addresses) {
        EXPECT_EQ(name, "name.test.");  // N-07: absolute as it came
        addresses = {"2001:db8::1", "not an address", "10.0.0.1", "0.0.0.0", "fe80::1%3", "10.0.0.1"};
        return 0;
      },
      "name.test.");
  EXPECT_FALSE(told.error);
  ASSERT_EQ(told.addresses.size(), 3U);
  EXPECT_TRUE(told.addresses[0] == address("2001:db8::1"));
  EXPECT_TRUE(told.addresses[1] == address("10.0.0.1"));
  EXPECT_EQ(told.addresses[2].scope(), 3U);
}

TEST_F(Resolvers, SayWhyThereIsNoAnswer)  // N-01, N-08
{
  struct Row {
    int code;
    int number;
    Errc expected;
    const char* words;
  };
  const Row rows[] = {
      {EAI_NONAME, 0, Errc::dns_failed, "the name does not exist"},
      {EAI_NODATA, 0, Errc::dns_failed, "the name has no addresses"},
      {EAI_AGAIN, 0, Errc::dns_failed, "the name servers gave no answer for now"},
      {EAI_FAIL, 0, Errc::dns_failed, "the name servers refused or failed"},
      {EAI_FAMILY, 0, Errc::dns_failed, "the name could not be looked up"},
      {EAI_SYSTEM, ECONNREFUSED, Errc::dns_failed, "the name could not be looked up"},
      {EAI_MEMORY, 0, Errc::no_memory, "no memory to look up a name"},
      {EAI_SYSTEM, EMFILE, Errc::no_fds, "the name could not be looked up"},
      {EAI_SYSTEM, ENFILE, Errc::no_fds, "the name could not be looked up"},
      {EAI_SYSTEM, ENOMEM, Errc::no_memory, "the name could not be looked up"},
  };
  for (const Row& row : rows) {
    const Told told = ask([&row](const std::string&, std::vector<std::string>&) {
      errno = row.number;
      return row.code;
    });
    EXPECT_EQ(told.error.code(), row.expected) << row.code;
    EXPECT_EQ(told.error.what(), row.words) << row.code;
  }
  const Told nothing = ask([](const std::string&, std::vector<std::string>&) { return 0; });
  EXPECT_EQ(nothing.error.what(), "the name has no usable addresses");
  const Told useless = ask([](const std::string&, std::vector<std::string>& addresses) {
    addresses = {"0.0.0.0", "224.0.0.1", "ff02::1"};
    return 0;
  });
  EXPECT_EQ(useless.error.what(), "the name has no usable addresses");
}

TEST_F(Resolvers, RefuseAtOnceWhatCannotBeAsked) {
  Reactor reactor;
  SystemResolver resolver(reactor);
  Told told;
  Error error;
  for (const std::string& name : {std::string(), std::string(255, 'a'), std::string("a\0b", 3)}) {
    EXPECT_EQ(resolver.start(name, told, error), nullptr);
    EXPECT_EQ(error.code(), Errc::dns_failed);
  }
  const FailCalls no_threads(axonpush::test::Call::pthread_create, 1, EAGAIN);
  EXPECT_EQ(resolver.start("name.test", told, error), nullptr);
  EXPECT_EQ(error.code(), Errc::no_memory);
  EXPECT_EQ(no_threads.fired(), 1U);
  EXPECT_EQ(told.count, 0);
}

TEST_F(Resolvers, HaveSoManyThreadsAndNoMore) {
  Door door;
  const TestNames names([&](const std::string&, std::vector<std::string>& addresses) {
    door.pass();
    addresses = {"10.0.0.1"};
    return 0;
  });
  Reactor reactor;
  SystemResolver resolver(reactor);
  Told told[SystemResolver::kThreadsMax + 1];
  Resolver::Query* queries[SystemResolver::kThreadsMax] = {};
  Error error;
  for (unsigned index = 0; index < SystemResolver::kThreadsMax; ++index) {
    queries[index] = resolver.start("name.test", told[index], error);
    ASSERT_NE(queries[index], nullptr);
  }
  EXPECT_EQ(resolver.start("name.test", told[SystemResolver::kThreadsMax], error), nullptr);
  EXPECT_EQ(error.what(), "too many earlier look-ups have not been answered yet");
  resolver.cancel(queries[0]);  // waits for nothing, and its thread still counts
  EXPECT_EQ(resolver.start("name.test", told[SystemResolver::kThreadsMax], error), nullptr);
  door.open();
  for (unsigned index = 1; index < SystemResolver::kThreadsMax; ++index) {
    while (told[index].count == 0) reactor.run_once(Instant::never());
  }
  await_threads();
  EXPECT_EQ(told[0].count, 0);
  EXPECT_NE(resolver.start("name.test", told[0], error), nullptr);
  while (told[0].count == 0) reactor.run_once(Instant::never());
}

// N-02: the answer comes when nobody is there any more: neither the asker, nor the resolver, nor the loop.
TEST_F(Resolvers, DropALateAnswer) {
  for (const int gone : {0, 1, 2}) {
    Door door;
    const TestNames names([&](const std::string&, std::vector<std::string>& addresses) {
      door.pass();
      addresses = {"10.0.0.1"};
      return 0;
    });
    auto reactor = std::make_unique<Reactor>();
    auto resolver = std::make_unique<SystemResolver>(*reactor);
    auto told = std::make_unique<Told>();
    Error error;
    Resolver::Query* query = resolver->start("name.test", *told, error);
    ASSERT_NE(query, nullptr);
    door.await(1);
    resolver->cancel(query);
    told.reset();
    if (gone >= 1) resolver.reset();
    if (gone >= 2) reactor.reset();
    door.open();
    await_threads();
    if (reactor != nullptr) reactor->poll();
  }
}

// The answer lies with the loop already when its asker goes, and the loop may end before it takes it.
TEST_F(Resolvers, DropAnAnswerThatIsOnItsWay) {
  const TestNames names([](const std::string&, std::vector<std::string>&) { return EAI_NONAME; });
  for (const bool loop_ends : {false, true}) {
    Told told;
    auto reactor = std::make_unique<Reactor>();
    {
      SystemResolver resolver(*reactor);
      Error error;
      Resolver::Query* query = resolver.start("name.test", told, error);
      ASSERT_NE(query, nullptr);
      await_threads();
      resolver.cancel(query);
    }
    if (loop_ends) {
      reactor.reset();
    } else {
      reactor->poll();
    }
    EXPECT_EQ(told.count, 0);
  }
}

// Nor is anybody told whose loop ended, although he waits.
TEST_F(Resolvers, DropAnAnswerThatNobodyCancelled) {
  const TestNames names([](const std::string&, std::vector<std::string>&) { return EAI_NONAME; });
  Told told;
  {
    Reactor reactor;
    {
      SystemResolver resolver(reactor);
      Error error;
      ASSERT_NE(resolver.start("name.test", told, error), nullptr);
      await_threads();
    }
  }
  EXPECT_EQ(told.count, 0);
}

// --- As a connection uses it

class NamedConnections : public TlsTest {
 protected:
  ~NamedConnections() override { await_threads(); }
  static Endpoint endpoint(std::uint16_t port) {
    Endpoint made;
    made.host = "localhost";
    made.port = port;
    return made;
  }
};

TEST_F(NamedConnections, GiveUpALookUpAfterFiveSecondsOrTheCallersTime)  // N-02
{
  for (const Duration wanted : {seconds(5), seconds(9)}) {
    Door door;
    const TestNames names([&](const std::string&, std::vector<std::string>&) {
      door.pass();
      return EAI_NONAME;
    });
    TestClock clock;
    ClientEnd end(trusting());
    ClientSide side;
    Endpoint to = endpoint(443);
    if (wanted != seconds(5)) to.resolve_timeout = wanted;
    ASSERT_TRUE(end.open(side, to).ok());
    door.await(1);
    clock.advance(wanted - milliseconds(1));
    end.reactor.poll();
    EXPECT_FALSE(side.failed);
    clock.advance(milliseconds(1));
    end.reactor.poll();
    ASSERT_TRUE(side.failed);
    EXPECT_EQ(side.error.code(), Errc::dns_failed);
    EXPECT_EQ(side.error.what(), "the name was not looked up in time");
    // Closing during a look-up does not wait for it either.
    ClientSide other;
    ASSERT_TRUE(end.open(other, endpoint(443)).ok());
    door.await(2);
    end.close(other);
    door.open();
    await_threads();
    for (int turns = 0; turns < 3; ++turns) end.reactor.poll();
    EXPECT_FALSE(other.settled());
  }
}

TEST_F(NamedConnections, LookUpEveryTime)  // N-06
{
  std::atomic<int> asked{0};
  const TestNames names([&](const std::string& name, std::vector<std::string>& addresses) {
    EXPECT_EQ(name, "localhost");
    addresses = {"10.9.8." + std::to_string(++asked)};
    return 0;
  });
  std::vector<std::string> dialled;
  const std::uint16_t port = listening.port();
  const TestRoutes routes([&](const std::string& to, std::uint16_t) {
    dialled.push_back(to);
    return Route{.kind = Route::Kind::redirect, .port = port};
  });
  serve_good();
  ClientEnd end(trusting());
  for (int connection = 1; connection <= 3; ++connection) {
    ClientSide side;
    ASSERT_TRUE(end.open(side, endpoint(port)).ok());
    ASSERT_TRUE(turn(end, [&] { return side.settled(); }));
    EXPECT_FALSE(side.failed) << side.error.what();
    EXPECT_EQ(asked.load(), connection);
    end.close(side);
  }
  EXPECT_EQ(dialled, Names({"10.9.8.1", "10.9.8.2", "10.9.8.3"}));
}

TEST_F(NamedConnections, AreNotLedIntoThisMachine)  // N-05
{
  struct Row {
    Names answers;
    bool allow_loopback;
    Names dialled;
    const char* words;
  };
  constexpr const char* kLocal = "the name leads to loopback or link-local addresses only";
  const Row rows[] = {
      {{"127.0.0.1"}, false, {}, kLocal},
      {{"::1", "169.254.169.254", "fe80::1%1", "127.9.9.9"}, false, {}, kLocal},
      {{"::ffff:127.0.0.1"}, false, {}, kLocal},
      {{"127.0.0.1", "10.0.0.1"}, false, {"10.0.0.1"}, ""},
      {{"192.168.1.1"}, false, {"192.168.1.1"}, ""},
      {{"127.0.0.1"}, true, {"127.0.0.1"}, ""},
      {{"0.0.0.0"}, true, {}, "the name has no usable addresses"},
  };
  for (const Row& row : rows) {
    const TestNames names([&](const std::string&, std::vector<std::string>& addresses) {
      addresses = row.answers;
      return 0;
    });
    Names dialled;
    const std::uint16_t port = listening.port();
    const TestRoutes routes([&](const std::string& to, std::uint16_t) {
      dialled.push_back(to);
      return Route{.kind = Route::Kind::redirect, .port = port};
    });
    serve_good();
    ClientEnd end(trusting());
    ClientSide side;
    Endpoint wanted = endpoint(port);
    wanted.allow_loopback = row.allow_loopback;
    ASSERT_TRUE(end.open(side, wanted).ok());
    ASSERT_TRUE(turn(end, [&] { return side.settled(); }));
    EXPECT_EQ(dialled, row.dialled);
    EXPECT_EQ(side.error.what(), row.words);
    EXPECT_EQ(side.error.code(), side.failed ? Errc::dns_failed : Errc::none);
  }
}

// CONTRACT 1: a name that leads anywhere else is not talked to without TLS.
TEST_F(NamedConnections, WithoutTlsGoToLoopbackOnly) {
  for (const bool mixed : {false, true}) {
    const TestNames names([&](const std::string&, std::vector<std::string>& addresses) {
      addresses = {"127.0.0.1"};
      if (mixed) addresses.push_back("10.0.0.1");
      return 0;
    });
    ClientEnd end(trusting());
    ClientSide side;
    Endpoint wanted = endpoint(listening.port());
    wanted.security = Security::cleartext_loopback;
    ASSERT_TRUE(end.open(side, wanted).ok());
    ASSERT_TRUE(turn_until(
        end.reactor, [] {}, [&] { return side.settled(); }));
    EXPECT_EQ(side.failed, mixed);
    EXPECT_EQ(side.error.code(), mixed ? Errc::cleartext_refused : Errc::none);
  }
}

}  // namespace
}  // namespace axonpush::net::test

#endif
