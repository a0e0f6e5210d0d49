// Checks in the order in which they are cheap: ranges, then the text's size, then the tokens.
#include "actors/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <random>

#include "actors/constraints.h"
#include "actors/tools.h"
#include "actors/truncation.h"
#include "mdl/base/json.h"

namespace conduit::actors {

namespace {

using kernels::TokenId;

Error invalid(std::string message) { return {Code::invalid_argument, std::move(message)}; }

std::string model_name(const kernels::Model& model) { return model.path.filename().string(); }

// A number that is no number fails every comparison, so it is refused too.
template <class Number>
Status check_range(const char* name, Number value, Number least, Number most) {
  if (value >= least && value <= most) return ok();
  return invalid(fmt::format("{} is {}; it must lie within {} and {}", name, value, least, most));
}

Status check_penalties(const GenerateRequest& request, const RequestLimits& limits) {
  CONDUIT_TRY_STATUS(
      check_range("frequency_penalty", request.frequency_penalty, -limits.penalty, limits.penalty));
  CONDUIT_TRY_STATUS(
      check_range("presence_penalty", request.presence_penalty, -limits.penalty, limits.penalty));
  if (!(request.repetition_penalty > 0 && std::isfinite(request.repetition_penalty)))
    return invalid(fmt::format("repetition_penalty is {}; it must be a finite number above 0",
                               request.repetition_penalty));
  return ok();
}

Status check_sampling(const GenerateRequest& request, const RequestLimits& limits) {
  CONDUIT_TRY_STATUS(check_range("temperature", request.temperature, 0.0f, limits.temperature));
  CONDUIT_TRY_STATUS(check_range("top_p", request.top_p, 0.0f, 1.0f));
  if (request.top_p == 0) return invalid("top_p is 0; it must be above 0 and at most 1");
  CONDUIT_TRY_STATUS(check_range("min_p", request.min_p, 0.0f, 1.0f));
  CONDUIT_TRY_STATUS(check_range("typical_p", request.typical_p, 0.0f, 1.0f));
  if (request.typical_p == 0) return invalid("typical_p is 0; it must be above 0 and at most 1");
  CONDUIT_TRY_STATUS(check_penalties(request, limits));
  CONDUIT_TRY_STATUS(check_range("prompt_logprobs", request.prompt_logprobs, -1, limits.logprobs));
  if (request.top_k < 0)
    return invalid(fmt::format("top_k is {}; it must be 0 (all) or more", request.top_k));
  return check_range("logprobs", request.logprobs, -1, limits.logprobs);
}

Status check_stops(const GenerateRequest& request, const kernels::Model& model,
                   const RequestLimits& limits) {
  if (request.stop.size() > limits.stop_strings)
    return invalid(fmt::format("{} stop strings; at most {} are taken", request.stop.size(),
                               limits.stop_strings));
  if (!request.stop.empty() && !model.tokenizer)
    return invalid(
        fmt::format("model {} has no tokenizer, so stop strings cannot be found in its "
                    "answers: use stop_token_ids",
                    model_name(model)));
  for (const std::string& stop : request.stop)
    if (stop.empty() || stop.size() > limits.stop_bytes)
      return invalid(fmt::format("a stop string has {} bytes; it must have 1 to {}", stop.size(),
                                 limits.stop_bytes));
  if (request.stop_token_ids.size() > limits.stop_token_ids)
    return invalid(fmt::format("{} stop_token_ids; at most {} are taken",
                               request.stop_token_ids.size(), limits.stop_token_ids));
  for (TokenId id : request.stop_token_ids)
    CONDUIT_TRY_STATUS(check_range("a stop token id", id, 0, model.config.vocab - 1));
  return ok();
}

Status check_bias(const GenerateRequest& request, const kernels::Model& model,
                  const RequestLimits& limits) {
  if (request.logit_bias.size() > limits.logit_bias)
    return invalid(fmt::format("logit_bias has {} tokens; at most {} are taken",
                               request.logit_bias.size(), limits.logit_bias));
  for (const wire::LogitBias& bias : request.logit_bias) {
    CONDUIT_TRY_STATUS(
        check_range("a token id of logit_bias", bias.token(), 0, model.config.vocab - 1));
    CONDUIT_TRY_STATUS(
        check_range("logit_bias", bias.bias(), -limits.largest_bias, limits.largest_bias));
  }
  return ok();
}

// Of each prompt token, 1 and the best.
Status check_prompt_logprobs(const GenerateRequest& request, std::size_t prompt,
                             const RequestLimits& limits) {
  const std::size_t wanted = prompt * (static_cast<std::size_t>(request.prompt_logprobs) + 1);
  if (wanted <= limits.prompt_logprobs) return ok();
  return invalid(
      fmt::format("prompt_logprobs {} of a prompt of {} tokens are {}; at most {} are "
                  "computed",
                  request.prompt_logprobs, prompt, wanted, limits.prompt_logprobs));
}

Result<json::Value> parse_part(const char* name, const std::string& text) {
  auto value = json::parse(text);
  if (!value) return invalid(std::string(name) + ": " + value.error().message);
  return value;
}

Result<std::string> render_chat(const std::string& messages_json, const std::string& arguments_json,
                                const kernels::Model& model) {
  if (!model.chat_template)
    return invalid(fmt::format("model {} has no chat template: send a text prompt or token ids",
                               model_name(model)));
  CONDUIT_TRY(json::Value messages, parse_part("messages", messages_json));
  if (!messages.is_array() || messages.as_array().empty())
    return invalid("messages must be a list of at least one message");

  // As transformers: None where nothing is given, which `is not none` can ask for.
  json::Value variables = json::Object{{"tools", nullptr}, {"documents", nullptr}};
  variables.set("bos_token", model.bos_token);
  variables.set("eos_token", model.eos_token);
  variables.set("add_generation_prompt", true);
  if (!arguments_json.empty()) {
    CONDUIT_TRY(json::Value arguments, parse_part("template arguments", arguments_json));
    if (!arguments.is_object()) return invalid("template arguments must be an object");
    for (json::Member& argument : arguments.as_object())
      variables.set(std::move(argument.key), std::move(argument.value));
  }
  const json::Value* tools = variables.find("tools");
  if (tools->is_array() && !template_knows_tools(model)) tell_of_tools(messages, *tools);
  variables.set("messages", std::move(messages));
  return model.chat_template->render(variables, std::time(nullptr));
}

// `Request`: as below. How much of the prompt is kept: at least one token of the answer must fit.
template <class Request>
Result<std::size_t> kept_of(const Request& request, int max_model_len) {
  const int room = max_model_len - std::max(1, request.max_tokens);
  return kept_tokens(request.truncate_prompt, static_cast<std::size_t>(std::max(1, room)));
}

// `Request`: GenerateRequest or TokenizeRequest, whose fields for text are the same.
template <class Request>
Result<std::vector<TokenId>> tokens_of_text(const Request& request, bool add_special,
                                            const kernels::Model& model, int max_model_len,
                                            const RequestLimits& limits) {
  if (!model.tokenizer)
    return invalid(
        fmt::format("model {} has no tokenizer: send the prompt as token ids", model_name(model)));
  const bool is_chat = request.prompt_kind == wire::PromptKind::chat;
  std::string rendered;
  if (is_chat) {
    CONDUIT_TRY(rendered, render_chat(request.messages_json, request.template_args_json, model));
  }
  const std::string& text = is_chat ? rendered : request.prompt;
  const std::size_t most = limits.bytes_per_token * static_cast<std::size_t>(max_model_len);
  if (text.size() > most)
    return invalid(
        fmt::format("the prompt has {} bytes; {} tokens (max_model_len) never hold more "
                    "than {}",
                    text.size(), max_model_len, most));
  // A template writes the special tokens itself.
  const bool surrounds = add_special && !is_chat;
  auto ids = model.tokenizer->encode(text, {.add_special = surrounds, .parse_special = true});
  CONDUIT_TRY(const std::size_t kept, kept_of(request, max_model_len));
  if (ids.size() > kept)
    cut_text(ids, model.tokenizer->encode(text, {.add_special = false, .parse_special = true}),
             kept, Keep::end);
  return ids;
}

Result<std::vector<TokenId>> prompt_tokens(const GenerateRequest& request,
                                           const kernels::Model& model, int max_model_len,
                                           const RequestLimits& limits) {
  if (request.prompt_kind != wire::PromptKind::tokens)
    return tokens_of_text(request, true, model, max_model_len, limits);
  for (TokenId id : request.prompt_tokens)
    CONDUIT_TRY_STATUS(check_range("a prompt token id", id, 0, model.config.vocab - 1));
  CONDUIT_TRY(const std::size_t kept, kept_of(request, max_model_len));
  auto ids = request.prompt_tokens;
  cut_text(ids, ids, kept, Keep::end);
  return ids;
}

// How many tokens may be generated.
Result<int> answer_length(const GenerateRequest& request, std::size_t prompt, int max_model_len) {
  if (prompt == 0) return invalid("the prompt is empty; it must have at least one token");
  if (prompt >= static_cast<std::size_t>(max_model_len))
    return invalid(
        fmt::format("the prompt has {} tokens; with at least one token of answer it must "
                    "fit max_model_len {}",
                    prompt, max_model_len));
  const int room = max_model_len - static_cast<int>(prompt);
  CONDUIT_TRY_STATUS(check_range("max_tokens", request.max_tokens, 0, max_model_len));
  if (request.max_tokens > room)
    return invalid(
        fmt::format("max_tokens is {}; beside a prompt of {} tokens max_model_len {} "
                    "leaves {}",
                    request.max_tokens, prompt, max_model_len, room));
  const int length = request.max_tokens == 0 ? room : request.max_tokens;
  CONDUIT_TRY_STATUS(check_range("min_tokens", request.min_tokens, 0, length));
  return length;
}

std::uint64_t random_seed() {
  std::random_device source;
  return (std::uint64_t{source()} << 32) | source();
}

}  // namespace

Result<kernels::SequenceSpec> prepare(const GenerateRequest& request, const kernels::Model& model,
                                      int max_model_len, const RequestLimits& limits) {
  CONDUIT_TRY_STATUS(check_sampling(request, limits));
  CONDUIT_TRY_STATUS(check_stops(request, model, limits));
  CONDUIT_TRY_STATUS(check_bias(request, model, limits));
  kernels::SequenceSpec spec;
  CONDUIT_TRY(spec.prompt, prompt_tokens(request, model, max_model_len, limits));
  CONDUIT_TRY(spec.max_tokens, answer_length(request, spec.prompt.size(), max_model_len));
  CONDUIT_TRY_STATUS(check_prompt_logprobs(request, spec.prompt.size(), limits));
  spec.min_tokens = request.min_tokens;
  spec.stop_ids = request.stop_token_ids;
  if (!request.ignore_eos)
    spec.stop_ids.insert(spec.stop_ids.end(), model.config.eos.begin(), model.config.eos.end());
  spec.sampling = {.repetition_penalty = request.repetition_penalty,
                   .frequency_penalty = request.frequency_penalty,
                   .presence_penalty = request.presence_penalty,
                   .temperature = request.temperature,
                   .top_k = request.top_k,
                   .top_p = request.top_p,
                   .typical_p = request.typical_p,
                   .min_p = request.min_p,
                   .seed = request.has_seed ? request.seed : random_seed(),
                   .logprobs = request.logprobs,
                   .prompt_logprobs = request.prompt_logprobs};
  for (const wire::LogitBias& bias : request.logit_bias)
    spec.sampling.logit_bias.push_back({bias.token(), bias.bias()});
  if (request.constraint_kind != wire::ConstraintKind::none)
    spec.thoughts = thoughts_of(request, model, spec.prompt);
  return spec;
}

std::optional<Reasoning> reasoning_of(const GenerateRequest& request, const kernels::Model& model,
                                      std::span<const TokenId> prompt) {
  if (!request.split_reasoning || !model.tokenizer) return std::nullopt;
  const bool is_known =
      model.tokenizer->id_of("<think>") ||
      (model.chat_template && model.chat_template->source().find("<think>") != std::string::npos);
  if (!is_known) return std::nullopt;
  return Reasoning(ends_thinking(tail_of(*model.tokenizer, prompt)));
}

Result<std::vector<TokenId>> tokenize(const TokenizeRequest& request, const kernels::Model& model,
                                      int max_model_len, const RequestLimits& limits) {
  if (request.prompt_kind == wire::PromptKind::tokens)
    return invalid("token ids need no tokenizing: send a text or messages");
  return tokens_of_text(request, request.add_special, model, max_model_len, limits);
}

}  // namespace conduit::actors
