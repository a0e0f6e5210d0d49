// Who runs in the next step: waiting + running → Batch. Sequences in, rows out; no device.
// The idea: a sequence joins and leaves the running batch at any step, first come first served. It
// joins when the pages of its prompt are free and grows page by page. When none is left, the one
// that came last gives its pages back, waits in its old turn, and computes its tokens again later:
// the same tokens, as a row's result depends on nothing but its sequence. Who came first never
// gives way, so it ends, and then the next one: no deadlock, whatever is asked for.
// Every step carries one token of each sequence that decodes, and beside them as many prompt tokens
// as the budget of running answers allows (step_budget.h). Half of it is the oldest prompt's; the
// rest goes to those with the least left, so that a short prompt does not wait for a long one, and
// the long one gets on all the same.
// Not here: what a page is (kv_cache.h), what happens to the rows (transformer.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <vector>

#include "kernels/engine/batch.h"
#include "kernels/engine/kv_cache.h"
#include "kernels/engine/row_work.h"
#include "kernels/engine/sequence.h"
#include "kernels/engine/step_budget.h"

namespace conduit::kernels {

struct SchedulerLimits {
  int max_concurrency = 1;                     // sequences of one step
  int prefill_chunk = 1;                       // prompt tokens of one step, at most
  std::chrono::milliseconds batch_timeout{0};  // see Scheduler::next_step
  double gap_stretch = 0;                      // see StepBudget
  RowWork row_work{};
  bool cuts_prompts = true;     // false: a prompt is computed in one step
  std::int64_t logit_rows = 1;  // of one step, at most; max_concurrency or more
};

struct SchedulerCounts {
  std::uint64_t preemptions = 0;
  std::uint64_t prefix_queries = 0;  // prompt tokens of sequences that looked for cached pages
  std::uint64_t prefix_hits = 0;     // of them, found
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
  // Makes room, admits whom it can and gives the sequences of the step their rows; empty before
  // next_step.
  Batch schedule(TimePoint now);
  // f(sequence) for those that run and have begun to answer: whom tokens may be proposed for.
  template <class F>
  void each_decoding(F f) {
    for (Sequence& sequence : running_)
      if (!sequence.is_paused && !sequence.generated.empty() &&
          sequence.length() - sequence.computed == 1)
        f(sequence);
  }
  // These rows of the last batch are computed.
  void advance(Sequence& sequence, std::int64_t rows);
  // How long the last batch took in all.
  void took(StepBudget::Seconds seconds);

  int running() const { return static_cast<int>(running_.size()); }
  int waiting() const { return static_cast<int>(waiting_.size()); }
  const SchedulerCounts& counts() const { return counts_; }

 private:
  using Queue = std::list<Sequence>;  // sequences move from one to the other without a copy
  struct Share {                      // of a step
    Sequence* sequence = nullptr;
    std::int64_t left = 0;  // tokens that it has to compute
    std::int64_t rows = 0;
    bool is_prompt() const { return left > 1; }
  };

  int active() const;  // running and not paused: a paused one takes no place
  bool is_full() const;
  bool grow();
  void admit();
  bool give_first_pages(Sequence& sequence);
  void skip_to(Sequence& sequence, std::int64_t tokens);
  Queue::iterator last_paused();
  void preempt(Queue::iterator sequence);
  static void move_in_turn(Queue& from, Queue::iterator sequence, Queue& to);
  std::vector<Share> shares();
  void share_prompt_rows(std::vector<Share>& shares);
  double row_work(const Share& share) const;
  void take(Share& share, double most, double& work) const;
  void limit_proposals(Sequence& sequence, std::int64_t& spare);

  SchedulerLimits limits_;
  KvCache& cache_;
  StepBudget budget_;
  Queue waiting_, running_;  // both in the order in which they came
  std::uint64_t next_turn_ = 0;
  SchedulerCounts counts_;
  int last_decoding_ = 0;  // of the last batch
  double last_prompt_work_ = 0;
};

}  // namespace conduit::kernels
