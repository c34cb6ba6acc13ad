// What a server can do wrong in the sequence of its packets, as a table: error, reason code of our DISCONNECT, text,
// clause. What is wrong inside one packet is the codec's.
#pragma once

#include <axonpush/base/error.h>
#include <axonpush/mqtt/reason.h>

namespace axonpush::inline v0::mqtt::detail {

// `close_with` is one a client may send (MQTT 5 3.14.2.1).
struct Violation {
  Errc code;
  ReasonCode close_with;
  const char* what;
  const char* clause;
};

[[nodiscard]] constexpr Violation protocol_error(const char* what, const char* clause) noexcept {
  return {Errc::mqtt_protocol, ReasonCode::protocol_error, what, clause};
}

// The connection.
inline constexpr Violation kWrongSender =  // M-02
    protocol_error("a packet that only a client may send", "MQTT 5 2.1.2");
inline constexpr Violation kBeforeConnack =  // M-55
    protocol_error("a packet before CONNACK", "[MQTT-3.2.0-1]");
inline constexpr Violation kSecondConnack =  // M-54
    protocol_error("a second CONNACK", "[MQTT-3.2.0-2]");
inline constexpr Violation kConnackReason =  // M-59
    protocol_error("a CONNACK reason code that is neither success nor an error", "[MQTT-3.2.2-8]");
inline constexpr Violation kPresentAfterCleanStart =  // M-57
    protocol_error("Session Present after a Clean Start", "[MQTT-3.2.2-2]");
inline constexpr Violation kPresentWithoutSession =  // M-57
    protocol_error("Session Present, and we hold no session", "[MQTT-3.2.2-4]");
inline constexpr Violation kPresentWhenRefused =  // M-58
    protocol_error("Session Present in a CONNACK that refuses", "[MQTT-3.2.2-6]");
inline constexpr Violation kReceiveMaximumZero =  // M-39
    protocol_error("a Receive Maximum of 0", "MQTT 5 3.2.2.3.3");
inline constexpr Violation kPacketSizeZero =  // M-39
    protocol_error("a Maximum Packet Size of 0", "MQTT 5 3.2.2.3.6");
inline constexpr Violation kAssignedIdTooLong =  // M-42
    protocol_error("an Assigned Client Identifier of over 256 bytes", "MQTT 5 3.2.2.3.7");
inline constexpr Violation kAuthUnasked =  // M-60
    protocol_error("AUTH, or an Authentication Method, where we named none", "[MQTT-4.12.0-6]");
inline constexpr Violation kDisconnectExpiry =  // M-45
    protocol_error("a Session Expiry Interval in the server's DISCONNECT", "[MQTT-3.14.2-2]");

// PUBLISH.
inline constexpr Violation kPublishQos =  // M-12
    protocol_error("a PUBLISH above the QoS we subscribe with", "MQTT 5 3.8.4");
inline constexpr Violation kSubscriptionIdentifier =  // M-37
    protocol_error("a Subscription Identifier we never asked for", "MQTT 5 3.3.2.3.8");
inline constexpr Violation kAliasOverMaximum{// M-38
                                             Errc::mqtt_topic_alias, ReasonCode::topic_alias_invalid,
                                             "a Topic Alias over the maximum we announced", "[MQTT-3.3.2-11]"};
inline constexpr Violation kAliasUnbound =  // M-38
    protocol_error("an empty topic with a Topic Alias that names none", "MQTT 5 3.3.2.3.4");
inline constexpr Violation kAliasTopicLost{Errc::quota, ReasonCode::quota_exceeded,
                                           "a Topic Alias for a topic longer than is kept", "MQTT 5 3.3.2.3.4"};
inline constexpr Violation kReceiveMaximum{// M-64
                                           Errc::mqtt_receive_max, ReasonCode::receive_maximum_exceeded,
                                           "more unacknowledged PUBLISH packets than our Receive Maximum",
                                           "[MQTT-3.3.4-9]"};
inline constexpr Violation kInboundFull{Errc::quota, ReasonCode::quota_exceeded,
                                        "too many QoS 2 messages wait for their PUBREL", "MQTT 5 4.9"};
inline constexpr Violation kIdAtAnotherQos =
    protocol_error("a packet id that is in use at another QoS", "[MQTT-2.2.1-4]");

// Answers.
inline constexpr Violation kQos2Unused =  // M-53
    protocol_error("a packet of QoS 2, which we do not use", "MQTT 5 4.3.3");
inline constexpr Violation kAnswerKind =  // M-52
    protocol_error("an answer of the wrong kind for its packet id", "[MQTT-2.2.1-5]");
inline constexpr Violation kReleaseEarly = protocol_error("a PUBREL before our PUBREC", "MQTT 5 4.3.3");
inline constexpr Violation kRequestUnknown =  // M-47
    protocol_error("a SUBACK or UNSUBACK that answers no such request", "[MQTT-2.2.1-6]");
inline constexpr Violation kReasonCount =  // M-46, M-50
    protocol_error("another count of reason codes than of topic filters", "[MQTT-3.8.4-6]");
inline constexpr Violation kGrantedQos =  // M-48
    protocol_error("a QoS granted that was not asked for", "[MQTT-3.8.4-7]");

}  // namespace axonpush::inline v0::mqtt::detail
