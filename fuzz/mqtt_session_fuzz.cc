// Drives one MQTT session with bytes: each is an operation of the client, a packet of the server, a moment of time or a
// change of the connection. A plain model of maps and sets runs beside it, and any difference traps:
//   - an id in flight is never given again, and never 0; every operation begun ends exactly once;
//   - neither Receive Maximum is ever exceeded, and the quota that is told is the quota that is had;
//   - a QoS 2 message is delivered once between its first PUBLISH and its PUBREL;
//   - aliases mean what they were bound to, in both directions;
//   - a deadline that has been dealt with is over, timeouts name an operation in flight, and each is told once;
//   - after an error or a DISCONNECT nothing more is told.
#include <axonpush/mqtt/session.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace {

using namespace axonpush;        // NOLINT
using namespace axonpush::mqtt;  // NOLINT

void require(bool condition) {
  if (!condition) __builtin_trap();
}

constexpr std::array<std::string_view, 4> kTopics = {"a", "a/b", "axonpush/org_1/prod/app_1/chan_1/agent_start/agent_1",
                                                     ""};

struct Operation {
  std::uint16_t packet_id = 0;
  Qos qos = Qos::at_most_once;
  bool publish = false;
  bool counted = false;  // holds a unit of the server's Receive Maximum
  bool sent = false;     // on this connection
  bool overdue = false;  // its timeout was told on this connection
};

class Harness {
 public:
  Harness(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {
    terms_ = some_terms();
    session_ = Session(terms_);
  }

  void run() {
    while (at_ != end_) {
      step(byte());
      check();
    }
    // The end of everything: whatever was begun and has not ended is handed back, once.
    session_.on_closed(now_);
    session_.discard();
    take_unanswered(1'000);
    require(operations_.empty());
    require(session_.publishes_in_flight() == 0 && session_.requests_in_flight() == 0);
  }

 private:
  // --- Bytes
  std::uint8_t byte() { return at_ == end_ ? std::uint8_t{0} : *at_++; }
  // In two sentences: which operand is evaluated first is the compiler's choice.
  std::uint16_t word() {
    const unsigned high = byte();
    return static_cast<std::uint16_t>(high << 8U | byte());
  }
  std::string_view topic() { return kTopics[byte() % kTopics.size()]; }
  // Ids near each other, ids in flight, ids anywhere.
  std::uint16_t some_id() {
    const std::uint8_t choice = byte();
    if (choice % 4 == 0) return std::max<std::uint16_t>(word(), 1);
    if (choice % 4 == 1 || operations_.empty()) return static_cast<std::uint16_t>(byte() % 16 + 1);
    auto operation = operations_.begin();
    std::advance(operation, byte() % operations_.size());
    return operation->second.packet_id;
  }
  ClientTerms some_terms() {
    ClientTerms terms;
    const std::uint8_t bits = byte();
    terms.qos_max = static_cast<Qos>(bits % 3);
    terms.clean_start = (bits & 4U) == 0;
    terms.had_session = (bits & 8U) != 0;
    terms.accepts_subscription_ids = (bits & 16U) != 0;
    terms.authentication_method = (bits & 32U) != 0;
    terms.session_expiry_interval = (bits & 64U) != 0 ? 300 : 0;
    terms.receive_maximum = byte();
    terms.topic_alias_maximum = byte() % 12;
    terms.keep_alive = byte();
    return terms;
  }

  // --- Steps
  void step(std::uint8_t choice) {
    switch (choice % 16) {
      case 0:
        return connect();
      case 1:
        return close();
      case 2:
        return publish();
      case 3:
        return request();
      case 4:
        return hear(connack());
      case 5:
        return hear(incoming());
      case 6:
        return hear(ack());
      case 7:
        return hear(reasons());
      case 8:
        return hear(bare());
      case 9:
        return acknowledge();
      case 10:
        return resend();
      case 11:
        return take_unanswered(byte());
      case 12:
        return pass_time();
      case 13:
        return assign_alias();
      case 14:
        return rare();
      default:
        return hear_bytes();
    }
  }

  void connect() {
    if (connecting_or_more_) close();
    terms_ = some_terms();
    session_.on_connecting(terms_, now_);
    connecting_or_more_ = true;
    over_ = false;
    if (terms_.clean_start) held_.clear();
  }

  void close() {
    session_.on_closed(now_);
    require(session_.deadline() == Instant::never());
    // Session Expiry Interval 0: the session ended with its connection.
    if (accepted_ && session_.limits().session_expiry_interval == 0) held_.clear();
    connecting_or_more_ = false;
    leaving_ = false;
    accepted_ = false;
    owed_.clear();
    aliases_in_.clear();
    aliases_out_.clear();
    for (auto& [token, operation] : operations_) operation.counted = operation.sent = operation.overdue = false;
    for (auto& [id, owes] : held_) owes = false;
    inbound_counted_.clear();
  }

  void publish() {
    const auto qos = static_cast<Qos>(byte() % 3);
    const std::uint16_t quota = session_.publish_quota();
    const bool speaks = qos <= session_.limits().maximum_qos &&
                        (qos != Qos::exactly_once || session_.terms().qos_max == Qos::exactly_once);
    const Result<std::uint16_t> id = session_.begin_publish(qos, next_token_, now_);
    if (qos == Qos::at_most_once) {
      require(!id.ok() || id.value() == 0);
      return;
    }
    require(id.ok() == (quota != 0 && speaks));
    if (!id) return;
    require(session_.publish_quota() == quota - 1);
    begun({.packet_id = id.value(), .qos = qos, .publish = true, .counted = true, .sent = true});
  }

  void request() {
    const std::uint16_t quota = session_.request_quota();
    const std::uint8_t filters = byte() % 4;
    const bool subscribe = byte() % 2 == 0;
    const Result<std::uint16_t> id =
        subscribe ? session_.begin_subscribe(next_token_, filters, static_cast<Qos>(byte() % 3), now_)
                  : session_.begin_unsubscribe(next_token_, filters, now_);
    require(id.ok() == (quota != 0 && filters != 0));
    if (id) begun({.packet_id = id.value(), .sent = true});
  }

  void begun(const Operation& operation) {
    require(operation.packet_id != 0);
    for (const auto& [token, other] : operations_) require(other.packet_id != operation.packet_id);
    operations_[next_token_++] = operation;
  }

  void ended(std::uint32_t token, std::uint16_t packet_id) {
    const auto operation = operations_.find(token);
    require(operation != operations_.end());
    if (packet_id != 0) require(operation->second.packet_id == packet_id);
    operations_.erase(operation);
  }

  // --- Packets of the server
  const Packet& start(PacketType type) {
    packet_ = Packet{};
    packet_.type = type;
    return packet_;
  }
  Properties some_properties(std::initializer_list<Property> allowed) {
    PropertyWriter writer(storage_);
    std::uint64_t present = 0;
    const std::uint16_t chosen = word();
    unsigned bit = 0;
    for (const Property property : allowed) {
      if ((chosen >> bit++ & 1U) == 0) continue;
      present |= std::uint64_t{1} << static_cast<unsigned>(property);
      switch (type_of(property)) {
        case PropertyType::utf8_string:
          writer.text(property, topic());
          break;
        case PropertyType::byte:
          writer.integer(property, byte() % 2);
          break;
        case PropertyType::two_byte:
          writer.integer(property, byte() % 8 == 0 ? word() : byte());
          break;
        default:
          writer.integer(property, byte());
          break;
      }
    }
    return {writer.written(), present};
  }
  const Packet& connack() {
    start(PacketType::connack);
    packet_.connack = Connack{};
    const std::uint8_t bits = byte();
    packet_.connack.session_present = (bits & 1U) != 0;
    packet_.connack.reason_code = bits % 16 == 15 ? ReasonCode::server_busy : ReasonCode::success;
    packet_.connack.properties = some_properties(
        {Property::receive_maximum, Property::maximum_qos, Property::server_keep_alive, Property::topic_alias_maximum,
         Property::session_expiry_interval, Property::maximum_packet_size, Property::assigned_client_identifier,
         Property::retain_available, Property::wildcard_subscription_available, Property::reason_string});
    return packet_;
  }
  const Packet& incoming() {
    start(PacketType::publish);
    packet_.publish = Publish{};
    const std::uint8_t bits = byte();
    packet_.publish.qos = static_cast<Qos>(bits % 3);
    packet_.publish.dup = (bits & 128U) != 0;
    if (packet_.publish.qos != Qos::at_most_once) packet_.publish.packet_id = some_id();
    if ((bits & 64U) != 0) packet_.publish.topic_alias = static_cast<std::uint16_t>(byte() % 12 + 1);
    packet_.publish.topic = topic();
    if ((bits & 0x30U) == 0x30) packet_.publish.properties = some_properties({Property::subscription_identifier});
    return packet_;
  }
  const Packet& ack() {
    start(static_cast<PacketType>(static_cast<unsigned>(PacketType::puback) + byte() % 4));
    packet_.ack = Ack{};
    packet_.ack.reason_code = byte() % 8 == 0 ? ReasonCode::quota_exceeded : ReasonCode::success;
    packet_.ack.packet_id = some_id();
    return packet_;
  }
  const Packet& reasons() {
    start(byte() % 2 == 0 ? PacketType::suback : PacketType::unsuback);
    packet_.reasons = ReasonList{};
    const std::uint8_t count = byte() % 5;
    for (std::size_t index = 0; index < count; ++index) codes_[index] = byte();
    packet_.reasons.reason_codes = Bytes(codes_).first(count);
    packet_.reasons.packet_id = some_id();
    return packet_;
  }
  const Packet& bare() {
    const std::uint8_t choice = byte();
    if (choice < 192) return start(PacketType::pingresp);
    start(static_cast<PacketType>(choice % 16));
    if (packet_.type == PacketType::disconnect || packet_.type == PacketType::auth) {
      packet_.notice = Notice{};
      packet_.notice.reason_code = static_cast<ReasonCode>(byte());
    } else if (packet_.type != PacketType::pingresp && packet_.type != PacketType::pingreq) {
      return start(PacketType::pingresp);
    }
    return packet_;
  }
  // A packet as the codec reads it.
  void hear_bytes() {
    const std::size_t wanted = byte();
    const std::size_t size = std::min(wanted, static_cast<std::size_t>(end_ - at_));
    const Bytes wire(at_, size);
    at_ += size;
    Packet packet;
    const Decoded decoded = decode(wire, {}, packet);
    if (decoded.progress != Progress::done) return;
    packet_ = packet;
    hear(packet_);
  }

  // --- What the session makes of them
  void hear(const Packet& packet) {
    session_.on_received(now_);
    const Verdict verdict = session_.on_packet(packet, now_);
    if (!connecting_or_more_ || over_) require(verdict.kind == Verdict::Kind::ignored);
    switch (verdict.kind) {
      case Verdict::Kind::ignored:
        return ignored(packet);
      case Verdict::Kind::connack:
        return connacked(packet.connack, verdict);
      case Verdict::Kind::publish:
        return delivered(packet.publish, verdict);
      case Verdict::Kind::publish_complete:
        require(packet.ack.packet_id == verdict.packet_id);
        return ended(verdict.token, verdict.packet_id);
      case Verdict::Kind::subscribed:
      case Verdict::Kind::unsubscribed:
        return ended(verdict.token, packet.reasons.packet_id);
      case Verdict::Kind::pong:
        require(pings_ != 0);
        --pings_;
        return;
      case Verdict::Kind::disconnect:
        over_ = true;
        return;
      case Verdict::Kind::auth:
        require(session_.terms().authentication_method);
        return;
      case Verdict::Kind::send_pubrec:
        require(!leaving_ && held_.count(packet.publish.packet_id) == 1);
        inbound_counted_.insert(packet.publish.packet_id);
        bind_alias(packet.publish);
        return;
      case Verdict::Kind::send_pubrel:
        require(!leaving_);
        return;
      case Verdict::Kind::send_pubcomp:
        require(!leaving_);
        return released(packet.ack.packet_id, verdict.reason == ReasonCode::success);
      case Verdict::Kind::error:
        over_ = true;
        require(verdict.error.code() != Errc::none);
        require(
            reason_code_allowed(PacketType::disconnect, Sender::client, static_cast<std::uint8_t>(verdict.close_with)));
        return;
    }
  }

  void ignored(const Packet& packet) {
    if (!connecting_or_more_ || over_) return;
    if (packet.type == PacketType::publish) {
      // A copy of a QoS 2 message that the callbacks still have, or one that we may not answer any more.
      require(packet.publish.qos == Qos::exactly_once && held_.count(packet.publish.packet_id) == 1);
      inbound_counted_.insert(packet.publish.packet_id);
      bind_alias(packet.publish);
    }
    if (packet.type == PacketType::pubrel && leaving_) {
      const auto held = held_.find(packet.ack.packet_id);
      if (held != held_.end() && !held->second) released(packet.ack.packet_id, true);
    }
  }

  void connacked(const Connack& connack, const Verdict& verdict) {
    require(failed(connack.reason_code) == static_cast<bool>(verdict.error));
    if (failed(connack.reason_code)) {
      over_ = true;
      return;
    }
    require(session_.connected());
    require(session_.session_resumed() == connack.session_present);
    accepted_ = true;
    pings_ = 0;
    if (!connack.session_present) held_.clear();
  }

  void bind_alias(const Publish& publish) {
    if (publish.topic_alias != 0 && !publish.topic.empty()) aliases_in_[publish.topic_alias] = publish.topic;
  }

  void delivered(const Publish& publish, const Verdict& verdict) {
    require(!verdict.topic.empty());
    bind_alias(publish);
    require(verdict.topic == (publish.topic.empty() ? aliases_in_[publish.topic_alias] : std::string(publish.topic)));
    require(publish.qos <= session_.terms().qos_max);
    require(verdict.packet_id == publish.packet_id);
    if (publish.qos == Qos::at_least_once) ++owed_[publish.packet_id];
    if (publish.qos == Qos::exactly_once) {
      require(held_.count(publish.packet_id) == 0);
      held_[publish.packet_id] = true;
      inbound_counted_.insert(publish.packet_id);
    }
  }

  void released(std::uint16_t packet_id, bool known) {
    require((held_.count(packet_id) == 1) == known);
    held_.erase(packet_id);
    inbound_counted_.erase(packet_id);
  }

  // --- The client's side
  void acknowledge() {
    const std::uint8_t bits = byte();
    const std::uint16_t id = (bits & 1U) != 0 && !owed_.empty() ? owed_.begin()->first : some_id();
    const bool refuse = (bits & 0x30U) == 0;
    const Session::Answer answer =
        session_.acknowledge(id, refuse ? ReasonCode::payload_format_invalid : ReasonCode::success);
    const bool open = accepted_ && !over_ && !leaving_;
    const auto owed = owed_.find(id);
    const auto held = held_.find(id);
    if (open && owed != owed_.end()) {
      require(answer == Session::Answer::puback);
      if (--owed->second == 0) owed_.erase(owed);
    } else if (open && held != held_.end() && held->second) {
      require(answer == Session::Answer::pubrec);
      held->second = false;
      if (refuse) released(id, true);
    } else {
      require(answer == Session::Answer::none);
    }
  }

  void resend() {
    Session::Resend resend;
    const bool pending = session_.resends_pending();
    if (!session_.next_resend(resend, now_)) return;
    require(pending && accepted_ && !over_ && !leaving_ && session_.session_resumed());
    const auto operation = operations_.find(resend.token);
    require(operation != operations_.end() && operation->second.publish && !operation->second.sent);
    require(operation->second.packet_id == resend.packet_id && operation->second.qos == resend.qos);
    operation->second.sent = true;
    operation->second.counted = resend.kind == Session::Resend::Kind::publish;
    // The original order: all publishes that went out again are older than those that have not.
    if (!operation->second.counted) return;
    require(resend.token > last_resent_ || last_resent_connection_ != connection_);
    last_resent_ = resend.token;
    last_resent_connection_ = connection_;
  }

  void take_unanswered(unsigned count) {
    Session::Unanswered unanswered;
    while (count-- != 0 && session_.take_unanswered(unanswered)) {
      require(operations_.count(unanswered.token) == 1);
      require(operations_[unanswered.token].publish == (unanswered.kind == Session::Unanswered::Kind::publish));
      ended(unanswered.token, unanswered.packet_id);
    }
  }

  void pass_time() {
    constexpr std::array<std::int64_t, 8> kSteps = {0, 1, 499, 1'000, 9'999, 20'000, 30'000, 600'000};
    now_ = now_ + milliseconds(kSteps[byte() % kSteps.size()]);
    if (byte() % 4 == 0) now_ = std::max(now_, std::min(session_.deadline(), now_ + hours(20)));
    for (int told = 0;; ++told) {
      require(told < 200);
      const Instant deadline = session_.deadline();
      const Session::Due due = session_.on_deadline(now_);
      if (due.kind == Session::Due::Kind::nothing) {
        require(deadline > now_ || deadline == Instant::never());
        return;
      }
      require(deadline <= now_ && connecting_or_more_ && !over_ && !leaving_);
      require(static_cast<bool>(due.error()) == (due.kind != Session::Due::Kind::send_pingreq));
      if (due.kind == Session::Due::Kind::send_pingreq) ++pings_;
      const bool ack = due.kind == Session::Due::Kind::puback_timeout;
      if (!ack && due.kind != Session::Due::Kind::suback_timeout) continue;
      const auto operation = operations_.find(due.token);
      require(operation != operations_.end() && operation->second.publish == ack);
      require(operation->second.sent);
      // PUBCOMP has a wait of its own, so an exchange at QoS 2 may be told of twice.
      require(!operation->second.overdue || operation->second.qos == Qos::exactly_once);
      operation->second.overdue = true;
    }
  }

  void assign_alias() {
    const std::string_view name = topic();
    const Session::Alias alias = session_.assign_alias(name);
    require(alias.alias <= session_.limits().topic_alias_maximum);
    require(alias.alias != 0 || alias.send_topic);
    if (alias.alias == 0) return;
    require(accepted_ && !over_ && !leaving_);
    if (!alias.send_topic) require(aliases_out_[alias.alias] == name);
    aliases_out_[alias.alias] = name;
  }

  void rare() {
    switch (byte() % 6) {
      case 0:
        session_.on_disconnecting();
        leaving_ = leaving_ || (accepted_ && !over_);
        return;
      case 1: {
        if (operations_.empty()) return;
        auto operation = operations_.begin();
        std::advance(operation, byte() % operations_.size());
        session_.cancel(operation->second.packet_id);
        operations_.erase(operation);
        return;
      }
      case 2:
        session_.discard();
        held_.clear();
        owed_.clear();
        inbound_counted_.clear();
        for (auto& [token, operation] : operations_) operation.counted = false;
        return;
      case 3:
        session_.on_incomplete(now_);
        return;
      case 4:
        session_.on_sent(now_);
        return;
      default:
        return move_to_another();
    }
  }

  // The session was taken over by a connection of ours that is being opened: the old one's requests end here.
  void move_to_another() {
    if (accepted_) return;
    Session next(terms_);
    session_.on_closed(now_);
    next.adopt(session_);
    Session::Unanswered unanswered;
    while (session_.take_unanswered(unanswered)) ended(unanswered.token, unanswered.packet_id);
    session_ = next;
    close();
  }

  // --- What always holds
  void check() {
    if (!accepted_ && session_.connected()) require(false);
    std::size_t publishes = 0;
    std::size_t counted = 0;
    for (const auto& [token, operation] : operations_) {
      publishes += operation.publish ? 1 : 0;
      counted += operation.counted ? 1 : 0;
    }
    require(session_.publishes_in_flight() == publishes);
    require(session_.requests_in_flight() == operations_.size() - publishes);
    require(publishes <= limits::kMqttInflightOut && operations_.size() - publishes <= Session::kRequestsMax);
    const std::size_t window = std::min<std::size_t>(session_.limits().receive_maximum, limits::kMqttInflightOut);
    if (accepted_) require(counted <= window);
    const std::size_t quota = session_.publish_quota();
    require(quota == 0 || quota == std::min(window - counted, limits::kMqttInflightOut - publishes));
    std::size_t unanswered = inbound_counted_.size();
    for (const auto& [id, count] : owed_) unanswered += count;
    require(unanswered <= session_.terms().receive_maximum);
    const bool open = connecting_or_more_ && !over_ && !leaving_;
    if (!open) require(session_.deadline() == Instant::never());
    if (session_.deadline() != Instant::never()) require(session_.deadline() - now_ <= seconds(65'535));
    if (session_.connected() != was_connected_) ++connection_;
    was_connected_ = session_.connected();
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  ClientTerms terms_;
  Session session_{terms_};
  Instant now_ = Instant::from_nanoseconds(1'000'000'000'000);
  Packet packet_;
  std::array<std::uint8_t, 1'024> storage_{};
  std::array<std::uint8_t, 8> codes_{};

  std::uint32_t next_token_ = 1;
  std::map<std::uint32_t, Operation> operations_;  // by token: begun and not ended
  std::map<std::uint16_t, unsigned> owed_;         // QoS 1 in: acknowledgements owed
  std::map<std::uint16_t, bool> held_;             // QoS 2 in: not released; true while acknowledge() is owed
  std::set<std::uint16_t> inbound_counted_;        // of these, the ones this connection brought
  std::map<std::uint16_t, std::string> aliases_in_;
  std::map<std::uint16_t, std::string> aliases_out_;
  std::uint32_t last_resent_ = 0;
  unsigned last_resent_connection_ = 0;
  unsigned connection_ = 0;
  unsigned pings_ = 0;
  bool was_connected_ = false;
  bool connecting_or_more_ = false;
  bool accepted_ = false;
  bool leaving_ = false;
  bool over_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Harness(data, std::min<std::size_t>(size, 4'096)).run();
  return 0;
}
