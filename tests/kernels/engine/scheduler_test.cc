// Who runs when. No device: the test plays the forward pass by advancing what was scheduled.
#include "kernels/engine/scheduler.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace conduit::kernels {
namespace {

using TimePoint = Scheduler::TimePoint;
using std::chrono::milliseconds;

constexpr TimePoint kStart{std::chrono::hours(1)};

Sequence sequence(SequenceId id, int prompt, int max_tokens, TimePoint arrived = kStart) {
  SequenceSpec spec;
  spec.id = id;
  for (int i = 0; i < prompt; ++i) spec.prompt.push_back(static_cast<TokenId>(id * 1000 + i));
  spec.max_tokens = max_tokens;
  return {std::move(spec), arrived};
}

// A scheduler, its cache, and a forward pass that generates token 7.
struct Bench {
  KvCache cache;
  Scheduler scheduler;

  Bench(const SchedulerLimits& limits, std::int64_t pages = 1000, int page_size = 4)
      : cache(pages, page_size), scheduler(limits, cache) {}

  Batch step(TimePoint now = kStart) {
    Batch batch = scheduler.schedule(now);
    for (std::size_t i = 0; i < batch.ids.size(); ++i) {
      Sequence& sequence = *scheduler.find(batch.ids[i]);
      sequence.computed += batch.sequences[i].rows;
      if (sequence.computed < sequence.length()) continue;
      sequence.generated.push_back(7);
      if (sequence.length() == sequence.longest()) scheduler.remove(batch.ids[i]);
    }
    return batch;
  }
};

std::vector<std::int64_t> rows_of(const Batch& batch) {
  std::vector<std::int64_t> rows;
  for (const SequenceRows& sequence : batch.sequences) rows.push_back(sequence.rows);
  return rows;
}

using Ids = std::vector<SequenceId>;
using Rows = std::vector<std::int64_t>;

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

TEST(SchedulerTest, PromptIsCutAtTheSamePlacesWhoeverElseIsThere) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 8});
  bench.scheduler.add(sequence(1, 5, 9));
  bench.scheduler.add(sequence(2, 12, 9));  // 8 + 4, though 3 rows were left in the first step
  bench.scheduler.add(sequence(3, 3, 9));   // these go to whom they suffice
  const Batch first = bench.step();
  EXPECT_EQ(first.ids, (Ids{1, 3}));
  EXPECT_EQ(rows_of(first), (Rows{5, 3}));
  EXPECT_EQ(rows_of(bench.step()), (Rows{1, 8, 1}));
  EXPECT_EQ(rows_of(bench.step()), (Rows{1, 4, 1}));
}

TEST(SchedulerTest, BatchHasAtMostMaxConcurrencySequencesFirstComeFirstServed) {
  Bench bench({.max_concurrency = 2, .prefill_chunk = 64});
  for (SequenceId id : {5, 3, 4}) bench.scheduler.add(sequence(id, 4, 2));
  EXPECT_EQ(bench.step().ids, (Ids{5, 3}));
  EXPECT_EQ(bench.scheduler.waiting(), 1);
  EXPECT_EQ(bench.step().ids, (Ids{5, 3}));
  EXPECT_EQ(bench.step().ids, (Ids{4})) << "joins in the step after a place is free";
}

TEST(SchedulerTest, SequenceWaitsUntilThePagesOfItsLongestAnswerAreFree) {
  Bench bench({.max_concurrency = 4, .prefill_chunk = 64}, 4, 4);
  bench.scheduler.add(sequence(1, 5, 3));  // 2 pages
  bench.scheduler.add(sequence(2, 5, 4));  // 3 pages
  bench.scheduler.add(sequence(3, 1, 1));  // 1 page, but after its turn
  EXPECT_EQ(bench.step().ids, (Ids{1}));
  EXPECT_EQ(bench.step().ids, (Ids{1}));
  EXPECT_EQ(bench.step().ids, (Ids{1}));
  EXPECT_EQ(bench.step().ids, (Ids{2, 3}));
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

TEST(SchedulerTest, PausedSequenceKeepsItsPagesAndIsNotScheduled) {
  Bench bench({.max_concurrency = 2, .prefill_chunk = 64}, 10, 4);
  bench.scheduler.add(sequence(1, 4, 8));
  bench.step();
  bench.scheduler.find(1)->is_paused = true;
  EXPECT_EQ(bench.scheduler.next_step(kStart), TimePoint::max());
  EXPECT_TRUE(bench.step().is_empty());
  EXPECT_EQ(bench.cache.free_pages(), 7);
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
// its tokens, in order, within the limits, and all pages come back.
TEST(SchedulerTest, EveryRequestEndsUnderRandomSchedules) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](int n) { return 1 + static_cast<int>(random() % n); };
    const SchedulerLimits limits{.max_concurrency = up_to(5), .prefill_chunk = up_to(9)};
    const int page_size = up_to(4);
    Bench bench(limits, 48 / page_size + 2, page_size);
    std::map<SequenceId, std::int64_t> longest;
    std::map<SequenceId, std::int64_t> computed;
    SequenceId next_id = 0;
    int steps = 0;
    while (next_id < 20 || bench.scheduler.running() + bench.scheduler.waiting() > 0) {
      ASSERT_LT(++steps, 5000) << "no progress, seed " << seed;
      if (next_id < 20 && random() % 3 == 0) {
        Sequence added = sequence(next_id, up_to(24), up_to(24));
        longest[next_id++] = added.longest();
        bench.scheduler.add(std::move(added));
      }
      const SequenceId any = random() % 20;
      if (Sequence* found = bench.scheduler.find(any)) {
        found->is_paused = next_id < 20 && random() % 4 == 0;  // at the end all read again
        if (random() % 40 == 0) {
          bench.scheduler.remove(any);
          longest.erase(any);
        }
      }
      for (SequenceId id = 0; next_id == 20 && id < 20; ++id) {
        if (Sequence* found = bench.scheduler.find(id)) found->is_paused = false;
      }
      const bool is_due = bench.scheduler.next_step(kStart) == kStart;
      const Batch batch = bench.step();
      ASSERT_EQ(batch.is_empty(), !is_due) << "next_step and schedule disagree, seed " << seed;
      ASSERT_LE(static_cast<int>(batch.ids.size()), limits.max_concurrency);
      ASSERT_LE(batch.rows(), limits.prefill_chunk + limits.max_concurrency);
      for (std::size_t i = 0; i < batch.ids.size(); ++i) {
        ASSERT_EQ(batch.sequences[i].context, computed[batch.ids[i]]) << "seed " << seed;
        computed[batch.ids[i]] += batch.sequences[i].rows;
      }
    }
    EXPECT_EQ(bench.cache.free_pages(), bench.cache.total_pages());
    for (const auto& [id, length] : longest) {
      EXPECT_EQ(computed[id], length - 1) << "seed " << seed;  // the last token is never fed back
    }
  }
}

}  // namespace
}  // namespace conduit::kernels
