// The machine that keeps a client connected: first connect, credential refresh by make before break, reconnect. A pure
// function: state and input in, state and actions out. No pointers, no strings, no clock: instants and random draws are
// part of the input, tokens and connections live in the shell that runs the actions (src/client/core.cc).
//
// At most two connections exist: `serving` delivers and publishes, `candidate` is being made ready. When the candidate
// is ready it becomes the serving one and the other is `retiring`. Answers carry the generation they were asked with,
// and a stale one changes nothing.
// Thread rule: none, values. Source: CONTRACT section 6, FAULTS sections 1.0 to 1.3.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/base/time.h>
#include <axonpush/limits.h>

namespace axonpush::inline v0::refresh {

enum class Phase : std::uint8_t {
  idle,         // nothing begun. next: first_fetch, closed
  first_fetch,  // the caller waits. next: first_dial, closed (the failure is the caller's)
  first_dial,   // name to CONNACK. next: live, closed
  live,         // one connection serves; deadline: the next refresh. next: live_fetch, reconnect_wait, closing
  // Of the next three: live when the attempt fails (deadline: the ladder); when the serving connection is lost, the
  // same attempt without it; reconnect_wait when it was lost to another process with our client id.
  live_fetch,    // next: live_dial, live, fetch, reconnect_wait, closing
  live_dial,     // next: live_restore, live, dial, reconnect_wait, closing
  live_restore,  // SUBSCRIBE sent on the candidate. next: overlap, live, restore, reconnect_wait, closing
  overlap,       // both deliver, the new one publishes; deadline: the grace. next: drain, live, closing
  drain,         // the old one awaits PUBACKs, or (no deadline) got its DISCONNECT. next: live, reconnect_wait, closing
  reconnect_wait,  // no connection; deadline: the next attempt. next: fetch, dial, closing
  fetch,           // no connection. next: dial, reconnect_wait, closing
  dial,            // no connection. next: restore, live (session resumed), reconnect_wait, closing
  restore,         // no serving connection yet. next: live, reconnect_wait, closing
  closing,         // disconnect: what is queued is sent; deadline: the drain's end. next: closed
  closed,          // the end
};
inline constexpr std::size_t kPhaseCount = static_cast<std::size_t>(Phase::closed) + 1;

enum class InputKind : std::uint8_t {
  connect,         // the caller asks for a session
  refresh,         // the caller asks for a refresh now
  fetched,         // credentials came; life_left, sent_at
  fetch_failed,    // failure, retry_after
  dialed,          // CONNACK 0x00 on the candidate; session_present
  dial_failed,     // the candidate died before CONNACK 0x00; failure
  restored,        // every SUBACK is in on the candidate
  restore_failed,  // refused, timed out; failure
  candidate_lost,  // the candidate died after CONNACK, before it served
  serving_lost,    // the connection that serves died; failure
  retiring_ended,  // the retiring connection is closed, read to its end
  drained,         // the retiring connection has no publish in flight any more (drain); everything is sent (closing)
  disconnect,      // the caller ends it
  tick,            // time has passed
};
inline constexpr std::size_t kInputKindCount = static_cast<std::size_t>(InputKind::tick) + 1;

// How a failure is met.
enum class Failure : std::uint8_t {
  transient,             // try again with the same credentials while they live
  credentials_refused,   // 0x86, 0x87, 0x8C, HTTP 401 or 403 at the upgrade: never present these again
  credentials_expired,   // while the connection was being opened, and not presented: try again with fresh ones
  configuration,         // asking again soon cannot help: every 60 s
  moved,                 // 0x9C, 0x9D: back-off, with fresh credentials, because the endpoint comes with them
  maximum_connect_time,  // 0xA0: at once, with fresh credentials
  session_conflict,      // 0x8E outside a swap: another process uses the client id
};

struct Input {
  InputKind kind = InputKind::tick;
  Failure failure = Failure::transient;
  bool session_present = false;
  bool same_client_id = false;   // fetched: the candidate will take the serving connection's session over
  bool expected = false;         // serving_lost: our own new CONNECT made the broker end it
  std::uint32_t generation = 0;  // answers only
  std::uint32_t random = 0;      // uniform; drawn by the shell for every input
  Duration life_left = {};       // fetched
  Duration retry_after = {};     // fetch_failed, dial_failed; zero: none
  Instant sent_at = {};          // fetched: when the request was sent
};

struct Settings {
  Duration lead = limits::kRefreshLead;
  Duration grace = limits::kOverlapGrace;
  Duration drain = limits::kDrainTimeout;
  Duration old_read = limits::kOldReadTimeout;
  bool refresh_jitter = true;
  bool retry_jitter = true;
};

struct State {
  Phase phase = Phase::idle;
  bool has_credentials = false;  // and they were not refused
  bool takeover = false;         // the candidate has the serving connection's client id: its end (0x8E) is expected
  bool retiring = false;         // an old connection is still there, read to its end at least
  std::uint8_t refresh_failures = 0;     // in a row; the ladder's index
  std::uint8_t reconnect_failures = 0;   // in a row; k of the full jitter
  std::uint8_t refused_credentials = 0;  // in a row: 0x86, 0x87, 0x8C, HTTP 401 or 403 at the upgrade
  std::uint8_t conflicts = 0;            // 0x8E outside a swap within five minutes, the last one included
  std::uint32_t generation = 0;          // of the attempt under way
  Instant deadline = Instant::never();   // of the phase
  Instant refresh_at = Instant::never();
  Instant expires_at = Instant::never();  // of the credentials at hand: no connection is opened with them after it
  Instant refresh_started_at = Instant::from_nanoseconds(INT64_MIN / 2);
  Instant fetch_not_before = Instant::from_nanoseconds(INT64_MIN / 2);  // the endpoint's Retry-After
  Instant dial_not_before = Instant::from_nanoseconds(INT64_MIN / 2);   // the broker's, or after 0x8E
  Instant live_since = Instant::never();                                // of the connection that serves
  Instant retiring_since = Instant::never();  // the same of the one that served before it, while that is still there
  Instant conflicts_at[2] = {Instant::from_nanoseconds(INT64_MIN / 2), Instant::from_nanoseconds(INT64_MIN / 2)};
};

// What the shell must do, in the order of the bits.
enum Action : std::uint32_t {
  kNone = 0,
  kDropCandidate = 1U << 0,    // close it, forget its traces
  kStartFetch = 1U << 1,       // with State::generation
  kStartDial = 1U << 2,        // with State::generation and the credentials at hand
  kStartRestore = 1U << 3,     // SUBSCRIBE everything wanted on the candidate
  kActivate = 1U << 4,         // the candidate serves; a serving one becomes the retiring one
  kPromoteRetiring = 1U << 5,  // the retiring one serves again: the new one died in the overlap
  kBeginDrain = 1U << 6,       // the retiring one: await its PUBACKs, then DISCONNECT
  kEndRetiring = 1U << 7,      // DISCONNECT it now, whatever is in flight
  kConnected = 1U << 8,        // the caller's connect is done, or a reconnect is
  kConnectFailed = 1U << 9,    // the caller's connect failed: the end
  kReportFailure = 1U << 10,   // on_error, with attempt number and next delay
  kReportLost = 1U << 11,      // there is no connection any more
  kReportConflict = 1U << 12,
  kBeginClose = 1U << 13,  // drain, DISCONNECT, close on everything
  kFinish = 1U << 14,      // closed: everything is released
  kSwapped = 1U << 15,     // a swap is complete
};

struct Step {
  State state;
  std::uint32_t actions = kNone;
};

namespace detail {

inline constexpr Duration kLadder[] = {seconds(5), seconds(15), seconds(30), seconds(60)};
inline constexpr Duration kDialLifeMin = seconds(5);  // a dial needs some life left (FAULTS I-13)
inline constexpr Duration kConflictWindow = minutes(5);
inline constexpr std::uint8_t kConflictsMax = 3;
inline constexpr std::uint8_t kRefusedCredentialsMax = 3;  // FAULTS R-19: from then on every 60 s
inline constexpr Duration kConfigurationWait = seconds(60);

// span * random / 2^32, without overflow for spans up to 24 h.
constexpr Duration scaled(Duration span, std::uint32_t random) noexcept {
  const std::int64_t whole = span.nanoseconds() >> 32;
  const std::int64_t part = span.nanoseconds() & 0xFFFFFFFF;
  const auto low = static_cast<std::int64_t>(static_cast<std::uint64_t>(part) * random >> 32);
  return nanoseconds(whole * static_cast<std::int64_t>(random) + low);
}
constexpr Duration shorter_of(Duration left, Duration right) noexcept { return right < left ? right : left; }
constexpr Duration longer_of(Duration left, Duration right) noexcept { return left < right ? right : left; }
constexpr std::uint8_t plus_one(std::uint8_t count) noexcept {
  return count == UINT8_MAX ? count : static_cast<std::uint8_t>(count + 1);
}

// CONTRACT 6.1: when to begin the next refresh, for credentials of `life` asked for at `sent_at`.
constexpr Instant refresh_instant(const Settings& settings, Instant sent_at, Duration life, Instant connected_at,
                                  Instant refresh_started_at, std::uint32_t random) noexcept {
  const bool short_lived = life <= settings.lead * 2;
  Instant at = short_lived ? sent_at + life / 2 : sent_at + life - settings.lead;
  if (settings.refresh_jitter) {
    const Duration most = shorter_of(shorter_of(seconds(30), settings.lead / 2), life / 20);
    at = at - scaled(most, random);
  }
  // AWS ends a WebSocket after 24 h: never later than 60 s before that.
  at = earlier_of(at, connected_at + limits::kConnectionLifetimeMax - seconds(60));
  return later_of(at, refresh_started_at + limits::kRefreshFloor);
}

// `failures` counts the one that is waited for: at least 1.
constexpr Duration ladder_wait(const Settings& settings, std::uint8_t failures, std::uint32_t random) noexcept {
  const Duration wait = kLadder[failures < 4 ? failures - 1 : 3];
  return settings.retry_jitter ? wait + scaled(wait / 5, random) : wait;
}

// CONTRACT 6: U(0, 1 s) first, then U(0, min(60 s, 1 s * 2^k)), never under 5 s from k = 3 on.
constexpr Duration reconnect_wait(std::uint8_t k, std::uint32_t random) noexcept {
  const Duration span = k >= 6 ? limits::kReconnectMax
                               : shorter_of(limits::kReconnectMax, limits::kReconnectBase * (std::int64_t{1} << k));
  const Duration wait = scaled(span, random);
  return k >= 3 ? longer_of(wait, seconds(5)) : wait;
}

}  // namespace detail

[[nodiscard]] constexpr bool has_serving(Phase phase) noexcept {
  return phase == Phase::live || phase == Phase::live_fetch || phase == Phase::live_dial ||
         phase == Phase::live_restore || phase == Phase::overlap || phase == Phase::drain;
}

[[nodiscard]] constexpr bool attempt_under_way(Phase phase) noexcept {
  return phase == Phase::first_fetch || phase == Phase::first_dial || phase == Phase::live_fetch ||
         phase == Phase::live_dial || phase == Phase::live_restore || phase == Phase::fetch || phase == Phase::dial ||
         phase == Phase::restore;
}

// When the next fetch may begin: 5 s after the last one's start, and not before what the endpoint asked for.
[[nodiscard]] constexpr Instant earliest_fetch(const State& state) noexcept {
  return later_of(state.refresh_started_at + limits::kRefreshFloor, state.fetch_not_before);
}
// May the caller begin a refresh now? (And the phase is `live`.)
[[nodiscard]] constexpr bool refresh_allowed(const State& state, Instant now) noexcept {
  return !state.retiring && now >= earliest_fetch(state) && now >= state.dial_not_before;
}

// One transition. Every pair of phase and input is defined; a pair that cannot happen leaves the state as it is.
class Machine {
 public:
  [[nodiscard]] static constexpr Step step(const State& before, const Input& input, const Settings& settings,
                                           Instant now) noexcept {
    Machine machine(before, input, settings, now);
    machine.run();
    return {machine.state_, machine.actions_};
  }

 private:
  constexpr Machine(const State& before, const Input& input, const Settings& settings, Instant now) noexcept
      : state_(before), input_(input), settings_(settings), now_(now) {}

  constexpr void run() noexcept {
    if (state_.phase == Phase::closed) return;
    switch (input_.kind) {
      case InputKind::connect:
        if (state_.phase == Phase::idle) begin_fetch(Phase::first_fetch);
        return;
      case InputKind::refresh:
        if (state_.phase == Phase::live && refresh_allowed(state_, now_)) begin_fetch(Phase::live_fetch);
        return;
      case InputKind::fetched:
        if (fresh()) on_fetched();
        return;
      case InputKind::fetch_failed:
        if (fresh()) on_attempt_failed();
        return;
      case InputKind::dialed:
        if (fresh()) on_dialed();
        return;
      case InputKind::dial_failed:
      case InputKind::restore_failed:
      case InputKind::candidate_lost:
        if (fresh()) on_candidate_failed();
        return;
      case InputKind::restored:
        if (fresh()) on_restored();
        return;
      case InputKind::serving_lost:
        on_serving_lost();
        return;
      case InputKind::retiring_ended:
        on_retiring_ended();
        return;
      case InputKind::drained:
        if (state_.phase == Phase::drain) end_retiring();
        if (state_.phase == Phase::closing) finish();
        return;
      case InputKind::disconnect:
        on_disconnect();
        return;
      case InputKind::tick:
        on_tick();
        return;
    }
  }

  // An answer to a question that is no longer asked.
  [[nodiscard]] constexpr bool fresh() const noexcept { return input_.generation == state_.generation; }
  constexpr void act(std::uint32_t action) noexcept { actions_ |= action; }
  constexpr void enter(Phase phase, Instant deadline) noexcept {
    state_.phase = phase;
    state_.deadline = deadline;
  }

  constexpr void begin_fetch(Phase phase) noexcept {
    // The last refresh led to a connection that has been kept for 30 s: the ladder starts anew (CONTRACT 6.7).
    if (state_.live_since >= state_.refresh_started_at && now_ - state_.live_since >= limits::kBackoffResetAfter) {
      state_.refresh_failures = 0;
    }
    ++state_.generation;
    state_.refresh_started_at = now_;
    enter(phase, Instant::never());  // the fetch has a deadline of its own (fetch_timeout)
    act(kStartFetch);
  }
  constexpr void begin_dial(Phase phase) noexcept {
    ++state_.generation;
    enter(phase, Instant::never());  // the dial has a deadline of its own (dial_timeout)
    act(kStartDial);
  }

  constexpr void on_fetched() noexcept {
    const bool first = state_.phase == Phase::first_fetch;
    if (!first && state_.phase != Phase::live_fetch && state_.phase != Phase::fetch) return;
    // FAULTS I-13: nothing is dialled with credentials that are as good as expired. What is at hand stays at hand.
    if (input_.sent_at + input_.life_left - now_ < detail::kDialLifeMin) {
      on_attempt_failed();
      return;
    }
    state_.has_credentials = true;
    state_.takeover = input_.same_client_id && state_.phase == Phase::live_fetch;
    state_.expires_at = input_.sent_at + input_.life_left;
    state_.refresh_at = detail::refresh_instant(settings_, input_.sent_at, input_.life_left, now_,
                                                state_.refresh_started_at, input_.random);
    if (state_.phase == Phase::fetch && now_ < state_.dial_not_before) {
      ++state_.generation;
      enter(Phase::reconnect_wait, state_.dial_not_before);
      return;
    }
    begin_dial(first ? Phase::first_dial : state_.phase == Phase::live_fetch ? Phase::live_dial : Phase::dial);
  }

  constexpr void on_dialed() noexcept {
    if (attempt_under_way(state_.phase)) state_.refused_credentials = 0;
    switch (state_.phase) {
      case Phase::first_dial:
        become_live();
        act(kActivate | kConnected);
        return;
      case Phase::live_dial:
        // A resumed session brings its subscriptions along; only what differs is still sent (by the shell's
        // reconciling).
        enter(Phase::live_restore, Instant::never());
        act(kStartRestore);
        return;
      case Phase::dial:
        enter(Phase::restore, Instant::never());
        act(kStartRestore);
        return;
      default:
        return;
    }
  }

  constexpr void on_restored() noexcept {
    if (state_.phase == Phase::live_restore) {
      enter(Phase::overlap, now_ + settings_.grace);
      state_.retiring = true;
      state_.retiring_since = state_.live_since;
      state_.live_since = now_;
      act(kActivate);
    } else if (state_.phase == Phase::restore) {
      // In a takeover the broker ended the old connection for the new one: that is a swap, not a reconnect.
      act(kActivate | (state_.takeover ? kSwapped : kConnected));
      become_live();
    }
  }

  constexpr void become_live() noexcept {
    state_.takeover = false;
    state_.live_since = now_;
    wait_for_next_refresh();
  }
  // A refresh that failed while there was no connection may have begun a moment ago (FAULTS I-14).
  constexpr void wait_for_next_refresh() noexcept {
    state_.refresh_at = later_of(state_.refresh_at, earliest_fetch(state_));
    enter(Phase::live, state_.refresh_at);
  }

  // A fetch that failed, in any of its three phases.
  constexpr void on_attempt_failed() noexcept {
    if (input_.retry_after > Duration::zero()) {
      state_.fetch_not_before = later_of(state_.fetch_not_before, now_ + retry_after());
    }
    if (state_.phase == Phase::first_fetch) {
      act(kConnectFailed);
      close_now();
    } else if (state_.phase == Phase::live_fetch) {
      wait_for_refresh();
    } else if (state_.phase == Phase::fetch) {
      wait_for_reconnect();
    }
  }

  constexpr void on_candidate_failed() noexcept {
    if (input_.retry_after > Duration::zero()) {
      state_.dial_not_before = later_of(state_.dial_not_before, now_ + retry_after());
    }
    if (input_.failure == Failure::credentials_refused || input_.failure == Failure::credentials_expired ||
        input_.failure == Failure::moved) {
      state_.has_credentials = false;
    }
    if (input_.failure == Failure::credentials_refused && attempt_under_way(state_.phase)) {
      state_.refused_credentials = detail::plus_one(state_.refused_credentials);
    }
    switch (state_.phase) {
      case Phase::first_dial:
        act(kDropCandidate | kConnectFailed);
        close_now();
        return;
      case Phase::live_dial:
      case Phase::live_restore:
        act(kDropCandidate);
        wait_for_refresh();
        return;
      case Phase::dial:
      case Phase::restore:
        act(kDropCandidate);
        if (state_.takeover) act(kReportLost);  // the old one's end was expected, the new one's is not
        wait_for_reconnect();
        return;
      default:
        return;
    }
  }

  // The old connection goes on; the ladder of CONTRACT 6.7.
  constexpr void wait_for_refresh() noexcept {
    ++state_.generation;
    state_.takeover = false;
    state_.refresh_failures = detail::plus_one(state_.refresh_failures);
    Duration wait = detail::ladder_wait(settings_, state_.refresh_failures, input_.random);
    if (input_.failure == Failure::session_conflict) wait = detail::longer_of(wait, conflict_wait());
    wait = longest_wait(wait);
    state_.refresh_at = later_of(now_ + wait, state_.refresh_started_at + limits::kRefreshFloor);
    enter(Phase::live, state_.refresh_at);
    act(kReportFailure);
  }

  constexpr void wait_for_reconnect() noexcept {
    ++state_.generation;
    state_.takeover = false;
    Duration wait = detail::reconnect_wait(state_.reconnect_failures, input_.random);
    state_.reconnect_failures = detail::plus_one(state_.reconnect_failures);
    if (input_.failure == Failure::session_conflict) wait = conflict_wait();
    enter(Phase::reconnect_wait, now_ + longest_wait(wait));
    act(kReportFailure);
  }

  // What the failure itself asks for beside the ladder or the draw. Whoever has been refused three times in a row is
  // asked for once a minute (FAULTS R-19).
  [[nodiscard]] constexpr Duration longest_wait(Duration wait) const noexcept {
    const bool slow =
        input_.failure == Failure::configuration || (input_.failure == Failure::credentials_refused &&
                                                     state_.refused_credentials >= detail::kRefusedCredentialsMax);
    if (slow) wait = detail::longer_of(wait, detail::kConfigurationWait);
    return detail::longer_of(wait, retry_after());
  }
  [[nodiscard]] constexpr Duration retry_after() const noexcept {
    return detail::shorter_of(input_.retry_after, limits::kRetryAfterMax);
  }

  // CONTRACT 6: after 5 to 60 s, never a fight; the third within five minutes: every 60 s.
  constexpr Duration conflict_wait() noexcept {
    state_.conflicts = 1;
    for (const Instant before : state_.conflicts_at) {
      if (now_ - before <= detail::kConflictWindow) ++state_.conflicts;
    }
    state_.conflicts_at[0] = state_.conflicts_at[1];
    state_.conflicts_at[1] = now_;
    act(kReportConflict);
    const Duration wait = state_.conflicts >= detail::kConflictsMax
                              ? detail::kConfigurationWait
                              : seconds(5) + detail::scaled(seconds(55), input_.random);
    // Whatever else is lost meanwhile.
    state_.dial_not_before = later_of(state_.dial_not_before, now_ + wait);
    return wait;
  }

  constexpr void on_serving_lost() noexcept {
    const Duration lived = now_ - state_.live_since;
    const bool was_stable = lived >= limits::kBackoffResetAfter;
    if (was_stable) state_.reconnect_failures = 0;
    // From live_dial to live_restore the credentials at hand are the candidate's, and those are not at fault.
    const bool own_credentials = state_.phase != Phase::live_dial && state_.phase != Phase::live_restore;
    if (own_credentials && (input_.failure == Failure::credentials_refused || input_.failure == Failure::moved ||
                            input_.failure == Failure::maximum_connect_time)) {
      state_.has_credentials = false;
    }
    switch (state_.phase) {
      // FAULTS R-33: the attempt under way is promoted, not begun again.
      case Phase::live_fetch:
        if (give_way_to_other_process()) return;
        enter(Phase::fetch, Instant::never());
        act(kReportLost);
        return;
      case Phase::live_dial:
        if (give_way_to_other_process()) return;
        enter(Phase::dial, Instant::never());
        lose_before_candidate();
        return;
      case Phase::live_restore:
        if (give_way_to_other_process()) return;
        enter(Phase::restore, Instant::never());
        lose_before_candidate();
        return;
      case Phase::overlap:
        promote_retiring();
        return;
      case Phase::drain:
        // Until its DISCONNECT the old one is whole.
        if (state_.retiring && state_.deadline != Instant::never()) {
          promote_retiring();
        } else {
          lose_everything(was_stable);
        }
        return;
      case Phase::live:
        lose_everything(was_stable);
        return;
      case Phase::closing:
        // Nothing can be sent any more, but what the retiring one still awaits may come.
        if (!state_.retiring) finish();
        return;
      default:
        return;
    }
  }

  // The new one died while the old one is still whole: the old one serves again (FAULTS R-34).
  constexpr void promote_retiring() noexcept {
    state_.retiring = false;
    state_.live_since = state_.retiring_since;
    act(kPromoteRetiring);
    wait_for_refresh();
  }

  constexpr void lose_everything(bool was_stable) noexcept {
    act(kReportLost);
    if (state_.retiring) act(kEndRetiring);
    const bool at_once = input_.failure == Failure::maximum_connect_time && was_stable;
    if (at_once && now_ >= earliest_fetch(state_)) {
      begin_fetch(Phase::fetch);
    } else {
      wait_for_reconnect();
    }
  }

  // FAULTS I-23: 0x8E that no CONNECT of ours explains means another process with this client id. An attempt that would
  // present the same id, or of which that is not known yet, is given up: going on would be a fight.
  constexpr bool give_way_to_other_process() noexcept {
    if (input_.failure != Failure::session_conflict || input_.expected) return false;
    if (state_.phase != Phase::live_fetch && !state_.takeover) return false;
    act(kReportLost | kDropCandidate);
    wait_for_reconnect();
    return true;
  }

  constexpr void lose_before_candidate() noexcept {
    if (state_.takeover && input_.expected) return;
    state_.takeover = false;
    act(kReportLost);
  }

  constexpr void on_retiring_ended() noexcept {
    if (!state_.retiring) return;
    state_.retiring = false;
    if (state_.phase == Phase::overlap || state_.phase == Phase::drain) {
      become_live_after_swap();
    } else if (state_.phase == Phase::live) {
      wait_for_next_refresh();  // it may have waited for this
    }
  }

  constexpr void become_live_after_swap() noexcept {
    state_.takeover = false;
    wait_for_next_refresh();
    act(kSwapped);
  }

  // The shell answers with retiring_ended once the old one is read to its end (old_read_timeout).
  constexpr void end_retiring() noexcept {
    enter(Phase::drain, Instant::never());
    act(kEndRetiring);
  }

  constexpr void on_disconnect() noexcept {
    if (state_.phase == Phase::closing) return;
    if (state_.phase == Phase::idle) {
      close_now();
      act(kFinish);
      return;
    }
    if (state_.phase == Phase::first_fetch || state_.phase == Phase::first_dial) act(kConnectFailed);
    if (!has_serving(state_.phase) && attempt_under_way(state_.phase)) act(kDropCandidate);
    if (state_.phase == Phase::live_fetch || state_.phase == Phase::live_dial || state_.phase == Phase::live_restore) {
      act(kDropCandidate);
    }
    ++state_.generation;
    enter(Phase::closing, now_ + settings_.drain);
    act(kBeginClose);
  }

  constexpr void close_now() noexcept {
    ++state_.generation;
    enter(Phase::closed, Instant::never());
  }
  constexpr void finish() noexcept {
    close_now();
    act(kFinish);
  }

  // With the credentials at hand while they live, else with fresh ones; each when it may be.
  constexpr void try_again() noexcept {
    const bool usable = state_.has_credentials && state_.expires_at - now_ >= detail::kDialLifeMin;
    const Instant from = usable ? state_.dial_not_before : earliest_fetch(state_);
    if (now_ < from) {
      enter(Phase::reconnect_wait, from);
    } else if (usable) {
      begin_dial(Phase::dial);
    } else {
      begin_fetch(Phase::fetch);
    }
  }

  constexpr void on_tick() noexcept {
    if (now_ < state_.deadline) return;
    switch (state_.phase) {
      case Phase::live:
        // A lost swap may have left an old connection that is still read to its end: a third one is never opened.
        if (state_.retiring) {
          enter(Phase::live, now_ + settings_.old_read);
        } else {
          begin_fetch(Phase::live_fetch);
        }
        return;
      case Phase::overlap:
        enter(Phase::drain, now_ + settings_.drain);
        act(kBeginDrain);
        return;
      case Phase::drain:
        end_retiring();
        return;
      case Phase::reconnect_wait:
        try_again();
        return;
      case Phase::closing:
        finish();
        return;
      default:
        return;
    }
  }

  State state_;
  const Input& input_;
  const Settings& settings_;
  Instant now_;
  std::uint32_t actions_ = kNone;
};

[[nodiscard]] constexpr Step step(const State& before, const Input& input, const Settings& settings,
                                  Instant now) noexcept {
  return Machine::step(before, input, settings, now);
}

[[nodiscard]] std::string_view name_of(Phase phase) noexcept;
[[nodiscard]] std::string_view name_of(InputKind kind) noexcept;

}  // namespace axonpush::inline v0::refresh
