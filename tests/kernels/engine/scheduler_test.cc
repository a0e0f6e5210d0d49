// Who runs when. No device: the test plays the forward pass by advancing what was scheduled.
#include <map>
#include <random>

#include "tests/kernels/engine/scheduler_bench.h"

namespace conduit::kernels {
namespace {

using namespace testing;

TEST(SchedulerTest, PromptIsComputedWholeThenTokenByToken) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 16});
  bench.scheduler.add(sequence(1, 3, 2));
  const Batch prompt = bench.step();
  EXPECT_EQ(prompt.tokens, (std::vector<TokenId>{1000, 1001, 1002}));
  EXPECT_EQ(prompt.positions, (std::vector<std::int32_t>{0, 1, 2}));
  EXPECT_EQ(prompt.logit_rows, (Rows{2}));
  EXPECT_EQ(prompt.sequences[0].context, 0);
  const Batch decode = bench.step();
  EXPECT_EQ(decode.tokens, (std::vector<TokenId>{7}));
  EXPECT_EQ(decode.positions, (std::vector<std::int32_t>{3}));
  EXPECT_EQ(decode.logit_rows, (Rows{0}));
  EXPECT_EQ(decode.sequences[0].context, 3);
}

TEST(SchedulerTest, LongPromptGoesInChunksAndOnlyTheLastGivesLogits) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 4});
  bench.scheduler.add(sequence(1, 10, 1));
  for (std::int64_t rows : {4, 4}) {
    const Batch batch = bench.step();
    EXPECT_EQ(rows_of(batch), (Rows{rows}));
    EXPECT_TRUE(batch.logit_rows.empty());
  }
  const Batch last = bench.step();
  EXPECT_EQ(rows_of(last), (Rows{2}));
  EXPECT_EQ(last.sequences[0].context, 8);
  EXPECT_EQ(last.logit_rows, (Rows{1}));
}

TEST(SchedulerTest, RunningAnswersGoOnBesideALongPrompt) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 4});
  bench.scheduler.add(sequence(1, 2, 9));
  bench.step();
  bench.scheduler.add(sequence(2, 10, 1));
  for (std::int64_t rows : {4, 4, 2}) {
    const Batch batch = bench.step();
    EXPECT_EQ(batch.ids, (Ids{1, 2}));
    EXPECT_EQ(rows_of(batch), (Rows{1, rows}));
  }
}

TEST(SchedulerTest, StepsPromptTokensAreLimitedInTotal) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 8});
  for (SequenceId id : {1, 2, 3}) bench.scheduler.add(sequence(id, 4, 9));
  EXPECT_EQ(bench.step().ids, (Ids{1, 2}));
  const Batch second = bench.step();
  EXPECT_EQ(second.ids, (Ids{1, 2, 3}));
  EXPECT_EQ(rows_of(second), (Rows{1, 1, 4}));
}

TEST(SchedulerTest, HalfOfTheRowsAreTheOldestPromptsAndTheRestGoesToTheShortest) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 8});
  bench.scheduler.add(sequence(1, 30, 9));
  bench.scheduler.add(sequence(2, 20, 9));
  bench.scheduler.add(sequence(3, 3, 9));
  const Batch first = bench.step();
  EXPECT_EQ(first.ids, (Ids{1, 2, 3}));
  EXPECT_EQ(rows_of(first), (Rows{4, 1, 3}));
  EXPECT_EQ(rows_of(bench.step()), (Rows{4, 4, 1}));
}

TEST(SchedulerTest, APromptThatMustNotBeCutWaitsForAStepThatHoldsIt) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 8, .cuts_prompts = false});
  bench.scheduler.add(sequence(1, 5, 1));
  bench.scheduler.add(sequence(2, 7, 1));
  bench.scheduler.add(sequence(3, 3, 1));
  EXPECT_EQ(bench.step().ids, (Ids{1, 3}));
  EXPECT_EQ(rows_of(bench.scheduler.schedule(kStart)), (Rows{7}));
}

TEST(SchedulerTest, BatchHasAtMostMaxConcurrencySequencesFirstComeFirstServed) {
  Bench bench({.max_concurrency = 2, .prefill_chunk = 64});
  for (SequenceId id : {5, 3, 4}) bench.scheduler.add(sequence(id, 4, 2));
  EXPECT_EQ(bench.step().ids, (Ids{5, 3}));
  EXPECT_EQ(bench.scheduler.waiting(), 1);
  EXPECT_EQ(bench.step().ids, (Ids{5, 3}));
  EXPECT_EQ(bench.step().ids, (Ids{4})) << "joins in the step after a place is free";
}

// The latency contract, on the made-up cost above: 4 answers alone take 14 ms a step.
TEST(SchedulerTest, RunningAnswersAreDelayedByAStormOfPromptsOnlySoMuch) {
  Bench bench({.max_concurrency = 16, .prefill_chunk = 512, .gap_stretch = 2}, 2000, 16);
  for (SequenceId id : {1, 2, 3, 4}) bench.scheduler.add(sequence(id, 4, 3000));
  for (int i = 0; i < 20; ++i) bench.step();
  for (SequenceId id = 5; id < 10; ++id) bench.scheduler.add(sequence(id, 2000, 1));
  int steps = 0;
  for (; bench.scheduler.running() + bench.scheduler.waiting() > 4; ++steps) {
    const Batch batch = bench.step();
    ASSERT_GE(batch.ids.size(), 4u) << "everybody who answers gets a token in every step";
    EXPECT_LE(bench.cost(batch).count(), 2.5 * 0.014);
  }
  EXPECT_LE(steps, 10'000 / 12) << "the room that the contract leaves is used";
}

// Attention makes a row behind 4,000 tokens five times as dear as a first one here.
TEST(SchedulerTest, ALongContextAfterShortPromptsDelaysAnswersNoMoreThanThese) {
  const RowWork work{.per_token = 0.001};
  Bench bench({.max_concurrency = 16, .prefill_chunk = 512, .gap_stretch = 2, .row_work = work},
              2000, 16);
  bench.row_work = work;
  bench.scheduler.add(sequence(5, 4000, 1));
  while (bench.scheduler.running() + bench.scheduler.waiting() > 0) bench.step();
  for (SequenceId id : {1, 2, 3, 4}) bench.scheduler.add(sequence(id, 4, 3000));
  for (int i = 0; i < 20; ++i) bench.step();
  for (SequenceId id = 10; id < 20; ++id) bench.scheduler.add(sequence(id, 200, 1));
  while (bench.scheduler.running() + bench.scheduler.waiting() > 4) bench.step();
  Sequence same_beginning = sequence(5, 4300, 1);  // 4,000 of it in the cache
  bench.scheduler.add(std::move(same_beginning));
  while (bench.scheduler.running() + bench.scheduler.waiting() > 4)
    EXPECT_LE(bench.cost(bench.step()).count(), 2.5 * 0.014);
}

TEST(SchedulerTest, ShortPromptIsSoonAnsweredBesideAStormOfLongOnes) {
  Bench bench({.max_concurrency = 16, .prefill_chunk = 512, .gap_stretch = 2}, 2000, 16);
  for (SequenceId id : {1, 2}) bench.scheduler.add(sequence(id, 4, 3000));
  for (SequenceId id = 5; id < 10; ++id) bench.scheduler.add(sequence(id, 2000, 1));
  for (int i = 0; i < 20; ++i) bench.step();
  bench.scheduler.add(sequence(20, 20, 1));
  int steps = 0;
  while (bench.scheduler.find(20) != nullptr) {
    ASSERT_LE(++steps, 8);
    bench.step();
  }
}

TEST(SchedulerTest, WithoutRunningAnswersAPromptTakesWholeSteps) {
  Bench bench({.max_concurrency = 16, .prefill_chunk = 512, .gap_stretch = 2});
  bench.scheduler.add(sequence(1, 1100, 1));
  for (std::int64_t rows : {512, 512, 76}) EXPECT_EQ(rows_of(bench.step()), (Rows{rows}));
}

TEST(SchedulerTest, RunningSequenceNeverNeedsAPageItDoesNotHold) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 3}, 8, 2);
  bench.scheduler.add(sequence(1, 7, 8));
  for (Batch batch = bench.step(); !batch.is_empty(); batch = bench.step()) {
    const SequenceRows& rows = batch.sequences[0];
    EXPECT_GE(static_cast<std::int64_t>(rows.pages.size()) * 2, rows.context + rows.rows);
  }
  EXPECT_EQ(bench.cache.free_pages(), 8);
}

TEST(SchedulerTest, RemovedSequenceIsGoneAndItsPagesAreFree) {
  Bench bench({.max_concurrency = 1, .prefill_chunk = 64}, 10, 4);
  bench.scheduler.add(sequence(1, 4, 4));
  bench.scheduler.add(sequence(2, 4, 4));
  bench.step();
  bench.scheduler.remove(2);  // waiting
  bench.scheduler.remove(1);  // running
  bench.scheduler.remove(9);  // unknown
  EXPECT_EQ(bench.scheduler.find(1), nullptr);
  EXPECT_EQ(bench.cache.free_pages(), 10);
  EXPECT_TRUE(bench.step().is_empty());
  EXPECT_EQ(bench.scheduler.next_step(kStart), TimePoint::max());
}

TEST(SchedulerTest, PausedSequenceKeepsPagesThatNobodyNeedsAndIsNotScheduled) {
  Bench bench({.max_concurrency = 2, .prefill_chunk = 64}, 10, 4);
  bench.scheduler.add(sequence(1, 4, 8));
  bench.step();
  bench.scheduler.find(1)->is_paused = true;
  EXPECT_EQ(bench.scheduler.next_step(kStart), TimePoint::max());
  EXPECT_TRUE(bench.step().is_empty());
  EXPECT_EQ(bench.cache.free_pages(), 8);
  bench.scheduler.find(1)->is_paused = false;
  EXPECT_EQ(bench.scheduler.next_step(kStart), kStart);
  EXPECT_EQ(bench.step().sequences[0].context, 4);
}

TEST(SchedulerTest, PausedSequenceTakesNoPlaceFromOthers) {
  Bench bench({.max_concurrency = 1, .prefill_chunk = 64});
  bench.scheduler.add(sequence(1, 4, 8));
  bench.step();
  bench.scheduler.find(1)->is_paused = true;
  bench.scheduler.add(sequence(2, 4, 3));
  EXPECT_EQ(bench.step().ids, (Ids{2}));
  bench.scheduler.find(1)->is_paused = false;
  EXPECT_EQ(bench.step().ids, (Ids{1})) << "never more than max_concurrency at once";
}

TEST(SchedulerTest, SequencePausedWhileItWaitsIsPassedOverAndKeepsItsPlace) {
  Bench bench({.max_concurrency = 1, .prefill_chunk = 64});
  for (SequenceId id : {1, 2, 3}) bench.scheduler.add(sequence(id, 4, 1));
  bench.scheduler.find(1)->is_paused = true;
  EXPECT_EQ(bench.step().ids, (Ids{2}));
  bench.scheduler.find(1)->is_paused = false;
  EXPECT_EQ(bench.step().ids, (Ids{1}));
  EXPECT_EQ(bench.step().ids, (Ids{3}));
}

TEST(SchedulerTest, WithoutATimeoutABatchStartsAtOnce) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 64});
  bench.scheduler.add(sequence(1, 4, 1));
  EXPECT_EQ(bench.scheduler.next_step(kStart), kStart);
}

TEST(SchedulerTest, BatchWaitsToFillButNotBeyondTheTimeout) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 64, .batch_timeout = milliseconds(50)});
  bench.scheduler.add(sequence(1, 4, 3, kStart));
  bench.scheduler.add(sequence(2, 4, 3, kStart + milliseconds(20)));
  const TimePoint due = kStart + milliseconds(50);  // of the one who waits longest
  EXPECT_EQ(bench.scheduler.next_step(kStart + milliseconds(30)), due);
  EXPECT_TRUE(bench.step(kStart + milliseconds(49)).is_empty());
  EXPECT_EQ(bench.step(due).ids, (Ids{1, 2}));
}

TEST(SchedulerTest, FullBatchDoesNotWait) {
  Bench bench({.max_concurrency = 2, .prefill_chunk = 64, .batch_timeout = milliseconds(50)});
  bench.scheduler.add(sequence(1, 4, 1));
  EXPECT_GT(bench.scheduler.next_step(kStart), kStart);
  bench.scheduler.add(sequence(2, 4, 1));
  EXPECT_EQ(bench.scheduler.next_step(kStart), kStart);
}

TEST(SchedulerTest, BatchThatThePagesKeepFromFillingDoesNotWait) {
  Bench bench({.max_concurrency = 8, .prefill_chunk = 64, .batch_timeout = milliseconds(50)}, 4, 4);
  bench.scheduler.add(sequence(1, 8, 4));
  bench.scheduler.add(sequence(2, 8, 4));
  EXPECT_EQ(bench.scheduler.next_step(kStart), kStart);
}

TEST(SchedulerTest, LateComersJoinARunningBatchAtOnce) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 64, .batch_timeout = milliseconds(50)});
  bench.scheduler.add(sequence(1, 4, 9));
  const TimePoint later = kStart + milliseconds(50);
  bench.step(later);
  bench.scheduler.add(sequence(2, 4, 9, later));
  EXPECT_EQ(bench.step(later).ids, (Ids{1, 2}));
}

// Any mixture of requests, pauses and cancellations: everybody who is not cancelled gets exactly
// its tokens, within the limits, and all pages come back.
TEST(SchedulerTest, EveryRequestEndsUnderRandomSchedules) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto up_to = [&](int n) { return 1 + static_cast<int>(random() % n); };
    const SchedulerLimits limits{.max_concurrency = up_to(5),
                                 .prefill_chunk = up_to(9),
                                 .gap_stretch = static_cast<double>(random() % 3)};
    const int page_size = up_to(4);
    Bench bench(limits, 48 / page_size + 2, page_size);
    std::map<SequenceId, std::int64_t> length;
    SequenceId next_id = 0;
    int steps = 0;
    while (next_id < 20 || bench.scheduler.running() + bench.scheduler.waiting() > 0) {
      ASSERT_LT(++steps, 5000) << "no progress";
      if (next_id < 20 && random() % 3 == 0) {
        Sequence added = sequence(next_id % 4, up_to(24), up_to(24));  // four kinds of beginnings
        added.spec.id = next_id;
        length[next_id++] = added.prompt_length();
        bench.scheduler.add(std::move(added));
      }
      const SequenceId any = random() % 20;
      if (Sequence* found = bench.scheduler.find(any)) {
        found->is_paused = next_id < 20 && random() % 4 == 0;  // at the end all read again
        if (random() % 40 == 0) bench.scheduler.remove(any);
      }
      for (SequenceId id = 0; next_id == 20 && id < 20; ++id) {
        if (Sequence* found = bench.scheduler.find(id)) found->is_paused = false;
      }
      const bool is_due = bench.scheduler.next_step(kStart) == kStart;
      const Batch batch = bench.step();
      ASSERT_EQ(batch.is_empty(), !is_due) << "next_step and schedule disagree";
      ASSERT_LE(static_cast<int>(batch.ids.size()), limits.max_concurrency);
      ASSERT_LE(batch.rows(), limits.prefill_chunk + limits.max_concurrency);
      for (std::size_t i = 0; i < batch.ids.size(); ++i) {
        const SequenceRows& rows = batch.sequences[i];
        ASSERT_LE(rows.context + rows.rows, length[batch.ids[i]]) << "tokens that are not there";
        length[batch.ids[i]] += rows.context + rows.rows == length[batch.ids[i]];
      }
    }
    EXPECT_EQ(bench.cache.free_pages(), bench.cache.total_pages());
  }
}

}  // namespace
}  // namespace conduit::kernels
