#include "client/link.h"

#include <new>
#include <utility>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/utf8.h"
#include "client/envelope.h"

namespace axonpush::inline v0 {

namespace {

// CONNECT's fixed part, properties and length fields, generously.
constexpr std::size_t kConnectOverheadBytes = 256;

}  // namespace

refresh::Failure failure_of_connack(mqtt::ReasonCode reason) noexcept {
  switch (static_cast<std::uint8_t>(reason)) {
    case 0x86:
    case 0x87:
    case 0x8C:
      return refresh::Failure::credentials_refused;
    case 0x9C:
    case 0x9D:
      return refresh::Failure::moved;
    case 0x81:
    case 0x82:
    case 0x84:
    case 0x85:
    case 0x8A:
    case 0x90:
    case 0x95:
    case 0x99:
    case 0x9A:
    case 0x9B:
      return refresh::Failure::configuration;
    default:
      return refresh::Failure::transient;
  }
}

refresh::Failure failure_of_disconnect(mqtt::ReasonCode reason) noexcept {
  switch (static_cast<std::uint8_t>(reason)) {
    case 0x87:
      return refresh::Failure::credentials_refused;
    case 0x8E:
      return refresh::Failure::session_conflict;
    case 0x9C:
    case 0x9D:
      return refresh::Failure::moved;
    case 0xA0:
      return refresh::Failure::maximum_connect_time;
    default:
      return refresh::Failure::transient;
  }
}

// --- The dial

void Link::dial(const Credentials& credentials, std::string_view client_id, mqtt::Session& session,
                const mqtt::ClientTerms& terms, Instant usable_until, Instant now) noexcept {
  AXONPUSH_ASSERT(stage_ == Stage::closed);
  credentials_ = &credentials;
  session_ = &session;
  terms_ = terms;
  usable_until_ = usable_until;
  end_ = End{};
  end_pending_ = false;
  id_ = owner_.next_connection_id();
  stage_ = Stage::opening;
  dial_deadline_ = now + options_.dial_timeout;
  stage_deadline_ = Instant::never();
  stalled_since_ = Instant::never();
  interest_ = {};
  const Result<http::Url> url = http::parse_url(credentials.url.reveal());
  [[maybe_unused]] const bool kept = client_id_.assign(client_id);
  AXONPUSH_ASSERT(url.ok() && kept);  // both were judged when the credentials came
  const bool loopback = loopback_host(url->host);
  const Endpoint endpoint{
      .security = url->secure() ? Security::tls : Security::cleartext_loopback,
      .host = url->host,
      .port = url->port,
      .connect_address = config_.options.broker_connect_address,
      .allow_loopback = loopback || config_.options.allow_loopback || loopback_host(config_.api.host),
      .resolve_timeout = options_.resolve_timeout,
      .connect_timeout = options_.connect_timeout,
      .handshake_timeout = options_.handshake_timeout,
  };
  const Status opened = host_.connector().open(endpoint, id_, *this);
  if (!opened.ok()) end(opened.error(), refresh::Failure::transient);
}

void Link::on_open(ConnectionId id, Transport& transport, TlsVerified verified) noexcept {
  const EntryGuard guard(entry_);
  if (stage_ != Stage::opening || id != id_) return;
  transport_ = &transport;
  owner_.on_link_traced(*this, TraceKind::transport_open, 0, 0);
  // what expired while the name was looked up and TLS was spoken is not presented.
  if (host_.now() >= usable_until_) {
    end(Error(Errc::credentials_expired, "the credentials expired while the connection was being opened"),
        refresh::Failure::credentials_expired);
    return;
  }
  stage_ = Stage::upgrading;
  stage_deadline_ = host_.now() + options_.upgrade_timeout;
  void* memory = allocate(sizeof(http::ResponseDecoder));
  if (memory == nullptr) {
    end(Error(Errc::no_memory, "no memory for the WebSocket handshake"), refresh::Failure::transient);
    return;
  }
  // Nothing of a refusal's body is read, so however long it is, its status is what counts.
  const http::ResponseContext context{.head_request = false,
                                      .upgrade_requested = true,
                                      .limits = {.head_bytes = limits::kWsHandshakeBytes, .body_bytes = SIZE_MAX}};
  upgrade_ = ::new (memory) http::ResponseDecoder(context);
  if (!write_upgrade(verified)) return;
  flush(host_.now());
  update_interest();
}

void Link::on_open_failed(ConnectionId id, const Error& error) noexcept {
  const EntryGuard guard(entry_);
  if (stage_ != Stage::opening || id != id_) return;
  end(error, refresh::Failure::transient);
  tell_end();
}

// RFC 6455 4.1. The query is a secret; it goes out byte for byte as it came.
bool Link::write_upgrade(const TlsVerified& verified) noexcept {
  static_cast<void>(verified);
  const Result<http::Url> url = http::parse_url(credentials_->url.reveal());
  FixedText<limits::kHostBytes + 16> authority;
  [[maybe_unused]] const bool named = write_authority(*url, authority);
  AXONPUSH_ASSERT(named);  // a host and a port fit
  if (!reserve(limits::kHttpRequestHeadBytes)) {
    end(Error(Errc::no_memory, "no memory for the WebSocket handshake"), refresh::Failure::transient);
    return false;
  }
  if (!ws::make_key(host_.entropy(), key_)) {
    end(Error(Errc::internal, "no entropy for the WebSocket key"), refresh::Failure::transient);
    return false;
  }
  cork_secret_ = true;
  http::RequestWriter writer(cork_.writable());
  writer.start("GET", url->path_query);
  writer.header("Host", authority.view());
  writer.header("Upgrade", "websocket");
  writer.header("Connection", "Upgrade");
  writer.header("Sec-WebSocket-Key", key_.view());
  writer.header("Sec-WebSocket-Version", "13");
  writer.header("Sec-WebSocket-Protocol", options_.subprotocols);
  writer.finish();
  if (!writer.ok()) {
    end(writer.error(), refresh::Failure::credentials_refused);
    return false;
  }
  cork_.commit(writer.written().size());
  return true;
}

void Link::process_upgrade(Instant now) noexcept {
  using Kind = http::ResponseDecoder::Kind;
  for (;;) {
    const http::ResponseDecoder::Step step = upgrade_->next(in_.readable());
    if (step.kind == Kind::head) {
      judge_upgrade(now);
      if (stage_ != Stage::upgrading) return;
    }
    in_.consume(step.consumed);
    if (step.kind == Kind::error) {
      end(upgrade_->error(), refresh::Failure::transient);
      return;
    }
    if (step.kind == Kind::done) {
      // W-H11: what lies behind the head is frames already.
      upgrade_->~ResponseDecoder();
      deallocate(upgrade_, sizeof(http::ResponseDecoder));
      upgrade_ = nullptr;
      frames_ = ws::FrameDecoder({.message_bytes_max = 0});
      packet_bytes_ = 0;
      raw_begin_ = 0;
      stage_ = Stage::upgraded;
      stage_deadline_ = now + options_.drain_timeout;
      process_frames(now);
      return;
    }
    if (step.kind == Kind::need_more) return;
  }
}

void Link::connect(Instant now) noexcept {
  AXONPUSH_ASSERT(stage_ == Stage::upgraded);
  stage_ = Stage::connecting;
  stage_deadline_ = now + options_.connack_timeout;
  session_->on_connecting(terms_, now);
  if (write_connect()) session_->on_sent(now);
}

void Link::judge_upgrade(Instant now) noexcept {
  static_cast<void>(now);
  const http::ResponseHead& head = upgrade_->head();
  ws::HeaderView headers[limits::kHttpHeaderCount];
  std::size_t count = 0;
  for (const http::Header& header : head.headers) headers[count++] = {header.name, header.value};
  const ws::ResponseView response{
      .status = head.status, .version_minor = head.version_minor, .headers = std::span(headers, count)};
  Error error = ws::check_response(response, key_.view(), options_.subprotocols);
  if (!error) return;
  Duration wait;
  if (head.count("retry-after") == 1 && http::parse_retry_after(head.find("retry-after"), host_.wall_now(), wait)) {
    error = std::move(error).with_retry_after(wait);
  }
  // a refused URL is never presented twice. W-H02: a redirect means other credentials.
  const bool refused = head.status == 401 || head.status == 403 || error.code() == Errc::redirect_refused;
  end(error, refused ? refresh::Failure::credentials_refused : refresh::Failure::transient);
}

// MQTT 5 3.1. The user name is a secret: both copies of it are wiped.
bool Link::write_connect() noexcept {
  std::uint8_t property_bytes[64];
  mqtt::PropertyWriter properties(property_bytes);
  properties.integer(mqtt::Property::session_expiry_interval, session_->terms().session_expiry_interval);
  properties.integer(mqtt::Property::receive_maximum, session_->terms().receive_maximum);
  properties.integer(mqtt::Property::maximum_packet_size, session_->terms().maximum_packet_size);
  if constexpr (limits::kMqttTopicAliasIn != 0) {
    properties.integer(mqtt::Property::topic_alias_maximum, session_->terms().topic_alias_maximum);
  }
  mqtt::Connect connect;
  connect.client_id = client_id_.view();
  connect.user_name = credentials_->auth_token.reveal();
  connect.has_user_name = !connect.user_name.empty();
  // CONTRACT 3: a password of length 0 goes with the user name.
  connect.has_password = connect.has_user_name;
  connect.properties = mqtt::Properties(properties.written(), 0);
  connect.keep_alive = session_->terms().keep_alive;
  connect.clean_start = session_->terms().clean_start;
  const std::size_t bound = connect.user_name.size() + connect.client_id.size() + kConnectOverheadBytes;
  Buffer packet = host_.buffers().take(bound);
  if (!packet) {
    end(Error(Errc::no_memory, "no memory for CONNECT"), refresh::Failure::transient);
    return false;
  }
  packet.commit(mqtt::encode_connect(packet.writable(), connect));
  cork_secret_ = true;
  AXONPUSH_ASSERT(packet.size() != 0);  // kConnectOverheadBytes is generous
  const bool appended = append(packet.readable());
  packet.wipe();
  return appended;
}

// --- Writing

bool Link::reserve(std::size_t bytes) noexcept {
  if (!cork_) {
    // What could not be written ended the connection: what comes behind it must not wait in front of the next one.
    if (stage_ == Stage::closed) return false;
    const std::size_t usual = bytes < BufferPool::kClassBytes[2] ? BufferPool::kClassBytes[2] : bytes;
    cork_ = host_.buffers().take(bytes <= BufferPool::kClassBytes[0] && stage_ != Stage::up ? bytes : usual);
    return static_cast<bool>(cork_);
  }
  if (cork_.room() >= bytes) return true;
  cork_.compact();
  if (cork_.room() >= bytes) return true;
  Buffer larger = host_.buffers().take(cork_.size() + bytes);
  if (!larger) return false;
  std::memcpy(larger.writable().data(), cork_.readable().data(), cork_.size());
  larger.commit(cork_.size());
  if (cork_secret_) cork_.wipe();
  cork_ = std::move(larger);
  return true;
}

bool Link::append(Bytes packet) noexcept {
  AXONPUSH_ASSERT(!packet.empty());
  std::uint8_t key[4];
  if (!reserve(packet.size() + limits::kWsHeaderBytes) || !host_.entropy().fill(key)) {
    end(Error(Errc::no_memory, "no memory or no entropy for sending"), refresh::Failure::transient);
    return false;
  }
  cork_.commit(ws::encode_frame(cork_.writable(), ws::Opcode::binary, packet, key));
  trace_packet(TraceKind::packet_out, packet[0], packet.size());
  return true;
}

MutableBytes Link::begin_in_place(std::size_t bytes_max) noexcept {
  const std::size_t headers = limits::kWsHeaderBytes + limits::kMqttFixedHeaderBytes;
  if (!reserve(bytes_max + 2 * headers)) {
    end(Error(Errc::no_memory, "no memory for sending"), refresh::Failure::transient);
    return {};
  }
  in_place_ = cork_.writable().subspan(kUsualHeaderBytes, bytes_max);
  return in_place_;
}

bool Link::end_in_place(std::uint8_t first_byte, std::size_t size) noexcept {
  std::uint8_t key[4];
  if (!host_.entropy().fill(key)) {
    end(Error(Errc::internal, "no entropy for masking"), refresh::Failure::transient);
    return false;
  }
  std::uint8_t fixed[limits::kMqttFixedHeaderBytes];
  const std::size_t fixed_size =
      mqtt::fixed_header_backwards(fixed + sizeof fixed, first_byte, static_cast<std::uint32_t>(size));
  const std::size_t header = ws::header_size(fixed_size + size, true);
  std::uint8_t* const start = cork_.writable().data();
  std::uint8_t* const body = start + header + fixed_size;
  // Rarely: the packet is smaller or larger than the usual, and its headers too.
  if (body != in_place_.data()) std::memmove(body, in_place_.data(), size);
  std::memcpy(start + header, fixed + sizeof fixed - fixed_size, fixed_size);
  static_cast<void>(ws::header_backwards(start + header, ws::Opcode::binary, fixed_size + size, key));
  ws::mask_in_place({start + header, fixed_size + size}, key);
  cork_.commit(header + fixed_size + size);
  trace_packet(TraceKind::packet_out, first_byte, fixed_size + size);
  in_place_ = {};
  return true;
}

void Link::append_frame(ws::Opcode opcode, Bytes payload) noexcept {
  std::uint8_t key[4];
  if (!reserve(payload.size() + limits::kWsHeaderBytes) || !host_.entropy().fill(key)) return;
  cork_.commit(ws::encode_frame(cork_.writable(), opcode, payload, key));
}

// RFC 6455 5.5.1: one Close frame, and nothing behind it. A link that is leaving has sent its own.
void Link::append_close(std::uint16_t code) noexcept {
  if (stage_ == Stage::leaving) return;
  std::uint8_t payload[2];
  store_be16(payload, code);
  append_frame(ws::Opcode::close, code != kNoCloseCode ? Bytes(payload) : Bytes());
}

void Link::append_puback(std::uint16_t packet_id, mqtt::ReasonCode reason) noexcept {
  std::uint8_t packet[16];
  if (reason == mqtt::ReasonCode::success) [[likely]] {
    append(Bytes(packet).first(mqtt::encode_puback(packet, packet_id)));
    return;
  }
  mqtt::Ack ack;
  ack.packet_id = packet_id;
  ack.reason_code = reason;
  const std::size_t size = mqtt::encode_ack(packet, mqtt::PacketType::puback, ack);
  append(Bytes(packet).first(size));
}

void Link::append_disconnect(mqtt::ReasonCode reason, bool end_session) noexcept {
  std::uint8_t property_bytes[8];
  mqtt::PropertyWriter properties(property_bytes);
  // [MQTT-3.14.2-2] allows 0 always. The session of a connection retired for good has no use any more.
  if (end_session) properties.integer(mqtt::Property::session_expiry_interval, 0);
  mqtt::Notice notice;
  notice.reason_code = reason;
  notice.properties = mqtt::Properties(properties.written(), 0);
  std::uint8_t packet[32];
  const std::size_t size = mqtt::encode_notice(packet, mqtt::PacketType::disconnect, notice);
  append(Bytes(packet).first(size));
}

void Link::flush(Instant now) noexcept {
  if (transport_ == nullptr) return;
  // Whoever closes owes no PONG any more, and whoever leaves may send none.
  if (pong_pending_ && stage_ != Stage::leaving && cork_.size() < kCorkBytes) {
    pong_pending_ = false;
    append_frame(ws::Opcode::pong, Bytes(pong_, pong_size_));
  }
  if (!cork_ || cork_.size() == 0) return;
  bool progressed = false;
  while (cork_.size() != 0) {
    const IoResult sent = transport_->send(cork_.readable());
    if (sent.outcome == IoOutcome::would_block) break;
    if (sent.outcome != IoOutcome::ok) {
      // What the peer said before is still there to be read; the read side tells the end (W-22, R-29).
      cork_.clear();
      if (!reading()) end(transport_->error(), refresh::Failure::transient);
      return;
    }
    progressed = true;
    stats_.bytes_out += sent.size;
    cork_.consume(sent.size);
  }
  if (progressed && stage_ >= Stage::connecting) session_->on_sent(now);
  if (cork_.size() == 0) {
    stalled_since_ = Instant::never();
    if (cork_secret_) cork_.wipe();
    cork_secret_ = false;
    cork_.reset();
    owner_.on_link_flushed(*this);
  } else if (progressed || stalled_since_ == Instant::never()) {
    stalled_since_ = now;
  }
  update_interest();
}

void Link::flush_records() noexcept {
  if (transport_ == nullptr || stalled_since_ != Instant::never()) return;
  bool progressed = false;
  while (cork_.size() >= kCorkBytes) {
    const IoResult sent = transport_->send(Bytes(cork_.readable()).first(kCorkBytes));
    // What this means is judged by the flush at the turn's end; until then nobody asks again.
    if (sent.outcome != IoOutcome::ok) {
      stalled_since_ = host_.now();
      break;
    }
    progressed = true;
    stats_.bytes_out += sent.size;
    cork_.consume(sent.size);
  }
  if (progressed) session_->on_sent(host_.now());
}

void Link::update_interest() noexcept {
  AXONPUSH_ASSERT(transport_ != nullptr);
  // W-17: while output is stuck, input that would only add to it is not read.
  const bool output_stuck = cork_ && cork_.size() >= 4 * kCorkBytes;
  const Interest wanted{.read = reading() && !output_stuck, .write = cork_ && cork_.size() != 0};
  if (wanted.read == interest_.read && wanted.write == interest_.write) return;
  interest_ = wanted;
  transport_->interest(wanted);
}

// --- The end

void Link::ping(Instant now) noexcept {
  if (stage_ != Stage::up) return;
  session_->on_pinging(now);
  write_ping(now);
}

void Link::write_ping(Instant now) noexcept {
  std::uint8_t packet[2];
  const std::size_t size = mqtt::encode_ping(packet, mqtt::PacketType::pingreq);
  append(Bytes(packet).first(size));
  flush(now);
}

void Link::leave(Instant now) noexcept {
  AXONPUSH_ASSERT(stage_ == Stage::up);
  append_disconnect(mqtt::ReasonCode::success, true);
  session_->on_disconnecting();
  append_close(1000);
  // Without memory or entropy for these frames the connection is over already.
  if (stage_ != Stage::up) return;
  stage_ = Stage::leaving;
  stage_deadline_ = now + options_.old_read_timeout;
  flush(now);
}

void Link::fail_mqtt(const Error& error, mqtt::ReasonCode reason, Instant now) noexcept {
  const bool connected = stage_ == Stage::up || stage_ == Stage::leaving;
  end_.error = error;
  end_.stage = stage_;
  end_.failure = refresh::Failure::transient;
  // [MQTT-3.14.0-1]: no DISCONNECT before an accepted CONNACK.
  if (stage_ == Stage::up) append_disconnect(reason, false);
  if (connected) session_->on_disconnecting();
  append_close(1000);
  start_closing(now);
}

void Link::fail_ws(const Error& error, std::uint16_t close_code, Instant now) noexcept {
  end_.error = error;
  end_.stage = stage_;
  end_.failure = refresh::Failure::transient;
  append_close(close_code);
  start_closing(now);
}

// Nothing is read any more; the last bytes and close_notify have close_timeout (RFC 6455 7.1.1).
void Link::start_closing(Instant now) noexcept {
  if (stage_ == Stage::closed) return;  // no memory or no entropy for the last words
  stage_ = Stage::closing;
  dial_deadline_ = Instant::never();
  stage_deadline_ = now + options_.close_timeout;
  pong_pending_ = false;
}

void Link::shut_down() noexcept {
  if (cork_ && cork_.size() != 0) {
    flush(host_.now());
    if (stage_ != Stage::closing || (cork_ && cork_.size() != 0)) return;
  }
  const IoOutcome outcome = transport_->shutdown();
  if (outcome == IoOutcome::would_block) {
    transport_->interest({.read = false, .write = true});
    interest_ = {.read = false, .write = true};
    return;
  }
  end(end_.error, end_.failure);
}

// Closes now; the owner hears of it when the pump has returned.
void Link::end(const Error& error, refresh::Failure failure) noexcept {
  if (stage_ == Stage::closed) return;
  if (stage_ != Stage::closing) {
    end_.stage = stage_;
    end_.error = error;
    end_.failure = failure;
  }
  release();
  end_pending_ = true;
  if (!in_pump_) host_.request_turn(Host::When::later);
}

void Link::release() noexcept {
  if (stage_ == Stage::closed) return;
  const Stage before = stage_;
  stage_ = Stage::closed;
  host_.connector().close(id_);
  transport_ = nullptr;
  if (before >= Stage::connecting) session_->on_closed(host_.now());
  if (upgrade_ != nullptr) {
    upgrade_->~ResponseDecoder();
    deallocate(upgrade_, sizeof(http::ResponseDecoder));
    upgrade_ = nullptr;
  }
  if (cork_ && cork_secret_) cork_.wipe();
  cork_secret_ = false;
  cork_.reset();
  if (!in_pump_) {
    in_.reset();
    packet_bytes_ = raw_begin_ = 0;
  }
  wanted_bytes_ = 0;
  pong_pending_ = false;
  dial_deadline_ = stage_deadline_ = stalled_since_ = Instant::never();
}

void Link::abort() noexcept {
  release();
  end_pending_ = false;
}

void Link::tell_end() noexcept {
  AXONPUSH_ASSERT(!in_pump_);
  if (!end_pending_) return;
  end_pending_ = false;
  owner_.on_link_ended(*this, end_);
}

// --- Time

Instant Link::deadline() const noexcept {
  if (end_pending_) return Instant::from_nanoseconds(0);
  if (stage_ == Stage::closed) return Instant::never();
  Instant at = earlier_of(dial_deadline_, stage_deadline_);
  if (stage_ >= Stage::connecting && stage_ <= Stage::leaving) at = earlier_of(at, session_->deadline());
  if (stage_ == Stage::up && stalled_since_ != Instant::never()) {
    at = earlier_of(at, stalled_since_ + session_->liveness_interval());
  }
  return at;
}

void Link::on_deadline(Instant now) noexcept {
  tell_end();
  if (stage_ == Stage::closed) return;
  // whoever was away for long (a callback that blocked, a machine that slept) reads first what has come
  // meanwhile, and judges the peer's silence then.
  if (stage_ >= Stage::up && stage_ <= Stage::leaving && interest_.read && now >= session_->deadline()) {
    pump(now);
    if (stage_ == Stage::closed) {
      tell_end();
      return;
    }
  }
  if (stage_ == Stage::closing && now >= stage_deadline_) {
    end(end_.error, end_.failure);
  } else if (stage_ == Stage::upgraded && now >= stage_deadline_ && now < dial_deadline_) {
    connect(now);
    flush(now);
  } else if (stage_ == Stage::leaving && now >= stage_deadline_) {
    end(Error(Errc::closed, "the connection was retired"), refresh::Failure::transient);
  } else if (now >= dial_deadline_ || now >= stage_deadline_) {
    end(Error(Errc::connect_timeout, stage_ == Stage::connecting ? "the server did not answer CONNECT in time"
                                     : stage_ == Stage::upgrading
                                         ? "the server did not answer the WebSocket handshake in time"
                                         : "the connection did not come about in time"),
        refresh::Failure::transient);
  } else if (stage_ == Stage::up && stalled_since_ != Instant::never() &&
             now >= stalled_since_ + session_->liveness_interval()) {
    // a transport that takes nothing for a keep alive is dead.
    end(Error(Errc::keepalive_timeout, "the connection took no output for a keep alive"), refresh::Failure::transient);
  }
  while (stage_ >= Stage::connecting && stage_ <= Stage::leaving) {
    const mqtt::Session::Due due = session_->on_deadline(now);
    if (due.kind == mqtt::Session::Due::Kind::nothing) break;
    switch (due.kind) {
      case mqtt::Session::Due::Kind::send_pingreq:
        write_ping(now);
        break;
      case mqtt::Session::Due::Kind::keepalive_timeout:
      case mqtt::Session::Due::Kind::packet_timeout:
        end(due.error(), refresh::Failure::transient);
        break;
      default:
        owner_.on_link_overdue(*this, due);
        break;
    }
  }
  if (stage_ == Stage::closing) shut_down();
  tell_end();
}

}  // namespace axonpush::inline v0
