// ModelConfig: what one transformer needs to know of a checkpoint, whoever wrote it down.
// The idea: config.json (transformers 4 and 5 styles) and GGUF metadata both end here; after this
// nobody asks which it was. A field that a family uses and the file lacks is an error that names
// it, unless transformers documents its default for that family (kv heads of llama, say).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

class GgufFile;

enum class RopeScaling : std::uint8_t { none, linear, llama3 };

struct ModelConfig {
  std::string architecture;  // "llama", "qwen3": as GGUF's general.architecture and config.json's
                             // model_type
  int hidden = 0;
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;  // divides heads
  int head_dim = 0;  // not always hidden / heads (Qwen3)
  int intermediate = 0;
  int vocab = 0;
  int max_position = 0;
  float rms_eps = 0;
  bool tied_embeddings = false;  // the embedding is also the output matrix
  bool qk_norm = false;          // RMS norm over each head of q and k (Qwen3)
  bool attention_bias = false;   // q, k, v and o have biases
  bool mlp_bias = false;

  float rope_theta = 10000;
  bool rope_interleaved = false;  // see kernels/device.h, Rope
  RopeScaling rope_scaling = RopeScaling::none;
  float rope_factor = 1;
  float rope_low_freq_factor = 1;  // llama3 only, as the next two
  float rope_high_freq_factor = 4;
  int rope_original_max_position = 0;
  std::vector<float>
      rope_freq_factors;  // GGUF's rope_freqs.weight: divides inv_freq; empty when absent

  std::int32_t bos = -1;          // -1: none
  std::vector<std::int32_t> eos;  // generation ends at any of these
};

// HF: the parsed config.json, and generation_config.json or null (its eos_token_id counts where
// given). Errors: invalid_argument for an architecture or feature not supported (named); corrupt
// for fields missing or contradictory.
Result<ModelConfig> config_from_hf(const json::Value& config, const json::Value& generation_config);
Result<ModelConfig> config_from_gguf(const GgufFile& file);

// Radians per position for each rotary pair, scaling applied. Formulas: transformers
// modeling_rope_utils.py.
std::vector<float> rope_inverse_frequencies(const ModelConfig& config);  // [head_dim / 2]

}  // namespace conduit::kernels
