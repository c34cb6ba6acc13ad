// The MQTT 5 session of a client as a pure machine: packet ids, what is in flight, quotas, aliases, keep alive. It owns
// no bytes of a connection and reads no clock: it is told packets and instants, and says what to do.
//
// One Session per MQTT session; `on_connecting` begins each network connection of it. Tables are in place and of fixed
// size, about 9 KiB, no heap (the words of a server on an Error excepted). Thread rule: the loop's thread. Who calls
// it: src/client/link.cc and the session fuzzer.
//
// The way of an operation: begin_* gives a packet id and keeps the caller's token; exactly one of these ends it: a
// Verdict with the token (publish_complete, subscribed, unsubscribed), or take_unanswered(). Nothing else does, and a
// timeout that was reported does not either.
#pragma once

#include <axonpush/base/error.h>
#include <axonpush/base/result.h>
#include <axonpush/base/time.h>
#include <axonpush/limits.h>
#include <axonpush/mqtt/packet.h>
#include <axonpush/mqtt/session_tables.h>

namespace axonpush::inline v0::mqtt {

// What CONNACK (or its absence of a property) allows us: MQTT 5 3.2.2.3, defaults as the specification gives them.
struct ServerLimits {
  std::uint32_t session_expiry_interval = 0;  // seconds; the server's word wins (MQTT 5 3.2.2.3.2)
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
  std::uint16_t keep_alive = 30;     // seconds
  Qos qos_max = Qos::at_least_once;  // what we ever subscribe with: a PUBLISH above it is a protocol error (policy)
  bool clean_start = true;
  bool had_session = false;                          // we hold state of a session with this client id
  bool accepts_subscription_ids = false;             // we never ask for them (policy)
  bool authentication_method = false;                // we sent one
  Duration suback_timeout = limits::kSubackTimeout;  // of UNSUBACK too
  Duration puback_timeout = limits::kPubackTimeout;
  Duration pingresp_timeout = limits::kPingrespTimeout;  // min with half the keep alive
  Duration packet_timeout = limits::kPacketTimeout;      // the rest of a packet that has begun to come
};

// Events that are allowed and yet worth a number; they only grow.
struct SessionCounters {
  std::uint32_t acks_unknown = 0;       // PUBACK, PUBREC, PUBCOMP for an id not in flight (M-52)
  std::uint32_t releases_unknown = 0;   // PUBREL for an id not held; answered with 0x92
  std::uint32_t redeliveries = 0;       // PUBLISH with DUP 1 (M-66)
  std::uint32_t ids_reused = 0;         // PUBLISH with an id we have not answered yet (M-65)
  std::uint32_t pongs_unasked = 0;      // M-61
  std::uint32_t packets_after_end = 0;  // after DISCONNECT or after an error: ignored (M-63)
};

// What one packet of the server means.
struct Verdict {
  enum class Kind : std::uint8_t {
    ignored,           // allowed, nothing to do; a counter may have moved
    connack,           // `reason`; refused: `error`. Accepted: limits() are set, session_resumed() is known
    publish,           // deliver packet.publish under `topic`, then call acknowledge(packet_id)
    publish_complete,  // `token`, `reason`: PUBACK, PUBCOMP, or a refusing PUBREC. 0x80 and above: refused
    subscribed,        // `token`; packet.reasons holds one code for each filter, counted and within what was asked
    unsubscribed,      // the same for UNSUBACK
    pong,              // PINGRESP that was asked for
    disconnect,        // `reason`, `error`: the server says good-bye; whatever follows is ignored
    auth,              // packet.notice; only when terms said authentication_method
    send_pubrec,       // QoS 2, a second copy: not delivered, answer PUBREC(packet_id, reason)
    send_pubrel,       // QoS 2: answer PUBREL(packet_id, reason)
    send_pubcomp,      // QoS 2: answer PUBCOMP(packet_id, reason)
    error,             // the peer broke the protocol: `error`, `close_with`; from here on everything is ignored
  };
  Kind kind = Kind::ignored;
  ReasonCode reason = ReasonCode::success;
  ReasonCode close_with = ReasonCode::success;  // what DISCONNECT carries. Not connected(): none is sent
  bool redelivered = false;                     // publish: DUP 1, or an id that is still unanswered
  std::uint16_t packet_id = 0;                  // publish (0 at QoS 0), publish_complete and the send_ kinds
  std::uint32_t token = 0;
  std::string_view topic;  // publish: lives as long as the packet's bytes and until the next call on this session
  Error error;
};

class Session {
 public:
  // What a session can hold. Terms over these are lowered to them: announce terms(), not what was asked for.
  static constexpr std::uint16_t kReceiveMaximumCeiling = detail::InboundTable::kCapacity;
  static constexpr std::uint16_t kTopicAliasCeiling = limits::kMqttTopicAliasOut;  // each way
  static constexpr std::uint16_t kRequestsMax = detail::FlightTable::kSlotCount - limits::kMqttInflightOut;
  static constexpr std::size_t kAssignedClientIdBytes = 256;

  explicit Session(const ClientTerms& terms) noexcept;

  // --- The connection
  // CONNECT is being written on a new network connection. Quotas, aliases, pings and timeouts start anew; what is in
  // flight stays, unless terms.clean_start says that it is given up ([MQTT-3.1.2-4]): then take_unanswered() has it.
  void on_connecting(const ClientTerms& terms, Instant now) noexcept;
  // The connection is gone. Requests are over (take_unanswered), publishes too when the session ends with the
  // connection (Session Expiry Interval 0). No deadline is left. on_connecting implies it.
  void on_closed(Instant now) noexcept;
  // Our DISCONNECT is written: nothing more is begun, acknowledged or pinged ([MQTT-3.14.4-1]); answers still complete.
  void on_disconnecting() noexcept;
  // Bytes went out / came in. A byte that came in is the only proof of life there is.
  void on_sent(Instant now) noexcept { last_sent_ = now; }
  void on_received(Instant now) noexcept {
    last_received_ = now;
    reply_awaited_ = false;
  }
  // PINGREQ is being written, because on_deadline asked for it or for a proof of life before it is due.
  void on_pinging(Instant now) noexcept;
  // What the server had for this session before this instant has come: the last request that was answered went out
  // then, and its answer stood behind all that. An answer that may have overtaken something does not count: one within
  // a Receive Maximum of PUBLISH packets, and one of a session that was resumed and is still being replayed. It holds
  // as far as the server writes in its order; it outlives the connection, until a session begins anew.
  [[nodiscard]] Instant whole_until() const noexcept { return replaying_ ? whole_before_ : answered_; }
  // What may be missing up to then has been told, and counts no more. What comes now may still wait behind a replay.
  void forgo_until(Instant until) noexcept {
    whole_before_ = later_of(whole_before_, until);
    answered_ = later_of(answered_, until);
  }
  // What was read ends inside a packet: its deadline runs from the first such call until the next on_packet.
  void on_incomplete(Instant now) noexcept {
    if (incomplete_since_ == Instant::never()) incomplete_since_ = now;
  }

  // Judges one packet of the server. After an error or a disconnect all others are `ignored`.
  [[nodiscard]] Verdict on_packet(const Packet& packet, Instant now) noexcept;

  // True from an accepted CONNACK to the end of the connection (an error and the server's DISCONNECT included).
  [[nodiscard]] bool connected() const noexcept { return connected_; }
  [[nodiscard]] const ServerLimits& limits() const noexcept { return limits_; }
  [[nodiscard]] const ClientTerms& terms() const noexcept { return terms_; }
  [[nodiscard]] const SessionCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] bool session_resumed() const noexcept { return session_resumed_; }
  // M-42: empty when the server assigned none. Lives as long as the session, until the next CONNACK.
  [[nodiscard]] std::string_view assigned_client_id() const noexcept { return {client_id_, client_id_size_}; }
  // From when on the server may have dropped the session; never() while connected or when it never does.
  [[nodiscard]] Instant session_expiry() const noexcept { return session_expiry_; }

  // --- Incoming
  // The event of a `publish` verdict has been dealt with: which answer is due. Each verdict is owed one call, in the
  // order of the verdicts ([MQTT-4.6.0-2]). For an id of an earlier connection, or after on_disconnecting, the answer
  // is `none`.
  enum class Answer : std::uint8_t {
    none,
    puback,
    pubrec
  };
  [[nodiscard]] Answer acknowledge(std::uint16_t packet_id, ReasonCode reason = ReasonCode::success) noexcept;

  // --- Outgoing
  // The packet id for a PUBLISH that is written now. At QoS 0: 0, and the token never comes back. `quota` when
  // publish_quota() is 0, `qos_not_supported`, `closed` while not connected.
  [[nodiscard]] Result<std::uint16_t> begin_publish(Qos qos, std::uint32_t token, Instant now) noexcept;
  // `quota` when kRequestsMax wait. `highest` is the highest QoS asked for: more is never granted (M-48).
  [[nodiscard]] Result<std::uint16_t> begin_subscribe(std::uint32_t token, std::uint8_t filter_count, Qos highest,
                                                      Instant now) noexcept;
  [[nodiscard]] Result<std::uint16_t> begin_unsubscribe(std::uint32_t token, std::uint8_t filter_count,
                                                        Instant now) noexcept;
  // The packet of that begin_* was not written and will not be (no memory; over the Maximum Packet Size of a new
  // connection): the id is free, the token is the caller's to end. Ids that are not in flight are ignored.
  void cancel(std::uint16_t packet_id) noexcept;
  // How many more PUBLISH packets above QoS 0 may go out now: min(server's Receive Maximum, 100) less those in flight
  // ([MQTT-3.3.4-7], [MQTT-4.9.0-2]); 0 while old ones wait to be sent again, which go first ([MQTT-4.6.0-1]).
  [[nodiscard]] std::uint16_t publish_quota() const noexcept;
  [[nodiscard]] std::uint16_t request_quota() const noexcept;
  [[nodiscard]] std::uint16_t publishes_in_flight() const noexcept {
    return static_cast<std::uint16_t>(flights_.count(detail::FlightList::publishes) +
                                      flights_.count(detail::FlightList::releases));
  }
  // Publishes are out on this connection, and the time of every one of them has passed without an answer.
  [[nodiscard]] bool publishes_overdue() const noexcept;
  [[nodiscard]] std::uint16_t requests_in_flight() const noexcept {
    return flights_.count(detail::FlightList::requests);
  }

  // What the server would refuse is refused here (M-40): payload_too_large, qos_not_supported, invalid_argument(0x9A).
  [[nodiscard]] Status check_publish(std::size_t packet_bytes, Qos qos, bool retain) const noexcept;
  // suback_failed with 0xA2 (wildcard), 0x9E (shared) or 0xA1 (subscription identifier), or nothing.
  enum class SubscriptionId : std::uint8_t {
    absent,
    present
  };
  [[nodiscard]] Status check_filter(std::string_view topic_filter,
                                    SubscriptionId subscription_id = SubscriptionId::absent) const noexcept;
  // Any other packet against the server's Maximum Packet Size ([MQTT-3.2.2-15]): payload_too_large.
  [[nodiscard]] Status check_size(std::size_t packet_bytes) const noexcept;

  // The alias for a topic of a PUBLISH that is certainly written next on this connection. 0: the server takes none, or
  // the topic is longer than what is kept. With send_topic false the topic name goes out empty. A packet kept for
  // sending again holds its whole topic and no alias: aliases end with the connection.
  struct Alias {
    std::uint16_t alias = 0;
    bool send_topic = true;
  };
  [[nodiscard]] Alias assign_alias(std::string_view topic) noexcept;

  // --- What a lost connection left
  // After an accepted CONNACK with Session Present 1: what must be sent again, in the original order ([MQTT-4.4.0-1],
  // [MQTT-4.6.0-1]); each call is the promise to write that packet now. False: nothing, or nothing until a completion
  // makes room.
  struct Resend {
    enum class Kind : std::uint8_t {
      publish,
      pubrel
    } kind = Kind::publish;  // a publish goes out with DUP 1
    Qos qos = Qos::at_least_once;
    std::uint16_t packet_id = 0;
    std::uint32_t token = 0;
  };
  [[nodiscard]] bool next_resend(Resend& resend, Instant now) noexcept;
  [[nodiscard]] bool resends_pending() const noexcept;

  // Hands back, once each, publishes first and in the order they were begun, operations that will get no answer:
  // requests of a lost connection, and publishes of a session that is gone (Session Present 0, Clean Start, discard()).
  // Until they are taken, publish_quota() is 0.
  struct Unanswered {
    enum class Kind : std::uint8_t {
      publish,
      subscribe,
      unsubscribe
    } kind = Kind::publish;
    bool received = false;  // QoS 2 only: the server had it already (PUBREC); published again it would arrive twice
    std::uint16_t packet_id = 0;
    std::uint32_t token = 0;
  };
  [[nodiscard]] bool take_unanswered(Unanswered& unanswered) noexcept;
  // Gives the session up: all that is in flight is for take_unanswered. For a connection that is ending.
  void discard() noexcept;
  // Takes over the publishes and the QoS 2 state of the same session on another connection (session taken over, R-38),
  // behind what is in flight here; `other` keeps its requests, and what finds no room here for take_unanswered. Before
  // CONNACK is judged.
  void adopt(Session& other) noexcept;

  // --- Time
  // The next instant at which on_deadline has something to say; Instant::never() when there is none.
  [[nodiscard]] Instant deadline() const noexcept;
  struct Due {
    enum class Kind : std::uint8_t {
      nothing,
      send_pingreq,       // write PINGREQ ahead of what is queued
      keepalive_timeout,  // the path is dead: close
      packet_timeout,     // a packet has been arriving for 30 s: close
      suback_timeout,     // `token`: SUBACK or UNSUBACK after 10 s
      puback_timeout,     // `token`: PUBACK (PUBREC, PUBCOMP) after 20 s
    };
    Kind kind = Kind::nothing;
    std::uint32_t token = 0;
    [[nodiscard]] Error error() const noexcept;  // keepalive_timeout, ack_timeout; none for the first two kinds
  };
  // One thing at a time: call until `nothing`, after what has been read was judged. Each timeout is told once;
  // the operation stays in flight, is never sent again on this connection, and ends as it would have without it.
  [[nodiscard]] Due on_deadline(Instant now) noexcept;
  // The keep alive in force; our own 60 s when the server turned it off (M-41). For the write stall of R-56.
  [[nodiscard]] Duration liveness_interval() const noexcept;

 private:
  // idle → connecting → connected → leaving, and from each of these → over (error, DISCONNECT) or idle (closed).
  enum class Phase : std::uint8_t {
    idle,        // no connection. Next: connecting
    connecting,  // CONNECT is out. Next: connected, over (refused or wrong), idle
    connected,   // Next: leaving, over, idle
    leaving,     // our DISCONNECT is out. Next: over, idle
    over,        // nothing of the server counts any more. Next: idle
  };

  [[nodiscard]] Verdict on_publish(const Publish& publish) noexcept;
  // What an incoming id at QoS 1 and 2 means; `violation` stays null when all is well.
  [[nodiscard]] Verdict::Kind admit_qos_1(const Publish& publish, bool& redelivered,
                                          const detail::Violation*& violation) noexcept;
  [[nodiscard]] Verdict::Kind admit_qos_2(const Publish& publish, bool& redelivered,
                                          const detail::Violation*& violation) noexcept;
  [[nodiscard]] Verdict on_connack(const Connack& connack, Instant now) noexcept;
  [[nodiscard]] Verdict on_puback(const Ack& ack) noexcept;
  [[nodiscard]] Verdict on_pubrec(const Ack& ack, Instant now) noexcept;
  [[nodiscard]] Verdict on_pubrel(const Ack& ack) noexcept;
  [[nodiscard]] Verdict on_pubcomp(const Ack& ack) noexcept;
  [[nodiscard]] Verdict on_reasons(const ReasonList& reasons, detail::FlightKind kind) noexcept;
  [[nodiscard]] Verdict on_disconnect(const Notice& notice) noexcept;
  [[nodiscard]] Verdict on_pingresp() noexcept;
  [[nodiscard]] Verdict dispatch(const Packet& packet, Instant now) noexcept;
  void complete(detail::Flight& flight, Verdict::Kind kind, ReasonCode reason, Verdict& verdict) noexcept;
  [[nodiscard]] Verdict answer(Verdict::Kind kind, std::uint16_t packet_id, ReasonCode reason) const noexcept;
  [[nodiscard]] Verdict fail(const detail::Violation& violation) noexcept;
  [[nodiscard]] const detail::Violation* resolve_alias(const Publish& publish, std::string_view& topic) noexcept;
  [[nodiscard]] const detail::Violation* wrong_connack(const Connack& connack) const noexcept;
  void read_limits(const Properties& properties) noexcept;

  [[nodiscard]] Result<std::uint16_t> begin_request(detail::FlightKind kind, std::uint32_t token,
                                                    std::uint8_t filter_count, Qos highest, Instant now) noexcept;
  void set_terms(const ClientTerms& terms) noexcept;
  void end_connection() noexcept;
  void resume() noexcept;
  void forget_publishes() noexcept;
  void settle_given_up() noexcept;
  void mark_sent(detail::Flight& flight, Instant now) noexcept;
  [[nodiscard]] std::uint16_t send_window() const noexcept;
  [[nodiscard]] detail::Flight* find_publish(std::uint16_t packet_id) noexcept {
    return publishes_given_up_ ? nullptr : flights_.find(packet_id);
  }
  void answered(Instant sent_at) noexcept;
  void count_window() noexcept;
  [[nodiscard]] Instant ping_due() const noexcept;
  [[nodiscard]] Instant reply_due() const noexcept;
  [[nodiscard]] Instant ack_due(detail::FlightList list, Duration wait) const noexcept;
  [[nodiscard]] bool report_overdue(detail::FlightList list, Duration wait, Instant now, std::uint32_t& token) noexcept;

  // The hot members first; the tables after them, the alias texts last.
  Phase phase_ = Phase::idle;
  bool connected_ = false;           // CONNACK was accepted on this connection
  bool reply_awaited_ = false;       // PINGREQ is out and no byte came since
  bool publishes_given_up_ = false;  // the publishes of the table, at least one, are for take_unanswered
  bool requests_given_up_ = false;   // and so are the requests
  bool session_resumed_ = false;
  bool session_known_ = false;  // a CONNACK was accepted: session_expiry_seconds_ is the server's
  bool liveness_told_ = false;  // keepalive_timeout was told
  bool packet_told_ = false;    // packet_timeout was told
  bool replaying_ = false;      // resumed, and what the server kept meanwhile may not all have come yet
  std::uint16_t pings_unanswered_ = 0;
  std::uint16_t counted_out_ = 0;    // PUBLISH of this connection without its end: <= min(receive_maximum, 100)
  std::uint16_t unanswered_in_ = 0;  // PUBLISH of the server without its end: <= terms_.receive_maximum
  std::uint16_t window_part_ = 0;    // PUBLISH packets above QoS 0 since window_began_: < half the Receive Maximum
  Instant last_sent_;
  Instant last_received_;
  Instant ping_sent_;     // the one whose reply is awaited
  Instant first_pinged_;  // the earliest PINGREQ without a PINGRESP, or one before it
  Instant last_pinged_;   // the latest
  Instant answered_;      // when the last request that has been answered went out
  Instant whole_before_;  // replaying_: whole_until() of the connection before
  Instant resumed_at_;    // replaying_: since then
  Instant quiet_since_;   // replaying_: the first answer behind the last PUBLISH above QoS 0; never(): none yet
  Instant window_began_;
  Instant window_full_since_ = Instant::never();  // the last whole window began no earlier; never(): none yet
  Instant incomplete_since_ = Instant::never();
  Instant session_expiry_ = Instant::never();
  std::uint32_t session_expiry_seconds_ = 0;
  std::uint32_t alias_clock_ = 0;
  ServerLimits limits_;
  ClientTerms terms_;
  SessionCounters counters_;
  detail::FlightTable flights_;
  detail::InboundTable inbound_;
  std::uint32_t alias_used_[kTopicAliasCeiling] = {};  // alias_clock_ at the last use: the oldest is bound anew
  std::size_t client_id_size_ = 0;
  char client_id_[kAssignedClientIdBytes] = {};
  detail::AliasedTopic aliases_in_[kTopicAliasCeiling];
  detail::AliasedTopic aliases_out_[kTopicAliasCeiling];
};

// The Error of a refused CONNACK (mqtt_refused) or of the server's DISCONNECT (server_disconnect, session_taken_over):
// the reason code as number, Reason String and Server Reference as words (M-43, M-44: text only, never followed).
[[nodiscard]] Error error_of(const Connack& connack) noexcept;
[[nodiscard]] Error error_of_disconnect(const Notice& notice) noexcept;

}  // namespace axonpush::inline v0::mqtt
