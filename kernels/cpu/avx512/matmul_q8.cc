// Quantised weights times tokens rounded to 8 bits, for AVX-512 with VNNI.
// The idea: vpdpbusd multiplies four unsigned weight bytes with four signed token bytes and adds
// them up in each of 16 lanes, so eight of them finish a block of 32 columns for 16 outputs and
// one token. Weights are stored unsigned; what that adds is taken off by where the sum starts.
// The integer sum is exact; one FMA per block puts it onto the row's sum, block after block, so
// the tile's height changes nothing.
#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"

namespace conduit::kernels::cpu::avx512 {

#include "kernels/cpu/vectorised/tile.inc"

namespace {

constexpr int kVectors = kBlock / 4;  // of a block: four columns in each lane

CONDUIT_INLINE Ints broadcast_int(const std::byte* at) {
  return _mm512_set1_epi32(*reinterpret_cast<const int*>(at));
}
CONDUIT_INLINE Floats broadcast_float(const std::byte* at) {
  return broadcast(*reinterpret_cast<const float*>(at));
}

template <DType dtype>
CONDUIT_INLINE void load_values(const std::byte* at, Ints* values) {
  if constexpr (dtype == DType::q8_0) {
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) values[i] = load_ints(at + i * 64);
  } else {
    const Ints low_nibbles = _mm512_set1_epi8(15);
#pragma GCC unroll 4
    for (int i = 0; i < kVectors / 2; ++i) {
      const Ints both = load_ints(at + i * 64);
      values[i] = _mm512_and_si512(both, low_nibbles);
      values[i + kVectors / 2] = _mm512_and_si512(_mm512_srli_epi16(both, 4), low_nibbles);
    }
  }
}

// Minus what storing the weights unsigned adds to the sum; `at`: -8 times the sum of the tokens.
template <DType dtype>
CONDUIT_INLINE Ints start_of_sum(const std::byte* at) {
  switch (dtype) {
    case DType::q8_0: return _mm512_slli_epi32(broadcast_int(at), 4);  // 128 = 8 << 4
    case DType::q4_0: return broadcast_int(at);
    default: return _mm512_setzero_si512();
  }
}

template <DType dtype, int rows>
CONDUIT_INLINE void multiply_block(const std::byte* panel, std::int64_t block, const std::byte* x,
                                   Floats* sums) {
  const std::byte* scales = x + rows * kBlock;
  const Floats weight_scale = load_half(panel + scales_offset(dtype, block));
  Ints values[kVectors];
  load_values<dtype>(panel + values_offset(dtype, block), values);
#pragma GCC unroll 12
  for (int row = 0; row < rows; ++row) {
    Ints sum = start_of_sum<dtype>(scales + (rows + row) * 4);
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i)
      sum = _mm512_dpbusd_epi32(sum, values[i], broadcast_int(x + row * kBlock + i * 4));
    const Floats scale = mul(weight_scale, broadcast_float(scales + row * 4));
    sums[row] = fma(to_floats(sum), scale, sums[row]);
    if constexpr (dtype == DType::q4_1) {
      const Floats minimum = load_half(panel + minima_offset(dtype, block));
      sums[row] = fma(minimum, broadcast_float(scales + (2 * rows + row) * 4), sums[row]);
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
      Floats sums[rows];
      for (Floats& sum : sums) sum = zero();
      for (std::int64_t block = 0; block < blocks; ++block)
        multiply_block<dtype, rows>(panel, block, task.x + block * rows * kQ8RowBytes, sums);
      for (int row = 0; row < rows; ++row) store_tile(task, row, p * kPanelRows, sums[row]);
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
  for (std::int64_t block = 0; block < cols / kBlock; ++block, tile += rows * kQ8RowBytes) {
    auto* scales = reinterpret_cast<float*>(tile + rows * kBlock);
    auto* starts = reinterpret_cast<std::int32_t*>(scales + rows);
    float* sums = scales + 2 * rows;
    for (int row = 0; row < rows; ++row) {
      const Floats low = load(x + row * stride + block * kBlock);
      const Floats high = load(x + row * stride + block * kBlock + kLanes);
      const float largest = largest_of(_mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high)));
      const Floats inverse = broadcast(largest > 0 ? 127 / largest : 0);
      const Ints low_ints = _mm512_cvtps_epi32(mul(low, inverse));
      const Ints high_ints = _mm512_cvtps_epi32(mul(high, inverse));
      auto* out = reinterpret_cast<__m128i*>(tile + row * kBlock);
      _mm_storeu_si128(out, _mm512_cvtepi32_epi8(low_ints));
      _mm_storeu_si128(out + 1, _mm512_cvtepi32_epi8(high_ints));
      const int sum = _mm512_reduce_add_epi32(_mm512_add_epi32(low_ints, high_ints));
      scales[row] = largest / 127;
      starts[row] = -8 * sum;
      sums[row] = scales[row] * static_cast<float>(sum);
    }
  }
}

}  // namespace conduit::kernels::cpu::avx512
