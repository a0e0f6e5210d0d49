// ModelConfig: what one transformer needs to know of a checkpoint, whoever wrote it down.
// The idea: config.json (transformers 4 and 5 styles) and GGUF metadata of every family end here as
// switches of one architecture; after this nobody asks which family it was. A field that a family
// uses and the file lacks is an error that names it, unless transformers documents its default for
// that family (kv heads of llama, say); a field that changes the arithmetic of another family is an
// error that names it too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

class GgufFile;

enum class RopeScaling : std::uint8_t { none, linear, llama3, yarn };

// Rotary embeddings of one kind of layer.
struct RopeConfig {
  float theta = 10000;
  RopeScaling scaling = RopeScaling::none;
  float factor = 1;
  float low_freq_factor = 1;  // llama3 only, as the next
  float high_freq_factor = 4;
  float beta_fast = 32;  // yarn only, as the next three
  float beta_slow = 1;
  bool truncate = true;             // the ramp's ends are whole pairs
  float attention_factor = 1;       // of cosine and sine
  int original_max_position = 0;    // llama3 and yarn
  std::vector<float> freq_factors;  // GGUF's rope_freqs.weight: divides
                                    // inv_freq; empty when absent
};

// Where a layer's norms stand: before attention and MLP (Llama), before and after each (Gemma 3),
// or after each sum with the residual stream (BERT).
enum class NormPlacement : std::uint8_t { before, around, after };

// How the hidden states of a text become its embedding: the last token's, the mean of all, the
// first token's ([CLS]).
enum class Pooling : std::uint8_t { none, last, mean, cls };

struct LayerConfig {
  bool is_windowed = false;  // sees `window` positions; otherwise all
  bool has_experts = false;  // a mixture of experts in place of the MLP
};

struct ModelConfig {
  std::string architecture;  // config.json's model_type or GGUF's general.architecture
  int hidden = 0;
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;  // divides heads
  int head_dim = 0;  // not always hidden / heads (Qwen3)
  int intermediate = 0;
  int vocab = 0;
  int max_position = 0;
  bool tied_embeddings = false;  // the embedding is also the output matrix
  bool has_head = true;          // false: no logits, only hidden states

  // Input
  float embedding_scale = 1;
  bool has_learned_positions = false;  // [max_position, hidden], added to the embedding; else rope
  int token_types = 0;                 // kinds of segment with an embedding of their own; 0: none

  // Norms
  NormPlacement norms = NormPlacement::before;
  bool is_layer_norm = false;      // mean and bias (BERT); otherwise RMS
  bool norms_are_offsets = false;  // the file holds w - 1 (Gemma 3 in HF's files)
  bool qk_norm = false;            // RMS norm over each head of q and k (Qwen3, Gemma 3)
  float norm_eps = 0;

  // Attention
  bool is_causal = true;        // false: an encoder, each token sees all of its text
  float attention_scale = 1;    // of q·k
  float attention_softcap = 0;  // as AttentionMask's
  int window = 0;               // of windowed layers: itself and the window - 1 before
  bool qkv_bias = false;
  bool out_bias = false;
  bool has_fused_inputs = false;  // the file has q, k, v in one matrix, gate and up in one (Phi-3)
  RopeConfig rope;                // of the layers that see everything, or of all
  RopeConfig windowed_rope;       // of windowed layers (Gemma 3); equal to rope otherwise
  int rotary_dim = 0;             // of head_dim; even
  bool rope_interleaved = false;  // see kernels/device.h, Rope

  // Multilayer perceptron, experts
  Activation activation = Activation::silu;
  bool is_gated = true;  // down(f(gate) * up); otherwise down(f(up))
  bool mlp_bias = false;
  int experts = 0;  // 0: none
  int experts_per_token = 0;
  int expert_intermediate = 0;
  bool normalise_experts = false;  // the chosen experts' weights sum to 1
  std::vector<LayerConfig> layer;  // [layers]

  // Output
  float logit_softcap = 0;           // 0: none
  int labels = 0;                    // of a sequence classifier, on the pooler; 0: none
  Pooling pooling = Pooling::none;   // of a checkpoint that states it (1_Pooling/config.json)
  bool normalise_embedding = false;  // the pooled vector is brought to length 1

  std::int32_t bos = -1;          // -1: none
  std::vector<std::int32_t> eos;  // generation ends at any of these

  // Layers that keep keys and values from step to step; an encoder's are needed within a layer
  // only.
  int kv_layers() const { return is_causal ? layers : 1; }
};

// HF: the parsed config.json, and generation_config.json or null (its eos_token_id counts where
// given). Errors: invalid_argument for an architecture or feature not supported (named); corrupt
// for fields missing or contradictory.
Result<ModelConfig> config_from_hf(const json::Value& config, const json::Value& generation_config);
Result<ModelConfig> config_from_gguf(const GgufFile& file);

// Radians per position for each rotary pair, scaling applied. Formulas:
// transformers modeling_rope_utils.py.
std::vector<float> rope_inverse_frequencies(const RopeConfig& rope,
                                            int rotary_dim);  // [dim / 2]

}  // namespace conduit::kernels
