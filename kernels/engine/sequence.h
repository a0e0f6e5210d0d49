// One request inside the engine: its tokens, how to sample, and where it stands. Plain data.
#pragma once

#include <chrono>
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

// Where a request stands. Its tokens are the prompt and then what was generated; the first
// `computed` of them have their keys and values in the cache.
struct Sequence {
  SequenceSpec spec;
  std::chrono::steady_clock::time_point arrived{};
  std::vector<TokenId> generated{};
  std::int64_t computed = 0;
  bool is_paused = false;

  std::int64_t prompt_length() const { return static_cast<std::int64_t>(spec.prompt.size()); }
  std::int64_t length() const {
    return prompt_length() + static_cast<std::int64_t>(generated.size());
  }
  std::int64_t longest() const { return prompt_length() + spec.max_tokens; }
  TokenId token(std::int64_t index) const {
    return index < prompt_length() ? spec.prompt[index] : generated[index - prompt_length()];
  }
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
