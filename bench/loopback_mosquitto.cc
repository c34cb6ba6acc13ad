// libmosquitto, MQTT 5 over plain TLS, driven by its own loop on this thread.
#if defined(AXONPUSH_BENCH_PEERS)

#include <mosquitto.h>

#include "loopback_events.h"
#include "loopback_peers.h"

namespace axonpush::bench {

namespace {

class Mosquitto final : public PeerRun {
 public:
  Mosquitto(const Work& work, const Target& target) : PeerRun(work), target_(target) {
    for (std::uint64_t row = 0; row < kInputCount; ++row) {
      topics_.push_back(event_topic(row));
      bodies_.push_back(event_document(row));
    }
  }
  Measured run();

 private:
  static void connected(mosquitto*, void* context, int reason) {
    need(reason == 0, "libmosquitto was refused");
    static_cast<Mosquitto*>(context)->subscribe();
  }
  static void subscribed(mosquitto*, void* context, int, int, const int*) { static_cast<Mosquitto*>(context)->begin(); }
  static void published(mosquitto*, void* context, int id) {
    auto* const self = static_cast<Mosquitto*>(context);
    if (self->work().qos != 0 || id == self->told_) self->on_published();
  }
  static void arrived(mosquitto*, void* context, const mosquitto_message* message) {
    static_cast<Mosquitto*>(context)->on_received(static_cast<std::size_t>(message->payloadlen));
  }
  void subscribe();
  void publish(std::uint64_t row, bool tell) override;

  Target target_;
  mosquitto* client_ = nullptr;
  int told_ = -1;  // QoS 0: the message whose going is waited for
  std::vector<std::string> topics_, bodies_;
};

void Mosquitto::subscribe() {
  if (work().traffic == Traffic::out) return begin();
  need(mosquitto_subscribe(client_, nullptr, "axonpush/org_1/+/+/+/+/+", static_cast<int>(work().qos)) ==
           MOSQ_ERR_SUCCESS,
       "libmosquitto could not subscribe");
}

void Mosquitto::publish(std::uint64_t row, bool tell) {
  const std::string& body = bodies_[row % kInputCount];
  int id = 0;
  // The id has to be known before the call: at QoS 0 the message may have gone when it returns.
  if (tell && work().qos == 0) told_ = -1;
  need(mosquitto_publish(client_, &id, topics_[row % kInputCount].c_str(), static_cast<int>(body.size()), body.data(),
                         static_cast<int>(work().qos), false) == MOSQ_ERR_SUCCESS,
       "libmosquitto could not publish");
  if (tell && work().qos == 0) told_ = id;
}

Measured Mosquitto::run() {
  mosquitto_lib_init();
  client_ = mosquitto_new(client_id_of(work()).c_str(), true, this);
  need(client_ != nullptr, "libmosquitto could not be made");
  need(mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5) == MOSQ_ERR_SUCCESS &&
           mosquitto_int_option(client_, MOSQ_OPT_RECEIVE_MAXIMUM, kReceiveMaximum) == MOSQ_ERR_SUCCESS &&
           mosquitto_int_option(client_, MOSQ_OPT_SEND_MAXIMUM, static_cast<int>(kWindow)) == MOSQ_ERR_SUCCESS &&
           mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1) == MOSQ_ERR_SUCCESS &&
           mosquitto_tls_set(client_, target_.ca_file.c_str(), nullptr, nullptr, nullptr, nullptr) == MOSQ_ERR_SUCCESS,
       "libmosquitto took no options");
  mosquitto_connect_callback_set(client_, connected);
  mosquitto_subscribe_callback_set(client_, subscribed);
  mosquitto_publish_callback_set(client_, published);
  mosquitto_message_callback_set(client_, arrived);
  need(mosquitto_connect(client_, "127.0.0.1", target_.port, 60) == MOSQ_ERR_SUCCESS, "libmosquitto could not connect");
  while (!over()) need(mosquitto_loop(client_, 1'000, 1) == MOSQ_ERR_SUCCESS, "libmosquitto lost its connection");
  return measured();
}

}  // namespace

Measured run_mosquitto(const Work& work, const Target& target) { return Mosquitto(work, target).run(); }

}  // namespace axonpush::bench

#endif
