// Topics: the writers against CONTRACT section 4's table and a reference that goes through UTF-16, the prefix rules,
// and taking topics apart.
#include <axonpush/mqtt/packet.h>
#include <axonpush/topic.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "event/topic_parts.h"
#include "support/guarded_bytes.h"
#include "support/topic_reference.h"

namespace axonpush {
namespace {

using Writer = Result<std::size_t> (*)(std::span<char>, const TopicDefaults&, const TopicMembers&) noexcept;

struct Written {
  Errc error = Errc::none;
  std::string topic;
};

Written write(Writer writer, const TopicDefaults& defaults, const TopicMembers& members,
              std::size_t room = limits::kTopicOutBytes) {
  std::string into(room, '?');
  const Result<std::size_t> size = writer(into, defaults, members);
  if (!size.ok()) return {size.error().code(), {}};
  return {Errc::none, into.substr(0, *size)};
}
Written publish(const TopicDefaults& defaults, const TopicMembers& members) {
  return write(write_publish_topic, defaults, members);
}
Written subscribe(const TopicDefaults& defaults, const TopicMembers& members) {
  return write(write_subscribe_filter, defaults, members);
}

constexpr TopicDefaults kOrg{.prefix = "axonpush/org_1"};

TEST(Topic, TableOfTheContract) {  // T-01, T-02
  struct Row {
    TopicMembers members;
    std::string_view topic;
  };
  const Row published[] = {
      {{"prod", "app_1", "chan_1", "agent.start", "agent_1"}, "axonpush/org_1/prod/app_1/chan_1/agent_start/agent_1"},
      {{"", "app_1", "chan_1", "agent.tool_call.end", ""}, "axonpush/org_1/default/app_1/chan_1/agent_tool_call_end/_"},
      {{"stag ing", "app#1", "chan+1", "a b", "x/y"}, "axonpush/org_1/stag_ing/app_1/chan_1/a_b/x_y"},
      {{"prod", "app_1", "chan_1", "!!!",
        "\xC3\xBCn\xC3\xAF"
        "code"},
       "axonpush/org_1/prod/app_1/chan_1/___/_n_code"},
      {{"", "", "c", "", ""}, "axonpush/org_1/default/default/c/_/_"},
      {{"+", "+", "+", "#", "$SYS"}, "axonpush/org_1/_/_/_/_/_SYS"},
  };
  for (const Row& row : published) EXPECT_EQ(publish(kOrg, row.members).topic, row.topic);
  const Row subscribed[] = {
      {{}, "axonpush/org_1/+/+/+/+/+"},
      {{"prod", "app_1", "chan_1", "agent.start", ""}, "axonpush/org_1/prod/app_1/chan_1/agent_start/+"},
      {{"+", "", "chan_1", "", ""}, "axonpush/org_1/+/+/chan_1/+/+"},
      {{"", "+", "#", "+", "a+"}, "axonpush/org_1/+/_/_/_/a_"},
  };
  for (const Row& row : subscribed) EXPECT_EQ(subscribe(kOrg, row.members).topic, row.topic);
}

TEST(Topic, DefaultsStandInInTheirOrder) {  // T-01
  struct Row {
    std::string_view member, option, slug, published, subscribed;
  };
  const Row rows[] = {
      {"m", "o", "s", "m", "m"},
      {"", "o", "s", "o", "o"},
      {"", "", "s", "s", "s"},
      {"", "", "", "default", "+"},
      {"+", "o", "s", "_", "+"},
      {"", "+", "s", "_", "+"},
      {"m", "+", "s", "m", "m"},
      // What the service says is never a wildcard.
      {"", "", "+", "_", "_"},
      {"", "", "#", "_", "_"},
      {"", "", "a/b", "a_b", "a_b"},
  };
  for (const Row& row : rows) {
    const TopicDefaults defaults{.prefix = "p", .environment = row.option, .env_slug = row.slug, .app_id = "app"};
    const TopicMembers members{.environment = row.member, .channel_id = "c"};
    EXPECT_EQ(publish(defaults, members).topic, "p/" + std::string(row.published) + "/app/c/_/_");
    EXPECT_EQ(subscribe(defaults, members).topic, "p/" + std::string(row.subscribed) + "/+/c/+/+");
  }
}

TEST(Topic, PublishNeedsAChannel) {
  EXPECT_EQ(publish(kOrg, {.environment = "prod", .app_id = "a"}).error, Errc::topic_invalid);
}

// Every short string over bytes that matter, and each in every segment.
TEST(Topic, SanitisesAsTheReferenceDoes) {  // T-02
  const std::string_view pieces[] = {"a",
                                     "Z",
                                     "9",
                                     "_",
                                     "-",
                                     "/",
                                     "+",
                                     "#",
                                     "$",
                                     " ",
                                     ".",
                                     std::string_view("\0", 1),
                                     "\x7F",
                                     "\xC3\xBC",
                                     "e\xCC\x81",
                                     "\xE6\x97\xA5",
                                     "\xF0\x9F\x98\x80",
                                     "\xEF\xBF\xBF",
                                     "\xF4\x8F\xBF\xBF",
                                     "\x80",
                                     "\xC0\xAF",
                                     "\xED\xA0\x80",
                                     "\xF4\x90\x80\x80",
                                     "\xF0\x9F\x98",
                                     "\xE6\x97",
                                     "\xC3",
                                     "\xFF",
                                     ""};
  for (const std::string_view first : pieces) {
    for (const std::string_view second : pieces) {
      for (const std::string_view third : pieces) {
        const std::string segment = std::string(first) + std::string(second) + std::string(third);
        const auto expected = reference::sanitized(segment);
        std::string into(64, '?');
        const Result<std::size_t> size = sanitize_segment(into, segment);
        ASSERT_EQ(size.ok(), expected.has_value());
        if (!expected) {
          EXPECT_EQ(size.error().code(), Errc::topic_invalid);
          continue;
        }
        EXPECT_EQ(into.substr(0, *size), *expected);
        EXPECT_LE(*size, segment.empty() ? 1 : segment.size());
        EXPECT_EQ(publish(kOrg, {.channel_id = "c", .agent_id = segment}).topic,
                  "axonpush/org_1/default/default/c/_/" + *expected);
      }
    }
  }
}

TEST(Topic, EveryIllFormedSegmentIsRefusedWhereverItStands) {  // T-02
  const std::string_view bad = "a\xFF";
  const TopicMembers rows[] = {
      {.environment = bad, .channel_id = "c"}, {.app_id = bad, .channel_id = "c"},   {.channel_id = bad},
      {.channel_id = "c", .event_type = bad},  {.channel_id = "c", .agent_id = bad},
  };
  for (const TopicMembers& row : rows) {
    EXPECT_EQ(publish(kOrg, row).error, Errc::topic_invalid);
    EXPECT_EQ(subscribe(kOrg, row).error, Errc::topic_invalid);
  }
}

TEST(Topic, LimitOf256Bytes) {  // T-03, T-18
  const std::string_view frame = "axonpush/org_1/default/default//_/_";
  const std::size_t most = limits::kTopicOutBytes - frame.size();
  struct Row {
    std::size_t size;
    Errc error;
  };
  const Row rows[] = {{1, Errc::none},
                      {128, Errc::none},
                      {129, Errc::none},
                      {most, Errc::none},
                      {most + 1, Errc::topic_invalid},
                      {65'535, Errc::topic_invalid},
                      {65'536, Errc::topic_invalid}};
  for (const Row& row : rows) {
    const std::string segment(row.size, 'x');
    EXPECT_EQ(publish(kOrg, {.channel_id = segment}).error, row.error) << row.size;
    const bool fits = segment.size() + std::string_view("axonpush/org_1/+/+//+/+").size() <= limits::kTopicOutBytes;
    EXPECT_EQ(write(write_subscribe_filter, kOrg, {.channel_id = segment}, 512).error,
              fits ? Errc::none : Errc::topic_invalid);
  }
  // What shrinks when it is sanitised may be longer than what is left.
  std::string wide;
  for (std::size_t at = 0; at < most; ++at) wide += "\xE6\x97\xA5";
  EXPECT_EQ(publish(kOrg, {.channel_id = wide}).topic.size(), limits::kTopicOutBytes);
  wide += "\xE6\x97\xA5";
  EXPECT_EQ(publish(kOrg, {.channel_id = wide}).error, Errc::topic_invalid);
}

TEST(Topic, SmallBufferIsNeverOverrun) {
  const TopicMembers members{"prod", "app_1", "chan_1", "agent.start", "\xF0\x9F\x98\x80"};
  const std::string whole = publish(kOrg, members).topic;
  test::GuardedBytes guarded(512);
  for (std::size_t room = 0; room <= whole.size() + 1; ++room) {
    const MutableBytes bytes = guarded.last(room);
    const std::span<char> into(reinterpret_cast<char*>(bytes.data()), room);
    const Result<std::size_t> size = write_publish_topic(into, kOrg, members);
    ASSERT_EQ(size.ok(), room >= whole.size()) << room;
    if (size.ok()) {
      EXPECT_EQ(std::string(into.data(), *size), whole);
    } else {
      EXPECT_EQ(size.error().code(), Errc::invalid_argument);
    }
  }
}

TEST(Topic, PrefixOfTheServiceIsJudged) {  // T-04
  const std::string_view good[] = {"axonpush", "axonpush/org_1", "a/b/c", "a$", "axon push/x", "\xC3\xBC/x"};
  for (const std::string_view prefix : good) {
    EXPECT_TRUE(check_topic_prefix(prefix).ok()) << prefix;
    EXPECT_EQ(subscribe({.prefix = prefix}, {}).topic, std::string(prefix) + "/+/+/+/+/+");
  }
  const std::string_view bad[] = {"",
                                  "axonpush/",
                                  "/axonpush/x",
                                  "/",
                                  "axonpush//x",
                                  "axonpush/+",
                                  "axonpush/#",
                                  "+/org",
                                  "#",
                                  "axonpush/o+rg",
                                  "axonpush/org#",
                                  "$aws/things",
                                  "$",
                                  std::string_view("axon\0push", 9),
                                  "a/b/c/d",
                                  "a/b/c/",
                                  "a/\xFF"};
  for (const std::string_view prefix : bad) {
    const Status status = check_topic_prefix(prefix);
    EXPECT_EQ(status.error().code(), Errc::topic_invalid) << prefix;
    EXPECT_FALSE(status.error().what().empty());
    EXPECT_EQ(subscribe({.prefix = prefix}, {}).error, Errc::topic_invalid) << prefix;
    EXPECT_EQ(publish({.prefix = prefix}, {.channel_id = "c"}).error, Errc::topic_invalid) << prefix;
  }
  // Room for five segments of one character is left, and not a byte less.
  EXPECT_TRUE(check_topic_prefix(std::string(246, 'x')).ok());
  EXPECT_EQ(
      publish({.prefix = std::string(246, 'x')}, {.environment = "e", .app_id = "a", .channel_id = "c"}).topic.size(),
      256U);
  EXPECT_FALSE(check_topic_prefix(std::string(247, 'x')).ok());
}

TEST(Topic, FallbackPrefix) {
  EXPECT_EQ(fallback_prefix("client-1").view(), "axonpush/client-1");
  EXPECT_EQ(fallback_prefix("a.b/c+\xF0\x9F\x98\x80").view(), "axonpush/a_b_c___");
  EXPECT_EQ(fallback_prefix("").view(), "axonpush/default");
  EXPECT_EQ(fallback_prefix("\xFF").view(), "axonpush/default");
  EXPECT_EQ(fallback_prefix(std::string(128, 'x')).size(), 9U + 128);
  EXPECT_EQ(fallback_prefix(std::string(1000, 'x')).view(), "axonpush/default");
  EXPECT_TRUE(check_topic_prefix(fallback_prefix(std::string(128, '/')).view()).ok());
}

// Whatever is given, what comes out is a legal topic or filter of exactly the seven segments.
TEST(Topic, NoInputMakesAnIllegalFilter) {  // T-06
  const std::string_view hostile[] = {"a+", "+a", "a/#/b", "##", "#", "+", "/", "$x", "", "\xC3\xA9+", "a/b"};
  for (const std::string_view first : hostile) {
    for (const std::string_view second : hostile) {
      const TopicMembers members{first, second, first, second, first};
      const Written filter = subscribe({.prefix = "axonpush/o", .environment = second, .env_slug = first}, members);
      ASSERT_EQ(filter.error, Errc::none);
      EXPECT_TRUE(mqtt::topic_filter_valid(filter.topic)) << filter.topic;
      EXPECT_EQ(reference::levels(filter.topic).size(), limits::kTopicSegments);
      const Written topic = publish({.prefix = "axonpush/o", .app_id = second}, members);
      if (first.empty()) {
        EXPECT_EQ(topic.error, Errc::topic_invalid);
        continue;
      }
      EXPECT_TRUE(mqtt::topic_name_valid(topic.topic)) << topic.topic;
      EXPECT_EQ(reference::levels(topic.topic).size(), limits::kTopicSegments);
    }
  }
}

TEST(Topic, TakenApart) {
  TopicSegments segments;
  ASSERT_TRUE(split_topic("axonpush/org_1/prod/app/chan/type/agent", "axonpush/org_1", segments));
  EXPECT_EQ(segments.prefix, "axonpush/org_1");
  EXPECT_EQ(segments.environment, "prod");
  EXPECT_EQ(segments.app_id, "app");
  EXPECT_EQ(segments.channel_id, "chan");
  EXPECT_EQ(segments.event_type, "type");
  EXPECT_EQ(segments.agent_id, "agent");
  ASSERT_TRUE(split_topic("a/b/c/////", "a/b/c", segments) && segments.environment.empty());
  ASSERT_TRUE(split_topic("x/y/1/2/3/4/5", "", segments));
  EXPECT_EQ(segments.prefix, "x/y");
  for (const std::string_view topic : {"", "a/b", "axonpush/org_1/prod/app/chan/type", "axonpush/org_2/a/b/c/d/e",
                                       "axonpush/org_1/x/a/b/c/d/e", "org_1/a/b/c/d/e"}) {
    segments.prefix = "untouched";
    EXPECT_FALSE(split_topic(topic, "axonpush/org_1", segments)) << topic;
    EXPECT_EQ(segments.prefix, "untouched");
  }
}

// The vector form of the split against the scalar one, at every size, flush against both ends of what may be read.
TEST(Topic, PartsAreFoundAlikeByBothForms) {
  test::GuardedBytes guarded(512);
  std::uint64_t random = 7;
  for (std::size_t size = 0; size <= 200; ++size) {
    for (int round = 0; round < 40; ++round) {
      std::string text(size, 'x');
      for (char& c : text) {
        random = random * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
        if (random >> 33 < (std::uint64_t{1} << 31) / (1 + static_cast<unsigned>(round) % 20)) c = '/';
      }
      const std::string_view topic = text_of(guarded.hold(bytes_of(text)));
      TopicParts fast, slow;
      const bool found = split_parts(topic, fast);
      ASSERT_EQ(found, split_parts_scalar(topic, slow)) << text;
      if (!found) continue;
      for (std::size_t part = 0; part < kTopicParts; ++part)
        ASSERT_EQ(fast.of(topic, part), slow.of(topic, part)) << text;
    }
  }
}

}  // namespace
}  // namespace axonpush
