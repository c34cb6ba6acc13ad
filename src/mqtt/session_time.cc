// The session's time: keep alive, the answer to PINGREQ, and the deadlines of what waits for an answer.
//
// The path is proven by what comes in, and by nothing else: what we write may sit in a buffer for ever. So
// PINGREQ goes out after the keep alive without sending ([MQTT-3.1.2-22]), without receiving *or* without an answer to
// anything, and the first byte of anything ends the wait. Silence is thereby found at the latest after keep
// alive + min(keep alive / 2, 10 s), which is within 1.5 x keep alive.
#include <axonpush/mqtt/session.h>

namespace axonpush::inline v0::mqtt {

using detail::Flight;
using detail::FlightList;
using detail::FlightTable;

namespace {

// M-41: keep alive 0 turns PINGREQ as a duty off; a path that says nothing for this long is asked all the same.
constexpr Duration kOwnLivenessProbe = seconds(60);

}  // namespace

Duration Session::liveness_interval() const noexcept {
  return limits_.keep_alive == 0 ? kOwnLivenessProbe : seconds(limits_.keep_alive);
}

Instant Session::ping_due() const noexcept {
  if (phase_ != Phase::connected || reply_awaited_ || liveness_told_) return Instant::never();
  if (limits_.keep_alive == 0) return last_received_ + liveness_interval();
  // Bytes both ways prove the path and not that all has come: that takes an answer now and then (whole_until).
  const Instant asked = later_of(answered_, last_pinged_);
  return earlier_of(asked, earlier_of(last_sent_, last_received_)) + liveness_interval();
}

Instant Session::reply_due() const noexcept {
  if (phase_ != Phase::connected || !reply_awaited_ || liveness_told_) return Instant::never();
  const Duration half = liveness_interval() / 2;
  return ping_sent_ + (half < terms_.pingresp_timeout ? half : terms_.pingresp_timeout);
}

Instant Session::ack_due(FlightList list, Duration wait) const noexcept {
  const FlightTable::Ends& ends = flights_.ends(list);
  if (phase_ != Phase::connected || ends.due == FlightTable::kEnd) return Instant::never();
  return flights_[ends.due].sent_at + wait;
}

Instant Session::deadline() const noexcept {
  if (phase_ != Phase::connected && phase_ != Phase::connecting) return Instant::never();
  const Instant packet = packet_told_ || incomplete_since_ == Instant::never()
                             ? Instant::never()
                             : incomplete_since_ + terms_.packet_timeout;
  Instant earliest = earlier_of(earlier_of(ping_due(), reply_due()), packet);
  earliest = earlier_of(earliest, ack_due(FlightList::requests, terms_.suback_timeout));
  earliest = earlier_of(earliest, ack_due(FlightList::publishes, terms_.puback_timeout));
  return earlier_of(earliest, ack_due(FlightList::releases, terms_.puback_timeout));
}

bool Session::publishes_overdue() const noexcept {
  if (phase_ != Phase::connected || publishes_given_up_) return false;
  const FlightTable::Ends& ends = flights_.ends(FlightList::publishes);
  return ends.first != ends.unsent && ends.due == FlightTable::kEnd &&
         flights_.ends(FlightList::releases).due == FlightTable::kEnd;
}

// Lists are in the order of sending, so the first that was not told is the earliest.
bool Session::report_overdue(FlightList list, Duration wait, Instant now, std::uint32_t& token) noexcept {
  if (ack_due(list, wait) > now) return false;
  FlightTable::Ends& ends = flights_.ends(list);
  const Flight* flight = flights_.at(ends.due);
  if (flight == nullptr) return false;
  token = flight->token;
  ends.due = flight->next == ends.unsent ? FlightTable::kEnd : flight->next;
  return true;
}

Session::Due Session::on_deadline(Instant now) noexcept {
  Due due;
  if (phase_ != Phase::connected && phase_ != Phase::connecting) return due;
  if (reply_due() <= now && reply_awaited_ && !liveness_told_) {
    liveness_told_ = true;
    due.kind = Due::Kind::keepalive_timeout;
    return due;
  }
  if (!packet_told_ && incomplete_since_ != Instant::never() && incomplete_since_ + terms_.packet_timeout <= now) {
    packet_told_ = true;
    due.kind = Due::Kind::packet_timeout;
    return due;
  }
  if (report_overdue(FlightList::requests, terms_.suback_timeout, now, due.token)) {
    due.kind = Due::Kind::suback_timeout;
    return due;
  }
  if (report_overdue(FlightList::publishes, terms_.puback_timeout, now, due.token) ||
      report_overdue(FlightList::releases, terms_.puback_timeout, now, due.token)) {
    due.kind = Due::Kind::puback_timeout;
    return due;
  }
  if (ping_due() > now || ping_due() == Instant::never()) return due;
  due.kind = Due::Kind::send_pingreq;
  on_pinging(now);
  return due;
}

void Session::on_pinging(Instant now) noexcept {
  if (!reply_awaited_) ping_sent_ = now;  // the wait of one that is out already goes on
  if (pings_unanswered_ == 0) first_pinged_ = now;
  last_pinged_ = now;
  last_sent_ = now;
  reply_awaited_ = true;
  if (pings_unanswered_ != UINT16_MAX) ++pings_unanswered_;
}

Error Session::Due::error() const noexcept {
  switch (kind) {
    case Kind::nothing:
    case Kind::send_pingreq:
      break;
    case Kind::keepalive_timeout:
      return Error(Errc::keepalive_timeout, "the server has been silent for longer than the keep alive")
          .by("[MQTT-3.1.2-24]");
    case Kind::packet_timeout:
      return Error(Errc::connection_lost, "a packet took longer to arrive than one may");
    case Kind::suback_timeout:
      return Error(Errc::ack_timeout, "no SUBACK or UNSUBACK in time").by("MQTT 5 3.8.4");
    case Kind::puback_timeout:
      return Error(Errc::ack_timeout, "no PUBACK in time").by("MQTT 5 4.3.2");
  }
  return Error();
}

}  // namespace axonpush::inline v0::mqtt
