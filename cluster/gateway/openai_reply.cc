// The objects of OpenAI's reference, field by field.
#include "cluster/gateway/openai_reply.h"

#include <algorithm>
#include <random>
#include <string_view>
#include <utility>

#include "cluster/gateway/logprobs.h"

namespace conduit::cluster {

namespace {

json::Value ids(const std::vector<std::int32_t>& tokens) {
  return json::Array(tokens.begin(), tokens.end());
}

// vLLM's: the stop string or stop token id of the request that ended it; null for the model's own
// end.
json::Value stop_reason(const actors::GenerateRequest& request, const actors::Finished& finished) {
  if (!finished.stop_text.empty()) return finished.stop_text;
  const auto& asked = request.stop_token_ids;
  if (std::find(asked.begin(), asked.end(), finished.stop_token) != asked.end())
    return finished.stop_token;
  return nullptr;
}

json::Value logprobs_of(const AnswerPlan& plan, std::size_t index, const actors::TokenChunk& chunk,
                        std::size_t& offset) {
  if (plan.requests[index].logprobs < 0) return nullptr;
  return plan.is_chat ? chat_logprobs(chunk) : completion_logprobs(chunk, offset, plan.wants_echo);
}

json::Value envelope(const AnswerPlan& plan, const AnswerHead& head, json::Array choices) {
  const char* object = !plan.is_chat    ? "text_completion"
                       : plan.is_stream ? "chat.completion.chunk"
                                        : "chat.completion";
  json::Value out = json::Object{{"id", head.id},
                                 {"object", object},
                                 {"created", head.created},
                                 {"model", plan.model},
                                 {"choices", std::move(choices)}};
  if (plan.is_stream && plan.wants_usage) out.set("usage", nullptr);
  return out;
}

json::Value event_choice(const AnswerPlan& plan, std::size_t index, json::Value delta,
                         std::string text) {
  json::Value choice = json::Object{{"index", index}};
  if (plan.is_chat) {
    choice.set("delta", std::move(delta));
  } else {
    choice.set("text", std::move(text));
  }
  choice.set("logprobs", nullptr);
  choice.set("finish_reason", nullptr);
  return choice;
}

// echo with max_tokens 0 asked for the prompt alone; the engine made a token all the same.
void drop_answer(actors::TokenChunk& answer) {
  answer.text.clear();
  answer.tokens.clear();
  answer.logprobs.clear();
  answer.logprob_bytes.clear();
}

// As Mistral's templates want them back: nine letters and digits.
std::string new_tool_call_id() {
  constexpr std::string_view kLetters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t kLength = 9;
  std::random_device source;
  std::uniform_int_distribution<std::size_t> letter(0, kLetters.size() - 1);
  std::string id;
  while (id.size() < kLength) id += kLetters[letter(source)];
  return id;
}

// Of a whole answer, or of one event: calls that begin have an id, a type and a name.
json::Array tool_calls(const actors::TokenChunk& chunk, bool has_indexes) {
  json::Array calls;
  for (std::size_t i = 0; i < chunk.tool_call_indexes.size(); ++i) {
    json::Value call = json::Object{};
    json::Value function = json::Object{};
    if (has_indexes) call.set("index", chunk.tool_call_indexes[i]);
    if (!chunk.tool_call_names[i].empty()) {
      call.set("id", new_tool_call_id());
      call.set("type", "function");
      function.set("name", chunk.tool_call_names[i]);
    }
    function.set("arguments", chunk.tool_call_arguments[i]);
    call.set("function", std::move(function));
    calls.push_back(std::move(call));
  }
  return calls;
}

json::Value message_of(const AnswerPlan& plan, const actors::TokenChunk& answer) {
  json::Value message =
      json::Object{{"role", "assistant"}, {"content", answer.text}, {"refusal", nullptr}};
  if (!answer.tool_call_indexes.empty()) {
    if (answer.text.empty()) message.set("content", nullptr);
    message.set("tool_calls", tool_calls(answer, false));
  }
  if (plan.wants_reasoning && !answer.reasoning.empty())
    message.set("reasoning_content", answer.reasoning);
  return message;
}

json::Value delta_of(const AnswerPlan& plan, const actors::TokenChunk& chunk) {
  json::Value delta = json::Object{};
  const bool has_thoughts = plan.wants_reasoning && !chunk.reasoning.empty();
  if (has_thoughts) delta.set("reasoning_content", chunk.reasoning);
  const bool has_calls = !chunk.tool_call_indexes.empty();
  if (!(has_thoughts || has_calls) || !chunk.text.empty()) delta.set("content", chunk.text);
  if (has_calls) delta.set("tool_calls", tool_calls(chunk, true));
  return delta;
}

json::Value whole_choice(const AnswerPlan& plan, std::size_t index, const PromptFacts& prompt,
                         Choice& choice) {
  if (plan.is_prompt_alone) drop_answer(choice.answer);
  json::Value out = json::Object{{"index", index}};
  if (plan.is_chat) {
    out.set("message", message_of(plan, choice.answer));
  } else {
    out.set("text", plan.wants_echo ? prompt.text + choice.answer.text : choice.answer.text);
  }
  out.set("logprobs", logprobs_of(plan, index, choice.answer, choice.logprob_offset));
  const bool has_calls = !choice.answer.tool_call_indexes.empty();
  out.set("finish_reason", finish_reason(choice.finished, has_calls));
  out.set("stop_reason", stop_reason(plan.requests[index], choice.finished));
  if (plan.wants_prompt_logprobs && !plan.is_chat)
    out.set("prompt_logprobs", prompt_logprobs(choice.answer));
  if (plan.wants_token_ids) {
    if (!plan.is_chat) out.set("prompt_token_ids", ids(prompt.token_ids));
    out.set("token_ids", ids(choice.answer.tokens));
  }
  return out;
}

}  // namespace

json::Value finish_reason(const actors::Finished& finished, bool has_tool_calls) {
  switch (finished.reason) {
    case wire::FinishReason::stop: return has_tool_calls ? "tool_calls" : "stop";
    case wire::FinishReason::length: return "length";
    case wire::FinishReason::cancelled: return "abort";
    case wire::FinishReason::error: return "error";
    case wire::FinishReason::none: break;
  }
  return nullptr;
}

void append(actors::TokenChunk& answer, const actors::TokenChunk& chunk) {
  answer.text += chunk.text;
  answer.reasoning += chunk.reasoning;
  answer.tokens.insert(answer.tokens.end(), chunk.tokens.begin(), chunk.tokens.end());
  answer.logprobs.insert(answer.logprobs.end(), chunk.logprobs.begin(), chunk.logprobs.end());
  answer.logprob_bytes.insert(answer.logprob_bytes.end(), chunk.logprob_bytes.begin(),
                              chunk.logprob_bytes.end());
  for (std::size_t i = 0; i < chunk.tool_call_indexes.size(); ++i) {
    const std::uint32_t index = chunk.tool_call_indexes[i];
    if (answer.tool_call_indexes.empty() || answer.tool_call_indexes.back() != index) {
      answer.tool_call_indexes.push_back(index);
      answer.tool_call_names.emplace_back();
      answer.tool_call_arguments.emplace_back();
    }
    answer.tool_call_names.back() += chunk.tool_call_names[i];
    answer.tool_call_arguments.back() += chunk.tool_call_arguments[i];
  }
  if (chunk.prompt_logprobs.empty()) return;  // only the first chunk has the prompt's
  answer.prompt_logprobs = chunk.prompt_logprobs;
  answer.prompt_logprob_bytes = chunk.prompt_logprob_bytes;
  answer.prompt_ranks = chunk.prompt_ranks;
}

json::Value usage_of(const AnswerPlan& plan, const std::vector<Choice>& choices) {
  std::uint64_t prompt = 0, completion = 0, cached = 0;
  const auto n = static_cast<std::size_t>(plan.choices_per_prompt);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i % n == 0) {
      prompt += choices[i].finished.prompt_tokens;
      cached += choices[i].finished.cached_tokens;
    }
    completion += choices[i].finished.completion_tokens;
  }
  return json::Object{{"prompt_tokens", prompt},
                      {"total_tokens", prompt + completion},
                      {"completion_tokens", completion},
                      {"prompt_tokens_details", json::Object{{"cached_tokens", cached}}}};
}

json::Value whole_answer(const AnswerPlan& plan, const AnswerHead& head,
                         const std::vector<PromptFacts>& prompts, std::vector<Choice>& choices) {
  json::Array parts;
  const auto n = static_cast<std::size_t>(plan.choices_per_prompt);
  for (std::size_t i = 0; i < choices.size(); ++i)
    parts.push_back(whole_choice(plan, i, prompts[i / n], choices[i]));
  json::Value out = envelope(plan, head, std::move(parts));
  out.set("usage", usage_of(plan, choices));
  if (plan.is_chat && plan.wants_prompt_logprobs)
    out.set("prompt_logprobs", prompt_logprobs(choices.front().answer));
  if (plan.is_chat && plan.wants_token_ids)
    out.set("prompt_token_ids", ids(prompts.front().token_ids));
  return out;
}

json::Value first_event(const AnswerPlan& plan, const AnswerHead& head, std::size_t index,
                        const PromptFacts& prompt) {
  json::Value choice =
      event_choice(plan, index, json::Object{{"role", "assistant"}, {"content", ""}},
                   plan.wants_echo ? prompt.text : "");
  if (plan.wants_token_ids && !plan.is_chat) choice.set("prompt_token_ids", ids(prompt.token_ids));
  json::Value event = envelope(plan, head, {std::move(choice)});
  if (plan.wants_token_ids && plan.is_chat) event.set("prompt_token_ids", ids(prompt.token_ids));
  return event;
}

json::Value chunk_event(const AnswerPlan& plan, const AnswerHead& head, std::size_t index,
                        const actors::TokenChunk& chunk, std::size_t& logprob_offset) {
  json::Value choice = event_choice(plan, index, delta_of(plan, chunk), chunk.text);
  choice.set("logprobs", logprobs_of(plan, index, chunk, logprob_offset));
  if (plan.wants_token_ids) choice.set("token_ids", ids(chunk.tokens));
  return envelope(plan, head, {std::move(choice)});
}

json::Value last_event(const AnswerPlan& plan, const AnswerHead& head, std::size_t index,
                       const Choice& choice) {
  json::Value last = event_choice(plan, index, json::Object{}, "");
  last.set("finish_reason", finish_reason(choice.finished, choice.has_tool_calls));
  last.set("stop_reason", stop_reason(plan.requests[index], choice.finished));
  return envelope(plan, head, {std::move(last)});
}

json::Value usage_event(const AnswerPlan& plan, const AnswerHead& head,
                        const std::vector<Choice>& choices) {
  json::Value event = envelope(plan, head, {});
  event.set("usage", usage_of(plan, choices));
  return event;
}

bool is_visible(const AnswerPlan& plan, const actors::TokenChunk& chunk) {
  const bool has_thoughts = plan.wants_reasoning && !chunk.reasoning.empty();
  return !chunk.text.empty() || has_thoughts || !chunk.tool_call_indexes.empty() ||
         plan.wants_token_ids || !chunk.logprobs.empty();
}

}  // namespace conduit::cluster
