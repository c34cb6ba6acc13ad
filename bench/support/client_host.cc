#include "client_host.h"

#include <axonpush/mqtt/packet.h>
#include <axonpush/ws/frame.h>
#include <axonpush/ws/handshake.h>

#include "base/verified.h"
#include "event_inputs.h"

namespace axonpush::bench {

bool ClientHost::fill(MutableBytes into) noexcept {
  // Bytes that differ, in as many instructions as the real source hands out from its block.
  for (std::uint8_t& byte : into) {
    random_ = random_ * 1'664'525 + 1'013'904'223;
    byte = static_cast<std::uint8_t>(random_ >> 24U);
  }
  return true;
}

Status ClientHost::open(const Endpoint&, ConnectionId id, ConnectionSink& sink) noexcept {
  id_ = id;
  sink_ = &sink;
  opening_ = true;
  return {};
}

IoResult ClientHost::recv(MutableBytes into) noexcept {
  if (!scripted_.empty()) {
    const std::size_t size = scripted_.size() < into.size() ? scripted_.size() : into.size();
    std::memcpy(into.data(), scripted_.data(), size);
    scripted_.erase(0, size);
    return {IoOutcome::ok, size};
  }
  if (frames_.empty()) return {};
  const std::size_t size = frames_.size() < into.size() ? frames_.size() : into.size();
  // In steps of a cache line (the inputs have slack behind them, and so has the buffer): what the record layer does
  // anyway should not hide in the figure, and `rep movsb` counts as an instruction a byte.
  for (std::size_t at = 0; at < size; at += kReadSlackBytes) {
    std::memcpy(into.data() + at, frames_.data() + at, kReadSlackBytes);
  }
  frames_ = frames_.subspan(size);
  return {IoOutcome::ok, size};
}

IoResult ClientHost::send(Bytes from) noexcept {
  sent_ += from.size();
  if (scripting_) answer(std::string(text_of(from)));
  return {IoOutcome::ok, from.size()};
}

// The server's part: the upgrade, CONNACK, a SUBACK for each SUBSCRIBE.
void ClientHost::answer(std::string sent) {
  unanswered_ += sent;
  if (unanswered_.starts_with("GET ")) {
    const std::size_t key = unanswered_.find("Sec-WebSocket-Key: ");
    demand(key != std::string::npos && unanswered_.ends_with("\r\n\r\n"), "the upgrade is not whole");
    const ws::Accept accept = ws::accept_of(std::string_view(unanswered_).substr(key + 19, 24));
    scripted_ +=
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: ";
    scripted_.append(accept.view());
    scripted_ += "\r\n\r\n";
    unanswered_.clear();
    return;
  }
  ws::FrameDecoder frames({.role = ws::Role::server});
  MutableBytes left{reinterpret_cast<std::uint8_t*>(unanswered_.data()), unanswered_.size()};
  while (!left.empty()) {
    const ws::FrameDecoder::Step step = frames.next(left);
    demand(step.kind == ws::FrameDecoder::Kind::data, "a frame is not whole");
    left = left.subspan(step.consumed);
    mqtt::Packet packet;
    const mqtt::Decoded decoded = mqtt::decode(step.payload, {.sender = mqtt::Sender::client}, packet);
    demand(decoded.progress == Progress::done, "a packet is not whole");
    std::uint8_t reply[64];
    std::size_t size = 0;
    if (packet.type == mqtt::PacketType::connect) size = mqtt::encode_connack(reply, {});
    if (packet.type == mqtt::PacketType::subscribe) {
      const std::uint8_t granted[limits::kFiltersPerSubscribe] = {1, 1, 1, 1, 1, 1, 1, 1};
      const mqtt::ReasonList reasons{.reason_codes = Bytes(granted).first(packet.filters.count),
                                     .packet_id = packet.filters.packet_id};
      size = mqtt::encode_reasons(reply, mqtt::PacketType::suback, reasons);
    }
    if (size == 0) continue;
    std::uint8_t frame[80];
    const std::size_t framed = ws::encode_frame(frame, ws::Opcode::binary, Bytes(reply).first(size), nullptr);
    scripted_.append(reinterpret_cast<const char*>(frame), framed);
  }
  unanswered_.clear();
}

void ClientHost::run_turn() {
  turn_wanted_ = false;
  driven_->turn(now());
}

// Until nothing moves any more.
void ClientHost::settle() {
  for (int rounds = 0; rounds < 1'000; ++rounds) {
    if (opening_) {
      opening_ = false;
      sink_->on_open(id_, *this, TlsVerifiedIssuer::issue());
    } else if (!scripted_.empty()) {
      sink_->on_ready(id_, {.read = true, .write = false});
    } else if (turn_wanted_) {
      run_turn();
    } else {
      return;
    }
  }
  demand(false, "the client does not come to rest");
}

void ClientHost::connect(std::size_t filters, void (*callback)(const Event&), bool json) {
  ClientOptions options;
  options.api_key = "ak_bench";
  options.read_environment = false;
  options.credentials_source = [](CredentialsAnswer& answer) {
    answer.body(
        R"({"endpoint":"broker.example.com","presignedWssUrl":"wss://broker.example.com/mqtt","clientId":"bench",)"
        R"("expiresAt":"2026-09-22T12:00:00Z","topicPrefix":"axonpush/org_1","envSlug":"prod"})");
  };
  client_ = std::make_unique<Client>(static_cast<Host&>(*this), std::move(options));
  RealtimeOptions wishes;
  wishes.subscriptions_max = limits::kSubscriptionsCeiling;
  bool connected = false;
  const Status begun = client_->connect_realtime(std::move(wishes), [&](const Result<Realtime>& result) {
    if (!result.ok())
      std::fprintf(stderr, "%.*s\n", static_cast<int>(result.error().what().size()), result.error().what().data());
    demand(result.ok(), "the client did not connect");
    session_ = *result;
    connected = true;
  });
  demand(begun.ok(), "the client did not begin to connect");
  settle();
  demand(connected, "the client did not connect");
  for (std::size_t row = 0; row < filters; ++row) {
    const std::string topic = topic_of(row);
    TopicSegments parts;
    demand(split_topic(topic, kPrefix, parts), "a topic is not ours");
    const std::uint32_t mask = kWorkloadMasks[row % std::size(kWorkloadMasks)];
    const SubscribeFilter filter{.channel_id = (mask & 4U) != 0 ? parts.channel_id : std::string_view(),
                                 .app_id = (mask & 2U) != 0 ? parts.app_id : std::string_view(),
                                 .environment = (mask & 1U) != 0 ? parts.environment : std::string_view("+"),
                                 .event_type = (mask & 8U) != 0 ? parts.event_type : std::string_view(),
                                 .agent_id = (mask & 16U) != 0 ? parts.agent_id : std::string_view()};
    const auto subscribed = json ? session_.subscribe(filter, callback) : session_.subscribe_raw(filter, callback);
    demand(subscribed.ok(), "a subscription was refused");
    settle();
  }
  scripting_ = false;
}

void ClientHost::receive(Bytes frames) {
  frames_ = frames;
  sink_->on_ready(id_, {.read = true, .write = false});
  if (turn_wanted_) run_turn();
}

}  // namespace axonpush::bench
