// Every chunk once, whatever the counts; threads that slept wake; nothing races (run under TSan).
#include "kernels/cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <latch>
#include <numeric>
#include <set>

namespace conduit::kernels::cpu {
namespace {

TEST(ThreadPoolTest, RunsEveryChunkOnce) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (std::uint32_t chunks : {0u, 1u, 2u, 7u, 1000u}) {
      std::vector<int> runs(chunks);  // not atomic: a chunk run twice is a race, which TSan reports
      pool.run(chunks, [&](std::uint32_t chunk) { ++runs[chunk]; });
      EXPECT_EQ(std::count(runs.begin(), runs.end(), 1), static_cast<std::ptrdiff_t>(chunks));
    }
  }
}

TEST(ThreadPoolTest, ResultsOfOneJobAreSeenByTheNext) {
  ThreadPool pool(4);
  std::vector<std::uint64_t> values(64, 1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::uint64_t> next(values.size());
    pool.run(64, [&](std::uint32_t i) { next[i] = values[i] + values[(i + 1) % 64]; });
    values = std::move(next);
    if (round % 32 == 31) std::fill(values.begin(), values.end(), 1);
  }
  // 2000 = 62 * 32 + 16 rounds of doubling since the last reset.
  EXPECT_EQ(values, std::vector<std::uint64_t>(64, 1u << 16));
}

TEST(ThreadPoolTest, AllThreadsTakePart) {
  constexpr int kThreads = 3;
  ThreadPool pool(kThreads);
  // A chunk ends when all have begun: with fewer than three threads this would never return.
  for (int round = 0; round < 20; ++round) {
    std::latch all_begun(kThreads);
    std::array<std::thread::id, kThreads> who;
    pool.run(kThreads, [&](std::uint32_t chunk) {
      who[chunk] = std::this_thread::get_id();
      all_begun.arrive_and_wait();
    });
    EXPECT_EQ(std::set<std::thread::id>(who.begin(), who.end()).size(), std::size_t{kThreads});
  }
}

TEST(ThreadPoolTest, EndsWithoutEverHavingRun) {
  for (int i = 0; i < 50; ++i) ThreadPool pool(4);
}

}  // namespace
}  // namespace conduit::kernels::cpu
