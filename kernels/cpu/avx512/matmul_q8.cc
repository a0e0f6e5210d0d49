// Quantised weights times tokens rounded to 8 bits, for AVX-512 with VNNI.
// The idea: vpdpbusd multiplies four unsigned weight bytes with four signed token bytes and adds
// them up in each of 16 lanes, so eight of them finish a block of 32 columns for 16 outputs and
// one token. Weights are stored unsigned; what that adds is taken off by where the sum starts.
// The integer sum is exact; one FMA per block (two where 16 columns share a scale) puts it onto the
// row's sum, block after block, so the tile's height changes nothing.
#include <algorithm>
#include <bit>
#include <cstring>

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

// The rows' numbers beside their bytes in a block of the tile (InputFormat::q8).
template <int rows>
struct RowNumbers {
  const std::byte* at;
  CONDUIT_INLINE Floats scale(int row) const { return broadcast_float(of(row, 0)); }
  CONDUIT_INLINE Ints start(int row) const { return broadcast_int(of(row, 1)); }
  CONDUIT_INLINE Floats sum(int row) const { return broadcast_float(of(row, 2)); }
  CONDUIT_INLINE Ints first_start(int row) const { return broadcast_int(of(row, 3)); }
  CONDUIT_INLINE Floats first_sum(int row) const { return broadcast_float(of(row, 4)); }

 private:
  CONDUIT_INLINE const std::byte* of(int row, int number) const {
    return at + (number * rows + row) * 4;
  }
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

// Vectors [first, last) of a block times all rows: as many chains of sums as rows, side by side.
template <DType dtype, int rows>
CONDUIT_INLINE void add_products(Ints* dots, const std::byte* values, const std::byte* x, int first,
                                 int last) {
#pragma GCC unroll 8
  for (int i = first; i < last; ++i) {
    const Ints levels = load_levels<dtype>(values, i);
#pragma GCC unroll 12
    for (int row = 0; row < rows; ++row)
      dots[row] = _mm512_dpbusd_epi32(dots[row], levels, broadcast_int(x + row * kBlock + i * 4));
  }
}

// A scale for all 32 columns.
template <DType dtype, int rows>
CONDUIT_INLINE void add_block(Floats* sums, const std::byte* values, const Terms& terms,
                              const std::byte* x) {
  const RowNumbers<rows> numbers{x + rows * kBlock};
  Ints dots[rows];
#pragma GCC unroll 12
  for (int row = 0; row < rows; ++row) dots[row] = start_of_sum<dtype>(numbers.start(row));
  add_products<dtype, rows>(dots, values, x, 0, kVectors);
#pragma GCC unroll 12
  for (int row = 0; row < rows; ++row) {
    sums[row] = fma(to_floats(dots[row]), mul(terms.scales[0], numbers.scale(row)), sums[row]);
    if constexpr (form_of(dtype).has_minimum)
      sums[row] = fma(terms.minima[0], numbers.sum(row), sums[row]);
  }
}

// A scale for each 16. Rows [first_row, first_row + count): half of a tall tile, for the registers.
template <DType dtype, int rows, int first_row, int count>
CONDUIT_INLINE void add_halves(Floats* sums, const std::byte* values, const Terms& terms,
                               const std::byte* x) {
  const RowNumbers<rows> numbers{x + rows * kBlock + first_row * 4};
  x += first_row * kBlock;
  sums += first_row;
  Ints dots[count];
#pragma GCC unroll 12
  for (int row = 0; row < count; ++row) dots[row] = start_of_sum<dtype>(numbers.first_start(row));
  add_products<dtype, count>(dots, values, x, 0, kVectors / 2);
  Floats scaled[count];
#pragma GCC unroll 12
  for (int row = 0; row < count; ++row) {
    scaled[row] = mul(to_floats(dots[row]), terms.scales[0]);
    dots[row] = start_of_sum<dtype>(_mm512_sub_epi32(numbers.start(row), numbers.first_start(row)));
  }
  add_products<dtype, count>(dots, values, x, kVectors / 2, kVectors);
#pragma GCC unroll 12
  for (int row = 0; row < count; ++row) {
    scaled[row] = fma(to_floats(dots[row]), terms.scales[1], scaled[row]);
    sums[row] = fma(scaled[row], numbers.scale(row), sums[row]);
    if constexpr (form_of(dtype).has_minimum) {
      const Floats first_sum = numbers.first_sum(row);
      sums[row] = fma(terms.minima[0], first_sum, sums[row]);
      sums[row] = fma(terms.minima[1], sub(numbers.sum(row), first_sum), sums[row]);
    }
  }
}

template <DType dtype, int rows>
CONDUIT_INLINE void multiply_block(const std::byte* panel, std::int64_t block, const std::byte* x,
                                   Floats* sums) {
  const Terms terms = load_terms<dtype>(panel, block, 0);
  const std::byte* values = values_of<dtype>(panel, block);
  if constexpr (groups_per_block(dtype) == 2) {
    constexpr int kFirst = rows > 6 ? rows / 2 : rows;
    add_halves<dtype, rows, 0, kFirst>(sums, values, terms, x);
    if constexpr (kFirst < rows)
      add_halves<dtype, rows, kFirst, rows - kFirst>(sums, values, terms, x);
  } else {
    add_block<dtype, rows>(sums, values, terms, x);
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
#pragma GCC unroll 12
      for (Floats& sum : sums) sum = zero();  // unrolled, or they are not kept in registers
      for (std::int64_t block = 0; block < blocks; ++block) {
        fetch_ahead<dtype>(panel, block);
        multiply_block<dtype, rows>(panel, block, task.x + block * rows * kQ8RowBytes, sums);
      }
#pragma GCC unroll 12
      for (int row = 0; row < rows; ++row) store_tile(task, row, p * kPanelRows, sums[row]);
    }
  }
};

// Of every dtype with quantised panels.
template <DType dtype>
MatmulKernel kernel_of() {
  if constexpr (is_quantised(dtype) && panel_dtype(dtype) == dtype) {
    return {InputFormat::q8, 1, kTallestTile,
            functions_by_height<Q8Tile<dtype>, TileTask, kTallestTile>()};
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

namespace {

// Four vectors' largest lanes, and the sums of both halves of four vectors of eight integers.
CONDUIT_INLINE __m128 largest_of_each(const Floats* x) {
  const Floats low = max(_mm512_unpacklo_ps(x[0], x[1]), _mm512_unpackhi_ps(x[0], x[1]));
  const Floats high = max(_mm512_unpacklo_ps(x[2], x[3]), _mm512_unpackhi_ps(x[2], x[3]));
  const __m512d lows = _mm512_castps_pd(low), highs = _mm512_castps_pd(high);
  const Floats all = max(_mm512_castpd_ps(_mm512_unpacklo_pd(lows, highs)),
                         _mm512_castpd_ps(_mm512_unpackhi_pd(lows, highs)));
  const __m256 half = _mm256_max_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
  return _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
CONDUIT_INLINE __m256i sums_of_halves(const __m256i* x) {
  return _mm256_hadd_epi32(_mm256_hadd_epi32(x[0], x[1]), _mm256_hadd_epi32(x[2], x[3]));
}

constexpr int kAtOnce = 4;  // rows' blocks that pack_q8 takes at a time

// A row's part of a block: where it comes from, and where its bytes and its numbers go.
struct RowBlock {
  const float* x = nullptr;
  std::byte* bytes = nullptr;
  std::byte* numbers = nullptr;
};

// What RowNumbers reads; `rows` of the tile.
CONDUIT_INLINE void pack_blocks(const RowBlock* blocks, int count, int rows) {
  Floats low[kAtOnce], high[kAtOnce], magnitude[kAtOnce];
#pragma GCC unroll 4
  for (int i = 0; i < kAtOnce; ++i) {
    low[i] = load(blocks[i].x);
    high[i] = load(blocks[i].x + kLanes);
    magnitude[i] = max(_mm512_abs_ps(low[i]), _mm512_abs_ps(high[i]));
  }
  const __m128 largest = largest_of_each(magnitude);
  const __m128 limit = _mm_set1_ps(127);
  alignas(16) float inverses[kAtOnce];
  _mm_store_ps(inverses, _mm_maskz_div_ps(_mm_cmp_ps_mask(largest, _mm_setzero_ps(), _CMP_GT_OQ),
                                          limit, largest));
  __m256i dots[kAtOnce];
#pragma GCC unroll 4
  for (int i = 0; i < kAtOnce; ++i) {
    const Floats inverse = broadcast(inverses[i]);
    const __m128i first = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(mul(low[i], inverse)));
    const __m128i second = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(mul(high[i], inverse)));
    const __m256i bytes = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(blocks[i].bytes), bytes);
    dots[i] = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), bytes);
  }
  const __m256i sums = sums_of_halves(dots);
  const __m128i first_sum = _mm256_castsi256_si128(sums);
  const __m128i sum = _mm_add_epi32(first_sum, _mm256_extracti128_si256(sums, 1));
  const __m128 scale = _mm_div_ps(largest, limit);
  const __m128i minus_eight = _mm_set1_epi32(-8);
  alignas(16) float numbers[5][kAtOnce];
  _mm_store_ps(numbers[0], scale);
  _mm_store_ps(numbers[1], _mm_castsi128_ps(_mm_mullo_epi32(sum, minus_eight)));
  _mm_store_ps(numbers[2], _mm_mul_ps(scale, _mm_cvtepi32_ps(sum)));
  _mm_store_ps(numbers[3], _mm_castsi128_ps(_mm_mullo_epi32(first_sum, minus_eight)));
  _mm_store_ps(numbers[4], _mm_mul_ps(scale, _mm_cvtepi32_ps(first_sum)));
  for (int i = 0; i < count; ++i)
#pragma GCC unroll 5
    for (int number = 0; number < 5; ++number)
      std::memcpy(blocks[i].numbers + number * rows * 4, &numbers[number][i], 4);
}

}  // namespace

CONDUIT_TARGET void pack_q8(const float* x, std::int64_t stride, int rows, std::int64_t cols,
                            std::byte* tile) {
  const std::int64_t all = cols / kBlock * rows;
  std::int64_t block = 0;
  int row = 0;
  for (std::int64_t done = 0; done < all; done += kAtOnce) {
    const int count = static_cast<int>(std::min<std::int64_t>(kAtOnce, all - done));
    RowBlock blocks[kAtOnce];
    for (int i = 0; i < kAtOnce; ++i) {
      if (i >= count) {  // at the end: the same again
        blocks[i] = blocks[0];
        continue;
      }
      std::byte* at = tile + block * rows * kQ8RowBytes;
      blocks[i] = {x + row * stride + block * kBlock, at + row * kBlock,
                   at + rows * kBlock + row * 4};
      if (++row == rows) {
        row = 0;
        ++block;
      }
    }
    pack_blocks(blocks, count, rows);
  }
}

}  // namespace conduit::kernels::cpu::avx512
