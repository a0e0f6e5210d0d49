// Row-by-row operations for AVX-512: kernels/cpu/vectorised/elementwise.inc over this folder's
// vector.h.
#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"

namespace conduit::kernels::cpu::avx512 {

#include "kernels/cpu/vectorised/elementwise.inc"

}  // namespace conduit::kernels::cpu::avx512
