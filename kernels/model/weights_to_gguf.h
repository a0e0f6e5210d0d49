// The tensors of a GGUF file, made of a Hugging Face checkpoint's: which parts each is put together
// from, and what is done with their rows.
// Rules: llama.cpp, conversion/llama.py (rows of q and k in pairs), gemma.py (norms plus 1),
// qwen.py (experts in one tensor). Not here: their types and bytes (quantise_model.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/model/model.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct GgufTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // [n], [rows, cols] or [experts, rows, cols]
  std::vector<TensorView> parts;    // their rows one behind another
  int head_dim = 0;                 // rows of each head become pairs (i, i + head_dim / 2); 0: stay
  float added = 0;                  // to every value

  // As a matrix: what is permuted are rows, of one value each in a vector of that kind.
  std::int64_t cols() const {
    return shape.size() > 1 ? shape.back() : head_dim > 0 ? 1 : shape[0];
  }
  std::int64_t elements() const;
};

// In the order in which a pass reads them. `source` fits its config (check_weights).
// Error: invalid_argument names a tensor that GGUF has no place for.
Result<std::vector<GgufTensor>> gguf_tensors_of(const Model& source);

}  // namespace conduit::kernels
