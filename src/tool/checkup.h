// What the doctor does: the client's way into the service, one step at a time, with the library's own parts. Each step
// is told to the report; the first that fails ends it.
//
// Nothing secret is ever told: not the key, not a token, not a query, not the credentials' body.
#pragma once

#include <axonpush/credentials.h>
#include <axonpush/http/http1.h>
#include <axonpush/mqtt/packet.h>
#include <axonpush/options.h>
#include <axonpush/trace.h>
#include <axonpush/ws/frame.h>

#include <string>
#include <string_view>
#include <vector>

#include "client/config.h"
#include "net/entropy.h"
#include "tool/report.h"
#include "tool/wire.h"

namespace axonpush::tool {

struct CheckupOptions {
  std::string channel = "axonpush-doctor";
  std::string app;
  std::string environment;
  Duration patience = seconds(10);  // of one step
};

class Checkup {
 public:
  Checkup(ClientOptions client, CheckupOptions options, Report& report);
  // Every step; true when all passed.
  bool run();
  // The protocol's events as JSON lines, oldest first.
  void dump(FILE* into) const;

 private:
  // The start of an endpoint's three first steps: name, TCP, TLS.
  struct Target {
    std::string_view role;  // "service" or "broker"
    http::Url url;
    std::string_view address;
  };

  // --- checkup.cc
  void begin(std::string_view role, std::string_view step);
  [[nodiscard]] bool failed(const Error& error, const std::vector<std::string>& notes = {});
  bool configure();
  bool open(const Target& target);
  bool fetch();
  [[nodiscard]] Status ask(std::string_view method);
  // The decoder's head views the wire's input: it lives until drop_response().
  [[nodiscard]] Status read_response(http::ResponseDecoder& decoder);
  void drop_response();
  [[nodiscard]] Status judge_credentials(const http::ResponseHead& head, Duration& life);
  bool upgrade();

  // --- checkup_mqtt.cc
  bool connect();
  bool subscribe();
  bool round_trip();
  void leave();
  [[nodiscard]] Status send_packet(Bytes packet);
  // The next packet; it lives until the next call.
  [[nodiscard]] Status next_packet(mqtt::Packet& packet);
  [[nodiscard]] Status next_frame();
  void record(TraceKind kind, std::uint32_t number = 0, std::size_t size = 0, Errc error = Errc::none);

  ClientOptions client_options_;
  CheckupOptions options_;
  Report& report_;
  FlightRecorder recorder_;
  Config config_;
  net::Reactor reactor_;
  net::TlsContext tls_;
  net::SystemEntropy entropy_;
  Wire wire_;
  std::string role_;
  std::string step_;
  std::vector<std::uint8_t> body_;  // of an HTTP response
  std::size_t response_bytes_ = 0;  // of the wire's input, that an HTTP response took
  Credentials credentials_;
  ws::FrameDecoder frames_;
  std::vector<std::uint8_t> stream_;  // MQTT bytes
  std::size_t taken_ = 0;             // of stream_, by the last packet
  std::string filter_;
  std::string topic_;
  std::string nonce_;
  std::uint64_t connection_ = 0;
};

// What to do about a step's failure; empty when there is nothing to say.
[[nodiscard]] std::string hint_for(std::string_view role, std::string_view step, const Error& error);

}  // namespace axonpush::tool
