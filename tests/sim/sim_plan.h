// What happens in one seed, written down before anything runs: who the clients are, what their users call, what goes
// wrong and when. A plan is drawn from a seed, or read from a trace file; running it is another matter (sim_run.h), and
// needs no further decision. So a failing plan can be cut down line by line, and survives code that draws differently.
#pragma once

#include <axonpush/base/time.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace axonpush::sim {

enum class Verb : std::uint8_t {
  // The user. a, b, c as said; the context says from where.
  subscribe,           // a: filter, b: trace id, c: 0 json, 1 raw
  on_event,            //
  unsubscribe,         // a: which of the registered ones
  unsubscribe_filter,  // a: filter
  off_event,           //
  publish,             // a: channel, b: size of the body, c: QoS, + 2: raw, + 4: no completion
  refresh,             //
  disconnect,          // a: seconds until the next connect
  destroy,             // a: seconds until the next client
  stale,               // calls on handles that are spent
  connect,             //
  // Traffic. a: messages per 1000 s, b: for so many ms, c: channel
  publishes,
  events,
  // The credentials endpoint. b: for so many ms, or so many answers
  api_status,      // a: status, b: answers, c: Retry-After in s
  api_silent,      //
  api_slow,        // a: ms
  api_odd,         // a: which oddity, b: answers
  api_refused,     //
  api_black_hole,  //
  api_skew,        // a: s
  // Reaching the broker.
  dial_refused,     // c: 0 refused, 1 no route, 2 the name is not resolved
  dial_black_hole,  // c: 0 TCP is not answered, 1 TLS is not, 2 the look-up of the name is not
  dial_slow,        // a: ms until TLS stands, c: ms on top until the WebSocket handshake is answered
  upgrade_status,   // a: status, b: answers
  upgrade_silent,   //
  connack_reason,   // a: reason, b: answers
  connack_silent,   //
  suback_reason,    // a: reason, b: filters
  suback_silent,    //
  suback_late,      // a: ms
  puback_reason,    // a: reason, b: answers
  puback_silent,    //
  ping_silent,      //
  tokens_revoked,   // the broker takes none of those handed out
  // An established connection. a: 0 the newest, 1 the oldest, 2 all
  cut,                // c: 1 in the middle of a packet
  reset,              // the same
  vanish,             // half open: nothing moves any more
  stall,              // b: ms, then goes on
  stuck,              // b: ms, takes no output
  narrow,             // b: ms, c: bytes at a time
  lag,                // b: ms, c: latency in ms
  server_disconnect,  // c: reason
  server_close,       // c: WebSocket close code
  garble,             // c: kind; the next thing the server sends
  pings,              // c: WebSocket pings in a row
  restart,            // every connection of the broker is reset; c: 1 at one instant for each client
  // The client's machine.
  wall_step,   // a: s
  paused,      // b: ms
  no_entropy,  // b: ms
  no_memory,   // a: the next a-th allocation fails, b: so many in a row
  no_fds,      // b: ms
  // An established connection once more.
  forbidden,  // c: which packet that no server may send
  drip,       // b: ms, c: ms for each byte that the client is given
  count
};
inline constexpr std::size_t kVerbCount = static_cast<std::size_t>(Verb::count);
inline constexpr Verb kFirstFault = Verb::api_status;
[[nodiscard]] std::string_view name_of(Verb verb);

enum class Context : std::uint8_t {
  outside,     // of any turn of the loop
  turn,        // the host's own code in a turn
  event,       // the next event callback
  error,       // the next on_error
  completion,  // the next completion of a publish
  state,       // the next on_state
  count
};
inline constexpr std::size_t kContextCount = static_cast<std::size_t>(Context::count);
[[nodiscard]] std::string_view name_of(Context context);

struct Decision {
  Duration at;
  Verb verb = Verb::stale;
  std::uint8_t client = 0;
  Context context = Context::outside;
  std::int64_t a = 0, b = 0, c = 0;
};

// Settings by name, so that a plan reads and writes them alike.
enum class Knob : std::uint8_t {
  mode,  // 0 overlap: a new client id each time; 1 takeover; 2 the same, and the broker forgets sessions
  life_s,
  lead_s,
  qos,
  receive_maximum,
  keep_alive_s,
  ordered,
  refresh_jitter,
  retry_jitter,
  grace_ms,
  queue,
  throws_permille,
  latency_us,
  anonymous,  // the credentials name no client id
  method,
  count
};
enum class WorldKnob : std::uint8_t {
  receive_maximum,
  maximum_packet_size,
  keep_alive_s,
  takeover_word,  // 0x8E before the old connection's end
  suback_ms,
  payload,  // bytes behind each event
  sparse,   // a day or a year: little is kept
  manual,   // nobody connects of his own accord before everything is healed
  tls,      // real TLS in between (sim_tls.h)
  whims,  // a sum of: 1 short reads, 2 early timers, 4 idle wakes, 8 fragments of at most 125 bytes, 16 a swap's memory
          // of one event
  replay_ms,  // between two events of a resumed session's queue; 0: as fast as the window lets them
  count
};
using Knobs = std::array<std::int64_t, static_cast<std::size_t>(Knob::count)>;
using WorldKnobs = std::array<std::int64_t, static_cast<std::size_t>(WorldKnob::count)>;

enum class Kind : std::uint8_t {
  quick,  // ten minutes
  day,
  year
};

struct Plan {
  std::uint64_t seed = 0;
  Duration span;  // of the faults; healing comes on top
  WorldKnobs world = {};
  std::vector<Knobs> clients;
  std::vector<Decision> decisions;  // in the order of time

  [[nodiscard]] std::int64_t knob(WorldKnob which) const { return world[static_cast<std::size_t>(which)]; }
  [[nodiscard]] std::int64_t knob(std::size_t client, Knob which) const {
    return clients[client][static_cast<std::size_t>(which)];
  }
};

[[nodiscard]] Plan draw_plan(std::uint64_t seed, Kind kind, Duration day_span = hours(26));
[[nodiscard]] std::string to_text(const Plan& plan);
// Empty: it was read; else what is wrong with it.
[[nodiscard]] std::string from_text(std::string_view text, Plan& plan);

// Topics and filters are numbers: a channel and an event type, or any.
inline constexpr std::int64_t kChannels = 5;
inline constexpr std::int64_t kTypes = 3;
inline constexpr std::int64_t kFilters = (kChannels + 1) * (kTypes + 1);  // the last of each: any
inline constexpr std::int64_t kTraces = 3;                                // 0: none
inline constexpr std::uint64_t kTlsSeedEvery = 100;                       // FAULTS 2.1: 1 % of the seeds run over TLS

}  // namespace axonpush::sim
