// One MQTT 3.1.1 connection over plain TCP, written by hand: the witness of what the broker has taken, and the one who
// feeds it. Nothing of the library's codecs is in it, so that no mistake of theirs hides behind itself.
//
// Thread rule: the reactor's thread. A broker that ends it, or bytes it does not understand, leave broken() true.
#pragma once

#include <axonpush/net/reactor.h>

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace interop {

class PlainMqtt final : public axonpush::net::Watcher {
 public:
  explicit PlainMqtt(axonpush::net::Reactor& reactor) : reactor_(reactor) {}
  ~PlainMqtt();
  PlainMqtt(const PlainMqtt&) = delete;
  PlainMqtt& operator=(const PlainMqtt&) = delete;

  // False when nothing answers at 127.0.0.1:`port`.
  bool connect(std::uint16_t port, std::string_view client_id);
  void subscribe(std::string_view filter);
  // QoS 1 when there is an `acknowledged`, which is called with PUBACK; else QoS 0.
  void publish(std::string_view topic, std::string_view body, std::function<void()> acknowledged = {});

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool subscribed() const { return subscribed_; }
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] std::size_t unacknowledged() const { return waiting_.size(); }

  std::function<void(std::string_view topic, std::string_view body)> on_publish;

 private:
  void on_ready(axonpush::Interest ready) noexcept override;
  void packet(std::uint8_t head, std::string_view body);
  void incoming_publish(std::uint8_t head, std::string_view body);
  void send_packet(std::uint8_t head, std::string_view body);
  void flush();
  void fail();

  axonpush::net::Reactor& reactor_;
  int descriptor_ = -1;
  std::string in_;
  std::string out_;
  std::unordered_map<std::uint16_t, std::function<void()>> waiting_;
  std::uint16_t next_id_ = 0;
  bool writing_ = false;
  bool connected_ = false;
  bool subscribed_ = false;
  bool broken_ = false;
};

}  // namespace interop
