// How many prompt tokens stand beside running answers, on made-up durations.
#include "kernels/engine/step_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace conduit::kernels {
namespace {

constexpr int kChunk = 512;

// A device: what a step of some rows takes.
struct Machine {
  double fixed = 0.008;
  double row = 0.001;
  double prompt_row = 0.0008;

  double seconds(int decoding, double prompt_rows) const {
    return fixed + row * decoding + prompt_row * prompt_rows;
  }
  double step(StepBudget& budget, int decoding) const {
    const double rows = std::floor(budget.prompt_work(decoding));
    budget.observe(decoding, rows, StepBudget::Seconds(seconds(decoding, rows)));
    return rows;
  }
  void decode(StepBudget& budget, int decoding, int steps) const {
    for (int i = 0; i < steps; ++i)
      budget.observe(decoding, 0, StepBudget::Seconds(seconds(decoding, 0)));
  }
};

TEST(StepBudgetTest, NobodyDecodesAStepTakesAWholeChunk) {
  StepBudget budget(kChunk, 2);
  EXPECT_EQ(budget.prompt_work(0), kChunk);
}

TEST(StepBudgetTest, StretchZeroIsNoLimit) {
  StepBudget budget(kChunk, 0);
  EXPECT_EQ(budget.prompt_work(4), kChunk);
}

TEST(StepBudgetTest, StepsBecomeStretchTimesAsLongAndNeverMuchLonger) {
  for (double stretch : {1.5, 2.0, 4.0}) {
    const Machine machine;
    StepBudget budget(kChunk, stretch);
    machine.decode(budget, 4, 5);
    const double alone = machine.seconds(4, 0);
    for (int i = 0; i < 30; ++i)
      EXPECT_LE(machine.seconds(4, machine.step(budget, 4)), 1.25 * stretch * alone);
    const double rows = std::max(machine.step(budget, 4), machine.step(budget, 4));
    EXPECT_NEAR(machine.seconds(4, rows), stretch * alone, 0.1 * stretch * alone);
  }
}

TEST(StepBudgetTest, AnUnknownMachineIsNotAskedForMoreThanItIsMeasuredToGive) {
  const Machine machine;
  StepBudget budget(kChunk, 2);
  for (int i = 0; i < 40; ++i)
    EXPECT_LE(machine.seconds(4, machine.step(budget, 4)), 2.5 * machine.seconds(4, 0));
}

TEST(StepBudgetTest, OneStepThatWasHeldUpDoesNotMislead) {
  const Machine machine;
  StepBudget budget(kChunk, 2);
  budget.observe(4, 0, StepBudget::Seconds(1));  // the first: cold pages
  machine.decode(budget, 4, 4);
  for (int i = 0; i < 40; ++i)
    EXPECT_LE(machine.seconds(4, machine.step(budget, 4)), 2.5 * machine.seconds(4, 0));
}

TEST(StepBudgetTest, PromptsGetOnEvenWhereEveryRowIsTooDear) {
  const Machine machine{.fixed = 0, .row = 0.001, .prompt_row = 1};
  StepBudget budget(kChunk, 2);
  machine.decode(budget, 1, 5);
  double rows = 0;
  for (int i = 0; i < 100; ++i) rows += machine.step(budget, 1);
  EXPECT_GE(rows, 300);
}

TEST(StepBudgetTest, NeverTwoStepsRunningWithoutPromptTokensThoughNothingIsTold) {
  StepBudget budget(kChunk, 2);
  double last = 1;
  for (int i = 0; i < 100; ++i) {
    const double rows = budget.prompt_work(1 + i % 7);
    EXPECT_TRUE(rows > 0 || last > 0);
    last = rows;
  }
}

TEST(StepBudgetTest, FollowsPromptTokensThatBecomeDearerAsContextsGrow) {
  Machine machine;
  StepBudget budget(kChunk, 2);
  machine.decode(budget, 4, 5);
  for (int i = 0; i < 300; ++i) {
    machine.prompt_row *= 1.003;
    EXPECT_LE(machine.seconds(4, machine.step(budget, 4)), 2.5 * machine.seconds(4, 0));
  }
}

TEST(StepBudgetTest, MoreAnswersLeaveRoomForMorePromptTokens) {
  const Machine machine;
  StepBudget budget(kChunk, 2);
  const auto settled = [&](int decoding) {
    double rows = 0;
    for (int i = 0; i < 40; ++i) rows = std::max(rows, machine.step(budget, decoding));
    return rows;
  };
  const double few = settled(2);
  EXPECT_GT(settled(32), 2 * few);
}

// The row counts that suit many answers do not suit one.
TEST(StepBudgetTest, AnAnswerThatIsLeftAloneIsNotDelayedByWhatSuitedMany) {
  const Machine machine;
  StepBudget budget(kChunk, 2);
  for (int i = 0; i < 60; ++i) machine.step(budget, 32);
  for (int i = 0; i < 20; ++i)
    EXPECT_LE(machine.seconds(1, machine.step(budget, 1)), 2.5 * machine.seconds(1, 0));
}

}  // namespace
}  // namespace conduit::kernels
