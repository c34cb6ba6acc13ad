// Errors as values: whose fault, one sentence, and the server's words, shared between copies and safe to print.
#include <axonpush/base/error.h>
#include <axonpush/base/result.h>
#include <axonpush/limits.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/allocations.h"

namespace axonpush {
namespace {

using axonpush::test::FailAllocations;
using axonpush::test::library_allocation_count;
using axonpush::test::WatchBlocks;

std::string sentence(const Error& error) {
  char text[2048];
  return {text, error.format(text)};
}

// The two codes on either side of every border of the enumeration.
TEST(Error, TellsWhoseFaultACodeIs) {
  const std::pair<Errc, Culprit> rows[] = {{Errc::none, Culprit::nobody},
                                           {Errc::http_malformed, Culprit::peer_malformed},
                                           {Errc::tls_truncated, Culprit::peer_malformed},
                                           {Errc::http_status, Culprit::peer_refused},
                                           {Errc::publish_refused, Culprit::peer_refused},
                                           {Errc::http_too_large, Culprit::limit},
                                           {Errc::no_fds, Culprit::limit},
                                           {Errc::invalid_argument, Culprit::caller},
                                           {Errc::closed, Culprit::caller},
                                           {Errc::dns_failed, Culprit::transport},
                                           {Errc::ack_timeout, Culprit::transport},
                                           {Errc::internal, Culprit::internal}};
  for (const auto& [code, culprit] : rows) {
    EXPECT_EQ(culprit_of(code), culprit) << name_of(code);
    EXPECT_EQ(Error(code).culprit(), culprit) << name_of(code);
  }
  EXPECT_EQ(name_of(Culprit::peer_refused), "refused by the peer");
  EXPECT_EQ(name_of(static_cast<Errc>(kErrcCount)), "unknown");
}

TEST(Error, IsOneSentence) {
  EXPECT_EQ(sentence(Error()), "none");
  EXPECT_EQ(sentence(Error(Errc::closed)), "closed");
  EXPECT_EQ(sentence(Error(Errc::json_invalid, "a malformed number").at(7).by("RFC 8259 6")),
            "json_invalid: a malformed number, at byte 7 [RFC 8259 6]");
  // MQTT's clauses bring their own brackets.
  EXPECT_EQ(sentence(Error(Errc::mqtt_malformed, "QoS 3").by("[MQTT-3.3.1-4]")),
            "mqtt_malformed: QoS 3 [MQTT-3.3.1-4]");
  EXPECT_EQ(sentence(Error(Errc::http_status, "no").with_number(418)), "http_status(418): no");
}

// MQTT 5 2.4: reason codes are written in hexadecimal, as the specification writes them; everything else is decimal.
TEST(Error, WritesReasonCodesAsTheSpecificationDoes) {
  for (const Errc code : {Errc::mqtt_malformed, Errc::mqtt_protocol, Errc::mqtt_refused, Errc::server_disconnect,
                          Errc::session_taken_over, Errc::suback_failed, Errc::publish_refused, Errc::mqtt_topic_alias,
                          Errc::mqtt_packet_too_large, Errc::mqtt_receive_max}) {
    EXPECT_EQ(sentence(Error(code).with_number(0x8E)), std::string(name_of(code)) + "(0x8E)");
  }
  for (const Errc code : {Errc::http_status, Errc::ws_protocol, Errc::connect_failed, Errc::internal}) {
    EXPECT_EQ(sentence(Error(code).with_number(142)), std::string(name_of(code)) + "(142)");
  }
}

TEST(Error, KeepsAnOffsetThatItCannotHoldAtItsEnd) {
  EXPECT_EQ(Error(Errc::json_invalid).at(std::size_t{UINT32_MAX} - 1).offset(), UINT32_MAX - 1);
  EXPECT_EQ(Error(Errc::json_invalid).at(std::size_t{UINT32_MAX} + 1).offset(), UINT32_MAX);
}

TEST(Error, CarriesTheServersWords) {
  const Error error =
      Error(Errc::rate_limited, "too many requests")
          .with_number(429)
          .with_words({.message = "slow down", .code = "RATE", .hint = "wait a minute", .request_id = "req-7"});
  EXPECT_EQ(error.server_words().code, "RATE");
  EXPECT_EQ(sentence(error),
            "rate_limited(429): too many requests; the server says: slow down (RATE); hint: wait a minute; "
            "request req-7");
  EXPECT_TRUE(Error(Errc::closed).server_words().message.empty());
  // The wait is rounded up: nobody comes too early.
  const Duration waits[] = {nanoseconds(1), seconds(1), seconds(1) + nanoseconds(1), seconds(90)};
  const char* const texts[] = {"1", "1", "2", "90"};
  for (std::size_t row = 0; row < std::size(waits); ++row) {
    EXPECT_EQ(sentence(Error(Errc::rate_limited).with_retry_after(waits[row])),
              "rate_limited; again in " + std::string(texts[row]) + " s");
  }
}

// Nothing that a peer sends moves a terminal's cursor or starts a line of its own in a log.
TEST(Error, EscapesTheServersWords) {
  const Error error = Error(Errc::forbidden).with_words({.message = "a\r\n\x1B[2J\x7F\\\xC3\xA4~ z"});
  EXPECT_EQ(error.server_words().message, "a\\x0d\\x0a\\x1b[2J\\x7f\\x5c\\xc3\\xa4~ z");
}

TEST(Error, CutsTheServersWordsAtTheirLimit) {
  const std::string plain(limits::kServerTextBytes + 1, 'x');
  const Error cut = Error(Errc::forbidden).with_words({.message = plain, .hint = plain.substr(1)});
  EXPECT_EQ(cut.server_words().message, plain.substr(1));
  EXPECT_EQ(cut.server_words().hint, plain.substr(1));
  // Four characters for one byte: an escape is never cut in two.
  for (const std::size_t left : {3U, 4U}) {
    const std::string text(limits::kServerTextBytes - left, 'x');
    const Error escaped = Error(Errc::forbidden).with_words({.message = text + "\n"});
    EXPECT_EQ(escaped.server_words().message, left < 4 ? text : text + "\\x0a");
  }
}

// A copy shares the words; whoever changes its own first takes words of its own.
TEST(Error, LeavesTheWordsOfItsCopiesAlone) {
  const std::uint64_t before = library_allocation_count();
  Error error = Error(Errc::rate_limited).with_words({.message = "slow down"}).with_retry_after(seconds(3));
  EXPECT_EQ(library_allocation_count(), before + 1);
  Error copy = error;  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_EQ(library_allocation_count(), before + 1);
  copy = std::move(copy).with_retry_after(seconds(9)).with_words({.message = "still here"});
  EXPECT_EQ(library_allocation_count(), before + 2);
  EXPECT_EQ(error.retry_after(), seconds(3));
  EXPECT_EQ(error.server_words().message, "slow down");
  EXPECT_EQ(copy.retry_after(), seconds(9));
  EXPECT_EQ(copy.server_words().message, "still here");
  EXPECT_EQ(Error(Errc::rate_limited).retry_after(), Duration::zero());
}

TEST(Error, GivesItsWordsBackWithTheLastCopy) {
  const WatchBlocks watch(nullptr, nullptr);
  {
    Error copy;
    {
      const Error error = Error(Errc::rate_limited).with_words({.message = "slow down"});
      copy = error;
    }
    EXPECT_EQ(watch.outstanding(), 1U);
    EXPECT_EQ(copy.server_words().message, "slow down");
  }
  EXPECT_EQ(watch.outstanding(), 0U);
}

TEST(Error, HasNoWordsWhereThereIsNoMemoryForThem) {
  const FailAllocations fault(1, FailAllocations::Mode::from_then_on);
  const Error error = Error(Errc::rate_limited, "no").with_words({.message = "lost"}).with_retry_after(seconds(3));
  EXPECT_TRUE(fault.fired());
  EXPECT_EQ(sentence(error), "rate_limited: no");
  EXPECT_EQ(error.retry_after(), Duration::zero());
}

TEST(Error, CutsItsSentenceAtTheEndOfTheRoom) {
  char text[9];
  EXPECT_EQ(Error(Errc::json_invalid, "a malformed number").format(text), sizeof text);
  EXPECT_EQ(std::string_view(text, sizeof text), "json_inva");
}

// --- Result
// -------------------------------------------------------------------------------------------------------------

TEST(Result, MadeOfAnErrorThatSaysNoneIsOurOwnMistake) {
  const Result<int> made = Error();
  EXPECT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), Errc::internal);
  Result<int> assigned = 3;
  assigned = Error();
  EXPECT_EQ(assigned.error().code(), Errc::internal);
}

TEST(Result, DestroysWhatItHeldWhenItBecomesAnother) {
  const auto held = std::make_shared<int>(3);
  using Held = Result<std::shared_ptr<int>>;
  Held result = held;
  EXPECT_EQ(held.use_count(), 2);
  result = Held(Error(Errc::closed));
  EXPECT_EQ(held.use_count(), 1);
  result = Error(Errc::quota);
  EXPECT_EQ(result.error().code(), Errc::quota);
  result = Held(held);
  EXPECT_EQ(**result, 3);
  const Held copy = result;
  const Held failed = Held(Error(Errc::closed));
  const Held failed_copy = failed;  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_EQ(held.use_count(), 3);
  EXPECT_FALSE(failed_copy.ok());
  std::vector<Held> all;
  for (const Errc code : {Errc::closed, Errc::quota}) all.emplace_back(Error(code));
  EXPECT_EQ(all[0].error().code(), Errc::closed) << "it moved when the second came";
  const Held moved = std::move(result);
  EXPECT_EQ(moved.value(), held);
  Held other = copy;
  other = Error(Errc::closed);
  EXPECT_EQ(held.use_count(), 3);
}

TEST(ResultDeathTest, HasNoValueToGiveAfterAFailure) {
  Result<int> failed = Error(Errc::closed);
  EXPECT_DEATH(static_cast<void>(failed.value()), "");
}

// --- Time
// ---------------------------------------------------------------------------------------------------------------

// A clock far in the future must not become one in the past.
TEST(Duration, SaturatesAtBothEnds) {
  const Duration max = Duration::max();
  const Duration min = nanoseconds(INT64_MIN);
  EXPECT_EQ(max + nanoseconds(1), max);
  EXPECT_EQ(min + nanoseconds(-1), min);
  EXPECT_EQ(max - nanoseconds(-1), max);
  EXPECT_EQ(min - nanoseconds(1), min);
  EXPECT_EQ(max * 2, max);
  EXPECT_EQ(max * -2, min);
  EXPECT_EQ(min * 2, min);
  EXPECT_EQ(min * -2, max);
  EXPECT_EQ(seconds(3) + seconds(-4), seconds(-1));
  EXPECT_EQ(seconds(3) - seconds(4), seconds(-1));
  EXPECT_EQ(seconds(-3) * 2, seconds(-6));
}

}  // namespace
}  // namespace axonpush
