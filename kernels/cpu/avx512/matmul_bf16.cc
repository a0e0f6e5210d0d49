// bf16 weights times tokens rounded to bf16, for AVX-512 with BF16 instructions.
// The idea: vdpbf16ps multiplies two neighbouring columns at a time and adds both to a float32
// sum: twice the columns per instruction of the float32 kernel, at the price of rounding tokens.
#include <algorithm>

#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"

#define CONDUIT_BF16_TARGET                                                 \
  __attribute__((                                                           \
      target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni," \
             "avx512bf16")))

namespace conduit::kernels::cpu::avx512 {

#include "kernels/cpu/vectorised/tile.inc"

namespace {

constexpr std::int64_t kPairBytes = 4;  // two bf16
constexpr std::int64_t kPairs = kBlock / 2;

template <int rows, int panels>
CONDUIT_BF16_TARGET void multiply_panels(const TileTask& task, int first) {
  Floats sums[rows][panels];
  for (auto& row : sums)
    for (Floats& sum : row) sum = zero();
  const std::int64_t pairs = (task.cols + 1) / 2;
  const std::byte* x = task.x;
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    __m512bh weights[panels];
#pragma GCC unroll 4
    for (int p = 0; p < panels; ++p)
      weights[p] = (__m512bh)load_ints(task.weight + (first + p) * task.panel_bytes +
                                       pair * kPanelRows * kPairBytes);
#pragma GCC unroll 12
    for (int row = 0; row < rows; ++row) {
      const auto* token = reinterpret_cast<const int*>(x + row * kBlock * 2);
      const auto tokens = (__m512bh)_mm512_set1_epi32(*token);
#pragma GCC unroll 4
      for (int p = 0; p < panels; ++p)
        sums[row][p] = _mm512_dpbf16_ps(sums[row][p], weights[p], tokens);
    }
    x += kPairBytes;
    if (pair % kPairs == kPairs - 1) x += (rows - 1) * kBlock * 2;  // the next block of the tile
  }
  for (int row = 0; row < rows; ++row)
    for (int p = 0; p < panels; ++p) store_tile(task, row, (first + p) * kPanelRows, sums[row][p]);
}

struct Bf16Tile {
  template <int rows>
  CONDUIT_BF16_TARGET static void run(const TileTask& task) {
    constexpr int kTogether = rows <= 6 ? 4 : 2;  // at most 24 registers of sums
    int panel = 0;
    for (; panel + kTogether <= task.panels; panel += kTogether)
      multiply_panels<rows, kTogether>(task, panel);
    for (; panel < task.panels; ++panel) multiply_panels<rows, 1>(task, panel);
  }
};

}  // namespace

MatmulKernel bf16_kernel() {
  return {InputFormat::bf16, 4, kTallestTile,
          functions_by_height<Bf16Tile, TileTask, kTallestTile>()};
}

// Rounds as float_to_bf16 does: to nearest, ties to even; NaN stays NaN.
CONDUIT_INLINE __m256i round_to_bf16(Floats x) {
  const Ints bits = as_ints(x);
  const Ints odd = masked(shift_right(bits, 16), 1);
  const Ints rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
  const __mmask16 is_nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  const Ints quiet = either(bits, _mm512_set1_epi32(0x400000));
  return _mm512_cvtepi32_epi16(shift_right(_mm512_mask_mov_epi32(rounded, is_nan, quiet), 16));
}

CONDUIT_TARGET void pack_bf16(const float* x, std::int64_t stride, int rows, std::int64_t cols,
                              std::byte* tile) {
  for (std::int64_t col = 0; col < cols; col += kBlock) {
    for (int row = 0; row < rows; ++row) {
      for (int half = 0; half < kBlock; half += kLanes, tile += kLanes * 2) {
        const std::int64_t left = std::clamp<std::int64_t>(cols - col - half, 0, kLanes);
        const float* from = x + row * stride + col + half;
        const Floats values = left == kLanes ? load(from) : load_first(from, left);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(tile), round_to_bf16(values));
      }
    }
  }
}

}  // namespace conduit::kernels::cpu::avx512
