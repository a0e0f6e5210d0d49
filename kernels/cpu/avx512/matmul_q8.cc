// Quantised weights times tokens rounded to 8 bits, for AVX-512 with VNNI.
// The idea: vpdpbusd multiplies four unsigned weight bytes with four signed token bytes and adds
// them up in each of 16 lanes, so eight of them finish a block of 32 columns for 16 outputs and
// one token. Weights are stored unsigned; what that adds is taken off by where the sum starts.
// The integer sum is exact; one FMA per block (two where 16 columns share a scale) puts it onto the
// row's sum, block after block, so the tile's height changes nothing.
#include <bit>

#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"

namespace conduit::kernels::cpu::avx512 {

#include "kernels/cpu/vectorised/quant_block.inc"
#include "kernels/cpu/vectorised/tile.inc"

namespace {

CONDUIT_INLINE Ints broadcast_int(const std::byte* at) {
  return _mm512_set1_epi32(*reinterpret_cast<const int*>(at));
}
CONDUIT_INLINE Floats broadcast_float(const std::byte* at) {
  return broadcast(*reinterpret_cast<const float*>(at));
}

// One row's numbers beside its bytes in a block of the tile (InputFormat::q8).
template <int rows>
struct RowNumbers {
  const std::byte* at;
  CONDUIT_INLINE Floats scale() const { return broadcast_float(at); }
  CONDUIT_INLINE Ints start() const { return broadcast_int(at + rows * 4); }
  CONDUIT_INLINE Floats sum() const { return broadcast_float(at + 2 * rows * 4); }
  CONDUIT_INLINE Ints first_start() const { return broadcast_int(at + 3 * rows * 4); }
  CONDUIT_INLINE Floats first_sum() const { return broadcast_float(at + 4 * rows * 4); }
};

// Minus what storing the weights with `zero` added adds to a sum; `start`: -8 times the sum of the
// tokens. A zero is a power of two.
template <DType dtype>
CONDUIT_INLINE Ints start_of_sum(Ints start) {
  constexpr int kZero = form_of(dtype).zero;
  if constexpr (kZero == 0) return _mm512_setzero_si512();
  if constexpr (kZero >= 8) return _mm512_slli_epi32(start, std::countr_zero(kZero / 8u));
  return _mm512_srai_epi32(start, std::countr_zero(8u / kZero));
}

CONDUIT_INLINE Ints add_products(Ints sum, const Ints* levels, const std::byte* x, int first,
                                 int last) {
#pragma GCC unroll 8
  for (int i = first; i < last; ++i)
    sum = _mm512_dpbusd_epi32(sum, levels[i], broadcast_int(x + i * 4));
  return sum;
}

// A scale for all 32 columns.
template <DType dtype, int rows>
CONDUIT_INLINE Floats add_block(Floats sum, const Ints* levels, const Terms& terms,
                                const std::byte* x, RowNumbers<rows> row) {
  const Ints dot = add_products(start_of_sum<dtype>(row.start()), levels, x, 0, kVectors);
  sum = fma(to_floats(dot), mul(terms.scales[0], row.scale()), sum);
  if constexpr (form_of(dtype).has_minimum) sum = fma(terms.minima[0], row.sum(), sum);
  return sum;
}

// A scale for each 16.
template <DType dtype, int rows>
CONDUIT_INLINE Floats add_halves(Floats sum, const Ints* levels, const Terms& terms,
                                 const std::byte* x, RowNumbers<rows> row) {
  const Ints first_start = row.first_start();
  const Ints second_start = _mm512_sub_epi32(row.start(), first_start);
  const Ints first = add_products(start_of_sum<dtype>(first_start), levels, x, 0, kVectors / 2);
  const Ints second =
      add_products(start_of_sum<dtype>(second_start), levels, x, kVectors / 2, kVectors);
  const Floats scaled =
      fma(to_floats(second), terms.scales[1], mul(to_floats(first), terms.scales[0]));
  sum = fma(scaled, row.scale(), sum);
  if constexpr (form_of(dtype).has_minimum) {
    const Floats first_sum = row.first_sum();
    sum = fma(terms.minima[0], first_sum, sum);
    sum = fma(terms.minima[1], sub(row.sum(), first_sum), sum);
  }
  return sum;
}

template <DType dtype, int rows>
CONDUIT_INLINE void multiply_block(const std::byte* panel, std::int64_t block, const std::byte* x,
                                   Floats* sums) {
  const Terms terms = load_terms<dtype>(panel, block, 0);
  const std::byte* values = values_of<dtype>(panel, block);
  Ints levels[kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) levels[i] = load_levels<dtype>(values, i);
#pragma GCC unroll 12
  for (int row = 0; row < rows; ++row) {
    const RowNumbers<rows> numbers{x + rows * kBlock + row * 4};
    const std::byte* tokens = x + row * kBlock;
    sums[row] = groups_per_block(dtype) == 2
                    ? add_halves<dtype>(sums[row], levels, terms, tokens, numbers)
                    : add_block<dtype>(sums[row], levels, terms, tokens, numbers);
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
      for (std::int64_t block = 0; block < blocks; ++block) {
        fetch_ahead<dtype>(panel, block);
        multiply_block<dtype, rows>(panel, block, task.x + block * rows * kQ8RowBytes, sums);
      }
      for (int row = 0; row < rows; ++row) store_tile(task, row, p * kPanelRows, sums[row]);
    }
  }
};

// Of every dtype with quantised panels.
template <DType dtype>
MatmulKernel kernel_of() {
  if constexpr (is_quantised(dtype) && panel_dtype(dtype) == dtype) {
    return {InputFormat::q8, 1, functions_by_height<Q8Tile<dtype>, TileTask, kTallestTile>()};
  } else {
    return f32_kernel(dtype);
  }
}

template <std::size_t... i>
MatmulKernel find_kernel(DType dtype, std::index_sequence<i...>) {
  constexpr MatmulKernel (*kKernels[])() = {kernel_of<static_cast<DType>(i)>...};
  return kKernels[static_cast<std::size_t>(dtype)]();
}

}  // namespace

MatmulKernel q8_kernel(DType dtype) {
  return find_kernel(dtype, std::make_index_sequence<kWeightDTypes>());
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
      const int first_sum = _mm512_reduce_add_epi32(low_ints);
      const int sum = first_sum + _mm512_reduce_add_epi32(high_ints);
      scales[row] = largest / 127;
      starts[row] = -8 * sum;
      sums[row] = scales[row] * static_cast<float>(sum);
      starts[2 * rows + row] = -8 * first_sum;
      sums[2 * rows + row] = scales[row] * static_cast<float>(first_sum);
    }
  }
}

}  // namespace conduit::kernels::cpu::avx512
