// The pass, read from top to bottom: forward, attention, mlp. Order of operations: transformers,
// modeling_llama.py and modeling_qwen3.py.
#include "kernels/engine/transformer.h"

#include <array>
#include <utility>

#include "mdl/base/check.h"

namespace conduit::kernels {
namespace {

const float* floats(const Buffer& buffer) { return reinterpret_cast<const float*>(buffer.data); }

}  // namespace

Tensor Transformer::forward(const Batch& batch, KvPages& kv) {
  const auto logit_rows = static_cast<std::int64_t>(batch.logit_rows.size());
  CONDUIT_CHECK(batch.rows() <= limits_.rows, "batch larger than its activations");
  CONDUIT_CHECK(logit_rows <= limits_.logit_rows, "more logits asked for than allocated");
  const Activations a = activations_.first_rows(batch.rows(), logit_rows);

  device_.embed(a.x, weights_.embedding, batch.tokens);
  for (int layer = 0; layer < config_.layers; ++layer) {
    attention(weights_.layers[layer], a, batch, kv, layer);
    mlp(weights_.layers[layer], a);
  }
  if (logit_rows == 0) return a.logits;
  device_.gather_rows(a.last, a.x, batch.logit_rows);
  device_.rms_norm(a.last, a.last, floats(weights_.final_norm), config_.rms_eps);
  device_.matmul(std::array{Product{a.logits, &weights_.output()}}, a.last);
  return a.logits;
}

// The first half of a layer; a.x is updated in place.
void Transformer::attention(const LayerWeights& weights, const Activations& a, const Batch& batch,
                            KvPages& kv, int layer) {
  device_.rms_norm(a.normed, a.x, floats(weights.attention_norm), config_.rms_eps);
  device_.matmul(
      std::array{Product{a.q, &weights.q}, Product{a.k, &weights.k}, Product{a.v, &weights.v}},
      a.normed);
  add_bias(a.q, weights.q_bias);
  add_bias(a.k, weights.k_bias);
  add_bias(a.v, weights.v_bias);
  if (config_.qk_norm) {
    device_.head_rms_norm(a.q, config_.head_dim, floats(weights.q_norm), config_.rms_eps);
    device_.head_rms_norm(a.k, config_.head_dim, floats(weights.k_norm), config_.rms_eps);
  }
  device_.rope(a.q, config_.head_dim, rope_, batch.positions);
  device_.rope(a.k, config_.head_dim, rope_, batch.positions);
  device_.append_kv(kv, layer, a.k, a.v, batch.sequences);
  device_.paged_attention(a.attended, a.q, kv, layer, batch.sequences);
  device_.matmul_add(a.x, a.attended, weights.out);
  add_bias(a.x, weights.out_bias);
}

// The second half.
void Transformer::mlp(const LayerWeights& weights, const Activations& a) {
  device_.rms_norm(a.normed, a.x, floats(weights.mlp_norm), config_.rms_eps);
  device_.matmul(std::array{Product{a.gate, &weights.gate}, Product{a.up, &weights.up}}, a.normed);
  add_bias(a.gate, weights.gate_bias);
  add_bias(a.up, weights.up_bias);
  device_.silu_mul(a.gate, a.gate, a.up);
  device_.matmul_add(a.x, a.gate, weights.down);
  add_bias(a.x, weights.down_bias);
}

void Transformer::add_bias(Tensor x, const Buffer& bias) {
  if (bias.data != nullptr) device_.add_bias(x, floats(bias));
}

Result<Transformer> Transformer::create(Device& device, ModelConfig config, Weights weights,
                                        const TransformerLimits& limits) {
  CONDUIT_TRY(Buffer scratch, device.allocate(scratch_bytes(config, limits)));
  return Transformer(device, std::move(config), std::move(weights), limits, std::move(scratch));
}

Transformer::Transformer(Device& device, ModelConfig config, Weights weights,
                         const TransformerLimits& limits, Buffer scratch)
    : device_(device),
      config_(std::move(config)),
      weights_(std::move(weights)),
      limits_(limits),
      rope_{rope_inverse_frequencies(config_), config_.rope_interleaved},
      scratch_(std::move(scratch)),
      activations_(layout(config_, limits_, reinterpret_cast<float*>(scratch_.data), nullptr)) {}

std::size_t Transformer::scratch_bytes(const ModelConfig& config, const TransformerLimits& limits) {
  std::size_t floats = 0;
  layout(config, limits, nullptr, &floats);
  return floats * sizeof(float);
}

Transformer::Activations Transformer::layout(const ModelConfig& config,
                                             const TransformerLimits& limits, float* memory,
                                             std::size_t* floats) {
  std::size_t offset = 0;
  const auto take = [&](std::int64_t rows, std::int64_t cols) {
    // Whole cache lines, so that two tensors never share one between threads.
    constexpr std::int64_t kLineFloats = 16;
    Tensor tensor{memory == nullptr ? nullptr : memory + offset, rows, cols};
    offset += static_cast<std::size_t>((rows * cols + kLineFloats - 1) / kLineFloats * kLineFloats);
    return tensor;
  };
  const std::int64_t q_cols = std::int64_t{config.heads} * config.head_dim;
  const std::int64_t kv_cols = std::int64_t{config.kv_heads} * config.head_dim;
  Activations a;
  a.x = take(limits.rows, config.hidden);
  a.normed = take(limits.rows, config.hidden);
  a.q = take(limits.rows, q_cols);
  a.k = take(limits.rows, kv_cols);
  a.v = take(limits.rows, kv_cols);
  a.attended = take(limits.rows, q_cols);
  a.gate = take(limits.rows, config.intermediate);
  a.up = take(limits.rows, config.intermediate);
  a.last = take(limits.logit_rows, config.hidden);
  a.logits = take(limits.logit_rows, config.vocab);
  if (floats != nullptr) *floats = offset;
  return a;
}

Transformer::Activations Transformer::Activations::first_rows(std::int64_t rows,
                                                              std::int64_t logit_rows) const {
  Activations part = *this;
  for (Tensor* tensor :
       {&part.x, &part.normed, &part.q, &part.k, &part.v, &part.attended, &part.gate, &part.up}) {
    tensor->rows = rows;
  }
  part.last.rows = logit_rows;
  part.logits.rows = logit_rows;
  return part;
}

}  // namespace conduit::kernels
