// Weights: every matrix and vector of a model, on a device, under the names the transformer uses.
// The idea: each family's tensor names (HF's and GGUF's) are mapped here, each shape is checked
// against ModelConfig, and a tensor that nobody asked for is an error, so nothing is silently
// ignored.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "kernels/model/config.h"

namespace conduit::kernels {

struct Norm {
  Buffer weight;  // [n]
  Buffer bias;    // [n], empty for an RMS norm
};

struct Linear {
  Matrix weight;  // [outputs, inputs]
  Buffer bias;    // [outputs], empty when there is none
};

struct Mlp {
  Linear gate,
      up;       // [intermediate, hidden]; gate is empty unless config.is_gated
  Linear down;  // [hidden, intermediate]
};

struct LayerWeights {
  Norm attention_norm;       // [hidden], before attention; empty with
                             // NormPlacement::after
  Linear q;                  // [heads * head_dim, hidden]
  Linear k, v;               // [kv_heads * head_dim, hidden]
  Buffer q_norm, k_norm;     // [head_dim], empty unless qk_norm
  Linear out;                // [hidden, heads * head_dim]
  Norm attention_post_norm;  // [hidden], empty with NormPlacement::before
  Norm mlp_norm;             // [hidden], as attention_norm
  Mlp mlp;                   // empty in a layer of experts
  Matrix router;             // [experts, hidden], in float32 whatever the precision
  std::vector<Mlp> experts;  // [experts], of expert_intermediate
  Norm mlp_post_norm;        // [hidden], as attention_post_norm
};

struct Weights {
  Matrix embedding;                   // [vocab, hidden]
  std::optional<Matrix> positions;    // [max_position, hidden], with learned positions
  std::optional<Matrix> token_types;  // [token_types, hidden]
  Norm embedding_norm;                // [hidden], with NormPlacement::after
  std::vector<LayerWeights> layers;
  Norm final_norm;             // [hidden], empty with NormPlacement::after
  std::optional<Matrix> head;  // [vocab, hidden]; absent: the embedding (tied), or none
  std::optional<Linear> pooler,
      classifier;  // [hidden, hidden], [labels, hidden]

  const Matrix& output() const { return head ? *head : embedding; }
};

using NamedTensors = std::map<std::string, TensorView, std::less<>>;

// Called with a matrix, or a part of one, that the device has its own copy of.
using OnLoaded = std::function<void(const TensorView& view)>;

// Error: corrupt, naming the tensor that is missing, has another shape, or is not known.
Result<Weights> load_weights(Device& device, const ModelConfig& config, const NamedTensors& tensors,
                             Precision precision, const OnLoaded& on_loaded = {});

// Whether load_weights() would take them, without a device: its errors.
Status check_weights(const ModelConfig& config, const NamedTensors& tensors);

// A base model saved without its head (published embedding checkpoints): its names have no `model.`
// before them, and the head is neither there nor the embedding.
bool is_saved_without_head(const ModelConfig& config, const NamedTensors& tensors);

// What loaded weights take on their device.
std::size_t device_bytes_of(const Weights& weights);

}  // namespace conduit::kernels
