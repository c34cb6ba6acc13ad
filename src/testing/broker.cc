#include "testing/broker.h"

#include <algorithm>

#include "testing/broker_peer.h"
#include "testing/server.h"

namespace axonpush::inline v0::testing {

namespace {

using mqtt::Qos;
using mqtt::ReasonCode;

// What one connection may hold of QoS 1 before the rest waits in its session.
constexpr std::size_t kOutputForQueue = 1024 * 1024;
constexpr std::size_t kTopicBytes = limits::kTopicOutBytes;  // AWS IoT Core
constexpr std::size_t kSegmentsBehindPrefix = 5;             // environment, app, channel, event type, agent
constexpr std::uint16_t kPacketIds = 65'535;
constexpr std::uint32_t kNeverExpires = UINT32_MAX;  // MQTT 5 3.1.2.11.2

std::uint16_t following(std::uint16_t packet_id) {
  return packet_id == kPacketIds ? std::uint16_t{1} : static_cast<std::uint16_t>(packet_id + 1);
}

bool segment_valid(std::string_view segment) {
  return !segment.empty() && std::all_of(segment.begin(), segment.end(), [](char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '_' || character == '-';
  });
}

std::size_t level_count(std::string_view topic) {
  return 1 + static_cast<std::size_t>(std::count(topic.begin(), topic.end(), '/'));
}

// "PREFIX/..." without "PREFIX/"; false when it is somebody else's.
bool cut_prefix(std::string_view prefix, std::string_view& topic) {
  if (!topic.starts_with(prefix) || topic.size() <= prefix.size() || topic[prefix.size()] != '/') return false;
  topic.remove_prefix(prefix.size() + 1);
  return true;
}

enum class Wildcards : std::uint8_t {
  refused,
  taken
};

bool segments_valid(std::string_view rest, Wildcards wildcards) {
  for (std::size_t count = 1;; ++count) {
    const std::size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    const bool last = slash == std::string_view::npos;
    if (wildcards == Wildcards::taken && segment == "#") return last;
    if (!(wildcards == Wildcards::taken && segment == "+") && !segment_valid(segment)) return false;
    if (last) return count == kSegmentsBehindPrefix;
    if (count == kSegmentsBehindPrefix) return wildcards == Wildcards::taken && rest.substr(slash + 1) == "#";
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace

// --- Messages

MessageRef::MessageRef(const Publication& publication)
    : message_(new Message{.topic = std::string(publication.topic),
                           .payload = {publication.payload.begin(), publication.payload.end()},
                           .properties = {publication.properties.begin(), publication.properties.end()},
                           .expires = publication.expires}) {}

MessageRef::~MessageRef() {
  if (message_ != nullptr && --message_->references == 0) delete message_;
}

Publication MessageRef::view() const {
  return {.topic = message_->topic,
          .payload = message_->payload,
          .properties = message_->properties,
          .expires = message_->expires,
          .qos = Qos::at_least_once};
}

// --- Sessions

void Broker::stop() {
  server_.reactor().disarm(*this);
  while (!sessions_.empty()) remove(*sessions_.begin()->second);
}

Broker::Opened Broker::open(const Opening& opening, BrokerPeer& peer) {
  std::string client_id(opening.client_id);
  if (client_id.empty()) client_id.append("axonpush-assigned-").append(std::to_string(++assigned_ids_));
  bool present = false;
  const auto found = sessions_.find(client_id);
  if (found != sessions_.end()) {
    Session& old = *found->second;
    if (old.peer != nullptr) {
      ++server_.stats().takeovers;
      BrokerPeer& loser = *std::exchange(old.peer, nullptr);
      loser.taken_over();
      old.outstanding = 0;
      old.resent = 0;
      // MQTT 5 3.1.2.11.2: without an expiry the session ends with its connection.
      present = !opening.clean_start && old.expiry_interval != 0;
    } else {
      present = !opening.clean_start && server_.reactor().now() < old.expires;
    }
    if (!present) remove(old);
  }
  auto& kept = sessions_[client_id];
  if (kept == nullptr) {
    kept = std::make_unique<Session>();
    kept->client_id = client_id;
    ++server_.stats().live_sessions;
  } else {
    ++server_.stats().sessions_resumed;
  }
  kept->peer = &peer;
  kept->expiry_interval = opening.expiry_interval;
  return {.session = kept.get(), .present = present};
}

void Broker::resume(Session& session) { pump(session); }

void Broker::detach(Session& session) {
  session.peer = nullptr;
  session.outstanding = 0;
  session.resent = 0;
  if (session.expiry_interval == 0) return remove(session);
  session.expires = Instant::never();
  if (session.expiry_interval == kNeverExpires) return;
  session.expires = server_.reactor().now() + seconds(session.expiry_interval);
  check_at(session.expires);
}

void Broker::check_at(Instant at) {
  if (armed() && next_check_ <= at) return;
  next_check_ = at;
  server_.reactor().arm(*this, at);
}

void Broker::on_timer(Instant now) noexcept {
  server_.touch();
  std::vector<Session*> expired;
  Instant next = Instant::never();
  for (const auto& [id, session] : sessions_) {
    if (session->peer != nullptr) continue;
    if (session->expires <= now) {
      expired.push_back(session.get());
    } else {
      next = earlier_of(next, session->expires);
    }
  }
  for (Session* session : expired) remove(*session);
  if (next != Instant::never()) check_at(next);
}

void Broker::forget_offline() {
  std::vector<Session*> offline;
  for (const auto& [id, session] : sessions_) {
    if (session->peer == nullptr) offline.push_back(session.get());
  }
  for (Session* session : offline) remove(*session);
}

void Broker::remove(Session& session) {
  for (const auto& [topic_filter, subscriber] : session.subscriptions) tree_.remove(topic_filter, session);
  LoopbackStats& stats = server_.stats();
  stats.live_subscriptions -= session.subscriptions.size();
  for (const InFlight& entry : session.in_flight) stats.live_unacknowledged -= entry.acknowledged ? 0U : 1U;
  --stats.live_sessions;
  sessions_.erase(sessions_.find(session.client_id));
}

// --- Subscriptions

ReasonCode Broker::judge_filter(std::string_view topic_filter) const {
  // MQTT 5 4.8.2; CONNACK said that there are none.
  if (topic_filter.starts_with("$share/")) return ReasonCode::shared_subscriptions_not_supported;
  if (topic_filter.size() > kTopicBytes || level_count(topic_filter) > TopicTree::kLevelsMax ||
      !mqtt::topic_filter_valid(topic_filter)) {
    return ReasonCode::topic_filter_invalid;
  }
  if (!server_.options().topic_rules) return ReasonCode::success;
  if (!cut_prefix(server_.options().topic_prefix, topic_filter)) return ReasonCode::not_authorized;
  return segments_valid(topic_filter, Wildcards::taken) ? ReasonCode::success : ReasonCode::topic_filter_invalid;
}

ReasonCode Broker::judge_topic(std::string_view topic) const {
  if (topic.size() > kTopicBytes || level_count(topic) > TopicTree::kLevelsMax || !mqtt::topic_name_valid(topic) ||
      topic.starts_with('$')) {
    return ReasonCode::topic_name_invalid;
  }
  if (!server_.options().topic_rules) return ReasonCode::success;
  if (!cut_prefix(server_.options().topic_prefix, topic)) return ReasonCode::not_authorized;
  return segments_valid(topic, Wildcards::refused) ? ReasonCode::success : ReasonCode::topic_name_invalid;
}

ReasonCode Broker::subscribe(Session& session, const mqtt::SubscriptionRequest& request) {
  for (FilterFault& fault : server_.faults().filters) {
    if (fault.count == 0 || request.topic_filter.find(fault.part) == std::string_view::npos) continue;
    if (fault.count != UINT32_MAX) --fault.count;
    return fault.reason;
  }
  const ReasonCode judged = judge_filter(request.topic_filter);
  if (mqtt::failed(judged)) return judged;
  const Qos granted = std::min(request.qos_max, Qos::at_least_once);
  const Subscriber subscriber{.session = &session, .qos_max = granted, .no_local = request.no_local};
  std::string topic_filter(request.topic_filter);
  const auto known = session.subscriptions.find(topic_filter);
  if (known != session.subscriptions.end()) {
    known->second = subscriber;
    tree_.replace(topic_filter, subscriber);
  } else if (session.subscriptions.size() >= server_.options().subscriptions_max) {
    return ReasonCode::quota_exceeded;
  } else {
    tree_.add(topic_filter, subscriber);
    session.subscriptions.emplace(std::move(topic_filter), subscriber);
    ++server_.stats().live_subscriptions;
  }
  return granted == Qos::at_least_once ? ReasonCode::granted_qos_1 : ReasonCode::success;
}

ReasonCode Broker::unsubscribe(Session& session, std::string_view topic_filter) {
  const auto known = session.subscriptions.find(std::string(topic_filter));
  if (known == session.subscriptions.end()) return ReasonCode::no_subscription_existed;
  tree_.remove(topic_filter, session);
  session.subscriptions.erase(known);
  --server_.stats().live_subscriptions;
  return ReasonCode::success;
}

// --- Routing

std::size_t Broker::route(const Publication& publication, const Session* from) {
  matches_.clear();
  tree_.match(publication.topic, matches_);
  // MQTT 5 3.3.4: with overlapping filters one copy, at the highest QoS granted by any of them.
  ++route_number_;
  std::size_t count = 0;
  for (const Subscriber& match : matches_) {
    Session& session = *match.session;
    if (match.no_local && &session == from) continue;
    if (session.route_number != route_number_) {
      session.route_number = route_number_;
      session.route_index = count;
      matches_[count++] = match;
    } else {
      Subscriber& first = matches_[session.route_index];
      first.qos_max = std::max(first.qos_max, match.qos_max);
    }
  }
  MessageRef kept;
  for (std::size_t index = 0; index < count; ++index) {
    deliver(*matches_[index].session, publication, std::min(publication.qos, matches_[index].qos_max), kept);
  }
  return count;
}

bool Broker::may_send(const Session& session) const {
  return session.peer != nullptr && session.peer->live() && session.outstanding < session.peer->receive_maximum() &&
         session.in_flight.size() < kPacketIds && session.peer->waiting_bytes() < kOutputForQueue;
}

void Broker::deliver(Session& session, const Publication& publication, Qos qos, MessageRef& kept) {
  LoopbackStats& stats = server_.stats();
  Faults& faults = server_.faults();
  if (faults.lose.take()) return;
  int copies = faults.duplicate.take() ? 2 : 1;
  for (; copies != 0; --copies) {
    if (qos == Qos::at_most_once) {
      if (session.peer == nullptr || !session.peer->live()) return;
      if (session.peer->waiting_bytes() > server_.options().output_bytes_max) {
        ++stats.deliveries_dropped;
        continue;
      }
      if (session.peer->send_publish(publication, {})) ++stats.deliveries;
      continue;
    }
    if (!kept) kept = MessageRef(publication);
    if (session.queue.empty() && session.resent == session.in_flight.size() && may_send(session)) {
      send_first(session, publication, kept);
    } else if (session.queue.size() < server_.options().session_queue_count_max) {
      session.queue.push_back(kept);
    } else {
      ++stats.deliveries_dropped;
    }
  }
}

void Broker::send_first(Session& session, const Publication& publication, MessageRef message) {
  const std::uint16_t packet_id = session.next_packet_id;
  const BrokerPeer::Delivery how{.qos = Qos::at_least_once, .packet_id = packet_id, .dup = false};
  if (!session.peer->send_publish(publication, how)) return;
  session.next_packet_id = following(packet_id);
  session.in_flight.push_back({.message = std::move(message), .packet_id = packet_id, .acknowledged = false});
  session.resent = session.in_flight.size();
  ++session.outstanding;
  ++server_.stats().live_unacknowledged;
  ++server_.stats().deliveries;
}

void Broker::pump(Session& session) {
  // [MQTT-4.4.0-1]: what was not acknowledged is sent again on the new connection, in its order, with its packet id.
  while (session.resent < session.in_flight.size() && may_send(session)) {
    InFlight& entry = session.in_flight[session.resent++];
    if (entry.acknowledged) continue;
    const BrokerPeer::Delivery how{.qos = Qos::at_least_once, .packet_id = entry.packet_id, .dup = true};
    if (session.peer->send_publish(entry.message.view(), how)) {
      ++session.outstanding;
      ++server_.stats().redeliveries;
    } else {
      settle(entry);
    }
  }
  trim(session);
  if (session.resent < session.in_flight.size()) return;
  while (!session.queue.empty() && may_send(session)) {
    const MessageRef message = std::move(session.queue.front());
    session.queue.pop_front();
    send_first(session, message.view(), message);
  }
}

void Broker::acknowledged(Session& session, std::uint16_t packet_id) {
  ++server_.stats().pubacks_received;
  if (session.in_flight.empty()) return;
  // Consecutive ids, 0 left out: the distance to the front's is the index.
  const std::uint32_t front = session.in_flight.front().packet_id;
  const std::size_t index = packet_id >= front ? packet_id - front : packet_id + kPacketIds - front;
  if (packet_id == 0 || index >= session.in_flight.size() || session.in_flight[index].acknowledged) return;
  settle(session.in_flight[index]);
  if (index < session.resent) --session.outstanding;
  trim(session);
  pump(session);
}

void Broker::settle(InFlight& entry) {
  entry.acknowledged = true;
  entry.message = MessageRef();
  --server_.stats().live_unacknowledged;
}

void Broker::trim(Session& session) {
  while (!session.in_flight.empty() && session.in_flight.front().acknowledged) {
    session.in_flight.pop_front();
    if (session.resent != 0) --session.resent;
  }
}

}  // namespace axonpush::inline v0::testing
