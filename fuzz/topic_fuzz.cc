// Input: texts behind their lengths: prefix, option, slug, default app, the five members, then a filter and a topic of
// any shape. The writers, the prefix's judge, the splitter and the matcher say what the slow references say.
#include <axonpush/mqtt/packet.h>
#include <axonpush/topic.h>

#include <memory>
#include <string>

#include "choices.h"
#include "event/topic_parts.h"
#include "support/credentials_reference.h"
#include "support/topic_reference.h"

namespace {

using namespace axonpush;
using fuzz::demand;

// The topic, or nothing where it must be refused: segments sanitised one by one and put together.
using Expected = std::optional<std::string>;

Expected joined(std::string_view prefix, const std::vector<Expected>& segments) {
  if (!test::CredentialsReference::prefix_fits(prefix)) return std::nullopt;
  std::string topic(prefix);
  for (const Expected& segment : segments) {
    if (!segment) return std::nullopt;
    topic += "/" + *segment;
  }
  return topic.size() <= 256 ? Expected(topic) : std::nullopt;
}

std::string_view first_given(std::string_view first, std::string_view second, std::string_view third) {
  return !first.empty() ? first : !second.empty() ? second : third;
}

Expected published(const TopicDefaults& defaults, const TopicMembers& members) {
  if (members.channel_id.empty()) return std::nullopt;
  const std::string_view given = first_given(members.environment, defaults.environment, defaults.env_slug);
  return joined(defaults.prefix, {reference::sanitized(given.empty() ? "default" : given),
                                  reference::sanitized(first_given(members.app_id, defaults.app_id, "default")),
                                  reference::sanitized(members.channel_id), reference::sanitized(members.event_type),
                                  reference::sanitized(members.agent_id)});
}

Expected subscribed(const TopicDefaults& defaults, const TopicMembers& members) {
  const auto segment = [](std::string_view text) { return text.empty() ? Expected("+") : reference::sanitized(text); };
  const std::string_view own = first_given(members.environment, defaults.environment, {});
  const Expected environment = own == "+" ? Expected("+") : segment(first_given(own, defaults.env_slug, {}));
  return joined(defaults.prefix, {environment, segment(members.app_id), segment(members.channel_id),
                                  segment(members.event_type), segment(members.agent_id)});
}

using Writer = Result<std::size_t> (*)(std::span<char>, const TopicDefaults&, const TopicMembers&) noexcept;

void check(Writer writer, const Expected& expected, const TopicDefaults& defaults, const TopicMembers& members) {
  char into[limits::kTopicOutBytes];
  const Result<std::size_t> size = writer(std::span<char>(into), defaults, members);
  demand(size.ok() == expected.has_value());
  if (!size.ok()) {
    demand(size.error().code() == Errc::topic_invalid && !size.error().what().empty());
    return;
  }
  const std::string_view topic(into, *size);
  demand(topic == *expected);
  demand(mqtt::topic_filter_valid(topic));
  demand(writer == write_subscribe_filter || mqtt::topic_name_valid(topic));
  TopicSegments segments;
  demand(split_topic(topic, defaults.prefix, segments) && segments.prefix == defaults.prefix);
  for (const std::size_t room : {*size, *size - 1, std::size_t{0}}) {
    const auto exact = std::make_unique<char[]>(room);
    const Result<std::size_t> again = writer(std::span<char>(exact.get(), room), defaults, members);
    demand(again.ok() == (room >= *size));
    if (!again.ok()) demand(again.error().code() == Errc::invalid_argument);
  }
}

void check_parts(std::string_view topic) {
  TopicParts fast, slow;
  const bool found = split_parts(topic, fast);
  demand(found == split_parts_scalar(topic, slow) && found == (reference::levels(topic).size() >= 6));
  for (std::size_t part = 0; found && part < kTopicParts; ++part) demand(fast.of(topic, part) == slow.of(topic, part));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices({data, size});
  TopicDefaults defaults;
  defaults.prefix = choices.text();
  defaults.environment = choices.text();
  defaults.env_slug = choices.text();
  defaults.app_id = choices.text();
  TopicMembers members;
  members.environment = choices.text();
  members.app_id = choices.text();
  members.channel_id = choices.text();
  members.event_type = choices.text();
  members.agent_id = choices.text();
  demand(check_topic_prefix(defaults.prefix).ok() == test::CredentialsReference::prefix_fits(defaults.prefix));
  check(write_publish_topic, published(defaults, members), defaults, members);
  check(write_subscribe_filter, subscribed(defaults, members), defaults, members);
  const TopicPrefix fallback = fallback_prefix(members.agent_id);
  const auto clean = reference::sanitized(members.agent_id);
  const bool used = !members.agent_id.empty() && clean && clean->size() + 19 <= 256;
  demand(fallback.view() == "axonpush/" + (used ? *clean : std::string("default")));
  demand(check_topic_prefix(fallback.view()).ok());

  const std::string_view filter = choices.text();
  const std::string_view topic = choices.text();
  check_parts(topic);
  if (mqtt::topic_filter_valid(filter) && mqtt::topic_name_valid(topic)) {
    demand(mqtt::topic_matches(filter, topic) == reference::topic_matches(filter, topic));
  }
  return 0;
}
