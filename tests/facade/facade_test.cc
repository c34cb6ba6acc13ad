// The blocking facade against the loopback service: what blocks, what is refused inside callbacks, who may call from
// where.
#include <axonpush/axonpush.h>
#include <axonpush/testing/loopback_service.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/allocations.h"

namespace axonpush::test {
namespace {

using testing::LoopbackOptions;
using testing::LoopbackService;
using testing::LoopbackStats;

// A value another thread waits for.
template <class T>
class Mailbox {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  // The first `count` values; fewer when they do not come within the test's patience.
  std::vector<T> take(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return values_.size() >= count; });
    return values_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> values_;
};

const std::string kTooLong(300, 'c');  // for a topic

struct Facade : public ::testing::Test {
  LoopbackService service;
  std::unique_ptr<AxonPush> client = make();
  Mailbox<std::string> errors;

  [[nodiscard]] std::unique_ptr<AxonPush> make() {
    ClientOptions options;
    options.api_key = service.api_key();
    options.tenant_id = service.tenant_id();
    options.base_url = service.base_url();
    options.tls.ca_pem = service.ca_pem();
    options.read_environment = false;
    return std::make_unique<AxonPush>(std::move(options));
  }
  [[nodiscard]] RealtimeOptions realtime() {
    RealtimeOptions options;
    options.on_error = [this](const ErrorReport& report) { errors.put(std::string(name_of(report.error.code()))); };
    return options;
  }
  [[nodiscard]] static Message message(std::string_view payload = "{}") {
    return {.channel_id = "ch", .identifier = "id", .payload = Payload(payload)};
  }
};

TEST_F(Facade, ConnectsSubscribesPublishesAndDisconnects) {
  ASSERT_FALSE(client->error());
  Result<RealtimeClient> rt = client->connect_realtime(realtime());
  ASSERT_TRUE(rt.ok());
  EXPECT_EQ(rt->state(), ConnectionState::live);
  Mailbox<std::string> events;
  ASSERT_TRUE(
      rt->subscribe({.channel_id = "ch"}, [&](const Event& event) { events.put(std::string(event.text())); }).ok());
  const Result<Published> published = rt->publish(message(R"({"a":1})"));
  ASSERT_TRUE(published.ok());
  EXPECT_EQ(published->reason_code, mqtt::ReasonCode::success);
  EXPECT_EQ(events.take(1).at(0), R"({"channelId":"ch","identifier":"id","payload":{"a":1}})");
  EXPECT_TRUE(rt->disconnect().ok());
  EXPECT_TRUE(rt->wait().ok());
  EXPECT_EQ(rt->state(), ConnectionState::closed);
  EXPECT_EQ(rt->publish(message()).error().code(), Errc::closed);
  EXPECT_TRUE(service.wait_until_at_most(&LoopbackStats::live_connections, 0)) << "a zombie is left";
}

TEST_F(Facade, ANewSessionFollowsADisconnectedOne) {  // CONTRACT 3
  for (int round = 0; round < 3; ++round) {
    Result<RealtimeClient> rt = client->connect_realtime(realtime());
    ASSERT_TRUE(rt.ok()) << round;
    EXPECT_TRUE(rt->publish(message()).ok());
    EXPECT_TRUE(rt->disconnect().ok());
    EXPECT_TRUE(rt->disconnect().ok()) << "twice is fine";
  }
}

TEST_F(Facade, ReportsARefusedKeyToTheCall) {
  service.refuse_credentials({.status = 401, .count = 1});
  const Result<RealtimeClient> rt = client->connect_realtime(realtime());
  ASSERT_FALSE(rt.ok());
  EXPECT_EQ(rt.error().code(), Errc::unauthorized);
  EXPECT_FALSE(rt.error().server_words().message.empty());
}

TEST_F(Facade, RefusesWhatWouldDeadlockInsideACallback) {  // DESIGN 3
  Result<RealtimeClient> rt = client->connect_realtime(realtime());
  ASSERT_TRUE(rt.ok());
  Mailbox<Errc> outcomes;
  RealtimeClient session = *rt;
  ASSERT_TRUE(
      session
          .subscribe({.channel_id = "ch"},
                     [&, session](const Event&) mutable {
                       outcomes.put(session.wait().error().code());
                       outcomes.put(client->connect_realtime().error().code());
                       outcomes.put(
                           session.publish({.channel_id = "o", .identifier = "i", .payload = "{}"}).error().code());
                       outcomes.put(session.subscribe({.channel_id = "x"}, [](const Event&) {}).error().code());
                       outcomes.put(session.unsubscribe(SubscribeFilter{.channel_id = "x"}).error().code());
                       outcomes.put(session.disconnect().error().code());
                     })
          .ok());
  ASSERT_TRUE(rt->publish(message()).ok());
  const std::vector<Errc> expected = {Errc::would_deadlock, Errc::would_deadlock, Errc::none,
                                      Errc::none,           Errc::none,           Errc::none};
  EXPECT_EQ(outcomes.take(expected.size()), expected);
  EXPECT_TRUE(rt->wait(seconds(20)).ok()) << "the disconnect of the callback ends the session";
}

TEST_F(Facade, ACallbackThatThrowsIsReportedAndHarmsNothing) {  // R-50, R-51
  RealtimeOptions options = realtime();
  Result<RealtimeClient> rt = client->connect_realtime(std::move(options));
  ASSERT_TRUE(rt.ok());
  Mailbox<int> calls;
  ASSERT_TRUE(rt->subscribe({.channel_id = "ch"}, [&](const Event&) {
                  calls.put(1);
                  throw std::runtime_error("thrown on purpose");
                }).ok());
  ASSERT_TRUE(rt->subscribe({.channel_id = "ch"}, [&](const Event&) {
                  calls.put(2);
                  throw 3;
                }).ok());
  ASSERT_TRUE(rt->publish(message()).ok());
  ASSERT_TRUE(rt->publish(message()).ok());
  EXPECT_EQ(calls.take(4), (std::vector<int>{1, 2, 1, 2}));
  EXPECT_EQ(errors.take(4), std::vector<std::string>(4, "callback_threw"));
  EXPECT_EQ(rt->stats().callbacks_threw, 4U);
  EXPECT_EQ(rt->state(), ConnectionState::live);
}

TEST_F(Facade, PublishesFromManyThreadsInTheirOwnOrder) {  // I-04
  Result<RealtimeClient> rt = client->connect_realtime(realtime());
  ASSERT_TRUE(rt.ok());
  constexpr int kThreads = 4;
  constexpr int kEach = 100;
  Mailbox<std::pair<std::int64_t, std::int64_t>> events;
  ASSERT_TRUE(rt->subscribe({.channel_id = "ch"}, [&](const Event& event) {
                  std::int64_t numbers[2] = {-1, -1};
                  json::Cursor members(event.payload());
                  json::Member member;
                  for (std::size_t at = 0; at < 2 && members.next(member); ++at)
                    EXPECT_TRUE(member.value.integer(numbers[at]));
                  events.put({numbers[0], numbers[1]});
                }).ok());
  std::atomic<int> acknowledged = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int n = 0; n < kEach; ++n) {
        const std::string payload = "{\"t\":" + std::to_string(thread) + ",\"n\":" + std::to_string(n) + "}";
        if (n % 2 == 0) {
          EXPECT_TRUE(rt->publish(message(payload)).ok());
          ++acknowledged;
        } else {
          EXPECT_TRUE(rt->publish_async(message(payload), [&](const Result<Published>& outcome) {
                          acknowledged += outcome.ok();
                        }).ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto seen = events.take(kThreads * kEach);
  ASSERT_EQ(seen.size(), static_cast<std::size_t>(kThreads * kEach));
  std::vector<std::int64_t> next(kThreads, 0);
  for (const auto& [thread, n] : seen) EXPECT_EQ(n, next[static_cast<std::size_t>(thread)]++);
  EXPECT_TRUE(rt->disconnect().ok());
  EXPECT_EQ(acknowledged, kThreads * kEach);
}

TEST_F(Facade, DisconnectFromAnotherThreadWaitsForTheRunningCallback) {  // R-48
  Result<RealtimeClient> rt = client->connect_realtime(realtime());
  ASSERT_TRUE(rt.ok());
  Mailbox<int> entered;
  Mailbox<int> may_leave;
  std::atomic<bool> returned = false;
  std::atomic<int> after = 0;
  std::atomic<bool> disconnected = false;
  ASSERT_TRUE(rt->subscribe({.channel_id = "ch"}, [&](const Event&) {
                  if (disconnected) ++after;
                  entered.put(1);
                  may_leave.take(1);
                  returned = true;
                }).ok());
  ASSERT_TRUE(rt->publish_async(message()).ok());
  ASSERT_EQ(entered.take(1).size(), 1U);
  std::thread other([&] {
    EXPECT_TRUE(rt->disconnect().ok());
    EXPECT_TRUE(returned) << "disconnect returned while a callback ran";
    disconnected = true;
  });
  may_leave.put(1);
  other.join();
  EXPECT_EQ(after, 0);
}

TEST_F(Facade, NoLockIsHeldWhileACallbackRuns) {  // I-27
  RealtimeClient session;
  std::thread other;
  Mailbox<Errc> outcomes;
  bool answered = false;
  RealtimeOptions options = realtime();
  // Another thread gets its answer while the callback runs and waits for it.
  options.on_state = [&](const StateChange& change) {
    if (change.to != ConnectionState::draining) return;
    other = std::thread([&] { outcomes.put(session.wait(Duration::zero()).error().code()); });
    answered = !outcomes.take(1).empty();
  };
  Result<RealtimeClient> rt = client->connect_realtime(std::move(options));
  ASSERT_TRUE(rt.ok());
  session = *rt;
  EXPECT_TRUE(rt->disconnect().ok());
  if (other.joinable()) other.join();
  EXPECT_TRUE(answered) << "the other thread had to wait for the end of the callback";
  EXPECT_EQ(outcomes.take(1), std::vector<Errc>{Errc::ack_timeout}) << "the session still lived at that moment";
}

TEST_F(Facade, CanBeDestroyedInsideACallback) {  // R-47
  Result<RealtimeClient> rt = client->connect_realtime(realtime());
  ASSERT_TRUE(rt.ok());
  Mailbox<int> destroyed;
  ASSERT_TRUE(rt->subscribe({.channel_id = "ch"}, [&](const Event&) {
                  client.reset();
                  destroyed.put(1);
                }).ok());
  ASSERT_TRUE(rt->publish_async(message()).ok());
  EXPECT_EQ(destroyed.take(1).size(), 1U);
  EXPECT_TRUE(service.wait_until_at_most(&LoopbackStats::live_connections, 0));
  EXPECT_EQ(rt->publish(message()).error().code(), Errc::closed) << "a handle outlives the client and says so";
}

TEST_F(Facade, TheEndWakesWhoeverWaits) {
  Result<RealtimeClient> rt = client->connect_realtime(realtime());
  ASSERT_TRUE(rt.ok());
  EXPECT_EQ(rt->wait(milliseconds(1)).error().code(), Errc::ack_timeout);
  service.delay(testing::LoopbackAnswer::puback, hours(1));
  Mailbox<Errc> outcome;
  std::thread publisher([&] { outcome.put(rt->publish(message()).error().code()); });
  EXPECT_TRUE(service.wait_until(&LoopbackStats::publishes, 1));
  client.reset();
  publisher.join();
  EXPECT_EQ(outcome.take(1).at(0), Errc::closed);
}

// A publish that the end overtook was once kept for ever, with all that its completion had captured, and one that came
// behind the end was taken and forgotten.
TEST_F(Facade, WhatTheEndOvertakesLeavesNothingBehind) {  // R-47
  const auto token = std::make_shared<int>(0);
  RealtimeClient outlived;
  Mailbox<int> called;
  const auto publish_holding = [&](RealtimeClient& session) {
    return session.publish_async(message(), [&called, token, session](const Result<Published>&) { called.put(1); });
  };
  // A loop that ended inside its own callback is waited for by nobody: it is not the last one, so that it is over
  // before the program is.
  for (const bool in_flight : {false, true}) {
    client = make();
    Result<RealtimeClient> rt = client->connect_realtime(realtime());
    ASSERT_TRUE(rt.ok());
    outlived = *rt;
    service.delay(testing::LoopbackAnswer::puback, hours(1));
    if (in_flight) {
      const std::uint64_t before = service.stats().publishes;
      ASSERT_TRUE(publish_holding(*rt).ok());
      EXPECT_TRUE(service.wait_until(&LoopbackStats::publishes, before + 1));
      client.reset();
    } else {
      ASSERT_TRUE(rt->subscribe({.channel_id = "ch"}, [&](const Event&) {
                      // Posted by another thread while the loop is in this callback, and the loop ends behind it.
                      std::thread([&] { EXPECT_TRUE(publish_holding(outlived).ok()); }).join();
                      client.reset();
                    }).ok());
      ASSERT_TRUE(rt->publish_async(message()).ok());
    }
    EXPECT_TRUE(outlived.wait().ok());
    EXPECT_EQ(token.use_count(), 1) << in_flight;
    EXPECT_EQ(publish_holding(outlived).error().code(), Errc::closed);
    EXPECT_EQ(token.use_count(), 1) << in_flight;
  }
  EXPECT_TRUE(called.take(0).empty()) << "no callback comes behind the end";
}

TEST_F(Facade, AHandleWithoutASessionSaysSo) {
  RealtimeClient none;
  RealtimeClient outlived;
  {
    Result<RealtimeClient> rt = client->connect_realtime(realtime());
    ASSERT_TRUE(rt.ok());
    outlived = *rt;
    client.reset();
  }
  for (RealtimeClient* handle : {&none, &outlived}) {
    EXPECT_EQ(handle->subscribe({.channel_id = "ch"}, [](const Event&) {}).error().code(), Errc::closed);
    EXPECT_EQ(handle->subscribe_raw({.channel_id = "ch"}, [](const Event&) {}).error().code(), Errc::closed);
    EXPECT_EQ(handle->unsubscribe(SubscribeFilter{.channel_id = "ch"}).error().code(), Errc::closed);
    EXPECT_EQ(handle->unsubscribe(Subscription{}).error().code(), Errc::closed);
    EXPECT_EQ(handle->on_event([](const Event&) {}).error().code(), Errc::closed);
    EXPECT_EQ(handle->off_event({}).error().code(), Errc::closed);
    EXPECT_EQ(handle->publish(message()).error().code(), Errc::closed);
    EXPECT_EQ(handle->publish_raw({.channel_id = "ch"}).error().code(), Errc::closed);
    EXPECT_EQ(handle->publish_async(message()).error().code(), Errc::closed);
    EXPECT_EQ(handle->disconnect().error().code(), Errc::closed);
    EXPECT_EQ(handle->state(), ConnectionState::closed);
    EXPECT_EQ(handle->stats().events, 0U);
    LatencyStats latency;
    EXPECT_FALSE(handle->latency(latency));
  }
  EXPECT_EQ(none.wait().error().code(), Errc::closed);
  EXPECT_TRUE(outlived.wait().ok()) << "the session it had is over";
}

TEST_F(Facade, RefusalsReachTheCall) {
  Result<RealtimeClient> rt = client->connect_realtime(realtime());
  ASSERT_TRUE(rt.ok());
  EXPECT_EQ(client->connect_realtime(realtime()).error().code(), Errc::invalid_argument) << "one session at a time";
  Message nowhere = message();
  nowhere.channel_id = kTooLong;
  EXPECT_EQ(rt->publish(nowhere).error().code(), Errc::topic_invalid);
  EXPECT_EQ(rt->publish_raw({.channel_id = kTooLong}).error().code(), Errc::topic_invalid);
  EXPECT_EQ(rt->subscribe({.channel_id = kTooLong}, [](const Event&) {}).error().code(), Errc::topic_invalid);
  Mailbox<Errc> outcomes;
  const auto told = [&](const Result<Published>& outcome) { outcomes.put(outcome.error().code()); };
  EXPECT_TRUE(rt->publish_async(nowhere, told).ok()) << "it is told when the loop has looked at it";
  EXPECT_EQ(outcomes.take(1), std::vector<Errc>{Errc::topic_invalid});
  EXPECT_EQ(rt->publish_async(message("{"), told).error().code(), Errc::payload_invalid) << "at once";
  EXPECT_EQ(rt->off_event({}).error().code(), Errc::invalid_argument);
}

TEST_F(Facade, EveryCallWorksInsideACallbackToo) {
  RealtimeOptions options = realtime();
  options.latency_histograms = true;
  Result<RealtimeClient> rt = client->connect_realtime(std::move(options));
  ASSERT_TRUE(rt.ok());
  Mailbox<Errc> outcomes;
  Mailbox<std::string> raw;
  Mailbox<bool> answers;
  RealtimeClient session = *rt;
  const Result<EventHandler> all = rt->on_event([&, session](const Event& event) mutable {
    if (event.channel_id() != "ch") return;
    LatencyStats latency;
    answers.put(session.latency(latency));
    answers.put(session.state() == ConnectionState::live);
    answers.put(session.stats().events != 0);
    const Result<EventHandler> second = session.on_event([](const Event&) {});
    outcomes.put(second.error().code());
    outcomes.put(session.off_event(*second).error().code());
    outcomes.put(session.publish_raw({.channel_id = kTooLong}).error().code());
    outcomes.put(session
                     .publish_async({.channel_id = "o", .identifier = "i", .payload = "{}"},
                                    [&](const Result<Published>& outcome) { outcomes.put(outcome.error().code()); })
                     .error()
                     .code());
  });
  ASSERT_TRUE(all.ok());
  ASSERT_TRUE(
      rt->subscribe_raw({.channel_id = "raw"}, [&](const Event& event) { raw.put(std::string(event.text())); }).ok());
  ASSERT_TRUE(rt->subscribe({.channel_id = "ch"}, [](const Event&) {}).ok());
  ASSERT_TRUE(rt->publish(message()).ok());
  EXPECT_EQ(outcomes.take(5), (std::vector<Errc>{Errc::none, Errc::none, Errc::topic_invalid, Errc::none, Errc::none}));
  EXPECT_EQ(answers.take(3), std::vector<bool>(3, true));
  ASSERT_TRUE(rt->publish_raw({.channel_id = "raw", .body = bytes_of("\x01\x02")}).ok());
  EXPECT_EQ(raw.take(1), std::vector<std::string>{"\x01\x02"});
  EXPECT_TRUE(rt->off_event(*all).ok());
  LatencyStats latency;
  EXPECT_TRUE(rt->latency(latency));
}

TEST_F(Facade, SaysWhenThereIsNoMemory) {
  const auto first_code = [](std::uint64_t kth, auto&& call) {
    const FailAllocations fault(kth, FailAllocations::Mode::once);
    const Errc code = call();
    EXPECT_TRUE(fault.fired());
    return code;
  };
  EXPECT_EQ(first_code(1, [this] { return make()->error().code(); }), Errc::no_memory);
  Result<RealtimeClient> rt = client->connect_realtime(realtime());
  ASSERT_TRUE(rt.ok());
  for (const std::uint64_t kth : {1U, 2U}) {  // the copy of the message, then the task
    EXPECT_EQ(first_code(kth, [&] { return rt->publish_async(message()).error().code(); }), Errc::no_memory) << kth;
  }
  EXPECT_TRUE(rt->publish(message()).ok());
}

TEST(FacadeConstructor, NeverFailsAndTellsWhatWasWrong) {  // CONTRACT 1, T-15
  struct Row {
    std::string api_key, tenant_id, base_url;
    Errc expected;
  };
  const Row rows[] = {
      {"", "", "", Errc::header_invalid},
      {"ak with space", "", "", Errc::header_invalid},
      {"ak_x\r\nEvil: 1", "", "", Errc::header_invalid},
      {"ak_1", std::string("a\0b", 3), "", Errc::header_invalid},
      {"ak_1", "", "http://api.example.com", Errc::cleartext_refused},
      {"ak_1", "", "api.example.com", Errc::url_invalid},
      {"ak_1", "", "https://a.example.com/?q=1", Errc::url_invalid},
  };
  for (const Row& row : rows) {
    ClientOptions options;
    options.api_key = row.api_key;
    options.tenant_id = row.tenant_id;
    options.base_url = row.base_url;
    options.read_environment = false;
    AxonPush client(std::move(options));
    EXPECT_EQ(client.error().code(), row.expected) << row.base_url;
    EXPECT_EQ(client.connect_realtime().error().code(), row.expected);
  }
}

}  // namespace
}  // namespace axonpush::test
