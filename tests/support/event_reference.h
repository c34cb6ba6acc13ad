// An event read slowly: the body as a tree, the last of equal names, and a table of every accessor with the name and
// the type that CONTRACT section 4 gives its member. Shared by tests and the fuzzer.
#pragma once

#include <axonpush/event.h>

#include <cstring>
#include <string>

#include "support/json_reference.h"

namespace axonpush::test {

struct TextAccessor {
  const char* name;
  std::string_view (Event::*read)() const noexcept;
};
inline constexpr TextAccessor kTextAccessors[] = {
    {"id", &Event::id},
    {"eventId", &Event::event_id},
    {"orgId", &Event::org_id},
    {"appId", &Event::app_id},
    {"channelId", &Event::channel_id},
    {"environmentId", &Event::environment_id},
    {"environment", &Event::environment},
    {"eventType", &Event::event_type},
    {"agentId", &Event::agent_id},
    {"traceId", &Event::trace_id},
    {"spanId", &Event::span_id},
    {"parentSpanId", &Event::parent_span_id},
    {"parentEventId", &Event::parent_event_id},
    {"identifier", &Event::identifier},
    {"createdAt", &Event::created_at},
    {"occurredAt", &Event::occurred_at},
    {"updatedAt", &Event::updated_at},
    {"source", &Event::source},
    {"semanticKind", &Event::semantic_kind},
    {"operationName", &Event::operation_name},
    {"status", &Event::status},
    {"serviceName", &Event::service_name},
    {"serviceVersion", &Event::service_version},
    {"providerName", &Event::provider_name},
    {"requestModel", &Event::request_model},
    {"responseModel", &Event::response_model},
    {"toolName", &Event::tool_name},
};
struct NanosecondAccessor {
  const char* name;
  std::optional<std::uint64_t> (Event::*read)() const noexcept;
};
inline constexpr NanosecondAccessor kNanosecondAccessors[] = {{"startTimeUnixNano", &Event::start_time_unix_nano},
                                                              {"endTimeUnixNano", &Event::end_time_unix_nano}};
struct RealAccessor {
  const char* name;
  std::optional<double> (Event::*read)() const noexcept;
};
inline constexpr RealAccessor kRealAccessors[] = {{"durationMs", &Event::duration_ms}, {"costUsd", &Event::cost_usd}};
struct IntegerAccessor {
  const char* name;
  std::optional<std::int64_t> (Event::*read)() const noexcept;
};
inline constexpr IntegerAccessor kIntegerAccessors[] = {{"totalTokens", &Event::total_tokens}, {"ttl", &Event::ttl}};
struct ObjectAccessor {
  const char* name;
  json::Value (Event::*read)() const noexcept;
};
inline constexpr ObjectAccessor kObjectAccessors[] = {{"payload", &Event::payload}, {"metadata", &Event::metadata}};

inline constexpr std::size_t kAccessorCount = std::size(kTextAccessors) + std::size(kNanosecondAccessors) +
                                              std::size(kRealAccessors) + std::size(kIntegerAccessors) +
                                              std::size(kObjectAccessors);
static_assert(kAccessorCount == kEventMemberCount);

class EventReference {
 public:
  explicit EventReference(std::string_view body) {
    valid_ = JsonReference::parse(body, tree_) == JsonReference::Verdict::valid && tree_.kind == JsonTree::Kind::object;
    if (!valid_) return;
    bare_ = true;
    for (const char* name : {"payload", "identifier", "eventId", "channelId", "orgId", "traceId"}) {
      if (any(name) != nullptr) bare_ = false;
    }
  }
  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] bool bare() const { return bare_; }
  [[nodiscard]] const JsonTree& tree() const { return tree_; }
  // The last top-level member of that name, in any shape of body.
  [[nodiscard]] const JsonTree* any(std::string_view name) const {
    const JsonTree* found = nullptr;
    for (std::size_t at = 0; valid_ && at < tree_.keys.size(); ++at) {
      if (tree_.keys[at] == name) found = &tree_.items[at];
    }
    return found;
  }

  // What `event`, whose body this is, and the reference disagree about, or "".
  [[nodiscard]] std::string disagreement(const Event& event) const {
    if (event.valid() != valid_) return "valid()";
    if ((event.error().code() == Errc::none) != valid_) return "error()";
    if (event.bare() != bare_) return "bare()";
    for (const TextAccessor& row : kTextAccessors) {
      const JsonTree* member = of_kind(row.name, JsonTree::Kind::string);
      if ((event.*row.read)() != (member == nullptr ? std::string() : member->text)) return row.name;
    }
    for (const NanosecondAccessor& row : kNanosecondAccessors) {
      if ((event.*row.read)() != nanoseconds(row.name)) return row.name;
    }
    for (const RealAccessor& row : kRealAccessors) {
      const JsonTree* member = of_kind(row.name, JsonTree::Kind::number);
      const std::optional<double> value = (event.*row.read)();
      if (value.has_value() != (member != nullptr)) return row.name;
      if (value && std::memcmp(&*value, &member->number, sizeof(double)) != 0) return row.name;
    }
    for (const IntegerAccessor& row : kIntegerAccessors) {
      if ((event.*row.read)() != integer(row.name)) return row.name;
    }
    return objects(event);
  }

 private:
  // The last member of that name if this is an envelope.
  [[nodiscard]] const JsonTree* member(std::string_view name) const { return bare_ ? nullptr : any(name); }
  [[nodiscard]] const JsonTree* of_kind(std::string_view name, JsonTree::Kind kind) const {
    const JsonTree* found = member(name);
    return found != nullptr && found->kind == kind ? found : nullptr;
  }
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) const {
    const JsonTree* found = of_kind(name, JsonTree::Kind::number);
    if (found == nullptr || found->text.size() > 20) return std::nullopt;
    const std::int64_t value = std::strtoll(found->text.c_str(), nullptr, 10);
    if (std::to_string(value) != found->text) return std::nullopt;
    return value;
  }
  // A whole number, or a string of decimal digits, that fits 64 bits.
  [[nodiscard]] std::optional<std::uint64_t> nanoseconds(std::string_view name) const {
    const JsonTree* found = member(name);
    const bool number = found != nullptr && found->kind == JsonTree::Kind::number;
    const bool text = found != nullptr && found->kind == JsonTree::Kind::string;
    if (!number && !text) return std::nullopt;
    std::string digits = found->text;
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    while (text && digits.size() > 1 && digits[0] == '0') digits.erase(0, 1);
    if (digits.size() > 20) return std::nullopt;
    const std::uint64_t value = std::strtoull(digits.c_str(), nullptr, 10);
    if (std::to_string(value) != digits) return std::nullopt;
    return value;
  }

  [[nodiscard]] std::string objects(const Event& event) const {
    for (const ObjectAccessor& row : kObjectAccessors) {
      const json::Value value = (event.*row.read)();
      const JsonTree* found = of_kind(row.name, JsonTree::Kind::object);
      if (bare_ && std::string_view(row.name) == "payload") found = &tree_;
      if (value.raw != (found == nullptr ? std::string() : found->raw)) return row.name;
      if (value.kind != (found == nullptr ? json::Kind::absent : json::Kind::object)) return row.name;
    }
    for (std::size_t at = 0; at < kEventMemberCount; ++at) {
      const auto known = static_cast<EventMember>(at);
      const JsonTree* found = any(name_of(known));
      const std::string raw = found == nullptr ? std::string() : found->raw;
      if (event.member(known).raw != raw || event.member(name_of(known)).raw != raw) return "member()";
    }
    for (const std::string& key : tree_.keys) {
      // The name that is looked for is plain text without a NUL's special meaning: any bytes will do.
      if (valid_ && event.member(key).raw != any(key)->raw) return "member(" + key + ")";
    }
    return "";
  }

  JsonTree tree_;
  bool valid_ = false;
  bool bare_ = false;
};

}  // namespace axonpush::test
