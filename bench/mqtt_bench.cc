// MQTT packets by time. Names: mqtt/operation/payload bytes. A view costs the same whatever the payload's size;
// encoding copies it.
#include <memory>

#include "allocations.h"
#include "mqtt_inputs.h"

namespace axonpush::bench {
namespace {

enum class With {
  nothing,
  three_properties
};

std::unique_ptr<PublishInput[]> publishes(const benchmark::State& state, With with) {
  auto inputs = std::make_unique<PublishInput[]>(kInputCount);
  for (std::uint64_t row = 0; row < kInputCount; ++row) {
    make_publish(inputs[row], row, static_cast<std::size_t>(state.range(0)), with == With::three_properties);
  }
  return inputs;
}

template <With with>
void publish_decode(benchmark::State& state) {
  const auto inputs = publishes(state, with);
  const mqtt::DecodeOptions options;
  mqtt::Packet packet;
  std::size_t turn = 0;
  Measure measure(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(mqtt::decode(inputs[turn].bytes(), options, packet));
    benchmark::ClobberMemory();
    turn = (turn + 1) % kInputCount;
  }
  measure.tell(inputs[0].packet_size);
}

template <With with>
void publish_encode(benchmark::State& state) {
  const auto inputs = publishes(state, with);
  const auto target = std::make_unique<PublishInput>();
  std::size_t turn = 0;
  Measure measure(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(mqtt::encode_publish(target->packet, inputs[turn].publish));
    benchmark::ClobberMemory();
    turn = (turn + 1) % kInputCount;
  }
  measure.tell(inputs[0].packet_size);
}

void puback_decode(benchmark::State& state) {
  std::uint8_t pubacks[kInputCount][4];
  for (std::uint64_t row = 0; row < kInputCount; ++row) {
    demand(mqtt::encode_puback(pubacks[row], static_cast<std::uint16_t>(row + 1)) == 4);
  }
  const mqtt::DecodeOptions options;
  mqtt::Packet packet;
  std::size_t turn = 0;
  Measure measure(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(mqtt::decode(pubacks[turn], options, packet));
    benchmark::ClobberMemory();
    turn = (turn + 1) % kInputCount;
  }
  demand(packet.type == mqtt::PacketType::puback);
  measure.tell(4);
}

void puback_encode(benchmark::State& state) {
  std::uint8_t target[4];
  std::uint16_t packet_id = 0;
  Measure measure(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(mqtt::encode_puback(target, ++packet_id));
    benchmark::ClobberMemory();
  }
  measure.tell(4);
}

void topic_check(benchmark::State& state) {
  const auto input = std::make_unique<PublishInput>();
  make_publish(*input, 7, 256, false);
  Measure measure(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(mqtt::topic_name_valid(input->publish.topic));
    benchmark::ClobberMemory();
  }
  measure.tell(kTopicBytes);
}

BENCHMARK(publish_decode<With::nothing>)->Name("mqtt/publish_decode")->Arg(0)->Arg(256)->Arg(4096)->Arg(65536);
BENCHMARK(publish_decode<With::three_properties>)->Name("mqtt/publish_decode_p3")->Arg(0)->Arg(256)->Arg(65536);
BENCHMARK(publish_encode<With::nothing>)->Name("mqtt/publish_encode")->Arg(0)->Arg(256)->Arg(4096)->Arg(65536);
BENCHMARK(publish_encode<With::three_properties>)->Name("mqtt/publish_encode_p3")->Arg(0)->Arg(256)->Arg(65536);
BENCHMARK(puback_decode)->Name("mqtt/puback_decode/4");
BENCHMARK(puback_encode)->Name("mqtt/puback_encode/4");
BENCHMARK(topic_check)->Name("mqtt/topic_check/54");

}  // namespace
}  // namespace axonpush::bench
