// The HTTP request that becomes a WebSocket.
#include <algorithm>
#include <array>

#include "testing/broker_peer.h"
#include "testing/credentials.h"
#include "testing/server.h"

namespace axonpush::inline v0::testing {

namespace {

// AWS IoT Core and mosquitto answer `mqtt` to every list that holds it, and nothing else ([MQTT-6.0.0-3], -4).
constexpr std::string_view kSubprotocol = "mqtt";

bool list_holds(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (item == wanted) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace

std::size_t BrokerPeer::take_upgrade(MutableBytes input) {
  std::size_t used = 0;
  for (;;) {
    const http::Step step = upgrade_->decoder.next(input.subspan(used));
    used += step.consumed;
    switch (step.kind) {
      case http::StepKind::need_more:
        return used;
      case http::StepKind::head:
        judge_upgrade(upgrade_->decoder.head());
        break;
      case http::StepKind::body:
        break;
      case http::StepKind::done:
        answer_upgrade();
        return used;
      case http::StepKind::error:
        ++server_.stats().protocol_errors;
        upgrade_->refused = 400;
        answer_upgrade();
        return used;
    }
  }
}

std::uint16_t BrokerPeer::refusal_of(const http::RequestHead& head) {
  Faults& faults = server_.faults();
  if (faults.refuse_upgrade.take()) return faults.refuse_upgrade.value;
  const std::size_t mark = head.target.find('?');
  if (head.target.substr(0, mark) != kBrokerPath) return 404;
  // Without a query anything goes, for other clients; with one it is what the credentials said, byte for byte.
  if (mark != std::string_view::npos && head.target.substr(mark + 1) != kAuthorizerQuery) return 403;
  std::array<ws::HeaderView, limits::kHttpHeaderCount> views;
  const std::size_t count = std::min(head.headers.size(), views.size());
  for (std::size_t index = 0; index < count; ++index) {
    views[index] = {head.headers[index].name, head.headers[index].value};
  }
  ws::RequestView request;
  if (ws::check_request(head.method, std::span(views).first(count), request)) return 400;
  if (!request.protocols.empty() && !list_holds(request.protocols, kSubprotocol)) return 400;
  upgrade_->has_protocol = !request.protocols.empty();
  upgrade_->accept = ws::accept_of(request.key);
  return 0;
}

void BrokerPeer::judge_upgrade(const http::RequestHead& head) { upgrade_->refused = refusal_of(head); }

void BrokerPeer::answer_upgrade() {
  const std::uint16_t refused = upgrade_->refused;
  std::uint8_t room[512];
  http::ResponseWriter writer(room);
  if (refused != 0) {
    writer.start(refused, "Refused");
    writer.header("Content-Length", "0");
    writer.header("Connection", "close");
    ++server_.stats().upgrades_refused;
  } else {
    writer.start(101, "Switching Protocols");
    writer.header("Upgrade", "websocket");
    writer.header("Connection", "Upgrade");
    writer.header("Sec-WebSocket-Accept", upgrade_->accept.view());
    if (upgrade_->has_protocol) writer.header("Sec-WebSocket-Protocol", kSubprotocol);
    ++server_.stats().upgrades;
  }
  writer.finish();
  if (!writer.ok()) return abort();
  if (refused != 0) {
    send(writer.written());
    return finish();
  }
  phase_ = Phase::connect;
  upgrade_.reset();
  const Duration wait = server_.faults().delay_of(LoopbackAnswer::upgrade);
  if (wait == Duration::zero()) return send(writer.written());
  server_.later(*this, server_.reactor().now() + wait, {writer.written().begin(), writer.written().end()}, kRaw);
}

}  // namespace axonpush::inline v0::testing
