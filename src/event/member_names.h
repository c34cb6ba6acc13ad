// The names of an event's known members, and a perfect hash over them: one probe and one comparison tell which member a
// key names, if any.
#pragma once

#include <axonpush/event.h>

namespace axonpush::inline v0 {

namespace detail {

inline constexpr std::string_view kMemberNames[] = {
    "id",
    "eventId",
    "orgId",
    "appId",
    "channelId",
    "environmentId",
    "eventType",
    "agentId",
    "traceId",
    "spanId",
    "parentSpanId",
    "parentEventId",
    "identifier",
    "payload",
    "metadata",
    "createdAt",
    "occurredAt",
    "updatedAt",
    "startTimeUnixNano",
    "endTimeUnixNano",
    "source",
    "semanticKind",
    "operationName",
    "durationMs",
    "status",
    "serviceName",
    "serviceVersion",
    "providerName",
    "requestModel",
    "responseModel",
    "toolName",
    "totalTokens",
    "costUsd",
    "ttl",
    "environment",
};
static_assert(sizeof kMemberNames / sizeof kMemberNames[0] == kEventMemberCount);

// The factors were found by trying; the table below does not compile with ones that let two names collide.
constexpr std::size_t member_hash(std::string_view key) noexcept {
  const auto byte = [key](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(key[at])); };
  return (2 * key.size() + 14 * byte(0) + 30 * byte(key.size() - 1) + byte(key.size() / 2)) % 128;
}

struct MemberTable {
  std::uint8_t rows[128] = {};
  bool perfect = true;
  constexpr MemberTable() noexcept {
    for (auto& row : rows) row = kEventMemberCount;
    for (std::size_t at = 0; at < kEventMemberCount; ++at) {
      std::uint8_t& row = rows[member_hash(kMemberNames[at])];
      if (row != kEventMemberCount) perfect = false;
      row = static_cast<std::uint8_t>(at);
    }
  }
};
inline constexpr MemberTable kMemberTable;
static_assert(kMemberTable.perfect);

// Two loads that overlap compare 8 to 16 bytes without a loop; what is shorter or longer is rare enough.
inline bool same_text(const char* left, const char* right, std::size_t size) noexcept {
  const auto word = [](const char* from) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return value;
  };
  if (size >= 8 && size <= 16) {
    return ((word(left) ^ word(right)) | (word(left + size - 8) ^ word(right + size - 8))) == 0;
  }
  if (size > 16) return std::memcmp(left, right, size) == 0;
  for (std::size_t at = 0; at < size; ++at) {
    if (left[at] != right[at]) return false;
  }
  return true;
}

}  // namespace detail

[[nodiscard]] inline std::string_view member_name(std::size_t index) noexcept { return detail::kMemberNames[index]; }

// The index of the member that `key` names, kEventMemberCount for none.
[[nodiscard]] inline std::size_t find_member_name(std::string_view key) noexcept {
  if (key.empty()) return kEventMemberCount;
  const std::size_t index = detail::kMemberTable.rows[detail::member_hash(key)];
  if (index == kEventMemberCount) return index;
  const std::string_view name = detail::kMemberNames[index];
  if (name.size() != key.size() || !detail::same_text(name.data(), key.data(), key.size())) return kEventMemberCount;
  return index;
}

}  // namespace axonpush::inline v0
