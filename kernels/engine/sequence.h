// One request inside the engine: its tokens, how to sample, and where it stands. Plain data.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "kernels/engine/guide.h"
#include "kernels/engine/speculation.h"
#include "kernels/model/tokenizer.h"
#include "mdl/base/result.h"
#include "mdl/matcher.h"

namespace conduit::kernels {

using SequenceId = std::uint64_t;
using AdapterId = std::int32_t;  // Engine::load_adapter's; 0: none

struct LogitBias {
  TokenId id = 0;
  float bias = 0;
};

// In the order in which they apply: to the logits (adjusted_logits.h), then to the probabilities
// (sampler.h). Each default leaves them as they are.
struct Sampling {
  std::vector<LogitBias> logit_bias{};
  float repetition_penalty = 1;  // of ids in the prompt or the answer: logits above 0 are divided
                                 // by it, the others multiplied
  float frequency_penalty = 0;   // taken off for each time the answer has the id
  float presence_penalty = 0;    // taken off once, when the answer has the id
  float temperature = 1;         // 0: greedy, lowest id on ties
  int top_k = 0;                 // 0: all; ties at the k-th value are kept
  float top_p = 1;               // smallest set whose mass reaches it; the top token stays
  float typical_p = 1;  // the same, of the tokens whose surprise is nearest to the expected one
  float min_p = 0;      // relative to the largest remaining probability
  std::uint64_t seed =
      0;              // the draw of token i depends on (seed, i) alone, so a batch cannot change it
  int logprobs = -1;  // -1: none; n: the chosen token's and the n best
  int prompt_logprobs = -1;  // the same of each prompt token but the first
};

// How often the answer has each token that it or the prompt has: 0 in the prompt alone. What the
// penalties are about.
using TokenCounts = std::unordered_map<TokenId, int>;

struct TokenLogprob {
  TokenId id = 0;
  float logprob = 0;
};

// Of each prompt token, given those before it.
struct PromptLogprobs {
  // The first token's, which is 0 as nothing came before it; then per token: its own, and those of
  // the best, falling.
  std::vector<TokenLogprob> entries;
  // Per token but the first: how many tokens were at least as likely, itself included.
  std::vector<int> ranks;
};

// What becomes of the prompt: it is continued; it becomes a vector (ModelConfig::pooling); or a
// number from 0 to 1, as rerankers judge a query and a document.
enum class Task : std::uint8_t { generate, embed, score };

struct SequenceSpec {
  SequenceId id = 0;
  Task task = Task::generate;
  std::vector<TokenId> prompt;           // at least one token
  std::vector<std::int32_t> type_ids{};  // of the prompt, its segments (BERT); empty: all 0
  // What a score compares, after the prompt: "no" and "yes". Empty: the model has a classifier.
  std::vector<TokenId> score_ids{};
  AdapterId adapter = 0;  // of the model's matrices, for this sequence
  int max_tokens = 0;     // tokens to generate, 0 for other tasks; prompt + max_tokens is within
                          // max_model_len
  int min_tokens = 0;     // stop ids are not sampled before
  std::vector<TokenId> stop_ids;  // end of sequence and the request's own; empty with ignore_eos
  Sampling sampling;
  // That the answer fits; null: it is free. Shared by sequences of one engine alone, as it is used
  // by one thread.
  std::shared_ptr<mdl::TokenGrammar> grammar{};
  std::optional<ThoughtTags> thoughts{};  // with a grammar: the model may think before it holds

  bool needs_logits() const {
    return task == Task::generate || (task == Task::score && !score_ids.empty());
  }
};

// Where a request stands. Its tokens are the prompt and then what was generated; the first
// `computed` of them have their keys and values in the cache.
struct Sequence {
  SequenceSpec spec;
  std::chrono::steady_clock::time_point arrived{};
  std::vector<TokenId> generated{};
  std::int64_t computed = 0;
  std::int64_t furthest = 0;  // the most `computed` has been; preemption takes it back to 0
  std::uint64_t turn = 0;     // the scheduler's: who came earlier has a lower one
  std::int64_t cached = 0;  // prompt tokens that were not computed, as another request had done so
  std::int64_t scored = 0;  // prompt tokens that prompt_logprobs has
  bool is_paused = false;
  TokenCounts counts{};              // empty while no penalty needs it
  PromptLogprobs prompt_logprobs{};  // of the prompt so far, where they are wanted
  std::vector<TokenId> proposed{};   // to follow: computed together with the last token
  bool is_forced = false;            // what is proposed: the grammar allows nothing else
  std::optional<Guide> guide{};      // where spec.grammar is
  PromptLookup lookup{};
  Confidence confidence{};
  std::int64_t drafted = 0;  // of its tokens, those that the draft model has read
  // embed: what pooling made of the prompt so far; score by a classifier: its logit
  std::vector<float> pooled{};

  std::int64_t prompt_length() const { return static_cast<std::int64_t>(spec.prompt.size()); }
  std::int64_t length() const {
    return prompt_length() + static_cast<std::int64_t>(generated.size());
  }
  std::int64_t longest() const { return prompt_length() + spec.max_tokens; }
  // How many of its first tokens need not be computed if their keys and values are known: not the
  // last, which gives the next token, nor one whose own row is wanted.
  std::int64_t reusable() const {
    if (!spec.needs_logits()) return 0;
    return spec.sampling.prompt_logprobs >= 0 && scored < prompt_length() ? 0 : length() - 1;
  }
  TokenId token(std::int64_t index) const {
    return index < prompt_length() ? spec.prompt[index] : generated[index - prompt_length()];
  }
};

enum class FinishReason : std::uint8_t { none, stop, length, cancelled, error };

// What a step made for one sequence.
struct SequenceOutput {
  SequenceId id = 0;
  TokenId token = 0;  // of a generating one; not valid when reason is cancelled or error
  int index = 0;      // of this token among the generated ones
  std::vector<TokenLogprob>
      logprobs;  // the chosen token first, then the best, falling; empty unless asked
  FinishReason reason = FinishReason::none;
  bool ends_in_text = false;  // with stop: the grammar allows no more; the token is no stop token
  Error error{};              // with error: why
  PromptLogprobs prompt_logprobs{};  // with the first token, where they are wanted
  int cached_tokens = 0;             // with the first token: of the prompt, found in the cache
  std::vector<float> embedding{};    // [hidden], of one that embeds; reason is stop
  float score = 0;                   // of one that scores; reason is stop
};

}  // namespace conduit::kernels
