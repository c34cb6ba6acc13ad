// The MQTT 5 session of a client as a pure machine: packet ids, what is in flight, quotas, aliases, keep-alive. It owns
// no bytes and no clock: it takes decoded packets and instants, and says what to do.
//
// One Session per MQTT session; `on_connected` starts it anew on each network connection. Tables are fixed at
// construction. Thread rule: the loop's thread. Who calls it: src/client/link.cc and the session fuzzer.
#pragma once

#include <axonpush/base/error.h>
#include <axonpush/base/inline_vec.h>
#include <axonpush/base/time.h>
#include <axonpush/limits.h>
#include <axonpush/mqtt/packet.h>

namespace axonpush::inline v0::mqtt {

// What CONNACK (or its absence of a property) allows us: MQTT 5 3.2.2.3, defaults as the specification gives them.
struct ServerLimits {
  std::uint32_t session_expiry_interval = 0;  // seconds
  std::uint32_t maximum_packet_size = limits::kMqttRemainingLength + limits::kMqttFixedHeaderBytes;
  std::uint16_t receive_maximum = 65'535;
  std::uint16_t topic_alias_maximum = 0;
  std::uint16_t keep_alive = 0;  // seconds in force: Server Keep Alive wins ([MQTT-3.2.2-21])
  Qos maximum_qos = Qos::exactly_once;
  bool retain_available = true;
  bool wildcard_subscription_available = true;
  bool subscription_identifiers_available = true;
  bool shared_subscription_available = true;
};

// What we said in CONNECT, which decides what the server may send.
struct ClientTerms {
  std::uint32_t session_expiry_interval = 0;  // seconds
  std::uint32_t maximum_packet_size = limits::kMqttPacketBytes;
  std::uint16_t receive_maximum = limits::kMqttReceiveMaximum;
  std::uint16_t topic_alias_maximum = limits::kMqttTopicAliasIn;
  std::uint16_t keep_alive = 30;  // seconds
  Qos qos_max = Qos::at_least_once;  // what we ever subscribe with: a PUBLISH above it is a protocol error (policy)
  bool clean_start = true;
  bool had_session = false;              // we hold state of a session with this client id
  bool accepts_subscription_ids = false;  // we never ask for them (policy)
  bool authentication_method = false;    // we sent one
};

}  // namespace axonpush::inline v0::mqtt
