// Quantised weights times tokens rounded to 8 bits, for AVX2.
// The idea: vpmaddubsw multiplies unsigned weight bytes with signed token bytes and adds pairs
// into 16 bits, vpmaddwd adds pairs of those into 32. Integers of few bits are small enough (15 *
// 127 * 2 * 8 < 2^15) that several products are added up in 16 bits before they are widened. Bytes
// are not: their signs move to the token (|w| * ±x), and every product is widened at once. The
// integer sum is exact; one FMA per block (two where 16 columns share a scale) puts it onto the
// row's sum, so the tile's height changes nothing.
#include <algorithm>
#include <bit>

#include "kernels/cpu/avx2/parts.h"
#include "kernels/cpu/avx2/vector.h"

namespace conduit::kernels::cpu::avx2 {

#include "kernels/cpu/vectorised/quant_block.inc"
#include "kernels/cpu/vectorised/tile.inc"

namespace {

constexpr int kHalves = kPanelRows / kLanes;

CONDUIT_INLINE Ints broadcast_int(const std::byte* at) {
  return _mm256_set1_epi32(*reinterpret_cast<const int*>(at));
}
CONDUIT_INLINE Floats broadcast_float(const std::byte* at) {
  return broadcast(*reinterpret_cast<const float*>(at));
}
CONDUIT_INLINE Ints widen(Ints pairs) { return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }

// The largest level with `zero` added.
constexpr int largest_level(DType dtype) {
  if (const Levels* levels = levels_of(dtype))
    return *std::max_element(levels->begin(), levels->end());
  return (1 << form_of(dtype).bits) - 1;
}
constexpr bool has_bytes(DType dtype) { return largest_level(dtype) > 127; }

// Integer sums of one half of the panel (8 outputs) and every row of the tile over vectors
// [first, last) of a block.
template <DType dtype, int rows>
CONDUIT_INLINE void sum_small(const std::byte* values, const std::byte* x, int first, int last,
                              Ints* sums) {
  constexpr int kTogether = std::min(32767 / (2 * 127 * largest_level(dtype)), kVectors);
#pragma GCC unroll 6
  for (int row = 0; row < rows; ++row) sums[row] = _mm256_setzero_si256();
  Ints pairs[rows];
#pragma GCC unroll 8
  for (int i = first; i < last; ++i) {
    const bool is_first = (i - first) % kTogether == 0;
    const bool is_last = (i - first) % kTogether == kTogether - 1 || i == last - 1;
    const Ints levels = load_levels<dtype>(values, i);
#pragma GCC unroll 6
    for (int row = 0; row < rows; ++row) {
      const Ints two = _mm256_maddubs_epi16(levels, broadcast_int(x + row * kBlock + i * 4));
      pairs[row] = is_first ? two : _mm256_add_epi16(pairs[row], two);
      if (is_last) sums[row] = _mm256_add_epi32(sums[row], widen(pairs[row]));
    }
  }
}

template <DType dtype, int rows>
CONDUIT_INLINE void sum_bytes(const std::byte* values, const std::byte* x, int first, int last,
                              Ints* sums) {
  static_assert(form_of(dtype).zero == 128, "what the sign bit adds");
  const Ints sign_bit = _mm256_set1_epi8(-128);
#pragma GCC unroll 6
  for (int row = 0; row < rows; ++row) sums[row] = _mm256_setzero_si256();
#pragma GCC unroll 8
  for (int i = first; i < last; ++i) {
    const Ints weight = _mm256_xor_si256(load_levels<dtype>(values, i), sign_bit);
    const Ints magnitude = _mm256_abs_epi8(weight);
#pragma GCC unroll 6
    for (int row = 0; row < rows; ++row) {
      const Ints token = _mm256_sign_epi8(broadcast_int(x + row * kBlock + i * 4), weight);
      sums[row] = _mm256_add_epi32(sums[row], widen(_mm256_maddubs_epi16(magnitude, token)));
    }
  }
}

// Minus what storing the weights with `zero` added adds to a sum; `start`: -8 times the sum of the
// tokens. A zero is a power of two.
template <DType dtype>
CONDUIT_INLINE Ints start_of_sum(Ints start) {
  constexpr int kZero = form_of(dtype).zero;
  if constexpr (kZero >= 8) return _mm256_slli_epi32(start, std::countr_zero(kZero / 8u));
  return _mm256_srai_epi32(start, std::countr_zero(8u / std::max(kZero, 1)));
}

// Vectors [first, last) of a block, which share a scale; `starts`, `token_sums`: of their columns.
template <DType dtype, int rows>
CONDUIT_INLINE void sum_levels(const std::byte* values, const std::byte* x, int first, int last,
                               const Ints* starts, Ints* sums) {
  if constexpr (has_bytes(dtype)) {
    sum_bytes<dtype, rows>(values, x, first, last, sums);
  } else {
    sum_small<dtype, rows>(values, x, first, last, sums);
    if constexpr (form_of(dtype).zero != 0)
#pragma GCC unroll 6
      for (int row = 0; row < rows; ++row)
        sums[row] = _mm256_add_epi32(sums[row], start_of_sum<dtype>(starts[row]));
  }
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

// Of columns [0, 32), or of the first or second 16.
template <DType dtype, int rows>
CONDUIT_INLINE void add_group(const std::byte* values, const Terms& terms, const std::byte* x,
                              int group, Floats* sums) {
  constexpr bool is_half = groups_per_block(dtype) == 2;
  constexpr int kCount = kVectors / groups_per_block(dtype);
  Ints starts[rows];
#pragma GCC unroll 6
  for (int row = 0; row < rows; ++row) {
    const RowNumbers<rows> numbers{x + rows * kBlock + row * 4};
    starts[row] = !is_half     ? numbers.start()
                  : group == 0 ? numbers.first_start()
                               : _mm256_sub_epi32(numbers.start(), numbers.first_start());
  }
  Ints dots[rows];
  sum_levels<dtype, rows>(values, x, group * kCount, (group + 1) * kCount, starts, dots);
#pragma GCC unroll 6
  for (int row = 0; row < rows; ++row) {
    const RowNumbers<rows> numbers{x + rows * kBlock + row * 4};
    sums[row] = fma(to_floats(dots[row]), mul(terms.scales[group], numbers.scale()), sums[row]);
    if constexpr (form_of(dtype).has_minimum) {
      const Floats tokens = !is_half     ? numbers.sum()
                            : group == 0 ? numbers.first_sum()
                                         : sub(numbers.sum(), numbers.first_sum());
      sums[row] = fma(terms.minima[group], tokens, sums[row]);
    }
  }
}

// Halves [first, first + count) of a block of a panel.
template <DType dtype, int rows, int count>
CONDUIT_INLINE void multiply_block(const std::byte* panel, std::int64_t block, const std::byte* x,
                                   int first, Floats* sums) {
#pragma GCC unroll 2
  for (int half = 0; half < count; ++half) {
    const int lane = (first + half) * kLanes;
    const std::byte* values = values_of<dtype>(panel, block) + lane * 4;
    const Terms terms = load_terms<dtype>(panel, block, lane);
    add_group<dtype, rows>(values, terms, x, 0, sums + half * rows);
    if constexpr (groups_per_block(dtype) == 2)
      add_group<dtype, rows>(values, terms, x, 1, sums + half * rows);
  }
}

template <DType dtype>
struct Q8Tile {
  template <int rows>
  CONDUIT_TARGET static void run(const TileTask& task) {
    // Both halves' sums fit the registers beside a few tokens' products only.
    constexpr int kTogether = rows <= 2 ? kHalves : 1;
    const std::int64_t blocks = task.cols / kBlock;
    for (int p = 0; p < task.panels; ++p) {
      const std::byte* panel = task.weight + p * task.panel_bytes;
      for (int first = 0; first < kHalves; first += kTogether) {
        Floats sums[kTogether * rows];
#pragma GCC unroll 12
        for (Floats& sum : sums) sum = zero();  // unrolled, or they are not kept in registers
        for (std::int64_t block = 0; block < blocks; ++block) {
          if (first == 0) fetch_ahead<dtype>(panel, block);
          multiply_block<dtype, rows, kTogether>(panel, block, task.x + block * rows * kQ8RowBytes,
                                                 first, sums);
        }
#pragma GCC unroll 12
        for (int i = 0; i < kTogether * rows; ++i)
          store_tile(task, i % rows, p * kPanelRows + (first + i / rows) * kLanes, sums[i]);
      }
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
      int sum = 0, first_sum = 0;
      for (int i = 0; i < kBlock; ++i) {
        out[i] = static_cast<std::int8_t>(integers[i]);
        sum += integers[i];
        if (i < kBlock / 2) first_sum += integers[i];
      }
      scales[row] = largest / 127;
      starts[row] = -8 * sum;
      sums[row] = scales[row] * static_cast<float>(sum);
      starts[2 * rows + row] = -8 * first_sum;
      sums[2 * rows + row] = scales[row] * static_cast<float>(first_sum);
    }
  }
}

}  // namespace conduit::kernels::cpu::avx2
