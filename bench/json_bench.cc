// JSON by time: json/operation/bytes. With AXONPUSH_BENCH_PEERS the same event is read by simdjson and nlohmann.
#include <axonpush/json/reader.h>
#include <axonpush/json/writer.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#if defined(AXONPUSH_BENCH_JSON_PEERS)
#include <simdjson.h>

#include <nlohmann/json.hpp>
#endif

#include "allocations.h"
#include "json/key_index.h"
#include "json/walk.h"
#include "json_inputs.h"

namespace axonpush::bench {
namespace {

constexpr std::size_t kRows = 64;

std::vector<std::string> event_documents() {
  std::vector<std::string> documents;
  for (std::uint64_t row = 0; row < kRows; ++row) documents.push_back(event_document(row));
  return documents;
}

// An array of events and of texts with escapes and other scripts, about `size` bytes long.
std::string mixed_document(std::size_t size) {
  std::string document = "[0";
  for (std::uint64_t row = 0; document.size() + kEventBytes + 100 < size; ++row) {
    document += "," + event_document(row % kRows) +
                ",\n  \"caf\xC3\xA9 \xE6\x97\xA5\xE6\x9C\xAC \\\"quoted\\\" \\u00e9\", -1.5e3, true";
  }
  return document + "]";
}

constexpr std::string_view kWanted[] = {"id",      "eventId", "orgId",     "appId",  "channelId",
                                        "agentId", "traceId", "eventType", "payload"};
constexpr json::KeyIndex<std::size(kWanted)> kIndex(kWanted);

// Eight string members and the raw payload; the sum of their sizes.
std::size_t read_event(std::string_view document) {
  json::Members<48> members;
  std::size_t count = 0;
  if (json::read_object(bytes_of(document), {}, members.room(), count)) return 0;
  std::size_t sum = 0;
  std::uint8_t scratch[256];
  for (const json::Member& member : members.first(count)) {
    if (kIndex.find(member.key) == kIndex.kNone) continue;
    std::string_view text;
    sum += member.value.text(scratch, text) ? text.size() : member.value.raw.size();
  }
  return sum;
}
constexpr std::size_t kWantedBytes = 22 + 36 + 11 + 12 + 12 + 16 + 32 + 9 + 101;

template <class Read>
void read_events(benchmark::State& state, Read read) {
  const std::vector<std::string> documents = event_documents();
  for (const std::string& document : documents) {
    if (read(document) != kWantedBytes) return state.SkipWithError("the event was not read");
  }
  Measure measure(state);
  std::size_t turn = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(read(documents[turn]));
    turn = (turn + 1) % kRows;
  }
  measure.tell(kEventBytes);
}
void event(benchmark::State& state) { read_events(state, read_event); }
BENCHMARK(event)->Name("json/read_event/503");

#if defined(AXONPUSH_BENCH_JSON_PEERS)
void event_simdjson(benchmark::State& state) {
  simdjson::ondemand::parser parser;
  const auto read = [&parser](const std::string& document) {
    // The padding it needs is what a copy costs; a receive buffer would have it.
    static char padded[kEventBytes + simdjson::SIMDJSON_PADDING];
    std::memcpy(padded, document.data(), kEventBytes);
    simdjson::ondemand::document parsed;
    if (parser.iterate(padded, kEventBytes, sizeof padded).get(parsed) != simdjson::SUCCESS) return std::size_t{0};
    std::size_t sum = 0;
    for (auto field : parsed.get_object()) {
      std::string_view key;
      if (field.unescaped_key().get(key) != simdjson::SUCCESS) return std::size_t{0};
      const std::size_t index = kIndex.find(key);
      if (index == kIndex.kNone) continue;
      std::string_view text;
      if (index == std::size(kWanted) - 1) {
        simdjson::ondemand::object payload;
        if (field.value().get_object().get(payload) != simdjson::SUCCESS) return std::size_t{0};
        if (payload.raw_json().get(text) != simdjson::SUCCESS) return std::size_t{0};
      } else if (field.value().get_string().get(text) != simdjson::SUCCESS) {
        return std::size_t{0};
      }
      sum += text.size();
    }
    return sum;
  };
  read_events(state, read);
}
BENCHMARK(event_simdjson)->Name("json/read_event_simdjson_ondemand/503");

void event_nlohmann(benchmark::State& state) {
  read_events(state, [](const std::string& document) {
    const nlohmann::json value = nlohmann::json::parse(document, nullptr, false);
    std::size_t sum = 0;
    for (const std::string_view name : kWanted) {
      const auto& member = value[std::string(name)];
      sum += member.is_string() ? member.get_ref<const std::string&>().size() : 101;
    }
    return sum;
  });
}
BENCHMARK(event_nlohmann)->Name("json/read_event_nlohmann/503");
#endif

void validate(benchmark::State& state) {
  const std::string document = mixed_document(static_cast<std::size_t>(state.range(0)));
  json::Value root;
  if (json::validate(bytes_of(document), {}, root)) return state.SkipWithError("the document was refused");
  Measure measure(state);
  for (auto _ : state) benchmark::DoNotOptimize(json::validate(bytes_of(document), {}, root));
  measure.tell(document.size());
}
BENCHMARK(validate)->Name("json/validate")->Arg(2'048)->Arg(16'384)->Arg(262'144);

// What the vector variants gain over the one without.
template <json::Walk kWalk>
void walk(benchmark::State& state) {
  const std::string document = mixed_document(static_cast<std::size_t>(state.range(0)));
  Measure measure(state);
  for (auto _ : state) {
    json::Task task;
    task.begin = reinterpret_cast<const std::uint8_t*>(document.data());
    task.end = task.begin + document.size();
    task.depth = limits::kJsonDepth;
    task.nodes = limits::kJsonNodes;
    json::Findings findings;
    kWalk(task, findings);
    if (findings.fault != json::Fault::none) return state.SkipWithError("the document was refused");
    benchmark::DoNotOptimize(findings);
  }
  measure.tell(document.size());
}
BENCHMARK(walk<json::scalar::walk>)->Name("json/walk_scalar")->Arg(16'384);
#if defined(__x86_64__)
BENCHMARK(walk<json::sse2::walk>)->Name("json/walk_sse2")->Arg(16'384);
void walk_avx2(benchmark::State& state) {
  if (!json::avx2::available()) return state.SkipWithError("this processor has no AVX2");
  walk<json::avx2::walk>(state);
}
BENCHMARK(walk_avx2)->Name("json/walk_avx2")->Arg(16'384);
#endif

void unescape(benchmark::State& state) {
  std::string escaped;
  while (escaped.size() < static_cast<std::size_t>(state.range(0)))
    escaped += R"(some text\n\u00e9 \ud83d\ude00 \"x\" )";
  std::vector<std::uint8_t> scratch(escaped.size());
  std::string_view text;
  if (!json::unescape(escaped, scratch, text)) return state.SkipWithError("the text was refused");
  Measure measure(state);
  for (auto _ : state) benchmark::DoNotOptimize(json::unescape(escaped, scratch, text));
  measure.tell(escaped.size());
}
BENCHMARK(unescape)->Name("json/unescape")->Arg(64)->Arg(4'096);

void write_envelope(benchmark::State& state) {
  const std::string payload = "{\"text\":\"" + std::string(static_cast<std::size_t>(state.range(0)), 'x') + "\"}";
  std::vector<std::uint8_t> room(payload.size() + 512);
  const auto write = [&] {
    json::Writer writer(room);
    writer.begin_object();
    writer.optional_string("channelId", "chn_4Tt0wR6b");
    writer.optional_string("appId", "app_9fQ2mZ7c");
    writer.optional_string("identifier", "call-10007");
    writer.key("payload");
    writer.raw(payload);
    writer.optional_string("agentId", "planner-agent-07");
    writer.optional_string("eventType", "agent.end");
    writer.end_object();
    return writer.ok() ? writer.size() : 0;
  };
  const std::size_t size = write();
  if (size == 0) return state.SkipWithError("the envelope did not fit");
  Measure measure(state);
  for (auto _ : state) benchmark::DoNotOptimize(write());
  measure.tell(size);
}
BENCHMARK(write_envelope)->Name("json/write_envelope/payload")->Arg(256)->Arg(4'096);

}  // namespace
}  // namespace axonpush::bench
