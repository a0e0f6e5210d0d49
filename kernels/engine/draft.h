// A draft model: a smaller one of the same vocabulary that guesses how answers go on.
// The idea: it is an engine of its own, asked each time to continue the texts greedily by a few
// tokens; its prefix cache is what makes that cheap, as only the end of a text is new. A wrong
// guess costs time and nothing else (speculation.h).
#pragma once

#include <memory>
#include <span>

#include "kernels/engine/engine.h"
#include "kernels/engine/sequence.h"

namespace conduit::kernels {

class Draft {
 public:
  // `options` are the large model's, with every default filled in. Error: invalid_argument when
  // the vocabularies differ; exhausted when there is no memory for it.
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
  explicit Draft(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}

  std::unique_ptr<Engine> engine_;
};

}  // namespace conduit::kernels
