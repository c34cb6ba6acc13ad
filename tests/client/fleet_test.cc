// FAULTS R-41: ten thousand clients started within a second, the same expiry, a broker that restarts, an API that does.
// The machines are the real ones, run in virtual time; bench/fleet_main.cc has a million of them.
#include "support/fleet.h"

#include <gtest/gtest.h>

#include <numeric>

namespace axonpush::test {
namespace {

constexpr std::uint32_t kClients = 10'000;

FleetOptions fleet() {
  FleetOptions options;
  options.clients = kClients;
  options.started_within = seconds(1);
  options.latency = milliseconds(20);
  return options;
}

std::uint32_t most_of(const std::vector<std::uint32_t>& counts, std::int64_t from, std::int64_t to) {
  std::uint32_t most = 0;
  for (std::int64_t second = from; second < to; ++second)
    most = std::max(most, counts[static_cast<std::size_t>(second)]);
  return most;
}

TEST(Fleet, RefreshesSpreadOverThirtySeconds) {  // no second holds over 5 % of the clients
  FleetOptions options = fleet();
  options.span = hours(5);
  Fleet spread(options);
  spread.run();
  EXPECT_LE(most_of(spread.fetches(), 2, 5 * 3600), kClients / 20);
  EXPECT_EQ(spread.without_connection(), 0U);
  EXPECT_GE(spread.refreshed(), 4U * kClients);
  // What the jitter is for.
  options.jitter = false;
  Fleet together(options);
  together.run();
  EXPECT_GE(most_of(together.fetches(), 2, 5 * 3600), kClients / 2);
}

TEST(Fleet, AfterAnOutageOfTheApiTheRequestsComeEvenly) {  // at most clients / 12 a second, all well after 120 s
  FleetOptions options = fleet();
  options.span = hours(2);
  options.outage_at = minutes(55);
  options.outage = minutes(20);
  Fleet healed(options);
  healed.run();
  const std::int64_t heal = (options.outage_at + options.outage).seconds();
  EXPECT_LE(most_of(healed.fetches(), heal, heal + 600), kClients / 12);
  EXPECT_LE(healed.last_recovery(), options.outage_at + options.outage + seconds(120));
  EXPECT_EQ(healed.without_connection(), 0U);
  // During the outage each client is in the ladder: a fetch a minute, four requests each.
  const auto& requests = healed.requests();
  const std::uint64_t asked = std::accumulate(requests.begin() + 66 * 60, requests.begin() + 75 * 60, std::uint64_t{0});
  EXPECT_LE(asked, std::uint64_t{kClients} * 4 * 9);
  EXPECT_GE(asked, std::uint64_t{kClients} * 4 * 6);
}

TEST(Fleet, AfterARestartOfTheBrokerAllAreLiveWithinTwoMinutes) {
  for (const Duration down : {seconds(1), seconds(60), minutes(20)}) {
    FleetOptions options = fleet();
    options.span = hours(1);
    options.restart_at = minutes(20);
    options.restart = down;
    Fleet restarted(options);
    restarted.run();
    EXPECT_EQ(restarted.without_connection(), 0U) << down.seconds();
    EXPECT_LE(restarted.last_recovery(), options.restart_at + down + seconds(120)) << down.seconds();
    EXPECT_GE(restarted.last_recovery(), options.restart_at + down) << down.seconds();
    // The credentials at hand are good: the API hears nothing of it.
    EXPECT_EQ(most_of(restarted.fetches(), 10, 50 * 60), 0U) << down.seconds();
  }
}

}  // namespace
}  // namespace axonpush::test
