// The fields one by one.
#include "kernels/engine/request_check.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

namespace conduit::kernels {
namespace {

Status check_sampling(const Sampling& sampling) {
  const auto wrong = [](const char* name, auto value, const char* right) {
    return Error{Code::invalid_argument,
                 std::string(name) + " is " + std::to_string(value) + ", must be " + right};
  };
  // Written so that NaN fails.
  if (!(sampling.temperature >= 0 && std::isfinite(sampling.temperature))) {
    return wrong("temperature", sampling.temperature, "a finite number of at least 0");
  }
  if (!(sampling.top_p > 0 && sampling.top_p <= 1)) {
    return wrong("top_p", sampling.top_p, "above 0 and at most 1");
  }
  if (!(sampling.min_p >= 0 && sampling.min_p <= 1)) {
    return wrong("min_p", sampling.min_p, "between 0 and 1");
  }
  if (!(sampling.typical_p > 0 && sampling.typical_p <= 1)) {
    return wrong("typical_p", sampling.typical_p, "above 0 and at most 1");
  }
  if (!(sampling.repetition_penalty > 0 && std::isfinite(sampling.repetition_penalty))) {
    return wrong("repetition_penalty", sampling.repetition_penalty, "a finite number above 0");
  }
  if (!std::isfinite(sampling.frequency_penalty)) {
    return wrong("frequency_penalty", sampling.frequency_penalty, "a finite number");
  }
  if (!std::isfinite(sampling.presence_penalty)) {
    return wrong("presence_penalty", sampling.presence_penalty, "a finite number");
  }
  for (const LogitBias& bias : sampling.logit_bias) {
    if (!std::isfinite(bias.bias)) return wrong("logit_bias", bias.bias, "a finite number");
  }
  if (sampling.prompt_logprobs < -1) {
    return wrong("prompt_logprobs", sampling.prompt_logprobs, "at least -1 (-1: none)");
  }
  if (sampling.top_k < 0) return wrong("top_k", sampling.top_k, "at least 0 (0: all)");
  if (sampling.logprobs < -1) return wrong("logprobs", sampling.logprobs, "at least -1 (-1: none)");
  return ok();
}

Error not_made_for(const char* task, const std::string& why) {
  return {Code::invalid_argument, std::string("this model cannot ") + task + ": " + why};
}

Status check_ids(std::span<const TokenId> ids, int vocab) {
  for (TokenId id : ids) {
    if (id >= 0 && id < vocab) continue;
    return Error{
        Code::invalid_argument,
        "token " + std::to_string(id) + " is outside the vocabulary of " + std::to_string(vocab)};
  }
  return ok();
}

Status check_score(const SequenceSpec& spec, const ModelConfig& config) {
  if (spec.score_ids.empty()) {
    if (config.labels == 1) return ok();
    return not_made_for("score", "it has a classifier of " + std::to_string(config.labels) +
                                     " labels, not 1; a causal model needs score_ids");
  }
  if (!config.has_head) return not_made_for("score by score_ids", "it has no output layer");
  if (spec.score_ids.size() != 2) {
    return Error{Code::invalid_argument, "score_ids are " + std::to_string(spec.score_ids.size()) +
                                             " tokens, must be 2: no and yes"};
  }
  return check_ids(spec.score_ids, config.vocab);
}

// The task, and what belongs to one alone.
Status check_task(const SequenceSpec& spec, const ModelConfig& config) {
  if (spec.task == Task::generate && !config.has_head) {
    return not_made_for("generate", "it has no output layer");
  }
  if (spec.task == Task::embed && config.pooling == Pooling::none) {
    return not_made_for("embed", "it states no pooling (1_Pooling/config.json)");
  }
  if (spec.task == Task::score) CONDUIT_TRY_STATUS(check_score(spec, config));
  const bool is_right = spec.task == Task::generate ? spec.max_tokens >= 1 : spec.max_tokens == 0;
  if (!is_right) {
    return Error{Code::invalid_argument,
                 "max_tokens is " + std::to_string(spec.max_tokens) + ", must be " +
                     (spec.task == Task::generate ? "at least 1" : "0 where nothing is generated")};
  }
  return ok();
}

Status check_type_ids(const SequenceSpec& spec, const ModelConfig& config) {
  if (!spec.type_ids.empty() && spec.type_ids.size() != spec.prompt.size()) {
    return Error{Code::invalid_argument, std::to_string(spec.type_ids.size()) + " type_ids for " +
                                             std::to_string(spec.prompt.size()) + " tokens"};
  }
  const int kinds = std::max(config.token_types, 1);
  for (std::int32_t type : spec.type_ids) {
    if (type >= 0 && type < kinds) continue;
    return Error{Code::invalid_argument, "type_ids have " + std::to_string(type) +
                                             ", this model knows " + std::to_string(kinds)};
  }
  return ok();
}

}  // namespace

Status check_request(const SequenceSpec& spec, const ModelConfig& config) {
  if (spec.prompt.empty()) {
    return Error{Code::invalid_argument, "the prompt is empty, it must have at least one token"};
  }
  CONDUIT_TRY_STATUS(check_ids(spec.prompt, config.vocab));
  CONDUIT_TRY_STATUS(check_task(spec, config));
  CONDUIT_TRY_STATUS(check_type_ids(spec, config));
  return check_sampling(spec.sampling);
}

}  // namespace conduit::kernels
