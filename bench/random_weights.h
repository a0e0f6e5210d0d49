// The values of a random-weight model, and their bytes in a file's type.
// The idea: a value is drawn from (seed, the weight's Hugging Face name, its index) alone, so a
// GGUF file of any type and a Hugging Face folder of the same shape and seed are the same model,
// and rows can be made in any order by any thread.
#pragma once

#include <cstdint>
#include <string>

#include "bench/model_shape.h"
#include "kernels/tensor.h"

namespace conduit::bench {

// Rows [first, first + count) as GGUF orders them, or as Hugging Face does; `dtype` is one that
// tests/support/quantise.h encodes.
struct RowSpan {
  std::int64_t first = 0, count = 0;
  bool is_gguf = true;
};
std::string weight_bytes(const WeightSpec& weight, RowSpan rows, kernels::DType dtype,
                         std::uint64_t seed);

}  // namespace conduit::bench
