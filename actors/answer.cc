// Token → text → held back or pending → chunk.
#include "actors/answer.h"

#include <utility>

namespace conduit::actors {

namespace {

wire::FinishReason to_wire(kernels::FinishReason reason) {
  switch (reason) {
    case kernels::FinishReason::none: return wire::FinishReason::none;
    case kernels::FinishReason::stop: return wire::FinishReason::stop;
    case kernels::FinishReason::length: return wire::FinishReason::length;
    case kernels::FinishReason::cancelled: return wire::FinishReason::cancelled;
    case kernels::FinishReason::error: return wire::FinishReason::error;
  }
  return wire::FinishReason::error;
}

}  // namespace

Answer::Answer(GenerateRequest request, const kernels::Tokenizer* tokenizer,
               std::size_t prompt_tokens, std::optional<Reasoning> reasoning,
               std::optional<mdl::ToolFormat> tools)
    : tokenizer_(tokenizer),
      stop_strings_(std::move(request.stop), request.include_stop),
      reasoning_(std::move(reasoning)),
      min_tokens_(static_cast<std::uint32_t>(request.min_tokens)),
      include_stop_(request.include_stop),
      credit_(request.credit) {
  // Marks of calls may be special tokens; others are not drawn beside them.
  if (tokenizer != nullptr) detokenizer_.emplace(*tokenizer, request.skip_special && !tools);
  if (tools) tool_calls_.emplace(*tools);
  pending_.id = request.id;
  finished_.id = request.id;
  finished_.prompt_tokens = static_cast<std::uint32_t>(prompt_tokens);
}

void Answer::push(const kernels::SequenceOutput& output) {
  if (is_complete()) return;
  const bool has_token = output.reason != kernels::FinishReason::cancelled &&
                         output.reason != kernels::FinishReason::error;
  if (has_token) {
    if (pending_.tokens.empty()) pending_.first_index = finished_.completion_tokens;
    pending_.tokens.push_back(output.token);
    ++finished_.completion_tokens;
    if (output.index == 0)
      finished_.cached_tokens = static_cast<std::uint32_t>(output.cached_tokens);
    add_logprobs(output.logprobs);
    add_prompt_logprobs(output.prompt_logprobs);
    add_text(output);
  }
  complete(output);
}

void Answer::add_logprobs(const std::vector<kernels::TokenLogprob>& logprobs) {
  for (const kernels::TokenLogprob& entry : logprobs) {
    pending_.logprobs.emplace_back(entry.id, entry.logprob);
    pending_.logprob_bytes.emplace_back(bytes_of(entry.id));
  }
}

void Answer::add_prompt_logprobs(const kernels::PromptLogprobs& logprobs) {
  for (const kernels::TokenLogprob& entry : logprobs.entries) {
    pending_.prompt_logprobs.emplace_back(entry.id, entry.logprob);
    pending_.prompt_logprob_bytes.emplace_back(bytes_of(entry.id));
  }
  pending_.prompt_ranks.insert(pending_.prompt_ranks.end(), logprobs.ranks.begin(),
                               logprobs.ranks.end());
}

std::string_view Answer::bytes_of(kernels::TokenId token) const {
  return tokenizer_ == nullptr ? std::string_view{} : tokenizer_->bytes(token);
}

void Answer::add_text(const kernels::SequenceOutput& output) {
  // A stop token is told by its id; its text is no part of the answer unless asked for.
  const bool is_stop = output.reason == kernels::FinishReason::stop && !output.ends_in_text;
  if (!detokenizer_ || (is_stop && !include_stop_)) return;
  const std::string text = detokenizer_->push(output.token);
  // Until the least length is reached a stop string is text like any other.
  show(finished_.completion_tokens <= min_tokens_ ? text : stop_strings_.push(text));
}

// What is certain to be part of the answer, or of the thoughts before it.
void Answer::show(const std::string& text) {
  if (reasoning_)
    add_parts(reasoning_->push(text));
  else
    add_content(text);
}

void Answer::add_parts(const Reasoning::Parts& parts) {
  pending_.reasoning += parts.reasoning;
  add_content(parts.text);
}

void Answer::add_content(const std::string& text) {
  if (tool_calls_)
    add_calls(tool_calls_->feed(text));
  else
    pending_.text += text;
}

// Pieces of one call are one piece until they leave.
void Answer::add_calls(const mdl::ToolDelta& delta) {
  pending_.text += delta.content;
  for (const mdl::ToolDelta::Call& call : delta.calls) {
    const auto index = static_cast<std::uint32_t>(call.index);
    if (pending_.tool_call_indexes.empty() || pending_.tool_call_indexes.back() != index) {
      pending_.tool_call_indexes.push_back(index);
      pending_.tool_call_names.emplace_back();
      pending_.tool_call_arguments.emplace_back();
    }
    pending_.tool_call_names.back() += call.name;
    pending_.tool_call_arguments.back() += call.arguments;
  }
}

void Answer::complete(const kernels::SequenceOutput& output) {
  const bool is_last = output.reason != kernels::FinishReason::none;
  if (is_last && detokenizer_) show(stop_strings_.push(detokenizer_->flush()));
  if (is_last && !stop_strings_.found()) show(stop_strings_.flush());
  const bool is_over = is_last || stop_strings_.found();
  if (reasoning_ && is_over) add_parts(reasoning_->flush());
  if (tool_calls_ && is_over) add_calls(tool_calls_->finish());
  if (stop_strings_.found()) {
    finished_.reason = wire::FinishReason::stop;
    finished_.stop_text = *stop_strings_.found();
    return;
  }
  if (!is_last) return;
  finished_.reason = to_wire(output.reason);
  if (output.reason == kernels::FinishReason::stop && !output.ends_in_text)
    finished_.stop_token = output.token;
  if (output.reason == kernels::FinishReason::error) finished_ = failed(output.error);
}

std::optional<TokenChunk> Answer::take_chunk() {
  if (!has_pending() || !has_credit()) return std::nullopt;
  --credit_;
  TokenChunk next;
  next.id = pending_.id;
  next.first_index = finished_.completion_tokens;
  return std::exchange(pending_, std::move(next));
}

void Answer::grant(std::uint32_t chunks) {
  credit_ += chunks;
  granted_ += chunks;
}

Finished Answer::cancelled() const {
  Finished finished = finished_;
  finished.reason = wire::FinishReason::cancelled;
  return finished;
}

Finished Answer::failed(const Error& error) const {
  Finished finished = finished_;
  finished.reason = wire::FinishReason::error;
  finished.error_code = static_cast<std::uint8_t>(error.code);
  finished.error_message = error.message;
  return finished;
}

}  // namespace conduit::actors
