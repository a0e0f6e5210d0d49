// The draft's engine: its options, and its turns.
#include "kernels/engine/draft.h"

#include <algorithm>
#include <string>
#include <utility>

namespace conduit::kernels {
namespace {

// Small, as what is computed anew each time is the last page's part of a text.
constexpr int kPageSize = 16;

}  // namespace

Result<std::unique_ptr<Draft>> Draft::create(Device& device, std::shared_ptr<const Model> draft,
                                             const Model& large, const EngineOptions& options) {
  if (draft->config.vocab != large.config.vocab)
    return Error{Code::invalid_argument, draft->path.string() + " has a vocabulary of " +
                                             std::to_string(draft->config.vocab) + " tokens, " +
                                             large.path.string() + " of " +
                                             std::to_string(large.config.vocab) +
                                             ": a draft model has that of the model it drafts for"};
  EngineOptions own = options;
  own.page_size = kPageSize;
  own.prefix_cache = true;
  own.speculative_tokens = 0;
  own.batch_execute_timeout_ms = 0;
  own.max_model_len =
      static_cast<int>(std::min<std::int64_t>(options.max_model_len, draft->config.max_position));
  own.kv_bytes = 0;
  CONDUIT_TRY(auto engine, Engine::create(device, std::move(draft), own));
  return std::unique_ptr<Draft>(new Draft(std::move(engine)));
}

void Draft::propose(std::span<const Text> texts) {
  for (const auto& [sequence, proposals] : texts) {
    SequenceSpec spec;
    spec.id = sequence->spec.id;
    spec.prompt = sequence->spec.prompt;
    spec.prompt.insert(spec.prompt.end(), sequence->generated.begin(), sequence->generated.end());
    spec.max_tokens = proposals;
    spec.sampling.temperature = 0;
    // Refused where the text is too long for the draft: then nothing is proposed.
    if (!engine_->add(std::move(spec))) continue;
  }
  const auto now = Engine::Clock::now();
  while (engine_->next_step(now) <= now) {
    for (const SequenceOutput& output : engine_->step(now)) {
      if (output.reason == FinishReason::error) continue;
      const auto text = std::find_if(texts.begin(), texts.end(), [&](const Text& candidate) {
        return candidate.sequence->spec.id == output.id;
      });
      text->sequence->proposed.push_back(output.token);
    }
  }
}

}  // namespace conduit::kernels
