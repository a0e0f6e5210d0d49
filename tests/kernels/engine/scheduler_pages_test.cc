// Who gets pages: admission, preemption, and beginnings that are computed once.
#include "tests/kernels/engine/scheduler_bench.h"

namespace conduit::kernels {
namespace {

using namespace testing;

TEST(SchedulerPagesTest, SequenceJoinsWhenThePagesOfItsPromptAreFreeHoweverLongItsAnswerMayBe) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 64}, 8, 4);
  bench.scheduler.add(sequence(1, 5, 20));  // 2 pages now, 7 in the end
  bench.scheduler.add(sequence(2, 5, 20));
  bench.scheduler.add(sequence(3, 9, 2));  // 3 pages, and one for each of the others must be left
  bench.scheduler.add(sequence(4, 1, 1));  // would fit, but after its turn
  EXPECT_EQ(bench.step().ids, (Ids{1, 2}));
}

TEST(SchedulerPagesTest, WhenPagesRunOutTheOneThatCameLastGivesWayAndContinuesWithItsTokens) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 64}, 6, 4);
  bench.scheduler.add(sequence(1, 4, 17));
  bench.scheduler.add(sequence(2, 4, 17));
  while (bench.scheduler.running() == 2 || bench.scheduler.counts().preemptions == 0) bench.step();
  const Sequence* second = bench.scheduler.find(2);
  EXPECT_EQ(bench.scheduler.waiting(), 1);
  EXPECT_EQ(second->computed, 0);
  const std::int64_t length = second->length();
  EXPECT_GT(length, 4);
  while (bench.scheduler.find(1) != nullptr) EXPECT_EQ(bench.step().ids, (Ids{1}));
  const Batch again = bench.step();
  EXPECT_EQ(again.ids, (Ids{2}));
  EXPECT_EQ(again.sequences[0].context + again.sequences[0].rows, length);
  while (bench.scheduler.find(2) != nullptr) bench.step();
  EXPECT_EQ(bench.scheduler.counts().preemptions, 1u);
}

TEST(SchedulerPagesTest, WhoGaveWayIsAheadOfThoseWhoCameLater) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 64}, 6, 4);
  for (SequenceId id : {1, 2, 3}) bench.scheduler.add(sequence(id, 4, 17));
  std::vector<SequenceId> ended;
  for (SequenceId next = 1; next <= 3;) {
    bench.step();
    if (bench.scheduler.find(next) == nullptr) ended.push_back(next++);
  }
  EXPECT_EQ(ended, (Ids{1, 2, 3}));
  EXPECT_TRUE(bench.step().is_empty());
}

TEST(SchedulerPagesTest, PausedSequenceGivesWayFirstEvenWhenItCameFirst) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 64}, 6, 4);
  bench.scheduler.add(sequence(1, 8, 9));
  bench.step();
  bench.scheduler.find(1)->is_paused = true;
  bench.scheduler.add(sequence(2, 16, 4));  // 5 pages of 6
  EXPECT_EQ(bench.step().ids, (Ids{2}));
  EXPECT_EQ(bench.scheduler.find(1)->computed, 0);
  bench.scheduler.find(1)->is_paused = false;
  EXPECT_EQ(bench.step().ids, (Ids{2})) << "who runs is not thrown out for one who came back";
  while (bench.scheduler.find(2) != nullptr) bench.step();
  EXPECT_EQ(bench.step().ids, (Ids{1}));
}

TEST(SchedulerPagesTest, SameBeginningIsComputedOnce) {
  Bench bench({.max_concurrency = 1, .prefill_chunk = 64});
  bench.scheduler.add(sequence(1, 10, 1));
  Sequence same = sequence(2, 10, 1);
  same.spec.prompt = bench.scheduler.find(1)->spec.prompt;
  bench.scheduler.add(std::move(same));
  EXPECT_EQ(rows_of(bench.step()), (Rows{10}));
  const Batch second = bench.step();
  EXPECT_EQ(second.ids, (Ids{2}));
  EXPECT_EQ(second.sequences[0].context, 8);
  EXPECT_EQ(rows_of(second), (Rows{2}));
  EXPECT_EQ(bench.scheduler.counts().prefix_queries, 20u);
  EXPECT_EQ(bench.scheduler.counts().prefix_hits, 8u);
}

TEST(SchedulerPagesTest, ALastPromptTokenIsAlwaysComputed) {
  Bench bench({.max_concurrency = 1, .prefill_chunk = 64});
  for (SequenceId id : {1, 2}) {
    Sequence same = sequence(id, 8, 1);
    same.spec.prompt = {1, 2, 3, 4, 5, 6, 7, 8};
    bench.scheduler.add(std::move(same));
  }
  bench.step();
  const Batch second = bench.step();
  EXPECT_EQ(second.sequences[0].context, 4);
  EXPECT_EQ(second.logit_rows, (Rows{3}));
}

// What one of them computes, the others take while their turn has not come.
TEST(SchedulerPagesTest, PromptsThatAreComputedSideBySideShareToo) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 8}, 100, 4);
  for (SequenceId id : {1, 2, 3}) {
    Sequence same = sequence(id, 33, 1);
    for (int i = 0; i < 33; ++i) same.spec.prompt[i] = i;
    bench.scheduler.add(std::move(same));
  }
  std::int64_t rows = 0;
  for (Batch batch = bench.step(); !batch.is_empty(); batch = bench.step()) rows += batch.rows();
  EXPECT_EQ(rows, 33 + 1 + 1);
}

TEST(SchedulerPagesTest, WhatNeedsEveryRowOfItsPromptReusesNothing) {
  Bench bench({.max_concurrency = 1, .prefill_chunk = 64});
  for (SequenceId id : {1, 2, 3}) {
    Sequence same = sequence(id, 10, 1);
    same.spec.prompt = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    if (id == 2) same.spec.sampling.prompt_logprobs = 0;
    if (id == 3) same.spec.task = Task::embed;
    bench.scheduler.add(std::move(same));
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rows_of(bench.step()), (Rows{10}));
  EXPECT_EQ(bench.scheduler.counts().prefix_hits, 0u);
}

}  // namespace
}  // namespace conduit::kernels
