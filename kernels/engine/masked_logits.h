// The logits of the tokens that a mask allows, to be drawn from.
// The idea: few allowed tokens become a short row of their own, so that nothing passes over the
// vocabulary; many become a copy of the row in which the others are -infinity. Either way the
// draw is the sampler's, and the row itself stays as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/engine/sequence.h"
#include "mdl/matcher.h"

namespace conduit::kernels {

// The mask with one token more.
mdl::Mask with(mdl::Mask mask, TokenId token);

class MaskedLogits {
 public:
  // `row`: [vocab]. Tokens outside it, or that the mask does not know, are not allowed.
  MaskedLogits(std::span<const float> row, const mdl::Mask& mask);

  // Nothing when no token is left, or the logits name none (sampler.h).
  std::optional<TokenId> sample(const Sampling& sampling, std::uint64_t index) const;

 private:
  std::vector<float> logits_;
  std::vector<TokenId> ids_;  // of each logit; empty: its place
};

}  // namespace conduit::kernels
