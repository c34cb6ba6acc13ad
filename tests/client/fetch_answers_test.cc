// Answers and requests of the credentials endpoint that are unusual and legal, or broken in unusual ways, and sources
// of credentials of the program's own. In virtual time.
#include <gtest/gtest.h>

#include "client/scenario.h"
#include "support/allocations.h"
#include "support/taint.h"

namespace axonpush::test {
namespace {

using sim::ApiRequest;
using sim::ApiResponse;

std::string ok_head(const std::string& headers = {}) { return "HTTP/1.1 200 OK\r\n" + headers + "\r\n"; }
std::string with_length(const std::string& headers, const std::string& body) {
  return ok_head(headers + "Content-Length: " + std::to_string(body.size()) + "\r\n") + body;
}

// What the first connect makes of one answer; every later one is what it should be.
Errc outcome_of(Scenario& scene, ApiResponse answer, ClientOptions options) {
  scene.make(std::move(options));
  scene.api.next.push_back(std::move(answer));
  return scene.connect() ? Errc::none : scene.connect_error.code();
}
ClientOptions without_retries() {
  ClientOptions options = Scenario::client_options();
  options.max_retries = 0;
  return options;
}

// The server says so much, the client reads it, and then the connection ends.
Errc outcome_of_cut(Scenario& scene, const std::string& said, sim::Connection::Cut cut) {
  scene.make(without_retries());
  scene.api.next.push_back({.silent = true});
  if (!scene.begin(scene.realtime_options()).ok()) return Errc::internal;
  scene.run_until([&] { return scene.api.requests.size() == 1; });
  sim::Connection* const connection = scene.host.connection(0);
  connection->send(said);
  scene.world.run_for(milliseconds(10));
  connection->end(cut);
  scene.run_until([&] { return !scene.connect_results.empty(); });
  return scene.connect_error.code();
}

TEST(FetchAnswer, WithoutALengthItEndsWithTheConnection) {  // RFC 9112 6.3, H-30
  Scenario scene;
  const std::string raw = ok_head() + scene.api.credentials_body();
  EXPECT_EQ(outcome_of_cut(scene, raw, sim::Connection::Cut::orderly), Errc::none);
  // The same ended by a reset is nobody's answer: where it ends is not known.
  Scenario reset;
  EXPECT_EQ(outcome_of_cut(reset, raw, sim::Connection::Cut::reset), Errc::http_truncated);
}

TEST(FetchAnswer, OneThatIsCutBehindItsHeadIsTruncated) {  // R-08, H-29
  for (const sim::Connection::Cut cut : {sim::Connection::Cut::orderly, sim::Connection::Cut::reset}) {
    Scenario scene;
    std::string raw = with_length({}, scene.api.credentials_body());
    raw.resize(raw.size() - 10);
    EXPECT_EQ(outcome_of_cut(scene, raw, cut), Errc::http_truncated);
  }
}

TEST(FetchAnswer, HeadersTooLongToBeUsefulAreNotUsed) {  // H-44, H-45
  Scenario scene;
  const std::string date = "Date: " + std::string(100, 'x') + "\r\n";
  EXPECT_EQ(outcome_of(scene, {.raw = with_length(date, scene.api.credentials_body())}, without_retries()), Errc::none);
  Scenario refused;
  refused.make();
  refused.api.next.push_back(
      {.status = 503, .headers = {"Retry-After: " + std::string(100, '0') + "7", "Retry-After: 7"}});
  const Instant start = refused.world.now();
  ASSERT_TRUE(refused.connect());
  EXPECT_LE(refused.world.now() - start, seconds(1)) << "two values contradict each other";
}

// Credentials in more bytes than the client reads at a time.
std::string in_many_pieces(std::string body) {
  const std::string filler = std::string(30'000, 'x') + "\"";
  body = "{\"before\":\"" + filler + "," + body.substr(1, body.size() - 2) + ",\"behind\":\"" + filler + "}";
  std::string raw = ok_head("Transfer-Encoding: chunked\r\n");
  for (std::size_t at = 0; at < body.size(); at += 30) {
    const std::string part = body.substr(at, 30);
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    raw += size + part + "\r\n";
  }
  return raw + "0\r\n\r\n";
}

TEST(FetchAnswer, InManyPiecesItIsTheSame) {  // H-26: chunks, and what TCP makes of them
  Scenario scene;
  scene.api.respond = [&scene, raw = in_many_pieces(scene.api.credentials_body())](const ApiRequest&) {
    scene.host.connection(0)->chunk = 777;
    return ApiResponse{.raw = raw};
  };
  scene.make(without_retries());
  EXPECT_TRUE(scene.connect()) << scene.connect_error.what();
}

TEST(FetchAnswer, CreatedIsAsGoodAsOk) {
  Scenario scene;
  EXPECT_EQ(outcome_of(scene, {.status = 201, .body = scene.api.credentials_body()}, without_retries()), Errc::none);
}

TEST(FetchMethod, OnlyPostThenGetTriesTheOther) {  // CONTRACT 2
  for (const CredentialsMethod method : {CredentialsMethod::post, CredentialsMethod::get}) {
    Scenario scene;
    ClientOptions options = Scenario::client_options();
    options.credentials_method = method;
    EXPECT_EQ(outcome_of(scene, {.status = 404}, std::move(options)), Errc::not_found);
    ASSERT_EQ(scene.api.requests.size(), 1U);
    EXPECT_EQ(scene.api.requests[0].method, method == CredentialsMethod::post ? "POST" : "GET");
  }
  // What worked is remembered: later a 405 is a failure, and no reason to ask otherwise.
  Scenario scene;
  scene.api.lifetime = seconds(100);
  ASSERT_TRUE(scene.connect());
  scene.api.next.push_back({.status = 405});
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 1; }));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::http_status);
  for (const ApiRequest& request : scene.api.requests) EXPECT_EQ(request.method, "POST");
}

TEST(FetchRetry, TheLadderGoesOnWithItsLastStep) {  // CONTRACT 2: 250, 500, 1000, 2000, 4000 ms, clamped to the last
  Scenario scene;
  ClientOptions options = Scenario::client_options();
  options.max_retries = 7;
  scene.make(std::move(options));
  scene.api.respond = [](const ApiRequest&) { return ApiResponse{.status = 503}; };
  EXPECT_FALSE(scene.connect());
  ASSERT_EQ(scene.api.requests.size(), 8U);
  const std::int64_t steps[] = {250, 500, 1000, 2000, 4000, 4000, 4000};
  for (std::size_t at = 0; at < 7; ++at) {
    const Duration between = scene.api.requests[at + 1].at - scene.api.requests[at].at;
    EXPECT_GE(between.milliseconds(), steps[at]) << at;
    EXPECT_LE(between.milliseconds(), steps[at] + 20) << at;
  }
}

TEST(FetchRetry, NoAttemptBeginsThatCouldNotEndInTime) {  // CONTRACT 2: one fetch has 60 s
  Scenario scene;
  ClientOptions options = Scenario::client_options();
  options.max_retries = 100;
  scene.make(std::move(options));
  scene.api.respond = [](const ApiRequest&) { return ApiResponse{.status = 503, .headers = {"Retry-After: 9"}}; };
  const Instant start = scene.world.now();
  EXPECT_FALSE(scene.connect());
  EXPECT_EQ(scene.connect_error.code(), Errc::server_error);
  EXPECT_EQ(scene.api.requests.size(), 7U);
  EXPECT_LE(scene.world.now() - start, seconds(55)) << "told at once that the next would be too late";
}

TEST(FetchRetry, WithoutEntropyTheJitterIsItsMiddle) {  // FAULTS 3.2: the draw spreads load, it protects nothing
  Scenario scene;
  scene.make();
  RealtimeOptions options = scene.realtime_options();
  options.retry_jitter = true;
  scene.api.next.push_back({.status = 503});
  ASSERT_TRUE(scene.begin(std::move(options)).ok());
  scene.world.run_for(Duration::zero());
  scene.host.random().failing = true;
  ASSERT_TRUE(scene.run_until([&] { return scene.api.requests.size() == 2; }));
  // The answer to the first comes 1 ms after it was asked, and what asks again needs 3 ms.
  EXPECT_EQ((scene.api.requests[1].at - scene.api.requests[0].at).milliseconds(), 1 + 275 + 3);
}

TEST(FetchRequest, ATransportThatTakesNothingYetIsWaitedFor) {
  Scenario scene;
  ASSERT_TRUE(scene.begin(scene.realtime_options()).ok());
  scene.world.run_for(Duration::zero());
  sim::Connection* const connection = scene.host.connection(0);
  connection->stuck = true;  // from its first byte on
  scene.world.run_for(seconds(5));
  EXPECT_TRUE(scene.api.requests.empty());
  connection->chunk = 10;
  connection->stuck = false;
  connection->thaw();
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.state() == ConnectionState::live; }));
  EXPECT_EQ(scene.api.requests.size(), 1U);
}

TEST(FetchRequest, APathOfBaseUrlStandsInFront) {  // CONTRACT 1
  Scenario scene;
  ClientOptions options = Scenario::client_options();
  options.base_url = "https://api.example.com/some/base";
  scene.make(std::move(options));
  ASSERT_TRUE(scene.connect());
  EXPECT_EQ(scene.api.requests[0].target, "/some/base/auth/iot-credentials");
  // As long as a URL may be, and the two together are longer.
  Scenario longest;
  options = Scenario::client_options();
  const std::string start = "https://a.example/";
  options.base_url = start + std::string(limits::kUrlBytes - start.size(), 'x');
  longest.make(std::move(options));
  EXPECT_FALSE(longest.connect());
  EXPECT_EQ(longest.connect_error.code(), Errc::url_invalid);
  EXPECT_TRUE(longest.api.requests.empty());
}

// --- What is left in memory

// Looks through every block that the library gives back.
struct LookedThrough {
  LookedThrough() {
    taint.add("the API key", "APIKEYMARKER");
    taint.add("the token", "TOKENMARKER");
    taint.add("the query", "SECRETQUERYMARKER");
  }
  static void look(void* context, const void* memory, std::size_t size) {
    auto& self = *static_cast<LookedThrough*>(context);
    if (const char* name = self.taint.find({static_cast<const char*>(memory), size})) self.found.emplace_back(name);
  }
  Taint taint;
  std::vector<std::string> found;
  WatchBlocks blocks{&LookedThrough::look, this};
};
constexpr std::size_t kNothingKept = 0;  // what comes back to the pool goes on to the heap

// At each place of a block, whole and with a byte missing at either end.
TEST(TaintSearch, FindsAtEveryPlaceWhatAPlainSearchFinds) {
  for (const std::string_view marker : {"four", "nine long", "SECRETQUERYMARKER"}) {
    Taint taint;
    taint.add("it", marker);
    std::string digits;
    for (const char letter : marker) {
      char two[3];
      std::snprintf(two, sizeof two, "%02x", static_cast<unsigned>(letter));
      digits += two;
    }
    for (const std::string& form : {std::string(marker), digits}) {
      for (std::size_t at = 0; at <= 150 - form.size(); ++at) {
        std::string block(150, at % 2 == 0 ? '\xA5' : form[at % form.size()]);
        block.replace(at, form.size(), form);
        EXPECT_STREQ(taint.find(block), "it") << at;
        EXPECT_STREQ(taint.find(std::string_view(block).substr(at)), "it") << at;
        EXPECT_STREQ(taint.find(std::string_view(block).substr(0, at + form.size())), "it") << at;
        const std::string_view cut_short = std::string_view(block).substr(0, at + form.size() - 1);
        EXPECT_EQ(taint.find(cut_short), taint.find_plainly(cut_short)) << at;
        block[at] = '\xA5';
        EXPECT_EQ(taint.find(block), taint.find_plainly(block)) << at;
      }
    }
  }
}

TEST(FetchMemory, NoSecretStandsInWhatIsGivenBack) {  // I-36
  for (const bool long_answer : {false, true}) {      // of which the buffer has held more than it does in the end
    LookedThrough memory;
    Scenario scene(1, kNothingKept);
    if (long_answer) {
      scene.api.next.push_back({.raw = in_many_pieces(scene.api.credentials_body())});
      ASSERT_NE(memory.taint.find(scene.api.next.back().raw), nullptr) << "a piece ends inside of each marker";
    }
    ASSERT_TRUE(scene.connect());
    scene.client.reset();
    EXPECT_EQ(memory.found, std::vector<std::string>()) << long_answer;
  }
}

TEST(FetchMemory, NoSecretOfARequestThatNobodyReadStandsInWhatIsGivenBack) {  // I-36, H-42
  LookedThrough memory;
  Scenario scene(1, kNothingKept);
  scene.make(without_retries());
  ASSERT_TRUE(scene.begin(scene.realtime_options()).ok());
  scene.world.run_for(Duration::zero());
  sim::Connection* const connection = scene.host.connection(0);
  connection->frozen = true;  // until all of it has been written and nothing sent
  scene.world.run_for(seconds(1));
  connection->end(sim::Connection::Cut::reset);
  scene.world.run_for(seconds(1));
  connection->frozen = false;
  connection->thaw();
  ASSERT_TRUE(scene.run_until([&] { return !scene.connect_results.empty(); }));
  EXPECT_EQ(scene.connect_error.code(), Errc::connection_lost);
  EXPECT_TRUE(scene.api.requests.empty());
  scene.client.reset();
  EXPECT_EQ(memory.found, std::vector<std::string>());
}

// --- Credentials the program brings itself

struct Sourced : Scenario {
  CredentialsAnswer* answer = nullptr;
  int asked = 0;

  Sourced() {
    api.lifetime = seconds(100);
    ClientOptions options = client_options();
    options.credentials_source = [this](CredentialsAnswer& given) {
      answer = &given;
      ++asked;
    };
    make(std::move(options));
  }
  bool live() {
    if (!begin(realtime_options()).ok()) return false;
    world.run_for(seconds(1));
    host.in_turn([this] { answer->body(api.credentials_body()); });
    return run_until([this] { return rt.state() == ConnectionState::live; });
  }
};

TEST(FetchSource, AnAnswerNobodyWaitsForDoesNothing) {  // options.h: a late call does nothing
  Sourced scene;
  ASSERT_TRUE(scene.live());
  EXPECT_EQ(scene.asked, 1);
  scene.host.in_turn([&] {
    scene.answer->body("{}");  // a second answer to the same question
    scene.answer->failed(Error(Errc::unauthorized));
  });
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.rt.state(), ConnectionState::live);
  EXPECT_TRUE(scene.errors.empty());
  // A handle keeps what the answer goes to; the client is gone.
  ASSERT_TRUE(scene.run_until([&] { return scene.asked == 2; }));
  scene.client.reset();
  scene.answer->body(scene.api.credentials_body());
  scene.answer->failed(Error(Errc::unauthorized));
  scene.world.run_for(seconds(1));
  EXPECT_TRUE(scene.errors.empty());
  EXPECT_EQ(scene.host.open_connections(), 0U);
}

TEST(FetchSource, AFailureWithoutAnErrorIsOneAllTheSame) {  // CONTRACT 6.7
  Sourced scene;
  ASSERT_TRUE(scene.live());
  ASSERT_TRUE(scene.run_until([&] { return scene.asked == 2; }));
  scene.host.in_turn([&] { scene.answer->failed(Error()); });
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 1; }, seconds(1)));
  EXPECT_EQ(scene.errors[0].error.code(), Errc::internal);
  EXPECT_EQ(scene.errors[0].attempt, 1U);
  ASSERT_TRUE(scene.run_until([&] { return scene.asked == 3; }, seconds(6))) << "the ladder's first step is 5 s";
  scene.host.in_turn([&] { scene.answer->failed(Error(Errc::forbidden)); });
  ASSERT_TRUE(scene.run_until([&] { return scene.errors.size() == 2; }, seconds(1)));
  EXPECT_EQ(scene.errors[1].error.code(), Errc::forbidden);
}

TEST(FetchSource, CredentialsThatNameNoPrefixLeaveTheSessionsOwn) {  // C-09
  Scenario scene;
  scene.api.lifetime = seconds(100);
  ASSERT_TRUE(scene.connect());
  scene.api.topic_prefix.clear();
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }));
  ASSERT_TRUE(scene.rt.publish({.channel_id = "c", .identifier = "i", .payload = "{}"}).ok());
  scene.world.run_for(seconds(1));
  EXPECT_EQ(scene.broker.stored.back().topic, scene.topic("c"));
  EXPECT_TRUE(scene.errors.empty());
}

}  // namespace
}  // namespace axonpush::test
