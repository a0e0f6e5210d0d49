// Row-by-row operations for AVX2: kernels/cpu/vectorised/elementwise.inc over this folder's
// vector.h.
#include "kernels/cpu/avx2/parts.h"
#include "kernels/cpu/avx2/vector.h"

namespace conduit::kernels::cpu::avx2 {

#include "kernels/cpu/vectorised/elementwise.inc"

}  // namespace conduit::kernels::cpu::avx2
