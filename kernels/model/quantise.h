// Float32 → weights as a GGUF file holds them, the other way round of kernels/dequantise.h.
// The idea: a format's scales are found by least squares over a few candidates near the one that
// just reaches the largest value (llama.cpp's k-quants, ggml-quants.c), then every value takes the
// level nearest to it with the scale as the file will hold it, rounded. Deterministic: a row's
// bytes depend on its values alone. Formats: kernels/quant_block.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/tensor.h"

namespace conduit::kernels {

// What quantise() writes: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K.
bool can_quantise_to(DType dtype);

// The largest magnitude that a value may have: beyond, an f16 (a value, or a scale) would overflow.
float largest_value(DType dtype);

// values: whole blocks of `dtype`, finite and within largest_value();
// out: [bytes_of(dtype, values.size())].
void quantise(DType dtype, std::span<const float> values, std::byte* out);

}  // namespace conduit::kernels
