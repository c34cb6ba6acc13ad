// What the session's tests share: packets as a server writes them, a session with its clock, and verdicts as text.
#pragma once

#include <axonpush/mqtt/session.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace axonpush::test {

using namespace axonpush::mqtt;  // NOLINT: the tests' vocabulary is the layer's

inline constexpr Instant kStart = Instant::from_nanoseconds(1'000'000'000'000);

struct PropertyRow {
  Property id{};
  std::uint32_t integer = 0;
  std::string_view text{};
};

// Makes packets by hand, also such as the codec would never let through. Each packet lives until the next call.
class ServerPackets {
 public:
  const Packet& connack(ReasonCode reason = ReasonCode::success, bool session_present = false,
                        std::initializer_list<PropertyRow> rows = {}) {
    Packet& packet = start(PacketType::connack);
    packet.connack = Connack{};
    packet.connack.properties = properties(rows);
    packet.connack.reason_code = reason;
    packet.connack.session_present = session_present;
    return packet;
  }
  const Packet& publish(Qos qos, std::uint16_t packet_id, std::string_view topic = "a/b",
                        std::initializer_list<PropertyRow> rows = {}) {
    Packet& packet = start(PacketType::publish);
    packet.publish = Publish{};
    packet.publish.properties = properties(rows);
    packet.publish.topic = topic;
    packet.publish.qos = qos;
    packet.publish.packet_id = packet_id;
    for (const PropertyRow& row : rows) {
      if (row.id == Property::topic_alias) packet.publish.topic_alias = static_cast<std::uint16_t>(row.integer);
    }
    return packet;
  }
  const Packet& publish_again(Qos qos, std::uint16_t packet_id) {
    static_cast<void>(publish(qos, packet_id));
    packet_.publish.dup = true;
    return packet_;
  }
  const Packet& ack(PacketType type, std::uint16_t packet_id, ReasonCode reason = ReasonCode::success) {
    Packet& packet = start(type);
    packet.ack = Ack{};
    packet.ack.packet_id = packet_id;
    packet.ack.reason_code = reason;
    return packet;
  }
  const Packet& reasons(PacketType type, std::uint16_t packet_id, std::initializer_list<std::uint8_t> codes) {
    codes_ = codes;
    Packet& packet = start(type);
    packet.reasons = ReasonList{};
    packet.reasons.packet_id = packet_id;
    packet.reasons.reason_codes = codes_;
    return packet;
  }
  const Packet& notice(PacketType type, ReasonCode reason = ReasonCode::success,
                       std::initializer_list<PropertyRow> rows = {}) {
    Packet& packet = start(type);
    packet.notice = Notice{};
    packet.notice.properties = properties(rows);
    packet.notice.reason_code = reason;
    return packet;
  }
  const Packet& bare(PacketType type) { return start(type); }

 private:
  Packet& start(PacketType type) {
    packet_ = Packet{};
    packet_.type = type;
    return packet_;
  }
  Properties properties(std::initializer_list<PropertyRow> rows) {
    storage_.assign(70'000, 0);
    PropertyWriter writer(storage_);
    std::uint64_t present = 0;
    for (const PropertyRow& row : rows) {
      present |= std::uint64_t{1} << static_cast<unsigned>(row.id);
      if (type_of(row.id) == PropertyType::utf8_string) {
        writer.text(row.id, row.text);
      } else {
        writer.integer(row.id, row.integer);
      }
    }
    return {writer.written(), present};
  }

  Packet packet_;
  std::vector<std::uint8_t> storage_;
  std::vector<std::uint8_t> codes_;
};

// One string of many pieces (a temporary string behind operator+ makes g++ 12 warn of what is not there).
inline std::string joined(std::initializer_list<std::string_view> pieces) {
  std::string text;
  for (const std::string_view piece : pieces) text.append(piece);
  return text;
}

// "publish 7 a/b again", "error mqtt_protocol 0x82": equal logs are equal conversations.
inline std::string to_text(const Verdict& verdict) {
  const auto hex = [](ReasonCode code) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto value = static_cast<std::uint8_t>(code);
    return joined({"0x", digits.substr(value >> 4U, 1), digits.substr(value & 15U, 1)});
  };
  const std::string id = joined({" ", std::to_string(verdict.packet_id)});
  const std::string token = joined({" #", std::to_string(verdict.token)});
  switch (verdict.kind) {
    case Verdict::Kind::ignored:
      return "ignored";
    case Verdict::Kind::connack:
      return joined({"connack ", hex(verdict.reason)});
    case Verdict::Kind::publish:
      return joined({"publish", id, " ", verdict.topic, verdict.redelivered ? " again" : ""});
    case Verdict::Kind::publish_complete:
      return joined({"complete", id, token, " ", hex(verdict.reason)});
    case Verdict::Kind::subscribed:
      return joined({"subscribed", token});
    case Verdict::Kind::unsubscribed:
      return joined({"unsubscribed", token});
    case Verdict::Kind::pong:
      return "pong";
    case Verdict::Kind::disconnect:
      return joined({"disconnect ", hex(verdict.reason)});
    case Verdict::Kind::auth:
      return joined({"auth ", hex(verdict.reason)});
    case Verdict::Kind::send_pubrec:
      return joined({"pubrec", id, " ", hex(verdict.reason)});
    case Verdict::Kind::send_pubrel:
      return joined({"pubrel", id, " ", hex(verdict.reason)});
    case Verdict::Kind::send_pubcomp:
      return joined({"pubcomp", id, " ", hex(verdict.reason)});
    case Verdict::Kind::error:
      return joined({"error ", name_of(verdict.error.code()), " ", hex(verdict.close_with)});
  }
  return "?";
}

inline ClientTerms qos_2_terms() {
  ClientTerms terms;
  terms.qos_max = Qos::exactly_once;
  return terms;
}

inline ClientTerms aliases_in(std::uint16_t maximum) {
  ClientTerms terms;
  terms.topic_alias_maximum = maximum;
  return terms;
}

inline ClientTerms receive_maximum(std::uint16_t maximum) {
  ClientTerms terms;
  terms.receive_maximum = maximum;
  return terms;
}

inline ClientTerms resuming(ClientTerms terms = {}) {
  terms.clean_start = false;
  terms.had_session = true;
  terms.session_expiry_interval = 300;
  return terms;
}

// A session, its server, and a clock that only the test moves.
struct Conversation {
  explicit Conversation(const ClientTerms& terms = {}) : session(terms) { session.on_connecting(terms, now); }

  // CONNACK with success.
  void accept(std::initializer_list<PropertyRow> rows = {}, bool session_present = false) {
    static_cast<void>(hear(server.connack(ReasonCode::success, session_present, rows)));
  }
  std::string hear(const Packet& packet) {
    session.on_received(now);
    last = session.on_packet(packet, now);
    return to_text(last);
  }
  std::uint16_t publish(std::uint32_t token, Qos qos = Qos::at_least_once) {
    session.on_sent(now);
    const Result<std::uint16_t> id = session.begin_publish(qos, token, now);
    return id ? id.value() : std::uint16_t{0};
  }
  std::uint16_t subscribe(std::uint32_t token, std::uint8_t filters = 1, Qos highest = Qos::at_least_once) {
    session.on_sent(now);
    const Result<std::uint16_t> id = session.begin_subscribe(token, filters, highest, now);
    return id ? id.value() : std::uint16_t{0};
  }
  std::uint16_t unsubscribe(std::uint32_t token, std::uint8_t filters = 1) {
    session.on_sent(now);
    const Result<std::uint16_t> id = session.begin_unsubscribe(token, filters, now);
    return id ? id.value() : std::uint16_t{0};
  }
  void reconnect(const ClientTerms& terms) {
    session.on_closed(now);
    session.on_connecting(terms, now);
  }
  // "publish #1 2, subscribe #3 4": what take_unanswered hands back, token then packet id.
  std::string unanswered() {
    std::string text;
    Session::Unanswered one;
    while (session.take_unanswered(one)) {
      const bool publish = one.kind == Session::Unanswered::Kind::publish;
      const bool subscribe = one.kind == Session::Unanswered::Kind::subscribe;
      if (!text.empty()) text += ", ";
      text += publish ? (one.received ? "received" : "publish") : (subscribe ? "subscribe" : "unsubscribe");
      text += joined({" #", std::to_string(one.token), " ", std::to_string(one.packet_id)});
    }
    return text;
  }
  std::string resends() {
    std::string text;
    Session::Resend one;
    while (session.next_resend(one, now)) {
      if (!text.empty()) text += ", ";
      text += one.kind == Session::Resend::Kind::publish ? "publish" : "pubrel";
      text += joined({" #", std::to_string(one.token), " ", std::to_string(one.packet_id)});
    }
    return text;
  }
  // Everything that is due now, in order: "ping", "silent", "packet", "suback #1", "puback #2".
  std::string due() {
    std::string text;
    for (;;) {
      const Session::Due due = session.on_deadline(now);
      if (due.kind == Session::Due::Kind::nothing) return text;
      if (!text.empty()) text += ", ";
      const std::string token = joined({" #", std::to_string(due.token)});
      text += due.kind == Session::Due::Kind::send_pingreq        ? "ping"
              : due.kind == Session::Due::Kind::keepalive_timeout ? "silent"
              : due.kind == Session::Due::Kind::packet_timeout    ? "packet"
              : due.kind == Session::Due::Kind::suback_timeout    ? joined({"suback", token})
                                                                  : joined({"puback", token});
    }
  }

  Instant now = kStart;
  Session session;
  ServerPackets server;
  Verdict last;
};

}  // namespace axonpush::test
