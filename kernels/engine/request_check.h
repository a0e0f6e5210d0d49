// What a request may ask of a model, whatever the engine's sizes: ids, task, sampling.
// Not here: whether there is room for it (engine.cc).
#pragma once

#include "kernels/engine/sequence.h"
#include "kernels/model/config.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// Errors: invalid_argument; they name the field, its value and what would be right.
Status check_request(const SequenceSpec& spec, const ModelConfig& config);

}  // namespace conduit::kernels
