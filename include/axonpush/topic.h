// AxonPush topics: `{prefix}/{environment}/{appId}/{channelId}/{eventType}/{agentId}`, written, sanitised and taken
// apart.
//
// Writers put the whole topic into a caller's buffer of limits::kTopicOutBytes; nothing is allocated. Thread rule:
// none, pure functions. Lifetime: the segments of split_topic view the topic. Source: CONTRACT section 4.
#pragma once

#include <axonpush/base/fixed_text.h>
#include <axonpush/base/result.h>
#include <axonpush/limits.h>

namespace axonpush::inline v0 {

// What a caller says of where an event goes, or of which events are wanted. Empty: not given.
struct TopicMembers {
  std::string_view environment = {};
  std::string_view app_id = {};
  std::string_view channel_id = {};
  std::string_view event_type = {};
  std::string_view agent_id = {};
};

// What stands in for members that were not given.
struct TopicDefaults {
  std::string_view prefix = {};       // the credentials' topicPrefix, or fallback_prefix(); used as it came
  std::string_view environment = {};  // the option
  std::string_view env_slug = {};     // the credentials' envSlug
  std::string_view app_id = {};       // the option; publish only
  bool prefix_checked = false;        // check_topic_prefix has accepted this very prefix: it is not looked at again
};

// Each answers the size of what stands at the front of `into`, or an Error: topic_invalid for a topic over
// kTopicOutBytes, ill-formed UTF-8, a prefix that check_topic_prefix refuses, and for publish without a channelId;
// invalid_argument for a buffer that is too small.
//
// Missing on publish: environment => option => envSlug => "default"; appId => option => "default"; eventType, agentId
// =>
// "_"; channelId is required.
[[nodiscard]] Result<std::size_t> write_publish_topic(std::span<char> into, const TopicDefaults& defaults,
                                                      const TopicMembers& members) noexcept;
// Missing on subscribe: "+"; environment => option => envSlug => "+". An environment of "+", the member's or the
// option's, means all of them; one in the envSlug is sanitised, so that the service cannot widen a subscription.
[[nodiscard]] Result<std::size_t> write_subscribe_filter(std::span<char> into, const TopicDefaults& defaults,
                                                         const TopicMembers& members) noexcept;

// One segment as the backend writes it: every UTF-16 code unit outside [A-Za-z0-9_-] becomes '_' (one for a UTF-8
// sequence of 1 to 3 bytes, two for one of 4), and an empty segment becomes "_". The result is never longer than the
// segment, but for the empty one. topic_invalid: ill-formed UTF-8; invalid_argument: `into` is too small.
[[nodiscard]] Result<std::size_t> sanitize_segment(std::span<char> into, std::string_view segment) noexcept;

// Is this prefix acceptable? One to three levels, none of them empty, no wildcard, no NUL, no '$' in front, well-formed
// UTF-8, and short enough for the five segments behind it. topic_invalid with the offset otherwise: a wildcard in the
// prefix would widen every subscription.
[[nodiscard]] Status check_topic_prefix(std::string_view prefix) noexcept;

using TopicPrefix = FixedText<limits::kTopicOutBytes>;
// The prefix for credentials without one: "axonpush/" and the sanitised client id, "axonpush/default" without that.
[[nodiscard]] TopicPrefix fallback_prefix(std::string_view client_id) noexcept;

// A topic taken apart. `prefix` may hold slashes, the others hold none and may be empty.
struct TopicSegments {
  std::string_view prefix = {};
  std::string_view environment = {};
  std::string_view app_id = {};
  std::string_view channel_id = {};
  std::string_view event_type = {};
  std::string_view agent_id = {};
};

// True when `topic` is `prefix`, a slash and exactly five segments; `segments` is written only then. An empty `prefix`
// stands for any: then it is what lies in front of the last five segments.
[[nodiscard]] bool split_topic(std::string_view topic, std::string_view prefix, TopicSegments& segments) noexcept;

}  // namespace axonpush::inline v0
