// Room, admission, and the choice of rows.
#include "kernels/engine/scheduler.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "mdl/base/check.h"

namespace conduit::kernels {

Scheduler::Scheduler(const SchedulerLimits& limits, KvCache& cache)
    : limits_(limits), cache_(cache), budget_(limits.prefill_chunk, limits.gap_stretch) {}

void Scheduler::add(Sequence sequence) {
  CONDUIT_CHECK(find(sequence.spec.id) == nullptr, "two sequences of one id");
  CONDUIT_CHECK(cache_.pages_for(sequence.longest()) <= cache_.total_pages(),
                "a sequence that never fits would block the queue");
  sequence.turn = next_turn_++;
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

Scheduler::TimePoint Scheduler::next_step(TimePoint now) const {
  if (active() > 0) return now;
  const auto first = std::find_if(waiting_.begin(), waiting_.end(),
                                  [](const Sequence& sequence) { return !sequence.is_paused; });
  if (first == waiting_.end()) return TimePoint::max();
  if (!running_.empty() || is_full()) return now;
  return std::max(now, first->arrived + limits_.batch_timeout);
}

// Whether a batch that has not begun is as large as it can be.
bool Scheduler::is_full() const {
  int places = limits_.max_concurrency;
  std::int64_t pages = cache_.free_pages();
  for (const Sequence& sequence : waiting_) {
    if (sequence.is_paused) continue;
    pages -= cache_.pages_for(sequence.length() + 1);
    if (--places <= 0 || pages < 0) return true;
  }
  return false;
}

Batch Scheduler::schedule(TimePoint now) {
  Batch batch;
  if (next_step(now) > now) return batch;
  if (grow()) admit();
  std::vector<Share> shares = this->shares();
  share_prompt_rows(shares);
  std::int64_t spare = limits_.logit_rows - std::ssize(shares);
  for (const Share& share : shares) {
    if (share.rows == 0) continue;
    limit_proposals(*share.sequence, spare);
    batch.append(*share.sequence, share.rows, cache_.pages(share.sequence->spec.id));
  }
  return batch;
}

// --- room

// Pages for the next token of everybody who takes part in this step; false when not all of them
// could stay.
bool Scheduler::grow() {
  int places = limits_.max_concurrency;
  for (auto it = running_.begin(); it != running_.end() && places > 0; ++it) {
    if (it->is_paused) continue;
    while (!cache_.reserve(it->spec.id, it->length())) {
      auto victim = last_paused();
      if (victim == running_.end()) --victim;
      const bool is_last = victim == it;
      preempt(victim);
      if (is_last) return false;
    }
    --places;
  }
  return true;
}

// Its reader is slow, so it misses its pages least.
Scheduler::Queue::iterator Scheduler::last_paused() {
  const auto found = std::find_if(running_.rbegin(), running_.rend(),
                                  [](const Sequence& sequence) { return sequence.is_paused; });
  return found == running_.rend() ? running_.end() : std::prev(found.base());
}

// Its tokens stay, all but the keys and values of them: unless others need the pages before its
// turn, it finds those in the cache.
void Scheduler::preempt(Queue::iterator sequence) {
  cache_.release(sequence->spec.id);
  sequence->computed = 0;
  sequence->pooled.clear();
  sequence->proposed.clear();
  move_in_turn(running_, sequence, waiting_);
  ++counts_.preemptions;
}

void Scheduler::move_in_turn(Queue& from, Queue::iterator sequence, Queue& to) {
  const auto place = std::find_if(
      to.begin(), to.end(), [&](const Sequence& other) { return other.turn > sequence->turn; });
  to.splice(place, from, sequence);
}

// --- admission

// The first who does not fit ends it: nobody overtakes, so a long request is not starved by short
// ones. A paused one is passed over and keeps its place.
void Scheduler::admit() {
  int places = limits_.max_concurrency - active();
  for (auto it = waiting_.begin(); it != waiting_.end() && places > 0;) {
    const auto sequence = it++;
    if (sequence->is_paused) continue;
    if (!give_first_pages(*sequence)) return;
    move_in_turn(waiting_, sequence, running_);
    --places;
  }
}

// For its prompt and one token; false, and it has none, when they are not free. A page for each of
// those that run is left over, or the newcomer would soon have to make room for them.
bool Scheduler::give_first_pages(Sequence& sequence) {
  const SequenceId id = sequence.spec.id;
  const std::int64_t tokens = std::min(sequence.length() + 1, sequence.longest());
  const std::int64_t found = cache_.reuse(sequence, sequence.reusable());
  while (cache_.missing(id, tokens) + active() > cache_.free_pages()) {
    const auto paused = last_paused();
    if (paused == running_.end()) {
      cache_.release(id);
      return false;
    }
    preempt(paused);
  }
  CONDUIT_CHECK(cache_.reserve(id, tokens), "pages were counted");
  if (sequence.furthest == 0 && sequence.reusable() > 0)
    counts_.prefix_queries += static_cast<std::uint64_t>(sequence.prompt_length());
  skip_to(sequence, found);
  return true;
}

// Its first `tokens` tokens are in shared pages.
void Scheduler::skip_to(Sequence& sequence, std::int64_t tokens) {
  sequence.computed = std::max(sequence.computed, tokens);
  const std::int64_t found =
      std::min(sequence.computed, sequence.prompt_length()) - sequence.furthest;
  if (found <= 0) return;  // it had computed them itself, before it was preempted
  sequence.furthest += found;
  sequence.cached += found;
  counts_.prefix_hits += static_cast<std::uint64_t>(found);
}

// --- rows

// Of those who take part in this step: what each has to compute. What another has computed while
// this one waited for its rows is not.
std::vector<Scheduler::Share> Scheduler::shares() {
  std::vector<Share> shares;
  int places = limits_.max_concurrency;  // fewer than are active when paused ones came back
  for (Sequence& sequence : running_) {
    if (sequence.is_paused) continue;
    if (places-- == 0) break;
    if (sequence.length() - sequence.computed > 1)
      skip_to(sequence, cache_.reuse(sequence, sequence.reusable()));
    shares.push_back({&sequence, sequence.length() - sequence.computed, 0});
  }
  return shares;
}

void Scheduler::share_prompt_rows(std::vector<Share>& shares) {
  std::vector<Share*> prompts;
  for (Share& share : shares) {
    if (share.is_prompt()) {
      prompts.push_back(&share);
    } else {
      share.rows = 1;
    }
  }
  last_decoding_ = static_cast<int>(shares.size() - prompts.size());
  last_prompt_work_ = 0;
  if (prompts.empty()) return;
  const double budget = budget_.prompt_work(last_decoding_);
  if (budget == 0) return;
  Share& oldest = *prompts.front();
  const double row = row_work(oldest);
  const double most = std::max(budget, row);  // it gets on, if only by a row
  double left = most;
  take(oldest, limits_.cuts_prompts ? (left + row) / 2 : left, left);
  std::stable_sort(prompts.begin(), prompts.end(), [](const Share* a, const Share* b) {
    return a->left - a->rows < b->left - b->rows;
  });
  for (Share* share : prompts) take(*share, left, left);
  last_prompt_work_ = most - left;
}

// Of its next row; all rows are alike while nobody waits for the step.
double Scheduler::row_work(const Share& share) const {
  return last_decoding_ == 0 ? 1 : limits_.row_work.at(share.sequence->computed + share.rows);
}

// Up to `most` of `work`, which is still to be had.
void Scheduler::take(Share& share, double most, double& work) const {
  const double row = row_work(share);
  const std::int64_t left = share.left - share.rows;
  const double rows = most / row;  // beyond any integer where there is no limit
  const bool is_cut = rows < static_cast<double>(left);
  if (is_cut && !limits_.cuts_prompts) return;
  const std::int64_t taken = is_cut ? static_cast<std::int64_t>(rows) : left;
  share.rows += taken;
  work -= static_cast<double>(taken) * row;
}

// Proposals take what is left over: rows of logits, and pages that nobody else will soon need.
void Scheduler::limit_proposals(Sequence& sequence, std::int64_t& spare) {
  std::vector<TokenId>& proposed = sequence.proposed;
  if (proposed.empty()) return;
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(spare, 0));
  if (proposed.size() > most) proposed.resize(most);
  const std::int64_t tokens = sequence.length() + std::ssize(proposed);
  const std::int64_t missing = cache_.missing(sequence.spec.id, tokens);
  if (missing > 0 && missing + running() > cache_.free_pages()) return proposed.clear();
  CONDUIT_CHECK(cache_.reserve(sequence.spec.id, tokens), "pages were counted");
  spare -= std::ssize(proposed);
}

// --- afterwards

void Scheduler::advance(Sequence& sequence, std::int64_t rows) {
  sequence.computed += rows;
  sequence.furthest = std::max(sequence.furthest, sequence.computed);
  cache_.publish(sequence);
}

void Scheduler::took(StepBudget::Seconds seconds) {
  budget_.observe(last_decoding_, last_prompt_work_, seconds);
}

}  // namespace conduit::kernels
