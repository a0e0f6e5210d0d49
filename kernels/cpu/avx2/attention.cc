// Attention over f32 and f16 pages for AVX2: vectorised/attention_kernels.inc over
// this folder's vector.h.
#include <algorithm>
#include <array>

#include "kernels/cpu/avx2/parts.h"
#include "kernels/cpu/avx2/vector.h"

namespace conduit::kernels::cpu::avx2 {

#include "kernels/cpu/vectorised/attention_kernels.inc"

}  // namespace conduit::kernels::cpu::avx2
