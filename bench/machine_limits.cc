// Loops that do nothing else: as many independent sums as hide an instruction's latency.
#include "bench/machine_limits.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "kernels/cpu/machine.h"
#include "kernels/cpu/thread_pool.h"

namespace conduit::bench {
namespace {

using kernels::cpu::InstructionSet;
using kernels::cpu::ThreadPool;

constexpr int kSums = 12;           // two units, each with a latency of four or five
constexpr int kRounds = 2'000'000;  // of an arithmetic loop: some milliseconds
constexpr int kRepeats = 10;        // the best counts: a limit is what nothing disturbed
constexpr std::size_t kMemoryBytes = std::size_t{512} << 20;  // more than the largest caches
constexpr std::size_t kPieces = 64;

// A loop: what it computes, so that it is not optimised away, and its operations per round.
struct Loop {
  float (*run)() = nullptr;
  double operations = 0;
};

__attribute__((target("avx512f"))) float float32_avx512() {
  __m512 sums[kSums];
  for (auto& sum : sums) sum = _mm512_set1_ps(1);
  const __m512 factor = _mm512_set1_ps(0.999f);
  for (int round = 0; round < kRounds; ++round)
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i) sums[i] = _mm512_fmadd_ps(sums[i], factor, factor);
  float result = 0;
  for (auto& sum : sums) result += _mm512_cvtss_f32(sum);
  return result;
}

__attribute__((target("avx512f,avx512vnni"))) float int8_avx512() {
  __m512i sums[kSums];
  for (auto& sum : sums) sum = _mm512_set1_epi32(1);
  const __m512i factor = _mm512_set1_epi32(0x01020304);
  for (int round = 0; round < kRounds; ++round)
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i) sums[i] = _mm512_dpbusd_epi32(sums[i], sums[i], factor);
  float result = 0;
  for (auto& sum : sums) result += static_cast<float>(_mm512_cvtsi512_si32(sum));
  return result;
}

__attribute__((target("avx2,fma"))) float float32_avx2() {
  __m256 sums[kSums];
  for (auto& sum : sums) sum = _mm256_set1_ps(1);
  const __m256 factor = _mm256_set1_ps(0.999f);
  for (int round = 0; round < kRounds; ++round)
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i) sums[i] = _mm256_fmadd_ps(sums[i], factor, factor);
  float result = 0;
  for (auto& sum : sums) result += _mm256_cvtss_f32(sum);
  return result;
}

__attribute__((target("avx2"))) float int8_avx2() {
  __m256i sums[kSums];
  for (auto& sum : sums) sum = _mm256_set1_epi32(1);
  const __m256i factor = _mm256_set1_epi32(0x01020304);
  for (int round = 0; round < kRounds; ++round)
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i)
      sums[i] = _mm256_add_epi16(sums[i], _mm256_maddubs_epi16(sums[i], factor));
  float result = 0;
  for (auto& sum : sums) result += static_cast<float>(_mm256_cvtsi256_si32(sum));
  return result;
}

float plain_float32() {
  float sums[kSums] = {};
  for (int round = 0; round < kRounds; ++round)
    for (float& sum : sums) sum = sum * 0.999f + 0.999f;
  return sums[0] + sums[kSums - 1];
}

Loop float32_loop(InstructionSet set) {
  switch (set) {
    case InstructionSet::avx512: return {float32_avx512, kSums * 16 * 2};
    case InstructionSet::avx2: return {float32_avx2, kSums * 8 * 2};
    case InstructionSet::scalar: break;
  }
  return {plain_float32, kSums * 2};
}

// A CPU with neither has no unit for 8-bit products: its limit is that of its floats.
Loop int8_loop(InstructionSet set) {
  switch (set) {
    case InstructionSet::avx512: return {int8_avx512, kSums * 64 * 2};
    case InstructionSet::avx2: return {int8_avx2, kSums * 32 * 2};
    case InstructionSet::scalar: break;
  }
  return {plain_float32, kSums * 2};
}

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

double gigaops(ThreadPool& pool, Loop loop) {
  std::atomic<float> sink = 0;
  const auto chunks = static_cast<std::uint32_t>(pool.threads());
  const double seconds =
      best_seconds([&] { pool.run(chunks, [&](std::uint32_t) { sink = loop.run(); }); });
  return loop.operations * kRounds * chunks / seconds / 1e9;
}

double read_gigabytes(ThreadPool& pool) {
  const std::vector<std::uint64_t> memory(kMemoryBytes / sizeof(std::uint64_t), 1);
  const std::size_t piece = memory.size() / kPieces;
  std::atomic<std::uint64_t> sink = 0;
  const double seconds = best_seconds([&] {
    pool.run(kPieces, [&](std::uint32_t i) {
      std::uint64_t sum = 0;
      for (std::size_t at = i * piece; at < (i + 1) * piece; ++at) sum += memory[at];
      sink += sum;
    });
  });
  return static_cast<double>(kMemoryBytes) / seconds / 1e9;
}

}  // namespace

MachineLimits measure_limits(int threads) {
  ThreadPool pool(threads);
  const InstructionSet set = kernels::cpu::best_instruction_set();
  return {read_gigabytes(pool), gigaops(pool, int8_loop(set)), gigaops(pool, float32_loop(set))};
}

}  // namespace conduit::bench
