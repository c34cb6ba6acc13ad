// The document that the JSON rows of PEERS.md measure: a vendor envelope of 503 bytes with 14 members, a nested payload
// and metadata. Ids, times and words differ from input to input; lengths do not.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace axonpush::bench {

inline constexpr std::size_t kEventBytes = 503;
// The eight string members that are read, and the payload as raw JSON.
inline constexpr std::string_view kEventNames[] = {"id",        "eventId", "orgId",   "appId",
                                                   "channelId", "agentId", "traceId", "eventType"};
inline constexpr std::string_view kEventPayload = "payload";

inline std::string event_document(std::uint64_t row) {
  const auto id = static_cast<unsigned>(row * 2'654'435'761U);
  char text[kEventBytes + 64];
  const int size = std::snprintf(
      text, sizeof text,
      R"({"id":"evt_01HZX7K3Q9%08x","eventId":"7c9e6679-7425-40de-944b-%08x07e1","orgId":"org_2Nf8sK1",)"
      R"("appId":"app_9fQ2mZ7c","channelId":"chn_4Tt0wR6b","environmentId":"env_prod01","eventType":"agent.end",)"
      R"("agentId":"planner-agent-%02u","traceId":"4bf92f3577b34da6%08x9e7a1c55","identifier":"call-%05u",)"
      R"("payload":{"tool":"search","durationMs":%u,"tokens":{"in":512,"out":128},"ok":true,)"
      R"("text":"found %u results"},"metadata":{"sdk":"typescript"},)"
      R"("source":"sdk","createdAt":"2026-11-23T18:04:%02u.123Z"})",
      id, id, static_cast<unsigned>(row % 60), id, static_cast<unsigned>(10'000 + row),
      static_cast<unsigned>(1'000 + row), static_cast<unsigned>(10 + row), static_cast<unsigned>(row % 60));
  if (size != static_cast<int>(kEventBytes)) {
    std::fprintf(stderr, "the event document has %d bytes\n", size);
    std::abort();
  }
  return std::string(text, kEventBytes);
}

}  // namespace axonpush::bench
