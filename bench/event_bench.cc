// Topics, dispatch, events, credentials and the inbound path by time: layer/operation/size.
#include <axonpush/credentials.h>
#include <axonpush/payload.h>
#include <axonpush/topic.h>

#include <memory>

#include "allocations.h"
#include "pipeline_inputs.h"

namespace axonpush::bench {
namespace {

constexpr TopicDefaults kDefaults{.prefix = kPrefix, .environment = "prod"};

void publish_topic(benchmark::State& state) {
  const TopicMembers members{"prod", "app_1", "chan_100001", "agent.tool_call.end", "planner-agent-07"};
  char into[limits::kTopicOutBytes];
  const Result<std::size_t> size = write_publish_topic(into, kDefaults, members);
  if (!size.ok()) return state.SkipWithError("the topic was refused");
  Measure measure(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(write_publish_topic(into, kDefaults, members));
    benchmark::ClobberMemory();
  }
  measure.tell(*size);
}
BENCHMARK(publish_topic)->Name("topic/publish/74");

void subscribe_filter(benchmark::State& state) {
  const TopicMembers members{.channel_id = "chan_100001"};
  char into[limits::kTopicOutBytes];
  const Result<std::size_t> size = write_subscribe_filter(into, kDefaults, members);
  if (!size.ok()) return state.SkipWithError("the filter was refused");
  Measure measure(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(write_subscribe_filter(into, kDefaults, members));
    benchmark::ClobberMemory();
  }
  measure.tell(*size);
}
BENCHMARK(subscribe_filter)->Name("topic/subscribe/37");

void sanitize(benchmark::State& state) {
  std::string segment;
  while (segment.size() < static_cast<std::size_t>(state.range(0)))
    segment += "a.b\xC3\xBC\xE6\x97\xA5\xF0\x9F\x98\x80";
  std::vector<char> into(segment.size());
  if (segment.size() > limits::kTopicOutBytes || !sanitize_segment(into, segment).ok()) {
    return state.SkipWithError("the segment was refused");
  }
  Measure measure(state);
  for (auto _ : state) benchmark::DoNotOptimize(sanitize_segment(into, segment));
  measure.tell(segment.size());
}
BENCHMARK(sanitize)->Name("topic/sanitize")->Arg(12)->Arg(200);

// --- Dispatch, and beside it what it replaces: every filter asked

void match(benchmark::State& state) {
  const auto filter_count = static_cast<std::size_t>(state.range(0));
  DispatchTable table;
  fill(table, filter_count);
  std::string topics[kInputCount];
  for (std::size_t row = 0; row < kInputCount; ++row) topics[row] = topic_of(row * 157 % filter_count);
  std::uint64_t calls = 0;
  table.match(topics[0], [&calls](std::uint32_t) { ++calls; });
  if (calls != 1) return state.SkipWithError("the topic was not matched once");
  Measure measure(state);
  std::size_t turn = 0;
  for (auto _ : state) {
    table.match(topics[turn], [&calls](std::uint32_t value) { calls += value; });
    turn = (turn + 1) % kInputCount;
  }
  benchmark::DoNotOptimize(calls);
  measure.tell(topics[0].size());
}
BENCHMARK(match)->Name("dispatch/match")->Arg(1)->Arg(100)->Arg(10'000);

void match_one_by_one(benchmark::State& state) {
  const auto filter_count = static_cast<std::size_t>(state.range(0));
  std::vector<std::string> filters;
  for (std::size_t row = 0; row < filter_count; ++row) {
    filters.push_back(filter_of(row, kWorkloadMasks[row % std::size(kWorkloadMasks)]));
  }
  std::string topics[kInputCount];
  for (std::size_t row = 0; row < kInputCount; ++row) topics[row] = topic_of(row * 157 % filter_count);
  Measure measure(state);
  std::size_t turn = 0;
  for (auto _ : state) {
    std::uint64_t calls = 0;
    for (const std::string& filter : filters) calls += mqtt::topic_matches(filter, topics[turn]) ? 1U : 0U;
    if (calls != 1) return state.SkipWithError("the topic was not matched once");
    turn = (turn + 1) % kInputCount;
  }
  measure.tell(topics[0].size());
}
BENCHMARK(match_one_by_one)->Name("dispatch/match_one_by_one")->Arg(1)->Arg(100)->Arg(10'000);

void add_remove(benchmark::State& state) {
  DispatchTable table;
  fill(table, static_cast<std::size_t>(state.range(0)));
  const std::string filter = filter_of(1'000'000, kWorkloadMasks[1]);
  Measure measure(state);
  for (auto _ : state) {
    const Result<DispatchHandle> handle = table.add(filter, 7);
    if (!handle.ok() || !table.remove(*handle)) return state.SkipWithError("the filter was not taken");
  }
  measure.tell(filter.size());
}
BENCHMARK(add_remove)->Name("dispatch/add_remove")->Arg(100)->Arg(10'000);

// --- Events

void own(benchmark::State& state) {
  const std::string topic = topic_of(1), body = event_document(1);
  EventScratch scratch;
  const Event event({.topic = topic, .prefix = kPrefix, .body = bytes_of(body)}, scratch);
  Measure measure(state);
  for (auto _ : state) {
    const Result<OwnedEvent> copy = event.own();
    if (!copy.ok()) return state.SkipWithError("no copy");
    benchmark::DoNotOptimize(copy->text().data());
  }
  measure.tell(body.size());
}
BENCHMARK(own)->Name("event/own/503");

void payload(benchmark::State& state) {
  Measure measure(state);
  for (auto _ : state) {
    const Payload made = {{"text", "hello, this is an event of some length"}, {"n", 3}, {"inner", {{"deep", true}}}};
    if (made.error()) return state.SkipWithError("the payload was refused");
    benchmark::DoNotOptimize(made.json().data());
  }
  measure.tell(0);
}
BENCHMARK(payload)->Name("event/payload_of_members/3");

void credentials(benchmark::State& state) {
  const std::string body =
      R"({"endpoint":"a1-ats.iot.eu-west-1.amazonaws.com","presignedWssUrl":"wss://a1-ats.iot.eu-west-1.amazonaws.com)"
      R"(/mqtt?x-amz-customauthorizer-name=axonpush","expiresAt":"2026-11-23T18:00:00Z",)"
      R"("topicPrefix":"axonpush/org_1","envSlug":"prod","clientId":"client-1","region":"eu-west-1",)"
      R"("authorizerName":"axonpush","authToken":")" +
      std::string(static_cast<std::size_t>(state.range(0)), 't') + "\"}";
  if (!parse_credentials(bytes_of(body)).ok()) return state.SkipWithError("the credentials were refused");
  Measure measure(state);
  for (auto _ : state) benchmark::DoNotOptimize(parse_credentials(bytes_of(body)));
  measure.tell(body.size());
}
BENCHMARK(credentials)->Name("credentials/parse/token")->Arg(800)->Arg(32'000);

// --- From the frame's bytes to the callback

template <InboundPath::Reads kReads>
void inbound(benchmark::State& state) {
  const auto path = std::make_unique<InboundPath>(kReads);
  Measure measure(state);
  std::size_t turn = 0;
  for (auto _ : state) {
    if (path->receive(turn) != 1) return state.SkipWithError("the event did not arrive");
    turn = (turn + 1) % kInputCount;
  }
  measure.tell(path->frame_size(0));
}
BENCHMARK(inbound<InboundPath::Reads::members>)->Name("inbound/json/503");
BENCHMARK(inbound<InboundPath::Reads::body>)->Name("inbound/raw/503");

}  // namespace
}  // namespace axonpush::bench
