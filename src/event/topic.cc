#include <axonpush/topic.h>

#include "base/utf8.h"

namespace axonpush::inline v0 {

namespace {

constexpr std::size_t kPrefixLevelsMax = 3;
constexpr std::size_t kMemberSegments = 5;
// Each of the five segments takes a slash and at least one character.
constexpr std::size_t kPrefixBytesMax = limits::kTopicOutBytes - 2 * kMemberSegments;
constexpr std::string_view kDefaultSegment = "default";
constexpr std::string_view kWildcard = "+";

constexpr Error kIllFormed(Errc::topic_invalid, "a topic segment is not well-formed UTF-8");
constexpr Error kTooLong(Errc::topic_invalid, "the topic is longer than 256 bytes, AWS IoT Core's limit");
constexpr Error kNoRoom(Errc::invalid_argument, "the buffer for the topic is too small");

constexpr bool plain(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}
struct PlainTable {
  std::uint8_t rows[256] = {};
  constexpr PlainTable() noexcept {
    for (int at = 0; at < 256; ++at) rows[at] = plain(static_cast<char>(at)) ? 1 : 0;
  }
};
constexpr PlainTable kPlain;

// Appends segments to a caller's buffer. The first thing that does not work sticks.
class TopicWriter {
 public:
  explicit TopicWriter(std::span<char> into) noexcept : into_(into) {}

  void raw(std::string_view text) noexcept {
    if (!room(text.size())) return;
    std::memcpy(into_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void slash() noexcept { put('/'); }

  void sanitized(std::string_view segment) noexcept {
    if (segment.empty()) {
      raw("_");
      return;
    }
    // A segment never grows, so one that fits as it is needs no look at the room for each byte.
    const std::size_t limit = into_.size() < limits::kTopicOutBytes ? into_.size() : limits::kTopicOutBytes;
    const bool fits = error_ == nullptr && segment.size() <= limit - size_;
    if (fits && copied_plain(segment)) return;
    for (std::size_t at = 0; at < segment.size() && error_ == nullptr;) {
      const auto lead = static_cast<std::uint8_t>(segment[at]);
      if (lead < 0x80) {
        if (fits || room(1)) into_[size_++] = kPlain.rows[lead] != 0 ? segment[at] : '_';
        ++at;
        continue;
      }
      const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
      const std::string_view sequence = segment.substr(at, size);
      if (sequence.size() < size || !utf8_valid(bytes_of(sequence))) {
        fail(kIllFormed);
        return;
      }
      // Outside the basic plane a character is two UTF-16 code units, and the backend replaces code units.
      put('_');
      if (size == 4) put('_');
      at += size;
    }
  }

  [[nodiscard]] Result<std::size_t> finish() const noexcept {
    if (error_ != nullptr) return *error_;
    return size_;
  }

 private:
  // Called by what has seen that nothing failed yet.
  void fail(const Error& error) noexcept { error_ = &error; }
  bool room(std::size_t size) noexcept {
    if (error_ != nullptr) return false;
    if (size > limits::kTopicOutBytes - size_) {
      fail(kTooLong);
    } else if (size > into_.size() - size_) {
      fail(kNoRoom);
    }
    return error_ == nullptr;
  }
  void put(char c) noexcept {
    if (room(1)) into_[size_++] = c;
  }
  // The short way of nearly every segment: nothing in it has to be replaced. There is room for it.
  bool copied_plain(std::string_view segment) noexcept {
    char* const into = into_.data() + size_;
    std::uint8_t good = 1;
    for (std::size_t at = 0; at < segment.size(); ++at) {
      into[at] = segment[at];
      good &= kPlain.rows[static_cast<std::uint8_t>(segment[at])];
    }
    if (good == 0) return false;
    size_ += segment.size();
    return true;
  }

  std::span<char> into_;
  std::size_t size_ = 0;
  const Error* error_ = nullptr;
};

Status check_prefix(const TopicDefaults& defaults) noexcept {
  return defaults.prefix_checked ? Status() : check_topic_prefix(defaults.prefix);
}

std::string_view first_given(std::string_view first, std::string_view second, std::string_view third) noexcept {
  return !first.empty() ? first : !second.empty() ? second : third;
}

}  // namespace

Result<std::size_t> write_publish_topic(std::span<char> into, const TopicDefaults& defaults,
                                        const TopicMembers& members) noexcept {
  if (Status status = check_prefix(defaults); !status.ok()) return status.error();
  if (members.channel_id.empty()) return Error(Errc::topic_invalid, "a publish needs a channel_id");
  const std::string_view environment = first_given(members.environment, defaults.environment, defaults.env_slug);
  TopicWriter writer(into);
  writer.raw(defaults.prefix);
  writer.slash();
  writer.sanitized(environment.empty() ? kDefaultSegment : environment);
  writer.slash();
  writer.sanitized(first_given(members.app_id, defaults.app_id, kDefaultSegment));
  writer.slash();
  writer.sanitized(members.channel_id);
  writer.slash();
  writer.sanitized(members.event_type);
  writer.slash();
  writer.sanitized(members.agent_id);
  return writer.finish();
}

Result<std::size_t> write_subscribe_filter(std::span<char> into, const TopicDefaults& defaults,
                                           const TopicMembers& members) noexcept {
  if (Status status = check_prefix(defaults); !status.ok()) return status.error();
  TopicWriter writer(into);
  const auto segment = [&writer](std::string_view text) {
    writer.slash();
    if (text.empty()) {
      writer.raw(kWildcard);
    } else {
      writer.sanitized(text);
    }
  };
  writer.raw(defaults.prefix);
  const std::string_view own = first_given(members.environment, defaults.environment, {});
  if (own == kWildcard) {
    segment({});
  } else {
    segment(first_given(own, defaults.env_slug, {}));
  }
  segment(members.app_id);
  segment(members.channel_id);
  segment(members.event_type);
  segment(members.agent_id);
  return writer.finish();
}

Result<std::size_t> sanitize_segment(std::span<char> into, std::string_view segment) noexcept {
  TopicWriter writer(into);
  writer.sanitized(segment);
  return writer.finish();
}

Status check_topic_prefix(std::string_view prefix) noexcept {
  const auto refused = [](const char* what, std::size_t at) { return Error(Errc::topic_invalid, what).at(at); };
  if (prefix.empty()) return refused("the topic prefix is empty", 0);
  if (prefix.size() > kPrefixBytesMax) return refused("the topic prefix leaves no room for the segments", 0);
  if (prefix[0] == '$') return refused("the topic prefix begins with $", 0);
  std::size_t levels = 1;
  bool high = false;
  char previous = '/';
  for (std::size_t at = 0; at < prefix.size(); ++at) {
    const char c = prefix[at];
    if (c == '/') {
      if (previous == '/') return refused("the topic prefix has an empty level", at);
      if (++levels > kPrefixLevelsMax) return refused("the topic prefix has more than three levels", at);
    } else if (c == '+' || c == '#') {
      return refused("the topic prefix has a wildcard", at);
    } else if (c == '\0') {
      return refused("the topic prefix has a NUL", at);
    }
    high = high || static_cast<std::uint8_t>(c) >= 0x80;
    previous = c;
  }
  if (previous == '/') return refused("the topic prefix has an empty level", prefix.size());
  if (high && !utf8_valid(bytes_of(prefix))) return refused("the topic prefix is not well-formed UTF-8", 0);
  return {};
}

TopicPrefix fallback_prefix(std::string_view client_id) noexcept {
  constexpr std::string_view kRoot = "axonpush/";
  char text[limits::kTopicOutBytes];
  std::memcpy(text, kRoot.data(), kRoot.size());
  std::size_t size = kRoot.size();
  const std::span<char> room = std::span(text).subspan(kRoot.size(), kPrefixBytesMax - kRoot.size());
  const Result<std::size_t> written =
      client_id.empty() ? Result<std::size_t>(Error(Errc::topic_invalid)) : sanitize_segment(room, client_id);
  if (written.ok()) {
    size += *written;
  } else {
    std::memcpy(text + size, kDefaultSegment.data(), kDefaultSegment.size());
    size += kDefaultSegment.size();
  }
  TopicPrefix prefix;
  static_cast<void>(prefix.assign({text, size}));
  return prefix;
}

bool split_topic(std::string_view topic, std::string_view prefix, TopicSegments& segments) noexcept {
  std::string_view parts[kMemberSegments];
  std::string_view left = topic;
  for (std::size_t at = kMemberSegments; at-- != 0;) {
    const std::size_t slash = left.rfind('/');
    if (slash == std::string_view::npos) return false;
    parts[at] = left.substr(slash + 1);
    left = left.substr(0, slash);
  }
  if (!prefix.empty() && left != prefix) return false;
  segments = {.prefix = left,
              .environment = parts[0],
              .app_id = parts[1],
              .channel_id = parts[2],
              .event_type = parts[3],
              .agent_id = parts[4]};
  return true;
}

}  // namespace axonpush::inline v0
