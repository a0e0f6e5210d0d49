// Attention over bf16 pages for AVX-512 with BF16 instructions:
// kernels/cpu/vectorised/attention.inc with two elements a lane.
// The idea: vdpbf16ps multiplies two neighbouring elements at a time and adds both to a float32
// sum; keys and values lie in pairs for it (kv_layout.h). Weights are rounded to bf16.
#include <algorithm>
#include <array>

#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"

// All of attention.inc is compiled for BF16 here.
#undef CONDUIT_TARGET
#define CONDUIT_TARGET                                                      \
  __attribute__((                                                           \
      target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni," \
             "avx512bf16")))

namespace conduit::kernels::cpu::avx512 {
namespace {

#include "kernels/cpu/vectorised/attention.inc"
// Behind it.
#include "kernels/cpu/avx512/bf16_format.inc"

}  // namespace

AttentionKernel bf16_attention() {
  return {pack_q<Tiles<PairFormat>>, attend<Tiles<PairFormat>, false>};
}

CONDUIT_TARGET void to_bf16(void* out, const float* x, std::int64_t count) {
  const Floats largest = broadcast(0x1.FEp127f);  // of bf16
  auto* halves = static_cast<std::uint16_t*>(out);
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const std::int64_t rest = count - i < kLanes ? count - i : kLanes;
    const Floats lanes = _mm512_maskz_loadu_ps(first_lanes(rest), x + i);
    const auto rounded = (__m256i)_mm512_cvtneps_pbh(max(min(lanes, largest), negate(largest)));
    _mm256_mask_storeu_epi16(halves + i, first_lanes(rest), rounded);
  }
}

}  // namespace conduit::kernels::cpu::avx512
