// Quantised weights times tokens rounded to 8 bits, for AVX2.
// The idea: vpmaddubsw multiplies unsigned weight bytes with signed token bytes and adds pairs
// into 16 bits, vpmaddwd adds pairs of those into 32. Nibbles are small enough (15 * 127 * 2 * 8 <
// 2^15) that a whole block is added up in 16 bits before it is widened. Bytes are not: their signs
// move to the token (|w| * ±x), and every product is widened at once. The integer sum is exact; one
// FMA per block puts it onto the row's sum, so the tile's height changes nothing.
#include "kernels/cpu/avx2/parts.h"
#include "kernels/cpu/avx2/vector.h"

namespace conduit::kernels::cpu::avx2 {

#include "kernels/cpu/vectorised/tile.inc"

namespace {

constexpr int kGroups = kBlock / 4;  // of a block: four columns in each lane
constexpr int kHalves = kPanelRows / kLanes;
constexpr int kGroupBytes = kPanelRows * 4;

CONDUIT_INLINE Ints broadcast_int(const std::byte* at) {
  return _mm256_set1_epi32(*reinterpret_cast<const int*>(at));
}
CONDUIT_INLINE Floats broadcast_float(const std::byte* at) {
  return broadcast(*reinterpret_cast<const float*>(at));
}
CONDUIT_INLINE Ints widen(Ints pairs) { return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }

// Integer sums of one half of the panel (8 outputs) and every row of the tile over a block.
template <int rows>
CONDUIT_INLINE void sum_nibbles(const std::byte* values, const std::byte* x, Ints* sums) {
  const Ints low_nibbles = _mm256_set1_epi8(15);
  for (int row = 0; row < rows; ++row) sums[row] = _mm256_setzero_si256();
#pragma GCC unroll 4
  for (int group = 0; group < kGroups / 2; ++group) {
    const Ints both = load_ints(values + group * kGroupBytes);
    const Ints low = _mm256_and_si256(both, low_nibbles);
    const Ints high = _mm256_and_si256(_mm256_srli_epi16(both, 4), low_nibbles);
#pragma GCC unroll 6
    for (int row = 0; row < rows; ++row) {
      const std::byte* token = x + row * kBlock + group * 4;
      const Ints first = _mm256_maddubs_epi16(low, broadcast_int(token));
      const Ints second = _mm256_maddubs_epi16(high, broadcast_int(token + kBlock / 2));
      sums[row] = _mm256_add_epi16(sums[row], _mm256_add_epi16(first, second));
    }
  }
  for (int row = 0; row < rows; ++row) sums[row] = widen(sums[row]);
}

template <int rows>
CONDUIT_INLINE void sum_bytes(const std::byte* values, const std::byte* x, Ints* sums) {
  const Ints sign_bit = _mm256_set1_epi8(-128);
  for (int row = 0; row < rows; ++row) sums[row] = _mm256_setzero_si256();
#pragma GCC unroll 8
  for (int group = 0; group < kGroups; ++group) {
    const Ints weight = _mm256_xor_si256(load_ints(values + group * kGroupBytes), sign_bit);
    const Ints magnitude = _mm256_abs_epi8(weight);
#pragma GCC unroll 6
    for (int row = 0; row < rows; ++row) {
      const Ints token = _mm256_sign_epi8(broadcast_int(x + row * kBlock + group * 4), weight);
      sums[row] = _mm256_add_epi32(sums[row], widen(_mm256_maddubs_epi16(magnitude, token)));
    }
  }
}

template <DType dtype, int rows>
CONDUIT_INLINE void multiply_block(const std::byte* panel, std::int64_t block, const std::byte* x,
                                   Floats* sums) {
  const std::byte* scales = x + rows * kBlock;
#pragma GCC unroll 2
  for (int half = 0; half < kHalves; ++half) {
    const std::byte* values = panel + values_offset(dtype, block) + half * kLanes * 4;
    const std::byte* lanes = panel + half * kLanes * 2;
    const Floats weight_scale = load_half(lanes + scales_offset(dtype, block));
    Ints integers[rows];
    if constexpr (dtype == DType::q8_0) {
      sum_bytes<rows>(values, x, integers);
    } else {
      sum_nibbles<rows>(values, x, integers);
    }
#pragma GCC unroll 6
    for (int row = 0; row < rows; ++row) {
      Floats& sum = sums[half * rows + row];
      if constexpr (dtype == DType::q4_0)  // stored with 8 added
        integers[row] = _mm256_add_epi32(integers[row], broadcast_int(scales + (rows + row) * 4));
      const Floats scale = mul(weight_scale, broadcast_float(scales + row * 4));
      sum = fma(to_floats(integers[row]), scale, sum);
      if constexpr (dtype == DType::q4_1) {
        const Floats minimum = load_half(lanes + minima_offset(dtype, block));
        sum = fma(minimum, broadcast_float(scales + (2 * rows + row) * 4), sum);
      }
    }
  }
}

template <DType dtype>
struct Q8Tile {
  template <int rows>
  CONDUIT_TARGET static void run(const TileTask& task) {
    const std::int64_t blocks = task.cols / kBlock;
    for (int p = 0; p < task.panels; ++p) {
      const std::byte* panel = task.weight + p * task.panel_bytes;
      Floats sums[kHalves * rows];
      for (Floats& sum : sums) sum = zero();
      for (std::int64_t block = 0; block < blocks; ++block)
        multiply_block<dtype, rows>(panel, block, task.x + block * rows * kQ8RowBytes, sums);
      for (int half = 0; half < kHalves; ++half)
        for (int row = 0; row < rows; ++row)
          store_tile(task, row, p * kPanelRows + half * kLanes, sums[half * rows + row]);
    }
  }
};

template <DType dtype>
MatmulKernel kernel_of() {
  return {InputFormat::q8, 1, functions_by_height<Q8Tile<dtype>, TileTask, kTallestTile>()};
}

}  // namespace

MatmulKernel q8_kernel(DType dtype) {
  switch (dtype) {
    case DType::q8_0: return kernel_of<DType::q8_0>();
    case DType::q4_0: return kernel_of<DType::q4_0>();
    case DType::q4_1: return kernel_of<DType::q4_1>();
    default: return f32_kernel(dtype);
  }
}

CONDUIT_TARGET void pack_q8(const float* x, std::int64_t stride, int rows, std::int64_t cols,
                            std::byte* tile) {
  constexpr int kParts = kBlock / kLanes;
  for (std::int64_t block = 0; block < cols / kBlock; ++block, tile += rows * kQ8RowBytes) {
    auto* scales = reinterpret_cast<float*>(tile + rows * kBlock);
    auto* starts = reinterpret_cast<std::int32_t*>(scales + rows);
    float* sums = scales + 2 * rows;
    for (int row = 0; row < rows; ++row) {
      Floats values[kParts];
      Floats magnitude = zero();
      for (int i = 0; i < kParts; ++i) {
        values[i] = load(x + row * stride + block * kBlock + i * kLanes);
        magnitude = max(magnitude, max(values[i], negate(values[i])));
      }
      const float largest = largest_of(magnitude);
      const Floats inverse = broadcast(largest > 0 ? 127 / largest : 0);
      alignas(32) std::int32_t integers[kBlock];
      for (int i = 0; i < kParts; ++i)
        _mm256_store_si256(reinterpret_cast<Ints*>(integers) + i,
                           _mm256_cvtps_epi32(mul(values[i], inverse)));
      auto* out = reinterpret_cast<std::int8_t*>(tile + row * kBlock);
      int sum = 0;
      for (int i = 0; i < kBlock; ++i) {
        out[i] = static_cast<std::int8_t>(integers[i]);
        sum += integers[i];
      }
      scales[row] = largest / 127;
      starts[row] = -8 * sum;
      sums[row] = scales[row] * static_cast<float>(sum);
    }
  }
}

}  // namespace conduit::kernels::cpu::avx2
