// `conduit-bench make-model`: random weights of a given shape as files that any engine opens.
// The idea: written as a stream, so a model larger than memory can be made; a name ending in .gguf
// is one GGUF file, any other a Hugging Face folder (safetensors, config.json, tokenizer.json).
// The tokenizer is byte-level BPE with ids that nothing produces up to the shape's vocabulary.
#pragma once

#include <cstdint>
#include <filesystem>

#include "bench/model_shape.h"
#include "kernels/tensor.h"
#include "mdl/base/result.h"

namespace conduit::bench {

struct MakeModelOptions {
  ModelShape shape;
  kernels::DType dtype = kernels::DType::q8_0;  // of the matrices; norms are F32 in GGUF
  std::filesystem::path out;                    // replaced if there
  std::uint64_t seed = 1;
};

// Errors: invalid_argument (a type that cannot be written, rows that its blocks do not divide),
// exhausted (the disk, with what is needed), unavailable (writing).
Status make_model(const MakeModelOptions& options);

}  // namespace conduit::bench
