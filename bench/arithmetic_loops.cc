// The loops, and which of them this CPU and system run.
#include "bench/arithmetic_loops.h"

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "kernels/cpu/machine.h"

namespace conduit::bench {
namespace {

using kernels::cpu::InstructionSet;

constexpr int kSums = 12;  // two units, each with a latency of four or five
constexpr int kRounds = 1'000'000;
constexpr int kTileRounds = 200'000;                     // of four tiles
constexpr double kOperations = double{kRounds} * kSums;  // of one number each

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
    for (int i = 0; i < kSums; ++i) sums[i] = _mm512_dpbusd_epi32(sums[i], factor, factor);
  float result = 0;
  for (auto& sum : sums) result += static_cast<float>(_mm512_cvtsi512_si32(sum));
  return result;
}

__attribute__((target("avx512f,avx512bf16"))) float bf16_avx512() {
  __m512 sums[kSums];
  for (auto& sum : sums) sum = _mm512_set1_ps(1);
  const auto factor = reinterpret_cast<__m512bh>(_mm512_set1_epi32(0x3C003C00));
  for (int round = 0; round < kRounds; ++round)
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i) sums[i] = _mm512_dpbf16_ps(sums[i], factor, factor);
  float result = 0;
  for (auto& sum : sums) result += _mm512_cvtss_f32(sum);
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

// --- AMX: Intel's Software Developer's Manual, volume 1, chapter 18

// Eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

__attribute__((target("amx-tile"))) void begin_tiles() {
  const TileConfig config;
  // The compiler does not know that the intrinsic reads what it points to.
  asm volatile("" ::"r"(&config) : "memory");
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
}

__attribute__((target("amx-tile,amx-int8"))) float int8_amx() {
  begin_tiles();
  for (int round = 0; round < kTileRounds; ++round) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_release();
  return 0;
}

__attribute__((target("amx-tile,amx-bf16"))) float bf16_amx() {
  begin_tiles();
  for (int round = 0; round < kTileRounds; ++round) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
  return 0;
}

constexpr double kTileProducts = double{kTileRounds} * 4 * 16 * 16;  // of a row and a column

// Linux gives AMX's registers only to a process that asked (Documentation/arch/x86/xstate.rst).
bool may_use_tiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

__attribute__((target("avx512f"))) std::uint64_t sum_avx512(const std::uint64_t* words,
                                                            std::size_t count) {
  __m512i sums[4] = {};
  for (std::size_t at = 0; at + 32 <= count; at += 32)
    for (std::size_t i = 0; i < 4; ++i)
      sums[i] = _mm512_add_epi64(sums[i], _mm512_loadu_si512(words + at + 8 * i));
  std::uint64_t parts[32], sum = 0;
  std::memcpy(parts, sums, sizeof parts);
  for (const std::uint64_t part : parts) sum += part;
  return sum;
}

}  // namespace

std::vector<ArithmeticLoop> usable_loops() {
  const InstructionSet set = kernels::cpu::best_instruction_set();
  std::vector<ArithmeticLoop> loops;
  if (__builtin_cpu_supports("amx-tile") && may_use_tiles()) {
    if (__builtin_cpu_supports("amx-int8"))
      loops.push_back({Arithmetic::int8, "AMX", int8_amx, kTileProducts * 64 * 2});
    if (__builtin_cpu_supports("amx-bf16"))
      loops.push_back({Arithmetic::bf16, "AMX", bf16_amx, kTileProducts * 32 * 2});
  }
  if (set >= InstructionSet::avx512) {
    loops.push_back({Arithmetic::int8, "AVX-512 VNNI", int8_avx512, kOperations * 64 * 2});
    if (kernels::cpu::has_avx512_bf16())
      loops.push_back({Arithmetic::bf16, "AVX-512 BF16", bf16_avx512, kOperations * 32 * 2});
    loops.push_back({Arithmetic::float32, "AVX-512", float32_avx512, kOperations * 16 * 2});
  } else if (set == InstructionSet::avx2) {
    loops.push_back({Arithmetic::int8, "AVX2", int8_avx2, kOperations * 32 * 2});
    loops.push_back({Arithmetic::float32, "AVX2", float32_avx2, kOperations * 8 * 2});
  } else {
    loops.push_back({Arithmetic::float32, "scalar", plain_float32, kOperations * 2});
  }
  return loops;
}

std::uint64_t sum_of(const std::uint64_t* words, std::size_t count) {
  if (kernels::cpu::best_instruction_set() >= InstructionSet::avx512)
    return sum_avx512(words, count);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += words[i];
  return sum;
}

}  // namespace conduit::bench
