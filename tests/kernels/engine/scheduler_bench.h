// A scheduler, its cache, and a forward pass that is played: no device, no clock.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "kernels/engine/scheduler.h"

namespace conduit::kernels::testing {

using TimePoint = Scheduler::TimePoint;
using std::chrono::milliseconds;

inline constexpr TimePoint kStart{std::chrono::hours(1)};

inline Sequence sequence(SequenceId id, int prompt, int max_tokens, TimePoint arrived = kStart) {
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
  RowWork row_work{};  // of prompts, in what a step is made to take

  Bench(const SchedulerLimits& limits, std::int64_t pages = 1000, int page_size = 4)
      : cache(pages, page_size), scheduler(limits, cache) {}

  // Made up: weights are read once, and each row is multiplied with them.
  StepBudget::Seconds cost(const Batch& batch) const {
    double rows = 0;
    for (const SequenceRows& part : batch.sequences)
      for (std::int64_t i = 0; i < part.rows; ++i)
        rows += part.rows == 1 ? 1 : row_work.at(part.context + i);
    return StepBudget::Seconds(0.010 + 0.001 * rows);
  }

  Batch step(TimePoint now = kStart) {
    Batch batch = scheduler.schedule(now);
    for (std::size_t i = 0; i < batch.ids.size(); ++i) {
      Sequence& sequence = *scheduler.find(batch.ids[i]);
      scheduler.advance(sequence, batch.sequences[i].rows);
      if (sequence.computed < sequence.length()) continue;
      sequence.generated.push_back(7);
      if (sequence.length() == sequence.longest()) scheduler.remove(batch.ids[i]);
    }
    scheduler.took(cost(batch));
    const Status pages = cache.check();
    EXPECT_TRUE(pages) << pages.error().message;
    return batch;
  }
};

inline std::vector<std::int64_t> rows_of(const Batch& batch) {
  std::vector<std::int64_t> rows;
  for (const SequenceRows& sequence : batch.sequences) rows.push_back(sequence.rows);
  return rows;
}

using Ids = std::vector<SequenceId>;
using Rows = std::vector<std::int64_t>;

}  // namespace conduit::kernels::testing
