// Attention over f32 and f16 pages for AVX-512: kernels/cpu/vectorised/attention.inc over this
// folder's vector.h.
#include <algorithm>
#include <array>

#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"

namespace conduit::kernels::cpu::avx512 {
namespace {

#include "kernels/cpu/vectorised/attention.inc"

// As one tile's products need them, so that few rows do not pay for converting.
CONDUIT_TARGET void attend_halves(const AttentionTask& task) {
  task.rows <= kTallestTile ? attend<Tiles<HalfFormat>, false>(task)
                            : attend<Tiles<FloatFormat>, true>(task);
}

}  // namespace

AttentionKernel f32_attention() {
  return {pack_q<Tiles<FloatFormat>>, attend<Tiles<FloatFormat>, false>};
}

AttentionKernel f16_attention() { return {pack_q<Tiles<HalfFormat>>, attend_halves}; }

CONDUIT_TARGET void merge_states(float* state, const float* next, std::int64_t value_dim) {
  const float before = state[value_dim];
  const float largest = before > next[value_dim] ? before : next[value_dim];
  const Floats factor = exp(broadcast(before - largest));
  const Floats next_factor = exp(broadcast(next[value_dim] - largest));
  // The last lanes: the largest score, mended below, the total, and what is not in use.
  for (std::int64_t i = 0; i < value_dim + 16; i += kLanes)
    store(state + i, fma(load(next + i), next_factor, mul(load(state + i), factor)));
  state[value_dim] = largest;
}

CONDUIT_TARGET void finish_state(float* out, const float* state, std::int64_t head_dim,
                                 std::int64_t value_dim) {
  const float inverse = 1 / state[value_dim + 1];
  for (std::int64_t i = 0; i < head_dim; ++i) out[i] = state[i] * inverse;
}

}  // namespace conduit::kernels::cpu::avx512
