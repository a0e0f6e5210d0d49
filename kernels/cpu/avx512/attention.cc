// Attention over f32 and f16 pages for AVX-512: vectorised/attention_kernels.inc over
// this folder's vector.h.
#include <algorithm>
#include <array>

#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"

namespace conduit::kernels::cpu::avx512 {

#include "kernels/cpu/vectorised/attention_kernels.inc"

}  // namespace conduit::kernels::cpu::avx512
