// The fields of each body, in the order of OpenAI's reference.
#include "cluster/gateway/openai_request.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "actors/prompt.h"
#include "cluster/gateway/chat_messages.h"
#include "cluster/gateway/constraint_fields.h"
#include "cluster/gateway/field_reader.h"

namespace conduit::cluster {

namespace {

constexpr actors::RequestLimits kLimits;

// A field of OpenAI's or vLLM's API that would change the answer and is not supported; the values
// in `neutral` ask for nothing (as null does).
struct Unsupported {
  const char* name;
  std::vector<json::Value> neutral;
};

const std::vector<Unsupported>& unsupported_everywhere() {
  static const std::vector<Unsupported> fields{
      {"length_penalty", {1}},
      {"logits_processors", {json::Array{}}},
      {"use_beam_search", {false}},
      {"allowed_token_ids", {json::Array{}}},
      {"bad_words", {json::Array{}}},
      {"spaces_between_special_tokens", {true}},
      {"return_tokens_as_token_ids", {false}},
      {"guided_whitespace_pattern", {}},
  };
  return fields;
}

const std::vector<Unsupported>& unsupported_in_chat() {
  static const std::vector<Unsupported> fields{
      {"audio", {}},
      {"modalities", {json::Array{"text"}}},
      {"prediction", {}},
      {"functions", {json::Array{}}},
      {"function_call", {"auto", "none"}},
      {"web_search_options", {}},
      {"reasoning_effort", {}},
      {"verbosity", {"medium"}},
      {"chat_template", {}},
      {"documents", {json::Array{}}},
      {"echo", {false}},
      {"add_generation_prompt", {true}},
      {"continue_final_message", {false}},
      {"add_special_tokens", {false}},
  };
  return fields;
}

const std::vector<Unsupported>& unsupported_in_completions() {
  static const std::vector<Unsupported> fields{
      {"best_of", {1}},
      {"suffix", {""}},
      {"prompt_embeds", {}},
      {"add_special_tokens", {true}},
  };
  return fields;
}

void refuse_unsupported(FieldReader& body, const std::vector<Unsupported>& fields) {
  for (const Unsupported& field : fields) body.refuse_unless(field.name, field.neutral);
}

void read_stop(FieldReader& body, actors::GenerateRequest& request) {
  body.describe("stop", R"({"anyOf":[{"type":"string","minLength":1,"maxLength":64},
      {"type":"array","maxItems":16,"items":{"type":"string","minLength":1,"maxLength":64}}]})");
  const json::Value* stop = body.find("stop");
  if (stop == nullptr) return;
  const json::Array stops = stop->is_array() ? stop->as_array() : json::Array{*stop};
  bool is_good = stops.size() <= kLimits.stop_strings;
  for (const json::Value& text : stops) {
    is_good = is_good && text.is_string() && !text.as_string().empty() &&
              text.as_string().size() <= kLimits.stop_bytes;
    if (is_good) request.stop.push_back(text.as_string());
  }
  if (!is_good)
    body.fail("stop", "must be a string or a list of at most " +
                          std::to_string(kLimits.stop_strings) + " strings of 1 to " +
                          std::to_string(kLimits.stop_bytes) + " bytes");
}

void read_seed(FieldReader& body, actors::GenerateRequest& request) {
  request.has_seed = body.find("seed") != nullptr;
  request.seed = static_cast<std::uint64_t>(body.integer("seed", 0, INT64_MIN, INT64_MAX));
}

// {"token id": bias}; a bias beyond OpenAI's range counts as its end, as in vLLM.
void read_logit_bias(FieldReader& body, actors::GenerateRequest& request) {
  const json::Value* bias = body.object("logit_bias");
  body.describe("logit_bias", R"({"type":"object","maxProperties":4096,
      "propertyNames":{"pattern":"^(0|[1-9][0-9]{0,8})$"},
      "additionalProperties":{"type":"number"}})");
  if (bias == nullptr) return;
  if (bias->as_object().size() > kLimits.logit_bias)
    return body.fail("logit_bias",
                     "must have at most " + std::to_string(kLimits.logit_bias) + " tokens");
  for (const json::Member& member : bias->as_object()) {
    std::int32_t token = -1;
    const char* end = member.key.data() + member.key.size();
    const auto parsed = std::from_chars(member.key.data(), end, token);
    if (parsed.ec != std::errc() || parsed.ptr != end || token < 0)
      return body.fail("logit_bias", "must have token ids as its names, not " +
                                         json::quote(shortened(member.key)));
    if (!member.value.is_number())
      return body.fail("logit_bias", "must have a number for token " + member.key);
    const double most = kLimits.largest_bias;
    request.logit_bias.emplace_back(
        token, static_cast<float>(std::clamp(member.value.as_double(), -most, most)));
  }
}

void read_penalties(FieldReader& body, actors::GenerateRequest& request) {
  const double most = kLimits.penalty;
  request.frequency_penalty = static_cast<float>(body.number("frequency_penalty", 0, -most, most));
  request.presence_penalty = static_cast<float>(body.number("presence_penalty", 0, -most, most));
  constexpr double kLargest = std::numeric_limits<float>::max();
  request.repetition_penalty =
      static_cast<float>(body.number("repetition_penalty", 1, 0, kLargest));
  if (request.repetition_penalty == 0) body.fail("repetition_penalty", "must be above 0");
}

// What is the same for every choice of either route.
actors::GenerateRequest read_sampling(FieldReader& body) {
  actors::GenerateRequest request;
  request.temperature = static_cast<float>(body.number("temperature", 1, 0, kMaxTemperature));
  request.top_p = static_cast<float>(body.number("top_p", 1, 0, 1));
  if (request.top_p == 0) body.fail("top_p", "must be above 0 and at most 1");
  // vLLM's -1 is its older word for all of them.
  request.top_k = std::max(0, static_cast<int>(body.integer("top_k", 0, -1, INT32_MAX)));
  request.min_p = static_cast<float>(body.number("min_p", 0, 0, 1));
  request.typical_p = static_cast<float>(body.number("typical_p", 1, 0, 1));
  if (request.typical_p == 0) body.fail("typical_p", "must be above 0 and at most 1");
  read_penalties(body, request);
  read_logit_bias(body, request);
  request.min_tokens = static_cast<int>(body.integer("min_tokens", 0, 0, INT32_MAX));
  request.truncate_prompt = read_truncation(body);
  request.ignore_eos = body.boolean("ignore_eos", false);
  request.include_stop = body.boolean("include_stop_str_in_output", false);
  request.prompt_logprobs =
      static_cast<int>(body.integer("prompt_logprobs", -1, 0, kLimits.logprobs));
  request.skip_special = body.boolean("skip_special_tokens", true);
  request.stop_token_ids = body.token_ids("stop_token_ids", kLimits.stop_token_ids);
  read_seed(body, request);
  read_stop(body, request);
  read_constraint(body, request);
  return request;
}

void read_delivery(FieldReader& body, AnswerPlan& plan) {
  plan.model = body.required_text("model");
  plan.is_stream = body.boolean("stream", false);
  plan.wants_token_ids = body.boolean("return_token_ids", false);
  plan.choices_per_prompt = static_cast<int>(body.integer("n", 1, 1, kMaxChoices));
  const json::Value* options = body.object("stream_options");
  body.describe("stream_options", R"({"type":"object","properties":{
      "include_usage":{"type":"boolean"},"continuous_usage_stats":{"enum":[false,null]}}})");
  if (options != nullptr) {
    FieldReader nested(*options, "stream_options.");
    plan.wants_usage = nested.boolean("include_usage", false);
    if (nested.boolean("continuous_usage_stats", false))
      nested.fail("continuous_usage_stats", "is not supported");
    body.take_failure(nested);
    if (!plan.is_stream) body.fail("stream_options", "is only allowed with stream");
  }
}

std::size_t prompt_bytes(const actors::GenerateRequest& request) {
  return request.messages_json.size() + request.template_args_json.size() +
         request.constraint.size() + request.prompt.size() +
         request.prompt_tokens.size() * sizeof(std::int32_t);
}

// Adds the `n` choices of one prompt; their draws differ though the seed is one.
void add_choices(FieldReader& body, AnswerPlan& plan, const actors::GenerateRequest& request) {
  const std::size_t bytes =
      prompt_bytes(request) * static_cast<std::size_t>(plan.choices_per_prompt);
  if (bytes > kMaxCopiedBytes)
    return body.fail("n", "copies of this prompt have " + std::to_string(bytes) +
                              " bytes; the limit is " + std::to_string(kMaxCopiedBytes));
  for (int i = 0; i < plan.choices_per_prompt; ++i) {
    plan.requests.push_back(request);
    plan.requests.back().seed += static_cast<std::uint64_t>(i);
  }
}

// vLLM has nowhere to put them in a stream.
void check_prompt_logprobs(FieldReader& body, const AnswerPlan& plan,
                           const actors::GenerateRequest& request) {
  if (plan.is_stream && request.prompt_logprobs >= 0)
    body.fail("prompt_logprobs", "is not available with stream");
}

int read_logprobs_of_chat(FieldReader& body) {
  const bool wanted = body.boolean("logprobs", false);
  const int top = static_cast<int>(body.integer("top_logprobs", 0, 0, kLimits.logprobs));
  if (!wanted && top > 0) body.fail("top_logprobs", "needs logprobs to be true");
  return wanted ? top : -1;
}

// A prompt is a string or a list of token ids; a list of prompts is a list of either.
std::optional<actors::GenerateRequest> as_prompt(const json::Value& value,
                                                 actors::GenerateRequest request) {
  if (value.is_string()) {
    request.prompt_kind = wire::PromptKind::text;
    request.prompt = value.as_string();
    return request;
  }
  auto ids = as_token_ids(value);
  if (!ids || ids->empty()) return std::nullopt;
  request.prompt_kind = wire::PromptKind::tokens;
  // Here already, so that return_token_ids gives those that were used.
  const auto kept = static_cast<std::size_t>(std::max(0, request.truncate_prompt));
  if (kept > 0 && ids->size() > kept)
    ids->erase(ids->begin(), ids->end() - static_cast<std::ptrdiff_t>(kept));
  request.prompt_tokens = *std::move(ids);
  return request;
}

constexpr const char* kPromptSchema = R"({"anyOf":[{"type":"string"},
    {"type":"array","minItems":1,"items":{"type":"integer","minimum":0,"maximum":2147483647}},
    {"type":"array","minItems":1,"maxItems":128,"items":{"type":"string"}},
    {"type":"array","minItems":1,"maxItems":128,"items":
      {"type":"array","minItems":1,"items":{"type":"integer","minimum":0,"maximum":2147483647}}}]})";

void read_prompts(FieldReader& body, const actors::GenerateRequest& sampling, AnswerPlan& plan) {
  body.describe("prompt", kPromptSchema, true);
  const json::Value* prompt = body.find("prompt");
  if (prompt == nullptr) return body.fail("prompt", "is required");
  if (auto single = as_prompt(*prompt, sampling)) return add_choices(body, plan, *single);
  static constexpr auto kExpected =
      "must be a string, a list of token ids from 0 to 2147483647, or a list of such prompts";
  if (!prompt->is_array() || prompt->as_array().empty()) return body.fail("prompt", kExpected);
  const auto n = static_cast<std::size_t>(plan.choices_per_prompt);
  if (prompt->as_array().size() * n > kMaxChoices)
    return body.fail("prompt", "asks for " + std::to_string(prompt->as_array().size() * n) +
                                   " choices (prompts × n); the limit is " +
                                   std::to_string(kMaxChoices));
  for (const json::Value& item : prompt->as_array()) {
    auto one = as_prompt(item, sampling);
    if (!one) return body.fail("prompt", kExpected);
    add_choices(body, plan, *one);
  }
}

// The prompt again, with its log-probabilities where the answer has them; alone with max_tokens 0.
void read_echo(FieldReader& body, AnswerPlan& plan, actors::GenerateRequest& request) {
  if (request.prompt_logprobs < 0) request.prompt_logprobs = request.logprobs;
  if (request.truncate_prompt != 0)
    body.fail("truncate_prompt_tokens", "is not available with echo");
  if (request.max_tokens > 0) return;
  if (plan.is_stream) body.fail("max_tokens", "must be at least 1 with stream");
  plan.is_prompt_alone = true;
  request.max_tokens = 1;  // the engine's least; left out of the answer
}

void check_length(FieldReader& body, const actors::GenerateRequest& request) {
  if (request.max_tokens > 0 && request.min_tokens > request.max_tokens)
    body.fail("min_tokens", "must not be above max_tokens");
}

}  // namespace

void chat_fields(FieldReader& body, AnswerPlan& plan) {
  plan.is_chat = true;
  plan.wants_reasoning = body.boolean("include_reasoning", true);
  read_delivery(body, plan);
  actors::GenerateRequest request = read_sampling(body);
  request.model = plan.model;
  request.prompt_kind = wire::PromptKind::chat;
  request.split_reasoning = true;
  request.messages_json = read_messages(body);
  request.template_args_json = read_template_arguments(body, read_tools(body, request));
  const std::int64_t max_tokens = body.integer("max_tokens", 0, 1, INT32_MAX);  // its older name
  request.max_tokens =
      static_cast<int>(body.integer("max_completion_tokens", max_tokens, 1, INT32_MAX));
  request.logprobs = read_logprobs_of_chat(body);
  check_prompt_logprobs(body, plan, request);
  plan.wants_prompt_logprobs = request.prompt_logprobs >= 0;
  check_length(body, request);
  refuse_unsupported(body, unsupported_everywhere());
  refuse_unsupported(body, unsupported_in_chat());
  if (!body.failure()) add_choices(body, plan, request);
}

void completion_fields(FieldReader& body, AnswerPlan& plan) {
  read_delivery(body, plan);
  plan.wants_echo = body.boolean("echo", false);
  actors::GenerateRequest request = read_sampling(body);
  request.model = plan.model;
  request.max_tokens = static_cast<int>(
      body.integer("max_tokens", kDefaultCompletionTokens, plan.wants_echo ? 0 : 1, INT32_MAX));
  request.logprobs = static_cast<int>(body.integer("logprobs", -1, 0, kLimits.logprobs));
  check_prompt_logprobs(body, plan, request);
  plan.wants_prompt_logprobs = request.prompt_logprobs >= 0;
  if (plan.wants_echo) read_echo(body, plan, request);
  check_length(body, request);
  refuse_unsupported(body, unsupported_everywhere());
  refuse_unsupported(body, unsupported_in_completions());
  if (!body.failure()) read_prompts(body, request, plan);
}

void tokenize_fields(FieldReader& body, actors::TokenizeRequest& request) {
  request.model = body.required_text("model");
  body.describe("prompt", R"({"type":"string"})");
  body.describe("messages", kMessagesSchema);
  if (body.find("messages") != nullptr) {
    request.prompt_kind = wire::PromptKind::chat;
    request.messages_json = read_messages(body);
    actors::GenerateRequest chat;  // of which the tools are told
    request.template_args_json = read_template_arguments(body, read_tools(body, chat));
    refuse_unsupported(body, unsupported_in_chat());
  } else {
    request.prompt_kind = wire::PromptKind::text;
    if (body.find("prompt") == nullptr) body.fail("prompt", "or messages is required");
    request.prompt = body.text("prompt");
    request.add_special = body.boolean("add_special_tokens", true);
  }
  body.refuse_unless("return_token_strs", {false});
}

void detokenize_fields(FieldReader& body, actors::DetokenizeRequest& request) {
  request.model = body.required_text("model");
  body.describe("tokens", R"({"type":"array",
      "items":{"type":"integer","minimum":0,"maximum":2147483647}})",
                true);
  const json::Value* tokens = body.find("tokens");
  auto ids = tokens == nullptr ? std::nullopt : as_token_ids(*tokens);
  if (!ids) body.fail("tokens", "must be a list of token ids");
  if (ids) request.tokens = *std::move(ids);
}

std::optional<ApiError> read_chat(const json::Value& body, AnswerPlan& plan) {
  return read_fields(body, plan, chat_fields);
}
std::optional<ApiError> read_completion(const json::Value& body, AnswerPlan& plan) {
  return read_fields(body, plan, completion_fields);
}
std::optional<ApiError> read_tokenize(const json::Value& body, actors::TokenizeRequest& request) {
  return read_fields(body, request, tokenize_fields);
}
std::optional<ApiError> read_detokenize(const json::Value& body,
                                        actors::DetokenizeRequest& request) {
  return read_fields(body, request, detokenize_fields);
}

}  // namespace conduit::cluster
