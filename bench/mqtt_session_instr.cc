// What the session adds to a packet: the verdict on an incoming PUBLISH, its acknowledgement, and a publish of ours
// from begin to PUBACK. Packets are decoded before the loop; the codec has figures of its own.
#include <axonpush/mqtt/session.h>

#include <cstdlib>

#include "instr.h"

namespace axonpush::bench {
namespace {

using mqtt::Packet;
using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Session;
using mqtt::Verdict;

mqtt::Session* session = nullptr;
Packet packets[kInputCount];
constexpr Instant kNow = Instant::from_nanoseconds(1'000'000'000);

void connect() {
  static Session one{mqtt::ClientTerms{}};
  session = &one;
  session->on_connecting({}, kNow);
  Packet connack;
  connack.type = PacketType::connack;
  connack.connack = mqtt::Connack{};
  if (session->on_packet(connack, kNow).kind != Verdict::Kind::connack) std::abort();
}

template <Qos kQos>
void prepare_incoming() {
  connect();
  for (std::uint64_t at = 0; at < kInputCount; ++at) {
    packets[at].type = PacketType::publish;
    packets[at].publish = mqtt::Publish{};
    packets[at].publish.topic = "axonpush/org_1/prod/app_1/chan_1/agent_start/agent_1";
    packets[at].publish.qos = kQos;
    packets[at].publish.packet_id =
        kQos == Qos::at_most_once ? std::uint16_t{0} : static_cast<std::uint16_t>(at * 97 + 1);
  }
  const Verdict verdict = session->on_packet(packets[0], kNow);
  if (verdict.kind != Verdict::Kind::publish || verdict.topic != packets[0].publish.topic) std::abort();
  const Session::Answer expected = kQos == Qos::at_most_once ? Session::Answer::none : Session::Answer::puback;
  if (session->acknowledge(verdict.packet_id) != expected) std::abort();
}

void incoming(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    const Verdict verdict = session->on_packet(packets[at % kInputCount], kNow);
    keep(verdict.topic.data());
    keep(session->acknowledge(verdict.packet_id));
  }
}

void outgoing(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    const Result<std::uint16_t> id = session->begin_publish(Qos::at_least_once, static_cast<std::uint32_t>(at), kNow);
    Packet& puback = packets[at % kInputCount];
    puback.ack.packet_id = id.value();
    const Verdict verdict = session->on_packet(puback, kNow);
    keep(verdict.token);
  }
}

void prepare_outgoing() {
  connect();
  for (Packet& packet : packets) {
    packet.type = PacketType::puback;
    packet.ack = mqtt::Ack{};
  }
  outgoing(1);
  if (session->publishes_in_flight() != 0 || session->publish_quota() != limits::kMqttInflightOut) std::abort();
}

void deadlines(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) {
    session->on_received(kNow + nanoseconds(static_cast<std::int64_t>(at)));
    keep(session->deadline());
  }
}

const Operation kIncoming0{"mqtt_session_publish_in_qos0", prepare_incoming<Qos::at_most_once>, incoming};
const Operation kIncoming1{"mqtt_session_publish_in_qos1", prepare_incoming<Qos::at_least_once>, incoming};
const Operation kOutgoing1{"mqtt_session_publish_out_qos1", prepare_outgoing, outgoing};
const Operation kDeadline{"mqtt_session_deadline", prepare_outgoing, deadlines};

}  // namespace
}  // namespace axonpush::bench
