// The topic that is remembered: always the one that would be written anew.
#include "client/topic_memo.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

constexpr TopicDefaults kDefaults{.prefix = "axonpush/org_1", .env_slug = "prod", .app_id = "app"};

std::string written(const TopicMembers& members, const TopicDefaults& defaults = kDefaults) {
  char text[limits::kTopicOutBytes];
  const Result<std::size_t> size = write_publish_topic(text, defaults, members);
  return size.ok() ? std::string(text, *size) : "refused: " + std::string(size.error().what());
}
std::string remembered(TopicMemo& memo, const TopicMembers& members, const TopicDefaults& defaults = kDefaults) {
  const Result<std::string_view> topic = memo.of(defaults, members);
  return topic.ok() ? std::string(*topic) : "refused: " + std::string(topic.error().what());
}

TEST(TopicMemo, IsTheTopicThatWouldBeWritten) {
  TopicMemo memo;
  const std::string long_word(300, 'x');
  const std::string many_bytes = "\xE6\x97\xA5\xE6\x9C\xAC";  // two characters, two underscores
  std::string wide;
  for (int at = 0; at < 60; ++at) wide += many_bytes;  // 360 bytes, 120 in the topic: used, and not remembered
  const std::vector<TopicMembers> rows = {
      {.channel_id = "ab", .event_type = "c"},
      {.channel_id = "a", .event_type = "bc"},
      {.channel_id = "ab", .event_type = "c"},
      {.app_id = "ab", .channel_id = "c"},
      {.environment = "ab", .channel_id = "c"},
      {.channel_id = "c", .agent_id = "ab"},
      {.channel_id = "c"},
      {},
      {.channel_id = "c"},
      {.channel_id = long_word},
      {.channel_id = wide},
      {.channel_id = "\xFF"},
      {.channel_id = many_bytes, .event_type = "a.b"},
      {.environment = "dev", .app_id = "other", .channel_id = "chan", .event_type = "type", .agent_id = "agent"},
  };
  for (int round = 0; round < 3; ++round) {
    for (const TopicMembers& first : rows) {
      for (const TopicMembers& second : rows) {
        EXPECT_EQ(remembered(memo, first), written(first));
        EXPECT_EQ(remembered(memo, first), written(first)) << "again";
        EXPECT_EQ(remembered(memo, second), written(second));
      }
    }
  }
}

TEST(TopicMemo, ForgetsWhenItIsTold) {
  TopicMemo memo;
  const TopicMembers members{.channel_id = "chan"};
  EXPECT_EQ(remembered(memo, members), "axonpush/org_1/prod/app/chan/_/_");
  TopicDefaults other = kDefaults;
  other.env_slug = "dev";
  memo.forget();
  EXPECT_EQ(remembered(memo, members, other), "axonpush/org_1/dev/app/chan/_/_");
}

// CONTRACT 4: a missing environment is the credentials' slug, and each refresh may bring another one.
TEST(TopicMemo, FollowsTheCredentials) {
  Scenario scene;
  scene.api.lifetime = seconds(100);
  scene.api.env_slug = "blue";
  ASSERT_TRUE(scene.connect());
  const auto publish = [&scene] {
    const std::size_t before = scene.broker.stored.size();
    EXPECT_TRUE(scene.rt.publish({.channel_id = "room", .identifier = "x", .payload = "{}"}).ok());
    scene.run_until([&] { return scene.broker.stored.size() > before; }, seconds(10));
    return scene.broker.stored.back().topic;
  };
  EXPECT_EQ(publish(), "axonpush/org_1/blue/default/room/_/_");
  EXPECT_EQ(publish(), "axonpush/org_1/blue/default/room/_/_");
  scene.api.env_slug = "green";
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, minutes(3)));
  EXPECT_EQ(publish(), "axonpush/org_1/green/default/room/_/_");
}

}  // namespace
}  // namespace axonpush::test
