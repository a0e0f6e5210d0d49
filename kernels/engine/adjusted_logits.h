// Logits as a request's bias, penalties and forbidden tokens leave them, for as long as this lives;
// afterwards the row is again what the model said, of which log-probabilities are told. The idea:
// only the few ids that are concerned are touched and remembered, never the vocabulary.
// Order, as vLLM documents it: bias, repetition, frequency, presence. Not here: what is drawn from
// the result (sampler.h).
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "kernels/engine/sequence.h"

namespace conduit::kernels {

// Whether `counts` matters to this request at all.
bool has_penalties(const Sampling& sampling);

class AdjustedLogits {
 public:
  // `row`: [vocab], borrowed. Ids outside it are passed over.
  AdjustedLogits(std::span<float> row, const Sampling& sampling, const TokenCounts& counts);
  ~AdjustedLogits();
  AdjustedLogits(const AdjustedLogits&) = delete;
  AdjustedLogits& operator=(const AdjustedLogits&) = delete;

  // These cannot be drawn: stop ids before min_tokens.
  void forbid(std::span<const TokenId> ids);

  std::span<const float> row() const { return row_; }

 private:
  void set(TokenId id, float logit);

  std::span<float> row_;
  std::vector<std::pair<TokenId, float>> before_;  // in the order of the changes
};

}  // namespace conduit::kernels
