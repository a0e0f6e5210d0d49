// The draft's engine: its options, and its turns.
#include "kernels/engine/draft.h"

#include <algorithm>
#include <string>
#include <utility>

namespace conduit::kernels {
namespace {

// Tokens of texts that are read between two tokens of an answer; more than a few answers' new ones.
constexpr std::int64_t kTokensAtOnce = 128;

Error unlike(const Model& draft, const Model& large, const std::string& difference) {
  return {Code::invalid_argument, draft.path.string() + " cannot draft for " + large.path.string() +
                                      ": " + difference +
                                      "; a draft model has the vocabulary of the other"};
}

}  // namespace

Status check_draft(const Model& draft, const Model& large) {
  for (const Model* model : {&draft, &large})
    if (!model->config.is_causal || !model->config.has_head)
      return unlike(draft, large, model->path.string() + " generates no text");
  if (!draft.tokenizer || !large.tokenizer) {
    if (draft.config.vocab == large.config.vocab) return ok();
    return unlike(draft, large,
                  "they have " + std::to_string(draft.config.vocab) + " and " +
                      std::to_string(large.config.vocab) + " tokens");
  }
  const int common = std::min(draft.tokenizer->vocab_size(), large.tokenizer->vocab_size());
  for (TokenId id = 0; id < common; ++id) {
    const std::string_view a = draft.tokenizer->token(id), b = large.tokenizer->token(id);
    if (a != b)
      return unlike(draft, large,
                    "token " + std::to_string(id) + " is \"" + std::string(a) + "\" and \"" +
                        std::string(b) + "\"");
  }
  return ok();
}

EngineOptions draft_options(const EngineOptions& large, const ModelConfig& draft) {
  EngineOptions own = large;
  own.prefix_cache = true;
  own.speculative_tokens = 0;
  own.batch_execute_timeout_ms = 0;
  own.gap_stretch = 0;  // every step is for running answers
  own.max_model_len = std::min(large.max_model_len, draft.max_position);
  own.kv_bytes = 0;
  own.adapters.clear();
  return own;
}

Result<std::unique_ptr<Draft>> Draft::create(Device& device, std::shared_ptr<const Model> draft,
                                             const Model& large, const EngineOptions& options) {
  CONDUIT_TRY(auto engine, Engine::create(device, std::move(draft), options));
  return std::unique_ptr<Draft>(new Draft(std::move(engine), large.config.vocab));
}

void Draft::propose(std::span<const Text> texts) {
  std::int64_t left = kTokensAtOnce;
  std::vector<Text> read;
  for (const auto& [sequence, proposals] : texts) {
    const std::int64_t known = std::min(sequence->drafted, sequence->length());
    const std::int64_t end = std::min(sequence->length(), known + left);
    const bool is_whole = end == sequence->length();
    SequenceSpec spec;
    spec.id = sequence->spec.id;
    for (std::int64_t i = 0; i < end; ++i) spec.prompt.push_back(sequence->token(i));
    spec.max_tokens = is_whole ? proposals : 1;
    spec.sampling.temperature = 0;
    // Refused where the text is too long for the draft, or has tokens that it lacks: then nothing
    // is proposed.
    if (end == known || !engine_->add(std::move(spec))) continue;
    left -= end - known;
    sequence->drafted = end;
    if (is_whole) read.push_back({sequence, proposals});
  }
  run(read);
}

// Until the engine has nothing to do; `texts` are those whose answers are proposals.
void Draft::run(std::span<const Text> texts) {
  const auto now = Engine::Clock::now();
  while (engine_->next_step(now) <= now) {
    for (const SequenceOutput& output : engine_->step(now)) {
      if (output.reason == FinishReason::error) continue;
      const auto text = std::find_if(texts.begin(), texts.end(), [&](const Text& candidate) {
        return candidate.sequence->spec.id == output.id;
      });
      if (text != texts.end()) text->sequence->proposed.push_back(output.token);
    }
  }
  for (const Text& text : texts) {  // what the large model lacks ends a proposal
    std::vector<TokenId>& proposed = text.sequence->proposed;
    proposed.erase(std::find_if(proposed.begin(), proposed.end(),
                                [&](TokenId token) { return token >= vocab_; }),
                   proposed.end());
  }
}

}  // namespace conduit::kernels
