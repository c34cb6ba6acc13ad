// The whole client, not its codecs alone: the way of an event of 503 bytes from the decrypted bytes of a frame to the
// callback, against 100 filters in six wildcard masks, with and without reading nine members; and from publish to the
// bytes that TLS is given. Sixteen events a read, half of what a TLS record holds of them.
#include <axonpush/mqtt/packet.h>
#include <axonpush/ws/frame.h>

#include "client_host.h"
#include "event_inputs.h"
#include "json_inputs.h"

namespace axonpush::bench {
namespace {

constexpr std::size_t kFilters = 100;
constexpr std::uint64_t kEventsPerRead = 16;

ClientHost* host = nullptr;
std::string reads[kInputCount / kEventsPerRead];
std::string bodies[kInputCount];
std::uint64_t received = 0;
std::uint64_t read_bytes = 0;

void count_event(const Event& event) {
  ++received;
  read_bytes += event.body().size();
}

void read_event(const Event& event) {
  ++received;
  read_bytes += event.id().size() + event.event_id().size() + event.org_id().size() + event.app_id().size() +
                event.channel_id().size() + event.agent_id().size() + event.trace_id().size() +
                event.event_type().size() + event.payload().raw.size();
}

std::string frame_of(std::size_t row) {
  const std::string topic = topic_of(row * 157 % kFilters);
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = bytes_of(bodies[row]);
  std::uint8_t packet[1024];
  const std::size_t size = mqtt::encode_publish(packet, publish);
  std::uint8_t frame[1100];
  const std::size_t framed = ws::encode_frame(frame, ws::Opcode::binary, Bytes(packet).first(size), nullptr);
  demand(size != 0 && framed != 0, "an event could not be encoded");
  return {reinterpret_cast<const char*>(frame), framed};
}

// COUNT events, in reads of sixteen and of what is left.
void inbound(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; at += kEventsPerRead) {
    const std::string& read = reads[at / kEventsPerRead % std::size(reads)];
    const std::uint64_t events = count - at < kEventsPerRead ? count - at : kEventsPerRead;
    host->receive(bytes_of(read).first((read.size() - kReadSlackBytes) / kEventsPerRead * events));
  }
  keep(read_bytes);
}

template <bool kJson>
void prepare_inbound() {
  for (std::size_t row = 0; row < kInputCount; ++row) bodies[row] = event_document(row);
  for (std::size_t row = 0; row < kInputCount; ++row) reads[row / kEventsPerRead] += frame_of(row);
  for (std::string& read : reads) read.resize(read.size() + kReadSlackBytes);
  static ClientHost one;
  host = &one;
  host->connect(kFilters, kJson ? read_event : count_event, kJson);
  inbound(kEventsPerRead);
  demand(received == kEventsPerRead, "an event was not delivered once");
  demand(!kJson || read_bytes / kEventsPerRead > 150, "the members were not read");
}

void prepare_outbound() {
  for (std::size_t row = 0; row < kInputCount; ++row) bodies[row] = event_document(row);
  static ClientHost one;
  host = &one;
  host->connect(0, count_event, false);
  const std::uint64_t before = host->sent_bytes();
  demand(host->session()
             .publish_raw({.channel_id = "chan_00", .body = bytes_of(bodies[0])}, {},
                          {.qos = PublishOptions::Delivery::at_most_once})
             .ok(),
         "a publish was refused");
  host->turn();
  demand(host->sent_bytes() - before > kEventBytes, "a publish was not sent");
}

void outbound(std::uint64_t count) {
  constexpr PublishOptions kOptions{.qos = PublishOptions::Delivery::at_most_once};
  for (std::uint64_t at = 0; at < count; ++at) {
    const RawMessage message{.channel_id = "chan_00",
                             .app_id = "app_00",
                             .agent_id = "agent_00",
                             .event_type = "agent_start",
                             .body = bytes_of(bodies[at % kInputCount])};
    keep(host->session().publish_raw(message, {}, kOptions).ok());
    if (at % kEventsPerRead == kEventsPerRead - 1) host->turn();
  }
  host->turn();
}

// The same from a Message: topic, envelope and payload serialised in the cork.
void outbound_message(std::uint64_t count) {
  constexpr PublishOptions kOptions{.qos = PublishOptions::Delivery::at_most_once};
  Message message{.channel_id = "chan_00",
                  .app_id = "app_00",
                  .identifier = "call-10000",
                  .payload = std::string_view(bodies[0]).substr(0, kEventBytes),
                  .agent_id = "agent_00",
                  .event_type = "agent_start"};
  for (std::uint64_t at = 0; at < count; ++at) {
    keep(host->session().publish(message, {}, kOptions).ok());
    if (at % kEventsPerRead == kEventsPerRead - 1) host->turn();
  }
  host->turn();
}

const Operation kInboundRaw{"client_inbound_500_raw", prepare_inbound<false>, inbound};
const Operation kInboundJson{"client_inbound_500_json", prepare_inbound<true>, inbound};
const Operation kOutbound{"outbound_500", prepare_outbound, outbound};
const Operation kOutboundMessage{"outbound_500_message", prepare_outbound, outbound_message};

}  // namespace
}  // namespace axonpush::bench
