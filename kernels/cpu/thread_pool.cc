// The order of memory, in one place: run() writes the job, then publishes `open_` (release); taking
// a chunk reads `open_` (acquire), so the job is seen whole. A chunk's end lowers `unfinished_`
// (release), which run() reads (acquire), so the results are seen, and the next job is not written
// before. A late thread that finds no open chunk never touches the job.
#include "kernels/cpu/thread_pool.h"

#include <chrono>

#include "kernels/progress.h"

namespace conduit::kernels::cpu {
namespace {

// Longer than the serial stretches between two operations of a step, far shorter than a time slice.
constexpr std::chrono::microseconds kSpin{60};
// After that, calls of sched_yield before sleeping: on a crowded machine somebody else works.
constexpr int kYields = 20;
constexpr int kPausesPerLook = 32;  // reading the clock costs as much as a few of them

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// True as soon as `condition` holds; false when it did not within the spinning and yielding.
template <class Condition>
bool spin_until(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (condition()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  for (int i = 0; i < kYields; ++i) {
    if (condition()) return true;
    std::this_thread::yield();
  }
  return false;
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  is_stopping_.store(true, std::memory_order_release);
  jobs_.fetch_add(1);
  jobs_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_chunks(std::uint32_t chunks, ChunkFunction function, const void* context) {
  if (workers_.empty() || chunks <= 1) {
    for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
      function(context, chunk);
      chunks_computed.fetch_add(1, std::memory_order_relaxed);
    }
    return;
  }
  function_ = function;
  context_ = context;
  unfinished_.store(chunks, std::memory_order_relaxed);
  open_.store(chunks, std::memory_order_release);
  jobs_.fetch_add(1);
  jobs_.notify_all();
  while (take_one_chunk()) chunks_computed.fetch_add(1, std::memory_order_relaxed);
  wait_until_done();
}

bool ThreadPool::take_one_chunk() {
  std::uint32_t open = open_.load(std::memory_order_relaxed);
  do {
    if (open == 0) return false;
  } while (!open_.compare_exchange_weak(open, open - 1, std::memory_order_acquire,
                                        std::memory_order_relaxed));
  function_(context_, open - 1);
  if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_all();
  return true;
}

void ThreadPool::wait_until_done() {
  const auto is_done = [this] { return unfinished_.load(std::memory_order_acquire) == 0; };
  if (spin_until(is_done)) return;
  for (std::uint32_t left; (left = unfinished_.load(std::memory_order_acquire)) != 0;)
    unfinished_.wait(left, std::memory_order_acquire);
}

void ThreadPool::wait_for_work() {
  const std::uint32_t seen = jobs_.load(std::memory_order_acquire);
  const auto has_work = [this] {
    return open_.load(std::memory_order_relaxed) != 0 ||
           is_stopping_.load(std::memory_order_relaxed);
  };
  // A job started after `seen` was read changes jobs_, so the wait returns at once.
  if (!spin_until(has_work)) jobs_.wait(seen, std::memory_order_acquire);
}

void ThreadPool::work() {
  while (!is_stopping_.load(std::memory_order_acquire)) {
    while (take_one_chunk()) {
    }
    wait_for_work();
  }
}

}  // namespace conduit::kernels::cpu
