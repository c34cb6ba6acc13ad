#include "sim/model_broker.h"

#include <axonpush/ws/handshake.h>

#include <algorithm>
#include <utility>

namespace axonpush::sim {

namespace {

int byte_at(const std::string& text, std::size_t at) { return static_cast<unsigned char>(text.at(at)); }
int word_at(const std::string& text, std::size_t at) { return byte_at(text, at) << 8 | byte_at(text, at + 1); }

std::string word(std::size_t value) { return {static_cast<char>(value >> 8 & 0xFF), static_cast<char>(value & 0xFF)}; }

std::string variable(std::size_t value) {
  std::string made;
  do {
    int byte = static_cast<int>(value % 128);
    value /= 128;
    if (value > 0) byte |= 128;
    made += static_cast<char>(byte);
  } while (value > 0);
  return made;
}

// Reads a variable byte integer; false when there is not enough, or over four bytes.
bool read_variable(const std::string& text, std::size_t& at, std::size_t& value) {
  value = 0;
  std::size_t factor = 1;
  for (int count = 0; count < 4; ++count) {
    if (at >= text.size()) return false;
    const int byte = byte_at(text, at++);
    value += static_cast<std::size_t>(byte & 127) * factor;
    factor *= 128;
    if ((byte & 128) == 0) return true;
  }
  return false;
}

std::string packet(int first, const std::string& body) {
  return std::string(1, static_cast<char>(first)) + variable(body.size()) + body;
}

// Takes the first level off.
std::string_view take_level(std::string_view& text, bool& more) {
  const std::size_t slash = text.find('/');
  const std::string_view level = text.substr(0, slash);
  more = slash != std::string_view::npos;
  text = more ? text.substr(slash + 1) : std::string_view();
  return level;
}

// RFC 6455 4.1: what every opening handshake of a client has, and what this service asks for on top (CONTRACT 5).
bool legal_upgrade(const std::string& head) {
  const auto has = [&](const char* line) {
    return (head + "\r\n").find(std::string("\r\n") + line + "\r\n") != std::string::npos;
  };
  const std::string request = head.substr(0, head.find("\r\n"));
  const std::string version = " HTTP/1.1";
  return request.starts_with("GET /") && request.ends_with(version) && head.find("\r\nHost: ") != std::string::npos &&
         has("Upgrade: websocket") && has("Connection: Upgrade") && has("Sec-WebSocket-Version: 13") &&
         head.find("\r\nSec-WebSocket-Protocol: mqtt") != std::string::npos;
}

}  // namespace

bool model_matches(std::string_view filter, std::string_view topic) {
  bool more_wanted = true;
  bool more_given = true;
  while (more_wanted) {
    const std::string_view wanted = take_level(filter, more_wanted);
    if (wanted == "#") return true;
    if (!more_given) return false;
    const std::string_view given = take_level(topic, more_given);
    if (wanted != "+" && wanted != given) return false;
  }
  return !more_given;
}

// --- The broker

World::PeerMaker ModelBroker::maker() {
  return [this] { return std::make_unique<BrokerPeer>(*this); };
}

std::size_t ModelBroker::publish(const std::string& topic, const std::string& payload, int qos, std::uint64_t tag) {
  forget_expired();
  std::size_t reached = 0;
  for (auto& [id, session] : sessions) {
    int granted = -1;
    for (const auto& [filter, filter_qos] : session.filters) {
      if (filter_qos > granted && model_matches(filter, topic)) granted = filter_qos;
    }
    if (granted < 0) continue;
    const Message message{topic, payload, std::min(qos, granted), false, tag};
    if (session.taken) {
      if (director != nullptr) director->on_taken(session, message);
    } else if (session.peer == nullptr) {
      if (message.qos > 0) session.queue.push_back(message);
    } else {
      session.peer->deliver(message);
    }
    ++reached;
  }
  return reached;
}

// [MQTT-3.1.2-11.2]: a session ends when its expiry interval has passed since its connection ended.
void ModelBroker::forget_expired() {
  for (auto at = sessions.begin(); at != sessions.end();) {
    const BrokerSession& session = at->second;
    const bool over = session.peer == nullptr && !session.taken &&
                      world_.now() - session.ended_at > seconds(static_cast<std::int64_t>(session.expiry));
    at = over ? sessions.erase(at) : std::next(at);
  }
}

std::vector<BrokerPeer*> ModelBroker::live() const {
  std::vector<BrokerPeer*> found;
  for (BrokerPeer* peer : peers_) {
    if (peer->connected_ && !peer->closed_) found.push_back(peer);
  }
  return found;
}

BrokerPeer* ModelBroker::peer_of(const std::string& client_id) const {
  for (BrokerPeer* peer : live()) {
    if (peer->client_id_ == client_id) return peer;
  }
  return nullptr;
}

BrokerPeer* ModelBroker::newest() const {
  const auto all = live();
  return all.empty() ? nullptr : all.back();
}

// --- A connection

BrokerPeer::BrokerPeer(ModelBroker& broker) : broker_(broker) { broker_.peers_.push_back(this); }

BrokerPeer::~BrokerPeer() {
  on_end();
  broker_.peers_.erase(std::remove(broker_.peers_.begin(), broker_.peers_.end(), this), broker_.peers_.end());
}

void BrokerPeer::violate(const std::string& what) {
  broker_.violations.push_back(client_id_ + ": " + what);
  broker_.violator = connection_;
}

void BrokerPeer::on_end() {
  if (closed_) return;
  closed_ = true;
  if (broker_.director != nullptr) broker_.director->on_gone(*this);
  const auto found = broker_.sessions.find(client_id_);
  if (found == broker_.sessions.end() || found->second.peer != this) return;
  found->second.peer = nullptr;
  found->second.ended_at = broker_.world_.now();
  if (found->second.expiry == 0) broker_.sessions.erase(found);
}

void BrokerPeer::on_bytes(std::string_view bytes) {
  if (closed_) {
    // RFC 6455 5.5.1: Close is the last frame, whether anybody still reads or not.
    if (saw_close_ && !bytes.empty()) violate("a frame after Close");
    return;
  }
  received_ += bytes;
  if (!upgraded_) read_upgrade();
  if (upgraded_) read_frames();
}

void BrokerPeer::read_upgrade() {
  const std::size_t end = received_.find("\r\n\r\n");
  BrokerDirector* director = broker_.director;
  if (end == std::string::npos || !broker_.answer_upgrade) return;
  const std::string head = received_.substr(0, end);
  if (!legal_upgrade(head)) violate("no opening handshake, or something in front of it");
  if (director != nullptr) director->on_upgrade(*this, head);
  if (director != nullptr && !director->answers(*this, BrokerDirector::Step::upgrade)) return;
  received_.erase(0, end + 4);
  ++broker_.upgrades;
  int status = director == nullptr ? -1 : director->upgrade_status(*this);
  if (status < 0) status = broker_.upgrade_status();
  if (status != 101) {
    send_raw("HTTP/1.1 " + std::to_string(status) + " No\r\nContent-Length: 0\r\n\r\n");
    cut(Connection::Cut::orderly);
    return;
  }
  const std::string name = "Sec-WebSocket-Key: ";
  const std::size_t at = head.find(name);
  if (at == std::string::npos) {
    violate("no key");
    return;
  }
  const std::string key = head.substr(at + name.size(), 24);
  const ws::Accept accept = ws::accept_of(key);
  send_raw(
      broker_.upgrade_head("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Accept: " +
                           std::string(accept.view()) + "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"));
  upgraded_ = true;
}

void BrokerPeer::read_frames() {
  for (;;) {
    if (received_.size() < 2) return;
    const int first = byte_at(received_, 0);
    const int second = byte_at(received_, 1);
    std::size_t size = static_cast<std::size_t>(second & 127);
    std::size_t header = 2;
    if (size == 126) {
      if (received_.size() < 4) return;
      size = static_cast<std::size_t>(word_at(received_, 2));
      header = 4;
      if (size < 126) violate("a length that is not minimal");
    } else if (size == 127) {
      if (received_.size() < 10) return;
      size = 0;
      for (std::size_t at = 2; at < 10; ++at) size = size << 8 | static_cast<std::size_t>(byte_at(received_, at));
      header = 10;
      if (size < 65'536) violate("a length that is not minimal");
    }
    if ((second & 128) == 0) violate("a frame without a mask");
    if ((first & 0x70) != 0) violate("reserved bits");
    if ((first & 0x80) == 0) violate("a fragment");
    if (received_.size() < header + 4 + size) return;
    if (broker_.director != nullptr) {
      broker_.director->on_frame(*this, static_cast<std::uint32_t>(word_at(received_, header)) << 16 |
                                            static_cast<std::uint32_t>(word_at(received_, header + 2)));
    }
    std::string payload = received_.substr(header + 4, size);
    for (std::size_t at = 0; at < size; ++at) {
      payload[at] = static_cast<char>(byte_at(payload, at) ^ byte_at(received_, header + at % 4));
    }
    received_.erase(0, header + 4 + size);
    const int opcode = first & 15;
    if (saw_close_) violate("a frame after Close");
    if (opcode == 2) {
      stream_ += payload;
      read_packets();
    } else if (opcode == 8) {
      saw_close_ = true;
      if (!broker_.answer_close) continue;
      send_frame(8, payload.substr(0, 2));
      cut(Connection::Cut::orderly);
      on_end();
      return;
    } else if (opcode == 9) {
      send_frame(10, payload);
    } else if (opcode != 10) {
      violate("opcode " + std::to_string(opcode));
    } else if (broker_.director != nullptr) {
      broker_.director->on_pong(*this);
    }
    if (closed_) return;
  }
}

void BrokerPeer::read_packets() {
  while (!stream_.empty() && !closed_) {
    std::size_t at = 1;
    std::size_t size = 0;
    if (!read_variable(stream_, at, size) || stream_.size() < at + size) return;
    const int first = byte_at(stream_, 0);
    if (broker_.maximum_packet_size != 0 && connected_ && at + size > broker_.maximum_packet_size) {
      violate("a packet over the Maximum Packet Size");
    }
    if (broker_.director != nullptr) broker_.director->on_packet(*this, first >> 4, at + size);
    const std::string body = stream_.substr(at, size);
    stream_.erase(0, at + size);
    try {
      on_mqtt(first >> 4, first & 15, body);
    } catch (const std::out_of_range&) {
      violate("a packet of type " + std::to_string(first >> 4) + " is cut short");
    }
  }
}

void BrokerPeer::on_mqtt(int type, int flags, const std::string& body) {
  if (saw_disconnect_) violate("a packet after DISCONNECT");
  if (!connected_ && type != 1) violate("a packet before CONNACK");
  broker_.on_packet(*this, type);
  if (closed_) return;
  switch (type) {
    case 1:
      on_connect(body);
      return;
    case 3:
      on_publish(flags, body);
      return;
    case 4:
      on_puback(body);
      return;
    case 8:
      if (flags != 2) violate("SUBSCRIBE flags");
      on_subscribe(body);
      return;
    case 10:
      if (flags != 2) violate("UNSUBSCRIBE flags");
      on_unsubscribe(body);
      return;
    case 12:
      ++broker_.pings;
      if (!body.empty()) violate("PINGREQ with a body");
      if (!broker_.answer_ping) return;
      if (broker_.director == nullptr || broker_.director->answers(*this, BrokerDirector::Step::ping)) {
        send_packet(std::string("\xD0\x00", 2));
      }
      return;
    case 14:
      on_disconnect(body);
      return;
    default:
      violate("packet type " + std::to_string(type));
  }
}

// [MQTT-4.6.0-2]: PUBACKs in the order of the PUBLISHes.
void BrokerPeer::on_puback(const std::string& body) {
  ++broker_.pubacks;
  BrokerSession& session = broker_.sessions[client_id_];
  const auto id = static_cast<std::uint16_t>(word_at(body, 0));
  if (session.in_flight.erase(id) == 0) violate("PUBACK for an unknown packet id");
  if (!session.in_flight_order.empty() && session.in_flight_order.front() != id) violate("PUBACK out of order");
  std::erase(session.in_flight_order, id);
  if (broker_.director != nullptr) broker_.director->on_acknowledged(*this, id);
  pump();
}

void BrokerPeer::on_disconnect(const std::string& body) {
  ++broker_.disconnects;
  saw_disconnect_ = true;
  const int reason = body.empty() ? 0 : byte_at(body, 0);
  if (broker_.keeps_history) broker_.disconnect_reasons.push_back(reason);
  if (broker_.director != nullptr) broker_.director->on_leaving(*this);
  std::size_t at = 1;
  std::size_t size = 0;
  if (body.size() > 1 && read_variable(body, at, size) && size >= 5 && byte_at(body, at) == 0x11) {
    broker_.sessions[client_id_].expiry =
        static_cast<std::uint32_t>(word_at(body, at + 1)) << 16 | static_cast<std::uint32_t>(word_at(body, at + 3));
  }
}

void BrokerPeer::on_connect(const std::string& body) {
  if (body.substr(0, 7) != std::string("\x00\x04MQTT\x05", 7)) violate("no MQTT 5 CONNECT");
  SeenConnect seen;
  const int flags = byte_at(body, 7);
  seen.clean_start = (flags & 2) != 0;
  seen.keep_alive = static_cast<std::uint16_t>(word_at(body, 8));
  seen.at = broker_.world_.now();
  std::size_t at = 10;
  std::size_t properties = 0;
  if (!read_variable(body, at, properties)) violate("CONNECT properties");
  for (const std::size_t end = at + properties; at < end;) {
    const int id = byte_at(body, at++);
    if (id == 0x11 || id == 0x27) {
      const auto value =
          static_cast<std::uint32_t>(word_at(body, at)) << 16 | static_cast<std::uint32_t>(word_at(body, at + 2));
      if (id == 0x11) seen.session_expiry = value;
      at += 4;
    } else if (id == 0x21 || id == 0x22) {
      if (id == 0x21) receive_maximum_ = static_cast<std::uint16_t>(word_at(body, at));
      at += 2;
    } else {
      violate("CONNECT property " + std::to_string(id));
      break;
    }
  }
  const auto text = [&body, &at] {
    const auto size = static_cast<std::size_t>(word_at(body, at));
    const std::string made = body.substr(at + 2, size);
    at += 2 + size;
    return made;
  };
  seen.client_id = text();
  if ((flags & 128) != 0) seen.user_name = text();
  seen.has_password = (flags & 64) != 0;
  if (seen.has_password && !text().empty()) violate("a password with content");
  if (at != body.size()) violate("CONNECT has bytes left over");
  if (broker_.keeps_history) broker_.connects.push_back(seen);
  order_ = ++broker_.connect_count_;
  client_id_ = seen.client_id;
  user_name_ = seen.user_name;
  keep_alive_ = broker_.server_keep_alive != 0 ? broker_.server_keep_alive : seen.keep_alive;
  BrokerDirector* director = broker_.director;
  if (!broker_.answer_connect) return;
  if (director != nullptr && !director->answers(*this, BrokerDirector::Step::connect)) return;
  int reason = director == nullptr ? -1 : director->connack(*this, seen);
  if (reason < 0) {
    reason = broker_.connack_reason                     ? broker_.connack_reason(seen)
             : broker_.api_.token_valid(seen.user_name) ? 0
                                                        : 0x87;
  }
  if (reason != 0) {
    send_packet(packet(0x20, std::string(1, '\0') + static_cast<char>(reason) + '\0'));
    cut(Connection::Cut::orderly);
    client_id_.clear();
    return;
  }
  const bool present = takes_over(seen);
  BrokerSession& session = broker_.sessions[client_id_];
  session.client_id = client_id_;
  session.peer = this;
  session.expiry = seen.session_expiry;
  connected_ = true;
  connected_at_ = broker_.world_.now();
  if (director != nullptr) director->on_connected(*this, seen, present);
  const std::string announces = announced() + broker_.connack_properties;
  send_packet(
      packet(0x20, std::string(1, static_cast<char>(present ? 1 : 0)) + '\0' + variable(announces.size()) + announces));
  if (present) resume();
}

// What there is of this client id's past: its connection ends, its session goes on or not.
bool BrokerPeer::takes_over(const SeenConnect& seen) {
  const auto found = broker_.sessions.find(client_id_);
  if (found == broker_.sessions.end()) return false;
  BrokerSession& session = found->second;
  if (session.peer != nullptr) {
    BrokerPeer* old = session.peer;
    if (broker_.takeover_disconnect) old->send_disconnect(0x8E);
    old->cut(Connection::Cut::orderly);
    old->closed_ = true;
    if (broker_.director != nullptr) broker_.director->on_ousted(*old);
    session.peer = nullptr;
    session.ended_at = broker_.world_.now();
  }
  if (std::exchange(session.taken, false)) session.ended_at = broker_.world_.now();
  const bool expired = broker_.world_.now() - session.ended_at > seconds(static_cast<std::int64_t>(session.expiry));
  const bool kept = broker_.keep_sessions && (broker_.director == nullptr || broker_.director->keeps_session(*this));
  const bool present = !seen.clean_start && kept && !expired;
  if (!present) broker_.sessions.erase(found);
  return present;
}

void BrokerPeer::lose_session() {
  send_disconnect(0x8E);
  cut(Connection::Cut::orderly);
  const auto found = broker_.sessions.find(client_id_);
  if (closed_ || found == broker_.sessions.end() || found->second.peer != this) return;
  closed_ = true;
  BrokerDirector* const director = broker_.director;
  if (director != nullptr) director->on_gone(*this);
  BrokerSession& session = found->second;
  session.peer = nullptr;
  session.taken = true;
  if (director != nullptr) {
    for (const auto& [id, message] : session.in_flight) director->on_taken(session, message);
    for (const Message& message : session.queue) director->on_taken(session, message);
  }
  session.in_flight.clear();
  session.in_flight_order.clear();
  session.queue.clear();
}

std::string BrokerPeer::announced() const {
  std::string made;
  if (broker_.receive_maximum != 0) made += '\x21' + word(broker_.receive_maximum);
  if (broker_.server_keep_alive != 0) made += '\x13' + word(broker_.server_keep_alive);
  if (broker_.maximum_packet_size != 0) {
    made += '\x27' + word(broker_.maximum_packet_size >> 16) + word(broker_.maximum_packet_size & 0xFFFF);
  }
  return made;
}

// What was sent and not acknowledged goes out again, then what waited.
void BrokerPeer::resume() {
  BrokerSession& session = broker_.sessions[client_id_];
  for (const std::uint16_t id : session.in_flight_order) send_message(session.in_flight[id], id, true);
  replaying_ = broker_.replay_interval != Duration::zero() && !session.queue.empty();
  resumed_at_ = broker_.world_.now();
  if (replaying_) {
    replay();
  } else {
    pump();
  }
}

// One by one, and what comes meanwhile behind it.
void BrokerPeer::replay() {
  BrokerSession& session = broker_.sessions[client_id_];
  if (closed_ || session.peer != this) return;
  replaying_ = session.queue.size() > 1;
  if (session.in_flight.size() < receive_maximum_) {
    std::deque<Message> rest;
    std::swap(rest, session.queue);
    session.queue.push_back(std::move(rest.front()));
    rest.pop_front();
    const bool more = std::exchange(replaying_, false);
    pump();
    std::swap(rest, session.queue);
    replaying_ = more;
  } else {
    replaying_ = true;
  }
  if (!replaying_) return;
  if (broker_.director != nullptr) broker_.director->on_replaying(*this, resumed_at_);
  broker_.world_.after(broker_.replay_interval, [kept = connection_->shared_from_this(), this] { replay(); });
}

void BrokerPeer::send_message(const Message& message, std::uint16_t id, bool again) {
  std::string body = word(message.topic.size()) + message.topic;
  if (message.qos > 0) body += word(id);
  body += '\0';
  body += message.payload;
  send_packet(packet(message.qos == 0 ? 0x30 : again ? 0x3A : 0x32, body));
  ++broker_.deliveries;
  if (broker_.director != nullptr) broker_.director->on_sent(*this, message, again);
}

void BrokerPeer::pump() {
  if (replaying_) return;
  BrokerSession& session = broker_.sessions[client_id_];
  while (!session.queue.empty() && session.in_flight.size() < receive_maximum_ && session.peer == this) {
    while (session.next_id == 0 || session.in_flight.count(session.next_id) != 0) ++session.next_id;
    const std::uint16_t id = session.next_id++;
    const Message& message = session.in_flight[id] = std::move(session.queue.front());
    session.queue.pop_front();
    session.in_flight_order.push_back(id);
    send_message(message, id, false);
  }
}

void BrokerPeer::deliver(const Message& message) {
  if (message.qos == 0) {
    send_message(message, 0, false);
    return;
  }
  broker_.sessions[client_id_].queue.push_back(message);
  pump();
}

void BrokerPeer::on_publish(int flags, const std::string& body) {
  StoredPublish made;
  made.qos = flags >> 1 & 3;
  made.dup = (flags & 8) != 0;
  made.client_id = client_id_;
  made.at = broker_.world_.now();
  const auto size = static_cast<std::size_t>(word_at(body, 0));
  made.topic = body.substr(2, size);
  std::size_t at = 2 + size;
  std::uint16_t id = 0;
  if (made.qos > 0) {
    id = static_cast<std::uint16_t>(word_at(body, at));
    at += 2;
    if (id == 0) violate("PUBLISH with packet id 0");
  }
  if (made.qos > 1) violate("QoS 2");
  std::size_t properties = 0;
  if (!read_variable(body, at, properties)) violate("PUBLISH properties");
  at += properties;
  made.payload = body.substr(at);
  BrokerDirector* director = broker_.director;
  int reason = made.qos == 0 || director == nullptr ? -1 : director->puback(*this, made.topic);
  if (reason < 0) reason = made.qos > 0 ? broker_.puback_reason(made.topic) : 0;
  if (reason < 0x80) {
    if (broker_.keeps_history) broker_.stored.push_back(made);
    if (director != nullptr) director->on_stored(*this, made, id);
    broker_.publish(made.topic, made.payload, made.qos);
  }
  if (made.qos == 0) return;
  if (!broker_.answer_publish || (director != nullptr && !director->answers(*this, BrokerDirector::Step::publish))) {
    if (broker_.receive_maximum != 0 && ++unanswered_ > broker_.receive_maximum) {
      violate("more publishes in flight than the Receive Maximum");
    }
    return;
  }
  send_packet(
      packet(0x40, word(id) + (reason == 0 ? std::string() : std::string(1, static_cast<char>(reason)) + '\0')));
}

void BrokerPeer::on_subscribe(const std::string& body) {
  const std::string id = body.substr(0, 2);
  std::size_t at = 2;
  std::size_t properties = 0;
  if (!read_variable(body, at, properties)) violate("SUBSCRIBE properties");
  at += properties;
  std::string reasons;
  std::vector<std::string> filters;
  while (at < body.size()) {
    const auto size = static_cast<std::size_t>(word_at(body, at));
    const std::string filter = body.substr(at + 2, size);
    const int options = byte_at(body, at + 2 + size);
    at += 3 + size;
    filters.push_back(filter);
    int reason = broker_.director == nullptr ? -1 : broker_.director->suback(*this, filter);
    if (reason < 0) reason = broker_.suback_reason(filter);
    if (reason < 0x80) {
      reason = std::min(reason, options & 3);
      broker_.sessions[client_id_].filters[filter] = reason;
      if (broker_.director != nullptr) broker_.director->on_granted(*this, filter);
    }
    reasons += static_cast<char>(reason);
  }
  if (filters.empty() || filters.size() > 8) violate("SUBSCRIBE with " + std::to_string(filters.size()) + " filters");
  if (broker_.keeps_history) broker_.subscribes.push_back(filters);
  if (!broker_.answer_subscribe) return;
  if (broker_.director != nullptr && !broker_.director->answers(*this, BrokerDirector::Step::subscribe)) return;
  const std::string answer = packet(0x90, id + '\0' + reasons);
  if (broker_.suback_delay == Duration::zero()) {
    send_packet(answer);
    return;
  }
  broker_.world_.after(broker_.suback_delay, [kept = connection_->shared_from_this(), this, answer] {
    if (!closed_) send_packet(answer);
  });
}

void BrokerPeer::on_unsubscribe(const std::string& body) {
  const std::string id = body.substr(0, 2);
  std::size_t at = 3;
  std::string reasons;
  std::vector<std::string> filters;
  while (at < body.size()) {
    const auto size = static_cast<std::size_t>(word_at(body, at));
    filters.push_back(body.substr(at + 2, size));
    at += 2 + size;
    reasons += broker_.sessions[client_id_].filters.erase(filters.back()) != 0 ? '\0' : '\x11';
    if (broker_.director != nullptr) broker_.director->on_withdrawn(*this, filters.back());
  }
  if (broker_.keeps_history) broker_.unsubscribes.push_back(filters);
  send_packet(packet(0xB0, id + '\0' + reasons));
}

void BrokerPeer::send_packet(const std::string& packet) {
  const std::size_t most = broker_.frame_bytes_max;
  if (packet.size() <= most) {
    send_frame(2, packet);
    return;
  }
  for (std::size_t at = 0; at < packet.size(); at += most) {
    send_frame(at == 0 ? 2 : 0, packet.substr(at, most), packet.size() - at <= most);
  }
}

void BrokerPeer::send_frame(int opcode, const std::string& payload, bool fin) {
  std::string frame(1, static_cast<char>((fin ? 0x80 : 0) | opcode));
  if (payload.size() < 126) {
    frame += static_cast<char>(payload.size());
  } else if (payload.size() < 65'536) {
    frame += '\x7E' + word(payload.size());
  } else {
    frame += '\x7F';
    for (int shift = 56; shift >= 0; shift -= 8) frame += static_cast<char>(payload.size() >> shift & 0xFF);
  }
  connection_->send(frame + payload);
}

void BrokerPeer::send_disconnect(int reason) {
  send_packet(packet(0xE0, std::string(1, static_cast<char>(reason)) + '\0'));
}

}  // namespace axonpush::sim
