// Transformer: one forward pass over a Batch, top to bottom, of every family: Llama and its
// relatives, mixtures of experts, BERT. The idea: everything that differs between families is a
// switch of ModelConfig (where norms stand, biases, windows, rope, experts), so a layer reads as
// one list of operations. All activations are allocated once, for the largest batch; a pass
// allocates nothing and cannot fail. Not here: who is in the batch (scheduler.h), what becomes of
// the logits (sampler.h), which rows go to which expert (routing.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/device.h"
#include "kernels/engine/adapters.h"
#include "kernels/engine/batch.h"
#include "kernels/engine/routing.h"
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

  // Each pass appends the rows' keys and values to `kv`, which has config.kv_layers() layers. What
  // it returns is readable by the host and valid until the next call of any of these. An encoder's
  // text is computed whole, in one pass, with context 0.

  // The logits of batch.logit_rows, [logit_rows, vocab]. The model has a head (config.has_head).
  Tensor forward(const Batch& batch, KvPages& kv);
  // Those of other rows of the pass that forward() made last, at most limits.logit_rows.
  Tensor logits(std::span<const std::int64_t> rows);
  // What the last layer says of every row, after the final norm: [rows, hidden]. Of decoders and
  // encoders; batch.logit_rows does not matter. A pooled embedding is a row or a mean of rows of
  // it.
  Tensor hidden_states(const Batch& batch, KvPages& kv);
  // The residual stream after the first `layers` layers, before any final norm:
  // [rows, hidden].
  Tensor residual(const Batch& batch, KvPages& kv, int layers);
  // A sequence classifier's logits (config.labels > 0), [rows.size(), labels]:
  // tanh of the pooler and the classifier over `rows` of `hidden`, which hidden_states() returned;
  // a text's row is its first. At most limits.logit_rows rows. A score is their sigmoid or softmax:
  // the caller's affair.
  Tensor score(Tensor hidden, std::span<const std::int64_t> rows);

  // What sequences may have added to its products.
  Adapters& adapters() { return adapters_; }
  const Adapters& adapters() const { return adapters_; }

 private:
  // Each is [limits.rows, …] except the last four, [limits.logit_rows, …].
  struct Activations {
    Tensor x;          // [.., hidden], the residual stream
    Tensor normed;     // [.., hidden]
    Tensor q;          // [.., heads * head_dim]
    Tensor k, v;       // [.., kv_heads * head_dim]
    Tensor attended;   // [.., heads * head_dim]
    Tensor inner, up;  // [.., intermediate]
    Tensor router;     // [.., experts]
    Tensor expert_in,
        expert_out;                  // [.., hidden], the rows of the expert at hand
    Tensor expert_inner, expert_up;  // [.., expert_intermediate]
    Tensor last;                     // [.., hidden], of the rows whose logits are wanted
    Tensor logits;                   // [.., vocab]
    Tensor pooled;                   // [.., hidden]
    Tensor scores;                   // [.., labels]
  };

  // Of a product that an adapter may add to.
  struct Place {
    int layer;
    Projection projection;
  };

  Transformer(Device& device, ModelConfig config, Weights weights, const TransformerLimits& limits,
              Buffer scratch);
  static Activations layout(const ModelConfig& config, const TransformerLimits& limits,
                            float* memory, std::size_t* floats);
  Activations first_rows(std::int64_t rows) const;

  void embed(const Activations& a, const Batch& batch);
  void attention(const LayerWeights& weights, const Activations& a, const Batch& batch, KvPages& kv,
                 int layer);
  void mlp(const LayerWeights& weights, const Activations& a, int layer);
  void experts(const LayerWeights& weights, const Activations& a, Tensor in);
  void inner(const Mlp& mlp, Tensor in, Tensor out, Tensor up, int layer);
  Tensor normed_input(const Activations& a, const Norm& before);
  void add_output(const Activations& a, Tensor made, const Linear& out, const Norm& after,
                  Place place);
  void linear(Tensor out, Tensor x, const Linear& linear);
  void norm(Tensor out, Tensor x, const Norm& norm);
  void add_bias(Tensor x,
                const Buffer& bias);  // nothing when the model has none

  Device& device_;
  ModelConfig config_;
  Weights weights_;
  TransformerLimits limits_;
  Rope rope_, windowed_rope_;
  Routing routing_;
  Adapters adapters_;
  std::vector<std::int32_t> no_types_;  // zeros, for batches without type_ids
  Buffer scratch_;
  Activations activations_;
};

}  // namespace conduit::kernels
