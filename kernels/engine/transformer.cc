// The pass, read from top to bottom: forward, embed, attention, mlp. Order of operations:
// transformers, modeling_llama.py, modeling_gemma3.py, modeling_qwen3_moe.py, modeling_bert.py.
#include "kernels/engine/transformer.h"

#include <array>
#include <utility>

#include "mdl/base/check.h"

namespace conduit::kernels {
namespace {

constexpr int kNoAdapters = -1;  // an expert's products

const float* floats(const Buffer& buffer) { return reinterpret_cast<const float*>(buffer.data); }

}  // namespace

Tensor Transformer::forward(const Batch& batch, KvPages& kv) {
  residual(batch, kv, config_.layers);
  return logits(batch.logit_rows);
}

Tensor Transformer::logits(std::span<const std::int64_t> rows) {
  CONDUIT_CHECK(config_.has_head, "logits of a model that has none");
  const auto count = static_cast<std::int64_t>(rows.size());
  CONDUIT_CHECK(count <= limits_.logit_rows, "more logits asked for than allocated");
  const Tensor last = activations_.last.first_rows(count);
  const Tensor logits = activations_.logits.first_rows(count);
  if (count == 0) return logits;
  device_.gather_rows(last, activations_.x, rows);
  norm(last, last, weights_.final_norm);
  device_.matmul(std::array{Product{logits, &weights_.output()}}, last);
  if (config_.logit_softcap > 0) device_.softcap(logits, config_.logit_softcap);
  return logits;
}

Tensor Transformer::hidden_states(const Batch& batch, KvPages& kv) {
  const Tensor x = residual(batch, kv, config_.layers);
  if (weights_.final_norm.weight.data == nullptr) return x;
  const Tensor normed = activations_.normed.first_rows(batch.rows());
  norm(normed, x, weights_.final_norm);
  return normed;
}

Tensor Transformer::residual(const Batch& batch, KvPages& kv, int layers) {
  CONDUIT_CHECK(batch.rows() <= limits_.rows, "batch larger than its activations");
  for (const SequenceRows& sequence : batch.sequences)
    CONDUIT_CHECK(config_.is_causal || sequence.context == 0, "an encoder's text is never cut");
  const Activations a = first_rows(batch.rows());
  adapters_.begin(batch);
  embed(a, batch);
  for (int layer = 0; layer < layers; ++layer) {
    attention(weights_.layers[layer], a, batch, kv, layer);
    mlp(weights_.layers[layer], a, layer);
  }
  return a.x;
}

Tensor Transformer::score(Tensor hidden, std::span<const std::int64_t> rows) {
  CONDUIT_CHECK(config_.labels > 0, "scores of a model that has no labels");
  const auto count = static_cast<std::int64_t>(rows.size());
  CONDUIT_CHECK(count <= limits_.logit_rows, "more scores asked for than allocated");
  const Tensor last = activations_.last.first_rows(count);
  const Tensor pooled = activations_.pooled.first_rows(count);
  const Tensor scores = activations_.scores.first_rows(count);
  device_.gather_rows(last, hidden, rows);
  linear(pooled, last, *weights_.pooler);
  device_.activate(pooled, Activation::tanh);
  linear(scores, pooled, *weights_.classifier);
  return scores;
}

void Transformer::embed(const Activations& a, const Batch& batch) {
  device_.embed(a.x, weights_.embedding, batch.tokens);
  if (config_.embedding_scale != 1) device_.scale(a.x, config_.embedding_scale);
  if (weights_.token_types) {
    const auto& types = batch.type_ids.empty() ? no_types_ : batch.type_ids;
    device_.embed(a.normed, *weights_.token_types, std::span(types).first(batch.tokens.size()));
    device_.add(a.x, a.normed);
  }
  if (weights_.positions) {
    device_.embed(a.normed, *weights_.positions, batch.positions);
    device_.add(a.x, a.normed);
  }
  if (config_.norms == NormPlacement::after) norm(a.x, a.x, weights_.embedding_norm);
}

// The first half of a layer; a.x is updated in place.
void Transformer::attention(const LayerWeights& weights, const Activations& a, const Batch& batch,
                            KvPages& kv, int layer) {
  const bool is_windowed = config_.layer[layer].is_windowed;
  const Tensor in = normed_input(a, weights.attention_norm);
  device_.matmul(std::array{Product{a.q, &weights.q.weight}, Product{a.k, &weights.k.weight},
                            Product{a.v, &weights.v.weight}},
                 in);
  adapters_.add(a.q, in, layer, Projection::q);
  adapters_.add(a.k, in, layer, Projection::k);
  adapters_.add(a.v, in, layer, Projection::v);
  add_bias(a.q, weights.q.bias);
  add_bias(a.k, weights.k.bias);
  add_bias(a.v, weights.v.bias);
  if (config_.qk_norm) {
    device_.head_rms_norm(a.q, config_.head_dim, floats(weights.q_norm), config_.norm_eps);
    device_.head_rms_norm(a.k, config_.head_dim, floats(weights.k_norm), config_.norm_eps);
  }
  if (!config_.has_learned_positions) {
    const Rope& rope = is_windowed ? windowed_rope_ : rope_;
    device_.rope(a.q, config_.head_dim, rope, batch.positions);
    device_.rope(a.k, config_.head_dim, rope, batch.positions);
  }
  const int kv_layer = config_.is_causal ? layer : 0;
  device_.append_kv(kv, kv_layer, a.k, a.v, batch.sequences);
  const AttentionMask mask{.scale = config_.attention_scale,
                           .softcap = config_.attention_softcap,
                           .window = is_windowed ? config_.window : 0,
                           .is_causal = config_.is_causal};
  device_.paged_attention(a.attended, a.q, kv, kv_layer, mask, batch.sequences);
  add_output(a, a.attended, weights.out, weights.attention_post_norm, {layer, Projection::out});
}

// The second half.
void Transformer::mlp(const LayerWeights& weights, const Activations& a, int layer) {
  const Tensor in = normed_input(a, weights.mlp_norm);
  if (config_.layer[layer].has_experts) return experts(weights, a, in);
  inner(weights.mlp, in, a.inner, a.up, layer);
  add_output(a, a.inner, weights.mlp.down, weights.mlp_post_norm, {layer, Projection::down});
}

// A mixture of experts in the MLP's place: each row through the few that its router chose.
void Transformer::experts(const LayerWeights& weights, const Activations& a, Tensor in) {
  device_.matmul(std::array{Product{a.router, &weights.router}}, in);
  routing_.choose(a.router);
  for (std::size_t i = 0; i < weights.experts.size(); ++i) {
    const Routing::Share& share = routing_.shares()[i];
    const auto rows = static_cast<std::int64_t>(share.rows.size());
    if (rows == 0) continue;
    const Tensor chosen = a.expert_in.first_rows(rows);
    const Tensor made = a.expert_inner.first_rows(rows);
    const Tensor out = a.expert_out.first_rows(rows);
    device_.gather_rows(chosen, in, share.rows);
    inner(weights.experts[i], chosen, made, a.expert_up.first_rows(rows), kNoAdapters);
    linear(out, made, weights.experts[i].down);
    device_.scatter_add_rows(a.x, out, share.rows, share.factors);
  }
}

// out = f(gate(in)) * up(in), or f(up(in)); layer: whose adapters count.
void Transformer::inner(const Mlp& mlp, Tensor in, Tensor out, Tensor up, int layer) {
  if (!config_.is_gated) {
    linear(out, in, mlp.up);
    if (layer != kNoAdapters) adapters_.add(out, in, layer, Projection::up);
    return device_.activate(out, config_.activation);
  }
  device_.matmul(std::array{Product{out, &mlp.gate.weight}, Product{up, &mlp.up.weight}}, in);
  if (layer != kNoAdapters) {
    adapters_.add(out, in, layer, Projection::gate);
    adapters_.add(up, in, layer, Projection::up);
  }
  add_bias(out, mlp.gate.bias);
  add_bias(up, mlp.up.bias);
  device_.activate_mul(out, out, up, config_.activation);
}

// What a half of a layer reads.
Tensor Transformer::normed_input(const Activations& a, const Norm& before) {
  if (config_.norms == NormPlacement::after) return a.x;
  norm(a.normed, a.x, before);
  return a.normed;
}

// a.x += out(made), with the norm that follows: of what is added, or of the sum.
void Transformer::add_output(const Activations& a, Tensor made, const Linear& out,
                             const Norm& after, Place place) {
  if (config_.norms == NormPlacement::around) {
    linear(a.normed, made, out);
    adapters_.add(a.normed, made, place.layer, place.projection);
    norm(a.normed, a.normed, after);
    return device_.add(a.x, a.normed);
  }
  device_.matmul_add(a.x, made, out.weight);
  adapters_.add(a.x, made, place.layer, place.projection);
  add_bias(a.x, out.bias);
  if (config_.norms == NormPlacement::after) norm(a.x, a.x, after);
}

void Transformer::linear(Tensor out, Tensor x, const Linear& linear) {
  device_.matmul(std::array{Product{out, &linear.weight}}, x);
  add_bias(out, linear.bias);
}

void Transformer::norm(Tensor out, Tensor x, const Norm& norm) {
  if (config_.is_layer_norm)
    return device_.layer_norm(out, x, floats(norm.weight), floats(norm.bias), config_.norm_eps);
  device_.rms_norm(out, x, floats(norm.weight), config_.norm_eps);
}

void Transformer::add_bias(Tensor x, const Buffer& bias) {
  if (bias.data != nullptr) device_.add_bias(x, floats(bias));
}

}  // namespace conduit::kernels
