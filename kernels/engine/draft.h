// A draft model: a smaller one of the same vocabulary that guesses how answers go on.
// The idea: it is an engine of its own, asked each time to continue the texts greedily by a few
// tokens; its prefix cache is what makes that cheap, as only the end of a text is new. A text that
// it does not know yet it reads bit by bit, so that nobody's next token waits for that. A wrong
// guess costs time and nothing else (speculation.h).
#pragma once

#include <memory>
#include <span>

#include "kernels/engine/engine.h"
#include "kernels/engine/sequence.h"

namespace conduit::kernels {

// Whether the two can work together: decoders, whose tokens are spelled alike, id by id. Either may
// have more of them, as padding or for purposes of its own. Error: invalid_argument.
Status check_draft(const Model& draft, const Model& large);
// Those of the draft's engine; `large`: with every default filled in. kv_bytes is 0.
EngineOptions draft_options(const EngineOptions& large, const ModelConfig& draft);

class Draft {
 public:
  // `options`: draft_options(), with a size for the cache. Error: exhausted when there is no memory
  // for it.
  static Result<std::unique_ptr<Draft>> create(Device& device, std::shared_ptr<const Model> draft,
                                               const Model& large, const EngineOptions& options);

  struct Text {
    Sequence* sequence = nullptr;
    int proposals = 0;  // wanted
  };
  // Fills `proposed` of each: as many as are wanted, or fewer where the draft's limits are met.
  void propose(std::span<const Text> texts);

  std::size_t device_bytes() const { return engine_->device_bytes(); }

 private:
  Draft(std::unique_ptr<Engine> engine, int vocab) : engine_(std::move(engine)), vocab_(vocab) {}

  void run(std::span<const Text> texts);

  std::unique_ptr<Engine> engine_;
  int vocab_;  // of the large model
};

}  // namespace conduit::kernels
