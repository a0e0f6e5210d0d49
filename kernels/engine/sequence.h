// One request inside the engine: its tokens, how to sample, and where it stands. Plain data.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/model/tokenizer.h"

namespace conduit::kernels {

using SequenceId = std::uint64_t;

struct Sampling {
  float temperature = 1;  // 0: greedy, lowest id on ties
  int top_k = 0;          // 0: all; ties at the k-th value are kept
  float top_p = 1;        // smallest set whose mass reaches it; the top token stays
  float min_p = 0;        // relative to the largest remaining probability
  std::uint64_t seed =
      0;              // the draw of token i depends on (seed, i) alone, so a batch cannot change it
  int logprobs = -1;  // -1: none; n: the chosen token's and the n best
};

struct SequenceSpec {
  SequenceId id = 0;
  std::vector<TokenId> prompt;    // at least one token
  int max_tokens = 0;             // tokens to generate; prompt + max_tokens is within max_model_len
  int min_tokens = 0;             // stop ids are not sampled before
  std::vector<TokenId> stop_ids;  // end of sequence and the request's own; empty with ignore_eos
  Sampling sampling;
};

enum class FinishReason : std::uint8_t { none, stop, length, cancelled, error };

struct TokenLogprob {
  TokenId id = 0;
  float logprob = 0;
};

// What a step made for one sequence.
struct SequenceOutput {
  SequenceId id = 0;
  TokenId token = 0;  // not valid when reason is cancelled or error
  int index = 0;      // of this token among the generated ones
  std::vector<TokenLogprob>
      logprobs;  // the chosen token first, then the best, falling; empty unless asked
  FinishReason reason = FinishReason::none;
};

}  // namespace conduit::kernels
