// The bits of a quantised block put in their places: the other way round of read_block().
#pragma once

#include <cstddef>

#include "kernels/quant_block.h"

namespace conduit::kernels {

// `dtype`: Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K; out: [traits(dtype).block_bytes].
// Integers are within their form's bits; 6-bit scales and minima within 0 … 63.
void write_block(DType dtype, const QuantBlock& block, std::byte* out);

}  // namespace conduit::kernels
