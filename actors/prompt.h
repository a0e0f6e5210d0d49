// From a request to what the engine runs: template, tokens, limits, sampling. Plain functions.
// The idea: everything that can be wrong with a request is found here, before the engine hears of
// it, and the error names the value and the limit. Not here: what becomes of the tokens (answer.h).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "actors/reasoning.h"
#include "kernels/engine/sequence.h"
#include "kernels/model/model.h"
#include "mdl/base/result.h"

namespace conduit::actors {

// What a stranger may ask for in one request.
struct RequestLimits {
  float temperature = 100;                // beyond it every token is as likely as any other
  int logprobs = 20;                      // as OpenAI's top_logprobs; prompt_logprobs, too
  std::size_t prompt_logprobs = 1 << 18;  // in all: prompt tokens × those of each; what a frame of
                                          // the wire has room for
  std::size_t logit_bias = 4096;          // applied in each step
  float largest_bias = 100;               // OpenAI's: beyond it a token is banned or certain
  float penalty = 2;                      // OpenAI's, of frequency and presence: -2 to 2
  std::size_t stop_strings = 16;          // OpenAI takes 4; each is looked for after each token
  std::size_t stop_bytes = 256;           // of one stop string, for the same reason
  std::size_t stop_token_ids = 256;       // searched once per step
  std::size_t bytes_per_token = 256;  // no vocabulary has a longer token, so a longer text cannot
                                      // fit and is refused before it is tokenized
};

// The sequence for the engine, still without an id and a grammar. Errors: invalid_argument.
Result<kernels::SequenceSpec> prepare(const GenerateRequest& request, const kernels::Model& model,
                                      int max_model_len, const RequestLimits& limits = {});

// How the answer to `prompt` is told apart from its thoughts, where that is asked for and the model
// knows <think>, by its template or its vocabulary.
std::optional<Reasoning> reasoning_of(const GenerateRequest& request, const kernels::Model& model,
                                      std::span<const kernels::TokenId> prompt);

// The same steps without a generation. Errors: invalid_argument (no tokenizer, no template, text
// that cannot fit).
Result<std::vector<kernels::TokenId>> tokenize(const TokenizeRequest& request,
                                               const kernels::Model& model, int max_model_len,
                                               const RequestLimits& limits = {});

}  // namespace conduit::actors
