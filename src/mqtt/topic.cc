#include <axonpush/mqtt/packet.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "mqtt/text.h"

namespace axonpush::inline v0::mqtt {

namespace {

const std::uint8_t* data_of(std::string_view text) noexcept { return bytes_of(text).data(); }

// Apart, so that the fast path ends in a jump and keeps nothing.
[[gnu::noinline]] bool judged_good(const std::uint8_t* text, std::size_t size, TextKind kind) noexcept {
  return judge_text(text, size, kind) == TextFault::none;
}

}  // namespace

TextFault judge_text(const std::uint8_t* text, std::size_t size, TextKind kind) noexcept {
  AXONPUSH_ASSERT(size != 0);  // nothing is wrong with no text
  // [MQTT-1.5.4-1], [MQTT-1.5.4-2]. Control characters and non-characters may be refused and are not: MQTT 5 1.5.4.
  if (!utf8_valid({text, size})) return TextFault::ill_formed;
  if (std::memchr(text, 0, size) != nullptr) return TextFault::null;
  if (kind == TextKind::topic && (std::memchr(text, '#', size) != nullptr || std::memchr(text, '+', size) != nullptr)) {
    return TextFault::wildcard;
  }
  return TextFault::none;
}

bool utf8_string_valid(Bytes text) noexcept {
  if (text.size() > limits::kTopicInBytes) return false;
  if (plain_text<TextKind::string>(text.data(), text.size())) [[likely]]
    return true;
  return judged_good(text.data(), text.size(), TextKind::string);
}

bool topic_name_valid(std::string_view topic) noexcept {
  // Most topics take 33 to 64 bytes; those need no question about their size.
  const std::uint8_t* const text = data_of(topic);
  if (topic.size() - 33 < 32 && plain::check_four<TextKind::topic>(text, text + topic.size())) [[likely]]
    return true;
  if (topic.empty() || topic.size() > limits::kTopicInBytes) return false;
  if (plain_text<TextKind::topic>(data_of(topic), topic.size())) [[likely]]
    return true;
  return judged_good(data_of(topic), topic.size(), TextKind::topic);
}

bool topic_filter_valid(std::string_view topic_filter) noexcept {
  if (topic_filter.empty() || topic_filter.size() > limits::kTopicInBytes) return false;
  if (check_text<TextKind::string>(data_of(topic_filter), topic_filter.size()) != TextFault::none) return false;
  constexpr std::string_view kShare = "$share/";
  if (topic_filter.starts_with(kShare)) {
    // [MQTT-4.8.2-1], [MQTT-4.8.2-2]: a name of at least one character without wildcards, a slash, a Topic Filter.
    topic_filter.remove_prefix(kShare.size());
    const std::size_t slash = topic_filter.find('/');
    if (slash == 0 || slash == std::string_view::npos || slash + 1 == topic_filter.size()) return false;
    if (topic_filter.substr(0, slash).find_first_of("+#") != std::string_view::npos) return false;
    topic_filter.remove_prefix(slash + 1);
  }
  for (std::size_t at = 0; at < topic_filter.size(); ++at) {
    const char c = topic_filter[at];
    if (c != '+' && c != '#') continue;
    // [MQTT-4.7.1-1], [MQTT-4.7.1-2]: a wildcard is a whole level, and # is the last one.
    if (at != 0 && topic_filter[at - 1] != '/') return false;
    if (c == '#' && at + 1 != topic_filter.size()) return false;
    if (c == '+' && at + 1 != topic_filter.size() && topic_filter[at + 1] != '/') return false;
  }
  return true;
}

bool topic_matches(std::string_view topic_filter, std::string_view topic) noexcept {
  // [MQTT-4.7.2-1]: a wildcard in front does not match topics that begin with $.
  if (!topic.empty() && topic[0] == '$' && !topic_filter.empty() &&
      (topic_filter[0] == '+' || topic_filter[0] == '#')) {
    return false;
  }
  std::size_t at = 0;
  std::size_t in_filter = 0;
  while (in_filter < topic_filter.size()) {
    const char c = topic_filter[in_filter];
    if (c == '#') return true;
    if (c == '+') {
      while (at < topic.size() && topic[at] != '/') ++at;
      ++in_filter;
      continue;
    }
    if (at == topic.size()) {
      // MQTT 5 4.7.1.2: # stands for the parent level too, so "a/#" matches "a".
      return topic_filter.substr(in_filter) == "/#";
    }
    if (c != topic[at]) return false;
    ++at;
    ++in_filter;
  }
  return at == topic.size();
}

}  // namespace axonpush::inline v0::mqtt
