// A vendor envelope of 503 bytes: the whole document validated, eight string members and the raw payload read by name.
#include <axonpush/json/reader.h>
#include <axonpush/json/writer.h>

#include "instr.h"
#include "json/key_index.h"
#include "json/walk.h"
#include "json_inputs.h"

namespace axonpush::bench {
namespace {

constexpr std::size_t kMemberCount = 14;
constexpr std::size_t kWantedCount = 9;
constexpr std::string_view kWanted[kWantedCount] = {"id",      "eventId", "orgId",     "appId",  "channelId",
                                                    "agentId", "traceId", "eventType", "payload"};
constexpr json::KeyIndex<kWantedCount> kIndex(kWanted);

char inputs[kInputCount][kEventBytes];

// What an event's first reader does: the members found, and the wanted ones as text.
bool read_event(Bytes document, std::string_view (&texts)[kWantedCount]) {
  json::Members<48> members;
  std::size_t count = 0;
  if (json::read_object(document, {}, members.room(), count)) return false;
  std::uint8_t scratch[256];
  for (const json::Member& member : members.first(count)) {
    const std::size_t index = kIndex.find(member.key);
    if (index == kIndex.kNone) continue;
    if (member.value.kind == json::Kind::string) {
      if (!member.value.text(scratch, texts[index])) return false;
    } else {
      texts[index] = member.value.raw;
    }
  }
  return true;
}

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "json: %s\n", what);
  std::abort();
}

void prepare() {
  for (std::uint64_t row = 0; row < kInputCount; ++row) {
    const std::string document = event_document(row);
    std::memcpy(inputs[row], document.data(), kEventBytes);
    std::string_view texts[kWantedCount];
    check(read_event(bytes_of({inputs[row], kEventBytes}), texts), "the document is refused");
    check(texts[0].starts_with("evt_01HZ") && texts[0].size() == 22, "the id is another");
    check(texts[7] == "agent.end", "the event type is another");
    check(texts[8].starts_with("{\"tool\":") && texts[8].ends_with("results\"}"), "the payload is another");
    check(!read_event(bytes_of({inputs[row], kEventBytes - 1}), texts), "a cut document is accepted");
  }
}

void read_events(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    std::string_view texts[kWantedCount];
    keep(read_event(bytes_of({inputs[at % kInputCount], kEventBytes}), texts));
    keep(texts);
  }
}

// The walk alone, variant by variant: what the dispatch chooses from.
template <json::Walk kWalk>
void walk_events(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    json::Members<48> members;
    json::Task task;
    task.begin = reinterpret_cast<const std::uint8_t*>(inputs[at % kInputCount]);
    task.end = task.begin + kEventBytes;
    task.depth = limits::kJsonDepth;
    task.nodes = limits::kJsonNodes;
    task.object_only = true;
    task.members = members.room().data();
    task.capacity = members.room().size();
    json::Findings findings;
    kWalk(task, findings);
    keep(findings.count);
  }
}

void write_events(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    std::uint8_t buffer[kEventBytes + 64];
    json::Writer writer(buffer);
    writer.begin_object();
    writer.optional_string("channelId", "chn_4Tt0wR6b");
    writer.optional_string("appId", "app_9fQ2mZ7c");
    writer.optional_string("identifier", "call-10007");
    writer.key("payload");
    writer.raw({inputs[at % kInputCount], 300});
    writer.optional_string("agentId", "planner-agent-07");
    writer.optional_string("traceId", "4bf92f3577b34da60badcafe9e7a1c55");
    writer.optional_string("eventType", "agent.end");
    writer.end_object();
    keep(writer.size());
  }
}

const Operation kEvent{"json_event_503", prepare, read_events};
const Operation kWalkScalar{"json_walk_503_scalar", prepare, walk_events<json::scalar::walk>};
#if defined(__x86_64__)
const Operation kWalkSse2{"json_walk_503_sse2", prepare, walk_events<json::sse2::walk>};
const Operation kWalkAvx2{"json_walk_503_avx2", prepare, walk_events<json::avx2::walk>};
#endif
const Operation kWrite{"json_write_envelope", prepare, write_events};

}  // namespace
}  // namespace axonpush::bench
