// Paho C, asynchronous, MQTT 5 over secure WebSocket.
#if defined(AXONPUSH_BENCH_PEERS)

#include <MQTTAsync.h>

#include <time.h>

#include "loopback_events.h"
#include "loopback_peers.h"

namespace axonpush::bench {

namespace {

class Paho final : public PeerRun {
 public:
  Paho(const Work& work, const Target& target) : PeerRun(work), target_(target) {
    for (std::uint64_t row = 0; row < kInputCount; ++row) {
      topics_.push_back(event_topic(row));
      bodies_.push_back(event_document(row));
    }
  }
  Measured run();

 private:
  static void connected(void* context, MQTTAsync_successData5*) { static_cast<Paho*>(context)->subscribe(); }
  static void subscribed(void* context, MQTTAsync_successData5*) { static_cast<Paho*>(context)->begin(); }
  static void published(void* context, MQTTAsync_successData5*) { static_cast<Paho*>(context)->on_published(); }
  static void failed(void*, MQTTAsync_failureData5* data) {
    die("paho failed", data->message == nullptr ? "" : data->message);
  }
  static int arrived(void* context, char* topic, int, MQTTAsync_message* message) {
    static_cast<Paho*>(context)->on_received(static_cast<std::size_t>(message->payloadlen));
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
  }
  void subscribe();
  void publish(std::uint64_t row, bool tell) override;

  Target target_;
  MQTTAsync client_ = nullptr;
  std::vector<std::string> topics_, bodies_;
};

void Paho::subscribe() {
  if (work().traffic == Traffic::out) return begin();
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  options.onSuccess5 = subscribed;
  options.onFailure5 = failed;
  options.context = this;
  need(MQTTAsync_subscribe(client_, "axonpush/org_1/+/+/+/+/+", static_cast<int>(work().qos), &options) ==
           MQTTASYNC_SUCCESS,
       "paho could not subscribe");
}

void Paho::publish(std::uint64_t row, bool tell) {
  MQTTAsync_message message = MQTTAsync_message_initializer;
  const std::string& body = bodies_[row % kInputCount];
  message.payload = const_cast<char*>(body.data());
  message.payloadlen = static_cast<int>(body.size());
  message.qos = static_cast<int>(work().qos);
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  if (tell) {
    options.onSuccess5 = published;
    options.onFailure5 = failed;
    options.context = this;
  }
  need(MQTTAsync_sendMessage(client_, topics_[row % kInputCount].c_str(), &message, &options) == MQTTASYNC_SUCCESS,
       "paho could not publish");
}

Measured Paho::run() {
  const std::string url = "wss://127.0.0.1:" + std::to_string(target_.port) + "/mqtt";
  MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
  create.maxBufferedMessages = 1'000;
  need(MQTTAsync_createWithOptions(&client_, url.c_str(), client_id_of(work()).c_str(), MQTTCLIENT_PERSISTENCE_NONE,
                                   nullptr, &create) == MQTTASYNC_SUCCESS,
       "paho could not be made");
  need(MQTTAsync_setCallbacks(client_, this, nullptr, arrived, nullptr) == MQTTASYNC_SUCCESS, "paho took no callbacks");
  MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
  tls.trustStore = target_.ca_file.c_str();
  tls.enableServerCertAuth = 1;
  MQTTProperties properties = MQTTProperties_initializer;
  MQTTProperty maximum = {};
  maximum.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM;
  maximum.value.integer2 = kReceiveMaximum;
  need(MQTTProperties_add(&properties, &maximum) == 0, "paho took no property");
  MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer5_ws;
  connect.keepAliveInterval = 60;
  connect.maxInflight = static_cast<int>(kWindow);
  connect.ssl = &tls;
  connect.connectProperties = &properties;
  connect.onSuccess5 = connected;
  connect.onFailure5 = failed;
  connect.context = this;
  need(MQTTAsync_connect(client_, &connect) == MQTTASYNC_SUCCESS, "paho could not connect");
  while (!over()) {
    const timespec moment{.tv_sec = 0, .tv_nsec = 20'000'000};
    ::nanosleep(&moment, nullptr);
  }
  return measured();
}

}  // namespace

Measured run_paho(const Work& work, const Target& target) { return Paho(work, target).run(); }

}  // namespace axonpush::bench

#endif
