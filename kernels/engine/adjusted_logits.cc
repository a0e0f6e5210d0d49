// Changes, and their undoing in reverse, so that an id that was changed twice is right again.
#include "kernels/engine/adjusted_logits.h"

#include <limits>

namespace conduit::kernels {
namespace {

// In float64, rounded once.
float penalised(float logit, const Sampling& sampling, int count) {
  double value = logit;
  const double repetition = sampling.repetition_penalty;
  value = value > 0 ? value / repetition : value * repetition;
  value -= double{sampling.frequency_penalty} * count;
  if (count > 0) value -= double{sampling.presence_penalty};
  return static_cast<float>(value);
}

}  // namespace

bool has_penalties(const Sampling& sampling) {
  return sampling.repetition_penalty != 1 || sampling.frequency_penalty != 0 ||
         sampling.presence_penalty != 0;
}

AdjustedLogits::AdjustedLogits(std::span<float> row, const Sampling& sampling,
                               const TokenCounts& counts)
    : row_(row) {
  const auto is_inside = [&](TokenId id) {
    return id >= 0 && static_cast<std::size_t>(id) < row_.size();
  };
  for (const LogitBias& bias : sampling.logit_bias)
    if (is_inside(bias.id)) set(bias.id, row_[static_cast<std::size_t>(bias.id)] + bias.bias);
  if (!has_penalties(sampling)) return;
  for (const auto& [id, count] : counts)
    if (is_inside(id)) set(id, penalised(row_[static_cast<std::size_t>(id)], sampling, count));
}

AdjustedLogits::~AdjustedLogits() {
  for (auto change = before_.rbegin(); change != before_.rend(); ++change)
    row_[static_cast<std::size_t>(change->first)] = change->second;
}

void AdjustedLogits::forbid(std::span<const TokenId> ids) {
  for (TokenId id : ids)
    if (id >= 0 && static_cast<std::size_t>(id) < row_.size())
      set(id, -std::numeric_limits<float>::infinity());
}

void AdjustedLogits::set(TokenId id, float logit) {
  float& place = row_[static_cast<std::size_t>(id)];
  before_.emplace_back(id, place);
  place = logit;
}

}  // namespace conduit::kernels
