// What OpenAI's clients read: tokens → the JSON of a whole answer or of its events.
// The idea: one choice's answer so far is one TokenChunk, so a whole answer and a piece of a stream
// are written by the same functions. Plain data, no state but what the caller holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "cluster/gateway/openai_request.h"
#include "mdl/base/json.h"

namespace conduit::cluster {

// What is the same in all events of an answer.
struct AnswerHead {
  std::string id;  // chatcmpl-… or cmpl-…
  std::int64_t created = 0;
};

// A prompt as the answer may tell it: its text with echo, its ids with return_token_ids.
struct PromptFacts {
  std::string text;
  std::vector<std::int32_t> token_ids;
};

struct Choice {
  actors::TokenChunk answer;  // whole answers: everything so far; streams: unused
  actors::Finished finished;
  bool has_begun = false;          // streams: its first event was sent
  bool has_tool_calls = false;     // so far
  std::size_t logprob_offset = 0;  // completions: characters before the next token
};

void append(actors::TokenChunk& answer, const actors::TokenChunk& chunk);

// Prompts count once, however many choices each has.
json::Value usage_of(const AnswerPlan& plan, const std::vector<Choice>& choices);

json::Value whole_answer(const AnswerPlan& plan, const AnswerHead& head,
                         const std::vector<PromptFacts>& prompts, std::vector<Choice>& choices);

// The events of one choice: the first (role or echo, prompt ids), one per chunk, the last.
json::Value first_event(const AnswerPlan& plan, const AnswerHead& head, std::size_t index,
                        const PromptFacts& prompt);
json::Value chunk_event(const AnswerPlan& plan, const AnswerHead& head, std::size_t index,
                        const actors::TokenChunk& chunk, std::size_t& logprob_offset);
json::Value last_event(const AnswerPlan& plan, const AnswerHead& head, std::size_t index,
                       const Choice& choice);
json::Value usage_event(const AnswerPlan& plan, const AnswerHead& head,
                        const std::vector<Choice>& choices);

// OpenAI's word for how it ended; null while it has not. Only an answer whose calls are whole ended
// in them.
json::Value finish_reason(const actors::Finished& finished, bool has_tool_calls);

// Whether the client would see anything of it: not so where a character is still incomplete.
bool is_visible(const AnswerPlan& plan, const actors::TokenChunk& chunk);

}  // namespace conduit::cluster
