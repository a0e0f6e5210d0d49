// bf16 weights times tokens rounded to bf16, for AVX-512 with BF16 instructions.
// The idea: vdpbf16ps multiplies two neighbouring columns at a time and adds both to a float32
// sum: twice the columns per instruction of the float32 kernel, at the price of rounding tokens.
#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"
#include "kernels/half.h"

#define CONDUIT_BF16_TARGET                                                 \
  __attribute__((                                                           \
      target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni," \
             "avx512bf16")))

namespace conduit::kernels::cpu::avx512 {

#include "kernels/cpu/vectorised/tile.inc"

namespace {

constexpr std::int64_t kPairBytes = 4;  // two bf16

template <int rows, int panels>
CONDUIT_BF16_TARGET void multiply_panels(const TileTask& task, int first) {
  Floats sums[rows][panels];
  for (auto& row : sums)
    for (Floats& sum : row) sum = zero();
  const std::int64_t pairs = (task.cols + 1) / 2;
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    __m512bh weights[panels];
#pragma GCC unroll 4
    for (int p = 0; p < panels; ++p)
      weights[p] = (__m512bh)load_ints(task.weight + (first + p) * task.panel_bytes +
                                       pair * kPanelRows * kPairBytes);
#pragma GCC unroll 12
    for (int row = 0; row < rows; ++row) {
      const auto* token = reinterpret_cast<const int*>(task.x + (pair * rows + row) * kPairBytes);
      const auto tokens = (__m512bh)_mm512_set1_epi32(*token);
#pragma GCC unroll 4
      for (int p = 0; p < panels; ++p)
        sums[row][p] = _mm512_dpbf16_ps(sums[row][p], weights[p], tokens);
    }
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
  return {InputFormat::bf16, 4, functions_by_height<Bf16Tile, TileTask, kTallestTile>()};
}

void pack_bf16(const float* x, std::int64_t stride, int rows, std::int64_t cols, std::byte* tile) {
  auto* out = reinterpret_cast<std::uint16_t*>(tile);
  for (std::int64_t col = 0; col < cols; col += 2) {
    for (int row = 0; row < rows; ++row) {
      const float* pair = x + row * stride + col;
      *out++ = float_to_bf16(pair[0]);
      *out++ = col + 1 < cols ? float_to_bf16(pair[1]) : std::uint16_t{0};
    }
  }
}

}  // namespace conduit::kernels::cpu::avx512
