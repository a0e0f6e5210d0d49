// A Hugging Face ModelConfig as GGUF metadata, for files that Conduit and llama.cpp both read.
// The idea: what GGUF cannot say (llama.cpp knows it by the family's name, or not at all) is not
// listed here; the file's own reading is compared with the source instead, so nothing that would
// change an answer gets lost silently.
// Key names: gguf-py, constants.py; which family has which: llama.cpp, conversion/*.py.
#pragma once

#include <string>
#include <vector>

#include "kernels/model/config.h"
#include "kernels/model/gguf_writer.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// general.architecture. Error: invalid_argument names a family that is not written.
Result<std::string> gguf_architecture(const ModelConfig& config);

// Errors: as above; invalid_argument for a rope scaling that the family's GGUF does not have.
Status add_config(GgufHeader& header, const ModelConfig& config);

// Llama 3's rope_freqs.weight, one factor per rotary pair; empty where there is none.
std::vector<float> rope_factors_of(const ModelConfig& config);

// Error: invalid_argument names what `written`, read back, says differently.
Status check_same_config(const ModelConfig& source, const ModelConfig& written);

}  // namespace conduit::kernels
