// Admission and the choice of rows.
#include "kernels/engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "mdl/base/check.h"

namespace conduit::kernels {

Scheduler::Scheduler(const SchedulerLimits& limits, KvCache& cache)
    : limits_(limits), cache_(cache) {}

void Scheduler::add(Sequence sequence) {
  CONDUIT_CHECK(find(sequence.spec.id) == nullptr, "two sequences of one id");
  CONDUIT_CHECK(cache_.pages_for(sequence.longest()) <= cache_.total_pages(),
                "a sequence that never fits would block the queue");
  waiting_.push_back(std::move(sequence));
}

void Scheduler::remove(SequenceId id) {
  const auto has_id = [id](const Sequence& sequence) { return sequence.spec.id == id; };
  waiting_.remove_if(has_id);
  running_.remove_if(has_id);
  cache_.release(id);
}

Sequence* Scheduler::find(SequenceId id) {
  for (Queue* queue : {&running_, &waiting_}) {
    for (Sequence& sequence : *queue) {
      if (sequence.spec.id == id) return &sequence;
    }
  }
  return nullptr;
}

int Scheduler::active() const {
  return static_cast<int>(
      std::count_if(running_.begin(), running_.end(),
                    [](const Sequence& sequence) { return !sequence.is_paused; }));
}

// The first who does not fit ends the search: nobody overtakes, so a long request is not starved by
// short ones. A paused one is passed over and keeps its place.
Scheduler::Admission Scheduler::admissible() const {
  Admission admission;
  std::int64_t places = limits_.max_concurrency - active();
  std::int64_t pages = cache_.free_pages();
  for (auto it = waiting_.begin(); it != waiting_.end() && places > 0; ++it) {
    if (it->is_paused) continue;
    pages -= cache_.pages_for(it->longest());
    if (pages < 0) {
      admission.is_full = true;
      return admission;
    }
    --places;
    admission.sequences.push_back(it);
  }
  admission.is_full = places <= 0;
  return admission;
}

Scheduler::TimePoint Scheduler::next_step(TimePoint now) const {
  if (active() > 0) return now;
  const Admission admission = admissible();
  if (admission.sequences.empty()) return TimePoint::max();
  if (!running_.empty() || admission.is_full) return now;
  return std::max(now, admission.sequences.front()->arrived + limits_.batch_timeout);
}

Batch Scheduler::schedule(TimePoint now) {
  Batch batch;
  if (next_step(now) > now) return batch;
  const Admission admission = admissible();
  for (const auto& sequence : admission.sequences) {
    CONDUIT_CHECK(cache_.reserve(sequence->spec.id, sequence->longest()), "pages were counted");
    running_.splice(running_.end(), waiting_, sequence);
  }
  std::int64_t prompt_rows = limits_.prefill_chunk;
  int places = limits_.max_concurrency;  // fewer than are active when paused ones came back
  for (const Sequence& sequence : running_) {
    if (sequence.is_paused) continue;
    if (places-- == 0) break;
    const bool is_prompt = sequence.computed < sequence.prompt_length();
    const std::int64_t left = sequence.length() - sequence.computed;
    const std::int64_t rows = std::min<std::int64_t>(left, limits_.prefill_chunk);
    if (is_prompt && rows > prompt_rows) continue;  // whole chunks only; it is older next time
    if (is_prompt) prompt_rows -= rows;
    batch.append(sequence, rows, cache_.pages(sequence.spec.id));
  }
  return batch;
}

}  // namespace conduit::kernels
