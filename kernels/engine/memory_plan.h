// How large an engine is: options × model × device → every default filled in, every size known and
// within the device, before a byte is allocated.
// The idea: a machine that is too small says so in one sentence that names each part's bytes,
// instead of swapping or failing half-way. Not here: allocation (engine.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/device.h"
#include "kernels/engine/engine.h"
#include "kernels/engine/transformer.h"
#include "kernels/model/adapter.h"
#include "kernels/model/model.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct MemoryPlan {
  EngineOptions options;  // no zero left that stands for a default
  TransformerLimits largest_batch;
  DType kv_dtype = DType::f32;
  std::int64_t pages = 0;         // of the cache; options.kv_bytes in all
  std::int64_t weight_bytes = 0;  // on the device
  std::int64_t activation_bytes = 0;
  std::vector<Adapter> adapters{};  // of options.adapters, opened
  std::int64_t adapter_bytes = 0;
  EngineOptions draft{};  // the draft model's, where there is one
  std::int64_t draft_bytes = 0;

  std::int64_t bytes() const {
    return weight_bytes + options.kv_bytes + activation_bytes + adapter_bytes + draft_bytes;
  }
};

// In which the model's keys and values are kept: as the device says for most of its weights.
DType kv_dtype(Precision precision, const Model& model, const Device& device);

// `draft`: of Engine::create. Errors: invalid_argument for an option out of range, or a draft that
// does not fit the model; open_adapter's; exhausted, itemised, when memory does not suffice.
Result<MemoryPlan> plan_memory(const EngineOptions& options, const Model& model,
                               const Device& device, const Model* draft = nullptr);

}  // namespace conduit::kernels
