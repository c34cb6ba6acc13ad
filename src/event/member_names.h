// The names of an event's known members, in the order of EventMember, and the index of them.
#pragma once

#include <axonpush/event.h>

#include "json/key_index.h"

namespace axonpush::inline v0 {

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
inline constexpr json::KeyIndex<kEventMemberCount> kMemberIndex(kMemberNames);

}  // namespace axonpush::inline v0
