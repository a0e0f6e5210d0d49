// Float32 products for AVX-512: kernels/cpu/vectorised/matmul_f32.inc over this folder's vector.h.
#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"

namespace conduit::kernels::cpu::avx512 {

#include "kernels/cpu/vectorised/quant_block.inc"
#include "kernels/cpu/vectorised/tile.inc"
// Those first: the next file is written in their words.
#include "kernels/cpu/vectorised/matmul_f32.inc"

}  // namespace conduit::kernels::cpu::avx512
