// Steps of the refresh machine as a client takes them: 64 pairs of state and input, from the walks of a connect, a
// swap, a failed refresh, a reconnect and a disconnect.
#pragma once

#include <axonpush/refresh.h>

#include <cstddef>
#include <cstdlib>

namespace axonpush::bench {

struct RefreshStep {
  refresh::State state;
  refresh::Input input;
  Instant now;
};

class RefreshSteps {
 public:
  static constexpr std::size_t kCount = 64;

  RefreshSteps() {
    using refresh::InputKind;
    while (count_ < kCount) {
      state_ = refresh::State{};
      feed({.kind = InputKind::connect});
      feed({.kind = InputKind::fetched, .life_left = hours(1), .sent_at = now_});
      feed({.kind = InputKind::dialed});
      for (int swap = 0; swap < 3; ++swap) {
        tick();
        if (swap == 1) {
          feed({.kind = InputKind::fetch_failed});
          tick();
        }
        feed({.kind = InputKind::fetched, .life_left = hours(1), .sent_at = now_});
        feed({.kind = InputKind::dialed});
        feed({.kind = InputKind::restored});
        tick();
        feed({.kind = InputKind::drained});
        feed({.kind = InputKind::retiring_ended});
      }
      feed({.kind = InputKind::serving_lost});
      tick();
      feed({.kind = InputKind::dialed});
      feed({.kind = InputKind::restored});
      feed({.kind = InputKind::disconnect});
      feed({.kind = InputKind::drained});
      if (state_.phase != refresh::Phase::closed) std::abort();
    }
  }

  [[nodiscard]] const RefreshStep& operator[](std::size_t index) const { return steps_[index % kCount]; }

 private:
  void tick() {
    now_ = state_.deadline;
    feed({});
  }
  void feed(refresh::Input input) {
    input.generation = state_.generation;
    input.random = random_ = random_ * 1'664'525U + 1'013'904'223U;
    if (count_ < kCount) steps_[count_++] = {state_, input, now_};
    state_ = refresh::step(state_, input, {}, now_).state;
  }

  RefreshStep steps_[kCount];
  std::size_t count_ = 0;
  refresh::State state_;
  Instant now_ = Instant::from_nanoseconds(1'000'000'000);
  std::uint32_t random_ = 1;
};

}  // namespace axonpush::bench
