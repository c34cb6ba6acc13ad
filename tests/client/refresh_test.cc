// The refresh machine as a table: every phase × every input, and the rows of CONTRACT section 6 that are instants.
//
// Goal: no cell is undefined, and each behaviour promised as a number is that number. Method: a state of each phase is
// made by walking there with inputs (never by writing fields), then each input is tried on it; the table is printed.
#include <axonpush/refresh.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace axonpush::refresh {
namespace {

constexpr Instant kStart = Instant::from_nanoseconds(1'000'000'000'000);
constexpr std::uint32_t kHalf = 0x80000000U;

// Walks a machine and remembers where it is.
struct Walk {
  State state;
  Settings settings;
  Instant now = kStart;
  std::uint32_t actions = 0;

  Walk() {
    settings.refresh_jitter = false;
    settings.retry_jitter = false;
  }
  Walk& feed(Input input) {
    if (input.generation == 0) input.generation = state.generation;
    const Step made = step(state, input, settings, now);
    state = made.state;
    actions = made.actions;
    return *this;
  }
  Walk& feed(InputKind kind) { return feed(Input{.kind = kind}); }
  Walk& fetched(Duration life = hours(1), bool same_client_id = false) {
    return feed(Input{.kind = InputKind::fetched, .same_client_id = same_client_id, .life_left = life, .sent_at = now});
  }
  Walk& wait(Duration span) {
    now = now + span;
    return *this;
  }
  Walk& wait_for_deadline() {
    now = state.deadline;
    return feed(InputKind::tick);
  }
  Walk& live(Duration life = hours(1)) { return feed(InputKind::connect).fetched(life).feed(InputKind::dialed); }
  Walk& refreshing(Duration life = hours(1)) { return live(life).wait_for_deadline(); }
  [[nodiscard]] bool did(std::uint32_t wanted) const { return (actions & wanted) == wanted; }
};

// A walk that ends in the given phase.
Walk walk_to(Phase phase) {
  Walk walk;
  switch (phase) {
    case Phase::idle:
      return walk;
    case Phase::first_fetch:
      return walk.feed(InputKind::connect);
    case Phase::first_dial:
      return walk.feed(InputKind::connect).fetched();
    case Phase::live:
      return walk.live();
    case Phase::live_fetch:
      return walk.refreshing();
    case Phase::live_dial:
      return walk.refreshing().fetched();
    case Phase::live_restore:
      return walk.refreshing().fetched().feed(InputKind::dialed);
    case Phase::overlap:
      return walk.refreshing().fetched().feed(InputKind::dialed).feed(InputKind::restored);
    case Phase::drain:
      return walk_to(Phase::overlap).wait_for_deadline();
    case Phase::reconnect_wait:
      return walk.live().feed(InputKind::serving_lost);
    case Phase::fetch:
      return walk.refreshing().feed(InputKind::serving_lost);
    case Phase::dial:
      return walk.live().feed(InputKind::serving_lost).wait_for_deadline();
    case Phase::restore:
      return walk_to(Phase::dial).feed(InputKind::dialed);
    case Phase::closing:
      return walk.live().feed(InputKind::disconnect);
    case Phase::closed:
      return walk.live().feed(InputKind::disconnect).feed(InputKind::drained);
  }
  return walk;
}

std::vector<Phase> all_phases() {
  std::vector<Phase> phases;
  for (std::size_t at = 0; at < kPhaseCount; ++at) phases.push_back(static_cast<Phase>(at));
  return phases;
}

TEST(RefreshTable, EveryPhaseIsReachedByInputsAlone) {
  for (const Phase phase : all_phases()) {
    EXPECT_EQ(walk_to(phase).state.phase, phase) << name_of(phase);
  }
}

// I-29. The printed table is the documentation; what is asserted is what must hold in every cell.
TEST(RefreshTable, EveryCellIsDefined) {
  std::printf("%-15s", "");
  for (std::size_t input = 0; input < kInputKindCount; ++input) {
    std::printf(" %-14.14s", std::string(name_of(static_cast<InputKind>(input))).c_str());
  }
  std::printf("\n");
  for (const Phase phase : all_phases()) {
    std::printf("%-15s", std::string(name_of(phase)).c_str());
    for (std::size_t at = 0; at < kInputKindCount; ++at) {
      Walk walk = walk_to(phase);
      const State before = walk.state;
      const auto kind = static_cast<InputKind>(at);
      walk.wait(seconds(1));
      walk.feed(Input{.kind = kind, .random = kHalf, .life_left = hours(1), .sent_at = walk.now});
      std::printf(" %-14.14s", walk.state.phase == before.phase ? "." : std::string(name_of(walk.state.phase)).c_str());
      // A phase that waits for nothing outside must have a deadline, or nothing would ever end it.
      const Phase after = walk.state.phase;
      if (after == Phase::live || after == Phase::reconnect_wait || after == Phase::overlap ||
          after == Phase::closing) {
        EXPECT_NE(walk.state.deadline, Instant::never()) << name_of(phase) << " x " << name_of(kind);
      }
      // At most one attempt: whoever starts one has the newest generation.
      if ((walk.actions & (kStartFetch | kStartDial)) != 0) {
        EXPECT_GT(walk.state.generation, before.generation);
        EXPECT_TRUE(attempt_under_way(after)) << name_of(phase) << " x " << name_of(kind);
      }
      EXPECT_NE(walk.actions & (kStartFetch | kStartDial), kStartFetch | kStartDial);
      // Make before break: the old connection is never ended before the new one was activated.
      if (phase == Phase::live_fetch || phase == Phase::live_dial || phase == Phase::live_restore) {
        EXPECT_EQ(walk.actions & kEndRetiring, 0U) << name_of(phase) << " x " << name_of(kind);
      }
      if (phase == Phase::closed) {
        EXPECT_EQ(walk.actions, 0U);
      }
    }
    std::printf("\n");
  }
}

TEST(RefreshTable, StaleAnswersChangeNothing) {
  for (const Phase phase : all_phases()) {
    for (const InputKind kind : {InputKind::fetched, InputKind::fetch_failed, InputKind::dialed, InputKind::dial_failed,
                                 InputKind::restored, InputKind::restore_failed, InputKind::candidate_lost}) {
      const Walk walk = walk_to(phase);
      const Input stale{
          .kind = kind, .generation = walk.state.generation + 1, .life_left = hours(1), .sent_at = walk.now};
      const Step made = step(walk.state, stale, walk.settings, walk.now);
      EXPECT_EQ(made.actions, 0U) << name_of(phase) << " x " << name_of(kind);
      EXPECT_EQ(made.state.phase, phase);
    }
  }
}

// --- The first connect

TEST(RefreshFirstConnect, EndsWithLiveAndTellsTheCaller) {
  Walk walk;
  EXPECT_TRUE(walk.feed(InputKind::connect).did(kStartFetch));
  EXPECT_TRUE(walk.fetched().did(kStartDial));
  EXPECT_TRUE(walk.feed(InputKind::dialed).did(kActivate | kConnected));
  EXPECT_EQ(walk.state.phase, Phase::live);
}

TEST(RefreshFirstConnect, IsNotRetriedBehindTheCallersBack) {  // R-01, CONTRACT 3
  Walk walk;
  walk.feed(InputKind::connect).feed(InputKind::fetch_failed);
  EXPECT_TRUE(walk.did(kConnectFailed));
  EXPECT_EQ(walk.state.phase, Phase::closed);
  Walk dialled;
  dialled.feed(InputKind::connect)
      .fetched()
      .feed(Input{.kind = InputKind::dial_failed, .failure = Failure::configuration});
  EXPECT_TRUE(dialled.did(kConnectFailed | kDropCandidate));
  EXPECT_EQ(dialled.state.phase, Phase::closed);
}

// --- When the refresh begins (CONTRACT 6.1)

struct RefreshInstantRow {
  Duration life;
  Duration lead;
  Duration expected;  // after the request was sent
};
constexpr RefreshInstantRow kRefreshInstants[] = {
    {hours(1), seconds(60), hours(1) - seconds(60)},
    {seconds(121), seconds(60), seconds(61)},
    {seconds(120), seconds(60), seconds(60)},  // not longer than twice the lead: half the lifetime
    {seconds(60), seconds(60), seconds(30)},
    {seconds(30), seconds(60), seconds(15)},            // C-04
    {seconds(6), seconds(60), seconds(5)},              // never sooner than 5 s after the previous start
    {hours(24), seconds(60), hours(24) - seconds(60)},  // C-05
};

TEST(RefreshInstant, IsTheLeadBeforeExpiryOrHalfTheLife) {
  for (const RefreshInstantRow& row : kRefreshInstants) {
    Walk walk;
    walk.settings.lead = row.lead;
    walk.live(row.life);
    EXPECT_EQ((walk.state.deadline - kStart).nanoseconds(), row.expected.nanoseconds()) << row.life.seconds();
  }
}

TEST(RefreshInstant, IsJitteredEarlierByAtMostTheLeastOfThree) {
  for (const std::uint32_t random : {0U, kHalf, UINT32_MAX}) {
    Walk walk;
    walk.settings.refresh_jitter = true;
    walk.feed(InputKind::connect);
    walk.feed(Input{.kind = InputKind::fetched, .random = random, .life_left = hours(1), .sent_at = walk.now});
    walk.feed(InputKind::dialed);
    const Duration earlier = kStart + hours(1) - seconds(60) - walk.state.deadline;
    EXPECT_GE(earlier, Duration::zero());
    EXPECT_LE(earlier, seconds(30));
    if (random == 0) {
      EXPECT_EQ(earlier, Duration::zero());
    } else if (random == UINT32_MAX) {
      EXPECT_GT(earlier, milliseconds(29'999));
    }
  }
}

// --- Failures of a refresh (CONTRACT 6.7)

TEST(RefreshLadder, Waits5And15And30AndThen60SecondsForEver) {  // I-17
  Walk walk;
  walk.refreshing();
  for (const std::int64_t expected : {5, 15, 30, 60, 60, 60, 60}) {
    walk.feed(InputKind::fetch_failed);
    EXPECT_TRUE(walk.did(kReportFailure));
    EXPECT_EQ(walk.state.phase, Phase::live) << "the old connection goes on";
    EXPECT_EQ((walk.state.deadline - walk.now).seconds(), expected);
    walk.wait_for_deadline();
    EXPECT_EQ(walk.state.phase, Phase::live_fetch);
  }
}

TEST(RefreshLadder, IsLengthenedByAtMostAFifth) {
  Walk walk;
  walk.settings.retry_jitter = true;
  walk.refreshing();
  walk.feed(Input{.kind = InputKind::fetch_failed, .random = UINT32_MAX});
  const Duration wait = walk.state.deadline - walk.now;
  EXPECT_GT(wait, milliseconds(5'999));
  EXPECT_LE(wait, seconds(6));
}

TEST(RefreshLadder, RetryAfterReplacesAShorterWaitAndIsClamped) {  // R-04, I-18
  Walk walk;
  walk.refreshing();
  walk.feed(Input{.kind = InputKind::fetch_failed, .retry_after = seconds(45)});
  EXPECT_EQ((walk.state.deadline - walk.now).seconds(), 45);
  walk.wait_for_deadline();
  walk.feed(Input{.kind = InputKind::fetch_failed, .retry_after = hours(5)});
  EXPECT_EQ((walk.state.deadline - walk.now).seconds(), 300);
}

TEST(RefreshLadder, StartsAnewOnlyAfter30SecondsOnTheNewConnection) {
  Walk walk;
  walk.refreshing().feed(InputKind::fetch_failed).wait_for_deadline().feed(InputKind::fetch_failed).wait_for_deadline();
  EXPECT_EQ(walk.state.refresh_failures, 2);
  walk.fetched(seconds(20)).feed(InputKind::dialed).feed(InputKind::restored).wait_for_deadline();
  walk.feed(InputKind::retiring_ended);
  ASSERT_EQ(walk.state.phase, Phase::live);
  Walk early = walk;
  early.wait_for_deadline().feed(InputKind::fetch_failed);
  EXPECT_EQ((early.state.deadline - early.now).seconds(), 30) << "10 s live: the third step of the ladder";
  walk.wait(seconds(31)).feed(InputKind::tick);
  walk.feed(InputKind::fetch_failed);
  EXPECT_EQ((walk.state.deadline - walk.now).seconds(), 5) << "over 30 s live: the first";
}

// --- The swap

TEST(RefreshSwap, EndsTheOldConnectionOnlyAfterTheLastSubackAndTheGrace) {  // I-19, R-22
  Walk walk;
  walk.refreshing();
  EXPECT_TRUE(walk.did(kStartFetch));
  EXPECT_TRUE(walk.fetched().did(kStartDial));
  EXPECT_TRUE(walk.feed(InputKind::dialed).did(kStartRestore));
  EXPECT_TRUE(walk.feed(InputKind::restored).did(kActivate));
  EXPECT_EQ(walk.state.phase, Phase::overlap);
  EXPECT_EQ((walk.state.deadline - walk.now).seconds(), 2);
  walk.wait_for_deadline();
  EXPECT_TRUE(walk.did(kBeginDrain));
  EXPECT_FALSE(walk.did(kEndRetiring));
  EXPECT_TRUE(walk.feed(InputKind::drained).did(kEndRetiring));
  EXPECT_TRUE(walk.feed(InputKind::retiring_ended).did(kSwapped));
  EXPECT_EQ(walk.state.phase, Phase::live);
}

TEST(RefreshSwap, DrainsForABoundedTime) {
  Walk walk = walk_to(Phase::drain);
  EXPECT_EQ((walk.state.deadline - walk.now).seconds(), 5);
  EXPECT_TRUE(walk.wait_for_deadline().did(kEndRetiring));
}

TEST(RefreshSwap, PromotesTheAttemptWhenTheOldConnectionDies) {
  const std::map<Phase, Phase> promoted = {
      {Phase::live_fetch, Phase::fetch}, {Phase::live_dial, Phase::dial}, {Phase::live_restore, Phase::restore}};
  for (const auto& [before, after] : promoted) {
    Walk walk = walk_to(before);
    const std::uint32_t generation = walk.state.generation;
    walk.feed(InputKind::serving_lost);
    EXPECT_EQ(walk.state.phase, after);
    EXPECT_EQ(walk.state.generation, generation) << "the attempt goes on";
    EXPECT_FALSE(walk.did(kStartFetch));
    EXPECT_TRUE(walk.did(kReportLost));
  }
}

TEST(RefreshSwap, KeepsTheOldConnectionWhenTheNewOneDies) {
  for (const Phase phase : {Phase::live_dial, Phase::live_restore}) {
    Walk walk = walk_to(phase);
    walk.feed(InputKind::candidate_lost);
    EXPECT_EQ(walk.state.phase, Phase::live);
    EXPECT_TRUE(walk.did(kDropCandidate | kReportFailure));
  }
  Walk walk = walk_to(Phase::overlap);
  walk.feed(InputKind::serving_lost);
  EXPECT_EQ(walk.state.phase, Phase::live);
  EXPECT_TRUE(walk.did(kPromoteRetiring));
}

TEST(RefreshSwap, TakeoverExpectsTheOldConnectionsEnd) {
  Walk walk;
  walk.refreshing().fetched(hours(1), true);
  walk.feed(Input{.kind = InputKind::serving_lost, .expected = true});
  EXPECT_FALSE(walk.did(kReportLost));
  EXPECT_EQ(walk.state.phase, Phase::dial);
  walk.feed(InputKind::dialed).feed(InputKind::restored);
  EXPECT_TRUE(walk.did(kActivate | kSwapped));
  EXPECT_FALSE(walk.did(kConnected)) << "a swap, not a reconnect";
}

TEST(RefreshSwap, TakeoverThatFailsIsALossAfterAll) {
  Walk walk;
  walk.refreshing().fetched(hours(1), true);
  walk.feed(Input{.kind = InputKind::serving_lost, .expected = true}).feed(InputKind::dial_failed);
  EXPECT_TRUE(walk.did(kReportLost));
  EXPECT_EQ(walk.state.phase, Phase::reconnect_wait);
}

// --- Reconnect

TEST(RefreshReconnect, DrawsFromFullJitterWithAFloorFromTheFourthOn) {
  Walk walk;
  walk.live();
  const std::int64_t spans[] = {1, 2, 4, 8, 16, 32, 60, 60};
  walk.feed(Input{.kind = InputKind::serving_lost, .random = UINT32_MAX});
  for (std::size_t k = 0; k < sizeof spans / sizeof spans[0]; ++k) {
    ASSERT_EQ(walk.state.phase, Phase::reconnect_wait);
    const Duration wait = walk.state.deadline - walk.now;
    EXPECT_LE(wait, seconds(spans[k])) << k;
    EXPECT_GT(wait, seconds(spans[k]) - milliseconds(1)) << k;
    walk.wait_for_deadline();
    ASSERT_EQ(walk.state.phase, Phase::dial);
    walk.feed(Input{.kind = InputKind::dial_failed, .random = UINT32_MAX});
  }
  Walk least;
  least.live().feed(InputKind::serving_lost);
  for (int k = 0; k < 6; ++k) {
    EXPECT_EQ((least.state.deadline - least.now).seconds(), k < 3 ? 0 : 5) << k;
    least.wait_for_deadline().feed(InputKind::dial_failed);
  }
}

TEST(RefreshReconnect, FlappingDoesNotResetTheBackoff) {
  Walk walk;
  walk.live(hours(20));
  for (int round = 0; round < 50; ++round) {
    walk.wait(seconds(1)).feed(InputKind::serving_lost).wait_for_deadline();
    walk.feed(InputKind::dialed).feed(InputKind::restored);
    ASSERT_EQ(walk.state.phase, Phase::live);
  }
  EXPECT_GE(walk.state.reconnect_failures, 50);
}

TEST(RefreshReconnect, RefusedCredentialsAreNeverPresentedTwice) {
  Walk walk;
  walk.live().feed(InputKind::serving_lost).wait_for_deadline();
  walk.wait(seconds(10)).feed(Input{.kind = InputKind::dial_failed, .failure = Failure::credentials_refused});
  walk.wait_for_deadline();
  EXPECT_EQ(walk.state.phase, Phase::fetch);
}

TEST(RefreshReconnect, ExpiredCredentialsAreFetchedAnew) {  // I-13, I-15
  Walk walk;
  walk.live(seconds(20)).wait(seconds(8)).feed(Input{.kind = InputKind::serving_lost, .random = UINT32_MAX});
  walk.wait(seconds(8)).feed(InputKind::tick);
  EXPECT_EQ(walk.state.phase, Phase::fetch) << "4 s of life are not enough to dial with";
}

TEST(RefreshReconnect, FiveSecondsOfLifeAreEnoughToDialWithAndNoLess) {  // I-13
  for (const Duration missing : {Duration::zero(), nanoseconds(1)}) {
    const bool enough = missing == Duration::zero();
    Walk fresh = walk_to(Phase::live_fetch);
    fresh.fetched(seconds(5) - missing);
    EXPECT_EQ(fresh.state.phase, enough ? Phase::live_dial : Phase::live);
    Walk at_hand;
    at_hand.live(seconds(20)).wait(seconds(8)).feed(InputKind::serving_lost);
    at_hand.wait(seconds(7) + missing).feed(InputKind::tick);
    EXPECT_EQ(at_hand.state.phase, enough ? Phase::dial : Phase::fetch);
  }
}

TEST(RefreshReconnect, ATakenOverSessionIsNoRace) {  // R-32, I-23
  Walk walk;
  walk.live();
  for (int round = 0; round < 3; ++round) {
    walk.feed(Input{.kind = InputKind::serving_lost, .failure = Failure::session_conflict, .random = 0});
    EXPECT_TRUE(walk.did(kReportConflict));
    EXPECT_GE(walk.state.deadline - walk.now, round < 2 ? seconds(5) : seconds(60));
    walk.wait_for_deadline().feed(InputKind::dialed).feed(InputKind::restored);
    walk.wait(seconds(1));
  }
}

TEST(RefreshReconnect, AFetchThatFailedMeanwhileIsNotRepeatedWithinFiveSeconds) {  // I-14, R-44
  Walk walk = walk_to(Phase::live_fetch);
  const Instant began = walk.now;
  walk.feed(InputKind::serving_lost).feed(InputKind::fetch_failed);
  ASSERT_EQ(walk.state.phase, Phase::reconnect_wait);
  walk.wait_for_deadline().feed(InputKind::dialed).feed(InputKind::restored);
  ASSERT_EQ(walk.state.phase, Phase::live);
  EXPECT_EQ((walk.state.deadline - began).seconds(), 5);
}

TEST(RefreshReconnect, RetryAfterOutlivesTheLossOfTheConnection) {  // R-04, I-18
  // The endpoint asked for 100 s during a refresh; then the connection goes, for good (0x87): fresh ones are needed.
  Walk walk;
  walk.refreshing().feed(Input{.kind = InputKind::fetch_failed, .retry_after = seconds(100)});
  const Instant allowed = walk.now + seconds(100);
  walk.wait(seconds(10)).feed(Input{.kind = InputKind::serving_lost, .failure = Failure::credentials_refused});
  while (walk.state.phase == Phase::reconnect_wait) walk.wait_for_deadline();
  EXPECT_EQ(walk.state.phase, Phase::fetch);
  EXPECT_EQ(walk.now, allowed);
  // And a broker that asked for it is not dialled, although the credentials are good.
  Walk broker;
  broker.live().feed(InputKind::serving_lost).wait_for_deadline();
  broker.feed(Input{.kind = InputKind::dial_failed, .retry_after = seconds(100)});
  EXPECT_EQ((broker.state.deadline - broker.now).seconds(), 100);
}

TEST(RefreshReconnect, AConflictOutlivesTheConnectionThatServedAgain) {  // R-32, I-23
  Walk walk = walk_to(Phase::overlap);
  walk.feed(Input{.kind = InputKind::serving_lost, .failure = Failure::session_conflict});
  ASSERT_EQ(walk.state.phase, Phase::live);
  const Instant conflict = walk.now;
  walk.wait(milliseconds(10)).feed(InputKind::serving_lost);
  while (walk.state.phase == Phase::reconnect_wait) walk.wait_for_deadline();
  EXPECT_GE(walk.now - conflict, seconds(5));
}

TEST(RefreshReconnect, AThirdConnectionIsNeverOpened) {  // I-12
  Walk walk;
  walk.refreshing(seconds(10)).fetched(seconds(10)).feed(InputKind::dialed).feed(InputKind::restored);
  walk.wait_for_deadline().feed(InputKind::drained);  // DISCONNECT is out, the end is not read yet
  walk.wait(seconds(5)).feed(InputKind::serving_lost).wait_for_deadline();
  if (walk.state.phase == Phase::fetch) walk.fetched(seconds(10));
  walk.feed(InputKind::dialed).feed(InputKind::restored);
  ASSERT_EQ(walk.state.phase, Phase::live);
  walk.now = walk.now < walk.state.deadline ? walk.state.deadline : walk.now;
  walk.feed(InputKind::tick);
  EXPECT_EQ(walk.state.phase, Phase::live) << "the old one is still there";
  walk.feed(InputKind::refresh);
  EXPECT_EQ(walk.state.phase, Phase::live);
  walk.feed(InputKind::retiring_ended).wait_for_deadline();
  EXPECT_EQ(walk.state.phase, Phase::live_fetch);
}

TEST(RefreshReconnect, AConflictInTheMiddleOfARefreshGivesWay) {  // R-32, I-23
  for (const Phase phase : {Phase::live_fetch, Phase::live_dial, Phase::live_restore}) {
    Walk same;
    same.refreshing();
    if (phase != Phase::live_fetch) same.fetched(hours(1), true);
    if (phase == Phase::live_restore) same.feed(InputKind::dialed);
    ASSERT_EQ(same.state.phase, phase);
    same.feed(Input{.kind = InputKind::serving_lost, .failure = Failure::session_conflict});
    EXPECT_EQ(same.state.phase, Phase::reconnect_wait) << name_of(phase);
    EXPECT_TRUE(same.did(kDropCandidate | kReportConflict | kReportLost));
    EXPECT_GE(same.state.deadline - same.now, seconds(5));
  }
  // With another client id the candidate fights nobody.
  Walk other = walk_to(Phase::live_dial);
  other.feed(Input{.kind = InputKind::serving_lost, .failure = Failure::session_conflict});
  EXPECT_EQ(other.state.phase, Phase::dial);
}

TEST(RefreshReconnect, ConflictsAreCountedOverFiveMinutesThatSlide) {
  Walk walk;
  walk.live(hours(20));
  const auto conflict = [&] {
    walk.feed(Input{.kind = InputKind::serving_lost, .failure = Failure::session_conflict});
    const Duration wait = walk.state.deadline - walk.now;
    walk.wait_for_deadline().feed(InputKind::dialed).feed(InputKind::restored);
    return wait.seconds();
  };
  EXPECT_EQ(conflict(), 5);
  walk.wait(seconds(200));
  EXPECT_EQ(conflict(), 5);
  walk.wait(seconds(60));
  EXPECT_EQ(conflict(), 60) << "the third within five minutes";
  walk.wait(seconds(150));
  EXPECT_EQ(conflict(), 60) << "the first is out, three are in: the window slides";
  walk.wait(minutes(6));
  EXPECT_EQ(conflict(), 5);
}

TEST(RefreshReconnect, ThreeRefusedCredentialsInARowSlowDown) {
  Walk walk;
  walk.live().wait(seconds(31)).feed(InputKind::serving_lost);
  for (int refused = 1; refused <= 4; ++refused) {
    walk.wait_for_deadline();
    while (walk.state.phase == Phase::reconnect_wait) walk.wait_for_deadline();
    if (walk.state.phase == Phase::fetch) walk.fetched();
    ASSERT_EQ(walk.state.phase, Phase::dial);
    walk.feed(Input{.kind = InputKind::dial_failed, .failure = Failure::credentials_refused});
    if (refused < 3) {
      EXPECT_LE((walk.state.deadline - walk.now).seconds(), 5) << refused;
    } else {
      EXPECT_EQ((walk.state.deadline - walk.now).seconds(), 60) << refused;
    }
  }
  walk.wait_for_deadline().fetched().feed(InputKind::dialed);
  EXPECT_EQ(walk.state.refused_credentials, 0) << "one that is taken ends the row";
}

TEST(RefreshLadder, DoesNotRestartOverAConnectionThatDiedInItsOverlap) {  // I-17
  Walk walk;
  walk.refreshing().feed(InputKind::fetch_failed).wait_for_deadline().feed(InputKind::fetch_failed);
  walk.wait_for_deadline().fetched().feed(InputKind::dialed).feed(InputKind::restored);
  ASSERT_EQ(walk.state.phase, Phase::overlap);
  walk.wait(seconds(1)).feed(InputKind::serving_lost);
  EXPECT_EQ((walk.state.deadline - walk.now).seconds(), 30) << "the third step";
  walk.wait_for_deadline().feed(InputKind::fetch_failed);
  EXPECT_EQ((walk.state.deadline - walk.now).seconds(), 60) << "30 s later it is the fourth: nothing was kept for 30 s";
}

TEST(RefreshSwap, CredentialsThatDieWithTheOldConnectionAreNotTheCandidates) {
  for (const Failure failure : {Failure::credentials_refused, Failure::moved, Failure::maximum_connect_time}) {
    Walk walk = walk_to(Phase::live_dial);
    walk.feed(Input{.kind = InputKind::serving_lost, .failure = failure});
    EXPECT_TRUE(walk.state.has_credentials) << "those at hand are fresh";
    Walk alone;
    alone.live().feed(Input{.kind = InputKind::serving_lost, .failure = failure});
    EXPECT_FALSE(alone.state.has_credentials);
  }
}

TEST(RefreshSwap, TheOldConnectionServesAgainUntilItsDisconnect) {
  Walk walk = walk_to(Phase::drain);
  walk.feed(InputKind::serving_lost);
  EXPECT_EQ(walk.state.phase, Phase::live);
  EXPECT_TRUE(walk.did(kPromoteRetiring));
  Walk late = walk_to(Phase::drain);
  late.feed(InputKind::drained).feed(InputKind::serving_lost);
  EXPECT_EQ(late.state.phase, Phase::reconnect_wait);
  EXPECT_FALSE(late.did(kPromoteRetiring)) << "it had its DISCONNECT";
}

TEST(RefreshEnd, ClosingWithoutAnyConnectionIsOverAtOnce) {  // CONTRACT 3
  Walk walk = walk_to(Phase::closing);
  walk.feed(InputKind::serving_lost);
  EXPECT_EQ(walk.state.phase, Phase::closed);
  EXPECT_TRUE(walk.did(kFinish));
  Walk draining = walk_to(Phase::overlap);
  draining.feed(InputKind::disconnect).feed(InputKind::serving_lost);
  EXPECT_EQ(draining.state.phase, Phase::closing) << "the retiring one may still be acknowledged";
}

TEST(RefreshReconnect, TheServersDailyCutIsFollowedAtOnceWithFreshCredentials) {  // R-29, 0xA0
  Walk walk;
  walk.live(hours(24)).wait(hours(23));
  walk.feed(Input{.kind = InputKind::serving_lost, .failure = Failure::maximum_connect_time});
  EXPECT_EQ(walk.state.phase, Phase::fetch);
}

// --- The end

TEST(RefreshEnd, DisconnectEndsEveryPhase) {  // CONTRACT 3, 6.8
  for (const Phase phase : all_phases()) {
    if (phase == Phase::closed) continue;
    Walk walk = walk_to(phase);
    walk.feed(InputKind::disconnect);
    if (walk.state.phase == Phase::closing) walk.wait_for_deadline();
    EXPECT_EQ(walk.state.phase, Phase::closed) << name_of(phase);
    for (std::size_t at = 0; at < kInputKindCount; ++at) {
      walk.feed(Input{.kind = static_cast<InputKind>(at), .life_left = hours(1), .sent_at = walk.now});
      EXPECT_EQ(walk.actions, 0U);
    }
  }
}

TEST(RefreshEnd, TheMachineIsAConstantExpression) {
  constexpr Step made = step(State{}, Input{.kind = InputKind::connect}, Settings{}, kStart);
  static_assert(made.state.phase == Phase::first_fetch && made.actions == kStartFetch);
  EXPECT_EQ(made.state.generation, 1U);
}

}  // namespace
}  // namespace axonpush::refresh
