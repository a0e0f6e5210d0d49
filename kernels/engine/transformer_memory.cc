// What a Transformer allocates once: its activations, sized for the largest batch.
#include <algorithm>
#include <utility>

#include "kernels/engine/transformer.h"

namespace conduit::kernels {
namespace {

Rope rope_of(const RopeConfig& rope, const ModelConfig& config) {
  return {rope_inverse_frequencies(rope, config.rotary_dim), config.rope_interleaved,
          rope.attention_factor};
}

}  // namespace

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
      rope_(rope_of(config_.rope, config_)),
      windowed_rope_(rope_of(config_.windowed_rope, config_)),
      routing_(config_),
      adapters_(device, config_, limits.rows),
      no_types_(config_.token_types > 0 ? static_cast<std::size_t>(limits.rows) : 0),
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
  const auto take_if = [&](bool is_needed, std::int64_t rows, std::int64_t cols) {
    return take(is_needed ? rows : 0, cols);
  };
  const std::int64_t q_cols = std::int64_t{config.heads} * config.head_dim;
  const std::int64_t kv_cols = std::int64_t{config.kv_heads} * config.head_dim;
  const bool has_experts = config.experts > 0;
  const bool has_scores = config.labels > 0;
  Activations a;
  a.x = take(limits.rows, config.hidden);
  a.normed = take(limits.rows, config.hidden);
  a.q = take(limits.rows, q_cols);
  a.k = take(limits.rows, kv_cols);
  a.v = take(limits.rows, kv_cols);
  a.attended = take(limits.rows, q_cols);
  a.inner = take(limits.rows, config.intermediate);
  a.up = take_if(config.is_gated, limits.rows, config.intermediate);
  a.router = take_if(has_experts, limits.rows, config.experts);
  a.expert_in = take_if(has_experts, limits.rows, config.hidden);
  a.expert_inner = take_if(has_experts, limits.rows, config.expert_intermediate);
  a.expert_up = take_if(has_experts, limits.rows, config.expert_intermediate);
  a.expert_out = take_if(has_experts, limits.rows, config.hidden);
  a.last = take_if(config.has_head || has_scores, limits.logit_rows, config.hidden);
  a.logits = take_if(config.has_head, limits.logit_rows, config.vocab);
  a.pooled = take_if(has_scores, limits.logit_rows, config.hidden);
  a.scores = take_if(has_scores, limits.logit_rows, config.labels);
  if (floats != nullptr) *floats = offset;
  return a;
}

Transformer::Activations Transformer::first_rows(std::int64_t rows) const {
  Activations part = activations_;
  for (Tensor* tensor : {&part.x, &part.normed, &part.q, &part.k, &part.v, &part.attended,
                         &part.inner, &part.up, &part.router})
    tensor->rows = rows;
  return part;
}

}  // namespace conduit::kernels
