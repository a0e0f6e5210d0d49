// Transformer: one forward pass over a Batch, top to bottom: Llama and its relatives (Qwen3).
// The idea: everything that differs between families is a switch of ModelConfig (norms over the
// heads of q and k, biases, rope), so a layer reads as one list of operations. All activations are
// allocated once, for the largest batch; a pass allocates nothing and cannot fail.
// Not here: who is in the batch (scheduler.h), what becomes of the logits (sampler.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device.h"
#include "kernels/engine/batch.h"
#include "kernels/model/config.h"
#include "kernels/model/weights.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// The largest batch.
struct TransformerLimits {
  std::int64_t rows = 0;
  std::int64_t logit_rows = 0;  // a row of logits has `vocab` floats: more than all other scratch
};

class Transformer {
 public:
  // Allocates the activations. `device` outlives it.
  static Result<Transformer> create(Device& device, ModelConfig config, Weights weights,
                                    const TransformerLimits& limits);
  // What create() allocates.
  static std::size_t scratch_bytes(const ModelConfig& config, const TransformerLimits& limits);

  // Appends the rows' keys and values to `kv` and returns the logits of batch.logit_rows,
  // [logit_rows, vocab], readable by the host and valid until the next pass.
  Tensor forward(const Batch& batch, KvPages& kv);

 private:
  // Each is [limits.rows, …] except the last two, [limits.logit_rows, …].
  struct Activations {
    Tensor x;         // [.., hidden], the residual stream
    Tensor normed;    // [.., hidden]
    Tensor q;         // [.., heads * head_dim]
    Tensor k, v;      // [.., kv_heads * head_dim]
    Tensor attended;  // [.., heads * head_dim]
    Tensor gate, up;  // [.., intermediate]
    Tensor last;      // [.., hidden], of the rows whose logits are wanted
    Tensor logits;    // [.., vocab]

    Activations first_rows(std::int64_t rows, std::int64_t logit_rows) const;
  };

  Transformer(Device& device, ModelConfig config, Weights weights, const TransformerLimits& limits,
              Buffer scratch);
  static Activations layout(const ModelConfig& config, const TransformerLimits& limits,
                            float* memory, std::size_t* floats);
  void attention(const LayerWeights& weights, const Activations& a, const Batch& batch, KvPages& kv,
                 int layer);
  void mlp(const LayerWeights& weights, const Activations& a);
  void add_bias(Tensor x, const Buffer& bias);  // nothing when the model has none

  Device& device_;
  ModelConfig config_;
  Weights weights_;
  TransformerLimits limits_;
  Rope rope_;
  Buffer scratch_;
  Activations activations_;
};

}  // namespace conduit::kernels
