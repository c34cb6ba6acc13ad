// Drives the pure refresh machine with bytes: each is something that happens to a client, or a while that passes. A
// plain model of what the shell would hold (one fetch, a serving, a candidate and a retiring connection) runs beside
// it, and the invariants of FAULTS are checked after every step:
//   I-12  one fetch or dial at a time, two connections, two only around a swap
//   I-13  nothing is dialled with credentials of under 5 s of life, or refused ones
//   I-14  5 s between the starts of two fetches
//   I-16  the refresh begins within [t - J, t]
//   I-17  the ladder and the full jitter are exactly the draws
//   I-18  no attempt before Retry-After, which is clamped to 300 s
//   I-19  a connection serves only after its CONNACK and last SUBACK; the old one is ended only then, or by disconnect
//   I-22  after a refused fetch the next is the ladder's
//   I-23  0x8E outside a swap: nothing is dialled within 5 s
//   I-29  every pair of phase and input is defined; I-30: every wait has a deadline or an attempt of the shell's
// A second machine is fed anything at all, stale answers included: it must stay within its phases and end with
// disconnect.
#include <axonpush/refresh.h>

#include <cstdint>

#include "choices.h"

namespace {

using namespace axonpush;           // NOLINT
using namespace axonpush::fuzz;     // NOLINT
using namespace axonpush::refresh;  // NOLINT

constexpr Instant kStart = Instant::from_nanoseconds(1'000'000'000'000);
constexpr Instant kNeverYet = Instant::from_nanoseconds(INT64_MIN / 2);

std::uint32_t draw(Choices& bytes) {
  std::uint32_t value = 0;
  for (int part = 0; part < 4; ++part) value = value << 8U | bytes.byte();
  return value;
}

// The reference for the waits, written from the contract.
Duration ladder(std::uint8_t failures) {
  const std::int64_t waits[] = {5, 15, 30, 60};
  return seconds(waits[failures <= 1 ? 0 : failures >= 4 ? 3 : failures - 1]);
}
Duration part_of(Duration whole, std::uint32_t random) {
  // Eighty bits of mantissa: exact enough for `close`, and nothing to overflow.
  const long double product = static_cast<long double>(whole.nanoseconds()) * random;
  return nanoseconds(static_cast<std::int64_t>(product / 4'294'967'296.0L));
}
bool close(Duration left, Duration right) {
  const Duration apart = left < right ? right - left : left - right;
  return apart <= microseconds(2);
}

class Harness {
 public:
  explicit Harness(Choices bytes) : bytes_(bytes) {
    const std::uint8_t bits = bytes_.byte();
    settings_.refresh_jitter = (bits & 1U) != 0;
    settings_.retry_jitter = (bits & 2U) != 0;
    settings_.lead = seconds(1 + (bits >> 2U));
    settings_.grace = milliseconds(bytes_.byte() * 40);
    settings_.drain = milliseconds(bytes_.byte() * 40);
  }

  void run() {
    while (!bytes_.empty() && state_.phase != Phase::closed) happen();
    if (state_.phase == Phase::closed) return;
    // CONTRACT 6.8: disconnect ends it in whatever state it is, within the drain's time.
    feed({.kind = InputKind::disconnect});
    if (state_.phase != Phase::closed) {
      demand(state_.phase == Phase::closing && state_.deadline <= now_ + settings_.drain);
      now_ = state_.deadline;
      feed({.kind = InputKind::tick});
    }
    demand(state_.phase == Phase::closed);
  }

 private:
  void happen() {
    switch (bytes_.byte() % 16) {
      case 0:
        feed({.kind = InputKind::connect});
        return;
      case 1:
        feed({.kind = InputKind::refresh});
        return;
      case 2:
      case 3:
        if (fetching_) fetched();
        return;
      case 4:
        if (fetching_) feed(failed(InputKind::fetch_failed));
        return;
      case 5:
      case 6:
        if (candidate_ == Link::dialing)
          feed({.kind = InputKind::dialed, .session_present = (bytes_.byte() & 1U) != 0});
        return;
      case 7:
        if (candidate_ == Link::dialing) feed(failed(InputKind::dial_failed));
        return;
      case 8:
      case 9:
        if (candidate_ == Link::up) feed({.kind = InputKind::restored});
        return;
      case 10:
        if (candidate_ == Link::up) {
          feed(failed((bytes_.byte() & 1U) != 0 ? InputKind::restore_failed : InputKind::candidate_lost));
        }
        return;
      case 11:
        lose_serving();
        return;
      case 12:
        if (retiring_ && (ending_ || (bytes_.byte() & 1U) != 0)) end_retiring();
        return;
      case 13:
        if (state_.phase == Phase::drain || state_.phase == Phase::closing) feed({.kind = InputKind::drained});
        return;
      case 14:
        wait(milliseconds(static_cast<std::int64_t>(bytes_.byte()) << bytes_.byte() % 16));
        return;
      case 15:
        if (bytes_.byte() == 0xDD) {
          feed({.kind = InputKind::disconnect});
        } else if (state_.deadline != Instant::never()) {
          wait(state_.deadline - now_);
        }
        return;
    }
  }

  Input failed(InputKind kind) {
    Input input{.kind = kind};
    const std::uint8_t choice = bytes_.byte();
    if (kind != InputKind::fetch_failed) input.failure = static_cast<Failure>(choice % 7);
    if ((choice & 0x80U) != 0) input.retry_after = seconds(bytes_.byte() * 4);
    return input;
  }

  void fetched() {
    const std::uint8_t choice = bytes_.byte();
    Duration life = seconds(bytes_.byte() * 2);
    if ((choice & 1U) != 0) life = minutes(bytes_.byte() * 6);
    if ((choice & 2U) != 0) life = milliseconds(bytes_.byte() * 40);
    feed({.kind = InputKind::fetched,
          .same_client_id = (choice & 4U) != 0 && serving_,
          .life_left = life < limits::kConnectionLifetimeMax ? life : limits::kConnectionLifetimeMax,
          .sent_at = fetch_started_});
  }

  void lose_serving() {
    if (!serving_) return;
    Input input{.kind = InputKind::serving_lost};
    input.failure = static_cast<Failure>(bytes_.byte() % 7);
    // The shell's rule: an end is expected when our own CONNECT with the same client id is out.
    input.expected = state_.takeover && candidate_ != Link::none;
    if (input.expected && input.failure == Failure::session_conflict) input.failure = Failure::transient;
    serving_ = false;
    feed(input);
  }

  void end_retiring() {
    retiring_ = ending_ = false;
    feed({.kind = InputKind::retiring_ended});
  }

  // Time passes to the next thing that is due, as often as it takes.
  void wait(Duration span) {
    const Instant until = now_ + span;
    for (int turns = 0; turns < 64 && state_.phase != Phase::closed; ++turns) {
      const Instant ended = ending_ ? ended_by_ : Instant::never();
      const Instant next = earlier_of(state_.deadline, ended);
      if (next > until) break;
      if (next > now_) now_ = next;
      if (ended <= now_) {
        end_retiring();
      } else {
        feed({.kind = InputKind::tick});
      }
    }
    if (until > now_) now_ = until;
  }

  void feed(Input input) {
    input.generation = state_.generation;
    input.random = draw(bytes_);
    const State before = state_;
    const Step made = step(before, input, settings_, now_);
    state_ = made.state;
    answered(before, input);
    obey(before, input, made.actions);
    check(before, input, made.actions);
  }

  // What the answer says about what is under way.
  void answered(const State& before, const Input& input) {
    const Duration asked = input.retry_after < seconds(300) ? input.retry_after : seconds(300);
    if (asked > Duration::zero()) {
      (input.kind == InputKind::fetch_failed ? fetch_not_before_ : dial_not_before_) = now_ + asked;
    }
    switch (input.kind) {
      case InputKind::fetched:
      case InputKind::fetch_failed:
        fetching_ = false;
        return;
      case InputKind::dialed:
        candidate_ = Link::up;
        return;
      case InputKind::dial_failed:
      case InputKind::candidate_lost:
        candidate_ = Link::none;
        return;
      default:
        static_cast<void>(before);
        return;
    }
  }

  void obey(const State& before, const Input& input, std::uint32_t actions) {
    const auto has = [actions](Action action) { return (actions & action) != 0; };
    if (has(kDropCandidate)) {
      candidate_ = Link::none;
      fetching_ = false;
    }
    if (has(kStartFetch)) {
      demand(!fetching_ && candidate_ == Link::none);          // I-12
      demand(now_ - fetch_started_ >= limits::kRefreshFloor);  // I-14
      demand(now_ >= fetch_not_before_);                       // I-18
      fetching_ = true;
      fetch_started_ = now_;
    }
    if (has(kStartDial)) {
      demand(!fetching_ && candidate_ == Link::none);
      demand(!(serving_ && retiring_));                                          // I-12
      demand(state_.has_credentials && state_.expires_at - now_ >= seconds(5));  // I-13
      demand(now_ - conflict_at_ >= seconds(5));                                 // I-23
      demand(now_ >= dial_not_before_);                                          // I-18, W-H01
      candidate_ = Link::dialing;
    }
    if (has(kActivate)) {
      demand(candidate_ == Link::up);  // I-19
      demand(input.kind == InputKind::restored || before.phase == Phase::first_dial);
      if (serving_) {
        demand(!retiring_);
        retiring_ = true;
      }
      serving_ = true;
      candidate_ = Link::none;
    }
    if (has(kPromoteRetiring)) {
      demand(retiring_ && !serving_ && !ending_);
      serving_ = true;
      retiring_ = false;
    }
    if (has(kEndRetiring) && retiring_ && !ending_) {
      ending_ = true;
      ended_by_ = now_ + limits::kOldReadTimeout;
    }
    if (has(kReportConflict)) conflict_at_ = now_;
    if (has(kBeginClose)) {
      candidate_ = Link::none;
      fetching_ = false;
    }
  }

  void check(const State& before, const Input& input, std::uint32_t actions) {
    if (before.phase == Phase::closed) demand(actions == kNone);
    if (state_.phase == Phase::closed) return;
    if (state_.phase != Phase::closing) {
      demand(has_serving(state_.phase) == serving_);
      demand(fetching_ ==
             (state_.phase == Phase::first_fetch || state_.phase == Phase::live_fetch || state_.phase == Phase::fetch));
      demand((candidate_ != Link::none) == (attempt_under_way(state_.phase) && !fetching_));
    }
    // I-30: what has neither an attempt of the shell's nor a retiring connection to wait for has a deadline.
    if (state_.phase != Phase::idle && !attempt_under_way(state_.phase) && state_.phase != Phase::drain) {
      demand(state_.deadline != Instant::never());
    }
    if (state_.phase == Phase::drain && state_.deadline == Instant::never()) demand(ending_);
    if (input.kind == InputKind::fetched && (actions & kStartDial) != 0) check_refresh_instant(input);
    if ((actions & kReportFailure) != 0) check_wait(before, input);
  }

  void check_refresh_instant(const Input& input) const {  // I-16
    const Duration life = input.life_left;
    const Instant latest =
        life <= settings_.lead * 2 ? input.sent_at + life / 2 : input.sent_at + life - settings_.lead;
    Duration jitter = life / 20;
    if (settings_.lead / 2 < jitter) jitter = settings_.lead / 2;
    if (seconds(30) < jitter) jitter = seconds(30);
    if (!settings_.refresh_jitter) jitter = Duration::zero();
    const Instant floor = state_.refresh_started_at + limits::kRefreshFloor;
    demand(state_.refresh_at >= floor);
    if (state_.refresh_at != floor) {
      demand(state_.refresh_at <= latest);
      const Instant daily = now_ + hours(24) - seconds(60);
      demand(state_.refresh_at >= latest - jitter || state_.refresh_at == daily);
    }
  }

  void check_wait(const State& before, const Input& input) const {  // I-17, I-18, I-23
    const Duration wait = state_.deadline - now_;
    const Duration asked = input.retry_after < seconds(300) ? input.retry_after : seconds(300);
    demand(wait >= asked);
    if (input.failure == Failure::session_conflict) {
      demand(wait >= seconds(5) && wait <= seconds(300));
      return;
    }
    const bool slow = input.failure == Failure::configuration ||
                      (input.failure == Failure::credentials_refused && state_.refused_credentials >= 3);
    Duration expected;
    if (state_.phase == Phase::live) {
      const std::uint8_t failures = state_.refresh_failures;
      expected = ladder(failures);
      if (settings_.retry_jitter) expected = expected + part_of(expected / 5, input.random);
    } else {
      demand(state_.phase == Phase::reconnect_wait);
      const std::uint8_t k =
          state_.reconnect_failures == UINT8_MAX ? UINT8_MAX : static_cast<std::uint8_t>(state_.reconnect_failures - 1);
      const Duration span = k >= 6 ? seconds(60) : seconds(std::int64_t{1} << k);
      expected = part_of(span, input.random);
      if (k >= 3 && expected < seconds(5)) expected = seconds(5);
    }
    if (slow && expected < seconds(60)) expected = seconds(60);
    if (expected < asked) expected = asked;
    const Duration floor = state_.refresh_started_at + limits::kRefreshFloor - now_;
    if (state_.phase == Phase::live && expected < floor) expected = floor;
    demand(close(wait, expected));
    static_cast<void>(before);
  }

  enum class Link : std::uint8_t {
    none,
    dialing,
    up
  };

  Choices bytes_;
  State state_;
  Settings settings_;
  Instant now_ = kStart;
  bool fetching_ = false;
  bool serving_ = false;
  bool retiring_ = false;
  bool ending_ = false;  // the retiring one had its DISCONNECT and is read to its end
  Link candidate_ = Link::none;
  Instant ended_by_ = Instant::never();
  Instant fetch_started_ = kNeverYet;
  Instant conflict_at_ = kNeverYet;
  Instant fetch_not_before_ = kNeverYet;
  Instant dial_not_before_ = kNeverYet;
};

// Anything at all, in any order.
void run_wild(Choices bytes) {
  State state;
  Settings settings;
  Instant now = kStart;
  while (!bytes.empty()) {
    Input input;
    input.kind = static_cast<InputKind>(bytes.byte() % kInputKindCount);
    const std::uint8_t bits = bytes.byte();
    input.failure = static_cast<Failure>(bits % 7);
    input.same_client_id = (bits & 8U) != 0;
    input.expected = (bits & 16U) != 0;
    input.generation = (bits & 32U) != 0 ? state.generation : bytes.byte();
    input.random = draw(bytes);
    input.life_left = seconds(bytes.byte());
    input.sent_at = now;
    now = now + milliseconds(static_cast<std::int64_t>(bytes.byte()) * 100);
    const Step made = step(state, input, settings, now);
    demand(static_cast<std::size_t>(made.state.phase) < kPhaseCount);
    if (state.phase == Phase::closed) demand(made.actions == kNone && made.state.phase == Phase::closed);
    const bool answer = input.kind >= InputKind::fetched && input.kind <= InputKind::candidate_lost;
    if (answer && input.generation != state.generation) {
      demand(made.actions == kNone && made.state.phase == state.phase);
    }
    state = made.state;
  }
  state = step(state, {.kind = InputKind::disconnect}, settings, now).state;
  if (state.phase == Phase::closing) state = step(state, {}, settings, state.deadline).state;
  demand(state.phase == Phase::closed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4'096) return 0;
  const Choices bytes({data + 1, size - 1});
  if ((data[0] & 1U) != 0) {
    run_wild(bytes);
  } else {
    Harness(bytes).run();
  }
  return 0;
}
