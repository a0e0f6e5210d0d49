// Reading, and the loops of arithmetic_loops.h, on every thread at once; the best of ten.
#include "bench/machine_limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "bench/arithmetic_loops.h"
#include "kernels/cpu/thread_pool.h"

namespace conduit::bench {
namespace {

using kernels::cpu::ThreadPool;

constexpr int kRepeats = 10;  // the best counts: a limit is what nothing disturbed
constexpr std::size_t kMemoryBytes = std::size_t{512} << 20;  // more than the largest caches
constexpr std::size_t kPieces = 64;

template <class Task>
double best_seconds(Task task) {
  double best = 1e9;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    task();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

double gigaops(ThreadPool& pool, const ArithmeticLoop& loop) {
  std::atomic<float> sink = 0;
  const auto chunks = static_cast<std::uint32_t>(pool.threads());
  const double seconds =
      best_seconds([&] { pool.run(chunks, [&](std::uint32_t) { sink = loop.run(); }); });
  return loop.operations * chunks / seconds / 1e9;
}

double read_gigabytes(ThreadPool& pool) {
  const std::vector<std::uint64_t> memory(kMemoryBytes / sizeof(std::uint64_t), 1);
  const std::size_t piece = memory.size() / kPieces;
  std::atomic<std::uint64_t> sink = 0;
  const double seconds = best_seconds([&] {
    pool.run(kPieces, [&](std::uint32_t i) { sink += sum_of(memory.data() + i * piece, piece); });
  });
  return static_cast<double>(kMemoryBytes) / seconds / 1e9;
}

}  // namespace

const char* to_string(Arithmetic kind) {
  switch (kind) {
    case Arithmetic::int8: return "int8";
    case Arithmetic::bf16: return "bf16";
    case Arithmetic::float32: break;
  }
  return "float32";
}

double MachineLimits::best(Arithmetic kind) const {
  double best = 0;
  for (const ArithmeticLimit& limit : arithmetic)
    if (limit.kind == kind) best = std::max(best, limit.gigaops);
  return best;
}

MachineLimits measure_limits(int threads) {
  ThreadPool pool(threads);
  MachineLimits limits;
  limits.read_gigabytes = read_gigabytes(pool);
  for (const ArithmeticLoop& loop : usable_loops())
    limits.arithmetic.push_back({loop.kind, loop.unit, gigaops(pool, loop)});
  return limits;
}

}  // namespace conduit::bench
