// Who gets the time of a device.
#include "actors/fair_turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace conduit::actors {
namespace {

using std::chrono::microseconds;
using Duration = FairTurns::Duration;

TEST(FairTurnsTest, EnginesThatAlwaysHaveWorkGetTheSameTimeWhateverTheirStepsTake) {
  const std::map<std::uint64_t, Duration> steps = {
      {1, microseconds(200)}, {2, microseconds(4000)}, {3, microseconds(700)}};
  FairTurns turns;
  std::map<std::uint64_t, Duration> had;
  const std::vector<std::uint64_t> ready = {1, 2, 3};
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t engine = turns.next(ready);
    turns.charge(engine, steps.at(engine));
    had[engine] += steps.at(engine);
    const auto [least, most] = std::minmax({had[1], had[2], had[3]});
    EXPECT_LE(most - least, microseconds(4000));
  }
}

TEST(FairTurnsTest, EngineThatRestedDoesNotMakeUpForIt) {
  FairTurns turns;
  const std::vector<std::uint64_t> one = {1};
  const std::vector<std::uint64_t> both = {1, 2};
  turns.charge(turns.next(both), microseconds(100));
  turns.charge(turns.next(both), microseconds(100));
  for (int i = 0; i < 1000; ++i) turns.charge(turns.next(one), microseconds(100));
  int of_second = 0;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t engine = turns.next(both);
    turns.charge(engine, microseconds(100));
    of_second += engine == 2 ? 1 : 0;
  }
  EXPECT_EQ(of_second, 50);
}

TEST(FairTurnsTest, EqualsAreAskedInTurn) {
  FairTurns turns;
  const std::vector<std::uint64_t> ready = {7, 8, 9};
  std::vector<std::uint64_t> order;
  for (int i = 0; i < 6; ++i) {
    order.push_back(turns.next(ready));
    turns.charge(order.back(), microseconds(10));
  }
  EXPECT_EQ(order, (std::vector<std::uint64_t>{7, 8, 9, 7, 8, 9}));
}

// An engine with work waits, for each other one, no longer than its own last step and one of the
// other's longest, whoever comes and goes meanwhile.
TEST(FairTurnsTest, WaitIsBoundedWhateverTheOthersDo) {
  constexpr std::uint64_t kEngines = 5;
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 chance(seed);
    FairTurns turns;
    std::map<std::uint64_t, Duration> longest, last_step, waited;
    std::vector<bool> has_work(kEngines + 1, false);
    for (int i = 0; i < 2000; ++i) {
      std::vector<std::uint64_t> ready;
      for (std::uint64_t engine = 1; engine <= kEngines; ++engine) {
        if (chance() % 8 == 0) has_work[engine] = !has_work[engine];
        if (has_work[engine]) ready.push_back(engine);
        if (!has_work[engine]) waited[engine] = Duration(0);
      }
      if (ready.empty()) continue;
      const std::uint64_t engine = turns.next(ready);
      const Duration took = microseconds(chance() % 3 == 0 ? chance() % 20'000 : chance() % 500);
      turns.charge(engine, took);
      longest[engine] = std::max(longest[engine], took);
      for (std::uint64_t other : ready) {
        if (other == engine) continue;
        waited[other] += took;
        Duration bound{0};
        for (std::uint64_t each = 1; each <= kEngines; ++each)
          if (each != other) bound += last_step[other] + longest[each];
        EXPECT_LE(waited[other], bound) << "seed " << seed << " turn " << i;
      }
      waited[engine] = Duration(0);
      last_step[engine] = took;
    }
  }
}

}  // namespace
}  // namespace conduit::actors
