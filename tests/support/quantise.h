// float32 → the bytes of a weight file, in any DType: the plain way, for tests that make files.
// The inverse of kernels/dequantise.h up to rounding; no claim to the best scales.
#pragma once

#include <span>
#include <string>

#include "kernels/tensor.h"

namespace conduit::testing {

// values: a whole number of the dtype's blocks.
std::string quantise(kernels::DType dtype, std::span<const float> values);

}  // namespace conduit::testing
