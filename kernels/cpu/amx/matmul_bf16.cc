// bf16 weights times tokens rounded to bf16, for AMX.
// The idea: 16 pairs of columns of a panel are a register as they lie, and so are 32 columns of a
// packed tile; a tile of any height and one token alone take the same instructions, whose order of
// sums is not that of AVX-512's.
#include <cstring>

#include "kernels/cpu/amx/parts.h"
#include "kernels/cpu/amx/tile.h"
#include "kernels/cpu/avx512/vector.h"

namespace conduit::kernels::cpu::amx {

using namespace avx512;

#include "kernels/cpu/vectorised/tile.inc"

namespace {

constexpr int kTogether = 4;                                // panels
constexpr int kPairs = kBlock / 2;                          // of columns in a register
constexpr std::int64_t kStepBytes = kPairs * kVectorBytes;  // of a panel
// Registers: sums from 0 on, tokens, then weights.
constexpr int kTokens = kTogether;
constexpr int kWeights = kTokens + 1;
constexpr int kWeightRegisters = 3;

template <int rows, std::size_t... panel>
CONDUIT_INLINE void multiply_step(const std::byte* const* weights, const std::byte* x,
                                  std::index_sequence<panel...>) {
  read_tile<kTokens>(x, kBlock * 2);
  const auto multiply = [&]<int p>(std::integral_constant<int, p>) {
    constexpr int kWeight = kWeights + p % kWeightRegisters;
    read_tile<kWeight>(weights[p], kVectorBytes);
    multiply_bf16<p, kTokens, kWeight>();
  };
  (multiply(std::integral_constant<int, panel>()), ...);
}

template <int rows, std::size_t... panel>
CONDUIT_INLINE void multiply_panels(const TileTask& task, int first,
                                    std::index_sequence<panel...> sequence) {
  constexpr int kPanels = sizeof...(panel);
  (clear<static_cast<int>(panel)>(), ...);
  const std::byte* weights[kPanels];
  for (int p = 0; p < kPanels; ++p) weights[p] = task.weight + (first + p) * task.panel_bytes;
  const std::byte* x = task.x;
  std::int64_t pairs = (task.cols + 1) / 2;
  for (; pairs >= kPairs; pairs -= kPairs, x += rows * kBlock * 2) {
    multiply_step<rows>(weights, x, sequence);
    for (const std::byte*& weight : weights) weight += kStepBytes;
  }
  if (pairs > 0) {  // what follows a panel is not zero
    alignas(64) std::byte last[kPanels][kStepBytes] = {};
    for (int p = 0; p < kPanels; ++p) {
      std::memcpy(last[p], weights[p], static_cast<std::size_t>(pairs) * kVectorBytes);
      weights[p] = last[p];
    }
    multiply_step<rows>(weights, x, sequence);
  }
  alignas(64) float sums[kPanels][rows * kPanelRows];
  (write_tile<static_cast<int>(panel)>(sums[panel], kVectorBytes), ...);
  for (int row = 0; row < rows; ++row)
    for (int p = 0; p < kPanels; ++p)
      store_tile(task, row, (first + p) * kPanelRows, load(sums[p] + row * kPanelRows));
}

struct Bf16Tile {
  template <int rows>
  CONDUIT_TARGET static void run(const TileTask& task) {
    TileShapes shapes;
    for (int p = 0; p < kTogether; ++p) shapes.set(p, rows, kVectorBytes);
    shapes.set(kTokens, rows, kBlock * 2);
    for (int i = 0; i < kWeightRegisters; ++i) shapes.set(kWeights + i, kPairs, kVectorBytes);
    const TilesInUse tiles(shapes);
    int panel = 0;
    for (; panel + kTogether <= task.panels; panel += kTogether)
      multiply_panels<rows>(task, panel, std::make_index_sequence<kTogether>());
    for (; panel < task.panels; ++panel)
      multiply_panels<rows>(task, panel, std::make_index_sequence<1>());
  }
};

}  // namespace

MatmulKernel bf16_kernel() {
  return {InputFormat::bf16, kTogether, amx::kTallestTile,
          functions_by_height<Bf16Tile, TileTask, amx::kTallestTile>()};
}

}  // namespace conduit::kernels::cpu::amx
