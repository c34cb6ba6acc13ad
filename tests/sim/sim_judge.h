// Judges a run after every event: the invariants of the specification's list, by their numbers. It sees the seams (what
// is opened, written and read, every allocation), the model servers, the client's trace and all that its callbacks are
// told; never the client's own state.
#pragma once

#include <axonpush/client.h>
#include <axonpush/refresh.h>
#include <axonpush/trace.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/model_broker.h"
#include "sim/sim_heap.h"
#include "sim/sim_marks.h"
#include "sim/sim_plan.h"
#include "sim/world.h"

namespace axonpush::sim {

// The number of a broken invariant, and what was seen.
struct Breach {
  int invariant = 0;  // 0: none
  std::string what;
  Duration at;
};

inline constexpr std::string_view kApiKey = "ak_APIKEYMARKER-f3b1c9d7e5a24680";
inline constexpr std::string_view kQueryMarker = "SECRETQUERYMARKER";
inline constexpr std::string_view kPayloadMarker = "PAYLOADMARKER";

// Why an event that did not come and lies in no gap that was told is nobody's fault: each is said where it is found.
enum class Excuse : std::uint8_t {
  at_most_once,
  garbled,
  no_memory,
  session_over,
  taken_unseen,
  long_replay,
  forgotten,
  alike,
  count
};
inline constexpr std::size_t kExcuseCount = static_cast<std::size_t>(Excuse::count);
[[nodiscard]] std::string_view name_of(Excuse excuse);

struct Totals {
  std::uint64_t seeds = 0, failures = 0;
  std::uint64_t events = 0;  // of the world
  std::int64_t simulated_ns = 0;
  std::uint64_t swaps = 0, reconnects = 0, connects = 0, fetches = 0;
  std::uint64_t sent = 0, delivered = 0, lost = 0, doubled = 0, dropped_copies = 0;
  std::uint64_t published = 0, acknowledged = 0, failed = 0, stored = 0;
  std::uint64_t tls_handshakes = 0, tls_resumed = 0, impostors = 0;
  // Events a client was owed, by the client: all, those that did not come and lie in a told gap, and those excused.
  std::uint64_t owed = 0, in_gap = 0, excused[kExcuseCount] = {};
  std::uint64_t gaps = 0;        // told
  std::uint64_t calm_swaps = 0;  // where nothing is done to anybody, and so no gap may be told
  std::uint64_t checks[41] = {};
  std::uint64_t marks[kMarkCount] = {};
  std::uint64_t connacks[256] = {}, disconnects[256] = {};  // by reason, as the client met them
  std::uint64_t faults[kVerbCount] = {};
  std::uint64_t calls[kVerbCount] = {};
  std::uint64_t cells[refresh::kPhaseCount][refresh::kInputKindCount] = {};
  std::uint64_t api_cells[refresh::kPhaseCount][static_cast<std::size_t>(kFirstFault)] = {};  // phase by call
  std::uint64_t contexts[kContextCount][static_cast<std::size_t>(kFirstFault)] = {};          // context by call
  std::uint64_t struck[refresh::kPhaseCount][kVerbCount] = {};                                // phase by fault
  void add(const Totals& other);
};

// What the broker is given along with an event: its number, and this bit for the second of two equal ones.
inline constexpr std::uint64_t kTwinTag = std::uint64_t{1} << 32;

// An event the broker was given.
struct EventRecord {
  std::string body;
  std::uint8_t topic = 0;
  std::uint8_t trace = 0;
  std::uint8_t qos = 0;
  bool has_id = true;
  bool valid = true;
  bool twin = false;  // published twice over
};

enum class SlotKind : std::uint8_t {
  json,
  raw,
  handler
};

// One registered callback.
struct Slot {
  SlotKind kind = SlotKind::json;
  std::uint8_t filter = 0;
  std::uint8_t trace = 0;
  bool active = false;
  bool told = false;  // that the broker has granted it
  Instant since = {};
  bool lost = false;  // refused: nothing is promised any more
};

// One connection as the judge sees it.
struct LinkNote {
  struct Sent {
    std::uint32_t event = 0;
    std::uint8_t copy = 1;
    Instant at = {};
    bool twin = false;
  };
  std::size_t client = 0;
  std::uint64_t id = 0;
  std::uint64_t life = 0;  // of the client's
  std::uint64_t session = 0;
  bool to_broker = false;
  bool garbled = false;
  bool closed = false;
  bool harmed = false;
  bool retired = false;
  bool ousted = false;      // ended by the broker, for another connection of the client's
  bool left = false;        // with DISCONNECT, and judged then
  bool unanswered = false;  // a publish on it got no PUBACK
  bool connected = false;
  Instant connected_at;
  std::string client_id;
  bool stuck = false;           // when it was closed
  bool dripped = false;         // the same
  bool cut_mid_packet = false;  // the last the server sent is the beginning of a packet
  std::uint32_t subscribes = 0, subacks = 0;
  std::uint64_t read = 0;
  std::vector<Sent> sent;
  std::size_t cursor = 0;    // of what was delivered
  std::uint64_t called = 0;  // the slots that saw sent[cursor]
  std::uint64_t draw_cursor = 0;
  std::uint64_t writes = 0;
  std::map<std::int64_t, std::uint64_t> last_stored;  // per channel, in the order of the calls
  std::set<std::uint64_t> stored;
  std::uint64_t credentials = 0;
  Instant last_heard;
  std::uint64_t pongs = 0;
  std::uint64_t pongs_allowed = 0;
  static constexpr std::uint64_t kNoFlood = UINT64_MAX / 2;
  std::uint64_t flood_from = kNoFlood;  // so many PONGs there were before a flood of pings
};

// A publish the client took.
struct PublishRecord {
  bool accepted = false;
  bool qos0 = false;
  bool has_completion = true;
  bool excused = false;  // the session was destroyed: no completion follows
  std::uint8_t completions = 0;
  std::uint16_t copies = 0;
  std::int64_t channel = 0;
  std::uint64_t losses_before = 0;
  Instant at;
  Instant overtaken;  // when a later one was acknowledged
};

struct Watched;

// An event that a client's callbacks are owed.
struct Due {
  struct Copy {
    Instant at;                    // when the broker took it
    Instant sent;                  // by the broker, the last time
    const LinkNote* on = nullptr;  // where
    std::uint64_t slots = 0;       // that have not seen it
    bool outage = false;           // no connection served
    bool waited = false;           // behind a replay that lasts for too long
    Instant taken;                 // by another process
  };
  Copy first;
  Copy twin;  // two equal events are two; owed to whom the first was
  bool twin_to_come = false;
  Instant came;  // one of them, to anybody, for the first time
  std::uint64_t owed = 0;
  [[nodiscard]] std::uint64_t missing() const { return first.slots | twin.slots; }
  [[nodiscard]] bool has_twin() const { return twin.at != Instant(); }
};

class Judge final : public WorldObserver {
 public:
  Judge(World& world, ModelBroker& broker, const Plan& plan);
  ~Judge() override;

  [[nodiscard]] bool broken() const { return breach_.invariant != 0; }
  [[nodiscard]] const Breach& breach() const { return breach_; }
  void fail(int invariant, const std::string& what);
  // Counts a check; fails when the condition does not hold. Text is made only then.
  template <class Text>
  void check(int invariant, bool holds, Text&& text) {
    ++totals.checks[invariant];
    if (!holds) fail(invariant, text());
  }
  void count_fault(std::size_t client, Verb fault);
  void mark(Mark which) { ++totals.marks[static_cast<std::size_t>(which)]; }
  void hash(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x9E3779B97F4A7C15ULL ^ hash_ >> 29; }
  [[nodiscard]] std::uint64_t hashed() const { return hash_; }
  Totals totals;
  bool talks = false;    // prints what happens
  bool lenient = false;  // something fails in every run of a sweep: what is lost on the way is not judged

  // --- The life of clients (sim_judge.cc)
  Watched& watched(std::size_t client) { return *watched_[client]; }
  void begin_life(std::size_t client, VirtualHost& host);
  void end_life(std::size_t client);  // destroyed
  void begin_session(std::size_t client);
  void disconnecting(std::size_t client);
  void session_over(std::size_t client);  // the completion of disconnect ran
  // A callback of the client's begins and ends.
  void enter_callback(std::size_t client);
  void leave_callback(std::size_t client);
  void enter_hook(std::size_t client);  // on_trace: no part of a session
  void enter_call(std::size_t client, int call);
  void leave_call(std::size_t client);
  [[nodiscard]] bool in_callback(std::size_t client) const;
  void on_error(std::size_t client, const ErrorReport& report);
  void on_state(std::size_t client, const StateChange& change);
  void scan_text(std::string_view text);  // I-35
  void watch();                           // once in a while: what lasts too long
  // Quiescence: everything was healed and has settled (sim_judge_rest.cc).
  [[nodiscard]] std::string unsettled(std::size_t client);
  void check_quiet(std::size_t client);
  void check_baseline(std::size_t client);
  void check_end();

  // --- The machine, by its trace (sim_judge_machine.cc)
  void on_trace(std::size_t client, const TraceRecord& record);
  void on_issued(std::size_t client, Instant expires, bool skewed);
  void on_api_answer(std::size_t client, int status, std::int64_t retry_after_s);
  void on_request(std::size_t client, const std::string& head);
  void refresh_asked(std::size_t client);
  void slow_answer(std::size_t client);  // of the API has begun

  // --- Events (sim_judge_events.cc)
  std::uint32_t new_event(EventRecord record);
  void set_body(std::uint32_t number, const std::string& body) { events_[number - events_base_].body = body; }
  void on_sent(BrokerPeer& peer, const Message& message);
  void on_event(std::size_t client, std::size_t slot, const Event& event);
  void settle_events(std::size_t client, bool all);
  std::size_t add_slot(std::size_t client, Slot slot);  // 64: no room
  void drop_slot(std::size_t client, std::size_t slot);
  void drop_filter(std::size_t client, std::uint8_t filter);
  void granted(std::size_t client, std::size_t slot);
  void refused(std::size_t client, std::size_t slot);
  void answered(BrokerPeer& peer, const std::string& topic_filter, bool refused);  // a SUBSCRIBE

  // --- What the broker took, against what came and the gaps that were told (sim_judge_gaps.cc)
  void owe(std::uint32_t number);
  void owe_twin(std::uint32_t number);  // the broker is about to be given this event
  void on_gap(std::size_t client, const PossibleGap& gap);
  void on_replaying(BrokerPeer& peer, Instant since);
  void taken(BrokerPeer& peer);  // its session is about to be, by another process
  void on_taken(const BrokerSession& session, const Message& message);

  // --- Publishes (sim_judge_publish.cc)
  std::uint64_t begin_publish(std::size_t client, std::int64_t channel, bool qos0, bool has_completion);
  void end_publish(std::size_t client, std::uint64_t number, const Status& status);
  void completed(std::size_t client, std::uint64_t number, const Result<Published>& outcome);
  void on_stored(BrokerPeer& peer, const StoredPublish& publish, std::uint16_t packet_id);
  [[nodiscard]] std::size_t outstanding(std::size_t client) const;
  void unanswered(BrokerPeer& peer);  // the broker keeps its PUBACK to itself

  // --- The broker's side
  void on_upgrade(BrokerPeer& peer, std::string_view head);
  void on_frame(BrokerPeer& peer, std::uint32_t mask);
  void on_packet(BrokerPeer& peer, int type);
  void on_connected(BrokerPeer& peer, const SeenConnect& seen, bool present);
  void on_pong(BrokerPeer& peer);
  void on_gone(BrokerPeer& peer);
  void on_ousted(BrokerPeer& peer);
  void pinged(Connection& connection, std::uint64_t pings);  // a burst goes out to the client
  void dripped(Connection& connection);                      // what waits for the client comes byte by byte
  void garbled(Connection& connection);
  void harm(Connection& connection);
  [[nodiscard]] LinkNote& note_of(Connection& connection);

  // --- The seams
  void after_event() override;
  void entering(VirtualHost& host) override;
  void left(VirtualHost& host) override;
  void opening(VirtualHost& host, const Endpoint& endpoint, ConnectionId id) override;
  void closing(Connection& connection) override;
  void writing(Connection& connection, Bytes bytes) override;
  void reading(Connection& connection, std::size_t size) override;

  [[nodiscard]] static const std::string& topic(std::size_t index);
  [[nodiscard]] static const std::string& filter(std::size_t index);
  [[nodiscard]] static bool matches(std::size_t filter, std::size_t topic);

 private:
  void arrived(Watched& client, std::size_t slot, std::uint32_t number, std::string_view body);
  void note_lacking(Watched& client);
  void settle_gaps(Watched& client);
  [[nodiscard]] static std::uint64_t owed_slots(const Watched& client, const EventRecord& record);
  void forgive_owed(Watched& client, Excuse why);
  void judge_missing(Watched& client, std::uint32_t number, std::uint64_t missing);
  [[nodiscard]] const BrokerSession* resting_session(Watched& client);
  void note_wrong_id(Watched& client, std::string_view body) const;
  [[nodiscard]] bool forgiven(const Watched& client, std::uint32_t number, const Due::Copy& copy);
  [[nodiscard]] bool lost_at_most_once(const Watched& client, std::uint32_t number, const Due::Copy& copy) const;
  void count_loss(Watched& client);
  void check_memory(Watched& client);
  void check_allocations(Watched& client);
  void check_waiting(Watched& client);
  void note_overtaken(Watched& client, std::uint64_t number);
  void check_reconciled(Watched& client);
  enum class Missing : std::uint8_t {
    judged,
    excused
  };
  void check_granted(const Watched& client, const BrokerSession& session, Missing missing);
  [[nodiscard]] bool no_gap_allowed(const Watched& client) const;
  void count_swap(Watched& client);
  void enter_phase(Watched& client, refresh::Phase phase);
  void check_fetch(Watched& client);
  void check_dial(Watched& client);
  void check_activation(Watched& client, std::uint64_t connection);
  void check_leaving(Watched& client);
  [[nodiscard]] bool excused_leaving(const Watched& client) const;
  void note_stay(Watched& client);
  void check_ladder(Watched& client, const ErrorReport& report);
  void mark_packet(Watched& client, const TraceRecord& record);
  void mark_fetch_failed(Watched& client, const TraceRecord& record);
  void mark_closed(Watched& client, const TraceRecord& record);
  void mark_input(Watched& client, const TraceRecord& record);
  [[nodiscard]] LinkNote* link_noted(Watched& client, std::uint64_t id);
  [[nodiscard]] Duration limit_of(const Watched& client, refresh::Phase phase) const;
  [[nodiscard]] Watched& of(const VirtualHost& host) { return *watched_[host.entity() % 16]; }

  World& world_;
  ModelBroker& broker_;
  const Plan& plan_;
  bool calm_ = false;  // the plan does nothing to anybody
  Breach breach_;
  std::uint64_t hash_ = 0x243F6A8885A308D3ULL;
  std::vector<std::unique_ptr<Watched>> watched_;
  std::vector<std::unique_ptr<LinkNote>> notes_;
  std::deque<EventRecord> events_;
  std::uint32_t events_base_ = 1;  // 0 is no event
  std::set<std::string> keys_;
  std::size_t violations_seen_ = 0;
  Instant last_instant_;
};

// What the judge knows of one client, over all its lives.
struct Watched {
  std::size_t index = 0;
  std::uint64_t life = 0;
  std::uint64_t sessions = 0;  // of all lives
  VirtualHost* host = nullptr;
  heap::Account account;
  heap::Account* scope_before = nullptr;
  bool alive = false;
  bool in_session = false;
  bool disconnecting = false;
  bool over = true;  // no session: nothing may run
  bool check_idle = false;
  int callbacks = 0;
  int calls = 0;
  std::uint16_t read_from = 0;    // the port of whom this turn read, 0: nobody
  std::uint64_t events_sent = 0;  // to this client
  std::uint64_t turns_here = 0;   // without time advancing or bytes moving
  std::uint64_t losses = 0;       // connections lost or retired
  // Slots, by bit.
  std::vector<Slot> slots;
  std::uint32_t refused_last = 0;  // the filters whose last SUBACK was a refusal, by bit
  Instant slots_changed;
  std::uint64_t active = 0;
  struct Seen {
    Instant sent;  // for the first time, on whichever connection
    std::uint64_t once = 0, twice = 0;
    Instant first;
    const LinkNote* sent_on = nullptr;  // the first time
  };
  std::deque<Seen> seen;
  std::uint32_t seen_base = 0;
  struct Owed {
    Instant at;
    LinkNote* note = nullptr;
    std::uint32_t event = 0;
    std::uint8_t copy = 1;
    bool repeats = false;  // another connection was sent it before
    std::uint64_t slots = 0;
  };
  std::deque<Owed> owed;
  // Every event of this session that the broker took and that is not settled, without a hole in the numbers.
  // The copy that is meant by what the broker was given along with it; nullptr when it is settled.
  [[nodiscard]] Due::Copy* due_of(std::uint64_t tag) {
    const auto number = static_cast<std::uint32_t>(tag);
    if (number < due_base || number - due_base >= due.size()) return nullptr;
    return (tag & kTwinTag) != 0 ? &due[number - due_base].twin : &due[number - due_base].first;
  }
  std::deque<Due> due;
  std::uint32_t due_base = 0;
  std::vector<PossibleGap> gaps;      // told in this session
  std::set<std::uint32_t> wrong_ids;  // of events whose id wrong bytes bore: the event itself counts as come again
  struct Connack {
    Instant at;
    bool present = false;  // the session
  };
  std::vector<Connack> connacks;  // of this session
  // Another process has the session.
  struct Theft {
    std::string client_id;
    std::uint64_t link = 0;
    Instant from;
    Instant to = Instant::never();
    bool seen = false;  // its word was read
  };
  std::vector<Theft> thefts;           // of this session
  std::uint32_t refused_anywhere = 0;  // the filters whose last answer was a refusal, on whichever connection, by bit
  std::uint32_t lacking = 0;           // those that the connection that serves has not
  Instant stands_since;                // the last one that it had not and then was granted
  Instant memory_until;                // memory was refused, and what follows from it is over by then
  // Publishes.
  std::deque<PublishRecord> publishes;
  std::uint64_t publishes_base = 0;
  std::size_t outstanding = 0;
  std::uint16_t last_packet_id = 0;  // of a publish, in this session of the broker's
  std::uint64_t oldest_open = 0;     // of those at QoS 1 with a completion, no one before it is open
  Instant completed_at;              // the last one
  Instant unanswered_at;             // the last time a PUBACK was not sent
  Instant connected_since;           // to some broker connection without a break
  // The machine.
  refresh::Phase phase = refresh::Phase::idle;
  Instant phase_since;
  refresh::InputKind last_input = refresh::InputKind::tick;
  ConnectionState state = ConnectionState::idle;
  std::uint32_t draw = 0;
  Instant fetch_started;
  Instant fetch_sent;  // the last attempt's start
  Instant refresh_from, refresh_to;
  Instant last_end;  // of a connection to the broker that was connected
  bool refresh_planned = false;
  bool refresh_forced = false;
  Instant live_before = Instant::never();  // of the one before it
  Instant live_since;                      // of the connection that serves
  Instant live_entered;                    // the phase
  bool lost = false;                       // since it was live last, and told
  int requests = 0;
  int final_status = 0;  // that no attempt may follow in this fetch
  bool get_tried = false;
  Instant asked_until;  // by a Retry-After that was told, however late its answer came
  Instant not_before;
  Instant conflict_at;
  std::uint64_t credentials = 0;  // number of the ones in use
  std::vector<Instant> expiries;
  std::vector<Duration> lives;
  bool skewed = false;                 // the calendars of the server that issued the last ones and of the client differ
  std::uint32_t last_attempt[2] = {};  // of: reconnect, refresh
  bool stayed[2] = {};                 // a connection served for 30 s since the last failure of: reconnect, refresh
  std::uint32_t refusals = 0;          // in a row
  std::uint64_t packet_link = 0;       // of the packet that is being worked on
  bool packet_acknowledged = false;    // its PUBACK is written already
  std::uint64_t active_link = 0;
  std::uint64_t active_before = 0;
  Instant harmed_until;         // something global was done: pauses, refused memory
  bool garbled = false;         // a connection of it is, or was a minute ago
  bool memory_refused = false;  // or will be
  std::uint64_t refusals_seen = 0;
  std::uint64_t refused_before_fetch = 0;
  std::size_t swaps = 0;  // of this session
  std::uint64_t errors_here = 0;
  Instant error_at;
  std::string error_text;
  std::int64_t baseline = -1;
  std::set<std::string> client_ids;  // of this session
  bool session_seen = false;
  Instant retry_after_max;
  // What tells of marks only.
  LinkNote* closed_note = nullptr;  // of the connection to the broker that was closed last
  Instant closed_at;                // by the machine, a connection that was up
  std::uint64_t closed_link = 0;
  std::uint64_t ping_link = 0;  // that awaits PINGRESP
  Instant ping_at;
  Instant dripping_since;     // an answer of the API, byte by byte
  Instant api_failing_since;  // every fetch since then, while one connection served
  bool retry_after_set = false;
  bool live_since_failure = false;   // of a reconnect
  bool disconnected_before = false;  // in this life
  Duration longest_wait;
};

}  // namespace axonpush::sim
