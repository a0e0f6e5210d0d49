// Multiplications of attention by those of the products with weights.
#include "kernels/engine/row_work.h"

namespace conduit::kernels {
namespace {

// A multiplication of attention takes so many times as long as one of a product with quantised
// weights (conduit-bench storm: steps of the same length at every context). Beside 16-bit weights
// it is nearer to 1, which half a step's room forgives.
constexpr double kAttentionCost = 3;

double weight_count(const ModelConfig& config, const LayerConfig& layer) {
  const double q = static_cast<double>(config.heads) * config.head_dim;
  const double kv = static_cast<double>(config.kv_heads) * config.head_dim;
  const double mlp =
      layer.has_experts ? static_cast<double>(config.experts_per_token) * config.expert_intermediate
                        : static_cast<double>(config.intermediate);
  return config.hidden * (2 * q + 2 * kv + (config.is_gated ? 3 : 2) * mlp);
}

}  // namespace

RowWork row_work_of(const ModelConfig& config) {
  double weights = 0;
  RowWork work{.window = config.window};
  for (const LayerConfig& layer : config.layer) {
    weights += weight_count(config, layer);
    // q·k and what it weighs of v
    const double per_token = 2.0 * config.heads * config.head_dim * kAttentionCost;
    (layer.is_windowed ? work.per_windowed_token : work.per_token) += per_token;
  }
  if (weights <= 0) return {};
  work.per_token /= weights;
  work.per_windowed_token /= weights;
  return work;
}

}  // namespace conduit::kernels
