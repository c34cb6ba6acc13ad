// The event: every member of CONTRACT section 4 by its accessor, the three shapes of body, wrong types, the copy that
// stays.
#include <axonpush/event.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/allocations.h"
#include "support/event_reference.h"
#include "support/guarded_bytes.h"

namespace axonpush::test {
namespace {

constexpr std::string_view kTopic = "axonpush/org_1/prod/app_1/chan_1/agent_start/agent_1";
constexpr std::string_view kPrefix = "axonpush/org_1";

Delivery delivered(std::string_view body) { return {.topic = kTopic, .prefix = kPrefix, .body = bytes_of(body)}; }

// Held to the reference by a scratch that has served others, twice, and by the copy.
void expect_agreement(std::string_view body) {
  static EventScratch used;
  const EventReference reference(body);
  const Event event(delivered(body), used);
  EXPECT_EQ(reference.disagreement(event), "") << body.substr(0, 200);
  EXPECT_EQ(reference.disagreement(event), "") << body.substr(0, 200);
  const Result<OwnedEvent> copy = event.own();
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(reference.disagreement(*copy), "") << body.substr(0, 200);
  EXPECT_EQ(copy->text(), body);
}

// An envelope with every member, each with a text or number of its own.
std::string whole_envelope() {
  std::string body = "{";
  for (const TextAccessor& row : kTextAccessors) {
    body += "\"" + std::string(row.name) + "\":\"text of " + row.name + "\",";
  }
  body += R"("startTimeUnixNano":1764000000000000001,"endTimeUnixNano":"1764000000000000002","durationMs":12.75,)";
  return body + R"("costUsd":0.015,"totalTokens":640,"ttl":3600,"payload":{"p":[1]},"metadata":{"m":null}})";
}

TEST(Event, EveryMemberHasItsAccessor) {
  const std::string body = whole_envelope();
  expect_agreement(body);
  EventScratch scratch;
  const Event event(delivered(body), scratch);
  EXPECT_TRUE(event.valid());
  EXPECT_FALSE(event.bare());
  EXPECT_FALSE(event.error());
  for (const TextAccessor& row : kTextAccessors) EXPECT_EQ((event.*row.read)(), std::string("text of ") + row.name);
  EXPECT_EQ(event.start_time_unix_nano(), 1764000000000000001U);
  EXPECT_EQ(event.end_time_unix_nano(), 1764000000000000002U);
  EXPECT_EQ(event.duration_ms(), 12.75);
  EXPECT_EQ(event.cost_usd(), 0.015);
  EXPECT_EQ(event.total_tokens(), 640);
  EXPECT_EQ(event.ttl(), 3600);
  EXPECT_EQ(event.payload().raw, R"({"p":[1]})");
  EXPECT_EQ(event.metadata().raw, R"({"m":null})");
  json::Cursor cursor(event.payload());
  json::Member member;
  ASSERT_TRUE(cursor.next(member));
  EXPECT_EQ(member.key, "p");
}

// The names of the contract, each of them known to name_of and to member(), and no other.
TEST(Event, NamesAreTheContracts) {
  std::string body = "{";
  for (std::size_t at = 0; at < kEventMemberCount; ++at) {
    body += "\"" + std::string(name_of(static_cast<EventMember>(at))) + "\":" + std::to_string(at) + ",";
  }
  body += "\"last\":0}";
  EventScratch scratch;
  const Event event(delivered(body), scratch);
  for (std::size_t at = 0; at < kEventMemberCount; ++at) {
    EXPECT_EQ(event.member(static_cast<EventMember>(at)).raw, std::to_string(at));
  }
  for (const TextAccessor& row : kTextAccessors) EXPECT_TRUE(event.member(row.name)) << row.name;
  EXPECT_EQ(name_of(static_cast<EventMember>(kEventMemberCount)), "unknown");
}

TEST(Event, TellsTopicBodyAndFlags) {
  EventScratch scratch;
  Delivery delivery = delivered("not JSON");
  delivery.qos = mqtt::Qos::at_least_once;
  delivery.retain = true;
  delivery.dup = true;
  Event event(delivery, scratch);
  EXPECT_EQ(event.topic(), kTopic);
  EXPECT_EQ(event.prefix(), kPrefix);
  EXPECT_EQ(event.text(), "not JSON");
  EXPECT_EQ(event.body().data(), delivery.body.data());
  EXPECT_EQ(event.qos(), mqtt::Qos::at_least_once);
  EXPECT_TRUE(event.retain() && event.dup());
  EXPECT_FALSE(event.maybe_duplicate());
  event.mark_maybe_duplicate();
  EXPECT_TRUE(event.maybe_duplicate());
  const TopicSegments segments = event.segments();
  EXPECT_EQ(segments.prefix, "axonpush/org_1");
  EXPECT_EQ(segments.environment, "prod");
  EXPECT_EQ(segments.app_id, "app_1");
  EXPECT_EQ(segments.channel_id, "chan_1");
  EXPECT_EQ(segments.event_type, "agent_start");
  EXPECT_EQ(segments.agent_id, "agent_1");
  const Event other({.topic = "another/topic", .prefix = kPrefix}, scratch);
  EXPECT_TRUE(other.segments().environment.empty() && other.segments().agent_id.empty());
}

TEST(Event, ThreeShapesOfBody) {
  struct Row {
    std::string_view body;
    bool bare;
    std::string_view payload;
    std::string_view identifier;
  };
  const Row rows[] = {
      // The vendor's envelope, and a published one.
      {R"({"id":"e","eventId":"v","payload":{"x":1},"identifier":"i"})", false, R"({"x":1})", "i"},
      {R"({"channelId":"c","appId":"a","identifier":"i","payload":{},"agentId":"g"})", false, "{}", "i"},
      // One of the telling names is enough, even when its value is worth nothing.
      {R"({"payload":{}})", false, "{}", ""},
      {R"({"identifier":null})", false, "", ""},
      {R"({"traceId":7,"text":"x"})", false, "", ""},
      {R"({"orgId":"o"})", false, "", ""},
      {R"({"channelId":"c"})", false, "", ""},
      {R"({"eventId":"e"})", false, "", ""},
      // A bare payload, also with names that an envelope has.
      {R"({"text":"hello"})", true, R"({"text":"hello"})", ""},
      {R"({"id":"mine","status":"ok","source":"me","metadata":{"a":1}})", true,
       R"({"id":"mine","status":"ok","source":"me","metadata":{"a":1}})", ""},
      {"{}", true, "{}", ""},
      {" \n{ } \t", true, "{ }", ""},
      // Not at the top, so not said of the event.
      {R"({"inner":{"payload":{}}})", true, R"({"inner":{"payload":{}}})", ""},
  };
  for (const Row& row : rows) {
    expect_agreement(row.body);
    EventScratch scratch;
    const Event event(delivered(row.body), scratch);
    EXPECT_TRUE(event.valid());
    EXPECT_EQ(event.bare(), row.bare) << row.body;
    EXPECT_EQ(event.payload().raw, row.payload) << row.body;
    EXPECT_EQ(event.identifier(), row.identifier) << row.body;
    if (!row.bare) continue;
    EXPECT_TRUE(event.id().empty() && event.status().empty() && event.source().empty());
    EXPECT_FALSE(event.metadata());
  }
}

TEST(Event, WhiteSpaceAroundABodyIsNone) {  // RFC 8259 2
  for (const std::string_view body : {"\r\n\t {\"id\":\"x\"}", "{\"id\":\"x\"}\t \r\n", "\r{\"id\":\"x\"}\r"}) {
    expect_agreement(body);
    EventScratch scratch;
    const Event event(delivered(body), scratch);
    EXPECT_TRUE(event.bare());
    EXPECT_EQ(event.payload().raw, "{\"id\":\"x\"}");
  }
}

TEST(Event, BodiesThatAreNoObject) {  // J-01
  for (const std::string_view body : {"", " ", "null", "[]", "\"x\"", "1", "hello", "{", "{}x", "{\"a\":\"\xFF\"}"}) {
    expect_agreement(body);
    EventScratch scratch;
    const Event event(delivered(body), scratch);
    EXPECT_FALSE(event.valid());
    EXPECT_EQ(event.error().code(), Errc::json_invalid) << body;
    EXPECT_FALSE(event.bare());
    EXPECT_TRUE(event.id().empty());
    EXPECT_FALSE(event.payload() || event.metadata() || event.member("id") || event.member(EventMember::id));
    EXPECT_FALSE(event.ttl() || event.duration_ms() || event.start_time_unix_nano());
    EXPECT_EQ(event.text(), body);
  }
  EventScratch scratch;
  const std::string deep = std::string(65, '[') + std::string(65, ']');
  const std::string body = "{\"payload\":" + deep + "}";
  EXPECT_EQ(Event(delivered(body), scratch).error().code(), Errc::json_too_deep);  // J-12
  const std::string large = "{\"payload\":\"" + std::string(limits::kJsonBytes, 'x') + "\"}";
  EXPECT_EQ(Event(delivered(large), scratch).error().code(), Errc::json_too_large);  // J-13
  // The next event of the same scratch is none the worse.
  EXPECT_TRUE(Event(delivered("{\"id\":\"x\"}"), scratch).valid());
  EXPECT_FALSE(Event(delivered("{\"id\":\"x\"}"), scratch).error());
}

// Every member with a value of every type: what is not of the accessor's type is absent, and member() shows it.
TEST(Event, WrongTypesAreAbsent) {  // J-20
  const std::string_view values[] = {"null",
                                     "true",
                                     "1",
                                     "-1",
                                     "1.5",
                                     "1e3",
                                     "1e400",
                                     "\"text\"",
                                     "\"12\"",
                                     "\"-12\"",
                                     "\"\"",
                                     "[]",
                                     "{}",
                                     "{\"a\":1}",
                                     "[\"x\"]",
                                     "-0",
                                     "\"1.5\"",
                                     "18446744073709551615",
                                     "\"18446744073709551616\"",
                                     "9223372036854775808",
                                     "\"\\u0031\\u0032\"",
                                     "\" 12\""};
  for (std::size_t at = 0; at < kEventMemberCount; ++at) {
    for (const std::string_view value : values) {
      const std::string member = "\"" + std::string(name_of(static_cast<EventMember>(at))) + "\":" + std::string(value);
      expect_agreement("{" + member + "}");
      expect_agreement("{\"traceId\":\"t\"," + member + "}");
    }
  }
}

TEST(Event, NanosecondsAlsoFromAStringOfDigits) {
  EventScratch scratch;
  const auto start = [&scratch](std::string_view value) {
    const std::string body = "{\"traceId\":\"\",\"startTimeUnixNano\":" + std::string(value) + "}";
    return Event(delivered(body), scratch).start_time_unix_nano();
  };
  EXPECT_EQ(start("\"18446744073709551615\""), UINT64_MAX);
  EXPECT_EQ(start("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(start("\"\\u0031\\u0032\""), 12U);
  EXPECT_EQ(start("\"007\""), 7U);
  EXPECT_FALSE(start("\"99999999999999999999\"")) << "the last digit alone takes it over the end";
  EXPECT_FALSE(start("\"184467440737095516150\"")) << "and here the multiplication";
  for (const std::string_view value : {"\"18446744073709551616\"", "18446744073709551616", "\"\"", "\"1 \"", "\"+1\"",
                                       "\"0x1\"", "-1", "1.0", "1e3", "null", "[1]"}) {
    EXPECT_FALSE(start(value)) << value;
  }
}

TEST(Event, OfEqualNamesTheLastCounts) {  // J-11
  expect_agreement(R"({"eventId":"1","eventId":"2"})");
  expect_agreement(R"({"eventId":"1","eventId":2})");
  expect_agreement(R"({"eventId":"1","event\u0049d":"2"})");
  expect_agreement(R"({"payload":{"a":1},"payload":{"b":2},"payload":null})");
  EventScratch scratch;
  EXPECT_EQ(Event(delivered(R"({"eventId":"1","event\u0049d":"2"})"), scratch).event_id(), "2");
  EXPECT_EQ(Event(delivered(R"({"eventId":"1","eventId":2})"), scratch).event_id(), "");
}

TEST(Event, ANameWithANulIsAnother) {  // J-17
  expect_agreement(R"({"eventId\u0000":"x","traceId":"t"})");
  EventScratch scratch;
  EXPECT_EQ(Event(delivered(R"({"eventId\u0000":"x","traceId":"t"})"), scratch).event_id(), "");
}

// More members than the scratch has room for: the known ones are still found, wherever they stand.
TEST(Event, ManyMembers) {
  for (const std::size_t count : {std::size_t{45}, std::size_t{46}, std::size_t{47}, std::size_t{200}}) {
    for (const std::size_t place : {std::size_t{0}, count / 2, count}) {
      std::string body = "{";
      for (std::size_t at = 0; at <= count; ++at) {
        if (at == place) body += R"("eventId":"first","id":"a\nb","status":1,"eventId":"second",)";
        body += "\"unknown" + std::to_string(at) + "\":" + std::to_string(at) + (at == count ? "}" : ",");
      }
      expect_agreement(body);
      EventScratch scratch;
      const Event event(delivered(body), scratch);
      EXPECT_EQ(event.event_id(), "second");
      EXPECT_EQ(event.id(), "a\nb");
      EXPECT_EQ(event.member("unknown" + std::to_string(count)).raw, std::to_string(count));
    }
  }
}

// --- Escapes: undone once, into the scratch, or into one block where they are long

TEST(Event, EscapedStringsOfEverySize) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{500}, std::size_t{511}, std::size_t{512}, std::size_t{513},
                                 EventScratch::kTextBytes, 3 * EventScratch::kTextBytes, EventScratch::kKeptBytes}) {
    std::string body = "{\"eventId\":\"", text;
    for (std::size_t at = 0; at < size; ++at) body += "\\n";
    text.assign(size, '\n');
    body += "\",\"status\":\"" + std::string(size, 'y') + "\\t\",\"id\":\"\\u00e9\"}";
    expect_agreement(body);
    EventScratch scratch;
    const Event event(delivered(body), scratch);
    const std::string_view event_id = event.event_id(), status = event.status(), id = event.id();
    EXPECT_EQ(event_id, text);
    EXPECT_EQ(status, std::string(size, 'y') + "\t");
    EXPECT_EQ(id, "\xC3\xA9");
    // Asked again, the same view: nothing is undone twice.
    EXPECT_EQ(event.event_id().data(), event_id.data());
    EXPECT_EQ(event.status().data(), status.data());
  }
}

// A block of moderate size serves the next event too; a large one goes back to the heap.
TEST(Event, TheBlockForLongEscapesIsKeptWhileItIsModerate) {
  EventScratch scratch;
  const auto blocks_for = [&scratch](std::size_t escapes) {
    std::string body = "{\"eventId\":\"";
    for (std::size_t at = 0; at < escapes; ++at) body += "\\n";
    body += "\"}";
    const std::string expected(escapes, '\n');
    const Event event(delivered(body), scratch);
    const std::uint64_t before = allocation_count();
    EXPECT_TRUE(event.event_id() == expected);
    return allocation_count() - before;
  };
  EXPECT_EQ(blocks_for(10), 0U);
  EXPECT_EQ(blocks_for(EventScratch::kTextBytes), 1U);
  EXPECT_EQ(blocks_for(EventScratch::kTextBytes), 0U);
  EXPECT_EQ(blocks_for(EventScratch::kKeptBytes), 1U);
  EXPECT_EQ(blocks_for(EventScratch::kKeptBytes), 1U);
  EXPECT_EQ(blocks_for(10), 0U);
  EXPECT_EQ(blocks_for(EventScratch::kTextBytes), 1U);
}

TEST(Event, ReadingAllocatesNothingWithoutLongEscapes) {
  const std::string body = whole_envelope();
  const std::string escaped = R"({"eventId":"a\nb","payload":{"x":"\u00e9"}})";
  EventScratch scratch;
  const std::uint64_t before = allocation_count();
  std::size_t bytes = 0;
  for (int round = 0; round < 3; ++round) {
    const Event event(delivered(round == 1 ? std::string_view(escaped) : std::string_view(body)), scratch);
    for (const TextAccessor& row : kTextAccessors) bytes += (event.*row.read)().size();
    bytes += event.payload().raw.size();
  }
  EXPECT_EQ(allocation_count(), before);
  EXPECT_GT(bytes, 100U);
}

TEST(Event, OnAnExhaustedHeapALongEscapedStringIsAbsent) {
  std::string body = "{\"status\":\"ok\",\"traceId\":\"";
  for (int at = 0; at < 2'000; ++at) body += "\\n";
  body += "\"}";
  EventScratch scratch;
  const Event event(delivered(body), scratch);
  {
    const FailAllocations none(1, FailAllocations::Mode::from_then_on);
    EXPECT_EQ(event.trace_id(), "");
    EXPECT_EQ(event.status(), "ok");
    EXPECT_EQ(event.own().error().code(), Errc::no_memory);
    EXPECT_TRUE(none.fired());
  }
  EXPECT_EQ(event.trace_id().size(), 2'000U);
}

// --- Where it ends

TEST(Event, NothingIsReadBehindTheBody) {  // J-03
  const std::string body = whole_envelope();
  GuardedBytes guarded(body.size());
  EventScratch scratch;
  for (std::size_t size = 0; size <= body.size(); ++size) {
    const Bytes flush = guarded.hold(bytes_of(std::string_view(body).substr(0, size)));
    const Event event({.topic = kTopic, .prefix = kPrefix, .body = flush}, scratch);
    ASSERT_EQ(event.valid(), size == body.size()) << size;
    ASSERT_EQ(event.trace_id(), size == body.size() ? "text of traceId" : "");
  }
}

// --- OwnedEvent

TEST(OwnedEvent, OutlivesWhatItWasCopiedFrom) {
  std::optional<OwnedEvent> kept;
  {
    std::string topic(kTopic), prefix(kPrefix), body = R"({"eventId":"a\nb","payload":{"x":1}})";
    EventScratch scratch;
    Event event({.topic = topic,
                 .prefix = prefix,
                 .body = bytes_of(body),
                 .qos = mqtt::Qos::at_least_once,
                 .retain = true,
                 .dup = true},
                scratch);
    event.mark_maybe_duplicate();
    Result<OwnedEvent> copy = event.own();
    ASSERT_TRUE(copy.ok());
    kept.emplace(std::move(*copy));
    topic.assign(topic.size(), '#');
    prefix.assign(prefix.size(), '#');
    body.assign(body.size(), '#');
  }
  EXPECT_EQ(kept->topic(), kTopic);
  EXPECT_EQ(kept->prefix(), kPrefix);
  EXPECT_EQ(kept->event_id(), "a\nb");
  EXPECT_EQ(kept->payload().raw, R"({"x":1})");
  EXPECT_EQ(kept->segments().agent_id, "agent_1");
  EXPECT_TRUE(kept->retain() && kept->dup() && kept->maybe_duplicate());
  EXPECT_EQ(kept->qos(), mqtt::Qos::at_least_once);
  const Result<OwnedEvent> again = OwnedEvent::copy(*kept);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->event_id(), "a\nb");
  EXPECT_NE(again->topic().data(), kept->topic().data());
}

TEST(OwnedEvent, MovesAndIsAssigned) {
  static_assert(!std::is_copy_constructible_v<OwnedEvent> && !std::is_copy_constructible_v<Event>);
  static_assert(std::is_nothrow_move_constructible_v<OwnedEvent> && std::is_nothrow_move_assignable_v<OwnedEvent>);
  const auto made = [](std::string_view body) {
    EventScratch scratch;
    return Event(delivered(body), scratch).own();
  };
  Result<OwnedEvent> first = made(R"({"eventId":"1"})"), second = made(R"({"eventId":"2"})");
  ASSERT_TRUE(first.ok() && second.ok());
  const std::string_view before = first->event_id();
  OwnedEvent moved = std::move(*first);
  EXPECT_EQ(moved.event_id(), "1");
  EXPECT_EQ(moved.event_id().data(), before.data());  // the block went over, and what was read with it
  moved = std::move(*second);
  EXPECT_EQ(moved.event_id(), "2");
  OwnedEvent& alias = moved;
  moved = std::move(alias);
  EXPECT_EQ(moved.event_id(), "2");
  *first = std::move(moved);
  EXPECT_EQ(first->event_id(), "2");
  std::vector<OwnedEvent> many;
  for (int at = 0; at < 100; ++at) {
    Result<OwnedEvent> next = made("{\"eventId\":\"" + std::to_string(at) + "\"}");
    ASSERT_TRUE(next.ok());
    many.push_back(std::move(*next));
  }
  for (int at = 0; at < 100; ++at) EXPECT_EQ(many[static_cast<std::size_t>(at)].event_id(), std::to_string(at));
}

TEST(OwnedEvent, IsOneBlock) {
  EventScratch scratch;
  const Event event(delivered(R"({"eventId":"1"})"), scratch);
  const std::uint64_t before = allocation_count();
  const Result<OwnedEvent> copy = event.own();
  EXPECT_EQ(allocation_count() - before, 1U);
  ASSERT_TRUE(copy.ok());
  const std::uint64_t made = allocation_count();
  EXPECT_EQ(copy->event_id(), "1");
  EXPECT_EQ(allocation_count(), made);
}

}  // namespace
}  // namespace axonpush::test
