// Logits of one row → the token drawn. Plain functions of their arguments: no state, so what a
// request draws cannot depend on its neighbours.
// The idea: temperature, then top-k, top-p, typical-p and min-p, each of what the one before left;
// the draw is a counter-based random number of (seed, index of the token), so the i-th token of a
// request is the same whatever ran before or beside it. Never sorts the vocabulary: top-k finds its
// threshold in one pass, top-p sorts only as much as it keeps.
// vLLM's sampler has min-p right after temperature instead. Its own cut is the same there, relative
// to a best token that no filter takes away; but a top-p behind it counts the mass of fewer tokens
// and so may keep fewer of them.
// Not here: bias and penalties, which change the logits beforehand (adjusted_logits.h), when a
// sequence ends (engine.h), and grammars (guide.h, masked_logits.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/engine/sequence.h"

namespace conduit::kernels {

struct TokenProbability {
  TokenId id = 0;
  double probability = 0;
};

// What a request with this sampling draws from: its support, summing to 1, in no promised order.
// Of equal logits the lower id is the more probable where a cut must choose. Empty when the logits
// name no best token: one is NaN or +infinity, or all are -infinity.
std::vector<TokenProbability> distribution(std::span<const float> logits, const Sampling& sampling);

// The draw of the index-th token: uniform in [0, 1), from (seed, index) alone. Philox4x32-10:
// Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
double uniform_draw(std::uint64_t seed, std::uint64_t index);

// The index-th token of a request; nothing when the distribution is empty.
std::optional<TokenId> sample(std::span<const float> logits, const Sampling& sampling,
                              std::uint64_t index);

// log-softmax of the logits as the model gave them, before penalties, temperature and filters: the
// chosen token's, then those of the `best` best, falling (lower id first on ties).
std::vector<TokenLogprob> logprobs(std::span<const float> logits, TokenId chosen, int best);
// How many tokens are at least as likely as `id`, itself included: 1 for the best.
int rank(std::span<const float> logits, TokenId id);

}  // namespace conduit::kernels
