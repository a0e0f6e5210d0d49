// How large an engine is: options × model × device → every default filled in, every size known and
// within the device, before a byte is allocated.
// The idea: a machine that is too small says so in one sentence that names each part's bytes,
// instead of swapping or failing half-way. Not here: allocation (engine.cc).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device.h"
#include "kernels/engine/engine.h"
#include "kernels/engine/transformer.h"
#include "kernels/model/model.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct MemoryPlan {
  EngineOptions options;  // no zero left that stands for a default
  TransformerLimits largest_batch;
  DType kv_dtype = DType::f32;
  std::int64_t pages = 0;         // of the cache; options.kv_bytes in all
  std::int64_t weight_bytes = 0;  // on the device
};

// In which the model's keys and values are kept: as the device says for most of its weights.
DType kv_dtype(Precision precision, const Model& model, const Device& device);

// Errors: invalid_argument for an option out of range; exhausted, itemised, when memory does not
// suffice.
Result<MemoryPlan> plan_memory(const EngineOptions& options, const Model& model,
                               const Device& device);

}  // namespace conduit::kernels
