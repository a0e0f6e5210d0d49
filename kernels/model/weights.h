// Weights: every matrix and vector of a model, on a device, under the names the transformer uses.
// The idea: each family's tensor names (HF's and GGUF's) are mapped here, each shape is checked
// against ModelConfig, and a tensor that nobody asked for is an error, so nothing is silently
// ignored.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "kernels/model/config.h"

namespace conduit::kernels {

struct LayerWeights {
  Buffer attention_norm;          // [hidden]
  Matrix q;                       // [heads * head_dim, hidden]
  Matrix k, v;                    // [kv_heads * head_dim, hidden]
  Buffer q_bias, k_bias, v_bias;  // empty unless attention_bias
  Buffer q_norm, k_norm;          // [head_dim], empty unless qk_norm
  Matrix out;                     // [hidden, heads * head_dim]
  Buffer out_bias;
  Buffer mlp_norm;  // [hidden]
  Matrix gate, up;  // [intermediate, hidden]
  Matrix down;      // [hidden, intermediate]
  Buffer gate_bias, up_bias, down_bias;
};

struct Weights {
  Matrix embedding;  // [vocab, hidden]
  std::vector<LayerWeights> layers;
  Buffer final_norm;           // [hidden]
  std::optional<Matrix> head;  // [vocab, hidden]; absent: the embedding (tied)

  const Matrix& output() const { return head ? *head : embedding; }
};

using NamedTensors = std::map<std::string, TensorView, std::less<>>;

// Error: corrupt, naming the tensor that is missing, has another shape, or is not known.
Result<Weights> load_weights(Device& device, const ModelConfig& config, const NamedTensors& tensors,
                             Precision precision);

}  // namespace conduit::kernels
