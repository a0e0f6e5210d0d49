// What OpenAI's JSON asks for: a body → what to generate and how to answer.
// The idea: plain data in, plain data out, so every rule is tested without a socket or an actor. A
// field that would change the answer and is not supported is refused by name; a field that nobody
// knows is ignored, as vLLM does, since clients send each server's extras to all.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "cluster/gateway/api_error.h"
#include "cluster/gateway/field_reader.h"
#include "mdl/base/json.h"

namespace conduit::cluster {

// One body of /v1/chat/completions or /v1/completions.
struct AnswerPlan {
  bool is_chat = false;
  bool is_stream = false;
  bool wants_usage = false;      // stream_options.include_usage: a last event with the counts
  bool wants_echo = false;       // completions: the prompt before its answer
  bool is_prompt_alone = false;  // echo with max_tokens 0: nothing of the answer
  bool wants_prompt_logprobs = false;
  bool wants_token_ids = false;  // return_token_ids, as in vLLM
  bool wants_reasoning = true;   // include_reasoning: chats tell what the model thought
  std::string model;
  int choices_per_prompt = 1;                     // `n`
  std::vector<actors::GenerateRequest> requests;  // one per choice: n of the first prompt, …
};

// What a stranger may ask for in one body, beside actors::RequestLimits.
inline constexpr std::size_t kMaxChoices = 128;  // n × prompts: each is a sequence in the engine
inline constexpr std::size_t kMaxCopiedBytes = 32 << 20;  // of one prompt, `n` times: 4 full bodies
inline constexpr int kDefaultCompletionTokens = 16;       // OpenAI's, where max_tokens is left out
inline constexpr double kMaxTemperature = 2;              // OpenAI's

// Each fills its second argument, or says what is wrong.
std::optional<ApiError> read_chat(const json::Value& body, AnswerPlan& plan);
std::optional<ApiError> read_completion(const json::Value& body, AnswerPlan& plan);
// vLLM's /tokenize ({"model","prompt"} or {"model","messages"}) and /detokenize
// ({"model","tokens"}).
std::optional<ApiError> read_tokenize(const json::Value& body, actors::TokenizeRequest& request);
std::optional<ApiError> read_detokenize(const json::Value& body,
                                        actors::DetokenizeRequest& request);

// The parsers behind them, which also describe the fields.
void chat_fields(FieldReader& body, AnswerPlan& plan);
void completion_fields(FieldReader& body, AnswerPlan& plan);
void tokenize_fields(FieldReader& body, actors::TokenizeRequest& request);
void detokenize_fields(FieldReader& body, actors::DetokenizeRequest& request);

}  // namespace conduit::cluster
