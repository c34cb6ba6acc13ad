// The flight recorder: fed by everything that happens, bounded, readable as JSON lines, and without a secret.
#include <axonpush/json/reader.h>
#include <axonpush/trace.h>

#include <set>

#include "client/scenario.h"

namespace axonpush::test {
namespace {

std::string json_of(const TraceRecord& record) {
  char line[FlightRecorder::kJsonBytes];
  return {line, FlightRecorder::format_json(record, line)};
}

std::string dump(const FlightRecorder& recorder) {
  std::string lines;
  for (std::size_t at = 0; at < recorder.size(); ++at) lines += json_of(recorder[at]) + "\n";
  return lines;
}

// A day of it: connect, subscribe, publish, a failed fetch, a swap, a lost connection, a refused filter, the end.
void live(Scenario& scene, FlightRecorder& recorder) {
  ClientOptions options = Scenario::client_options();
  options.trace = &recorder;
  scene.make(std::move(options));
  ASSERT_TRUE(scene.connect());
  ASSERT_TRUE(scene.subscribe({.channel_id = "a"}, [](const Event&) {}).ok());
  ASSERT_TRUE(scene.rt.publish({.channel_id = "a", .identifier = "PAYLOADMARKER", .payload = R"({"n":1})"}).ok());
  scene.api.next.push_back({.status = 401, .body = R"({"message":"SERVERTEXTMARKER"})"});
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().swaps == 1; }, hours(2)));
  scene.world.run_for(seconds(30));
  scene.broker.newest()->cut(sim::Connection::Cut::reset);
  ASSERT_TRUE(scene.run_until([&] { return scene.rt.stats().reconnects == 1; }));
  bool over = false;
  static_cast<void>(scene.rt.disconnect([&over](const Status&) { over = true; }));
  ASSERT_TRUE(scene.run_until([&] { return over; }));
}

TEST(FlightRecorder, IsFedByEveryKindOfRecord) {
  FlightRecorder recorder;
  Scenario scene;
  live(scene, recorder);
  ASSERT_LT(recorder.total(), FlightRecorder::kCapacity) << "or the first are gone";
  std::set<TraceKind> kinds;
  std::set<std::string> packets;
  Instant last = recorder[0].at;
  for (std::size_t at = 0; at < recorder.size(); ++at) {
    const TraceRecord& record = recorder[at];
    kinds.insert(record.kind);
    EXPECT_GE(record.at, last);
    last = record.at;
    if (record.kind != TraceKind::packet_in && record.kind != TraceKind::packet_out) continue;
    packets.insert((record.kind == TraceKind::packet_in ? "<" : ">") +
                   std::string(name_of(static_cast<mqtt::PacketType>(record.number))));
    EXPECT_GE(record.size, 2U);
    EXPECT_NE(record.connection, 0U);
  }
  for (std::uint8_t kind = 0; kind <= static_cast<std::uint8_t>(TraceKind::error); ++kind) {
    EXPECT_EQ(kinds.count(static_cast<TraceKind>(kind)), 1U) << name_of(static_cast<TraceKind>(kind));
  }
  for (const char* packet : {">CONNECT", "<CONNACK", ">SUBSCRIBE", "<SUBACK", ">PUBLISH", "<PUBACK", "<PUBLISH",
                             ">PUBACK", ">PINGREQ", "<PINGRESP", ">DISCONNECT"}) {
    EXPECT_EQ(packets.count(packet), 1U) << packet;
  }
}

TEST(FlightRecorder, CountsThePacketsOfBothWaysAsTheBrokerDoes) {
  FlightRecorder recorder;
  Scenario scene;
  live(scene, recorder);
  std::map<std::pair<TraceKind, std::uint32_t>, std::uint64_t> seen;
  for (std::size_t at = 0; at < recorder.size(); ++at) ++seen[{recorder[at].kind, recorder[at].number}];
  EXPECT_EQ((seen[{TraceKind::packet_out, 1}]), scene.broker.connects.size());
  EXPECT_EQ((seen[{TraceKind::packet_out, 3}]), scene.broker.stored.size());
  EXPECT_EQ((seen[{TraceKind::packet_out, 8}]), scene.broker.subscribes.size());
  EXPECT_EQ((seen[{TraceKind::packet_out, 4}]), scene.broker.pubacks);
  EXPECT_EQ((seen[{TraceKind::packet_in, 3}]), scene.broker.deliveries);
  EXPECT_EQ((seen[{TraceKind::packet_out, 12}]), scene.broker.pings);
}

TEST(FlightRecorder, EveryLineIsJsonAndHoldsNoSecret) {
  FlightRecorder recorder;
  Scenario scene;
  live(scene, recorder);
  const std::string lines = dump(recorder);
  EXPECT_EQ(static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n')), recorder.size());
  for (std::size_t at = 0; at < recorder.size(); ++at) {
    const std::string line = json_of(recorder[at]);
    json::Value root;
    EXPECT_FALSE(json::validate(bytes_of(line), {}, root)) << line;
    EXPECT_EQ(root.kind, json::Kind::object);
  }
  for (const char* secret : {"MARKER", scene.api.last_token.c_str(), "org_1", "client-1", "example.com"}) {
    EXPECT_EQ(lines.find(secret), std::string::npos) << secret;
  }
}

TEST(FlightRecorder, KeepsTheLastOnes) {
  FlightRecorder recorder;
  EXPECT_EQ(recorder.size(), 0U);
  for (std::uint32_t n = 0; n < FlightRecorder::kCapacity + 3; ++n) {
    recorder.record({.at = {}, .number = n, .kind = TraceKind::fetch_done});
  }
  EXPECT_EQ(recorder.size(), FlightRecorder::kCapacity);
  EXPECT_EQ(recorder.total(), FlightRecorder::kCapacity + 3);
  EXPECT_EQ(recorder[0].number, 3U);
  EXPECT_EQ(recorder[FlightRecorder::kCapacity - 1].number, FlightRecorder::kCapacity + 2);
}

TEST(FlightRecorder, NamesWhatANumberStandsForAndSurvivesOneThatStandsForNothing) {
  const TraceRecord connack{
      .at = Instant::from_nanoseconds(5), .connection = 7, .number = 2, .size = 11, .kind = TraceKind::packet_in};
  EXPECT_EQ(json_of(connack), R"({"at_ns":5,"kind":"packet_in","connection":7,"number":2,"what":"CONNACK","size":11,)"
                              R"("error":"none"})");
  for (std::uint8_t kind = 0; kind <= static_cast<std::uint8_t>(TraceKind::error); ++kind) {
    for (const std::uint32_t number : {0U, 1U, 15U, 16U, 99U, UINT32_MAX}) {
      const TraceRecord record{.at = Instant::never(),
                               .connection = UINT64_MAX,
                               .number = number,
                               .size = UINT32_MAX,
                               .kind = static_cast<TraceKind>(kind),
                               .error = Errc::credentials_invalid};
      const std::string line = json_of(record);
      json::Value root;
      ASSERT_FALSE(line.empty()) << "kJsonBytes is enough for any record";
      EXPECT_FALSE(json::validate(bytes_of(line), {}, root)) << line;
    }
  }
  char small[20];
  EXPECT_EQ(FlightRecorder::format_json(connack, small), 0U);
}

}  // namespace
}  // namespace axonpush::test
