// The answer to one request as its reader gets it: tokens become text, text becomes chunks.
// The idea: everything waits in one pending chunk. Each chunk that leaves costs one credit, so a
// slow reader gets fewer and larger chunks, and what waits for it stays bounded as soon as the
// sequence is paused. Text that may be the beginning of a stop string, or of a character, waits
// longer than its token id. Plain: no actor, no clock. Not here: when to pause, and patience with
// the reader (replica.cc).
#pragma once

#include <cstdint>
#include <optional>

#include "actors/messages.h"
#include "actors/reasoning.h"
#include "actors/stop_strings.h"
#include "kernels/model/tokenizer.h"
#include "mdl/tool_calls.h"

namespace conduit::actors {

class Answer {
 public:
  // `tokenizer` may be null: chunks carry ids only then. Borrowed, as the model outlives its
  // answers. `reasoning`: where its thoughts are told apart. `tools`: how its calls are read.
  Answer(GenerateRequest request, const kernels::Tokenizer* tokenizer, std::size_t prompt_tokens,
         std::optional<Reasoning> reasoning = std::nullopt,
         std::optional<mdl::ToolFormat> tools = std::nullopt);

  // The next token. Nothing after the answer is complete.
  void push(const kernels::SequenceOutput& output);
  // What is pending, if there is anything and credit for it.
  std::optional<TokenChunk> take_chunk();
  void grant(std::uint32_t chunks);

  bool is_complete() const { return finished_.reason != wire::FinishReason::none; }
  bool has_pending() const {
    return !pending_.tokens.empty() || !pending_.text.empty() || !pending_.reasoning.empty() ||
           !pending_.tool_call_indexes.empty();
  }
  bool has_credit() const { return credit_ > 0; }
  std::uint64_t granted() const { return granted_; }

  // How it ended, with the counts so far. The second and third: an end that no token brought.
  Finished finished() const { return finished_; }
  Finished cancelled() const;
  Finished failed(const Error& error) const;

 private:
  void add_logprobs(const std::vector<kernels::TokenLogprob>& logprobs);
  void add_prompt_logprobs(const kernels::PromptLogprobs& logprobs);
  std::string_view bytes_of(kernels::TokenId token) const;
  void add_text(const kernels::SequenceOutput& output);
  void show(const std::string& text);
  void add_parts(const Reasoning::Parts& parts);
  void add_content(const std::string& text);
  void add_calls(const mdl::ToolDelta& delta);
  void complete(const kernels::SequenceOutput& output);

  const kernels::Tokenizer* tokenizer_;
  std::optional<kernels::Detokenizer> detokenizer_;
  StopStrings stop_strings_;
  std::optional<Reasoning> reasoning_;
  std::optional<mdl::ToolCallParser> tool_calls_;
  std::uint32_t min_tokens_;
  bool include_stop_;
  std::uint64_t credit_;
  std::uint64_t granted_ = 0;  // by the reader since the answer began
  TokenChunk pending_;
  Finished finished_;  // its counts grow as tokens come
};

}  // namespace conduit::actors
