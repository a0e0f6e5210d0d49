// The bytes of weight files, for tests that make them: float32 → a DType, the plain way, and random
// blocks of the types that have no encoder here.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "kernels/tensor.h"

namespace conduit::testing {

// The inverse of kernels/dequantise.h up to rounding; no claim to the best scales.
// dtype: one of can_quantise; values: a whole number of its blocks.
std::string quantise(kernels::DType dtype, std::span<const float> values);
bool can_quantise(kernels::DType dtype);

// Any weight dtype: random integers and small scales, so that every bit of a block counts, with
// values of up to about 1. elements: a whole number of blocks.
std::string random_weights(kernels::DType dtype, std::int64_t elements, std::uint64_t seed);

}  // namespace conduit::testing
