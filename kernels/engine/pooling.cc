// Sums and norms. Formulas: sentence-transformers' models.Pooling and models.Normalize.
#include "kernels/engine/pooling.h"

#include <algorithm>
#include <cmath>

namespace conduit::kernels {
namespace {

// As torch's normalize: shorter vectors are divided by this instead.
constexpr double kShortest = 1e-12;

}  // namespace

void pool(std::vector<float>& pooled, Tensor rows, Pooling pooling) {
  const bool is_start = pooled.empty();
  pooled.resize(static_cast<std::size_t>(rows.cols));
  const auto take = [&](std::int64_t row) { std::copy_n(rows.row(row), rows.cols, pooled.data()); };
  switch (pooling) {
    case Pooling::none: return;
    case Pooling::last: return take(rows.rows - 1);
    case Pooling::cls:
      if (is_start) take(0);
      return;
    case Pooling::mean:
      for (std::int64_t row = 0; row < rows.rows; ++row)
        for (std::int64_t i = 0; i < rows.cols; ++i)
          pooled[static_cast<std::size_t>(i)] += rows.row(row)[i];
  }
}

std::vector<float> embedding(std::vector<float> pooled, std::int64_t tokens,
                             const ModelConfig& config) {
  if (config.pooling == Pooling::mean)
    for (float& value : pooled) value /= static_cast<float>(tokens);
  if (!config.normalise_embedding) return pooled;
  double squares = 0;
  for (float value : pooled) squares += double{value} * double{value};
  const double length = std::max(std::sqrt(squares), kShortest);
  for (float& value : pooled) value = static_cast<float>(double{value} / length);
  return pooled;
}

float sigmoid(float logit) { return 1 / (1 + std::exp(-logit)); }

float yes_probability(std::span<const float> logits, std::int32_t no, std::int32_t yes) {
  return sigmoid(logits[static_cast<std::size_t>(yes)] - logits[static_cast<std::size_t>(no)]);
}

}  // namespace conduit::kernels
