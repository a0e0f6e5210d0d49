// A row at a time. Written so that NaN, of broken weights, chooses some experts and reaches the
// logits, where it is noticed.
#include "kernels/engine/routing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace conduit::kernels {
namespace {

void softmax(const float* logits, std::vector<float>& weights) {
  const float largest = *std::max_element(logits, logits + weights.size());
  float sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = std::exp(logits[i] - largest);
    sum += weights[i];
  }
  for (float& weight : weights) weight /= sum;
}

}  // namespace

Routing::Routing(const ModelConfig& config)
    : per_token_(config.experts_per_token),
      normalise_(config.normalise_experts),
      shares_(static_cast<std::size_t>(config.experts)),
      weights_(static_cast<std::size_t>(config.experts)) {}

void Routing::choose(Tensor logits) {
  for (Share& share : shares_) {
    share.rows.clear();
    share.factors.clear();
  }
  for (std::int64_t row = 0; row < logits.rows; ++row) choose_row(logits.row(row), row);
}

void Routing::choose_row(const float* logits, std::int64_t row) {
  softmax(logits, weights_);
  chosen_.clear();
  float sum = 0;
  while (static_cast<int>(chosen_.size()) < per_token_) {
    int best = -1;
    for (int expert = 0; expert < static_cast<int>(weights_.size()); ++expert) {
      if (std::find(chosen_.begin(), chosen_.end(), expert) != chosen_.end()) continue;
      if (best < 0 || weights_[expert] > weights_[best]) best = expert;
    }
    chosen_.push_back(best);
    sum += weights_[best];
  }
  for (const int expert : chosen_) {
    shares_[expert].rows.push_back(row);
    shares_[expert].factors.push_back(normalise_ ? weights_[expert] / sum : weights_[expert]);
  }
}

}  // namespace conduit::kernels
