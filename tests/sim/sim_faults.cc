// What goes wrong, and how the model servers act on it. Whatever touches an established connection marks it harmed:
// what is lost on it then is not the client's doing.
#include <algorithm>
#include <utility>

#include "sim/sim_run.h"

namespace axonpush::sim {

namespace {

// One use of a trouble that lasts for so many answers.
bool use(Troubles::Few& few) {
  if (few.left <= 0) return false;
  --few.left;
  return true;
}

// One change of the kinds a broken middlebox makes, to the bytes of one sending. `sealed` bytes are TLS's: a byte less
// in a record's head would make ciphertext its length, which is not the same in every run.
void garble(std::string& bytes, Random& random, std::string& old, bool sealed) {
  const std::size_t at = random.below(bytes.size());
  switch (random.below(7)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
      return;
    case 1:
      bytes.insert(at, 1, static_cast<char>(random.next()));
      return;
    case 2:
      if (sealed) {
        bytes[at] = static_cast<char>(~bytes[at]);
      } else {
        bytes.erase(at, 1);
      }
      return;
    case 3:
      bytes.resize(at);
      return;
    case 4:  // an old packet once more
      bytes += old;
      return;
    case 5:
      for (char& value : bytes) value = static_cast<char>(random.next());
      return;
    default: {  // a packet nobody asked for
      std::string packet("\x82\x04\x00\x02\x00\x00", 6);
      packet[2] = static_cast<char>(random.next());
      packet[4] = static_cast<char>(random.next());
      packet[5] = static_cast<char>(random.next());
      bytes.insert(0, packet);
    }
  }
}

// Packets that no server may send at all, or not to this client: CONNACK again ([MQTT-3.2.0-2]), SUBSCRIBE, PUBLISH at
// QoS 2, PUBLISH with an alias, PINGREQ, AUTH.
const std::string kForbidden[] = {std::string("\x20\x03\x00\x00\x00", 5),
                                  std::string("\x82\x07\x00\x01\x00\x00\x01\x61\x00", 9),
                                  std::string("\x34\x06\x00\x01\x61\x00\x01\x00", 8),
                                  std::string("\x30\x07\x00\x01\x61\x03\x23\x00\x01", 9),
                                  std::string("\xC0\x00", 2),
                                  std::string("\xF0\x00", 2)};
constexpr std::size_t kForbiddenCount = sizeof kForbidden / sizeof kForbidden[0];

}  // namespace

std::vector<Connection*> Run::links_of(User& user, std::int64_t which) {
  std::vector<Connection*> found;
  VirtualHost& host = user.host();
  for (std::size_t at = 0; at < host.open_connections(); ++at) {
    if (host.connection(at)->port() == 8443 && host.connection(at)->peer() != nullptr) {
      found.push_back(host.connection(at));
    }
  }
  if (which == 0 && found.size() > 1) found.erase(found.begin(), found.end() - 1);
  if (which == 1 && found.size() > 1) found.erase(found.begin() + 1, found.end());
  return found;
}

void Run::harm(User& user) {
  for (Connection* link : links_of(user, 2)) judge_.harm(*link);
}

void Run::trouble(const Decision& decision, std::size_t number) {
  if (healed_) return;
  ++judge_.totals.faults[static_cast<std::size_t>(decision.verb)];
  User& user = *users_[decision.client];
  Troubles& it = user.troubles;
  const Instant until = world_.now() + milliseconds(decision.b);
  const Troubles::Few few{decision.a, decision.b, decision.c};
  switch (decision.verb) {
    case Verb::api_status:
      it.api_status = few;
      return;
    case Verb::api_silent:
      it.api_silent = until;
      return;
    case Verb::api_slow:
      it.api_slow = until;
      it.api_slow_by = milliseconds(decision.a);
      return;
    case Verb::api_odd:
      it.api_odd = few;
      return;
    case Verb::api_refused:
      it.api_refused = until;
      return;
    case Verb::api_black_hole:
      it.api_black_hole = until;
      return;
    case Verb::api_skew:
      user.api.clock_skew = seconds(decision.a);
      return;
    case Verb::dial_refused:
      it.dial_refused = until;
      it.refused_how = decision.c;
      return;
    case Verb::dial_black_hole:
      it.dial_black_hole = until;
      it.black_hole_how = decision.c;
      return;
    case Verb::dial_slow:
      it.dial_slow = until;
      it.dial_slow_by = milliseconds(decision.a);
      it.dial_slow_answer = milliseconds(decision.c);
      return;
    case Verb::upgrade_status:
      it.upgrade_status = few;
      return;
    case Verb::upgrade_silent:
      it.upgrade_silent = until;
      return;
    case Verb::connack_reason:
      it.connack_reason = few;
      return;
    case Verb::connack_silent:
      it.connack_silent = until;
      return;
    case Verb::suback_reason:
      it.suback_reason = few;
      return;
    case Verb::suback_silent:
      it.suback_silent = until;
      harm(user);
      return;
    case Verb::suback_late:
      broker_.suback_delay = milliseconds(plan_.knob(WorldKnob::suback_ms) + decision.a);
      suback_late_until_ = until;
      for (const std::unique_ptr<User>& each : users_) harm(*each);
      return;
    case Verb::puback_reason:
      it.puback_reason = few;
      return;
    case Verb::puback_silent:
      it.puback_silent = until;
      return;
    case Verb::ping_silent:
      it.ping_silent = until;
      harm(user);
      return;
    case Verb::tokens_revoked:
      user.api.expire_all();
      return;
    case Verb::restart:
      for (const std::unique_ptr<User>& each : users_) {
        const std::vector<Connection*> links = links_of(*each, 2);
        Duration latest;
        for (const Connection* link : links) latest = std::max(latest, link->latency);
        for (Connection* link : links) {
          judge_.harm(*link);
          if (decision.c != 0) link->latency = latest;
          link->end(Connection::Cut::reset);
        }
      }
      return;
    case Verb::wall_step:
      user.host().wall_offset = seconds(decision.a);
      judge_.count_fault(user.index, decision.verb);
      if (judge_.watched(user.index).in_session) judge_.mark(Mark::wall_stepped);
      return;
    case Verb::paused:
      user.host().paused_until = std::max(user.host().paused_until, until);
      watch_kept(user, milliseconds(decision.b));
      harm(user);
      return;
    case Verb::no_entropy:
      user.host().random().failing = true;
      judge_.mark(Mark::no_entropy);
      judge_.watched(decision.client).harmed_until = until + seconds(60);
      harm(user);
      world_.at(until, [&host = user.host()] { host.random().failing = false; });
      return;
    case Verb::no_memory: {
      heap::Account& account = judge_.watched(decision.client).account;
      account.fail_in = static_cast<std::uint64_t>(decision.a);
      account.fail_count = static_cast<std::uint64_t>(decision.b);
      judge_.watched(decision.client).memory_refused = true;
      harm(user);
      return;
    }
    case Verb::no_fds:
      user.host().open_error = Error(Errc::no_fds, "no descriptor is left");
      world_.at(until, [&host = user.host()] { host.open_error = Error(); });
      return;
    default:
      for (Connection* link : links_of(user, decision.a)) trouble_connection(*link, decision, number);
  }
}

// R-12, R-52: whoever stood still is connected afterwards; over the same connection where its server has kept it.
void Run::watch_kept(User& user, Duration still) {
  judge_.count_fault(user.index, Verb::paused);
  if (!judge_.watched(user.index).in_session || still < seconds(10)) return;
  judge_.mark(still >= hours(26)     ? Mark::suspended_26_h
              : still >= minutes(10) ? Mark::suspended_10_min
                                     : Mark::suspended_10_s);
  for (Connection* link : links_of(user, 2)) {
    if (!judge_.note_of(*link).connected) continue;
    world_.at(user.host().paused_until + seconds(1), [this, kept = link->shared_from_this()] {
      if (kept->client_alive() && !kept->vanished) judge_.mark(Mark::blocked_and_kept);
    });
  }
}

// R-25, R-26: a peer that is gone without a word is missed within one and a half keep alives, the broker's own where it
// has one, and the time for PINGRESP. A host that stands still meanwhile is excused.
void Run::watch_half_open(Connection& link, std::size_t client) {
  const std::int64_t brokers = plan_.knob(WorldKnob::keep_alive_s);
  const std::int64_t keep_alive = brokers != 0 ? brokers : plan_.knob(client, Knob::keep_alive_s);
  const Instant vanished = world_.now();
  world_.after(seconds(keep_alive * 3 / 2 + 15), [this, client, vanished, kept = link.shared_from_this()] {
    if (!kept->vanished || users_[client]->host().paused_until > vanished) return;
    judge_.check(30, !kept->client_alive(), [] { return std::string("a peer that vanished is not missed (R-25)"); });
    judge_.mark(Mark::vanished);
  });
}

// Once the client has read what no server may send, it ends the connection within its time for closing. What a host
// that stands still or a connection that does not move leaves unread is not judged.
void Run::watch_forbidden(Connection& link, std::size_t client) {
  const Instant sent = world_.now();
  world_.after(seconds(30), [this, client, sent, kept = link.shared_from_this()] {
    if (kept->waiting_bytes() != 0) return;
    world_.after(seconds(10), [this, client, sent, kept] {
      if (users_[client]->host().paused_until > sent || judge_.note_of(*kept).garbled) return;
      judge_.check(29, !kept->client_alive(),
                   [] { return std::string("the server sent what it may not, and the connection goes on"); });
    });
  });
}

// Nothing moves for so long.
void Run::hold(Connection& link, Duration length) {
  link.frozen = true;
  world_.after(length, [kept = link.shared_from_this()] {
    if (kept->vanished) return;
    kept->frozen = false;
    kept->thaw();
  });
}

// At once, or with half of a packet as the last word.
void Run::end_connection(Connection& link, const Decision& decision) {
  auto* peer = static_cast<BrokerPeer*>(link.peer());
  const Connection::Cut how = decision.verb == Verb::reset ? Connection::Cut::reset : Connection::Cut::orderly;
  if (decision.c == 0 || !peer->connected()) {
    link.end(how);
    return;
  }
  // The head of a frame of 200 bytes, and that of the PUBLISH in it.
  peer->send_raw(std::string("\x82\x7E\x00\xC8\x30\xC5\x01\x00", 8));
  judge_.note_of(link).cut_mid_packet = true;
  world_.after(milliseconds(1), [how, kept = link.shared_from_this()] { kept->end(how); });
}

void Run::trouble_connection(Connection& link, const Decision& decision, std::size_t number) {
  auto* peer = static_cast<BrokerPeer*>(link.peer());
  const Duration length = milliseconds(decision.b);
  judge_.harm(link);
  switch (decision.verb) {
    case Verb::cut:
    case Verb::reset:
      end_connection(link, decision);
      return;
    case Verb::vanish:
      judge_.count_fault(decision.client, decision.verb);
      link.frozen = link.vanished = true;
      watch_half_open(link, decision.client);
      return;
    case Verb::stall:
      hold(link, length);
      return;
    case Verb::stuck:
      link.stuck = true;
      world_.after(length, [kept = link.shared_from_this()] {
        kept->stuck = false;
        kept->thaw();
      });
      return;
    case Verb::narrow:
      link.chunk = static_cast<std::size_t>(decision.c);
      world_.after(length, [kept = link.shared_from_this()] {
        kept->chunk = SIZE_MAX;
        kept->thaw();
      });
      return;
    case Verb::drip:
      judge_.dripped(link);
      link.drip = milliseconds(decision.c);
      world_.after(length, [kept = link.shared_from_this()] {
        kept->drip = Duration::zero();
        kept->thaw();
      });
      return;
    case Verb::lag: {
      const Duration before = link.latency;
      link.latency = milliseconds(decision.c);
      world_.after(length, [kept = link.shared_from_this(), before] { kept->latency = before; });
      return;
    }
    case Verb::server_disconnect:
      if (peer->connected() && decision.c == 0x8E) {
        judge_.taken(*peer);
        peer->lose_session();
        return;
      }
      if (peer->connected()) peer->send_disconnect(static_cast<int>(decision.c));
      link.end(Connection::Cut::orderly);
      return;
    case Verb::server_close:
      peer->send_frame(8, {static_cast<char>(decision.c >> 8), static_cast<char>(decision.c & 0xFF)});
      link.end(Connection::Cut::orderly);
      return;
    case Verb::garble: {
      judge_.garbled(link);
      auto random = std::make_shared<Random>(stream_seed(plan_.seed, "garble", number));
      link.garbles_wire = tls_ != nullptr && number % 2 == 0;
      link.garble = [&link, random, old = std::string()](std::string& bytes) mutable {
        sim::garble(bytes, *random, old, link.garbles_wire);
        old = bytes.substr(0, 200);
        // Once in a while another; mostly one thing is broken and the rest arrives as it was sent.
        if (!random->chance(0.2)) link.garble = nullptr;
      };
      return;
    }
    case Verb::pings:
      judge_.pinged(link, static_cast<std::uint64_t>(decision.c));
      for (std::int64_t count = 0; count < decision.c; ++count) peer->send_frame(9, std::to_string(count));
      return;
    case Verb::forbidden:
      if (!peer->connected()) return;
      peer->send_packet(kForbidden[static_cast<std::size_t>(decision.c) % kForbiddenCount]);
      watch_forbidden(link, decision.client);
      return;
    default:
      return;
  }
}

// --- Reaching the servers

void Run::refuse_dial(DialPlan& made, std::int64_t how) {
  if (how == 1) made.error = Error(Errc::connect_failed, "there is no route to the host");
  if (how == 2) made.error = Error(Errc::dns_failed, "the name does not exist");
  if (how != 2) judge_.mark(how == 1 ? Mark::dial_unreachable : Mark::dial_refused);
}

void Run::swallow_dial(DialPlan& made, std::int64_t how) {
  if (how == 1) made.fate = DialPlan::Fate::no_tls;
  if (how == 2) made.fate = DialPlan::Fate::no_name;
  if (how != 2) judge_.mark(how == 1 ? Mark::tls_silent : Mark::dial_black_hole);
}

DialPlan Run::plan_dial(VirtualHost& host, const Endpoint& endpoint) {
  User& user = *users_[host.entity() % 16];
  const Troubles& it = user.troubles;
  const Instant now = world_.now();
  const Duration usual = microseconds(plan_.knob(user.index, Knob::latency_us));
  DialPlan made;
  // No two connections are equally far.
  made.latency = user.random.duration(usual / 2, usual * 3 / 2);
  const bool to_broker = endpoint.port == 8443;
  if (now < (to_broker ? it.dial_refused : it.api_refused)) {
    made.fate = DialPlan::Fate::refuse;
    if (to_broker) refuse_dial(made, it.refused_how);
  } else if (now < (to_broker ? it.dial_black_hole : it.api_black_hole)) {
    made.fate = DialPlan::Fate::black_hole;
    if (to_broker) swallow_dial(made, it.black_hole_how);
  }
  if (to_broker && now < it.dial_slow) made.setup = it.dial_slow_by;
  return made;
}

std::optional<ApiResponse> Run::answer_api(User& user, const ApiRequest& request) {
  judge_.on_request(user.index, request.head);
  Troubles& it = user.troubles;
  ApiResponse made;
  if (world_.now() < it.api_silent) {
    made.silent = true;
    return made;
  }
  if (world_.now() < it.api_slow) made.delay = it.api_slow_by;
  if (use(it.api_status)) {
    made.status = static_cast<int>(it.api_status.value);
    made.body = R"({"code":"E","message":"the model says no","requestId":"r1"})";
    const bool waits = it.api_status.more > 0 && (made.status == 429 || made.status == 503);
    if (waits) made.headers.push_back("Retry-After: " + std::to_string(it.api_status.more));
    if (made.status == 302) made.headers.push_back("Location: https://elsewhere.example.com/");
    // An answer that comes late may find nobody who waits for it.
    if (made.delay == Duration::zero()) judge_.on_api_answer(user.index, made.status, waits ? it.api_status.more : 0);
    return made;
  }
  // The description's other method is all that some deployments know.
  if (plan_.knob(user.index, Knob::method) == 1 && request.method == "POST") {
    made.status = 405;
    return made;
  }
  if (use(it.api_odd)) return odd_answer(user, it.api_odd.value);
  if (made.delay == Duration::zero()) return std::nullopt;
  made.body = user.api.credentials_body();
  return made;
}

ApiResponse Run::odd_answer(User& user, std::int64_t which) {
  ApiResponse made;
  const auto expires_in = [&](std::int64_t seconds_left) {
    return R"({"endpoint":"e","presignedWssUrl":"wss://broker.example.com:8443/mqtt","expiresAt":")" +
           rfc3339_of(world_.wall() + user.api.clock_skew + seconds(seconds_left)) + R"(","authToken":"t"})";
  };
  switch (which) {
    case 0:
      made.body = expires_in(100);
      made.cut_after = 150;
      return made;
    case 1:
      made.body = R"({"presignedWssUrl": nonsense)";
      return made;
    case 2:
      made.body = "<html><body>Welcome to the hotel</body></html>";
      return made;
    case 3:
      made.body = expires_in(-30);
      return made;
    case 4:
      made.body = R"({"presignedWssUrl":"wss://broker.example.com:8443/mqtt"})";
      return made;
    case 5: {  // C-04: used, and renewed at once
      const Duration usual = std::exchange(user.api.lifetime, seconds(11));
      made.body = user.api.credentials_body();
      user.api.lifetime = usual;
      return made;
    }
    case 6:
      made.raw = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
      return made;
    case 7:
      made.body = user.api.credentials_body();
      made.chunked = true;
      return made;
    case 8:
      judge_.slow_answer(user.index);
      made.raw = "HTTP/1.1 200 OK\r\nContent-Le";
      made.per_byte = seconds(2);
      return made;
    default:
      made.raw = "SSH-2.0-OpenSSH_9.2\r\n";
      return made;
  }
}

// --- The broker's answers

bool Run::answers(BrokerPeer& peer, Step step) {
  const Troubles& it = user_of(peer).troubles;
  const Instant now = world_.now();
  switch (step) {
    case Step::upgrade:
      if (now < it.dial_slow && it.dial_slow_answer != Duration::zero()) hold(peer.link(), it.dial_slow_answer);
      if (now >= it.upgrade_silent) return true;
      judge_.mark(Mark::upgrade_silent);
      return false;
    case Step::connect:
      if (now >= it.connack_silent) return true;
      judge_.mark(Mark::connack_silent);
      return false;
    case Step::subscribe:
      if (now >= it.suback_silent) return true;
      judge_.harm(peer.link());
      return false;
    case Step::publish:
      if (now >= it.puback_silent) return true;
      judge_.unanswered(peer);
      return false;
    case Step::ping:
      if (now >= it.ping_silent) return true;
      judge_.harm(peer.link());
      return false;
  }
  return true;
}

int Run::upgrade_status(BrokerPeer& peer) {
  Troubles& it = user_of(peer).troubles;
  return use(it.upgrade_status) ? static_cast<int>(it.upgrade_status.value) : -1;
}

int Run::connack(BrokerPeer& peer, const SeenConnect& seen) {
  User& user = user_of(peer);
  if (use(user.troubles.connack_reason)) return static_cast<int>(user.troubles.connack_reason.value);
  return user.api.token_valid(seen.user_name) ? 0 : 0x87;
}

int Run::suback(BrokerPeer& peer, const std::string& filter) {
  Troubles& it = user_of(peer).troubles;
  if (world_.now() >= suback_late_until_) broker_.suback_delay = milliseconds(plan_.knob(WorldKnob::suback_ms));
  if (broker_.suback_delay > seconds(3)) judge_.harm(peer.link());
  const bool refuses = use(it.suback_reason);
  judge_.answered(peer, filter, refuses);
  if (!refuses) return -1;
  judge_.harm(peer.link());
  return static_cast<int>(it.suback_reason.value);
}

int Run::puback(BrokerPeer& peer, const std::string&) {
  Troubles& it = user_of(peer).troubles;
  return use(it.puback_reason) ? static_cast<int>(it.puback_reason.value) : -1;
}

bool Run::keeps_session(BrokerPeer& peer) { return plan_.knob(user_of(peer).index, Knob::mode) != 2; }

// AWS IoT Core ends a WebSocket after 24 hours.
void Run::on_connected(BrokerPeer& peer, const SeenConnect& seen, bool present) {
  judge_.on_connected(peer, seen, present);
  broker_.sessions[peer.client_id()].owner = user_of(peer).index;
  if (plan_.span < hours(24)) return;
  world_.after(hours(24), [this, kept = peer.link().shared_from_this()] {
    if (!kept->client_alive() || kept->peer() == nullptr) return;
    judge_.mark(Mark::over_24h);
    // CONTRACT 6.1: the client is gone 60 s earlier, unless its refreshes fail.
    judge_.harm(*kept);
    static_cast<BrokerPeer*>(kept->peer())->send_disconnect(0xA0);
    kept->end(Connection::Cut::orderly);
  });
}

}  // namespace axonpush::sim
