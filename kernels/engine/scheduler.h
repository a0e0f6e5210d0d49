// Who runs in the next step: waiting + running → Batch. Sequences in, rows out; no device.
// The idea: a sequence joins and leaves the running batch at any step. It joins, first come first
// served, once the cache has pages for its longest possible answer, so a running sequence never
// waits for memory and nothing can deadlock. Every step carries one token of each sequence that
// decodes, and beside them a bounded number of prompt tokens.
// Prompts are cut at multiples of prefill_chunk whoever else is there: the arithmetic of a request,
// to the last bit, is then its own affair.
// Not here: what a page is (kv_cache.h), what happens to the rows (transformer.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <vector>

#include "kernels/engine/batch.h"
#include "kernels/engine/kv_cache.h"
#include "kernels/engine/sequence.h"

namespace conduit::kernels {

struct SchedulerLimits {
  int max_concurrency = 1;                     // sequences of one step
  int prefill_chunk = 1;                       // prompt tokens of one step
  std::chrono::milliseconds batch_timeout{0};  // see Scheduler::next_step
};

class Scheduler {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // `cache` is borrowed; only the scheduler reserves and releases its pages.
  Scheduler(const SchedulerLimits& limits, KvCache& cache);

  // To the end of the queue. Its id is new, and the empty cache could hold it.
  void add(Sequence sequence);
  // Waiting or running; its pages are free afterwards. Unknown ids: nothing.
  void remove(SequenceId id);
  Sequence* find(SequenceId id);  // nullptr when unknown; valid until it is removed

  // `now` when a step would compute something; a time when a batch that has not begun waits to
  // fill: until the longest waiting request has waited batch_timeout, or until nobody more could
  // join; TimePoint::max() when there is nothing to compute.
  TimePoint next_step(TimePoint now) const;
  // Admits whom it can and gives every sequence of the step its rows; empty before next_step.
  Batch schedule(TimePoint now);

  int running() const { return static_cast<int>(running_.size()); }
  int waiting() const { return static_cast<int>(waiting_.size()); }

 private:
  using Queue = std::list<Sequence>;  // sequences move from one to the other without a copy
  struct Admission {
    std::vector<Queue::const_iterator> sequences;  // who may join now, in order
    bool is_full = false;                          // nobody behind them could join as well
  };
  Admission admissible() const;
  int active() const;  // running and not paused: a paused one keeps its pages but no place

  SchedulerLimits limits_;
  KvCache& cache_;
  Queue waiting_;  // first come first
  Queue running_;  // in order of admission
};

}  // namespace conduit::kernels
