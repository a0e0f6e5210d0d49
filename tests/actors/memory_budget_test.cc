// Who goes when another model comes.
#include "actors/memory_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace conduit::actors {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Resident resident(std::uint64_t engine, std::int64_t bytes, int used) {
  Resident made;
  made.engine = engine;
  made.bytes = bytes;
  made.last_used = std::chrono::steady_clock::time_point(std::chrono::seconds(used));
  return made;
}

TEST(MemoryBudgetTest, NobodyGoesWhereThereIsRoom) {
  EXPECT_THAT(*who_goes({100, 0}, {}, 100), IsEmpty());
  const std::vector<Resident> one = {resident(1, 60, 1)};
  EXPECT_THAT(*who_goes({100, 0}, one, 40), IsEmpty());
  EXPECT_THAT(*who_goes({100, 2}, one, 40), IsEmpty());
}

TEST(MemoryBudgetTest, LeastRecentlyUsedGoes) {
  const std::vector<Resident> all = {resident(1, 50, 9), resident(2, 50, 3)};
  EXPECT_THAT(*who_goes({100, 0}, all, 50), ElementsAre(2));
  EXPECT_THAT(*who_goes({1000, 2}, all, 50), ElementsAre(2));
}

TEST(MemoryBudgetTest, IdleGoesBeforeBusyAndKeptStays) {
  std::vector<Resident> all = {resident(1, 50, 1), resident(2, 50, 2), resident(3, 50, 3)};
  all[0].is_busy = true;
  EXPECT_THAT(*who_goes({150, 0}, all, 50), ElementsAre(2));
  all[1].is_kept = true;
  EXPECT_THAT(*who_goes({150, 0}, all, 50), ElementsAre(3));
  all[2].is_kept = true;
  EXPECT_THAT(*who_goes({150, 0}, all, 50), ElementsAre(1));
  all[0].is_kept = true;
  EXPECT_FALSE(who_goes({150, 0}, all, 50));
}

TEST(MemoryBudgetTest, WhoeverGoingWouldNotHelpStays) {
  const std::vector<Resident> all = {resident(1, 5, 1), resident(2, 90, 2)};
  EXPECT_THAT(*who_goes({100, 0}, all, 60), ElementsAre(2));
}

TEST(MemoryBudgetTest, WhatCannotFitIsSaid) {
  EXPECT_FALSE(who_goes({100, 0}, {}, 101));
  const std::vector<Resident> all = {resident(1, 50, 1)};
  EXPECT_FALSE(who_goes({100, 0}, all, 101));
}

// Against every subset: an answer is given where there is one, is enough, and holds nobody too
// many.
TEST(MemoryBudgetTest, AnswerIsEnoughAndMinimalWhateverIsLoaded) {
  std::mt19937 chance(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Resident> all;
    std::int64_t held = 0;
    const MemoryBudget budget{1000, static_cast<int>(chance() % 5)};
    const std::size_t most = budget.models == 0 ? 6 : static_cast<std::size_t>(budget.models);
    for (std::uint64_t i = 0; i < chance() % (most + 1); ++i) {
      Resident one = resident(i + 1, 1 + chance() % 400, static_cast<int>(chance() % 10));
      if (held + one.bytes > budget.bytes) break;
      held += one.bytes;
      one.is_kept = chance() % 4 == 0;
      one.is_busy = chance() % 2 == 0;
      all.push_back(one);
    }
    const auto needed = static_cast<std::int64_t>(1 + chance() % 1200);
    const auto fits_without = [&](const std::vector<std::uint64_t>& going) {
      std::int64_t bytes = needed;
      std::size_t models = 1;
      for (const Resident& one : all) {
        if (std::ranges::find(going, one.engine) != going.end()) continue;
        bytes += one.bytes;
        ++models;
      }
      return bytes <= budget.bytes &&
             (budget.models == 0 || models <= static_cast<std::size_t>(budget.models));
    };
    std::vector<std::uint64_t> whoever_may;
    for (const Resident& one : all)
      if (!one.is_kept) whoever_may.push_back(one.engine);
    const auto going = who_goes(budget, all, needed);
    ASSERT_EQ(going.has_value(), fits_without(whoever_may));
    if (!going) continue;
    EXPECT_TRUE(fits_without(*going));
    for (std::size_t i = 0; i < going->size(); ++i) {
      EXPECT_NE(std::ranges::find(whoever_may, (*going)[i]), whoever_may.end());
      std::vector<std::uint64_t> fewer = *going;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_FALSE(fits_without(fewer));
    }
  }
}

TEST(MemoryBudgetTest, ReserveOfALargeMachineIsAGibibyte) {
  const std::int64_t gib = std::int64_t{1} << 30;
  EXPECT_EQ(default_budget(8 * gib), 8 * gib - gib / 2);
  EXPECT_EQ(default_budget(64 * gib), 63 * gib);
}

}  // namespace
}  // namespace conduit::actors
